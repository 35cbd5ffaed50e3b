// Reading Server-Sent Events (WHATWG HTML §9.2): as much of it as hubd sends.
import assert from 'node:assert/strict';

const NEXT_MS = 10_000;

export class EventStream {
  #abort = new AbortController();
  #waiters = [];
  #ended = false;
  /** Every event so far: {id, event, data (parsed)}. */
  all = [];
  comments = [];

  /** Opens the stream; when this returns hubd has subscribed us. */
  static async open(hub, target, { lastEventId, key } = {}) {
    const stream = new EventStream();
    const response = await hub.fetch(target, {
      ...(key === undefined ? {} : { key }),
      signal: stream.#abort.signal,
      headers: lastEventId === undefined ? {} : { 'last-event-id': String(lastEventId) },
    });
    assert.equal(response.status, 200, response.status === 200 ? '' : await response.text());
    assert.equal(response.headers.get('content-type'), 'text/event-stream');
    stream.response = response;
    stream.#read(response.body);
    return stream;
  }

  async #read(body) {
    let text = '';
    const decoder = new TextDecoder();
    try {
      for await (const chunk of body) {
        text += decoder.decode(chunk, { stream: true });
        const blocks = text.split('\n\n');
        text = blocks.pop();
        blocks.forEach((block) => this.#take(block));
        this.#wake();
      }
    } catch (error) {
      this.error = error; // closed by us, or cut off
    }
    this.#ended = true;
    this.#wake();
  }

  #take(block) {
    const event = { id: null, event: 'message', data: null };
    let known = false;
    for (const line of block.split('\n')) {
      const [, name, value] = /^([^:]*):? ?(.*)$/.exec(line);
      if (name === '') this.comments.push(value);
      if (name === 'retry') this.retry = Number(value);
      if (name === 'id' || name === 'event') event[name] = value;
      if (name === 'data') [event.data, known] = [JSON.parse(value), true];
    }
    if (known) this.all.push(event);
  }

  #wake() {
    this.#waiters.splice(0).forEach((waiter) => waiter());
  }

  get ended() {
    return this.#ended;
  }

  get jobs() {
    return this.all.filter((one) => one.event === 'job').map((one) => one.data);
  }

  /** Until `done(all)` holds; fails after `ms` or when the stream ends before. */
  async until(done, what, ms = NEXT_MS) {
    const end = Date.now() + ms;
    while (!done(this.all)) {
      const left = end - Date.now();
      assert.ok(left > 0, `no such events within ${ms} ms: ${what}\n${JSON.stringify(this.all)}`);
      assert.ok(!this.#ended, `the stream ended before: ${what}`);
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#waiters.push(() => { clearTimeout(timer); resolve(); });
      });
    }
  }

  /** Until the job's event with this state has come. */
  state(id, state, ms) {
    return this.until(() => this.jobs.some((one) => one.job === id && one.state === state),
      `${id} ${state}`, ms);
  }

  /** Until hubd ends the stream. */
  async untilEnd(ms = NEXT_MS) {
    const end = Date.now() + ms;
    while (!this.#ended) {
      const left = end - Date.now();
      assert.ok(left > 0, `the stream did not end within ${ms} ms`);
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#waiters.push(() => { clearTimeout(timer); resolve(); });
      });
    }
  }

  close() {
    this.#abort.abort();
  }
}
