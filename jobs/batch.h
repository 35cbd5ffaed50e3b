/*
 * batch.h — a batch: jobs that came together, line by line, and are accounted for line by line.
 *
 * A batch is a row with a count for each state, brought up to date in the transactions that move
 * its jobs. Its jobs are told by ranges: an append takes as many job numbers as it has lines, so
 * line N of a range is job `first + (N - line)`, and a bad or blank line is a hole. Nothing is
 * written for a job because it belongs to a batch.
 *
 * PARKED. A batch's jobs wait in the store, not in memory: the engine opens a page of them at a
 * time (STORE_BATCH_OPEN), in the order of the lines, as the ones before go on. So a million of
 * them cost no memory and no time at a start. `opened` is the last line that the engine was given.
 * What is parked expires, and a scheduled one becomes due, when its turn to be opened has come.
 *
 * ATOMIC (`on_error: abort`). Until its last append a batch that is atomic is hidden: no list shows
 * its jobs, none of them is opened. The append that says BATCH_COMPLETE opens all of it at once;
 * STORE_BATCH_DROP makes all of it go: hidden still, it is removed slice by slice by the purge.
 *
 * RESUMING. `lines` is the last line that is on stable storage and `digest` the SHA-256 of all
 * bytes up to the end of that line, its newline included. Who sends the same text again under the
 * same Idempotency-Key skips so many lines and compares the digest.
 *
 * AN END, ONCE. In the transaction in which the last job of a batch whose upload has ended becomes
 * terminal, `finished_at` is set and its `on_complete` job, which was blocked so far, is released
 * (op->released). A retry by hand makes the batch unfinished again; what was released stays so.
 *
 * EVENTS. Jobs make no event when they are appended; from their first move on they do as all.
 *
 * Thread: [any]; pure data. The operations are those of jobs/store.h.
 */
#ifndef HUB_JOBS_BATCH_H
#define HUB_JOBS_BATCH_H

#include "base/hash.h"
#include "jobs/job.h"

#define BATCH_APPEND_MAX       512   /* lines of one append */
#define BATCH_BAD_MAX          10000 /* bad lines on record; more are only counted */
#define BATCH_REASON_MAX       512   /* bytes of why a line is bad, and of its pointer */
#define BATCH_UPLOAD_KEPT_MS   (24LL * 3600 * 1000) /* how long a broken upload may be continued */
#define BATCHES_UNFINISHED_MAX 10000

/* The numbers are stored: append only. */
enum batch_upload {
    BATCH_RECEIVING, /* or broken off, but may be continued */
    BATCH_COMPLETE,
    BATCH_BROKEN, /* ended before its end, for good */
};

/* X(NAME, "name"). The numbers are stored: append only. */
#define BATCH_STAGE_MAP(X)                                                                         \
    X(OPEN, "open")                                                                                \
    X(CANCELLING, "cancelling")                                                                    \
    X(CANCELLED, "cancelled")                                                                      \
    X(DROPPING, "dropping") /* hidden, and on its way out */

enum batch_stage {
#define X(name, text) BATCH_##name,
    BATCH_STAGE_MAP(X)
#undef X
        BATCH_STAGE_COUNT
};

struct batch_limits {
    bool paused;
    uint32_t concurrency; /* attempts at once; 0: no limit */
    uint32_t rate;        /* attempts per rate_period_ms; 0: no limit */
    uint32_t rate_period_ms;
};

struct batch_record {
    struct id id;
    struct str settings; /* JSON object as given: shown again, and read again by a resumed upload */
    struct str queue;    /* of all its jobs */
    struct str created_by;
    struct str callback_url; /* on its way in; empty: none */
    struct str source;       /* JSON: where its lines come from; empty: an upload */
    bool atomic;
    struct batch_limits limits;
    int64_t created_at;
    int64_t retention_ms; /* after its end */

    enum batch_upload upload;
    enum batch_stage stage;
    int64_t touched_at;  /* of the last append */
    int64_t finished_at; /* 0: not yet */
    uint64_t lines;
    struct sha256_digest digest;
    uint64_t opened;
    uint64_t parked; /* unfinished jobs behind `opened` */
    uint64_t bad;
    uint64_t counts[JOB_STATE_COUNT];
    struct id on_complete; /* the job that its end releases; zero: none (yet) */
};

uint64_t batch_jobs(const struct batch_record *self);       /* of any state */
uint64_t batch_unfinished(const struct batch_record *self); /* of those */
/* Invisible to everybody: see ATOMIC. */
bool batch_hidden(const struct batch_record *self);
/* "receiving", "running", "paused", "cancelling", "cancelled", "finished". */
const char *batch_state_name(const struct batch_record *self);

struct batch_bad_line {
    uint64_t line;
    struct str pointer; /* JSON Pointer into the line; empty: the line itself */
    struct str reason;  /* for people */
};

/* A job on its way in, or on its way into memory. */
struct batch_line {
    uint64_t line;
    struct job_record job;
};

/* --- Operations (see jobs/store.h) -------------------------------------------------------------*/

/* A new batch, receiving. With a scope that is known (for BATCH_UPLOAD_KEPT_MS after the last
 * append): 0 and `ret_known`, `ret_batch` being the one there is, if the request is the same, else
 * HUB_ERR_IDEMPOTENCY_MISMATCH. `settings` of a known one are those of then. */
struct store_batch_create {
    struct store_tick *tick;   /* a schedule makes it: as in store_job_insert */
    struct batch_record batch; /* id, settings, queue, created_by, atomic, limits, times */
    bool has_scope;
    struct sha256_digest scope;
    struct sha256_digest request; /* of the settings as they were sent */
    struct batch_record ret_batch;
    bool ret_known;
};

/* The next lines. HUB_ERR_CONFLICT if `after` is not the last line there is, or the upload has
 * ended; HUB_ERR_NOT_FOUND. A line that names a job or an artifact that is not there is a bad one;
 * under an atomic batch it refuses the append (HUB_ERR_INVALID_INPUT, `ret_bad`). */
struct store_batch_append {
    struct id batch;
    int64_t at;
    uint64_t after; /* the last line before these */
    uint64_t lines; /* the last of these: at most `after` + BATCH_APPEND_MAX */
    struct sha256_digest digest;
    struct batch_line *items; /* jobs as STORE_JOB_INSERT takes them, in the order of lines */
    unsigned item_count;
    const struct batch_bad_line *bad;
    unsigned bad_count;
    enum batch_upload upload;       /* what the upload is after it */
    struct str reason;              /* of BATCH_BROKEN, for the run of a schedule; or empty */
    struct job_record *on_complete; /* with BATCH_COMPLETE: a job as STORE_JOB_INSERT takes it */
    enum job_state ret_on_complete; /* blocked, or already released */
    struct batch_bad_line ret_bad;
    struct batch_record ret_batch;
};

/* Unfinished jobs from the line after `opened` on, and moves `opened` there: of a bounded number of
 * lines, so perhaps none. HUB_ERR_CONFLICT while the batch is hidden, cancelled, or has ended. The
 * records are those of STORE_ACTIVE_LIST with input (if it is not open), account and traceparent. */
struct store_batch_open {
    struct id batch;
    uint64_t opened; /* go on after this line */
    unsigned limit;
    struct batch_line *ret_items;
    unsigned ret_count;
    struct batch_record ret_batch;
};

struct store_batch_set {
    struct id batch;
    struct batch_limits limits;
    struct batch_record ret_batch;
};

/* From now on the batch takes no lines and opens none; at most `limit` parked jobs are cancelled.
 * To be repeated until `ret_more` is false. HUB_ERR_CONFLICT if it has finished. */
struct store_batch_cancel {
    struct id batch;
    int64_t at;
    unsigned limit;
    bool ret_more;
    struct batch_record ret_batch;
};

/* The failed and unknown jobs of a bounded number of lines after `after` are queued again, as by
 * hand, and `opened` goes back before the first of them. Repeated with `after` = ret_next until
 * that is 0. HUB_ERR_CONFLICT while the batch is receiving, hidden or cancelled. */
struct store_batch_retry {
    struct id batch;
    int64_t at;
    uint64_t after;
    unsigned limit;
    uint64_t ret_next;
    uint64_t ret_count;
    struct batch_record ret_batch;
};

/* Makes a hidden batch go: see ATOMIC. Its scope is free again. HUB_ERR_CONFLICT if it is not
 * hidden.
 */
struct store_batch_drop {
    struct id batch;
    struct str reason; /* for the run of a schedule; or empty */
};

struct store_batch_get {
    struct id id;
    struct batch_record ret_batch;
};

/* Newest first; hidden ones too. */
struct store_batch_list {
    bool unfinished_only;
    struct id before; /* keyset; zero: from the newest */
    unsigned limit;
    struct batch_record *ret_batches;
    unsigned ret_count;
    bool ret_more;
};

/* What became of the lines after `after`, in their order: jobs with their result, and bad lines. Of
 * a bounded number of lines and bytes. A line whose job is deleted, or that was blank, is left out.
 * HUB_ERR_NOT_FOUND. */
struct batch_result {
    uint64_t line;
    bool is_bad;
    struct batch_bad_line bad;
    struct job_record job; /* id, type, state, attempt, times, error, result */
};
struct store_batch_results {
    struct id id;
    uint64_t after;
    unsigned limit;
    struct batch_result *ret_items;
    unsigned ret_count;
    uint64_t ret_next; /* go on after this line; 0: that was all */
};

#endif
