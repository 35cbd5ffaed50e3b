/* When a callback is tried again: on a clock that only the test turns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "jobs/callback.h"

#define HOUR_MS (3600 * INT64_C(1000))

static const int64_t PAUSES_MS[] = {
    5000,         300000,       1800000,      2 * HOUR_MS,  5 * HOUR_MS,
    10 * HOUR_MS, 14 * HOUR_MS, 20 * HOUR_MS, 24 * HOUR_MS,
};
#define PAUSES (sizeof PAUSES_MS / sizeof PAUSES_MS[0])

static void test_the_schedule(void **state)
{
    int64_t now = 0;

    (void)state;
    for (uint32_t tries = 1; tries <= PAUSES; tries++) {
        int64_t pause = callback_pause_ms(tries, 0, 0);
        assert_int_equal(pause, PAUSES_MS[tries - 1]);
        now += pause;
    }
    assert_int_equal(callback_pause_ms(PAUSES + 1, 0, 0), -1);
    assert_int_equal(callback_pause_ms(PAUSES + 1, 1000, 0), -1);
    assert_int_equal(callback_pause_ms(UINT32_MAX, 0, 0), -1);
    assert_int_equal(callback_pause_ms(0, 0, 0), -1);
    assert_true(now > 75 * HOUR_MS && now < 76 * HOUR_MS);
}

static void test_jitter_only_stretches_and_spreads(void **state)
{
    uint32_t random = 12345;

    (void)state;
    for (uint32_t tries = 1; tries <= PAUSES; tries++) {
        int64_t pause = PAUSES_MS[tries - 1];
        int64_t least = INT64_MAX, most = 0;
        for (int i = 0; i < 2000; i++) {
            random = random * 1664525u + 1013904223u;
            int64_t got = callback_pause_ms(tries, 0, random >> 4);
            assert_true(got >= pause && got <= pause + pause / 5);
            least = got < least ? got : least;
            most = got > most ? got : most;
        }
        assert_true(most - least > pause / 10);
    }
}

static void test_retry_after_only_lengthens(void **state)
{
    (void)state;
    assert_int_equal(callback_pause_ms(1, 1000, 0), 5000);
    assert_int_equal(callback_pause_ms(1, -1000, 0), 5000);
    assert_int_equal(callback_pause_ms(1, 60000, 0), 60000);
    assert_int_equal(callback_pause_ms(1, INT64_MAX, 0), CALLBACK_RETRY_MAX_MS);
    assert_int_equal(callback_pause_ms(9, INT64_MAX, 0), CALLBACK_RETRY_MAX_MS);
}

static void test_names(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CALLBACK_STATE_COUNT; i++) {
        enum callback_state found = CALLBACK_STATE_COUNT;
        assert_true(callback_state_parse(str_from_c(callback_state_name(i)), &found));
        assert_int_equal(found, i);
    }
    enum callback_state untouched = CALLBACK_FAILED;
    assert_false(callback_state_parse(STR("Failed"), &untouched));
    assert_false(callback_state_parse(STR(""), &untouched));
    assert_int_equal(untouched, CALLBACK_FAILED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_schedule),
        cmocka_unit_test(test_jitter_only_stretches_and_spreads),
        cmocka_unit_test(test_retry_after_only_lengthens),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
