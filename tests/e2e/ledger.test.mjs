// hub.ledger/1: what attempts put on record can be read as NDJSON and CSV, checked by whoever knows
// SHA-256, and verified; and survives a kill.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import net from 'node:net';
import { after, test } from 'node:test';

import { hubctl } from './lib/hubctl.mjs';
import { SANITIZED, removeFolder, startHubd, tempFolder, until } from './lib/hubd.mjs';
import { assertProblem } from './lib/problem.mjs';

const hub = await startHubd();
after(() => hub.stop());
const ctl = hubctl({ HUBD_SOCKET: hub.socket });

const append = (kind, body) => ({ call: 'append', kind, value: JSON.stringify(body) });

async function book(connector, calls, on = hub) {
  const job = await on.run(`${connector}.run_with_key`, { do: 'succeed', calls });
  assert.equal(job.state, 'succeeded', JSON.stringify(job));
  for (const { called, status } of job.result.answers) assert.deepEqual([called, status], [0, 0]);
  return job;
}

async function entries(query = '', on = hub) {
  const response = await on.fetch(`/v1/ledger${query}`);
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('content-type'), 'application/x-ndjson');
  return (await response.text()).split('\n').filter(Boolean).map((line) => JSON.parse(line));
}

/** As the schema of LedgerEntry says it. */
function hashOf(entry, before) {
  const hash = crypto.createHash('sha256').update(before);
  const fields = [entry.seq, Date.parse(entry.at), entry.connector, entry.account ?? '', entry.job,
    entry.attempt, entry.kind, entry.body];
  for (const field of fields.map((one) => Buffer.from(String(one)))) {
    const length = Buffer.alloc(8);
    length.writeBigUInt64BE(BigInt(field.length));
    hash.update(length).update(field);
  }
  return hash.digest();
}

function assertChain(list) {
  let before = Buffer.alloc(32);
  for (const [i, entry] of list.entries()) {
    assert.equal(entry.seq, i + 1);
    before = hashOf(entry, before);
    assert.equal(entry.hash, before.toString('hex'));
  }
}

test('an empty ledger', async () => {
  assert.deepEqual(await entries(), []);
  assert.deepEqual(await hub.json('/v1/ledger/verify'),
    { entries: 0, ok: true, first_bad: null, head: null });
  const { code, stdout } = await ctl('ledger', '--verify');
  assert.deepEqual([code, stdout], [0, '0 entries, none missing, none altered.\n']);
});

test('what is booked is there, with who and when', async () => {
  const first = await book('aprobe', [
    append('intent', { amount: 1000, currency: 'EUR' }), append('answer', { ok: true, name: 'Zoë' }),
  ]);
  const second = await book('probe', [append('refund', { why: 'say "no", twice' })]);
  const list = await entries();
  assert.deepEqual(list.map(({ connector, kind, job, attempt, account }) =>
    [connector, kind, job, attempt, account]), [
    ['aprobe', 'intent', first.id, 1, null], ['aprobe', 'answer', first.id, 1, null],
    ['probe', 'refund', second.id, 1, null],
  ]);
  assert.deepEqual(JSON.parse(list[1].body), { ok: true, name: 'Zoë' });
  assertChain(list);
  const { head, ...rest } = await hub.json('/v1/ledger/verify');
  assert.deepEqual(rest, { entries: 3, ok: true, first_bad: null });
  assert.equal(head, list[2].hash);
});

test('filters', async () => {
  const list = await entries();
  const seqs = async (query) => (await entries(query)).map(({ seq }) => seq);
  assert.deepEqual(await seqs('?connector=probe'), [3]);
  assert.deepEqual(await seqs('?connector=nobody'), []);
  assert.deepEqual(await seqs('?account=shop'), []);
  assert.deepEqual(await seqs('?after=1'), [2, 3]);
  const at = encodeURIComponent(list[2].at);
  assert.ok((await seqs(`?from=${at}`)).includes(3));
  assert.ok(!(await seqs(`?to=${at}`)).includes(3));
  assert.deepEqual(await seqs('?from=2100-01-01T00:00:00Z'), []);
  await hub.refused(400, 'bad_request', '/v1/ledger?from=yesterday');
  await hub.refused(400, 'bad_request', '/v1/ledger?kind=intent');
});

test('CSV, by Accept', async () => {
  const csv = await hub.fetch('/v1/ledger', { headers: { accept: 'text/csv, */*;q=0.1' } });
  assert.equal(csv.headers.get('content-type'), 'text/csv; charset=utf-8; header=present');
  const lines = (await csv.text()).split('\r\n');
  assert.equal(lines.length, 5);
  assert.equal(lines[0], 'seq,at,connector,account,job,attempt,kind,body,hash');
  assert.equal(lines[4], '');
  const [, , third] = await entries();
  assert.equal(lines[3], `3,${third.at},"probe","",${third.job},1,"refund",` +
    `"${third.body.replaceAll('"', '""')}",${third.hash}`);
  for (const accept of ['application/x-ndjson', 'application/*', '*/*', 'text/csv;q=0, */*']) {
    const other = await hub.fetch('/v1/ledger', { headers: { accept } });
    assert.equal(other.headers.get('content-type'), 'application/x-ndjson', accept);
  }
  const none = await hub.fetch('/v1/ledger', { headers: { accept: 'image/png' } });
  await assertProblem(none, 406, 'not_acceptable');
});

test('only an admin reads it', async () => {
  const { key } = await (await hub.send('/v1/keys', { name: 'r', scopes: ['jobs:read'] })).json();
  await hub.refused(403, 'forbidden', '/v1/ledger', { key });
  await hub.refused(403, 'forbidden', '/v1/ledger/verify', { key });
});

test('hubctl ledger: for people, for programs, as CSV', async () => {
  const people = await ctl('ledger');
  assert.equal(people.code, 0, people.stderr);
  assert.match(people.stdout, /^1 {2}\S+Z {2}aprobe intent {2}\S+ #1\n {4}\{"amount":1000/);
  assert.equal((await ctl.json('ledger', '--connector', 'probe')).length, 1);
  assert.equal((await ctl.json('ledger', '--since', '1h')).length, 3);
  assert.equal((await ctl.json('ledger', '--until', '1h')).length, 0);
  const csv = await ctl('ledger', '--csv');
  assert.equal(csv.stdout.split('\r\n').length, 5);
  const { code, stdout } = await ctl('ledger', '--verify');
  assert.equal(code, 0);
  assert.match(stdout, /^3 entries, none missing, none altered\. Head: [0-9a-f]{64}\n$/);
  assert.equal((await ctl('ledger', '--csv', '--json')).code, 2);
  assert.equal((await ctl('ledger', '--since', 'soon')).code, 2);
});

test('what was booked before a kill is there after it, once', async () => {
  const stateDir = tempFolder();
  const first = await startHubd({ stateDir });
  const { id } = await first.post('aprobe.run_with_key', {
    do: 'progress', ms: 20, times: 40, calls: [append('intent', { amount: 1 })],
  });
  await until(async () => (await first.job(id)).progress !== null, 'progress');
  await first.kill();
  const second = await startHubd({ stateDir });
  const job = await second.finished(id);
  assert.equal(job.state, 'succeeded');
  const list = await entries('', second);
  assert.deepEqual(list.map(({ attempt, kind }) => [attempt, kind]), [[1, 'intent'], [2, 'intent']]);
  assertChain(list);
  assert.equal((await second.json('/v1/ledger/verify')).ok, true);
  await second.stop();
  removeFolder(stateDir);
});

test('a long ledger is read in bounded memory, also by who reads slowly', async () => {
  const big = await startHubd();
  const calls = Array.from({ length: 50 },
    (_, i) => append('intent', { i, text: 'x'.repeat(15_000) }));
  for (let i = 0; i < 40; i++) await book('aprobe', calls, big);
  const before = big.memory('VmRSS');
  const sockets = Array.from({ length: 8 }, () => {
    const socket = net.connect(big.port, '127.0.0.1');
    socket.write(`GET /v1/ledger HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${big.key}\r\n\r\n`);
    return socket.pause();
  });
  const list = await entries('', big); // beside those who do not read
  assert.equal(list.length, 2000);
  assertChain(list);
  assert.equal(JSON.parse(list[1999].body).text.length, 15_000);
  if (!SANITIZED) {
    const grown = big.memory('VmRSS') - before;
    assert.ok(grown < 40 << 20, `${grown} bytes more for 9 readers of 30 MB`);
  }
  for (const socket of sockets) socket.destroy();
  assert.equal((await big.json('/v1/ledger/verify')).entries, 2000);
  await big.stop();
});
