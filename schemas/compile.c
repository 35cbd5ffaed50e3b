#include "schemas/compile.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

#define SCRATCH_MAX (16 << 20)

/*
 * Services for the keywords
 */

int schema_draft_refuse(const struct schema_compiler *compiler, const struct schema_draft *draft,
                        const char *text)
{
    return schema_fail_at(draft->location, draft->keyword->name, HUB_ERR_INVALID_INPUT,
                          compiler->error, text);
}

int schema_compiler_exhausted(const struct schema_compiler *compiler)
{
    const struct arena *arena = &compiler->schema->arena;
    if (arena->limit - arena->used < arena->limit / 64) {
        return hub_fail(compiler->error, HUB_ERR_LIMIT, "the compiled schema is too large");
    }
    return hub_fail(compiler->error, HUB_ERR_NOMEM, "out of memory");
}

struct schema_rule *schema_draft_rule(struct schema_draft *draft, schema_check_fn *check,
                                      unsigned applies, enum schema_phase phase)
{
    struct schema_rule *rule = &draft->rules[draft->rules_len++];
    *rule = (struct schema_rule){.check = check,
                                 .keyword = draft->keyword->name.ptr,
                                 .applies = (uint8_t)applies,
                                 .phase = (uint8_t)phase};
    return rule;
}

uint32_t schema_compiler_anchor(struct schema_compiler *compiler, struct str name)
{
    uintptr_t number = (uintptr_t)map_get(&compiler->anchor_names, name);
    if (number == 0) {
        number = compiler->anchor_names.len + 1;
        if (map_put(&compiler->anchor_names, name, (void *)number) < 0) {
            return SCHEMA_NAMES_NONE;
        }
    }
    return (uint32_t)number - 1;
}

/* What entering `resource` adds to the dynamic scope. All its dynamic anchors are compiled, since
 * which of them are used shows only when validating. */
static const struct schema_scope *scope_of(struct schema_compiler *c,
                                           struct schema_resource *resource)
{
    struct schema_scope **known = &c->scopes[resource->index];
    if (*known != NULL) {
        return *known;
    }
    size_t len = 0;
    for (struct schema_dynamic_anchor *a = resource->dynamic_anchors; a != NULL; a = a->next) {
        len++;
    }
    struct schema_scope *scope = arena_zalloc(&c->schema->arena, sizeof *scope);
    struct schema_scope_anchor *anchors =
        arena_zalloc(&c->schema->arena, (len + 1) * sizeof *anchors);
    if (scope == NULL || anchors == NULL) {
        return NULL;
    }
    *known = scope; /* the anchors' nodes ask for it again */
    scope->anchors = anchors;
    for (struct schema_dynamic_anchor *a = resource->dynamic_anchors; a != NULL; a = a->next) {
        struct schema_node *node = schema_compiler_node(c, a->location);
        uint32_t name = schema_compiler_anchor(c, a->name);
        if (node == NULL || name == SCHEMA_NAMES_NONE) {
            return NULL;
        }
        anchors[scope->len++] = (struct schema_scope_anchor){name, node};
    }
    return scope;
}

struct schema_node *schema_compiler_node(struct schema_compiler *compiler,
                                         struct schema_location *location)
{
    struct schema_node **known = &compiler->nodes[location->index];
    if (*known != NULL) {
        return *known;
    }
    struct schema_node *node = arena_zalloc(&compiler->schema->arena, sizeof *node);
    struct schema_pending *pending = arena_alloc(&compiler->scratch, sizeof *pending);
    if (node == NULL || pending == NULL) {
        return NULL;
    }
    node->types = TYPE_ANY;
    *pending = (struct schema_pending){location, node, compiler->pending};
    compiler->pending = pending;
    *known = node;
    node->scope = scope_of(compiler, location->resource);
    return node->scope != NULL ? node : NULL;
}

struct schema_node *schema_compiler_child(struct schema_compiler *compiler,
                                          struct json_object *subschema)
{
    /* Every place that a keyword of the table holds a schema in is a location. */
    return schema_compiler_node(compiler, schema_registry_location(compiler->registry, subschema));
}

int schema_compiler_pattern(struct schema_compiler *compiler, const struct schema_draft *draft,
                            struct str source, const struct schema_pattern **ret_pattern)
{
    struct schema_pattern_owner *owner = arena_alloc(&compiler->schema->arena, sizeof *owner);
    if (owner == NULL) {
        return schema_compiler_exhausted(compiler);
    }
    struct hub_error why;
    size_t bytes;
    int err = schema_pattern_compile(source, &owner->pattern, &bytes, &why);
    if (err < 0) {
        return schema_fail_at(draft->location, draft->keyword->name, err, compiler->error,
                              why.detail);
    }
    owner->next = compiler->schema->patterns;
    compiler->schema->patterns = owner;
    *ret_pattern = owner->pattern;
    compiler->patterns_bytes += bytes;
    if (compiler->patterns_bytes > SCHEMA_PATTERNS_MAX) {
        return schema_fail_at(draft->location, draft->keyword->name, HUB_ERR_LIMIT, compiler->error,
                              "the patterns are too large, all together");
    }
    return 0;
}

/*
 * One location
 */

/* Moves the rules into the node, ordered by phase. Their order within a phase stays. */
static int take_rules(struct schema_compiler *c, const struct schema_draft *draft)
{
    struct schema_node *node = draft->node;
    struct schema_rule *rules = arena_alloc(&c->schema->arena, draft->rules_len * sizeof *rules);
    if (rules == NULL) {
        return schema_compiler_exhausted(c);
    }
    for (unsigned phase = PHASE_VALUE; phase <= PHASE_UNEVALUATED; phase++) {
        for (size_t i = 0; i < draft->rules_len; i++) {
            if (draft->rules[i].phase == phase) {
                rules[node->rules_len++] = draft->rules[i];
            }
        }
    }
    node->rules = rules;
    return 0;
}

static int compile_keyword(struct schema_compiler *c, struct schema_draft *draft, struct str name,
                           struct json_object *value)
{
    draft->keyword = schema_keyword_find(name);
    if (draft->keyword == NULL) {
        bool refused = (c->flags & SCHEMA_STRICT) && !str_starts_with(name, STR("x-"));
        return refused ? schema_fail_at(draft->location, name, HUB_ERR_INVALID_INPUT, c->error,
                                        "unknown keyword")
                       : 0;
    }
    bool active = (draft->keyword->vocabularies & draft->vocabularies) != 0;
    return active && draft->keyword->compile != NULL ? draft->keyword->compile(c, draft, value) : 0;
}

static int compile_object(struct schema_compiler *c, struct schema_draft *draft)
{
    struct hub_error why;
    int err = schema_registry_vocabularies(c->registry, draft->location->resource,
                                           &draft->vocabularies, &why);
    if (err < 0) {
        return schema_fail_at(draft->location->resource->root, STR("$schema"), err, c->error,
                              why.detail);
    }
    json_object_object_foreach(draft->location->json, name, value) {
        if (err == 0) {
            err = compile_keyword(c, draft, str_from_c(name), value);
        }
    }
    if (err == 0) {
        err = schema_draft_finish(c, draft);
    }
    return err < 0 ? err : take_rules(c, draft);
}

static int compile_location(struct schema_compiler *c, const struct schema_pending *pending)
{
    struct json_object *json = pending->location->json;
    if (json_object_is_type(json, json_type_boolean)) {
        pending->node->never = !json_object_get_boolean(json);
        pending->node->types = pending->node->never ? 0 : TYPE_ANY;
        return 0;
    }
    struct schema_draft draft = {
        .location = pending->location, .node = pending->node, .contains_range = {1, UINT64_MAX}};
    return compile_object(c, &draft);
}

/*
 * A whole schema
 */

static int compile_all(struct schema_compiler *c, struct schema_location *location)
{
    struct schema_node *root = schema_compiler_node(c, location);
    if (root == NULL) {
        return schema_compiler_exhausted(c);
    }
    c->schema->root = root;
    while (c->pending != NULL) {
        struct schema_pending *pending = c->pending;
        c->pending = pending->next;
        int err = compile_location(c, pending);
        if (err < 0) {
            return err;
        }
    }
    return schema_graph_check(c, root);
}

int schema_compile(struct schema_registry *registry, struct str uri, unsigned flags,
                   struct schema **ret_schema, struct hub_error *error)
{
    struct schema_target target;
    int err = schema_registry_resolve(registry, STR(""), uri, &target, error);
    if (err < 0) {
        return err;
    }
    struct schema_compiler c = {.registry = registry, .flags = flags, .error = error};
    arena_init(&c.scratch, SCRATCH_MAX);
    map_init(&c.anchor_names);
    /* Compiling may load the dialect's documents, so there may be more locations at the end. */
    c.nodes = calloc(SCHEMA_LOCATIONS_MAX, sizeof *c.nodes);
    c.scopes = calloc(SCHEMA_LOCATIONS_MAX, sizeof *c.scopes);
    c.schema = calloc(1, sizeof *c.schema);
    if (c.nodes == NULL || c.scopes == NULL || c.schema == NULL) {
        err = hub_fail(error, HUB_ERR_NOMEM, "out of memory");
        goto out;
    }
    arena_init(&c.schema->arena, SCHEMA_COMPILED_MAX);
    hash_random(c.schema->secret, sizeof c.schema->secret);
    err = compile_all(&c, target.location);
    if (err == 0) {
        *ret_schema = c.schema;
        c.schema = NULL;
    }
out:
    schema_free(c.schema);
    free(c.scopes);
    free(c.nodes);
    map_release(&c.anchor_names);
    arena_release(&c.scratch);
    return err;
}

void schema_free(struct schema *self)
{
    if (self == NULL) {
        return;
    }
    for (struct schema_pattern_owner *p = self->patterns; p != NULL; p = p->next) {
        schema_pattern_free(p->pattern);
    }
    for (struct schema_value_owner *v = self->values; v != NULL; v = v->next) {
        json_object_put(v->value);
    }
    arena_release(&self->arena);
    free(self);
}

/*
 * Documents that stand alone
 */

int schema_check(struct json_object *document, struct schema_errors *errors)
{
    struct schema_registry *registry = schema_registry_new();
    struct schema *meta = NULL;
    int err = HUB_ERR_NOMEM;
    if (registry != NULL) {
        err = schema_compile(registry, STR(SCHEMA_DIALECT), 0, &meta, NULL);
    }
    if (err == 0) {
        err = schema_validate(meta, document, errors);
    }
    schema_free(meta);
    schema_registry_free(registry);
    return err;
}

static int check_document(struct str uri, struct json_object *document, struct hub_error *error)
{
    struct schema_errors errors;
    schema_errors_init(&errors, 1);
    int err = schema_check(document, &errors);
    if (err < 0) {
        bool told = errors.len > 0;
        struct schema_error first = told ? errors.items[0] : (struct schema_error){0};
        hub_fail(error, err, "%.*s#%.*s: %.*s", STR_ARG(str_slice(uri, 0, 80)),
                 STR_ARG(str_slice(first.pointer, 0, 80)),
                 STR_ARG(told ? first.detail : str_from_c(hub_err_title(err))));
    }
    schema_errors_release(&errors);
    return err;
}

int schema_compile_document(struct str uri, struct json_object *document, unsigned flags,
                            struct schema **ret_schema, struct hub_error *error)
{
    int err = check_document(uri, document, error);
    if (err < 0) {
        return err;
    }
    struct schema_registry *registry = schema_registry_new();
    if (registry == NULL) {
        return hub_fail(error, HUB_ERR_NOMEM, "out of memory");
    }
    err = schema_registry_add(registry, uri, document, error);
    if (err == 0) {
        err = schema_compile(registry, uri, flags, ret_schema, error);
    }
    schema_registry_free(registry);
    return err;
}
