/*
 * What is expected here was checked against ICU (Intl in Node.js), which reads the CLDR too.
 */
#include "connectors/common/locale.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define NBSP  "\xc2\xa0"
#define NNBSP "\xe2\x80\xaf"

static const struct locale *need(const char *tag)
{
    const struct locale *locale = locale_find(str_from_c(tag));
    assert_non_null(locale);
    return locale;
}

static void finds(const char *tag, const char *expected)
{
    const struct locale *locale = locale_find(str_from_c(tag));
    assert_string_equal(locale ? locale_tag(locale).ptr : "none", expected);
}

static void the_nearest_locale_is_found(void **state)
{
    (void)state;
    finds("de", "de");
    finds("de-LU", "de");
    finds("de_CH", "de-CH");
    finds("DE-at", "de-AT");
    finds("zh-TW", "zh-Hant");
    finds("zh-Hant-HK", "zh-Hant");
    finds("zh-Hans-CN", "zh");
    finds("no", "nb");
    finds("en-US", "en");
    finds("ar-AE", "ar-AE");
    finds("tlh", "none");
    finds("", "none");
    finds("-", "none");
    assert_true(locale_is_rtl(need("he")));
    assert_false(locale_is_rtl(need("tr")));
}

static void number(const char *tag, const char *text, int min, int max, const char *expected)
{
    char room[256];
    struct buf buf;
    struct decimal d;
    buf_init_fixed(&buf, room, sizeof room);
    assert_true(decimal_parse(&d, str_from_c(text)));
    locale_append_number(need(tag), &d, min, max, &buf);
    assert_string_equal(room, expected);
}

static void numbers_are_grouped(void **state)
{
    (void)state;
    number("en", "1234567.891", 0, 3, "1,234,567.891");
    number("de", "1234567.891", 2, 2, "1.234.567,89");
    number("de-CH", "1234567.5", 2, 2, "1’234’567.50");
    number("fr", "1234567.5", 0, 3, "1" NNBSP "234" NNBSP "567,5");
    number("es", "1234.5", 0, 3, "1234,5");
    number("es", "12345.5", 0, 3, "12.345,5");
    number("pl", "1234", 0, 0, "1234");
    number("hi", "12345678.9", 0, 3, "1,23,45,678.9");
    number("en-IN", "123456", 0, 0, "1,23,456");
    number("sv", "-1234.5", 0, 3, "−1" NBSP "234,5");
    number("fa", "1234.5", 0, 3, "۱٬۲۳۴٫۵");
    number("bn", "1234567", 0, 0, "১২,৩৪,৫৬৭");
    number("en", "0.0005", 0, 3, "0.001");
    number("en", "-0.0004", 0, 3, "0");
    number("en", "999", 0, 0, "999");
    number("en", "1000", 0, 0, "1,000");
    number("en", "0", 2, 2, "0.00");
}

static void percent(const char *tag, const char *text, int max, const char *expected)
{
    char room[256];
    struct buf buf;
    struct decimal d;
    buf_init_fixed(&buf, room, sizeof room);
    assert_true(decimal_parse(&d, str_from_c(text)));
    locale_append_percent(need(tag), &d, max, &buf);
    assert_string_equal(room, expected);
}

static void percents_are_written(void **state)
{
    (void)state;
    percent("en", "0.19", 0, "19%");
    percent("de", "0.19", 0, "19" NBSP "%");
    percent("tr", "-0.5", 0, "-%50");
    percent("tr", "0.175", 1, "%17,5");
    percent("en", "0.0775", 2, "7.75%");
}

static void money(const char *tag, int64_t minor, const char *code, enum money_style style,
                  const char *expected)
{
    char room[256];
    struct buf buf;
    buf_init_fixed(&buf, room, sizeof room);
    locale_append_money(need(tag), minor, currency_find(str_from_c(code)), style, &buf);
    assert_string_equal(room, expected);
}

static void money_is_written(void **state)
{
    (void)state;
    money("en", 123450, "USD", MONEY_SYMBOL, "$1,234.50");
    money("en", -123450, "USD", MONEY_SYMBOL, "-$1,234.50");
    money("en", 123450, "CHF", MONEY_SYMBOL, "CHF" NBSP "1,234.50");
    money("en", -5, "CHF", MONEY_SYMBOL, "-CHF" NBSP "0.05");
    money("en", 123450, "USD", MONEY_CODE, "USD" NBSP "1,234.50");
    money("en-CA", 100, "USD", MONEY_SYMBOL, "US$1.00");
    money("de", 123450, "EUR", MONEY_SYMBOL, "1.234,50" NBSP "€");
    money("de", -123450, "EUR", MONEY_SYMBOL, "-1.234,50" NBSP "€");
    money("de-AT", 123450, "EUR", MONEY_SYMBOL, "€" NBSP "1.234,50");
    money("de-CH", -123450, "CHF", MONEY_SYMBOL, "CHF-1’234.50");
    money("fr", 123450, "EUR", MONEY_SYMBOL, "1" NNBSP "234,50" NBSP "€");
    money("nl", -123450, "EUR", MONEY_SYMBOL, "€" NBSP "-1.234,50");
    money("ja", 1234, "JPY", MONEY_SYMBOL, "￥1,234");
    money("en", 1234, "KWD", MONEY_SYMBOL, "KWD" NBSP "1.234");
    money("pl", 123450, "PLN", MONEY_SYMBOL, "1234,50" NBSP "zł");
    money("nb", 123450, "NOK", MONEY_SYMBOL, "1" NBSP "234,50" NBSP "kr");
    money("pt", 123450, "BRL", MONEY_SYMBOL, "R$" NBSP "1.234,50");
    money("hi", 12345678, "INR", MONEY_SYMBOL, "₹1,23,456.78");
    money("en", 123450, "EUR", MONEY_PLAIN, "1,234.50");
    money("da", -100, "DKK", MONEY_PLAIN, "-1,00");
}

static void date(const char *tag, const char *text, const char *format, const char *expected)
{
    char room[256];
    struct buf buf;
    struct civil_time time;
    buf_init_fixed(&buf, room, sizeof room);
    assert_true(civil_time_parse(str_from_c(text), NULL, &time));
    assert_int_equal(locale_append_date(need(tag), &time, str_from_c(format), &buf), 0);
    assert_string_equal(room, expected);
}

static void dates_are_written(void **state)
{
    (void)state;
    date("en", "2026-11-23", "short", "11/23/26");
    date("en", "2026-11-23", "medium", "Nov 23, 2026");
    date("en", "2026-11-23", "long", "November 23, 2026");
    date("en", "2026-11-23", "full", "Monday, November 23, 2026");
    date("en-GB", "2026-11-23", "short", "23/11/2026");
    date("de", "2026-03-05", "medium", "05.03.2026");
    date("de", "2026-03-05", "long", "5. März 2026");
    date("fr", "2026-08-01", "full", "samedi 1 août 2026");
    date("es", "2026-01-09", "long", "9 de enero de 2026");
    date("ja", "2026-11-23", "long", "2026年11月23日");
    date("ko", "2026-11-23", "long", "2026년 11월 23일");
    date("pl", "2026-11-23", "long", "23 listopada 2026");
    date("fi", "2026-11-23", "full", "maanantai 23. marraskuuta 2026");
    date("ru", "2026-11-23", "long", "23 ноября 2026" NNBSP "г.");
    date("fa", "2026-11-23", "d", "۲۳");
    date("en", "2026-11-23", "yyyy-MM-dd 'at' ''EEE''", "2026-11-23 at 'Mon'");
    date("en", "2000-02-29", "EEEE", "Tuesday");
    date("en", "0001-01-01", "EEEE", "Monday");
    date("en", "9999-12-31", "EEEE", "Friday");
    date("en", "2026-11-23T07:05:09+02:00", "HH:mm:ss h a", "07:05:09 7 AM");
    date("en", "2026-11-23T00:05:09Z", "h a", "12 AM");
}

static void times_move_to_an_offset(void **state)
{
    (void)state;
    char room[256];
    struct buf buf;
    struct civil_time time;
    int offset;
    assert_true(civil_offset_parse(STR("+05:30"), &offset));
    assert_int_equal(offset, 330);
    assert_true(civil_offset_parse(STR("-0330"), &offset));
    assert_int_equal(offset, -210);
    assert_false(civil_offset_parse(STR("+5:30"), &offset));
    assert_false(civil_offset_parse(STR("+19:00"), &offset));
    assert_true(civil_offset_parse(STR("Z"), &offset));
    struct civil_clock clock = {.offset = 120};
    assert_true(civil_time_parse(STR("2026-12-31T23:30:00Z"), &clock, &time));
    buf_init_fixed(&buf, room, sizeof room);
    assert_int_equal(locale_append_date_time(need("de"), &time, STR("medium"), &buf), 0);
    assert_string_equal(room, "01.01.2027, 01:30");
    assert_false(civil_time_parse(STR("2026-02-30"), NULL, &time));
    assert_false(civil_time_parse(STR("23.11.2026"), NULL, &time));
    assert_false(civil_time_parse(STR(""), NULL, &time));
}

/* The clocks of a zone change twice a year; the hour before and the hour after. */
static void times_move_to_a_zone(void **state)
{
    static const struct {
        const char *zone, *moment, *shown;
    } CASES[] = {
        {"Europe/Berlin", "2026-03-29T00:59:59Z", "2026-03-29 01:59:59"},
        {"Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-29 03:00:00"},
        {"Europe/Berlin", "2026-10-25T01:00:00Z", "2026-10-25 02:00:00"},
        {"America/New_York", "2026-01-01T04:59:59Z", "2025-12-31 23:59:59"},
        {"Asia/Kolkata", "2026-11-23T20:00:00+01:00", "2026-11-24 00:30:00"},
        {"Pacific/Apia", "2011-12-30T09:59:59.500Z", "2011-12-29 23:59:59"},
        {"Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-31 00:00:00"},
        {"Europe/Berlin", "2060-07-01T12:00:00Z", "2060-07-01 14:00:00"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        char room[64];
        struct buf buf;
        struct civil_time time;
        struct zone *zone;
        struct hub_error error;
        struct str name = str_from_c(CASES[i].zone);
        assert_int_equal(zone_load("/usr/share/zoneinfo", name, &zone, &error), 0);
        const struct civil_clock clock = {.zone = zone};
        assert_true(civil_time_parse(str_from_c(CASES[i].moment), &clock, &time));
        buf_init_fixed(&buf, room, sizeof room);
        assert_int_equal(locale_append_date(need("en"), &time, STR("y-MM-dd HH:mm:ss"), &buf), 0);
        assert_string_equal(room, CASES[i].shown);
        zone_free(zone);
    }
}

static void unknown_letters_are_refused(void **state)
{
    (void)state;
    static const char *const WRONG[] = {"Q", "yyyyy", "MMMMM", "ddd", "YYYY", "j", "aa", "lon"};
    struct civil_time time;
    assert_true(civil_time_parse(STR("2026-11-23"), NULL, &time));
    for (size_t i = 0; i < sizeof WRONG / sizeof WRONG[0]; i++) {
        char room[256];
        struct buf buf;
        buf_init_fixed(&buf, room, sizeof room);
        assert_int_equal(locale_append_date(need("en"), &time, str_from_c(WRONG[i]), &buf),
                         HUB_ERR_INVALID_INPUT);
    }
}

/* Every pattern, month, day and sign of every locale can be written. */
static void every_locale_is_whole(void **state)
{
    (void)state;
    static const char *const TAGS[] = {
        "ar", "ar-AE", "bg",    "bn",    "ca",    "cs",    "da", "de",     "de-AT", "de-CH",
        "el", "en",    "en-AU", "en-CA", "en-GB", "en-IN", "es", "es-MX",  "et",    "eu",
        "fa", "fi",    "fr",    "fr-CA", "fr-CH", "gl",    "he", "hi",     "hr",    "hu",
        "id", "is",    "it",    "it-CH", "ja",    "ko",    "lt", "lv",     "ms",    "nb",
        "nl", "nl-BE", "nn",    "pl",    "pt",    "pt-PT", "ro", "ru",     "sk",    "sl",
        "sr", "sv",    "th",    "tr",    "uk",    "vi",    "zh", "zh-Hant"};
    static const char *const STYLES[] = {"short", "medium", "long", "full"};
    for (size_t i = 0; i < sizeof TAGS / sizeof TAGS[0]; i++) {
        finds(TAGS[i], TAGS[i]);
        for (int month = 1; month <= 12; month++) {
            char room[512], day[16] = "2026-00-15";
            day[5] = (char)('0' + month / 10);
            day[6] = (char)('0' + month % 10);
            struct civil_time time;
            struct buf buf;
            buf_init_fixed(&buf, room, sizeof room);
            assert_true(civil_time_parse(str_from_c(day), NULL, &time));
            for (size_t style = 0; style < 4; style++) {
                size_t before = buf.len;
                assert_int_equal(
                    locale_append_date_time(need(TAGS[i]), &time, str_from_c(STYLES[style]), &buf),
                    0);
                assert_true(buf.len > before + 8);
            }
            locale_append_money(need(TAGS[i]), -123456, currency_find(STR("EUR")), MONEY_SYMBOL,
                                &buf);
            assert_false(buf_failed(&buf));
            assert_int_equal(str_utf8_valid_prefix(buf_view(&buf)), buf.len);
            assert_null(memchr(room, '|', buf.len));
            assert_null(memchr(room, '{', buf.len));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nearest_locale_is_found),
        cmocka_unit_test(numbers_are_grouped),
        cmocka_unit_test(percents_are_written),
        cmocka_unit_test(money_is_written),
        cmocka_unit_test(dates_are_written),
        cmocka_unit_test(times_move_to_an_offset),
        cmocka_unit_test(times_move_to_a_zone),
        cmocka_unit_test(unknown_letters_are_refused),
        cmocka_unit_test(every_locale_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
