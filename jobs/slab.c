#include "jobs/slab.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES ((size_t)256 * 1024)

struct slab_chunk {
    struct slab_chunk *next;
    _Alignas(max_align_t) char records[];
};

void slab_init(struct slab *self, size_t record_size)
{
    *self = (struct slab){.size = record_size};
}

void slab_release(struct slab *self)
{
    for (struct slab_chunk *chunk = self->chunks, *next; chunk; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
    slab_init(self, self->size);
}

static void *take_fresh(struct slab *self)
{
    if (self->fresh == 0) {
        struct slab_chunk *chunk = malloc(sizeof *chunk + CHUNK_BYTES);
        if (!chunk) {
            return NULL;
        }
        chunk->next = self->chunks;
        self->chunks = chunk;
        self->fresh = CHUNK_BYTES / self->size;
    }
    return self->chunks->records + --self->fresh * self->size;
}

void *slab_alloc(struct slab *self)
{
    void *record = self->free;

    if (record) {
        memcpy(&self->free, record, sizeof self->free);
    } else {
        record = take_fresh(self);
    }
    return record ? memset(record, 0, self->size) : NULL;
}

void slab_free(struct slab *self, void *record)
{
    memcpy(record, &self->free, sizeof self->free);
    self->free = record;
}
