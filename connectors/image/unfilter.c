#include "unfilter.h"

#include <libdeflate.h>
#include <stdlib.h>

enum { SIGNATURE_BYTES = 8, FRAME_BYTES = 12, COLOUR_RGB = 2, COLOUR_RGBA = 6 };
enum { NONE, SUB, UP, AVERAGE, PAETH, FILTERS };

static int damaged(const char *what, struct fault *fault)
{
    return fault_set(fault, FAULT_INVALID, "The PNG can't be decoded: %s.", what);
}

static size_t stride_of(const struct image_header *header)
{
    return (size_t)header->width * header->channels;
}

bool unfilter_can(const struct source *source, const struct image_header *header)
{
    uint8_t colour = source_has(source, 0, 33) ? source->data[25] : 0;
    uint32_t channels = colour == COLOUR_RGB ? 3 : colour == COLOUR_RGBA ? 4 : 0;
    return header->depth == 8 && !header->progressive && header->channels == channels &&
           (stride_of(header) + 1) * header->height <= UNFILTER_MAX_BYTES;
}

/* --- Chunks (W3C Recommendation, 5.3) ----------------------------------------------------------*/

struct chunk {
    const uint8_t *type, *data;
    uint32_t len;
};

/* The chunk at `at`, which moves behind it. False if the file ends before it does. */
static bool next_chunk(const struct source *source, size_t *at, struct chunk *ret_chunk)
{
    if (!source_has(source, *at, FRAME_BYTES))
        return false;
    uint32_t len = read_be32(source->data + *at);
    if (!source_has(source, *at + FRAME_BYTES, len))
        return false;
    *ret_chunk = (struct chunk){source->data + *at + 4, source->data + *at + 8, len};
    *at += FRAME_BYTES + (size_t)len;
    return true;
}

static bool is_type(const struct chunk *chunk, const char *type)
{
    return memcmp(chunk->type, type, 4) == 0;
}

static bool sum_is_right(const struct chunk *chunk)
{
    return libdeflate_crc32(0, chunk->type, (size_t)chunk->len + 4) ==
           read_be32(chunk->data + chunk->len);
}

/* The data of all IDAT chunks as one: where it lies if there is but one, else a copy in *ret_copy.
 * A wrong checksum of a comment harms nobody; one of the picture, or the lack of an end, does. */
static int gather(const struct source *source, struct source *ret_data, uint8_t **ret_copy,
                  struct fault *fault)
{
    size_t at = SIGNATURE_BYTES, total = 0;
    struct chunk chunk, last = {0};
    uint32_t parts = 0;
    uint8_t *copy = NULL;
    bool ended = false, ok = true;
    while (ok && !ended && (ok = next_chunk(source, &at, &chunk))) {
        bool critical = !(chunk.type[0] & 0x20);
        ok = !critical || sum_is_right(&chunk);
        ended = is_type(&chunk, "IEND");
        if (!ok || !is_type(&chunk, "IDAT"))
            continue;
        if (parts++ == 1) { /* the second: all of them have room in the length of the file */
            copy = malloc(source->len);
            if (!copy)
                return fault_memory(fault);
            memcpy(copy, last.data, last.len);
        }
        if (copy)
            memcpy(copy + total, chunk.data, chunk.len);
        total += chunk.len;
        last = chunk;
    }
    *ret_copy = copy;
    *ret_data = (struct source){.data = copy ? copy : last.data, .len = total};
    return ok && total > 0 ? 0 : damaged("it is cut short or damaged", fault);
}

/* --- Filters (9.2), undone in place ------------------------------------------------------------*/

static void undo_sub(uint8_t *row, size_t len, size_t pixel)
{
    for (size_t i = pixel; i < len; i++)
        row[i] = (uint8_t)(row[i] + row[i - pixel]);
}

static void undo_up(uint8_t *restrict row, const uint8_t *restrict above, size_t len)
{
    for (size_t i = 0; i < len; i++)
        row[i] = (uint8_t)(row[i] + above[i]);
}

static void undo_average(uint8_t *row, const uint8_t *above, size_t len, size_t pixel)
{
    for (size_t i = 0; i < pixel; i++)
        row[i] = (uint8_t)(row[i] + above[i] / 2);
    for (size_t i = pixel; i < len; i++)
        row[i] = (uint8_t)(row[i] + (row[i - pixel] + above[i]) / 2);
}

/* A pixel at a time, in the lanes of a vector: the next one waits for this one. */
typedef int16_t lanes __attribute__((vector_size(8)));

static inline lanes load(const uint8_t *at)
{
    return (lanes){at[0], at[1], at[2], at[3]};
}

static inline lanes magnitude(lanes value)
{
    lanes sign = value >> 15;
    return (value ^ sign) - sign;
}

static inline __attribute__((always_inline)) void undo_paeth(uint8_t *row, const uint8_t *above,
                                                             size_t len, size_t pixel)
{
    lanes before = {0}, corner = {0};
    for (size_t i = 0; i < len; i += pixel) {
        lanes up = load(above + i);
        lanes to_before = up - corner;
        lanes to_above = before - corner;
        lanes to_corner = magnitude(to_before + to_above);
        to_before = magnitude(to_before);
        to_above = magnitude(to_above);
        lanes is_before = (to_before <= to_above) & (to_before <= to_corner);
        lanes is_above = ~is_before & (to_above <= to_corner);
        lanes nearest = (before & is_before) | (up & is_above) | (corner & ~is_before & ~is_above);
        before = (load(row + i) + nearest) & 255;
        corner = up;
        for (size_t c = 0; c < pixel; c++)
            row[i + c] = (uint8_t)before[c];
    }
}

static bool undo(uint8_t filter, uint8_t *row, const uint8_t *above, size_t len, size_t pixel)
{
    switch (filter) {
    case NONE:
        return true;
    case SUB:
        undo_sub(row, len, pixel);
        return true;
    case UP:
        undo_up(row, above, len);
        return true;
    case AVERAGE:
        undo_average(row, above, len, pixel);
        return true;
    case PAETH:
        if (pixel == 4)
            undo_paeth(row, above, len, 4);
        else
            undo_paeth(row, above, len, 3);
        return true;
    default:
        return false;
    }
}

/* --- The whole ---------------------------------------------------------------------------------*/

/* `bytes` has room for a byte more than there is, since pixels are read four bytes at a time. */
static int deliver(uint8_t *bytes, const struct image_header *header, struct row_sink *sink,
                   struct fault *fault)
{
    size_t len = stride_of(header);
    const struct raster raster = {header->width, header->height, header->channels, 1, 1, 8};
    uint8_t *nothing = calloc(1, len + 1);
    if (!nothing)
        return fault_memory(fault);
    const uint8_t *above = nothing;
    int result = sink->begin(sink, &raster, fault);
    for (uint32_t y = 0; y < header->height && result == 0; y++) {
        uint8_t *row = bytes + y * (len + 1) + 1;
        if (!undo(row[-1], row, above, len, header->channels))
            result = damaged("a row has an unknown filter", fault);
        else
            result = sink->row(sink, row, y, fault);
        above = row;
    }
    free(nothing);
    return result;
}

int unfilter_decode(const struct source *source, const struct image_header *header,
                    struct row_sink *sink, struct fault *fault)
{
    struct source packed = {0};
    uint8_t *copy = NULL;
    size_t len = (stride_of(header) + 1) * header->height;
    uint8_t *bytes = samples_alloc(len + 1);
    struct libdeflate_decompressor *lib = libdeflate_alloc_decompressor();
    int result = bytes && lib ? gather(source, &packed, &copy, fault) : fault_memory(fault);
    size_t made = 0;
    if (result == 0 && libdeflate_zlib_decompress(lib, packed.data, packed.len, bytes, len,
                                                  &made) != LIBDEFLATE_SUCCESS)
        result = damaged("its data is damaged or too long", fault);
    if (result == 0)
        result = made == len ? deliver(bytes, header, sink, fault)
                             : damaged("it has too few rows", fault);
    if (lib)
        libdeflate_free_decompressor(lib);
    free(copy);
    free(bytes);
    return result;
}
