/* What the tests of the schemas share: JSON and schemas from text. */
#ifndef TESTS_UNIT_SCHEMAS_SCHEMA_UNIT_H
#define TESTS_UNIT_SCHEMAS_SCHEMA_UNIT_H

#include "schemas/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h needs the headers above first. */
#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* The value of a JSON text in which ' stands for ". */
static inline struct json_object *json_of(const char *text)
{
    struct hub_error error;
    struct json_object *value;
    char *copy = strdup(text);
    assert_non_null(copy);
    for (char *p = copy; *p != '\0'; p++) {
        *p = *p == '\'' ? '"' : *p;
    }
    if (json_read(str_from_c(copy), JSON_DEPTH_MAX, &value, NULL, &error) < 0) {
        fail_msg("%s: %s", text, error.detail);
    }
    free(copy);
    return value;
}

/* Compiles the schema of such a text, as "test:a". Returns the error. */
static inline int try_compile(const char *text, unsigned flags, struct schema **ret_schema,
                              struct hub_error *error)
{
    struct schema_registry *registry = schema_registry_new();
    struct json_object *document = json_of(text);
    assert_non_null(registry);
    int err = schema_registry_add(registry, STR("test:a"), document, error);
    json_object_put(document);
    if (err == 0) {
        err = schema_compile(registry, STR("test:a"), flags, ret_schema, error);
    }
    schema_registry_free(registry);
    return err;
}

static inline struct schema *compile(const char *text, unsigned flags)
{
    struct hub_error error;
    struct schema *schema = NULL;
    if (try_compile(text, flags, &schema, &error) < 0) {
        fail_msg("%s: %s", text, error.detail);
    }
    return schema;
}

static inline int validate(const struct schema *schema, const char *text)
{
    struct json_object *value = json_of(text);
    int err = schema_validate(schema, value, NULL);
    json_object_put(value);
    return err;
}

#endif
