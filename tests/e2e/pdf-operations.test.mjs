// pdf.merge, split, rotate, stamp, encrypt, decrypt, metadata, attach, info, linearize: documents that
// Ghostscript made, results looked at with qpdf and poppler, which nobody here wrote.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, test } from 'node:test';

import { startHubd } from './lib/hubd.mjs';
import { fonts, picture, png, run, saved, say, scratch, texts } from './lib/pdf.mjs';

const hub = await startHubd({ flags: { retry_base_ms: 10 } });
after(() => hub.stop());

/** A document whose page N says "NAME page N", with an outline entry for each page. */
function make(name, pages, { width = 595, height = 842 } = {}) {
  const file = scratch(`${name}.pdf`);
  let source = `<< /PageSize [${width} ${height}] >> setpagedevice\n`;
  for (let page = 1; page <= pages; page++) {
    source += `[/Title (${name} ${page}) /Page ${page} /OUT pdfmark\n`;
    source += `/Helvetica findfont 24 scalefont setfont 72 ${height - 100} moveto (${name} page ${page}) show showpage\n`;
  }
  fs.writeFileSync(`${file}.ps`, source);
  run('gs', '-q', '-dNOSAFER', '-dBATCH', '-dNOPAUSE', '-sDEVICE=pdfwrite', '-dPDFSETTINGS=/prepress', `-o${file}`, `${file}.ps`);
  return fs.readFileSync(file);
}

const three = make('three', 3);
const two = make('two', 2, { width: 842, height: 595 });
const upload = (bytes, name = 'in.pdf', type = 'application/pdf') => hub.upload(bytes, { name, type });
const threeId = { artifact: (await upload(three, 'three.pdf')).id };
const twoId = { artifact: (await upload(two, 'two.pdf')).id };

/** The text of each page in the order of the file, however it is turned. */
const plain = (file) => say('pdftotext', '-raw', file, '-').split('\f').slice(0, -1);

/** Runs an operation that must succeed; its documents as files that qpdf finds nothing wrong with. */
async function documents(operation, input, { password = '' } = {}) {
  const job = await hub.run(`pdf.${operation}`, input);
  assert.equal(job.state, 'succeeded', JSON.stringify(job.error));
  assert.deepEqual(job.result.warnings, []);
  const files = [];
  for (const output of job.result.outputs) {
    const artifact = job.artifacts.find((one) => one.name === output.name);
    const bytes = await hub.download(artifact);
    assert.equal(artifact.media_type, 'application/pdf');
    assert.equal(bytes.length, output.bytes);
    const file = saved(output.name, bytes);
    assert.match(run('qpdf', `--password=${password}`, '--check', file), /No syntax or stream encoding errors/);
    assert.equal(Number(run('qpdf', `--password=${password}`, '--show-npages', file)), output.pages);
    files.push(file);
  }
  return files;
}

async function one(operation, input, options) {
  const files = await documents(operation, input, options);
  assert.equal(files.length, 1);
  return files[0];
}

async function fails(operation, input, code, pattern) {
  const job = await hub.run(`pdf.${operation}`, input);
  assert.equal(job.state, 'failed', JSON.stringify(job.result));
  assert.equal(job.error.code, code, job.error.message);
  assert.match(job.error.message, pattern);
  return job.error;
}

async function info(file, more = {}) {
  const { id } = await upload(fs.readFileSync(file));
  const job = await hub.run('pdf.info', { file: { artifact: id }, ...more });
  assert.equal(job.state, 'succeeded', JSON.stringify(job.error));
  return job.result;
}

test('merge: pages in the order asked for, outlines below an entry for each document', async () => {
  const file = await one('merge', {
    files: [{ file: threeId, pages: '3,1' }, { file: twoId, title: 'Zwei' }, { file: threeId, pages: '2' }],
  });
  assert.deepEqual(texts(file),
    ['three page 3', 'three page 1', 'two page 1', 'two page 2', 'three page 2']);
  const { outline, sizes, fonts } = await info(file);
  assert.deepEqual(outline, [
    { title: 'three', page: 1, children: [{ title: 'three 1', page: 2 }, { title: 'three 3', page: 1 }] },
    { title: 'Zwei', page: 3, children: [{ title: 'two 1', page: 3 }, { title: 'two 2', page: 4 }] },
    { title: 'three', page: 5, children: [{ title: 'three 2', page: 5 }] },
  ]);
  assert.deepEqual(sizes.map((one) => [one.from, one.to, one.width]),
    [[1, 2, 595], [3, 4, 842], [5, 5, 595]]);
  assert.ok(fonts.length > 0);
  const plain = await one('merge', { files: [{ file: twoId }], outline: false, name: 'x.pdf' });
  assert.deepEqual((await info(plain)).outline, []);
  await fails('merge', { files: [{ file: threeId }, { file: twoId, pages: '3' }] }, 'invalid_input',
    /^\/files\/1\/pages: There is no page 3; the document has 2/);
});

test('the same job gives the same bytes', async () => {
  const input = { files: [{ file: threeId }, { file: twoId }] };
  const [a, b] = [await one('merge', input), await one('merge', input)];
  assert.ok(fs.readFileSync(a).equals(fs.readFileSync(b)));
});

test('split: every N pages, or by ranges', async () => {
  const parts = await documents('split', { file: threeId, every: 2 });
  assert.deepEqual(parts.map((file) => texts(file)), [['three page 1', 'three page 2'], ['three page 3']]);
  assert.ok(parts[1].endsWith('three-2.pdf'));
  const ranges = await documents('split', { file: threeId, ranges: ['last', '3-1', 'odd'], name: 'p{n}x.pdf' });
  assert.deepEqual(ranges.map((file) => texts(file).map((text) => text.at(-1)).join('')), ['3', '321', '13']);
  assert.ok(ranges[0].endsWith('-p1x.pdf'));
  await fails('split', { file: threeId, ranges: ['1', '2-x'] }, 'invalid_input', /^\/ranges\/1: “2-x” is no list/);
});

test('rotate: relative and absolute', async () => {
  const turned = await one('rotate', { file: threeId, angle: 90, pages: '2' });
  assert.deepEqual((await info(turned)).sizes.map((size) => [size.from, size.width, size.height, size.rotation]),
    [[1, 595, 842, 0], [2, 842, 595, 90], [3, 595, 842, 0]]);
  const id = { artifact: (await upload(fs.readFileSync(turned))).id };
  const again = await one('rotate', { file: id, angle: 90, pages: '2' });
  assert.equal((await info(again)).sizes[1].rotation, 180);
  const back = await one('rotate', { file: id, angle: 0, absolute: true });
  assert.equal((await info(back)).sizes.length, 1);
});

test('encrypt with AES-256, open with each password, decrypt', async () => {
  const passwords = { user_password: 'lesen', owner_password: 'dürfen' };
  const file = await one('encrypt', { file: threeId, ...passwords, permissions: { print: 'low', copy: true } },
    { password: 'lesen' });
  const shown = run('qpdf', '--password=lesen', '--show-encryption', file);
  assert.match(shown, /R = 6/);
  assert.match(shown, /stream encryption method: AESv3/);
  assert.match(shown, /print low resolution: allowed/);
  assert.match(shown, /print high resolution: not allowed/);
  assert.match(shown, /extract for any purpose: allowed/);
  assert.match(shown, /modify annotations: not allowed/);
  assert.deepEqual(texts(file, 'lesen'), ['three page 1', 'three page 2', 'three page 3']);

  const locked = { artifact: (await upload(fs.readFileSync(file))).id };
  const error = await fails('info', { file: locked }, 'encrypted', /needs a password/);
  assert.deepEqual(error.details, { pointer: '/file' });
  await fails('decrypt', { file: locked, password: 'x' }, 'wrong_password', /does not open/);
  for (const password of Object.values(passwords)) {
    const open = await one('decrypt', { file: locked, password });
    assert.equal((await info(open)).encrypted, false);
    assert.deepEqual(texts(open), ['three page 1', 'three page 2', 'three page 3']);
  }
  const known = await info(file, { password: 'lesen' });
  assert.deepEqual(known.encryption, { method: 'aes_256', permissions: { print: 'low', copy: true,
    modify: false, annotate: false, fill_forms: false, assemble: false } });
  const turned = await one('rotate', { file: locked, password: 'lesen', angle: 90 }, { password: 'lesen' });
  assert.equal((await info(turned, { password: 'lesen' })).encrypted, true, 'encryption stays');
  await fails('encrypt', { file: threeId, owner_password: 'ü'.repeat(100) }, 'invalid_input', /at most 127 bytes/);
});

test('metadata: Info and XMP say the same', async () => {
  const file = await one('metadata', { file: threeId, title: 'Grüße & <mehr> 日本', author: 'A', keywords: 'a, b',
    producer: null, created_at: '2026-11-23T12:00:00+01:00', custom: { Order: '42' }, language: 'de-CH' });
  const known = await info(file);
  assert.equal(known.info.Title, 'Grüße & <mehr> 日本');
  assert.equal(known.info.Order, '42');
  assert.equal(known.info.Producer, undefined);
  assert.equal(known.info.CreationDate, 'D:20261123110000Z');
  assert.equal(known.language, 'de-CH');
  const xmp = say('pdfinfo', '-meta', file);
  assert.match(xmp, /<rdf:li xml:lang="x-default">Grüße &amp; &lt;mehr&gt; 日本<\/rdf:li>/);
  assert.match(xmp, /<xmp:CreateDate>2026-11-23T11:00:00Z<\/xmp:CreateDate>/);
  run('xmllint', '--noout', saved('meta.xml', xmp.trim()));
});

test('attach: files with their relationship; Factur-X', async () => {
  const xml = Buffer.from('<?xml version="1.0"?><rsm:CrossIndustryInvoice xmlns:rsm="urn:x"/>');
  const invoice = { artifact: (await upload(xml, 'invoice.xml', 'text/xml')).id };
  const csv = { artifact: (await upload(Buffer.from('a,b\n1,2\n'), 'zahlen.csv', 'text/csv')).id };
  const file = await one('attach', { file: threeId,
    attachments: [{ file: csv, relationship: 'data', description: 'Zahlen' }, { file: csv, name: 'größe.csv' }],
    factur_x: { file: invoice, profile: 'basic' } });
  const listed = say('pdfdetach', '-list', file);
  assert.match(listed, /3 embedded files/);
  assert.match(listed, /factur-x\.xml/);
  assert.match(listed, /größe\.csv/);
  const out = scratch('saved.xml');
  run('pdfdetach', '-savefile', 'factur-x.xml', '-o', out, file);
  assert.ok(fs.readFileSync(out).equals(xml));
  assert.deepEqual((await info(file)).attachments.sort((a, b) => a.name < b.name ? -1 : 1), [
    { name: 'factur-x.xml', relationship: 'Alternative', media_type: 'text/xml' },
    { name: 'größe.csv', relationship: 'Unspecified', media_type: 'text/csv' },
    { name: 'zahlen.csv', relationship: 'Data', media_type: 'text/csv' },
  ]);
  const xmp = say('pdfinfo', '-meta', file);
  assert.match(xmp, /<fx:ConformanceLevel>BASIC<\/fx:ConformanceLevel>/);
  assert.match(xmp, /<pdfaSchema:prefix>fx<\/pdfaSchema:prefix>/);
  run('xmllint', '--noout', saved('meta.xml', xmp.trim()));
  const catalog = JSON.parse(run('qpdf', '--json=2', file)).qpdf[1];
  const root = Object.values(catalog).find((object) => object.value?.['/Type'] === '/Catalog').value;
  assert.equal(root['/AF'].length, 3);
  await fails('attach', { file: threeId, attachments: [{ file: csv }, { file: csv }] }, 'invalid_input',
    /^\/attachments\/1: The document has an attachment “zahlen\.csv” already/);
});

test('linearize, and info tells', async () => {
  const file = await one('linearize', { file: threeId });
  assert.match(run('qpdf', '--check-linearization', file), /no linearization errors/);
  const known = await info(file);
  assert.equal(known.linearized, true);
  assert.equal(known.pages, 3);
  assert.equal(known.encrypted, false);
  assert.deepEqual(known.sizes, [{ from: 1, to: 3, width: 595, height: 842, rotation: 0 }]);
  assert.ok(known.fonts.every((font) => font.embedded && font.subset), JSON.stringify(known.fonts));
});

test('what is no PDF, or a broken one, is told', async () => {
  const file = async (bytes) => ({ file: { artifact: (await upload(bytes)).id } });
  await fails('info', await file(Buffer.from('hello')), 'unsupported_format', /^\/file: The file is no PDF/);
  await fails('info', await file(Buffer.from('%PDF-1.7\nnothing')), 'damaged', /^\/file: The document is damaged: /);
  await fails('rotate', { ...(await file(three.subarray(0, 400))), angle: 90 }, 'damaged', /damaged/);
  const cut = await hub.run('pdf.info', await file(three.subarray(0, three.length - 20)));
  assert.equal(cut.state, 'succeeded', 'a document without its end can be mended');
  assert.ok(cut.result.warnings.length > 0);
  assert.match(cut.result.warnings[0], /^\/file: /);
  await fails('rotate', { file: threeId, angle: 90, name: '../x.pdf' }, 'invalid_input', /^\/name: /);
});

/** The colour [r, g, b] of a point of a page, as poppler draws it at 72 dots per inch. */
function colour(file, page, x, y) {
  const { width, pixels } = picture(file, { page });
  return [...pixels.subarray((y * width + x) * 3, (y * width + x + 1) * 3)];
}

test('stamp: a text, a picture, a page; also on a page that is turned', async () => {
  const text = await one('stamp', { file: threeId, pages: '2-', position: 'bottom_right', opacity: 0.5,
    text: { text: 'ENTWURF für Ä€', font_size: 20, bold: true, color: '#cc0000' } });
  assert.deepEqual(texts(text).map((page) => page.includes('ENTWURF für Ä€')),
    [false, true, true]);

  const image = { artifact: (await upload(png(20, 10, [0, 0, 255, 128]), 'blue.png', 'image/png')).id };
  const turned = { artifact: (await upload(fs.readFileSync(
    await one('rotate', { file: threeId, angle: 90, pages: '2' })))).id };
  const stamped = await one('stamp', { file: turned, image: { file: image, width: 100 }, position: 'top_left', margin: 10 });
  for (const [page, x, y] of [[1, 60, 35], [2, 60, 35]]) {
    const [red, green, blue] = colour(stamped, page, x, y);
    assert.ok(Math.abs(red - 127) < 8 && Math.abs(green - 127) < 8 && blue > 247, `${page}: ${[red, green, blue]}`);
    assert.deepEqual(colour(stamped, page, x + 60, y), [255, 255, 255]);
    assert.deepEqual(colour(stamped, page, x, y + 35), [255, 255, 255]);
  }

  const under = await one('stamp', { file: threeId, page: { file: twoId, page: 2, fit: true }, under: true });
  assert.deepEqual(texts(under).map((page) => /two page 2/.test(page) && /three page/.test(page)), [true, true, true]);
  assert.deepEqual((await info(under)).sizes.length, 1);

  await fails('stamp', { file: threeId, page: { file: twoId, page: 3 } }, 'invalid_input', /^\/page\/page: /);
  await fails('stamp', { file: threeId, image: { file: threeId } }, 'unsupported_format', /^\/image\/file: /);
});

test('stamp: a text in any script and font, embedded and subset', async () => {
  const text = 'Příliš žluťoučký\nПредварительно 草案 초안';
  const stamped = await one('stamp', { file: threeId, pages: 'odd', opacity: 0.4,
    text: { text, font: 'DejaVu Sans', bold: true, font_size: 24, language: 'ja' } });
  for (const word of ['Příliš', 'žluťoučký', 'Предварительно', '草案', '초안']) {
    assert.deepEqual(plain(stamped).map((page) => page.includes(word)), [true, false, true], word);
  }
  const added = fonts(stamped).filter((font) => /DejaVu|CJK/.test(font.name));
  assert.ok(added.length >= 2 && added.every((font) => font.embedded && font.subset), JSON.stringify(added));

  const rtl = await one('stamp', { file: threeId, pages: '1', text: { text: 'טיוטה שלום', font: 'DejaVu Sans' } });
  for (const word of ['טיוטה', 'שלום']) assert.ok(plain(rtl)[0].includes(word), plain(rtl)[0]);

  const serif = await upload(fs.readFileSync('/usr/share/fonts/truetype/dejavu/DejaVuSerif.ttf'), 'own.ttf', 'font/ttf');
  const own = await one('stamp', { file: threeId, fonts: { Brand: { normal: { artifact: serif.id } } },
    text: { text: 'Ωmega', font: 'Brand' } });
  assert.ok(fonts(own).some((font) => /\+DejaVuSerif/.test(font.name) && font.subset));
  const plainLatin = await one('stamp', { file: threeId, text: { text: 'DRAFT' } });
  assert.ok(fonts(plainLatin).some((font) => font.name === 'Helvetica'));

  await fails('stamp', { file: threeId, text: { text: '\u{10FFFD}' } }, 'invalid_input', /^\/text\/?.*: no font has the character U\+10FFFD/);
  await fails('stamp', { file: threeId, text: { text: 'x', font: 'Dejavu Snas' } }, 'invalid_input',
    /^\/text.*did you mean “DejaVu Sans”/);
  await fails('stamp', { file: threeId, fonts: { Brand: { normal: threeId } }, text: { text: 'x', font: 'Brand' } },
    'unsupported_format', /^\/fonts\/Brand\/normal: /);
});

test('stamp: repeated all over the page, under the given angle', async () => {
  const blank = { artifact: (await upload(make('blank', 1))).id };
  const stamped = await one('stamp', { file: blank, angle: 45, repeat: { gap: 60 },
    text: { text: 'DRAFT', font_size: 30, color: '#cc0000' } });
  const { width, height, pixels } = picture(stamped);
  const cells = [];
  for (let top = 0; top + 200 <= height; top += 200) {
    for (let left = 0; left + 190 <= width; left += 190) {
      let red = 0;
      for (let y = top; y < top + 200; y++) {
        for (let x = left; x < left + 190; x++) {
          const at = (y * width + x) * 3;
          red += pixels[at] > 150 && pixels[at + 1] < 100;
        }
      }
      cells.push(red);
    }
  }
  assert.equal(cells.length, 12);
  assert.ok(cells.every((red) => red > 300), `some part of the page has no stamp: ${cells}`);
  assert.ok(Math.max(...cells) < 3 * Math.min(...cells), `they are not evenly spread: ${cells}`);
  await fails('stamp', { file: blank, repeat: { gap: 0 }, text: { text: '.', font_size: 1 } }, 'too_large',
    /^\/repeat: That is more than 5,000/);
});
