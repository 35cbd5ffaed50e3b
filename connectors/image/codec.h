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
    uint32_t loop;          /* how often an animation is shown; 0: for ever */
    bool has_alpha;
    bool has_icc;
    bool has_exif;
    bool progressive; /* progressive or interlaced */
    bool cmyk;        /* four inks; decoders deliver RGB of them */
    bool grey;        /* one light; decoders deliver RGB of it */
};

/* The raster that a decoder is about to deliver. It may be a reduced one: a pixel of the file is
 * then scale_x × scale_y pixels of the raster. */
struct raster {
    uint32_t width, height;
    uint32_t channels; /* 3 or 4 */
    double scale_x, scale_y;
    uint32_t depth; /* bits of a sample: 16 only where `deep` was asked for, else 8 (or 0) */
};

/* What a decoder may make use of. */
struct decode_request {
    double reduction; /* the sink is content with a raster this many times smaller, in both
                       * directions; at least 1 */
    bool deep;        /* the sink takes 16 bits a sample, in the machine's byte order */
};

/* Which frames of an animation. */
struct frame_range {
    uint32_t first;
    uint32_t pages; /* how many at most */
};

/* Bytes on the heap: a colour profile, EXIF. */
struct blob {
    uint8_t *data; /* free() */
    size_t len;
};

enum blob_kind { BLOB_ICC, BLOB_EXIF };

/* Takes what a decoder delivers: begin() once, then each row once, top down. Both return 0, or -1
 * after fault_set(): then the decoder stops. */
struct row_sink {
    int (*begin)(struct row_sink *self, const struct raster *raster, struct fault *fault);
    int (*row)(struct row_sink *self, const uint8_t *pixels, uint32_t y, struct fault *fault);
};

/* Takes the frames of an animation, each whole, as it is seen. */
struct frame_sink {
    int (*frame)(struct frame_sink *self, const struct pixmap *canvas, uint32_t delay_ms,
                 struct fault *fault);
};

/* Takes what an encoder writes, in order. 0, or -1 after fault_set(). */
struct byte_sink {
    int (*write)(struct byte_sink *self, const void *bytes, size_t len, struct fault *fault);
};

enum chroma { CHROMA_420, CHROMA_422, CHROMA_444 };

struct encode_options {
    int quality;           /* 1 to 100; 0: the format's own */
    bool progressive;      /* JPEG */
    enum chroma chroma;    /* JPEG, AVIF */
    bool lossless;         /* WebP, AVIF */
    int near_lossless;     /* WebP: 0 (most) to 100 (none) of preprocessing; -1: not that way */
    int effort;            /* 0 (fast) to 10 (small); -1: the format's own */
    int compression_level; /* PNG: 0 to 12; -1: the one that is fastest for its size */
    bool palette;          /* PNG */
    int colours;           /* of a palette: 2 to 256 */
    double dither;         /* of a palette: 0 to 1 */
    int depth;             /* PNG: bits of a sample, 8 or 16 */
    int loop;              /* animations: how often, 0 for ever; -1: as the input */
    int delay;             /* animations: milliseconds a frame; -1: as the input */
    struct blob exif;      /* JPEG, PNG, WebP, AVIF: a block that begins with a TIFF header */
    /* Asked now and then where the library allows it; true stops the encoder. */
    bool (*cancelled)(const void *context);
    const void *context;
};

#define ENCODE_DEFAULTS                                                                            \
    {                                                                                              \
        .near_lossless = -1, .effort = -1, .compression_level = -1, .colours = 256, .dither = 1,   \
        .depth = 8, .loop = -1, .delay = -1                                                        \
    }

/* An animation in the making: add() each frame, all of one size, then finish(), then free(). */
struct animator {
    int (*add)(struct animator *self, const struct pixmap *frame, uint32_t delay_ms,
               struct fault *fault);
    int (*finish)(struct animator *self, struct byte_sink *sink, struct fault *fault);
    void (*free)(struct animator *self);
};

typedef bool codec_sniff_fn(const struct source *source);
typedef int codec_header_fn(const struct source *source, struct image_header *ret_header,
                            struct fault *fault);
typedef int codec_decode_fn(const struct source *source, const struct image_header *header,
                            const struct decode_request *request, struct row_sink *sink,
                            struct fault *fault);
/* Delivers the frames from `range->first` on. FAULT_INVALID if there are none. */
typedef int codec_frames_fn(const struct source *source, const struct image_header *header,
                            const struct frame_range *range, struct frame_sink *sink,
                            struct fault *fault);
/* Metadata, as it is in the file; empty if there is none or it is damaged. */
typedef int codec_blob_fn(const struct source *source, enum blob_kind kind, struct blob *ret_blob,
                          struct fault *fault);
typedef int codec_encode_fn(const struct pixmap *pixmap, const struct encode_options *options,
                            struct byte_sink *sink, struct fault *fault);
/* `options->loop` is settled. */
typedef int codec_animate_fn(uint32_t width, uint32_t height, const struct encode_options *options,
                             struct animator **ret_animator, struct fault *fault);

struct codec {
    const char *name;       /* "jpeg" */
    const char *extension;  /* "jpg" */
    const char *media_type; /* "image/jpeg" */
    bool alpha;             /* can it store transparency? */
    bool pages;             /* its frames are pictures of their own, see source.page */
    int quality;            /* what it is when nothing is said; 0: it has none */
    codec_sniff_fn *sniff;
    codec_header_fn *header;
    codec_decode_fn *decode;
    codec_frames_fn *frames;   /* NULL: stills only */
    codec_blob_fn *blob;       /* NULL: carries none that we read */
    codec_encode_fn *encode;   /* NULL: input only */
    codec_animate_fn *animate; /* NULL: stills only */
};

/* Which formats an Accept header (RFC 9110 §12.5.1), a media type or a format's name allows, as
 * bits for codec_best(). A wildcard allows what every browser shows: JPEG, PNG and GIF. */
uint32_t codec_accepted(const char *text);

/* The format that makes the smallest file among those accepted: AVIF before WebP before PNG, for
 * what has alpha, and JPEG; for animations WebP before GIF. */
const struct codec *codec_best(uint32_t accepted, bool alpha, bool animated);

/* The codec called this, or NULL. */
const struct codec *codec_by_name(const char *name, size_t len);

/* Finds out from its first bytes what the file is. FAULT_UNSUPPORTED says what it is instead, if
 * that is known. */
int codec_sniff(const struct source *source, const struct codec **ret_codec, struct fault *fault);

/* Reads the header and checks it against the limits. */
int codec_read_header(const struct codec *codec, const struct source *source,
                      struct image_header *ret_header, struct fault *fault);

/* Keeps a copy of the bytes, or nothing if there are more than anybody needs. */
int blob_copy(struct blob *self, const void *bytes, size_t len, struct fault *fault);

codec_header_fn jpeg_header, png_header, webp_header, avif_header, heif_header, gif_header,
    tiff_header, bmp_header;
codec_decode_fn jpeg_decode, png_decode, webp_decode, avif_decode, heif_decode, gif_decode,
    tiff_decode, bmp_decode;
codec_frames_fn gif_frames, webp_frames, avif_frames;
codec_blob_fn jpeg_blob, png_blob, webp_blob, avif_blob, heif_blob, tiff_blob;
codec_encode_fn jpeg_encode, png_encode, webp_encode, avif_encode, gif_encode;
codec_animate_fn webp_animate, gif_animate;

/* Delivers a raster that is in memory. */
int sink_pixmap(struct row_sink *sink, const struct pixmap *pixmap, double scale_x, double scale_y,
                struct fault *fault);

#endif
