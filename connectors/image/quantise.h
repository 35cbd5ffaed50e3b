/*
 * From millions of colours to a palette, for GIF and small PNGs: median cut by variance, settled by
 * k-means, mapped with error diffusion (Floyd and Steinberg).
 */
#ifndef IMAGE_QUANTISE_H
#define IMAGE_QUANTISE_H

#include "pixmap.h"

struct palette {
    struct colour colours[256];
    uint32_t count;
    bool exact; /* the picture had no more */
};

struct quantise_options {
    uint32_t colours; /* 2 to 256 */
    double dither;    /* 0 to 1: how much of each error is handed on */
    bool binary;      /* a pixel is opaque or not there at all; one entry is kept for the latter */
};

/* Makes the palette and an index for each pixel (malloc()ed). Entries that are not opaque come
 * first. */
int quantise(const struct pixmap *pixmap, const struct quantise_options *options,
             struct palette *ret_palette, uint8_t **ret_indices, struct fault *fault);

#endif
