#include "schemas/registry.h"

#include "schemas/keyword.h"
#include "schemas/meta.h"
#include "schemas/uri.h"

#include <stdio.h>
#include <stdlib.h>

#define ARENA_MAX   (64 << 20)
#define VALUES_MAX  1000000 /* JSON values in one document */
#define POINTER_MAX 160     /* bytes of a place in an error; the detail has 256 */

struct schema_registry *schema_registry_new(void)
{
    struct schema_registry *self = calloc(1, sizeof *self);
    if (self != NULL) {
        arena_init(&self->arena, ARENA_MAX);
        map_init(&self->resources);
        map_init(&self->anchors);
        map_init(&self->dynamics);
        map_init(&self->locations);
    }
    return self;
}

void schema_registry_free(struct schema_registry *self)
{
    if (self == NULL) {
        return;
    }
    for (struct schema_document *d = self->documents; d != NULL; d = d->next) {
        json_object_put(d->json);
    }
    map_release(&self->locations);
    map_release(&self->dynamics);
    map_release(&self->anchors);
    map_release(&self->resources);
    arena_release(&self->arena);
    free(self);
}

/*
 * Small helpers
 */

struct json_object *schema_member(struct json_object *json, const char *name)
{
    struct json_object *member = NULL;
    if (json_object_is_type(json, json_type_object)) {
        json_object_object_get_ex(json, name, &member);
    }
    return member;
}

static void append_place(struct buf *place, const struct schema_location *location, int depth)
{
    if (location->parent == NULL) {
        buf_append_str(place, location->uri);
        buf_append_char(place, '#');
        return;
    }
    if (depth < JSON_DEPTH_MAX) { /* a document is not deeper */
        append_place(place, location->parent, depth + 1);
    }
    json_pointer_append(place, location->keyword);
    if (location->token.ptr != NULL) {
        json_pointer_append(place, location->token);
    }
}

int schema_fail_at(const struct schema_location *location, struct str keyword, int err,
                   struct hub_error *error, const char *text)
{
    struct buf place;
    buf_init(&place, BUF_NO_LIMIT);
    append_place(&place, location, 0);
    if (keyword.len > 0) {
        json_pointer_append(&place, keyword);
    }
    struct str shown = buf_view(&place);
    bool cut = shown.len > POINTER_MAX; /* its end tells more than its start */
    hub_fail(error, err, "%s%.*s: %s", cut ? "…" : "",
             STR_ARG(str_slice(shown, cut ? shown.len - POINTER_MAX : 0, shown.len)), text);
    buf_release(&place);
    return err;
}

static struct str address_of(struct json_object *const *json)
{
    return str_of((const char *)json, sizeof *json);
}

struct schema_location *schema_registry_location(const struct schema_registry *self,
                                                 struct json_object *json)
{
    return map_get(&self->locations, address_of(&json));
}

/*
 * Entering a document
 */

/* What the walk through one document carries along. */
struct walk {
    struct schema_registry *registry;
    struct hub_error *error;
};

static int out_of_memory(const struct walk *walk)
{
    return hub_fail(walk->error, HUB_ERR_NOMEM, "out of memory");
}

static int enter_uri(const struct walk *walk, struct str uri, struct schema_resource *resource)
{
    if (map_get(&walk->registry->resources, uri) != NULL) {
        return schema_fail_at(resource->root, STR("$id"), HUB_ERR_CONFLICT, walk->error,
                              "the URI is taken");
    }
    return map_put(&walk->registry->resources, uri, resource) < 0 ? out_of_memory(walk) : 0;
}

static int add_resource(const struct walk *walk, struct str uri, struct schema_location *root,
                        struct schema_resource *parent)
{
    struct schema_registry *registry = walk->registry;
    struct schema_resource *resource = arena_zalloc(&registry->arena, sizeof *resource);
    if (resource == NULL) {
        return out_of_memory(walk);
    }
    resource->uri = uri;
    resource->root = root;
    resource->parent = parent;
    resource->index = registry->resources_len++;
    root->resource = resource;
    return enter_uri(walk, uri, resource);
}

/* "$id": the schema becomes a resource. */
static int enter_id(const struct walk *walk, struct schema_location *location)
{
    struct json_object *id = schema_member(location->json, "$id");
    if (id == NULL) {
        return 0;
    }
    if (!json_object_is_type(id, json_type_string) || json_str(id).len > SCHEMA_URI_MAX) {
        return schema_fail_at(location, STR("$id"), HUB_ERR_INVALID_INPUT, walk->error,
                              "must be a URI reference");
    }
    struct schema_resource *outer = location->resource;
    struct str uri, fragment;
    if (!schema_uri_resolve(&walk->registry->arena, outer->uri, json_str(id), &uri, &fragment)) {
        return out_of_memory(walk);
    }
    if (fragment.len > 0) {
        return schema_fail_at(location, STR("$id"), HUB_ERR_INVALID_INPUT, walk->error,
                              "must not have a fragment");
    }
    if (uri.len > SCHEMA_URI_MAX) { /* each level may add to it */
        return schema_fail_at(location, STR("$id"), HUB_ERR_LIMIT, walk->error,
                              "the URI is too long");
    }
    if (location == outer->root) { /* a document's root: another name for the same resource */
        outer->uri = uri;
        return map_get(&walk->registry->resources, uri) == outer ? 0 : enter_uri(walk, uri, outer);
    }
    return add_resource(walk, uri, location, outer);
}

/* "$anchor" and "$dynamicAnchor" must match ^[A-Za-z_][-A-Za-z0-9._]*$ (core §8.2.2). */
static bool is_anchor(struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i], lower = (char)(c | 0x20);
        bool letter = (lower >= 'a' && lower <= 'z') || c == '_';
        bool other = (c >= '0' && c <= '9') || c == '-' || c == '.';
        if (!letter && (i == 0 || !other)) {
            return false;
        }
    }
    return name.len > 0;
}

static struct str anchor_key(struct arena *arena, struct str uri, struct str name)
{
    struct buf key;
    buf_init(&key, BUF_NO_LIMIT);
    buf_append_str(&key, uri);
    buf_append_char(&key, '#');
    buf_append_str(&key, name);
    struct str copy = buf_failed(&key) ? (struct str){0} : arena_str(arena, buf_view(&key));
    buf_release(&key);
    return copy;
}

static int add_dynamic_anchor(const struct walk *walk, struct schema_location *location,
                              struct str name, struct str key)
{
    struct schema_dynamic_anchor *anchor = arena_alloc(&walk->registry->arena, sizeof *anchor);
    if (anchor == NULL || map_put(&walk->registry->dynamics, key, location) < 0) {
        return out_of_memory(walk);
    }
    *anchor = (struct schema_dynamic_anchor){name, location, location->resource->dynamic_anchors};
    location->resource->dynamic_anchors = anchor;
    return 0;
}

static int enter_anchor(const struct walk *walk, struct schema_location *location, bool dynamic)
{
    const char *keyword = dynamic ? "$dynamicAnchor" : "$anchor";
    struct json_object *value = schema_member(location->json, keyword);
    if (value == NULL) {
        return 0;
    }
    if (!json_object_is_type(value, json_type_string) || !is_anchor(json_str(value))) {
        return schema_fail_at(location, str_from_c(keyword), HUB_ERR_INVALID_INPUT, walk->error,
                              "must be a name of letters, digits, '-', '_' and '.'");
    }
    struct str name = json_str(value);
    struct str key = anchor_key(&walk->registry->arena, location->resource->uri, name);
    if (key.ptr == NULL) {
        return out_of_memory(walk);
    }
    struct schema_location *holder = map_get(&walk->registry->anchors, key);
    if (holder != NULL && holder != location) {
        return schema_fail_at(location, str_from_c(keyword), HUB_ERR_CONFLICT, walk->error,
                              "the anchor is taken");
    }
    if (map_put(&walk->registry->anchors, key, location) < 0) {
        return out_of_memory(walk);
    }
    return dynamic ? add_dynamic_anchor(walk, location, name, key) : 0;
}

/* Makes a location and enters it; the caller then fills in where it stands. */
static int add_location(const struct walk *walk, struct json_object *json,
                        const struct schema_location *template,
                        struct schema_location **ret_location)
{
    struct schema_registry *registry = walk->registry;
    bool is_schema =
        json_object_is_type(json, json_type_object) || json_object_is_type(json, json_type_boolean);
    if (!is_schema) {
        return schema_fail_at(template, STR(""), HUB_ERR_INVALID_INPUT, walk->error,
                              "must be a schema, which is an object or a boolean");
    }
    if (registry->locations_len >= SCHEMA_LOCATIONS_MAX) {
        return hub_fail(walk->error, HUB_ERR_LIMIT, "more than %d subschemas",
                        SCHEMA_LOCATIONS_MAX);
    }
    if (schema_registry_location(registry, json) != NULL) {
        return schema_fail_at(template, STR(""), HUB_ERR_CONFLICT, walk->error,
                              "the same value stands in another place too");
    }
    struct schema_location *location = arena_memdup(&registry->arena, template, sizeof *template);
    if (location == NULL) {
        return out_of_memory(walk);
    }
    location->json = json;
    location->index = registry->locations_len++;
    if (map_put(&registry->locations, address_of(&location->json), location) < 0) {
        return out_of_memory(walk);
    }
    *ret_location = location;
    return 0;
}

static int enter_schema(const struct walk *walk, struct schema_location *location);

static int enter_child(const struct walk *walk, struct schema_location *parent, struct str keyword,
                       struct str token, struct json_object *json)
{
    struct schema_location child = {
        .resource = parent->resource, .parent = parent, .keyword = keyword, .token = token};
    struct schema_location *location;
    int err = add_location(walk, json, &child, &location);
    return err < 0 ? err : enter_schema(walk, location);
}

static int enter_array(const struct walk *walk, struct schema_location *parent, struct str keyword,
                       struct json_object *array)
{
    size_t len = json_object_array_length(array);
    for (size_t i = 0; i < len; i++) {
        char digits[24];
        int digits_len = snprintf(digits, sizeof digits, "%zu", i);
        struct str token = arena_str(&walk->registry->arena, str_of(digits, (size_t)digits_len));
        if (token.ptr == NULL) {
            return out_of_memory(walk);
        }
        int err = enter_child(walk, parent, keyword, token, json_object_array_get_idx(array, i));
        if (err < 0) {
            return err;
        }
    }
    return 0;
}

static int enter_members(const struct walk *walk, struct schema_location *parent,
                         struct str keyword, struct json_object *object)
{
    json_object_object_foreach(object, key, value) {
        int err = enter_child(walk, parent, keyword, str_from_c(key), value);
        if (err < 0) {
            return err;
        }
    }
    return 0;
}

static int enter_keyword(const struct walk *walk, struct schema_location *location,
                         const struct schema_keyword *keyword, struct json_object *value)
{
    static const enum json_type EXPECTED[] = {
        [HOLDS_ARRAY] = json_type_array, [HOLDS_OBJECT] = json_type_object};
    if (keyword->holds == HOLDS_SCHEMA) {
        return enter_child(walk, location, keyword->name, (struct str){0}, value);
    }
    if (!json_object_is_type(value, EXPECTED[keyword->holds])) {
        return schema_fail_at(location, keyword->name, HUB_ERR_INVALID_INPUT, walk->error,
                              keyword->holds == HOLDS_ARRAY ? "must be an array of schemas"
                                                            : "must be an object of schemas");
    }
    return keyword->holds == HOLDS_ARRAY ? enter_array(walk, location, keyword->name, value)
                                         : enter_members(walk, location, keyword->name, value);
}

static int enter_schema(const struct walk *walk, struct schema_location *location)
{
    if (!json_object_is_type(location->json, json_type_object)) {
        return 0;
    }
    int err = enter_id(walk, location);
    if (err == 0) {
        err = enter_anchor(walk, location, false);
    }
    if (err == 0) {
        err = enter_anchor(walk, location, true);
    }
    json_object_object_foreach(location->json, name, value) {
        const struct schema_keyword *keyword = schema_keyword_find(str_from_c(name));
        if (err == 0 && keyword != NULL && keyword->holds != HOLDS_NOTHING) {
            err = enter_keyword(walk, location, keyword, value);
        }
    }
    return err;
}

/* The walk above and comparing with "const" recurse as deep as the document is. */
static bool within_limits(struct json_object *json, int depth, size_t *values)
{
    if (++*values > VALUES_MAX || depth > JSON_DEPTH_MAX) {
        return false;
    }
    if (json_object_is_type(json, json_type_array)) {
        size_t len = json_object_array_length(json);
        for (size_t i = 0; i < len; i++) {
            if (!within_limits(json_object_array_get_idx(json, i), depth + 1, values)) {
                return false;
            }
        }
    } else if (json_object_is_type(json, json_type_object)) {
        json_object_object_foreach(json, key, value) {
            (void)key;
            if (!within_limits(value, depth + 1, values)) {
                return false;
            }
        }
    }
    return true;
}

int schema_registry_add(struct schema_registry *self, struct str uri, struct json_object *document,
                        struct hub_error *error)
{
    const struct walk walk = {self, error};
    size_t values = 0;
    if (!within_limits(document, 0, &values)) {
        return hub_fail(error, HUB_ERR_LIMIT, "%.*s: the schema is too large or nested too deep",
                        (int)(uri.len > POINTER_MAX ? POINTER_MAX : uri.len), uri.ptr);
    }
    struct schema_document *entry = arena_alloc(&self->arena, sizeof *entry);
    struct str name = arena_str(&self->arena, uri);
    if (entry == NULL || name.ptr == NULL) {
        return out_of_memory(&walk);
    }
    *entry = (struct schema_document){json_object_get(document), self->documents};
    self->documents = entry;

    const struct schema_location at_root = {.uri = name};
    struct schema_location *root;
    int err = add_location(&walk, document, &at_root, &root);
    if (err == 0) {
        err = add_resource(&walk, name, root, NULL);
    }
    return err < 0 ? err : enter_schema(&walk, root);
}

/*
 * Following references
 */

/* The resource with this URI; one of the dialect's own documents is added when it is missed. */
static int find_resource(struct schema_registry *self, struct str uri,
                         struct schema_resource **ret_resource, struct hub_error *error)
{
    struct schema_resource *resource = map_get(&self->resources, uri);
    struct str text;
    if (resource == NULL && schema_meta_find(uri, &text)) {
        struct json_object *document;
        int err = json_read(text, JSON_DEPTH_MAX, &document, NULL, error);
        if (err < 0) {
            return err;
        }
        err = schema_registry_add(self, uri, document, error);
        json_object_put(document);
        if (err < 0) {
            return err;
        }
        resource = map_get(&self->resources, uri);
    }
    if (resource == NULL) {
        return hub_fail(error, HUB_ERR_NOT_FOUND, "no schema is registered as \"%.*s\"",
                        (int)(uri.len > POINTER_MAX ? POINTER_MAX : uri.len), uri.ptr);
    }
    *ret_resource = resource;
    return 0;
}

static int find_anchor(struct schema_registry *self, const struct schema_resource *resource,
                       struct str name, struct schema_target *ret_target)
{
    struct str key = anchor_key(&self->arena, resource->uri, name);
    if (key.ptr == NULL) {
        return HUB_ERR_NOMEM;
    }
    ret_target->location = map_get(&self->anchors, key);
    ret_target->dynamic = map_get(&self->dynamics, key) != NULL;
    ret_target->anchor = name;
    return 0;
}

int schema_registry_resolve(struct schema_registry *self, struct str base, struct str reference,
                            struct schema_target *ret_target, struct hub_error *error)
{
    struct str uri, fragment;
    if (reference.len > SCHEMA_URI_MAX) {
        return hub_fail(error, HUB_ERR_LIMIT, "the URI is too long");
    }
    if (!schema_uri_resolve(&self->arena, base, reference, &uri, &fragment)) {
        return hub_fail(error, HUB_ERR_NOMEM, "out of memory");
    }
    struct schema_resource *resource = NULL;
    int err = find_resource(self, uri, &resource, error);
    if (err < 0) {
        return err;
    }
    struct schema_target target = {.location = resource->root};
    struct json_object *json;
    if (fragment.len > 0 && !schema_uri_decode(&self->arena, fragment, &fragment)) {
        return hub_fail(error, HUB_ERR_NOT_FOUND, "the fragment is malformed");
    }
    if (fragment.len > 0 && fragment.ptr[0] == '/') {
        target.location = json_at(resource->root->json, fragment, &json)
                              ? schema_registry_location(self, json)
                              : NULL;
    } else if (fragment.len > 0 && find_anchor(self, resource, fragment, &target) < 0) {
        return hub_fail(error, HUB_ERR_NOMEM, "out of memory");
    }
    if (target.location == NULL) {
        return hub_fail(error, HUB_ERR_NOT_FOUND, "\"%.*s\" leads to no schema",
                        (int)(reference.len > POINTER_MAX ? POINTER_MAX : reference.len),
                        reference.ptr);
    }
    *ret_target = target;
    return 0;
}

/*
 * Vocabularies
 */

static int read_vocabulary(struct json_object *vocabulary, unsigned *ret_vocabularies,
                           struct hub_error *error)
{
    unsigned found = VOCABULARY_CORE;
    json_object_object_foreach(vocabulary, uri, required) {
        unsigned bit = schema_vocabulary_find(str_from_c(uri));
        if (bit == 0 && json_object_get_boolean(required)) {
            return hub_fail(error, HUB_ERR_INVALID_INPUT, "unknown vocabulary \"%.100s\"", uri);
        }
        found |= bit;
    }
    *ret_vocabularies = found;
    return 0;
}

/* The "$schema" that holds for a resource: its own or that of what it is embedded in. */
static struct json_object *dialect_of(const struct schema_resource *resource)
{
    struct json_object *dialect = NULL;
    for (; resource != NULL && dialect == NULL; resource = resource->parent) {
        dialect = schema_member(resource->root->json, "$schema");
    }
    return dialect;
}

int schema_registry_vocabularies(struct schema_registry *self, struct schema_resource *resource,
                                 unsigned *ret_vocabularies, struct hub_error *error)
{
    struct json_object *dialect = dialect_of(resource);
    if (resource->vocabularies != 0 || dialect == NULL) {
        *ret_vocabularies = resource->vocabularies | (dialect ? 0 : VOCABULARIES_DEFAULT);
        return 0;
    }
    if (!json_object_is_type(dialect, json_type_string)) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT, "must be a URI");
    }
    unsigned found = VOCABULARIES_DEFAULT;
    if (!str_eq(json_str(dialect), STR(SCHEMA_DIALECT))) {
        struct schema_target meta;
        int err = schema_registry_resolve(self, resource->uri, json_str(dialect), &meta, error);
        if (err < 0) {
            return err == HUB_ERR_NOT_FOUND ? HUB_ERR_INVALID_INPUT : err;
        }
        struct json_object *vocabulary = schema_member(meta.location->json, "$vocabulary");
        if (json_object_is_type(vocabulary, json_type_object)) {
            err = read_vocabulary(vocabulary, &found, error);
            if (err < 0) {
                return err;
            }
        }
    }
    *ret_vocabularies = resource->vocabularies = found;
    return 0;
}
