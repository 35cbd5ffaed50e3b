// hubd against fastify + BullMQ + Redis, both with every write on disk before it is answered.
//
//   node tests/bench/run.mjs [--quick] [--seconds N] [--rounds N] [--build DIR] [--json FILE]
//                            [--peer-concurrency N | --tune-peer]
//
// See README.md.

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { describeMachine } from "./lib/machine.mjs";

const HERE = path.dirname(fileURLToPath(import.meta.url));
const CONNECTIONS = [1, 64, 1000];
const EXIT_SKIPPED = 77; // ctest's SKIP_RETURN_CODE

const FULL = { seconds: 5, rounds: 3, warmup: 1, latencyJobs: 2000, latencyWarmup: 200,
  settleMs: 1000 };
const QUICK = { ...FULL, seconds: 2, rounds: 1, latencyJobs: 200, latencyWarmup: 50, settleMs: 300 };

function readOptions() {
  const { values } = parseArgs({
    options: {
      quick: { type: "boolean", default: false },
      seconds: { type: "string" },
      rounds: { type: "string" },
      build: { type: "string", default: process.env.HUBD_BUILD ?? path.join(HERE, "../../build") },
      json: { type: "string" },
      "peer-concurrency": { type: "string", default: "64" },
      "tune-peer": { type: "boolean", default: false },
    },
  });
  const options = { ...(values.quick ? QUICK : FULL), ...values,
    build: path.resolve(values.build), peerConcurrency: Number(values["peer-concurrency"]) };
  for (const name of ["seconds", "rounds"]) {
    options[name] = Number(options[name]);
    if (!(options[name] > 0)) {
      throw new Error(`--${name} must be a number above 0`);
    }
  }
  return options;
}

/** What must be there; npm's part is fetched. */
function findTools(options) {
  const found = (tool) => (process.env.PATH ?? "").split(":")
    .some((dir) => existsSync(path.join(dir, tool)));
  const skip = (why) => (console.error(why), process.exit(EXIT_SKIPPED));
  const missing = ["wrk", "redis-server", "npm"].filter((tool) => !found(tool));
  if (missing.length > 0) {
    skip(`missing: ${missing.join(", ")} (apt install wrk redis-server npm)`);
  }
  if (!existsSync(path.join(options.build, "hubd"))) {
    throw new Error(`no hubd in ${options.build}: build it (Release), or name its folder by --build`);
  }
  if (!peerIsThere()) {
    try {
      // Not `npm ci`: the lock names optional builds for other platforms that a registry may lack.
      execFileSync("npm", ["install", "--no-save", "--no-audit", "--no-fund"],
        { cwd: HERE, stdio: "inherit" });
    } catch {
      skip("npm could not fetch the peer");
    }
  }
}

/** Whether node_modules holds each package in the version that package.json names. */
function peerIsThere() {
  const read = (...names) => JSON.parse(readFileSync(path.join(HERE, ...names), "utf8"));
  const { dependencies } = read("package.json");
  return Object.entries(dependencies).every(([name, version]) => {
    const manifest = ["node_modules", name, "package.json"];
    return existsSync(path.join(HERE, ...manifest)) && read(...manifest).version === version;
  });
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** The median of each figure over the rounds; `results` are alike in shape. */
function medians(results) {
  if (typeof results[0] !== "object" || results[0] === null) {
    return results[0] === null ? null : median(results);
  }
  return Object.fromEntries(Object.keys(results[0])
    .map((key) => [key, medians(results.map((result) => result[key]))]));
}

/** Both subjects by turns, `rounds` times each. */
async function alternate({ Hubd, Peer }, title, rounds, measure) {
  const results = { hubd: [], peer: [] };
  for (let round = 0; round < rounds; round++) {
    process.stderr.write(`${title}, round ${round + 1} of ${rounds}\n`);
    results.hubd.push(await measure(Hubd));
    results.peer.push(await measure(Peer));
  }
  return { hubd: medians(results.hubd), peer: medians(results.peer) };
}

async function measureAll(subjects, measures, options) {
  const figures = { machine: describeMachine(), options, load: [] };
  for (const what of ["accept", "process"]) {
    for (const connections of options.quick ? [64] : CONNECTIONS) {
      figures.load.push({ what, connections,
        ...await alternate(subjects, `${what}, ${connections} connections`, options.rounds,
          (Subject) => measures.measureLoad(Subject, options,
            { connections, paused: what === "accept" })) });
    }
  }
  figures.wait = await alternate(subjects, "latency by waiting", options.rounds,
    (Subject) => measures.measureWait(Subject, options));
  figures.watch = await alternate(subjects, "latency by events", options.rounds,
    (Subject) => measures.measureWatch(Subject, options));
  figures.memory = await alternate(subjects, "memory", 1,
    (Subject) => measures.measureMemory(Subject, options,
      { connections: options.quick ? 500 : 5000 }));
  return figures;
}

/** How --peer-concurrency was found. */
async function tunePeer({ Peer }, { measureLoad }, options) {
  for (const peerConcurrency of [1, 8, 16, 32, 64, 100, 128, 256, 512]) {
    const { processed } = await measureLoad(Peer, { ...options, peerConcurrency },
      { connections: 64, paused: false });
    console.log(`concurrency ${peerConcurrency}: ${Math.round(processed)} processed/s`);
  }
}

/** --quick is a test: everything works, and hubd is not the slower one. */
function checkQuick({ load, wait, watch }) {
  const slower = load.filter(({ hubd, peer }) =>
    !(hubd.posts > peer.posts) || (hubd.processed !== null && !(hubd.processed > peer.processed)));
  const late = [wait, watch].filter(({ hubd, peer }) => !(hubd.p50_ms < peer.p50_ms));
  if (slower.length > 0 || late.length > 0) {
    console.error("hubd is slower than the peer");
    process.exitCode = 1;
  }
}

const options = readOptions();
findTools(options);
// Only now: they need what npm has brought.
const subjects = { ...await import("./lib/hubd.mjs"), ...await import("./lib/peer.mjs") };
const measures = await import("./lib/measure.mjs");

if (options["tune-peer"]) {
  await tunePeer(subjects, measures, options);
} else {
  const { render } = await import("./lib/report.mjs");
  const figures = await measureAll(subjects, measures, options);
  console.log(render(figures));
  if (options.json) {
    writeFileSync(options.json, JSON.stringify(figures, null, 2) + "\n");
  }
  if (options.quick) {
    checkQuick(figures);
  }
}
