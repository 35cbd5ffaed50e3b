/*
 * POST /v1/flows: from a body to a durable graph of jobs.
 *
 *   body → JSON → FlowCreate schema (call.c) → names, cycles (flow_plan.c) → each job as in
 *   POST /v1/jobs (flow_fill.c) → STORE_FLOW_INSERT → engine → 202
 */
#include "api/flow_fill.h"
#include "api/flows.h"
#include "api/idempotency.h"
#include "api/job_fill.h"

#include <stdio.h>

struct creation {
    struct api_call *call;
    struct store_idempotency idempotency;
};

static void fail_item(struct api_call *call, const struct store_op *op, const char *what)
{
    const struct store_flow_insert *insert = &op->flow_insert;
    char id[ID_TEXT_LEN + 1];
    int err = op->err == HUB_ERR_NOT_FOUND ? HUB_ERR_INVALID_INPUT : op->err;

    id_format(&insert->ret_unknown, id);
    api_fail(call, err, "/jobs/%.*s: there is no %s %s",
             STR_ARG(insert->items[insert->ret_item].job.flow_node), what, id);
}

static void fail_submitted(struct api_call *call, const struct store_op *op)
{
    switch (op->err) {
    case HUB_ERR_UNKNOWN_ARTIFACT:
        fail_item(call, op, "artifact");
        break;
    case HUB_ERR_NOT_FOUND:
        fail_item(call, op, "job");
        break;
    case HUB_ERR_IDEMPOTENCY_MISMATCH:
        api_fail(call, op->err, "the key was used with another body");
        break;
    default:
        api_fail(call, op->err, "the flow was not accepted");
    }
}

static void on_submitted(void *context, struct store_op *op)
{
    struct creation *creation = context;
    const struct store_flow_insert *insert = &op->flow_insert;
    bool replayed = op->err == HUB_ERR_CONFLICT && !id_is_zero(&insert->ret_existing);

    idempotency_end(creation->call->api, &creation->idempotency);
    if (op->err < 0 && !replayed) {
        fail_submitted(creation->call, op);
    } else {
        api_answer_flow(creation->call, replayed ? &insert->ret_existing : &insert->flow.id, 202,
                        replayed);
    }
}

static void fail_filling(struct api_call *call, const struct flow_fault *fault, int err)
{
    char detail[HUB_ERROR_DETAIL_MAX];

    if (fault->detail.ptr == NULL) {
        api_fail(call, err, "out of memory");
        return;
    }
    snprintf(detail, sizeof detail, "%.*s: %.*s", STR_ARG(fault->pointer), STR_ARG(fault->detail));
    struct http_problem_item item = {fault->pointer, fault->keyword, fault->detail};
    struct http_problem problem = {
        .err = err, .detail = str_from_c(detail), .items = &item, .item_count = 1};
    api_call_drop_json(call);
    http_respond_problem_full(call->req, &problem);
}

void api_flow_create(struct api_call *call)
{
    struct creation *creation = arena_zalloc(&call->req->arena, sizeof *creation);
    struct store_op *op = creation != NULL ? store_op_new(STORE_FLOW_INSERT) : NULL;
    struct flow_fault fault = {0};

    if (op == NULL) {
        api_fail(call, HUB_ERR_NOMEM, "out of memory");
        return;
    }
    creation->call = call;
    if (idempotency_read(call, &creation->idempotency) < 0) {
        store_op_free(op);
        return;
    }
    int err = flow_fill(call->api, call->json, str_from_c(call->principal.name),
                        job_trace_parent(call->req), op, &fault);
    if (err < 0) {
        fail_filling(call, &fault, err);
        store_op_free(op);
        return;
    }
    if (!idempotency_begin(call, &creation->idempotency)) {
        store_op_free(op);
        return;
    }
    if (creation->idempotency.given) {
        sha256_of(call->body, &creation->idempotency.request);
        op->flow_insert.idempotency = creation->idempotency;
    }
    api_call_drop_json(call);
    jobs_flow_submit(call->api->deps.jobs, op, on_submitted, creation);
}
