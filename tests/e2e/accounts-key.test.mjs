// The key that seals accounts: made at the first start, changed, lost, and refused when others can
// read it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import crypto from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import { BUILD, startHubd, tempFolder, until } from './lib/hubd.mjs';

const newKey = () => crypto.randomBytes(32).toString('hex');
const keyFile = (dir) => path.join(dir, 'account.key');
const put = (hub) => hub.send('/v1/accounts/shop',
  { connector: 'keyed', settings: { token: 'token' } }, { method: 'PUT' });
const length = async (hub) => (await hub.run('keyed.tell', {}, { account: 'shop' })).result?.length;

/** What hubd says when it must not come up. */
async function failsToStart(stateDir, env = {}) {
  const child = spawn(path.join(BUILD, 'hubd'), ['--state-dir', stateDir, '--listen', '127.0.0.1:0'],
    { env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'pipe'] });
  let text = '';
  child.stderr.setEncoding('utf8').on('data', (part) => { text += part; });
  const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
  const [code] = await once(child, 'close');
  clearTimeout(timer);
  assert.equal(code, 1, text);
  return text;
}

test('made at the first start, for its owner alone', async () => {
  const hub = await startHubd();
  const { mode, size } = fs.statSync(keyFile(hub.stateDir));
  assert.equal(mode & 0o777, 0o600);
  assert.equal(size, 65);
  await hub.stop();
});

test('one that others may read, or that is damaged, keeps hubd from starting', async () => {
  const stateDir = tempFolder();
  fs.writeFileSync(keyFile(stateDir), `${newKey()}\n`, { mode: 0o644 });
  assert.match(await failsToStart(stateDir), /account\.key.*mode 0644.*chmod 600/);
  fs.chmodSync(keyFile(stateDir), 0o600);
  fs.writeFileSync(keyFile(stateDir), `${newKey().slice(2)}\n`);
  assert.match(await failsToStart(stateDir), /account\.key.*line 1 is damaged/);
});

test('changed: what the old key sealed is sealed anew, and the old one can go', async () => {
  const first = await startHubd({ stateDir: tempFolder() });
  const { stateDir } = first;
  assert.equal((await put(first)).status, 201);
  await first.stop();
  const old = fs.readFileSync(keyFile(stateDir), 'utf8');
  const fresh = newKey();
  fs.writeFileSync(keyFile(stateDir), `${fresh}\n${old}`);
  const second = await startHubd({ stateDir });
  assert.equal(await length(second), 5);
  await until(() => /sealed with the new key/.test(second.log()), 'the new seal');
  await second.stop();
  fs.writeFileSync(keyFile(stateDir), `${fresh}\n`);
  const third = await startHubd({ stateDir });
  assert.equal(await length(third), 5);
  await third.stop();
});

test('lost: the account says so, is not used, and can be given its secrets again', async () => {
  const first = await startHubd({ stateDir: tempFolder() });
  const { stateDir } = first;
  await put(first);
  const waiting = await first.post('keyed.tell', {},
    { account: 'shop', run_at: new Date(Date.now() + 1500).toISOString() });
  await first.stop();
  fs.writeFileSync(keyFile(stateDir), `${newKey()}\n`);
  const second = await startHubd({ stateDir });
  const account = await second.json('/v1/accounts/shop');
  assert.match(account.problem, /sealed with a key that hubd does not have/);
  assert.equal(account.settings, null);
  await second.refused(422, 'unusable_account', '/v1/jobs',
    { json: { type: 'keyed.tell', account: 'shop' } });
  const failed = await second.finished(waiting.id);
  assert.equal(failed.error.code, 'unusable_account');
  assert.equal((await put(second)).status, 200);
  assert.equal(await length(second), 5);
  await second.stop();
});

test('from the service manager', async () => {
  const credentials = tempFolder('hubd-credentials-');
  fs.writeFileSync(path.join(credentials, 'hubd-account-key'), newKey(), { mode: 0o400 });
  const stateDir = tempFolder();
  const env = { CREDENTIALS_DIRECTORY: credentials };
  const first = await startHubd({ stateDir, env });
  await put(first);
  await first.stop();
  assert.ok(!fs.existsSync(keyFile(stateDir)));
  const second = await startHubd({ stateDir, env });
  assert.equal(await length(second), 5);
  await second.stop();
});
