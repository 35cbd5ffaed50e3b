// Numbers, money and dates of connectors/common/locale.h beside ICU's (Intl), which reads the CLDR too,
// perhaps in another version. Where they may differ stands in DIFFERENCES, with the reason.
//
//     HUBD_BUILD=build node --test tests/e2e/locales.test.mjs
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const build = path.resolve(process.env.HUBD_BUILD ?? path.join(here, '../../build'));
const TOOL = path.join(build, 'connectors/common/locale_tool');
const LOCALES = ['de', 'en', 'en-GB', 'fr', 'es', 'it', 'nl', 'pl', 'pt-BR', 'sv', 'tr', 'ja', 'zh', 'ar'];

const NUMBERS = ['0', '-1', '7.5', '999', '1000', '1234.5', '-9999.125', '10000', '1234567.891', '-98765432.1'];
const PERCENT = ['0', '0.19', '0.075', '-0.5', '12.345'];
const MINOR = { EUR: 2, USD: 2, GBP: 2, JPY: 0, CHF: 2, PLN: 2, BRL: 2, SEK: 2, TRY: 2, CNY: 2, KWD: 3 };
const AMOUNTS = [0, 5, -1, 99999, 100000, 123456, -123456789, 1000000000];
const DATES = ['2026-01-01', '2026-02-28', '2026-03-09', '2026-04-05', '2026-05-06', '2026-06-10', '2026-07-24',
  '2026-08-30', '2026-09-12', '2026-10-31', '2026-11-23', '2026-12-25'];

// Where the CLDR that Intl reads (48 in Node.js 24) says something else than ours (44.1), and what makes ours
// of it.
const DIFFERENCES = [
  { why: 'since CLDR 45, English dates of Europe have a comma after the day of the week',
    locale: 'en-GB', what: /^full$/, make: (text) => text.replace(',', '') },
  { why: 'since CLDR 45, Italian groups digits from five on, as Spanish does',
    locale: 'it', what: /^(number|percent|[A-Z]{3})$/, make: (text) => text.replace(/(?<!\d)(\d)(\d{3})(?=,|\s|%|$)/, '$1.$2') },
  { why: 'ours sets only Latin letters apart from the number, not the sign of the yuan in Japanese',
    locale: 'ja', what: /^CNY$/, make: (text) => text.replace('元\u00a0', '元') },
];

// Arabic has had digits of its own until CLDR 48; which ones a country writes is the data's business, and ar-AE
// has the others.
const INTL = { ar: 'ar-u-nu-arab' };

function cases(tag) {
  const locale = INTL[tag] ?? tag;
  const date = (style) => new Intl.DateTimeFormat(locale, { dateStyle: style, timeZone: 'UTC', calendar: 'gregory' });
  const money = (code) => new Intl.NumberFormat(locale, { style: 'currency', currency: code });
  const number = new Intl.NumberFormat(locale, { maximumFractionDigits: 3, roundingMode: 'halfExpand' });
  const percent = new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 3 });
  return [
    ...NUMBERS.map((value) => ['number', value, number.format(value)]),
    ...PERCENT.map((value) => ['percent', value, percent.format(value)]),
    ...Object.entries(MINOR).flatMap(([code, digits]) => AMOUNTS.map((amount) =>
      [code, String(amount), money(code).format(amount / 10 ** digits)])),
    ...['short', 'medium', 'long', 'full'].flatMap((style) => DATES.map((day) =>
      [style, day, date(style).format(new Date(`${day}T12:00:00Z`))])),
  ];
}

/** What hubd's side writes for each case. */
function written(locale, all) {
  const input = all.map(([what, value]) => `${locale}\t${what}\t${value}\n`).join('');
  return execFileSync(TOOL, { input, encoding: 'utf8' }).split('\n').slice(0, -1);
}

for (const locale of LOCALES) {
  test(`${locale}: as Intl writes it`, () => {
    const all = cases(locale);
    const ours = written(locale, all);
    assert.equal(ours.length, all.length);
    const wrong = all.flatMap(([what, value, theirs], i) => {
      const made = DIFFERENCES.filter((row) => row.locale === locale && row.what.test(what))
        .reduce((text, row) => row.make(text), theirs);
      return made === ours[i] ? [] : [`${what} ${value}: ${JSON.stringify(ours[i])}, Intl ${JSON.stringify(theirs)}`];
    });
    assert.deepEqual(wrong, []);
  });
}
