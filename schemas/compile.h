/*
 * compile.h — from locations to nodes. Private to the compiler.
 *
 * compile.c walks a list of pending locations; for each it makes a *draft*, calls the compile
 * function of every keyword that is there, then schema_draft_finish(), and moves the rules of the
 * draft into the node. A reference or subschema becomes a node that is filled in later, so nothing
 * here recurses. compile_value.c has the keywords that look at one value, compile_apply.c those
 * with subschemas.
 */
#ifndef HUB_SCHEMAS_COMPILE_H
#define HUB_SCHEMAS_COMPILE_H

#include "schemas/keyword.h"
#include "schemas/node.h"
#include "schemas/registry.h"

#define DRAFT_RULES_MAX 48 /* there are fewer keywords that make a rule */

struct schema_pending {
    struct schema_location *location;
    struct schema_node *node;
    struct schema_pending *next;
};

struct schema_compiler {
    struct schema_registry *registry;
    struct schema *schema;
    unsigned flags;
    struct hub_error *error;
    struct arena scratch;
    struct schema_pending *pending;
    struct schema_node **nodes;   /* by the index of a location */
    struct schema_scope **scopes; /* by the index of a resource */
    struct map anchor_names;      /* name of a dynamic anchor → its number + 1 */
    size_t patterns_bytes;
};

/* The schema being compiled: its rules so far, and what keywords leave for each other. */
struct schema_draft {
    struct schema_location *location;
    struct schema_node *node;
    const struct schema_keyword *keyword; /* the one at work */
    unsigned vocabularies;
    struct schema_rule rules[DRAFT_RULES_MAX];
    size_t rules_len;

    struct json_object *properties;
    struct json_object *required;
    struct json_object *pattern_properties;
    struct schema_node *additional;
    struct schema_node *property_names;
    struct schema_node *unevaluated_properties;

    size_t prefix_len;
    struct schema_node *items;
    struct schema_node *contains;
    struct schema_contains contains_range;
    struct schema_node *unevaluated_items;

    struct schema_node *if_node, *then_node, *else_node;
};

/* "place/keyword: text"; returns HUB_ERR_INVALID_INPUT. */
int schema_draft_refuse(const struct schema_compiler *compiler, const struct schema_draft *draft,
                        const char *text);

/* Memory of the schema ended: HUB_ERR_NOMEM or HUB_ERR_LIMIT. */
int schema_compiler_exhausted(const struct schema_compiler *compiler);

/* A new rule of the draft for the keyword at work. */
struct schema_rule *schema_draft_rule(struct schema_draft *draft, schema_check_fn *check,
                                      unsigned applies, enum schema_phase phase);

/* The node of a subschema or of a reference's target; NULL if memory ends. */
struct schema_node *schema_compiler_node(struct schema_compiler *compiler,
                                         struct schema_location *location);
struct schema_node *schema_compiler_child(struct schema_compiler *compiler,
                                          struct json_object *subschema);

/* The number of a dynamic anchor's name, or SCHEMA_NAMES_NONE if memory ends. */
uint32_t schema_compiler_anchor(struct schema_compiler *compiler, struct str name);

/* Compiles a pattern that the schema will own. On failure the error names the draft's place. */
int schema_compiler_pattern(struct schema_compiler *compiler, const struct schema_draft *draft,
                            struct str source, const struct schema_pattern **ret_pattern);

/* Keywords that need each other, when all have been seen. */
int schema_draft_finish(struct schema_compiler *compiler, struct schema_draft *draft);

/* Refuses nodes that are applied to the same value without end, or too many inside each other. */
int schema_graph_check(struct schema_compiler *compiler, struct schema_node *root);

/* The compile functions of the keywords. */
schema_compile_fn schema_compile_additional_properties, schema_compile_all_of,
    schema_compile_any_of, schema_compile_const, schema_compile_contains,
    schema_compile_dependent_required, schema_compile_dependent_schemas, schema_compile_dynamic_ref,
    schema_compile_else, schema_compile_enum, schema_compile_exclusive_maximum,
    schema_compile_exclusive_minimum, schema_compile_format, schema_compile_if,
    schema_compile_items, schema_compile_max_contains, schema_compile_max_items,
    schema_compile_max_length, schema_compile_max_properties, schema_compile_maximum,
    schema_compile_min_contains, schema_compile_min_items, schema_compile_min_length,
    schema_compile_min_properties, schema_compile_minimum, schema_compile_multiple_of,
    schema_compile_not, schema_compile_one_of, schema_compile_pattern,
    schema_compile_pattern_properties, schema_compile_prefix_items, schema_compile_properties,
    schema_compile_property_names, schema_compile_ref, schema_compile_required, schema_compile_then,
    schema_compile_type, schema_compile_unevaluated_items, schema_compile_unevaluated_properties,
    schema_compile_unique_items;

#endif
