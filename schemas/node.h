/*
 * node.h — a compiled schema: a graph of nodes, each with the rules of one subschema.
 *
 * Private to the compiler, which fills it, and the validator, which reads it. Everything lives in
 * the schema's arena and is constant once compiled.
 *
 * A rule is a keyword, or several that work together, made ready: a function and what it needs.
 * What a rule needs beside subschemas is a member of its union `as`; which one, the check function
 * knows.
 */
#ifndef HUB_SCHEMAS_NODE_H
#define HUB_SCHEMAS_NODE_H

#include "schemas/format.h"
#include "schemas/names.h"
#include "schemas/number.h"
#include "schemas/pattern.h"
#include "schemas/schema.h"

/* Types of values as bits. A number without a fraction is both INTEGER and NUMBER. */
enum schema_type {
    TYPE_NULL = 1 << 0,
    TYPE_BOOLEAN = 1 << 1,
    TYPE_INTEGER = 1 << 2,
    TYPE_NUMBER = 1 << 3,
    TYPE_STRING = 1 << 4,
    TYPE_ARRAY = 1 << 5,
    TYPE_OBJECT = 1 << 6,
    TYPE_ANY = (1 << 7) - 1,
};

/* The order in which a node's rules run: cheap ones first; "unevaluated…" needs all others done. */
enum schema_phase { PHASE_VALUE, PHASE_PARTS, PHASE_IN_PLACE, PHASE_UNEVALUATED };

struct schema_node;
struct schema_rule;
struct schema_run;
struct schema_instance;
struct schema_seen;

/* Does the value pass? If `run` collects errors the function reports each it finds. `seen`, if not
 * NULL, is told which members or items have been evaluated. */
typedef bool schema_check_fn(struct schema_run *run, const struct schema_rule *rule,
                             const struct schema_instance *at, struct schema_seen *seen);

struct schema_nodes {
    struct schema_node **items;
    size_t len;
};

/* What "properties", "required", "patternProperties", "additionalProperties" and "propertyNames"
 * say together, so that one pass over an object's members does for all. */
struct schema_object_rules {
    struct schema_names names;          /* all in "properties" and "required", NUL-terminated */
    struct schema_member_rule {         /* by a name's number */
        const struct schema_node *node; /* NULL: only required */
        bool required;
    } * members;
    size_t required_len;
    struct schema_pattern_rule {
        const struct schema_pattern *pattern;
        const struct schema_node *node;
    } * patterns;
    size_t patterns_len;
    const struct schema_node *additional; /* NULL: anything */
    const char *additional_keyword;       /* the one that it came from */
    const struct schema_node *property_names;
};

struct schema_contains {
    uint64_t min;
    uint64_t max;
};

struct schema_dependency {
    const char *trigger;
    struct str *names; /* "dependentRequired"; NUL-terminated */
    size_t len;
    const struct schema_node *node; /* "dependentSchemas" */
};

struct schema_dependencies {
    struct schema_dependency *items;
    size_t len;
};

/* "const" and "enum" */
struct schema_values {
    struct schema_names strings;
    struct json_object **others;
    size_t others_len;
    struct str text; /* `"a" or "b"` */
};

struct schema_pattern_check {
    const struct schema_pattern *pattern;
    struct str source;
};

struct schema_multiple {
    struct schema_number number;
    struct schema_decimal decimal;
};

struct schema_rule {
    schema_check_fn *check;
    const char *keyword;
    uint8_t applies; /* to these types */
    uint8_t phase;
    bool in_place; /* `nodes` are applied to the value itself */
    struct schema_nodes nodes;
    union {
        struct schema_number number;
        struct schema_multiple multiple;
        uint64_t count;
        size_t from; /* "items": index of the first item that it is for */
        struct schema_contains contains;
        const struct schema_object_rules *object; /* the large ones are elsewhere in the arena */
        struct schema_dependencies dependencies;
        const struct schema_values *values;
        struct schema_pattern_check pattern;
        const struct schema_format *format;
        const struct schema_node *owner; /* "unevaluatedProperties": the node it is a rule of */
        uint32_t anchor;                 /* "$dynamicRef": number of the anchor's name */
    } as;
};

/* What a resource brings into the dynamic scope: its dynamic anchors. */
struct schema_scope {
    struct schema_scope_anchor {
        uint32_t name;
        const struct schema_node *node;
    } * anchors;
    size_t len;
};

struct schema_node {
    unsigned types;  /* allowed; none for the schema `false` */
    bool never;      /* is the schema `false` */
    bool tracks;     /* has an "unevaluated…" rule: the node keeps a record of its own */
    uint16_t height; /* of the tree of nodes applied to the same value below; 0 while unknown */
    bool visiting;   /* used when measuring it */
    size_t rules_len;
    const struct schema_rule *rules;
    const struct schema_scope *scope;
};

struct schema_pattern_owner {
    struct schema_pattern *pattern;
    struct schema_pattern_owner *next;
};

struct schema_value_owner {
    struct json_object *value;
    struct schema_value_owner *next;
};

struct schema {
    struct arena arena;
    const struct schema_node *root;
    struct schema_pattern_owner *patterns;
    struct schema_value_owner *values;
    uint64_t secret[2]; /* keys the hashes */
};

#endif
