// GET /v1/events: every change of every job, live, in order, once, also after a break.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';

import { begin, response as answerOf } from './lib/http.mjs';
import { answered, sleep, startHubd, until } from './lib/hubd.mjs';

const hub = await startHubd({ flags: { retry_base_ms: 5, retry_cap_ms: 10 } });
after(() => hub.stop());

const states = (stream, id) =>
  stream.jobs.filter((one) => one.job === id).map((one) => `${one.state} ${one.attempt}`);

test('a job\'s life is told as it happens', async () => {
  const stream = await hub.events();
  assert.equal(stream.response.headers.get('cache-control'), 'no-store');
  const job = await hub.post('aprobe.run', { do: 'retry', ms: 150, until_attempt: 2 });
  await stream.state(job.id, 'succeeded');
  // The start of the second attempt is written with its end: it is too short to be told.
  assert.deepEqual(states(stream, job.id).filter((one) => one !== 'running 2'),
    ['queued 0', 'running 1', 'scheduled 1', 'queued 1', 'succeeded 2']);
  const [first] = stream.all.filter((one) => one.data.job === job.id);
  assert.equal(first.event, 'job');
  assert.equal(first.id, String(first.data.seq));
  const { type, queue, at } = first.data;
  assert.deepEqual({ type, queue }, { type: 'aprobe.run', queue: 'default' });
  assert.match(at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  stream.close();
});

test('progress is told while it lasts, unless it is not wanted', async () => {
  const [all, quiet] = await Promise.all([hub.events(), hub.events('?progress=false')]);
  const job = await hub.post('aprobe.run', { do: 'progress', ms: 60, times: 5 });
  await Promise.all([all.state(job.id, 'succeeded'), quiet.state(job.id, 'succeeded')]);
  const progress = all.all.filter((one) => one.event === 'progress' && one.data.job === job.id);
  assert.ok(progress.length >= 2, JSON.stringify(all.all));
  const fractions = progress.map((one) => one.data.fraction);
  assert.deepEqual(fractions, [...fractions].sort((a, b) => a - b));
  assert.match(progress[0].data.message, /^step \d of 5$/);
  assert.equal(progress[0].id, null, 'progress is not kept: it has no id');
  assert.ok(quiet.all.every((one) => one.event === 'job'));
  all.close();
  quiet.close();
});

test('only one job, type or queue', async () => {
  const first = await hub.post('noop.run', {}, { run_at: '2999-01-01T00:00:00Z' });
  const [one, type, queue, both] = await Promise.all([hub.events(`?job=${first.id}`),
    hub.events('?type=aprobe.run'), hub.events('?queue=special'),
    hub.events('?type=aprobe.run&queue=special')]);
  await hub.json(`/v1/jobs/${first.id}/cancel`, { method: 'POST' });
  const other = await hub.run('noop.run');
  const special = await hub.run('noop.run', {}, { queue: 'special' });
  const probe = await hub.run('aprobe.run', { do: 'succeed' });
  const last = await hub.run('aprobe.run', { do: 'succeed' }, { queue: 'special' });
  await one.state(first.id, 'cancelled');
  for (const stream of [type, queue, both]) await stream.state(last.id, 'succeeded');
  const jobs = (stream) => [...new Set(stream.jobs.map(({ job }) => job))];
  assert.deepEqual(jobs(one), [first.id]);
  assert.deepEqual(jobs(type), [probe.id, last.id]);
  assert.deepEqual(jobs(queue), [special.id, last.id]);
  assert.deepEqual(jobs(both), [last.id]);
  assert.ok(!jobs(queue).includes(other.id));
  [one, type, queue, both].forEach((stream) => stream.close());
});

test('who comes back misses nothing and gets nothing twice', async () => {
  const whole = await hub.events('?queue=resume');
  let stream = await hub.events('?queue=resume');
  const collected = [];
  let stop = false;
  const posting = (async () => {
    const ids = [];
    while (!stop) {
      ids.push((await hub.post('noop.run', {}, { queue: 'resume' })).id);
    }
    return ids;
  })();
  for (let breaks = 0; breaks < 8; breaks++) {
    await stream.until((all) => all.length >= 5, 'some events');
    stream.close();
    const { all } = stream;
    collected.push(...all.map((one) => Number(one.id)));
    await sleep(breaks * 5);
    stream = await hub.events('?queue=resume', { lastEventId: collected.at(-1) });
  }
  stop = true;
  const ids = await posting;
  await stream.state(ids.at(-1), 'succeeded');
  await whole.state(ids.at(-1), 'succeeded');
  collected.push(...stream.all.map((one) => Number(one.id)));
  const expected = whole.all.map((one) => Number(one.id));
  assert.deepEqual(collected, expected);
  assert.deepEqual(expected, [...expected].sort((a, b) => a - b), 'in order');
  assert.equal(new Set(expected).size, expected.length);
  for (const id of ids) {
    assert.deepEqual(states(whole, id).filter((one) => !one.startsWith('running')),
      ['queued 0', 'succeeded 1']);
  }
  stream.close();
  whole.close();
});

test('from 0 it is everything that is kept, over a restart too', async () => {
  const first = await startHubd();
  const done = await first.run('noop.run');
  await first.kill();
  const second = await startHubd({ stateDir: first.stateDir });
  try {
    const stream = await second.events('', { lastEventId: 0 });
    await stream.state(done.id, 'succeeded');
    assert.equal(states(stream, done.id)[0], 'queued 0');
    const next = await second.run('noop.run');
    await stream.state(next.id, 'succeeded');
    const seqs = stream.jobs.map((one) => one.seq);
    assert.deepEqual(seqs, [...new Set(seqs)].sort((a, b) => a - b));
    stream.close();
  } finally {
    await second.stop();
    first.discard();
  }
});

test('many listen, some go away, hubd counts them no longer', async () => {
  const connections = () => hub.metric('http_connections');
  const before = await connections();
  const streams = await Promise.all(Array.from({ length: 100 }, () => hub.events()));
  const job = await hub.run('noop.run');
  await Promise.all(streams.map((stream) => stream.state(job.id, 'succeeded')));
  streams.forEach((stream) => stream.close());
  await until(async () => await connections() <= before + 1, 'the connections are gone');
});

test('who does not read holds up nobody, and costs little', async () => {
  const deaf = begin({ port: hub.port, key: hub.key, path: '/v1/events' });
  deaf.on('error', () => {});
  deaf.end();
  (await answerOf(deaf)).pause();
  const live = await hub.events('?queue=flood');
  let last;
  for (let turn = 0; turn < 20; turn++) {
    const posted = await Promise.all(Array.from({ length: 100 }, () =>
      hub.post('noop.run', {}, { queue: 'flood' })));
    last = posted.at(-1);
  }
  await hub.finished(last.id);
  await live.until(() => new Set(live.jobs.filter((one) => one.state === 'succeeded')
    .map((one) => one.job)).size === 2000, 'all jobs', 30_000);
  live.close();
  deaf.destroy();
});

test('when hubd drains the streams end', async () => {
  const other = await startHubd();
  const stream = await other.events();
  const stopped = other.stop();
  await stream.untilEnd();
  await stopped;
});

test('a dead letter does not hold up the stream', async () => {
  const stream = await hub.events('?queue=dead');
  const job = await hub.run('probe.run', { do: 'crash' }, { queue: 'dead', max_attempts: 1 });
  assert.equal(job.state, 'failed');
  await stream.state(job.id, 'failed');
  await answered(await hub.fetch('/healthz'), 200);
  stream.close();
});

test('a parameter that is neither true nor false is refused', async () => {
  const answer = await hub.exchange({ path: '/v1/events?progress=banana' });
  assert.equal(answer.status, 400);
  assert.match(answer.json().detail, /progress must be true or false/);
});
