// Who may do what: keys, their scopes, and the Unix socket that knows its owner.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';

import { answered, startHubd } from './lib/hubd.mjs';
import { assertProblem } from './lib/problem.mjs';

const hub = await startHubd();
after(() => hub.stop());

const makeKey = async (scopes, name = 'test') =>
  answered(await hub.send('/v1/keys', { name, scopes }), 201);

test('the first start makes an admin key that only its owner can read', () => {
  const file = path.join(hub.stateDir, 'admin.key');
  assert.match(fs.readFileSync(file, 'utf8'), /^hub_[a-z2-7]{12}_[A-Za-z0-9_-]{43}\n$/);
  assert.equal(fs.statSync(file).mode & 0o777, 0o600);
});

test('keys are made, listed without their text, used, and taken out of use', async () => {
  const made = await makeKey(['jobs:read', 'jobs:write'], 'the shop: Überseite');
  assert.match(made.key, /^hub_[a-z2-7]{12}_[A-Za-z0-9_-]{43}$/);
  assert.equal(made.key.split('_')[1], made.id);
  assert.equal(made.name, 'the shop: Überseite');
  const { keys } = await hub.json('/v1/keys');
  const listed = keys.find((key) => key.id === made.id);
  assert.deepEqual(listed, { id: made.id, name: made.name, scopes: ['jobs:read', 'jobs:write'],
    created_at: made.created_at });
  assert.ok(keys.some((key) => key.name === 'admin'));
  assert.ok(!JSON.stringify(keys).includes(made.key.slice(17)));

  assert.equal((await hub.fetch('/v1/jobs', { key: made.key })).status, 200);
  const gone = await hub.fetch(`/v1/keys/${made.id}`, { method: 'DELETE' });
  assert.equal(gone.status, 204);
  await hub.refused(401, 'unauthorized', '/v1/jobs', { key: made.key });
  await hub.refused(404, 'not_found', `/v1/keys/${made.id}`, { method: 'DELETE' });
});

test('no file and no log line holds a key that was made', async () => {
  const { key } = await makeKey(['admin']);
  const secret = key.split('_').slice(2).join('_');
  assert.equal((await hub.fetch('/v1/keys', { key })).status, 200);
  for (const file of hub.files('.')) {
    const text = fs.readFileSync(path.join(hub.stateDir, file), 'latin1');
    assert.ok(!text.includes(secret), file);
  }
  assert.ok(!hub.log().includes(secret));
  assert.ok(!hub.log().includes(hub.key.slice(17)));
});

// Each route, the scope that it needs, and what it answers to a key that has it.
const NOWHERE = '01900000-0000-7000-8000-000000000000';
const ROUTES = [
  ['POST', '/v1/jobs', 'jobs:write', 202, { type: 'noop.run' }],
  ['GET', '/v1/jobs', 'jobs:read', 200],
  ['GET', `/v1/jobs/${NOWHERE}`, 'jobs:read', 404],
  ['POST', `/v1/jobs/${NOWHERE}/cancel`, 'jobs:write', 404],
  ['POST', `/v1/jobs/${NOWHERE}/retry`, 'jobs:write', 404],
  ['DELETE', `/v1/jobs/${NOWHERE}`, 'jobs:write', 404],
  ['POST', '/v1/artifacts', 'jobs:write', 201, 'bytes'],
  ['GET', `/v1/artifacts/${NOWHERE}`, 'jobs:read', 404],
  ['HEAD', `/v1/artifacts/${NOWHERE}`, 'jobs:read', 404],
  ['DELETE', `/v1/artifacts/${NOWHERE}`, 'jobs:write', 404],
  ['GET', '/v1/connectors', 'jobs:read', 200],
  ['GET', '/v1/connectors/noop', 'jobs:read', 200],
  ['POST', '/v1/connectors/rescan', 'admin', 200],
  ['GET', '/v1/queues', 'jobs:read', 200],
  ['PATCH', '/v1/queues/default', 'admin', 200, { paused: false }],
  ['GET', '/v1/keys', 'admin', 200],
  ['POST', '/v1/keys', 'admin', 201, { name: 'x', scopes: ['jobs:read'] }],
  ['DELETE', '/v1/keys/aaaaaaaaaaaa', 'admin', 404],
  ['GET', '/readyz', 'jobs:read', 200],
  ['GET', '/metrics', 'jobs:read', 200],
  ['GET', '/openapi.json', 'jobs:read', 200],
];

test('every route asks for its scope, and admin has them all', async () => {
  const keys = {};
  for (const scope of ['jobs:read', 'jobs:write', 'admin']) {
    keys[scope] = (await makeKey([scope])).key;
  }
  for (const [method, target, needed, status, body] of ROUTES) {
    for (const [scope, key] of Object.entries(keys)) {
      const response = await hub.fetch(target, {
        method, key, body: typeof body === 'object' ? JSON.stringify(body) : body,
        headers: typeof body === 'object' ? { 'content-type': 'application/json' } : {},
      });
      const what = `${method} ${target} with ${scope}`;
      if (scope === needed || scope === 'admin') {
        assert.equal(response.status, status, what);
        await response.arrayBuffer();
      } else if (method === 'HEAD') {
        assert.equal(response.status, 403, what);
      } else {
        const problem = await assertProblem(response, 403, 'forbidden');
        assert.ok(problem.detail.includes(needed), what);
      }
    }
    assert.equal((await hub.fetch(target, { method, key: null })).status, 401, target);
  }
});

test('the event stream asks for jobs:read', async () => {
  const { key } = await makeKey(['jobs:write']);
  await hub.refused(403, 'forbidden', '/v1/events', { key });
  await hub.refused(401, 'unauthorized', '/v1/events', { key: null });
});

test('/healthz alone is open to all', async () => {
  for (const key of [null, 'wrong']) {
    assert.equal((await answered(await hub.fetch('/healthz', { key }), 200)).status, 'ok');
  }
});

test('the scheme is read without regard to case', async () => {
  for (const scheme of ['bearer', 'BEARER', 'Bearer']) {
    const response = await hub.fetch('/v1/jobs', {
      key: null, headers: { authorization: `${scheme} ${hub.key}` },
    });
    assert.equal(response.status, 200, scheme);
  }
});

test('keys outlive a restart, deleted ones stay deleted', async () => {
  const first = await startHubd();
  const keep = await answered(await first.send('/v1/keys', { name: 'a', scopes: ['admin'] }), 201);
  const drop = await answered(await first.send('/v1/keys', { name: 'b', scopes: ['admin'] }), 201);
  assert.equal((await first.fetch(`/v1/keys/${drop.id}`, { method: 'DELETE' })).status, 204);
  await first.kill();
  const second = await startHubd({ stateDir: first.stateDir });
  try {
    assert.equal(second.key, first.key, 'the admin key is made once');
    assert.equal((await second.fetch('/v1/keys', { key: keep.key })).status, 200);
    assert.equal((await second.fetch('/v1/keys', { key: drop.key })).status, 401);
  } finally {
    await second.stop();
    first.discard();
  }
});

// --- The Unix socket -----------------------------------------------------------------------------

test('the Unix socket trusts its owner with everything', async () => {
  assert.equal((await hub.overSocket({ path: '/v1/keys' })).status, 200);
  const { status, json } = await hub.overSocket({
    method: 'POST', path: '/v1/jobs', body: JSON.stringify({ type: 'noop.run' }),
    headers: { 'content-type': 'application/json', prefer: 'wait=20' },
  });
  assert.equal(status, 200);
  assert.equal(json().state, 'succeeded');
});

test('a wrong key is wrong there too', async () => {
  assert.equal((await hub.overSocket({ path: '/v1/keys', key: 'wrong' })).status, 401);
});

test('another user who reaches the socket is not trusted',
  { skip: process.getuid() !== 0 && 'needs root to become another user' }, () => {
    // Whoever runs hubd may open the way to the socket for others; that gives them no rights.
    fs.chmodSync(hub.stateDir, 0o755);
    fs.chmodSync(hub.socket, 0o666);
    const script = `
      const request = require('node:http').get({ socketPath: process.argv[1], path: '/v1/jobs' },
        (response) => { console.log(response.statusCode); response.resume(); });
      request.on('error', (error) => console.log(error.code));`;
    const { stdout, stderr } = spawnSync(process.execPath, ['-e', script, hub.socket],
      { uid: 65534, gid: 65534, cwd: '/', encoding: 'utf8', timeout: 20_000 });
    assert.equal(stdout.trim(), '401', stderr);
  });

test('the socket file is its owner\'s, and gone when hubd has ended', async () => {
  const other = await startHubd();
  const { mode } = fs.statSync(other.socket);
  assert.equal(mode & 0o007, 0);
  const stateDir = fs.statSync(other.stateDir);
  assert.ok(stateDir.isDirectory());
  const { socket } = other;
  await other.stop();
  assert.ok(!fs.existsSync(socket));
});
