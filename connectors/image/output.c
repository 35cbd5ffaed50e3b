#include "output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "colours.h"
#include "exif.h"

/* --- Where bytes go ----------------------------------------------------------------------------*/

struct file_sink {
    struct byte_sink sink; /* first: what the encoder calls */
    int fd;
    uint64_t bytes;
};

static int on_bytes(struct byte_sink *sink, const void *bytes, size_t len, struct fault *fault)
{
    struct file_sink *self = (struct file_sink *)sink;
    const char *at = bytes;
    self->bytes += len;
    while (len > 0) {
        ssize_t wrote = write(self->fd, at, len);
        if (wrote < 0 && errno != EINTR)
            return fault_set(fault, FAULT_STORAGE, "The result can't be written: %s.",
                             strerrordesc_np(errno));
        if (wrote > 0) {
            at += wrote;
            len -= (size_t)wrote;
        }
    }
    return 0;
}

struct memory_sink {
    struct byte_sink sink; /* first: what the encoder calls */
    struct buf bytes;
};

static int on_memory(struct byte_sink *sink, const void *bytes, size_t len, struct fault *fault)
{
    struct memory_sink *self = (struct memory_sink *)sink;
    buf_append(&self->bytes, bytes, len);
    return buf_failed(&self->bytes) ? fault_memory(fault) : 0;
}

static int open_artifact(const struct output *self, int *ret_fd, struct fault *fault)
{
    const struct input_file *input = self->input;
    const char *type = self->codec->media_type;
    int32_t fd;
    int32_t called = input->host->artifact(input->job, (hub_str){self->name, strlen(self->name)},
                                           (hub_str){type, strlen(type)}, &fd);
    if (called == HUB_CALL_INVALID)
        return fault_set(fault, FAULT_INVALID, "The host refuses the name of an output.");
    if (called == HUB_CALL_LIMIT)
        return fault_set(fault, FAULT_TOO_LARGE, "The host allows no more output files.");
    if (called == HUB_CALL_CLOSED)
        return fault_set(fault, FAULT_CANCELLED, "The job was cancelled.");
    if (called != HUB_CALL_OK)
        return fault_set(fault, FAULT_STORAGE, "The host gives no output file.");
    *ret_fd = fd;
    return 0;
}

static bool is_cancelled(const void *context)
{
    const struct input_file *input = context;
    return input->host->cancelled(input->job);
}

/* --- Format and metadata -----------------------------------------------------------------------*/

static int take_metadata(struct output *self, struct fault *fault)
{
    const struct input_file *input = self->input;
    enum metadata metadata = self->options->metadata;
    if (metadata == METADATA_STRIP || !input->header.has_exif || !input->codec->blob)
        return 0;
    struct blob exif = {0};
    if (input->codec->blob(&input->source, BLOB_EXIF, &exif, fault) != 0)
        return -1;
    int result = metadata == METADATA_KEEP
                     ? exif_keep(&exif, self->options->auto_orient, &self->encode.exif, fault)
                     : exif_copyright(&exif, &self->encode.exif, fault);
    free(exif.data);
    return result;
}

int output_choose(struct output *self, const struct output_options *options,
                  const struct input_file *input, bool animated, struct fault *fault)
{
    self->options = options;
    self->input = input;
    self->codec = options->format ? options->format : input->codec;
    if (options->negotiate)
        self->codec = codec_best(options->accept, input->header.has_alpha, animated);
    if (!self->codec->encode)
        return fault_set(fault, FAULT_UNSUPPORTED,
                         "There is no output in %s: say which format is wanted.",
                         self->codec->name);
    self->animated = animated && self->codec->animate;
    self->encode = options->encode;
    self->encode.cancelled = is_cancelled;
    self->encode.context = input;
    if (self->encode.quality == 0)
        self->encode.quality = self->codec->quality;
    if (self->encode.loop < 0)
        self->encode.loop = (int)input->header.loop;
    self->quality = self->codec->quality > 0 ? self->encode.quality : 0;
    return take_metadata(self, fault);
}

/* Bytes of the upload's name without its extension; what the host could refuse is left out. */
static void copy_stem(hub_str name, char *stem, size_t size)
{
    size_t len = 0;
    const char *dot = name.len ? memrchr(name.ptr, '.', name.len) : NULL;
    size_t end = dot && dot > name.ptr ? (size_t)(dot - name.ptr) : name.len;
    for (size_t i = 0; i < end && len + 1 < size; i++) {
        unsigned char byte = (unsigned char)name.ptr[i];
        if (byte >= 0x20 && byte < 0x7f && byte != '/' && byte != '\\')
            stem[len++] = (char)byte;
    }
    stem[len] = '\0';
    if (len == 0 || stem[0] == '.')
        snprintf(stem, size, "image");
}

void output_name(struct output *self, hub_str input_name, uint32_t index)
{
    if (self->options->name[0]) {
        snprintf(self->name, sizeof(self->name), "%s", self->options->name);
        return;
    }
    char stem[IMAGE_MAX_NAME_BYTES];
    copy_stem(input_name, stem, sizeof(stem));
    const char *extension = self->codec->extension;
    if (index > 0)
        snprintf(self->name, sizeof(self->name), "%s-%u.%s", stem, index, extension);
    else
        snprintf(self->name, sizeof(self->name), "%s.%s", stem, extension);
}

/* --- Writing -----------------------------------------------------------------------------------*/

static int write_still(struct output *self, const struct pixmap *pixmap, struct fault *fault)
{
    struct file_sink file = {.sink = {on_bytes}};
    if (open_artifact(self, &file.fd, fault) != 0 ||
        self->codec->encode(pixmap, &self->encode, &file.sink, fault) != 0)
        return -1;
    self->bytes = file.bytes;
    return 0;
}

/* The best quality whose file is small enough, by halving the range. What fits best so far is kept,
 * so that it need not be made again. */
static int search_quality(struct output *self, const struct pixmap *pixmap, struct buf *best,
                          struct fault *fault)
{
    int low = 1, high = self->encode.quality;
    int next = high; /* it may fit as it is */
    while (low <= high) {
        struct memory_sink memory = {.sink = {on_memory}};
        buf_init(&memory.bytes, BUF_NO_LIMIT);
        self->encode.quality = next;
        if (self->codec->encode(pixmap, &self->encode, &memory.sink, fault) != 0) {
            buf_release(&memory.bytes);
            return -1;
        }
        if (memory.bytes.len <= self->options->max_bytes) {
            buf_release(best);
            *best = memory.bytes;
            self->quality = next;
            low = next + 1;
        } else {
            buf_release(&memory.bytes);
            high = next - 1;
        }
        next = (low + high) / 2;
    }
    if (best->len > 0)
        return 0;
    return fault_set(fault, FAULT_TOO_LARGE, "The %s can't be made in %llu bytes at any quality.",
                     self->codec->name, (unsigned long long)self->options->max_bytes);
}

static int write_small(struct output *self, const struct pixmap *pixmap, struct fault *fault)
{
    struct file_sink file = {.sink = {on_bytes}};
    struct buf best;
    buf_init(&best, BUF_NO_LIMIT);
    /* Formats without a quality get one try. */
    if (self->codec->quality == 0 || self->encode.lossless)
        self->encode.quality = 1;
    int result = search_quality(self, pixmap, &best, fault);
    if (result == 0)
        result = open_artifact(self, &file.fd, fault);
    if (result == 0)
        result = on_bytes(&file.sink, best.ptr, best.len, fault);
    self->bytes = file.bytes;
    buf_release(&best);
    return result;
}

static int add_frame(struct output *self, const struct pixmap *pixmap, uint32_t delay_ms,
                     struct fault *fault)
{
    if (self->encode.delay >= 0)
        delay_ms = (uint32_t)self->encode.delay;
    if (!self->animator && self->codec->animate(pixmap->width, pixmap->height, &self->encode,
                                                &self->animator, fault) != 0)
        return -1;
    if (pixmap->width != self->width || pixmap->height != self->height)
        return fault_set(fault, FAULT_INVALID,
                         "The steps make frames of different sizes, which no animation can have.");
    return self->animator->add(self->animator, pixmap, delay_ms, fault);
}

/* --- Frames ------------------------------------------------------------------------------------*/

static bool is_geometric(const struct step *step)
{
    return step->operation->apply == apply_extract || step->operation->apply == apply_flip ||
           step->operation->apply == apply_flop;
}

static int do_steps(const struct output *self, struct pixmap *pixmap, struct fault *fault)
{
    const struct stage stage = {self->options->background, self->input};
    for (uint32_t i = 0; i < self->options->step_count; i++) {
        const struct step *step = &self->options->steps[i];
        if (!is_geometric(step))
            pixmap_shallow(pixmap);
        if (input_check(self->input, fault) != 0 || step_apply(step, pixmap, &stage, fault) != 0)
            return -1;
    }
    if (self->plan.opaque)
        pixmap_flatten(pixmap, self->plan.background);
    if (self->encode.depth != 16)
        pixmap_shallow(pixmap);
    return plan_check_size(pixmap->width, pixmap->height, fault);
}

static int output_frame(struct output *self, struct pixmap *pixmap, uint32_t delay_ms,
                        struct fault *fault)
{
    colours_apply(self->input->colours, pixmap);
    if (plan_finish(&self->plan, pixmap, fault) != 0 || do_steps(self, pixmap, fault) != 0 ||
        input_check(self->input, fault) != 0)
        return -1;
    if (self->frames++ == 0) {
        self->width = pixmap->width;
        self->height = pixmap->height;
    }
    if (self->animated)
        return add_frame(self, pixmap, delay_ms, fault);
    return self->options->max_bytes > 0 ? write_small(self, pixmap, fault)
                                        : write_still(self, pixmap, fault);
}

int output_finish(struct output *self, uint32_t delay_ms, struct fault *fault)
{
    struct pixmap pixmap;
    resampler_finish(self->resampler, &pixmap);
    resampler_free(self->resampler);
    self->resampler = NULL;
    int result = output_frame(self, &pixmap, delay_ms, fault);
    pixmap_release(&pixmap);
    return result;
}

int output_picture(struct output *self, const struct pixmap *canvas, uint32_t delay_ms,
                   struct fault *fault)
{
    const struct raster raster = {canvas->width, canvas->height, canvas->channels, 1, 1,
                                  canvas->depth};
    const struct resample_spec spec = plan_spec(&self->plan, &raster);
    if (resampler_new(&self->resampler, &spec, fault) != 0)
        return -1;
    for (uint32_t y = 0; y < canvas->height; y++)
        resampler_row(self->resampler, pixmap_row(canvas, y), y);
    return output_finish(self, delay_ms, fault);
}

int output_close(struct output *self, struct fault *fault)
{
    if (!self->animator)
        return 0;
    struct file_sink file = {.sink = {on_bytes}};
    if (open_artifact(self, &file.fd, fault) != 0 ||
        self->animator->finish(self->animator, &file.sink, fault) != 0)
        return -1;
    self->bytes = file.bytes;
    if (self->options->max_bytes > 0 && self->bytes > self->options->max_bytes)
        return fault_set(fault, FAULT_TOO_LARGE, "The animation has %llu bytes.",
                         (unsigned long long)self->bytes);
    return 0;
}

void output_release(struct output *self)
{
    resampler_free(self->resampler);
    if (self->animator)
        self->animator->free(self->animator);
    free(self->encode.exif.data);
    *self = (struct output){0};
}

/* --- Result ------------------------------------------------------------------------------------*/

void output_describe(const struct output *self, struct buf *json)
{
    buf_append_c(json, "\"name\":");
    buf_append_json_string(json, str_from_c(self->name));
    buf_append_format(json,
                      ",\"format\":\"%s\",\"media_type\":\"%s\",\"width\":%u,\"height\":%u,"
                      "\"bytes\":%llu",
                      self->codec->name, self->codec->media_type, self->width, self->height,
                      (unsigned long long)self->bytes);
    if (self->quality > 0)
        buf_append_format(json, ",\"quality\":%d", self->quality);
    if (self->animated)
        buf_append_format(json, ",\"frames\":%u", self->frames);
}

int output_succeed(const hub_host *host, hub_job *job, struct buf *json, struct fault *fault)
{
    if (buf_failed(json))
        return fault_memory(fault);
    host->succeed(job, (hub_str){json->ptr, json->len});
    return 0;
}
