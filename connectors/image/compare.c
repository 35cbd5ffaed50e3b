/*
 * image.compare: how much two pictures differ.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

#include "image.h"
#include "output.h"

struct difference {
    double squares; /* sum over all samples */
    uint64_t sum, samples;
    uint64_t pixels; /* that differ at all */
    uint32_t most;
};

static struct difference measure(const struct pixmap *one, const struct pixmap *other)
{
    struct difference self = {0};
    size_t count = pixmap_count(one);
    const uint8_t *a = one->data, *b = other->data;
    self.samples = count * one->channels;
    for (size_t i = 0; i < count; i++) {
        bool differs = false;
        for (uint32_t c = 0; c < one->channels; c++, a++, b++) {
            uint32_t by = (uint32_t)abs(*a - *b);
            self.squares += by * by;
            self.sum += by;
            self.most = by > self.most ? by : self.most;
            differs |= by > 0;
        }
        self.pixels += differs;
    }
    return self;
}

/* --- Structural similarity ---------------------------------------------------------------------
 * Wang, Bovik, Sheikh and Simoncelli (2004), of lightness, in windows of 8 × 8 at every 4th pixel.
 */

enum { WINDOW = 8, STEP = 4 };

static double luma_of(const struct pixmap *pixmap, uint32_t x, uint32_t y)
{
    const uint8_t *pixel = pixmap_at(pixmap, x, y);
    double alpha = pixmap->channels == 4 ? pixel[3] / 255.0 : 1;
    return (0.2126 * pixel[0] + 0.7152 * pixel[1] + 0.0722 * pixel[2]) * alpha;
}

static double window_similarity(const struct pixmap *one, const struct pixmap *other, uint32_t left,
                                uint32_t top, uint32_t width, uint32_t height)
{
    const double c1 = 0.01 * 255 * 0.01 * 255, c2 = 0.03 * 255 * 0.03 * 255;
    double sum_a = 0, sum_b = 0, square_a = 0, square_b = 0, product = 0;
    for (uint32_t y = top; y < top + height; y++) {
        for (uint32_t x = left; x < left + width; x++) {
            double a = luma_of(one, x, y), b = luma_of(other, x, y);
            sum_a += a;
            sum_b += b;
            square_a += a * a;
            square_b += b * b;
            product += a * b;
        }
    }
    double n = (double)width * height;
    double mean_a = sum_a / n, mean_b = sum_b / n;
    double variances = square_a / n - mean_a * mean_a + square_b / n - mean_b * mean_b;
    double covariance = product / n - mean_a * mean_b;
    return ((2 * mean_a * mean_b + c1) * (2 * covariance + c2)) /
           ((mean_a * mean_a + mean_b * mean_b + c1) * (variances + c2));
}

static double similarity(const struct pixmap *one, const struct pixmap *other)
{
    uint32_t width = one->width < WINDOW ? one->width : WINDOW;
    uint32_t height = one->height < WINDOW ? one->height : WINDOW;
    double sum = 0;
    uint64_t count = 0;
    for (uint32_t y = 0; y + height <= one->height; y += STEP) {
        for (uint32_t x = 0; x + width <= one->width; x += STEP, count++)
            sum += window_similarity(one, other, x, y, width, height);
    }
    return sum / (double)count;
}

/* --- The difference as a picture ---------------------------------------------------------------*/

static void subtract(struct pixmap *one, const struct pixmap *other, uint32_t amplify)
{
    size_t count = pixmap_count(one);
    uint8_t *to = one->data;
    const uint8_t *from = other->data;
    for (size_t i = 0; i < count; i++, to += one->channels, from += one->channels) {
        for (uint32_t c = 0; c < 3; c++) {
            uint32_t by = (uint32_t)abs(to[c] - from[c]) * amplify;
            to[c] = (uint8_t)(by < 255 ? by : 255);
        }
        if (one->channels == 4)
            to[3] = 255;
    }
}

static int write_difference(const struct input_file *input, struct pixmap *one,
                            const struct pixmap *other, uint32_t amplify, struct buf *json,
                            struct fault *fault)
{
    struct output_options *options = malloc(sizeof(*options));
    struct output output = {0};
    struct input_file pretended;
    if (!options)
        return fault_memory(fault);
    output_options_init(options);
    input_pretend(&pretended, input->host, input->job, one->width, one->height);
    subtract(one, other, amplify);
    int result = output_choose(&output, options, &pretended, false, fault);
    output_name(&output, (hub_str)HUB_STR_INIT("difference.png"), 0);
    if (result == 0)
        result = plan_make(&output.plan, options, output.codec, &pretended.header, fault);
    if (result == 0)
        result = output_picture(&output, one, 0, fault);
    buf_append_c(json, ",\"difference\":{");
    if (result == 0)
        output_describe(&output, json);
    buf_append_char(json, '}');
    output_release(&output);
    free(options);
    return result;
}

/* --- The whole ---------------------------------------------------------------------------------*/

struct comparison {
    struct input_file inputs[2];
    struct pixmap pictures[2];
    bool resize, difference;
    int64_t amplify;
};

static int read_pictures(struct comparison *self, const hub_host *host, hub_job *job,
                         struct fault *fault)
{
    static const char *const POINTERS[] = {"/image", "/other"};
    struct output_options *options = malloc(sizeof(*options));
    if (!options)
        return fault_memory(fault);
    output_options_init(options);
    int result = 0;
    for (int i = 0; i < 2 && result == 0; i++) {
        if (i == 1 && self->resize) {
            options->head.width = self->pictures[0].width;
            options->head.height = self->pictures[0].height;
            options->head.fit = FIT_FILL;
        }
        result = input_open(&self->inputs[i], host, job, POINTERS[i], 0, fault);
        if (result == 0)
            result = input_read(&self->inputs[i], options, &self->pictures[i], fault);
    }
    free(options);
    return result;
}

static int make_alike(struct comparison *self, struct fault *fault)
{
    struct pixmap *one = &self->pictures[0], *other = &self->pictures[1];
    if (one->width != other->width || one->height != other->height)
        return fault_set(fault, FAULT_INVALID,
                         "The pictures are %u × %u and %u × %u; with `resize` the other is made as "
                         "large as the first.",
                         one->width, one->height, other->width, other->height);
    if (one->channels == other->channels)
        return 0;
    return pixmap_add_alpha(one->channels == 3 ? one : other, fault);
}

static int compare(struct comparison *self, struct buf *json, struct fault *fault)
{
    struct pixmap *one = &self->pictures[0], *other = &self->pictures[1];
    const struct difference by = measure(one, other);
    buf_append_format(json,
                      "{\"width\":%u,\"height\":%u,\"identical\":%s,\"ssim\":%.6f,"
                      "\"mean_error\":%.4f,\"max_error\":%u,\"differing_pixels\":%llu",
                      one->width, one->height, by.pixels ? "false" : "true", similarity(one, other),
                      (double)by.sum / (double)by.samples, by.most, (unsigned long long)by.pixels);
    if (by.pixels > 0)
        buf_append_format(json, ",\"psnr\":%.4f",
                          10 * log10(255.0 * 255.0 * (double)by.samples / by.squares));
    if (self->difference &&
        write_difference(&self->inputs[0], one, other, (uint32_t)self->amplify, json, fault) != 0)
        return -1;
    buf_append_char(json, '}');
    return 0;
}

int compare_run(const hub_host *host, hub_job *job, struct fault *fault)
{
    struct comparison self = {.amplify = 1};
    json_object *root = NULL;
    struct buf json;
    buf_init(&json, BUF_NO_LIMIT);
    int result = options_parse(job->input, &root, fault);
    if (result == 0) {
        json_get_bool(root, "resize", &self.resize);
        json_get_bool(root, "difference", &self.difference);
        json_get_i64(root, "amplify", &self.amplify);
        result = read_pictures(&self, host, job, fault);
    }
    if (result == 0)
        result = make_alike(&self, fault);
    if (result == 0)
        result = compare(&self, &json, fault);
    if (result == 0)
        result = output_succeed(host, job, &json, fault);
    for (int i = 0; i < 2; i++) {
        pixmap_release(&self.pictures[i]);
        input_close(&self.inputs[i]);
    }
    buf_release(&json);
    json_object_put(root);
    return result;
}
