/*
 * world.h — the engine between a store's double, a clock that the test turns, and connectors that
 * do what the test says.
 *
 *     struct world w;
 *     world_open(&w, NULL);
 *     struct id id = world_submit(&w, (struct job_record){.type = STR("noop.run")});
 *     world_end(&w, world_started(&w, &id), ATTEMPT_SUCCEEDED);
 *     world_settle(&w);
 *     assert_int_equal(world_row(&w, &id)->job.state, JOB_SUCCEEDED);
 *     world_close(&w);
 */
#ifndef TEST_WORLD_H
#define TEST_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "double.h"
#include "jobs/jobs.h"

#define WORLD_START       INT64_C(1800000000000)
#define WORLD_RUNNING_MAX 4096
#define WORLD_CONNECTORS  8
#define WORLD_EVENTS_MAX  4096

/* An attempt that a connector holds. */
struct running {
    uint64_t token; /* 0: free */
    struct id id;
    uint32_t number;
    uint32_t max_attempts;
    bool cancel_asked;
    char input[64];
    char operation[32];
};

struct world_connector {
    const char *name;
    unsigned room; /* left */
    unsigned started;
    bool settles; /* its jobs can find out what became of them */
    bool lies;    /* start() says AGAIN whatever room() says */
};

struct world {
    struct store *store;
    struct jobs *jobs;
    struct log log;
    struct jobs_config config;
    int64_t now;
    int64_t next; /* what the last tick returned */
    bool woken;
    bool hold; /* world_settle() does not let the store work */
    struct running running[WORLD_RUNNING_MAX];
    unsigned running_count;
    struct world_connector connectors[WORLD_CONNECTORS]; /* unnamed: made on the way */
    unsigned room; /* of a new one, and of all after a restart; 1000 */
    int start_error;
    enum attempt_outcome finish_inside; /* with `finishes_inside`: start() ends it at once */
    bool finishes_inside;
    unsigned starts, cancels;
    struct jobs_event events[WORLD_EVENTS_MAX];
    unsigned event_count;
    uint64_t last_seq;
    struct id order[WORLD_RUNNING_MAX]; /* in which jobs were started */
    unsigned order_count;
    /* Sees each attempt that starts; may be NULL. */
    void (*watch)(struct world *self, const struct jobs_attempt *attempt);
};

void world_open(struct world *self, const struct jobs_config *config);
/* The engine dies, the store stays as it was; a new engine loads it. */
void world_restart(struct world *self);
int world_try_restart(struct world *self, int read_error);
void world_close(struct world *self);

/* Store and tick, until nothing is left to do now. */
void world_settle(struct world *self);
void world_advance(struct world *self, int64_t ms); /* turns the clock, then settles */

/* Submits and settles. What is not given: type noop.run, input {}, room for everything. */
struct id world_submit(struct world *self, struct job_record job);
int world_try_submit(struct world *self, struct job_record job, struct id *ret_id);
struct row *world_row(const struct world *self, const struct id *id);
enum job_state world_state(const struct world *self, const struct id *id);

struct running *world_started(struct world *self, const struct id *id); /* NULL: not running */
struct world_connector *world_connector(struct world *self, struct str name);
/* Ends it and settles. */
void world_end(struct world *self, struct running *running, enum attempt_outcome outcome);
void world_finish(struct world *self, struct running *running, const struct jobs_outcome *outcome);

/* The answer of a jobs_done_fn: 1 until it has come. */
void world_answer(void *context, int err);

#endif
