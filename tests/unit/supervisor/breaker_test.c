/*
 * The circuit breaker, on a clock of its own; and how deaths are explained.
 */
#include "supervisor/breaker.h"
#include "supervisor/explain.h"
#include "supervisor/supervisor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

static struct breaker breaker;

static bool crash(const char *job, int64_t now_ms)
{
    return breaker_crashed(&breaker, str_from_c(job), now_ms);
}

static bool crash_number(int number, int64_t now_ms)
{
    char job[16];
    snprintf(job, sizeof job, "job-%d", number);
    return crash(job, now_ms);
}

static int setup(void **state)
{
    (void)state;
    breaker_init(&breaker, 5);
    return 0;
}

static void five_jobs_trip_it(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        assert_false(crash_number(i, 1000 + i));
    }
    assert_true(crash_number(4, 1010));
    assert_int_equal(breaker.state, BREAKER_OPEN);
    assert_int_equal(breaker.until_ms, 1010 + BREAKER_PAUSE_FIRST_MS);
    assert_int_equal(breaker.trips, 1);
    assert_int_equal(breaker_jobs(&breaker, 1010), 5);
    assert_false(crash_number(5, 1020)); /* it is open already */
}

static void one_job_never_does(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        assert_false(crash("the same", 1000 + i));
    }
    assert_int_equal(breaker_jobs(&breaker, 1100), 1);
}

static void most_attempts_must_crash(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        assert_false(breaker_ended(&breaker, 1000));
    }
    for (int i = 0; i < 10; i++) {
        assert_false(crash_number(i, 1001));
    }
    assert_true(crash_number(10, 1002)); /* eleven of twenty-one */
}

static void what_is_long_ago_does_not_count(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        breaker_ended(&breaker, 1000);
    }
    for (int i = 0; i < 4; i++) {
        assert_false(crash_number(i, 1000));
    }
    int64_t later = 1000 + BREAKER_WINDOW_MS;
    assert_false(crash_number(4, later));
    assert_int_equal(breaker_jobs(&breaker, later), 1);
    for (int i = 5; i < 8; i++) {
        assert_false(crash_number(i, later));
    }
    assert_true(crash_number(8, later)); /* the good ones are forgotten as well */
}

static void a_good_trial_closes_it(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        crash_number(i, 1000);
    }
    assert_false(breaker_ended(&breaker, 1001)); /* had begun before */
    breaker_half_open(&breaker);
    assert_int_equal(breaker.state, BREAKER_HALF_OPEN);
    assert_true(breaker_ended(&breaker, 7000));
    assert_int_equal(breaker.state, BREAKER_CLOSED);
    assert_int_equal(breaker.trips, 1);
    assert_false(crash_number(1, 7001)); /* it begins anew */
}

static void a_bad_trial_doubles_the_pause(void **state)
{
    int64_t now_ms = 1000;
    unsigned pause_ms = BREAKER_PAUSE_FIRST_MS;
    (void)state;
    for (int i = 0; i < 5; i++) {
        crash_number(i, now_ms);
    }
    for (int i = 0; i < 12; i++) {
        assert_int_equal(breaker.until_ms, now_ms + pause_ms);
        now_ms = breaker.until_ms;
        breaker_half_open(&breaker);
        assert_true(crash("again", now_ms));
        pause_ms = pause_ms * 2 < BREAKER_PAUSE_LAST_MS ? pause_ms * 2 : BREAKER_PAUSE_LAST_MS;
    }
    assert_int_equal(breaker.pause_ms, BREAKER_PAUSE_LAST_MS);
}

static void without_a_threshold_it_never_trips(void **state)
{
    (void)state;
    breaker_init(&breaker, 0);
    for (int i = 0; i < 1000; i++) {
        assert_false(crash_number(i, 1000));
    }
}

/* --- Explanations ------------------------------------------------------------------------------*/

static void deaths_are_explained(void **state)
{
    static const struct wire_config LIMITS = {.cpu_s = 7, .memory_max = 100, .file_bytes_max = 50};
    static const struct {
        bool by_signal;
        int number;
        struct wire_board board;
        enum runner_end end;
        int told;
        const char *why;
    } CASES[] = {
        {true, SIGSEGV, {0}, RUNNER_END_SIGNAL, SIGSEGV, "it was killed by signal 11 (Segm"},
        {false, 3, {0}, RUNNER_END_EXIT, 3, "it exited with code 3"},
        {true, SIGSYS, {0}, RUNNER_END_POLICY, -1, "it made a system call that"},
        {true,
         SIGSYS,
         {.forbidden_call = SYS_ptrace + 1},
         RUNNER_END_POLICY,
         SYS_ptrace,
         "it made the system call ptrace, "},
        {true,
         SIGSYS,
         {.forbidden_call = UINT32_MAX},
         RUNNER_END_POLICY,
         -1,
         "it made a system call that"},
        {true, SIGXCPU, {0}, RUNNER_END_CPU, SIGXCPU, "it took more than 7 s"},
        {true,
         SIGKILL,
         {.output_full = 65},
         RUNNER_END_OUTPUT,
         SIGKILL,
         "it went on writing to an output of 50 bytes"},
        {true,
         SIGSEGV,
         {.refused_bytes = 99},
         RUNNER_END_MEMORY,
         SIGSEGV,
         "it was refused 99 bytes of memory (its limit is 100), and was killed by signal 11"},
        {false, 71, {.refused_bytes = 99}, RUNNER_END_MEMORY, 71, "it was refused 99 bytes"},
        /* Hints alone decide nothing. */
        {true, SIGKILL, {.refused_bytes = 99}, RUNNER_END_SIGNAL, SIGKILL, "it was killed"},
        {false, 0, {.refused_bytes = 99}, RUNNER_END_EXIT, 0, "it exited with code 0"},
        {true, SIGSEGV, {.forbidden_call = 5}, RUNNER_END_SIGNAL, SIGSEGV, "it was killed"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct runner_status status = {CASES[i].by_signal, CASES[i].number, &CASES[i].board,
                                       &LIMITS};
        struct runner_death death = {0};
        char why[RUNNER_WHY_MAX];
        runner_explain(&status, &death, why);
        assert_int_equal(death.end, CASES[i].end);
        assert_int_equal(death.number, CASES[i].told);
        if (strncmp(why, CASES[i].why, strlen(CASES[i].why)) != 0) {
            fail_msg("\"%s\" is not \"%s\"", why, CASES[i].why);
        }
        status.board = NULL; /* there need not be one */
        runner_explain(&status, &death, why);
    }
}

static void calls_have_names(void **state)
{
    char name[SUPERVISOR_CALL_NAME_MAX];
    (void)state;
    assert_true(supervisor_call_name(SYS_openat, name));
    assert_string_equal(name, "openat");
    assert_false(supervisor_call_name(-1, name));
    assert_false(supervisor_call_name(1 << 20, name));
}

#define TEST(test) cmocka_unit_test_setup(test, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(five_jobs_trip_it),
        TEST(one_job_never_does),
        TEST(most_attempts_must_crash),
        TEST(what_is_long_ago_does_not_count),
        TEST(a_good_trial_closes_it),
        TEST(a_bad_trial_doubles_the_pause),
        TEST(without_a_threshold_it_never_trips),
        TEST(deaths_are_explained),
        TEST(calls_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
