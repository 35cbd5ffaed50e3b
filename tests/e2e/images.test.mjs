// image.transform and image.info over HTTP: a real photograph, and files that are none.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, test } from 'node:test';

import { SLOW, startHubd } from './lib/hubd.mjs';
import { rawPng } from './lib/picture.mjs';

const PHOTO = '/usr/share/backgrounds/mate/nature/TwoWings.jpg'; // Debian's mate-backgrounds
const PICTURE = '/usr/share/backgrounds/mate/abstract/Spring.png';

const hub = await startHubd({ flags: { retry_base_ms: 10 } });
after(() => hub.stop());

const jpeg = fs.readFileSync(PHOTO);
const photo = await hub.upload(jpeg, { name: 'two wings.jpg', type: 'image/jpeg' });

/** What the file itself says: {format, width, height} of JPEG, PNG or WebP, read here. */
function look(bytes) {
  if (bytes.subarray(0, 8).toString('latin1') === '\x89PNG\r\n\x1a\n') {
    return { format: 'png', width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) };
  }
  if (bytes.subarray(8, 16).toString('latin1') === 'WEBPVP8 ') {
    return { format: 'webp', width: bytes.readUInt16LE(26) & 0x3fff,
      height: bytes.readUInt16LE(28) & 0x3fff };
  }
  assert.equal(bytes.readUInt16BE(0), 0xffd8, 'a JPEG');
  for (let at = 2; at < bytes.length; at += 2 + bytes.readUInt16BE(at + 2)) {
    const marker = bytes[at + 1];
    if (marker >= 0xc0 && marker <= 0xc2) {
      return { format: 'jpeg', width: bytes.readUInt16BE(at + 7), height: bytes.readUInt16BE(at + 5) };
    }
  }
  return assert.fail('a JPEG without a frame');
}

test('the README\'s job: 800 px JPEG, and 200 × 200 cut out as WebP', async () => {
  const job = await hub.run('image.transform', {
    image: { artifact: photo.id },
    outputs: [{ width: 800, format: 'jpeg' }, { width: 200, height: 200, fit: 'cover', format: 'webp' }],
  });
  assert.equal(job.state, 'succeeded', JSON.stringify(job.error));
  assert.deepEqual(job.result.input,
    { format: 'jpeg', width: 2560, height: 1600, orientation: 1 });
  const expected = [{ format: 'jpeg', width: 800, height: 500 },
    { format: 'webp', width: 200, height: 200 }];
  assert.equal(job.artifacts.length, 2);
  for (const [n, picture] of job.result.outputs.entries()) {
    const artifact = job.artifacts.find((one) => one.name === picture.name);
    const bytes = await hub.download(artifact);
    assert.deepEqual(look(bytes), expected[n]);
    assert.equal(artifact.media_type, `image/${expected[n].format}`);
    assert.equal(artifact.size, picture.bytes);
    assert.equal(bytes.length, picture.bytes);
    const { format, width, height } = picture;
    assert.deepEqual({ format, width, height }, expected[n]);
  }
  assert.ok(job.artifacts.every((one) => one.name.startsWith('two wings')), 'named after the input');
});

test('one picture, inside a box, under a name of its own', async () => {
  const job = await hub.run('image.transform', {
    image: { artifact: photo.id }, width: 300, height: 300, fit: 'inside', format: 'png',
    name: 'klein 小.png',
  });
  assert.equal(job.state, 'succeeded', JSON.stringify(job.error));
  assert.equal(job.artifacts[0].name, 'klein 小.png');
  assert.deepEqual(look(await hub.download(job.artifacts[0])),
    { format: 'png', width: 300, height: 188 });
});

test('every format there is, from one decode', async () => {
  const formats = ['jpeg', 'png', 'webp', 'avif', 'gif'];
  const job = await hub.run('image.transform', {
    image: { artifact: photo.id }, width: 120, outputs: formats.map((format) => ({ format })),
  }, { timeout_ms: 60_000 });
  assert.equal(job.state, 'succeeded', JSON.stringify(job.error));
  for (const [n, format] of formats.entries()) {
    const { name } = job.result.outputs[n];
    const artifact = job.artifacts.find((one) => one.name === name);
    const info = await hub.run('image.info', { image: { artifact: artifact.id } });
    assert.equal(info.state, 'succeeded', JSON.stringify(info.error));
    const { format: is, width, height, bytes } = info.result;
    assert.deepEqual({ is, width, height, bytes },
      { is: format, width: 120, height: 75, bytes: artifact.size });
  }
});

test('one job after another, by name: transform, then look', async () => {
  const first = await hub.post('image.transform',
    { image: { artifact: photo.id }, width: 64, format: 'png', name: 'small.png' });
  const second = await hub.post('image.info',
    { image: { job: first.id, artifact: 'small.png' } }, { after: [first.id] });
  const done = await hub.finished(second.id, 20_000 * SLOW);
  assert.equal(done.state, 'succeeded', JSON.stringify(done.error));
  assert.equal(done.result.width, 64);
});

test('many photographs at once', async () => {
  const jobs = await Promise.all(Array.from({ length: 16 }, (_, n) =>
    hub.run('image.transform', { image: { artifact: photo.id }, width: 50 + n, format: 'jpeg' })));
  for (const [n, job] of jobs.entries()) {
    assert.equal(job.state, 'succeeded', JSON.stringify(job.error));
    assert.equal(job.result.width, 50 + n);
  }
});

test('the media type does not matter, the bytes do', async () => {
  const png = await hub.upload(fs.readFileSync(PICTURE), { name: 'x.jpg', type: 'image/jpeg' });
  const job = await hub.run('image.info', { image: { artifact: png.id } });
  assert.equal(job.state, 'succeeded');
  assert.equal(job.result.format, 'png');
});

// --- Files that are none -------------------------------------------------------------------------

/** A PNG that says it is so large, with as many black rows as there are in `rows`. */
function png(width, height, rows = height) {
  return rawPng(width, height, 1, 0, Buffer.alloc((1 + Math.ceil(width / 8)) * rows));
}

const whole = fs.readFileSync(PICTURE);
const damaged = Buffer.from(jpeg);
damaged.fill(0xff, 2000, 40_000);

const BAD = [
  ['an empty file', Buffer.alloc(0), ['invalid_input']],
  ['one byte', Buffer.from('x'), ['invalid_input', 'unsupported_format']],
  ['text', Buffer.from('this is no picture\n'.repeat(100)), ['unsupported_format']],
  ['a script that says it is a picture', Buffer.from('<svg onload="alert(1)"/>'),
    ['unsupported_format']],
  ['zeros', Buffer.alloc(10_000), ['unsupported_format']],
  ['a JPEG cut off in the middle', jpeg.subarray(0, jpeg.length / 2), ['invalid_input']],
  ['a JPEG cut off in its header', jpeg.subarray(0, 100), ['invalid_input']],
  ['a JPEG\'s first two bytes', jpeg.subarray(0, 2), ['invalid_input', 'unsupported_format']],
  ['a PNG cut off in the middle', whole.subarray(0, whole.length / 2), ['invalid_input']],
  ['a PNG cut off in its header', whole.subarray(0, 20), ['invalid_input']],
  ['a PNG with too few rows', png(100, 100, 50), ['invalid_input']],
  ['a PNG without pixels', png(0, 0), ['invalid_input']],
  ['a bomb: 20000 × 20000', png(20_000, 20_000, 1), ['too_large']],
  ['a bomb: 65536 × 1', png(65_536, 1), ['too_large']],
  ['a bomb: 2147483647 × 2147483647', png(2_147_483_647, 2_147_483_647, 0), ['too_large',
    'invalid_input']],
  ['a WebP of nothing', Buffer.from('RIFF\x04\0\0\0WEBP', 'latin1'), ['invalid_input',
    'unsupported_format']],
  ['a GIF of nothing', Buffer.from('GIF89a\x01\0\x01\0\0\0\0;', 'latin1'), ['invalid_input']],
];

for (const [what, bytes, codes] of BAD) {
  test(`failed, and not tried again: ${what}`, async () => {
    const artifact = await hub.upload(bytes, { name: 'bad.jpg', type: 'image/jpeg' });
    const job = await hub.run('image.transform',
      { image: { artifact: artifact.id }, width: 100, format: 'jpeg' });
    assert.equal(job.state, 'failed', JSON.stringify(job));
    assert.ok(codes.includes(job.error.code), JSON.stringify(job.error));
    assert.equal(job.error.retryable, false);
    assert.ok(job.error.message.length > 0);
    assert.equal(job.attempts.length, 1);
    assert.equal(job.attempts[0].outcome, 'failed');
    assert.deepEqual(job.artifacts, []);
  });
}

test('a damaged JPEG is refused or repaired, never a crash', async () => {
  const artifact = await hub.upload(damaged, { name: 'bad.jpg', type: 'image/jpeg' });
  const job = await hub.run('image.transform', { image: { artifact: artifact.id }, width: 100 });
  assert.ok(['failed', 'succeeded'].includes(job.state));
  assert.equal(job.attempts.length, 1);
  if (job.state === 'failed') assert.equal(job.error.code, 'invalid_input');
});

test('a crop that lies outside is refused', async () => {
  const job = await hub.run('image.transform', {
    image: { artifact: photo.id }, crop: { left: 60_000, top: 0, width: 10, height: 10 },
  });
  assert.equal(job.state, 'failed');
  assert.equal(job.error.code, 'invalid_input');
  assert.equal(job.attempts.length, 1);
});

test('after all this no process has died', async () => {
  const { runners_crashed: crashed, attempts_died: died } = await hub.json('/v1/connectors/image');
  assert.deepEqual({ crashed, died }, { crashed: 0, died: 0 });
});
