// Pictures over HTTP: hubd with the image connector beside fastify with sharp, 64 clients each.
//
//   node tests/bench/image-http.mjs [--seconds N] [--rounds N] [--clients N] [--runners N] [--build DIR]
//     [--json FILE]
//
// A client sends a photograph of 4 MP and gets it back 800 pixels wide, then the next. See README.md.

import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import http from "node:http";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { Hubd } from "./lib/hubd.mjs";
import { childrenOf, cpuOf, cpuOfAll, cores, describeMachine, rssOf } from "./lib/machine.mjs";
import { sleep, start, stop } from "./lib/process.mjs";
import { table } from "./lib/report.mjs";

const HERE = path.dirname(fileURLToPath(import.meta.url));
const PHOTO = "/usr/share/backgrounds/mate/nature/TwoWings.jpg"; // mate-backgrounds; 2560 × 1600
const WIDTH = 800;
const SAMPLE_MS = 100;

const { values: options } = parseArgs({
  options: {
    seconds: { type: "string", default: "15" },
    rounds: { type: "string", default: "3" },
    clients: { type: "string", default: "64" },
    runners: { type: "string", default: "0" }, // hubd's --blocking-runners; 0: as it is shipped
    build: { type: "string", default: process.env.HUBD_BUILD ?? path.join(HERE, "../../build") },
    json: { type: "string" },
  },
});
const build = path.resolve(options.build);
const seconds = Number(options.seconds);
const clients = Number(options.clients);
if (!existsSync(PHOTO)) {
  console.error("missing: the photographs (apt install mate-backgrounds)");
  process.exit(77); // ctest's SKIP_RETURN_CODE
}
const photo = readFileSync(PHOTO);

/** The photograph with a comment of its own, so that no two uploads are the same file. */
function another() {
  return Buffer.concat([photo.subarray(0, 2), Buffer.from([0xff, 0xfe, 0, 18]), randomBytes(16),
    photo.subarray(2)]);
}

/** One request on a connection that is kept: the body of an answer that must be a success. */
function ask(agent, port, key, method, target, headers = {}, body = undefined) {
  return new Promise((resolve, reject) => {
    const request = http.request({ agent, host: "127.0.0.1", port, method, path: target,
      headers: { authorization: `Bearer ${key}`,
        ...(body ? { "content-length": Buffer.byteLength(body) } : {}), ...headers } }, (answer) => {
      const parts = [];
      answer.on("data", (part) => parts.push(part)).once("error", reject).once("end", () => {
        const bytes = Buffer.concat(parts);
        if (answer.statusCode >= 300) reject(new Error(`${target}: ${answer.statusCode} ${bytes}`));
        else resolve(bytes);
      });
    });
    request.once("error", reject).end(body);
  });
}

const JPEG = { "content-type": "image/jpeg" };

/** Upload, job, download: three requests, and all of it is on disk. */
class HubdImages {
  static title = "hubd";

  static async start() {
    const self = new HubdImages();
    self.hub = await Hubd.start({ build, flags: ["--connector-dir", path.join(build, "connectors"),
      "--blocking-runners", options.runners] });
    return self;
  }

  async transform(agent) {
    const { port, key } = this.hub;
    const { id } = JSON.parse(await ask(agent, port, key, "POST", "/v1/artifacts", JPEG, another()));
    const job = JSON.parse(await ask(agent, port, key, "POST", "/v1/jobs",
      { "content-type": "application/json", prefer: "wait=60" },
      JSON.stringify({ type: "image.transform",
        input: { image: { artifact: id }, width: WIDTH, format: "jpeg" } })));
    if (job.state !== "succeeded") throw new Error(JSON.stringify(job));
    return ask(agent, port, key, "GET", job.artifacts[0].url);
  }

  pids() {
    return [this.hub.child.pid, ...childrenOf(this.hub.child.pid)];
  }

  stop() {
    return this.hub.stop();
  }
}

/** One request, nothing on disk. */
class PeerImages {
  static title = "fastify + sharp";

  static async start() {
    const self = new PeerImages();
    self.key = `key_${randomBytes(32).toString("hex")}`;
    const { child, match } = await start(process.execPath,
      [path.join(HERE, "peer/image-server.mjs")], /^ready (\d+)$/m,
      { env: { ...process.env, API_KEY: self.key, NODE_ENV: "production" } });
    return Object.assign(self, { child, port: Number(match[1]) });
  }

  transform(agent) {
    return ask(agent, this.port, this.key, "POST", `/transform?width=${WIDTH}`, JPEG, another());
  }

  pids() {
    return [this.child.pid];
  }

  stop() {
    return stop(this.child);
  }
}

const cpuNow = (subject) => subject.pids().reduce((sum, pid) => sum + cpuOf(pid), 0);
const rssNow = (subject) => subject.pids().reduce((sum, pid) => sum + rssOf(pid), 0);

/** Resident memory of all its processes, at most, until told to stop. */
function watchMemory(subject) {
  let most = rssNow(subject);
  const timer = setInterval(() => {
    try {
      most = Math.max(most, rssNow(subject));
    } catch {
      // A process ended while it was looked at; the next look sees the others.
    }
  }, SAMPLE_MS);
  return () => (clearInterval(timer), most);
}

/** All clients, each with one picture after another until `until`; latencies in ms. */
async function drive(subject, agent, until) {
  const done = [];
  await Promise.all(Array.from({ length: clients }, async () => {
    do {
      const before = performance.now();
      const bytes = await subject.transform(agent);
      if (bytes.readUInt16BE(0) !== 0xffd8) throw new Error("the answer is no JPEG");
      done.push({ at: performance.now(), ms: performance.now() - before });
    } while (performance.now() < until);
  }));
  return done;
}

const quantile = (sorted, part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];

async function measure(Subject) {
  const subject = await Subject.start();
  const agent = new http.Agent({ keepAlive: true, maxSockets: clients, noDelay: true });
  try {
    await drive(subject, agent, 0); // one picture each: processes started, code compiled
    const memory = watchMemory(subject);
    const [cpu, all, from] = [cpuNow(subject), cpuOfAll(), performance.now()];
    const client = process.cpuUsage();
    const done = await drive(subject, agent, from + seconds * 1000);
    const span = performance.now() - from;
    const spent = cpuNow(subject) - cpu;
    const { user, system } = process.cpuUsage(client);
    const latencies = done.map(({ ms }) => ms).sort((a, b) => a - b);
    return { images: done.length, images_s: done.length / (span / 1000),
      p50_ms: quantile(latencies, 0.5), p99_ms: quantile(latencies, 0.99),
      cpu_ms: spent / 1000 / done.length, rss_bytes: memory(),
      others: (cpuOfAll() - all - spent - user - system) / (span * 1000 * cores) };
  } finally {
    agent.destroy();
    await subject.stop();
  }
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const machine = describeMachine();
const rounds = { hubd: [], peer: [] };
for (let round = 0; round < Number(options.rounds); round++) {
  for (const [name, Subject] of [["hubd", HubdImages], ["peer", PeerImages]]) {
    rounds[name].push(await measure(Subject));
    console.error(`${Subject.title}: ${JSON.stringify(rounds[name].at(-1))}`);
  }
}

const of = (name, field) => median(rounds[name].map((round) => round[field]));
const row = (title, field, scale, digits) => {
  const [ours, theirs] = [of("hubd", field) / scale, of("peer", field) / scale];
  return [title, ours.toFixed(digits), theirs.toFixed(digits), (ours / theirs).toFixed(2)];
};
console.log(`${machine.date}, ${machine.cpu}, load ${machine.load.toFixed(2)} before; ` +
  `${clients} clients, ${photo.length >> 10} KiB in, ${options.rounds} rounds of ${seconds} s, medians`);
console.log(table(["", HubdImages.title, PeerImages.title, "ratio"], [
  row("images/s", "images_s", 1, 1), row("p50 ms", "p50_ms", 1, 0), row("p99 ms", "p99_ms", 1, 0),
  row("CPU ms an image", "cpu_ms", 1, 1), row("peak RSS, all processes, MiB", "rss_bytes", 1048576, 1),
  row("CPU taken by others, %", "others", 0.01, 0),
]));
const reached = of("hubd", "images_s") >= 1.2 * of("peer", "images_s");
console.log(`${reached ? "reached" : "MISSED"}: ≥ 1.2 × the peer's images/s`);
if (options.json) {
  writeFileSync(options.json, `${JSON.stringify({ machine, rounds }, null, 2)}\n`);
}
