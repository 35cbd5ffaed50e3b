/* POST /v1/batches: the request and its settings; batch_ingest.c takes the lines. */
#include "api/batches.h"

#include "api/schemas.h"

#include <stdlib.h>
#include <string.h>

#define SETTINGS_MAX ((size_t)64 * 1024)

/* Settings that are the batch's own; the others are what a line may leave out. */
static const char *const OWN[] = {"on_error", "paused",      "concurrency",
                                  "rate",     "on_complete", "callback_url"};

/* --- Settings ----------------------------------------------------------------------------------*/

static int check(const struct schema *schema, struct json_object *value, struct arena *arena,
                 struct str *ret_why)
{
    struct schema_errors errors;
    struct buf why;

    schema_errors_init(&errors, 1);
    int err = schema_validate(schema, value, &errors);
    if (err < 0) {
        buf_init(&why, 1024);
        buf_append_c(&why, "settings");
        if (errors.len > 0) {
            buf_append_str(&why, errors.items[0].pointer);
            buf_append_c(&why, ": ");
            buf_append_str(&why, errors.items[0].detail);
        }
        *ret_why = arena_str(arena, buf_view(&why));
        buf_release(&why);
    }
    schema_errors_release(&errors);
    return err;
}

/* What lines may leave out, checked as the part of a JobCreate that it is. */
static int take_defaults(struct api *api, struct json_object *settings, struct arena *arena,
                         struct json_object **ret_defaults, struct str *ret_why)
{
    struct json_object *defaults = json_object_new_object();
    struct json_object *whole = json_object_new_object();

    json_object_object_add(whole, "type", json_object_new_string("any.type"));
    json_object_object_foreach(settings, name, member) {
        bool own = false;
        for (size_t i = 0; i < sizeof OWN / sizeof *OWN && !own; i++) {
            own = strcmp(name, OWN[i]) == 0;
        }
        if (!own) {
            json_object_object_add(defaults, name, json_object_get(member));
            json_object_object_add(whole, name, json_object_get(member));
        }
    }
    int err = check(api_schema(api->schemas, "JobCreate"), whole, arena, ret_why);
    json_object_put(whole);
    if (err < 0) {
        json_object_put(defaults);
        return err;
    }
    *ret_defaults = defaults;
    return 0;
}

void batch_limits_apply(struct json_object *patch, struct batch_limits *limits)
{
    struct json_object *rate;
    int64_t number;

    json_get_bool(patch, "paused", &limits->paused);
    if (json_object_object_get_ex(patch, "concurrency", NULL)) {
        limits->concurrency = json_get_i64(patch, "concurrency", &number) ? (uint32_t)number : 0;
    }
    if (json_object_object_get_ex(patch, "rate", &rate)) {
        limits->rate = json_get_i64(rate, "limit", &number) ? (uint32_t)number : 0;
        limits->rate_period_ms = json_get_i64(rate, "period_ms", &number) ? (uint32_t)number : 0;
    }
}

static int refuse(struct json_object **ret_defaults, struct str *ret_why, const char *why)
{
    json_object_put(*ret_defaults);
    *ret_defaults = NULL;
    *ret_why = str_from_c(why);
    return HUB_ERR_INVALID_INPUT;
}

int batch_settings_apply(struct api *api, struct json_object *settings, struct arena *arena,
                         struct batch_record *ret_batch, struct json_object **ret_defaults,
                         struct str *ret_why)
{
    struct str queue = STR("default");
    struct str text;

    int err = check(api_schema(api->schemas, "BatchSettings"), settings, arena, ret_why);
    if (err == 0) {
        err = take_defaults(api, settings, arena, ret_defaults, ret_why);
    }
    if (err < 0) {
        return err;
    }
    json_get_str(settings, "queue", &queue);
    ret_batch->retention_ms = JOB_RETENTION_MS_DEFAULT;
    if (json_get_str(settings, "retention", &text)) {
        ret_batch->retention_ms = job_retention_ms(text);
    }
    if (ret_batch->retention_ms < 0) {
        return refuse(ret_defaults, ret_why,
                      "settings/retention: at most P365D, without months or years");
    }
    ret_batch->atomic = json_get_str(settings, "on_error", &text) && str_eq(text, STR("abort"));
    batch_limits_apply(settings, &ret_batch->limits);
    ret_batch->queue = arena_str(arena, queue);
    if (json_get_str(settings, "callback_url", &text)) {
        ret_batch->callback_url = arena_str(arena, text);
    }
    text = str_from_c(json_object_to_json_string_ext(settings, JSON_C_TO_STRING_PLAIN));
    if (text.len > SETTINGS_MAX) {
        return refuse(ret_defaults, ret_why, "settings: at most 64 KiB");
    }
    ret_batch->settings = arena_str(arena, text);
    return ret_batch->queue.ptr != NULL && ret_batch->settings.ptr != NULL ? 0 : HUB_ERR_NOMEM;
}

/* --- The request -------------------------------------------------------------------------------*/

static void add_text(struct json_object *settings, const char *name, struct str text)
{
    json_object_object_add(settings, name,
                           json_object_new_string_len(text.ptr ? text.ptr : "", (int)text.len));
}

static bool read_label(struct api_call *call, struct json_object *settings)
{
    struct str value;

    if (!api_query(call, "label", &value)) {
        return false;
    }
    if (value.ptr == NULL) {
        return true;
    }
    struct str name = str_split(&value, ':');
    char *key = arena_strdup(&call->req->arena, name);
    if (value.ptr == NULL || key == NULL) {
        api_fail(call, HUB_ERR_BAD_REQUEST, "parameter label must be NAME:VALUE");
        return false;
    }
    struct json_object *labels = json_object_new_object();
    add_text(labels, key, value);
    json_object_object_add(settings, "labels", labels);
    return true;
}

static bool read_numbers(struct api_call *call, struct json_object *settings)
{
    uint64_t concurrency, rate;

    if (!api_query_u64(call, "concurrency", 1, 1000000, 0, &concurrency) ||
        !api_query_u64(call, "rate", 1, 1000000, 0, &rate)) {
        return false;
    }
    if (concurrency > 0) {
        json_object_object_add(settings, "concurrency",
                               json_object_new_int64((int64_t)concurrency));
    }
    if (rate > 0) {
        struct json_object *object = json_object_new_object();
        json_object_object_add(object, "limit", json_object_new_int64((int64_t)rate));
        json_object_object_add(object, "period_ms", json_object_new_int64(1000));
        json_object_object_add(settings, "rate", object);
    }
    return true;
}

static bool read_whole(struct api_call *call, struct json_object **ret_settings)
{
    struct hub_error error;
    struct str text;

    if (!api_query(call, "settings", &text)) {
        return false;
    }
    if (text.ptr == NULL) {
        *ret_settings = json_object_new_object();
        return true;
    }
    if (json_read(text, JSON_DEPTH_MAX, ret_settings, NULL, &error) < 0) {
        api_fail(call, HUB_ERR_BAD_REQUEST, "parameter settings: %s", error.detail);
        return false;
    }
    if (!json_object_is_type(*ret_settings, json_type_object)) {
        json_object_put(*ret_settings);
        api_fail(call, HUB_ERR_BAD_REQUEST, "parameter settings must be a JSON object");
        return false;
    }
    return true;
}

/* The settings that the query gives. NULL: the call has been answered. */
static struct json_object *read_query(struct api_call *call)
{
    static const char *const TEXTS[] = {"type", "queue", "account", "on_error"};
    struct json_object *settings;
    struct str text;

    if (!read_whole(call, &settings)) {
        return NULL;
    }
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) {
        if (!api_query(call, TEXTS[i], &text)) {
            json_object_put(settings);
            return NULL;
        }
        if (text.ptr != NULL) {
            add_text(settings, TEXTS[i], text);
        }
    }
    if (!read_label(call, settings) || !read_numbers(call, settings)) {
        json_object_put(settings);
        return NULL;
    }
    return settings;
}

/* --- JSON --------------------------------------------------------------------------------------*/

/* The jobs as lines, in the request's arena. */
static bool lines_of(struct api_call *call, struct json_object *document, struct str *ret_lines)
{
    struct json_object *jobs = NULL;
    struct buf lines;

    buf_init(&lines, 4 * call->api->config.body_max);
    json_get_array(document, "jobs", &jobs);
    for (size_t i = 0; i < json_object_array_length(jobs); i++) {
        json_append(&lines, json_object_array_get_idx(jobs, i));
        buf_append_char(&lines, '\n');
    }
    *ret_lines = arena_str(&call->req->arena, buf_view(&lines));
    bool ok = !buf_failed(&lines) && (lines.len == 0 || ret_lines->ptr != NULL);
    buf_release(&lines);
    if (ret_lines->ptr == NULL) {
        *ret_lines = STR("");
    }
    return ok;
}

static void begin_json(struct api_call *call, struct json_object *document)
{
    struct json_object *settings = call->json; /* of the query, kept there meanwhile */
    struct json_object *given;
    struct schema_errors errors;
    struct str lines;

    schema_errors_init(&errors, SCHEMA_ERRORS_MAX);
    int err = schema_validate(api_schema(call->api->schemas, "BatchCreate"), document, &errors);
    if (err < 0) {
        api_fail_schema(call, &errors, STR(""));
    } else if (!lines_of(call, document, &lines)) {
        api_fail(call, HUB_ERR_NOMEM, "out of memory");
    } else {
        if (json_get_object(document, "batch", &given)) {
            json_object_object_foreach(given, name, member) {
                json_object_object_add(settings, name, json_object_get(member));
            }
        }
        call->json = NULL;
        ingest_begin(call, settings, lines);
    }
    schema_errors_release(&errors);
}

static void on_json(struct http_request *req, struct str body, void *context)
{
    struct api_call *call = context;
    struct json_object *document;
    struct hub_error error;

    (void)req;
    int err = json_read(body, JSON_DEPTH_MAX, &document, NULL, &error);
    if (err < 0) {
        api_fail(call, err, "%s", error.detail);
        return;
    }
    begin_json(call, document);
    json_object_put(document);
}

static bool is_type(const struct http_request *req, const char *name)
{
    struct str type = http_header(req, "content-type");

    return str_eq_nocase(str_trim(str_split(&type, ';')), str_from_c(name));
}

void api_batch_create(struct api_call *call)
{
    struct http_request *req = call->req;
    bool lines = is_type(req, "application/x-ndjson") || is_type(req, "application/ndjson") ||
                 is_type(req, "application/jsonl");

    if (!lines && !is_type(req, "application/json")) {
        api_fail(call, HUB_ERR_UNSUPPORTED_MEDIA_TYPE,
                 "Content-Type must be application/x-ndjson or application/json");
        return;
    }
    if (call->api->phase != API_READY) {
        api_fail(call, HUB_ERR_UNAVAILABLE, "hubd is not ready");
        return;
    }
    struct json_object *settings = read_query(call);
    if (settings == NULL) {
        return;
    }
    if (lines) {
        ingest_begin(call, settings, (struct str){0});
    } else {
        call->json = settings; /* freed with the call, whoever answers it */
        http_read_body(req, call->api->config.body_max, on_json, call);
    }
}
