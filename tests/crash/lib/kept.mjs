// What attempts keep (hub.keep/1) and book (hub.ledger/1), through the lives of hubd.
//
// A *keeper* freezes its key for its own later attempts, keeps it for all jobs of the connector and
// books it, and only then reports progress: seeing that means that hubd has said yes to all three.
// What was seen so is in `ledger.kept`, and must be there in the end, whatever came between.
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

const KIND = 'kept';
const OK = 0;
const EXISTS = -6;
const GETS_MAX = 500;

export const keeper = (random, key) => ({
  body: {
    type: `${random.pick(['probe', 'aprobe', 'aprobe'])}.run_with_key`,
    input: {
      do: 'progress', ms: 20, times: random.int(10, 60),
      calls: [
        { call: 'get', key: 'frozen' },
        { call: 'put', key: 'frozen', value: key, only_new: true },
        { call: 'put', scope: 'account', key, value: key },
        { call: 'append', kind: KIND, value: JSON.stringify({ key }) },
      ],
    },
    labels: { key }, priority: 50,
  },
  safety: 'key', may: ['succeeded'],
});

/** Watches an acknowledged keeper until hubd has said yes to its calls, or it has ended. */
export async function watch(entry, ledger, getJob, stopped) {
  while (!stopped()) {
    const job = await getJob(entry.id);
    if (job === null) return;
    if (job.progress !== null) ledger.keeps(entry, job.attempt);
    if (job.progress !== null || job.finished_at !== null) return;
    await delay(5);
  }
}

// --- What is there -------------------------------------------------------------------------------

/** The values that the connectors keep: a Set. `run(body)` gives a finished job. */
export async function readKept(ledger, run) {
  const values = new Set();
  for (const connector of ['probe', 'aprobe']) {
    const all = [...ledger.kept.values()]
      .filter(({ entry }) => entry.plan.body.type.startsWith(`${connector}.`));
    for (let at = 0; at < all.length; at += GETS_MAX) {
      const calls = all.slice(at, at + GETS_MAX)
        .map(({ entry }) => ({ call: 'get', scope: 'account', key: entry.key }));
      const job = await run({ type: `${connector}.run`, input: { do: 'succeed', calls } });
      for (const answer of job.result?.answers ?? []) {
        answer.values.filter(({ key, value }) => key === value).forEach(({ key }) => values.add(key));
      }
    }
  }
  return values;
}

/** {entries, verified}: all that is booked, and what hubd says of it. */
export async function readBooks(client) {
  const answer = await client.request('GET', '/v1/ledger');
  return {
    entries: answer.body.toString().split('\n').filter(Boolean).map((line) => JSON.parse(line)),
    verified: await client.json('/v1/ledger/verify'),
  };
}

// --- What must be there --------------------------------------------------------------------------

/** As the schema of LedgerEntry says it, written a second time. */
function hashOf(entry, before) {
  const hash = createHash('sha256').update(before);
  for (const field of [entry.seq, Date.parse(entry.at), entry.connector, entry.account ?? '',
    entry.job, entry.attempt, entry.kind, entry.body]) {
    const length = Buffer.alloc(8);
    length.writeBigUInt64BE(BigInt(Buffer.byteLength(String(field))));
    hash.update(length).update(String(field));
  }
  return hash.digest();
}

function checkChain({ entries, verified }, report) {
  let before = Buffer.alloc(32);
  for (const [i, entry] of entries.entries()) {
    before = hashOf(entry, before);
    if (entry.seq !== i + 1 || entry.hash !== before.toString('hex')) {
      report('chain', entry.job, `entry ${i + 1} is ${JSON.stringify(entry)}`);
      return;
    }
  }
  if (!verified.ok || verified.entries !== entries.length
    || (verified.head ?? '') !== (entries.at(-1)?.hash ?? '')) {
    report('chain', 'all', `${entries.length} read, hubd says ${JSON.stringify(verified)}`);
  }
}

/** The last attempt tells what it found; it must have found what an earlier one kept. */
function checkFrozen(job, { entry, attempt }, report) {
  if (job?.state !== 'succeeded' || job.result.attempt <= attempt) return;
  const [got, put] = job.result.answers;
  if (got.values[0]?.value !== entry.key || put.status !== EXISTS || got.status !== OK) {
    report('kept_lost', job.id, `attempt ${attempt} kept it, ${job.result.attempt} did not find it`);
  }
}

export function checkKept(ledger, seen, report) {
  checkChain(seen.books, report);
  const booked = new Map(seen.books.entries.filter(({ kind }) => kind === KIND)
    .map((one) => [JSON.parse(one.body).key, one]).reverse()); // the first entry of each key
  for (const one of ledger.kept.values()) {
    const { entry: { id, key }, attempt } = one;
    if (!seen.kept.has(key)) report('kept_lost', id, 'its value for all jobs is not there');
    const entry = booked.get(key);
    if (entry?.job !== id || entry.attempt > attempt) {
      report('booked_lost', id, `attempt ${attempt} booked it, there is ${JSON.stringify(entry)}`);
    }
    checkFrozen(seen.jobs.get(id), one, report);
  }
}
