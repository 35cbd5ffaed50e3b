#include "accounts/marks.h"

#include <string.h>

#define MARKS_MAX 1024
#define STEPS_MAX 100000
#define DEPTH_MAX 128

/* The values of one tree that are secret, by address. */
struct marks {
    struct json_object *schema; /* the whole document, for references */
    struct json_object *values[MARKS_MAX];
    unsigned count;
    unsigned steps;
    bool overrun;
};

/* --- Marking -----------------------------------------------------------------------------------*/

static void apply(struct marks *self, struct json_object *schema, struct json_object *value,
                  unsigned depth);

static bool is_marked(const struct marks *self, const struct json_object *value)
{
    for (unsigned i = 0; i < self->count; i++) {
        if (self->values[i] == value) {
            return true;
        }
    }
    return false;
}

static void mark(struct marks *self, struct json_object *value)
{
    if (value == NULL || is_marked(self, value)) {
        return; /* null hides nothing */
    }
    if (self->count == MARKS_MAX) {
        self->overrun = true;
        return;
    }
    self->values[self->count++] = value;
}

static void apply_reference(struct marks *self, struct json_object *schema,
                            struct json_object *value, unsigned depth)
{
    struct json_object *target = NULL;
    struct str reference;

    if (json_object_object_get_ex(schema, "$dynamicRef", NULL)) {
        mark(self, value);
    }
    if (!json_get_str(schema, "$ref", &reference)) {
        return;
    }
    /* Percent-encoding is not undone: such a reference leads nowhere, and is taken as one. */
    if (str_starts_with(reference, STR("#")) &&
        json_at(self->schema, str_slice(reference, 1, reference.len), &target)) {
        apply(self, target, value, depth + 1);
    } else {
        mark(self, value);
    }
}

static void apply_each(struct marks *self, struct json_object *schemas, struct json_object *value,
                       unsigned depth)
{
    if (json_object_is_type(schemas, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(schemas); i++) {
            apply(self, json_object_array_get_idx(schemas, i), value, depth + 1);
        }
    } else if (json_object_is_type(schemas, json_type_object)) {
        json_object_object_foreach(schemas, name, schema) {
            (void)name;
            apply(self, schema, value, depth + 1);
        }
    }
}

static struct json_object *keyword(struct json_object *schema, const char *name)
{
    struct json_object *found = NULL;

    json_object_object_get_ex(schema, name, &found);
    return found;
}

static void apply_in_place(struct marks *self, struct json_object *schema,
                           struct json_object *value, unsigned depth)
{
    static const char *const LISTS[] = {"allOf", "anyOf", "oneOf", "dependentSchemas"};
    static const char *const SINGLE[] = {"if", "then", "else", "not"};

    apply_reference(self, schema, value, depth);
    for (size_t i = 0; i < sizeof LISTS / sizeof LISTS[0]; i++) {
        apply_each(self, keyword(schema, LISTS[i]), value, depth);
    }
    for (size_t i = 0; i < sizeof SINGLE / sizeof SINGLE[0]; i++) {
        apply(self, keyword(schema, SINGLE[i]), value, depth + 1);
    }
}

static void apply_to_members(struct marks *self, struct json_object *schema,
                             struct json_object *object, unsigned depth)
{
    struct json_object *properties = keyword(schema, "properties");

    json_object_object_foreach(object, name, member) {
        struct json_object *own = NULL;

        if (json_object_object_get_ex(properties, name, &own)) {
            apply(self, own, member, depth + 1);
        } else {
            apply(self, keyword(schema, "additionalProperties"), member, depth + 1);
            apply(self, keyword(schema, "unevaluatedProperties"), member, depth + 1);
        }
        apply_each(self, keyword(schema, "patternProperties"), member, depth);
    }
}

static void apply_to_items(struct marks *self, struct json_object *schema,
                           struct json_object *array, unsigned depth)
{
    static const char *const ALL[] = {"items", "contains", "unevaluatedItems"};
    struct json_object *prefix = keyword(schema, "prefixItems");

    for (size_t i = 0; i < json_object_array_length(array); i++) {
        struct json_object *item = json_object_array_get_idx(array, i);

        if (json_object_is_type(prefix, json_type_array) && i < json_object_array_length(prefix)) {
            apply(self, json_object_array_get_idx(prefix, i), item, depth + 1);
        }
        for (size_t k = 0; k < sizeof ALL / sizeof ALL[0]; k++) {
            apply(self, keyword(schema, ALL[k]), item, depth + 1);
        }
    }
}

static void apply(struct marks *self, struct json_object *schema, struct json_object *value,
                  unsigned depth)
{
    bool write_only = false;

    if (!json_object_is_type(schema, json_type_object) || self->overrun) {
        return; /* not there, or true or false, which mark nothing */
    }
    if (depth > DEPTH_MAX || ++self->steps > STEPS_MAX) {
        self->overrun = true;
        return;
    }
    if (json_get_bool(schema, "writeOnly", &write_only) && write_only) {
        mark(self, value);
        return; /* with all that is in it */
    }
    apply_in_place(self, schema, value, depth);
    if (json_object_is_type(value, json_type_object)) {
        apply_to_members(self, schema, value, depth);
    } else if (json_object_is_type(value, json_type_array)) {
        apply_to_items(self, schema, value, depth);
    }
}

static int mark_all(struct marks *self, struct json_object *schema, struct json_object *settings)
{
    *self = (struct marks){.schema = schema};
    apply(self, schema, settings, 0);
    return self->overrun ? HUB_ERR_LIMIT : 0;
}

/* --- Copying -----------------------------------------------------------------------------------*/

/* What becomes of a secret: a value of the caller's, or a negative hub_err. `stored` is what stands
 * at the same place of the other tree, or NULL. */
typedef int secret_fn(struct json_object *value, struct json_object *stored,
                      struct json_object **ret_copy);

struct copying {
    const struct marks *marks;
    secret_fn *secret;
    struct buf *pointer; /* of the value at hand; where it failed, if it did */
};

static int copy_value(struct copying *self, struct json_object *value, struct json_object *stored,
                      struct json_object **ret_copy);

static int copy_members(struct copying *self, struct json_object *object,
                        struct json_object *stored, struct json_object *copy)
{
    size_t mark_at = self->pointer->len;

    json_object_object_foreach(object, name, member) {
        struct json_object *other = NULL;
        struct json_object *made = NULL;

        json_object_object_get_ex(stored, name, &other);
        json_pointer_append(self->pointer, str_from_c(name));
        int err = copy_value(self, member, other, &made);
        if (err < 0) {
            return err;
        }
        buf_truncate(self->pointer, mark_at);
        if (json_object_object_add(copy, name, made) < 0) {
            json_object_put(made);
            return HUB_ERR_NOMEM;
        }
    }
    return 0;
}

static int copy_items(struct copying *self, struct json_object *array, struct json_object *stored,
                      struct json_object *copy)
{
    size_t mark_at = self->pointer->len;
    bool both = json_object_is_type(stored, json_type_array);

    for (size_t i = 0; i < json_object_array_length(array); i++) {
        struct json_object *other = both ? json_object_array_get_idx(stored, i) : NULL;
        struct json_object *made = NULL;

        json_pointer_append_index(self->pointer, i);
        int err = copy_value(self, json_object_array_get_idx(array, i), other, &made);
        if (err < 0) {
            return err;
        }
        buf_truncate(self->pointer, mark_at);
        if (json_object_array_add(copy, made) < 0) {
            json_object_put(made);
            return HUB_ERR_NOMEM;
        }
    }
    return 0;
}

static int copy_value(struct copying *self, struct json_object *value, struct json_object *stored,
                      struct json_object **ret_copy)
{
    bool is_object = json_object_is_type(value, json_type_object);
    int err;

    if (is_marked(self->marks, value)) {
        return self->secret(value, stored, ret_copy);
    }
    if (!is_object && !json_object_is_type(value, json_type_array)) {
        *ret_copy = json_object_get(value);
        return 0;
    }
    struct json_object *copy = is_object ? json_object_new_object() : json_object_new_array();
    if (copy == NULL) {
        return HUB_ERR_NOMEM;
    }
    err =
        is_object ? copy_members(self, value, stored, copy) : copy_items(self, value, stored, copy);
    if (err < 0) {
        json_object_put(copy);
        return err;
    }
    *ret_copy = copy;
    return 0;
}

static int as_mask(struct json_object *value, struct json_object *stored,
                   struct json_object **ret_copy)
{
    (void)value;
    (void)stored;
    *ret_copy = json_object_new_string(MARKS_MASK);
    return *ret_copy != NULL ? 0 : HUB_ERR_NOMEM;
}

static int as_stored(struct json_object *value, struct json_object *stored,
                     struct json_object **ret_copy)
{
    bool is_mask =
        json_object_is_type(value, json_type_string) && str_eq(json_str(value), STR(MARKS_MASK));

    if (is_mask && stored == NULL) {
        return HUB_ERR_NOT_FOUND;
    }
    *ret_copy = json_object_get(is_mask ? stored : value);
    return 0;
}

int marks_mask(struct json_object *schema, struct json_object *settings,
               struct json_object **ret_shown)
{
    struct buf pointer;
    struct marks marks;
    int err = mark_all(&marks, schema, settings);

    buf_init(&pointer, BUF_NO_LIMIT);
    if (err == 0) {
        struct copying copying = {&marks, as_mask, &pointer};
        err = copy_value(&copying, settings, NULL, ret_shown);
    }
    buf_release(&pointer);
    return err;
}

int marks_merge(struct json_object *schema, struct json_object *settings,
                struct json_object *stored, struct json_object **ret_merged,
                struct buf *ret_pointer)
{
    struct marks marks;
    int err = mark_all(&marks, schema, settings);

    if (err == 0) {
        struct copying copying = {&marks, as_stored, ret_pointer};
        err = copy_value(&copying, settings, stored, ret_merged);
    }
    return err;
}
