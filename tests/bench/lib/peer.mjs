// fastify + BullMQ + Redis: a web server, a worker and a Redis that answers after fsync, each a
// process of its own, as such a system is built. How they are tuned is in README.md.

import path from "node:path";
import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { Queue, QueueEvents } from "bullmq";
import { Redis } from "ioredis";
import { cpuOf, rssOf } from "./machine.mjs";
import { makeFolder, sleep, start, stop } from "./process.mjs";

const HERE = path.dirname(fileURLToPath(import.meta.url));
const QUEUE = "bench";

export class Peer {
  static title = "fastify + BullMQ";

  static async start(options) {
    const self = new Peer();
    self.options = options;
    self.folder = makeFolder();
    self.socket = path.join(self.folder.dir, "redis.sock");
    ({ child: self.redis } = await start("redis-server",
      ["--port", "0", "--unixsocket", self.socket, "--dir", self.folder.dir,
        "--appendonly", "yes", "--appendfsync", "always", "--save", "",
        "--auto-aof-rewrite-percentage", "0"],
      /Ready to accept connections|ready to accept connections/));
    self.connection = new Redis(self.socket, { maxRetriesPerRequest: null });
    self.queue = new Queue(QUEUE, { connection: self.connection });
    self.key = `key_${randomBytes(32).toString("hex")}`;
    self.path = "/jobs";
    const environment = { ...process.env, REDIS_SOCKET: self.socket, QUEUE, API_KEY: self.key,
      NODE_ENV: "production", CONCURRENCY: String(options.peerConcurrency),
      ...options.environment };
    const server = await start(process.execPath, [path.join(HERE, "../peer/server.mjs")],
      /^ready (\d+)$/m, { env: environment });
    self.server = server.child;
    self.port = Number(server.match[1]);
    ({ child: self.worker } = await start(process.execPath,
      [path.join(HERE, "../peer/worker.mjs")], /^ready$/m, { env: environment }));
    return self;
  }

  async stop() {
    await this.queue.close();
    this.connection.disconnect();
    await stop(this.worker);
    await stop(this.server);
    await stop(this.redis);
    this.folder.remove();
  }

  async pause() {
    await this.queue.pause();
  }

  finished() {
    return this.queue.getCompletedCount();
  }

  async drain() {
    for (;;) {
      const counts = await this.queue.getJobCounts("waiting", "active", "prioritized", "delayed");
      if (Object.values(counts).every((count) => count === 0)) {
        return;
      }
      await sleep(10);
    }
  }

  waiting = { path: "/jobs?wait=10", headers: {} };

  isFinished(answer) {
    return answer.includes('"state":"completed"');
  }

  async watch(finished) {
    const connection = new Redis(this.socket, { maxRetriesPerRequest: null });
    const events = new QueueEvents(QUEUE, { connection });
    await events.waitUntilReady();
    events.on("completed", ({ jobId }) => finished(jobId));
    return async () => {
      await events.close();
      connection.disconnect();
    };
  }

  idOf(answer) {
    return /"id":"([^"]+)"/.exec(answer)[1];
  }

  cpu() {
    return { server: cpuOf(this.server.pid), worker: cpuOf(this.worker.pid),
      redis: cpuOf(this.redis.pid) };
  }

  rss() {
    return { server: rssOf(this.server.pid), worker: rssOf(this.worker.pid),
      redis: rssOf(this.redis.pid) };
  }
}
