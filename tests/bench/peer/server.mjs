// The peer's web server: the same work as POST /v1/jobs. An API key, a JSON Schema, a job id that is
// the Idempotency-Key (BullMQ adds a job of a known id no second time), 202 when Redis has the job.

import { createHash, timingSafeEqual } from "node:crypto";
import Fastify from "fastify";
import { Queue, QueueEvents } from "bullmq";
import { Redis } from "ioredis";

const { REDIS_SOCKET, QUEUE, API_KEY } = process.env;

const digest = (text) => createHash("sha256").update(text).digest();
const KEY_DIGEST = digest(API_KEY);

const BODY = {
  type: "object",
  required: ["type", "input"],
  additionalProperties: false,
  properties: {
    type: { type: "string", pattern: "^[a-z][a-z0-9_-]*\\.[a-z][a-z0-9_-]*$", maxLength: 128 },
    input: { type: "object" },
    queue: { type: "string", minLength: 1, maxLength: 64 },
    priority: { type: "integer", minimum: -100, maximum: 100 },
    labels: {
      type: "object",
      maxProperties: 16,
      additionalProperties: { type: "string", maxLength: 256 },
    },
    timeout_ms: { type: "integer", minimum: 1 },
    max_attempts: { type: "integer", minimum: 1, maximum: 100 },
  },
};
const HEADERS = {
  type: "object",
  required: ["idempotency-key"],
  properties: { "idempotency-key": { type: "string", minLength: 1, maxLength: 255 } },
};

const connect = () =>
  new Redis(REDIS_SOCKET, { maxRetriesPerRequest: null, enableAutoPipelining: true });
const queue = new Queue(QUEUE, { connection: connect() });
let events;

/** QueueEvents costs the server a message a job, so it is there only once somebody waits. */
async function queueEvents() {
  events ??= new QueueEvents(QUEUE, { connection: connect() });
  await events.waitUntilReady();
  return events;
}

const app = Fastify({ logger: false });

app.addHook("onRequest", async (request, reply) => {
  const given = request.headers.authorization ?? "";
  if (!given.startsWith("Bearer ") || !timingSafeEqual(digest(given.slice(7)), KEY_DIGEST)) {
    return reply.code(401).send({ title: "Unauthorized" });
  }
});

app.post("/jobs", { schema: { body: BODY, headers: HEADERS } }, async (request, reply) => {
  const { type, input, labels, priority } = request.body;
  const wait = Number(request.query.wait ?? 0);
  const listening = wait > 0 ? await queueEvents() : null;
  const job = await queue.add(type, { input, labels },
    { jobId: request.headers["idempotency-key"], ...(priority ? { priority } : {}) });
  const answer = { id: job.id, type, input, labels, state: "waiting", created_at: job.timestamp };
  if (listening) {
    answer.result = await job.waitUntilFinished(listening, wait * 1000);
    answer.state = "completed";
  }
  return reply.code(listening ? 200 : 202).send(answer);
});

await app.listen({ host: "127.0.0.1", port: 0 });
console.log(`ready ${app.server.address().port}`);
process.on("SIGTERM", () => process.exit(0));
