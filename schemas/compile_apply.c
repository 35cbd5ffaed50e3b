/* The keywords with subschemas: references, applicators, and what works together with them. */
#include "schemas/check.h"
#include "schemas/compile.h"

#include <string.h>

/*
 * Nodes for a rule
 */

static struct schema_node **new_nodes(struct schema_compiler *c, struct schema_rule *rule,
                                      size_t len)
{
    rule->nodes.items = arena_zalloc(&c->schema->arena, (len + 1) * sizeof *rule->nodes.items);
    rule->nodes.len = len;
    return rule->nodes.items;
}

/* A rule that applies the one `node`. */
static int add_rule_of(struct schema_compiler *c, struct schema_draft *draft,
                       schema_check_fn *check, unsigned applies, enum schema_phase phase,
                       struct schema_node *node)
{
    struct schema_rule *rule = schema_draft_rule(draft, check, applies, phase);
    struct schema_node **nodes = new_nodes(c, rule, 1);
    if (nodes == NULL) {
        return schema_compiler_exhausted(c);
    }
    nodes[0] = node;
    rule->in_place = phase == PHASE_IN_PLACE;
    return 0;
}

/* A rule that applies each schema of an array. */
static int add_rule_of_array(struct schema_compiler *c, struct schema_draft *draft,
                             schema_check_fn *check, unsigned applies, enum schema_phase phase,
                             struct json_object *array)
{
    size_t len = json_object_array_length(array); /* entering it has checked that it is one */
    if (len == 0) {
        return schema_draft_refuse(c, draft, "must not be empty");
    }
    struct schema_rule *rule = schema_draft_rule(draft, check, applies, phase);
    struct schema_node **nodes = new_nodes(c, rule, len);
    for (size_t i = 0; nodes != NULL && i < len; i++) {
        nodes[i] = schema_compiler_child(c, json_object_array_get_idx(array, i));
        nodes = nodes[i] != NULL ? nodes : NULL;
    }
    rule->in_place = phase == PHASE_IN_PLACE;
    return nodes == NULL ? schema_compiler_exhausted(c) : 0;
}

/* Keeps the node of a subschema for schema_draft_finish(). */
static int keep_child(struct schema_compiler *c, struct json_object *subschema,
                      struct schema_node **ret_node)
{
    *ret_node = schema_compiler_child(c, subschema);
    return *ret_node == NULL ? schema_compiler_exhausted(c) : 0;
}

/*
 * References
 */

static int resolve(struct schema_compiler *c, struct schema_draft *draft,
                   struct json_object *reference, struct schema_target *ret_target)
{
    if (!json_object_is_type(reference, json_type_string)) {
        return schema_draft_refuse(c, draft, "must be a URI reference");
    }
    struct hub_error why;
    int err = schema_registry_resolve(c->registry, draft->location->resource->uri,
                                      json_str(reference), ret_target, &why);
    if (err < 0) {
        err = err == HUB_ERR_NOT_FOUND ? HUB_ERR_INVALID_INPUT : err;
        return schema_fail_at(draft->location, draft->keyword->name, err, c->error, why.detail);
    }
    return 0;
}

int schema_compile_ref(struct schema_compiler *compiler, struct schema_draft *draft,
                       struct json_object *value)
{
    struct schema_target target;
    int err = resolve(compiler, draft, value, &target);
    if (err < 0) {
        return err;
    }
    struct schema_node *node = schema_compiler_node(compiler, target.location);
    return node == NULL
               ? schema_compiler_exhausted(compiler)
               : add_rule_of(compiler, draft, schema_check_all_of, TYPE_ANY, PHASE_IN_PLACE, node);
}

/* Dynamic only if the first target is a $dynamicAnchor itself (core §8.2.3.2). */
int schema_compile_dynamic_ref(struct schema_compiler *compiler, struct schema_draft *draft,
                               struct json_object *value)
{
    struct schema_target target;
    int err = resolve(compiler, draft, value, &target);
    if (err < 0) {
        return err;
    }
    struct schema_node *node = schema_compiler_node(compiler, target.location);
    uint32_t anchor =
        target.dynamic ? schema_compiler_anchor(compiler, target.anchor) : SCHEMA_NAMES_NONE;
    if (node == NULL || (target.dynamic && anchor == SCHEMA_NAMES_NONE)) {
        return schema_compiler_exhausted(compiler);
    }
    err = add_rule_of(compiler, draft,
                      target.dynamic ? schema_check_dynamic_ref : schema_check_all_of, TYPE_ANY,
                      PHASE_IN_PLACE, node);
    if (err == 0) {
        draft->rules[draft->rules_len - 1].as.anchor = anchor;
    }
    return err;
}

/*
 * Applied in place
 */

int schema_compile_all_of(struct schema_compiler *compiler, struct schema_draft *draft,
                          struct json_object *value)
{
    return add_rule_of_array(compiler, draft, schema_check_all_of, TYPE_ANY, PHASE_IN_PLACE, value);
}

int schema_compile_any_of(struct schema_compiler *compiler, struct schema_draft *draft,
                          struct json_object *value)
{
    return add_rule_of_array(compiler, draft, schema_check_any_of, TYPE_ANY, PHASE_IN_PLACE, value);
}

int schema_compile_one_of(struct schema_compiler *compiler, struct schema_draft *draft,
                          struct json_object *value)
{
    return add_rule_of_array(compiler, draft, schema_check_one_of, TYPE_ANY, PHASE_IN_PLACE, value);
}

int schema_compile_not(struct schema_compiler *compiler, struct schema_draft *draft,
                       struct json_object *value)
{
    struct schema_node *node = schema_compiler_child(compiler, value);
    return node == NULL
               ? schema_compiler_exhausted(compiler)
               : add_rule_of(compiler, draft, schema_check_not, TYPE_ANY, PHASE_IN_PLACE, node);
}

int schema_compile_if(struct schema_compiler *compiler, struct schema_draft *draft,
                      struct json_object *value)
{
    return keep_child(compiler, value, &draft->if_node);
}

int schema_compile_then(struct schema_compiler *compiler, struct schema_draft *draft,
                        struct json_object *value)
{
    return keep_child(compiler, value, &draft->then_node);
}

int schema_compile_else(struct schema_compiler *compiler, struct schema_draft *draft,
                        struct json_object *value)
{
    return keep_child(compiler, value, &draft->else_node);
}

/*
 * Objects
 */

int schema_compile_properties(struct schema_compiler *compiler, struct schema_draft *draft,
                              struct json_object *value)
{
    (void)compiler;
    draft->properties = value;
    return 0;
}

int schema_compile_pattern_properties(struct schema_compiler *compiler, struct schema_draft *draft,
                                      struct json_object *value)
{
    (void)compiler;
    draft->pattern_properties = value;
    return 0;
}

int schema_compile_additional_properties(struct schema_compiler *compiler,
                                         struct schema_draft *draft, struct json_object *value)
{
    return keep_child(compiler, value, &draft->additional);
}

int schema_compile_property_names(struct schema_compiler *compiler, struct schema_draft *draft,
                                  struct json_object *value)
{
    return keep_child(compiler, value, &draft->property_names);
}

int schema_compile_unevaluated_properties(struct schema_compiler *compiler,
                                          struct schema_draft *draft, struct json_object *value)
{
    return keep_child(compiler, value, &draft->unevaluated_properties);
}

/* Names are compared with those of json-c, which end at a NUL; so they must not have one inside. */
static bool is_name(struct json_object *value)
{
    return json_object_is_type(value, json_type_string) &&
           memchr(json_str(value).ptr, '\0', json_str(value).len) == NULL;
}

static bool is_array_of_names(struct json_object *value)
{
    if (!json_object_is_type(value, json_type_array)) {
        return false;
    }
    size_t len = json_object_array_length(value);
    for (size_t i = 0; i < len; i++) {
        if (!is_name(json_object_array_get_idx(value, i))) {
            return false;
        }
    }
    return true;
}

int schema_compile_required(struct schema_compiler *compiler, struct schema_draft *draft,
                            struct json_object *value)
{
    if (!is_array_of_names(value)) {
        return schema_draft_refuse(compiler, draft, "must be an array of strings");
    }
    draft->required = value;
    return 0;
}

static struct schema_dependencies *add_dependencies(struct schema_compiler *c,
                                                    struct schema_draft *draft,
                                                    schema_check_fn *check, enum schema_phase phase,
                                                    struct json_object *object)
{
    struct schema_rule *rule = schema_draft_rule(draft, check, TYPE_OBJECT, phase);
    struct schema_dependencies *all = &rule->as.dependencies;
    size_t len = (size_t)json_object_object_length(object);
    all->len = 0;
    all->items = arena_zalloc(&c->schema->arena, (len + 1) * sizeof *all->items);
    return all->items != NULL ? all : NULL;
}

int schema_compile_dependent_schemas(struct schema_compiler *compiler, struct schema_draft *draft,
                                     struct json_object *value)
{
    struct schema_dependencies *all =
        add_dependencies(compiler, draft, schema_check_dependent_schemas, PHASE_IN_PLACE, value);
    struct schema_rule *rule = &draft->rules[draft->rules_len - 1];
    size_t len = (size_t)json_object_object_length(value);
    if (all == NULL || new_nodes(compiler, rule, len) == NULL) {
        return schema_compiler_exhausted(compiler);
    }
    rule->in_place = true;
    json_object_object_foreach(value, name, subschema) {
        struct schema_node *node = schema_compiler_child(compiler, subschema);
        char *trigger = arena_strdup(&compiler->schema->arena, str_from_c(name));
        if (node == NULL || trigger == NULL) {
            return schema_compiler_exhausted(compiler);
        }
        rule->nodes.items[all->len] = node;
        all->items[all->len++] = (struct schema_dependency){.trigger = trigger, .node = node};
    }
    return 0;
}

static int add_dependency(struct schema_compiler *c, struct schema_dependencies *all,
                          const char *trigger, struct json_object *names)
{
    struct arena *arena = &c->schema->arena;
    size_t len = json_object_array_length(names);
    struct schema_dependency *dependency = &all->items[all->len++];
    dependency->trigger = arena_strdup(arena, str_from_c(trigger));
    dependency->names = arena_alloc(arena, (len + 1) * sizeof *dependency->names);
    if (dependency->trigger == NULL || dependency->names == NULL) {
        return schema_compiler_exhausted(c);
    }
    for (size_t i = 0; i < len; i++) {
        struct str name = json_str(json_object_array_get_idx(names, i));
        char *copy = arena_strdup(arena, name);
        if (copy == NULL) {
            return schema_compiler_exhausted(c);
        }
        dependency->names[dependency->len++] = str_of(copy, name.len);
    }
    return 0;
}

int schema_compile_dependent_required(struct schema_compiler *compiler, struct schema_draft *draft,
                                      struct json_object *value)
{
    if (!json_object_is_type(value, json_type_object)) {
        return schema_draft_refuse(compiler, draft, "must be an object of arrays of strings");
    }
    struct schema_dependencies *all =
        add_dependencies(compiler, draft, schema_check_dependent_required, PHASE_PARTS, value);
    if (all == NULL) {
        return schema_compiler_exhausted(compiler);
    }
    json_object_object_foreach(value, trigger, names) {
        if (!is_array_of_names(names)) {
            return schema_draft_refuse(compiler, draft, "must be an object of arrays of strings");
        }
        int err = add_dependency(compiler, all, trigger, names);
        if (err < 0) {
            return err;
        }
    }
    return 0;
}

/*
 * Arrays
 */

int schema_compile_prefix_items(struct schema_compiler *compiler, struct schema_draft *draft,
                                struct json_object *value)
{
    draft->prefix_len = json_object_array_length(value);
    return add_rule_of_array(compiler, draft, schema_check_prefix_items, TYPE_ARRAY, PHASE_PARTS,
                             value);
}

int schema_compile_items(struct schema_compiler *compiler, struct schema_draft *draft,
                         struct json_object *value)
{
    return keep_child(compiler, value, &draft->items);
}

int schema_compile_contains(struct schema_compiler *compiler, struct schema_draft *draft,
                            struct json_object *value)
{
    return keep_child(compiler, value, &draft->contains);
}

int schema_compile_unevaluated_items(struct schema_compiler *compiler, struct schema_draft *draft,
                                     struct json_object *value)
{
    return keep_child(compiler, value, &draft->unevaluated_items);
}

/*
 * Keywords that need each other
 */

static void set_keyword(struct schema_draft *draft, const char *name)
{
    draft->keyword = schema_keyword_find(str_from_c(name));
}

static bool has_in_place(const struct schema_draft *draft)
{
    for (size_t i = 0; i < draft->rules_len; i++) {
        if (draft->rules[i].in_place) {
            return true;
        }
    }
    return false;
}

/* A copy in the schema's arena, NUL-terminated; ptr is NULL on failure. */
static struct str copy_name(struct schema_compiler *c, struct str name)
{
    return str_of(arena_strdup(&c->schema->arena, name), name.len);
}

static size_t members_of(struct json_object *object)
{
    return object != NULL ? (size_t)json_object_object_length(object) : 0;
}

static int fill_properties(struct schema_compiler *c, struct schema_draft *draft,
                           struct schema_object_rules *object)
{
    struct arena *arena = &c->schema->arena;
    size_t required = draft->required != NULL ? json_object_array_length(draft->required) : 0;
    size_t capacity = members_of(draft->properties) + required;
    object->members = arena_zalloc(arena, (capacity + 1) * sizeof *object->members);
    if (object->members == NULL ||
        !schema_names_init(&object->names, arena, capacity, c->schema->secret)) {
        return schema_compiler_exhausted(c);
    }
    if (draft->properties != NULL) {
        json_object_object_foreach(draft->properties, name, subschema) {
            struct str text = copy_name(c, str_from_c(name));
            struct schema_node *node = schema_compiler_child(c, subschema);
            if (text.ptr == NULL || node == NULL) {
                return schema_compiler_exhausted(c);
            }
            object->members[schema_names_put(&object->names, text)].node = node;
        }
    }
    for (size_t i = 0; i < required; i++) {
        struct str text = copy_name(c, json_str(json_object_array_get_idx(draft->required, i)));
        if (text.ptr == NULL) {
            return schema_compiler_exhausted(c);
        }
        struct schema_member_rule *member =
            &object->members[schema_names_put(&object->names, text)];
        object->required_len += !member->required;
        member->required = true;
    }
    return 0;
}

static int fill_patterns(struct schema_compiler *c, struct schema_draft *draft,
                         struct schema_object_rules *object)
{
    size_t len = members_of(draft->pattern_properties);
    object->patterns = arena_zalloc(&c->schema->arena, (len + 1) * sizeof *object->patterns);
    if (object->patterns == NULL) {
        return schema_compiler_exhausted(c);
    }
    if (len == 0) {
        return 0;
    }
    set_keyword(draft, "patternProperties");
    json_object_object_foreach(draft->pattern_properties, source, subschema) {
        struct schema_pattern_rule *rule = &object->patterns[object->patterns_len++];
        int err = schema_compiler_pattern(c, draft, str_from_c(source), &rule->pattern);
        if (err < 0) {
            return err;
        }
        rule->node = schema_compiler_child(c, subschema);
        if (rule->node == NULL) {
            return schema_compiler_exhausted(c);
        }
    }
    return 0;
}

static int finish_object(struct schema_compiler *c, struct schema_draft *draft)
{
    const char *additional_keyword = "additionalProperties";
    if (draft->unevaluated_properties != NULL && !has_in_place(draft)) {
        /* Nobody else evaluates members here: then it is the same as "additionalProperties". */
        if (draft->additional == NULL) {
            draft->additional = draft->unevaluated_properties;
            additional_keyword = "unevaluatedProperties";
        }
        draft->unevaluated_properties = NULL;
    }
    if (draft->unevaluated_properties != NULL) {
        set_keyword(draft, "unevaluatedProperties");
        draft->node->tracks = true;
        int err = add_rule_of(c, draft, schema_check_unevaluated_properties, TYPE_OBJECT,
                              PHASE_UNEVALUATED, draft->unevaluated_properties);
        draft->rules[draft->rules_len - 1].as.owner = draft->node;
        if (err < 0) {
            return err;
        }
    }
    if (draft->properties == NULL && draft->required == NULL && draft->additional == NULL &&
        draft->pattern_properties == NULL && draft->property_names == NULL) {
        return 0;
    }
    set_keyword(draft, "properties");
    struct schema_rule *rule =
        schema_draft_rule(draft, schema_check_object, TYPE_OBJECT, PHASE_PARTS);
    struct schema_object_rules *object = arena_alloc(&c->schema->arena, sizeof *object);
    if (object == NULL) {
        return schema_compiler_exhausted(c);
    }
    rule->as.object = object;
    *object = (struct schema_object_rules){.additional = draft->additional,
                                           .additional_keyword = additional_keyword,
                                           .property_names = draft->property_names};
    int err = fill_properties(c, draft, object);
    return err < 0 ? err : fill_patterns(c, draft, object);
}

static int finish_array(struct schema_compiler *c, struct schema_draft *draft)
{
    const char *items_keyword = "items";
    if (draft->unevaluated_items != NULL && !has_in_place(draft) && draft->contains == NULL) {
        if (draft->items == NULL) { /* as with "unevaluatedProperties" below */
            draft->items = draft->unevaluated_items;
            items_keyword = "unevaluatedItems";
        }
        draft->unevaluated_items = NULL;
    }
    int err = 0;
    if (draft->items != NULL) {
        set_keyword(draft, items_keyword);
        err = add_rule_of(c, draft, schema_check_items, TYPE_ARRAY, PHASE_PARTS, draft->items);
        draft->rules[draft->rules_len - 1].as.from = draft->prefix_len;
    }
    if (err == 0 && draft->contains != NULL) {
        set_keyword(draft, "contains");
        err =
            add_rule_of(c, draft, schema_check_contains, TYPE_ARRAY, PHASE_PARTS, draft->contains);
        draft->rules[draft->rules_len - 1].as.contains = draft->contains_range;
    }
    if (err == 0 && draft->unevaluated_items != NULL) {
        set_keyword(draft, "unevaluatedItems");
        draft->node->tracks = true;
        err = add_rule_of(c, draft, schema_check_unevaluated_items, TYPE_ARRAY, PHASE_UNEVALUATED,
                          draft->unevaluated_items);
    }
    return err;
}

static int finish_if(struct schema_compiler *c, struct schema_draft *draft)
{
    if (draft->if_node == NULL) {
        return 0;
    }
    set_keyword(draft, "if");
    struct schema_rule *rule = schema_draft_rule(draft, schema_check_if, TYPE_ANY, PHASE_IN_PLACE);
    struct schema_node **nodes = new_nodes(c, rule, 3);
    if (nodes == NULL) {
        return schema_compiler_exhausted(c);
    }
    rule->in_place = true;
    nodes[0] = draft->if_node;
    nodes[1] = draft->then_node; /* or NULL */
    nodes[2] = draft->else_node;
    return 0;
}

int schema_draft_finish(struct schema_compiler *compiler, struct schema_draft *draft)
{
    int err = finish_if(compiler, draft);
    if (err == 0) {
        err = finish_array(compiler, draft);
    }
    return err < 0 ? err : finish_object(compiler, draft);
}
