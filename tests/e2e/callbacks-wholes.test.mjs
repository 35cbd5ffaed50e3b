// callback_url of batches and flows: told once each, when the last of their jobs has ended.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { after, test } from 'node:test';

import { BUILD, SLOW, answered, removeFolder, runProgram, startHubd, tempFolder, until } from './lib/hubd.mjs';
import { assertProblem } from './lib/problem.mjs';
import { Receiver } from './lib/receiver.mjs';

const { Webhook } = createRequire(import.meta.url)('standardwebhooks');

const receiver = await new Receiver().start();
const settings = { http_allow_private: new URL(receiver.url).host };
const stateDir = tempFolder();
let hub = await startHubd({ flags: settings, stateDir });
after(async () => {
  await hub.stop();
  receiver.stop();
  removeFolder(stateDir);
});

const batch = async (at, jobs, more = {}) => answered(await hub.send('/v1/batches',
  { batch: { type: 'aprobe.run', callback_url: receiver.url + at, ...more }, jobs }), 202);
const flow = async (at, jobs) => answered(await hub.send('/v1/flows',
  { name: 'chain', callback_url: receiver.url + at, jobs }), 202);
const succeed = { type: 'aprobe.run', input: { do: 'succeed' } };
const fail = { type: 'aprobe.run', max_attempts: 1, input: { do: 'fail', until_attempt: 2 } };
const callbacks = async (kind, id) => (await hub.json(`/v1/${kind}/${id}/callbacks`)).callbacks;
const delivered = (kind, id, count = 1) => until(async () => {
  const all = await callbacks(kind, id);
  return all.length === count && all.every(({ state }) => state === 'delivered') && all;
}, `${count} delivered`, 15_000 * SLOW);

/** The message of a callback, whose signatures fit. */
async function verified(callback) {
  const { secrets } = await hub.json('/v1/callbacks/keys');
  return new Webhook(secrets[0].secret).verify(callback.body, callback.headers);
}

test('a batch: one message, when its last job has ended; one more after a retry', async () => {
  const made = await batch('/batch', [...Array.from({ length: 40 }, () => ({ input: { do: 'sleep',
    ms: 20 } })), fail]);
  const callback = await receiver.first('/batch');
  const message = await verified(callback);
  assert.equal(message.type, 'batch.completed');
  const shown = await hub.json(`/v1/batches/${made.id}`);
  assert.equal(message.timestamp, shown.finished_at);
  assert.deepEqual(message.data.counts, shown.counts);
  assert.equal(message.data.counts.succeeded, 40);
  assert.equal(message.data.counts.failed, 1);
  const [one] = await delivered('batches', made.id);
  assert.equal(one.batch, made.id);
  assert.equal(one.id, callback.headers['webhook-id']);
  assert.equal(one.log.length, 1);

  await answered(await hub.send(`/v1/batches/${made.id}/retry`, ''), 200);
  const again = await verified(await receiver.first('/batch', 2));
  assert.equal(again.data.counts.succeeded, 41);
  const [last] = await delivered('batches', made.id, 2);
  assert.notEqual(last.id, one.id);
  assert.equal(receiver.at('/batch').length, 2);
});

test('an empty batch, a cancelled one, and one that was posted without a callback', async () => {
  await batch('/empty', []);
  assert.equal((await verified(await receiver.first('/empty'))).data.jobs, 0);
  const paused = await batch('/cancelled', [succeed, succeed], { paused: true });
  await answered(await hub.send(`/v1/batches/${paused.id}/cancel`, ''), 200);
  assert.equal((await verified(await receiver.first('/cancelled'))).data.state, 'cancelled');
  const silent = await answered(await hub.send('/v1/batches',
    { batch: { type: 'noop.run' }, jobs: [{}] }), 202);
  await until(async () => (await hub.json(`/v1/batches/${silent.id}`)).finished_at, 'its end');
  assert.deepEqual(await callbacks('batches', silent.id), []);
  await assertProblem(await hub.send(`/v1/batches/${silent.id}/callbacks/resend`, ''), 409,
    'conflict');
});

test('a flow: one message, whatever became of it; one more after a retry', async () => {
  const made = await flow('/flow', { a: succeed, b: { ...fail, after: ['a'] },
    c: { ...succeed, after: ['b'] }, d: { ...succeed, after: ['b'], on_parent_failure: 'skip' } });
  const message = await verified(await receiver.first('/flow'));
  assert.equal(message.type, 'flow.completed');
  assert.equal(message.data.id, made.id);
  assert.equal(message.data.state, 'failed');
  assert.deepEqual(Object.values(message.data.jobs).map(({ state }) => state),
    ['succeeded', 'failed', 'failed', 'cancelled']);
  const [one] = await delivered('flows', made.id);
  assert.equal(one.flow, made.id);
  await answered(await hub.send(`/v1/flows/${made.id}/retry`, ''), 200);
  assert.equal((await verified(await receiver.first('/flow', 2))).data.state, 'succeeded');
  await delivered('flows', made.id, 2);
  assert.equal(receiver.at('/flow').length, 2);
});

test('sent again by hand, under the same id; listed with those of jobs', async () => {
  const made = await flow('/again', { only: succeed });
  const [one] = await delivered('flows', made.id);
  const { callbacks: [asked] } = await answered(
    await hub.send(`/v1/flows/${made.id}/callbacks/resend`, ''), 200);
  assert.equal(asked.id, one.id);
  assert.equal((await receiver.first('/again', 2)).headers['webhook-id'], one.id);
  const listed = await hub.json('/v1/callbacks?state=delivered&limit=100');
  const kinds = listed.callbacks.map(({ type }) => type);
  assert.ok(kinds.includes('flow.completed') && kinds.includes('batch.completed'));
  const nobody = '018f0000-0000-7000-8000-000000000000';
  for (const kind of ['batches', 'flows']) {
    await assertProblem(await hub.fetch(`/v1/${kind}/${nobody}/callbacks`), 404, 'not_found');
    await assertProblem(await hub.send(`/v1/${kind}/${nobody}/callbacks/resend`, ''), 404,
      'not_found');
  }
});

test('hubctl: callback URLs, the log, and once more', async () => {
  const hubctl = async (...args) => {
    const { code, stdout, stderr } = await runProgram(path.join(BUILD, 'hubctl'),
      ['--socket', hub.socket, ...args], { env: { TZ: 'UTC' } });
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const lines = path.join(stateDir, 'lines.ndjson');
  fs.writeFileSync(lines, '{"type":"noop.run"}\n');
  const { id } = JSON.parse(await hubctl('--json', 'batch', 'run', lines, '--callback-url',
    `${receiver.url}/cli-batch`));
  await delivered('batches', id);
  const parent = (await hubctl('-q', 'run', 'aprobe.run', '-i', JSON.stringify(fail.input),
    '--max-attempts', '1', '--callback-url', `${receiver.url}/cli-job`)).trim();
  const child = (await hubctl('-q', 'run', 'noop.run', '--after', parent, '--on-parent-failure',
    'skip')).trim();
  assert.equal((await hub.finished(child)).state, 'cancelled');
  await delivered('jobs', parent);

  assert.match(await hubctl('callbacks', 'show', id, '--batch'),
    new RegExp(`${id} +batch.completed +delivered +1 [^]*\n +1 .* 204`));
  assert.match(await hubctl('callbacks', 'list', '-s', 'delivered'),
    new RegExp(`${parent} +job.failed +delivered`));
  const again = JSON.parse(await hubctl('--json', 'callbacks', 'resend', parent));
  assert.equal(again.job, parent);
  assert.equal((await receiver.first('/cli-job', 2)).headers['webhook-id'], again.id);
});

test('410 to a batch disables the URL for a flow', async () => {
  receiver.answer = (path) => (path === '/gone' ? { status: 410 } : {});
  const first = await batch('/gone', [succeed]);
  await until(async () => (await callbacks('batches', first.id))[0]?.state === 'disabled', '410');
  const second = await flow('/gone', { only: succeed });
  await until(async () => (await callbacks('flows', second.id))[0]?.state === 'disabled',
    'disabled');
  assert.equal(receiver.at('/gone').length, 1);
});

test('a kill between the end and the delivery: it comes, under the id it had', async () => {
  receiver.answer = () => ({ ms: 60_000 });
  const made = { batches: await batch('/killed-batch', [succeed]),
    flows: await flow('/killed-flow', { only: succeed }) };
  const first = [await receiver.first('/killed-batch'), await receiver.first('/killed-flow')];
  await hub.kill();
  receiver.answer = () => ({});
  hub = await startHubd({ flags: settings, stateDir });
  const second = [await receiver.first('/killed-batch', 2), await receiver.first('/killed-flow', 2)];
  for (let i = 0; i < 2; i++) {
    assert.equal(second[i].headers['webhook-id'], first[i].headers['webhook-id']);
    await verified(second[i]);
  }
  for (const [kind, { id }] of Object.entries(made)) await delivered(kind, id);
});
