/*
 * schedules_parts.h — what the files of the schedules' engine share: schedules.c has the registry
 * and what users ask for, schedules_tick.c what happens at a time.
 *
 * Thread: [loop].
 */
#ifndef HUB_JOBS_SCHEDULES_PARTS_H
#define HUB_JOBS_SCHEDULES_PARTS_H

#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"
#include "jobs/schedules.h"

#define SCHEDULES_UNFINISHED_MAX 100000 /* jobs that are followed, of all schedules */
#define SCHEDULES_RETRY_MS       1000

/* An unfinished job, batch or flow of a schedule. */
struct schedule_job {
    struct work work; /* its id is the key in schedules.jobs_by_id */
    struct schedule *schedule;
    bool cancelled; /* it was asked to end */
    struct list link;
};

struct schedule {
    struct schedules *all;
    struct schedule_record record; /* its texts: `texts`, and the name behind this struct */
    char *texts;
    struct schedule_spec spec;
    const char *problem;   /* why it has no ticks; NULL: it has */
    bool gone;             /* deleted: kept until nothing is on its way any more */
    bool busy;             /* a tick of its is on its way to the store */
    unsigned flights;      /* all that is on its way, and holds it */
    uint32_t generation;   /* of its cursor: what is older does not move it */
    int64_t next;          /* the tick after the cursor */
    int64_t decided_until; /* missed ticks up to here that are left are to fire */
    int64_t retry_at;
    int64_t last_by_hand;
    struct list jobs;
    unsigned unfinished;
    struct schedule_run *waiting; /* SCHEDULE_WAITING_MAX of them; NULL: none yet */
    unsigned waiting_count;
    int64_t due;
    struct heap_node node; /* in schedules.timers */
};

struct schedules {
    struct store *store;
    struct jobs *jobs;
    struct schedules_hooks hooks;
    void *context;
    struct log *log;
    struct map by_name;
    struct map jobs_by_id;
    struct heap timers; /* room for all of them */
    size_t spec_bytes;
    unsigned waiting;
    bool ready, draining, closed, woken;
    struct schedules_stats stats;
    jobs_done_fn *loaded;
    void *loaded_context;
};

static inline int64_t schedules_now(const struct schedules *self)
{
    return self->hooks.now(self->context);
}

heap_before_fn schedule_before;
/* Puts it where it belongs in the timers, after anything about it has changed. */
void schedule_settle(struct schedule *self);
/* Its next tick, anew. */
void schedule_advance(struct schedule *self);
/* What it made that is not finished. */
void schedule_follow(struct schedule *self, const struct work *work);
void schedule_unfollow(struct schedule_job *job);
void schedule_cancel_jobs(struct schedule *self);
/* Takes a run that waits in. False: out of memory. */
bool schedule_await(struct schedule *self, const struct schedule_run *run);
/* What was on its way no longer is. */
void schedule_landed(struct schedule *self);
void schedule_free(struct schedule *self);

#endif
