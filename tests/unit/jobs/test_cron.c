/* Cron expressions and time zones, by examples. tests/e2e/cron.test.mjs compares them with another
 * implementation on random ones. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "jobs/cron.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ZONES "/usr/share/zoneinfo"

static int64_t at(const char *text)
{
    int64_t ms;

    assert_true(clock_parse(str_from_c(text), &ms));
    return ms / 1000;
}

static struct zone *load(const char *name)
{
    struct zone *zone;
    struct hub_error error;

    if (zone_load(ZONES, str_from_c(name), &zone, &error) < 0) {
        fail_msg("%s", error.detail);
    }
    return zone;
}

/* The times that follow `after`, one a line, must be those of `expected`. */
static void expect(const char *text, const char *zone_name, const char *after,
                   const char *const *expected)
{
    struct zone *zone = load(zone_name);
    struct cron cron;
    struct hub_error error;
    int64_t now = at(after);

    if (cron_parse(str_from_c(text), &cron, &error) < 0) {
        fail_msg("%s: %s", text, error.detail);
    }
    for (; *expected; expected++) {
        char got[CLOCK_RFC3339_LEN + 1];
        now = cron_next(&cron, zone, now);
        assert_true(now != CRON_NEVER);
        clock_format(now * 1000, got);
        got[19] = '\0';
        if (strcmp(got, *expected) != 0) {
            fail_msg("%s in %s: %s instead of %s", text, zone_name, got, *expected);
        }
    }
    zone_free(zone);
}

#define EXPECT(text, zone, after, ...)                                                             \
    expect(text, zone, after, (const char *const[]){__VA_ARGS__, NULL})

static void test_fields(void **state)
{
    (void)state;
    EXPECT("*/20 * * * *", "UTC", "2026-11-23T10:05:00Z", "2026-11-23T10:20:00",
           "2026-11-23T10:40:00", "2026-11-23T11:00:00");
    EXPECT("15 30 8 * * *", "UTC", "2026-11-23T08:30:15Z", "2026-11-24T08:30:15");
    EXPECT("0 22-2 * * *", "UTC", "2026-11-23T22:30:00Z", "2026-11-23T23:00:00",
           "2026-11-24T00:00:00", "2026-11-24T01:00:00", "2026-11-24T02:00:00",
           "2026-11-24T22:00:00");
    EXPECT("5/15 0 * * *", "UTC", "2026-11-23T00:00:00Z", "2026-11-23T00:05:00",
           "2026-11-23T00:20:00", "2026-11-23T00:35:00", "2026-11-23T00:50:00",
           "2026-11-24T00:05:00");
    EXPECT("0 0 1,15 jan,Jul *", "UTC", "2026-01-01T00:00:00Z", "2026-01-15T00:00:00",
           "2026-07-01T00:00:00", "2026-07-15T00:00:00", "2027-01-01T00:00:00");
    EXPECT("0 12 29 2 *", "UTC", "2025-01-01T00:00:00Z", "2028-02-29T12:00:00",
           "2032-02-29T12:00:00");
    EXPECT("@daily", "UTC", "2026-12-31T23:59:59Z", "2027-01-01T00:00:00");
    EXPECT("@Hourly", "UTC", "2026-12-31T23:00:00Z", "2027-01-01T00:00:00");
}

static void test_weekdays(void **state)
{
    (void)state;
    EXPECT("0 9 * * MON-FRI", "UTC", "2026-11-20T09:00:00Z", "2026-11-23T09:00:00",
           "2026-11-24T09:00:00");
    EXPECT("0 9 * * 6-7", "UTC", "2026-11-20T09:00:00Z", "2026-11-21T09:00:00",
           "2026-11-22T09:00:00", "2026-11-28T09:00:00");
    EXPECT("0 9 * * 7", "UTC", "2026-11-20T09:00:00Z", "2026-11-22T09:00:00",
           "2026-11-29T09:00:00");
    EXPECT("0 9 * * SAT-SUN", "UTC", "2026-11-20T09:00:00Z", "2026-11-21T09:00:00",
           "2026-11-22T09:00:00", "2026-11-28T09:00:00");
    EXPECT("0 9 * * 1/2", "UTC", "2026-11-22T09:00:00Z", "2026-11-23T09:00:00",
           "2026-11-25T09:00:00", "2026-11-27T09:00:00", "2026-11-30T09:00:00");
    /* Both restricted: either. */
    EXPECT("0 0 13 * FRI", "UTC", "2026-11-01T00:00:00Z", "2026-11-06T00:00:00",
           "2026-11-13T00:00:00", "2026-11-20T00:00:00", "2026-11-27T00:00:00",
           "2026-12-04T00:00:00", "2026-12-11T00:00:00", "2026-12-13T00:00:00");
}

static void test_special_days(void **state)
{
    (void)state;
    EXPECT("0 0 L * *", "UTC", "2028-01-31T00:00:00Z", "2028-02-29T00:00:00",
           "2028-03-31T00:00:00");
    EXPECT("0 0 L-2 * *", "UTC", "2026-02-01T00:00:00Z", "2026-02-26T00:00:00",
           "2026-03-29T00:00:00");
    EXPECT("0 0 LW * *", "UTC", "2026-01-01T00:00:00Z", "2026-01-30T00:00:00",
           "2026-02-27T00:00:00", "2026-03-31T00:00:00");
    EXPECT("0 0 15W * *", "UTC", "2026-02-01T00:00:00Z",
           "2026-02-16T00:00:00", /* Sunday → Monday */
           "2026-03-16T00:00:00", "2026-04-15T00:00:00");
    EXPECT("0 0 1W 8 *", "UTC", "2026-01-01T00:00:00Z", "2026-08-03T00:00:00");  /* Saturday */
    EXPECT("0 0 31W 5 *", "UTC", "2026-01-01T00:00:00Z", "2026-05-29T00:00:00"); /* Sunday */
    EXPECT("0 0 * * 5L", "UTC", "2026-11-01T00:00:00Z", "2026-11-27T00:00:00",
           "2026-12-25T00:00:00");
    EXPECT("0 0 * * FRI#2", "UTC", "2026-11-01T00:00:00Z", "2026-11-13T00:00:00",
           "2026-12-11T00:00:00");
    EXPECT("0 0 * * 1#5", "UTC", "2026-11-01T00:00:00Z", "2026-11-30T00:00:00",
           "2027-03-29T00:00:00");
}

static void test_daylight_saving(void **state)
{
    (void)state;
    /* 2026-03-29 in Berlin: 02:00 → 03:00 at 01:00 UTC. What does not exist runs at once. */
    EXPECT("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", "2026-03-28T01:30:00",
           "2026-03-29T01:00:00", "2026-03-30T00:30:00");
    EXPECT("*/30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00",
           "2026-03-30T00:00:00", "2026-03-30T00:30:00");
    EXPECT("0 3 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00",
           "2026-03-30T01:00:00");
    EXPECT("30 * * * *", "Europe/Berlin", "2026-03-28T23:45:00Z", "2026-03-29T00:30:00",
           "2026-03-29T01:30:00");
    /* 2026-10-25 in Berlin: 03:00 → 02:00 at 01:00 UTC. What comes twice runs once. */
    EXPECT("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00",
           "2026-10-26T01:30:00");
    EXPECT("30 * * * *", "Europe/Berlin", "2026-10-24T23:45:00Z", "2026-10-25T00:30:00",
           "2026-10-25T01:30:00", "2026-10-25T02:30:00");
    EXPECT("0 3 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T02:00:00");
    /* Half an hour, at Lord Howe. */
    EXPECT("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", "2026-10-03T15:30:00");
    /* A whole day that Samoa left out: 2011-12-30. */
    EXPECT("0 12 30 12 *", "Pacific/Apia", "2011-12-01T00:00:00Z", "2011-12-30T10:00:00",
           "2012-12-29T22:00:00");
}

/* Around 2016-12-31T23:59:60, which Unix time does not count: no second is left out, or comes
 * twice. */
static void test_neighbours_of_a_leap_second(void **state)
{
    (void)state;
    EXPECT("* * * * * *", "UTC", "2016-12-31T23:59:57Z", "2016-12-31T23:59:58",
           "2016-12-31T23:59:59", "2017-01-01T00:00:00", "2017-01-01T00:00:01");
    EXPECT("59 59 23 31 12 *", "UTC", "2016-12-31T23:59:58Z", "2016-12-31T23:59:59",
           "2017-12-31T23:59:59");
    EXPECT("@yearly", "UTC", "2016-12-31T23:59:59Z", "2017-01-01T00:00:00", "2018-01-01T00:00:00");
    EXPECT("*/30 59,0 0 1 1 *", "Europe/Berlin", "2016-12-31T23:59:29Z", "2016-12-31T23:59:30",
           "2017-12-31T23:00:00");
    EXPECT("*/30 59,0 8,9 1 1 *", "Asia/Tokyo", "2016-12-31T23:59:29Z", "2016-12-31T23:59:30",
           "2017-01-01T00:00:00", "2017-01-01T00:00:30", "2017-01-01T00:59:00");
    /* 2015-06-30, in the middle of a day there. */
    EXPECT("59 59 * * * *", "America/New_York", "2015-06-30T23:59:58Z", "2015-06-30T23:59:59",
           "2015-07-01T00:59:59");
}

static void test_far_away(void **state)
{
    struct hub_error error;
    struct cron cron;

    (void)state;
    /* Beyond the file's table, by its rule. */
    EXPECT("0 12 1 7 *", "America/New_York", "2060-01-01T00:00:00Z", "2060-07-01T16:00:00",
           "2061-07-01T16:00:00");
    EXPECT("0 12 1 1 *", "America/New_York", "2060-01-02T00:00:00Z", "2061-01-01T17:00:00");
    assert_int_equal(cron_parse(STR("0 0 30 2 *"), &cron, &error), 0);
    struct zone *zone = load("Europe/Berlin");
    assert_true(cron_next(&cron, zone, at("2026-01-01T00:00:00Z")) == CRON_NEVER);
    zone_free(zone);
}

static void test_refused(void **state)
{
    static const char *const BAD[] = {
        "",
        "* * * *",
        "* * * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * 32 * *",
        "* * * 13 *",
        "* * * * 8",
        "*/0 * * * *",
        "a * * * *",
        "1- * * * *",
        "1,,2 * * * *",
        "1, * * * *",
        "* * L-31 * *",
        "* * * * 5#6",
        "* * * * 5#0",
        "* * W * *",
        "@often",
        "1 2 3 4 5x",
        "* * * FOO *",
        "-1 * * * *",
        "1-2-3 * * * *",
        "*/ * * * *",
        "@daily x",
    };

    (void)state;
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        struct cron cron;
        struct hub_error error;
        if (cron_parse(str_from_c(BAD[i]), &cron, &error) != HUB_ERR_INVALID_INPUT) {
            fail_msg("\"%s\" was taken", BAD[i]);
        }
        assert_true(strlen(error.detail) > 10);
    }
}

static void test_zone_names(void **state)
{
    static const char *const BAD[] = {
        "", "Europe/Nowhere", "../../etc/passwd", "/etc/localtime", "Europe", "posixrules\n"};
    struct zone *zone;
    struct hub_error error;

    (void)state;
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        int err = zone_load(ZONES, str_from_c(BAD[i]), &zone, &error);
        assert_int_equal(err, HUB_ERR_INVALID_INPUT);
    }
}

/* Cut short or with a changed byte: refused, or a zone that can be asked. */
static void test_damaged_zones(void **state)
{
    struct hub_error error;
    struct buf bytes;
    struct zone *zone;

    (void)state;
    buf_init(&bytes, 1 << 20);
    assert_int_equal(file_read(ZONES "/Europe/Berlin", &bytes, &error), 0);
    for (size_t len = 0; len < bytes.len; len++) {
        assert_int_equal(zone_parse(STR("x"), str_of(bytes.ptr, len), &zone, &error),
                         HUB_ERR_CORRUPT);
    }
    for (size_t i = 0; i < bytes.len; i++) {
        char kept = bytes.ptr[i];
        bytes.ptr[i] = (char)(kept ^ 0x5a);
        if (zone_parse(STR("x"), buf_view(&bytes), &zone, &error) == 0) {
            for (int64_t t = 0; t < INT64_C(4000000000); t += 100000000) {
                struct zone_stretch stretch = zone_stretch(zone, t);
                assert_true(stretch.from <= t && t < stretch.until);
            }
            zone_free(zone);
        }
        bytes.ptr[i] = kept;
    }
    buf_release(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_weekdays),
        cmocka_unit_test(test_special_days),
        cmocka_unit_test(test_daylight_saving),
        cmocka_unit_test(test_neighbours_of_a_leap_second),
        cmocka_unit_test(test_far_away),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_zone_names),
        cmocka_unit_test(test_damaged_zones),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
