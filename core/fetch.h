/*
 * fetch.h — files that an input names by URL, fetched by an attempt of `http.request`.
 *
 * hubd opens no connection of its own: the http connector does, in its runner, with its rules about
 * addresses, its deadlines and its accounts. A fetch is an attempt that the engine knows nothing
 * of: its token has FETCH_TOKEN set, which no token of the engine has.
 *
 *     fetch_start(fetcher, &request, on_fetched, context, &fetch)
 *         → on_fetched(context, &fetched)               exactly once if it returned 0
 *     fetch_cancel(fetch);                              // on_fetched comes, perhaps inside
 *
 * Under an account it is a use of it, as an attempt is: through the account's limits and pauses,
 * and on record before anything leaves (jobs_pass_ask()).
 *
 *     fetcher_finished(fetcher, outcome);               // what the supervisor says of such a token
 *     fetcher_capacity(fetcher, connector);             // there may be room for those that wait
 *
 * A repeated fetch does no harm, so that whatever is transient may be tried again.
 *
 * Thread: [loop].
 */
#ifndef HUB_FETCH_H
#define HUB_FETCH_H

#include "accounts/accounts.h"
#include "jobs/jobs.h"
#include "supervisor/supervisor.h"

#define FETCH_TOKEN ((uint64_t)1 << 63)

struct fetcher;
struct fetch;

struct fetch_request {
    struct str url;
    struct str account; /* name of one of the http connector; or none */
    struct str pointer; /* JSON Pointer of the file in the input */
    uint64_t token;     /* of the engine's attempt on whose behalf it is; */
    struct str job_id;
    uint32_t attempt;
    uint32_t max_attempts;
    struct str traceparent;
    uint32_t timeout_ms; /* once it has begun */
};

/* What came of it. Views live during the call. */
struct fetched {
    int err;           /* 0, or HUB_ERR_FETCH_FAILED, HUB_ERR_CANCELLED, HUB_ERR_INTERRUPTED */
    bool retryable;    /* with FETCH_FAILED: another time it may work */
    uint64_t delay_ms; /* with FETCH_FAILED, INTERRUPTED: but not before; 0: nothing was said */
    struct str code;   /* the http connector's, or of how its attempt ended */
    struct str message;
    struct str details; /* JSON object, or empty */
    int fd;             /* the receiver's; its maker may still hold it open for writing */
    struct str media_type;
};

typedef void fetch_done_fn(void *context, const struct fetched *fetched);

/* Fetches files of at most `bytes_max`. `accounts` and `supervisor` are borrowed. */
HUB_MUST_CHECK int fetcher_new(struct accounts *accounts, uint64_t bytes_max,
                               struct fetcher **ret_self);
void fetcher_connect(struct fetcher *self, struct jobs *jobs, struct supervisor *supervisor);
void fetcher_free(struct fetcher *self); /* nothing may be under way */

/* HUB_ERR_NOMEM, HUB_ERR_UNKNOWN_TYPE (there is no http connector), HUB_ERR_UNKNOWN_ACCOUNT,
 * HUB_ERR_UNUSABLE_ACCOUNT, HUB_ERR_UNAVAILABLE: then `done` does not come. If the connector has no
 * room the fetch waits. */
HUB_MUST_CHECK int fetch_start(struct fetcher *self, const struct fetch_request *request,
                               fetch_done_fn *done, void *context, struct fetch **ret_fetch);
void fetch_cancel(struct fetch *fetch);

void fetcher_finished(struct fetcher *self, const struct supervisor_outcome *outcome);
void fetcher_capacity(struct fetcher *self, struct str connector);
/* Those that wait for room end as interrupted. */
void fetcher_drain(struct fetcher *self);

#endif
