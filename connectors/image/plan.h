/*
 * What is to be done to make one output out of an input whose header is known.
 *
 * The order that users see: auto-orient, extract, rotate, flip and flop, resize, background. The
 * order in which it is done: the part that is needed is resampled as the rows come in, and only the
 * small result is turned. The two agree because a plan says everything in the coordinates of the
 * stored picture.
 */
#ifndef IMAGE_PLAN_H
#define IMAGE_PLAN_H

#include "options.h"
#include "orient.h"
#include "resample.h"

struct plan {
    const struct codec *codec;
    struct area bounds;     /* pixels of the stored picture that may be looked at */
    struct area window;     /* the part of them that is seen */
    uint32_t width, height; /* size of the resampled window, before it is oriented */
    struct orient orient;
    double turn;           /* then this many degrees clockwise, between -45 and 45 */
    struct geometry after; /* and, if turned, this from the turned picture */
    uint32_t canvas_width, canvas_height;
    uint32_t left, top;
    enum kernel_kind kernel;
    struct colour background;
    bool opaque;      /* lay the result on the background */
    double reduction; /* how many times smaller it gets at least, in both directions */
};

/* Makes the plan for the head of `options`. `codec` is the output's, or NULL if the picture stays
 * in memory. FAULT_INVALID if the extract lies outside the picture, FAULT_TOO_LARGE if the result
 * would be. */
int plan_make(struct plan *self, const struct output_options *options, const struct codec *codec,
              const struct image_header *header, struct fault *fault);

/* May a picture have this size? FAULT_TOO_LARGE. */
int plan_check_size(double width, double height, struct fault *fault);

/* The resampler's orders for a decoder that delivers this raster. */
struct resample_spec plan_spec(const struct plan *self, const struct raster *raster);

/* All of the head that follows the resampler: orients, turns, extends, flattens. */
int plan_finish(const struct plan *self, struct pixmap *pixmap, struct fault *fault);

#endif
