#include "http/problem.h"
#include "http/internal.h"

#include <stdio.h>

#define TYPE_BASE "https://hubd.dev/problems/"

/* A problem is small unless a schema has failed in very many places. */
#define PROBLEM_MAX ((size_t)256 * 1024)

static int status_of(int err)
{
    int status = hub_err_http_status(err);
    return status == 0 ? 500 : status;
}

static void append_member(struct buf *body, const char *name, struct str value)
{
    buf_append_char(body, '"');
    buf_append_c(body, name);
    buf_append(body, "\":", 2);
    buf_append_json_string(body, value);
}

static void append_items(struct buf *body, const struct http_problem *problem)
{
    buf_append_c(body, ",\"errors\":[");
    for (unsigned i = 0; i < problem->item_count; i++) {
        const struct http_problem_item *item = &problem->items[i];
        buf_append_c(body, i == 0 ? "{" : ",{");
        append_member(body, "pointer", item->pointer);
        buf_append_char(body, ',');
        append_member(body, "keyword", item->keyword);
        buf_append_char(body, ',');
        append_member(body, "detail", item->detail);
        buf_append_char(body, '}');
    }
    buf_append_char(body, ']');
}

/* RFC 9457 §3.1; `code` and `errors` are extension members (§3.2). */
static void append_problem(struct buf *body, const struct http_problem *problem)
{
    const char *code = hub_err_code(problem->err);
    buf_append_c(body, "{\"type\":\"" TYPE_BASE);
    buf_append_c(body, code);
    buf_append_c(body, "\",");
    append_member(body, "title", str_from_c(hub_err_title(problem->err)));
    buf_append_format(body, ",\"status\":%d,\"code\":\"%s\"", status_of(problem->err), code);
    if (problem->detail.len > 0) {
        buf_append_char(body, ',');
        append_member(body, "detail", problem->detail);
    }
    if (problem->item_count > 0) {
        append_items(body, problem);
    }
    buf_append_char(body, '}');
}

/* RFC 9110 §10.2.1. HEAD is there wherever GET is. */
static void append_methods(struct buf *allow, uint32_t allowed)
{
    if ((allowed & (1u << HTTP_GET)) != 0) {
        allowed |= 1u << HTTP_HEAD;
    }
    for (unsigned i = 0; i < HTTP_METHOD_COUNT; i++) {
        if ((allowed & (1u << i)) != 0) {
            buf_append_c(allow, allow->len > 0 ? ", " : "");
            buf_append_c(allow, http_method_name((enum http_method)i));
        }
    }
}

void http_respond_problem_full(struct http_request *req, const struct http_problem *problem)
{
    int status = status_of(problem->err);
    struct buf body;
    struct buf allow;
    char seconds[16];
    struct http_response response;
    buf_init(&body, PROBLEM_MAX);
    buf_init(&allow, 128);
    append_problem(&body, problem);
    http_response_init(&response, status);
    http_response_header(&response, "Content-Type", STR("application/problem+json"));
    if (status == 401) { /* RFC 9110 §15.5.2, RFC 6750 §3 */
        http_response_header(&response, "WWW-Authenticate", STR("Bearer"));
    }
    if (status == 405) { /* RFC 9110 §15.5.6 */
        append_methods(&allow, problem->allowed);
        http_response_header(&response, "Allow", buf_view(&allow));
    }
    if (status == 429 || status == 503 || status == 507) { /* RFC 9110 §10.2.3 */
        unsigned after_s = problem->retry_after_s == 0 ? 1 : problem->retry_after_s;
        int len = snprintf(seconds, sizeof seconds, "%u", after_s);
        http_response_header(&response, "Retry-After", str_of(seconds, (size_t)len));
    }
    /* Without the memory for words, the status still tells. */
    response.body = buf_failed(&body) ? STR("{}") : buf_view(&body);
    http_respond(req, &response);
    buf_release(&allow);
    buf_release(&body);
}

void http_respond_problem(struct http_request *req, int err, const char *detail)
{
    struct http_problem problem = {.err = err, .detail = str_from_c(detail)};
    http_respond_problem_full(req, &problem);
}
