#include "supervisor/descriptor.h"

#include "base/json.h"
#include "wire/names.h"
#include "wire/wire.h"

#include <stdlib.h>

#define OPERATIONS_MAX    256
#define TEXT_MAX          512
#define RETRY_SAFETY_LAST 2
#define FLAG_SETTLES      1 /* the only one there is */
#define MILLISECONDS_MAX  UINT32_MAX
#define IN_FLIGHT_MAX     65536
#define PERMISSION_MAX    1024

static int bad(struct hub_error *error, struct str where, const char *what)
{
    return hub_fail(error, HUB_ERR_INVALID_INPUT, "its descriptor is not valid: %.*s%s%s",
                    STR_ARG(where), where.len ? ": " : "", what);
}

/* A text that may be absent. False if it is something else, or too long. */
static bool get_text(struct json_object *object, const char *name, struct str *ret_text)
{
    struct json_object *member;
    *ret_text = (struct str){0};
    return !json_object_object_get_ex(object, name, &member) ||
           (json_get_str(object, name, ret_text) && name_is_text(*ret_text, TEXT_MAX));
}

static bool get_number(struct json_object *object, const char *name, int64_t max,
                       uint32_t *ret_number)
{
    int64_t value;
    if (!json_get_i64(object, name, &value) || value < 0 || value > max) {
        return false;
    }
    *ret_number = (uint32_t)value;
    return true;
}

/* JSON inside a string, looked at and left as text; absent is a NULL text. */
static int get_json(struct json_object *object, const char *name, struct str where, bool is_object,
                    struct str *ret_text, struct hub_error *error)
{
    struct str text;
    struct hub_error why;
    struct json_object *value;
    if (!json_get_str(object, name, &text)) {
        return 0;
    }
    if (json_read(text, JSON_DEPTH_MAX, &value, NULL, &why) < 0) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT,
                        "its descriptor is not valid: %.*s: %s is not JSON: %s", STR_ARG(where),
                        name, why.detail);
    }
    bool fits = !is_object || json_object_is_type(value, json_type_object);
    json_object_put(value);
    if (!fits) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT,
                        "its descriptor is not valid: %.*s: %s is not a JSON object",
                        STR_ARG(where), name);
    }
    *ret_text = text;
    return 0;
}

static int parse_operation(struct json_object *object, struct supervisor_operation *op,
                           struct hub_error *error)
{
    uint32_t flags;
    if (!json_get_str(object, "name", &op->name) || !name_is_code(op->name)) {
        return bad(error, STR("operations"), "a name is not one");
    }
    if (!get_text(object, "summary", &op->summary) ||
        !get_number(object, "retry_safety", RETRY_SAFETY_LAST, &op->retry_safety) ||
        !get_number(object, "flags", FLAG_SETTLES, &flags) ||
        !get_number(object, "timeout_ms", MILLISECONDS_MAX, &op->timeout_ms) ||
        !get_number(object, "max_attempts", MILLISECONDS_MAX, &op->max_attempts)) {
        return bad(error, op->name, "a member is missing or of the wrong type");
    }
    op->settles = flags & FLAG_SETTLES;
    int err = get_json(object, "input_schema", op->name, true, &op->input_schema, error);
    if (err == 0 && !op->input_schema.ptr) {
        err = bad(error, op->name, "input_schema is missing");
    }
    if (err == 0) {
        err = get_json(object, "result_schema", op->name, true, &op->result_schema, error);
    }
    return err < 0 ? err : get_json(object, "example", op->name, false, &op->example, error);
}

static int parse_operations(struct descriptor *self, struct hub_error *error)
{
    struct json_object *array;
    size_t count;
    if (!json_get_array(self->root, "operations", &array) ||
        (count = json_object_array_length(array)) == 0 || count > OPERATIONS_MAX) {
        return bad(error, STR("operations"), "there must be 1 to 256");
    }
    self->operations = calloc(count, sizeof *self->operations);
    if (!self->operations) {
        return hub_fail(error, HUB_ERR_NOMEM, "out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        struct supervisor_operation *op = &self->operations[i];
        self->operation_count = (unsigned)i + 1;
        int err = parse_operation(json_object_array_get_idx(array, i), op, error);
        if (err < 0) {
            return err;
        }
        if (descriptor_operation(self, op->name) != (int)i) {
            return bad(error, op->name, "there are two of it");
        }
    }
    return 0;
}

/* An array of short texts. */
static bool get_texts(struct json_object *object, const char *name, struct json_object **ret_array)
{
    if (!json_get_array(object, name, ret_array) ||
        json_object_array_length(*ret_array) > WIRE_GRANTS_MAX) {
        return false;
    }
    for (size_t i = 0; i < json_object_array_length(*ret_array); i++) {
        struct json_object *text = json_object_array_get_idx(*ret_array, i);
        if (!json_object_is_type(text, json_type_string) ||
            json_object_get_string_len(text) > PERMISSION_MAX) {
            return false;
        }
    }
    return true;
}

static int parse(struct descriptor *self, struct hub_error *error)
{
    uint32_t mode;
    if (!json_get_str(self->root, "name", &self->name) || !name_is_connector(self->name)) {
        return bad(error, STR("name"), "it is not one");
    }
    if (!get_text(self->root, "version", &self->version) || self->version.len == 0 ||
        !get_text(self->root, "licence", &self->licence) ||
        !get_text(self->root, "summary", &self->summary) ||
        !get_number(self->root, "mode", 1, &mode) ||
        !get_number(self->root, "max_in_flight", IN_FLIGHT_MAX, &self->max_in_flight) ||
        !get_texts(self->root, "hosts", &self->hosts) ||
        !get_texts(self->root, "paths", &self->paths)) {
        return bad(error, STR(""), "a member is missing, of the wrong type or out of range");
    }
    self->async = mode == 0;
    self->network = json_object_array_length(self->hosts) > 0;
    int err =
        get_json(self->root, "account_schema", STR("account"), true, &self->account_schema, error);
    return err < 0 ? err : parse_operations(self, error);
}

int descriptor_parse(struct str json, struct descriptor **ret_descriptor, struct hub_error *error)
{
    struct descriptor *self = calloc(1, sizeof *self);
    if (!self) {
        return hub_fail(error, HUB_ERR_NOMEM, "out of memory");
    }
    sha256_of(json, &self->digest);
    int err = json_read(json, JSON_DEPTH_MAX, &self->root, NULL, error);
    if (err == 0) {
        err = parse(self, error);
    }
    if (err < 0) {
        descriptor_free(self);
        return err;
    }
    *ret_descriptor = self;
    return 0;
}

void descriptor_free(struct descriptor *self)
{
    if (!self) {
        return;
    }
    free(self->operations);
    json_object_put(self->root);
    free(self);
}

int descriptor_operation(const struct descriptor *self, struct str name)
{
    for (unsigned i = 0; i < self->operation_count; i++) {
        if (str_eq(self->operations[i].name, name)) {
            return (int)i;
        }
    }
    return -1;
}
