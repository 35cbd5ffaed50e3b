#include "harness.h"

#include <string.h>

static struct store_op *child_op(struct harness *h, const struct id *after, unsigned count)
{
    struct store_op *op = harness_insert_op(h);

    op->job_insert.job.after = arena_memdup(&op->arena, after, count * sizeof *after);
    op->job_insert.job.after_count = count;
    return op;
}

static struct id child(struct harness *h, const struct id *after, unsigned count,
                       enum job_state expected)
{
    struct store_op *op = child_op(h, after, count);

    assert_int_equal(harness_run(h, op), 0);
    assert_int_equal(op->job_insert.ret_state, expected);
    assert_int_equal(harness_state(h, op->job_insert.job.id), expected);
    return op->job_insert.job.id;
}

static void test_child_waits_for_all(void **state)
{
    struct harness *h = *state;
    const struct id parents[] = {harness_insert(h), harness_insert(h), harness_insert(h)};
    const struct id twice[] = {parents[0], parents[1], parents[0], parents[2]};

    harness_finish(h, parents[2], JOB_SUCCEEDED);
    struct id id = child(h, twice, 4, JOB_BLOCKED);
    harness_finish(h, parents[0], JOB_SUCCEEDED);
    assert_int_equal(harness_state(h, id), JOB_BLOCKED);
    struct store_op *last = harness_finish_op(h, parents[1], JOB_SUCCEEDED);
    assert_int_equal(harness_run(h, last), 0);
    assert_int_equal(last->job_move.ret_released_count, 1);
    assert_id(last->job_move.ret_released[0].id, id);
    assert_int_equal(last->job_move.ret_released[0].state, JOB_QUEUED);
    assert_true(last->job_move.ret_released[0].event_seq > last->event_seq);
    assert_int_equal(harness_last_event(h), last->job_move.ret_released[0].event_seq);
    assert_int_equal(harness_state(h, id), JOB_QUEUED);
    harness_finish(h, id, JOB_SUCCEEDED);
}

static void test_child_of_finished_parents(void **state)
{
    struct harness *h = *state;
    const struct id good = harness_insert(h);
    const struct id bad[] = {good, harness_insert(h), harness_insert(h)};

    harness_finish(h, good, JOB_SUCCEEDED);
    harness_finish(h, bad[1], JOB_CANCELLED);
    child(h, &good, 1, JOB_QUEUED);
    struct store_op *op = child_op(h, bad, 3);
    uint64_t events = harness_last_event(h);
    assert_int_equal(harness_run(h, op), 0);
    assert_int_equal(op->job_insert.ret_state, JOB_FAILED);
    assert_int_equal(harness_last_event(h), op->event_seq);
    assert_int_equal(op->event_seq, events + 1);
    const struct job_record *job = &harness_get(h, op->job_insert.job.id)->job_get.ret_job;
    assert_str(job->error_code, "dependency_failed");
    assert_int_equal(job->finished_at, h->now);
    assert_int_equal(job->error_details.len, strlen("{\"job\":\"\"}") + ID_TEXT_LEN);
    assert_int_equal(job->attempt_count, 0);
}

static void test_child_with_a_start_time(void **state)
{
    struct harness *h = *state;
    const struct id parent = harness_insert(h);
    struct store_op *late = child_op(h, &parent, 1);
    struct store_op *due = child_op(h, &parent, 1);

    late->job_insert.job.run_at = h->now + 1000;
    due->job_insert.job.run_at = h->now + 10;
    assert_int_equal(harness_run(h, late), 0);
    assert_int_equal(harness_run(h, due), 0);
    h->now += 100;
    harness_finish(h, parent, JOB_SUCCEEDED);
    assert_int_equal(harness_state(h, late->job_insert.job.id), JOB_SCHEDULED);
    assert_int_equal(harness_state(h, due->job_insert.job.id), JOB_QUEUED);
    late = child_op(h, &parent, 1);
    late->job_insert.job.run_at = h->now + 1000;
    assert_int_equal(harness_run(h, late), 0);
    assert_int_equal(late->job_insert.ret_state, JOB_SCHEDULED);
}

static void test_failure_goes_down(void **state)
{
    struct harness *h = *state;
    const struct id root = harness_insert(h);
    const struct id other = harness_insert(h);
    const struct id both[] = {root, other};
    const struct id a = child(h, both, 2, JOB_BLOCKED);
    const struct id b = child(h, &a, 1, JOB_BLOCKED);
    const struct id c = child(h, &b, 1, JOB_BLOCKED);
    const struct id side = child(h, &other, 1, JOB_BLOCKED);
    struct store_op *op = harness_finish_op(h, root, JOB_UNKNOWN);

    assert_int_equal(harness_run(h, op), 0);
    assert_int_equal(op->job_move.ret_released_count, 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(op->job_move.ret_released[i].state, JOB_FAILED);
    }
    assert_int_equal(harness_state(h, a), JOB_FAILED);
    assert_int_equal(harness_state(h, b), JOB_FAILED);
    assert_int_equal(harness_state(h, c), JOB_FAILED);
    assert_int_equal(harness_state(h, side), JOB_BLOCKED);
    struct store_op *end = harness_finish_op(h, other, JOB_SUCCEEDED);
    assert_int_equal(harness_run(h, end), 0);
    assert_int_equal(end->job_move.ret_released_count, 1);
    assert_int_equal(harness_state(h, a), JOB_FAILED);
}

static void test_unknown_parent(void **state)
{
    struct harness *h = *state;
    const struct id parents[] = {harness_insert(h), harness_id(h)};
    struct store_op *op = child_op(h, parents, 2);

    assert_int_equal(harness_run(h, op), HUB_ERR_NOT_FOUND);
    assert_id(op->job_insert.ret_unknown, parents[1]);
    assert_int_equal(harness_get(h, op->job_insert.job.id)->err, HUB_ERR_NOT_FOUND);
    op = harness_finish_op(h, parents[0], JOB_SUCCEEDED);
    assert_int_equal(harness_run(h, op), 0);
    assert_int_equal(op->job_move.ret_released_count, 0);
}

static void test_cancelled_child_is_not_released(void **state)
{
    struct harness *h = *state;
    const struct id parent = harness_insert(h);
    const struct id id = child(h, &parent, 1, JOB_BLOCKED);
    const struct id below = child(h, &id, 1, JOB_BLOCKED);
    struct store_op *op = harness_op(h, STORE_JOB_MOVE);

    op->job_move =
        (struct store_job_move){.id = id, .from = JOB_BLOCKED, .to = JOB_CANCELLED, .at = h->now};
    assert_int_equal(harness_run(h, op), 0);
    assert_int_equal(op->job_move.ret_released_count, 1);
    assert_int_equal(harness_state(h, below), JOB_FAILED);
    struct store_op *end = harness_finish_op(h, parent, JOB_SUCCEEDED);
    assert_int_equal(harness_run(h, end), 0);
    assert_int_equal(end->job_move.ret_released_count, 0);
    assert_int_equal(harness_state(h, id), JOB_CANCELLED);
}

static void test_parent_and_child_in_one_batch(void **state)
{
    struct harness *h = *state;
    struct store_op *parent = harness_insert_op(h);
    struct store_op *below = child_op(h, &parent->job_insert.job.id, 1);
    struct store_op *end = harness_finish_op(h, parent->job_insert.job.id, JOB_SUCCEEDED);

    harness_submit(h, parent);
    harness_submit(h, below);
    harness_submit(h, end);
    harness_wait(h);
    assert_int_equal(below->job_insert.ret_state, JOB_BLOCKED);
    assert_int_equal(end->job_move.ret_released_count, 1);
    assert_int_equal(harness_state(h, below->job_insert.job.id), JOB_QUEUED);
}

static void test_wide_and_deep_flows(void **state)
{
    enum { CHILDREN = 2000, DEPTH = 2000 };
    struct harness *h = *state;
    const struct id root = harness_insert(h);
    struct id last = root;

    for (int i = 0; i < CHILDREN; i++) {
        harness_submit(h, child_op(h, &root, 1));
    }
    for (int i = 0; i < DEPTH; i++) {
        struct store_op *op = child_op(h, &last, 1);
        last = op->job_insert.job.id;
        harness_submit(h, op);
    }
    harness_wait(h);
    struct store_op *end = harness_finish_op(h, root, JOB_FAILED);
    assert_int_equal(harness_run(h, end), 0);
    assert_int_equal(end->job_move.ret_released_count, CHILDREN + DEPTH);
    assert_int_equal(harness_state(h, last), JOB_FAILED);
}

int contract_flows(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_child_waits_for_all),
        STORE_TEST(test_child_of_finished_parents),
        STORE_TEST(test_child_with_a_start_time),
        STORE_TEST(test_failure_goes_down),
        STORE_TEST(test_unknown_parent),
        STORE_TEST(test_cancelled_child_is_not_released),
        STORE_TEST(test_parent_and_child_in_one_batch),
        STORE_TEST(test_wide_and_deep_flows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
