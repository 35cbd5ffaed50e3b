/* image.so as the runner sees it: loaded, given jobs, its pictures compared with ImageMagick's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"

/* --- The connector -----------------------------------------------------------------------------*/

static void test_exports_one_symbol(void **state)
{
    (void)state;
    FILE *pipe = popen("nm -D --defined-only '" IMAGE_SO "'", "r");
    assert_non_null(pipe);
    char line[256];
    assert_non_null(fgets(line, sizeof(line), pipe));
    assert_non_null(strstr(line, " T hub_connector_entry"));
    assert_null(fgets(line, sizeof(line), pipe));
    assert_int_equal(pclose(pipe), 0);
}

static void test_descriptor(void **state)
{
    (void)state;
    assert_int_equal(host.connector->size, sizeof(hub_connector));
    assert_int_equal(host.connector->mode, HUB_MODE_BLOCKING);
    assert_int_equal(host.connector->host_count, 0);
    assert_int_equal(host.connector->operation_count, 4);
    for (uint32_t i = 0; i < 4; i++) {
        const hub_operation *operation = host.connector->operations[i];
        assert_int_equal(operation->size, sizeof(hub_operation));
        assert_int_equal(operation->retry_safety, HUB_RETRY_SAFE);
        assert_int_equal(operation->input_schema.ptr[0], '{');
        assert_int_equal(operation->input_schema.ptr[operation->input_schema.len - 1], '}');
        assert_non_null(memmem(operation->input_schema.ptr, operation->input_schema.len,
                               "\"$ref\": \"hub:file\"", 18));
    }
}

/* --- Resizing ----------------------------------------------------------------------------------*/

static void test_sizes_match_magick(void **state)
{
    (void)state;
    static const struct {
        const char *input, *arguments;
        double least;
    } CASES[] = {
        {"{\"format\":\"png\"}", "", 60},
        {"{\"width\":800,\"format\":\"png\"}", "-filter Lanczos -resize 800x", 40},
        {"{\"width\":200,\"height\":200,\"format\":\"png\"}",
         "-filter Lanczos -resize 200x200^ -gravity center -extent 200x200", 38},
        {"{\"width\":1000,\"height\":300,\"fit\":\"fill\",\"format\":\"png\"}",
         "-filter Lanczos -resize 1000x300!", 40},
        {"{\"width\":300,\"height\":300,\"fit\":\"inside\",\"format\":\"png\"}",
         "-filter Lanczos -resize 300x300", 38},
        {"{\"width\":300,\"height\":300,\"fit\":\"contain\",\"background\":\"#ff0000\",\"format\":"
         "\"png\"}",
         "-filter Lanczos -resize 300x300 -background '#ff0000' -gravity center -extent 300x300",
         30},
        {"{\"crop\":{\"left\":500,\"top\":300,\"width\":640,\"height\":480},\"format\":\"png\"}",
         "-crop 640x480+500+300 +repage", 60},
        {"{\"crop\":{\"left\":501,\"top\":303,\"width\":700,\"height\":450},\"width\":200,"
         "\"format\":\"png\"}",
         "-crop 700x450+501+303 +repage -filter Lanczos -resize 200x", 38},
        {"{\"rotate\":90,\"width\":320,\"format\":\"png\"}",
         "-rotate 90 -filter Lanczos -resize 320x", 38},
        {"{\"rotate\":-90,\"flip\":true,\"width\":320,\"format\":\"png\"}",
         "-rotate 270 -flip -filter Lanczos -resize 320x", 38},
        {"{\"flop\":true,\"width\":1500,\"format\":\"png\"}", "-flop -filter Lanczos -resize 1500x",
         40},
    };
    enum { COUNT = sizeof(CASES) / sizeof(CASES[0]) };
    const char *ways[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        ways[i] = CASES[i].arguments;
    struct bytes theirs = magick_each(photograph.data, photograph.len, ways, COUNT);
    size_t at = 0;
    for (size_t i = 0; i < COUNT; i++) {
        expect_success(CASES[i].input, photograph, 1);
        expect_like_next(0, theirs, &at, ways[i], CASES[i].least);
    }
    assert_int_equal(at, theirs.len);
    free(theirs.data);
}

static void test_free_angles(void **state)
{
    (void)state;
    enum { COUNT = 6, FIRST = -75, STEP = 49 };
    struct bytes png = magick("'%s' -resize 400x300! png:-", magick_photograph());
    char arguments[COUNT][160];
    const char *ways[COUNT];
    for (int i = 0; i < COUNT; i++) {
        snprintf(arguments[i], sizeof(arguments[i]),
                 "-background '#102030' -rotate %d +repage -filter Lanczos -resize 240x240^ "
                 "-gravity center -extent 240x240",
                 FIRST + i * STEP);
        ways[i] = arguments[i];
    }
    struct bytes theirs = magick_each(png.data, png.len, ways, COUNT);
    size_t at = 0;
    for (int i = 0; i < COUNT; i++) {
        char input[200];
        snprintf(input, sizeof(input),
                 "{\"rotate\":%d,\"background\":\"#102030\",\"width\":240,\"height\":240,"
                 "\"format\":\"png\"}",
                 FIRST + i * STEP);
        expect_success(input, png, 1);
        expect_like_next(0, theirs, &at, ways[i], 24);
    }
    assert_int_equal(at, theirs.len);
    free(theirs.data);
    free(png.data);
}

static void test_several_outputs(void **state)
{
    (void)state;
    host.file_name = "holiday.in.rome.jpg";
    expect_success("{\"quality\":70,\"outputs\":["
                   "{\"width\":800,\"format\":\"jpeg\",\"progressive\":true},"
                   "{\"width\":200,\"height\":200,\"format\":\"webp\",\"name\":\"icon.webp\"},"
                   "{\"width\":100,\"format\":\"png\"},{\"width\":64,\"format\":\"gif\"},"
                   "{\"width\":320,\"format\":\"avif\"}]}",
                   photograph, 5);
    host.file_name = NULL;
    static const char *const NAMES[] = {"holiday.in.rome-1.jpg", "icon.webp",
                                        "holiday.in.rome-3.png", "holiday.in.rome-4.gif",
                                        "holiday.in.rome-5.avif"};
    static const char *const TYPES[] = {"image/jpeg", "image/webp", "image/png", "image/gif",
                                        "image/avif"};
    for (size_t i = 0; i < 5; i++) {
        assert_string_equal(host.artifacts[i].name, NAMES[i]);
        assert_string_equal(host.artifacts[i].media_type, TYPES[i]);
        assert_true(host.artifacts[i].len > 100);
    }
    assert_non_null(strstr(host.result, "\"outputs\":[{\"name\":\"holiday.in.rome-1.jpg\""));
    static const char *const WAYS[] = {
        "-filter Lanczos -resize 800x",
        "-filter Lanczos -resize 200x200^ -gravity center -extent 200x200",
        "-filter Lanczos -resize 100x", "-filter Lanczos -resize 64x",
        "-filter Lanczos -resize 320x"};
    static const double LEAST[] = {34, 30, 36, 24, 30};
    struct bytes theirs = magick_each(photograph.data, photograph.len, WAYS, 5);
    size_t at = 0;
    for (size_t i = 0; i < 5; i++)
        expect_like_next(i, theirs, &at, WAYS[i], LEAST[i]);
    free(theirs.data);
}

static const struct {
    const char *arguments, *format; /* for ImageMagick */
    double least;
} READ_FORMATS[] = {
    {"", "jpg", 50},
    {"-interlace JPEG", "jpg", 50},
    {"-colorspace Gray", "jpg", 50},
    {"-sampling-factor 1x1", "jpg", 50},
    {"", "png", 60},
    {"-interlace PNG", "png", 60},
    {"-colorspace Gray", "png", 60},
    {"-depth 16", "png", 48},
    {"-colors 16", "png8", 60},
    {"-colors 16 -interlace PNG", "png8", 60},
    {"-monochrome", "png", 60},
    {"-alpha set -channel A -evaluate set 50% +channel", "png", 48},
    {"-quality 80", "webp", 38},
    {"-define webp:lossless=true", "webp", 60},
    {"-quality 80", "avif", 36},
    {"-quality 80", "heic", 36},
    {"", "gif", 60},
    {"-interlace GIF", "gif", 60},
    {"", "tiff", 60},
    {"-compress LZW", "tiff", 60},
    {"-colorspace Gray", "tiff", 60},
    {"-alpha set -channel A -evaluate set 50% +channel", "tiff", 45},
    {"-depth 16 -compress Zip", "tiff", 48},
    {"-colors 16 -type Palette", "tiff", 48},
    {"", "bmp", 60},
    {"-type Palette", "bmp3", 60},
};
enum { FORMAT_COUNT = sizeof(READ_FORMATS) / sizeof(READ_FORMATS[0]) };

/* A file in-N of each format; their pixels, as ImageMagick reads them, one raster behind the other.
 */
static struct bytes make_formats(void)
{
    char write[8192], read[2048] = "";
    int write_len = snprintf(write, sizeof(write), "'%s' -resize 211x133! -respect-parentheses",
                             magick_photograph());
    int read_len = 0;
    for (int i = 0; i < FORMAT_COUNT; i++) {
        write_len += snprintf(write + write_len, sizeof(write) - (size_t)write_len,
                              " \\( -clone 0 %s -write %s:in-%d +delete \\)",
                              READ_FORMATS[i].arguments, READ_FORMATS[i].format, i);
        read_len += snprintf(read + read_len, sizeof(read) - (size_t)read_len, "%s:in-%d ",
                             READ_FORMATS[i].format, i);
    }
    free(magick("%s -resize 1x1! RGBA:-", write).data);
    return magick("%s -depth 8 RGBA:-", read);
}

static void test_formats_in(void **state)
{
    (void)state;
    struct bytes theirs = make_formats();
    size_t at = 0;
    for (int i = 0; i < FORMAT_COUNT; i++) {
        char name[16];
        snprintf(name, sizeof(name), "in-%d", i);
        struct bytes file = magick_file(name);
        remove(name);
        print_message("%s %s\n", READ_FORMATS[i].arguments, READ_FORMATS[i].format);
        expect_success("{\"format\":\"png\"}", file, 1);
        expect_like_next(0, theirs, &at, "", READ_FORMATS[i].least);
        free(file.data);
    }
    assert_int_equal(at, theirs.len);
    free(theirs.data);
}

/* Every format keeps what it was when none is asked for, and what can't be written says so. */
static void test_format_defaults_to_the_input(void **state)
{
    (void)state;
    static const char *const SAME[] = {"jpg", "png", "webp", "avif", "gif"};
    static const char *const TYPES[] = {"image/jpeg", "image/png", "image/webp", "image/avif",
                                        "image/gif"};
    for (size_t i = 0; i < 5; i++) {
        struct bytes file = magick("-size 40x30 gradient:red-blue %s:-", SAME[i]);
        expect_success("{\"width\":20}", file, 1);
        assert_string_equal(host.artifacts[0].media_type, TYPES[i]);
        free(file.data);
    }
    struct bytes tiff = magick("-size 40x30 gradient:red-blue tiff:-");
    expect_failure("transform", "{\"width\":20}", tiff, "unsupported_format");
    free(tiff.data);
}

static void back_to_png(void)
{
    struct bytes file = artifact_bytes(0);
    expect_success("{\"format\":\"png\"}", file, 1);
    free(file.data);
}

static void test_alpha_out(void **state)
{
    (void)state;
    struct bytes file = magick("-size 90x60 xc:none -fill red -draw 'circle 45,30 45,10' png:-");
    static const char *const FORMATS[] = {"png", "webp", "avif", "gif"};
    for (size_t i = 0; i < 4; i++) {
        char input[100];
        snprintf(input, sizeof(input), "{\"width\":45,\"format\":\"%s\"}", FORMATS[i]);
        expect_success(input, file, 1);
        if (strcmp(FORMATS[i], "avif") == 0)
            back_to_png(); /* ImageMagick 6 does not see the alpha of AVIF */
        struct bytes pixels = artifact_pixels(0);
        assert_int_equal(pixels.len, 45 * 30 * 4);
        assert_int_equal(pixels.data[3], 0);
        const uint8_t *middle = pixels.data + (15 * 45 + 22) * 4;
        assert_int_equal(middle[3], 255);
        assert_true(middle[0] > 240 && middle[1] < 15 && middle[2] < 15);
        free(pixels.data);
    }
    /* On a background where there is no alpha, white unless told. */
    expect_success("{\"format\":\"jpeg\"}", file, 1);
    expect_like(0, file, "-background white -flatten", 30);
    expect_success("{\"format\":\"png\",\"background\":\"#0080ff\"}", file, 1);
    expect_like(0, file, "-background '#0080ff' -flatten", 50);
    free(file.data);
}

static void test_odd_shapes(void **state)
{
    (void)state;
    static const struct {
        const char *size, *input;
        int width, height;
    } CASES[] = {
        {"1x1", "{}", 1, 1},
        {"1x1", "{\"width\":300,\"height\":200}", 300, 200},
        {"1x16000", "{\"height\":100}", 1, 100},
        {"16000x1", "{\"width\":100}", 100, 1},
        {"2500x2000", "{\"width\":1}", 1, 1},
        {"3x5", "{\"rotate\":33.3}", 6, 6},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        struct bytes file = magick("-size %s xc:'#336699' png:-", CASES[i].size);
        expect_success(CASES[i].input, file, 1);
        struct bytes pixels = artifact_pixels(0);
        assert_int_equal(pixels.len, CASES[i].width * CASES[i].height * 4);
        const uint8_t *middle =
            pixels.data +
            ((size_t)(CASES[i].height / 2) * (size_t)CASES[i].width + (size_t)CASES[i].width / 2) *
                4;
        assert_memory_equal(middle, "\x33\x66\x99", 3);
        free(pixels.data);
        free(file.data);
    }
}

/* --- Orientation -------------------------------------------------------------------------------*/

/* A JPEG with an EXIF block that says nothing but this orientation. */
static struct bytes with_orientation(struct bytes jpeg, int orientation)
{
    uint8_t app1[] = {0xff, 0xe1, 0, 34, 'E', 'x', 'i', 'f', 0, 0,
                      'M',  'M',  0, 42, 0,   0,   0,   8,   0, 1,
                      1,    0x12, 0, 3,  0,   0,   0,   1,   0, (uint8_t)orientation,
                      0,    0,    0, 0,  0,   0};
    struct bytes file = {malloc(jpeg.len + sizeof(app1)), jpeg.len + sizeof(app1)};
    memcpy(file.data, jpeg.data, 2);
    memcpy(file.data + 2, app1, sizeof(app1));
    memcpy(file.data + 2 + sizeof(app1), jpeg.data + 2, jpeg.len - 2);
    return file;
}

static void test_exif_orientations(void **state)
{
    (void)state;
    static const char *const WAYS[] = {
        "-auto-orient",
        "-auto-orient +repage -crop 160x160+11+22 +repage -rotate 180 -flop -filter Lanczos "
        "-resize 90x120^ -gravity northwest -extent 90x120"};
    struct bytes upright =
        magick("'%s' -strip -resize 320x200! -quality 95 jpg:-", magick_photograph());
    struct bytes upright_pixels = magick_pixels(upright.data, upright.len, "");
    for (int orientation = 1; orientation <= 8; orientation++) {
        struct bytes file = with_orientation(upright, orientation);
        char expected[40];
        snprintf(expected, sizeof(expected), "\"orientation\":%d", orientation);
        expect_run("info", "{}", file);
        assert_int_equal(host.outcome, OUTCOME_SUCCEEDED);
        assert_non_null(strstr(host.result, expected));
        struct bytes theirs = magick_each(file.data, file.len, WAYS, 2);
        size_t at = 0;
        expect_success("{\"format\":\"png\"}", file, 1);
        expect_like_next(0, theirs, &at, WAYS[0], 50);
        expect_success("{\"format\":\"png\",\"auto_orient\":false}", file, 1);
        struct bytes stored = artifact_pixels(0);
        assert_true(psnr(stored, upright_pixels) >= 50);
        free(stored.data);
        expect_success("{\"format\":\"png\",\"width\":90,\"height\":120,\"position\":\"northwest\","
                       "\"crop\":{\"left\":11,\"top\":22,\"width\":160,\"height\":160},\"rotate\":"
                       "180,\"flop\":true}",
                       file, 1);
        expect_like_next(0, theirs, &at, WAYS[1], 36);
        free(theirs.data);
        free(file.data);
    }
    free(upright_pixels.data);
    free(upright.data);
}

/* --- Limits and refusals -----------------------------------------------------------------------*/

static void test_limits(void **state)
{
    (void)state;
    struct bytes long_one = magick("-size 1x16000 xc:red png:-");
    expect_failure("transform", "{\"width\":5000}", long_one, "too_large");
    expect_failure("transform", "{\"crop\":{\"width\":2,\"height\":2}}", long_one, "invalid_input");
    expect_failure("transform", "{\"name\":\"a/b\"}", long_one, "invalid_input");
    expect_failure("transform", "{\"name\":\"..\"}", long_one, "invalid_input");
    expect_failure("transform", "{\"background\":\"#12\"}", long_one, "invalid_input");
    expect_failure("transform", "{\"format\":\"bmp\"}", long_one, "unsupported_format");
    expect_failure("transform", "{\"outputs\":[{\"name\":\"a\"},{\"name\":\"a\"}]}", long_one,
                   "invalid_input");
    free(long_one.data);
    test_host_run(&host, "transform", "{}", NULL, 0);
    assert_string_equal(host.code, "invalid_input");
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        const char *code;
    } FILES[] = {
        {"", 0, "invalid_input"},
        {"GIF", 3, "unsupported_format"},
        {"hello, this is no picture", 25, "unsupported_format"},
        {"<svg xmlns='http://www.w3.org/2000/svg'/>", 41, "unsupported_format"},
        {"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- x --><svg/>", 41, "unsupported_format"},
        {"%PDF-1.7 and so on", 18, "unsupported_format"},
        {"\0\0\0\x18"
         "ftypheic\0\0\0\0mif1heic",
         24, "invalid_input"},
        {"\xff\xd8\xff", 3, "invalid_input"},
        {"\x89PNG\r\n\x1a\n", 8, "invalid_input"},
        {"GIF89a", 6, "invalid_input"},
        {"RIFF\0\0\0\0WEBP", 12, "invalid_input"},
        {"II*\0\x08\0\0\0", 8, "invalid_input"},
    };
    for (size_t i = 0; i < sizeof(FILES) / sizeof(FILES[0]); i++) {
        struct bytes file = {(uint8_t *)FILES[i].bytes, FILES[i].len};
        expect_failure("transform", "{}", file, FILES[i].code);
        expect_failure("info", "{}", file, FILES[i].code);
    }
    expect_run("transform", "{}", (struct bytes){(uint8_t *)FILES[3].bytes, FILES[3].len});
    assert_non_null(strstr(host.message, "SVG"));
}

static void test_cancel(void **state)
{
    (void)state;
    for (int looks = 0; looks < 4; looks++) {
        host.cancel_after = looks;
        expect_failure("transform", "{\"outputs\":[{\"width\":90},{\"width\":80}]}", photograph,
                       "cancelled");
    }
    host.cancel_after = -1;
}

static void test_info(void **state)
{
    (void)state;
    static const struct {
        const char *arguments, *expected[5];
    } CASES[] = {
        {"-size 31x21 xc:red jpg:-",
         {"\"format\":\"jpeg\"", "\"width\":31,\"height\":21", "\"channels\":3",
          "\"has_alpha\":false", "\"frames\":1"}},
        {"-size 31x21 xc:red -interlace JPEG jpg:-",
         {"\"progressive\":true", "\"depth\":8", "\"has_icc\":false", "\"orientation\":1",
          "\"media_type\":\"image/jpeg\""}},
        {"-size 31x21 xc:'#f008' -define png:bit-depth=16 png:-",
         {"\"format\":\"png\"", "\"width\":31,\"height\":21", "\"channels\":4",
          "\"has_alpha\":true", "\"depth\":16"}},
        {"-size 31x21 gradient: gif:-",
         {"\"format\":\"gif\"", "\"width\":31,\"height\":21", "\"frames\":1", "\"has_alpha\":false",
          "\"channels\":3"}},
        {"-size 31x21 xc:red xc:blue xc:green gif:-",
         {"\"frames\":3", "\"width\":31,\"height\":21", "\"format\":\"gif\"", "", ""}},
        {"-size 31x21 xc:red webp:-",
         {"\"format\":\"webp\"", "\"width\":31,\"height\":21", "\"frames\":1", "", ""}},
        {"-size 31x21 xc:red avif:-",
         {"\"format\":\"avif\"", "\"width\":31,\"height\":21", "\"frames\":1", "", ""}},
        {"-size 31x21 xc:red xc:blue tiff:-",
         {"\"format\":\"tiff\"", "\"width\":31,\"height\":21", "\"frames\":2", "", ""}},
        {"-size 31x21 xc:red bmp:-",
         {"\"format\":\"bmp\"", "\"width\":31,\"height\":21", "\"frames\":1", "", ""}},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        struct bytes file = magick("%s", CASES[i].arguments);
        expect_run("info", "{}", file);
        print_message("%s\n", host.result);
        assert_int_equal(host.outcome, OUTCOME_SUCCEEDED);
        for (size_t j = 0; j < 5; j++)
            assert_non_null(strstr(host.result, CASES[i].expected[j]));
        free(file.data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exports_one_symbol),
        cmocka_unit_test(test_descriptor),
        cmocka_unit_test(test_sizes_match_magick),
        cmocka_unit_test(test_free_angles),
        cmocka_unit_test(test_several_outputs),
        cmocka_unit_test(test_formats_in),
        cmocka_unit_test(test_format_defaults_to_the_input),
        cmocka_unit_test(test_alpha_out),
        cmocka_unit_test(test_odd_shapes),
        cmocka_unit_test(test_exif_orientations),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_info),
    };
    return cmocka_run_group_tests(tests, expect_set_up, expect_tear_down);
}
