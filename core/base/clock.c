#include "base/clock.h"

#include "base/civil.h"

#include <string.h>
#include <time.h>

#define MS_PER_SECOND 1000
#define MS_PER_MINUTE (60 * MS_PER_SECOND)
#define MS_PER_HOUR   (60 * MS_PER_MINUTE)
#define MS_PER_DAY    ((int64_t)24 * MS_PER_HOUR)
#define WALL_MAX_MS   (CLOCK_DURATION_MAX_MS - 1) /* 9999-12-31T23:59:59.999Z */

static const char month_names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
static const char day_names[] = "SunMonTueWedThuFriSat";

struct date_time {
    struct civil_date date;
    int hour;
    int minute;
    int second;
    int ms;
    int offset_minutes; /* of local time before UTC */
};

int64_t clock_wall_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * MS_PER_SECOND + now.tv_nsec / CLOCK_NS_PER_MS;
}

int64_t clock_mono_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* --- numbers and times ---------------------------------------------------------------------- */

static int64_t clamp(int64_t wall_ms)
{
    return wall_ms < 0 ? 0 : wall_ms > WALL_MAX_MS ? WALL_MAX_MS : wall_ms;
}

static struct date_time date_time_of(int64_t wall_ms)
{
    int in_day = (int)(wall_ms % MS_PER_DAY);

    return (struct date_time){
        .date = civil_of_days(wall_ms / MS_PER_DAY),
        .hour = in_day / MS_PER_HOUR,
        .minute = in_day / MS_PER_MINUTE % 60,
        .second = in_day / MS_PER_SECOND % 60,
        .ms = in_day % MS_PER_SECOND,
    };
}

static int64_t wall_ms_of(const struct date_time *t)
{
    return civil_days(&t->date) * MS_PER_DAY + (int64_t)t->hour * MS_PER_HOUR +
           (int64_t)(t->minute - t->offset_minutes) * MS_PER_MINUTE +
           (int64_t)t->second * MS_PER_SECOND + t->ms;
}

/* --- pieces of text ------------------------------------------------------------------------ */

static char *put_number(char *at, int value, int digits)
{
    for (int i = digits - 1; i >= 0; i--) {
        at[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return at + digits;
}

static char *put_text(char *at, const char *text, size_t len)
{
    memcpy(at, text, len);
    return at + len;
}

static bool take_number(struct str *text, size_t digits, int *ret_value)
{
    uint64_t value;

    if (text->len < digits || !str_to_u64(str_slice(*text, 0, digits), INT32_MAX, &value)) {
        return false;
    }
    *text = str_slice(*text, digits, text->len);
    *ret_value = (int)value;
    return true;
}

static bool take(struct str *text, struct str expected)
{
    if (!str_starts_with(*text, expected)) {
        return false;
    }
    *text = str_slice(*text, expected.len, text->len);
    return true;
}

/* One of the names of three letters in `names`, as its index. */
static bool take_name(struct str *text, const char *names, int *ret_index)
{
    for (int i = 0; names[i * 3]; i++) {
        if (take(text, str_of(names + i * 3, 3))) {
            *ret_index = i;
            return true;
        }
    }
    return false;
}

/* The digits after a decimal point as milliseconds, rounded down; at least one is needed. */
static bool take_fraction(struct str *text, int *ret_ms)
{
    int ms = 0;
    int weight = 100;
    size_t digits = 0;

    while (digits < text->len && text->ptr[digits] >= '0' && text->ptr[digits] <= '9') {
        ms += (text->ptr[digits++] - '0') * weight;
        weight /= 10;
    }
    *text = str_slice(*text, digits, text->len);
    *ret_ms = ms;
    return digits > 0;
}

/* --- RFC 3339 ------------------------------------------------------------------------------ */

void clock_format(int64_t wall_ms, char *ret_text)
{
    struct date_time t = date_time_of(clamp(wall_ms));
    char *at = put_number(ret_text, t.date.year, 4);

    *at++ = '-';
    at = put_number(at, t.date.month, 2);
    *at++ = '-';
    at = put_number(at, t.date.day, 2);
    *at++ = 'T';
    at = put_number(at, t.hour, 2);
    *at++ = ':';
    at = put_number(at, t.minute, 2);
    *at++ = ':';
    at = put_number(at, t.second, 2);
    *at++ = '.';
    at = put_number(at, t.ms, 3);
    *at++ = 'Z';
    *at = '\0';
}

static bool take_date(struct str *text, struct civil_date *ret)
{
    return take_number(text, 4, &ret->year) && take(text, STR("-")) &&
           take_number(text, 2, &ret->month) && take(text, STR("-")) &&
           take_number(text, 2, &ret->day) && civil_valid(ret);
}

static bool take_offset(struct str *text, int *ret_minutes)
{
    int hours;
    int minutes;

    *ret_minutes = 0;
    if (take(text, STR("Z")) || take(text, STR("z"))) {
        return true;
    }
    bool west = take(text, STR("-"));
    if ((!west && !take(text, STR("+"))) || !take_number(text, 2, &hours) ||
        !take(text, STR(":")) || !take_number(text, 2, &minutes) || hours > 23 || minutes > 59) {
        return false;
    }
    *ret_minutes = (hours * 60 + minutes) * (west ? -1 : 1);
    return true;
}

static bool take_time(struct str *text, struct date_time *ret)
{
    if (!take_number(text, 2, &ret->hour) || !take(text, STR(":")) ||
        !take_number(text, 2, &ret->minute) || !take(text, STR(":")) ||
        !take_number(text, 2, &ret->second) ||
        (take(text, STR(".")) && !take_fraction(text, &ret->ms)) ||
        !take_offset(text, &ret->offset_minutes)) {
        return false;
    }
    if (ret->second == 60) {
        int utc_minute = (ret->hour * 60 + ret->minute - ret->offset_minutes + 2 * 1440) % 1440;
        ret->ms = 0; /* it becomes the next minute's first millisecond, so it has no fraction */
        return ret->hour < 24 && ret->minute < 60 && utc_minute == 1439;
    }
    return ret->hour < 24 && ret->minute < 60 && ret->second < 60;
}

static bool parse_date_time(struct str text, struct date_time *ret)
{
    return take_date(&text, &ret->date) && (take(&text, STR("T")) || take(&text, STR("t"))) &&
           take_time(&text, ret) && text.len == 0;
}

bool clock_is_date(struct str text)
{
    struct civil_date date;

    return take_date(&text, &date) && text.len == 0;
}

bool clock_is_time(struct str text)
{
    struct date_time t = {0};

    return take_time(&text, &t) && text.len == 0;
}

bool clock_is_date_time(struct str text)
{
    struct date_time t = {0};

    return parse_date_time(text, &t);
}

static bool in_range(int64_t wall_ms, int64_t *ret_wall_ms)
{
    if (wall_ms < 0 || wall_ms > WALL_MAX_MS) {
        return false;
    }
    *ret_wall_ms = wall_ms;
    return true;
}

bool clock_parse(struct str text, int64_t *ret_wall_ms)
{
    struct date_time t = {0};

    return parse_date_time(text, &t) && in_range(wall_ms_of(&t), ret_wall_ms);
}

void clock_append_json(struct buf *buf, int64_t wall_ms)
{
    char text[CLOCK_RFC3339_LEN + 3] = "\"";

    if (wall_ms == 0) {
        buf_append_str(buf, STR("null"));
        return;
    }
    clock_format(wall_ms, text + 1);
    text[CLOCK_RFC3339_LEN + 1] = '"';
    buf_append(buf, text, CLOCK_RFC3339_LEN + 2);
}

/* --- RFC 9110 ------------------------------------------------------------------------------ */

void clock_format_http(int64_t wall_ms, char ret_text[30])
{
    struct date_time t = date_time_of(clamp(wall_ms));
    int64_t week_day = (clamp(wall_ms) / MS_PER_DAY + 4) % 7; /* 1970-01-01 was a Thursday */
    char *at = put_text(ret_text, day_names + week_day * 3, 3);

    at = put_text(at, ", ", 2);
    at = put_number(at, t.date.day, 2);
    *at++ = ' ';
    at = put_text(at, month_names + (size_t)(t.date.month - 1) * 3, 3);
    *at++ = ' ';
    at = put_number(at, t.date.year, 4);
    *at++ = ' ';
    at = put_number(at, t.hour, 2);
    *at++ = ':';
    at = put_number(at, t.minute, 2);
    *at++ = ':';
    at = put_number(at, t.second, 2);
    put_text(at, " GMT", 5);
}

static bool take_full_day_name(struct str *text)
{
    static const struct str names[] = {
        STR_INIT("Sunday"),   STR_INIT("Monday"), STR_INIT("Tuesday"),  STR_INIT("Wednesday"),
        STR_INIT("Thursday"), STR_INIT("Friday"), STR_INIT("Saturday"),
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (take(text, names[i])) {
            return true;
        }
    }
    return false;
}

/* The next piece of `text` as `kind` says; any other kind stands for itself. */
static bool take_piece(struct str *text, char kind, struct date_time *t)
{
    int ignored;

    switch (kind) {
    case 'a':
        return take_name(text, day_names, &ignored);
    case 'A':
        return take_full_day_name(text);
    case 'd':
        return take_number(text, 2, &t->date.day);
    case 'e': /* the day, with a space for a leading zero */
        return take(text, STR(" ")) ? take_number(text, 1, &t->date.day)
                                    : take_number(text, 2, &t->date.day);
    case 'b':
        return take_name(text, month_names, &t->date.month) && ++t->date.month;
    case 'Y':
        return take_number(text, 4, &t->date.year);
    case 'y':
        if (!take_number(text, 2, &t->date.year)) {
            return false;
        }
        t->date.year += t->date.year < 70 ? 2000 : 1900;
        return true;
    case 'H':
        return take_number(text, 2, &t->hour);
    case 'M':
        return take_number(text, 2, &t->minute);
    case 'S':
        return take_number(text, 2, &t->second);
    case 'Z':
        return take(text, STR("GMT"));
    default:
        return take(text, str_of(&kind, 1));
    }
}

bool clock_parse_http(struct str text, int64_t *ret_wall_ms)
{
    static const char *const forms[] = {
        "a, d b Y H:M:S Z", /* IMF-fixdate */
        "A, d-b-y H:M:S Z", /* RFC 850 */
        "a b e H:M:S Y",    /* asctime() */
    };

    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        struct date_time t = {0};
        struct str rest = text;
        const char *kind = forms[i];
        while (*kind && take_piece(&rest, *kind, &t)) {
            kind++;
        }
        if (!*kind && rest.len == 0) {
            return civil_valid(&t.date) && t.hour < 24 && t.minute < 60 && t.second <= 60 &&
                   in_range(wall_ms_of(&t), ret_wall_ms);
        }
    }
    return false;
}

/* --- ISO 8601 durations -------------------------------------------------------------------- */

struct duration_unit {
    char letter;
    bool in_time; /* stands after the T */
    int64_t ms;
};

static const struct duration_unit duration_units[] = {
    {'D', false, MS_PER_DAY},
    {'H', true, MS_PER_HOUR},
    {'M', true, MS_PER_MINUTE},
    {'S', true, MS_PER_SECOND},
};

#define DURATION_UNITS (sizeof duration_units / sizeof duration_units[0])

/* "12H": a number, for seconds perhaps with a fraction, and the letter of a unit that has not come
 * yet; `*next_unit` is the first of those. */
static bool take_component(struct str *text, bool in_time, size_t *next_unit, int64_t *ms)
{
    size_t digits = 0;
    uint64_t count;
    int fraction = -1;

    while (digits < text->len && text->ptr[digits] >= '0' && text->ptr[digits] <= '9') {
        digits++;
    }
    if (!str_to_u64(str_slice(*text, 0, digits), CLOCK_DURATION_MAX_MS, &count)) {
        return false;
    }
    *text = str_slice(*text, digits, text->len);
    if (take(text, STR(".")) && !take_fraction(text, &fraction)) {
        return false;
    }
    for (size_t i = *next_unit; i < DURATION_UNITS; i++) {
        const struct duration_unit *unit = &duration_units[i];
        if (unit->in_time != in_time || !take(text, str_of(&unit->letter, 1))) {
            continue;
        }
        if ((fraction >= 0 && unit->letter != 'S') ||
            (int64_t)count > (CLOCK_DURATION_MAX_MS - *ms) / unit->ms) {
            return false;
        }
        *next_unit = i + 1;
        *ms += (int64_t)count * unit->ms + (fraction > 0 ? fraction : 0);
        return *ms <= CLOCK_DURATION_MAX_MS;
    }
    return false;
}

bool clock_parse_duration(struct str text, int64_t *ret_ms)
{
    int64_t ms = 0;
    size_t next_unit = 0;
    bool in_time = false;

    if (!take(&text, STR("P")) || text.len == 0) {
        return false;
    }
    while (text.len > 0) {
        if (!in_time && take(&text, STR("T"))) {
            in_time = true; /* and at least one component must follow */
        }
        if (!take_component(&text, in_time, &next_unit, &ms)) {
            return false;
        }
    }
    *ret_ms = ms;
    return true;
}
