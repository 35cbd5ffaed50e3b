/*
 * POST /v1/accounts/{name}/test: the connector's operation `verify_account` as a job like any
 * other, and how it ended. A connector without it gets no job: that the settings match its schema
 * is all that can be told.
 */
#include "api/jobs.h"
#include "api/render.h"
#include "api/resources.h"
#include "api/wait.h"

#define WAIT_S       30
#define ANSWER_MAX   (64u << 10)
#define RETENTION_MS (24LL * 3600 * 1000)

/* `ok`: "true", "false" or "null". */
static void answer(struct api_call *call, const char *ok, struct str message, const struct id *job,
                   struct str code)
{
    char id[ID_TEXT_LEN + 1] = "";
    struct buf body;

    if (job != NULL) {
        id_format(job, id);
    }
    buf_init(&body, ANSWER_MAX);
    buf_append_format(&body, "{\"ok\":%s,\"message\":", ok);
    buf_append_json_string(&body, str_utf8_cut(message, 4096));
    buf_append_char(&body, ',');
    render_text_or_null(&body, "job", str_from_c(id));
    buf_append_char(&body, ',');
    render_text_or_null(&body, "code", code);
    buf_append_char(&body, '}');
    api_reply_buf(call, 200, &body);
}

static void answer_with_job(struct api_call *call, const struct job_record *job)
{
    if (job->state == JOB_SUCCEEDED) {
        answer(call, "true", STR("the provider has accepted the account"), &job->id, STR(""));
    } else if (job_state_terminal(job->state)) {
        answer(call, "false", job->error_message, &job->id, job->error_code);
    } else {
        answer(call, "null", STR("the job has not finished yet: look at it later"), &job->id,
               job->error_code);
    }
}

static void on_submitted(void *context, struct store_op *op)
{
    struct api_call *call = context;
    unsigned wait_s = call->api->config.wait_max_s < WAIT_S ? call->api->config.wait_max_s : WAIT_S;

    if (op->err < 0) {
        api_fail(call, op->err, "the job was not accepted");
        return;
    }
    call->answer_job = answer_with_job;
    wait_for_job(call, &op->job_insert.job.id, wait_s, NULL);
}

static void submit(struct api_call *call, const struct account *account,
                   const struct job_type *type)
{
    struct store_op *op = store_op_new(STORE_JOB_INSERT);
    struct job_record *job;

    if (op == NULL) {
        api_fail(call, HUB_ERR_NOMEM, "out of memory");
        return;
    }
    job = &op->job_insert.job;
    *job = (struct job_record){
        .type = arena_str(&op->arena, type->name),
        .account = arena_str(&op->arena, account->name),
        .created_by = arena_str(&op->arena, str_from_c(call->principal.name)),
        .input = STR("{}"),
        .priority = JOB_PRIORITY_MAX,
        .retry_safety = type->retry_safety,
        .timeout_ms = type->timeout_ms,
        .max_attempts = 1,
        .retention_ms = RETENTION_MS,
    };
    jobs_submit(call->api->deps.jobs, op, on_submitted, call);
}

void api_account_test(struct api_call *call)
{
    const struct account *account = accounts_find(call->api->deps.accounts, call->match.params[0]);
    const struct job_type *type = NULL;
    char name[160];
    struct buf text;

    if (account == NULL) {
        api_fail(call, HUB_ERR_NOT_FOUND, "there is no account of this name");
        return;
    }
    if (account->problem.len > 0) {
        answer(call, "false", account->problem, NULL,
               str_from_c(hub_err_code(HUB_ERR_UNUSABLE_ACCOUNT)));
        return;
    }
    buf_init_fixed(&text, name, sizeof name);
    buf_append_str(&text, account->connector);
    buf_append_c(&text, "." TYPES_VERIFY);
    if (!buf_failed(&text)) {
        type = types_find(call->api->deps.types, buf_view(&text));
    }
    if (type != NULL) {
        submit(call, account, type);
    } else {
        answer(call, "true",
               STR("the settings match the connector's schema; the connector has no operation "
                   "verify_account, so its provider was not asked"),
               NULL, STR(""));
    }
}
