// Small pictures made by hand, and what comes back read by hand: an opinion that shares no code with
// the connector.
import assert from 'node:assert/strict';
import zlib from 'node:zlib';

const PNG_MARK = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');

function crc32(bytes) {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

function pngChunk(type, data) {
  const chunk = Buffer.alloc(12 + data.length);
  chunk.writeUInt32BE(data.length, 0);
  chunk.write(type, 4, 'latin1');
  data.copy(chunk, 8);
  chunk.writeUInt32BE(crc32(chunk.subarray(4, 8 + data.length)), 8 + data.length);
  return chunk;
}

/** A PNG that says it is so large and of this depth and colour type, with these rows in it. */
export function rawPng(width, height, depth, colourType, rows) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([depth, colourType, 0, 0, 0], 8);
  return Buffer.concat([PNG_MARK, pngChunk('IHDR', header),
    pngChunk('IDAT', zlib.deflateSync(rows)), pngChunk('IEND', Buffer.alloc(0))]);
}

/** An RGBA PNG; `paint(x, y)` gives the colour of a pixel as [red, green, blue, alpha]. */
export function paintPng(width, height, paint) {
  const rows = Buffer.alloc((1 + width * 4) * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) rows.set(paint(x, y), y * (1 + width * 4) + 1 + x * 4);
  }
  return rawPng(width, height, 8, 6, rows);
}

const paeth = (left, up, corner) => {
  const by = [left, up, corner].map((one) => Math.abs(left + up - corner - one));
  return by[0] <= by[1] && by[0] <= by[2] ? left : by[1] <= by[2] ? up : corner;
};
const FILTERS = [() => 0, (left) => left, (left, up) => up, (left, up) => (left + up) >> 1, paeth];

/** The samples without the filters of PNG (ISO/IEC 15948, 9.2). */
function unfilter(rows, stride, step) {
  const samples = Buffer.alloc(rows.length / (stride + 1) * stride);
  for (let y = 0; y * (stride + 1) < rows.length; y++) {
    const predict = FILTERS[rows[y * (stride + 1)]];
    for (let x = 0; x < stride; x++) {
      const at = y * stride + x;
      const left = x >= step ? samples[at - step] : 0;
      const up = y > 0 ? samples[at - stride] : 0;
      const corner = x >= step && y > 0 ? samples[at - stride - step] : 0;
      samples[at] = rows[y * (stride + 1) + 1 + x] + predict(left, up, corner);
    }
  }
  return samples;
}

/** A PNG of 8 bits without palette: {width, height, pixel(x, y) → [red, green, blue, alpha]}. */
export function readPng(bytes) {
  assert.deepEqual(bytes.subarray(0, 8), PNG_MARK);
  const [width, height] = [bytes.readUInt32BE(16), bytes.readUInt32BE(20)];
  const channels = { 0: 1, 2: 3, 4: 2, 6: 4 }[bytes[25]];
  assert.ok(bytes[24] === 8 && channels !== undefined, 'eight bits, no palette');
  const parts = [];
  for (let at = 8; at < bytes.length; at += 12 + bytes.readUInt32BE(at)) {
    if (bytes.toString('latin1', at + 4, at + 8) === 'IDAT') {
      parts.push(bytes.subarray(at + 8, at + 8 + bytes.readUInt32BE(at)));
    }
  }
  const samples = unfilter(zlib.inflateSync(Buffer.concat(parts)), width * channels, channels);
  const pixel = (x, y) => {
    const at = (y * width + x) * channels;
    const of = [...samples.subarray(at, at + channels)];
    const alpha = channels % 2 === 0 ? of.pop() : 255;
    return [...(of.length === 1 ? [of[0], of[0], of[0]] : of), alpha];
  };
  return { width, height, pixel };
}

/**
 * An animated GIF of plain frames, each of one of at most four colours. Codes of three bits, with a
 * clear code before every second pixel, so that they never grow (GIF89a, appendix F). It is shown
 * `loop` times; the file says how often it is shown again.
 */
export function plainGif(width, height, colours, { delay = 10, loop = 2 } = {}) {
  const word = (number) => [number & 255, number >> 8];
  const head = [...Buffer.from('GIF89a'), ...word(width), ...word(height), 0x81, 0, 0,
    ...Array.from({ length: 4 }, (_, n) => colours[n] ?? [0, 0, 0]).flat(),
    0x21, 0xff, 11, ...Buffer.from('NETSCAPE2.0'), 3, 1, ...word(loop - 1), 0];
  const frames = colours.flatMap((_, index) => {
    const codes = Array.from({ length: width * height }, (__, n) => (n % 2 ? [index] : [4, index]));
    let bits = 0, held = 0;
    const data = [];
    for (const code of [...codes.flat(), 5]) {
      held |= code << bits;
      for (bits += 3; bits >= 8; bits -= 8, held >>= 8) data.push(held & 255);
    }
    data.push(held);
    const blocks = [];
    for (let at = 0; at < data.length; at += 255) {
      blocks.push(Math.min(255, data.length - at), ...data.slice(at, at + 255));
    }
    return [0x21, 0xf9, 4, 0, ...word(delay), 0, 0, 0x2c, 0, 0, 0, 0, ...word(width),
      ...word(height), 0, 2, ...blocks, 0];
  });
  return Buffer.from([...head, ...frames, 0x3b]);
}

/** Names of the chunks of a WebP, in order. */
export function webpChunks(bytes) {
  assert.equal(bytes.toString('latin1', 8, 12), 'WEBP');
  const names = [];
  for (let at = 12; at < bytes.length;) {
    names.push(bytes.toString('latin1', at, at + 4));
    const length = bytes.readUInt32LE(at + 4);
    at += 8 + length + (length & 1);
  }
  return names;
}
