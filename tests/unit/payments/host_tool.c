/*
 * A host for one connector that decides nothing: whatever the connector asks of it goes out as a
 * line of JSON, and what comes back is a line. So a test is hubd, its storage and the network at
 * once, and can end this process between any two of the connector's steps.
 *
 *     payments_tool CONNECTOR.so
 *
 * In:   {"t":"start","id":1,"job":{"id","key","operation","input",["account"],"attempt",
 *                                  "max_attempts","timeout_ms"}}
 *       {"t":"cancel","id":1}
 *       {"t":"kept","call":1,"status":0,"values":[{"key","value","kept_at"}]}
 *       {"t":"http","call":1,"error":0,"sent":1,"status":200,"headers":{…},"body":"…"}
 *       {"t":"clock","wall_ms":1}           the wall clock from now on; 0: the real one
 *       {"t":"hook","account":{…},"headers":{…},"body":"…","now_ms":1,["certificate":"PEM"]}
 * Out:  {"t":"put"|"get"|"list"|"append","call":1,"id":1,…}, {"t":"http","call":1,…},
 *       {"t":"http_cancel","call":1}, {"t":"done","id":1,"kind":"succeed",…},
 *       {"t":"hook","error":"…","events":[…]}  what payments' hook.h makes of it
 *
 * The end of stdin ends it: with 0 if no job is left, and everything is given back.
 */
#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/list.h"

#include "connectors/payments/gateway.h"
#include "connectors/payments/hook.h"

#include <hub/connector.h>

#include <assert.h>
#include <dlfcn.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct job {
    hub_job view;
    struct list link;
    int64_t id;
    struct json_object *json; /* what the view points into */
    struct buf input;
    struct buf account;
    const hub_operation *operation;
};

struct pending {
    struct list link;
    int64_t number;
    hub_keep_done *kept;
    void (*answered)(void *context, const hub_http_response *response);
    void *context;
};

struct hub_timer {
    struct list link;
    int64_t due_ms;
    void (*fire)(void *context);
    void *context;
};

static struct list jobs, calls, timers;
static int64_t last_call;
static int64_t wall_offset_ms;
static const hub_connector *connector;
static hub_instance *instance;

/* --- Lines out ---------------------------------------------------------------------------------*/

static void line_begin(struct buf *line, const char *type)
{
    buf_init(line, BUF_NO_LIMIT);
    buf_append_format(line, "{\"t\":\"%s\"", type);
}

static void line_text(struct buf *line, const char *name, hub_str text)
{
    buf_append_format(line, ",\"%s\":", name);
    buf_append_json_string(line, str_of_hub(text));
}

static void line_number(struct buf *line, const char *name, int64_t number)
{
    buf_append_format(line, ",\"%s\":%lld", name, (long long)number);
}

static void line_end(struct buf *line)
{
    buf_append_c(line, "}\n");
    assert(!buf_failed(line));
    assert(file_write_all(STDOUT_FILENO, line->ptr, line->len) == 0);
    buf_release(line);
}

/* --- Jobs --------------------------------------------------------------------------------------*/

static struct job *job_of(const hub_job *view)
{
    return CONTAINER_OF(view, struct job, view);
}

static void job_end(hub_job *view)
{
    struct job *self = job_of(view);
    list_remove(&self->link);
    json_object_put(self->json);
    buf_release(&self->input);
    buf_release(&self->account);
    free(self);
}

static void done(hub_job *job, const char *kind, hub_str code, hub_str message, hub_str json,
                 uint64_t delay_ms)
{
    struct buf line;
    line_begin(&line, "done");
    line_number(&line, "id", job_of(job)->id);
    line_text(&line, "kind", (hub_str){kind, strlen(kind)});
    line_text(&line, "code", code);
    line_text(&line, "message", message);
    line_number(&line, "delay_ms", (int64_t)delay_ms);
    if (json.len > 0) {
        buf_append_c(&line, ",\"json\":");
        buf_append_str(&line, str_of_hub(json));
    }
    line_end(&line);
    job_end(job);
}

static void host_succeed(hub_job *job, hub_str result)
{
    done(job, "succeed", (hub_str){0}, (hub_str){0}, result, 0);
}

static void host_fail(hub_job *job, hub_str code, hub_str message, hub_str details)
{
    done(job, "fail", code, message, details, 0);
}

static void host_retry(hub_job *job, hub_str code, hub_str message, uint64_t delay_ms)
{
    done(job, "retry", code, message, (hub_str){0}, delay_ms);
}

static void host_unknown(hub_job *job, hub_str code, hub_str message)
{
    done(job, "unknown", code, message, (hub_str){0}, 0);
}

static void host_progress(hub_job *job, uint32_t permille, hub_str message)
{
    (void)job;
    (void)permille;
    (void)message;
}

static void host_log(hub_job *job, uint32_t level, hub_str message)
{
    (void)job;
    (void)level;
    fprintf(stderr, "%.*s\n", (int)message.len, message.ptr);
}

static int32_t host_cancelled(const hub_job *job)
{
    (void)job;
    return 0;
}

static int64_t host_now_ms(void)
{
    return clock_mono_ms();
}

static int64_t host_wall_ms(void)
{
    return clock_wall_ms() + wall_offset_ms;
}

static void host_random(void *bytes, uint64_t len)
{
    hash_random(bytes, len);
}

/* --- Extensions --------------------------------------------------------------------------------*/

static hub_timer *timer_start(uint64_t delay_ms, void (*fire)(void *context), void *context)
{
    hub_timer *self = calloc(1, sizeof *self);
    assert(self);
    self->due_ms = clock_mono_ms() + (int64_t)delay_ms;
    self->fire = fire;
    self->context = context;
    list_append(&timers, &self->link);
    return self;
}

static void timer_stop(hub_timer *timer)
{
    if (timer) {
        list_remove(&timer->link);
        free(timer);
    }
}

static struct pending *call_new(void *context)
{
    struct pending *self = calloc(1, sizeof *self);
    assert(self);
    self->number = ++last_call;
    self->context = context;
    list_append(&calls, &self->link);
    return self;
}

static int32_t http_send(const hub_http_request *request, hub_http_call **ret_call)
{
    struct pending *self = call_new(request->context);
    struct buf line;
    self->answered = request->done;
    line_begin(&line, "http");
    line_number(&line, "call", self->number);
    line_text(&line, "method", request->method);
    line_text(&line, "url", request->url);
    line_text(&line, "body", request->body);
    line_number(&line, "flags", request->flags);
    line_number(&line, "timeout_ms", request->timeout_ms);
    buf_append_c(&line, ",\"headers\":{");
    for (uint32_t i = 0; i < request->header_count; i++) {
        buf_append_c(&line, i > 0 ? "," : "");
        buf_append_json_string(&line, str_of_hub(request->headers[i].name));
        buf_append_char(&line, ':');
        buf_append_json_string(&line, str_of_hub(request->headers[i].value));
    }
    buf_append_c(&line, "}");
    line_end(&line);
    *ret_call = (hub_http_call *)self;
    return HUB_CALL_OK;
}

static void http_cancel(hub_http_call *call)
{
    struct pending *self = (struct pending *)call;
    struct buf line;
    if (self) {
        line_begin(&line, "http_cancel");
        line_number(&line, "call", self->number);
        line_end(&line);
        list_remove(&self->link);
        free(self);
    }
}

static struct pending *keep_call(struct buf *line, const char *type, hub_job *job,
                                 hub_keep_done *kept, void *context)
{
    struct pending *self = call_new(context);
    self->kept = kept;
    line_begin(line, type);
    line_number(line, "call", self->number);
    line_number(line, "id", job_of(job)->id);
    return self;
}

static int32_t keep_put(hub_job *job, uint32_t scope, uint32_t flags, hub_str key, hub_str value,
                        uint64_t expires_ms, hub_keep_done *kept, void *context)
{
    struct buf line;
    assert(key.len > 0 && key.len <= 256 && value.len <= (64 << 10));
    keep_call(&line, "put", job, kept, context);
    line_number(&line, "scope", scope);
    line_number(&line, "flags", flags);
    line_text(&line, "key", key);
    line_text(&line, "value", value);
    line_number(&line, "expires_ms", (int64_t)expires_ms);
    line_end(&line);
    return HUB_CALL_OK;
}

static int32_t keep_get(hub_job *job, uint32_t scope, hub_str key, hub_keep_done *kept,
                        void *context)
{
    struct buf line;
    keep_call(&line, "get", job, kept, context);
    line_number(&line, "scope", scope);
    line_text(&line, "key", key);
    line_end(&line);
    return HUB_CALL_OK;
}

static int32_t keep_list(hub_job *job, uint32_t scope, hub_str prefix, hub_str after,
                         uint32_t limit, hub_keep_done *kept, void *context)
{
    struct buf line;
    assert(limit >= 1 && limit <= 256);
    keep_call(&line, "list", job, kept, context);
    line_number(&line, "scope", scope);
    line_text(&line, "prefix", prefix);
    line_text(&line, "after", after);
    line_number(&line, "limit", limit);
    line_end(&line);
    return HUB_CALL_OK;
}

static int32_t ledger_append(hub_job *job, hub_str kind, hub_str body, hub_keep_done *kept,
                             void *context)
{
    struct buf line;
    struct json_object *json;
    assert(body.len <= (16 << 10));
    assert(json_read(str_of_hub(body), JSON_DEPTH_MAX, &json, NULL, NULL) == 0);
    json_object_put(json);
    keep_call(&line, "append", job, kept, context);
    line_text(&line, "kind", kind);
    buf_append_c(&line, ",\"body\":");
    buf_append_str(&line, str_of_hub(body));
    line_end(&line);
    return HUB_CALL_OK;
}

static const void *host_extension(const char *name)
{
    static const hub_timer_api TIMER = {sizeof TIMER, 0, timer_start, timer_stop};
    static const hub_http_api HTTP = {sizeof HTTP, 10000, http_send, http_cancel};
    static const hub_keep_api KEEP = {sizeof KEEP, 64 << 10, keep_put, keep_get, keep_list};
    static const hub_ledger_api LEDGER = {sizeof LEDGER, 16 << 10, ledger_append};
    return strcmp(name, HUB_EXT_TIMER) == 0    ? (const void *)&TIMER
           : strcmp(name, HUB_EXT_HTTP) == 0   ? (const void *)&HTTP
           : strcmp(name, HUB_EXT_KEEP) == 0   ? (const void *)&KEEP
           : strcmp(name, HUB_EXT_LEDGER) == 0 ? (const void *)&LEDGER
                                               : NULL;
}

/* --- Lines in ----------------------------------------------------------------------------------*/

static hub_str member(struct json_object *json, const char *name)
{
    struct str text = {0};
    (void)json_get_str(json, name, &text);
    return (hub_str){text.ptr, text.len};
}

static int64_t number(struct json_object *json, const char *name, int64_t otherwise)
{
    (void)json_get_i64(json, name, &otherwise);
    return otherwise;
}

static const hub_operation *operation_of(hub_str name)
{
    for (uint32_t i = 0; i < connector->operation_count; i++) {
        if (str_eq(str_of_hub(connector->operations[i]->name), str_of_hub(name))) {
            return connector->operations[i];
        }
    }
    fprintf(stderr, "no such operation\n");
    exit(2);
}

static hub_str as_json(struct json_object *json, const char *name, struct buf *text)
{
    struct json_object *value = json_object_object_get(json, name);
    buf_init(text, BUF_NO_LIMIT);
    if (value) {
        json_append(text, value);
    }
    return (hub_str){text->ptr, text->len};
}

static void take_start(struct json_object *line)
{
    struct json_object *json;
    struct job *self = calloc(1, sizeof *self);
    assert(self && json_get_object(line, "job", &json));
    self->id = number(line, "id", 0);
    self->json = json_object_get(json);
    self->view = (hub_job){
        .size = sizeof(hub_job),
        .attempt = (uint32_t)number(json, "attempt", 1),
        .id = member(json, "id"),
        .operation = member(json, "operation"),
        .input = as_json(json, "input", &self->input),
        .account = as_json(json, "account", &self->account),
        .idempotency_key = member(json, "key"),
        .deadline_ms = clock_mono_ms() + number(json, "timeout_ms", 60000),
        .max_attempts = (uint32_t)number(json, "max_attempts", 5),
    };
    list_append(&jobs, &self->link);
    operation_of(self->view.operation)->start(instance, &self->view);
}

static void take_cancel(struct json_object *line)
{
    LIST_FOR_EACH(link, &jobs) {
        struct job *job = CONTAINER_OF(link, struct job, link);
        if (job->id == number(line, "id", 0)) {
            connector->cancel(instance, &job->view);
            return;
        }
    }
}

/* NULL: it was cancelled meanwhile. */
static struct pending *call_take(struct json_object *line)
{
    LIST_FOR_EACH(link, &calls) {
        struct pending *call = CONTAINER_OF(link, struct pending, link);
        if (call->number == number(line, "call", 0)) {
            list_remove(&call->link);
            return call;
        }
    }
    return NULL;
}

static void take_kept(struct json_object *line)
{
    hub_kept values[256];
    struct json_object *list;
    uint32_t count = 0;
    struct pending *call = call_take(line);
    assert(call && call->kept);
    if (json_get_array(line, "values", &list)) {
        for (; count < json_object_array_length(list); count++) {
            struct json_object *one = json_object_array_get_idx(list, count);
            values[count] = (hub_kept){.size = sizeof(hub_kept),
                                       .key = member(one, "key"),
                                       .value = member(one, "value"),
                                       .kept_at = number(one, "kept_at", 0)};
        }
    }
    call->kept(call->context, (int32_t)number(line, "status", 0), values, count);
    free(call);
}

static void take_http(struct json_object *line)
{
    hub_http_header headers[64];
    struct json_object *fields;
    struct pending *call = call_take(line);
    hub_http_response response = {
        .size = sizeof response,
        .error = (uint32_t)number(line, "error", 0),
        .sent = (uint32_t)number(line, "sent", 1),
        .status = (uint32_t)number(line, "status", 0),
        .headers = headers,
        .body = member(line, "body"),
        .message = member(line, "message"),
    };
    if (!call) {
        return;
    }
    if (json_get_object(line, "headers", &fields)) {
        json_object_object_foreach(fields, name, value) {
            assert(response.header_count < 64);
            struct str text = json_str(value);
            headers[response.header_count++] =
                (hub_http_header){{name, strlen(name)}, {text.ptr, text.len}};
        }
    }
    call->answered(call->context, &response);
    free(call);
}

static void take_clock(struct json_object *line)
{
    int64_t wall_ms = number(line, "wall_ms", 0);
    wall_offset_ms = wall_ms == 0 ? 0 : wall_ms - clock_wall_ms();
}

/* --- Webhooks ----------------------------------------------------------------------------------*/

static struct str header_named(void *context, struct str name)
{
    struct json_object *headers = context;
    json_object_object_foreach(headers, one, value) {
        if (str_eq_nocase(str_from_c(one), name)) {
            return json_str(value);
        }
    }
    return (struct str){0};
}

static void line_event(struct buf *line, const struct hook_event *event)
{
    const struct {
        const char *name;
        struct str text;
    } TEXTS[] = {{"event", event->id},          {"type", event->type},
                 {"payment", event->payment},   {"related", event->related},
                 {"job", event->job},           {"reference", event->reference},
                 {"currency", event->currency}, {"status", str_from_c(status_text(event->status))}};
    buf_append_c(line, "{\"fetch_payment\":");
    buf_append_c(line, event->fetch_payment ? "true" : "false");
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        line_text(line, TEXTS[i].name, (hub_str){TEXTS[i].text.ptr, TEXTS[i].text.len});
    }
    line_number(line, "order_at", event->order_at);
    if (event->amount != AMOUNT_UNKNOWN) {
        line_number(line, "amount", event->amount);
    }
    buf_append_char(line, '}');
}

static void take_hook(struct json_object *line)
{
    struct account account;
    struct hook_events events;
    struct hub_error error = {0};
    struct buf json, out;
    struct json_object *headers;
    hub_str account_json = as_json(line, "account", &json);
    assert(account_read(&account, str_of_hub(account_json), &error) == 0);
    assert(json_get_object(line, "headers", &headers));
    struct hook hook = {.header = header_named,
                        .context = headers,
                        .body = str_of_hub(member(line, "body")),
                        .now_ms = number(line, "now_ms", 0),
                        .certificate = str_of_hub(member(line, "certificate"))};
    hook_events_init(&events);
    int err = gateway_named(account.gateway)->verify(&account, &hook, &events, &error);
    line_begin(&out, "hook");
    line_text(&out, "error",
              (hub_str){hub_err_code(err), err == 0 ? 0 : strlen(hub_err_code(err))});
    line_text(&out, "fetch", (hub_str){events.fetch.ptr, events.fetch.len});
    buf_append_c(&out, ",\"events\":[");
    for (unsigned i = 0; i < events.count; i++) {
        buf_append_c(&out, i > 0 ? "," : "");
        line_event(&out, &events.items[i]);
    }
    buf_append_c(&out, "]");
    line_end(&out);
    hook_events_release(&events);
    account_release(&account);
    buf_release(&json);
}

static void take_line(struct str text)
{
    static const struct {
        const char *type;
        void (*take)(struct json_object *line);
    } TYPES[] = {{"start", take_start}, {"cancel", take_cancel}, {"kept", take_kept},
                 {"http", take_http},   {"clock", take_clock},   {"hook", take_hook}};
    struct json_object *line;
    struct hub_error error;
    if (json_read(text, JSON_DEPTH_MAX, &line, NULL, &error) < 0) {
        fprintf(stderr, "%s\n", error.detail);
        exit(2);
    }
    for (size_t i = 0; i < sizeof TYPES / sizeof TYPES[0]; i++) {
        if (str_eq(str_of_hub(member(line, "t")), str_from_c(TYPES[i].type))) {
            TYPES[i].take(line);
        }
    }
    json_object_put(line);
}

/* --- The loop ----------------------------------------------------------------------------------*/

static int wait_ms(void)
{
    int64_t wait = -1, now = clock_mono_ms();
    LIST_FOR_EACH(link, &timers) {
        int64_t left = CONTAINER_OF(link, struct hub_timer, link)->due_ms - now;
        left = left > 0 ? left : 0;
        wait = wait < 0 || left < wait ? left : wait;
    }
    return (int)wait;
}

static void fire_timers(void)
{
    int64_t now = clock_mono_ms();
    LIST_FOR_EACH(link, &timers) {
        struct hub_timer *timer = CONTAINER_OF(link, struct hub_timer, link);
        if (timer->due_ms <= now) {
            list_remove(&timer->link);
            timer->fire(timer->context);
            free(timer);
            return; /* the list may be another one now */
        }
    }
}

static bool read_lines(struct buf *in)
{
    char *room = buf_reserve(in, 65536);
    ssize_t got = read(STDIN_FILENO, room, 65536);
    if (got <= 0) {
        return false;
    }
    buf_commit(in, (size_t)got);
    for (const char *end; (end = memchr(in->ptr, '\n', in->len)) != NULL;) {
        size_t len = (size_t)(end - in->ptr);
        take_line(str_of(in->ptr, len));
        buf_consume(in, len + 1);
    }
    return true;
}

int main(int argc, char **argv)
{
    static const hub_host HOST = {
        .size = sizeof(hub_host),
        .abi = HUB_ABI,
        .succeed = host_succeed,
        .fail = host_fail,
        .retry = host_retry,
        .unknown = host_unknown,
        .progress = host_progress,
        .log = host_log,
        .cancelled = host_cancelled,
        .now_ms = host_now_ms,
        .wall_ms = host_wall_ms,
        .random = host_random,
        .extension = host_extension,
    };
    struct pollfd in_fd = {.fd = STDIN_FILENO, .events = POLLIN};
    struct buf in;
    void *library = argc == 2 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
    if (!library) {
        fprintf(stderr, "%s\n", argc == 2 ? dlerror() : "usage: payments_tool CONNECTOR.so");
        return 2;
    }
    hub_connector_entry_fn *entry;
    *(void **)&entry = dlsym(library, "hub_connector_entry");
    list_init(&jobs);
    list_init(&calls);
    list_init(&timers);
    buf_init(&in, BUF_NO_LIMIT);
    connector = entry(HUB_ABI);
    instance = connector->create(&HOST);
    for (bool open = true; open;) {
        int ready = poll(&in_fd, 1, wait_ms());
        open = ready <= 0 || read_lines(&in);
        fire_timers();
    }
    bool left = !list_empty(&jobs);
    if (!left) {
        connector->destroy(instance);
    }
    buf_release(&in);
    return left ? 1 : 0;
}
