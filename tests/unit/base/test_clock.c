#include "base/clock.h"
#include "unit.h"

static const struct {
    const char *text;
    int64_t ms;
} instants[] = {
    /* `date -u -d TEXT +%s` says the same */
    {"1970-01-01T00:00:00.000Z", 0},
    {"1970-01-01T00:00:00.001Z", 1},
    {"1999-12-31T23:59:59.999Z", 946684799999},
    {"2000-02-29T00:00:00.000Z", 951782400000},
    {"2000-03-01T00:00:00.000Z", 951868800000},
    {"2026-11-23T12:00:00.000Z", 1795435200000},
    {"2100-02-28T23:59:59.000Z", 4107542399000},
    {"2100-03-01T00:00:00.000Z", 4107542400000},
    {"2400-02-29T12:34:56.789Z", 13574608496789},
    {"9999-12-31T23:59:59.999Z", 253402300799999},
};

static void instants_both_ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(instants); i++) {
        char text[CLOCK_RFC3339_LEN + 1];
        int64_t ms = -1;
        clock_format(instants[i].ms, text);
        assert_string_equal(text, instants[i].text);
        assert_true(clock_parse(str_from_c(text), &ms));
        assert_true(ms == instants[i].ms);
    }
}

static void every_day_follows_the_one_before(void **state)
{
    (void)state;
    char previous[CLOCK_RFC3339_LEN + 1] = "";
    for (int64_t ms = 0; ms < CLOCK_DURATION_MAX_MS; ms += 86400000) {
        char text[CLOCK_RFC3339_LEN + 1];
        int64_t back = -1;
        clock_format(ms, text);
        if (strcmp(previous, text) >= 0 || !clock_parse(str_from_c(text), &back) || back != ms) {
            fail_msg("%s after %s", text, previous);
        }
        memcpy(previous, text, sizeof text);
    }
    assert_string_equal(previous, "9999-12-31T00:00:00.000Z");
}

static void formatting_clamps(void **state)
{
    (void)state;
    char text[CLOCK_RFC3339_LEN + 1];
    clock_format(INT64_MIN, text);
    assert_string_equal(text, "1970-01-01T00:00:00.000Z");
    clock_format(INT64_MAX, text);
    assert_string_equal(text, "9999-12-31T23:59:59.999Z");
}

static void any_rfc3339_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *same;
    } cases[] = {
        {"2026-11-23t12:00:00z", "2026-11-23T12:00:00.000Z"},
        {"2026-11-23T12:00:00+00:00", "2026-11-23T12:00:00.000Z"},
        {"2026-11-23T12:00:00-00:00", "2026-11-23T12:00:00.000Z"},
        {"2026-11-23T12:00:00.5+01:30", "2026-11-23T10:30:00.500Z"},
        {"2026-12-31T23:30:00-01:00", "2027-01-01T00:30:00.000Z"},
        {"2026-11-23T12:00:00.1239999999999999Z", "2026-11-23T12:00:00.123Z"},
        {"2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z"},
        {"2016-12-31T23:59:60.75Z", "2017-01-01T00:00:00.000Z"},
        {"2016-12-31T15:59:60-08:00", "2017-01-01T00:00:00.000Z"},
        {"1969-12-31T23:00:00-01:00", "1970-01-01T00:00:00.000Z"},
        {"2024-02-29T00:00:00+23:59", "2024-02-28T00:01:00.000Z"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t ms;
        char text[CLOCK_RFC3339_LEN + 1];
        if (!clock_parse(str_from_c(cases[i].text), &ms)) {
            fail_msg("%s was refused", cases[i].text);
        }
        clock_format(ms, text);
        assert_string_equal(text, cases[i].same);
        assert_true(clock_is_date_time(str_from_c(cases[i].text)));
    }
}

static void what_is_no_rfc3339_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "2026",
        "2026-11-23",
        "2026-11-23T12:00:00",
        "2026-11-23 12:00:00Z",
        "2026-11-23T12:00Z",
        "2026-11-23T12:00:00.Z",
        "2026-11-23T12:00:00,5Z",
        "2026-11-23T12:00:00+0100",
        "2026-11-23T12:00:00+01",
        "2026-11-23T12:00:00+24:00",
        "2026-11-23T12:00:00+01:60",
        "2026-11-23T24:00:00Z",
        "2026-11-23T12:60:00Z",
        "2026-11-23T12:00:61Z",
        "2026-11-23T12:00:60Z",
        "2026-11-23T23:59:60+01:00",
        "2026-00-23T12:00:00Z",
        "2026-13-23T12:00:00Z",
        "2026-11-00T12:00:00Z",
        "2026-11-31T12:00:00Z",
        "2026-02-29T12:00:00Z",
        "2100-02-29T12:00:00Z",
        "26-11-23T12:00:00Z",
        "+2026-11-23T12:00:00Z",
        "2026-11-23T12:00:00ZZ",
        " 2026-11-23T12:00:00Z",
        "2026-1-23T12:00:00Z",
        "2026-11-23T-1:00:00Z",
        "\xd9\xa2"
        "026-11-23T12:00:00Z",
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        int64_t ms = 77;
        if (clock_parse(str_from_c(bad[i]), &ms) || clock_is_date_time(str_from_c(bad[i]))) {
            fail_msg("%s was accepted", bad[i]);
        }
        assert_int_equal(ms, 77);
    }
}

static void other_years_are_date_times_but_no_times(void **state)
{
    (void)state;
    static const char *const outside[] = {
        "1969-12-31T23:59:59.999Z",  "0000-01-01T00:00:00Z",      "0000-02-29T00:00:00Z",
        "1970-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "9999-12-31T23:59:60Z",
    };
    for (size_t i = 0; i < COUNT(outside); i++) {
        int64_t ms = 77;
        assert_true(clock_is_date_time(str_from_c(outside[i])));
        assert_false(clock_parse(str_from_c(outside[i]), &ms));
        assert_int_equal(ms, 77);
    }
}

static void dates_and_times_alone(void **state)
{
    (void)state;
    assert_true(clock_is_date(STR("2024-02-29")));
    assert_false(clock_is_date(STR("2023-02-29")));
    assert_false(clock_is_date(STR("2024-02-29Z")));
    assert_false(clock_is_date(STR("")));
    assert_true(clock_is_time(STR("08:30:06.283185Z")));
    assert_true(clock_is_time(STR("23:59:60Z")));
    assert_true(clock_is_time(STR("01:29:60+01:30")));
    assert_false(clock_is_time(STR("22:59:60Z")));
    assert_false(clock_is_time(STR("08:30:06")));
    assert_false(clock_is_time(STR("24:00:00Z")));
}

static void json_times(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 100);
    clock_append_json(&b, 0);
    clock_append_json(&b, 1795435200000);
    assert_string_equal(b.ptr, "null\"2026-11-23T12:00:00.000Z\"");
    buf_release(&b);
}

static void http_dates(void **state)
{
    (void)state;
    static const char *const forms[] = {
        "Sun, 06 Nov 1994 08:49:37 GMT", /* the examples of RFC 9110 §5.6.7 */
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
    };
    for (size_t i = 0; i < COUNT(forms); i++) {
        int64_t ms = 0;
        assert_true(clock_parse_http(str_from_c(forms[i]), &ms));
        assert_true(ms == 784111777000);
    }
    char text[30];
    clock_format_http(784111777999, text);
    assert_string_equal(text, forms[0]);
    clock_format_http(0, text);
    assert_string_equal(text, "Thu, 01 Jan 1970 00:00:00 GMT");
    clock_format_http(INT64_MAX, text);
    assert_string_equal(text, "Fri, 31 Dec 9999 23:59:59 GMT");
}

static void what_is_no_http_date_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1969 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "Sun, 06 Xyz 1994 08:49:37 GMT",
        "Sun Nov 06 08:49:37 94",
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        int64_t ms = 77;
        if (clock_parse_http(str_from_c(bad[i]), &ms)) {
            fail_msg("%s was accepted", bad[i]);
        }
        assert_int_equal(ms, 77);
    }
}

static void durations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms; /* -1: refused */
    } cases[] = {
        {"P7D", 604800000},
        {"PT1H30M", 5400000},
        {"PT0.5S", 500},
        {"PT0.0009S", 0},
        {"P1DT2H3M4.567S", 93784567},
        {"PT36H", 129600000},
        {"PT0S", 0},
        {"P2932896D", 253402214400000},
        {"P2932897D", 253402300800000},
        {"P2932897DT1S", -1},
        {"P2932897DT0.001S", -1},
        {"P99999999999999999999D", -1},
        {"PT253402300800001S", -1},
        {"", -1},
        {"P", -1},
        {"PT", -1},
        {"P1DT", -1},
        {"P1Y", -1},
        {"P1M", -1},
        {"P1W", -1},
        {"P1H", -1},
        {"PT1D", -1},
        {"PT1M1H", -1},
        {"PT1H1H", -1},
        {"PT1.5H", -1},
        {"P0.5D", -1},
        {"PT.5S", -1},
        {"PT1.S", -1},
        {"PT1", -1},
        {"PTS", -1},
        {"-P1D", -1},
        {"P-1D", -1},
        {"p1d", -1},
        {"P1D ", -1},
        {"PT1HT1M", -1},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t ms = -1;
        bool good = clock_parse_duration(str_from_c(cases[i].text), &ms);
        if (good != (cases[i].ms >= 0) || ms != cases[i].ms) {
            fail_msg("%s: %s, %lld ms", cases[i].text, good ? "accepted" : "refused",
                     (long long)ms);
        }
    }
}

static void the_clocks_run(void **state)
{
    (void)state;
    int64_t first = clock_mono_ns();
    assert_true(clock_wall_ms() > 1700000000000);
    assert_true(clock_mono_ns() >= first);
    assert_true(clock_mono_ms() >= first / CLOCK_NS_PER_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instants_both_ways),
        cmocka_unit_test(every_day_follows_the_one_before),
        cmocka_unit_test(formatting_clamps),
        cmocka_unit_test(any_rfc3339_is_read),
        cmocka_unit_test(what_is_no_rfc3339_is_refused),
        cmocka_unit_test(other_years_are_date_times_but_no_times),
        cmocka_unit_test(dates_and_times_alone),
        cmocka_unit_test(json_times),
        cmocka_unit_test(http_dates),
        cmocka_unit_test(what_is_no_http_date_is_refused),
        cmocka_unit_test(durations),
        cmocka_unit_test(the_clocks_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
