/*
 * A file that a job brought along, opened: what it is, what its colours mean, and its pixels.
 *
 *     if (input_open(&input, host, job, "/image", &fault) == 0 &&
 *         input_read(&input, &options, &pixmap, &fault) == 0)
 *         …
 *     input_close(&input);
 *
 * Decoding is bounded in processor time (IMAGE_MAX_DECODE_MS) and stops when the job is cancelled;
 * input_check() is what asks, every few rows.
 */
#ifndef IMAGE_INPUT_H
#define IMAGE_INPUT_H

#include <hub/connector.h>

#include "codec.h"
#include "options.h"

struct input_file {
    const hub_host *host;
    hub_job *job;
    const hub_file *file;
    struct source source;
    const struct codec *codec;
    struct image_header header;
    struct colours *colours; /* NULL: sRGB already */
    int64_t stop_at;         /* thread's processor time, ns */
};

/* Finds, maps and sniffs the file at this JSON Pointer, reads its header and its colour profile; of
 * a file of several pictures those of picture `page`. */
int input_open(struct input_file *self, const hub_host *host, hub_job *job, const char *pointer,
               uint32_t page, struct fault *fault);

/* An input without a file, for results that are put together: a picture of this size, as if it came
 * from a PNG. */
void input_pretend(struct input_file *self, const hub_host *host, hub_job *job, uint32_t width,
                   uint32_t height);

/* {0} is fine. */
void input_close(struct input_file *self);

/* 0; or FAULT_CANCELLED or FAULT_TOO_LARGE when it is time to stop. [work] */
int input_check(const struct input_file *self, struct fault *fault);

/* Decodes it (the first frame) with the head of `options`: upright, resized, in sRGB, 8 bits. */
int input_read(const struct input_file *self, const struct output_options *options,
               struct pixmap *ret_pixmap, struct fault *fault);

#endif
