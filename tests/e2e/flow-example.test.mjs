// The example of contrib/examples, as it is there, through hubctl: charge, invoice, thumbnail of its
// logo, email of both. And that a failure at the end never charges again.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { BUILD, SOURCE, runProgram, startHubd, tempFolder } from './lib/hubd.mjs';

const FILE = path.join(SOURCE, 'contrib/examples/charge-and-invoice.json');

let hub;
before(async () => { hub = await startHubd({ flags: { retry_base_ms: 10 } }); });
after(() => hub.stop());

const hubctl = (...args) =>
  runProgram(path.join(BUILD, 'hubctl'), ['--socket', hub.socket, ...args], { ms: 120_000 });

test('charge → invoice → thumbnail → email', async () => {
  const run = await hubctl('--json', 'flow', 'run', FILE, '--wait');
  assert.equal(run.code, 0, run.stderr + run.stdout);
  const flow = JSON.parse(run.stdout);
  assert.equal(flow.state, 'succeeded');
  assert.deepEqual(flow.counts, { succeeded: 4 });
  const invoice = await hub.job(flow.jobs.invoice.id);
  const charge = await hub.job(flow.jobs.charge.id);
  assert.equal(invoice.input.data.total, charge.result.captured_minor);
  const [pdf] = invoice.artifacts;
  assert.equal((await hub.download(pdf)).subarray(0, 5).toString(), '%PDF-');
  const email = await hub.job(flow.jobs.email.id);
  const letter = (await hub.download(email.artifacts[0])).toString('latin1');
  assert.match(letter, /invoice-1001\.pdf/);
  assert.match(letter, /thumbnail\.png/);

  const shown = await hubctl('--color', 'never', 'flow', 'show', flow.id);
  assert.equal(shown.code, 0, shown.stderr);
  assert.deepEqual(shown.stdout.split('\n').slice(1, 5), [
    'charge  payments.purchase  succeeded',
    '└─ invoice  pdf.render  succeeded',
    '   └─ thumbnail  image.transform  succeeded',
    '      └─ email  email.send  succeeded  also after invoice',
  ]);
  const coloured = await hubctl('--color', 'always', 'flow', 'show', flow.id);
  assert.match(coloured.stdout, /\x1b\[[0-9;]*m/);
  assert.match((await hubctl('flow')).stdout, new RegExp(`${flow.id}.*succeeded.*order 1001`));
});

test('an email that fails is sent again, the payment is not made again', async () => {
  const flow = JSON.parse(fs.readFileSync(FILE, 'utf8'));
  flow.jobs.email.after = ['gate'];
  flow.jobs.gate = { type: 'probe.run', input: { do: 'fail', until_attempt: 3 }, after: ['thumbnail'] };
  const file = path.join(tempFolder(), 'flow.json');
  fs.writeFileSync(file, JSON.stringify(flow));
  const first = await hubctl('--json', 'flow', 'run', file, '--wait', '--idempotency-key', 'once');
  assert.equal(first.code, 1);
  let now = JSON.parse(first.stdout);
  assert.equal(now.jobs.email.error.code, 'dependency_failed');
  const payment = (await hub.job(now.jobs.charge.id)).result.payment;
  for (let round = 0; round < 2; round++) {
    const again = await hubctl('flow', 'retry', now.id);
    assert.equal(again.code, 0, again.stderr);
    const end = await hubctl('--json', 'flow', 'show', now.id, '--follow');
    now = JSON.parse(end.stdout);
  }
  assert.equal(now.state, 'succeeded');
  const charge = await hub.job(now.jobs.charge.id);
  assert.equal(charge.result.payment, payment);
  assert.equal(charge.attempts.length, 1);
  assert.equal((await hub.job(now.jobs.gate.id)).attempts.length, 3);
  const posted = await hubctl('--json', 'flow', 'run', file, '--idempotency-key', 'once');
  assert.equal(JSON.parse(posted.stdout).id, now.id);
});

test('cancel, and what is wrong on the command line', async () => {
  const file = path.join(tempFolder(), 'flow.json');
  fs.writeFileSync(file, JSON.stringify({ jobs: { a: { type: 'probe.run', input: { do: 'sleep', ms: 100, times: 600 } } } }));
  const id = (await hubctl('-q', 'flow', 'run', file)).stdout.trim();
  const cancelled = await hubctl('--json', 'flow', 'cancel', id);
  assert.equal(JSON.parse(cancelled.stdout).state, 'cancelled', cancelled.stderr);
  fs.writeFileSync(file, JSON.stringify({ jobs: { a: { type: 'noop.run', after: ['a'] } } }));
  const refused = await hubctl('flow', 'run', file);
  assert.equal(refused.code, 3);
  assert.match(refused.stderr, /a after a/);
  assert.equal((await hubctl('flow', 'run', '/no/such/file')).code, 6);
  assert.equal((await hubctl('flow', 'show', 'nonsense')).code, 2);
});
