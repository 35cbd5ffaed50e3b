/*
 * call.h — one API call on its way: what every handler gets, and how it answers.
 *
 * A call lives in its request's arena and ends with it. A handler answers exactly once, now or from
 * a completion, with one of the api_reply…() functions; until then the call is valid.
 *
 * Thread: [loop]. Private to core/api.
 */
#ifndef HUB_API_CALL_H
#define HUB_API_CALL_H

#include "api/api.h"
#include "api/auth.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/map.h"
#include "http/problem.h"
#include "http/route.h"
#include "schemas/schema.h"

struct api_route;

struct api_call {
    struct api *api;
    struct http_request *req;
    const struct api_route *route;
    struct http_match match;
    struct principal principal;
    struct str body;          /* BODY_JSON: the bytes */
    struct json_object *json; /* BODY_JSON: parsed and valid against the route's schema */
    /* Instead of the job itself, what api_answer_job() answers with; NULL: the job. */
    void (*answer_job)(struct api_call *call, const struct job_record *job);
};

typedef void api_handler(struct api_call *call);

enum api_body {
    BODY_NONE,   /* a body is ignored */
    BODY_JSON,   /* read whole, parsed, validated before the handler runs */
    BODY_STREAM, /* the handler reads it */
};

/* A query or header parameter, for checking and for /openapi.json. */
struct api_param {
    const char *name;
    const char *in;     /* "query", "header" or "path" */
    const char *schema; /* JSON */
    const char *summary;
};
#define API_PARAMS_MAX 10

/* A row of the route table. */
struct api_route {
    enum http_method method;
    const char *pattern;
    api_handler *handler;
    uint32_t scope; /* one of SCOPE_…; 0: open to all */
    enum api_body body;
    const char *request;    /* schema name, or NULL */
    int status;             /* of success */
    const char *response;   /* schema name, or NULL for none */
    const char *media_type; /* of the response; NULL: application/json */
    const char *tag;
    const char *operation_id;
    const char *summary;
    struct api_param params[API_PARAMS_MAX];
    bool secret; /* a BODY_JSON that is zeroed, once it is parsed, and what was parsed too */
};

extern const struct api_route API_ROUTES[];
extern const size_t API_ROUTE_COUNT;

struct wait_room;
struct event_hub;
struct in_flight;
struct hooks;
struct deliveries;

/* The API itself: what handlers share. */
struct api {
    struct api_deps deps;
    struct api_config config;
    const struct http_server *server;
    struct http_router *router;
    enum api_phase phase;
    int64_t started_at;
    struct api_schemas *schemas; /* the API's own, compiled; see api_schemas.h */
    struct keyring *keys;
    struct wait_room *waits;       /* requests that wait for jobs; see wait.h */
    struct event_hub *events;      /* SSE subscribers; see events.h */
    struct hooks *hooks;           /* webhooks that are being verified; see hooks.c */
    struct deliveries *deliveries; /* of callbacks; see deliver.h */
    struct intakes *intakes;       /* lines of batches of schedules; see batch_intake.h */
    struct map in_flight;          /* idempotency scopes being worked on → itself */
    struct api_call *rescan;       /* waits for the scan that it began, or NULL */
    struct id_gen ids;
    struct buf answer; /* see api_answer_buf() */
    char *openapi;     /* made on demand, dropped when connectors change */
    size_t openapi_len;
};

/* --- Answering ---------------------------------------------------------------------------------*/

/* An empty buffer for the body of one answer, to be filled and sent at once: the next call takes
 * it. One for all, so that a busy server does not allocate a body for each request. */
struct buf *api_answer_buf(struct api *api);

/* Frees the parsed body before the answer: a handler that waits need not hold it. */
void api_call_drop_json(struct api_call *call);

/* `json` is the body. */
void api_reply(struct api_call *call, int status, struct str json);
/* As api_reply() with one more header, such as Location; `name` NULL: none. */
void api_reply_with(struct api_call *call, int status, struct str json,
                    const struct http_header *headers, unsigned header_count);
void api_reply_buf(struct api_call *call, int status, struct buf *json); /* releases `json` */
void api_reply_empty(struct api_call *call, int status);
void api_fail(struct api_call *call, int err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A schema failure; `prefix` is put before each pointer ("/input" for an operation's schema). */
void api_fail_schema(struct api_call *call, const struct schema_errors *errors, struct str prefix);

/* --- Reading parameters: false when the call has been answered ---------------------------------*/

/* The path parameter `index` as an id; anything else is answered 404. */
bool api_path_id(struct api_call *call, unsigned index, struct id *ret_id);

/* Query parameters. A name that the route does not know is answered 400 before the handler runs. */
bool api_query(struct api_call *call, const char *name, struct str *ret_value); /* empty: absent */
bool api_query_u64(struct api_call *call, const char *name, uint64_t min, uint64_t max,
                   uint64_t fallback, uint64_t *ret_value);
bool api_query_bool(struct api_call *call, const char *name, bool fallback, bool *ret_value);
bool api_query_time(struct api_call *call, const char *name, int64_t *ret_ms); /* 0: absent */

/* --- Talking to the store ----------------------------------------------------------------------*/

/* An operation whose completion is `done(op, call)`. NULL when out of memory; then the call has
 * been answered. */
struct store_op *api_op(struct api_call *call, enum store_op_kind kind, store_done_fn *done);
void api_submit(struct api_call *call, struct store_op *op);

#endif
