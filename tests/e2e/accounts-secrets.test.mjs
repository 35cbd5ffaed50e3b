// A secret is where it must be and nowhere else: not in logs, not in a process's arguments or
// environment, not in the state directory, not in any answer, not left in hubd's memory. And what
// looks for it does find what is there.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { canary, holds, inFiles, inMemory, inProcesses } from './lib/canary.mjs';
import { SANITIZED, startHubd, tempFolder, until } from './lib/hubd.mjs';

let hub, folder, server, url, got;
const secrets = { api: canary('api'), file: canary('file'), old: canary('old'), bad: canary('bad'),
  basic: canary('basic') };
const planted = canary('planted');

before(async () => {
  server = http.createServer((request, response) => {
    got.push(request.headers.authorization);
    response.setHeader('content-type', 'application/json');
    response.writeHead(request.url === '/busy' && got.length < 2 ? 503 : 200).end('{"ok":true}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  got = [];
  url = `http://127.0.0.1:${server.address().port}`;
  folder = tempFolder('hubd-canary-');
  fs.writeFileSync(path.join(folder, 'filed.yaml'), 'connector: http\nsettings:\n  auth: bearer\n' +
    `  token: ${secrets.file}\n  hosts: ["127.0.0.1:*"]\n  allow_http: true\n`, { mode: 0o600 });
  hub = await startHubd({ flags: { account_dir: folder, log_level: 'debug', retry_base_ms: 1,
    http_allow_private: ['127.0.0.1'] } });
});
after(async () => {
  server.closeAllConnections();
  server.close();
  await hub.stop();
});

const settings = (token) => ({ auth: 'bearer', token, hosts: ['127.0.0.1:*'], allow_http: true });
const put = (name, body) => hub.send(`/v1/accounts/${name}`, body, { method: 'PUT' });

/** Everything that hubd answers, as one text. */
async function allAnswers(jobs) {
  const targets = ['/v1/accounts', '/v1/accounts/shop', '/v1/accounts/filed', '/v1/accounts/shop/uses',
    '/v1/jobs', '/v1/connectors', '/v1/queues', '/v1/keys', '/metrics', '/openapi.json', '/readyz',
    ...jobs.map((job) => `/v1/jobs/${job.id}`)];
  let text = '';
  for (const target of targets) text += await (await hub.fetch(target)).text();
  const stream = await hub.events('', { headers: { 'last-event-id': '0' } }).catch(() => null);
  if (stream) stream.close?.();
  return text;
}

test('a secret is found nowhere, and what is planted everywhere', async () => {
  const jobs = [];
  const answers = [];
  const note = async (response) => answers.push(await response.text());

  await note(await put('shop', { connector: 'http', settings: settings(secrets.old) }));
  await note(await put('shop', { connector: 'http', settings: settings(secrets.api) }));
  await note(await put('shop', { connector: 'http', settings: settings('***') }));
  await note(await put('basic', { connector: 'http', settings: { auth: 'basic', username: 'u',
    password: secrets.basic, hosts: ['127.0.0.1:*'], allow_http: true } }));
  /* Refused at each stage: the form, the schema, the JSON itself. */
  await note(await put('no', { connector: 'http', settings: settings(secrets.bad), more: 1 }));
  await note(await put('no', { connector: 'http', settings: { ...settings(secrets.bad), x: 1 } }));
  await note(await put('no', `{"connector":"http","settings":{"token":"${secrets.bad}"`));
  await note(await hub.send('/v1/accounts/shop/test', ''));

  jobs.push(await hub.run('http.request', { url: `${url}/` }, { account: 'shop' }));
  jobs.push(await hub.run('http.request', { url: `${url}/busy` }, { account: 'filed' }));
  jobs.push(await hub.run('http.request', { url: `${url}/` }, { account: 'basic' }));
  jobs.push(await hub.run('http.request', { url: 'http://127.0.0.2:9/' },
    { account: 'shop', max_attempts: 1 }));
  assert.deepEqual(jobs.map((job) => job.state), ['succeeded', 'succeeded', 'succeeded', 'failed']);
  assert.ok(got.includes(`Bearer ${secrets.api}`)); /* it does arrive */
  assert.ok(got.includes(`Bearer ${secrets.file}`));
  jobs.push(await hub.run('noop.run', { note: planted }));

  const text = answers.join('\n') + await allAnswers(jobs);
  for (const [what, secret] of Object.entries(secrets)) {
    assert.ok(!holds(Buffer.from(hub.log() + hub.stdout()), secret), `log: ${what}`);
    assert.deepEqual(inProcesses(secret), [], what);
    assert.deepEqual(inFiles(hub.stateDir, secret), [], what);
    assert.ok(!holds(Buffer.from(text), secret), `answers: ${what}`);
  }

  /* The control: the same search over what is there. */
  assert.ok(holds(Buffer.from(hub.log()), path.basename(hub.stateDir)));
  assert.ok(holds(Buffer.from(text), planted));
  assert.ok(inFiles(hub.stateDir, planted).length > 0);
  assert.equal(inFiles(folder, secrets.file).length, 1);
  for (const options of [{ args: [planted], env: {} }, { args: ['x'], env: { PLANTED: planted } }]) {
    const child = spawn('sh', ['-c', 'read line', ...options.args], { env: options.env });
    await until(() => inProcesses(planted).length > 0, 'the planted process');
    child.stdin.end();
    await once(child, 'close');
  }
  assert.ok(holds(Buffer.from(`Basic ${Buffer.from(`u:${secrets.basic}`).toString('base64')}`),
    secrets.basic));
});

test('nothing of it is left in hubd\'s memory', { skip: SANITIZED }, async () => {
  /* A few more requests, so that what is used again has been. */
  for (let i = 0; i < 3; i++) await hub.run('noop.run');
  for (const [what, secret] of Object.entries(secrets)) {
    assert.deepEqual(inMemory(hub.pid, secret), [], what);
  }
  const kept = canary('kept');
  await hub.post('noop.run', { note: kept }, { run_at: new Date(Date.now() + 1e6).toISOString() });
  assert.ok(inMemory(hub.pid, kept).length > 0);
});
