#!/usr/bin/env node
// Money over kill -9: hubd, its runner and the network fail at random around the gateways' calls, and
// then the gateways' books are compared with hubd's.
//
//     node tests/crash/payments.mjs [--cycles N] [--daemons N] [--seed S] [--jobs N] [--mutant]
//                                   [--verbose]
//
// A cycle is one life of hubd: jobs are posted, answers get lost, come twice, come too late or not at
// all, runners are killed, and at last hubd is, mostly by SIGKILL. Several daemons live and die side by
// side, each with gateways of its own, and share the cycles. After the last one everything
// calms down, and each job must have ended so: succeeded with one charge, failed with none, unknown
// with at most one; and no job has two, whatever became of it.
//
// --mutant    runs a connector whose key is the attempt's and not the job's: the exit code is 0 only
//             if double charges were found.
import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';

import { BUILD, SLOW, sleep, startHubd, tempFolder } from '../e2e/lib/hubd.mjs';
import { charge, makePeers } from '../peers/lib/cases.mjs';
import { serve } from '../peers/lib/peer.mjs';
import { runnerOf } from '../peers/lib/runner.mjs';
import { Random } from './lib/random.mjs';

const { values: options } = parseArgs({
  options: {
    cycles: { type: 'string', default: '20' },
    daemons: { type: 'string', default: '4' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    jobs: { type: 'string', default: '16' },
    mutant: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
  },
});

const CALM_MS = 120_000 * SLOW;
const TIMEOUT_MS = 4000 * SLOW; // of an attempt: 1.5 s less for a request
const CONNECTORS = options.mutant
  ? [path.join(BUILD, 'tests', 'mutants')] : [path.join(BUILD, 'connectors')];
const TERMINAL = ['succeeded', 'failed', 'unknown', 'cancelled'];

const counts = { cycles: 0, posted: 0, hubdKilled: 0, runnersKilled: 0, lost: 0, late: 0, twice: 0 };

/** One daemon after the other on the same state, and the gateways that they speak to. */
class World {
  #random;
  #stateDir = tempFolder('hubd-payments-');
  #servers = [];
  #accepted = new Set();
  #storm = true;
  peers = Object.values(makePeers()).filter((one) => one.handle);

  constructor(seed) {
    this.#random = new Random(seed);
  }

  async run(more) {
    for (const peer of this.peers) {
      const server = await serve(peer, (call) => this.#fate(call));
      peer.account.base_url = server.url;
      this.#servers.push(server);
    }
    await this.#putAccounts();
    while (more()) await this.#cycle();
    const seen = await this.#calm();
    this.#servers.forEach((one) => one.close());
    fs.rmSync(this.#stateDir, { recursive: true, force: true });
    return { ...seen, ...this.#compare(seen) };
  }

  /** What becomes of a request. */
  #fate(call) {
    const random = this.#random;
    if (!this.#storm || call.method === 'GET' || call.path === '/v1/oauth2/token') {
      return random.chance(0.3) ? { after: random.int(0, 30) } : undefined;
    }
    const chance = random.int(0, 99);
    if (chance < 15) return counts.lost++, { lost: 'answer', after: random.int(0, 50) };
    if (chance < 22) return counts.lost++, { lost: 'request' };
    if (chance < 27) return { status: random.pick([500, 502, 503]) };
    if (chance < 31) return { status: 429 };
    if (chance < 34) return counts.late++, { after: TIMEOUT_MS };
    if (chance < 42) return counts.twice++, { twice: true };
    return { after: random.int(0, 250) };
  }

  #start() {
    return startHubd({
      stateDir: this.#stateDir, connectors: CONNECTORS,
      flags: { http_allow_private: ['127.0.0.1'], retry_base_ms: 20, retry_cap_ms: 1000,
        log_level: 'error' },
    });
  }

  async #putAccounts() {
    const hub = await this.#start();
    for (const { account } of this.peers) {
      const response = await hub.send(`/v1/accounts/${account.gateway}`,
        { connector: 'payments', settings: account }, { method: 'PUT' });
      if (!response.ok) throw new Error(await response.text());
    }
    await hub.stop();
  }

  async #post(hub) {
    const gateway = this.#random.pick([...this.peers.map((one) => one.account.gateway), 'simulator']);
    counts.posted++;
    try {
      const job = await hub.post('payments.purchase', charge(gateway), { max_attempts: 12,
        timeout_ms: TIMEOUT_MS, ...(gateway === 'simulator' ? {} : { account: gateway }) });
      this.#accepted.add(job.id);
    } catch { /* hubd is gone; perhaps it has accepted the job */ }
  }

  async #cycle() {
    const random = this.#random;
    const hub = await this.#start();
    const until = Date.now() + random.int(80, 700) * SLOW;
    const posting = Array.from({ length: Number(options.jobs) }, async () => {
      await sleep(random.int(0, 300) * SLOW);
      if (hub.running) await this.#post(hub);
    });
    while (Date.now() < until) {
      await sleep(random.int(20, 200));
      const runner = random.chance(0.3) ? runnerOf(hub, 'payments.so') : NaN;
      if (runner) {
        try {
          process.kill(runner, 'SIGKILL');
          counts.runnersKilled++;
        } catch { /* it has ended */ }
      }
    }
    if (random.chance(0.85)) {
      counts.hubdKilled++;
      await hub.kill();
    } else {
      await hub.stop();
    }
    await Promise.all(posting);
    counts.cycles++;
    if (options.verbose) console.log(JSON.stringify(counts));
  }

  /** To the end of every job: then they, and which of the simulator's were charged. */
  async #calm() {
    this.#storm = false;
    const hub = await this.#start();
    const end = Date.now() + CALM_MS;
    let jobs = await allJobs(hub);
    while (jobs.some((one) => !TERMINAL.includes(one.state)) && Date.now() < end) {
      await sleep(200);
      jobs = await allJobs(hub);
    }
    const simulated = new Map();
    for (const job of jobs.filter((one) => one.account === null || one.account === undefined)) {
      const asked = await hub.run('payments.reconcile', { job: job.id });
      simulated.set(job.id, asked.result?.found ? 1 : 0);
    }
    await hub.stop();
    return { jobs, simulated };
  }

  /** What is wrong between hubd's books and the gateways'. */
  #compare({ jobs, simulated }) {
    const charges = new Map(simulated);
    for (const peer of this.peers) {
      for (const [job, often] of peer.chargesByJob()) charges.set(job, often);
    }
    const known = new Set(jobs.map((one) => one.id));
    const wrong = [];
    const report = (rule, job, text) => wrong.push({ rule, job, text });
    for (const id of this.#accepted) if (!known.has(id)) report('lost', id, 'accepted and gone');
    for (const [id, often] of charges) {
      if (often > 1) report('doubled', id, `${often} charges`);
      if (often > 0 && !known.has(id)) report('stray', id, 'charged for nobody');
    }
    for (const { id, state, error } of jobs) {
      const often = charges.get(id) ?? 0;
      if (!TERMINAL.includes(state)) report('stuck', id, state);
      if (state === 'succeeded' && often === 0) report('uncharged', id, 'succeeded without a charge');
      if (['failed', 'cancelled'].includes(state) && often > 0) {
        report('denied', id, `${state} (${error?.code}) with a charge`);
      }
    }
    return { wrong, charged: [...charges.values()].filter((often) => often > 0).length };
  }
}

/** All jobs, however many pages. */
async function allJobs(hub) {
  const jobs = [];
  let target = '/v1/jobs?limit=100&type=payments.purchase';
  while (target) {
    const response = await hub.fetch(target);
    jobs.push(...(await response.json()).jobs);
    const next = /<([^>]+)>;\s*rel="next"/.exec(response.headers.get('link') ?? '');
    target = next ? next[1] : null;
  }
  return jobs;
}

function countStates(jobs) {
  const states = {};
  for (const { state, error } of jobs) {
    const what = state === 'succeeded' ? state : `${state}: ${error?.code}`;
    states[what] = (states[what] ?? 0) + 1;
  }
  return states;
}

async function main() {
  console.log(`seed ${options.seed}, ${options.cycles} cycles${options.mutant ? ', mutant' : ''}`);
  let left = Number(options.cycles);
  const daemons = Math.min(Number(options.daemons), left);
  const worlds = Array.from({ length: daemons }, (_, i) => new World(Number(options.seed) + i));
  const ends = await Promise.all(worlds.map((one) => one.run(() => left-- > 0)));
  const jobs = ends.flatMap((one) => one.jobs);
  const wrong = ends.flatMap((one) => one.wrong);
  const charged = ends.reduce((sum, one) => sum + one.charged, 0);
  const attempts = jobs.reduce((sum, one) => sum + one.attempt, 0);
  console.log(JSON.stringify({ ...counts, jobs: jobs.length, attempts, charged,
    ...countStates(jobs) }));
  const problems = worlds.flatMap((world) => world.peers.flatMap((peer) => peer.problems));
  problems.slice(0, 9).forEach((one) => console.log(one));
  wrong.slice(0, 20).forEach((one) => console.log(JSON.stringify(one)));
  const doubled = wrong.filter((one) => one.rule === 'doubled').length;
  if (options.mutant) {
    console.log(doubled > 0 ? `${doubled} double charges were found` : 'the mutant went unnoticed');
    return doubled > 0;
  }
  return wrong.length === 0 && charged > 0 && problems.length === 0;
}

process.exit(await main() ? 0 : 1);
