// Mollie's Payments API v2, as far as the connector uses it. The checks of bodies are ours, after
// Mollie's reference.
//
// cardToken decides: tkn_approve, tkn_fail_REASON, tkn_pending; any other way the customer pays on
// Mollie's page: pay(id).
import assert from 'node:assert/strict';

import { json, Peer } from './lib/peer.mjs';

const DIGITS = { JPY: 0, ISK: 0 };

function checkAmount({ currency, value }) {
  assert.match(currency, /^[A-Z]{3}$/);
  assert.match(value, DIGITS[currency] === 0 ? /^\d+$/ : /^\d+\.\d\d$/, currency);
}

const cents = ({ value }) => Math.round(Number(value) * 100);
const amount = (currency, units) => ({ currency, value: (units / 100).toFixed(2) });

export class MolliePeer extends Peer {
  keyHeader = 'idempotency-key';
  account = { gateway: 'mollie', test: true, api_key: 'test_canary_dHar4XY7LxsDOtmnkVtjNVWXLSlXsM' };
  pageSize = 250;
  #payments = new Map();
  #refunds = [];

  authorize({ headers }) {
    return headers.authorization === `Bearer ${this.account.api_key}` ? null
      : this.refusal(401, 'Missing authentication, or failed to authenticate');
  }

  refusal(status, detail, field) {
    return json(status, { status, title: `Status ${status}`, detail, field }, {
      'content-type': 'application/hal+json' });
  }

  remembers(answer) {
    return answer.status < 500;
  }

  serve({ method, path, query, body }) {
    const [, , kind, id, action] = path.split('/');
    const input = body === '' ? undefined : JSON.parse(body);
    if (kind === 'methods') return json(200, { count: 0, _embedded: { methods: [] } });
    if (kind === 'customers') return this.#mandate(method, input);
    if (id === undefined) return method === 'GET' ? this.#list(query) : this.#create(input);
    const payment = this.#payments.get(id);
    if (!payment) return this.refusal(404, 'No payment exists with this token');
    if (action === undefined) return method === 'GET' ? json(200, payment) : this.#cancel(payment);
    return this[`do_${action.replaceAll('-', '_')}`](payment, input, method);
  }

  #mandate(method, input) {
    if (method === 'DELETE') return { status: 204, headers: {}, body: '' };
    assert.equal(input.method, 'creditcard');
    return json(201, { resource: 'mandate', id: this.id('mdt_', 10), status: 'valid',
      method: 'creditcard', details: { cardHolder: 'Ann Canary', cardNumber: '4242' } });
  }

  #create(input) {
    checkAmount(input.amount);
    assert.ok(input.description.length > 0 && input.description.length <= 255);
    assert.ok(['automatic', 'manual'].includes(input.captureMode));
    const payment = { resource: 'payment', id: this.id('tr_', 10), mode: 'test', status: 'open',
      amount: input.amount, description: input.description, metadata: input.metadata,
      captureMode: input.captureMode, method: input.method ?? null, profileId: 'pfl_1',
      createdAt: new Date().toISOString().replace(/\.\d+Z/, '+00:00'), customerId: input.customerId,
      mandateId: input.mandateId, isCancelable: true, sequenceType: input.sequenceType ?? 'oneoff',
      details: { cardHolder: 'Ann Canary', cardNumber: '4242' },
      _links: { checkout: { href: `https://www.mollie.test/checkout/${this.id('', 8)}` } } };
    this.#payments.set(payment.id, payment);
    const token = input.cardToken ?? (input.mandateId ? 'tkn_approve' : '');
    const failure = /^tkn_fail_(.*)$/.exec(token);
    if (failure) {
      Object.assign(payment, { status: 'failed', _links: {}, details: { failureReason: failure[1] } });
    } else if (token === 'tkn_pending') {
      Object.assign(payment, { status: 'pending', _links: {} });
    } else if (token === 'tkn_approve') {
      this.pay(payment.id);
    } else {
      assert.match(input.redirectUrl, /^http/);
    }
    return json(201, payment);
  }

  /** The customer has paid. */
  pay(id) {
    const payment = this.#payments.get(id);
    const manual = payment.captureMode === 'manual';
    Object.assign(payment, { status: manual ? 'authorized' : 'paid', _links: {},
      isCancelable: false });
    if (!manual) payment.amountRemaining = payment.amount;
    this.charges.set(id, { job: payment.metadata.hub_job, amount: payment.amount.value });
  }

  /** Newest first, from the payment `from` on; the next page is a link. */
  #list(query) {
    const all = [...this.#payments.values()].reverse();
    const start = Math.max(0, all.findIndex((one) => one.id === query.get('from')));
    const payments = all.slice(start, start + this.pageSize);
    const next = all[start + this.pageSize];
    return json(200, { count: payments.length, _embedded: { payments },
      _links: { next: next ? { type: 'application/hal+json',
        href: `https://api.mollie.com/v2/payments?from=${next.id}&limit=250` } : null } });
  }

  /** A payment that hubd knows nothing of, made in the gateway's own dashboard. */
  stray(value) {
    const payment = JSON.parse(this.#create({ amount: { currency: 'EUR', value }, description: 'x',
      captureMode: 'automatic', cardToken: 'tkn_pending', metadata: {} }).body);
    Object.assign(this.#payments.get(payment.id), { status: 'paid' });
    return payment.id;
  }

  /** The gateway has another amount than was ordered. */
  alter(id, value) {
    this.#payments.get(id).amount = { currency: 'EUR', value };
  }

  lose(id) {
    this.#payments.delete(id);
  }

  #cancel(payment) {
    if (!payment.isCancelable) return this.refusal(422, 'The payment cannot be canceled');
    payment.status = 'canceled';
    return json(200, payment);
  }

  do_captures(payment, input, method) {
    const captures = (payment.captures ??= []);
    if (method === 'GET') return json(200, { count: captures.length, _embedded: { captures } });
    if (payment.status !== 'authorized') return this.refusal(422, 'not authorized');
    if (input.amount) checkAmount(input.amount);
    const capture = { resource: 'capture', id: this.id('cpt_', 10), paymentId: payment.id,
      status: 'succeeded', amount: input.amount ?? payment.amount, metadata: input.metadata };
    captures.push(capture);
    Object.assign(payment, { status: 'paid', amountCaptured: capture.amount,
      amountRemaining: capture.amount });
    return json(201, capture);
  }

  do_release_authorization(payment) {
    if (payment.status !== 'authorized') return this.refusal(422, 'not authorized');
    payment.status = 'canceled';
    return { status: 202, headers: {}, body: '' };
  }

  do_refunds(payment, input, method) {
    const own = this.#refunds.filter((one) => one.paymentId === payment.id);
    if (method === 'GET') return json(200, { count: own.length, _embedded: { refunds: own } });
    checkAmount(input.amount);
    const left = cents(payment.amountRemaining) - cents(input.amount);
    if (left < 0) return this.refusal(422, 'The amount is higher than the maximum', 'amount');
    payment.amountRemaining = amount(input.amount.currency, left);
    payment.amountRefunded = amount(input.amount.currency, cents(payment.amount) - left);
    const refund = { resource: 'refund', id: this.id('re_', 10), paymentId: payment.id,
      status: 'pending', amount: input.amount, metadata: input.metadata };
    this.#refunds.push(refund);
    return json(201, refund);
  }

  refundsOf(job) {
    return this.#refunds.filter((one) => one.metadata.hub_job === job).length;
  }
}
