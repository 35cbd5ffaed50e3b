#include "jobs/engine.h"

/* Start-up: the queues, the batches, then the unfinished jobs page by page. The next page is asked
 * for before this one is taken in, so that store and loop work at the same time. */

static void finish_load(struct jobs *self, int err)
{
    self->ready = err == 0;
    self->purge_at = self->now + self->config.purge_interval_ms;
    if (err < 0) {
        log_error(self->log, "jobs", "could not load", "error=%s", hub_err_code(err));
    } else {
        batches_begin(self);
        log_info(self->log, "jobs", "loaded", "unfinished=%u queues=%zu", self->born,
                 self->queues.len);
    }
    self->loaded(self->loaded_context, err);
}

static int adopt(struct jobs *self, const struct job_record *record)
{
    struct job *job;
    int err = birth_job(self, record, true, &job);

    if (err == 0) {
        move_birth(self, job, record->state);
        job->flags |= record->cancelling ? JOB_FLAG_CANCELLING : 0;
        if (record->state == JOB_RUNNING && !job_has_items(job)) {
            err = finish_lost(self, job, record->started_at);
        } else {
            request_go_on(self, job);
        }
    }
    return err;
}

static int ask_page(struct jobs *self, const struct id *after);

static void on_page(struct jobs *self, struct errand *errand)
{
    const struct store_active_list *page = &errand->op->active_list;
    int err = errand->op->err;

    if (err == 0 && page->ret_more) {
        err = ask_page(self, &page->ret_jobs[page->ret_count - 1].id);
        if (err < 0) {
            finish_load(self, err);
            return;
        }
    }
    for (unsigned i = 0; err == 0 && i < page->ret_count; i++) {
        err = adopt(self, &page->ret_jobs[i]);
    }
    self->load_err = self->load_err ? self->load_err : err;
    if (errand->op->err < 0 || !page->ret_more) {
        finish_load(self, self->load_err);
    }
}

static int ask_page(struct jobs *self, const struct id *after)
{
    struct store_op *op = errand_new(self, STORE_ACTIVE_LIST, on_page);
    if (!op) {
        return HUB_ERR_NOMEM;
    }
    if (after) {
        op->active_list.after = *after;
    }
    op->active_list.limit = LOAD_PAGE;
    errand_submit(self, op);
    return 0;
}

static void on_batches(struct jobs *self, struct errand *errand)
{
    int err = errand->op->err;

    if (err == 0) {
        err = batches_load(self, &errand->op->batch_list);
    }
    if (err == 0) {
        err = ask_page(self, NULL);
    }
    if (err < 0) {
        finish_load(self, err);
    }
}

static int ask_batches(struct jobs *self)
{
    struct store_op *op = errand_new(self, STORE_BATCH_LIST, on_batches);
    if (!op) {
        return HUB_ERR_NOMEM;
    }
    op->batch_list.unfinished_only = true;
    op->batch_list.limit = BATCHES_UNFINISHED_MAX;
    errand_submit(self, op);
    return 0;
}

static void on_queues(struct jobs *self, struct errand *errand)
{
    const struct store_queue_list *list = &errand->op->queue_list;
    int err = errand->op->err;

    for (unsigned i = 0; err == 0 && i < list->ret_count; i++) {
        struct queue *queue;
        err = queue_get(self, list->ret_queues[i].name, true, &queue);
        if (err == 0) {
            queue_configure(self, queue, &list->ret_queues[i]);
        }
    }
    if (err == 0) {
        err = ask_batches(self);
    }
    if (err < 0) {
        finish_load(self, err);
    }
}

void jobs_load(struct jobs *self, jobs_done_fn *done, void *context)
{
    ASSERT_THREAD(THREAD_LOOP);
    engine_clock(self);
    self->loaded = done;
    self->loaded_context = context;
    struct store_op *op = errand_new(self, STORE_QUEUE_LIST, on_queues);
    if (!op) {
        finish_load(self, HUB_ERR_NOMEM);
        return;
    }
    errand_submit(self, op);
}
