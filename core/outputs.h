/*
 * outputs.h — the files that an attempt has made, copied into blobs on the pool.
 *
 * They are copied because their runner still holds them open: what becomes an artifact must be a
 * file that nobody else can write to.
 *
 *     outputs_store(loop, blobs, limit, &outcome, files, count, on_stored, context)
 *         → on_stored(context, token, &outcome with artifacts and blobs, 0 or an error, its words)
 *
 * Thread: [loop].
 */
#ifndef HUB_OUTPUTS_H
#define HUB_OUTPUTS_H

#include "jobs/jobs.h"
#include "supervisor/supervisor.h"

#include <uv.h>

/* `outcome` and `error` live during the call; the blobs are the receiver's. On an error there are
 * none. */
typedef void outputs_stored_fn(void *context, uint64_t token, const struct jobs_outcome *outcome,
                               int err, const struct hub_error *error);

struct outputs_deps {
    uv_loop_t *loop;
    struct blob_store *blobs;
    uint64_t artifact_max; /* bytes of one file: HUB_ERR_TOO_LARGE */
    outputs_stored_fn *on_stored;
    void *context;
};

/* Takes the files' descriptors over, in any case; copies what it keeps of `outcome`. `deps`
 * outlives it. HUB_ERR_NOMEM: on_stored is not called. */
HUB_MUST_CHECK int outputs_store(const struct outputs_deps *deps, uint64_t token,
                                 const struct jobs_outcome *outcome,
                                 const struct supervisor_artifact *files, unsigned count);

#endif
