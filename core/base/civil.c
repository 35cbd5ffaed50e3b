#include "base/civil.h"

bool civil_is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

int civil_days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return days[month - 1] + (month == 2 && civil_is_leap(year));
}

bool civil_valid(const struct civil_date *date)
{
    return date->month >= 1 && date->month <= 12 && date->day >= 1 &&
           date->day <= civil_days_in_month(date->year, date->month);
}

/* Days before the first of March of `year`, counted from 0000-03-01: a year that starts in March
 * has its leap day at the end, so the months before need no special case. */
static int64_t days_before_march_year(int64_t year)
{
    return year * 365 + year / 4 - year / 100 + year / 400;
}

/* Days before `month` (0 is March) in a year that starts in March. */
static int days_before_march_month(int month)
{
    return (month * 153 + 2) / 5;
}

#define DAYS_TO_1970 719468 /* from 0000-03-01 */

int64_t civil_days(const struct civil_date *date)
{
    /* One cycle of 400 years is added and taken away for January and February of the year 0. */
    int64_t year = date->year + 400 - (date->month < 3);
    int month = (date->month + 9) % 12;

    return days_before_march_year(year) - days_before_march_year(400) +
           days_before_march_month(month) + date->day - 1 - DAYS_TO_1970;
}

struct civil_date civil_of_days(int64_t days)
{
    days += DAYS_TO_1970;
    int64_t year = days / 365;
    while (days_before_march_year(year) > days) {
        year--;
    }
    int rest = (int)(days - days_before_march_year(year));
    int month = (rest * 5 + 2) / 153;
    return (struct civil_date){
        .year = (int)year + (month >= 10),
        .month = month < 10 ? month + 3 : month - 9,
        .day = rest - days_before_march_month(month) + 1,
    };
}

int civil_weekday(int64_t days)
{
    int weekday = (int)((days + 4) % 7); /* 1970-01-01 was a Thursday */

    return weekday < 0 ? weekday + 7 : weekday;
}
