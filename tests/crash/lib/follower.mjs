// A client of /v1/events that lives longer than hubd: after each restart it goes on where it was.
import { EventStream } from '../../e2e/lib/sse.mjs';

export class Follower {
  /** Every event of a job, in the order in which it came. */
  events = [];
  resets = 0;
  #stream = null;
  #taken = 0;

  async follow(hub) {
    this.#stream = await EventStream.open(hub, '/v1/events?progress=false',
      { lastEventId: this.events.at(-1)?.seq ?? 0 });
    this.#taken = 0;
  }

  /** Takes over what has come; again when the life has ended. */
  take() {
    const all = this.#stream?.all ?? [];
    for (; this.#taken < all.length; this.#taken++) {
      const { event, id, data } = all[this.#taken];
      if (event === 'reset') this.resets++;
      if (event === 'job') this.events.push({ ...data, sse: Number(id) });
    }
  }

  leave() {
    this.take();
    this.#stream?.close();
    this.#stream = null;
  }
}
