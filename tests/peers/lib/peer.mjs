// What the simulated gateways share: idempotency keys, and being served over HTTP.
//
// A peer is called as a function, peer.handle({method, path, query, headers, body}), or over
// loopback, serve(peer). It keeps all that happened: `charges` by payment, each with the job that
// it is for, so that a test can count.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';

export class Peer {
  charges = new Map(); // payment id → {job, amount, …}
  requests = [];
  pageSize = 100; // of lists by time
  problems = []; // what did not fit the API's description
  #answers = new Map(); // idempotency key → {print, status, body, headers}
  #serial = 0;

  /** A new id, which looks random and is not. */
  id(prefix, length = 24) {
    const hash = createHash('sha256').update(`${prefix}${this.#serial++}`).digest('base64')
      .replace(/[^A-Za-z0-9]/g, '');
    return prefix + hash.slice(0, length);
  }

  /** {status, headers, body} for a request; the same for the same key. */
  handle(request) {
    const { pathname, searchParams } = new URL(request.path, 'http://peer');
    const call = { ...request, path: pathname, query: searchParams };
    this.requests.push(call);
    try {
      return this.#once(call);
    } catch (error) {
      this.problems.push(error.message);
      return this.refusal(500, error.message);
    }
  }

  #once(call) {
    const key = call.headers[this.keyHeader];
    const denied = this.authorize(call);
    if (denied) return denied;
    if (call.method === 'GET' || key === undefined) return this.serve(call);
    const print = `${call.method} ${call.path} ${call.body}`;
    const known = this.#answers.get(key);
    if (known && known.print !== print) return this.otherRequest(key);
    if (known) return { ...known.answer, replayed: true };
    const answer = this.serve(call);
    if (this.remembers(answer)) this.#answers.set(key, { print, answer });
    return answer;
  }

  /** Does a repeated key get this answer again? */
  remembers(answer) {
    return answer.status < 400 || answer.status === 402;
  }

  /** The gateway forgets every key: its horizon has passed. */
  forgetKeys() {
    this.#answers.clear();
  }

  otherRequest(key) {
    this.problems.push(`the key ${key} came with another request`);
    return this.refusal(400, 'the key was used for another request');
  }

  /** How often each job was charged. */
  chargesByJob() {
    const jobs = new Map();
    for (const charge of this.charges.values()) {
      jobs.set(charge.job, (jobs.get(charge.job) ?? 0) + 1);
    }
    return jobs;
  }
}

export const json = (status, body, headers = {}) => ({
  status,
  headers: { 'content-type': 'application/json', ...headers },
  body: body === null ? '' : JSON.stringify(body),
});

/**
 * The peer on a free port of 127.0.0.1. `fate(call)` decides what becomes of each request, and may
 * be async: undefined, or some of
 *     {before: ms}      wait, then do it
 *     {lost: 'request'} break the connection and do nothing
 *     {lost: 'answer'}  do it, then break the connection
 *     {after: ms}       do it, then wait
 *     {status: 503}     do nothing, answer so
 *     {twice: true}     do it, and once more as if the network had sent it twice
 */
export async function serve(peer, fate = () => undefined) {
  const wait = (ms) => (ms ? new Promise((resolve) => setTimeout(resolve, ms)) : undefined);
  const server = http.createServer(async (request, response) => {
    const parts = [];
    try {
      for await (const part of request) parts.push(part);
    } catch {
      return; // hubd's runner was killed meanwhile
    }
    const call = { method: request.method, path: request.url, headers: request.headers,
      body: Buffer.concat(parts).toString() };
    const lot = await fate(call) ?? {};
    await wait(lot.before);
    if (lot.lost === 'request') return request.socket.destroy();
    const answer = lot.status ? peer.refusal(lot.status, 'chaos') : peer.handle(call);
    if (lot.twice) peer.handle(call);
    if (lot.lost === 'answer') return request.socket.destroy();
    await wait(lot.after);
    if (!response.destroyed) response.writeHead(answer.status, answer.headers).end(answer.body);
  });
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1', 4096);
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
