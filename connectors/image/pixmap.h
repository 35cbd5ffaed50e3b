/*
 * A raster of 8-bit samples in memory: RGB (3 channels) or RGBA (4, alpha not premultiplied), rows
 * top down, without padding between them.
 */
#ifndef IMAGE_PIXMAP_H
#define IMAGE_PIXMAP_H

#include <stddef.h>
#include <stdint.h>

#include "fault.h"

struct pixmap {
    uint8_t *data; /* owned */
    uint32_t width;
    uint32_t height;
    uint32_t channels;
};

struct colour {
    uint8_t red, green, blue, alpha;
};

/* Takes memory for the raster, not cleared. On failure *self is empty. */
int pixmap_init(struct pixmap *self, uint32_t width, uint32_t height, uint32_t channels,
                struct fault *fault);

/* Frees the samples. An empty pixmap ({0}) is fine. */
void pixmap_release(struct pixmap *self);

static inline size_t pixmap_stride(const struct pixmap *self)
{
    return (size_t)self->width * self->channels;
}

static inline uint8_t *pixmap_row(const struct pixmap *self, uint32_t y)
{
    return self->data + (size_t)y * pixmap_stride(self);
}

/* Lays an RGBA raster on an opaque background and makes it RGB. RGB stays as it is. */
void pixmap_flatten(struct pixmap *self, struct colour background);

/* Puts the raster on a larger canvas of this colour, at (left, top). It becomes RGBA if the colour
 * is not opaque. The raster must fit. */
int pixmap_extend(struct pixmap *self, uint32_t width, uint32_t height, uint32_t left, uint32_t top,
                  struct colour background, struct fault *fault);

/* Makes an RGB raster RGBA, opaque. RGBA stays as it is. */
int pixmap_add_alpha(struct pixmap *self, struct fault *fault);

#endif
