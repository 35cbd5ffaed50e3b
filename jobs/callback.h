/*
 * callback.h — a callback: the news that a job, a batch or a flow has ended, on its way to the
 * `callback_url` of that.
 *
 * The transaction in which a job with a callback_url becomes terminal writes a delivery (the
 * outbox), so that neither is on record without the other; likewise the one in which the last job
 * of a batch whose upload is complete, or of a flow, does. What is retried by hand ends again, and
 * makes another delivery. Deliveries are attempted until one is taken (at least once: after a crash
 * the same one may arrive again, under the same id), and go with what they tell of.
 *
 *     STORE_CALLBACK_DUE        which are due, and when the next one is
 *     STORE_CALLBACK_PUT        what came of an attempt, and what comes next
 *     STORE_CALLBACK_OF         the log of the deliveries of a job, batch or flow
 *     STORE_CALLBACK_LIST       all deliveries by state
 *     STORE_CALLBACK_RESEND     the last delivery of one once more
 *
 * RETRIES follow the schedule that Standard Webhooks 1.0 suggests ("Deliverability and
 * reliability"), each pause stretched by a random part of up to a fifth, and by the receiver's
 * Retry-After if that is longer.
 *
 * Thread: [any]; pure data and pure functions.
 */
#ifndef HUB_JOBS_CALLBACK_H
#define HUB_JOBS_CALLBACK_H

#include "jobs/job.h"

#define CALLBACK_URL_MAX      2048
#define CALLBACK_TRIES_MAX    10    /* of one sending; by hand it can be sent again */
#define CALLBACK_LOG_MAX      50    /* attempts that the log keeps of a delivery: the latest */
#define CALLBACK_LIST_MAX     100   /* deliveries that one operation gives */
#define CALLBACK_GONE_MAX     10000 /* URLs that are known to be gone: the latest */
#define CALLBACK_RETRY_MAX_MS (24 * 3600 * INT64_C(1000)) /* of a Retry-After */

/* X(NAME, "name"). The numbers are stored: append only. */
#define CALLBACK_STATE_MAP(X)                                                                      \
    X(PENDING, "pending")                                                                          \
    X(DELIVERED, "delivered")                                                                      \
    X(FAILED, "failed")     /* the last try of the schedule failed */                              \
    X(DISABLED, "disabled") /* the receiver said 410 Gone, to this delivery or an earlier one */

enum callback_state {
#define X(name, text) CALLBACK_##name,
    CALLBACK_STATE_MAP(X)
#undef X
        CALLBACK_STATE_COUNT
};

const char *callback_state_name(enum callback_state state);
bool callback_state_parse(struct str name, enum callback_state *ret_state);

struct callback_attempt {
    uint32_t number; /* from 1; 0: there was none */
    int64_t started_at;
    int64_t finished_at;
    uint32_t status; /* of HTTP; 0: there was no answer */
    struct str code; /* why it failed; empty: it did not */
};

struct callback_record {
    int64_t seq;
    struct work of;
    struct str url;
    enum job_state event; /* of a job: the terminal state that it tells of */
    enum callback_state state;
    uint32_t attempts; /* in all */
    uint32_t tries;    /* since it was sent, or sent again by hand */
    int64_t created_at;
    int64_t next_at;                    /* of the next attempt, while pending */
    bool gone;                          /* of CALLBACK_DUE only: its URL is */
    const struct callback_attempt *log; /* of CALLBACK_OF only; the oldest first */
    unsigned log_count;
};

/* How long to wait after the try `tries` (from 1) has failed, in ms; -1: that was the last one.
 * `retry_after_ms` is what the receiver asked for, 0: nothing. `random` is any number: the same one
 * gives the same pause. */
int64_t callback_pause_ms(uint32_t tries, int64_t retry_after_ms, uint32_t random);

#endif
