// The sandbox as an operator sees it, and the circuit breaker.
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';

import { BUILD, SANITIZED, SLOW, sleep, startHubd, until } from './lib/hubd.mjs';

const QUICK = { retry_base_ms: 5, retry_cap_ms: 10 };

async function withHub(options, use) {
  const hub = await startHubd(options);
  try {
    await use(hub);
  } finally {
    await hub.stop();
  }
}

test('what is missing is logged and shown, and hubd goes on',
  { skip: (process.getuid() !== 0 || SANITIZED) && 'as root only' },
  () => withHub({ flags: { runner_uid_first: 0 } }, async (hub) => {
    const { sandbox, health } = await hub.json('/v1/connectors/noop');
    assert.equal(health, 'ready');
    assert.deepEqual(sandbox.missing, ['own_uid', 'process_limit']);
    assert.ok(sandbox.mechanisms.includes('seccomp'));
    const lines = hub.log().match(/runners are confined less than they could be" missing=\w+/g);
    assert.equal(lines.length, 2, 'once each, not once a runner');
    assert.equal((await hub.run('noop.run')).state, 'succeeded');
  }));

test('what is missing is refused if the sandbox is required',
  { skip: (process.getuid() !== 0 || SANITIZED) && 'as root only' },
  () => withHub({ flags: { runner_uid_first: 0, sandbox: 'required' } }, async (hub) => {
    const { connectors } = await hub.json('/v1/connectors');
    assert.ok(connectors.length > 0);
    for (const connector of connectors) {
      assert.equal(connector.health, 'refused');
      assert.match(connector.reason, /own_uid is required/);
      assert.equal(connector.sandbox, null);
    }
  }));

test('a connector that asks for hosts is of class network, and still confined',
  () => withHub({ connectors: [path.join(BUILD, 'tests', 'misbehave')] }, async (hub) => {
    const { sandbox } = await hub.json('/v1/connectors/listen');
    assert.equal(sandbox.class, 'network');
    assert.ok(sandbox.mechanisms.includes('seccomp') && sandbox.landlock_abi >= 0);
  }));

for (const connector of ['probe', 'aprobe']) {
  test(`${connector}: crashes on five jobs take it out of service, and a good one brings it back`,
    () => withHub({ flags: QUICK }, async (hub) => {
      const type = `${connector}.run`;
      const condition = () => hub.json(`/v1/connectors/${connector}`);
      for (let i = 0; i < 5; i++) {
        const job = await hub.run(type, { do: 'crash' }, { max_attempts: 1 });
        assert.equal(job.state, 'failed');
      }
      const tripped = await condition();
      assert.equal(tripped.health, 'tripped');
      assert.match(tripped.reason, /crashed on 5 jobs within a minute, .*signal 11/);
      assert.ok(Date.parse(tripped.resumes_at) > Date.now());
      assert.equal(tripped.trips, 1);
      assert.equal(await hub.metric(`connector_tripped{connector="${connector}"}`), 1);

      // Its jobs wait; those of others do not.
      const posted = await Promise.all(Array.from({ length: 20 }, () => hub.post(type,
        { do: 'succeed' })));
      assert.equal((await hub.run('noop.run')).state, 'succeeded');
      await sleep(500);
      for (const { id } of posted) assert.equal((await hub.job(id)).state, 'queued');

      for (const { id } of posted) {
        const job = await hub.finished(id, 15_000 * SLOW);
        assert.equal(job.state, 'succeeded');
        assert.equal(job.attempts.length, 1, JSON.stringify(job.attempts));
      }
      const back = await condition();
      assert.equal(back.health, 'ready');
      assert.equal(back.reason, null);
      assert.equal(back.resumes_at, null);
      assert.equal(back.trips, 1);
    }));
}

test('a bad trial costs one job, and doubles the pause', () => withHub({ flags: QUICK },
  async (hub) => {
    for (let i = 0; i < 5; i++) await hub.run('probe.run', { do: 'crash' }, { max_attempts: 1 });
    const bad = await Promise.all(Array.from({ length: 3 }, () =>
      hub.post('probe.run', { do: 'crash' }, { max_attempts: 1 })));
    await until(async () => (await hub.json('/v1/connectors/probe')).trips === 2, 'a second trip',
      15_000 * SLOW);
    const { health, resumes_at: resumes } = await hub.json('/v1/connectors/probe');
    assert.equal(health, 'tripped');
    assert.ok(Date.parse(resumes) - Date.now() > 6000, 'twice five seconds');
    await until(async () => {
      const states = await Promise.all(bad.map(async ({ id }) => (await hub.job(id)).state));
      return states.sort().join() === 'failed,queued,queued';
    }, 'one has failed, the others wait', 2000 * SLOW);
  }));

test('one job that crashes again and again trips nothing', () => withHub({ flags: QUICK },
  async (hub) => {
    for (let i = 0; i < 4; i++) await hub.run('probe.run', { do: 'crash' }, { max_attempts: 3 });
    assert.equal((await hub.json('/v1/connectors/probe')).health, 'ready');
    assert.equal((await hub.run('probe.run', { do: 'succeed' })).state, 'succeeded');
  }));
