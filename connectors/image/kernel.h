/*
 * The weights of the resampling kernels, and the inner loops that apply them.
 */
#ifndef IMAGE_KERNEL_H
#define IMAGE_KERNEL_H

#include <stdint.h>

#include "fault.h"

enum kernel_kind {
    KERNEL_LANCZOS3,
    KERNEL_LANCZOS2,
    KERNEL_MITCHELL, /* Mitchell and Netravali, B = C = 1/3 */
    KERNEL_CUBIC,    /* Catmull and Rom */
    KERNEL_LINEAR,
    KERNEL_NEAREST,
    KERNEL_GAUSSIAN, /* for blurring */
};

/* Which samples of a line make which sample of the result, and how much of each. */
struct kernel {
    uint32_t count;  /* samples of the result */
    uint32_t most;   /* the most that any one needs */
    uint32_t *first; /* [count] */
    uint32_t *taps;  /* [count], at least 1; all the same */
    float *weights;  /* [count][most]; of each they sum up to 1 */
};

/* Weights that turn the part [start, start + length) of a line of `size` samples into `count`.
 * `sigma` is the standard deviation of KERNEL_GAUSSIAN, in samples of the line. */
int kernel_init(struct kernel *self, enum kernel_kind kind, uint32_t size, double start,
                double length, uint32_t count, double sigma, struct fault *fault);
void kernel_release(struct kernel *self);

static inline const float *kernel_weights(const struct kernel *self, uint32_t index)
{
    return self->weights + (uint64_t)index * self->most;
}

/* Weighted sum of `taps` rows of `count` samples. */
typedef void kernel_sum_rows_fn(float *restrict sum, const uint16_t *const *rows,
                                const float *weights, uint32_t taps, uint32_t count);

/* Shrinks a row of pixels of `channels` (3 or 4) samples to kernel->count pixels of 4, of which the
 * last one means nothing if there were 3. One sample behind the row must be readable, and finite.
 */
typedef void kernel_shrink_row_fn(const struct kernel *kernel, float *restrict to,
                                  const float *restrict from, uint32_t channels);

/* Samples times `scale`, each less than 2³¹ then, rounded and kept within a byte. */
typedef void kernel_to_bytes_fn(uint8_t *restrict to, const float *restrict from, float scale,
                                uint32_t count);

/* The loops for the processor that we run on. */
struct kernel_loops {
    kernel_sum_rows_fn *sum_rows;
    kernel_shrink_row_fn *shrink_row;
    kernel_to_bytes_fn *to_bytes;
};
struct kernel_loops kernel_loops(void);

#endif
