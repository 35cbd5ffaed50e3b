// hubd finds its runner and its connectors by itself: where it was built, and where it is installed.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import { BUILD, SLOW, removeFolder, runProgram, startHubd, tempFolder } from './lib/hubd.mjs';

/** The smallest GIF: 1 × 1. */
const GIF = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64');

async function worksFrom(program) {
  const hub = await startHubd({ program, connectors: [] });
  try {
    const { connectors } = await hub.json('/v1/connectors');
    const image = connectors.find((one) => one.name === 'image');
    assert.equal(image?.health, 'ready', JSON.stringify(connectors));
    assert.ok(!connectors.some((one) => one.name === 'probe'), 'no test connector');
    const job = await hub.run('image.info',
      { image: { data: GIF.toString('base64'), name: 'a.gif' } });
    assert.equal(job.state, 'succeeded', JSON.stringify(job.error));
    assert.equal(job.result.format, 'gif');
    return image.file;
  } finally {
    await hub.stop();
  }
}

test('in the build tree', async () => {
  const file = await worksFrom(path.join(BUILD, 'hubd'));
  assert.ok(file.startsWith(fs.realpathSync(BUILD)));
});

test('from a link elsewhere', async () => {
  const folder = tempFolder();
  fs.symlinkSync(path.join(BUILD, 'hubd'), path.join(folder, 'hubd'));
  await worksFrom(path.join(folder, 'hubd'));
  removeFolder(folder);
});

test('after cmake --install, in a prefix that may be moved', async () => {
  const folder = tempFolder();
  const [prefix, moved] = [path.join(folder, 'opt'), path.join(folder, 'moved away')];
  const install = await runProgram('cmake', ['--install', BUILD, '--prefix', prefix],
    { ms: 120_000 * SLOW });
  assert.equal(install.code, 0, install.stdout + install.stderr);
  for (const file of ['bin/hubd', 'bin/hubctl', 'libexec/hubd/hub-runner',
    'include/hub/connector.h']) {
    assert.ok(fs.existsSync(path.join(prefix, file)), `${file}\n${install.stdout}`);
  }
  const file = await worksFrom(path.join(prefix, 'bin', 'hubd'));
  assert.ok(file.startsWith(`${fs.realpathSync(prefix)}/`), file);
  fs.renameSync(prefix, moved);
  const help = await runProgram(path.join(moved, 'bin', 'hubctl'), ['help']);
  assert.equal(help.code, 0, help.stderr);
  const elsewhere = await worksFrom(path.join(moved, 'bin', 'hubd'));
  assert.ok(elsewhere.startsWith(`${fs.realpathSync(moved)}/`), elsewhere);
  removeFolder(folder);
});
