/*
 * batches.h — what the writer knows of batches: which numbers of jobs are theirs, and their counts.
 *
 * Unfinished batches and their ranges are kept in memory (a batch some 400 bytes, a range 32), so
 * that a change of a job's state finds its batch without asking the database; a finished one is
 * read when something is done to it. What a transaction changes is written once, at its commit.
 * After a rollback all of it is read anew.
 *
 *     lite_batches_refresh(self);                  // in a transaction, before the first operation
 *     lite_batches_note(self, seq, from, to);      // with each change of a job's state
 *     lite_batches_settle(self, op);               // after each operation: has a batch ended?
 *     lite_batches_flush(self);                    // before the commit
 *     lite_batches_committed(self) or lite_batches_rolled_back(self)
 *
 * Thread: [store].
 */
#ifndef HUB_JOBS_SQLITE_BATCHES_H
#define HUB_JOBS_SQLITE_BATCHES_H

#include "base/map.h"
#include "jobs/batch.h"
#include "jobs/sqlite/db.h"

struct lite;
struct store_op;
struct store_released;

struct lite_batch {
    int64_t seq;
    struct batch_record record; /* without settings and created_by; `queue` is behind this struct */
    int64_t on_complete;        /* number of that job; 0: none */
    struct lite_batch *next_dirty;
    bool dirty; /* to be written at the commit */
    bool ended; /* its last job has become terminal in this operation */
};

/* Jobs `first` … `first + count - 1` are lines `line` … of a batch. */
struct lite_range {
    int64_t first;
    int64_t count;
    int64_t line;
    struct lite_batch *batch;
};

struct lite_batches {
    struct map by_id;          /* struct lite_batch */
    struct lite_range *ranges; /* by `first` */
    size_t range_count;
    size_t range_cap;
    struct lite_batch *dirty; /* linked by next_dirty */
    bool any_ended;
    bool fresh; /* memory says what the database says */
};

void lite_batches_init(struct lite_batches *self);
void lite_batches_release(struct lite_batches *self);
HUB_MUST_CHECK int lite_batches_refresh(struct lite *self);
/* The batch with this id, read if need be. 1 found, 0 not there, negative. */
int lite_batch_find(struct lite *self, const struct id *id, struct lite_batch **ret_batch);
/* A new one, in memory only. NULL: out of memory. */
struct lite_batch *lite_batch_add(struct lite *self, int64_t seq,
                                  const struct batch_record *record);
/* Takes it out of memory with its ranges. */
void lite_batch_forget(struct lite *self, struct lite_batch *batch);
void lite_batch_unpark(struct batch_record *record, uint64_t jobs);
void lite_batch_touch(struct lite *self, struct lite_batch *batch); /* it changed */
/* The next `count` job numbers, `first` and on, are the lines from `line` on. */
HUB_MUST_CHECK int lite_batch_extend(struct lite *self, struct lite_batch *batch, int64_t first,
                                     int64_t line, int64_t count);
/* A job changed its state (LITE_NO_STATE: it is new). */
HUB_MUST_CHECK int lite_batches_note(struct lite *self, int64_t seq, enum job_state from,
                                     enum job_state to);
/* If a batch has ended: says so, and releases its on_complete job (op->released). */
HUB_MUST_CHECK int lite_batches_settle(struct lite *self, struct store_op *op);
/* Adds to op->released. */
HUB_MUST_CHECK int lite_released_add(struct store_op *op, const struct store_released *released,
                                     unsigned count);
HUB_MUST_CHECK int lite_batches_flush(struct lite *self);
void lite_batches_committed(struct lite *self);
void lite_batches_rolled_back(struct lite *self);

/* The first job at or behind a line of a batch, and how many follow it in a row. 1, 0: none. */
struct lite_stretch {
    int64_t first;
    int64_t count;
    uint64_t line;
};
int lite_batch_stretch(struct lite_db *db, int64_t batch, uint64_t line,
                       struct lite_stretch *ret_stretch);

/* LITE_BATCH from its first column on; texts in the arena. False: out of memory. */
bool lite_read_batch(struct lite_call *call, struct arena *arena, int64_t *ret_seq,
                     int64_t *ret_on_complete, struct batch_record *ret_record);

#endif
