// The vectors, against the test server, strict and lenient. hubd itself: hubd.test.mjs.
import assert from 'node:assert/strict';
import test from 'node:test';
import { startServer } from './harness.mjs';
import { assertAllGood, judgeAll } from './judge.mjs';
import vectors from './vectors.mjs';

test('there are enough vectors, with names of their own', () => {
  assert.ok(vectors.length >= 120, `${vectors.length}`);
  assert.equal(new Set(vectors.map(({ name }) => name)).size, vectors.length);
});

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
