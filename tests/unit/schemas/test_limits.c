/* Hostile schemas and values: they cost a bounded time and end with an error, never a crash. */
#include "schema_unit.h"

#include "base/clock.h"
#include "schemas/pattern.h"

#include <pthread.h>

/* Far above what the limits allow, for slow machines and sanitizers. */
#define TOO_LONG_MS 8000

static int compile_error(const char *text, struct hub_error *error)
{
    struct schema *schema = NULL;
    int64_t start = clock_mono_ms();
    int err = try_compile(text, 0, &schema, error);
    assert_true(clock_mono_ms() - start < TOO_LONG_MS);
    schema_free(schema);
    return err;
}

static void endless_references_are_refused(void **state)
{
    static const char *const schemas[] = {
        "{'$ref':'#'}",
        "{'allOf':[{'$ref':'#'}]}",
        "{'$ref':'#/$defs/a','$defs':{'a':{'$ref':'#/$defs/b'},'b':{'$ref':'#/$defs/a'}}}",
        "{'not':{'$ref':'#'}}",
        "{'if':true,'then':{'anyOf':[true,{'$ref':'#'}]}}",
        "{'dependentSchemas':{'a':{'$ref':'#'}}}",
        "{'$dynamicAnchor':'a','$dynamicRef':'#a'}",
        "{'$defs':{'x':{'$dynamicAnchor':'y','oneOf':[{'$ref':'#y'}]}},'items':{'$ref':'#y'}}",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(schemas); i++) {
        struct hub_error error;
        assert_int_equal(compile_error(schemas[i], &error), HUB_ERR_INVALID_INPUT);
        assert_non_null(strstr(error.detail, "refers to itself without end"));
    }
}

/* A loop that closes only through the dynamic scope: bounded when validating. */
static void endless_dynamic_references_end(void **state)
{
    struct schema *schema =
        compile("{'$id':'test:outer','$dynamicAnchor':'n','$ref':'inner','$defs':{'i':{'$id':"
                "'inner','$ref':'#/$defs/s','$defs':{'s':{'allOf':[{'$dynamicRef':'#n'}]},"
                "'d':{'$dynamicAnchor':'n'}}}}}",
                0);
    (void)state;
    assert_int_equal(validate(schema, "1"), HUB_ERR_LIMIT);
    schema_free(schema);
}

static void write_chain(struct buf *text, int links, const char *link)
{
    buf_append_c(text, "{'$ref':'#/$defs/a0','$defs':{");
    for (int i = 0; i < links; i++) {
        buf_append_format(text, "'a%d':", i);
        buf_append_format(text, link, i + 1, i + 1);
        buf_append_char(text, ',');
    }
    buf_append_format(text, "'a%d':{'type':'string'}}}", links);
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"

static void long_chains_are_refused(void **state)
{
    struct buf text;
    struct hub_error error;
    (void)state;
    buf_init(&text, BUF_NO_LIMIT);
    write_chain(&text, 50, "{'$ref':'#/$defs/a%d','$comment':'%d'}");
    assert_int_equal(compile_error(text.ptr, &error), 0);
    buf_clear(&text);
    write_chain(&text, 5000, "{'$ref':'#/$defs/a%d','$comment':'%d'}");
    assert_int_equal(compile_error(text.ptr, &error), HUB_ERR_LIMIT);
    buf_release(&text);
}

/* Each level applies the next one twice: 2^40 evaluations, were they not counted. */
static void exponential_schemas_end(void **state)
{
    static const char *const links[] = {
        "{'allOf':[{'$ref':'#/$defs/a%d'},{'$ref':'#/$defs/a%d'}]}",
        "{'not':{'anyOf':[{'$ref':'#/$defs/a%d'},{'$ref':'#/$defs/a%d'}]}}",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(links); i++) {
        struct buf text;
        struct schema_errors errors;
        buf_init(&text, BUF_NO_LIMIT);
        schema_errors_init(&errors, 4);
        write_chain(&text, i == 0 ? 30 : 20, links[i]);
        struct schema *schema = compile(text.ptr, 0);
        struct json_object *value = json_of(i == 0 ? "'x'" : "1");
        int64_t start = clock_mono_ms();
        int err = schema_validate(schema, value, &errors);
        assert_true(clock_mono_ms() - start < TOO_LONG_MS);
        assert_true(i == 0 ? err == HUB_ERR_LIMIT : err <= 0);
        assert_int_equal(errors.len > 0, err < 0);
        json_object_put(value);
        schema_errors_release(&errors);
        schema_free(schema);
        buf_release(&text);
    }
}

#pragma GCC diagnostic pop

static void documents_have_a_size(void **state)
{
    struct hub_error error;
    struct schema_registry *registry = schema_registry_new();
    struct json_object *document = json_object_new_object(), *defs = json_object_new_object();
    (void)state;
    for (int i = 0; i <= SCHEMA_LOCATIONS_MAX; i++) {
        char name[16];
        snprintf(name, sizeof name, "d%d", i);
        json_object_object_add(defs, name, json_object_new_object());
    }
    json_object_object_add(document, "$defs", defs);
    assert_int_equal(schema_registry_add(registry, STR("test:a"), document, &error), HUB_ERR_LIMIT);
    json_object_put(document);
    schema_registry_free(registry);

    /* deeper than json_read() allows, so made by hand */
    registry = schema_registry_new();
    document = json_object_new_object();
    for (int i = 0; i < 100000; i++) {
        struct json_object *outer = json_object_new_object();
        json_object_object_add(outer, i % 2 ? "not" : "const", document);
        document = outer;
    }
    assert_int_equal(schema_registry_add(registry, STR("test:a"), document, &error), HUB_ERR_LIMIT);
    schema_registry_free(registry);
    while (document != NULL) { /* json-c frees recursively */
        struct json_object *inner = NULL;
        json_object_object_get_ex(document, "not", &inner);
        if (inner == NULL) {
            json_object_object_get_ex(document, "const", &inner);
        }
        json_object_get(inner);
        json_object_put(document);
        document = inner;
    }
}

static void a_value_stands_in_one_place(void **state)
{
    struct hub_error error;
    struct schema_registry *registry = schema_registry_new();
    struct json_object *document = json_object_new_object(), *shared = json_object_new_object();
    (void)state;
    json_object_object_add(document, "not", shared);
    json_object_object_add(document, "items", json_object_get(shared));
    assert_int_equal(schema_registry_add(registry, STR("test:a"), document, &error),
                     HUB_ERR_CONFLICT);
    json_object_put(document);
    schema_registry_free(registry);
}

static void uris_are_taken_once(void **state)
{
    struct hub_error error;
    struct schema_registry *registry = schema_registry_new();
    struct json_object *one = json_of("{'$id':'test:b'}"), *other = json_of("{'$id':'test:b'}");
    (void)state;
    assert_int_equal(schema_registry_add(registry, STR("test:a"), one, &error), 0);
    assert_int_equal(schema_registry_add(registry, STR("test:c"), other, &error), HUB_ERR_CONFLICT);
    assert_string_equal(error.detail, "test:c#/$id: the URI is taken");
    json_object_put(one);
    json_object_put(other);
    schema_registry_free(registry);
}

static void patterns_have_a_size(void **state)
{
    struct hub_error error;
    struct buf text;
    (void)state;
    buf_init(&text, BUF_NO_LIMIT);
    buf_append_c(&text, "{'pattern':'");
    for (int i = 0; i <= SCHEMA_PATTERN_MAX; i++) {
        buf_append_char(&text, 'a');
    }
    buf_append_c(&text, "'}");
    assert_int_equal(compile_error(text.ptr, &error), HUB_ERR_LIMIT);
    assert_int_equal(compile_error("{'pattern':'((a{1000}){1000}){1000}'}", &error), HUB_ERR_LIMIT);

    buf_clear(&text);
    buf_append_c(&text, "{'pattern':'");
    for (int i = 0; i < 500; i++) {
        buf_append_char(&text, '(');
    }
    for (int i = 0; i < 500; i++) {
        buf_append_char(&text, ')');
    }
    buf_append_c(&text, "'}");
    assert_int_equal(compile_error(text.ptr, &error), HUB_ERR_LIMIT);

    /* many that are large, all together */
    buf_clear(&text);
    buf_append_c(&text, "{'patternProperties':{");
    for (int i = 0; i < 2000; i++) {
        buf_append_format(&text, "%s'%d([a-z]\\\\S{2,3}){200}':true", i > 0 ? "," : "", i);
    }
    buf_append_c(&text, "}}");
    assert_int_equal(compile_error(text.ptr, &error), HUB_ERR_LIMIT);
    buf_release(&text);
}

/* Patterns that backtrack without end on the right subject. */
static void patterns_do_not_run_away(void **state)
{
    static const char *const patterns[] = {
        "^(a+)+$",
        "(a+)+$",
        "^(a|aa)+$",
        "(a|a)*b",
        "(.*)*x",
        "^(([a-z])+.)+[A-Z]([a-z])+$",
        "(a*)*(a*)*(a*)*b",
        ".*.*.*=.*",
        "a*a*a*a*a*b",
        "(?=(a+))a*b\\1",
        "^(?:a?){30}a{30}$",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(patterns); i++) {
        struct schema_pattern *pattern;
        struct schema_matcher matcher;
        struct buf subject;
        size_t bytes;
        buf_init(&subject, BUF_NO_LIMIT);
        for (int n = 0; n < 30000; n++) {
            buf_append_char(&subject, 'a');
        }
        buf_append_char(&subject, '!');
        assert_int_equal(schema_pattern_compile(str_from_c(patterns[i]), &pattern, &bytes, NULL),
                         0);
        schema_matcher_init(&matcher);
        int64_t start = clock_mono_ms();
        for (int n = 0; n < 10000; n++) { /* the budget is for all matches together */
            int found = schema_pattern_match(pattern, buf_view(&subject), &matcher);
            assert_true(found == 0 || found == 1 || found == HUB_ERR_LIMIT);
        }
        int64_t spent = clock_mono_ms() - start;
        if (spent > TOO_LONG_MS) {
            fail_msg("%s took %lld ms", patterns[i], (long long)spent);
        }
        schema_matcher_release(&matcher);
        schema_pattern_free(pattern);
        buf_release(&subject);
    }
}

/* A quadratic comparison of 100,000 items would take minutes. */
static void large_arrays_are_compared_by_hash(void **state)
{
    struct schema *schema = compile("{'uniqueItems':true}", 0);
    struct json_object *array = json_object_new_array();
    (void)state;
    for (int i = 0; i < 100000; i++) {
        struct json_object *item = json_object_new_object();
        json_object_object_add(item, "n", json_object_new_int(i));
        json_object_array_add(array, item);
    }
    int64_t start = clock_mono_ms();
    assert_int_equal(schema_validate(schema, array, NULL), 0);
    json_object_array_add(array, json_of("{'n':77777.0}"));
    assert_int_equal(schema_validate(schema, array, NULL), HUB_ERR_INVALID_INPUT);
    assert_true(clock_mono_ms() - start < TOO_LONG_MS);
    json_object_put(array);
    schema_free(schema);
}

/* An "enum" of objects against many items: each comparison counts. */
static void comparing_is_counted(void **state)
{
    struct buf text;
    struct schema_errors errors;
    (void)state;
    buf_init(&text, BUF_NO_LIMIT);
    buf_append_c(&text, "{'items':{'enum':[");
    for (int i = 0; i < 20000; i++) {
        buf_append_format(&text, "%s%d", i > 0 ? "," : "", i);
    }
    buf_append_c(&text, "]}}");
    struct schema *schema = compile(text.ptr, 0);
    struct json_object *array = json_object_new_array();
    for (int i = 0; i < 100000; i++) {
        json_object_array_add(array, json_object_new_int(19999));
    }
    schema_errors_init(&errors, 4);
    assert_int_equal(schema_validate(schema, array, &errors), HUB_ERR_LIMIT);
    assert_int_equal(errors.len, 1);
    assert_true(str_eq(errors.items[0].detail, STR("takes too long to check against its schema")));
    schema_errors_release(&errors);
    json_object_put(array);
    schema_free(schema);
    buf_release(&text);
}

/* More members than the record on the stack has room for. */
static void wide_values_are_tracked(void **state)
{
    struct schema *schema = compile("{'allOf':[{'patternProperties':{'^a':true},"
                                    "'prefixItems':[true],'contains':{'minimum':1}}],"
                                    "'unevaluatedProperties':false,'unevaluatedItems':false}",
                                    0);
    struct json_object *object = json_object_new_object(), *array = json_object_new_array();
    (void)state;
    for (int i = 0; i < 1000; i++) {
        char name[16];
        snprintf(name, sizeof name, "a%d", i);
        json_object_object_add(object, name, NULL);
        json_object_array_add(array, json_object_new_int(i));
    }
    assert_int_equal(schema_validate(schema, object, NULL), 0);
    assert_int_equal(schema_validate(schema, array, NULL), 0);
    json_object_object_add(object, "b", NULL);
    json_object_array_add(array, json_object_new_int(0));
    assert_int_equal(schema_validate(schema, object, NULL), HUB_ERR_INVALID_INPUT);
    assert_int_equal(schema_validate(schema, array, NULL), HUB_ERR_INVALID_INPUT);
    json_object_put(object);
    json_object_put(array);
    schema_free(schema);
}

static void documents_alone(void **state)
{
    struct hub_error error;
    struct schema *schema = NULL;
    struct json_object *good = json_of("{'type':'object','required':['a']}");
    struct json_object *bad = json_of("{'properties':{'a':{'required':'b'}}}");
    (void)state;
    assert_int_equal(schema_compile_document(STR("hub:x"), good, 0, &schema, &error), 0);
    assert_int_equal(validate(schema, "{'a':1}"), 0);
    assert_int_equal(validate(schema, "{}"), HUB_ERR_INVALID_INPUT);
    schema_free(schema);
    schema = NULL;
    assert_int_equal(schema_compile_document(STR("hub:x"), bad, 0, &schema, &error),
                     HUB_ERR_INVALID_INPUT);
    assert_null(schema);
    assert_string_equal(error.detail, "hub:x#/properties/a/required: required: must be an array");
    json_object_put(good);
    json_object_put(bad);
}

static void a_fragment_can_be_compiled(void **state)
{
    struct hub_error error;
    struct schema *schema = NULL;
    struct schema_registry *registry = schema_registry_new();
    struct json_object *document =
        json_of("{'$defs':{'n':{'type':'integer'},'s':{'$anchor':'s','type':'string'}}}");
    (void)state;
    assert_int_equal(schema_registry_add(registry, STR("test:a"), document, &error), 0);
    json_object_put(document);
    assert_int_equal(schema_compile(registry, STR("test:a#/$defs/n"), 0, &schema, &error), 0);
    assert_int_equal(validate(schema, "1"), 0);
    assert_int_equal(validate(schema, "'1'"), HUB_ERR_INVALID_INPUT);
    schema_free(schema);
    assert_int_equal(schema_compile(registry, STR("test:a#s"), 0, &schema, &error), 0);
    assert_int_equal(validate(schema, "'1'"), 0);
    schema_free(schema);
    assert_int_equal(schema_compile(registry, STR("test:b"), 0, &schema, &error),
                     HUB_ERR_NOT_FOUND);
    assert_int_equal(schema_compile(registry, STR("test:a#t"), 0, &schema, &error),
                     HUB_ERR_NOT_FOUND);
    schema_registry_free(registry);
}

struct sharing {
    const struct schema *schema;
    bool good;
};

static void *validate_often(void *context)
{
    struct sharing *sharing = context;
    struct json_object *good = json_of("{'s':'ab','v':{'x':[1]},'l':[1,2]}");
    struct json_object *bad = json_of("{'s':'AB','v':{'x':[2]},'l':[1,1.0],'k':1}");
    struct schema_errors errors;

    sharing->good = true;
    for (int i = 0; i < 500; i++) {
        schema_errors_init(&errors, SCHEMA_ERRORS_MAX);
        sharing->good = schema_validate(sharing->schema, good, &errors) == 0 &&
                        schema_validate(sharing->schema, bad, &errors) == HUB_ERR_INVALID_INPUT &&
                        errors.len == 4 && sharing->good;
        schema_errors_release(&errors);
    }
    json_object_put(good);
    json_object_put(bad);
    return NULL;
}

static void threads_share_a_schema(void **state)
{
    struct schema *schema =
        compile("{'properties':{'s':{'pattern':'^[a-z]+$'},'v':{'enum':[null,{'x':[1.0]},2.5]},'l':"
                "{'uniqueItems':true}},'additionalProperties':false}",
                0);
    struct sharing sharing[4];
    pthread_t threads[COUNT_OF(sharing)];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(sharing); i++) {
        sharing[i].schema = schema;
        assert_int_equal(pthread_create(&threads[i], NULL, validate_often, &sharing[i]), 0);
    }
    for (size_t i = 0; i < COUNT_OF(sharing); i++) {
        pthread_join(threads[i], NULL);
        assert_true(sharing[i].good);
    }
    schema_free(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(endless_references_are_refused),
        cmocka_unit_test(endless_dynamic_references_end),
        cmocka_unit_test(long_chains_are_refused),
        cmocka_unit_test(exponential_schemas_end),
        cmocka_unit_test(documents_have_a_size),
        cmocka_unit_test(a_value_stands_in_one_place),
        cmocka_unit_test(uris_are_taken_once),
        cmocka_unit_test(patterns_have_a_size),
        cmocka_unit_test(patterns_do_not_run_away),
        cmocka_unit_test(large_arrays_are_compared_by_hash),
        cmocka_unit_test(comparing_is_counted),
        cmocka_unit_test(wide_values_are_tracked),
        cmocka_unit_test(documents_alone),
        cmocka_unit_test(a_fragment_can_be_compiled),
        cmocka_unit_test(threads_share_a_schema),
    };
    return cmocka_run_group_tests_name("schemas/limits", tests, NULL, NULL);
}
