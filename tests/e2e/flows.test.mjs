// Flows: graphs in one transaction, values of parents in inputs, what a failed parent makes of its
// children, cancel and retry, and all of it across kill -9.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { startHubd, until } from './lib/hubd.mjs';

let hub;
before(async () => { hub = await startHubd({ flags: { retry_base_ms: 10 } }); });
after(() => hub.stop());

const ok = (more = {}) => ({ type: 'probe.run', input: { do: 'succeed' }, ...more });
const bad = (more = {}) => ({ type: 'probe.run', input: { do: 'fail' }, ...more });

async function post(jobs, more = {}, headers = {}) {
  const response = await hub.send('/v1/flows', { jobs, ...more }, { headers });
  const body = await response.json();
  assert.equal(response.status, 202, JSON.stringify(body));
  assert.equal(response.headers.get('location'), `/v1/flows/${body.id}`);
  return body;
}

const read = (id) => hub.json(`/v1/flows/${id}`);

async function ended(flow) {
  let now;
  await until(async () => (now = await read(flow.id)).state !== 'running', `end of ${flow.id}`, 30_000);
  return now;
}

const states = (flow) =>
  Object.fromEntries(Object.entries(flow.jobs).map(([name, job]) => [name, job.state]));

async function refused(jobs, code, pointer, text) {
  const problem = await hub.refused(422, code, '/v1/flows', { json: { jobs } });
  assert.equal(problem.errors[0].pointer, pointer);
  assert.match(problem.errors[0].detail, text);
}

test('a diamond: shown while it runs and when it has ended', async () => {
  const flow = await post({
    last: ok({ after: ['left', 'right'] }), left: ok({ after: ['first'] }),
    right: ok({ after: ['first'] }), first: ok(),
  }, { name: 'diamond', labels: { of: 'four' } });
  assert.equal(flow.name, 'diamond');
  assert.deepEqual(flow.labels, { of: 'four' });
  assert.deepEqual(flow.edges.map(({ from, to }) => `${from} ${to}`).sort(),
    ['first left', 'first right', 'left last', 'right last']);
  assert.equal(Object.keys(flow.jobs)[0], 'first');
  const end = await ended(flow);
  assert.equal(end.state, 'succeeded');
  assert.deepEqual(end.counts, { succeeded: 4 });
  const job = await hub.job(end.jobs.last.id);
  assert.equal(job.flow, flow.id);
  assert.equal(job.flow_job, 'last');
  const { flows } = await hub.json('/v1/flows?limit=1');
  assert.equal(flows[0].id, flow.id);
  assert.equal(flows[0].state, 'succeeded');
});

test('what is wrong is named, and nothing is left behind', async () => {
  const submitted = await hub.metric('jobs_submitted_total');
  await refused({ a: ok({ after: ['c'] }), b: ok({ after: ['a'] }), c: ok({ after: ['b'] }), d: ok() },
    'invalid_input', '/jobs/a/after', /a after c after b after a/);
  await refused({ a: ok({ after: ['a'] }) }, 'invalid_input', '/jobs/a/after', /a after a/);
  await refused({ a: ok({ after: ['nobody'] }) }, 'invalid_input', '/jobs/a/after/0', /nobody/);
  await refused({ a: ok(), b: { type: 'probe.runn' } }, 'unknown_type', '/jobs/b/type', /probe\.run/);
  await refused({ a: ok(), b: ok({ input: { do: 'dance' } }) }, 'invalid_input', '/jobs/b/input/do', /./);
  await refused({ a: ok(), b: ok({ prio: 1 }) }, 'invalid_input', '/jobs/b/prio', /./);
  await refused({ a: ok({ input: { do: { from: 'b', pointer: '/result/do' } } }), b: ok({ after: ['a'] }) },
    'invalid_input', '/jobs/a/after', /a after b after a/);
  const absent = '0190b1a2-7c3d-7e4f-8a5b-6c7d8e9f0a1b';
  const answer = await hub.send('/v1/flows', { jobs: { a: ok(), b: ok({ after: ['a', absent] }) } });
  assert.equal(answer.status, 422);
  assert.match((await answer.json()).detail, new RegExp(absent));
  const many = Object.fromEntries(Array.from({ length: 257 }, (_, i) => [`j${i}`, ok()]));
  await hub.refused(422, 'invalid_input', '/v1/flows', { json: { jobs: many } });
  assert.equal(await hub.metric('jobs_submitted_total'), submitted);
});

test('256 jobs, each waiting for many', async () => {
  const jobs = Object.fromEntries(Array.from({ length: 256 }, (_, i) => [`j${i}`, {
    type: 'noop.run', after: Array.from({ length: Math.min(i, 20) }, (_, k) => `j${i - 1 - k}`),
  }]));
  assert.deepEqual((await ended(await post(jobs))).counts, { succeeded: 256 });
});

test('values of parents are put in, checked, and stay', async () => {
  const flow = await post({
    pay: { type: 'payments.purchase', input: { amount_minor: 900, currency: 'EUR', payment_method: 'tok_approve' } },
    look: { type: 'payments.get', input: { payment: { from: 'pay', pointer: '/result/payment' } } },
    all: { type: 'noop.run', input: { list: [1, { from: 'pay', pointer: '/result/amount_minor' }, { deep: { from: 'look', pointer: '/state' } }] } },
  });
  assert.deepEqual(flow.edges.map(({ from, to }) => `${from} ${to}`).sort(), ['look all', 'pay all', 'pay look']);
  const end = await ended(flow);
  assert.equal(end.state, 'succeeded', JSON.stringify(end));
  const pay = await hub.job(end.jobs.pay.id);
  const look = await hub.job(end.jobs.look.id);
  assert.deepEqual(look.input, { payment: pay.result.payment });
  assert.deepEqual(look.input_given, { payment: { from: pay.id, pointer: '/result/payment' } });
  assert.deepEqual((await hub.job(end.jobs.all.id)).input, { list: [1, 900, { deep: 'succeeded' }] });
});

test('files of parents, by name and by a value', async () => {
  const end = await ended(await post({
    make: { type: 'probe.run', input: { do: 'artifact', bytes: 2000, name: 'made.bin' } },
    by_name: { type: 'probe.run', input: { do: 'echo_file', file: { job: 'make', artifact: 'made.bin' } } },
    by_value: { type: 'probe.run', input: { do: 'echo_file', file: { artifact: { from: 'make', pointer: '/artifacts/0/id' } } } },
    whole: { type: 'probe.run', input: { do: 'echo_file', file: { from: 'give', pointer: '/result' } } },
    give: { type: 'probe.run', input: { do: 'succeed', result: { data: 'aGVsbG8=' } } },
  }));
  assert.equal(end.state, 'succeeded', JSON.stringify(end));
  const { artifacts: [made] } = await hub.job(end.jobs.make.id);
  for (const name of ['by_name', 'by_value']) {
    const { artifacts: [copy] } = await hub.job(end.jobs[name].id);
    assert.equal(copy.sha256, made.sha256, name);
  }
  const { artifacts: [whole] } = await hub.job(end.jobs.whole.id);
  assert.equal((await hub.download(whole)).toString(), 'hello');
});

test('a value is data: what it says is not looked at again, and its size is bounded', async () => {
  const big = 'x'.repeat(200_000);
  const value = (name) => ({ from: name, pointer: '/result' });
  const end = await ended(await post({
    takes: { type: 'noop.run', input: { it: value('trick') } },
    trick: { type: 'probe.run', input: { do: 'succeed', result: [{ 'from': 1 }, null, 1.10, { pointer: '/state' }] } },
    large: { type: 'probe.run', input: { do: 'succeed', result: big } },
    fits: { type: 'noop.run', input: { a: Array(4).fill(value('large')) } },
    bursts: { type: 'noop.run', input: { a: Array(6).fill(value('large')) } },
  }));
  const takes = await hub.fetch(`/v1/jobs/${end.jobs.takes.id}`);
  assert.match(await takes.text(), /"input":\{"it":\[\{"from":1\},null,1\.1,\{"pointer":"\/state"\}\]\}/);
  assert.equal(end.jobs.fits.state, 'succeeded', JSON.stringify(end.jobs));
  assert.equal(end.jobs.bursts.error.code, 'invalid_input');
  assert.match(end.jobs.bursts.error.message, /1 MiB/);
});

test('a single job takes values of another one', async () => {
  const pay = await hub.post('payments.purchase', { amount_minor: 5, currency: 'EUR', payment_method: 'tok_slow' });
  const job = await hub.post('noop.run', { state: { from: pay.id, pointer: '/state' } });
  assert.deepEqual(job.after, [pay.id]);
  const done = await hub.finished(job.id);
  assert.deepEqual(done.input, { state: 'succeeded' });
  const problem = await hub.refused(422, 'invalid_input', '/v1/jobs',
    { json: { type: 'noop.run', input: { x: { from: 'you', pointer: '/state' } } } });
  assert.equal(problem.errors[0].pointer, '/input/x/from');
});

test('a value that is not there, or does not fit, fails the job that wanted it', async () => {
  const flow = await post({
    first: ok(),
    absent: { type: 'noop.run', input: { a: { from: 'first', pointer: '/result/no/such' } } },
    wrong: { type: 'probe.run', input: { do: { from: 'first', pointer: '/attempt' } } },
    behind: { type: 'noop.run', after: ['wrong'] },
  });
  const end = await ended(flow);
  assert.deepEqual(states(end), { first: 'succeeded', absent: 'failed', wrong: 'failed', behind: 'failed' });
  const absent = await hub.job(end.jobs.absent.id);
  assert.equal(absent.error.code, 'invalid_input');
  assert.equal(absent.error.details.pointer, '/input/a/pointer');
  assert.equal(absent.attempts.length, 0);
  const wrong = await hub.job(end.jobs.wrong.id);
  assert.equal(wrong.error.code, 'invalid_input');
  assert.equal(wrong.error.details.pointer, '/input/do');
  assert.equal(end.jobs.behind.error.code, 'dependency_failed');
});

test('fail, skip, run_anyway', async () => {
  const end = await ended(await post({
    boom: bad(), fine: ok(),
    fails: ok({ after: ['boom', 'fine'] }),
    skips: ok({ after: ['boom'], on_parent_failure: 'skip' }),
    runs: { type: 'noop.run', input: { how: { from: 'boom', pointer: '/error/code' } }, on_parent_failure: 'run_anyway' },
    after_skipped: ok({ after: ['skips', 'fine'] }),
    after_failed: ok({ after: ['fails', 'skips'] }),
  }));
  assert.deepEqual(states(end), {
    boom: 'failed', fine: 'succeeded', fails: 'failed', skips: 'cancelled', runs: 'succeeded',
    after_skipped: 'succeeded', after_failed: 'failed',
  });
  assert.equal(end.jobs.skips.error.code, 'skipped');
  assert.equal(end.counts.skipped, 1);
  assert.equal(end.state, 'failed');
  const late = await hub.post('noop.run', {}, { after: [end.jobs.skips.id] });
  assert.equal((await hub.finished(late.id)).state, 'succeeded');
  const skipped = await hub.run('noop.run', {}, { after: [end.jobs.boom.id], on_parent_failure: 'skip' });
  assert.equal(skipped.state, 'cancelled');
});

test('retry goes on from the failed job: what succeeded is not done again', async () => {
  const flow = await post({
    charge: { type: 'payments.purchase', input: { amount_minor: 700, currency: 'EUR', payment_method: 'tok_approve' } },
    shaky: { type: 'probe.run', input: { do: 'fail', until_attempt: 2 }, after: ['charge'] },
    mail: { type: 'noop.run', after: ['shaky'] },
    maybe: { type: 'noop.run', after: ['shaky'], on_parent_failure: 'skip' },
  });
  const first = await ended(flow);
  assert.deepEqual(states(first), { charge: 'succeeded', shaky: 'failed', mail: 'failed', maybe: 'cancelled' });
  await hub.json(`/v1/flows/${flow.id}/retry`, { method: 'POST' });
  const end = await ended(flow);
  assert.deepEqual(states(end), { charge: 'succeeded', shaky: 'succeeded', mail: 'succeeded', maybe: 'succeeded' });
  assert.equal((await hub.job(end.jobs.charge.id)).attempts.length, 1);
  assert.equal(end.jobs.charge.finished_at, first.jobs.charge.finished_at);
  await hub.refused(409, 'conflict', `/v1/flows/${flow.id}/retry`, { method: 'POST' });
});

test('cancel: those that wait are cancelled, not failed', async () => {
  const flow = await post({
    long: { type: 'probe.run', input: { do: 'sleep', ms: 50, times: 600 } },
    next: ok({ after: ['long'] }), last: ok({ after: ['next'] }),
  });
  await until(async () => (await read(flow.id)).jobs.long.state === 'running', 'it runs');
  const end = await hub.json(`/v1/flows/${flow.id}/cancel`, { method: 'POST' });
  assert.equal(end.state, 'cancelled');
  assert.deepEqual(states(end), { long: 'cancelled', next: 'cancelled', last: 'cancelled' });
  await hub.refused(409, 'conflict', `/v1/flows/${flow.id}/cancel`, { method: 'POST' });
  await hub.refused(404, 'not_found', '/v1/flows/0190b1a2-7c3d-7e4f-8a5b-6c7d8e9f0a1b/cancel', { method: 'POST' });
});

test('the same Idempotency-Key makes one flow', async () => {
  const headers = { 'idempotency-key': 'flow-once' };
  const jobs = { a: { type: 'noop.run' }, b: { type: 'noop.run', after: ['a'] } };
  const one = await post(jobs, {}, headers);
  const two = await hub.send('/v1/flows', { jobs }, { headers });
  assert.equal(two.status, 202);
  assert.equal(two.headers.get('idempotency-replayed'), 'true');
  assert.equal((await two.json()).id, one.id);
  const other = await hub.send('/v1/flows', { jobs: { a: { type: 'noop.run' } } }, { headers });
  assert.equal(other.status, 422);
});

test('kill -9 in between: every flow ends, and what was put in is what is sent again', async () => {
  let victim = await startHubd({ flags: { retry_base_ms: 10 } });
  const flows = [];
  for (let i = 0; i < 20; i++) {
    const response = await victim.send('/v1/flows', { jobs: {
      a: { type: 'probe.run', input: { do: 'sleep', ms: 5 * i } },
      b: { type: 'payments.purchase', after: ['a'], input: { amount_minor: { from: 'a', pointer: '/attempt' }, currency: 'EUR', payment_method: 'tok_approve' } },
      c: { type: 'noop.run', input: { of: { from: 'b', pointer: '/result/payment' }, is: { from: 'a', pointer: '/state' } } },
    } });
    assert.equal(response.status, 202);
    flows.push(await response.json());
  }
  const { stateDir } = victim;
  for (let round = 0; round < 3; round++) {
    await new Promise((resolve) => { setTimeout(resolve, 40 + 30 * round); });
    await victim.kill();
    victim = await startHubd({ flags: { retry_base_ms: 10 }, stateDir });
  }
  for (const flow of flows) {
    let end;
    await until(async () => (end = await victim.json(`/v1/flows/${flow.id}`)).state !== 'running', 'its end', 30_000);
    assert.deepEqual(states(end), { a: 'succeeded', b: 'succeeded', c: 'succeeded' });
    const [b, c] = [await victim.job(end.jobs.b.id), await victim.job(end.jobs.c.id)];
    assert.deepEqual(c.input, { of: b.result.payment, is: 'succeeded' });
  }
  await victim.stop();
});
