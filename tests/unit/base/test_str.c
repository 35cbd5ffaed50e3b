#include "base/str.h"
#include "unit.h"

static void views_compare_by_bytes(void **state)
{
    (void)state;
    assert_true(str_eq(STR(""), (struct str){NULL, 0}));
    assert_true(str_eq(STR("a\0b"), str_of("a\0b", 3)));
    assert_false(str_eq(STR("a\0b"), STR("a\0c")));
    assert_true(str_eq_nocase(STR("Content-TYPE"), STR("content-type")));
    assert_false(str_eq_nocase(STR("[[["), STR("{{{"))); /* differ by 0x20 but are no letters */
    assert_false(str_eq_nocase(STR("a"), STR("ab")));
    assert_int_equal(str_cmp(STR("a"), STR("ab")), -1);
    assert_int_equal(str_cmp(STR("b"), STR("ab")), 1);
    assert_int_equal(str_cmp(STR("ab"), STR("ab")), 0);
    assert_int_equal(str_cmp(STR("\xff"), STR("a")), 1); /* unsigned bytes */
    assert_int_equal(str_from_c(NULL).len, 0);
}

static void parts_of_views(void **state)
{
    (void)state;
    assert_true(str_starts_with(STR("abc"), STR("ab")));
    assert_true(str_starts_with(STR("abc"), STR("")));
    assert_false(str_starts_with(STR("a"), STR("ab")));
    assert_true(str_ends_with(STR("abc"), STR("bc")));
    assert_false(str_ends_with(STR("c"), STR("bc")));
    assert_str_equal(str_trim(STR(" \t a b\t ")), STR("a b"));
    assert_str_equal(str_trim(STR(" \t ")), STR(""));
    assert_str_equal(str_slice(STR("abc"), 1, 1), STR("b"));
    assert_str_equal(str_slice(STR("abc"), 1, SIZE_MAX), STR("bc"));
    assert_str_equal(str_slice(STR("abc"), SIZE_MAX, 1), STR(""));
    assert_null(str_slice((struct str){NULL, 0}, 3, 3).ptr);
}

static void split_ends_with_a_null_rest(void **state)
{
    (void)state;
    struct str rest = STR("a,,b,");
    assert_str_equal(str_split(&rest, ','), STR("a"));
    assert_str_equal(str_split(&rest, ','), STR(""));
    assert_str_equal(str_split(&rest, ','), STR("b"));
    assert_non_null(rest.ptr);
    assert_str_equal(str_split(&rest, ','), STR(""));
    assert_null(rest.ptr);
    assert_int_equal(rest.len, 0);
}

static void unsigned_numbers(void **state)
{
    (void)state;
    uint64_t value = 77;
    assert_true(str_to_u64(STR("18446744073709551615"), UINT64_MAX, &value));
    assert_true(value == UINT64_MAX);
    assert_true(str_to_u64(STR("007"), 7, &value));
    assert_int_equal(value, 7);
    static const struct str bad[] = {
        STR_INIT(""),
        STR_INIT("18446744073709551616"),
        STR_INIT("99999999999999999999999"),
        STR_INIT("+1"),
        STR_INIT("-1"),
        STR_INIT(" 1"),
        STR_INIT("1 "),
        STR_INIT("1\0"),
        STR_INIT("0x1"),
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_false(str_to_u64(bad[i], UINT64_MAX, &value));
    }
    assert_false(str_to_u64(STR("8"), 7, &value));
    assert_int_equal(value, 7);
}

static void signed_numbers(void **state)
{
    (void)state;
    int64_t value = 77;
    assert_true(str_to_i64(STR("-9223372036854775808"), INT64_MIN, INT64_MAX, &value));
    assert_true(value == INT64_MIN);
    assert_true(str_to_i64(STR("9223372036854775807"), INT64_MIN, INT64_MAX, &value));
    assert_true(value == INT64_MAX);
    assert_true(str_to_i64(STR("-5"), -5, 5, &value));
    assert_int_equal(value, -5);
    static const struct str bad[] = {
        STR_INIT("-9223372036854775809"),
        STR_INIT("9223372036854775808"),
        STR_INIT("-"),
        STR_INIT("--1"),
        STR_INIT("+1"),
        STR_INIT(""),
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_false(str_to_i64(bad[i], INT64_MIN, INT64_MAX, &value));
    }
    assert_false(str_to_i64(STR("-6"), -5, 5, &value));
    assert_false(str_to_i64(STR("6"), -5, 5, &value));
    assert_int_equal(value, -5);
}

/* The definition, by decoding: an oracle that shares nothing with the tables under test. */
static size_t decoded_len(const unsigned char *p, size_t len)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t want = p[0] < 0x80           ? 1
                  : (p[0] >> 5) == 6    ? 2
                  : (p[0] >> 4) == 14   ? 3
                  : (p[0] >> 3) == 0x1e ? 4
                                        : 0;
    if (want <= 1) {
        return want;
    }
    uint32_t c = p[0] & (0x7fu >> want);
    if (len < want) {
        return 0;
    }
    for (size_t i = 1; i < want; i++) {
        if (p[i] >> 6 != 2) {
            return 0;
        }
        c = c << 6 | (p[i] & 0x3f);
    }
    bool good = c >= smallest[want] && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
    return good ? want : 0;
}

static void utf8_agrees_with_its_definition(void **state)
{
    (void)state;
    /* All pairs of first bytes, with every kind of byte behind them. */
    static const unsigned char kinds[] = {0x00, 0x7f, 0x80, 0x8f, 0x90,
                                          0x9f, 0xa0, 0xbf, 0xc0, 0xff};
    size_t characters = 0;
    for (unsigned pair = 0; pair < 0x10000; pair++) {
        for (size_t k = 0; k < COUNT(kinds) * COUNT(kinds); k++) {
            unsigned char bytes[4] = {(unsigned char)(pair >> 8), (unsigned char)pair,
                                      kinds[k / COUNT(kinds)], kinds[k % COUNT(kinds)]};
            for (size_t len = 1; len <= sizeof bytes; len++) {
                size_t expected = decoded_len(bytes, len);
                assert_int_equal(str_utf8_char_len(str_of((char *)bytes, len)), expected);
                characters += expected > 0;
            }
        }
    }
    assert_true(characters > 1000000);
    assert_int_equal(str_utf8_char_len((struct str){NULL, 0}), 0);
}

static void utf8_prefix_ends_at_the_first_bad_byte(void **state)
{
    (void)state;
    assert_int_equal(str_utf8_valid_prefix(STR("")), 0);
    assert_int_equal(str_utf8_valid_prefix(STR("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80")), 10);
    assert_int_equal(str_utf8_valid_prefix(STR("ab\xc3")), 2);
    assert_int_equal(str_utf8_valid_prefix(STR("ab\xed\xa0\x80")), 2);
    assert_int_equal(str_utf8_valid_prefix(STR("\xc0\x80")), 0);
}

static void utf8_cut_keeps_characters_whole(void **state)
{
    (void)state;
    struct str text = STR("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
    static const size_t kept[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10};
    for (size_t max = 0; max < COUNT(kept); max++) {
        assert_int_equal(str_utf8_cut(text, max).len, kept[max]);
    }
    /* What is not UTF-8 is cut all the same. */
    assert_int_equal(str_utf8_cut(STR("\x80\x80\x80\x80\x80\x80\x80"), 6).len, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(views_compare_by_bytes),
        cmocka_unit_test(parts_of_views),
        cmocka_unit_test(split_ends_with_a_null_rest),
        cmocka_unit_test(unsigned_numbers),
        cmocka_unit_test(signed_numbers),
        cmocka_unit_test(utf8_agrees_with_its_definition),
        cmocka_unit_test(utf8_prefix_ends_at_the_first_bad_byte),
        cmocka_unit_test(utf8_cut_keeps_characters_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
