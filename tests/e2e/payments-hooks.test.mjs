// Webhooks: signatures made by the gateways' own clients, and by OpenSSL for PayPal; forged, altered,
// stale and repeated ones; and what they tell.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { after, before, test } from 'node:test';
import zlib from 'node:zlib';

import { charge } from '../peers/lib/cases.mjs';
import { Host } from '../peers/lib/host.mjs';
import { MolliePeer } from '../peers/mollie.mjs';
import { tempFolder } from './lib/hubd.mjs';

const require = createRequire(new URL('../peers/package.json', import.meta.url));
const Stripe = require('stripe');
const { hmacValidator: HmacValidator } = require('@adyen/api-library');

const host = new Host();
after(() => host.stop());

// Tomorrow: the certificate that is made here is valid from today on.
const NOW = Math.floor(Date.now() / 60_000) * 60_000 + 24 * 3_600_000;
const iso = (ms) => new Date(ms).toISOString().replace('.000', '');
const at = { now: NOW };

// --- Stripe --------------------------------------------------------------------------------------

const stripe = { gateway: 'stripe', test: true, api_key: 'sk_test_x1234567',
  webhook_secrets: ['whsec_first_secret', 'whsec_second_secret'] };
const stripeClient = new Stripe('sk_test_x1234567');

const intent = (more = {}) => ({ id: 'pi_1', object: 'payment_intent', status: 'succeeded',
  amount: 1250, currency: 'eur', amount_received: 1250,
  metadata: { hub_job: 'job-1', reference: 'order 1' }, ...more });
const stripeEvent = (type, object) => JSON.stringify({ id: 'evt_1', object: 'event', type,
  created: NOW / 1000 - 5, data: { object } }, null, 2);

function stripeHeader(payload, secret = 'whsec_first_secret', timestamp = NOW / 1000) {
  return { 'Stripe-Signature': stripeClient.webhooks.generateTestHeaderString({
    payload, secret, timestamp }) };
}

test('Stripe: signed by npm stripe with either secret', async () => {
  const body = stripeEvent('payment_intent.succeeded', intent());
  for (const secret of stripe.webhook_secrets) {
    const { error, events } = await host.hook(stripe, stripeHeader(body, secret), body, at);
    assert.equal(error, '');
    assert.deepEqual(events, [{ fetch_payment: false, event: 'evt_1',
      type: 'payment_intent.succeeded', payment: 'pi_1', related: '', job: 'job-1',
      reference: 'order 1', currency: 'eur', status: 'succeeded', order_at: NOW - 5000,
      amount: 1250 }]);
  }
});

test('Stripe: forged, altered, stale, without a secret', async () => {
  const body = stripeEvent('payment_intent.succeeded', intent());
  const good = stripeHeader(body);
  const cases = [
    [stripe, stripeHeader(body, 'whsec_of_somebody_else'), body],
    [stripe, good, body.replace('1250', '9250')],
    [stripe, good, `${body} `],
    [stripe, {}, body],
    [stripe, { 'Stripe-Signature': '' }, body],
    [stripe, { 'Stripe-Signature': 't=,v1=' }, body],
    [stripe, { 'Stripe-Signature': good['Stripe-Signature'].replace('v1=', 'v0=') }, body],
    [stripe, { 'Stripe-Signature': good['Stripe-Signature'].replace(/t=\d/, 't=9') }, body],
    [stripe, stripeHeader(body, undefined, NOW / 1000 - 301), body],
    [stripe, stripeHeader(body, undefined, NOW / 1000 + 301), body],
    [{ ...stripe, webhook_secrets: [] }, good, body],
    [{ ...stripe, webhook_secrets: undefined }, good, body],
  ];
  for (const [account, headers, text] of cases) {
    const { error, events } = await host.hook(account, headers, text, at);
    assert.equal(error, 'unauthorized', JSON.stringify(headers));
    assert.deepEqual(events, []);
  }
});

test('Stripe: several signatures of which one is right, and the edge of the window', async () => {
  const body = stripeEvent('payment_intent.succeeded', intent());
  const right = stripeHeader(body)['Stripe-Signature'];
  const [time, signature] = right.split(',');
  for (const header of [`${time},v1=${'0'.repeat(64)},${signature}`,
    `${signature},${time},v0=abc`, `${time}, ${signature}`]) {
    assert.equal((await host.hook(stripe, { 'stripe-signature': header }, body, at)).error, '');
  }
  for (const seconds of [-300, 300]) {
    const header = stripeHeader(body, undefined, NOW / 1000 + seconds);
    assert.equal((await host.hook(stripe, header, body, at)).error, '');
  }
});

test('Stripe: what events tell, and those that concern nothing of ours', async () => {
  const tell = async (type, object) => {
    const body = stripeEvent(type, object);
    const { error, events } = await host.hook(stripe, stripeHeader(body), body, at);
    assert.equal(error, '');
    return events;
  };
  const [failed] = await tell('payment_intent.payment_failed', intent({
    status: 'requires_payment_method',
    last_payment_error: { code: 'card_declined', decline_code: 'lost_card' } }));
  assert.equal(failed.status, 'failed');
  const [refund] = await tell('charge.refund.updated', { object: 'refund', id: 're_1',
    payment_intent: 'pi_1', status: 'failed', amount: 100, currency: 'eur', metadata: {} });
  assert.deepEqual([refund.status, refund.payment, refund.related, refund.amount],
    ['failed', 'pi_1', 're_1', 100]);
  const [unheard] = await tell('payment_intent.something_new', intent({ status: 'a_new_word' }));
  assert.equal(unheard.status, 'processing');
  assert.deepEqual(await tell('customer.created', { object: 'customer', id: 'cus_1' }), []);
});

test('Stripe: genuine, but no event', async () => {
  for (const body of ['{}', '[]', 'null', 'not JSON', '{"type":"x","data":{}}']) {
    const { error, events } = await host.hook(stripe, stripeHeader(body), body, at);
    assert.equal(error, 'invalid_json', body);
    assert.deepEqual(events, []);
  }
});

// --- Adyen ---------------------------------------------------------------------------------------

const HMAC = '44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056';
const OTHER = '009E9E92268087AAD241638D3325201AFC8AAE6F3DCD369B6D32E87129FFAB10';
const adyen = { gateway: 'adyen', test: true, api_key: 'AQE12345678', merchant_account: 'Shop',
  webhook_secrets: [OTHER, HMAC] };

function adyenItem(more = {}, key = HMAC) {
  const item = { pspReference: '7914073381342284', originalReference: '',
    merchantAccountCode: 'Shop', merchantReference: 'order:1', eventCode: 'AUTHORISATION',
    amount: { value: 1130, currency: 'EUR' }, success: 'true',
    eventDate: iso(NOW + 3_540_000).replace('Z', '+01:00'),
    additionalData: { 'metadata.hub_job': 'job-1' }, ...more };
  item.additionalData.hmacSignature = new HmacValidator().calculateHmac(item, key);
  return { NotificationRequestItem: item };
}

const adyenBody = (...items) => JSON.stringify({ live: 'false', notificationItems: items });

test('Adyen: signed by @adyen/api-library', async () => {
  const { error, events } = await host.hook(adyen, {}, adyenBody(adyenItem()), at);
  assert.equal(error, '');
  assert.deepEqual(events, [{ fetch_payment: false,
    event: 'AUTHORISATION:7914073381342284:true', type: 'AUTHORISATION',
    payment: '7914073381342284', related: '', job: 'job-1', reference: 'order:1',
    currency: 'EUR', status: 'authorized', order_at: NOW - 60_000, amount: 1130 }]);
});

test('Adyen: modifications are told of their payment and their job', async () => {
  const changes = (eventCode, success = 'true') => adyenItem({ eventCode, success,
    pspReference: '8815000000000001', originalReference: '7914073381342284',
    merchantReference: 'job-2', additionalData: {} });
  const body = adyenBody(changes('CAPTURE'), changes('CAPTURE', 'false'), changes('REFUND'),
    changes('CANCELLATION'), changes('REFUND_FAILED'), changes('CAPTURE_FAILED'),
    changes('REPORT_AVAILABLE'));
  const { error, events } = await host.hook(adyen, {}, body, at);
  assert.equal(error, '');
  assert.deepEqual(events.map((one) => one.status), ['succeeded', 'failed', 'succeeded',
    'canceled', 'failed', 'failed', 'processing']);
  for (const one of events) {
    assert.deepEqual([one.payment, one.related, one.job],
      ['7914073381342284', '8815000000000001', 'job-2']);
  }
  assert.equal(new Set(events.map((one) => one.event)).size, events.length);
});

test('Adyen: forged, altered, one forged among genuine ones', async () => {
  const altered = adyenItem();
  altered.NotificationRequestItem.amount.value = 9999;
  const unsigned = adyenItem();
  delete unsigned.NotificationRequestItem.additionalData.hmacSignature;
  const foreign = adyenItem({}, 'AA'.repeat(32));
  for (const body of [adyenBody(altered), adyenBody(unsigned), adyenBody(foreign),
    adyenBody(adyenItem(), altered), adyenBody(), '{}', 'x', '[]',
    '{"notificationItems":[{}]}', '{"notificationItems":[1]}']) {
    const { error, events } = await host.hook(adyen, {}, body, at);
    assert.equal(error, 'unauthorized', body);
    assert.deepEqual(events, []);
  }
});

test('Adyen: every field that is signed, empty or not', async () => {
  for (const more of [{ amount: { value: 0, currency: 'JPY' } }, { merchantReference: '' },
    { success: 'false' }, { originalReference: '123' }, { amount: { value: 5, currency: 'CLP' } }]) {
    const { error } = await host.hook(adyen, {}, adyenBody(adyenItem(more)), at);
    assert.equal(error, '', JSON.stringify(more));
  }
});

// --- PayPal --------------------------------------------------------------------------------------

const paypal = { gateway: 'paypal', test: true, client_id: 'c', client_secret: 'secret-of-it',
  webhook_id: '8PT597110X687430LKGECATA' };
const CERTS = 'https://api.sandbox.paypal.com/v1/notifications/certs/';
let key, certificate, otherKey;

before(() => {
  const folder = tempFolder('hubd-certs-');
  const file = (name) => path.join(folder, name);
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '3650',
    '-subj', '/CN=messageverificationcerts.paypal.test', '-keyout', file('key'), '-out', file('crt')],
  { stdio: 'ignore' });
  key = fs.readFileSync(file('key'));
  certificate = fs.readFileSync(file('crt'), 'utf8');
  otherKey = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
});

const capture = (more = {}) => JSON.stringify({ id: 'WH-1', event_type: 'PAYMENT.CAPTURE.COMPLETED',
  create_time: iso(NOW - 60_000), resource_type: 'capture',
  resource: { id: 'CAP1', status: 'COMPLETED', amount: { currency_code: 'EUR', value: '12.50' },
    custom_id: 'job-1', invoice_id: 'order 1',
    supplementary_data: { related_ids: { order_id: 'ORDER1' } } }, ...more });

function paypalHeaders(body, { signer = key, time = iso(NOW - 30_000),
  url = `${CERTS}CERT-1`, webhook = paypal.webhook_id } = {}) {
  const text = `transmission-1|${time}|${webhook}|${zlib.crc32?.(body) ?? crc32(body)}`;
  return { 'PAYPAL-TRANSMISSION-ID': 'transmission-1', 'PAYPAL-TRANSMISSION-TIME': time,
    'PAYPAL-AUTH-ALGO': 'SHA256withRSA', 'PAYPAL-CERT-URL': url,
    'PAYPAL-TRANSMISSION-SIG': crypto.sign('sha256', Buffer.from(text), signer).toString('base64') };
}

/** CRC-32 out of gzip's trailer (RFC 1952), for Node versions without zlib.crc32(). */
function crc32(text) {
  const packed = zlib.gzipSync(text);
  return packed.readUInt32LE(packed.length - 8);
}

test('PayPal: asks for the certificate, then believes what it has signed', async () => {
  const body = capture();
  const headers = paypalHeaders(body);
  const first = await host.hook(paypal, headers, body, at);
  assert.deepEqual([first.error, first.fetch, first.events], ['again', `${CERTS}CERT-1`, []]);
  const { error, events } = await host.hook(paypal, headers, body, { ...at, certificate });
  assert.equal(error, '');
  assert.deepEqual(events, [{ fetch_payment: false, event: 'WH-1',
    type: 'PAYMENT.CAPTURE.COMPLETED', payment: 'ORDER1', related: 'CAP1', job: 'job-1',
    reference: 'order 1', currency: 'EUR', status: 'succeeded', order_at: NOW - 60_000,
    amount: 1250 }]);
});

test('PayPal: certificates of other hosts are not even asked for', async () => {
  const body = capture();
  for (const url of ['https://evil.example/v1/notifications/certs/CERT-1',
    'http://api.sandbox.paypal.com/v1/notifications/certs/CERT-1',
    'https://api.sandbox.paypal.com.evil.example/v1/notifications/certs/CERT-1',
    'https://api.sandbox.paypal.com@evil.example/v1/notifications/certs/CERT-1',
    'https://api.sandbox.paypal.com/v1/notifications/certs/../../redirect',
    'https://api.paypal.com/v1/notifications/certs/CERT-1', '']) {
    const { error, fetch } = await host.hook(paypal, paypalHeaders(body, { url }), body,
      { ...at, certificate });
    assert.deepEqual([error, fetch], ['unauthorized', ''], url);
  }
});

test('PayPal: forged, altered, stale', async () => {
  const body = capture();
  const cases = [
    [paypalHeaders(body, { signer: otherKey }), body],
    [paypalHeaders(body), body.replace('12.50', '99.50')],
    [paypalHeaders(body, { webhook: 'of-another' }), body],
    [paypalHeaders(body, { time: iso(NOW - 5 * 24 * 3_600_000) }), body],
    [paypalHeaders(body, { time: iso(NOW + 390_000) }), body],
    [{ ...paypalHeaders(body), 'PAYPAL-AUTH-ALGO': 'none' }, body],
    [{ ...paypalHeaders(body), 'PAYPAL-TRANSMISSION-ID': 'another' }, body],
    [{ ...paypalHeaders(body), 'PAYPAL-TRANSMISSION-SIG': '' }, body],
    [{}, body],
  ];
  for (const [headers, text] of cases) {
    const { error, events } = await host.hook(paypal, headers, text, { ...at, certificate });
    assert.equal(error, 'unauthorized', JSON.stringify(headers));
    assert.deepEqual(events, []);
  }
  const broken = await host.hook(paypal, paypalHeaders(body), body,
    { ...at, certificate: 'no certificate' });
  assert.equal(broken.error, 'unauthorized');
});

test('PayPal: what events tell', async () => {
  const tell = async (more) => {
    const body = capture(more);
    const { events } = await host.hook(paypal, paypalHeaders(body), body, { ...at, certificate });
    return events[0]?.status;
  };
  const amount = { currency_code: 'EUR', value: '1.00' };
  assert.equal(await tell({ resource: { id: 'C', status: 'DENIED', amount } }), 'failed');
  assert.equal(await tell({ resource: { id: 'C', status: 'PENDING', amount } }), 'processing');
  assert.equal(await tell({ resource: { id: 'C', status: 'NEW_WORD', amount } }), 'processing');
  assert.equal(await tell({ resource_type: 'refund', resource: { id: 'R', status: 'COMPLETED',
    amount } }), 'succeeded');
  assert.equal(await tell({ resource_type: 'authorization', resource: { id: 'A',
    status: 'VOIDED', amount } }), 'canceled');
  assert.equal(await tell({ resource_type: 'checkout-order', resource: { id: 'O',
    status: 'APPROVED', purchase_units: [{ amount }] } }), 'requires_action');
  assert.equal(await tell({ resource_type: 'dispute', resource: {} }), undefined);
});

// --- Mollie --------------------------------------------------------------------------------------

test('Mollie: says only which payment to look at, and is believed nothing else', async () => {
  const mollie = { gateway: 'mollie', test: true, api_key: 'test_12345678' };
  const { error, events } = await host.hook(mollie, {}, 'id=tr_7UhSN1zuXS', at);
  assert.equal(error, '');
  assert.equal(events.length, 1);
  assert.deepEqual([events[0].payment, events[0].fetch_payment, events[0].status],
    ['tr_7UhSN1zuXS', true, 'processing']);
  for (const body of ['', 'id=', 'id=ord_1', 'id=tr_../../x', 'id=tr_%2e%2e', 'x=tr_123',
    `id=tr_${'x'.repeat(99)}`]) {
    assert.equal((await host.hook(mollie, {}, body, at)).error, 'invalid_json', body);
  }
});

// --- payments.webhook: the same as a job ---------------------------------------------------------

const asJob = (headers, body, more = {}) => ({ headers, body, received_at_ms: NOW, ...more });

test('a webhook is booked once, however often it comes', async () => {
  const books = new Host();
  const body = stripeEvent('payment_intent.succeeded', intent());
  for (const duplicate of [false, true, true]) {
    const job = await books.run('webhook', asJob(stripeHeader(body), body), { account: stripe });
    assert.equal(job.state, 'succeeded', job.message);
    assert.deepEqual(job.result.events, [{ event: 'evt_1', type: 'payment_intent.succeeded',
      status: 'succeeded', payment: 'pi_1', job: 'job-1', reference: 'order 1', currency: 'EUR',
      amount_minor: 1250, happened_at_ms: NOW - 5000, duplicate }]);
  }
  assert.equal(books.ledger.length, 1);
  assert.deepEqual([books.ledger[0].kind, books.ledger[0].event], ['webhook', 'evt_1']);
  await books.stop();
});

test('verify_only books nothing; what is not genuine leaves no trace', async () => {
  const books = new Host();
  const body = stripeEvent('payment_intent.succeeded', intent());
  const only = await books.run('webhook', asJob(stripeHeader(body), body, { verify_only: true }),
    { account: stripe });
  assert.equal(only.result.events.length, 1);
  const forged = await books.run('webhook', asJob(stripeHeader(body, 'whsec_wrong'), body),
    { account: stripe });
  assert.deepEqual([forged.state, forged.code], ['failed', 'unauthorized']);
  const nothing = await books.run('webhook', asJob({}, 'x'), { account: stripe });
  assert.equal(nothing.code, 'unauthorized');
  const none = await books.run('webhook', asJob({}, 'x'),
    { account: { gateway: 'simulator', test: true } });
  assert.equal(none.code, 'not_supported');
  assert.equal(books.ledger.length, 0);
  assert.deepEqual(books.accountValues('stripe'), []);
  await books.stop();
});

test('killed at every point a webhook is booked all the same', async () => {
  const body = adyenBody(adyenItem(), adyenItem({ eventCode: 'CAPTURE', originalReference: '1' }));
  const input = asJob({}, body);
  const books = new Host();
  const { points } = await books.run('webhook', input, { account: adyen, interrupt: () => false });
  assert.ok(points >= 12, `${points}`);
  for (let at = 0; at < points; at++) {
    const fresh = new Host();
    const job = await fresh.run('webhook', input,
      { account: adyen, interrupt: (point) => point.number === at });
    assert.equal(job.state, 'succeeded');
    const booked = new Set(fresh.ledger.map((one) => one.event));
    assert.equal(booked.size, 2);
    const again = await fresh.run('webhook', input, { account: adyen });
    assert.ok(again.result.events.every((one) => one.duplicate));
    await fresh.stop();
  }
  await books.stop();
});

test('PayPal: the certificate is fetched from its pinned place', async () => {
  const asked = [];
  const place = { account: {}, origin: 'https://api.sandbox.paypal.com', handle(call) {
    asked.push(call.path);
    assert.equal(call.headers.authorization, undefined);
    return { status: asked.length === 1 ? 503 : 200, headers: {}, body: certificate };
  } };
  const books = new Host({ peers: [place] });
  const body = capture();
  const job = await books.run('webhook', asJob(paypalHeaders(body), body), { account: paypal });
  assert.equal(job.state, 'succeeded', job.message);
  assert.deepEqual([job.attempts[0].kind, job.attempts.length], ['retry', 2]);
  assert.deepEqual(asked, Array(2).fill('/v1/notifications/certs/CERT-1'));
  assert.deepEqual([job.result.events[0].payment, job.result.events[0].status],
    ['ORDER1', 'succeeded']);
  const again = await books.run('webhook', asJob(paypalHeaders(body), body), { account: paypal });
  assert.equal(again.result.events[0].duplicate, true);
  assert.equal(asked.length, 2); // it is used again for a while
  await books.run('webhook', asJob(paypalHeaders(body, { url: `${CERTS}CERT-2` }), body),
    { account: paypal });
  assert.deepEqual(asked.slice(2), ['/v1/notifications/certs/CERT-2']);
  await books.stop();
});

test('Mollie is asked what its hook is about; a state is told once', async () => {
  const mollie = new MolliePeer();
  const books = new Host({ peers: [mollie] });
  const { account } = mollie;
  const made = await books.run('purchase', { ...charge('mollie'), payment_method: 'ideal' },
    { account });
  const { payment } = made.result;
  const hear = async () => {
    const job = await books.run('webhook', asJob({}, `id=${payment}`), { account });
    assert.equal(job.state, 'succeeded', job.message);
    const [{ status, duplicate, job: of }] = job.result.events;
    assert.equal(of, made.id);
    return [status, duplicate];
  };
  assert.deepEqual(await hear(), ['requires_action', false]);
  mollie.pay(payment);
  assert.deepEqual(await hear(), ['succeeded', false]);
  assert.deepEqual(await hear(), ['succeeded', true]);
  const unknown = await books.run('webhook', asJob({}, 'id=tr_nobodys'), { account });
  assert.deepEqual([unknown.state, unknown.code], ['failed', 'refused']);
  await books.stop();
});
