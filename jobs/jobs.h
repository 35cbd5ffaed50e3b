/*
 * jobs.h — the queue: which job runs next, what becomes of it, and when to look again.
 *
 * The engine keeps every unfinished job in memory (a compact record: some 115 bytes, no result;
 * inputs as far as input_cache_bytes goes), the store keeps everything. It sees no loop, no HTTP
 * and no wire: time comes in through hooks.now(), work goes out through hooks.start(), and
 * jobs_tick() says when it wants to be called again.
 *
 *     jobs_new(store, &hooks, context, log, &jobs, &err);
 *     jobs_load(jobs, on_loaded, context);              // the ready queue, rebuilt from the store
 *     …
 *     jobs_submit(jobs, op, on_submitted, context);     // durable, then in the queue
 *     …hooks.start() is called for an attempt; its end comes back with jobs_finished()…
 *     next = jobs_tick(jobs);                           // at least at the time it returned last
 *     …
 *     jobs_drain(jobs);                                 // until jobs_in_flight() is 0
 *     jobs_close(jobs);  store_free(store);  jobs_free(jobs);
 *
 * ONE MOVER. Only move.c writes a job's state, in memory and, by a STORE_JOB_MOVE with a fence, in
 * the store; it checks job_may_move(). At most one write of a job is under way at a time.
 *
 * ORDER. Ready jobs wait in lanes, one for each (queue, connector, account): within a lane by
 * priority, then by run_at, then by id. Of the lanes of a connector with room, whose queue is not
 * paused, below its concurrency and within its rate, and whose account is so too, the one with the
 * best head goes first. A queue whose connector is full does not hold up others, an account that
 * must wait holds up nobody else's jobs, and a limit that two connectors share goes to the better
 * head. A rate is a token bucket that holds one period's worth: an idle queue may burst by that
 * much.
 *
 * DURABILITY. A job counts when its insert was committed. For JOB_SAFE operations without an
 * account the attempt starts at once and its start is written with its outcome, or after
 * START_WRITE_AFTER_MS if it lasts longer; for the others hooks.start() is called only after the
 * start, and with it the use of the account, was committed. An
 * attempt that was running when hubd stopped is closed as `released` at load: a safe job is queued
 * again, one with a key too (its next attempt sends the same key), a `never` job becomes `unknown`.
 * When the store fails an outcome is kept and written again (100 ms, doubling to 10 s) until it is
 * on record; meanwhile no attempt is begun, so that what must be kept is bounded by what ran.
 *
 * RETRIES. Exponential back-off with full jitter (AWS "Exponential Backoff And Jitter"): a random
 * time in [0, min(cap, base × 2^(charged-1))], base 1 s, cap 1 h, but at least what the connector
 * asked for. verdict.c has the table that says what each outcome makes of a job. An attempt that
 * was released is repeated at once, three times in a row, and with a back-off from then on.
 *
 * SETTLING. A job with a key whose last attempt was killed, or did not learn what has become of its
 * request, is in doubt. If its type can find out (hooks.settles) up to JOB_SETTLES_MAX attempts
 * follow beyond max_attempts, which begin nothing new. They are spread over three quarters of an
 * hour to two hours (settle_delay_ms()), longer than most outages; so `unknown` is what nobody could
 * tell in all that time, and not just what nobody was asked.
 *
 * ACCOUNTS are names here. When an attempt under one ends with a pause that the provider asks for,
 * no attempt of that account begins before it is over, at most 24 h; then one goes first, and once
 * it has got through the others follow. Kept in memory only.
 *
 * CANCELLING is a wish, not on record until it has come true: one that waits for a running attempt
 * is forgotten if hubd dies, unless it is about a flow as a whole or a job with for_each. Success
 * wins over it. An operation that is not `safe`, whose attempt was killed before it could answer,
 * ends as `unknown`: "cancelled" would be a guess.
 *
 * EXPIRY ends what waits (queued, scheduled or blocked) as failed with `expired`; never what runs.
 *
 * CALLBACKS. Hooks and `done` functions may call any function of the engine but jobs_tick() and
 * jobs_free(). A `done` may come before the function that took it has returned.
 *
 * Thread: [loop].
 */
#ifndef HUB_JOBS_JOBS_H
#define HUB_JOBS_JOBS_H

#include "base/log.h"
#include "jobs/store.h"

struct jobs;

/* An attempt to be started. Views live during the call. */
struct jobs_attempt {
    uint64_t token; /* names the attempt in jobs_finished(); never used twice in a process */
    struct id id;
    uint32_t number;
    uint32_t max_attempts; /* the number of the last one; below `number`: this one settles */
    struct str type;       /* "image.transform" */
    struct str connector;  /* "image" */
    struct str operation;  /* "transform" */
    struct str input;
    struct str account;
    struct str traceparent;
    uint32_t timeout_ms;
};

/* How an attempt ended, as the dispatcher reports it. Views live during the call. */
struct jobs_outcome {
    enum attempt_outcome outcome;
    struct str result; /* SUCCEEDED: JSON or empty */
    struct str code;   /* otherwise: of hub_err or the connector's own */
    struct str message;
    struct str details; /* JSON object or empty */
    uint64_t delay_ms;  /* RETRY, RELEASED: at least so long; 0: none asked for */
    uint64_t pause_ms;  /* that the account's provider asks for; 0: none */
    struct str cause;
    int cause_number;
    int pid;
    struct str connector_version;
    bool untouched; /* it never reached a runner, so it did nothing and used no account */
    const struct artifact_record *artifacts; /* SUCCEEDED; ids are given by the engine */
    const struct blob_pending *blobs;        /* as many; published or discarded by the engine */
    unsigned artifact_count;
};

/* Puts values of `parents` into an open input (flow.h); if the job has for_each, into one for each
 * item. What is given back lives in `arena`. */
struct jobs_resolution {
    const struct job_record *job; /* `input` is the open one */
    const struct job_record *parents;
    unsigned parent_count;
    struct arena *arena;
    struct str ret_input;  /* JSON */
    struct str *ret_items; /* instead, with for_each: at most FLOW_ITEMS_MAX */
    unsigned ret_item_count;
    struct str ret_code; /* of a failure, with the next two */
    struct str ret_message;
    struct str ret_details; /* JSON object or empty */
};

/* What happened to a job, after it was committed (progress: not stored at all). */
struct jobs_event {
    uint64_t seq; /* 0: progress */
    struct id id;
    struct str type;
    struct str queue;
    enum job_state state;
    uint32_t attempt;
    int64_t at;
    bool is_progress;
    uint32_t permille;
    struct str message;
    /* The move that was written with it, during the call; NULL: an insert, a start, progress, or a
     * job that its parents have released. */
    const struct store_job_move *move;
};

struct jobs_hooks {
    int64_t (*now)(void *context); /* wall clock, ms */
    /* Starts an attempt, later ended by exactly one jobs_finished() (which may come even before
     * this returns 0). 0; HUB_ERR_AGAIN: no room, come back at jobs_capacity(); any other error
     * ends the attempt as failed with it. */
    int (*start)(void *context, const struct jobs_attempt *attempt);
    /* Room for attempts of this connector, so that the engine does not try in vain. It is asked
     * again after an attempt of this connector has ended and after jobs_capacity(). */
    unsigned (*room)(void *context, struct str connector);
    /* Please stop it; jobs_finished() comes as always. */
    void (*cancel)(void *context, uint64_t token);
    void (*event)(void *context, const struct jobs_event *event);
    /* The time that jobs_tick() returned last is out of date: call it again soon. */
    void (*wake)(void *context);
    /* Fills in `ret_input`, or `ret_items`, and returns 0; HUB_ERR_INVALID_INPUT: the job fails
     * with what the other fields say; HUB_ERR_NOMEM: it is tried again. NULL: every open input is
     * invalid. */
    int (*resolve)(void *context, struct jobs_resolution *resolution);
    /* Can jobs of this type find out what became of attempts that were cut short? NULL: none can.
     */
    bool (*settles)(void *context, struct str type);
    /* A batch or a flow has ended, and it is on record. May be NULL. */
    void (*ended)(void *context, const struct work *work);
    /* A delivery was put on record (callback.h). May be NULL. */
    void (*calls_back)(void *context);
};

struct jobs_config {
    unsigned start_write_after_ms; /* 0: 100 */
    unsigned retry_base_ms;        /* 0: 1,000 */
    unsigned retry_cap_ms;         /* 0: 3,600,000 */
    unsigned purge_interval_ms;    /* 0: 10,000 */
    size_t input_cache_bytes;      /* inputs kept in memory until they run; 0: 16 MiB */
    unsigned jobs_max; /* unfinished jobs; 0: 10,000,000. Beyond it: HUB_ERR_UNAVAILABLE */
    uint64_t seed;     /* of the jitter, for tests; 0: random */
};

HUB_MUST_CHECK int jobs_new(struct store *store, const struct jobs_config *config,
                            const struct jobs_hooks *hooks, void *context, struct log *log,
                            struct jobs **ret_self, struct hub_error *error);
/* No attempt is started any more; what runs goes on. For a graceful end. */
void jobs_drain(struct jobs *self);
/* How many attempts are in flight, and how many store operations of the engine's. */
unsigned jobs_in_flight(const struct jobs *self);
/* From now on nothing is submitted to the store: before store_free(), so that its last answers
 * cannot lead to new questions. What would have been written is not, as in a crash. Who waits for a
 * cancel is told HUB_ERR_UNAVAILABLE. NULL does nothing. */
void jobs_close(struct jobs *self);
/* Every operation submitted to the store must have completed: after store_free(). NULL does
 * nothing. */
void jobs_free(struct jobs *self);

typedef void jobs_done_fn(void *context, int err);
/* Reads queues and unfinished jobs from the store and closes the attempts of an earlier life. Until
 * `done` came with 0 nothing is started and jobs_submit() answers HUB_ERR_UNAVAILABLE. */
void jobs_load(struct jobs *self, jobs_done_fn *done, void *context);

/* Dispatches what is due and expires what is late. Returns when it wants to be called next (wall
 * ms), INT64_MAX for "only when something happens". */
int64_t jobs_tick(struct jobs *self);

/* --- Jobs --------------------------------------------------------------------------------------*/

/* Submits a STORE_JOB_INSERT that the caller has filled but for `job.id`, `created_at` and `state`,
 * and with `done` unset: the engine takes it over. Where queue, timeout_ms, max_attempts or
 * retention_ms are not given it fills in the default of job.h. `done(context, op)` is called after
 * the commit with op->err and the fields of struct store_job_insert; it does not free the
 * operation, but if op->err is 0 it may keep it (op->kept). Then the job is queued and may already
 * run. Errors on top of the store's: HUB_ERR_STORAGE_FULL, HUB_ERR_UNAVAILABLE (too many jobs,
 * queues or types; draining), HUB_ERR_NOMEM. */
typedef void jobs_submitted_fn(void *context, struct store_op *op);
void jobs_submit(struct jobs *self, struct store_op *op, jobs_submitted_fn *done, void *context);

/* Cancels: a waiting job ends at once, a running one when its attempt has ended. `done` comes when
 * the job is terminal: 0, HUB_ERR_NOT_FOUND, or HUB_ERR_CONFLICT if it was finished already (or
 * finished meanwhile in another way). */
void jobs_cancel(struct jobs *self, const struct id *id, jobs_done_fn *done, void *context);

/* A failed or unknown job, by hand, into the queue again. HUB_ERR_NOT_FOUND, HUB_ERR_CONFLICT. */
void jobs_retry(struct jobs *self, const struct id *id, jobs_done_fn *done, void *context);

/* Deletes a finished job. HUB_ERR_NOT_FOUND, HUB_ERR_CONFLICT. */
void jobs_delete(struct jobs *self, const struct id *id, jobs_done_fn *done, void *context);

/* What memory knows better than the store about a job that is not finished. False if the job is
 * finished or unknown. */
struct jobs_live {
    enum job_state state;
    uint32_t attempt;
    int64_t started_at;
    uint32_t permille;
    struct str message; /* until the next call of the engine */
    bool cancelling;
};
bool jobs_live(const struct jobs *self, const struct id *id, struct jobs_live *ret_live);

/* --- Flows: see jobs/flow.h --------------------------------------------------------------------*/

/* An id that jobs_flow_submit() takes: for what must know it beforehand. Ids are to be taken in the
 * order of the jobs, and submitted before anything else is. */
struct id jobs_next_id(struct jobs *self);

/* As jobs_submit(), for a STORE_FLOW_INSERT: the caller has given the ids of the flow and of each
 * job; times, states and defaults are the engine's. */
void jobs_flow_submit(struct jobs *self, struct store_op *op, jobs_submitted_fn *done,
                      void *context);

/* Cancels every job of the flow that is not finished, also if hubd dies on the way. `done`
 * comes when all of them have ended, in whatever way: 0, HUB_ERR_NOT_FOUND, HUB_ERR_CONFLICT if
 * none was left to cancel. */
void jobs_flow_cancel(struct jobs *self, const struct id *id, jobs_done_fn *done, void *context);

/* HUB_ERR_NOT_FOUND, HUB_ERR_CONFLICT if there is nothing to retry. */
void jobs_flow_retry(struct jobs *self, const struct id *id, jobs_done_fn *done, void *context);

/* --- Batches: see jobs/batch.h -----------------------------------------------------------------*/

/* These take an operation that the caller has filled, as jobs_submit() does, and call
 * `done(context, op)` with the store's answer. The engine gives ids, times and defaults.
 * jobs_batch_create() and _append(): errors as of jobs_submit(), and HUB_ERR_UNAVAILABLE beyond
 * BATCHES_UNFINISHED_MAX. The jobs of a batch are opened by themselves. */
void jobs_batch_create(struct jobs *self, struct store_op *op, jobs_submitted_fn *done,
                       void *context);
void jobs_batch_append(struct jobs *self, struct store_op *op, jobs_submitted_fn *done,
                       void *context);
void jobs_batch_set(struct jobs *self, struct store_op *op, jobs_submitted_fn *done, void *context);

/* These begin, and go on slice by slice after `done`: a cancel also after a crash, a retry not.
 * Errors as those of the operations. */
void jobs_batch_cancel(struct jobs *self, const struct id *id, jobs_done_fn *done, void *context);
void jobs_batch_retry(struct jobs *self, const struct id *id, jobs_done_fn *done, void *context);
void jobs_batch_drop(struct jobs *self, const struct id *id, struct str reason, jobs_done_fn *done,
                     void *context);

/* What memory knows of an unfinished batch; false: nothing. */
struct jobs_batch {
    uint64_t milli_rate; /* jobs ended in 1,000 seconds, over the last ten */
};
bool jobs_batch_live(const struct jobs *self, const struct id *id, struct jobs_batch *ret_live);

/* --- Attempts, from the dispatcher -------------------------------------------------------------*/

/* A token that is unknown (an old one) changes nothing; its blobs are discarded. */
void jobs_finished(struct jobs *self, uint64_t token, const struct jobs_outcome *outcome);
void jobs_progress(struct jobs *self, uint64_t token, uint32_t permille, struct str message);
/* There may be more room than there was; also for a connector that was not there before. */
void jobs_capacity(struct jobs *self, struct str connector);

/* --- Queues ------------------------------------------------------------------------------------*/

#define QUEUE_RATE_PERIOD_MS_DEFAULT 1000

struct jobs_queue_info {
    struct store_queue settings;
    uint64_t queued, scheduled, blocked, running;
};
void jobs_each_queue(const struct jobs *self,
                     void (*visit)(void *context, const struct jobs_queue_info *queue),
                     void *context);
bool jobs_find_queue(const struct jobs *self, struct str name, struct jobs_queue_info *ret_queue);
/* Changes a queue's settings, durably; an unknown name makes a queue. */
void jobs_set_queue(struct jobs *self, const struct store_queue *queue, jobs_done_fn *done,
                    void *context);

/* --- Accounts ----------------------------------------------------------------------------------*/

struct jobs_account {
    struct str name;
    uint32_t in_flight; /* attempts at once; 0: no limit */
    uint32_t rate;      /* attempts per rate_period_ms; 0: no limit */
    uint32_t rate_period_ms;
};
/* Limits what runs under an account from now on. It is not stored: who keeps the accounts says it
 * anew at each start, before jobs_load(). HUB_ERR_NOMEM, HUB_ERR_UNAVAILABLE (too many). */
HUB_MUST_CHECK int jobs_set_account(struct jobs *self, const struct jobs_account *limits);

struct jobs_account_info {
    uint64_t unfinished; /* jobs that name it */
    unsigned in_flight;  /* attempts */
    int64_t held_until;  /* its provider asked for a pause; 0: not now */
    bool on_trial;       /* it did, and no attempt has got through since */
    /* Uses that have ended since hubd was started, and those of them that neither succeeded nor
     * were cut short by hubd or a user. */
    uint64_t uses;
    uint64_t failures;
};
/* All zero for a name that no job has. */
void jobs_account_info(const struct jobs *self, struct str name,
                       struct jobs_account_info *ret_info);

/* --- Files under an account --------------------------------------------------------------------*/

/* What an attempt does under an account beside what it does itself: a file that its input names is
 * fetched with credentials. It passes the account's gate as an attempt does (within the attempt's
 * own place if it is the same account), and is on record as a use before it begins. */
struct jobs_pass;
struct jobs_pass_request {
    uint64_t token; /* of the attempt, which must not end before its passes */
    struct str account;
    struct str pointer; /* JSON Pointer of the file in the input */
};
/* 0: begin now. HUB_ERR_INTERRUPTED: give the job back; it may go better in `delay_ms`, or nobody
 * knows when (0). Then the pass is gone. */
typedef void jobs_pass_fn(void *context, int err, uint64_t delay_ms);
/* `begin` comes once, later, unless the pass is ended before. HUB_ERR_NOMEM, HUB_ERR_UNAVAILABLE
 * (too many accounts), HUB_ERR_INTERRUPTED (there is no such attempt any more). */
HUB_MUST_CHECK int jobs_pass_ask(struct jobs *self, const struct jobs_pass_request *request,
                                 jobs_pass_fn *begin, void *context, struct jobs_pass **ret_pass);
/* Ends it, in any state. Of the outcome count how, `untouched` and `pause_ms`. */
void jobs_pass_end(struct jobs_pass *self, const struct jobs_outcome *outcome);

struct jobs_stats {
    uint64_t submitted, started, succeeded, failed, cancelled, unknown, retried, released, crashed;
    uint64_t stale_results; /* refused by the fence */
    uint64_t unfinished;    /* in memory */
    uint64_t parked;        /* in the store only: jobs of batches that were not opened yet */
};
const struct jobs_stats *jobs_stats(const struct jobs *self);

#endif
