/* What is secret in an account's settings, and what "***" keeps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "accounts/marks.h"

static struct json_object *parse(const char *text)
{
    struct json_object *value = NULL;

    assert_int_equal(json_read(str_from_c(text), JSON_DEPTH_MAX, &value, NULL, NULL), 0);
    return value;
}

static void assert_text(struct json_object *value, const char *expected)
{
    struct buf text;

    buf_init(&text, BUF_NO_LIMIT);
    json_append(&text, value);
    assert_string_equal(text.ptr, expected);
    buf_release(&text);
}

static void test_mask(void **state)
{
    (void)state;
    static const struct {
        const char *schema, *settings, *shown;
    } cases[] = {
        {"{\"properties\":{\"a\":{\"writeOnly\":true}}}", "{\"a\":\"x\",\"b\":\"y\"}",
         "{\"a\":\"***\",\"b\":\"y\"}"},
        {"{\"properties\":{\"a\":{\"writeOnly\":false}}}", "{\"a\":\"x\"}", "{\"a\":\"x\"}"},
        {"{\"oneOf\":[{\"properties\":{\"a\":{}}},{\"properties\":{\"a\":{\"writeOnly\":true}}}]}",
         "{\"a\":{\"deep\":[1,2]}}", "{\"a\":\"***\"}"},
        {"{\"if\":{},\"then\":{\"properties\":{\"a\":{\"writeOnly\":true}}}}", "{\"a\":1}",
         "{\"a\":\"***\"}"},
        {"{\"$ref\":\"#/$defs/x\",\"$defs\":{\"x\":{\"properties\":{\"a\":{\"writeOnly\":true}}}}}",
         "{\"a\":\"x\"}", "{\"a\":\"***\"}"},
        {"{\"properties\":{\"b\":{}},\"additionalProperties\":{\"writeOnly\":true}}",
         "{\"a\":\"x\",\"b\":\"y\"}", "{\"a\":\"***\",\"b\":\"y\"}"},
        {"{\"patternProperties\":{\"^k\":{\"writeOnly\":true}}}", "{\"k1\":\"x\"}",
         "{\"k1\":\"***\"}"},
        {"{\"properties\":{\"l\":{\"items\":{\"properties\":{\"k\":{\"writeOnly\":true}}}}}}",
         "{\"l\":[{\"k\":\"x\",\"n\":1},{\"k\":\"y\"}]}",
         "{\"l\":[{\"k\":\"***\",\"n\":1},{\"k\":\"***\"}]}"},
        {"{\"properties\":{\"l\":{\"prefixItems\":[{},{\"writeOnly\":true}]}}}",
         "{\"l\":[\"a\",\"b\"]}", "{\"l\":[\"a\",\"***\"]}"},
        /* Not to be followed: all of it is secret. */
        {"{\"properties\":{\"a\":{\"$ref\":\"other#x\"}}}", "{\"a\":{\"b\":1}}", "{\"a\":\"***\"}"},
        {"{\"properties\":{\"a\":{\"$dynamicRef\":\"#x\"}}}", "{\"a\":\"x\"}", "{\"a\":\"***\"}"},
        {"{\"properties\":{\"a\":{\"writeOnly\":true}}}", "{\"a\":null}", "{\"a\":null}"},
        {"true", "{\"a\":1.50}", "{\"a\":1.50}"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct json_object *schema = parse(cases[i].schema);
        struct json_object *settings = parse(cases[i].settings);
        struct json_object *shown = NULL;
        assert_int_equal(marks_mask(schema, settings, &shown), 0);
        assert_text(shown, cases[i].shown);
        assert_text(settings, cases[i].settings);
        json_object_put(shown);
        json_object_put(settings);
        json_object_put(schema);
    }
}

static void test_endless_schemas_end(void **state)
{
    (void)state;
    static const char *const schemas[] = {
        "{\"$ref\":\"#\"}",
        "{\"allOf\":[{\"$ref\":\"#\"},{\"$ref\":\"#\"}]}",
        "{\"items\":{\"$ref\":\"#\"},\"contains\":{\"$ref\":\"#\"},\"unevaluatedItems\":"
        "{\"$ref\":\"#\"}}",
    };
    static const char deep[] = "[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]";

    for (size_t i = 0; i < sizeof schemas / sizeof schemas[0]; i++) {
        struct json_object *schema = parse(schemas[i]);
        struct json_object *settings = parse(deep);
        struct json_object *shown = NULL;
        assert_int_equal(marks_mask(schema, settings, &shown), HUB_ERR_LIMIT);
        json_object_put(settings);
        json_object_put(schema);
    }
}

static int merge(const char *given, const char *stored, const char *expected, char *ret_pointer)
{
    struct json_object *schema =
        parse("{\"properties\":{\"a\":{\"writeOnly\":true},\"o\":{\"properties\":{\"k/1\":"
              "{\"writeOnly\":true}}},\"l\":{\"items\":{\"writeOnly\":true}}}}");
    struct json_object *settings = parse(given);
    struct json_object *before = stored ? parse(stored) : NULL;
    struct json_object *merged = NULL;
    struct buf pointer;

    buf_init(&pointer, BUF_NO_LIMIT);
    int err = marks_merge(schema, settings, before, &merged, &pointer);
    if (err == 0) {
        assert_text(merged, expected);
    } else {
        assert_null(merged);
        strcpy(ret_pointer, pointer.ptr);
    }
    buf_release(&pointer);
    json_object_put(merged);
    json_object_put(before);
    json_object_put(settings);
    json_object_put(schema);
    return err;
}

static void test_merge(void **state)
{
    (void)state;
    char pointer[64];

    assert_int_equal(merge("{\"a\":\"new\"}", "{\"a\":\"old\"}", "{\"a\":\"new\"}", pointer), 0);
    assert_int_equal(merge("{\"a\":\"***\",\"b\":\"***\"}", "{\"a\":\"old\",\"b\":\"x\"}",
                           "{\"a\":\"old\",\"b\":\"***\"}", pointer),
                     0); /* b is no secret: its three stars are three stars */
    assert_int_equal(
        merge("{\"l\":[\"n\",\"***\"]}", "{\"l\":[\"x\",\"y\"]}", "{\"l\":[\"n\",\"y\"]}", pointer),
        0);
    assert_int_equal(merge("{\"a\":\"***\"}", NULL, NULL, pointer), HUB_ERR_NOT_FOUND);
    assert_string_equal(pointer, "/a");
    assert_int_equal(merge("{\"o\":{\"k/1\":\"***\"}}", "{\"o\":{}}", NULL, pointer),
                     HUB_ERR_NOT_FOUND);
    assert_string_equal(pointer, "/o/k~11");
    assert_int_equal(merge("{\"l\":[\"x\",\"***\"]}", "{\"l\":[\"y\"]}", NULL, pointer),
                     HUB_ERR_NOT_FOUND);
    assert_string_equal(pointer, "/l/1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mask),
        cmocka_unit_test(test_endless_schemas_end),
        cmocka_unit_test(test_merge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
