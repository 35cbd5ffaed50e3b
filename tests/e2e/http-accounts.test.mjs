// http.request under accounts: every way to prove who we are, in a real runner.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import crypto from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { BUILD, SLOW, tempFolder } from './lib/hubd.mjs';

const OK = 0, FAIL = 1, RETRY = 2, UNKNOWN = 3; // enum supervisor_outcome_kind

let server, port, base, seen, answer;

before(async () => {
  server = http.createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    const one = { method: request.method, url: request.url, headers: request.headers,
      body: Buffer.concat(parts).toString() };
    seen.push(one);
    answer(one, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ({ port } = server.address());
  base = `http://127.0.0.1:${port}`;
});
after(() => {
  server.closeAllConnections();
  server.close();
});

/** Runs jobs, one after the other; gives their outcomes by id. */
async function run(jobs) {
  const child = spawn(path.join(BUILD, 'tests', 'account_tool'),
    [path.join(BUILD, 'libexec', 'hubd', 'hub-runner'), path.join(BUILD, 'connectors'),
      tempFolder('hubd-scratch-'), JSON.stringify({ private: '127.0.0.1' })],
    { stdio: ['pipe', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr']) {
    child[name].setEncoding('utf8').on('data', (text) => { output[name] += text; });
  }
  const timer = setTimeout(() => child.kill('SIGKILL'), 30_000 * SLOW);
  child.stdin.end(jobs.map((job, id) => JSON.stringify({ id, ...job })).join('\n'));
  const [code] = await once(child, 'close');
  clearTimeout(timer);
  assert.equal(code, 0, output.stderr);
  const outcomes = [];
  for (const line of output.stdout.split('\n').filter(Boolean)) {
    const outcome = JSON.parse(line);
    outcomes[outcome.id] = outcome;
  }
  assert.equal(outcomes.length, jobs.length, output.stderr);
  return outcomes;
}

/** One request under an account that may go here; gives what the server saw. */
async function sees(account, input = {}) {
  seen = [];
  answer = (one, response) => response.end('{}');
  const [outcome] = await run([{ input: { url: `${base}/path`, ...input }, account: here(account) }]);
  assert.equal(outcome.kind, OK, JSON.stringify(outcome));
  return seen.at(-1);
}

const here = (account) => ({ hosts: ['127.0.0.1:*'], allow_http: true, ...account });

test('bearer, basic and API key', async () => {
  const bearer = await sees({ auth: 'bearer', token: 't-1' },
    { headers: { Authorization: 'what the job says' } });
  assert.equal(bearer.headers.authorization, 'Bearer t-1');
  const basic = await sees({ auth: 'basic', username: 'ann', password: 'pässwörd:x' });
  assert.equal(basic.headers.authorization,
    `Basic ${Buffer.from('ann:pässwörd:x').toString('base64')}`);
  const key = await sees({ auth: 'api_key', header: 'X-Key', key: 'k' });
  assert.equal(key.headers['x-key'], 'k');
});

test('credentials go to the account\'s hosts only, and over https unless it says otherwise', async () => {
  seen = [];
  answer = (one, response) => response.writeHead(302, { location: `http://localhost:${port}/` }).end();
  const account = { auth: 'bearer', token: 't' };
  const url = `${base}/`;
  const outcomes = await run([
    { input: { url }, account: { ...account, hosts: ['api.example.com'], allow_http: true } },
    { input: { url }, account: { ...account, hosts: ['127.0.0.1'], allow_http: true } },
    { input: { url }, account: { ...account, hosts: ['127.0.0.1:*'] } },
    { input: { url: `http://127.0.0.1:${port}@localhost:${port}/` }, account: here(account) },
    { input: { url: `http://127.0.0.1:${port}\\@localhost:${port}/` }, account: here(account) },
    { input: { url: `http://localhost:${port}/` }, account: here(account) },
  ]);
  for (const outcome of outcomes) {
    assert.equal(outcome.kind, FAIL, JSON.stringify(outcome));
    assert.match(outcome.code, /^(blocked_address|invalid_request)$/);
  }
  assert.equal(seen.length, 0);
  const [redirected] = await run([{ input: { url }, account: here(account) }]);
  assert.equal(redirected.code, 'blocked_address');
  assert.equal(seen.length, 1);
});

test('OAuth 2.0: one token for many jobs, until it is refused', async () => {
  seen = [];
  let tokens = 0;
  let valid = '';
  answer = (one, response) => {
    if (one.url === '/token') {
      valid = `token-${++tokens}`;
      setTimeout(() => response.setHeader('content-type', 'application/json').end(JSON.stringify(
        { access_token: valid, token_type: 'Bearer', expires_in: 3600 })), 50);
    } else if (one.headers.authorization === `Bearer ${valid}`) {
      if (one.url === '/last') valid = 'withdrawn';
      response.end('in');
    } else {
      response.writeHead(401).end();
    }
  };
  const account = here({ auth: 'oauth2_client_credentials', token_url: `${base}/token`,
    client_id: 'client id', client_secret: 's&cret', scope: 'read write' });
  const job = (name, together) => ({ input: { url: `${base}/${name}` }, account, together });
  const outcomes = await run([...Array.from({ length: 20 }, (_, i) => job(`a${i}`, true)),
    job('last', false), job('again', false), job('more', false)]);
  for (const outcome of outcomes) assert.equal(outcome.kind, OK, JSON.stringify(outcome));
  assert.equal(tokens, 2);
  const asked = seen.find((one) => one.url === '/token');
  assert.equal(asked.method, 'POST');
  assert.equal(asked.headers['content-type'], 'application/x-www-form-urlencoded');
  assert.equal(asked.headers.authorization,
    `Basic ${Buffer.from('client%20id:s%26cret').toString('base64')}`);
  assert.equal(asked.body, 'grant_type=client_credentials&scope=read%20write');
});

test('OAuth 2.0: what can go wrong', async () => {
  const account = here({ auth: 'oauth2_client_credentials', token_url: `${base}/token`,
    client_id: 'c', client_secret: 'the-secret', client_auth: 'body', audience: 'a' });
  const job = { input: { url: `${base}/` }, account };
  const outcomeOf = async (status, body) => {
    seen = [];
    answer = (one, response) => response.writeHead(one.url === '/token' ? status : 401).end(body);
    const [outcome] = await run([job]);
    return outcome;
  };
  const refused = await outcomeOf(400, '{"error":"invalid_client"}');
  assert.deepEqual([refused.kind, refused.code], [FAIL, 'token_refused']);
  assert.match(refused.message, /400: invalid_client\./);
  assert.equal(seen[0].body,
    'grant_type=client_credentials&audience=a&client_id=c&client_secret=the-secret');
  assert.equal((await outcomeOf(503, '')).kind, RETRY);
  assert.equal((await outcomeOf(200, 'no JSON')).code, 'token_refused');
  assert.equal((await outcomeOf(200, '{"access_token":""}')).code, 'token_refused');
  const unwanted = await outcomeOf(200, '{"access_token":"t"}');
  assert.equal(unwanted.code, 'unexpected_status', 'a fresh token that is refused');
  assert.equal(seen.length, 2);
  const [elsewhere] = await run([{ ...job, account: { ...account,
    token_url: `http://localhost:${port}/token` } }]);
  assert.deepEqual([elsewhere.kind, elsewhere.code], [FAIL, 'token_failed']);
});

/** AWS Signature Version 4, from its description, for what the server saw. */
function awsSignature({ method, url, headers }, secret, region, service) {
  const hmac = (key, text) => crypto.createHmac('sha256', key).update(text).digest();
  const [, credential, names, signature] =
    /^AWS4-HMAC-SHA256 Credential=(\S+), SignedHeaders=(\S+), Signature=([0-9a-f]{64})$/
      .exec(headers.authorization);
  const { pathname, searchParams } = new URL(url, base);
  const encode = (text) => encodeURIComponent(text).replace(/[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  const query = [...searchParams].map(([name, value]) => `${encode(name)}=${encode(value)}`).sort();
  const canonical = [method,
    service === 's3' ? pathname : pathname.split('/').map(encode).join('/'), query.join('&'),
    ...names.split(';').map((name) => `${name}:${headers[name].trim()}`), '', names,
    headers['x-amz-content-sha256']].join('\n');
  const time = headers['x-amz-date'];
  const scope = `${time.slice(0, 8)}/${region}/${service}/aws4_request`;
  assert.equal(credential, `AKID/${scope}`);
  const digest = crypto.createHash('sha256').update(canonical).digest('hex');
  let key = `AWS4${secret}`;
  for (const part of scope.split('/')) key = hmac(key, part);
  const expected = hmac(key, `AWS4-HMAC-SHA256\n${time}\n${scope}\n${digest}`).toString('hex');
  return { signature, expected, names };
}

test('AWS Signature Version 4', async () => {
  for (const service of ['s3', 'execute-api']) {
    const one = await sees({ auth: 'aws_sigv4', access_key_id: 'AKID', secret_access_key: 'sec/ret',
      session_token: 'session', region: 'eu-central-1', service },
    { method: 'PUT', url: `${base}/a%20b/c?uploads&z=1&a=x%2Fy`, query: { 'ü &': 'ä=' },
      body: { text: 'the body' }, headers: { 'X-Amz-Acl': 'private' } });
    const { signature, expected, names } = awsSignature(one, 'sec/ret', 'eu-central-1', service);
    assert.equal(signature, expected);
    assert.equal(names,
      'content-type;host;x-amz-acl;x-amz-content-sha256;x-amz-date;x-amz-security-token');
    assert.equal(one.headers['x-amz-content-sha256'],
      crypto.createHash('sha256').update('the body').digest('hex'));
    assert.equal(one.headers['x-amz-security-token'], 'session');
  }
});

test('HMAC as configured', async () => {
  const body = { json: { a: 1 } };
  const plain = await sees({ auth: 'hmac', key: 'k', header: 'X-Hub-Signature-256',
    prefix: 'sha256=' }, { method: 'POST', body });
  assert.equal(plain.headers['x-hub-signature-256'],
    `sha256=${crypto.createHmac('sha256', 'k').update('{"a":1}').digest('hex')}`);
  const full = await sees({ auth: 'hmac', key: Buffer.from('key').toString('base64'),
    key_encoding: 'base64', algorithm: 'sha512', encoding: 'base64', header: 'X-Signature',
    prefix: 't={timestamp},v1=', payload: '{timestamp}.{method}.{path}.{body}',
    timestamp_header: 'X-Time' }, { method: 'PUT', url: `${base}/p?q=1`, body });
  const time = full.headers['x-time'];
  assert.ok(Math.abs(Number(time) - Date.now() / 1000) < 60);
  const mac = crypto.createHmac('sha512', 'key').update(`${time}.PUT./p?q=1.{"a":1}`);
  assert.equal(full.headers['x-signature'], `t=${time},v1=${mac.digest('base64')}`);
});

test('the idempotency key of the job is sent, and a lost answer is told as what it is', async () => {
  const one = await sees({ auth: 'bearer', token: 't' }, { method: 'POST' });
  assert.equal(one.headers['idempotency-key'], 'the-key-of-this-job');
  answer = (request, response) => response.destroy();
  const input = { url: `${base}/`, method: 'POST' };
  const [again, once] = await run([{ input }, { input, operation: 'request_once' }]);
  assert.deepEqual([again.kind, again.code], [RETRY, 'connection_broken']);
  assert.deepEqual([once.kind, once.code], [UNKNOWN, 'connection_broken']);
});

test('Retry-After as seconds, as a date, and as nonsense', async () => {
  let value;
  answer = (one, response) => response.writeHead(429, { 'retry-after': value }).end();
  const delayOf = async (text) => {
    value = text;
    const [outcome] = await run([{ input: { url: `${base}/` } }]);
    assert.deepEqual([outcome.kind, outcome.code], [RETRY, 'retry_status']);
    return outcome.delay_ms;
  };
  assert.equal(await delayOf('7'), 7000);
  assert.equal(await delayOf('soon'), 0);
  assert.equal(await delayOf('99999999'), 24 * 3600 * 1000);
  const dated = await delayOf(new Date(Date.now() + 60_000).toUTCString());
  assert.ok(dated > 50_000 && dated <= 60_000, String(dated));
});
