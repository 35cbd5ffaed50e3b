/*
 * Batches in the engine, on the real store, with a clock that the test turns: how many of a batch's
 * jobs are in memory, its gate, its end, and all of it again after hubd has died.
 */
#include "bench.h"

enum { HELD_MAX = 4096 };

struct batches {
    struct bench bench;
    unsigned room;
    uint64_t held[HELD_MAX]; /* tokens of attempts that run */
    unsigned held_count;
    unsigned started, cancelled, ended;
    int answer; /* of the last call; 1: it has not come */
    struct id batch;
    struct id on_complete;
};

/* --- Hooks -------------------------------------------------------------------------------------*/

static int start(void *context, const struct jobs_attempt *attempt)
{
    struct batches *b = context;

    assert_true(b->held_count < b->room);
    assert_true(str_eq(attempt->input, STR("{}")));
    b->held[b->held_count++] = attempt->token;
    b->started++;
    return 0;
}

static unsigned room(void *context, struct str connector)
{
    struct batches *b = context;

    (void)connector;
    return b->room - b->held_count;
}

static void cancel(void *context, uint64_t token)
{
    (void)token;
    ((struct batches *)context)->cancelled++;
}

static const struct jobs_hooks hooks = {.start = start, .room = room, .cancel = cancel};

/* --- The bench ---------------------------------------------------------------------------------*/

/* As if it were killed: what runs is never heard of again. */
static void die(struct batches *b)
{
    bench_kill(&b->bench);
    b->held_count = 0;
}

static int setup(void **state)
{
    struct batches *b = calloc(1, sizeof *b);

    assert_non_null(b);
    b->room = 64;
    bench_open(&b->bench, &hooks, NULL);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct batches *b = *state;

    bench_close(&b->bench);
    free(b);
    return 0;
}

/* --- A batch -----------------------------------------------------------------------------------*/

static void on_answer(void *context, struct store_op *op)
{
    struct batches *b = context;

    b->answer = op->err;
    if (op->err == 0 && op->kind == STORE_BATCH_CREATE) {
        b->batch = op->batch_create.ret_batch.id;
    } else if (op->err == 0 && op->kind == STORE_BATCH_APPEND && op->batch_append.on_complete) {
        b->on_complete = op->batch_append.on_complete->id;
    }
}

static struct job_record a_job(void)
{
    return (struct job_record){.type = STR_INIT("a.run"), .input = STR_INIT("{}")};
}

static void append(struct batches *b, uint64_t after, unsigned count, enum batch_upload upload)
{
    struct store_op *op = store_op_new(STORE_BATCH_APPEND);
    struct store_batch_append *append = &op->batch_append;

    append->batch = b->batch;
    append->after = after;
    append->lines = after + count;
    append->items = arena_zalloc(&op->arena, (count + 1) * sizeof *append->items);
    append->item_count = count;
    append->upload = upload;
    for (unsigned i = 0; i < count; i++) {
        append->items[i] = (struct batch_line){.line = after + 1 + i, .job = a_job()};
        append->items[i].job.batch = b->batch;
    }
    if (upload == BATCH_COMPLETE) {
        append->on_complete = arena_alloc(&op->arena, sizeof(struct job_record));
        *append->on_complete = a_job();
    }
    jobs_batch_append(b->bench.jobs, op, on_answer, b);
    bench_settle(&b->bench);
    assert_int_equal(b->answer, 0);
}

static void make(struct batches *b, unsigned lines, struct batch_limits limits)
{
    struct store_op *op = store_op_new(STORE_BATCH_CREATE);

    op->batch_create.batch = (struct batch_record){.settings = STR_INIT("{}"),
                                                   .queue = STR_INIT("default"),
                                                   .limits = limits,
                                                   .retention_ms = 60000};
    jobs_batch_create(b->bench.jobs, op, on_answer, b);
    bench_settle(&b->bench);
    for (unsigned at = 0; at < lines;) {
        unsigned count = lines - at < BATCH_APPEND_MAX ? lines - at : BATCH_APPEND_MAX;
        append(b, at, count, at + count == lines ? BATCH_COMPLETE : BATCH_RECEIVING);
        at += count;
    }
}

static void on_got(struct store_op *op, void *context)
{
    struct batch_record *record = context;

    assert_int_equal(op->err, 0);
    *record = op->batch_get.ret_batch;
}

static struct batch_record get(struct batches *b)
{
    struct store_op *op = store_op_new(STORE_BATCH_GET);
    struct batch_record record = {0};

    op->batch_get.id = b->batch;
    op->done = on_got;
    op->context = &record;
    store_submit(b->bench.store, op);
    bench_settle(&b->bench);
    return record;
}

static void set(struct batches *b, struct batch_limits limits)
{
    struct store_op *op = store_op_new(STORE_BATCH_SET);

    op->batch_set.batch = b->batch;
    op->batch_set.limits = limits;
    jobs_batch_set(b->bench.jobs, op, on_answer, b);
    bench_settle(&b->bench);
    assert_int_equal(b->answer, 0);
}

static void on_done(void *context, int err)
{
    ((struct batches *)context)->answer = err;
}

/* Ends attempts that run, the oldest first. */
static void end(struct batches *b, unsigned count, enum attempt_outcome outcome)
{
    const struct jobs_outcome how = {.outcome = outcome, .code = STR_INIT("why")};

    for (unsigned i = 0; i < count; i++) {
        assert_true(b->held_count > 0);
        uint64_t token = b->held[0];
        memmove(b->held, b->held + 1, --b->held_count * sizeof *b->held);
        jobs_finished(b->bench.jobs, token, &how);
        b->ended++;
    }
    bench_settle(&b->bench);
}

static void end_all(struct batches *b)
{
    while (b->held_count > 0) {
        end(b, b->held_count, ATTEMPT_SUCCEEDED);
    }
}

/* --- Tests -------------------------------------------------------------------------------------*/

static void test_few_jobs_are_in_memory(void **state)
{
    struct batches *b = *state;
    struct jobs_queue_info queue;
    uint64_t most = 0;

    make(b, 10000, (struct batch_limits){0});
    while (b->held_count > 0) {
        uint64_t unfinished = jobs_stats(b->bench.jobs)->unfinished;
        most = unfinished > most ? unfinished : most;
        assert_true(jobs_find_queue(b->bench.jobs, STR("default"), &queue));
        end(b, b->held_count, ATTEMPT_SUCCEEDED);
    }
    assert_in_range(most, 1024, 3200);
    assert_int_equal(b->started, 10001); /* and on_complete */
    assert_int_equal(get(b).counts[JOB_SUCCEEDED], 10000);
    assert_int_equal(jobs_stats(b->bench.jobs)->unfinished, 0);
    assert_true(jobs_find_queue(b->bench.jobs, STR("default"), &queue));
    assert_int_equal(queue.queued, 0);
}

static void test_what_waits_counts_in_its_queue(void **state)
{
    struct batches *b = *state;
    struct jobs_queue_info queue;

    make(b, 5000, (struct batch_limits){.paused = true});
    assert_int_equal(b->started, 0);
    assert_true(jobs_find_queue(b->bench.jobs, STR("default"), &queue));
    assert_int_equal(queue.queued, 5000);
    die(b);
    bench_begin(&b->bench);
    assert_true(jobs_find_queue(b->bench.jobs, STR("default"), &queue));
    assert_int_equal(queue.queued, 5000);
    assert_int_equal(jobs_stats(b->bench.jobs)->unfinished, 1); /* on_complete */
}

static void test_a_batch_has_its_own_concurrency(void **state)
{
    struct batches *b = *state;

    make(b, 20, (struct batch_limits){.concurrency = 3});
    assert_int_equal(b->held_count, 3);
    end(b, 1, ATTEMPT_SUCCEEDED);
    assert_int_equal(b->held_count, 3);
    set(b, (struct batch_limits){.concurrency = 5});
    assert_int_equal(b->held_count, 5);
    set(b, (struct batch_limits){.concurrency = 5, .paused = true});
    end(b, 5, ATTEMPT_SUCCEEDED);
    assert_int_equal(b->held_count, 0);
    set(b, (struct batch_limits){0});
    end_all(b);
    assert_int_equal(get(b).counts[JOB_SUCCEEDED], 20);
}

static void test_a_batch_has_its_own_rate(void **state)
{
    struct batches *b = *state;

    make(b, 50, (struct batch_limits){.rate = 10, .rate_period_ms = 1000});
    assert_int_equal(b->started, 10);
    bench_advance(&b->bench, 99);
    assert_int_equal(b->started, 10);
    bench_advance(&b->bench, 1);
    assert_int_equal(b->started, 11);
    bench_advance(&b->bench, 500);
    assert_int_equal(b->started, 16);
    end_all(b);
    assert_int_equal(b->started, 16);
    bench_advance(&b->bench, 10000);
    assert_int_equal(b->started, 26); /* idle credit is one period's worth */
    for (int i = 0; i < 40; i++) {
        bench_advance(&b->bench, 100);
        end_all(b);
    }
    assert_int_equal(get(b).counts[JOB_SUCCEEDED], 50);
}

static void test_the_last_job_comes_last_and_once(void **state)
{
    struct batches *b = *state;
    struct jobs_live live;

    make(b, 3, (struct batch_limits){0});
    assert_int_equal(b->started, 3);
    assert_true(jobs_live(b->bench.jobs, &b->on_complete, &live));
    assert_int_equal(live.state, JOB_BLOCKED);
    end(b, 2, ATTEMPT_SUCCEEDED);
    assert_int_equal(b->started, 3);
    die(b); /* the third one with it: it starts anew */
    bench_begin(&b->bench);
    assert_int_equal(b->started, 4);
    end(b, 1, ATTEMPT_FAILED);
    assert_int_equal(b->started, 5);
    end(b, 1, ATTEMPT_SUCCEEDED);
    assert_true(get(b).finished_at > 0);
    b->answer = 1;
    jobs_batch_retry(b->bench.jobs, &b->batch, on_done, b);
    bench_settle(&b->bench);
    assert_int_equal(b->answer, 0);
    assert_int_equal(b->started, 6);
    end(b, 1, ATTEMPT_SUCCEEDED);
    assert_int_equal(b->started, 6);
    assert_int_equal(get(b).counts[JOB_SUCCEEDED], 3);
    assert_true(get(b).finished_at > 0);
}

static void test_cancel_reaches_what_runs_and_what_waits(void **state)
{
    struct batches *b = *state;

    make(b, 6000, (struct batch_limits){0});
    assert_int_equal(b->held_count, 64);
    b->answer = 1;
    jobs_batch_cancel(b->bench.jobs, &b->batch, on_done, b);
    bench_settle(&b->bench);
    assert_int_equal(b->answer, 0);
    assert_int_equal(b->cancelled, 64);
    assert_int_equal(get(b).counts[JOB_CANCELLED], 6000 - 64);
    assert_int_equal(get(b).stage, BATCH_CANCELLING);
    end(b, 64, ATTEMPT_CANCELLED);
    assert_int_equal(get(b).stage, BATCH_CANCELLED);
    assert_int_equal(get(b).counts[JOB_CANCELLED], 6000);
    assert_int_equal(b->held_count, 1); /* on_complete */
    end_all(b);
    assert_int_equal(jobs_stats(b->bench.jobs)->unfinished, 0);
}

static void test_a_cancel_goes_on_after_a_crash(void **state)
{
    struct batches *b = *state;

    make(b, 6000, (struct batch_limits){.paused = true});
    jobs_batch_cancel(b->bench.jobs, &b->batch, on_done, b);
    bench_turn(&b->bench);
    die(b);
    bench_begin(&b->bench);
    assert_int_equal(get(b).counts[JOB_CANCELLED], 6000);
    assert_int_equal(get(b).stage, BATCH_CANCELLED);
}

static void test_every_line_runs_through_crashes(void **state)
{
    struct batches *b = *state;

    b->room = 500;
    make(b, 7000, (struct batch_limits){0});
    for (int life = 0; life < 5; life++) {
        for (int i = 0; i < 2; i++) {
            end(b, 400, life % 2 ? ATTEMPT_FAILED : ATTEMPT_SUCCEEDED);
        }
        die(b);
        bench_begin(&b->bench);
    }
    end_all(b);
    struct batch_record record = get(b);
    assert_int_equal(record.counts[JOB_SUCCEEDED] + record.counts[JOB_FAILED], 7000);
    assert_int_equal(record.counts[JOB_FAILED], 1600);
    jobs_batch_retry(b->bench.jobs, &b->batch, on_done, b);
    bench_settle(&b->bench);
    end_all(b);
    assert_int_equal(get(b).counts[JOB_SUCCEEDED], 7000);
    assert_int_equal(b->ended, 7000 + 1600 + 1);
}

#define BATCH_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BATCH_TEST(test_few_jobs_are_in_memory),
        BATCH_TEST(test_what_waits_counts_in_its_queue),
        BATCH_TEST(test_a_batch_has_its_own_concurrency),
        BATCH_TEST(test_a_batch_has_its_own_rate),
        BATCH_TEST(test_the_last_job_comes_last_and_once),
        BATCH_TEST(test_cancel_reaches_what_runs_and_what_waits),
        BATCH_TEST(test_a_cancel_goes_on_after_a_crash),
        BATCH_TEST(test_every_line_runs_through_crashes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
