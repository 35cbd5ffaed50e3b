// `hubctl connector check` against connectors that each break one rule: it must find that rule, name
// it, say how to mend it, and find nothing else that is a fault.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import { hubctl } from './lib/hubctl.mjs';
import { BUILD, SANITIZED, tempFolder } from './lib/hubd.mjs';

const RULES = path.join(BUILD, 'tests', 'rules');
const ctl = hubctl();

/** Enough for small connectors, and quick. */
const QUICK = ['--jobs', '200', '--timeout', '3s', '--grace', '600ms', '--patience', '10s'];

async function check(file, ...options) {
  const end = await ctl('connector', 'check', file, '--json', ...QUICK, ...options);
  const findings = end.stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
  return { ...end, findings, faults: findings.filter((one) => one.verdict === 'fault') };
}

/** Which rule each must be told to break, in which check. */
const BROKEN = {
  allocation: ['allocations', 'allocation'],
  bad_code: ['completion', 'bad_code'],
  bad_example: ['example', 'bad_example'],
  bad_host: ['descriptor', 'bad_host'],
  bad_progress: ['completion', 'bad_progress'],
  bad_reserved: ['descriptor', 'bad_reserved'],
  bad_result: ['completion', 'bad_result'],
  bad_schema: ['schemas', 'bad_schema'],
  bad_size: ['descriptor', 'bad_size'],
  bad_text: ['completion', 'bad_text'],
  bad_version: ['descriptor', 'bad_version'],
  blocks_main: ['completion', 'blocks_main'],
  call_under_way: ['completion', 'call_under_way'],
  cancel_broke: ['cancel', 'cancel_broke'],
  cancel_ignored: ['cancel', 'cancel_ignored'],
  crash: ['completion', 'crash'],
  crash_at_load: ['descriptor', 'crash_at_load'],
  create_failed: ['completion', 'create_failed'],
  double_completion: ['completion', 'double_completion'],
  end: ['completion', 'end'],
  entry_any_major: ['descriptor', 'entry_any_major'],
  entry_changes: ['descriptor', 'entry_changes'],
  entry_threads: ['descriptor', 'entry_threads'],
  executable_stack: ['file', 'executable_stack'],
  exit: ['completion', 'exit'],
  exports: ['file', 'exports'],
  leak: ['leaks', 'leak'],
  leak_files: ['leaks', 'leak_files'],
  never_completed: ['completion', 'never_completed'],
  never_completed_async: ['completion', 'never_completed'],
  newer_host: ['newer_host', 'newer_host'],
  not_json: ['completion', 'bad_result'],
  older_host: ['older_host', 'older_host'],
  progress_after_completion: ['completion', 'use_after_completion'],
  refused: ['descriptor', 'refused'],
  timer_after_fire: ['completion', 'timer_after_fire'],
  too_large: ['completion', 'too_large'],
  unknown_job: ['completion', 'unknown_job'],
  use_after_completion: ['completion', 'use_after_completion'],
  wrong_thread: ['completion', 'wrong_thread'],
};
const CLEAN = ['none', 'no_example'];

test('every connector that breaks a rule is known here', () => {
  const built = fs.readdirSync(RULES).map((name) => path.basename(name, '.so')).sort();
  assert.deepEqual(built, [...Object.keys(BROKEN), ...CLEAN].sort());
});

for (const [name, [where, rule]] of Object.entries(BROKEN)) {
  const skip = SANITIZED && where === 'allocations'; // they are not made to fail there
  test(`${name}: ${where} names ${rule}`, { skip }, async () => {
    const { code, faults, stderr } = await check(path.join(RULES, `${name}.so`));
    assert.equal(code, 1, stderr);
    assert.ok(faults.length > 0, 'no fault was found');
    for (const fault of faults) {
      assert.equal(fault.check, where, JSON.stringify(fault));
      assert.equal(fault.rule, rule, JSON.stringify(fault));
      assert.ok(fault.detail.length > 10 && fault.remedy.length > 10, JSON.stringify(fault));
    }
  });
}

test('one that keeps the rules passes every check', async () => {
  const { code, findings } = await check(path.join(RULES, 'none.so'));
  assert.equal(code, 0, JSON.stringify(findings));
  assert.deepEqual(findings.map((one) => one.check), ['file', 'descriptor', 'schemas', 'example',
    'completion', 'run', 'cancel', 'older_host', 'newer_host', 'leaks', 'allocations']);
  const others = findings.filter((one) => one.verdict !== 'pass').map((one) => one.check);
  assert.deepEqual(others, SANITIZED ? ['allocations'] : [], JSON.stringify(findings));
});

for (const name of ['template', 'template_async']) {
  test(`what hubctl connector new writes keeps the contract: ${name}`, async () => {
    const file = path.join(BUILD, 'tests', 'template', `${name}.so`);
    const { code, faults, findings } = await check(file);
    assert.equal(code, 0, JSON.stringify(faults));
    const ran = findings.filter((one) => one.verdict === 'pass').map((one) => one.check);
    const hard = ['cancel', 'leaks', ...(SANITIZED ? [] : ['allocations'])];
    assert.ok(hard.every((one) => ran.includes(one)), JSON.stringify(findings));
  });
}

for (const name of ['noop', 'probe', 'aprobe']) {
  test(`our own keep it too: ${name}`, async () => {
    const { code, faults } = await check(path.join(BUILD, 'tests', 'connectors', `${name}.so`));
    assert.equal(code, 0, JSON.stringify(faults));
  });
}

test('an operation without an example is a warning, and is not run', async () => {
  const { code, findings } = await check(path.join(RULES, 'no_example.so'));
  assert.equal(code, 0);
  const last = findings.at(-1);
  assert.equal(last.rule, 'no_example');
  assert.equal(last.verdict, 'warning');
});

test('what is kept and put on record is there while it is checked', async () => {
  const calls = [
    { call: 'put', key: 'a', value: '1', only_new: true }, { call: 'get', key: 'a' },
    { call: 'put', scope: 'account', key: 'a', value: '2' },
    { call: 'list', scope: 'account' }, { call: 'put', key: 'a' },
    { call: 'append', kind: 'intent', value: '{"amount":1}' },
  ];
  for (const name of ['probe', 'aprobe']) {
    const { findings } = await check(path.join(BUILD, 'tests', 'connectors', `${name}.so`),
      '--operation', 'run', '--input', JSON.stringify({ do: 'succeed', calls }));
    // json-c loses members of the input when it gets no memory: what the probe asks for then is
    // not what it was told.
    const bad = findings.filter((one) => one.verdict !== 'pass' && one.check !== 'allocations');
    assert.deepEqual(bad, []);
    assert.ok(findings.some((one) => one.check === 'run'), JSON.stringify(findings));
  }
});

test('--operation and --input run one operation with another input', async () => {
  const probe = path.join(BUILD, 'tests', 'connectors', 'probe.so');
  const { code, faults, findings } = await check(probe, '--operation', 'run', '--input',
    '{"do":"double_complete"}');
  assert.equal(code, 1);
  assert.deepEqual([...new Set(faults.map((one) => one.rule))], ['double_completion']);
  assert.ok(findings.every((one) => one.operation === null || one.operation === 'run'));
  const bad = await check(probe, '-o', 'run', '-i', '{"do":"nothing of the kind"}');
  assert.equal(bad.faults[0].rule, 'bad_example');
  assert.equal((await check(probe, '-o', 'walk')).code, 2);
});

test('a file for a place in the input comes from --file', { skip: SANITIZED }, async () => {
  const image = path.join(BUILD, 'connectors', 'image.so');
  const none = await check(image, '-o', 'info', '-i',
    '{"image":{"artifact":"01900000-0000-7000-8000-000000000000"}}');
  assert.equal(none.findings.at(-1).verdict, 'skipped');
  assert.equal(none.findings.at(-1).rule, 'example_file');
});

test('a file that everybody may write to', async () => {
  const file = path.join(tempFolder(), 'none.so');
  fs.copyFileSync(path.join(RULES, 'none.so'), file);
  fs.chmodSync(file, 0o666);
  const { code, faults } = await check(file);
  assert.equal(code, 1);
  assert.deepEqual(faults.map((one) => one.rule), ['world_writable', 'refused']);
});

test('files that are no connectors', async () => {
  const folder = tempFolder();
  const text = path.join(folder, 'text.so');
  fs.writeFileSync(text, 'not an ELF file');
  assert.deepEqual((await check(text)).faults.map((one) => one.rule),
    ['not_a_library', 'refused']);
  const whole = fs.readFileSync(path.join(RULES, 'none.so'));
  for (const length of [0, 10, 64, 200, 1000, whole.length - 600]) {
    const cut = path.join(folder, `cut-${length}.so`);
    fs.writeFileSync(cut, whole.subarray(0, length));
    assert.equal((await check(cut)).code, 1, `cut to ${length} bytes`);
  }
  assert.equal((await check(path.join(folder, 'absent.so'))).code, 6);
  assert.equal((await check(folder)).code, 1);
});

test('for people: marks, the rule, how to mend it, and a last word', async () => {
  const end = await ctl('connector', 'check', path.join(RULES, 'bad_version.so'), ...QUICK);
  assert.equal(end.code, 1);
  assert.match(end.stdout, /^connector\n {2}✓ file /);
  assert.match(end.stdout, /✗ descriptor +version is "version one"\n +bad_version → Use a semantic/);
  assert.match(end.stdout, /\nrun\n {2}✓ schemas /);
  assert.match(end.stdout, /\nIt breaks the contract\.\n$/);
});
