/*
 * What a picture looks like in a few bytes: for placeholders, and for finding it again.
 */
#ifndef IMAGE_LOOK_H
#define IMAGE_LOOK_H

#include "pixmap.h"

enum { LOOK_SIDE = 64, BLURHASH_CHARACTERS = 28 };

/* The mean of the most frequent of 4096 colours. `small` is an RGB raster. */
struct colour look_dominant(const struct pixmap *small);

/* BlurHash (woltapp/blurhash, "Algorithm.md") of 4 × 3 components. `small` is an RGB raster. */
void look_blurhash(const struct pixmap *small, char ret_hash[BLURHASH_CHARACTERS + 1]);

/* 64 bits that stay nearly the same when the picture is resized, recompressed or made a little
 * lighter: the signs of the low frequencies of its lightness. The number of bits in which two
 * hashes differ tells how alike two pictures are; below 10 they are nearly always one. */
int look_hash(const struct pixmap *small, uint64_t *ret_hash, struct fault *fault);

#endif
