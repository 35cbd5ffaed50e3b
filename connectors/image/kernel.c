#include "kernel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double sinc(double x)
{
    return x == 0 ? 1 : sin(M_PI * x) / (M_PI * x);
}

/* sinc(x) · sinc(x / 3) with one sine: sin 3a = 3 sin a - 4 sin³ a. */
static double lanczos3(double x)
{
    if (x == 0)
        return 1;
    double third = M_PI * x / 3;
    double sine = sin(third);
    return sine * sine * (3 - 4 * sine * sine) / (3 * third * third);
}

static double lanczos2(double x)
{
    return sinc(x) * sinc(x / 2);
}

/* The family of Mitchell and Netravali, "Reconstruction Filters in Computer Graphics" (1988). */
static double cubic(double x, double b, double c)
{
    x = fabs(x);
    if (x < 1)
        return ((12 - 9 * b - 6 * c) * x * x * x + (-18 + 12 * b + 6 * c) * x * x + 6 - 2 * b) / 6;
    return ((-b - 6 * c) * x * x * x + (6 * b + 30 * c) * x * x + (-12 * b - 48 * c) * x + 8 * b +
            24 * c) /
           6;
}

static double mitchell(double x)
{
    return cubic(x, 1.0 / 3, 1.0 / 3);
}

static double catmull_rom(double x)
{
    return cubic(x, 0, 0.5);
}

static double linear(double x)
{
    return 1 - fabs(x);
}

static double gaussian(double x)
{
    return exp(-x * x / 2);
}

static const struct {
    double reach; /* to either side, in samples of the result or the source, the larger */
    double (*at)(double x);
} KERNELS[] = {
    [KERNEL_LANCZOS3] = {3, lanczos3},   [KERNEL_LANCZOS2] = {2, lanczos2},
    [KERNEL_MITCHELL] = {2, mitchell},   [KERNEL_CUBIC] = {2, catmull_rom},
    [KERNEL_LINEAR] = {1, linear},       [KERNEL_NEAREST] = {0, NULL},
    [KERNEL_GAUSSIAN] = {3.2, gaussian},
};

static double weight_at(enum kernel_kind kind, double x)
{
    return fabs(x) < KERNELS[kind].reach ? KERNELS[kind].at(x) : 0;
}

static void weigh_nearest(struct kernel *self, uint32_t index, uint32_t size, double centre)
{
    self->first[index] = (uint32_t)fmin(fmax(floor(centre + 0.5), 0), size - 1.0);
    self->taps[index] = 1;
    self->weights[(uint64_t)index * self->most] = 1;
}

/* Fills in the weights of one sample: what lies at `centre`, seen through a window that is
 * `stretch` samples wide per lobe. */
static void weigh(struct kernel *self, enum kernel_kind kind, uint32_t index, uint32_t size,
                  double centre, double stretch)
{
    double reach = KERNELS[kind].reach * stretch;
    double first = fmax(ceil(centre - reach), 0);
    double last = fmin(floor(centre + reach), size - 1.0);
    uint32_t taps = (uint32_t)(last - first) + 1;
    float *weights = self->weights + (uint64_t)index * self->most;
    double sum = 0;
    for (uint32_t i = 0; i < taps; i++) {
        double weight = weight_at(kind, (first + i - centre) / stretch);
        weights[i] = (float)weight;
        sum += weight;
    }
    for (uint32_t i = 0; i < taps; i++)
        weights[i] = (float)(weights[i] / sum);
    /* At scale 1 all weights but one vanish, and at the ends the outermost often do. */
    const float nothing = 1e-6f;
    while (taps > 1 && fabsf(weights[taps - 1]) < nothing)
        taps--;
    uint32_t skip = 0;
    while (skip + 1 < taps && fabsf(weights[skip]) < nothing)
        skip++;
    memmove(weights, weights + skip, (taps - skip) * sizeof(*weights));
    self->first[index] = (uint32_t)first + skip;
    self->taps[index] = taps - skip;
}

/* Gives all the same number of taps, some of them without weight: a loop that ends where the one
 * before it did is predicted. */
static void even_out(struct kernel *self, uint32_t size)
{
    uint32_t taps = 1;
    for (uint32_t i = 0; i < self->count; i++)
        taps = self->taps[i] > taps ? self->taps[i] : taps;
    if (taps > 1 && taps % 2 && taps < self->most)
        taps++;
    for (uint32_t i = 0; i < self->count; i++) {
        float *weights = self->weights + (uint64_t)i * self->most;
        uint32_t shift = self->first[i] + taps > size ? self->first[i] + taps - size : 0;
        uint32_t used = self->taps[i];
        memmove(weights + shift, weights, used * sizeof(*weights));
        memset(weights, 0, shift * sizeof(*weights));
        memset(weights + shift + used, 0, (taps - shift - used) * sizeof(*weights));
        self->first[i] -= shift;
        self->taps[i] = taps;
    }
}

int kernel_init(struct kernel *self, enum kernel_kind kind, uint32_t size, double start,
                double length, uint32_t count, double sigma, struct fault *fault)
{
    double scale = length / count;
    double stretch = kind == KERNEL_GAUSSIAN ? sigma : fmax(scale, 1);
    double most = fmin(2 * KERNELS[kind].reach * stretch + 2, size);
    *self = (struct kernel){.count = count, .most = (uint32_t)ceil(most)};
    self->first = malloc(count * sizeof(*self->first));
    self->taps = malloc(count * sizeof(*self->taps));
    self->weights = malloc((size_t)count * self->most * sizeof(*self->weights));
    if (!self->first || !self->taps || !self->weights) {
        kernel_release(self);
        return fault_memory(fault);
    }
    for (uint32_t i = 0; i < count; i++) {
        double centre = start + (i + 0.5) * scale - 0.5;
        if (kind == KERNEL_NEAREST)
            weigh_nearest(self, i, size, centre);
        else
            weigh(self, kind, i, size, centre, stretch);
    }
    even_out(self, size);
    return 0;
}

void kernel_release(struct kernel *self)
{
    free(self->first);
    free(self->taps);
    free(self->weights);
    *self = (struct kernel){0};
}

/* --- The loops ---------------------------------------------------------------------------------
 * Plain C that compilers turn into vector instructions, compiled once for any processor and once
 * for one with AVX2. Four rows at a time, to load and store each sum less often. */

typedef float float4 __attribute__((vector_size(16)));

static inline __attribute__((always_inline)) void sum_rows_body(float *restrict sum,
                                                                const uint16_t *const *rows,
                                                                const float *weights, uint32_t taps,
                                                                uint32_t count)
{
    memset(sum, 0, count * sizeof(*sum));
    uint32_t tap = 0;
    for (; tap + 4 <= taps; tap += 4) {
        const uint16_t *restrict a = rows[tap], *restrict b = rows[tap + 1];
        const uint16_t *restrict c = rows[tap + 2], *restrict d = rows[tap + 3];
        const float *w = weights + tap;
        float wa = w[0], wb = w[1], wc = w[2], wd = w[3];
        for (uint32_t i = 0; i < count; i++)
            sum[i] += wa * (float)a[i] + wb * (float)b[i] + wc * (float)c[i] + wd * (float)d[i];
    }
    for (; tap + 2 <= taps; tap += 2) {
        const uint16_t *restrict a = rows[tap], *restrict b = rows[tap + 1];
        float wa = weights[tap], wb = weights[tap + 1];
        for (uint32_t i = 0; i < count; i++)
            sum[i] += wa * (float)a[i] + wb * (float)b[i];
    }
    for (; tap < taps; tap++) {
        const uint16_t *restrict a = rows[tap];
        float weight = weights[tap];
        for (uint32_t i = 0; i < count; i++)
            sum[i] += weight * (float)a[i];
    }
}

/* `step` is 3 or 4: of three samples a pixel the fourth that is loaded is the next one's, and what
 * becomes of it nobody reads. */
static inline __attribute__((always_inline)) void shrink_row_body(const struct kernel *kernel,
                                                                  float *restrict to,
                                                                  const float *restrict from,
                                                                  uint32_t step)
{
    for (uint32_t x = 0; x < kernel->count; x++, to += 4) {
        const float *weights = kernel_weights(kernel, x);
        const float *pixel = from + (size_t)kernel->first[x] * step;
        uint32_t taps = kernel->taps[x], tap = 0;
        float4 even = {0}, odd = {0}, one, two;
        for (; tap + 2 <= taps; tap += 2, pixel += 2 * step) {
            memcpy(&one, pixel, sizeof(one));
            memcpy(&two, pixel + step, sizeof(two));
            even += one * weights[tap];
            odd += two * weights[tap + 1];
        }
        if (tap < taps) {
            memcpy(&one, pixel, sizeof(one));
            even += one * weights[tap];
        }
        even += odd;
        memcpy(to, &even, sizeof(even));
    }
}

static inline __attribute__((always_inline)) void shrink_row_either(const struct kernel *kernel,
                                                                    float *restrict to,
                                                                    const float *restrict from,
                                                                    uint32_t channels)
{
    if (channels == 3)
        shrink_row_body(kernel, to, from, 3);
    else
        shrink_row_body(kernel, to, from, 4);
}

static inline __attribute__((always_inline)) void to_bytes_body(uint8_t *restrict to,
                                                                const float *restrict from,
                                                                float scale, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        int32_t value = (int32_t)(from[i] * scale + 0.5f);
        value = value < 0 ? 0 : value;
        to[i] = (uint8_t)(value > 255 ? 255 : value);
    }
}

static void sum_rows_any(float *restrict sum, const uint16_t *const *rows, const float *weights,
                         uint32_t taps, uint32_t count)
{
    sum_rows_body(sum, rows, weights, taps, count);
}

static void shrink_row_any(const struct kernel *kernel, float *restrict to,
                           const float *restrict from, uint32_t channels)
{
    shrink_row_either(kernel, to, from, channels);
}

static void to_bytes_any(uint8_t *restrict to, const float *restrict from, float scale,
                         uint32_t count)
{
    to_bytes_body(to, from, scale, count);
}

#if defined(__x86_64__)
#define WITH_AVX2 __attribute__((target("avx2,fma")))

static WITH_AVX2 void sum_rows_avx2(float *restrict sum, const uint16_t *const *rows,
                                    const float *weights, uint32_t taps, uint32_t count)
{
    sum_rows_body(sum, rows, weights, taps, count);
}

static WITH_AVX2 void shrink_row_avx2(const struct kernel *kernel, float *restrict to,
                                      const float *restrict from, uint32_t channels)
{
    shrink_row_either(kernel, to, from, channels);
}

static WITH_AVX2 void to_bytes_avx2(uint8_t *restrict to, const float *restrict from, float scale,
                                    uint32_t count)
{
    to_bytes_body(to, from, scale, count);
}
#endif

struct kernel_loops kernel_loops(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return (struct kernel_loops){sum_rows_avx2, shrink_row_avx2, to_bytes_avx2};
#endif
    return (struct kernel_loops){sum_rows_any, shrink_row_any, to_bytes_any};
}
