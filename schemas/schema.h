/*
 * schema.h — JSON Schema 2020-12: compile a schema once, validate values from any thread.
 *
 * Specifications: draft-bhutton-json-schema-01 (core) and draft-bhutton-json-schema-validation-01.
 * All of the official suite's required tests for the draft pass (tests/unit/schemas/test_suite.c).
 *
 *     struct schema_registry *registry = schema_registry_new();
 *     err = schema_registry_add(registry, STR("hub:job"), document, &error);
 *     err = schema_registry_add(registry, STR("hub:artifact"), other, &error);  // "$ref" finds it
 *     struct schema *schema;
 *     err = schema_compile(registry, STR("hub:job"), SCHEMA_ASSERT_FORMAT, &schema, &error);
 *     schema_registry_free(registry);                // the schema does not need it any longer
 *
 *     struct schema_errors errors;
 *     schema_errors_init(&errors, 10);
 *     if (schema_validate(schema, value, &errors) < 0) {
 *         for (size_t i = 0; i < errors.len; i++) … errors.items[i].pointer, .keyword, .detail
 *     }
 *     schema_errors_release(&errors);
 *     schema_free(schema);
 *
 * Two phases. A *registry* holds documents by URI: it knows every subschema in them, its base URI
 * ("$id"), its anchors. *Compiling* follows the references from one place and turns what it meets
 * into an immutable graph of nodes: names hashed, patterns compiled, keywords that depend on each
 * other combined. Validation looks up no keyword and, for a valid value, allocates nothing in the
 * usual case (exceptions: "uniqueItems" over more than SCHEMA_UNIQUE_SMALL items, and
 * "unevaluated…" over more than 256 members).
 *
 * Hostile schemas. A connector brings its own schemas, so a schema is input like any other: the
 * limits below hold, nothing is ever fetched (a "$ref" to a URI that is not registered is an
 * error), a schema that refers to itself without end is refused, and a validation that would take
 * more than SCHEMA_STEPS_MAX steps or SCHEMA_PATTERN_TIME_MS in patterns ends with HUB_ERR_LIMIT.
 *
 * What differs from the drafts: a reference must lead to a place that is a schema (not into an
 * unknown keyword, an "enum", a "default"). Patterns are ECMA-262 with the `u` flag, carried out by
 * PCRE2; a lookbehind must have a fixed length.
 *
 * Thread: [any]. A registry is used by one thread at a time; a compiled schema is constant and may
 * be used by any number of threads at once, each with its own `struct schema_errors`.
 */
#ifndef HUB_SCHEMAS_SCHEMA_H
#define HUB_SCHEMAS_SCHEMA_H

#include "base/arena.h"
#include "base/error.h"
#include "base/json.h"

#define SCHEMA_DIALECT "https://json-schema.org/draft/2020-12/schema"

/* Limits on schemas; more is HUB_ERR_LIMIT. */
#define SCHEMA_LOCATIONS_MAX 20000      /* subschemas in one registry */
#define SCHEMA_CHAIN_MAX     64         /* references and applicators nested at one place */
#define SCHEMA_PATTERN_MAX   1024       /* bytes of one pattern */
#define SCHEMA_PATTERNS_MAX  (4 << 20)  /* bytes of all compiled patterns of one schema */
#define SCHEMA_COMPILED_MAX  (16 << 20) /* bytes of the node graph of one schema */
#define SCHEMA_URI_MAX       2048       /* bytes of one URI */

/* Limits on one validation; more ends it with HUB_ERR_LIMIT. */
#define SCHEMA_STEPS_MAX       4000000 /* schemas applied and values compared */
#define SCHEMA_EVAL_DEPTH_MAX  512     /* schemas applied inside each other */
#define SCHEMA_PATTERN_TIME_MS 100     /* in patterns, all together */

#define SCHEMA_UNIQUE_SMALL    16
#define SCHEMA_ERRORS_MAX      16

struct schema_registry;
struct schema;

enum schema_flags {
    /* "format" is asserted, not only an annotation. Formats known: see schemas/format.h. */
    SCHEMA_ASSERT_FORMAT = 1 << 0,
    /* A keyword or format that is not known is an error, unless the keyword begins with "x-". For
     * schemas of our own, where it is a spelling mistake. */
    SCHEMA_STRICT = 1 << 1,
};

/*
 * The registry
 */

struct schema_registry *schema_registry_new(void); /* NULL if out of memory */
void schema_registry_free(struct schema_registry *self);

/*
 * Adds a schema document under an absolute URI without a fragment ("hub:job" will do). If its root
 * has an "$id" it is known under that as well, and so is each embedded resource under its own. The
 * registry takes a reference to `document`, which must be a tree (no value in two places) and must
 * not be changed from now on. References are looked at when compiling, so the order of adding does
 * not matter. The documents of the dialect itself are always there.
 *
 * HUB_ERR_CONFLICT if a URI or anchor is taken, HUB_ERR_INVALID_INPUT if the document is no schema
 * (the detail begins with the place, "hub:job#/properties/a/$id: …"), HUB_ERR_LIMIT, HUB_ERR_NOMEM.
 * After a failure the registry is only good for being freed.
 */
HUB_MUST_CHECK int schema_registry_add(struct schema_registry *self, struct str uri,
                                       struct json_object *document, struct hub_error *error);

/*
 * Compiling
 */

/*
 * Compiles the schema at `uri`, which may have a fragment (a JSON Pointer or an anchor). `flags` is
 * made of enum schema_flags. On success the caller owns `*ret_schema`; it keeps what it needs of
 * the documents alive.
 *
 * HUB_ERR_NOT_FOUND if `uri` leads nowhere, HUB_ERR_INVALID_INPUT if something that is reached from
 * there is wrong (the place, then what: "hub:job#/properties/a/pattern: missing )"), HUB_ERR_LIMIT,
 * HUB_ERR_NOMEM.
 */
HUB_MUST_CHECK int schema_compile(struct schema_registry *registry, struct str uri, unsigned flags,
                                  struct schema **ret_schema, struct hub_error *error);
void schema_free(struct schema *self);

/*
 * The whole way for a document that stands alone, such as a connector's: checks it with
 * schema_check(), adds it as `uri` to a registry of its own, compiles it.
 */
HUB_MUST_CHECK int schema_compile_document(struct str uri, struct json_object *document,
                                           unsigned flags, struct schema **ret_schema,
                                           struct hub_error *error);

/*
 * Validating
 */

/* One thing that is wrong with a value. */
struct schema_error {
    struct str pointer; /* where in the value: a JSON Pointer, "" is the whole value */
    struct str keyword; /* "minimum"; "false" where the schema is just false */
    struct str detail;  /* for humans: "width: must be at least 1" */
};

/* Never holds a value of what was validated, only names of its members and what the schema says. */
struct schema_errors {
    struct schema_error items[SCHEMA_ERRORS_MAX];
    size_t len;
    size_t max;
    bool more; /* there was more to say than `max` */
    struct arena arena;
};

void schema_errors_init(struct schema_errors *self, size_t max); /* `max` is 1…SCHEMA_ERRORS_MAX */
void schema_errors_release(struct schema_errors *self);

/*
 * 0 if `value` (NULL is JSON null) matches. HUB_ERR_INVALID_INPUT if not, with at least one entry
 * in `errors` unless that is NULL, which is faster. HUB_ERR_LIMIT if it could not be found out
 * within the limits (one entry says so), HUB_ERR_NOMEM. `errors` is emptied first.
 */
HUB_MUST_CHECK int schema_validate(const struct schema *self, struct json_object *value,
                                   struct schema_errors *errors);

/*
 * The same for a value with holes: objects of which it is not yet known what will stand in their
 * place. `is_hole` tells, for each object that a schema is applied to; a hole matches every schema.
 */
typedef bool schema_hole_fn(struct json_object *object);
HUB_MUST_CHECK int schema_validate_open(const struct schema *self, struct json_object *value,
                                        schema_hole_fn *is_hole, struct schema_errors *errors);

/*
 * Validates a document against the meta-schema of the dialect, which it compiles each time (about a
 * millisecond). Returns what schema_validate() does.
 * A document that passes may still fail to compile: a pattern may be wrong, a reference lead
 * nowhere.
 */
HUB_MUST_CHECK int schema_check(struct json_object *document, struct schema_errors *errors);

#endif
