/*
 * POST /v1/hooks/{account}: what a provider tells of its own accord.
 *
 *   body, raw ─▶ CONNECTOR.webhook with "verify_only", an attempt that the engine knows nothing of
 *     not genuine ─▶ 401, counted, and nothing of it is stored
 *     genuine ─▶ the same operation as a job, which books what is new ─▶ 200 after the commit
 *
 * Only the connector knows the provider's signatures, and only its runner sees the account's
 * secrets and may fetch a certificate; so both the proof and the booking are its. The route is
 * open: who may call is what the signature says. A webhook may come twice: the connector tells a
 * duplicate by the event's id, which it keeps on stable storage.
 */
#include "api/jobs.h"
#include "api/resources.h"

#include "base/clock.h"
#include "base/hash.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOOKS_MAX    64 /* that are being verified at once */
#define BODY_MAX     (512u << 10)
#define INPUT_MAX    (2u << 20)
#define HEADER_MAX   8192
#define HEADERS_MAX  64
#define VERIFY_MS    20000
#define RETENTION_MS (7LL * 24 * 3600 * 1000)
#define OPERATION    "webhook"

struct hooks {
    struct map calls; /* token → struct hook */
    uint64_t last;
    uint64_t refused;
    uint64_t taken;
};

/* One that is being verified. */
struct hook {
    struct hooks *hooks;
    struct api_call *call;
    uint64_t token;
    struct str type; /* in the request's arena, as the rest */
    struct str account;
    struct buf input; /* without its closing brace */
};

static struct str token_view(const uint64_t *token)
{
    return str_of((const char *)token, sizeof *token);
}

static void hook_free(struct hook *self)
{
    map_remove(&self->hooks->calls, token_view(&self->token));
    buf_release(&self->input);
    free(self);
}

int hooks_new(struct hooks **ret_self)
{
    struct hooks *self = calloc(1, sizeof *self);

    if (self == NULL) {
        return HUB_ERR_NOMEM;
    }
    map_init(&self->calls);
    *ret_self = self;
    return 0;
}

void hooks_free(struct hooks *self)
{
    struct map_entry *entry;

    if (self == NULL) {
        return;
    }
    while ((entry = map_next(&self->calls, NULL)) != NULL) {
        hook_free(entry->value);
    }
    map_release(&self->calls);
    free(self);
}

uint64_t hooks_refused(const struct hooks *self)
{
    return self->refused;
}

uint64_t hooks_taken(const struct hooks *self)
{
    return self->taken;
}

/* --- Answers -----------------------------------------------------------------------------------*/

/* What Adyen wants to read; the others look at the status only. */
static void acknowledge(struct api_call *call)
{
    struct http_response response;

    call->api->hooks->taken++;
    http_response_init(&response, 200);
    http_response_header(&response, "Content-Type", STR("text/plain; charset=utf-8"));
    response.body = STR("[accepted]");
    http_respond(call->req, &response);
}

/* --- Genuine: a job ----------------------------------------------------------------------------*/

static void on_submitted(void *context, struct store_op *op)
{
    struct api_call *call = context;

    if (op->err < 0) {
        api_fail(call, op->err, "the webhook was not accepted");
    } else {
        acknowledge(call);
    }
}

/* Closes the input; false: out of memory. */
static bool fill_job(struct hook *self, struct store_op *op)
{
    const struct job_type *type = types_find(self->call->api->deps.types, self->type);
    struct job_record *job = &op->job_insert.job;

    buf_append_char(&self->input, '}');
    if (type == NULL || buf_failed(&self->input)) {
        return false;
    }
    *job = (struct job_record){
        .type = arena_str(&op->arena, type->name),
        .account = arena_str(&op->arena, self->account),
        .created_by = STR("webhook"),
        .input = arena_str(&op->arena, buf_view(&self->input)),
        .retry_safety = type->retry_safety,
        .timeout_ms = type->timeout_ms,
        .max_attempts = type->max_attempts,
        .retention_ms = RETENTION_MS,
    };
    return job->type.ptr != NULL && job->account.ptr != NULL && job->input.ptr != NULL;
}

static void submit(struct hook *self)
{
    struct api_call *call = self->call;
    struct store_op *op = store_op_new(STORE_JOB_INSERT);
    bool filled = op != NULL && fill_job(self, op);

    hook_free(self);
    if (filled) {
        jobs_submit(call->api->deps.jobs, op, on_submitted, call);
    } else {
        store_op_free(op);
        api_fail(call, HUB_ERR_NOMEM, "out of memory");
    }
}

/* --- What the connector says of it -------------------------------------------------------------*/

/* Does it tell anything? A genuine webhook about something else is taken, and forgotten. */
static bool tells_something(struct str result)
{
    struct json_object *json, *events;
    bool tells = true;

    if (json_read(result, JSON_DEPTH_MAX, &json, NULL, NULL) == 0) {
        tells = !json_get_array(json, "events", &events) || json_object_array_length(events) > 0;
        json_object_put(json);
    }
    return tells;
}

static void refuse(struct hook *self, struct str code)
{
    struct api_call *call = self->call;

    self->hooks->refused++;
    hook_free(self);
    if (str_eq(code, STR("unauthorized"))) {
        api_fail(call, HUB_ERR_UNAUTHORIZED, "the webhook is not signed as the account wants it");
    } else {
        api_fail(call, HUB_ERR_BAD_REQUEST, "this is no webhook that the connector knows");
    }
}

void api_hook_finished(struct api *api, const struct supervisor_outcome *outcome)
{
    struct hook *self = map_get(&api->hooks->calls, token_view(&outcome->token));

    for (unsigned i = 0; i < outcome->artifact_count; i++) {
        close(outcome->artifacts[i].fd);
    }
    if (self == NULL) {
        return;
    }
    struct api_call *call = self->call;
    if (outcome->kind == SUPERVISOR_FAIL) {
        refuse(self, outcome->code);
    } else if (outcome->kind != SUPERVISOR_OK) {
        hook_free(self);
        api_fail(call, HUB_ERR_UNAVAILABLE, "the webhook could not be verified at the moment");
    } else if (!tells_something(outcome->result)) {
        hook_free(self);
        acknowledge(call);
    } else {
        submit(self);
    }
}

/* --- In ----------------------------------------------------------------------------------------*/

static void append_headers(struct buf *input, const struct http_request *req)
{
    unsigned count = 0;

    buf_append_c(input, "{\"headers\":{");
    for (unsigned i = 0; i < req->header_count && count < HEADERS_MAX; i++) {
        const struct http_header *header = &req->headers[i];
        bool sent_twice = false;
        for (unsigned k = 0; k < i; k++) {
            sent_twice = sent_twice || str_eq_nocase(req->headers[k].name, header->name);
        }
        if (!sent_twice && header->value.len <= HEADER_MAX) {
            buf_append_c(input, count++ > 0 ? "," : "");
            buf_append_json_string(input, header->name);
            buf_append_char(input, ':');
            buf_append_json_string(input, header->value);
        }
    }
    buf_append_char(input, '}');
}

static int place(struct hook *self, struct str connector)
{
    struct api *api = self->call->api;
    struct id id = id_next(&api->ids, clock_wall_ms());
    char job_id[ID_TEXT_LEN + 1];
    struct buf input;

    id_format(&id, job_id);
    buf_init(&input, INPUT_MAX);
    buf_append_str(&input, buf_view(&self->input));
    buf_append_c(&input, ",\"verify_only\":true}");
    struct supervisor_request request = {
        .token = self->token,
        .connector = connector,
        .operation = STR(OPERATION),
        .job_id = str_from_c(job_id),
        .attempt = 1,
        .max_attempts = 1,
        .input = buf_view(&input),
        .account_name = self->account,
        .idempotency_key = str_from_c(job_id),
        .timeout_ms = VERIFY_MS,
    };
    int err = buf_failed(&input) ? HUB_ERR_NOMEM : 0;
    if (err == 0) {
        err = accounts_open(api->deps.accounts, self->account, connector, &request.account);
    }
    if (err == 0) {
        err = supervisor_start(api->deps.supervisor, &request);
        accounts_shut(api->deps.accounts);
    }
    buf_release(&input);
    return err;
}

/* NULL: out of memory. */
static struct hook *hook_new(struct api_call *call, struct str body)
{
    struct hooks *hooks = call->api->hooks;
    struct hook *self = calloc(1, sizeof *self);

    if (self == NULL) {
        return NULL;
    }
    self->hooks = hooks;
    self->call = call;
    self->token = API_HOOK_TOKEN | ++hooks->last;
    buf_init(&self->input, INPUT_MAX);
    append_headers(&self->input, call->req);
    buf_append_c(&self->input, ",\"body\":");
    buf_append_json_string(&self->input, body);
    buf_append_format(&self->input, ",\"received_at_ms\":%lld", (long long)clock_wall_ms());
    if (buf_failed(&self->input) || map_put(&hooks->calls, token_view(&self->token), self) < 0) {
        buf_release(&self->input);
        free(self);
        return NULL;
    }
    return self;
}

/* The type that takes webhooks of this account: CONNECTOR.webhook; empty: there is none. */
static struct str type_of(struct api_call *call, const struct account *account)
{
    struct buf name;
    const struct job_type *type;

    buf_init(&name, 256);
    buf_append_str(&name, account->connector);
    buf_append_c(&name, "." OPERATION);
    type = buf_failed(&name) ? NULL : types_find(call->api->deps.types, buf_view(&name));
    struct str found =
        type != NULL ? arena_str(&call->req->arena, buf_view(&name)) : (struct str){0};
    buf_release(&name);
    return found;
}

static void on_body(struct http_request *req, struct str body, void *context)
{
    struct api_call *call = context;
    const struct account *account = accounts_find(call->api->deps.accounts, call->match.params[0]);
    struct str type = account != NULL ? type_of(call, account) : (struct str){0};
    struct hook *self;

    (void)req;
    if (type.len == 0) {
        api_fail(call, HUB_ERR_NOT_FOUND, "no account of this name takes webhooks");
        return;
    }
    /* Signed are bytes: what is not text came from nobody whom a connector knows. */
    if (str_utf8_valid_prefix(body) != body.len || memchr(body.ptr ? body.ptr : "", 0, body.len)) {
        api_fail(call, HUB_ERR_BAD_REQUEST, "the body is not text");
        return;
    }
    self = hook_new(call, body);
    if (self == NULL) {
        api_fail(call, HUB_ERR_NOMEM, "out of memory");
        return;
    }
    self->type = type;
    self->account = arena_str(&call->req->arena, account->name);
    int err = self->account.ptr != NULL ? place(self, account->connector) : HUB_ERR_NOMEM;
    if (err < 0) {
        hook_free(self);
        api_fail(call, err == HUB_ERR_NOMEM ? err : HUB_ERR_UNAVAILABLE,
                 "the webhook could not be verified at the moment");
    }
}

void api_hook_create(struct api_call *call)
{
    if (call->api->phase != API_READY || call->api->hooks->calls.len >= HOOKS_MAX) {
        api_fail(call, HUB_ERR_UNAVAILABLE, "no more webhooks are taken at the moment");
        return;
    }
    http_read_body(call->req, BODY_MAX, on_body, call);
}
