/*
 * A separable resampler, Lanczos3 unless told, that is fed row by row and holds only the rows it
 * still needs.
 *
 *     resampler_new(&self, &spec, &fault);
 *     for each row of the source, top down:
 *         resampler_row(self, row, y);
 *     resampler_finish(self, &pixmap);   // the picture is the caller's now
 *     resampler_free(self);
 *
 * Sample positions are pixel centres: the picture does not shift. Colours are weighted by their
 * alpha, so what is transparent does not bleed. The kernel is cut off at the border of `bounds` and
 * weighted anew, so pixels outside have no influence. Very large reductions (8 and up) first
 * average whole pixels down to a reduction of 4 to 8, which cannot be told from the full kernel
 * and keeps time and memory flat.
 *
 * Memory: about 50 rows of `bounds` with 2 bytes a sample, besides the picture it makes.
 */
#ifndef IMAGE_RESAMPLE_H
#define IMAGE_RESAMPLE_H

#include "geometry.h"
#include "kernel.h"
#include "pixmap.h"

struct resample_spec {
    uint32_t channels; /* 3 or 4 */
    /* The pixels of the source that may be looked at. */
    uint32_t left, top, width, height;
    /* The part of the source that becomes the picture; lies within the bounds. */
    struct area window;
    /* Size of the picture. */
    uint32_t out_width, out_height;
    enum kernel_kind kernel;
    double sigma;   /* of KERNEL_GAUSSIAN, in pixels of the source */
    uint32_t depth; /* of the rows and of the picture: 16, or else 8 */
};

struct resampler;

int resampler_new(struct resampler **ret_self, const struct resample_spec *spec,
                  struct fault *fault);

/* Row `y` of the source, whole, beginning with its column 0. Rows outside the bounds are ignored;
 * the others must come in order, each once. */
void resampler_row(struct resampler *self, const uint8_t *row, uint32_t y);

/* Hands over the picture. All rows of the bounds must have been given. */
void resampler_finish(struct resampler *self, struct pixmap *ret_pixmap);

void resampler_free(struct resampler *self);

/* The same for a raster in memory. */
int resample_pixmap(const struct pixmap *from, struct area window, uint32_t out_width,
                    uint32_t out_height, enum kernel_kind kernel, struct pixmap *ret_pixmap,
                    struct fault *fault);

/* Blurs a raster in memory, `sigma` being the standard deviation in pixels. */
int resample_blur(const struct pixmap *from, double sigma, struct pixmap *ret_pixmap,
                  struct fault *fault);

#endif
