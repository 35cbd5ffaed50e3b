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
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "host.h"
#include "magick.h"

extern struct test_host host;
extern struct bytes photograph; /* 1280 × 800, JPEG */

int expect_set_up(void **state);
int expect_tear_down(void **state);

/* One attempt, completed once, with whatever outcome. */
void expect_run(const char *operation, const char *input, struct bytes file);

/* image.transform succeeds with so many artifacts. */
void expect_success(const char *input, struct bytes file, size_t artifacts);

/* It fails with this code, and says why. */
void expect_failure(const char *operation, const char *input, struct bytes file, const char *code);

/* The result has this text in it. */
void expect_result(const char *text);

/* RGBA samples of an artifact, as ImageMagick reads it. */
struct bytes artifact_pixels(size_t index);

/* A copy of an artifact, which the next run would take away. */
struct bytes artifact_bytes(size_t index);

/* What artifact `index` looks like, against what ImageMagick makes of the file, in dB. */
void expect_like(size_t index, struct bytes file, const char *arguments, double least);

#endif
