/*
 * PNG, with libspng: row by row, checksums and Adler-32 checked. Interlaced pictures come whole.
 * Pictures of the usual kind go a faster way, see unfilter.h.
 */
#include <spng.h>
#include <stdlib.h>

#include "codec.h"
#include "exif.h"
#include "limits.h"
#include "unfilter.h"

enum { GREY = 0, RGB = 2, PALETTE = 3, GREY_ALPHA = 4, RGBA = 6 };
enum { SIGNATURE_BYTES = 8, CHUNK_FRAME_BYTES = 12, IHDR_BYTES = 13 };
enum { MAX_CHUNK_BYTES = 8 * 1024 * 1024, MAX_CHUNKS_BYTES = 16 * 1024 * 1024 };

/* --- Header ------------------------------------------------------------------------------------*/

static void read_ihdr(const uint8_t *data, struct image_header *header)
{
    static const uint8_t CHANNELS[7] = {
        [GREY] = 1, [RGB] = 3, [PALETTE] = 3, [GREY_ALPHA] = 2, [RGBA] = 4};
    uint32_t colour = data[9] <= RGBA ? data[9] : RGB;
    header->width = read_be32(data);
    header->height = read_be32(data + 4);
    header->depth = data[8];
    header->channels = CHANNELS[colour];
    header->has_alpha = colour == GREY_ALPHA || colour == RGBA;
    header->grey = colour == GREY || colour == GREY_ALPHA;
    header->progressive = data[12] != 0;
}

static void read_chunk(const uint8_t *data, uint32_t len, struct image_header *header)
{
    const uint8_t *type = data - 4;
    if (memcmp(type, "tRNS", 4) == 0 && !header->has_alpha) {
        header->has_alpha = true;
        header->channels++;
    } else if (memcmp(type, "iCCP", 4) == 0) {
        header->has_icc = true;
    } else if (memcmp(type, "eXIf", 4) == 0) {
        header->has_exif = true;
        header->orientation = exif_orientation(data, len);
    } else if (memcmp(type, "acTL", 4) == 0 && len >= 4) {
        uint32_t frames = read_be32(data);
        header->frames = frames ? frames : 1;
    }
}

int png_header(const struct source *source, struct image_header *ret_header, struct fault *fault)
{
    size_t at = SIGNATURE_BYTES;
    if (!source_reads(source, at + 4, "IHDR", 4) ||
        !source_has(source, at, CHUNK_FRAME_BYTES + IHDR_BYTES))
        return fault_set(fault, FAULT_INVALID, "The PNG has no header.");
    read_ihdr(source->data + at + 8, ret_header);
    while (source_has(source, at, CHUNK_FRAME_BYTES)) {
        uint32_t len = read_be32(source->data + at);
        if (source_reads(source, at + 4, "IDAT", 4) || !source_has(source, at + 12, len))
            break;
        read_chunk(source->data + at + 8, len, ret_header);
        at += (size_t)len + CHUNK_FRAME_BYTES;
    }
    return 0;
}

/* --- Pixels ------------------------------------------------------------------------------------*/

static int failed(int error, struct fault *fault)
{
    if (error == SPNG_EMEM)
        return fault_memory(fault);
    return fault_set(fault, FAULT_INVALID, "The PNG can't be decoded: %s.", spng_strerror(error));
}

static int decode_rows(spng_ctx *lib, const struct raster *raster, struct row_sink *sink,
                       struct fault *fault)
{
    size_t stride = (size_t)raster->width * raster->channels * (raster->depth / 8);
    uint8_t *row = malloc(stride);
    if (!row)
        return fault_memory(fault);
    int result = sink->begin(sink, raster, fault);
    for (uint32_t y = 0; y < raster->height && result == 0; y++) {
        int error = spng_decode_row(lib, row, stride);
        if (error != 0 && error != SPNG_EOI)
            result = failed(error, fault);
        else
            result = sink->row(sink, row, y, fault);
    }
    free(row);
    return result;
}

/* The rows of an interlaced picture come in seven passes, a few at a time. */
static int decode_interlaced(spng_ctx *lib, const struct raster *raster, struct row_sink *sink,
                             struct fault *fault)
{
    struct pixmap pixmap;
    if (pixmap_init_depth(&pixmap, raster->width, raster->height, raster->channels, raster->depth,
                          fault) != 0)
        return -1;
    int error;
    struct spng_row_info info;
    do {
        error = spng_get_row_info(lib, &info);
        if (error == 0)
            error = spng_decode_row(lib, pixmap_row(&pixmap, info.row_num), pixmap_stride(&pixmap));
    } while (error == 0);
    int result = error == SPNG_EOI ? sink_pixmap(sink, &pixmap, 1, 1, fault) : failed(error, fault);
    pixmap_release(&pixmap);
    return result;
}

static void set_limits(spng_ctx *lib)
{
    spng_set_image_limits(lib, IMAGE_MAX_INPUT_SIDE, IMAGE_MAX_INPUT_SIDE);
    spng_set_chunk_limits(lib, MAX_CHUNK_BYTES, MAX_CHUNKS_BYTES);
    /* A wrong checksum of a comment harms nobody; one of the picture is an error. */
    spng_set_crc_action(lib, SPNG_CRC_ERROR, SPNG_CRC_DISCARD);
}

/* 16 bits come as RGBA only; the alpha of a picture that has none is left out. */
static void drop_alpha(uint8_t *row, uint32_t width)
{
    for (uint32_t x = 0; x < width; x++)
        memmove(row + (size_t)x * 6, row + (size_t)x * 8, 6);
}

/* 16 bits: whole, then delivered. Such files are rare, and not large. */
static int decode_deep(spng_ctx *lib, const struct image_header *header, struct row_sink *sink,
                       struct fault *fault)
{
    struct pixmap pixmap;
    if (pixmap_init_depth(&pixmap, header->width, header->height, 4, 16, fault) != 0)
        return -1;
    int flags = header->has_alpha ? SPNG_DECODE_TRNS : 0;
    int error = spng_decode_image(lib, pixmap.data, pixmap_stride(&pixmap) * pixmap.height,
                                  SPNG_FMT_RGBA16, flags);
    const struct raster raster = {
        header->width, header->height, header->has_alpha ? 4 : 3, 1, 1, 16};
    int result = error ? failed(error, fault) : sink->begin(sink, &raster, fault);
    for (uint32_t y = 0; y < pixmap.height && result == 0; y++) {
        uint8_t *row = pixmap_row(&pixmap, y);
        if (!header->has_alpha)
            drop_alpha(row, pixmap.width);
        result = sink->row(sink, row, y, fault);
    }
    pixmap_release(&pixmap);
    return result;
}

static int decode(spng_ctx *lib, const struct image_header *header, bool deep,
                  struct row_sink *sink, struct fault *fault)
{
    if (deep)
        return decode_deep(lib, header, sink, fault);
    const struct raster raster = {
        header->width, header->height, header->has_alpha ? 4 : 3, 1, 1, 8};
    int format = header->has_alpha ? SPNG_FMT_RGBA8 : SPNG_FMT_RGB8;
    int flags = SPNG_DECODE_PROGRESSIVE | (header->has_alpha ? SPNG_DECODE_TRNS : 0);
    int error = spng_decode_image(lib, NULL, 0, format, flags);
    if (error != 0)
        return failed(error, fault);
    return header->progressive ? decode_interlaced(lib, &raster, sink, fault)
                               : decode_rows(lib, &raster, sink, fault);
}

int png_decode(const struct source *source, const struct image_header *header,
               const struct decode_request *request, struct row_sink *sink, struct fault *fault)
{
    if (unfilter_can(source, header))
        return unfilter_decode(source, header, sink, fault);
    spng_ctx *lib = spng_ctx_new(0);
    if (!lib)
        return fault_memory(fault);
    set_limits(lib);
    bool deep = request->deep && header->depth == 16;
    int error = spng_set_png_buffer(lib, source->data, source->len);
    int result = error ? failed(error, fault) : decode(lib, header, deep, sink, fault);
    if (result == 0) {
        error = spng_decode_chunks(lib); /* to the very end: a file cut short is an error */
        result = error ? failed(error, fault) : 0;
    }
    spng_ctx_free(lib);
    return result;
}

int png_blob(const struct source *source, enum blob_kind kind, struct blob *ret_blob,
             struct fault *fault)
{
    spng_ctx *lib = spng_ctx_new(0);
    if (!lib)
        return fault_memory(fault);
    set_limits(lib);
    int result = 0;
    struct spng_iccp icc;
    struct spng_exif exif;
    if (spng_set_png_buffer(lib, source->data, source->len) != 0)
        result = 0;
    else if (kind == BLOB_ICC && spng_get_iccp(lib, &icc) == 0)
        result = blob_copy(ret_blob, icc.profile, icc.profile_len, fault);
    else if (kind == BLOB_EXIF && spng_get_exif(lib, &exif) == 0)
        result = blob_copy(ret_blob, exif.data, exif.length, fault);
    spng_ctx_free(lib);
    return result;
}
