/*
 * inputs.h — the files that a job's input names, found in the store and opened on the pool.
 *
 *     inputs_open(&deps, type, input, on_open, context, &inputs)
 *         → on_open(context, 0 or an error, its words)
 *     inputs_files(inputs, &files, &count);    // hand them to the supervisor …
 *     inputs_given(inputs);                    // … whose they are now
 *     inputs_free(inputs);                     // closes what is still here
 *
 * Bytes given in place become a sealed file in memory, which its reader can't change; the others
 * are opened for reading.
 *
 * Thread: [loop]; on_open comes from the loop, never from within inputs_open().
 */
#ifndef HUB_INPUTS_H
#define HUB_INPUTS_H

#include "api/types.h"
#include "jobs/store.h"
#include "supervisor/supervisor.h"

#include <uv.h>

struct inputs;

struct inputs_deps {
    uv_loop_t *loop;
    struct store *store;
    struct blob_store *blobs;
};

/* `error` lives during the call. HUB_ERR_UNKNOWN_ARTIFACT, HUB_ERR_INVALID_INPUT, … */
typedef void inputs_open_fn(void *context, int err, const struct hub_error *error);

/* `deps` outlives the inputs; `input` is copied where it is needed. An error: on_open is not
 * called. */
HUB_MUST_CHECK int inputs_open(const struct inputs_deps *deps, const struct job_type *type,
                               struct str input, inputs_open_fn *on_open, void *context,
                               struct inputs **ret_self);

/* Views into the inputs. At most JOB_FILES_MAX. */
unsigned inputs_files(const struct inputs *self, struct supervisor_file *ret_files);
void inputs_given(struct inputs *self);

/* Not between inputs_open() and on_open. NULL does nothing. */
void inputs_free(struct inputs *self);

#endif
