// Every operation of the payments connector against a simulator of every gateway, whose bodies are
// checked against the gateway's own description where there is one.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, test } from 'node:test';

import { AdyenPeer, api as ADYEN_API } from '../peers/adyen.mjs';
import { Host } from '../peers/lib/host.mjs';
import { serve } from '../peers/lib/peer.mjs';
import { MolliePeer } from '../peers/mollie.mjs';
import { PaypalPeer } from '../peers/paypal.mjs';
import { StripePeer, api as STRIPE_API } from '../peers/stripe.mjs';

const Stripe = createRequire(new URL('../peers/package.json', import.meta.url))('stripe');

const stripe = new StripePeer();
const paypal = new PaypalPeer();
const adyen = new AdyenPeer();
const mollie = new MolliePeer();
const peers = [stripe, paypal, adyen, mollie];
const host = new Host({ peers });
after(() => host.stop());

const EUR = { amount_minor: 1250, currency: 'EUR' };
const BACK = { return_url: 'https://shop.example/back' };

async function succeeds(peer, operation, input, status) {
  const job = await host.run(operation, input, { account: peer.account });
  assert.equal(peer.problems.pop(), undefined);
  assert.equal(job.state, 'succeeded', JSON.stringify([job.code, job.message, job.result]));
  assert.equal(job.result.status, status, JSON.stringify(job.result));
  return job;
}

async function fails(peer, operation, input, code) {
  const job = await host.run(operation, input, { account: peer.account });
  assert.equal(peer.problems.pop(), undefined);
  assert.equal(job.state, 'failed', JSON.stringify(job.result));
  assert.equal(job.code, code, job.message);
  return job;
}

/** What approves at once, by gateway. */
const approve = {
  stripe: { ...EUR, payment_method: 'pm_card_visa', reference: 'order 1',
    metadata: { basket: 'b-1' }, billing: { email: 'ann@example.com' },
    statement_descriptor: 'SHOP', description: 'A thing', three_ds: 'required', ...BACK },
  paypal: { ...EUR, payment_method: 'approve', reference: 'order 1', description: 'A thing' },
  adyen: { ...EUR, payment_method: 'approve', reference: 'order 1', customer: 'ann',
    metadata: { basket: 'b-1' }, three_ds: 'skip', statement_descriptor: 'SHOP', ...BACK,
    billing: { email: 'ann@example.com', country: 'NL', city: 'Ede', line1: 'A', line2: '1',
      postal_code: '1234AB' } },
  mollie: { ...EUR, payment_method: 'tkn_approve', reference: 'order 1', ...BACK,
    metadata: { basket: 'b-1' }, billing: { given_name: 'Ann', city: 'Ede', country: 'NL' } },
};

for (const peer of peers) {
  const name = peer.account.gateway;

  test(`${name}: purchase, then refunds`, async () => {
    const job = await succeeds(peer, 'purchase', approve[name], 'succeeded');
    assert.equal(peer.chargesByJob().get(job.id), 1);
    assert.equal(job.result.gateway, name);
    assert.equal(job.result.test, true);
    assert.equal(job.result.captured_minor, 1250);
    assert.equal(job.result.currency, 'EUR');
    assert.equal(job.result.reference, 'order 1');
    const { payment } = job.result;
    const refund = { payment, amount_minor: 250, currency: 'EUR' };
    const status = { adyen: 'processing', mollie: 'processing' }[name] ?? 'succeeded';
    const part = await succeeds(peer, 'refund', refund, status);
    assert.equal(part.result.payment, payment);
    assert.notEqual(part.result.ids.refund, undefined);
    if (name === 'adyen') return; // it wants an amount, and answers "received" to any
    assert.equal(part.result.refunded_minor, 250);
    await fails(peer, 'refund', { payment, amount_minor: 1001, currency: 'EUR' }, 'refused');
    if (name === 'mollie') await succeeds(peer, 'refund', { payment }, 'processing');
  });

  test(`${name}: authorize, then capture a part`, async () => {
    const job = await succeeds(peer, 'authorize', approve[name], 'authorized');
    assert.equal(job.result.authorized_minor, 1250);
    const { payment } = job.result;
    const capture = { payment, amount_minor: 1000, currency: 'EUR' };
    const status = name === 'adyen' ? 'processing' : 'succeeded';
    const captured = await succeeds(peer, 'capture', capture, status);
    assert.equal(captured.result.payment, payment);
    if (name !== 'adyen') assert.equal(captured.result.captured_minor, 1000);
    if (name !== 'adyen') await fails(peer, 'capture', capture, 'refused');
  });

  test(`${name}: authorize, then void`, async () => {
    const job = await succeeds(peer, 'authorize', approve[name], 'authorized');
    const status = { adyen: 'processing', mollie: 'processing' }[name] ?? 'canceled';
    await succeeds(peer, 'void', { payment: job.result.payment }, status);
  });

  test(`${name}: store, unstore, verify_account`, async () => {
    const input = { payment_method: name === 'adyen' ? { type: 'scheme', encryptedCardNumber: 'x' }
      : 'tkn_approve', customer: 'cst_1', return_url: 'https://shop.example/back' };
    const job = await succeeds(peer, 'store', input, 'succeeded');
    const token = job.result.ids.payment_method;
    assert.ok(token);
    await succeeds(peer, 'unstore', { payment_method: token, customer: 'cst_1' }, 'succeeded');
    const verified = await succeeds(peer, 'verify_account', {}, 'succeeded');
    assert.equal(verified.result.gateway, name);
  });

  test(`${name}: wrong credentials are told as such, and nothing is charged`, async () => {
    const wrong = { ...peer.account, api_key: 'sk_test_wrong_key', client_secret: 'wrong secret' };
    if (name === 'mollie') wrong.api_key = 'test_wrong_key';
    for (const [operation, input] of [['verify_account', {}], ['purchase', approve[name]]]) {
      const before = peer.charges.size;
      const job = await host.run(operation, input, { account: wrong });
      assert.equal(job.state, 'failed');
      assert.equal(job.code, 'access_denied', job.message);
      assert.equal(peer.charges.size, before);
    }
  });

  test(`${name}: a test account reaches the sandbox and this machine only`, async () => {
    const live = { ...peer.account, test: false };
    const elsewhere = { ...peer.account, base_url: 'https://evil.example' };
    for (const account of [live, elsewhere]) {
      const job = await host.run('purchase', approve[name], { account });
      assert.equal(job.code, 'invalid_input', job.message);
    }
  });
}

test('declines have our word for it, and advice', async () => {
  const cases = [
    [stripe, { ...approve.stripe, payment_method: 'pm_decline_insufficient_funds' },
      'insufficient_funds', 'retry_later'],
    [stripe, { ...approve.stripe, payment_method: 'pm_decline_stolen_card' },
      'lost_or_stolen', 'do_not_retry'],
    [stripe, { ...approve.stripe, payment_method: 'pm_decline_some_new_word' },
      'declined', 'new_method'],
    [paypal, { ...approve.paypal, payment_method: 'decline' }, 'declined', 'new_method'],
    [adyen, { ...approve.adyen, payment_method: 'refuse_6' }, 'expired_method', 'new_method'],
    [adyen, { ...approve.adyen, payment_method: 'refuse_12' }, 'insufficient_funds', 'retry_later'],
    [mollie, { ...approve.mollie, payment_method: 'tkn_fail_invalid_cvv' },
      'invalid_cvc', 'new_method'],
  ];
  for (const [peer, input, code, advice] of cases) {
    const job = await fails(peer, 'purchase', input, 'declined');
    assert.equal(job.attempts.length, 1);
    assert.equal(job.result.decline.code, code);
    assert.equal(job.result.decline.advice, advice);
    assert.equal(peer.chargesByJob().get(job.id), undefined);
  }
});

test('Stripe: 3-D Secure, there and back', async () => {
  const job = await succeeds(stripe, 'purchase', { ...approve.stripe, payment_method: 'pm_3ds' },
    'requires_action');
  assert.equal(job.result.next_action.type, 'redirect');
  assert.match(job.result.next_action.url, /^https:\/\/hooks\.stripe\.test/);
  const { payment } = job.result;
  await succeeds(stripe, 'confirm', { payment }, 'requires_action');
  stripe.authenticate(payment);
  const confirmed = await succeeds(stripe, 'confirm', { payment }, 'succeeded');
  assert.equal(confirmed.result.captured_minor, 1250);
  await succeeds(stripe, 'get', { payment }, 'succeeded');
});

test('PayPal: the customer agrees on PayPal\'s page, then confirm takes the money', async () => {
  for (const [operation, status] of [['purchase', 'succeeded'], ['authorize', 'authorized']]) {
    const job = await succeeds(paypal, operation, { ...EUR, ...BACK }, 'requires_action');
    assert.equal(job.result.next_action.type, 'redirect');
    const { payment } = job.result;
    assert.equal(paypal.chargesByJob().get(job.id), undefined);
    paypal.agree(payment);
    const seen = await succeeds(paypal, 'get', { payment }, 'requires_action');
    assert.equal(seen.result.next_action.type, 'confirm');
    await succeeds(paypal, 'confirm', { payment }, status);
    assert.equal(paypal.chargesByJob().get(job.id), 1);
    await succeeds(paypal, 'confirm', { payment }, status); // a second time changes nothing
    assert.equal(paypal.chargesByJob().get(job.id), 1);
  }
});

test('PayPal: one token for many jobs, and a new one once it is refused', async () => {
  paypal.tokens = 0;
  paypal.withdrawTokens();
  await succeeds(paypal, 'verify_account', {}, 'succeeded');
  await Promise.all(Array.from({ length: 20 },
    () => succeeds(paypal, 'purchase', { ...approve.paypal }, 'succeeded')));
  assert.equal(paypal.tokens, 1);
  const before = paypal.charges.size;
  paypal.withdrawTokens();
  await succeeds(paypal, 'purchase', approve.paypal, 'succeeded');
  assert.equal(paypal.tokens, 2);
  assert.equal(paypal.charges.size, before + 1);
});

test('Adyen: a redirect, and details on the way back; get is not to be had', async () => {
  const job = await succeeds(adyen, 'purchase', { ...approve.adyen, payment_method: 'redirect' },
    'requires_action');
  assert.match(job.result.next_action.url, /^https:\/\/checkoutshopper\.test/);
  const redirectResult = adyen.lastPayment();
  const confirmed = await succeeds(adyen, 'confirm',
    { payment: 'unknown-yet', details: { redirectResult } }, 'authorized');
  assert.equal(confirmed.result.payment, redirectResult);
  await fails(adyen, 'get', { payment: redirectResult }, 'not_supported');
  await succeeds(adyen, 'purchase', { ...approve.adyen, payment_method: 'pending' }, 'processing');
});

test('Mollie: the customer pays on Mollie\'s page', async () => {
  const job = await succeeds(mollie, 'purchase', { ...EUR, ...BACK, payment_method: 'ideal' },
    'requires_action');
  assert.equal(job.result.next_action.type, 'redirect');
  const { payment } = job.result;
  await succeeds(mollie, 'confirm', { payment }, 'requires_action');
  mollie.pay(payment);
  await succeeds(mollie, 'confirm', { payment }, 'succeeded');
  const second = await succeeds(mollie, 'purchase', { ...EUR, ...BACK }, 'requires_action');
  await succeeds(mollie, 'void', { payment: second.result.payment }, 'canceled');
  await succeeds(mollie, 'purchase', { ...approve.mollie, payment_method: 'tkn_pending' },
    'processing');
});

test('an amount that a gateway cannot write is refused before anything is sent', async () => {
  const before = peers.map((peer) => peer.requests.length);
  for (const [peer, amount_minor, currency] of [[stripe, 1234, 'KWD'], [stripe, 1250, 'MGA'],
    [paypal, 1250, 'HUF'], [adyen, 1255, 'CVE'], [stripe, 1250, 'XXQ']]) {
    const job = await fails(peer, 'purchase',
      { ...approve[peer.account.gateway], amount_minor, currency }, 'invalid_input');
    assert.match(job.message, new RegExp(currency));
  }
  assert.deepEqual(peers.map((peer) => peer.requests.length), before);
});

test('currencies with other digits arrive as the gateway counts them', async () => {
  for (const [peer, amount_minor, currency, charged] of [
    [stripe, 1250, 'JPY', 1250], [stripe, 5, 'ISK', 500], [stripe, 1230, 'KWD', 1230],
    [stripe, 1200, 'MGA', 12], [adyen, 12, 'CLP', 1200], [adyen, 1200, 'CVE', 12],
    [paypal, 1200, 'HUF', '12'], [paypal, 1250, 'JPY', '1250'], [mollie, 1250, 'JPY', '1250'],
  ]) {
    const job = await succeeds(peer, 'purchase',
      { ...approve[peer.account.gateway], amount_minor, currency }, 'succeeded');
    const charge = [...peer.charges.values()].find((one) => one.job === job.id);
    assert.equal(charge.amount, charged, `${peer.account.gateway} ${currency}`);
    assert.equal(job.result.captured_minor, amount_minor);
  }
});

test('card numbers are refused wherever they stand; references that look like one are not', async () => {
  const cards = ['4242424242424242', '4000-0566-5566-5556', '5555 5555 5555 4444', '378282246310005'];
  const before = stripe.requests.length;
  for (const card of cards) {
    for (const input of [{ payment_method: card }, { payment_method: { card: { number: card } } },
      { metadata: { note: `pay with ${card} please` } }, { description: card },
      { metadata: { [card.replaceAll(/[- ]/g, '')]: 'x' } }]) {
      const job = await fails(stripe, 'purchase', { ...approve.stripe, ...input }, 'invalid_input');
      assert.match(job.message, /card number/);
      assert.ok(!job.message.includes(card.slice(0, 12)), job.message);
    }
  }
  assert.equal(stripe.requests.length, before);
  // 16 digits that pass Luhn's check, as one in ten of Adyen's references does
  await fails(stripe, 'refund', { payment: '8816178952380553' }, 'refused');
});

test('the simulator of Stripe is understood by Stripe\'s own client', async () => {
  const server = await serve(stripe);
  const client = new Stripe(stripe.account.api_key, { apiVersion: '2024-06-20', protocol: 'http',
    host: '127.0.0.1', port: new URL(server.url).port, maxNetworkRetries: 0 });
  const order = { amount: 1250, currency: 'eur', payment_method: 'pm_card_visa', confirm: true,
    capture_method: 'manual', metadata: { hub_job: 'by-hand' },
    automatic_payment_methods: { enabled: true, allow_redirects: 'never' } };
  const key = { idempotencyKey: 'the-key' };
  const made = await client.paymentIntents.create(order, key);
  assert.deepEqual([made.status, made.amount_capturable], ['requires_capture', 1250]);
  assert.equal((await client.paymentIntents.create(order, key)).id, made.id);
  // What the client has made the connector captures, and the other way round.
  await succeeds(stripe, 'capture', { payment: made.id }, 'succeeded');
  const refund = await client.refunds.create({ payment_intent: made.id, amount: 250 });
  assert.equal(refund.status, 'succeeded');
  const seen = await succeeds(stripe, 'get', { payment: made.id }, 'succeeded');
  assert.deepEqual([seen.result.captured_minor, seen.result.refunded_minor], [1250, 250]);
  const ours = await succeeds(stripe, 'purchase', approve.stripe, 'succeeded');
  const theirs = await client.paymentIntents.retrieve(ours.result.payment);
  assert.deepEqual([theirs.status, theirs.metadata.hub_job], ['succeeded', ours.id]);
  await assert.rejects(client.paymentIntents.create({ ...order,
    payment_method: 'pm_decline_lost_card' }), { type: 'StripeCardError',
    decline_code: 'lost_card' });
  server.close();
});

test('nothing secret and nobody\'s data is in results, errors, ledger or storage', () => {
  // What a host is told to keep or to report; requests to the gateway are the exception.
  const lines = host.said.split(/(?<=\})(?=\{"t")/).filter((line) => !line.startsWith('{"t":"http"'));
  assert.ok(lines.length > 200, `${lines.length}`);
  for (const line of lines) {
    for (const secret of [/canary/i, /ann@example/, /42424242|"4242"/, /encryptedCard.{0,4}x"/]) {
      const kept = line.startsWith('{"t":"put"') && /ann@example|encryptedCard/.test(line);
      assert.ok(kept || !secret.test(line), `${secret}: ${line}`);
    }
  }
});

test('what came in and went out was checked', () => {
  peers.forEach((peer) => assert.equal(peer.problems.pop(), undefined));
  assert.ok(STRIPE_API.checked >= 30, `${STRIPE_API.checked} of Stripe`);
  assert.ok(ADYEN_API.checked >= 30, `${ADYEN_API.checked} of Adyen`);
});
