#include "hubctl/input.h"

#include "base/json.h"
#include "base/json_place.h"
#include "hubctl/must.h"

int input_set(struct json_object *root, struct str assignment, struct hub_error *error)
{
    struct str text = assignment;
    struct str place = str_split(&text, '=');
    struct json_object *value;

    if (!text.ptr) {
        return hub_fail(error, HUB_ERR_BAD_REQUEST, "--set needs NAME=VALUE, not '%.*s'",
                        STR_ARG(assignment));
    }
    if (json_read(text, JSON_DEPTH_MAX, &value, NULL, NULL) < 0) {
        if (str_utf8_valid_prefix(text) < text.len) {
            return hub_fail(error, HUB_ERR_BAD_REQUEST, "the value of '%.*s' is not UTF-8",
                            STR_ARG(place));
        }
        value = must(json_object_new_string_len(text.ptr, (int)text.len));
    }
    return json_place_put(root, place, value, error);
}

int input_read_object(struct str text, const char *what, struct json_object **ret_value,
                      struct hub_error *error)
{
    struct json_object *value;
    struct hub_error why;

    if (json_read(text, JSON_DEPTH_MAX, &value, NULL, &why) < 0) {
        return hub_fail(error, HUB_ERR_BAD_REQUEST, "%s is not JSON: %s", what, why.detail);
    }
    if (!json_object_is_type(value, json_type_object)) {
        json_object_put(value);
        return hub_fail(error, HUB_ERR_BAD_REQUEST, "%s must be a JSON object: {…}", what);
    }
    *ret_value = value;
    return 0;
}
