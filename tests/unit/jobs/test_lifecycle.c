/* One job at a time: from its submission to each of its ends. */
#include "world.h"

#include "jobs/verdict.h"

static void test_success(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL);
    struct id id = world_submit(&w, (struct job_record){
                                        .type = STR("image.transform"),
                                        .input = STR("{\"a\":1}"),
                                        .traceparent = STR("00-a-b-01"),
                                    });
    struct running *running = world_started(&w, &id);
    assert_non_null(running);
    assert_string_equal(running->input, "{\"a\":1}");
    assert_string_equal(running->operation, "transform");
    assert_int_equal(running->number, 1);
    struct jobs_live live;
    assert_true(jobs_live(w.jobs, &id, &live));
    assert_int_equal(live.state, JOB_RUNNING);
    assert_int_equal(live.attempt, 1);
    /* Safe: its start is not on record yet, and never will be if it is quick. */
    assert_int_equal(world_state(&w, &id), JOB_QUEUED);
    w.now += 7;
    world_finish(&w, running,
                 &(struct jobs_outcome){.outcome = ATTEMPT_SUCCEEDED, .result = STR("{\"b\":2}")});
    const struct row *row = world_row(&w, &id);
    assert_int_equal(row->job.state, JOB_SUCCEEDED);
    assert_true(str_eq(row->job.result, STR("{\"b\":2}")));
    assert_int_equal(row->attempt_count, 1);
    assert_int_equal(row->attempts[0].started_at, WORLD_START);
    assert_int_equal(row->attempts[0].finished_at, WORLD_START + 7);
    assert_int_equal(row->attempts[0].outcome, ATTEMPT_SUCCEEDED);
    assert_int_equal(w.store->starts, 0);
    assert_int_equal(w.store->inserts + w.store->moves, 2); /* two durable writes a job */
    assert_false(jobs_live(w.jobs, &id, &live));
    assert_int_equal(jobs_in_flight(w.jobs), 0);
    assert_int_equal(jobs_stats(w.jobs)->succeeded, 1);
    assert_int_equal(jobs_stats(w.jobs)->unfinished, 0);
    assert_int_equal(w.event_count, 2);
    assert_int_equal(w.events[0].state, JOB_QUEUED);
    assert_int_equal(w.events[1].state, JOB_SUCCEEDED);
    assert_int_equal(w.events[1].attempt, 1);
    world_close(&w);
}

static void test_start_is_written_late(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL);
    struct id id = world_submit(&w, (struct job_record){0});
    world_advance(&w, 99);
    assert_int_equal(world_state(&w, &id), JOB_QUEUED);
    world_advance(&w, 1);
    assert_int_equal(world_state(&w, &id), JOB_RUNNING);
    assert_int_equal(world_row(&w, &id)->job.started_at, WORLD_START);
    assert_int_equal(w.events[w.event_count - 1].state, JOB_RUNNING);
    world_end(&w, world_started(&w, &id), ATTEMPT_SUCCEEDED);
    assert_int_equal(world_state(&w, &id), JOB_SUCCEEDED);
    assert_int_equal(world_row(&w, &id)->attempt_count, 1);
    world_close(&w);
}

static void test_end_waits_for_late_start(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL);
    struct id id = world_submit(&w, (struct job_record){0});
    w.hold = true;
    world_advance(&w, 100); /* the start is on its way */
    world_end(&w, world_started(&w, &id), ATTEMPT_SUCCEEDED);
    assert_int_equal(w.store->write_count, 1);
    assert_int_equal(jobs_in_flight(w.jobs), 2);
    /* The start fails once: the end still follows it. */
    w.store->commit_error = HUB_ERR_IO;
    double_write(w.store, 1);
    w.store->commit_error = 0;
    w.hold = false;
    world_advance(&w, 10000);
    assert_int_equal(world_state(&w, &id), JOB_SUCCEEDED);
    assert_int_equal(world_row(&w, &id)->attempt_count, 1);
    assert_int_equal(jobs_in_flight(w.jobs), 0);
    world_close(&w);
}

static void test_with_key_starts_after_commit(void **state)
{
    (void)state;
    for (int safety = JOB_SAFE_WITH_KEY; safety <= JOB_NEVER; safety++) {
        struct world w;
        world_open(&w, NULL);
        struct id id = world_submit(&w, (struct job_record){.retry_safety = safety});
        /* The world asserts in start() that it is on record. */
        assert_non_null(world_started(&w, &id));
        assert_int_equal(w.store->starts, 1);
        assert_int_equal(world_state(&w, &id), JOB_RUNNING);
        world_end(&w, world_started(&w, &id), ATTEMPT_SUCCEEDED);
        assert_int_equal(world_state(&w, &id), JOB_SUCCEEDED);
        world_close(&w);
    }
}

static void test_scheduled(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL);
    struct id id = world_submit(&w, (struct job_record){.run_at = WORLD_START + 5000});
    assert_int_equal(world_state(&w, &id), JOB_SCHEDULED);
    assert_int_equal(w.next, WORLD_START + 5000);
    world_advance(&w, 4999);
    assert_null(world_started(&w, &id));
    world_advance(&w, 1);
    assert_non_null(world_started(&w, &id));
    assert_int_equal(world_state(&w, &id), JOB_QUEUED);
    world_end(&w, world_started(&w, &id), ATTEMPT_SUCCEEDED);
    assert_int_equal(world_state(&w, &id), JOB_SUCCEEDED);
    /* A past run_at is "now". */
    id = world_submit(&w, (struct job_record){.run_at = WORLD_START - 5000});
    assert_non_null(world_started(&w, &id));
    world_close(&w);
}

static void test_retry_until_used_up(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL);
    struct id id = world_submit(&w, (struct job_record){.max_attempts = 3});
    const struct jobs_outcome retry = {
        .outcome = ATTEMPT_RETRY,
        .code = STR("busy"),
        .message = STR("try later"),
        .details = STR("{\"x\":1}"),
    };
    for (uint32_t number = 1; number <= 3; number++) {
        struct running *running = world_started(&w, &id);
        assert_non_null(running);
        assert_int_equal(running->number, number);
        world_finish(&w, running, &retry);
        if (number < 3) {
            if (!world_started(&w, &id)) { /* the jitter may say "at once" */
                assert_int_equal(world_state(&w, &id), JOB_SCHEDULED);
                assert_true(w.next - w.now <= 1000 << (number - 1));
            }
            world_advance(&w, 1000 << (number - 1));
        }
    }
    const struct row *row = world_row(&w, &id);
    assert_int_equal(row->job.state, JOB_FAILED);
    assert_true(row->job.error_retryable);
    assert_true(str_eq(row->job.error_code, STR("busy")));
    assert_true(str_eq(row->job.error_message, STR("try later")));
    assert_true(str_eq(row->job.error_details, STR("{\"x\":1}")));
    assert_int_equal(row->job.charged, 3);
    assert_int_equal(row->attempt_count, 3);
    assert_int_equal(row->ends, 1);
    world_close(&w);
}

static void test_asked_delay(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL);
    struct id id = world_submit(&w, (struct job_record){0});
    world_finish(&w, world_started(&w, &id),
                 &(struct jobs_outcome){.outcome = ATTEMPT_RETRY, .delay_ms = 90000});
    assert_int_equal(world_row(&w, &id)->job.run_at, WORLD_START + 90000);
    world_advance(&w, 89999);
    assert_null(world_started(&w, &id));
    world_advance(&w, 1);
    assert_non_null(world_started(&w, &id));
    world_close(&w);
}

/* What is expected of each outcome, for each safety, with and without a wish to cancel. */
static const struct {
    enum attempt_outcome outcome;
    enum job_state plain[3];
    enum job_state cancelling[3];
} ends[] = {
    {ATTEMPT_SUCCEEDED,
     {JOB_SUCCEEDED, JOB_SUCCEEDED, JOB_SUCCEEDED},
     {JOB_SUCCEEDED, JOB_SUCCEEDED, JOB_SUCCEEDED}},
    {ATTEMPT_FAILED,
     {JOB_FAILED, JOB_FAILED, JOB_FAILED},
     {JOB_CANCELLED, JOB_CANCELLED, JOB_CANCELLED}},
    {ATTEMPT_RETRY,
     {JOB_SCHEDULED, JOB_SCHEDULED, JOB_SCHEDULED},
     {JOB_CANCELLED, JOB_CANCELLED, JOB_CANCELLED}},
    {ATTEMPT_UNKNOWN,
     {JOB_UNKNOWN, JOB_UNKNOWN, JOB_UNKNOWN},
     {JOB_UNKNOWN, JOB_UNKNOWN, JOB_UNKNOWN}},
    {ATTEMPT_CRASHED,
     {JOB_SCHEDULED, JOB_SCHEDULED, JOB_UNKNOWN},
     {JOB_CANCELLED, JOB_UNKNOWN, JOB_UNKNOWN}},
    {ATTEMPT_DEADLINE,
     {JOB_SCHEDULED, JOB_SCHEDULED, JOB_UNKNOWN},
     {JOB_CANCELLED, JOB_UNKNOWN, JOB_UNKNOWN}},
    {ATTEMPT_CANCELLED,
     {JOB_QUEUED, JOB_QUEUED, JOB_UNKNOWN},
     {JOB_CANCELLED, JOB_UNKNOWN, JOB_UNKNOWN}},
    {ATTEMPT_RELEASED,
     {JOB_QUEUED, JOB_QUEUED, JOB_UNKNOWN},
     {JOB_CANCELLED, JOB_UNKNOWN, JOB_UNKNOWN}},
};

static void check_end(enum attempt_outcome outcome, enum job_retry_safety safety, bool cancelling,
                      enum job_state expected)
{
    struct world w;
    int answer = 1;
    world_open(&w, &(struct jobs_config){.seed = 7, .retry_base_ms = 1 << 30});
    struct id id = world_submit(&w, (struct job_record){.retry_safety = safety});
    if (cancelling) {
        jobs_cancel(w.jobs, &id, world_answer, &answer);
        assert_true(world_started(&w, &id)->cancel_asked);
    }
    struct running *running = world_started(&w, &id);
    world_connector(&w, STR("noop"))->lies = true; /* it shall not start again */
    world_end(&w, running, outcome);
    assert_int_equal(world_state(&w, &id), expected);
    const struct row *row = world_row(&w, &id);
    assert_int_equal(row->attempts[0].outcome, outcome);
    assert_int_equal(row->job.charged,
                     expected == JOB_QUEUED || outcome == ATTEMPT_RELEASED ? 0 : 1);
    assert_int_equal(row->job.crashes, outcome == ATTEMPT_CRASHED);
    if (cancelling) {
        assert_int_equal(answer, expected == JOB_CANCELLED ? 0 : HUB_ERR_CONFLICT);
    }
    if (expected == JOB_UNKNOWN) {
        assert_true(str_eq(row->job.error_code, STR("outcome_unknown")));
    }
    if (expected == JOB_FAILED) {
        assert_true(str_eq(row->job.error_code, STR("connector_failed")));
        assert_false(row->job.error_retryable);
    }
    world_close(&w);
}

static void test_every_outcome(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        for (int safety = JOB_SAFE; safety <= JOB_NEVER; safety++) {
            check_end(ends[i].outcome, safety, false, ends[i].plain[safety]);
            check_end(ends[i].outcome, safety, true, ends[i].cancelling[safety]);
        }
    }
}

static void test_fence(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL);
    struct id id = world_submit(&w, (struct job_record){0});
    uint64_t old = world_started(&w, &id)->token;
    world_end(&w, world_started(&w, &id), ATTEMPT_RELEASED);
    struct running *second = world_started(&w, &id);
    assert_non_null(second);
    assert_int_equal(second->number, 2);
    assert_true(second->token != old);
    struct blob_pending blob = {.tmp_name = "x"};
    struct artifact_record artifact = {.name = STR("a.png")};
    const struct jobs_outcome late = {
        .outcome = ATTEMPT_SUCCEEDED,
        .artifacts = &artifact,
        .blobs = &blob,
        .artifact_count = 1,
    };
    jobs_finished(w.jobs, old, &late);
    jobs_finished(w.jobs, 0, &late);
    jobs_finished(w.jobs, UINT64_MAX, &late);
    jobs_progress(w.jobs, old, 500, STR("half"));
    world_settle(&w);
    assert_int_equal(jobs_stats(w.jobs)->stale_results, 3);
    assert_int_equal(w.store->discarded, 3);
    assert_non_null(world_started(&w, &id));
    uint64_t token = second->token;
    world_end(&w, second, ATTEMPT_SUCCEEDED);
    assert_int_equal(world_state(&w, &id), JOB_SUCCEEDED);
    jobs_finished(w.jobs, token, &(struct jobs_outcome){.outcome = ATTEMPT_FAILED});
    world_settle(&w);
    assert_int_equal(world_state(&w, &id), JOB_SUCCEEDED);
    assert_int_equal(jobs_stats(w.jobs)->stale_results, 4);
    world_close(&w);
}

static void test_finish_twice_before_commit(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL);
    struct id id = world_submit(&w, (struct job_record){0});
    uint64_t token = world_started(&w, &id)->token;
    jobs_finished(w.jobs, token, &(struct jobs_outcome){.outcome = ATTEMPT_SUCCEEDED});
    jobs_finished(w.jobs, token, &(struct jobs_outcome){.outcome = ATTEMPT_FAILED});
    world_settle(&w);
    assert_int_equal(world_state(&w, &id), JOB_SUCCEEDED);
    assert_int_equal(jobs_stats(w.jobs)->stale_results, 1);
    world_close(&w);
}

static void test_crash_limit(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL);
    struct id id = world_submit(&w, (struct job_record){.max_attempts = 10});
    for (int i = 1; i <= JOB_CRASHES_MAX; i++) {
        world_finish(&w, world_started(&w, &id),
                     &(struct jobs_outcome){.outcome = ATTEMPT_CRASHED,
                                            .cause = STR("signal"),
                                            .cause_number = 10 + i});
        world_advance(&w, 10000);
    }
    const struct row *row = world_row(&w, &id);
    assert_int_equal(row->job.state, JOB_FAILED);
    assert_true(str_eq(row->job.error_code, STR("runner_crashed")));
    assert_false(row->job.error_retryable);
    char text[512];
    snprintf(text, sizeof text, "%.*s", STR_ARG(row->job.error_details));
    assert_non_null(strstr(text, "{\"attempt\":1,\"cause\":\"signal\",\"number\":11,"));
    assert_non_null(strstr(text, "{\"attempt\":2,\"cause\":\"signal\",\"number\":12,"));
    assert_non_null(strstr(text, "{\"attempt\":3,\"cause\":\"signal\",\"number\":13,"));
    assert_int_equal(row->job.crashes, JOB_CRASHES_MAX);
    assert_int_equal(jobs_stats(w.jobs)->crashed, JOB_CRASHES_MAX);
    world_close(&w);
}

/* What is repeated with a key, and killed when no attempt is left, may have happened. */
static void test_crash_limit_with_key(void **state)
{
    static const enum attempt_outcome KILLED[] = {ATTEMPT_CRASHED, ATTEMPT_DEADLINE};
    (void)state;
    for (size_t k = 0; k < sizeof KILLED / sizeof KILLED[0]; k++) {
        struct world w;
        world_open(&w, NULL);
        struct id id = world_submit(&w, (struct job_record){.max_attempts = JOB_CRASHES_MAX,
                                                            .retry_safety = JOB_SAFE_WITH_KEY});
        for (int i = 1; i <= JOB_CRASHES_MAX; i++) {
            world_finish(&w, world_started(&w, &id),
                         &(struct jobs_outcome){.outcome = KILLED[k], .cause = STR("signal")});
            world_advance(&w, 10000);
        }
        assert_int_equal(world_row(&w, &id)->job.state, JOB_UNKNOWN);
        assert_true(str_eq(world_row(&w, &id)->job.error_code, STR("outcome_unknown")));
        world_close(&w);
    }
}

/* If it can find out, it is asked to: three times more, and in attempts that know what they are. */
static void test_settling(void **state)
{
    static const struct {
        enum attempt_outcome last, settling; /* how the last attempt ends, and those after it */
        unsigned attempts;
        enum job_state state;
    } CASES[] = {
        {ATTEMPT_CRASHED, ATTEMPT_CRASHED, 2 + JOB_SETTLES_MAX, JOB_UNKNOWN},
        {ATTEMPT_DEADLINE, ATTEMPT_RETRY, 2 + JOB_SETTLES_MAX, JOB_UNKNOWN},
        {ATTEMPT_UNKNOWN, ATTEMPT_RETRY, 2 + JOB_SETTLES_MAX, JOB_UNKNOWN},
        {ATTEMPT_UNKNOWN, ATTEMPT_UNKNOWN, 3, JOB_UNKNOWN},
        {ATTEMPT_CRASHED, ATTEMPT_SUCCEEDED, 3, JOB_SUCCEEDED},
        {ATTEMPT_CRASHED, ATTEMPT_FAILED, 3, JOB_FAILED},
        {ATTEMPT_RETRY, ATTEMPT_RETRY, 2, JOB_FAILED}, /* no doubt, nothing to settle */
    };
    (void)state;
    for (size_t k = 0; k < sizeof CASES / sizeof CASES[0]; k++) {
        struct world w;
        unsigned attempts = 0;
        world_open(&w, NULL);
        struct id id = world_submit(
            &w, (struct job_record){.max_attempts = 2, .retry_safety = JOB_SAFE_WITH_KEY});
        world_connector(&w, STR("noop"))->settles = true;
        for (struct running *one;
             (one = world_started(&w, &id)) != NULL && attempts < 2 + JOB_SETTLES_MAX + 1;) {
            attempts++;
            assert_int_equal(one->number, attempts);
            assert_int_equal(one->max_attempts, attempts <= 2 ? 2 : attempts - 1);
            world_end(&w, one,
                      attempts < 2    ? ATTEMPT_RETRY
                      : attempts == 2 ? CASES[k].last
                                      : CASES[k].settling);
            world_advance(&w, SETTLE_CAP_MS);
        }
        assert_int_equal(attempts, CASES[k].attempts);
        assert_int_equal(world_state(&w, &id), CASES[k].state);
        world_close(&w);
    }
}

/* A payment that waits for its next attempt may have been made: neither a cancel nor its expiry may
 * say that it was not. Before the first attempt, and for types that do not settle, they may. */
static void test_given_up_in_doubt(void **state)
{
    static const struct {
        bool settles, begun, expires;
        enum job_state state;
    } CASES[] = {
        {true, true, false, JOB_UNKNOWN},    {true, true, true, JOB_UNKNOWN},
        {true, false, false, JOB_CANCELLED}, {true, false, true, JOB_FAILED},
        {false, true, false, JOB_CANCELLED}, {false, true, true, JOB_FAILED},
    };
    (void)state;
    for (size_t k = 0; k < sizeof CASES / sizeof CASES[0]; k++) {
        struct world w;
        world_open(&w, NULL);
        world_connector(&w, STR("noop"))->settles = CASES[k].settles;
        struct id id = world_submit(
            &w, (struct job_record){.retry_safety = JOB_SAFE_WITH_KEY,
                                    .run_at = CASES[k].begun ? 0 : w.now + 5000,
                                    .expires_at = CASES[k].expires ? w.now + 1000 : 0});
        if (CASES[k].begun) {
            world_finish(&w, world_started(&w, &id),
                         &(struct jobs_outcome){.outcome = ATTEMPT_RETRY, .delay_ms = 5000});
        }
        if (CASES[k].expires) {
            world_advance(&w, 2000);
        } else {
            int answer = 1;
            jobs_cancel(w.jobs, &id, world_answer, &answer);
            world_settle(&w);
            assert_int_equal(answer, CASES[k].state == JOB_UNKNOWN ? HUB_ERR_CONFLICT : 0);
        }
        assert_int_equal(world_state(&w, &id), CASES[k].state);
        world_close(&w);
    }
}

/* What the deaths of its runners have used up is settled, too. */
static void test_settling_limits(void **state)
{
    (void)state;
    struct world w;
    unsigned attempts = 0;
    world_open(&w, NULL);
    world_connector(&w, STR("noop"))->settles = true;
    struct id id = world_submit(
        &w, (struct job_record){.max_attempts = 200, .retry_safety = JOB_SAFE_WITH_KEY});
    for (struct running *one; (one = world_started(&w, &id)) != NULL && attempts < 20;) {
        attempts++;
        world_end(&w, one, ATTEMPT_CRASHED);
        world_advance(&w, 1000000);
    }
    assert_int_equal(attempts, JOB_CRASHES_MAX + JOB_SETTLES_MAX);
    assert_int_equal(world_state(&w, &id), JOB_UNKNOWN);
    world_close(&w);
}

static void test_crash_codes(void **state)
{
    (void)state;
    static const struct {
        struct str cause;
        struct str code;
    } cases[] = {
        {STR_INIT("signal"), STR_INIT("runner_crashed")},
        {STR_INIT("exit"), STR_INIT("runner_exited")},
        {STR_INIT("protocol"), STR_INIT("protocol_error")},
    };
    for (int i = 0; i < 3; i++) {
        struct world w;
        world_open(&w, NULL);
        struct id id = world_submit(&w, (struct job_record){.max_attempts = 1});
        world_finish(&w, world_started(&w, &id),
                     &(struct jobs_outcome){.outcome = ATTEMPT_CRASHED, .cause = cases[i].cause});
        assert_int_equal(world_state(&w, &id), JOB_FAILED);
        assert_true(str_eq(world_row(&w, &id)->job.error_code, cases[i].code));
        assert_true(world_row(&w, &id)->job.error_retryable);
        world_close(&w);
    }
}

static void test_released_without_end(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL);
    struct id id = world_submit(&w, (struct job_record){0});
    for (int i = 0; i < 3; i++) {
        world_end(&w, world_started(&w, &id), ATTEMPT_RELEASED);
        assert_non_null(world_started(&w, &id)); /* at once */
    }
    /* From then on it backs off. */
    unsigned waited = 0;
    for (int i = 0; i < 8; i++) {
        world_end(&w, world_started(&w, &id), ATTEMPT_RELEASED);
        if (!world_started(&w, &id)) {
            waited++;
            assert_int_equal(world_state(&w, &id), JOB_SCHEDULED);
        }
        world_advance(&w, 3600 * 1000);
        assert_non_null(world_started(&w, &id));
    }
    assert_true(waited >= 6);
    assert_int_equal(world_row(&w, &id)->job.charged, 0);
    world_close(&w);
}

static unsigned artifacts_seen;
static int look_at_artifacts(struct store_op *op)
{
    const struct store_job_move *move = &op->job_move;
    const struct artifact_record *a = move->artifacts;

    assert_int_equal(move->artifact_count, 2);
    artifacts_seen += move->artifact_count;
    assert_false(id_is_zero(&a[0].id));
    assert_false(id_eq(&a[0].id, &a[1].id));
    for (int i = 0; i < 2; i++) {
        assert_true(id_eq(&a[i].job, &move->id));
        assert_int_equal(a[i].created_at, WORLD_START);
        assert_int_equal(a[i].size, move->blobs[i].size);
        assert_int_equal(a[i].sha256.len, SHA256_HEX_LEN);
    }
    assert_true(str_eq(str_slice(a[0].sha256, 0, 4), STR("ab00")));
    assert_true(str_eq(a[0].name, STR("a.png")));
    assert_true(str_eq(a[0].media_type, STR("image/png")));
    assert_true(str_eq(a[1].name, STR("b.png")));
    assert_int_equal(a[1].media_type.len, 0);
    assert_string_equal(move->blobs[1].tmp_name, "y");
    return 0;
}

static void test_artifacts(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL);
    struct id id = world_submit(&w, (struct job_record){0});
    struct blob_pending blobs[2] = {{.tmp_name = "x", .size = 11, .digest = {{0xab}}},
                                    {.tmp_name = "y", .size = 22}};
    struct artifact_record artifacts[2] = {{.name = STR("a.png"), .media_type = STR("image/png")},
                                           {.name = STR("b.png")}};
    world_finish(&w, world_started(&w, &id),
                 &(struct jobs_outcome){.outcome = ATTEMPT_FAILED,
                                        .artifacts = artifacts,
                                        .blobs = blobs,
                                        .artifact_count = 2});
    assert_int_equal(w.store->discarded, 2); /* only a success makes files */
    id = world_submit(&w, (struct job_record){0});
    w.store->spoil = look_at_artifacts;
    world_finish(&w, world_started(&w, &id),
                 &(struct jobs_outcome){.outcome = ATTEMPT_SUCCEEDED,
                                        .artifacts = artifacts,
                                        .blobs = blobs,
                                        .artifact_count = 2});
    assert_int_equal(artifacts_seen, 2);
    assert_int_equal(world_state(&w, &id), JOB_SUCCEEDED);
    assert_int_equal(w.store->discarded, 2);
    world_close(&w);
}

static void test_progress(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL);
    struct id id = world_submit(&w, (struct job_record){0});
    jobs_progress(w.jobs, world_started(&w, &id)->token, 250, STR("a quarter"));
    const struct jobs_event *event = &w.events[w.event_count - 1];
    assert_true(event->is_progress);
    assert_int_equal(event->seq, 0);
    assert_int_equal(event->permille, 250);
    struct jobs_live live;
    assert_true(jobs_live(w.jobs, &id, &live));
    assert_int_equal(live.permille, 250);
    assert_true(str_eq(live.message, STR("a quarter")));
    jobs_progress(w.jobs, world_started(&w, &id)->token, 5000, (struct str){0});
    assert_true(jobs_live(w.jobs, &id, &live));
    assert_int_equal(live.permille, 1000);
    assert_int_equal(live.message.len, 0);
    char big[1000];
    memset(big, 'x', sizeof big);
    jobs_progress(w.jobs, world_started(&w, &id)->token, 1, str_of(big, sizeof big));
    assert_true(jobs_live(w.jobs, &id, &live));
    assert_int_equal(live.message.len, 256);
    world_close(&w);
}

static void test_finished_inside_start(void **state)
{
    (void)state;
    for (int safety = JOB_SAFE; safety <= JOB_NEVER; safety++) {
        struct world w;
        world_open(&w, NULL);
        w.finishes_inside = true;
        w.finish_inside = ATTEMPT_SUCCEEDED;
        struct id id = world_submit(&w, (struct job_record){.retry_safety = safety});
        assert_int_equal(world_state(&w, &id), JOB_SUCCEEDED);
        assert_int_equal(jobs_in_flight(w.jobs), 0);
        world_close(&w);
    }
}

static void test_start_refused(void **state)
{
    (void)state;
    for (int safety = JOB_SAFE; safety <= JOB_NEVER; safety++) {
        struct world w;
        world_open(&w, NULL);
        w.start_error = HUB_ERR_UNKNOWN_TYPE;
        struct id id = world_submit(&w, (struct job_record){.retry_safety = safety});
        assert_int_equal(world_state(&w, &id), JOB_FAILED);
        assert_true(str_eq(world_row(&w, &id)->job.error_code, STR("unknown_type")));
        world_close(&w);
    }
}

static void test_after(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL);
    struct id parent = world_submit(&w, (struct job_record){0});
    struct id child = world_submit(&w, (struct job_record){.after = &parent, .after_count = 1});
    struct id later = world_submit(
        &w, (struct job_record){.after = &parent, .after_count = 1, .run_at = WORLD_START + 1000});
    assert_int_equal(world_state(&w, &child), JOB_BLOCKED);
    assert_null(world_started(&w, &child));
    world_end(&w, world_started(&w, &parent), ATTEMPT_SUCCEEDED);
    assert_non_null(world_started(&w, &child));
    assert_int_equal(world_state(&w, &later), JOB_SCHEDULED);
    world_advance(&w, 1000);
    assert_non_null(world_started(&w, &later));
    /* A failed parent fails its children, and theirs. */
    struct id a = world_submit(&w, (struct job_record){0});
    struct id b = world_submit(&w, (struct job_record){.after = &a, .after_count = 1});
    struct id c = world_submit(&w, (struct job_record){.after = &b, .after_count = 1});
    world_end(&w, world_started(&w, &a), ATTEMPT_FAILED);
    assert_int_equal(world_state(&w, &c), JOB_FAILED);
    assert_int_equal(jobs_stats(w.jobs)->unfinished, 2); /* child and later */
    /* A child of what has failed already never waits. */
    struct id d = world_submit(&w, (struct job_record){.after = &c, .after_count = 1});
    assert_int_equal(world_state(&w, &d), JOB_FAILED);
    struct id nobody = {{1}};
    assert_int_equal(
        world_try_submit(&w, (struct job_record){.after = &nobody, .after_count = 1}, NULL),
        HUB_ERR_NOT_FOUND);
    assert_int_equal(jobs_stats(w.jobs)->unfinished, 2);
    world_close(&w);
}

static void test_expiry(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL);
    world_connector(&w, STR("noop"))->room = 1;
    struct id first = world_submit(&w, (struct job_record){.expires_at = WORLD_START + 1000});
    struct id queued = world_submit(&w, (struct job_record){.expires_at = WORLD_START + 1000});
    struct id scheduled = world_submit(
        &w, (struct job_record){.run_at = WORLD_START + 9000, .expires_at = WORLD_START + 1000});
    struct id blocked = world_submit(
        &w,
        (struct job_record){.after = &first, .after_count = 1, .expires_at = WORLD_START + 1000});
    struct id at_once = world_submit(&w, (struct job_record){.expires_at = WORLD_START - 1});
    assert_int_equal(world_state(&w, &at_once), JOB_FAILED);
    world_advance(&w, 999);
    assert_int_equal(world_state(&w, &queued), JOB_QUEUED);
    world_advance(&w, 1);
    const struct id *late[] = {&queued, &scheduled, &blocked};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(world_state(&w, late[i]), JOB_FAILED);
        assert_true(str_eq(world_row(&w, late[i])->job.error_code, STR("expired")));
        assert_int_equal(world_row(&w, late[i])->attempt_count, 0);
    }
    /* What runs is not late. */
    assert_non_null(world_started(&w, &first));
    world_end(&w, world_started(&w, &first), ATTEMPT_SUCCEEDED);
    assert_int_equal(world_state(&w, &first), JOB_SUCCEEDED);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_success),
        cmocka_unit_test(test_start_is_written_late),
        cmocka_unit_test(test_end_waits_for_late_start),
        cmocka_unit_test(test_with_key_starts_after_commit),
        cmocka_unit_test(test_scheduled),
        cmocka_unit_test(test_retry_until_used_up),
        cmocka_unit_test(test_asked_delay),
        cmocka_unit_test(test_every_outcome),
        cmocka_unit_test(test_fence),
        cmocka_unit_test(test_finish_twice_before_commit),
        cmocka_unit_test(test_crash_limit),
        cmocka_unit_test(test_crash_limit_with_key),
        cmocka_unit_test(test_settling),
        cmocka_unit_test(test_settling_limits),
        cmocka_unit_test(test_given_up_in_doubt),
        cmocka_unit_test(test_crash_codes),
        cmocka_unit_test(test_released_without_end),
        cmocka_unit_test(test_artifacts),
        cmocka_unit_test(test_progress),
        cmocka_unit_test(test_finished_inside_start),
        cmocka_unit_test(test_start_refused),
        cmocka_unit_test(test_after),
        cmocka_unit_test(test_expiry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
