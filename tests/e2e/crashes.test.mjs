// Connectors that crash, hang, leave or lie: each costs an attempt, with the cause on record, and
// nobody else notices.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';

import { SANITIZED, SLOW, sleep, startHubd } from './lib/hubd.mjs';

const hub = await startHubd({
  // More crashes than a connector in service may have: see sandbox.test.mjs for the breaker.
  flags: { retry_base_ms: 10, retry_cap_ms: 20, cancel_grace_ms: 100, breaker_crashes: 0 },
});
after(() => hub.stop());

const ENDS = [
  { do: 'crash', cause: { kind: 'signal', number: 11, name: 'SIGSEGV' }, code: 'runner_crashed' },
  { do: 'abort', cause: { kind: 'signal', number: 6, name: 'SIGABRT' }, code: 'runner_crashed' },
  { do: 'exit', exit_code: 42, cause: { kind: 'exit', number: 42, name: null },
    code: 'runner_exited' },
  { do: 'exit', exit_code: 0, cause: { kind: 'exit', number: 0, name: null },
    code: 'runner_exited' },
  { do: 'close_channel', cause: { kind: 'exit', number: 0, name: null }, code: 'runner_exited' },
  { do: 'garbage', cause: { kind: 'protocol', number: 0, name: null }, code: 'protocol_error' },
  { do: 'garbage', bytes: 1_000_000, cause: { kind: 'protocol', number: 0, name: null },
    code: 'protocol_error' },
];

for (const connector of ['probe', 'aprobe']) {
  for (const { cause, code, ...input } of ENDS) {
    test(`${connector}: ${JSON.stringify(input)}`, async () => {
      const job = await hub.run(`${connector}.run`, { ...input, until_attempt: 2 });
      assert.equal(job.state, 'succeeded', JSON.stringify(job.error));
      const [first, second] = job.attempts;
      assert.equal(first.outcome, 'crashed');
      assert.deepEqual(first.cause, cause);
      assert.equal(first.code, code);
      assert.ok(first.message.length > 0);
      assert.ok(first.runner_pid > 0);
      assert.equal(second.outcome, 'succeeded');
      assert.equal(second.cause, null);
      assert.notEqual(second.runner_pid, first.runner_pid, 'in another process');
    });
  }

  for (const how of ['hang', 'spin']) {
    test(`${connector}: ${how} ends at the deadline`, async () => {
      const job = await hub.run(`${connector}.run`, { do: how, until_attempt: 2 },
        { timeout_ms: 300 * SLOW });
      assert.equal(job.state, 'succeeded', JSON.stringify(job));
      assert.equal(job.attempts[0].outcome, 'deadline');
      assert.equal(job.attempts[0].code, 'deadline_exceeded');
      assert.equal(job.attempts[0].cause.kind, 'deadline');
    });
  }

  test(`${connector}: one that completes twice`, async () => {
    const job = await hub.run(`${connector}.run`, { do: 'double_complete' });
    assert.equal(job.state, 'succeeded');
    assert.equal(job.result.attempt, 1);
    assert.ok(!('second' in job.result));
    assert.equal((await hub.run(`${connector}.run`, { do: 'succeed' })).state, 'succeeded');
  });

  test(`${connector}: the third crash is the last`, async () => {
    const job = await hub.run(`${connector}.run`, { do: 'crash' }, { max_attempts: 10 });
    assert.equal(job.state, 'failed');
    assert.equal(job.error.code, 'runner_crashed');
    assert.deepEqual(job.attempts.map(({ outcome, cause }) => [outcome, cause.name]),
      Array(3).fill(['crashed', 'SIGSEGV']));
  });

  test(`${connector}: max_attempts counts crashes too`, async () => {
    const job = await hub.run(`${connector}.run`, { do: 'abort' }, { max_attempts: 2 });
    assert.equal(job.state, 'failed');
    assert.equal(job.attempts.length, 2);
  });

  test(`${connector}: a crash with an effect on the world is unknown, not repeated`, async () => {
    const job = await hub.run(`${connector}.run_once`, { do: 'crash' });
    assert.equal(job.state, 'unknown');
    assert.equal(job.attempts.length, 1);
    assert.equal(job.attempts[0].cause.name, 'SIGSEGV');
  });
}

test('one that returns without completing has broken the contract', async () => {
  const job = await hub.run('probe.run', { do: 'never_complete' });
  assert.equal(job.state, 'failed');
  assert.equal(job.error.code, 'protocol_error');
  assert.equal((await hub.run('probe.run', { do: 'succeed' })).state, 'succeeded');
});

test('an async one that never completes ends at the deadline', async () => {
  const job = await hub.run('aprobe.run', { do: 'never_complete', until_attempt: 2 },
    { timeout_ms: 300 * SLOW });
  assert.equal(job.state, 'succeeded', JSON.stringify(job.attempts));
  assert.equal(job.attempts[0].outcome, 'deadline');
});

test('others in other processes never notice', async () => {
  const before = Date.now();
  const good = Array.from({ length: 40 }, (_, n) =>
    hub.run(n % 2 ? 'noop.run' : 'aprobe.run', n % 2 ? {} : { do: 'sleep', ms: 20 }));
  const bad = ['crash', 'abort', 'exit', 'garbage', 'close_channel', 'crash'].map((how) =>
    hub.run('probe.run', { do: how }, { max_attempts: 2 }));
  for (const job of await Promise.all(good)) {
    assert.equal(job.state, 'succeeded');
    assert.equal(job.attempts.length, 1);
  }
  for (const job of await Promise.all(bad)) assert.equal(job.state, 'failed');
  assert.ok(Date.now() - before < 20_000 * SLOW);
});

test('those in the same process are started again, and never fail for a neighbour', async () => {
  const good = Array.from({ length: 20 }, () => hub.run('aprobe.run', { do: 'sleep', ms: 600 }));
  await sleep(100);
  const bad = Array.from({ length: 4 }, () => hub.run('aprobe.run', { do: 'crash' }));
  for (const job of await Promise.all(bad)) assert.equal(job.state, 'failed');
  for (const job of await Promise.all(good)) {
    assert.equal(job.state, 'succeeded', JSON.stringify(job.attempts));
    assert.ok(job.attempts.every((one) => ['released', 'crashed', 'succeeded']
      .includes(one.outcome)), JSON.stringify(job.attempts));
  }
});

test('a connector that takes too much memory is stopped by its limit',
  { skip: SANITIZED && 'the limit does not apply to instrumented programs' }, async () => {
    const small = await startHubd({ flags: { runner_memory_max_bytes: 256 << 20 } });
    try {
      const job = await small.run('probe.run', { do: 'alloc', bytes: 1024 ** 3 });
      assert.equal(job.state, 'failed');
      assert.equal(job.error.code, 'no_memory');
      const fits = await small.run('probe.run', { do: 'alloc', bytes: 8 << 20 });
      assert.equal(fits.state, 'succeeded');
    } finally {
      await small.stop();
    }
  });

test('what happened is counted', async () => {
  assert.ok(await hub.metric('attempts_crashed_total') > 10);
  assert.ok(await hub.metric('runners_crashed_total{connector="probe"}') > 5);
  const probe = await hub.json('/v1/connectors/probe');
  assert.ok(probe.runners_crashed > 5 && probe.attempts_died > 5);
  assert.equal(probe.health, 'ready');
  assert.equal(probe.in_flight, 0);
});
