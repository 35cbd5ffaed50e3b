/* Properties that a resampler has to have, whatever its kernel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "connectors/image/kernel.h"
#include "connectors/image/resample.h"
#include "connectors/image/rotate.h"

static struct pixmap raster(uint32_t width, uint32_t height, uint32_t channels)
{
    struct fault fault = {0};
    struct pixmap pixmap;
    assert_int_equal(pixmap_init(&pixmap, width, height, channels, &fault), 0);
    return pixmap;
}

static struct pixmap resized(const struct pixmap *from, uint32_t width, uint32_t height)
{
    struct fault fault = {0};
    struct pixmap to;
    const struct area all = {0, 0, from->width, from->height};
    assert_int_equal(resample_pixmap(from, all, width, height, KERNEL_LANCZOS3, &to, &fault), 0);
    assert_int_equal(to.width, width);
    assert_int_equal(to.height, height);
    return to;
}

/* Sizes that meet enlargement, identity, small and large reductions and single pixels. */
static const struct {
    uint32_t width, height, to_width, to_height;
} SIZES[] = {
    {64, 48, 64, 48},  {64, 48, 13, 11}, {64, 48, 200, 333}, {1, 1, 1, 1},
    {1, 1, 50, 70},    {500, 3, 1, 1},   {3, 500, 3, 7},     {777, 555, 20, 20},
    {1000, 900, 1, 1}, {97, 89, 96, 88}, {2, 2, 3, 3},       {640, 480, 79, 61},
};

static void test_constant_stays_constant(void **state)
{
    (void)state;
    const uint8_t colours[][4] = {{0, 0, 0, 255},    {255, 255, 255, 255}, {1, 128, 254, 255},
                                  {200, 100, 50, 1}, {10, 250, 3, 127},    {9, 99, 199, 254}};
    for (size_t s = 0; s < sizeof(SIZES) / sizeof(SIZES[0]); s++) {
        for (size_t c = 0; c < sizeof(colours) / sizeof(colours[0]); c++) {
            for (uint32_t channels = 3; channels <= 4; channels++) {
                struct pixmap from = raster(SIZES[s].width, SIZES[s].height, channels);
                for (size_t i = 0; i < (size_t)from.width * from.height; i++)
                    memcpy(from.data + i * channels, colours[c], channels);
                struct pixmap to = resized(&from, SIZES[s].to_width, SIZES[s].to_height);
                for (size_t i = 0; i < (size_t)to.width * to.height; i++)
                    assert_memory_equal(to.data + i * channels, colours[c], channels);
                pixmap_release(&from);
                pixmap_release(&to);
            }
        }
    }
}

static double mean(const struct pixmap *pixmap)
{
    double sum = 0;
    size_t count = pixmap_stride(pixmap) * pixmap->height;
    for (size_t i = 0; i < count; i++)
        sum += pixmap->data[i];
    return sum / (double)count;
}

static void test_mean_is_kept(void **state)
{
    (void)state;
    srand(5);
    struct pixmap from = raster(400, 300, 3);
    for (size_t i = 0; i < pixmap_stride(&from) * from.height; i++)
        from.data[i] = (uint8_t)(64 + rand() % 128);
    const uint32_t widths[] = {399, 200, 150, 77, 40, 13, 801};
    for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
        struct pixmap to = resized(&from, widths[i], widths[i]);
        assert_true(fabs(mean(&to) - mean(&from)) < 0.5);
        pixmap_release(&to);
    }
    pixmap_release(&from);
}

/* Where the middle of a blot is, as a fraction of the width. */
static double centre_of(const struct pixmap *pixmap)
{
    double sum = 0;
    double moment = 0;
    for (uint32_t y = 0; y < pixmap->height; y++) {
        for (uint32_t x = 0; x < pixmap->width; x++) {
            double value = pixmap_row(pixmap, y)[x * 3];
            sum += value;
            moment += value * (x + 0.5);
        }
    }
    return moment / sum / pixmap->width;
}

/* A resampler without the half-pixel term moves a blot by up to half a pixel. */
static void test_nothing_shifts(void **state)
{
    (void)state;
    struct pixmap from = raster(256, 8, 3);
    for (uint32_t y = 0; y < 8; y++) {
        for (uint32_t x = 0; x < 256; x++) {
            double distance = (x + 0.5 - 100) / 20;
            memset(pixmap_row(&from, y) + x * 3, (int)lround(200 * exp(-distance * distance)), 3);
        }
    }
    const uint32_t widths[] = {255, 128, 100, 64, 31, 20, 400, 1024};
    for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
        struct pixmap to = resized(&from, widths[i], 4);
        double shift = (centre_of(&to) - centre_of(&from)) * widths[i];
        assert_true(fabs(shift) < 0.05);
        pixmap_release(&to);
    }
    pixmap_release(&from);
}

static void test_same_size_is_exact(void **state)
{
    (void)state;
    srand(6);
    struct pixmap from = raster(61, 47, 4);
    for (size_t i = 0; i < pixmap_stride(&from) * from.height; i++)
        from.data[i] = (uint8_t)(i % 4 == 3 ? 1 + rand() % 255 : rand());
    struct pixmap to = resized(&from, 61, 47);
    assert_memory_equal(to.data, from.data, pixmap_stride(&from) * from.height);
    pixmap_release(&from);
    pixmap_release(&to);
}

/* Green that nobody can see must not bleed into red that one can. */
static void test_transparent_colour_is_not_seen(void **state)
{
    (void)state;
    struct pixmap from = raster(64, 64, 4);
    for (size_t i = 0; i < 64 * 64; i++)
        memcpy(from.data + i * 4, i % 64 < 32 ? "\xff\0\0\xff" : "\0\xff\0\0", 4);
    const uint32_t widths[] = {32, 21, 7, 3, 200};
    for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
        struct pixmap to = resized(&from, widths[i], widths[i]);
        for (size_t p = 0; p < (size_t)to.width * to.height; p++) {
            const uint8_t *pixel = to.data + p * 4;
            if (pixel[3] > 0)
                assert_memory_equal(pixel, "\xff\0\0", 3);
        }
        pixmap_release(&to);
    }
    pixmap_release(&from);
}

/* Pixels outside the bounds have no influence, and the window may lie between pixels. */
static void test_bounds_hold(void **state)
{
    (void)state;
    struct fault fault = {0};
    struct pixmap from = raster(90, 90, 3);
    memset(from.data, 255, 90 * 90 * 3);
    for (uint32_t y = 30; y < 60; y++)
        memset(pixmap_row(&from, y) + 30 * 3, 7, 30 * 3);
    const struct resample_spec spec = {3, 30, 30, 30, 30, {30.25, 30.75, 29.5, 29}, 11, 40};
    struct resampler *resampler;
    assert_int_equal(resampler_new(&resampler, &spec, &fault), 0);
    for (uint32_t y = 0; y < 90; y++)
        resampler_row(resampler, pixmap_row(&from, y), y);
    struct pixmap to;
    resampler_finish(resampler, &to);
    resampler_free(resampler);
    for (size_t i = 0; i < 11 * 40 * 3; i++)
        assert_int_equal(to.data[i], 7);
    pixmap_release(&from);
    pixmap_release(&to);
}

static void test_weights_sum_to_one(void **state)
{
    (void)state;
    for (size_t s = 0; s < sizeof(SIZES) / sizeof(SIZES[0]); s++) {
        struct fault fault = {0};
        struct kernel kernel;
        assert_int_equal(kernel_init(&kernel, KERNEL_LANCZOS3, SIZES[s].width, 0, SIZES[s].width,
                                     SIZES[s].to_width, 0, &fault),
                         0);
        for (uint32_t i = 0; i < kernel.count; i++) {
            double sum = 0;
            for (uint32_t tap = 0; tap < kernel.taps[i]; tap++)
                sum += (double)kernel_weights(&kernel, i)[tap];
            assert_true(fabs(sum - 1) < 1e-5);
            assert_true(kernel.taps[i] >= 1 && kernel.taps[i] <= kernel.most);
            assert_true(kernel.first[i] + kernel.taps[i] <= SIZES[s].width);
        }
        kernel_release(&kernel);
    }
}

static void test_rotation(void **state)
{
    (void)state;
    struct fault fault = {0};
    struct pixmap pixmap = raster(80, 40, 3);
    memset(pixmap.data, 90, 80 * 40 * 3);
    assert_int_equal(rotate_pixmap(&pixmap, 30, &fault), 0);
    assert_int_equal(pixmap.channels, 4);
    double opaque = 0;
    for (size_t i = 0; i < (size_t)pixmap.width * pixmap.height; i++) {
        const uint8_t *pixel = pixmap.data + i * 4;
        opaque += pixel[3] / 255.0;
        if (pixel[3] > 0)
            assert_memory_equal(pixel, "\x5a\x5a\x5a", 3);
    }
    assert_true(fabs(opaque - 80 * 40) < 80 * 40 * 0.01);
    assert_int_equal(pixmap.data[3], 0); /* the corner is free */
    pixmap_release(&pixmap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_constant_stays_constant),
        cmocka_unit_test(test_mean_is_kept),
        cmocka_unit_test(test_nothing_shifts),
        cmocka_unit_test(test_same_size_is_exact),
        cmocka_unit_test(test_transparent_colour_is_not_seen),
        cmocka_unit_test(test_bounds_hold),
        cmocka_unit_test(test_weights_sum_to_one),
        cmocka_unit_test(test_rotation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
