#include "jobs/engine.h"

#include <stdlib.h>

/* Cancel, retry by hand, delete. A job that is being cancelled is marked JOB_FLAG_CANCELLING, and
 * jobs.waiters knows who waits: whatever happens to it next, move.c comes back here. */

static void on_answered(struct jobs *self, struct errand *errand)
{
    (void)self;
    errand->tell(errand->tell_context, errand->op->err);
}

/* Submits `op` (NULL: there was no memory for it) and passes the store's answer on. */
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

/* --- Cancel ------------------------------------------------------------------------------------*/

static bool add_waiter(struct jobs *self, struct job *job, jobs_done_fn *done, void *context)
{
    struct waiter *waiter = calloc(1, sizeof *waiter);
    if (!waiter) {
        return false;
    }
    *waiter = (struct waiter){.id = job->id, .done = done, .context = context};
    struct waiter *first = map_get(&self->waiters, id_view(&job->id));
    if (first) {
        waiter->next = first->next;
        first->next = waiter;
    } else if (map_put(&self->waiters, id_view(&waiter->id), waiter) < 0) {
        free(waiter);
        return false;
    }
    job->flags |= JOB_FLAG_CANCELLING;
    return true;
}

void request_settle(struct jobs *self, struct job *job, int err)
{
    if (!(job->flags & JOB_FLAG_CANCELLING)) {
        return;
    }
    job->flags &= (uint8_t)~JOB_FLAG_CANCELLING;
    struct waiter *waiter = map_remove(&self->waiters, id_view(&job->id));
    if (err == 0 && job->state != JOB_CANCELLED) {
        err = HUB_ERR_CONFLICT;
    }
    while (waiter) {
        struct waiter *next = waiter->next;
        waiter->done(waiter->context, err);
        free(waiter);
        waiter = next;
    }
}

void request_go_on(struct jobs *self, struct job *job)
{
    if (!(job->flags & JOB_FLAG_CANCELLING) || job->flags & JOB_FLAG_MOVING) {
        return;
    }
    if (job_attempt(job)) {
        attempt_cancel(self, job_attempt(job));
        return;
    }
    if (job_has_items(job)) {
        if (!expand_cancel(self, job)) {
            request_settle(self, job, HUB_ERR_NOMEM);
        }
        return;
    }
    struct store_op *op = move_new(self);
    if (!op) {
        request_settle(self, job, HUB_ERR_NOMEM);
        return;
    }
    bool in_doubt = job_in_doubt(self, job);
    int why = in_doubt ? HUB_ERR_OUTCOME_UNKNOWN : HUB_ERR_CANCELLED;
    op->job_move.error_code = str_from_c(hub_err_code(why));
    op->job_move.error_message = str_from_c(hub_err_title(why));
    move_job(self, job, in_doubt ? JOB_UNKNOWN : JOB_CANCELLED, op);
}

/* Not in memory: it has ended, there never was one, or its batch has not opened it yet. */
static void on_looked_up(struct jobs *self, struct errand *errand)
{
    const struct job_record *record = &errand->op->job_get.ret_job;
    struct job *job = job_index_get(&self->index, &errand->op->job_get.id);
    int err = errand->op->err;

    if (err == 0 && !job && (id_is_zero(&record->batch) || job_state_terminal(record->state))) {
        err = HUB_ERR_CONFLICT;
    } else if (err == 0 && !job) {
        err = birth_job(self, record, false, &job);
        if (err == 0) {
            move_birth(self, job, record->state);
        }
    }
    if (err == 0 && !add_waiter(self, job, errand->tell, errand->tell_context)) {
        err = HUB_ERR_NOMEM;
    }
    if (err < 0) {
        errand->tell(errand->tell_context, err);
    } else {
        request_go_on(self, job);
    }
}

void jobs_cancel(struct jobs *self, const struct id *id, jobs_done_fn *done, void *context)
{
    engine_clock(self);
    struct job *job = job_index_get(&self->index, id);
    if (!job) {
        struct store_op *op = errand_new(self, STORE_JOB_GET, on_looked_up);
        if (op) {
            op->job_get.id = *id;
        }
        ask(self, op, done, context);
    } else if (!add_waiter(self, job, done, context)) {
        done(context, HUB_ERR_NOMEM);
    } else {
        request_go_on(self, job);
    }
}

/* --- Retry by hand -----------------------------------------------------------------------------*/

static int retry(struct jobs *self, const struct job_record *record, jobs_done_fn *done,
                 void *context)
{
    struct job_record fresh = *record;
    struct job *job;

    if (!job_may_retry(record->state) || job_index_get(&self->index, &record->id)) {
        return HUB_ERR_CONFLICT;
    }
    fresh.charged = 0;
    fresh.crashes = 0;
    fresh.expires_at = 0;
    fresh.run_at = self->now;
    int err = birth_job(self, &fresh, false, &job);
    if (err < 0) {
        return err;
    }
    struct store_op *op = move_new(self);
    if (!op) {
        birth_undo(self, job);
        return HUB_ERR_NOMEM;
    }
    op->job_move.by_hand = true;
    op->job_move.reset = true;
    errand_of(op)->tell = done;
    errand_of(op)->tell_context = context;
    move_birth(self, job, record->state);
    move_job(self, job, JOB_QUEUED, op);
    return 0;
}

static void on_read(struct jobs *self, struct errand *errand)
{
    int err = errand->op->err;

    if (err == 0) {
        err = retry(self, &errand->op->job_get.ret_job, errand->tell, errand->tell_context);
    }
    if (err < 0) {
        errand->tell(errand->tell_context, err);
    }
}

void jobs_retry(struct jobs *self, const struct id *id, jobs_done_fn *done, void *context)
{
    engine_clock(self);
    if (job_index_get(&self->index, id)) {
        done(context, HUB_ERR_CONFLICT);
        return;
    }
    struct store_op *op = errand_new(self, STORE_JOB_GET, on_read);
    if (op) {
        op->job_get.id = *id;
    }
    ask(self, op, done, context);
}

/* --- Delete ------------------------------------------------------------------------------------*/

void jobs_delete(struct jobs *self, const struct id *id, jobs_done_fn *done, void *context)
{
    engine_clock(self);
    if (job_index_get(&self->index, id)) {
        done(context, HUB_ERR_CONFLICT);
        return;
    }
    struct store_op *op = errand_new(self, STORE_JOB_DELETE, on_answered);
    if (op) {
        op->job_delete.id = *id;
    }
    ask(self, op, done, context);
}

/* --- Queues ------------------------------------------------------------------------------------*/

static void on_queue_put(struct jobs *self, struct errand *errand)
{
    const struct store_queue *settings = &errand->op->queue_put.queue;
    struct queue *queue;
    int err = errand->op->err;

    if (err == 0 && (err = queue_get(self, settings->name, true, &queue)) == 0) {
        queue_configure(self, queue, settings);
    }
    errand->tell(errand->tell_context, err);
}

void jobs_set_queue(struct jobs *self, const struct store_queue *queue, jobs_done_fn *done,
                    void *context)
{
    struct queue *known;

    engine_clock(self);
    int err = queue_get(self, queue->name, false, &known);
    if (err < 0) {
        done(context, err);
        return;
    }
    struct store_op *op = errand_new(self, STORE_QUEUE_PUT, on_queue_put);
    if (op) {
        op->queue_put.queue = *queue;
        op->queue_put.queue.name = arena_str(&op->arena, queue->name);
        if (!op->queue_put.queue.name.ptr) {
            store_op_free(op);
            op = NULL;
        }
    }
    ask(self, op, done, context);
}

void requests_close(struct jobs *self)
{
    MAP_FOR_EACH(entry, &self->waiters) {
        for (struct waiter *waiter = entry->value, *next; waiter; waiter = next) {
            next = waiter->next;
            waiter->done(waiter->context, HUB_ERR_UNAVAILABLE);
            free(waiter);
        }
    }
    map_release(&self->waiters);
}
