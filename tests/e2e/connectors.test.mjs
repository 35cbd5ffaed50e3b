// Connectors: what there is, what is new, what is not acceptable and why.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';

import { BUILD, answered, startHubd, tempFolder, removeFolder, until } from './lib/hubd.mjs';

const TESTS = path.join(BUILD, 'tests', 'connectors');
const hub = await startHubd();
after(() => hub.stop());

test('all connectors are listed with their operations and schemas', async () => {
  const { connectors } = await hub.json('/v1/connectors');
  assert.deepEqual(connectors.map((one) => one.name).filter((name) =>
    ['aprobe', 'image', 'noop', 'probe'].includes(name)), ['aprobe', 'image', 'noop', 'probe']);
  for (const one of connectors) {
    assert.equal(one.health, 'ready', one.name);
    assert.equal(one.reason, null);
    assert.ok(path.isAbsolute(one.file) && one.file.endsWith(`/${one.name}.so`), one.file);
    assert.ok(one.operations.length >= 1);
    for (const operation of one.operations) {
      assert.equal(operation.type, `${one.name}.${operation.name}`);
      assert.ok(operation.summary.length > 0);
      assert.equal(operation.input_schema.type ?? 'object', 'object');
      assert.ok(operation.timeout_ms > 0 && operation.max_attempts >= 1);
    }
    assert.deepEqual(await hub.json(`/v1/connectors/${one.name}`), one);
  }
});

test('one connector tells its mode, its safety and what it has done', async () => {
  const before = await hub.json('/v1/connectors/aprobe');
  assert.equal(before.mode, 'async');
  assert.equal((await hub.json('/v1/connectors/probe')).mode, 'blocking');
  assert.deepEqual(before.operations.map((one) => [one.name, one.retry_safety]),
    [['run', 'safe'], ['run_with_key', 'safe_with_key'], ['run_once', 'never']]);
  await hub.run('aprobe.run', { do: 'succeed' });
  const job = await hub.post('aprobe.run', { do: 'sleep', ms: 300 });
  await hub.reaches(job.id, 'running');
  const now = await hub.json('/v1/connectors/aprobe');
  assert.equal(now.in_flight, 1);
  assert.equal(now.runners, 1);
  assert.equal(now.attempts_started, before.attempts_started + 2);
  await hub.finished(job.id);
});

test('every example fits its schema', async () => {
  const { connectors } = await hub.json('/v1/connectors');
  for (const operation of connectors.flatMap((one) => one.operations)) {
    if (operation.example === null) continue;
    const response = await hub.send('/v1/jobs',
      { type: operation.type, input: operation.example, run_at: '2999-01-01T00:00:00Z' });
    const answer = await response.json();
    assert.ok(response.status === 202 || answer.code === 'unknown_artifact',
      `${operation.type}: ${JSON.stringify(answer)}`);
  }
});

/** A hubd on a folder of its own, filled as the test likes. */
async function withFolder(work, options = {}) {
  const folder = tempFolder('hubd-connectors-');
  const put = (from, name = from) =>
    fs.copyFileSync(path.join(TESTS, `${from}.so`), path.join(folder, `${name}.so`));
  const own = await startHubd({ connectors: [folder], ...options });
  const rescan = () => own.json('/v1/connectors/rescan', { method: 'POST' });
  try {
    await work({ hub: own, folder, put, rescan });
    await own.stop();
  } finally {
    if (own.running) await own.kill();
    own.discard();
    removeFolder(folder);
  }
}

test('a connector that is dropped in is there after a rescan, and away with its file', () =>
  withFolder(async ({ hub: own, folder, put, rescan }) => {
    assert.deepEqual((await own.json('/v1/connectors')).connectors, []);
    await own.refused(422, 'unknown_type', '/v1/jobs', { method: 'POST', json: { type: 'noop.run' } });
    put('noop');
    const { connectors } = await rescan();
    assert.deepEqual(connectors.map((one) => [one.name, one.health]), [['noop', 'ready']]);
    assert.equal((await own.run('noop.run')).state, 'succeeded');

    put('probe');
    assert.equal((await rescan()).connectors.length, 2);
    // A job whose process is still starting when its connector goes waits for its return.
    await own.run('probe.run', { do: 'succeed' });
    /* Its process is there now: an attempt that only waits for one is not held by it. */
    assert.equal((await own.run('probe.run', { do: 'succeed' })).state, 'succeeded');
    const running = await own.post('probe.run', { do: 'sleep', ms: 500 });
    await own.reaches(running.id, 'running');
    const waiting = await own.post('noop.run', {}, {
      run_at: new Date(Date.now() + 600).toISOString(),
    });
    fs.rmSync(path.join(folder, 'probe.so'));
    fs.rmSync(path.join(folder, 'noop.so'));
    await rescan();
    for (const type of ['probe.run', 'noop.run']) {
      await own.refused(422, 'unknown_type', '/v1/jobs',
        { method: 'POST', json: { type, input: { do: 'succeed' } } });
    }
    assert.equal((await own.finished(running.id)).state, 'succeeded', 'what runs ends');
    await own.reaches(waiting.id, 'queued');
    put('noop');
    await rescan();
    assert.equal((await own.finished(waiting.id)).state, 'succeeded', 'what waits goes on');
  }));

test('SIGHUP looks for connectors too', () =>
  withFolder(async ({ hub: own, put }) => {
    put('noop');
    own.signal('SIGHUP');
    await until(async () => (await own.json('/v1/connectors')).connectors.length === 1, 'a scan');
    assert.equal((await own.run('noop.run')).state, 'succeeded');
  }));

test('files that are not acceptable are listed with the reason, and disturb nobody', () =>
  withFolder(async ({ hub: own, folder, put, rescan }) => {
    put('noop');
    fs.writeFileSync(path.join(folder, 'text.so'), 'this is no shared object\n');
    fs.writeFileSync(path.join(folder, 'empty.so'), '');
    fs.copyFileSync('/lib/x86_64-linux-gnu/libm.so.6', path.join(folder, 'libm.so'));
    put('noop', 'writable');
    fs.chmodSync(path.join(folder, 'writable.so'), 0o777);
    fs.mkdirSync(path.join(folder, 'folder.so'));
    fs.writeFileSync(path.join(folder, 'README.md'), 'not looked at');
    if (process.getuid() === 0) {
      put('noop', 'foreign');
      fs.chownSync(path.join(folder, 'foreign.so'), 65534, 65534);
    }
    const { connectors } = await rescan();
    const refused = connectors.filter((one) => one.health === 'refused');
    const names = refused.map((one) => path.basename(one.file));
    const expected = ['empty.so', 'libm.so', 'text.so', 'writable.so',
      ...(process.getuid() === 0 ? ['foreign.so'] : [])];
    for (const name of expected) assert.ok(names.includes(name), `${name} in ${names}`);
    assert.ok(!names.includes('README.md'));
    for (const one of refused) {
      assert.ok(one.reason.length > 5, JSON.stringify(one));
      assert.deepEqual(one.operations, []);
      assert.equal(one.version, null);
    }
    assert.match(refused.find((one) => one.file.endsWith('writable.so')).reason, /writ/);
    assert.equal(connectors.find((one) => one.name === 'noop').health, 'ready');
    assert.equal((await own.run('noop.run')).state, 'succeeded');
  }));

test('of two with one name the earlier folder\'s wins', async () => {
  const [one, two] = [tempFolder('hubd-connectors-'), tempFolder('hubd-connectors-')];
  for (const folder of [one, two]) {
    fs.copyFileSync(path.join(TESTS, 'noop.so'), path.join(folder, 'noop.so'));
  }
  const own = await startHubd({ connectors: [one, two] });
  try {
    assert.equal((await own.json('/v1/connectors/noop')).file, path.join(one, 'noop.so'));
    assert.equal((await own.run('noop.run')).state, 'succeeded');
  } finally {
    await own.stop();
    [one, two].forEach(removeFolder);
  }
});

test('a folder that is not there is no reason not to start', async () => {
  const own = await startHubd({ connectors: ['/nonexistent/folder', TESTS] });
  try {
    assert.equal((await own.run('noop.run')).state, 'succeeded');
  } finally {
    await own.stop();
  }
});

test('two rescans at once: one is done, the other told to wait', async () => {
  const answers = await Promise.all(Array.from({ length: 5 }, () =>
    hub.fetch('/v1/connectors/rescan', { method: 'POST' })));
  const counts = { 200: 0, 409: 0 };
  for (const answer of answers) {
    counts[answer.status]++;
    if (answer.status === 200) await answered(answer, 200);
    else assert.equal((await answer.json()).code, 'conflict');
  }
  assert.equal(counts[200] + counts[409], 5);
  assert.ok(counts[200] >= 1);
});
