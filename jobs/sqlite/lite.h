/*
 * lite.h — the SQLite store: what its parts know of each other. The outside sees jobs/store.h only.
 *
 *     open.c         options, life, the vtable and the transaction around a batch
 *     migrate.c      numbered SQL files
 *     db.c           connections and statements
 *     job_write.c    insert, start, move, delete          flow.c         jobs that wait for jobs
 *     tally.c        zones and counts, once a transaction  idempotency.c  keys, searched in memory
 *     artifact.c     artifacts, held files, blobs          admin.c        queues and keys of the
 * API purge.c        what is over                          checkpoint.c   keeps the log short
 *     job_read.c     get, lists, loading                   other_read.c   artifacts, counts
 *     flows.c        flows as a whole, and inputs with values of parents
 *     each.c         jobs with for_each and their items; cancelling what belongs together
 *     keep.c         what attempts keep                    ledger.c       what they put on record
 *     callback.c     deliveries of callbacks
 *     event.c        the outbox                           account.c      accounts and their uses
 *     schedule.c     schedules and their runs
 *
 * A write function checks all that can be wrong with its operation before it changes anything: then
 * it sets op->err and returns 0. A negative return means that the whole transaction is lost.
 */
#ifndef HUB_JOBS_SQLITE_LITE_H
#define HUB_JOBS_SQLITE_LITE_H

#include "jobs/sqlite/batches.h"
#include "jobs/sqlite/checkpoint.h"
#include "jobs/sqlite/db.h"
#include "jobs/sqlite/event.h"
#include "jobs/sqlite/idempotency.h"
#include "jobs/sqlite/rows.h"
#include "jobs/sqlite/tally.h"
#include "jobs/store.h"

/* A job and one of its attempts as one number. */
#define LITE_ATTEMPT_BITS 20
#define LITE_ATTEMPT_MAX  ((1u << LITE_ATTEMPT_BITS) - 1)
static inline int64_t lite_attempt_key(int64_t seq, uint32_t number)
{
    return seq << LITE_ATTEMPT_BITS | number;
}

/* Digests whose last row may be gone when the transaction is committed. */
struct lite_digests {
    struct sha256_digest *items;
    size_t len;
    size_t cap;
};

/* Pending blobs that were published in this transaction. */
struct lite_published {
    struct blob_pending *items;
    size_t len;
    size_t cap;
};

/* What an operation ends: jobs that have become terminal, and may have ended their flow. */
struct lite_ends {
    int64_t *jobs;
    size_t count;
    size_t cap;
    bool calls_back; /* it has put a delivery on record */
};

struct lite {
    struct store_backend base;
    struct log *log;
    struct blob_store *blobs;
    char *path;
    char *synchronous;
    struct store_sqlite_options options; /* numbers only, with the defaults filled in */

    struct lite_db writer; /* [store] */
    struct lite_db reader; /* [reader] */
    struct lite_checkpointer *checkpointer;

    /* All [store]: */
    bool in_passage; /* of the checkpointer's gate */
    int log_frames;  /* length of the log after the last commit */
    int64_t last_job;
    struct lite_events events;
    struct lite_batches batches;
    bool any_kept;      /* false: no job keeps anything */
    bool any_flows;     /* false: nobody has ever waited for a job */
    bool any_links;     /* false: there is no row in job_link */
    bool any_callbacks; /* false: nothing has called back */
    struct lite_ends ends;
    struct lite_keys keys;
    struct lite_tally tally;
    struct lite_digests orphans;
    struct lite_published published;
    unsigned swept_folders; /* of BLOB_FOLDERS, since the start or the last rollback */
};

/* What the writer knows of a job before it changes it. Texts are in the operation's arena. */
struct lite_job {
    int64_t seq;
    struct id id;
    enum job_state state;
    uint32_t attempt;
    uint32_t charged;
    uint32_t crashes;
    int64_t run_at;
    int64_t expires_at;
    int64_t retention_ms;
    struct str type;
    struct str queue;
    struct str account;
    bool has_files;
    bool has_callback;
    bool has_row;     /* in job_now */
    bool has_attempt; /* in that row: number `attempt` */
    bool has_link;    /* a row in job_link */
};

static inline bool lite_terminal(enum job_state state)
{
    return state > JOB_RUNNING;
}

/* migrate.c */
HUB_MUST_CHECK int lite_migrate(struct lite_db *db, struct log *log, struct hub_error *error);
/* Writes the version that the database has: a write that changes nothing. */
HUB_MUST_CHECK int lite_rewrite_version(struct lite_db *db, struct hub_error *error);

/* job_write.c: 1 found, 0 not there, negative. */
int lite_job_find(struct lite *self, const struct id *id, struct arena *arena,
                  struct lite_job *ret_job);
int lite_job_find_seq(struct lite *self, int64_t seq, struct arena *arena,
                      struct lite_job *ret_job);
/* Writes what becomes of a job: `job` is as it shall be, `attempt` the number of its attempt
 * before; the times, the attempt, the error and the result are those of `move`. */
HUB_MUST_CHECK int lite_job_write(struct lite *self, const struct lite_job *job, uint32_t attempt,
                                  const struct store_job_move *move);
/* Counts the change and appends its event. `job` holds what is true after it. */
HUB_MUST_CHECK int lite_job_changed(struct lite *self, const struct lite_job *job,
                                    enum job_state from, int64_t at, uint64_t *ret_event_seq);
int lite_job_insert(struct lite *self, struct store_op *op);
/* An insert under a number that the caller has taken, without an Idempotency-Key. */
HUB_MUST_CHECK int lite_job_insert_as(struct lite *self, struct store_op *op, int64_t seq);
int lite_job_start(struct lite *self, struct store_op *op);
int lite_job_move(struct lite *self, struct store_op *op);
int lite_job_delete(struct lite *self, struct store_op *op);
/* Removes a finished job with all that belongs to it. */
HUB_MUST_CHECK int lite_job_remove(struct lite *self, int64_t seq, enum job_state state,
                                   struct str queue);

/* flow.c */
/* Looks the parents up: how many are unfinished, and has one failed that matters to the job? Sets
 * op->err if one is unknown. */
struct lite_parents {
    int64_t waiting[JOB_AFTER_MAX];
    unsigned waiting_count;
    bool failed;
    struct id failed_id;
};
HUB_MUST_CHECK int lite_flow_look(struct lite *self, struct store_op *op,
                                  struct lite_parents *ret_parents);
/* The same for any ids, with no regard to on_parent_failure: 1; 0: one is not there; negative. */
int lite_flow_look_at(struct lite *self, struct arena *arena, const struct id *after,
                      unsigned after_count, struct lite_parents *ret_parents,
                      struct id *ret_unknown);
HUB_MUST_CHECK int lite_flow_wait(struct lite *self, int64_t seq, enum job_parent_policy policy,
                                  const struct lite_parents *parents);
/* A job left `blocked` without its parents' doing. */
HUB_MUST_CHECK int lite_flow_forget(struct lite *self, int64_t seq);
/* A parent reached a terminal state: fills op->job_move.ret_released. */
HUB_MUST_CHECK int lite_flow_release(struct lite *self, struct store_op *op,
                                     const struct lite_job *parent);
/* The move of a job that ends because of a parent: its state and why. Its texts are in the arena.
 */
struct store_job_move lite_flow_verdict(struct arena *arena, enum job_parent_policy policy,
                                        const struct id *parent, int64_t at);

/* flows.c */
int lite_flow_insert(struct lite *self, struct store_op *op);
/* 1 found, 0 not there, negative. */
int lite_flow_find(struct lite *self, const struct id *id, int64_t *ret_seq);
int lite_flow_retry(struct lite *self, struct store_op *op);
int lite_job_resolve(struct lite *self, struct store_op *op);
int lite_flow_get(struct lite *self, struct store_op *op);
int lite_flow_list(struct lite *self, struct store_op *op);
/* What a new job has beside its own row, if it has anything. */
HUB_MUST_CHECK int lite_link_insert(struct lite *self, int64_t seq, const struct job_record *job);
/* A job is removed; with the last one, its flow. */
HUB_MUST_CHECK int lite_link_drop_of_job(struct lite *self, int64_t seq);
/* Fills in what a job is in a flow, and its input. [reader] */
HUB_MUST_CHECK int lite_link_of_job(struct lite *self, int64_t seq, struct arena *arena,
                                    struct job_record *ret_job);

/* each.c */
int lite_job_expand(struct lite *self, struct store_op *op);
int lite_flow_cancel(struct lite *self, struct store_op *op);
/* Is the job to be cancelled, as far as its link says? 1, 0 or negative. */
int lite_link_cancelling(struct lite *self, int64_t seq);
/* What a job comes to whose items have all ended: fills in state, result and error. */
HUB_MUST_CHECK int lite_each_conclude(struct lite *self, struct arena *arena, int64_t seq,
                                      struct store_job_move *ret_move);
/* The items of a job, and the number of the first. [reader] */
HUB_MUST_CHECK int lite_each_items(struct lite *self, int64_t seq, struct job_items *ret_items,
                                   int64_t *ret_first);

/* artifact.c */
int lite_artifact_insert(struct lite *self, struct store_op *op);
int lite_artifact_delete(struct lite *self, struct store_op *op);
/* Publishes the outputs of a job and writes their rows; sets op->err. */
HUB_MUST_CHECK int lite_artifact_outputs(struct lite *self, struct store_op *op, int64_t seq);
HUB_MUST_CHECK int lite_artifact_drop_of_job(struct lite *self, int64_t seq);
HUB_MUST_CHECK int lite_artifact_purge(struct lite *self, struct store_purge *purge);
/* The numbers of the artifacts that a new job names; sets op->err if one is not there. */
HUB_MUST_CHECK int lite_files_look(struct lite *self, struct store_op *op,
                                   int64_t ret_files[JOB_FILES_MAX]);
HUB_MUST_CHECK int lite_files_hold(struct lite *self, int64_t seq, const int64_t *files,
                                   unsigned count);
HUB_MUST_CHECK int lite_files_hold_again(struct lite *self, int64_t seq);
HUB_MUST_CHECK int lite_files_release(struct lite *self, int64_t seq);
void lite_blob_discard(struct lite *self, struct store_op *op);
void lite_blobs_committed(struct lite *self);
void lite_blobs_rolled_back(struct lite *self);
bool lite_blobs_sweep(struct lite *self); /* true: there is more to sweep */

/* admin.c */
int lite_queue_put(struct lite *self, struct store_op *op);
int lite_key_put(struct lite *self, struct store_op *op);
int lite_key_delete(struct lite *self, struct store_op *op);
int lite_queue_list(struct lite *self, struct store_op *op);
int lite_key_list(struct lite *self, struct store_op *op);

/* batches.c: when an operation takes place, as it says itself. */
int64_t lite_time_of(const struct store_op *op);

/* batch_write.c, batch_read.c */
int lite_batch_create(struct lite *self, struct store_op *op);
int lite_batch_append(struct lite *self, struct store_op *op);
int lite_batch_open(struct lite *self, struct store_op *op);
int lite_batch_set(struct lite *self, struct store_op *op);
int lite_batch_cancel(struct lite *self, struct store_op *op);
int lite_batch_retry(struct lite *self, struct store_op *op);
int lite_batch_drop(struct lite *self, struct store_op *op);
HUB_MUST_CHECK int lite_batches_purge(struct lite *self, struct store_op *op);
int lite_batch_get(struct lite *self, struct store_op *op);
int lite_batch_list(struct lite *self, struct store_op *op);
int lite_batch_results(struct lite *self, struct store_op *op);
/* Fills in the batch that a job came with. [reader] */
HUB_MUST_CHECK int lite_batch_of_job(struct lite *self, int64_t seq, struct job_record *ret_job);

/* The job numbers of unfinished batches, in their order. [reader] */
struct lite_span {
    int64_t first;
    int64_t last;
    int64_t parked; /* from this number on they are: see jobs/batch.h */
    struct id batch;
    bool hidden;
};
struct lite_spans {
    const struct lite_span *items;
    size_t count;
};
HUB_MUST_CHECK int lite_spans_read(struct lite *self, struct arena *arena,
                                   struct lite_spans *ret_spans);
/* Those of one batch, without `parked` and `batch`; none if it is hidden. */
HUB_MUST_CHECK int lite_spans_of_batch(struct lite *self, const struct id *batch,
                                       struct arena *arena, struct lite_spans *ret_spans);
const struct lite_span *lite_spans_find(const struct lite_spans *self, int64_t seq); /* or NULL */
/* keep.c */
int lite_keep_put(struct lite *self, struct store_op *op);
int lite_keep_get(struct lite *self, struct store_op *op);
int lite_keep_list(struct lite *self, struct store_op *op);
/* The fence: sets op->err if `keeper` is not the running attempt of its job. */
HUB_MUST_CHECK int lite_keeper_seq(struct lite *self, struct store_op *op,
                                   const struct store_keeper *keeper, int64_t *ret_seq);
HUB_MUST_CHECK int lite_keep_drop_of_job(struct lite *self, int64_t seq);
HUB_MUST_CHECK int lite_keep_purge(struct lite *self, struct store_op *op);

/* callback.c */
int lite_callback_put(struct lite *self, struct store_op *op);
int lite_callback_resend(struct lite *self, struct store_op *op);
int lite_callback_due(struct lite *self, struct store_op *op);
int lite_callback_list(struct lite *self, struct store_op *op);
int lite_callback_of(struct lite *self, struct store_op *op);
int lite_signing_put(struct lite *self, struct store_op *op);
int lite_signing_get(struct lite *self, struct store_op *op);
/* A job with a callback_url has become `event`. */
HUB_MUST_CHECK int lite_callback_add(struct lite *self, int64_t job, enum job_state event,
                                     int64_t at);
/* That which has this number goes. */
HUB_MUST_CHECK int lite_callback_drop_of(struct lite *self, enum work_kind kind, int64_t seq);

/* whole.c */
/* A batch or flow has ended: writes its delivery, adds to op->ended. */
HUB_MUST_CHECK int lite_whole_ended(struct lite *self, struct store_op *op, const struct work *work,
                                    int64_t seq, int64_t at);
/* Adds to op->ended, no more. */
HUB_MUST_CHECK int lite_end_add(struct store_op *op, const struct work *work);
/* A job has become terminal. */
HUB_MUST_CHECK int lite_flows_note(struct lite *self, int64_t job);
/* After an operation: which flows have ended by it? */
HUB_MUST_CHECK int lite_flows_settle(struct lite *self, struct store_op *op, int64_t at);
void lite_ends_release(struct lite_ends *self);

/* ledger.c */
int lite_ledger_append(struct lite *self, struct store_op *op);
int lite_ledger_list(struct lite *self, struct store_op *op);
int lite_ledger_verify(struct lite *self, struct store_op *op);

/* account.c */
int lite_account_put(struct lite *self, struct store_op *op);
int lite_account_delete(struct lite *self, struct store_op *op);
int lite_account_list(struct lite *self, struct store_op *op);
int lite_account_use(struct lite *self, struct store_op *op);
int lite_account_uses(struct lite *self, struct store_op *op);
/* Puts the use of the job's account on record, if it names one and `move` writes an attempt that
 * used it. */
HUB_MUST_CHECK int lite_account_used(struct lite *self, const struct lite_job *job,
                                     const struct store_job_move *move);
/* Ends what an earlier life has left open and no attempt on record will end. */
HUB_MUST_CHECK int lite_account_uses_lost(struct lite *self);
HUB_MUST_CHECK int lite_account_purge(struct lite *self, struct store_purge *purge);

/* schedule.c */
int lite_schedule_put(struct lite *self, struct store_op *op);
int lite_schedule_delete(struct lite *self, struct store_op *op);
int lite_schedule_pause(struct lite *self, struct store_op *op);
int lite_schedule_tick(struct lite *self, struct store_op *op);
int lite_schedule_list(struct lite *self, struct store_op *op);
int lite_schedule_runs(struct lite *self, struct store_op *op);
/* May the tick be written? Sets op->err if not. */
HUB_MUST_CHECK int lite_tick_look(struct lite *self, struct store_op *op,
                                  const struct store_tick *tick);
HUB_MUST_CHECK int lite_tick_write(struct lite *self, const struct store_tick *tick);
/* Why the lines of the batch that a run made have ended; an empty reason says nothing. */
HUB_MUST_CHECK int lite_run_explain(struct lite *self, const struct id *made, struct str reason);
HUB_MUST_CHECK int lite_runs_purge(struct lite *self, struct store_purge *purge);

/* purge.c */
int lite_purge(struct lite *self, struct store_op *op);

/* job_read.c, other_read.c: a negative return becomes op->err. */
int lite_job_get(struct lite *self, struct store_op *op);
int lite_job_input(struct lite *self, struct store_op *op);
int lite_job_parents(struct lite *self, struct store_op *op);
/* The ids in a column, one behind the other. */
const struct id *lite_read_ids(struct lite_call *call, struct arena *arena, unsigned *ret_count,
                               bool *ret_ok);
int lite_job_list(struct lite *self, struct store_op *op);
int lite_active_list(struct lite *self, struct store_op *op);
int lite_job_counts(struct lite *self, struct store_op *op);
int lite_artifact_get(struct lite *self, struct store_op *op);
int lite_event_list(struct lite *self, struct store_op *op);
/* LITE_SCHEDULE and LITE_SHOWN from their first column on. False: out of memory. */
bool lite_read_schedule(struct lite_call *call, struct arena *arena, struct job_record *ret_job,
                        int64_t *ret_seq);
bool lite_read_shown(struct lite_call *call, struct arena *arena, struct job_record *ret_job,
                     int64_t *ret_seq);
/* Appends the rows of a running call for artifacts to an array in the arena. */
HUB_MUST_CHECK int lite_read_artifact(struct lite_call *call, struct arena *arena,
                                      struct artifact_record *ret_artifact);

#endif
