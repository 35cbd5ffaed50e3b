// The jobs of the load: what is posted, and what may become of it. Each plan says
//
//   body     what is posted (without labels and settings that every job gets)
//   safety   of its operation: safe, key (safe_with_key), never
//   may      outcomes that its attempts may have of their own accord
//   crash    its own ways to die: [{kind, number}]; no number: any
//   result   'probe': the usual result, which names the attempt that made it
//   outputs  the files it makes: [{name, sha256}]; sha256 null: whatever it is
//
// On top of `may`, any attempt can be released (hubd ended), crashed (its runner was killed by the
// campaign) or cancelled (on request).
import { createHash } from 'node:crypto';

const ALPHABET = Buffer.from('abcdefghijklmnopqrstuvwxyz');

export const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** What probe's `artifact` writes. */
const letters = (length) => Buffer.alloc(length, ALPHABET);

/** A BMP of 2 × 2 pixels: header, information header, two rows of two pixels and padding. */
function picture() {
  const bytes = Buffer.alloc(54 + 16, 0x80);
  bytes.write('BM');
  [70, 0, 54, 40, 2, 2, (24 << 16) | 1, 0, 16, 2835, 2835, 0, 0]
    .forEach((field, index) => bytes.writeUInt32LE(field >>> 0, 2 + 4 * index));
  return bytes.toString('base64');
}
const PICTURE = picture();

const probe = (operation, input, more = {}) =>
  ({ body: { type: operation, input }, safety: 'safe', may: ['succeeded'], ...more });

const sleeper = (random, safety) => {
  const operation = { safe: 'run', key: 'run_with_key', never: 'run_once' }[safety];
  const connector = random.chance(0.6) ? 'aprobe' : 'probe';
  const longest = connector === 'aprobe' ? 250 : 60;
  return probe(`${connector}.${operation}`, { do: 'sleep', ms: random.int(0, longest) },
    { safety, result: 'probe' });
};

function artifacts(random) {
  const times = random.int(1, 3);
  const bytes = random.pick([0, 1, 4096, random.int(0, 200_000)]);
  const digest = sha256(letters(bytes));
  const outputs = Array.from({ length: times }, (_, index) =>
    ({ name: times > 1 ? `probe.bin-${index + 1}` : 'probe.bin', sha256: digest }));
  return probe(`${random.pick(['probe', 'aprobe'])}.run`, { do: 'artifact', bytes, times },
    { result: 'probe', outputs });
}

function echo(random, ledger) {
  const uploads = [...ledger.artifacts.values()].filter((one) => one.deleted === 'none');
  if (uploads.length === 0) return artifacts(random);
  const source = random.pick(uploads.slice(-50));
  return probe('probe.run', { do: 'echo_file', file: { artifact: source.id } },
    { outputs: [{ name: null, sha256: source.sha256 }], needs: source.id });
}

const noop = (more = {}) =>
  ({ body: { type: 'noop.run' }, safety: 'safe', may: ['succeeded'], ...more });

const image = () => ({
  body: { type: 'image.transform',
    input: { image: { data: PICTURE }, width: 8, height: 8, format: 'png' } },
  safety: 'safe', may: ['succeeded'], outputs: [{ name: null, sha256: null }],
});

const misbehave = (act, ...crash) => (random) =>
  probe('probe.run', { do: act, ...(random.chance(0.8) ? { until_attempt: 2 } : {}) },
    { may: ['succeeded'], crash });

function child(random, ledger) {
  const parents = ledger.accepted.slice(-40).filter((entry) => entry.deleted === 'none');
  if (parents.length === 0) return noop();
  const chosen = new Set(Array.from({ length: random.int(1, 3) }, () => random.pick(parents)));
  for (const parent of chosen) parent.hasChildren = true;
  return {
    body: { type: random.pick(['noop.run', 'aprobe.run']), input: { do: 'succeed' },
      after: [...chosen].map((parent) => parent.id) },
    safety: 'safe', may: ['succeeded'],
  };
}

const soon = (random, longest) => new Date(Date.now() + random.int(0, longest)).toISOString();

/** [weight, maker(random, ledger)] */
const KINDS = [
  [30, () => noop()],
  [8, () => probe('probe.run', { do: 'succeed' }, { result: 'probe' })],
  [12, (random) => sleeper(random, 'safe')],
  [7, (random) => sleeper(random, 'key')],
  [6, (random) => sleeper(random, 'never')],
  [6, (random) => probe(`${random.pick(['probe', 'aprobe'])}.run`,
    { do: 'retry', until_attempt: random.int(2, 6), delay_ms: random.int(0, 20) },
    { may: ['succeeded', 'retry'] })],
  [3, () => probe('probe.run', { do: 'fail' }, { may: ['failed'] })],
  [1, () => probe('aprobe.run', { do: 'unknown' }, { may: ['unknown'] })],
  [2, misbehave('crash', { kind: 'signal', number: 11 })],
  [1, misbehave('abort', { kind: 'signal', number: 6 })],
  [1, misbehave('exit', { kind: 'exit', number: 3 })],
  [1, misbehave('close_channel', { kind: 'protocol' }, { kind: 'exit', number: 0 })],
  [1, misbehave('garbage', { kind: 'protocol' })],
  [1, () => ({ ...probe('aprobe.run', { do: 'sleep', ms: 20_000 }, { may: ['deadline'] }),
    settings: { timeout_ms: 60, max_attempts: 2 } })],
  [6, artifacts],
  [5, echo],
  [4, image],
  [7, child],
  [4, (random) => noop({ settings: { run_at: soon(random, 400) } })],
  [3, (random) => ({ ...sleeper(random, 'safe'), expires: true,
    settings: { expires_at: soon(random, 300), queue: 'narrow' } })],
];

/** A new plan. Every body carries its key as a label: so that two jobs of one key can be told. */
export function makePlan(random, ledger, key) {
  const plan = random.weighted(KINDS)(random, ledger);
  plan.body = {
    ...plan.body,
    queue: random.weighted([[6, 'default'], [2, 'narrow'], [1, 'toggled'], [1, 'other']]),
    labels: { key },
    ...(random.chance(0.3) ? { priority: random.int(-3, 3) } : {}),
    // With a single attempt, one that was charged wrongly shows at once.
    ...(random.chance(0.3) ? { max_attempts: 1 } : {}),
    ...plan.settings,
  };
  return plan;
}
