/*
 * bench.h — the engine on the real store, in a folder of its own, with a clock that the test turns
 * and a hubd that can be killed.
 *
 *     struct mine { struct bench bench; … };         // the hooks get it: `bench` comes first
 *     bench_open(&mine->bench, &hooks, "SYNCHRONOUS or NULL");
 *     …                                              // ask the engine for something
 *     bench_settle(&mine->bench);                    // until nothing moves any more
 *     bench_kill(&mine->bench); bench_begin(&mine->bench);
 *     …
 *     bench_close(&mine->bench);
 *
 * world.h has the same with a double in the store's place, which is faster and can be made to fail.
 */
#ifndef TEST_BENCH_H
#define TEST_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "jobs/jobs.h"

#define BENCH_START INT64_C(1800000000000)

struct bench {
    char dir[64];
    const char *synchronous;
    struct log log;
    struct blob_store *blobs;
    struct store *store;
    struct jobs *jobs;
    struct jobs_hooks hooks;
    int wake_fd;
    int64_t now;
    bool loaded;
};

/* Fills in those of `hooks` that no test differs in (now, event, wake), makes the folder, begins.
 * `synchronous` is that of the store. */
void bench_open(struct bench *self, const struct jobs_hooks *hooks, const char *synchronous);
void bench_close(struct bench *self);

/* hubd comes up: all that is on record is loaded. */
void bench_begin(struct bench *self);
/* As if it were killed: what runs is never heard of again. */
void bench_kill(struct bench *self);

/* Waits for the store once, and lets it tell. */
void bench_turn(struct bench *self);
/* Until the store has nothing to do, and a tick gives it nothing. */
void bench_settle(struct bench *self);
void bench_advance(struct bench *self, int64_t ms);

#endif
