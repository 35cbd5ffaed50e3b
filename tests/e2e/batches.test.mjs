// Batches: any number of jobs in one request, every line accounted for.
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { after, test } from 'node:test';

import { SANITIZED, SLOW, answered, startHubd, tempFolder, until } from './lib/hubd.mjs';

const hub = await startHubd();
after(() => hub.stop());

const NDJSON = { 'content-type': 'application/x-ndjson' };
const lines = (list) => list.map((one) => (typeof one === 'string' ? one : JSON.stringify(one)))
  .join('\n') + '\n';
const range = (count, make) => Array.from({ length: count }, (_, i) => make(i));

const upload = (body, { query = '', headers = {}, ...options } = {}) =>
  hub.fetch(`/v1/batches${query}`, { method: 'POST', body, headers: { ...NDJSON, ...headers },
    ms: 120_000, ...options });
const accepted = async (body, options) => answered(await upload(body, options), 202);
const batch = (id) => hub.json(`/v1/batches/${id}`);
const act = async (id, what) =>
  answered(await hub.fetch(`/v1/batches/${id}/${what}`, { method: 'POST' }), 200);

async function finished(id, ms = 60_000 * SLOW) {
  let last;
  await until(async () => {
    last = await batch(id);
    return last.finished_at !== null;
  }, `batch ${id} finished`, ms).catch((error) => {
    throw new Error(`${error.message}: ${JSON.stringify(last)}`);
  });
  return last;
}

async function results(id, query = '') {
  const response = await hub.fetch(`/v1/batches/${id}/results${query}`, { ms: 120_000 });
  assert.equal(response.status, 200);
  return (await response.text()).split('\n').filter(Boolean).map((line) => JSON.parse(line));
}

test('a batch of NDJSON lines runs, and its results come in the order of its lines', async () => {
  const body = lines(range(3000, (i) => ({ input: { do: 'succeed', result: { i } } })));
  const made = await accepted(body, { query: '?type=aprobe.run' });
  assert.equal(made.lines, 3000);
  assert.equal(made.jobs, 3000);
  assert.equal(made.rejected, 0);
  assert.equal(made.upload, 'complete');
  const end = await finished(made.id);
  assert.equal(end.state, 'finished');
  assert.equal(end.counts.succeeded, 3000);
  assert.equal(end.progress.fraction, 1);
  const all = await results(made.id);
  assert.deepEqual(all.map(({ line }) => line), range(3000, (i) => i + 1));
  assert.deepEqual(all.map(({ result }) => result.i), range(3000, (i) => i));
  const job = await hub.job(all[41].job);
  assert.equal(job.batch, made.id);
  assert.equal(job.line, 42);
});

test('the answer is at the batch, which is in the list; its jobs are a filter of the jobs',
  async () => {
    const response = await upload(lines([{ type: 'noop.run' }, { type: 'noop.run' }]));
    const made = await answered(response, 202);
    assert.equal(response.headers.get('location'), `/v1/batches/${made.id}`);
    await finished(made.id);
    const { batches } = await hub.json('/v1/batches');
    assert.equal(batches[0].id, made.id);
    const { jobs } = await hub.json(`/v1/jobs?batch=${made.id}`);
    assert.deepEqual(jobs.map(({ line }) => line), [2, 1]);
    assert.deepEqual(jobs.map((job) => job.batch), [made.id, made.id]);
  });

test('the first line may hold the settings; they are defaults for the lines', async () => {
  const made = await accepted(lines([
    { batch: { type: 'probe.run', queue: 'night', labels: { run: 'a' }, concurrency: 2 } },
    { input: { do: 'succeed' } },
    { input: { do: 'fail', code: 'no_luck' }, max_attempts: 1 },
    '',
    { type: 'noop.run', labels: { run: 'b' } },
  ]));
  assert.equal(made.queue, 'night');
  assert.equal(made.concurrency, 2);
  const end = await finished(made.id);
  assert.equal(end.counts.succeeded, 2);
  assert.equal(end.counts.failed, 1);
  const all = await results(made.id);
  assert.deepEqual(all.map(({ line, state }) => [line, state]),
    [[2, 'succeeded'], [3, 'failed'], [5, 'succeeded']]);
  assert.equal(all[1].error.code, 'no_luck');
  const jobs = await Promise.all(all.map(({ job }) => hub.job(job)));
  assert.deepEqual(jobs.map(({ type, queue, labels }) => [type, queue, labels.run]),
    [['probe.run', 'night', 'a'], ['probe.run', 'night', 'a'], ['noop.run', 'night', 'b']]);
});

test('a bad line is told with its number and place, and does not stop the others', async () => {
  const made = await accepted(lines([
    { type: 'noop.run' },
    '{"type": "noop.run"',
    { type: 'no.such' },
    { type: 'probe.run', input: { do: 'dance' } },
    '[]',
    { type: 'noop.run', queue: 'elsewhere' },
    { type: 'image.transform', input: { image: {
      artifact: '018f0000-0000-7000-8000-000000000000' } } },
    { type: 'noop.run', after: ['018f0000-0000-7000-8000-000000000000'] },
    { type: 'noop.run' },
  ]));
  assert.equal(made.jobs, 2);
  assert.equal(made.rejected, 7);
  assert.deepEqual(made.errors.map(({ line, pointer }) => [line, pointer]).slice(0, 5),
    [[2, ''], [3, '/type'], [4, '/input/do'], [5, ''], [6, '/queue']]);
  await finished(made.id);
  const all = await results(made.id);
  assert.deepEqual(all.map(({ line, state }) => [line, state]), [[1, 'succeeded'],
    ...range(7, (i) => [i + 2, 'rejected']), [9, 'succeeded']]);
  assert.match(all[7].error.message, /there is no job 018f0000/);
  assert.deepEqual((await results(made.id, '?state=rejected')).map(({ line }) => line),
    [2, 3, 4, 5, 6, 7, 8]);
});

test('an atomic batch with a bad line leaves nothing', async () => {
  const before = (await hub.json('/v1/jobs?limit=1')).jobs[0]?.id;
  const body = lines([...range(2000, () => ({ type: 'noop.run' })), { type: 'no.such' },
    ...range(100, () => ({ type: 'noop.run' }))]);
  const problem = await answered(await upload(body, { query: '?on_error=abort' }), 422);
  assert.match(problem.detail, /line 2001/);
  assert.equal(problem.errors[0].pointer, '/2001/type');
  assert.equal((await hub.json('/v1/jobs?limit=1')).jobs[0]?.id, before);
  assert.ok((await hub.json('/v1/batches')).batches.every((one) => one.upload === 'complete'));
  const good = await accepted(lines(range(1500, () => ({ type: 'noop.run' }))),
    { query: '?on_error=abort' });
  assert.equal((await finished(good.id)).counts.succeeded, 1500);
});

test('nothing of an atomic batch is visible, or runs, before its last line', async () => {
  const before = (await hub.json('/v1/jobs?limit=1')).jobs[0]?.id;
  const taken = await hub.metric('jobs_submitted_total');
  let push;
  const body = new Readable({ read() {} });
  push = (text) => body.push(text);
  const answer = upload(body, { query: '?on_error=abort', duplex: 'half' });
  push(lines(range(1200, () => ({ type: 'noop.run' }))));
  await until(async () => await hub.metric('jobs_submitted_total') === taken + 1200,
    'the lines are on record');
  assert.equal((await hub.json('/v1/jobs?limit=1')).jobs[0]?.id, before);
  push(lines([{ type: 'noop.run' }]));
  push(null);
  const made = await answered(await answer, 202);
  assert.equal(made.jobs, 1201);
  assert.equal((await finished(made.id)).counts.succeeded, 1201);
  assert.equal((await hub.json(`/v1/jobs?batch=${made.id}&limit=500`)).jobs.length > 0, true);
});

test('a broken upload goes on where it was, with the same key; every line once', async () => {
  const all = range(5000, (i) => JSON.stringify({ type: 'noop.run', labels: { i: `${i}` } }));
  const headers = { 'idempotency-key': 'night-1' };
  const abort = new AbortController();
  const body = new Readable({ read() {} });
  const broken = hub.fetch('/v1/batches', { method: 'POST', body, duplex: 'half',
    headers: { ...NDJSON, ...headers }, signal: abort.signal }).catch((error) => error);
  body.push(lines(all.slice(0, 3000)) + all[3000].slice(0, 10));
  let seen;
  await until(async () => {
    [seen] = (await hub.json('/v1/batches?limit=1')).batches;
    return seen?.lines === 3000;
  }, 'the lines of the first part');
  abort.abort();
  await broken;
  assert.equal((await batch(seen.id)).upload, 'open');
  const changed = lines(all.map((line) => line.replace('noop', 'none')));
  let other;
  await until(async () => {
    other = await upload(changed, { headers });
    return other.status !== 409; // until hubd has seen that the first request is gone
  }, 'an answer to the second upload');
  assert.equal((await answered(other, 422)).type.endsWith('idempotency_mismatch'), true);

  const made = await accepted(lines(all), { headers });
  assert.equal(made.id, seen.id);
  assert.equal(made.jobs, 5000);
  await finished(made.id);
  const jobs = await results(made.id);
  assert.deepEqual(jobs.map(({ line }) => line), range(5000, (i) => i + 1));
  assert.equal(new Set(jobs.map(({ job }) => job)).size, 5000);

  const again = await upload(lines(all), { headers });
  assert.equal(again.headers.get('idempotency-replayed'), 'true');
  assert.equal((await answered(again, 202)).id, made.id);
  await answered(await upload(lines(all.slice(0, 10)), { headers }), 422);
  await answered(await upload(lines([...all, all[0]]), { headers }), 422);
});

test('a small batch as JSON', async () => {
  const made = await answered(await hub.send('/v1/batches',
    { batch: { type: 'noop.run' }, jobs: [{}, { input: {} }, { type: 'no.such' }] }), 202);
  assert.equal(made.jobs, 2);
  assert.deepEqual(made.errors.map(({ line }) => line), [3]);
  await hub.refused(422, 'invalid_input', '/v1/batches', { json: { batch: {} } });
  await hub.refused(422, 'invalid_input', '/v1/batches',
    { json: { batch: { colour: 'red' }, jobs: [] } });
});

test('pause, resume, cancel', async () => {
  const made = await accepted(lines(range(4000, () => ({ input: { do: 'sleep', ms: 20 } }))),
    { query: `?settings=${encodeURIComponent(JSON.stringify({ type: 'aprobe.run', paused: true }))}` });
  assert.equal(made.state, 'paused');
  const goesOn = () => hub.run('aprobe.run', { do: 'succeed' }); // another job of its lane
  await goesOn();
  assert.equal((await batch(made.id)).counts.queued, 4000);
  assert.equal((await hub.json('/v1/queues')).queues.find(({ name }) => name === 'default').queued
    >= 4000, true);
  assert.equal((await act(made.id, 'resume')).state, 'running');
  await until(async () => (await batch(made.id)).counts.succeeded > 100, 'some are done');
  await act(made.id, 'pause');
  await until(async () =>
    await hub.metric('queue_jobs{queue="default",state="running"}') === 0, 'what ran has ended');
  await goesOn(); // and that is on record
  const { succeeded } = (await batch(made.id)).counts;
  await goesOn();
  assert.equal((await batch(made.id)).counts.succeeded, succeeded);

  await act(made.id, 'cancel');
  const end = await finished(made.id);
  assert.equal(end.state, 'cancelled');
  assert.equal(end.counts.succeeded + end.counts.cancelled, 4000);
  assert.ok(end.counts.cancelled > 0);
  assert.equal((await hub.fetch(`/v1/batches/${made.id}/cancel`, { method: 'POST' })).status, 409);
});

test('a batch has limits of its own', async () => {
  const settings = { type: 'aprobe.run', concurrency: 3 };
  const made = await accepted(lines([{ batch: settings },
    ...range(30, () => ({ input: { do: 'sleep', ms: 30 } }))]));
  const end = await finished(made.id);
  const jobs = await Promise.all((await results(made.id)).map(({ job }) => hub.job(job)));
  const marks = jobs.flatMap(({ attempts: [one] }) =>
    [[Date.parse(one.started_at), 1], [Date.parse(one.finished_at), -1]]);
  let now = 0;
  const most = marks.sort(([a, x], [b, y]) => a - b || x - y)
    .reduce((high, [, step]) => Math.max(high, now += step), 0);
  assert.ok(most <= 3, `${most} at once`);
  assert.ok(Date.parse(end.finished_at) - Date.parse(end.created_at) >= 300);

  const slow = await accepted(lines(range(30, () => ({ type: 'noop.run' }))), { query: '?rate=10' });
  const paced = await finished(slow.id);
  const took = Date.parse(paced.finished_at) - Date.parse(paced.created_at);
  assert.ok(took >= 1900, `30 at 10 a second took ${took} ms`); // the first ten at once
  const faster = await answered(await hub.send(`/v1/batches/${slow.id}`,
    { rate: null, concurrency: 7 }, { method: 'PATCH' }), 200);
  assert.deepEqual([faster.rate, faster.concurrency], [null, 7]);
});

test('only the failed are retried', async () => {
  const made = await accepted(lines(range(2500, (i) => ({ max_attempts: 1,
    input: i % 100 === 0 ? { do: 'fail', until_attempt: 2 } : { do: 'succeed' } }))),
  { query: '?type=aprobe.run' });
  const first = await finished(made.id);
  assert.equal(first.counts.failed, 25);
  await act(made.id, 'retry');
  const end = await finished(made.id);
  assert.equal(end.counts.succeeded, 2500);
  const all = await results(made.id);
  assert.deepEqual(all.filter(({ attempt }) => attempt === 2).map(({ line }) => line),
    range(25, (i) => i * 100 + 1));
});

test('one job runs when the batch has finished, once', async () => {
  const settings = { type: 'aprobe.run', on_complete: { type: 'aprobe.run', labels: { end: 'yes' },
    input: { do: 'succeed', result: { of: '{{batch}}' } } } };
  const made = await accepted(lines([{ batch: settings },
    ...range(20, () => ({ input: { do: 'sleep', ms: 100 } }))]));
  const job = await hub.job(made.on_complete);
  assert.equal(job.state, 'blocked');
  const end = await finished(made.id);
  const done = await hub.finished(end.on_complete);
  assert.equal(done.state, 'succeeded');
  assert.equal(done.result.of, made.id);
  assert.ok(done.started_at >= end.finished_at);
  assert.equal((await hub.json('/v1/jobs?label=end:yes')).jobs.length, 1);
});

test('how far a batch is comes as events', async () => {
  const made = await accepted(lines(range(40, () => ({ input: { do: 'sleep', ms: 50 } }))),
    { query: '?type=aprobe.run&concurrency=4' });
  const stream = await hub.events(`?batch=${made.id}`);
  await stream.until((all) => all.at(-1)?.data.state === 'finished', 'the end of the batch',
    30_000 * SLOW);
  stream.close();
  assert.ok(stream.all.length >= 2);
  assert.ok(stream.all.every(({ event, data }) => event === 'batch' && data.id === made.id));
  const done = stream.all.map(({ data }) => data.counts.succeeded);
  assert.deepEqual(done, [...done].sort((a, b) => a - b));
  assert.equal(done.at(-1), 40);
  await hub.refused(400, 'bad_request', '/v1/events?batch=mine');
});

test('results as CSV', async () => {
  const made = await accepted(lines([{ type: 'aprobe.run',
    input: { do: 'succeed', result: { text: 'say "hi", you' } } }, { type: 'no.such' }]));
  await finished(made.id);
  const response = await hub.fetch(`/v1/batches/${made.id}/results?format=csv`);
  assert.match(response.headers.get('content-type'), /^text\/csv/);
  const [head, first, second] = (await response.text()).split('\r\n');
  assert.equal(head, 'line,job,state,attempt,finished_at,error_code,error_message,result');
  assert.match(first, /^1,[0-9a-f-]{36},succeeded,1,"20.*","","","\{ ?""text"": ?""say \\""hi\\"", you"" ?\}"$/);
  assert.match(second, /^2,,rejected,0,,"invalid_input","no connector offers it",""$/);
});

test('a parked job can be cancelled by itself', async () => {
  const made = await accepted(lines(range(50, () => ({}))), { query:
    `?settings=${encodeURIComponent(JSON.stringify({ type: 'noop.run', paused: true }))}` });
  const all = await results(made.id);
  const answer = await answered(await hub.fetch(`/v1/jobs/${all[30].job}/cancel`,
    { method: 'POST' }), 200);
  assert.equal(answer.state, 'cancelled');
  await act(made.id, 'resume');
  const end = await finished(made.id);
  assert.deepEqual([end.counts.succeeded, end.counts.cancelled], [49, 1]);
});

test('hubd ends in the middle of an upload, and of results; it goes on in its next life', async () => {
  const stateDir = tempFolder();
  const all = range(20_000, (i) => JSON.stringify({ type: 'noop.run', labels: { i: `${i}` } }));
  const headers = { ...NDJSON, 'idempotency-key': 'over-two-lives' };
  const first = await startHubd({ stateDir });
  const body = new Readable({ read() {} });
  const broken = first.fetch('/v1/batches', { method: 'POST', body, duplex: 'half', headers })
    .then((response) => response.status, () => 0);
  body.push(lines(all.slice(0, 5000)));
  let seen;
  await until(async () => {
    [seen] = (await first.json('/v1/batches')).batches;
    return seen?.lines === 5000;
  }, 'the first lines');
  const reading = first.fetch(`/v1/batches/${seen.id}/results`).then((answer) => answer.text())
    .catch(() => null);
  const watching = await first.events(`?batch=${seen.id}`);
  body.push(lines(all.slice(5000, 9000)));
  await first.stop();
  await Promise.all([broken, reading]);
  body.destroy();
  watching.close();

  const second = await startHubd({ stateDir });
  const made = await answered(await second.fetch('/v1/batches', { method: 'POST', headers,
    body: lines(all), ms: 60_000 * SLOW }), 202);
  assert.equal(made.id, seen.id);
  assert.equal(made.jobs, 20_000);
  await until(async () => (await second.json(`/v1/batches/${seen.id}`)).state === 'finished',
    'the batch is finished', 60_000 * SLOW);
  await second.stop();
});

test('a long batch takes little memory, and no time at a start', { skip: SANITIZED }, async () => {
  const stateDir = tempFolder();
  const first = await startHubd({ stateDir });
  await first.run('noop.run');
  const before = first.memory('VmRSS');
  first.resetPeak();
  const line = `${JSON.stringify({ labels: { some: 'x'.repeat(100) } })}\n`.repeat(1000);
  const made = await answered(await first.fetch(
    `/v1/batches?settings=${encodeURIComponent('{"type":"noop.run","paused":true}')}`,
    { method: 'POST', headers: NDJSON, ms: 120_000, body: Readable.from(range(150, () => line)),
      duplex: 'half' }), 202);
  assert.equal(made.jobs, 150_000);
  const growth = (first.memory('VmHWM') - before) / 2 ** 20;
  assert.ok(growth <= 32, `${growth.toFixed(1)} MiB`);
  await first.kill();
  const since = Date.now();
  const second = await startHubd({ stateDir });
  const took = Date.now() - since;
  assert.ok(took <= 5000, `ready after ${took} ms`); // alone it takes 100 ms
  assert.equal((await second.json(`/v1/batches/${made.id}`)).counts.queued, 150_000);
  await answered(await second.fetch(`/v1/batches/${made.id}/cancel`, { method: 'POST' }), 200);
  await second.stop();
});

test('a line takes values of a job that is there', async () => {
  const list = await hub.run('probe.run', { do: 'succeed', result: { id: 'c-7', many: [1, 2] } });
  const value = (from, pointer) => ({ from, pointer });
  const { id, errors } = await accepted(lines([
    { type: 'noop.run', input: { customer: value(list.id, '/result/id') } },
    { type: 'noop.run', input: { customer: value('list', '/result/id') } },
    { type: 'noop.run', input: { customer: value('0190b1a2-7c3d-7e4f-8a5b-6c7d8e9f0a1b', '/result/id') } },
    { type: 'probe.run', input: { do: value(list.id, '/result/many') } },
  ]));
  await finished(id);
  const [good, , absent, wrong] = await results(id);
  assert.equal(good.state, 'succeeded', JSON.stringify(good));
  assert.deepEqual((await hub.job(good.job)).input, { customer: 'c-7' });
  assert.deepEqual(errors.map(({ line, pointer }) => [line, pointer]), [[2, '/input/customer/from']]);
  assert.match(absent.error.message, /there is no job 0190b1a2/);
  assert.equal(wrong.state, 'failed');
  assert.equal(wrong.error.code, 'invalid_input');
});

test('what cannot be a batch is refused', async () => {
  await answered(await hub.fetch('/v1/batches', { method: 'POST', body: 'x',
    headers: { 'content-type': 'text/csv' } }), 415);
  await answered(await upload('', { query: '?on_error=perhaps' }), 422);
  await answered(await upload('', { query: '?colour=red' }), 400);
  await answered(await upload(lines([{ batch: { on_complete: { type: 'no.such' } } }])), 422);
  await hub.refused(404, 'not_found', '/v1/batches/018f0000-0000-7000-8000-000000000000');
  await hub.refused(404, 'not_found', '/v1/batches/018f0000-0000-7000-8000-000000000000/results');
  const empty = await accepted('');
  assert.equal(empty.jobs, 0);
  assert.equal((await batch(empty.id)).state, 'finished');
});
