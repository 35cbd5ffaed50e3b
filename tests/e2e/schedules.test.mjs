// Schedules over HTTP: put, look at, pause, run, history; what is refused, and where it is wrong.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';

import { BUILD, SLOW, answered, removeFolder, runProgram, startHubd, tempFolder, until }
  from './lib/hubd.mjs';
import { assertProblem } from './lib/problem.mjs';

const stateDir = tempFolder();
let hub = await startHubd({ stateDir });
after(async () => {
  await hub.kill(); // with jobs that take long
  removeFolder(stateDir);
});

const send = (name, body) => hub.send(`/v1/schedules/${name}`, body, { method: 'PUT' });
const put = async (name, body, status = 201) => answered(await send(name, body), status);
const act = (name, what) => hub.fetch(`/v1/schedules/${name}/${what}`, { method: 'POST' });
const get = (name) => hub.json(`/v1/schedules/${name}`);
const runs = async (name, query = '') => (await hub.json(`/v1/schedules/${name}/runs${query}`)).runs;
const noop = { type: 'noop.run' };
const never = '2998-01-01T00:00:00Z';

test('a schedule answers with what it says, its defaults and its next ten times', async () => {
  const body = { cron: '30 2 * * MON-FRI', time_zone: 'Europe/Berlin', start: '2998-03-01T00:00:00Z',
    template: { type: 'noop.run', queue: 'night', labels: { by: 'clock' } } };
  // No time of the calendar that is kept: beyond 2200 nothing is told.
  assert.deepEqual((await put('far', body)).next, []);

  const made = await put('nightly', { ...body, start: '2030-03-29T00:00:00Z', jitter: 'PT90S' });
  assert.equal(made.name, 'nightly');
  assert.deepEqual(made.template, body.template);
  const { time_zone, overlap, misfire, misfire_limit, history, jitter, paused, every } = made;
  assert.deepEqual({ time_zone, overlap, misfire, misfire_limit, history, jitter, paused, every },
    { time_zone: 'Europe/Berlin', overlap: 'skip', misfire: 'run_once', misfire_limit: 100,
      history: 'P30D', jitter: 'PT1M30S', paused: false, every: null });
  assert.equal(made.next.length, 10);
  // Summer time begins on Sunday, 31 March 2030: the same local time is an hour earlier then.
  assert.deepEqual(made.next.slice(0, 2), ['2030-03-29T01:30:00.000Z', '2030-04-01T00:30:00.000Z']);
  assert.deepEqual(await get('nightly'), made);
  assert.equal((await put('nightly', { ...body, jitter: 'PT0S' }, 200)).created_at, made.created_at);
  const { schedules } = await hub.json('/v1/schedules');
  assert.deepEqual(schedules.map(({ name }) => name), ['far', 'nightly']);
});

test('every so long from a start on; once', async () => {
  const made = await put('every', { every: 'P1DT12H', start: '2100-01-01T00:00:00Z',
    end: '2100-01-04T00:00:00Z', template: noop });
  assert.deepEqual(made.next,
    ['2100-01-01T00:00:00.000Z', '2100-01-02T12:00:00.000Z', '2100-01-04T00:00:00.000Z']);
  assert.equal(made.every, 'P1DT12H');
  assert.deepEqual((await put('once', { at: never, template: noop })).next,
    ['2998-01-01T00:00:00.000Z']);
  assert.deepEqual((await put('past', { at: '2001-01-01T00:00:00Z', template: noop })).next, []);
});

const refusals = [
  ['a cron field out of range', { cron: '61 * * * *' }, '/cron'],
  ['too few cron fields', { cron: '* *' }, '/cron'],
  ['a time zone that is none', { cron: '@daily', time_zone: 'Mars/Olympus' }, '/time_zone'],
  ['a time zone that leads elsewhere', { cron: '@daily', time_zone: '../../etc/passwd' },
    '/time_zone'],
  ['a time zone without cron', { every: 'PT1M', time_zone: 'UTC' }, '/time_zone'],
  ['two times', { cron: '@daily', every: 'PT1M' }, ''],
  ['no time', {}, ''],
  ['an every of months', { every: 'P1M' }, '/every'],
  ['an every that is too short', { every: 'PT0.5S' }, '/every'],
  ['an end before the start', { at: never, start: never, end: '2997-01-01T00:00:00Z' }, '/end'],
  ['an unknown policy', { at: never, overlap: 'maybe' }, '/overlap'],
  ['a limit out of range', { at: never, misfire_limit: 0 }, '/misfire_limit'],
  ['an unknown type', { at: never, template: { type: 'noop.walk' } }, '/template/type'],
  ['an input that does not fit', { at: never, template: { type: 'aprobe.run', input: { do: 7 } } },
    '/template/input/do'],
  ['a template with a time', { at: never, template: { ...noop, run_at: never } },
    '/template/run_at'],
  ['an account where none is taken', { at: never, template: { ...noop, account: 'x' } },
    '/template/account'],
  ['a member that is unknown', { at: never, colour: 'red' }, '/colour'],
];
for (const [what, body, pointer] of refusals) {
  test(`refused: ${what}`, async () => {
    const response = await send('bad', { template: noop, ...body });
    const problem = await assertProblem(response, 422, 'invalid_input');
    assert.ok(problem.errors.some((one) => one.pointer === pointer), JSON.stringify(problem));
    assert.equal((await hub.fetch('/v1/schedules/bad')).status, 404);
  });
}

test('a name that is none, a schedule that is none', async () => {
  await assertProblem(await send('Not%20so', { at: never, template: noop }), 404, 'not_found');
  for (const what of ['pause', 'resume', 'run']) {
    await assertProblem(await act('nobody', what), 404, 'not_found');
  }
  await assertProblem(await hub.fetch('/v1/schedules/nobody', { method: 'DELETE' }), 404, 'not_found');
  await assertProblem(await hub.fetch('/v1/schedules/nobody/runs'), 404, 'not_found');
});

test('a second is a tick: its jobs run, its history tells, pause ends it', async () => {
  await put('ticking', { cron: '* * * * * *', overlap: 'allow', misfire: 'run_all',
    template: { type: 'noop.run', labels: { of: 'ticking' } } });
  await until(async () => (await runs('ticking')).length >= 3, 'three ticks');
  assert.equal((await answered(await act('ticking', 'pause'), 200)).next.length, 0);
  const seen = await runs('ticking');
  await put('beside', { every: 'PT1S', overlap: 'allow', template: noop });
  await until(async () => (await runs('beside')).length >= 2, 'ticks of another one');
  await answered(await act('beside', 'pause'), 200);
  assert.deepEqual(await runs('ticking'), seen);
  seen.forEach((run, i) => {
    assert.equal(run.outcome, 'fired');
    assert.equal(run.tick.slice(-5), '.000Z');
    if (i > 0) assert.equal(Date.parse(seen[i - 1].tick) - Date.parse(run.tick), 1000);
    assert.ok(Date.parse(run.at) >= Date.parse(run.tick));
    if (SLOW === 1) assert.ok(Date.parse(run.at) - Date.parse(run.tick) < 900, JSON.stringify(run));
  });
  const { jobs } = await hub.json('/v1/jobs?label=of:ticking');
  assert.deepEqual(jobs.map(({ id }) => id), seen.map(({ job }) => job));
  for (const { job } of seen) assert.equal((await hub.finished(job)).state, 'succeeded');

  const page = await hub.json('/v1/schedules/ticking/runs?limit=2');
  assert.deepEqual(page.runs, seen.slice(0, 2));
  const rest = await hub.json(`/v1/schedules/ticking/runs?cursor=${page.next_cursor}`);
  assert.deepEqual(rest.runs, seen.slice(2));

  const resumed = await answered(await act('ticking', 'resume'), 200);
  assert.equal(resumed.next.length, 10);
  assert.ok(Date.parse(resumed.next[0]) > Date.parse(resumed.last));
  await until(async () => (await runs('ticking')).length > seen.length, 'it goes on');
  // What lies in between was not missed.
  const [first] = (await runs('ticking')).slice(-seen.length - 1);
  assert.equal(first.misfired, false);
  assert.equal((await hub.fetch('/v1/schedules/ticking', { method: 'DELETE' })).status, 204);
  assert.equal((await hub.fetch('/v1/schedules/ticking')).status, 404);
});

test('run now', async () => {
  await put('by-hand', { at: never, paused: true, template: { type: 'noop.run' } });
  const many = await Promise.all([1, 2, 3].map(async () =>
    answered(await act('by-hand', 'run'), 202)));
  assert.equal(new Set(many.map(({ tick }) => tick)).size, 3);
  for (const run of many) {
    assert.equal(run.by_hand, true);
    assert.equal((await hub.finished(run.job)).state, 'succeeded');
  }
  assert.deepEqual((await runs('by-hand')).map(({ job }) => job).sort(),
    many.map(({ job }) => job).sort());
  const { paused, next } = await get('by-hand');
  assert.deepEqual({ paused, next }, { paused: true, next: [] });
  assert.deepEqual((await put('by-hand', { at: never, paused: false, template: noop }, 200)).next,
    ['2998-01-01T00:00:00.000Z']);
});

const long = { type: 'aprobe.run', input: { do: 'sleep', ms: 60_000 } };
async function fills(name, body, enough) {
  await put(name, { every: 'PT1S', template: long, ...body });
  await until(async () => enough(await runs(name)), name);
  await answered(await act(name, 'pause'), 200);
  return (await runs(name)).reverse();
}

test('overlap: skip', async () => {
  const seen = await fills('skips', { overlap: 'skip' }, (list) => list.length >= 3);
  assert.deepEqual(seen.slice(0, 3).map(({ outcome }) => outcome), ['fired', 'skipped', 'skipped']);
  assert.equal((await get('skips')).unfinished_jobs, 1);
  await hub.fetch(`/v1/jobs/${seen[0].job}/cancel`, { method: 'POST' });
  assert.equal((await get('skips')).unfinished_jobs, 0);
});

test('overlap: queue', async () => {
  const seen = await fills('queues', { overlap: 'queue' }, (list) => list.length >= 3);
  assert.deepEqual(seen.slice(0, 3).map(({ outcome }) => outcome), ['fired', 'waiting', 'waiting']);
  assert.ok((await get('queues')).waiting >= 2);
  await hub.fetch(`/v1/jobs/${seen[0].job}/cancel`, { method: 'POST' });
  await answered(await act('queues', 'resume'), 200);
  await until(async () => (await runs('queues')).at(-2).outcome === 'fired', 'the next one');
  assert.equal((await runs('queues')).at(-3).outcome, 'waiting');
});

test('overlap: cancel_previous', async () => {
  const seen = await fills('replaces', { overlap: 'cancel_previous' }, (list) =>
    list.filter(({ outcome }) => outcome === 'fired').length >= 3);
  const fired = seen.filter(({ outcome }) => outcome === 'fired');
  for (const { job } of fired.slice(0, -2)) {
    assert.equal((await hub.finished(job)).state, 'cancelled');
  }
});

test('a flow a tick: fired once, followed to its end', async () => {
  const body = { at: never, overlap: 'skip', template: { flow: { name: 'nightly', jobs: {
    one: { type: 'aprobe.run', input: { do: 'succeed', result: { n: 7 } } },
    two: { type: 'aprobe.run', input: { do: 'succeed',
      result: { from: 'one', pointer: '/result/n' } } },
  } } } };
  await put('flows', body);
  const run = await answered(await act('flows', 'run'), 202);
  assert.deepEqual([run.job, run.batch], [null, null]);
  await until(async () => (await hub.json(`/v1/flows/${run.flow}`)).state === 'succeeded', 'its end');
  const { jobs } = await hub.json(`/v1/flows/${run.flow}`);
  assert.equal((await hub.job(jobs.two.id)).result, 7);
  assert.deepEqual(await runs('flows'), [run]);
  await until(async () => (await get('flows')).unfinished_jobs === 0, 'it is followed');
  const problem = await assertProblem(await send('bad', { at: never, template: { flow: { jobs: {
    one: { type: 'noop.run', after: ['two'] }, two: { type: 'noop.run', after: ['one'] } } } } }),
  422, 'invalid_input');
  assert.match(problem.errors[0].pointer, /^\/template\/flow\/jobs/);
});

test('hubctl schedule: a flow', async () => {
  const file = path.join(stateDir, 'flow.json');
  fs.writeFileSync(file, JSON.stringify({ jobs: { one: noop, two: { ...noop, after: ['one'] } } }));
  const hubctl = (...args) => runProgram(path.join(BUILD, 'hubctl'), ['--socket', hub.socket,
    ...args], { env: { TZ: 'UTC' } });
  const set = await hubctl('schedule', 'set', 'graph', '--at', never, '--flow', file);
  assert.equal(set.code, 0, set.stderr);
  assert.match(set.stdout, /graph .*\(flow\)/);
  assert.match((await hubctl('schedule', 'run', 'graph')).stdout, /fired +by hand +flow +[0-9a-f-]{36}/);
  assert.match((await hubctl('schedule', 'set', 'graph', '--at', never, '--flow', file, '-t',
    'noop.run')).stderr, /--type .* or --flow/);
  assert.match((await hubctl('schedule', 'set', 'graph', '--at', never, '--flow', file, '--queue',
    'x')).stderr, /--queue is for a job/);
});

test('hubctl schedule', async () => {
  const hubctl = (...args) => runProgram(path.join(BUILD, 'hubctl'), ['--socket', hub.socket,
    ...args], { env: { TZ: 'UTC' } });
  const says = async (...args) => {
    const { code, stdout, stderr } = await hubctl(...args);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const json = async (...args) => (await says('--json', ...args)).split('\n').filter(Boolean)
    .map((line) => JSON.parse(line));

  const [made] = await json('schedule', 'set', 'cli', '--cron', '0 9 * * MON#1', '--zone',
    'America/New_York', '--start', '2031-03-01T00:00:00Z', '-t', 'aprobe.run', '-i',
    '{"do":"succeed"}', '-s', 'result=7', '--queue', 'cli', '--overlap', 'queue', '--misfire',
    'run_all', '--misfire-limit', '5', '--jitter', 'PT5M', '--history', 'P7D');
  assert.deepEqual(made.template, { type: 'aprobe.run', queue: 'cli',
    input: { do: 'succeed', result: 7 } });
  assert.deepEqual([made.overlap, made.misfire, made.misfire_limit, made.jitter, made.history],
    ['queue', 'run_all', 5, 'PT5M', 'P7D']);
  assert.equal(made.next[0], '2031-03-03T14:00:00.000Z');
  assert.deepEqual(await json('schedule', 'next', 'cli'), [made.next]);
  assert.match(await says('schedule', 'next', 'cli'), /2031-03-03 14:00:00 /);
  assert.match(await says('schedule', 'list'), /cli +on +0 9 \* \* MON#1 +America\/New_York/);
  assert.match(await says('schedule', 'pause', 'cli'), /cli +paused/);

  const [run] = await json('schedule', 'run', 'cli');
  assert.equal(run.outcome, 'fired');
  assert.equal((await hub.finished(run.job)).result, 7);
  assert.deepEqual(await json('schedule', 'history', 'cli'), [run]);
  assert.match(await says('schedule', 'history', 'cli'), new RegExp(`fired +by hand +job +${run.job}`));
  assert.match(await says('schedule', 'resume', 'cli'), /cli +on/);

  const { code, stderr } = await hubctl('schedule', 'set', 'cli', '--cron', '0 25 * * *', '-t',
    'noop.run');
  assert.notEqual(code, 0);
  assert.match(stderr, /\/cron/);
  assert.match((await hubctl('schedule', 'set', 'cli', '--cron', '@daily')).stderr, /--type/);
  assert.equal(await says('schedule', 'delete', 'cli'), '');
  assert.equal((await hub.fetch('/v1/schedules/cli')).status, 404);
});

test('metrics', async () => {
  assert.ok(await hub.metric('schedules') >= 8);
  assert.ok(await hub.metric('schedule_ticks_total{outcome="skipped"}') >= 2);
});

test('schedules, their places and what waits outlive hubd', async () => {
  const before = await hub.json('/v1/schedules');
  const history = await runs('queues');
  await answered(await act('queues', 'pause'), 200);
  await hub.kill();
  hub = await startHubd({ stateDir });
  const { schedules } = await hub.json('/v1/schedules');
  assert.deepEqual(schedules.map(({ name }) => name), before.schedules.map(({ name }) => name));
  const same = ({ name, cron, next, template, paused, created_at }) =>
    ({ name, cron, next, template, paused, created_at });
  const still = ({ name }) => ['nightly', 'every', 'once', 'by-hand'].includes(name);
  assert.deepEqual(schedules.filter(still).map(same), before.schedules.filter(still).map(same));
  assert.ok((await get('queues')).waiting >= 1);
  assert.ok((await runs('queues')).length >= history.length);
});
