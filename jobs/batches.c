#include "jobs/engine.h"

#include <stdlib.h>
#include <string.h>

/*
 * Batches that are not finished. Their jobs wait in the store; here a page of them is opened when
 * the ones in memory run low, so that a batch takes no more memory for a million jobs than for a
 * thousand. What the store answers about a batch is taken as it is: answers come in the order in
 * which the operations were submitted.
 */

#define READY_LOW     1024 /* fewer ready jobs than that: the next page */
#define PAGE          2048
#define PAGE_OF_MANY  128 /* of each, when there are many batches */
#define MANY          64
#define SLICE         1024 /* jobs that one cancel or retry moves */
#define NOMEM_WAIT_MS 1000

/* --- Known batches -----------------------------------------------------------------------------*/

struct batch *batch_find(const struct jobs *self, const struct id *id)
{
    return id_is_zero(id) ? NULL : map_get(&self->batches, id_view(id));
}

static struct batch *add(struct jobs *self, const struct batch_record *record)
{
    struct batch *batch = calloc(1, sizeof *batch);
    struct queue *queue;

    if (!batch || queue_get(self, record->queue, true, &queue) < 0) {
        free(batch);
        return NULL;
    }
    batch->record.id = record->id;
    batch->queue = queue;
    gate_init(&batch->gate);
    list_init(&batch->hungry);
    if (timers_reserve(self) < 0 ||
        map_put(&self->batches, id_view(&batch->record.id), batch) < 0) {
        free(batch);
        return NULL;
    }
    queue->jobs++; /* so that it stays */
    return batch;
}

static void forget(struct jobs *self, struct batch *batch)
{
    list_remove(&batch->hungry);
    map_remove(&self->batches, id_view(&batch->record.id));
    timer_set(self, &batch->gate.timer, NEVER);
    lanes_free(self, &batch->gate);
    batch->queue->parked -= batch->record.parked;
    self->stats.parked -= batch->record.parked;
    batch->queue->jobs--;
    free(batch);
}

static bool is_over(const struct batch *batch)
{
    const struct batch_record *record = &batch->record;

    return batch->jobs == 0 && batch->errands == 0 &&
           (record->stage == BATCH_DROPPING ||
            (record->upload != BATCH_RECEIVING && record->opened == record->lines));
}

/* It is looked at soon: whoever is in the middle of something may still use it. */
static void settle(struct jobs *self, struct batch *batch)
{
    if (!list_linked(&batch->hungry)) {
        list_append(&self->hungry, &batch->hungry);
    }
}

/* What the store says of it now. NULL: out of memory, or nothing is left to be done for it. */
static struct batch *learn(struct jobs *self, const struct batch_record *record)
{
    struct batch *batch = batch_find(self, &record->id);

    if (!batch && record->finished_at == 0) {
        batch = add(self, record);
    }
    if (!batch) {
        return NULL;
    }
    batch->queue->parked += record->parked - batch->record.parked;
    self->stats.parked += record->parked - batch->record.parked;
    batch->record = *record;
    batch->record.queue = batch->queue->settings.name;
    batch->record.settings = batch->record.created_by = (struct str){0};
    const struct gate_limits limits = {
        .paused = record->limits.paused,
        .concurrency = record->limits.concurrency,
        .rate = record->limits.rate,
        .rate_period_ms = record->limits.rate_period_ms,
    };
    gate_configure(self, &batch->gate, &limits);
    return batch;
}

/* --- Their jobs --------------------------------------------------------------------------------*/

static void count_ended(struct batch *batch, int64_t now)
{
    int64_t second = now / 1000;
    int64_t gap = second - batch->second;

    if (gap > BATCH_SECONDS) {
        gap = BATCH_SECONDS;
    }
    for (int64_t i = 0; i < gap; i++) {
        batch->ended[(second - i) % BATCH_SECONDS] = 0;
    }
    if (gap == BATCH_SECONDS) {
        batch->first_second = second; /* nothing has ended for a while */
    }
    batch->second = second > batch->second ? second : batch->second;
    batch->ended[batch->second % BATCH_SECONDS]++;
}

void batch_job_moved(struct jobs *self, const struct job *job, enum job_state from,
                     enum job_state to)
{
    struct batch *batch = job->lane->key.batch;

    if (!batch) {
        return;
    }
    batch->ready -= from == JOB_QUEUED;
    batch->ready += to == JOB_QUEUED;
    if (job_state_terminal(to) && from != JOB_STATE_COUNT) {
        count_ended(batch, self->now);
    }
    if (batch->ready < READY_LOW && batch->record.opened < batch->record.lines) {
        settle(self, batch);
    }
}

void batch_job_gone(struct jobs *self, struct batch *batch)
{
    batch->jobs--;
    if (batch->jobs == 0) {
        settle(self, batch);
    }
}

/* --- Opening -----------------------------------------------------------------------------------*/

static bool wants_more(const struct jobs *self, const struct batch *batch)
{
    const struct batch_record *record = &batch->record;

    return record->opened < record->lines && record->stage == BATCH_OPEN &&
           !record->limits.paused && !batch_hidden(record) && !batch->opening &&
           batch->ready < READY_LOW && self->ready && !self->draining;
}

static int adopt(struct jobs *self, const struct batch_line *item)
{
    const struct job_record *record = &item->job;
    struct job *job;

    if (job_index_get(&self->index, &record->id)) {
        return 0; /* it was asked for by itself, or a retry opens its line again */
    }
    int err = birth_job(self, record, true, &job);
    if (err < 0) {
        return err;
    }
    if (record->input.len > 0) { /* one that is open is read when its turn has come */
        job->payload =
            payload_keep(self, payload_new(record->input, record->account, record->traceparent));
    }
    move_birth(self, job, record->state);
    return record->state == JOB_RUNNING ? finish_lost(self, job, record->started_at) : 0;
}

static void on_opened(struct jobs *self, struct errand *errand)
{
    const struct store_batch_open *open = &errand->op->batch_open;
    struct batch *batch = batch_find(self, &open->batch);

    if (!batch) {
        return;
    }
    batch->opening = false;
    batch->errands--;
    if (errand->op->err == 0) {
        (void)learn(self, &open->ret_batch);
        for (unsigned i = 0; i < open->ret_count; i++) {
            if (adopt(self, &open->ret_items[i]) < 0) {
                batch->record.opened = open->ret_items[i].line - 1;
                self->hungry_at = self->now + NOMEM_WAIT_MS;
                break;
            }
        }
    }
    settle(self, batch);
}

static void open_page(struct jobs *self, struct batch *batch)
{
    struct store_op *op = errand_new(self, STORE_BATCH_OPEN, on_opened);

    if (!op) {
        self->hungry_at = self->now + NOMEM_WAIT_MS;
        settle(self, batch);
        return;
    }
    op->batch_open.batch = batch->record.id;
    op->batch_open.opened = batch->record.opened;
    op->batch_open.limit = self->batches.len < MANY ? PAGE : PAGE_OF_MANY;
    errand_of(op)->must = true;
    batch->opening = true;
    batch->errands++;
    errand_submit(self, op);
}

void batches_run(struct jobs *self)
{
    struct list hungry;

    if (self->hungry_at > self->now || !self->ready) {
        return;
    }
    self->hungry_at = 0;
    list_init(&hungry);
    list_splice(&hungry, &self->hungry);
    LIST_FOR_EACH(link, &hungry) {
        struct batch *batch = CONTAINER_OF(link, struct batch, hungry);
        list_remove(link);
        if (is_over(batch)) {
            forget(self, batch);
        } else if (wants_more(self, batch)) {
            open_page(self, batch);
        }
    }
}

int64_t batches_next(const struct jobs *self)
{
    if (list_empty(&self->hungry) || !self->ready) {
        return NEVER;
    }
    return self->hungry_at > self->now ? self->hungry_at : self->now;
}

/* --- What is asked from outside ----------------------------------------------------------------*/

/* Whoever made the operation is told with it. */
static void tell(struct errand *errand)
{
    if (errand->tell_submitted) {
        errand->tell_submitted(errand->tell_context, errand->op);
    }
}

static void on_batch_answer(struct jobs *self, struct errand *errand)
{
    const struct store_op *op = errand->op;
    struct batch *batch = NULL;

    if (op->err == 0) {
        batch = learn(self, op->kind == STORE_BATCH_CREATE ? &op->batch_create.ret_batch
                                                           : &op->batch_set.ret_batch);
    }
    if (batch) {
        settle(self, batch);
    }
    tell(errand);
}

static void submit(struct jobs *self, struct store_op *op, errand_done_fn *on_done, int err,
                   jobs_submitted_fn *done, void *context)
{
    struct errand *errand = err == 0 ? errand_attach(self, op, on_done) : NULL;

    if (!errand) {
        op->err = err < 0 ? err : HUB_ERR_NOMEM;
        done(context, op);
        store_op_free(op);
        return;
    }
    errand->tell_submitted = done;
    errand->tell_context = context;
    errand_submit(self, op);
}

static int may_take(const struct jobs *self)
{
    if (!self->ready || self->draining) {
        return HUB_ERR_UNAVAILABLE;
    }
    return store_admits(self->store);
}

/* Forgets those whose upload nobody has continued: the purge has given them up. */
static void sweep(struct jobs *self)
{
    MAP_FOR_EACH(entry, &self->batches) {
        struct batch *batch = entry->value;
        if (batch->record.upload == BATCH_RECEIVING &&
            batch->record.touched_at + BATCH_UPLOAD_KEPT_MS <= self->now) {
            batch->record.upload = BATCH_BROKEN;
            batch->record.stage = batch->record.atomic ? BATCH_DROPPING : batch->record.stage;
            settle(self, batch);
        }
    }
    batches_run(self);
}

void jobs_batch_create(struct jobs *self, struct store_op *op, jobs_submitted_fn *done,
                       void *context)
{
    struct batch_record *record = &op->batch_create.batch;
    struct queue *queue;

    ASSERT_THREAD(THREAD_LOOP);
    engine_clock(self);
    int err = may_take(self);
    if (self->batches.len >= BATCHES_UNFINISHED_MAX) {
        sweep(self);
    }
    if (err == 0 && self->batches.len >= BATCHES_UNFINISHED_MAX) {
        err = HUB_ERR_UNAVAILABLE;
    }
    if (err == 0) {
        err = queue_get(self, record->queue, false, &queue);
    }
    record->id = id_next(&self->ids, self->now);
    record->created_at = self->now;
    submit(self, op, on_batch_answer, err, done, context);
}

void jobs_batch_set(struct jobs *self, struct store_op *op, jobs_submitted_fn *done, void *context)
{
    engine_clock(self);
    submit(self, op, on_batch_answer, 0, done, context);
}

/* --- Appending ---------------------------------------------------------------------------------*/

static void on_appended(struct jobs *self, struct errand *errand)
{
    struct store_op *op = errand->op;
    const struct store_batch_append *append = &op->batch_append;
    struct job *job = errand->job; /* on_complete */
    struct batch *batch = op->err == 0 ? learn(self, &append->ret_batch) : NULL;

    if (job && op->err == 0) {
        const struct job_record *record = append->on_complete;
        job->payload =
            payload_keep(self, payload_new(record->input, record->account, record->traceparent));
        move_birth(self, job, JOB_BLOCKED);
        self->stats.submitted++;
    } else if (job) {
        birth_undo(self, job);
    }
    if (op->err == 0) {
        self->stats.submitted += append->item_count;
    }
    if (batch) {
        settle(self, batch);
    }
    tell(errand);
}

static int fill(struct jobs *self, struct store_batch_append *append)
{
    for (unsigned i = 0; i < append->item_count; i++) {
        submit_fill(self, &append->items[i].job);
    }
    if (append->on_complete) {
        submit_fill(self, append->on_complete);
        append->on_complete->state = JOB_BLOCKED;
    }
    return may_take(self);
}

void jobs_batch_append(struct jobs *self, struct store_op *op, jobs_submitted_fn *done,
                       void *context)
{
    struct store_batch_append *append = &op->batch_append;
    struct job *job = NULL;

    ASSERT_THREAD(THREAD_LOOP);
    engine_clock(self);
    append->at = self->now;
    int err = fill(self, append);
    if (err == 0 && append->on_complete) {
        err = birth_job(self, append->on_complete, false, &job);
    }
    struct errand *errand = err == 0 ? errand_attach(self, op, on_appended) : NULL;
    if (!errand) {
        if (job) {
            birth_undo(self, job);
        }
        op->err = err < 0 ? err : HUB_ERR_NOMEM;
        done(context, op);
        store_op_free(op);
        return;
    }
    errand->job = job;
    errand->tell_submitted = done;
    errand->tell_context = context;
    errand_submit(self, op);
}

/* --- Cancel, retry, drop: in slices ------------------------------------------------------------*/

static void cancel_loaded(struct jobs *self, const struct batch *batch)
{
    for (size_t i = 0; i < self->index.cap; i++) {
        struct job *job = self->index.slots[i];
        if (job && job->lane->key.batch == batch && !job_state_terminal(job->state)) {
            job->flags |= JOB_FLAG_CANCELLING;
            request_go_on(self, job);
        }
    }
}

static void ask_cancel(struct jobs *self, const struct id *id, jobs_done_fn *done, void *context);

static void on_cancelled(struct jobs *self, struct errand *errand)
{
    const struct store_batch_cancel *cancel = &errand->op->batch_cancel;
    int err = errand->op->err;
    struct batch *batch = err == 0 ? learn(self, &cancel->ret_batch) : NULL;

    if (batch && !batch->cancelling) {
        batch->cancelling = true;
        cancel_loaded(self, batch);
    }
    if (err == 0 && cancel->ret_more) {
        ask_cancel(self, &cancel->batch, NULL, NULL);
    } else if (batch) {
        settle(self, batch);
    }
    if (errand->tell) {
        errand->tell(errand->tell_context, err);
    }
}

static void ask_cancel(struct jobs *self, const struct id *id, jobs_done_fn *done, void *context)
{
    struct store_op *op = errand_new(self, STORE_BATCH_CANCEL, on_cancelled);

    if (!op) {
        if (done) {
            done(context, HUB_ERR_NOMEM);
        }
        return; /* the rest goes on at the next start */
    }
    op->batch_cancel.batch = *id;
    op->batch_cancel.at = self->now;
    op->batch_cancel.limit = SLICE;
    errand_of(op)->tell = done;
    errand_of(op)->tell_context = context;
    errand_of(op)->must = done == NULL;
    errand_submit(self, op);
}

void jobs_batch_cancel(struct jobs *self, const struct id *id, jobs_done_fn *done, void *context)
{
    engine_clock(self);
    ask_cancel(self, id, done, context);
}

static void ask_retry(struct jobs *self, const struct id *id, uint64_t after, jobs_done_fn *done,
                      void *context);

static void on_retried(struct jobs *self, struct errand *errand)
{
    const struct store_batch_retry *retry = &errand->op->batch_retry;
    int err = errand->op->err;
    struct batch *batch = err == 0 ? learn(self, &retry->ret_batch) : NULL;

    if (err == 0 && retry->ret_next != 0) {
        ask_retry(self, &retry->batch, retry->ret_next, NULL, NULL);
    }
    if (batch) {
        settle(self, batch);
    }
    if (errand->tell) {
        errand->tell(errand->tell_context, err);
    }
}

static void ask_retry(struct jobs *self, const struct id *id, uint64_t after, jobs_done_fn *done,
                      void *context)
{
    struct store_op *op = errand_new(self, STORE_BATCH_RETRY, on_retried);

    if (!op) {
        if (done) {
            done(context, HUB_ERR_NOMEM);
        }
        return;
    }
    op->batch_retry.batch = *id;
    op->batch_retry.at = self->now;
    op->batch_retry.after = after;
    op->batch_retry.limit = SLICE;
    errand_of(op)->tell = done;
    errand_of(op)->tell_context = context;
    errand_of(op)->must = done == NULL;
    errand_submit(self, op);
}

void jobs_batch_retry(struct jobs *self, const struct id *id, jobs_done_fn *done, void *context)
{
    engine_clock(self);
    ask_retry(self, id, 0, done, context);
}

static void on_dropped(struct jobs *self, struct errand *errand)
{
    struct batch *batch = batch_find(self, &errand->op->batch_drop.batch);

    if (errand->op->err == 0 && batch) {
        batch->record.stage = BATCH_DROPPING;
        settle(self, batch);
    }
    if (self->purge_at != NEVER) {
        self->purge_at = self->now;
    }
    if (errand->tell) {
        errand->tell(errand->tell_context, errand->op->err);
    }
}

void jobs_batch_drop(struct jobs *self, const struct id *id, struct str reason, jobs_done_fn *done,
                     void *context)
{
    engine_clock(self);
    struct store_op *op = errand_new(self, STORE_BATCH_DROP, on_dropped);
    if (!op) {
        done(context, HUB_ERR_NOMEM);
        return;
    }
    op->batch_drop.batch = *id;
    op->batch_drop.reason = arena_str(&op->arena, reason);
    errand_of(op)->tell = done;
    errand_of(op)->tell_context = context;
    errand_submit(self, op);
}

/* --- Life --------------------------------------------------------------------------------------*/

int batches_load(struct jobs *self, const struct store_batch_list *list)
{
    for (unsigned i = 0; i < list->ret_count; i++) {
        if (!learn(self, &list->ret_batches[i])) {
            return HUB_ERR_NOMEM;
        }
    }
    return 0;
}

void batches_begin(struct jobs *self)
{
    MAP_FOR_EACH(entry, &self->batches) {
        struct batch *batch = entry->value;
        if (!list_linked(&batch->hungry)) {
            list_append(&self->hungry, &batch->hungry);
        }
        if (batch->record.stage == BATCH_CANCELLING) {
            ask_cancel(self, &batch->record.id, NULL, NULL);
        }
    }
}

void batches_release(struct jobs *self)
{
    MAP_FOR_EACH(entry, &self->batches) {
        struct batch *batch = entry->value;
        list_remove(&batch->hungry);
        free(batch);
    }
    map_release(&self->batches);
}

bool jobs_batch_live(const struct jobs *self, const struct id *id, struct jobs_batch *ret_live)
{
    const struct batch *batch = batch_find(self, id);
    uint64_t sum = 0;

    if (!batch) {
        return false;
    }
    int64_t second = self->hooks.now(self->context) / 1000;
    for (int64_t i = 1; i < BATCH_SECONDS; i++) { /* whole seconds: not the one that runs */
        int64_t at = second - i;
        if (at <= batch->second && at > batch->second - BATCH_SECONDS && at >= 0) {
            sum += batch->ended[at % BATCH_SECONDS];
        }
    }
    int64_t seconds = second - batch->first_second;
    if (seconds > BATCH_SECONDS - 1) {
        seconds = BATCH_SECONDS - 1;
    }
    *ret_live = (struct jobs_batch){.milli_rate = seconds > 0 ? sum * 1000 / (uint64_t)seconds : 0};
    return true;
}
