/* text.h, table.h and human.h: what people read. */
#include "base/clock.h"
#include "base/json.h"
#include "hubctl/human.h"
#include "hubctl/table.h"
#include "hubctl/text.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The buffer's text, for assert_string_equal(). */
#define ASSERT_TEXT(buf, expected)                                                                 \
    do {                                                                                           \
        buf_append_str((buf), STR(""));                                                            \
        assert_false(buf_failed(buf));                                                             \
        assert_string_equal((buf)->ptr ? (buf)->ptr : "", expected);                               \
        buf_clear(buf);                                                                            \
    } while (0)

static void hostile_text_is_shown_not_obeyed(void **state)
{
    static const struct {
        struct str raw;
        const char *shown;
    } cases[] = {
        {STR_INIT("plain äöü ☃ 😀"), "plain äöü ☃ 😀"},
        {STR_INIT("\x1b[31mred\x1b[0m"), "\\x1b[31mred\\x1b[0m"},
        {STR_INIT("\x1b]0;title\a"), "\\x1b]0;title\\x07"},
        {STR_INIT("a\nb\tc\rd\x7f"), "a\\nb\\tc\\rd\\x7f"},
        {STR_INIT("\xc2\x9b"
                  "31m"),
         "\\x9b31m"}, /* CSI as one C1 character */
        {STR_INIT("\x9b"
                  "31m"),
         "\\x9b31m"}, /* and as a byte that is not UTF-8 */
        {STR_INIT("gpj.\xe2\x80\xae"
                  "exe"),
         "gpj.\\u202eexe"},
        {STR_INIT("\xe2\x81\xa6x\xef\xbb\xbf\xe2\x80\xa8"), "\\u2066x\\ufeff\\u2028"},
        {STR_INIT("a\0b"), "a\\x00b"},
        {STR_INIT("\xf0\x9f\x98"), "\\xf0\\x9f\\x98"}, /* cut in the middle */
    };
    struct buf buf;

    (void)state;
    buf_init(&buf, BUF_NO_LIMIT);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        text_append_safe(&buf, cases[i].raw);
        ASSERT_TEXT(&buf, cases[i].shown);
    }
    buf_release(&buf);
}

static void json_is_harmless_and_the_same_value(void **state)
{
    struct str raw = STR("{\"k\\u009b\":\"\\u202e\\u001b[2J\xf3\xa0\x80\x81 \\u00e9\"}");
    struct json_object *before;
    struct json_object *after;
    struct buf buf;

    (void)state;
    buf_init(&buf, BUF_NO_LIMIT);
    assert_int_equal(json_read(raw, 8, &before, NULL, NULL), 0);
    text_append_json(&buf, before);
    assert_int_equal(json_read(buf_view(&buf), 8, &after, NULL, NULL), 0);
    assert_true(json_object_equal(before, after));
    ASSERT_TEXT(&buf, "{\"k\\u009b\":\"\\u202e\\u001b[2J\\udb40\\udc01 é\"}");
    json_object_put(before);
    json_object_put(after);
    buf_release(&buf);
}

static void widths_are_columns(void **state)
{
    (void)state;
    assert_int_equal(text_width(STR("abc")), 3);
    assert_int_equal(text_width(STR("äöü")), 3);
    assert_int_equal(text_width(STR("日本")), 4);
    assert_int_equal(text_width(STR("e\xcc\x81")), 1); /* a combining accent */
    assert_int_equal(text_prefix(STR("日本語"), 5).len, 6);
}

static void cuts_and_breaks(void **state)
{
    struct buf buf;

    (void)state;
    buf_init(&buf, BUF_NO_LIMIT);
    text_append_cut(&buf, STR("abcdef"), 6);
    ASSERT_TEXT(&buf, "abcdef");
    text_append_cut(&buf, STR("abcdef"), 4);
    ASSERT_TEXT(&buf, "abc…");
    text_append_cut(&buf, STR("日本語"), 4);
    ASSERT_TEXT(&buf, "日…");
    text_append_cut(&buf, STR("abc"), 0);
    ASSERT_TEXT(&buf, "");
    text_append_wrapped(&buf, STR("one two three four"), 2, 10);
    ASSERT_TEXT(&buf, "one two\n  three\n  four");
    text_append_wrapped(&buf, STR("a\n\n  kept   as it is, however long\nb"), 0, 10);
    ASSERT_TEXT(&buf, "a\n\n  kept   as it is, however long\nb");
    text_append_wrapped(&buf, STR("0123456789abc de"), 0, 10);
    ASSERT_TEXT(&buf, "0123456789\nabc de");
    buf_release(&buf);
}

static void lines_come_off_the_front(void **state)
{
    struct str rest = STR("日本 語");

    (void)state;
    assert_true(str_eq(text_take_line(&rest, 1), STR("日"))); /* wider, but something must go */
    assert_true(str_eq(text_take_line(&rest, 2), STR("本")));
    assert_true(str_eq(text_take_line(&rest, 2), STR("語")));
    assert_null(rest.ptr);
}

/* --- tables ----------------------------------------------------------------------------------- */

static const struct column columns[] = {
    {"ID", .keep = true},
    {"SIZE", .align = ALIGN_RIGHT, .rank = 1},
    {"NOTE", .keep = true, .shrink = true, .min = 4},
    {"EMPTY", .rank = 9},
};

static void fill(struct table *table)
{
    table_init(table, columns, 4);
    table_cell(table, STYLE_PLAIN, STR("a1"));
    table_cell(table, STYLE_PLAIN, STR("5"));
    table_cell(table, STYLE_RED, STR("short"));
    table_cell(table, STYLE_PLAIN, STR(""));
    table_cell(table, STYLE_PLAIN, STR("b22"));
    buf_append_i64(table_cell_begin(table, STYLE_PLAIN), 1234);
    table_cell(table, STYLE_PLAIN, STR("日本語 is long\x1b"));
    table_cell(table, STYLE_PLAIN, STR(""));
}

static void aligns_columns(void **state)
{
    struct table table;
    struct buf buf;

    (void)state;
    buf_init(&buf, BUF_NO_LIMIT);
    fill(&table);
    assert_int_equal(table_rows(&table), 2);
    table_append(&table, &buf, 0, OUTPUT_UNLIMITED, false);
    ASSERT_TEXT(&buf, "ID   SIZE  NOTE\n"
                      "a1      5  short\n"
                      "b22  1234  日本語 is long\\x1b\n");
    table_append(&table, &buf, 1, 23, false); /* NOTE gets narrower */
    ASSERT_TEXT(&buf, " ID   SIZE  NOTE\n"
                      " a1      5  short\n"
                      " b22  1234  日本語 is …\n");
    table_append(&table, &buf, 0, 10, false); /* SIZE goes */
    ASSERT_TEXT(&buf, "ID   NOTE\n"
                      "a1   short\n"
                      "b22  日本…\n");
    table_append(&table, &buf, 0, OUTPUT_UNLIMITED, true);
    assert_non_null(strstr(buf.ptr, "\x1b[31mshort\x1b[0m"));
    table_release(&table);
    buf_release(&buf);
}

static void wraps_cells(void **state)
{
    static const struct column wrapping[] = {{"NAME", .keep = true},
                                             {"MEANING", .keep = true, .wrap = true, .min = 8}};
    struct table table;
    struct buf buf;

    (void)state;
    buf_init(&buf, BUF_NO_LIMIT);
    table_init(&table, wrapping, 2);
    table_cell(&table, STYLE_PLAIN, STR("a"));
    table_cell(&table, STYLE_PLAIN, STR("what it means"));
    table_cell(&table, STYLE_PLAIN, STR("b"));
    table_cell(&table, STYLE_PLAIN, STR(""));
    table_append(&table, &buf, 0, 14, false);
    ASSERT_TEXT(&buf, "NAME  MEANING\n"
                      "a     what it\n"
                      "      means\n"
                      "b\n");
    table_release(&table);
    buf_release(&buf);
}

static void an_empty_table_is_nothing(void **state)
{
    struct table table;
    struct buf buf;

    (void)state;
    buf_init(&buf, BUF_NO_LIMIT);
    table_init(&table, columns, 4);
    table_append(&table, &buf, 0, 80, false);
    ASSERT_TEXT(&buf, "");
    table_release(&table);
    buf_release(&buf);
}

/* --- numbers ---------------------------------------------------------------------------------- */

static void writes_sizes_and_durations(void **state)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } sizes[] = {{0, "0 B"},         {999, "999 B"},      {1000, "1.0 kB"},
                 {9949, "9.9 kB"},   {9950, "10 kB"},     {999499, "999 kB"},
                 {999500, "1.0 MB"}, {4200000, "4.2 MB"}, {UINT64_MAX, "18 EB"}};
    static const struct {
        int64_t ms;
        const char *text;
    } durations[] = {{-1, "<1 ms"},           {0, "<1 ms"},          {850, "850 ms"},
                     {1000, "1 s"},           {12400, "12.4 s"},     {59999, "59.9 s"},
                     {60000, "1 min"},        {185000, "3 min 5 s"}, {3600000, "1 h"},
                     {5400000, "1 h 30 min"}, {90000000, "1 d 1 h"}};
    struct buf buf;

    (void)state;
    buf_init(&buf, BUF_NO_LIMIT);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        human_append_size(&buf, sizes[i].bytes);
        ASSERT_TEXT(&buf, sizes[i].text);
    }
    for (size_t i = 0; i < sizeof durations / sizeof durations[0]; i++) {
        human_append_duration(&buf, durations[i].ms);
        ASSERT_TEXT(&buf, durations[i].text);
    }
    buf_release(&buf);
}

static void writes_distances_in_time(void **state)
{
    const int64_t now = 1795435200000; /* 2026-11-23T12:00:00Z */
    static const struct {
        int64_t distance_ms;
        const char *text;
    } cases[] = {{0, "just now"},        {-999, "just now"},         {-1000, "1 s ago"},
                 {-125000, "2 min ago"}, {-7200000, "2 h ago"},      {-259200000, "3 days ago"},
                 {90000, "in 1 min"},    {-3456000000, "2026-10-14"}};
    struct buf buf;

    (void)state;
    buf_init(&buf, BUF_NO_LIMIT);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        human_append_relative(&buf, now + cases[i].distance_ms, now);
        ASSERT_TEXT(&buf, cases[i].text);
    }
    human_append_local(&buf, now);
    ASSERT_TEXT(&buf, "2026-11-23 12:00:00");
    buf_release(&buf);
}

static void reads_durations(void **state)
{
    static const struct {
        struct str text;
        int64_t ms; /* 0: refused */
    } cases[] = {{STR_INIT("500ms"), 500},
                 {STR_INIT("30s"), 30000},
                 {STR_INIT("5m"), 300000},
                 {STR_INIT("5min"), 300000},
                 {STR_INIT("2h"), 7200000},
                 {STR_INIT("1d"), 86400000},
                 {STR_INIT("1h30m"), 5400000},
                 {STR_INIT("365d"), 31536000000},
                 {STR_INIT("366d"), 0},
                 {STR_INIT("364d25h"), 0},
                 {STR_INIT(""), 0},
                 {STR_INIT("30"), 0},
                 {STR_INIT("s"), 0},
                 {STR_INIT("-5s"), 0},
                 {STR_INIT("1.5h"), 0},
                 {STR_INIT("0s"), 0},
                 {STR_INIT("5 s"), 0},
                 {STR_INIT("9223372036854775807d"), 0}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t ms = 0;
        assert_int_equal(human_parse_duration(cases[i].text, &ms), cases[i].ms > 0);
        assert_int_equal(ms, cases[i].ms);
    }
}

static void reads_times(void **state)
{
    int64_t at = 0;

    (void)state;
    assert_true(human_parse_time(STR("now"), 5000, &at));
    assert_int_equal(at, 5000);
    assert_true(human_parse_time(STR("+10m"), 5000, &at));
    assert_int_equal(at, 605000);
    assert_true(human_parse_time(STR("-2s"), 5000, &at));
    assert_int_equal(at, 3000);
    assert_true(human_parse_time(STR("1970-01-01T01:00:00+01:00"), 5000, &at));
    assert_int_equal(at, 0);
    assert_false(human_parse_time(STR("tomorrow"), 5000, &at));
    assert_false(human_parse_time(STR("+"), 5000, &at));
    assert_false(human_parse_time(STR("10m"), 5000, &at)); /* which way? */
}

static void rates_go_both_ways(void **state)
{
    static const struct {
        struct str text;
        int64_t limit; /* 0: refused */
        int64_t period_ms;
        const char *written;
    } cases[] = {{STR_INIT("100/s"), 100, 1000, "100/s"},
                 {STR_INIT("5/m"), 5, 60000, "5/m"},
                 {STR_INIT("1000/h"), 1000, 3600000, "1000/h"},
                 {STR_INIT("3/10s"), 3, 10000, "3/10s"},
                 {STR_INIT("1/250ms"), 1, 250, "1/250ms"},
                 {STR_INIT("0/s"), 0, 0, ""},
                 {STR_INIT("5"), 0, 0, ""},
                 {STR_INIT("5/"), 0, 0, ""},
                 {STR_INIT("/s"), 0, 0, ""},
                 {STR_INIT("5/sec"), 0, 0, ""},
                 {STR_INIT("1000001/s"), 0, 0, ""}};
    struct buf buf;

    (void)state;
    buf_init(&buf, BUF_NO_LIMIT);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t limit = 0;
        int64_t period = 0;

        assert_int_equal(human_parse_rate(cases[i].text, &limit, &period), cases[i].limit > 0);
        assert_int_equal(limit, cases[i].limit);
        assert_int_equal(period, cases[i].period_ms);
        if (limit > 0) {
            human_append_rate(&buf, limit, period);
            ASSERT_TEXT(&buf, cases[i].written);
        }
    }
    buf_release(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hostile_text_is_shown_not_obeyed),
        cmocka_unit_test(json_is_harmless_and_the_same_value),
        cmocka_unit_test(widths_are_columns),
        cmocka_unit_test(cuts_and_breaks),
        cmocka_unit_test(lines_come_off_the_front),
        cmocka_unit_test(aligns_columns),
        cmocka_unit_test(wraps_cells),
        cmocka_unit_test(an_empty_table_is_nothing),
        cmocka_unit_test(writes_sizes_and_durations),
        cmocka_unit_test(writes_distances_in_time),
        cmocka_unit_test(reads_durations),
        cmocka_unit_test(reads_times),
        cmocka_unit_test(rates_go_both_ways),
    };

    setlocale(LC_CTYPE, "C.UTF-8");
    setenv("TZ", "UTC", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
