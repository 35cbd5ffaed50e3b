/* Deliveries of callbacks (CALLBACK_…), and what they are signed with (SIGNING_…). */
#include "harness.h"

#include <string.h>

static struct id insert_with(struct harness *h, const char *url)
{
    struct store_op *op = harness_insert_op(h);

    op->job_insert.job.callback_url = str_from_c(url);
    assert_int_equal(harness_run(h, op), 0);
    return op->job_insert.job.id;
}

static struct id finished(struct harness *h, const char *url, enum job_state to)
{
    struct id id = insert_with(h, url);

    harness_finish(h, id, to);
    return id;
}

static const struct store_callbacks *of_job(struct harness *h, struct id id)
{
    struct store_op *op = harness_op(h, STORE_CALLBACK_OF);

    op->callback_of.of.id = id;
    assert_int_equal(harness_run(h, op), 0);
    return &op->callback_of.ret_callbacks;
}

static const struct store_callbacks *due(struct harness *h, unsigned limit)
{
    struct store_op *op = harness_op(h, STORE_CALLBACK_DUE);

    op->callback_due.limit = limit;
    assert_int_equal(harness_run(h, op), 0);
    return &op->callback_due.ret_callbacks;
}

static const struct store_callbacks *list(struct harness *h, enum callback_state state,
                                          int64_t before, unsigned limit)
{
    struct store_op *op = harness_op(h, STORE_CALLBACK_LIST);

    op->callback_list =
        (struct store_callback_list){.state = state, .before = before, .limit = limit};
    assert_int_equal(harness_run(h, op), 0);
    return &op->callback_list.ret_callbacks;
}

static int put(struct harness *h, int64_t seq, uint32_t number, uint32_t status,
               enum callback_state to)
{
    struct store_op *op = harness_op(h, STORE_CALLBACK_PUT);

    op->callback_put = (struct store_callback_put){
        .seq = seq,
        .attempt = {.number = number,
                    .started_at = h->now,
                    .finished_at = h->now + 1,
                    .status = status,
                    .code = status == 0 ? STR("timeout") : (struct str){0}},
        .state = to,
        .tries = number,
        .next_at = h->now + 5000,
        .gone = status == 410,
    };
    return harness_run(h, op);
}

static int resend(struct harness *h, struct id id)
{
    struct store_op *op = harness_op(h, STORE_CALLBACK_RESEND);

    op->callback_resend = (struct store_callback_resend){{WORK_JOB, id}, h->now};
    return harness_run(h, op);
}

static void test_an_end_makes_a_delivery(void **state)
{
    struct harness *h = *state;
    struct id id = insert_with(h, "http://a/");

    assert_int_equal(of_job(h, id)->count, 0);
    harness_finish(h, id, JOB_FAILED);
    const struct store_callbacks *found = of_job(h, id);
    assert_int_equal(found->count, 1);
    assert_id(found->items[0].of.id, id);
    assert_int_equal(found->items[0].event, JOB_FAILED);
    assert_int_equal(found->items[0].state, CALLBACK_PENDING);
    assert_int_equal(found->items[0].attempts, 0);
    assert_true(str_eq(found->items[0].url, STR("http://a/")));
    assert_int_equal(found->items[0].log_count, 0);
    struct id plain = harness_insert(h);
    harness_finish(h, plain, JOB_SUCCEEDED);
    assert_int_equal(of_job(h, plain)->count, 0);
    assert_int_equal(due(h, 10)->count, 1);
}

static void test_a_refused_move_makes_none(void **state)
{
    struct harness *h = *state;
    struct id id = finished(h, "http://a/", JOB_SUCCEEDED);

    struct store_op *op = harness_finish_op(h, id, JOB_FAILED);
    assert_int_equal(harness_run(h, op), HUB_ERR_CONFLICT);
    assert_int_equal(of_job(h, id)->count, 1);
}

static void test_a_failed_parent_makes_one_of_its_child(void **state)
{
    struct harness *h = *state;
    struct id parent = harness_insert(h);
    struct store_op *op = harness_insert_op(h);

    op->job_insert.job.callback_url = STR("http://child/");
    op->job_insert.job.after = arena_memdup(&op->arena, &parent, sizeof parent);
    op->job_insert.job.after_count = 1;
    assert_int_equal(harness_run(h, op), 0);
    harness_finish(h, parent, JOB_FAILED);
    const struct store_callbacks *found = of_job(h, op->job_insert.job.id);
    assert_int_equal(found->count, 1);
    assert_int_equal(found->items[0].event, JOB_FAILED);
}

static void test_attempts_are_on_record(void **state)
{
    struct harness *h = *state;
    struct id id = finished(h, "http://a/", JOB_SUCCEEDED);
    int64_t seq = of_job(h, id)->items[0].seq;

    assert_int_equal(put(h, seq, 1, 0, CALLBACK_PENDING), 0);
    assert_int_equal(due(h, 10)->items[0].next_at, h->now + 5000);
    assert_int_equal(put(h, seq, 2, 204, CALLBACK_DELIVERED), 0);
    harness_reopen(h, NULL);
    const struct callback_record *found = &of_job(h, id)->items[0];
    assert_int_equal(found->seq, seq);
    assert_int_equal(found->state, CALLBACK_DELIVERED);
    assert_int_equal(found->attempts, 2);
    assert_int_equal(found->log_count, 2);
    assert_int_equal(found->log[0].status, 0);
    assert_true(str_eq(found->log[0].code, STR("timeout")));
    assert_int_equal(found->log[1].status, 204);
    assert_int_equal(found->log[1].code.len, 0);
    assert_int_equal(due(h, 10)->count, 0);
    assert_int_equal(put(h, seq + 1, 1, 204, CALLBACK_DELIVERED), HUB_ERR_NOT_FOUND);
}

static void test_the_log_has_an_end(void **state)
{
    struct harness *h = *state;
    struct id id = finished(h, "http://a/", JOB_SUCCEEDED);
    int64_t seq = of_job(h, id)->items[0].seq;

    for (uint32_t i = 1; i <= CALLBACK_LOG_MAX + 3; i++) {
        assert_int_equal(put(h, seq, i, 500, CALLBACK_PENDING), 0);
    }
    const struct callback_record *found = &of_job(h, id)->items[0];
    assert_int_equal(found->attempts, CALLBACK_LOG_MAX + 3);
    assert_int_equal(found->log_count, CALLBACK_LOG_MAX);
    assert_int_equal(found->log[0].number, 4);
}

static void test_gone_is_for_all_of_a_url(void **state)
{
    struct harness *h = *state;
    struct id first = finished(h, "http://gone/", JOB_SUCCEEDED);

    assert_int_equal(put(h, of_job(h, first)->items[0].seq, 1, 410, CALLBACK_DISABLED), 0);
    finished(h, "http://gone/", JOB_SUCCEEDED);
    finished(h, "http://other/", JOB_SUCCEEDED);
    const struct store_callbacks *found = due(h, 10);
    assert_int_equal(found->count, 2);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(found->items[i].gone, str_eq(found->items[i].url, STR("http://gone/")));
    }
    assert_int_equal(resend(h, first), 0);
    found = due(h, 10);
    assert_int_equal(found->count, 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_false(found->items[i].gone);
    }
}

static void test_resending(void **state)
{
    struct harness *h = *state;
    struct id id = finished(h, "http://a/", JOB_SUCCEEDED);
    int64_t seq = of_job(h, id)->items[0].seq;

    assert_int_equal(put(h, seq, 7, 500, CALLBACK_FAILED), 0);
    assert_int_equal(resend(h, id), 0);
    const struct callback_record *found = &due(h, 10)->items[0];
    assert_int_equal(found->seq, seq);
    assert_int_equal(found->attempts, 7);
    assert_int_equal(found->tries, 0);
    assert_int_equal(found->next_at, h->now);
    assert_int_equal(resend(h, harness_insert(h)), HUB_ERR_CONFLICT);
    assert_int_equal(resend(h, harness_id(h)), HUB_ERR_NOT_FOUND);
}

static void test_lists_by_state(void **state)
{
    struct harness *h = *state;

    for (int i = 0; i < 5; i++) {
        struct id id = finished(h, "http://a/", JOB_SUCCEEDED);
        enum callback_state to = i == 2 ? CALLBACK_DELIVERED : CALLBACK_FAILED;
        assert_int_equal(put(h, of_job(h, id)->items[0].seq, 1, 500, to), 0);
    }
    const struct store_callbacks *page = list(h, CALLBACK_FAILED, 0, 3);
    assert_int_equal(page->count, 3);
    assert_true(page->items[0].seq > page->items[1].seq);
    page = list(h, CALLBACK_FAILED, page->items[2].seq, 3);
    assert_int_equal(page->count, 1);
    assert_int_equal(list(h, CALLBACK_DELIVERED, 0, 3)->count, 1);
    assert_int_equal(list(h, CALLBACK_PENDING, 0, 3)->count, 0);
}

static void test_they_go_with_their_job(void **state)
{
    struct harness *h = *state;
    struct id id = finished(h, "http://a/", JOB_SUCCEEDED);
    int64_t seq = of_job(h, id)->items[0].seq;

    assert_int_equal(put(h, seq, 1, 500, CALLBACK_PENDING), 0);
    harness_reopen(h, NULL); /* it must know again that there are any */
    struct store_op *op = harness_op(h, STORE_JOB_DELETE);
    op->job_delete.id = id;
    assert_int_equal(harness_run(h, op), 0);
    assert_int_equal(due(h, 10)->count, 0);
    assert_int_equal(list(h, CALLBACK_PENDING, 0, 10)->count, 0);
    assert_int_equal(put(h, seq, 2, 204, CALLBACK_DELIVERED), HUB_ERR_NOT_FOUND);
}

static void test_signing_keys(void **state)
{
    struct harness *h = *state;
    static const struct {
        bool only_new;
        const char *sealed;
        int err;
        const char *then;
    } STEPS[] = {{true, "one", 0, "one"},
                 {true, "two", HUB_ERR_CONFLICT, "one"},
                 {false, "three", 0, "three"}};
    struct store_op *get = harness_op(h, STORE_SIGNING_GET);

    assert_int_equal(harness_run(h, get), HUB_ERR_NOT_FOUND);
    for (size_t i = 0; i < sizeof STEPS / sizeof STEPS[0]; i++) {
        struct store_op *op = harness_op(h, STORE_SIGNING_PUT);
        op->signing_put =
            (struct store_signing_put){STEPS[i].only_new, str_from_c(STEPS[i].sealed)};
        assert_int_equal(harness_run(h, op), STEPS[i].err);
        get = harness_op(h, STORE_SIGNING_GET);
        assert_int_equal(harness_run(h, get), 0);
        assert_true(str_eq(get->signing_get.ret_sealed, str_from_c(STEPS[i].then)));
    }
}

int contract_callbacks(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_an_end_makes_a_delivery),
        STORE_TEST(test_a_refused_move_makes_none),
        STORE_TEST(test_a_failed_parent_makes_one_of_its_child),
        STORE_TEST(test_attempts_are_on_record),
        STORE_TEST(test_the_log_has_an_end),
        STORE_TEST(test_gone_is_for_all_of_a_url),
        STORE_TEST(test_resending),
        STORE_TEST(test_lists_by_state),
        STORE_TEST(test_they_go_with_their_job),
        STORE_TEST(test_signing_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
