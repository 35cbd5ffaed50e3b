// Accounts of the http connector, end to end: credentials by name, changed while jobs run, kept to
// their hosts, limited, and paused when the provider says so.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { after, before, beforeEach, test } from 'node:test';

import { SLOW, startHubd, until } from './lib/hubd.mjs';

let hub, server, base, seen, answer;

before(async () => {
  server = http.createServer((request, response) => {
    const one = { url: request.url, auth: request.headers.authorization, at: Date.now() };
    seen.push(one);
    answer(one, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  base = `http://127.0.0.1:${server.address().port}`;
  hub = await startHubd({ flags: { http_allow_private: ['127.0.0.1'], retry_base_ms: 1 } });
});
after(async () => {
  server.closeAllConnections();
  server.close();
  await hub.stop();
});
beforeEach(() => {
  seen = [];
  answer = (one, response) => response.end('{}');
});

const put = async (name, token, more = {}, hosts = ['127.0.0.1:*']) => {
  const response = await hub.send(`/v1/accounts/${name}`, { connector: 'http', ...more,
    settings: { auth: 'bearer', token, hosts, allow_http: true } }, { method: 'PUT' });
  assert.ok(response.ok, await response.text());
};
const request = (account, path = '/', more = {}) =>
  hub.post('http.request', { url: base + path }, { account, ...more });

test('a job under an account has its credentials, another has none', async () => {
  await put('bearer', 'token-1');
  await hub.finished((await request('bearer')).id);
  await hub.finished((await request()).id);
  assert.deepEqual(seen.map((one) => one.auth), ['Bearer token-1', undefined]);
});

test('a token that changes between two attempts', async () => {
  await put('turning', 'token-old');
  answer = async (one, response) => {
    if (seen.length === 1) await put('turning', 'token-new');
    response.writeHead(seen.length === 1 ? 503 : 200).end('{}');
  };
  const job = await hub.finished((await request('turning')).id);
  assert.equal(job.state, 'succeeded');
  assert.equal(job.attempts.length, 2);
  assert.deepEqual(seen.map((one) => one.auth), ['Bearer token-old', 'Bearer token-new']);
});

test('credentials go nowhere but to their hosts', async () => {
  await put('elsewhere', 'token-2', {}, ['api.example.com']);
  const job = await hub.finished((await request('elsewhere')).id);
  assert.equal(job.state, 'failed');
  assert.equal(job.error.code, 'blocked_address');
  assert.equal(seen.length, 0);
});

test('the default account', async () => {
  await put('usual', 'token-usual', { default: true });
  const job = await hub.finished((await request()).id);
  assert.equal(job.account, 'usual');
  assert.equal(seen[0].auth, 'Bearer token-usual');
  const response = await hub.fetch('/v1/accounts/usual', { method: 'DELETE' });
  assert.equal(response.status, 204);
});

test('a rate is kept whatever the queues', async () => {
  await put('slow', 'token', { limits: { rate: { limit: 5, period_ms: 500 } } });
  const jobs = await Promise.all(Array.from({ length: 12 }, (_, i) =>
    request('slow', '/', { queue: `q${i % 3}` })));
  for (const { id } of jobs) await hub.finished(id);
  const times = seen.map((one) => one.at).sort((a, b) => a - b);
  /* Five at once, then one every 100 ms. */
  assert.ok(times[11] - times[0] >= 600, JSON.stringify(times.map((t) => t - times[0])));
});

test('Retry-After holds its account and nobody else; then one goes first', async () => {
  await put('held', 'token-held');
  await put('free', 'token-free');
  let refusals = 1;
  answer = (one, response) => {
    if (one.auth === 'Bearer token-held' && refusals-- > 0) {
      response.writeHead(429, { 'retry-after': '2' }).end();
    } else if (one.url === '/first') {
      setTimeout(() => response.end('{}'), 300);
    } else {
      response.end('{}');
    }
  };
  const first = await request('held', '/first');
  await until(async () => (await hub.json('/v1/accounts/held')).held_until, 'the account to be held');
  const heldAt = seen[0].at;
  const others = await Promise.all([1, 2, 3].map((n) => request('held', `/n${n}`, { priority: -1 })));
  assert.equal((await hub.finished((await request('free')).id, 1000 * SLOW)).state, 'succeeded');
  assert.equal((await hub.finished((await request()).id, 1000 * SLOW)).state, 'succeeded');
  assert.equal(seen.filter((one) => one.auth === 'Bearer token-held').length, 1);
  const shown = await hub.json('/v1/accounts/held');
  assert.equal(shown.on_trial, true);
  assert.equal(shown.unfinished_jobs, 4);
  for (const { id } of [first, ...others]) {
    assert.equal((await hub.finished(id)).state, 'succeeded');
  }
  const held = seen.filter((one) => one.auth === 'Bearer token-held').slice(1);
  assert.ok(held[0].at - heldAt >= 2000, `${held[0].at - heldAt}`);
  /* Whoever went first was answered before the next was sent. */
  const gap = held[0].url === '/first' ? 300 : 0;
  assert.ok(held[1].at - held[0].at >= gap, JSON.stringify(held));
  const { held_until, on_trial } = await hub.json('/v1/accounts/held');
  assert.deepEqual([held_until, on_trial], [null, false]);
});

test('a delay that is no pause is its own job\'s only', async () => {
  await put('lagging', 'token-lagging');
  answer = (one, response) => (one.url === '/locked' && seen.length === 1
    ? response.writeHead(500, { 'retry-after': '2' }).end() : response.end('{}'));
  const locked = await hub.post('http.request', { url: `${base}/locked`, retry_status: [500] },
    { account: 'lagging' });
  await until(async () => (await hub.job(locked.id)).state === 'scheduled', 'the job to wait');
  assert.equal((await hub.json('/v1/accounts/lagging')).held_until, null);
  assert.equal((await hub.finished((await request('lagging')).id, 1000 * SLOW)).state, 'succeeded');
  assert.equal((await hub.finished(locked.id)).state, 'succeeded');
  assert.ok(seen.at(-1).at - seen[0].at >= 2000);
});

test('a use is on record before anything leaves, whatever becomes of hubd', async () => {
  await put('killed', 'token-killed');
  answer = () => hub.kill(); // at once: long before a start would be written by the way
  const { id } = await request('killed');
  await until(() => seen.length > 0 && !hub.running, 'hubd to be gone');
  answer = (one, response) => response.end('{}');
  const { stateDir } = hub;
  hub = await startHubd({ stateDir, flags: { http_allow_private: ['127.0.0.1'], retry_base_ms: 1 } });
  assert.equal((await hub.finished(id)).state, 'succeeded');
  const { uses } = await hub.json('/v1/accounts/killed/uses');
  assert.deepEqual(uses.map((use) => [use.job, use.attempt, use.outcome]),
    [[id, 2, 'succeeded'], [id, 1, 'released']]);
});
