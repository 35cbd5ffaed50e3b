#include "base/arena.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

/* The first block, with its header, is the largest for which malloc() need not tidy up: from 1,024
 * bytes on, with its own few, it joins what was freed before. */
#define FIRST_BLOCK (1000 - sizeof(struct arena_block))
#define LAST_BLOCK  ((size_t)64 * 1024)
#define ALIGNMENT   alignof(max_align_t)

struct arena_block {
    struct arena_block *next;
    size_t cap;
    size_t used;
    alignas(ALIGNMENT) char bytes[];
};

void arena_init(struct arena *self, size_t limit)
{
    *self = (struct arena){.limit = limit};
}

void arena_release(struct arena *self)
{
    struct arena_block *block = self->blocks;

    while (block) {
        struct arena_block *next = block->next;
        free(block);
        block = next;
    }
    arena_init(self, self->limit);
}

/* A block with room for `size` bytes, in front of the others. Blocks grow with the arena, so that
 * a small request costs one small block and a large one few. */
static struct arena_block *add_block(struct arena *self, size_t size)
{
    size_t cap = self->blocks ? self->blocks->cap * 2 : FIRST_BLOCK;

    if (cap > LAST_BLOCK) {
        cap = LAST_BLOCK;
    }
    if (cap < size) {
        cap = size;
    }
    struct arena_block *block = malloc(sizeof *block + cap);
    if (!block) {
        return NULL;
    }
    *block = (struct arena_block){.next = self->blocks, .cap = cap};
    self->blocks = block;
    return block;
}

void *arena_alloc(struct arena *self, size_t size)
{
    if (size > self->limit - self->used) {
        return NULL;
    }
    size_t rounded = (size + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
    if (rounded < size || rounded > self->limit - self->used) {
        return NULL;
    }
    struct arena_block *block = self->blocks;
    if (!block || block->cap - block->used < rounded) {
        block = add_block(self, rounded);
        if (!block) {
            return NULL;
        }
    }
    void *bytes = block->bytes + block->used;
    block->used += rounded;
    self->used += rounded;
    return bytes;
}

void *arena_zalloc(struct arena *self, size_t size)
{
    void *bytes = arena_alloc(self, size);

    return bytes ? memset(bytes, 0, size) : NULL;
}

void *arena_memdup(struct arena *self, const void *bytes, size_t len)
{
    void *copy = arena_alloc(self, len);

    if (copy && len > 0) {
        memcpy(copy, bytes, len);
    }
    return copy;
}

char *arena_strdup(struct arena *self, struct str s)
{
    if (s.len == SIZE_MAX) {
        return NULL;
    }
    char *copy = arena_alloc(self, s.len + 1);
    if (copy) {
        if (s.len > 0) {
            memcpy(copy, s.ptr, s.len);
        }
        copy[s.len] = '\0';
    }
    return copy;
}

struct str arena_str(struct arena *self, struct str s)
{
    char *copy = arena_memdup(self, s.ptr, s.len);

    return str_of(copy, copy ? s.len : 0);
}
