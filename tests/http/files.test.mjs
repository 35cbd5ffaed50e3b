// Files by sendfile(2): whole, in part, to slow clients and to clients that leave.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { Client, sleep, startServer } from './harness.mjs';

const SIZE = 100 * 1024 * 1024;
const GET = (target) => `GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`;

function download(port, target, { slow = false, agent = false } = {}) {
  return new Promise((resolve, reject) => {
    http.get({ port, host: '127.0.0.1', path: target, agent }, async (response) => {
      const hash = createHash('sha256');
      let length = 0;
      let reads = 0;
      try {
        for await (const data of response) {
          hash.update(data);
          length += data.length;
          if (slow && ++reads % 100 === 0) await sleep(5);
        }
        resolve({ length, sha256: hash.digest('hex'), headers: response.headers });
      } catch (error) { reject(error); }
    }).on('error', reject);
  });
}

test('files', { timeout: 60000 }, async (t) => {
  const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'hubd-files-'));
  t.after(() => fs.rm(folder, { recursive: true }));
  const piece = randomBytes(1 << 20);
  const big = Buffer.concat(Array.from({ length: SIZE >> 20 }, () => piece));
  await fs.writeFile(path.join(folder, 'big'), big);
  await fs.writeFile(path.join(folder, 'empty'), '');
  await fs.writeFile(path.join(folder, 'small'), 'small');
  const sha256 = createHash('sha256').update(big).digest('hex');
  const server = await startServer({ args: ['--files', folder] });
  t.after(() => server.kill('SIGKILL'));
  const { port } = server;

  await t.test('100 MiB arrive whole, several times on one connection', async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    for (let i = 0; i < 3; i++) {
      const got = await download(port, '/files/big', { agent });
      assert.equal(got.length, SIZE);
      assert.equal(got.sha256, sha256);
    }
    agent.destroy();
  });

  await t.test('many slow clients at once do not hold up a fast one', async () => {
    const slow = Array.from({ length: 12 }, () => download(port, '/files/big?len=20000000', { slow: true }));
    const begin = Date.now();
    const fast = await download(port, '/files/small');
    assert.ok(Date.now() - begin < 500);
    assert.equal(fast.length, 5);
    const expected = createHash('sha256').update(big.subarray(0, 20000000)).digest('hex');
    for (const got of await Promise.all(slow)) assert.equal(got.sha256, expected);
  });

  await t.test('clients that never read do not use up the pool of threads', async () => {
    const stuck = await Promise.all(Array.from({ length: 12 }, () => Client.connect(port)));
    for (const client of stuck) {
      client.socket.pause();
      await client.write(GET('/files/big'));
    }
    await sleep(100);
    assert.equal((await download(port, '/files/big')).sha256, sha256);
    for (const client of stuck) client.socket.resetAndDestroy();
  });

  await t.test('a part, an empty file, requests behind a file', async () => {
    const client = await Client.connect(port);
    await client.write(GET('/files/small?from=1&len=3') + GET('/files/empty') + GET('/files/small') + GET('/healthz'));
    const responses = await client.got(4);
    assert.deepEqual(responses.map(({ body }) => body), ['mal', '', 'small', 'hello\n']);
    client.close();
  });

  await t.test('a client that shuts its side gets all of it', async () => {
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    socket.end(GET('/files/big'));
    let length = 0;
    for await (const data of socket) length += data.length;
    assert.ok(length > SIZE, `${length}`);
  });

  await t.test('a file that is shorter than promised ends the connection', async () => {
    const client = await Client.connect(port);
    await client.write(GET('/files/small?len=1000'));
    assert.ok(await client.untilEnd());
    assert.ok(client.text.endsWith('\r\n\r\nsmall'));
  });

  await t.test('clients that leave in the middle', async () => {
    for (let i = 0; i < 60; i++) {
      const client = await Client.connect(port);
      await client.write(GET('/files/big'));
      await client.until((text) => text.length > i * 50000);
      if (i % 2) client.socket.resetAndDestroy();
      else client.close();
    }
    for (let i = 0; i < 100 && (await server.stats()).open > 1; i++) await sleep(10);
    assert.equal((await server.stats()).open, 1);
    const descriptors = await fs.readdir(`/proc/${server.pid}/fd`);
    assert.ok(descriptors.length < 25, `${descriptors.length} descriptors`);
  });

  await t.test('all memory and handles are given back', async () => assert.equal(await server.stop(), 0));
});
