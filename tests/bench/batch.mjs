// A million no-op jobs in one request: in, through, and out again; beside it BullMQ's addBulk and
// its drain on a Redis that answers after fsync.
//
//   node tests/bench/batch.mjs [--jobs N] [--peer-jobs N] [--build DIR] [--json FILE]
//
// Both take the jobs while nothing runs, then run them all; so each part has a figure of its own.
// The peer's jobs are fewer by default: its figures are rates. See README.md.

import { createReadStream, createWriteStream, existsSync, statSync, writeFileSync } from "node:fs";
import { readdirSync } from "node:fs";
import http from "node:http";
import path from "node:path";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Hubd } from "./lib/hubd.mjs";
import { describeMachine } from "./lib/machine.mjs";
import { makeFolder, sleep } from "./lib/process.mjs";

const HERE = path.dirname(fileURLToPath(import.meta.url));
const EXIT_SKIPPED = 77;
const CHUNK = 2000; // of addBulk(): more gains nothing
const PAGE = 1000;

const { values: options } = parseArgs({
  options: {
    jobs: { type: "string", default: "1000000" },
    "peer-jobs": { type: "string", default: "200000" },
    build: { type: "string", default: process.env.HUBD_BUILD ?? path.join(HERE, "../../build") },
    json: { type: "string" },
  },
});
const seconds = (since) => (performance.now() - since) / 1000;
const round = (value, digits = 1) => Number(value.toFixed(digits));
const MIB = 1024 * 1024;

function sizeOf(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(path.join(entry.parentPath ?? entry.path, entry.name)).size, 0);
}

async function writeJobs(file, count) {
  const out = createWriteStream(file);
  for (let i = 0; i < count; i++) {
    if (!out.write(`{"input":{},"labels":{"row":"${i}"}}\n`)) {
      await once(out, "drain");
    }
  }
  out.end();
  await once(out, "close");
}

/** µs of CPU a job, by part, between two readings. */
const cpuPerJob = (before, after, count) => Object.fromEntries(Object.keys(after)
  .map((part) => [part, round((after[part] - (before[part] ?? 0)) / count, 2)]));

// --- hubd ----------------------------------------------------------------------------------------

function exchange(hub, method, target, { file, onData } = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request({ host: "127.0.0.1", port: hub.port, method, path: target,
      headers: { authorization: `Bearer ${hub.key}`,
        ...(file ? { "content-type": "application/x-ndjson" } : {}) } }, (answer) => {
      let text = "";
      answer.on("data", (chunk) => (onData ? onData(chunk) : (text += chunk)));
      answer.on("end", () => (answer.statusCode < 300 ? resolve(text && JSON.parse(text))
        : reject(new Error(`${method} ${target}: ${answer.statusCode} ${text}`))));
    });
    request.on("error", reject);
    if (file) {
      createReadStream(file, { highWaterMark: 256 * 1024 }).pipe(request);
    } else {
      request.end();
    }
  });
}

async function measureHubd(count) {
  const folder = makeFolder();
  const file = path.join(folder.dir, "jobs.ndjson");
  await writeJobs(file, count);
  let hub = await Hubd.start({ build: path.resolve(options.build) });
  const figures = { jobs: count };
  const rssBefore = hub.rss().daemon;
  let cpu = hub.cpu();
  let since = performance.now();
  const settings = encodeURIComponent(JSON.stringify({ type: "noop.run", paused: true }));
  const batch = await exchange(hub, "POST", `/v1/batches?settings=${settings}`, { file });
  figures.ingested_per_s = Math.round(batch.jobs / seconds(since));
  figures.ingest_cpu_us = cpuPerJob(cpu, hub.cpu(), count);
  figures.rss_growth_mib = round((hub.rss().daemon - rssBefore) / MIB);
  figures.rss_waiting_mib = round(hub.rss().daemon / MIB);
  figures.disk_waiting_mib = round(sizeOf(path.join(hub.folder.dir, "state")) / MIB);

  cpu = hub.cpu();
  since = performance.now();
  await exchange(hub, "POST", `/v1/batches/${batch.id}/resume`);
  while ((await exchange(hub, "GET", `/v1/batches/${batch.id}`)).finished_at === null) {
    await sleep(50);
  }
  figures.processed_per_s = Math.round(count / seconds(since));
  figures.process_cpu_us = cpuPerJob(cpu, hub.cpu(), count);
  since = performance.now();
  let lines = 0;
  await exchange(hub, "GET", `/v1/batches/${batch.id}/results`, { onData: (chunk) => {
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) {
      lines++;
    }
  } });
  if (lines !== count) {
    throw new Error(`${lines} results of ${count}`);
  }
  figures.results_per_s = Math.round(count / seconds(since));
  figures.end_to_end_per_s = Math.round(count / (count / figures.ingested_per_s +
    count / figures.processed_per_s));
  figures.rss_end_mib = round(hub.rss().daemon / MIB);
  figures.disk_end_mib = round(sizeOf(path.join(hub.folder.dir, "state")) / MIB);
  await hub.stop();
  folder.remove();
  return figures;
}

// --- BullMQ --------------------------------------------------------------------------------------

async function measurePeer(count) {
  const { Peer } = await import("./lib/peer.mjs");
  const peer = await Peer.start({ peerConcurrency: 64 });
  await peer.pause();
  const figures = { jobs: count };
  let cpu = peer.cpu();
  let since = performance.now();
  for (let i = 0; i < count; i += CHUNK) {
    await peer.queue.addBulk(Array.from({ length: Math.min(CHUNK, count - i) }, (_, k) =>
      ({ name: "noop.run", data: { input: {}, labels: { row: String(i + k) } } })));
  }
  figures.ingested_per_s = Math.round(count / seconds(since));
  figures.ingest_cpu_us = cpuPerJob(cpu, peer.cpu(), count);
  figures.rss_waiting_mib = round(peer.rss().redis / MIB);
  figures.disk_waiting_mib = round(sizeOf(peer.folder.dir) / MIB);
  cpu = peer.cpu();
  since = performance.now();
  await peer.queue.resume();
  await peer.drain();
  figures.processed_per_s = Math.round(count / seconds(since));
  figures.process_cpu_us = cpuPerJob(cpu, peer.cpu(), count);
  since = performance.now();
  for (let i = 0; i < Math.min(count, 50 * PAGE); i += PAGE) {
    await peer.queue.getCompleted(i, i + PAGE - 1);
  }
  figures.results_per_s = Math.round(Math.min(count, 50 * PAGE) / seconds(since));
  figures.end_to_end_per_s = Math.round(count / (count / figures.ingested_per_s +
    count / figures.processed_per_s));
  figures.rss_end_mib = round(peer.rss().redis / MIB);
  figures.disk_end_mib = round(sizeOf(peer.folder.dir) / MIB);
  await peer.stop();
  return figures;
}

// --- Both ----------------------------------------------------------------------------------------

if (!existsSync(path.join(HERE, "node_modules/bullmq"))) {
  console.error("missing: npm install in tests/bench");
  process.exit(EXIT_SKIPPED);
}
const figures = { machine: describeMachine(), hubd: await measureHubd(Number(options.jobs)),
  bullmq: await measurePeer(Number(options["peer-jobs"])) };
const names = Object.keys(figures.hubd);
for (const name of names) {
  const show = (value) => (value === undefined ? "" : typeof value === "object"
    ? Object.entries(value).map(([part, us]) => `${part} ${us}`).join(", ") : String(value));
  console.log(`| ${name.replaceAll("_", " ")} | ${show(figures.hubd[name])} | ` +
    `${show(figures.bullmq[name])} |`);
}
const ratio = figures.hubd.end_to_end_per_s / figures.bullmq.end_to_end_per_s;
console.log(`hubd / BullMQ, end to end: ${round(ratio)}`);
if (options.json) {
  writeFileSync(options.json, JSON.stringify(figures, null, 2) + "\n");
}
