/*
 * locale_table.h — what the CLDR says of each locale, for locale.c alone. locale_facts.mjs wrote
 * the rows; lists are separated by '|'.
 */
#ifndef COMMON_LOCALE_TABLE_H
#define COMMON_LOCALE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct locale {
    const char *tag; /* BCP 47 */
    bool rtl;
    const char *zero; /* the digit 0; the others follow it in Unicode */
    const char *decimal, *group, *minus, *percent_sign;
    const char *money_decimal, *money_group; /* as above but in amounts of money */
    const char *percent;                     /* "#%": where number and sign stand */
    const char *money, *money_negative;      /* "#¤", "-#¤" */
    uint8_t secondary;   /* digits of a group beyond the first, which has 3: 3, or 2 in India */
    uint8_t least_group; /* digits before the first separator needed to have one: 1 or 2 */
    const char *symbols; /* "USD$|AUDA$": where they differ from LOCALE_ROOT_SYMBOLS */
    const char *months, *months_short;
    const char *days, *days_short; /* from Sunday */
    const char *am_pm;
    const char *date;      /* patterns: short, medium, long, full (UTS #35, part 4) */
    const char *time;      /* patterns: short, medium */
    const char *date_time; /* "{1}, {0}": date and time together */
};

extern const char LOCALE_ROOT_SYMBOLS[];
extern const struct locale LOCALE_TABLE[];
extern const size_t LOCALE_COUNT;

#endif
