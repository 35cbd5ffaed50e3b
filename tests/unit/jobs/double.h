/*
 * double.h — a store for the engine's tests: jobs/store.h's contract, in memory, on this thread.
 *
 * It takes the place of hub_store at link time: store_submit() queues, double_run() does one batch
 * of writes and the reads, in the order that the test wants, and calls done(). It checks fences and
 * moves on its own account (a table of its own, not job_may_move()) and ends the test if the engine
 * breaks the contract.
 */
#ifndef TEST_DOUBLE_H
#define TEST_DOUBLE_H

#include "base/list.h"
#include "base/map.h"
#include "jobs/store.h"

/* A job as the double has it. */
struct row {
    struct job_record job; /* texts are in `texts` */
    struct arena texts;
    struct attempt_record *attempts;
    unsigned attempt_count;
    struct id after[4];
    unsigned after_count;
    unsigned ends;    /* how often it became terminal */
    unsigned revived; /* how often by hand */
    int64_t finished_at;
    bool deleted;
};

struct store {
    struct map rows;  /* by id */
    struct row **all; /* in the order of insertion */
    size_t count, cap;
    struct row **blocked;
    size_t blocked_count, blocked_cap;
    struct store_queue queues[16];
    char queue_names[16][64];
    unsigned queue_count;
    uint64_t seq;
    struct mail *writes, **writes_end;
    struct mail *reads, **reads_end;
    unsigned write_count, read_count; /* waiting */

    bool full;        /* store_admits() says no */
    int commit_error; /* every batch fails with it; 0: none */
    int insert_error; /* every insert does */
    int read_error;
    unsigned purges, starts, moves, inserts, discarded, batches;
    unsigned uses_begun, uses_ended, uses_dropped;
    bool purge_more;
    int (*spoil)(struct store_op *op); /* what a move is answered with; 0: as it should be */
};

struct store *double_new(void);
void double_free(struct store *self);
/* Commits up to `max` writes in one batch; returns how many there were. */
unsigned double_write(struct store *self, unsigned max);
unsigned double_read(struct store *self, unsigned max);
struct row *double_row(const struct store *self, const struct id *id); /* NULL: none */

/* A job as an earlier life left it, with the attempts that its number tells of. */
struct row *double_plant(struct store *self, const struct job_record *job);

#endif
