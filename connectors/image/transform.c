/*
 * image.transform: one decode, any number of outputs. Rows go from the decoder to one resampler an
 * output; then each small picture is finished, encoded and let go. Frames of an animation do the
 * same one after the other.
 */
#include <stdio.h>
#include <stdlib.h>

#include "image.h"
#include "output.h"

enum {
    ROWS_A_CHECK = 64,     /* rows between two looks at whether the job was cancelled */
    DECODED_PERMILLE = 600 /* how far a job is when all is decoded */
};

struct transform {
    struct row_sink rows; /* first: what the decoder of a still calls */
    struct frame_sink frames;
    const hub_host *host;
    hub_job *job;
    struct input_file input;
    struct transform_options options;
    struct output outputs[IMAGE_MAX_OUTPUTS];
    uint32_t count;
    uint32_t height;      /* rows to come */
    uint32_t frame_count; /* frames to come */
    uint32_t frame;
};

/* --- Stills ------------------------------------------------------------------------------------*/

static int on_begin(struct row_sink *sink, const struct raster *raster, struct fault *fault)
{
    struct transform *self = (struct transform *)sink;
    self->height = raster->height;
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
    if (y % ROWS_A_CHECK == 0) {
        if (input_check(&self->input, fault) != 0)
            return -1;
        uint64_t part = (uint64_t)y * DECODED_PERMILLE / self->height;
        self->host->progress(self->job, (uint32_t)part, HUB_STR("decoding"));
    }
    for (uint32_t i = 0; i < self->count; i++)
        resampler_row(self->outputs[i].resampler, pixels, y);
    return 0;
}

static int run_still(struct transform *self, struct fault *fault)
{
    const struct input_file *input = &self->input;
    struct decode_request request = {self->outputs[0].plan.reduction, false};
    for (uint32_t i = 0; i < self->count; i++) {
        if (self->outputs[i].plan.reduction < request.reduction)
            request.reduction = self->outputs[i].plan.reduction;
        if (self->outputs[i].encode.depth == 16)
            request.deep = input->header.depth > 8;
    }
    if (input->codec->decode(&input->source, &input->header, &request, &self->rows, fault) != 0)
        return -1;
    for (uint32_t i = 0; i < self->count; i++) {
        char text[64];
        snprintf(text, sizeof(text), "encoding %u of %u", i + 1, self->count);
        uint32_t part = DECODED_PERMILLE + (1000 - DECODED_PERMILLE) * i / self->count;
        self->host->progress(self->job, part, (hub_str){text, strlen(text)});
        if (output_finish(&self->outputs[i], 0, fault) != 0)
            return -1;
    }
    return 0;
}

/* --- Animations --------------------------------------------------------------------------------*/

static int on_frame(struct frame_sink *sink, const struct pixmap *canvas, uint32_t delay_ms,
                    struct fault *fault)
{
    struct transform *self =
        (struct transform *)(void *)((char *)sink - offsetof(struct transform, frames));
    uint32_t part = (uint32_t)(self->frame * 1000ull / self->frame_count);
    self->host->progress(self->job, part, HUB_STR("converting frames"));
    for (uint32_t i = 0; i < self->count; i++) {
        struct output *output = &self->outputs[i];
        bool wanted = self->frame == 0 || output->animated;
        if (wanted && output_picture(output, canvas, delay_ms, fault) != 0)
            return -1;
    }
    self->frame++;
    return input_check(&self->input, fault);
}

static int run_frames(struct transform *self, struct fault *fault)
{
    const struct input_file *input = &self->input;
    if (input->codec->frames(&input->source, &input->header, &self->options.frames, &self->frames,
                             fault) != 0)
        return -1;
    for (uint32_t i = 0; i < self->count; i++) {
        if (output_close(&self->outputs[i], fault) != 0)
            return -1;
    }
    return 0;
}

/* Which frames are wanted, and whether there are few enough. */
static int choose_frames(struct transform *self, struct fault *fault)
{
    const struct image_header *header = &self->input.header;
    struct frame_range *range = &self->options.frames;
    if (self->input.codec->pages) { /* the one that is wanted has been opened */
        *range = (struct frame_range){0, 1};
        self->frame_count = 1;
        return 0;
    }
    /* Of animated PNGs the first frame only can be decoded. */
    uint32_t readable = self->input.codec->frames ? header->frames : 1;
    if (range->first >= readable)
        return fault_set(fault, FAULT_INVALID, "There is no page %u to be read: %s has %u of %u.",
                         range->first, self->input.codec->name, readable, header->frames);
    uint32_t left = readable - range->first;
    self->frame_count = range->pages < left ? range->pages : left;
    /* Frames before the first one wanted are decoded too. */
    uint64_t decoded = (uint64_t)range->first + self->frame_count;
    if (decoded > IMAGE_MAX_FRAMES)
        return fault_set(fault, FAULT_TOO_LARGE, "The animation has %u frames; at most %d do.",
                         header->frames, IMAGE_MAX_FRAMES);
    if (decoded * header->width * header->height > IMAGE_MAX_PIXELS)
        return fault_set(fault, FAULT_TOO_LARGE,
                         "The frames have %u × %u × %llu pixels; at most %d in all are accepted.",
                         header->width, header->height, (unsigned long long)decoded,
                         IMAGE_MAX_PIXELS);
    range->pages = self->frame_count;
    return 0;
}

/* --- The whole ---------------------------------------------------------------------------------*/

static int make_plans(struct transform *self, struct fault *fault)
{
    bool animated = self->frame_count > 1;
    for (; self->count < self->options.count; self->count++) {
        uint32_t i = self->count;
        struct output *output = &self->outputs[i];
        const struct output_options *options = &self->options.outputs[i];
        if (output_choose(output, options, &self->input, animated, fault) != 0)
            return -1;
        output_name(output, self->input.file->name, self->options.listed ? i + 1 : 0);
        if (plan_make(&output->plan, options, output->codec, &self->input.header, fault) != 0)
            return -1;
    }
    return 0;
}

static int succeed(const struct transform *self, struct fault *fault)
{
    const struct image_header *header = &self->input.header;
    struct buf json;
    buf_init(&json, BUF_NO_LIMIT);
    buf_append_char(&json, '{');
    if (self->options.listed)
        buf_append_c(&json, "\"outputs\":[");
    for (uint32_t i = 0; i < self->count; i++) {
        if (self->options.listed)
            buf_append_c(&json, i > 0 ? ",{" : "{");
        output_describe(&self->outputs[i], &json);
        if (self->options.listed)
            buf_append_char(&json, '}');
    }
    buf_append_format(&json,
                      "%s,\"input\":{\"format\":\"%s\",\"width\":%u,\"height\":%u,"
                      "\"orientation\":%d}}",
                      self->options.listed ? "]" : "", self->input.codec->name, header->width,
                      header->height, header->orientation);
    int result = output_succeed(self->host, self->job, &json, fault);
    buf_release(&json);
    return result;
}

static int run(struct transform *self, struct fault *fault)
{
    if (transform_options_read(&self->options, self->job->input, fault) != 0 ||
        input_open(&self->input, self->host, self->job, "/image", self->options.frames.first,
                   fault) != 0 ||
        choose_frames(self, fault) != 0 || make_plans(self, fault) != 0)
        return -1;
    bool frames = self->frame_count > 1 || self->options.frames.first > 0;
    if ((frames ? run_frames(self, fault) : run_still(self, fault)) != 0)
        return -1;
    return succeed(self, fault);
}

int transform_run(const hub_host *host, hub_job *job, struct fault *fault)
{
    struct transform *self = calloc(1, sizeof(*self));
    if (!self)
        return fault_memory(fault);
    self->rows = (struct row_sink){on_begin, on_row};
    self->frames = (struct frame_sink){on_frame};
    self->host = host;
    self->job = job;
    int result = run(self, fault);
    for (uint32_t i = 0; i < IMAGE_MAX_OUTPUTS; i++)
        output_release(&self->outputs[i]);
    input_close(&self->input);
    transform_options_release(&self->options);
    free(self);
    return result;
}
