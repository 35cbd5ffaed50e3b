/*
 * equal.h — deep equality of JSON values, as "const", "enum" and "uniqueItems" mean it.
 *
 * Numbers are equal if their values are (1 and 1.0); the order of an object's members does not
 * matter. Each value that is looked at takes one off `*steps`; when none is left two values count
 * as different and a set as unique, and the caller, who sees that `*steps` is 0, gives up.
 *
 * Thread: [any].
 */
#ifndef HUB_SCHEMAS_EQUAL_H
#define HUB_SCHEMAS_EQUAL_H

#include "base/error.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

bool schema_equal(struct json_object *a, struct json_object *b, size_t *steps);

/* Looks for two equal items. 1 and their indexes if there are some, 0 if all differ, HUB_ERR_NOMEM.
 * Linear in the size of `array` on average; `secret` (two words) keys the hash. */
HUB_MUST_CHECK int schema_find_twins(struct json_object *array, const uint64_t *secret,
                                     size_t *steps, size_t *ret_first, size_t *ret_second);

#endif
