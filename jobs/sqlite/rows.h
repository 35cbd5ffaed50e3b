/*
 * rows.h — an array in an arena that grows while rows come in.
 *
 *     struct lite_rows rows = {.arena = &op->arena, .size = sizeof(struct store_event)};
 *     while (lite_step(&call) > 0) {
 *         struct store_event *event = lite_rows_add(&rows);     // zeroed; NULL: out of memory
 *
 * Items move when the array grows: keep no pointers to them before the end.
 */
#ifndef HUB_JOBS_SQLITE_ROWS_H
#define HUB_JOBS_SQLITE_ROWS_H

#include "base/arena.h"

#include <string.h>

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
        unsigned cap = self->cap ? self->cap * 2 : 16;
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

#endif
