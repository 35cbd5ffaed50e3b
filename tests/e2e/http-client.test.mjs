// The HTTP client that the runner offers connectors, against servers that misbehave.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import path from 'node:path';
import { after, test } from 'node:test';
import zlib from 'node:zlib';

import { BUILD, SANITIZED, SLOW, tempFolder } from './lib/hubd.mjs';

const TOOL = path.join(BUILD, 'tests', 'http_client_tool');
const OK = 0, INVALID = 1, BLOCKED = 2, DNS = 3, CONNECT = 4, TLS = 5, TIMEOUT = 6, TOO_LARGE = 7,
  BROKEN = 8, REDIRECT = 9, SINK = 10, SOURCE = 11;
const DECODE = 1, REPLAY = 2, PUBLIC = 4, SECURE = 16;
const NEVER_SENT = 0, MAY_HAVE_ARRIVED = 1;

const open = [];
after(() => open.forEach((server) => server.close()));

/** Starts a server on a free port of 127.0.0.1; gives the port. */
async function listen(server, backlog = 4096) {
  open.push(server);
  server.listen({ port: 0, host: '127.0.0.1', backlog });
  await once(server, 'listening');
  return server.address().port;
}

/** A server that is a function of the socket: raw bytes. */
const raw = (serve) => listen(net.createServer((socket) => {
  socket.on('error', () => {});
  serve(socket);
}));

/** Runs requests in one client; gives all answers, by the order in which they came. */
async function client(requests, config = {}, { ms = 30_000 } = {}) {
  const child = spawn(TOOL, [JSON.stringify({ hosts: ['*'], private: '127.0.0.1', ...config })],
    { stdio: ['pipe', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr']) {
    child[name].setEncoding('utf8').on('data', (text) => { output[name] += text; });
  }
  const timer = setTimeout(() => child.kill('SIGKILL'), ms * SLOW);
  child.stdin.end([requests].flat().map((one) => JSON.stringify(one)).join('\n'));
  const [code, signal] = await once(child, 'close');
  clearTimeout(timer);
  assert.equal(signal ?? code, 0, output.stderr.slice(-4000));
  assert.equal(output.stderr, '');
  return output.stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
}

const one = async (request, config) => {
  const answers = await client(request, config);
  assert.equal(answers.length, 1);
  return answers[0];
};

const fixed = (text) => `HTTP/1.1 200 OK\r\nContent-Length: ${text.length}\r\n\r\n${text}`;

test('what is not HTTP, or ends too soon, is broken', async () => {
  const answers = {
    'nothing at all': '',
    'half a head': 'HTTP/1.1 200 OK\r\nContent-',
    'too short a body': 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc',
    'no HTTP': 'SSH-2.0-OpenSSH_9.2\r\n',
    'HTTP/0.9': '<html>hello</html>',
    'a bad chunk': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n',
    'no last chunk': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n',
    'no gzip': 'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc',
  };
  for (const [what, bytes] of Object.entries(answers)) {
    const port = await raw((socket) => socket.once('data', () => socket.end(bytes)));
    const answer = await one({ url: `http://127.0.0.1:${port}/`, flags: DECODE });
    assert.equal(answer.error, BROKEN, `${what}: ${JSON.stringify(answer)}`);
    assert.equal(answer.sent, MAY_HAVE_ARRIVED);
    assert.match(answer.message, /^127\.0\.0\.1: .+\.$/);
  }
});

test('answers in pieces, without a length, with trailers and with 1xx before them', async () => {
  const port = await raw((socket) => socket.once('data', () => {
    const bytes = 'HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\nHTTP/1.1 200 OK\r\nX-A: 1\r\n' +
      'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\nX-Late: 1\r\n\r\n';
    let at = 0;
    const timer = setInterval(() => {
      socket.write(bytes.slice(at, at += 7));
      if (at >= bytes.length) clearInterval(timer);
    }, 1);
  }));
  const chunked = await one({ url: `http://127.0.0.1:${port}/` });
  assert.equal(chunked.body, 'hello world');
  assert.deepEqual(chunked.headers.map(([name]) => name), ['x-a', 'transfer-encoding']);
  const close = await raw((socket) => socket.once('data', () =>
    socket.end('HTTP/1.0 200 OK\r\n\r\nuntil the end')));
  assert.equal((await one({ url: `http://127.0.0.1:${close}/` })).body, 'until the end');
});

test('limits of the answer', async () => {
  const port = await listen(http.createServer((request, response) => {
    const size = Number(request.url.slice(1));
    response.end(Buffer.alloc(size, 'x'));
  }));
  const url = (size) => `http://127.0.0.1:${port}/${size}`;
  assert.equal((await one({ url: url(1000), response_max: 1000 })).bytes, 1000);
  assert.equal((await one({ url: url(1001), response_max: 1000 })).error, TOO_LARGE);
  assert.equal((await one({ url: url(256 << 10) })).bytes, 256 << 10);
  assert.equal((await one({ url: url((256 << 10) + 1) })).error, TOO_LARGE);
  const bomb = await listen(http.createServer((request, response) =>
    response.setHeader('content-encoding', 'gzip').end(zlib.gzipSync(Buffer.alloc(64 << 20)))));
  assert.equal((await one({ url: `http://127.0.0.1:${bomb}/`, flags: DECODE })).error, TOO_LARGE);
  const endless = await raw((socket) => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\n');
      const timer = setInterval(() => socket.write(`X-A: ${'a'.repeat(8000)}\r\n`), 1);
      socket.on('close', () => clearInterval(timer));
    });
  });
  assert.equal((await one({ url: `http://127.0.0.1:${endless}/` })).error, TOO_LARGE);
});

test('files: streamed out, streamed in, and what can go wrong with them', async () => {
  const folder = tempFolder();
  const [from, to] = [path.join(folder, 'from'), path.join(folder, 'to')];
  const bytes = Buffer.alloc(20 << 20, 'some bytes of a file, ');
  fs.writeFileSync(from, bytes);
  let got;
  const port = await listen(http.createServer(async (request, response) => {
    const parts = [];
    try {
      for await (const part of request) parts.push(part);
    } catch {
      return; // it has gone
    }
    got = Buffer.concat(parts);
    response.statusCode = Number(request.url.slice(1));
    response.end(got);
  }));
  const url = `http://127.0.0.1:${port}/200`;
  const request = { url, method: 'PUT', body_file: from, sink: to };
  const answer = await one(request);
  assert.equal(answer.error, OK, JSON.stringify(answer).slice(0, 500));
  assert.equal(answer.bytes, bytes.length);
  assert.equal(answer.body, '');
  assert.ok(got.equals(bytes));
  assert.ok(fs.readFileSync(to).equals(bytes));
  const failed = await one({ ...request, url: `http://127.0.0.1:${port}/500` });
  assert.equal(failed.status, 500);
  assert.equal(failed.body.length, 64 << 10, 'explains itself, not in the file');
  assert.equal(fs.statSync(to).size, 0);
  assert.equal((await one({ ...request, response_max: 1 << 20 })).error, TOO_LARGE);
  assert.equal((await one(request, { file_max: 1 << 20 })).error, TOO_LARGE);
  assert.equal((await one({ ...request, sink: '/dev/full' })).error, SINK);
  assert.equal((await one({ ...request, body_file_lies: 10 })).error, SOURCE);
});

test('timeouts, and whether the request was sent', async () => {
  const silent = await raw(() => {});
  const answer = await one({ url: `http://127.0.0.1:${silent}/`, timeout_ms: 200 });
  assert.deepEqual([answer.error, answer.sent], [TIMEOUT, MAY_HAVE_ARRIVED]);
  const drip = await raw((socket) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n');
    const timer = setInterval(() => socket.write('x'), 20);
    socket.on('close', () => clearInterval(timer));
  });
  const slow = await one({ url: `http://127.0.0.1:${drip}/`, timeout_ms: 300 });
  assert.deepEqual([slow.error, slow.status], [TIMEOUT, 200]);
  const mute = await raw((socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx'));
  const began = Date.now();
  const idle = await one({ url: `http://127.0.0.1:${mute}/`, idle_timeout_ms: 1000 });
  assert.equal(idle.error, TIMEOUT);
  assert.ok(Date.now() - began < 10_000 * SLOW);
  // A listener whose queue is full takes no connection: SYNs go unanswered.
  const tls = await raw(() => {});
  const handshake = await one({ url: `https://127.0.0.1:${tls}/`, connect_timeout_ms: 300 });
  assert.deepEqual([handshake.error, handshake.sent], [TIMEOUT, NEVER_SENT]);
  const gone = net.createServer();
  const port = await listen(gone);
  gone.close();
  const refused = await one({ url: `http://127.0.0.1:${port}/`, method: 'POST' });
  assert.deepEqual([refused.error, refused.sent], [CONNECT, NEVER_SENT]);
  const unknown = await one({ url: 'http://nothing.invalid/' });
  assert.deepEqual([unknown.error, unknown.sent], [DNS, NEVER_SENT]);
});

test('a kept connection that breaks: repeated if that is allowed, else not', async () => {
  let served = 0;
  const serve = (socket) => socket.on('data', () => {
    served++;
    // Every second request of a connection finds it closed without an answer.
    if (socket.used) socket.destroy();
    else socket.write(fixed('ok'));
    socket.used = true;
  });
  for (const [request, error, times] of [
    [{ method: 'GET' }, OK, 3],
    [{ method: 'POST' }, BROKEN, 2],
    [{ method: 'POST', flags: REPLAY }, OK, 3],
  ]) {
    served = 0;
    const url = `http://127.0.0.1:${await raw(serve)}/`;
    const answers = await client([{ id: 1, url }, { id: 2, url, ...request, after_ms: 200 }]);
    const second = answers.find((answer) => answer.id === 2);
    assert.equal(second.error, error, JSON.stringify([request, second]));
    assert.equal(second.sent, MAY_HAVE_ARRIVED);
    assert.equal(served, times, JSON.stringify(request));
  }
});

test('connections are kept, and shared within a partition only', async () => {
  const sockets = new Set();
  const port = await listen(http.createServer((request, response) => {
    sockets.add(request.socket);
    response.end();
  }));
  const url = `http://127.0.0.1:${port}/`;
  const apart = (i) => ({ id: i, url, after_ms: i * 40 });
  await client([1, 2, 3, 4].map(apart));
  assert.equal(sockets.size, 1);
  sockets.clear();
  await client([1, 2, 3, 4].map((i) => ({ ...apart(i), partition: i % 2 ? 'a' : 'b' })));
  assert.equal(sockets.size, 2);
});

test('hosts: asked for, granted, and public or allowed', async () => {
  const port = await listen(http.createServer((request, response) => response.end('here')));
  const url = `http://127.0.0.1:${port}/`;
  const named = `http://localhost:${port}/`;
  const error = async (request, config) => (await one(request, config)).error;
  assert.equal(await error({ url }, { hosts: [] }), BLOCKED);
  assert.equal(await error({ url }, { hosts: ['127.0.0.1'] }), BLOCKED, 'that is port 443');
  assert.equal(await error({ url }, { hosts: ['127.0.0.1:*'] }), OK);
  assert.equal(await error({ url: named }, { hosts: ['127.0.0.1:*'] }), BLOCKED);
  assert.equal(await error({ url }, { grants: 'api.example.com' }), BLOCKED);
  assert.equal(await error({ url }, { grants: 'tool/127.0.0.1\nother/x' }), OK);
  assert.equal(await error({ url }, { grants: 'other/127.0.0.1' }), OK, 'none for this connector');
  assert.equal(await error({ url }, { private: '' }), BLOCKED);
  assert.equal(await error({ url }, { private: `127.0.0.1:${port}` }), OK);
  assert.equal(await error({ url }, { private: `127.0.0.1:${port - 1}` }), BLOCKED);
  assert.equal(await error({ url: named }, { private: 'localhost' }), OK);
  assert.equal(await error({ url }, { private: 'localhost' }), BLOCKED);
  assert.equal(await error({ url, flags: PUBLIC }), BLOCKED);
  assert.equal(await error({ url, flags: SECURE }), BLOCKED);
  for (const bad of ['http://a@127.0.0.1/', 'http://', 'nothing', '//x', 'http://[::1', '']) {
    assert.equal(await error({ url: bad }), INVALID, bad);
  }
  for (const scheme of ['file:///etc/passwd', 'gopher://127.0.0.1/', 'ftp://127.0.0.1/']) {
    assert.equal(await error({ url: scheme }), BLOCKED, scheme);
  }
});

test('a redirect does not lead where a request could not go', async () => {
  let location, code;
  const port = await listen(http.createServer((request, response) => {
    if (request.url === '/there') response.end('there');
    else response.writeHead(code ?? 302, { location }).end();
  }));
  const url = `http://127.0.0.1:${port}/`;
  const follow = async (to, more = {}, status = 302) => {
    [location, code] = [to, status];
    return one({ url, max_redirects: 5, ...more });
  };
  assert.equal((await follow('/there')).body, 'there');
  assert.equal((await follow('there', { max_redirects: 0 })).status, 302);
  for (const to of ['http://127.0.0.2/', 'http://[::1]/', 'http://169.254.169.254/',
    `http://0/`, 'http://[::ffff:127.0.0.1]/', 'file:///etc/passwd', 'gopher://127.0.0.1/']) {
    assert.ok([BLOCKED, REDIRECT].includes((await follow(to)).error), to);
  }
  assert.equal((await follow('http://u:p@127.0.0.1/')).error, REDIRECT);
  assert.equal((await follow(url)).error, REDIRECT, 'endless');
  const away = `http://localhost:${port}/there`;
  assert.equal((await follow(away, { method: 'POST', body: 'x' }, 307)).error, REDIRECT);
  assert.equal((await follow(away, { method: 'POST', body: 'x' }, 303)).body, 'there');
});

test('certificates', async () => {
  const folder = tempFolder();
  const file = (name) => path.join(folder, name);
  const openssl = (...args) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
    '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '2', '-subj', '/CN=Test CA');
  const issue = (name, san, days = '2') => {
    fs.writeFileSync(file(`${name}.ext`), `subjectAltName=${san}`);
    openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout',
      `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
    openssl('x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.pem', '-CAkey', 'ca.key',
      '-CAcreateserial', '-out', `${name}.pem`, '-days', days, '-extfile', `${name}.ext`);
    return { key: fs.readFileSync(file(`${name}.key`)), cert: fs.readFileSync(file(`${name}.pem`)) };
  };
  const serve = (options) => listen(https.createServer(options, (request, response) =>
    response.end('secure')));
  const good = await serve(issue('good', 'IP:127.0.0.1,DNS:localhost'));
  const wrong = await serve(issue('wrong', 'DNS:other.example'));
  const old = await serve({ ...issue('old', 'IP:127.0.0.1'), maxVersion: 'TLSv1.1',
    minVersion: 'TLSv1', ciphers: 'ALL:@SECLEVEL=0' });
  const authorities = file('ca.pem');
  const url = (port, host = '127.0.0.1') => `https://${host}:${port}/`;
  const config = { authorities };
  assert.equal((await one({ url: url(good) }, config)).body, 'secure');
  assert.equal((await one({ url: url(good, 'localhost') }, config)).body, 'secure');
  assert.equal((await one({ url: url(good) })).error, TLS, 'nobody is trusted');
  const refused = await one({ url: url(wrong), method: 'POST', body: 'secret' }, config);
  assert.deepEqual([refused.error, refused.sent], [TLS, NEVER_SENT]);
  assert.equal((await one({ url: url(old) }, config)).error, TLS);
  const plain = await listen(http.createServer((request, response) => response.end()));
  assert.equal((await one({ url: url(plain) }, config)).error, TLS);
  let location;
  const redirecting = https.createServer({ key: fs.readFileSync(file('good.key')),
    cert: fs.readFileSync(file('good.pem')) }, (request, response) =>
    response.writeHead(302, { location }).end());
  const from = await listen(redirecting);
  location = `http://127.0.0.1:${plain}/`;
  assert.equal((await one({ url: url(from), max_redirects: 3 }, config)).error, REDIRECT);
});

test('cancelled requests are not answered, whatever they were at', async () => {
  const silent = await raw(() => {});
  const answers = await client([
    { id: 1, url: `http://127.0.0.1:${silent}/`, cancel_after_ms: 50, times: 20 },
    { id: 2, url: `http://localhost:${silent}/`, cancel_after_ms: 1, times: 20 },
    { id: 3, url: 'http://nothing.invalid/', cancel_after_ms: 1, times: 20 },
  ]);
  assert.ok(answers.length === 60);
  assert.ok(answers.filter((answer) => answer.id < 3).every((answer) => answer.cancelled));
});

test('one resolver for many requests to one name', async () => {
  const port = await listen(http.createServer((request, response) => response.end()));
  const answers = await client([{ url: `http://localhost:${port}/`, times: 500 },
    { url: 'http://nothing.invalid/', times: 500 }]);
  assert.equal(answers.filter((answer) => answer.error === OK).length, 500);
  assert.equal(answers.filter((answer) => answer.error === DNS).length, 500);
});

test('10,000 requests in flight on one loop', { timeout: 120_000 }, async () => {
  const count = SANITIZED ? 2_000 : 9_500; // as many sockets are ours: the limit is 20,000
  const waiting = [];
  const server = http.createServer((request, response) => {
    waiting.push(response);
    if (waiting.length === count) waiting.forEach((one) => one.end('all are here'));
  });
  server.headersTimeout = server.requestTimeout = 0;
  const port = await listen(server);
  const answers = await client([{ url: `http://127.0.0.1:${port}/`, times: count,
    timeout_ms: 60_000, connect_timeout_ms: 60_000 }], {}, { ms: 100_000 });
  assert.equal(answers.filter((answer) => answer.body === 'all are here').length, count);
  assert.equal(waiting.length, count);
});
