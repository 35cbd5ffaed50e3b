/* GET /v1/batches, GET and PATCH /v1/batches/{id}, …/pause, …/resume, …/cancel, …/retry */
#include "api/batches.h"
#include "api/cursor.h"

#include "api/schemas.h"

#define LIMIT_DEFAULT 50
#define LIMIT_MAX     200
#define LIST_BODY_MAX (16u << 20)

/* --- Reading -----------------------------------------------------------------------------------*/

/* What is to be done with a batch once it was read. */
struct reading {
    struct api_call *call;
    int status;
};

static void on_read(struct store_op *op, void *context)
{
    struct reading *reading = context;
    struct api_call *call = reading->call;
    const struct batch_record *batch = &op->batch_get.ret_batch;

    if (op->err < 0 || batch_hidden(batch)) {
        api_fail(call, op->err < 0 ? op->err : HUB_ERR_NOT_FOUND, "there is no such batch");
        return;
    }
    struct buf *body = api_answer_buf(call->api);
    render_batch(body, call->api, batch, NULL, 0);
    api_reply(call, reading->status, buf_view(body));
}

void api_answer_batch(struct api_call *call, const struct id *batch, int status)
{
    struct reading *reading = arena_alloc(&call->req->arena, sizeof *reading);
    struct store_op *op = reading != NULL ? api_op(call, STORE_BATCH_GET, on_read) : NULL;

    if (reading == NULL) {
        api_fail(call, HUB_ERR_NOMEM, "out of memory");
    }
    if (op == NULL) {
        return;
    }
    *reading = (struct reading){call, status};
    op->batch_get.id = *batch;
    op->context = reading;
    api_submit(call, op);
}

void api_batch_get(struct api_call *call)
{
    struct id id;

    if (api_path_id(call, 0, &id)) {
        api_answer_batch(call, &id, 200);
    }
}

static void on_listed(struct store_op *op, void *context)
{
    struct api_call *call = context;
    const struct store_batch_list *list = &op->batch_list;
    const char *separator = "";
    struct buf body;

    if (op->err < 0) {
        api_fail(call, op->err, "the batches could not be read");
        return;
    }
    buf_init(&body, LIST_BODY_MAX);
    buf_append_c(&body, "{\"batches\":[");
    for (unsigned i = 0; i < list->ret_count; i++) {
        if (!batch_hidden(&list->ret_batches[i])) {
            buf_append_c(&body, separator);
            separator = ",";
            render_batch(&body, call->api, &list->ret_batches[i], NULL, 0);
        }
    }
    cursor_reply(call, &body, list->ret_more ? &list->ret_batches[list->ret_count - 1].id : NULL);
    buf_release(&body);
}

void api_batch_list(struct api_call *call)
{
    struct id before = {{0}};
    uint64_t limit;

    if (!cursor_read(call, &before) ||
        !api_query_u64(call, "limit", 1, LIMIT_MAX, LIMIT_DEFAULT, &limit)) {
        return;
    }
    struct store_op *op = api_op(call, STORE_BATCH_LIST, on_listed);
    if (op != NULL) {
        op->batch_list.before = before;
        op->batch_list.limit = (unsigned)limit;
        api_submit(call, op);
    }
}

/* --- Changing ----------------------------------------------------------------------------------*/

/* A change of the limits: the batch is read, then written with what `patch` says. */
struct change {
    struct api_call *call;
    struct json_object *patch; /* NULL: `paused` */
    bool paused;
    struct id id;
};

static void on_set(void *context, struct store_op *op)
{
    struct change *change = context;

    if (op->err < 0) {
        api_fail(change->call, op->err, "the batch could not be changed");
    } else {
        api_answer_batch(change->call, &change->id, 200);
    }
}

static void on_known(struct store_op *op, void *context)
{
    struct change *change = context;
    struct api_call *call = change->call;
    const struct batch_record *batch = &op->batch_get.ret_batch;

    if (op->err < 0 || batch_hidden(batch)) {
        api_fail(call, op->err < 0 ? op->err : HUB_ERR_NOT_FOUND, "there is no such batch");
        return;
    }
    struct store_op *set = store_op_new(STORE_BATCH_SET);
    if (set == NULL) {
        api_fail(call, HUB_ERR_NOMEM, "out of memory");
        return;
    }
    set->batch_set.batch = change->id;
    set->batch_set.limits = batch->limits;
    if (change->patch != NULL) {
        batch_limits_apply(change->patch, &set->batch_set.limits);
    } else {
        set->batch_set.limits.paused = change->paused;
    }
    jobs_batch_set(call->api->deps.jobs, set, on_set, change);
}

static void begin_change(struct api_call *call, struct json_object *patch, bool paused)
{
    struct change *change = arena_zalloc(&call->req->arena, sizeof *change);
    struct id id;

    if (!api_path_id(call, 0, &id)) {
        return;
    }
    if (change == NULL) {
        api_fail(call, HUB_ERR_NOMEM, "out of memory");
        return;
    }
    *change = (struct change){call, patch, paused, id};
    struct store_op *op = api_op(call, STORE_BATCH_GET, on_known);
    if (op != NULL) {
        op->batch_get.id = id;
        op->context = change;
        api_submit(call, op);
    }
}

void api_batch_patch(struct api_call *call)
{
    begin_change(call, call->json, false);
}

void api_batch_pause(struct api_call *call)
{
    begin_change(call, NULL, true);
}

void api_batch_resume(struct api_call *call)
{
    begin_change(call, NULL, false);
}

/* --- Cancel and retry --------------------------------------------------------------------------*/

static void on_begun(void *context, int err)
{
    struct api_call *call = context;
    struct id id;

    if (err < 0) {
        api_fail(call, err,
                 err == HUB_ERR_NOT_FOUND  ? "there is no such batch"
                 : err == HUB_ERR_CONFLICT ? "the batch is not in a state that allows this"
                                           : "it could not be done");
    } else if (api_path_id(call, 0, &id)) {
        api_answer_batch(call, &id, 200);
    }
}

void api_batch_cancel(struct api_call *call)
{
    struct id id;

    if (api_path_id(call, 0, &id)) {
        jobs_batch_cancel(call->api->deps.jobs, &id, on_begun, call);
    }
}

void api_batch_retry(struct api_call *call)
{
    struct id id;

    if (api_path_id(call, 0, &id)) {
        jobs_batch_retry(call->api->deps.jobs, &id, on_begun, call);
    }
}
