/*
 * WebP, with libwebp, which can reduce while it decodes.
 */
#include <math.h>
#include <stdlib.h>

#include <webp/decode.h>
#include <webp/demux.h>

#include "codec.h"
#include "exif.h"

static int failed(VP8StatusCode status, struct fault *fault)
{
    switch (status) {
    case VP8_STATUS_OUT_OF_MEMORY:
        return fault_memory(fault);
    case VP8_STATUS_NOT_ENOUGH_DATA:
        return fault_set(fault, FAULT_INVALID, "The WebP file is cut short.");
    default:
        return fault_set(fault, FAULT_INVALID, "The WebP can't be decoded: its data is damaged.");
    }
}

/* --- Header ------------------------------------------------------------------------------------*/

/* Walks the chunks (RFC 9649) for what the first of them does not tell. */
static void read_chunks(const struct source *source, struct image_header *header)
{
    uint32_t frames = 0;
    size_t at = 12;
    while (source_has(source, at, 8)) {
        uint32_t len = read_le32(source->data + at + 4);
        if (source_reads(source, at, "ANMF", 4))
            frames++;
        else if (source_reads(source, at, "ANIM", 4) && source_has(source, at, 14))
            header->loop = read_le16(source->data + at + 12);
        else if (source_reads(source, at, "ICCP", 4))
            header->has_icc = true;
        else if (source_reads(source, at, "EXIF", 4) && source_has(source, at + 8, len)) {
            header->has_exif = true;
            header->orientation = exif_orientation(source->data + at + 8, len);
        }
        at += 8 + (size_t)len + (len & 1);
    }
    header->frames = frames ? frames : 1;
}

int webp_header(const struct source *source, struct image_header *ret_header, struct fault *fault)
{
    WebPBitstreamFeatures features;
    VP8StatusCode status = WebPGetFeatures(source->data, source->len, &features);
    if (status != VP8_STATUS_OK)
        return failed(status, fault);
    ret_header->width = (uint32_t)features.width;
    ret_header->height = (uint32_t)features.height;
    ret_header->has_alpha = features.has_alpha;
    ret_header->channels = features.has_alpha ? 4 : 3;
    ret_header->depth = 8;
    read_chunks(source, ret_header);
    return 0;
}

/* --- Pixels ------------------------------------------------------------------------------------*/

/* The library's own reduction is a coarse one, so it gets half of the work at most: it makes
 * pictures of twice the size wanted, ours does the rest. */
static uint32_t reduced(uint32_t size, double reduction)
{
    double by = reduction / 2;
    return by < 2 ? size : (uint32_t)fmax(ceil(size / by), 1);
}

static int decode_still(const struct source *source, const struct image_header *header,
                        double reduction, struct row_sink *sink, struct fault *fault)
{
    uint32_t width = reduced(header->width, reduction);
    uint32_t height = reduced(header->height, reduction);
    struct pixmap pixmap;
    if (pixmap_init(&pixmap, width, height, header->has_alpha ? 4 : 3, fault) != 0)
        return -1;
    WebPDecoderConfig config;
    WebPInitDecoderConfig(&config);
    config.options.use_scaling = width != header->width || height != header->height;
    config.options.scaled_width = (int)width;
    config.options.scaled_height = (int)height;
    config.output.colorspace = header->has_alpha ? MODE_RGBA : MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = pixmap.data;
    config.output.u.RGBA.stride = (int)pixmap_stride(&pixmap);
    config.output.u.RGBA.size = pixmap_stride(&pixmap) * height;
    VP8StatusCode status = WebPDecode(source->data, source->len, &config);
    int result = status == VP8_STATUS_OK ? sink_pixmap(sink, &pixmap, (double)width / header->width,
                                                       (double)height / header->height, fault)
                                         : failed(status, fault);
    WebPFreeDecBuffer(&config.output);
    pixmap_release(&pixmap);
    return result;
}

/* The length that the container claims; what a file cut in its metadata betrays. */
static bool is_cut(const struct source *source)
{
    return (uint64_t)read_le32(source->data + 4) + 8 > source->len;
}

int webp_frames(const struct source *source, const struct image_header *header,
                const struct frame_range *range, struct frame_sink *sink, struct fault *fault)
{
    if (is_cut(source))
        return failed(VP8_STATUS_NOT_ENOUGH_DATA, fault);
    WebPAnimDecoderOptions options;
    WebPAnimDecoderOptionsInit(&options);
    options.color_mode = MODE_RGBA;
    const WebPData data = {source->data, source->len};
    WebPAnimDecoder *lib = WebPAnimDecoderNew(&data, &options);
    if (!lib)
        return failed(VP8_STATUS_BITSTREAM_ERROR, fault);
    int result = 0, before = 0;
    for (uint32_t i = 0; i < range->first + range->pages && result == 0; i++) {
        uint8_t *pixels;
        int when; /* it ends */
        if (!WebPAnimDecoderGetNext(lib, &pixels, &when)) {
            result = failed(VP8_STATUS_BITSTREAM_ERROR, fault);
            break;
        }
        const struct pixmap canvas = {pixels, header->width, header->height, 4, 8};
        if (i >= range->first)
            result = sink->frame(sink, &canvas, (uint32_t)(when - before), fault);
        before = when;
    }
    WebPAnimDecoderDelete(lib);
    return result;
}

struct first_frame {
    struct frame_sink sink; /* first */
    struct row_sink *rows;
};

static int on_first(struct frame_sink *sink, const struct pixmap *canvas, uint32_t delay_ms,
                    struct fault *fault)
{
    (void)delay_ms;
    struct first_frame *self = (struct first_frame *)sink;
    return sink_pixmap(self->rows, canvas, 1, 1, fault);
}

int webp_blob(const struct source *source, enum blob_kind kind, struct blob *ret_blob,
              struct fault *fault)
{
    const char *type = kind == BLOB_ICC ? "ICCP" : "EXIF";
    size_t at = 12;
    while (source_has(source, at, 8)) {
        uint32_t len = read_le32(source->data + at + 4);
        if (source_reads(source, at, type, 4) && source_has(source, at + 8, len)) {
            size_t skip = len > 6 && source_reads(source, at + 8, "Exif\0\0", 6) ? 6 : 0;
            return blob_copy(ret_blob, source->data + at + 8 + skip, len - skip, fault);
        }
        at += 8 + (size_t)len + (len & 1);
    }
    return 0;
}

int webp_decode(const struct source *source, const struct image_header *header,
                const struct decode_request *request, struct row_sink *sink, struct fault *fault)
{
    if (is_cut(source))
        return failed(VP8_STATUS_NOT_ENOUGH_DATA, fault);
    WebPBitstreamFeatures features;
    VP8StatusCode status = WebPGetFeatures(source->data, source->len, &features);
    if (status != VP8_STATUS_OK)
        return failed(status, fault);
    if (!features.has_animation)
        return decode_still(source, header, request->reduction, sink, fault);
    struct first_frame first = {{on_first}, sink};
    const struct frame_range range = {0, 1};
    return webp_frames(source, header, &range, &first.sink, fault);
}
