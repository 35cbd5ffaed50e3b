/*
 * unit.h — what every unit test of core/base includes: cmocka with its prerequisites, and views
 * as C strings' equals.
 */
#ifndef TESTS_UNIT_BASE_UNIT_H
#define TESTS_UNIT_BASE_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* Fails at the caller's line, with both texts. */
#define assert_str_equal(actual, expected)                                                         \
    do {                                                                                           \
        struct str actual_ = (actual), expected_ = (expected);                                     \
        if (!str_eq(actual_, expected_)) {                                                         \
            fail_msg("is \"%.*s\", expected \"%.*s\"", STR_ARG(actual_), STR_ARG(expected_));      \
        }                                                                                          \
    } while (0)

#endif
