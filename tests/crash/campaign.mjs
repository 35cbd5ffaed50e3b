#!/usr/bin/env node
// kill -9 of hubd and of its runners, again and again, under load, against a ledger kept outside.
//
//     node tests/crash/campaign.mjs [--cycles N] [--seed S] [--seconds-per-cycle X]
//                                   [--end HOW] [--mutant forget] [--keep DIR] [--verbose]
//
// HUBD_BUILD names the build (default: build). A cycle is one life of hubd: it comes up (sometimes
// it is killed while it does), has clients, loses runners, is frozen for a while, and ends: mostly
// by SIGKILL at a random instant or right behind a request or an answer, sometimes by SIGTERM, or
// by SIGKILL while it drains. After the last one hubd finishes what is left, and check.mjs looks.
//
// --end HOW         every life ends so: "kill", "freeze and kill", "terminate", "terminate twice",
//                   "terminate and kill"; default: all of them, by chance
// --mutant forget   shows that a store that forgets is found: between lives the write-ahead log is
//                   thrown away. Then the exit code is 0 only if lost jobs were found.
// --keep DIR        state directory and ledger stay there; else they stay only after a failure
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

import { SLOW } from '../e2e/lib/hubd.mjs';
import { chooseEnd, endLife, harass, instant } from './lib/chaos.mjs';
import { check } from './lib/check.mjs';
import { Client } from './lib/client.mjs';
import { listen, live, liveBriefly } from './lib/daemon.mjs';
import { lookAtAll, NARROW, prepare, tell } from './lib/final.mjs';
import { Follower } from './lib/follower.mjs';
import { Ledger } from './lib/ledger.mjs';
import { Load } from './lib/load.mjs';
import { tryMutants } from './lib/mutants.mjs';
import { Random } from './lib/random.mjs';

const { values: options } = parseArgs({
  options: {
    cycles: { type: 'string', default: '20' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    'seconds-per-cycle': { type: 'string', default: String(0.6 * Math.sqrt(SLOW)) },
    end: { type: 'string' },
    mutant: { type: 'string' },
    keep: { type: 'string' },
    verbose: { type: 'boolean', default: false },
  },
});

const BACKLOG_MAX = 400;
const DRAIN_MS = (options.mutant ? 15_000 : 120_000) * SLOW;

const random = new Random(Number(options.seed));
const cycles = Number(options.cycles);
const longest = Number(options['seconds-per-cycle']) * 1000;
const root = options.keep ?? fs.mkdtempSync(path.join(os.tmpdir(), 'hubd-crash-'));
const stateDir = path.join(root, 'state');
fs.mkdirSync(stateDir, { recursive: true });
const ledger = new Ledger(path.join(root, 'ledger.ndjson'));
ledger.narrow = NARROW;
const follower = new Follower();
const campaign = { stateDir, ledger, random, follower, drainMs: DRAIN_MS };

/** One life: up, load and harm, down. */
async function cycle() {
  while (random.chance(0.15)) await liveBriefly(stateDir, ledger, random.int(0, 60 * SLOW));
  const hub = await live(stateDir, ledger);
  const end = chooseEnd(random, longest, options.end);
  const client = new Client(hub);
  const backlog = await prepare(client, ledger);
  client.close();
  await follower.follow(hub);
  const { hooks, reached } = instant(end, longest);
  const budget = Math.max(20, Math.round(250 * (1 - backlog / BACKLOG_MAX)));
  const load = new Load(hub, ledger, random, { budget, hooks });
  const life = { over: false };
  const harm = harass(hub, ledger, random, life);
  await Promise.race([reached, load.done]);
  life.over = true;
  if (end.how.startsWith('freeze')) await harm; // it must not be thawed again
  await endLife(hub, end, ledger, random);
  await Promise.all([load.stop(), harm]);
  follower.leave();
  listen(hub, ledger);
  return end;
}

/** Between lives: what a store that does not keep its word would do. */
function forget() {
  for (const suffix of ['-wal', '-shm']) {
    fs.rmSync(path.join(stateDir, `hubd.db${suffix}`), { force: true });
  }
}

async function main() {
  const began = Date.now();
  console.log(`seed ${options.seed}, ${cycles} cycles, in ${root}`);
  for (let i = 0; i < cycles; i++) {
    const end = await cycle();
    if (options.verbose) console.log(i, JSON.stringify(end), JSON.stringify(ledger.counts));
    if (options.mutant === 'forget') forget();
    if (ledger.violations.length > 0 && !options.mutant) break; // the sooner, the easier to find
  }
  const seen = await lookAtAll(campaign);
  const violations = check(ledger, seen);
  tell(`${cycles} cycles`, campaign, seen, violations, began);
  ledger.close();
  if (options.mutant) {
    const bitten = violations.some((one) => one.rule === 'job_lost' || one.rule === 'event_lost');
    console.log(bitten ? 'the lost jobs were found' : 'the loss went unnoticed');
    return bitten;
  }
  if (violations.length > 0) return false;
  const { tried, missed } = tryMutants(ledger, seen, check);
  console.log(`${tried - missed.length} of ${tried} doctored observations were found`);
  missed.forEach((name) => console.log(`not found: ${name}`));
  return missed.length === 0;
}

const good = await main();
if (good && !options.keep) fs.rmSync(root, { recursive: true, force: true });
if (!good) console.log(`what was left is in ${root}`);
process.exit(good ? 0 : 1);
