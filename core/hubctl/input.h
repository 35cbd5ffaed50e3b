/*
 * input.h — the input of a job, put together from the command line.
 *
 * A place in the input is named by a dotted path ("outputs.0.width") or by a JSON Pointer
 * ("/outputs/0/width", RFC 6901). What is missing on the way is made: an array where the next part
 * is "0" or "-", else an object. In an array a number names an element, or the place after the last
 * one; "-" always adds one. An existing value is replaced, but never one that is no object and no
 * array by a deeper place.
 *
 * Thread: [any].
 */
#ifndef HUB_HUBCTL_INPUT_H
#define HUB_HUBCTL_INPUT_H

#include "base/error.h"
#include "base/str.h"

#include <json-c/json.h>

/* Puts `value` at `place` in `root`, an object. Takes the caller's reference to `value` in any
 * case. HUB_ERR_BAD_REQUEST with a sentence for the user. */
HUB_MUST_CHECK int input_put(struct json_object *root, struct str place, struct json_object *value,
                             struct hub_error *error);

/* "PLACE=TEXT": TEXT is taken as JSON if it is JSON, else as a string. */
HUB_MUST_CHECK int input_set(struct json_object *root, struct str assignment,
                             struct hub_error *error);

/* Reads JSON that must be an object; `what` names it in messages ("--input"). The caller owns
 * `*ret_value`. */
HUB_MUST_CHECK int input_read_object(struct str text, const char *what,
                                     struct json_object **ret_value, struct hub_error *error);

#endif
