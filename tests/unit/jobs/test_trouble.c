/* The store fails, hubd dies, hubd drains, memory is short. */
#include "world.h"

static void test_outcome_survives_a_failing_store(void **state)
{
    (void)state;
    static const int errors[] = {HUB_ERR_STORAGE_FULL, HUB_ERR_IO};
    for (int i = 0; i < 2; i++) {
        struct world w;
        world_open(&w, NULL);
        struct id id = world_submit(&w, (struct job_record){0});
        w.store->commit_error = errors[i];
        world_finish(&w, world_started(&w, &id),
                     &(struct jobs_outcome){.outcome = ATTEMPT_SUCCEEDED, .result = STR("[1]")});
        world_advance(&w, 60 * 1000);
        assert_int_equal(world_state(&w, &id), JOB_QUEUED);
        struct jobs_live live;
        assert_true(jobs_live(w.jobs, &id, &live));
        assert_int_equal(live.state, JOB_RUNNING);
        assert_in_range(w.store->batches, 5, 40); /* it backs off: 100 ms doubling to 10 s */
        assert_true(jobs_in_flight(w.jobs) > 0);
        w.store->commit_error = 0;
        world_advance(&w, 10 * 1000);
        assert_int_equal(world_state(&w, &id), JOB_SUCCEEDED);
        assert_true(str_eq(world_row(&w, &id)->job.result, STR("[1]")));
        assert_int_equal(jobs_in_flight(w.jobs), 0);
        world_close(&w);
    }
}

static void test_nothing_starts_while_the_store_fails(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL);
    world_connector(&w, STR("noop"))->room = 1;
    struct id ids[3];
    for (int i = 0; i < 3; i++) {
        ids[i] = world_submit(&w, (struct job_record){0});
    }
    w.store->commit_error = HUB_ERR_IO;
    world_end(&w, world_started(&w, &ids[0]), ATTEMPT_SUCCEEDED);
    world_advance(&w, 30 * 1000);
    assert_in_range(w.starts, 1, 2); /* one may have slipped in before the failure showed */
    if (world_started(&w, &ids[1])) {
        world_end(&w, world_started(&w, &ids[1]), ATTEMPT_SUCCEEDED);
    }
    world_advance(&w, 30 * 1000);
    assert_int_equal(w.running_count, 0); /* though there is room */
    w.store->commit_error = 0;
    world_advance(&w, 10 * 1000);
    for (int i = 1; i < 3; i++) {
        if (world_started(&w, &ids[i])) {
            world_end(&w, world_started(&w, &ids[i]), ATTEMPT_SUCCEEDED);
        }
    }
    assert_int_equal(jobs_stats(w.jobs)->succeeded, 3);
    world_close(&w);
}

static void test_start_is_not_written(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL);
    world_connector(&w, STR("noop"))->room = 0;
    struct id id = world_submit(&w, (struct job_record){.retry_safety = JOB_NEVER});
    w.store->commit_error = HUB_ERR_IO;
    world_connector(&w, STR("noop"))->room = 1;
    jobs_capacity(w.jobs, STR("noop"));
    world_advance(&w, 30 * 1000);
    assert_int_equal(w.starts, 0); /* not on record: not started */
    w.store->commit_error = 0;
    world_advance(&w, 10 * 1000);
    assert_non_null(world_started(&w, &id));
    world_end(&w, world_started(&w, &id), ATTEMPT_SUCCEEDED);
    assert_int_equal(world_row(&w, &id)->attempt_count, 1);
    world_close(&w);
}

static void test_timed_moves_survive_a_failing_store(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL);
    struct id due = world_submit(&w, (struct job_record){.run_at = WORLD_START + 10});
    struct id late = world_submit(
        &w, (struct job_record){.run_at = WORLD_START + 99999, .expires_at = WORLD_START + 10});
    w.store->commit_error = HUB_ERR_IO;
    world_advance(&w, 5000);
    w.store->commit_error = 0;
    world_advance(&w, 10 * 1000);
    assert_non_null(world_started(&w, &due));
    assert_int_equal(world_state(&w, &late), JOB_FAILED);
    world_close(&w);
}

static void test_submit_errors(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, &(struct jobs_config){.jobs_max = 2, .seed = 1});
    w.store->full = true;
    assert_int_equal(world_try_submit(&w, (struct job_record){0}, NULL), HUB_ERR_STORAGE_FULL);
    w.store->full = false;
    w.store->insert_error = HUB_ERR_IDEMPOTENCY_MISMATCH;
    assert_int_equal(world_try_submit(&w, (struct job_record){0}, NULL),
                     HUB_ERR_IDEMPOTENCY_MISMATCH);
    w.store->insert_error = 0;
    w.store->commit_error = HUB_ERR_IO;
    assert_int_equal(world_try_submit(&w, (struct job_record){0}, NULL), HUB_ERR_IO);
    w.store->commit_error = 0;
    struct id id = world_submit(&w, (struct job_record){0});
    world_submit(&w, (struct job_record){0});
    assert_int_equal(world_try_submit(&w, (struct job_record){0}, NULL), HUB_ERR_UNAVAILABLE);
    world_end(&w, world_started(&w, &id), ATTEMPT_SUCCEEDED);
    world_submit(&w, (struct job_record){0});
    assert_int_equal(jobs_stats(w.jobs)->submitted, 3);
    assert_int_equal(jobs_stats(w.jobs)->unfinished, 2);
    world_close(&w);
}

/* The move is refused: something else has changed the job. The store's word counts. */
static struct id spoiled;
static struct store *spoiled_store;
static enum job_state spoiled_into;
static int spoil_once(struct store_op *op)
{
    if (!id_eq(&op->job_move.id, &spoiled)) {
        return 0;
    }
    spoiled_store->spoil = NULL;
    double_row(spoiled_store, &spoiled)->job.state = spoiled_into;
    return HUB_ERR_CONFLICT;
}

static int spoil_always(struct store_op *op)
{
    return id_eq(&op->job_move.id, &spoiled) ? HUB_ERR_IO : 0;
}

/* One outcome that cannot be written (its file cannot be stored, say) does not stop the others. */
static void test_one_bad_end(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL);
    world_connector(&w, STR("noop"))->room = 1;
    spoiled = world_submit(&w, (struct job_record){0});
    w.store->spoil = spoil_always;
    world_end(&w, world_started(&w, &spoiled), ATTEMPT_SUCCEEDED);
    world_advance(&w, 60 * 1000);
    for (int i = 0; i < 10; i++) {
        struct id id = world_submit(&w, (struct job_record){0});
        world_end(&w, world_started(&w, &id), ATTEMPT_SUCCEEDED);
        assert_int_equal(world_state(&w, &id), JOB_SUCCEEDED);
        world_advance(&w, 5000);
    }
    /* Also what was there already, once the purge has shown that the store works. */
    world_connector(&w, STR("noop"))->room = 0;
    jobs_capacity(w.jobs, STR("noop"));
    struct id id = world_submit(&w, (struct job_record){0});
    world_advance(&w, 15 * 1000);
    world_connector(&w, STR("noop"))->room = 1;
    jobs_capacity(w.jobs, STR("noop"));
    world_advance(&w, 15 * 1000);
    assert_non_null(world_started(&w, &id));
    w.store->spoil = NULL;
    world_advance(&w, 15 * 1000);
    assert_int_equal(world_state(&w, &spoiled), JOB_SUCCEEDED);
    world_close(&w);
}

static void test_refused_end(void **state)
{
    (void)state;
    static const enum job_state into[] = {JOB_CANCELLED, JOB_QUEUED, JOB_SCHEDULED, JOB_RUNNING};
    for (int i = 0; i < 4; i++) {
        struct world w;
        world_open(&w, NULL);
        spoiled = world_submit(&w, (struct job_record){0});
        world_advance(&w, 100); /* its start is on record */
        spoiled_store = w.store;
        spoiled_into = into[i];
        w.store->spoil = spoil_once;
        world_end(&w, world_started(&w, &spoiled), ATTEMPT_SUCCEEDED);
        if (into[i] == JOB_CANCELLED) {
            assert_int_equal(jobs_stats(w.jobs)->unfinished, 0);
            assert_null(world_started(&w, &spoiled));
        } else {
            world_advance(&w, 1000);
            assert_non_null(world_started(&w, &spoiled)); /* queued again: at least once */
            world_row(&w, &spoiled)->attempts[0].finished_at = 1;
            world_end(&w, world_started(&w, &spoiled), ATTEMPT_SUCCEEDED);
            assert_int_equal(world_state(&w, &spoiled), JOB_SUCCEEDED);
        }
        assert_int_equal(jobs_in_flight(w.jobs), 0);
        world_close(&w);
    }
}

/* --- Inputs ------------------------------------------------------------------------------------*/

static void test_inputs_beyond_the_cache(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, &(struct jobs_config){.seed = 1, .input_cache_bytes = 300});
    world_connector(&w, STR("noop"))->room = 0;
    struct id ids[20];
    for (int i = 0; i < 20; i++) {
        char input[32];
        snprintf(input, sizeof input, "{\"number\":%d}", i);
        ids[i] = world_submit(&w, (struct job_record){
                                      .input = str_from_c(input),
                                      .account = i % 3 ? STR("acme") : (struct str){0},
                                      .traceparent = STR("00-a-b-01"),
                                      .retry_safety = i % 3,
                                  });
    }
    world_connector(&w, STR("noop"))->room = 20;
    jobs_capacity(w.jobs, STR("noop"));
    w.hold = true;
    world_settle(&w);
    unsigned reads = w.store->read_count;
    assert_in_range(reads, 5, 19);
    /* Reading holds nobody up: what was in the cache runs. */
    assert_true(w.running_count > 0);
    w.hold = false;
    world_settle(&w);
    for (int i = 0; i < 20; i++) {
        char input[32];
        snprintf(input, sizeof input, "{\"number\":%d}", i);
        assert_non_null(world_started(&w, &ids[i]));
        assert_string_equal(world_started(&w, &ids[i])->input, input);
    }
    world_close(&w);
}

static void test_fetching_takes_room(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, &(struct jobs_config){.seed = 1, .input_cache_bytes = 1});
    world_connector(&w, STR("noop"))->room = 0;
    for (int i = 0; i < 10; i++) {
        world_submit(&w, (struct job_record){0});
    }
    world_connector(&w, STR("noop"))->room = 3;
    jobs_capacity(w.jobs, STR("noop"));
    w.hold = true;
    world_settle(&w);
    assert_int_equal(w.store->read_count, 3);
    jobs_capacity(w.jobs, STR("noop")); /* asked again: the room is spoken for */
    world_settle(&w);
    assert_int_equal(w.store->read_count, 3);
    world_connector(&w, STR("noop"))->room = 5; /* two more than are spoken for */
    jobs_capacity(w.jobs, STR("noop"));
    world_settle(&w);
    assert_int_equal(w.store->read_count, 5);
    w.hold = false;
    world_settle(&w);
    assert_int_equal(w.running_count, 5);
    assert_int_equal(w.starts, 5);
    world_close(&w);
}

static void test_failing_reads(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, &(struct jobs_config){.seed = 1, .input_cache_bytes = 1});
    w.store->read_error = HUB_ERR_IO;
    struct id id = world_submit(&w, (struct job_record){0});
    world_advance(&w, 1000);
    assert_null(world_started(&w, &id));
    w.store->read_error = 0;
    world_advance(&w, 2000);
    assert_non_null(world_started(&w, &id));
    world_end(&w, world_started(&w, &id), ATTEMPT_SUCCEEDED);
    /* Its row is damaged: it fails, once. */
    w.store->read_error = HUB_ERR_CORRUPT;
    id = world_submit(&w, (struct job_record){0});
    assert_int_equal(world_state(&w, &id), JOB_FAILED);
    assert_true(str_eq(world_row(&w, &id)->job.error_code, STR("corrupt")));
    w.store->read_error = 0;
    /* It is gone from the store altogether: the engine lets go of it. */
    world_connector(&w, STR("noop"))->room = 0;
    jobs_capacity(w.jobs, STR("noop"));
    id = world_submit(&w, (struct job_record){0});
    world_row(&w, &id)->deleted = true;
    world_connector(&w, STR("noop"))->room = 1;
    jobs_capacity(w.jobs, STR("noop"));
    world_settle(&w);
    assert_int_equal(jobs_stats(w.jobs)->unfinished, 0);
    world_close(&w);
}

/* --- The life of hubd --------------------------------------------------------------------------*/

static void test_load_after_a_crash(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL);
    struct id safe = world_submit(&w, (struct job_record){0});
    struct id quick = world_submit(&w, (struct job_record){0});
    struct id with_key = world_submit(&w, (struct job_record){.retry_safety = JOB_SAFE_WITH_KEY});
    struct id never = world_submit(&w, (struct job_record){.retry_safety = JOB_NEVER});
    struct id child = world_submit(&w, (struct job_record){.after = &safe, .after_count = 1});
    struct id later = world_submit(&w, (struct job_record){.run_at = WORLD_START + 5000});
    struct id retried = world_submit(&w, (struct job_record){0});
    struct id done = world_submit(&w, (struct job_record){0});
    world_end(&w, world_started(&w, &done), ATTEMPT_SUCCEEDED);
    world_advance(&w, 100);
    world_finish(&w, world_started(&w, &retried),
                 &(struct jobs_outcome){.outcome = ATTEMPT_RETRY, .delay_ms = 3000});
    world_restart(&w);
    assert_non_null(world_started(&w, &safe));
    assert_int_equal(world_started(&w, &safe)->number, 2);
    assert_int_equal(world_row(&w, &safe)->attempts[0].outcome, ATTEMPT_RELEASED);
    assert_true(str_eq(world_row(&w, &safe)->attempts[0].code, STR("interrupted")));
    assert_int_equal(world_row(&w, &safe)->job.charged, 0);
    assert_non_null(world_started(&w, &quick));
    assert_non_null(world_started(&w, &with_key));
    assert_int_equal(world_state(&w, &never), JOB_UNKNOWN);
    assert_true(str_eq(world_row(&w, &never)->job.error_code, STR("outcome_unknown")));
    assert_int_equal(world_state(&w, &child), JOB_BLOCKED);
    assert_int_equal(world_state(&w, &later), JOB_SCHEDULED);
    assert_null(world_started(&w, &retried));
    world_advance(&w, 3000);
    assert_int_equal(world_started(&w, &retried)->number, 2);
    assert_int_equal(world_row(&w, &retried)->job.charged, 1);
    world_end(&w, world_started(&w, &safe), ATTEMPT_SUCCEEDED);
    assert_non_null(world_started(&w, &child));
    world_advance(&w, 2000);
    assert_non_null(world_started(&w, &later));
    assert_int_equal(jobs_stats(w.jobs)->unfinished, 5);
    world_close(&w);
}

static void test_load_many(void **state)
{
    (void)state;
    enum { COUNT = 10000 };
    struct world w;
    world_open(&w, NULL);
    struct id_gen ids;
    id_gen_init(&ids);
    for (int i = 0; i < COUNT; i++) {
        double_plant(w.store, &(struct job_record){
                                  .id = id_next(&ids, WORLD_START - 1000),
                                  .type = STR("noop.run"),
                                  .queue = STR("default"),
                                  .input = STR("{}"),
                                  .state = i % 3 ? JOB_QUEUED : JOB_SCHEDULED,
                                  .run_at = i % 3 ? 0 : WORLD_START - 500,
                                  .created_at = WORLD_START - 1000,
                                  .max_attempts = 5,
                              });
    }
    world_connector(&w, STR("noop"))->room = 0;
    world_restart(&w);
    assert_int_equal(jobs_stats(w.jobs)->unfinished, COUNT);
    struct jobs_queue_info info;
    assert_true(jobs_find_queue(w.jobs, STR("default"), &info));
    assert_int_equal(info.queued + info.running, COUNT); /* the due ones were queued */
    assert_int_equal(info.running, 1000);
    world_close(&w);
}

static void test_load_fails(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL);
    struct id id = world_submit(&w, (struct job_record){0});
    assert_int_equal(world_try_restart(&w, HUB_ERR_CORRUPT), HUB_ERR_CORRUPT);
    assert_int_equal(world_try_submit(&w, (struct job_record){0}, NULL), HUB_ERR_UNAVAILABLE);
    assert_null(world_started(&w, &id));
    world_restart(&w);
    assert_non_null(world_started(&w, &id));
    world_close(&w);
}

static void test_drain(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL);
    struct id a = world_submit(&w, (struct job_record){0});
    struct id b = world_submit(&w, (struct job_record){.retry_safety = JOB_SAFE_WITH_KEY});
    struct id waiting = world_submit(&w, (struct job_record){.run_at = WORLD_START + 10});
    world_connector(&w, STR("late"))->room = 0;
    struct id begun = world_submit(
        &w, (struct job_record){.type = STR("late.run"), .retry_safety = JOB_SAFE_WITH_KEY});
    world_connector(&w, STR("late"))->room = 1;
    jobs_capacity(w.jobs, STR("late"));
    w.hold = true;
    world_settle(&w); /* its start is being written */
    jobs_drain(w.jobs);
    w.hold = false;
    world_settle(&w);
    assert_null(world_started(&w, &begun));
    assert_int_equal(world_state(&w, &begun), JOB_QUEUED);
    assert_int_equal(world_try_submit(&w, (struct job_record){0}, NULL), HUB_ERR_UNAVAILABLE);
    world_advance(&w, 5000);
    assert_int_equal(world_state(&w, &waiting), JOB_SCHEDULED);
    assert_true(jobs_in_flight(w.jobs) == 2);
    world_end(&w, world_started(&w, &a), ATTEMPT_SUCCEEDED);
    world_end(&w, world_started(&w, &b), ATTEMPT_RELEASED);
    assert_int_equal(world_state(&w, &a), JOB_SUCCEEDED);
    assert_int_equal(world_state(&w, &b), JOB_QUEUED);
    assert_int_equal(jobs_in_flight(w.jobs), 0);
    assert_int_equal(w.running_count, 0);
    world_restart(&w);
    assert_non_null(world_started(&w, &b));
    assert_non_null(world_started(&w, &waiting));
    assert_int_equal(world_started(&w, &begun)->number, 2);
    world_close(&w);
}

/* hubd must end though attempts run: the store answers a last time, and is asked nothing more. */
static void test_close(void **state)
{
    (void)state;
    struct world w;
    int answer = 1;
    world_open(&w, NULL);
    struct id safe = world_submit(&w, (struct job_record){0});
    struct id never = world_submit(&w, (struct job_record){.retry_safety = JOB_NEVER});
    world_connector(&w, STR("late"))->room = 0;
    struct id begun =
        world_submit(&w, (struct job_record){.type = STR("late.run"), .retry_safety = JOB_NEVER});
    world_connector(&w, STR("late"))->room = 1;
    jobs_capacity(w.jobs, STR("late"));
    w.hold = true;
    world_settle(&w); /* its start is being written; its end would follow */
    jobs_cancel(w.jobs, &begun, world_answer, &answer);
    world_end(&w, world_started(&w, &safe), ATTEMPT_RETRY);
    unsigned submitted = w.store->write_count;
    jobs_close(w.jobs);
    world_end(&w, world_started(&w, &never), ATTEMPT_SUCCEEDED);
    assert_int_equal(w.store->write_count, submitted);
    double_write(w.store, UINT32_MAX);
    assert_int_equal(w.store->write_count, 0);
    assert_int_equal(w.store->read_count, 0);
    jobs_tick(w.jobs);
    assert_int_equal(w.store->write_count, 0);
    assert_int_equal(w.starts, 2);
    w.hold = false;
    world_restart(&w);
    assert_int_equal(world_state(&w, &never), JOB_UNKNOWN); /* as after a crash */
    assert_int_equal(world_state(&w, &begun), JOB_UNKNOWN);
    world_close(&w);
}

/* The dispatcher was still opening files: nothing has happened, whatever the operation. */
static void test_untouched(void **state)
{
    (void)state;
    for (int safety = JOB_SAFE; safety <= JOB_NEVER; safety++) {
        struct world w;
        world_open(&w, NULL);
        struct id id = world_submit(&w, (struct job_record){.retry_safety = safety});
        jobs_drain(w.jobs);
        world_finish(&w, world_started(&w, &id),
                     &(struct jobs_outcome){.outcome = ATTEMPT_RELEASED, .untouched = true});
        assert_int_equal(world_state(&w, &id), JOB_QUEUED);
        world_close(&w);
    }
}

static void test_purge(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL);
    world_advance(&w, 9999);
    assert_int_equal(w.store->purges, 0);
    world_advance(&w, 1);
    assert_int_equal(w.store->purges, 1);
    w.store->purge_more = true;
    world_advance(&w, 10000);
    assert_int_equal(w.store->purges, 2);
    world_advance(&w, 1000);
    assert_in_range(w.store->purges, 12, 22); /* again and again, but gently */
    w.store->purge_more = false;
    world_advance(&w, 1000);
    unsigned before = w.store->purges;
    world_advance(&w, 8000);
    assert_int_equal(w.store->purges, before);
    w.store->commit_error = HUB_ERR_IO;
    world_advance(&w, 60000);
    assert_in_range(w.store->purges + w.store->batches, before, before + 100);
    world_close(&w);
}

static void test_clock_goes_back(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL);
    struct id first = world_submit(&w, (struct job_record){.run_at = WORLD_START + 100});
    w.now -= 3600 * 1000;
    struct id second = world_submit(&w, (struct job_record){0});
    assert_true(id_cmp(&first, &second) < 0);
    assert_non_null(world_started(&w, &second));
    w.now += 3600 * 1000 + 100;
    world_settle(&w);
    assert_non_null(world_started(&w, &first));
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outcome_survives_a_failing_store),
        cmocka_unit_test(test_nothing_starts_while_the_store_fails),
        cmocka_unit_test(test_start_is_not_written),
        cmocka_unit_test(test_timed_moves_survive_a_failing_store),
        cmocka_unit_test(test_submit_errors),
        cmocka_unit_test(test_refused_end),
        cmocka_unit_test(test_one_bad_end),
        cmocka_unit_test(test_inputs_beyond_the_cache),
        cmocka_unit_test(test_fetching_takes_room),
        cmocka_unit_test(test_failing_reads),
        cmocka_unit_test(test_load_after_a_crash),
        cmocka_unit_test(test_load_many),
        cmocka_unit_test(test_load_fails),
        cmocka_unit_test(test_drain),
        cmocka_unit_test(test_close),
        cmocka_unit_test(test_untouched),
        cmocka_unit_test(test_purge),
        cmocka_unit_test(test_clock_goes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
