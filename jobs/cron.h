/*
 * cron.h — cron expressions: parsed once, then asked for the next time.
 *
 *     cron_parse(STR("30 2 * * MON-FRI"), &cron, &error);
 *     at = cron_next(&cron, zone, now);                    // seconds; CRON_NEVER: not until 2200
 *
 * Five fields, minute hour day-of-month month day-of-week, or six with the second in front. As in
 * crontab(5), and beyond it:
 *
 *     *  ?                 every value          5  1,15        values
 *     9-17  22-2           a range; one that is backwards goes over the end
 *     0/10  0-30/5  5/15   every 10th, 5th; from 5 on every 15th
 *     JAN…DEC  SUN…SAT     names; 0 and 7 are Sunday
 *     L                    day of month: the last one; L-2: two days before it
 *     15W  LW              day of month: the working day nearest to the 15th, the last working day
 *     5L  FRIL             day of week: the last Friday of the month
 *     5#2  FRI#2           day of week: the second Friday
 *     @yearly @annually @monthly @weekly @daily @midnight @hourly
 *
 * If both day of month and day of week are restricted (do not begin with * or ?), a day that
 * matches either of them counts, as in crontab(5).
 *
 * DAYLIGHT SAVING. When clocks go forward, times of day that do not exist run once, at the first
 * instant after the gap. When they go back, a time of day that comes twice runs the first time. An
 * expression that leaves the hour open ("every ten minutes") goes by elapsed time instead: it makes
 * up for nothing and runs through the hour that comes twice.
 *
 * Thread: [any]; pure.
 */
#ifndef HUB_JOBS_CRON_H
#define HUB_JOBS_CRON_H

#include "base/error.h"
#include "base/str.h"
#include "base/zone.h"

#define CRON_TEXT_MAX 256
#define CRON_NEVER    INT64_MAX

struct cron {
    uint64_t seconds; /* a bit each */
    uint64_t minutes;
    uint32_t hours;
    uint32_t days;      /* bits 1…31 */
    uint32_t last_days; /* bits 0…30: that many days before the last */
    uint32_t near_days; /* bits 1…31: the working day nearest to it */
    bool last_workday;
    uint16_t months;         /* bits 1…12 */
    uint8_t weekdays;        /* bits 0…6, from Sunday */
    uint8_t last_weekdays;   /* the last of them in the month */
    uint8_t nth_weekdays[5]; /* the first, second, … */
    bool any_day;            /* the field began with * or ? */
    bool any_weekday;
    bool any_hour;
};

/* HUB_ERR_INVALID_INPUT, with the field and what is wrong with it. */
HUB_MUST_CHECK int cron_parse(struct str text, struct cron *ret_cron, struct hub_error *error);

/* The first time after `after`, in seconds since 1970. */
int64_t cron_next(const struct cron *self, const struct zone *zone, int64_t after);

#endif
