/* GET /v1/flows, GET /v1/flows/{id}, …/cancel, …/retry */
#include "api/flows.h"
#include "api/cursor.h"

#include "api/render.h"
#include "base/clock.h"

#include <string.h>

#define LIMIT_DEFAULT 50
#define LIMIT_MAX     200
#define LIST_BODY_MAX (16u << 20)

/* --- Rendering ---------------------------------------------------------------------------------*/

static void render_head(struct buf *out, const struct flow_record *flow,
                        const struct flow_counts *counts)
{
    const char *separator = "";
    char id[ID_TEXT_LEN + 1];

    id_format(&flow->id, id);
    buf_append_format(out, "{\"id\":\"%s\",", id);
    render_text_or_null(out, "name", flow->name);
    buf_append_c(out, ",\"labels\":");
    buf_append_str(out, flow->labels.len > 0 ? flow->labels : STR("{}"));
    buf_append_format(out, ",\"state\":\"%s\",\"counts\":{",
                      flow_state_name(flow_state_of(counts)));
    for (int i = 0; i < JOB_STATE_COUNT; i++) {
        if (counts->jobs[i] > 0) {
            buf_append_format(out, "%s\"%s\":%u", separator, job_state_name((enum job_state)i),
                              counts->jobs[i]);
            separator = ",";
        }
    }
    if (counts->skipped > 0) {
        buf_append_format(out, "%s\"skipped\":%u", separator, counts->skipped);
    }
    buf_append_c(out, "},\"created_at\":");
    clock_append_json(out, flow->created_at);
}

/* Takes what the engine knows better than the store. */
static void refresh(struct jobs *jobs, const struct store_flow_get *get,
                    struct flow_counts *ret_counts)
{
    struct jobs_live live;

    *ret_counts = (struct flow_counts){0};
    for (unsigned i = 0; i < get->ret_count; i++) {
        struct job_record *job = &get->ret_jobs[i];
        if (!job_state_terminal(job->state) && jobs_live(jobs, &job->id, &live)) {
            job->state = live.state;
            job->attempt = live.attempt;
            job->started_at = live.started_at ? live.started_at : job->started_at;
        }
        ret_counts->jobs[job->state]++;
        ret_counts->skipped +=
            job->state == JOB_CANCELLED && str_eq(job->error_code, STR(JOB_SKIPPED));
    }
}

static void render_node(struct buf *out, const struct job_record *job)
{
    char id[ID_TEXT_LEN + 1];

    id_format(&job->id, id);
    buf_append_json_string(out, job->flow_node);
    buf_append_format(out, ":{\"id\":\"%s\",\"type\":", id);
    buf_append_json_string(out, job->type);
    buf_append_format(
        out, ",\"state\":\"%s\",\"on_parent_failure\":\"%s\",\"attempt\":%u,\"error\":",
        job_state_name(job->state), job_parent_policy_name(job->on_parent_failure), job->attempt);
    if (job->error_code.len > 0) {
        buf_append_c(out, "{\"code\":");
        buf_append_json_string(out, job->error_code);
        buf_append_c(out, ",\"message\":");
        buf_append_json_string(out, job->error_message);
        buf_append_char(out, '}');
    } else {
        buf_append_c(out, "null");
    }
    if (job->for_each.len > 0) {
        buf_append_c(out, ",\"items\":");
        if (job->items.made) {
            render_items(out, &job->items);
        } else {
            buf_append_c(out, "null");
        }
    }
    buf_append_c(out, ",\"started_at\":");
    clock_append_json(out, job->started_at);
    buf_append_c(out, ",\"finished_at\":");
    clock_append_json(out, job->finished_at);
    buf_append_char(out, '}');
}

/* The name of a job in the flow; else its id. */
static void render_name(struct buf *out, const struct store_flow_get *get, const struct id *id)
{
    char text[ID_TEXT_LEN + 1];

    for (unsigned i = 0; i < get->ret_count; i++) {
        if (id_eq(&get->ret_jobs[i].id, id)) {
            buf_append_json_string(out, get->ret_jobs[i].flow_node);
            return;
        }
    }
    id_format(id, text);
    buf_append_format(out, "\"%s\"", text);
}

static void render_edges(struct buf *out, const struct store_flow_get *get)
{
    const char *separator = "";

    for (unsigned i = 0; i < get->ret_count; i++) {
        const struct job_record *job = &get->ret_jobs[i];
        for (unsigned k = 0; k < job->after_count; k++) {
            buf_append_format(out, "%s{\"from\":", separator);
            render_name(out, get, &job->after[k]);
            buf_append_c(out, ",\"to\":");
            buf_append_json_string(out, job->flow_node);
            buf_append_char(out, '}');
            separator = ",";
        }
    }
}

void render_flow(struct buf *out, struct jobs *jobs, const struct store_flow_get *get)
{
    struct flow_counts counts;

    refresh(jobs, get, &counts);
    render_head(out, &get->ret_flow, &counts);
    buf_append_c(out, ",\"jobs\":{");
    for (unsigned i = 0; i < get->ret_count; i++) {
        if (i > 0) {
            buf_append_char(out, ',');
        }
        render_node(out, &get->ret_jobs[i]);
    }
    buf_append_c(out, "},\"edges\":[");
    render_edges(out, get);
    buf_append_c(out, "]}");
}

/* --- Reading -----------------------------------------------------------------------------------*/

struct reading {
    struct api_call *call;
    int status;
    bool replayed;
    char path[sizeof "/v1/flows/" + ID_TEXT_LEN];
};

static void on_read(struct store_op *op, void *context)
{
    struct reading *reading = context;
    struct api_call *call = reading->call;
    struct http_header headers[] = {
        {STR("Location"), str_from_c(reading->path)},
        {STR("Idempotency-Replayed"), STR("true")},
    };

    if (op->err < 0) {
        api_fail(call, op->err,
                 op->err == HUB_ERR_NOT_FOUND ? "no flow has this id"
                                              : "the flow could not be read");
        return;
    }
    struct buf *body = api_answer_buf(call->api);
    render_flow(body, call->api->deps.jobs, &op->flow_get);
    api_reply_with(call, reading->status, buf_view(body), headers,
                   reading->status != 202 ? 0
                   : reading->replayed    ? 2
                                          : 1);
}

void api_answer_flow(struct api_call *call, const struct id *id, int status, bool replayed)
{
    struct reading *reading = arena_zalloc(&call->req->arena, sizeof *reading);
    struct store_op *op = reading != NULL ? api_op(call, STORE_FLOW_GET, on_read) : NULL;

    if (reading == NULL) {
        api_fail(call, HUB_ERR_NOMEM, "out of memory");
    }
    if (op == NULL) {
        return;
    }
    reading->call = call;
    reading->status = status;
    reading->replayed = replayed;
    memcpy(reading->path, "/v1/flows/", 10);
    id_format(id, reading->path + 10);
    op->flow_get.id = *id;
    op->context = reading;
    api_submit(call, op);
}

void api_flow_get(struct api_call *call)
{
    struct id id;

    if (api_path_id(call, 0, &id)) {
        api_answer_flow(call, &id, 200, false);
    }
}

static void on_listed(struct store_op *op, void *context)
{
    struct api_call *call = context;
    const struct store_flow_list *list = &op->flow_list;
    struct buf body;

    if (op->err < 0) {
        api_fail(call, op->err, "the flows could not be read");
        return;
    }
    buf_init(&body, LIST_BODY_MAX);
    buf_append_c(&body, "{\"flows\":[");
    for (unsigned i = 0; i < list->ret_count; i++) {
        if (i > 0) {
            buf_append_char(&body, ',');
        }
        render_head(&body, &list->ret_flows[i], &list->ret_flows[i].counts);
        buf_append_char(&body, '}');
    }
    cursor_reply(call, &body, list->ret_more ? &list->ret_flows[list->ret_count - 1].id : NULL);
    buf_release(&body);
}

void api_flow_list(struct api_call *call)
{
    struct id before = {{0}};
    uint64_t limit;

    if (!cursor_read(call, &before) ||
        !api_query_u64(call, "limit", 1, LIMIT_MAX, LIMIT_DEFAULT, &limit)) {
        return;
    }
    struct store_op *op = api_op(call, STORE_FLOW_LIST, on_listed);
    if (op != NULL) {
        op->flow_list.before = before;
        op->flow_list.limit = (unsigned)limit;
        api_submit(call, op);
    }
}

/* --- Cancel and retry --------------------------------------------------------------------------*/

static void on_changed(struct api_call *call, int err, const char *conflict)
{
    struct id id;

    if (err < 0) {
        api_fail(call, err, "%s",
                 err == HUB_ERR_NOT_FOUND  ? "no flow has this id"
                 : err == HUB_ERR_CONFLICT ? conflict
                                           : "the flow could not be changed");
    } else if (api_path_id(call, 0, &id)) {
        api_answer_flow(call, &id, 200, false);
    }
}

static void on_cancelled(void *context, int err)
{
    on_changed(context, err, "all jobs of the flow are finished already");
}

static void on_retried(void *context, int err)
{
    on_changed(context, err, "no job of the flow failed that could be retried");
}

void api_flow_cancel(struct api_call *call)
{
    struct id id;

    if (api_path_id(call, 0, &id)) {
        jobs_flow_cancel(call->api->deps.jobs, &id, on_cancelled, call);
    }
}

void api_flow_retry(struct api_call *call)
{
    struct id id;

    if (api_path_id(call, 0, &id)) {
        jobs_flow_retry(call->api->deps.jobs, &id, on_retried, call);
    }
}
