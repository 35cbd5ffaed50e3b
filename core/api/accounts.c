/* GET, PUT and DELETE /v1/accounts/{name}, GET /v1/accounts and …/uses. */
#include "api/cursor.h"
#include "api/render.h"
#include "api/resources.h"
#include "base/clock.h"

#include <string.h>

#define ONE_MAX       (1u << 20)
#define LIST_MAX      (64u << 20)
#define USES_DEFAULT  50
#define USES_MAX      500
#define USES_BODY_MAX (1u << 20)

/* --- GET ---------------------------------------------------------------------------------------*/

static void append_limits(struct buf *out, const struct account_limits *limits)
{
    buf_append_c(out, ",\"limits\":{\"rate\":");
    if (limits->rate > 0) {
        buf_append_format(out, "{\"limit\":%u,\"period_ms\":%u}", limits->rate,
                          limits->rate_period_ms);
    } else {
        buf_append_c(out, "null");
    }
    buf_append_c(out, ",\"in_flight\":");
    if (limits->in_flight > 0) {
        buf_append_format(out, "%u}", limits->in_flight);
    } else {
        buf_append_c(out, "null}");
    }
}

static void append_live(struct buf *out, const struct jobs *jobs, struct str name)
{
    struct jobs_account_info info;

    jobs_account_info(jobs, name, &info);
    buf_append_format(out, ",\"unfinished_jobs\":%llu,\"in_flight\":%u,\"held_until\":",
                      (unsigned long long)info.unfinished, info.in_flight);
    clock_append_json(out, info.held_until);
    buf_append_format(out, ",\"on_trial\":%s", info.on_trial ? "true" : "false");
}

static void append_account(struct buf *out, const struct api *api, const struct account *account)
{
    buf_append_c(out, "{\"name\":");
    buf_append_json_string(out, account->name);
    buf_append_c(out, ",\"connector\":");
    buf_append_json_string(out, account->connector);
    buf_append_c(out, ",\"settings\":");
    buf_append_str(out, account->shown.len > 0 ? account->shown : STR("null"));
    buf_append_format(out, ",\"default\":%s", account->is_default ? "true" : "false");
    append_limits(out, &account->limits);
    buf_append_char(out, ',');
    render_text_or_null(out, "file", account->file);
    buf_append_char(out, ',');
    render_text_or_null(out, "problem", account->problem);
    append_live(out, api->deps.jobs, account->name);
    buf_append_c(out, ",\"created_at\":");
    clock_append_json(out, account->created_at);
    buf_append_c(out, ",\"updated_at\":");
    clock_append_json(out, account->updated_at);
    buf_append_char(out, '}');
}

struct listing {
    const struct api *api;
    struct buf body;
    const char *separator;
};

static void visit_account(void *context, const struct account *account)
{
    struct listing *listing = context;

    buf_append_c(&listing->body, listing->separator);
    listing->separator = ",";
    append_account(&listing->body, listing->api, account);
}

static void visit_refused(void *context, struct str file, struct str reason)
{
    struct listing *listing = context;

    buf_append_c(&listing->body, listing->separator);
    listing->separator = ",";
    buf_append_c(&listing->body, "{\"file\":");
    buf_append_json_string(&listing->body, file);
    buf_append_c(&listing->body, ",\"reason\":");
    buf_append_json_string(&listing->body, reason);
    buf_append_char(&listing->body, '}');
}

void api_account_list(struct api_call *call)
{
    struct listing listing = {.api = call->api, .separator = ""};

    buf_init(&listing.body, LIST_MAX);
    buf_append_c(&listing.body, "{\"accounts\":[");
    accounts_each(call->api->deps.accounts, visit_account, &listing);
    buf_append_c(&listing.body, "],\"refused\":[");
    listing.separator = "";
    accounts_each_refused(call->api->deps.accounts, visit_refused, &listing);
    buf_append_c(&listing.body, "]}");
    api_reply_buf(call, 200, &listing.body);
}

static const struct account *find(struct api_call *call)
{
    const struct account *account = accounts_find(call->api->deps.accounts, call->match.params[0]);

    if (account == NULL) {
        api_fail(call, HUB_ERR_NOT_FOUND, "there is no account of this name");
    }
    return account;
}

static void answer(struct api_call *call, int status, const struct account *account)
{
    struct buf body;

    buf_init(&body, ONE_MAX);
    append_account(&body, call->api, account);
    api_reply_buf(call, status, &body);
}

void api_account_get(struct api_call *call)
{
    const struct account *account = find(call);

    if (account != NULL) {
        answer(call, 200, account);
    }
}

/* --- PUT ---------------------------------------------------------------------------------------*/

struct putting {
    struct api_call *call;
    bool is_new;
};

static void on_put(void *context, int err)
{
    struct putting *putting = context;
    struct api_call *call = putting->call;
    const struct account *account = accounts_find(call->api->deps.accounts, call->match.params[0]);

    if (err < 0 || account == NULL) {
        api_fail(call, err < 0 ? err : HUB_ERR_INTERNAL, "the account could not be stored");
    } else {
        answer(call, putting->is_new ? 201 : 200, account);
    }
}

static void read_limits(struct json_object *body, struct account_limits *ret_limits)
{
    struct json_object *limits, *rate;
    int64_t number;

    if (!json_get_object(body, "limits", &limits)) {
        return;
    }
    ret_limits->in_flight = json_get_i64(limits, "in_flight", &number) ? (uint32_t)number : 0;
    if (json_get_object(limits, "rate", &rate)) {
        ret_limits->rate = json_get_i64(rate, "limit", &number) ? (uint32_t)number : 0;
        ret_limits->rate_period_ms =
            json_get_i64(rate, "period_ms", &number) ? (uint32_t)number : 0;
    }
}

static void fail_put(struct api_call *call, int err, const struct schema_errors *errors,
                     const struct hub_error *error)
{
    struct http_problem_item item = {STR("/connector"), STR("connector"),
                                     str_from_c(error->detail)};

    if (err == HUB_ERR_INVALID_INPUT && errors->len > 0) {
        api_fail_schema(call, errors, STR("/settings"));
    } else if (err == HUB_ERR_UNKNOWN_TYPE) {
        struct http_problem problem = {.err = HUB_ERR_INVALID_INPUT,
                                       .detail = str_from_c(error->detail),
                                       .items = &item,
                                       .item_count = 1};
        api_call_drop_json(call);
        http_respond_problem_full(call->req, &problem);
    } else {
        api_fail(call, err, "%s", error->detail);
    }
}

void api_account_put(struct api_call *call)
{
    struct accounts *accounts = call->api->deps.accounts;
    struct putting *putting = arena_alloc(&call->req->arena, sizeof *putting);
    struct account_put put = {.name = call->match.params[0]};
    struct schema_errors errors;
    struct hub_error error = {0};
    int err;

    if (putting == NULL) {
        api_fail(call, HUB_ERR_NOMEM, "out of memory");
        return;
    }
    if (!account_name_is_valid(put.name)) {
        api_fail(call, HUB_ERR_NOT_FOUND,
                 "an account can't have this name: "
                 "up to 64 of a-z, 0-9, '_', '-' and '.'");
        return;
    }
    *putting = (struct putting){call, accounts_find(accounts, put.name) == NULL};
    json_get_str(call->json, "connector", &put.connector);
    json_get_object(call->json, "settings", &put.settings);
    json_get_bool(call->json, "default", &put.is_default);
    read_limits(call->json, &put.limits);
    schema_errors_init(&errors, SCHEMA_ERRORS_MAX);
    err = accounts_put(accounts, &put, &errors, &error, on_put, putting);
    if (err < 0) {
        fail_put(call, err, &errors, &error);
    } else {
        api_call_drop_json(call);
    }
    schema_errors_release(&errors);
}

/* --- DELETE ------------------------------------------------------------------------------------*/

static void on_deleted(void *context, int err)
{
    struct api_call *call = context;

    if (err < 0) {
        api_fail(call, err,
                 err == HUB_ERR_NOT_FOUND ? "there is no account of this name"
                                          : "the account could not be deleted");
    } else {
        api_reply_empty(call, 204);
    }
}

static bool read_force(struct api_call *call, bool *ret_force)
{
    struct str text;

    if (!api_query(call, "force", &text)) {
        return false;
    }
    *ret_force = text.ptr != NULL && (text.len == 0 || str_eq(text, STR("true")));
    if (text.len > 0 && !*ret_force && !str_eq(text, STR("false"))) {
        api_fail(call, HUB_ERR_BAD_REQUEST, "parameter force must be true or false");
        return false;
    }
    return true;
}

void api_account_delete(struct api_call *call)
{
    const struct account *account = find(call);
    struct jobs_account_info info;
    bool force;
    int err;

    if (account == NULL || !read_force(call, &force)) {
        return;
    }
    jobs_account_info(call->api->deps.jobs, account->name, &info);
    if (info.unfinished > 0 && !force) {
        api_fail(call, HUB_ERR_CONFLICT,
                 "%llu unfinished jobs name this account; with ?force=true they will fail",
                 (unsigned long long)info.unfinished);
        return;
    }
    err = accounts_remove(call->api->deps.accounts, account->name, on_deleted, call);
    if (err == HUB_ERR_CONFLICT) {
        api_fail(call, err, "the account comes from the file %.*s: remove that",
                 STR_ARG(account->file));
    } else if (err < 0) {
        on_deleted(call, err);
    }
}

/* --- Uses --------------------------------------------------------------------------------------*/

/* The place of a use in the list as 16 bytes: when, and the key among those of the same time. */
static void pack_place(const struct store_use *use, struct id *ret_place)
{
    const uint64_t parts[2] = {(uint64_t)use->started_at, (uint64_t)use->key};

    memcpy(ret_place->bytes, parts, sizeof parts);
}

static void unpack_place(const struct id *place, struct store_account_uses *uses)
{
    uint64_t parts[2];

    memcpy(parts, place->bytes, sizeof parts);
    uses->before_at = (int64_t)parts[0];
    uses->before_key = (int64_t)parts[1];
}

static void append_use(struct buf *out, const struct store_use *use)
{
    bool ended = use->ended_at != 0;
    char id[ID_TEXT_LEN + 1];

    id_format(&use->job, id);
    buf_append_format(out, "{\"job\":\"%s\",\"attempt\":%u,", id, use->attempt);
    render_text_or_null(out, "file", use->pointer);
    buf_append_c(out, ",\"at\":");
    clock_append_json(out, use->started_at);
    buf_append_c(out, ",\"ended_at\":");
    clock_append_json(out, use->ended_at);
    buf_append_char(out, ',');
    render_text_or_null(out, "outcome",
                        ended ? str_from_c(attempt_outcome_name(use->outcome)) : (struct str){0});
    buf_append_char(out, '}');
}

static void answer_uses(struct api_call *call, const struct store_account_uses *uses)
{
    struct buf body;
    struct id place;

    buf_init(&body, USES_BODY_MAX);
    buf_append_c(&body, "{\"uses\":[");
    for (unsigned i = 0; i < uses->ret_count; i++) {
        buf_append_c(&body, i > 0 ? "," : "");
        append_use(&body, &uses->ret_uses[i]);
    }
    if (uses->ret_more) {
        pack_place(&uses->ret_uses[uses->ret_count - 1], &place);
    }
    cursor_reply(call, &body, uses->ret_more ? &place : NULL);
    buf_release(&body);
}

static void on_uses(struct store_op *op, void *context)
{
    struct api_call *call = context;
    const struct store_account_uses *uses = &op->account_uses;

    if (op->err < 0) {
        api_fail(call, op->err, "the uses could not be read");
    } else if (uses->ret_count == 0 && uses->before_at == 0 &&
               accounts_find(call->api->deps.accounts, uses->name) == NULL) {
        api_fail(call, HUB_ERR_NOT_FOUND, "there is no account of this name, and none was used");
    } else {
        answer_uses(call, uses);
    }
}

void api_account_uses(struct api_call *call)
{
    struct store_op *op = api_op(call, STORE_ACCOUNT_USES, on_uses);
    struct id place = {{0}};
    uint64_t limit;

    if (op == NULL) {
        return;
    }
    if (!cursor_read(call, &place) ||
        !api_query_u64(call, "limit", 1, USES_MAX, USES_DEFAULT, &limit)) {
        store_op_free(op);
        return;
    }
    unpack_place(&place, &op->account_uses);
    op->account_uses.name = call->match.params[0];
    op->account_uses.limit = (unsigned)limit;
    api_submit(call, op);
}
