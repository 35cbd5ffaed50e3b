#include "schemas/equal.h"

#include "base/hash.h"
#include "base/json.h"
#include "schemas/number.h"
#include "schemas/schema.h"

#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 256 /* values read by json_read() stay far below */

static bool is_number(enum json_type type)
{
    return type == json_type_int || type == json_type_double;
}

static bool equal_at(struct json_object *a, struct json_object *b, size_t *steps, int depth);

static bool arrays_equal(struct json_object *a, struct json_object *b, size_t *steps, int depth)
{
    size_t len = json_object_array_length(a);
    if (len != json_object_array_length(b)) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (!equal_at(json_object_array_get_idx(a, i), json_object_array_get_idx(b, i), steps,
                      depth)) {
            return false;
        }
    }
    return true;
}

static bool objects_equal(struct json_object *a, struct json_object *b, size_t *steps, int depth)
{
    if (json_object_object_length(a) != json_object_object_length(b)) {
        return false;
    }
    json_object_object_foreach(a, key, value) {
        struct json_object *other;
        if (!json_object_object_get_ex(b, key, &other) || !equal_at(value, other, steps, depth)) {
            return false;
        }
    }
    return true;
}

static bool equal_at(struct json_object *a, struct json_object *b, size_t *steps, int depth)
{
    if (*steps == 0 || depth > DEPTH_MAX) {
        return false;
    }
    --*steps;
    enum json_type type = json_object_get_type(a), other = json_object_get_type(b);
    if (is_number(type) && is_number(other)) {
        return schema_number_cmp(schema_number_of(a), schema_number_of(b)) == 0;
    }
    if (type != other) {
        return false;
    }
    switch (type) {
    case json_type_boolean:
        return json_object_get_boolean(a) == json_object_get_boolean(b);
    case json_type_string:
        return str_eq(json_str(a), json_str(b));
    case json_type_array:
        return arrays_equal(a, b, steps, depth + 1);
    case json_type_object:
        return objects_equal(a, b, steps, depth + 1);
    default:
        return true; /* null */
    }
}

bool schema_equal(struct json_object *a, struct json_object *b, size_t *steps)
{
    return equal_at(a, b, steps, 0);
}

/*
 * A hash that equal values share
 */

struct hashing {
    const uint64_t *secret;
    size_t *steps;
};

static uint64_t hash_words(const struct hashing *h, uint64_t tag, uint64_t a, uint64_t b)
{
    uint64_t words[] = {tag, a, b};
    return hash_sip13(h->secret, str_of((const char *)words, sizeof words));
}

static uint64_t hash_at(const struct hashing *h, struct json_object *value, int depth);

static uint64_t hash_number(const struct hashing *h, struct json_object *value)
{
    struct schema_number number = schema_number_of(value);
    uint64_t bits;
    memcpy(&bits, &number.u, sizeof bits); /* the union's members have one size */
    return hash_words(h, json_type_double, (uint64_t)number.kind, bits);
}

static uint64_t hash_members(const struct hashing *h, struct json_object *object, int depth)
{
    uint64_t sum = 0; /* whatever the order of the members */
    json_object_object_foreach(object, key, value) {
        sum += hash_words(h, json_type_string, hash_sip13(h->secret, str_from_c(key)),
                          hash_at(h, value, depth));
    }
    return hash_words(h, json_type_object, sum, 0);
}

static uint64_t hash_items(const struct hashing *h, struct json_object *array, int depth)
{
    uint64_t hash = 0;
    size_t len = json_object_array_length(array);
    for (size_t i = 0; i < len; i++) {
        hash = hash_words(h, json_type_array, hash,
                          hash_at(h, json_object_array_get_idx(array, i), depth));
    }
    return hash_words(h, json_type_array, hash, len);
}

static uint64_t hash_at(const struct hashing *h, struct json_object *value, int depth)
{
    if (*h->steps == 0 || depth > DEPTH_MAX) {
        return 0;
    }
    --*h->steps;
    enum json_type type = json_object_get_type(value);
    switch (type) {
    case json_type_int:
    case json_type_double:
        return hash_number(h, value);
    case json_type_boolean:
        return hash_words(h, type, (uint64_t)json_object_get_boolean(value), 0);
    case json_type_string:
        return hash_sip13(h->secret, json_str(value));
    case json_type_array:
        return hash_items(h, value, depth + 1);
    case json_type_object:
        return hash_members(h, value, depth + 1);
    default:
        return hash_words(h, type, 0, 0);
    }
}

/*
 * Twins
 */

static int find_twins_by_pairs(struct json_object *array, size_t len, size_t *steps,
                               size_t *ret_first, size_t *ret_second)
{
    for (size_t second = 1; second < len; second++) {
        struct json_object *item = json_object_array_get_idx(array, second);
        for (size_t first = 0; first < second; first++) {
            if (schema_equal(json_object_array_get_idx(array, first), item, steps)) {
                *ret_first = first;
                *ret_second = second;
                return 1;
            }
        }
    }
    return 0;
}

struct hashed_item {
    uint64_t hash;
    size_t index;
};

static int by_hash(const void *a, const void *b)
{
    const struct hashed_item *x = a, *y = b;
    if (x->hash != y->hash) {
        return x->hash < y->hash ? -1 : 1;
    }
    return (x->index > y->index) - (x->index < y->index);
}

int schema_find_twins(struct json_object *array, const uint64_t *secret, size_t *steps,
                      size_t *ret_first, size_t *ret_second)
{
    size_t len = json_object_array_length(array);
    if (len <= SCHEMA_UNIQUE_SMALL) {
        return find_twins_by_pairs(array, len, steps, ret_first, ret_second);
    }
    struct hashed_item *items = malloc(len * sizeof *items);
    if (items == NULL) {
        return HUB_ERR_NOMEM;
    }
    const struct hashing h = {secret, steps};
    for (size_t i = 0; i < len; i++) {
        items[i] = (struct hashed_item){hash_at(&h, json_object_array_get_idx(array, i), 0), i};
    }
    qsort(items, len, sizeof *items, by_hash);

    int found = 0;
    for (size_t i = 1; i < len && found == 0 && *steps != 0; i++) {
        size_t first = items[i - 1].index, second = items[i].index;
        if (items[i - 1].hash == items[i].hash &&
            schema_equal(json_object_array_get_idx(array, first),
                         json_object_array_get_idx(array, second), steps)) {
            *ret_first = first;
            *ret_second = second;
            found = 1;
        }
    }
    free(items);
    return found;
}
