// http.request over a real hubd: what a backend sees of it.
import assert from 'node:assert/strict';
import http from 'node:http';
import net from 'node:net';
import { after, before, test } from 'node:test';
import zlib from 'node:zlib';

import { sleep, startHubd } from './lib/hubd.mjs';

let hub, guarded, server, base, seen;

/** Answers by path; each request that came is kept in `seen`. */
function answer(request, response, body) {
  const url = new URL(request.url, 'http://x');
  const count = seen.filter((one) => one.url === request.url).length;
  const routes = {
    '/echo': () => response.setHeader('content-type', 'application/json').end(JSON.stringify({
      method: request.method, url: request.url, headers: request.headers, body: body.toString(),
    })),
    '/json': () => response.setHeader('content-type', 'application/problem+json; charset=utf-8')
      .end('{"n": 12345678901234567890.10, "list": [1, 2]}'),
    '/bad-json': () => response.setHeader('content-type', 'application/json').end('{"a":1,"a":2}'),
    '/text': () => response.setHeader('set-cookie', ['a=1', 'b=2']).setHeader('x-two', ['1', '2'])
      .end('Grüße'),
    '/bytes': () => response.end(Buffer.from([0, 255, 1])),
    '/status': () => response.writeHead(Number(url.searchParams.get('code'))).end('so it is'),
    '/gzip': () => response.setHeader('content-encoding', 'gzip').end(zlib.gzipSync('unzipped')),
    '/bomb': () => response.setHeader('content-encoding', 'gzip')
      .end(zlib.gzipSync(Buffer.alloc(32 << 20))),
    '/large': () => response.end(Buffer.alloc(300 << 10, 'x')),
    '/file': () => response.setHeader('content-type', 'application/pdf')
      .end(Buffer.alloc(3 << 20, 'abc')),
    '/busy': () => (count < 2
      ? response.writeHead(Number(url.searchParams.get('code') ?? 429), { 'retry-after': '1' }).end()
      : response.end('at last')),
    '/silence': () => {},
    '/hangs-up': () => request.socket.destroy(),
    '/redirect': () => response.writeHead(Number(url.searchParams.get('code') ?? 302),
      { location: url.searchParams.get('to') }).end(),
  };
  (routes[url.pathname] ?? (() => response.writeHead(404).end('nothing here')))();
}

before(async () => {
  seen = [];
  server = http.createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    seen.push({ url: request.url, method: request.method, headers: request.headers,
      body: Buffer.concat(parts) });
    answer(request, response, Buffer.concat(parts));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${server.address().port}`;
  hub = await startHubd({ flags: { http_allow_private: ['127.0.0.1', '10.0.0.0/8'],
    retry_base_ms: 10, retry_cap_ms: 20 } });
  guarded = await startHubd({ flags: { retry_base_ms: 10, retry_cap_ms: 20 } });
});

after(async () => {
  await hub.stop();
  await guarded.stop();
  server.closeAllConnections();
  server.close();
});

const request = async (input, more = {}, on = hub) => on.run('http.request', input, more);

/** The result of a request that must succeed. */
async function result(input, more) {
  const job = await request(input, more);
  assert.equal(job.state, 'succeeded', JSON.stringify(job));
  return job.result;
}

async function failure(input, more = { max_attempts: 1 }, type = 'http.request', on = hub) {
  const job = await on.run(type, input, more);
  assert.notEqual(job.state, 'succeeded', JSON.stringify(job));
  return { ...job.error, state: job.state, attempts: job.attempts?.length };
}

test('a JSON body goes out and a JSON body comes back', async () => {
  const { json, status, headers, url } = await result({ method: 'POST', url: `${base}/echo?a=1`,
    query: { b: 'x y&z', c: [1, true] }, headers: { 'X-Own': 'yes' },
    body: { json: { amount: 1.5, list: [null, 'ü'] } } });
  assert.equal(status, 200);
  assert.equal(headers['content-type'], 'application/json');
  assert.equal(json.method, 'POST');
  assert.equal(json.url, '/echo?a=1&b=x%20y%26z&c=1&c=true');
  assert.equal(url, base + json.url);
  assert.equal(json.body, '{"amount":1.5,"list":[null,"ü"]}');
  assert.equal(json.headers['content-type'], 'application/json');
  assert.equal(json.headers['x-own'], 'yes');
  assert.match(json.headers['idempotency-key'], /^[\x21-\x7e]{8,64}$/);
  assert.match(json.headers['user-agent'], /^hubd\//);
});

test('forms, text and files as bodies', async () => {
  const form = await result({ method: 'PUT', url: `${base}/echo`,
    body: { form: { 'a b': ['1', 2], c: 'ü=&' } } });
  assert.equal(form.json.body, 'a%20b=1&a%20b=2&c=%C3%BC%3D%26');
  assert.equal(form.json.headers['content-type'], 'application/x-www-form-urlencoded');
  assert.equal(form.json.headers['idempotency-key'], undefined);
  const text = await result({ method: 'PATCH', url: `${base}/echo`,
    body: { text: '<a/>', media_type: 'application/xml' }, idempotency_header: 'X-Request-Id' });
  assert.equal(text.json.headers['content-type'], 'application/xml');
  assert.ok(text.json.headers['x-request-id']);
  const bytes = Buffer.alloc(2_000_000, 'payload.');
  const artifact = await hub.upload(bytes, { type: 'application/x-thing' });
  seen.length = 0;
  await result({ method: 'POST', url: `${base}/text`, body: { file: { artifact: artifact.id } },
    idempotency_header: null });
  const { body, headers } = seen.at(-1);
  assert.ok(body.equals(bytes));
  assert.equal(headers['content-type'], 'application/x-thing');
  assert.equal(headers['content-length'], String(bytes.length));
  assert.equal(headers['idempotency-key'], undefined);
});

test('what comes back is told as what it is', async () => {
  const json = await hub.fetch(`/v1/jobs/${(await request({ url: `${base}/json` })).id}`);
  assert.match(await json.text(), /12345678901234567890\.10/);
  assert.equal((await result({ url: `${base}/bad-json` })).text, '{"a":1,"a":2}');
  const text = await result({ url: `${base}/text` });
  assert.equal(text.text, 'Grüße');
  assert.deepEqual(text.set_cookie, ['a=1', 'b=2']);
  assert.equal(text.headers['x-two'], '1, 2');
  assert.equal((await result({ url: `${base}/bytes` })).base64, 'AP8B');
  assert.equal((await result({ url: `${base}/gzip` })).text, 'unzipped');
  const head = await result({ url: `${base}/text`, method: 'HEAD' });
  assert.equal(head.bytes, 0);
});

test('a large answer goes into an artifact', async () => {
  const job = await request({ url: `${base}/file`, save_as: 'report.pdf' });
  assert.equal(job.state, 'succeeded', JSON.stringify(job));
  assert.equal(job.result.bytes, 3 << 20);
  assert.equal(job.result.artifact, 'report.pdf');
  assert.equal(job.artifacts[0].name, 'report.pdf');
  const bytes = await hub.download(job.artifacts[0].id);
  assert.ok(bytes.equals(Buffer.alloc(3 << 20, 'abc')));
  assert.equal((await failure({ url: `${base}/large` })).code, 'too_large');
  assert.equal((await failure({ url: `${base}/bomb` })).code, 'too_large');
  assert.equal((await failure({ url: `${base}/file`, save_as: 'x', max_bytes: 1000 })).code,
    'too_large');
});

test('statuses are what was expected, or a failure that says so', async () => {
  const error = await failure({ url: `${base}/status?code=404` });
  assert.equal(error.code, 'unexpected_status');
  assert.equal(error.details.status, 404);
  assert.equal(error.details.text, 'so it is');
  assert.equal(error.retryable, false);
  assert.equal((await result({ url: `${base}/status?code=404`, expect: ['404'] })).status, 404);
  assert.equal((await result({ url: `${base}/status?code=418`, expect: ['200', '4xx'] })).status, 418);
  assert.equal((await result({ url: `${base}/status?code=250`, expect: ['240-260'] })).status, 250);
  assert.equal((await failure({ url: `${base}/text`, expect: ['201'] })).code, 'unexpected_status');
});

test('429 and 503 are tried again, not before Retry-After says', async () => {
  for (const code of [429, 503]) {
    const began = Date.now();
    const job = await request({ url: `${base}/busy?code=${code}` }, { max_attempts: 3 });
    assert.equal(job.state, 'succeeded', JSON.stringify(job));
    assert.equal(job.result.text, 'at last');
    assert.ok(Date.now() - began >= 990, 'it came too early');
    assert.equal(job.attempts.length, 2);
  }
  const error = await failure({ url: `${base}/status?code=503`, retry_status: [] });
  assert.equal(error.code, 'unexpected_status');
});

test('a request that must not be made twice ends as unknown when in doubt', async () => {
  const input = { method: 'POST', url: `${base}/silence`, timeout_ms: 300 };
  const once = await failure(input, { max_attempts: 3 }, 'http.request_once');
  assert.equal(once.state, 'unknown');
  assert.equal(once.code, 'timeout');
  assert.equal(once.attempts, 1);
  const broken = await failure({ method: 'POST', url: `${base}/hangs-up` }, { max_attempts: 3 },
    'http.request_once');
  assert.equal(broken.state, 'unknown');
  seen.length = 0;
  const again = await failure({ ...input, url: `${base}/hangs-up` }, { max_attempts: 3 });
  assert.equal(again.state, 'failed');
  assert.equal(again.code, 'connection_broken');
  assert.equal(again.attempts, 3);
  const keys = new Set(seen.map((one) => one.headers['idempotency-key']));
  assert.equal(keys.size, 1, 'every attempt sends the same key');
  // Nobody listens: it was never sent, so that another attempt does no harm.
  const closed = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => closed.once('listening', resolve));
  const { port } = closed.address();
  await new Promise((resolve) => closed.close(resolve));
  const refused = await failure({ method: 'POST', url: `http://127.0.0.1:${port}/` },
    { max_attempts: 2 }, 'http.request_once');
  assert.equal(refused.state, 'failed');
  assert.equal(refused.code, 'connect_failed');
  assert.equal(refused.attempts, 2);
});

test('no address that is not public is reached, however it is written', async () => {
  const { port } = server.address();
  seen.length = 0;
  for (const host of ['127.0.0.1', 'localhost', '2130706433', '0x7f.1', '0177.0.0.1', '127.1',
    '0.0.0.0', '[::1]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '169.254.169.254', '10.0.0.1',
    '[64:ff9b::7f00:1]', '[fd00::1]', '[fe80::1]', '192.168.1.1', '100.64.0.1']) {
    const error = await failure({ url: `http://${host}:${port}/echo`, connect_timeout_ms: 2000 },
      { max_attempts: 1 }, 'http.request', guarded);
    assert.equal(error.code, 'blocked_address', `${host}: ${JSON.stringify(error)}`);
  }
  // Allowed: 127.0.0.1 and 10/8, and nothing else.
  for (const url of [`http://127.0.0.2:${port}/`, `http://[::ffff:127.0.0.1]:${port}/`,
    `${base}/redirect?to=${encodeURIComponent(`http://127.0.0.3:${port}/echo`)}`,
    `${base}/redirect?to=http://169.254.169.254/latest/meta-data/`]) {
    assert.equal((await failure({ url })).code, 'blocked_address', url);
  }
  assert.ok(seen.every((one) => one.url.startsWith('/redirect')));
});

test('redirects are followed, without credentials to another origin', async () => {
  const there = await result({ url: `${base}/redirect?to=/echo`, headers: { 'X-Key': 's' } });
  assert.equal(there.redirects, 1);
  assert.equal(there.url, `${base}/echo`);
  assert.equal(there.json.headers['x-key'], 's');
  const { port } = server.address();
  const other = `http://localhost:${port}/echo`;
  const away = await result({ url: `${base}/redirect?to=${encodeURIComponent(other)}`,
    headers: { Authorization: 'Bearer secret', Cookie: 'a=b', 'X-Key': 's', Accept: 'text/x' } });
  assert.equal(away.json.headers.authorization, undefined);
  assert.equal(away.json.headers.cookie, undefined);
  assert.equal(away.json.headers['x-key'], undefined);
  assert.equal(away.json.headers.accept, 'text/x');
  const post = { method: 'POST', body: { text: 'b' } };
  const seeOther = await result({ ...post, url: `${base}/redirect?code=303&to=/echo` });
  assert.deepEqual([seeOther.json.method, seeOther.json.body], ['GET', '']);
  const kept = await result({ ...post, url: `${base}/redirect?code=307&to=/echo` });
  assert.deepEqual([kept.json.method, kept.json.body], ['POST', 'b']);
  const carried = await failure({ ...post,
    url: `${base}/redirect?code=307&to=${encodeURIComponent(other)}` });
  assert.equal(carried.code, 'redirect_refused');
  const endless = await failure({ max_redirects: 3,
    url: `${base}/redirect?to=${encodeURIComponent('/redirect?to=/redirect')}` });
  assert.ok(['unexpected_status', 'redirect_refused'].includes(endless.code));
  const loop = '/redirect?to=' + encodeURIComponent('?to=x');
  assert.ok((await failure({ url: base + loop, max_redirects: 2 })).code);
  assert.equal((await result({ url: `${base}/redirect?to=/echo`, max_redirects: 0,
    expect: ['302'] })).headers.location, '/echo');
});

test('inputs that make no request are refused at the door, or say what is wrong', async () => {
  await hub.refused(422, 'invalid_input', '/v1/jobs', { method: 'POST',
    json: { type: 'http.request', input: { url: 'ftp://x/' } } });
  await hub.refused(422, 'invalid_input', '/v1/jobs', { method: 'POST',
    json: { type: 'http.request', input: { url: base, body: { json: 1, text: 'x' } } } });
  for (const input of [
    { url: `http://user:pass@127.0.0.1:${server.address().port}/` },
    { url: base, headers: { Host: 'other.example' } },
    { url: base, headers: { 'Transfer-Encoding': 'chunked' } },
    { url: base, headers: { 'X-A': 'a\r\nX-B: b' } },
    { url: 'http://127.0.0.1:99999/' },
  ]) {
    const { code } = await failure(input);
    assert.equal(code, 'invalid_request', JSON.stringify(input));
  }
  const named = await failure({ url: 'http://nothing.invalid/' });
  assert.equal(named.code, 'dns_failed');
});

test('a job that is cancelled lets its connection go', async () => {
  const { id } = await hub.post('http.request', { url: `${base}/silence?cancel` });
  while (!seen.some((one) => one.url === '/silence?cancel')) await sleep(10);
  await hub.send(`/v1/jobs/${id}/cancel`, '');
  const job = await hub.finished(id);
  assert.equal(job.state, 'unknown', 'it may have arrived');
});

test('a thousand at once', async () => {
  const jobs = await Promise.all(Array.from({ length: 1000 }, (_, i) =>
    hub.run('http.request', { url: `${base}/text?${i}` })));
  assert.equal(jobs.filter((job) => job.state === 'succeeded').length, 1000);
});
