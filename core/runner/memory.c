/*
 * memory.c — malloc() and its kin as the connector gets them: the C library's own, with a note on
 * the board when they fail.
 *
 * An executable's symbols come before those of the libraries that it loads, so these are what a
 * connector and everything it links call. They cost one call more, and only a failure does
 * anything. Without them a connector that does not look at what malloc() returned dies by SIGSEGV,
 * and one in C++ by SIGABRT, and nobody could say that memory was the reason.
 */
#include "runner/sandbox.h"
#include "runner/witness.h"

#include <stdlib.h>

#if !SANDBOX_SANITIZED /* whose own malloc() must be the only one */

/* glibc exports its allocator under these names as well, for exactly this use. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);

#define INTERPOSED __attribute__((visibility("default"), used))

INTERPOSED void *malloc(size_t size)
{
    void *memory = __libc_malloc(size);
    if (__builtin_expect(!memory, 0)) {
        witness_refused_memory(size);
    }
    return memory;
}

INTERPOSED void *calloc(size_t count, size_t size)
{
    void *memory = __libc_calloc(count, size);
    if (__builtin_expect(!memory, 0)) {
        witness_refused_memory(count > 0 && size > SIZE_MAX / count ? SIZE_MAX : count * size);
    }
    return memory;
}

INTERPOSED void *realloc(void *old, size_t size)
{
    void *memory = __libc_realloc(old, size);
    if (__builtin_expect(!memory && size > 0, 0)) {
        witness_refused_memory(size);
    }
    return memory;
}

#endif
