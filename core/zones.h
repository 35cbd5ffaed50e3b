/*
 * zones.h — the time zones that are in use, each read once, on libuv's pool: the loop reads no
 * file.
 *
 *     zones_new(loop, &zones);
 *     zones_find(zones, "Europe/Berlin", on_zone, context);     // at once if it was read before
 *     …
 *     zones_close(zones);     // whoever still waits is told HUB_ERR_UNAVAILABLE
 *     zones_free(zones);      // after the loop has ended; the zones go with it
 *
 * Thread: [loop].
 */
#ifndef HUB_ZONES_H
#define HUB_ZONES_H

#include "jobs/schedules.h"

#include <uv.h>

struct zones;

/* NULL: out of memory. */
struct zones *zones_new(uv_loop_t *loop, struct log *log);
void zones_close(struct zones *self); /* NULL does nothing */
void zones_free(struct zones *self);  /* NULL does nothing */

/* `done` comes once: 0 and the zone, HUB_ERR_INVALID_INPUT (there is none of this name), or an
 * error of reading it. A zone stays as it was read until hubd ends. */
void zones_find(struct zones *self, const char *name, schedules_zone_fn *done, void *context);

#endif
