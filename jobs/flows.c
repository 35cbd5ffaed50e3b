#include "jobs/engine.h"

#include <stdlib.h>

/* Flows as a whole: submitted, cancelled, retried. See flow.h. */

/* --- Submit ------------------------------------------------------------------------------------*/

struct id jobs_next_id(struct jobs *self)
{
    engine_clock(self);
    return id_next(&self->ids, self->now);
}

/* A flow on its way to the store, and the jobs that were born for it. */
struct submission {
    jobs_submitted_fn *done;
    void *context;
    struct job *jobs[FLOW_JOBS_MAX];
    unsigned count;
};

static void undo(struct jobs *self, struct submission *submission)
{
    while (submission->count > 0) {
        birth_undo(self, submission->jobs[--submission->count]);
    }
}

static void on_inserted(struct jobs *self, struct errand *errand)
{
    struct store_op *op = errand->op;
    struct submission *submission = errand->tell_context;

    if (op->err < 0) {
        undo(self, submission);
    }
    for (unsigned i = 0; i < submission->count; i++) {
        const struct flow_item *item = &op->flow_insert.items[i];
        submit_accept(self, submission->jobs[i], &item->job, item->ret_state, item->ret_event_seq);
    }
    submission->done(submission->context, op);
}

static int bear_all(struct jobs *self, struct store_flow_insert *insert,
                    struct submission *submission)
{
    int err = 0;

    insert->flow.created_at = self->now;
    for (unsigned i = 0; i < insert->item_count && err == 0; i++) {
        struct job_record *record = &insert->items[i].job;
        record->flow = insert->flow.id;
        submit_fill(self, record);
        err = birth_job(self, record, false, &submission->jobs[i]);
        submission->count += err == 0;
    }
    if (err < 0) {
        undo(self, submission);
    }
    return err;
}

static int begin(struct jobs *self, struct store_op *op, jobs_submitted_fn *done, void *context)
{
    struct errand *errand = errand_attach(self, op, on_inserted);
    struct submission *submission = arena_zalloc(&op->arena, sizeof *submission);
    int err = errand && submission ? submit_allowed(self) : HUB_ERR_NOMEM;

    if (err == 0 && op->flow_insert.item_count > FLOW_JOBS_MAX) {
        err = HUB_ERR_LIMIT;
    }
    if (err < 0) {
        return err;
    }
    submission->done = done;
    submission->context = context;
    errand->tell_context = submission;
    return bear_all(self, &op->flow_insert, submission);
}

void jobs_flow_submit(struct jobs *self, struct store_op *op, jobs_submitted_fn *done,
                      void *context)
{
    ASSERT_THREAD(THREAD_LOOP);
    engine_clock(self);
    op->err = begin(self, op, done, context);
    if (op->err < 0) {
        done(context, op);
        store_op_free(op);
        return;
    }
    errand_submit(self, op);
}

/* --- Cancel ------------------------------------------------------------------------------------*/

/* The jobs of a flow that are being cancelled. Ends itself when all have ended. */
struct cancelling {
    unsigned left;
    int err; /* the first that was not that a job had ended */
    jobs_done_fn *done;
    void *context;
};

static void settle(struct cancelling *self, int err)
{
    self->err = self->err < 0 ? self->err : err;
    if (--self->left == 0) {
        self->done(self->context, self->err);
        free(self);
    }
}

static void on_cancelled(void *context, int err)
{
    /* One that ended in another way meanwhile has ended: that is what was wanted of all. */
    settle(context, err == HUB_ERR_CONFLICT || err == HUB_ERR_NOT_FOUND ? 0 : err);
}

static void on_marked(struct jobs *self, struct errand *errand)
{
    const struct store_flow_cancel *cancel = &errand->op->flow_cancel;
    struct cancelling *cancelling = errand->op->err == 0 ? calloc(1, sizeof *cancelling) : NULL;

    if (!cancelling) {
        errand->tell(errand->tell_context, errand->op->err < 0 ? errand->op->err : HUB_ERR_NOMEM);
        return;
    }
    *cancelling = (struct cancelling){1, 0, errand->tell, errand->tell_context};
    for (unsigned i = 0; i < cancel->ret_count; i++) {
        cancelling->left++;
        jobs_cancel(self, &cancel->ret_jobs[i], on_cancelled, cancelling);
    }
    settle(cancelling, cancel->ret_count > 0 ? 0 : HUB_ERR_CONFLICT);
}

/* Submits `op` (NULL: there was no memory for it) for whoever asks. */
static void ask(struct jobs *self, struct store_op *op, jobs_done_fn *done, void *context)
{
    if (!op) {
        done(context, HUB_ERR_NOMEM);
        return;
    }
    errand_of(op)->tell = done;
    errand_of(op)->tell_context = context;
    errand_submit(self, op);
}

void jobs_flow_cancel(struct jobs *self, const struct id *id, jobs_done_fn *done, void *context)
{
    engine_clock(self);
    struct store_op *op = errand_new(self, STORE_FLOW_CANCEL, on_marked);
    if (op) {
        op->flow_cancel.id = *id;
    }
    ask(self, op, done, context);
}

/* --- Retry -------------------------------------------------------------------------------------*/

/* The store has put it back. A job that is in memory already is about to be told by the store that
 * it is not what it seemed: move.c reads it anew then. */
int flow_take_back(struct jobs *self, const struct flow_item *item)
{
    struct job_record record = item->job;
    struct job *job;

    if (job_index_get(&self->index, &record.id)) {
        return 0;
    }
    record.charged = 0;
    record.crashes = 0;
    record.expires_at = 0;
    record.run_at = item->ret_state == JOB_QUEUED ? self->now : record.run_at;
    int err = birth_job(self, &record, true, &job);
    if (err == 0) {
        move_birth(self, job, item->ret_state);
        engine_event(self, job, item->ret_state, item->ret_event_seq, NULL);
    }
    return err;
}

static void on_retried(struct jobs *self, struct errand *errand)
{
    const struct store_flow_retry *retry = &errand->op->flow_retry;
    int err = errand->op->err;

    if (err == 0 && retry->ret_count == 0) {
        err = HUB_ERR_CONFLICT;
    }
    for (unsigned i = 0; i < retry->ret_count && err == 0; i++) {
        err = flow_take_back(self, &retry->ret_items[i]);
        if (err < 0) {
            log_error(self->log, "jobs", "jobs of a flow wait for the next start of hubd",
                      "error=%s", hub_err_code(err));
        }
    }
    errand->tell(errand->tell_context, err);
}

void jobs_flow_retry(struct jobs *self, const struct id *id, jobs_done_fn *done, void *context)
{
    engine_clock(self);
    struct store_op *op = errand_new(self, STORE_FLOW_RETRY, on_retried);
    if (op) {
        op->flow_retry.id = *id;
        op->flow_retry.at = self->now;
    }
    ask(self, op, done, context);
}
