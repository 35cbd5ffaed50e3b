// The vectors, against the test server (strict and lenient) or, with HUBD_TARGET_PORT, any server.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Client, parseResponses, sleep, startServer } from './harness.mjs';
import vectors from './vectors.mjs';

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

/** Judges all, a few at a time. */
async function judgeAll(port, list, size, ms = 2000) {
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

function assertAllGood(verdicts) {
  const bad = [...verdicts].filter(([, verdict]) => verdict)
    .map(([vector, verdict]) => `${vector.name} (${vector.rfc}): ${verdict}`);
  assert.deepEqual(bad, []);
}

test('there are enough vectors, with names of their own', () => {
  assert.ok(vectors.length >= 120, `${vectors.length}`);
  assert.equal(new Set(vectors.map(({ name }) => name)).size, vectors.length);
});

if (process.env.HUBD_TARGET_PORT) {
  const port = Number(process.env.HUBD_TARGET_PORT);
  // A handler may refuse for its own reasons (no API key) before it has read a malformed body.
  const list = vectors.filter(({ inBody }) => !inBody);
  test('the server judges every header block right, sent whole', async () => assertAllGood(await judgeAll(port, list, 1e9)));
  test('the server judges every header block right, sent in pieces', async () => assertAllGood(await judgeAll(port, list, 7)));
} else {
  test('strict', async (t) => {
    const server = await startServer({ args: ['--header-ms', '3000'] });
    t.after(() => server.kill('SIGKILL'));
    for (const [how, size] of [['whole', 1e9], ['in pieces of 7 bytes', 7], ['in pieces of 1,000 bytes', 1000]]) {
      // Tens of thousands of writes of 7 bytes prove nothing that hundreds don't.
      const list = vectors.filter(({ bytes }) => bytes.length / size < 400);
      await t.test(`${list.length} vectors, ${how}`, async () => assertAllGood(await judgeAll(server.port, list, size)));
    }
    await t.test('a refused header block reaches no handler', async () => {
      const list = vectors.filter(({ kind, inBody }) => kind === 'refuse' && !inBody);
      const first = await server.stats();
      await judgeAll(server.port, list.filter(({ bytes }) => !bytes.includes('hello')), 1e9);
      const last = await server.stats();
      assert.equal(last.handled - first.handled, 1, 'only /stats itself was handled');
    });
    await t.test('all memory and handles are given back', async () => assert.equal(await server.stop(), 0));
  });

  test('without the rules the vectors bite', async (t) => {
    const server = await startServer({ lenient: true, args: ['--header-ms', '300'] });
    t.after(() => server.kill('SIGKILL'));
    const list = vectors.filter(({ kind }) => kind === 'refuse');
    const verdicts = await judgeAll(server.port, list, 1e9, 600);
    const bites = list.filter((vector) => verdicts.get(vector));
    t.diagnostic(`${bites.length} of ${list.length} refusals are owed to the scanner's rules`);
    for (const vector of bites) t.diagnostic(`bites: ${vector.name}: ${verdicts.get(vector)}`);
    assert.ok(bites.length >= 100, `only ${bites.length}`);
  });
}
