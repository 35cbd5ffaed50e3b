// How pages of pdf.render look: rendered with pdftoppm and compared with what a person has looked
// at and found good, coarsely, so that another version of a font or of poppler does no harm.
//
//     UPDATE=1 HUBD_BUILD=build node --test tests/e2e/pdf-look.test.mjs     after looking again
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { startHubd, tempFolder } from './lib/hubd.mjs';

const PINS = path.join(path.dirname(fileURLToPath(import.meta.url)), 'lib/pdf-looks.json');
const pins = JSON.parse(fs.readFileSync(PINS, 'utf8'));
const folder = tempFolder('hubd-look-');
const hub = await startHubd({});
after(async () => {
  await hub.stop();
  if (process.env.UPDATE) fs.writeFileSync(PINS, `${JSON.stringify(pins, null, 1)}\n`);
});

/** A page as grey values 0 … 15, at 6 dots an inch: {width, pixels}. */
function look(file, page) {
  const pgm = execFileSync('pdftoppm', ['-r', '6', '-gray', '-f', String(page), '-l', String(page), file],
    { maxBuffer: 1 << 24 });
  const [header, width] = /^P5\n(\d+) \d+\n255\n/.exec(pgm.subarray(0, 40).toString('latin1'));
  return { width: Number(width), pixels: Array.from(pgm.subarray(header.length), (grey) => Math.round(grey / 17)) };
}

const pack = (pixels) => Buffer.from(pixels.map((p) => p.toString(16)).join('').padEnd(pixels.length + pixels.length % 2, 'f'), 'hex')
  .toString('base64');
const unpack = (text) => [...Buffer.from(text, 'base64').toString('hex')].map((digit) => parseInt(digit, 16));

async function looksRight(name, definition) {
  const job = await hub.run('pdf.render', definition);
  assert.equal(job.state, 'succeeded', JSON.stringify(job.error));
  const file = path.join(folder, `${name}.pdf`);
  fs.writeFileSync(file, await hub.download(job.artifacts[0]));
  for (let page = 1; page <= job.result.pages; page++) {
    const { width, pixels } = look(file, page);
    const key = `${name} ${page}`;
    if (process.env.UPDATE) pins[key] = { width, pixels: pack(pixels) };
    const pinned = unpack(pins[key]?.pixels ?? '').slice(0, pixels.length);
    assert.equal(pins[key]?.width, width, key);
    assert.equal(pinned.length, pixels.length, `${key}: another size`);
    // Neighbours together: a shift by a fraction of a dot is not seen, one by a line is.
    let worst = 0;
    let sum = 0;
    for (let i = width; i + width + 1 < pixels.length; i++) {
      let off = 0;
      for (const at of [i - width, i - 1, i, i + 1, i + width]) off += pixels[at] - pinned[at];
      worst = Math.max(worst, Math.abs(off) / 5);
      sum += Math.abs(off) / 5;
    }
    const mean = sum / pixels.length;
    assert.ok(mean < 0.25 && worst < 5, `${key} looks different: mean ${mean.toFixed(3)}, worst ${worst.toFixed(1)} of 15`);
  }
}

const lorem = 'The quick brown fox jumps over the lazy dog while five wizards box with a quiet jackdaw. ';

test('type: headings, inline styles, columns, lists, right to left', () => looksRight('type', {
  language: 'en', page_margins: 56,
  styles: { h1: { font_size: 22, bold: true, margin: [0, 0, 0, 8] }, h2: { font_size: 13, bold: true, margin: [0, 12, 0, 4] } },
  header: { columns: ['Left', { text: 'Right', alignment: 'right' }] },
  footer: { text: 'Page {page} of {pages}', alignment: 'center' },
  content: [
    { text: 'Heading', style: 'h1' },
    { text: [lorem, { text: lorem, bold: true }, { text: lorem, color: 'crimson' }, { text: lorem, background: '#ffee88' },
      { text: lorem, decoration: 'underline' }], alignment: 'justify' },
    { text: 'Columns', style: 'h2' },
    { columns: [lorem.repeat(2), { text: lorem.repeat(2), alignment: 'right' }, { text: lorem, alignment: 'center', width: 90 }] },
    { text: 'Lists', style: 'h2' },
    { columns: [{ ul: ['one', lorem, { ul: ['nested', 'again'], type: 'circle' }] }, { ol: ['one', 'two', lorem] }] },
    { text: 'שלום עולם! זה טקסט בעברית עם English באמצע', margin: [0, 12, 0, 0] },
  ],
}));

test('tables: spans, fills, zebra, layouts, torn rows', () => looksRight('tables', {
  page_margins: 56,
  content: [
    { table: { header_rows: 1, widths: ['*', 'auto', 60], body: [
      [{ text: 'Item', bold: true }, 'Unit', 'Price'],
      [{ text: 'Two columns', col_span: 2, fill_color: '#ccd' }, '', '1.00'],
      [{ text: 'Two rows', row_span: 2, vertical_alignment: 'middle' }, 'kg', '2.00'], ['', 'm', '3.00']] } },
    { margin: [0, 16, 0, 16], layout: { base: 'light_horizontal_lines', zebra: ['#eeeeee', '#ffffff'], header_fill: '#334455' },
      table: { header_rows: 1, widths: ['*', '*'], body: [[{ text: 'Name', color: 'white' }, { text: 'Text', color: 'white' }],
        ...Array.from({ length: 14 }, (_, i) => [`row ${i}`, lorem.repeat(i % 4)])] } },
    { layout: 'no_borders', table: { body: [['a', 'b'], ['c', lorem.repeat(12)]] } },
  ],
}));

test('shapes, codes, watermark, background, landscape', () => looksRight('shapes', {
  page_margins: 40, page_size: 'A5', page_orientation: 'landscape', watermark: 'DRAFT',
  background: { canvas: [{ type: 'rect', x: 0, y: 0, w: 595, h: 24, color: '#336699' }] },
  content: [{ columns: [
    { canvas: [{ type: 'rect', x: 0, y: 0, w: 100, h: 60, r: 10, color: 'gold', line_color: 'navy', line_width: 2 },
      { type: 'ellipse', x: 60, y: 90, r1: 50, r2: 20, color: 'teal' },
      { type: 'path', d: 'M0 120 C 40 80, 80 160, 120 120', line_width: 3 }] },
    { qr: 'https://example.com/', fit: 90 },
    { barcode: '4006381333931', kind: 'ean13', fit: 120, height: 50 }] }],
}));

test('from right to left: tables, lists and columns turned around', () => looksRight('rtl', {
  page_size: 'A6', default_style: { direction: 'rtl' },
  content: [
    { text: 'חשבונית', font_size: 16, bold: true },
    { table: { header_rows: 1, widths: ['*', 40, 'auto'], body: [['תיאור', 'כמות', 'סכום'],
      [{ text: 'שירות אירוח', fill_color: '#ccccff' }, '2', '₪ 120'], [{ text: 'סה״כ', col_span: 2 }, '', '₪ 240']] } },
    { ul: ['פריט ראשון', 'פריט שני'], margin: [0, 8, 0, 8] },
    { columns: ['טור ראשון', 'טור שני'] },
  ],
}));
