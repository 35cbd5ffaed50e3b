// The kit as a stranger uses it: installed into a prefix of its own, a new connector, built out of
// tree in both ways, tested, inspected.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import { HUBCTL, hubctl } from './lib/hubctl.mjs';
import { BUILD, runProgram, SOURCE, tempFolder } from './lib/hubd.mjs';

const work = tempFolder('hubd-kit-');
const prefix = path.join(work, 'prefix');

async function run(program, args, { cwd = work, env = {}, ms = 120_000 } = {}) {
  const line = `cd "$0" && exec "$@"`;
  const end = await runProgram('sh', ['-c', line, cwd, program, ...args],
    { ms, env: { ASAN_OPTIONS: 'detect_leaks=0', ...env } });
  assert.equal(end.code, 0, `${program} ${args.join(' ')}\n${end.stdout}\n${end.stderr}`);
  return end.stdout;
}

test('the header, the pkg-config file and the CMake package are installed', async () => {
  await run('cmake', ['--install', BUILD, '--prefix', prefix, '--component', 'sdk']);
  const files = fs.readdirSync(prefix, { recursive: true }).filter((one) => /\.\w+$/.test(one));
  const names = files.map((one) => path.basename(one)).sort();
  assert.deepEqual(names, ['HubConnector.cmake', 'connector.h', 'exports.map',
    'hubd-connector-config-version.cmake', 'hubd-connector-config.cmake', 'hubd-connector.pc']);
});

function pkgConfigPath() {
  const file = fs.readdirSync(prefix, { recursive: true }).find((one) => one.endsWith('.pc'));
  return path.dirname(path.join(prefix, file));
}

for (const [name, ...options] of [['greeter'], ['waiter', '--async']]) {
  test(`hubctl connector new ${[name, ...options].join(' ')}`, async (t) => {
    await run(HUBCTL, ['connector', 'new', name, ...options]);
    const folder = path.join(work, name);
    assert.deepEqual(fs.readdirSync(folder).sort(),
      ['CMakeLists.txt', 'README.md', `${name}.c`, `${name}_test.c`, 'schemas.h'].sort());
    for (const file of fs.readdirSync(folder)) {
      assert.doesNotMatch(fs.readFileSync(path.join(folder, file), 'utf8'), /template/i, file);
    }

    await t.test('builds with CMake, and its tests pass', async () => {
      await run('cmake', ['-B', 'build', `-DCMAKE_PREFIX_PATH=${prefix}`, `-DHUBCTL=${HUBCTL}`,
        '-DCMAKE_C_FLAGS=-Wall -Wextra -Werror'], { cwd: folder });
      await run('cmake', ['--build', 'build'], { cwd: folder });
      const out = await run('ctest', ['--test-dir', 'build', '--output-on-failure'],
        { cwd: folder });
      assert.match(out, /100% tests passed, 0 tests failed out of 2/);
      assert.ok(fs.existsSync(path.join(folder, 'build', `${name}.so`)));
    });

    await t.test('builds with the one line of its README', async () => {
      const readme = fs.readFileSync(path.join(folder, 'README.md'), 'utf8');
      const line = /^ {4}(cc .*)$/m.exec(readme)[1];
      await run('sh', ['-c', line],
        { cwd: folder, env: { PKG_CONFIG_PATH: pkgConfigPath() } });
      assert.ok(fs.existsSync(path.join(folder, `${name}.so`)));
    });

    await t.test('is what it says', async () => {
      const [report] = await hubctl().json('connector', 'inspect',
        path.join(folder, `${name}.so`));
      assert.equal(report.name, name);
      assert.equal(report.mode, options.length > 0 ? 'async' : 'blocking');
      assert.equal(report.abi, '1.0');
      assert.equal(report.accepted, true);
      assert.deepEqual(report.hosts, []);
      const [operation] = report.operations;
      assert.equal(operation.type, `${name}.run`);
      assert.equal(operation.retry_safety, 'safe');
      assert.deepEqual(operation.input_schema.required, ['text']);
      assert.deepEqual(operation.example, { text: 'hello', times: 3 });
    });
  });
}

test('a name that no connector can have, and a folder that is there', async () => {
  const ctl = hubctl();
  for (const name of ['Greeter', '1st', 'a-b', '', '../up', 'a'.repeat(65)]) {
    assert.equal((await ctl('connector', 'new', name)).code, 2, name);
  }
  const end = await runProgram('sh', ['-c', 'cd "$0" && exec "$@"', work, HUBCTL, 'connector',
    'new', 'greeter']);
  assert.equal(end.code, 6);
});

test('a schema in a file becomes a literal, whatever is in it', async () => {
  const folder = path.join(work, 'files');
  fs.mkdirSync(folder);
  const schema = { type: 'object', pattern: '^a\\\\b"$', description: '${CMAKE_COMMAND} @X@ %s ü' };
  fs.writeFileSync(path.join(folder, 'in-put.schema.json'), JSON.stringify(schema, null, 2));
  fs.writeFileSync(path.join(folder, 'CMakeLists.txt'), `
    cmake_minimum_required(VERSION 3.16)
    project(files LANGUAGES C)
    find_package(hubd-connector 1.0 REQUIRED)
    hub_add_connector(files SOURCES files.c SCHEMAS in-put.schema.json)`);
  const source = fs.readFileSync(path.join(SOURCE, 'connectors', 'noop', 'noop.c'), 'utf8');
  fs.writeFileSync(path.join(folder, 'files.c'), source.replaceAll('noop', 'files')
    .replace('RUN_SCHEMA', 'IN_PUT_SCHEMA'));
  await run('cmake', ['-B', 'build', `-DCMAKE_PREFIX_PATH=${prefix}`], { cwd: folder });
  await run('cmake', ['--build', 'build'], { cwd: folder });
  const [report] = await hubctl().json('connector', 'inspect', path.join(folder, 'build', 'files.so'));
  assert.deepEqual(report.operations[0].input_schema, schema);
});

test('inspect: libraries with their packages, and what is refused with the reason', async () => {
  const ctl = hubctl();
  const image = path.join(BUILD, 'connectors', 'image.so');
  const [report] = await ctl.json('connector', 'inspect', image);
  const gd = report.libraries.find((one) => /^libgd\.so/.test(one.name));
  assert.match(gd.package, /^libgd3/);
  assert.match(gd.version, /^\d/);
  assert.equal(gd.through, null);
  assert.ok(report.libraries.some((one) => one.through !== null));
  assert.ok(report.libraries.every((one) => one.path !== null), JSON.stringify(report.libraries));
  const people = await ctl('connector', 'inspect', image);
  assert.equal(people.code, 0, people.stderr);
  assert.match(people.stdout, /\n {2}network +none\n/);
  assert.match(people.stdout, /\n {2}libgd\.so\S+ +libgd3\S* +2\./);

  const bad = await ctl('connector', 'inspect', path.join(BUILD, 'tests', 'rules', 'refused.so'),
    '--json');
  assert.equal(bad.code, 1);
  assert.match(JSON.parse(bad.stdout).reason, /name/);
  const crash = await ctl('connector', 'inspect',
    path.join(BUILD, 'tests', 'rules', 'crash_at_load.so'));
  assert.equal(crash.code, 1);
  assert.match(crash.stderr, /signal|code/);
});
