/* What a client is told: pointers, keywords and sentences. */
#include "schema_unit.h"

struct told {
    const char *schema;
    const char *value;
    const char *errors; /* "pointer keyword detail" a line */
};

static void write_errors(const struct schema_errors *errors, struct buf *text)
{
    for (size_t i = 0; i < errors->len; i++) {
        const struct schema_error *error = &errors->items[i];
        buf_append_format(text, "%s%.*s %.*s %.*s", i > 0 ? "\n" : "", STR_ARG(error->pointer),
                          STR_ARG(error->keyword), STR_ARG(error->detail));
    }
}

static void expect(const struct told *told)
{
    struct schema *schema = compile(told->schema, SCHEMA_ASSERT_FORMAT);
    struct json_object *value = json_of(told->value);
    struct schema_errors errors;
    struct buf text;

    buf_init(&text, BUF_NO_LIMIT);
    schema_errors_init(&errors, SCHEMA_ERRORS_MAX);
    assert_int_equal(schema_validate(schema, value, &errors), HUB_ERR_INVALID_INPUT);
    write_errors(&errors, &text);
    assert_string_equal(text.ptr, told->errors);
    buf_release(&text);
    schema_errors_release(&errors);
    json_object_put(value);
    schema_free(schema);
}

static void each_keyword_says_what_it_wants(void **state)
{
    static const struct told cases[] = {
        {"false", "1", " false is not allowed"},
        {"{'type':'object'}", "1", " type must be an object"},
        {"{'type':['integer','null','string']}", "1.5",
         " type must be null, an integer or a string"},
        {"{'minimum':1}", "0", " minimum must be at least 1"},
        {"{'maximum':2.5}", "3", " maximum must be at most 2.5"},
        {"{'exclusiveMinimum':0}", "0", " exclusiveMinimum must be greater than 0"},
        {"{'exclusiveMaximum':18446744073709551615}", "18446744073709551615",
         " exclusiveMaximum must be less than 18446744073709551615"},
        {"{'multipleOf':0.01}", "1.005", " multipleOf must be a multiple of 0.01"},
        {"{'minLength':1}", "''", " minLength must not be empty"},
        {"{'minLength':2}", "'ä'", " minLength must be at least 2 characters long"},
        {"{'maxLength':1}", "'ab'", " maxLength must be at most 1 character long"},
        {"{'pattern':'^a$'}", "'b'", " pattern must match the pattern ^a$"},
        {"{'format':'email'}", "'x'", " format must be an email address"},
        {"{'const':{'a':[1]}}", "1", " const must be {\"a\":[1]}"},
        {"{'enum':['fit','fill',3]}", "'crop'", " enum must be one of \"fit\", \"fill\" or 3"},
        {"{'enum':['contain','cover']}", "'contian'",
         " enum must be one of \"contain\" or \"cover\", did you mean \"contain\"?"},
        {"{'minItems':1}", "[]", " minItems must have at least 1 item"},
        {"{'maxItems':2}", "[1,2,3]", " maxItems must have at most 2 items"},
        {"{'uniqueItems':true}", "[1,2,1.0]",
         " uniqueItems must not have the same item twice, at 0 and 2"},
        {"{'minProperties':1}", "{}", " minProperties must have at least 1 property"},
        {"{'maxProperties':0}", "{'a':1}", " maxProperties must have at most 0 properties"},
        {"{'required':['a','b']}", "{'b':1}", " required property \"a\" is missing"},
        {"{'dependentRequired':{'a':['b']}}", "{'a':1}",
         " dependentRequired property \"b\" is missing, which \"a\" needs"},
        {"{'contains':{'type':'null'}}", "[1]",
         " contains must have at least 1 item of the kind that it has to contain"},
        {"{'contains':true,'maxContains':1}", "[1,2]",
         " maxContains must have at most 1 item of the kind that it has to contain"},
        {"{'not':{'type':'null'}}", "null", " not has a form that is not allowed"},
        {"{'propertyNames':{'maxLength':2}}", "{'abc':1}",
         "/abc maxLength the name abc: must be at most 2 characters long"},
        {"{'properties':{'a':false}}", "{'a':1}", "/a properties a: is not allowed"},
        {"{'items':false}", "[1]", "/0 items [0]: is not allowed"},
        {"{'oneOf':[{'minimum':1},{'minimum':2}]}", "3",
         " oneOf matches more than one of the allowed forms, numbers 1 and 2"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        expect(&cases[i]);
    }
}

static void names_lead_to_the_place(void **state)
{
    static const struct told cases[] = {
        {"{'properties':{'width':{'minimum':1}}}", "{'width':0}",
         "/width minimum width: must be at least 1"},
        {"{'properties':{'pages':{'items':{'type':'string'}}}}", "{'pages':['a',2]}",
         "/pages/1 type pages[1]: must be a string"},
        {"{'items':{'items':{'type':'string'}}}", "[[],['a',2]]",
         "/1/1 type [1][1]: must be a string"},
        {"{'additionalProperties':{'type':'null'}}", "{'a/b~c':1}",
         "/a~1b~0c type a/b~c: must be null"},
        {"{'properties':{'o':{'required':['a']}}}", "{'o':{}}",
         "/o required o: property \"a\" is missing"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        expect(&cases[i]);
    }
}

static void unknown_properties_get_a_suggestion(void **state)
{
    static const struct told cases[] = {
        {"{'properties':{'width':true,'height':true},'additionalProperties':false}", "{'widht':1}",
         "/widht additionalProperties unknown property \"widht\", did you mean \"width\"?"},
        {"{'properties':{'width':true},'additionalProperties':false}", "{'colour':1}",
         "/colour additionalProperties unknown property \"colour\""},
        {"{'properties':{'o':{'properties':{'ab':true},'additionalProperties':false}}}",
         "{'o':{'ac':1}}", "/o/ac additionalProperties o: unknown property \"ac\""},
        {"{'properties':{'width':true},'unevaluatedProperties':false}", "{'with':1}",
         "/with unevaluatedProperties unknown property \"with\", did you mean \"width\"?"},
        {"{'allOf':[{'properties':{'width':true}}],'unevaluatedProperties':false}", "{'widt':1}",
         "/widt unevaluatedProperties unknown property \"widt\", did you mean \"width\"?"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        expect(&cases[i]);
    }
}

#define FILE_SCHEMA                                                                                \
    "{'oneOf':["                                                                                   \
    "{'properties':{'artifact':{'type':'string'}},'required':['artifact'],"                        \
    "'additionalProperties':false},"                                                               \
    "{'properties':{'url':{'type':'string'}},'required':['url'],'additionalProperties':false},"    \
    "{'properties':{'kind':{'const':'x'},'n':{'type':'integer'}},'required':['kind'],"             \
    "'additionalProperties':false}]}"

static void the_nearest_form_is_explained(void **state)
{
    static const struct told cases[] = {
        {FILE_SCHEMA, "{'artifact':1}",
         " oneOf matches none of the 3 allowed forms\n"
         "/artifact type artifact: must be a string"},
        {FILE_SCHEMA, "{'kind':'x','n':'1'}",
         " oneOf matches none of the 3 allowed forms\n/n type n: must be an integer"},
        {FILE_SCHEMA, "{}", " oneOf matches none of the 3 allowed forms"},
        {"{'anyOf':[{'type':'null'},{'type':'string','minLength':3}]}", "'ab'",
         " anyOf matches none of the 2 allowed forms\n"
         " minLength must be at least 3 characters long"},
        {"{'anyOf':[{'type':'null'},{'type':'string'}]}", "1",
         " anyOf matches none of the 2 allowed forms"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        expect(&cases[i]);
    }
}

static void all_mistakes_are_told(void **state)
{
    static const struct told told = {
        "{'properties':{'a':{'type':'string'},'b':{'minimum':1,'multipleOf':2}},'required':['c'],"
        "'additionalProperties':false,'$defs':{'x':{'minProperties':5}},'$ref':'#/$defs/x'}",
        "{'a':1,'b':-1,'z':0}",
        "/a type a: must be a string\n"
        "/b minimum b: must be at least 1\n"
        "/b multipleOf b: must be a multiple of 2\n"
        "/z additionalProperties unknown property \"z\"\n"
        " required property \"c\" is missing\n"
        " minProperties must have at least 5 properties"};
    (void)state;
    expect(&told);
}

static void errors_are_capped(void **state)
{
    struct schema *schema = compile("{'items':{'type':'string'}}", 0);
    struct json_object *value = json_of("[1,2,3,4,5]");
    struct schema_errors errors;
    (void)state;

    schema_errors_init(&errors, 3);
    assert_int_equal(schema_validate(schema, value, &errors), HUB_ERR_INVALID_INPUT);
    assert_int_equal(errors.len, 3);
    assert_true(errors.more);
    json_object_put(value);

    /* and they begin anew with each validation */
    value = json_of("['a']");
    assert_int_equal(schema_validate(schema, value, &errors), 0);
    assert_int_equal(errors.len, 0);
    assert_false(errors.more);
    json_object_put(value);
    schema_errors_release(&errors);
    schema_free(schema);
}

/* A name of a megabyte in a value does not become a megabyte of error. */
static void long_names_are_cut(void **state)
{
    struct schema *schema = compile("{'additionalProperties':{'additionalProperties':false}}", 0);
    struct json_object *value = json_object_new_object(), *inner = json_object_new_object();
    struct schema_errors errors;
    char *name = malloc(1 << 20);
    (void)state;

    assert_non_null(name);
    memset(name, 'x', 1 << 20);
    name[(1 << 20) - 1] = '\0';
    json_object_object_add(inner, name, json_object_new_int(1));
    json_object_object_add(value, name, inner);
    schema_errors_init(&errors, 3);
    assert_int_equal(schema_validate(schema, value, &errors), HUB_ERR_INVALID_INPUT);
    assert_int_equal(errors.len, 1);
    assert_true(errors.items[0].detail.len < 300);
    assert_true(errors.items[0].pointer.len < 4096);
    schema_errors_release(&errors);
    json_object_put(value);
    schema_free(schema);
    free(name);
}

static void compile_errors_name_the_place(void **state)
{
    static const struct {
        const char *schema;
        const char *detail;
    } cases[] = {
        {"1", "test:a#: must be a schema, which is an object or a boolean"},
        {"{'properties':{'a':{'type':'text'}}}", "test:a#/properties/a/type: unknown type"},
        {"{'type':[]}", "test:a#/type: must name at least one type"},
        {"{'properties':[]}", "test:a#/properties: must be an object of schemas"},
        {"{'allOf':{}}", "test:a#/allOf: must be an array of schemas"},
        {"{'allOf':[]}", "test:a#/allOf: must not be empty"},
        {"{'allOf':[{},{'items':3}]}",
         "test:a#/allOf/1/items: must be a schema, which is an object or a boolean"},
        {"{'items':{'minimum':'1'}}", "test:a#/items/minimum: must be a number"},
        {"{'multipleOf':0}", "test:a#/multipleOf: must be a number greater than 0"},
        {"{'maxLength':-1}", "test:a#/maxLength: must be an integer that is not negative"},
        {"{'maxLength':1.5}", "test:a#/maxLength: must be an integer that is not negative"},
        {"{'maxLength':'1'}", "test:a#/maxLength: must be an integer that is not negative"},
        {"{'required':[1]}", "test:a#/required: must be an array of strings"},
        {"{'uniqueItems':1}", "test:a#/uniqueItems: must be true or false"},
        {"{'enum':1}", "test:a#/enum: must be an array"},
        {"{'dependentRequired':{'a':'b'}}",
         "test:a#/dependentRequired: must be an object of arrays of strings"},
        {"{'pattern':'('}", "test:a#/pattern: missing closing parenthesis"},
        {"{'pattern':'a**'}", "test:a#/pattern: nothing to repeat at offset 2 of the pattern"},
        {"{'patternProperties':{'[':true}}",
         "test:a#/patternProperties: missing terminating ] for character class"},
        {"{'$ref':'test:b'}", "test:a#/$ref: no schema is registered as \"test:b\""},
        {"{'$ref':'#/$defs/x'}", "test:a#/$ref: \"#/$defs/x\" leads to no schema"},
        {"{'$ref':'#x'}", "test:a#/$ref: \"#x\" leads to no schema"},
        {"{'$ref':'#/enum/0','enum':[{}]}", "test:a#/$ref: \"#/enum/0\" leads to no schema"},
        {"{'$ref':1}", "test:a#/$ref: must be a URI reference"},
        {"{'$id':'x#y'}", "test:a#/$id: must not have a fragment"},
        {"{'$anchor':'1'}", "test:a#/$anchor: must be a name of letters, digits, '-', '_' and '.'"},
        {"{'$anchor':'a','$defs':{'b':{'$anchor':'a'}}}",
         "test:a#/$defs/b/$anchor: the anchor is taken"},
        {"{'$schema':'http://json-schema.org/draft-07/schema'}",
         "test:a#/$schema: no schema is registered as "
         "\"http://json-schema.org/draft-07/schema\""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct schema *schema = NULL;
        struct hub_error error;
        int err = try_compile(cases[i].schema, 0, &schema, &error);
        assert_true(err < 0);
        assert_null(schema);
        assert_string_equal(error.detail, cases[i].detail);
    }
}

static void strict_schemas_have_no_unknown_words(void **state)
{
    struct schema *schema = NULL;
    struct hub_error error;
    (void)state;
    assert_int_equal(try_compile("{'propertes':{}}", SCHEMA_STRICT, &schema, &error),
                     HUB_ERR_INVALID_INPUT);
    assert_string_equal(error.detail, "test:a#/propertes: unknown keyword");
    assert_int_equal(try_compile("{'format':'datetime'}", SCHEMA_STRICT, &schema, &error),
                     HUB_ERR_INVALID_INPUT);
    assert_string_equal(error.detail, "test:a#/format: unknown format");
    schema_free(compile("{'x-secret':true,'title':'a','format':'date'}", SCHEMA_STRICT));
    schema_free(compile("{'propertes':{},'format':'datetime'}", 0));
}

/* The table is searched by halves: a keyword out of order would not be found. */
static void every_keyword_is_known(void **state)
{
    (void)state;
    schema_free(compile(
        "{'$schema':'https://json-schema.org/draft/2020-12/schema','$id':'test:id','$comment':'',"
        "'$anchor':'a','$dynamicAnchor':'d','$vocabulary':{},'$defs':{},'definitions':{},"
        "'items':{'$ref':'#','$dynamicRef':'#d'},'prefixItems':[true],'contains':true,"
        "'minContains':1,'maxContains':1,'unevaluatedItems':true,'uniqueItems':true,'minItems':0,"
        "'maxItems':1,'properties':{},'patternProperties':{},'additionalProperties':true,"
        "'propertyNames':true,'required':[],'dependentRequired':{},'dependentSchemas':{},"
        "'unevaluatedProperties':true,'minProperties':0,'maxProperties':1,'allOf':[true],"
        "'anyOf':[true],'oneOf':[true],'not':false,'if':true,'then':true,'else':true,'type':"
        "'string','const':1,'enum':[1],'minimum':0,'maximum':1,'exclusiveMinimum':0,"
        "'exclusiveMaximum':1,'multipleOf':1,'minLength':0,'maxLength':1,'pattern':'','format':"
        "'date','contentEncoding':'','contentMediaType':'','contentSchema':true,'title':'',"
        "'description':'','default':1,'deprecated':true,'readOnly':true,'writeOnly':true,"
        "'examples':[]}",
        SCHEMA_STRICT));
}

/* {"hole": …} stands for anything. */
static bool is_hole(struct json_object *object)
{
    return json_object_object_get_ex(object, "hole", NULL);
}

static void a_hole_matches_whatever_is_asked(void **state)
{
    static const char *const SCHEMA =
        "{'type':'object','required':['n','list'],'additionalProperties':false,'properties':{"
        "'n':{'type':'integer','minimum':3},'list':{'type':'array','items':{'oneOf':["
        "{'type':'string'},{'type':'object','required':['id'],'properties':{'id':{'format':'uuid',"
        "'type':'string'}},'additionalProperties':false}]}}}}";
    static const struct {
        const char *value;
        bool valid;
    } cases[] = {
        {"{'n':{'hole':1},'list':{'hole':2}}", true},
        {"{'n':{'hole':1},'list':[{'hole':2},'a',{'id':{'hole':3}}]}", true},
        {"{'n':{'hole':1}}", false},          /* what is required must be there */
        {"{'n':2,'list':{'hole':2}}", false}, /* and the rest be right */
        {"{'n':{'hole':1},'list':[],'more':{'hole':1}}", false},
        {"{'n':{'no':1},'list':[]}", false},
    };
    struct schema *schema = compile(SCHEMA, SCHEMA_ASSERT_FORMAT);
    struct schema_errors errors;

    (void)state;
    schema_errors_init(&errors, SCHEMA_ERRORS_MAX);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct json_object *value = json_of(cases[i].value);
        assert_int_equal(schema_validate_open(schema, value, is_hole, &errors),
                         cases[i].valid ? 0 : HUB_ERR_INVALID_INPUT);
        assert_int_equal(errors.len > 0, !cases[i].valid);
        assert_int_equal(schema_validate(schema, value, NULL), HUB_ERR_INVALID_INPUT);
        json_object_put(value);
    }
    schema_errors_release(&errors);
    schema_free(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_keyword_says_what_it_wants),
        cmocka_unit_test(names_lead_to_the_place),
        cmocka_unit_test(unknown_properties_get_a_suggestion),
        cmocka_unit_test(the_nearest_form_is_explained),
        cmocka_unit_test(all_mistakes_are_told),
        cmocka_unit_test(errors_are_capped),
        cmocka_unit_test(long_names_are_cut),
        cmocka_unit_test(compile_errors_name_the_place),
        cmocka_unit_test(strict_schemas_have_no_unknown_words),
        cmocka_unit_test(every_keyword_is_known),
        cmocka_unit_test(a_hole_matches_whatever_is_asked),
    };
    return cmocka_run_group_tests_name("schemas/errors", tests, NULL, NULL);
}
