#include "base/json_place.h"

#include "base/buf.h"

#include <json-c/json.h>

#define ARRAY_INDEX_MAX 9999

/* Splits the first part off `*place` and unescapes it into `part` (RFC 6901 §4 for pointers). */
static bool next_part(struct str *place, bool pointer, struct buf *part)
{
    struct str raw = str_split(place, pointer ? '/' : '.');

    buf_clear(part);
    for (size_t i = 0; i < raw.len; i++) {
        bool escape = pointer && raw.ptr[i] == '~' && i + 1 < raw.len &&
                      (raw.ptr[i + 1] == '0' || raw.ptr[i + 1] == '1');
        if (escape) {
            i++;
            buf_append_char(part, raw.ptr[i] == '0' ? '~' : '/');
        } else {
            buf_append_char(part, raw.ptr[i]);
        }
    }
    buf_append_str(part, STR("")); /* so that the bytes end in a NUL even if there are none */
    return !buf_failed(part);
}

static bool starts_array(struct str rest, bool pointer)
{
    struct str first = str_split(&rest, pointer ? '/' : '.');
    return str_eq(first, STR("0")) || str_eq(first, STR("-"));
}

/* The element that `part` names, where `len` stands for the one after the last. */
static bool array_index(struct json_object *array, struct str part, size_t *ret_index)
{
    size_t len = json_object_array_length(array);
    uint64_t index = len;

    if (!str_eq(part, STR("-")) && !str_to_u64(part, ARRAY_INDEX_MAX, &index)) {
        return false;
    }
    if (index > len) {
        return false;
    }
    *ret_index = (size_t)index;
    return true;
}

static struct json_object *member(struct json_object *container, struct str part)
{
    size_t index;

    if (json_object_is_type(container, json_type_array)) {
        return array_index(container, part, &index) ? json_object_array_get_idx(container, index)
                                                    : NULL;
    }
    return json_object_object_get(container, part.ptr);
}

/* Takes the reference to `value`. */
static int put_member(struct json_object *container, struct str part, struct json_object *value,
                      struct hub_error *error)
{
    size_t index;

    if (json_object_is_type(container, json_type_object)) {
        if (json_object_object_add(container, part.ptr, value) == 0) {
            return 0;
        }
        json_object_put(value);
        return hub_fail(error, HUB_ERR_NOMEM, "out of memory");
    }
    if (!array_index(container, part, &index)) {
        json_object_put(value);
        return hub_fail(error, HUB_ERR_BAD_REQUEST,
                        "'%.*s' is no place in an array of %zu: give 0…%zu, or - to add one",
                        STR_ARG(part), json_object_array_length(container),
                        json_object_array_length(container));
    }
    if (json_object_array_put_idx(container, index, value) == 0) {
        return 0;
    }
    json_object_put(value);
    return hub_fail(error, HUB_ERR_NOMEM, "out of memory");
}

/* The container at `part`, made if there is none; NULL with the error set. */
static struct json_object *descend(struct json_object *container, struct str part, bool array,
                                   struct hub_error *error)
{
    struct json_object *next = member(container, part);

    if (!next) {
        next = array ? json_object_new_array() : json_object_new_object();
        return put_member(container, part, next, error) < 0 ? NULL : next;
    }
    if (!json_object_is_type(next, json_type_object) &&
        !json_object_is_type(next, json_type_array)) {
        hub_fail(error, HUB_ERR_BAD_REQUEST, "'%.*s' is neither an object nor an array",
                 STR_ARG(part));
        return NULL;
    }
    return next;
}

int json_place_put(struct json_object *root, struct str place, struct json_object *value,
                   struct hub_error *error)
{
    bool pointer = place.len > 0 && place.ptr[0] == '/';
    struct json_object *container = root;
    struct buf part;
    int err = HUB_ERR_BAD_REQUEST;

    buf_init(&part, BUF_NO_LIMIT);
    if (place.len == 0) {
        hub_fail(error, err, "the place in the input is missing: give NAME=…");
        json_object_put(value);
        goto out;
    }
    if (pointer) {
        place = str_slice(place, 1, place.len);
    }
    bool ok = next_part(&place, pointer, &part);
    while (ok && place.ptr && container) {
        container = descend(container, buf_view(&part), starts_array(place, pointer), error);
        ok = next_part(&place, pointer, &part);
    }
    if (!ok || !container) {
        json_object_put(value);
        err = ok ? err : hub_fail(error, HUB_ERR_NOMEM, "out of memory");
        goto out;
    }
    err = put_member(container, buf_view(&part), value, error);
out:
    buf_release(&part);
    return err;
}
