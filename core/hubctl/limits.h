/*
 * limits.h — --concurrency and --rate, as queues and batches take them.
 *
 * Thread: [any], the main one.
 */
#ifndef HUB_HUBCTL_LIMITS_H
#define HUB_HUBCTL_LIMITS_H

#include "hubctl/app.h"

/* Adds the members that the options `concurrency` and `rate` ask for ("none": JSON null). One of
 * enum exits, told. */
int limits_add(struct app *app, const struct options *options, struct json_object *object);

#endif
