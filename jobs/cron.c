#include "jobs/cron.h"

#include "base/civil.h"

#include <string.h>

#define DAY_S    86400
#define YEAR_END 2200

/* --- Parsing -----------------------------------------------------------------------------------*/

enum field_kind { SECOND, MINUTE, HOUR, DAY, MONTH, WEEKDAY, FIELD_COUNT };

static const struct field {
    const char *name;
    int min;
    int max;
    const char *names; /* three letters each, from `min` on; NULL: none */
} FIELDS[FIELD_COUNT] = {
    [SECOND] = {"second", 0, 59, NULL},
    [MINUTE] = {"minute", 0, 59, NULL},
    [HOUR] = {"hour", 0, 23, NULL},
    [DAY] = {"day of month", 1, 31, NULL},
    [MONTH] = {"month", 1, 12, "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC"},
    [WEEKDAY] = {"day of week", 0, 7, "SUNMONTUEWEDTHUFRISAT"},
};

static const struct {
    const char *name;
    const char *text;
} MACROS[] = {
    {"@yearly", "0 0 0 1 1 *"}, {"@annually", "0 0 0 1 1 *"}, {"@monthly", "0 0 0 1 * *"},
    {"@weekly", "0 0 0 * * 0"}, {"@daily", "0 0 0 * * *"},    {"@midnight", "0 0 0 * * *"},
    {"@hourly", "0 0 * * * *"},
};

static bool take_char(struct str *text, char c)
{
    if (text->len == 0 || (text->ptr[0] | 0x20) != (c | 0x20)) {
        return false;
    }
    *text = str_slice(*text, 1, text->len);
    return true;
}

static bool take_number(struct str *text, int *ret_number)
{
    size_t digits = 0;
    int number = 0;

    while (digits < text->len && digits < 3 && text->ptr[digits] >= '0' &&
           text->ptr[digits] <= '9') {
        number = number * 10 + (text->ptr[digits++] - '0');
    }
    *text = str_slice(*text, digits, text->len);
    *ret_number = number;
    return digits > 0;
}

static bool take_name(const struct field *field, struct str *text, int *ret_number)
{
    if (!field->names || text->len < 3) {
        return false;
    }
    for (int i = 0; field->names[3 * i]; i++) {
        if (str_eq_nocase(str_slice(*text, 0, 3), str_of(field->names + 3 * i, 3))) {
            *text = str_slice(*text, 3, text->len);
            *ret_number = field->min + i;
            return true;
        }
    }
    return false;
}

static bool take_value(const struct field *field, struct str *text, int *ret_number)
{
    if (!take_name(field, text, ret_number) && !take_number(text, ret_number)) {
        return false;
    }
    return *ret_number >= field->min && *ret_number <= field->max;
}

/* The highest value that is not another name of the lowest. */
static int top_of(const struct field *field)
{
    return field == &FIELDS[WEEKDAY] ? 6 : field->max;
}

/* The bits of first, first + step, … up to last; over the end if last is below first. */
static uint64_t bits_of(const struct field *field, int first, int last, int step)
{
    int top = top_of(field);
    int span = top - field->min + 1;
    uint64_t bits = 0;

    if (last < first) {
        last += span;
    }
    for (int value = first; value <= last; value += step) {
        bits |= UINT64_C(1) << (value > top ? value - span : value);
    }
    return bits;
}

/* What only days have. True if `text` was one of these. */
static bool take_special_day(struct cron *cron, struct str text)
{
    int number;

    if (str_eq_nocase(text, STR("LW"))) {
        return cron->last_workday = true;
    }
    if (take_char(&text, 'L')) {
        bool back = take_char(&text, '-');
        if (back && (!take_number(&text, &number) || number > 30)) {
            return false;
        }
        cron->last_days |= UINT32_C(1) << (back ? number : 0);
        return text.len == 0;
    }
    if (take_value(&FIELDS[DAY], &text, &number) && take_char(&text, 'W')) {
        cron->near_days |= UINT32_C(1) << number;
        return text.len == 0;
    }
    return false;
}

static bool take_special_weekday(struct cron *cron, struct str text)
{
    int weekday, nth;

    if (!take_value(&FIELDS[WEEKDAY], &text, &weekday)) {
        return false;
    }
    uint8_t bit = (uint8_t)(1u << weekday % 7);
    if (take_char(&text, 'L')) {
        cron->last_weekdays |= bit;
        return text.len == 0;
    }
    if (take_char(&text, '#') && take_number(&text, &nth) && nth >= 1 && nth <= 5) {
        cron->nth_weekdays[nth - 1] |= bit;
        return text.len == 0;
    }
    return false;
}

/* One part of a list: star, value, range, each with a step or without. */
static bool parse_part(const struct field *field, struct str text, uint64_t *bits)
{
    int first = field->min, last = top_of(field), step = 1;
    bool ranged = take_char(&text, '*') || take_char(&text, '?');

    if (!ranged) {
        if (!take_value(field, &text, &first)) {
            return false;
        }
        last = first;
        ranged = take_char(&text, '-');
        if (ranged && !take_value(field, &text, &last)) {
            return false;
        }
    }
    if (take_char(&text, '/')) {
        if (!take_number(&text, &step) || step < 1) {
            return false;
        }
        last = ranged ? last : top_of(field);
    }
    if (first > top_of(field)) { /* 7 is Sunday; at the end of a range it comes by itself */
        first = 0;
        last = last == 7 ? 0 : last;
    }
    *bits |= bits_of(field, first, last, step);
    return text.len == 0;
}

static bool parse_field(struct cron *cron, enum field_kind kind, struct str text, uint64_t *bits)
{
    bool any = text.ptr[0] == '*' || text.ptr[0] == '?';

    if (kind == DAY) {
        cron->any_day = any;
    } else if (kind == WEEKDAY) {
        cron->any_weekday = any;
    }
    while (text.ptr) {
        struct str part = str_split(&text, ',');
        bool special = (kind == DAY && take_special_day(cron, part)) ||
                       (kind == WEEKDAY && take_special_weekday(cron, part));
        if (!special && !parse_part(&FIELDS[kind], part, bits)) {
            return false;
        }
    }
    return true;
}

static struct str macro_of(struct str text)
{
    for (size_t i = 0; i < sizeof MACROS / sizeof MACROS[0]; i++) {
        if (str_eq_nocase(text, str_from_c(MACROS[i].name))) {
            return str_from_c(MACROS[i].text);
        }
    }
    return text;
}

/* Splits at blanks. Returns the number of fields, at most FIELD_COUNT + 1. */
static unsigned split(struct str text, struct str ret_fields[FIELD_COUNT + 1])
{
    unsigned count = 0;
    size_t i = 0;

    while (count <= FIELD_COUNT) {
        while (i < text.len && (text.ptr[i] == ' ' || text.ptr[i] == '\t')) {
            i++;
        }
        size_t start = i;
        while (i < text.len && text.ptr[i] != ' ' && text.ptr[i] != '\t') {
            i++;
        }
        if (i == start) {
            break;
        }
        ret_fields[count++] = str_slice(text, start, i - start);
    }
    return count;
}

int cron_parse(struct str text, struct cron *ret_cron, struct hub_error *error)
{
    struct str fields[FIELD_COUNT + 1];
    uint64_t bits[FIELD_COUNT] = {[SECOND] = 1};
    struct cron cron = {0};
    unsigned count = text.len <= CRON_TEXT_MAX ? split(macro_of(str_trim(text)), fields) : 0;

    if (count != FIELD_COUNT && count != FIELD_COUNT - 1) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT,
                        "a cron expression has 5 fields, or 6 with the second in front");
    }
    unsigned skipped = FIELD_COUNT - count;
    if (skipped == 0) {
        bits[SECOND] = 0;
    }
    for (unsigned i = 0; i < count; i++) {
        enum field_kind kind = (enum field_kind)(i + skipped);
        if (!parse_field(&cron, kind, fields[i], &bits[kind])) {
            return hub_fail(error, HUB_ERR_INVALID_INPUT, "%s: \"%.*s\" is not understood",
                            FIELDS[kind].name, STR_ARG(fields[i]));
        }
    }
    cron.seconds = bits[SECOND];
    cron.minutes = bits[MINUTE];
    cron.hours = (uint32_t)bits[HOUR];
    cron.days = (uint32_t)bits[DAY];
    cron.months = (uint16_t)bits[MONTH];
    cron.weekdays = (uint8_t)bits[WEEKDAY];
    cron.any_hour = cron.hours == (UINT32_C(1) << 24) - 1;
    *ret_cron = cron;
    return 0;
}

/* --- Days --------------------------------------------------------------------------------------*/

/* A day with what the day fields ask about it. */
struct day {
    struct civil_date date;
    int weekday;
    int length; /* of the month */
};

static bool is_workday(int weekday)
{
    return weekday >= 1 && weekday <= 5;
}

/* The working day of the month that is nearest to `wanted` (31W in a month of 30 days: to none). */
static int nearest_workday(const struct day *day, int wanted)
{
    if (wanted > day->length) {
        return 0;
    }
    int weekday = (day->weekday + wanted - day->date.day + 7 * 5) % 7;
    if (weekday == 6) {
        return wanted > 1 ? wanted - 1 : wanted + 2;
    }
    if (weekday == 0) {
        return wanted < day->length ? wanted + 1 : wanted - 2;
    }
    return wanted;
}

static bool is_last_workday(const struct day *day)
{
    int left = day->length - day->date.day;

    return is_workday(day->weekday) && (left == 0 || (day->weekday == 5 && left <= 2));
}

static bool matches_day(const struct cron *self, const struct day *day)
{
    if (self->days >> day->date.day & 1 || (self->last_days >> (day->length - day->date.day) & 1) ||
        (self->last_workday && is_last_workday(day))) {
        return true;
    }
    for (int wanted = 1; self->near_days != 0 && wanted <= 31; wanted++) {
        if (self->near_days >> wanted & 1 && nearest_workday(day, wanted) == day->date.day) {
            return true;
        }
    }
    return false;
}

static bool matches_weekday(const struct cron *self, const struct day *day)
{
    bool is_last = day->date.day + 7 > day->length;
    int nth = (day->date.day - 1) / 7;

    return (self->weekdays >> day->weekday & 1) ||
           (is_last && self->last_weekdays >> day->weekday & 1) ||
           (self->nth_weekdays[nth] >> day->weekday & 1);
}

static bool matches(const struct cron *self, const struct day *day)
{
    bool by_day = matches_day(self, day);
    bool by_weekday = matches_weekday(self, day);

    return self->any_day || self->any_weekday ? by_day && by_weekday : by_day || by_weekday;
}

/* --- The next time -----------------------------------------------------------------------------*/

/* The lowest bit from `from` on, or -1. */
static int next_bit(uint64_t bits, int from)
{
    bits = from < 64 ? bits >> from << from : 0;
    return bits ? __builtin_ctzll(bits) : -1;
}

/* The first second of a day that matches, from `from` on; -1: none. */
static int next_in_day(const struct cron *self, int from)
{
    int hour = from / 3600, minute = from / 60 % 60, second = from % 60;

    for (int h = next_bit(self->hours, hour); h >= 0; h = next_bit(self->hours, h + 1)) {
        int m = next_bit(self->minutes, h == hour ? minute : 0);
        for (; m >= 0; m = next_bit(self->minutes, m + 1)) {
            int s = next_bit(self->seconds, h == hour && m == minute ? second : 0);
            if (s >= 0) {
                return h * 3600 + m * 60 + s;
            }
        }
    }
    return -1;
}

static int64_t days_of(int year, int month, int day)
{
    return civil_days(&(struct civil_date){year, month, day});
}

/* The first local time in [from, until) that matches, as if there were no zones; CRON_NEVER. */
static int64_t next_local(const struct cron *self, int64_t from, int64_t until)
{
    int64_t day = from / DAY_S;
    int in_day = (int)(from % DAY_S);

    while (day <= (until - 1) / DAY_S) {
        struct day d = {.date = civil_of_days(day)};
        if (d.date.year >= YEAR_END) {
            break;
        }
        if (!(self->months >> d.date.month & 1)) {
            day = days_of(d.date.year + d.date.month / 12, d.date.month % 12 + 1, 1);
            in_day = 0;
            continue;
        }
        d.weekday = civil_weekday(day);
        d.length = civil_days_in_month(d.date.year, d.date.month);
        int found = matches(self, &d) ? next_in_day(self, in_day) : -1;
        if (found >= 0) {
            int64_t at = day * DAY_S + found;
            return at < until ? at : CRON_NEVER;
        }
        day++;
        in_day = 0;
    }
    return CRON_NEVER;
}

/* Local times of a stretch, or as far as we look. */
static int64_t local_end(const struct zone_stretch *stretch)
{
    static const int64_t END = (int64_t)366 * YEAR_END * DAY_S;

    return stretch->until < END ? stretch->until + stretch->offset : END;
}

int64_t cron_next(const struct cron *self, const struct zone *zone, int64_t after)
{
    int64_t at = (after < 0 ? 0 : after) + 1;

    for (;;) {
        struct zone_stretch stretch = zone_stretch(zone, at);
        int64_t local = at + stretch.offset;
        if (stretch.from > 0 && !self->any_hour) {
            int64_t before = stretch.from + zone_stretch(zone, stretch.from - 1).offset;
            int64_t since = stretch.from + stretch.offset;
            /* Clocks went forward: what was left out comes at once. */
            if (at == stretch.from && before < since &&
                next_local(self, before, since) != CRON_NEVER) {
                return at;
            }
            /* Clocks went back: what comes again is left out. */
            local = local < before ? before : local;
        }
        int64_t found = next_local(self, local, local_end(&stretch));
        if (found != CRON_NEVER) {
            return found - stretch.offset;
        }
        if (stretch.until == INT64_MAX || civil_of_days(stretch.until / DAY_S).year >= YEAR_END) {
            return CRON_NEVER;
        }
        at = stretch.until;
    }
}
