// A disk that fails and a database that is damaged, under a hubd that lives on.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import { BUILD, answered, removeFolder, startHubd, tempFolder, until } from './lib/hubd.mjs';
import { assertProblem } from './lib/problem.mjs';

const readiness = async (hub) => (await (await hub.fetch('/readyz')).json()).status;

/** A hubd on a disk that fails when it is told to: `disk.fail('sync')`, `disk.heal()`. */
async function onBadDisk(t, work) {
  const folder = tempFolder();
  t.after(() => removeFolder(folder));
  const stateDir = path.join(folder, 'state');
  const word = path.join(folder, 'fails');
  const env = {
    LD_PRELOAD: path.join(BUILD, 'tests', 'bad_disk.so'), BAD_DISK: word,
    ASAN_OPTIONS: 'detect_leaks=1:abort_on_error=0:handle_abort=0:verify_asan_link_order=0',
  };
  const disk = {
    fail: (what) => { fs.writeFileSync(`${word}~`, what); fs.renameSync(`${word}~`, word); },
    heal: () => fs.rmSync(word, { force: true }),
  };
  let hub = await startHubd({ stateDir, env });
  t.after(() => hub.running && hub.kill());
  const again = async () => { hub = await startHubd({ stateDir, env }); return hub; };
  await work({ hub, disk, again });
  await hub.stop();
}

for (const call of ['sync', 'write']) {
  test(`a commit that fails (${call}): 503, nothing of it is there, and then work goes on`, (t) =>
    onBadDisk(t, async ({ hub, disk, again }) => {
      const running = await hub.post('aprobe.run', { do: 'sleep', ms: 300, result: { done: true } });
      await hub.reaches(running.id, 'running');
      const accepted = [running.id, (await hub.run('noop.run')).id];
      const headers = { 'idempotency-key': 'the-same' };

      disk.fail(call);
      const refused = await Promise.all(Array.from({ length: 30 }, () =>
        hub.send('/v1/jobs', { type: 'noop.run' })));
      for (const response of refused) await assertProblem(response, 503, 'io_error');
      await assertProblem(await hub.send('/v1/jobs', { type: 'noop.run' }, { headers }), 503, 'io_error');
      assert.equal(await readiness(hub), 'storage_failing');
      assert.equal(await hub.metric('store_failing'), 1);
      assert.equal((await hub.fetch('/healthz')).status, 200);

      disk.heal();
      await until(async () => await readiness(hub) === 'ok', 'ready again, though nobody has asked');
      const { jobs } = await hub.json('/v1/jobs');
      assert.deepEqual(new Set(jobs.map(({ id }) => id)), new Set(accepted), 'only what was accepted');
      assert.equal((await hub.finished(running.id)).state, 'succeeded', 'its end was written late');
      const post = () => hub.send('/v1/jobs', { type: 'noop.run' }, { headers });
      const job = await answered(await post(), 202);
      assert.equal((await answered(await post(), 202)).id, job.id, 'the key was free, and is taken');
      accepted.push(job.id);
      assert.match(hub.log(), /transaction lost/);
      assert.match(hub.log(), /writing works again/);

      await hub.kill();
      const next = await again();
      const after = (await next.json('/v1/jobs')).jobs.map(({ id }) => id);
      for (const id of accepted) assert.ok(after.includes(id), `${id} was accepted`);
    }));
}

// SQLite takes a page that the disk does not give for a damaged one; so do we.
test('a read that fails: 503, and no new work until somebody has looked', (t) =>
  onBadDisk(t, async ({ hub, disk, again }) => {
    const ids = [];
    for (let n = 0; n < 50; n++) {
      ids.push((await hub.post('noop.run', { pad: 'x'.repeat(3000) })).id);
    }
    for (const id of ids) await hub.finished(id);
    await hub.stop();
    const second = await again();
    disk.fail('read');
    await assertProblem(await second.fetch(`/v1/jobs/${ids[25]}`), 503, 'corrupt');
    disk.heal();
    assert.equal((await second.job(ids[25])).state, 'succeeded');
    assert.doesNotMatch(second.log(), /error=internal/, 'the connection is as it was');
    assert.equal(await readiness(second), 'storage_damaged');
    await assertProblem(await second.send('/v1/jobs', { type: 'noop.run' }), 503, 'corrupt');
    await second.stop();
    const third = await again();
    assert.equal((await third.run('noop.run')).state, 'succeeded');
  }));

test('a damaged database: 503 with the reason, no new work, and what is sound is served', async (t) => {
  const stateDir = tempFolder();
  t.after(() => removeFolder(stateDir));
  let hub = await startHubd({ stateDir });
  t.after(() => hub.running && hub.kill());
  const ids = [];
  for (let n = 0; n < 200; n++) {
    ids.push((await hub.post('noop.run', { mark: `<${n}>`, pad: 'x'.repeat(500) })).id);
  }
  for (const id of ids) await hub.finished(id);
  await hub.stop();

  // The page with the 100th job's input, which is a leaf of the table of jobs.
  const file = path.join(stateDir, 'hubd.db');
  const bytes = fs.readFileSync(file);
  const size = bytes.readUInt16BE(16);
  const at = bytes.indexOf('"<100>"');
  assert.ok(at > 0);
  bytes.fill(0xa5, at - at % size, at - at % size + size);
  fs.writeFileSync(file, bytes);

  hub = await startHubd({ stateDir });
  assert.equal(await readiness(hub), 'ok', 'nobody has seen it yet');
  await assertProblem(await hub.fetch(`/v1/jobs/${ids[100]}`), 503, 'corrupt');
  const ready = await hub.fetch('/readyz');
  assert.equal((await answered(ready, 503)).status, 'storage_damaged');
  assert.equal(await hub.metric('store_damaged'), 1);
  await assertProblem(await hub.send('/v1/jobs', { type: 'noop.run' }), 503, 'corrupt');
  await assertProblem(await hub.fetch('/v1/artifacts', { method: 'POST', body: 'x' }), 503, 'corrupt');
  assert.equal((await hub.job(ids[0])).state, 'succeeded');
  assert.equal((await hub.job(ids[199])).state, 'succeeded');
  assert.equal(hub.log().match(/the database is damaged/g).length, 1, 'said once');
  await hub.stop();
});
