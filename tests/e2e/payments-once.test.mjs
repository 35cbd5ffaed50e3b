// Nobody is charged twice: the connector is killed at every point at which it has given up control,
// answers are lost, connections break, gateways fail; and a connector whose key is the attempt's
// instead of the job's is found out by the same tests.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';

import { CASES, charge, makePeers } from '../peers/lib/cases.mjs';
import { CONNECTOR, Host, MUTANT } from '../peers/lib/host.mjs';

const HOUR = 3_600_000;
const hosts = [];
after(() => Promise.all(hosts.map((host) => host.stop())));

function setUp(connector = CONNECTOR, fate = undefined) {
  const peers = makePeers();
  const host = new Host({ peers: Object.values(peers).filter((one) => one.handle), connector, fate });
  hosts.push(host);
  return { host, peers };
}

/** Kills at the points of these numbers, counted over all attempts. */
const killAt = (...numbers) => (point) => numbers.includes(point.number);

/** How many points a job has that nothing happens to. */
async function countPoints(host, peer, operation, input) {
  const job = await host.run(operation, input, { account: peer.account, interrupt: () => false });
  assert.equal(job.state, 'succeeded', JSON.stringify(job.message));
  return job.points;
}

/** Runs the case with a kill at each point; gives [how many runs, what went wrong]. */
async function killEverywhere({ host, peers }, gateway, [operation, prepare, count], second = 0) {
  const peer = peers[gateway];
  const points = await countPoints(host, peer, operation, await prepare(host, peer));
  const wrong = [];
  for (let at = 0; at < points; at++) {
    const input = await prepare(host, peer);
    const interrupt = second > 0 ? killAt(at, at + second) : killAt(at);
    const job = await host.run(operation, input, { account: peer.account, interrupt });
    const done = count(peer, host, job.id);
    if (job.state !== 'succeeded' || done !== 1) {
      wrong.push({ gateway, operation, at, state: job.state, code: job.code, done });
    }
  }
  return [points, wrong];
}

for (const gateway of Object.keys(makePeers())) {
  test(`${gateway}: killed at every point, once and twice`, async () => {
    const setting = setUp();
    for (const one of CASES) {
      for (const second of one[0] === 'authorize' ? [0] : [0, 3]) {
        const [points, wrong] = await killEverywhere(setting, gateway, one, second);
        assert.ok(points >= 10, `${points} points`);
        assert.deepEqual(wrong, []);
      }
    }
    assert.equal(setting.peers[gateway].problems.pop(), undefined);
  });
}

test('a key per attempt is found out', async () => {
  const setting = setUp(MUTANT);
  for (const gateway of ['stripe', 'paypal', 'adyen', 'mollie', 'simulator']) {
    const [, wrong] = await killEverywhere(setting, gateway, CASES[0]);
    assert.ok(wrong.some((one) => one.done === 2), `${gateway}: ${JSON.stringify(wrong)}`);
  }
});

test('lost requests, lost answers and failing gateways', async () => {
  const fates = [
    { lost: 'answer' }, { lost: 'request' }, { lost: 'connection' }, { status: 500 },
    { status: 502 }, { status: 503 }, { status: 409 }, { status: 425 }, { status: 429 },
    { status: 408 },
  ];
  let next = [];
  const { host, peers } = setUp(CONNECTOR, () => next.shift());
  for (const gateway of ['stripe', 'paypal', 'adyen', 'mollie']) {
    const peer = peers[gateway];
    for (const fate of fates) {
      for (const often of [1, 3]) {
        next = Array(often).fill(fate);
        const job = await host.run('purchase', charge(gateway), { account: peer.account });
        const what = `${gateway} ${JSON.stringify(fate)} ×${often}: ${job.state} ${job.code}`;
        assert.equal(job.state, 'succeeded', what);
        assert.equal(peer.chargesByJob().get(job.id), 1, what);
        assert.equal(next.length, 0, what);
      }
    }
    assert.equal(peer.problems.pop(), undefined);
  }
});

test('Retry-After is passed on', async () => {
  let next = [{ status: 429, headers: { 'retry-after': '7' } }];
  const { host, peers } = setUp(CONNECTOR, () => next.shift());
  const job = await host.run('purchase', charge('stripe'), { account: peers.stripe.account });
  assert.equal(job.attempts[0].kind, 'retry');
  assert.equal(job.attempts[0].delay_ms, 7000);
  assert.equal(job.state, 'succeeded');
});

test('when no answer ever comes, the gateway is asked what happened; else it is unknown', async () => {
  const keyed = (call) => call.headers['idempotency-key'] ?? call.headers['paypal-request-id'];
  const { host, peers } = setUp(CONNECTOR, (call) => (keyed(call) ? { lost: 'answer' } : undefined));
  for (const [gateway, state] of [['stripe', 'succeeded'], ['mollie', 'succeeded'],
    ['paypal', 'unknown'], ['adyen', 'unknown']]) {
    const job = await host.run('purchase', charge(gateway), { account: peers[gateway].account });
    assert.equal(job.state, state, `${gateway} ${job.code}: ${job.message}`);
    assert.equal(peers[gateway].chargesByJob().get(job.id), 1);
    assert.equal(job.attempts.length, 5);
    const entries = host.ledger.filter((one) => one.job === job.id);
    assert.equal(entries.filter((one) => one.kind === 'intent').length, 5);
    assert.equal(entries.at(-1).outcome, state === 'unknown' ? 'unknown' : 'found');
  }
});

test('what the gateway does not know yet it is asked about again', async () => {
  const { host, peers } = setUp();
  for (const gateway of ['stripe', 'paypal', 'adyen', 'mollie']) {
    for (const lost of ['answer', 'request']) {
      const peer = peers[gateway];
      const keyed = (call) => call.headers[peer.keyHeader];
      host.fate = (call) => { // the first attempt and the first look at it come to nothing
        if (call.attempt === 1 && keyed(call)) return { lost };
        return call.attempt <= 2 && call.path !== '/v1/oauth2/token' ? { status: 503 } : undefined;
      };
      const job = await host.run('purchase', charge(gateway),
        { account: peer.account, maxAttempts: 1, settles: 3 });
      assert.deepEqual([job.state, job.attempts.length], ['succeeded', 3], `${gateway} ${lost}`);
      assert.equal(peer.chargesByJob().get(job.id), 1);
    }
    assert.equal(peers[gateway].problems.pop(), undefined);
  }
});

test('an attempt that settles begins nothing', async () => {
  const { host, peers } = setUp();
  for (const gateway of ['stripe', 'paypal', 'adyen', 'mollie']) {
    const peer = peers[gateway];
    const before = peer.requests.length;
    host.fate = () => undefined;
    const job = await host.run('purchase', charge(gateway), { account: peer.account, maxAttempts: 0,
      settles: 1 });
    assert.deepEqual([job.state, job.code], ['failed', 'attempts_used_up']);
    assert.equal(peer.requests.length, before);
  }
});

test('a gateway that was never reached makes a failure, and no unknown', async () => {
  const { host, peers } = setUp(CONNECTOR, () => ({ lost: 'connection' }));
  for (const gateway of ['stripe', 'paypal', 'adyen', 'mollie']) {
    const job = await host.run('purchase', charge(gateway), { account: peers[gateway].account });
    assert.equal(job.attempts.length, 5);
    assert.equal(job.state, 'failed');
    assert.ok(job.attempts.every((one) => one.kind === 'retry'), JSON.stringify(job.attempts));
    assert.equal(peers[gateway].requests.length, 0);
  }
});

test('credentials that are refused after a doubtful attempt leave it in doubt', async () => {
  let next = [{ lost: 'answer' }];
  const { host, peers } = setUp(CONNECTOR, () => next.shift());
  const { stripe } = peers;
  const account = { ...stripe.account };
  host.fate = (call) => {
    if (call.attempt === 1) return { lost: 'answer' };
    return call.method === 'POST' ? { status: 401 } : undefined;
  };
  const job = await host.run('purchase', charge('stripe'), { account });
  assert.equal(job.state, 'succeeded', job.message); // found by a search, in the last attempt
  assert.equal(stripe.chargesByJob().get(job.id), 1);
});

test('past the horizon of its key a request is never sent again', async () => {
  const horizons = { stripe: 24, paypal: 6, adyen: 24 * 7, mollie: 1 };
  for (const [gateway, hours] of Object.entries(horizons)) {
    for (const lost of ['answer', 'request']) {
      const { host, peers } = setUp();
      const peer = peers[gateway];
      const start = Date.now();
      let sends = 0;
      host.now = start;
      host.fate = (call) => {
        if (!call.headers[peer.keyHeader]) return undefined;
        sends++;
        host.now = start + hours * HOUR; // by the next attempt the gateway has forgotten the key
        setImmediate(() => peer.forgetKeys());
        return { lost };
      };
      const job = await host.run('purchase', charge(gateway), { account: peer.account });
      const asks = gateway === 'stripe' || gateway === 'mollie';
      assert.equal(sends, 1, gateway);
      assert.equal(job.state, asks && lost === 'answer' ? 'succeeded' : 'unknown', gateway);
      assert.equal(peer.chargesByJob().get(job.id) ?? 0, lost === 'answer' ? 1 : 0);
      if (job.state === 'unknown') assert.equal(job.code, 'key_expired');
    }
  }
});

test('the same bytes with the same key go out in every attempt', async () => {
  const { host, peers } = setUp();
  for (const gateway of ['stripe', 'paypal', 'adyen', 'mollie']) {
    const peer = peers[gateway];
    host.fate = (call) => (call.attempt < 4 && call.headers[peer.keyHeader]
      ? { lost: 'answer' } : undefined);
    const job = await host.run('purchase', charge(gateway), { account: peer.account });
    const sent = peer.requests.filter((one) => one.headers[peer.keyHeader] === job.id);
    assert.equal(sent.length, 4);
    for (const one of sent) {
      assert.equal(one.body, sent[0].body);
      assert.equal(one.path, sent[0].path);
    }
  }
});

test('an account that leads elsewhere meanwhile ends it as unknown', async () => {
  const { host, peers } = setUp();
  const account = { ...peers.stripe.account };
  host.fate = () => {
    account.base_url = 'http://127.0.0.1:9'; // for the next attempt
    return { lost: 'answer' };
  };
  const job = await host.run('purchase', charge('stripe'), { account });
  assert.equal(job.state, 'unknown');
  assert.equal(job.code, 'account_changed');
});

test('a rotated API key does not stop a payment', async () => {
  const { host, peers } = setUp();
  const { stripe } = peers;
  const account = { ...stripe.account };
  host.fate = (call) => {
    if (call.attempt > 1) return undefined;
    stripe.account.api_key = 'sk_test_the_new_one';
    account.api_key = 'sk_test_the_new_one';
    return { lost: 'answer' };
  };
  const job = await host.run('purchase', charge('stripe'), { account });
  assert.equal(job.state, 'succeeded', job.message);
  assert.equal(stripe.requests.filter((one) => one.method === 'POST').length, 2);
});

test('reconcile tells what the gateway knows of a job', async () => {
  const { host, peers } = setUp();
  for (const gateway of ['stripe', 'mollie', 'simulator']) {
    const { account } = peers[gateway];
    const job = await host.run('purchase', charge(gateway), { account });
    const asked = await host.run('reconcile', { job: job.id }, { account });
    assert.equal(asked.state, 'succeeded', asked.message);
    assert.equal(asked.result.found, true);
    assert.equal(asked.result.payment, job.result.payment);
    assert.equal(asked.result.status, 'succeeded');
    const never = await host.run('reconcile', { job: 'a-job-that-never-was' }, { account });
    assert.equal(never.state, 'succeeded', never.message);
    assert.equal(never.result.found, false);
  }
  for (const gateway of ['stripe', 'mollie', 'paypal']) {
    const { account } = peers[gateway];
    const { id, result: { payment } } = await host.run('purchase', charge(gateway), { account });
    const refund = await host.run('refund', { payment, amount_minor: 100, currency: 'EUR' },
      { account });
    const ask = async (job, operation) => (await host.run('reconcile',
      { job, operation, payment }, { account })).result;
    const seen = await ask(refund.id, 'refund');
    assert.deepEqual([seen.found, seen.ids.refund], [true, refund.result.ids.refund], gateway);
    assert.equal((await ask('a-job-that-never-was', 'refund')).found, false);
    assert.equal((await ask(id, 'purchase')).found, true);
    assert.equal((await ask('a-job-that-never-was', 'purchase')).found, false);
    const vague = await host.run('reconcile', { job: refund.id, operation: 'refund' }, { account });
    assert.equal(vague.code, 'invalid_input');
  }
  for (const gateway of ['paypal', 'adyen']) {
    const asked = await host.run('reconcile', { job: 'j' }, { account: peers[gateway].account });
    assert.equal(asked.code, 'not_supported');
  }
});

test('cancelled: an answer that comes at once still counts, else it is given back', async () => {
  const { host, peers } = setUp();
  const run = { cancelled: 0 };
  host.fate = () => {
    setImmediate(() => host.cancelAll());
    run.cancelled++;
    return { after: 100 };
  };
  const job = await host.run('purchase', charge('stripe'), { account: peers.stripe.account });
  assert.equal(job.state, 'succeeded');
  host.fate = (call) => {
    if (call.attempt > 1) return undefined;
    setImmediate(() => host.cancelAll());
    return { after: 1500 };
  };
  const late = await host.run('purchase', charge('stripe'), { account: peers.stripe.account });
  assert.equal(late.attempts[0].code, 'cancelled');
  assert.equal(late.state, 'succeeded');
  assert.equal(peers.stripe.chargesByJob().get(late.id), 1);
});
