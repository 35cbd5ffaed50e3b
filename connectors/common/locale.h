/*
 * locale.h — numbers, money and dates as people of a language and country write them.
 *
 *     const struct locale *de = locale_find(STR("de-DE"));
 *     locale_append_number(de, &amount, 2, 2, &buf);                           // 1.234,50
 *     locale_append_money(de, 123450, currency_find(STR("EUR")), MONEY_SYMBOL, &buf);
 *                                                                              // 1.234,50 €
 *     locale_append_date(de, &time, STR("long"), &buf);                        // 23. November 2026
 *
 * The facts are those of the Unicode CLDR for 58 locales. Years are Gregorian everywhere. Blanks in
 * numbers are no-break spaces, so that an amount is never torn apart at the end of a line.
 *
 * Owner: a locale is static. Thread: [any].
 */
#ifndef COMMON_LOCALE_H
#define COMMON_LOCALE_H

#include "decimal.h"
#include "money.h"

#include "base/zone.h"

struct locale;

/* The nearest locale there is to a BCP 47 tag: "de-LU" gives de, "zh-TW" zh-Hant, "no" nb; with '_'
 * for '-' too, in any case. NULL if the language is none of ours. */
const struct locale *locale_find(struct str tag);

const struct locale *locale_default(void); /* en */
struct str locale_tag(const struct locale *self);
bool locale_is_rtl(const struct locale *self); /* written from right to left */

/* With at least `fraction_min` and at most `fraction_max` decimals, halves away from zero. */
void locale_append_number(const struct locale *self, const struct decimal *number, int fraction_min,
                          int fraction_max, struct buf *buf);

/* 0.19 as "19 %". Decimals are counted in the percentage. */
void locale_append_percent(const struct locale *self, const struct decimal *number,
                           int fraction_max, struct buf *buf);

enum money_style {
    MONEY_SYMBOL, /* 1.234,50 € */
    MONEY_CODE,   /* 1.234,50 EUR */
    MONEY_PLAIN   /* 1.234,50 */
};
void locale_append_money(const struct locale *self, int64_t minor, const struct currency *currency,
                         enum money_style style, struct buf *buf);

/* A moment as a calendar and a clock show it. */
struct civil_time {
    int year;       /* 0 to 9999 */
    int month, day; /* from 1 */
    int weekday;    /* 0: Sunday */
    int hour, minute, second;
    bool has_time; /* false: only the date is known */
};

/* Where the clock hangs that shows a moment. */
struct civil_clock {
    const struct zone *zone; /* NULL: `offset` is what matters */
    int offset;              /* minutes east of UTC */
};

/* "2026-11-23" or an RFC 3339 date-time. The latter keeps the offset it is written with, unless a
 * clock is given (not NULL); a mere date is not moved. False if it is neither. */
bool civil_time_parse(struct str text, const struct civil_clock *clock,
                      struct civil_time *ret_time);

/* "Z", "UTC", "+01:00", "-0330" as minutes east of UTC. */
bool civil_offset_parse(struct str text, int *ret_minutes);

/* `format` is "short", "medium", "long" or "full", or a pattern of UTS #35 part 4 with the letters
 * y yy M MM MMM MMMM d dd E EEEE a H HH h hh m mm s ss and quoted text. HUB_ERR_INVALID_INPUT if
 * the pattern has other letters. */
HUB_MUST_CHECK int locale_append_date(const struct locale *self, const struct civil_time *time,
                                      struct str format, struct buf *buf);

/* The time of day, "short" (15:04), "medium" (15:04:05) or a pattern. */
HUB_MUST_CHECK int locale_append_time(const struct locale *self, const struct civil_time *time,
                                      struct str format, struct buf *buf);

/* Date in `format` and short time, joined as the locale does it. */
HUB_MUST_CHECK int locale_append_date_time(const struct locale *self, const struct civil_time *time,
                                           struct str format, struct buf *buf);

#endif
