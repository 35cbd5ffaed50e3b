// What image.transform does beyond resizing, image.compare and image.montage, over HTTP: the pictures
// are painted here, and what comes back is looked at pixel by pixel.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, test } from 'node:test';

import { startHubd } from './lib/hubd.mjs';
import { paintPng, plainGif, readPng, webpChunks } from './lib/picture.mjs';

const PHOTO = '/usr/share/backgrounds/mate/nature/TwoWings.jpg'; // Debian's mate-backgrounds
const RED = [255, 0, 0, 255], BLUE = [0, 0, 255, 255], BLACK = [0, 0, 0, 255];

const hub = await startHubd({ flags: { retry_base_ms: 10 } });
after(() => hub.stop());

const plain = (width, height, colour) => paintPng(width, height, () => colour);
const photo = await upload(fs.readFileSync(PHOTO), 'photo.jpg');
const blue = await upload(plain(60, 40, BLUE), 'blue.png');
const red = await upload(plain(10, 10, RED), 'red.png');

async function upload(bytes, name) {
  const { id } = await hub.upload(bytes, { name });
  return { artifact: id };
}

async function succeeded(type, input) {
  const job = await hub.run(type, input);
  assert.equal(job.state, 'succeeded', JSON.stringify(job.error));
  return job;
}

async function file(job, name) {
  const artifact = name === undefined ? job.artifacts[0]
    : job.artifacts.find((one) => one.name === name);
  assert.ok(artifact, `no ${name} in ${JSON.stringify(job.artifacts)}`);
  return hub.download(artifact);
}

/** What image.info says of bytes. */
async function info(bytes) {
  return (await succeeded('image.info', { image: await upload(bytes, 'result') })).result;
}

test('compare: the same, another, and where they differ', async () => {
  const same = await succeeded('image.compare', { image: photo, other: photo });
  assert.deepEqual([same.result.identical, same.result.ssim, same.result.differing_pixels],
    [true, 1, 0]);

  const spot = await upload(paintPng(60, 40, (x, y) => (x === 7 && y === 5 ? [0, 0, 251, 255] : BLUE)),
    'spot.png');
  const job = await succeeded('image.compare', { image: blue, other: spot, difference: true,
    amplify: 20 });
  const { identical, differing_pixels: differing, max_error: most, psnr } = job.result;
  assert.deepEqual({ identical, differing, most }, { identical: false, differing: 1, most: 4 });
  const expected = 10 * Math.log10(255 ** 2 / (16 / (60 * 40 * 4))); // alpha counts where there is one
  assert.ok(Math.abs(psnr - expected) < 0.1, `${psnr} dB, not ${expected}`);
  const { pixel } = readPng(await file(job, job.result.difference.name));
  assert.deepEqual(pixel(7, 5).slice(0, 3), [0, 0, 80]);
  assert.deepEqual(pixel(8, 5).slice(0, 3), [0, 0, 0]);

  const unlike = await hub.run('image.compare', { image: blue, other: red });
  assert.deepEqual([unlike.state, unlike.error.code], ['failed', 'invalid_input']);
});

test('montage: pictures in their cells, gaps between them', async () => {
  const job = await succeeded('image.montage', { images: [red, blue, red], columns: 2, gap: 3,
    cell: { width: 12, height: 8 }, background: 'black', format: 'png' });
  const { width, height, pixel } = readPng(await file(job));
  assert.deepEqual([width, height], [3 + 2 * 15, 3 + 2 * 11]);
  const seen = [[3, 3], [18, 3], [3, 14], [18, 14], [1, 1], [16, 5]].map(([x, y]) => pixel(x, y));
  assert.deepEqual(seen, [RED, BLUE, RED, BLACK, BLACK, BLACK]);
});

test('a watermark that is an image stands in its corner', async () => {
  const job = await succeeded('image.transform', { image: blue, format: 'png',
    watermark: { image: red, position: 'southeast', left: 4, top: 6 } });
  const { pixel } = readPng(await file(job));
  for (let y = 0; y < 40; y++) {
    for (let x = 0; x < 60; x++) {
      const inside = x >= 46 && x < 56 && y >= 24 && y < 34;
      assert.deepEqual(pixel(x, y), inside ? RED : BLUE, `at ${x}, ${y}`);
    }
  }
});

test('a watermark that is text leaves ink where it stands, and nowhere else', async () => {
  const black = await upload(plain(200, 80, BLACK), 'black.png');
  const job = await succeeded('image.transform', { image: black, format: 'png',
    watermark: { text: 'hub', size: 24, colour: 'white', position: 'northwest' } });
  const { pixel } = readPng(await file(job));
  let ink = 0, strayed = 0;
  for (let y = 0; y < 80; y++) {
    for (let x = 0; x < 200; x++) {
      const level = pixel(x, y)[0];
      if (x < 80 && y < 40) ink += level / 255;
      else strayed += level;
    }
  }
  assert.ok(ink > 80 && ink < 600, `ink of ${ink} pixels`);
  assert.equal(strayed, 0);
});

test('an animation: GIF to WebP and back, frames, order and loop kept', async () => {
  const colours = [[255, 0, 0], [0, 255, 0], [0, 0, 255]];
  const gif = await upload(plainGif(16, 12, colours, { delay: 7, loop: 5 }), 'moving.gif');
  const moved = await succeeded('image.transform',
    { image: gif, animated: true, format: 'webp', lossless: true, width: 32 });
  const webp = await file(moved);
  assert.equal(webpChunks(webp).filter((name) => name === 'ANMF').length, 3);
  const { frames, loop, width, height } = await info(webp);
  assert.deepEqual({ frames, loop, width, height }, { frames: 3, loop: 5, width: 32, height: 24 });

  const back = await succeeded('image.transform',
    { image: await upload(webp, 'moving.webp'), animated: true, format: 'gif' });
  const again = await upload(await file(back), 'again.gif');
  for (const [page, colour] of colours.entries()) {
    const still = await succeeded('image.transform', { image: again, page, format: 'png' });
    assert.deepEqual(readPng(await file(still)).pixel(5, 5), [...colour, 255], `frame ${page}`);
  }
});

test('several outputs from one decode, each with steps of its own', async () => {
  const job = await succeeded('image.transform', { image: photo, format: 'jpeg', outputs: [
    { width: 320, name: 'w320.jpg' },
    { width: 160, name: 'w160.jpg' },
    { steps: [{ width: 64 }, { rotate: 90 }], format: 'png', name: 'turned.png' },
    { width: 48, height: 48, position: 'attention', round: true, format: 'png', name: 'face.png' },
  ] });
  const sizes = job.result.outputs.map(({ name, width, height }) => [name, width, height]);
  assert.deepEqual(sizes, [['w320.jpg', 320, 200], ['w160.jpg', 160, 100], ['turned.png', 40, 64],
    ['face.png', 48, 48]]);
  const turned = readPng(await file(job, 'turned.png'));
  assert.deepEqual([turned.width, turned.height], [40, 64]);
  const face = readPng(await file(job, 'face.png'));
  assert.deepEqual([face.pixel(0, 0)[3], face.pixel(24, 24)[3]], [0, 255]);
});

test('format auto takes what the client accepts', async () => {
  for (const [accept, format] of [['image/avif,image/webp,*/*;q=0.8', 'avif'],
    ['image/webp,*/*', 'webp'], ['*/*', 'jpeg'], [['png'], 'png']]) {
    const job = await succeeded('image.transform', { image: photo, width: 64, format: 'auto', accept });
    assert.deepEqual([job.result.format, job.artifacts[0].media_type], [format, `image/${format}`]);
    assert.equal((await info(await file(job))).format, format);
  }
});

test('max_bytes lowers the quality as far as it takes, and says so if that is not enough', async () => {
  for (const [format, most] of [['jpeg', 9000], ['webp', 6000]]) {
    const job = await succeeded('image.transform', { image: photo, width: 400, format,
      max_bytes: most });
    const { length } = await file(job);
    assert.ok(length <= most && length > most * 0.7, `${length} of ${most} bytes`);
    assert.equal(job.result.bytes, length);
    assert.ok(job.result.quality < 80, `quality ${job.result.quality}`);
  }
  const job = await hub.run('image.transform', { image: photo, width: 400, format: 'jpeg',
    max_bytes: 100 });
  assert.deepEqual([job.state, job.error.code, job.artifacts], ['failed', 'too_large', []]);
});

test('after all this no process has died', async () => {
  const { runners_crashed: crashed, attempts_died: died } = await hub.json('/v1/connectors/image');
  assert.deepEqual({ crashed, died }, { crashed: 0, died: 0 });
});
