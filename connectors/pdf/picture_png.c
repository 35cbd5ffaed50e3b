/*
 * PNG (W3C, third edition): passed through where PDF can take its data as it is, else decoded with
 * libspng, split and compressed.
 */
#include "limits.h"
#include "picture_kinds.h"
#include "writer.h"

#include <spng.h>
#include <stdlib.h>
#include <string.h>

enum { LEVEL = 7 };

struct header {
    uint32_t width, height;
    uint8_t depth, color_type, interlace;
    bool transparent; /* tRNS */
    struct str palette;
};

enum { GRAY = 0, RGB = 2, INDEXED = 3, GRAY_ALPHA = 4, RGB_ALPHA = 6 };

static uint32_t be32(const char *at)
{
    const unsigned char *bytes = (const unsigned char *)at;
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* Reads the chunks; with `data` also gathers what the IDAT chunks hold. */
static bool read_chunks(struct str file, struct header *header, struct buf *data)
{
    size_t at = 8;
    bool ended = false;
    while (!ended && at + 12 <= file.len) {
        uint32_t len = be32(file.ptr + at);
        const char *type = file.ptr + at + 4, *body = file.ptr + at + 8;
        if (len > file.len - at - 12) {
            return false;
        }
        if (at == 8) {
            if (memcmp(type, "IHDR", 4) != 0 || len != 13) {
                return false;
            }
            *header = (struct header){.width = be32(body),
                                      .height = be32(body + 4),
                                      .depth = (uint8_t)body[8],
                                      .color_type = (uint8_t)body[9],
                                      .interlace = (uint8_t)body[12]};
        } else if (memcmp(type, "PLTE", 4) == 0) {
            header->palette = str_of(body, len - len % 3);
        } else if (memcmp(type, "tRNS", 4) == 0) {
            header->transparent = true;
        } else if (memcmp(type, "IDAT", 4) == 0) {
            buf_append(data, body, len);
        }
        ended = memcmp(type, "IEND", 4) == 0;
        at += 12 + len;
    }
    return ended && data->len > 0;
}

static void put_entries(struct buf *entries, const struct header *header, unsigned depth,
                        unsigned channels)
{
    buf_append_format(entries,
                      "/Type/XObject/Subtype/Image/Width %u/Height %u/BitsPerComponent %u"
                      "/Filter/FlateDecode/DecodeParms<</Predictor 15/Colors %u"
                      "/BitsPerComponent %u/Columns %u>>",
                      header->width, header->height, depth, channels, depth, header->width);
}

static void put_palette(struct buf *entries, struct str palette)
{
    buf_append_format(entries, "/ColorSpace[/Indexed/DeviceRGB %zu<", palette.len / 3 - 1);
    for (size_t i = 0; i < palette.len; i++) {
        buf_append_format(entries, "%02x", (unsigned char)palette.ptr[i]);
    }
    buf_append_c(entries, ">]");
}

static int pass_through(const struct header *header, struct buf *data, struct picture *picture,
                        struct hub_error *error)
{
    struct buf entries;
    buf_init(&entries, BUF_NO_LIMIT);
    put_entries(&entries, header, header->depth, header->color_type == RGB ? 3 : 1);
    if (header->color_type == INDEXED) {
        put_palette(&entries, header->palette);
    } else {
        buf_append_c(&entries, header->color_type == RGB ? "/ColorSpace/DeviceRGB"
                                                         : "/ColorSpace/DeviceGray");
    }
    int err = picture_part_set(&picture->color, &entries, data, error);
    buf_release(&entries);
    return err;
}

/* Takes `count` of the 4 samples of each pixel, from `first` on, filtered as Up (filter type 2):
 * cheap, and good for what has masks: logos and signatures. */
static int compress_samples(const struct header *header, const unsigned char *pixels,
                            unsigned first, unsigned count, const char *space,
                            struct picture_part *part, struct hub_error *error)
{
    struct buf rows, data, entries;
    buf_init(&rows, BUF_NO_LIMIT);
    buf_init(&data, BUF_NO_LIMIT);
    buf_init(&entries, BUF_NO_LIMIT);
    size_t stride = (size_t)header->width * 4, row_len = (size_t)header->width * count + 1;
    unsigned char *to = (unsigned char *)buf_reserve(&rows, row_len * header->height);
    for (uint32_t y = 0; to && y < header->height; y++) {
        const unsigned char *row = pixels + y * stride;
        *to++ = 2;
        for (size_t i = 0; i < header->width; i++) {
            for (unsigned c = first; c < first + count; c++) {
                size_t at = i * 4 + c;
                *to++ = (unsigned char)(row[at] - (y > 0 ? row[at - stride] : 0));
            }
        }
    }
    if (to) {
        buf_commit(&rows, row_len * header->height);
        deflate_append(&data, buf_view(&rows), LEVEL);
    }
    put_entries(&entries, header, 8, count);
    buf_append_c(&entries, "/ColorSpace");
    buf_append_c(&entries, space);
    int err = to ? picture_part_set(part, &entries, &data, error)
                 : hub_fail(error, HUB_ERR_NOMEM, "out of memory");
    buf_release(&rows);
    buf_release(&data);
    buf_release(&entries);
    return err;
}

static unsigned char *decode(struct str file, const struct header *header, struct hub_error *error)
{
    size_t len = (size_t)header->width * header->height * 4;
    unsigned char *pixels = malloc(len);
    spng_ctx *png = spng_ctx_new(0);
    int status = pixels && png ? spng_set_png_buffer(png, file.ptr, file.len) : SPNG_EMEM;
    if (status == 0) {
        status = spng_decode_image(png, pixels, len, SPNG_FMT_RGBA8, SPNG_DECODE_TRNS);
    }
    spng_ctx_free(png);
    if (status != 0) {
        free(pixels);
        (void)hub_fail(error, status == SPNG_EMEM ? HUB_ERR_NOMEM : HUB_ERR_UNSUPPORTED_FORMAT,
                       "the PNG is damaged (%s)", spng_strerror(status));
        return NULL;
    }
    return pixels;
}

struct contents {
    bool opaque, gray;
};

static struct contents look(const unsigned char *pixels, size_t count)
{
    unsigned alpha = 255, color = 0;
    for (size_t i = 0; i < count; i++, pixels += 4) {
        alpha &= pixels[3];
        color |= (pixels[0] ^ pixels[1]) | (pixels[1] ^ pixels[2]);
    }
    return (struct contents){.opaque = alpha == 255, .gray = color == 0};
}

static int split(struct str file, const struct header *header, struct picture *picture,
                 struct hub_error *error)
{
    unsigned char *pixels = decode(file, header, error);
    if (!pixels) {
        return error ? error->err : HUB_ERR_UNSUPPORTED_FORMAT;
    }
    struct contents contents = look(pixels, (size_t)header->width * header->height);
    int err =
        compress_samples(header, pixels, 0, contents.gray ? 1 : 3,
                         contents.gray ? "/DeviceGray" : "/DeviceRGB", &picture->color, error);
    if (err == 0 && !contents.opaque) {
        err = compress_samples(header, pixels, 3, 1, "/DeviceGray", &picture->mask, error);
    }
    free(pixels);
    return err;
}

/* Passing data through means that nobody has looked at it: so it is decoded once, only to see that
 * it can be. */
static int check(struct str file, const struct header *header, struct hub_error *error)
{
    unsigned char *pixels = decode(file, header, error);
    free(pixels);
    return pixels ? 0 : error ? error->err : HUB_ERR_UNSUPPORTED_FORMAT;
}

int picture_read_png(struct str file, struct picture *picture, struct hub_error *error)
{
    struct header header = {0};
    struct buf data;
    buf_init(&data, PDF_MAX_INPUT_FILE);
    bool valid = read_chunks(file, &header, &data);
    int err = valid ? picture_check_size(header.width, header.height, error)
                    : hub_fail(error, HUB_ERR_UNSUPPORTED_FORMAT, "the PNG is cut off or damaged");
    if (err == 0) {
        picture->width = header.width;
        picture->height = header.height;
        bool plain = !header.interlace && !header.transparent && header.depth <= 8 &&
                     (header.color_type == GRAY || header.color_type == RGB ||
                      (header.color_type == INDEXED && header.palette.len > 0));
        if (plain) {
            err = check(file, &header, error);
        }
        if (err == 0) {
            err = plain ? pass_through(&header, &data, picture, error)
                        : split(file, &header, picture, error);
        }
    }
    buf_release(&data);
    return err;
}
