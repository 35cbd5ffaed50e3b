/*
 * watch.h — the connector's and the host's functions, each wrapped in one that watches.
 *
 * Owner: the modules, for the whole process. Thread: [main], unless the functions say otherwise.
 */
#ifndef HUB_CHECK_WATCH_H
#define HUB_CHECK_WATCH_H

#include "check/guard.h"

/* The vtable that the connector gets; of the age that was ordered. host.c */
const hub_host *watch_host(const hub_host *real, enum host_age age);

/* Before the first of them. [main] */
void watch_extensions(struct runner *runner);

/* The extension `name`, watched; `real` is what the host gave. An extension that is not known here
 * is passed on as it is. extensions.c. [any] */
const void *watch_extension(const char *name, const void *real);

/* keep.c. [any] */
const void *watch_keep(const void *real);
const void *watch_ledger(const void *real);

/* The descriptor that the runner uses in place of the connector's. descriptor.c */
HUB_MUST_CHECK int watch_connector(struct runner *runner, const struct orders *orders,
                                   struct hub_error *error);

/* Tells what is wrong with a descriptor that is good enough to be used. audit.c */
void audit(const struct connector *connector);

#endif
