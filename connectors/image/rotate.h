/*
 * Turning a picture by any angle.
 *
 * Not with gdImageRotateInterpolated(): it mixes colours without regard to their alpha, so corners
 * get a dark fringe.
 */
#ifndef IMAGE_ROTATE_H
#define IMAGE_ROTATE_H

#include "pixmap.h"

/* Turns the raster clockwise by `degrees` onto a canvas of geometry_turned_size() that is
 * transparent where the picture is not; the raster becomes RGBA. Bilinear. */
int rotate_pixmap(struct pixmap *self, double degrees, struct fault *fault);

#endif
