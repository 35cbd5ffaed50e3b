#!/usr/bin/env node
// kill -9 of hubd with schedules that tick every second: each tick makes its job, or its flow,
// exactly once.
//
//     node tests/crash/schedules.mjs [--kills N] [--seed S]
//
// HUBD_BUILD names the build (default: build). Missed ticks are made up for (run_all), so that in
// the end there is one run and one job for each second from the first tick to the last.
import assert from 'node:assert/strict';
import { parseArgs } from 'node:util';

import { answered, removeFolder, SLOW, sleep, startHubd, tempFolder, until }
  from '../e2e/lib/hubd.mjs';
import { Random } from './lib/random.mjs';

const { values: options } = parseArgs({
  options: {
    kills: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
});
const random = new Random(Number(options.seed));
const stateDir = tempFolder('hubd-crash-');
const flags = { log_level: 'warn' };

let hub = await startHubd({ stateDir, flags });
await answered(await hub.send('/v1/schedules/tick', { cron: '* * * * * *', overlap: 'allow',
  misfire: 'run_all', misfire_limit: 1000,
  template: { type: 'noop.run', labels: { of: 'tick' } } }, { method: 'PUT' }), 201);
await answered(await hub.send('/v1/schedules/graph', { cron: '* * * * * *', overlap: 'allow',
  misfire: 'run_all', misfire_limit: 1000, template: { flow: { jobs: {
    one: { type: 'noop.run' }, two: { type: 'noop.run', after: ['one'] } } } } },
{ method: 'PUT' }), 201);

for (let i = 0; i < Number(options.kills); i++) {
  // Around the full second, where the tick is on its way to the disk; now and then down for longer
  // than a tick may be late.
  const into = Date.now() % 1000;
  await sleep(1000 - into + random.int(0, 60 * SLOW));
  await hub.kill();
  if (i % 4 === 3) await sleep(6500);
  hub = await startHubd({ stateDir, flags });
}
await sleep(2500 * SLOW);
for (const name of ['tick', 'graph']) {
  await answered(await hub.fetch(`/v1/schedules/${name}/pause`, { method: 'POST' }), 200);
}

async function all(path, member) {
  const list = [];
  for (let cursor = ''; cursor !== null;) {
    const page = await hub.json(`${path}limit=100${cursor && `&cursor=${cursor}`}`);
    list.push(...page[member]);
    cursor = page.next_cursor;
  }
  return list;
}
function assertEachOnce(list) {
  list.forEach((run, i) => {
    assert.equal(run.outcome, 'fired');
    if (i > 0) assert.equal(Date.parse(run.tick) - Date.parse(list[i - 1].tick), 1000, run.tick);
  });
}
const runs = (await all('/v1/schedules/tick/runs?', 'runs')).reverse();
const jobs = await all('/v1/jobs?label=of:tick&', 'jobs');
assertEachOnce(runs);
const graphs = (await all('/v1/schedules/graph/runs?', 'runs')).reverse();
const flows = await all('/v1/flows?', 'flows');
assertEachOnce(graphs);
assert.deepEqual(flows.map(({ id }) => id).sort(), graphs.map(({ flow }) => flow).sort());
for (const { id } of flows) {
  await until(async () => (await hub.json(`/v1/flows/${id}`)).state === 'succeeded', 'its end');
}
assert.equal(new Set(runs.map(({ job }) => job)).size, runs.length);
assert.deepEqual(jobs.map(({ id }) => id).sort(), runs.map(({ job }) => job).sort());
for (const { job } of runs) assert.equal((await hub.finished(job)).state, 'succeeded');
const late = runs.filter(({ misfired }) => misfired).length;
await hub.stop();
removeFolder(stateDir);
console.log(`seed ${options.seed}: ${options.kills} kills, ${runs.length} ticks of jobs, ${graphs.length} of flows, ${late} of them late`);
