/*
 * Codes are read back with a decoder that nobody here wrote: zbarimg, on a picture of the
 * rectangles.
 */
#include "connectors/pdf/code.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { MODULE = 3, LINEAR_HEIGHT = 40, MARGIN = 12 };

struct picture {
    size_t width, height;
    uint8_t *pixels;
};

/* Dark pixels are 0. Fails when two rectangles overlap. */
static void draw(const struct code *code, struct picture *picture)
{
    size_t stretch = code->height == 1 ? LINEAR_HEIGHT : 1;
    picture->width = (size_t)(code->width + 2 * MARGIN) * MODULE;
    picture->height = (code->height * stretch + 2 * MARGIN) * MODULE;
    picture->pixels = malloc(picture->width * picture->height);
    assert_non_null(picture->pixels);
    memset(picture->pixels, 255, picture->width * picture->height);
    for (size_t i = 0; i < code->rect_count; i++) {
        const struct code_rect *rect = &code->rects[i];
        assert_true(rect->width > 0 && rect->x + rect->width <= code->width);
        assert_true(rect->height > 0 && rect->y + rect->height <= code->height);
        for (size_t y = rect->y * stretch * MODULE; y < (rect->y + rect->height) * stretch * MODULE;
             y++) {
            for (size_t x = (size_t)rect->x * MODULE; x < (size_t)(rect->x + rect->width) * MODULE;
                 x++) {
                uint8_t *pixel =
                    &picture->pixels[(y + MARGIN * MODULE) * picture->width + x + MARGIN * MODULE];
                assert_int_equal(*pixel, 255);
                *pixel = 0;
            }
        }
    }
}

/* What zbarimg says: "QR-Code:text\n". */
static void decode(const struct picture *picture, char *ret_text, size_t room)
{
    char path[] = "/tmp/hubd-code-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *file = fdopen(fd, "wb");
    fprintf(file, "P5 %zu %zu 255\n", picture->width, picture->height);
    fwrite(picture->pixels, 1, picture->width * picture->height, file);
    assert_int_equal(fclose(file), 0);
    char command[128];
    snprintf(command, sizeof command, "timeout 20 zbarimg -q --nodbus -Sean13.enable %s", path);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    size_t len = fread(ret_text, 1, room - 1, pipe);
    ret_text[len] = 0;
    pclose(pipe);
    unlink(path);
}

static void reads_as(enum code_kind kind, const char *text, const struct code_options *options,
                     const char *expected)
{
    struct arena arena;
    arena_init(&arena, 4 << 20);
    struct code code;
    struct hub_error error;
    if (code_make(kind, str_from_c(text), options, &arena, &code, &error) < 0) {
        fail_msg("%s", error.detail);
    }
    struct picture picture;
    draw(&code, &picture);
    char read[4096];
    decode(&picture, read, sizeof read);
    assert_string_equal(read, expected);
    free(picture.pixels);
    arena_release(&arena);
}

static const struct code_options PLAIN = {0};

static void qr_codes_are_read_back(void **state)
{
    (void)state;
    reads_as(CODE_QR, "https://example.com/i/42", &PLAIN, "QR-Code:https://example.com/i/42\n");
    reads_as(CODE_QR, "BCD\n002\n1\nSCT\n\nMueller & Soehne\nDE89370400440532013000",
             &(struct code_options){.correction = CODE_CORRECT_H},
             "QR-Code:BCD\n002\n1\nSCT\n\nMueller & Soehne\nDE89370400440532013000\n");
}

static void code_128_is_read_back(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {"1",
                                        "12",
                                        "123",
                                        "1234",
                                        "A1234B",
                                        "AB123456CD",
                                        "abc12345",
                                        "JJD000390007882341234",
                                        "00340434161094027318",
                                        "x~!\"'",
                                        " lead",
                                        "12a34b56c7890"};
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        char expected[128];
        snprintf(expected, sizeof expected, "CODE-128:%s\n", TEXTS[i]);
        reads_as(CODE_128, TEXTS[i], &PLAIN, expected);
    }
    reads_as(CODE_128, "00340434161094027318", &(struct code_options){.gs1 = true},
             "CODE-128:00340434161094027318\n");
}

/* Every printable character, so every row of the table that text can reach in sets B and C. */
static void all_of_code_128_is_read_back(void **state)
{
    (void)state;
    char text[32], expected[64];
    for (int from = 32; from < 127; from += 12) {
        int len = 0;
        for (int c = from; c < from + 12 && c < 127; c++) {
            text[len++] = (char)c;
        }
        text[len] = 0;
        snprintf(expected, sizeof expected, "CODE-128:%s\n", text);
        reads_as(CODE_128, text, &PLAIN, expected);
    }
    for (int from = 0; from < 100; from += 10) {
        int len = 0;
        for (int pair = from; pair < from + 10; pair++) {
            len += sprintf(text + len, "%02d", pair);
        }
        snprintf(expected, sizeof expected, "CODE-128:%s\n", text);
        reads_as(CODE_128, text, &PLAIN, expected);
    }
}

static void control_characters_use_set_a(void **state)
{
    (void)state;
    reads_as(CODE_128, "A\tB\x01Z", &PLAIN, "CODE-128:A\tB\x01Z\n");
}

static size_t width_of_128(const char *text)
{
    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct code code;
    assert_int_equal(code_make(CODE_128, str_from_c(text), &PLAIN, &arena, &code, NULL), 0);
    size_t width = code.width;
    arena_release(&arena);
    return width;
}

/* Start, check and stop take 11 + 11 + 13 modules, each symbol 11. */
static void code_128_is_short(void **state)
{
    (void)state;
    assert_int_equal(width_of_128("123456"), 35 + 3 * 11);
    assert_int_equal(width_of_128("A12"), 35 + 3 * 11);
    assert_int_equal(width_of_128("A123456"), 35 + 5 * 11);
    assert_int_equal(width_of_128("12345"), 35 + 4 * 11);
}

static void ean_13_is_read_back(void **state)
{
    (void)state;
    for (int first = 0; first < 10; first++) {
        char text[16], expected[32];
        snprintf(text, sizeof text, "%d12345678%03d", first, 900 - first * 77);
        struct arena arena;
        arena_init(&arena, 1 << 16);
        struct code code;
        assert_int_equal(code_make(CODE_EAN_13, str_from_c(text), &PLAIN, &arena, &code, NULL), 0);
        assert_int_equal(code.width, 95);
        snprintf(expected, sizeof expected, "EAN-13:%.*s\n", STR_ARG(code.label));
        arena_release(&arena);
        reads_as(CODE_EAN_13, text, &PLAIN, expected);
    }
    reads_as(CODE_EAN_13, "4006381333931", &PLAIN, "EAN-13:4006381333931\n");
}

static void refuses(enum code_kind kind, const char *text, int err, const char *why)
{
    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct code code;
    struct hub_error error;
    assert_int_equal(code_make(kind, str_from_c(text), &PLAIN, &arena, &code, &error), err);
    assert_string_equal(error.detail, why);
    arena_release(&arena);
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    char large[3000];
    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = 0;
    refuses(CODE_QR, "", HUB_ERR_INVALID_INPUT, "there is no text for the code");
    refuses(CODE_QR, large, HUB_ERR_TOO_LARGE, "a QR code holds 2953 bytes, the text has 2999");
    large[2000] = 0;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct code code;
    assert_int_equal(code_make(CODE_QR, str_from_c(large),
                               &(struct code_options){.correction = CODE_CORRECT_H}, &arena, &code,
                               NULL),
                     HUB_ERR_TOO_LARGE);
    arena_release(&arena);
    large[81] = 0;
    refuses(CODE_128, large, HUB_ERR_TOO_LARGE, "a Code 128 holds 80 characters, the text has 81");
    refuses(CODE_128, "é", HUB_ERR_INVALID_INPUT, "Code 128 holds ASCII characters only");
    refuses(CODE_EAN_13, "12345", HUB_ERR_INVALID_INPUT, "an EAN-13 has 12 or 13 digits");
    refuses(CODE_EAN_13, "400638133393x", HUB_ERR_INVALID_INPUT, "an EAN-13 has 12 or 13 digits");
    refuses(CODE_EAN_13, "4006381333932", HUB_ERR_INVALID_INPUT,
            "the check digit of this EAN-13 is 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(qr_codes_are_read_back),
        cmocka_unit_test(code_128_is_read_back),
        cmocka_unit_test(all_of_code_128_is_read_back),
        cmocka_unit_test(control_characters_use_set_a),
        cmocka_unit_test(code_128_is_short),
        cmocka_unit_test(ean_13_is_read_back),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
