/*
 * inputs.h — the files that a job's input names, found in the store, or fetched, and opened on the
 * pool.
 *
 *     inputs_open(&deps, type, &attempt, on_open, context, &inputs)
 *         → on_open(context, 0 or an error, its words)
 *     inputs_files(inputs, &files, &count);    // hand them to the supervisor …
 *     inputs_given(inputs);                    // … whose they are now
 *     inputs_free(inputs);                     // closes what is still here
 *
 *     inputs_cancel(inputs);                   // what is still being fetched is wanted no more
 *
 * Bytes given in place become a sealed file in memory, which its reader can't change; what was
 * fetched is copied, since its runner may still hold it open; all are opened for reading.
 *
 * Thread: [loop]; on_open comes from the loop, never from within inputs_open().
 */
#ifndef HUB_INPUTS_H
#define HUB_INPUTS_H

#include "api/types.h"
#include "fetch.h"
#include "jobs/jobs.h"
#include "jobs/store.h"
#include "supervisor/supervisor.h"

#include <uv.h>

struct inputs;

struct inputs_deps {
    uv_loop_t *loop;
    struct store *store;
    struct blob_store *blobs;
    struct fetcher *fetcher;
};

/* Why a file could not be fetched: on_open came with HUB_ERR_FETCH_FAILED, or (then only the delay
 * is told) with HUB_ERR_INTERRUPTED. */
struct inputs_failure {
    bool retryable;
    uint64_t delay_ms;  /* but not before; 0: nothing was said */
    struct str message; /* a sentence */
    struct str details; /* JSON: {pointer, code, message, details} */
};

/* `error` lives during the call. HUB_ERR_UNKNOWN_ARTIFACT, HUB_ERR_INVALID_INPUT,
 * HUB_ERR_FETCH_FAILED, HUB_ERR_CANCELLED or HUB_ERR_INTERRUPTED (of a fetch), … */
typedef void inputs_open_fn(void *context, int err, const struct hub_error *error);

/* `deps` outlives the inputs; what is needed of `attempt` is copied. An error: on_open is not
 * called. */
HUB_MUST_CHECK int inputs_open(const struct inputs_deps *deps, const struct job_type *type,
                               const struct jobs_attempt *attempt, inputs_open_fn *on_open,
                               void *context, struct inputs **ret_self);

/* Is, or was, one of them fetched? */
bool inputs_are_fetched(const struct inputs *self);
/* Ends what is being fetched; on_open comes as always. NULL does nothing. */
void inputs_cancel(struct inputs *self);
const struct inputs_failure *inputs_failure(const struct inputs *self);

/* Views into the inputs. At most JOB_FILES_MAX. */
unsigned inputs_files(const struct inputs *self, struct supervisor_file *ret_files);
void inputs_given(struct inputs *self);

/* Not between inputs_open() and on_open. NULL does nothing. */
void inputs_free(struct inputs *self);

#endif
