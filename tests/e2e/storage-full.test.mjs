// A full disk: 507 for new work, what runs ends, nothing accepted is lost, and it passes.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import { answered, removeFolder, sleep, startHubd, tempFolder, until } from './lib/hubd.mjs';
import { assertProblem } from './lib/problem.mjs';

const MIB = 1 << 20;
const run = (...command) => spawnSync(command[0], command.slice(1), { encoding: 'utf8' });

/** Mounts a small file system; null where that is not allowed. */
function mountSmall(mib) {
  if (process.getuid() !== 0) return null;
  const folder = tempFolder('hubd-small-');
  const { status } = run('mount', '-t', 'tmpfs', '-o', `size=${mib}m,mode=0700`, 'tmpfs', folder);
  if (status === 0) return folder;
  removeFolder(folder);
  return null;
}

const probe = mountSmall(1);
if (probe !== null) {
  run('umount', probe);
  removeFolder(probe);
}
const options = { skip: probe === null && 'needs root, to mount a small file system' };

async function onSmallDisk(mib, flags, work) {
  const folder = mountSmall(mib);
  const stateDir = path.join(folder, 'state');
  const filler = path.join(folder, 'filler');
  const free = () => {
    const { bavail, bsize } = fs.statfsSync(folder);
    return bavail * bsize;
  };
  /** Fills the disk until less than `left` bytes are free. */
  const fill = (left) => {
    const fd = fs.openSync(filler, 'a');
    try {
      for (let size = 256 * 1024; size >= 4096; size /= 2) {
        while (free() >= left + size) fs.writeSync(fd, Buffer.alloc(size));
      }
    } catch (error) {
      assert.equal(error.code, 'ENOSPC');
    } finally {
      fs.closeSync(fd);
    }
  };
  const empty = () => fs.rmSync(filler, { force: true });
  let hub = await startHubd({ stateDir, flags });
  try {
    await work({
      hub, free, fill, empty,
      restart: async () => {
        await hub.stop();
        hub = await startHubd({ stateDir, flags });
        return hub;
      },
    });
    await hub.stop();
  } finally {
    if (hub.running) await hub.kill();
    run('umount', folder);
    removeFolder(folder);
  }
}

const isReady = async (hub) => (await hub.fetch('/readyz')).status === 200;

test('below the reserve new work is refused, everything else goes on', options, () =>
  onSmallDisk(192, { storage_reserve_bytes: 16 * MIB }, async ({ hub, fill, empty }) => {
    const artifact = await hub.upload(Buffer.alloc(100_000, 'x'));
    const running = await hub.post('aprobe.run', { do: 'sleep', ms: 1500, result: { done: true } });
    const making = await hub.post('probe.run', { do: 'artifact', ms: 1500, bytes: 50_000 });
    const waiting = await hub.post('noop.run', {}, { run_at: new Date(Date.now() + 1500) });
    await hub.reaches(running.id, 'running');
    fill(8 * MIB);
    await until(async () => !await isReady(hub), 'hubd sees it');

    const refused = await assertProblem(await hub.send('/v1/jobs', { type: 'noop.run' }), 507,
      'storage_full');
    assert.ok(refused.detail);
    await assertProblem(await hub.fetch('/v1/artifacts', { method: 'POST', body: 'x' }), 507,
      'storage_full');
    const ready = await hub.fetch('/readyz');
    assert.equal((await answered(ready, 503)).status, 'storage_full');
    assert.equal((await answered(await hub.fetch('/healthz'), 200)).status, 'ok');
    assert.equal(await hub.metric('store_full'), 1);

    assert.equal((await hub.download(artifact)).length, 100_000, 'what is there can be read');
    for (const job of [running, making, waiting]) {
      assert.equal((await hub.finished(job.id)).state, 'succeeded', 'what was accepted ends');
    }
    assert.equal((await hub.fetch(`/v1/jobs/${waiting.id}`, { method: 'DELETE' })).status, 204);

    empty();
    await until(() => isReady(hub), 'hubd sees that there is space again');
    assert.equal((await hub.run('noop.run')).state, 'succeeded');
    await hub.upload('x');
  }));

test('on a disk without one free byte nothing that was accepted is lost', options, () =>
  onSmallDisk(160, { storage_reserve_bytes: 0 }, async ({ hub, free, fill, empty, restart }) => {
    const accepted = [];
    const post = () => hub.send('/v1/jobs', { type: 'noop.run', input: { pad: 'x'.repeat(3000) } });
    accepted.push((await answered(await post(), 202)).id);
    const running = await hub.post('aprobe.run', { do: 'sleep', ms: 1000 });
    await hub.reaches(running.id, 'running');
    fill(0);
    assert.ok(free() < 4096);

    let refusals = 0;
    for (let n = 0; n < 20_000 && refusals < 20; n++) {
      const response = await post();
      if (response.status === 202) {
        accepted.push((await response.json()).id);
      } else {
        assert.ok([503, 507].includes(response.status), `${response.status}`);
        assert.ok(Number(response.headers.get('retry-after')) >= 1);
        await response.arrayBuffer();
        refusals++;
        await sleep(20);
      }
    }
    assert.equal(refusals, 20, 'the disk is full');
    const upload = await hub.fetch('/v1/artifacts', { method: 'POST', body: Buffer.alloc(MIB) });
    assert.ok([503, 507].includes(upload.status), `${upload.status}`);
    assert.equal((await answered(await hub.fetch('/healthz'), 200)).status, 'ok');

    await sleep(1200); // the running job ends while its end cannot be written
    empty();
    assert.equal((await hub.finished(running.id)).state, 'succeeded');
    await until(async () => (await post()).status === 202, 'new work is taken again');
    const again = await restart();
    for (const id of accepted) {
      assert.equal((await again.finished(id)).state, 'succeeded', id);
    }
  }));
