#!/usr/bin/env node
// Power cuts: hubd's state directory lies on an ext4 of its own, in a loop file; under load the
// file system is shut down without flushing anything, hubd is killed, and everything comes up again
// from what had reached the disk.
//
//     node tests/crash/powercut.mjs [--cuts N] [--seed S] [--milliseconds-per-cut M] [--verbose]
//
// With synchronous=FULL, as shipped, nothing that was acknowledged may be missing: at the end the
// whole check of campaign.mjs is made: jobs, files, what attempts have kept and booked. With
// synchronous=NORMAL jobs and booked entries must be missing: that shows that the cut cuts. kill -9 alone shows neither: the kernel still writes what it was given.
//
// Needs root and loop devices; otherwise it says so and ends with 77.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { BUILD, SLOW, until } from '../e2e/lib/hubd.mjs';
import { runnersGone, runnersOf } from './lib/chaos.mjs';
import { check } from './lib/check.mjs';
import { Client, inParallel } from './lib/client.mjs';
import { live } from './lib/daemon.mjs';
import { readBooks } from './lib/kept.mjs';
import { lookAtAll, NARROW, prepare, tell } from './lib/final.mjs';
import { Follower } from './lib/follower.mjs';
import { Ledger } from './lib/ledger.mjs';
import { Load } from './lib/load.mjs';
import { Random } from './lib/random.mjs';

const { values: options } = parseArgs({
  options: {
    cuts: { type: 'string', default: '4' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    'milliseconds-per-cut': { type: 'string', default: '1200' },
    verbose: { type: 'boolean', default: false },
  },
});

process.env.ASAN_OPTIONS = `${process.env.ASAN_OPTIONS ?? ''}:handle_sigbus=0`; // see cycle()

const SKIPPED = 77;
const DISK_BYTES = 512 << 20;
const BACKLOG_MAX = 400;

/** An ext4 in a file. */
class Disk {
  constructor(root) {
    this.image = path.join(root, 'disk.img');
    this.folder = path.join(root, 'disk');
    this.mounted = false;
    fs.mkdirSync(this.folder);
    fs.writeFileSync(this.image, '');
    fs.truncateSync(this.image, DISK_BYTES);
    execFileSync('mkfs.ext4', ['-q', '-F', this.image], { stdio: 'pipe' });
  }

  mount() {
    execFileSync('mount', ['-o', 'loop,nosuid,nodev', this.image, this.folder], { stdio: 'pipe' });
    this.mounted = true;
  }

  /** Off and on again. As long as anybody holds the old mount, the disk stays cut. */
  async mountAnew() {
    await until(async () => {
      await this.release();
      this.mount();
      try {
        fs.readdirSync(this.folder);
        fs.writeFileSync(path.join(this.folder, 'alive'), '');
        return true;
      } catch (error) {
        if (error.code !== 'EIO') throw error;
        return false;
      }
    }, 'the disk is mounted anew');
  }

  unmount() {
    if (!this.mounted) return;
    execFileSync('umount', [this.folder], { stdio: 'pipe' });
    this.mounted = false;
  }

  detach() {
    if (this.mounted) execFileSync('umount', ['--lazy', this.folder], { stdio: 'pipe' });
    this.mounted = false;
  }

  /** unmount(), once nobody has a file open on it: runners die a moment after hubd. */
  async release() {
    await until(() => {
      try {
        this.unmount();
      } catch (error) {
        if (!/busy/.test(error.message)) throw error;
      }
      return !this.mounted;
    }, 'the disk is not in use any more');
  }

  cut() {
    execFileSync(path.join(BUILD, 'tests', 'crash', 'crash_shutdown_fs'), [this.folder]);
  }
}

function skip(why) {
  console.log(`skipped: ${why}`);
  process.exit(SKIPPED);
}

const root = fs.mkdtempSync(path.join(os.tmpdir(), 'hubd-powercut-'));
const disks = [];
// After a failure hubd may still be dying: the disk goes when it has.
process.on('exit', () => {
  for (const disk of disks) disk.detach();
  fs.rmSync(root, { recursive: true, force: true });
});

function makeDisk(name) {
  const folder = path.join(root, name);
  fs.mkdirSync(folder);
  try {
    const disk = new Disk(folder);
    disk.mount();
    disks.push(disk);
    return disk;
  } catch (error) {
    return skip(`no ext4 can be mounted from a loop file: ${error.stderr ?? error.message}`);
  }
}

/** One life on the disk, until its power is cut. */
async function cycle(disk, campaign) {
  const { ledger, random, follower, flags } = campaign;
  const hub = await live(campaign.stateDir, ledger, flags);
  const client = new Client(hub);
  const backlog = await prepare(client, ledger);
  const lost = await countLost(client, ledger);
  await follower.follow(hub);
  const budget = Math.max(20, Math.round(400 * (1 - backlog / BACKLOG_MAX)));
  const keptBefore = ledger.kept.size;
  const load = new Load(hub, ledger, random, { budget });
  await delay(random.int(100, Number(options['milliseconds-per-cut']) * SLOW));
  await until(() => ledger.kept.size > keptBefore, 'an attempt has kept something');
  disk.cut();
  // hubd goes on without a disk for a while: it may say no in any way, but not yes.
  load.excuse();
  await delay(random.int(0, 150));
  const runners = runnersOf(hub);
  hub.signal('SIGKILL');
  const { code, signal } = await hub.exited;
  // SQLite's index of the log is mapped from a file that can't be read any more: hence SIGBUS.
  if (signal !== 'SIGKILL' && signal !== 'SIGBUS') {
    ledger.wrong('exit', hub.pid, `${code} ${signal} without a disk\n${hub.log().slice(-3000)}`);
  }
  if (options.verbose) console.log(`ended by ${signal}`);
  await load.stop();
  client.close();
  follower.leave();
  await runnersGone(runners, ledger); // they hold the disk: it would not be mounted anew
  await disk.mountAnew();
  return lost;
}

/** How many acknowledged jobs are not there; they are taken off the ledger, to be counted once. */
async function countLost(client, ledger) {
  const certain = ledger.accepted.filter((entry) => entry.deleted === 'none');
  let lost = 0;
  await inParallel(certain, 8, async (entry) => {
    const answer = await client.request('GET', `/v1/jobs/${entry.id}`);
    if (answer.status !== 404) return;
    lost++;
    ledger.wrong('job_lost', entry.id, 'not there after a power cut');
    ledger.byId.delete(entry.id);
    ledger.jobs.delete(entry.key);
  });
  return lost;
}

async function campaign(synchronous) {
  const disk = makeDisk(synchronous);
  const ledger = new Ledger(path.join(root, `${synchronous}.ndjson`));
  ledger.narrow = NARROW;
  return {
    disk,
    campaign: {
      stateDir: path.join(disk.folder, 'state'), ledger, random: new Random(Number(options.seed)),
      follower: new Follower(), drainMs: 120_000 * SLOW, flags: { synchronous },
    },
  };
}

async function cutAgainAndAgain(synchronous) {
  const began = Date.now();
  const { disk, campaign: one } = await campaign(synchronous);
  let lost = 0;
  for (let i = 0; i < Number(options.cuts); i++) {
    lost += await cycle(disk, one);
    if (options.verbose) console.log(synchronous, i, `lost ${lost}`, one.ledger.counts);
  }
  return { disk, one, lost, began };
}

/** As shipped: nothing is missing, and all else is right. */
async function testFull() {
  const { disk, one, began } = await cutAgainAndAgain('FULL');
  const seen = await lookAtAll(one);
  const violations = check(one.ledger, seen);
  tell(`FULL, ${options.cuts} cuts:`, one, seen, violations, began);
  one.ledger.close();
  await disk.release();
  return violations.length === 0;
}

/** The same cuts must take jobs from a store that does not wait for the disk. */
async function testNormal() {
  const { disk, one, lost: before, began } = await cutAgainAndAgain('NORMAL');
  const hub = await live(one.stateDir, one.ledger, one.flags);
  const client = new Client(hub);
  const lost = before + await countLost(client, one.ledger);
  const booked = new Set((await readBooks(client)).entries.map(({ body }) => JSON.parse(body).key));
  const unbooked = [...one.ledger.kept.keys()].filter((key) => !booked.has(key)).length;
  client.close();
  await hub.stop();
  await disk.release();
  one.ledger.close();
  const { acknowledged } = one.ledger.counts;
  const seconds = Math.round((Date.now() - began) / 1000);
  console.log(`NORMAL, ${options.cuts} cuts, ${seconds} s: ${lost} of ${acknowledged} acknowledged `
    + `jobs were lost, ${unbooked} of ${one.ledger.kept.size} booked entries`);
  return lost > 0 && unbooked > 0;
}

if (process.getuid() !== 0) skip('only root can mount file systems and shut them down');
const full = await testFull();
const normal = await testNormal();
if (!normal) console.log('NORMAL lost nothing: the cuts do not cut');
process.exit(full && normal ? 0 : 1);
