/*
 * Which way up, where it is not EXIF that says so: TIFF has a tag of its own, HEIF has properties,
 * which libheif applies. And the pages of a TIFF, each with a size of its own.
 */
#include "expect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IROT_BYTES = 9, IMIR_BYTES = 9 };

static const struct {
    const char *orient; /* the name of the TIFF tag's value for ImageMagick */
    const char *upright;
    int turns;  /* HEIF: quarter turns to the left … */
    int mirror; /* … and then 0: top and bottom change places, 1: left and right do; -1: neither */
} WAYS[] = {
    {"TopLeft", "", 0, -1},
    {"TopRight", "-flop", 0, 1},
    {"BottomRight", "-rotate 180", 2, -1},
    {"BottomLeft", "-flip", 0, 0},
    {"LeftTop", "-transpose", 3, 1},
    {"RightTop", "-rotate 90", 3, -1},
    {"RightBottom", "-transverse", 1, 1},
    {"LeftBottom", "-rotate 270", 1, -1},
};
enum { WAY_COUNT = sizeof(WAYS) / sizeof(WAYS[0]) };

/* The picture `file` comes out as what ImageMagick makes of `plain`. */
static void expect_upright(struct bytes file, struct bytes plain, size_t way, double least)
{
    print_message("%s\n", WAYS[way].orient);
    expect_success("{\"format\":\"png\"}", file, 1);
    expect_like(0, plain, WAYS[way].upright, least);
    char small[64];
    snprintf(small, sizeof(small), "-filter Lanczos %s -resize 30x30!", WAYS[way].upright);
    expect_success("{\"format\":\"png\",\"width\":30,\"height\":30,\"fit\":\"fill\"}", file, 1);
    expect_like(0, plain, small, 38);
}

static void test_tiff(void **state)
{
    (void)state;
    struct bytes plain = magick("'%s' -resize 60x40! -depth 8 png:-", magick_photograph());
    for (size_t way = 0; way < WAY_COUNT; way++) {
        struct bytes file = magick("'%s' -resize 60x40! -depth 8 -orient %s -compress LZW tiff:-",
                                   magick_photograph(), WAYS[way].orient);
        char expected[40];
        snprintf(expected, sizeof(expected), "\"orientation\":%zu", way + 1);
        expect_run("info", "{}", file);
        expect_result(expected);
        expect_upright(file, plain, way, 60);
        free(file.data);
    }
    free(plain.data);
}

/* --- HEIF --------------------------------------------------------------------------------------*/

static uint8_t *box(struct bytes file, const char *name)
{
    uint8_t *at = memmem(file.data, file.len, name, 4);
    assert_non_null(at);
    return at - 4;
}

static uint32_t number(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void add_to(uint8_t *at, uint32_t by)
{
    uint32_t sum = number(at) + by;
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(sum >> (24 - 8 * i));
}

static void insert(struct bytes *file, size_t at, const void *bytes, size_t len)
{
    file->data = realloc(file->data, file->len + len);
    assert_non_null(file->data);
    memmove(file->data + at + len, file->data + at, file->len - at);
    memcpy(file->data + at, bytes, len);
    file->len += len;
}

/* Gives the picture `irot` and `imir` (ISO/IEC 23008-12, 6.5.10 and 6.5.12). As libheif writes it,
 * the one that is shown is the last in `ipma`, its pixels are those of the first item in `iloc`,
 * and they lie behind all this. */
static void turn_heif(struct bytes *file, int turns, int mirror)
{
    const uint8_t boxes[IROT_BYTES + IMIR_BYTES] = {
        0, 0, 0, IROT_BYTES, 'i', 'r', 'o', 't', (uint8_t)turns,
        0, 0, 0, IMIR_BYTES, 'i', 'm', 'i', 'r', (uint8_t)(mirror == 1)};
    uint32_t count = mirror < 0 ? 1 : 2;
    uint32_t len = count == 2 ? IROT_BYTES + IMIR_BYTES : IROT_BYTES;
    uint8_t *ipco = box(*file, "ipco"), *ipma = box(*file, "ipma");
    uint8_t properties = 0;
    for (uint32_t at = 8; at < number(ipco); at += number(ipco + at))
        properties++;
    const uint8_t uses[] = {(uint8_t)(0x80 | (properties + 1)), (uint8_t)(0x80 | (properties + 2))};
    uint8_t *last = ipma + number(ipma) - 3; /* how many it has: it is known to have two */
    assert_int_equal(*last, 2);
    *last = (uint8_t)(2 + count);
    add_to(box(*file, "meta"), len + count);
    add_to(box(*file, "iprp"), len + count);
    add_to(box(*file, "iloc") + 22, len + count); /* base_offset of the first item */
    add_to(ipma, count);
    add_to(ipco, len);
    size_t ipma_end = (size_t)(ipma - file->data) + number(ipma) - count;
    size_t ipco_end = (size_t)(ipco - file->data) + number(ipco) - len;
    insert(file, ipma_end, uses, count);
    insert(file, ipco_end, boxes, len);
}

static void test_heif(void **state)
{
    (void)state;
    static const char PICTURE[] = "'%s' -resize 60x40! -quality 95 heic:-";
    struct bytes plain = magick(PICTURE, magick_photograph());
    for (size_t way = 0; way < WAY_COUNT; way++) {
        struct bytes file = magick(PICTURE, magick_photograph());
        turn_heif(&file, WAYS[way].turns, WAYS[way].mirror);
        expect_upright(file, plain, way, 38); /* both turn chrominance to RGB */
        free(file.data);
    }
    free(plain.data);
}

/* --- Pages -------------------------------------------------------------------------------------*/

static void test_tiff_pages(void **state)
{
    (void)state;
    struct bytes file = magick("\\( '%s' -resize 90x60! \\) \\( '%s' -resize 60x40! \\) "
                               "\\( -size 20x10 xc:blue \\) -depth 8 -orient RightTop tiff:-",
                               magick_photograph(), magick_photograph());
    struct bytes second = magick("'%s' -resize 60x40! -depth 8 png:-", magick_photograph());
    expect_run("info", "{}", file);
    expect_result("\"width\":90,\"height\":60");
    expect_result("\"frames\":3");
    expect_success("{\"format\":\"png\"}", file, 1);
    expect_result("\"width\":60,\"height\":90");
    expect_success("{\"format\":\"png\",\"page\":1}", file, 1);
    expect_result("\"width\":40,\"height\":60");
    expect_like(0, second, "-rotate 90", 60);
    /* Pages are pictures of their own, not the frames of an animation. */
    expect_success("{\"format\":\"gif\",\"page\":2,\"pages\":-1,\"animated\":true}", file, 1);
    expect_result("\"width\":10,\"height\":20");
    assert_null(strstr(host.result, "\"frames\""));
    expect_failure("transform", "{\"page\":3}", file, "invalid_input");
    assert_string_equal(host.message, "There is no page 3: the TIFF has 3.");
    free(second.data);
    free(file.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tiff),
        cmocka_unit_test(test_heif),
        cmocka_unit_test(test_tiff_pages),
    };
    return cmocka_run_group_tests(tests, expect_set_up, expect_tear_down);
}
