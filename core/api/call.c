#include "api/call.h"

#include "accounts/secret.h"
#include "api/schemas.h"
#include "base/clock.h"

#include <stdio.h>
#include <string.h>

#define ANSWER_MAX  (4u << 20) /* a job with input and result, and 100 attempts */
#define ANSWER_KEPT (64u << 10)

struct buf *api_answer_buf(struct api *api)
{
    if (api->answer.cap > ANSWER_KEPT) {
        buf_release(&api->answer);
    }
    buf_clear(&api->answer);
    api->answer.limit = ANSWER_MAX;
    return &api->answer;
}

void api_call_drop_json(struct api_call *call)
{
    if (call->route->secret) {
        secret_put_json(call->json);
    } else {
        json_object_put(call->json);
    }
    call->json = NULL;
}

void api_reply_with(struct api_call *call, int status, struct str json,
                    const struct http_header *headers, unsigned header_count)
{
    struct http_response response;

    http_response_init(&response, status);
    if (json.len > 0) {
        http_response_header(&response, "Content-Type", STR("application/json"));
    }
    http_response_header(&response, "Cache-Control", STR("no-store"));
    for (unsigned i = 0; i < header_count; i++) {
        http_response_header(&response, headers[i].name.ptr, headers[i].value);
    }
    response.body = json;
    api_call_drop_json(call);
    http_respond(call->req, &response);
}

void api_reply(struct api_call *call, int status, struct str json)
{
    api_reply_with(call, status, json, NULL, 0);
}

void api_reply_buf(struct api_call *call, int status, struct buf *json)
{
    if (buf_failed(json)) {
        api_fail(call, HUB_ERR_NOMEM, "the answer does not fit into memory");
    } else {
        api_reply(call, status, buf_view(json));
    }
    buf_release(json);
}

void api_reply_empty(struct api_call *call, int status)
{
    api_reply_with(call, status, (struct str){0}, NULL, 0);
}

void api_fail(struct api_call *call, int err, const char *format, ...)
{
    char detail[HUB_ERROR_DETAIL_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    api_call_drop_json(call);
    http_respond_problem(call->req, err, detail);
}

void api_fail_schema(struct api_call *call, const struct schema_errors *errors, struct str prefix)
{
    struct http_problem_item items[SCHEMA_ERRORS_MAX];
    struct http_problem problem = {
        .err = HUB_ERR_INVALID_INPUT,
        .detail = errors->len > 0 ? errors->items[0].detail : (struct str){0},
        .items = items,
        .item_count = (unsigned)errors->len,
    };

    for (size_t i = 0; i < errors->len; i++) {
        const struct schema_error *error = &errors->items[i];
        size_t len = prefix.len + error->pointer.len;
        char *pointer = arena_alloc(&call->req->arena, len + 1);

        if (pointer == NULL) {
            problem.item_count = (unsigned)i;
            break;
        }
        memcpy(pointer, prefix.ptr, prefix.len);
        memcpy(pointer + prefix.len, error->pointer.ptr, error->pointer.len);
        items[i].pointer = str_of(pointer, len);
        items[i].keyword = error->keyword;
        items[i].detail = error->detail;
    }
    api_call_drop_json(call);
    http_respond_problem_full(call->req, &problem);
}

/* --- Parameters --------------------------------------------------------------------------------*/

bool api_path_id(struct api_call *call, unsigned index, struct id *ret_id)
{
    if (id_parse(call->match.params[index], ret_id)) {
        return true;
    }
    api_fail(call, HUB_ERR_NOT_FOUND, "this is not an id");
    return false;
}

bool api_query(struct api_call *call, const char *name, struct str *ret_value)
{
    int found = http_query_get(call->req->query, name, &call->req->arena, ret_value);

    if (found < 0) {
        api_fail(call, found, "parameter %s is malformed or given twice", name);
        return false;
    }
    if (found == 0) {
        *ret_value = (struct str){0};
    }
    return true;
}

bool api_query_u64(struct api_call *call, const char *name, uint64_t min, uint64_t max,
                   uint64_t fallback, uint64_t *ret_value)
{
    struct str text;

    if (!api_query(call, name, &text)) {
        return false;
    }
    *ret_value = fallback;
    if (text.ptr != NULL && (!str_to_u64(text, max, ret_value) || *ret_value < min)) {
        api_fail(call, HUB_ERR_BAD_REQUEST, "parameter %s must be a number from %llu to %llu", name,
                 (unsigned long long)min, (unsigned long long)max);
        return false;
    }
    return true;
}

bool api_query_bool(struct api_call *call, const char *name, bool fallback, bool *ret_value)
{
    struct str text;

    if (!api_query(call, name, &text)) {
        return false;
    }
    bool yes = str_eq(text, STR("true"));
    if (text.ptr != NULL && !yes && !str_eq(text, STR("false"))) {
        api_fail(call, HUB_ERR_BAD_REQUEST, "parameter %s must be true or false", name);
        return false;
    }
    *ret_value = text.ptr != NULL ? yes : fallback;
    return true;
}

bool api_query_time(struct api_call *call, const char *name, int64_t *ret_ms)
{
    struct str text;

    if (!api_query(call, name, &text)) {
        return false;
    }
    *ret_ms = 0;
    if (text.ptr != NULL && !clock_parse(text, ret_ms)) {
        api_fail(call, HUB_ERR_BAD_REQUEST, "parameter %s must be an RFC 3339 date-time", name);
        return false;
    }
    return true;
}

/* --- Store -------------------------------------------------------------------------------------*/

struct store_op *api_op(struct api_call *call, enum store_op_kind kind, store_done_fn *done)
{
    struct store_op *op = store_op_new(kind);

    if (op == NULL) {
        api_fail(call, HUB_ERR_NOMEM, "out of memory");
        return NULL;
    }
    op->done = done;
    op->context = call;
    return op;
}

void api_submit(struct api_call *call, struct store_op *op)
{
    store_submit(call->api->deps.store, op);
}

/* --- On the way in -----------------------------------------------------------------------------*/

static bool query_is_known(struct api_call *call)
{
    struct str rest = call->req->query;
    struct str name, value;

    while (http_query_next(&rest, &name, &value)) {
        bool known = false;
        for (const struct api_param *p = call->route->params; p->name != NULL && !known; p++) {
            known = strcmp(p->in, "query") == 0 && str_eq(name, str_from_c(p->name));
        }
        if (!known) {
            api_fail(call, HUB_ERR_BAD_REQUEST, "there is no parameter \"%.*s\" here",
                     (int)(name.len < 64 ? name.len : 64), name.ptr);
            return false;
        }
    }
    return true;
}

static bool is_json(const struct http_request *req)
{
    struct str type = http_header(req, "content-type");

    type = str_trim(str_split(&type, ';'));
    return str_eq_nocase(type, STR("application/json")) ||
           (type.len > 5 && str_eq_nocase(str_slice(type, type.len - 5, 5), STR("+json")));
}

static void on_json_body(struct http_request *req, struct str body, void *context)
{
    struct api_call *call = context;
    struct schema_errors errors;
    struct hub_error error;
    int err;

    (void)req;
    call->body = body;
    err = json_read(body, JSON_DEPTH_MAX, &call->json, NULL, &error);
    if (call->route->secret && body.len > 0) {
        explicit_bzero((char *)body.ptr, body.len);
        call->body = (struct str){0};
    }
    if (err < 0) {
        call->json = NULL;
        api_fail(call, err, "%s", error.detail);
        return;
    }
    schema_errors_init(&errors, SCHEMA_ERRORS_MAX);
    err =
        schema_validate(api_schema(call->api->schemas, call->route->request), call->json, &errors);
    if (err < 0) {
        api_fail_schema(call, &errors, STR(""));
    } else {
        call->route->handler(call);
    }
    schema_errors_release(&errors);
}

static void read_json(struct api_call *call)
{
    if (!call->req->has_body) {
        api_fail(call, HUB_ERR_INVALID_JSON, "a JSON body is needed");
    } else if (!is_json(call->req)) {
        api_fail(call, HUB_ERR_UNSUPPORTED_MEDIA_TYPE, "Content-Type must be application/json");
    } else {
        call->req->secret_body = call->route->secret;
        http_read_body(call->req, call->api->config.body_max, on_json_body, call);
    }
}

static bool authorize(struct api_call *call)
{
    if (call->route->scope == 0) {
        return true;
    }
    if (auth_identify(call->api->keys, call->req, &call->principal) < 0) {
        api_fail(call, HUB_ERR_UNAUTHORIZED, "send Authorization: Bearer KEY with a valid key");
        return false;
    }
    if (!auth_allows(&call->principal, call->route->scope)) {
        api_fail(call, HUB_ERR_FORBIDDEN, "this needs the scope %s",
                 scope_name(call->route->scope));
        return false;
    }
    return true;
}

static void refuse_unmatched(struct http_request *req, int err, uint32_t allowed)
{
    struct http_problem problem = {.err = err, .allowed = allowed};

    problem.detail =
        err == HUB_ERR_NOT_FOUND ? STR("there is nothing at this path") : STR("see Allow");
    http_respond_problem_full(req, &problem);
}

void api_on_request(struct http_request *req, void *context)
{
    struct api *api = context;
    struct http_match match = {0};
    struct api_call *call;
    int err = http_router_match(api->router, req, &match);

    if (err < 0) {
        refuse_unmatched(req, err, match.allowed);
        return;
    }
    call = arena_zalloc(&req->arena, sizeof *call);
    if (call == NULL) {
        http_respond_problem(req, HUB_ERR_NOMEM, "out of memory");
        return;
    }
    call->api = api;
    call->req = req;
    call->route = match.route->user;
    call->match = match;
    if (!authorize(call) || !query_is_known(call)) {
        return;
    }
    if (call->route->body == BODY_JSON) {
        read_json(call);
    } else {
        call->route->handler(call);
    }
}
