/* The small parsers of the API: member spans, ranges, tags. */
#include "api/json_span.h"
#include "api/range.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_str(struct str got, const char *want)
{
    if (want == NULL) {
        assert_null(got.ptr);
        return;
    }
    assert_int_equal(got.len, strlen(want));
    assert_memory_equal(got.ptr, want, got.len);
}

static void test_member_spans(void **state)
{
    static const struct {
        const char *text, *want;
    } CASES[] = {
        {"{\"input\":{\"a\":1}}", "{\"a\":1}"},
        {" {\n\"type\" : \"x.y\" ,\t\"input\" : [1, {\"}\":\"]\"}] , \"z\":1}",
         "[1, {\"}\":\"]\"}]"},
        {"{\"a\":\"\\\"input\\\":1\",\"input\":\"\\\\\"}", "\"\\\\\""},
        {"{\"a\":{\"input\":1}}", NULL},
        {"{}", NULL},
        {"{\"input\":null}", "null"},
        {"{\"inpu\\u0074\":1}", NULL}, /* written with an escape: the caller writes it anew */
        {"{\"x\":-1.5e3,\"input\":true}", "true"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        assert_str(json_member_span(str_from_c(CASES[i].text), STR("input")), CASES[i].want);
    }
}

static void test_ranges(void **state)
{
    static const struct {
        const char *header;
        enum range_kind kind;
        uint64_t offset, len;
    } CASES[] = {
        {NULL, RANGE_ALL, 0, 1000},
        {"bytes=0-0", RANGE_PART, 0, 1},
        {"bytes=0-", RANGE_PART, 0, 1000},
        {"bytes=999-", RANGE_PART, 999, 1},
        {"bytes=500-99999", RANGE_PART, 500, 500},
        {"bytes=-1", RANGE_PART, 999, 1},
        {"bytes=-5000", RANGE_PART, 0, 1000},
        {"bytes=-0", RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=1000-", RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=5-4", RANGE_ALL, 0, 1000},     /* invalid: ignored (RFC 9110 §14.2) */
        {"bytes=0-1,5-6", RANGE_ALL, 0, 1000}, /* several: all of it is allowed too */
        {"lines=0-1", RANGE_ALL, 0, 1000},
        {"bytes=a-b", RANGE_ALL, 0, 1000},
        {"bytes", RANGE_ALL, 0, 1000},
        {"bytes=-", RANGE_ALL, 0, 1000},
        {"bytes=99999999999999999999-", RANGE_ALL, 0, 1000},
    };

    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct range got = range_parse(str_from_c(CASES[i].header), 1000);
        assert_int_equal(got.kind, CASES[i].kind);
        assert_int_equal(got.offset, CASES[i].offset);
        assert_int_equal(got.len, CASES[i].len);
    }
    assert_int_equal(range_parse(STR("bytes=0-"), 0).kind, RANGE_UNSATISFIABLE);
}

static void test_tags(void **state)
{
    struct str tag = STR("\"abc\"");

    (void)state;
    assert_true(etag_list_contains(STR("*"), tag, false));
    assert_true(etag_list_contains(STR("\"x\", \"abc\""), tag, false));
    assert_true(etag_list_contains(STR("W/\"abc\""), tag, true));
    assert_false(etag_list_contains(STR("W/\"abc\""), tag, false));
    assert_false(etag_list_contains(STR("abc"), tag, true));
    assert_false(etag_list_contains(STR(""), tag, true));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_member_spans),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_tags),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
