#include "jobs/sqlite/lite.h"

/* --- With the job ------------------------------------------------------------------------------*/

int lite_callback_add(struct lite *self, int64_t job, enum job_state event, int64_t at)
{
    struct lite_call call = lite_call(&self->writer, LITE_CALLBACK_INSERT);

    lite_bind_int(&call, job);
    lite_bind_int(&call, event);
    lite_bind_int(&call, at);
    self->any_callbacks = self->ends.calls_back = true;
    return lite_run(&call);
}

static int delete_of(struct lite *self, enum lite_statement statement, enum work_kind kind,
                     int64_t seq)
{
    struct lite_call call = lite_call(&self->writer, statement);

    lite_bind_int(&call, seq);
    lite_bind_int(&call, kind);
    return lite_run(&call);
}

int lite_callback_drop_of(struct lite *self, enum work_kind kind, int64_t seq)
{
    if (!self->any_callbacks) {
        return 0;
    }
    int err = delete_of(self, LITE_CALLBACK_LOG_DELETE_OF, kind, seq);
    return err < 0 ? err : delete_of(self, LITE_CALLBACK_DELETE_OF, kind, seq);
}

/* --- Writing -----------------------------------------------------------------------------------*/

static int log_attempt(struct lite *self, int64_t seq, const struct callback_attempt *attempt)
{
    struct lite_call call = lite_call(&self->writer, LITE_CALLBACK_LOG_PUT);

    lite_bind_int(&call, seq);
    lite_bind_int(&call, attempt->number);
    lite_bind_int(&call, attempt->started_at);
    lite_bind_int(&call, attempt->finished_at);
    lite_bind_int(&call, attempt->status);
    lite_bind_str(&call, attempt->code);
    int err = lite_run(&call);
    if (err < 0 || attempt->number <= CALLBACK_LOG_MAX) {
        return err;
    }
    call = lite_call(&self->writer, LITE_CALLBACK_LOG_TRIM);
    lite_bind_int(&call, seq);
    lite_bind_int(&call, attempt->number - CALLBACK_LOG_MAX);
    return lite_run(&call);
}

static int note_gone(struct lite *self, int64_t seq, int64_t at)
{
    struct lite_call call = lite_call(&self->writer, LITE_CALLBACK_GONE_INSERT);

    lite_bind_int(&call, seq);
    lite_bind_int(&call, at);
    int err = lite_run(&call);
    return err < 0 ? err : lite_run_int(&self->writer, LITE_CALLBACK_GONE_TRIM, CALLBACK_GONE_MAX);
}

int lite_callback_put(struct lite *self, struct store_op *op)
{
    const struct store_callback_put *put = &op->callback_put;
    struct lite_call call = lite_call(&self->writer, LITE_CALLBACK_SET);

    lite_bind_int(&call, put->seq);
    lite_bind_int(&call, put->state);
    lite_bind_int(&call, put->attempt.number);
    lite_bind_int(&call, put->tries);
    lite_bind_int(&call, put->next_at);
    int err = lite_run(&call);
    if (err == 0 && lite_changes(&self->writer) == 0) {
        op->err = HUB_ERR_NOT_FOUND;
        return 0;
    }
    if (err == 0 && put->attempt.number > 0) {
        err = log_attempt(self, put->seq, &put->attempt);
    }
    if (err == 0 && put->gone) {
        err = note_gone(self, put->seq, put->attempt.finished_at);
    }
    return err;
}

/* Is it there? 1, 0, negative. */
static int find_work(struct lite *self, struct store_op *op, const struct work *work,
                     int64_t *ret_seq)
{
    struct lite_batch *batch;
    struct lite_job job;
    int found;

    switch (work->kind) {
    case WORK_BATCH:
        found = lite_batch_find(self, &work->id, &batch);
        *ret_seq = found > 0 ? batch->seq : 0;
        return found;
    case WORK_FLOW:
        return lite_flow_find(self, &work->id, ret_seq);
    default:
        found = lite_job_find(self, &work->id, &op->arena, &job);
        *ret_seq = found > 0 ? job.seq : 0;
        return found;
    }
}

int lite_callback_resend(struct lite *self, struct store_op *op)
{
    const struct store_callback_resend *resend = &op->callback_resend;
    bool is_job = resend->of.kind == WORK_JOB;
    int64_t seq;
    int found = find_work(self, op, &resend->of, &seq);

    if (found <= 0) {
        op->err = found == 0 ? HUB_ERR_NOT_FOUND : 0;
        return found;
    }
    struct lite_call call =
        lite_call(&self->writer, is_job ? LITE_CALLBACK_AGAIN : LITE_CALLBACK_WHOLE_AGAIN);
    if (is_job) {
        lite_bind_int(&call, seq);
    } else {
        lite_bind_id(&call, &resend->of.id);
    }
    lite_bind_int(&call, resend->now);
    found = lite_step(&call);
    int64_t callback = found > 0 ? lite_int(&call) : 0;
    lite_end(&call);
    if (found <= 0) {
        op->err = found == 0 ? HUB_ERR_CONFLICT : 0;
        return found;
    }
    return lite_run_int(&self->writer, LITE_CALLBACK_GONE_DELETE, callback);
}

int lite_signing_put(struct lite *self, struct store_op *op)
{
    struct lite_call call =
        lite_call(&self->writer, op->signing_put.only_new ? LITE_SIGNING_INSERT : LITE_SIGNING_PUT);

    lite_bind_blob(&call, op->signing_put.sealed.ptr, op->signing_put.sealed.len);
    int err = lite_run(&call);
    if (err == 0 && lite_changes(&self->writer) == 0) {
        op->err = HUB_ERR_CONFLICT;
    }
    return err;
}

/* --- Reading -----------------------------------------------------------------------------------*/

/* The columns of LITE_CALLBACK. */
static bool read_callback(struct lite_call *call, struct arena *arena,
                          struct callback_record *ret_callback)
{
    bool ok = true;

    ret_callback->seq = lite_int(call);
    ret_callback->of.kind = (enum work_kind)lite_int(call);
    ret_callback->of.id = lite_id(call);
    ret_callback->url = lite_copy(call, arena, &ok);
    ret_callback->event = (enum job_state)lite_int(call);
    ret_callback->state = (enum callback_state)lite_int(call);
    ret_callback->attempts = (uint32_t)lite_int(call);
    ret_callback->tries = (uint32_t)lite_int(call);
    ret_callback->created_at = lite_int(call);
    ret_callback->next_at = lite_int(call);
    return ok;
}

/* The rows of a statement, and its end. */
static int read_rows(struct lite_call *call, struct store_op *op,
                     struct store_callbacks *ret_callbacks)
{
    struct lite_rows rows = {.arena = &op->arena, .size = sizeof(struct callback_record)};
    int got;

    while ((got = lite_step(call)) > 0) {
        struct callback_record *callback = lite_rows_add(&rows);
        if (!callback || !read_callback(call, &op->arena, callback)) {
            got = HUB_ERR_NOMEM;
            break;
        }
        callback->gone = lite_int(call) != 0;
    }
    lite_end(call);
    ret_callbacks->items = rows.items;
    ret_callbacks->count = rows.len;
    return got;
}

int lite_callback_due(struct lite *self, struct store_op *op)
{
    struct lite_call call = lite_call(&self->reader, LITE_CALLBACK_PENDING);
    unsigned limit = op->callback_due.limit;

    lite_bind_int(&call, op->callback_due.after_at);
    lite_bind_int(&call, op->callback_due.after_seq);
    lite_bind_int(&call, limit < STORE_LIMIT_MAX ? limit : STORE_LIMIT_MAX);
    return read_rows(&call, op, &op->callback_due.ret_callbacks);
}

int lite_callback_list(struct lite *self, struct store_op *op)
{
    const struct store_callback_list *list = &op->callback_list;
    struct lite_call call = lite_call(&self->reader, LITE_CALLBACK_BY_STATE);

    lite_bind_int(&call, list->state);
    lite_bind_int(&call, list->before ? list->before : INT64_MAX);
    lite_bind_int(&call, list->limit < CALLBACK_LIST_MAX + 1 ? list->limit : CALLBACK_LIST_MAX + 1);
    return read_rows(&call, op, &op->callback_list.ret_callbacks);
}

static int read_log(struct lite *self, struct store_op *op, struct callback_record *callback)
{
    struct lite_call call = lite_call(&self->reader, LITE_CALLBACK_LOG);
    struct lite_rows rows = {.arena = &op->arena, .size = sizeof(struct callback_attempt)};
    bool ok = true;
    int got;

    lite_bind_int(&call, callback->seq);
    while ((got = lite_step(&call)) > 0) {
        struct callback_attempt *attempt = lite_rows_add(&rows);
        if (!attempt) {
            got = HUB_ERR_NOMEM;
            break;
        }
        attempt->number = (uint32_t)lite_int(&call);
        attempt->started_at = lite_int(&call);
        attempt->finished_at = lite_int(&call);
        attempt->status = (uint32_t)lite_int(&call);
        attempt->code = lite_copy(&call, &op->arena, &ok);
    }
    lite_end(&call);
    callback->log = rows.items;
    callback->log_count = rows.len;
    return ok ? got : HUB_ERR_NOMEM;
}

int lite_callback_of(struct lite *self, struct store_op *op)
{
    struct store_callback_of *of = &op->callback_of;
    bool is_job = of->of.kind == WORK_JOB;
    struct lite_call call =
        lite_call(&self->reader, is_job ? LITE_CALLBACK_OF_JOB : LITE_CALLBACK_OF_WHOLE);

    lite_bind_id(&call, &of->of.id);
    lite_bind_int(&call, CALLBACK_LIST_MAX);
    int err = read_rows(&call, op, &of->ret_callbacks);
    for (unsigned i = 0; i < of->ret_callbacks.count && err == 0; i++) {
        err = read_log(self, op, &of->ret_callbacks.items[i]);
    }
    return err;
}

int lite_signing_get(struct lite *self, struct store_op *op)
{
    struct lite_call call = lite_call(&self->reader, LITE_SIGNING_GET);
    bool ok = true;
    int got = lite_step(&call);

    if (got > 0) {
        op->signing_get.ret_sealed = lite_copy(&call, &op->arena, &ok);
    }
    lite_end(&call);
    if (got <= 0) {
        return got < 0 ? got : HUB_ERR_NOT_FOUND;
    }
    return ok ? 0 : HUB_ERR_NOMEM;
}
