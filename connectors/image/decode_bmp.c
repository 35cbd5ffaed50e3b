/*
 * BMP, with libgd, after its structure was looked at: libgd takes a damaged file for a good one
 * more often than not.
 */
#include <gd.h>
#include <stdlib.h>

#include "codec.h"
#include "limits.h"

enum { BMP_CORE_HEADER = 12, BMP_INFO_HEADER = 40, BMP_RGB = 0, BMP_BITFIELDS = 3 };

int bmp_header(const struct source *source, struct image_header *ret_header, struct fault *fault)
{
    const uint8_t *data = source->data;
    uint32_t header_bytes = read_le32(data + 14);
    uint32_t compression = BMP_RGB;
    if (header_bytes == BMP_CORE_HEADER) {
        ret_header->width = read_le16(data + 18);
        ret_header->height = read_le16(data + 20);
        ret_header->depth = read_le16(data + 24);
    } else if (header_bytes >= BMP_INFO_HEADER && source_has(source, 14, BMP_INFO_HEADER)) {
        /* A negative height says that the rows are stored top down. */
        uint32_t height = read_le32(data + 22);
        ret_header->width = read_le32(data + 18);
        ret_header->height = height > INT32_MAX ? 0u - height : height;
        ret_header->depth = read_le16(data + 28);
        compression = read_le32(data + 30);
    } else {
        return fault_set(fault, FAULT_INVALID, "The BMP has no header.");
    }
    uint64_t stride = ((uint64_t)ret_header->width * ret_header->depth + 31) / 32 * 4;
    bool plain = compression == BMP_RGB || compression == BMP_BITFIELDS;
    bool sane = ret_header->width <= IMAGE_MAX_INPUT_SIDE && ret_header->depth <= 32;
    if (plain && sane && read_le32(data + 10) + stride * ret_header->height > source->len)
        return fault_set(
            fault, ret_header->height > IMAGE_MAX_INPUT_SIDE ? FAULT_TOO_LARGE : FAULT_INVALID,
            "The BMP is shorter than its %u × %u pixels.", ret_header->width, ret_header->height);
    ret_header->depth = ret_header->depth > 8 ? 8 : ret_header->depth;
    return 0;
}

static void put_row(const gdImage *image, uint32_t y, uint8_t *to)
{
    const int *from = image->tpixels[y];
    for (int x = 0; x < image->sx; x++, to += 3) {
        int pixel = from[x];
        to[0] = (uint8_t)gdTrueColorGetRed(pixel);
        to[1] = (uint8_t)gdTrueColorGetGreen(pixel);
        to[2] = (uint8_t)gdTrueColorGetBlue(pixel);
    }
}

static int deliver(gdImage *image, struct row_sink *sink, struct fault *fault)
{
    if (!image->trueColor && !gdImagePaletteToTrueColor(image))
        return fault_memory(fault);
    const struct raster raster = {(uint32_t)image->sx, (uint32_t)image->sy, 3, 1, 1, 8};
    uint8_t *row = malloc((size_t)raster.width * 3);
    if (!row)
        return fault_memory(fault);
    int result = sink->begin(sink, &raster, fault);
    for (uint32_t y = 0; y < raster.height && result == 0; y++) {
        put_row(image, y, row);
        result = sink->row(sink, row, y, fault);
    }
    free(row);
    return result;
}

int bmp_decode(const struct source *source, const struct image_header *header,
               const struct decode_request *request, struct row_sink *sink, struct fault *fault)
{
    (void)request;
    gdImage *image = gdImageCreateFromBmpPtr((int)source->len, (void *)source->data);
    if (!image)
        return fault_set(fault, FAULT_INVALID, "The BMP can't be decoded: its data is damaged.");
    int result;
    if ((uint32_t)image->sx != header->width || (uint32_t)image->sy != header->height)
        result = fault_set(fault, FAULT_INVALID, "The BMP's header and its data disagree.");
    else
        result = deliver(image, sink, fault);
    gdImageDestroy(image);
    return result;
}
