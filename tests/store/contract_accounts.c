/* Accounts, and the record of their uses. */
#include "harness.h"

#include <string.h>

static int put_account(struct harness *h, const char *name, const char *connector,
                       const char *sealed, bool is_default)
{
    struct store_op *op = harness_op(h, STORE_ACCOUNT_PUT);

    op->account_put.account = (struct store_account){
        .name = str_from_c(name),
        .connector = str_from_c(connector),
        .sealed = str_from_c(sealed),
        .is_default = is_default,
        .in_flight = 3,
        .rate = 5,
        .rate_period_ms = 1000,
        .created_at = h->now,
        .updated_at = h->now,
    };
    int err = harness_run(h, op);
    h->now += 10;
    return err;
}

static const struct store_account_list *list(struct harness *h)
{
    struct store_op *op = harness_op(h, STORE_ACCOUNT_LIST);

    assert_int_equal(harness_run(h, op), 0);
    return &op->account_list;
}

static void test_put_list_delete(void **state)
{
    struct harness *h = *state;
    int64_t made_at = h->now;

    assert_int_equal(list(h)->ret_count, 0);
    assert_int_equal(put_account(h, "b", "http", "sealed bytes", false), 0);
    assert_int_equal(put_account(h, "a", "http", "others", false), 0);
    const struct store_account_list *two = list(h);
    assert_int_equal(two->ret_count, 2);
    assert_str(two->ret_accounts[0].name, "a");
    const struct store_account *b = &two->ret_accounts[1];
    assert_str(b->name, "b");
    assert_str(b->connector, "http");
    assert_str(b->sealed, "sealed bytes");
    assert_int_equal(b->in_flight, 3);
    assert_int_equal(b->rate, 5);
    assert_int_equal(b->rate_period_ms, 1000);
    assert_int_equal(b->created_at, made_at);

    assert_int_equal(put_account(h, "b", "http", "new", false), 0);
    b = &list(h)->ret_accounts[1];
    assert_str(b->sealed, "new");
    assert_int_equal(b->created_at, made_at);
    assert_true(b->updated_at > made_at);

    struct store_op *op = harness_op(h, STORE_ACCOUNT_DELETE);
    op->account_delete.name = STR("b");
    assert_int_equal(harness_run(h, op), 0);
    op = harness_op(h, STORE_ACCOUNT_DELETE);
    op->account_delete.name = STR("b");
    assert_int_equal(harness_run(h, op), HUB_ERR_NOT_FOUND);
    harness_reopen(h, NULL);
    assert_int_equal(list(h)->ret_count, 1);
}

static void test_one_default_a_connector(void **state)
{
    struct harness *h = *state;

    assert_int_equal(put_account(h, "a", "http", "x", true), 0);
    assert_int_equal(put_account(h, "b", "http", "x", true), 0);
    assert_int_equal(put_account(h, "c", "mail", "x", true), 0);
    const struct store_account_list *all = list(h);
    assert_false(all->ret_accounts[0].is_default);
    assert_true(all->ret_accounts[1].is_default);
    assert_true(all->ret_accounts[2].is_default);
}

/* --- Uses --------------------------------------------------------------------------------------*/

static struct id insert_under(struct harness *h, const char *account)
{
    struct store_op *op = harness_insert_op(h);

    op->job_insert.job.account = str_from_c(account);
    assert_int_equal(harness_run(h, op), 0);
    return op->job_insert.job.id;
}

static void start(struct harness *h, struct id id, uint32_t number)
{
    struct store_op *op = harness_op(h, STORE_JOB_START);

    h->now += 10;
    op->job_start =
        (struct store_job_start){.id = id, .fence = number - 1, .number = number, .at = h->now};
    assert_int_equal(harness_run(h, op), 0);
}

/* Ends attempt `number`, which began 5 ms before the clock's time. */
static void end(struct harness *h, struct id id, uint32_t number, enum attempt_outcome outcome,
                bool untouched)
{
    struct store_op *op = harness_op(h, STORE_JOB_MOVE);
    bool again = outcome != ATTEMPT_SUCCEEDED;

    h->now += 10;
    op->job_move = (struct store_job_move){
        .id = id,
        .from = JOB_RUNNING,
        .fence = number,
        .from_unstarted = true,
        .to = again ? JOB_QUEUED : JOB_SUCCEEDED,
        .at = h->now,
        .has_attempt = true,
        .untouched = untouched,
        .attempt = {.number = number,
                    .started_at = h->now - 5,
                    .finished_at = h->now,
                    .outcome = outcome},
    };
    assert_int_equal(harness_run(h, op), 0);
}

static const struct store_account_uses *uses(struct harness *h, const char *name, unsigned limit,
                                             const struct store_use *after)
{
    struct store_op *op = harness_op(h, STORE_ACCOUNT_USES);

    op->account_uses.name = str_from_c(name);
    op->account_uses.limit = limit;
    if (after != NULL) {
        op->account_uses.before_at = after->started_at;
        op->account_uses.before_key = after->key;
    }
    assert_int_equal(harness_run(h, op), 0);
    return &op->account_uses;
}

static void test_each_attempt_is_a_use(void **state)
{
    struct harness *h = *state;
    struct id id = insert_under(h, "shop");
    struct id other = insert_under(h, "other");
    struct id none = harness_insert(h);

    start(h, id, 1);
    const struct store_account_uses *got = uses(h, "shop", 10, NULL);
    assert_int_equal(got->ret_count, 1);
    assert_int_equal(got->ret_uses[0].ended_at, 0);
    end(h, id, 1, ATTEMPT_RETRY, false);
    end(h, other, 1, ATTEMPT_SUCCEEDED, false);
    end(h, none, 1, ATTEMPT_SUCCEEDED, false);
    end(h, id, 2, ATTEMPT_SUCCEEDED, false);

    got = uses(h, "shop", 10, NULL);
    assert_int_equal(got->ret_count, 2);
    assert_false(got->ret_more);
    assert_id(got->ret_uses[0].job, id);
    assert_int_equal(got->ret_uses[0].attempt, 2);
    assert_int_equal(got->ret_uses[0].outcome, ATTEMPT_SUCCEEDED);
    assert_int_equal(got->ret_uses[1].attempt, 1);
    assert_int_equal(got->ret_uses[1].outcome, ATTEMPT_RETRY);
    assert_true(got->ret_uses[1].ended_at > got->ret_uses[1].started_at);
    assert_int_equal(uses(h, "other", 10, NULL)->ret_count, 1);
    assert_int_equal(uses(h, "", 10, NULL)->ret_count, 0);
}

static void test_an_untouched_attempt_is_none(void **state)
{
    struct harness *h = *state;
    struct id id = insert_under(h, "shop");

    end(h, id, 1, ATTEMPT_RELEASED, true);
    assert_int_equal(uses(h, "shop", 10, NULL)->ret_count, 0);
    start(h, id, 2);
    end(h, id, 2, ATTEMPT_RELEASED, true);
    assert_int_equal(uses(h, "shop", 10, NULL)->ret_count, 0); /* it was only about to be one */
}

/* A file that attempt 3 of the job fetches; `key` 0: it begins. */
static int64_t fetch(struct harness *h, struct id id, int64_t key, bool untouched)
{
    struct store_op *op = harness_op(h, STORE_ACCOUNT_USE);

    h->now += 10;
    op->account_use = (struct store_account_use){
        .key = key,
        .account = STR("shop"),
        .job = id,
        .attempt = 3,
        .pointer = STR("/image"),
        .started_at = h->now,
        .ended_at = key ? h->now : 0,
        .outcome = key ? ATTEMPT_SUCCEEDED : 0,
        .untouched = untouched,
    };
    assert_int_equal(harness_run(h, op), 0);
    return op->account_use.key;
}

static void test_files_are_uses_too(void **state)
{
    struct harness *h = *state;
    struct id id = insert_under(h, "shop");
    int64_t first = fetch(h, id, 0, false);
    int64_t second = fetch(h, id, 0, false);
    int64_t third = fetch(h, id, 0, false);

    start(h, id, 1);
    assert_true(first != second && second != third && first != third);
    fetch(h, id, second, false);
    fetch(h, id, third, true);
    const struct store_account_uses *got = uses(h, "shop", 10, NULL);
    assert_int_equal(got->ret_count, 3);
    assert_true(str_eq(got->ret_uses[0].pointer, STR("")));
    assert_int_equal(got->ret_uses[0].attempt, 1);
    assert_int_equal(got->ret_uses[1].key, second);
    assert_int_equal(got->ret_uses[1].outcome, ATTEMPT_SUCCEEDED);
    assert_int_equal(got->ret_uses[2].key, first);
    assert_id(got->ret_uses[2].job, id);
    assert_int_equal(got->ret_uses[2].attempt, 3);
    assert_int_equal(got->ret_uses[2].ended_at, 0);
    assert_true(str_eq(got->ret_uses[2].pointer, STR("/image")));
}

/* What no attempt on record will end has ended when the store is opened; the rest has not. */
static void test_uses_that_were_cut_short(void **state)
{
    struct harness *h = *state;
    struct id id = insert_under(h, "shop");

    start(h, id, 1);
    fetch(h, id, 0, false);
    assert_int_equal(uses(h, "shop", 10, NULL)->ret_uses[0].ended_at, 0);
    harness_reopen(h, NULL);
    const struct store_account_uses *got = uses(h, "shop", 10, NULL);
    assert_int_equal(got->ret_count, 2);
    assert_int_equal(got->ret_uses[0].outcome, ATTEMPT_RELEASED);
    assert_int_not_equal(got->ret_uses[0].ended_at, 0);
    assert_int_equal(got->ret_uses[1].ended_at, 0);
}

static void test_uses_come_in_pages(void **state)
{
    enum { USES = 7 };
    struct harness *h = *state;
    struct id ids[USES];
    struct store_use last = {0};
    unsigned seen = 0;

    for (int i = 0; i < USES; i++) {
        ids[i] = insert_under(h, "shop");
        end(h, ids[i], 1, ATTEMPT_SUCCEEDED, false);
        h->now -= i % 2 ? 10 : 0; /* two at the same time */
    }
    for (;;) {
        const struct store_account_uses *page = uses(h, "shop", 2, seen ? &last : NULL);
        for (unsigned i = 0; i < page->ret_count; i++) {
            const struct store_use *use = &page->ret_uses[i];
            assert_id(use->job, ids[USES - 1 - seen]);
            assert_true(seen == 0 || use->started_at <= last.started_at);
            last = *use;
            seen++;
        }
        if (!page->ret_more) {
            break;
        }
    }
    assert_int_equal(seen, USES);
}

static void test_uses_outlive_job_and_account_for_their_time(void **state)
{
    struct harness *h = *state;
    struct id id = insert_under(h, "shop");

    end(h, id, 1, ATTEMPT_SUCCEEDED, false);
    struct store_op *op = harness_op(h, STORE_JOB_DELETE);
    op->job_delete.id = id;
    assert_int_equal(harness_run(h, op), 0);
    assert_int_equal(uses(h, "shop", 10, NULL)->ret_count, 1);

    /* The number of a deleted job is not given again while a use has it. */
    harness_reopen(h, NULL);
    id = insert_under(h, "shop");
    end(h, id, 1, ATTEMPT_SUCCEEDED, false);
    assert_int_equal(uses(h, "shop", 10, NULL)->ret_count, 2);

    for (int i = 0; i < 2; i++) {
        op = harness_op(h, STORE_PURGE);
        op->purge.now = h->now + STORE_USES_KEEP_MS + (i == 0 ? -1000 : 1000);
        op->purge.limit = 100;
        assert_int_equal(harness_run(h, op), 0);
        assert_int_equal(uses(h, "shop", 10, NULL)->ret_count, i == 0 ? 2 : 0);
    }
}

int contract_accounts(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_put_list_delete),
        STORE_TEST(test_one_default_a_connector),
        STORE_TEST(test_each_attempt_is_a_use),
        STORE_TEST(test_an_untouched_attempt_is_none),
        STORE_TEST(test_files_are_uses_too),
        STORE_TEST(test_uses_that_were_cut_short),
        STORE_TEST(test_uses_come_in_pages),
        STORE_TEST(test_uses_outlive_job_and_account_for_their_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
