#include "harness.h"

#include <string.h>

static void test_completions_come_in_order(void **state)
{
    struct harness *h = *state;
    struct store_op *ops[60];

    for (int i = 0; i < 60; i++) {
        ops[i] = harness_insert_op(h);
        if (i % 7 == 3) { /* fails on its own */
            ops[i]->job_insert.job.id = ops[0]->job_insert.job.id;
        }
        harness_submit(h, ops[i]);
    }
    harness_wait(h);
    assert_int_equal(h->completed, 60);
    for (int i = 0; i < 60; i++) {
        assert_ptr_equal(h->order[i], ops[i]);
        assert_int_equal(ops[i]->err, i % 7 == 3 ? HUB_ERR_CONFLICT : 0);
    }
    for (int i = 0; i < 60; i++) {
        if (i % 7 != 3) {
            assert_int_equal(harness_state(h, ops[i]->job_insert.job.id), JOB_QUEUED);
        }
    }
}

static void test_operations_share_a_commit(void **state)
{
    struct harness *h = *state;
    struct store_stats stats;

    for (int i = 0; i < 20000; i++) {
        harness_submit(h, harness_insert_op(h));
    }
    harness_wait(h);
    store_stats(h->store, &stats);
    assert_int_equal(stats.operations, 20000);
    assert_true(stats.commits < 2000);
    assert_true(stats.batch_max > 1 && stats.batch_max <= 4096);
    assert_int_equal(stats.failures, 0);
    assert_true(stats.commit_ns_max > 0 && stats.commit_ns_sum >= stats.commit_ns_max);
}

static void test_one_alone_commits_at_once(void **state)
{
    struct harness *h = *state;
    struct store_stats before;
    struct store_stats after;

    store_stats(h->store, &before);
    for (int i = 0; i < 10; i++) {
        harness_insert(h);
    }
    store_stats(h->store, &after);
    assert_int_equal(after.commits - before.commits, 10);
}

/* A read that is pushed after a write completed sees it, while writes and reads go on. */
static void test_reads_see_what_completed(void **state)
{
    struct harness *h = *state;

    for (int i = 0; i < 300; i++) {
        struct id id = harness_insert(h);
        struct store_op *get = harness_op(h, STORE_JOB_GET);
        get->job_get.id = id;
        for (int k = 0; k < 5; k++) {
            harness_submit(h, harness_insert_op(h));
        }
        harness_submit(h, get);
        struct store_op *list = harness_op(h, STORE_JOB_LIST);
        list->job_list.limit = 5;
        harness_submit(h, list);
        harness_wait(h);
        assert_int_equal(get->err, 0);
        assert_int_equal(list->err, 0);
        assert_true(list->job_list.ret_count >= (i > 0 ? 5 : 1));
    }
}

struct again {
    struct harness *h;
    int rounds;
    int seen;
};

static void submit_again(struct store_op *op, void *context)
{
    struct again *again = context;

    again->seen++;
    if (again->rounds-- > 0) {
        op->kept = true;
        store_submit(again->h->store, op);
    }
}

static void test_operation_can_be_submitted_from_its_end(void **state)
{
    struct harness *h = *state;
    struct again again = {.h = h, .rounds = 5};
    struct store_op *op = harness_op(h, STORE_JOB_COUNTS);

    op->done = submit_again;
    op->context = &again;
    store_submit(h->store, op);
    harness_wait(h);
    assert_int_equal(again.seen, 6);
}

static void test_operation_without_done(void **state)
{
    struct harness *h = *state;
    struct store_op *op = harness_insert_op(h);
    struct id id = op->job_insert.job.id;

    store_submit(h->store, op);
    harness_wait(h);
    assert_int_equal(harness_state(h, id), JOB_QUEUED);
}

static void test_free_finishes_what_was_submitted(void **state)
{
    struct harness *h = *state;
    struct id last = {{0}};

    for (int i = 0; i < 5000; i++) {
        struct store_op *op = harness_insert_op(h);
        last = op->job_insert.job.id;
        harness_submit(h, op);
    }
    harness_reopen(h, NULL);
    assert_int_equal(h->completed, 5000);
    assert_int_equal(harness_state(h, last), JOB_QUEUED);
}

static void test_kinds_say_whether_they_write(void **state)
{
    (void)state;
    assert_true(store_op_is_write(STORE_JOB_INSERT));
    assert_true(store_op_is_write(STORE_BLOB_DISCARD));
    assert_true(store_op_is_write(STORE_PURGE));
    assert_false(store_op_is_write(STORE_JOB_GET));
    assert_false(store_op_is_write(STORE_KEY_LIST));
    store_op_free(store_op_new(STORE_JOB_LIST));
    store_op_free(NULL);
}

/* --- Queues and keys ---------------------------------------------------------------------------*/

static void put_queue(struct harness *h, const char *name, bool paused, uint32_t concurrency)
{
    struct store_op *op = harness_op(h, STORE_QUEUE_PUT);

    op->queue_put.queue = (struct store_queue){.name = str_from_c(name),
                                               .paused = paused,
                                               .concurrency = concurrency,
                                               .rate = 7,
                                               .rate_period_ms = 60000};
    assert_int_equal(harness_run(h, op), 0);
}

static void test_queues(void **state)
{
    struct harness *h = *state;

    put_queue(h, "slow", false, 3);
    put_queue(h, "fast", true, 0);
    put_queue(h, "slow", true, UINT32_MAX);
    harness_reopen(h, NULL);
    struct store_op *op = harness_op(h, STORE_QUEUE_LIST);
    assert_int_equal(harness_run(h, op), 0);
    assert_int_equal(op->queue_list.ret_count, 2);
    assert_str(op->queue_list.ret_queues[0].name, "fast");
    assert_str(op->queue_list.ret_queues[1].name, "slow");
    assert_true(op->queue_list.ret_queues[1].paused);
    assert_true(op->queue_list.ret_queues[1].concurrency == UINT32_MAX);
    assert_int_equal(op->queue_list.ret_queues[1].rate, 7);
    assert_int_equal(op->queue_list.ret_queues[1].rate_period_ms, 60000);
}

static void test_keys(void **state)
{
    struct harness *h = *state;
    struct store_op *op = harness_op(h, STORE_KEY_PUT);
    struct store_key key = {
        .id = STR_INIT("abc123"), .name = STR_INIT("backend"), .scopes = 5, .created_at = 99};

    sha256_of(STR("secret"), &key.digest);
    op->key_put.key = key;
    assert_int_equal(harness_run(h, op), 0);
    harness_reopen(h, NULL);
    op = harness_op(h, STORE_KEY_LIST);
    assert_int_equal(harness_run(h, op), 0);
    assert_int_equal(op->key_list.ret_count, 1);
    const struct store_key *got = op->key_list.ret_keys;
    assert_str(got->id, "abc123");
    assert_str(got->name, "backend");
    assert_int_equal(got->scopes, 5);
    assert_int_equal(got->created_at, 99);
    assert_true(sha256_eq(&got->digest, &key.digest));
    for (int i = 0; i < 2; i++) {
        op = harness_op(h, STORE_KEY_DELETE);
        op->key_delete.id = STR("abc123");
        assert_int_equal(harness_run(h, op), i == 0 ? 0 : HUB_ERR_NOT_FOUND);
    }
}

int contract_batches(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_completions_come_in_order),
        STORE_TEST(test_operations_share_a_commit),
        STORE_TEST(test_one_alone_commits_at_once),
        STORE_TEST(test_reads_see_what_completed),
        STORE_TEST(test_operation_can_be_submitted_from_its_end),
        STORE_TEST(test_operation_without_done),
        STORE_TEST(test_free_finishes_what_was_submitted),
        STORE_TEST(test_kinds_say_whether_they_write),
        STORE_TEST(test_queues),
        STORE_TEST(test_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
