// Files that an input names by URL with an account of the http connector: named when the job is
// posted, through the account's limits and pauses like any attempt, each use on record.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { after, before, beforeEach, test } from 'node:test';

import { SLOW, startHubd, until } from './lib/hubd.mjs';

let hub, server, base, seen, answer, open, most;

const flags = () => ({ http_allow_private: ['127.0.0.1'], retry_base_ms: 1 });

before(async () => {
  server = http.createServer((request, response) => {
    const one = { url: request.url, auth: request.headers.authorization, at: Date.now() };
    seen.push(one);
    most = Math.max(most, ++open);
    response.on('close', () => open--);
    request.resume().on('end', () => answer(one, response));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  base = `http://127.0.0.1:${server.address().port}`;
  hub = await startHubd({ flags: flags() });
});
after(async () => {
  server.closeAllConnections();
  server.close();
  await hub.stop();
});
beforeEach(() => {
  seen = [];
  open = most = 0;
  answer = (one, response) => response.end('hello');
});

const put = async (name, more = {}) => {
  const response = await hub.send(`/v1/accounts/${name}`, { connector: 'http', ...more, settings: {
    auth: 'bearer', token: `token-${name}`, hosts: ['127.0.0.1:*'], allow_http: true,
  } }, { method: 'PUT' });
  assert.ok(response.ok, await response.text());
};
const file = (account, path = '/file') => ({ url: base + path, account });
const echo = (account, more = {}) => hub.post('probe.run', { do: 'echo_file', file: file(account) }, more);
const send = (account, fileAccount, path = '/sent') => hub.post('http.request',
  { method: 'POST', url: base + path, body: { file: file(fileAccount) } }, { account });
const uses = async (name) => (await hub.json(`/v1/accounts/${name}/uses`)).uses;

test('an account that is not there, or another connector\'s, is told when the job is posted', async () => {
  const response = await hub.send('/v1/accounts/other', { connector: 'keyed', settings: { token: 'long-token' } },
    { method: 'PUT' });
  assert.ok(response.ok, await response.text());
  for (const account of ['nobody', 'other']) {
    const job = { type: 'probe.run', input: { do: 'echo_file', file: file(account) } };
    const problem = await hub.refused(422, 'unknown_account', '/v1/jobs', { method: 'POST', json: job });
    assert.equal(problem.errors[0].pointer, '/input/file/account');
    assert.match(problem.detail, new RegExp(`no account "${account}" for the connector http`));
    const flow = await hub.send('/v1/flows', { jobs: { one: job } });
    assert.equal(flow.status, 422);
    assert.match(await flow.text(), /file\/account/);
    const schedule = await hub.send('/v1/schedules/s', { cron: '0 0 * * *', template: job }, { method: 'PUT' });
    assert.equal(schedule.status, 422);
    assert.match(await schedule.text(), /\/template\/input\/file\/account/);
  }
});

test('each file is a use of its own', async () => {
  await put('files');
  await put('sender');
  const { id } = await send('sender', 'files');
  assert.equal((await hub.finished(id)).state, 'succeeded');
  assert.deepEqual(seen.map((one) => [one.url, one.auth]),
    [['/file', 'Bearer token-files'], ['/sent', 'Bearer token-sender']]);
  const facts = (list) => list.map((use) => [use.job, use.attempt, use.file, use.outcome]);
  await until(async () => (await uses('files'))[0]?.outcome, 'the end to be on record');
  assert.deepEqual(facts(await uses('files')), [[id, 1, '/body/file', 'succeeded']]);
  assert.deepEqual(facts(await uses('sender')), [[id, 1, null, 'succeeded']]);
});

test('one at a time is one at a time, and a rate counts', async () => {
  await put('narrow', { limits: { in_flight: 1 } });
  answer = (one, response) => setTimeout(() => response.end('hello'), 50);
  const jobs = await Promise.all(Array.from({ length: 6 }, () => echo('narrow')));
  for (const { id } of jobs) assert.equal((await hub.finished(id)).state, 'succeeded');
  assert.equal(most, 1);
  await put('slow', { limits: { rate: { limit: 2, period_ms: 400 } } });
  seen = [];
  const slow = await Promise.all(Array.from({ length: 5 }, () => echo('slow')));
  for (const { id } of slow) assert.equal((await hub.finished(id)).state, 'succeeded');
  const times = seen.map((one) => one.at).sort((a, b) => a - b);
  assert.ok(times[4] - times[0] >= 550, JSON.stringify(times.map((t) => t - times[0])));
});

test('a pause that the provider asks for holds files and requests alike', async () => {
  await put('paused');
  let refusals = 1;
  answer = (one, response) => (refusals-- > 0
    ? response.writeHead(429, { 'retry-after': '2' }).end() : response.end('hello'));
  const first = await echo('paused');
  await until(async () => (await hub.json('/v1/accounts/paused')).held_until, 'the account to be held');
  const file = await echo('paused');
  const request = await hub.post('http.request', { url: `${base}/asked` }, { account: 'paused' });
  await until(async () => (await hub.job(file.id)).state === 'scheduled', 'the job to be put off');
  for (const { id } of [first, file, request]) {
    assert.equal((await hub.finished(id)).state, 'succeeded');
  }
  assert.ok(seen[1].at - seen[0].at >= 2000, `${seen[1].at - seen[0].at}`);
});

test('a job and its file may share an account, and two accounts never wait for each other', async () => {
  for (const name of ['one', 'two']) await put(name, { limits: { in_flight: 1 } });
  answer = (one, response) => setTimeout(() => response.end('hello'), 30);
  const jobs = [await send('one', 'one')];
  for (let i = 0; i < 4; i++) jobs.push(await send('one', 'two'), await send('two', 'one'));
  for (const { id } of jobs) {
    assert.equal((await hub.finished(id, 20_000 * SLOW)).state, 'succeeded');
  }
});

test('cancelled while it waits for its account', async () => {
  await put('busy', { limits: { in_flight: 1 } });
  answer = () => {};
  const first = await echo('busy');
  await until(() => seen.length === 1, 'the first to be under way');
  const second = await echo('busy');
  for (const { id } of [second, first]) {
    assert.ok((await hub.fetch(`/v1/jobs/${id}/cancel`, { method: 'POST' })).ok);
    assert.equal((await hub.finished(id)).state, 'cancelled');
  }
  assert.equal(seen.length, 1);
  assert.equal((await hub.json('/v1/accounts/busy')).in_flight, 0);
});

test('what an account is used for shows in /metrics', async () => {
  const text = await (await hub.fetch('/metrics')).text();
  const value = (name, account) =>
    Number(text.match(new RegExp(`^hubd_account_${name}\\{account="${account}"\\} (\\d+)$`, 'm'))?.[1]);
  assert.equal(value('uses_total', 'files'), 1);
  assert.equal(value('failures_total', 'files'), 0);
  assert.equal(value('failures_total', 'paused'), 1);
  assert.equal(value('in_flight', 'busy'), 0);
  assert.equal(value('held', 'paused'), 0);
});

test('a fetch is on record before it leaves, whatever becomes of hubd', async () => {
  await put('killed');
  answer = () => hub.kill();
  const { id } = await echo('killed');
  await until(() => seen.length > 0 && !hub.running, 'hubd to be gone');
  answer = (one, response) => response.end('hello');
  const { stateDir } = hub;
  hub = await startHubd({ stateDir, flags: flags() });
  assert.equal((await hub.finished(id)).state, 'succeeded');
  assert.deepEqual((await uses('killed')).map((use) => [use.job, use.file]), [[id, '/file'], [id, '/file']]);
});
