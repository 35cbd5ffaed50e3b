/*
 * clock.h — the two clocks, and times as text.
 *
 * Wall time is milliseconds since 1970-01-01T00:00:00Z (int64_t, names end in `_at` or `_ms`); it
 * may jump. Monotonic time is nanoseconds since some start (names end in `_ns`); it does not jump
 * and is for deadlines and durations. Code that must be tested with a fake clock takes `now` as a
 * parameter and never calls these.
 *
 * Thread: [any].
 */
#ifndef HUB_BASE_CLOCK_H
#define HUB_BASE_CLOCK_H

#include "base/buf.h"
#include "base/str.h"

#define CLOCK_NS_PER_MS       1000000
#define CLOCK_DURATION_MAX_MS INT64_C(253402300800000) /* the years 1970…9999 */
#define CLOCK_RFC3339_LEN     24                       /* "2026-11-23T12:00:00.000Z" */

int64_t clock_wall_ms(void);
int64_t clock_mono_ns(void);
static inline int64_t clock_mono_ms(void)
{
    return clock_mono_ns() / CLOCK_NS_PER_MS;
}

/* RFC 3339 in UTC with milliseconds. `ret_text` has room for CLOCK_RFC3339_LEN + 1. Times outside
 * the years 1970…9999 are clamped. */
void clock_format(int64_t wall_ms, char *ret_text);

/* Any RFC 3339 date-time, with any offset and fraction (rounded down to milliseconds). A leap
 * second, which RFC 3339 §5.7 allows at 23:59:60 UTC only, is taken as the next day's first. False
 * if `text` is not one or lies outside 1970…9999. */
bool clock_parse(struct str text, int64_t *ret_wall_ms);

/* Whether `text` is the RFC 3339 production full-date, full-time or date-time, of any year from
 * 0000 to 9999. */
bool clock_is_date(struct str text);
bool clock_is_time(struct str text);
bool clock_is_date_time(struct str text);

/* Appends the time as a JSON string, or null for 0. */
void clock_append_json(struct buf *buf, int64_t wall_ms);

/* An IMF-fixdate (RFC 9110 §5.6.7): "Sun, 06 Nov 1994 08:49:37 GMT", 29 characters and a NUL. */
void clock_format_http(int64_t wall_ms, char ret_text[30]);

/* Any of the three forms that RFC 9110 §5.6.7 makes recipients accept. The name of the day is not
 * compared with the date. A year of two digits lies in 1970…2069. */
bool clock_parse_http(struct str text, int64_t *ret_wall_ms);

/* ISO 8601 durations of days and less ("P7D", "PT1H30M", "PT0.5S") in milliseconds,
 * at most CLOCK_DURATION_MAX_MS. A fraction is allowed in seconds only and rounded down. Years,
 * months and weeks are refused. */
bool clock_parse_duration(struct str text, int64_t *ret_ms);

#endif
