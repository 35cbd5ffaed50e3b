// Holds what hubd says at the end (observe.mjs) against the ledger. A pure function: mutants.mjs
// doctors what goes in, and every doctored case must be found.
import { isDeepStrictEqual } from 'node:util';

import { checkConcurrency, checkEnd, checkNumbers, checkOutcomes, checkResult, TERMINAL }
  from './attempts.mjs';
import { checkKept } from './kept.mjs';

/** from → to, of the events of one job. An attempt's start may be written with its end. */
const MOVES = {
  none: ['blocked', 'scheduled', 'queued', 'failed'],
  blocked: ['queued', 'scheduled', 'cancelled', 'failed'],
  scheduled: ['queued', 'cancelled', 'failed'],
  queued: ['running', 'succeeded', 'failed', 'scheduled', 'queued', 'cancelled', 'unknown'],
  running: ['succeeded', 'failed', 'scheduled', 'queued', 'cancelled', 'unknown'],
  succeeded: [], cancelled: [],
  failed: ['queued'], unknown: ['queued'], // by hand only
};
const STATES = ['blocked', 'scheduled', 'queued', 'running', 'succeeded', 'failed', 'cancelled',
  'unknown'];

/** → [{rule, id, what}, …], empty when all is well. */
export function check(ledger, seen) {
  const found = [...ledger.violations];
  const report = (rule, id, what) => found.push({ rule, id, what });
  for (const rule of [checkPresence, checkKeys, checkJobs, checkFlows, checkEvents, checkCounts,
    checkArtifacts, checkKept, checkQueues, checkDisk]) {
    rule(ledger, seen, report);
  }
  return found;
}

const isThere = (job) => job !== undefined && job.missing === undefined;
const present = (seen) => [...seen.jobs.values()].filter(isThere);

/** Nothing that was acknowledged is lost, nothing that was deleted is back; lists are complete. */
function checkPresence(ledger, seen, report) {
  const listed = new Map(seen.listed.map((job) => [job.id, job]));
  if (listed.size !== seen.listed.length) report('list', 'all', 'a job is listed twice');
  for (const [id, entry] of ledger.byId) {
    const there = isThere(seen.jobs.get(id));
    if (!there && entry.deleted === 'none') report('job_lost', id, `acknowledged for ${entry.key}`);
    if (there && entry.deleted === 'acknowledged') report('job_back', id, 'it was deleted');
    if (there !== listed.has(id)) report('list', id, there ? 'is missing' : 'is listed, not there');
  }
  for (const job of seen.listed) {
    const known = seen.jobs.get(job.id);
    if (isThere(known) && known.state !== job.state) {
      report('list', job.id, `is listed as ${job.state}, but is ${known.state}`);
    }
  }
}

/** One key, one job: also where no answer was seen. */
function checkKeys(ledger, seen, report) {
  const byKey = new Map();
  for (const { id, key } of seen.listed) {
    if (byKey.has(key)) report('one_job_per_key', key, `made ${byKey.get(key)} and ${id}`);
    byKey.set(key, id);
    const entry = ledger.jobs.get(key);
    if (entry === undefined) report('job_from_nowhere', id, `nobody posted ${key}`);
    else if (entry.refused !== null) report('job_from_nowhere', id, `${key} was refused`);
    else if (entry.id !== id) report('one_job_per_key', key, `made ${id}, answered ${entry.id}`);
  }
}

function checkPlan(job, { plan }, report) {
  for (const name of ['type', 'queue', 'labels', 'input', 'priority', 'max_attempts', 'after']) {
    const given = plan.body[name];
    if (given !== undefined && !isDeepStrictEqual(given, job[name])) {
      report('as_posted', `${name} is ${JSON.stringify(job[name])}`);
    }
  }
}

function checkJobs(ledger, seen, report) {
  for (const [id, job] of seen.jobs) {
    const entry = ledger.byId.get(id);
    if (!isThere(job) || !entry) continue;
    const tell = (rule, what) => report(rule, id, `${what} [${entry.key} ${job.type}]`);
    if (!TERMINAL.has(job.state) || job.finished_at === null) tell('stuck', `is ${job.state}`);
    if (entry.cancel === 'acknowledged' && job.state !== 'cancelled') {
      tell('end', `its cancel was acknowledged, and it is ${job.state}`);
    }
    checkPlan(job, entry, tell);
    checkNumbers(job, tell);
    checkOutcomes(job, entry, ledger.kills, tell);
    checkEnd(job, entry, ledger.lives, tell);
    checkResult(job, entry, tell);
  }
  checkConcurrency(present(seen), 'narrow', ledger.narrow,
    (rule, what) => report(rule, 'narrow', what));
}

/** A job runs after all of those it waits for, and only if they succeeded. */
function checkFlows(ledger, seen, report) {
  for (const job of present(seen)) {
    const parents = (job.after ?? []).map((id) => seen.jobs.get(id)).filter(isThere);
    const retried = [job, ...parents].some((one) => ledger.byId.get(one.id)?.retries.asked > 0);
    if (retried) continue; // by hand a child may run without its parents
    for (const parent of parents) {
      if (job.attempts.length > 0 && (parent.state !== 'succeeded'
        || job.attempts[0].started_at < parent.finished_at)) {
        report('flow', job.id, `ran although ${parent.id} was ${parent.state}`);
      }
    }
    if (job.error?.code === 'dependency_failed'
      && parents.every((parent) => parent.state === 'succeeded')) {
      report('flow', job.id, 'failed for its parents, which succeeded');
    }
  }
}

/** The outbox: rising numbers, allowed moves, exactly one end for each job. */
function checkEvents(ledger, seen, report) {
  const byJob = new Map();
  let last = 0;
  for (const event of seen.events) {
    if (event.seq <= last || event.sse !== event.seq) {
      report('event_order', event.job, `${event.seq} came after ${last}`);
    }
    last = event.seq;
    byJob.set(event.job, [...(byJob.get(event.job) ?? []), event]);
  }
  for (const [id, events] of byJob) checkHistory(id, events, ledger, seen, report);
  for (const id of ledger.byId.keys()) {
    if (!byJob.has(id)) report('event_missing', id, 'no event tells of it');
  }
  const streamed = new Set(seen.events.map((event) => event.seq));
  const kept = new Set(seen.outbox.map((event) => event.seq));
  for (const { seq, job } of seen.outbox) {
    if (!streamed.has(seq)) report('event_missing', job, `${seq} was not sent to a follower`);
  }
  const oldest = seen.outbox.at(0)?.seq ?? Infinity;
  for (const { seq, job } of seen.events) {
    if (seq >= oldest && !kept.has(seq)) report('event_lost', job, `${seq} was sent, but not kept`);
  }
}

function checkHistory(id, events, ledger, seen, report) {
  let state = 'none';
  let attempt = 0;
  let ends = 0;
  let again = 0;
  for (const event of events) {
    if (!MOVES[state].includes(event.state)) {
      report('move', id, `from ${state} to ${event.state} (event ${event.seq})`);
    }
    if (event.attempt < attempt || event.attempt > attempt + 1) {
      report('event_attempts', id, `attempt ${event.attempt} after ${attempt}`);
    }
    const isEnd = TERMINAL.has(event.state);
    again += TERMINAL.has(state) && !isEnd ? 1 : 0;
    ends += isEnd ? 1 : 0;
    ({ state, attempt } = event);
  }
  const entry = ledger.byId.get(id);
  if (entry && again > entry.retries.asked) {
    report('move', id, `went on ${again} times after an end`);
  }
  if (entry && again < entry.retries.acknowledged) {
    report('retry_lost', id, `${entry.retries.acknowledged} retries, ${again} in the outbox`);
  }
  if (ends !== 1 + again) report('ends', id, `ended ${ends} times, went on ${again} times`);
  const job = seen.jobs.get(id);
  if (isThere(job) && (job.state !== state || job.attempt !== attempt)) {
    report('event_state', id, `the last event says ${state} ${attempt}, the job ${job.state} `
      + `${job.attempt}`);
  }
}

/** Ledger, list and store count the same jobs. */
function checkCounts(ledger, seen, report) {
  const listed = new Map();
  for (const { state } of seen.listed) listed.set(state, (listed.get(state) ?? 0) + 1);
  for (const [number, count] of seen.disk.states) {
    const state = STATES[number];
    if (listed.get(state) !== count) {
      report('counts', state, `${listed.get(state) ?? 0} listed, ${count} stored`);
    }
    listed.delete(state);
  }
  for (const [state, count] of listed) report('counts', state, `${count} listed, none stored`);
  const certain = ledger.accepted.filter((entry) => entry.deleted === 'none').length;
  const possible = ledger.accepted.filter((entry) => entry.deleted !== 'acknowledged').length;
  if (seen.listed.length < certain || seen.listed.length > possible) {
    report('counts', 'all',
      `${seen.listed.length} listed, the ledger has ${certain} to ${possible}`);
  }
}

function checkArtifacts(ledger, seen, report) {
  for (const { id, sha256, deleted } of ledger.artifacts.values()) {
    const real = seen.artifacts.get(id);
    if (deleted === 'acknowledged' ? real.status !== 404
      : real.status !== 200 && !(deleted === 'asked' && real.status === 404)) {
      report('artifact_lost', id, `an upload answers ${real.status} (delete: ${deleted})`);
    } else if (real.status === 200 && real.sha256 !== sha256) {
      report('artifact_content', id, `has ${real.sha256}, not ${sha256}`);
    }
  }
  for (const job of present(seen)) checkOutputs(job, ledger.byId.get(job.id), seen, report);
}

function checkOutputs(job, entry, seen, report) {
  for (const artifact of job.artifacts) {
    const real = seen.artifacts.get(artifact.id);
    if (real.status !== 200) {
      report('artifact_lost', artifact.id, `output of ${job.id}: ${real.status}`);
    } else if (real.sha256 !== artifact.sha256 || real.size !== artifact.size) {
      report('artifact_content', artifact.id, `output of ${job.id} is not what its record says`);
    }
  }
  const planned = job.state === 'succeeded' ? entry?.plan.outputs ?? [] : [];
  const fits = planned.length === job.artifacts.length && planned.every(({ name, sha256 }, index) =>
    (name === null || job.artifacts[index].name === name)
    && (sha256 === null || job.artifacts[index].sha256 === sha256));
  if (!fits && entry) {
    report('outputs', job.id, `has ${JSON.stringify(job.artifacts.map((one) => one.name))}`);
  }
}

function checkQueues(ledger, seen, report) {
  for (const [name, { settled, asked }] of ledger.queues) {
    const queue = seen.queues.find((one) => one.name === name);
    const real = { paused: queue?.paused, concurrency: queue?.concurrency };
    if (![settled, ...asked].some((one) => isDeepStrictEqual(one, real))) {
      report('queue', name, `is ${JSON.stringify(real)}, not ${JSON.stringify(settled)}`);
    }
  }
  for (const queue of seen.queues) {
    const left = queue.blocked + queue.scheduled + queue.queued + queue.running;
    if (left > 0) report('stuck', queue.name, `${left} unfinished jobs in memory`);
  }
}

/** The store agrees with itself; each blob has a row, each row its blob; nothing is left over. */
function checkDisk(ledger, seen, report) {
  for (const [name, rows] of Object.entries(seen.disk.invariants)) {
    if (rows.length > 0) report(`disk_${name}`, name, JSON.stringify(rows.slice(0, 5)));
  }
  const expected = new Set(seen.disk.expected);
  const found = new Set(seen.disk.found);
  for (const blob of expected) if (!found.has(blob)) report('blob_missing', blob, 'has a row');
  for (const blob of found) if (!expected.has(blob)) report('blob_left', blob, 'no row names it');
  for (const name of [...seen.temporary, ...seen.disk.temporary]) {
    report('temporary', name, 'is left over');
  }
}
