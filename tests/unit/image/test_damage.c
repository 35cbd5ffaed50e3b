/*
 * Damaged files of every format: cut short at many places, with flipped bytes, made of noise, and
 * bombs. None may crash, hang or pass for whole when it is not.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "expect.h"

static const char INPUT[] = "{\"width\":20,\"height\":20,\"format\":\"png\"}";

static const struct {
    const char *name;
    const char *arguments; /* what makes the good file */
    size_t slack;          /* last bytes that hold nothing of the picture */
} KINDS[] = {
    {"jpeg", "jpg:-", 0},
    {"jpeg progressive", "-interlace JPEG jpg:-", 0},
    {"png", "png:-", 4}, /* the checksum of the end mark */
    {"png interlaced", "-interlace PNG png:-", 4},
    {"png palette", "-colors 16 png8:-", 4},
    {"webp", "webp:-", 0},
    {"webp lossless", "-define webp:lossless=true webp:-", 0},
    {"webp alpha", "-alpha set -channel A -evaluate set 50%% +channel webp:-", 0},
    {"avif", "avif:-", 0},
    {"heif", "heic:-", 0},
    {"gif", "gif:-", 1}, /* the trailer */
    {"gif interlaced", "-interlace GIF gif:-", 1},
    {"tiff", "-compress LZW tiff:-", 200}, /* the directory ends with notes about resolution */
    {"tiff plain", "-compress none tiff:-", 200},
    {"bmp", "bmp:-", 0},
    {"bmp palette", "-type Palette bmp3:-", 2}, /* the mark that ends run lengths */
};
enum { KIND_GIF = 10, KIND_BMP = 14 };
enum { KIND_COUNT = sizeof(KINDS) / sizeof(KINDS[0]) };

/* How often each idea is tried: in CI, and with HUB_TEST_LONG. */
static struct {
    size_t cuts, tail; /* evenly, and each of so many last bytes */
    int flips, noises;
} effort = {24, 6, 50, 180};

static struct bytes good[KIND_COUNT];

static int set_up(void **state)
{
    expect_set_up(state);
    if (expect_long()) {
        effort.cuts = 200;
        effort.tail = 40;
        effort.flips = 300;
        effort.noises = 900;
    }
    for (size_t kind = 0; kind < KIND_COUNT; kind++)
        good[kind] = magick("'%s' -resize 83x61! %s", magick_photograph(), KINDS[kind].arguments);
    return 0;
}

static int tear_down(void **state)
{
    for (size_t kind = 0; kind < KIND_COUNT; kind++)
        free(good[kind].data);
    return expect_tear_down(state);
}

/* A copy, to be damaged. */
static struct bytes good_file(size_t kind)
{
    struct bytes copy = {malloc(good[kind].len), good[kind].len};
    assert_non_null(copy.data);
    memcpy(copy.data, good[kind].data, copy.len);
    return copy;
}

static void run(const uint8_t *data, size_t len)
{
    test_host_run(&host, "transform", INPUT, data, len);
    assert_int_equal(host.completions, 1);
}

static bool is_documented(const char *code)
{
    return strcmp(code, "invalid_input") == 0 || strcmp(code, "too_large") == 0 ||
           strcmp(code, "unsupported_format") == 0;
}

static void test_good_files_pass(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < KIND_COUNT; kind++) {
        run(good[kind].data, good[kind].len);
        print_message("%s: %zu bytes %s\n", KINDS[kind].name, good[kind].len, host.message);
        assert_int_equal(host.outcome, OUTCOME_SUCCEEDED);
    }
}

static void expect_cut_fails(size_t kind, struct bytes file, size_t len)
{
    run(file.data, len);
    if (host.outcome != OUTCOME_FAILED || !is_documented(host.code))
        print_error("%s cut to %zu of %zu bytes: %s\n", KINDS[kind].name, len, file.len, host.code);
    assert_int_equal(host.outcome, OUTCOME_FAILED);
    assert_true(is_documented(host.code));
}

static void test_cut_short(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < KIND_COUNT; kind++) {
        size_t most = good[kind].len - KINDS[kind].slack;
        size_t step = most / effort.cuts + 1;
        for (size_t len = 0; len + effort.tail < most; len += step)
            expect_cut_fails(kind, good[kind], len);
        for (size_t len = most - effort.tail; len < most; len++)
            expect_cut_fails(kind, good[kind], len);
    }
}

/* The same with zeros in place of what is missing. Formats with checksums or an end mark tell;
 * the others need not, but must not crash. */
static void test_rest_is_zero(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < KIND_COUNT; kind++) {
        struct bytes file = good_file(kind);
        for (size_t len = file.len - 20; len > 100; len = len * 2 / 3) {
            memset(file.data + len, 0, file.len - len);
            run(file.data, file.len);
            bool checked = kind <= 4;
            assert_true(host.outcome == OUTCOME_FAILED ||
                        (!checked && host.outcome == OUTCOME_SUCCEEDED));
        }
        free(file.data);
    }
}

static void test_flipped_bytes(void **state)
{
    (void)state;
    srand(11);
    for (size_t kind = 0; kind < KIND_COUNT; kind++) {
        struct bytes file = good_file(kind);
        int passed = 0;
        for (int i = 0; i < effort.flips; i++) {
            /* The first bytes are where the structure is. */
            size_t range = i % 2 && file.len > 200 ? 200 : file.len;
            size_t at = (size_t)rand() % range;
            uint8_t was = file.data[at];
            file.data[at] = (uint8_t)(was ^ (1 + rand() % 255));
            run(file.data, file.len);
            passed += host.outcome == OUTCOME_SUCCEEDED;
            assert_true(host.outcome == OUTCOME_SUCCEEDED ||
                        (host.outcome == OUTCOME_FAILED && is_documented(host.code)));
            file.data[at] = was;
        }
        print_message("%s: %d of %d with one wrong byte pass\n", KINDS[kind].name, passed,
                      effort.flips);
        free(file.data);
    }
}

static void test_noise(void **state)
{
    (void)state;
    static const char *const HEADS[] = {"\xff\xd8\xff\xe0",
                                        "\x89PNG\r\n\x1a\n",
                                        "RIFF????WEBPVP8 ",
                                        "RIFF????WEBPVP8L",
                                        "GIF89a",
                                        "II*",
                                        "BM",
                                        "????ftypavif",
                                        ""};
    srand(12);
    uint8_t data[4096];
    for (int i = 0; i < effort.noises; i++) {
        const char *head = HEADS[i % 9];
        for (size_t at = 0; at < sizeof(data); at++)
            data[at] = (uint8_t)rand();
        memcpy(data, head, strlen(head));
        run(data, 64 + (size_t)rand() % 4000);
        assert_int_equal(host.outcome, OUTCOME_FAILED);
        assert_true(is_documented(host.code));
    }
}

/* --- Bombs -------------------------------------------------------------------------------------*/

static void put_be32(uint8_t *to, uint32_t number)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(number >> (24 - 8 * i));
}

static void put_le16(uint8_t *to, uint32_t number)
{
    to[0] = (uint8_t)number;
    to[1] = (uint8_t)(number >> 8);
}

static void expect_too_large(const uint8_t *data, size_t len)
{
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    run(data, len);
    getrusage(RUSAGE_SELF, &after);
    assert_int_equal(host.outcome, OUTCOME_FAILED);
    assert_string_equal(host.code, "too_large");
    assert_true(after.ru_maxrss - before.ru_maxrss < 16 * 1024);
}

static void test_bombs(void **state)
{
    (void)state;
    struct bytes png = good_file(2);
    put_be32(png.data + 16, 20000);
    put_be32(png.data + 20, 20000);
    expect_too_large(png.data, png.len);
    put_be32(png.data + 16, 0x7fffffff);
    put_be32(png.data + 20, 1);
    expect_too_large(png.data, png.len);
    free(png.data);

    struct bytes gif = good_file(KIND_GIF);
    put_le16(gif.data + 6, 65535);
    put_le16(gif.data + 8, 65535);
    expect_too_large(gif.data, gif.len);
    free(gif.data);

    struct bytes bmp = good_file(KIND_BMP);
    memset(bmp.data + 18, 0, 8);
    bmp.data[20] = bmp.data[24] = 1; /* 65536 × 65536 */
    expect_too_large(bmp.data, bmp.len);
    free(bmp.data);

    struct bytes jpeg = good_file(0);
    uint8_t *sof = memmem(jpeg.data, jpeg.len, "\xff\xc0\0\x11\x08", 5);
    assert_non_null(sof);
    memset(sof + 5, 0xfa, 4); /* 64250 × 64250 */
    expect_too_large(jpeg.data, jpeg.len);
    free(jpeg.data);
}

/* A frame that is larger than the screen is cut, as viewers do. */
static void test_gif_frame_off_screen(void **state)
{
    (void)state;
    struct bytes gif = good_file(KIND_GIF);
    put_le16(gif.data + 6, 10);
    put_le16(gif.data + 8, 10);
    run(gif.data, gif.len);
    assert_int_equal(host.outcome, OUTCOME_SUCCEEDED);
    assert_non_null(
        strstr(host.result, "\"input\":{\"format\":\"gif\",\"width\":10,\"height\":10"));
    free(gif.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bombs),
        cmocka_unit_test(test_good_files_pass),
        cmocka_unit_test(test_cut_short),
        cmocka_unit_test(test_rest_is_zero),
        cmocka_unit_test(test_flipped_bytes),
        cmocka_unit_test(test_noise),
        cmocka_unit_test(test_gif_frame_off_screen),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
