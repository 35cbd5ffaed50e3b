#include "check/heap.h"

#include "check/side.h"
#include "check/tell.h"
#include "check/whose.h"

#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

_Thread_local enum side side_now;

static bool watching;
static uint64_t the_failing;
static _Atomic uint64_t allocations;
static _Atomic int64_t live_blocks;
static _Atomic int64_t live_bytes;

/* The allocator behind ours: a sanitizer's if there is one, else the C library's. */
void *__interceptor_malloc(size_t size) __attribute__((weak));
void *__interceptor_calloc(size_t count, size_t size) __attribute__((weak));
void *__interceptor_realloc(void *old, size_t size) __attribute__((weak));
void *__interceptor_memalign(size_t alignment, size_t size) __attribute__((weak));
void __interceptor_free(void *block) __attribute__((weak));
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *block);

#define BEHIND(name) (__interceptor_##name ? __interceptor_##name : __libc_##name)

void heap_watch(uint64_t number)
{
    watching = true;
    the_failing = number;
}

uint64_t heap_allocations(void)
{
    return atomic_load(&allocations);
}

struct heap_census heap_census(void)
{
    return (struct heap_census){atomic_load(&live_blocks), atomic_load(&live_bytes)};
}

/* The file whose code asked, so that its author knows where to look. */
static void tell_failed(const void *caller)
{
    side_now = SIDE_HOST;
    tell_file("failed_in", whose_code(caller));
    side_now = SIDE_CONNECTOR;
}

static bool is_watched(void)
{
    return watching && side_now == SIDE_CONNECTOR;
}

static bool must_fail(void *caller)
{
    if (!is_watched()) {
        return false;
    }
    if (atomic_fetch_add(&allocations, 1) + 1 != the_failing) {
        return false;
    }
    tell_failed(caller);
    errno = ENOMEM;
    return true;
}

static void *counted(void *block)
{
    if (block && is_watched()) {
        atomic_fetch_add_explicit(&live_blocks, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&live_bytes, (int64_t)malloc_usable_size(block),
                                  memory_order_relaxed);
    }
    return block;
}

static void uncounted(void *block)
{
    if (block && is_watched()) {
        atomic_fetch_sub_explicit(&live_blocks, 1, memory_order_relaxed);
        atomic_fetch_sub_explicit(&live_bytes, (int64_t)malloc_usable_size(block),
                                  memory_order_relaxed);
    }
}

#define CALLER __builtin_return_address(0)

static void *aligned(size_t alignment, size_t size, void *caller)
{
    return must_fail(caller) ? NULL : counted(BEHIND(memalign)(alignment, size));
}

static char *copied(const char *text, size_t len, void *caller)
{
    char *copy = must_fail(caller) ? NULL : counted(BEHIND(malloc)(len + 1));
    if (copy) {
        memcpy(copy, text, len);
        copy[len] = '\0';
    }
    return copy;
}

static void *resized(void *old, size_t size, void *caller)
{
    if (must_fail(caller)) {
        return NULL;
    }
    uncounted(old);
    void *block = BEHIND(realloc)(old, size);
    if (!block && old && size > 0) {
        counted(old); /* it is still there */
    }
    return counted(block);
}

/* Hidden, as everything of ours is by default, they would not replace those of shared libraries. */
#pragma GCC visibility push(default)

void *malloc(size_t size)
{
    return must_fail(CALLER) ? NULL : counted(BEHIND(malloc)(size));
}

void *calloc(size_t count, size_t size)
{
    return must_fail(CALLER) ? NULL : counted(BEHIND(calloc)(count, size));
}

void *realloc(void *old, size_t size)
{
    return resized(old, size, CALLER);
}

void *reallocarray(void *old, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return resized(old, bytes, CALLER);
}

void *memalign(size_t alignment, size_t size)
{
    return aligned(alignment, size, CALLER);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return aligned(alignment, size, CALLER);
}

int posix_memalign(void **ret_block, size_t alignment, size_t size)
{
    void *block = aligned(alignment, size, CALLER);
    if (!block) {
        return ENOMEM;
    }
    *ret_block = block;
    return 0;
}

/* A sanitizer's own would not come by here. */
char *strdup(const char *text)
{
    return copied(text, strlen(text), CALLER);
}

char *strndup(const char *text, size_t max)
{
    return copied(text, strnlen(text, max), CALLER);
}

void free(void *block)
{
    uncounted(block);
    BEHIND(free)(block);
}

#pragma GCC visibility pop
