/* image.info with details, image.compare and image.montage. */
#include "expect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The text after `name` in the result. */
static const char *member(const char *name)
{
    const char *at = strstr(host.result, name);
    if (!at)
        print_error("no %s in %s\n", name, host.result);
    assert_non_null(at);
    return at + strlen(name);
}

static void describe(struct bytes file)
{
    expect_run("info", "{\"details\":true}", file);
    assert_int_equal(host.outcome, OUTCOME_SUCCEEDED);
}

static void test_dominant_and_blurhash(void **state)
{
    (void)state;
    struct bytes red =
        magick("-size 90x60 xc:blue -fill '#cc2211' -draw 'rectangle 20,0 89,59' png:-");
    describe(red);
    expect_result("\"dominant\":\"#c"); /* the border between both counts a little */
    const char *hash = member("\"blurhash\":\"");
    assert_int_equal(hash[0], 'L'); /* 4 × 3 components */
    assert_int_equal(strcspn(hash, "\""), 28);
    free(red.data);
    /* Of one plain colour all but the mean is nothing: "0" as the scale, "fQ" for each component.
     */
    struct bytes plain = magick("-size 64x48 xc:'#ff0000' png24:-");
    describe(plain);
    hash = member("\"blurhash\":\"");
    assert_memory_equal(hash + 2, "TI:j", 4);
    free(plain.data);
}

static uint64_t phash(struct bytes file)
{
    describe(file);
    return strtoull(member("\"phash\":\""), NULL, 16);
}

static void test_perceptual_hash(void **state)
{
    (void)state;
    uint64_t original = phash(photograph);
    static const char *const ALIKE[] = {"-resize 300x -quality 40", "-modulate 110",
                                        "-resize 400x400! -quality 70", "-blur 0x2"};
    for (int i = 0; i < 4; i++) {
        struct bytes file = magick("'%s' %s jpg:-", magick_photograph(), ALIKE[i]);
        int bits = __builtin_popcountll(original ^ phash(file));
        print_message("%s: %d bits\n", ALIKE[i], bits);
        assert_true(bits <= 6);
        free(file.data);
    }
    static const char *const OTHERS[] = {"-flop", "-rotate 90"};
    for (int i = 0; i < 2; i++) {
        struct bytes file = magick("'%s' -resize 400x %s jpg:-", magick_photograph(), OTHERS[i]);
        assert_true(__builtin_popcountll(original ^ phash(file)) > 15);
        free(file.data);
    }
}

/* --- Compare -----------------------------------------------------------------------------------*/

static void compare(struct bytes one, struct bytes other, const char *input)
{
    test_host_offer(&host, "/other", other.data, other.len);
    expect_run("compare", input, one);
    test_host_withdraw(&host);
}

static void test_compare(void **state)
{
    (void)state;
    compare(photograph, photograph, "{}");
    expect_result("\"identical\":true,\"ssim\":1.000000,\"mean_error\":0.0000,\"max_error\":0,"
                  "\"differing_pixels\":0");
    assert_null(strstr(host.result, "psnr"));
    double last = 1;
    static const char *const QUALITIES[] = {"90", "50", "10"};
    for (int i = 0; i < 3; i++) {
        struct bytes file =
            magick("'%s' -resize 1280x800! -quality %s jpg:-", magick_photograph(), QUALITIES[i]);
        compare(photograph, file, "{}");
        double ssim = strtod(member("\"ssim\":"), NULL);
        double got = strtod(member("\"psnr\":"), NULL);
        struct bytes ours = magick_pixels(photograph.data, photograph.len, "");
        struct bytes theirs = magick_pixels(file.data, file.len, "");
        /* Alpha, which is the same in both, counts in theirs. */
        double expected = psnr(ours, theirs) - 1.2494;
        print_message("quality %s: SSIM %.4f, PSNR %.2f, expected %.2f\n", QUALITIES[i], ssim, got,
                      expected);
        assert_true(ssim < last);
        assert_true(got > expected - 0.05 && got < expected + 0.05);
        last = ssim;
        free(ours.data);
        free(theirs.data);
        free(file.data);
    }
}

static void test_compare_sizes(void **state)
{
    (void)state;
    struct bytes half = magick("'%s' -resize 640x400! -quality 95 jpg:-", magick_photograph());
    compare(photograph, half, "{}");
    assert_string_equal(host.code, "invalid_input");
    compare(photograph, half, "{\"resize\":true}");
    assert_int_equal(host.outcome, OUTCOME_SUCCEEDED);
    assert_true(strtod(member("\"ssim\":"), NULL) > 0.85);
    free(half.data);
}

static void test_difference_picture(void **state)
{
    (void)state;
    struct bytes one = magick("-size 20x10 xc:'#406080' png24:-");
    struct bytes other =
        magick("-size 20x10 xc:'#406080' -fill '#446080' -draw 'point 3,2' png24:-");
    compare(one, other, "{\"difference\":true,\"amplify\":10}");
    expect_result("\"max_error\":4,\"differing_pixels\":1");
    expect_result("\"difference\":{\"name\":\"difference.png\",\"format\":\"png\"");
    struct bytes pixels = artifact_pixels(0);
    for (int i = 0; i < 200; i++)
        assert_int_equal(pixels.data[i * 4], i == 43 ? 40 : 0);
    free(pixels.data);
    free(one.data);
    free(other.data);
}

/* --- Montage -----------------------------------------------------------------------------------*/

static void test_montage(void **state)
{
    (void)state;
    static const char *const COLOURS[] = {"#ff0000", "#00ff00", "#0000ff", "#ffff00", "#00ffff"};
    for (int i = 0; i < 5; i++) {
        struct bytes file = magick("-size 30x20 xc:'%s' png24:-", COLOURS[i]);
        char pointer[20];
        snprintf(pointer, sizeof(pointer), "/images/%d", i);
        test_host_offer(&host, pointer, file.data, file.len);
        free(file.data);
    }
    const struct bytes none = {NULL, 0};
    expect_run(
        "montage",
        "{\"images\":[{},{},{},{},{}],\"columns\":3,\"gap\":2,\"background\":"
        "\"black\",\"cell\":{\"width\":15,\"height\":10},\"format\":\"png\",\"name\":\"m.png\"}",
        none);
    expect_result("\"name\":\"m.png\",\"format\":\"png\",\"media_type\":\"image/png\",\"width\":53,"
                  "\"height\":26");
    expect_result("\"columns\":3,\"rows\":2");
    struct bytes pixels = artifact_pixels(0);
    static const uint8_t EXPECTED[6][3] = {{255, 0, 0},   {0, 255, 0},   {0, 0, 255},
                                           {255, 255, 0}, {0, 255, 255}, {0, 0, 0}};
    for (size_t i = 0; i < 6; i++) {
        size_t x = 2 + (i % 3) * 17, y = 2 + (i / 3) * 12;
        assert_memory_equal(pixels.data + (y * 53 + x) * 4, EXPECTED[i], 3);
        assert_memory_equal(pixels.data + ((y + 9) * 53 + x + 14) * 4, EXPECTED[i], 3);
        assert_memory_equal(pixels.data + ((y - 1) * 53 + x) * 4, "\0\0\0", 3);
    }
    free(pixels.data);
    expect_run("montage", "{\"images\":[{},{},{}],\"format\":\"jpeg\",\"width\":301}", none);
    expect_result("\"format\":\"jpeg\",\"media_type\":\"image/jpeg\",\"width\":301");
    expect_run("montage", "{\"images\":[{},{},{},{},{},{}]}", none);
    assert_string_equal(host.code, "invalid_input");
    expect_run("montage", "{\"images\":[{}],\"cell\":{\"width\":9000,\"height\":9000}}", none);
    assert_string_equal(host.code, "too_large");
    test_host_withdraw(&host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dominant_and_blurhash),
        cmocka_unit_test(test_perceptual_hash),
        cmocka_unit_test(test_compare),
        cmocka_unit_test(test_compare_sizes),
        cmocka_unit_test(test_difference_picture),
        cmocka_unit_test(test_montage),
    };
    return cmocka_run_group_tests(tests, expect_set_up, expect_tear_down);
}
