// A file of 1 GiB passes through hubd in both directions without being held in memory.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import { after, test } from 'node:test';

import { SANITIZED, sleep, startHubd } from './lib/hubd.mjs';
import { begin, response as answerOf } from './lib/http.mjs';

const MIB = 1 << 20;
const SIZE = SANITIZED ? 64 * MIB : 1024 * MIB; // instrumented memory says nothing
const ALLOWED = 16 * MIB;

const hub = await startHubd();
after(() => hub.stop());

const { bavail, bsize } = fs.statfsSync(hub.stateDir);
const options = {
  skip: bavail * bsize < 3 * SIZE && `needs ${(3 * SIZE) / MIB} MiB of free space`,
  timeout: 240_000,
};

/** How far RSS rose above where it was while `work` was done. */
async function growth(work) {
  const before = hub.memory('VmRSS');
  hub.resetPeak();
  await work();
  return hub.memory('VmHWM') - before;
}

/** One megabyte, another one for each number. */
function block(number) {
  const bytes = Buffer.alloc(MIB, 'hubd is here. ');
  bytes.writeUInt32LE(number, 0);
  return bytes;
}

let artifact;
const digest = createHash('sha256');

test('1 GiB up raises RSS by at most 16 MiB', options, async (t) => {
  await hub.download(await hub.upload(block(0))); // what is made once is there
  const rise = await growth(async () => {
    const request = begin({
      port: hub.port, key: hub.key, method: 'POST', path: '/v1/artifacts',
      headers: { 'content-length': String(SIZE) },
    });
    const answer = answerOf(request, 200_000);
    for (let n = 0; n < SIZE / MIB; n++) {
      const bytes = block(n);
      digest.update(bytes);
      if (!request.write(bytes)) await once(request, 'drain');
    }
    request.end();
    const message = await answer;
    const body = Buffer.concat(await message.toArray()).toString();
    assert.equal(message.statusCode, 201, body);
    artifact = JSON.parse(body);
  });
  assert.equal(artifact.size, SIZE);
  assert.equal(artifact.sha256, digest.digest('hex'));
  t.diagnostic(`RSS rose by ${(rise / MIB).toFixed(1)} MiB`);
  if (!SANITIZED) assert.ok(rise <= ALLOWED, `RSS rose by ${rise / MIB} MiB`);
});

test('1 GiB down raises RSS by at most 16 MiB', options, async (t) => {
  const hash = createHash('sha256');
  const rise = await growth(async () => {
    const request = begin({ port: hub.port, key: hub.key, path: artifact.url });
    request.end();
    for await (const chunk of await answerOf(request)) hash.update(chunk);
  });
  assert.equal(hash.digest('hex'), artifact.sha256);
  t.diagnostic(`RSS rose by ${(rise / MIB).toFixed(1)} MiB`);
  if (!SANITIZED) assert.ok(rise <= ALLOWED, `RSS rose by ${rise / MIB} MiB`);
});

test('clients that read slowly, or not at all, cost no memory', options, async (t) => {
  const rise = await growth(async () => {
    const requests = Array.from({ length: 20 }, () => {
      const request = begin({ port: hub.port, key: hub.key, path: artifact.url });
      request.on('error', () => {});
      request.end();
      return request;
    });
    const messages = await Promise.all(requests.map((request) => answerOf(request)));
    for (let turn = 0; turn < 20; turn++) {
      for (const message of messages) message.read(1000);
      await sleep(50);
      assert.equal((await hub.run('noop.run')).state, 'succeeded', 'others are served');
    }
    requests.forEach((request) => request.destroy());
  });
  t.diagnostic(`RSS rose by ${(rise / MIB).toFixed(1)} MiB`);
  if (!SANITIZED) assert.ok(rise <= ALLOWED, `RSS rose by ${rise / MIB} MiB`);
});

test('a client that sends slowly costs no memory, many of them neither', options, async (t) => {
  const rise = await growth(async () => {
    const requests = Array.from({ length: 20 }, () => {
      const request = begin({
        port: hub.port, key: hub.key, method: 'POST', path: '/v1/artifacts',
        headers: { 'content-length': String(SIZE) },
      });
      request.on('error', () => {});
      request.flushHeaders();
      return request;
    });
    for (let turn = 0; turn < 20; turn++) {
      requests.forEach((request) => request.write(Buffer.alloc(1000)));
      await sleep(20);
    }
    requests.forEach((request) => request.destroy());
  });
  t.diagnostic(`RSS rose by ${(rise / MIB).toFixed(1)} MiB`);
  if (!SANITIZED) assert.ok(rise <= ALLOWED, `RSS rose by ${rise / MIB} MiB`);
});
