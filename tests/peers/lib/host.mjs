// hubd as the payments connector sees it, in this process: storage, ledger, network and attempts.
// The connector itself runs in payments_tool, which decides nothing (tests/unit/payments/
// host_tool.c), so that a test can end it between any two of its steps.
//
//     const host = new Host({ peers: [new StripePeer()] });
//     const job = await host.run('purchase', input, { account: peer.account });
//     job.state                        // succeeded, failed, unknown
//     await host.stop();               // the connector must have given everything back
//
// `interrupt(point)` is called before and after each thing the connector asks for; true kills the
// process there, as kill -9 would. `fate(call)` is a request's, as in peer.mjs: {lost: 'answer'}.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';

import { BUILD } from '../../e2e/lib/hubd.mjs';

const OK = 0, EXISTS = -6;
const HTTP_CONNECT = 4, HTTP_BROKEN = 8;
const KEEP_NEW = 1, SCOPE_JOB = 0;

export const CONNECTOR = path.join(BUILD, 'connectors', 'payments.so');
export const MUTANT = path.join(BUILD, 'tests', 'mutants', 'payments.so');

export class Host {
  ledger = [];
  now = null; // wall clock in ms; null: the real one
  said = ''; // everything that came out of the connector, for a search of secrets
  #connector;
  #peers = new Map(); // base URL → peer
  #kept = new Map(); // job or account → Map
  #child = null;
  #running = new Map(); // number → job
  #number = 0;
  #hooked = null;

  constructor({ peers = [], connector = CONNECTOR, fate = () => undefined } = {}) {
    this.#connector = connector;
    this.fate = fate;
    peers.forEach((peer, i) => {
      const origin = peer.origin ?? `http://127.0.0.1:${i + 1}`;
      if (!peer.origin) peer.account.base_url = origin;
      this.#peers.set(origin, peer);
    });
  }

  // --- Jobs --------------------------------------------------------------------------------------

  /** A job to its end: as many attempts as it takes, and `settles` more to find out. */
  async run(operation, input,
    { account, maxAttempts = 5, interrupt, id = randomUUID(), settles = 0 } = {}) {
    const job = { id, operation, input, account, interrupt, maxAttempts, attempts: [], points: 0,
      settles };
    while (!job.state) {
      const end = await this.#attempt(job);
      job.attempts.push(end);
      this.#judge(job, end);
    }
    return job;
  }

  #judge(job, end) {
    const states = { succeed: 'succeeded', fail: 'failed', unknown: 'unknown' };
    const last = job.attempts.filter((one) => one.kind !== 'killed').length >= job.maxAttempts;
    Object.assign(job, { code: end.code, message: end.message, result: end.json });
    const used = job.attempts.length - job.maxAttempts;
    const settling = used > 0 || (used === 0 && end.kind === 'unknown');
    if (settling && used < job.settles && ['retry', 'unknown', 'killed'].includes(end.kind)) return;
    if (states[end.kind]) job.state = states[end.kind];
    else if (last) job.state = used > 0 ? 'unknown' : 'failed';
  }

  async #attempt(job) {
    this.#start();
    const number = ++this.#number;
    const ended = new Promise((resolve) => { job.end = resolve; });
    this.#running.set(number, job);
    if (this.now !== null) this.#say({ t: 'clock', wall_ms: this.now });
    this.#say({ t: 'start', id: number, job: {
      id: job.id, key: job.id, operation: job.operation, input: job.input,
      ...(job.account ? { account: job.account } : {}),
      attempt: job.attempts.length + 1, max_attempts: job.maxAttempts,
    } });
    return ended;
  }

  /** As users do who no longer want it, or hubd when it stops. */
  cancelAll() {
    for (const id of this.#running.keys()) this.#say({ t: 'cancel', id });
  }

  /** What the connector's verify() makes of a webhook: {error, fetch, events}. */
  hook(account, headers, body, { now = Date.now(), certificate } = {}) {
    this.#start();
    return new Promise((resolve) => {
      this.#hooked = resolve;
      this.#say({ t: 'hook', account, headers, body, now_ms: now,
        ...(certificate ? { certificate } : {}) });
    });
  }

  /** What is kept under an account. */
  accountValues(gateway) {
    return [...this.#kept.get(`account ${gateway}`)?.values() ?? []];
  }

  // --- The process -------------------------------------------------------------------------------

  #start() {
    if (this.#child) return;
    const child = spawn(path.join(BUILD, 'tests', 'payments_tool'), [this.#connector],
      { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child = child;
    child.errors = '';
    child.stderr.setEncoding('utf8').on('data', (text) => { child.errors += text; });
    child.stdin.on('error', () => {});
    child.exited = once(child, 'close');
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (child === this.#child) this.#take(JSON.parse(line), line);
    });
    child.on('close', (code, signal) => {
      if (child !== this.#child) return;
      this.#child = null;
      for (const job of this.#running.values()) {
        job.end({ kind: 'died', code: `${code ?? signal}`, message: child.errors });
      }
      this.#running.clear();
      if (signal !== 'SIGKILL') throw new Error(`the connector died: ${code} ${child.errors}`);
    });
  }

  #say(line) {
    this.#child.stdin.write(`${JSON.stringify(line)}\n`);
  }

  #kill() {
    const child = this.#child;
    this.#child = null;
    child.kill('SIGKILL');
    for (const job of this.#running.values()) job.end({ kind: 'killed' });
    this.#running.clear();
  }

  /** Ends the connector in peace; it must have no job, and leak nothing. */
  async stop() {
    if (!this.#child) return;
    const child = this.#child;
    this.#child = null;
    child.stdin.end();
    const [code] = await child.exited;
    assert.equal(code, 0, child.errors);
  }

  // --- What the connector asks for ---------------------------------------------------------------

  #interrupted(job, event, when) {
    if (!job?.interrupt) return false;
    const point = { number: job.points++, attempt: job.attempts.length + 1, what: event.t, when,
      event };
    if (!job.interrupt(point)) return false;
    this.#kill();
    return true;
  }

  #take(event, line) {
    this.said += line;
    if (event.t === 'hook') return this.#hooked(event);
    if (event.t === 'http_cancel') return;
    const job = event.id === undefined ? [...this.#running.values()][0] : this.#running.get(event.id);
    if (this.#interrupted(job, event, 'before')) return;
    if (event.t === 'done') {
      this.#running.delete(event.id);
      job.end(event);
    } else if (event.t === 'http') {
      this.#http(event, job);
    } else {
      const answer = this[`do_${event.t}`](event, job);
      if (this.#interrupted(job, event, 'after')) return;
      this.#say({ t: 'kept', call: event.call, ...answer });
    }
  }

  #values(event, job) {
    const owner = event.scope === SCOPE_JOB ? job.id : `account ${job.account?.gateway}`;
    if (!this.#kept.has(owner)) this.#kept.set(owner, new Map());
    return this.#kept.get(owner);
  }

  do_put(event, job) {
    const values = this.#values(event, job);
    if (event.flags === KEEP_NEW && values.has(event.key)) return { status: EXISTS };
    values.set(event.key, { key: event.key, value: event.value, kept_at: this.now ?? Date.now() });
    return { status: OK };
  }

  do_get(event, job) {
    const value = this.#values(event, job).get(event.key);
    return { status: OK, values: value ? [value] : [] };
  }

  do_list(event, job) {
    const values = [...this.#values(event, job).values()]
      .filter((one) => one.key.startsWith(event.prefix) && one.key > event.after)
      .sort((a, b) => (a.key < b.key ? -1 : 1));
    return { status: OK, values: values.slice(0, event.limit) };
  }

  do_append(event, job) {
    this.ledger.push({ kind: event.kind, job: job.id, ...event.body });
    return { status: OK };
  }

  async #http(event, job) {
    const url = new URL(event.url);
    const peer = this.#peers.get(url.origin);
    const headers = Object.fromEntries(Object.entries(event.headers)
      .map(([name, value]) => [name.toLowerCase(), value]));
    const call = { method: event.method, path: url.pathname + url.search, headers,
      body: event.body, attempt: job?.attempts.length + 1, job };
    const lot = this.fate(call) ?? {};
    const gone = (error, sent) => this.#child && this.#say({ t: 'http', call: event.call, error,
      sent, message: 'the connection broke' });
    if (lot.lost === 'connection') return gone(HTTP_CONNECT, 0);
    if (lot.lost === 'request') return gone(HTTP_BROKEN, 1);
    assert.ok(peer, `no peer at ${event.url}`);
    const answer = lot.status ? peer.refusal(lot.status, 'chaos') : peer.handle(call);
    if (this.#interrupted(job, event, 'after')) return;
    if (lot.lost === 'answer') return gone(HTTP_BROKEN, 1);
    if (lot.after) await new Promise((resolve) => setTimeout(resolve, lot.after));
    if (this.#child) {
      this.#say({ t: 'http', call: event.call, error: 0, sent: 1, status: answer.status,
        headers: { ...answer.headers, ...lot.headers }, body: answer.body });
    }
  }
}
