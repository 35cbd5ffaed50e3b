#include "schemas/keyword.h"

#include "schemas/compile.h"

#include <stdlib.h>

#define CORE        VOCABULARY_CORE
#define APPLICATOR  VOCABULARY_APPLICATOR
#define UNEVALUATED VOCABULARY_UNEVALUATED
#define VALIDATION  VOCABULARY_VALIDATION
#define META_DATA   VOCABULARY_META_DATA
#define FORMAT      (VOCABULARY_FORMAT_ANNOTATION | VOCABULARY_FORMAT_ASSERTION)
#define CONTENT     VOCABULARY_CONTENT

/* Sorted by name, for bsearch(). "definitions" is what "$defs" was called; the meta-schema still
 * has it. */
static const struct schema_keyword KEYWORDS[] = {
    {STR_INIT("$anchor"), CORE, HOLDS_NOTHING, NULL},
    {STR_INIT("$comment"), CORE, HOLDS_NOTHING, NULL},
    {STR_INIT("$defs"), CORE, HOLDS_OBJECT, NULL},
    {STR_INIT("$dynamicAnchor"), CORE, HOLDS_NOTHING, NULL},
    {STR_INIT("$dynamicRef"), CORE, HOLDS_NOTHING, schema_compile_dynamic_ref},
    {STR_INIT("$id"), CORE, HOLDS_NOTHING, NULL},
    {STR_INIT("$ref"), CORE, HOLDS_NOTHING, schema_compile_ref},
    {STR_INIT("$schema"), CORE, HOLDS_NOTHING, NULL},
    {STR_INIT("$vocabulary"), CORE, HOLDS_NOTHING, NULL},
    {STR_INIT("additionalProperties"), APPLICATOR, HOLDS_SCHEMA,
     schema_compile_additional_properties},
    {STR_INIT("allOf"), APPLICATOR, HOLDS_ARRAY, schema_compile_all_of},
    {STR_INIT("anyOf"), APPLICATOR, HOLDS_ARRAY, schema_compile_any_of},
    {STR_INIT("const"), VALIDATION, HOLDS_NOTHING, schema_compile_const},
    {STR_INIT("contains"), APPLICATOR, HOLDS_SCHEMA, schema_compile_contains},
    {STR_INIT("contentEncoding"), CONTENT, HOLDS_NOTHING, NULL},
    {STR_INIT("contentMediaType"), CONTENT, HOLDS_NOTHING, NULL},
    {STR_INIT("contentSchema"), CONTENT, HOLDS_SCHEMA, NULL},
    {STR_INIT("default"), META_DATA, HOLDS_NOTHING, NULL},
    {STR_INIT("definitions"), CORE, HOLDS_OBJECT, NULL},
    {STR_INIT("dependentRequired"), VALIDATION, HOLDS_NOTHING, schema_compile_dependent_required},
    {STR_INIT("dependentSchemas"), APPLICATOR, HOLDS_OBJECT, schema_compile_dependent_schemas},
    {STR_INIT("deprecated"), META_DATA, HOLDS_NOTHING, NULL},
    {STR_INIT("description"), META_DATA, HOLDS_NOTHING, NULL},
    {STR_INIT("else"), APPLICATOR, HOLDS_SCHEMA, schema_compile_else},
    {STR_INIT("enum"), VALIDATION, HOLDS_NOTHING, schema_compile_enum},
    {STR_INIT("examples"), META_DATA, HOLDS_NOTHING, NULL},
    {STR_INIT("exclusiveMaximum"), VALIDATION, HOLDS_NOTHING, schema_compile_exclusive_maximum},
    {STR_INIT("exclusiveMinimum"), VALIDATION, HOLDS_NOTHING, schema_compile_exclusive_minimum},
    {STR_INIT("format"), FORMAT, HOLDS_NOTHING, schema_compile_format},
    {STR_INIT("if"), APPLICATOR, HOLDS_SCHEMA, schema_compile_if},
    {STR_INIT("items"), APPLICATOR, HOLDS_SCHEMA, schema_compile_items},
    {STR_INIT("maxContains"), VALIDATION, HOLDS_NOTHING, schema_compile_max_contains},
    {STR_INIT("maxItems"), VALIDATION, HOLDS_NOTHING, schema_compile_max_items},
    {STR_INIT("maxLength"), VALIDATION, HOLDS_NOTHING, schema_compile_max_length},
    {STR_INIT("maxProperties"), VALIDATION, HOLDS_NOTHING, schema_compile_max_properties},
    {STR_INIT("maximum"), VALIDATION, HOLDS_NOTHING, schema_compile_maximum},
    {STR_INIT("minContains"), VALIDATION, HOLDS_NOTHING, schema_compile_min_contains},
    {STR_INIT("minItems"), VALIDATION, HOLDS_NOTHING, schema_compile_min_items},
    {STR_INIT("minLength"), VALIDATION, HOLDS_NOTHING, schema_compile_min_length},
    {STR_INIT("minProperties"), VALIDATION, HOLDS_NOTHING, schema_compile_min_properties},
    {STR_INIT("minimum"), VALIDATION, HOLDS_NOTHING, schema_compile_minimum},
    {STR_INIT("multipleOf"), VALIDATION, HOLDS_NOTHING, schema_compile_multiple_of},
    {STR_INIT("not"), APPLICATOR, HOLDS_SCHEMA, schema_compile_not},
    {STR_INIT("oneOf"), APPLICATOR, HOLDS_ARRAY, schema_compile_one_of},
    {STR_INIT("pattern"), VALIDATION, HOLDS_NOTHING, schema_compile_pattern},
    {STR_INIT("patternProperties"), APPLICATOR, HOLDS_OBJECT, schema_compile_pattern_properties},
    {STR_INIT("prefixItems"), APPLICATOR, HOLDS_ARRAY, schema_compile_prefix_items},
    {STR_INIT("properties"), APPLICATOR, HOLDS_OBJECT, schema_compile_properties},
    {STR_INIT("propertyNames"), APPLICATOR, HOLDS_SCHEMA, schema_compile_property_names},
    {STR_INIT("readOnly"), META_DATA, HOLDS_NOTHING, NULL},
    {STR_INIT("required"), VALIDATION, HOLDS_NOTHING, schema_compile_required},
    {STR_INIT("then"), APPLICATOR, HOLDS_SCHEMA, schema_compile_then},
    {STR_INIT("title"), META_DATA, HOLDS_NOTHING, NULL},
    {STR_INIT("type"), VALIDATION, HOLDS_NOTHING, schema_compile_type},
    {STR_INIT("unevaluatedItems"), UNEVALUATED, HOLDS_SCHEMA, schema_compile_unevaluated_items},
    {STR_INIT("unevaluatedProperties"), UNEVALUATED, HOLDS_SCHEMA,
     schema_compile_unevaluated_properties},
    {STR_INIT("uniqueItems"), VALIDATION, HOLDS_NOTHING, schema_compile_unique_items},
    {STR_INIT("writeOnly"), META_DATA, HOLDS_NOTHING, NULL},
};

static int by_name(const void *key, const void *element)
{
    const struct schema_keyword *keyword = element;
    return str_cmp(*(const struct str *)key, keyword->name);
}

const struct schema_keyword *schema_keyword_find(struct str name)
{
    return bsearch(&name, KEYWORDS, sizeof KEYWORDS / sizeof *KEYWORDS, sizeof *KEYWORDS, by_name);
}

#define VOCABULARY_PREFIX "https://json-schema.org/draft/2020-12/vocab/"

static const struct {
    struct str name;
    unsigned bit;
} VOCABULARIES[] = {
    {STR_INIT("core"), VOCABULARY_CORE},
    {STR_INIT("applicator"), VOCABULARY_APPLICATOR},
    {STR_INIT("unevaluated"), VOCABULARY_UNEVALUATED},
    {STR_INIT("validation"), VOCABULARY_VALIDATION},
    {STR_INIT("meta-data"), VOCABULARY_META_DATA},
    {STR_INIT("format-annotation"), VOCABULARY_FORMAT_ANNOTATION},
    {STR_INIT("format-assertion"), VOCABULARY_FORMAT_ASSERTION},
    {STR_INIT("content"), VOCABULARY_CONTENT},
};

unsigned schema_vocabulary_find(struct str uri)
{
    if (!str_starts_with(uri, STR(VOCABULARY_PREFIX))) {
        return 0;
    }
    struct str name = str_slice(uri, sizeof VOCABULARY_PREFIX - 1, uri.len);
    for (size_t i = 0; i < sizeof VOCABULARIES / sizeof *VOCABULARIES; i++) {
        if (str_eq(name, VOCABULARIES[i].name)) {
            return VOCABULARIES[i].bit;
        }
    }
    return 0;
}
