#include "http.h"

#include "base/hash.h"
#include "connectors/common/provider.h"

#include <string.h>

#define DEPTH_MAX   60   /* the result is a level more, and what holds it some more */
#define EXCERPT_MAX 2048 /* of a body that explains a failure */
#define DETAILS_MAX (64u << 10)

/* --- What was expected -------------------------------------------------------------------------*/

/* "204", "2xx", "200-299". */
static bool fits(struct str pattern, uint32_t status)
{
    uint64_t from, to;
    if (str_ends_with(pattern, STR("xx"))) {
        return status / 100 == (uint32_t)(pattern.ptr[0] - '0');
    }
    struct str last = pattern;
    struct str first = str_split(&last, '-');
    if (!str_to_u64(first, 999, &from)) {
        return false;
    }
    to = from;
    return (!last.ptr || str_to_u64(last, 999, &to)) && status >= from && status <= to;
}

static bool is_expected(const struct exchange *self, uint32_t status)
{
    struct json_object *list;
    if (!json_get_array(self->input, "expect", &list)) {
        return status >= 200 && status < 300;
    }
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        if (fits(json_str(json_object_array_get_idx(list, i)), status)) {
            return true;
        }
    }
    return false;
}

static bool is_worth_another(const struct exchange *self, uint32_t status)
{
    struct json_object *list;
    if (!json_get_array(self->input, "retry_status", &list)) {
        return status == 429 || status == 503;
    }
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        if (json_object_get_int64(json_object_array_get_idx(list, i)) == status) {
            return true;
        }
    }
    return false;
}

/* --- The answer as JSON ------------------------------------------------------------------------*/

static bool is_cookie(const hub_http_header *header)
{
    return str_eq(str_of_hub(header->name), STR("set-cookie"));
}

/* All values of a name, at its first place. */
static void append_values(struct buf *json, const hub_http_response *response, uint32_t at)
{
    struct str name = str_of_hub(response->headers[at].name);
    struct buf value;
    buf_init(&value, BUF_NO_LIMIT);
    for (uint32_t i = at; i < response->header_count; i++) {
        if (str_eq(str_of_hub(response->headers[i].name), name)) {
            buf_append_c(&value, i > at ? ", " : "");
            buf_append_str(&value, str_of_hub(response->headers[i].value));
        }
    }
    buf_append_json_string(json, name);
    buf_append_char(json, ':');
    buf_append_json_string(json, buf_view(&value));
    json->failed = json->failed || buf_failed(&value);
    buf_release(&value);
}

static bool is_first(const hub_http_response *response, uint32_t at)
{
    for (uint32_t i = 0; i < at; i++) {
        if (str_eq(str_of_hub(response->headers[i].name), str_of_hub(response->headers[at].name))) {
            return false;
        }
    }
    return true;
}

static void append_headers(struct buf *json, const hub_http_response *response)
{
    bool any = false;
    buf_append_c(json, "\"headers\":{");
    for (uint32_t i = 0; i < response->header_count; i++) {
        if (!is_cookie(&response->headers[i]) && is_first(response, i)) {
            buf_append_c(json, any ? "," : "");
            append_values(json, response, i);
            any = true;
        }
    }
    buf_append_char(json, '}');
    any = false;
    for (uint32_t i = 0; i < response->header_count; i++) {
        if (is_cookie(&response->headers[i])) {
            buf_append_c(json, any ? "," : ",\"set_cookie\":[");
            buf_append_json_string(json, str_of_hub(response->headers[i].value));
            any = true;
        }
    }
    buf_append_c(json, any ? "]" : "");
}

/* application/json, application/problem+json, … */
static bool says_json(const hub_http_response *response)
{
    struct str type = response_header(response, "content-type");
    type = str_trim(str_split(&type, ';'));
    struct str tail = type.len > 5 ? str_slice(type, type.len - 5, 5) : (struct str){0};
    return str_eq_nocase(tail, STR("+json")) || str_eq_nocase(tail, STR("/json"));
}

/* JSON as it came, if hubd's own reader would take it. */
static bool append_json(struct buf *json, struct str body)
{
    struct json_object *value;
    if (json_read(body, DEPTH_MAX, &value, NULL, NULL) < 0) {
        return false;
    }
    json_object_put(value);
    buf_append_c(json, ",\"json\":");
    buf_append_str(json, body);
    return true;
}

static bool is_text(struct str body)
{
    return str_utf8_valid_prefix(body) == body.len &&
           (body.len == 0 || !memchr(body.ptr, '\0', body.len));
}

static void append_body(struct buf *json, const hub_http_response *response)
{
    struct str body = str_of_hub(response->body);
    if (body.len == 0 || (says_json(response) && append_json(json, body))) {
        return;
    }
    if (is_text(body)) {
        buf_append_c(json, ",\"text\":");
        buf_append_json_string(json, body);
    } else {
        buf_append_c(json, ",\"base64\":\"");
        base64_append(json, body);
        buf_append_char(json, '"');
    }
}

static void append_facts(struct buf *json, const hub_http_response *response)
{
    buf_append_format(json, "{\"status\":%u,", response->status);
    append_headers(json, response);
}

/* --- Ends --------------------------------------------------------------------------------------*/

static void succeed(struct exchange *self, const hub_http_response *response)
{
    struct buf json;
    struct str name;
    buf_init(&json, RESULT_MAX);
    append_facts(&json, response);
    buf_append_c(&json, ",\"url\":");
    buf_append_json_string(&json, str_of_hub(response->url));
    buf_append_format(&json, ",\"redirects\":%u,\"bytes\":%llu", response->redirects,
                      (unsigned long long)response->body_bytes);
    if (json_get_str(self->input, "save_as", &name)) {
        buf_append_c(&json, ",\"artifact\":");
        buf_append_json_string(&json, name);
    }
    append_body(&json, response);
    buf_append_char(&json, '}');
    if (buf_failed(&json)) {
        exchange_fail(self, "too_large",
                      STR("The answer is larger than a result may be: use save_as."),
                      (struct str){0});
    } else {
        exchange_succeed(self, buf_view(&json));
    }
    buf_release(&json);
}

static void refuse_status(struct exchange *self, const hub_http_response *response)
{
    uint64_t delay_ms = provider_pause(self->connector->host, self->job, response);
    char message[64];
    struct buf text, json;
    struct str body = str_utf8_cut(str_of_hub(response->body), EXCERPT_MAX);
    buf_init_fixed(&text, message, sizeof message);
    buf_append_format(&text, "The answer's status is %u.", response->status);
    if (is_worth_another(self, response->status)) {
        exchange_retry(self, "retry_status", buf_view(&text), delay_ms);
        return;
    }
    buf_init(&json, DETAILS_MAX);
    append_facts(&json, response);
    if (is_text(body)) {
        buf_append_c(&json, ",\"text\":");
        buf_append_json_string(&json, body);
    }
    buf_append_char(&json, '}');
    exchange_fail(self, "unexpected_status", buf_view(&text),
                  buf_failed(&json) ? (struct str){0} : buf_view(&json));
    buf_release(&json);
}

enum verdict { FAIL, RETRY, DOUBT };

/* DOUBT: another attempt, unless the request may have arrived and must not be made twice. */
static const struct {
    uint32_t error;
    const char *code;
    enum verdict verdict;
} ERRORS[] = {
    {HUB_HTTP_INVALID, "invalid_request", FAIL},
    {HUB_HTTP_BLOCKED, "blocked_address", FAIL},
    {HUB_HTTP_DNS, "dns_failed", RETRY},
    {HUB_HTTP_CONNECT, "connect_failed", RETRY},
    {HUB_HTTP_TLS, "tls_failed", FAIL},
    {HUB_HTTP_TIMEOUT, "timeout", DOUBT},
    {HUB_HTTP_TOO_LARGE, "too_large", FAIL},
    {HUB_HTTP_BROKEN, "connection_broken", DOUBT},
    {HUB_HTTP_REDIRECT, "redirect_refused", FAIL},
    {HUB_HTTP_SINK, "storage_failed", DOUBT},
    {HUB_HTTP_SOURCE, "file_unreadable", DOUBT},
    {HUB_HTTP_NO_RESOURCES, "busy", DOUBT},
};

static void take_error(struct exchange *self, const hub_http_response *response)
{
    struct str message = str_of_hub(response->message);
    const char *code = "failed";
    enum verdict verdict = DOUBT;
    for (size_t i = 0; i < sizeof ERRORS / sizeof ERRORS[0]; i++) {
        if (ERRORS[i].error == response->error) {
            code = ERRORS[i].code;
            verdict = ERRORS[i].verdict;
        }
    }
    if (verdict == DOUBT && response->sent == HUB_HTTP_NEVER_SENT) {
        verdict = RETRY;
    }
    if (verdict == FAIL) {
        exchange_fail(self, code, message, (struct str){0});
    } else if (verdict == RETRY) {
        exchange_retry(self, code, message, 0);
    } else {
        exchange_doubt(self, code, message);
    }
}

void answer_take(struct exchange *self, const hub_http_response *response)
{
    if (response->error != HUB_HTTP_OK) {
        take_error(self, response);
    } else if (is_expected(self, response->status)) {
        succeed(self, response);
    } else if (response->status == 401 && auth_needs_token(self) && !self->token_is_fresh) {
        exchange_forget_token(self); /* it was withdrawn before its time */
        self->token_is_fresh = true;
        exchange_send(self);
    } else {
        refuse_status(self, response);
    }
}
