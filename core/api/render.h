/*
 * render.h — records of the store as the JSON that schemas/ promises.
 *
 * Thread: [any]. Private to core/api.
 */
#ifndef HUB_API_RENDER_H
#define HUB_API_RENDER_H

#include "base/buf.h"
#include "jobs/jobs.h"

enum render_detail {
    RENDER_SUMMARY, /* an entry of a list: without input, attempts and artifacts */
    RENDER_FULL,
};

/* `live` is what the engine knows better than the store, or NULL. */
void render_job(struct buf *out, const struct job_record *job, const struct jobs_live *live,
                enum render_detail detail);

/* The job as it was when it was accepted, from the members that never change: what an
 * Idempotency-Key replays. */
void render_job_as_created(struct buf *out, const struct job_record *job);

/* {"total":3,"succeeded":2,…} */
void render_items(struct buf *out, const struct job_items *items);

void render_artifact(struct buf *out, const struct artifact_record *artifact);

/* `"name":"text"` or `"name":null` if the view has no pointer. */
void render_text_or_null(struct buf *out, const char *name, struct str text);

#endif
