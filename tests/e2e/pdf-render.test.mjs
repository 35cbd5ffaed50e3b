// pdf.render over HTTP: what comes out is looked at with qpdf and poppler's tools.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';

import { SLOW, startHubd, tempFolder } from './lib/hubd.mjs';
import { fonts, picture, png, run, saved } from './lib/pdf.mjs';

const DEJAVU = '/usr/share/fonts/truetype/dejavu/DejaVuSerif.ttf'; // fonts-dejavu-core

const hub = await startHubd({ flags: { retry_base_ms: 10 } });
after(() => hub.stop());
const folder = tempFolder('hubd-pdf-');

/** Runs a tool that must have nothing to complain about: what it prints. */
function tool(name, ...args) {
  const result = execFileSync('sh', ['-c', 'exec "$@" 2>&1 >"$0"', path.join(folder, 'out'), name, ...args],
    { encoding: 'utf8' });
  assert.equal(result, '', `${name} says something`);
  return fs.readFileSync(path.join(folder, 'out'), 'utf8');
}

/** Renders, checks the file, and gives {file, text, result, job}. */
async function render(definition, options) {
  const job = await hub.run('pdf.render', definition, options);
  assert.equal(job.state, 'succeeded', JSON.stringify(job.error));
  const file = saved('out.pdf', await hub.download(job.artifacts[0]));
  assert.equal(job.artifacts[0].media_type, 'application/pdf');
  assert.match(tool('qpdf', '--check', file), /No syntax or stream encoding errors found/);
  for (const font of fonts(file)) {
    if (!/Helvetica|Times|Courier/.test(font.name)) assert.ok(font.embedded && font.subset, font.name);
  }
  return { job, file, result: job.result, text: tool('pdftotext', '-layout', file, '-') };
}

async function refused(definition, code, pointer, message) {
  const job = await hub.run('pdf.render', definition);
  assert.equal(job.state, 'failed', JSON.stringify(job.result));
  assert.equal(job.error.code, code, JSON.stringify(job.error));
  assert.match(job.error.message, message);
  if (pointer) assert.equal(job.error.details.pointer, pointer);
}

const base64 = (bytes) => ({ data: bytes.toString('base64') });

test('a page of text, in reading order, in every script', async () => {
  const { text, result } = await render({
    language: 'en',
    content: [
      { text: 'Heading', font_size: 18, bold: true },
      'Latin: Zażółć gęślą jaźń, Příliš žluťoučký kůň.',
      'Greek: Ξεσκεπάζω τὴν ψυχοφθόρα βδελυγμία.',
      'Cyrillic: Съешь же ещё этих мягких французских булок.',
      { text: '日本語のテキスト。中文。한국어.', language: 'ja' },
      'עברית', 'Ligatures stay letters: office, fluffy, affine.',
    ],
  });
  assert.deepEqual(result.warnings, []);
  assert.equal(result.pages, 1);
  for (const line of ['Heading', 'Zażółć gęślą jaźń', 'ψυχοφθόρα', 'французских', '日本語のテキスト。中文。한국어.',
    'office, fluffy, affine']) assert.ok(text.includes(line), line);
  assert.match(text, /עברית/);
  const order = ['Heading', 'Latin', 'Greek', 'Cyrillic', '日本語'].map((word) => text.indexOf(word));
  assert.deepEqual([...order].sort((a, b) => a - b), order);
});

test('pages count themselves, and the header of a table is on each of them', async () => {
  const body = [['Number', 'Name'], ...Array.from({ length: 150 }, (_, i) => [String(i), `row ${i}`])];
  const { text, result } = await render({
    header: 'The header', footer: { text: 'Page {page} of {pages}', alignment: 'center' },
    content: [{ table: { header_rows: 1, body } }],
  });
  const pages = text.split('\f').slice(0, -1);
  assert.equal(pages.length, result.pages);
  assert.ok(result.pages > 2);
  for (const [n, page] of pages.entries()) {
    assert.match(page, new RegExp(`Page ${n + 1} of ${result.pages}`));
    assert.equal(page.match(/Number\s+Name/g).length, 1);
    assert.match(page, /The header/);
  }
  const rows = [...text.matchAll(/row (\d+)/g)].map((match) => Number(match[1]));
  assert.deepEqual(rows, Array.from({ length: 150 }, (_, i) => i), 'each row once, in order');
});

test('links, outline, table of contents, metadata, language, attachments', async () => {
  const { file, text } = await render({
    info: { title: 'Títle — ☃', author: 'A. Author', created_at: '2026-01-02T03:04:05Z' },
    language: 'en-GB',
    files: { 'data.xml': { src: base64(Buffer.from('<a/>')), relationship: 'data', media_type: 'text/xml' } },
    styles: { h: { font_size: 16, outline: true, toc_item: true } },
    content: [
      { toc: { title: { text: 'Contents', bold: true } } },
      { text: 'First', style: 'h', page_break: 'before', id: 'one' },
      { text: 'Second', style: 'h', page_break: 'before' },
      { text: ['See page ', { page_of: 'one' }, ', ', { text: 'here', link_to: 'one' }, ' or ',
        { text: 'there', link: 'https://example.com/?a=(1)' }] },
    ],
  });
  assert.match(text, /First[ .]+2\n/);
  assert.match(text, /Second[ .]+3\n/);
  assert.match(text, /See page 2, here or there/);
  const info = tool('pdfinfo', '-isodates', file);
  assert.match(info, /Title:\s+Títle — ☃/);
  assert.match(info, /Author:\s+A. Author/);
  assert.match(info, /CreationDate:\s+2026-01-02T03:04:05/);
  const json = JSON.parse(tool('qpdf', '--json', file));
  assert.deepEqual(json.outlines.map((one) => one.title), ['First', 'Second']);
  assert.ok(json.attachments['data.xml']);
  assert.match(tool('qpdf', '--show-attachment=data.xml', file), /<a\/>/);
  assert.match(JSON.stringify(json), /en-GB/);
  assert.match(JSON.stringify(json), /AFRelationship":"\/Data/);
  const links = tool('pdfinfo', '-url', file);
  assert.ok(links.includes('https://example.com/?a=(1)'), links);
});

test('pictures: PNG with alpha and without, JPEG, each stored once', async () => {
  const jpeg = fs.readFileSync('/usr/share/backgrounds/mate/nature/TwoWings.jpg');
  const upload = await hub.upload(jpeg, { name: 'wings.jpg', type: 'image/jpeg' });
  const { file } = await render({
    images: { a: base64(png(40, 30, [255, 0, 0, 128])), b: base64(png(20, 20, [0, 0, 255, 255])),
      c: { artifact: upload.id } },
    content: [{ image: 'a' }, { image: 'a', width: 100 }, { image: 'b', fit: [50, 50] },
      { image: 'c', width: 300 }, { image: 'c', cover: { width: 100, height: 100 } },
      { image: 'b', opacity: 0.5 }],
  });
  const rows = tool('pdfimages', '-list', file).trim().split('\n').slice(2).map((line) => line.trim().split(/\s+/));
  const objects = new Set(rows.map((row) => row[10]));
  assert.equal(objects.size, 3, 'each once, however often it is shown');
  assert.ok(rows.some((row) => row[2] === 'smask'));
  assert.ok(rows.some((row) => row[8] === 'jpeg'));
});

/** A JPEG of 80 × 40 with a colour in each quarter, made by poppler. */
async function quarters() {
  const rect = (x, y, color) => ({ type: 'rect', x, y, w: 40, h: 20, color });
  const { file } = await render({ page_size: { width: 80, height: 40 }, page_margins: 0, content: [{ canvas: [
    rect(0, 0, '#ff0000'), rect(40, 0, '#00ff00'), rect(40, 20, '#0000ff'), rect(0, 20, '#ffffff')] }] });
  const base = path.join(folder, 'quarters');
  run('pdftoppm', '-jpeg', '-r', '72', '-singlefile', file, base);
  return fs.readFileSync(`${base}.jpg`);
}

/** The same with an EXIF block that tells its orientation (EXIF 2.32, tag 0x0112). */
function oriented(jpeg, orientation) {
  const exif = Buffer.concat([Buffer.from('Exif\0\0MM\0*\0\0\0\x08\0\x01', 'latin1'),
    Buffer.from([0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0])]);
  const head = Buffer.from([0xff, 0xe1, 0, exif.length + 2]);
  return Buffer.concat([jpeg.subarray(0, 2), head, exif, jpeg.subarray(2)]);
}

/** Which of red, green, blue and white a point of the page is. */
function colourAt({ width, pixels }, x, y) {
  const [red, green, blue] = pixels.subarray((y * width + x) * 3);
  return red > 200 ? (green > 200 ? 'w' : 'r') : green > 200 ? 'g' : blue > 200 ? 'b' : '?';
}

test('a JPEG is shown as its EXIF orientation says', async () => {
  const jpeg = await quarters();
  // The corners from the top left on, clockwise; stored they are red, green, blue, white.
  const shown = ['rgbw', 'grwb', 'bwrg', 'wbgr', 'rwbg', 'wrgb', 'bgrw', 'gbwr'];
  for (const [i, corners] of shown.entries()) {
    const [width, height] = i >= 4 ? [40, 80] : [80, 40];
    const { file } = await render({ page_size: { width, height }, page_margins: 0,
      images: { a: base64(oriented(jpeg, i + 1)) }, content: [{ image: 'a', width }] });
    const page = picture(file);
    const points = [[5, 5], [width - 5, 5], [width - 5, height - 5], [5, height - 5]];
    assert.equal(points.map(([x, y]) => colourAt(page, x, y)).join(''), corners, `orientation ${i + 1}`);
  }
});

test('a JPEG that is cut off is refused', async () => {
  const jpeg = await quarters();
  const cut = (length) => ({ images: { a: base64(jpeg.subarray(0, length)) }, content: [{ image: 'a' }] });
  for (const length of [100, Math.floor(jpeg.length * 0.6), jpeg.length - 20, jpeg.length - 2]) {
    await refused(cut(length), 'unsupported_format', '/content/0/image', /JPEG is cut off/);
  }
});

test('a font of one\'s own, from an artifact', async () => {
  const font = await hub.upload(fs.readFileSync(DEJAVU), { name: 'own.ttf', type: 'font/ttf' });
  const { file, text } = await render({
    fonts: { Brand: { normal: { artifact: font.id } } },
    content: [{ text: 'In the brand\'s font', font: 'Brand' }],
  });
  assert.match(tool('pdffonts', file), /[A-Z]{6}\+DejaVuSerif/);
  assert.match(text, /In the brand's font/);
});

test('orientation by section; the standard fonts; the same again is the same file', async () => {
  const definition = {
    default_style: { font: 'Helvetica' }, info: { created_at: '2026-01-01T00:00:00Z' },
    content: ['upright', { text: 'across', page_orientation: 'landscape' },
      { text: 'and back', page_orientation: 'portrait', page_size: 'A5' }],
  };
  const first = await render(definition);
  const sizes = tool('pdfinfo', '-l', '9', first.file).match(/Page\s+\d size:\s+\S+ x \S+/g).map((line) =>
    line.replace(/.*size:\s+/, ''));
  assert.deepEqual(sizes, ['595.28 x 841.89', '841.89 x 595.28', '419.53 x 595.28']);
  const second = await render(definition);
  assert.ok(fs.readFileSync(first.file).equals(fs.readFileSync(second.file)));
});

test('hyphenation, where it is asked for', async () => {
  const word = 'Donaudampfschifffahrtsgesellschaft ';
  const of = async (hyphenate) => (await render({ language: 'de', hyphenate,
    content: [{ text: word.repeat(6), margin: [0, 0, 340, 0] }] })).text;
  assert.match(await of(true), /\w-\n/);
  assert.doesNotMatch(await of(false), /-/);
});

test('characters that no font has: a warning, or a failure', async () => {
  const { result } = await render({ content: [{ text: 'Not in any font: \u{10FFFD} \u{10FFFC}\u{10FFFD}' }] });
  assert.equal(result.warnings.length, 1);
  assert.equal(result.warnings[0].code, 'missing_glyph');
  assert.equal(result.warnings[0].pointer, '/content/0/text');
  assert.equal(result.warnings[0].detail, 'no font has U+10FFFD, U+10FFFC');
  await refused({ missing_glyphs: 'fail', content: ['\u{10FFFD}'] }, 'invalid_input', '/content/0', /U\+10FFFD/);
});

test('errors name the node', async () => {
  const table = (more) => ({ table: { body: [['a', 'b']], ...more } });
  const cases = [
    [{ content: ['x', { table: { body: [['a'], [{ text: 'b', style: 'headin' }]] } }], styles: { heading: {} } },
      '/content/1/table/body/1/0/style', /unknown style “headin”; did you mean “heading”/],
    [{ content: [table({ widths: ['*', '*', '*'] })] }, '/content/0/table/widths', /2 cells, widths has 3/],
    [{ content: [{ table: { body: [['a', 'b'], ['c']] } }] }, '/content/0/table/body/1', /1 cells, the table has 2/],
    [{ content: [{ image: 'logo' }] }, '/content/0/image', /no image “logo”/],
    [{ content: [{ image: 'x' }], images: { x: base64(Buffer.from('no picture')) } }, '/content/0/image',
      /neither a JPEG nor a PNG/],
    [{ content: [{ tetx: 'x' }] }, '/content/0', /is expected/],
    [{ content: [{ text: 'x', colour: 'red' }] }, '/content/0', /“colour” has no meaning here; did you mean “color”/],
    [{ content: [{ text: 'x', color: 'rot' }] }, '/content/0/color', /no colour/],
    [{ content: [{ text: 'x', font: 'Dejavu Snas' }] }, '/content/0', /did you mean “DejaVu Sans”/],
    [{ content: [{ text: 'x', link: 'javascript:alert(1)' }] }, '/content/0/link', /https/],
    [{ content: [{ canvas: [{ type: 'rect', w: 10, h: 2000 }] }] }, '/content/0', /2000 points high/],
    [{ content: [{ qr: '' }] }, '/content/0', /text/],
    [{ content: [{ barcode: '4006381333932', kind: 'ean13' }] }, '/content/0', /check digit/],
    [{ content: [{ text: { page_of: 'nowhere' } }] }, '/content/0/text', /no node “nowhere”/],
    [{ content: [{ table: { header_rows: 1, body: [[{ canvas: [{ type: 'rect', w: 1, h: 740 }] }], ['x']] } }] },
      '/content/0', /header rows/],
    [{ content: ['x'], page_margins: 400 }, '', /no room/],
  ];
  for (const [definition, pointer, message] of cases) {
    const code = /JPEG nor/.test(message) ? 'unsupported_format' : 'invalid_input';
    await refused(definition, code, pointer, message);
  }
});

test('a table of 96,000 cells is bounded in time; one that is larger than the limit is refused', async () => {
  const table = async (rows) => ({ template: { artifact: (await hub.upload(Buffer.from(JSON.stringify({
    content: [{ table: { body: Array.from({ length: rows }, (_, i) => [`row ${i}`, 'b', 'c', 'd']) } }],
  })), { name: 't.json', type: 'application/json' })).id } });
  const started = Date.now();
  const { result } = await render(await table(24_000));
  assert.ok(result.pages > 300, String(result.pages));
  assert.ok(Date.now() - started < 20_000 * SLOW, `${Date.now() - started} ms`);
  await refused(await table(25_000), 'too_large', '/content/0/table/body/24999/3', /more than 200000 nodes/);
});

test('the time of a job is limited, and it can be cancelled', async () => {
  const cell = 'word '.repeat(50);
  const body = Array.from({ length: 1500 }, () => [cell, cell]);
  const job = await hub.post('pdf.render', { content: [{ table: { body } }] }, { timeout_ms: 1, max_attempts: 1 });
  const done = await hub.finished(job.id, 20_000 * SLOW);
  assert.equal(done.state, 'failed');
  assert.match(done.error.code, /deadline_exceeded|cancelled/);
});
