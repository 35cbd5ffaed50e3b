/* Fit and crop arithmetic, and the eight ways to lay down a picture. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "connectors/image/geometry.h"
#include "connectors/image/orient.h"
#include "connectors/image/plan.h"

static const struct {
    struct geometry_request request;
    uint32_t width, height, canvas_width, canvas_height, left, top;
    struct area window;
} TABLE[] = {
    /* nothing asked for */
    {{600, 400, 0, 0, FIT_COVER, {.5, .5}, false}, 600, 400, 600, 400, 0, 0, {0, 0, 600, 400}},
    /* one side */
    {{600, 400, 300, 0, FIT_COVER, {.5, .5}, false}, 300, 200, 300, 200, 0, 0, {0, 0, 600, 400}},
    {{600, 400, 0, 100, FIT_FILL, {.5, .5}, false}, 150, 100, 150, 100, 0, 0, {0, 0, 600, 400}},
    {{600, 400, 1200, 0, FIT_COVER, {.5, .5}, true}, 600, 400, 600, 400, 0, 0, {0, 0, 600, 400}},
    /* cover */
    {{600, 400, 200, 200, FIT_COVER, {.5, .5}, false},
     200,
     200,
     200,
     200,
     0,
     0,
     {100, 0, 400, 400}},
    {{600, 400, 200, 200, FIT_COVER, {0, 0}, false}, 200, 200, 200, 200, 0, 0, {0, 0, 400, 400}},
    {{600, 400, 200, 200, FIT_COVER, {1, 1}, false}, 200, 200, 200, 200, 0, 0, {200, 0, 400, 400}},
    {{400, 600, 200, 200, FIT_COVER, {.5, 1}, false}, 200, 200, 200, 200, 0, 0, {0, 200, 400, 400}},
    {{100, 100, 200, 50, FIT_COVER, {.5, .5}, true}, 100, 50, 100, 50, 0, 0, {0, 25, 100, 50}},
    {{100, 100, 200, 300, FIT_COVER, {.5, .5}, true}, 100, 100, 100, 100, 0, 0, {0, 0, 100, 100}},
    /* contain */
    {{600, 400, 200, 200, FIT_CONTAIN, {.5, .5}, false},
     200,
     133,
     200,
     200,
     0,
     34,
     {0, 0, 600, 400}},
    {{600, 400, 200, 200, FIT_CONTAIN, {1, 1}, false}, 200, 133, 200, 200, 0, 67, {0, 0, 600, 400}},
    {{60, 40, 200, 200, FIT_CONTAIN, {0, 0}, true}, 60, 40, 200, 200, 0, 0, {0, 0, 60, 40}},
    /* fill, inside, outside */
    {{600, 400, 50, 300, FIT_FILL, {.5, .5}, false}, 50, 300, 50, 300, 0, 0, {0, 0, 600, 400}},
    {{600, 400, 50, 800, FIT_FILL, {.5, .5}, true}, 50, 400, 50, 400, 0, 0, {0, 0, 600, 400}},
    {{600, 400, 300, 300, FIT_INSIDE, {.5, .5}, false}, 300, 200, 300, 200, 0, 0, {0, 0, 600, 400}},
    {{600, 400, 300, 300, FIT_OUTSIDE, {.5, .5}, false},
     450,
     300,
     450,
     300,
     0,
     0,
     {0, 0, 600, 400}},
    /* never less than a pixel, never more than 32 bits */
    {{20000, 1, 100, 0, FIT_COVER, {.5, .5}, false}, 100, 1, 100, 1, 0, 0, {0, 0, 20000, 1}},
    {{1, 65535, 16383, 0, FIT_COVER, {.5, .5}, false},
     16383,
     1073659905,
     16383,
     1073659905,
     0,
     0,
     {0, 0, 1, 65535}},
};

static void test_fits(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(TABLE) / sizeof(TABLE[0]); i++) {
        struct geometry got = geometry_solve(&TABLE[i].request);
        print_message("row %zu\n", i);
        assert_int_equal(got.width, TABLE[i].width);
        assert_int_equal(got.height, TABLE[i].height);
        assert_int_equal(got.canvas_width, TABLE[i].canvas_width);
        assert_int_equal(got.canvas_height, TABLE[i].canvas_height);
        assert_int_equal(got.left, TABLE[i].left);
        assert_int_equal(got.top, TABLE[i].top);
        assert_true(fabs(got.window.x - TABLE[i].window.x) < 1e-9);
        assert_true(fabs(got.window.y - TABLE[i].window.y) < 1e-9);
        assert_true(fabs(got.window.width - TABLE[i].window.width) < 1e-9);
        assert_true(fabs(got.window.height - TABLE[i].window.height) < 1e-9);
    }
}

/* Whatever is asked, the window lies in the picture and the picture on the canvas. */
static void test_fits_stay_inside(void **state)
{
    (void)state;
    const double sizes[] = {1, 2, 3, 7, 100, 333, 4000, 65535};
    const uint32_t boxes[] = {0, 1, 2, 99, 800, 16383};
    const double gravities[] = {0, .5, 1};
    for (int fit = FIT_COVER; fit <= FIT_OUTSIDE; fit++) {
        for (size_t i = 0; i < 8 * 8 * 6 * 6 * 3 * 2; i++) {
            struct geometry_request request = {
                sizes[i % 8],      sizes[i / 8 % 8],
                boxes[i / 64 % 6], boxes[i / 384 % 6],
                (enum fit)fit,     {gravities[i / 2304 % 3], gravities[i / 2304 % 3]},
                i / 6912 % 2,
            };
            struct geometry got = geometry_solve(&request);
            assert_true(got.width >= 1 && got.height >= 1);
            assert_true(got.window.x >= 0 && got.window.y >= 0);
            assert_true(got.window.width > 0 && got.window.height > 0);
            assert_true(got.window.x + got.window.width <= request.width + 1e-6);
            assert_true(got.window.y + got.window.height <= request.height + 1e-6);
            assert_true(got.left + got.width <= got.canvas_width);
            assert_true(got.top + got.height <= got.canvas_height);
        }
    }
}

static void test_turned_size(void **state)
{
    (void)state;
    double width, height;
    geometry_turned_size(100, 50, 0, &width, &height);
    assert_true(width == 100 && height == 50);
    geometry_turned_size(100, 50, 90, &width, &height);
    assert_true(width == 50 && height == 100);
    geometry_turned_size(100, 100, 45, &width, &height);
    assert_true(width == 142 && height == 142);
}

/* --- Orientation -------------------------------------------------------------------------------*/

enum { W = 3, H = 2 };

/* A raster of W × H whose pixels tell where they were. */
static struct pixmap numbered(void)
{
    struct fault fault = {0};
    struct pixmap pixmap;
    assert_int_equal(pixmap_init(&pixmap, W, H, 3, &fault), 0);
    for (uint8_t i = 0; i < W * H; i++)
        memset(pixmap.data + i * 3, i, 3);
    return pixmap;
}

static void expect_order(struct orient orient, uint32_t width, const char *order)
{
    struct fault fault = {0};
    struct pixmap pixmap = numbered();
    assert_int_equal(orient_apply(orient, &pixmap, &fault), 0);
    assert_int_equal(pixmap.width, width);
    for (size_t i = 0; i < W * H; i++)
        assert_int_equal(pixmap.data[i * 3] + '0', order[i]);
    pixmap_release(&pixmap);
}

/* 0 1 2
 * 3 4 5   as EXIF 2.32, 4.6.4 A, describes the eight. */
static void test_exif_orientations(void **state)
{
    (void)state;
    expect_order(orient_from_exif(1), 3, "012345");
    expect_order(orient_from_exif(2), 3, "210543");
    expect_order(orient_from_exif(3), 3, "543210");
    expect_order(orient_from_exif(4), 3, "345012");
    expect_order(orient_from_exif(5), 2, "031425");
    expect_order(orient_from_exif(6), 2, "304152");
    expect_order(orient_from_exif(7), 2, "524130");
    expect_order(orient_from_exif(8), 2, "251403");
    expect_order(orient_from_exif(0), 3, "012345");
    expect_order(orient_from_exif(9), 3, "012345");
}

static void test_turns(void **state)
{
    (void)state;
    expect_order(orient_from_turns(1), 2, "304152");
    expect_order(orient_from_turns(-1), 2, "251403");
    expect_order(orient_from_turns(6), 3, "543210");
}

/* Two ways one after the other are the one that orient_then() says; and back again. */
static void test_orientations_compose(void **state)
{
    (void)state;
    for (int one = 1; one <= 8; one++) {
        for (int other = 1; other <= 8; other++) {
            struct fault fault = {0};
            struct pixmap twice = numbered();
            struct pixmap once = numbered();
            struct orient first = orient_from_exif(one);
            struct orient second = orient_from_exif(other);
            orient_apply(first, &twice, &fault);
            orient_apply(second, &twice, &fault);
            orient_apply(orient_then(first, second), &once, &fault);
            assert_int_equal(once.width, twice.width);
            assert_memory_equal(once.data, twice.data, W * H * 3);
            pixmap_release(&twice);
            pixmap_release(&once);
        }
    }
}

/* A pixel of the oriented picture is found where orient_undo_area() says. */
static void test_areas_follow(void **state)
{
    (void)state;
    for (int way = 1; way <= 8; way++) {
        struct fault fault = {0};
        struct orient orient = orient_from_exif(way);
        struct pixmap before = numbered();
        struct pixmap after = numbered();
        orient_apply(orient, &after, &fault);
        for (uint32_t y = 0; y < after.height; y++) {
            for (uint32_t x = 0; x < after.width; x++) {
                struct area area = orient_undo_area(orient, W, H, (struct area){x, y, 1, 1});
                const uint8_t *from = pixmap_row(&before, (uint32_t)area.y) + (uint32_t)area.x * 3;
                assert_int_equal(*from, *(pixmap_row(&after, y) + x * 3));
            }
        }
        pixmap_release(&before);
        pixmap_release(&after);
    }
}

/* Larger than a tile, so that edges of tiles are met. */
static void test_large_transpose(void **state)
{
    (void)state;
    struct fault fault = {0};
    struct pixmap pixmap;
    pixmap_init(&pixmap, 101, 67, 4, &fault);
    for (uint32_t i = 0; i < 101 * 67; i++)
        memcpy(pixmap.data + i * 4, &i, 4);
    orient_apply(orient_from_exif(7), &pixmap, &fault);
    for (uint32_t y = 0; y < 101; y++) {
        for (uint32_t x = 0; x < 67; x++) {
            uint32_t value;
            memcpy(&value, pixmap_row(&pixmap, y) + x * 4, 4);
            assert_int_equal(value, (66 - x) * 101 + (100 - y));
        }
    }
    pixmap_release(&pixmap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fits),         cmocka_unit_test(test_fits_stay_inside),
        cmocka_unit_test(test_turned_size),  cmocka_unit_test(test_exif_orientations),
        cmocka_unit_test(test_turns),        cmocka_unit_test(test_orientations_compose),
        cmocka_unit_test(test_areas_follow), cmocka_unit_test(test_large_transpose),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
