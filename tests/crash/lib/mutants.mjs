// Shows that the checker bites: what was seen is doctored in one place, and the check must say so.

/** A copy of what was seen in which one job is another. */
function withJob(seen, id, change) {
  const job = structuredClone(seen.jobs.get(id));
  change(job);
  return { ...seen, jobs: new Map(seen.jobs).set(id, job) };
}

const find = (seen, wanted) => [...seen.jobs.values()].find((job) => !job.missing && wanted(job));
const without = (list, at) => [...list.slice(0, at), ...list.slice(at + 1)];

/** [what is doctored, the rule that must speak, (ledger, seen) → seen; null: nothing to doctor] */
const MUTANTS = [
  ['an acknowledged job is not found', 'job_lost', (ledger, seen) => {
    const entry = ledger.accepted.find((one) => one.deleted === 'none');
    return { ...seen, jobs: new Map(seen.jobs).set(entry.id, { missing: 404 }) };
  }],
  ['a list leaves a job out', 'list', (ledger, seen) =>
    ({ ...seen, listed: without(seen.listed, seen.listed.length >> 1) })],
  ['a list has a job twice', 'list', (ledger, seen) =>
    ({ ...seen, listed: [...seen.listed, seen.listed[0]] })],
  ['a key made two jobs', 'one_job_per_key', (ledger, seen) =>
    ({ ...seen, listed: [...seen.listed, { ...seen.listed[0], id: 'another' }] })],
  ['a job has not ended', 'stuck', (ledger, seen) => withJob(seen,
    find(seen, (job) => job.state === 'succeeded').id, (job) => { job.state = 'running'; })],
  ['a job ended twice', 'ends', (ledger, seen) => {
    const last = seen.events.at(-1);
    const seq = last.seq + 1;
    return { ...seen, events: [...seen.events, { ...last, seq, sse: seq }] };
  }],
  ['an end is missing', 'ends', (ledger, seen) => ({ ...seen, events: seen.events.slice(0, -1) })],
  ['a job went on after its end', 'move', (ledger, seen) => {
    const last = seen.events.findLast((event) => event.state === 'succeeded');
    const seq = seen.events.at(-1).seq + 1;
    return { ...seen, events: [...seen.events, { ...last, seq, sse: seq, state: 'queued' }] };
  }],
  ['a follower missed an event', 'event_missing', (ledger, seen) =>
    ({ ...seen, events: without(seen.events, seen.events.length >> 1) })],
  ['the outbox lost an event', 'event_lost', (ledger, seen) =>
    ({ ...seen, outbox: without(seen.outbox, seen.outbox.length >> 1) })],
  ['a gap in the attempts', 'attempt_numbers', (ledger, seen) => withJob(seen,
    find(seen, (job) => job.attempts.length > 1).id, (job) => { job.attempts.shift(); })],
  ['an attempt twice', 'attempt_numbers', (ledger, seen) => withJob(seen,
    find(seen, (job) => job.attempts.length > 0).id,
    (job) => { job.attempts.push({ ...job.attempts[0] }); })],
  ['two attempts at a time', 'attempts_overlap', (ledger, seen) => withJob(seen,
    find(seen, (job) => job.attempts.length > 1).id,
    (job) => { job.attempts[1].started_at = '2000-01-01T00:00:00.000Z'; })],
  ['the death of hubd is charged', 'attempt_outcome', (ledger, seen) => {
    const job = find(seen, (one) => one.attempts.some(({ outcome }) => outcome === 'released'));
    return job ? withJob(seen, job.id, (one) => {
      const attempt = one.attempts.find(({ outcome }) => outcome === 'released');
      Object.assign(attempt, { outcome: 'crashed', cause: { kind: 'signal', number: 9 } });
    }) : null;
  }],
  ['a job failed of a released attempt', 'end', (ledger, seen) => {
    const job = find(seen, (one) => one.attempts.at(-2)?.outcome === 'released'
      && one.state === 'succeeded');
    return job ? withJob(seen, job.id, (one) => {
      one.attempts.pop();
      Object.assign(one,
        { state: 'failed', attempt: one.attempt - 1, error: { code: 'interrupted' } });
    }) : null;
  }],
  ['an interrupted job of the kind that never runs twice ran twice', 'went_on', (ledger, seen) => {
    const job = find(seen, (one) => one.state === 'unknown' && one.attempts.length === 1
      && one.attempts[0].outcome === 'released' && ledger.byId.get(one.id)?.retries.asked === 0);
    return job ? withJob(seen, job.id, (one) => {
      one.attempts[0].runner_pid = 1; // it was in a runner
      one.attempts.push({ ...one.attempts[0], number: 2, outcome: 'succeeded' });
      Object.assign(one, { state: 'succeeded', attempt: 2 });
    }) : null;
  }],
  ['a result of an earlier attempt', 'fence', (ledger, seen) => withJob(seen,
    find(seen, (job) => job.state === 'succeeded'
      && ledger.byId.get(job.id)?.plan.result === 'probe').id,
    (job) => { job.result.attempt++; })],
  ['an artifact has other bytes', 'artifact_content', (ledger, seen) => {
    const [id] = [...seen.artifacts].find(([, artifact]) => artifact.status === 200);
    return { ...seen, artifacts: new Map(seen.artifacts)
      .set(id, { ...seen.artifacts.get(id), sha256: 'other' }) };
  }],
  ['an artifact is gone', 'artifact_lost', (ledger, seen) => {
    const { id } = [...ledger.artifacts.values()].find((one) => one.deleted === 'none');
    return { ...seen, artifacts: new Map(seen.artifacts).set(id, { status: 404 }) };
  }],
  ['an output is missing', 'outputs', (ledger, seen) => withJob(seen,
    find(seen, (job) => job.artifacts.length > 0).id, (job) => { job.artifacts.pop(); })],
  ['a kept value is gone', 'kept_lost', (ledger, seen) => ledger.kept.size > 0
    ? { ...seen, kept: new Set([...seen.kept].slice(1)) } : null],
  ['an attempt did not find what an earlier one kept', 'kept_lost', (ledger, seen) => {
    const found = [...ledger.kept.values()].find(({ entry, attempt }) =>
      seen.jobs.get(entry.id)?.result?.attempt > attempt);
    return found ? withJob(seen, found.entry.id, (job) => { job.result.answers[0].values = []; })
      : null;
  }],
  ['the ledger lost entries', 'booked_lost', (ledger, seen) => {
    const entries = seen.books.entries.filter(({ body }) =>
      !ledger.kept.has(JSON.parse(body).key));
    return ledger.kept.size > 0 ? { ...seen, books: { ...seen.books, entries } } : null;
  }],
  ['an entry of the ledger was changed', 'chain', (ledger, seen) =>
    (seen.books.entries.length > 0 ? { ...seen, books: { ...seen.books,
      entries: seen.books.entries.with(0, { ...seen.books.entries[0], attempt: 99 }) } } : null)],
  ['a file is left over', 'temporary', (ledger, seen) => ({ ...seen, temporary: ['x'] })],
  ['a blob is missing', 'blob_missing', (ledger, seen) =>
    ({ ...seen, disk: { ...seen.disk, found: seen.disk.found.slice(1) } })],
  ['a blob is left over', 'blob_left', (ledger, seen) =>
    ({ ...seen, disk: { ...seen.disk, expected: seen.disk.expected.slice(1) } })],
  ['a count is off', 'counts', (ledger, seen) => ({ ...seen, disk: { ...seen.disk,
    states: seen.disk.states.map(([state, count]) => [state, count + 1]) } })],
  ['a queue forgot its settings', 'queue', (ledger, seen) => ({ ...seen,
    queues: seen.queues.map((queue) => ({ ...queue, concurrency: 77 })) })],
];

/** → {tried, missed: [name]}: mutants that the check did not tell by their rule. */
export function tryMutants(ledger, seen, check) {
  const missed = [];
  let tried = 0;
  for (const [name, rule, doctor] of MUTANTS) {
    const doctored = doctor(ledger, seen);
    if (doctored === null) continue; // the campaign was too short to have such a job
    tried++;
    if (!check(ledger, doctored).some((violation) => violation.rule === rule)) missed.push(name);
  }
  return { tried, missed };
}
