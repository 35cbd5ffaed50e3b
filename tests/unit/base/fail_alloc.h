/*
 * fail_alloc.h — lets every allocation of a piece of code fail once, in turn.
 *
 * Linking fail_alloc.c replaces malloc, calloc, realloc, reallocarray, strdup and free for the
 * whole program, shared libraries included.
 *
 *     for (size_t n = 0;; n++) {
 *         fail_alloc_start(n);                     // the allocation after n good ones fails
 *         int err = code_under_test();
 *         struct fail_alloc_report r = fail_alloc_stop();
 *         assert_int_equal(r.live, 0);             // nothing is left
 *         if (!r.failed) { assert_int_equal(err, 0); break; }
 *         assert_int_equal(err, HUB_ERR_NOMEM);
 *     }
 *
 * Counts what the calling thread does between start and stop.
 */
#ifndef TESTS_UNIT_BASE_FAIL_ALLOC_H
#define TESTS_UNIT_BASE_FAIL_ALLOC_H

#include <stdbool.h>
#include <stddef.h>

struct fail_alloc_report {
    bool failed; /* the allocation was reached */
    long live;   /* blocks allocated but not freed */
};

void fail_alloc_start(size_t good);
struct fail_alloc_report fail_alloc_stop(void);

#endif
