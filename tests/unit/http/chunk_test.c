#include "base/buf.h"
#include "http/chunk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TRAILERS_MAX 64

/* Decodes `text` given in pieces; 0 with the data in `ret_data`, 1 if the body has not ended, or
 * the error. `ret_rest` gets the number of bytes behind the body. */
static int decode(struct str text, size_t piece, struct buf *ret_data, size_t *ret_rest)
{
    struct chunk_decoder decoder;
    chunk_decoder_init(&decoder, TRAILERS_MAX);
    while (text.len > 0 && !chunk_done(&decoder)) {
        size_t len = piece < text.len ? piece : text.len;
        char *copy = malloc(len);
        memcpy(copy, text.ptr, len);
        struct str in = {copy, len};
        int err = 0;
        while (err == 0 && in.len > 0 && !chunk_done(&decoder)) {
            struct str data;
            err = chunk_decode(&decoder, &in, &data);
            if (err == 0) {
                buf_append_str(ret_data, data);
            }
        }
        text = str_of(text.ptr + len - in.len, text.len - len + in.len);
        free(copy);
        if (err < 0) {
            return err;
        }
    }
    *ret_rest = text.len;
    return chunk_done(&decoder) ? 0 : 1;
}

static const struct example {
    const char *text;
    int got;
    const char *data;
    size_t rest;
} EXAMPLES[] = {
    {"0\r\n\r\n", 0, "", 0},
    {"5\r\nhello\r\n0\r\n\r\n", 0, "hello", 0},
    {"5\r\nhello\r\n000\r\n\r\nGET", 0, "hello", 3},
    {"a\r\n0123456789\r\nB\r\n0123456789a\r\n0\r\n\r\n", 0, "01234567890123456789a", 0},
    {"0000000000000001\r\nx\r\n0\r\n\r\n", 0, "x", 0},
    {"1\r\nx\r\n0\r\nA: b\r\nC:\r\n\r\n", 0, "x", 0},
    {"5\r\nhell", 1, "hell", 0},
    {"5\r\nhello\r\n0\r\n", 1, "hello", 0},
    {"00000000000000001\r\nx\r\n0\r\n\r\n", HUB_ERR_BAD_REQUEST, "", 0},
    {"\r\n", HUB_ERR_BAD_REQUEST, "", 0},
    {"0x1\r\n", HUB_ERR_BAD_REQUEST, "", 0},
    {"1 \r\n", HUB_ERR_BAD_REQUEST, "", 0},
    {"1;a\r\nx\r\n", HUB_ERR_BAD_REQUEST, "", 0},
    {"1\nx\r\n", HUB_ERR_BAD_REQUEST, "", 0},
    {"1\r\nx\n0\r\n\r\n", HUB_ERR_BAD_REQUEST, "x", 0},
    {"1\r\nxy0\r\n\r\n", HUB_ERR_BAD_REQUEST, "x", 0},
    {"0\r\n\n", HUB_ERR_BAD_REQUEST, "", 0},
    {"0\r\n: b\r\n\r\n", HUB_ERR_BAD_REQUEST, "", 0},
    {"0\r\nA\r\n\r\n", HUB_ERR_BAD_REQUEST, "", 0},
    {"0\r\nA: b\r\n c\r\n\r\n", HUB_ERR_BAD_REQUEST, "", 0},
    {"0\r\nA: b\n\r\n", HUB_ERR_BAD_REQUEST, "", 0},
};

static void test_examples_in_pieces_of_any_size(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof EXAMPLES / sizeof EXAMPLES[0]; i++) {
        struct str text = str_from_c(EXAMPLES[i].text);
        for (size_t piece = 1; piece <= text.len; piece++) {
            struct buf data;
            size_t rest = 0;
            buf_init(&data, BUF_NO_LIMIT);
            assert_int_equal(decode(text, piece, &data, &rest), EXAMPLES[i].got);
            assert_true(str_eq(buf_view(&data), str_from_c(EXAMPLES[i].data)));
            assert_int_equal(rest, EXAMPLES[i].rest);
            buf_release(&data);
        }
    }
}

static void test_trailers_are_bounded(void **state)
{
    (void)state;
    struct buf text;
    struct buf data;
    size_t rest;
    buf_init(&text, BUF_NO_LIMIT);
    buf_init(&data, BUF_NO_LIMIT);
    /* "A:…\r\n" and the last "\r\n" take the room to the byte. */
    buf_append_c(&text, "0\r\nA:");
    for (int i = 0; i < TRAILERS_MAX - 6; i++) {
        buf_append_char(&text, 'x');
    }
    size_t fits = text.len;
    buf_append_c(&text, "\r\n\r\n");
    assert_int_equal(decode(buf_view(&text), 7, &data, &rest), 0);
    text.len = fits;
    buf_append_c(&text, "x\r\n\r\n");
    assert_int_equal(decode(buf_view(&text), 7, &data, &rest), HUB_ERR_HEADERS_TOO_LARGE);
    buf_release(&data);
    buf_release(&text);
}

static void test_the_largest_size(void **state)
{
    (void)state;
    struct chunk_decoder decoder;
    struct str in = STR("ffffffffffffffff\r\nabc");
    struct str data;
    chunk_decoder_init(&decoder, TRAILERS_MAX);
    assert_int_equal(chunk_decode(&decoder, &in, &data), 0);
    assert_true(str_eq(data, STR("abc")));
    assert_true(decoder.left == UINT64_MAX - 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples_in_pieces_of_any_size),
        cmocka_unit_test(test_trailers_are_bounded),
        cmocka_unit_test(test_the_largest_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
