/* Allocations: each may fail, none is made for an ordinary valid value. */
#include "../base/fail_alloc.h"
#include "schema_unit.h"

/* Every kind of keyword, references of every kind, a document of the dialect's own. */
#define SCHEMA                                                                                     \
    "{'$schema':'https://json-schema.org/draft/2020-12/schema','$id':'test:all','type':'object',"  \
    "'required':['type','n'],'properties':{'type':{'type':'string','minLength':1,'maxLength':64,"  \
    "'pattern':'^[a-z]+[.]','format':'hostname'},'n':{'minimum':0,'maximum':1e3,'multipleOf':0.5," \
    "'exclusiveMinimum':-1,'exclusiveMaximum':2000},'a':{'prefixItems':[true],'items':{'$ref':"    \
    "'#s'},'contains':{'const':'x'},'minContains':1,'maxContains':3,'uniqueItems':true,"           \
    "'maxItems':9},'s':{'$ref':'https://json-schema.org/draft/2020-12/meta/core'},'e':{'enum':"    \
    "['a','b',1,null,{'x':[1]}]},'t':{'$dynamicRef':'#t'}},'patternProperties':{'^x-':"            \
    "{'maxLength':3}},'propertyNames':{'pattern':'^[a-z-]+$'},'dependentRequired':{'a':['n']},"    \
    "'dependentSchemas':{'e':{'minProperties':2}},'allOf':[{'anyOf':[{'required':['zz']},"         \
    "{'oneOf':[{'required':['type']},false]}]},{'not':{'required':['no']}}],"                      \
    "'if':{'properties':{'o':true}},'then':true,'else':false,'unevaluatedProperties':false,"       \
    "'$defs':{'s':{'$anchor':'s','type':'string'},'t':{'$dynamicAnchor':'t','maxLength':9}}}"

#define VALUE                                                                                      \
    "{'type':'a.b','n':1.5,'a':['q','x','y'],'s':{'$id':'a'},'e':{'x':[1.0]},'t':'t','x-a':'abc'," \
    "'o':1}"

#define WRONG "{'type':'','n':-7,'a':['q',1],'e':'c','unknown':1,'x-a':'abcd','B':1}"

static void compiling_survives_a_lack_of_memory(void **state)
{
    struct json_object *document = json_of(SCHEMA);
    (void)state;
    for (size_t good = 0;; good++) {
        struct hub_error error = {0};
        struct schema *schema = NULL;
        fail_alloc_start(good);
        struct schema_registry *registry = schema_registry_new();
        int err = registry == NULL ? HUB_ERR_NOMEM
                                   : schema_registry_add(registry, STR("test:a"), document, &error);
        if (err == 0) {
            err = schema_compile(registry, STR("test:a"), SCHEMA_ASSERT_FORMAT, &schema, &error);
        }
        schema_registry_free(registry);
        schema_free(schema);
        struct fail_alloc_report report = fail_alloc_stop();
        assert_int_equal(report.live, 0);
        if (!report.failed) {
            assert_int_equal(err, 0);
            assert_true(good > 50);
            break;
        }
        /* PCRE2 does without its JIT, and json_at() finds nothing. */
        bool not_found = strstr(error.detail, "leads to no schema") != NULL;
        if (err != 0 && err != HUB_ERR_NOMEM && !not_found) {
            fail_msg("allocation %zu: %d %s", good, err, error.detail);
        }
    }
    json_object_put(document);
}

static void validating_survives_a_lack_of_memory(void **state)
{
    struct schema *schema = compile(SCHEMA, SCHEMA_ASSERT_FORMAT);
    struct json_object *value = json_of(WRONG);
    (void)state;
    for (size_t good = 0;; good++) {
        struct schema_errors errors;
        fail_alloc_start(good);
        schema_errors_init(&errors, SCHEMA_ERRORS_MAX);
        int err = schema_validate(schema, value, &errors);
        size_t len = errors.len;
        schema_errors_release(&errors);
        struct fail_alloc_report report = fail_alloc_stop();
        assert_int_equal(report.live, 0);
        assert_int_equal(err, HUB_ERR_INVALID_INPUT);
        assert_true(len > 0);
        if (!report.failed) {
            assert_true(len > 5);
            break;
        }
    }
    json_object_put(value);
    schema_free(schema);
}

static void large_values_survive_a_lack_of_memory(void **state)
{
    struct schema *schema =
        compile("{'uniqueItems':true,'anyOf':[{'prefixItems':[true]}],'unevaluatedItems':true}", 0);
    struct json_object *array = json_object_new_array();
    (void)state;
    for (int i = 0; i < 1000; i++) {
        json_object_array_add(array, json_object_new_int(i));
    }
    for (size_t good = 0;; good++) {
        fail_alloc_start(good);
        int err = schema_validate(schema, array, NULL);
        struct fail_alloc_report report = fail_alloc_stop();
        assert_int_equal(report.live, 0);
        if (!report.failed) {
            assert_int_equal(err, 0);
            break;
        }
        /* qsort() sorts in place if it gets no memory */
        assert_true(err == HUB_ERR_NOMEM || err == 0);
    }
    json_object_put(array);
    schema_free(schema);
}

static void a_valid_value_costs_no_allocation(void **state)
{
    struct schema *schema = compile(SCHEMA, SCHEMA_ASSERT_FORMAT);
    struct json_object *value = json_of(VALUE);
    struct schema_errors errors;
    (void)state;
    schema_errors_init(&errors, SCHEMA_ERRORS_MAX);
    assert_int_equal(schema_validate(schema, value, &errors), 0);
    fail_alloc_start(0);
    int err = schema_validate(schema, value, &errors);
    struct fail_alloc_report report = fail_alloc_stop();
    assert_int_equal(err, 0);
    assert_false(report.failed);
    schema_errors_release(&errors);
    json_object_put(value);
    schema_free(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compiling_survives_a_lack_of_memory),
        cmocka_unit_test(validating_survives_a_lack_of_memory),
        cmocka_unit_test(large_values_survive_a_lack_of_memory),
        cmocka_unit_test(a_valid_value_costs_no_allocation),
    };
    return cmocka_run_group_tests_name("schemas/memory", tests, NULL, NULL);
}
