#include "schemas/run.h"

#include <stdlib.h>
#include <string.h>

bool schema_seen_init(struct schema_seen *self, struct schema_run *run,
                      const struct schema_instance *at)
{
    size_t len = at->type == TYPE_OBJECT ? (size_t)json_object_object_length(at->json)
                                         : json_object_array_length(at->json);
    memset(self->small, 0, sizeof self->small);
    self->all = false;
    self->words = (len + 63) / 64;
    self->bits = self->small;
    if (self->words <= SEEN_SMALL) {
        return true;
    }
    if (!schema_run_charge(run, self->words)) {
        return false;
    }
    self->bits = calloc(self->words, sizeof *self->bits);
    return self->bits != NULL || schema_run_abort(run, HUB_ERR_NOMEM);
}

void schema_seen_release(struct schema_seen *self)
{
    if (self->bits != self->small) {
        free(self->bits);
    }
}

void schema_seen_merge(struct schema_seen *self, const struct schema_seen *other)
{
    self->all = self->all || other->all;
    for (size_t i = 0; i < self->words; i++) {
        self->bits[i] |= other->bits[i];
    }
}
