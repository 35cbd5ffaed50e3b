/*
 * keyword.h — the keywords of JSON Schema 2020-12, in one table.
 *
 * Thread: [any]. Constant.
 */
#ifndef HUB_SCHEMAS_KEYWORD_H
#define HUB_SCHEMAS_KEYWORD_H

#include "base/str.h"

#include <json-c/json.h>

/* The dialect's vocabularies (core §8.1.2), as bits. */
enum schema_vocabulary {
    VOCABULARY_CORE = 1 << 0,
    VOCABULARY_APPLICATOR = 1 << 1,
    VOCABULARY_UNEVALUATED = 1 << 2,
    VOCABULARY_VALIDATION = 1 << 3,
    VOCABULARY_META_DATA = 1 << 4,
    VOCABULARY_FORMAT_ANNOTATION = 1 << 5,
    VOCABULARY_FORMAT_ASSERTION = 1 << 6,
    VOCABULARY_CONTENT = 1 << 7,
};

/* What a schema has that says nothing else. */
#define VOCABULARIES_DEFAULT                                                                       \
    (VOCABULARY_CORE | VOCABULARY_APPLICATOR | VOCABULARY_UNEVALUATED | VOCABULARY_VALIDATION |    \
     VOCABULARY_META_DATA | VOCABULARY_FORMAT_ANNOTATION | VOCABULARY_CONTENT)

/* The bit of the vocabulary with this URI, 0 if it is unknown. */
unsigned schema_vocabulary_find(struct str uri);

/* Where subschemas stand in a keyword's value. */
enum schema_holds { HOLDS_NOTHING, HOLDS_SCHEMA, HOLDS_ARRAY, HOLDS_OBJECT };

struct schema_compiler;
struct schema_draft;

/* Adds what the keyword asks for to the draft of a node. 0 or a negative enum hub_err. */
typedef int schema_compile_fn(struct schema_compiler *compiler, struct schema_draft *draft,
                              struct json_object *value);

struct schema_keyword {
    struct str name;
    unsigned vocabularies; /* it means something in any of these */
    enum schema_holds holds;
    schema_compile_fn *compile; /* NULL: nothing to compile (an annotation, or done elsewhere) */
};

/* NULL if there is no such keyword. */
const struct schema_keyword *schema_keyword_find(struct str name);

#endif
