// Whatever is wrong with a request: the right 4xx as problem+json, never a 500, never half a job.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';

import { answered, startHubd } from './lib/hubd.mjs';
import { assertProblem } from './lib/problem.mjs';

const hub = await startHubd({ flags: { body_max_bytes: 65536, artifact_max_bytes: 65536 } });
const submitted = await hub.metric('jobs_submitted_total');
after(async () => {
  assert.equal(await hub.metric('jobs_submitted_total'), submitted, 'no half-made job');
  assert.deepEqual((await hub.json('/v1/jobs')).jobs, []);
  const failures = await hub.metric('http_responses_total{class="5xx"}');
  assert.equal(failures, 1, 'never a 500: one 501, for PROPFIND');
  await hub.stop();
});

const refuse = (status, code, body, options = {}) =>
  hub.send('/v1/jobs', body, options).then((response) => assertProblem(response, status, code));

// --- The body ------------------------------------------------------------------------------------

const BROKEN = [
  ['an empty body', ' ', null],
  ['a broken object', '{"type":"noop.run"', 18],
  ['something behind it', '{"type":"noop.run"} x', 20],
  ['a trailing comma', '{"type":"noop.run",}', 19],
  ['single quotes', "{'type':1}", 1],
  ['a comment', '/* */{"type":"noop.run"}', 0],
  ['a duplicate key', '{"type":"noop.run","type":"noop.run"}', 19],
  ['a duplicate key below', '{"type":"noop.run","input":{"a":{"b":1,"b":2}}}', 39],
  ['a duplicate key in disguise', '{"type":"noop.run","t\\u0079pe":"x"}', 19],
  ['a lone surrogate', '{"type":"noop.run","input":{"a":"\\ud800"}}', 33],
  ['a control character', '{"type":"noop\u0001.run"}', 13],
  ['NaN', '{"type":"noop.run","input":{"a":NaN}}', 32],
  ['a leading zero', '{"type":"noop.run","priority":01}', 31],
  ['a NUL in a string', '{"type":"noop.run","input":{"a":"\\u0000"}}', 33],
];

for (const [what, body, offset] of BROKEN) {
  test(`malformed JSON with the byte offset: ${what}`, async () => {
    const problem = await refuse(400, 'invalid_json', body);
    const found = /\bbyte (\d+)/.exec(problem.detail);
    assert.ok(found, `an offset in "${problem.detail}"`);
    if (offset !== null) {
      assert.ok(Math.abs(Number(found[1]) - offset) <= 1,
        `${problem.detail}: expected about byte ${offset}`);
    }
  });
}

test('invalid UTF-8', async () => {
  const body = Buffer.concat([Buffer.from('{"type":"noop.run","input":{"a":"'),
    Buffer.from([0xc3, 0x28]), Buffer.from('"}}')]);
  const response = await hub.fetch('/v1/jobs', {
    method: 'POST', body, headers: { 'content-type': 'application/json' },
  });
  const problem = await assertProblem(response, 400, 'invalid_json');
  assert.match(problem.detail, /byte 33/);
});

test('too deep', async () => {
  const deep = (n) => `{"type":"noop.run","input":{"a":${'['.repeat(n)}${']'.repeat(n)}}}`;
  await refuse(400, 'invalid_json', deep(63));
  await refuse(400, 'invalid_json', deep(30_000));
});

test('no body at all', async () => {
  const response = await hub.fetch('/v1/jobs', { method: 'POST' });
  await assertProblem(response, 400, 'invalid_json');
});

test('too large', async () => {
  const body = JSON.stringify({ type: 'noop.run', input: { pad: 'x'.repeat(66_000) } });
  await refuse(413, 'too_large', body);
  const chunked = await hub.exchange({
    method: 'POST', path: '/v1/jobs', body,
    headers: { 'content-type': 'application/json', 'transfer-encoding': 'chunked' },
  });
  assert.equal(chunked.status, 413);
  assert.equal(chunked.json().code, 'too_large');
});

test('unsupported media type', async () => {
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonx',
    'multipart/form-data; boundary=x', 'json']) {
    await refuse(415, 'unsupported_media_type', { type: 'noop.run' },
      { headers: { 'content-type': type } });
  }
  const untyped = await hub.exchange({ method: 'POST', path: '/v1/jobs', body: '{}' });
  assert.equal(untyped.status, 415);
});

// --- What is in it -------------------------------------------------------------------------------

/** The pointers of the errors, each with its keyword. */
const places = (problem) => problem.errors.map(({ pointer, keyword }) => `${pointer} ${keyword}`);

const INVALID = [
  [[], ' type'],
  ['"noop.run"', ' type'],
  [null, ' type'],
  [{}, ' required'],
  [{ type: 5 }, '/type type'],
  [{ type: 'noop' }, '/type pattern'],
  [{ type: 'Noop.run' }, '/type pattern'],
  [{ type: 'noop.run', input: [] }, '/input type'],
  [{ type: 'noop.run', input: null }, '/input type'],
  [{ type: 'noop.run', priority: 101 }, '/priority maximum'],
  [{ type: 'noop.run', priority: -101 }, '/priority minimum'],
  [{ type: 'noop.run', priority: 1.5 }, '/priority type'],
  [{ type: 'noop.run', priority: '1' }, '/priority type'],
  [{ type: 'noop.run', queue: 'No Good' }, '/queue pattern'],
  [{ type: 'noop.run', queue: '' }, '/queue pattern'],
  [{ type: 'noop.run', run_at: 'tomorrow' }, '/run_at format'],
  [{ type: 'noop.run', run_at: 1700000000 }, '/run_at type'],
  [{ type: 'noop.run', run_at: '2026-02-30T00:00:00Z' }, '/run_at format'],
  [{ type: 'noop.run', expires_at: '2026-02-28' }, '/expires_at format'],
  [{ type: 'noop.run', timeout_ms: 0 }, '/timeout_ms minimum'],
  [{ type: 'noop.run', timeout_ms: 1e12 }, '/timeout_ms maximum'],
  [{ type: 'noop.run', max_attempts: 0 }, '/max_attempts minimum'],
  [{ type: 'noop.run', max_attempts: 101 }, '/max_attempts maximum'],
  [{ type: 'noop.run', labels: { a: 1 } }, '/labels/a type'],
  [{ type: 'noop.run', labels: { 'a b': '1' } }, '/labels'],
  [{ type: 'noop.run', labels: { a: 'x'.repeat(256) } }, '/labels/a maxLength'],
  [{ type: 'noop.run',
    labels: Object.fromEntries(Array.from({ length: 17 }, (_, n) => [`l${n}`, ''])) },
  '/labels maxProperties'],
  [{ type: 'noop.run', after: 'x' }, '/after type'],
  [{ type: 'noop.run', after: ['x'] }, '/after/0 format'],
  [{ type: 'noop.run', after: Array(2).fill('01900000-0000-7000-8000-000000000000') },
    '/after uniqueItems'],
  [{ type: 'noop.run', retention: '7 days' }, '/retention format'],
  [{ type: 'noop.run', inputs: {} }, '/inputs'],
  [{ type: 'noop.run', 'a/b~c': {} }, '/a~1b~0c'],
];

for (const [body, place] of INVALID) {
  test(`against the schema: ${JSON.stringify(body).slice(0, 70)}`, async () => {
    const problem = await refuse(422, 'invalid_input', body);
    assert.ok(problem.errors.length >= 1);
    assert.ok(places(problem).some((one) => one.startsWith(place)),
      `${place} in ${JSON.stringify(problem.errors)}`);
    for (const error of problem.errors) assert.ok(error.detail.length > 0);
  });
}

test('every place that is wrong is named at once', async () => {
  const problem = await refuse(422, 'invalid_input',
    { type: 'noop.run', priority: 1000, queue: '!', labels: { a: 1, b: 2 } });
  for (const place of ['/priority maximum', '/queue pattern', '/labels/a type', '/labels/b type']) {
    assert.ok(places(problem).includes(place), `${place} in ${JSON.stringify(problem.errors)}`);
  }
});

test('a retention that is too long, or in months, is refused', async () => {
  for (const retention of ['P366D', 'P1Y', 'P2M']) {
    const problem = await refuse(422, 'invalid_input', { type: 'noop.run', retention });
    assert.match(problem.detail, /retention/);
  }
});

test('an unknown type, with a suggestion where one is near', async () => {
  const near = await refuse(422, 'unknown_type', { type: 'image.transfrom' });
  assert.match(near.detail, /did you mean "image\.transform"\?/);
  assert.equal(near.errors[0].pointer, '/type');
  const far = await refuse(422, 'unknown_type', { type: 'telegraph.send' });
  assert.doesNotMatch(far.detail, /did you mean/);
});

test('the schema of the operation, with pointers from the body\'s root', async () => {
  const probe = await refuse(422, 'invalid_input', { type: 'probe.run', input: { do: 'dance' } });
  assert.deepEqual(places(probe), ['/input/do enum']);
  const none = await refuse(422, 'invalid_input', { type: 'probe.run' });
  assert.ok(places(none).includes('/input required'), JSON.stringify(none.errors));
  const image = await refuse(422, 'invalid_input', {
    type: 'image.transform',
    input: { image: { artifact: 'x' }, outputs: [{ width: 0 }, { colour: 'red' }] },
  });
  const found = places(image);
  for (const place of ['/input/outputs/0/width minimum', '/input/outputs/1/colour']) {
    assert.ok(found.some((one) => one.startsWith(place)), `${place} in ${found}`);
  }
  assert.ok(found.some((one) => one.startsWith('/input/image')), `${found}`);
});

test('an artifact, a job that is not there', async () => {
  const nowhere = '01900000-0000-7000-8000-000000000000';
  const artifact = await refuse(422, 'unknown_artifact',
    { type: 'probe.run', input: { do: 'echo_file', file: { artifact: nowhere } } });
  assert.ok(artifact.detail.includes(nowhere));
  const before = await refuse(422, 'invalid_input', { type: 'noop.run', after: [nowhere] });
  assert.ok(before.detail.includes(nowhere));
});

test('Base64 that is none, or too much of it', async () => {
  for (const data of ['*', 'abc', 'ab=c', 'YWJj\n']) {
    const problem = await refuse(422, 'invalid_input',
      { type: 'probe.run', input: { do: 'echo_file', file: { data } } });
    assert.ok(places(problem).some((one) => one.startsWith('/input/file')),
      `${JSON.stringify(data)}: ${JSON.stringify(problem.errors)}`);
  }
});

// --- Who, where and how --------------------------------------------------------------------------

test('a wrong key', async () => {
  const [, id, secret] = /^hub_([^_]+)_(.+)$/.exec(hub.key);
  const wrong = [null, 'x', '', `hub_${id}_${secret.slice(0, -1)}`, `hub_${id}_${secret}x`,
    `hub_${id}_${'A'.repeat(43)}`, `hub_${'a'.repeat(12)}_${secret}`, `hub_${id}`,
    hub.key.toUpperCase()];
  for (const key of wrong) {
    const response = await hub.fetch('/v1/jobs', { key });
    assert.equal(response.headers.get('www-authenticate'), 'Bearer');
    await assertProblem(response, 401, 'unauthorized');
  }
  for (const authorization of [hub.key, `Basic ${btoa(hub.key)}`, 'Bearer', `Token ${hub.key}`]) {
    const response = await hub.fetch('/v1/jobs', { key: null, headers: { authorization } });
    await assertProblem(response, 401, 'unauthorized');
  }
  const twice = await hub.exchange({
    path: '/v1/jobs', key: null, headers: { authorization: [`Bearer ${hub.key}`, 'Bearer x'] },
  });
  assert.ok([400, 401].includes(twice.status), `${twice.status}`);
});

test('a wrong key is told before anything about the body', async () => {
  const response = await hub.send('/v1/jobs', '{', { key: 'x' });
  await assertProblem(response, 401, 'unauthorized');
});

test('a wrong method, with those that are right', async () => {
  const wrong = [
    ['PUT', '/v1/jobs', 'GET, HEAD, POST'], ['DELETE', '/v1/jobs', 'GET, HEAD, POST'],
    ['POST', '/v1/jobs/01900000-0000-7000-8000-000000000000', 'GET, HEAD, DELETE'],
    ['GET', '/v1/artifacts', 'POST'], ['POST', '/v1/queues', 'GET, HEAD'],
    ['GET', '/v1/queues/default', 'PATCH'], ['POST', '/healthz', 'GET, HEAD'],
    ['GET', '/v1/jobs/01900000-0000-7000-8000-000000000000/cancel', 'POST'],
  ];
  for (const [method, target, allow] of wrong) {
    const problem = await hub.refused(405, 'method_not_allowed', target, { method });
    assert.deepEqual(problem.headers.get('allow').split(', ').sort(), allow.split(', ').sort(),
      `${method} ${target}`);
  }
});

test('a method that nobody knows', async () => {
  const answer = await hub.exchange({ method: 'PROPFIND', path: '/v1/jobs' });
  assert.equal(answer.status, 501);
  assert.equal(answer.headers['content-type'], 'application/problem+json');
});

test('nothing is there', async () => {
  for (const target of ['/', '/v1', '/v1/', '/v2/jobs', '/v1/jobs/', '/v1/jobs//cancel',
    '/v1/job', '/v1/jobs/a/b/c', '/V1/jobs', '/favicon.ico', '/v1/telegrams']) {
    const response = await hub.exchange({ path: target });
    assert.equal(response.status, 404, target);
    assert.equal(response.headers['content-type'], 'application/problem+json');
  }
});

test('paths that try to get away', async () => {
  for (const target of ['/v1/artifacts/../../admin.key', '/v1/artifacts/%2e%2e%2fadmin.key',
    '/v1/jobs/%00', '/v1/artifacts/..%5cadmin.key', '/v1/queues/%2e%2e', '//etc/passwd']) {
    const response = await hub.exchange({ path: target });
    assert.ok([400, 404, 405].includes(response.status), `${target}: ${response.status}`);
    assert.ok(!response.body.includes(hub.key));
  }
});

test('a parameter that the route does not know', async () => {
  for (const target of ['/v1/queues?x=1', '/v1/connectors?limit=5', '/v1/keys?=', '/metrics?a',
    '/v1/jobs/01900000-0000-7000-8000-000000000000?pretty=1']) {
    await hub.refused(400, 'bad_request', target);
  }
});

test('bodies of the other resources are checked as well', async () => {
  const wrong = [
    ['PATCH', '/v1/queues/default', {}, ''],
    ['PATCH', '/v1/queues/default', { paused: 'yes' }, '/paused'],
    ['PATCH', '/v1/queues/default', { concurrency: 0 }, '/concurrency'],
    ['PATCH', '/v1/queues/default', { rate: { limit: 0, period_ms: 1 } }, '/rate'],
    ['PATCH', '/v1/queues/default', { rate: { limit: 1 } }, '/rate'],
    ['PATCH', '/v1/queues/default', { speed: 1 }, '/speed'],
    ['POST', '/v1/keys', { name: 'x' }, ''],
    ['POST', '/v1/keys', { name: '', scopes: ['admin'] }, '/name'],
    ['POST', '/v1/keys', { name: 'x', scopes: [] }, '/scopes'],
    ['POST', '/v1/keys', { name: 'x', scopes: ['root'] }, '/scopes/0'],
    ['POST', '/v1/keys', { name: 'x', scopes: ['admin', 'admin'] }, '/scopes'],
  ];
  for (const [method, target, body, place] of wrong) {
    const problem = await hub.refused(422, 'invalid_input', target, { method, json: body });
    assert.ok(problem.errors.some((one) => one.pointer.startsWith(place)),
      `${JSON.stringify(body)}: ${JSON.stringify(problem.errors)}`);
    await hub.refused(400, 'invalid_json', target, { method, json: '{' });
  }
  assert.equal((await answered(await hub.fetch('/v1/keys'), 200)).keys.length, 1);
  await hub.refused(404, 'not_found', '/v1/queues/No', { method: 'PATCH', json: { paused: true } });
});

test('artifacts: too large, badly labelled, not there', async () => {
  const upload = (body, headers) => hub.fetch('/v1/artifacts', { method: 'POST', body, headers });
  await assertProblem(await upload(Buffer.alloc(65_537)), 413, 'too_large');
  await assertProblem(await upload('x', { 'content-type': 'nonsense' }), 400, 'bad_request');
  await assertProblem(await upload('x', { 'content-type': `a/${'b'.repeat(200)}` }), 400,
    'bad_request');
  for (const method of ['GET', 'DELETE']) {
    await hub.refused(404, 'not_found', '/v1/artifacts/01900000-0000-7000-8000-000000000000',
      { method });
    await hub.refused(404, 'not_found', '/v1/artifacts/x', { method });
  }
  assert.deepEqual(hub.files('blobs'), []);
});

test('other things that are not there', async () => {
  await hub.refused(404, 'not_found', '/v1/connectors/nothing');
  await hub.refused(404, 'not_found', '/v1/keys/aaaaaaaaaaaa', { method: 'DELETE' });
  await hub.refused(400, 'bad_request', '/v1/events?job=x');
  await hub.refused(400, 'bad_request', '/v1/events',
    { headers: { 'last-event-id': 'the last one' } });
});
