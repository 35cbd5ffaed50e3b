/*
 * civil.h — the proleptic Gregorian calendar: dates, and days since 1970-01-01.
 *
 * Years 0 to 9999. Thread: [any]; pure functions.
 */
#ifndef HUB_BASE_CIVIL_H
#define HUB_BASE_CIVIL_H

#include <stdbool.h>
#include <stdint.h>

struct civil_date {
    int year;
    int month; /* 1…12 */
    int day;   /* 1…31 */
};

bool civil_is_leap(int year);
int civil_days_in_month(int year, int month);
bool civil_valid(const struct civil_date *date);

int64_t civil_days(const struct civil_date *date);
struct civil_date civil_of_days(int64_t days);

/* 0 is Sunday. */
int civil_weekday(int64_t days);

#endif
