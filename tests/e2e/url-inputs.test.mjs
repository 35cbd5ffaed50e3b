// Files that an input names by URL: fetched by the http connector, under its rules, before the
// attempt reaches its own connector.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { after, test } from 'node:test';

import { hubctl } from './lib/hubctl.mjs';
import { SLOW, startHubd, until } from './lib/hubd.mjs';

// --- A server with what is asked for here --------------------------------------------------------

const PIXEL = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64');
const LARGE = Buffer.alloc(3 << 20, 'hubd ');
const seen = []; // of requests: {path, authorization, user-agent}
let busy = 0;    // how often /busy still says 503
const slow = { open: 0 };

const pages = {
  '/pixel.png': (req, res) => res.setHeader('content-type', 'image/png').end(PIXEL),
  '/large': (req, res) => res.end(LARGE),
  '/a%20file%E2%82%AC.txt': (req, res) => res.setHeader('content-type', 'text/plain').end('hello'),
  '/empty': (req, res) => res.end(),
  '/moved': (req, res) => res.writeHead(302, { location: '/pixel.png' }).end(),
  '/to-blocked': (req, res) => res.writeHead(302, { location: 'http://10.1.2.3/' }).end(),
  '/busy': (req, res) => (busy-- > 0 ? res.writeHead(503).end('later') : res.end('now')),
  '/slow': (req, res) => { // headers and a few bytes, and then nothing
    slow.open++;
    res.on('close', () => slow.open--);
    res.writeHead(200, { 'content-length': 1000 }).write('x');
  },
};
const server = http.createServer((req, res) => {
  const [path] = req.url.split('?');
  seen.push({ path: req.url, authorization: req.headers.authorization });
  (pages[path] ?? ((_, r) => r.writeHead(404).end('nothing here')))(req, res);
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const origin = `http://127.0.0.1:${server.address().port}`;

const hub = await startHubd({ flags: {
  retry_base_ms: 10, retry_cap_ms: 20, cancel_grace_ms: 200, artifact_max_bytes: 2 << 20,
  http_allow_private: [`127.0.0.1:${server.address().port}`], blocking_runners: 1,
} });
after(async () => {
  await hub.stop();
  server.closeAllConnections();
  server.close();
});
const ctl = hubctl({ HUBD_SOCKET: hub.socket });

const echo = (file, more) => hub.run('probe.run', { do: 'echo_file', file }, more);

async function outputOf(job) {
  assert.equal(job.state, 'succeeded', JSON.stringify(job.error));
  const [artifact] = job.artifacts;
  return { ...artifact, text: (await hub.download(artifact)).toString('latin1') };
}

// --- What works ----------------------------------------------------------------------------------

test('image.transform of a picture somewhere else', async () => {
  const job = await hub.run('image.transform', {
    image: { url: `${origin}/pixel.png` }, outputs: [{ width: 1, format: 'png' }],
  });
  assert.equal(job.state, 'succeeded', JSON.stringify(job.error));
  assert.equal(job.artifacts[0].media_type, 'image/png');
});

test('name, media type and bytes are those of the answer', async () => {
  const fetched = await outputOf(await echo({ url: `${origin}/a%20file%E2%82%AC.txt?q=/x#/y` }));
  assert.deepEqual([fetched.name, fetched.media_type, fetched.text],
    ['a file€.txt', 'text/plain', 'hello']);
  const named = await outputOf(await echo({ url: `${origin}/pixel.png`, name: 'mine.png' }));
  assert.deepEqual([named.name, named.text], ['mine.png', PIXEL.toString('latin1')]);
  assert.equal((await outputOf(await echo({ url: `${origin}/moved` }))).text,
    PIXEL.toString('latin1'));
  const empty = await outputOf(await echo({ url: `${origin}/empty` }));
  assert.deepEqual([empty.name, empty.size], ['empty', 0]);
});

test('hubctl run --file NAME=URL', async () => {
  const { code, stderr, stdout } = await ctl('run', 'probe.run', '--set', 'do=echo_file', '--file',
    `file=${origin}/pixel.png`, '--wait', '--json');
  assert.equal(code, 0, stderr);
  assert.equal(JSON.parse(stdout.trim().split('\n').at(-1)).artifacts[0].name, 'pixel.png');
});

test('what is transient is tried again, with the job', async () => {
  busy = 2;
  const job = await echo({ url: `${origin}/busy` });
  assert.equal((await outputOf(job)).text, 'now');
  assert.equal(job.attempts.at(-1).outcome, 'succeeded');
});

test('credentials of an account of the http connector go along, and only where they may', async () => {
  const response = await hub.send('/v1/accounts/files', { connector: 'http', settings: {
    auth: 'bearer', token: 'let-me-in', hosts: [`127.0.0.1:${server.address().port}`],
    allow_http: true,
  } }, { method: 'PUT' });
  assert.ok(response.ok, await response.text());
  const job = await echo({ url: `${origin}/pixel.png?private`, account: 'files' });
  assert.equal(job.state, 'succeeded', JSON.stringify(job.error));
  assert.equal(seen.at(-1).authorization, 'Bearer let-me-in');
});

// --- What does not -------------------------------------------------------------------------------

async function assertFailed(url, code, more = {}) {
  const job = await echo({ url }, more);
  assert.equal(job.state, 'failed', JSON.stringify(job));
  assert.equal(job.error.code, 'fetch_failed');
  assert.equal(job.error.details.pointer, '/file');
  assert.equal(job.error.details.code, code, JSON.stringify(job.error));
  assert.match(job.error.message, /^The file at \/file could not be fetched: ./);
  return job;
}

test('404 is for good', async () => {
  const job = await assertFailed(`${origin}/nothing`, 'unexpected_status');
  assert.equal(job.error.details.details.status, 404);
  assert.equal(job.attempts.length, 1);
});

test('addresses that are not allowed are not spoken to, redirected or not', async () => {
  for (const url of ['http://127.0.0.1:1/', 'http://[::1]/', 'http://10.0.0.1/x',
    'http://2130706433:1/', 'http://169.254.169.254/latest/meta-data/', `${origin}/to-blocked`]) {
    const job = await assertFailed(url, 'blocked_address');
    assert.equal(job.attempts.length, 1, url);
  }
});

test('a file that is larger than an artifact may be', async () => {
  await assertFailed(`${origin}/large`, 'too_large');
});

test('attempts are bounded when the other side is down', async () => {
  const gone = http.createServer();
  gone.listen(0, '127.0.0.1');
  await once(gone, 'listening');
  const { port } = gone.address();
  gone.close();
  const lax = await startHubd({ flags: {
    retry_base_ms: 1, retry_cap_ms: 2, http_allow_private: ['127.0.0.1'],
  } });
  const job = await lax.run('probe.run',
    { do: 'echo_file', file: { url: `http://127.0.0.1:${port}/` } }, { max_attempts: 3 });
  assert.equal(job.state, 'failed');
  assert.equal(job.error.details.code, 'connect_failed');
  assert.equal(job.attempts.length, 3);
  await lax.stop();
});

test('what is no URL is refused when the job is posted', async () => {
  for (const file of [{ url: 'ftp://example.com/x' }, { url: 'file:///etc/passwd' }, { url: '' },
    { url: 'https://example.com/a b' }, { url: `${origin}/x`, artifact: 'x' },
    { url: `${origin}/x`, name: 'a/b' }]) {
    await hub.refused(422, 'invalid_input', '/v1/jobs',
      { method: 'POST', json: { type: 'probe.run', input: { do: 'echo_file', file } } });
  }
});

// --- Cancel, deadline, others --------------------------------------------------------------------

test('cancel ends the fetch', async () => {
  const { id } = await hub.post('probe.run', { do: 'echo_file', file: { url: `${origin}/slow` } });
  await until(() => slow.open === 1, 'the request has come');
  const response = await hub.fetch(`/v1/jobs/${id}/cancel`, { method: 'POST' });
  assert.ok(response.ok);
  assert.equal((await hub.finished(id)).state, 'cancelled');
  await until(() => slow.open === 0, 'the connection is closed');
});

test('the deadline of the attempt is that of the fetch', async () => {
  const began = Date.now();
  const job = await echo({ url: `${origin}/slow` }, { timeout_ms: 500 * SLOW, max_attempts: 1 });
  assert.equal(job.state, 'failed');
  assert.equal(job.error.code, 'fetch_failed');
  assert.ok(['deadline_exceeded', 'timeout'].includes(job.error.details.code), job.error.details.code);
  assert.ok(Date.now() - began < 10_000 * SLOW);
  await until(() => slow.open === 0, 'the connection is closed');
});

test('slow servers hold up nobody else', async () => {
  const ids = [];
  for (let i = 0; i < 5; i++) {
    ids.push((await hub.post('probe.run', { do: 'echo_file', file: { url: `${origin}/slow` } })).id);
  }
  await until(() => slow.open === 5, 'all five are being fetched');
  // There is one runner of the probe, and it is free.
  assert.equal((await hub.run('probe.run', { do: 'succeed' })).state, 'succeeded');
  assert.equal((await echo({ url: `${origin}/pixel.png` })).state, 'succeeded');
  for (const id of ids) await hub.fetch(`/v1/jobs/${id}/cancel`, { method: 'POST' });
  for (const id of ids) assert.equal((await hub.finished(id)).state, 'cancelled');
});

test('a stop in the middle of a fetch gives the job back', async () => {
  const other = await startHubd({ flags: {
    http_allow_private: ['127.0.0.1'], drain_timeout_ms: 200,
  } });
  await other.post('probe.run', { do: 'echo_file', file: { url: `${origin}/slow` } });
  await until(() => slow.open === 1, 'the request has come');
  await other.stop(); // asserts that it ends well
  await until(() => slow.open === 0, 'the connection is closed');
});
