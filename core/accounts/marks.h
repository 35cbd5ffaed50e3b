/*
 * marks.h — which of an account's settings are secret, after the connector's account schema: those
 * that a subschema with "writeOnly": true applies to (draft-bhutton-json-schema-validation-01,
 * §9.4).
 *
 *     marks_mask(schema, settings, &shown);              // for people: secrets as "***"
 *     marks_merge(schema, given, stored, &merged, pointer);    // "***" keeps what is stored
 *
 * In doubt a value is secret: subschemas that only may apply count ("oneOf", "if",
 * "patternProperties", "additionalProperties"), and below a reference that is not of the form
 * "#/…" everything does.
 *
 * Thread: [any].
 */
#ifndef HUB_ACCOUNTS_MARKS_H
#define HUB_ACCOUNTS_MARKS_H

#include "base/json.h"

#define MARKS_MASK "***"

/* A copy of `settings` in which secrets are MARKS_MASK; the caller owns it. HUB_ERR_NOMEM,
 * HUB_ERR_LIMIT (a schema that applies itself without end). */
HUB_MUST_CHECK int marks_mask(struct json_object *schema, struct json_object *settings,
                              struct json_object **ret_shown);

/* A copy of `settings` in which secrets that are MARKS_MASK are those of `stored` (NULL: nothing
 * is), at the same place. HUB_ERR_NOT_FOUND when nothing is stored there: `ret_pointer` gets the
 * JSON Pointer. Others as above. */
HUB_MUST_CHECK int marks_merge(struct json_object *schema, struct json_object *settings,
                               struct json_object *stored, struct json_object **ret_merged,
                               struct buf *ret_pointer);

#endif
