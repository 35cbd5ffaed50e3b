// Jobs as a backend sees them: created, looked at, listed, cancelled, retried, deleted.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';

import { answered, startHubd } from './lib/hubd.mjs';

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

const hub = await startHubd({ flags: { retry_base_ms: 5, retry_cap_ms: 20 } });
after(() => hub.stop());

const NOWHERE = '01900000-0000-7000-8000-000000000000';

test('a job is accepted, runs, and tells how it went', async () => {
  const response = await hub.send('/v1/jobs', { type: 'noop.run', input: { any: ['thing', 1.50] } });
  const created = await answered(response, 202);
  assert.equal(response.headers.get('content-type'), 'application/json');
  assert.equal(response.headers.get('location'), `/v1/jobs/${created.id}`);
  assert.match(created.id, UUID_V7);
  assert.match(created.created_at, TIME);
  const { id, created_at: at, timeout_ms: timeout, ...rest } = created;
  assert.ok(Math.abs(Date.parse(at) - Date.now()) < 10_000);
  assert.ok(timeout > 0);
  assert.deepEqual(rest, {
    type: 'noop.run', state: 'queued', queue: 'default', account: null, priority: 0,
    input: { any: ['thing', 1.5] }, labels: {}, after: [], run_at: null, expires_at: null,
    max_attempts: 5, retention: 'P7D', attempt: 0, attempts: [], artifacts: [], progress: null,
    error: null, started_at: null, finished_at: null,
  });

  const done = await hub.finished(id);
  assert.equal(done.state, 'succeeded');
  assert.equal(done.attempt, 1);
  assert.equal(done.attempts.length, 1);
  const [attempt] = done.attempts;
  assert.equal(attempt.number, 1);
  assert.equal(attempt.outcome, 'succeeded');
  assert.equal(attempt.cause, null);
  assert.equal(attempt.connector_version, '1.0.0');
  assert.ok(attempt.runner_pid > 0 && attempt.runner_pid !== hub.pid);
  for (const time of [done.started_at, done.finished_at, attempt.started_at, attempt.finished_at]) {
    assert.match(time, TIME);
  }
  assert.ok(at <= done.started_at && done.started_at <= done.finished_at);
});

test('the input comes back byte for byte, the result as the connector gave it', async () => {
  const input = '{"do":"succeed", "pad": [1e2, 0.10, "\\u00e9", "\\ud83d\\ude00", {"z":1,"a":2}],\n'
    + ' "result":{"unicode":"naïve ☃ 𝒳","deep":[[[{}]]],"null":null}}';
  const response = await hub.send('/v1/jobs', `{"type":"probe.run","input":${input}}`,
    { headers: { prefer: 'wait=20' } });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  assert.ok(text.includes(`"input":${input}`), text);
  assert.deepEqual(JSON.parse(text).result,
    { unicode: 'naïve ☃ 𝒳', deep: [[[{}]]], null: null });
});

test('a job without input gets an empty one', async () => {
  const job = await answered(await hub.send('/v1/jobs', { type: 'noop.run' }), 202);
  assert.deepEqual(job.input, {});
  assert.equal((await hub.finished(job.id)).state, 'succeeded');
});

test('every setting of a job is kept', async () => {
  const first = await hub.run('noop.run');
  const soon = new Date(Date.now() + 3_600_000).toISOString();
  const late = new Date(Date.now() + 7_200_000).toISOString();
  const job = await hub.post('noop.run', { a: 1 }, {
    queue: 'settings', priority: -7, run_at: soon, expires_at: late, timeout_ms: 1234,
    max_attempts: 9, labels: { customer: 'Ünï', 'a.b-c_d': '' }, after: [first.id],
    retention: 'PT36H',
  });
  const { state, queue, priority, run_at: runAt, expires_at: expiresAt, timeout_ms: timeout,
    max_attempts: attempts, labels, after: waits, retention } = await hub.job(job.id);
  assert.deepEqual({ state, queue, priority, runAt, expiresAt, timeout, attempts, labels, waits,
    retention }, {
    state: 'scheduled', queue: 'settings', priority: -7, runAt: soon, expiresAt: late,
    timeout: 1234, attempts: 9, labels: { customer: 'Ünï', 'a.b-c_d': '' }, waits: [first.id],
    retention: 'PT36H',
  });
});

test('a time with an offset is the same time in UTC', async () => {
  const job = await hub.post('noop.run', {}, { run_at: '2999-01-01T02:00:00.5+02:00' });
  assert.equal(job.run_at, '2999-01-01T00:00:00.500Z');
});

test('an unknown job is not found', async () => {
  await hub.refused(404, 'not_found', `/v1/jobs/${NOWHERE}`);
  await hub.refused(404, 'not_found', '/v1/jobs/not-an-id');
  for (const action of ['cancel', 'retry']) {
    await hub.refused(404, 'not_found', `/v1/jobs/${NOWHERE}/${action}`, { method: 'POST' });
  }
  await hub.refused(404, 'not_found', `/v1/jobs/${NOWHERE}`, { method: 'DELETE' });
});

// --- Lists ---------------------------------------------------------------------------------------

const ids = (list) => list.jobs.map((job) => job.id);

test('lists are filtered by state, type, queue, label and time', async () => {
  const good = await hub.run('noop.run', {}, { queue: 'lists', labels: { kind: 'a', shop: '1' } });
  const bad = await hub.run('probe.run', { do: 'fail' },
    { queue: 'lists', labels: { kind: 'b:c' } });
  const waiting = await hub.post('noop.run', {},
    { queue: 'lists', run_at: '2999-01-01T00:00:00Z' });
  const list = (query) => hub.json(`/v1/jobs?queue=lists&${query}`);

  assert.deepEqual(ids(await list('')), [waiting.id, bad.id, good.id], 'newest first');
  assert.deepEqual(ids(await list('state=failed')), [bad.id]);
  assert.deepEqual(ids(await list('state=succeeded,scheduled')), [waiting.id, good.id]);
  assert.deepEqual(ids(await list('type=probe.run')), [bad.id]);
  assert.deepEqual(ids(await list('label=kind:a')), [good.id]);
  assert.deepEqual(ids(await list('label=kind%3Ab%3Ac')), [bad.id]);
  assert.deepEqual(ids(await list('label=kind:none')), []);
  assert.deepEqual(ids(await list(`created_from=${waiting.created_at}`)).at(0), waiting.id);
  assert.deepEqual(ids(await list('created_to=2001-01-01T00:00:00Z')), []);
  assert.deepEqual(
    ids(await list(`created_from=${encodeURIComponent(good.created_at.replace('Z', '+00:00'))}`)),
    [waiting.id, bad.id, good.id]);

  const [summary] = (await list('state=failed')).jobs;
  assert.equal(summary.error.code, 'probe_failed');
  for (const name of ['input', 'attempts', 'artifacts', 'result', 'after']) {
    assert.ok(!(name in summary), `${name} is not in lists`);
  }
});

test('pages follow each other by Link and by cursor, without loss or repetition', async () => {
  const all = [];
  for (let i = 0; i < 25; i++) {
    all.unshift((await hub.post('noop.run', {}, { queue: 'pages', labels: { n: 'x y' } })).id);
  }
  const seen = [];
  let target = `/v1/jobs?queue=pages&label=${encodeURIComponent('n:x y')}&limit=10`;
  let pages = 0;
  while (target !== null) {
    const response = await hub.fetch(target);
    const page = await answered(response, 200);
    const link = response.headers.get('link');
    seen.push(...ids(page));
    // What is new meanwhile does not move what is old.
    await hub.post('noop.run', {}, { queue: 'pages', labels: { n: 'x y' } });
    assert.equal(link === null, page.next_cursor === null);
    target = link && /^<([^>]+)>; rel="next"$/.exec(link)[1];
    if (target) assert.ok(target.includes(`cursor=${page.next_cursor}`));
    pages++;
  }
  assert.deepEqual(seen, all);
  assert.equal(pages, 3);
});

test('list parameters that make no sense are refused', async () => {
  const wrong = ['state=sleeping', 'state=', 'state=failed,,queued', 'limit=0', 'limit=501',
    'limit=ten', 'limit=5&limit=6', 'created_from=yesterday', 'cursor=abc', 'cursor=',
    `cursor=${'!'.repeat(22)}`, 'label=kind', 'label=:x', 'unknown=1', 'State=failed', '%zz=1',
    'limit=1%'];
  for (const query of wrong) {
    const problem = await hub.refused(400, 'bad_request', `/v1/jobs?${query}`);
    assert.ok(problem.detail, query);
  }
});

// --- Changes -------------------------------------------------------------------------------------

test('a waiting job is cancelled at once', async () => {
  const job = await hub.post('noop.run', {}, { run_at: '2999-01-01T00:00:00Z' });
  const cancelled = await hub.json(`/v1/jobs/${job.id}/cancel`, { method: 'POST' });
  assert.equal(cancelled.state, 'cancelled');
  assert.equal(cancelled.attempts.length, 0);
  assert.match(cancelled.finished_at, TIME);
  const again = await hub.refused(409, 'conflict', `/v1/jobs/${job.id}/cancel`, { method: 'POST' });
  assert.match(again.detail, /finished/);
});

for (const connector of ['probe', 'aprobe']) {
  test(`a running job is cancelled: ${connector}`, async () => {
    const job = await hub.post(`${connector}.run`, { do: 'sleep', ms: 600_000 });
    await hub.reaches(job.id, 'running');
    const began = Date.now();
    const cancelled = await hub.json(`/v1/jobs/${job.id}/cancel`, { method: 'POST' });
    assert.equal(cancelled.state, 'cancelled');
    assert.equal(cancelled.attempts.length, 1);
    assert.equal(cancelled.attempts[0].outcome, 'cancelled');
    assert.ok(Date.now() - began < 5_000, 'in time');
  });

  test(`a running job that does not listen is stopped by force: ${connector}`, async () => {
    const job = await hub.post(`${connector}.run`, { do: 'sleep', ms: 600_000, deaf: true });
    await hub.reaches(job.id, 'running');
    const cancelled = await hub.json(`/v1/jobs/${job.id}/cancel`, { method: 'POST' });
    assert.equal(cancelled.state, 'cancelled');
    assert.equal(cancelled.attempts[0].outcome, 'cancelled');
    assert.equal((await hub.run(`${connector}.run`, { do: 'succeed' })).state, 'succeeded');
  });
}

test('a job that succeeds in spite of a cancel has succeeded', async () => {
  // Deaf, and done before the grace of one second is over.
  const job = await hub.post('probe.run', { do: 'sleep', ms: 400, deaf: true });
  await hub.reaches(job.id, 'running');
  const response = await hub.fetch(`/v1/jobs/${job.id}/cancel`, { method: 'POST' });
  assert.equal(response.status, 409);
  assert.equal((await hub.job(job.id)).state, 'succeeded');
});

test('a failed job is retried by hand, with its attempts kept', async () => {
  const failed = await hub.run('probe.run', { do: 'fail', until_attempt: 2, code: 'my_code' });
  assert.equal(failed.state, 'failed');
  assert.deepEqual(failed.error, {
    code: 'my_code', message: 'The probe was told to fail.', retryable: false,
    details: { probe: true },
  });
  const retried = await hub.json(`/v1/jobs/${failed.id}/retry`, { method: 'POST' });
  assert.ok(['queued', 'running', 'succeeded'].includes(retried.state), retried.state);
  const done = await hub.finished(failed.id);
  assert.equal(done.state, 'succeeded');
  assert.equal(done.error, null);
  assert.deepEqual(done.attempts.map((one) => one.outcome), ['failed', 'succeeded']);
  await hub.refused(409, 'conflict', `/v1/jobs/${failed.id}/retry`, { method: 'POST' });
});

test('an unknown outcome stays unknown until somebody decides', async () => {
  const job = await hub.run('probe.run', { do: 'unknown', until_attempt: 2 });
  assert.equal(job.state, 'unknown');
  assert.equal(job.attempts[0].outcome, 'unknown');
  await hub.json(`/v1/jobs/${job.id}/retry`, { method: 'POST' });
  assert.equal((await hub.finished(job.id)).state, 'succeeded');
});

test('a cancelled job cannot be retried, an unfinished one neither', async () => {
  const job = await hub.post('noop.run', {}, { run_at: '2999-01-01T00:00:00Z' });
  await hub.refused(409, 'conflict', `/v1/jobs/${job.id}/retry`, { method: 'POST' });
  await hub.json(`/v1/jobs/${job.id}/cancel`, { method: 'POST' });
  await hub.refused(409, 'conflict', `/v1/jobs/${job.id}/retry`, { method: 'POST' });
});

test('a finished job is deleted with the artifacts it made; an unfinished one is not', async () => {
  const job = await hub.run('probe.run', { do: 'artifact', bytes: 10 });
  const [artifact] = job.artifacts;
  assert.equal((await hub.fetch(artifact.url)).status, 200);
  const response = await hub.fetch(`/v1/jobs/${job.id}`, { method: 'DELETE' });
  assert.equal(response.status, 204);
  assert.equal(await response.text(), '');
  await hub.refused(404, 'not_found', `/v1/jobs/${job.id}`);
  await hub.refused(404, 'not_found', artifact.url);
  await hub.refused(404, 'not_found', `/v1/jobs/${job.id}`, { method: 'DELETE' });

  const waiting = await hub.post('noop.run', {}, { run_at: '2999-01-01T00:00:00Z' });
  await hub.refused(409, 'conflict', `/v1/jobs/${waiting.id}`, { method: 'DELETE' });
  assert.equal((await hub.job(waiting.id)).state, 'scheduled');
});

test('a finished job is gone when its retention has passed', async () => {
  const job = await hub.run('noop.run', {}, { retention: 'PT1S' });
  assert.equal(job.retention, 'PT1S');
  // The purge looks every ten seconds.
  const end = Date.now() + 30_000;
  while ((await hub.fetch(`/v1/jobs/${job.id}`)).status !== 404) {
    assert.ok(Date.now() < end, 'still there');
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
});
