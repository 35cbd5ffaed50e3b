#include "base/map.h"

#include "base/hash.h"

#include <stdlib.h>

#define FIRST_CAP 16

/* Open addressing with linear probing. Removal shifts the entries behind back into the gap, so
 * there are no tombstones and a table that is used for long does not get slow. */

void map_init(struct map *self)
{
    *self = (struct map){0};
    hash_random(self->secret, sizeof self->secret);
}

void map_release(struct map *self)
{
    free(self->slots);
    self->slots = NULL;
    self->cap = 0;
    self->len = 0;
}

static uint32_t hash_of(const struct map *self, struct str key)
{
    return (uint32_t)hash_sip13(self->secret, key);
}

/* The slot that holds `key`, or the free one where it would go. The table is never full. */
static struct map_entry *find(const struct map *self, struct str key, uint32_t hash)
{
    size_t mask = self->cap - 1;

    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        struct map_entry *slot = &self->slots[i];
        if (!slot->key.ptr || (slot->hash == hash && str_eq(slot->key, key))) {
            return slot;
        }
    }
}

static int grow(struct map *self)
{
    struct map bigger = *self;

    bigger.cap = self->cap ? self->cap * 2 : FIRST_CAP;
    bigger.slots = calloc(bigger.cap, sizeof *bigger.slots);
    if (!bigger.slots) {
        return HUB_ERR_NOMEM;
    }
    MAP_FOR_EACH(entry, self) {
        *find(&bigger, entry->key, entry->hash) = *entry;
    }
    free(self->slots);
    *self = bigger;
    return 0;
}

int map_put(struct map *self, struct str key, void *value)
{
    if (self->len + 1 > self->cap / 4 * 3) {
        int err = grow(self);
        if (err < 0) {
            return err;
        }
    }
    uint32_t hash = hash_of(self, key);
    struct map_entry *slot = find(self, key, hash);
    if (!slot->key.ptr) {
        self->len++;
    }
    /* The key too is replaced: the old one's bytes usually go with the old value. */
    *slot = (struct map_entry){.key = key, .hash = hash, .value = value};
    return 0;
}

void *map_get(const struct map *self, struct str key)
{
    return self->len ? find(self, key, hash_of(self, key))->value : NULL;
}

void *map_remove(struct map *self, struct str key)
{
    if (self->len == 0) {
        return NULL;
    }
    struct map_entry *slot = find(self, key, hash_of(self, key));
    if (!slot->key.ptr) {
        return NULL;
    }
    void *value = slot->value;
    size_t mask = self->cap - 1;
    size_t gap = (size_t)(slot - self->slots);
    for (size_t i = (gap + 1) & mask; self->slots[i].key.ptr; i = (i + 1) & mask) {
        /* An entry may move into the gap unless its probing starts behind the gap. */
        size_t home = self->slots[i].hash & mask;
        if (((i - home) & mask) >= ((i - gap) & mask)) {
            self->slots[gap] = self->slots[i];
            gap = i;
        }
    }
    self->slots[gap] = (struct map_entry){0};
    self->len--;
    return value;
}

struct map_entry *map_next(const struct map *self, const struct map_entry *after)
{
    size_t i = after ? (size_t)(after - self->slots) + 1 : 0;

    while (i < self->cap && !self->slots[i].key.ptr) {
        i++;
    }
    return i < self->cap ? &self->slots[i] : NULL;
}
