/*
 * map.h — a hash table from bytes to a pointer, safe against chosen keys.
 *
 * Keys are hashed with SipHash-1-3 under a random key per table, so that a client cannot make them
 * collide. The table stores the view it is given, not a copy: the key's bytes must live as long
 * as the entry does (they usually live in the value).
 *
 *     struct map m;   map_init(&m);
 *     if (map_put(&m, job->id_view, job) < 0) …
 *     struct job *job = map_get(&m, id);
 *     map_remove(&m, id);
 *     MAP_FOR_EACH(e, &m) { struct job *job = e->value; … }      // no put or remove inside
 *
 * Owner: the caller owns keys and values. Thread: [any], one at a time.
 */
#ifndef HUB_BASE_MAP_H
#define HUB_BASE_MAP_H

#include "base/error.h"
#include "base/str.h"

struct map_entry {
    struct str key; /* ptr is NULL in a free slot */
    uint32_t hash;
    void *value;
};

struct map {
    struct map_entry *slots;
    size_t cap; /* 0 or a power of two */
    size_t len;
    uint64_t secret[2];
};

#define MAP_FOR_EACH(e, map)                                                                       \
    for (struct map_entry *e = map_next((map), NULL); e != NULL; e = map_next((map), e))

void map_init(struct map *self); /* allocates nothing */
void map_release(struct map *self);

/* Adds or replaces. 0 or HUB_ERR_NOMEM. `value` must not be NULL, `key.ptr` neither. */
HUB_MUST_CHECK int map_put(struct map *self, struct str key, void *value);
void *map_get(const struct map *self, struct str key); /* NULL if absent */
void *map_remove(struct map *self, struct str key);    /* the value that was there, or NULL */
struct map_entry *map_next(const struct map *self, const struct map_entry *after);

#endif
