// Looking at PDF files with programs that nobody here wrote: qpdf, poppler, zbar.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';

import { tempFolder } from './hubd.mjs';

const folder = tempFolder('hubd-look-');
let count = 0;

/** Runs a program that must end well; what it prints, as bytes in a string. */
export function run(program, ...args) {
  const { status, stdout, stderr, error } = spawnSync(program, args,
    { encoding: 'latin1', timeout: 60_000, maxBuffer: 64 << 20 });
  assert.equal(status, 0, `${program} ${args.join(' ')}: ${error ?? ''} ${stdout}${stderr}`);
  return stdout;
}

/** The same, as text. */
export function say(program, ...args) {
  return Buffer.from(run(program, ...args), 'latin1').toString('utf8');
}

/** A path for a new file that goes with the process. */
export function scratch(name) {
  return path.join(folder, `${count++}-${name}`);
}

export function saved(name, bytes) {
  const file = scratch(name);
  fs.writeFileSync(file, bytes);
  return file;
}

/** The text of each page. */
export function texts(file, password = '') {
  return say('pdftotext', '-layout', ...(password ? ['-upw', password] : []), file, '-')
    .split('\f').slice(0, -1).map((text) => text.trim());
}

/** The fonts of a file, each as {name, embedded, subset}. */
export function fonts(file) {
  return say('pdffonts', file).trim().split('\n').slice(2).map((line) => {
    const [, embedded, subset] = /(yes|no)\s+(yes|no)\s+(yes|no)\s+\d+\s+\d+$/.exec(line);
    return { name: line.split(/\s/)[0], embedded: embedded === 'yes', subset: subset === 'yes' };
  });
}

/** A page as poppler draws it: {width, height, channels, pixels}; 1 channel if `gray`. */
export function picture(file, { page = 1, dpi = 72, gray = false } = {}) {
  const base = scratch('page');
  run('pdftoppm', ...(gray ? ['-gray'] : []), '-r', dpi, '-f', page, '-l', page, '-singlefile', file, base);
  const bytes = fs.readFileSync(`${base}.${gray ? 'pgm' : 'ppm'}`);
  const [header, width, height] = /^P[56]\n(\d+) (\d+)\n255\n/.exec(bytes.subarray(0, 40).toString('latin1'));
  return { width: Number(width), height: Number(height), channels: gray ? 1 : 3,
    pixels: bytes.subarray(header.length) };
}

/** What zbar reads on a page: ["QR-Code:…", "CODE-128:…"]. */
export function codes(file, page = 1) {
  const base = scratch('codes');
  run('pdftoppm', '-gray', '-r', '220', '-f', page, '-l', page, '-singlefile', file, base);
  return say('zbarimg', '-q', '--nodbus', `${base}.pgm`).trim().split(/\n(?=[A-Z][A-Za-z0-9-]+:)/);
}

/** How dark a page is, in a grid of `columns`, row after row, 0 to 9 each. */
export function portrait(file, columns = 24) {
  const { width, height, pixels } = picture(file, { dpi: 36, gray: true });
  const size = width / columns;
  const rows = Math.round(height / size);
  const lines = [];
  for (let row = 0; row < rows; row++) {
    let line = '';
    for (let column = 0; column < columns; column++) {
      let dark = 0;
      let seen = 0;
      for (let y = Math.floor(row * size); y < Math.min(height, (row + 1) * size); y++) {
        for (let x = Math.floor(column * size); x < Math.min(width, (column + 1) * size); x++, seen++) {
          dark += 255 - pixels[y * width + x];
        }
      }
      line += Math.min(9, Math.round((dark / seen / 255) * 18));
    }
    lines.push(line);
  }
  return lines;
}

/** Asserts that a page still looks like `lines`, which portrait() gave once: as few cells as one in
 * fifty may differ by more than a shade. */
export function assertLooksLike(file, lines) {
  const now = portrait(file, lines[0].length);
  assert.equal(now.length, lines.length, `\n${now.join('\n')}`);
  const cells = [...lines.join('')].map((shade, i) => Math.abs(shade - now.join('')[i]));
  const off = cells.filter((difference) => difference > 1).length;
  assert.ok(off <= cells.length / 50, `${off} of ${cells.length} cells differ:\n${now.join('\n')}`);
}

/** A PNG of one colour [red, green, blue, alpha]. */
export function png(width, height, rgba) {
  const chunk = (type, data) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const all = Buffer.alloc(body.length + 8);
    all.writeUInt32BE(data.length);
    body.copy(all, 4);
    all.writeUInt32BE(crc(body), body.length + 4);
    return all;
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 6, 0, 0, 0], 8);
  const row = Buffer.concat([Buffer.from([0]), Buffer.alloc(width * 4, Buffer.from(rgba))]);
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunk('IHDR', head),
    chunk('IDAT', zlib.deflateSync(Buffer.concat(Array(height).fill(row)))), chunk('IEND', Buffer.alloc(0))]);
}

function crc(bytes) {
  let value = ~0;
  for (const byte of bytes) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  }
  return ~value >>> 0;
}
