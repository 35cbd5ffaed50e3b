// The ready templates through hubd: what they say, that their codes can be read, and how they look.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';

import { startHubd, tempFolder } from './lib/hubd.mjs';
import { assertLooksLike, codes, fonts, png, run, saved, say, texts } from './lib/pdf.mjs';

const TEMPLATES = new URL('../../connectors/pdf/templates/', import.meta.url);
const hub = await startHubd({ flags: { retry_base_ms: 10 } });
after(() => hub.stop());

const example = (name) => JSON.parse(fs.readFileSync(new URL(`${name}.example.json`, TEMPLATES)));

/** Renders a template; the file, in which nothing is wrong and every font is embedded. */
async function render(input, pages) {
  const job = await hub.run('pdf.render', input);
  assert.equal(job.state, 'succeeded', JSON.stringify(job.error));
  assert.deepEqual(job.result.warnings, []);
  assert.equal(job.result.pages, pages);
  const file = saved('out.pdf', await hub.download(job.artifacts[0]));
  assert.match(run('qpdf', '--check', file), /No syntax or stream encoding errors/);
  for (const font of fonts(file)) assert.ok(font.embedded && font.subset, JSON.stringify(font));
  return file;
}

const plain = (text) => text.replace(/[\u00a0\u202f]/g, ' ').replace(/ +/g, ' ');

test('invoice: German words, numbers and dates; the QR code is a credit transfer', async () => {
  const data = example('invoice');
  const file = await render({ template: 'invoice', locale: 'de', data }, 1);
  const [text] = texts(file).map(plain);
  for (const words of ['Rechnung', '23. November 2026', 'Fällig am', '7. Dezember 2026', '61,5 Std.', '95,00 €',
    '5.842,50 €', 'USt. 19 % auf 8.441,40 €', 'Gesamtbetrag 10.123,17 €', 'DE02 1203 0000 0000 2020 51',
    'Seite 1 / 1']) {
    assert.ok(text.includes(words), `${words} in:\n${text}`);
  }
  assert.deepEqual(codes(file), [`QR-Code:${data.payment.qr}`]);
  assert.match(say('pdfinfo', file), /^Title:\s+Rechnung 2026-0417$/m);
  assertLooksLike(file, INVOICE);
});

test('invoice: American, of many pages, with a logo', async () => {
  const data = example('invoice');
  data.items = Array.from({ length: 60 }, (_, i) => ({ description: `Item ${i + 1}`, quantity: i + 1,
    unit_price: 12000, tax_rate: 0.0725, amount: 12000 * (i + 1) }));
  data.currency = 'USD';
  data.design = { page_size: 'letter', color: '#0F766E' };
  const logo = await hub.upload(png(200, 60, [15, 118, 110, 255]), { name: 'logo.png', type: 'image/png' });
  const file = await render({ template: 'invoice', locale: 'en-US', data,
    images: { logo: { artifact: logo.id } } }, 4);
  const pages = texts(file).map(plain);
  assert.ok(pages[0].includes('Item 1 1 $120.00 7.25% $120.00'), pages[0]);
  assert.ok(pages[0].includes('November 23, 2026'));
  for (const [n, page] of pages.entries()) {
    if (page.includes('Item ')) assert.match(page, /DESCRIPTION +QTY +UNIT PRICE +TAX +AMOUNT/, 'the header row on every page');
    assert.ok(page.includes(`Page ${n + 1} / 4`));
  }
  const items = pages.join('\n').match(/Item \d+/g).map((item) => Number(item.slice(5)));
  assert.deepEqual(items, Array.from({ length: 60 }, (_, i) => i + 1), 'each item once, in order');
  assert.ok(pages[3].includes('$10,123.17'));
});

test('receipt: Swiss, on a roll', async () => {
  const file = await render({ template: 'receipt', locale: 'de-CH', data: example('receipt') }, 1);
  const [text] = texts(file).map(plain);
  for (const words of ['Beleg 88213', '23.11.26, 17:42', '0.25 kg × 52.00', 'CHF 38.50', 'MWST 8.1% auf CHF 23.59',
    'Rückgeld CHF 1.50', 'Vielen Dank!']) {
    assert.ok(text.includes(words), `${words} in:\n${text}`);
  }
  assert.deepEqual(codes(file), ['CODE-128:LH-88213-2026']);
  assertLooksLike(file, RECEIPT);
});

test('label: both codes can be read', async () => {
  const file = await render({ template: 'label', locale: 'pl', data: example('label') }, 1);
  const [text] = texts(file).map(plain);
  for (const words of ['Zofia Wiśniewska', '31-147 Kraków', '3,40 kg', '0034 0434 1610 9402 7318', 'ODBIORCA']) {
    assert.ok(text.includes(words), `${words} in:\n${text}`);
  }
  assert.deepEqual(codes(file).sort(), ['CODE-128:00340434161094027318', 'QR-Code:00340434161094027318']);
  assertLooksLike(file, LABEL);
});

test('report: an outline, figures and a table with totals', async () => {
  const file = await render({ template: 'report', locale: 'en-GB', data: example('report') }, 2);
  const pages = texts(file).map(plain);
  for (const words of ['Quarterly review', '14 October 2026', '€4.82 m', '14,820 €1,684,120.50 €1,849,203.10 +9.8 %',
    'All regions 38,210 €4,285,517.25']) {
    assert.ok(pages[0].includes(words), `${words} in:\n${pages[0]}`);
  }
  assert.ok(pages[1].startsWith('Quarterly review Harbour Light Cooperative'));
  const { id } = await hub.upload(fs.readFileSync(file), { name: 'report.pdf', type: 'application/pdf' });
  const { result } = await hub.run('pdf.info', { file: { artifact: id } });
  assert.deepEqual(result.outline.map((entry) => [entry.title, entry.page]),
    [['What changed', 1], ['Revenue by region', 1], ['Outlook', 2]]);
  assertLooksLike(file, REPORT);
});

test('a template of one\'s own, as a file', async () => {
  const template = { content: [{ text: '{{title | upper}}', bold: true },
    { ul: [{ $for: 'items', $do: '{{@number}}: {{name}}{{^@last}},{{/@last}}' }] },
    { $if: 'late', $then: 'Sent {{at | datetime: "short"}}' }] };
  const { id } = await hub.upload(JSON.stringify(template), { name: 't.json', type: 'application/json' });
  const data = { title: 'straße', items: [{ name: 'a' }, { name: 'b' }], late: true, at: '2026-11-23T23:30:00Z' };
  const file = await render({ template: { artifact: id }, locale: 'de', utc_offset: '+01:00', data }, 1);
  const [text] = texts(file).map(plain);
  assert.match(text, /STRASSE[^]*1: a,[^]*2: b[^,]*Sent 24\.11\.26, 00:30/);
});

test('a template of the operator\'s folder, by name: read anew each time, in the sandbox', async (t) => {
  const folder = tempFolder('hubd-templates-');
  fs.chmodSync(folder, 0o755);
  const put = (name, value) => fs.writeFileSync(path.join(folder, name), JSON.stringify(value), { mode: 0o644 });
  put('letter.json', { content: ['Dear {{name}}'] });
  put('letter.schema.json', { required: ['name'], properties: { name: { type: 'string' } } });
  put('receipt.json', { content: ['our own receipt'] });
  fs.writeFileSync(path.join(folder, 'broken.json'), '{"content":');
  const own = await startHubd({ flags: { retry_base_ms: 10, connector_folders: `pdf/templates=${folder}` } });
  t.after(() => own.stop());
  const text = async (input) => {
    const job = await own.run('pdf.render', input);
    assert.equal(job.state, 'succeeded', JSON.stringify(job.error));
    return texts(saved('own.pdf', await own.download(job.artifacts[0])))[0];
  };
  const failure = async (input) => (await own.run('pdf.render', input)).error.message;
  assert.equal(await text({ template: { name: 'letter' }, data: { name: 'Ada' } }), 'Dear Ada');
  assert.equal(await text({ template: 'receipt' }), 'our own receipt');
  put('letter.json', { content: ['Hello {{name}}'] });
  assert.equal(await text({ template: { name: 'letter' }, data: { name: 'Ada' } }), 'Hello Ada');
  assert.match(await failure({ template: { name: 'letter' }, data: { name: 5 } }), /^\/data\/name: /);
  assert.match(await failure({ template: { name: 'leter' } }),
    /^\/template: there is no template “leter”; there are broken, invoice, label, letter, receipt, report\.$/);
  assert.match(await failure({ template: { name: '../letter' } }), /there is no template/);
  assert.match(await failure({ template: { name: 'broken' } }), /^\/template: broken\.json: /);
  assert.match((await hub.run('pdf.render', { template: 'letter' })).error.message,
    /there are invoice, label, receipt, report\.$/, 'without the setting there are the ready ones');
});

test('times are shown in a zone', async () => {
  const template = { artifact: (await hub.upload(Buffer.from(JSON.stringify(
    { content: ["{{at | datetime: 'long'}}"] })), { name: 't.json', type: 'application/json' })).id };
  const shown = async (input) => texts(await render({ template, locale: 'en', ...input }, 1))[0];
  const data = { at: '2026-07-01T22:30:00Z' };
  assert.match(await shown({ data, time_zone: 'Europe/Berlin' }), /July 2, 2026.*12:30.AM/);
  assert.match(await shown({ data, time_zone: 'America/New_York' }), /July 1, 2026.*6:30.PM/);
  assert.match(await shown({ data, utc_offset: '+01:00' }), /July 1, 2026.*11:30.PM/);
  const job = await hub.run('pdf.render', { template, data, time_zone: 'Europe/Atlantis' });
  assert.match(job.error.message, /^\/time_zone: /);
});

test('what is wrong is named by its place', async () => {
  const refused = async (input, pointer, message) => {
    const job = await hub.run('pdf.render', input);
    assert.equal(job.state, 'failed', JSON.stringify(job.result));
    assert.equal(job.error.code, 'invalid_input');
    assert.deepEqual(job.error.details, { pointer });
    assert.match(job.error.message, message);
  };
  const data = example('invoice');
  data.items[1].amount = 1.5;
  await refused({ template: 'invoice', data }, '/data/items/1/amount', /integer/);
  const { id } = await hub.upload('{"content":["ok","{{a | mony}}"]}', { name: 't.json', type: 'application/json' });
  await refused({ template: { artifact: id }, data: {} }, '/template', /\/content\/1: .*unknown filter “mony”/);
});

// Page 1 of each, in shades.
const INVOICE = [
  '000000000000000000000000',
  '000000000000000000000000',
  '002222222200000004333300',
  '000000000000000000000000',
  '001111100000001100002100',
  '002333210000011000121100',
  '002211100000011000122100',
  '001211000000001100000100',
  '000000000000000000000000',
  '001111111111111000000000',
  '000100000000000001000000',
  '002333211111112222222200',
  '001111110000000000000000',
  '002222211111001101111100',
  '001100000000000000000000',
  '001222120000001101001100',
  '001221100000001111101100',
  '000000000000110000001100',
  '000000000000111100001100',
  '000000000000122111111200',
  '000000000001222200122100',
  '000000000000000000000000',
  '001211111111111111777300',
  '001222233232221111899300',
  '001111233333111111899300',
  '001111222111111111445200',
  '000000000000000000000000',
  '000111111101101100000000',
  '000000000000000000000000',
  '000000000000000000000000',
  '000000000000000000000000',
  '001211001110001111000000',
  '001100000000000100000000',
  '000000000000000000000000',
];
const RECEIPT = [
  '000000000000000000000000',
  '000000000000000000000000',
  '000000234323453442000000',
  '000000233333443341000000',
  '000000000111111100000000',
  '000000000121110000000000',
  '000000002111111200000000',
  '000000000000000000000000',
  '001111111101101111111100',
  '024433310000000011111100',
  '011222110000000000001210',
  '001100000000000000000100',
  '000000000000000000000000',
  '012121000000000000001110',
  '012221000000000000001110',
  '000110000000000000000000',
  '012222212321000000001210',
  '001110000000000000000000',
  '000000000000000000000000',
  '012232222222000000001210',
  '001110000000000000000000',
  '011111111110000000001110',
  '013222321221000000001210',
  '001111100000000000000000',
  '001111111111111111111100',
  '012111221211101222222310',
  '026565565555000564353620',
  '000000000000000000000000',
  '012111111110000000011100',
  '001111111110000000011100',
  '012000000000000000223310',
  '012221000000000000121210',
  '001110000000000000010100',
  '001222122222222322222100',
  '003999899999999999989300',
  '003999899999999999989300',
  '002789699977888998979300',
  '000000001333233000000000',
  '000000000000000000000000',
  '000000000221221000000000',
  '000000000233232000000000',
  '001121121111111121111100',
  '000000000001100000000000',
  '000000000000000000000000',
  '000000000000000000000000',
];
const LABEL = [
  '023333333333333333333330',
  '054433333333355333333353',
  '034433333310032023331033',
  '032221100000032025331033',
  '032211221000032000000033',
  '043333333333333333333353',
  '032210000000000000000033',
  '037664766667500000000033',
  '032221122122200000000033',
  '032234232000000000000033',
  '033233344100000000000033',
  '033232000000000000000033',
  '031221000000000000000033',
  '032222220000000000000033',
  '042222222222222222222253',
  '032200000210000022222033',
  '034300000454500033342033',
  '043333333333333333333353',
  '033444332300032366457233',
  '034545442400032598999333',
  '032221222222132499989233',
  '032200000000032499999133',
  '032222210000032599999133',
  '030000000000032498769133',
  '043333333333333333333353',
  '030111111123221111111033',
  '033999666899679969699433',
  '033999667899779969699433',
  '033999667899779969699433',
  '032678444568458646466333',
  '030001543434444344100033',
  '043333333333333333333342',
  '000000000000000000000000',
  '000000000000000000000000',
];
const REPORT = [
  '000000000000000000000000',
  '000000000000000000000000',
  '000001000000000000000000',
  '003334323332000000000000',
  '002222122111000000000000',
  '001111110000000000000000',
  '002310000000000000000000',
  '000000000000000000000000',
  '002222222222222222222100',
  '001110000000100000000000',
  '000000000000000000000000',
  '001111110111111011111100',
  '002443110344111044421100',
  '000111000111000011000000',
  '002122100000000000000000',
  '002222211111111111111000',
  '001111111111100000000000',
  '002211111111111111111100',
  '001111110000000000000000',
  '001111110000000000000000',
  '000111111110000000000000',
  '002211120000000000000000',
  '002222220000000000000000',
  '003344444443344334433300',
  '005777877776678777776500',
  '001221100000212211211100',
  '001111100000101101111100',
  '001111000000111111111100',
  '001100000000101111111100',
  '002321111111323223222100',
  '000000100000000000000000',
  '000000000000000000000000',
  '000110000000000000000000',
  '000000000000000000000000',
];
