/*
 * Turning a picture by any angle. Colours are weighted by their alpha, so corners get no fringe.
 */
#ifndef IMAGE_ROTATE_H
#define IMAGE_ROTATE_H

#include "pixmap.h"

/* Turns the raster clockwise by `degrees` onto a canvas of geometry_turned_size() that is
 * transparent where the picture is not; the raster becomes RGBA. Bilinear. */
int rotate_pixmap(struct pixmap *self, double degrees, struct fault *fault);

#endif
