// cron_next() against npm croner: random expressions in random zones at random times.
//
//     CRON_CASES=10000 CRON_SEED=7 node --test tests/e2e/cron.test.mjs
//
// Both give the times that follow an instant, and they must be the same ones, except around changes
// of the zone's offset, where jobs/cron.h promises what croner does not do. Those are told apart and
// each must be explained by a rule below; a time that no rule explains fails the test.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';

import { Cron } from 'croner';

import { BUILD } from './lib/hubd.mjs';

const CASES = Number(process.env.CRON_CASES ?? 1500);
const SEED = Number(process.env.CRON_SEED ?? 20260601);
const TIMES = 6;
const DAY = 86_400;

const ZONES = ['UTC', 'Europe/Berlin', 'Europe/London', 'America/New_York', 'America/St_Johns',
  'America/Sao_Paulo', 'Asia/Kolkata', 'Asia/Tokyo', 'Asia/Kathmandu', 'Australia/Sydney',
  'Australia/Lord_Howe', 'Pacific/Auckland', 'America/Havana', 'America/Los_Angeles'];
const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const DAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];

let state = SEED >>> 0;
/** mulberry32: an integer below `n`. */
function below(n) {
  state = (state + 0x6d2b79f5) >>> 0;
  let t = state;
  t = Math.imul(t ^ (t >>> 15), t | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) % n;
}
const one = (list) => list[below(list.length)];
const between = (min, max) => min + below(max - min + 1);

function term(min, max, names) {
  const show = (value) => (names && below(2) ? names[value - min] : String(value));
  const kind = below(4);
  if (kind < 2) return show(between(min, max));
  const from = between(min, max);
  const to = between(from, max);
  // "0-SUN" is Sunday here, as 0-0 is; croner reads it as 0-7, all days: left out.
  const bound = (value) => (names === DAYS && value === 0 ? '0' : show(value));
  return kind === 2 || to === from ? `${bound(from)}-${bound(to)}`
    : `${from}-${to}/${between(1, Math.max(1, to - from))}`;
}
function field(min, max, stars, names) {
  if (below(100) < stars) return '*';
  if (below(5) === 0) return `*/${between(2, Math.max(2, (max - min) >> 1))}`;
  return Array.from({ length: between(1, 3) }, () => term(min, max, names)).join(',');
}
const monthDay = () => (below(8) === 0 ? one(['L', `${between(1, 28)}W`]) : field(1, 31, 60));
const weekDay = () => (below(8) === 0
  ? one([`${one(DAYS)}#${between(1, 5)}`, `${one(DAYS)}L`, `${between(0, 6)}L`])
  : field(0, 6, 60, DAYS));

function expression() {
  if (below(40) === 0) return one(['@daily', '@hourly', '@weekly', '@monthly', '@yearly']);
  const fields = [field(0, 59, 20), field(0, 23, 30), monthDay(), field(1, 12, 60, MONTHS), weekDay()];
  if (below(3) === 0) fields.unshift(field(0, 59, 20));
  return fields.join(' ');
}

const formats = new Map();
/** Seconds that local time is ahead of UTC. */
function offset(zone, at) {
  if (!formats.has(zone)) {
    formats.set(zone, new Intl.DateTimeFormat('en-US', { timeZone: zone, hourCycle: 'h23',
      year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric',
      second: 'numeric' }));
  }
  const parts = Object.fromEntries(formats.get(zone).formatToParts(new Date(at * 1000))
    .map(({ type, value }) => [type, Number(value)]));
  return Date.UTC(parts.year, parts.month - 1, parts.day, parts.hour, parts.minute, parts.second) /
    1000 - at;
}
/** The instant of the next change of the offset after `at`, to the second; null: none within a year. */
function nextChange(zone, at) {
  let low = at;
  while (offset(zone, low) === offset(zone, low + 7 * DAY)) {
    low += 7 * DAY;
    if (low > at + 365 * DAY) return null;
  }
  let high = low + 7 * DAY;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (offset(zone, middle) === offset(zone, low)) low = middle;
    else high = middle;
  }
  return high;
}

const START = Date.UTC(2020, 0, 1) / 1000;
const cases = Array.from({ length: CASES }, (_, i) => {
  const zone = one(ZONES);
  const text = expression();
  const after = START + below(20 * 365 * DAY);
  const change = i % 2 ? nextChange(zone, after) : null; // every other begins shortly before one
  return { zone, text, after: change === null ? after : change - below(DAY) };
});

function ours() {
  const input = cases.map(({ zone, text, after }) => `${zone}\t${text}\t${after}\t${TIMES}\n`).join('');
  const { stdout, status } = spawnSync(path.join(BUILD, 'tests/cron_times'),
    { input, encoding: 'utf8', maxBuffer: 1 << 28 });
  assert.equal(status, 0);
  return stdout.split('\n').slice(0, -1).map((line) => {
    assert.doesNotMatch(line, /^error/);
    return line.split(' ').filter(Boolean).map(Number);
  });
}

/** As in crontab(5), a day field that begins with a star, such as "*\/2", restricts together with
 * the other one; croner takes it as restricted by itself, and one of both is enough, unless told. */
const startsWithStar = (text) => text.split(' ').slice(-3).some((field, i) =>
  i !== 1 && field.startsWith('*/'));

function theirs({ zone, text, after }) {
  const cron = new Cron(text, { timezone: zone, paused: true, domAndDow: startsWithStar(text) });
  return cron.nextRuns(TIMES, new Date(after * 1000)).map((time) => time.getTime() / 1000);
}

/** Does the offset change within three hours of this time? Half-hour steps: no zone is finer. */
function nearChange(zone, at) {
  const here = offset(zone, at);
  for (let d = -3 * 3600; d <= 3 * 3600; d += 1800) if (offset(zone, at + d) !== here) return true;
  return false;
}

/** Which promise of jobs/cron.h it is that croner does not make. */
function explain(isOurs, zone, at) {
  const change = nextChange(zone, at - 4 * 3600);
  const forward = offset(zone, change) > offset(zone, change - 1);
  return `${isOurs ? 'ours' : 'theirs'} only, the clock goes ${forward ? 'forward' : 'back'}: ` +
    (forward ? 'what the gap skips runs once, at its end'
      : 'a doubled time runs the first time, an open hour both times');
}

test(`${CASES} expressions, seed ${SEED}`, () => {
  const differences = new Map();
  const note = (rule) => differences.set(rule, (differences.get(rule) ?? 0) + 1);
  ours().forEach((mine, i) => {
    const one = cases[i];
    const other = theirs(one);
    // A time beyond which only one of them tells: the shorter list has ended for a reason of its own.
    const end = Math.min(mine.at(-1) ?? Infinity, other.at(-1) ?? Infinity);
    const mineOnly = mine.filter((at) => !other.includes(at) && at <= end);
    const theirsOnly = other.filter((at) => !mine.includes(at) && at <= end);
    for (const at of [...mineOnly, ...theirsOnly]) {
      if (nearChange(one.zone, at)) {
        note(explain(mine.includes(at), one.zone, at));
      } else {
        assert.fail(`${one.zone}, ${one.text}, after ${new Date(one.after * 1000).toISOString()}: ` +
          `${new Date(at * 1000).toISOString()} is ${mine.includes(at) ? 'ours' : 'theirs'} only\n` +
          `${mine.map((t) => new Date(t * 1000).toISOString())}\n` +
          `${other.map((t) => new Date(t * 1000).toISOString())}`);
      }
    }
    if (mine.length === 0 || other.length === 0) {
      if (mine.length !== other.length) note('found by one of them only: beyond how far it looks');
    }
  });
  for (const [rule, count] of differences) console.log(`${count} × ${rule}`);
  const all = [...differences.values()].reduce((sum, count) => sum + count, 0);
  assert.ok(all < CASES / 20, `${all} differences`);
});
