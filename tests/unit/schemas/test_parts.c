/* The parts below the validator: numbers, equality, names, URIs, patterns, formats. */
#include "schema_unit.h"

#include "schemas/equal.h"
#include "schemas/format.h"
#include "schemas/names.h"
#include "schemas/number.h"
#include "schemas/pattern.h"
#include "schemas/uri.h"

static const uint64_t SECRET[2] = {1, 2};

static struct schema_number number_of(const char *text)
{
    struct json_object *json = json_of(text);
    struct schema_number number = schema_number_of(json);
    json_object_put(json);
    return number;
}

static void numbers_are_compared_exactly(void **state)
{
    static const struct {
        const char *a, *b;
        int order;
    } cases[] = {
        {"1", "1.0", 0},
        {"0", "-0.0", 0},
        {"-1", "1", -1},
        {"9223372036854775807", "9223372036854775808", -1},
        {"9223372036854775807", "9223372036854775807.0", -1}, /* the double is 2^63 */
        {"9223372036854775808", "9223372036854775808.0", 0},
        {"18446744073709551615", "18446744073709551616.0", -1},
        {"-9223372036854775808", "-9223372036854775808.0", 0},
        {"9007199254740993", "9007199254740992.0", 1}, /* 2^53 + 1 is no double */
        {"4503599627370497", "4503599627370496.5", 1},
        {"-1", "18446744073709551615", -1},
        {"1e300", "18446744073709551615", 1},
        {"-1e300", "-9223372036854775808", -1},
        {"0.1", "0.1", 0},
        {"0.1", "0", 1},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct schema_number a = number_of(cases[i].a), b = number_of(cases[i].b);
        int order = schema_number_cmp(a, b), reverse = schema_number_cmp(b, a);
        assert_int_equal((order > 0) - (order < 0), cases[i].order);
        assert_int_equal(order, -reverse);
    }
    assert_true(schema_number_is_integer(number_of("1e300")));
    assert_false(schema_number_is_integer(number_of("1.5")));
}

static void multiples_are_decimal(void **state)
{
    static const struct {
        const char *a, *b;
        bool multiple;
    } cases[] = {
        {"0.0075", "0.0001", true},
        {"0.00751", "0.0001", false},
        {"4.35", "0.01", true},
        {"19.99", "0.01", true},
        {"1.005", "0.01", false},
        {"1e308", "0.123456789", false},
        {"1e308", "1e-308", true},
        {"1e-308", "1e308", false},
        {"0", "0.7", true},
        {"0.0", "1e300", true},
        {"12391239123", "1e-8", true},
        {"18446744073709551615", "5", true},
        {"18446744073709551615", "2", false},
        {"-9223372036854775808", "2", true},
        {"-4.5", "1.5", true},
        {"1e20", "100000000000000000000", true},
        {"300000000000000000000", "1e20", true},
        {"5e-324", "5e-324", true},
        {"7", "3.5", true},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(schema_decimal_is_multiple(schema_number_decimal(number_of(cases[i].a)),
                                                    schema_number_decimal(number_of(cases[i].b))),
                         cases[i].multiple);
    }
}

static bool equal(const char *x, const char *y)
{
    size_t steps = 1000;
    struct json_object *a = json_of(x), *b = json_of(y);
    bool same = schema_equal(a, b, &steps);
    json_object_put(a);
    json_object_put(b);
    return same;
}

static void equality_is_deep(void **state)
{
    (void)state;
    assert_true(equal("{'a':[1,{'b':null}],'c':2}", "{'c':2.0,'a':[1.0,{'b':null}]}"));
    assert_false(equal("{'a':1}", "{'a':1,'b':1}"));
    assert_false(equal("{'a':1}", "{'b':1}"));
    assert_false(equal("[1,2]", "[2,1]"));
    assert_false(equal("[1]", "[1,1]"));
    assert_false(equal("1", "true"));
    assert_false(equal("0", "false"));
    assert_false(equal("''", "null"));
    assert_true(equal("null", "null"));
    assert_true(equal("18446744073709551615", "18446744073709551615"));
}

/* More items than are compared by pairs, so that hashing is what finds them. */
static void twins_are_found_by_hash(void **state)
{
    static const struct {
        const char *a, *b;
        bool twins;
    } cases[] = {
        {"1", "1.0", true},
        {"-0.0", "0", true},
        {"{'x':1,'y':2}", "{'y':2,'x':1}", true},
        {"{'x':1,'y':2}", "{'y':1,'x':2}", false},
        {"[[1]]", "[[1.0]]", true},
        {"[1,[2]]", "[[1],2]", false},
        {"'a'", "'a'", true},
        {"true", "1000", false},
        {"null", "false", false},
        {"1e300", "1e300", true},
        {"''", "[]", false},
        {"{}", "[]", false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct json_object *array = json_object_new_array();
        size_t steps = 100000, first = 0, second = 0;
        json_object_array_add(array, json_of(cases[i].a));
        for (int n = 0; n < 100; n++) {
            json_object_array_add(array, json_object_new_int(n + 10));
        }
        json_object_array_add(array, json_of(cases[i].b));
        int found = schema_find_twins(array, SECRET, &steps, &first, &second);
        assert_int_equal(found, cases[i].twins);
        if (found) {
            assert_int_equal(first, 0);
            assert_int_equal(second, 101);
        }
        json_object_put(array);
    }
}

static void names_keep_their_numbers(void **state)
{
    (void)state;
    for (size_t count = 1; count <= 1000; count = count * 3 + 1) {
        struct arena arena;
        struct schema_names names;
        char text[16];
        arena_init(&arena, 1 << 20);
        assert_true(schema_names_init(&names, &arena, count, SECRET));
        for (size_t i = 0; i < count; i++) {
            snprintf(text, sizeof text, "name%zu", i);
            struct str copy = arena_str(&arena, str_from_c(text));
            assert_int_equal(schema_names_put(&names, copy), i);
            assert_int_equal(schema_names_put(&names, copy), i);
        }
        for (size_t i = 0; i < count; i++) {
            snprintf(text, sizeof text, "name%zu", i);
            assert_int_equal(schema_names_find(&names, str_from_c(text)), i);
        }
        assert_int_equal(schema_names_find(&names, STR("other")), SCHEMA_NAMES_NONE);
        assert_int_equal(schema_names_find(&names, STR("")), SCHEMA_NAMES_NONE);
        arena_release(&arena);
    }
}

/* RFC 3986 §5.4, and names that are no URLs. */
static void references_are_resolved(void **state)
{
    static const struct {
        const char *base, *reference, *target, *fragment;
    } cases[] = {
        {"http://a/b/c/d;p?q", "g:h", "g:h", ""},
        {"http://a/b/c/d;p?q", "g", "http://a/b/c/g", ""},
        {"http://a/b/c/d;p?q", "./g", "http://a/b/c/g", ""},
        {"http://a/b/c/d;p?q", "g/", "http://a/b/c/g/", ""},
        {"http://a/b/c/d;p?q", "/g", "http://a/g", ""},
        {"http://a/b/c/d;p?q", "//g", "http://g", ""},
        {"http://a/b/c/d;p?q", "?y", "http://a/b/c/d;p?y", ""},
        {"http://a/b/c/d;p?q", "g?y", "http://a/b/c/g?y", ""},
        {"http://a/b/c/d;p?q", "#s", "http://a/b/c/d;p?q", "s"},
        {"http://a/b/c/d;p?q", "g?y#s", "http://a/b/c/g?y", "s"},
        {"http://a/b/c/d;p?q", ";x", "http://a/b/c/;x", ""},
        {"http://a/b/c/d;p?q", "", "http://a/b/c/d;p?q", ""},
        {"http://a/b/c/d;p?q", ".", "http://a/b/c/", ""},
        {"http://a/b/c/d;p?q", "..", "http://a/b/", ""},
        {"http://a/b/c/d;p?q", "../g", "http://a/b/g", ""},
        {"http://a/b/c/d;p?q", "../../../../g", "http://a/g", ""},
        {"http://a/b/c/d;p?q", "/./g", "http://a/g", ""},
        {"http://a/b/c/d;p?q", "./g/.", "http://a/b/c/g/", ""},
        {"http://a/b/c/d;p?q", "g/../h", "http://a/b/c/h", ""},
        {"http://a/b/c/d;p?q", "g;x=1/../y", "http://a/b/c/y", ""},
        {"http://a/b/c/d;p?q", "g?y/../x", "http://a/b/c/g?y/../x", ""},
        {"http://a", "g", "http://a/g", ""},
        {"urn:uuid:1", "#/x", "urn:uuid:1", "/x"},
        {"hub:job", "file", "hub:file", ""},
        {"", "a/b", "a/b", ""},
        {"file:///f/a", "b", "file:///f/b", ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena arena;
        struct str target, fragment;
        arena_init(&arena, 1 << 16);
        assert_true(schema_uri_resolve(&arena, str_from_c(cases[i].base),
                                       str_from_c(cases[i].reference), &target, &fragment));
        assert_int_equal(target.len, strlen(cases[i].target));
        assert_memory_equal(target.ptr, cases[i].target, target.len);
        assert_true(str_eq(fragment, str_from_c(cases[i].fragment)));
        arena_release(&arena);
    }
}

static int match(const char *source, struct str subject)
{
    struct schema_pattern *pattern;
    struct schema_matcher matcher;
    struct hub_error error;
    size_t bytes;
    if (schema_pattern_compile(str_from_c(source), &pattern, &bytes, &error) < 0) {
        return error.err;
    }
    schema_matcher_init(&matcher);
    int found = schema_pattern_match(pattern, subject, &matcher);
    schema_matcher_release(&matcher);
    schema_pattern_free(pattern);
    return found;
}

static void patterns_are_ecmascript(void **state)
{
    static const struct {
        const char *pattern, *subject;
        int result;
    } cases[] = {
        {"a+", "xxaayy", 1},
        {"b", "", 0},
        {"", "", 1},
        {"^a$", "a\n", 0}, /* PCRE2's own $ would match */
        {"^.$", "\xe2\x80\xa8", 0},
        {"^.$", "\xf0\x9f\x98\x80", 1},
        {"^\\s$", "\xc2\xa0", 1},
        {"^\\s$", "\xef\xbb\xbf", 1},
        {"^\\S$", "\xc2\xa0", 0},
        {"^[\\s\\S]$", "\n", 1},
        {"^[^\\s]$", "\xe3\x80\x80", 0},
        {"^\\d$", "\xd9\xa3", 0}, /* ARABIC-INDIC DIGIT THREE */
        {"^\\w$", "\xc3\xa4", 0},
        {"^\\p{Letter}+$", "\xcf\x80", 1},
        {"^\\p{gc=Lu}$", "A", 1},
        {"^\\P{Letter}$", "A", 0},
        {"^[\\p{L}\\d]+$", "a1", 1},
        {"^\\p{Script=Greek}$", "\xcf\x80", 1},
        {"^\\u0041\\u{1F600}$", "A\xf0\x9f\x98\x80", 1},
        {"^\\ud83d\\ude00$", "\xf0\x9f\x98\x80", 1},
        {"^\\v\\0$", "\v", 0},
        {"^[[:alpha:]]+$", ":]", 1}, /* a class of "[:alph", then a bracket */
        {"^[]$", "a", 0},
        {"^[^]$", "\n", 1},
        {"^(a)\\1$", "aa", 1},
        {"^(?<n>a)\\k<n>$", "aa", 1},
        {"^(?!x)\\w+(?<=y)$", "aay", 1},
        {"^a{2}b{1,2}c{0,}$", "aabb", 1},
        {"^a{,2}$", "a{,2}", 1},
        {"^[a-z]+?\\.[^.]+$", "ab.c", 1},
        {"^\\x41\\cJ\\/\\-$", "A\n/-", 1},
        {"a++", "a", HUB_ERR_INVALID_INPUT},
        {"(?>a)", "a", HUB_ERR_INVALID_INPUT},
        {"(?R)", "a", HUB_ERR_INVALID_INPUT},
        {"(*UTF)a", "a", HUB_ERR_INVALID_INPUT},
        {"(?i)a", "a", HUB_ERR_INVALID_INPUT},
        {"\\Qa\\E", "a", HUB_ERR_INVALID_INPUT},
        {"\\K", "a", HUB_ERR_INVALID_INPUT},
        {"\\Aa", "a", HUB_ERR_INVALID_INPUT},
        {"\\u12", "a", HUB_ERR_INVALID_INPUT},
        {"\\ud800", "a", HUB_ERR_INVALID_INPUT},
        {"\\x1", "a", HUB_ERR_INVALID_INPUT},
        {"\\p{NoSuch}", "a", HUB_ERR_INVALID_INPUT},
        {"\\pL", "a", HUB_ERR_INVALID_INPUT},
        {"\\2(a)", "a", HUB_ERR_INVALID_INPUT},
        {"*a", "a", HUB_ERR_INVALID_INPUT},
        {"a\\", "a", HUB_ERR_INVALID_INPUT},
        {"[a", "a", HUB_ERR_INVALID_INPUT},
        {"a)", "a", HUB_ERR_INVALID_INPUT},
        {"[\\b]", "\b", 1},
        {"^[\\B]$", "a", HUB_ERR_INVALID_INPUT},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int result = match(cases[i].pattern, str_from_c(cases[i].subject));
        if (result != cases[i].result) {
            fail_msg("%s on \"%s\": %d", cases[i].pattern, cases[i].subject, result);
        }
    }
    assert_int_equal(match("^\\v\\0$", str_of("\v\0", 2)), 1);
    assert_int_equal(match("a", str_of("\xff"
                                       "a",
                                       2)),
                     0); /* not UTF-8 */
}

static void formats_are_strict(void **state)
{
    static const struct {
        const char *name;
        const char *good[12];
        const char *bad[24];
    } cases[] = {
        {"date-time",
         {"2026-01-31T12:00:00Z", "2026-01-31t12:00:00.123456789z", "2024-02-29T23:59:60Z",
          "1998-12-31T15:59:60.5-08:00", "0000-01-01T00:00:00+23:59"},
         {"", "2026-01-31", "2026-01-31 12:00:00Z", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z",
          "2026-01-31T24:00:00Z", "2026-01-31T12:60:00Z", "2026-01-31T12:00:61Z",
          "2026-01-31T12:00:00", "2026-01-31T12:00:00+24:00", "2026-01-31T12:00:00.Z",
          "2026-1-31T12:00:00Z", "2026-01-31T12:00:00Zx", "2026-01-31T22:59:60Z"}},
        {"date",
         {"2000-02-29", "2026-12-31"},
         {"1900-02-29", "2026-00-01", "2026-01-00", "2026-04-31", "26-01-01", "2026-01-01T"}},
        {"time",
         {"00:00:00Z", "23:59:60+00:00", "01:29:60+01:30"},
         {"12:00:00", "24:00:00Z", "23:59:60+01:00", "12:00Z", "12:00:00 Z"}},
        {"duration",
         {"P1Y", "P1Y2M3D", "P2W", "PT1H", "PT1M30S", "P1DT12H", "P4M", "PT0S"},
         {"", "P", "PT", "P1", "P1S", "PT1D", "P1Y2D", "P1W2D", "P2D1Y", "P1DT", "PT1H30S", "P-1D",
          "P0.5D", "1D", "p1d", "P1D "}},
        {"email",
         {"a@b.c", "joe.bloggs+x@example.com", "\"a b\"@example.com", "x@[127.0.0.1]",
          "x@[IPv6:::1]", "o'brien@example.co.uk"},
         {"", "a", "@b", "a@", "a@b@c", ".a@b", "a.@b", "a..b@c", "a b@c", "a@-b", "a@b_c", "\"a@b",
          "a@[127.0.0]", "a@[::1]", "\"a\"b\"@c", "\"a\\\"@c", "\xc3\xa4@b.c"}},
        {"hostname",
         {"a", "example.com", "xn--4gbwdl.xn--wgbh1c", "1.2.3", "a-b"},
         {"", "-a", "a-", "a..b", ".a", "a.", "a_b", "a b", "\xc3\xa4.de",
          "a123456789b123456789c123456789d123456789e123456789f123456789abcd"}},
        {"ipv4",
         {"127.0.0.1", "255.255.255.255", "0.0.0.0"},
         {"", "1.2.3", "1.2.3.4.5", "256.0.0.1", "01.2.3.4", "1.2.3.4 ", "0x7f.0.0.1", "1..2.3"}},
        {"ipv6",
         {"::", "::1", "fe80::1:2", "::ffff:1.2.3.4", "1:2:3:4:5:6:7:8"},
         {"", ":", "1::2::3", "12345::", "fe80::1%eth0", "1:2:3:4:5:6:7:8:9", "::1 ", "[::1]"}},
        {"uri",
         {"http://a", "https://u:p@example.com:80/a;b?c=d#e", "urn:x:y", "mailto:a@b",
          "http://[::1]:8/", "file:///x", "http://a/%41"},
         {"", "a", "//a", "/a", "#a", "http://a b", "http://a/%4", "http://a/\"", "http://[::1",
          "http://a:b/", "1a:b", "http://a/\xc3\xa4", "http://[v1]", "http://a/{b}", ":a"}},
        {"uri-reference",
         {"", "a", "/a", "//a", "?b", "#c", "a/b:c", "http://a"},
         {"a:b:c d", "\\", "#a#b", ":a", "%"}},
        {"uuid",
         {"00000000-0000-0000-0000-000000000000", "0193A1B2-0000-7000-8000-00000000000f"},
         {"", "00000000-0000-0000-0000-00000000000", "000000000-000-0000-0000-000000000000",
          "0000000g-0000-0000-0000-000000000000", "00000000000000000000000000000000"}},
        {"json-pointer", {"", "/", "/a/b", "/~0~1", "//"}, {"a", "#", "/~", "/~2", "/a~"}},
        {"regex", {"", "^a$", "[a-z]{2}"}, {"(", "[", "a**", "\\Z"}},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct schema_format *format = schema_format_find(str_from_c(cases[i].name));
        assert_non_null(format);
        for (size_t k = 0; k < COUNT_OF(cases[i].good) && cases[i].good[k] != NULL; k++) {
            if (!format->valid(str_from_c(cases[i].good[k]))) {
                fail_msg("%s refuses \"%s\"", cases[i].name, cases[i].good[k]);
            }
        }
        for (size_t k = 0; k < COUNT_OF(cases[i].bad) && cases[i].bad[k] != NULL; k++) {
            if (format->valid(str_from_c(cases[i].bad[k]))) {
                fail_msg("%s takes \"%s\"", cases[i].name, cases[i].bad[k]);
            }
        }
    }
    assert_null(schema_format_find(STR("colour")));
    assert_false(schema_format_find(STR("ipv6"))->valid(str_of("::1\0", 4)));
    assert_false(schema_format_find(STR("uri"))->valid(str_of("a:b\0", 4)));
    assert_false(schema_format_find(STR("email"))->valid(str_of("a\0@b", 4)));
}

static void format_is_asserted_only_on_request(void **state)
{
    struct schema *lax = compile("{'format':'date'}", 0);
    struct schema *strict = compile("{'format':'date'}", SCHEMA_ASSERT_FORMAT);
    (void)state;
    assert_int_equal(validate(lax, "'x'"), 0);
    assert_int_equal(validate(strict, "'x'"), HUB_ERR_INVALID_INPUT);
    assert_int_equal(validate(strict, "1"), 0);
    assert_int_equal(validate(strict, "'2026-01-01'"), 0);
    schema_free(lax);
    schema_free(strict);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_compared_exactly),
        cmocka_unit_test(multiples_are_decimal),
        cmocka_unit_test(equality_is_deep),
        cmocka_unit_test(twins_are_found_by_hash),
        cmocka_unit_test(names_keep_their_numbers),
        cmocka_unit_test(references_are_resolved),
        cmocka_unit_test(patterns_are_ecmascript),
        cmocka_unit_test(formats_are_strict),
        cmocka_unit_test(format_is_asserted_only_on_request),
    };
    return cmocka_run_group_tests_name("schemas/parts", tests, NULL, NULL);
}
