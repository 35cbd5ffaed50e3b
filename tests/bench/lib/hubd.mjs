// hubd as it is shipped: on disk, synchronous=FULL, with its keys and schemas, and the no-op
// connector of the tests.

import { readFileSync } from "node:fs";
import path from "node:path";
import { childrenOf, cpuByThread, rssOf } from "./machine.mjs";
import { Wire, request } from "./wire.mjs";
import { makeFolder, sleep, start, stop } from "./process.mjs";

const TERMINAL = /"state":"(?:succeeded|failed|cancelled|unknown)"/;

export class Hubd {
  static title = "hubd";

  static async start(options) {
    const self = new Hubd();
    self.folder = makeFolder();
    const state = path.join(self.folder.dir, "state");
    const { child, match } = await start(
      path.join(options.build, "hubd"),
      ["--state-dir", state, "--listen", "127.0.0.1:0", "--log-level", "warn",
        "--connector-dir", path.join(options.build, "tests/connectors"), ...(options.flags ?? [])],
      /^hubd ready http:\/\/127\.0\.0\.1:(\d+)$/m);
    self.child = child;
    self.port = Number(match[1]);
    self.key = readFileSync(path.join(state, "admin.key"), "utf8").trim();
    self.path = "/v1/jobs";
    return self;
  }

  async stop() {
    await stop(this.child);
    this.folder.remove();
  }

  async ask(method, target, body) {
    const answer = await fetch(`http://127.0.0.1:${this.port}${target}`, {
      method,
      headers: { authorization: `Bearer ${this.key}`, "content-type": "application/json" },
      body: body && JSON.stringify(body),
    });
    if (!answer.ok) {
      throw new Error(`${method} ${target}: ${answer.status} ${await answer.text()}`);
    }
    return answer.text();
  }

  async pause() {
    await this.ask("PATCH", "/v1/queues/default", { paused: true });
  }

  async metric(name) {
    const text = await this.ask("GET", "/metrics");
    return Number(new RegExp(`^hubd_${name} (\\S+)$`, "m").exec(text)[1]);
  }

  finished() {
    return this.metric('jobs_finished_total{state="succeeded"}');
  }

  async drain() {
    while ((await this.metric("jobs_unfinished")) > 0) {
      await sleep(10);
    }
  }

  /** Headers that make an answer wait for the job. */
  waiting = { path: "/v1/jobs", headers: { Prefer: "wait=10" } };

  isFinished(answer) {
    return TERMINAL.test(answer);
  }

  /** Calls `finished(id)` for each job that succeeds, told by the event stream. */
  async watch(finished) {
    const stream = await Wire.connect(this.port);
    let rest = "";
    stream.onData((text) => {
      const events = (rest + text).split("\n\n");
      rest = events.pop();
      for (const event of events) {
        if (event.includes('"state":"succeeded"')) {
          finished(/"job":"([^"]+)"/.exec(event)[1]);
        }
      }
    });
    stream.send(request("GET", "/v1/events?progress=false", this.key));
    await sleep(100);
    return () => stream.close();
  }

  idOf(answer) {
    return /"id":"([^"]+)"/.exec(answer)[1];
  }

  /** µs of CPU so far, by part. */
  cpu() {
    const threads = cpuByThread(this.child.pid);
    const parts = { loop: threads.hubd ?? 0, store: threads["hub-store"] ?? 0, other: 0 };
    for (const [name, us] of Object.entries(threads)) {
      parts.other += name === "hubd" || name === "hub-store" ? 0 : us;
    }
    parts.runner = childrenOf(this.child.pid)
      .reduce((sum, pid) => sum + Object.values(cpuByThread(pid)).reduce((a, b) => a + b, 0), 0);
    return parts;
  }

  rss() {
    return { daemon: rssOf(this.child.pid) };
  }
}
