/* The keywords that look at one value: numbers, strings, sizes, "type", "const", "enum". */
#include "schemas/check.h"
#include "schemas/compile.h"

#define ENUM_SHOWN 12  /* values that an error lists */
#define TEXT_MAX   400 /* bytes of that list */

/*
 * Numbers and sizes
 */

static bool is_number(struct json_object *value)
{
    return json_object_is_type(value, json_type_int) ||
           json_object_is_type(value, json_type_double);
}

static int compile_limit(struct schema_compiler *c, struct schema_draft *draft,
                         struct json_object *value, schema_check_fn *check)
{
    if (!is_number(value)) {
        return schema_draft_refuse(c, draft, "must be a number");
    }
    schema_draft_rule(draft, check, TYPE_NUMBER, PHASE_VALUE)->as.number = schema_number_of(value);
    return 0;
}

int schema_compile_minimum(struct schema_compiler *compiler, struct schema_draft *draft,
                           struct json_object *value)
{
    return compile_limit(compiler, draft, value, schema_check_minimum);
}

int schema_compile_maximum(struct schema_compiler *compiler, struct schema_draft *draft,
                           struct json_object *value)
{
    return compile_limit(compiler, draft, value, schema_check_maximum);
}

int schema_compile_exclusive_minimum(struct schema_compiler *compiler, struct schema_draft *draft,
                                     struct json_object *value)
{
    return compile_limit(compiler, draft, value, schema_check_exclusive_minimum);
}

int schema_compile_exclusive_maximum(struct schema_compiler *compiler, struct schema_draft *draft,
                                     struct json_object *value)
{
    return compile_limit(compiler, draft, value, schema_check_exclusive_maximum);
}

int schema_compile_multiple_of(struct schema_compiler *compiler, struct schema_draft *draft,
                               struct json_object *value)
{
    const struct schema_number zero = {.kind = NUMBER_INT, .i = 0};
    if (!is_number(value) || schema_number_cmp(schema_number_of(value), zero) <= 0) {
        return schema_draft_refuse(compiler, draft, "must be a number greater than 0");
    }
    struct schema_rule *rule =
        schema_draft_rule(draft, schema_check_multiple_of, TYPE_NUMBER, PHASE_VALUE);
    rule->as.multiple.number = schema_number_of(value);
    rule->as.multiple.decimal = schema_number_decimal(rule->as.multiple.number);
    return 0;
}

static int read_count(struct schema_compiler *c, struct schema_draft *draft,
                      struct json_object *value, uint64_t *ret_count)
{
    const struct schema_number zero = {.kind = NUMBER_INT, .i = 0};
    struct schema_number number =
        is_number(value) ? schema_number_of(value) : schema_number_from_double(-1);
    if (!schema_number_is_integer(number) || schema_number_cmp(number, zero) < 0) {
        return schema_draft_refuse(c, draft, "must be an integer that is not negative");
    }
    *ret_count = number.kind == NUMBER_REAL ? UINT64_MAX : number.u; /* >= 0: i and u agree */
    return 0;
}

static int compile_count(struct schema_compiler *c, struct schema_draft *draft,
                         struct json_object *value, schema_check_fn *check, unsigned applies)
{
    uint64_t count;
    int err = read_count(c, draft, value, &count);
    if (err == 0) {
        schema_draft_rule(draft, check, applies, PHASE_VALUE)->as.count = count;
    }
    return err;
}

int schema_compile_min_length(struct schema_compiler *compiler, struct schema_draft *draft,
                              struct json_object *value)
{
    return compile_count(compiler, draft, value, schema_check_min_length, TYPE_STRING);
}

int schema_compile_max_length(struct schema_compiler *compiler, struct schema_draft *draft,
                              struct json_object *value)
{
    return compile_count(compiler, draft, value, schema_check_max_length, TYPE_STRING);
}

int schema_compile_min_items(struct schema_compiler *compiler, struct schema_draft *draft,
                             struct json_object *value)
{
    return compile_count(compiler, draft, value, schema_check_min_items, TYPE_ARRAY);
}

int schema_compile_max_items(struct schema_compiler *compiler, struct schema_draft *draft,
                             struct json_object *value)
{
    return compile_count(compiler, draft, value, schema_check_max_items, TYPE_ARRAY);
}

int schema_compile_min_properties(struct schema_compiler *compiler, struct schema_draft *draft,
                                  struct json_object *value)
{
    return compile_count(compiler, draft, value, schema_check_min_properties, TYPE_OBJECT);
}

int schema_compile_max_properties(struct schema_compiler *compiler, struct schema_draft *draft,
                                  struct json_object *value)
{
    return compile_count(compiler, draft, value, schema_check_max_properties, TYPE_OBJECT);
}

int schema_compile_min_contains(struct schema_compiler *compiler, struct schema_draft *draft,
                                struct json_object *value)
{
    return read_count(compiler, draft, value, &draft->contains_range.min);
}

int schema_compile_max_contains(struct schema_compiler *compiler, struct schema_draft *draft,
                                struct json_object *value)
{
    return read_count(compiler, draft, value, &draft->contains_range.max);
}

int schema_compile_unique_items(struct schema_compiler *compiler, struct schema_draft *draft,
                                struct json_object *value)
{
    if (!json_object_is_type(value, json_type_boolean)) {
        return schema_draft_refuse(compiler, draft, "must be true or false");
    }
    if (json_object_get_boolean(value)) {
        schema_draft_rule(draft, schema_check_unique_items, TYPE_ARRAY, PHASE_PARTS);
    }
    return 0;
}

/*
 * Strings
 */

int schema_compile_pattern(struct schema_compiler *compiler, struct schema_draft *draft,
                           struct json_object *value)
{
    if (!json_object_is_type(value, json_type_string)) {
        return schema_draft_refuse(compiler, draft, "must be a string");
    }
    const struct schema_pattern *pattern;
    int err = schema_compiler_pattern(compiler, draft, json_str(value), &pattern);
    if (err < 0) {
        return err;
    }
    struct str source = arena_str(&compiler->schema->arena, json_str(value));
    if (source.ptr == NULL) {
        return schema_compiler_exhausted(compiler);
    }
    struct schema_rule *rule =
        schema_draft_rule(draft, schema_check_pattern, TYPE_STRING, PHASE_VALUE);
    rule->as.pattern = (struct schema_pattern_check){pattern, source};
    return 0;
}

int schema_compile_format(struct schema_compiler *compiler, struct schema_draft *draft,
                          struct json_object *value)
{
    if (!json_object_is_type(value, json_type_string)) {
        return schema_draft_refuse(compiler, draft, "must be a string");
    }
    const struct schema_format *format = schema_format_find(json_str(value));
    bool asserted = (compiler->flags & SCHEMA_ASSERT_FORMAT) ||
                    (draft->vocabularies & VOCABULARY_FORMAT_ASSERTION);
    if (format == NULL && (compiler->flags & SCHEMA_STRICT)) {
        return schema_draft_refuse(compiler, draft, "unknown format");
    }
    if (format != NULL && asserted) {
        schema_draft_rule(draft, schema_check_format, TYPE_STRING, PHASE_VALUE)->as.format = format;
    }
    return 0;
}

/*
 * "type"
 */

static unsigned type_bit(struct json_object *name)
{
    static const struct {
        struct str name;
        unsigned bit;
    } types[] = {
        {STR_INIT("null"), TYPE_NULL},       {STR_INIT("boolean"), TYPE_BOOLEAN},
        {STR_INIT("integer"), TYPE_INTEGER}, {STR_INIT("number"), TYPE_NUMBER},
        {STR_INIT("string"), TYPE_STRING},   {STR_INIT("array"), TYPE_ARRAY},
        {STR_INIT("object"), TYPE_OBJECT},
    };
    for (size_t i = 0;
         json_object_is_type(name, json_type_string) && i < sizeof types / sizeof *types; i++) {
        if (str_eq(json_str(name), types[i].name)) {
            return types[i].bit;
        }
    }
    return 0;
}

int schema_compile_type(struct schema_compiler *compiler, struct schema_draft *draft,
                        struct json_object *value)
{
    unsigned bits = 0, bit;
    bool list = json_object_is_type(value, json_type_array);
    size_t len = list ? json_object_array_length(value) : 1;
    for (size_t i = 0; i < len; i++) {
        bit = type_bit(list ? json_object_array_get_idx(value, i) : value);
        if (bit == 0) {
            return schema_draft_refuse(compiler, draft, "unknown type");
        }
        bits |= bit;
    }
    if (bits == 0) {
        return schema_draft_refuse(compiler, draft, "must name at least one type");
    }
    draft->node->types = bits;
    return 0;
}

/*
 * "const" and "enum"
 */

static int keep_value(struct schema_compiler *c, struct json_object *value)
{
    struct schema_value_owner *owner = arena_alloc(&c->schema->arena, sizeof *owner);
    if (owner == NULL) {
        return schema_compiler_exhausted(c);
    }
    *owner = (struct schema_value_owner){json_object_get(value), c->schema->values};
    c->schema->values = owner;
    return 0;
}

/* `"a", "b" or 3`, made now because json-c may write into a value when it makes its text. */
static int describe(struct schema_compiler *c, struct json_object *const *values, size_t len,
                    struct str *ret_text)
{
    struct buf text;
    buf_init(&text, BUF_NO_LIMIT);
    size_t shown = len < ENUM_SHOWN ? len : ENUM_SHOWN;
    for (size_t i = 0; i < shown && text.len < TEXT_MAX; i++) {
        if (i > 0) {
            buf_append_c(&text, i + 1 == len ? " or " : ", ");
        }
        size_t before = text.len;
        json_append(&text, values[i]);
        if (text.len > TEXT_MAX) {
            text.len = before;
            shown = i;
        }
    }
    if (shown < len) {
        buf_append_c(&text, "…");
    }
    *ret_text = buf_failed(&text) ? (struct str){0} : arena_str(&c->schema->arena, buf_view(&text));
    buf_release(&text);
    return ret_text->ptr == NULL ? schema_compiler_exhausted(c) : 0;
}

static int compile_values(struct schema_compiler *c, struct schema_draft *draft,
                          struct json_object *const *values, size_t len)
{
    struct arena *arena = &c->schema->arena;
    struct schema_values all = {.others = arena_alloc(arena, (len + 1) * sizeof *all.others)};
    if (all.others == NULL || !schema_names_init(&all.strings, arena, len, c->schema->secret)) {
        return schema_compiler_exhausted(c);
    }
    for (size_t i = 0; i < len; i++) {
        if (json_object_is_type(values[i], json_type_string)) {
            struct str text = arena_str(arena, json_str(values[i]));
            if (text.ptr == NULL) {
                return schema_compiler_exhausted(c);
            }
            schema_names_put(&all.strings, text);
            continue;
        }
        int err = keep_value(c, values[i]);
        if (err < 0) {
            return err;
        }
        all.others[all.others_len++] = values[i];
    }
    int err = describe(c, values, len, &all.text);
    if (err < 0) {
        return err;
    }
    struct schema_rule *rule = schema_draft_rule(draft, schema_check_values, TYPE_ANY, PHASE_VALUE);
    rule->as.values = arena_memdup(arena, &all, sizeof all);
    return rule->as.values != NULL ? 0 : schema_compiler_exhausted(c);
}

int schema_compile_const(struct schema_compiler *compiler, struct schema_draft *draft,
                         struct json_object *value)
{
    return compile_values(compiler, draft, &value, 1);
}

int schema_compile_enum(struct schema_compiler *compiler, struct schema_draft *draft,
                        struct json_object *value)
{
    if (!json_object_is_type(value, json_type_array)) {
        return schema_draft_refuse(compiler, draft, "must be an array");
    }
    size_t len = json_object_array_length(value);
    struct json_object **values = arena_alloc(&compiler->scratch, (len + 1) * sizeof *values);
    if (values == NULL) {
        return hub_fail(compiler->error, HUB_ERR_NOMEM, "out of memory");
    }
    for (size_t i = 0; i < len; i++) {
        values[i] = json_object_array_get_idx(value, i);
    }
    return compile_values(compiler, draft, values, len);
}
