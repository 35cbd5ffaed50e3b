#include "http/deadline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct deadlines deadlines;
static struct deadline *due[16];
static unsigned due_count;
static struct deadline *to_clear;

static void on_due(struct deadline *deadline, void *context)
{
    assert_ptr_equal(context, &due_count);
    due[due_count++] = deadline;
    if (to_clear != NULL) {
        deadline_clear(to_clear);
    }
}

static int setup(void **state)
{
    (void)state;
    deadlines_init(&deadlines, on_due, &due_count);
    deadlines.kinds[DEADLINE_HEAD].after_ms = 10;
    deadlines.kinds[DEADLINE_IDLE].after_ms = 100;
    due_count = 0;
    to_clear = NULL;
    return 0;
}

static void test_each_comes_due_once_in_order(void **state)
{
    (void)state;
    struct deadline a, b, c;
    deadline_init(&a);
    deadline_init(&b);
    deadline_init(&c);
    assert_true(deadlines_next(&deadlines) == DEADLINE_NEVER);
    assert_int_equal(deadline_set(&deadlines, &a, DEADLINE_IDLE, 1000), 1100);
    assert_int_equal(deadline_set(&deadlines, &b, DEADLINE_HEAD, 1001), 1011);
    assert_int_equal(deadline_set(&deadlines, &c, DEADLINE_HEAD, 1002), 1012);
    assert_int_equal(deadlines_next(&deadlines), 1011);
    deadlines_sweep(&deadlines, 1010);
    assert_int_equal(due_count, 0);
    deadlines_sweep(&deadlines, 1011);
    assert_int_equal(due_count, 1);
    assert_ptr_equal(due[0], &b);
    assert_false(deadline_is_set(&b));
    deadlines_sweep(&deadlines, 5000);
    assert_int_equal(due_count, 3);
    assert_ptr_equal(due[1], &c);
    assert_ptr_equal(due[2], &a);
    assert_true(deadlines_next(&deadlines) == DEADLINE_NEVER);
}

static void test_setting_anew_moves_it(void **state)
{
    (void)state;
    struct deadline a, b;
    deadline_init(&a);
    deadline_init(&b);
    deadline_set(&deadlines, &a, DEADLINE_HEAD, 0);
    deadline_set(&deadlines, &b, DEADLINE_HEAD, 1);
    deadline_set(&deadlines, &a, DEADLINE_HEAD, 5);
    assert_int_equal(deadlines_next(&deadlines), 11);
    deadline_set(&deadlines, &b, DEADLINE_IDLE, 5);
    assert_int_equal(deadlines_next(&deadlines), 15);
    deadline_clear(&a);
    deadline_clear(&a);
    assert_int_equal(deadlines_next(&deadlines), 105);
    deadline_clear(&b);
}

static void test_a_kind_without_a_time_never_comes(void **state)
{
    (void)state;
    struct deadline a;
    deadline_init(&a);
    assert_true(deadline_set(&deadlines, &a, DEADLINE_WRITE, 0) == DEADLINE_NEVER);
    assert_false(deadline_is_set(&a));
    deadlines_sweep(&deadlines, 1000000);
    assert_int_equal(due_count, 0);
}

static void test_a_callback_may_clear_others(void **state)
{
    (void)state;
    struct deadline a, b;
    deadline_init(&a);
    deadline_init(&b);
    deadline_set(&deadlines, &a, DEADLINE_HEAD, 0);
    deadline_set(&deadlines, &b, DEADLINE_HEAD, 0);
    to_clear = &b;
    deadlines_sweep(&deadlines, 1000);
    assert_int_equal(due_count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_each_comes_due_once_in_order, setup),
        cmocka_unit_test_setup(test_setting_anew_moves_it, setup),
        cmocka_unit_test_setup(test_a_kind_without_a_time_never_comes, setup),
        cmocka_unit_test_setup(test_a_callback_may_clear_others, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
