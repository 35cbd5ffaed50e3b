/*
 * job_fill.h — from a JSON value to a job's record: what POST /v1/jobs and the lines of a batch
 * have in common.
 *
 *     type = types_find(…);                        // and the input is valid for it
 *     struct job_source source = {json, text, input, open, accounts};
 *     if (job_fill(&source, type, &op->arena, &record, &fault) == HUB_ERR_INVALID_INPUT) … fault …
 *
 * Thread: [any]. Private to core/api.
 */
#ifndef HUB_API_JOB_FILL_H
#define HUB_API_JOB_FILL_H

#include "accounts/accounts.h"
#include "api/types.h"
#include "base/arena.h"
#include "base/json.h"
#include "http/server.h"

/* A value that is valid against JobCreate. */
struct job_source {
    struct json_object *json;
    struct str text;                 /* its bytes: the input is stored as it came */
    struct json_object *input;       /* the member, or an empty object */
    bool open;                       /* it names values of other jobs: see input_refs.h */
    const struct accounts *accounts; /* with which files may be fetched */
};

/* What the schemas could not see. Texts are in the arena, or constants. */
struct job_fault {
    struct str pointer; /* into the value; ptr NULL: it is about the value as a whole */
    struct str keyword;
    const char *detail;
};

/* Fills all but `traceparent`, `created_by`, and what the engine gives. 0; HUB_ERR_NOMEM; or
 * HUB_ERR_INVALID_INPUT, HUB_ERR_UNKNOWN_ACCOUNT, HUB_ERR_UNUSABLE_ACCOUNT: see `ret_fault`. */
HUB_MUST_CHECK int job_fill(const struct job_source *source, const struct job_type *type,
                            struct arena *arena, struct job_record *job,
                            struct job_fault *ret_fault);

/* An ISO 8601 duration of at most a year as milliseconds; -1 if it is another. */
int64_t job_retention_ms(struct str text);

/* The request's trace context; empty if it has none that is well-formed. */
struct str job_trace_parent(const struct http_request *req);

#endif
