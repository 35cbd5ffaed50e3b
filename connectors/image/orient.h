/*
 * The eight ways to lay down a picture: quarter turns and mirrors, as exact moves of pixels.
 *
 * A way is "transpose, then mirror": first, if `swap`, columns become rows; then, if `mirror_x`,
 * left becomes right; then, if `mirror_y`, top becomes bottom. Every combination of quarter turns
 * and mirrors is one of the eight.
 */
#ifndef IMAGE_ORIENT_H
#define IMAGE_ORIENT_H

#include <stdbool.h>

#include "geometry.h"
#include "pixmap.h"

struct orient {
    bool swap;
    bool mirror_x;
    bool mirror_y;
};

/* What makes a picture with this EXIF orientation (1 to 8; else as 1) upright. */
struct orient orient_from_exif(int orientation);

/* `turns` quarter turns clockwise, of any sign. */
struct orient orient_from_turns(int turns);

/* First `one`, then `other`. */
struct orient orient_then(struct orient one, struct orient other);

/* Is it one of the four that turn a left hand into a right hand? */
bool orient_is_mirror(struct orient self);

/* Where a rectangle of the oriented picture lies in the original of width × height. */
struct area orient_undo_area(struct orient self, double width, double height, struct area area);

/* Lays the raster down that way. */
int orient_apply(struct orient self, struct pixmap *pixmap, struct fault *fault);

#endif
