// What is tried on every gateway by the tests that kill and lose: an operation, what it needs to
// have happened before, and how often the gateway has done it for a job.
import { AdyenPeer } from '../adyen.mjs';
import { MolliePeer } from '../mollie.mjs';
import { PaypalPeer } from '../paypal.mjs';
import { StripePeer } from '../stripe.mjs';

const EUR = { amount_minor: 1250, currency: 'EUR' };
const METHODS = { stripe: 'pm_card_visa', paypal: 'approve', adyen: 'approve',
  mollie: 'tkn_approve', simulator: 'tok_approve' };

/** The simulator built into the connector keeps its books in hubd's storage. */
export class SimulatorBooks {
  account = { gateway: 'simulator', test: true };
  problems = [];

  count(host, job, event) {
    return host.accountValues('simulator')
      .map((one) => JSON.parse(one.value))
      .filter((one) => one.job === job && one.event === event).length;
  }
}

export const makePeers = () => ({
  stripe: new StripePeer(), paypal: new PaypalPeer(), adyen: new AdyenPeer(),
  mollie: new MolliePeer(), simulator: new SimulatorBooks(),
});

export const charge = (gateway) => ({ ...EUR, payment_method: METHODS[gateway],
  return_url: 'https://shop.example/back', reference: 'order 1' });

const charges = (peer, host, job) => (peer.charges
  ? peer.chargesByJob().get(job) ?? 0 : peer.count(host, job, 'create'));

function refunds(peer, host, job) {
  if (peer.modifications) {
    return peer.modifications.filter((one) => one.action === 'refunds' && one.job === job).length;
  }
  return peer.refundsOf ? peer.refundsOf(job) : peer.count(host, job, 'refund');
}

/** [operation, (host, peer) → input, (peer, host, job id) → how often it was done] */
export const CASES = [
  ['purchase', (host, peer) => charge(peer.account.gateway), charges],
  ['authorize', (host, peer) => charge(peer.account.gateway), charges],
  ['refund', async (host, peer) => {
    const job = await host.run('purchase', charge(peer.account.gateway), { account: peer.account });
    return { payment: job.result.payment, amount_minor: 100, currency: 'EUR' };
  }, refunds],
];
