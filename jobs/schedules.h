/*
 * schedules.h — the engine of the schedules: at each tick what its template makes: a job, a batch,
 * or a flow. What is said of jobs here holds for those too, as a whole.
 *
 *     schedules_new(store, jobs, &hooks, context, log, &schedules, &err);
 *     schedules_load(schedules, on_loaded, context);       // after jobs_load()
 *     …
 *     next = schedules_tick(schedules);                    // at least at the time it returned last
 *     schedules_on_event(schedules, event);                // each event of the queue's
 *     …
 *     schedules_close(schedules);  jobs_close(jobs);  store_free(store); schedules_free(schedules);
 *
 * EXACTLY ONCE. A tick is written, unique, with its job (see schedule.h). In memory there is only
 * what can be read again: a schedule looks at its next tick when the one before is on record.
 *
 * THE CLOCK is the wall's, and may jump. Back: ticks that were done with do not come again.
 * Forward: those that were jumped over are as if hubd had been down. It is looked at every second
 * at least.
 *
 * MISFIRE. A tick that could not be handled within its jitter and SCHEDULES_GRACE_MS was missed.
 * All ticks missed in a row are looked at together: as `misfire` says none, the last or the last
 * misfire_limit of them fire now, in their order; the others are one run, SCHEDULE_MISSED. What
 * fires late goes through `overlap` like any other.
 *
 * OVERLAP. A job of a schedule, also one that was made by hand, is unfinished until it is terminal;
 * of those that were made before a restart the last SCHEDULE_LAST_JOBS count. A tick that has to
 * wait is on record as SCHEDULE_WAITING and fires when no job is unfinished; if too many wait, it
 * is skipped. With cancel_previous one waits at most, the latest; the others are skipped.
 *
 * PAUSED, a schedule has no ticks; it goes on with the first one after it was resumed.
 *
 * FAILURES. A template that makes no job (its connector is gone, its input does not match a newer
 * schema) is a run of its own, SCHEDULE_REFUSED with the reason. What is no fault of the template's
 * (the store fails, the queue is full) is tried again every second.
 *
 * Thread: [loop]. `done` functions and hooks may call any function but schedules_tick() and
 * schedules_free(), and `done` may come before the function that took it has returned.
 */
#ifndef HUB_JOBS_SCHEDULES_H
#define HUB_JOBS_SCHEDULES_H

#include "jobs/jobs.h"
#include "jobs/schedule.h"

#define SCHEDULES_GRACE_MS 5000

struct schedules;

typedef void schedules_zone_fn(void *context, int err, const struct zone *zone);

struct schedules_hooks {
    int64_t (*now)(void *context); /* wall clock, ms */
    /* From the template in `schedule->spec` (valid JSON against SchedulePut) to the operation that
     * makes what it says: JOB_INSERT, BATCH_CREATE or FLOW_INSERT, with all but its tick and what
     * the engine of the queue gives. HUB_ERR_NOMEM, or any other error with its detail. */
    int (*make)(void *context, const struct schedule_record *schedule, struct store_op **ret_op,
                struct hub_error *error);
    /* It is on record. May be NULL. */
    void (*made)(void *context, const struct store_op *op);
    /* Finds a time zone, which lives as long as the schedules, and calls `done` exactly once:
     * HUB_ERR_INVALID_INPUT if there is none of this name. */
    void (*zone)(void *context, const char *name, schedules_zone_fn *done, void *done_context);
    /* The time that schedules_tick() returned last is out of date: call it again soon. */
    void (*wake)(void *context);
};

HUB_MUST_CHECK int schedules_new(struct store *store, struct jobs *jobs,
                                 const struct schedules_hooks *hooks, void *context,
                                 struct log *log, struct schedules **ret_self,
                                 struct hub_error *error);
void schedules_drain(struct schedules *self); /* no tick fires any more */
void schedules_close(struct schedules *self); /* and nothing is submitted. NULL does nothing */
/* After the store and whoever knows the zones have told all that they had to. NULL does nothing. */
void schedules_free(struct schedules *self);

/* Reads them all. Nothing fires before `done` came with 0. */
void schedules_load(struct schedules *self, jobs_done_fn *done, void *context);
/* Fires what is due; returns when it wants to be called next (wall ms), INT64_MAX: when woken. */
int64_t schedules_tick(struct schedules *self);
void schedules_on_event(struct schedules *self, const struct jobs_event *event);
void schedules_on_end(struct schedules *self, const struct work *work); /* of a batch or flow */

/* --- One schedule ------------------------------------------------------------------------------*/

/* What there is of one, for showing; valid until the loop's next turn. */
struct schedule_view {
    const struct schedule_record *record;
    const struct schedule_spec *spec;
    const char *problem; /* why it can have no ticks; NULL: nothing */
    unsigned unfinished; /* jobs that it made */
    unsigned waiting;    /* runs */
    unsigned upcoming_count;
    int64_t upcoming[SCHEDULE_UPCOMING]; /* the next ticks, without jitter; none while paused */
};
/* False: there is none of this name. */
bool schedules_find(const struct schedules *self, struct str name, struct schedule_view *ret_view);
/* By name. */
void schedules_each(const struct schedules *self,
                    void (*visit)(void *context, const struct schedule_view *view), void *context);

struct schedule_put {
    struct str name;
    struct str text;          /* the JSON as it came in, */
    struct json_object *json; /* and parsed; valid against SchedulePut */
    struct str created_by;
};
/* Makes it, or replaces what it says: with the same ticks it goes on where it was, otherwise from
 * now on. It is paused if its member `paused` says so, and without that as it was. `done`: 0;
 * HUB_ERR_INVALID_INPUT, see `fault`, which is the caller's and lives until then; HUB_ERR_LIMIT;
 * those of the store. */
typedef void schedules_put_fn(void *context, int err, bool is_new);
void schedules_put(struct schedules *self, const struct schedule_put *put,
                   struct schedule_fault *fault, schedules_put_fn *done, void *context);
/* HUB_ERR_NOT_FOUND, those of the store. What its jobs do is left alone. */
void schedules_delete(struct schedules *self, struct str name, jobs_done_fn *done, void *context);
void schedules_pause(struct schedules *self, struct str name, bool paused, jobs_done_fn *done,
                     void *context);

/* Makes a job now, whatever runs; also of one that is paused. `run` lives during the call.
 * HUB_ERR_NOT_FOUND; HUB_ERR_INVALID_INPUT with run->reason; those of jobs_submit(). */
typedef void schedules_run_fn(void *context, int err, const struct schedule_run *run);
void schedules_run(struct schedules *self, struct str name, schedules_run_fn *done, void *context);

struct schedules_stats {
    uint64_t fired, skipped, missed, refused;
    unsigned schedules;
};
void schedules_stats(const struct schedules *self, struct schedules_stats *ret_stats);

#endif
