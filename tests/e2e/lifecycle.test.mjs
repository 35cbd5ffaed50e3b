// hubd's own life: ready, draining, killed, started again; and what it owes to its jobs meanwhile.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import { begin, response as answerOf } from './lib/http.mjs';
import {
  BUILD, SLOW, answered, removeFolder, runProgram, sleep, startHubd, tempFolder, until,
} from './lib/hubd.mjs';

/** Is there still a process of this id? */
function alive(pid) {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) !== 'Z';
  } catch {
    return false;
  }
}

/** Starts a hubd, lets `first` work with it and end it, and `second` with the next life. */
async function twoLives(first, second, options = {}) {
  const stateDir = tempFolder();
  let hub = await startHubd({ ...options, stateDir });
  try {
    const memory = await first(hub);
    assert.ok(!hub.running);
    hub = await startHubd({ ...options, stateDir });
    await second(hub, memory);
    await hub.stop();
  } finally {
    if (hub.running) await hub.kill();
    removeFolder(stateDir);
  }
}

test('one line says that hubd is ready, and nothing else is on stdout', async () => {
  const hub = await startHubd();
  await hub.run('noop.run');
  await hub.run('probe.run', { do: 'log', message: 'to the log, please' });
  await hub.stop();
  assert.match(hub.stdout(), /^hubd ready http:\/\/127\.0\.0\.1:\d+\n$/);
});

test('a second hubd on the same state is refused with the pid of the first', async () => {
  const hub = await startHubd();
  const second = await runProgram(path.join(BUILD, 'hubd'),
    ['--state-dir', hub.stateDir, '--listen', '127.0.0.1:0']);
  assert.notEqual(second.code, 0);
  assert.equal(second.signal, null);
  assert.equal(second.stdout, '');
  assert.match(second.stderr, new RegExp(`\\b${hub.pid}\\b`));
  assert.equal((await hub.run('noop.run')).state, 'succeeded', 'the first goes on');
  assert.equal((await hub.overSocket({ path: '/readyz' })).status, 200, 'its socket too');
  await hub.stop();
});

test('a port that is taken is an error', async () => {
  const hub = await startHubd();
  const other = await startHubd();
  const { stateDir } = other;
  await other.kill();
  const second = await runProgram(path.join(BUILD, 'hubd'),
    ['--state-dir', stateDir, '--listen', `127.0.0.1:${hub.port}`]);
  assert.equal(second.code, 1);
  assert.match(second.stderr, /address already in use/i);
  other.discard();
  await hub.stop();
});

// --- Draining ------------------------------------------------------------------------------------

test('SIGTERM: what runs ends, who waits is answered, and the exit code is 0', async () => {
  await twoLives(async (hub) => {
    const waiting = hub.send('/v1/jobs', { type: 'aprobe.run', input: { do: 'sleep', ms: 700 } },
      { headers: { prefer: 'wait=20' } });
    const blocking = await hub.post('probe.run', { do: 'artifact', ms: 500, bytes: 1000 });
    const later = await hub.post('noop.run', {}, { run_at: '2999-01-01T00:00:00Z' });
    await hub.reaches(blocking.id, 'running');
    const began = Date.now();
    const stopped = hub.stop();
    const running = await answered(await waiting, 202);
    assert.equal(running.state, 'running', 'who waits is answered with the job as it is');
    await stopped;
    assert.ok(Date.now() - began < 5_000 * SLOW);
    return { blocking, later, running };
  }, async (hub, { blocking, later, running }) => {
    assert.equal((await hub.job(running.id)).state, 'succeeded');
    const job = await hub.job(blocking.id);
    assert.equal(job.state, 'succeeded');
    assert.equal(job.attempts.length, 1);
    assert.equal((await hub.download(job.artifacts[0])).length, 1000);
    assert.equal((await hub.job(later.id)).state, 'scheduled');
  });
});

test('while it drains hubd takes no new work, on connections old and new', async () => {
  const hub = await startHubd();
  const job = await hub.post('aprobe.run', { do: 'sleep', ms: 800 });
  await hub.reaches(job.id, 'running');
  const held = begin({
    port: hub.port, key: hub.key, method: 'POST', path: '/v1/jobs',
    headers: { 'content-type': 'application/json', 'content-length': '19' },
  });
  const answer = answerOf(held).catch((error) => error);
  held.write('{"type":');
  await sleep(50);
  const stopped = hub.stop();
  await sleep(100);
  const fresh = await hub.send('/v1/jobs', { type: 'noop.run' }).catch((error) => error);
  assert.ok(fresh instanceof Error || fresh.status === 503, 'no new connection, or 503');
  held.end('"noop.run"}');
  const late = await answer;
  assert.ok(late instanceof Error || late.statusCode === 503, `${late.statusCode}`);
  await stopped;
});

test('an upload that has begun before SIGTERM ends well', async () => {
  const hub = await startHubd();
  const upload = begin({
    port: hub.port, key: hub.key, method: 'POST', path: '/v1/artifacts',
    headers: { 'content-length': '200000' },
  });
  const answer = answerOf(upload);
  upload.write(Buffer.alloc(100_000));
  await until(() => hub.files('blobs/tmp').length === 1, 'the upload has begun');
  const stopped = hub.stop();
  await sleep(100);
  upload.end(Buffer.alloc(100_000));
  const message = await answer;
  assert.equal(message.statusCode, 201);
  message.resume();
  await stopped;
});

test('what does not end in the time of the drain is released, and runs again', async () => {
  await twoLives(async (hub) => {
    const job = await hub.post('aprobe.run', { do: 'sleep', ms: 600_000, until_attempt: 2 });
    const never = await hub.post('probe.run_once', { do: 'sleep', ms: 600_000 });
    await hub.reaches(job.id, 'running');
    await hub.reaches(never.id, 'running');
    await hub.stop();
    return { job, never };
  }, async (hub, { job, never }) => {
    await hub.reaches(job.id, 'running');
    assert.equal((await hub.job(never.id)).state, 'unknown');
    const cancelled = await hub.json(`/v1/jobs/${job.id}/cancel`, { method: 'POST' });
    assert.equal(cancelled.attempts[0].outcome, 'released');
  }, { flags: { drain_timeout_ms: 200 } });
});

test('a second SIGTERM does not wait', async () => {
  const hub = await startHubd({ flags: { drain_timeout_ms: 600_000 } });
  const job = await hub.post('probe.run', { do: 'sleep', ms: 600_000, deaf: true });
  await hub.reaches(job.id, 'running');
  hub.signal('SIGTERM');
  await sleep(200);
  assert.ok(hub.running);
  await hub.stop({ ms: 5_000 * SLOW });
});

test('SIGINT ends hubd like SIGTERM', async () => {
  const hub = await startHubd();
  await hub.run('noop.run');
  await hub.stop({ signal: 'SIGINT' });
});

test('hubd ends at once when there is nothing to do, keep-alive connections or not', async () => {
  const hub = await startHubd();
  await Promise.all(Array.from({ length: 20 }, () => hub.fetch('/healthz')));
  const began = Date.now();
  await hub.stop();
  assert.ok(Date.now() - began < 2_000 * SLOW, `${Date.now() - began} ms`);
});

// --- kill -9 -------------------------------------------------------------------------------------

test('after kill -9 everything accepted is there, and runs to its end', async () => {
  await twoLives(async (hub) => {
    const done = await hub.run('probe.run', { do: 'artifact', bytes: 5000, name: 'kept' });
    const failed = await hub.run('probe.run', { do: 'fail' });
    const upload = await hub.upload('uploaded', { name: 'ü' });
    const scheduled = await hub.post('noop.run', {}, { run_at: '2999-01-01T00:00:00Z' });
    const blocked = await hub.post('noop.run', {}, { after: [scheduled.id] });
    const retrying = await hub.run('aprobe.run', { do: 'retry', until_attempt: 2 });
    const running = await hub.post('aprobe.run', { do: 'sleep', ms: 2000 * SLOW });
    const keyed = await hub.post('probe.run_with_key', { do: 'sleep', ms: 2000 * SLOW });
    const never = await hub.post('aprobe.run_once', { do: 'sleep', ms: 2000 * SLOW });
    for (const job of [running, keyed, never]) await hub.reaches(job.id, 'running');
    await sleep(200); // by now the start of what runs is on record
    const queued = [];
    for (let n = 0; n < 50; n++) queued.push(await hub.post('noop.run', { n }));
    await hub.kill();
    return { done, failed, upload, scheduled, blocked, running, keyed, never, retrying, queued };
  }, async (hub, jobs) => {
    for (const job of [jobs.done, jobs.failed, jobs.retrying]) {
      assert.deepEqual(await hub.job(job.id), job);
    }
    assert.equal((await hub.download(jobs.done.artifacts[0])).length, 5000);
    assert.equal((await hub.download(jobs.upload)).toString(), 'uploaded');
    assert.equal((await hub.job(jobs.scheduled.id)).state, 'scheduled');
    assert.equal((await hub.job(jobs.blocked.id)).state, 'blocked');
    for (const job of jobs.queued) assert.equal((await hub.finished(job.id)).state, 'succeeded');
    for (const job of [jobs.running, jobs.keyed]) {
      const again = await hub.finished(job.id);
      assert.equal(again.state, 'succeeded');
      assert.deepEqual(again.attempts.map((one) => one.outcome), ['released', 'succeeded']);
      assert.deepEqual(again.attempts.map((one) => one.number), [1, 2]);
    }
    const never = await hub.job(jobs.never.id);
    assert.equal(never.state, 'unknown');
    assert.equal(never.error.code, 'outcome_unknown');
  });
});

test('no runner outlives its hubd', async () => {
  const hub = await startHubd();
  const pids = [];
  for (const type of ['probe.run', 'aprobe.run']) {
    pids.push((await hub.run(type, { do: 'succeed' })).result.pid);
  }
  const deaf = await hub.post('probe.run', { do: 'spin' });
  const { runner_pid: pid } = (await until(async () => {
    const job = await hub.job(deaf.id);
    return job.attempts[0]?.runner_pid && job;
  }, 'it runs', 3_000).catch(() => ({ attempts: [{}] }))).attempts[0];
  if (pid) pids.push(pid);
  assert.ok(pids.every(alive));
  await hub.kill();
  await until(() => !pids.some(alive), `the runners ${pids} are gone`);
  hub.discard();
});

test('what an upload and an attempt left half-made is removed at the next start', async () => {
  await twoLives(async (hub) => {
    const upload = begin({
      port: hub.port, key: hub.key, method: 'POST', path: '/v1/artifacts',
      headers: { 'content-length': '200000' },
    });
    upload.on('error', () => {});
    upload.write(Buffer.alloc(100_000));
    await until(() => hub.files('blobs/tmp').length === 1, 'the upload has begun');
    await hub.kill();
  }, async (hub) => {
    assert.deepEqual(hub.files('blobs'), []);
  });
});

test('a socket that a killed hubd left behind is replaced', async () => {
  await twoLives(async (hub) => {
    await hub.kill();
    assert.ok(fs.existsSync(hub.socket));
  }, async (hub) => {
    assert.equal((await hub.overSocket({ path: '/healthz' })).status, 200);
  });
});

test('a database that is none is an error that says so', async () => {
  const hub = await startHubd();
  await hub.kill();
  for (const suffix of ['-wal', '-shm']) {
    fs.rmSync(path.join(hub.stateDir, `hubd.db${suffix}`), { force: true });
  }
  fs.writeFileSync(path.join(hub.stateDir, 'hubd.db'), 'this is no database'.repeat(1000));
  const second = await runProgram(path.join(BUILD, 'hubd'),
    ['--state-dir', hub.stateDir, '--listen', '127.0.0.1:0']);
  assert.equal(second.code, 1);
  assert.equal(second.stdout, '');
  assert.match(second.stderr, /not a database/);
  hub.discard();
});

// --- Health --------------------------------------------------------------------------------------

test('health, readiness and figures', async () => {
  const hub = await startHubd();
  const health = await hub.json('/healthz', { key: null });
  assert.equal(health.status, 'ok');
  assert.match(health.version, /^\d+\.\d+\.\d+/);
  assert.deepEqual(await hub.json('/readyz'), health);
  await hub.run('noop.run');
  await hub.run('probe.run', { do: 'fail' });
  const response = await hub.fetch('/metrics');
  assert.match(response.headers.get('content-type'), /^text\/plain; version=0\.0\.4/);
  const text = await response.text();
  const families = new Map();
  for (const line of text.trimEnd().split('\n')) {
    const help = /^# (HELP|TYPE) (hubd_[a-z0-9_]+) (.+)$/.exec(line);
    const sample = /^(hubd_[a-z0-9_]+)(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? ([0-9.e+-]+|NaN)$/
      .exec(line);
    assert.ok(help || sample, `a line of Prometheus text: ${line}`);
    if (help) families.set(help[2], { ...families.get(help[2]), [help[1]]: help[3] });
    else assert.ok(families.get(sample[1])?.HELP && families.get(sample[1])?.TYPE, line);
  }
  for (const [name, { TYPE: type }] of families) {
    assert.equal(name.endsWith('_total'), type === 'counter', `${name} is a ${type}`);
  }
  assert.equal(await hub.metric('jobs_submitted_total'), 2);
  assert.equal(await hub.metric('jobs_finished_total{state="succeeded"}'), 1);
  assert.equal(await hub.metric('jobs_finished_total{state="failed"}'), 1);
  assert.equal(await hub.metric('jobs_unfinished'), 0);
  assert.ok(await hub.metric('resident_memory_bytes') > 1 << 20);
  assert.ok(await hub.metric('store_commits_total') > 0);
  await hub.stop();
});

test('the log tells what happened, without a payload or a secret', async () => {
  const hub = await startHubd({ flags: { log_level: 'debug' } });
  await hub.run('probe.run', { do: 'succeed', pad: 'sesame-open' },
    { labels: { private: 'sesame-label' } });
  await hub.upload('sesame-contents', { name: 'sesame-name' });
  await answered(await hub.send('/v1/jobs', { type: 'noop.run', input: 'sesame-wrong' }), 422);
  await hub.stop();
  assert.match(hub.log(), /ready/);
  assert.doesNotMatch(hub.log(), /sesame/);
  assert.ok(!hub.log().includes(hub.key.slice(17)));
});
