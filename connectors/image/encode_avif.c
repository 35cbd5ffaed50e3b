/*
 * AVIF, with libavif (aom underneath), 8 bits.
 */
#include <avif/avif.h>

#include "codec.h"

enum { SPEED = 6 }; /* of 0 (best) to 10 (fastest) */

static int failed(avifResult error, const avifEncoder *lib, struct fault *fault)
{
    if (error == AVIF_RESULT_OUT_OF_MEMORY)
        return fault_memory(fault);
    return fault_set(fault, FAULT_ENCODE, "The AVIF can't be made: %s. %.120s",
                     avifResultToString(error), lib->diag.error);
}

static avifResult take_pixels(avifImage *image, const struct pixmap *pixmap, bool lossless)
{
    image->colorPrimaries = AVIF_COLOR_PRIMARIES_BT709;
    image->transferCharacteristics = AVIF_TRANSFER_CHARACTERISTICS_SRGB;
    image->matrixCoefficients =
        lossless ? AVIF_MATRIX_COEFFICIENTS_IDENTITY : AVIF_MATRIX_COEFFICIENTS_BT601;
    image->yuvRange = AVIF_RANGE_FULL;
    avifRGBImage rgb;
    avifRGBImageSetDefaults(&rgb, image);
    rgb.format = pixmap->channels == 4 ? AVIF_RGB_FORMAT_RGBA : AVIF_RGB_FORMAT_RGB;
    rgb.pixels = pixmap->data;
    rgb.rowBytes = (uint32_t)pixmap_stride(pixmap);
    return avifImageRGBToYUV(image, &rgb);
}

int avif_encode(const struct pixmap *pixmap, const struct encode_options *options,
                struct byte_sink *sink, struct fault *fault)
{
    int result = -1;
    avifRWData file = AVIF_DATA_EMPTY;
    avifEncoder *lib = avifEncoderCreate();
    static const avifPixelFormat FORMATS[] = {[CHROMA_420] = AVIF_PIXEL_FORMAT_YUV420,
                                              [CHROMA_422] = AVIF_PIXEL_FORMAT_YUV422,
                                              [CHROMA_444] = AVIF_PIXEL_FORMAT_YUV444};
    enum chroma chroma = options->lossless ? CHROMA_444 : options->chroma;
    avifImage *image = avifImageCreate((int)pixmap->width, (int)pixmap->height, 8, FORMATS[chroma]);
    if (!lib || !image) {
        fault_memory(fault);
        goto out;
    }
    int quality = options->lossless ? 100 : options->quality;
    int quantizer = (100 - quality) * AVIF_QUANTIZER_WORST_QUALITY / 100;
    lib->maxThreads = 1;
    lib->speed = options->effort >= 0 ? 10 - options->effort : SPEED;
    lib->minQuantizer = lib->maxQuantizer = quantizer;
    lib->minQuantizerAlpha = lib->maxQuantizerAlpha = quantizer / 2;
    avifResult error = take_pixels(image, pixmap, options->lossless);
    if (error == AVIF_RESULT_OK && options->exif.len > 0)
        avifImageSetMetadataExif(image, options->exif.data, options->exif.len);
    if (error == AVIF_RESULT_OK)
        error = avifEncoderWrite(lib, image, &file);
    result = error == AVIF_RESULT_OK ? sink->write(sink, file.data, file.size, fault)
                                     : failed(error, lib, fault);
out:
    avifRWDataFree(&file);
    if (image)
        avifImageDestroy(image);
    if (lib)
        avifEncoderDestroy(lib);
    return result;
}
