// Batches that schedules make: lines from files and artifacts, each exactly once, also through kills.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';

import { BUILD, SANITIZED, SLOW, answered, removeFolder, runProgram, startHubd, tempFolder, until }
  from './lib/hubd.mjs';
import { assertProblem } from './lib/problem.mjs';

const stateDir = tempFolder();
const folder = tempFolder('hubd-batch-dir-');
const flags = { 'batch-dir': folder };
let hub = await startHubd({ stateDir, flags });
after(async () => {
  await hub.stop();
  removeFolder(stateDir);
  removeFolder(folder);
});

const never = '2998-01-01T00:00:00Z';
const write = (name, text) => fs.writeFileSync(path.join(folder, name), text);
const range = (count, make) => Array.from({ length: count }, (_, i) => make(i));
const text = (lines) => lines.map((one) => (typeof one === 'string' ? one : JSON.stringify(one)))
  .join('\n') + '\n';
const send = (name, body) => hub.send(`/v1/schedules/${name}`, body, { method: 'PUT' });
const put = async (name, batch, more = {}) =>
  answered(await send(name, { at: never, ...more, template: { batch } }), 201);
const fire = async (name) =>
  answered(await hub.fetch(`/v1/schedules/${name}/run`, { method: 'POST' }), 202);
const runs = async (name) => (await hub.json(`/v1/schedules/${name}/runs`)).runs;
const batch = (id) => hub.json(`/v1/batches/${id}`);

async function finished(id) {
  await until(async () => (await batch(id)).finished_at !== null, `batch ${id}`, 60_000 * SLOW);
  return batch(id);
}

async function results(id) {
  const response = await hub.fetch(`/v1/batches/${id}/results`, { ms: 120_000 });
  return (await response.text()).split('\n').filter(Boolean).map((line) => JSON.parse(line));
}

/** Makes the schedule, runs it by hand, and waits for its batch. */
async function once(name, template) {
  await put(name, template);
  const run = await fire(name);
  return finished(run.batch);
}

const reasonOf = async (name, pattern) => {
  await until(async () => (await runs(name))[0].reason !== null, `a reason of ${name}`);
  assert.match((await runs(name))[0].reason, pattern);
};

test('lines of a file, with the settings of the template', async () => {
  write('lines.ndjson', text([
    { input: { do: 'succeed', result: 1 } }, 'no JSON', '',
    { type: 'noop.run' }, { input: { do: 'succeed', result: 5 } }]));
  const end = await once('file', { source: { file: 'lines.ndjson' }, type: 'aprobe.run',
    queue: 'night', labels: { by: 'clock' }, on_complete: { type: 'aprobe.run',
      input: { do: 'succeed', result: 'after {{batch}}' } } });
  assert.equal(end.lines, 5);
  assert.equal(end.rejected, 1);
  assert.equal(end.counts.succeeded, 3);
  assert.equal(end.upload, 'complete');
  assert.equal(end.settings.queue, 'night');
  const all = await results(end.id);
  assert.deepEqual(all.map(({ line, state }) => [line, state]),
    [[1, 'succeeded'], [2, 'rejected'], [4, 'succeeded'], [5, 'succeeded']]);
  assert.equal(all[3].result, 5);
  const job = await hub.job(all[0].job);
  assert.deepEqual([job.queue, job.labels], ['night', { by: 'clock' }]);
  assert.equal((await hub.finished(end.on_complete)).result, `after ${end.id}`);
  const [run] = await runs('file');
  assert.deepEqual([run.outcome, run.batch, run.reason], ['fired', end.id, null]);
});

test('rows of CSV in an artifact: row N is line N', async () => {
  const artifact = await hub.upload('do;n;note\r\nsucceed;1;"a;\nb"\r\nsucceed;2\r\nfly;3;c\n',
    { name: 'rows.csv', type: 'text/csv' });
  const end = await once('csv', { source: { artifact: artifact.id }, format: 'csv', delimiter: ';',
    map: { do: 'do', n: 'result.n:number', note: '/result/note' }, type: 'aprobe.run' });
  const all = await results(end.id);
  assert.deepEqual(all.map(({ line, state }) => [line, state]),
    [[2, 'succeeded'], [3, 'rejected'], [4, 'rejected']]);
  assert.deepEqual(all[0].result, { n: 1, note: 'a;\nb' });
});

test('a source that fails ends the batch, and history says why', async () => {
  const broken = async (name, template, pattern) => {
    const end = await once(name, { type: 'noop.run', ...template });
    assert.equal(end.upload, 'broken');
    await reasonOf(name, pattern);
    return end;
  };
  await broken('missing', { source: { file: 'nowhere.csv' } }, /nowhere\.csv.*No such file/);
  fs.symlinkSync('/etc/passwd', path.join(folder, 'link'));
  await broken('outside', { source: { file: 'link' } }, /link cannot be opened/);
  await broken('above', { source: { file: 'x/../../passwd' } }, /cannot be opened/);
  await broken('folder', { source: { file: '.' } }, /not a regular file/);
  await broken('no-artifact', { source: { artifact: '01890000-0000-7000-8000-000000000000' } },
    /artifact is not there/);
  write('columns.csv', 'a,b\n1,2\n');
  await broken('columns', { source: { file: 'columns.csv' }, format: 'csv', map: { c: 'x' } },
    /no column 'c'/);
  write('quotes.csv', 'result\n1\n"2"x\n3\n');
  const end = await broken('quotes', { source: { file: 'quotes.csv' }, format: 'csv',
    map: { result: 'result:number' }, type: 'aprobe.run' }, /row 3: a quoted field/);
  assert.equal(end.lines, 2);
});

test('an atomic batch with a bad line, or a source that fails, leaves nothing', async () => {
  write('atomic.ndjson', text([{ type: 'noop.run' }, { type: 'noop.walk' }]));
  await put('atomic', { source: { file: 'atomic.ndjson' }, on_error: 'abort' });
  const run = await fire('atomic');
  await reasonOf('atomic', /line 2: .*nothing of the batch was kept/);
  assert.equal((await hub.fetch(`/v1/batches/${run.batch}`)).status, 404);
  await until(async () => (await hub.json('/v1/schedules/atomic')).unfinished_jobs === 0,
    'the schedule is told');
});

const refusals = [
  ['no source', { type: 'noop.run' }, '/template/batch'],
  ['a path that begins at the root', { source: { file: '/etc/passwd' } },
    '/template/batch/source'],
  ['two sources', { source: { file: 'a', artifact: 'b' } }, '/template/batch/source'],
  ['a setting that is none', { source: { file: 'a' }, colour: 'red' }, '/template/batch'],
  ['an on_complete that no connector offers',
    { source: { file: 'a' }, on_complete: { type: 'noop.walk' } },
    '/template/batch/on_complete/type'],
];
for (const [what, template, pointer] of refusals) {
  test(`refused: ${what}`, async () => {
    const response = await send('bad', { at: never, template: { batch: template } });
    const problem = await assertProblem(response, 422, 'invalid_input');
    assert.ok(problem.errors.some((one) => one.pointer.startsWith(pointer)),
      JSON.stringify(problem));
  });
}

test('a tick is skipped while the batch of the one before runs', async () => {
  write('slow.ndjson', text([{ input: { do: 'sleep', ms: 60_000 } }]));
  const made = await put('overlap', { source: { file: 'slow.ndjson' }, type: 'aprobe.run' },
    { at: undefined, every: 'PT1S', overlap: 'skip' });
  assert.equal(made.template.batch.source.file, 'slow.ndjson');
  await until(async () => (await runs('overlap')).filter(({ outcome }) => outcome === 'skipped')
    .length >= 2, 'two skipped ticks');
  const fired = (await runs('overlap')).filter(({ outcome }) => outcome === 'fired');
  assert.equal(fired.length, 1);
  await answered(await hub.fetch('/v1/schedules/overlap/pause', { method: 'POST' }), 200);
  await answered(await hub.fetch(`/v1/batches/${fired[0].batch}/cancel`, { method: 'POST' }), 200);
  await finished(fired[0].batch);
});

test('hubctl schedule set --batch', async () => {
  write('cli.ndjson', text([{ type: 'noop.run' }]));
  const file = path.join(stateDir, 'batch.json');
  fs.writeFileSync(file, JSON.stringify({ source: { file: 'cli.ndjson' } }));
  const hubctl = (...args) => runProgram(path.join(BUILD, 'hubctl'), ['--socket', hub.socket,
    ...args], { env: { TZ: 'UTC' } });
  const set = await hubctl('schedule', 'set', 'cli', '--at', never, '--batch', file);
  assert.equal(set.code, 0, set.stderr);
  assert.match(set.stdout, /cli .*\(batch\)/);
  assert.match((await hubctl('schedule', 'run', 'cli')).stdout,
    /fired +by hand +batch +[0-9a-f-]{36}/);
  assert.match((await hubctl('schedule', 'set', 'cli', '--at', never, '--batch', file, '--queue',
    'x')).stderr, /--queue is for a job/);
});

test('kill -9 during the intake, again and again: every line exactly once', async () => {
  const LINES = SANITIZED ? 40_000 : 150_000;
  write('many.ndjson', text(range(LINES, (i) => ({ input: { do: 'succeed', result: i } }))));
  await put('many', { source: { file: 'many.ndjson' }, type: 'aprobe.run', paused: true });
  const { batch: id } = await fire('many');
  let seen = 0;
  for (let kills = 0; kills < 3; kills++) {
    let now = await batch(id);
    while (now.lines <= seen) now = await batch(id); // the suite's time bounds it
    assert.equal(now.upload === 'complete', false, `the intake was over before kill ${kills}`);
    seen = now.lines;
    await hub.kill();
    hub = await startHubd({ stateDir, flags });
  }
  await until(async () => (await batch(id)).upload === 'complete', 'all lines', 60_000 * SLOW);
  const whole = await batch(id);
  assert.deepEqual([whole.lines, whole.jobs, whole.rejected], [LINES, LINES, 0]);
  assert.deepEqual((await results(id)).map(({ line }) => line), range(LINES, (i) => i + 1));
  await answered(await hub.fetch(`/v1/batches/${id}/cancel`, { method: 'POST' }), 200);
  await finished(id);
  assert.equal((await runs('many')).filter(({ outcome }) => outcome === 'fired').length, 1);
});

test('a file that has changed since a kill is not mixed with what it was', async () => {
  const LINES = SANITIZED ? 20_000 : 150_000;
  write('moving.ndjson', text(range(LINES, () => ({ type: 'noop.run' }))));
  await put('moving', { source: { file: 'moving.ndjson' }, paused: true });
  const { batch: id } = await fire('moving');
  await until(async () => (await batch(id)).lines > 0, 'some lines');
  await hub.kill();
  write('moving.ndjson', text(range(LINES, () => ({ type: 'noop.run', priority: 1 }))));
  hub = await startHubd({ stateDir, flags });
  await reasonOf('moving', /lines differ from those that were there before/);
  const end = await batch(id);
  assert.equal(end.upload, 'broken');
  assert.ok(end.lines < LINES);
  await answered(await hub.fetch(`/v1/batches/${id}/cancel`, { method: 'POST' }), 200);
});
