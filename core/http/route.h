/*
 * route.h — from method and path to a row of a table.
 *
 * The application has one table of routes. A pattern is a path whose segments are literal or
 * `{name}`; a parameter takes one non-empty segment and arrives percent-decoded.
 *
 *     static const struct http_route ROUTES[] = {
 *         {HTTP_GET, "/v1/jobs/{id}", &get_job},
 *     …
 *     struct http_match match;
 *     int err = http_router_match(router, req, &match);   // HUB_ERR_NOT_FOUND, _METHOD_NOT_ALLOWED
 *
 * Of several rows that match, the one with a literal where the others have a parameter wins, from
 * left to right. Literals are compared as sent: "/v1/%6aobs" is another path. "//" and a trailing
 * "/" are not ignored. HEAD is answered by the GET row. The router is immutable after
 * http_router_new(). Thread: [any].
 */
#ifndef HUB_HTTP_ROUTE_H
#define HUB_HTTP_ROUTE_H

#include "http/server.h"

#define HTTP_PARAMS_MAX 4

struct http_route {
    enum http_method method;
    const char *pattern;
    const void *user; /* the application's row */
};

struct http_match {
    const struct http_route *route;
    unsigned param_count;
    struct str params[HTTP_PARAMS_MAX]; /* in the order of the pattern, from the request's arena */
    uint32_t
        allowed; /* with HUB_ERR_METHOD_NOT_ALLOWED: bit (1 << method) for each that is there */
};

struct http_router;
/* The patterns must outlive the router. HUB_ERR_INVALID_INPUT for one without a leading '/', with
 * more than 4 parameters or 16 segments, HUB_ERR_CONFLICT for two rows that match the same. */
HUB_MUST_CHECK int http_router_new(const struct http_route *routes, size_t count,
                                   struct http_router **ret_router);
void http_router_free(struct http_router *self);

/* 0, HUB_ERR_NOT_FOUND, HUB_ERR_METHOD_NOT_ALLOWED, HUB_ERR_BAD_REQUEST (bad percent-encoding, or a
 * decoded NUL, '/' or control byte in a parameter, one that is not UTF-8, or is "." or ".."), or
 * HUB_ERR_NOMEM. On failure only `ret_match->allowed` is set, and only by METHOD_NOT_ALLOWED. */
HUB_MUST_CHECK int http_router_match(const struct http_router *self, struct http_request *req,
                                     struct http_match *ret_match);

/* The value of a query parameter, percent-decoded ('+' is a blank) into `arena`. Returns 1 and the
 * value, 0 if it is absent, HUB_ERR_BAD_REQUEST if it is malformed (a bad escape, NUL, not UTF-8)
 * or given twice, HUB_ERR_NOMEM. */
HUB_MUST_CHECK int http_query_get(struct str query, const char *name, struct arena *arena,
                                  struct str *ret_value);
/* The next pair of a query string, not decoded, for checking that all names are known; false at the
 * end. `*rest` is the query at first. */
bool http_query_next(struct str *rest, struct str *ret_name, struct str *ret_value);

#endif
