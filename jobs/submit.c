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
    job->id = id_next(&self->ids, self->now);
    job->created_at = self->now;
    job->state = job->run_at > self->now ? JOB_SCHEDULED : JOB_QUEUED;
}

static void accept(struct jobs *self, struct job *job, const struct store_op *op)
{
    const struct store_job_insert *insert = &op->job_insert;
    const struct job_record *record = &insert->job;

    self->stats.submitted++;
    if (job_state_terminal(insert->ret_state)) {
        self->stats.failed++;
        engine_event(self, job, insert->ret_state, op->event_seq, NULL);
        birth_undo(self, job);
        return;
    }
    job->payload =
        payload_keep(self, payload_new(record->input, record->account, record->traceparent));
    move_birth(self, job, insert->ret_state);
    engine_event(self, job, insert->ret_state, op->event_seq, NULL);
}

static void on_inserted(struct jobs *self, struct errand *errand)
{
    struct store_op *op = errand->op;

    if (op->err == 0) {
        accept(self, errand->job, op);
    } else {
        birth_undo(self, errand->job);
    }
    errand->tell_submitted(errand->tell_context, op);
}

static int begin(struct jobs *self, struct store_op *op)
{
    struct job_record *record = &op->job_insert.job;
    struct errand *errand = errand_attach(self, op, on_inserted);

    if (!errand) {
        return HUB_ERR_NOMEM;
    }
    if (!self->ready || self->draining) {
        return HUB_ERR_UNAVAILABLE;
    }
    if (store_is_full(self->store)) {
        return HUB_ERR_STORAGE_FULL;
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
