/* Schedules, and their ticks: each written once, together with its job. */
#include "harness.h"

#include <string.h>

static struct store_op *put(struct harness *h, const char *name, const char *spec, bool keep_cursor)
{
    struct store_op *op = harness_op(h, STORE_SCHEDULE_PUT);

    op->schedule_put.schedule = (struct schedule_record){
        .name = str_from_c(name),
        .spec = str_from_c(spec),
        .created_by = STR("me"),
        .created_at = h->now,
        .updated_at = h->now,
        .cursor_at = h->now,
    };
    op->schedule_put.keep_cursor = keep_cursor;
    assert_int_equal(harness_run(h, op), 0);
    h->now += 10;
    return op;
}

static const struct store_schedule_list *list(struct harness *h)
{
    struct store_op *op = harness_op(h, STORE_SCHEDULE_LIST);

    assert_int_equal(harness_run(h, op), 0);
    return &op->schedule_list;
}

static const struct store_schedule_runs *runs(struct harness *h, int64_t seq, int64_t before)
{
    struct store_op *op = harness_op(h, STORE_SCHEDULE_RUNS);

    op->schedule_runs = (struct store_schedule_runs){.schedule = seq, .before = before, .limit = 2};
    assert_int_equal(harness_run(h, op), 0);
    return &op->schedule_runs;
}

static struct store_tick tick_of(struct harness *h, int64_t seq, int64_t at,
                                 enum schedule_outcome outcome)
{
    return (struct store_tick){
        .schedule = seq,
        .run = {.tick = at, .at = h->now, .outcome = outcome},
        .cursor_at = at,
        .purge_at = h->now + 1000,
    };
}

static int write_tick(struct harness *h, const struct store_tick *tick)
{
    struct store_op *op = harness_op(h, STORE_SCHEDULE_TICK);

    op->schedule_tick.tick = *tick;
    return harness_run(h, op);
}

static struct store_op *fire(struct harness *h, struct store_tick *tick, int err)
{
    struct store_op *op = harness_insert_op(h);

    op->job_insert.tick = tick;
    assert_int_equal(harness_run(h, op), err);
    return op;
}

static void test_put_pause_delete(void **state)
{
    struct harness *h = *state;
    const struct store_schedule_put *first = &put(h, "b", "{}", false)->schedule_put;

    int64_t seq = first->schedule.seq;
    assert_true(first->ret_new);
    put(h, "a", "{\"a\":1}", false);
    const struct store_schedule_put *again = &put(h, "b", "{\"b\":1}", true)->schedule_put;
    assert_int_equal(again->schedule.seq, first->schedule.seq);
    assert_int_equal(again->schedule.created_at, first->schedule.created_at);
    assert_int_equal(again->schedule.cursor_at, first->schedule.cursor_at);
    again = &put(h, "b", "{\"b\":2}", false)->schedule_put;
    assert_true(again->schedule.cursor_at > first->schedule.cursor_at);

    struct store_op *op = harness_op(h, STORE_SCHEDULE_PAUSE);
    op->schedule_pause = (struct store_schedule_pause){seq, true, h->now, 77};
    assert_int_equal(harness_run(h, op), 0);
    harness_reopen(h, NULL);
    const struct store_schedule_list *both = list(h);
    assert_int_equal(both->ret_count, 2);
    assert_str(both->ret_schedules[0].record.name, "a");
    const struct schedule_record *b = &both->ret_schedules[1].record;
    assert_str(b->spec, "{\"b\":2}");
    assert_true(b->paused);
    assert_int_equal(b->cursor_at, 77);

    op = harness_op(h, STORE_SCHEDULE_DELETE);
    op->schedule_delete.seq = seq;
    assert_int_equal(harness_run(h, op), 0);
    op = harness_op(h, STORE_SCHEDULE_DELETE);
    op->schedule_delete.seq = seq;
    assert_int_equal(harness_run(h, op), HUB_ERR_NOT_FOUND);
    assert_true(put(h, "b", "{}", false)->schedule_put.schedule.seq > seq);
}

static void test_a_tick_is_written_once(void **state)
{
    struct harness *h = *state;
    int64_t seq = put(h, "s", "{}", false)->schedule_put.schedule.seq;
    struct store_tick tick = tick_of(h, seq, 5000, SCHEDULE_FIRED);
    struct id job = fire(h, &tick, 0)->job_insert.job.id;

    /* The same tick makes no second job, and no tick without its schedule makes one. */
    struct id none = fire(h, &tick, HUB_ERR_CONFLICT)->job_insert.job.id;
    assert_int_equal(harness_get(h, job)->err, 0);
    struct store_op *op = harness_op(h, STORE_JOB_GET);
    op->job_get.id = none;
    assert_int_equal(harness_run(h, op), HUB_ERR_NOT_FOUND);
    assert_int_equal(write_tick(h, &tick), HUB_ERR_CONFLICT);
    struct store_tick foreign = tick_of(h, seq + 1, 5000, SCHEDULE_FIRED);
    fire(h, &foreign, HUB_ERR_GONE);

    struct store_tick missed = tick_of(h, seq, 6000, SCHEDULE_MISSED);
    missed.run.missed = 3;
    assert_int_equal(write_tick(h, &missed), 0);
    struct store_tick refused = tick_of(h, seq, 7000, SCHEDULE_REFUSED);
    refused.run.reason = STR("no");
    assert_int_equal(write_tick(h, &refused), 0);
    harness_reopen(h, NULL);
    assert_int_equal(list(h)->ret_schedules[0].record.cursor_at, 7000);
    const struct store_schedule_runs *latest = runs(h, seq, 0);
    assert_int_equal(latest->ret_count, 2);
    assert_true(latest->ret_more);
    assert_str(latest->ret_runs[0].reason, "no");
    assert_int_equal(latest->ret_runs[1].missed, 3);
    latest = runs(h, seq, 6000);
    assert_int_equal(latest->ret_count, 1);
    assert_false(latest->ret_more);
    assert_id(latest->ret_runs[0].made.id, job);
}

static void test_waiting_then_fired_then_purged(void **state)
{
    struct harness *h = *state;
    int64_t seq = put(h, "s", "{}", false)->schedule_put.schedule.seq;
    struct store_tick waits = tick_of(h, seq, 5000, SCHEDULE_WAITING);

    assert_int_equal(write_tick(h, &waits), 0);
    struct store_op *purge = harness_op(h, STORE_PURGE);
    purge->purge.now = h->now + 100000;
    purge->purge.limit = 100;
    assert_int_equal(harness_run(h, purge), 0);
    assert_int_equal(list(h)->ret_schedules[0].waiting_count, 1);
    assert_int_equal(list(h)->ret_schedules[0].made_count, 0);

    struct store_tick fires = tick_of(h, seq, 5000, SCHEDULE_FIRED);
    fires.was_waiting = true;
    struct id job = fire(h, &fires, 0)->job_insert.job.id;
    fire(h, &fires, HUB_ERR_CONFLICT);
    const struct schedule_loaded *loaded = list(h)->ret_schedules;
    assert_int_equal(loaded->waiting_count, 0);
    assert_int_equal(loaded->made_count, 1);
    assert_id(loaded->made[0].id, job);

    purge = harness_op(h, STORE_PURGE);
    purge->purge.now = h->now + 100000;
    purge->purge.limit = 100;
    assert_int_equal(harness_run(h, purge), 0);
    assert_int_equal(runs(h, seq, 0)->ret_count, 0);
}

int contract_schedules(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_put_pause_delete),
        STORE_TEST(test_a_tick_is_written_once),
        STORE_TEST(test_waiting_then_fired_then_purged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
