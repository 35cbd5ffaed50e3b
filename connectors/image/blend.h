/*
 * Laying one picture on another: the operators of Porter and Duff, and the blend modes of the W3C's
 * "Compositing and Blending Level 1", under the names that sharp gives them.
 */
#ifndef IMAGE_BLEND_H
#define IMAGE_BLEND_H

#include "pixmap.h"

/* The mode called this: its row, of which 0 is "over". FAULT_INVALID. */
int blend_find(const char *name, int *ret_mode, struct fault *fault);

/* May the mode make an opaque base transparent? Then it needs alpha first. */
bool blend_needs_alpha(int mode);

/* Lays `over` (RGBA, each alpha times `opacity`, 0 to 1) on `base` with its upper left corner at
 * (left, top), which may lie outside. */
void blend(struct pixmap *base, const struct pixmap *over, int64_t left, int64_t top,
           double opacity, int mode);

/* Clears what `base` has outside the rectangle, if that is what the mode does. */
void blend_outside(struct pixmap *base, int64_t left, int64_t top, int64_t width, int64_t height,
                   int mode);

#endif
