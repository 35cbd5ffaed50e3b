// A connector of class network reaches the hosts that it asks for and that are granted, and nobody
// else: connectors/misbehave/roam.c tries every way there is. And names whose addresses change.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import dgram from 'node:dgram';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { BUILD, SANITIZED, startHubd, tempFolder, until } from './lib/hubd.mjs';

const NOBODY = 65534;
const ROOT = process.getuid() === 0;
const SWITCH = ['--reuid', NOBODY, '--regid', NOBODY, '--clear-groups', '--'].map(String);
const FOLDERS = ['connectors', 'tests/connectors', 'tests/misbehave'].map((f) => path.join(BUILD, f));
const FLAGS = { retry_base_ms: 5, retry_cap_ms: 10, breaker_crashes: 0,
  sandbox: SANITIZED ? 'best_effort' : 'required' };
const METADATA = { address: '169.254.169.254', port: 80 };

/** A program that runs hubd after `words`. */
function wrapper(words) {
  const folder = tempFolder('hubd-roam-program-');
  const program = path.join(folder, 'hubd');
  fs.chmodSync(folder, 0o755);
  fs.writeFileSync(program, `#!/bin/sh\n${words} ${path.join(BUILD, 'hubd')} "$@"\n`, { mode: 0o755 });
  return program;
}

/** Counts who comes. */
async function listener(address, port = 0) {
  const server = net.createServer((socket) => { server.came++; socket.destroy(); });
  server.came = 0;
  server.listen(port, address);
  await once(server, 'listening');
  server.port = server.address().port;
  return server;
}

/** What jobs of a hub do. */
function deeds(hub) {
  const run = (input) => hub.run('roam.run', input, { max_attempts: 1 });
  return {
    async answers(input) {
      const job = await run(input);
      assert.equal(job.state, 'succeeded', JSON.stringify(job));
      return job.result;
    },
    async violates(call, input) {
      const job = await run(input);
      assert.equal(job.state, 'failed', JSON.stringify(job));
      assert.deepEqual([job.attempts[0].cause.kind, job.attempts[0].cause.name], ['policy', call],
        JSON.stringify(job.attempts[0]));
    },
    run,
  };
}

const USERS = [{ name: ROOT ? 'root' : 'an ordinary user' }];
if (ROOT) USERS.push({ name: 'an ordinary user', words: `exec setpriv ${SWITCH.join(' ')}` });
const reachable = !ROOT ||
  spawnSync('setpriv', [...SWITCH, 'test', '-x', path.join(BUILD, 'hubd')]).status === 0;

for (const user of USERS) {
  describe(`as ${user.name}`, { skip: user.words && !reachable && 'not its build' }, () => {
    let hub, granted, other, answers, violates, run;
    before(async () => {
      granted = await listener('127.0.0.1');
      other = await listener('127.0.0.2', granted.port);
      const stateDir = tempFolder('hubd-roam-');
      if (user.words) fs.chownSync(stateDir, NOBODY, NOBODY);
      hub = await startHubd({ stateDir, connectors: FOLDERS, program: user.words && wrapper(user.words),
        flags: { ...FLAGS, http_allow_private: ['127.0.0.0/8'] } });
      ({ answers, violates, run } = deeds(hub));
    });
    after(async () => {
      await hub?.stop();
      granted.close();
      other.close();
    });

    test('GET /v1/connectors says that hosts are confined', async () => {
      const { sandbox } = await hub.json('/v1/connectors/roam');
      assert.equal(sandbox.class, 'network');
      assert.ok(sandbox.mechanisms.includes('hosts'));
    });

    test('what is granted is connected to, blocking or not', async () => {
      assert.deepEqual(
        await answers({ how: 'plainly', address: '127.0.0.1', port: granted.port }),
        { blocking: 0, flags: 0, waiting: 0 });
      await until(() => granted.came === 2, 'both have come');
    });

    test('an error of the network is what it was', async () => {
      assert.deepEqual(await answers({ how: 'plainly', address: '127.0.0.1', port: 1 }),
        { blocking: 'ECONNREFUSED', flags: 0, waiting: 'ECONNREFUSED' });
    });

    test('what is not granted is refused, counted and logged', async () => {
      const count = () => hub.metric('connections_refused_total{connector="roam"}');
      const was = await count();
      for (const [address, port] of [['127.0.0.2', other.port], ['169.254.169.254', 80],
        ['10.0.0.1', 443], ['8.8.8.8', 53], ['0.0.0.0', granted.port]]) {
        assert.deepEqual(await answers({ how: 'plainly', address, port }),
          { blocking: 'EACCES', flags: 0, waiting: 'EACCES' }, address);
        assert.match(hub.log(), new RegExp(`were refused" connector=roam .*${address}:${port}`));
      }
      assert.equal(await count(), was + 10);
    });

    test('no system call connects, nor sends elsewhere', async () => {
      await violates('connect', { how: 'system_call', address: '127.0.0.1', port: granted.port });
      await violates('socket', { how: 'udp', address: '127.0.0.1', port: 53 });
      await violates('sendto', { how: 'udp6' });
      await violates('sendmsg', { how: 'fast_open', address: '127.0.0.2', port: other.port });
      await violates('socket', { how: 'other_protocols' });
      assert.deepEqual(await answers({ how: 'io_uring' }), { io_uring_setup: 'ENOSYS' });
    });

    test('no socket of hubd is reached', async () => {
      await violates('socketpair', { how: 'unix', path: hub.socket });
    });

    test('who asks the broker itself is told the same', async () => {
      assert.deepEqual(await answers({ how: 'question', ...METADATA }), { ask: 0, connect: 'EACCES' });
      const { connect } = await answers({ how: 'question', address: '127.0.0.1', port: granted.port });
      assert.equal(connect, 'EINPROGRESS');
    });

    test('who talks nonsense to the broker loses it, and itself', async () => {
      const job = await run({ how: 'nonsense' });
      assert.equal(job.state, 'failed', JSON.stringify(job));
      assert.deepEqual([job.attempts[0].cause.kind, job.attempts[0].cause.number], ['exit', 71]);
    });

    test('an address that changes meanwhile opens nothing', async () => {
      const result = await answers({ how: 'race', address: '127.0.0.2', port: granted.port });
      assert.ok(result.made > 0 && result.refused > 0, JSON.stringify(result));
      assert.equal(result.made + result.refused, 1000);
    });

    test('a name that is not granted is not resolved', async () => {
      const { resolve, address } = await answers({ how: 'name', host: 'elsewhere.test' });
      assert.notEqual(resolve, 0);
      assert.equal(address, '');
      assert.match(hub.log(), /were refused" .*elsewhere\.test/);
    });

    test('nobody came who was not granted, and others did not notice', async () => {
      assert.equal(other.came, 0);
      assert.equal((await hub.run('noop.run')).state, 'succeeded');
    });
  });
}

describe('hubd itself', () => {
  let hub;
  before(async () => { hub = await startHubd({ connectors: FOLDERS, flags: FLAGS }); });
  after(() => hub?.stop());

  test('is not spoken to by what it has loaded', async () => {
    const { answers } = deeds(hub);
    assert.deepEqual(await answers({ how: 'plainly', address: '127.0.0.1', port: hub.port }),
      { blocking: 'EACCES', flags: 0, waiting: 'EACCES' });
    assert.match(hub.log(), /were refused" connector=roam .*127\.0\.0\.1:\d+ \(loopback\)/);
  });
});

// --- Names ---------------------------------------------------------------------------------------

/** A name server: `answer(name, nth query for it)` gives an IPv4 address or nothing. */
async function nameServer(address, answer) {
  const socket = dgram.createSocket('udp4');
  const asked = new Map();
  socket.on('message', (query, from) => {
    let end = 12;
    const labels = [];
    while (query[end] !== 0) {
      labels.push(query.subarray(end + 1, end + 1 + query[end]).toString());
      end += query[end] + 1;
    }
    end += 5;
    const name = labels.join('.').toLowerCase();
    const isA = query.readUInt16BE(end - 4) === 1;
    const count = (asked.get(name) ?? 0) + (isA ? 1 : 0);
    asked.set(name, count);
    const found = isA ? answer(name, count) : undefined;
    const head = Buffer.from(query.subarray(0, 12));
    head.writeUInt16BE(0x8180, 2);
    head.writeUInt16BE(found ? 1 : 0, 6);
    head.writeUInt32BE(0, 8);
    const record = found ? Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4,
      ...found.split('.').map(Number)]) : Buffer.alloc(0); // for no time at all
    socket.send(Buffer.concat([head, query.subarray(12, end), record]), from.port, from.address);
  });
  socket.bind(53, address);
  await once(socket, 'listening');
  socket.asked = asked;
  return socket;
}

/** May we have a resolv.conf of our own? */
const ownResolver = ROOT &&
  spawnSync('unshare', ['-m', 'mount', '--bind', '/etc/hosts', '/etc/resolv.conf']).status === 0;

describe('names', { skip: !ownResolver && 'as root only, with a mount namespace' }, () => {
  const PUBLIC = '93.184.215.14';
  const DNS = `127.53.${process.pid >> 8 & 255}.${process.pid & 255 || 1}`;
  let hub, names, server, hits;
  before(async () => {
    names = await nameServer(DNS, (name, nth) => ({
      'once.roam.test': nth === 1 ? PUBLIC : '127.0.0.1',
      'inside.roam.test': '127.0.0.1',
      'start.test': '127.0.0.1',
      'rebind.test': nth === 1 ? PUBLIC : '127.0.0.1',
    }[name]));
    hits = [];
    server = http.createServer((request, response) => {
      hits.push(`${request.headers.host}${request.url}`);
      response.writeHead(request.url === '/away' ? 302 : 200,
        { location: `http://rebind.test:${server.address().port}/stolen` }).end();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const conf = path.join(tempFolder('hubd-roam-names-'), 'resolv.conf');
    fs.writeFileSync(conf, `nameserver ${DNS}\noptions timeout:2 attempts:2\n`);
    fs.chmodSync(path.dirname(conf), 0o755);
    hub = await startHubd({
      connectors: FOLDERS, flags: { ...FLAGS, http_allow_private: ['start.test'] },
      program: wrapper(`[ -n "$MOUNTED" ] || MOUNTED=1 exec unshare -m "$0" "$@"\n` +
        `mount --bind ${conf} /etc/resolv.conf || exit 1\nexec`),
    });
  });
  after(async () => {
    await hub?.stop();
    names?.close();
    server?.close();
  });

  test('a name that turns from public to loopback is refused', async () => {
    const { answers } = deeds(hub);
    const port = server.address().port;
    assert.deepEqual(await answers({ how: 'name', host: 'once.roam.test' }),
      { resolve: 0, address: PUBLIC });
    assert.deepEqual(await answers({ how: 'name', host: 'once.roam.test', port }),
      { resolve: 0, address: '127.0.0.1', connect: 'EACCES' });
    assert.match(hub.log(), /were refused" .*127\.0\.0\.1:\d+ \(loopback\)/);
  });

  test('that a name is granted says nothing about an address that it does not have', async () => {
    const { answers } = deeds(hub);
    const input = { how: 'name', host: 'inside.roam.test', ...METADATA };
    assert.equal((await answers(input)).connect, 'EACCES');
    assert.equal((await answers({ ...input, address: '8.8.4.4' })).connect, 'EACCES');
  });

  const request = (url) => hub.run('http.request', { url, timeout_ms: 3000 }, { max_attempts: 1 });

  test('http.request: the name that was public and is loopback now is refused', async () => {
    const { port } = server.address();
    // The first answer is spent as a rebinding name server would have it: on a look before the use.
    const look = dgram.createSocket('udp4');
    look.send(Buffer.from('00010100000100000000000006726562696e64047465737400' + '00010001', 'hex'),
      53, DNS);
    const [seen] = await once(look, 'message');
    look.close();
    assert.equal([...seen.subarray(-4)].join('.'), PUBLIC);
    const job = await request(`http://rebind.test:${port}/stolen`);
    assert.equal(job.error.code, 'blocked_address', JSON.stringify(job.error));
    assert.match(job.error.message, /loopback/);
    assert.equal(names.asked.get('rebind.test'), 2);
  });

  test('http.request: a redirect to it is looked at again', async () => {
    const { port } = server.address();
    assert.equal((await request(`http://start.test:${port}/here`)).state, 'succeeded');
    const job = await request(`http://start.test:${port}/away`);
    assert.equal(job.error.code, 'blocked_address', JSON.stringify(job.error));
    assert.deepEqual(hits, [`start.test:${port}/here`, `start.test:${port}/away`]);
  });
});
