/*
 * json_place.h — values at named places in an object.
 *
 * A place is a dotted path ("outputs.0.width") or a JSON Pointer ("/outputs/0/width", RFC 6901).
 * What is missing on the way is made: an array where the next part is "0" or "-", else an object.
 * In an array a number names an element, or the place after the last one; "-" always adds one. An
 * existing value is replaced, but never one that is no object and no array by a deeper place.
 *
 * Thread: [any].
 */
#ifndef HUB_BASE_JSON_PLACE_H
#define HUB_BASE_JSON_PLACE_H

#include "base/error.h"
#include "base/str.h"

#include <json-c/json.h>

/* Puts `value` at `place` in `root`, an object. Takes the caller's reference to `value` in any
 * case. HUB_ERR_BAD_REQUEST with a sentence for the user; HUB_ERR_NOMEM. */
HUB_MUST_CHECK int json_place_put(struct json_object *root, struct str place,
                                  struct json_object *value, struct hub_error *error);

#endif
