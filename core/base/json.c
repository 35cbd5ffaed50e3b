#include "base/json.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- writing ---------------------------------------------------------------------------------- */

/* The shortest of the usual precisions that gives the same double again. */
static void append_plain_double(struct buf *buf, double value)
{
    char text[32];
    locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    locale_t before = uselocale(c_locale); /* a decimal point, whatever a library has set */

    for (int precision = 15; precision <= 17; precision++) {
        snprintf(text, sizeof text, "%.*g", precision, value);
        if (strtod(text, NULL) == value) {
            break;
        }
    }
    uselocale(before);
    buf_append_c(buf, text);
    if (!strpbrk(text, ".e")) {
        buf_append_str(buf, STR(".0")); /* so that it is read as a double again */
    }
}

static void append_double(struct buf *buf, struct json_object *number)
{
    double value = json_object_get_double(number);
    /* json_object_new_double_s() keeps the source text as user data. It is taken from there, since
     * json-c's own printing gives a shortened text without a word when memory ends. */
    const char *source = json_object_get_userdata(number);

    if (!isfinite(value)) {
        buf_append_str(buf, STR("null")); /* JSON has no such numbers */
    } else if (source) {
        buf_append_c(buf, source);
    } else {
        append_plain_double(buf, value);
    }
}

static void append_int(struct buf *buf, struct json_object *number)
{
    int64_t value = json_object_get_int64(number);

    if (value < 0) {
        buf_append_i64(buf, value);
    } else {
        buf_append_u64(buf, json_object_get_uint64(number));
    }
}

static void append_array(struct buf *buf, struct json_object *array)
{
    size_t len = json_object_array_length(array);

    buf_append_char(buf, '[');
    for (size_t i = 0; i < len; i++) {
        if (i > 0) {
            buf_append_char(buf, ',');
        }
        json_append(buf, json_object_array_get_idx(array, i));
    }
    buf_append_char(buf, ']');
}

static void append_object(struct buf *buf, struct json_object *object)
{
    bool first = true;

    buf_append_char(buf, '{');
    json_object_object_foreach(object, name, value) {
        if (!first) {
            buf_append_char(buf, ',');
        }
        first = false;
        buf_append_json_string(buf, str_from_c(name));
        buf_append_char(buf, ':');
        json_append(buf, value);
    }
    buf_append_char(buf, '}');
}

void json_append(struct buf *buf, struct json_object *value)
{
    switch (json_object_get_type(value)) {
    case json_type_null:
        buf_append_str(buf, STR("null"));
        return;
    case json_type_boolean:
        buf_append_str(buf, json_object_get_boolean(value) ? STR("true") : STR("false"));
        return;
    case json_type_int:
        append_int(buf, value);
        return;
    case json_type_double:
        append_double(buf, value);
        return;
    case json_type_string:
        buf_append_json_string(buf, json_str(value));
        return;
    case json_type_array:
        append_array(buf, value);
        return;
    case json_type_object:
        append_object(buf, value);
        return;
    }
}

/* --- members ---------------------------------------------------------------------------------- */

static bool get_typed(struct json_object *object, const char *name, enum json_type type,
                      struct json_object **ret_value)
{
    struct json_object *value;

    if (!json_object_is_type(object, json_type_object) ||
        !json_object_object_get_ex(object, name, &value) || !json_object_is_type(value, type)) {
        return false;
    }
    *ret_value = value;
    return true;
}

struct str json_str(struct json_object *string)
{
    return str_of(json_object_get_string(string), (size_t)json_object_get_string_len(string));
}

bool json_get_str(struct json_object *object, const char *name, struct str *ret_value)
{
    struct json_object *value;

    if (!get_typed(object, name, json_type_string, &value)) {
        return false;
    }
    *ret_value = json_str(value);
    return true;
}

bool json_get_i64(struct json_object *object, const char *name, int64_t *ret_value)
{
    struct json_object *value;

    if (!get_typed(object, name, json_type_int, &value)) {
        return false;
    }
    int64_t number = json_object_get_int64(value);
    /* json-c clamps what does not fit. */
    if (number == INT64_MAX && json_object_get_uint64(value) != INT64_MAX) {
        return false;
    }
    *ret_value = number;
    return true;
}

bool json_get_bool(struct json_object *object, const char *name, bool *ret_value)
{
    struct json_object *value;

    if (!get_typed(object, name, json_type_boolean, &value)) {
        return false;
    }
    *ret_value = json_object_get_boolean(value);
    return true;
}

bool json_get_object(struct json_object *object, const char *name, struct json_object **ret_value)
{
    return get_typed(object, name, json_type_object, ret_value);
}

bool json_get_array(struct json_object *object, const char *name, struct json_object **ret_value)
{
    return get_typed(object, name, json_type_array, ret_value);
}

/* --- JSON Pointer (RFC 6901) ------------------------------------------------------------------ */

void json_pointer_append(struct buf *pointer, struct str token)
{
    buf_append_char(pointer, '/');
    for (size_t i = 0; i < token.len; i++) {
        if (token.ptr[i] == '~') {
            buf_append_str(pointer, STR("~0"));
        } else if (token.ptr[i] == '/') {
            buf_append_str(pointer, STR("~1"));
        } else {
            buf_append_char(pointer, token.ptr[i]);
        }
    }
}

void json_pointer_append_index(struct buf *pointer, size_t index)
{
    buf_append_char(pointer, '/');
    buf_append_u64(pointer, index);
}

/* Appends the token without its escapes; false if one is not valid. */
static bool unescape_token(struct buf *name, struct str token)
{
    for (size_t i = 0; i < token.len; i++) {
        char c = token.ptr[i];
        if (c == '~') {
            char escape = ++i < token.len ? token.ptr[i] : '\0';
            if (escape != '0' && escape != '1') {
                return false;
            }
            c = escape == '0' ? '~' : '/';
        }
        buf_append_char(name, c);
    }
    return !buf_failed(name);
}

static bool get_element(struct json_object *array, struct str token, struct json_object **ret_value)
{
    uint64_t index;

    if ((token.len > 1 && token.ptr[0] == '0') || !str_to_u64(token, UINT64_MAX, &index) ||
        index >= json_object_array_length(array)) {
        return false;
    }
    *ret_value = json_object_array_get_idx(array, index);
    return true;
}

static bool get_member(struct json_object *object, struct str token, struct json_object **ret_value)
{
    struct buf name;
    bool found = false;

    buf_init(&name, BUF_NO_LIMIT);
    /* No member's name has a NUL in it, and json-c would stop there. */
    if (unescape_token(&name, token) && !memchr(token.ptr ? token.ptr : "", '\0', token.len)) {
        found = json_object_object_get_ex(object, name.ptr ? name.ptr : "", ret_value);
    }
    buf_release(&name);
    return found;
}

bool json_at(struct json_object *root, struct str pointer, struct json_object **ret_value)
{
    struct json_object *value = root;

    if (pointer.len > 0 && pointer.ptr[0] != '/') {
        return false;
    }
    struct str rest = str_slice(pointer, 1, pointer.len);
    while (rest.ptr && pointer.len > 0) {
        struct str token = str_split(&rest, '/');
        enum json_type type = json_object_get_type(value);
        if (!(type == json_type_object && get_member(value, token, &value)) &&
            !(type == json_type_array && get_element(value, token, &value))) {
            return false;
        }
    }
    *ret_value = value;
    return true;
}
