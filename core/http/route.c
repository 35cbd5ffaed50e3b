#include "http/route.h"
#include "http/decode.h"

#include <stdlib.h>

#define SEGMENTS_MAX 16

/* A path cut at its slashes: "/v1/jobs" is "v1", "jobs". */
struct segments {
    unsigned count;
    struct str at[SEGMENTS_MAX];
};

struct row {
    struct http_route route;
    struct segments pattern;
};

struct http_router {
    size_t count;
    struct row rows[]; /* sorted by row_before() */
};

/* False if there are too many. `path` begins with '/'. */
static bool cut(struct str path, struct segments *ret_segments)
{
    struct segments cut_path = {0};
    struct str rest = str_slice(path, 1, path.len);
    do {
        if (cut_path.count == SEGMENTS_MAX) {
            return false;
        }
        cut_path.at[cut_path.count++] = str_split(&rest, '/');
    } while (rest.ptr != NULL);
    *ret_segments = cut_path;
    return true;
}

static bool is_param(struct str segment)
{
    return segment.len > 2 && segment.ptr[0] == '{' && segment.ptr[segment.len - 1] == '}';
}

/* By number of segments; then a literal before a parameter, from left to right, so that the first
 * row that matches is the most special one. */
static int compare_rows(const void *a, const void *b)
{
    const struct segments *x = &((const struct row *)a)->pattern;
    const struct segments *y = &((const struct row *)b)->pattern;
    if (x->count != y->count) {
        return x->count < y->count ? -1 : 1;
    }
    for (unsigned i = 0; i < x->count; i++) {
        bool x_is_param = is_param(x->at[i]);
        bool y_is_param = is_param(y->at[i]);
        int order = x_is_param != y_is_param ? (x_is_param ? 1 : -1)
                    : x_is_param             ? 0
                                             : str_cmp(x->at[i], y->at[i]);
        if (order != 0) {
            return order;
        }
    }
    return (int)((const struct row *)a)->route.method - (int)((const struct row *)b)->route.method;
}

static int add_row(struct row *row, const struct http_route *route)
{
    struct str pattern = str_from_c(route->pattern);
    unsigned params = 0;
    row->route = *route;
    if (pattern.len == 0 || pattern.ptr[0] != '/' || !cut(pattern, &row->pattern)) {
        return HUB_ERR_INVALID_INPUT;
    }
    for (unsigned i = 0; i < row->pattern.count; i++) {
        params += is_param(row->pattern.at[i]);
    }
    return params > HTTP_PARAMS_MAX ? HUB_ERR_INVALID_INPUT : 0;
}

int http_router_new(const struct http_route *routes, size_t count, struct http_router **ret_router)
{
    struct http_router *self = calloc(1, sizeof *self + count * sizeof self->rows[0]);
    int err = 0;
    if (self == NULL) {
        return HUB_ERR_NOMEM;
    }
    self->count = count;
    for (size_t i = 0; i < count; i++) {
        err = add_row(&self->rows[i], &routes[i]);
        if (err < 0) {
            goto out;
        }
    }
    qsort(self->rows, count, sizeof self->rows[0], compare_rows);
    for (size_t i = 1; i < count; i++) {
        if (compare_rows(&self->rows[i - 1], &self->rows[i]) == 0) {
            err = HUB_ERR_CONFLICT;
            goto out;
        }
    }
    *ret_router = self;
    self = NULL;
out:
    http_router_free(self);
    return err;
}

void http_router_free(struct http_router *self)
{
    free(self);
}

static bool row_matches(const struct row *row, const struct segments *path)
{
    if (row->pattern.count != path->count) {
        return false;
    }
    for (unsigned i = 0; i < path->count; i++) {
        struct str wanted = row->pattern.at[i];
        if (is_param(wanted) ? path->at[i].len == 0 : !str_eq(wanted, path->at[i])) {
            return false;
        }
    }
    return true;
}

/* A parameter must stay one harmless segment after decoding. */
static bool is_harmless(struct str param)
{
    if (str_eq(param, STR(".")) || str_eq(param, STR(".."))) {
        return false;
    }
    for (size_t i = 0; i < param.len; i++) {
        unsigned char c = (unsigned char)param.ptr[i];
        if (c < 0x20 || c == 0x7f || c == '/') {
            return false;
        }
    }
    return true;
}

static int take_params(const struct row *row, const struct segments *path, struct arena *arena,
                       struct http_match *match)
{
    for (unsigned i = 0; i < path->count; i++) {
        if (!is_param(row->pattern.at[i])) {
            continue;
        }
        struct str *param = &match->params[match->param_count++];
        int err = percent_decode(path->at[i], false, arena, param);
        if (err < 0) {
            return err;
        }
        if (!is_harmless(*param)) {
            return HUB_ERR_BAD_REQUEST;
        }
    }
    return 0;
}

static bool method_fits(enum http_method row, enum http_method wanted)
{
    return row == wanted || (row == HTTP_GET && wanted == HTTP_HEAD);
}

int http_router_match(const struct http_router *self, struct http_request *req,
                      struct http_match *ret_match)
{
    struct segments path;
    struct http_match match = {0};
    if (!cut(req->path, &path)) {
        return HUB_ERR_NOT_FOUND;
    }
    for (size_t i = 0; i < self->count; i++) {
        const struct row *row = &self->rows[i];
        if (!row_matches(row, &path)) {
            continue;
        }
        match.allowed |= 1u << row->route.method;
        if (method_fits(row->route.method, req->method)) {
            match.route = &row->route;
            int err = take_params(row, &path, &req->arena, &match);
            if (err == 0) {
                *ret_match = match;
            }
            return err;
        }
    }
    if (match.allowed == 0) {
        return HUB_ERR_NOT_FOUND;
    }
    ret_match->allowed = match.allowed;
    return HUB_ERR_METHOD_NOT_ALLOWED;
}
