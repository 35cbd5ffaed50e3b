/*
 * A hostile schema and a hostile value. The input is a JSON array: the schema, then values. What
 * must hold: nothing crashes or hangs; validating with and without errors agrees; a failure has at
 * least one error, a success none; a value equals itself as "const".
 */
#include "schemas/schema.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void check_value(const struct schema *schema, struct json_object *value)
{
    struct schema_errors errors;
    schema_errors_init(&errors, SCHEMA_ERRORS_MAX);
    int quiet = schema_validate(schema, value, NULL);
    int err = schema_validate(schema, value, &errors);
    /* Only the time spent in patterns may differ from one run to the next. */
    require(err == quiet || err == HUB_ERR_LIMIT || quiet == HUB_ERR_LIMIT);
    require(err == 0 || err == HUB_ERR_INVALID_INPUT || err == HUB_ERR_LIMIT);
    require((err == 0) == (errors.len == 0));
    for (size_t i = 0; i < errors.len; i++) {
        struct str detail = errors.items[i].detail;
        struct json_object *place;
        require(detail.len > 0 && str_utf8_valid_prefix(detail) == detail.len);
        if (!str_eq(errors.items[i].keyword, STR("required"))) {
            require(json_at(value, errors.items[i].pointer, &place) ||
                    errors.items[i].pointer.len > 1000);
        }
    }
    schema_errors_release(&errors);
}

static void check_const(struct json_object *value)
{
    struct json_object *document = json_object_new_object();
    struct schema *schema;
    json_object_object_add(document, "const", json_object_get(value));
    if (schema_compile_document(STR("fuzz:const"), document, 0, &schema, NULL) == 0) {
        require(schema_validate(schema, value, NULL) == 0);
        schema_free(schema);
    }
    json_object_put(document);
}

static void check(struct json_object *input)
{
    struct schema_registry *registry = schema_registry_new();
    struct json_object *document = json_object_array_get_idx(input, 0);
    struct schema_errors errors;
    struct schema *schema;
    struct hub_error error = {0};

    schema_errors_init(&errors, 2);
    (void)!schema_check(document, &errors);
    schema_errors_release(&errors);
    if (schema_registry_add(registry, STR("fuzz:a"), document, &error) < 0 ||
        schema_compile(registry, STR("fuzz:a"), SCHEMA_ASSERT_FORMAT, &schema, &error) < 0) {
        require(error.err < 0 && error.detail[0] != '\0');
        schema_registry_free(registry);
        return;
    }
    schema_registry_free(registry);
    for (size_t i = 0; i < json_object_array_length(input); i++) {
        check_value(schema, json_object_array_get_idx(input, i));
        check_const(json_object_array_get_idx(input, i));
    }
    schema_free(schema);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct json_object *input;
    if (json_read(str_of((const char *)bytes, len), JSON_DEPTH_MAX, &input, NULL, NULL) == 0) {
        if (json_object_is_type(input, json_type_array) && json_object_array_length(input) > 0) {
            check(input);
        }
        json_object_put(input);
    }
    return 0;
}
