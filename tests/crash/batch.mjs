#!/usr/bin/env node
// kill -9 of hubd during a long upload and while its jobs run: every line exactly once.
//
//     node tests/crash/batch.mjs [--lines N] [--kills N] [--seed S]
//
// HUBD_BUILD names the build (default: build). The same text is uploaded under one Idempotency-Key
// until an answer comes; hubd is killed at random instants meanwhile, and then while the jobs run.
// In the end each line has one job, in order; each job has succeeded; and the job that the batch's
// end releases has run. Beside it an atomic upload is broken off: of that nothing must be seen.
import assert from 'node:assert/strict';
import { parseArgs } from 'node:util';

import { answered, removeFolder, SLOW, sleep, startHubd, tempFolder, until }
  from '../e2e/lib/hubd.mjs';
import { Random } from './lib/random.mjs';

const { values: options } = parseArgs({
  options: {
    lines: { type: 'string', default: String(Math.round(40_000 / SLOW)) },
    kills: { type: 'string', default: '8' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
});
const count = Number(options.lines);
const kills = Number(options.kills);
const random = new Random(Number(options.seed));
const stateDir = tempFolder('hubd-crash-');

const settings = { type: 'noop.run', on_complete: { type: 'noop.run', labels: { the: 'end' } } };
const text = [JSON.stringify({ batch: settings }),
  ...Array.from({ length: count }, (_, i) => JSON.stringify({ labels: { i: String(i) } }))]
  .join('\n') + '\n';
const headers = { 'content-type': 'application/x-ndjson', 'idempotency-key': 'long' };

const upload = (hub, more = {}) => hub.fetch('/v1/batches', { method: 'POST', body: text, headers,
  ms: 120_000, ...more });

let hub;
let killed = 0;
const up = async () => { hub = await startHubd({ stateDir, flags: { log_level: 'warn' } }); };
const kill = async () => {
  await hub.kill();
  killed++;
};

/** Uploads until there is an answer, hubd dying now and then. The lines seen at each start. */
async function uploadUnderFire() {
  const seen = [];
  for (;;) {
    await up();
    const [known] = (await hub.json('/v1/batches')).batches;
    seen.push(known?.lines ?? 0);
    const answer = upload(hub).then((response) => answered(response, 202)).catch(() => null);
    if (killed < kills) {
      await Promise.race([answer, sleep(random.int(20, 270 * SLOW))]);
      await kill();
    }
    const batch = await answer;
    if (batch !== null) return { batch, seen };
  }
}

/** An atomic upload that is never finished. */
async function breakOffAtomic() {
  await up();
  const gone = upload(hub, { headers: { ...headers, 'idempotency-key': 'atomic' },
    body: text.replace('{"batch":{', '{"batch":{"on_error":"abort",') + '{"type":' })
    .then(async (response) => assert.equal(response.status, 422)).catch(() => null);
  await sleep(60 * SLOW);
  await kill();
  await gone;
}

await breakOffAtomic();
const { batch, seen } = await uploadUnderFire();
for (let i = 1; i < seen.length; i++) assert.ok(seen[i] >= seen[i - 1], `lines ${seen}`);
if (!hub.running) await up();

for (let i = 0; i < kills / 2; i++) {
  await sleep(random.int(0, 150 * SLOW));
  await kill();
  await up();
}
let end;
await until(async () => {
  end = await hub.json(`/v1/batches/${batch.id}`);
  return end.state === 'finished';
}, 'the batch is finished', 120_000 * SLOW);

assert.equal(end.jobs, count);
assert.equal(end.counts.succeeded, count);
const results = (await (await hub.fetch(`/v1/batches/${batch.id}/results`, { ms: 120_000 })).text())
  .split('\n').filter(Boolean).map((line) => JSON.parse(line));
assert.equal(results.length, count);
results.forEach(({ line, state }, i) => {
  assert.equal(line, i + 2);
  assert.equal(state, 'succeeded');
});
assert.equal(new Set(results.map(({ job }) => job)).size, count);
for (const i of [0, 1, count >> 1, count - 1]) {
  assert.equal((await hub.job(results[i].job)).labels.i, String(i));
}
const { jobs } = await hub.json('/v1/jobs?label=the:end');
assert.deepEqual(jobs.map(({ id }) => id), [end.on_complete]);
assert.equal((await hub.finished(end.on_complete)).state, 'succeeded');

// Nothing but the batch's jobs and its last one: counted page by page.
let all = 0;
for (let cursor = ''; cursor !== null;) {
  const page = await hub.json(`/v1/jobs?limit=500${cursor && `&cursor=${cursor}`}`);
  all += page.jobs.length;
  cursor = page.next_cursor;
}
assert.equal(all, count + 1);
assert.equal((await hub.json('/v1/batches')).batches.length, 1);
await hub.stop();
removeFolder(stateDir);
console.log(`seed ${options.seed}: ${count} lines, ${killed} kills, taken at the starts: ${seen}`);
