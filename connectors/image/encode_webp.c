/*
 * Lossy WebP, with libwebp.
 */
#include <webp/encode.h>

#include "codec.h"

struct encoder {
    struct byte_sink *sink;
    const struct encode_options *options;
    struct fault *fault;
};

static int on_bytes(const uint8_t *data, size_t len, const WebPPicture *picture)
{
    struct encoder *self = picture->custom_ptr;
    return self->sink->write(self->sink, data, len, self->fault) == 0;
}

static int on_progress(int percent, const WebPPicture *picture)
{
    (void)percent;
    const struct encoder *self = picture->user_data;
    return !self->options->cancelled || !self->options->cancelled(self->options->context);
}

static int failed(WebPEncodingError error, struct fault *fault)
{
    switch (error) {
    case VP8_ENC_ERROR_OUT_OF_MEMORY:
    case VP8_ENC_ERROR_BITSTREAM_OUT_OF_MEMORY:
        return fault_memory(fault);
    case VP8_ENC_ERROR_USER_ABORT:
        return fault_set(fault, FAULT_CANCELLED, "The job was cancelled.");
    default:
        return fault_set(fault, FAULT_ENCODE, "The WebP can't be made: error %d.", (int)error);
    }
}

int webp_encode(const struct pixmap *pixmap, const struct encode_options *options,
                struct byte_sink *sink, struct fault *fault)
{
    struct encoder self = {sink, options, fault};
    WebPConfig config;
    WebPPicture picture;
    if (!WebPConfigPreset(&config, WEBP_PRESET_DEFAULT, (float)options->quality) ||
        !WebPPictureInit(&picture))
        return fault_set(fault, FAULT_ENCODE, "The WebP library does not fit its headers.");
    picture.width = (int)pixmap->width;
    picture.height = (int)pixmap->height;
    picture.writer = on_bytes;
    picture.custom_ptr = &self;
    picture.progress_hook = on_progress;
    picture.user_data = &self;
    int stride = (int)pixmap_stride(pixmap);
    bool made = pixmap->channels == 4 ? WebPPictureImportRGBA(&picture, pixmap->data, stride)
                                      : WebPPictureImportRGB(&picture, pixmap->data, stride);
    made = made && WebPEncode(&config, &picture);
    int result = made ? 0 : failed(picture.error_code, fault);
    WebPPictureFree(&picture);
    return result;
}
