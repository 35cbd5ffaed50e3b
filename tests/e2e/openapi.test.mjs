// /openapi.json: accepted by a linter that is not ours, and true: what hubd answers fits it.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { after, test } from 'node:test';

import { SOURCE, removeFolder, startHubd, tempFolder } from './lib/hubd.mjs';

const require = createRequire(import.meta.url);

/** From npm, as tests/package-lock.json says. */
function fromNpm(name) {
  try {
    return require(name);
  } catch (error) {
    throw new Error(`${name} is missing: run "npm ci" in tests/`, { cause: error });
  }
}

const { lint, loadConfig } = fromNpm('@redocly/openapi-core');
const Ajv = fromNpm('@redocly/ajv/dist/2020.js').default;

const folder = tempFolder();
const hub = await startHubd();
const document = await hub.json('/openapi.json');
after(async () => {
  await hub.stop();
  removeFolder(folder);
});

test('the linter accepts it', async () => {
  const file = path.join(folder, 'openapi.json');
  fs.writeFileSync(file, JSON.stringify(document, null, 2));
  const config = await loadConfig({ configPath: path.join(SOURCE, 'tests', 'redocly.yaml') });
  const problems = await lint({ ref: file, config });
  assert.deepEqual(problems.map(({ severity, ruleId, message, location }) =>
    `${severity} ${ruleId} ${location[0]?.pointer}: ${message}`), []);
});

test('it is OpenAPI 3.1 with every route, scope and connector', () => {
  assert.match(document.openapi, /^3\.1\.\d$/);
  for (const route of ['/v1/jobs', '/v1/jobs/{id}', '/v1/jobs/{id}/cancel', '/v1/jobs/{id}/retry',
    '/v1/artifacts', '/v1/artifacts/{id}', '/v1/connectors', '/v1/connectors/{name}',
    '/v1/connectors/rescan', '/v1/queues', '/v1/queues/{name}', '/v1/keys', '/v1/keys/{id}',
    '/v1/events', '/healthz', '/readyz', '/metrics', '/openapi.json']) {
    assert.ok(document.paths[route], route);
  }
  for (const name of ['JobCreate', 'Job', 'JobList', 'Artifact', 'Problem', 'Queue',
    'image.transform.input', 'image.info.result', 'noop.run.input']) {
    assert.ok(document.components.schemas[name], name);
  }
});

test('every route that it names is there, and no other method', async () => {
  const fill = (route) => route.replace('{id}', '01900000-0000-7000-8000-000000000000')
    .replace('{name}', 'nothing');
  for (const [route, item] of Object.entries(document.paths)) {
    const response = await hub.exchange({ method: 'OPTIONS', path: fill(route) });
    assert.equal(response.status, 405, route);
    const allowed = response.headers.allow.split(', ').filter((one) => one !== 'HEAD').sort();
    const named = Object.keys(item).filter((one) =>
      ['get', 'put', 'post', 'patch', 'delete'].includes(one)).map((one) => one.toUpperCase());
    // GET /v1/connectors/rescan asks for a connector of that name.
    assert.deepEqual(allowed, route.endsWith('/rescan') ? ['GET', 'POST'] : named.sort(), route);
  }
});

// --- What hubd answers ---------------------------------------------------------------------------

const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
ajv.addSchema({ $id: 'hub', ...document });

/** The schema of this answer, as the document gives it. */
function schemaOf(method, route, status, type) {
  const { responses } = document.paths[route][method];
  const response = responses[status] ?? responses[`${String(status)[0]}XX`] ?? responses.default;
  assert.ok(response, `${method} ${route} ${status}`);
  const resolved = response.$ref
    ? document.components.responses[response.$ref.split('/').at(-1)] : response;
  const content = resolved.content?.[type];
  assert.ok(content?.schema, `${method} ${route} ${status} ${type}`);
  return content.schema;
}

async function check(method, route, target, options = {}) {
  const response = options.json === undefined
    ? await hub.fetch(target, { method, ...options })
    : await hub.send(target, options.json, { method: method.toUpperCase(), ...options });
  const type = response.headers.get('content-type');
  const body = await response.json();
  const schema = schemaOf(method.toLowerCase(), route, response.status, type);
  const $ref = schema.$ref && `hub${schema.$ref}`;
  const valid = ajv.validate($ref ? { $ref } : schema, body);
  assert.ok(valid, `${method} ${target} ${response.status}: ${JSON.stringify(ajv.errors)}\n${
    JSON.stringify(body)}`);
  return body;
}

test('answers fit their schemas', async () => {
  const job = await check('POST', '/v1/jobs', '/v1/jobs', {
    json: { type: 'probe.run', input: { do: 'artifact' }, labels: { a: 'b' } },
    headers: { prefer: 'wait=20' },
  });
  assert.equal(job.state, 'succeeded');
  const crashed = await check('POST', '/v1/jobs', '/v1/jobs',
    { json: { type: 'probe.run_once', input: { do: 'crash' } }, headers: { prefer: 'wait=20' } });
  const later = await check('POST', '/v1/jobs', '/v1/jobs',
    { json: { type: 'noop.run', run_at: '2999-01-01T00:00:00Z', after: [job.id] } });
  const running = await hub.post('aprobe.run', { do: 'progress', ms: 100, times: 100 });
  await hub.reaches(running.id, 'running');
  for (const { id } of [job, crashed, later, running]) {
    await check('GET', '/v1/jobs/{id}', `/v1/jobs/${id}`);
  }
  await check('POST', '/v1/jobs/{id}/cancel', `/v1/jobs/${running.id}/cancel`);
  await check('POST', '/v1/jobs/{id}/retry', `/v1/jobs/${crashed.id}/retry`);
  await check('GET', '/v1/jobs', '/v1/jobs?limit=2');
  await check('POST', '/v1/artifacts', '/v1/artifacts', { body: 'x' });
  await check('GET', '/v1/connectors', '/v1/connectors');
  await check('GET', '/v1/connectors/{name}', '/v1/connectors/image');
  await check('GET', '/v1/queues', '/v1/queues');
  await check('PATCH', '/v1/queues/{name}', '/v1/queues/q',
    { json: { rate: { limit: 1, period_ms: 1 } } });
  await check('GET', '/v1/queues', '/v1/queues');
  await check('POST', '/v1/keys', '/v1/keys', { json: { name: 'k', scopes: ['jobs:read'] } });
  await check('GET', '/v1/keys', '/v1/keys');
  await check('GET', '/healthz', '/healthz');
  await check('GET', '/readyz', '/readyz');
});

test('refusals fit theirs', async () => {
  await check('POST', '/v1/jobs', '/v1/jobs', { json: '{' });
  await check('POST', '/v1/jobs', '/v1/jobs', { json: { type: 'noop.run', priority: 'high' } });
  await check('POST', '/v1/jobs', '/v1/jobs', { json: { type: 'nothing.here' } });
  await check('GET', '/v1/jobs', '/v1/jobs?limit=0');
  await check('GET', '/v1/jobs', '/v1/jobs', { key: 'wrong' });
  await check('GET', '/v1/jobs/{id}', '/v1/jobs/none');
});
