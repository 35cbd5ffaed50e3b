// Stripe's PaymentIntents, as far as the connector uses them: every body in and out is checked
// against Stripe's own OpenAPI document.
//
// Payment methods decide: pm_card_visa, pm_decline_CODE, pm_3ds (the customer must act),
// pm_processing.
import { OpenApi } from './lib/openapi.mjs';
import { json, Peer } from './lib/peer.mjs';

export const api = OpenApi.load('stripe.com', { coerce: true });

/** a[b]=c&d[0]=e → {a: {b: 'c'}, d: ['e']} */
export function parseForm(text) {
  const root = {};
  for (const [name, value] of new URLSearchParams(text)) {
    const path = name.replaceAll(']', '').split('[');
    let at = root;
    path.slice(0, -1).forEach((part, i) => {
      at[part] ??= /^\d+$/.test(path[i + 1]) ? [] : {};
      at = at[part];
    });
    at[path.at(-1)] = value;
  }
  return root;
}

export class StripePeer extends Peer {
  keyHeader = 'idempotency-key';
  account = { gateway: 'stripe', test: true, api_key: 'sk_test_canary_4eC39HqLyjWDarjtT1zdp7dc',
    webhook_secrets: ['whsec_canary_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'] };
  #intents = new Map();
  #refunds = [];

  authorize({ headers }) {
    return headers.authorization === `Bearer ${this.account.api_key}` ? null
      : json(401, { error: { type: 'invalid_request_error', message: 'Invalid API Key' } });
  }

  refusal(status, message, more = {}) {
    return json(status, { error: { type: 'api_error', message, ...more } });
  }

  invalid(message, code = 'parameter_invalid') {
    return json(400, { error: { type: 'invalid_request_error', message, code } });
  }

  remembers() {
    return true; // a 500, too
  }

  serve({ method, path, query, headers, body }) {
    if (!headers['stripe-version']) throw new Error('no Stripe-Version');
    const form = parseForm(body);
    if (method === 'POST') api.checkRequest(method, path, form);
    const [, , kind, id, action] = path.split('/');
    const answer = this.#route(method, kind, id, action, form, query);
    const text = JSON.parse(answer.body);
    api.checkAnswer(method, path, answer.status, text);
    return answer;
  }

  #route(method, kind, id, action, form, query) {
    if (kind === 'balance') return json(200, this.#balance());
    if (kind === 'refunds') return method === 'GET' ? this.#list(query) : this.#refund(form);
    if (kind === 'setup_intents') return this.#setup(form);
    if (kind === 'payment_methods') return json(200, this.#method(id));
    if (id === 'search') return this.#search(query);
    if (id === undefined && method === 'GET') return this.#listIntents(query);
    if (id === undefined) return this.#create(form);
    const intent = this.#intents.get(id);
    if (!intent) return json(404, { error: { type: 'invalid_request_error',
      code: 'resource_missing', message: 'No such payment_intent' } });
    if (method === 'GET') return json(200, this.#show(intent));
    return this[`do_${action}`](intent, form);
  }

  #balance() {
    const amount = [{ amount: 0, currency: 'eur', source_types: { card: 0 } }];
    return { object: 'balance', available: amount, pending: amount, livemode: false };
  }

  #method(id) {
    return { id, object: 'payment_method', created: 1, livemode: false, type: 'card',
      billing_details: { address: null, email: null, name: null, phone: null, tax_id: null } };
  }

  #create(form) {
    if (form.payment_method === undefined) return this.invalid('payment_method');
    const intent = {
      id: this.id('pi_'), object: 'payment_intent', amount: Number(form.amount),
      amount_capturable: 0, amount_received: 0, currency: form.currency, created: Math.floor(Date.now() / 1000),
      capture_method: form.capture_method, confirmation_method: 'automatic', livemode: false,
      payment_method: form.payment_method, payment_method_types: ['card'],
      customer: form.customer ?? null, metadata: form.metadata ?? {}, status: 'processing',
      client_secret: 'pi_canary_secret_of_the_intent', latest_charge: null, next_action: null,
      last_payment_error: null, return_url: form.return_url, refunded: 0,
    };
    this.#intents.set(intent.id, intent);
    return this.#attempt(intent);
  }

  #attempt(intent) {
    const decline = /^pm_decline_(.*)$/.exec(intent.payment_method);
    if (decline) {
      const error = { type: 'card_error', code: 'card_declined', decline_code: decline[1],
        message: 'Your card was declined.' };
      Object.assign(intent, { status: 'requires_payment_method', last_payment_error: error });
      const { return_url: omitted, refunded, ...shown } = intent;
      return json(402, { error: { ...error, payment_intent: this.#plain(intent) } });
    }
    if (intent.payment_method === 'pm_3ds' && !intent.authenticated) {
      Object.assign(intent, { status: 'requires_action', next_action: {
        type: 'redirect_to_url',
        redirect_to_url: { url: `https://hooks.stripe.test/3ds/${intent.id}`,
          return_url: intent.return_url ?? null } } });
      return json(200, this.#show(intent));
    }
    if (intent.payment_method === 'pm_processing') return json(200, this.#show(intent));
    intent.next_action = null;
    intent.latest_charge = this.id('ch_');
    this.charges.set(intent.id, { job: intent.metadata.hub_job, amount: intent.amount });
    if (intent.capture_method === 'manual') {
      Object.assign(intent, { status: 'requires_capture', amount_capturable: intent.amount });
    } else {
      Object.assign(intent, { status: 'succeeded', amount_received: intent.amount });
    }
    return json(200, this.#show(intent));
  }

  #plain({ refunded, authenticated, return_url, ...intent }) {
    return intent;
  }

  /** With its charge in full, as expand[]=latest_charge asks. */
  #show(intent) {
    const charge = intent.latest_charge === null ? null : this.#charge(intent);
    return { ...this.#plain(intent), latest_charge: charge };
  }

  #charge(intent) {
    const nothing = { address: null, email: 'ann@example.com', name: 'Ann Canary', phone: null,
      tax_id: null };
    return {
      id: intent.latest_charge, object: 'charge', amount: intent.amount, currency: intent.currency,
      amount_captured: intent.amount_received, amount_refunded: intent.refunded, created: 1,
      captured: intent.amount_received > 0, disputed: false, livemode: false, paid: true,
      refunded: intent.refunded === intent.amount, status: 'succeeded', metadata: {},
      billing_details: nothing, balance_transaction: null,
      payment_method_details: { type: 'card', card: { last4: '4242', brand: 'visa', checks: null,
        country: 'DE', exp_month: 12, exp_year: 2034, fingerprint: 'canaryfingerprint',
        funding: 'credit', installments: null, mandate: null, network: 'visa',
        three_d_secure: null, wallet: null } },
    };
  }

  /** The customer has come back from 3-D Secure: Stripe goes on by itself. */
  authenticate(id) {
    const intent = this.#intents.get(id);
    intent.authenticated = true;
    this.#attempt(intent);
  }

  do_confirm(intent, form) {
    if (form.payment_method) intent.payment_method = form.payment_method;
    return this.#attempt(intent);
  }

  do_capture(intent, form) {
    const amount = Number(form.amount_to_capture ?? intent.amount_capturable);
    if (intent.status !== 'requires_capture' || amount > intent.amount_capturable) {
      return this.invalid('not capturable', 'payment_intent_unexpected_state');
    }
    Object.assign(intent, { status: 'succeeded', amount_capturable: 0, amount_received: amount });
    intent.captures = (intent.captures ?? 0) + 1;
    const answer = json(200, this.#show(this.#withoutCounts(intent)));
    return answer;
  }

  #withoutCounts({ captures, ...intent }) {
    return intent;
  }

  do_cancel(intent) {
    if (['succeeded', 'canceled'].includes(intent.status)) {
      return this.invalid('not cancelable', 'payment_intent_unexpected_state');
    }
    Object.assign(intent, { status: 'canceled', amount_capturable: 0 });
    return json(200, this.#show(intent));
  }

  #refund(form) {
    const intent = this.#intents.get(form.payment_intent);
    if (!intent) return this.invalid('No such payment_intent', 'resource_missing');
    const amount = Number(form.amount ?? intent.amount_received - intent.refunded);
    if (amount > intent.amount_received - intent.refunded || amount <= 0) {
      return this.invalid('too much', 'charge_already_refunded');
    }
    intent.refunded += amount;
    const refund = { id: this.id('re_'), object: 'refund', amount, currency: intent.currency,
      charge: intent.latest_charge, payment_intent: intent.id, created: 1, reason: null,
      metadata: form.metadata ?? {}, status: 'succeeded', balance_transaction: null,
      receipt_number: null, source_transfer_reversal: null, transfer_reversal: null };
    this.#refunds.push(refund);
    return json(200, refund);
  }

  /** Newest first, by time and page. */
  #listIntents(query) {
    const range = [Number(query.get('created[gte]')), Number(query.get('created[lt]'))];
    const all = [...this.#intents.values()].reverse()
      .filter(({ created }) => created >= range[0] && created < range[1]);
    const start = all.findIndex((one) => one.id === query.get('starting_after')) + 1;
    const data = all.slice(start, start + this.pageSize);
    return json(200, { object: 'list', data: data.map((one) => this.#plain(one)),
      has_more: start + data.length < all.length, url: '/v1/payment_intents' });
  }

  /** A payment that hubd knows nothing of, made in the gateway's own dashboard. */
  stray(amount) {
    const form = { amount, currency: 'eur', payment_method: 'pm_card_visa',
      capture_method: 'automatic' };
    return JSON.parse(this.#create(form).body).id;
  }

  /** The gateway has another amount than was ordered. */
  alter(id, amount) {
    Object.assign(this.#intents.get(id), { amount, amount_received: amount });
  }

  /** As if it had never been. */
  lose(id) {
    this.#intents.delete(id);
  }

  refundsOf(job) {
    return this.#refunds.filter((one) => one.metadata.hub_job === job).length;
  }

  #list(query) {
    const data = this.#refunds.filter((one) => one.payment_intent === query.get('payment_intent'));
    return json(200, { object: 'list', data, has_more: false, url: '/v1/refunds' });
  }

  #search(query) {
    const [, job] = /^metadata\['hub_job'\]:'(.*)'$/.exec(query.get('query'));
    const data = [...this.#intents.values()].filter((one) => one.metadata.hub_job === job)
      .map((one) => this.#show(one));
    return json(200, { object: 'search_result', data, has_more: false, next_page: null,
      url: '/v1/payment_intents/search' });
  }

  #setup(form) {
    return json(200, { id: this.id('seti_'), object: 'setup_intent', created: 1, livemode: false,
      application: null, cancellation_reason: null, client_secret: 'seti_canary_secret',
      customer: form.customer, description: null, flow_directions: null, last_setup_error: null,
      latest_attempt: null, mandate: null, metadata: form.metadata ?? {}, next_action: null,
      on_behalf_of: null, payment_method: form.payment_method, payment_method_options: null,
      payment_method_types: ['card'], single_use_mandate: null, status: 'succeeded',
      usage: 'off_session', payment_method_configuration_details: null });
  }
}
