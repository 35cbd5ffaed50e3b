#include "http.h"

#include "sign.h"

#include <string.h>

/* --- Headers -----------------------------------------------------------------------------------*/

int exchange_add_header(struct exchange *self, struct str name, struct str value)
{
    if (self->header_count == EXCHANGE_HEADERS_MAX) {
        return HUB_ERR_LIMIT;
    }
    self->headers[self->header_count++] =
        (hub_http_header){hub_of_str(name), {value.ptr ? value.ptr : "", value.len}};
    return 0;
}

struct str exchange_header(const struct exchange *self, struct str name)
{
    for (uint32_t i = 0; i < self->header_count; i++) {
        if (str_eq_nocase(str_of_hub(self->headers[i].name), name)) {
            return str_of_hub(self->headers[i].value);
        }
    }
    return (struct str){0};
}

static int copy_headers(struct exchange *self)
{
    struct json_object *headers;
    int err = 0;
    if (!json_get_object(self->input, "headers", &headers)) {
        return 0;
    }
    json_object_object_foreach(headers, name, value) {
        if (err == 0) {
            err = exchange_add_header(self, str_from_c(name), json_str(value));
        }
    }
    return err;
}

/* The default is what the API of most providers calls it, after the IETF's draft. */
static int add_idempotency_key(struct exchange *self)
{
    struct json_object *value;
    struct str name = {0};
    bool given = json_object_object_get_ex(self->input, "idempotency_header", &value);
    if (given && value) {
        name = json_str(value);
    } else if (!given &&
               (str_eq(self->method, STR("POST")) || str_eq(self->method, STR("PATCH")))) {
        name = STR("Idempotency-Key");
    }
    if (name.len == 0 || exchange_header(self, name).ptr) {
        return 0;
    }
    return exchange_add_header(self, name, str_of_hub(self->job->idempotency_key));
}

/* --- Forms and queries -------------------------------------------------------------------------*/

static void append_scalar(struct buf *buf, struct json_object *value)
{
    struct buf text;
    if (json_object_is_type(value, json_type_string)) {
        percent_append(buf, json_str(value));
        return;
    }
    buf_init(&text, 512);
    json_append(&text, value);
    percent_append(buf, buf_view(&text));
    buf_release(&text);
}

static void append_field(struct buf *buf, struct str name, struct json_object *value, bool *first)
{
    buf_append_c(buf, *first ? "" : "&");
    *first = false;
    percent_append(buf, name);
    buf_append_char(buf, '=');
    append_scalar(buf, value);
}

void form_append(struct buf *buf, struct json_object *fields)
{
    bool first = true;
    json_object_object_foreach(fields, name, value) {
        if (!json_object_is_type(value, json_type_array)) {
            append_field(buf, str_from_c(name), value, &first);
            continue;
        }
        for (size_t i = 0; i < json_object_array_length(value); i++) {
            append_field(buf, str_from_c(name), json_object_array_get_idx(value, i), &first);
        }
    }
}

static void build_url(struct exchange *self)
{
    struct json_object *query;
    struct str url = {0};
    (void)json_get_str(self->input, "url", &url);
    url = str_split(&url, '#'); /* a fragment is never sent */
    buf_append_str(&self->url, url);
    if (json_get_object(self->input, "query", &query) && json_object_object_length(query) > 0) {
        buf_append_char(&self->url, memchr(url.ptr, '?', url.len) ? '&' : '?');
        form_append(&self->url, query);
    }
}

/* --- The body ----------------------------------------------------------------------------------*/

/* The JSON as it stands in the input is not at hand any more; json_append() gives the same digits
 * and the same order. */
static const char *build_body(struct exchange *self, struct json_object *body)
{
    struct json_object *part;
    struct str text;
    if (json_object_object_get_ex(body, "json", &part)) {
        json_append(&self->body, part);
        return "application/json";
    }
    if (json_get_object(body, "form", &part)) {
        buf_append_c(&self->body, "");
        form_append(&self->body, part);
        return "application/x-www-form-urlencoded";
    }
    if (json_get_str(body, "text", &text)) {
        buf_append_str(&self->body, text);
        return "text/plain; charset=utf-8";
    }
    self->file = self->connector->host->file(self->job, HUB_STR("/body/file"));
    return NULL;
}

static int add_body(struct exchange *self, struct hub_error *error)
{
    struct json_object *body;
    struct str type = {0};
    if (!json_get_object(self->input, "body", &body)) {
        return 0;
    }
    if (str_eq(self->method, STR("HEAD"))) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT, "A HEAD request has no body.");
    }
    type = str_from_c(build_body(self, body));
    if (!type.ptr && !self->file) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT, "There is no file at /body/file.");
    }
    if (self->file) {
        type = str_of_hub(self->file->media_type);
        type = type.len > 0 ? type : STR("application/octet-stream");
    }
    (void)json_get_str(body, "media_type", &type);
    if (exchange_header(self, STR("content-type")).ptr) {
        return 0;
    }
    return exchange_add_header(self, STR("Content-Type"), type);
}

int exchange_build(struct exchange *self, struct hub_error *error)
{
    struct str traceparent = str_of_hub(self->job->traceparent);
    self->method = STR("GET");
    (void)json_get_str(self->input, "method", &self->method);
    build_url(self);
    int err = copy_headers(self);
    if (err == 0) {
        err = add_idempotency_key(self);
    }
    if (err == 0 && traceparent.len > 0 && !exchange_header(self, STR("traceparent")).ptr) {
        err = exchange_add_header(self, STR("traceparent"), traceparent);
    }
    if (err == 0) {
        err = add_body(self, error);
        if (err < 0) {
            return err;
        }
    }
    if (buf_failed(&self->url) || buf_failed(&self->body)) {
        return HUB_ERR_NOMEM;
    }
    return err < 0 ? hub_fail(error, HUB_ERR_INVALID_INPUT, "There are too many headers.") : 0;
}
