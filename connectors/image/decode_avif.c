/*
 * AVIF, with libavif (dav1d underneath).
 */
#include <avif/avif.h>

#include "codec.h"
#include "limits.h"

static int failed(avifResult error, struct fault *fault)
{
    switch (error) {
    case AVIF_RESULT_OUT_OF_MEMORY:
        return fault_memory(fault);
    case AVIF_RESULT_TRUNCATED_DATA:
        return fault_set(fault, FAULT_INVALID, "The AVIF file is cut short.");
    case AVIF_RESULT_NO_CODEC_AVAILABLE:
    case AVIF_RESULT_UNSUPPORTED_DEPTH:
        return fault_set(fault, FAULT_UNSUPPORTED, "This kind of AVIF is not supported: %s.",
                         avifResultToString(error));
    default:
        return fault_set(fault, FAULT_INVALID, "The AVIF can't be decoded: %s.",
                         avifResultToString(error));
    }
}

/* AVIF tells its orientation by a turn against the clock (irot) and then a mirror (imir), which
 * together are one of EXIF's eight. [turns][0: none, 1: top and bottom, 2: left and right] */
static int orientation_of(const avifImage *image)
{
    static const int EXIF[4][3] = {{1, 4, 2}, {8, 7, 5}, {3, 2, 4}, {6, 5, 7}};
    int turns = image->transformFlags & AVIF_TRANSFORM_IROT ? image->irot.angle % 4 : 0;
    int mirror = image->transformFlags & AVIF_TRANSFORM_IMIR ? image->imir.mode % 2 + 1 : 0;
    return EXIF[turns][mirror];
}

static avifResult parse(avifDecoder *lib, const struct source *source)
{
    lib->maxThreads = 1;
    lib->ignoreXMP = AVIF_TRUE;
    lib->imageSizeLimit = IMAGE_MAX_PIXELS;
    lib->imageDimensionLimit = IMAGE_MAX_INPUT_SIDE;
    lib->strictFlags = AVIF_STRICT_DISABLED;
    avifResult error = avifDecoderSetIOMemory(lib, source->data, source->len);
    return error == AVIF_RESULT_OK ? avifDecoderParse(lib) : error;
}

static void describe(const avifDecoder *lib, struct image_header *header)
{
    const avifImage *image = lib->image;
    bool grey = image->yuvFormat == AVIF_PIXEL_FORMAT_YUV400;
    header->width = image->width;
    header->height = image->height;
    header->depth = image->depth;
    header->has_alpha = lib->alphaPresent;
    header->channels = (grey ? 1 : 3) + (lib->alphaPresent ? 1 : 0);
    header->frames = lib->imageCount > 0 ? (uint32_t)lib->imageCount : 1;
    header->has_icc = image->icc.size > 0;
    header->has_exif = image->exif.size > 0;
    header->grey = grey;
    header->orientation = orientation_of(image);
}

int avif_header(const struct source *source, struct image_header *ret_header, struct fault *fault)
{
    avifDecoder *lib = avifDecoderCreate();
    if (!lib)
        return fault_memory(fault);
    avifResult error = parse(lib, source);
    int result = 0;
    if (error == AVIF_RESULT_OK)
        describe(lib, ret_header);
    else
        result = failed(error, fault);
    avifDecoderDestroy(lib);
    return result;
}

static int to_rgb(const avifImage *image, bool alpha, struct pixmap *ret_pixmap,
                  struct fault *fault)
{
    if (pixmap_init(ret_pixmap, image->width, image->height, alpha ? 4 : 3, fault) != 0)
        return -1;
    avifRGBImage rgb;
    avifRGBImageSetDefaults(&rgb, image);
    rgb.depth = 8;
    rgb.format = alpha ? AVIF_RGB_FORMAT_RGBA : AVIF_RGB_FORMAT_RGB;
    rgb.pixels = ret_pixmap->data;
    rgb.rowBytes = (uint32_t)pixmap_stride(ret_pixmap);
    avifResult error = avifImageYUVToRGB(image, &rgb);
    if (error == AVIF_RESULT_OK)
        return 0;
    pixmap_release(ret_pixmap);
    return failed(error, fault);
}

static int next_picture(avifDecoder *lib, const struct image_header *header, bool alpha,
                        struct pixmap *ret_pixmap, struct fault *fault)
{
    avifResult error = avifDecoderNextImage(lib);
    if (error != AVIF_RESULT_OK)
        return failed(error, fault);
    if (lib->image->width != header->width || lib->image->height != header->height)
        return fault_set(fault, FAULT_INVALID, "The AVIF's header and its data disagree.");
    return to_rgb(lib->image, alpha, ret_pixmap, fault);
}

int avif_decode(const struct source *source, const struct image_header *header,
                const struct decode_request *request, struct row_sink *sink, struct fault *fault)
{
    (void)request;
    avifDecoder *lib = avifDecoderCreate();
    if (!lib)
        return fault_memory(fault);
    struct pixmap pixmap = {0};
    avifResult error = parse(lib, source);
    int result = error == AVIF_RESULT_OK
                     ? next_picture(lib, header, header->has_alpha, &pixmap, fault)
                     : failed(error, fault);
    if (result == 0)
        result = sink_pixmap(sink, &pixmap, 1, 1, fault);
    pixmap_release(&pixmap);
    avifDecoderDestroy(lib);
    return result;
}

static int deliver_frames(avifDecoder *lib, const struct image_header *header,
                          const struct frame_range *range, struct frame_sink *sink,
                          struct fault *fault)
{
    for (uint32_t i = 0; i < range->first + range->pages; i++) {
        struct pixmap canvas;
        if (next_picture(lib, header, true, &canvas, fault) != 0)
            return -1;
        uint32_t delay_ms = (uint32_t)(lib->imageTiming.duration * 1000 + 0.5);
        int result = i >= range->first ? sink->frame(sink, &canvas, delay_ms, fault) : 0;
        pixmap_release(&canvas);
        if (result != 0)
            return -1;
    }
    return 0;
}

int avif_frames(const struct source *source, const struct image_header *header,
                const struct frame_range *range, struct frame_sink *sink, struct fault *fault)
{
    avifDecoder *lib = avifDecoderCreate();
    if (!lib)
        return fault_memory(fault);
    avifResult error = parse(lib, source);
    int result = error == AVIF_RESULT_OK ? deliver_frames(lib, header, range, sink, fault)
                                         : failed(error, fault);
    avifDecoderDestroy(lib);
    return result;
}

int avif_blob(const struct source *source, enum blob_kind kind, struct blob *ret_blob,
              struct fault *fault)
{
    avifDecoder *lib = avifDecoderCreate();
    if (!lib)
        return fault_memory(fault);
    int result = 0;
    if (parse(lib, source) == AVIF_RESULT_OK) {
        const avifRWData *data = kind == BLOB_ICC ? &lib->image->icc : &lib->image->exif;
        result = blob_copy(ret_blob, data->data, data->size, fault);
    }
    avifDecoderDestroy(lib);
    return result;
}
