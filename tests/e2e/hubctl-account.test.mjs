// hubctl account: as an operator types it, and what it refuses to take from the command line.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';

import { HUBCTL, hubctl } from './lib/hubctl.mjs';
import { runProgram, startHubd, tempFolder } from './lib/hubd.mjs';

const hub = await startHubd({ flags: { retry_base_ms: 5 } });
after(() => hub.stop());
const ctl = hubctl({ HUBD_SOCKET: hub.socket });
const sum = (text) => [...Buffer.from(text)].reduce((a, b) => a + b, 0);
const told = async (name) => (await hub.run('keyed.tell', {}, { account: name })).result;

test('set from stdin, from a file, and changed bit by bit', async () => {
  const made = await ctl('account', 'set', 'shop', '-c', 'keyed', '-s', 'region=eu',
    '--secret', 'token=-', { input: 'token-of-stdin\n' });
  assert.equal(made.code, 0, made.stderr);
  assert.match(made.stdout, /^shop {2}ready\n/);
  assert.match(made.stdout, /"token": "\*\*\*"/);
  assert.doesNotMatch(made.stdout + made.stderr, /token-of-stdin/);
  assert.equal((await told('shop')).sum, sum('token-of-stdin'));

  const file = path.join(tempFolder(), 'secret');
  fs.writeFileSync(file, 'token-of-file');
  const [changed] = await ctl.json('account', 'set', 'shop', '--secret', `token=@${file}`,
    '--rate', '10/s', '--in-flight', '3');
  assert.deepEqual(changed.settings, { token: '***', region: 'eu' });
  assert.deepEqual(changed.limits, { rate: { limit: 10, period_ms: 1000 }, in_flight: 3 });
  assert.equal((await told('shop')).sum, sum('token-of-file'));

  const [again] = await ctl.json('account', 'set', 'shop', '-s', 'region=us', '--default',
    '--rate', 'none');
  assert.deepEqual(again.settings, { token: '***', region: 'us' });
  assert.equal(again.default, true);
  assert.deepEqual(again.limits, { rate: null, in_flight: 3 });
  assert.equal((await told('shop')).sum, sum('token-of-file'));

  const whole = await ctl.json('account', 'set', 'shop', '--file', '-', '--no-default',
    { input: '{"token":"token-in-json"}' });
  assert.deepEqual(whole[0].settings, { token: '***' });
  assert.equal((await told('shop')).sum, sum('token-in-json'));
});

test('a secret on the command line is refused, with what to do instead', async () => {
  for (const args of [['-s', 'token=CANARY'], ['--secret', 'token=CANARY'],
    ['-s', 'extra.pin=CANARY']]) {
    const end = await ctl('account', 'set', 'leaky', '-c', 'keyed', ...args);
    assert.equal(end.code, 2);
    assert.match(end.stderr, /--secret \S+ to be asked|--secret \S+=@FILE/);
    assert.doesNotMatch(end.stderr, /CANARY/);
  }
  assert.equal((await ctl('account', 'get', 'leaky')).code, 3);
});

test('asked for on a terminal, it is not seen', async () => {
  const line = `${HUBCTL} account set typed -c keyed --secret token --secret extra.pin`;
  const end = await runProgram('python3', ['-c', `
import os, pty, sys, time
seen = b''
def read(fd):
    global seen
    data = os.read(fd, 1024)
    seen += data
    if seen.count(b': ') == 1 and b'token: ' in seen and not read.one:
        read.one = True
        os.write(fd, b'typed-token\\n')
    if b'extra.pin: ' in seen and not read.two:
        read.two = True
        os.write(fd, b'typed-pin\\n')
    return data
read.one = read.two = False
status = pty.spawn(sys.argv[1].split(), read)
sys.exit(os.waitstatus_to_exitcode(status))
`, line], { env: { HUBD_SOCKET: hub.socket, NO_COLOR: '1' } });
  assert.equal(end.code, 0, end.stdout + end.stderr);
  assert.match(end.stdout, /token: /);
  assert.doesNotMatch(end.stdout, /typed-/);
  assert.equal((await told('typed')).sum, sum('typed-token'));
});

test('without a terminal nothing is asked for', async () => {
  const end = await runProgram('setsid', ['-w', HUBCTL, 'account', 'set', 'typed', '--secret', 'token'],
    { env: { HUBD_SOCKET: hub.socket } });
  assert.equal(end.code, 2, end.stderr);
  assert.match(end.stderr, /no terminal to ask on/);
});

test('list, get, test, uses and remove', async () => {
  await ctl('account', 'set', 'good', '-c', 'keyed', '--secret', 'token=-', { input: 'good-token' });
  await ctl('account', 'set', 'bad', '-c', 'keyed', '--secret', 'token=-', { input: 'bad-token' });
  const list = await ctl('account', 'list');
  assert.match(list.stdout, /^NAME +CONNECTOR +LIMITS +JOBS +STATE\n/);
  assert.match(list.stdout, /\ngood +keyed +none +0 +ready\n/);
  assert.equal((await ctl.json('account', 'list')).length, 4);
  const good = await ctl('account', 'test', 'good');
  assert.equal(good.code, 0);
  assert.match(good.stdout, /^good: /);
  const bad = await ctl('account', 'test', 'bad');
  assert.equal(bad.code, 1);
  assert.match(bad.stdout, /^bad: The provider refuses the token\.\n/);
  const run = await ctl('run', 'keyed.tell', '-a', 'good', '-w', '-q');
  assert.equal(run.code, 0, run.stderr);
  const uses = await ctl('account', 'uses', 'good');
  assert.match(uses.stdout, /^WHEN +JOB +ATTEMPT +OUTCOME\n/);
  assert.equal(uses.stdout.trim().split('\n').length, 3);
  assert.equal((await ctl.json('account', 'uses', 'good', '-n', '1'))[0].outcome, 'succeeded');
  await hub.post('keyed.tell', {}, { account: 'good', run_at: new Date(Date.now() + 1e6).toISOString() });
  const kept = await ctl('account', 'remove', 'good');
  assert.equal(kept.code, 3);
  assert.match(kept.stderr, /unfinished/);
  assert.equal((await ctl('account', 'remove', 'good', 'bad', '--force')).code, 0);
  assert.equal((await ctl('account', 'get', 'good')).code, 3);
});

test('what is wrong is told', async () => {
  const unknown = await ctl('account', 'set', 'new', '-s', 'region=eu');
  assert.equal(unknown.code, 2);
  assert.match(unknown.stderr, /--connector/);
  const schema = await ctl('account', 'set', 'new', '-c', 'keyed', '-s', 'region=mars',
    '--secret', 'token=-', { input: 'abc' });
  assert.equal(schema.code, 3);
  assert.match(schema.stderr, /settings\/region/);
  const empty = await ctl('account', 'set', 'new', '-c', 'keyed', '--secret', 'token=-', { input: '' });
  assert.equal(empty.code, 2);
  assert.match((await ctl('account', '--help')).stdout, /set +make an account/);
  assert.match((await ctl('help', 'account', 'set')).stdout, /never stands on the command line/);
});

test('completion knows the commands and the names', async () => {
  assert.match((await ctl('complete', 'hubctl account re')).stdout, /^words\nremove\n$/);
  assert.match((await ctl('complete', 'hubctl account get ty')).stdout, /^words\ntyped\n$/);
  assert.match((await ctl('complete', 'hubctl run keyed.tell -a ty')).stdout, /^words\ntyped\n$/);
});
