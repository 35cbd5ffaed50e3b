/*
 * heap.h — a binary min-heap of pointers whose elements know their place.
 *
 * An element embeds a `struct heap_node`; so removing one from the middle costs O(log n). The
 * order is a function given to heap_init(): "a comes before b".
 *
 * Owner: the caller owns the elements, the heap owns its array of pointers.
 * Thread: [any], one at a time.
 */
#ifndef HUB_BASE_HEAP_H
#define HUB_BASE_HEAP_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

#define HEAP_NOT_IN UINT32_MAX

struct heap_node {
    uint32_t index; /* HEAP_NOT_IN when in no heap */
};

typedef bool heap_before_fn(const struct heap_node *a, const struct heap_node *b);

struct heap {
    struct heap_node **nodes;
    uint32_t len;
    uint32_t cap;
    heap_before_fn *before;
};

void heap_init(struct heap *self, heap_before_fn *before);
void heap_release(struct heap *self);
void heap_node_init(struct heap_node *node);

static inline bool heap_contains(const struct heap_node *node)
{
    return node->index != HEAP_NOT_IN;
}

/* Room for `len` elements in all, so that pushing up to there cannot fail. 0 or HUB_ERR_NOMEM. */
HUB_MUST_CHECK int heap_reserve(struct heap *self, uint32_t len);
HUB_MUST_CHECK int heap_push(struct heap *self, struct heap_node *node); /* 0 or HUB_ERR_NOMEM */
struct heap_node *heap_first(const struct heap *self);                   /* or NULL */
struct heap_node *heap_pop(struct heap *self);                           /* or NULL */
void heap_remove(struct heap *self, struct heap_node *node); /* not in it: does nothing */
void heap_update(struct heap *self, struct heap_node *node); /* after its key changed */

#endif
