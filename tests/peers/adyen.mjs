// Adyen's Checkout v71, as far as the connector uses it: every body in and out is checked against
// Adyen's own OpenAPI document.
//
// paymentMethod.storedPaymentMethodId decides: approve, refuse_CODE, redirect, pending.
import { OpenApi } from './lib/openapi.mjs';
import { json, Peer } from './lib/peer.mjs';

export const api = OpenApi.load('adyen.com/CheckoutService-v71');

export class AdyenPeer extends Peer {
  keyHeader = 'idempotency-key';
  account = { gateway: 'adyen', test: true, api_key: 'AQE_canary_key_of_adyen_1234',
    merchant_account: 'HubdECOM',
    webhook_secrets: ['44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056'] };
  #payments = new Map();
  modifications = [];

  authorize({ headers }) {
    return headers['x-api-key'] === this.account.api_key ? null
      : this.refusal(401, 'HTTP Status Response - Unauthorized', '000');
  }

  refusal(status, message, errorCode = '905') {
    return json(status, { status, errorCode, message, errorType: 'internal' });
  }

  remembers(answer) {
    return answer.status < 500;
  }

  serve({ method, path, query, body }) {
    const below = path.replace(/^\/v71/, '');
    const input = body === '' ? undefined : JSON.parse(body);
    if (input) api.checkRequest(method, below, input);
    if ((input?.merchantAccount ?? query.get('merchantAccount') ?? 'HubdECOM') !== 'HubdECOM') {
      return this.refusal(403, 'Invalid Merchant Account', '901');
    }
    const answer = this.#route(method, below.split('/').slice(1), input);
    if (answer.body) api.checkAnswer(method, below, answer.status, JSON.parse(answer.body));
    return answer;
  }

  #route(method, [kind, id, action], input) {
    if (kind === 'paymentMethods') return json(200, { paymentMethods: [] });
    if (kind === 'storedPaymentMethods') return { status: 204, headers: {}, body: '' };
    if (kind === 'payments' && id === undefined) return this.#create(input);
    if (id === 'details') return this.#details(input);
    return this.#modify(id, action, input);
  }

  #reference() {
    return this.id('', 40).replace(/[^0-9A-Z]/g, '').padEnd(16, '7').slice(0, 16);
  }

  #create(input) {
    const method = input.paymentMethod.storedPaymentMethodId ?? 'approve';
    const psp = this.#reference();
    const payment = { psp, input, job: input.metadata.hub_job, amount: input.amount };
    this.#payments.set(psp, payment);
    const base = { pspReference: psp, merchantReference: input.reference, amount: input.amount };
    const refusal = /^refuse_(.*)$/.exec(method);
    if (refusal) {
      return json(200, { ...base, resultCode: 'Refused', refusalReason: 'as was asked for',
        refusalReasonCode: refusal[1] });
    }
    if (method === 'redirect') {
      return json(200, { resultCode: 'RedirectShopper', action: { type: 'redirect', method: 'GET',
        paymentMethodType: 'scheme', url: `https://checkoutshopper.test/${psp}` } });
    }
    if (input.storePaymentMethod) {
      return json(200, { ...base, resultCode: 'Authorised', additionalData: {
        'tokenization.storedPaymentMethodId': this.id('8', 15), cardSummary: '4242' } });
    }
    if (method === 'pending') return json(200, { ...base, resultCode: 'Pending' });
    return json(200, { ...base, resultCode: this.#charge(payment) });
  }

  #charge(payment) {
    this.charges.set(payment.psp, { job: payment.job, amount: payment.amount.value });
    return 'Authorised';
  }

  #details(input) {
    const payment = this.#payments.get(input.details.redirectResult);
    if (!payment) return this.refusal(422, 'Invalid payload', '14_0408');
    return json(200, { pspReference: payment.psp, merchantReference: payment.input.reference,
      amount: payment.amount, resultCode: this.#charge(payment) });
  }

  lastPayment() {
    return [...this.#payments.keys()].at(-1);
  }

  #modify(id, action, input) {
    if (!this.#payments.has(id)) return this.refusal(422, 'Original pspReference required', '167');
    const psp = this.#reference();
    this.modifications.push({ psp, id, action, job: input.reference, amount: input.amount });
    return json(201, { merchantAccount: input.merchantAccount, paymentPspReference: id,
      pspReference: psp, reference: input.reference, status: 'received',
      ...(action === 'cancels' ? {} : { amount: input.amount }) });
  }
}
