#include "jobs/engine.h"

/* The only writer of a state in memory: keeps the counts of its queue. */
static void enter(struct jobs *self, struct job *job, enum job_state state)
{
    uint32_t *counts = job->lane->key.queue->counts;
    enum job_state from = job->state;

    counts[from]--;
    counts[state]++;
    job->state = (uint8_t)state;
    batch_job_moved(self, job, from, state);
}

void move_place(struct jobs *self, struct job *job)
{
    if (job->flags & (JOB_FLAG_MOVING | JOB_FLAG_ATTEMPT)) {
        return;
    }
    int64_t due = job->state == JOB_RUNNING ? NEVER : job->expires_at;
    if (job->state == JOB_QUEUED) {
        lane_push(self, job);
    } else if (job->state == JOB_SCHEDULED && job->ready_at < due) {
        due = job->ready_at;
    }
    timer_set(self, &job->timer, due);
}

void move_displace(struct jobs *self, struct job *job)
{
    lane_remove(self, job);
    timer_set(self, &job->timer, NEVER);
}

static void enlist(struct jobs *self, struct job *job)
{
    job_index_put(&self->index, job);
    self->stats.unfinished = self->index.len;
}

static void delist(struct jobs *self, struct job *job)
{
    job_index_remove(&self->index, job);
    self->stats.unfinished = self->index.len;
}

void move_birth(struct jobs *self, struct job *job, enum job_state state)
{
    job->state = (uint8_t)state;
    job->lane->key.queue->counts[state]++;
    batch_job_moved(self, job, JOB_STATE_COUNT, state);
    enlist(self, job);
    move_place(self, job);
}

/* A job that has ended leaves memory. Whoever has an errand for it still needs its record. */
static void forget(struct jobs *self, struct job *job)
{
    if (!(job->flags & JOB_FLAG_MOVING)) {
        job->lane->key.queue->counts[job->state]--;
        birth_undo(self, job);
    }
}

static void count_end(struct jobs_stats *stats, enum job_state state)
{
    stats->succeeded += state == JOB_SUCCEEDED;
    stats->failed += state == JOB_FAILED;
    stats->cancelled += state == JOB_CANCELLED;
    stats->unknown += state == JOB_UNKNOWN;
}

/* The store has it in `state` now. */
static void arrive(struct jobs *self, struct job *job, enum job_state state, uint64_t event_seq,
                   const struct store_job_move *move)
{
    move_displace(self, job);
    enter(self, job, state);
    if (!job_state_terminal(state)) {
        move_place(self, job);
        engine_event(self, job, state, event_seq, move);
        request_go_on(self, job);
        return;
    }
    delist(self, job);
    count_end(&self->stats, state);
    engine_event(self, job, state, event_seq, move);
    request_settle(self, job, 0);
    forget(self, job);
}

void move_released(struct jobs *self, const struct store_released *released, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct job *child = job_index_get(&self->index, &released[i].id);
        if (child && (child->state == JOB_BLOCKED || job_has_items(child))) {
            arrive(self, child, released[i].state, released[i].event_seq, NULL);
        }
    }
}

void move_expanded(struct jobs *self, struct job *job, enum job_state state, uint64_t event_seq)
{
    assert(job_may_move(job->state, JOB_RUNNING, false));
    assert(state == JOB_RUNNING || job_may_move(JOB_RUNNING, state, false));
    arrive(self, job, state, event_seq, NULL);
}

/* The store has refused a move by its fence, or cannot do it at all. */
static void refused(struct jobs *self, struct job *job, const struct store_op *op)
{
    if (op->job_move.by_hand && op->err == HUB_ERR_CONFLICT) {
        request_settle(self, job, op->err);
        move_resync(self, job); /* its flow was retried meanwhile */
    } else if (op->job_move.by_hand) {
        delist(self, job);
        request_settle(self, job, op->err);
        forget(self, job);
    } else if (job_state_terminal(job->state)) {
        forget(self, job); /* released into failure while another move was under way */
    } else if (job->state != op->job_move.from) {
        move_place(self, job); /* released meanwhile: what was wanted is wanted of it now */
        request_go_on(self, job);
    } else if (op->err != HUB_ERR_CONFLICT && op->err != HUB_ERR_NOT_FOUND &&
               !errand_of(op)->must) {
        move_place(self, job); /* a wish that could not be granted */
        request_settle(self, job, op->err);
    } else {
        char id[ID_TEXT_LEN + 1];
        id_format(&job->id, id);
        log_error(self->log, "jobs", "a move was refused", "job=%s from=%s to=%s error=%s", id,
                  job_state_name(op->job_move.from), job_state_name(op->job_move.to),
                  hub_err_code(op->err));
        move_resync(self, job);
    }
}

static void on_moved(struct jobs *self, struct errand *errand)
{
    const struct store_op *op = errand->op;
    const struct store_job_move *move = &op->job_move;
    struct job *job = errand->job;

    job->flags &= (uint8_t)~JOB_FLAG_MOVING;
    if (errand->attempt) {
        attempt_free(self, errand->attempt, true);
    }
    if (op->err < 0) {
        finish_discard(self, move->blobs, move->artifact_count);
        refused(self, job, op);
    } else {
        if (move->to == JOB_SCHEDULED) {
            job->ready_at = move->run_at;
        }
        arrive(self, job, move->to, op->event_seq, move);
        move_released(self, move->ret_released, move->ret_released_count);
    }
    if (errand->tell) {
        errand->tell(errand->tell_context, op->err);
    }
}

struct store_op *move_new(struct jobs *self)
{
    return errand_new(self, STORE_JOB_MOVE, on_moved);
}

void move_job(struct jobs *self, struct job *job, enum job_state to, struct store_op *op)
{
    struct store_job_move *move = &op->job_move;

    assert(job_may_move(job->state, to, move->by_hand));
    assert(!(job->flags & JOB_FLAG_MOVING));
    move_displace(self, job);
    job->flags |= JOB_FLAG_MOVING;
    move->id = job->id;
    move->from = job->state;
    move->fence = job->number;
    move->to = to;
    move->at = self->now;
    errand_of(op)->job = job;
    errand_submit(self, op);
}

void move_running(struct jobs *self, struct job *job)
{
    assert(job_may_move(job->state, JOB_RUNNING, false));
    enter(self, job, JOB_RUNNING);
    job->number++;
}

void move_not_running(struct jobs *self, struct job *job)
{
    assert(job_may_move(job->state, JOB_QUEUED, false));
    enter(self, job, JOB_QUEUED);
    job->number--;
}

void move_started(struct jobs *self, struct job *job, uint64_t event_seq)
{
    if (job->state != JOB_RUNNING) {
        move_running(self, job);
    }
    engine_event(self, job, JOB_RUNNING, event_seq, NULL);
}

static void on_record(struct jobs *self, struct errand *errand)
{
    const struct job_record *record = &errand->op->job_get.ret_job;
    struct job *job = errand->job;

    job->flags &= (uint8_t)~JOB_FLAG_MOVING;
    if (job_index_get(&self->index, &job->id) != job) {
        forget(self, job); /* released into its end while it was read */
        return;
    }
    if (errand->op->err == 0 && record->state == JOB_BLOCKED && job->state != JOB_BLOCKED) {
        move_resync(self, job); /* released after the store had read it */
        return;
    }
    if (errand->op->err < 0) {
        log_error(self->log, "jobs", "a job could not be read and is left as it is on record",
                  "error=%s", hub_err_code(errand->op->err));
    }
    if (errand->op->err < 0 || job_state_terminal(record->state)) {
        if (errand->op->err == 0) {
            enter(self, job, record->state);
        }
        delist(self, job);
        request_settle(self, job, errand->op->err);
        forget(self, job);
        return;
    }
    enter(self, job, record->state);
    job->number = record->attempt;
    job->ready_at = record->run_at ? record->run_at : record->created_at;
    if (record->state != JOB_RUNNING || job_has_items(job)) {
        move_place(self, job);
        request_go_on(self, job);
    } else if (finish_lost(self, job, record->started_at) < 0) {
        job->flags |= JOB_FLAG_MOVING;
        errand_defer(self, errand);
    }
}

void move_resync(struct jobs *self, struct job *job)
{
    struct store_op *op = errand_new(self, STORE_JOB_GET, on_record);
    if (!op) {
        return; /* out of memory: it stays as it is on record until the next start of hubd */
    }
    job->flags |= JOB_FLAG_MOVING;
    op->job_get.id = job->id;
    errand_of(op)->job = job;
    errand_of(op)->must = true;
    errand_submit(self, op);
}
