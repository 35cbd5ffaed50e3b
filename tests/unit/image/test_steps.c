/* The operations of image.transform, each against ImageMagick's or against what it promises. */
#include "expect.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct bytes small; /* 320 × 200, PNG */
static struct bytes slate; /* 300 × 120, black, to write on */

static int set_up(void **state)
{
    expect_set_up(state);
    small = magick("'%s' -resize 320x200! png:-", magick_photograph());
    slate = magick("-size 300x120 xc:black png24:-");
    return 0;
}

static int tear_down(void **state)
{
    free(slate.data);
    free(small.data);
    return expect_tear_down(state);
}

/* Flat and in steps, what both say must be the same. */
static void test_like_magick(void **state)
{
    (void)state;
    static const struct {
        const char *operation, *arguments;
        double least;
    } CASES[] = {
        {"\"blur\":2", "-virtual-pixel edge -gaussian-blur 0x2", 52},
        {"\"blur\":{\"sigma\":20}", "-virtual-pixel edge -gaussian-blur 0x20", 33},
        {"\"flip\":true", "-flip", 99},
        {"\"flop\":true", "-flop", 99},
        {"\"negate\":true", "-negate", 99},
        {"\"gamma\":2.2", "-gamma 2.2", 60},
        {"\"greyscale\":true", "-grayscale Rec709Luma", 60},
        {"\"threshold\":{\"level\":100,\"greyscale\":false}",
         "-channel R -threshold 38.9% -channel G "
         "-threshold 38.9% -channel B -threshold 38.9% +channel",
         40},
        {"\"median\":3", "-virtual-pixel edge -statistic Median 3x3", 99},
        {"\"median\":5", "-virtual-pixel edge -statistic Median 5x5", 99},
        {"\"extract\":{\"left\":13,\"top\":17,\"width\":100,\"height\":90}",
         "-crop 100x90+13+17 +repage", 99},
        {"\"crop\":{\"left\":220,\"top\":110,\"width\":100,\"height\":90}",
         "-crop 100x90+220+110 +repage", 99},
        {"\"extend\":{\"top\":3,\"right\":5,\"bottom\":7,\"left\":11,\"background\":\"#ff8000\"}",
         "-background '#ff8000' -gravity northwest -splice 11x3 -gravity southeast -splice 5x7",
         99},
        {"\"padding\":9,\"background\":\"#ff8000\"", "-bordercolor '#ff8000' -border 9", 99},
        {"\"rotate\":180", "-rotate 180", 99},
        {"\"rotate\":{\"angle\":90}", "-rotate 90", 99},
        {"\"resize\":{\"width\":100,\"kernel\":\"mitchell\"}", "-filter Mitchell -resize 100x", 60},
        {"\"resize\":{\"width\":100,\"kernel\":\"cubic\"}", "-filter Catrom -resize 100x", 60},
        {"\"resize\":{\"width\":100,\"kernel\":\"lanczos2\"}", "-filter Lanczos2 -resize 100x", 60},
        {"\"resize\":{\"width\":100,\"kernel\":\"linear\"}", "-filter Triangle -resize 100x", 60},
        {"\"resize\":{\"width\":640,\"kernel\":\"nearest\"}", "-scale 640x", 60},
        {"\"width\":50,\"dpr\":2", "-filter Lanczos -resize 100x", 60},
        {"\"flatten\":\"#ff8000\"", "", 99},
    };
    enum { COUNT = sizeof(CASES) / sizeof(CASES[0]) };
    const char *ways[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        ways[i] = CASES[i].arguments;
    struct bytes theirs = magick_each(small.data, small.len, ways, COUNT);
    size_t at = 0;
    for (size_t i = 0; i < COUNT; i++) {
        char input[400];
        snprintf(input, sizeof(input), "{%s,\"format\":\"png\"}", CASES[i].operation);
        expect_success(input, small, 1);
        expect_like_next(0, theirs, &at, ways[i], CASES[i].least);
        struct bytes flat = artifact_bytes(0);
        if (!strstr(CASES[i].operation, "background\":\"#ff8000\"") ||
            strstr(CASES[i].operation, "extend")) {
            snprintf(input, sizeof(input), "{\"steps\":[{%s}],\"format\":\"png\"}",
                     CASES[i].operation);
            expect_success(input, small, 1);
            assert_int_equal(host.artifacts[0].len, flat.len);
            assert_memory_equal(host.artifacts[0].data, flat.data, flat.len);
        }
        free(flat.data);
    }
    assert_int_equal(at, theirs.len);
    free(theirs.data);
}

static void mean_colour(struct bytes pixels, double mean[4])
{
    memset(mean, 0, 4 * sizeof(*mean));
    for (size_t i = 0; i < pixels.len; i++)
        mean[i % 4] += pixels.data[i] / (pixels.len / 4.0);
}

/* What an operation does to a plain colour. */
static void test_colours(void **state)
{
    (void)state;
    static const struct {
        const char *colour, *operation;
        double expected[3], tolerance;
    } CASES[] = {
        {"#406080", "\"linear\":{\"slope\":1.5,\"offset\":-10}", {86, 134, 182}, 0.6},
        {"#406080", "\"modulate\":{\"brightness\":1}", {64, 96, 128}, 1},
        {"#406080", "\"modulate\":{\"saturation\":0}", {93, 93, 93}, 2},
        {"#808080", "\"modulate\":{\"hue\":90}", {128, 128, 128}, 1},
        {"#808080", "\"modulate\":{\"lightness\":-100}", {0, 0, 0}, 1},
        {"#ff0000", "\"modulate\":{\"hue\":360}", {255, 0, 0}, 1.5},
        {"#808080", "\"tint\":\"#808080\"", {128, 128, 128}, 1},
        {"#406080", "\"negate\":true", {191, 159, 127}, 0},
        {"#406080", "\"threshold\":true", {0, 0, 0}, 0},
        {"#906080", "\"grayscale\":true", {108, 108, 108}, 1},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        struct bytes file = magick("-size 8x8 xc:'%s' png24:-", CASES[i].colour);
        char input[300];
        snprintf(input, sizeof(input), "{%s,\"format\":\"png\"}", CASES[i].operation);
        expect_success(input, file, 1);
        struct bytes pixels = artifact_pixels(0);
        double mean[4];
        mean_colour(pixels, mean);
        print_message("%s %s: %.0f %.0f %.0f\n", CASES[i].colour, CASES[i].operation, mean[0],
                      mean[1], mean[2]);
        for (int c = 0; c < 3; c++)
            assert_true(fabs(mean[c] - CASES[i].expected[c]) <= CASES[i].tolerance);
        free(pixels.data);
        free(file.data);
    }
}

static void test_tint_keeps_lightness_and_takes_hue(void **state)
{
    (void)state;
    expect_success("{\"tint\":\"#ff0000\",\"format\":\"png\"}", small, 1);
    struct bytes pixels = artifact_pixels(0);
    double mean[4];
    mean_colour(pixels, mean);
    assert_true(mean[0] > mean[1] + 30 && mean[0] > mean[2] + 30);
    free(pixels.data);
}

static void test_normalise_uses_the_whole_range(void **state)
{
    (void)state;
    struct bytes file = magick("-size 256x4 gradient:'#505050'-'#a0a0a0' -rotate 90 png24:-");
    expect_success("{\"normalise\":true,\"format\":\"png\"}", file, 1);
    struct bytes pixels = artifact_pixels(0);
    uint8_t least = 255, most = 0;
    for (size_t i = 0; i < pixels.len; i += 4) {
        least = pixels.data[i] < least ? pixels.data[i] : least;
        most = pixels.data[i] > most ? pixels.data[i] : most;
    }
    assert_true(least <= 2 && most >= 253);
    free(pixels.data);
    free(file.data);
}

/* How much neighbours differ. */
static double roughness(struct bytes pixels)
{
    double sum = 0;
    for (size_t i = 4; i < pixels.len; i++)
        sum += abs(pixels.data[i] - pixels.data[i - 4]);
    return sum;
}

static void test_sharpen_sharpens(void **state)
{
    (void)state;
    struct bytes before = magick_pixels(small.data, small.len, "");
    double rough = roughness(before);
    static const char *const INPUTS[] = {
        "{\"sharpen\":true,\"format\":\"png\"}",
        "{\"sharpen\":{\"sigma\":2,\"amount\":3},\"format\":\"png\"}"};
    for (int i = 0; i < 2; i++) {
        expect_success(INPUTS[i], small, 1);
        struct bytes after = artifact_pixels(0);
        assert_true(roughness(after) > rough * 1.05);
        rough = roughness(after);
        free(after.data);
    }
    free(before.data);
}

static void test_trim(void **state)
{
    (void)state;
    struct bytes file = magick("-size 40x30 xc:white -fill red -draw 'rectangle 7,5 20,24' png:-");
    expect_success("{\"trim\":true,\"format\":\"png\"}", file, 1);
    expect_result("\"width\":14,\"height\":20");
    expect_success("{\"trim\":{\"threshold\":10},\"width\":7,\"format\":\"png\"}", file, 1);
    expect_result("\"width\":7,\"height\":10");
    expect_success("{\"trim\":{\"background\":\"#00ff00\"},\"format\":\"png\"}", file, 1);
    expect_result("\"width\":40,\"height\":30");
    free(file.data);
    struct bytes plain = magick("-size 40x30 xc:white png:-");
    expect_success("{\"trim\":true,\"format\":\"png\"}", plain, 1);
    expect_result("\"width\":40,\"height\":30");
    free(plain.data);
    struct bytes clear = magick("-size 40x30 xc:none -fill red -draw 'rectangle 7,5 20,24' png:-");
    expect_success("{\"trim\":true,\"format\":\"png\"}", clear, 1);
    expect_result("\"width\":14,\"height\":20");
    free(clear.data);
}

static void test_round(void **state)
{
    (void)state;
    expect_success("{\"round\":true,\"width\":100,\"height\":100,\"format\":\"png\"}", small, 1);
    struct bytes pixels = artifact_pixels(0);
    double covered = 0;
    for (size_t i = 3; i < pixels.len; i += 4)
        covered += pixels.data[i] / 255.0;
    assert_true(fabs(covered - M_PI * 50 * 50) < 40);
    assert_int_equal(pixels.data[3], 0);
    assert_int_equal(pixels.data[(50 * 100 + 50) * 4 + 3], 255);
    free(pixels.data);
    /* On JPEG's white, at the end. */
    expect_success("{\"round\":40,\"width\":100,\"height\":100,\"format\":\"jpeg\"}", small, 1);
    pixels = artifact_pixels(0);
    assert_true(pixels.data[0] > 245 && pixels.data[1] > 245 && pixels.data[2] > 245);
    free(pixels.data);
}

/* --- Smart cuts --------------------------------------------------------------------------------*/

/* Is that third of a wide picture kept in which a red patch stands? */
static bool keeps_patch(const char *position, struct bytes file)
{
    char input[200];
    snprintf(input, sizeof(input),
             "{\"width\":100,\"height\":100,\"position\":%s,\"format\":\"png\"}", position);
    expect_success(input, file, 1);
    expect_result("\"width\":100,\"height\":100");
    struct bytes pixels = artifact_pixels(0);
    size_t red = 0;
    for (size_t i = 0; i < pixels.len; i += 4)
        red += pixels.data[i] > 200 && pixels.data[i + 1] < 60;
    free(pixels.data);
    return red > 2200;
}

static void test_positions(void **state)
{
    (void)state;
    struct bytes files[3];
    for (int where = 0; where < 3; where++) {
        files[where] =
            magick("-size 300x100 xc:gray -fill red -draw 'rectangle %d,20 %d,80' png24:-",
                   where * 100 + 30, where * 100 + 70);
        assert_true(keeps_patch("\"attention\"", files[where]));
        assert_true(keeps_patch("\"entropy\"", files[where]));
        assert_int_equal(keeps_patch("\"left\"", files[where]), where == 0);
        assert_int_equal(keeps_patch("\"centre\"", files[where]), where == 1);
        assert_int_equal(keeps_patch("\"east\"", files[where]), where == 2);
    }
    assert_true(keeps_patch("{\"x\":0.83,\"y\":0.5}", files[2]));
    assert_true(keeps_patch("{\"x\":0.17,\"y\":0.5}", files[0]));
    assert_true(keeps_patch("{\"x\":0,\"y\":0}", files[0]));
    for (int where = 0; where < 3; where++)
        free(files[where].data);
}

/* --- Composite ---------------------------------------------------------------------------------*/

static uint8_t *pixel(struct bytes pixels, int width, int x, int y)
{
    return pixels.data + ((size_t)y * (size_t)width + (size_t)x) * 4;
}

static void test_layer_places(void **state)
{
    (void)state;
    struct bytes base = magick("-size 100x60 xc:blue png24:-");
    struct bytes logo = magick("-size 10x10 xc:red png24:-");
    static const struct {
        const char *how;
        int x, y; /* its upper left corner */
    } CASES[] = {
        {"\"position\":\"northwest\"", 0, 0},
        {"\"position\":\"southeast\"", 90, 50},
        {"\"position\":\"southeast\",\"left\":5,\"top\":7", 85, 43},
        {"\"position\":\"northwest\",\"left\":5,\"top\":7", 5, 7},
        {"\"position\":\"center\"", 45, 25},
        {"\"position\":{\"x\":0.2,\"y\":0.5}", 15, 25},
        {"\"opacity\":1", 45, 25},
    };
    test_host_offer(&host, "/watermark/image", logo.data, logo.len);
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        char input[300];
        snprintf(input, sizeof(input), "{\"format\":\"png\",\"watermark\":{\"image\":{},%s}}",
                 CASES[i].how);
        expect_success(input, base, 1);
        struct bytes pixels = artifact_pixels(0);
        for (int y = 0; y < 60; y++) {
            for (int x = 0; x < 100; x++) {
                bool inside = x >= CASES[i].x && x < CASES[i].x + 10 && y >= CASES[i].y &&
                              y < CASES[i].y + 10;
                assert_memory_equal(pixel(pixels, 100, x, y), inside ? "\xff\0\0" : "\0\0\xff", 3);
            }
        }
        free(pixels.data);
    }
    test_host_withdraw(&host);
    free(base.data);
    free(logo.data);
}

/* Files are found where the layer stands: beside outputs, in one, in a list, in a step. */
static void test_layer_files(void **state)
{
    (void)state;
    struct bytes base = magick("-size 40x40 xc:blue png24:-");
    struct bytes logo = magick("-size 60x60 xc:red png24:-");
    static const struct {
        const char *pointer, *input;
    } CASES[] = {
        {"/composite/1/image",
         "{\"composite\":[{\"text\":\"x\"},{\"image\":{}}],\"format\":\"png\"}"},
        {"/steps/1/watermark/image",
         "{\"steps\":[{\"blur\":1},{\"watermark\":{\"image\":{}}}],\"format\":\"png\"}"},
        {"/watermark/image", "{\"watermark\":{\"image\":{}},\"outputs\":[{\"format\":\"png\"}]}"},
        {"/outputs/0/watermark/image",
         "{\"outputs\":[{\"watermark\":{\"image\":{}},\"format\":\"png\"}]}"},
        {"/outputs/0/steps/0/composite/0/image",
         "{\"outputs\":[{\"steps\":[{\"composite\":[{\"image\":{}}]}],\"format\":\"png\"}]}"},
        {"/steps/0/composite/0/image",
         "{\"steps\":[{\"composite\":[{\"image\":{}}]}],\"outputs\":[{"
         "\"format\":\"png\"}]}"},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        test_host_offer(&host, CASES[i].pointer, logo.data, logo.len);
        expect_success(CASES[i].input, base, 1);
        struct bytes pixels = artifact_pixels(0);
        assert_memory_equal(pixel(pixels, 40, 20, 20), "\xff\0\0", 3);
        free(pixels.data);
        test_host_withdraw(&host);
        expect_failure("transform", CASES[i].input, base, "invalid_input");
    }
    free(base.data);
    free(logo.data);
}

static void test_blend_modes(void **state)
{
    (void)state;
    static const struct {
        const char *mode, *magick;
    } MODES[] = {
        {"over", "over"},
        {"multiply", "multiply"},
        {"screen", "screen"},
        {"overlay", "overlay"},
        {"darken", "darken"},
        {"lighten", "lighten"},
        {"add", "plus"},
        {"difference", "difference"},
        {"exclusion", "exclusion"},
        {"hard-light", "hardlight"},
        {"colour-dodge", "colordodge"},
        {"color-burn", "colorburn"},
        {"in", "in"},
        {"out", "out"},
        {"atop", "atop"},
        {"dest-over", "dst-over"},
        {"dest-in", "dst-in"},
        {"dest-out", "dst-out"},
        {"dest-atop", "dst-atop"},
        {"xor", "xor"},
        {"source", "src"},
        {"dest", "dst"},
        {"clear", "clear"},
    };
    struct bytes base = magick("'%s' -resize 64x64! -alpha set -channel A -evaluate set 70%% "
                               "+channel png32:-",
                               magick_photograph());
    struct bytes layer = magick("-size 64x64 gradient:'#ff8000c0'-'#0040ff60' png32:-");
    FILE *file = fopen("layer.png", "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(layer.data, 1, layer.len, file), layer.len);
    fclose(file);
    enum { COUNT = sizeof(MODES) / sizeof(MODES[0]) };
    char arguments[COUNT][80];
    const char *ways[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        snprintf(arguments[i], sizeof(arguments[i]), "layer.png -compose %s -composite",
                 MODES[i].magick);
        ways[i] = arguments[i];
    }
    struct bytes theirs = magick_each(base.data, base.len, ways, COUNT);
    size_t at = 0;
    test_host_offer(&host, "/composite/image", layer.data, layer.len);
    for (size_t i = 0; i < COUNT; i++) {
        char input[200];
        snprintf(input, sizeof(input),
                 "{\"format\":\"png\",\"composite\":{\"image\":{},\"blend\":\"%s\"}}",
                 MODES[i].mode);
        expect_success(input, base, 1);
        expect_like_next(0, theirs, &at, MODES[i].mode, 60);
    }
    assert_int_equal(at, theirs.len);
    test_host_withdraw(&host);
    remove("layer.png");
    free(theirs.data);
    free(base.data);
    free(layer.data);
}

/* Share of white in a black picture with white text on it. */
static double ink(const char *layer)
{
    char input[400];
    snprintf(input, sizeof(input), "{\"format\":\"png\",\"watermark\":{%s}}", layer);
    expect_success(input, slate, 1);
    struct bytes pixels = artifact_pixels(0);
    double sum = 0;
    for (size_t i = 0; i < pixels.len; i += 4)
        sum += pixels.data[i] / 255.0;
    free(pixels.data);
    return sum;
}

static void test_text(void **state)
{
    (void)state;
    double once = ink("\"text\":\"Hello\",\"size\":40");
    assert_true(once > 500 && once < 3000);
    assert_true(fabs(ink("\"text\":\"Hello\\nHello\",\"size\":40") - 2 * once) < once * 0.05);
    assert_true(fabs(ink("\"text\":\"Hello\",\"size\":40,\"opacity\":0.5") - once / 2) <
                once * 0.05);
    assert_true(fabs(ink("\"text\":\"Hello\",\"size\":20") - once / 4) < once * 0.08);
    assert_true(fabs(ink("\"text\":\"Hello\",\"size\":40,\"rotate\":30") - once) < once * 0.05);
    assert_true(ink("\"text\":\"Hello\",\"size\":20,\"tile\":true,\"spacing\":4") > once);
    assert_true(ink("\"text\":\"\\u00c4\\u00d6\\u4e2d\",\"size\":40") > 300);
    expect_failure("transform", "{\"watermark\":{\"text\":\"\\n\",\"size\":9},\"format\":\"png\"}",
                   small, "invalid_input");
    struct bytes font = magick("-size 2x2 xc:red png:-");
    test_host_offer(&host, "/watermark/font", font.data, font.len);
    expect_failure("transform", "{\"watermark\":{\"text\":\"x\"},\"format\":\"png\"}", small,
                   "invalid_input");
    test_host_withdraw(&host);
    free(font.data);
}

/* --- Order and limits --------------------------------------------------------------------------*/

static void test_steps_happen_in_order(void **state)
{
    (void)state;
    expect_success("{\"steps\":[{\"extract\":{\"left\":10,\"width\":100,\"height\":50}},"
                   "{\"rotate\":90},{\"extract\":{\"width\":50,\"height\":20}},{\"width\":25}],"
                   "\"format\":\"png\"}",
                   small, 1);
    expect_result("\"width\":25,\"height\":10");
    expect_like(0, small,
                "-crop 100x50+10+0 +repage -rotate 90 -crop 50x20+0+0 +repage -filter "
                "Lanczos -resize 25x",
                38);
    /* Resizing before cutting is not cutting before resizing. */
    expect_success("{\"steps\":[{\"width\":100},{\"extract\":{\"width\":50,\"height\":50}}],"
                   "\"format\":\"png\"}",
                   small, 1);
    expect_like(0, small, "-filter Lanczos -resize 100x -crop 50x50+0+0 +repage", 38);
    expect_success("{\"extract\":{\"width\":50,\"height\":50},\"steps\":[{\"width\":100}],"
                   "\"format\":\"png\"}",
                   small, 1);
    expect_like(0, small, "-crop 50x50+0+0 +repage -filter Lanczos -resize 100x", 38);
    expect_success("{\"steps\":[{\"rotate\":10},{\"flop\":true},{\"rotate\":-10}],\"background\":"
                   "\"white\",\"format\":\"png\"}",
                   small, 1);
}

static void test_step_limits(void **state)
{
    (void)state;
    expect_failure("transform",
                   "{\"steps\":[{\"blur\":1},{\"extract\":{\"left\":300,\"width\":30,"
                   "\"height\":10}}],\"format\":\"png\"}",
                   small, "invalid_input");
    expect_failure("transform",
                   "{\"steps\":[{\"blur\":1},{\"width\":16000,\"height\":16000}],"
                   "\"format\":\"png\"}",
                   small, "too_large");
    expect_failure("transform", "{\"extend\":16000,\"format\":\"png\"}", small, "too_large");
    expect_failure(
        "transform",
        "{\"watermark\":{\"text\":\"wide wide wide wide wide wide\",\"size\":2000,\"rotate\":0},"
        "\"format\":\"png\"}",
        small, "too_large");
    char many[2000] = "{\"format\":\"png\",\"steps\":[{\"flip\":true}";
    for (int i = 0; i < 32; i++)
        strcat(many, ",{\"flop\":true}");
    strcat(many, "]}");
    expect_failure("transform", many, small, "invalid_input");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_like_magick),
        cmocka_unit_test(test_colours),
        cmocka_unit_test(test_tint_keeps_lightness_and_takes_hue),
        cmocka_unit_test(test_normalise_uses_the_whole_range),
        cmocka_unit_test(test_sharpen_sharpens),
        cmocka_unit_test(test_trim),
        cmocka_unit_test(test_round),
        cmocka_unit_test(test_positions),
        cmocka_unit_test(test_layer_places),
        cmocka_unit_test(test_layer_files),
        cmocka_unit_test(test_blend_modes),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_steps_happen_in_order),
        cmocka_unit_test(test_step_limits),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
