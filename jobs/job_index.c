#include "jobs/job_index.h"

#include "jobs/engine.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_CAP 64

/* Open addressing with linear probing, removal by shifting back, as base/map. */

static size_t home_of(const struct job_index *self, const struct id *id)
{
    uint64_t tail;

    memcpy(&tail, id->bytes + sizeof id->bytes - sizeof tail, sizeof tail);
    return (size_t)(tail * 0x9e3779b97f4a7c15u >> 32) & (self->cap - 1);
}

void job_index_init(struct job_index *self)
{
    *self = (struct job_index){0};
}

void job_index_release(struct job_index *self)
{
    free(self->slots);
    job_index_init(self);
}

static struct job **find(const struct job_index *self, const struct id *id)
{
    size_t i = home_of(self, id);

    while (self->slots[i] && !id_eq(&self->slots[i]->id, id)) {
        i = (i + 1) & (self->cap - 1);
    }
    return &self->slots[i];
}

int job_index_reserve(struct job_index *self, size_t len)
{
    struct job_index bigger = {.cap = self->cap ? self->cap : FIRST_CAP, .len = self->len};

    while (len > bigger.cap / 4 * 3) {
        bigger.cap *= 2;
    }
    if (bigger.cap == self->cap) {
        return 0;
    }
    bigger.slots = calloc(bigger.cap, sizeof(struct job *));
    if (!bigger.slots) {
        return HUB_ERR_NOMEM;
    }
    for (size_t i = 0; i < self->cap; i++) {
        if (self->slots[i]) {
            *find(&bigger, &self->slots[i]->id) = self->slots[i];
        }
    }
    free(self->slots);
    *self = bigger;
    return 0;
}

void job_index_put(struct job_index *self, struct job *job)
{
    *find(self, &job->id) = job;
    self->len++;
}

struct job *job_index_get(const struct job_index *self, const struct id *id)
{
    return self->len ? *find(self, id) : NULL;
}

void job_index_remove(struct job_index *self, struct job *job)
{
    struct job **slot = self->len ? find(self, &job->id) : NULL;
    if (!slot || *slot != job) {
        return;
    }
    size_t mask = self->cap - 1;
    size_t gap = (size_t)(slot - self->slots);
    for (size_t i = (gap + 1) & mask; self->slots[i]; i = (i + 1) & mask) {
        /* A job may move into the gap unless its probing starts behind the gap. */
        size_t home = home_of(self, &self->slots[i]->id);
        if (((i - home) & mask) >= ((i - gap) & mask)) {
            self->slots[gap] = self->slots[i];
            gap = i;
        }
    }
    self->slots[gap] = NULL;
    self->len--;
}
