#include "schemas/names.h"

#include "base/hash.h"

#include <string.h>

#define SMALL 8 /* up to here comparing beats hashing */

bool schema_names_init(struct schema_names *self, struct arena *arena, size_t capacity,
                       const uint64_t *secret)
{
    *self = (struct schema_names){.secret = secret};
    self->texts = arena_alloc(arena, (capacity + 1) * sizeof *self->texts);
    if (self->texts == NULL) {
        return false;
    }
    if (capacity <= SMALL) {
        return true;
    }
    size_t slots = 16;
    while (slots < 2 * capacity) {
        slots *= 2;
    }
    self->slots = arena_zalloc(arena, slots * sizeof *self->slots);
    self->mask = (uint32_t)slots - 1;
    return self->slots != NULL;
}

/* The slot that holds `text`, or the free one where it would go. */
static uint32_t *find_slot(const struct schema_names *self, struct str text)
{
    uint32_t at = (uint32_t)hash_sip13(self->secret, text) & self->mask;
    while (self->slots[at] != 0 && !str_eq(self->texts[self->slots[at] - 1], text)) {
        at = (at + 1) & self->mask;
    }
    return &self->slots[at];
}

static inline bool same(struct str a, struct str b)
{
    return a.len == b.len && memcmp(a.ptr, b.ptr, a.len) == 0;
}

uint32_t schema_names_find(const struct schema_names *self, struct str text)
{
    if (self->slots != NULL) {
        return *find_slot(self, text) - 1; /* 0 becomes SCHEMA_NAMES_NONE */
    }
    for (uint32_t i = 0; i < self->len; i++) {
        if (same(self->texts[i], text)) {
            return i;
        }
    }
    return SCHEMA_NAMES_NONE;
}

uint32_t schema_names_put(struct schema_names *self, struct str text)
{
    uint32_t number = schema_names_find(self, text);
    if (number != SCHEMA_NAMES_NONE) {
        return number;
    }
    number = self->len++;
    self->texts[number] = text;
    if (self->slots != NULL) {
        *find_slot(self, text) = number + 1;
    }
    return number;
}
