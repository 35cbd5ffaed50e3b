// http.request against a local keep-alive server: hubd beside BullMQ and undici.
//
//   node tests/bench/http-request.mjs [--seconds N] [--rounds N] [--in-flight N] [--build DIR]
//
// Jobs come in over HTTP at 256 connections and are durable on both sides; the figure is requests
// made and recorded a second, from the first POST until the last job is finished. The server is
// tests/http/server.c, the same for both.

import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { Hubd } from "./lib/hubd.mjs";
import { describeMachine } from "./lib/machine.mjs";
import { measureLoad } from "./lib/measure.mjs";
import { Peer } from "./lib/peer.mjs";
import { start, stop } from "./lib/process.mjs";

const HERE = path.dirname(fileURLToPath(import.meta.url));
const CONNECTIONS = 256;

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "5" },
    rounds: { type: "string", default: "3" },
    "in-flight": { type: "string", default: "256" },
    build: { type: "string", default: process.env.HUBD_BUILD ?? path.join(HERE, "../../build") },
  },
});
const build = path.resolve(values.build);
const inFlight = values["in-flight"];

const { child: server, match } = await start(path.join(build, "core/http/http_test_server"), [],
  /^ready (\d+)$/m);
const url = `http://127.0.0.1:${match[1]}/things/7`;

const body = JSON.stringify({ type: "http.request", input: { url } });
class HttpHubd extends Hubd {
  static async start(options) {
    return Object.assign(await Hubd.start(options), { body });
  }
}
class HttpPeer extends Peer {
  static async start(options) {
    return Object.assign(await Peer.start(options), { body });
  }
}
HttpHubd.title = "hubd, http.request";
HttpPeer.title = "BullMQ, undici";

const options = {
  build, seconds: Number(values.seconds), warmup: 1, peerConcurrency: Number(inFlight),
  flags: ["--connector-dir", path.join(build, "connectors"),
    "--http-allow-private", "127.0.0.1", "--async-in-flight", inFlight],
};

const results = { hubd: [], peer: [] };
for (let round = 0; round < Number(values.rounds); round++) {
  for (const [name, Subject] of [["hubd", HttpHubd], ["peer", HttpPeer]]) {
    const result = await measureLoad(Subject, options, { connections: CONNECTIONS, paused: false });
    results[name].push(result);
    const cpu = Object.entries(result.cpu_us).map(([part, us]) => `${part} ${us.toFixed(1)}`);
    console.log(`${Subject.title.padEnd(20)} ${Math.round(result.processed)} requests/s, ` +
      `CPU µs a request: ${cpu.join(", ")}`);
  }
}
const best = (name) => Math.max(...results[name].map((result) => result.processed));
console.log(`ratio of the best rounds: ${(best("hubd") / best("peer")).toFixed(2)}`);
console.log(JSON.stringify(describeMachine()));
await stop(server);
