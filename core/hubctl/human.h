/*
 * human.h — times, sizes and rates as people write and read them.
 *
 * Appending: "4.2 MB", "1.3 s", "2 min ago". Reading: "30s", "5m", "+10m", "100/s". Numbers have at
 * most three significant digits, except whole counts; sizes are decimal (1 kB = 1000 bytes, as on
 * the packet of a disk).
 *
 * Thread: [any]. `now_ms` is wall time as in base/clock.h.
 */
#ifndef HUB_HUBCTL_HUMAN_H
#define HUB_HUBCTL_HUMAN_H

#include "base/buf.h"

void human_append_size(struct buf *buf, uint64_t bytes);
void human_append_duration(struct buf *buf, int64_t ms); /* "850 ms", "12.4 s", "3 min 5 s" */

/* "just now", "2 min ago", "in 3 h"; over 30 days the date. */
void human_append_relative(struct buf *buf, int64_t at_ms, int64_t now_ms);

/* "2026-11-23 12:00:00" in the local time zone. */
void human_append_local(struct buf *buf, int64_t at_ms);

/* "90s", "5m", "2h", "1d", "500ms", "1h30m": whole numbers with units, largest first or not, at
 * least one. False if it is not one, is zero, or exceeds 365 days. */
bool human_parse_duration(struct str text, int64_t *ret_ms);

/* A point in time: RFC 3339, or "now", or `now_ms` moved by a duration: forwards "+10m", backwards
 * "-2h". */
bool human_parse_time(struct str text, int64_t now_ms, int64_t *ret_at_ms);

/* "100/s", "5/m", "1000/h", "20/d", "3/10s": a count and a period. */
bool human_parse_rate(struct str text, int64_t *ret_limit, int64_t *ret_period_ms);
void human_append_rate(struct buf *buf, int64_t limit, int64_t period_ms);

#endif
