/* The contract of jobs/batch.h. ("batches" is taken: there it means transactions.) */
#include "fault_vfs.h"
#include "harness.h"

#include <sqlite3.h>
#include <string.h>

/* --- Shorthands --------------------------------------------------------------------------------*/

static struct store_op *create_op(struct harness *h, const char *scope, const char *request)
{
    struct store_op *op = harness_op(h, STORE_BATCH_CREATE);
    struct store_batch_create *create = &op->batch_create;

    create->batch = (struct batch_record){
        .id = harness_id(h),
        .settings = STR_INIT("{\"type\":\"noop.run\"}"),
        .queue = STR_INIT("default"),
        .created_by = STR_INIT("tester"),
        .created_at = h->now,
        .retention_ms = 60000,
    };
    if (scope) {
        create->has_scope = true;
        sha256_of(str_from_c(scope), &create->scope);
        sha256_of(str_from_c(request), &create->request);
    }
    return op;
}

static struct id create(struct harness *h, bool atomic)
{
    struct store_op *op = create_op(h, NULL, NULL);

    op->batch_create.batch.atomic = atomic;
    assert_int_equal(harness_run(h, op), 0);
    return op->batch_create.batch.id;
}

static struct job_record line_job(struct harness *h)
{
    return (struct job_record){
        .id = harness_id(h),
        .type = STR_INIT("noop.run"),
        .queue = STR_INIT("default"),
        .input = STR_INIT("{\"a\":1}"),
        .timeout_ms = 1000,
        .max_attempts = 5,
        .retention_ms = 60000,
        .state = JOB_QUEUED,
        .created_at = h->now,
    };
}

/* Lines `after` + 1 … `after` + count, a job each. */
static struct store_op *append_op(struct harness *h, struct id batch, uint64_t after,
                                  unsigned count, enum batch_upload upload)
{
    struct store_op *op = harness_op(h, STORE_BATCH_APPEND);
    struct store_batch_append *append = &op->batch_append;

    append->batch = batch;
    append->at = h->now;
    append->after = after;
    append->lines = after + count;
    append->items = arena_zalloc(&op->arena, (count + 1) * sizeof *append->items);
    append->item_count = count;
    append->upload = upload;
    for (unsigned i = 0; i < count; i++) {
        append->items[i] = (struct batch_line){.line = after + 1 + i, .job = line_job(h)};
    }
    return op;
}

static struct store_op *append(struct harness *h, struct id batch, uint64_t after, unsigned count,
                               enum batch_upload upload)
{
    struct store_op *op = append_op(h, batch, after, count, upload);

    assert_int_equal(harness_run(h, op), 0);
    return op;
}

static struct batch_record get(struct harness *h, struct id batch)
{
    struct store_op *op = harness_op(h, STORE_BATCH_GET);

    op->batch_get.id = batch;
    assert_int_equal(harness_run(h, op), 0);
    return op->batch_get.ret_batch;
}

static struct store_op *open_page(struct harness *h, struct id batch, uint64_t opened,
                                  unsigned limit, int expected)
{
    struct store_op *op = harness_op(h, STORE_BATCH_OPEN);

    op->batch_open.batch = batch;
    op->batch_open.opened = opened;
    op->batch_open.limit = limit;
    assert_int_equal(harness_run(h, op), expected);
    return op;
}

static struct store_op *results(struct harness *h, struct id batch, uint64_t after, unsigned limit)
{
    struct store_op *op = harness_op(h, STORE_BATCH_RESULTS);

    op->batch_results.id = batch;
    op->batch_results.after = after;
    op->batch_results.limit = limit;
    assert_int_equal(harness_run(h, op), 0);
    return op;
}

static unsigned listed(struct harness *h, struct id batch)
{
    struct store_op *op = harness_op(h, STORE_JOB_LIST);

    op->job_list.batch = batch;
    op->job_list.limit = 1000;
    assert_int_equal(harness_run(h, op), 0);
    assert_false(op->job_list.ret_more);
    return op->job_list.ret_count;
}

static unsigned active(struct harness *h)
{
    struct store_op *op = harness_op(h, STORE_ACTIVE_LIST);

    op->active_list.limit = 1000;
    assert_int_equal(harness_run(h, op), 0);
    return op->active_list.ret_count;
}

static void purge(struct harness *h)
{
    struct store_op *op;

    do {
        op = harness_op(h, STORE_PURGE);
        op->purge.now = h->now;
        op->purge.limit = 100;
        assert_int_equal(harness_run(h, op), 0);
    } while (op->purge.ret_more);
}

/* --- Lines -------------------------------------------------------------------------------------*/

static void test_lines_are_jobs(void **state)
{
    struct harness *h = *state;
    struct id batch = create(h, false);
    struct store_op *first = append(h, batch, 0, 3, BATCH_RECEIVING);
    struct id other = harness_insert(h); /* its number stands between those of the batch */
    struct store_op *second = append(h, batch, 3, 2, BATCH_COMPLETE);
    struct batch_record record = get(h, batch);

    assert_int_equal(record.lines, 5);
    assert_int_equal(record.counts[JOB_QUEUED], 5);
    assert_int_equal(record.parked, 5);
    assert_str(record.settings, "{\"type\":\"noop.run\"}");
    assert_str(record.created_by, "tester");
    assert_int_equal(first->event_seq, 0);
    assert_int_equal(listed(h, batch), 5);
    struct store_op *op = harness_get(h, second->batch_append.items[1].job.id);
    assert_id(op->job_get.ret_job.batch, batch);
    assert_int_equal(op->job_get.ret_job.batch_line, 5);
    assert_true(id_is_zero(&harness_get(h, other)->job_get.ret_job.batch));
    op = results(h, batch, 0, 100);
    assert_int_equal(op->batch_results.ret_count, 3); /* of one stretch */
    assert_int_equal(op->batch_results.ret_next, 3);
    op = results(h, batch, 3, 100);
    assert_int_equal(op->batch_results.ret_count, 2);
    assert_int_equal(op->batch_results.ret_items[0].line, 4);
    assert_int_equal(op->batch_results.ret_next, 0);
}

static void test_an_append_has_its_place(void **state)
{
    struct harness *h = *state;
    struct id batch = create(h, false);

    append(h, batch, 0, 2, BATCH_RECEIVING);
    assert_int_equal(harness_run(h, append_op(h, batch, 1, 2, BATCH_RECEIVING)), HUB_ERR_CONFLICT);
    assert_int_equal(harness_run(h, append_op(h, batch, 3, 2, BATCH_RECEIVING)), HUB_ERR_CONFLICT);
    assert_int_equal(harness_run(h, append_op(h, batch, 2, BATCH_APPEND_MAX + 1, BATCH_RECEIVING)),
                     HUB_ERR_CONFLICT);
    assert_int_equal(harness_run(h, append_op(h, harness_id(h), 0, 1, BATCH_RECEIVING)),
                     HUB_ERR_NOT_FOUND);
    append(h, batch, 2, 1, BATCH_COMPLETE);
    assert_int_equal(harness_run(h, append_op(h, batch, 3, 1, BATCH_RECEIVING)), HUB_ERR_CONFLICT);
    assert_int_equal(get(h, batch).lines, 3);
    assert_int_equal(listed(h, batch), 3);
}

static void test_bad_lines_stand_among_the_results(void **state)
{
    struct harness *h = *state;
    struct id batch = create(h, false);
    struct store_op *op = append_op(h, batch, 0, 5, BATCH_COMPLETE);
    struct store_batch_append *given = &op->batch_append;
    const struct batch_bad_line bad = {2, STR_INIT("/input/a"), STR_INIT("must be a number")};
    const struct id unknown = harness_id(h);

    memmove(&given->items[1], &given->items[2], 3 * sizeof *given->items); /* line 2 is bad */
    given->item_count = 4;
    given->bad = &bad;
    given->bad_count = 1;
    given->items[2].job.after = &unknown; /* so is line 4 */
    given->items[2].job.after_count = 1;
    assert_int_equal(harness_run(h, op), 0);
    assert_int_equal(get(h, batch).bad, 2);
    assert_int_equal(batch_jobs(&given->ret_batch), 3);
    op = results(h, batch, 0, 100);
    assert_int_equal(op->batch_results.ret_count, 5);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(op->batch_results.ret_items[i].line, i + 1);
        assert_int_equal(op->batch_results.ret_items[i].is_bad, i == 1 || i == 3);
    }
    assert_str(op->batch_results.ret_items[1].bad.pointer, "/input/a");
    assert_str(op->batch_results.ret_items[3].bad.pointer, "/after");
}

static void test_a_known_scope_is_the_same_batch(void **state)
{
    struct harness *h = *state;
    struct store_op *first = create_op(h, "scope", "request");

    assert_int_equal(harness_run(h, first), 0);
    assert_false(first->batch_create.ret_known);
    const struct id id = first->batch_create.batch.id;
    append(h, id, 0, 7, BATCH_RECEIVING);
    harness_reopen(h, NULL);
    struct store_op *again = create_op(h, "scope", "request");
    assert_int_equal(harness_run(h, again), 0);
    assert_true(again->batch_create.ret_known);
    assert_id(again->batch_create.ret_batch.id, id);
    assert_int_equal(again->batch_create.ret_batch.lines, 7);
    assert_int_equal(harness_run(h, create_op(h, "scope", "other")), HUB_ERR_IDEMPOTENCY_MISMATCH);
    assert_int_equal(harness_run(h, create_op(h, "another", "other")), 0);
    h->now += BATCH_UPLOAD_KEPT_MS;
    again = create_op(h, "scope", "other");
    assert_int_equal(harness_run(h, again), 0);
    assert_false(again->batch_create.ret_known);
}

/* --- Opening -----------------------------------------------------------------------------------*/

static void test_pages_are_opened_in_order_and_once(void **state)
{
    struct harness *h = *state;
    struct id batch = create(h, false);
    struct store_op *given = append(h, batch, 0, 10, BATCH_COMPLETE);

    assert_int_equal(active(h), 0);
    struct store_op *page = open_page(h, batch, 0, 4, 0);
    assert_int_equal(page->batch_open.ret_count, 4);
    assert_int_equal(page->batch_open.ret_batch.opened, 4);
    assert_int_equal(page->batch_open.ret_batch.parked, 6);
    assert_str(page->batch_open.ret_items[3].job.input, "{\"a\":1}");
    assert_id(page->batch_open.ret_items[3].job.id, given->batch_append.items[3].job.id);
    harness_finish(h, given->batch_append.items[0].job.id, JOB_SUCCEEDED);
    harness_finish(h, given->batch_append.items[5].job.id, JOB_FAILED); /* parked */
    harness_reopen(h, NULL);
    assert_int_equal(active(h), 3);
    page = open_page(h, batch, 4, 100, 0);
    assert_int_equal(page->batch_open.ret_count, 5);
    assert_int_equal(page->batch_open.ret_items[1].line, 7);
    assert_int_equal(page->batch_open.ret_batch.opened, 10);
    assert_int_equal(page->batch_open.ret_batch.parked, 0);
    assert_int_equal(active(h), 8);
    assert_int_equal(open_page(h, batch, 10, 100, 0)->batch_open.ret_count, 0);
}

/* --- The end -----------------------------------------------------------------------------------*/

static struct store_op *with_on_complete(struct harness *h, struct id batch, unsigned count)
{
    struct store_op *op = append_op(h, batch, 0, count, BATCH_COMPLETE);

    op->batch_append.on_complete = arena_alloc(&op->arena, sizeof(struct job_record));
    *op->batch_append.on_complete = line_job(h);
    assert_int_equal(harness_run(h, op), 0);
    return op;
}

static void test_the_end_releases_one_job_once(void **state)
{
    struct harness *h = *state;
    struct id batch = create(h, false);
    struct store_op *given = with_on_complete(h, batch, 2);
    struct id last = given->batch_append.on_complete->id;
    struct id ids[] = {given->batch_append.items[0].job.id, given->batch_append.items[1].job.id};

    assert_int_equal(harness_state(h, last), JOB_BLOCKED);
    assert_int_equal(open_page(h, batch, 0, 9, 0)->batch_open.ret_count, 2);
    harness_finish(h, ids[0], JOB_SUCCEEDED);
    assert_int_equal(get(h, batch).finished_at, 0);
    struct store_op *op = harness_finish_op(h, ids[1], JOB_FAILED);
    assert_int_equal(harness_run(h, op), 0);
    assert_int_equal(op->released_count, 1);
    assert_id(op->released[0].id, last);
    assert_int_equal(op->released[0].state, JOB_QUEUED);
    assert_int_equal(harness_state(h, last), JOB_QUEUED);
    assert_int_equal(get(h, batch).finished_at, h->now);

    op = harness_op(h, STORE_BATCH_RETRY);
    op->batch_retry.batch = batch;
    op->batch_retry.at = h->now;
    op->batch_retry.limit = 100;
    assert_int_equal(harness_run(h, op), 0);
    assert_int_equal(op->batch_retry.ret_count, 1);
    assert_int_equal(op->batch_retry.ret_batch.finished_at, 0);
    assert_int_equal(op->batch_retry.ret_batch.opened, 1);
    assert_int_equal(open_page(h, batch, 1, 9, 0)->batch_open.ret_count, 1);
    op = harness_finish_op(h, ids[1], JOB_SUCCEEDED);
    op->job_move.fence = op->job_move.attempt.number = 2;
    assert_int_equal(harness_run(h, op), 0);
    assert_int_equal(op->released_count, 0);
    assert_int_equal(get(h, batch).counts[JOB_SUCCEEDED], 2);
    assert_true(get(h, batch).finished_at > 0);
}

static void test_a_batch_without_jobs_is_finished_at_once(void **state)
{
    struct harness *h = *state;
    struct id batch = create(h, false);
    struct store_op *op = with_on_complete(h, batch, 0);

    assert_int_equal(op->released_count, 1);
    assert_int_equal(harness_state(h, op->batch_append.on_complete->id), JOB_QUEUED);
    assert_true(get(h, batch).finished_at > 0);
}

static void test_a_retry_by_hand_counts_in_a_finished_batch(void **state)
{
    struct harness *h = *state;
    struct id batch = create(h, false);
    struct id id = append(h, batch, 0, 1, BATCH_COMPLETE)->batch_append.items[0].job.id;

    harness_finish(h, id, JOB_FAILED);
    assert_true(get(h, batch).finished_at > 0);
    harness_reopen(h, NULL);
    struct store_op *op = harness_op(h, STORE_JOB_MOVE);
    op->job_move = (struct store_job_move){.id = id,
                                           .from = JOB_FAILED,
                                           .fence = 1,
                                           .to = JOB_QUEUED,
                                           .at = h->now,
                                           .by_hand = true,
                                           .reset = true};
    assert_int_equal(harness_run(h, op), 0);
    assert_int_equal(get(h, batch).finished_at, 0);
    assert_int_equal(get(h, batch).counts[JOB_QUEUED], 1);
    assert_int_equal(get(h, batch).counts[JOB_FAILED], 0);
}

/* --- Cancel ------------------------------------------------------------------------------------*/

static struct store_op *cancel(struct harness *h, struct id batch, unsigned limit, int expected)
{
    struct store_op *op = harness_op(h, STORE_BATCH_CANCEL);

    op->batch_cancel.batch = batch;
    op->batch_cancel.at = h->now;
    op->batch_cancel.limit = limit;
    assert_int_equal(harness_run(h, op), expected);
    return op;
}

static void test_cancel_goes_slice_by_slice(void **state)
{
    struct harness *h = *state;
    struct id batch = create(h, false);
    struct id first = append(h, batch, 0, 10, BATCH_RECEIVING)->batch_append.items[0].job.id;

    open_page(h, batch, 0, 1, 0);
    struct store_op *op = cancel(h, batch, 5, 0);
    assert_true(op->batch_cancel.ret_more);
    assert_int_equal(op->batch_cancel.ret_batch.counts[JOB_CANCELLED], 5);
    assert_int_equal(op->batch_cancel.ret_batch.stage, BATCH_CANCELLING);
    assert_int_equal(harness_run(h, append_op(h, batch, 10, 1, BATCH_RECEIVING)), HUB_ERR_CONFLICT);
    open_page(h, batch, 6, 1, HUB_ERR_CONFLICT);
    harness_reopen(h, NULL);
    do {
        op = cancel(h, batch, 5, 0);
    } while (op->batch_cancel.ret_more);
    assert_int_equal(op->batch_cancel.ret_batch.counts[JOB_CANCELLED], 9);
    harness_finish(h, first, JOB_SUCCEEDED);
    struct batch_record record = get(h, batch);
    assert_int_equal(record.stage, BATCH_CANCELLED);
    assert_int_equal(record.upload, BATCH_BROKEN);
    assert_int_equal(record.finished_at, h->now);
    cancel(h, batch, 5, HUB_ERR_CONFLICT);
}

/* --- Atomic batches ----------------------------------------------------------------------------*/

static void test_an_atomic_batch_is_hidden_until_its_end(void **state)
{
    struct harness *h = *state;
    struct id batch = create(h, true);

    append(h, batch, 0, 300, BATCH_RECEIVING);
    struct id other = harness_insert(h);
    append(h, batch, 300, 300, BATCH_RECEIVING);
    assert_int_equal(listed(h, batch), 0);
    assert_int_equal(listed(h, (struct id){{0}}), 1);
    assert_int_equal(active(h), 1);
    open_page(h, batch, 0, 10, HUB_ERR_CONFLICT);
    harness_reopen(h, NULL);
    assert_int_equal(listed(h, (struct id){{0}}), 1);
    append(h, batch, 600, 1, BATCH_COMPLETE);
    assert_int_equal(listed(h, batch), 601);
    assert_int_equal(listed(h, (struct id){{0}}), 602);
    assert_int_equal(open_page(h, batch, 0, 10, 0)->batch_open.ret_count, 10);
    harness_finish(h, other, JOB_SUCCEEDED);
}

static void test_an_atomic_batch_that_is_dropped_leaves_nothing(void **state)
{
    struct harness *h = *state;
    struct store_op *op = create_op(h, "scope", "request");
    struct id batch = op->batch_create.batch.id;

    op->batch_create.batch.atomic = true;
    assert_int_equal(harness_run(h, op), 0);
    struct id id = append(h, batch, 0, 400, BATCH_RECEIVING)->batch_append.items[0].job.id;
    op = append_op(h, batch, 400, 2, BATCH_COMPLETE);
    const struct id unknown = harness_id(h);
    op->batch_append.items[1].job.after = &unknown;
    op->batch_append.items[1].job.after_count = 1;
    assert_int_equal(harness_run(h, op), HUB_ERR_INVALID_INPUT);
    assert_int_equal(op->batch_append.ret_bad.line, 402);
    op = harness_op(h, STORE_BATCH_DROP);
    op->batch_drop.batch = batch;
    assert_int_equal(harness_run(h, op), 0);
    assert_int_equal(listed(h, (struct id){{0}}), 0);
    harness_reopen(h, NULL);
    purge(h);
    assert_int_equal(harness_get(h, id)->err, HUB_ERR_NOT_FOUND);
    op = harness_op(h, STORE_BATCH_GET);
    op->batch_get.id = batch;
    assert_int_equal(harness_run(h, op), HUB_ERR_NOT_FOUND);
    assert_int_equal(harness_run(h, create_op(h, "scope", "other")), 0);
    op = harness_op(h, STORE_JOB_COUNTS);
    assert_int_equal(harness_run(h, op), 0);
    assert_int_equal(op->job_counts.ret_count, 0);
}

/* --- Time and failures -------------------------------------------------------------------------*/

static void test_what_nobody_continues_is_given_up(void **state)
{
    struct harness *h = *state;
    struct id open = create(h, false);
    struct id atomic = create(h, true);
    struct id id = append(h, open, 0, 2, BATCH_RECEIVING)->batch_append.items[0].job.id;

    append(h, atomic, 0, 2, BATCH_RECEIVING);
    purge(h);
    assert_int_equal(get(h, open).upload, BATCH_RECEIVING);
    h->now += BATCH_UPLOAD_KEPT_MS;
    purge(h);
    assert_int_equal(get(h, open).upload, BATCH_BROKEN);
    struct store_op *op = harness_op(h, STORE_BATCH_GET);
    op->batch_get.id = atomic;
    assert_int_equal(harness_run(h, op), HUB_ERR_NOT_FOUND);
    assert_int_equal(harness_state(h, id), JOB_QUEUED);
    cancel(h, open, 10, 0);
    h->now += 60000;
    purge(h);
    op = harness_op(h, STORE_BATCH_GET);
    op->batch_get.id = open;
    assert_int_equal(harness_run(h, op), HUB_ERR_NOT_FOUND);
    assert_int_equal(harness_get(h, id)->err, HUB_ERR_NOT_FOUND);
}

static void test_a_failed_commit_leaves_the_batch_as_it_was(void **state)
{
    struct harness *h = *state;

    if (!harness_kind->local) {
        skip();
    }
    struct id batch = create(h, false);
    append(h, batch, 0, 5, BATCH_RECEIVING);
    fault_vfs_fail(FAULT_SYNC, SQLITE_IOERR_FSYNC);
    assert_int_equal(harness_run(h, append_op(h, batch, 5, 5, BATCH_RECEIVING)), HUB_ERR_IO);
    fault_vfs_heal();
    assert_int_equal(get(h, batch).lines, 5);
    struct store_op *op = append(h, batch, 5, 5, BATCH_COMPLETE);
    assert_int_equal(op->batch_append.ret_batch.counts[JOB_QUEUED], 10);
    assert_int_equal(listed(h, batch), 10);
    for (unsigned i = 0; i < 5; i++) {
        harness_finish(h, op->batch_append.items[i].job.id, JOB_SUCCEEDED);
    }
    assert_int_equal(get(h, batch).counts[JOB_SUCCEEDED], 5);
}

int contract_bulk(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_lines_are_jobs),
        STORE_TEST(test_an_append_has_its_place),
        STORE_TEST(test_bad_lines_stand_among_the_results),
        STORE_TEST(test_a_known_scope_is_the_same_batch),
        STORE_TEST(test_pages_are_opened_in_order_and_once),
        STORE_TEST(test_the_end_releases_one_job_once),
        STORE_TEST(test_a_batch_without_jobs_is_finished_at_once),
        STORE_TEST(test_a_retry_by_hand_counts_in_a_finished_batch),
        STORE_TEST(test_cancel_goes_slice_by_slice),
        STORE_TEST(test_an_atomic_batch_is_hidden_until_its_end),
        STORE_TEST(test_an_atomic_batch_that_is_dropped_leaves_nothing),
        STORE_TEST(test_what_nobody_continues_is_given_up),
        STORE_TEST(test_a_failed_commit_leaves_the_batch_as_it_was),
    };

    return cmocka_run_group_tests_name("bulk", tests, NULL, NULL);
}
