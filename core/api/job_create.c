/*
 * POST /v1/jobs: from a body to a durable job.
 *
 *   body → JSON → JobCreate schema (call.c) → job type → operation's schema → files it names
 *        → STORE_JOB_INSERT → engine → 202, or waits for the end
 */
#include "api/idempotency.h"
#include "api/input_refs.h"
#include "api/job_account.h"
#include "api/job_fill.h"
#include "api/jobs.h"
#include "api/render.h"
#include "api/types.h"
#include "api/wait.h"
#include "base/clock.h"
#include "base/hash.h"

#include <stdio.h>

/* A job on its way into the queue. */
struct creation {
    struct api_call *call;
    struct store_idempotency idempotency;
    unsigned wait_s;
    struct str account; /* its name; empty: none */
    bool open;          /* the input takes values of other jobs */
};

/* --- Checking ----------------------------------------------------------------------------------*/

static const struct job_type *find_type(struct api_call *call)
{
    struct types *types = call->api->deps.types;
    const struct job_type *type;
    struct str name = {0};
    struct str near;

    json_get_str(call->json, "type", &name);
    type = types_find(types, name);
    if (type != NULL) {
        return type;
    }
    near = types_suggest(types, name);
    struct http_problem_item item = {STR("/type"), STR("type"), STR("no connector offers it")};
    char detail[HUB_ERROR_DETAIL_MAX];
    snprintf(detail, sizeof detail, "no connector offers \"%.*s\"%s%.*s%s", STR_ARG(name),
             near.len ? ", did you mean \"" : "", (int)near.len, near.len ? near.ptr : "",
             near.len ? "\"?" : "");
    struct http_problem problem = {
        .err = HUB_ERR_UNKNOWN_TYPE,
        .detail = str_from_c(detail),
        .items = &item,
        .item_count = 1,
    };
    json_object_put(call->json);
    call->json = NULL;
    http_respond_problem_full(call->req, &problem);
    return NULL;
}

static bool input_is_valid(struct api_call *call, const struct job_type *type,
                           struct json_object *input, bool open)
{
    struct schema_errors errors;
    int err;

    schema_errors_init(&errors, SCHEMA_ERRORS_MAX);
    err = schema_validate_open(type->input, input, open ? input_ref_is : NULL, &errors);
    if (err < 0) {
        api_fail_schema(call, &errors, STR("/input"));
    }
    schema_errors_release(&errors);
    return err == 0;
}

static void fail_place(struct api_call *call, int err, struct str pointer, struct str keyword,
                       struct str detail)
{
    struct http_problem_item item = {pointer, keyword, detail};
    struct http_problem problem = {.err = err, .detail = detail, .items = &item, .item_count = 1};

    api_call_drop_json(call);
    http_respond_problem_full(call->req, &problem);
}

static bool find_account(struct creation *creation, const struct job_type *type)
{
    struct api_call *call = creation->call;
    struct hub_error error;
    int err = job_account(call->api->deps.types, call->api->deps.accounts, call->json, type,
                          &creation->account, &error);

    if (err < 0) {
        fail_place(call, err, STR("/account"), STR("account"), str_from_c(error.detail));
    }
    return err == 0;
}

/* --- Into the queue ----------------------------------------------------------------------------*/

static void answer_accepted(struct creation *creation, const struct store_job_insert *insert)
{
    struct job_record job = insert->job;
    struct api_call *call = creation->call;
    char path[sizeof "/v1/jobs/" + ID_TEXT_LEN] = "/v1/jobs/";
    struct http_header location = {STR("Location"), {path, sizeof path - 1}};
    struct buf *body = api_answer_buf(call->api);

    job.state = insert->ret_state;
    id_format(&job.id, path + 9);
    render_job(body, &job, NULL, RENDER_FULL);
    api_reply_with(call, 202, buf_view(body), &location, 1);
}

static void fail_submitted(struct creation *creation, const struct store_op *op)
{
    const struct store_job_insert *insert = &op->job_insert;
    char id[ID_TEXT_LEN + 1];

    id_format(&insert->ret_unknown, id);
    switch (op->err) {
    case HUB_ERR_UNKNOWN_ARTIFACT:
        api_fail(creation->call, op->err, "there is no artifact %s", id);
        break;
    case HUB_ERR_NOT_FOUND:
        api_fail(creation->call, HUB_ERR_INVALID_INPUT, "after: there is no job %s", id);
        break;
    case HUB_ERR_IDEMPOTENCY_MISMATCH:
        api_fail(creation->call, op->err, "the key was used with another body");
        break;
    default:
        api_fail(creation->call, op->err, "the job was not accepted");
    }
}

static void on_submitted(void *context, struct store_op *op)
{
    struct creation *creation = context;
    struct api_call *call = creation->call;
    const struct store_job_insert *insert = &op->job_insert;
    bool replayed = op->err == HUB_ERR_CONFLICT;
    const struct id *id = replayed ? &insert->ret_existing : &insert->job.id;

    idempotency_end(call->api, &creation->idempotency);
    if (replayed && id_is_zero(id)) {
        api_fail(call, HUB_ERR_GONE, "the job that this Idempotency-Key made is deleted");
    } else if (op->err < 0 && !replayed) {
        fail_submitted(creation, op);
    } else if (creation->wait_s > 0) {
        wait_for_job(call, id, creation->wait_s, replayed ? NULL : op);
    } else if (replayed) {
        api_answer_job(call, id, ANSWER_REPLAYED);
    } else {
        answer_accepted(creation, insert);
    }
}

static void fail_filling(struct api_call *call, const struct job_fault *fault, int err)
{
    struct schema_errors errors;

    if (fault->detail == NULL) {
        api_fail(call, err, "out of memory");
    } else if (fault->pointer.ptr == NULL) {
        api_fail(call, err, "%s", fault->detail);
    } else if (err != HUB_ERR_INVALID_INPUT) {
        fail_place(call, err, fault->pointer, fault->keyword, str_from_c(fault->detail));
    } else {
        schema_errors_init(&errors, 1);
        errors.items[errors.len++] = (struct schema_error){
            .pointer = fault->pointer,
            .keyword = fault->keyword,
            .detail = str_from_c(fault->detail),
        };
        api_fail_schema(call, &errors, STR(""));
        schema_errors_release(&errors);
    }
}

static void submit(struct creation *creation, const struct job_type *type,
                   struct json_object *input)
{
    struct api_call *call = creation->call;
    const struct job_source source = {call->json, call->body, input, creation->open,
                                      call->api->deps.accounts};
    struct store_op *op = store_op_new(STORE_JOB_INSERT);
    struct job_fault fault = {0};
    int err = HUB_ERR_NOMEM;

    if (op != NULL) {
        struct job_record *job = &op->job_insert.job;
        job->traceparent = arena_str(&op->arena, job_trace_parent(call->req));
        job->created_by = arena_str(&op->arena, str_from_c(call->principal.name));
        job->account = arena_str(&op->arena, creation->account);
        err = job_fill(&source, type, &op->arena, job, &fault);
    }
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
        op->job_insert.idempotency = creation->idempotency;
    }
    /* All is copied. Freed now, while it is warm, its many small pieces serve the next request;
     * kept until the commit, those of all requests under way would pile up. */
    api_call_drop_json(call);
    jobs_submit(call->api->deps.jobs, op, on_submitted, creation);
}

void api_job_create(struct api_call *call)
{
    struct creation *creation = arena_zalloc(&call->req->arena, sizeof *creation);
    struct json_object *empty = NULL;
    struct json_object *input = NULL;
    const struct job_type *type;

    if (creation == NULL) {
        api_fail(call, HUB_ERR_NOMEM, "out of memory");
        return;
    }
    creation->call = call;
    creation->wait_s = wait_preference(call->req, call->api->config.wait_max_s);
    if (idempotency_read(call, &creation->idempotency) < 0) {
        return;
    }
    type = find_type(call);
    if (type == NULL || !find_account(creation, type)) {
        return;
    }
    if (!json_get_object(call->json, "input", &input)) {
        input = empty = json_object_new_object();
    }
    creation->open = input_refs_any(call->body, input);
    if (input_is_valid(call, type, input, creation->open)) {
        submit(creation, type, input);
    }
    json_object_put(empty);
}
