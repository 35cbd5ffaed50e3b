/*
 * The filters: a closed table, so that a template computes nothing.
 */
#include "template_parts.h"

#include "base/clock.h"
#include "base/nearest.h"

#include <string.h>

enum { FRACTION_MAX = 20, FRACTION_DEFAULT = 3, RESULT_MAX = 1 << 20 };

#define NO_BREAK_SPACE "\xc2\xa0"
#define ELLIPSIS       "…"

/* --- What filters share ------------------------------------------------------------------------*/

static int wrong_value(struct run *run, const char *filter, const char *wanted)
{
    return run_fail(run, HUB_ERR_INVALID_INPUT, "the filter “%s” wants %s", filter, wanted);
}

/* Gives the buffer's text as a value, and ends the buffer. */
static int give_text(struct run *run, struct buf *text, struct json_object **ret_value)
{
    struct json_object *value = NULL;
    if (!buf_failed(text)) {
        value = json_object_new_string_len(text->ptr ? text->ptr : "", (int)text->len);
    }
    buf_release(text);
    if (!value) {
        return run_fail(run, HUB_ERR_TOO_LARGE, "the text of a filter is too large");
    }
    *ret_value = value;
    return 0;
}

/* An integer argument within limits, or `otherwise` if there is none. */
static int integer_argument(struct run *run, struct json_object *argument, const char *filter,
                            int most, int otherwise, int *ret_number)
{
    if (argument && !json_object_is_type(argument, json_type_int)) {
        return wrong_value(run, filter, "an integer as its argument");
    }
    int64_t number = argument ? json_object_get_int64(argument) : otherwise;
    if (number < 0 || number > most) {
        return run_fail(run, HUB_ERR_INVALID_INPUT, "the filter “%s” takes a number from 0 to %d",
                        filter, most);
    }
    *ret_number = (int)number;
    return 0;
}

static bool text_argument(struct json_object *argument, struct str otherwise, struct str *ret_text)
{
    if (argument && !json_object_is_type(argument, json_type_string)) {
        return false;
    }
    *ret_text = argument ? json_str(argument) : otherwise;
    return true;
}

static bool decimal_of(struct json_object *value, struct decimal *ret_number)
{
    char room[512];
    struct buf text;
    buf_init_fixed(&text, room, sizeof room);
    enum json_type type = json_object_get_type(value);
    if (type != json_type_int && type != json_type_double && type != json_type_string) {
        return false;
    }
    return value_append(value, &text) && !buf_failed(&text) &&
           decimal_parse(ret_number, buf_view(&text));
}

/* --- Numbers and money -------------------------------------------------------------------------*/

static int filter_number(struct run *run, struct json_object *value,
                         struct json_object *const *args, struct json_object **ret_value)
{
    struct decimal number;
    int fraction;
    if (!decimal_of(value, &number)) {
        return wrong_value(run, "number", "a number");
    }
    int err = integer_argument(run, args[0], "number", FRACTION_MAX, FRACTION_DEFAULT, &fraction);
    if (err < 0) {
        return err;
    }
    struct buf text;
    buf_init(&text, RESULT_MAX);
    locale_append_number(run->locale, &number, args[0] ? fraction : 0, fraction, &text);
    return give_text(run, &text, ret_value);
}

static int filter_percent(struct run *run, struct json_object *value,
                          struct json_object *const *args, struct json_object **ret_value)
{
    struct decimal number;
    int fraction;
    if (!decimal_of(value, &number)) {
        return wrong_value(run, "percent", "a number");
    }
    int err = integer_argument(run, args[0], "percent", FRACTION_MAX, 0, &fraction);
    if (err < 0) {
        return err;
    }
    struct buf text;
    buf_init(&text, RESULT_MAX);
    locale_append_percent(run->locale, &number, fraction, &text);
    return give_text(run, &text, ret_value);
}

static bool money_style_of(struct str name, enum money_style *ret_style)
{
    static const struct str NAMES[] = {
        [MONEY_SYMBOL] = STR_INIT("symbol"),
        [MONEY_CODE] = STR_INIT("code"),
        [MONEY_PLAIN] = STR_INIT("plain"),
    };
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        if (str_eq(name, NAMES[i])) {
            *ret_style = (enum money_style)i;
            return true;
        }
    }
    return false;
}

static int filter_money(struct run *run, struct json_object *value, struct json_object *const *args,
                        struct json_object **ret_value)
{
    struct str code, style_name;
    enum money_style style;
    struct json_object *amount = value;
    if (!text_argument(args[0], STR(""), &code) ||
        !text_argument(args[1], STR("symbol"), &style_name) ||
        !money_style_of(style_name, &style)) {
        return wrong_value(run, "money", "a currency, and “symbol”, “code” or “plain”");
    }
    if (json_object_is_type(value, json_type_object)) {
        amount = json_object_object_get(value, "amount");
        json_get_str(value, "currency", &code);
    }
    if (!json_object_is_type(amount, json_type_int)) {
        return wrong_value(run, "money", "an integer, in minor units of the currency");
    }
    const struct currency *currency = currency_find(code);
    if (!currency) {
        return run_fail(run, HUB_ERR_INVALID_INPUT, "“%.*s” is no currency of ISO 4217",
                        STR_ARG(str_utf8_cut(code, 20)));
    }
    struct buf text;
    buf_init(&text, RESULT_MAX);
    locale_append_money(run->locale, json_object_get_int64(amount), currency, style, &text);
    return give_text(run, &text, ret_value);
}

/* --- Dates -------------------------------------------------------------------------------------*/

static bool time_of(const struct run *run, struct json_object *value, struct civil_time *ret_time)
{
    const struct civil_clock *clock = run->options->clock;
    if (json_object_is_type(value, json_type_int)) {
        char text[CLOCK_RFC3339_LEN + 1];
        clock_format(json_object_get_int64(value), text);
        return civil_time_parse(str_from_c(text), clock, ret_time);
    }
    return json_object_is_type(value, json_type_string) &&
           civil_time_parse(json_str(value), clock, ret_time);
}

typedef int append_time_fn(const struct locale *locale, const struct civil_time *time,
                           struct str format, struct buf *buf);

static int format_time(struct run *run, struct json_object *value, struct json_object *format,
                       const char *filter, append_time_fn *append, struct json_object **ret_value)
{
    struct civil_time time;
    struct str pattern;
    if (!time_of(run, value, &time)) {
        return wrong_value(run, filter, "a date like 2026-11-23 or 2026-11-23T12:00:00Z");
    }
    bool is_time = append == locale_append_time;
    if (!text_argument(format, is_time ? STR("short") : STR("medium"), &pattern)) {
        return wrong_value(run, filter, "a text as its format");
    }
    if (append == locale_append_date_time && !time.has_time) {
        append = locale_append_date;
    }
    if (is_time && !time.has_time) {
        return wrong_value(run, filter, "a date with a time of day");
    }
    struct buf text;
    buf_init(&text, RESULT_MAX);
    if (append(run->locale, &time, pattern, &text) < 0) {
        buf_release(&text);
        return run_fail(run, HUB_ERR_INVALID_INPUT, "the filter “%s” knows no format “%.*s”",
                        filter, STR_ARG(str_utf8_cut(pattern, 60)));
    }
    return give_text(run, &text, ret_value);
}

static int filter_date(struct run *run, struct json_object *value, struct json_object *const *args,
                       struct json_object **ret_value)
{
    return format_time(run, value, args[0], "date", locale_append_date, ret_value);
}

static int filter_time(struct run *run, struct json_object *value, struct json_object *const *args,
                       struct json_object **ret_value)
{
    return format_time(run, value, args[0], "time", locale_append_time, ret_value);
}

static int filter_datetime(struct run *run, struct json_object *value,
                           struct json_object *const *args, struct json_object **ret_value)
{
    return format_time(run, value, args[0], "datetime", locale_append_date_time, ret_value);
}

/* --- Texts -------------------------------------------------------------------------------------*/

/* The value as text; false for lists and objects. */
static bool text_of(struct json_object *value, struct buf *text)
{
    buf_init(text, RESULT_MAX);
    return value_append(value, text);
}

static int change_case(struct run *run, struct json_object *value, const char *filter, bool upper,
                       struct json_object **ret_value)
{
    struct buf text, changed;
    if (!text_of(value, &text)) {
        return wrong_value(run, filter, "a text");
    }
    struct str tag = locale_tag(run->locale);
    buf_init(&changed, RESULT_MAX);
    text_case_append(buf_view(&text), upper, str_eq(tag, STR("tr")), &changed);
    buf_release(&text);
    return give_text(run, &changed, ret_value);
}

static int filter_upper(struct run *run, struct json_object *value, struct json_object *const *args,
                        struct json_object **ret_value)
{
    (void)args;
    return change_case(run, value, "upper", true, ret_value);
}

static int filter_lower(struct run *run, struct json_object *value, struct json_object *const *args,
                        struct json_object **ret_value)
{
    (void)args;
    return change_case(run, value, "lower", false, ret_value);
}

static int filter_trim(struct run *run, struct json_object *value, struct json_object *const *args,
                       struct json_object **ret_value)
{
    (void)args;
    struct buf text, trimmed;
    if (!text_of(value, &text)) {
        return wrong_value(run, "trim", "a text");
    }
    struct str rest = buf_view(&text);
    while (rest.len > 0 && memchr(" \t\r\n", rest.ptr[0], 4)) {
        rest = str_slice(rest, 1, rest.len);
    }
    while (rest.len > 0 && memchr(" \t\r\n", rest.ptr[rest.len - 1], 4)) {
        rest.len--;
    }
    buf_init(&trimmed, RESULT_MAX);
    buf_append_str(&trimmed, rest);
    buf_release(&text);
    return give_text(run, &trimmed, ret_value);
}

static struct str next_char(struct str *rest)
{
    size_t len = str_utf8_char_len(*rest);
    struct str c = str_slice(*rest, 0, len ? len : 1);
    *rest = str_slice(*rest, c.len, rest->len);
    return c;
}

static size_t char_count(struct str text)
{
    size_t count = 0;
    for (; text.len > 0; count++) {
        next_char(&text);
    }
    return count;
}

static int filter_truncate(struct run *run, struct json_object *value,
                           struct json_object *const *args, struct json_object **ret_value)
{
    int most;
    int err = integer_argument(run, args[0], "truncate", RESULT_MAX, 80, &most);
    if (err < 0) {
        return err;
    }
    struct buf text, cut;
    if (!text_of(value, &text)) {
        return wrong_value(run, "truncate", "a text");
    }
    struct str rest = buf_view(&text);
    bool whole = char_count(rest) <= (size_t)most;
    buf_init(&cut, RESULT_MAX);
    for (int i = whole ? 0 : 1; i < most && rest.len > 0; i++) {
        buf_append_str(&cut, next_char(&rest));
    }
    buf_append_c(&cut, whole || most == 0 ? "" : ELLIPSIS);
    buf_release(&text);
    return give_text(run, &cut, ret_value);
}

static int filter_group(struct run *run, struct json_object *value, struct json_object *const *args,
                        struct json_object **ret_value)
{
    int size;
    int err = integer_argument(run, args[0], "group", 100, 4, &size);
    if (err < 0) {
        return err;
    }
    struct buf text, grouped;
    if (!text_of(value, &text)) {
        return wrong_value(run, "group", "a text");
    }
    struct str rest = buf_view(&text);
    buf_init(&grouped, RESULT_MAX);
    for (int i = 0; rest.len > 0;) {
        struct str c = next_char(&rest);
        if (str_eq(c, STR(" "))) {
            continue;
        }
        buf_append_c(&grouped, size > 0 && i > 0 && i % size == 0 ? NO_BREAK_SPACE : "");
        buf_append_str(&grouped, c);
        i++;
    }
    buf_release(&text);
    return give_text(run, &grouped, ret_value);
}

/* --- Lists and what is left --------------------------------------------------------------------*/

static int filter_join(struct run *run, struct json_object *value, struct json_object *const *args,
                       struct json_object **ret_value)
{
    struct str separator;
    if (!json_object_is_type(value, json_type_array) ||
        !text_argument(args[0], STR(", "), &separator)) {
        return wrong_value(run, "join", "a list, and a text as its argument");
    }
    struct buf text;
    buf_init(&text, RESULT_MAX);
    for (size_t i = 0; i < json_object_array_length(value) && !buf_failed(&text); i++) {
        if (i > 0) {
            buf_append_str(&text, separator);
        }
        if (!value_append(json_object_array_get_idx(value, i), &text)) {
            buf_release(&text);
            return wrong_value(run, "join", "texts and numbers in its list");
        }
    }
    return give_text(run, &text, ret_value);
}

static int filter_count(struct run *run, struct json_object *value, struct json_object *const *args,
                        struct json_object **ret_value)
{
    (void)args;
    int64_t count = 0;
    switch (json_object_get_type(value)) {
    case json_type_null:
        break;
    case json_type_array:
        count = (int64_t)json_object_array_length(value);
        break;
    case json_type_object:
        count = json_object_object_length(value);
        break;
    case json_type_string:
        count = (int64_t)char_count(json_str(value));
        break;
    default:
        return wrong_value(run, "count", "a list, an object or a text");
    }
    *ret_value = json_object_new_int64(count);
    return 0;
}

static int filter_default(struct run *run, struct json_object *value,
                          struct json_object *const *args, struct json_object **ret_value)
{
    (void)run;
    bool empty = !value || (json_object_is_type(value, json_type_string) &&
                            json_object_get_string_len(value) == 0);
    *ret_value = json_object_get(empty ? args[0] : value);
    return 0;
}

static int filter_json(struct run *run, struct json_object *value, struct json_object *const *args,
                       struct json_object **ret_value)
{
    (void)args;
    struct buf text;
    buf_init(&text, RESULT_MAX);
    json_append(&text, value);
    return give_text(run, &text, ret_value);
}

static const struct filter FILTERS[] = {
    {STR_INIT("count"), filter_count, 0, true},
    {STR_INIT("date"), filter_date, 1, false},
    {STR_INIT("datetime"), filter_datetime, 1, false},
    {STR_INIT("default"), filter_default, 1, true},
    {STR_INIT("group"), filter_group, 1, false},
    {STR_INIT("join"), filter_join, 1, false},
    {STR_INIT("json"), filter_json, 0, true},
    {STR_INIT("lower"), filter_lower, 0, false},
    {STR_INIT("money"), filter_money, 2, false},
    {STR_INIT("number"), filter_number, 1, false},
    {STR_INIT("percent"), filter_percent, 1, false},
    {STR_INIT("time"), filter_time, 1, false},
    {STR_INIT("trim"), filter_trim, 0, false},
    {STR_INIT("truncate"), filter_truncate, 1, false},
    {STR_INIT("upper"), filter_upper, 0, false},
};

enum { FILTER_COUNT = sizeof FILTERS / sizeof FILTERS[0] };

const struct filter *filter_find(struct str name)
{
    for (size_t i = 0; i < FILTER_COUNT; i++) {
        if (str_eq(name, FILTERS[i].name)) {
            return &FILTERS[i];
        }
    }
    return NULL;
}

struct str filter_nearest(struct str name)
{
    struct nearest nearest;
    nearest_init(&nearest, name);
    for (size_t i = 0; i < FILTER_COUNT; i++) {
        nearest_offer(&nearest, FILTERS[i].name);
    }
    return nearest.best;
}
