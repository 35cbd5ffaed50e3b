// When jobs run: priority, run_at, expiry, after, deadlines, attempts and their back-off.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';

import { SLOW, startHubd, until } from './lib/hubd.mjs';

// One probe at a time, so that the order is to be seen.
const hub = await startHubd({
  flags: { blocking_runners: 1, retry_base_ms: 20, retry_cap_ms: 80, cancel_grace_ms: 100 },
});
after(() => hub.stop());

const pause = (queue, paused) =>
  hub.send(`/v1/queues/${queue}`, { paused }, { method: 'PATCH' });

/** Posts jobs to a queue that stands still, lets it go, gives the order in which they ran. */
async function orderOf(queue, jobs) {
  assert.equal((await pause(queue, true)).status, 200);
  const posted = [];
  for (const job of jobs) {
    posted.push(await hub.post('probe.run', { do: 'sleep', ms: 5 }, { queue, ...job }));
  }
  assert.equal((await pause(queue, false)).status, 200);
  const done = await Promise.all(posted.map((job) => hub.finished(job.id)));
  return done.map((job, index) => [job.started_at, index, job])
    .sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0))
    .map(([, , job]) => job);
}

test('the higher priority goes first, the older job among equals', async () => {
  const order = await orderOf('priorities', [
    { priority: 0, labels: { n: '3' } }, { priority: -100, labels: { n: '5' } },
    { priority: 100, labels: { n: '1' } }, { priority: 0, labels: { n: '4' } },
    { priority: 50, labels: { n: '2' } },
  ]);
  assert.deepEqual(order.map((job) => job.labels.n), ['1', '2', '3', '4', '5']);
});

test('a job does not run before its time', async () => {
  const at = new Date(Date.now() + 400).toISOString();
  const job = await hub.post('noop.run', {}, { run_at: at });
  assert.equal(job.state, 'scheduled');
  const done = await hub.finished(job.id);
  assert.equal(done.state, 'succeeded');
  assert.ok(done.started_at >= at, `${done.started_at} is before ${at}`);
  assert.ok(Date.parse(done.started_at) - Date.parse(at) < 1000 * SLOW, 'and not long after it');
});

test('a time that has passed means at once', async () => {
  const job = await hub.run('noop.run', {}, { run_at: '2001-01-01T00:00:00Z' });
  assert.equal(job.state, 'succeeded');
});

test('a job that could not start in time has failed: expired', async () => {
  await pause('still', true);
  const job = await hub.post('noop.run', {}, {
    queue: 'still', expires_at: new Date(Date.now() + 200).toISOString(),
  });
  const done = await hub.finished(job.id);
  assert.equal(done.state, 'failed');
  assert.equal(done.error.code, 'expired');
  assert.deepEqual(done.attempts, []);
});

test('a job whose time was over when it came has failed: expired', async () => {
  const job = await hub.post('noop.run', {}, { expires_at: '2001-01-01T00:00:00Z' });
  const done = await hub.finished(job.id);
  assert.equal(done.state, 'failed');
  assert.equal(done.error.code, 'expired');
});

test('a job that started in time may end after it', async () => {
  const job = await hub.post('aprobe.run', { do: 'sleep', ms: 600 }, {
    expires_at: new Date(Date.now() + 300).toISOString(),
  });
  assert.equal((await hub.finished(job.id)).state, 'succeeded');
});

// --- after ---------------------------------------------------------------------------------------

test('a job waits for all jobs that it comes after', async () => {
  const one = await hub.post('aprobe.run', { do: 'sleep', ms: 150 });
  const two = await hub.post('aprobe.run', { do: 'sleep', ms: 300 });
  const last = await hub.post('noop.run', {}, { after: [one.id, two.id] });
  assert.equal(last.state, 'blocked');
  const done = await hub.finished(last.id);
  assert.equal(done.state, 'succeeded');
  for (const before of [one, two]) {
    const job = await hub.job(before.id);
    assert.equal(job.state, 'succeeded');
    assert.ok(done.started_at >= job.finished_at);
  }
});

test('a job after finished ones runs at once; its run_at counts too', async () => {
  const one = await hub.run('noop.run');
  assert.equal((await hub.run('noop.run', {}, { after: [one.id] })).state, 'succeeded');
  const at = new Date(Date.now() + 300).toISOString();
  const later = await hub.post('noop.run', {}, { after: [one.id], run_at: at });
  assert.equal(later.state, 'scheduled');
  assert.ok((await hub.finished(later.id)).started_at >= at);
});

test('a job after one that fails, fails: dependency_failed; and so on down the chain', async () => {
  const one = await hub.post('aprobe.run', { do: 'fail', ms: 200 });
  const two = await hub.post('noop.run', {}, { after: [one.id] });
  const three = await hub.post('noop.run', {}, { after: [two.id] });
  for (const job of [two, three]) {
    assert.equal(job.state, 'blocked');
    const done = await hub.finished(job.id);
    assert.equal(done.state, 'failed');
    assert.equal(done.error.code, 'dependency_failed');
    assert.deepEqual(done.attempts, []);
  }
  const late = await hub.post('noop.run', {}, { after: [one.id] });
  assert.equal((await hub.finished(late.id)).error.code, 'dependency_failed');
});

test('a blocked job can be cancelled, and one after a cancelled job fails', async () => {
  const one = await hub.post('noop.run', {}, { run_at: '2999-01-01T00:00:00Z' });
  const two = await hub.post('noop.run', {}, { after: [one.id] });
  const three = await hub.post('noop.run', {}, { after: [one.id] });
  assert.equal((await hub.json(`/v1/jobs/${two.id}/cancel`, { method: 'POST' })).state, 'cancelled');
  await hub.json(`/v1/jobs/${one.id}/cancel`, { method: 'POST' });
  assert.equal((await hub.finished(three.id)).error.code, 'dependency_failed');
});

test('the output of a job is the input of the next', async () => {
  const first = await hub.post('probe.run',
    { do: 'artifact', ms: 100, bytes: 3000, name: 'a.txt', media_type: 'text/plain' });
  const second = await hub.post('probe.run',
    { do: 'echo_file', file: { job: first.id, artifact: 'a.txt' } }, { after: [first.id] });
  const done = await hub.finished(second.id);
  assert.equal(done.state, 'succeeded', JSON.stringify(done.error));
  const [artifact] = done.artifacts;
  assert.equal(artifact.name, 'a.txt');
  assert.equal(artifact.media_type, 'text/plain');
  assert.equal(artifact.sha256, (await hub.job(first.id)).artifacts[0].sha256);
});

// --- Attempts ------------------------------------------------------------------------------------

test('a job that asks for it is tried again, with a growing back-off', async () => {
  const job = await hub.run('aprobe.run', { do: 'retry', until_attempt: 4 });
  assert.equal(job.state, 'succeeded');
  assert.equal(job.attempt, 4);
  assert.deepEqual(job.attempts.map((one) => one.outcome),
    ['retry', 'retry', 'retry', 'succeeded']);
  assert.deepEqual(job.attempts.map((one) => one.number), [1, 2, 3, 4]);
  assert.equal(job.attempts[0].code, 'probe_retry');
  assert.deepEqual(job.result.attempt, 4);
});

test('a job whose attempts are used up has failed with its last error', async () => {
  const job = await hub.run('aprobe.run', { do: 'retry', code: 'try_later' }, { max_attempts: 3 });
  assert.equal(job.state, 'failed');
  assert.equal(job.attempts.length, 3);
  assert.equal(job.error.code, 'try_later');
  assert.equal(job.error.retryable, true);
});

test('max_attempts of 1 means once', async () => {
  const job = await hub.run('aprobe.run', { do: 'retry' }, { max_attempts: 1 });
  assert.equal(job.state, 'failed');
  assert.equal(job.attempts.length, 1);
});

test('the connector says how long to wait at least', async () => {
  const job = await hub.run('aprobe.run', { do: 'retry', delay_ms: 500, until_attempt: 2 });
  const [first, second] = job.attempts;
  const waited = Date.parse(second.started_at) - Date.parse(first.finished_at);
  assert.ok(waited >= 495, `waited ${waited} ms`);
});

test('between attempts a job is scheduled, and can be cancelled', async () => {
  const job = await hub.post('aprobe.run', { do: 'retry', delay_ms: 600_000 });
  const waiting = await hub.reaches(job.id, 'scheduled');
  assert.equal(waiting.attempts.length, 1);
  assert.ok(Date.parse(waiting.run_at) > Date.now() + 500_000, waiting.run_at);
  assert.equal((await hub.json(`/v1/jobs/${job.id}/cancel`, { method: 'POST' })).state,
    'cancelled');
});

for (const connector of ['probe', 'aprobe']) {
  test(`the deadline is the law: ${connector}`, async () => {
    const job = await hub.run(`${connector}.run`, { do: 'sleep', ms: 600_000, deaf: true },
      { timeout_ms: 150, max_attempts: 2 });
    assert.equal(job.state, 'failed');
    assert.equal(job.error.code, 'deadline_exceeded');
    assert.deepEqual(job.attempts.map((one) => one.outcome), ['deadline', 'deadline']);
    assert.deepEqual(job.attempts.map((one) => one.cause?.kind), ['deadline', 'deadline']);
    for (const { started_at: from, finished_at: to } of job.attempts) {
      const took = Date.parse(to) - Date.parse(from);
      assert.ok(took >= 145 && took < 5_000 * SLOW, `${took} ms`);
    }
  });

  test(`a result that comes in time counts, one after the deadline does not: ${connector}`,
    async () => {
      const good = await hub.run(`${connector}.run`, { do: 'sleep', ms: 50 },
        { timeout_ms: 5_000 });
      assert.equal(good.state, 'succeeded');
      // Deaf: ends by itself within the grace, but too late.
      const late = await hub.run(`${connector}.run`, { do: 'sleep', ms: 150, deaf: true },
        { timeout_ms: 100, max_attempts: 1 });
      assert.equal(late.state, 'failed');
      assert.equal(late.attempts[0].outcome, 'deadline');
    });
}

test('a never-repeated operation that ran into its deadline is unknown', async () => {
  const job = await hub.run('probe.run_once', { do: 'hang' }, { timeout_ms: 150 });
  assert.equal(job.state, 'unknown');
  assert.equal(job.attempts.length, 1);
  assert.equal(job.attempts[0].outcome, 'deadline');
});

test('an operation with a key is tried again after its deadline', async () => {
  const job = await hub.run('probe.run_with_key', { do: 'hang', until_attempt: 2 },
    { timeout_ms: 200 });
  assert.equal(job.state, 'succeeded');
  assert.deepEqual(job.attempts.map((one) => one.outcome), ['deadline', 'succeeded']);
});

test('a full connector does not hold up others', async () => {
  const slow = await hub.post('probe.run', { do: 'sleep', ms: 700 });
  const behind = await hub.post('probe.run', { do: 'succeed' });
  const other = await hub.run('noop.run');
  assert.equal(other.state, 'succeeded');
  assert.equal((await hub.job(behind.id)).state, 'queued');
  assert.ok(other.finished_at < (await hub.finished(slow.id)).finished_at);
  assert.equal((await hub.finished(behind.id)).state, 'succeeded');
});

test('progress is to be seen while a job runs, and gone after', async () => {
  const job = await hub.post('aprobe.run', { do: 'progress', ms: 100, times: 8 });
  const seen = await until(async () => {
    const { progress } = await hub.job(job.id);
    return progress;
  }, 'progress');
  assert.ok(seen.fraction > 0 && seen.fraction <= 1);
  assert.match(seen.message, /^step \d of 8$/);
  assert.equal((await hub.finished(job.id)).progress, null);
});

test('async attempts run side by side in one process, blocking ones one after the other', async () => {
  const began = Date.now();
  const jobs = await Promise.all(Array.from({ length: 20 }, () =>
    hub.run('aprobe.run', { do: 'sleep', ms: 300 })));
  assert.ok(Date.now() - began < 20 * 300, 'side by side');
  assert.equal(new Set(jobs.map((job) => job.result.pid)).size, 1);
  const two = await Promise.all([1, 2].map(() => hub.run('probe.run', { do: 'sleep', ms: 50 })));
  const [first, second] = two.sort((a, b) => (a.started_at < b.started_at ? -1 : 1));
  assert.ok(first.finished_at <= second.started_at || first.result.pid === second.result.pid);
});
