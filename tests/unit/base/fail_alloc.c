#include "fail_alloc.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local bool counting;
static _Thread_local bool failed;
static _Thread_local size_t good_left;
static _Thread_local long live;

void fail_alloc_start(size_t good)
{
    good_left = good;
    failed = false;
    live = 0;
    counting = true;
}

struct fail_alloc_report fail_alloc_stop(void)
{
    counting = false;
    return (struct fail_alloc_report){failed, live};
}

/* The allocator behind ours: a sanitizer's if there is one, else the C library's. */
void *__interceptor_malloc(size_t size) __attribute__((weak));
void *__interceptor_realloc(void *old, size_t size) __attribute__((weak));
void __interceptor_free(void *block) __attribute__((weak));
void *__libc_malloc(size_t size);
void *__libc_realloc(void *old, size_t size);
void __libc_free(void *block);

static bool must_fail(void)
{
    if (!counting || failed || good_left-- > 0) {
        return false;
    }
    failed = true;
    errno = ENOMEM;
    return true;
}

static void *counted(void *block)
{
    live += counting && block;
    return block;
}

/* Not malloc() itself, which the compiler knows: it would turn calloc() below into a call of
 * calloc(). */
static void *allocate(size_t size)
{
    if (must_fail()) {
        return NULL;
    }
    return counted((__interceptor_malloc ? __interceptor_malloc : __libc_malloc)(size));
}

/* Hidden, as everything of ours is by default, they would not replace those of shared libraries. */
#pragma GCC visibility push(default)

void *malloc(size_t size)
{
    return allocate(size);
}

void *calloc(size_t count, size_t size)
{
    void *block = NULL;

    if (size == 0 || count <= SIZE_MAX / size) {
        block = allocate(count * size);
    }
    return block ? memset(block, 0, count * size) : NULL;
}

void *realloc(void *old, size_t size)
{
    if (must_fail()) {
        return NULL;
    }
    void *block = (__interceptor_realloc ? __interceptor_realloc : __libc_realloc)(old, size);
    return old ? block : counted(block);
}

void *reallocarray(void *old, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(old, count * size);
}

char *strdup(const char *text)
{
    size_t room = strlen(text) + 1;
    char *copy = allocate(room);

    return copy ? memcpy(copy, text, room) : NULL;
}

void free(void *block)
{
    live -= counting && block;
    (__interceptor_free ? __interceptor_free : __libc_free)(block);
}

#pragma GCC visibility pop
