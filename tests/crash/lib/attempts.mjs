// What the attempts of a job must add up to: the rules of DESIGN §4, written a second time.

const CRASHES_MAX = 3;
export const TERMINAL = new Set(['succeeded', 'failed', 'cancelled', 'unknown']);
const ENDS_AT_ONCE = { succeeded: 'succeeded', failed: 'failed', unknown: 'unknown' };
/** Nobody knows how far these came. */
const IN_DOUBT = new Set(['crashed', 'deadline', 'cancelled', 'released']);

/** Was this attempt's death of the campaign's making, or of the connector's own? */
function crashIsKnown(attempt, plan, kills) {
  const { kind, number } = attempt.cause ?? {};
  const own = plan.crash ?? [];
  if (own.some((one) => kind === one.kind && number === (one.number ?? number))) return true;
  return kind === 'signal' && kills.get(attempt.runner_pid)?.has(number) === true;
}

/** Numbered without gaps or doubles, each ended, none begun before the last one's end. */
export function checkNumbers(job, report) {
  let last = null;
  job.attempts.forEach((attempt, index) => {
    if (attempt.number !== index + 1) {
      report('attempt_numbers', `attempt ${index + 1} has the number ${attempt.number}`);
    }
    if (attempt.finished_at === null || attempt.outcome === null) {
      report('attempt_open', `attempt ${attempt.number} of a finished job has not ended`);
    } else if (attempt.started_at > attempt.finished_at) {
      report('attempt_times', `attempt ${attempt.number} ended before it began`);
    }
    if (last !== null && attempt.started_at < last.finished_at) {
      report('attempts_overlap', `${attempt.number} began at ${attempt.started_at}, `
        + `${last.number} ended at ${last.finished_at}`);
    }
    last = attempt;
  });
  if (job.attempt !== job.attempts.length) {
    report('attempt_numbers', `attempt is ${job.attempt}, of ${job.attempts.length} on record`);
  }
}

export function checkOutcomes(job, entry, kills, report) {
  for (const attempt of job.attempts) {
    const { outcome } = attempt;
    const fine = outcome === 'released' || entry.plan.may.includes(outcome)
      || (outcome === 'crashed' && crashIsKnown(attempt, entry.plan, kills))
      || (outcome === 'cancelled' && entry.cancel !== 'none')
      // A connector that stops on request may say that it failed.
      || (outcome === 'failed' && entry.cancel !== 'none');
    if (!fine) {
      report('attempt_outcome', `attempt ${attempt.number}: ${outcome} `
        + `${JSON.stringify(attempt.cause)} in ${attempt.runner_pid}`);
    }
  }
}

/** What an attempt makes of its job: a terminal state, or null: it goes on. */
function verdict(attempt, safety, charged, crashes, maxAttempts) {
  const { outcome } = attempt;
  if (ENDS_AT_ONCE[outcome]) return ENDS_AT_ONCE[outcome];
  if (safety === 'never' && IN_DOUBT.has(outcome)) return 'unknown';
  if (outcome === 'released' || outcome === 'cancelled') return null;
  if (charged < maxAttempts && crashes < CRASHES_MAX) return null;
  const killed = outcome === 'crashed' || outcome === 'deadline';
  return safety === 'key' && killed ? 'unknown' : 'failed';
}

/**
 * On record, but given back by the same hubd before a runner had it: then it may run, even if it
 * may run but once. A later life can't know that.
 */
function neverRan(attempt, lives) {
  if (attempt.outcome !== 'released' || attempt.runner_pid !== null) return false;
  const [from, to] = [Date.parse(attempt.started_at), Date.parse(attempt.finished_at)];
  return !lives.some(({ at }) => at > from && at <= to);
}

/** The terminal state that follows from the attempts: released ones are not charged. */
function replay(job, entry, lives) {
  let charged = 0;
  let crashes = 0;
  let state = null;
  let again = 0;
  for (const [index, attempt] of job.attempts.entries()) {
    if (index + 1 < job.attempts.length && neverRan(attempt, lives)) continue;
    if (state !== null) [again, charged, crashes] = [again + 1, 0, 0]; // retried by hand
    charged += attempt.outcome === 'released' ? 0 : 1;
    crashes += attempt.outcome === 'crashed' ? 1 : 0;
    state = verdict(attempt, entry.plan.safety, charged, crashes, job.max_attempts);
  }
  return { state, again };
}

/** Does the job's state follow from its attempts and from what was asked for? */
export function checkEnd(job, entry, lives, report) {
  const { state, again } = replay(job, entry, lives);
  if (again > entry.retries.asked) {
    report('went_on', `${again} attempts after an end, ${entry.retries.asked} retries by hand`);
  }
  if (job.state === state || !TERMINAL.has(job.state)) return; // unfinished: told elsewhere
  const code = job.error?.code;
  const doubt = entry.plan.safety !== 'safe' && IN_DOUBT.has(job.attempts.at(-1)?.outcome);
  const asked = entry.cancel !== 'none' && state !== 'succeeded'
    && (job.state === 'cancelled' || (job.state === 'unknown' && doubt));
  const expired = job.state === 'failed' && code === 'expired' && entry.plan.expires;
  const orphaned = job.state === 'failed' && code === 'dependency_failed'
    && entry.plan.body.after !== undefined && (state === null || again < entry.retries.asked);
  if (!asked && !(state === null && expired) && !orphaned) {
    report('end', `${job.state} (${code ?? 'no error'}), but its attempts say ${state}`);
  }
}

/** A result comes from the attempt that is on record as the one that made it. */
export function checkResult(job, entry, report) {
  if (job.state !== 'succeeded') {
    if (job.artifacts.length > 0) report('outputs', `${job.state} with artifacts`);
    return;
  }
  const last = job.attempts.at(-1);
  if (entry.plan.result === 'probe'
    && (job.result?.attempt !== last?.number || job.result?.pid !== last?.runner_pid)) {
    report('fence', `the result is of attempt ${job.result?.attempt} in ${job.result?.pid}, `
      + `the record of ${last?.number} in ${last?.runner_pid}`);
  }
}

/** Of each queue with a limit that never changed: never more attempts at a time. */
export function checkConcurrency(jobs, queue, limit, report) {
  const steps = [];
  for (const job of jobs) {
    if (job.queue !== queue) continue;
    for (const attempt of job.attempts) {
      steps.push([Date.parse(attempt.started_at), 1], [Date.parse(attempt.finished_at), -1]);
    }
  }
  steps.sort(([a, up], [b, down]) => a - b || up - down);
  let running = 0;
  let most = 0;
  for (const [, step] of steps) {
    running += step;
    most = Math.max(most, running);
  }
  if (most > limit) report('concurrency', `${most} attempts at once in ${queue}, limit ${limit}`);
}
