/*
 * Which part of a picture people look at: for cuts that nobody has placed.
 *
 * Attention looks for skin, strong colours and edges; entropy for the part with most detail. Both
 * judge a copy of at most 128 pixels a side.
 */
#ifndef IMAGE_SMART_H
#define IMAGE_SMART_H

#include "step.h"

/* Where to cut width × height, which fit in the picture. */
int smart_find(const struct pixmap *pixmap, enum smart smart, uint32_t width, uint32_t height,
               uint32_t *ret_left, uint32_t *ret_top, struct fault *fault);

#endif
