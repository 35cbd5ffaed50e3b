/*
 * labels.h — --label NAME=VALUE, as jobs and batches take it.
 *
 * Thread: [any], the main one.
 */
#ifndef HUB_HUBCTL_LABELS_H
#define HUB_HUBCTL_LABELS_H

#include "hubctl/app.h"

/* Adds the member `labels` if the option `label` was given. One of enum exits, told. */
int labels_add(struct app *app, const struct options *options, struct json_object *object);

#endif
