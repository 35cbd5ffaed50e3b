/*
 * heap.h — malloc() and its kin, counted, and made to fail once.
 *
 * hub-check replaces the C library's allocator functions for the whole process, also for the
 * connector and its libraries, and passes them on to the ones behind (the C library's, or a
 * sanitizer's).
 *
 * Thread: [any].
 */
#ifndef HUB_CHECK_HEAP_H
#define HUB_CHECK_HEAP_H

#include <stdint.h>

/* From now on the connector's allocations are counted, and the `number`th (from 1) fails; 0: none
 * does. Before any other thread is there. */
void heap_watch(uint64_t number);

uint64_t heap_allocations(void); /* by the connector since heap_watch() */

/* What the connector has allocated and not freed since heap_watch(). */
struct heap_census {
    int64_t blocks;
    int64_t bytes;
};
struct heap_census heap_census(void);

#endif
