// What must become of a vector, and what is wrong if it does not. See vectors.mjs for the kinds.
import assert from 'node:assert/strict';
import { Client, parseResponses, sleep } from './harness.mjs';

const REFUSALS = new Set([400, 408, 413, 414, 417, 431, 501, 505]);
const PROBE = 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n';

/** Sends in pieces of `size` bytes; a client whose server has closed stops. */
async function send(client, bytes, size) {
  for (let at = 0; at < bytes.length && !client.ended; at += size) {
    await client.write(bytes.slice(at, at + size));
    if (bytes.length > size) await sleep(0);
  }
}

/** What is wrong with the server's reaction, or nothing. */
async function judgeRefusal(port, vector, size, ms) {
  const client = await Client.connect(port);
  await send(client, vector.bytes, size);
  await client.untilEnd(ms);
  client.close();
  const all = parseResponses(client.text);
  const responses = all.responses.filter(({ status }) => status !== 100);
  const last = responses.at(-1);
  if (!client.ended) return `not closed, after ${JSON.stringify(client.text.slice(0, 60))}`;
  if (!last) return 'closed without an answer';
  if (last.status !== vector.status) return `answered ${last.status}, not ${vector.status}`;
  if (responses.slice(0, -1).some(({ status }) => REFUSALS.has(status))) return 'answered twice';
  if (last.headers.connection !== 'close') return 'no Connection: close';
  if (last.headers['content-type'] !== 'application/problem+json') return 'not a problem document';
  if (JSON.parse(last.body).status !== vector.status) return 'the document tells another status';
  return null;
}

async function judgeAcceptance(port, vector, size) {
  const client = await Client.connect(port);
  await send(client, vector.bytes, size);
  const finals = () => client.responses().filter(({ status }) => status !== 100);
  await client.until(() => finals().length >= vector.count, 2000);
  if (finals().length !== vector.count) return `${finals().length} answers, not ${vector.count}`;
  const refused = finals().find(({ status }) => REFUSALS.has(status));
  if (refused) return `refused with ${refused.status}: ${refused.body}`;
  if (!vector.keeps) {
    const ended = await client.untilEnd(2000);
    client.close();
    return ended ? null : 'not closed';
  }
  await client.write(PROBE);
  await client.until(() => finals().length > vector.count, 2000);
  client.close();
  return finals()[vector.count]?.status === 200 ? null : 'the connection did not serve another request';
}

const judge = (port, vector, size, ms) =>
  (vector.kind === 'refuse' ? judgeRefusal : judgeAcceptance)(port, vector, size, ms);

/** Judges all against the server at `port`, a few at a time: a map of what is wrong with each, or null. */
export async function judgeAll(port, list, size, ms = 2000) {
  const verdicts = new Map();
  const queue = [...list];
  const worker = async () => {
    for (let vector = queue.shift(); vector; vector = queue.shift()) {
      verdicts.set(vector, await judge(port, vector, size, ms));
    }
  };
  await Promise.all(Array.from({ length: 16 }, worker));
  return verdicts;
}

export function assertAllGood(verdicts) {
  const bad = [...verdicts].filter(([, verdict]) => verdict)
    .map(([vector, verdict]) => `${vector.name} (${vector.rfc}): ${verdict}`);
  assert.deepEqual(bad, []);
}
