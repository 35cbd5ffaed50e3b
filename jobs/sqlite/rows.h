/*
 * rows.h — arrays that grow: in an arena while rows come in, and on the heap.
 *
 *     struct lite_rows rows = {.arena = &op->arena, .size = sizeof(struct store_event)};
 *     while (lite_step(&call) > 0) {
 *         struct store_event *event = lite_rows_add(&rows);     // zeroed; NULL: out of memory
 *
 *
 *     struct numbers *moved = lite_array_room(items, len, &cap, sizeof *items);
 *     if (!moved) return HUB_ERR_NOMEM;                         // items stay as they are
 *     items = moved; items[len++] = …;                          // free(items) in the end
 *
 * Items move when an array grows: keep no pointers to them before the end.
 */
#ifndef HUB_JOBS_SQLITE_ROWS_H
#define HUB_JOBS_SQLITE_ROWS_H

#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

#define LITE_ARRAY_FIRST 16

struct lite_rows {
    struct arena *arena;
    size_t size; /* of an item */
    void *items;
    unsigned len;
    unsigned cap;
};

static inline void *lite_rows_add(struct lite_rows *self)
{
    if (self->len == self->cap) {
        unsigned cap = self->cap ? self->cap * 2 : LITE_ARRAY_FIRST;
        char *items = arena_alloc(self->arena, cap * self->size);
        if (!items) {
            return NULL;
        }
        if (self->len > 0) {
            memcpy(items, self->items, self->len * self->size);
        }
        self->items = items;
        self->cap = cap;
    }
    return memset((char *)self->items + self->len++ * self->size, 0, self->size);
}

static inline void *lite_array_room(void *items, size_t len, size_t *cap, size_t size)
{
    if (items && len < *cap) {
        return items;
    }
    size_t bigger = *cap ? *cap * 2 : LITE_ARRAY_FIRST;
    void *moved = realloc(items, bigger * size);
    if (moved) {
        *cap = bigger;
    }
    return moved;
}

#endif
