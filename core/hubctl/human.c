#include "hubctl/human.h"

#include "base/clock.h"

#include <time.h>

#define SECOND          INT64_C(1000)
#define MINUTE          (60 * SECOND)
#define HOUR            (60 * MINUTE)
#define DAY             (24 * HOUR)

#define DURATION_MAX_MS (365 * DAY)

static const struct unit {
    struct str name;
    int64_t ms;
} units[] = {
    /* "ms" stands before "m" so that the longer name is found first. */
    {STR_INIT("ms"), 1},     {STR_INIT("s"), SECOND}, {STR_INIT("min"), MINUTE},
    {STR_INIT("m"), MINUTE}, {STR_INIT("h"), HOUR},   {STR_INIT("d"), DAY},
};

#define UNITS_LEN (sizeof units / sizeof units[0])

void human_append_size(struct buf *buf, uint64_t bytes)
{
    static const char *const names[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    double value = (double)bytes;
    size_t i = 0;

    /* 999.5 would be written as 1000 of the smaller unit. */
    while (value >= 999.5 && i + 1 < sizeof names / sizeof names[0]) {
        value /= 1000;
        i++;
    }
    buf_append_format(buf, i > 0 && value < 9.95 ? "%.1f %s" : "%.0f %s", value, names[i]);
}

/* "3 min 5 s", or "3 min" without a rest. */
static void append_two(struct buf *buf, int64_t ms, int64_t large, const char *large_name,
                       int64_t small, const char *small_name)
{
    buf_append_format(buf, "%lld %s", (long long)(ms / large), large_name);
    if (ms % large >= small) {
        buf_append_format(buf, " %lld %s", (long long)(ms % large / small), small_name);
    }
}

void human_append_duration(struct buf *buf, int64_t ms)
{
    if (ms < 1) {
        buf_append_str(buf, STR("<1 ms"));
    } else if (ms < SECOND) {
        buf_append_format(buf, "%lld ms", (long long)ms);
    } else if (ms < MINUTE && ms % SECOND < 100) {
        buf_append_format(buf, "%lld s", (long long)(ms / SECOND));
    } else if (ms < MINUTE) {
        buf_append_format(buf, "%lld.%lld s", (long long)(ms / SECOND),
                          (long long)(ms % SECOND / 100));
    } else if (ms < HOUR) {
        append_two(buf, ms, MINUTE, "min", SECOND, "s");
    } else if (ms < DAY) {
        append_two(buf, ms, HOUR, "h", MINUTE, "min");
    } else {
        append_two(buf, ms, DAY, "d", HOUR, "h");
    }
}

static void append_local_as(struct buf *buf, int64_t at_ms, const char *format)
{
    time_t seconds = (time_t)(at_ms / SECOND);
    struct tm parts;
    char text[64];

    if (localtime_r(&seconds, &parts) && strftime(text, sizeof text, format, &parts) > 0) {
        buf_append_c(buf, text);
    }
}

void human_append_local(struct buf *buf, int64_t at_ms)
{
    append_local_as(buf, at_ms, "%Y-%m-%d %H:%M:%S");
}

void human_append_relative(struct buf *buf, int64_t at_ms, int64_t now_ms)
{
    int64_t distance = at_ms > now_ms ? at_ms - now_ms : now_ms - at_ms;

    if (distance < SECOND) {
        buf_append_str(buf, STR("just now"));
        return;
    }
    if (distance > 30 * DAY) {
        append_local_as(buf, at_ms, "%Y-%m-%d");
        return;
    }
    if (at_ms > now_ms) {
        buf_append_str(buf, STR("in "));
    }
    if (distance < MINUTE) {
        buf_append_format(buf, "%lld s", (long long)(distance / SECOND));
    } else if (distance < HOUR) {
        buf_append_format(buf, "%lld min", (long long)(distance / MINUTE));
    } else if (distance < 2 * DAY) {
        buf_append_format(buf, "%lld h", (long long)(distance / HOUR));
    } else {
        buf_append_format(buf, "%lld days", (long long)(distance / DAY));
    }
    if (at_ms < now_ms) {
        buf_append_str(buf, STR(" ago"));
    }
}

/* Takes digits off the front. */
static bool take_number(struct str *text, int64_t *ret_value)
{
    size_t len = 0;

    while (len < text->len && text->ptr[len] >= '0' && text->ptr[len] <= '9') {
        len++;
    }
    if (!str_to_i64(str_slice(*text, 0, len), 0, DURATION_MAX_MS, ret_value)) {
        return false;
    }
    *text = str_slice(*text, len, text->len);
    return true;
}

static const struct unit *take_unit(struct str *text)
{
    for (size_t i = 0; i < UNITS_LEN; i++) {
        if (str_starts_with(*text, units[i].name)) {
            *text = str_slice(*text, units[i].name.len, text->len);
            return &units[i];
        }
    }
    return NULL;
}

bool human_parse_duration(struct str text, int64_t *ret_ms)
{
    int64_t sum = 0;

    while (text.len > 0) {
        int64_t count;
        const struct unit *unit;

        if (!take_number(&text, &count) || !(unit = take_unit(&text)) ||
            count > (DURATION_MAX_MS - sum) / unit->ms) {
            return false;
        }
        sum += count * unit->ms;
    }
    if (sum == 0) {
        return false;
    }
    *ret_ms = sum;
    return true;
}

bool human_parse_time(struct str text, int64_t now_ms, int64_t *ret_at_ms)
{
    int64_t ms;

    if (str_eq(text, STR("now"))) {
        *ret_at_ms = now_ms;
        return true;
    }
    if (text.len > 1 && (text.ptr[0] == '+' || text.ptr[0] == '-')) {
        if (!human_parse_duration(str_slice(text, 1, text.len), &ms)) {
            return false;
        }
        *ret_at_ms = text.ptr[0] == '+' ? now_ms + ms : now_ms - ms;
        return true;
    }
    return clock_parse(text, ret_at_ms);
}

bool human_parse_rate(struct str text, int64_t *ret_limit, int64_t *ret_period_ms)
{
    struct str rest = text;
    struct str count = str_split(&rest, '/');
    int64_t limit;
    int64_t period;

    if (!rest.ptr || rest.len == 0 || !str_to_i64(count, 1, 1000000, &limit)) {
        return false;
    }
    if (rest.ptr[0] >= '0' && rest.ptr[0] <= '9') {
        if (!human_parse_duration(rest, &period)) {
            return false;
        }
    } else {
        const struct unit *unit = take_unit(&rest);
        if (!unit || rest.len > 0) {
            return false;
        }
        period = unit->ms;
    }
    *ret_limit = limit;
    *ret_period_ms = period;
    return true;
}

void human_append_rate(struct buf *buf, int64_t limit, int64_t period_ms)
{
    buf_append_format(buf, "%lld/", (long long)limit);
    for (size_t i = UNITS_LEN; i-- > 0;) {
        if (period_ms == units[i].ms) {
            buf_append_str(buf, units[i].name);
            return;
        }
        if (period_ms % units[i].ms == 0) {
            buf_append_format(buf, "%lld%.*s", (long long)(period_ms / units[i].ms),
                              STR_ARG(units[i].name));
            return;
        }
    }
}
