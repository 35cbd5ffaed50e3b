/*
 * slab.h — many small records of one size, without malloc's overhead for each.
 *
 * Records come from large chunks and go back to a free list; chunks are freed with the slab. The
 * bytes of a record are zero when it is handed out.
 *
 * Thread: [any], one at a time.
 */
#ifndef HUB_JOBS_SLAB_H
#define HUB_JOBS_SLAB_H

#include <stddef.h>

struct slab_chunk;

struct slab {
    size_t size; /* of a record: a multiple of a pointer's alignment */
    struct slab_chunk *chunks;
    void *free;
    size_t fresh; /* records of the first chunk that were never used */
};

void slab_init(struct slab *self, size_t record_size);
void slab_release(struct slab *self); /* all records are gone */
void *slab_alloc(struct slab *self);  /* NULL: out of memory */
void slab_free(struct slab *self, void *record);

#endif
