// The peer's worker: does nothing, or the HTTP request that the job asks for, `CONCURRENCY` times at
// once.

import { Worker } from "bullmq";
import { Redis } from "ioredis";
import { Agent } from "undici";

const { REDIS_SOCKET, QUEUE, CONCURRENCY } = process.env;
const agent = new Agent({ connections: Number(CONCURRENCY), pipelining: 1 });

/** What http.request does: status, headers and body become the result. */
async function makeRequest({ url }) {
  const { origin, pathname, search } = new URL(url);
  const answer = await agent.request({ origin, path: pathname + search, method: "GET" });
  return { status: answer.statusCode, headers: answer.headers, text: await answer.body.text() };
}

const worker = new Worker(QUEUE, async (job) => (job.name === "http.request"
  ? makeRequest(job.data.input) : {}), {
  connection: new Redis(REDIS_SOCKET, { maxRetriesPerRequest: null }),
  concurrency: Number(CONCURRENCY),
});
await worker.waitUntilReady();
console.log("ready");
process.on("SIGTERM", () => process.exit(0));
