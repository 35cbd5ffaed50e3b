#include "resample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernel.h"

/* Samples inside are multiplied by 255, or by their pixel's alpha: 0 to 65025, exact in 16 bits.
 * Samples of 16 bits stay what they are, times the part that their pixel is opaque. */
enum { UNIT = 255, DEEP = 65535 };

typedef void widen_fn(const struct resample_spec *spec, uint16_t *restrict to,
                      const uint8_t *restrict row);

struct resampler {
    struct resample_spec spec;
    widen_fn *widen;
    struct kernel_loops loops;
    struct kernel across;
    struct kernel down;

    /* Averaging of whole pixels before the kernel. */
    uint32_t box_width, box_height; /* pixels that become one */
    uint32_t columns;               /* pixels of a row afterwards */
    uint32_t boxed;                 /* source rows in `box` so far */
    uint16_t *wide;                 /* one source row, weighted by alpha */
    uint64_t *box;                  /* sums over a box of rows */

    /* The rows that the next rows of the picture need. */
    uint32_t ring_rows;
    uint16_t *ring;
    uint32_t rows_in; /* rows that have gone into the ring */
    const uint16_t **taps;

    float *sum;     /* one row, made of several, and a sample that is 0 */
    float *narrow;  /* the same with the picture's width, and 4 samples a pixel */
    uint8_t *bytes; /* that, as bytes */
    uint32_t rows_out;
    struct pixmap picture;
};

static uint32_t box_size(double length, uint32_t count)
{
    double scale = length / count;
    return scale < 8 ? 1 : (uint32_t)(scale / 4);
}

static uint32_t divide_up(uint32_t size, uint32_t part)
{
    return size / part + (size % part != 0);
}

static int init_kernels(struct resampler *self, struct fault *fault)
{
    const struct resample_spec *spec = &self->spec;
    const struct area *window = &spec->window;
    bool average = spec->kernel != KERNEL_NEAREST && spec->kernel != KERNEL_GAUSSIAN;
    self->box_width = average ? box_size(window->width, spec->out_width) : 1;
    self->box_height = average ? box_size(window->height, spec->out_height) : 1;
    self->columns = divide_up(spec->width, self->box_width);
    double left = (window->x - spec->left) / self->box_width;
    double top = (window->y - spec->top) / self->box_height;
    if (kernel_init(&self->across, spec->kernel, self->columns, left,
                    window->width / self->box_width, spec->out_width, spec->sigma, fault) != 0)
        return -1;
    return kernel_init(&self->down, spec->kernel, divide_up(spec->height, self->box_height), top,
                       window->height / self->box_height, spec->out_height, spec->sigma, fault);
}

static int init_rows(struct resampler *self, struct fault *fault)
{
    const struct resample_spec *spec = &self->spec;
    size_t source = (size_t)spec->width * spec->channels;
    size_t samples = (size_t)self->columns * spec->channels;
    self->ring_rows = self->down.most + 1;
    self->wide = malloc(source * sizeof(*self->wide));
    self->box = calloc(samples, sizeof(*self->box));
    self->ring = malloc(self->ring_rows * samples * sizeof(*self->ring));
    self->taps = malloc(self->down.most * sizeof(*self->taps));
    self->sum = calloc(samples + 1, sizeof(*self->sum));
    self->narrow = malloc((size_t)spec->out_width * 4 * sizeof(*self->narrow));
    self->bytes = malloc((size_t)spec->out_width * 4);
    if (!self->wide || !self->box || !self->ring || !self->taps || !self->sum || !self->narrow ||
        !self->bytes)
        return fault_memory(fault);
    return pixmap_init_depth(&self->picture, spec->out_width, spec->out_height, spec->channels,
                             spec->depth, fault);
}

static widen_fn widen, widen_deep;

int resampler_new(struct resampler **ret_self, const struct resample_spec *spec,
                  struct fault *fault)
{
    struct resampler *self = calloc(1, sizeof(*self));
    if (!self)
        return fault_memory(fault);
    self->spec = *spec;
    self->widen = spec->depth == 16 ? widen_deep : widen;
    self->loops = kernel_loops();
    if (init_kernels(self, fault) != 0 || init_rows(self, fault) != 0) {
        resampler_free(self);
        return -1;
    }
    *ret_self = self;
    return 0;
}

void resampler_free(struct resampler *self)
{
    if (!self)
        return;
    kernel_release(&self->across);
    kernel_release(&self->down);
    free(self->wide);
    free(self->box);
    free(self->ring);
    free(self->taps);
    free(self->sum);
    free(self->narrow);
    free(self->bytes);
    pixmap_release(&self->picture);
    free(self);
}

/* --- In ----------------------------------------------------------------------------------------*/

static void widen_deep(const struct resample_spec *spec, uint16_t *restrict to,
                       const uint8_t *restrict row)
{
    row += (size_t)spec->left * spec->channels * sizeof(*to);
    memcpy(to, row, (size_t)spec->width * spec->channels * sizeof(*to));
    if (spec->channels == 3)
        return;
    for (uint32_t x = 0; x < spec->width; x++, to += 4) {
        uint32_t alpha = to[3];
        for (int c = 0; c < 3; c++)
            to[c] = (uint16_t)((to[c] * (uint64_t)alpha + DEEP / 2) / DEEP);
    }
}

/* The pixels of the bounds, weighted by their alpha. */
static void widen(const struct resample_spec *spec, uint16_t *restrict to,
                  const uint8_t *restrict row)
{
    row += (size_t)spec->left * spec->channels;
    if (spec->channels == 4) {
        for (uint32_t x = 0; x < spec->width; x++, row += 4, to += 4) {
            uint32_t alpha = row[3];
            to[0] = (uint16_t)(row[0] * alpha);
            to[1] = (uint16_t)(row[1] * alpha);
            to[2] = (uint16_t)(row[2] * alpha);
            to[3] = (uint16_t)(UNIT * alpha);
        }
    } else {
        for (uint32_t i = 0; i < spec->width * spec->channels; i++)
            to[i] = (uint16_t)(row[i] * UNIT);
    }
}

static void add_to_box(struct resampler *self)
{
    uint32_t channels = self->spec.channels;
    const uint16_t *from = self->wide;
    for (uint32_t x = 0; x < self->spec.width; x++, from += channels) {
        uint64_t *to = self->box + (size_t)(x / self->box_width) * channels;
        for (uint32_t c = 0; c < channels; c++)
            to[c] += from[c];
    }
    self->boxed++;
}

/* The average of each box, as a row; the last column and row of boxes may be smaller. */
static void empty_box(struct resampler *self, uint16_t *to)
{
    uint32_t channels = self->spec.channels;
    for (uint32_t x = 0; x < self->columns; x++) {
        uint32_t begin = x * self->box_width;
        uint32_t left = self->spec.width - begin;
        uint32_t across = left < self->box_width ? left : self->box_width;
        float share = 1.0f / ((float)across * (float)self->boxed);
        for (uint32_t c = 0; c < channels; c++, to++)
            *to = (uint16_t)((float)self->box[(size_t)x * channels + c] * share + 0.5f);
    }
    memset(self->box, 0, (size_t)self->columns * channels * sizeof(*self->box));
    self->boxed = 0;
}

static uint16_t *ring_row(const struct resampler *self, uint32_t row)
{
    size_t samples = (size_t)self->columns * self->spec.channels;
    return self->ring + (row % self->ring_rows) * samples;
}

/* --- Out ---------------------------------------------------------------------------------------*/

static uint8_t to_byte(float value)
{
    value += 0.5f;
    return value <= 0 ? 0 : value >= 255 ? 255 : (uint8_t)value;
}

static uint16_t to_word(float value)
{
    value += 0.5f;
    return value <= 0 ? 0 : value >= DEEP ? DEEP : (uint16_t)value;
}

static void put_deep_row(const struct resampler *self)
{
    uint32_t channels = self->spec.channels;
    uint16_t *to = (uint16_t *)(void *)pixmap_row(&self->picture, self->rows_out);
    const float *from = self->narrow;
    for (uint32_t x = 0; x < self->spec.out_width; x++, from += 4, to += channels) {
        float undo = channels == 3 ? 1 : from[3] >= 0.5f ? DEEP / from[3] : 0;
        for (int c = 0; c < 3; c++)
            to[c] = to_word(from[c] * undo);
        if (channels == 4)
            to[3] = to_word(from[3]);
    }
}

/* Pixels of three samples, four bytes at a time: the next pixel overwrites the last of them. */
static void put_opaque_row(const struct resampler *self)
{
    uint8_t *to = pixmap_row(&self->picture, self->rows_out);
    const uint8_t *from = self->bytes;
    uint32_t width = self->spec.out_width;
    self->loops.to_bytes(self->bytes, self->narrow, 1.0f / UNIT, width * 4);
    for (uint32_t x = 0; x + 1 < width; x++, from += 4, to += 3)
        memcpy(to, from, 4);
    memcpy(to, from, 3);
}

static void put_row(const struct resampler *self)
{
    if (self->spec.depth == 16) {
        put_deep_row(self);
        return;
    }
    if (self->spec.channels == 3) {
        put_opaque_row(self);
        return;
    }
    uint8_t *to = pixmap_row(&self->picture, self->rows_out);
    const float *from = self->narrow;
    const float one = 1.0f / UNIT;
    for (uint32_t x = 0; x < self->spec.out_width; x++, from += 4, to += 4) {
        to[3] = to_byte(from[3] * one);
        float undo = to[3] ? UNIT / from[3] : 0;
        to[0] = to_byte(from[0] * undo);
        to[1] = to_byte(from[1] * undo);
        to[2] = to_byte(from[2] * undo);
    }
}

static void make_row(struct resampler *self)
{
    const struct kernel *down = &self->down;
    uint32_t first = down->first[self->rows_out];
    uint32_t taps = down->taps[self->rows_out];
    for (uint32_t i = 0; i < taps; i++)
        self->taps[i] = ring_row(self, first + i);
    self->loops.sum_rows(self->sum, self->taps, kernel_weights(down, self->rows_out), taps,
                         self->columns * self->spec.channels);
    self->loops.shrink_row(&self->across, self->narrow, self->sum, self->spec.channels);
    put_row(self);
    self->rows_out++;
}

static void make_ready_rows(struct resampler *self)
{
    const struct kernel *down = &self->down;
    while (self->rows_out < down->count &&
           down->first[self->rows_out] + down->taps[self->rows_out] <= self->rows_in)
        make_row(self);
}

void resampler_row(struct resampler *self, const uint8_t *row, uint32_t y)
{
    const struct resample_spec *spec = &self->spec;
    if (y < spec->top || y - spec->top >= spec->height)
        return;
    if (self->box_width == 1 && self->box_height == 1) {
        self->widen(spec, ring_row(self, self->rows_in++), row);
        make_ready_rows(self);
        return;
    }
    self->widen(spec, self->wide, row);
    add_to_box(self);
    bool last = y - spec->top == spec->height - 1;
    if (self->boxed == self->box_height || last) {
        empty_box(self, ring_row(self, self->rows_in++));
        make_ready_rows(self);
    }
}

void resampler_finish(struct resampler *self, struct pixmap *ret_pixmap)
{
    *ret_pixmap = self->picture;
    self->picture = (struct pixmap){0};
}

static int run(const struct pixmap *from, const struct resample_spec *spec,
               struct pixmap *ret_pixmap, struct fault *fault)
{
    struct resampler *resampler;
    if (resampler_new(&resampler, spec, fault) != 0)
        return -1;
    for (uint32_t y = 0; y < from->height; y++)
        resampler_row(resampler, pixmap_row(from, y), y);
    resampler_finish(resampler, ret_pixmap);
    resampler_free(resampler);
    return 0;
}

int resample_pixmap(const struct pixmap *from, struct area window, uint32_t out_width,
                    uint32_t out_height, enum kernel_kind kernel, struct pixmap *ret_pixmap,
                    struct fault *fault)
{
    const struct resample_spec spec = {
        .channels = from->channels,
        .width = from->width,
        .height = from->height,
        .window = window,
        .out_width = out_width,
        .out_height = out_height,
        .kernel = kernel,
        .depth = from->depth,
    };
    return run(from, &spec, ret_pixmap, fault);
}

int resample_blur(const struct pixmap *from, double sigma, struct pixmap *ret_pixmap,
                  struct fault *fault)
{
    const struct resample_spec spec = {
        .channels = from->channels,
        .width = from->width,
        .height = from->height,
        .window = {0, 0, from->width, from->height},
        .out_width = from->width,
        .out_height = from->height,
        .kernel = KERNEL_GAUSSIAN,
        .sigma = sigma,
        .depth = from->depth,
    };
    return run(from, &spec, ret_pixmap, fault);
}
