/*
 * Values: finding, testing and writing them.
 */
#include "template_parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct template_options NO_OPTIONS;

void run_init(struct run *self, struct json_object *data, const struct template_options *options,
              struct buf *out, struct template_error *error)
{
    *self = (struct run){.options = options ? options : &NO_OPTIONS,
                         .root = data,
                         .out = out,
                         .turns_left = TEMPLATE_TURNS_MAX,
                         .filtered_left = TEMPLATE_FILTERED_MAX,
                         .error = error};
    self->locale = self->options->locale ? self->options->locale : locale_default();
}

int run_fail(struct run *self, int err, const char *format, ...)
{
    char detail[HUB_ERROR_DETAIL_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    return hub_fail(self->error ? &self->error->error : NULL, err, "%s", detail);
}

int run_turn(struct run *self)
{
    if (self->turns_left == 0) {
        return run_fail(self, HUB_ERR_LIMIT, "the loops take more than %d turns",
                        TEMPLATE_TURNS_MAX);
    }
    self->turns_left--;
    return 0;
}

/* --- The places of errors ----------------------------------------------------------------------*/

static void prepend(struct template_error *error, const char *place)
{
    char detail[HUB_ERROR_DETAIL_MAX];
    memcpy(detail, error->error.detail, sizeof detail);
    hub_fail(&error->error, error->error.err, "%s: %s", place, detail);
}

void template_error_place(struct template_error *error, struct str source, size_t offset)
{
    if (!error || error->line > 0) {
        return;
    }
    error->line = error->column = 1;
    for (size_t i = 0; i < offset && i < source.len; i++) {
        bool continues = ((unsigned char)source.ptr[i] & 0xc0) == 0x80;
        error->column += continues ? 0 : 1;
        if (source.ptr[i] == '\n') {
            error->line++;
            error->column = 1;
        }
    }
    char place[64];
    snprintf(place, sizeof place, "line %u, column %u", error->line, error->column);
    prepend(error, place);
}

void template_error_pointer(struct template_error *error, const char *pointer)
{
    if (!error || error->pointer[0]) {
        return;
    }
    struct str cut = str_utf8_cut(str_from_c(pointer), sizeof error->pointer - 1);
    memcpy(error->pointer, cut.ptr, cut.len);
    error->pointer[cut.len] = 0;
    if (cut.len > 0) {
        prepend(error, error->pointer);
    }
}

/* --- Finding -----------------------------------------------------------------------------------*/

static const struct scope *innermost_turn(const struct scope *scope)
{
    while (scope && !scope->is_turn) {
        scope = scope->outer;
    }
    return scope;
}

/* @index and its like; false outside of a loop. */
static bool loop_value(enum path_from from, const struct scope *scope,
                       struct json_object **ret_value)
{
    const struct scope *turn = innermost_turn(scope);
    if (!turn) {
        return false;
    }
    switch (from) {
    case PATH_INDEX:
        *ret_value = json_object_new_int64((int64_t)turn->index);
        break;
    case PATH_NUMBER:
        *ret_value = json_object_new_int64((int64_t)turn->index + 1);
        break;
    case PATH_FIRST:
        *ret_value = json_object_new_boolean(turn->index == 0);
        break;
    default:
        *ret_value = json_object_new_boolean(turn->index + 1 == turn->count);
        break;
    }
    return true;
}

/* The element of a list at the index of the present turn, borrowed. */
static bool member_at_index(struct json_object *value, const struct scope *scope,
                            struct json_object **ret_value)
{
    const struct scope *turn = innermost_turn(scope);
    if (!turn || !json_object_is_type(value, json_type_array) ||
        turn->index >= json_object_array_length(value)) {
        return false;
    }
    *ret_value = json_object_array_get_idx(value, turn->index);
    return true;
}

/* The member or element `key` of `value`, borrowed. */
static bool member(struct json_object *value, const char *key, const struct scope *scope,
                   struct json_object **ret_value)
{
    if (strcmp(key, PATH_AT_INDEX) == 0) {
        return member_at_index(value, scope, ret_value);
    }
    if (json_object_is_type(value, json_type_array)) {
        uint64_t index;
        size_t len = json_object_array_length(value);
        if (len == 0 || !str_to_u64(str_from_c(key), len - 1, &index)) {
            return false;
        }
        *ret_value = json_object_array_get_idx(value, index);
        return true;
    }
    return json_object_is_type(value, json_type_object) &&
           json_object_object_get_ex(value, key, ret_value);
}

/* Where the path begins, borrowed, and how many of its keys that has taken. */
static bool path_start(const struct path *path, const struct run *run, const struct scope *scope,
                       size_t *ret_taken, struct json_object **ret_value)
{
    if (path->from == PATH_ROOT) {
        *ret_value = run->root;
        return true;
    }
    if (path->from == PATH_SELF) {
        *ret_value = scope->value;
        return true;
    }
    for (; scope; scope = scope->outer) {
        if (json_object_is_type(scope->value, json_type_object) &&
            json_object_object_get_ex(scope->value, path->keys[0], ret_value)) {
            *ret_taken = 1;
            return true;
        }
    }
    return false;
}

bool path_find(const struct path *path, const struct run *run, const struct scope *scope,
               struct json_object **ret_value)
{
    if (path->from != PATH_NAME && path->from != PATH_SELF && path->from != PATH_ROOT) {
        return path->count == 0 && loop_value(path->from, scope, ret_value);
    }
    size_t at = 0;
    struct json_object *value = NULL;
    if (!path_start(path, run, scope, &at, &value)) {
        return false;
    }
    for (; at < path->count; at++) {
        if (!member(value, path->keys[at], scope, &value)) {
            return false;
        }
    }
    *ret_value = json_object_get(value);
    return true;
}

/* A filter reads or has made `value`: without this, a loop over filters on a large value would take
 * as long as it likes. */
static int charge_filter(struct run *run, struct json_object *value)
{
    size_t size = 1;
    if (json_object_is_type(value, json_type_string)) {
        size += (size_t)json_object_get_string_len(value);
    } else if (json_object_is_type(value, json_type_array)) {
        size += json_object_array_length(value);
    }
    if (size > run->filtered_left) {
        return run_fail(run, HUB_ERR_LIMIT, "the filters have too much to do");
    }
    run->filtered_left -= size;
    return 0;
}

static int apply_filter(const struct filter_call *call, struct run *run, const struct scope *scope,
                        struct json_object **value)
{
    struct json_object *args[FILTER_ARGS_MAX] = {NULL};
    struct json_object *result = NULL;
    for (size_t i = 0; i < FILTER_ARGS_MAX; i++) {
        const struct argument *argument = &call->args[i];
        bool is_path = argument->path.count > 0 || argument->path.from != PATH_NAME;
        if (argument->constant) {
            args[i] = json_object_get(argument->constant);
        } else if (is_path && !path_find(&argument->path, run, scope, &args[i])) {
            args[i] = NULL;
        }
    }
    int err = charge_filter(run, *value);
    if (err == 0) {
        err = call->filter->apply(run, *value, args, &result);
    }
    for (size_t i = 0; i < FILTER_ARGS_MAX; i++) {
        json_object_put(args[i]);
    }
    if (err < 0) {
        return err;
    }
    json_object_put(*value);
    *value = result;
    return charge_filter(run, result);
}

int expression_value(const struct expression *expression, struct run *run,
                     const struct scope *scope, bool *ret_found, struct json_object **ret_value)
{
    struct json_object *value = NULL;
    bool found = path_find(&expression->path, run, scope, &value);
    for (const struct filter_call *call = expression->filters; call; call = call->next) {
        if (!value && !call->filter->takes_null) {
            continue;
        }
        int err = apply_filter(call, run, scope, &value);
        if (err < 0) {
            json_object_put(value);
            return err;
        }
        found = found || value;
    }
    *ret_found = found;
    *ret_value = value;
    return 0;
}

bool value_is_true(struct json_object *value)
{
    switch (json_object_get_type(value)) {
    case json_type_null:
        return false;
    case json_type_boolean:
        return json_object_get_boolean(value);
    case json_type_int:
        return json_object_get_int64(value) != 0;
    case json_type_double:
        return json_object_get_double(value) != 0;
    case json_type_string:
        return json_object_get_string_len(value) > 0;
    case json_type_array:
        return json_object_array_length(value) > 0;
    case json_type_object:
        return true;
    }
    return false;
}

bool value_append(struct json_object *value, struct buf *buf)
{
    switch (json_object_get_type(value)) {
    case json_type_null:
        return true;
    case json_type_string:
        buf_append_str(buf, json_str(value));
        return true;
    case json_type_array:
    case json_type_object:
        return false;
    default:
        json_append(buf, value);
        return true;
    }
}
