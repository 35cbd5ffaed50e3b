/*
 * WebP, with libwebp: lossy or not, stills and animations.
 */
#include <stdlib.h>

#include <webp/encode.h>
#include <webp/mux.h>

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

static int misfit(struct fault *fault)
{
    return fault_set(fault, FAULT_ENCODE, "The WebP library does not fit its headers.");
}

static bool configure(WebPConfig *config, const struct encode_options *options)
{
    if (!WebPConfigPreset(config, WEBP_PRESET_DEFAULT, (float)options->quality))
        return false;
    config->lossless = options->lossless || options->near_lossless >= 0;
    if (options->near_lossless >= 0)
        config->near_lossless = options->near_lossless;
    if (options->effort >= 0)
        config->method = (options->effort * 6 + 5) / 10;
    /* Of lossless coding, quality is effort. */
    if (config->lossless)
        config->quality = options->effort >= 0 ? (float)options->effort * 10 : 60;
    return WebPValidateConfig(config);
}

static bool import(WebPPicture *picture, const struct pixmap *pixmap, const WebPConfig *config)
{
    picture->use_argb = config->lossless;
    picture->width = (int)pixmap->width;
    picture->height = (int)pixmap->height;
    int stride = (int)pixmap_stride(pixmap);
    return pixmap->channels == 4 ? WebPPictureImportRGBA(picture, pixmap->data, stride)
                                 : WebPPictureImportRGB(picture, pixmap->data, stride);
}

/* A file with metadata beside the picture (RFC 9649, 2.7). */
static int write_with_exif(const WebPData *picture, const struct blob *exif, struct byte_sink *sink,
                           struct fault *fault)
{
    int result = -1;
    WebPData file = {0};
    const WebPData bytes = {exif->data, exif->len};
    WebPMux *mux = WebPMuxNew();
    if (mux && WebPMuxSetImage(mux, picture, 0) == WEBP_MUX_OK &&
        WebPMuxSetChunk(mux, "EXIF", &bytes, 0) == WEBP_MUX_OK &&
        WebPMuxAssemble(mux, &file) == WEBP_MUX_OK)
        result = sink->write(sink, file.bytes, file.size, fault);
    else
        fault_memory(fault);
    WebPDataClear(&file);
    WebPMuxDelete(mux);
    return result;
}

static int encode(const struct pixmap *pixmap, const WebPConfig *config, WebPWriterFunction writer,
                  void *to, struct encoder *self)
{
    WebPPicture picture;
    if (!WebPPictureInit(&picture))
        return misfit(self->fault);
    picture.writer = writer;
    picture.custom_ptr = to;
    picture.progress_hook = on_progress;
    picture.user_data = self;
    bool made = import(&picture, pixmap, config) && WebPEncode(config, &picture);
    int result = made ? 0 : failed(picture.error_code, self->fault);
    WebPPictureFree(&picture);
    return result;
}

int webp_encode(const struct pixmap *pixmap, const struct encode_options *options,
                struct byte_sink *sink, struct fault *fault)
{
    struct encoder self = {sink, options, fault};
    WebPConfig config;
    if (!configure(&config, options))
        return misfit(fault);
    if (options->exif.len == 0)
        return encode(pixmap, &config, on_bytes, &self, &self);
    WebPMemoryWriter memory;
    WebPMemoryWriterInit(&memory);
    int result = encode(pixmap, &config, WebPMemoryWrite, &memory, &self);
    const WebPData picture = {memory.mem, memory.size};
    if (result == 0)
        result = write_with_exif(&picture, &options->exif, sink, fault);
    WebPMemoryWriterClear(&memory);
    return result;
}

/* --- Animations --------------------------------------------------------------------------------*/

struct webp_animator {
    struct animator animator; /* first */
    struct encoder encoder;
    WebPAnimEncoder *lib;
    WebPConfig config;
    int now; /* ms */
};

static int add(struct animator *animator, const struct pixmap *frame, uint32_t delay_ms,
               struct fault *fault)
{
    struct webp_animator *self = (struct webp_animator *)animator;
    WebPPicture picture;
    if (!WebPPictureInit(&picture))
        return misfit(fault);
    picture.progress_hook = on_progress;
    picture.user_data = &self->encoder;
    const WebPConfig as_argb = {.lossless = 1}; /* the library compares frames pixel by pixel */
    bool made = import(&picture, frame, &as_argb) &&
                WebPAnimEncoderAdd(self->lib, &picture, self->now, &self->config);
    int result = made ? 0 : failed(picture.error_code, fault);
    WebPPictureFree(&picture);
    self->now += (int)(delay_ms < 655350 ? delay_ms : 655350);
    return result;
}

static int finish(struct animator *animator, struct byte_sink *sink, struct fault *fault)
{
    struct webp_animator *self = (struct webp_animator *)animator;
    WebPData file = {0};
    int result;
    if (WebPAnimEncoderAdd(self->lib, NULL, self->now, NULL) &&
        WebPAnimEncoderAssemble(self->lib, &file))
        result = sink->write(sink, file.bytes, file.size, fault);
    else
        result = fault_set(fault, FAULT_ENCODE, "The WebP can't be made: %.160s.",
                           WebPAnimEncoderGetError(self->lib));
    WebPDataClear(&file);
    return result;
}

static void release(struct animator *animator)
{
    struct webp_animator *self = (struct webp_animator *)animator;
    WebPAnimEncoderDelete(self->lib);
    free(self);
}

int webp_animate(uint32_t width, uint32_t height, const struct encode_options *options,
                 struct animator **ret_animator, struct fault *fault)
{
    struct webp_animator *self = calloc(1, sizeof(*self));
    if (!self)
        return fault_memory(fault);
    self->animator = (struct animator){add, finish, release};
    self->encoder.options = options;
    WebPAnimEncoderOptions how;
    bool fits = WebPAnimEncoderOptionsInit(&how) && configure(&self->config, options);
    how.anim_params.loop_count = options->loop;
    if (fits)
        self->lib = WebPAnimEncoderNew((int)width, (int)height, &how);
    if (self->lib) {
        *ret_animator = &self->animator;
        return 0;
    }
    free(self);
    return fits ? fault_memory(fault) : misfit(fault);
}
