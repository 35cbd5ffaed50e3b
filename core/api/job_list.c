/* GET /v1/jobs: filters, newest first, keyset-paged by id. */
#include "api/jobs.h"

#include "api/cursor.h"
#include "api/render.h"

#include <string.h>

#define LIMIT_DEFAULT 50
#define LIMIT_MAX     500
#define LIST_BODY_MAX (8u << 20)

/* --- Filters -----------------------------------------------------------------------------------*/

/* "queued" or "queued,running" */
static bool read_states(struct api_call *call, uint32_t *ret_states)
{
    struct str rest;

    if (!api_query(call, "state", &rest)) {
        return false;
    }
    while (rest.ptr != NULL) {
        struct str name = str_split(&rest, ',');
        enum job_state state;

        if (!job_state_parse(name, &state)) {
            api_fail(call, HUB_ERR_BAD_REQUEST, "there is no state \"%.*s\"",
                     (int)(name.len < 64 ? name.len : 64), name.ptr);
            return false;
        }
        *ret_states |= 1u << state;
    }
    return true;
}

static bool read_label(struct api_call *call, struct store_job_list *list)
{
    struct str label;

    if (!api_query(call, "label", &label)) {
        return false;
    }
    if (label.ptr == NULL) {
        return true;
    }
    list->label_key = str_split(&label, ':');
    list->label_value = label;
    if (list->label_key.len == 0 || label.ptr == NULL) {
        api_fail(call, HUB_ERR_BAD_REQUEST, "parameter label must be NAME:VALUE");
        return false;
    }
    return true;
}

static bool read_batch(struct api_call *call, struct id *ret_batch)
{
    struct str batch;

    if (!api_query(call, "batch", &batch)) {
        return false;
    }
    if (batch.ptr != NULL && !id_parse(batch, ret_batch)) {
        api_fail(call, HUB_ERR_BAD_REQUEST, "parameter batch must be an id");
        return false;
    }
    return true;
}

static bool read_filters(struct api_call *call, struct store_job_list *list)
{
    uint64_t limit;

    if (!read_states(call, &list->states) || !api_query(call, "type", &list->type) ||
        !api_query(call, "queue", &list->queue) || !read_label(call, list) ||
        !read_batch(call, &list->batch) ||
        !api_query_time(call, "created_from", &list->created_from) ||
        !api_query_time(call, "created_to", &list->created_to) ||
        !cursor_read(call, &list->before) ||
        !api_query_u64(call, "limit", 1, LIMIT_MAX, LIMIT_DEFAULT, &limit)) {
        return false;
    }
    list->limit = (unsigned)limit;
    return true;
}

/* --- The answer --------------------------------------------------------------------------------*/

static void append_jobs(struct buf *body, const struct api *api, const struct store_job_list *list)
{
    buf_append_c(body, "{\"jobs\":[");
    for (unsigned i = 0; i < list->ret_count; i++) {
        const struct job_record *job = &list->ret_jobs[i];
        struct jobs_live live;
        bool is_live =
            !job_state_terminal(job->state) && jobs_live(api->deps.jobs, &job->id, &live);

        if (i > 0) {
            buf_append_char(body, ',');
        }
        render_job(body, job, is_live ? &live : NULL, RENDER_SUMMARY);
    }
}

static void on_listed(struct store_op *op, void *context)
{
    struct api_call *call = context;
    const struct store_job_list *list = &op->job_list;
    struct buf body;

    if (op->err < 0) {
        api_fail(call, op->err, "the jobs could not be read");
        return;
    }
    buf_init(&body, LIST_BODY_MAX);
    append_jobs(&body, call->api, list);
    cursor_reply(call, &body, list->ret_more ? &list->ret_next : NULL);
    buf_release(&body);
}

void api_job_list(struct api_call *call)
{
    struct store_op *op = api_op(call, STORE_JOB_LIST, on_listed);

    if (op == NULL) {
        return;
    }
    /* The views that the filters take live in the request's arena, which outlives the operation. */
    if (read_filters(call, &op->job_list)) {
        api_submit(call, op);
    } else {
        store_op_free(op);
    }
}
