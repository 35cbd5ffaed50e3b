/*
 * The formats: one table row each, with the functions that look at, decode and encode it.
 *
 * A new format is a row in codec.c and a file with its functions; nothing else knows the list.
 */
#ifndef IMAGE_CODEC_H
#define IMAGE_CODEC_H

#include <stdbool.h>
#include <stdint.h>

#include "pixmap.h"
#include "source.h"

/* What can be told without decoding. */
struct image_header {
    uint32_t width, height; /* as stored, before the orientation is applied */
    int orientation;        /* EXIF, 1 to 8 */
    uint32_t channels;      /* 1 grey, 2 grey and alpha, 3 colour, 4 colour and alpha or CMYK */
    uint32_t depth;         /* bits of a sample */
    uint32_t frames;        /* at least 1 */
    bool has_alpha;
    bool has_icc;
    bool progressive; /* progressive or interlaced */
};

/* The raster that a decoder is about to deliver. It may be a reduced one: a pixel of the file is
 * then scale_x × scale_y pixels of the raster. */
struct raster {
    uint32_t width, height;
    uint32_t channels; /* 3 or 4 */
    double scale_x, scale_y;
};

/* Takes what a decoder delivers: begin() once, then each row once, top down. Both return 0, or -1
 * after fault_set(): then the decoder stops. */
struct row_sink {
    int (*begin)(struct row_sink *self, const struct raster *raster, struct fault *fault);
    int (*row)(struct row_sink *self, const uint8_t *pixels, uint32_t y, struct fault *fault);
};

/* Takes what an encoder writes, in order. 0, or -1 after fault_set(). */
struct byte_sink {
    int (*write)(struct byte_sink *self, const void *bytes, size_t len, struct fault *fault);
};

struct encode_options {
    int quality;      /* 1 to 100 */
    bool progressive; /* JPEG */
    /* Asked now and then where the library allows it; true stops the encoder. */
    bool (*cancelled)(const void *context);
    const void *context;
};

typedef bool codec_sniff_fn(const struct source *source);
typedef int codec_header_fn(const struct source *source, struct image_header *ret_header,
                            struct fault *fault);
/* `reduction`: the sink is content with a raster this many times smaller, in both directions; at
 * least 1. Decoders that can, save work. */
typedef int codec_decode_fn(const struct source *source, const struct image_header *header,
                            double reduction, struct row_sink *sink, struct fault *fault);
typedef int codec_encode_fn(const struct pixmap *pixmap, const struct encode_options *options,
                            struct byte_sink *sink, struct fault *fault);

struct codec {
    const char *name;       /* "jpeg" */
    const char *extension;  /* "jpg" */
    const char *media_type; /* "image/jpeg" */
    bool alpha;             /* can it store transparency? */
    codec_sniff_fn *sniff;
    codec_header_fn *header;
    codec_decode_fn *decode;
    codec_encode_fn *encode; /* NULL: input only */
};

/* The codec called this, or NULL. */
const struct codec *codec_by_name(const char *name, size_t len);

/* Finds out from its first bytes what the file is. FAULT_UNSUPPORTED says what it is instead, if
 * that is known. */
int codec_sniff(const struct source *source, const struct codec **ret_codec, struct fault *fault);

/* Reads the header and checks it against the limits. */
int codec_read_header(const struct codec *codec, const struct source *source,
                      struct image_header *ret_header, struct fault *fault);

codec_header_fn jpeg_header, png_header, webp_header, avif_header, gif_header, tiff_header,
    bmp_header;
codec_decode_fn jpeg_decode, png_decode, webp_decode, avif_decode, gif_decode, tiff_decode,
    bmp_decode;
codec_encode_fn jpeg_encode, png_encode, webp_encode, avif_encode, gif_encode;

/* Delivers a raster that is in memory. */
int sink_pixmap(struct row_sink *sink, const struct pixmap *pixmap, double scale_x, double scale_y,
                struct fault *fault);

#endif
