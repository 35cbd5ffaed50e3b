#include "jobs/sqlite/lite.h"

#include <assert.h>

static_assert(JOB_RUNNING == 3 && JOB_SUCCEEDED == 4, "statements.h and lite_terminal() say so");

/* --- Finding and telling -----------------------------------------------------------------------*/

static int read_known(struct lite_call *call, struct arena *arena, struct lite_job *ret_job)
{
    bool ok = true;
    int found = lite_step(call);

    if (found > 0) {
        ret_job->seq = lite_int(call);
        ret_job->id = lite_id(call);
        ret_job->state = (enum job_state)lite_int(call);
        ret_job->attempt = (uint32_t)lite_int(call);
        ret_job->charged = (uint32_t)lite_int(call);
        ret_job->crashes = (uint32_t)lite_int(call);
        ret_job->run_at = lite_int(call);
        ret_job->expires_at = lite_int(call);
        ret_job->retention_ms = lite_int(call);
        ret_job->type = lite_copy(call, arena, &ok);
        ret_job->queue = lite_copy(call, arena, &ok);
        ret_job->account = lite_copy(call, arena, &ok);
        ret_job->has_files = lite_int(call) != 0;
        ret_job->has_callback = lite_int(call) != 0;
        ret_job->has_row = lite_int(call) != 0;
        ret_job->has_attempt = lite_int(call) != 0;
        ret_job->has_link = lite_int(call) != 0;
    }
    lite_end(call);
    return ok ? found : HUB_ERR_NOMEM;
}

int lite_job_find(struct lite *self, const struct id *id, struct arena *arena,
                  struct lite_job *ret_job)
{
    struct lite_call call = lite_call(&self->writer, LITE_JOB_FIND);

    lite_bind_id(&call, id);
    return read_known(&call, arena, ret_job);
}

int lite_job_find_seq(struct lite *self, int64_t seq, struct arena *arena, struct lite_job *ret_job)
{
    struct lite_call call = lite_call(&self->writer, LITE_JOB_FIND_SEQ);

    lite_bind_int(&call, seq);
    return read_known(&call, arena, ret_job);
}

static int count_change(struct lite *self, const struct lite_job *job, enum job_state from,
                        int64_t at)
{
    bool ends = lite_terminal(job->state) && (from == LITE_NO_STATE || !lite_terminal(from));
    int err = lite_batches_note(self, job->seq, from, job->state);

    if (err == 0 && ends) {
        err = lite_flows_note(self, job->seq);
    }
    if (err == 0 && ends && job->has_callback) {
        err = lite_callback_add(self, job->seq, job->state, at);
    }
    return err < 0 ? err
                   : lite_tally_note(&self->tally, &self->writer, self->events.last, job->seq,
                                     job->queue, from, job->state, at + job->retention_ms);
}

int lite_job_changed(struct lite *self, const struct lite_job *job, enum job_state from, int64_t at,
                     uint64_t *ret_event_seq)
{
    int err = count_change(self, job, from, at);

    if (err < 0) {
        return err;
    }
    struct store_event event = {
        .job = job->id,
        .state = job->state,
        .attempt = job->attempt,
        .at = at,
        .type = job->type,
        .queue = job->queue,
    };
    err = lite_events_add(&self->events, &self->writer, &event);
    if (err == 0) {
        *ret_event_seq = event.seq;
    }
    return err;
}

/* --- What becomes of a job ---------------------------------------------------------------------*/

static void bind_state(struct lite_call *call, const struct lite_job *job, int64_t at)
{
    lite_bind_int(call, job->seq);
    lite_bind_int(call, job->state);
    lite_bind_int(call, job->attempt);
    lite_bind_int(call, job->charged);
    lite_bind_int(call, job->crashes);
    lite_bind_int(call, job->run_at);
    lite_bind_int(call, job->expires_at);
    lite_bind_int(call, lite_terminal(job->state) ? at : 0);
}

static void bind_attempt(struct lite_call *call, const struct attempt_record *attempt,
                         bool has_attempt)
{
    lite_bind_int(call, attempt->started_at);
    lite_bind_int(call, attempt->finished_at);
    if (has_attempt) {
        lite_bind_int(call, attempt->outcome);
    } else {
        lite_bind_null(call);
    }
    lite_bind_str(call, attempt->code);
    lite_bind_str(call, attempt->message);
    lite_bind_str(call, attempt->cause);
    lite_bind_int(call, attempt->cause_number);
    lite_bind_int(call, attempt->pid);
    lite_bind_str(call, attempt->connector_version);
}

static void bind_outcome(struct lite_call *call, const struct store_job_move *move)
{
    lite_bind_str(call, move->error_code);
    lite_bind_str(call, move->error_message);
    lite_bind_str(call, move->error_details);
    lite_bind_int(call, move->error_retryable);
    lite_bind_str(call, move->result);
}

/* Whether error and result are those of the move, rather than what they were. */
static bool has_outcome(const struct store_job_move *move)
{
    return lite_terminal(move->to) || move->reset || move->error_code.len > 0;
}

static int put_row(struct lite *self, const struct lite_job *job, const struct store_job_move *move)
{
    struct lite_call call = lite_call(&self->writer, LITE_NOW_PUT);

    bind_state(&call, job, move->at);
    bind_attempt(&call, &move->attempt, move->has_attempt);
    bind_outcome(&call, move);
    return lite_run(&call);
}

static int update_row(struct lite *self, const struct lite_job *job,
                      const struct store_job_move *move)
{
    struct lite_call call = lite_call(&self->writer, LITE_NOW_SET_STATE);

    bind_state(&call, job, move->at);
    int err = lite_run(&call);
    if (err == 0 && move->has_attempt) {
        call = lite_call(&self->writer, LITE_NOW_SET_ATTEMPT);
        lite_bind_int(&call, job->seq);
        bind_attempt(&call, &move->attempt, true);
        err = lite_run(&call);
    }
    if (err == 0 && has_outcome(move)) {
        call = lite_call(&self->writer, LITE_NOW_SET_OUTCOME);
        lite_bind_int(&call, job->seq);
        bind_outcome(&call, move);
        err = lite_run(&call);
    }
    return err;
}

/* Keeps the attempt that the row holds, since another one takes its place. */
static int archive_attempt(struct lite *self, int64_t seq, uint32_t number)
{
    struct lite_call call = lite_call(&self->writer, LITE_ATTEMPT_ARCHIVE);

    lite_bind_int(&call, lite_attempt_key(seq, number));
    lite_bind_int(&call, seq);
    return lite_run(&call);
}

int lite_job_write(struct lite *self, const struct lite_job *job, uint32_t attempt,
                   const struct store_job_move *move)
{
    int err = 0;

    if (move->has_attempt && job->has_attempt && attempt != move->attempt.number) {
        err = archive_attempt(self, job->seq, attempt);
    }
    if (err < 0) {
        return err;
    }
    bool all_given = move->has_attempt && has_outcome(move);
    return !job->has_row || all_given ? put_row(self, job, move) : update_row(self, job, move);
}

/* --- Insert ------------------------------------------------------------------------------------*/

/* Has the job what other jobs do not pay for? See job_link. */
static bool has_link(const struct job_record *job)
{
    return job->open || job->on_parent_failure != JOB_PARENT_FAIL || !id_is_zero(&job->flow) ||
           !id_is_zero(&job->item_of);
}

/* 1 if it was inserted, 0 if the id is known. */
static int insert_row(struct lite *self, const struct job_record *job, int64_t seq,
                      enum job_state state)
{
    struct lite_call call = lite_call(&self->writer, LITE_JOB_INSERT);

    lite_bind_int(&call, seq);
    lite_bind_id(&call, &job->id);
    lite_bind_int(&call, state);
    lite_bind_int(&call, job->created_at);
    lite_bind_int(&call, job->run_at);
    lite_bind_int(&call, job->expires_at);
    lite_bind_int(&call, job->retention_ms);
    lite_bind_int(&call, job->retry_safety);
    lite_bind_int(&call, job->priority);
    lite_bind_int(&call, job->timeout_ms);
    lite_bind_int(&call, job->max_attempts);
    lite_bind_text(&call, job->type);
    lite_bind_text(&call, job->queue);
    lite_bind_str(&call, job->account);
    lite_bind_str(&call, job->callback_url);
    lite_bind_str(&call, job->traceparent);
    lite_bind_str(&call, job->created_by);
    lite_bind_str(&call, job->labels);
    lite_bind_blob(&call, job->after, job->after_count * sizeof *job->after);
    lite_bind_blob(&call, job->files, job->file_count * sizeof *job->files);
    lite_bind_str(&call, job->input);
    lite_bind_int(&call, has_link(job));
    int err = lite_run(&call);
    return err < 0 ? err : lite_changes(&self->writer);
}

/* What becomes of the job because of those it waits for. */
static enum job_state settle(const struct job_record *job, const struct lite_parents *parents)
{
    if (job->after_count == 0) {
        return job->state;
    }
    if (parents->failed) {
        return job->on_parent_failure == JOB_PARENT_SKIP ? JOB_CANCELLED : JOB_FAILED;
    }
    if (parents->waiting_count > 0) {
        return JOB_BLOCKED;
    }
    return job->run_at > job->created_at ? JOB_SCHEDULED : JOB_QUEUED;
}

/* The rows that a new job needs beside its own. */
static int insert_links(struct lite *self, struct store_op *op, const struct lite_job *job,
                        const struct lite_parents *parents, const int64_t *files)
{
    const struct job_record *given = &op->job_insert.job;
    int err = 0;

    if (has_link(given)) {
        err = lite_link_insert(self, job->seq, given);
    }
    if (err == 0 && lite_terminal(job->state)) {
        const struct store_job_move move = lite_flow_verdict(
            &op->arena, given->on_parent_failure, &parents->failed_id, given->created_at);
        return lite_job_write(self, job, 0, &move);
    }
    if (err == 0 && job->state == JOB_BLOCKED) {
        err = lite_flow_wait(self, job->seq, given->on_parent_failure, parents);
    }
    if (err == 0 && given->file_count > 0) {
        err = lite_files_hold(self, job->seq, files, given->file_count);
    }
    return err;
}

static int insert_settled(struct lite *self, struct store_op *op, int64_t seq, enum job_state state,
                          const struct lite_parents *parents, const int64_t *files)
{
    const struct job_record *given = &op->job_insert.job;
    const struct lite_job job = {
        .seq = seq,
        .id = given->id,
        .state = state,
        .run_at = given->run_at,
        .expires_at = given->expires_at,
        .retention_ms = given->retention_ms,
        .type = given->type,
        .queue = given->queue,
        .has_callback = given->callback_url.len > 0,
    };
    int inserted = insert_row(self, given, seq, state);

    if (inserted < 0) {
        return inserted;
    }
    if (inserted == 0) {
        op->err = HUB_ERR_CONFLICT;
        op->job_insert.ret_existing = given->id;
        return 0;
    }
    int err = insert_links(self, op, &job, parents, files);
    if (err < 0) {
        return err;
    }
    if (op->job_insert.tick) {
        op->job_insert.tick->run.made = (struct work){WORK_JOB, given->id};
        err = lite_tick_write(self, op->job_insert.tick);
        if (err < 0) {
            return err;
        }
    }
    op->job_insert.ret_state = state;
    if (op->job_insert.unannounced) {
        return count_change(self, &job, LITE_NO_STATE, given->created_at);
    }
    return lite_job_changed(self, &job, LITE_NO_STATE, given->created_at, &op->event_seq);
}

int lite_job_insert_as(struct lite *self, struct store_op *op, int64_t seq)
{
    struct lite_parents parents;
    int64_t files[JOB_FILES_MAX];

    int err = lite_files_look(self, op, files);
    if (err == 0 && op->err == 0) {
        err = lite_flow_look(self, op, &parents);
    }
    if (err == 0 && op->err == 0 && op->job_insert.tick) {
        err = lite_tick_look(self, op, op->job_insert.tick);
    }
    if (err < 0 || op->err < 0) {
        return err;
    }
    enum job_state state = settle(&op->job_insert.job, &parents);
    return insert_settled(self, op, seq, state, &parents, files);
}

int lite_job_insert(struct lite *self, struct store_op *op)
{
    bool keyed = op->job_insert.idempotency.given;
    int64_t seq = ++self->last_job;
    int err = 0;

    if (op->job_insert.job.after_count > JOB_AFTER_MAX ||
        op->job_insert.job.file_count > JOB_FILES_MAX) {
        op->err = HUB_ERR_LIMIT;
        return 0;
    }
    if (keyed) {
        err = lite_keys_claim(&self->keys, &self->writer, op, seq);
    }
    if (err < 0 || op->err < 0) {
        return err;
    }
    err = lite_job_insert_as(self, op, seq);
    if (err == 0 && op->err < 0 && keyed) {
        err = lite_keys_unclaim(&self->keys, &self->writer, op, seq);
    }
    return err;
}

/* --- Start and move ----------------------------------------------------------------------------*/

/* 1: found and as believed. 0: op->err says why not. */
static int find_fenced(struct lite *self, struct store_op *op, const struct id *id,
                       enum job_state from, uint32_t fence, bool from_unstarted,
                       struct lite_job *ret_job)
{
    int found = lite_job_find(self, id, &op->arena, ret_job);

    if (found < 0) {
        return found;
    }
    if (found == 0) {
        op->err = HUB_ERR_NOT_FOUND;
        return 0;
    }
    bool as_believed = ret_job->state == from && ret_job->attempt == fence;
    bool unstarted =
        from_unstarted && ret_job->state == JOB_QUEUED && ret_job->attempt + 1 == fence;
    if (!as_believed && !unstarted) {
        op->err = HUB_ERR_CONFLICT;
        return 0;
    }
    return 1;
}

int lite_job_start(struct lite *self, struct store_op *op)
{
    const struct store_job_start *start = &op->job_start;
    struct lite_job job;

    int found = find_fenced(self, op, &start->id, JOB_QUEUED, start->fence, false, &job);
    if (found <= 0) {
        return found;
    }
    if (start->number != start->fence + 1 || start->number > LITE_ATTEMPT_MAX) {
        op->err = start->number > LITE_ATTEMPT_MAX ? HUB_ERR_LIMIT : HUB_ERR_CONFLICT;
        return 0;
    }
    const struct store_job_move move = {
        .to = JOB_RUNNING,
        .at = start->at,
        .has_attempt = true,
        .attempt = {.number = start->number, .started_at = start->at},
    };
    job.state = JOB_RUNNING;
    job.attempt = start->number;
    int err = lite_job_write(self, &job, start->fence, &move);
    if (err == 0) {
        err = lite_account_used(self, &job, &move);
    }
    return err < 0 ? err : lite_job_changed(self, &job, JOB_QUEUED, start->at, &op->event_seq);
}

/* What the job is after the move. */
static void apply_move(const struct store_job_move *move, struct lite_job *job)
{
    job->state = move->to;
    job->attempt = move->fence;
    if (move->reset) {
        job->charged = job->crashes = 0;
        job->expires_at = 0;
    }
    job->charged += move->charge;
    job->crashes += move->crash;
    if (move->to == JOB_SCHEDULED) {
        job->run_at = move->run_at;
    }
}

/* What else follows from leaving one state for another. */
static int follow_move(struct lite *self, struct store_op *op, const struct lite_job *job,
                       enum job_state from)
{
    bool was_terminal = lite_terminal(from);
    bool is_terminal = lite_terminal(job->state);
    int err = 0;

    if (from == JOB_BLOCKED) {
        err = lite_flow_forget(self, job->seq);
    }
    if (err == 0 && was_terminal && !is_terminal && job->has_link) {
        err = lite_run_int(&self->writer, LITE_LINK_UNCANCEL, job->seq);
    }
    if (err == 0 && job->has_files && was_terminal != is_terminal) {
        err = is_terminal ? lite_files_release(self, job->seq)
                          : lite_files_hold_again(self, job->seq);
    }
    if (err == 0 && is_terminal && !was_terminal) {
        err = lite_flow_release(self, op, job);
    }
    return err;
}

int lite_job_move(struct lite *self, struct store_op *op)
{
    struct store_job_move *move = &op->job_move;
    struct lite_job job;

    move->ret_released = NULL;
    move->ret_released_count = 0;
    int found =
        find_fenced(self, op, &move->id, move->from, move->fence, move->from_unstarted, &job);
    if (found <= 0) {
        return found;
    }
    enum job_state from = job.state;
    uint32_t attempt = job.attempt;
    if (move->fence > LITE_ATTEMPT_MAX ||
        (move->has_attempt && move->attempt.number != move->fence)) {
        op->err = HUB_ERR_LIMIT;
        return 0;
    }
    int err = lite_artifact_outputs(self, op, job.seq);
    if (err < 0 || op->err < 0) {
        return err;
    }
    apply_move(move, &job);
    err = lite_job_write(self, &job, attempt, move);
    if (err == 0) {
        err = lite_account_used(self, &job, move);
    }
    if (err == 0) {
        err = lite_job_changed(self, &job, from, move->at, &op->event_seq);
    }
    return err < 0 ? err : follow_move(self, op, &job, from);
}

/* --- Delete ------------------------------------------------------------------------------------*/

int lite_job_remove(struct lite *self, int64_t seq, enum job_state state, struct str queue)
{
    int err = lite_artifact_drop_of_job(self, seq);

    if (err == 0) {
        err = lite_keep_drop_of_job(self, seq);
    }
    if (err == 0) {
        err = lite_callback_drop_of(self, WORK_JOB, seq);
    }
    if (err == 0) {
        err = lite_link_drop_of_job(self, seq);
    }
    if (err == 0) {
        struct lite_call call = lite_call(&self->writer, LITE_ATTEMPT_DELETE);
        lite_bind_int(&call, lite_attempt_key(seq, 0));
        lite_bind_int(&call, lite_attempt_key(seq, LITE_ATTEMPT_MAX));
        err = lite_run(&call);
    }
    if (err == 0) {
        err = lite_run_int(&self->writer, LITE_NOW_DELETE, seq);
    }
    if (err == 0) {
        err = lite_run_int(&self->writer, LITE_JOB_DELETE, seq);
    }
    return err < 0 ? err
                   : lite_tally_note(&self->tally, &self->writer, self->events.last, seq, queue,
                                     state, LITE_NO_STATE, 0);
}

int lite_job_delete(struct lite *self, struct store_op *op)
{
    struct lite_job job;
    int found = lite_job_find(self, &op->job_delete.id, &op->arena, &job);

    if (found < 0) {
        return found;
    }
    if (found == 0 || !lite_terminal(job.state)) {
        op->err = found == 0 ? HUB_ERR_NOT_FOUND : HUB_ERR_CONFLICT;
        return 0;
    }
    return lite_job_remove(self, job.seq, job.state, job.queue);
}
