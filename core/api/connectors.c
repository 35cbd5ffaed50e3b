/* GET /v1/connectors, GET /v1/connectors/{name}, POST /v1/connectors/rescan */
#include "api/render.h"
#include "api/resources.h"
#include "api/types.h"
#include "base/clock.h"
#include "wire/wire.h"

#include <stdio.h>

#define LIST_MAX (16u << 20)

static const char *const HEALTH[] = {
    [CONNECTOR_READY] = "ready",     [CONNECTOR_BACKING_OFF] = "backing_off",
    [CONNECTOR_REFUSED] = "refused", [CONNECTOR_REMOVED] = "removed",
    [CONNECTOR_TRIPPED] = "tripped",
};

static const char *const SAFETY[] = {
    [JOB_SAFE] = "safe",
    [JOB_SAFE_WITH_KEY] = "safe_with_key",
    [JOB_NEVER] = "never",
};

static void json_or_null(struct buf *out, const char *name, struct str json)
{
    buf_append_format(out, ",\"%s\":", name);
    buf_append_str(out, json.ptr != NULL ? json : STR("null"));
}

static uint32_t given_or(uint32_t given, uint32_t fallback)
{
    return given != 0 ? given : fallback;
}

static void append_operation(struct buf *out, struct str connector,
                             const struct supervisor_operation *operation)
{
    buf_append_format(out, "{\"type\":\"%.*s.%.*s\",", STR_ARG(connector),
                      STR_ARG(operation->name));
    render_text_or_null(out, "name", operation->name);
    buf_append_c(out, ",\"summary\":");
    buf_append_json_string(out, operation->summary);
    buf_append_format(out, ",\"retry_safety\":\"%s\",\"timeout_ms\":%u,\"max_attempts\":%u",
                      SAFETY[operation->retry_safety],
                      given_or(operation->timeout_ms, JOB_TIMEOUT_MS_DEFAULT),
                      given_or(operation->max_attempts, JOB_MAX_ATTEMPTS_DEFAULT));
    json_or_null(out, "input_schema", operation->input_schema);
    json_or_null(out, "result_schema", operation->result_schema);
    json_or_null(out, "example", operation->example);
    buf_append_char(out, '}');
}

/* Why one of its operations can't be used: the compiler's words about its schema. */
static struct str reason_of(const struct types *types, const struct supervisor_connector *connector)
{
    char name[160];

    for (unsigned i = 0; i < connector->operation_count && connector->reason.len == 0; i++) {
        const char *refusal;
        int len = snprintf(name, sizeof name, "%.*s.%.*s", STR_ARG(connector->name),
                           STR_ARG(connector->operations[i].name));
        refusal = types_refusal(types, str_of(name, (size_t)len));
        if (refusal != NULL) {
            return str_from_c(refusal);
        }
    }
    return connector->reason;
}

static void append_mechanisms(struct buf *out, const char *name, uint32_t mechanisms)
{
    bool any = false;

    buf_append_format(out, ",\"%s\":[", name);
    for (unsigned i = 0; i < WIRE_MECHANISM_END; i++) {
        if (mechanisms & 1u << i) {
            buf_append_format(out, "%s\"%s\"", any ? "," : "", wire_mechanism_name(i));
            any = true;
        }
    }
    buf_append_char(out, ']');
}

static void append_sandbox(struct buf *out, const struct supervisor_sandbox *sandbox)
{
    buf_append_format(out, ",\"sandbox\":{\"class\":\"%s\"", sandbox->network ? "network" : "pure");
    append_mechanisms(out, "mechanisms", sandbox->mechanisms);
    append_mechanisms(out, "missing", sandbox->missing);
    buf_append_format(out, ",\"landlock_abi\":%u}", sandbox->landlock_abi);
}

/* How it is and how it is kept. */
static void append_condition(struct buf *out, const struct types *types,
                             const struct supervisor_connector *connector)
{
    buf_append_format(out, ",\"health\":\"%s\",", HEALTH[connector->health]);
    render_text_or_null(out, "reason", reason_of(types, connector));
    buf_append_c(out, ",\"resumes_at\":");
    if (connector->health == CONNECTOR_TRIPPED && connector->resumes_in_ms > 0) {
        clock_append_json(out, clock_wall_ms() + connector->resumes_in_ms);
    } else {
        buf_append_c(out, "null");
    }
    if (connector->health == CONNECTOR_REFUSED) {
        buf_append_c(out, ",\"sandbox\":null");
    } else {
        append_sandbox(out, &connector->sandbox);
    }
}

static void append_connector(struct buf *out, const struct types *types,
                             const struct supervisor_connector *connector)
{
    bool described = connector->version.len > 0;

    buf_append_char(out, '{');
    render_text_or_null(out, "name", connector->name);
    buf_append_char(out, ',');
    render_text_or_null(out, "version", connector->version);
    buf_append_char(out, ',');
    render_text_or_null(out, "licence", connector->licence);
    buf_append_char(out, ',');
    render_text_or_null(out, "summary", connector->summary);
    buf_append_format(out, ",\"mode\":%s,\"file\":",
                      !described         ? "null"
                      : connector->async ? "\"async\""
                                         : "\"blocking\"");
    buf_append_json_string(out, connector->path);
    append_condition(out, types, connector);
    buf_append_c(out, ",\"operations\":[");
    for (unsigned i = 0; i < connector->operation_count; i++) {
        if (i > 0) {
            buf_append_char(out, ',');
        }
        append_operation(out, connector->name, &connector->operations[i]);
    }
    buf_append_char(out, ']');
    json_or_null(out, "account_schema", connector->account_schema);
    buf_append_format(
        out,
        ",\"runners\":%u,\"in_flight\":%u,\"attempts_started\":%llu,"
        "\"attempts_died\":%llu,\"runners_started\":%llu,\"runners_crashed\":%llu,"
        "\"trips\":%llu}",
        connector->runners, connector->in_flight, (unsigned long long)connector->attempts_started,
        (unsigned long long)connector->attempts_died,
        (unsigned long long)connector->runners_started,
        (unsigned long long)connector->runners_crashed, (unsigned long long)connector->trips);
}

struct listing {
    struct buf body;
    const struct types *types;
    bool any;
};

static void visit(void *context, const struct supervisor_connector *connector)
{
    struct listing *listing = context;

    if (listing->any) {
        buf_append_char(&listing->body, ',');
    }
    listing->any = true;
    append_connector(&listing->body, listing->types, connector);
}

static void append_directories(struct buf *out, const char *const *dirs)
{
    for (size_t i = 0; dirs && dirs[i]; i++) {
        buf_append_c(out, i > 0 ? "," : "");
        buf_append_json_string(out, str_from_c(dirs[i]));
    }
}

void api_connector_list(struct api_call *call)
{
    struct listing listing = {.types = call->api->deps.types};

    buf_init(&listing.body, LIST_MAX);
    buf_append_c(&listing.body, "{\"connectors\":[");
    supervisor_each(call->api->deps.supervisor, visit, &listing);
    buf_append_c(&listing.body, "],\"directories\":[");
    append_directories(&listing.body, call->api->config.connector_dirs);
    buf_append_c(&listing.body, "]}");
    api_reply_buf(call, 200, &listing.body);
}

void api_connector_get(struct api_call *call)
{
    struct supervisor_connector connector;
    struct buf body;

    if (!supervisor_find(call->api->deps.supervisor, call->match.params[0], &connector)) {
        api_fail(call, HUB_ERR_NOT_FOUND, "no connector has this name");
        return;
    }
    buf_init(&body, LIST_MAX);
    append_connector(&body, call->api->deps.types, &connector);
    api_reply_buf(call, 200, &body);
}

void api_connector_rescan(struct api_call *call)
{
    int err = supervisor_scan(call->api->deps.supervisor);

    if (err == HUB_ERR_CONFLICT) {
        api_fail(call, err, "a scan is under way");
    } else if (err < 0) {
        api_fail(call, err, "the scan could not be started");
    } else {
        call->api->rescan = call; /* answered with the new list when the scan is complete */
    }
}
