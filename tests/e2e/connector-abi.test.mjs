// The ABI over time: connectors of today in a host of tomorrow, whose structs have all grown, and
// connectors of tomorrow in today's host. BUILD/tests/future has the header and the runner of
// tomorrow: core/check/CMakeLists.txt makes them.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';

import { HUBCTL } from './lib/hubctl.mjs';
import { BUILD, runProgram, SOURCE, startHubd, tempFolder } from './lib/hubd.mjs';

const FUTURE = path.join(BUILD, 'tests', 'future');
const work = tempFolder();

const lines = (end) => end.stdout.split('\n').filter(Boolean).map((one) => JSON.parse(one));
const QUICK = ['--jobs', '50', '--allocations', '20', '--json'];

/** hubctl as it would be beside the runner of tomorrow. */
function futureHubctl() {
  const ctl = path.join(work, 'hubctl');
  if (!fs.existsSync(ctl)) {
    const libexec = path.join(work, 'libexec', 'hubd');
    fs.mkdirSync(libexec, { recursive: true });
    fs.copyFileSync(HUBCTL, ctl);
    fs.copyFileSync(path.join(FUTURE, 'libexec', 'hubd', 'hub-runner'),
      path.join(libexec, 'hub-runner'));
    fs.copyFileSync(path.join(BUILD, 'libexec', 'hubd', 'hub-check'),
      path.join(libexec, 'hub-check'));
  }
  return ctl;
}

test('the header of tomorrow has grown everywhere', () => {
  const header = fs.readFileSync(path.join(FUTURE, 'hub', 'connector.h'), 'utf8');
  assert.match(header, /define HUB_ABI 0x00010001u/);
  assert.equal(header.match(/\bappended(\[4\]|\)\(void\));/g).length, 9);
});

for (const name of ['noop', 'probe', 'aprobe']) {
  test(`compiled with today's header, in a host of tomorrow: ${name}`, async () => {
    const file = path.join(BUILD, 'tests', 'connectors', `${name}.so`);
    const end = await runProgram(futureHubctl(), ['connector', 'check', file, ...QUICK]);
    assert.equal(end.code, 0, end.stdout + end.stderr);
    const runs = lines(end).filter((one) => one.check === 'run');
    assert.ok(runs.length > 0 && runs.every((one) => one.verdict === 'pass'), end.stdout);
  });
}

/** A connector that uses what tomorrow brings, if the host has it. */
const TOMORROW = `
#include <hub/connector.h>
static const hub_host *host;
static void start(hub_instance *instance, hub_job *job)
{
    host = (const hub_host *)instance;
    int has = HUB_HAS(host, hub_host, appended) && HUB_HAS(job, hub_job, appended);
    if (HUB_HAS(host, hub_host, appended) && host->appended)
        host->appended();
    if (has)
        host->succeed(job, HUB_STR("{\\"has\\":true}"));
    else
        host->succeed(job, HUB_STR("{\\"has\\":false}"));
}
static hub_instance *create(const hub_host *h) { return (hub_instance *)h; }
static const hub_operation RUN = {.size = sizeof RUN, .name = HUB_STR_INIT("run"),
    .summary = HUB_STR_INIT("Looks for what is new."), .example = HUB_STR_INIT("{}"),
    .input_schema = HUB_STR_INIT(HUB_JSON({"type": "object"})), .start = start, .appended = {1}};
static const hub_operation *const OPERATIONS[] = {&RUN};
static const hub_connector C = {.size = sizeof C, .abi = HUB_ABI, .name = HUB_STR_INIT("tomorrow"),
    .version = HUB_STR_INIT("1.0.0"), .licence = HUB_STR_INIT("0BSD"),
    .summary = HUB_STR_INIT("Of tomorrow."), .mode = HUB_MODE_ASYNC, .operation_count = 1,
    .operations = OPERATIONS, .create = create, .appended = {1, 2, 3, 4}};
HUB_EXPORT const hub_connector *hub_connector_entry(uint32_t abi)
{
    return HUB_ABI_MAJOR(abi) == 1 ? &C : 0;
}
`;

function compile() {
  const folder = path.join(work, 'connectors');
  fs.mkdirSync(folder, { recursive: true });
  const source = path.join(work, 'tomorrow.c');
  const file = path.join(folder, 'tomorrow.so');
  fs.writeFileSync(source, TOMORROW);
  execFileSync('cc', ['-shared', '-fPIC', '-fvisibility=hidden', '-Wall', '-Werror',
    `-I${FUTURE}`, '-o', file, source]);
  return file;
}

test('compiled with the header of tomorrow, in today\'s host', async () => {
  const file = compile();
  const hub = await startHubd({ connectors: [path.dirname(file)] });
  after(() => hub.stop());
  const job = await hub.run('tomorrow.run');
  assert.equal(job.state, 'succeeded', JSON.stringify(job));
  assert.deepEqual(job.result, { has: false });
  const end = await runProgram(HUBCTL, ['connector', 'check', file, ...QUICK]);
  assert.equal(end.code, 0, end.stdout + end.stderr);
});

test('and in the host of tomorrow it finds what is new', async () => {
  const end = await runProgram(futureHubctl(), ['connector', 'check', compile(), '--operation',
    'run', ...QUICK]);
  assert.equal(end.code, 0, end.stdout + end.stderr);
  assert.equal(lines(end).find((one) => one.check === 'run').verdict, 'pass');
});

test('another major version is another ABI, and is refused with both named', async () => {
  const source = path.join(work, 'major.c');
  const file = path.join(work, 'major.so');
  fs.writeFileSync(source, fs.readFileSync(path.join(SOURCE, 'connectors/misbehave/rule_none.c'),
    'utf8').replace('#define RULE_NAME', '#undef HUB_ABI\n#define HUB_ABI 0x00020000u\n' +
    '#define RULE_ENTRY\n#define RULE_NAME') + `
HUB_EXPORT const hub_connector *hub_connector_entry(uint32_t abi) { return abi ? &CONNECTOR : 0; }
`);
  execFileSync('cc', ['-shared', '-fPIC', '-fvisibility=hidden',
    `-I${path.join(SOURCE, 'core/sdk')}`, `-I${path.join(SOURCE, 'connectors/misbehave')}`, '-o',
    file, source]);
  const end = await runProgram(HUBCTL, ['connector', 'inspect', file]);
  assert.equal(end.code, 1);
  assert.match(end.stderr, /built for ABI 2\.0, this host has ABI 1\.0/);
});
