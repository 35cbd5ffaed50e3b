#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- Lists -------------------------------------------------------------------------------------*/

static struct store_op *list_op(struct harness *h, unsigned limit)
{
    struct store_op *op = harness_op(h, STORE_JOB_LIST);

    op->job_list.limit = limit;
    return op;
}

/* Runs the list page by page and counts; the ids must fall and each job comes once. */
static unsigned count_list(struct harness *h, const struct store_job_list *filter)
{
    struct id before = {{0}};
    struct id last = {{0}};
    unsigned count = 0;

    for (;;) {
        struct store_op *op = list_op(h, 0);
        op->job_list = *filter;
        op->job_list.before = before;
        assert_int_equal(harness_run(h, op), 0);
        for (unsigned i = 0; i < op->job_list.ret_count; i++) {
            const struct id *id = &op->job_list.ret_jobs[i].id;
            assert_true(id_is_zero(&last) || id_cmp(id, &last) < 0);
            last = *id;
        }
        count += op->job_list.ret_count;
        if (!op->job_list.ret_more) {
            return count;
        }
        before = op->job_list.ret_next;
    }
}

static struct id insert_at(struct harness *h, const char *queue, const char *type,
                           const char *labels)
{
    struct store_op *op = harness_insert_op(h);

    h->now += 10;
    op->job_insert.job.id = harness_id(h);
    op->job_insert.job.created_at = h->now;
    op->job_insert.job.queue = str_from_c(queue);
    op->job_insert.job.type = str_from_c(type);
    op->job_insert.job.labels = str_from_c(labels);
    assert_int_equal(harness_run(h, op), 0);
    return op->job_insert.job.id;
}

static void test_list_is_newest_first(void **state)
{
    struct harness *h = *state;
    struct id ids[5];

    struct store_op *none = list_op(h, 10);
    assert_int_equal(harness_run(h, none), 0);
    assert_int_equal(none->job_list.ret_count, 0);
    assert_false(none->job_list.ret_more);
    for (int i = 0; i < 5; i++) {
        ids[i] = insert_at(h, "default", "noop.run", "{\"n\":\"1\"}");
    }
    struct store_op *first = list_op(h, 3);
    assert_int_equal(harness_run(h, first), 0);
    assert_int_equal(first->job_list.ret_count, 3);
    assert_true(first->job_list.ret_more);
    assert_id(first->job_list.ret_jobs[0].id, ids[4]);
    assert_id(first->job_list.ret_jobs[2].id, ids[2]);
    assert_id(first->job_list.ret_next, ids[2]);
    assert_str(first->job_list.ret_jobs[0].labels, "{\"n\":\"1\"}");
    assert_str(first->job_list.ret_jobs[0].input, "");
    struct store_op *rest = list_op(h, 3);
    rest->job_list.before = first->job_list.ret_next;
    assert_int_equal(harness_run(h, rest), 0);
    assert_int_equal(rest->job_list.ret_count, 2);
    assert_false(rest->job_list.ret_more);
    assert_id(rest->job_list.ret_jobs[1].id, ids[0]);
    struct store_op *exact = list_op(h, 5);
    assert_int_equal(harness_run(h, exact), 0);
    assert_false(exact->job_list.ret_more);
}

static void test_list_filters(void **state)
{
    struct harness *h = *state;
    struct id a = insert_at(h, "q1", "image.transform", "{\"tenant\":\"7\",\"x\":\"y\"}");
    int64_t a_at = h->now;
    struct id b = insert_at(h, "q2", "image.transform", "{\"tenant\":\"8\"}");
    int64_t b_at = h->now;
    insert_at(h, "q1", "email.send", "");
    insert_at(h, "q1", "email.send", "{\"te\\\"nant\":\"7\"}");

    harness_finish(h, a, JOB_SUCCEEDED);
    harness_finish(h, b, JOB_FAILED);
    const struct {
        struct store_job_list filter;
        unsigned expected;
    } cases[] = {
        {{.states = 1u << JOB_SUCCEEDED}, 1},
        {{.states = 1u << JOB_SUCCEEDED | 1u << JOB_FAILED}, 2},
        {{.states = 1u << JOB_QUEUED}, 2},
        {{.states = 1u << JOB_RUNNING}, 0},
        {{.states = 1u << JOB_CANCELLED}, 0},
        {{.type = STR_INIT("image.transform")}, 2},
        {{.type = STR_INIT("image")}, 0},
        {{.queue = STR_INIT("q1")}, 3},
        {{.queue = STR_INIT("q1"), .type = STR_INIT("email.send")}, 2},
        {{.label_key = STR_INIT("tenant"), .label_value = STR_INIT("7")}, 1},
        {{.label_key = STR_INIT("tenant"), .label_value = STR_INIT("9")}, 0},
        {{.label_key = STR_INIT("te\"nant"), .label_value = STR_INIT("7")}, 1},
        {{.created_from = a_at}, 4},
        {{.created_from = b_at}, 3},
        {{.created_to = b_at}, 1},
        {{.created_to = a_at}, 0},
        {{.created_from = a_at, .created_to = b_at + 1}, 2},
        {{.created_from = b_at + 1000000}, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct store_job_list filter = cases[i].filter;
        for (filter.limit = 1; filter.limit <= 4; filter.limit += 3) {
            if (count_list(h, &filter) != cases[i].expected) {
                fail_msg("case %zu, limit %u", i, filter.limit);
            }
        }
    }
}

/* Jobs that go away while somebody pages. */
static void test_paging_survives_removal(void **state)
{
    struct harness *h = *state;
    struct id ids[6];

    for (int i = 0; i < 6; i++) {
        ids[i] = insert_at(h, "default", "noop.run", "");
    }
    struct store_op *first = list_op(h, 3);
    assert_int_equal(harness_run(h, first), 0);
    harness_finish(h, ids[3], JOB_SUCCEEDED);
    struct store_op *del = harness_op(h, STORE_JOB_DELETE);
    del->job_delete.id = ids[3];
    assert_int_equal(harness_run(h, del), 0);
    struct store_op *rest = list_op(h, 10);
    rest->job_list.before = ids[3];
    assert_int_equal(harness_run(h, rest), 0);
    assert_int_equal(rest->job_list.ret_count, 3);
    assert_id(rest->job_list.ret_jobs[0].id, ids[2]);
}

static struct store_op *fill(struct harness *h, unsigned i)
{
    struct store_op *op = harness_insert_op(h);

    op->job_insert.job.queue = i % 1000 == 7 ? STR("rare") : STR("default");
    harness_submit(h, op);
    return op;
}

/* A filter that matches little must not look at everything in one call, and still find all. */
static void test_list_over_many_jobs(void **state)
{
    enum { JOBS = 100000 };
    struct harness *h = *state;
    struct id failed = {{0}};

    for (unsigned i = 0; i < JOBS; i++) {
        struct store_op *op = fill(h, i);
        if (i == 5) {
            failed = op->job_insert.job.id;
        }
        if (i % 10000 == 9999) {
            harness_wait(h);
        }
    }
    harness_wait(h);
    harness_finish(h, failed, JOB_FAILED);
    struct store_op *op = list_op(h, 10);
    op->job_list.states = 1u << JOB_FAILED;
    assert_int_equal(harness_run(h, op), 0);
    assert_int_equal(op->job_list.ret_count, 1); /* at once: the rest is skipped */
    assert_int_equal(count_list(h, &(struct store_job_list){.queue = STR("rare"), .limit = 30}),
                     JOBS / 1000);
    op = list_op(h, 10);
    op->job_list.queue = STR("nothing");
    assert_int_equal(harness_run(h, op), 0);
    assert_int_equal(op->job_list.ret_count, 0);
    assert_true(op->job_list.ret_more);
    assert_int_equal(count_list(h, &(struct store_job_list){.queue = STR("nothing"), .limit = 9}),
                     0);
    assert_int_equal(count_list(h, &(struct store_job_list){.limit = 100000}), JOBS);
}

/* --- Loading -----------------------------------------------------------------------------------*/

static void test_active_list(void **state)
{
    enum { JOBS = 3000 };
    struct harness *h = *state;
    struct id ids[JOBS];
    struct id after = {{0}};
    unsigned seen = 0;

    for (unsigned i = 0; i < JOBS; i++) {
        struct store_op *op = harness_insert_op(h);
        op->job_insert.job.priority = (int)(i % 100);
        op->job_insert.job.account = STR("acme");
        ids[i] = op->job_insert.job.id;
        harness_submit(h, op);
    }
    harness_wait(h);
    /* Every third stays; one of them runs. */
    for (unsigned i = 0; i < JOBS; i++) {
        if (i % 3 != 0) {
            harness_submit(h, harness_finish_op(h, ids[i], JOB_SUCCEEDED));
        }
    }
    struct store_op *start = harness_op(h, STORE_JOB_START);
    start->job_start = (struct store_job_start){.id = ids[3], .number = 1, .at = h->now};
    harness_submit(h, start);
    harness_wait(h);
    harness_reopen(h, NULL);
    for (bool more = true; more;) {
        struct store_op *op = harness_op(h, STORE_ACTIVE_LIST);
        op->active_list.after = after;
        op->active_list.limit = 333;
        assert_int_equal(harness_run(h, op), 0);
        for (unsigned i = 0; i < op->active_list.ret_count; i++, seen++) {
            const struct job_record *job = &op->active_list.ret_jobs[i];
            assert_id(job->id, ids[seen * 3]);
            assert_int_equal(job->priority, seen * 3 % 100);
            assert_int_equal(job->state, seen == 1 ? JOB_RUNNING : JOB_QUEUED);
            assert_int_equal(job->attempt, seen == 1);
            assert_str(job->type, "noop.run");
            assert_str(job->account, "acme");
            after = job->id;
        }
        more = op->active_list.ret_more;
    }
    assert_int_equal(seen, JOBS / 3);
}

static uint64_t count_of(struct harness *h, const char *queue, enum job_state state)
{
    struct store_op *op = harness_op(h, STORE_JOB_COUNTS);

    assert_int_equal(harness_run(h, op), 0);
    for (unsigned i = 0; i < op->job_counts.ret_count; i++) {
        const struct store_count *count = &op->job_counts.ret_counts[i];
        if (str_eq(count->queue, str_from_c(queue)) && count->state == state) {
            return count->count;
        }
    }
    return 0;
}

static void test_counts(void **state)
{
    struct harness *h = *state;
    struct id a = insert_at(h, "q1", "a.b", "");
    struct store_op *del;

    insert_at(h, "q1", "a.b", "");
    insert_at(h, "q2", "a.b", "");
    assert_int_equal(count_of(h, "q1", JOB_QUEUED), 2);
    assert_int_equal(count_of(h, "q2", JOB_QUEUED), 1);
    harness_finish(h, a, JOB_SUCCEEDED);
    assert_int_equal(count_of(h, "q1", JOB_QUEUED), 1);
    assert_int_equal(count_of(h, "q1", JOB_SUCCEEDED), 1);
    harness_reopen(h, NULL);
    assert_int_equal(count_of(h, "q1", JOB_SUCCEEDED), 1);
    del = harness_op(h, STORE_JOB_DELETE);
    del->job_delete.id = a;
    assert_int_equal(harness_run(h, del), 0);
    assert_int_equal(count_of(h, "q1", JOB_SUCCEEDED), 0);
}

/* More queues in one transaction than are added up at once. */
static void test_counts_of_many_queues(void **state)
{
    struct harness *h = *state;
    struct store_op *op;
    char queue[32];

    for (int i = 0; i < 500; i++) {
        op = harness_insert_op(h);
        snprintf(queue, sizeof queue, "queue-%d", i % 250);
        op->job_insert.job.queue = arena_str(&op->arena, str_from_c(queue));
        harness_submit(h, op);
    }
    harness_wait(h);
    op = harness_op(h, STORE_JOB_COUNTS);
    assert_int_equal(harness_run(h, op), 0);
    assert_int_equal(op->job_counts.ret_count, 250);
    for (unsigned i = 0; i < 250; i++) {
        assert_int_equal(op->job_counts.ret_counts[i].count, 2);
    }
}

/* --- Purge -------------------------------------------------------------------------------------*/

static struct store_op *purge(struct harness *h, unsigned limit)
{
    struct store_op *op = harness_op(h, STORE_PURGE);

    op->purge.now = h->now;
    op->purge.limit = limit;
    assert_int_equal(harness_run(h, op), 0);
    return op;
}

static void test_purge_of_jobs(void **state)
{
    enum { JOBS = 700 };
    struct harness *h = *state;
    struct id ids[JOBS];

    for (int i = 0; i < JOBS; i++) {
        struct store_op *op = harness_insert_op(h);
        op->job_insert.job.retention_ms = i % 2 ? 1000 : 2000;
        ids[i] = op->job_insert.job.id;
        harness_submit(h, op);
    }
    harness_wait(h);
    for (int i = 0; i < JOBS - 1; i++) { /* the last one is never finished */
        harness_submit(h, harness_finish_op(h, ids[i], JOB_SUCCEEDED));
    }
    harness_wait(h);
    h->now += 999;
    assert_int_equal(purge(h, 100)->purge.ret_removed, 0);
    h->now += 1;
    unsigned removed = 0;
    for (bool more = true; more;) {
        struct store_op *op = purge(h, 100);
        assert_true(op->purge.ret_removed <= 100);
        removed += op->purge.ret_removed;
        more = op->purge.ret_more;
    }
    assert_int_equal(removed, JOBS / 2 - 1);
    assert_int_equal(harness_get(h, ids[1])->err, HUB_ERR_NOT_FOUND);
    assert_int_equal(harness_state(h, ids[0]), JOB_SUCCEEDED);
    assert_int_equal(harness_state(h, ids[JOBS - 1]), JOB_QUEUED);
    h->now += 1000;
    assert_int_equal(purge(h, 10000)->purge.ret_removed, JOBS / 2);
    assert_false(purge(h, 10000)->purge.ret_more);
    assert_int_equal(count_of(h, "default", JOB_SUCCEEDED), 0);
    assert_int_equal(count_of(h, "default", JOB_QUEUED), 1);
    assert_int_equal(count_list(h, &(struct store_job_list){.limit = 10}), 1);
}

/* A retry by hand takes the job out of the purge's reach. */
static void test_purge_spares_the_retried(void **state)
{
    struct harness *h = *state;
    struct id id = harness_insert(h);
    struct store_op *op = harness_op(h, STORE_JOB_MOVE);

    harness_finish(h, id, JOB_FAILED);
    op->job_move = (struct store_job_move){.id = id,
                                           .from = JOB_FAILED,
                                           .fence = 1,
                                           .to = JOB_QUEUED,
                                           .by_hand = true,
                                           .reset = true,
                                           .at = h->now};
    assert_int_equal(harness_run(h, op), 0);
    h->now += 1000000;
    assert_int_equal(purge(h, 10)->purge.ret_removed, 0);
    assert_int_equal(harness_state(h, id), JOB_QUEUED);
}

static uint64_t oldest_event(struct harness *h)
{
    struct store_op *op = harness_op(h, STORE_EVENT_LIST);

    op->event_list.limit = 1;
    assert_int_equal(harness_run(h, op), 0);
    return op->event_list.ret_oldest;
}

static void test_purge_of_events(void **state)
{
    struct harness *h = *state;

    harness_reopen(h, &(struct harness_options){.events_max = 10, .events_keep_ms = 5000});
    for (int i = 0; i < 30; i++) {
        harness_insert(h);
    }
    uint64_t last = harness_last_event(h);
    purge(h, 100);
    assert_int_equal(oldest_event(h), last - 9);
    h->now += 5001;
    harness_insert(h);
    purge(h, 100);
    assert_int_equal(oldest_event(h), last + 1);
    h->now += 5001;
    purge(h, 100);
    assert_int_equal(oldest_event(h), last + 1); /* the last one stays */
}

static void test_event_numbers_rise_after_purge_and_reopening(void **state)
{
    struct harness *h = *state;
    struct id id = harness_insert(h);
    uint64_t last = harness_last_event(h);

    harness_reopen(h, NULL);
    harness_finish(h, id, JOB_SUCCEEDED);
    assert_true(harness_last_event(h) > last);
    last = harness_last_event(h);
    h->now += (int64_t)48 * 3600 * 1000;
    purge(h, 1000);
    assert_int_equal(oldest_event(h), last);
    harness_reopen(h, NULL);
    struct store_op *op = harness_insert_op(h);
    assert_int_equal(harness_run(h, op), 0);
    assert_true(op->event_seq > last);
}

static void test_purge_of_keys(void **state)
{
    struct harness *h = *state;

    harness_reopen(h, &(struct harness_options){.idempotency_max = 10});
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 10; i++) {
            struct store_op *op = harness_insert_op(h);
            op->job_insert.idempotency.given = true;
            op->job_insert.idempotency.expires_at = h->now + 100;
            hash_random(&op->job_insert.idempotency.scope, SHA256_LEN);
            assert_int_equal(harness_run(h, op), 0);
        }
        h->now += 100;
        assert_int_equal(purge(h, 100)->purge.ret_removed, 10);
    }
}

int contract_lists(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_list_is_newest_first),
        STORE_TEST(test_list_filters),
        STORE_TEST(test_paging_survives_removal),
        STORE_TEST(test_list_over_many_jobs),
        STORE_TEST(test_active_list),
        STORE_TEST(test_counts),
        STORE_TEST(test_counts_of_many_queues),
        STORE_TEST(test_purge_of_jobs),
        STORE_TEST(test_purge_spares_the_retried),
        STORE_TEST(test_purge_of_events),
        STORE_TEST(test_event_numbers_rise_after_purge_and_reopening),
        STORE_TEST(test_purge_of_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
