/*
 * zone.h — IANA time zones: how far local time is from UTC, and when that changes.
 *
 * Read from the compiled files of the time zone database (RFC 9636, versions 2 to 4), with the rule
 * at their end for the years that their table does not reach. libc knows only one zone at a time,
 * a global variable; this knows as many as are loaded.
 *
 *     zone_load("/usr/share/zoneinfo", STR("Europe/Berlin"), &zone, &error);   // reads a file
 *     stretch = zone_stretch(zone, now);       // offset, and from when until when it holds
 *     …
 *     zone_free(zone);
 *
 * Times are seconds since 1970-01-01T00:00:00Z, without leap seconds.
 *
 * Thread: [any]; a zone never changes. zone_load() blocks.
 */
#ifndef HUB_BASE_ZONE_H
#define HUB_BASE_ZONE_H

#include "base/error.h"
#include "base/str.h"

#include <stdint.h>

#define ZONE_NAME_MAX 64

struct zone;

/* A time during which the offset stays the same: [from, until). */
struct zone_stretch {
    int64_t from;   /* INT64_MIN: for ever */
    int64_t until;  /* INT64_MAX: for ever */
    int32_t offset; /* seconds that local time is ahead of UTC */
};

/* "UTC" needs no file. HUB_ERR_INVALID_INPUT: there is no zone of this name. HUB_ERR_CORRUPT: its
 * file is damaged. HUB_ERR_IO, HUB_ERR_NOMEM. */
HUB_MUST_CHECK int zone_load(const char *dir, struct str name, struct zone **ret_self,
                             struct hub_error *error);
/* The same from the bytes of such a file, which may be anything. */
HUB_MUST_CHECK int zone_parse(struct str name, struct str bytes, struct zone **ret_self,
                              struct hub_error *error);
void zone_free(struct zone *self); /* NULL does nothing */

struct str zone_name(const struct zone *self);
struct zone_stretch zone_stretch(const struct zone *self, int64_t at);

#endif
