// Kinds of pictures in documents of pdf.render: each page is rendered and compared with the samples that
// the picture was made of.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, test } from 'node:test';
import zlib from 'node:zlib';

import { startHubd } from './lib/hubd.mjs';
import { picture, saved } from './lib/pdf.mjs';

const hub = await startHubd({ flags: { retry_base_ms: 10 } });
after(() => hub.stop());

const WIDTH = 40;
const HEIGHT = 24;
/** Fields of 8 × 8, so that what a reader does at edges is of no matter in their middles. */
const field = (x, y) => (x >> 3) + 5 * (y >> 3);
const red = (n) => (n * 37) % 256;
const green = (n) => (n * 101) % 256;
const blue = (n) => 255 - ((n * 17) % 256);

/** A PNG of what `sample(x, y)` gives: the bytes of a pixel (RFC 2083). */
function png(depth, kind, sample, { chunks = [], interlaced = false } = {}) {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(WIDTH, 0);
  head.writeUInt32BE(HEIGHT, 4);
  head.set([depth, kind, 0, 0, interlaced ? 1 : 0], 8);
  const passes = interlaced
    ? [[0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4], [0, 2, 2, 4], [1, 0, 2, 2], [0, 1, 1, 2]]
    : [[0, 0, 1, 1]];
  const bytes = passes.flatMap(([left, top, right, down]) => {
    const rows = [];
    for (let y = top; y < HEIGHT; y += down) {
      rows.push(0);
      for (let x = left; x < WIDTH; x += right) rows.push(...sample(x, y));
    }
    return rows;
  });
  const chunk = (type, data) => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), Buffer.from(data)]);
    const all = Buffer.alloc(body.length + 8);
    all.writeUInt32BE(data.length);
    body.copy(all, 4);
    all.writeUInt32BE(crc(body), body.length + 4);
    return all;
  };
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunk('IHDR', head),
    ...chunks.map(([type, data]) => chunk(type, data)), chunk('IDAT', zlib.deflateSync(Buffer.from(bytes))),
    chunk('IEND', [])]);
}

function crc(bytes) {
  let value = ~0;
  for (const byte of bytes) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  }
  return ~value >>> 0;
}

/** Asserts that the page that is the picture shows the colours of `expected(field)`. */
async function shows(name, bytes, expected, tolerance) {
  const job = await hub.run('pdf.render', { page_size: { width: WIDTH, height: HEIGHT }, page_margins: 0,
    images: { a: { data: bytes.toString('base64') } }, content: [{ image: 'a', width: WIDTH }] });
  assert.equal(job.state, 'succeeded', JSON.stringify(job.error));
  const file = saved(`${name}.pdf`, await hub.download(job.artifacts[0]));
  const { width, pixels } = picture(file);
  assert.equal(width, WIDTH);
  for (let y = 4; y < HEIGHT; y += 8) {
    for (let x = 4; x < WIDTH; x += 8) {
      const shown = [...pixels.subarray((y * width + x) * 3, (y * width + x) * 3 + 3)];
      const wanted = expected(field(x, y));
      const off = Math.max(...shown.map((value, i) => Math.abs(value - wanted[i])));
      assert.ok(off <= tolerance, `${name} at (${x}, ${y}): ${shown}, but it is ${wanted}`);
    }
  }
}

const rgb = (n) => [red(n), green(n), blue(n)];
const grey = (n) => [red(n), red(n), red(n)];

test('PNG of 8 bits, as it is', () => shows('rgb8', png(8, 2, (x, y) => rgb(field(x, y))), rgb, 1));

test('PNG of 16 bits', () => shows('rgb16', png(16, 2, (x, y) => rgb(field(x, y)).flatMap((v) => [v, v])), rgb, 1));

test('PNG, grey of 16 bits', () => shows('grey16', png(16, 0, (x, y) => [red(field(x, y)), 200]), grey, 1));

test('PNG, interlaced', () => shows('adam7', png(8, 2, (x, y) => rgb(field(x, y)), { interlaced: true }), rgb, 1));

test('PNG with a palette, of which one half lets the page through', () => {
  const palette = Array.from({ length: 15 }, (_, n) => rgb(n)).flat();
  const alpha = Array.from({ length: 15 }, (_, n) => (n % 2 ? 128 : 255));
  const bytes = png(8, 3, (x, y) => [field(x, y)], { chunks: [['PLTE', palette], ['tRNS', alpha]] });
  return shows('palette', bytes, (n) => rgb(n).map((v) => (n % 2 ? Math.round(255 - (255 - v) * 128 / 255) : v)), 2);
});

test('PNG whose one colour is transparent', () => {
  const key = rgb(7).flatMap((v) => [0, v]);
  const bytes = png(8, 2, (x, y) => rgb(field(x, y)), { chunks: [['tRNS', key]] });
  return shows('key', bytes, (n) => (n === 7 ? [255, 255, 255] : rgb(n)), 2);
});

test('JPEG in colour', () => {
  const bytes = execFileSync('convert', ['png:-', '-sampling-factor', '4:4:4', '-quality', '100', 'jpg:-'],
    { input: png(8, 2, (x, y) => rgb(field(x, y))) });
  return shows('jpeg', bytes, rgb, 6);
});

test('JPEG in grey', () => {
  const input = png(8, 0, (x, y) => [red(field(x, y))]);
  const bytes = execFileSync('convert', ['png:-', '-colorspace', 'Gray', '-quality', '100', 'jpg:-'], { input });
  assert.equal(bytes[bytes.indexOf(Buffer.from([0xff, 0xc0])) + 9], 1, 'of one component');
  return shows('jpeg-grey', bytes, grey, 6);
});

test('JPEG in CMYK: Adobe\'s, whose inks are upside down', () => {
  // How inks look is the reader's to say: only those that none shows as another.
  const inks = (n) => [[255, 255, 255], [0, 0, 0], [255, 0, 0], [255, 255, 0]][n % 4];
  const bytes = execFileSync('convert', ['png:-', '-colorspace', 'CMYK', '-sampling-factor', '4:4:4',
    '-quality', '100', 'jpg:-'], { input: png(8, 2, (x, y) => inks(field(x, y))) });
  assert.equal(bytes[bytes.indexOf(Buffer.from([0xff, 0xc0])) + 9], 4, 'of four components');
  assert.ok(bytes.includes('Adobe'));
  return shows('jpeg-cmyk', bytes, inks, 60);
});
