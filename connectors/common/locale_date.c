/*
 * Dates and times by the CLDR's patterns.
 */
#include "locale.h"

#include "locale_table.h"

#include "base/clock.h"

#include <string.h>

enum { OFFSET_MAX = 18 * 60, FULL_DATE_LEN = 10, SECOND_MS = 1000, MINUTE_MS = 60000 };

/* --- Reading -----------------------------------------------------------------------------------*/

static int digits_at(struct str text, size_t at, size_t len)
{
    int value = 0;
    for (size_t i = at; i < at + len; i++) {
        value = value * 10 + (text.ptr[i] - '0');
    }
    return value;
}

/* Sakamoto's method, for the Gregorian calendar. */
static int weekday_of(int year, int month, int day)
{
    static const int SHIFT[] = {0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4};
    int y = month < 3 ? year + 399 : year + 400; /* 400 years are whole weeks */
    return (y + y / 4 - y / 100 + y / 400 + SHIFT[month - 1] + day) % 7;
}

static void read_date(struct str text, struct civil_time *time)
{
    time->year = digits_at(text, 0, 4);
    time->month = digits_at(text, 5, 2);
    time->day = digits_at(text, 8, 2);
    time->weekday = weekday_of(time->year, time->month, time->day);
}

static void read_date_time(struct str text, struct civil_time *time)
{
    read_date(text, time);
    time->hour = digits_at(text, 11, 2);
    time->minute = digits_at(text, 14, 2);
    time->second = digits_at(text, 17, 2);
    time->has_time = true;
}

/* Milliseconds that the clock is ahead of UTC at a moment. */
static int64_t ahead(const struct civil_clock *clock, int64_t wall_ms)
{
    if (!clock->zone) {
        return (int64_t)clock->offset * MINUTE_MS;
    }
    int64_t second = wall_ms / SECOND_MS - (wall_ms % SECOND_MS < 0);
    return (int64_t)zone_stretch(clock->zone, second).offset * SECOND_MS;
}

bool civil_time_parse(struct str text, const struct civil_clock *clock, struct civil_time *ret_time)
{
    struct civil_time time = {0};
    if (text.len == FULL_DATE_LEN && clock_is_date(text)) {
        read_date(text, &time);
        *ret_time = time;
        return true;
    }
    if (!clock_is_date_time(text)) {
        return false;
    }
    int64_t wall_ms;
    if (!clock) {
        read_date_time(text, &time);
    } else if (clock_parse(text, &wall_ms)) {
        char moved[CLOCK_RFC3339_LEN + 1];
        clock_format(wall_ms + ahead(clock, wall_ms), moved);
        read_date_time(str_from_c(moved), &time);
    } else {
        return false;
    }
    *ret_time = time;
    return true;
}

bool civil_offset_parse(struct str text, int *ret_minutes)
{
    if (str_eq_nocase(text, STR("Z")) || str_eq_nocase(text, STR("UTC"))) {
        *ret_minutes = 0;
        return true;
    }
    bool colon = text.len == 6 && text.ptr[3] == ':';
    if ((text.len != 5 && !colon) || (text.ptr[0] != '+' && text.ptr[0] != '-')) {
        return false;
    }
    uint64_t hours, minutes;
    if (!str_to_u64(str_slice(text, 1, 2), OFFSET_MAX / 60, &hours) ||
        !str_to_u64(str_slice(text, colon ? 4 : 3, 2), 59, &minutes)) {
        return false;
    }
    int all = (int)(hours * 60 + minutes);
    *ret_minutes = text.ptr[0] == '-' ? -all : all;
    return true;
}

/* --- Writing -----------------------------------------------------------------------------------*/

/* Entry `index` of a list that '|' separates. */
static struct str entry_of(const char *list, int index)
{
    struct str rest = str_from_c(list);
    struct str entry = str_split(&rest, '|');
    while (index-- > 0) {
        entry = str_split(&rest, '|');
    }
    return entry;
}

static void append_padded(const struct locale *self, int value, size_t width, struct buf *buf)
{
    char digits[12];
    size_t at = sizeof digits, zero_len = strlen(self->zero);
    for (; value > 0 || sizeof digits - at < width; value /= 10) {
        digits[--at] = (char)(value % 10);
    }
    for (; at < sizeof digits; at++) {
        buf_append(buf, self->zero, zero_len - 1);
        buf_append_char(buf, (char)(self->zero[zero_len - 1] + digits[at]));
    }
}

static void append_month(const struct locale *self, int month, size_t width, struct buf *buf)
{
    if (width <= 2) {
        append_padded(self, month, width, buf);
        return;
    }
    buf_append_str(buf, entry_of(width == 3 ? self->months_short : self->months, month - 1));
}

/* One field of a pattern: `width` times the same letter. False if it is none. */
static bool append_field(const struct locale *self, const struct civil_time *time, char letter,
                         size_t width, struct buf *buf)
{
    int hour_12 = time->hour % 12 == 0 ? 12 : time->hour % 12;
    switch (letter) {
    case 'y':
        append_padded(self, width == 2 ? time->year % 100 : time->year, width, buf);
        return width <= 4;
    case 'M':
        append_month(self, time->month, width, buf);
        return width <= 4;
    case 'E':
        buf_append_str(buf, entry_of(width == 4 ? self->days : self->days_short, time->weekday));
        return width <= 4;
    case 'a':
        buf_append_str(buf, entry_of(self->am_pm, time->hour >= 12));
        return width == 1;
    case 'd':
        append_padded(self, time->day, width, buf);
        return width <= 2;
    case 'H':
        append_padded(self, time->hour, width, buf);
        return width <= 2;
    case 'h':
        append_padded(self, hour_12, width, buf);
        return width <= 2;
    case 'm':
        append_padded(self, time->minute, width, buf);
        return width <= 2;
    case 's':
        append_padded(self, time->second, width, buf);
        return width <= 2;
    default:
        return false;
    }
}

static bool is_letter(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* Text between quotes from `*at` on; '' is a quote, inside and outside. */
static void append_quoted(struct str pattern, size_t *at, struct buf *buf)
{
    size_t from = ++*at;
    for (; *at < pattern.len; (*at)++) {
        if (pattern.ptr[*at] != '\'') {
            buf_append_char(buf, pattern.ptr[*at]);
        } else if (*at + 1 < pattern.len && pattern.ptr[*at + 1] == '\'' && *at > from) {
            buf_append_char(buf, pattern.ptr[(*at)++]);
        } else {
            break;
        }
    }
    if (*at == from) {
        buf_append_char(buf, '\'');
    }
    (*at)++;
}

static int append_pattern(const struct locale *self, const struct civil_time *time,
                          struct str pattern, struct buf *buf)
{
    for (size_t at = 0; at < pattern.len;) {
        char letter = pattern.ptr[at];
        if (letter == '\'') {
            append_quoted(pattern, &at, buf);
            continue;
        }
        if (!is_letter(letter)) {
            buf_append_char(buf, letter);
            at++;
            continue;
        }
        size_t from = at;
        while (at < pattern.len && pattern.ptr[at] == letter) {
            at++;
        }
        if (at - from > 4 || !append_field(self, time, letter, at - from, buf)) {
            return HUB_ERR_INVALID_INPUT;
        }
    }
    return 0;
}

/* The pattern of that name among `count` of a list; or the format is a pattern itself. */
static struct str pattern_of(const char *list, int count, struct str format)
{
    static const char *const STYLES[] = {"short", "medium", "long", "full"};
    for (int i = 0; i < count; i++) {
        if (str_eq(format, str_from_c(STYLES[i]))) {
            return entry_of(list, i);
        }
    }
    return format;
}

int locale_append_date(const struct locale *self, const struct civil_time *time, struct str format,
                       struct buf *buf)
{
    return append_pattern(self, time, pattern_of(self->date, 4, format), buf);
}

int locale_append_time(const struct locale *self, const struct civil_time *time, struct str format,
                       struct buf *buf)
{
    return append_pattern(self, time, pattern_of(self->time, 2, format), buf);
}

int locale_append_date_time(const struct locale *self, const struct civil_time *time,
                            struct str format, struct buf *buf)
{
    struct str rest = str_from_c(self->date_time);
    int err = 0;
    while (rest.len > 0 && err == 0) {
        if (str_starts_with(rest, STR("{1}"))) {
            err = locale_append_date(self, time, format, buf);
            rest = str_slice(rest, 3, SIZE_MAX);
        } else if (str_starts_with(rest, STR("{0}"))) {
            err = locale_append_time(self, time, STR("short"), buf);
            rest = str_slice(rest, 3, SIZE_MAX);
        } else {
            buf_append_char(buf, rest.ptr[0]);
            rest = str_slice(rest, 1, SIZE_MAX);
        }
    }
    return err;
}
