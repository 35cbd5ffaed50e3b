// Idempotency-Key and Prefer: wait of POST /v1/jobs.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';

import { SLOW, answered, startHubd, until } from './lib/hubd.mjs';
import { begin, response as answerOf } from './lib/http.mjs';
import { assertProblem } from './lib/problem.mjs';

const hub = await startHubd({ flags: { wait_max_s: 20 } });
after(() => hub.stop());

const post = (body, headers, options) => hub.send('/v1/jobs', body, { headers, ...options });
const total = async () => hub.metric('jobs_submitted_total');

// --- Idempotency-Key -----------------------------------------------------------------------------

test('the same key gives the original answer, marked, and no second job', async () => {
  const body = { type: 'aprobe.run', input: { do: 'sleep', ms: 100 }, labels: { a: 'b' } };
  const first = await post(body, { 'idempotency-key': 'order-1' });
  const before = await total();
  const created = await answered(first, 202);
  assert.equal(first.headers.get('idempotency-replayed'), null);

  const second = await post(body, { 'idempotency-key': 'order-1' });
  assert.equal(second.headers.get('idempotency-replayed'), 'true');
  assert.equal(second.headers.get('location'), first.headers.get('location'));
  assert.deepEqual(await answered(second, 202), created);

  assert.equal((await hub.finished(created.id)).state, 'succeeded');
  const third = await post(body, { 'idempotency-key': 'order-1' });
  assert.equal(third.headers.get('idempotency-replayed'), 'true');
  assert.deepEqual(await answered(third, 202), created, 'also when the job is finished');
  assert.equal(await total(), before);
});

test('a job that came after a finished one, and was tried again, is replayed as it was', async () => {
  const parent = await hub.run('noop.run');
  const body = { type: 'probe.run', after: [parent.id], input: { do: 'retry', until_attempt: 2 } };
  const first = await answered(await post(body, { 'idempotency-key': 'tried-again' }), 202);
  assert.equal(first.state, 'queued');
  assert.equal((await hub.finished(first.id)).state, 'succeeded');
  assert.deepEqual(await answered(await post(body, { 'idempotency-key': 'tried-again' }), 202), first);
});

test('a job that waits for its time is replayed as it was', async () => {
  const body = { type: 'noop.run', run_at: '2999-01-01T00:00:00Z' };
  const first = await answered(await post(body, { 'idempotency-key': 'later' }), 202);
  assert.equal(first.state, 'scheduled');
  assert.deepEqual(await answered(await post(body, { 'idempotency-key': 'later' }), 202), first);
});

test('the same key with another body is refused', async () => {
  await answered(await post({ type: 'noop.run' }, { 'idempotency-key': 'order-2' }), 202);
  const before = await total();
  for (const body of [{ type: 'noop.run', priority: 1 }, '{"type": "noop.run"}',
    { type: 'aprobe.run', input: { do: 'succeed' } }]) {
    const problem = await assertProblem(await post(body, { 'idempotency-key': 'order-2' }), 422,
      'idempotency_mismatch');
    assert.ok(problem.detail);
  }
  assert.equal(await total(), before);
});

test('many at once with one key make one job', async () => {
  const body = { type: 'noop.run', input: { n: 1 } };
  const before = await total();
  const answers = await Promise.all(Array.from({ length: 40 }, () =>
    post(body, { 'idempotency-key': 'crowd' })));
  const ids = new Set();
  let accepted = 0;
  for (const answer of answers) {
    if (answer.status === 409) {
      await assertProblem(answer, 409, 'request_in_flight');
    } else {
      ids.add((await answered(answer, 202)).id);
      accepted += answer.headers.get('idempotency-replayed') === null ? 1 : 0;
    }
  }
  assert.equal(ids.size, 1);
  assert.equal(accepted, 1);
  assert.equal(await total() - before, 1);
});

test('a key belongs to whoever used it', async () => {
  const other = await answered(await hub.send('/v1/keys',
    { name: 'other', scopes: ['jobs:write'] }), 201);
  const headers = { 'idempotency-key': 'mine' };
  const mine = await answered(await post({ type: 'noop.run' }, headers), 202);
  const theirs = await answered(await post({ type: 'noop.run' }, headers, { key: other.key }), 202);
  assert.notEqual(mine.id, theirs.id);
});

test('what was refused takes no key', async () => {
  const headers = { 'idempotency-key': 'second-try' };
  await assertProblem(await post({ type: 'noop.walk' }, headers), 422, 'unknown_type');
  await assertProblem(await post({ type: 'noop.run', input: 1 }, headers), 422, 'invalid_input');
  await assertProblem(await post({
    type: 'probe.run',
    input: { do: 'echo_file', file: { artifact: '01900000-0000-7000-8000-000000000000' } },
  }, headers), 422, 'unknown_artifact');
  const job = await post({ type: 'noop.run' }, headers);
  assert.equal(job.headers.get('idempotency-replayed'), null);
  await answered(job, 202);
});

test('the key of a deleted job stays used', async () => {
  const body = { type: 'noop.run' };
  const headers = { 'idempotency-key': 'deleted' };
  const { id } = await answered(await post(body, headers), 202);
  await hub.finished(id);
  assert.equal((await hub.fetch(`/v1/jobs/${id}`, { method: 'DELETE' })).status, 204);
  await assertProblem(await post(body, headers), 410, 'gone');
});

test('keys that are none are refused', async () => {
  for (const key of ['', 'with space', 'x'.repeat(256), '\u00e9']) {
    const response = await post({ type: 'noop.run' }, { 'idempotency-key': key });
    await assertProblem(response, 400, 'bad_request');
  }
  const twice = await hub.exchange({
    method: 'POST', path: '/v1/jobs', body: '{"type":"noop.run"}',
    headers: { 'content-type': 'application/json', 'idempotency-key': ['a', 'b'] },
  });
  assert.equal(twice.status, 400);
  assert.equal((await post({ type: 'noop.run' }, { 'idempotency-key': 'x'.repeat(255) })).status,
    202);
});

test('keys outlive a restart', async () => {
  const options = { flags: {} };
  const first = await startHubd(options);
  const send = (on) => on.send('/v1/jobs', { type: 'noop.run' },
    { headers: { 'idempotency-key': 'k' } });
  const job = await answered(await send(first), 202);
  await first.kill();
  const second = await startHubd({ ...options, stateDir: first.stateDir });
  try {
    const again = await send(second);
    assert.equal(again.headers.get('idempotency-replayed'), 'true');
    assert.equal((await answered(again, 202)).id, job.id);
  } finally {
    await second.stop();
    first.discard();
  }
});

// --- Prefer: wait --------------------------------------------------------------------------------

test('with Prefer: wait the answer is the finished job', async () => {
  const response = await post({ type: 'aprobe.run', input: { do: 'sleep', ms: 200 } },
    { prefer: 'wait=10' });
  const job = await answered(response, 200);
  assert.equal(job.state, 'succeeded');
  assert.equal(response.headers.get('preference-applied'), 'wait');
  assert.equal(response.headers.get('location'), `/v1/jobs/${job.id}`);
});

test('a job that fails is an answer too', async () => {
  const job = await answered(await post({ type: 'aprobe.run', input: { do: 'fail' } },
    { prefer: 'wait=10' }), 200);
  assert.equal(job.state, 'failed');
});

test('when the time is up the answer is 202 and the job as it is', async () => {
  const began = Date.now();
  const response = await post({ type: 'aprobe.run', input: { do: 'sleep', ms: 5_000 } },
    { prefer: 'wait=1' });
  const job = await answered(response, 202);
  const took = Date.now() - began;
  assert.ok(took >= 990 && took < 3_000 * SLOW, `${took} ms`);
  assert.equal(job.state, 'running');
  await hub.json(`/v1/jobs/${job.id}/cancel`, { method: 'POST' });
});

test('Prefer is read as RFC 7240 says; what cannot be read is ignored', async () => {
  for (const prefer of ['respond-async, wait=10', 'WAIT=10', 'wait = 10; foo="bar"']) {
    const job = await answered(await post({ type: 'noop.run' }, { prefer }), 200);
    assert.equal(job.state, 'succeeded', prefer);
  }
  for (const prefer of ['wait=0', 'wait=-1', 'wait=soon', 'wait', 'handling=strict', '']) {
    await answered(await post({ type: 'noop.run' }, { prefer }), 202);
  }
});

test('a replay waits as well', async () => {
  const body = { type: 'aprobe.run', input: { do: 'sleep', ms: 300 } };
  const first = await answered(await post(body, { 'idempotency-key': 'wait' }), 202);
  const second = await answered(await post(body, { 'idempotency-key': 'wait', prefer: 'wait=10' }),
    200);
  assert.equal(second.id, first.id);
  assert.equal(second.state, 'succeeded');
  const began = Date.now();
  const third = await answered(await post(body, { 'idempotency-key': 'wait', prefer: 'wait=10' }),
    200);
  assert.equal(third.id, first.id, 'also when it has finished long ago');
  assert.ok(Date.now() - began < 3_000 * SLOW, 'and then at once');
});

test('a job that fails as soon as it is accepted is answered at once', async () => {
  const failed = await hub.run('aprobe.run', { do: 'fail' });
  const began = Date.now();
  const job = await hub.run('noop.run', {}, { after: [failed.id] }, { seconds: 10 });
  assert.equal(job.error.code, 'dependency_failed');
  assert.ok(Date.now() - began < 3_000 * SLOW);
});

test('many wait for as many jobs', async () => {
  const answers = await Promise.all(Array.from({ length: 100 }, async (_, n) => {
    const job = await hub.run('aprobe.run', { do: 'sleep', ms: n * 3, result: n });
    return [n, job];
  }));
  for (const [n, job] of answers) {
    assert.equal(job.state, 'succeeded');
    assert.equal(job.result, n);
  }
});

test('a client that goes away while it waits does no harm', async () => {
  const request = begin({
    port: hub.port, key: hub.key, method: 'POST', path: '/v1/jobs',
    headers: { 'content-type': 'application/json', prefer: 'wait=20', 'idempotency-key': 'gone' },
  });
  const answer = answerOf(request).catch((error) => error);
  const body = JSON.stringify({ type: 'aprobe.run', input: { do: 'sleep', ms: 400 } });
  request.end(body);
  let job;
  for (let i = 0; i < 200 && job === undefined; i++) {
    [job] = (await hub.json('/v1/jobs?state=running&type=aprobe.run')).jobs;
  }
  request.destroy();
  assert.ok(await answer instanceof Error);
  assert.equal((await hub.finished(job.id)).state, 'succeeded');
});

// --- Uploads -------------------------------------------------------------------------------------

const upload = (bytes, headers) => hub.exchange({
  method: 'POST', path: '/v1/artifacts', body: bytes,
  headers: { 'content-type': 'text/plain', 'idempotency-key': 'upload-1', ...headers },
});

test('an upload under a known key gives the same artifact, once', async () => {
  const first = await upload('some bytes');
  assert.equal(first.status, 201);
  assert.equal(first.headers['idempotency-replayed'], undefined);
  const second = await upload('some bytes');
  assert.equal(second.status, 201);
  assert.equal(second.headers['idempotency-replayed'], 'true');
  assert.equal(second.headers.location, first.headers.location);
  assert.deepEqual(JSON.parse(second.body), JSON.parse(first.body));
  const other = JSON.parse((await upload('some bytes', { 'idempotency-key': 'upload-2' })).body);
  assert.notEqual(other.id, JSON.parse(first.body).id);
});

test('another upload under a known key is refused', async () => {
  assert.equal((await upload('some bytes')).status, 201);
  for (const [bytes, headers] of [['other bytes', {}], ['some bytes', { 'content-type': 'text/css' }],
    ['some bytes', { 'content-disposition': 'attachment; filename="x.txt"' }]]) {
    const answer = await upload(bytes, headers);
    assert.equal(answer.status, 422, answer.body.toString());
    assert.equal(JSON.parse(answer.body).code, 'idempotency_mismatch');
  }
});

test('while an upload is under way its key is taken', async () => {
  const headers = { 'content-type': 'text/plain', 'idempotency-key': 'upload-3' };
  const slow = begin({ port: hub.port, key: hub.key, method: 'POST', path: '/v1/artifacts',
    headers: { ...headers, 'content-length': '4' } });
  const first = answerOf(slow);
  slow.write('ab');
  await until(async () => (await upload('abcd', headers)).status === 409, 'the key to be taken');
  slow.end('cd');
  assert.equal((await first).statusCode, 201);
  (await first).resume();
});
