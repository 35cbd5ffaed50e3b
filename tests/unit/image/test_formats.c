/* What goes in and comes out: colours, depths, animations, encoder options, metadata. */
#include "expect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#define PROFILES "/usr/share/color/icc/ghostscript/" /* libgs-common */

/* --- Colour ------------------------------------------------------------------------------------*/

/* The colours of Adobe RGB as a matrix profile with a gamma of 2.2 (ICC.1:2010, 8.3.3). */
static void put32(uint8_t *to, uint32_t number)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(number >> (24 - 8 * i));
}

enum { PROFILE_BYTES = 128 + 4 + 9 * 12 + 9 * 20 + 40 + 12 };

static void put_tag(uint8_t *profile, uint32_t index, const char *name, uint32_t at, uint32_t len)
{
    uint8_t *entry = profile + 132 + index * 12;
    memcpy(entry, name, 4);
    put32(entry + 4, at);
    put32(entry + 8, len);
}

static void put_xyz(uint8_t *at, double x, double y, double z)
{
    memcpy(at, "XYZ ", 4);
    put32(at + 8, (uint32_t)(int32_t)(x * 65536 + (x < 0 ? -0.5 : 0.5)));
    put32(at + 12, (uint32_t)(int32_t)(y * 65536 + 0.5));
    put32(at + 16, (uint32_t)(int32_t)(z * 65536 + 0.5));
}

static struct bytes adobe_rgb(void)
{
    static const double COLUMNS[4][3] = {{0.9642, 1, 0.8249},
                                         {0.60974, 0.31111, 0.01947},
                                         {0.20528, 0.62567, 0.06087},
                                         {0.14919, 0.06322, 0.74457}};
    static const char *const NAMES[] = {"wtpt", "rXYZ", "gXYZ", "bXYZ"};
    struct bytes icc = {calloc(1, PROFILE_BYTES), PROFILE_BYTES};
    uint8_t *data = icc.data;
    put32(data, PROFILE_BYTES);
    put32(data + 8, 0x02400000);
    memcpy(data + 12, "mntrRGB XYZ ", 12);
    memcpy(data + 36, "acsp", 4);
    put_xyz(data + 60, 0.9642, 1, 0.8249);
    put32(data + 68, 0xf6d6);
    put32(data + 72, 0x10000);
    put32(data + 76, 0xd32d);
    put32(data + 128, 8);
    uint32_t at = 132 + 9 * 12;
    for (uint32_t i = 0; i < 4; i++, at += 20) {
        put_tag(data, i, NAMES[i], at, 20);
        put_xyz(data + at, COLUMNS[i][0], COLUMNS[i][1], COLUMNS[i][2]);
    }
    for (uint32_t i = 0; i < 3; i++)
        put_tag(data, 4 + i, (const char *const[]){"rTRC", "gTRC", "bTRC"}[i], at, 14);
    memcpy(data + at, "curv", 4);
    put32(data + at + 8, 1);
    data[at + 12] = 2;
    data[at + 13] = 0x33;
    at += 16;
    put_tag(data, 7, "desc", at, 12 + 15 + 78);
    memcpy(data + at, "desc", 4);
    put32(data + at + 8, 15);
    memcpy(data + at + 12, "Wide test RGB\0", 15);
    return icc;
}

static struct bytes with_profile(const char *picture, const char *format)
{
    struct bytes icc = adobe_rgb();
    FILE *file = fopen("test.icc", "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(icc.data, 1, icc.len, file), icc.len);
    fclose(file);
    free(icc.data);
    return magick("%s -profile test.icc %s", picture, format);
}

static void test_icc(void **state)
{
    (void)state;
    static const char *const FORMATS[] = {"-quality 98 -sampling-factor 1x1 jpg:-", "png24:-",
                                          "tiff:-"};
    for (int i = 0; i < 3; i++) {
        struct bytes file = with_profile("-size 16x16 xc:'rgb(100,200,100)'", FORMATS[i]);
        expect_run("info", "{}", file);
        expect_result("\"has_icc\":true,");
        expect_result("\"icc\":\"Wide test RGB\"");
        expect_success("{\"format\":\"png\"}", file, 1);
        struct bytes pixels = artifact_pixels(0);
        /* Adobe RGB (100, 200, 100) is a green beyond sRGB's: little red. */
        print_message("%d %d %d\n", pixels.data[0], pixels.data[1], pixels.data[2]);
        assert_true(pixels.data[0] < 40);
        assert_in_range(pixels.data[1], 197, 206);
        assert_in_range(pixels.data[2], 88, 102);
        free(pixels.data);
        free(file.data);
    }
    remove("test.icc");
}

static void test_cmyk(void **state)
{
    (void)state;
    struct bytes file =
        magick("'%s' -resize 200x120! -colorspace CMYK -quality 95 jpg:-", magick_photograph());
    expect_success("{\"format\":\"png\"}", file, 1);
    expect_like(0, file, "-colorspace sRGB", 38);
    expect_run("info", "{}", file);
    expect_result("\"channels\":4");
    free(file.data);
}

/* The colours of the inks as the profile in the file says, which is not the plain formula. */
static void expect_inks(struct bytes file)
{
    expect_run("info", "{}", file);
    expect_result("\"channels\":4");
    expect_result("\"has_icc\":true");
    expect_success("{\"format\":\"png\"}", file, 1);
    expect_like(0, file, "-intent relative -black-point-compensation -profile " PROFILES "srgb.icc",
                38);
    expect_success("{\"format\":\"png\",\"width\":60}", file, 1);
    expect_like(0, file,
                "-intent relative -black-point-compensation -profile " PROFILES
                "srgb.icc -filter Lanczos -resize 60x",
                34);
}

/* Four inks through Adobe's transform: luminance and chrominance of what the first three leave. */
static struct bytes to_ycck(struct bytes cmyk, uint32_t width, uint32_t height,
                            struct bytes profile)
{
    struct jpeg_compress_struct lib;
    struct jpeg_error_mgr errors;
    unsigned char *data = NULL;
    unsigned long len = 0;
    lib.err = jpeg_std_error(&errors);
    jpeg_create_compress(&lib);
    jpeg_mem_dest(&lib, &data, &len);
    lib.image_width = width;
    lib.image_height = height;
    lib.input_components = 4;
    lib.in_color_space = JCS_CMYK;
    jpeg_set_defaults(&lib);
    jpeg_set_colorspace(&lib, JCS_YCCK);
    jpeg_set_quality(&lib, 95, TRUE);
    jpeg_start_compress(&lib, TRUE);
    jpeg_write_icc_profile(&lib, profile.data, (unsigned)profile.len);
    for (uint32_t y = 0; y < height; y++) {
        JSAMPROW row = cmyk.data + (size_t)y * width * 4;
        for (uint32_t i = 0; i < width * 4; i++)
            row[i] = (uint8_t)(255 - row[i]); /* Adobe's count the light that is left */
        jpeg_write_scanlines(&lib, &row, 1);
    }
    jpeg_finish_compress(&lib);
    jpeg_destroy_compress(&lib);
    return (struct bytes){data, len};
}

static void test_inks_with_profile(void **state)
{
    (void)state;
    static const char INKS[] = "'%s' -resize 200x120! -profile " PROFILES
                               "srgb.icc -profile " PROFILES "default_cmyk.icc -quality 95 %s";
    struct bytes file = magick(INKS, magick_photograph(), "jpg:-");
    expect_inks(file);
    struct bytes samples = magick(INKS, magick_photograph(), "-depth 8 CMYK:-");
    assert_int_equal(samples.len, 200 * 120 * 4);
    struct bytes profile = magick_file(PROFILES "default_cmyk.icc");
    struct bytes ycck = to_ycck(samples, 200, 120, profile);
    expect_inks(ycck);
    free(ycck.data);
    free(profile.data);
    free(samples.data);
    free(file.data);
}

static void test_sixteen_bits(void **state)
{
    (void)state;
    static const char *const PICTURES[] = {
        "-size 256x64 gradient:'rgb(0,0,0)'-'rgb(30,20,10)' -rotate 90 -depth 16 "
        "-define png:color-type=2 -define png:bit-depth=16 png:-",
        "-size 256x64 gradient:'rgba(10,90,30,0.5)'-'rgba(30,20,10,1)' -depth 16 "
        "-define png:color-type=6 -define png:bit-depth=16 png:-",
    };
    for (int i = 0; i < 2; i++) {
        struct bytes file = magick("%s", PICTURES[i]);
        expect_success("{\"format\":\"png\",\"depth\":16}", file, 1);
        struct bytes ours = artifact_bytes(0);
        assert_int_equal(ours.data[24], 16);
        expect_run("info", "{}", ours);
        expect_result("\"depth\":16");
        /* 16 bits a sample, compared as such: the same to the last bit. */
        FILE *one = fopen("16.png", "wb");
        assert_int_equal(fwrite(ours.data, 1, ours.len, one), ours.len);
        fclose(one);
        struct bytes got = magick("16.png -depth 16 RGBA:-");
        one = fopen("16.png", "wb");
        assert_int_equal(fwrite(file.data, 1, file.len, one), file.len);
        fclose(one);
        struct bytes wanted = magick("16.png -depth 16 RGBA:-");
        struct bytes half = magick("16.png -filter Lanczos -resize 50%% -depth 16 "
                                   "RGBA:-");
        assert_int_equal(got.len, wanted.len);
        uint32_t worst = 0;
        for (size_t at = 0; at < got.len; at += 2) {
            int by = abs((got.data[at] | got.data[at + 1] << 8) -
                         (wanted.data[at] | wanted.data[at + 1] << 8));
            worst = (uint32_t)by > worst ? (uint32_t)by : worst;
        }
        assert_true(worst <= 1);
        expect_success("{\"width\":32,\"height\":128,\"fit\":\"fill\",\"flip\":true,\"depth\":16,"
                       "\"format\":\"png\"}",
                       file, 1);
        assert_int_equal(host.artifacts[0].data[24], 16);
        expect_success("{\"format\":\"png\"}", file, 1);
        assert_int_equal(host.artifacts[0].data[24], 8);
        expect_success("{\"format\":\"png\",\"depth\":16,\"blur\":1}", file, 1);
        assert_int_equal(host.artifacts[0].data[24], 8);
        free(half.data);
        free(wanted.data);
        free(got.data);
        free(ours.data);
        free(file.data);
    }
    remove("16.png");
}

/* --- Animations --------------------------------------------------------------------------------*/

/* Frames of an animation, all on their canvas, one under the other. */
static struct bytes frames_of(struct bytes file, const char *arguments)
{
    FILE *out = fopen("animation", "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(file.data, 1, file.len, out), file.len);
    fclose(out);
    struct bytes pixels = magick("animation -coalesce %s -background black -alpha "
                                 "background -append -depth 8 RGBA:-",
                                 arguments);
    remove("animation");
    return pixels;
}

/* Not of the first frame: what ImageMagick shows before it is no nothing. */
static struct bytes moving(const char *disposal)
{
    return magick("-delay 7 -loop 3 -dispose none \\( '%s' -resize 160x100! \\) %s "
                  "\\( -size 30x20 xc:red -repage +20+30 \\) "
                  "\\( -size 30x20 xc:blue -repage +90+50 \\) "
                  "\\( '%s' -resize 60x40! -repage +70+10 \\) gif:-",
                  magick_photograph(), disposal, magick_photograph());
}

static void expect_frames(struct bytes file, const char *arguments, double least)
{
    struct bytes result = artifact_bytes(0);
    struct bytes ours = frames_of(result, "");
    struct bytes theirs = frames_of(file, arguments);
    print_message("frames%s: %.1f dB\n", arguments, psnr(ours, theirs));
    assert_int_equal(ours.len, theirs.len);
    assert_true(psnr(ours, theirs) >= least);
    free(result.data);
    free(ours.data);
    free(theirs.data);
}

static void test_animated_gif(void **state)
{
    (void)state;
    static const char *const DISPOSALS[] = {"", "-dispose background", "-dispose previous"};
    for (int i = 0; i < 3; i++) {
        struct bytes file = moving(DISPOSALS[i]);
        expect_run("info", "{}", file);
        expect_result("\"frames\":4");
        expect_result("\"loop\":3");
        expect_success("{\"animated\":true}", file, 1);
        expect_result("\"frames\":4");
        expect_frames(file, "", 45);
        struct bytes again = artifact_bytes(0);
        expect_run("info", "{}", again);
        expect_result("\"loop\":3");
        free(again.data);
        expect_success("{\"animated\":true,\"width\":80}", file, 1);
        expect_frames(file, "-filter Lanczos -resize 80x", 21);
        expect_success("{\"page\":2,\"format\":\"png\"}", file, 1);
        struct bytes third = frames_of(file, "-delete 0,1,3");
        struct bytes ours = artifact_pixels(0);
        blacken(ours);
        assert_true(psnr(ours, third) > 60);
        free(ours.data);
        free(third.data);
        expect_success("{\"page\":1,\"pages\":2,\"loop\":0,\"delay\":50}", file, 1);
        expect_result("\"frames\":2");
        free(file.data);
    }
}

static void test_animated_webp(void **state)
{
    (void)state;
    struct bytes file = moving("-dispose background");
    expect_success("{\"animated\":true,\"format\":\"webp\",\"lossless\":true}", file, 1);
    struct bytes webp = artifact_bytes(0);
    expect_run("info", "{}", webp);
    expect_result("\"format\":\"webp\"");
    expect_result("\"frames\":4,\"loop\":3");
    /* Back again, through both of our own. */
    expect_success("{\"animated\":true,\"format\":\"gif\"}", webp, 1);
    expect_frames(file, "", 40);
    expect_success("{\"animated\":true,\"width\":80,\"quality\":90}", webp, 1);
    expect_result("\"frames\":4");
    struct bytes small = artifact_bytes(0);
    expect_success("{\"animated\":true,\"format\":\"gif\"}", small, 1);
    expect_frames(file, "-filter Lanczos -resize 80x", 21);
    /* What has no animations gets the first frame. */
    expect_success("{\"animated\":true,\"format\":\"jpeg\"}", webp, 1);
    expect_success("{\"format\":\"webp\"}", webp, 1);
    assert_null(strstr(host.result, "\"frames\""));
    free(small.data);
    free(webp.data);
    free(file.data);
}

/* The last frame of two, again and again. */
static struct bytes of_many_frames(size_t count)
{
    struct bytes two = magick("-size 2x2 xc:red xc:blue gif:-");
    size_t head = two.len - 2, end = two.len - 1; /* where the last frame begins and ends */
    do {
        head--;
        assert_true(head > 0);
    } while (memcmp(two.data + head, "\x21\xf9\x04", 3) != 0);
    size_t frame = end - head;
    struct bytes many = {malloc(two.len + count * frame), end + (count - 1) * frame + 1};
    assert_non_null(many.data);
    memcpy(many.data, two.data, end);
    for (size_t i = 1; i < count; i++)
        memcpy(many.data + end + (i - 1) * frame, two.data + head, frame);
    many.data[many.len - 1] = ';';
    free(two.data);
    return many;
}

static void test_frame_limits(void **state)
{
    (void)state;
    /* What counts is the screen, not what is drawn on it. */
    struct bytes file =
        magick("-page 4000x3000 -size 2x2 xc:red xc:blue xc:green xc:white xc:black "
               "gif:-");
    expect_failure("transform", "{\"animated\":true,\"width\":10}", file, "too_large");
    expect_success("{\"width\":10}", file, 1);
    expect_success("{\"animated\":true,\"pages\":2,\"width\":10}", file, 1);
    expect_failure("transform", "{\"page\":5}", file, "invalid_input");
    free(file.data);
    struct bytes many = of_many_frames(1001);
    expect_failure("transform", "{\"animated\":true}", many, "too_large");
    free(many.data);
}

/* --- Encoders ----------------------------------------------------------------------------------*/

static size_t size_with(const char *options)
{
    char input[300];
    snprintf(input, sizeof(input), "{\"width\":400,%s}", options);
    expect_success(input, photograph, 1);
    print_message("%s: %zu bytes\n", options, host.artifacts[0].len);
    return host.artifacts[0].len;
}

static void test_encoder_options(void **state)
{
    (void)state;
    size_t jpeg = size_with("\"format\":\"jpeg\"");
    assert_true(size_with("\"format\":\"jpeg\",\"chroma_subsampling\":\"4:4:4\"") > jpeg);
    assert_true(size_with("\"format\":\"jpeg\",\"chroma_subsampling\":\"4:2:2\"") > jpeg);
    assert_true(size_with("\"format\":\"jpeg\",\"progressive\":true") < jpeg * 21 / 20);
    assert_true(size_with("\"format\":\"jpeg\",\"quality\":40") < jpeg / 1.5);
    size_t png = size_with("\"format\":\"png\"");
    assert_true(size_with("\"format\":\"png\",\"compression_level\":9") < png);
    assert_true(size_with("\"format\":\"png\",\"compression_level\":0") > png);
    size_t palette = size_with("\"format\":\"png\",\"palette\":true");
    assert_true(palette < png / 2);
    expect_like(0, photograph, "-filter Lanczos -resize 400x", 30);
    assert_true(size_with("\"format\":\"png\",\"palette\":true,\"dither\":0") < palette);
    expect_like(0, photograph, "-filter Lanczos -resize 400x", 32);
    assert_true(size_with("\"format\":\"png\",\"palette\":true,\"colours\":16") < palette);
    size_t webp = size_with("\"format\":\"webp\"");
    assert_true(size_with("\"format\":\"webp\",\"effort\":0") > webp);
    assert_true(size_with("\"format\":\"webp\",\"lossless\":true") > webp);
    expect_like(0, photograph, "-filter Lanczos -resize 400x", 50);
    assert_true(size_with("\"format\":\"webp\",\"near_lossless\":40") > webp);
    size_with("\"format\":\"avif\",\"lossless\":true");
    struct bytes avif = artifact_bytes(0);
    expect_success("{\"format\":\"png\"}", avif, 1);
    expect_like(0, photograph, "-filter Lanczos -resize 400x", 50);
    free(avif.data);
    size_with("\"format\":\"avif\",\"effort\":0,\"chroma_subsampling\":\"4:4:4\"");
    size_t gif = size_with("\"format\":\"gif\"");
    expect_like(0, photograph, "-filter Lanczos -resize 400x", 28);
    assert_true(size_with("\"format\":\"gif\",\"colours\":8") < gif);
}

/* Palettes of few colours lose nothing, alpha included. */
static void test_exact_palettes(void **state)
{
    (void)state;
    static const char *const PICTURES[] = {
        "-size 21x13 xc:white -fill black -draw 'line 0,0 20,12' +antialias png:-",
        "-size 21x13 xc:none -fill '#ff000080' -draw 'circle 10,6 10,2' -fill blue -draw 'point "
        "1,1' "
        "png:-",
        "-size 16x16 gradient:red-blue png24:-",
        "-size 1x1 xc:'#12345678' png:-",
    };
    for (int i = 0; i < 4; i++) {
        struct bytes file = magick("%s", PICTURES[i]);
        expect_success("{\"format\":\"png\",\"palette\":true}", file, 1);
        assert_int_equal(host.artifacts[0].data[25], 3);
        expect_like(0, file, "", 55); /* what is transparent has no colour to keep */
        free(file.data);
    }
}

static void test_max_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *format, *usual;
        unsigned most;
    } CASES[] = {{"jpeg", "\"quality\":80", 9000},
                 {"webp", "\"quality\":80", 5000},
                 {"avif", "\"quality\":45", 2500}};
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        char input[200];
        const unsigned mosts[] = {CASES[i].most, 9000000, 100};
        for (int k = 0; k < 3; k++) {
            snprintf(input, sizeof(input), "{\"width\":400,\"format\":\"%s\",\"max_bytes\":%u}",
                     CASES[i].format, mosts[k]);
            expect_run("transform", input, photograph);
            print_message("%s%s\n", host.result, host.code);
            if (k == 0)
                assert_in_range(host.artifacts[0].len, mosts[k] * 3 / 4, mosts[k]);
            if (k == 1)
                expect_result(CASES[i].usual);
            if (k == 2)
                assert_string_equal(host.code, "too_large");
        }
    }
    expect_failure("transform", "{\"width\":400,\"format\":\"png\",\"max_bytes\":5000}", photograph,
                   "too_large");
    expect_success("{\"width\":40,\"format\":\"png\",\"max_bytes\":50000}", photograph, 1);
}

static void test_negotiation(void **state)
{
    (void)state;
    struct bytes clear = magick("-size 20x20 xc:none -fill red -draw 'circle 9,9 9,2' png32:-");
    struct bytes moves = magick("-size 9x9 xc:red xc:blue gif:-");
    static const struct {
        const char *accept, *still, *clear, *animated;
    } CASES[] = {
        {"\"image/avif,image/webp,image/apng,*/*;q=0.8\"", "avif", "avif", "webp"},
        {"\"image/webp, */*\"", "webp", "webp", "webp"},
        {"\"*/*\"", "jpeg", "png", "gif"},
        {"\"image/avif;q=0, image/webp;q=0.0, image/jpeg\"", "jpeg", "png", "gif"},
        {"[\"webp\",\"jpeg\"]", "webp", "webp", "webp"},
        {"\"text/html\"", "jpeg", "png", "gif"},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        char input[300], expected[60];
        snprintf(input, sizeof(input),
                 "{\"width\":20,\"animated\":true,\"format\":\"auto\",\"accept\":%s}",
                 CASES[i].accept);
        const char *const formats[] = {CASES[i].still, CASES[i].clear, CASES[i].animated};
        const struct bytes files[] = {photograph, clear, moves};
        for (int k = 0; k < 3; k++) {
            expect_success(input, files[k], 1);
            snprintf(expected, sizeof(expected), "\"format\":\"%s\"", formats[k]);
            expect_result(expected);
        }
    }
    free(clear.data);
    free(moves.data);
}

/* --- Metadata ----------------------------------------------------------------------------------*/

/* EXIF with orientation 6, a maker, an artist, a copyright and a place. */
static struct bytes with_exif(void)
{
    static const uint8_t EXIF[] = "Exif\0\0II*\0\x08\0\0\0"
                                  "\x05\0"
                                  "\x0f\x01\x02\0\x08\0\0\0\x4a\0\0\0" /* make */
                                  "\x12\x01\x03\0\x01\0\0\0\x06\0\0\0" /* orientation */
                                  "\x3b\x01\x02\0\x04\0\0\0Eva\0"      /* artist */
                                  "\x98\x82\x02\0\x08\0\0\0\x52\0\0\0" /* copyright */
                                  "\x25\x88\x04\0\x01\0\0\0\x5a\0\0\0" /* place */
                                  "\0\0\0\0"
                                  "Kamera\0\0"
                                  "(c) Eva\0"
                                  "\x04\0"
                                  "\x01\0\x02\0\x02\0\0\0S\0\0\0"
                                  "\x02\0\x05\0\x03\0\0\0\x90\0\0\0"
                                  "\x03\0\x02\0\x02\0\0\0E\0\0\0"
                                  "\x04\0\x05\0\x03\0\0\0\xa8\0\0\0"
                                  "\0\0\0\0"
                                  "\x21\0\0\0\x01\0\0\0\x1e\0\0\0\x01\0\0\0\0\0\0\0\x01\0\0\0"
                                  "\x0c\0\0\0\x01\0\0\0\0\0\0\0\x01\0\0\0\x24\0\0\0\x01\0\0\0";
    struct bytes jpeg = magick("-size 60x40 gradient:red-blue -quality 95 jpg:-");
    size_t len = sizeof(EXIF) - 1;
    struct bytes file = {malloc(jpeg.len + len + 4), jpeg.len + len + 4};
    const uint8_t marker[] = {0xff, 0xe1, (uint8_t)((len + 2) >> 8), (uint8_t)(len + 2)};
    memcpy(file.data, jpeg.data, 2);
    memcpy(file.data + 2, marker, 4);
    memcpy(file.data + 6, EXIF, len);
    memcpy(file.data + 6 + len, jpeg.data + 2, jpeg.len - 2);
    free(jpeg.data);
    return file;
}

static void test_metadata(void **state)
{
    (void)state;
    struct bytes file = with_exif();
    expect_run("info", "{}", file);
    expect_result("\"orientation\":6");
    expect_result("\"exif\":{\"make\":\"Kamera\",\"artist\":\"Eva\",\"copyright\":\"(c) Eva\","
                  "\"latitude\":-33.500000,\"longitude\":12.010000}");
    static const char *const FORMATS[] = {"jpeg", "png", "webp", "avif"};
    for (int i = 0; i < 4; i++) {
        char input[200];
        snprintf(input, sizeof(input), "{\"format\":\"%s\",\"metadata\":\"keep\"}", FORMATS[i]);
        expect_success(input, file, 1);
        expect_result("\"width\":40,\"height\":60");
        struct bytes kept = artifact_bytes(0);
        expect_run("info", "{}", kept);
        expect_result("\"orientation\":1");
        expect_result("\"make\":\"Kamera\"");
        expect_result("\"latitude\":-33.5");
        free(kept.data);
        snprintf(input, sizeof(input), "{\"format\":\"%s\",\"metadata\":\"copyright\"}",
                 FORMATS[i]);
        expect_success(input, file, 1);
        struct bytes owned = artifact_bytes(0);
        expect_run("info", "{}", owned);
        expect_result("\"exif\":{\"artist\":\"Eva\",\"copyright\":\"(c) Eva\"}");
        free(owned.data);
        snprintf(input, sizeof(input), "{\"format\":\"%s\"}", FORMATS[i]);
        expect_success(input, file, 1);
        struct bytes stripped = artifact_bytes(0);
        expect_run("info", "{}", stripped);
        assert_null(strstr(host.result, "exif"));
        free(stripped.data);
    }
    expect_success("{\"format\":\"jpeg\",\"metadata\":\"keep\",\"auto_orient\":false}", file, 1);
    struct bytes lying = artifact_bytes(0);
    expect_run("info", "{}", lying);
    expect_result("\"orientation\":6");
    free(lying.data);
    free(file.data);
}

static void test_heif(void **state)
{
    (void)state;
    struct bytes file = magick("'%s' -resize 200x120! -quality 90 heic:-", magick_photograph());
    expect_run("info", "{}", file);
    expect_result("\"format\":\"heif\",\"media_type\":\"image/heif\"");
    expect_result("\"width\":200,\"height\":120");
    expect_success("{\"width\":100,\"format\":\"png\"}", file, 1);
    expect_like(0, file, "-filter Lanczos -resize 100x", 38);
    expect_failure("transform", "{\"width\":100}", file, "unsupported_format");
    free(file.data);
}

/* Made by hand: ImageMagick's policy allows no such thing. Rows of a BMP are stored bottom up. */
static void test_tall_one(void **state)
{
    (void)state;
    enum { ROWS = 20000, HEAD = 54 };
    struct bytes file = {calloc(1, HEAD + ROWS * 4), HEAD + ROWS * 4};
    const uint8_t head[HEAD] = {
        'B',      'M',      [10] = HEAD, [14] = 40, [18] = 1, [22] = ROWS & 255, [23] = ROWS >> 8,
        [26] = 1, [28] = 24};
    memcpy(file.data, head, HEAD);
    for (int y = 0; y < ROWS; y++)
        file.data[HEAD + y * 4] = (uint8_t)(y * 255 / ROWS);
    expect_success("{\"height\":200,\"format\":\"png\"}", file, 1);
    expect_result("\"width\":1,\"height\":200");
    struct bytes pixels = artifact_pixels(0);
    assert_int_equal(pixels.len, 200 * 4);
    for (int y = 0; y < 200; y++)
        assert_true(abs(pixels.data[y * 4 + 2] - (199 - y) * 255 / 200) <= 2);
    free(pixels.data);
    expect_failure("transform", "{\"format\":\"png\"}", file, "too_large");
    free(file.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_icc),
        cmocka_unit_test(test_cmyk),
        cmocka_unit_test(test_inks_with_profile),
        cmocka_unit_test(test_sixteen_bits),
        cmocka_unit_test(test_animated_gif),
        cmocka_unit_test(test_animated_webp),
        cmocka_unit_test(test_frame_limits),
        cmocka_unit_test(test_encoder_options),
        cmocka_unit_test(test_exact_palettes),
        cmocka_unit_test(test_max_bytes),
        cmocka_unit_test(test_negotiation),
        cmocka_unit_test(test_metadata),
        cmocka_unit_test(test_heif),
        cmocka_unit_test(test_tall_one),
    };
    return cmocka_run_group_tests(tests, expect_set_up, expect_tear_down);
}
