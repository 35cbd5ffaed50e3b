// Settings: from flags, environment and file; checked, with the line of what is wrong.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';

import { BUILD, removeFolder, runProgram, startHubd, tempFolder, until } from './lib/hubd.mjs';

const folder = tempFolder();
after(() => removeFolder(folder));

const hubd = (args, options) => runProgram(path.join(BUILD, 'hubd'), args, options);

function file(name, text) {
  fs.writeFileSync(path.join(folder, name), text);
  return path.join(folder, name);
}

test('--version and --help', async () => {
  const version = await hubd(['--version']);
  assert.equal(version.code, 0);
  assert.match(version.stdout, /^hubd \d+\.\d+\.\d+\n$/);
  const help = await hubd(['--help']);
  assert.equal(help.code, 0);
  for (const flag of ['--config', '--state-dir', '--listen', '--socket', '--connector-dir',
    '--check', '--version', '--help']) {
    assert.ok(help.stdout.includes(flag), flag);
  }
  assert.equal(help.stderr, '');
});

test('--check says whether the settings are fine, and starts nothing', async () => {
  const stateDir = path.join(folder, 'untouched');
  const good = await hubd(['--check', '--state-dir', stateDir, '--listen', '[::1]:0']);
  assert.equal(good.code, 0, good.stderr);
  assert.ok(!fs.existsSync(stateDir));
});

test('wrong flags are named', async () => {
  const wrong = [
    [['--frobnicate', '1'], /--frobnicate/], [['--listen'], /--listen/],
    [['--listen', 'localhost:80'], /listen/], [['--listen', '127.0.0.1:99999'], /listen/],
    [['--log-level', 'loud'], /log_level/], [['--wait-max-s', '61'], /wait_max_s/],
    [['--wait-max-s', 'ten'], /wait_max_s/], [['stray'], /stray/],
    [['--config', path.join(folder, 'nowhere.yaml')], /nowhere\.yaml/],
    [['--artifact-retention', 'a week'], /artifact_retention/],
  ];
  for (const [args, message] of wrong) {
    const { code, stdout, stderr } = await hubd(['--check', ...args]);
    assert.equal(code, 2, `${args}: ${stderr}`);
    assert.match(stderr, message);
    assert.equal(stdout, '');
  }
});

test('what is wrong in a file is told with its line', async () => {
  const wrong = [
    ['log_level: info\nlisten: nowhere\n', /line 2\b.*listen/s],
    ['# a remark\n\nwait_max_s: 1000\n', /line 3\b/],
    ['log_level: info\nlog_level: warn\n', /line 2\b/],
    ['unknown_setting: 1\n', /unknown_setting/],
    ['log_level: [\n', /line/],
    ['- a\n- list\n', /object|mapping/],
    ['connector_dirs: /one/string\n', /connector_dirs/],
    ['{"log_level": "info", "listen": 7}', /listen/],
  ];
  for (const [text, message] of wrong) {
    const { code, stderr } = await hubd(['--check', '--config', file('wrong.yaml', text)]);
    assert.equal(code, 2, `${text}: ${stderr}`);
    assert.match(stderr, message, text);
    assert.ok(stderr.includes('wrong.yaml'), stderr);
  }
});

test('YAML and JSON files, environment and flags, the nearer one wins', async () => {
  const config = file('good.yaml', [
    '# where and how', 'log_format: json', 'log_level: debug', 'body_max_bytes: 2048',
    'connector_dirs:', `  - ${path.join(BUILD, 'tests', 'connectors')}`, '',
  ].join('\n'));
  const hub = await startHubd({
    connectors: [], flags: { config, body_max_bytes: 4096 },
    env: { HUBD_LOG_LEVEL: 'info', HUBD_BODY_MAX_BYTES: '1024' },
  });
  try {
    assert.equal((await hub.run('noop.run', { pad: 'x'.repeat(3000) })).state, 'succeeded');
    await hub.refused(413, 'too_large', '/v1/jobs',
      { method: 'POST', json: { type: 'noop.run', input: { pad: 'x'.repeat(4096) } } });
  } finally {
    await hub.stop();
  }
  const lines = hub.log().trim().split('\n').filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));
  assert.ok(lines.length >= 2, hub.log());
  assert.ok(lines.every((line) => line.level !== 'debug'), 'the environment wins over the file');

  const json = file('good.json', JSON.stringify({ log_level: 'warn', wait_max_s: 5 }));
  const { code, stderr } = await hubd(['--check', '--config', json]);
  assert.equal(code, 0, stderr);
});

test('the socket may be elsewhere, the address IPv6', async () => {
  const socket = path.join(folder, 'elsewhere.sock');
  const hub = await startHubd({ flags: ['--socket', socket, '--listen', '[::1]:0'] })
    .catch((error) => error);
  if (hub instanceof Error) {
    assert.match(hub.message, /address not available|not supported/i, hub.message);
    return;
  }
  assert.match(hub.url, /^http:\/\/\[::1\]:\d+$/);
  assert.equal((await hub.fetch('/healthz')).status, 200);
  hub.socket = socket;
  assert.equal((await hub.overSocket({ path: '/v1/keys' })).status, 200);
  await hub.stop();
});

test('SIGHUP reads the log level again; settings that are wrong stay as they were', async () => {
  const config = file('reload.yaml', 'log_level: error\n');
  const hub = await startHubd({ flags: { config } });
  try {
    assert.ok(!hub.log().includes('level=info'));
    fs.writeFileSync(config, 'log_level: info\n');
    hub.signal('SIGHUP');
    await until(() => hub.log().includes('msg=reloading') || hub.log().includes('msg="reloading"'),
      'the new level');
    fs.writeFileSync(config, 'log_level: loud\n');
    hub.signal('SIGHUP');
    await until(() => hub.log().includes('settings are wrong'), 'a complaint');
    assert.match(hub.log(), /line 1/);
    assert.equal((await hub.fetch('/healthz')).status, 200);
  } finally {
    await hub.stop();
  }
});
