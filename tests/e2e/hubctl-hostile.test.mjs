// hubctl against a server that means no good, or is broken: nothing reaches the terminal that it
// would obey, no file lands where it should not, no half file is kept.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import { fakeHubd, json } from './lib/fake-hubd.mjs';
import { hubctl } from './lib/hubctl.mjs';
import { tempFolder } from './lib/hubd.mjs';

const ID = '0193a8c2-5d1f-7c3e-9b1a-4f2d6e8a0b1c';
const EVIL = '\u001b[2J\u001b]0;owned\u0007\u009b31m\u202egpj.exe\r\nfake line';
// eslint-disable-next-line no-control-regex
const HARMFUL = /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/;

const job = (more) => ({
  id: ID, type: EVIL, state: EVIL, queue: EVIL, priority: 0, labels: { [EVIL]: EVIL },
  input: { [EVIL]: EVIL }, attempt: 1, max_attempts: 5, timeout_ms: 1000,
  attempts: [{ number: 1, started_at: EVIL, outcome: EVIL, code: EVIL, message: EVIL,
    cause: { kind: EVIL, number: 9, name: EVIL }, connector_version: EVIL }],
  error: { code: EVIL, message: EVIL, retryable: true, details: { [EVIL]: EVIL } },
  progress: { fraction: 0.5, message: EVIL }, result: EVIL,
  artifacts: [{ id: EVIL, name: EVIL, media_type: EVIL, size: 1, sha256: EVIL }],
  created_at: '2026-11-23T12:00:00.000Z', started_at: null, finished_at: null, ...more,
});

async function withFake(routes, use) {
  const fake = await fakeHubd(routes);
  try {
    return await use(hubctl({ HUBD_SOCKET: fake.socket }), fake);
  } finally {
    await fake.close();
  }
}

/** Shows the output when it holds what a terminal would obey. */
function assertHarmless(end) {
  for (const text of [end.stdout, end.stderr]) {
    assert.doesNotMatch(text, HARMFUL, JSON.stringify(text));
    assert.doesNotMatch(text, /^fake line/m);
  }
}

test('hostile strings are shown, not obeyed', async () => {
  const problem = { type: 'x', title: EVIL, status: 422, code: EVIL, detail: EVIL,
    errors: [{ pointer: EVIL, keyword: EVIL, detail: EVIL }] };
  const connector = { name: EVIL, version: EVIL, licence: EVIL, summary: EVIL, mode: EVIL,
    file: EVIL, health: EVIL, reason: EVIL, operations: [{ type: EVIL, name: 'op', summary: EVIL,
      retry_safety: EVIL, timeout_ms: 1, max_attempts: 1, example: EVIL,
      input_schema: { properties: { [EVIL]: { type: EVIL, description: EVIL, default: EVIL,
        enum: [EVIL] }, b: { $ref: EVIL }, c: { format: EVIL, type: 'string' } } } }] };
  await withFake({
    'GET /v1/jobs': (req, res) => json(res, { jobs: [job()], next_cursor: null }),
    [`GET /v1/jobs/${ID}`]: (req, res) => json(res, job()),
    [`POST /v1/jobs/${ID}/cancel`]: (req, res) => json(res, job()),
    'POST /v1/jobs': (req, res) => json(res, problem, 422, { 'retry-after': '7\u0009' }),
    'GET /v1/queues': (req, res) => json(res, { queues: [{ name: EVIL, paused: true }] }),
    'GET /v1/connectors': (req, res) => json(res, { connectors: [connector] }),
    'GET /v1/connectors/x': (req, res) => json(res, connector),
    'GET /v1/keys': (req, res) => json(res, { keys: [{ id: EVIL, name: EVIL, scopes: [EVIL] }] }),
    'POST /v1/keys': (req, res) => json(res, { id: EVIL, key: EVIL }, 201),
    'GET /healthz': (req, res) => json(res, { status: EVIL, version: EVIL }),
    'GET /readyz': (req, res) => json(res, { status: EVIL }, 503),
    'GET /openapi.json': (req, res) => json(res, { [EVIL]: EVIL }),
    [`DELETE /v1/jobs/${ID}`]: (req, res) => { res.writeHead(400); res.end(EVIL); },
    'GET /v1/events': (req, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      const data = { job: EVIL, type: EVIL, state: EVIL, at: EVIL, fraction: 0.1, message: EVIL };
      res.end(`event: job\ndata: ${JSON.stringify(data)}\n\nevent: \u001b[2J\ndata: ${
        JSON.stringify(data)}\n\n`);
    },
  }, async (ctl) => {
    for (const args of [['list'], ['get', ID], ['cancel', ID], ['run', 'a.b'], ['queues'],
      ['connectors'], ['connectors', 'x'], ['connectors', 'x', 'op'], ['keys', 'list'],
      ['keys', 'create', 'n', '--scope', 'admin'], ['doctor'], ['version'], ['openapi'],
      ['delete', ID], ['tail', '-n', '2'], ['complete', 'hubctl run '],
      ['complete', 'hubctl queues pause ']]) {
      assertHarmless(await ctl(...args));
      assertHarmless(await ctl(...args, '--json'));
    }
    const [listed] = await ctl.json('list');
    assert.deepEqual(listed, job(), 'a program gets the very same value');
  });
});

test('no file leaves the folder, none is kept half or damaged', async () => {
  const bytes = Buffer.from('contents');
  const good = createHash('sha256').update(bytes).digest('hex');
  const names = ['../escape.txt', '/etc/escape', '..', '.hidden', 'a/../../b', EVIL, '', 'x'.repeat(999)];
  const artifacts = names.map((name) => ({ id: 'good', name, size: 8, sha256: good }));
  await withFake({
    [`GET /v1/jobs/${ID}`]: (req, res) => json(res, job({ state: 'succeeded', artifacts })),
    'GET /v1/artifacts/good': (req, res) => { res.writeHead(200); res.end(bytes); },
  }, async (ctl) => {
    const folder = tempFolder();
    const out = path.join(folder, 'out');
    const end = await ctl('get', ID, '-o', out);
    assert.equal(end.code, 0, end.stderr);
    assertHarmless(end);
    assert.deepEqual(fs.readdirSync(folder), ['out']);
    assert.equal(fs.readdirSync(out).length, names.length);
    for (const name of fs.readdirSync(out)) {
      assert.ok(!name.startsWith('.') && Buffer.byteLength(name) <= 210, name);
      assert.equal(fs.readFileSync(path.join(out, name), 'utf8'), 'contents');
    }
  });

  const only = (sha256) => ({ state: 'succeeded', artifacts: [{ id: 'a', name: 'a', size: 8, sha256 }] });
  for (const [what, sha256, answer, code] of [
    ['damaged', '0'.repeat(64), (req, res) => { res.writeHead(200); res.end(bytes); }, 4],
    ['cut off', good, (req, res) => {
      res.writeHead(200, { 'content-length': 8 });
      res.write('cont');
      setTimeout(() => res.destroy(), 50);
    }, 4],
    ['gone', good, (req, res) => json(res, { title: 'Gone', status: 410, code: 'gone' }, 410), 3],
  ]) {
    await withFake({
      [`GET /v1/jobs/${ID}`]: (req, res) => json(res, job(only(sha256))),
      'GET /v1/artifacts/a': answer,
    }, async (ctl) => {
      const out = path.join(tempFolder(), 'out');
      assert.equal((await ctl('get', ID, '-o', out)).code, code, what);
      assert.deepEqual(fs.readdirSync(out), [], what);
    });
  }
});

test('answers that are not of hubd get exit code 4, never a crash', async () => {
  const answers = [
    (req, res) => { res.writeHead(200); res.end(); },
    (req, res) => { res.writeHead(200); res.end('<html>'); },
    (req, res) => { res.writeHead(200); res.end('{"jobs":[null,1,"x",{"id":{}}]'); },
    (req, res) => { res.writeHead(500); res.end('oops'); },
    (req, res) => { res.writeHead(503); res.end(); },
    (req, res) => { res.writeHead(302, { location: 'http://127.0.0.1:1/' }); res.end(); },
    (req, res) => res.destroy(),
    (req, res) => { res.writeHead(200, { 'content-length': 100 }); res.write('{'); res.destroy(); },
  ];
  for (const answer of answers) {
    await withFake({ 'GET /v1/jobs': answer, 'GET /v1/queues': answer, 'GET /v1/connectors': answer,
      'POST /v1/jobs': answer, 'GET /v1/keys': answer, 'GET /openapi.json': answer,
      [`GET /v1/jobs/${ID}`]: answer }, async (ctl) => {
      for (const args of [['list'], ['queues'], ['connectors'], ['run', 'a.b'], ['keys', 'list'],
        ['openapi'], ['get', ID]]) {
        const end = await ctl(...args);
        assert.equal(end.code, 4, `${args} ${answer}: ${JSON.stringify(end)}`);
      }
    });
  }
  for (const odd of [null, 1, [], {}, { jobs: 1 }, { jobs: [null, 1, 'x', {}, { id: 1, state: [] }] },
    { queues: [null, {}], connectors: [null, { operations: [null] }], keys: [null, { scopes: [1] }] }]) {
    const answer = (req, res) => json(res, odd);
    await withFake({ 'GET /v1/jobs': answer, 'GET /v1/queues': answer, 'GET /v1/connectors': answer,
      'GET /v1/connectors/x': answer, 'GET /v1/keys': answer, 'GET /healthz': answer,
      [`GET /v1/jobs/${ID}`]: answer }, async (ctl) => {
      for (const args of [['list'], ['queues'], ['connectors'], ['connectors', 'x'], ['keys', 'list'],
        ['get', ID], ['doctor'], ['version'], ['complete', 'hubctl run ']]) {
        const end = await ctl(...args);
        assert.ok(end.code !== null && end.code <= 4, `${args} ${JSON.stringify(odd)} ${JSON.stringify(end)}`);
        assert.doesNotMatch(end.stderr, /Sanitizer|runtime error/);
      }
    });
  }
});

test('a schema that refers to itself ends', async () => {
  const connector = { name: 'x', operations: [{ type: 'x.op', name: 'op', example: null,
    input_schema: { $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' },
      tree: { properties: { left: { $ref: '#/$defs/tree' }, right: { $ref: '#/$defs/tree' },
        more: { items: { $ref: '#/$defs/tree' } }, or: { anyOf: [{ $ref: '#/$defs/tree' }] } } } },
    properties: { loop: { $ref: '#/$defs/a' }, tree: { $ref: '#/$defs/tree' } } } }] };
  await withFake({ 'GET /v1/connectors/x': (req, res) => json(res, connector) }, async (ctl) => {
    const end = await ctl('connectors', 'x.op');
    assert.equal(end.code, 0, end.stderr);
    assert.match(end.stdout, /\n {2}tree\.left +/);
    assert.ok(end.stdout.split('\n').length < 400);
  });
});

test('a key is sent to hubd only, and never shown', async () => {
  await withFake({
    'GET /v1/jobs': (req, res) => { res.writeHead(307, { location: '/elsewhere' }); res.end(); },
  }, async (ctl, fake) => {
    const end = await ctl('list', { env: { HUBCTL_KEY: 'hub_secret' } });
    assert.equal(end.code, 4);
    assert.doesNotMatch(end.stdout + end.stderr, /hub_secret/);
    assert.deepEqual(fake.requests.map((one) => one.url), ['/v1/jobs?limit=20']);
    assert.equal(fake.requests[0].headers.authorization, 'Bearer hub_secret');
  });
});

