/*
 * arena.h — memory that is freed all at once.
 *
 * One arena per request and per attempt: everything that lives as long as it does is taken from
 * it, nothing is freed singly, and arena_release() ends all of it.
 *
 *     struct arena a;
 *     arena_init(&a, 1 << 20);                    // at most 1 MiB
 *     char *name = arena_strdup(&a, view);        // NULL when the limit or the memory ends
 *     arena_release(&a);
 *
 * Owner: the caller. Thread: [any], one at a time.
 */
#ifndef HUB_BASE_ARENA_H
#define HUB_BASE_ARENA_H

#include "base/str.h"

struct arena_block;

struct arena {
    struct arena_block *blocks;
    size_t used;  /* bytes handed out, including alignment */
    size_t limit; /* bytes that may be handed out */
};

void arena_init(struct arena *self, size_t limit); /* allocates nothing */
void arena_release(struct arena *self);            /* then as after arena_init() */

/* Aligned for any type. arena_alloc() leaves the bytes as they are, arena_zalloc() clears them.
 * NULL if out of memory or over the limit. */
void *arena_alloc(struct arena *self, size_t size);
void *arena_zalloc(struct arena *self, size_t size);
void *arena_memdup(struct arena *self, const void *bytes, size_t len);
char *arena_strdup(struct arena *self, struct str s);   /* NUL-terminated */
struct str arena_str(struct arena *self, struct str s); /* a copy; ptr is NULL on failure */

#endif
