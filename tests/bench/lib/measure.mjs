// The measurements. Each takes the class of a subject (Hubd, Peer), starts a fresh one, and ends it.

import path from "node:path";
import { fileURLToPath } from "node:url";
import { cores, cpuOfAll } from "./machine.mjs";
import { run, sleep } from "./process.mjs";
import { Wire, request } from "./wire.mjs";

const SCRIPT = path.join(path.dirname(fileURLToPath(import.meta.url)), "../post.lua");

/** 300 bytes, as a backend would send. */
export const BODY = JSON.stringify({
  type: "noop.run",
  input: {
    order: "2024-000417",
    customer: { name: "Ada Lovelace", email: "ada@example.com" },
    lines: [{ sku: "A-1001", count: 2, cents: 1999 }, { sku: "B-2002", count: 1, cents: 4950 }],
    note: "Leave the parcel with the neighbours on the second floor, please.",
  },
  labels: { tenant: "acme", source: "checkout" },
});

const total = (parts) => Object.values(parts).reduce((sum, part) => sum + part, 0);

async function withSubject(Subject, options, work) {
  const subject = await Subject.start(options);
  try {
    return await work(subject);
  } finally {
    await subject.stop();
  }
}

/** One run of wrk: { requests, us, p50_us, p99_us, client_us }, every answer a 2xx. */
async function wrk(subject, connections, seconds, prefix) {
  const { output } = await run("sh", ["-c", '"$@" && times', "sh",
    "wrk", "-t1", `-c${connections}`, `-d${seconds}s`, "--timeout", "30s", "-s", SCRIPT,
    `http://127.0.0.1:${subject.port}`, "--", subject.path, subject.key, prefix,
    subject.body ?? BODY]);
  const result = JSON.parse(/^RESULT (.*)$/m.exec(output)[1]);
  if (result.refused > 0 || result.failed > 0 || result.requests === 0) {
    throw new Error(`${subject.constructor.title}: wrk got ${JSON.stringify(result)}`);
  }
  const times = [...output.matchAll(/^(\d+)m([\d.]+)s (\d+)m([\d.]+)s$/gm)].at(-1).slice(1);
  const [userMin, user, sysMin, sys] = times.map(Number);
  result.client_us = ((userMin + sysMin) * 60 + user + sys) * 1e6 / result.requests;
  return result;
}

/**
 * What it takes in and works off. With `paused` the queue is, so that only the taking in is
 * measured; otherwise the clock runs from the first POST until the last job is finished.
 */
export function measureLoad(Subject, options, { connections, paused }) {
  return withSubject(Subject, options, async (subject) => {
    await wrk(subject, connections, options.warmup, "warm");
    await subject.drain();
    if (paused) {
      await subject.pause();
    }
    const finished = await subject.finished();
    const cpu = subject.cpu();
    const all = cpuOfAll();
    const began = performance.now();
    const load = await wrk(subject, connections, options.seconds, "run");
    if (!paused) {
      await subject.drain();
    }
    const seconds = (performance.now() - began) / 1000;
    const jobs = paused ? load.requests : (await subject.finished()) - finished;
    const cpuPerJob = Object.fromEntries(Object.entries(subject.cpu())
      .map(([part, us]) => [part, (us - cpu[part]) / jobs]));
    const ours = total(cpuPerJob) * jobs + load.client_us * load.requests;
    return {
      posts: load.requests / (load.us / 1e6),
      processed: paused ? null : jobs / seconds,
      p50_ms: load.p50_us / 1000,
      p99_ms: load.p99_us / 1000,
      cpu_us: { ...cpuPerJob, client: load.client_us },
      // The share of the machine that neither the subject nor the client used: noise.
      others: Math.max(0, (cpuOfAll() - all - ours) / (seconds * 1e6 * cores)),
    };
  });
}

export function percentile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

/** `once` again and again, the next when the last has ended: its time in ms, from `once` itself. */
async function oneByOne(options, once) {
  const times = [];
  for (let i = 0; i < options.latencyJobs + options.latencyWarmup; i++) {
    const time = await once(i);
    if (i >= options.latencyWarmup) {
      times.push(time);
    }
  }
  return { p50_ms: percentile(times, 0.5), p99_ms: percentile(times, 0.99) };
}

/** From the POST until its own answer brings the finished job: one client, one job at a time. */
export function measureWait(Subject, options) {
  return withSubject(Subject, options, async (subject) => {
    const wire = await Wire.connect(subject.port);
    const { path: target, headers } = subject.waiting;
    const result = await oneByOne(options, async (i) => {
      const text = request("POST", target, subject.key,
        { ...headers, "Idempotency-Key": `wait-${i}` }, BODY);
      const began = performance.now();
      const answer = await wire.ask(text);
      const time = performance.now() - began;
      if (!subject.isFinished(answer)) {
        throw new Error(`the job is not finished: ${answer}`);
      }
      return time;
    });
    wire.close();
    return result;
  });
}

/** From the POST until a subscriber hears that the job is done. */
export function measureWatch(Subject, options) {
  return withSubject(Subject, options, async (subject) => {
    const wire = await Wire.connect(subject.port);
    const heard = new Map();
    let wake = () => {};
    const unwatch = await subject.watch((id) => {
      heard.set(id, performance.now());
      wake();
    });
    const result = await oneByOne(options, async (i) => {
      const text = request("POST", subject.path, subject.key,
        { "Idempotency-Key": `watch-${i}` }, BODY);
      const began = performance.now();
      const id = subject.idOf(await wire.ask(text));
      while (!heard.has(id)) {
        await new Promise((resolve) => (wake = resolve));
      }
      const time = heard.get(id) - began;
      heard.delete(id);
      return time;
    });
    wire.close();
    await unwatch();
    return result;
  });
}

/** Resident memory at rest, and what idle keep-alive connections add, each after one request. */
export function measureMemory(Subject, options, { connections }) {
  return withSubject(Subject, options, async (subject) => {
    await sleep(options.settleMs);
    const idle = subject.rss();
    const hello = request("GET", "/healthz", subject.key);
    const wires = [];
    for (let i = 0; i < connections; i++) {
      const wire = await Wire.connect(subject.port);
      await wire.ask(hello);
      wires.push(wire);
    }
    await sleep(options.settleMs);
    const held = subject.rss();
    wires.forEach((wire) => wire.close());
    await wrk(subject, 64, options.warmup, "memory");
    await subject.drain();
    const worked = subject.rss();
    return { idle, idle_bytes: total(idle), worked_bytes: total(worked),
      per_thousand: (total(held) - total(idle)) * (1000 / connections) };
  });
}
