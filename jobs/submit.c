#include "jobs/engine.h"

void submit_fill(struct jobs *self, struct job_record *job)
{
    if (job->queue.len == 0) {
        job->queue = STR("default");
    }
    if (job->timeout_ms == 0) {
        job->timeout_ms = JOB_TIMEOUT_MS_DEFAULT;
    }
    if (job->max_attempts == 0) {
        job->max_attempts = JOB_MAX_ATTEMPTS_DEFAULT;
    }
    if (job->retention_ms == 0) {
        job->retention_ms = JOB_RETENTION_MS_DEFAULT;
    }
    if (id_is_zero(&job->id)) {
        job->id = id_next(&self->ids, self->now);
    }
    job->created_at = self->now;
    job->state = job->run_at > self->now ? JOB_SCHEDULED : JOB_QUEUED;
}

void submit_accept(struct jobs *self, struct job *job, const struct job_record *record,
                   enum job_state state, uint64_t event_seq)
{
    self->stats.submitted++;
    if (job_state_terminal(state)) {
        self->stats.failed += state == JOB_FAILED;
        self->stats.cancelled += state == JOB_CANCELLED;
        engine_event(self, job, state, event_seq, NULL);
        birth_undo(self, job);
        return;
    }
    if (!record->open) { /* one that is open must be read, with its parents */
        job->payload =
            payload_keep(self, payload_new(record->input, record->account, record->traceparent));
    }
    move_birth(self, job, state);
    engine_event(self, job, state, event_seq, NULL);
}

static void on_inserted(struct jobs *self, struct errand *errand)
{
    struct store_op *op = errand->op;

    if (op->err == 0) {
        submit_accept(self, errand->job, &op->job_insert.job, op->job_insert.ret_state,
                      op->event_seq);
    } else {
        birth_undo(self, errand->job);
    }
    errand->tell_submitted(errand->tell_context, op);
}

int submit_allowed(const struct jobs *self)
{
    if (!self->ready || self->draining) {
        return HUB_ERR_UNAVAILABLE;
    }
    return store_admits(self->store);
}

static int begin(struct jobs *self, struct store_op *op)
{
    struct job_record *record = &op->job_insert.job;
    struct errand *errand = errand_attach(self, op, on_inserted);
    int err = errand ? submit_allowed(self) : HUB_ERR_NOMEM;

    if (err < 0) {
        return err;
    }
    submit_fill(self, record);
    return birth_job(self, record, false, &errand->job);
}

void jobs_submit(struct jobs *self, struct store_op *op, jobs_submitted_fn *done, void *context)
{
    ASSERT_THREAD(THREAD_LOOP);
    engine_clock(self);
    op->err = begin(self, op);
    if (op->err < 0) {
        done(context, op);
        store_op_free(op);
        return;
    }
    errand_of(op)->tell_submitted = done;
    errand_of(op)->tell_context = context;
    errand_submit(self, op);
}
