#include "http/scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct http_limits limits;

static int setup(void **state)
{
    (void)state;
    http_limits_default(&limits);
    return 0;
}

/* Shows `text` piece by piece, each time all that has come so far, in memory that ends where the
 * piece ends, so that a sanitizer sees a byte too much. */
static int scan_in_pieces(struct str text, size_t piece, struct scan *scan, size_t *ret_len)
{
    int got = 0;
    scan_init(scan);
    for (size_t len = piece; got == 0; len += piece) {
        len = len < text.len ? len : text.len;
        char *copy = malloc(len);
        memcpy(copy, text.ptr, len);
        got = scan_head(scan, str_of(copy, len), &limits, ret_len);
        free(copy);
        if (len == text.len) {
            break;
        }
    }
    return got;
}

struct example {
    const char *text;
    int got; /* 1, 0, or the error */
};

/* The many malformed requests are in tests/http/vectors.mjs; here is what each step of the scanner
 * says about one of its kind. */
static const struct example EXAMPLES[] = {
    {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 1},
    {"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 1},
    {"GET / HTTP/1.0\r\n\r\n", 1},
    {"DELETE /a/b?c=%20 HTTP/1.1\r\nHOST: [::1]:80\r\nX:\t\x80\r\n\r\n", 1},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: cHUNKED\r\n\r\n", 1},
    {"GET / HTTP/1.1\r\nHost: a\r\n\r", 0},
    {"GET / HTTP/1.1\r\nHost: a\r\n", 0},
    {"GET / HT", 0},
    {"\r\n\r\nGET / HTTP/1.1\r\n", HUB_ERR_BAD_REQUEST},
    {"GET / HTTP/1.1\nHost: a\r\n\r\n", HUB_ERR_BAD_REQUEST},
    {"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", HUB_ERR_BAD_REQUEST},
    {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", HUB_ERR_BAD_REQUEST},
    {"GET / HTTP/1.1\r\n: a\r\n\r\n", HUB_ERR_BAD_REQUEST},
    {"GET / HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n", HUB_ERR_BAD_REQUEST},
    {"GET / HTTP/1.1\r\n\r\n", HUB_ERR_BAD_REQUEST},
    {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", HUB_ERR_BAD_REQUEST},
    {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
     HUB_ERR_BAD_REQUEST},
    {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", HUB_ERR_BAD_REQUEST},
    {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775808\r\n\r\n", HUB_ERR_TOO_LARGE},
    {"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", HUB_ERR_BAD_REQUEST},
    {"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n",
     HUB_ERR_BAD_REQUEST},
    {"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", HUB_ERR_BAD_REQUEST},
    {"GET / HTTP/1.1\r\nHost: a\r\nExpect: other\r\n\r\n", HUB_ERR_EXPECTATION_FAILED},
    {"GET / HTTP/2.0\r\n", HUB_ERR_HTTP_VERSION},
    {"get / HTTP/1.1\r\n", HUB_ERR_NOT_IMPLEMENTED},
    {"GET http://a/ HTTP/1.1\r\n", HUB_ERR_BAD_REQUEST},
    {"GET /#a HTTP/1.1\r\n", HUB_ERR_BAD_REQUEST},
    {"GET /%4 HTTP/1.1\r\n", HUB_ERR_BAD_REQUEST},
    /* not even a whole line is needed to see these */
    {"\x16\x03\x01", HUB_ERR_BAD_REQUEST},
    {"GET /\r/", HUB_ERR_BAD_REQUEST},
};

static void test_examples_in_pieces_of_any_size(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof EXAMPLES / sizeof EXAMPLES[0]; i++) {
        struct str text = str_from_c(EXAMPLES[i].text);
        for (size_t piece = 1; piece <= text.len; piece++) {
            struct scan scan;
            size_t len = 0;
            int got = scan_in_pieces(text, piece, &scan, &len);
            if (got != EXAMPLES[i].got) {
                print_error("%s in pieces of %zu\n", text.ptr, piece);
            }
            assert_int_equal(got, EXAMPLES[i].got);
            assert_int_equal(len, got == 1 ? text.len : 0);
            assert_int_equal(got < 0, scan.why != NULL);
        }
    }
}

static void test_what_follows_the_block_is_not_looked_at(void **state)
{
    (void)state;
    struct str text = STR("GET / HTTP/1.1\r\nHost: a\r\n\r\n\0\n\x16");
    struct scan scan;
    size_t len = 0;
    scan_init(&scan);
    assert_int_equal(scan_head(&scan, text, &limits, &len), 1);
    assert_int_equal(len, text.len - 3);
}

static void test_facts(void **state)
{
    (void)state;
    struct scan scan;
    size_t len;
    struct str text = STR("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\n"
                          "Content-Length: 0017\r\nX: y\r\n\r\n");
    scan_init(&scan);
    assert_int_equal(scan_head(&scan, text, &limits, &len), 1);
    assert_int_equal(scan.method, HTTP_POST);
    assert_int_equal(scan.content_length, 17);
    assert_int_equal(scan.field_count, 4);
    assert_true(scan.expects_continue);
    assert_false(scan.is_http_1_0);
    assert_true(scan_has(&scan, SCAN_CONTENT_LENGTH));
    assert_false(scan_has(&scan, SCAN_TRANSFER_ENCODING));
}

static void test_an_http_1_0_client_cannot_expect(void **state)
{
    (void)state;
    struct scan scan;
    size_t len;
    struct str text = STR("POST / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n");
    scan_init(&scan);
    assert_int_equal(scan_head(&scan, text, &limits, &len), 1);
    assert_false(scan.expects_continue);
    assert_true(scan.is_http_1_0);
}

/* Exactly the limit passes, one byte more does not, and is refused before the line has ended. */
static void test_limits_are_exact(void **state)
{
    (void)state;
    struct scan scan;
    size_t len;
    struct http_limits small = limits;
    struct str text = STR("GET /aaa HTTP/1.1\r\nHost: a\r\nX: 1\r\n\r\n");
    size_t line = strlen("GET /aaa HTTP/1.1");
    size_t fields = text.len - line - 2;

    small.request_line_max = line;
    small.headers_max = fields;
    small.header_count_max = 2;
    scan_init(&scan);
    assert_int_equal(scan_head(&scan, text, &small, &len), 1);

    small.request_line_max = line - 1;
    scan_init(&scan);
    assert_int_equal(scan_head(&scan, text, &small, &len), HUB_ERR_URI_TOO_LONG);
    scan_init(&scan);
    assert_int_equal(scan_head(&scan, str_slice(text, 0, line + 1), &small, &len), 0);
    small.request_line_max = 5;
    scan_init(&scan);
    assert_int_equal(scan_head(&scan, str_slice(text, 0, 8), &small, &len), HUB_ERR_URI_TOO_LONG);

    small = limits;
    small.headers_max = fields - 1;
    scan_init(&scan);
    assert_int_equal(scan_head(&scan, text, &small, &len), HUB_ERR_HEADERS_TOO_LARGE);

    small = limits;
    small.header_count_max = 1;
    scan_init(&scan);
    assert_int_equal(scan_head(&scan, text, &small, &len), HUB_ERR_HEADERS_TOO_LARGE);
}

/* Which bytes a value and a name may have, all 256 of each. */
static void test_every_byte(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        char text[64];
        struct scan scan;
        size_t len;
        int n = snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: a\r\nX: a-b\r\n\r\n");
        text[strchr(text, '-') - text] = (char)c;
        scan_init(&scan);
        bool is_good = c == '\t' || (c >= ' ' && c != 0x7f);
        assert_int_equal(scan_head(&scan, str_of(text, (size_t)n), &limits, &len),
                         is_good ? 1 : HUB_ERR_BAD_REQUEST);

        n = snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: a\r\nX-Y: a\r\n\r\n");
        text[strchr(text, '-') - text] = (char)c;
        scan_init(&scan);
        is_good = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  (c != 0 && strchr("!#$%&'*+-.^_`|~:", c) != NULL);
        assert_int_equal(scan_head(&scan, str_of(text, (size_t)n), &limits, &len),
                         is_good ? 1 : HUB_ERR_BAD_REQUEST);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples_in_pieces_of_any_size),
        cmocka_unit_test(test_what_follows_the_block_is_not_looked_at),
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_an_http_1_0_client_cannot_expect),
        cmocka_unit_test(test_limits_are_exact),
        cmocka_unit_test(test_every_byte),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
