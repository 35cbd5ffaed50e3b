// hubd as a service: what it tells the service manager, and the unit that is installed with it.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import { test } from 'node:test';

import {
  BUILD, SLOW, removeFolder, runProgram, sleep, startHubd, tempFolder, until,
} from './lib/hubd.mjs';

// Node.js has no datagrams on Unix sockets.
const LISTENER = `
import json, socket, sys
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
name = sys.argv[1]
manager.bind('\\0' + name[1:] if name[0] == '@' else name)
print('"bound"', flush=True)
while True:
    print(json.dumps(manager.recv(4096).decode()), flush=True)
`;

/** Stands in for the service manager: `messages` is what came to its socket. */
async function serviceManager(t, name) {
  const child = spawn('python3', ['-c', LISTENER, name], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const messages = [];
  const lines = readline.createInterface({ input: child.stdout });
  await once(lines, 'line');
  lines.on('line', (line) => messages.push(JSON.parse(line)));
  const told = (text) => messages.filter((message) => message.startsWith(text)).length;
  return { messages, told };
}

const monotonicUs = () => Number(process.hrtime.bigint() / 1000n);

test('ready, reloading and stopping are told', async (t) => {
  const folder = tempFolder();
  t.after(() => removeFolder(folder));
  const socket = path.join(folder, 'notify');
  const { messages, told } = await serviceManager(t, socket);
  const hub = await startHubd({ env: { NOTIFY_SOCKET: socket } });
  await until(() => messages.length > 0, 'READY=1');
  assert.deepEqual(messages, ['READY=1']);

  for (const round of [1, 2]) {
    const before = monotonicUs();
    hub.signal('SIGHUP');
    await until(() => told('READY=1') > round, 'ready again');
    assert.equal(messages.length, 1 + 2 * round, `${messages}`);
    const [, at] = /^RELOADING=1\nMONOTONIC_USEC=(\d+)$/.exec(messages.at(-2)) ?? [];
    assert.ok(Number(at) >= before && Number(at) <= monotonicUs(), `${messages.at(-2)}`);
    assert.equal(messages.at(-1), 'READY=1');
  }

  const job = await hub.post('aprobe.run', { do: 'sleep', ms: 500 });
  await hub.reaches(job.id, 'running');
  hub.signal('SIGTERM');
  await until(() => told('STOPPING=1') === 1, 'STOPPING=1');
  assert.ok(hub.running, 'told before it ends');
  await hub.stop();
  assert.equal(messages.at(-1), 'STOPPING=1');
  assert.equal(messages.length, 6);
});

test('a reload that finds the settings wrong ends too', async (t) => {
  const folder = tempFolder();
  t.after(() => removeFolder(folder));
  const name = `@hubd-test-${process.pid}`;
  const config = path.join(folder, 'hubd.yaml');
  fs.writeFileSync(config, 'log_level: info\n');
  const { messages, told } = await serviceManager(t, name);
  const hub = await startHubd({ flags: { config }, env: { NOTIFY_SOCKET: name } });
  fs.writeFileSync(config, 'log_level: loud\n');
  hub.signal('SIGHUP');
  await until(() => told('READY=1') === 2, 'ready again');
  assert.equal(told('RELOADING=1'), 1, `${messages}`);
  assert.match(hub.log(), /settings are wrong and stay/);
  await hub.stop();
});

test('the watchdog hears of hubd while its loop turns, if it asks for that', async (t) => {
  const folder = tempFolder();
  t.after(() => removeFolder(folder));
  const socket = path.join(folder, 'notify');
  const { told } = await serviceManager(t, socket);
  const env = { NOTIFY_SOCKET: socket, WATCHDOG_USEC: '100000' };
  const hub = await startHubd({ env });
  await until(() => told('WATCHDOG=1') >= 3, 'three times');
  hub.signal('SIGSTOP');
  await sleep(300); // what was on its way has come
  const heard = told('WATCHDOG=1');
  await sleep(500);
  assert.equal(told('WATCHDOG=1'), heard, 'a loop that stands still says nothing');
  hub.signal('SIGCONT');
  await until(() => told('WATCHDOG=1') > heard, 'it turns again');
  await hub.stop();

  const before = told('WATCHDOG=1');
  const other = await startHubd({ env: { ...env, WATCHDOG_PID: '1' } });
  await sleep(500);
  assert.equal(told('WATCHDOG=1'), before, "it is meant for another process");
  await other.stop();
});

// --- The unit ------------------------------------------------------------------------------------

const analyze = (...args) =>
  spawnSync('systemd-analyze', args, { encoding: 'utf8', env: { ...process.env, SYSTEMD_PAGER: '' } });
const skip = analyze('--version').status !== 0 && 'there is no systemd-analyze here';

test('the installed unit is one that systemd takes, and gives hubd little', { skip }, async (t) => {
  const folder = tempFolder();
  t.after(() => removeFolder(folder));
  const install = await runProgram('cmake', ['--install', BUILD, '--prefix', folder],
    { ms: 120_000 * SLOW });
  assert.equal(install.code, 0, install.stderr);
  const unit = path.join(folder, 'lib/systemd/system/hubd.service');

  const { status, stderr } = analyze('verify', '--recursive-errors=no', unit);
  assert.equal(`${status} ${stderr}`, '0 ', 'no error and no warning');

  // From 0.0 (nothing allowed) to 10.0; in tenths. What is left: the network, that runners may make
  // user namespaces, and the host's files, to read.
  const exposed = (file) => analyze('security', '--offline=yes', '--threshold=25', '--no-pager', file);
  const judged = exposed(unit);
  assert.equal(judged.status, 0, judged.stdout.slice(-300) + judged.stderr);

  // Both checks bite.
  const text = fs.readFileSync(unit, 'utf8');
  const worse = path.join(folder, 'worse.service');
  fs.writeFileSync(worse, text.replace('ProtectSystem=strict', 'ProtectSystem=no')
    .replace('NoNewPrivileges=yes', '').replace('CapabilityBoundingSet=\n', ''));
  assert.notEqual(exposed(worse).status, 0);
  fs.writeFileSync(worse, text.replace('Type=notify', 'Type=notfy').replace('/bin/hubd', '/bin/nothing'));
  const bad = analyze('verify', '--recursive-errors=no', worse);
  assert.match(bad.stderr, /notfy/);
  assert.match(bad.stderr, /bin\/nothing/);
  assert.notEqual(bad.status, 0);
});
