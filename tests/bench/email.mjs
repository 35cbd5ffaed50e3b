// email.send beside nodemailer: composed messages of 4 KB to Postfix's smtp-sink, 8 connections.
//
//   node tests/bench/email.mjs [--messages N] [--rounds N] [--build DIR]
//
// Three subjects in each round: the connector alone (bench_email), hubd from the POST to the job's
// end, and nodemailer with its pool. smtp-sink has no STARTTLS: stunnel in front of it has.

import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import nodemailer from "nodemailer";

import { makeAuthority, ownAddress, reachable } from "../e2e/lib/postfix.mjs";
import { Hubd } from "./lib/hubd.mjs";
import { describeMachine } from "./lib/machine.mjs";
import { sleep } from "./lib/process.mjs";
import { request, Wire } from "./lib/wire.mjs";

const HERE = path.dirname(fileURLToPath(import.meta.url));
const CONNECTIONS = 8;
const IN_FLIGHT = 256;

const { values } = parseArgs({
  options: {
    messages: { type: "string", default: "20000" },
    rounds: { type: "string", default: "3" },
    build: { type: "string", default: process.env.HUBD_BUILD ?? path.join(HERE, "../../build") },
  },
});
const build = path.resolve(values.build);
const count = Number(values.messages);

const line = "The quick brown fox jumps over the lazy dog, größer und schöner als je zuvor. ";
const INPUT = {
  from: { address: "shop@example.test", name: "Größe & Co" },
  to: [{ address: "ann@example.test", name: "Ann Example" }],
  subject: "Your order – Nr. 4711",
  text: line.repeat(18), html: `<p>${line.repeat(20)}</p>`,
};

function aloneConnector(account, messages) {
  const run = spawnSync(path.join(build, "tests/bench_email"),
    [path.join(build, "connectors/email.so"), JSON.stringify(account), JSON.stringify(INPUT),
      String(messages), String(IN_FLIGHT)], { encoding: "utf8", timeout: 120_000 });
  if (run.status !== 0) throw new Error(run.stderr);
  const result = JSON.parse(run.stdout);
  if (result.failed > 0) throw new Error(run.stderr);
  return { rate: messages / result.seconds, cpu: result.cpu_us };
}

async function peer(account, messages) {
  const pool = nodemailer.createTransport({
    host: account.host, port: account.port, pool: true, maxConnections: CONNECTIONS,
    maxMessages: Infinity, secure: false, ignoreTLS: account.tls === "none",
    tls: { rejectUnauthorized: false },
  });
  const mail = { ...INPUT, to: INPUT.to };
  const cpu = process.cpuUsage();
  const begun = performance.now();
  let started = 0;
  const client = async () => {
    for (; started < messages;) {
      started++;
      await pool.sendMail(mail);
    }
  };
  await Promise.all(Array.from({ length: 64 }, client));
  const seconds = (performance.now() - begun) / 1000;
  const used = process.cpuUsage(cpu);
  pool.close();
  return { rate: messages / seconds, cpu: (used.user + used.system) / messages };
}

async function endToEnd(account, messages) {
  const hub = await Hubd.start({ build, flags: ["--connector-dir", path.join(build, "connectors"),
    "--http-allow-private", "127.0.0.0/8"] });
  try {
    await hub.ask("PUT", "/v1/accounts/bench", { connector: "email", settings: account });
    const wires = await Promise.all(Array.from({ length: 64 }, () => Wire.connect(hub.port)));
    const json = JSON.stringify({ type: "email.send", account: "bench", input: INPUT });
    const text = request("POST", "/v1/jobs", hub.key, {}, json.replace(/[^\x00-\x7f]/g, // Wire is ASCII
      (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`));
    const sum = (cpu) => Object.values(cpu).reduce((a, b) => a + b, 0);
    const before = hub.cpu();
    const begun = performance.now();
    let started = 0;
    await Promise.all(wires.map(async (wire) => {
      while (started < messages) {
        started++;
        const answer = await wire.ask(text);
        if (!answer.startsWith("HTTP/1.1 202")) throw new Error(answer);
      }
    }));
    while (await hub.finished() < messages) await sleep(5);
    const seconds = (performance.now() - begun) / 1000;
    const after = hub.cpu();
    wires.forEach((wire) => wire.close());
    return { rate: messages / seconds, cpu: (sum(after) - sum(before)) / messages,
      runner: (after.runner - (before.runner ?? 0)) / messages };
  } finally {
    await hub.stop();
  }
}

async function compare(title, account, messages) {
  const best = {};
  for (let round = 0; round < Number(values.rounds); round++) {
    const results = {
      connector: aloneConnector(account, messages),
      hubd: await endToEnd(account, messages),
      nodemailer: await peer(account, Math.max(1000, messages / 4)),
    };
    for (const [name, { rate, cpu, runner }] of Object.entries(results)) {
      console.log(`${title} ${name.padEnd(11)} ${Math.round(rate)} messages/s, ` +
        `${cpu.toFixed(1)} µs CPU a message${runner ? ` (runner ${runner.toFixed(1)})` : ""}`);
      const one = best[name] ??= { rate: 0, cpu: Infinity };
      one.rate = Math.max(one.rate, rate);
      one.cpu = Math.min(one.cpu, cpu);
    }
  }
  const ratio = (name) => `${(best[name].rate / best.nodemailer.rate).toFixed(2)} × the messages, ` +
    `${(best[name].cpu / best.nodemailer.cpu).toFixed(2)} × the CPU`;
  console.log(`${title} connector/nodemailer: ${ratio("connector")}`);
  console.log(`${title} hubd/nodemailer: ${ratio("hubd")}`);
}

const limits = { connections: CONNECTIONS, messages_per_connection: 5000 };
const host = ownAddress(), tlsHost = ownAddress(); // both on 2525, which connectors may reach
const children = [];
process.on("exit", () => children.forEach((one) => one.kill()));
async function start(host, command, ...args) {
  children.push(spawn(command, args, { stdio: "ignore" }));
  for (const until = Date.now() + 5000; !await reachable(host, 2525);) {
    if (Date.now() > until) throw new Error(`${command} does not listen`);
    await sleep(20);
  }
}

await start(host, "smtp-sink", "-u", "nobody", `${host}:2525`, "1000");
await compare("plain   ", { host, port: 2525, tls: "none", limits }, count);

const authority = makeAuthority();
const { certFile, keyFile } = authority.issue(["DNS:relay.example.test"]);
const config = path.join(authority.folder, "stunnel.conf");
fs.writeFileSync(config, ["foreground = yes", "pid =", "debug = 3", "[smtp]", "protocol = smtp",
  `accept = ${tlsHost}:2525`, `connect = ${host}:2525`, `cert = ${certFile}`, `key = ${keyFile}`, ""].join("\n"));
await start(tlsHost, "stunnel4", config);
await compare("STARTTLS", { host: tlsHost, port: 2525, server_name: "relay.example.test",
  ca: authority.ca, limits }, count);
console.log(JSON.stringify(describeMachine()));
process.exit(0);
