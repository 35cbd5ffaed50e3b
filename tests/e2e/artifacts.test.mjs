// Files up and down: of any size and name, in parts, in chunks, again and again; none half.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { after, test } from 'node:test';

import { answered, sleep, startHubd, until } from './lib/hubd.mjs';
import { begin, response as answerOf } from './lib/http.mjs';
import { assertProblem } from './lib/problem.mjs';

const hub = await startHubd({ flags: { artifact_max_bytes: 16 << 20 } });
after(() => hub.stop());

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
const head = (artifact) => hub.exchange({ method: 'HEAD', path: artifact.url });
const get = (artifact, headers) => hub.exchange({ path: artifact.url, headers });
const temporary = () => hub.files('blobs/tmp');
const contents = () => hub.files('blobs').filter((file) => !file.startsWith('blobs/tmp/'));

/** Bytes of a file whose every byte tells where it is. */
function pattern(length, seed = 0) {
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + (i >> 8) + seed) & 0xff;
  return bytes;
}

test('what goes up comes down, whatever its size', async () => {
  for (const size of [0, 1, 4096, 65_535, 262_144, 262_145, 1_000_003, 16 << 20]) {
    const bytes = pattern(size, size);
    const response = await hub.fetch('/v1/artifacts', {
      method: 'POST', body: bytes,
      headers: { 'content-type': 'image/png', 'content-disposition': 'attachment; filename="a.png"' },
    });
    const artifact = await answered(response, 201);
    assert.equal(response.headers.get('location'), artifact.url);
    assert.equal(artifact.url, `/v1/artifacts/${artifact.id}`);
    const { name, media_type: type, size: stored, sha256: digest } = artifact;
    assert.deepEqual({ name, type, stored, digest },
      { name: 'a.png', type: 'image/png', stored: size, digest: sha256(bytes) });
    const keeps = Date.parse(artifact.expires_at) - Date.parse(artifact.created_at);
    assert.equal(keeps, 7 * 24 * 3_600_000);
    assert.ok(bytes.equals(await hub.download(artifact)), `${size} bytes`);
  }
  assert.deepEqual(temporary(), []);
});

test('a file of unknown length comes in chunks', async () => {
  const parts = Array.from({ length: 40 }, (_, n) => pattern(1 + n * 997, n));
  const artifact = await hub.upload(Readable.from(parts), { name: 'chunks' });
  assert.equal(artifact.sha256, sha256(Buffer.concat(parts)));
});

test('a browser is told neither to guess nor to run', async () => {
  const artifact = await hub.upload('<script>alert(1)</script>', { name: 'a.html', type: 'text/html' });
  const { status, headers, body } = await get(artifact);
  assert.equal(status, 200);
  assert.equal(headers['content-type'], 'text/html');
  assert.equal(headers['x-content-type-options'], 'nosniff');
  assert.match(headers['content-disposition'], /^attachment;/);
  assert.match(headers['content-security-policy'], /sandbox/);
  assert.equal(headers.etag, `"${artifact.sha256}"`);
  assert.equal(headers['accept-ranges'], 'bytes');
  assert.equal(body.toString(), '<script>alert(1)</script>');
});

test('names in any script, and none that leads elsewhere', async () => {
  const names = [['фото 1.jpg', 'фото 1.jpg'], ['写真.png', '写真.png'], ['صورة.gif', 'صورة.gif'],
    ['Ünïcödé €.txt', 'Ünïcödé €.txt'], ['🦊.webp', '🦊.webp'], ["it's 100%.txt", "it's 100%.txt"],
    ['a"b;c.txt', 'a"b;c.txt'], ['../../etc/passwd', 'passwd'], ['C:\\tmp\\x.txt', 'x.txt'],
    ['..', 'upload'], ['.', 'upload'], ['a\u0000b', 'upload'], ['a\nb', 'upload'],
    ['x'.repeat(255), 'x'.repeat(255)], ['x'.repeat(256), 'upload']];
  for (const [sent, kept] of names) {
    const artifact = await hub.upload('x', { name: sent });
    assert.equal(artifact.name, kept, JSON.stringify(sent));
    const { headers } = await head(artifact);
    const disposition = headers['content-disposition'];
    assert.match(disposition, /^attachment; filename=[\x20-\x7e]*$/);
    const extended = /filename\*=UTF-8''(\S+)$/.exec(disposition);
    const plain = /filename="((?:[^"\\]|\\.)*)"$/.exec(disposition);
    const told = extended ? decodeURIComponent(extended[1]) : plain[1].replace(/\\(.)/g, '$1');
    assert.equal(told, kept, disposition);
  }
  const plain = await hub.upload('x', {
    headers: { 'content-disposition': 'attachment; filename="quoted \\"name\\".txt"' },
  });
  assert.equal(plain.name, 'quoted "name".txt');
  const token = await hub.upload('x', { headers: { 'content-disposition': 'inline; filename=a.b' } });
  assert.equal(token.name, 'a.b');
  assert.equal((await hub.upload('x')).name, 'upload');
  assert.equal((await hub.upload('x', { headers: { 'content-disposition': 'attachment; filename' } }))
    .name, 'upload');
});

// --- Parts ---------------------------------------------------------------------------------------

test('ranges', async () => {
  const bytes = pattern(100_000);
  const artifact = await hub.upload(bytes);
  const wanted = [['bytes=0-0', 0, 0], ['bytes=0-99', 0, 99], ['bytes=500-999', 500, 999],
    ['bytes=99999-', 99_999, 99_999], ['bytes=-1', 99_999, 99_999], ['bytes=-100000', 0, 99_999],
    ['bytes=-999999', 0, 99_999], ['bytes=50000-99999999', 50_000, 99_999], ['BYTES=1-2', 1, 2]];
  for (const [range, from, to] of wanted) {
    const part = await get(artifact, { range });
    assert.equal(part.status, 206, range);
    assert.equal(part.headers['content-range'], `bytes ${from}-${to}/100000`);
    assert.equal(part.headers['content-length'], String(to - from + 1));
    assert.equal(part.headers.etag, `"${artifact.sha256}"`);
    assert.ok(bytes.subarray(from, to + 1).equals(part.body), range);
  }
  for (const range of ['bytes=100000-', 'bytes=100000-100001', 'bytes=-0']) {
    const none = await get(artifact, { range });
    assert.equal(none.status, 416, range);
    assert.equal(none.headers['content-range'], 'bytes */100000');
  }
  for (const range of ['bytes=5-4', 'bytes=a-b', 'items=0-1', 'bytes', 'bytes=', 'bytes=-',
    'bytes=0-1,5-6']) {
    const whole = await get(artifact, { range });
    assert.equal(whole.status, 200, range);
    assert.ok(bytes.equals(whole.body));
  }
  const empty = await hub.upload('');
  assert.equal((await get(empty, { range: 'bytes=0-0' })).status, 416);
  assert.equal((await get(empty)).status, 200);
});

test('If-Range, If-None-Match, If-Match', async () => {
  const artifact = await hub.upload('0123456789');
  const etag = `"${artifact.sha256}"`;
  const status = async (headers) => (await get(artifact, headers)).status;
  assert.equal(await status({ range: 'bytes=0-1', 'if-range': etag }), 206);
  assert.equal(await status({ range: 'bytes=0-1', 'if-range': '"other"' }), 200);
  assert.equal(await status({ range: 'bytes=0-1', 'if-range': `W/${etag}` }), 200);
  assert.equal(await status({ range: 'bytes=0-1', 'if-range': new Date().toUTCString() }), 200);
  for (const tags of [etag, `W/${etag}`, '*', `"x", ${etag}`, `"x",W/${etag} , "y"`]) {
    const answer = await get(artifact, { 'if-none-match': tags });
    assert.equal(answer.status, 304, tags);
    assert.equal(answer.headers.etag, etag);
    assert.equal(answer.body.length, 0);
  }
  assert.equal(await status({ 'if-none-match': '"other"' }), 200);
  assert.equal(await status({ 'if-none-match': etag, range: 'bytes=0-1' }), 304);
  assert.equal(await status({ 'if-match': etag }), 200);
  assert.equal(await status({ 'if-match': '*' }), 200);
  assert.equal(await status({ 'if-match': '"other"' }), 412);
  assert.equal(await status({ 'if-match': `W/${etag}` }), 412);
});

test('HEAD says what GET would, without the body', async () => {
  const artifact = await hub.upload(pattern(5000), { name: 'a.bin', type: 'text/plain' });
  const [one, other] = [await head(artifact), await get(artifact)];
  assert.equal(one.status, 200);
  assert.equal(one.body.length, 0);
  assert.equal(one.headers['content-length'], '5000');
  const { date: d1, ...headers } = one.headers;
  const { date: d2, ...expected } = other.headers;
  assert.ok(d1 && d2);
  assert.deepEqual(headers, expected);
  const none = await hub.exchange({ method: 'HEAD', path: '/v1/artifacts/x' });
  assert.equal(none.status, 404);
  assert.equal(none.body.length, 0);
});

// --- Contents and rows ---------------------------------------------------------------------------

test('the same contents are stored once, and removed with the last that names them', async () => {
  const bytes = randomBytes(50_000);
  const before = contents().length;
  const [one, two] = await Promise.all([
    hub.upload(bytes, { name: 'one' }), hub.upload(bytes, { name: 'two' }),
  ]);
  assert.notEqual(one.id, two.id);
  assert.equal(one.sha256, two.sha256);
  assert.equal(contents().length, before + 1);
  assert.equal((await hub.fetch(one.url, { method: 'DELETE' })).status, 204);
  await hub.refused(404, 'not_found', one.url);
  assert.ok(bytes.equals(await hub.download(two)));
  assert.equal((await hub.fetch(two.url, { method: 'DELETE' })).status, 204);
  await until(() => contents().length === before, 'the contents are gone');
  const three = await hub.upload(bytes);
  assert.ok(bytes.equals(await hub.download(three)), 'and come back');
});

test('an artifact that an unfinished job needs is not deleted', async () => {
  const artifact = await hub.upload('needed');
  const job = await hub.post('probe.run', { do: 'echo_file', file: { artifact: artifact.id } },
    { run_at: '2999-01-01T00:00:00Z' });
  const problem = await hub.refused(409, 'conflict', artifact.url, { method: 'DELETE' });
  assert.match(problem.detail, /job/);
  await hub.json(`/v1/jobs/${job.id}/cancel`, { method: 'POST' });
  assert.equal((await hub.fetch(artifact.url, { method: 'DELETE' })).status, 204);
});

test('a file in, a file out, with the same name, type and bytes', async () => {
  const bytes = pattern(3_000_000, 7);
  const artifact = await hub.upload(bytes, { name: 'ж.bin', type: 'application/x-thing' });
  const job = await hub.run('probe.run', { do: 'echo_file', file: { artifact: artifact.id } });
  assert.equal(job.state, 'succeeded', JSON.stringify(job.error));
  assert.deepEqual(job.result, { bytes: bytes.length, announced: bytes.length, attempt: 1 });
  const [copy] = job.artifacts;
  assert.equal(copy.name, 'ж.bin');
  assert.equal(copy.media_type, 'application/x-thing');
  assert.equal(copy.expires_at, null);
  assert.ok(bytes.equals(await hub.download(copy)));
});

test('a few bytes in place of a file', async () => {
  for (const bytes of [Buffer.alloc(0), Buffer.from('hello'), pattern(256 * 1024)]) {
    const job = await hub.run('aprobe.run', {
      do: 'echo_file', file: { data: bytes.toString('base64'), name: 'n.txt', media_type: 'text/x' },
    });
    assert.equal(job.state, 'succeeded', JSON.stringify(job.error));
    const [copy] = job.artifacts;
    assert.equal(copy.name, 'n.txt');
    assert.equal(copy.media_type, 'text/x');
    assert.ok(bytes.equals(await hub.download(copy)));
  }
});

test('a job makes many files, and large ones', async () => {
  const job = await hub.run('probe.run', { do: 'artifact', times: 64, bytes: 1000, name: 'f' });
  assert.equal(job.artifacts.length, 64);
  assert.equal(new Set(job.artifacts.map((one) => one.name)).size, 64);
  const large = await hub.run('probe.run', { do: 'artifact', bytes: 16 << 20 });
  assert.equal(large.artifacts[0].size, 16 << 20);
  const more = await hub.run('probe.run', { do: 'artifact', bytes: (16 << 20) + 1 },
    { max_attempts: 1 });
  assert.equal(more.state, 'failed', 'but not larger than configured');
  const tooMany = await hub.run('probe.run', { do: 'artifact', times: 65, bytes: 1 },
    { max_attempts: 1 });
  assert.equal(tooMany.state, 'failed');
  await until(() => temporary().length === 0, 'nothing is left behind');
});

// --- What does not arrive whole ------------------------------------------------------------------

test('a file that is too large is refused, announced or not', async () => {
  const bytes = Buffer.alloc((16 << 20) + 1);
  await assertProblem(await hub.fetch('/v1/artifacts', { method: 'POST', body: bytes }), 413,
    'too_large');
  const chunked = await hub.fetch('/v1/artifacts',
    { method: 'POST', body: Readable.from([bytes]) }).catch((error) => error);
  // Either the refusal is read, or the connection was cut off while we were still sending.
  if (!(chunked instanceof Error)) await assertProblem(chunked, 413, 'too_large');
  await until(() => temporary().length === 0, 'nothing is left behind');
});

test('an upload that is broken off leaves nothing', async () => {
  const before = contents().length;
  for (const headers of [{ 'content-length': '1000000' }, { 'transfer-encoding': 'chunked' }]) {
    const request = begin({
      port: hub.port, key: hub.key, method: 'POST', path: '/v1/artifacts', headers,
    });
    const answer = answerOf(request).catch((error) => error);
    request.write(Buffer.alloc(600_000));
    await until(() => temporary().length === 1, 'it has begun');
    request.destroy();
    assert.ok(await answer instanceof Error);
    await until(() => temporary().length === 0, 'nothing is left behind');
  }
  assert.equal(contents().length, before);
});

test('hubd waits with the body until it has said that it takes it', async () => {
  const request = begin({
    port: hub.port, key: hub.key, method: 'POST', path: '/v1/artifacts',
    headers: { expect: '100-continue', 'content-length': '5' },
  });
  const answer = answerOf(request);
  request.flushHeaders();
  await new Promise((resolve) => request.once('continue', resolve));
  request.end('hello');
  assert.equal((await answer).statusCode, 201);

  const refused = begin({
    port: hub.port, key: 'wrong', method: 'POST', path: '/v1/artifacts',
    headers: { expect: '100-continue', 'content-length': '5' },
  });
  let invited = false;
  refused.on('continue', () => { invited = true; });
  const refusal = answerOf(refused);
  refused.flushHeaders();
  assert.equal((await refusal).statusCode, 401);
  assert.ok(!invited);
  refused.destroy();
});

test('an upload and a download side by side with others', async () => {
  const slow = begin({
    port: hub.port, key: hub.key, method: 'POST', path: '/v1/artifacts',
    headers: { 'transfer-encoding': 'chunked' },
  });
  const answer = answerOf(slow);
  const bytes = pattern(400_000);
  for (let at = 0; at < bytes.length; at += 100_000) {
    slow.write(bytes.subarray(at, at + 100_000));
    const others = await Promise.all(Array.from({ length: 5 }, async (_, n) => {
      const mine = pattern(30_000, n);
      return mine.equals(await hub.download(await hub.upload(mine)));
    }));
    assert.ok(others.every(Boolean));
    await sleep(5);
  }
  slow.end();
  const message = await answer;
  const artifact = JSON.parse(Buffer.concat(await message.toArray()).toString());
  assert.equal(artifact.sha256, sha256(bytes));
});

test('an upload that nobody needs is gone after its time', async () => {
  const short = await startHubd({ flags: { artifact_retention: 'PT1S' } });
  try {
    const artifact = await short.upload('x');
    await until(async () => (await short.fetch(artifact.url)).status === 404, 'it is gone', 30_000);
  } finally {
    await short.stop();
  }
});
