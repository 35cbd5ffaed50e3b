/*
 * image.transform: one decode, any number of outputs. Rows go from the decoder to one resampler an
 * output; then each small picture is finished, encoded and let go.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "image.h"
#include "plan.h"

enum {
    ROWS_A_CHECK = 64,     /* rows between two looks at whether the job was cancelled */
    DECODED_PERMILLE = 600 /* how far a job is when all is decoded */
};

struct output {
    const struct output_options *options;
    struct plan plan;
    struct resampler *resampler;
    char name[IMAGE_MAX_NAME_BYTES + 32];
    uint32_t width, height;
    uint64_t bytes;
};

struct transform {
    struct row_sink sink; /* first: what the decoder calls */
    struct task *task;
    struct transform_options options;
    struct output outputs[IMAGE_MAX_OUTPUTS];
    uint32_t count;
    uint32_t rows;
};

/* --- Decoding ----------------------------------------------------------------------------------*/

static int on_begin(struct row_sink *sink, const struct raster *raster, struct fault *fault)
{
    struct transform *self = (struct transform *)sink;
    self->rows = raster->height;
    for (uint32_t i = 0; i < self->count; i++) {
        struct output *output = &self->outputs[i];
        const struct resample_spec spec = plan_spec(&output->plan, raster);
        if (resampler_new(&output->resampler, &spec, fault) != 0)
            return -1;
    }
    return 0;
}

static int on_row(struct row_sink *sink, const uint8_t *pixels, uint32_t y, struct fault *fault)
{
    struct transform *self = (struct transform *)sink;
    const struct task *task = self->task;
    if (y % ROWS_A_CHECK == 0) {
        if (task->host->cancelled(task->job))
            return fault_set(fault, FAULT_CANCELLED, "The job was cancelled.");
        uint64_t part = (uint64_t)y * DECODED_PERMILLE / self->rows;
        task->host->progress(task->job, (uint32_t)part, HUB_STR("decoding"));
    }
    for (uint32_t i = 0; i < self->count; i++)
        resampler_row(self->outputs[i].resampler, pixels, y);
    return 0;
}

static int decode(struct transform *self, struct fault *fault)
{
    double reduction = self->outputs[0].plan.reduction;
    for (uint32_t i = 1; i < self->count; i++) {
        if (self->outputs[i].plan.reduction < reduction)
            reduction = self->outputs[i].plan.reduction;
    }
    const struct task *task = self->task;
    return task->codec->decode(&task->source, &task->header, reduction, &self->sink, fault);
}

/* --- Encoding ----------------------------------------------------------------------------------*/

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

static bool is_cancelled(const void *context)
{
    const struct task *task = context;
    return task->host->cancelled(task->job);
}

static int open_artifact(const struct task *task, const struct output *output, int *ret_fd,
                         struct fault *fault)
{
    const char *type = output->plan.codec->media_type;
    int32_t fd;
    int32_t called = task->host->artifact(task->job, (hub_str){output->name, strlen(output->name)},
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

static int default_quality(const struct codec *codec)
{
    static const struct {
        const char *codec;
        int quality;
    } QUALITIES[] = {{"jpeg", 80}, {"webp", 80}, {"avif", 60}};
    for (size_t i = 0; i < sizeof(QUALITIES) / sizeof(QUALITIES[0]); i++) {
        if (strcmp(QUALITIES[i].codec, codec->name) == 0)
            return QUALITIES[i].quality;
    }
    return 100;
}

static int encode(const struct task *task, struct output *output, const struct pixmap *pixmap,
                  struct fault *fault)
{
    struct file_sink file = {.sink = {on_bytes}};
    if (open_artifact(task, output, &file.fd, fault) != 0)
        return -1;
    const struct codec *codec = output->plan.codec;
    int quality = output->options->quality;
    const struct encode_options options = {
        .quality = quality ? quality : default_quality(codec),
        .progressive = output->options->progressive,
        .cancelled = is_cancelled,
        .context = task,
    };
    if (codec->encode(pixmap, &options, &file.sink, fault) != 0)
        return -1;
    output->width = pixmap->width;
    output->height = pixmap->height;
    output->bytes = file.bytes;
    return 0;
}

static int finish_output(const struct task *task, struct output *output, struct fault *fault)
{
    struct pixmap pixmap;
    resampler_finish(output->resampler, &pixmap);
    resampler_free(output->resampler);
    output->resampler = NULL;
    int result = plan_finish(&output->plan, &pixmap, fault);
    if (result == 0 && is_cancelled(task))
        result = fault_set(fault, FAULT_CANCELLED, "The job was cancelled.");
    if (result == 0)
        result = encode(task, output, &pixmap, fault);
    pixmap_release(&pixmap);
    return result;
}

static int finish_outputs(struct transform *self, struct fault *fault)
{
    const struct task *task = self->task;
    for (uint32_t i = 0; i < self->count; i++) {
        char text[64];
        snprintf(text, sizeof(text), "encoding %u of %u", i + 1, self->count);
        uint32_t part = DECODED_PERMILLE + (1000 - DECODED_PERMILLE) * i / self->count;
        task->host->progress(task->job, part, (hub_str){text, strlen(text)});
        if (finish_output(task, &self->outputs[i], fault) != 0)
            return -1;
    }
    return 0;
}

/* --- Names and plans ---------------------------------------------------------------------------*/

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

/* STEM.EXT, or STEM-1.EXT, STEM-2.EXT, … */
static void name_output(struct transform *self, uint32_t index)
{
    struct output *output = &self->outputs[index];
    if (output->options->name[0]) {
        snprintf(output->name, sizeof(output->name), "%s", output->options->name);
        return;
    }
    const struct task *task = self->task;
    const hub_file *file = task->host->file(task->job, HUB_STR("/image"));
    char stem[IMAGE_MAX_NAME_BYTES];
    copy_stem(file ? file->name : (hub_str){0}, stem, sizeof(stem));
    const char *extension = output->plan.codec->extension;
    if (self->options.listed)
        snprintf(output->name, sizeof(output->name), "%s-%u.%s", stem, index + 1, extension);
    else
        snprintf(output->name, sizeof(output->name), "%s.%s", stem, extension);
}

static int make_plans(struct transform *self, struct fault *fault)
{
    const struct task *task = self->task;
    for (uint32_t i = 0; i < self->count; i++) {
        struct output *output = &self->outputs[i];
        output->options = &self->options.outputs[i];
        if (plan_make(&output->plan, output->options, task->codec, &task->header, fault) != 0)
            return -1;
        name_output(self, i);
    }
    return 0;
}

/* --- Result ------------------------------------------------------------------------------------*/

static void describe(const struct output *output, json_object *to)
{
    const struct codec *codec = output->plan.codec;
    json_object_object_add(to, "name", json_object_new_string(output->name));
    json_object_object_add(to, "format", json_object_new_string(codec->name));
    json_object_object_add(to, "media_type", json_object_new_string(codec->media_type));
    json_object_object_add(to, "width", json_object_new_int64(output->width));
    json_object_object_add(to, "height", json_object_new_int64(output->height));
    json_object_object_add(to, "bytes", json_object_new_int64((int64_t)output->bytes));
}

static void succeed(const struct transform *self)
{
    const struct task *task = self->task;
    json_object *result = json_object_new_object();
    json_object *input = json_object_new_object();
    json_object_object_add(input, "format", json_object_new_string(task->codec->name));
    json_object_object_add(input, "width", json_object_new_int64(task->header.width));
    json_object_object_add(input, "height", json_object_new_int64(task->header.height));
    json_object_object_add(input, "orientation", json_object_new_int(task->header.orientation));
    if (self->options.listed) {
        json_object *outputs = json_object_new_array();
        for (uint32_t i = 0; i < self->count; i++) {
            json_object *entry = json_object_new_object();
            describe(&self->outputs[i], entry);
            json_object_array_add(outputs, entry);
        }
        json_object_object_add(result, "outputs", outputs);
    } else {
        describe(&self->outputs[0], result);
    }
    json_object_object_add(result, "input", input);
    size_t len;
    const char *text =
        json_object_to_json_string_length(result, JSON_C_TO_STRING_NOSLASHESCAPE, &len);
    task->host->succeed(task->job, (hub_str){text, len});
    json_object_put(result);
}

int transform_run(struct task *task, struct fault *fault)
{
    struct transform *self = calloc(1, sizeof(*self));
    if (!self)
        return fault_memory(fault);
    self->sink = (struct row_sink){on_begin, on_row};
    self->task = task;
    int result = transform_options_read(&self->options, task->job->input, fault);
    self->count = result == 0 ? self->options.count : 0;
    if (result == 0)
        result = make_plans(self, fault);
    if (result == 0)
        result = decode(self, fault);
    if (result == 0)
        result = finish_outputs(self, fault);
    if (result == 0)
        succeed(self);
    for (uint32_t i = 0; i < self->count; i++)
        resampler_free(self->outputs[i].resampler);
    free(self);
    return result;
}
