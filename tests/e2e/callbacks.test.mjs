// callback_url: what a receiver gets, checked by a library that is not ours; and that it gets it.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { createRequire } from 'node:module';
import { after, test } from 'node:test';

import { SLOW, removeFolder, startHubd, tempFolder, until } from './lib/hubd.mjs';
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

const run = (path, input = { do: 'succeed' }, more = {}) =>
  hub.run('probe.run', input, { callback_url: receiver.url + path, ...more });
const deliveries = async (job) => (await hub.json(`/v1/jobs/${job.id}/callbacks`)).callbacks;
const inState = (job, state) => until(async () => {
  const [last] = await deliveries(job);
  return last?.state === state && last;
}, `a callback that is ${state}`, 15_000 * SLOW);

/** Does the Ed25519 signature fit? */
function fitsPublicKey({ headers, body }, publicKey) {
  const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
  const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'),
    Buffer.from(publicKey.slice('whpk_'.length), 'base64')]);
  const key = crypto.createPublicKey({ key: der, format: 'der', type: 'spki' });
  const v1a = headers['webhook-signature'].split(' ').filter((one) => one.startsWith('v1a,'));
  assert.equal(v1a.length, 1);
  return crypto.verify(null, Buffer.from(signed), key, Buffer.from(v1a[0].slice(4), 'base64'));
}

/** Every signature of a callback must fit; the keys. */
async function verify(callback) {
  const keys = await hub.json('/v1/callbacks/keys');
  for (const { secret } of keys.secrets) new Webhook(secret).verify(callback.body, callback.headers);
  assert.ok(fitsPublicKey(callback, keys.public_key));
  return keys;
}

test('a job that has succeeded: signed twice, as the job is shown', async () => {
  const job = await run('/ok', { do: 'succeed', result: { text: 'Zoë "€" \\' } });
  assert.equal(job.callback_url, `${receiver.url}/ok`);
  const callback = await receiver.first('/ok');
  assert.equal(callback.method, 'POST');
  assert.equal(callback.headers['content-type'], 'application/json');
  assert.equal(callback.headers['idempotency-key'], undefined);
  await verify(callback);
  const message = JSON.parse(callback.body);
  assert.deepEqual(Object.keys(message), ['type', 'timestamp', 'data']);
  assert.equal(message.type, 'job.succeeded');
  const shown = await hub.json(`/v1/jobs/${job.id}`);
  assert.deepEqual(message.data, shown);
  assert.equal(message.timestamp, shown.finished_at);
  const delivered = await inState(job, 'delivered');
  assert.equal(delivered.id, callback.headers['webhook-id']);
  assert.equal(delivered.next_at, null);
  assert.deepEqual(delivered.log.map(({ number, status, code }) => [number, status, code]),
    [[1, 204, null]]);
});

test('a changed byte, id or time does not verify', async () => {
  const callback = await receiver.first('/ok');
  const { body, headers } = callback;
  const { secrets, public_key: publicKey } = await verify(callback);
  const changed = [
    { headers, body: body.replace('job.succeeded', 'job.succeedee') },
    { headers: { ...headers, 'webhook-id': `${headers['webhook-id']}0` }, body },
    { headers: { ...headers, 'webhook-timestamp': String(headers['webhook-timestamp'] - 1) }, body },
  ];
  for (const one of changed) {
    assert.throws(() => new Webhook(secrets[0].secret).verify(one.body, one.headers));
    assert.equal(fitsPublicKey(one, publicKey), false);
  }
});

test('failed, cancelled and never started jobs call back too', async () => {
  const failed = await run('/failed', { do: 'fail', code: 'nope', message: 'no' });
  assert.equal(failed.state, 'failed');
  assert.equal(JSON.parse((await receiver.first('/failed')).body).type, 'job.failed');
  const child = await run('/child', { do: 'succeed' }, { after: [failed.id] });
  assert.equal(child.state, 'failed');
  const { data } = JSON.parse((await receiver.first('/child')).body);
  assert.equal(data.error.code, 'dependency_failed');
  const waiting = await answered(await hub.send('/v1/jobs', {
    type: 'probe.run', input: { do: 'succeed' }, run_at: '2099-01-01T00:00:00Z',
    callback_url: `${receiver.url}/cancelled`,
  }), 202);
  await answered(await hub.send(`/v1/jobs/${waiting.id}/cancel`, ''), 200);
  assert.equal(JSON.parse((await receiver.first('/cancelled')).body).type, 'job.cancelled');
});

async function answered(response, status) {
  assert.equal(response.status, status);
  return response.json();
}

test('a receiver that fails gets it again, under the same id', async () => {
  receiver.answer = (path, nth) => (path === '/fails' && nth === 1 ? { status: 500 } : {});
  const job = await run('/fails');
  const first = await receiver.first('/fails');
  const pending = await until(async () => (await deliveries(job))[0].log[0] &&
    (await deliveries(job))[0], 'the log');
  assert.equal(pending.state, 'pending');
  const pause = Date.parse(pending.next_at) - Date.parse(pending.log[0].finished_at);
  assert.ok(pause >= 5000 && pause <= 6000, `${pause} ms`);
  const listed = await hub.json('/v1/callbacks?state=pending');
  assert.deepEqual(listed.callbacks.map(({ id }) => id), [pending.id]);
  const second = await receiver.first('/fails', 2);
  assert.equal(second.headers['webhook-id'], first.headers['webhook-id']);
  await verify(second);
  const { log } = await inState(job, 'delivered');
  assert.deepEqual(log.map(({ status, code }) => [status, code]),
    [[500, 'unexpected_status'], [204, null]]);
});

test('Retry-After is honoured, redirects are not followed', async () => {
  receiver.answer = (path) => ({
    '/later': { status: 503, headers: { 'retry-after': '3600' } },
    '/moved': { status: 307, headers: { location: `${receiver.url}/elsewhere` } },
  })[path];
  const [later, moved] = [await run('/later'), await run('/moved')];
  const tried = (job) => until(async () => {
    const [last] = await deliveries(job);
    return last?.log.length > 0 && last;
  }, 'an attempt');
  const { next_at: next, log } = await tried(later);
  const pause = Date.parse(next) - Date.parse(log[0].finished_at);
  assert.ok(pause >= 3_600_000 && pause <= 4_320_000, `${pause} ms`);
  assert.equal(log[0].status, 503);
  assert.equal((await tried(moved)).state, 'pending');
  assert.equal(receiver.at('/elsewhere').length, 0);
  for (const job of [later, moved]) {
    assert.equal((await hub.fetch(`/v1/jobs/${job.id}`, { method: 'DELETE' })).status, 204);
    await assertProblem(await hub.fetch(`/v1/jobs/${job.id}/callbacks`), 404, 'not_found');
  }
});

test('410 disables the URL, until one is sent again by hand', async () => {
  receiver.answer = () => ({ status: 410 });
  const first = await run('/gone');
  assert.equal((await inState(first, 'disabled')).log[0].status, 410);
  const second = await run('/gone');
  assert.deepEqual((await inState(second, 'disabled')).log, []);
  assert.equal(receiver.at('/gone').length, 1);
  const { callbacks } = await hub.json('/v1/callbacks?state=disabled&limit=1');
  assert.deepEqual(callbacks.map(({ job }) => job), [second.id]);
  receiver.answer = () => ({});
  await answered(await hub.send(`/v1/jobs/${first.id}/callbacks/resend`, ''), 200);
  const { log, id } = await inState(first, 'delivered');
  assert.deepEqual(log.map(({ number, status }) => [number, status]), [[1, 410], [2, 204]]);
  assert.equal((await receiver.first('/gone', 2)).headers['webhook-id'], id);
  const third = await run('/gone');
  await inState(third, 'delivered');
});

test('a slow receiver holds up no job', async () => {
  receiver.answer = () => ({ ms: 1500 });
  const begun = Date.now();
  const jobs = await Promise.all(Array.from({ length: 100 }, () => run('/slow')));
  assert.ok(Date.now() - begun < 1500 * SLOW, `${Date.now() - begun} ms`);
  await receiver.first('/slow', 100);
  for (const job of jobs) await inState(job, 'delivered');
  assert.equal(new Set(receiver.at('/slow').map(({ headers }) => headers['webhook-id'])).size, 100);
  receiver.answer = () => ({});
});

test('a receiver that hangs does not hold up another one', async () => {
  const other = await new Receiver().start();
  await hub.stop();
  hub = await startHubd({ stateDir,
    flags: { http_allow_private: [new URL(receiver.url).host, new URL(other.url).host] } });
  receiver.answer = (path) => (path === '/hangs' ? { ms: 3_600_000 } : {});
  const hanging = await Promise.all(Array.from({ length: 300 }, () => run('/hangs')));
  await receiver.first('/hangs', 16);
  const job = await hub.run('probe.run', { do: 'succeed' }, { callback_url: `${other.url}/quick` });
  await other.first('/quick');
  await inState(job, 'delivered');
  assert.equal(receiver.at('/hangs').length, 16);
  await Promise.all(hanging.map(({ id }) => hub.fetch(`/v1/jobs/${id}`, { method: 'DELETE' })));
  await hub.kill();
  hub = await startHubd({ flags: settings, stateDir });
  other.stop();
});

test('a private address that was not granted is not called', async () => {
  const job = await hub.run('probe.run', { do: 'succeed' },
    { callback_url: 'http://127.0.0.2:9/secret' });
  const last = await until(async () => (await deliveries(job)).find(({ log }) => log.length > 0),
    'an attempt');
  assert.deepEqual([last.log[0].status, last.log[0].code], [null, 'blocked_address']);
  assert.equal((await hub.fetch(`/v1/jobs/${job.id}`, { method: 'DELETE' })).status, 204);
});

test('what is no URL of the web is refused', async () => {
  for (const url of ['ftp://example.com/', 'http://user:pw@example.com/', 'example.com', 'http://',
    `http://example.com/${'x'.repeat(2048)}`]) {
    const response = await hub.send('/v1/jobs',
      { type: 'probe.run', input: { do: 'succeed' }, callback_url: url });
    await assertProblem(response, 422, 'invalid_input');
  }
});

test('nothing to send again', async () => {
  const job = await hub.run('probe.run', { do: 'succeed' });
  assert.deepEqual(await deliveries(job), []);
  await assertProblem(await hub.send(`/v1/jobs/${job.id}/callbacks/resend`, ''), 409, 'conflict');
});

test('the secret: for admins, two while it is rotated, in no log', async () => {
  const before = await hub.json('/v1/callbacks/keys');
  assert.equal(before.secrets.length, 1);
  const { key } = await answered(
    await hub.send('/v1/keys', { name: 'reader', scopes: ['jobs:read'] }), 201);
  assert.deepEqual(await hub.json('/v1/callbacks/keys', { key }),
    { public_key: before.public_key });
  const refused = await hub.send('/v1/callbacks/keys/rotate', '', { key });
  await assertProblem(refused, 403, 'forbidden');
  const rotated = await answered(await hub.send('/v1/callbacks/keys/rotate', ''), 200);
  assert.equal(rotated.public_key, before.public_key);
  assert.equal(rotated.secrets[1].secret, before.secrets[0].secret);
  assert.notEqual(rotated.secrets[0].secret, before.secrets[0].secret);
  assert.ok(Date.parse(rotated.secrets[1].expires_at) > Date.now() + 86_000_000);
  await run('/rotated');
  const callback = await receiver.first('/rotated');
  assert.equal((await verify(callback)).secrets.length, 2);
  assert.equal(callback.headers['webhook-signature'].split(' ').length, 3);
  for (const { secret } of rotated.secrets) {
    assert.ok(!hub.log().includes(secret.slice('whsec_'.length)));
  }
});

test('a kill between the end and the delivery: it comes, under the id it had', async () => {
  receiver.answer = () => ({ ms: 60_000 });
  const keys = await hub.json('/v1/callbacks/keys');
  const job = await run('/killed');
  const first = await receiver.first('/killed');
  await hub.kill();
  receiver.answer = () => ({});
  hub = await startHubd({ flags: settings, stateDir });
  const second = await receiver.first('/killed', 2);
  assert.equal(second.headers['webhook-id'], first.headers['webhook-id']);
  assert.deepEqual(await hub.json('/v1/callbacks/keys'), keys);
  await verify(second);
  await inState(job, 'delivered');
});
