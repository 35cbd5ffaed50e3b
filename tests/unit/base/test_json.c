#include "base/json.h"
#include "unit.h"

/* --- reading ---------------------------------------------------------------------------------- */

static struct json_object *read_good(struct str text)
{
    struct json_object *value = NULL;
    struct hub_error error;
    if (json_read(text, JSON_DEPTH_MAX, &value, NULL, &error) < 0) {
        fail_msg("%.*s: %s", STR_ARG(text), error.detail);
    }
    return value;
}

static void check_rewritten(struct str text, const char *expected)
{
    struct json_object *value = read_good(text);
    struct buf b;
    buf_init(&b, BUF_NO_LIMIT);
    json_append(&b, value);
    assert_str_equal(buf_view(&b), str_from_c(expected));
    buf_release(&b);
    json_object_put(value);
}

static void values_of_every_kind(void **state)
{
    (void)state;
    check_rewritten(STR(" null "), "null");
    check_rewritten(STR("true"), "true");
    check_rewritten(STR("\r\n\tfalse"), "false");
    check_rewritten(STR("[ ]"), "[]");
    check_rewritten(STR("{ }"), "{}");
    check_rewritten(STR("[1 , [null , {}], \"\"]"), "[1,[null,{}],\"\"]");
    check_rewritten(STR("{ \"b\" : 1 , \"a\" : { \"\" : null } }"), "{\"b\":1,\"a\":{\"\":null}}");
}

static void strings_are_unescaped(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        struct str out;
    } cases[] = {
        {"\"\"", STR_INIT("")},
        {"\"a/b\"", STR_INIT("a/b")},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", STR_INIT("\"\\/\b\f\n\r\t")},
        {"\"\\u0041\\u00e9\\u20AC\\ud83D\\uDe00z\"",
         STR_INIT("A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z")},
        {"\"\\u007f\\u0080\\u07ff\\u0800\\uffff\"",
         STR_INIT("\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf")},
        {"\"\\ud800\\udc00\\udbff\\udfff\"", STR_INIT("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf")},
        {"\"\x7f\xc3\xa9\"", STR_INIT("\x7f\xc3\xa9")},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct json_object *value = read_good(str_from_c(cases[i].in));
        assert_str_equal(json_str(value), cases[i].out);
        json_object_put(value);
    }
}

static void integers_are_exact(void **state)
{
    (void)state;
    struct json_object *v = read_good(STR("[0,-1,9223372036854775807,-9223372036854775808,"
                                          "9223372036854775808,18446744073709551615]"));
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(json_object_get_type(json_object_array_get_idx(v, i)), json_type_int);
    }
    assert_true(json_object_get_int64(json_object_array_get_idx(v, 2)) == INT64_MAX);
    assert_true(json_object_get_int64(json_object_array_get_idx(v, 3)) == INT64_MIN);
    assert_true(json_object_get_uint64(json_object_array_get_idx(v, 5)) == UINT64_MAX);
    json_object_put(v);
}

static void numbers_keep_their_digits(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "0",
        "-1",
        "9223372036854775807",
        "-9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "-9223372036854775809",
        "-0",
        "0.10",
        "1E+2",
        "1e-400",
        "-0.0e0",
        "123456789012345678901234567890.000000000000000000000000000000000000000000000000000000001",
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        check_rewritten(str_from_c(texts[i]), texts[i]);
    }
    struct json_object *minus_zero = read_good(STR("-0"));
    assert_int_equal(json_object_get_type(minus_zero), json_type_double);
    json_object_put(minus_zero);
    struct json_object *half = read_good(STR("0.50"));
    assert_true(json_object_get_double(half) == 0.5);
    json_object_put(half);
}

static void doubles_of_our_own_are_short(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0.1, "0.1"},
        {1, "1.0"},
        {-2.5, "-2.5"},
        {1e300, "1e+300"},
        {1.0 / 3, "0.3333333333333333"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1e308 * 10, "null"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf b;
        struct json_object *value = json_object_new_double(cases[i].value);
        buf_init(&b, 100);
        json_append(&b, value);
        assert_string_equal(b.ptr, cases[i].text);
        buf_release(&b);
        json_object_put(value);
    }
}

static void what_is_refused_and_where(void **state)
{
    (void)state;
    static const struct {
        struct str text;
        size_t offset;
        const char *detail;
    } cases[] = {
        {STR_INIT(""), 0, "byte 0: unexpected end"},
        {STR_INIT("  "), 2, "byte 2: unexpected end"},
        {STR_INIT("\xef\xbb\xbf{}"), 0, "byte 0: expected a value"},
        {STR_INIT("\0"), 0, "byte 0: expected a value"},
        {STR_INIT("nul"), 3, "byte 3: unexpected end"},
        {STR_INIT("nulL"), 3, "byte 3: expected a value"},
        {STR_INIT("1 2"), 2, "byte 2: something follows the value"},
        {STR_INIT("{}\0"), 2, "byte 2: something follows the value"},
        {STR_INIT("[1,]"), 3, "byte 3: expected a value"},
        {STR_INIT("[1 2]"), 3, "byte 3: expected ',' or ']'"},
        {STR_INIT("[1}"), 2, "byte 2: expected ',' or ']'"},
        {STR_INIT("[1"), 2, "byte 2: unexpected end"},
        {STR_INIT("{1:2}"), 1, "byte 1: expected a name"},
        {STR_INIT("{\"a\" 1}"), 5, "byte 5: expected ':'"},
        {STR_INIT("{\"a\":1,}"), 7, "byte 7: expected a name"},
        {STR_INIT("{\"a\":1"), 6, "byte 6: unexpected end"},
        {STR_INIT("{\"a\":1 \"b\":2}"), 7, "byte 7: expected ',' or '}'"},
        {STR_INIT("01"), 1, "byte 1: a number must not begin with 0"},
        {STR_INIT("-"), 1, "byte 1: unexpected end"},
        {STR_INIT("-a"), 1, "byte 1: expected a digit"},
        {STR_INIT("1.e1"), 2, "byte 2: expected a digit"},
        {STR_INIT("1e+"), 3, "byte 3: unexpected end"},
        {STR_INIT("[1e400]"), 1, "byte 1: the number is too large"},
        {STR_INIT("+1"), 0, "byte 0: expected a value"},
        {STR_INIT("NaN"), 0, "byte 0: expected a value"},
        {STR_INIT("\"abc"), 4, "byte 4: unexpected end"},
        {STR_INIT("\"a\nb\""), 2, "byte 2: control character in a string"},
        {STR_INIT("\"a\0b\""), 2, "byte 2: control character in a string"},
        {STR_INIT("\"a\xff\""), 2, "byte 2: not UTF-8"},
        {STR_INIT("\"\xed\xa0\x80\""), 1, "byte 1: not UTF-8"},
        {STR_INIT("\"\xc3"), 1, "byte 1: not UTF-8"},
        {STR_INIT("\"\\x\""), 1, "byte 1: invalid escape"},
        {STR_INIT("\"\\\xc3\xa9\""), 1, "byte 1: invalid escape"},
        {STR_INIT("\"\\"), 1, "byte 1: invalid escape"},
        {STR_INIT("\"\\u12\""), 1, "byte 1: invalid escape"},
        {STR_INIT("\"\\u 123\""), 1, "byte 1: invalid escape"},
        {STR_INIT("\"ab\\u0000\""), 3, "byte 3: invalid escape"},
        {STR_INIT("\"\\ud800\""), 1, "byte 1: invalid escape"},
        {STR_INIT("\"\\ud800\\n\""), 1, "byte 1: invalid escape"},
        {STR_INIT("\"\\ud800\\ud800\""), 1, "byte 1: invalid escape"},
        {STR_INIT("\"\\udc00\\ud800\""), 1, "byte 1: invalid escape"},
        {STR_INIT("{\"a\":1,\"a\":2}"), 7, "byte 7: duplicate name \"a\""},
        {STR_INIT("{\"a\":1,\"\\u0061\":2}"), 7, "byte 7: duplicate name \"a\""},
        {STR_INIT("[{\"\":1,\"\":2}]"), 7, "byte 7: duplicate name \"\""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct json_object *value = (void *)&value;
        struct hub_error error;
        size_t offset = 99;
        int err = json_read(cases[i].text, JSON_DEPTH_MAX, &value, &offset, &error);
        assert_int_equal(err, HUB_ERR_INVALID_JSON);
        assert_int_equal(error.err, err);
        assert_string_equal(error.detail, cases[i].detail);
        assert_int_equal(offset, cases[i].offset);
        assert_ptr_equal(value, &value);
        assert_int_equal(json_read(cases[i].text, JSON_DEPTH_MAX, &value, NULL, NULL), err);
    }
}

static void null_is_an_empty_text(void **state)
{
    (void)state;
    struct json_object *value;
    assert_int_equal(json_read((struct str){NULL, 0}, 1, &value, NULL, NULL), HUB_ERR_INVALID_JSON);
}

static void long_duplicate_names_are_cut(void **state)
{
    (void)state;
    struct buf b;
    struct json_object *value;
    struct hub_error error;
    buf_init(&b, BUF_NO_LIMIT);
    for (int i = 0; i < 2; i++) {
        buf_append_c(&b, i ? ",\"" : "{\"");
        for (int j = 0; j < 1000; j++) {
            buf_append_c(&b, "\xe2\x82\xac");
        }
        buf_append_c(&b, "\":0");
    }
    buf_append_c(&b, "}");
    assert_int_equal(json_read(buf_view(&b), 1, &value, NULL, &error), HUB_ERR_INVALID_JSON);
    assert_int_equal(str_utf8_valid_prefix(str_from_c(error.detail)), strlen(error.detail));
    assert_int_equal(error.detail[strlen(error.detail) - 1], '"');
    buf_release(&b);
}

static void duplicates_are_found_in_large_objects(void **state)
{
    (void)state;
    struct buf b;
    struct json_object *value;
    buf_init(&b, BUF_NO_LIMIT);
    for (int i = 0; i < 5000; i++) {
        buf_append_format(&b, "%c\"name%d\":%d", i ? ',' : '{', i, i);
    }
    size_t len = b.len;
    buf_append_c(&b, "}");
    value = read_good(buf_view(&b));
    assert_int_equal(json_object_object_length(value), 5000);
    json_object_put(value);
    buf_truncate(&b, len);
    buf_append_c(&b, ",\"name4999\":0}");
    size_t offset = 0;
    assert_int_equal(json_read(buf_view(&b), 1, &value, &offset, NULL), HUB_ERR_INVALID_JSON);
    assert_int_equal(offset, len + 1);
    buf_release(&b);
}

static int read_nested(int depth, int depth_max)
{
    char text[400];
    struct json_object *value = NULL;
    for (int i = 0; i < depth; i++) {
        text[i] = '[';
        text[2 * depth - 1 - i] = ']';
    }
    int err = json_read(str_of(text, (size_t)depth * 2), depth_max, &value, NULL, NULL);
    json_object_put(value);
    return err;
}

static void depth_is_limited_exactly(void **state)
{
    (void)state;
    assert_int_equal(read_nested(1, 1), 0);
    assert_int_equal(read_nested(2, 1), HUB_ERR_INVALID_JSON);
    assert_int_equal(read_nested(1, 0), HUB_ERR_INVALID_JSON);
    assert_int_equal(read_nested(1, -5), HUB_ERR_INVALID_JSON);
    assert_int_equal(read_nested(JSON_DEPTH_MAX, JSON_DEPTH_MAX), 0);
    assert_int_equal(read_nested(JSON_DEPTH_MAX + 1, JSON_DEPTH_MAX), HUB_ERR_INVALID_JSON);
    assert_int_equal(read_nested(JSON_DEPTH_MAX + 1, 1000), HUB_ERR_INVALID_JSON);
    struct json_object *siblings = NULL; /* breadth is not depth */
    assert_int_equal(json_read(STR("[[],[],{},[{}],{}]"), 3, &siblings, NULL, NULL), 0);
    json_object_put(siblings);
}

static void containers_are_limited_exactly(void **state)
{
    (void)state;
    struct buf b;
    struct json_object *value;
    size_t offset = 0;
    buf_init(&b, BUF_NO_LIMIT);
    buf_append_c(&b, "[[]");
    for (int i = 2; i < JSON_CONTAINERS_MAX; i++) {
        buf_append_c(&b, ",[]");
    }
    size_t len = b.len;
    buf_append_c(&b, "]");
    json_object_put(read_good(buf_view(&b)));
    buf_truncate(&b, len);
    buf_append_c(&b, ",[]]");
    assert_int_equal(json_read(buf_view(&b), 2, &value, &offset, NULL), HUB_ERR_TOO_LARGE);
    assert_int_equal(offset, len + 1);
    buf_release(&b);
}

/* --- members and pointers --------------------------------------------------------------------- */

static void members_have_types(void **state)
{
    (void)state;
    struct json_object *o = read_good(
        STR("{\"s\":\"a\\u0062\",\"i\":-5,\"big\":9223372036854775808,\"max\":9223372036854775807,"
            "\"d\":1.0,\"t\":true,\"o\":{},\"a\":[],\"n\":null}"));
    struct json_object *value = NULL;
    struct str s = STR("old");
    int64_t i = 7;
    bool b = false;
    assert_true(json_get_str(o, "s", &s));
    assert_str_equal(s, STR("ab"));
    assert_true(json_get_i64(o, "i", &i));
    assert_int_equal(i, -5);
    assert_false(json_get_i64(o, "big", &i));
    assert_false(json_get_i64(o, "d", &i));
    assert_false(json_get_i64(o, "s", &i));
    assert_int_equal(i, -5);
    assert_true(json_get_i64(o, "max", &i));
    assert_true(i == INT64_MAX);
    assert_true(json_get_bool(o, "t", &b));
    assert_true(b);
    assert_true(json_get_object(o, "o", &value));
    assert_true(json_get_array(o, "a", &value));
    assert_false(json_get_object(o, "a", &value));
    assert_false(json_get_array(o, "o", &value));
    assert_false(json_get_str(o, "n", &s));
    assert_false(json_get_str(o, "absent", &s));
    assert_false(json_get_bool(o, "i", &b));
    assert_false(json_get_str(value, "s", &s)); /* an array */
    assert_false(json_get_str(NULL, "s", &s));
    assert_str_equal(s, STR("ab"));
    json_object_put(o);
}

static void pointers_lead_to_values(void **state)
{
    (void)state;
    /* The document and the pointers of RFC 6901 §5 */
    struct json_object *root =
        read_good(STR("{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"e^f\":3,\"g|h\":4,"
                      "\"i\\\\j\":5,\"k\\\"l\":6,\" \":7,\"m~n\":8,\"nil\":null}"));
    static const struct {
        const char *pointer;
        const char *value;
    } cases[] = {
        {"/foo", "[\"bar\",\"baz\"]"},
        {"/foo/0", "\"bar\""},
        {"/foo/1", "\"baz\""},
        {"/", "0"},
        {"/a~1b", "1"},
        {"/c%d", "2"},
        {"/e^f", "3"},
        {"/g|h", "4"},
        {"/i\\j", "5"},
        {"/k\"l", "6"},
        {"/ ", "7"},
        {"/m~0n", "8"},
        {"/nil", "null"},
    };
    struct json_object *value = NULL;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf b;
        buf_init(&b, 100);
        assert_true(json_at(root, str_from_c(cases[i].pointer), &value));
        json_append(&b, value);
        assert_string_equal(b.ptr, cases[i].value);
        buf_release(&b);
    }
    assert_true(json_at(root, STR(""), &value));
    assert_ptr_equal(value, root);
    static const struct str bad[] = {
        STR_INIT("foo"),      STR_INIT("/foo/2"),
        STR_INIT("/foo/00"),  STR_INIT("/foo/-"),
        STR_INIT("/foo/"),    STR_INIT("/foo/-1"),
        STR_INIT("/m~n"),     STR_INIT("/m~2n"),
        STR_INIT("/foo/0/x"), STR_INIT("/a/b"),
        STR_INIT("/m~"),      STR_INIT("/\0"),
        STR_INIT("/nil/x"),   STR_INIT("/foo/18446744073709551616"),
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        value = root;
        assert_false(json_at(root, bad[i], &value));
        assert_ptr_equal(value, root);
    }
    json_object_put(root);
}

static void pointers_are_escaped(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 100);
    json_pointer_append(&b, STR("a/b~c"));
    json_pointer_append_index(&b, 12);
    json_pointer_append(&b, STR(""));
    assert_string_equal(b.ptr, "/a~1b~0c/12/");
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_of_every_kind),
        cmocka_unit_test(strings_are_unescaped),
        cmocka_unit_test(integers_are_exact),
        cmocka_unit_test(numbers_keep_their_digits),
        cmocka_unit_test(doubles_of_our_own_are_short),
        cmocka_unit_test(what_is_refused_and_where),
        cmocka_unit_test(null_is_an_empty_text),
        cmocka_unit_test(long_duplicate_names_are_cut),
        cmocka_unit_test(duplicates_are_found_in_large_objects),
        cmocka_unit_test(depth_is_limited_exactly),
        cmocka_unit_test(containers_are_limited_exactly),
        cmocka_unit_test(members_have_types),
        cmocka_unit_test(pointers_lead_to_values),
        cmocka_unit_test(pointers_are_escaped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
