/*
 * GIF, with libgd: 256 colours, dithered. Pixels less than half opaque become transparent.
 */
#include <gd.h>

#include "codec.h"

enum { COLOURS = 255, HALF = 128 }; /* one more is kept for what is transparent */

static gdImage *to_gd(const struct pixmap *pixmap)
{
    gdImage *image = gdImageCreateTrueColor((int)pixmap->width, (int)pixmap->height);
    if (!image)
        return NULL;
    for (uint32_t y = 0; y < pixmap->height; y++) {
        const uint8_t *from = pixmap_row(pixmap, y);
        for (uint32_t x = 0; x < pixmap->width; x++, from += pixmap->channels)
            image->tpixels[y][x] = gdTrueColor(from[0], from[1], from[2]);
    }
    return image;
}

static void punch_holes(gdImage *image, const struct pixmap *pixmap)
{
    int hole = gdImageColorAllocate(image, 0, 0, 0);
    gdImageColorTransparent(image, hole);
    for (uint32_t y = 0; y < pixmap->height; y++) {
        const uint8_t *from = pixmap_row(pixmap, y);
        for (uint32_t x = 0; x < pixmap->width; x++, from += 4) {
            if (from[3] < HALF)
                image->pixels[y][x] = (unsigned char)hole;
        }
    }
}

int gif_encode(const struct pixmap *pixmap, const struct encode_options *options,
               struct byte_sink *sink, struct fault *fault)
{
    (void)options;
    gdImage *image = to_gd(pixmap);
    if (!image)
        return fault_memory(fault);
    int result = -1;
    void *file = NULL;
    if (gdImageTrueColorToPalette(image, 1, COLOURS)) {
        if (pixmap->channels == 4)
            punch_holes(image, pixmap);
        int len = 0;
        file = gdImageGifPtr(image, &len);
        if (file)
            result = sink->write(sink, file, (size_t)len, fault);
    }
    if (result != 0)
        fault_set(fault, FAULT_ENCODE, "The GIF can't be made.");
    gdFree(file);
    gdImageDestroy(image);
    return result;
}
