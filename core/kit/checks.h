/*
 * checks.h — the checks themselves; check.c puts them in order. Each makes at least one finding.
 *
 * Thread: [any], one at a time.
 */
#ifndef HUB_KIT_CHECKS_H
#define HUB_KIT_CHECKS_H

#include "kit/trial.h"

/* Of the whole connector: `self` has no operation. static.c */
void check_file(struct trial *self);
void check_descriptor(struct trial *self);

/* Of one operation. static.c */
void check_schemas(struct trial *self); /* fills in the trial's schemas */
void check_example(struct trial *self); /* fills in its input and files */

/* Of one operation, with an input. dynamic.c */
void check_watched(struct trial *self); /* fills in what later checks go by */
void check_run(struct trial *self);     /* as hubd would run it */
void check_in_flight(struct trial *self);
void check_cancel(struct trial *self);
void check_older_host(struct trial *self);
void check_newer_host(struct trial *self);

/* stress.c */
void check_leaks(struct trial *self);
void check_allocations(struct trial *self);

#endif
