#include "base/heap.h"

#include <stdlib.h>

#define FIRST_CAP 16

void heap_init(struct heap *self, heap_before_fn *before)
{
    *self = (struct heap){.before = before};
}

void heap_release(struct heap *self)
{
    for (uint32_t i = 0; i < self->len; i++) {
        heap_node_init(self->nodes[i]);
    }
    free(self->nodes);
    heap_init(self, self->before);
}

void heap_node_init(struct heap_node *node)
{
    node->index = HEAP_NOT_IN;
}

static void place(struct heap *self, struct heap_node *node, uint32_t index)
{
    self->nodes[index] = node;
    node->index = index;
}

static void sift_up(struct heap *self, struct heap_node *node, uint32_t index)
{
    while (index > 0) {
        uint32_t parent = (index - 1) / 2;
        if (!self->before(node, self->nodes[parent])) {
            break;
        }
        place(self, self->nodes[parent], index);
        index = parent;
    }
    place(self, node, index);
}

static void sift_down(struct heap *self, struct heap_node *node, uint32_t index)
{
    for (;;) {
        uint64_t child = 2 * (uint64_t)index + 1;
        if (child >= self->len) {
            break;
        }
        if (child + 1 < self->len && self->before(self->nodes[child + 1], self->nodes[child])) {
            child++;
        }
        if (!self->before(self->nodes[child], node)) {
            break;
        }
        place(self, self->nodes[child], index);
        index = (uint32_t)child;
    }
    place(self, node, index);
}

/* Puts `node` where it belongs, starting from the free or wrong place `index`. */
static void settle(struct heap *self, struct heap_node *node, uint32_t index)
{
    if (index > 0 && self->before(node, self->nodes[(index - 1) / 2])) {
        sift_up(self, node, index);
    } else {
        sift_down(self, node, index);
    }
}

int heap_reserve(struct heap *self, uint32_t len)
{
    uint32_t cap = self->cap ? self->cap : FIRST_CAP;

    if (len <= self->cap) {
        return 0;
    }
    while (cap < len) {
        /* The largest index is kept free: it means "in no heap". */
        if (cap > UINT32_MAX / 2) {
            return HUB_ERR_NOMEM;
        }
        cap *= 2;
    }
    struct heap_node **nodes = reallocarray(self->nodes, cap, sizeof(struct heap_node *));
    if (!nodes) {
        return HUB_ERR_NOMEM;
    }
    self->nodes = nodes;
    self->cap = cap;
    return 0;
}

int heap_push(struct heap *self, struct heap_node *node)
{
    /* `len` + 1 cannot wrap: a capacity is a power of two below 2^32. */
    int err = heap_reserve(self, self->len + 1);
    if (err < 0) {
        return err;
    }
    sift_up(self, node, self->len++);
    return 0;
}

struct heap_node *heap_first(const struct heap *self)
{
    return self->len ? self->nodes[0] : NULL;
}

struct heap_node *heap_pop(struct heap *self)
{
    struct heap_node *first = heap_first(self);

    if (first) {
        heap_remove(self, first);
    }
    return first;
}

void heap_remove(struct heap *self, struct heap_node *node)
{
    if (!heap_contains(node)) {
        return;
    }
    uint32_t hole = node->index;
    struct heap_node *last = self->nodes[--self->len];
    if (last != node) {
        settle(self, last, hole);
    }
    heap_node_init(node);
}

void heap_update(struct heap *self, struct heap_node *node)
{
    if (heap_contains(node)) {
        settle(self, node, node->index);
    }
}
