// What the server does over time: keep-alive, bodies, deadlines, caps, half-closed clients, drain.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { Client, parseResponses, request, sleep, startServer } from './harness.mjs';

const GET = (target, fields = '') => `GET ${target} HTTP/1.1\r\nHost: x\r\n${fields}\r\n`;
const POST = (target, body, fields = `Content-Length: ${body.length}\r\n`) =>
  `POST ${target} HTTP/1.1\r\nHost: x\r\n${fields}\r\n${body}`;

async function withServer(t, args = []) {
  const server = await startServer({ args });
  t.after(() => server.kill('SIGKILL'));
  return server;
}

/** The server must give back all memory and handles when it ends. */
async function stopClean(server) {
  assert.equal(await server.stop(), 0);
}

async function waitFor(condition, ms = 3000) {
  for (const end = Date.now() + ms; Date.now() < end; await sleep(10)) {
    if (await condition()) return true;
  }
  return false;
}

test('answers', async (t) => {
  const server = await withServer(t);
  const { port } = server;

  await t.test('a connection serves many requests in order, also when they come at once', async () => {
    const client = await Client.connect(port);
    await client.write(GET('/delay?ms=60') + GET('/things/2') + POST('/v1/jobs', 'three') + GET('/things/4'));
    const responses = await client.got(4);
    assert.deepEqual(responses.map(({ body }) => body), ['later\n', '2', 'three', '4']);
    client.close();
  });

  await t.test('a request is understood as it was sent', async () => {
    const { responses } = await request(port, GET('/mirror?a=1&b', 'X-Odd:\t \xe9 y \t\r\nEmpty:\r\nConnection: close\r\n'));
    const seen = JSON.parse(responses[0].body);
    assert.equal(seen.path, '/mirror');
    assert.equal(seen.query, 'a=1&b');
    assert.equal(seen.keep_alive, false);
    assert.equal(seen.address, '127.0.0.1');
    assert.deepEqual(seen.headers, [['Host', 'x'], ['X-Odd', '\xef\xbf\xbd y'], ['Empty', ''], ['Connection', 'close']]);
    assert.match(responses[0].headers.date, /^\w{3}, \d{2} \w{3} \d{4} \d{2}:\d{2}:\d{2} GMT$/);
  });

  await t.test('HEAD, 204 and 304 have no body', async () => {
    const head = await request(port, 'HEAD /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', { head: true });
    assert.equal(head.responses[0].headers['content-length'], '6');
    assert.equal(head.rest, '');
    const no = await request(port, GET('/status/204') + GET('/status/304', 'Connection: close\r\n'));
    assert.deepEqual(no.responses.map(({ status }) => status), [204, 304]);
    assert.equal(no.responses[0].headers['content-length'], undefined);
    assert.equal(no.rest, '');
  });

  await t.test('HEAD of a stream and of a file', async () => {
    const head = (target) => `HEAD ${target} HTTP/1.1\r\nHost: x\r\n\r\n`;
    const client = await Client.connect(port);
    await client.write(head('/stream?pieces=3') + head('/files/CMakeLists.txt') + head('/healthz'));
    const responses = await client.got(3, 3000, { head: true });
    assert.deepEqual(responses.map(({ status }) => status), [200, 404, 200]);
    client.close();
  });

  await t.test('405 names the methods, 404 does not', async () => {
    const { responses } = await request(port, POST('/things/1', '') + GET('/nothing', 'Connection: close\r\n'));
    assert.equal(responses[0].status, 405);
    assert.equal(responses[0].headers.allow, 'GET, HEAD');
    assert.equal(responses[1].status, 404);
    assert.equal(responses[1].headers.allow, undefined);
  });

  await t.test('HTTP/1.0 gets a stream that ends with the connection', async () => {
    const { responses } = await request(port, 'GET /stream?pieces=5&size=1000 HTTP/1.0\r\n\r\n');
    assert.equal(responses[0].headers['transfer-encoding'], undefined);
    assert.equal(responses[0].body.length, 5000);
  });

  await t.test('a stream waits for a client that reads slowly', async () => {
    const client = await Client.connect(port);
    client.socket.pause();
    await client.write(GET('/stream?pieces=3000&size=10000', 'Connection: close\r\n'));
    await sleep(200);
    const { rss_kib: rss } = await server.stats();
    assert.ok(rss < 30000, `${rss} KiB while 30 MB wait`);
    client.socket.resume();
    assert.ok(await client.untilEnd(10000));
    assert.equal(client.responses()[0].body.length, 30000000);
  });

  await t.test('a handler that writes without regard is stopped, its client cut off', async () => {
    const client = await Client.connect(port);
    client.socket.pause();
    const before = await server.stats();
    await client.write(GET('/stream?pieces=100000&size=1000&rude=1'));
    assert.ok(await waitFor(async () => (await server.stats()).gone === before.gone + 1));
    const after = await server.stats();
    assert.ok(after.bytes_out - before.bytes_out < 30e6);
    client.close();
  });

  await stopClean(server);
});

test('bodies', async (t) => {
  const server = await withServer(t);
  const { port } = server;
  const EXPECT = 'Expect: 100-continue\r\n';

  await t.test('100 Continue is sent when the body is asked for, and only then', async () => {
    const client = await Client.connect(port);
    await client.write(POST('/held?ms=80', '', `${EXPECT}Content-Length: 5\r\n`));
    await sleep(30);
    assert.equal(client.text, '');
    assert.ok(await client.until((text) => text === 'HTTP/1.1 100 Continue\r\n\r\n'));
    await client.write('hello');
    const responses = await client.got(2);
    assert.equal(responses[1].body, 'hello');
    await client.write(GET('/healthz'));
    assert.equal((await client.got(3))[2].status, 200);
    client.close();
  });

  await t.test('no 100 Continue for a body that is too large, nor when it is on its way', async () => {
    const large = await request(port, POST('/v1/jobs', '', `${EXPECT}Content-Length: 9999999\r\n`));
    assert.deepEqual(large.responses.map(({ status }) => status), [413]);
    const present = await request(port, POST('/v1/jobs', 'hello', `${EXPECT}Connection: close\r\nContent-Length: 5\r\n`));
    assert.deepEqual(present.responses.map(({ status }) => status), [200]);
    const old = await request(port, `POST /v1/jobs HTTP/1.0\r\n${EXPECT}Content-Length: 5\r\n\r\nhello`);
    assert.deepEqual(old.responses.map(({ status }) => status), [200]);
  });

  await t.test('an answer instead of 100 Continue ends the connection', async () => {
    const { responses } = await request(port, POST('/early', '', `${EXPECT}Content-Length: 5\r\n`));
    assert.deepEqual(responses.map(({ status, headers }) => [status, headers.connection]), [[200, 'close']]);
  });

  await t.test('a small rest that nobody reads is dropped and the connection kept', async () => {
    for (const body of ['x'.repeat(60000), null]) {
      const client = await Client.connect(port);
      const chunks = `${'100\r\n'}${'y'.repeat(256)}\r\n`.repeat(100);
      await client.write(body ? POST('/early', body) : POST('/early', `${chunks}0\r\n\r\n`, 'Transfer-Encoding: chunked\r\n'));
      await client.write(GET('/healthz'));
      const responses = await client.got(2);
      assert.deepEqual(responses.map((r) => [r.status, r.headers.connection]), [[200, undefined], [200, undefined]]);
      client.close();
    }
  });

  await t.test('a large rest ends the connection, but the client sees the answer', async () => {
    for (const fields of ['Content-Length: 100000000\r\n', 'Transfer-Encoding: chunked\r\n']) {
      const client = await Client.connect(port);
      await client.write(POST('/early', '', fields));
      const piece = fields.includes('chunked') ? `1000\r\n${'z'.repeat(4096)}\r\n`.repeat(16) : 'z'.repeat(65536);
      for (let i = 0; i < 100 && !client.ended; i++) await client.write(piece);
      assert.ok(await client.untilEnd(4000));
      assert.equal(client.responses()[0]?.status, 200);
      client.close();
    }
  });

  await t.test('a limit of a streamed body', async () => {
    const small = await request(port, POST('/discard?limit=10', '0123456789', 'Content-Length: 10\r\nConnection: close\r\n'));
    assert.equal(small.responses[0].body, '10');
    const known = await request(port, POST('/discard?limit=10', '0123456789a'));
    assert.deepEqual([known.responses[0].status, known.responses[0].headers.connection], [413, 'close']);
    const counted = await request(port, POST('/discard?limit=10', 'b\r\n0123456789a\r\n0\r\n\r\n', 'Transfer-Encoding: chunked\r\n'));
    assert.deepEqual([counted.responses[0].status, counted.responses[0].headers.connection], [413, 'close']);
  });

  await t.test('a body that is asked for late', async () => {
    const client = await Client.connect(port);
    await client.write(POST('/held?ms=40', 'x'.repeat(300000)) + GET('/things/next'));
    const responses = await client.got(2);
    assert.deepEqual(responses.map(({ body }) => body.length), [300000, 4]);
    client.close();
  });

  await t.test('a paused handler holds the client back: 1 GiB, flat memory', { timeout: 60000 }, async () => {
    const before = (await server.stats()).rss_kib;
    const size = 2 ** 30;
    const client = await Client.connect(port);
    const piece = Buffer.alloc(1 << 20, 'x');
    let peak = 0;
    let sent = 0;
    await client.write(POST('/discard?pause=1', '', `Content-Length: ${size}\r\n`));
    const watch = setInterval(async () => { peak = Math.max(peak, (await server.stats()).rss_kib); }, 100);
    const end = Date.now() + 3000;
    while (sent < size && Date.now() < end) { // a while in slow motion…
      sent += piece.length;
      if (!client.socket.write(piece)) await once(client.socket, 'drain');
    }
    clearInterval(watch);
    assert.ok(sent < size / 2, 'the client was held back');
    assert.ok(peak - before < 4096, `grew by ${peak - before} KiB`);
    client.close();
    const fast = await Client.connect(port); // …and all of it at full speed
    await fast.write(POST('/discard', '', `Content-Length: ${size}\r\n`));
    for (sent = 0; sent < size; sent += piece.length) {
      if (!fast.socket.write(piece)) await once(fast.socket, 'drain');
    }
    assert.equal((await fast.got(1, 20000))[0].body, String(size));
    fast.close();
    assert.ok((await server.stats()).rss_kib - before < 4096);
  });

  await stopClean(server);
});

test('clients that go', async (t) => {
  const server = await withServer(t);
  const { port } = server;

  await t.test('who waits for a client that goes is told', async () => {
    const before = (await server.stats()).gone;
    const client = await Client.connect(port);
    await client.write(GET('/delay?ms=5000'));
    await sleep(50);
    client.close();
    assert.ok(await waitFor(async () => (await server.stats()).gone === before + 1, 1000));
  });

  await t.test('a client that only shuts its side still gets its answer', async () => {
    const halfClose = async (bytes) => {
      const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
      socket.end(bytes);
      let text = '';
      for await (const data of socket) text += data;
      return parseResponses(text).responses.map(({ body }) => body);
    };
    const begin = Date.now();
    // Nobody need wait for it any longer, though: the handler hears of it and answers early.
    assert.deepEqual(await halfClose(GET('/delay?ms=5000')), ['later\n']);
    assert.ok(Date.now() - begin < 1000);
    assert.deepEqual(await halfClose(POST('/v1/jobs', 'a') + POST('/held', 'b')), ['a', 'b']);
  });

  await t.test('an upload cut short ends without an answer, and its handler hears of it', async () => {
    const before = (await server.stats()).gone;
    for (const fields of ['Content-Length: 1000\r\n', 'Transfer-Encoding: chunked\r\n']) {
      const { text } = await new Promise((resolve) => {
        const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
        let received = '';
        socket.on('data', (data) => { received += data; });
        socket.on('close', () => resolve({ text: received }));
        socket.end(POST('/discard', '', fields));
      });
      assert.equal(text, '');
    }
    assert.equal((await server.stats()).gone, before + 2);
    const buffered = await Client.connect(port);
    await buffered.write(POST('/v1/jobs', 'abc', 'Content-Length: 1000\r\n'));
    await sleep(20);
    buffered.socket.resetAndDestroy();
  });

  await t.test('streams whose client resets', async () => {
    const before = (await server.stats()).gone;
    const clients = await Promise.all(Array.from({ length: 20 }, () => Client.connect(port)));
    for (const client of clients) {
      client.socket.pause();
      await client.write(GET('/stream?pieces=100000&size=10000'));
    }
    await sleep(50);
    for (const client of clients) client.socket.resetAndDestroy();
    assert.ok(await waitFor(async () => (await server.stats()).gone === before + 20));
    assert.equal((await server.stats()).open, 1);
  });

  await stopClean(server);
});

test('deadlines', async (t) => {
  const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'hubd-http-'));
  t.after(() => fs.rm(folder, { recursive: true }));
  await fs.writeFile(path.join(folder, 'big'), '');
  await fs.truncate(path.join(folder, 'big'), 1e9);
  const server = await withServer(t, ['--files', folder, '--header-ms', '400', '--idle-ms', '600', '--write-ms', '500',
    '--body-grace-ms', '300', '--body-min-rate', '10000']);
  const { port } = server;
  const timed = async (client, ms = 4000) => {
    const begin = Date.now();
    assert.ok(await client.untilEnd(ms), 'not closed');
    return Date.now() - begin;
  };

  await t.test('a connection that says nothing is closed without a word', async () => {
    const client = await Client.connect(port);
    const took = await timed(client);
    assert.equal(client.text, '');
    assert.ok(took > 300 && took < 900, `${took} ms`);
  });

  await t.test('a header block has until its deadline, however busily it drips', async () => {
    const client = await Client.connect(port);
    await client.write('GET /healthz HTTP/1.1\r\nHost: x\r\n');
    const drip = setInterval(() => client.write('X: 1\r\n'), 20);
    const took = await timed(client);
    clearInterval(drip);
    assert.equal(client.responses()[0].status, 408);
    assert.ok(took > 300 && took < 900, `${took} ms`);
  });

  await t.test('an idle connection is closed without a word', async () => {
    const client = await Client.connect(port);
    await client.write(GET('/healthz'));
    await client.got(1);
    const took = await timed(client);
    assert.equal(client.responses().length, 1);
    assert.ok(took > 500 && took < 1200, `${took} ms`);
  });

  await t.test('a body must keep its rate', async () => {
    for (const target of ['/v1/jobs', '/discard']) {
      const client = await Client.connect(port);
      await client.write(POST(target, '', 'Content-Length: 100000\r\n'));
      const drip = setInterval(() => client.write('x'.repeat(20)), 20); // 1,000 bytes a second
      const took = await timed(client);
      clearInterval(drip);
      assert.equal(client.responses()[0].status, 408, target);
      assert.ok(took > 250 && took < 1500, `${took} ms`);
    }
  });

  await t.test('a body that is fast enough may take its time', async () => {
    const client = await Client.connect(port);
    await client.write(POST('/discard', '', 'Content-Length: 40000\r\n'));
    for (let i = 0; i < 20; i++) {
      await client.write('x'.repeat(2000));
      await sleep(60); // 33 KB a second for 1.2 s
    }
    assert.equal((await client.got(1))[0].body, '40000');
    client.close();
  });

  await t.test('the time that a handler pauses is not counted', async () => {
    const client = await Client.connect(port);
    await client.write(POST('/discard?pause=1000', '', 'Content-Length: 10\r\n').concat('01234'));
    await sleep(900);
    await client.write('56789');
    assert.equal((await client.got(1, 4000))[0]?.body, '10');
    client.close();
  });

  await t.test('a client that does not read its answer is cut off', async () => {
    for (const target of ['/stream?pieces=100000&size=10000', '/files/big']) {
      const client = await Client.connect(port);
      client.socket.pause();
      const open = (await server.stats()).open;
      await client.write(GET(target));
      assert.ok(await waitFor(async () => (await server.stats()).open < open, 4000), target);
      client.close();
    }
  });

  await t.test('a running handler has no deadline', async () => {
    const client = await Client.connect(port);
    await client.write(GET('/delay?ms=1500'));
    assert.equal((await client.got(1, 4000))[0].status, 200);
    client.close();
  });

  await stopClean(server);
});

test('caps', async (t) => {
  await t.test('connections of one address', async (t2) => {
    const server = await withServer(t2, ['--per-address', '5']);
    const clients = await Promise.all(Array.from({ length: 5 }, () => Client.connect(server.port)));
    for (const client of clients) {
      await client.write(GET('/healthz'));
      assert.equal((await client.got(1)).length, 1);
    }
    const sixth = await Client.connect(server.port);
    assert.ok(await sixth.untilEnd());
    clients[0].close();
    await sleep(50);
    assert.equal((await server.stats()).refused, 1);
    for (const client of clients) client.close();
    await stopClean(server);
  });

  await t.test('connections in all, Unix sockets too', async (t2) => {
    const file = path.join(os.tmpdir(), `hubd-caps-${process.pid}.sock`);
    const server = await withServer(t2, ['--connections', '3', '--unix', file]);
    const clients = await Promise.all([server.port, file, file].map((target) => Client.connect(target)));
    for (const client of clients) {
      await client.write(GET('/healthz'));
      assert.equal((await client.got(1)).length, 1);
    }
    const fourth = await Client.connect(server.port);
    assert.ok(await fourth.untilEnd());
    for (const client of clients) client.close();
    await stopClean(server);
  });

  await t.test('requests of one connection', async (t2) => {
    const server = await withServer(t2, ['--requests', '3']);
    const { responses } = await request(server.port, GET('/healthz').repeat(5));
    assert.deepEqual(responses.map(({ headers }) => headers.connection), [undefined, undefined, 'close']);
    await stopClean(server);
  });

  await t.test('running out of descriptors costs the newcomers only', async (t2) => {
    const server = await withServer(t2, ['--connections', '100000']);
    const good = await Client.connect(server.port);
    await good.write(GET('/healthz'));
    await good.got(1);
    // prlimit(1) sets the limit of the running server.
    const { spawnSync } = await import('node:child_process');
    assert.equal(spawnSync('prlimit', ['--pid', String(server.pid), '--nofile=60:60']).status, 0);
    const flood = await Promise.all(Array.from({ length: 100 }, () => Client.connect(server.port)));
    await sleep(200);
    await good.write(GET('/healthz'));
    assert.equal((await good.got(2))[1].status, 200);
    assert.ok(flood.some(({ ended }) => ended), 'nobody was turned away');
    for (const client of flood) client.close();
    assert.ok(await waitFor(async () => (await server.stats()).open === 2));
    good.close();
    await stopClean(server);
  });
});

test('Unix sockets', async (t) => {
  const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'hubd-http-'));
  t.after(() => fs.rm(folder, { recursive: true }));
  const file = path.join(folder, 'hubd.sock');
  const first = await withServer(t, ['--unix', file]);
  assert.equal((await fs.stat(file)).mode & 0o777, 0o660);

  await t.test('the peer is known', async () => {
    const { responses } = await request(file, GET('/mirror', 'Connection: close\r\n'));
    const { unix, uid, address } = JSON.parse(responses[0].body);
    assert.deepEqual({ unix, uid, address }, { unix: true, uid: process.getuid(), address: '' });
  });

  await t.test('a socket that is in use is not taken', async () => {
    await assert.rejects(startServer({ args: ['--unix', file] }));
    await assert.rejects(startServer({ args: ['--unix', folder] }));
    await assert.rejects(startServer({ args: ['--unix', path.join(folder, 'x'.repeat(200))] }));
    assert.equal((await request(file, GET('/healthz', 'Connection: close\r\n'))).responses.length, 1);
  });

  await t.test('a stale socket is replaced, and removed at the end', async () => {
    first.kill('SIGKILL');
    await first.exited;
    const second = await withServer(t, ['--unix', file]);
    assert.equal((await request(file, GET('/healthz', 'Connection: close\r\n'))).responses.length, 1);
    await stopClean(second);
    await assert.rejects(fs.stat(file));
  });
});

test('drain: what runs is finished, what is idle is closed, nobody new comes in', async (t) => {
  const server = await withServer(t);
  const idle = await Client.connect(server.port);
  await idle.write(GET('/healthz'));
  await idle.got(1);
  const silent = await Client.connect(server.port);
  const busy = await Client.connect(server.port);
  await busy.write(GET('/delay?ms=400') + GET('/healthz'));
  await sleep(50);
  server.kill('SIGTERM');
  assert.ok(await idle.untilEnd(300), 'idle');
  await assert.rejects(Client.connect(server.port));
  const responses = await busy.got(1);
  assert.deepEqual(responses.map(({ status, headers }) => [status, headers.connection]), [[200, 'close']]);
  assert.ok(await busy.untilEnd());
  assert.ok(await silent.untilEnd(3000), 'silent');
  const [code] = await server.exited;
  assert.equal(code, 0);
});
