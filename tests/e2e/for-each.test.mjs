// for_each in flows: a job for each item of an array, joined by who waits for it; nothing made
// twice, also across kill -9.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { BUILD, runProgram, startHubd, until } from './lib/hubd.mjs';

let hub;
before(async () => { hub = await startHubd({ flags: { retry_base_ms: 10 } }); });
after(() => hub.stop());

const give = (result) => ({ type: 'probe.run', input: { do: 'succeed', result } });
const item = (pointer) => ({ item: true, pointer });
const all = { from: 'each', pointer: '/result' };
const each = (more = {}, list = {}) => ({
  type: 'probe.run', for_each: { from: 'list', pointer: '/result', ...list },
  input: { do: 'succeed', result: item('') }, ...more,
});

async function post(jobs, on = hub) {
  const response = await on.send('/v1/flows', { jobs });
  const body = await response.json();
  assert.equal(response.status, 202, JSON.stringify(body));
  return body;
}

async function ended(flow, on = hub) {
  let now;
  await until(async () => (now = await on.json(`/v1/flows/${flow.id}`)).state !== 'running', `end of ${flow.id}`, 60_000);
  return now;
}

const retry = (flow) => hub.json(`/v1/flows/${flow.id}/retry`, { method: 'POST' });
test('fan out and join: results in the order of the items', async () => {
  const flow = await post({
    list: give([{ n: 3, ms: 60 }, { n: 1, ms: 1 }, { n: 2, ms: 20 }]),
    each: each({ input: { do: 'succeed', result: { n: item('/n'), whole: item(''), of: { from: 'list', pointer: '/state' } } }, labels: { of: 'three' } }),
    join: { type: 'noop.run', input: { all, second: { from: 'each', pointer: '/result/1/n' } } },
  });
  assert.equal(flow.jobs.each.items, null);
  assert.ok(!('items' in flow.jobs.list));
  const end = await ended(flow);
  assert.equal(end.state, 'succeeded', JSON.stringify(end));
  assert.deepEqual(end.counts, { succeeded: 3 });
  assert.deepEqual(end.jobs.each.items, { total: 3, succeeded: 3 });
  const join = await hub.job(end.jobs.join.id);
  assert.deepEqual(join.input.all.map(({ n }) => n), [3, 1, 2]);
  assert.equal(join.input.second, 1);
  assert.deepEqual(join.input.all[0], { n: 3, whole: { n: 3, ms: 60 }, of: 'succeeded' });
  const map = await hub.job(end.jobs.each.id);
  assert.deepEqual(map.items, { total: 3, succeeded: 3 });
  assert.deepEqual(map.attempts, []);
  const made = (await hub.json('/v1/jobs?label=of:three')).jobs.filter(({ id }) => id !== map.id);
  assert.equal(made.length, 3);
  const first = await hub.job(made.at(-1).id);
  assert.equal(first.flow_job, 'each[0]');
  assert.equal(first.flow, flow.id);
  assert.equal(first.item_of, map.id);
});

test('an empty array succeeds with an empty result', async () => {
  const end = await ended(await post({ list: give([]), each: each(), join: { type: 'noop.run', input: { all } } }));
  assert.equal(end.state, 'succeeded');
  assert.deepEqual(end.jobs.each.items, { total: 0 });
  assert.deepEqual((await hub.job(end.jobs.join.id)).input, { all: [] });
});

test('what is no array, too long, absent or does not fit fails before anything is made', async () => {
  const before = await hub.metric('jobs_submitted_total');
  const flows = [
    [{ list: give({ a: 1 }), each: each() }, /no array/, '/for_each/pointer'],
    [{ list: give([1, 2, 3]), each: each({}, { max_items: 2 }) }, /3 items, and at most 2/, '/for_each/pointer'],
    [{ list: give(Array(1001).fill(0)), each: each() }, /1001 items, and at most 1000/, '/for_each/pointer'],
    [{ list: give([1]), each: each({}, { pointer: '/result/no' }) }, /nothing there/, '/for_each/pointer'],
    [{ list: give(['succeed', 'dance']), each: each({ input: { do: item('') } }) }, /^item 1: /, '/input/do'],
    [{ list: give([{ a: 1 }, {}]), each: each({ input: { do: 'succeed', result: item('/a') } }) }, /item 1: it has nothing there/, '/input/result/pointer'],
  ];
  for (const [jobs, words, pointer] of flows) {
    const end = await ended(await post({ ...jobs, next: { type: 'noop.run', after: ['each'] }, maybe: { type: 'noop.run', after: ['each'], on_parent_failure: 'skip' } }));
    assert.equal(end.jobs.each.state, 'failed', JSON.stringify(end));
    assert.equal(end.jobs.each.error.code, 'invalid_input');
    assert.match(end.jobs.each.error.message, words);
    assert.equal((await hub.job(end.jobs.each.id)).error.details.pointer, pointer);
    assert.equal(end.jobs.each.items, null);
    assert.equal(end.jobs.next.error.code, 'dependency_failed');
    assert.equal(end.jobs.maybe.error.code, 'skipped');
  }
  assert.equal(await hub.metric('jobs_submitted_total'), before + 4 * flows.length);
});

test('what is wrong with for_each is said when it is posted', async () => {
  const list = give([1]);
  for (const [jobs, pointer] of [
    [{ list, each: each({}, { from: 'nobody' }) }, '/jobs/each/for_each/from'],
    [{ list, each: each({}, { from: 'each' }) }, '/jobs/each/after'],
    [{ list, each: each({}, { max_items: 1001 }) }, '/jobs/each/for_each/max_items'],
    [{ list, each: each({}, { more: 1 }) }, '/jobs/each/for_each/more'],
    [{ list, each: each({ input: { do: 'dance', result: item('') } }) }, '/jobs/each/input/do'],
    [{ list, ...Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`e${i}`, each()])) }, '/jobs/e16/for_each'],
  ]) {
    const problem = await hub.refused(422, 'invalid_input', '/v1/flows', { json: { jobs } });
    assert.equal(problem.errors[0].pointer, pointer);
  }
  await hub.refused(422, 'invalid_input', '/v1/jobs', { json: { type: 'noop.run', for_each: { from: 'x', pointer: '' } } });
});

test('an item fails: the others end, policies apply, retry repeats only it', async () => {
  const flow = await post({
    list: give(['succeed', 'fail', 'succeed']),
    each: each({ input: { do: item(''), until_attempt: 2, result: 7 } }),
    join: { type: 'noop.run', input: { all } },
    late: { type: 'noop.run', input: { how: { from: 'each', pointer: '/error/code' } }, on_parent_failure: 'run_anyway' },
  });
  const first = await ended(flow);
  assert.equal(first.state, 'failed');
  assert.equal(first.jobs.each.error.code, 'items_failed');
  assert.match(first.jobs.each.error.message, /^1 of 3 items/);
  assert.deepEqual(first.jobs.each.items, { total: 3, succeeded: 2, failed: 1 });
  assert.equal(first.jobs.join.error.code, 'dependency_failed');
  assert.deepEqual((await hub.job(first.jobs.late.id)).input, { how: 'items_failed' });
  const { error } = await hub.job(first.jobs.each.id);
  const bad = await hub.job(error.details.job);
  assert.equal(bad.flow_job, 'each[1]');
  await retry(flow);
  const end = await ended(flow);
  assert.equal(end.state, 'succeeded', JSON.stringify(end));
  assert.deepEqual((await hub.job(end.jobs.join.id)).input, { all: [7, 7, 7] });
  assert.equal((await hub.job(bad.id)).attempts.length, 2);
  assert.equal((await hub.json('/v1/jobs?limit=200')).jobs.filter(({ id }) => id === bad.id).length, 1);
});

test('retried by itself, it repeats the items that failed', async () => {
  const flow = await post({
    list: give(['fail', 'succeed']), each: each({ input: { do: item(''), until_attempt: 2, result: 7 } }),
  });
  const { id } = (await ended(flow)).jobs.each;
  await hub.json(`/v1/jobs/${id}/retry`, { method: 'POST' });
  const end = await ended(flow);
  assert.deepEqual(end.jobs.each.items, { total: 2, succeeded: 2 });
  assert.deepEqual((await hub.job(id)).result, [7, 7]);
});

test('files of items, by index', async () => {
  const end = await ended(await post({
    list: give([10, 20, 30]),
    each: each({ input: { do: 'artifact', bytes: item(''), name: 'made.bin' } }),
    join: { type: 'probe.run', input: { do: 'echo_file', file: { artifact: { from: 'each', pointer: '/artifacts/1/id' } } } },
  }));
  assert.equal(end.state, 'succeeded', JSON.stringify(end));
  const made = (await hub.job(end.jobs.each.id)).artifacts;
  assert.deepEqual(made.map(({ size }) => size), [10, 20, 30]);
  assert.equal((await hub.job(end.jobs.join.id)).artifacts[0].sha256, made[1].sha256);
});

test('cancel, of the job and of its flow', async () => {
  const jobs = {
    list: give([1, 2, 3, 4]),
    each: each({ input: { do: 'sleep', ms: 50, times: 600 } }),
    join: { type: 'noop.run', input: { all } },
  };
  for (const what of [(flow) => `/v1/flows/${flow.id}`, (flow) => `/v1/jobs/${flow.jobs.each.id}`]) {
    const flow = await post(jobs);
    await until(async () => (await hub.json(`/v1/flows/${flow.id}`)).jobs.each.state === 'running', 'it runs');
    await hub.json(`${what(flow)}/cancel`, { method: 'POST' });
    const end = await ended(flow);
    assert.equal(end.jobs.each.state, 'cancelled', JSON.stringify(end));
    assert.deepEqual(end.jobs.each.items, { total: 4, cancelled: 4 });
    assert.equal(end.jobs.join.state, what(flow).includes('flows') ? 'cancelled' : 'failed');
  }
});

test('a thousand items', async () => {
  const end = await ended(await post({
    list: give(Array.from({ length: 1000 }, (_, i) => i)),
    each: { type: 'noop.run', for_each: { from: 'list', pointer: '/result' }, input: { n: item('') } },
    join: { type: 'noop.run', after: ['each'] },
  }));
  assert.deepEqual(end.jobs.each.items, { total: 1000, succeeded: 1000 });
  assert.equal(end.jobs.join.state, 'succeeded');
  const shown = await runProgram(path.join(BUILD, 'hubctl'), ['--socket', hub.socket, '--color', 'never', 'flow', 'show', end.id], { ms: 30_000 });
  assert.deepEqual(shown.stdout.split('\n').slice(1, 4), [
    'list  probe.run  succeeded',
    '└─ each  noop.run  succeeded  × 1000: 1000 succeeded',
    '   └─ join  noop.run  succeeded',
  ]);
});

test('kill -9 at any time: each item is made once, a flow being cancelled is cancelled', async () => {
  let victim = await startHubd({ flags: { retry_base_ms: 10 } });
  const flows = [];
  for (let i = 0; i < 12; i++) {
    flows.push(await post({
      list: give(Array.from({ length: 8 }, (_, n) => n + i)),
      each: each({ input: { do: 'succeed', result: item('') } }),
      join: { type: 'noop.run', input: { all } },
    }, victim));
  }
  const long = await post({ list: give([1, 2]), each: each({ input: { do: 'sleep', ms: 50, times: 600, deaf: true } }), join: { type: 'noop.run', after: ['each'] } }, victim);
  const { stateDir } = victim;
  for (let round = 0; round < 3; round++) {
    await new Promise((resolve) => { setTimeout(resolve, 30 + 40 * round); });
    await victim.kill();
    victim = await startHubd({ flags: { retry_base_ms: 10 }, stateDir });
  }
  for (const [i, flow] of flows.entries()) {
    const end = await ended(flow, victim);
    assert.deepEqual(end.jobs.each.items, { total: 8, succeeded: 8 }, JSON.stringify(end));
    assert.deepEqual((await victim.job(end.jobs.join.id)).input.all, Array.from({ length: 8 }, (_, n) => n + i));
  }
  await until(async () => (await victim.json(`/v1/flows/${long.id}`)).jobs.each.items?.running === 2, 'items run', 30_000);
  victim.send(`/v1/flows/${long.id}/cancel`, {}, {}).catch(() => {});
  await until(async () => (await victim.json(`/v1/flows/${long.id}`)).jobs.join.state === 'cancelled', 'the wish is on record', 30_000);
  await victim.kill();
  victim = await startHubd({ flags: { retry_base_ms: 10 }, stateDir });
  const end = await ended(long, victim);
  assert.equal(end.state, 'cancelled');
  assert.deepEqual(end.jobs.each.items, { total: 2, cancelled: 2 });
  await victim.stop();
});
