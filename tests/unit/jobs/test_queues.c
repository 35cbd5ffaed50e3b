/* Which job goes next: priorities, lanes, pauses, limits, rates. */
#include "world.h"

static void set_queue(struct world *w, struct store_queue queue)
{
    int answer = 1;

    jobs_set_queue(w->jobs, &queue, world_answer, &answer);
    world_settle(w);
    assert_int_equal(answer, 0);
}

static unsigned running_in(const struct world *w, struct str queue)
{
    struct jobs_queue_info info;

    assert_true(jobs_find_queue(w->jobs, queue, &info));
    return (unsigned)info.running;
}

/* One attempt more for this connector, of whatever is next. */
static struct id next_of(struct world *w, struct str connector)
{
    unsigned before = w->order_count;

    world_connector(w, connector)->room = 1;
    jobs_capacity(w->jobs, connector);
    world_settle(w);
    assert_int_equal(w->order_count, before + 1);
    return w->order[before % WORLD_RUNNING_MAX];
}

static void test_order_in_lane(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL);
    world_connector(&w, STR("noop"))->room = 0;
    static const int priorities[] = {0, 5, -100, 100, 5, 0};
    static const int expected[] = {3, 1, 4, 0, 5, 2}; /* by priority, then first come */
    struct id ids[6];
    for (int i = 0; i < 6; i++) {
        ids[i] = world_submit(&w, (struct job_record){.priority = priorities[i]});
    }
    for (int i = 0; i < 6; i++) {
        struct id next = next_of(&w, STR("noop"));
        assert_true(id_eq(&next, &ids[expected[i]]));
    }
    world_close(&w);
}

static void test_order_by_run_at(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL);
    world_connector(&w, STR("noop"))->room = 0;
    struct id late = world_submit(&w, (struct job_record){.run_at = WORLD_START + 200});
    struct id early = world_submit(&w, (struct job_record){.run_at = WORLD_START + 100});
    struct id now = world_submit(&w, (struct job_record){0});
    world_advance(&w, 1000);
    const struct id *order[] = {&now, &early, &late};
    for (int i = 0; i < 3; i++) {
        struct id next = next_of(&w, STR("noop"));
        assert_true(id_eq(&next, order[i]));
    }
    world_close(&w);
}

static void test_order_over_queues(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL);
    world_connector(&w, STR("noop"))->room = 0;
    struct id a = world_submit(&w, (struct job_record){.queue = STR("a")});
    struct id b = world_submit(&w, (struct job_record){.queue = STR("b"), .priority = 1});
    w.now++;
    struct id c = world_submit(&w, (struct job_record){.queue = STR("c")});
    const struct id *order[] = {&b, &a, &c};
    for (int i = 0; i < 3; i++) {
        struct id next = next_of(&w, STR("noop"));
        assert_true(id_eq(&next, order[i]));
    }
    world_close(&w);
}

static void test_full_connector_holds_nobody_up(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL);
    world_connector(&w, STR("slow"))->room = 1;
    for (int i = 0; i < 100; i++) {
        world_submit(&w, (struct job_record){.type = STR("slow.run"), .priority = 100});
    }
    for (int i = 0; i < 100; i++) {
        struct id id = world_submit(&w, (struct job_record){.type = STR("fast.run")});
        assert_non_null(world_started(&w, &id));
    }
    assert_int_equal(world_connector(&w, STR("slow"))->started, 1);
    /* An end makes room without a word from the dispatcher. */
    for (int i = 0; i < WORLD_RUNNING_MAX; i++) {
        if (strcmp(w.running[i].operation, "run") == 0 &&
            str_starts_with(world_row(&w, &w.running[i].id)->job.type, STR("slow"))) {
            world_end(&w, &w.running[i], ATTEMPT_SUCCEEDED);
            break;
        }
    }
    assert_int_equal(world_connector(&w, STR("slow"))->started, 2);
    world_close(&w);
}

static void test_lying_connector(void **state)
{
    (void)state;
    for (int safety = JOB_SAFE; safety <= JOB_NEVER; safety++) {
        struct world w;
        world_open(&w, NULL);
        world_connector(&w, STR("noop"))->lies = true;
        struct id id = world_submit(&w, (struct job_record){.retry_safety = safety});
        unsigned starts = w.starts;
        assert_int_equal(starts, 1);
        assert_int_equal(world_state(&w, &id), JOB_QUEUED);
        world_advance(&w, 60000); /* no hot loop: it waits for the word */
        assert_int_equal(w.starts, starts);
        world_connector(&w, STR("noop"))->lies = false;
        jobs_capacity(w.jobs, STR("noop"));
        world_settle(&w);
        world_end(&w, world_started(&w, &id), ATTEMPT_SUCCEEDED);
        assert_int_equal(world_state(&w, &id), JOB_SUCCEEDED);
        world_close(&w);
    }
}

static void test_pause(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL);
    set_queue(&w, (struct store_queue){.name = STR("mail"), .paused = true});
    struct id id = world_submit(&w, (struct job_record){.queue = STR("mail")});
    struct id other = world_submit(&w, (struct job_record){0});
    assert_null(world_started(&w, &id));
    assert_non_null(world_started(&w, &other));
    world_restart(&w); /* a pause outlives hubd */
    assert_null(world_started(&w, &id));
    assert_non_null(world_started(&w, &other));
    set_queue(&w, (struct store_queue){.name = STR("mail")});
    assert_non_null(world_started(&w, &id));
    world_close(&w);
}

static void test_concurrency(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL);
    set_queue(&w, (struct store_queue){.name = STR("q"), .concurrency = 2});
    struct id ids[6];
    for (int i = 0; i < 6; i++) {
        ids[i] = world_submit(&w, (struct job_record){
                                      .queue = STR("q"),
                                      .type = i % 2 ? STR("a.run") : STR("b.run"),
                                      .retry_safety = i % 3,
                                  });
    }
    unsigned done = 0;
    while (done < 6) {
        assert_int_equal(w.running_count, done < 4 ? 2 : 6 - done);
        assert_int_equal(running_in(&w, STR("q")), w.running_count);
        /* First come first served, whichever connector it is for. */
        assert_non_null(world_started(&w, &ids[done]));
        world_end(&w, world_started(&w, &ids[done]), ATTEMPT_SUCCEEDED);
        done++;
    }
    /* A higher limit is used at once. */
    for (int i = 0; i < 6; i++) {
        world_submit(&w, (struct job_record){.queue = STR("q")});
    }
    assert_int_equal(w.running_count, 2);
    set_queue(&w, (struct store_queue){.name = STR("q"), .concurrency = 5});
    assert_int_equal(w.running_count, 5);
    set_queue(&w, (struct store_queue){.name = STR("q")});
    assert_int_equal(w.running_count, 6);
    world_close(&w);
}

/* Two connectors that share a limit both get their turn. */
static void test_shared_limit_is_fair(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL);
    set_queue(&w, (struct store_queue){.name = STR("q"), .concurrency = 1});
    for (int i = 0; i < 40; i++) {
        world_submit(&w, (struct job_record){.queue = STR("q"),
                                             .type = i % 2 ? STR("a.run") : STR("b.run")});
    }
    for (int i = 0; i < 20; i++) {
        world_end(&w, world_started(&w, &w.order[i]), ATTEMPT_SUCCEEDED);
    }
    assert_in_range(world_connector(&w, STR("a"))->started, 10, 11);
    assert_in_range(world_connector(&w, STR("b"))->started, 10, 11);
    world_close(&w);
}

static void test_rate(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL);
    set_queue(&w, (struct store_queue){.name = STR("q"), .rate = 10, .rate_period_ms = 1000});
    for (int i = 0; i < 100; i++) {
        world_submit(&w, (struct job_record){.queue = STR("q")});
    }
    assert_int_equal(w.running_count, 10); /* the burst */
    world_advance(&w, 99);
    assert_int_equal(w.running_count, 10);
    world_advance(&w, 1);
    assert_int_equal(w.running_count, 11);
    world_advance(&w, 900);
    assert_int_equal(w.running_count, 20);
    world_advance(&w, 5000);
    assert_int_equal(w.running_count, 70);
    world_advance(&w, 60000);
    assert_int_equal(w.running_count, 100);
    world_close(&w);
}

static void test_rate_in_odd_numbers(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL);
    /* 7 in 1.3 s: after a minute exactly what the average allows. */
    set_queue(&w, (struct store_queue){.name = STR("q"), .rate = 7, .rate_period_ms = 1300});
    for (int i = 0; i < 400; i++) {
        world_submit(&w, (struct job_record){.queue = STR("q")});
    }
    world_advance(&w, 59 * 1000);
    assert_int_equal(w.running_count, 7 + 59 * 1000 * 7 / 1300);
    /* Idle time is not saved up beyond a burst. */
    world_close(&w);
    world_open(&w, NULL);
    set_queue(&w, (struct store_queue){.name = STR("q"), .rate = 3}); /* a second by default */
    world_advance(&w, 3600 * 1000);
    for (int i = 0; i < 10; i++) {
        world_submit(&w, (struct job_record){.queue = STR("q")});
    }
    assert_int_equal(w.running_count, 3);
    /* No limit any more: the rest goes. */
    set_queue(&w, (struct store_queue){.name = STR("q")});
    assert_int_equal(w.running_count, 10);
    world_close(&w);
}

static void test_huge_rate(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL);
    set_queue(&w, (struct store_queue){
                      .name = STR("q"), .rate = UINT32_MAX, .rate_period_ms = UINT32_MAX});
    for (int i = 0; i < 10; i++) {
        world_submit(&w, (struct job_record){.queue = STR("q")});
    }
    assert_int_equal(w.running_count, 10);
    w.now += INT64_C(1) << 40;
    world_submit(&w, (struct job_record){.queue = STR("q")});
    assert_int_equal(w.running_count, 11);
    world_close(&w);
}

static void count_queue(void *context, const struct jobs_queue_info *queue)
{
    (void)queue;
    ++*(unsigned *)context;
}

static void test_queue_names_are_bounded(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL);
    for (int i = 0; i < 12000; i++) { /* each is used and done with */
        char name[32];
        snprintf(name, sizeof name, "tenant-%d", i);
        struct id id = world_submit(&w, (struct job_record){.queue = str_from_c(name)});
        world_end(&w, world_started(&w, &id), ATTEMPT_SUCCEEDED);
    }
    unsigned count = 0;
    jobs_each_queue(w.jobs, count_queue, &count);
    assert_true(count <= 10000);
    struct jobs_queue_info info;
    assert_true(jobs_find_queue(w.jobs, STR("default"), &info));
    /* All in use: a new name is refused, a known one is not. */
    world_connector(&w, STR("noop"))->room = 0;
    jobs_capacity(w.jobs, STR("noop"));
    int err = 0;
    for (int i = 0; i < 10001 && err == 0; i++) {
        char name[32];
        snprintf(name, sizeof name, "other-%d", i);
        err = world_try_submit(&w, (struct job_record){.queue = str_from_c(name)}, NULL);
    }
    assert_int_equal(err, HUB_ERR_UNAVAILABLE);
    assert_int_equal(world_try_submit(&w, (struct job_record){.queue = STR("other-0")}, NULL), 0);
    world_close(&w);
}

static void test_counts(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL);
    world_connector(&w, STR("noop"))->room = 1;
    struct id running = world_submit(&w, (struct job_record){.queue = STR("q")});
    world_submit(&w, (struct job_record){.queue = STR("q")});
    world_submit(&w, (struct job_record){.queue = STR("q"), .run_at = WORLD_START + 1000000});
    world_submit(&w, (struct job_record){.queue = STR("q"), .after = &running, .after_count = 1});
    struct jobs_queue_info info;
    assert_true(jobs_find_queue(w.jobs, STR("q"), &info));
    assert_int_equal(info.running, 1);
    assert_int_equal(info.queued, 1);
    assert_int_equal(info.scheduled, 1);
    assert_int_equal(info.blocked, 1);
    assert_false(jobs_find_queue(w.jobs, STR("nobody"), &info));
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_in_lane),
        cmocka_unit_test(test_order_by_run_at),
        cmocka_unit_test(test_order_over_queues),
        cmocka_unit_test(test_full_connector_holds_nobody_up),
        cmocka_unit_test(test_lying_connector),
        cmocka_unit_test(test_pause),
        cmocka_unit_test(test_concurrency),
        cmocka_unit_test(test_shared_limit_is_fair),
        cmocka_unit_test(test_rate),
        cmocka_unit_test(test_rate_in_odd_numbers),
        cmocka_unit_test(test_huge_rate),
        cmocka_unit_test(test_queue_names_are_bounded),
        cmocka_unit_test(test_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
