/*
 * schedule.h — what a schedule is: when its ticks are, and the records that cross the store's line.
 *
 *     err = schedule_parse(json, &spec, &fault);      // json is valid against SchedulePut
 *     spec.zone = …;                                  // of spec.time_zone, for a cron expression
 *     at = schedule_next(&spec, created_at, after);   // SCHEDULE_NEVER: no more
 *     due = at + schedule_jitter(&spec, seq, at);
 *
 * A TICK is an instant at which a schedule says that a job shall be made: an instant of its cron
 * expression in its time zone (on a second), `start` or the schedule's creation and every so long
 * after it, or the one that `at` names. It does not lie before `start` nor after `end`. Jitter
 * delays the job, not the tick, by a time that only the schedule and the tick decide: a restart
 * does not change it.
 *
 * A RUN is what became of a tick, one row each: (schedule, tick) is the primary key. The row of a
 * tick that fires is written in the transaction that inserts its job (store_job_insert.tick), so it
 * fires exactly once, whatever becomes of hubd or of its clock. In the same transaction the
 * schedule's cursor moves to the tick: no tick up to there is looked at again.
 *
 * Times are milliseconds since 1970. Thread: [any]; pure.
 */
#ifndef HUB_JOBS_SCHEDULE_H
#define HUB_JOBS_SCHEDULE_H

#include "base/json.h"
#include "jobs/cron.h"
#include "jobs/job.h"

#define SCHEDULES_MAX              10000
#define SCHEDULES_WAITING_MAX      50000               /* runs of all schedules that wait */
#define SCHEDULE_SPEC_MAX          ((size_t)256 << 10) /* bytes of one, as JSON */
#define SCHEDULE_SPECS_MAX         ((size_t)32 << 20)  /* and of all: they are kept in memory */
#define SCHEDULE_NEVER             INT64_MAX
#define SCHEDULE_EVERY_MIN_MS      1000
#define SCHEDULE_SPAN_MAX_MS       (366LL * 24 * 3600 * 1000) /* of every, jitter and history */
#define SCHEDULE_HISTORY_MS        (30LL * 24 * 3600 * 1000)
#define SCHEDULE_MISFIRE_LIMIT     100
#define SCHEDULE_MISFIRE_LIMIT_MAX 1000
#define SCHEDULE_UPCOMING          10 /* times that an answer shows */

enum schedule_kind { SCHEDULE_CRON, SCHEDULE_EVERY, SCHEDULE_AT };

/* X(NAME, "name"): what a tick does while a job of an earlier one is not finished. */
#define SCHEDULE_OVERLAP_MAP(X)                                                                    \
    X(SKIP, "skip")                                                                                \
    X(QUEUE, "queue")                     /* its job is made when the others have finished */      \
    X(CANCEL_PREVIOUS, "cancel_previous") /* likewise, and they are cancelled */                   \
    X(ALLOW, "allow")

/* X(NAME, "name"): what becomes of ticks that nobody was there for. */
#define SCHEDULE_MISFIRE_MAP(X)                                                                    \
    X(SKIP, "skip")                                                                                \
    X(RUN_ONCE, "run_once") /* the last of them fires */                                           \
    X(RUN_ALL, "run_all")   /* the last misfire_limit of them do */

enum schedule_overlap {
#define X(name, text) SCHEDULE_OVERLAP_##name,
    SCHEDULE_OVERLAP_MAP(X)
#undef X
};
enum schedule_misfire {
#define X(name, text) SCHEDULE_MISFIRE_##name,
    SCHEDULE_MISFIRE_MAP(X)
#undef X
};

struct schedule_spec {
    enum schedule_kind kind;
    struct cron cron;                  /* CRON */
    char cron_text[CRON_TEXT_MAX + 1]; /* as it was given */
    char time_zone[ZONE_NAME_MAX + 1]; /* its zone's name */
    const struct zone *zone;           /* borrowed; NULL until somebody has loaded it */
    int64_t every_ms;                  /* EVERY */
    int64_t at;                        /* AT */
    int64_t start_at;                  /* 0: from its creation on */
    int64_t end_at;                    /* 0: for ever */
    int64_t jitter_ms;                 /* a tick's job comes up to so much later */
    enum schedule_overlap overlap;
    enum schedule_misfire misfire;
    uint32_t misfire_limit;
    int64_t history_ms; /* how long a run is on record */
};

/* What a schema cannot see. */
struct schedule_fault {
    const char *pointer; /* JSON Pointer; "": the whole */
    char detail[HUB_ERROR_DETAIL_MAX];
};

/* HUB_ERR_INVALID_INPUT, see `ret_fault`. Whether the zone exists is not looked at. */
HUB_MUST_CHECK int schedule_parse(struct json_object *json, struct schedule_spec *ret_spec,
                                  struct schedule_fault *ret_fault);
/* Do both have the same ticks? */
bool schedule_same_ticks(const struct schedule_spec *a, const struct schedule_spec *b);
/* The first tick after `after`. */
int64_t schedule_next(const struct schedule_spec *self, int64_t created_at, int64_t after);
/* The last ticks in (after, until], at most `max` of them and in their order. */
unsigned schedule_last(const struct schedule_spec *self, int64_t created_at, int64_t after,
                       int64_t until, unsigned max, int64_t *ret_ticks);
/* 0 … jitter_ms. `key` is the schedule's own number. */
int64_t schedule_jitter(const struct schedule_spec *self, int64_t key, int64_t tick);

/* --- Records -----------------------------------------------------------------------------------*/

struct schedule_record {
    int64_t seq; /* never used again */
    struct str name;
    struct str spec;       /* JSON as it came in */
    struct str created_by; /* of the last who put it: its jobs have it too */
    bool paused;
    int64_t created_at;
    int64_t updated_at;
    int64_t cursor_at; /* ticks up to here are done with */
};

/* X(NAME, "name"). The numbers are stored: append only. */
#define SCHEDULE_OUTCOME_MAP(X)                                                                    \
    X(WAITING, "waiting") /* for earlier jobs to finish */                                         \
    X(FIRED, "fired")                                                                              \
    X(SKIPPED, "skipped") /* an earlier job was not finished */                                    \
    X(MISSED, "missed")   /* nobody was there */                                                   \
    X(REFUSED, "refused") /* the template made no job: see `reason` */

enum schedule_outcome {
#define X(name, text) SCHEDULE_##name,
    SCHEDULE_OUTCOME_MAP(X)
#undef X
        SCHEDULE_OUTCOME_COUNT
};
const char *schedule_outcome_name(enum schedule_outcome outcome);

struct schedule_run {
    int64_t tick;
    int64_t at; /* when it became so */
    enum schedule_outcome outcome;
    bool by_hand;
    bool misfired;     /* it fired although it was missed, as `misfire` says */
    uint32_t missed;   /* MISSED: so many ticks up to this one; after 1,001 counting ends */
    struct work made;  /* FIRED */
    struct str reason; /* REFUSED, or why the lines of a batch ended before their end */
};

/* --- Operations (see jobs/store.h) -------------------------------------------------------------*/

/* A run to be written. HUB_ERR_GONE: there is no such schedule. HUB_ERR_CONFLICT: the tick has a
 * run already, or with `was_waiting` none that waits. */
struct store_tick {
    int64_t schedule; /* seq */
    struct schedule_run run;
    bool was_waiting;
    int64_t cursor_at; /* 0: it stays */
    int64_t purge_at;  /* of the run, unless it waits */
};
/* A run without a job; one with a job goes with its STORE_JOB_INSERT. */
struct store_schedule_tick {
    struct store_tick tick;
};

/* Makes or replaces it: `seq` and `created_at` become those on record. */
struct store_schedule_put {
    struct schedule_record schedule;
    bool keep_cursor; /* of the one that is there */
    bool ret_new;
};
/* Pauses or resumes it. HUB_ERR_NOT_FOUND. */
struct store_schedule_pause {
    int64_t seq;
    bool paused;
    int64_t at;
    int64_t cursor_at; /* 0: it stays */
};
/* HUB_ERR_NOT_FOUND. Its runs can't be seen any more, and go when their time is over. */
struct store_schedule_delete {
    int64_t seq;
};

/* All of them, by name, with what their engine must know. */
#define SCHEDULE_LAST_JOBS   16
#define SCHEDULE_WAITING_MAX 100 /* runs of one schedule that wait */
struct schedule_loaded {
    struct schedule_record record;
    struct work made[SCHEDULE_LAST_JOBS]; /* last, as far as it may be unfinished */
    unsigned made_count;
    struct schedule_run *waiting;
    unsigned waiting_count;
};
struct store_schedule_list {
    struct schedule_loaded *ret_schedules;
    unsigned ret_count;
};

/* Its runs, the latest tick first. */
struct store_schedule_runs {
    int64_t schedule;
    int64_t before; /* tick; 0: from the latest */
    unsigned limit;
    struct schedule_run *ret_runs;
    unsigned ret_count;
    bool ret_more;
};

#endif
