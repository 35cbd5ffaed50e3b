/*
 * tally.h — zones of jobs and counts by queue and state, written seldom.
 *
 * Each insert, change and removal of a job is told to the tally, which adds up in memory. What a
 * transaction adds up to rides along in the row of its events, a few dozen bytes on a page that is
 * written anyway; the tables `job_zone` and `job_count` are brought up to date when enough has come
 * together, when somebody wants to read them, and by the purge. After a crash the rows of events
 * that came after the last time (`tally.event`) tell what is missing in the tables. So a job
 * costs the tables nothing, and they are exact whenever they are read.
 *
 *     lite_tally_load(tally, db, event)            // once the connection is open
 *     …
 *     lite_tally_note(tally, db, …)                // in a transaction
 *     lite_tally_settle(tally, db, last_event)     // now, if the tables will be read
 *     lite_tally_ride(tally, db, events, last, &sums)  // before the commit: goes into the events'
 * row lite_tally_committed() or lite_tally_rolled_back()
 *
 * Thread: [store].
 */
#ifndef HUB_JOBS_SQLITE_TALLY_H
#define HUB_JOBS_SQLITE_TALLY_H

#include "base/arena.h"
#include "base/buf.h"
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

#define LITE_SUMS_ZONES  512
#define LITE_SUMS_SLOTS  (2 * LITE_SUMS_ZONES)
#define LITE_SUMS_QUEUES 64

struct lite_zone_sum {
    int64_t zone;
    int64_t purge_at; /* 0: none */
    int32_t jobs;
    int32_t unfinished;
    uint32_t finished; /* bits of terminal states */
};

struct lite_queue_sum {
    struct str queue; /* in the arena */
    int32_t counts[JOB_STATE_COUNT];
};

/* What has changed. */
struct lite_sums {
    struct arena arena;
    struct lite_zone_sum zones[LITE_SUMS_ZONES];
    unsigned zone_count;
    uint16_t slots[LITE_SUMS_SLOTS]; /* a hash table of the zones: index + 1; 0: free */
    struct lite_queue_sum queues[LITE_SUMS_QUEUES];
    unsigned queue_count;
};

struct lite_tally {
    struct lite_sums now;     /* in this transaction */
    struct lite_sums pending; /* in those before it, since the tables were brought up to date */
    bool settled;             /* in this transaction the tables were */
    struct buf packed;        /* `now`, for the events' row */
};

#define LITE_NO_STATE JOB_STATE_COUNT

void lite_tally_init(struct lite_tally *self);
void lite_tally_release(struct lite_tally *self);

/* Takes over what a life before left in the rows of events, in place of what is pending, in a
 * transaction of its own. `last_event` is the number of the last one. */
HUB_MUST_CHECK int lite_tally_load(struct lite_tally *self, struct lite_db *db, int64_t last_event);

/* A job went from one state to another; LITE_NO_STATE: it is new, or it is gone. `purge_at` is for
 * terminal states: when the job may go. `last_event` as it is now. */
HUB_MUST_CHECK int lite_tally_note(struct lite_tally *self, struct lite_db *db, int64_t last_event,
                                   int64_t seq, struct str queue, enum job_state from,
                                   enum job_state to, int64_t purge_at);

/* Brings the tables up to date, all of this transaction so far included. */
HUB_MUST_CHECK int lite_tally_settle(struct lite_tally *self, struct lite_db *db,
                                     int64_t last_event);

/* At the end of a transaction: what goes into its last row of events, if it has `any_events`; empty
 * if there is nothing to say or the tables say it already. The view lives until the commit. */
HUB_MUST_CHECK int lite_tally_ride(struct lite_tally *self, struct lite_db *db, bool any_events,
                                   int64_t last_event, struct str *ret_sums);
void lite_tally_committed(struct lite_tally *self);
void lite_tally_rolled_back(struct lite_tally *self);

#endif
