/*
 * problem.h — errors as application/problem+json (RFC 9457).
 *
 *     http_respond_problem(req, HUB_ERR_NOT_FOUND, "no job has this id");
 *
 * {"type":"https://hubd.dev/problems/not_found","title":"Not
 * found","status":404,"code":"not_found", "detail":"no job has this id"} with `errors[] {pointer,
 * keyword, detail}` for schema failures. 429, 503 and 507 carry `Retry-After`, 401
 * `WWW-Authenticate: Bearer`, 405 `Allow`.
 *
 * Thread: [loop].
 */
#ifndef HUB_HTTP_PROBLEM_H
#define HUB_HTTP_PROBLEM_H

#include "http/server.h"

struct http_problem_item {
    struct str pointer; /* JSON Pointer into the body, "" for the whole of it */
    struct str keyword; /* the schema keyword that failed, or empty */
    struct str detail;
};

struct http_problem {
    int err;                /* a negative enum hub_err; gives type, title, code and status */
    struct str detail;      /* may be empty */
    unsigned retry_after_s; /* 0: the default of 1 where the status asks for one */
    uint32_t allowed;       /* for METHOD_NOT_ALLOWED: bits (1 << enum http_method) */
    const struct http_problem_item *items;
    unsigned item_count;
};

void http_respond_problem(struct http_request *req, int err, const char *detail);
void http_respond_problem_full(struct http_request *req, const struct http_problem *problem);

#endif
