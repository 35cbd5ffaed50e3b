/*
 * input.h — the input of a job, put together from the command line.
 *
 * Places in it are named as json_place.h says.
 *
 * Thread: [any].
 */
#ifndef HUB_HUBCTL_INPUT_H
#define HUB_HUBCTL_INPUT_H

#include "base/error.h"
#include "base/str.h"

#include <json-c/json.h>

/* "PLACE=TEXT": TEXT is taken as JSON if it is JSON, else as a string. */
HUB_MUST_CHECK int input_set(struct json_object *root, struct str assignment,
                             struct hub_error *error);

/* Reads JSON that must be an object; `what` names it in messages ("--input"). The caller owns
 * `*ret_value`. */
HUB_MUST_CHECK int input_read_object(struct str text, const char *what,
                                     struct json_object **ret_value, struct hub_error *error);

#endif
