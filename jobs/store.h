/*
 * store.h — stable storage: the contract that every store keeps, and the thread that drives it.
 *
 * A store does batches. The loop pushes operations; the store thread drains its mailbox into one
 * transaction, commits it to stable storage, and only then posts the completions back (group
 * commit). Reads go to a second thread with its own connection, so that a long list does not delay
 * a commit; a read pushed after a write completed sees that write.
 *
 *     store_sqlite_new(&options, &backend, &err);
 *     store_new(backend, wake, context, log, &store, &err);   // starts the threads
 *     …
 *     struct store_op *op = store_op_new(STORE_JOB_INSERT);   // fill op->job_insert from op->arena
 *     op->done = on_inserted; op->context = …;
 *     store_submit(store, op);                                // ownership moves
 *     …
 *     store_dispatch(store);       // [loop], when woken: calls op->done for each, then frees it
 *
 * CONTRACT of a batch (tests/store runs it against every store):
 *   - all operations of a batch become durable together, or none does;
 *   - an operation that fails for a reason of its own (a conflict, an unknown id) leaves no trace
 *     and does not disturb the others;
 *   - when the commit itself fails every operation of the batch gets that error
 *     (HUB_ERR_STORAGE_FULL, HUB_ERR_IO), nothing of it is visible, and the store goes on;
 *   - an operation that meets damaged data gets HUB_ERR_CORRUPT, and the others of its batch are
 *     done without it; from then on new work gets that error too;
 *   - below the reserve of free space what takes new work in (JOB_INSERT and such) fails with
 *     HUB_ERR_STORAGE_FULL at once, everything else is still tried;
 *   - a change of a job's state is conditional on the state and the attempt number that the caller
 *     believes it has (the fence): if they differ the operation fails with HUB_ERR_CONFLICT;
 *   - each change of state appends one event in the same transaction;
 *   - completions come in the order of submission among writes;
 *   - an operation that failed leaves its pending blobs with whoever submitted it, and after a
 *     failed commit it may be submitted again as it is: publishing a blob twice does no harm.
 *
 * Order: jobs are kept in the order in which they were inserted. Lists go by it and take ids for
 * their keyset; it is the order of the ids as long as these come from one generator.
 *
 * Threads: [loop] submits and dispatches; a backend's functions run on [store] (writes) and
 * [reader] (reads).
 */
#ifndef HUB_JOBS_STORE_H
#define HUB_JOBS_STORE_H

#include "base/arena.h"
#include "base/log.h"
#include "base/mailbox.h"
#include "jobs/batch.h"
#include "jobs/blob.h"
#include "jobs/callback.h"
#include "jobs/flow.h"
#include "jobs/job.h"
#include "jobs/ledger.h"
#include "jobs/schedule.h"

/* What an operation does. A settled read is one for which the backend must first bring up to date
 * what it writes seldom (settle() below): it comes after the writes that were submitted before it.
 */
enum store_op_class { STORE_READS = 0, STORE_WRITES = 1, STORE_READS_SETTLED = 2 };

/* X(NAME, member, class: false and true stand for the first two) */
#define STORE_OP_MAP(X)                                                                            \
    X(JOB_INSERT, job_insert, true)                                                                \
    X(JOB_START, job_start, true)                                                                  \
    X(JOB_MOVE, job_move, true)                                                                    \
    X(JOB_DELETE, job_delete, true)                                                                \
    X(ARTIFACT_INSERT, artifact_insert, true)                                                      \
    X(ARTIFACT_DELETE, artifact_delete, true)                                                      \
    X(QUEUE_PUT, queue_put, true)                                                                  \
    X(KEY_PUT, key_put, true)                                                                      \
    X(KEY_DELETE, key_delete, true)                                                                \
    X(BATCH_CREATE, batch_create, true)                                                            \
    X(BATCH_APPEND, batch_append, true)                                                            \
    X(BATCH_OPEN, batch_open, true)                                                                \
    X(BATCH_SET, batch_set, true)                                                                  \
    X(BATCH_CANCEL, batch_cancel, true)                                                            \
    X(BATCH_RETRY, batch_retry, true)                                                              \
    X(BATCH_DROP, batch_drop, true)                                                                \
    X(BATCH_GET, batch_get, false)                                                                 \
    X(BATCH_LIST, batch_list, false)                                                               \
    X(BATCH_RESULTS, batch_results, false)                                                         \
    X(JOB_RESOLVE, job_resolve, true)                                                              \
    X(JOB_EXPAND, job_expand, true)                                                                \
    X(FLOW_INSERT, flow_insert, true)                                                              \
    X(FLOW_CANCEL, flow_cancel, true)                                                              \
    X(FLOW_RETRY, flow_retry, true)                                                                \
    X(FLOW_GET, flow_get, false)                                                                   \
    X(FLOW_LIST, flow_list, false)                                                                 \
    X(JOB_PARENTS, job_parents, false)                                                             \
    X(KEEP_PUT, keep_put, true)                                                                    \
    X(LEDGER_APPEND, ledger_append, true)                                                          \
    X(ACCOUNT_PUT, account_put, true)                                                              \
    X(ACCOUNT_DELETE, account_delete, true)                                                        \
    X(ACCOUNT_USE, account_use, true)                                                              \
    X(SCHEDULE_PUT, schedule_put, true)                                                            \
    X(SCHEDULE_DELETE, schedule_delete, true)                                                      \
    X(SCHEDULE_PAUSE, schedule_pause, true)                                                        \
    X(SCHEDULE_TICK, schedule_tick, true)                                                          \
    X(SCHEDULE_LIST, schedule_list, false)                                                         \
    X(SCHEDULE_RUNS, schedule_runs, false)                                                         \
    X(CALLBACK_PUT, callback_put, true)                                                            \
    X(CALLBACK_RESEND, callback_resend, true)                                                      \
    X(SIGNING_PUT, signing_put, true)                                                              \
    X(CALLBACK_DUE, callback_due, false)                                                           \
    X(CALLBACK_LIST, callback_list, false)                                                         \
    X(CALLBACK_OF, callback_of, false)                                                             \
    X(SIGNING_GET, signing_get, false)                                                             \
    X(PURGE, purge, true)                                                                          \
    X(BLOB_DISCARD, blob_discard, true)                                                            \
    X(KEEP_GET, keep_get, false)                                                                   \
    X(KEEP_LIST, keep_list, false)                                                                 \
    X(LEDGER_LIST, ledger_list, false)                                                             \
    X(LEDGER_VERIFY, ledger_verify, false)                                                         \
    X(JOB_GET, job_get, false)                                                                     \
    X(JOB_INPUT, job_input, false)                                                                 \
    X(JOB_LIST, job_list, STORE_READS_SETTLED)                                                     \
    X(JOB_COUNTS, job_counts, STORE_READS_SETTLED)                                                 \
    X(ARTIFACT_GET, artifact_get, false)                                                           \
    X(EVENT_LIST, event_list, false)                                                               \
    X(ACTIVE_LIST, active_list, STORE_READS_SETTLED)                                               \
    X(QUEUE_LIST, queue_list, false)                                                               \
    X(KEY_LIST, key_list, false)                                                                   \
    X(ACCOUNT_LIST, account_list, false)                                                           \
    X(ACCOUNT_USES, account_uses, false)

enum store_op_kind {
#define X(name, member, write) STORE_##name,
    STORE_OP_MAP(X)
#undef X
        STORE_OP_COUNT
};

/* The answer that an Idempotency-Key stands for. `scope` and `request` are SHA-256 of what must be
 * the same: (API key, method, path, Idempotency-Key) and the body. */
struct store_idempotency {
    bool given;
    struct sha256_digest scope;
    struct sha256_digest request;
    int64_t expires_at;
};

/* A new job, queued or scheduled. Results: 0; HUB_ERR_CONFLICT when the idempotency scope is known
 * (then `ret_existing` is its job, or zero if that job is gone) and the request is the same, or
 * when the id itself is known (`ret_existing` is that id); HUB_ERR_IDEMPOTENCY_MISMATCH when it is
 * another request; HUB_ERR_UNKNOWN_ARTIFACT (a file is not there); HUB_ERR_NOT_FOUND (a job of
 * `after` is not there); HUB_ERR_UNAVAILABLE (too many idempotency keys are kept).
 *
 * `ret_state` is what became of it. Without `after` it is `job.state`. With `after` it is settled
 * here: if one of them failed, failed with the error "dependency_failed" or cancelled with
 * "skipped", as on_parent_failure says (flow.h); else blocked while one of them is not finished;
 * else scheduled if run_at lies after created_at, else queued. One event tells of the insert, in
 * the state that was settled. A scope is taken again once its expires_at is not after the new job's
 * created_at.
 *
 * A job that a schedule makes brings its tick: the run, whose `job` it becomes, is written with it.
 * Then HUB_ERR_CONFLICT without `ret_existing` and HUB_ERR_GONE are those of struct store_tick. */
struct store_job_insert {
    struct job_record job;
    struct store_tick *tick; /* NULL: no schedule made it */
    struct store_idempotency idempotency;
    bool unannounced; /* the backend's own: no event tells of it */
    struct id ret_existing;
    enum job_state ret_state;
    struct id ret_unknown; /* the artifact or job that is not there */
};

/* Attempt `number` begins: queued → running, and its attempt row is made; if the job names an
 * account, the use of it too. */
struct store_job_start {
    struct id id;
    uint32_t fence; /* the attempt number before: number - 1 */
    uint32_t number;
    int64_t at;
};

/* A state change, usually with an attempt that ends. The fence is (`from`, `fence`), fence being
 * the number of the last attempt begun. A job whose start may not have been written yet (safe
 * operations) is moved with from = running, fence = the number of its attempt and
 * `from_unstarted`: then (queued, fence - 1) is accepted too. After the move the job's attempt
 * number is `fence`.
 *
 * The error and the result are replaced when the job ends, when `error_code` is given and on
 * `reset`; else they stay. finished_at becomes `at` when `to` is terminal, else 0; started_at
 * becomes attempt.started_at when an attempt is written. */
struct store_job_move {
    struct id id;
    enum job_state from;
    uint32_t fence;
    bool from_unstarted;
    enum job_state to;
    bool by_hand;
    int64_t at;
    int64_t run_at;   /* when `to` is scheduled */
    bool has_attempt; /* `attempt` is written: inserted, or completed if it was begun */
    struct attempt_record attempt;
    /* The attempt did nothing, so it did not use the job's account, whatever its start said; else
     * its use is on record with the attempt. */
    bool untouched;
    bool charge; /* the attempt counts against max_attempts */
    bool crash;  /* and as a crash */
    /* By hand: charged and crashes start again from 0; error, result and expires_at go. */
    bool reset;
    struct str result;     /* with succeeded */
    struct str error_code; /* with failed, unknown, cancelled, and of the last retry */
    struct str error_message;
    struct str error_details;
    bool error_retryable;
    struct blob_pending *blobs; /* outputs, in the order of `artifacts`: published by the store */
    const struct artifact_record *artifacts; /* ids given by the caller, `size` and `sha256` set */
    unsigned artifact_count;
    /* Children whose last parent this was: they left `blocked` in the same transaction. */
    struct store_released *ret_released;
    unsigned ret_released_count;
};

/* Removes a finished job, its attempts and the artifacts it made; an artifact that an unfinished
 * job names stays until that one is finished. Its events stay until their time is over.
 * HUB_ERR_CONFLICT if it is not finished, HUB_ERR_NOT_FOUND. */
struct store_job_delete {
    struct id id;
};

/* Publishes the blob and makes it visible under artifact.id. HUB_ERR_CONFLICT if the id is known.
 */
struct store_artifact_insert {
    struct artifact_record artifact;
    struct blob_pending blob;
};

/* HUB_ERR_CONFLICT while an unfinished job names it; HUB_ERR_NOT_FOUND. */
struct store_artifact_delete {
    struct id id;
};

struct store_queue {
    struct str name;
    bool paused;
    uint32_t concurrency; /* attempts at once; 0: no limit */
    uint32_t rate;        /* attempts per rate_period_ms; 0: no limit */
    uint32_t rate_period_ms;
};
struct store_queue_put {
    struct store_queue queue;
};

/* An API key. */
struct store_key {
    struct str id; /* the part between the underscores: lower-case letters and digits */
    struct str name;
    struct sha256_digest digest; /* of the whole key */
    uint32_t scopes;             /* bits, see core/api/auth.h */
    int64_t created_at;
};
struct store_key_put {
    struct store_key key;
};
struct store_key_delete {
    struct str id;
};

/* Who keeps something, or puts it on record: an attempt of a connector. */
struct store_keeper {
    struct id job;
    uint32_t attempt;
    struct str connector;
    struct str account; /* name of the job's account; empty: none */
    /* The value is the connector's, under the account; else the connector's, with the job. */
    bool of_account;
};

/* The most that a job may keep for a connector; bytes are those of keys and values. */
#define STORE_KEEP_JOB_ITEMS_MAX 16
#define STORE_KEEP_JOB_BYTES_MAX (256 << 10)
/* And of an account, see struct store_sqlite_options. */
#define STORE_KEEP_ITEMS_MAX  1000000u
#define STORE_KEEP_BYTES_MAX  ((uint64_t)256 << 20)
#define STORE_KEEP_LIST_BYTES ((size_t)64 << 10) /* values of one KEEP_LIST */

/* A value that is kept; what a job keeps goes with it. HUB_ERR_CLOSED if this is not the job's
 * running attempt (the fence; one whose start is not yet written is fine), HUB_ERR_CONFLICT if
 * `only_new` and there is one already that has not expired, HUB_ERR_LIMIT if its owner may have no
 * more. To remove what is not there is no error. */
struct store_keep_put {
    struct store_keeper keeper;
    bool only_new;
    bool removes;
    struct str key;
    struct str value; /* bytes; may be empty */
    int64_t at;
    int64_t expires_at; /* 0: never. Not looked at for a job's. */
};

struct store_kept {
    struct str key;
    struct str value;
    int64_t kept_at;
};
/* HUB_ERR_NOT_FOUND. */
struct store_keep_get {
    struct store_keeper keeper;
    struct str key;
    int64_t now;
    struct store_kept ret_kept;
};

/* Those that begin with `prefix` and come after `after`, by key: at most `limit`, and of
 * STORE_KEEP_LIST_BYTES, but at least one if there is one. */
struct store_keep_list {
    struct store_keeper keeper;
    struct str prefix;
    struct str after;
    unsigned limit;
    int64_t now;
    struct store_kept *ret_values;
    unsigned ret_count;
};

/* An entry of the ledger. HUB_ERR_CLOSED as in KEEP_PUT. Time never goes back: if `at` is before
 * the last entry's, that one's is taken. */
struct store_ledger_append {
    struct store_keeper keeper; /* of_account means nothing here */
    struct str kind;
    struct str body;
    int64_t at;
    int64_t ret_seq;
};

/* Entries in their order. One call looks at a bounded number of them, and gives 256 KiB of bodies,
 * or one more entry, at most: it may return fewer than `limit`, even none, with `ret_more`; the
 * next call then goes on with `after` = ret_next. */
struct store_ledger_list {
    int64_t after;        /* seq; 0: from the first */
    int64_t from;         /* 0: open; inclusive */
    int64_t to;           /* 0: open; exclusive */
    struct str connector; /* empty: all */
    struct str account;   /* empty: all */
    unsigned limit;
    struct ledger_entry *ret_entries;
    unsigned ret_count;
    bool ret_more;
    int64_t ret_next;
};

/* Checks entries from the one after `seq` on, whose hash is `hash`; both all zero at first. One
 * call checks a bounded number and leaves in both the last good one; with `ret_more` the next call
 * goes on from there. */
struct store_ledger_verify {
    int64_t seq;
    struct sha256_digest hash;
    int64_t ret_first_bad; /* the first entry that is missing or not what it was; 0: none */
    bool ret_more;
};

/* An account: credentials for a connector, sealed by whoever hands them over. A default account is
 * the only one of its connector: putting one takes that from any other. */
struct store_account {
    struct str name;
    struct str connector;
    struct str sealed; /* bytes; the store cannot read them */
    bool is_default;
    uint32_t in_flight; /* attempts at once; 0: no limit */
    uint32_t rate;      /* attempts per rate_period_ms; 0: no limit */
    uint32_t rate_period_ms;
    int64_t created_at;
    int64_t updated_at;
};
/* Makes or replaces it; what is on record of an account that is there keeps its created_at, and
 * `account.created_at` becomes that. */
struct store_account_put {
    struct store_account account;
};
/* HUB_ERR_NOT_FOUND. Its uses stay until their time is over. */
struct store_account_delete {
    struct str name;
};

/* A use of an account that is not an attempt itself: a file that one fetches. `key` 0: it begins,
 * and is given one; else it ends. What is open when the store is opened ends there, as `released`.
 */
struct store_account_use {
    int64_t key;
    struct str account;
    struct id job;
    uint32_t attempt;
    struct str pointer; /* of the file in the job's input */
    int64_t started_at;
    int64_t ended_at;
    enum attempt_outcome outcome;
    bool untouched; /* it came to nothing: then there was none */
};

/* A use of an account: an attempt under it, or what an attempt does under it. */
struct store_use {
    int64_t key; /* for the keyset, with started_at */
    struct id job;
    uint32_t attempt;
    struct str pointer; /* of the file in the job's input; empty: it is the attempt itself */
    int64_t started_at;
    int64_t ended_at; /* 0: it runs, or its end is not on record */
    enum attempt_outcome outcome;
};
#define STORE_USES_KEEP_MS (90LL * 24 * 3600 * 1000)

/* Uses of an account, the latest first. */
struct store_account_uses {
    struct str name;
    int64_t before_at; /* keyset: started_at and key of the last one of the page before; 0: none */
    int64_t before_key;
    unsigned limit;
    struct store_use *ret_uses;
    unsigned ret_count;
    bool ret_more;
};

/* Removes at most `limit` finished jobs whose retention has passed, expired values, expired
 * artifacts that no job needs, old events (never the last one), uses of accounts older than
 * STORE_USES_KEEP_MS, runs of schedules whose time is over, and idempotency records. */
struct store_purge {
    int64_t now;
    unsigned limit;
    unsigned ret_removed;
    bool ret_more;
};

/* Removes pending blobs that no row will ever name. Never fails. */
struct store_blob_discard {
    const struct blob_pending *blobs;
    unsigned count;
};

/* What an attempt needs and the queue does not keep; HUB_ERR_NOT_FOUND. Texts are in the op's
 * arena. */
struct store_job_input {
    struct id id;
    struct str ret_input;
    struct str ret_account;
    struct str ret_traceparent;
    bool ret_open; /* values of parents are still to be put in */
};

/* A job, whose input is open, and those of its `after` that the input names by their ids. Parents
 * that are gone are left out. HUB_ERR_NOT_FOUND. */
struct store_job_parents {
    struct id id;
    struct job_record ret_job;
    struct job_record *ret_parents;
    unsigned ret_parent_count;
};

/* Puts the input on record that came of an open one. HUB_ERR_CONFLICT if the job is not queued or
 * has none that is open. */
struct store_job_resolve {
    struct id id;
    struct str input;
};

/* A queued job with for_each makes its items, or, if it has made them before, puts back those that
 * failed or were cancelled; then it waits for those that are not finished: `ret_state` is running,
 * or what it came to at once. `items` come in order, each with `item_of` set and without `after`
 * and flow. HUB_ERR_NOT_FOUND; HUB_ERR_CONFLICT: it is not queued, has no for_each, or is being
 * cancelled; HUB_ERR_LIMIT: more than FLOW_ITEMS_MAX. */
struct store_job_expand {
    struct id id;
    int64_t at;
    struct flow_item *items;
    unsigned item_count;
    enum job_state ret_state;
    struct flow_item *ret_back; /* with what scheduling needs */
    unsigned ret_back_count;
    struct store_released *ret_released; /* its children, if it ended at once */
    unsigned ret_released_count;
};

/* --- Flows: see flow.h -------------------------------------------------------------------------*/

/* A flow and all its jobs, or none of them. Jobs come after those that they name in `after`; each
 * has the flow's id in `flow`. Results: 0; what JOB_INSERT says of a job (`ret_item` is which);
 * HUB_ERR_CONFLICT if the scope is known and the request the same: `ret_existing` is that flow. A
 * scope is free again with its flow, and once its expires_at is not after created_at.
 *
 * A flow that a schedule makes brings its tick, as a job does in JOB_INSERT; the run's `made`
 * becomes the flow's id. */
struct store_flow_insert {
    struct flow_record flow;
    struct store_tick *tick; /* NULL: no schedule made it */
    struct store_idempotency idempotency;
    struct flow_item *items;
    unsigned item_count;
    struct id ret_existing;
    unsigned ret_item;
    struct id ret_unknown; /* the artifact or job that is not there */
};

/* Puts jobs back: see RETRY in flow.h. `ret_items` are those that went, in their order.
 * HUB_ERR_NOT_FOUND. */
struct store_flow_retry {
    struct id id;
    int64_t at;
    struct flow_item *ret_items; /* with what scheduling needs, as in ACTIVE_LIST */
    unsigned ret_count;
};

/* Puts on record that all jobs of a flow, or all items of a job, are to be cancelled; `ret_jobs`
 * are those that are not finished, the last first. HUB_ERR_NOT_FOUND. */
struct store_flow_cancel {
    struct id id;
    bool of_items; /* `id` is a job's */
    struct id *ret_jobs;
    unsigned ret_count;
};

/* A flow and its jobs in the order in which they were inserted, with `after` and without inputs,
 * results, attempts and artifacts. Items of its jobs are counted only. HUB_ERR_NOT_FOUND. */
struct store_flow_get {
    struct id id;
    struct flow_record ret_flow;
    struct job_record *ret_jobs;
    unsigned ret_count;
};

/* Flows, newest first. */
struct store_flow_list {
    struct id before; /* keyset; zero: from the newest */
    unsigned limit;
    struct flow_record *ret_flows;
    unsigned ret_count;
    bool ret_more;
};

/* One job with attempts and artifacts; HUB_ERR_NOT_FOUND. `ret_job` lives in the op's arena. */
struct store_job_get {
    struct id id;
    struct job_record ret_job;
};

/* Jobs, newest first, without inputs, results, attempts and artifacts. One call looks at a bounded
 * number of jobs: it may return fewer than `limit`, even none, with `ret_more`; the next call then
 * goes on with `before` = ret_next. */
struct store_job_list {
    uint32_t states;      /* bits (1 << state); 0: all */
    struct str type;      /* empty: all */
    struct str queue;     /* empty: all */
    struct id batch;      /* zero: all */
    struct str label_key; /* empty: all */
    struct str label_value;
    int64_t created_from; /* 0: open; inclusive */
    int64_t created_to;   /* 0: open; exclusive */
    struct id before;     /* keyset: only older jobs than it; zero: from the newest */
    unsigned limit;
    struct job_record *ret_jobs;
    unsigned ret_count;
    bool ret_more;
    struct id ret_next; /* with ret_more */
};

/* The largest `limit` of any list and purge; more is taken as this. */
#define STORE_LIMIT_MAX 10000

/* Jobs by queue and state. */
struct store_count {
    struct str queue;
    enum job_state state;
    uint64_t count;
};
struct store_job_counts {
    struct store_count *ret_counts;
    unsigned ret_count;
};

struct store_artifact_get {
    struct id id;  /* the artifact, or zero */
    struct id job; /* with `name`: an output of this job */
    struct str name;
    struct artifact_record ret_artifact;
};

/* An entry of the outbox. */
struct store_event {
    uint64_t seq; /* rises by at least 1 in commit order */
    struct id job;
    enum job_state state;
    uint32_t attempt;
    int64_t at;
    struct str type;
    struct str queue;
};
struct store_event_list {
    uint64_t after; /* seq */
    unsigned limit;
    struct store_event *ret_events;
    unsigned ret_count;
    uint64_t ret_oldest; /* the oldest seq that is still there; 0: none */
};

/* Unfinished jobs, oldest first, for loading at start: only the fields that scheduling needs (no
 * input, result, labels, error, files and after). The keyset is
 * the last job of the call before. A job found `running` keeps that state; the engine decides. */
struct store_active_list {
    struct id after; /* zero: from the start */
    unsigned limit;
    struct job_record *ret_jobs;
    unsigned ret_count;
    bool ret_more;
};

struct store_queue_list {
    struct store_queue *ret_queues;
    unsigned ret_count;
};
struct store_key_list {
    struct store_key *ret_keys;
    unsigned ret_count;
};

struct store_account_list {
    struct store_account *ret_accounts;
    unsigned ret_count;
};

/* Deliveries of callbacks: see jobs/callback.h. */
struct store_callbacks {
    struct callback_record *items;
    unsigned count;
};

/* What came of an attempt (number 0: none was made) and what the delivery is from now on. `gone`:
 * no delivery to its URL is attempted any more, until one is sent again by hand. HUB_ERR_NOT_FOUND:
 * it went with its job. */
struct store_callback_put {
    int64_t seq;
    struct callback_attempt attempt;
    enum callback_state state;
    uint32_t tries;
    int64_t next_at;
    bool gone;
};

/* The last delivery of a job, batch or flow once more, from the first try of the schedule on; its
 * id stays. Its URL is no longer taken for gone. HUB_ERR_NOT_FOUND, HUB_ERR_CONFLICT (there is
 * none). */
struct store_callback_resend {
    struct work of;
    int64_t now;
};

/* Pending deliveries by the time of their next attempt, due or not. */
struct store_callback_due {
    int64_t after_at; /* keyset: next_at and seq of the last one of the page before */
    int64_t after_seq;
    unsigned limit;
    struct store_callbacks ret_callbacks;
};

/* Deliveries in a state, the newest first, at most CALLBACK_LIST_MAX + 1. */
struct store_callback_list {
    enum callback_state state;
    int64_t before; /* seq; 0: from the newest */
    unsigned limit;
    struct store_callbacks ret_callbacks;
};

/* The latest CALLBACK_LIST_MAX deliveries of a job, batch or flow, the newest first, with their
 * attempts. None if it is not there. */
struct store_callback_of {
    struct work of;
    struct store_callbacks ret_callbacks;
};

/* What callbacks are signed with, sealed. HUB_ERR_CONFLICT if `only_new` and there is something. */
struct store_signing_put {
    bool only_new;
    struct str sealed;
};
/* HUB_ERR_NOT_FOUND. */
struct store_signing_get {
    struct str ret_sealed;
};

/* A job that left `blocked` because of what an operation did to another one. */
struct store_released {
    struct id id;
    enum job_state state; /* queued, scheduled, or failed or cancelled (then its own children
                           * follow) */
    uint64_t event_seq;
};

struct store_op;
typedef void store_done_fn(struct store_op *op, void *context);

/* One operation. Whoever made it fills it; then it is the store's until `done`, and ends after it.
 * All that it points to lives in its arena. */
struct store_op {
    struct mail mail;
    struct store_op *next; /* the store's own: operations that complete together */
    struct arena arena;
    enum store_op_kind kind;
    int err;            /* 0 or a negative enum hub_err, set by the store */
    uint64_t event_seq; /* of the event that a write made; 0: none */
    /* On_complete jobs of batches that this write has finished, and what cancelling the parked jobs
     * of a batch has released. */
    struct store_released *released;
    unsigned released_count;
    /* Batches and flows that this write has ended, or that will never end. */
    struct work *ended;
    unsigned ended_count;
    bool calls_back; /* a delivery (jobs/callback.h) was put on record */
    bool spoils;     /* the store's own: it has cost its batch the transaction */
    /* Set by done(): the op is not freed after it but its caller's again, who frees it or submits
     * it once more, even inside done(). (store_submit() clears err and event_seq.) */
    bool kept;
    store_done_fn *done; /* [loop]; may be NULL */
    void *context;
    union {
#define X(name, member, write) struct store_##member member;
        STORE_OP_MAP(X)
#undef X
    };
};

/* All zero, with an arena of at most STORE_OP_ARENA_MAX bytes. NULL: out of memory. */
#define STORE_OP_ARENA_MAX ((size_t)64 << 20)
struct store_op *store_op_new(enum store_op_kind kind);
void store_op_free(struct store_op *op); /* only one that was not submitted */
bool store_op_is_write(enum store_op_kind kind);

/* --- A backend ---------------------------------------------------------------------------------*/

struct store_backend;
struct store_backend_vtable {
    const char *name;
    /* [store] One transaction: begin, apply each, commit. apply() sets op->err for failures of the
     * operation's own and returns 0; a negative return means that the transaction is lost. After a
     * failed commit or apply, rollback() is called and must leave the backend usable. */
    int (*begin)(struct store_backend *self);
    int (*apply)(struct store_backend *self, struct store_op *op);
    /* Within a transaction: what settled reads need is written. NULL: nothing to do. */
    int (*settle)(struct store_backend *self);
    int (*commit)(struct store_backend *self);
    /* Within a transaction: writes something that says nothing, so that the commit shows whether
     * the disk takes it. */
    int (*prove)(struct store_backend *self);
    void (*rollback)(struct store_backend *self);
    /* [reader] Answers one read; sets op->err. */
    void (*read)(struct store_backend *self, struct store_op *op);
    /* [store] Is there more free space than the reserve? Asked before batches, at most every 5 ms.
     */
    bool (*has_room)(struct store_backend *self);
    /* [store] Called when there is nothing to do, and at least every second: checkpoints and such.
     * Returns true if it would like to be called again soon. */
    bool (*idle)(struct store_backend *self);
    void (*free)(struct store_backend *self);
};
struct store_backend {
    const struct store_backend_vtable *vtable;
};

struct store_sqlite_options {
    const char *path;         /* of the database file */
    const char *synchronous;  /* NULL: "FULL"; the power-cut test shows what "NORMAL" loses */
    struct blob_store *blobs; /* borrowed; outlives the store */
    uint64_t reserve_bytes;   /* free space below which new work is refused; 0: 64 MiB */
    uint64_t wal_bytes;       /* length of the log, taken at the start; 0: 64 MiB, or an eighth of
                               * what is free if that is less */
    uint64_t idempotency_max; /* keys kept at once, some 12 bytes of memory each; 0: 32 Mi */
    uint64_t events_max;      /* events kept, about; 0: 1,000,000 */
    int64_t events_keep_ms;   /* and for how long; 0: 24 hours */
    /* Of what a connector keeps under one account; 0: STORE_KEEP_ITEMS_MAX, _BYTES_MAX. */
    uint64_t keep_items_max;
    uint64_t keep_bytes_max;
};
/* Opens or creates the database, runs the missing migrations. HUB_ERR_CORRUPT, HUB_ERR_IO,
 * HUB_ERR_STORAGE_FULL, HUB_ERR_CONFLICT if it is newer than this program. */
HUB_MUST_CHECK int store_sqlite_new(const struct store_sqlite_options *options, struct log *log,
                                    struct store_backend **ret_backend, struct hub_error *error);

/* --- The threads -------------------------------------------------------------------------------*/

struct store;

/* Takes the backend over (also when it fails) and starts the threads. `wake` is called from them
 * when completions wait: it makes the loop call store_dispatch(). */
HUB_MUST_CHECK int store_new(struct store_backend *backend, mailbox_wake_fn *wake,
                             void *wake_context, struct log *log, struct store **ret_self,
                             struct hub_error *error);
void store_submit(struct store *self, struct store_op *op); /* [loop] */
void store_dispatch(struct store *self);                    /* [loop] */
/* Finishes what was submitted, ends the threads, calls store_dispatch() a last time: nothing may be
 * submitted from it. [loop] */
void store_free(struct store *self);

struct store_stats {
    uint64_t commits, operations, failures;
    uint64_t commit_ns_sum, commit_ns_max;
    uint64_t batch_max;
    uint64_t reads;
    unsigned pending; /* submitted and not dispatched yet */
};
void store_stats(const struct store *self, struct store_stats *ret_stats); /* [any] */

/* What is wrong with the store, 0 if nothing is [any]:
 *   HUB_ERR_CORRUPT       something that was read is damaged. Stays until the next start: what else
 * is damaged nobody knows. HUB_ERR_STORAGE_FULL  the last write or the watch on free space says so
 *   HUB_ERR_IO            (or whatever it was) the last transaction was lost, and since then,
 * though tried at least each second, none was committed */
int store_trouble(const struct store *self);
/* May new work be taken? 0, or why not. When writing has failed, only trying shows. [any] */
int store_admits(const struct store *self);

#endif
