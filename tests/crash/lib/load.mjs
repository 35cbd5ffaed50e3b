// The load on one life of hubd: clients that post, upload, cancel, delete, retry by hand, change
// queues and read, until the connection breaks or they are told to stop. What they are told goes
// into the ledger.
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

import { Client, Lost } from './client.mjs';
import { keeper, watch } from './kept.mjs';
import { makePlan, sha256 } from './plans.mjs';

const CLIENTS = 12;
const REFUSED_FOR_NOW = new Set([409, 429, 503, 507]);

export class Load {
  #stopped = false;
  #excused = false;
  #toPostAgain;
  #budget;

  constructor(hub, ledger, random, { budget = 200, hooks } = {}) {
    this.client = new Client(hub, hooks);
    this.ledger = ledger;
    this.random = random;
    this.#budget = budget;
    this.#toPostAgain = [...ledger.open];
    this.done = Promise.all(Array.from({ length: CLIENTS }, (_, index) => this.#run(index)))
      .finally(() => this.client.close());
  }

  /** From now on requests may be refused for any reason; they are posted again in another life. */
  excuse() {
    this.#excused = true;
  }

  /** Requests under way are finished, no new ones begun. */
  stop() {
    this.#stopped = true;
    return this.done;
  }

  async #run(index) {
    try {
      while (!this.#stopped) {
        await (index === 0 ? this.#operate() : this.#act());
        if (this.random.chance(0.5)) await delay(this.random.int(0, 8));
      }
    } catch (error) {
      if (!(error instanceof Lost)) throw error;
      this.ledger.counts.lost++;
    }
  }

  #request(...args) {
    this.ledger.counts.requests++;
    return this.client.request(...args);
  }

  async #act() {
    const again = this.#toPostAgain.pop();
    if (again) {
      this.ledger.counts.reposts++;
      await this.post(again);
      return;
    }
    const act = this.random.weighted([
      [this.#budget > 0 ? 60 : 0, () => this.#postNew()],
      [this.#budget > 0 ? 9 : 0, () => this.#keep()], [8, () => this.#upload()], [7, () => this.#cancel()], [3, () => this.#remove()],
      [3, () => this.#retry()], [4, () => this.#postTwice()], [2, () => this.#removeArtifact()],
      [6, () => this.#read()], [4, () => delay(5)],
    ]);
    await act();
  }

  #forNow({ status }) {
    return REFUSED_FOR_NOW.has(status) || (this.#excused && status >= 400);
  }

  // --- Jobs --------------------------------------------------------------------------------------

  async post(entry, more = {}) {
    const { ledger } = this;
    ledger.posted(entry);
    const answer = await this.#request('POST', '/v1/jobs', {
      json: entry.plan.body,
      headers: { 'idempotency-key': entry.key, ...more },
      onHead: (status, headers) => {
        if (status === 200 || status === 202) {
          const id = headers.location.slice('/v1/jobs/'.length);
          ledger.acknowledged(entry, id, headers['idempotency-replayed'] === 'true');
        }
      },
    });
    if (this.#forNow(answer)) {
      await delay(10);
    } else if (answer.status >= 300 && entry.id === null) {
      this.#refused(entry, answer);
    }
    return answer;
  }

  /** A job may be refused because what it names was deleted meanwhile; for no other reason. */
  #refused(entry, answer) {
    const { code } = answer.json();
    entry.refused = code;
    const why = { unknown_artifact: entry.plan.needs, invalid_input: entry.plan.body.after };
    if (!why[code]) {
      this.ledger.wrong('refused', entry.key, `${answer.status} ${answer.body}`);
    }
  }

  async #postNew() {
    this.#budget--;
    const { ledger, random } = this;
    const key = `k-${ledger.jobs.size}-${random.int(0, 0xffffff).toString(16)}`;
    const entry = ledger.planned(key, makePlan(random, ledger, key));
    await this.post(entry, random.chance(0.05) ? { prefer: 'wait=1' } : {});
  }

  /** A job that keeps and books something, watched until it has. */
  async #keep() {
    this.#budget--;
    const { ledger, random } = this;
    const key = `kept-${ledger.jobs.size}-${random.int(0, 0xffffff).toString(16)}`;
    const entry = ledger.planned(key, keeper(random, key));
    await this.post(entry);
    if (entry.id === null) return;
    await watch(entry, ledger, async (id) => {
      const answer = await this.#request('GET', `/v1/jobs/${id}`);
      return answer.status === 200 ? answer.json() : null;
    }, () => this.#stopped || this.#excused);
  }

  /** The same key twice at a time: one job, whichever of them is answered first. */
  async #postTwice() {
    const { ledger, random } = this;
    const key = `t-${ledger.jobs.size}-${random.int(0, 0xffffff).toString(16)}`;
    const entry = ledger.planned(key, makePlan(random, ledger, key));
    await Promise.all([this.post(entry), this.post(entry)]);
  }

  #someJob() {
    const accepted = this.ledger.accepted.slice(-60).filter((entry) => entry.deleted === 'none');
    return accepted.length > 0 ? this.random.pick(accepted) : null;
  }

  async #cancel() {
    const entry = this.#someJob();
    if (!entry) return;
    entry.cancel = entry.cancel === 'none' ? 'asked' : entry.cancel;
    this.ledger.note('cancel', { job: entry.id });
    await this.#request('POST', `/v1/jobs/${entry.id}/cancel`, {
      onHead: (status) => {
        if (status === 200) entry.cancel = 'acknowledged';
      },
    });
  }

  async #retry() {
    const entry = this.#someJob();
    if (!entry) return;
    entry.retries.asked++;
    this.ledger.note('retry', { job: entry.id });
    await this.#request('POST', `/v1/jobs/${entry.id}/retry`, {
      onHead: (status) => { entry.retries.acknowledged += status === 200 ? 1 : 0; },
    });
  }

  async #remove() {
    const entry = this.#someJob();
    if (!entry || entry.hasChildren) return;
    const before = entry.deleted;
    entry.deleted = 'asked';
    const answer = await this.#request('DELETE', `/v1/jobs/${entry.id}`, {
      onHead: (status) => {
        if (status === 204) entry.deleted = 'acknowledged';
      },
    });
    this.ledger.note('delete', { job: entry.id, status: answer.status });
    if (answer.status === 409) entry.deleted = before;
  }

  // --- Artifacts ---------------------------------------------------------------------------------

  async #upload() {
    const { random, ledger } = this;
    // A few contents come again and again: they share a blob.
    const body = random.chance(0.3) ? Buffer.from(`shared ${random.int(0, 5)}`)
      : randomBytes(random.pick([0, 1, 1000, 70_000, random.int(0, 600_000)]));
    const answer = await this.#request('POST', '/v1/artifacts',
      { body, headers: { 'content-type': 'application/octet-stream' } });
    if (answer.status !== 201) {
      if (!this.#forNow(answer)) {
        ledger.wrong('refused', 'upload', `${answer.status} ${answer.body}`);
      }
      return;
    }
    const { id, sha256: told } = answer.json();
    const digest = sha256(body);
    ledger.uploaded(id, digest, body.length);
    if (told !== digest) ledger.wrong('artifact_content', id, `hubd says ${told}, it is ${digest}`);
  }

  async #removeArtifact() {
    const all = [...this.ledger.artifacts.values()].filter((one) => one.deleted === 'none');
    if (all.length === 0) return;
    const artifact = this.random.pick(all.slice(-50));
    artifact.deleted = 'asked';
    const answer = await this.#request('DELETE', `/v1/artifacts/${artifact.id}`, {
      onHead: (status) => { if (status === 204) artifact.deleted = 'acknowledged'; },
    });
    this.ledger.note('delete artifact', { artifact: artifact.id, status: answer.status });
    if (answer.status === 409) artifact.deleted = 'none';
  }

  // --- The operator's client, and readers --------------------------------------------------------

  async #operate() {
    const { random, ledger } = this;
    await delay(random.int(5, 60));
    const settings = random.chance(0.4) ? { paused: random.chance(0.4) }
      : { concurrency: random.int(1, 9) };
    const before = ledger.queues.get('toggled')?.settled ?? { paused: false, concurrency: null };
    const wanted = { ...before, ...settings };
    ledger.queueAsked('toggled', wanted);
    await this.#request('PATCH', '/v1/queues/toggled', {
      json: settings,
      onHead: (status) => { if (status === 200) ledger.queueAcknowledged('toggled', wanted); },
    });
  }

  async #read() {
    const entry = this.#someJob();
    await this.#request('GET', this.random.pick(
      ['/v1/jobs?limit=20', '/v1/jobs?state=failed,running&limit=50', '/v1/queues', '/metrics']));
    if (!entry) return;
    const answer = await this.#request('GET', `/v1/jobs/${entry.id}`);
    if (answer.status === 404 && entry.deleted === 'none' && !this.#excused) {
      this.ledger.wrong('job_lost', entry.id, 'not found while under load');
    }
  }
}
