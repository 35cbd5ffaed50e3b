// The end of a campaign: hubd finishes what is left, and everything is looked at.
import { setTimeout as delay } from 'node:timers/promises';

import { SLOW, until } from '../../e2e/lib/hubd.mjs';
import { Client } from './client.mjs';
import { listen, live } from './daemon.mjs';
import { Follower } from './follower.mjs';
import { readBooks, readKept } from './kept.mjs';
import { Load } from './load.mjs';
import { observe, observeDisk, temporaryFiles } from './observe.mjs';

/** Attempts at once in the queue `narrow`, from the first to the last job. */
export const NARROW = 2;
const QUIET_MS = 15_000 * SLOW;
const SWEEP_MS = 20_000 * SLOW;
const REPLAYS = 50;
const TOLD_MAX = 40;

const unfinished = (queues) => queues
  .reduce((sum, queue) => sum + queue.blocked + queue.scheduled + queue.queued + queue.running, 0);

/** Sets up what must hold for the whole campaign; gives how many jobs are waiting. */
export async function prepare(client, ledger) {
  const { queues } = await client.json('/v1/queues');
  const toggled = queues.find((queue) => queue.name === 'toggled');
  const known = ledger.queues.get('toggled');
  if (known && toggled) { // of what was asked and never answered, this is what became of it
    const real = { paused: toggled.paused, concurrency: toggled.concurrency };
    const possible = [known.settled, ...known.asked].map((one) => JSON.stringify(one));
    if (known.settled && !possible.includes(JSON.stringify(real))) {
      ledger.wrong('queue', 'toggled', `is ${JSON.stringify(real)}, not one of ${possible}`);
    }
    ledger.queueAcknowledged('toggled', real);
  }
  await client.request('PATCH', '/v1/queues/narrow', { json: { concurrency: NARROW } });
  return unfinished(queues);
}

/** Acknowledged requests come again: the same job is the answer, another body is refused. */
async function replaySome(load, ledger, random) {
  const accepted = ledger.accepted.filter((entry) => entry.deleted === 'none');
  for (let i = 0; i < Math.min(REPLAYS, accepted.length); i++) {
    const entry = random.pick(accepted);
    const answer = await load.post(entry);
    if (answer.headers['idempotency-replayed'] !== 'true') {
      ledger.wrong('replay', entry.id, `answered ${answer.status}, not as a replay`);
    }
    const other = await load.client.request('POST', '/v1/jobs', {
      json: { ...entry.plan.body, priority: 99 }, headers: { 'idempotency-key': entry.key },
    });
    if (other.status !== 422) ledger.wrong('replay', entry.id, `another body: ${other.status}`);
  }
}

/** The marker's end is the last event there is: then a follower has seen all. */
async function followToEnd(follower, id) {
  await until(() => {
    follower.take();
    return follower.events.some((event) => event.job === id && event.state === 'succeeded');
  }, 'the last event has come', QUIET_MS);
}

/** Posts a job of the campaign's own; gives it when it has ended. */
async function ask(load, client, ledger, body) {
  const key = `asked-${ledger.jobs.size}`;
  const entry = ledger.planned(key, { body: { ...body, labels: { key } }, safety: 'safe',
    may: ['succeeded'] });
  await load.post(entry);
  return until(async () => {
    const job = await client.json(`/v1/jobs/${entry.id}`);
    return job.finished_at !== null && job;
  }, 'a last job has ended', QUIET_MS);
}

/** Everything runs to its end: the queues go, what was never answered is posted again. */
async function finish(hub, client, { ledger, random, follower, drainMs }) {
  const wide = { paused: false, concurrency: null };
  await prepare(client, ledger);
  const load = new Load(hub, ledger, random, { budget: 0 });
  await load.stop();
  await client.request('PATCH', '/v1/queues/toggled', { json: wide });
  ledger.queueAcknowledged('toggled', wide);
  for (const entry of ledger.open) await load.post(entry);
  await replaySome(load, ledger, random);
  await until(async () => unfinished((await client.json('/v1/queues')).queues) === 0,
    'every job has ended', drainMs).catch((error) => ledger.wrong('stuck', 'all', error.message));
  const kept = await readKept(ledger, (body) => ask(load, client, ledger, body));
  const marker = await ask(load, client, ledger, { type: 'noop.run' });
  await followToEnd(follower, marker.id)
    .catch((error) => ledger.wrong('event_missing', marker.id, error.message));
  load.client.close();
  return { marker: marker.id, kept };
}

/** What nobody names any more goes when hubd has nothing else to do. */
async function swept(stateDir) {
  const stray = () => {
    const { expected, found } = observeDisk(stateDir);
    return found.some((blob) => !expected.includes(blob));
  };
  await until(async () => {
    await delay(300);
    return temporaryFiles(stateDir).length === 0 && !stray();
  }, 'no file is left over', SWEEP_MS).catch(() => {}); // the checker tells which
}

/**
 * The last life of a campaign {stateDir, ledger, random, follower, drainMs, flags}. Gives what
 * check() holds against the ledger.
 */
export async function lookAtAll(campaign) {
  const { stateDir, ledger, follower, flags } = campaign;
  const hub = await live(stateDir, ledger, flags);
  const client = new Client(hub);
  await follower.follow(hub);
  const { marker, kept } = await finish(hub, client, campaign);
  const outbox = new Follower();
  await outbox.follow(hub);
  await followToEnd(outbox, marker)
    .catch((error) => ledger.wrong('event_lost', marker, error.message));
  outbox.leave();
  follower.leave();
  const seen = { ...await observe(client, ledger), kept, books: await readBooks(client),
    events: follower.events, outbox: outbox.events };
  client.close();
  await swept(stateDir);
  seen.temporary = temporaryFiles(stateDir);
  await hub.stop().catch((error) => ledger.wrong('exit', hub.pid, error.message));
  listen(hub, ledger);
  return { ...seen, disk: observeDisk(stateDir) };
}

/** What was done and seen, in one line of JSON; then what was wrong. */
export function tell(title, { ledger, random }, seen, violations, began) {
  const outcomes = {};
  for (const job of seen.jobs.values()) {
    for (const { outcome } of job.attempts ?? []) outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  }
  console.log(title, JSON.stringify({
    seed: random.seed, seconds: Math.round((Date.now() - began) / 1000), lives: ledger.lives.length,
    jobs: ledger.byId.size, listed: seen.listed.length, ...ledger.counts,
    events: seen.events.length, kept: ledger.kept.size, booked: seen.books.entries.length,
    attempts: outcomes, runners_killed: ledger.kills.size, artifacts: seen.artifacts.size,
    violations: violations.length,
  }));
  for (const { rule, id, what } of violations.slice(0, TOLD_MAX)) {
    console.log(`${rule} ${id}: ${what}`);
  }
}
