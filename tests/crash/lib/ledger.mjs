// What a client knows, kept outside hubd: what it asked for, what hubd said yes to. The checker
// holds that against what hubd says in the end. All is also appended to a file, to be read after a
// failure.
import fs from 'node:fs';
import path from 'node:path';

export class Ledger {
  /** Idempotency-Key → {key, plan, id, posts, cancel, cancelled, retries, deleted} */
  jobs = new Map();
  byId = new Map();
  /** id → {id, sha256, size, deleted} of uploads that were acknowledged. */
  artifacts = new Map();
  /** name → {settled, asked: []}: what it must be, or one of. */
  queues = new Map();
  /** key → {entry, attempt}: what this attempt kept and booked, hubd has said yes to. */
  kept = new Map();
  /** pid of a runner → the signals that it was sent. */
  kills = new Map();
  /** {at, pid} of each hubd, from the moment before it was started. */
  lives = [];
  /** What was wrong at the very moment. */
  violations = [];
  counts = { requests: 0, acknowledged: 0, lost: 0, reposts: 0, replays: 0, uploads: 0 };
  #file;
  #folder;

  constructor(file) {
    this.#folder = path.dirname(file);
    this.#file = fs.openSync(file, 'a');
  }

  /** Lays something beside the ledger, for reading after a failure. */
  keep(name, text) {
    fs.writeFileSync(path.join(this.#folder, name), text);
  }

  note(what, more = {}) {
    fs.writeSync(this.#file, `${JSON.stringify({ at: Date.now(), what, ...more })}\n`);
  }

  close() {
    fs.closeSync(this.#file);
  }

  wrong(rule, id, what) {
    this.violations.push({ rule, id, what });
    this.note('violation', { rule, id, detail: what });
  }

  // --- Jobs --------------------------------------------------------------------------------------

  planned(key, plan) {
    const entry = {
      key, plan, id: null, posts: 0, refused: null,
      cancel: 'none', retries: { asked: 0, acknowledged: 0 }, deleted: 'none',
    };
    this.jobs.set(key, entry);
    return entry;
  }

  posted(entry) {
    entry.posts++;
    this.note('post', { key: entry.key, type: entry.plan.body.type });
  }

  /** A 2xx was seen: from here on this job must never be lost. */
  acknowledged(entry, id, replayed) {
    this.counts.acknowledged++;
    this.counts.replays += replayed ? 1 : 0;
    this.note('acknowledged', { key: entry.key, job: id, replayed });
    if (entry.id !== null && entry.id !== id) {
      this.wrong('one_job_per_key', entry.key, `gave ${entry.id}, then ${id}`);
    }
    if (replayed && entry.posts < 2) {
      this.wrong('one_job_per_key', entry.key, 'the first request was answered as a replay');
    }
    entry.id = id;
    this.byId.set(id, entry);
  }

  /** Jobs that may or may not exist: posted, never answered. */
  get open() {
    return [...this.jobs.values()]
      .filter((entry) => entry.id === null && entry.refused === null && entry.posts > 0);
  }

  get accepted() {
    return [...this.byId.values()];
  }

  keeps(entry, attempt) {
    this.kept.set(entry.key, { entry, attempt });
    this.note('kept', { key: entry.key, job: entry.id, attempt });
  }

  // --- The rest ----------------------------------------------------------------------------------

  uploaded(id, sha256, size) {
    this.counts.uploads++;
    this.artifacts.set(id, { id, sha256, size, deleted: 'none' });
    this.note('uploaded', { artifact: id, sha256, size });
  }

  queueAsked(name, settings) {
    const queue = this.queues.get(name) ?? { settled: null, asked: [] };
    this.queues.set(name, queue);
    queue.asked.push(settings);
    this.note('queue', { name, settings });
  }

  queueAcknowledged(name, settings) {
    this.queues.set(name, { settled: settings, asked: [] });
    this.note('queue acknowledged', { name, settings });
  }

  killed(pid, signal) {
    const signals = this.kills.get(pid) ?? new Set();
    this.kills.set(pid, signals.add(signal));
    this.note('runner', { pid, signal });
  }
}
