// The secrets of four gateways' accounts: not in hubd's memory, not in that of a runner which does not
// hold the account, not in a core file, not in what is stored, logged, answered or shown by /proc.
// And what looks for them finds what is there.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { after, before, test } from 'node:test';

import { charge, makePeers } from '../peers/lib/cases.mjs';
import { serve } from '../peers/lib/peer.mjs';
import { runnerOf } from '../peers/lib/runner.mjs';
import { canary, holds, inFiles, inMemory, inProcesses } from './lib/canary.mjs';
import { runProgram, SANITIZED, startHubd, tempFolder, until } from './lib/hubd.mjs';

const SECRETS = ['api_key', 'client_secret', 'webhook_secrets'];
const peers = Object.values(makePeers()).filter((one) => one.handle);
const secrets = peers.flatMap(({ account }) => SECRETS.flatMap((name) => account[name] ?? []));
const servers = [];
let fate = () => undefined;
let hub;

before(async () => {
  hub = await startHubd({ flags: { http_allow_private: ['127.0.0.1'], retry_base_ms: 10,
    log_level: 'debug' } });
  for (const peer of peers) {
    servers.push(await serve(peer, (call) => fate(call)));
    peer.account.base_url = servers.at(-1).url;
    const response = await hub.send(`/v1/accounts/${peer.account.gateway}`,
      { connector: 'payments', settings: peer.account }, { method: 'PUT' });
    assert.ok(response.ok, await response.text());
  }
});
after(async () => {
  servers.forEach((one) => one.close());
  await hub.stop();
});

const pay = (peer, more) => hub.run('payments.purchase', { ...charge(peer.account.gateway), ...more },
  { account: peer.account.gateway });

test('stored, logged, answered, shown: nothing; and what is planted shows', async () => {
  const planted = canary('planted');
  const jobs = [];
  for (const peer of peers) {
    jobs.push(await pay(peer, { description: planted }));
    fate = () => ({ status: 401 });
    jobs.push(await pay(peer));
    fate = () => undefined;
  }
  assert.deepEqual([...new Set(jobs.map((one) => one.state))].sort(), ['failed', 'succeeded']);
  const texts = [hub.log(), hub.stdout(), JSON.stringify(jobs),
    await (await hub.fetch('/v1/ledger?limit=1000')).text(),
    ...await Promise.all(peers.map(async ({ account }) =>
      (await hub.fetch(`/v1/accounts/${account.gateway}`)).text()))];
  for (const secret of secrets) {
    assert.ok(!texts.some((text) => holds(Buffer.from(text), secret)), secret);
    assert.deepEqual(inFiles(hub.stateDir, secret), []); // the database with its log, and all else
    assert.deepEqual(inProcesses(secret), []);
  }
  assert.ok(inFiles(hub.stateDir, planted).length > 0);
  const log = `${hub.log()}\n${secrets[0]}`; // as if somebody had logged it
  assert.ok(holds(Buffer.from(log), secrets[0]));
});

test('memory: not hubd\'s, nor another runner\'s', { skip: SANITIZED }, async () => {
  await hub.run('noop.run');
  for (const peer of peers) await pay(peer);
  await hub.run('noop.run');
  const other = runnerOf(hub, 'noop.so');
  assert.ok(other > 0);
  for (const secret of secrets) {
    assert.deepEqual(inMemory(hub.pid, secret), []);
    assert.deepEqual(inMemory(other, secret), []);
  }
  fate = (call) => (call.method === 'POST' ? { after: 1500 } : undefined);
  const [stripe] = peers;
  const before = stripe.requests.length;
  const { id } = await hub.post('payments.purchase', charge('stripe'), { account: 'stripe' });
  await until(() => stripe.requests.length > before, 'a request');
  assert.ok(inMemory(runnerOf(hub, 'payments.so'), stripe.account.api_key).length > 0,
    'the runner that holds the account has it, and it is found there');
  await hub.finished(id);
  fate = () => undefined;
});

test('a runner that dies with a secret leaves no core file, where others do', { skip: SANITIZED },
  async (t) => {
    const control = tempFolder('hubd-core-');
    const dying = spawn('sh', ['-c', 'ulimit -c unlimited && kill -ABRT $$'], { cwd: control });
    await once(dying, 'close');
    if (!fs.readdirSync(control).some((name) => name.startsWith('core'))) {
      return t.skip('this machine writes no core files here');
    }
    const raised = await runProgram('prlimit', ['--core=unlimited', `--pid=${hub.pid}`]);
    assert.equal(raised.code, 0, raised.stderr);
    const old = runnerOf(hub, 'payments.so');
    process.kill(old, 'SIGKILL');
    await until(() => !fs.existsSync(`/proc/${old}`), 'the end of the old runner');
    const [stripe] = peers;
    const before = stripe.requests.length;
    fate = (call) => (call.method === 'POST' ? { after: 3000 } : undefined);
    const { id } = await hub.post('payments.purchase', charge('stripe'), { account: 'stripe' });
    await until(() => stripe.requests.length > before, 'a request');
    const runner = runnerOf(hub, 'payments.so');
    const folders = [fs.readlinkSync(`/proc/${runner}/cwd`), process.cwd(), hub.stateDir];
    const cores = () => folders.flatMap((folder) => fs.readdirSync(folder)
      .filter((name) => /^core(\.\d+)?$/.test(name) &&
        fs.statSync(`${folder}/${name}`).isFile()).map((name) => `${folder}/${name}`));
    const there = cores();
    fate = () => undefined;
    process.kill(runner, 'SIGABRT');
    assert.equal((await hub.finished(id)).state, 'succeeded');
    assert.deepEqual(cores(), there);
  });
