/*
 * What the tests of image.so say over and over: run this, expect that.
 *
 * A test program has expect_set_up() and expect_tear_down() as its group's fixtures, and the macro
 * IMAGE_SO names the connector.
 */
#ifndef TESTS_UNIT_IMAGE_EXPECT_H
#define TESTS_UNIT_IMAGE_EXPECT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "host.h"
#include "magick.h"

extern struct test_host host;
extern struct bytes photograph; /* 1280 × 800, JPEG */

/* The working folder of a test program is one of its own, so that two may run side by side. What a
 * test puts there it removes: expect_tear_down() fails if anything is left. */
int expect_set_up(void **state);
int expect_tear_down(void **state);

/* Has HUB_TEST_LONG been set? Then every repetition of an idea is made, not a sample of them. */
bool expect_long(void);

/* One attempt, completed once, with whatever outcome. */
void expect_run(const char *operation, const char *input, struct bytes file);

/* image.transform succeeds with so many artifacts. */
void expect_success(const char *input, struct bytes file, size_t artifacts);

/* It fails with this code, and says why. */
void expect_failure(const char *operation, const char *input, struct bytes file, const char *code);

/* The result has this text in it. */
void expect_result(const char *text);

/* RGBA samples of an artifact, as libspng or ImageMagick reads it. */
struct bytes artifact_pixels(size_t index);

/* Makes what is transparent black: its colour says nothing. */
void blacken(struct bytes pixels);

/* A copy of an artifact, which the next run would take away. */
struct bytes artifact_bytes(size_t index);

/* What artifact `index` looks like, against what ImageMagick makes of the file, in dB. */
void expect_like(size_t index, struct bytes file, const char *arguments, double least);

/* The same against the next raster of magick_each(), which stands at `at`; `way` names it. */
void expect_like_next(size_t index, struct bytes theirs, size_t *at, const char *way, double least);

#endif
