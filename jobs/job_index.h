/*
 * job_index.h — unfinished jobs by id: 8 bytes a slot.
 *
 * base/map takes 32. Ids are made by hubd and end in random bits, so they need no keyed hash.
 *
 * Thread: [any], one at a time.
 */
#ifndef HUB_JOBS_JOB_INDEX_H
#define HUB_JOBS_JOB_INDEX_H

#include "base/error.h"
#include "base/id.h"

struct job;

struct job_index {
    struct job **slots;
    size_t cap; /* 0 or a power of two */
    size_t len;
};

void job_index_init(struct job_index *self);
void job_index_release(struct job_index *self);
/* Room for `len` jobs in all. 0 or HUB_ERR_NOMEM. */
HUB_MUST_CHECK int job_index_reserve(struct job_index *self, size_t len);
void job_index_put(struct job_index *self, struct job *job); /* room was reserved; not in it yet */
struct job *job_index_get(const struct job_index *self, const struct id *id); /* or NULL */
void job_index_remove(struct job_index *self, struct job *job); /* not in it: does nothing */

#endif
