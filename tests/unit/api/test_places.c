/* Where an operation's input takes files, and the files that an input names. */
#include "api/places.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ID_A "01a208a0-e618-7422-bf92-84dde4bde96a"
#define ID_B "01a208a0-e628-70fa-aa5d-d571b09cfe0e"

struct fixture {
    struct arena arena;
    struct places places;
    struct json_object *input;
    struct file_ref *refs;
    unsigned count;
};

static struct json_object *json(const char *text)
{
    struct json_object *value = NULL;
    struct hub_error error = {0};

    if (json_read(str_from_c(text), JSON_DEPTH_MAX, &value, NULL, &error) < 0) {
        fail_msg("%s in %s", error.detail, text);
    }
    return value;
}

static int compile(struct fixture *f, const char *schema)
{
    struct json_object *document = json(schema);
    int err;

    arena_init(&f->arena, 1 << 20);
    err = places_compile(document, &f->arena, &f->places);
    json_object_put(document);
    return err;
}

static int collect(struct fixture *f, const char *input)
{
    json_object_put(f->input);
    f->input = json(input);
    f->refs = NULL;
    f->count = 0;
    return places_collect(&f->places, f->input, &f->arena, &f->refs, &f->count);
}

static void release(struct fixture *f)
{
    json_object_put(f->input);
    arena_release(&f->arena);
}

static void assert_pointer(const struct file_ref *ref, const char *pointer)
{
    assert_int_equal(ref->pointer.len, strlen(pointer));
    assert_memory_equal(ref->pointer.ptr, pointer, ref->pointer.len);
}

static void test_only_marked_places_count(void **state)
{
    struct fixture f = {0};

    (void)state;
    assert_int_equal(compile(&f, "{\"properties\":{\"image\":{\"$ref\":\"hub:file\"},"
                                 "\"note\":{\"type\":\"object\"}}}"),
                     0);
    assert_int_equal(collect(&f, "{\"image\":{\"artifact\":\"" ID_A "\"},"
                                 "\"note\":{\"artifact\":\"" ID_B "\"}}"),
                     0);
    assert_int_equal(f.count, 1);
    assert_int_equal(f.refs[0].kind, FILE_REF_ARTIFACT);
    assert_pointer(&f.refs[0], "/image");
    assert_int_equal(collect(&f, "{}"), 0);
    assert_int_equal(f.count, 0);
    release(&f);
}

static void test_lists_maps_and_definitions(void **state)
{
    struct fixture f = {0};

    (void)state;
    assert_int_equal(
        compile(&f, "{\"$defs\":{\"layer\":{\"properties\":{\"file\":{\"$ref\":\"hub:file\"}}}},"
                    "\"properties\":{\"layers\":{\"items\":{\"$ref\":\"#/$defs/layer\"}},"
                    "\"fonts\":{\"additionalProperties\":{\"$ref\":\"hub:file\"}},"
                    "\"pair\":{\"prefixItems\":[{\"$ref\":\"hub:file\"},{\"type\":\"string\"}]}}}"),
        0);
    assert_int_equal(collect(&f, "{\"layers\":[{\"file\":{\"artifact\":\"" ID_A "\"}},{},"
                                 "{\"file\":{\"job\":\"" ID_B "\",\"artifact\":\"a.png\"}}],"
                                 "\"fonts\":{\"a/b\":{\"data\":\"AAAA\",\"name\":\"x.ttf\"}},"
                                 "\"pair\":[{\"artifact\":\"" ID_B "\"},\"text\"]}"),
                     0);
    assert_int_equal(f.count, 4);
    assert_pointer(&f.refs[0], "/layers/0/file");
    assert_pointer(&f.refs[1], "/layers/2/file");
    assert_int_equal(f.refs[1].kind, FILE_REF_JOB);
    assert_true(str_eq(f.refs[1].name, STR("a.png")));
    assert_pointer(&f.refs[2], "/fonts/a~1b");
    assert_int_equal(f.refs[2].kind, FILE_REF_DATA);
    assert_pointer(&f.refs[3], "/pair/0");
    release(&f);
}

static void test_a_place_named_twice_counts_once(void **state)
{
    struct fixture f = {0};

    (void)state;
    assert_int_equal(compile(&f, "{\"anyOf\":[{\"properties\":{\"a\":{\"$ref\":\"hub:file\"}}},"
                                 "{\"properties\":{\"a\":{\"$ref\":\"hub:file\"}}}]}"),
                     0);
    assert_int_equal(f.places.count, 1);
    assert_int_equal(collect(&f, "{\"a\":{\"artifact\":\"" ID_A "\"}}"), 0);
    assert_int_equal(f.count, 1);
    release(&f);
}

static void test_hostile_schemas_end(void **state)
{
    struct fixture f = {0};
    struct buf text;

    (void)state;
    /* It refers to itself: followed a bounded number of times, or refused. */
    compile(&f, "{\"properties\":{\"a\":{\"$ref\":\"#\"}}}");
    release(&f);
    memset(&f, 0, sizeof f);
    buf_init(&text, 1 << 16);
    buf_append_c(&text, "{\"properties\":{");
    for (int i = 0; i < PLACES_MAX + 1; i++) {
        buf_append_format(&text, "%s\"p%d\":{\"$ref\":\"hub:file\"}", i ? "," : "", i);
    }
    buf_append_c(&text, "}}");
    assert_int_equal(compile(&f, text.ptr), HUB_ERR_LIMIT);
    buf_release(&text);
    release(&f);
}

static void test_too_many_files_are_refused(void **state)
{
    struct fixture f = {0};
    struct buf text;

    (void)state;
    assert_int_equal(compile(&f, "{\"properties\":{\"l\":{\"items\":{\"$ref\":\"hub:file\"}}}}"),
                     0);
    buf_init(&text, 1 << 16);
    buf_append_c(&text, "{\"l\":[");
    for (int i = 0; i < 65; i++) {
        buf_append_format(&text, "%s{\"artifact\":\"" ID_A "\"}", i ? "," : "");
    }
    buf_append_c(&text, "]}");
    assert_int_equal(collect(&f, text.ptr), HUB_ERR_LIMIT);
    buf_release(&text);
    release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_marked_places_count),
        cmocka_unit_test(test_lists_maps_and_definitions),
        cmocka_unit_test(test_a_place_named_twice_counts_once),
        cmocka_unit_test(test_hostile_schemas_end),
        cmocka_unit_test(test_too_many_files_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
