// The peer's worker: does nothing, `CONCURRENCY` times at once.

import { Worker } from "bullmq";
import { Redis } from "ioredis";

const { REDIS_SOCKET, QUEUE, CONCURRENCY } = process.env;

const worker = new Worker(QUEUE, async () => ({}), {
  connection: new Redis(REDIS_SOCKET, { maxRetriesPerRequest: null }),
  concurrency: Number(CONCURRENCY),
});
await worker.waitUntilReady();
console.log("ready");
process.on("SIGTERM", () => process.exit(0));
