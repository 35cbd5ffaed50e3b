/*
 * tally.h — zones of jobs and counts by queue and state, brought up to date once a transaction.
 *
 * Each insert, change and removal of a job is told to the tally, which adds up in memory and writes
 * the sums in lite_tally_flush(), inside the same transaction. So `job_zone` and `job_count` are
 * always exact, and cost a few rows a transaction instead of two index entries a job.
 *
 * Thread: [store].
 */
#ifndef HUB_JOBS_SQLITE_TALLY_H
#define HUB_JOBS_SQLITE_TALLY_H

#include "base/arena.h"
#include "jobs/job.h"
#include "jobs/sqlite/db.h"

#define LITE_ZONE_BITS 8
static inline int64_t lite_zone(int64_t seq)
{
    return seq >> LITE_ZONE_BITS;
}
static inline int64_t lite_zone_first(int64_t zone)
{
    return zone << LITE_ZONE_BITS;
}
static inline int64_t lite_zone_last(int64_t zone)
{
    return lite_zone_first(zone + 1) - 1;
}

/* Sums are written out when there are this many different zones or queues. */
#define LITE_TALLY_ZONES  1024
#define LITE_TALLY_QUEUES 64

struct lite_zone_sum {
    int64_t zone;
    int32_t jobs;
    int32_t unfinished;
    uint32_t finished;
    int64_t purge_at; /* 0: none */
};

struct lite_queue_sum {
    struct str queue; /* in the arena */
    int32_t counts[JOB_STATE_COUNT];
};

struct lite_tally {
    struct arena arena;
    struct lite_zone_sum zones[LITE_TALLY_ZONES]; /* a hash table: zone 0 with no jobs is free */
    bool zone_used[LITE_TALLY_ZONES];
    unsigned zone_count;
    struct lite_queue_sum queues[LITE_TALLY_QUEUES];
    unsigned queue_count;
};

#define LITE_NO_STATE JOB_STATE_COUNT

void lite_tally_init(struct lite_tally *self);
/* A job went from one state to another; LITE_NO_STATE: it is new, or it is gone. `purge_at` is for
 * terminal states: when the job may go. */
HUB_MUST_CHECK int lite_tally_note(struct lite_tally *self, struct lite_db *db, int64_t seq,
                                   struct str queue, enum job_state from, enum job_state to,
                                   int64_t purge_at);
HUB_MUST_CHECK int lite_tally_flush(struct lite_tally *self, struct lite_db *db);
void lite_tally_clear(struct lite_tally *self); /* the transaction was rolled back */

#endif
