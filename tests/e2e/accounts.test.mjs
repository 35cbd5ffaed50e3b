// /v1/accounts: made, shown, used by jobs, changed, tested, deleted; from files; on record.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { startHubd, tempFolder, until } from './lib/hubd.mjs';

const sum = (text) => [...Buffer.from(text)].reduce((a, b) => a + b, 0);

let hub, folder;

before(async () => {
  folder = tempFolder('hubd-accounts-');
  hub = await startHubd({ flags: { account_dir: folder, retry_base_ms: 1 } });
});
after(() => hub.stop());

const put = async (name, body, { status } = {}) => {
  const response = await hub.send(`/v1/accounts/${name}`, body, { method: 'PUT' });
  const text = await response.text();
  assert.ok(status === undefined ? response.ok : response.status === status,
    `${response.status}: ${text}`);
  return JSON.parse(text);
};
const keyed = (token, more = {}) => ({ connector: 'keyed', settings: { token }, ...more });
const remove = async (name) => {
  const response = await hub.fetch(`/v1/accounts/${name}?force=true`, { method: 'DELETE' });
  assert.equal(response.status, 204);
};

describe('as a resource', () => {
  test('made, shown without its secrets, replaced, listed, deleted', async () => {
    const made = await put('shop', keyed('token-one', {
      settings: { token: 'token-one', region: 'eu', extra: { pin: '1234', note: 'hello' } },
      limits: { rate: { limit: 5, period_ms: 1000 }, in_flight: 2 },
    }), { status: 201 });
    assert.deepEqual(made.settings,
      { token: '***', region: 'eu', extra: { pin: '***', note: 'hello' } });
    assert.deepEqual(made.limits, { rate: { limit: 5, period_ms: 1000 }, in_flight: 2 });
    assert.equal(made.default, false);
    assert.equal(made.problem, null);
    assert.equal(made.file, null);
    assert.deepEqual(await hub.json('/v1/accounts/shop'), made);
    const again = await put('shop', keyed('token-two'), { status: 200 });
    assert.equal(again.created_at, made.created_at);
    assert.deepEqual(again.limits, { rate: null, in_flight: null });
    assert.deepEqual(again.settings, { token: '***' });
    const list = await hub.json('/v1/accounts');
    assert.deepEqual(list.accounts.map((one) => one.name), ['shop']);
    await remove('shop');
    await hub.refused(404, 'not_found', '/v1/accounts/shop');
    await hub.refused(404, 'not_found', '/v1/accounts/shop', { method: 'DELETE' });
  });

  test('"***" keeps the secret that is stored, and only one that is', async () => {
    const problem = await hub.refused(422, 'invalid_input', '/v1/accounts/keep',
      { method: 'PUT', json: keyed('***') });
    assert.equal(problem.errors[0].pointer, '/settings/token');
    await put('keep', keyed('first-token', { settings: { token: 'first-token', extra: { pin: 'p' } } }));
    await put('keep', keyed('***', { settings: { token: '***', region: 'us' } }));
    const { result } = await hub.run('keyed.tell', {}, { account: 'keep' });
    assert.deepEqual([result.length, result.sum], ['first-token'.length, sum('first-token')]);
    const lost = await hub.refused(422, 'invalid_input', '/v1/accounts/keep',
      { method: 'PUT', json: keyed('x', { settings: { token: '***', extra: { pin: '***' } } }) });
    assert.equal(lost.errors[0].pointer, '/settings/extra/pin');
    await remove('keep');
  });

  test('what does not match the connector is refused with pointers, and without values', async () => {
    const problem = await hub.refused(422, 'invalid_input', '/v1/accounts/bad',
      { method: 'PUT', json: { connector: 'keyed', settings: { token: 'SECRET-VALUE', regoin: 'eu' } } });
    assert.equal(problem.errors[0].pointer, '/settings/regoin');
    assert.doesNotMatch(JSON.stringify(problem), /SECRET-VALUE/);
    const nobody = await hub.refused(422, 'invalid_input', '/v1/accounts/bad',
      { method: 'PUT', json: { connector: 'nobody', settings: {} } });
    assert.equal(nobody.errors[0].pointer, '/connector');
    await hub.refused(422, 'invalid_input', '/v1/accounts/bad',
      { method: 'PUT', json: { connector: 'noop', settings: {} } });
    await hub.refused(422, 'invalid_input', '/v1/accounts/bad',
      { method: 'PUT', json: { connector: 'keyed' } });
    await hub.refused(404, 'not_found', '/v1/accounts/Bad%20Name',
      { method: 'PUT', json: keyed('token') });
    await hub.refused(409, 'conflict', '/v1/accounts/other', await (async () => {
      await put('other', keyed('token'));
      return { method: 'PUT', json: { connector: 'http',
        settings: { auth: 'bearer', token: 't', hosts: ['a.example'] } } };
    })());
    await remove('other');
  });

  test('only the scope admin may look', async () => {
    const { key } = await (await hub.send('/v1/keys',
      { name: 'jobs', scopes: ['jobs:read', 'jobs:write'] })).json();
    for (const [method, target] of [['GET', '/v1/accounts'], ['GET', '/v1/accounts/a'],
      ['DELETE', '/v1/accounts/a'], ['GET', '/v1/accounts/a/uses'], ['POST', '/v1/accounts/a/test']]) {
      await hub.refused(403, 'forbidden', target, { method, key });
    }
    await hub.refused(403, 'forbidden', '/v1/accounts/a', { method: 'PUT', json: keyed('token'), key });
  });

  test('survives a restart', async () => {
    const first = await startHubd({ stateDir: tempFolder() });
    const target = '/v1/accounts/lasting';
    await first.send(target, keyed('lasting-token', { default: true }), { method: 'PUT' });
    const shown = await first.json(target);
    await first.kill();
    const second = await startHubd({ stateDir: first.stateDir });
    assert.deepEqual(await second.json(target), shown);
    const { result } = await second.run('keyed.tell');
    assert.equal(result.sum, sum('lasting-token'));
    await second.stop();
  });
});

describe('and jobs', () => {
  test('a job that names an account it cannot have is refused', async () => {
    await put('mine', keyed('token'));
    for (const [type, account, text] of [['keyed.tell', 'nobody', /no account "nobody"/],
      ['noop.run', 'mine', /takes no account/], ['http.request', 'mine', /connector http/]]) {
      const problem = await hub.refused(422, 'unknown_account', '/v1/jobs',
        { json: { type, account, input: type === 'http.request' ? { url: 'http://a.example' } : {} } });
      assert.equal(problem.errors[0].pointer, '/account');
      assert.match(problem.detail, text);
    }
    await remove('mine');
  });

  test('each attempt gets the settings as they are then', async () => {
    await put('turning', keyed('old-token'));
    const job = await hub.post('keyed.tell', { ms: 300, retries: 1 }, { account: 'turning' });
    assert.equal(job.account, 'turning');
    await hub.reaches(job.id, 'running');
    await put('turning', keyed('the-new-token'));
    const { result } = await hub.finished(job.id);
    assert.deepEqual(result, { attempt: 2, length: 'the-new-token'.length, sum: sum('the-new-token') });
    await remove('turning');
  });

  test('the default account is that of jobs that name none', async () => {
    assert.equal((await hub.run('keyed.tell')).result.length, 0);
    await put('one', keyed('token-of-one', { default: true }));
    await put('two', keyed('token-of-two!', { default: true }));
    assert.equal((await hub.json('/v1/accounts/one')).default, false);
    const job = await hub.run('keyed.tell');
    assert.equal(job.account, 'two');
    assert.equal(job.result.length, 'token-of-two!'.length);
    assert.equal((await hub.run('keyed.tell', {}, { account: 'one' })).result.length, 12);
    assert.equal((await hub.run('noop.run')).account, null);
    await remove('one');
    await remove('two');
    assert.equal((await hub.run('keyed.tell')).account, null);
  });

  test('the lines of a batch name accounts too, or have the default one', async () => {
    await put('batched', keyed('token-of-batch'));
    await put('usual', keyed('usual', { default: true }));
    const lines = ['batched', undefined, 'nobody'].map((account) => JSON.stringify({ account }));
    const response = await hub.fetch('/v1/batches?type=keyed.tell', { method: 'POST',
      body: `${lines.join('\n')}\n`, headers: { 'content-type': 'application/x-ndjson' } });
    const text = await response.text();
    assert.equal(response.status, 202, text);
    const made = JSON.parse(text);
    assert.deepEqual([made.jobs, made.rejected], [2, 1]);
    await until(async () => (await hub.json(`/v1/batches/${made.id}`)).finished_at, 'its end');
    const results = (await (await hub.fetch(`/v1/batches/${made.id}/results`)).text())
      .split('\n').filter(Boolean).map((line) => JSON.parse(line));
    assert.deepEqual(results.slice(0, 2).map((one) => one.result.sum),
      [sum('token-of-batch'), sum('usual')]);
    assert.match(JSON.stringify(results[2]), /no account .*nobody/);
    assert.equal((await hub.json('/v1/accounts/batched/uses')).uses.length, 1);
    await remove('batched');
    await remove('usual');
  });

  test('an account that unfinished jobs name is deleted only by force; then they fail', async () => {
    await put('gone', keyed('token'));
    const job = await hub.post('keyed.tell', {},
      { account: 'gone', run_at: new Date(Date.now() + 1500).toISOString() });
    const problem = await hub.refused(409, 'conflict', '/v1/accounts/gone', { method: 'DELETE' });
    assert.match(problem.detail, /^1 unfinished/);
    assert.equal((await hub.json('/v1/accounts/gone')).unfinished_jobs, 1);
    await remove('gone');
    const failed = await hub.finished(job.id);
    assert.equal(failed.state, 'failed');
    assert.equal(failed.error.code, 'unknown_account');
    assert.equal(failed.attempts.length, 1);
    /* It got no secret, so nothing is on record. */
    await hub.refused(404, 'not_found', '/v1/accounts/gone/uses');
  });

  test('limits: attempts at once, whatever the queue; others are not held up', async () => {
    await put('narrow', keyed('token', { limits: { in_flight: 1 } }));
    await put('wide', keyed('token'));
    const jobs = [];
    for (const queue of ['a', 'b', 'a']) {
      jobs.push(await hub.post('keyed.tell', { ms: 200 }, { account: 'narrow', queue }));
    }
    const other = await hub.run('keyed.tell', {}, { account: 'wide', queue: 'a' });
    assert.equal(other.state, 'succeeded');
    const spans = [];
    for (const { id } of jobs) {
      const [attempt] = (await hub.finished(id)).attempts;
      spans.push([Date.parse(attempt.started_at), Date.parse(attempt.finished_at)]);
    }
    spans.sort((a, b) => a[0] - b[0]);
    for (let i = 1; i < spans.length; i++) {
      assert.ok(spans[i][0] >= spans[i - 1][1], JSON.stringify(spans));
    }
    await remove('narrow');
    await remove('wide');
  });

  test('every use is on record, in pages, the latest first', async () => {
    await put('audited', keyed('token'));
    const ids = [];
    for (let i = 0; i < 3; i++) {
      ids.push((await hub.run('keyed.tell', { retries: i === 1 ? 1 : 0 }, { account: 'audited' })).id);
    }
    const page = await hub.json('/v1/accounts/audited/uses?limit=3');
    assert.deepEqual(page.uses.map((use) => [use.job, use.attempt, use.outcome]),
      [[ids[2], 1, 'succeeded'], [ids[1], 2, 'succeeded'], [ids[1], 1, 'retry']]);
    for (const use of page.uses) assert.ok(Date.parse(use.ended_at) >= Date.parse(use.at));
    const response = await hub.fetch(`/v1/accounts/audited/uses?limit=3&cursor=${page.next_cursor}`);
    const rest = await response.json();
    assert.deepEqual(rest.uses.map((use) => use.job), [ids[0]]);
    assert.equal(rest.next_cursor, null);
    await hub.fetch(`/v1/jobs/${ids[0]}`, { method: 'DELETE' });
    await remove('audited');
    assert.equal((await hub.json('/v1/accounts/audited/uses')).uses.length, 4);
    await hub.refused(400, 'bad_request', '/v1/accounts/audited/uses?cursor=x');
  });

  test('a test asks the provider if the connector can', async () => {
    const ask = async (name) => (await hub.send(`/v1/accounts/${name}/test`, '')).json();
    await put('good', keyed('good-token'));
    await put('bad', keyed('bad-token'));
    const good = await ask('good');
    assert.equal(good.ok, true);
    assert.equal((await hub.job(good.job)).type, 'keyed.verify_account');
    const bad = await ask('bad');
    assert.deepEqual([bad.ok, bad.code, bad.message],
      [false, 'bad_token', 'The provider refuses the token.']);
    await put('web', { connector: 'http',
      settings: { auth: 'bearer', token: 't', hosts: ['a.example'] } });
    const web = await ask('web');
    assert.equal(web.ok, true);
    assert.equal(web.job, null);
    assert.match(web.message, /not asked/);
    for (const name of ['good', 'bad', 'web']) await remove(name);
  });
});

describe('from files', () => {
  const write = (name, text, mode = 0o600) => {
    fs.writeFileSync(path.join(folder, name), text, { mode });
    fs.chmodSync(path.join(folder, name), mode);
  };
  /** Reloads and waits until what it led to is so. */
  const reload = async (probe, what) => {
    hub.signal('SIGHUP');
    await until(async () => probe(await hub.json('/v1/accounts')), what);
  };
  const find = (list, name) => list.accounts.find((one) => one.name === name);

  test('read at SIGHUP, used, read-only through the API, gone with the file', async () => {
    write('filed.yaml', 'connector: keyed\nsettings:\n  token: from-a-file\n  region: eu\n' +
      'default: true\nlimits:\n  in_flight: 3\n');
    write('other.json', JSON.stringify(keyed('token-of-other')));
    write('.hidden.yaml', 'nonsense');
    write('README', 'nonsense');
    await reload((list) => find(list, 'filed') && find(list, 'other'), 'both files');
    const filed = await hub.json('/v1/accounts/filed');
    assert.equal(filed.file, 'filed.yaml');
    assert.deepEqual(filed.settings, { token: '***', region: 'eu' });
    assert.deepEqual(filed.limits, { rate: null, in_flight: 3 });
    assert.equal((await hub.run('keyed.tell')).result.sum, sum('from-a-file'));
    await hub.refused(409, 'conflict', '/v1/accounts/filed', { method: 'PUT', json: keyed('token') });
    await hub.refused(409, 'conflict', '/v1/accounts/filed', { method: 'DELETE' });
    await hub.refused(409, 'conflict', '/v1/accounts/rival',
      { method: 'PUT', json: keyed('token', { default: true }) });
    write('filed.yaml', 'connector: keyed\nsettings: {token: changed-file}\ndefault: true\n');
    await reload((list) => find(list, 'filed').limits.in_flight === null, 'the changed file');
    assert.equal((await hub.run('keyed.tell')).result.sum, sum('changed-file'));
    fs.rmSync(path.join(folder, 'filed.yaml'));
    await reload((list) => !find(list, 'filed'), 'the file to be gone');
    fs.rmSync(path.join(folder, 'other.json'));
    await reload((list) => list.accounts.length === 0, 'both to be gone');
  });

  test('a bad file is listed with its reason and changes nothing else', async () => {
    await put('through-api', keyed('token'));
    write('good.yaml', 'connector: keyed\nsettings: {token: good-token}\n');
    await reload((list) => find(list, 'good'), 'the good file');
    write('good.yaml', 'connector: keyed\nsettings: {token: xy, secret: CANARY-1}\n');
    write('open.yaml', 'connector: keyed\nsettings: {token: CANARY-2}\n', 0o640);
    write('broken.yaml', 'connector: [keyed\nsettings: CANARY-3\n');
    write('misspelt.yaml', 'conector: keyed\nsettings: {token: CANARY-4}\n');
    write('Wrong Name.yaml', 'connector: keyed\nsettings: {token: token}\n');
    write('through-api.yaml', 'connector: keyed\nsettings: {token: token}\n');
    write('twice.yaml', 'connector: keyed\nsettings: {token: token}\n');
    write('twice.json', JSON.stringify(keyed('token')));
    fs.symlinkSync('good.yaml', path.join(folder, 'link.yaml'));
    await reload((list) => list.refused.length === 8, 'eight files to be refused');
    const list = await hub.json('/v1/accounts');
    const reasons = Object.fromEntries(list.refused.map((one) => [one.file, one.reason]));
    assert.match(reasons['good.yaml'], /settings do not match the connector's schema/);
    assert.match(reasons['open.yaml'], /mode 0640.*chmod 600/);
    assert.match(reasons['broken.yaml'], /^line \d+/);
    assert.match(reasons['misspelt.yaml'], /connector/);
    assert.match(reasons['Wrong Name.yaml'], /name/);
    assert.match(reasons['through-api.yaml'], /through the API/);
    assert.match(reasons['twice.yaml'], /another file/);
    assert.match(reasons['link.yaml'], /cannot be opened/);
    assert.doesNotMatch(JSON.stringify(list) + hub.log(), /CANARY/);
    assert.equal((await hub.run('keyed.tell', {}, { account: 'good' })).result.length, 10);
    assert.equal(find(list, 'twice').file, 'twice.json');
    for (const file of fs.readdirSync(folder)) fs.rmSync(path.join(folder, file));
    await reload((found) => found.refused.length === 0 && found.accounts.length === 1, 'a clean folder');
    await remove('through-api');
  });
});
