// The peer of image-http.mjs: fastify and sharp as they come. A picture is posted, the answer is what
// image.transform would make of it. An API key, as hubd has; nothing is written to disk.

import { createHash, timingSafeEqual } from "node:crypto";
import Fastify from "fastify";
import sharp from "sharp";

const digest = (text) => createHash("sha256").update(text).digest();
const KEY_DIGEST = digest(process.env.API_KEY);
const QUERY = {
  type: "object",
  required: ["width"],
  properties: { width: { type: "integer", minimum: 1, maximum: 16383 } },
};

const app = Fastify({ logger: false, bodyLimit: 128 << 20 });
app.addContentTypeParser("image/jpeg", { parseAs: "buffer" }, (request, body, done) => done(null, body));
app.addHook("onRequest", async (request, reply) => {
  const given = request.headers.authorization ?? "";
  if (!given.startsWith("Bearer ") || !timingSafeEqual(digest(given.slice(7)), KEY_DIGEST)) {
    return reply.code(401).send({ title: "Unauthorized" });
  }
});
app.post("/transform", { schema: { querystring: QUERY } }, async (request, reply) => reply
  .type("image/jpeg")
  .send(await sharp(request.body).autoOrient().resize(request.query.width).jpeg().toBuffer()));

await app.listen({ host: "127.0.0.1", port: 0 });
console.log(`ready ${app.server.address().port}`);
process.on("SIGTERM", () => process.exit(0));
