// Connectors come, change and go while hubd runs: by a file and a rescan, by SIGHUP, by hubctl.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';

import { hubctl } from './lib/hubctl.mjs';
import { BUILD, SOURCE, startHubd, tempFolder, until } from './lib/hubd.mjs';

const folder = tempFolder('hubd-hot-');
const build = tempFolder('hubd-hot-build-');
const hub = await startHubd({
  connectors: [folder, path.join(BUILD, 'tests', 'connectors')],
  flags: { cancel_grace_ms: 500 },
});
after(() => hub.stop());
const ctl = hubctl({ HUBD_SOCKET: hub.socket });

/** A connector of one operation, `run`, that waits and tells its version. Gives the file's path. */
function compile(name, version, { mode = 'BLOCKING', ms = 0, schema = '{"type":"object"}' } = {}) {
  const c = path.join(build, `${name}-${version}.c`);
  const so = path.join(build, `${name}-${version}.so`);
  fs.writeFileSync(c, `
#include <hub/connector.h>
#include <unistd.h>
static const hub_host *host;
static void finish(void *job) { host->succeed(job, HUB_STR("{\\"version\\":\\"${version}\\"}")); }
static void start(hub_instance *instance, hub_job *job)
{
    host = (const hub_host *)instance;
    host->progress(job, 1, HUB_STR("at work"));
    const hub_timer_api *timers = host->extension(HUB_EXT_TIMER);
    if (HUB_MODE_${mode} == HUB_MODE_ASYNC) {
        timers->start(${ms}, finish, job);
        return;
    }
    for (int i = 0; i < ${ms} / 10 && !host->cancelled(job); i++)
        usleep(10000);
    finish(job);
}
static hub_instance *create(const hub_host *h) { return (hub_instance *)h; }
static const hub_operation RUN = {.size = sizeof RUN, .name = HUB_STR_INIT("run"),
    .input_schema = HUB_STR_INIT(${JSON.stringify(schema)}), .start = start};
static const hub_operation *const OPERATIONS[] = {&RUN};
static const hub_connector C = {.size = sizeof C, .abi = HUB_ABI, .name = HUB_STR_INIT("${name}"),
    .version = HUB_STR_INIT("${version}"), .licence = HUB_STR_INIT("0BSD"),
    .mode = HUB_MODE_${mode}, .operation_count = 1, .operations = OPERATIONS, .create = create};
HUB_EXPORT const hub_connector *hub_connector_entry(uint32_t abi) { return abi ? &C : 0; }
`);
  execFileSync('cc', ['-shared', '-fPIC', '-fvisibility=hidden',
    `-I${path.join(SOURCE, 'core', 'sdk')}`, '-o', so, c]);
  return so;
}

/** Puts a file into the connector folder as an installer would: complete, by rename. */
function drop(so, name) {
  const hidden = path.join(folder, `.${name}.new`);
  fs.copyFileSync(so, hidden);
  fs.chmodSync(hidden, 0o644);
  fs.renameSync(hidden, path.join(folder, `${name}.so`));
}

const rescan = async () => {
  const answer = await hub.send('/v1/connectors/rescan', '', { headers: {} });
  assert.equal(answer.status, 200);
  return answer.json();
};
/** Until the connector itself has said that it is at it: what runs then goes on. */
const isAtWork = (id) =>
  until(async () => (await hub.job(id)).progress !== null, `job ${id} is at work`);
const connector = (name) => hub.json(`/v1/connectors/${name}`);

test('the folders are named', async () => {
  const { directories } = await hub.json('/v1/connectors');
  assert.deepEqual(directories, [folder, path.join(BUILD, 'tests', 'connectors')]);
});

test('a file that was dropped is callable after a rescan', async () => {
  await hub.refused(422, 'unknown_type', '/v1/jobs', { json: { type: 'fresh.run' } });
  drop(compile('fresh', '1.0.0'), 'fresh');
  await hub.refused(422, 'unknown_type', '/v1/jobs', { json: { type: 'fresh.run' } });
  const { connectors } = await rescan();
  assert.equal(connectors.find((one) => one.name === 'fresh').health, 'ready');
  const job = await hub.run('fresh.run');
  assert.deepEqual(job.result, { version: '1.0.0' });
});

test('SIGHUP does the same', async () => {
  drop(compile('signalled', '1.0.0'), 'signalled');
  process.kill(hub.pid, 'SIGHUP');
  await until(async () => (await hub.fetch('/v1/connectors/signalled')).status === 200,
    'the connector is known');
  assert.equal((await hub.run('signalled.run')).state, 'succeeded');
});

for (const mode of ['BLOCKING', 'ASYNC']) {
  const name = `changing_${mode.toLowerCase()}`;
  test(`a new version takes new attempts, running ones end on the old: ${mode}`, async () => {
    drop(compile(name, '1.0.0', { mode, ms: 1500 }), name);
    await rescan();
    const old = await hub.post(`${name}.run`);
    await isAtWork(old.id);
    drop(compile(name, '2.0.0', { mode }), name);
    await rescan();
    assert.equal((await connector(name)).version, '2.0.0');
    const young = await hub.run(`${name}.run`);
    assert.deepEqual(young.result, { version: '2.0.0' });
    assert.equal((await hub.job(old.id)).state, 'running', 'the old one was too quick to tell');
    const ended = await hub.finished(old.id);
    assert.equal(ended.state, 'succeeded');
    assert.deepEqual(ended.result, { version: '1.0.0' });
    assert.equal(ended.attempts.length, 1);
  });
}

test('removing one lets running attempts end, then refuses new ones', async () => {
  drop(compile('leaving', '1.0.0', { ms: 1500 }), 'leaving');
  await rescan();
  const running = await hub.post('leaving.run');
  await isAtWork(running.id);
  fs.unlinkSync(path.join(folder, 'leaving.so'));
  await rescan();
  assert.equal((await connector('leaving')).health, 'removed');
  await hub.refused(422, 'unknown_type', '/v1/jobs', { json: { type: 'leaving.run' } });
  const ended = await hub.finished(running.id);
  assert.equal(ended.state, 'succeeded');
  assert.equal(ended.attempts.length, 1);
  await until(async () => (await connector('leaving')).runners === 0, 'its runners are gone');
  drop(compile('leaving', '1.1.0'), 'leaving');
  await rescan();
  assert.deepEqual((await hub.run('leaving.run')).result, { version: '1.1.0' });
});

test('a bad file is listed with the reason and changes nothing else', async () => {
  const before = (await hub.json('/v1/connectors')).connectors.filter((one) =>
    one.health === 'ready').map((one) => `${one.name} ${one.version}`);
  fs.writeFileSync(path.join(folder, 'text.so'), 'this is no library');
  fs.writeFileSync(path.join(folder, 'fresh.so.bak'), 'and this is none of our business');
  fs.copyFileSync(path.join(BUILD, 'tests', 'rules', 'crash_at_load.so'),
    path.join(folder, 'crash.so'));
  fs.copyFileSync(path.join(BUILD, 'tests', 'rules', 'refused.so'), path.join(folder, 'named.so'));
  fs.copyFileSync(compile('fresh', '9.0.0'), path.join(folder, 'zz_fresh.so'));
  const { connectors } = await rescan();
  const reason = (name) => {
    const found = connectors.find((one) => one.name === name);
    assert.equal(found.health, 'refused', name);
    return found.reason;
  };
  assert.match(reason('text.so'), /cannot be loaded/);
  assert.match(reason('crash.so'), /signal|code|crash/);
  assert.match(reason('named.so'), /name/);
  assert.match(reason('zz_fresh.so'), /the name fresh is taken/);
  const now = connectors.filter((one) => one.health === 'ready')
    .map((one) => `${one.name} ${one.version}`);
  assert.deepEqual(now, before);
  assert.equal((await hub.run('fresh.run')).state, 'succeeded');
  for (const name of ['text', 'crash', 'named', 'zz_fresh']) {
    fs.unlinkSync(path.join(folder, `${name}.so`));
  }
  assert.ok((await rescan()).connectors.every((one) => one.health !== 'refused'));
});

test('a bad version over a good one leaves the good one at work', async () => {
  drop(compile('steady', '1.0.0'), 'steady');
  await rescan();
  assert.equal((await hub.run('steady.run')).state, 'succeeded');
  fs.writeFileSync(path.join(folder, '.broken'), 'half a file');
  fs.renameSync(path.join(folder, '.broken'), path.join(folder, 'steady.so'));
  const { connectors } = await rescan();
  assert.equal(connectors.find((one) => one.name === 'steady.so').health, 'refused');
  assert.deepEqual((await hub.run('steady.run')).result, { version: '1.0.0' });
  drop(compile('steady', '1.0.1'), 'steady');
  await rescan();
  assert.deepEqual((await hub.run('steady.run')).result, { version: '1.0.1' });
});

test('hubctl connector install: a new one, then a new version over it', async () => {
  const end = await ctl('connector', 'install', compile('installed', '1.0.0'));
  assert.equal(end.code, 0, end.stderr);
  assert.equal(end.stdout, `installed 1.0.0 is installed: ${path.join(folder, 'installed.so')}\n`);
  assert.deepEqual((await hub.run('installed.run')).result, { version: '1.0.0' });
  const [shown] = await ctl.json('connector', 'install', compile('installed', '1.2.0'));
  assert.equal(shown.version, '1.2.0');
  assert.equal(shown.health, 'ready');
  assert.deepEqual((await hub.run('installed.run')).result, { version: '1.2.0' });
  assert.deepEqual(fs.readdirSync(folder).filter((one) => one.startsWith('.')), []);
  assert.equal(fs.statSync(path.join(folder, 'installed.so')).mode & 0o777, 0o644);
});

test('hubctl connector install refuses what hubd would refuse, and touches nothing', async () => {
  const before = fs.readdirSync(folder).sort();
  for (const rule of ['refused', 'crash_at_load']) {
    const end = await ctl('connector', 'install', path.join(BUILD, 'tests', 'rules', `${rule}.so`));
    assert.equal(end.code, 3, end.stdout);
  }
  const text = path.join(build, 'text.so');
  fs.writeFileSync(text, 'no library');
  assert.equal((await ctl('connector', 'install', text)).code, 3);
  assert.equal((await ctl('connector', 'install', path.join(build, 'absent.so'))).code, 6);
  assert.deepEqual(fs.readdirSync(folder).sort(), before);
});

test('many rescans at once end well', async () => {
  const answers = await Promise.all(Array.from({ length: 8 }, () =>
    hub.send('/v1/connectors/rescan', '', { headers: {} })));
  const codes = answers.map((one) => one.status);
  assert.ok(codes.includes(200) && codes.every((one) => one === 200 || one === 409), `${codes}`);
  assert.equal((await hub.run('noop.run')).state, 'succeeded');
});
