// hub.keep/1: what an attempt keeps, the next one finds: after a crash of its runner and after a
// kill of hubd. And what must not be found, or kept.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';

import { SLOW, startHubd, tempFolder, until } from './lib/hubd.mjs';

const OK = 0;
const INVALID = -1;
const LIMIT = -2;
const EXISTS = -6;

const hub = await startHubd({
  flags: { retry_base_ms: 10, retry_cap_ms: 20, cancel_grace_ms: 100, breaker_crashes: 0 },
});
after(() => hub.stop());

const put = (key, value, more = {}) => ({ call: 'put', key, value, ...more });
const get = (key, more = {}) => ({ call: 'get', key, ...more });
const statuses = (job) => job.result.answers.map(({ called, status }) => called || status);
const values = (job, index) =>
  job.result.answers[index].values.map(({ key, value }) => [key, value]);

for (const connector of ['probe', 'aprobe']) {
  const run = (input, more) => hub.run(`${connector}.run`, { do: 'succeed', ...input }, more);

  test(`${connector}: put, get, list, replace and remove`, async () => {
    const before = Date.now();
    const job = await run({ calls: [
      get('a'), put('b/2', 'two'), put('b/1', 'one'), put('a', 'ä'), get('a'),
      { call: 'list' }, { call: 'list', prefix: 'b/' }, { call: 'list', prefix: 'b/', after: 'b/1' },
      { call: 'list', limit: 1 }, put('a', 'new'), get('a'), put('a'), get('a'), put('a'),
      put('empty', ''), get('empty'),
    ] });
    assert.equal(job.state, 'succeeded', JSON.stringify(job));
    assert.deepEqual(statuses(job), Array(16).fill(OK));
    assert.deepEqual(values(job, 0), []);
    assert.deepEqual(values(job, 4), [['a', 'ä']]);
    assert.deepEqual(values(job, 5), [['a', 'ä'], ['b/1', 'one'], ['b/2', 'two']]);
    assert.deepEqual(values(job, 6), [['b/1', 'one'], ['b/2', 'two']]);
    assert.deepEqual(values(job, 7), [['b/2', 'two']]);
    assert.deepEqual(values(job, 8), [['a', 'ä']]);
    assert.deepEqual(values(job, 10), [['a', 'new']]);
    assert.deepEqual(values(job, 12), []);
    assert.deepEqual(values(job, 15), [['empty', '']]);
    const [{ kept_at: keptAt }] = job.result.answers[4].values;
    assert.ok(keptAt >= before - 1 && keptAt <= Date.now() + 1, String(keptAt));
  });

  for (const operation of ['run', 'run_with_key']) {
    test(`${connector}.${operation}: the attempt after a crash finds what was kept`, async () => {
      const job = await hub.run(`${connector}.${operation}`, {
        do: 'crash', until_attempt: 2,
        calls: [get('request'), put('request', 'frozen', { only_new: true })],
      });
      assert.equal(job.state, 'succeeded', JSON.stringify(job));
      assert.deepEqual(job.attempts.map(({ outcome }) => outcome), ['crashed', 'succeeded']);
      assert.deepEqual(values(job, 0), [['request', 'frozen']]);
      assert.deepEqual(statuses(job), [OK, EXISTS]);
    });
  }

  test(`${connector}: what is the job's is no other job's, what is the account's is`, async () => {
    const key = `shared-${connector}`;
    const first = await run({ calls: [put('mine', '1'), put(key, '2', { scope: 'account' })] });
    assert.deepEqual(statuses(first), [OK, OK]);
    const second = await run({ calls: [
      get('mine'), get(key), get(key, { scope: 'account' }),
      put(key, '3', { scope: 'account', only_new: true }),
    ] });
    assert.deepEqual(values(second, 0), []);
    assert.deepEqual(values(second, 1), []);
    assert.deepEqual(values(second, 2), [[key, '2']]);
    assert.equal(statuses(second)[3], EXISTS);
    const other = connector === 'probe' ? 'aprobe' : 'probe';
    const foreign = await hub.run(`${other}.run`,
      { do: 'succeed', calls: [get(key, { scope: 'account' })] });
    assert.deepEqual(values(foreign, 0), [], 'another connector sees nothing of it');
  });

  test(`${connector}: a value is gone when its time has passed`, async () => {
    const key = `brief-${connector}`;
    const job = await run({ calls: [
      put(key, 'x', { scope: 'account', expires_ms: 300 * SLOW }), get(key, { scope: 'account' }),
    ] });
    assert.deepEqual(values(job, 1), [[key, 'x']]);
    await until(async () => {
      const later = await run({ calls: [get(key, { scope: 'account' })] });
      return values(later, 0).length === 0;
    }, 'the value is gone');
    const again = await run({ calls: [put(key, 'y', { scope: 'account', only_new: true })] });
    assert.deepEqual(statuses(again), [OK]);
  });

  test(`${connector}: a job keeps 16 values at most, of 256 KiB together`, async () => {
    const many = await run({ calls: [
      ...Array.from({ length: 17 }, (_, i) => put(`k${i}`, 'v')), put('k3'), put('k16', 'v'),
    ] });
    assert.deepEqual(statuses(many), [...Array(16).fill(OK), LIMIT, OK, OK]);
    const large = await run({ calls: [
      ...Array.from({ length: 4 }, (_, i) => put(`k${i}`, undefined, { bytes: 65_000 })),
      put('k5', undefined, { bytes: 3_000 }), put('k0', 'small'),
      put('k5', undefined, { bytes: 3_000 }), put('huge', undefined, { bytes: 65_537 }),
      { call: 'list' }, put('k1'), put('full', undefined, { bytes: 65_536 }), get('full'),
    ] });
    assert.deepEqual(statuses(large),
      [OK, OK, OK, OK, LIMIT, OK, OK, LIMIT, OK, OK, OK, OK]);
    const list = large.result.answers[8].values;
    assert.deepEqual(list.map(({ key, bytes }) => [key, bytes]), [['k0', 5], ['k1', 65_000]],
      'one list gives at most 64 KiB');
    assert.equal(large.result.answers[11].values[0].bytes, 65_536);
  });

  test(`${connector}: what makes no sense is refused at once`, async () => {
    const job = await run({ calls: [
      get(''), get('x'.repeat(256)), get('x'.repeat(257)), put('', 'x'),
      { call: 'list', limit: 0 }, { call: 'list', limit: 257 },
      put('k', undefined, { only_new: true }),
      { call: 'append', kind: 'Not a name', value: '{}' },
      { call: 'append', kind: 'intent', value: '[]' },
      { call: 'append', kind: 'intent', value: '{' },
      { call: 'append', kind: 'intent', value: `{"a":"${'x'.repeat(16_384)}"}` },
    ] });
    assert.deepEqual(job.result.answers.map(({ called }) => called),
      [INVALID, OK, INVALID, INVALID, INVALID, INVALID, INVALID, INVALID, INVALID, INVALID, LIMIT]);
  });

  test(`${connector}: a list as long as it may be`, async () => {
    const scope = 'account';
    const keys = Array.from({ length: 300 }, (_, i) => `long-${connector}-${String(i).padStart(4, '0')}`);
    await run({ calls: keys.map((key) => put(key, 'v', { scope })) });
    const prefix = `long-${connector}-`;
    const job = await run({ calls: [
      { call: 'list', scope, prefix }, { call: 'list', scope, prefix, after: keys[255] },
    ] });
    assert.deepEqual(values(job, 0).map(([key]) => key), keys.slice(0, 256));
    assert.deepEqual(values(job, 1).map(([key]) => key), keys.slice(256));
  });
}

test('as many calls at once as there may be; one more waits its turn', async () => {
  const job = await hub.run('aprobe.run', { do: 'succeed', calls: [{ call: 'burst' }] });
  assert.deepEqual(statuses(job), [256]);
  const again = await hub.run('aprobe.run', { do: 'succeed', calls: [{ call: 'burst', times: 5 }] });
  assert.deepEqual(statuses(again), [5]);
  const blocking = await hub.run('probe.run', { do: 'succeed', calls: [{ call: 'burst' }] });
  assert.equal(statuses(blocking)[0], 1024, 'who may wait, waits');
});

test('an attempt that is past its deadline keeps nothing any more', async () => {
  const patient = await startHubd({
    flags: { retry_base_ms: 10, retry_cap_ms: 20, cancel_grace_ms: 20_000 },
  });
  for (const connector of ['probe', 'aprobe']) {
    const first = { only_attempt: 1 };
    const job = await patient.run(`${connector}.run`, {
      do: 'succeed', deaf: true, calls: [
        put('early', 'x', first), { call: 'sleep', times: 900 * SLOW, ...first },
        put('late', 'x', first), { call: 'append', kind: 'late', value: '{}', ...first },
        get('early'), get('late'),
      ],
    }, { timeout_ms: 500 * SLOW });
    assert.equal(job.state, 'succeeded', JSON.stringify(job));
    assert.deepEqual(job.attempts.map(({ outcome }) => outcome), ['deadline', 'succeeded']);
    assert.deepEqual(values(job, 0), [['early', 'x']]);
    assert.deepEqual(values(job, 1), []);
  }
  assert.equal((await patient.json('/v1/ledger/verify')).entries, 0);
  await patient.stop();
});

test('a job that completes with a call under way harms nobody', async () => {
  const jobs = await Promise.all(Array.from({ length: 20 }, () =>
    hub.run('aprobe.run', { do: 'complete_in_call' })));
  assert.ok(jobs.every(({ state }) => state === 'succeeded'));
  const next = await hub.run('aprobe.run', { do: 'succeed', calls: [put('a', '1'), get('a')] });
  assert.deepEqual(values(next, 1), [['a', '1']]);
  await until(() => hub.log().includes('a call of its own under way'), 'it is logged');
  assert.ok(!hub.log().includes('an answer for a job that is over'));
});

test('what was kept before a kill of hubd is there after it', async () => {
  const stateDir = tempFolder();
  const flags = { retry_base_ms: 10, retry_cap_ms: 20, cancel_grace_ms: 100 };
  const first = await startHubd({ flags, stateDir });
  const ids = [];
  for (const connector of ['probe', 'aprobe']) {
    const { id } = await first.post(`${connector}.run_with_key`, {
      do: 'progress', ms: 50, times: 30,
      calls: [get('request'), put('request', 'frozen', { only_new: true })],
    });
    ids.push(id);
  }
  for (const id of ids) { // progress comes once the calls have been answered
    await until(async () => (await first.job(id)).progress !== null, 'progress');
  }
  await first.kill();
  const second = await startHubd({ flags, stateDir });
  for (const id of ids) {
    const job = await second.finished(id);
    assert.equal(job.state, 'succeeded', JSON.stringify(job));
    assert.deepEqual(job.attempts.map(({ outcome }) => outcome), ['released', 'succeeded']);
    assert.deepEqual(values(job, 0), [['request', 'frozen']]);
    assert.deepEqual(statuses(job), [OK, EXISTS]);
  }
  await second.stop();
});
