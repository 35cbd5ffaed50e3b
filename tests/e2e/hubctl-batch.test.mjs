// hubctl batch: a file of jobs, from the command line to the results.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';

import { BUILD, SLOW, runProgram, startHubd, tempFolder, until } from './lib/hubd.mjs';

const hub = await startHubd();
after(() => hub.stop());
const folder = tempFolder();

const hubctl = (args, options = {}) => runProgram(path.join(BUILD, 'hubctl'),
  ['--socket', hub.socket, ...args], options);
async function succeeds(args, options) {
  const { code, stdout, stderr } = await hubctl(args, options);
  assert.equal(code, 0, stderr);
  return stdout;
}
const json = async (args, options) => JSON.parse(await succeeds(['--json', ...args], options));
function file(name, text) {
  const whole = path.join(folder, name);
  fs.writeFileSync(whole, text);
  return whole;
}
const results = async (id, ...more) => (await succeeds(['batch', 'results', id, ...more]))
  .split('\n').filter(Boolean).map((line) => JSON.parse(line));

test('an NDJSON file, followed to its end', async () => {
  const name = file('jobs.ndjson', '{"input":{"do":"succeed","result":1}}\n'.repeat(500));
  const batch = await json(['batch', 'run', name, '-t', 'aprobe.run', '--wait']);
  assert.equal(batch.state, 'finished');
  assert.equal(batch.counts.succeeded, 500);
  assert.equal((await results(batch.id)).length, 500);
  assert.match(await succeeds(['batch', 'status', batch.id]), /finished +100.0 % +500 +500/);
  assert.match(await succeeds(['batch']), new RegExp(batch.id));
});

test('the same command again makes no new jobs, unless it shall', async () => {
  const name = file('again.ndjson', '{"type":"noop.run"}\n'.repeat(3));
  const first = await json(['batch', 'run', name]);
  assert.equal((await json(['batch', 'run', name])).id, first.id);
  assert.notEqual((await json(['batch', 'run', name, '--new'])).id, first.id);
  assert.notEqual((await json(['batch', 'run', name, '--queue', 'other'])).id, first.id);
});

test('a CSV file: columns to places, rows to lines', async () => {
  const name = file('rows.csv', '\uFEFFwhat,ms,extra,who\r\n' +
    'succeed,1,,"Ann ""the"" Lee"\r\n' +
    '"sleep",5,"a,b\nc",Bob\r\n' +
    'dance,1,,Eve\r\n' +
    'succeed,many,,Joe\r\n' +
    'succeed,2\r\n' +
    'succeed,,,Sue');
  const { code, stdout, stderr } = await hubctl(['--json', 'batch', 'run', name, '-t',
    'aprobe.run', '--map', 'what=do', '--map', 'ms=ms:number', '--label-column', 'who', '--wait']);
  assert.equal(code, 1, stderr);
  const batch = JSON.parse(stdout);
  assert.equal(batch.jobs, 3);
  assert.equal(batch.rejected, 3);
  const all = await results(batch.id);
  assert.deepEqual(all.map(({ line, state }) => [line, state]), [[2, 'succeeded'],
    [3, 'succeeded'], [4, 'rejected'], [5, 'rejected'], [6, 'rejected'], [7, 'succeeded']]);
  assert.equal(all[2].error.pointer, '/input/do');
  assert.equal(all[3].error.pointer, '/input/ms');
  assert.match(JSON.stringify(all[4].error), /2 fields where the header has 4/);
  const jobs = await Promise.all([0, 1, 5].map((i) => hub.job(all[i].job)));
  assert.deepEqual(jobs.map(({ labels }) => labels.who), ['Ann "the" Lee', 'Bob', 'Sue']);
  assert.deepEqual(jobs[1].input, { do: 'sleep', ms: 5 });
});

test('what is wrong with a CSV file or a map is told before anything is sent', async () => {
  const name = file('bad.csv', 'a,b\n1,2\n');
  const unknown = await hubctl(['batch', 'run', name, '-t', 'noop.run', '--map', 'c=x']);
  assert.equal(unknown.code, 6);
  assert.match(unknown.stderr, /no column 'c'/);
  assert.equal((await hubctl(['batch', 'run', name, '--map', 'a'])).code, 2);
  assert.equal((await hubctl(['batch', 'run', file('x.ndjson', ''), '--map', 'a=b'])).code, 2);
  assert.equal((await hubctl(['batch', 'run', path.join(folder, 'none.csv')])).code, 6);
});

test('from stdin, all or nothing', async () => {
  const refused = await hubctl(['batch', 'run', '-', '--atomic'],
    { input: '{"type":"noop.run"}\n{"type":"no.such"}\n' });
  assert.equal(refused.code, 3);
  assert.match(refused.stderr, /line 2/);
  const batch = await json(['batch', 'run', '-', '--atomic', '--wait'],
    { input: '{"type":"noop.run"}\n{"type":"noop.run"}\n' });
  assert.equal(batch.counts.succeeded, 2);
});

test('pause, resume, cancel, retry; results as CSV', async () => {
  const name = file('work.ndjson', '{"max_attempts":1,"input":{"do":"fail","until_attempt":2}}\n'
    .repeat(20));
  const { id } = await json(['batch', 'run', name, '-t', 'aprobe.run', '--paused']);
  assert.equal((await json(['batch', 'status', id])).state, 'paused');
  await succeeds(['batch', 'resume', id]);
  assert.equal((await hubctl(['batch', 'status', id, '--follow'])).code, 1);
  assert.equal((await results(id, '--state', 'failed')).length, 20);
  await succeeds(['batch', 'retry', id]);
  const end = await json(['batch', 'status', id, '--follow']);
  assert.equal(end.counts.succeeded, 20);
  assert.match((await succeeds(['batch', 'results', id, '--csv'])).split('\r\n')[20],
    /^20,.*,succeeded,2,/);
  assert.equal((await hubctl(['batch', 'cancel', id])).code, 3);
  const other = await json(['batch', 'run', name, '-t', 'aprobe.run', '--paused', '--new']);
  await succeeds(['batch', 'pause', other.id]);
  await succeeds(['batch', 'cancel', other.id]);
  await until(async () => (await json(['batch', 'status', other.id])).state === 'cancelled',
    'the batch is cancelled');
});

test('an upload that is interrupted goes on with the same command', async () => {
  const name = file('long.ndjson', '{"type":"noop.run","labels":{"of":"long"}}\n'.repeat(Math.round(100_000 / SLOW)));
  const child = spawn(path.join(BUILD, 'hubctl'),
    ['--socket', hub.socket, '--quiet', 'batch', 'run', name, '--paused']);
  let seen;
  await until(async () => {
    [seen] = (await hub.json('/v1/batches?limit=1')).batches;
    return seen.upload === 'open' && seen.lines > 0;
  }, 'the first lines');
  child.kill('SIGKILL');
  const batch = await json(['batch', 'run', name, '--paused']);
  assert.equal(batch.id, seen.id);
  assert.equal(batch.jobs, Math.round(100_000 / SLOW));
  await succeeds(['batch', 'cancel', batch.id]);
});
