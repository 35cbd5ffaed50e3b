/*
 * PNG (W3C Recommendation, third edition): a filter chosen for each row, then libdeflate, which
 * compresses better than zlib in less time but wants all of it at once.
 */
#include <libdeflate.h>
#include <stdlib.h>

#include "codec.h"

enum { COMPRESSION_LEVEL = 1 }; /* 6 makes files 5 % smaller in one and a half of the time */
enum { COLOUR_RGB = 2, COLOUR_RGBA = 6 };
enum filter { FILTER_NONE, FILTER_SUB, FILTER_UP, FILTER_AVERAGE, FILTER_PAETH, FILTERS };

/* --- Filters -----------------------------------------------------------------------------------
 * Each writes the row less its prediction. `before` is the row shifted by one pixel and `above`,
 * `corner` are those of the previous row: all have zeros where there is no pixel. */

static inline uint8_t paeth(int before, int above, int corner)
{
    int to_before = abs(above - corner);
    int to_above = abs(before - corner);
    int to_corner = abs(before + above - 2 * corner);
    int nearest = to_above <= to_corner ? above : corner;
    return (uint8_t)(to_before <= to_above && to_before <= to_corner ? before : nearest);
}

static void filter_row(enum filter filter, uint8_t *restrict to, const uint8_t *row,
                       const uint8_t *above, size_t len, size_t pixel)
{
    const uint8_t *before = row - pixel;
    const uint8_t *corner = above - pixel;
    switch (filter) {
    case FILTER_NONE:
        memcpy(to, row, len);
        break;
    case FILTER_SUB:
        for (size_t i = 0; i < len; i++)
            to[i] = (uint8_t)(row[i] - before[i]);
        break;
    case FILTER_UP:
        for (size_t i = 0; i < len; i++)
            to[i] = (uint8_t)(row[i] - above[i]);
        break;
    case FILTER_AVERAGE:
        for (size_t i = 0; i < len; i++)
            to[i] = (uint8_t)(row[i] - (before[i] + above[i]) / 2);
        break;
    case FILTER_PAETH:
    default:
        for (size_t i = 0; i < len; i++)
            to[i] = (uint8_t)(row[i] - paeth(before[i], above[i], corner[i]));
        break;
    }
}

/* The usual estimate of how badly a filtered row compresses: the sum of its distances from zero. */
static uint64_t badness(const uint8_t *row, size_t len)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < len; i++)
        sum += (uint64_t)abs((int8_t)row[i]);
    return sum;
}

/* Three rows of scratch, each after a pixel of zeros. */
struct filterer {
    size_t len;   /* bytes of a row */
    size_t pixel; /* bytes of a pixel */
    uint8_t *memory;
    uint8_t *row, *above, *trial;
};

static int filterer_init(struct filterer *self, const struct pixmap *pixmap, struct fault *fault)
{
    size_t len = pixmap_stride(pixmap);
    size_t pixel = pixmap->channels;
    *self = (struct filterer){.len = len, .pixel = pixel};
    self->memory = calloc(3, len + pixel);
    if (!self->memory)
        return fault_memory(fault);
    self->row = self->memory + pixel;
    self->above = self->row + len + pixel;
    self->trial = self->above + len + pixel;
    return 0;
}

/* Writes the filter's number and the row in the filter that suits it best. */
static void filterer_put(struct filterer *self, const uint8_t *pixels, uint8_t *to)
{
    memcpy(self->row, pixels, self->len);
    uint64_t least = UINT64_MAX;
    for (int filter = FILTER_NONE; filter < FILTERS; filter++) {
        filter_row((enum filter)filter, self->trial, self->row, self->above, self->len,
                   self->pixel);
        uint64_t bad = badness(self->trial, self->len);
        if (bad < least) {
            least = bad;
            to[0] = (uint8_t)filter;
            memcpy(to + 1, self->trial, self->len);
        }
    }
    uint8_t *row = self->row;
    self->row = self->above;
    self->above = row;
}

static uint8_t *filter_picture(const struct pixmap *pixmap, size_t len, struct fault *fault)
{
    struct filterer filterer;
    if (filterer_init(&filterer, pixmap, fault) != 0)
        return NULL;
    uint8_t *filtered = malloc(len);
    if (!filtered)
        fault_memory(fault);
    for (uint32_t y = 0; y < pixmap->height && filtered; y++)
        filterer_put(&filterer, pixmap_row(pixmap, y), filtered + y * (filterer.len + 1));
    free(filterer.memory);
    return filtered;
}

/* --- Chunks ------------------------------------------------------------------------------------*/

static void put_be32(uint8_t *to, uint32_t number)
{
    to[0] = (uint8_t)(number >> 24);
    to[1] = (uint8_t)(number >> 16);
    to[2] = (uint8_t)(number >> 8);
    to[3] = (uint8_t)number;
}

static int write_chunk(struct byte_sink *sink, const char *type, const uint8_t *data, size_t len,
                       struct fault *fault)
{
    uint8_t head[8];
    put_be32(head, (uint32_t)len);
    memcpy(head + 4, type, 4);
    uint8_t tail[4];
    uint32_t crc = libdeflate_crc32(0, head + 4, 4);
    put_be32(tail, len > 0 ? libdeflate_crc32(crc, data, len) : crc);
    if (sink->write(sink, head, sizeof(head), fault) != 0)
        return -1;
    if (len > 0 && sink->write(sink, data, len, fault) != 0)
        return -1;
    return sink->write(sink, tail, sizeof(tail), fault);
}

static int write_file(const struct pixmap *pixmap, const uint8_t *packed, size_t len,
                      struct byte_sink *sink, struct fault *fault)
{
    uint8_t ihdr[13] = {[8] = 8, [9] = pixmap->channels == 4 ? COLOUR_RGBA : COLOUR_RGB};
    put_be32(ihdr, pixmap->width);
    put_be32(ihdr + 4, pixmap->height);
    if (sink->write(sink, "\x89PNG\r\n\x1a\n", 8, fault) != 0 ||
        write_chunk(sink, "IHDR", ihdr, sizeof(ihdr), fault) != 0 ||
        write_chunk(sink, "IDAT", packed, len, fault) != 0)
        return -1;
    return write_chunk(sink, "IEND", NULL, 0, fault);
}

int png_encode(const struct pixmap *pixmap, const struct encode_options *options,
               struct byte_sink *sink, struct fault *fault)
{
    (void)options;
    int result = -1;
    uint8_t *packed = NULL;
    struct libdeflate_compressor *lib = NULL;
    size_t len = (pixmap_stride(pixmap) + 1) * pixmap->height;
    uint8_t *filtered = filter_picture(pixmap, len, fault);
    if (!filtered)
        goto out;
    lib = libdeflate_alloc_compressor(COMPRESSION_LEVEL);
    size_t most = libdeflate_zlib_compress_bound(lib, len);
    packed = lib ? malloc(most) : NULL;
    if (!packed) {
        fault_memory(fault);
        goto out;
    }
    result = write_file(pixmap, packed, libdeflate_zlib_compress(lib, filtered, len, packed, most),
                        sink, fault);
out:
    libdeflate_free_compressor(lib);
    free(packed);
    free(filtered);
    return result;
}
