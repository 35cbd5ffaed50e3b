/* What users ask for: cancel in each state, retry by hand, delete. */
#include "world.h"

static int cancel(struct world *w, const struct id *id)
{
    int answer = 1;

    jobs_cancel(w->jobs, id, world_answer, &answer);
    world_settle(w);
    return answer;
}

static int retry(struct world *w, const struct id *id)
{
    int answer = 1;

    jobs_retry(w->jobs, id, world_answer, &answer);
    world_settle(w);
    return answer;
}

static int delete (struct world *w, const struct id *id)
{
    int answer = 1;

    jobs_delete(w->jobs, id, world_answer, &answer);
    world_settle(w);
    return answer;
}

static void test_cancel_waiting(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL);
    world_connector(&w, STR("noop"))->room = 1;
    struct id running = world_submit(&w, (struct job_record){0});
    struct id queued = world_submit(&w, (struct job_record){0});
    struct id scheduled = world_submit(&w, (struct job_record){.run_at = WORLD_START + 1000});
    struct id blocked = world_submit(&w, (struct job_record){.after = &running, .after_count = 1});
    struct id child = world_submit(&w, (struct job_record){.after = &blocked, .after_count = 1});
    const struct id *waiting[] = {&queued, &scheduled, &blocked};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(cancel(&w, waiting[i]), 0);
        assert_int_equal(world_state(&w, waiting[i]), JOB_CANCELLED);
        assert_true(str_eq(world_row(&w, waiting[i])->job.error_code, STR("cancelled")));
        assert_int_equal(cancel(&w, waiting[i]), HUB_ERR_CONFLICT);
    }
    assert_int_equal(world_state(&w, &child), JOB_FAILED);
    assert_int_equal(w.cancels, 0);
    assert_int_equal(cancel(&w, &(struct id){{9}}), HUB_ERR_NOT_FOUND);
    world_end(&w, world_started(&w, &running), ATTEMPT_SUCCEEDED);
    assert_int_equal(cancel(&w, &running), HUB_ERR_CONFLICT);
    assert_int_equal(jobs_stats(w.jobs)->cancelled, 3);
    world_close(&w);
}

static void test_cancel_running(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL);
    struct id id = world_submit(&w, (struct job_record){0});
    int answers[3] = {1, 1, 1};
    for (int i = 0; i < 3; i++) {
        jobs_cancel(w.jobs, &id, world_answer, &answers[i]);
        world_settle(&w);
        assert_int_equal(answers[i], 1);
    }
    assert_int_equal(w.cancels, 1); /* one is enough */
    struct jobs_live live;
    assert_true(jobs_live(w.jobs, &id, &live));
    assert_true(live.cancelling);
    world_end(&w, world_started(&w, &id), ATTEMPT_CANCELLED);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(answers[i], 0);
    }
    assert_int_equal(world_state(&w, &id), JOB_CANCELLED);
    world_close(&w);
}

/* The wish comes while the write of the outcome is under way. */
static void test_cancel_crosses_the_end(void **state)
{
    (void)state;
    static const struct {
        enum attempt_outcome outcome;
        enum job_state state;
    } cases[] = {{ATTEMPT_SUCCEEDED, JOB_SUCCEEDED},
                 {ATTEMPT_FAILED, JOB_FAILED},
                 {ATTEMPT_RETRY, JOB_CANCELLED},
                 {ATTEMPT_RELEASED, JOB_CANCELLED}};
    for (int i = 0; i < 4; i++) {
        struct world w;
        int answer = 1;
        world_open(&w, NULL);
        struct id id = world_submit(&w, (struct job_record){0});
        w.hold = true;
        world_end(&w, world_started(&w, &id), cases[i].outcome);
        jobs_cancel(w.jobs, &id, world_answer, &answer);
        world_settle(&w);
        assert_int_equal(answer, 1);
        w.hold = false;
        world_settle(&w);
        assert_int_equal(world_state(&w, &id), cases[i].state);
        assert_int_equal(answer, cases[i].state == JOB_CANCELLED ? 0 : HUB_ERR_CONFLICT);
        assert_int_equal(w.starts, 1);
        world_close(&w);
    }
}

/* …while its start is being written, and while its input is being read. */
static void test_cancel_before_the_start(void **state)
{
    (void)state;
    for (int fetch = 0; fetch <= 1; fetch++) {
        struct world w;
        int answer = 1;
        world_open(&w, &(struct jobs_config){.seed = 1, .input_cache_bytes = fetch ? 1 : 1000});
        world_connector(&w, STR("noop"))->room = 0;
        struct id id = world_submit(&w, (struct job_record){.retry_safety = JOB_NEVER});
        world_connector(&w, STR("noop"))->room = 1;
        jobs_capacity(w.jobs, STR("noop"));
        w.hold = true;
        world_settle(&w);
        assert_int_equal(w.store->read_count, fetch);
        assert_int_equal(w.store->write_count, 1 - fetch);
        jobs_cancel(w.jobs, &id, world_answer, &answer);
        w.hold = false;
        world_settle(&w);
        assert_int_equal(answer, 0);
        assert_int_equal(world_state(&w, &id), JOB_CANCELLED);
        assert_int_equal(w.starts, 0);
        assert_int_equal(world_row(&w, &id)->attempt_count, 1 - fetch);
        world_close(&w);
    }
}

/* …while it is being queued, expired, or released by its parent. */
static void test_cancel_meets_other_moves(void **state)
{
    (void)state;
    struct world w;
    int answers[3] = {1, 1, 1};
    world_open(&w, NULL);
    struct id due = world_submit(&w, (struct job_record){.run_at = WORLD_START + 1000});
    struct id late = world_submit(
        &w, (struct job_record){.run_at = WORLD_START + 9000, .expires_at = WORLD_START + 1000});
    struct id parent = world_submit(&w, (struct job_record){0});
    struct id child = world_submit(&w, (struct job_record){.after = &parent, .after_count = 1});
    w.hold = true;
    world_advance(&w, 1000); /* both are on their way */
    world_end(&w, world_started(&w, &parent), ATTEMPT_SUCCEEDED);
    jobs_cancel(w.jobs, &due, world_answer, &answers[0]);
    jobs_cancel(w.jobs, &late, world_answer, &answers[1]);
    jobs_cancel(w.jobs, &child, world_answer, &answers[2]);
    w.hold = false;
    world_settle(&w);
    assert_int_equal(answers[0], 0);
    assert_int_equal(world_state(&w, &due), JOB_CANCELLED);
    assert_int_equal(answers[1], HUB_ERR_CONFLICT);
    assert_int_equal(world_state(&w, &late), JOB_FAILED);
    /* The child's move from `blocked` was refused, then done from where it was. */
    assert_int_equal(answers[2], 0);
    assert_int_equal(world_state(&w, &child), JOB_CANCELLED);
    assert_int_equal(jobs_stats(w.jobs)->unfinished, 0);
    assert_int_equal(jobs_in_flight(w.jobs), 0);
    world_close(&w);
}

/* The child is released while its cancelling is under way: it must not slip into a runner. */
static void test_released_child_does_not_start(void **state)
{
    (void)state;
    struct world w;
    int answer = 1;
    world_open(&w, NULL);
    struct id parent = world_submit(&w, (struct job_record){0});
    struct id child = world_submit(&w, (struct job_record){.after = &parent, .after_count = 1});
    w.hold = true;
    world_end(&w, world_started(&w, &parent), ATTEMPT_SUCCEEDED);
    jobs_cancel(w.jobs, &child, world_answer, &answer);
    assert_int_equal(w.store->write_count, 2);
    double_write(w.store, 1);
    world_settle(&w);
    assert_int_equal(world_state(&w, &child), JOB_QUEUED);
    assert_null(world_started(&w, &child));
    w.hold = false;
    world_settle(&w);
    assert_int_equal(answer, 0);
    assert_int_equal(world_state(&w, &child), JOB_CANCELLED);
    assert_int_equal(w.starts, 1);
    world_close(&w);
}

/* The parent fails and takes the child with it while the child's cancelling is under way. */
static void test_cancel_meets_failing_parent(void **state)
{
    (void)state;
    struct world w;
    int answer = 1;
    world_open(&w, NULL);
    struct id parent = world_submit(&w, (struct job_record){0});
    struct id child = world_submit(&w, (struct job_record){.after = &parent, .after_count = 1});
    w.hold = true;
    world_end(&w, world_started(&w, &parent), ATTEMPT_FAILED);
    world_advance(&w, 100);
    jobs_cancel(w.jobs, &child, world_answer, &answer);
    w.hold = false;
    world_settle(&w);
    assert_int_equal(world_state(&w, &child), JOB_FAILED);
    assert_int_equal(answer, HUB_ERR_CONFLICT);
    assert_int_equal(jobs_stats(w.jobs)->unfinished, 0);
    world_close(&w);
}

static void test_cancel_when_the_store_fails(void **state)
{
    (void)state;
    struct world w;
    int answer = 1;
    world_open(&w, NULL);
    world_connector(&w, STR("noop"))->room = 0;
    struct id id = world_submit(&w, (struct job_record){0});
    w.store->commit_error = HUB_ERR_STORAGE_FULL;
    jobs_cancel(w.jobs, &id, world_answer, &answer);
    world_settle(&w);
    assert_int_equal(answer, HUB_ERR_STORAGE_FULL); /* a wish may fail, and says so */
    w.store->commit_error = 0;
    world_connector(&w, STR("noop"))->room = 1;
    jobs_capacity(w.jobs, STR("noop"));
    world_settle(&w);
    world_end(&w, world_started(&w, &id), ATTEMPT_SUCCEEDED);
    assert_int_equal(world_state(&w, &id), JOB_SUCCEEDED);
    world_close(&w);
}

static void test_retry_by_hand(void **state)
{
    (void)state;
    static const enum attempt_outcome ends[] = {ATTEMPT_FAILED, ATTEMPT_UNKNOWN};
    for (int i = 0; i < 2; i++) {
        struct world w;
        world_open(&w, NULL);
        struct id id = world_submit(&w, (struct job_record){.max_attempts = 1,
                                                            .priority = 3,
                                                            .input = STR("{\"k\":1}"),
                                                            .account = STR("acme")});
        assert_int_equal(retry(&w, &id), HUB_ERR_CONFLICT); /* it runs */
        world_end(&w, world_started(&w, &id), ends[i]);
        assert_int_equal(retry(&w, &id), 0);
        struct running *running = world_started(&w, &id);
        assert_non_null(running);
        assert_int_equal(running->number, 2);
        assert_string_equal(running->input, "{\"k\":1}");
        world_end(&w, running, ATTEMPT_SUCCEEDED);
        const struct row *row = world_row(&w, &id);
        assert_int_equal(row->job.state, JOB_SUCCEEDED);
        assert_int_equal(row->job.charged, 1);
        assert_int_equal(row->job.error_code.len, 0);
        assert_int_equal(row->revived, 1);
        assert_int_equal(row->ends, 2);
        assert_int_equal(retry(&w, &id), HUB_ERR_CONFLICT);
        assert_int_equal(retry(&w, &(struct id){{9}}), HUB_ERR_NOT_FOUND);
        world_close(&w);
    }
}

static void test_retry_counts_anew(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL);
    struct id id = world_submit(&w, (struct job_record){.max_attempts = 2});
    for (int life = 0; life < 2; life++) {
        world_end(&w, world_started(&w, &id), ATTEMPT_CRASHED);
        world_advance(&w, 10000);
        assert_non_null(world_started(&w, &id));
        world_end(&w, world_started(&w, &id), ATTEMPT_CRASHED);
        assert_int_equal(world_state(&w, &id), JOB_FAILED);
        assert_int_equal(retry(&w, &id), 0);
    }
    assert_int_equal(world_started(&w, &id)->number, 5);
    world_close(&w);
}

static void test_retry_of_the_expired(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL);
    struct id id = world_submit(&w, (struct job_record){.expires_at = WORLD_START - 1});
    assert_int_equal(world_state(&w, &id), JOB_FAILED);
    assert_int_equal(retry(&w, &id), 0);
    assert_non_null(world_started(&w, &id));
    world_close(&w);
}

static void test_retry_twice_at_once(void **state)
{
    (void)state;
    struct world w;
    int first = 1, second = 1, cancelled = 1;
    world_open(&w, NULL);
    struct id id = world_submit(&w, (struct job_record){0});
    world_end(&w, world_started(&w, &id), ATTEMPT_FAILED);
    jobs_retry(w.jobs, &id, world_answer, &first);
    jobs_retry(w.jobs, &id, world_answer, &second);
    while (double_read(w.store, 1)) {
    }
    jobs_cancel(w.jobs, &id, world_answer, &cancelled); /* it is on its way into the queue */
    world_settle(&w);
    assert_int_equal(first, 0);
    assert_int_equal(second, HUB_ERR_CONFLICT);
    assert_int_equal(cancelled, 0);
    assert_int_equal(world_state(&w, &id), JOB_CANCELLED);
    assert_int_equal(jobs_stats(w.jobs)->unfinished, 0);
    world_close(&w);
}

static void test_retry_when_the_store_fails(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL);
    struct id id = world_submit(&w, (struct job_record){0});
    world_end(&w, world_started(&w, &id), ATTEMPT_FAILED);
    w.store->commit_error = HUB_ERR_IO;
    assert_int_equal(retry(&w, &id), HUB_ERR_IO);
    w.store->commit_error = 0;
    w.store->read_error = HUB_ERR_IO;
    assert_int_equal(retry(&w, &id), HUB_ERR_IO);
    w.store->read_error = 0;
    assert_int_equal(jobs_stats(w.jobs)->unfinished, 0);
    assert_int_equal(retry(&w, &id), 0);
    assert_non_null(world_started(&w, &id));
    world_close(&w);
}

static void test_delete(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL);
    struct id id = world_submit(&w, (struct job_record){0});
    assert_int_equal(delete (&w, &id), HUB_ERR_CONFLICT);
    world_end(&w, world_started(&w, &id), ATTEMPT_SUCCEEDED);
    assert_int_equal(delete (&w, &id), 0);
    assert_null(world_row(&w, &id));
    assert_int_equal(delete (&w, &id), HUB_ERR_NOT_FOUND);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cancel_waiting),
        cmocka_unit_test(test_cancel_running),
        cmocka_unit_test(test_cancel_crosses_the_end),
        cmocka_unit_test(test_cancel_before_the_start),
        cmocka_unit_test(test_cancel_meets_other_moves),
        cmocka_unit_test(test_released_child_does_not_start),
        cmocka_unit_test(test_cancel_meets_failing_parent),
        cmocka_unit_test(test_cancel_when_the_store_fails),
        cmocka_unit_test(test_retry_by_hand),
        cmocka_unit_test(test_retry_counts_anew),
        cmocka_unit_test(test_retry_of_the_expired),
        cmocka_unit_test(test_retry_twice_at_once),
        cmocka_unit_test(test_retry_when_the_store_fails),
        cmocka_unit_test(test_delete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
