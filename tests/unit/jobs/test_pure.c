/* What needs no engine: the table of moves, names, verdicts, the back-off, the slab and the index.
 */
#include "world.h"

#include "jobs/engine.h"

/* DESIGN §4's table, as text: rows from, columns to, in the order of the enum. '.' no, 'x' yes, 'h'
 * by hand only. */
static const char *const table[JOB_STATE_COUNT] = {
    /*              b s q r S F C U */
    [JOB_BLOCKED] = ".xx..xx.",   [JOB_SCHEDULED] = "..x..xxx", [JOB_QUEUED] = "...x.xxx",
    [JOB_RUNNING] = ".xx.xxxx",   [JOB_SUCCEEDED] = "........", [JOB_FAILED] = "h.h.....",
    [JOB_CANCELLED] = "h.h.....", [JOB_UNKNOWN] = "..h.....",
};

static void test_every_cell(void **state)
{
    (void)state;
    for (int from = 0; from < JOB_STATE_COUNT; from++) {
        for (int to = 0; to < JOB_STATE_COUNT; to++) {
            char cell = table[from][to];
            assert_int_equal(job_may_move(from, to, false), cell == 'x');
            assert_int_equal(job_may_move(from, to, true), cell != '.');
        }
        assert_int_equal(job_state_terminal(from), from >= JOB_SUCCEEDED);
    }
    assert_false(job_may_move(JOB_STATE_COUNT, JOB_QUEUED, true));
    assert_false(job_may_move(JOB_QUEUED, JOB_STATE_COUNT, true));
}

static void test_names(void **state)
{
    (void)state;
    for (int i = 0; i < JOB_STATE_COUNT; i++) {
        enum job_state parsed;
        assert_true(job_state_parse(str_from_c(job_state_name(i)), &parsed));
        assert_int_equal(parsed, i);
    }
    enum job_state untouched = JOB_UNKNOWN;
    assert_false(job_state_parse(STR("Queued"), &untouched));
    assert_false(job_state_parse(STR(""), &untouched));
    assert_int_equal(untouched, JOB_UNKNOWN);
    assert_string_equal(job_state_name(JOB_STATE_COUNT), "?");
    assert_string_equal(attempt_outcome_name(ATTEMPT_RELEASED), "released");
    assert_string_equal(attempt_outcome_name(ATTEMPT_OUTCOME_COUNT), "?");
}

/* What must hold of every verdict, whatever the table says in detail. */
static void test_verdicts(void **state)
{
    (void)state;
    for (int outcome = 0; outcome < ATTEMPT_OUTCOME_COUNT; outcome++) {
        for (int safety = JOB_SAFE; safety <= JOB_NEVER; safety++) {
            enum verdict plain = verdict_of(outcome, safety, false);
            enum verdict wanted = verdict_of(outcome, safety, true);
            assert_int_equal(plain == VERDICT_SUCCEED, outcome == ATTEMPT_SUCCEEDED);
            assert_int_equal(wanted == VERDICT_SUCCEED, outcome == ATTEMPT_SUCCEEDED);
            assert_true(plain != VERDICT_CANCEL); /* nobody asked */
            assert_true(wanted != VERDICT_RETRY && wanted != VERDICT_RELEASE);
            bool told = outcome <= ATTEMPT_UNKNOWN; /* by the connector itself */
            if (safety == JOB_NEVER && !told) {
                assert_int_equal(plain, VERDICT_UNKNOWN);
            }
            if (safety != JOB_SAFE && !told) {
                assert_int_equal(wanted, VERDICT_UNKNOWN);
            }
        }
    }
}

static void test_back_off(void **state)
{
    (void)state;
    const struct retry_policy policy = {1000, 3600 * 1000};
    uint64_t seed = 42;
    for (unsigned failures = 1; failures <= 100; failures++) {
        uint64_t ceiling = failures > 12 ? policy.cap_ms : 1000ULL << (failures - 1);
        ceiling = ceiling > policy.cap_ms ? policy.cap_ms : ceiling;
        assert_int_equal(retry_delay_ms(&policy, failures, 0, 0), 0);
        assert_int_equal(retry_delay_ms(&policy, failures, 0, UINT64_MAX), ceiling);
        uint64_t sum = 0;
        for (int i = 0; i < 2000; i++) {
            uint64_t delay = retry_delay_ms(&policy, failures, 0, retry_random(&seed));
            assert_true(delay <= ceiling);
            sum += delay;
        }
        /* Evenly spread: the mean of 2000 lies within 10 % of the middle. */
        assert_in_range(sum / 2000, ceiling * 45 / 100, ceiling * 55 / 100);
    }
    assert_int_equal(retry_delay_ms(&policy, 1, 7777, 0), 7777);
    assert_int_equal(retry_delay_ms(&policy, 1, 2 * 3600 * 1000, UINT64_MAX), 2 * 3600 * 1000);
    assert_int_equal(retry_delay_ms(&policy, 1, UINT64_MAX, 5), RETRY_ASKED_MAX_MS);
    assert_int_equal(retry_delay_ms(&(struct retry_policy){5000, 1000}, 1, 0, UINT64_MAX), 1000);
    assert_int_equal(retry_delay_ms(&(struct retry_policy){1, UINT64_MAX - 1}, 200, 0, 0), 0);
}

/* What settles outlives an outage of half an hour, whatever the dice say and however early the job
 * was used up; and an end comes within three hours. */
static void test_settle_delay(void **state)
{
    (void)state;
    const struct retry_policy policy = {1000, 3600 * 1000}; /* the defaults */
    for (unsigned used = 1; used <= 12; used++) {
        uint64_t least = 0, most = 0;
        for (unsigned i = 0; i < JOB_SETTLES_MAX; i++) {
            least += settle_delay_ms(&policy, used + i, 0, 0);
            most += settle_delay_ms(&policy, used + i, 0, UINT64_MAX);
        }
        assert_true(least > 20 * 60 * 1000 && most <= 3 * 3600 * 1000);
        assert_true(most >= 2 * least - JOB_SETTLES_MAX && most <= 2 * least + JOB_SETTLES_MAX);
    }
    assert_int_equal(settle_delay_ms(&policy, 60, 0, UINT64_MAX), SETTLE_CAP_MS);
    assert_int_equal(settle_delay_ms(&(struct retry_policy){10, 20}, 60, 0, 0), 10);
    assert_int_equal(settle_delay_ms(&policy, 1, 7777, 0), 7777);
}

static void test_slab_and_index(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    struct slab slab;
    struct job_index index;
    struct id_gen ids;
    static struct job *jobs[COUNT];
    slab_init(&slab, sizeof(struct job));
    job_index_init(&index);
    id_gen_init(&ids);
    assert_null(job_index_get(&index, &(struct id){{0}}));
    for (int i = 0; i < COUNT; i++) {
        jobs[i] = slab_alloc(&slab);
        assert_non_null(jobs[i]);
        assert_int_equal(jobs[i]->number, 0);
        jobs[i]->id = id_next(&ids, WORLD_START);
        jobs[i]->number = 7;
        assert_int_equal(job_index_reserve(&index, i + 1), 0);
        job_index_put(&index, jobs[i]);
    }
    /* Every second one goes; the others stay findable, and the memory is used again. */
    for (int i = 0; i < COUNT; i += 2) {
        job_index_remove(&index, jobs[i]);
        job_index_remove(&index, jobs[i]);
        slab_free(&slab, jobs[i]);
    }
    for (int i = 1; i < COUNT; i += 2) {
        assert_ptr_equal(job_index_get(&index, &jobs[i]->id), jobs[i]);
    }
    assert_int_equal(index.len, COUNT / 2);
    const struct slab_chunk *chunks = slab.chunks;
    for (int i = 0; i < COUNT / 2; i++) {
        const struct job *job = slab_alloc(&slab);
        assert_int_equal(job->number, 0);
    }
    assert_ptr_equal(slab.chunks, chunks);
    slab_release(&slab);
    job_index_release(&index);
}

/* A later release wants a million waiting jobs in 200 MB: record, two heap slots, an index slot at
 * its worst load. */
static void test_size(void **state)
{
    (void)state;
    assert_true(sizeof(struct job) <= 88);
    assert_true(sizeof(struct job) + 8 + 8 + 8 * 8 / 3 <= 130);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_cell),     cmocka_unit_test(test_names),
        cmocka_unit_test(test_verdicts),       cmocka_unit_test(test_back_off),
        cmocka_unit_test(test_settle_delay),   cmocka_unit_test(test_size),
        cmocka_unit_test(test_slab_and_index),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
