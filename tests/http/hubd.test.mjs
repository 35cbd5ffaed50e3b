// The vectors, all of them, against hubd as it is shipped.
import assert from 'node:assert/strict';
import test from 'node:test';
import { startHubd } from '../e2e/lib/hubd.mjs';
import { assertAllGood, judgeAll } from './judge.mjs';
import { aimed } from './vectors.mjs';

test('hubd', async (t) => {
  const hub = await startHubd();
  t.after(() => hub.stop());
  // Uploads take any body; whatever is wrong with its form shows there.
  const vectors = aimed('/v1/artifacts', `Authorization: Bearer ${hub.key}\r\n`);

  for (const [how, size] of [['whole', 1e9], ['in pieces of 7 bytes', 7], ['in pieces of 1,000 bytes', 1000]]) {
    // Tens of thousands of writes of 7 bytes prove nothing that hundreds don't.
    const list = vectors.filter(({ bytes }) => bytes.length / size < 400);
    await t.test(`${list.length} of ${vectors.length} vectors, ${how}`, async () =>
      assertAllGood(await judgeAll(hub.port, list, size)));
  }

  await t.test('what is refused leaves nothing, and is counted', async () => {
    const malformed = await hub.metric('http_requests_malformed_total');
    const before = hub.files('blobs');
    // The one whose first request is sound may upload that.
    const list = vectors.filter(({ kind, bytes }) => kind === 'refuse' && !bytes.endsWith('helloX\0'));
    assertAllGood(await judgeAll(hub.port, list, 1e9));
    assert.equal(await hub.metric('http_requests_malformed_total') - malformed, list.length);
    assert.deepEqual(hub.files('blobs'), before);
  });
});
