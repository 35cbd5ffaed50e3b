/*
 * probe: a connector that behaves, or misbehaves, as its input says. See README.md.
 *
 * An attempt makes its `calls` to the host, one after the other, then waits `times` times `ms`
 * milliseconds, doing something small after each wait, and then does what it was asked. How it
 * waits is all that the two modes differ in: drive_blocking.c sleeps on [work], drive_async.c takes
 * timers on [main].
 */
#ifndef PROBE_PROBE_H
#define PROBE_PROBE_H

#include <hub/connector.h>
#include <json-c/json.h>
#include <stdbool.h>

struct probe_run;

/* One thing that an attempt can do. */
struct probe_act {
    const char *name;
    void (*each)(struct probe_run *run); /* after each wait; or NULL */
    void (*end)(struct probe_run *run);  /* at last: completes the job, or worse */
};

/* One attempt. Freed by probe_run_end(). */
struct probe_run {
    const hub_host *host;
    hub_job *job;
    json_object *input;
    const struct probe_act *act;
    int64_t ms;
    int64_t times;
    int64_t done; /* waits behind us */
    int64_t wake; /* when the present wait ends, on host->now_ms()'s clock */
    bool deaf;
    /* What it asks of hub.keep/1 and hub.ledger/1 before it waits. */
    size_t call;          /* the next one */
    json_object *answers; /* so far */
    bool answered;
    bool calling;
    int64_t burst_left;
    int32_t burst_taken;
    bool burst_full;
};

/* How often a wait asks whether the job was cancelled. */
enum { PROBE_SLICE_MS = 10 };

/* Makes the calls that the input asks for, one after the other, and then drives the run. */
void probe_calls(struct probe_run *run);

/* Carries the run through its waits and then calls probe_run_end(). One per mode. */
void probe_drive(struct probe_run *run);

/* Milliseconds until the driver must look again; 0: call probe_run_step() now. */
int64_t probe_run_wait(const struct probe_run *run);

/* Ends the present wait. True if another follows; false: call probe_run_end(). */
bool probe_run_step(struct probe_run *run);

/* Was the job cancelled, and does this run care? */
bool probe_run_cancelled(const struct probe_run *run);

/* Does what was asked for, or completes as cancelled, and frees the run. */
void probe_run_end(struct probe_run *run);

#endif
