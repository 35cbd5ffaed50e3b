/*
 * One result of a job: from the small picture, or the frames, to an artifact.
 *
 *     output_choose(&output, &options, &input, animated, &fault);      which format
 *     for each frame: output_picture(&output, &pixmap, delay, &fault);
 *     output_close(&output, &fault);                                   the artifact is written
 *     output_describe(&output, &json);
 *     output_release(&output);
 */
#ifndef IMAGE_OUTPUT_H
#define IMAGE_OUTPUT_H

#include "base/buf.h"

#include "input.h"
#include "plan.h"

struct output {
    const struct output_options *options;
    const struct input_file *input; /* its host and job; of a montage: {0} but for those */
    const struct codec *codec;
    struct plan plan;
    struct resampler *resampler; /* while rows come in */
    struct animator *animator;   /* while frames come in */
    struct encode_options encode;
    bool animated;
    char name[IMAGE_MAX_NAME_BYTES + 32];
    uint32_t width, height, frames;
    int quality; /* that it was written with; 0: the format has none */
    uint64_t bytes;
};

/* Settles the format, and what of the input's metadata goes along. */
int output_choose(struct output *self, const struct output_options *options,
                  const struct input_file *input, bool animated, struct fault *fault);

/* Gives it the name asked for, or STEM.EXT or, if `index` is not 0, STEM-INDEX.EXT. */
void output_name(struct output *self, hub_str input_name, uint32_t index);

/* Takes the picture from the resampler that has all its rows, finishes it (orients it, does the
 * steps) and encodes it. A still: once. */
int output_finish(struct output *self, uint32_t delay_ms, struct fault *fault);

/* The same for a picture that is not resampled yet. */
int output_picture(struct output *self, const struct pixmap *canvas, uint32_t delay_ms,
                   struct fault *fault);

/* Ends an animation. */
int output_close(struct output *self, struct fault *fault);

/* The facts, as members of a JSON object. */
void output_describe(const struct output *self, struct buf *json);

void output_release(struct output *self);

/* Completes the job with an object whose text was built in `json`; FAULT_MEMORY if it was not. */
int output_succeed(const hub_host *host, hub_job *job, struct buf *json, struct fault *fault);

#endif
