// Payments by hubd itself, with the simulator: what a newcomer sees, and what the books say.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { SLOW, SOURCE, startHubd } from './lib/hubd.mjs';

let hub;
before(async () => { hub = await startHubd({ flags: { retry_base_ms: 10 } }); });
after(() => hub.stop());

const EUR = { amount_minor: 1250, currency: 'EUR' };

async function succeeds(operation, input, status) {
  const job = await hub.run(`payments.${operation}`, input);
  assert.equal(job.state, 'succeeded', JSON.stringify(job.error));
  assert.equal(job.result.status, status);
  return job;
}

async function fails(operation, input, code) {
  const job = await hub.run(`payments.${operation}`, input);
  assert.equal(job.state, 'failed', JSON.stringify(job.result));
  assert.equal(job.error.code, code, job.error.message);
  return job;
}

test('the first payment needs no account anywhere', async () => {
  const { result } = await succeeds('purchase',
    { ...EUR, payment_method: 'tok_approve', reference: 'order-1' }, 'succeeded');
  assert.equal(result.gateway, 'simulator');
  assert.equal(result.test, true);
  assert.deepEqual([result.amount_minor, result.captured_minor, result.currency, result.reference],
    [1250, 1250, 'EUR', 'order-1']);
});

test('authorize, capture in two parts, refund in two parts, and no more', async () => {
  const { result: { payment } } = await succeeds('authorize',
    { ...EUR, payment_method: 'tok_approve' }, 'authorized');
  const part = (amount_minor) => ({ payment, amount_minor, currency: 'EUR' });
  await succeeds('capture', { ...part(500), final: false }, 'authorized');
  const captured = await succeeds('capture', { payment }, 'succeeded');
  assert.equal(captured.result.captured_minor, 1250);
  await fails('capture', part(1), 'refused');
  await succeeds('refund', part(250), 'succeeded');
  await fails('refund', part(1001), 'refused');
  const rest = await succeeds('refund', { payment }, 'succeeded');
  assert.equal(rest.result.refunded_minor, 1250);
  await fails('void', { payment }, 'refused');
  const seen = await succeeds('get', { payment }, 'succeeded');
  assert.equal(seen.result.refunded_minor, 1250);
});

test('authorize, then void', async () => {
  const { result: { payment } } = await succeeds('authorize',
    { ...EUR, payment_method: 'tok_approve' }, 'authorized');
  await succeeds('void', { payment }, 'canceled');
  await fails('capture', { payment }, 'refused');
});

test('every reason to decline can be had, with its advice', async () => {
  const header = fs.readFileSync(path.join(SOURCE, 'connectors/payments/decline.h'), 'utf8');
  const reasons = [...header.matchAll(/X\(\w+, "(\w+)", "(\w+)"\)/g)];
  assert.ok(reasons.length >= 20);
  await Promise.all(reasons.map(async ([, code, advice]) => {
    const job = await fails('purchase', { ...EUR, payment_method: `tok_decline_${code}` },
      'declined');
    assert.equal(job.error.details.decline.code, code);
    assert.equal(job.error.details.decline.advice, advice);
    assert.equal(job.attempts.length, 1);
  }));
});

test('3-D Secure: there and back, and failing', async () => {
  for (const [method, end] of [['tok_3ds', 'succeeded'], ['tok_3ds_fail', 'failed']]) {
    const { result } = await succeeds('purchase', { ...EUR, payment_method: method },
      'requires_action');
    assert.equal(result.next_action.type, 'redirect');
    const job = await hub.run('payments.confirm', { payment: result.payment });
    assert.equal(job.state, end);
    if (end === 'failed') {
      assert.equal(job.error.details.decline.code, 'authentication_failed');
    }
  }
});

test('slow, busy and lost answers: one payment each', async () => {
  for (const [method, attempts] of [['tok_slow', 1], ['tok_busy', 2], ['tok_lost', 2],
    ['tok_lost_always', 5]]) {
    const job = await succeeds('purchase', { ...EUR, payment_method: method }, 'succeeded');
    assert.equal(job.attempts.length, attempts, method);
    const { result } = await succeeds('get', { payment: job.result.payment }, 'succeeded');
    assert.equal(result.raw.events, 1, method);
  }
});

test('a stored method is charged later', async () => {
  const stored = await succeeds('store', { payment_method: 'tok_approve', customer: 'ann' },
    'succeeded');
  const token = stored.result.ids.payment_method;
  await succeeds('purchase', { ...EUR, payment_method: token, off_session: true }, 'succeeded');
  await succeeds('unstore', { payment_method: token, customer: 'ann' }, 'succeeded');
});

test('reconcile and verify_account', async () => {
  const job = await succeeds('purchase', { ...EUR, payment_method: 'tok_approve' }, 'succeeded');
  const { result } = await hub.run('payments.reconcile', { job: job.id });
  assert.deepEqual([result.found, result.payment], [true, job.result.payment]);
  const never = await hub.run('payments.reconcile', { job: 'never-was' });
  assert.deepEqual([never.state, never.result.found], ['succeeded', false]);
  await succeeds('verify_account', {}, 'succeeded');
});

test('what is wrong with an order is said before anything is sent', async () => {
  const good = { ...EUR, payment_method: 'tok_approve' };
  await fails('purchase', { ...good, payment_method: '4242424242424242' }, 'invalid_input');
  await fails('purchase', { ...good, metadata: { a: '4242 4242 4242 4242' } }, 'invalid_input');
  await fails('purchase', { ...good, currency: 'XXQ' }, 'invalid_input');
  await fails('purchase', { ...good, capture_method: 'manual' }, 'invalid_input');
  await fails('authorize', { ...good, capture_method: 'automatic' }, 'invalid_input');
  await fails('purchase', EUR, 'invalid_input');
  await fails('purchase', { ...good, payment_method: 'tok_unheard_of' }, 'refused');
  await fails('refund', { payment: 'sim_0123456789abcdef01234567' }, 'refused');
  for (const bad of [{ amount_minor: 0 }, { amount_minor: -1 }, { amount_minor: 12.5 },
    { amount_minor: '1250' }, { currency: 'eur' }, { card: { number: '1' } },
    { metadata: { hub_job: 'x' } }]) {
    await hub.refused(422, 'invalid_input', '/v1/jobs',
      { method: 'POST', json: { type: 'payments.purchase', input: { ...good, ...bad } } });
  }
});

test('a thousand payments at once', async () => {
  const jobs = await Promise.all(Array.from({ length: 1000 }, () =>
    hub.post('payments.purchase', { ...EUR, payment_method: 'tok_approve' })));
  await hub.finished(jobs.at(-1).id, 30_000 * SLOW);
  const ends = await Promise.all(jobs.map((one) => hub.finished(one.id, 30_000 * SLOW)));
  assert.ok(ends.every((one) => one.state === 'succeeded'));
  assert.equal(new Set(ends.map((one) => one.result.payment)).size, 1000);
});

test('amounts are integers to the last digit, and nothing else is taken for one', async () => {
  // By hand: JavaScript's own numbers would hide what is lost.
  const post = async (type, input) => {
    const response = await hub.fetch('/v1/jobs', { method: 'POST',
      headers: { 'content-type': 'application/json', prefer: 'wait=30' },
      body: `{"type":"payments.${type}","input":${input}}` });
    return { status: response.status, text: await response.text() };
  };
  const purchase = (amount) => post('purchase',
    `{"amount_minor":${amount},"currency":"JPY","payment_method":"tok_approve"}`);
  for (const amount of ['1', '999999999999', '999999999998']) {
    const paid = await purchase(amount);
    const [, id] = /"payment":"(sim_\w+)"/.exec(paid.text) ?? assert.fail(paid.text);
    const seen = await post('get', `{"payment":"${id}"}`);
    for (const { text } of [paid, seen]) {
      assert.match(text, new RegExp(`"amount_minor":${amount}\\b[^.]`));
      assert.match(text, new RegExp(`"captured_minor":${amount}\\b[^.]`));
    }
  }
  for (const amount of ['1250.0', '1.25e3', '12.5', '1000000000000', '9007199254740993',
    '18446744073709551617', '-1', '0', '1e400']) {
    const { status, text } = await purchase(amount);
    assert.ok(status >= 400 || JSON.parse(text).error?.code === 'invalid_input', `${amount}: ${text}`);
  }
});

test('no floating-point number has to do with money', () => {
  const folder = path.join(SOURCE, 'connectors/payments');
  const files = fs.readdirSync(folder).filter((name) => /\.[ch]$/.test(name));
  assert.ok(files.length > 20);
  for (const name of files) {
    const code = fs.readFileSync(path.join(folder, name), 'utf8')
      .replaceAll(/\/\*[^]*?\*\//g, '').replaceAll(/"(\\.|[^"\\])*"/g, '""');
    assert.doesNotMatch(code, /\b(double|float|strto[df]|atof|json_object_(get|new)_double)\b/, name);
  }
});
