/*
 * The structure of a GIF file (GIF89a specification), and whether its first picture is whole, which
 * libgd does not say.
 */
#ifndef IMAGE_GIF_H
#define IMAGE_GIF_H

#include <stdbool.h>
#include <stdint.h>

#include "source.h"

struct gif_frame {
    uint32_t left, top, width, height;
    size_t data;      /* where the LZW data begins: code size, then sub-blocks */
    bool transparent; /* has a transparent colour */
    bool interlaced;
};

struct gif_outline {
    uint32_t width, height;
    uint32_t frames;
    struct gif_frame first;
};

/* Walks the file. False if it is no GIF, has no picture or ends in the midst of something. */
bool gif_outline_read(struct gif_outline *self, const struct source *source);

/* Does the LZW data of this frame make all of its pixels? */
bool gif_frame_whole(const struct gif_frame *self, const struct source *source);

#endif
