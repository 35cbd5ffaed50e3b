#include "api/jobs.h"

#include "api/render.h"

#include <string.h>

/* --- Answering with a job ----------------------------------------------------------------------*/

struct answer {
    struct api_call *call;
    enum answer_kind kind;
};

static struct http_header location_header(struct api_call *call, const struct id *id)
{
    struct http_header header = {STR("Location"), {0}};
    char *path = arena_alloc(&call->req->arena, sizeof "/v1/jobs/" + ID_TEXT_LEN);

    if (path != NULL) {
        memcpy(path, "/v1/jobs/", 9);
        id_format(id, path + 9);
        header.value = str_of(path, 9 + ID_TEXT_LEN);
    }
    return header;
}

void api_answer_job_record(struct api_call *call, const struct job_record *job,
                           enum answer_kind kind)
{
    bool finished = job_state_terminal(job->state);
    struct http_header headers[2];
    unsigned header_count = 0;
    struct jobs_live live;
    bool is_live = !finished && jobs_live(call->api->deps.jobs, &job->id, &live);
    struct buf *body = api_answer_buf(call->api);

    if (call->answer_job != NULL) {
        call->answer_job(call, job);
        return;
    }
    if (kind == ANSWER_REPLAYED) {
        render_job_as_created(body, job);
    } else {
        render_job(body, job, is_live ? &live : NULL, RENDER_FULL);
    }
    if (kind != ANSWER_GET) {
        headers[header_count++] = location_header(call, &job->id);
        headers[header_count++] =
            kind == ANSWER_WAITED ? (struct http_header){STR("Preference-Applied"), STR("wait")}
                                  : (struct http_header){STR("Idempotency-Replayed"), STR("true")};
    }
    if (buf_failed(body)) {
        api_fail(call, HUB_ERR_NOMEM, "the answer does not fit into memory");
    } else {
        bool accepted = kind == ANSWER_REPLAYED || (kind == ANSWER_WAITED && !finished);
        api_reply_with(call, accepted ? 202 : 200, buf_view(body), headers, header_count);
    }
}

static void on_job(struct store_op *op, void *context)
{
    struct answer *answer = context;

    if (op->err < 0) {
        api_fail(answer->call, op->err,
                 op->err == HUB_ERR_NOT_FOUND ? "no job has this id" : "the job could not be read");
        return;
    }
    api_answer_job_record(answer->call, &op->job_get.ret_job, answer->kind);
}

void api_answer_job(struct api_call *call, const struct id *job, enum answer_kind kind)
{
    struct answer *answer = arena_alloc(&call->req->arena, sizeof *answer);
    struct store_op *op;

    if (answer == NULL) {
        api_fail(call, HUB_ERR_NOMEM, "out of memory");
        return;
    }
    answer->call = call;
    answer->kind = kind;
    op = api_op(call, STORE_JOB_GET, on_job);
    if (op == NULL) {
        return;
    }
    op->context = answer;
    op->job_get.id = *job;
    api_submit(call, op);
}

void api_job_get(struct api_call *call)
{
    struct id id;

    if (api_path_id(call, 0, &id)) {
        api_answer_job(call, &id, ANSWER_GET);
    }
}

/* --- Changing a job ----------------------------------------------------------------------------*/

/* A change that is under way, and what to say if it is refused. */
struct change {
    struct api_call *call;
    struct id id;
    const char *conflict;
};

typedef void change_fn(struct jobs *jobs, const struct id *id, jobs_done_fn *done, void *context);

static void fail_change(struct change *change, int err)
{
    if (err == HUB_ERR_NOT_FOUND) {
        api_fail(change->call, err, "no job has this id");
    } else if (err == HUB_ERR_CONFLICT) {
        api_fail(change->call, err, "%s", change->conflict);
    } else {
        api_fail(change->call, err, "the job could not be changed");
    }
}

static void on_changed(void *context, int err)
{
    struct change *change = context;

    if (err < 0) {
        fail_change(change, err);
    } else {
        api_answer_job(change->call, &change->id, ANSWER_GET);
    }
}

static void on_deleted(void *context, int err)
{
    struct change *change = context;

    if (err < 0) {
        fail_change(change, err);
    } else {
        api_reply_empty(change->call, 204);
    }
}

static void begin_change(struct api_call *call, change_fn *fn, jobs_done_fn *done,
                         const char *conflict)
{
    struct change *change = arena_zalloc(&call->req->arena, sizeof *change);

    if (change == NULL) {
        api_fail(call, HUB_ERR_NOMEM, "out of memory");
        return;
    }
    change->call = call;
    change->conflict = conflict;
    if (api_path_id(call, 0, &change->id)) {
        fn(call->api->deps.jobs, &change->id, done, change);
    }
}

void api_job_cancel(struct api_call *call)
{
    begin_change(call, jobs_cancel, on_changed, "the job is finished already, or what became of it is not known");
}

void api_job_retry(struct api_call *call)
{
    begin_change(call, jobs_retry, on_changed, "only a failed or unknown job can be retried");
}

void api_job_delete(struct api_call *call)
{
    begin_change(call, jobs_delete, on_deleted, "the job is not finished: cancel it first");
}
