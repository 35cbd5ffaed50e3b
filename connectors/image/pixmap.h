/*
 * A raster in memory: RGB (3 channels) or RGBA (4, alpha not premultiplied), rows top down, without
 * padding between them. Samples have 8 bits; or 16, in the machine's byte order, in the few places
 * that can deal with them, which say so.
 */
#ifndef IMAGE_PIXMAP_H
#define IMAGE_PIXMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"

struct pixmap {
    uint8_t *data; /* owned */
    uint32_t width;
    uint32_t height;
    uint32_t channels;
    uint32_t depth; /* 16, or else 8 */
};

struct colour {
    uint8_t red, green, blue, alpha;
};

/* Memory for samples, to be freed with free(). Large pieces lie on large pages, where the kernel
 * has any: touching 16 MiB for the first time costs as much as converting them otherwise. */
void *samples_alloc(size_t size);

/* Takes memory for the raster, not cleared. On failure *self is empty. */
int pixmap_init(struct pixmap *self, uint32_t width, uint32_t height, uint32_t channels,
                struct fault *fault);

/* The same with 8 or 16 bits a sample. */
int pixmap_init_depth(struct pixmap *self, uint32_t width, uint32_t height, uint32_t channels,
                      uint32_t depth, struct fault *fault);

int pixmap_copy(struct pixmap *self, const struct pixmap *from, struct fault *fault);

/* Frees the samples. An empty pixmap ({0}) is fine. */
void pixmap_release(struct pixmap *self);

/* Bytes of a pixel; bytes of a row. */
static inline size_t pixmap_pixel(const struct pixmap *self)
{
    return self->depth == 16 ? (size_t)self->channels * 2 : self->channels;
}

static inline size_t pixmap_stride(const struct pixmap *self)
{
    return self->width * pixmap_pixel(self);
}

static inline uint8_t *pixmap_row(const struct pixmap *self, uint32_t y)
{
    return self->data + (size_t)y * pixmap_stride(self);
}

static inline uint8_t *pixmap_at(const struct pixmap *self, uint32_t x, uint32_t y)
{
    return pixmap_row(self, y) + x * pixmap_pixel(self);
}

static inline size_t pixmap_count(const struct pixmap *self)
{
    return (size_t)self->width * self->height;
}

/* Makes 8 bits of 16. */
void pixmap_shallow(struct pixmap *self);

/* Paints all of it. */
void pixmap_fill(struct pixmap *self, struct colour colour);

/* Copies `from`, of the same kind, to (left, top), where it must fit. */
void pixmap_put(struct pixmap *self, const struct pixmap *from, uint32_t left, uint32_t top);

/* Keeps this part. It must lie inside. */
int pixmap_crop(struct pixmap *self, uint32_t left, uint32_t top, uint32_t width, uint32_t height,
                struct fault *fault);

/* Is there a pixel that is not opaque? */
bool pixmap_transparent(const struct pixmap *self);

/* Lays an RGBA raster on an opaque background and makes it RGB. RGB stays as it is. 8 or 16 bits.
 */
void pixmap_flatten(struct pixmap *self, struct colour background);

/* Puts the raster on a larger canvas of this colour, at (left, top). It becomes RGBA if the colour
 * is not opaque. The raster must fit. 8 or 16 bits. */
int pixmap_extend(struct pixmap *self, uint32_t width, uint32_t height, uint32_t left, uint32_t top,
                  struct colour background, struct fault *fault);

/* Makes an RGB raster RGBA, opaque. RGBA stays as it is. 8 or 16 bits. */
int pixmap_add_alpha(struct pixmap *self, struct fault *fault);

#endif
