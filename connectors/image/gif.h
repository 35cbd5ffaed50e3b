/*
 * Reading GIF files (GIF89a specification), strictly: a picture whose data ends early is an error,
 * which libgd passes over.
 *
 *     gif_reader_init(&reader, &source) …
 *     while (gif_reader_next(&reader, &frame))
 *         gif_frame_read(&frame, &source, indices);
 */
#ifndef IMAGE_GIF_H
#define IMAGE_GIF_H

#include <stdbool.h>
#include <stdint.h>

#include "source.h"

enum gif_disposal { GIF_KEEP = 1, GIF_CLEAR = 2, GIF_RESTORE = 3 };

struct gif_frame {
    uint32_t left, top, width, height;
    size_t data;            /* where the LZW data begins: code size, then sub-blocks */
    const uint8_t *colours; /* of three bytes; borrowed from the source */
    uint32_t colour_count;
    uint32_t delay_ms;
    uint32_t disposal; /* what becomes of it before the next */
    int transparent;   /* index of the transparent colour, or -1 */
    bool interlaced;
};

struct gif_reader {
    const struct source *source;
    size_t at;
    uint32_t width, height; /* of the screen */
    const uint8_t *colours; /* for frames without their own */
    uint32_t colour_count;
    uint32_t loop; /* how often it is shown; 0: for ever; 1 unless the file says so */
    bool cut;      /* the file ended in the midst of something */
};

/* False if this is no GIF. */
bool gif_reader_init(struct gif_reader *self, const struct source *source);

/* The next picture; false at the end, when `cut` tells whether it was a good one. */
bool gif_reader_next(struct gif_reader *self, struct gif_frame *ret_frame);

/* Decodes the picture: width × height indices, rows top down. False if there are fewer. */
bool gif_frame_read(const struct gif_frame *self, const struct source *source, uint8_t *indices);

#endif
