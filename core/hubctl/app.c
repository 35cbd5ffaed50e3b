#include "hubctl/app.h"

#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "hubctl/human.h"
#include "hubctl/must.h"
#include "hubctl/report.h"
#include "hubctl/text.h"
#include "hubctl/url.h"

#include <string.h>

#define ARENA_MAX ((size_t)64 * 1024 * 1024)

int app_init(struct app *self, const struct options *options)
{
    static const char *const names[] = {"auto", "always", "never"};
    const char *when = options_get(options, "color");
    enum colour colour = COLOUR_AUTO;
    bool known = when == NULL;

    *self = (struct app){.options = options, .interrupt = INTERRUPT_INIT};
    arena_init(&self->arena, ARENA_MAX);
    for (size_t i = 0; when && i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(when, names[i]) == 0) {
            colour = (enum colour)i;
            known = true;
        }
    }
    output_init(&self->output, colour, options_has(options, "json"), options_has(options, "quiet"));
    return known ? EXITS_OK : app_usage(self, "--color is auto, always or never, not '%s'", when);
}

void app_release(struct app *self)
{
    client_free(self->client);
    interrupt_release(&self->interrupt);
    arena_release(&self->arena);
}

/* --- reports ---------------------------------------------------------------------------------- */

static int fail(struct app *self, int code, const char *hint, const char *format, va_list args)
{
    struct buf text;

    buf_init(&text, BUF_NO_LIMIT);
    buf_append_vformat(&text, format, args);
    report_error(&self->output, code, buf_view(&text), hint);
    buf_release(&text);
    return code;
}

int app_fail(struct app *self, int code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fail(self, code, NULL, format, args);
    va_end(args);
    return code;
}

int app_usage(struct app *self, const char *format, ...)
{
    struct buf hint;
    va_list args;

    buf_init(&hint, BUF_NO_LIMIT);
    buf_append_format(&hint, "`hubctl help%s%s` explains it.", self->command ? " " : "",
                      self->command ? self->command : "");
    must_buf(&hint);
    va_start(args, format);
    fail(self, EXITS_USAGE, hint.ptr, format, args);
    va_end(args);
    buf_release(&hint);
    return EXITS_USAGE;
}

/* Says where hubd was looked for. */
static int unreachable(struct app *self, const struct hub_error *error)
{
    int code = exits_of_err(error->err);
    struct buf text;

    buf_init(&text, BUF_NO_LIMIT);
    buf_append_str(&text, STR("hubd does not answer at "));
    endpoint_append_name(&self->endpoint, &text);
    buf_append_format(&text, ": %s", error->detail);
    must_buf(&text);
    report_error(&self->output, code, buf_view(&text),
                 "Is it running? `hubctl doctor` looks closer.");
    buf_release(&text);
    return code;
}

int app_fail_with(struct app *self, const struct hub_error *error)
{
    if (error->err == HUB_ERR_UNAVAILABLE) {
        return unreachable(self, error);
    }
    if (error->err == HUB_ERR_BAD_REQUEST) {
        return app_usage(self, "%s", error->detail);
    }
    return app_fail(self, exits_of_err(error->err), "%s", error->detail);
}

int app_refused(struct app *self, const struct reply *reply)
{
    report_refusal(&self->output, reply, self->endpoint.key != NULL);
    return exits_of_status(reply->status);
}

int app_check_id(struct app *self, const char *what, const char *text)
{
    struct id id;

    if (!id_parse(str_from_c(text), &id)) {
        return app_usage(self, "'%s' is not the id of %s (it looks like %s)", text, what,
                         "0193a8c2-5d1f-7c3e-9b1a-4f2d6e8a0b1c");
    }
    return EXITS_OK;
}

/* --- calls ------------------------------------------------------------------------------------ */

int app_connect(struct app *self)
{
    const struct endpoint_wish wish = {
        .url = options_get(self->options, "url"),
        .socket = options_get(self->options, "socket"),
        .key_file = options_get(self->options, "key-file"),
        .ca_file = options_get(self->options, "ca-file"),
    };
    struct hub_error error;

    if (self->client) {
        return EXITS_OK;
    }
    if (endpoint_find(&self->endpoint, &self->arena, &wish, &error) < 0 ||
        client_new(&self->client, &self->endpoint, &self->interrupt, &error) < 0) {
        return app_fail_with(self, &error);
    }
    if (self->endpoint.key_file_is_open) {
        output_note(&self->output, "other users can read the key file: chmod 600 is better");
    }
    if (endpoint_exposes_key(&self->endpoint)) {
        output_note(&self->output, "the key travels in the clear: use https://");
    }
    return EXITS_OK;
}

static int read_json(struct app *self, const struct reply *reply, struct json_object **ret_json)
{
    struct hub_error why;

    if (json_read(buf_view(&reply->body), JSON_DEPTH_MAX, ret_json, NULL, &why) < 0) {
        return app_fail(self, EXITS_UNREACHABLE, "hubd's answer is not JSON: %s", why.detail);
    }
    return EXITS_OK;
}

int app_call(struct app *self, const struct request *request, struct json_object **ret_json)
{
    struct reply reply;
    struct hub_error error;
    int code = app_connect(self);

    if (code != EXITS_OK) {
        return code;
    }
    if (client_call(self->client, request, &reply, &error) < 0) {
        code = app_fail_with(self, &error);
    } else if (exits_of_status(reply.status) != EXITS_OK) {
        code = app_refused(self, &reply);
    } else if (ret_json) {
        code = read_json(self, &reply, ret_json);
    }
    reply_release(&reply);
    return code;
}

int app_time(struct app *self, const struct options *options, const char *option, int64_t *ret_at)
{
    const char *text = options_get(options, option);
    int64_t now_ms = clock_wall_ms();
    int64_t ms;

    if (!text) {
        return EXITS_OK;
    }
    if (human_parse_duration(str_from_c(text), &ms)) {
        *ret_at = now_ms - ms; /* "2h" here is two hours ago */
    } else if (!human_parse_time(str_from_c(text), now_ms, ret_at)) {
        return app_usage(self, "--%s is a time, or an age like 2h, not '%s'", option, text);
    }
    return EXITS_OK;
}

int app_query_time(struct app *self, struct buf *path, const struct options *options,
                   const char *option, const char *parameter)
{
    char formatted[CLOCK_RFC3339_LEN + 1];
    int64_t at = 0;
    int code = app_time(self, options, option, &at);

    if (code != EXITS_OK || !options_get(options, option)) {
        return code;
    }
    clock_format(at, formatted);
    url_append_query(path, parameter, str_from_c(formatted));
    return EXITS_OK;
}

int app_get(struct app *self, const char *path, struct json_object **ret_json)
{
    struct request request = {.method = "GET", .path = path};

    return app_call(self, &request, ret_json);
}

int app_send(struct app *self, const char *method, const char *path, struct json_object *body,
             struct json_object **ret_json)
{
    struct request request = {.method = method, .path = path};
    struct buf text;
    int code;

    buf_init(&text, BUF_NO_LIMIT);
    if (body) {
        json_append(&text, body);
        must_buf(&text);
        request.body = buf_view(&text);
        request.headers[0] = "Content-Type: application/json";
    }
    code = app_call(self, &request, ret_json);
    buf_release(&text);
    return code;
}

bool app_try_get(struct app *self, const char *path, int timeout_ms, struct json_object **ret_json)
{
    struct request request = {.method = "GET", .path = path, .timeout_ms = timeout_ms};
    struct reply reply;
    bool ok;

    if (!self->client) {
        return false;
    }
    ok = client_call(self->client, &request, &reply, NULL) == 0 && reply.status == 200 &&
         json_read(buf_view(&reply.body), JSON_DEPTH_MAX, ret_json, NULL, NULL) == 0;
    reply_release(&reply);
    return ok;
}

const char *app_path(struct app *self, const char *prefix, const char *id, const char *suffix)
{
    struct buf path;
    char *copy;

    buf_init(&path, BUF_NO_LIMIT);
    buf_append_c(&path, prefix);
    url_append_segment(&path, str_from_c(id));
    buf_append_c(&path, suffix);
    must_buf(&path);
    copy = must(arena_strdup(&self->arena, buf_view(&path)));
    buf_release(&path);
    return copy;
}
