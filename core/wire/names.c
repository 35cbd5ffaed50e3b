#include "wire/names.h"

#include "base/json.h"
#include "wire/wire.h"

#include <string.h>

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

bool name_is_code(struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_')) {
            return false;
        }
    }
    return name.len > 0 && name.len <= WIRE_CODE_MAX;
}

bool name_is_connector(struct str name)
{
    return name_is_code(name) && name.ptr[0] >= 'a' && name.ptr[0] <= 'z';
}

bool name_is_file(struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (is_control(name.ptr[i]) || name.ptr[i] == '/' || name.ptr[i] == '\\') {
            return false;
        }
    }
    return name.len > 0 && name.len <= WIRE_NAME_MAX && str_utf8_valid_prefix(name) == name.len &&
           !str_eq(name, STR(".")) && !str_eq(name, STR(".."));
}

static bool is_token(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!alnum && (c == '\0' || !strchr("!#$%&'*+-.^_`|~", c))) {
            return false;
        }
    }
    return s.len > 0;
}

bool name_is_media_type(struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (is_control(name.ptr[i]) || (unsigned char)name.ptr[i] > 0x7e) {
            return false;
        }
    }
    struct str rest = name;
    struct str essence = str_trim(str_split(&rest, ';'));
    struct str type = str_split(&essence, '/');
    return name.len <= WIRE_MEDIA_TYPE_MAX && is_token(type) && is_token(essence);
}

bool name_is_key(struct str name)
{
    return name.len > 0 && name.len <= WIRE_KEY_MAX && str_utf8_valid_prefix(name) == name.len;
}

bool name_is_entry(struct str body)
{
    struct json_object *value;
    if (body.len > WIRE_ENTRY_MAX || json_read(body, JSON_DEPTH_MAX, &value, NULL, NULL) < 0) {
        return false;
    }
    bool is_object = json_object_is_type(value, json_type_object);
    json_object_put(value);
    return is_object;
}

bool name_is_text(struct str text, size_t max)
{
    for (size_t i = 0; i < text.len; i++) {
        if (is_control(text.ptr[i]) && text.ptr[i] != '\n' && text.ptr[i] != '\t') {
            return false;
        }
    }
    return text.len <= max && str_utf8_valid_prefix(text) == text.len;
}
