// Queues: paused and resumed, how many at once, how many in a time.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';

import { SLOW, answered, sleep, startHubd } from './lib/hubd.mjs';

const hub = await startHubd();
after(() => hub.stop());

const patch = async (name, body) =>
  answered(await hub.send(`/v1/queues/${name}`, body, { method: 'PATCH' }), 200);
const queue = async (name) =>
  (await hub.json('/v1/queues')).queues.find((one) => one.name === name);

/** The most attempts that ran at the same time. */
function overlap(jobs) {
  const marks = jobs.flatMap(({ attempts }) => attempts.flatMap((one) =>
    [[Date.parse(one.started_at), 1], [Date.parse(one.finished_at), -1]]));
  let now = 0;
  return marks.sort(([a, x], [b, y]) => a - b || x - y)
    .reduce((most, [, step]) => Math.max(most, now += step), 0);
}

test('a queue is there once somebody named it', async () => {
  await hub.run('noop.run', {}, { queue: 'first.seen' });
  assert.deepEqual(await queue('first.seen'), { name: 'first.seen', paused: false,
    concurrency: null, rate: null, blocked: 0, scheduled: 0, queued: 0, running: 0 });
});

test('a paused queue starts nothing and says so; others go on', async () => {
  assert.equal((await patch('stopped', { paused: true })).paused, true);
  const jobs = await Promise.all([1, 2, 3].map(() => hub.post('noop.run', {}, { queue: 'stopped' })));
  await hub.post('noop.run', {}, { queue: 'stopped', run_at: '2999-01-01T00:00:00Z' });
  await hub.post('noop.run', {}, { queue: 'stopped', after: [jobs[0].id] });
  assert.equal((await hub.run('noop.run')).state, 'succeeded');
  const { paused, queued, scheduled, blocked, running } = await queue('stopped');
  assert.deepEqual({ paused, queued, scheduled, blocked, running },
    { paused: true, queued: 3, scheduled: 1, blocked: 1, running: 0 });

  assert.equal((await patch('stopped', { paused: false })).paused, false);
  for (const job of jobs) assert.equal((await hub.finished(job.id)).state, 'succeeded');
});

test('what runs when a queue is paused runs on', async () => {
  const job = await hub.post('aprobe.run', { do: 'sleep', ms: 300 }, { queue: 'going' });
  await hub.reaches(job.id, 'running');
  assert.equal((await patch('going', { paused: true })).running, 1);
  assert.equal((await hub.finished(job.id)).state, 'succeeded');
});

test('no more attempts at once than allowed', async () => {
  await patch('narrow', { concurrency: 3 });
  const jobs = await Promise.all(Array.from({ length: 12 }, () =>
    hub.run('aprobe.run', { do: 'sleep', ms: 60 }, { queue: 'narrow' })));
  assert.ok(jobs.every((job) => job.state === 'succeeded'));
  assert.ok(overlap(jobs) <= 3, `${overlap(jobs)} at once`);
  assert.equal((await patch('narrow', { concurrency: null })).concurrency, null);
  const more = await Promise.all(Array.from({ length: 12 }, () =>
    hub.run('aprobe.run', { do: 'sleep', ms: 200 * SLOW }, { queue: 'narrow' })));
  assert.ok(overlap(more) > 3, `${overlap(more)} at once`);
});

test('a retry gives its place to others meanwhile', async () => {
  await patch('single', { concurrency: 1 });
  const waits = await hub.post('aprobe.run', { do: 'retry', delay_ms: 600_000 },
    { queue: 'single' });
  await hub.reaches(waits.id, 'scheduled');
  assert.equal((await hub.run('noop.run', {}, { queue: 'single' })).state, 'succeeded');
  await hub.json(`/v1/jobs/${waits.id}/cancel`, { method: 'POST' });
});

test('no more attempts in a time than allowed', async () => {
  const set = await patch('slow', { rate: { limit: 4, period_ms: 400 } });
  assert.deepEqual(set.rate, { limit: 4, period_ms: 400 });
  const jobs = await Promise.all(Array.from({ length: 12 }, () =>
    hub.run('noop.run', {}, { queue: 'slow' })));
  const starts = jobs.map((job) => Date.parse(job.attempts[0].started_at)).sort((a, b) => a - b);
  // A burst of 4, then one every 100 ms: the last of 12 not before 800 ms.
  assert.ok(starts[11] - starts[0] >= 750, `12 in ${starts[11] - starts[0]} ms`);
  assert.ok(starts[11] - starts[0] < 3_000 * SLOW, `12 in ${starts[11] - starts[0]} ms`);
  assert.equal((await patch('slow', { rate: null })).rate, null);
});

test('a change keeps what it does not name', async () => {
  await patch('kept', { paused: true, concurrency: 2, rate: { limit: 5, period_ms: 1000 } });
  const { paused, concurrency, rate } = await patch('kept', { concurrency: 7 });
  assert.deepEqual({ paused, concurrency, rate },
    { paused: true, concurrency: 7, rate: { limit: 5, period_ms: 1000 } });
});

test('settings outlive a restart, and what waits in a paused queue', async () => {
  const first = await startHubd();
  await answered(await first.send('/v1/queues/q', {
    paused: true, concurrency: 2, rate: { limit: 9, period_ms: 50 },
  }, { method: 'PATCH' }), 200);
  const job = await first.post('noop.run', {}, { queue: 'q' });
  await first.kill();
  const second = await startHubd({ stateDir: first.stateDir });
  try {
    await sleep(100);
    assert.equal((await second.job(job.id)).state, 'queued');
    const [one] = (await second.json('/v1/queues')).queues.filter(({ name }) => name === 'q');
    assert.deepEqual(one, { name: 'q', paused: true, concurrency: 2,
      rate: { limit: 9, period_ms: 50 }, blocked: 0, scheduled: 0, queued: 1, running: 0 });
    await answered(await second.send('/v1/queues/q', { paused: false }, { method: 'PATCH' }), 200);
    assert.equal((await second.finished(job.id)).state, 'succeeded');
  } finally {
    await second.stop();
    first.discard();
  }
});
