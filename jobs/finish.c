#include "base/clock.h"
#include "jobs/engine.h"

/* The end of an attempt: what its record says, what becomes of the job, and the way to the store.
 */

#define CRASHES_JSON_MAX ((size_t)16 * 1024)

static const int default_codes[ATTEMPT_OUTCOME_COUNT] = {
    [ATTEMPT_FAILED] = HUB_ERR_CONNECTOR_FAILED,    [ATTEMPT_RETRY] = HUB_ERR_TRANSIENT,
    [ATTEMPT_UNKNOWN] = HUB_ERR_OUTCOME_UNKNOWN,    [ATTEMPT_CRASHED] = HUB_ERR_RUNNER_CRASHED,
    [ATTEMPT_DEADLINE] = HUB_ERR_DEADLINE_EXCEEDED, [ATTEMPT_CANCELLED] = HUB_ERR_CANCELLED,
    [ATTEMPT_RELEASED] = HUB_ERR_INTERRUPTED,
};

static int crash_code(struct str cause)
{
    if (str_eq(cause, STR("exit"))) {
        return HUB_ERR_RUNNER_EXITED;
    }
    return str_eq(cause, STR("protocol")) ? HUB_ERR_PROTOCOL : HUB_ERR_RUNNER_CRASHED;
}

/* Copies into the operation's arena. What does not fit is left out, and false returned. */
static bool keep_text(struct store_op *op, struct str text, struct str *ret_copy)
{
    if (text.len == 0) {
        return true;
    }
    struct str copy = arena_str(&op->arena, text);
    if (!copy.ptr) {
        return false;
    }
    *ret_copy = copy;
    return true;
}

static void write_record(struct jobs *self, const struct attempt *attempt,
                         const struct jobs_outcome *outcome)
{
    struct store_op *op = attempt->end;
    struct attempt_record *record = &op->job_move.attempt;
    int code = outcome->outcome == ATTEMPT_CRASHED ? crash_code(outcome->cause)
                                                   : default_codes[outcome->outcome];

    op->job_move.has_attempt = true;
    *record = (struct attempt_record){
        .number = attempt->number,
        .started_at = attempt->started_at,
        .finished_at = self->now,
        .outcome = outcome->outcome,
        .cause_number = outcome->cause_number,
        .pid = outcome->pid,
    };
    if (code != 0) {
        record->code = str_from_c(hub_err_code(code));
        record->message = str_from_c(hub_err_title(code));
        (void)keep_text(op, outcome->code, &record->code);
        (void)keep_text(op, outcome->message, &record->message);
    }
    (void)keep_text(op, outcome->cause, &record->cause);
    (void)keep_text(op, outcome->connector_version, &record->connector_version);
}

static void write_error(struct store_job_move *move, int err)
{
    move->error_code = str_from_c(hub_err_code(err));
    move->error_message = str_from_c(hub_err_title(err));
}

/* The attempt's own code and words become the job's. */
static void write_attempt_error(struct store_op *op, const struct jobs_outcome *outcome)
{
    struct store_job_move *move = &op->job_move;

    move->error_code = move->attempt.code;
    move->error_message = move->attempt.message;
    (void)keep_text(op, outcome->details, &move->error_details);
}

static bool keep_artifacts(struct jobs *self, const struct job *job, struct store_op *op,
                           const struct jobs_outcome *outcome)
{
    unsigned count = outcome->artifact_count;
    if (count == 0) {
        return true;
    }
    struct artifact_record *artifacts = arena_alloc(&op->arena, count * sizeof *artifacts);
    struct blob_pending *blobs = arena_memdup(&op->arena, outcome->blobs, count * sizeof *blobs);
    if (!artifacts || !blobs) {
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        struct artifact_record *artifact = &artifacts[i];
        *artifact = outcome->artifacts[i];
        artifact->id = id_next(&self->ids, self->now);
        artifact->job = job->id;
        artifact->created_at = self->now;
        char *hex = arena_alloc(&op->arena, SHA256_HEX_LEN + 1);
        if (!hex || !keep_text(op, artifact->name, &artifact->name) ||
            !keep_text(op, artifact->media_type, &artifact->media_type)) {
            return false;
        }
        sha256_hex(&blobs[i].digest, hex);
        artifact->sha256 = str_of(hex, SHA256_HEX_LEN);
        artifact->size = blobs[i].size;
    }
    op->job_move.artifacts = artifacts;
    op->job_move.blobs = blobs;
    op->job_move.artifact_count = count;
    return true;
}

/* --- What becomes of the job: one function for each verdict, which fills the move
 * ---------------*/

typedef enum job_state decide_fn(struct jobs *self, struct job *job, struct store_op *op,
                                 const struct jobs_outcome *outcome);

static enum job_state decide_fail(struct jobs *self, struct job *job, struct store_op *op,
                                  const struct jobs_outcome *outcome)
{
    (void)self;
    (void)job;
    write_attempt_error(op, outcome);
    return JOB_FAILED;
}

static enum job_state decide_succeed(struct jobs *self, struct job *job, struct store_op *op,
                                     const struct jobs_outcome *outcome)
{
    struct store_job_move *move = &op->job_move;

    if (keep_text(op, outcome->result, &move->result) && keep_artifacts(self, job, op, outcome)) {
        return JOB_SUCCEEDED;
    }
    /* It was done, but what came of it could not be held on to. */
    move->result = (struct str){0};
    move->attempt.outcome = ATTEMPT_FAILED;
    move->attempt.code = str_from_c(hub_err_code(HUB_ERR_NOMEM));
    move->attempt.message = str_from_c(hub_err_title(HUB_ERR_NOMEM));
    finish_discard(self, outcome->blobs, outcome->artifact_count);
    return decide_fail(self, job, op, outcome);
}

static enum job_state decide_unknown(struct jobs *self, struct job *job, struct store_op *op,
                                     const struct jobs_outcome *outcome);

/* Was it killed in the midst of what nobody will repeat with its key any more? Then "failed" would
 * be a guess. */
static bool ends_in_doubt(const struct job *job, const struct jobs_outcome *outcome)
{
    bool killed = outcome->outcome == ATTEMPT_CRASHED || outcome->outcome == ATTEMPT_DEADLINE;
    return killed && !outcome->untouched && job->safety == JOB_SAFE_WITH_KEY;
}

static enum job_state back_off(struct jobs *self, const struct job *job, struct store_op *op,
                               const struct jobs_outcome *outcome)
{
    uint64_t random = retry_random(&self->jitter);
    uint64_t delay = job_used_up(job)
                         ? settle_delay_ms(&self->policy, job->charged, outcome->delay_ms, random)
                         : retry_delay_ms(&self->policy, job->charged, outcome->delay_ms, random);

    op->job_move.error_retryable = true;
    op->job_move.run_at = self->now + (int64_t)delay;
    self->stats.retried++;
    return JOB_SCHEDULED;
}

static bool type_settles(const struct jobs *self, const struct job *job)
{
    return self->hooks.settles && self->hooks.settles(self->context, self->types[job->type]->name);
}

bool job_in_doubt(const struct jobs *self, const struct job *job)
{
    return job->number > 0 && type_settles(self, job);
}

/* May another attempt find out what has become of a job that is used up? */
static bool can_settle(struct jobs *self, const struct job *job)
{
    return !(job->flags & JOB_FLAG_CANCELLING) && job->charged < UINT8_MAX &&
           job->charged < job->max_attempts + JOB_SETTLES_MAX &&
           job->crashes < JOB_CRASHES_MAX + JOB_SETTLES_MAX && type_settles(self, job);
}

static enum job_state decide_retry(struct jobs *self, struct job *job, struct store_op *op,
                                   const struct jobs_outcome *outcome)
{
    struct store_job_move *move = &op->job_move;
    bool in_doubt = job_attempt(job)->settles || ends_in_doubt(job, outcome);

    if (job_used_up(job) && in_doubt && !can_settle(self, job)) {
        return decide_unknown(self, job, op, outcome);
    }
    write_attempt_error(op, outcome);
    if (in_doubt || !job_used_up(job)) {
        return back_off(self, job, op, outcome);
    }
    if (job->crashes >= JOB_CRASHES_MAX) {
        write_error(move, HUB_ERR_RUNNER_CRASHED);
        move->error_message = STR("The connector's process died in too many attempts");
    } else {
        move->error_retryable = true;
    }
    return JOB_FAILED;
}

static enum job_state decide_release(struct jobs *self, struct job *job, struct store_op *op,
                                     const struct jobs_outcome *outcome)
{
    self->stats.released++;
    if (outcome->delay_ms > 0 && !self->draining) {
        op->job_move.run_at = self->now + (int64_t)outcome->delay_ms;
        return JOB_SCHEDULED;
    }
    if (job->releases < UINT8_MAX) {
        job->releases++;
    }
    /* A runner that never gets to this job must not keep hubd busy. At the end of hubd it is no
     * sign of trouble. */
    if (job->releases <= RELEASES_FREE || self->draining) {
        return JOB_QUEUED;
    }
    op->job_move.run_at =
        self->now + (int64_t)retry_delay_ms(&self->policy, job->releases - RELEASES_FREE, 0,
                                            retry_random(&self->jitter));
    return JOB_SCHEDULED;
}

static enum job_state decide_unknown(struct jobs *self, struct job *job, struct store_op *op,
                                     const struct jobs_outcome *outcome)
{
    bool told = outcome->outcome == ATTEMPT_UNKNOWN || outcome->outcome == ATTEMPT_RETRY;

    write_attempt_error(op, outcome);
    if (told && job_used_up(job) && !job_attempt(job)->settles && can_settle(self, job)) {
        return back_off(self, job, op, outcome);
    }
    if (!told) {
        write_error(&op->job_move, HUB_ERR_OUTCOME_UNKNOWN);
    }
    return JOB_UNKNOWN;
}

/* That this attempt is cancelled says nothing of those before; nor does "try again" of this one. */
static enum job_state decide_cancel(struct jobs *self, struct job *job, struct store_op *op,
                                    const struct jobs_outcome *outcome)
{
    bool first = job->number == 1 && outcome->outcome != ATTEMPT_RETRY;
    bool in_doubt = !first && job_in_doubt(self, job);

    write_error(&op->job_move, in_doubt ? HUB_ERR_OUTCOME_UNKNOWN : HUB_ERR_CANCELLED);
    return in_doubt ? JOB_UNKNOWN : JOB_CANCELLED;
}

static decide_fn *const decide[] = {
    [VERDICT_SUCCEED] = decide_succeed, [VERDICT_FAIL] = decide_fail,
    [VERDICT_RETRY] = decide_retry,     [VERDICT_RELEASE] = decide_release,
    [VERDICT_UNKNOWN] = decide_unknown, [VERDICT_CANCEL] = decide_cancel,
};

/* --- The way to the store ----------------------------------------------------------------------*/

static void submit_end(struct jobs *self, struct attempt *attempt)
{
    struct store_op *op = attempt->end;

    if (attempt->start == START_WRITING) {
        attempt->end_ready = true;
        return;
    }
    attempt->end = NULL;
    attempt->end_bytes = op->arena.used;
    self->endings++;
    self->ending_bytes += attempt->end_bytes;
    op->job_move.from_unstarted = attempt->start == START_UNWRITTEN;
    errand_of(op)->attempt = attempt;
    errand_of(op)->must = true;
    move_job(self, attempt->job, op->job_move.to, op);
}

void finish_after_start(struct jobs *self, struct attempt *attempt)
{
    if (attempt->end_ready) {
        attempt->end_ready = false;
        submit_end(self, attempt);
    }
}

static void append_crash(struct buf *json, const struct attempt_record *record)
{
    buf_append_format(json, "{\"attempt\":%u,\"cause\":", record->number);
    buf_append_json_string(json, record->cause);
    buf_append_format(json, ",\"number\":%d,\"at\":", record->cause_number);
    clock_append_json(json, record->finished_at);
    buf_append_char(json, '}');
}

/* `past` may be NULL: the attempts on record could not be read. */
static void write_crashes(struct store_op *op, const struct job_record *past)
{
    struct store_job_move *move = &op->job_move;
    struct buf json;

    buf_init(&json, CRASHES_JSON_MAX);
    buf_append_c(&json, "{\"crashes\":[");
    for (unsigned i = 0; past && i < past->attempt_count; i++) {
        const struct attempt_record *record = &past->attempts[i];
        if (record->outcome == ATTEMPT_CRASHED && record->number < move->attempt.number) {
            append_crash(&json, record);
            buf_append_char(&json, ',');
        }
    }
    append_crash(&json, &move->attempt);
    buf_append_c(&json, "]}");
    if (!buf_failed(&json)) {
        (void)keep_text(op, buf_view(&json), &move->error_details);
    }
    buf_release(&json);
}

static void on_past(struct jobs *self, struct errand *errand)
{
    struct attempt *attempt = errand->attempt;

    write_crashes(attempt->end, errand->op->err == 0 ? &errand->op->job_get.ret_job : NULL);
    submit_end(self, attempt);
}

/* A job that is given up for its crashes lists them all; the earlier ones are on record only. */
static void submit_given_up(struct jobs *self, struct attempt *attempt)
{
    struct store_op *op = errand_new(self, STORE_JOB_GET, on_past);
    if (!op) {
        write_crashes(attempt->end, NULL);
        submit_end(self, attempt);
        return;
    }
    op->job_get.id = attempt->job->id;
    errand_of(op)->attempt = attempt;
    errand_submit(self, op);
}

void finish_attempt(struct jobs *self, struct attempt *attempt, const struct jobs_outcome *outcome,
                    enum verdict verdict)
{
    struct job *job = attempt->job;
    struct store_op *op = attempt->end;
    struct store_job_move *move = &op->job_move;

    attempt->phase = PHASE_ENDING;
    list_remove(&attempt->unwritten);
    move->crash = outcome->outcome == ATTEMPT_CRASHED;
    move->charge = verdict != VERDICT_RELEASE && outcome->outcome != ATTEMPT_RELEASED;
    job->crashes += move->crash;
    job->charged += move->charge;
    if (move->charge) {
        job->releases = 0;
    }
    move->untouched = outcome->untouched;
    self->stats.crashed += move->crash;
    account_ended(self, attempt, outcome);
    write_record(self, attempt, outcome);
    move->to = decide[verdict](self, job, op, outcome);
    if (verdict != VERDICT_SUCCEED) {
        finish_discard(self, outcome->blobs, outcome->artifact_count);
    }
    if (move->to == JOB_FAILED && move->crash && job->crashes >= JOB_CRASHES_MAX) {
        submit_given_up(self, attempt);
    } else {
        submit_end(self, attempt);
    }
}

/* --- What an earlier life left -----------------------------------------------------------------*/

int finish_lost(struct jobs *self, struct job *job, int64_t started_at)
{
    struct store_op *op = move_new(self);
    if (!op) {
        return HUB_ERR_NOMEM;
    }
    struct store_job_move *move = &op->job_move;
    bool unknown = verdict_of(ATTEMPT_RELEASED, job->safety, false) == VERDICT_UNKNOWN;

    move->has_attempt = true;
    move->attempt = (struct attempt_record){
        .number = job->number,
        .started_at = started_at,
        .finished_at = self->now,
        .outcome = ATTEMPT_RELEASED,
        .code = str_from_c(hub_err_code(HUB_ERR_INTERRUPTED)),
        .message = str_from_c(hub_err_title(HUB_ERR_INTERRUPTED)),
    };
    if (unknown) {
        write_error(move, HUB_ERR_OUTCOME_UNKNOWN);
    }
    self->stats.released++;
    errand_of(op)->must = true;
    move_job(self, job, unknown ? JOB_UNKNOWN : JOB_QUEUED, op);
    return 0;
}

/* --- Blobs that nobody will name ---------------------------------------------------------------*/

static void on_discarded(struct jobs *self, struct errand *errand)
{
    (void)self;
    (void)errand;
}

void finish_discard(struct jobs *self, const struct blob_pending *blobs, unsigned count)
{
    if (count == 0) {
        return;
    }
    struct store_op *op = errand_new(self, STORE_BLOB_DISCARD, on_discarded);
    if (!op) {
        return; /* the next start of hubd empties the folder of temporary files */
    }
    op->blob_discard.blobs = arena_memdup(&op->arena, blobs, count * sizeof *blobs);
    op->blob_discard.count = op->blob_discard.blobs ? count : 0;
    errand_submit(self, op);
}
