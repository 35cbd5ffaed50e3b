#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- Insert ------------------------------------------------------------------------------------*/

static void test_insert_keeps_every_field(void **state)
{
    struct harness *h = *state;
    struct store_op *op = harness_insert_op(h);
    const struct id file = harness_upload(h, "a file");
    const struct id parent = harness_insert(h);
    struct job_record *job = &op->job_insert.job;

    job->account = STR("acme");
    job->labels = STR("{\"tenant\":\"7\"}");
    job->callback_url = STR("https://example.org/done");
    job->traceparent = STR("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    job->input = STR("{\"b\": 1, \"a\": [2]}");
    job->priority = -100;
    job->retry_safety = JOB_NEVER;
    job->run_at = h->now + 5000;
    job->expires_at = h->now + 9000;
    job->retention_ms = 123456;
    job->max_attempts = 7;
    job->timeout_ms = 4321;
    job->after = &parent;
    job->after_count = 1;
    job->files = &file;
    job->file_count = 1;
    assert_int_equal(harness_run(h, op), 0);
    assert_int_equal(op->job_insert.ret_state, JOB_BLOCKED);

    const struct job_record *got = &harness_get(h, job->id)->job_get.ret_job;
    assert_id(got->id, job->id);
    assert_str(got->type, "noop.run");
    assert_str(got->queue, "default");
    assert_str(got->input, "{\"b\": 1, \"a\": [2]}");
    assert_str(got->account, "acme");
    assert_str(got->labels, "{\"tenant\":\"7\"}");
    assert_str(got->callback_url, "https://example.org/done");
    assert_str(got->traceparent, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    assert_str(got->created_by, "tester");
    assert_int_equal(got->priority, -100);
    assert_int_equal(got->retry_safety, JOB_NEVER);
    assert_int_equal(got->timeout_ms, 4321);
    assert_int_equal(got->max_attempts, 7);
    assert_int_equal(got->run_at, h->now + 5000);
    assert_int_equal(got->expires_at, h->now + 9000);
    assert_int_equal(got->retention_ms, 123456);
    assert_int_equal(got->state, JOB_BLOCKED);
    assert_int_equal(got->created_at, h->now);
    assert_int_equal(got->attempt, 0);
    assert_int_equal(got->finished_at, 0);
    assert_int_equal(got->after_count, 1);
    assert_id(got->after[0], parent);
    assert_int_equal(got->file_count, 1);
    assert_id(got->files[0], file);
    assert_int_equal(got->attempt_count, 0);
    assert_int_equal(got->artifact_count, 0);
}

static void test_insert_keeps_a_long_input(void **state)
{
    struct harness *h = *state;
    struct store_op *op = harness_insert_op(h);
    size_t len = 1 << 20;
    char *input = arena_alloc(&op->arena, len);

    memset(input, 'z', len);
    input[0] = input[len - 1] = '"';
    op->job_insert.job.input = str_of(input, len);
    assert_int_equal(harness_run(h, op), 0);
    harness_finish(h, op->job_insert.job.id, JOB_SUCCEEDED);

    struct store_op *got = harness_op(h, STORE_JOB_INPUT);
    got->job_input.id = op->job_insert.job.id;
    assert_int_equal(harness_run(h, got), 0);
    assert_int_equal(got->job_input.ret_input.len, len);
    assert_memory_equal(got->job_input.ret_input.ptr, input, len);
}

static void test_input_of_an_unknown_job(void **state)
{
    struct harness *h = *state;
    struct store_op *op = harness_op(h, STORE_JOB_INPUT);

    op->job_input.id = harness_id(h);
    assert_int_equal(harness_run(h, op), HUB_ERR_NOT_FOUND);
    assert_int_equal(harness_get(h, harness_id(h))->err, HUB_ERR_NOT_FOUND);
}

static void test_insert_of_a_known_id_conflicts(void **state)
{
    struct harness *h = *state;
    struct id id = harness_insert(h);
    struct store_op *op = harness_insert_op(h);
    uint64_t events = harness_last_event(h);

    op->job_insert.job.id = id;
    op->job_insert.job.input = STR("\"other\"");
    assert_int_equal(harness_run(h, op), HUB_ERR_CONFLICT);
    assert_id(op->job_insert.ret_existing, id);
    assert_str(harness_get(h, id)->job_get.ret_job.input, "{}");
    assert_int_equal(harness_last_event(h), events);
}

static void test_insert_of_too_many_links_is_refused(void **state)
{
    struct harness *h = *state;
    struct store_op *op = harness_insert_op(h);
    static struct id many[JOB_AFTER_MAX + 1];

    op->job_insert.job.after = many;
    op->job_insert.job.after_count = JOB_AFTER_MAX + 1;
    assert_int_equal(harness_run(h, op), HUB_ERR_LIMIT);
}

/* --- Idempotency -------------------------------------------------------------------------------*/

static struct store_op *keyed_op(struct harness *h, const char *scope, const char *request)
{
    struct store_op *op = harness_insert_op(h);

    op->job_insert.idempotency.given = true;
    op->job_insert.idempotency.expires_at = h->now + 1000;
    sha256_of(str_from_c(scope), &op->job_insert.idempotency.scope);
    sha256_of(str_from_c(request), &op->job_insert.idempotency.request);
    return op;
}

static void test_same_key_same_request_is_replayed(void **state)
{
    struct harness *h = *state;
    struct store_op *first = keyed_op(h, "scope", "body");

    assert_int_equal(harness_run(h, first), 0);
    struct store_op *again = keyed_op(h, "scope", "body");
    assert_int_equal(harness_run(h, again), HUB_ERR_CONFLICT);
    assert_id(again->job_insert.ret_existing, first->job_insert.job.id);
    assert_int_equal(harness_get(h, again->job_insert.job.id)->err, HUB_ERR_NOT_FOUND);
    assert_int_equal(harness_run(h, keyed_op(h, "other", "body")), 0);
}

static void test_same_key_other_request_is_refused(void **state)
{
    struct harness *h = *state;

    assert_int_equal(harness_run(h, keyed_op(h, "scope", "body")), 0);
    assert_int_equal(harness_run(h, keyed_op(h, "scope", "body 2")), HUB_ERR_IDEMPOTENCY_MISMATCH);
}

static void test_same_key_within_a_batch(void **state)
{
    struct harness *h = *state;
    struct store_op *a = keyed_op(h, "scope", "body");
    struct store_op *b = keyed_op(h, "scope", "body");

    harness_submit(h, a);
    harness_submit(h, b);
    harness_wait(h);
    assert_int_equal(a->err, 0);
    assert_int_equal(b->err, HUB_ERR_CONFLICT);
    assert_id(b->job_insert.ret_existing, a->job_insert.job.id);
}

static void test_key_outlives_its_job(void **state)
{
    struct harness *h = *state;
    struct store_op *first = keyed_op(h, "scope", "body");
    struct store_op *del = harness_op(h, STORE_JOB_DELETE);

    assert_int_equal(harness_run(h, first), 0);
    harness_finish(h, first->job_insert.job.id, JOB_SUCCEEDED);
    del->job_delete.id = first->job_insert.job.id;
    assert_int_equal(harness_run(h, del), 0);
    harness_reopen(h, NULL);
    harness_insert(h); /* must not take the place of the deleted one */
    struct store_op *again = keyed_op(h, "scope", "body");
    assert_int_equal(harness_run(h, again), HUB_ERR_CONFLICT);
    assert_true(id_is_zero(&again->job_insert.ret_existing));
}

static void test_key_survives_reopening_and_expires(void **state)
{
    struct harness *h = *state;
    struct store_op *first = keyed_op(h, "scope", "body");

    assert_int_equal(harness_run(h, first), 0);
    struct id id = first->job_insert.job.id;
    harness_reopen(h, NULL);
    h->now += 999;
    struct store_op *again = keyed_op(h, "scope", "body");
    assert_int_equal(harness_run(h, again), HUB_ERR_CONFLICT);
    assert_id(again->job_insert.ret_existing, id);
    h->now += 1;
    assert_int_equal(harness_run(h, keyed_op(h, "scope", "body 2")), 0);
    assert_int_equal(harness_run(h, keyed_op(h, "scope", "body 2")), HUB_ERR_CONFLICT);
    assert_int_equal(harness_run(h, keyed_op(h, "scope", "body")), HUB_ERR_IDEMPOTENCY_MISMATCH);
}

static void test_failed_insert_gives_its_key_back(void **state)
{
    struct harness *h = *state;
    struct store_op *op = keyed_op(h, "scope", "body");
    const struct id unknown = harness_id(h);

    op->job_insert.job.after = &unknown;
    op->job_insert.job.after_count = 1;
    assert_int_equal(harness_run(h, op), HUB_ERR_NOT_FOUND);
    assert_id(op->job_insert.ret_unknown, unknown);
    assert_int_equal(harness_run(h, keyed_op(h, "scope", "body")), 0);
}

static void test_keys_are_bounded(void **state)
{
    struct harness *h = *state;

    harness_reopen(h, &(struct harness_options){.idempotency_max = 2});
    assert_int_equal(harness_run(h, keyed_op(h, "a", "")), 0);
    assert_int_equal(harness_run(h, keyed_op(h, "b", "")), 0);
    assert_int_equal(harness_run(h, keyed_op(h, "c", "")), HUB_ERR_UNAVAILABLE);
    assert_int_equal(harness_run(h, keyed_op(h, "a", "")), HUB_ERR_CONFLICT);
    harness_insert(h);
}

static void test_many_keys_are_all_found(void **state)
{
    enum { KEYS = 20000 };
    struct harness *h = *state;
    struct store_op *ops[64];
    char scope[32];

    for (int i = 0; i < KEYS; i++) {
        snprintf(scope, sizeof scope, "scope %d", i);
        harness_submit(h, keyed_op(h, scope, "body"));
    }
    harness_wait(h);
    harness_reopen(h, NULL);
    for (int i = 0; i < 64; i++) {
        snprintf(scope, sizeof scope, "scope %d", i * (KEYS / 64));
        ops[i] = keyed_op(h, scope, "body");
        harness_submit(h, ops[i]);
    }
    harness_wait(h);
    for (int i = 0; i < 64; i++) {
        assert_int_equal(ops[i]->err, HUB_ERR_CONFLICT);
        assert_false(id_is_zero(&ops[i]->job_insert.ret_existing));
    }
}

/* --- Start and move ----------------------------------------------------------------------------*/

static struct store_op *start_op(struct harness *h, struct id id, uint32_t number)
{
    struct store_op *op = harness_op(h, STORE_JOB_START);

    op->job_start =
        (struct store_job_start){.id = id, .fence = number - 1, .number = number, .at = h->now};
    return op;
}

static struct store_op *move_op(struct harness *h, struct id id, enum job_state from,
                                uint32_t fence, enum job_state to)
{
    struct store_op *op = harness_op(h, STORE_JOB_MOVE);

    op->job_move =
        (struct store_job_move){.id = id, .from = from, .fence = fence, .to = to, .at = h->now};
    return op;
}

static void test_started_job_runs_and_ends(void **state)
{
    struct harness *h = *state;
    struct id id = harness_insert(h);

    assert_int_equal(harness_run(h, start_op(h, id, 1)), 0);
    const struct job_record *job = &harness_get(h, id)->job_get.ret_job;
    assert_int_equal(job->state, JOB_RUNNING);
    assert_int_equal(job->attempt, 1);
    assert_int_equal(job->started_at, h->now);
    assert_int_equal(job->attempt_count, 1);
    assert_int_equal(job->attempts[0].number, 1);
    assert_int_equal(job->attempts[0].finished_at, 0);

    struct store_op *op = move_op(h, id, JOB_RUNNING, 1, JOB_SUCCEEDED);
    op->job_move.at = h->now + 10;
    op->job_move.has_attempt = true;
    op->job_move.charge = true;
    op->job_move.attempt = (struct attempt_record){.number = 1,
                                                   .started_at = h->now,
                                                   .finished_at = h->now + 9,
                                                   .outcome = ATTEMPT_SUCCEEDED,
                                                   .pid = 77,
                                                   .connector_version = STR_INIT("2.1")};
    op->job_move.result = STR("{\"ok\":true}");
    assert_int_equal(harness_run(h, op), 0);
    job = &harness_get(h, id)->job_get.ret_job;
    assert_int_equal(job->state, JOB_SUCCEEDED);
    assert_int_equal(job->charged, 1);
    assert_int_equal(job->finished_at, h->now + 10);
    assert_str(job->result, "{\"ok\":true}");
    assert_int_equal(job->attempt_count, 1);
    assert_int_equal(job->attempts[0].finished_at, h->now + 9);
    assert_int_equal(job->attempts[0].pid, 77);
    assert_str(job->attempts[0].connector_version, "2.1");
}

static void test_attempts_stay_on_record(void **state)
{
    static const struct str codes[] = {STR_INIT("one"), STR_INIT("two"), STR_INIT("three")};
    struct harness *h = *state;
    struct id id = harness_insert(h);

    for (uint32_t n = 1; n <= 3; n++) {
        struct store_op *op = move_op(h, id, JOB_RUNNING, n, JOB_SCHEDULED);
        op->job_move.from_unstarted = true;
        op->job_move.has_attempt = true;
        op->job_move.charge = true;
        op->job_move.crash = n == 2;
        op->job_move.run_at = h->now + 100 * n;
        op->job_move.attempt = (struct attempt_record){.number = n,
                                                       .started_at = h->now + n,
                                                       .finished_at = h->now + n + 1,
                                                       .outcome = ATTEMPT_RETRY,
                                                       .code = codes[n - 1],
                                                       .message = STR_INIT("try again"),
                                                       .cause = STR_INIT("signal"),
                                                       .cause_number = 11};
        op->job_move.error_code = codes[n - 1];
        op->job_move.error_retryable = true;
        assert_int_equal(harness_run(h, op), 0);
        assert_int_equal(harness_run(h, move_op(h, id, JOB_SCHEDULED, n, JOB_QUEUED)), 0);
    }
    const struct job_record *job = &harness_get(h, id)->job_get.ret_job;
    assert_int_equal(job->state, JOB_QUEUED);
    assert_int_equal(job->attempt, 3);
    assert_int_equal(job->charged, 3);
    assert_int_equal(job->crashes, 1);
    assert_int_equal(job->run_at, h->now + 300);
    assert_int_equal(job->started_at, h->now + 3);
    assert_str(job->error_code, "three");
    assert_true(job->error_retryable);
    assert_int_equal(job->attempt_count, 3);
    for (uint32_t n = 1; n <= 3; n++) {
        const struct attempt_record *attempt = &job->attempts[n - 1];
        assert_int_equal(attempt->number, n);
        assert_int_equal(attempt->started_at, h->now + n);
        assert_int_equal(attempt->finished_at, h->now + n + 1);
        assert_int_equal(attempt->outcome, ATTEMPT_RETRY);
        assert_true(str_eq(attempt->code, codes[n - 1]));
        assert_str(attempt->message, "try again");
        assert_str(attempt->cause, "signal");
        assert_int_equal(attempt->cause_number, 11);
    }
}

/* A release keeps the error of the attempt before, a success ends it. */
static void test_error_stays_until_the_job_ends(void **state)
{
    struct harness *h = *state;
    struct id id = harness_insert(h);
    struct store_op *op = harness_finish_op(h, id, JOB_SCHEDULED);

    op->job_move.error_code = STR("gateway_busy");
    op->job_move.error_message = STR("busy");
    op->job_move.error_details = STR("{\"n\":1}");
    assert_int_equal(harness_run(h, op), 0);
    assert_int_equal(harness_run(h, move_op(h, id, JOB_SCHEDULED, 1, JOB_QUEUED)), 0);
    assert_int_equal(harness_run(h, start_op(h, id, 2)), 0);
    op = move_op(h, id, JOB_RUNNING, 2, JOB_QUEUED);
    op->job_move.has_attempt = true;
    op->job_move.attempt = (struct attempt_record){
        .number = 2, .started_at = h->now, .finished_at = h->now, .outcome = ATTEMPT_RELEASED};
    assert_int_equal(harness_run(h, op), 0);
    const struct job_record *job = &harness_get(h, id)->job_get.ret_job;
    assert_str(job->error_code, "gateway_busy");
    assert_str(job->error_message, "busy");
    assert_str(job->error_details, "{\"n\":1}");
    assert_int_equal(job->charged, 1);
    assert_int_equal(job->attempt_count, 2);

    op = move_op(h, id, JOB_RUNNING, 3, JOB_SUCCEEDED);
    op->job_move.from_unstarted = op->job_move.has_attempt = true;
    op->job_move.attempt = (struct attempt_record){
        .number = 3, .started_at = h->now, .finished_at = h->now, .outcome = ATTEMPT_SUCCEEDED};
    assert_int_equal(harness_run(h, op), 0);
    job = &harness_get(h, id)->job_get.ret_job;
    assert_str(job->error_code, "");
    assert_str(job->error_details, "");
    assert_int_equal(job->attempt_count, 3);
    assert_int_equal(job->attempts[1].outcome, ATTEMPT_RELEASED);
}

static void test_retry_by_hand_starts_over(void **state)
{
    struct harness *h = *state;
    struct store_op *insert = harness_insert_op(h);
    struct id id = insert->job_insert.job.id;

    insert->job_insert.job.expires_at = h->now + 10;
    assert_int_equal(harness_run(h, insert), 0);
    struct store_op *op = harness_finish_op(h, id, JOB_FAILED);
    op->job_move.error_code = STR("no");
    op->job_move.crash = true;
    assert_int_equal(harness_run(h, op), 0);
    assert_int_equal(harness_get(h, id)->job_get.ret_job.crashes, 1);

    op = move_op(h, id, JOB_FAILED, 1, JOB_QUEUED);
    op->job_move.by_hand = op->job_move.reset = true;
    assert_int_equal(harness_run(h, op), 0);
    const struct job_record *job = &harness_get(h, id)->job_get.ret_job;
    assert_int_equal(job->state, JOB_QUEUED);
    assert_int_equal(job->attempt, 1);
    assert_int_equal(job->charged, 0);
    assert_int_equal(job->crashes, 0);
    assert_int_equal(job->expires_at, 0);
    assert_int_equal(job->finished_at, 0);
    assert_str(job->error_code, "");
    assert_int_equal(job->attempt_count, 1);
}

static void test_job_cancelled_before_it_ran(void **state)
{
    struct harness *h = *state;
    struct id id = harness_insert(h);
    struct store_op *op = move_op(h, id, JOB_QUEUED, 0, JOB_CANCELLED);

    op->job_move.error_code = STR("cancelled");
    assert_int_equal(harness_run(h, op), 0);
    const struct job_record *job = &harness_get(h, id)->job_get.ret_job;
    assert_int_equal(job->state, JOB_CANCELLED);
    assert_int_equal(job->attempt_count, 0);
    assert_int_equal(job->started_at, 0);
    assert_int_equal(job->finished_at, h->now);
    assert_str(job->error_code, "cancelled");
}

static void refuse(struct harness *h, struct store_op *op)
{
    struct id id = op->kind == STORE_JOB_START ? op->job_start.id : op->job_move.id;
    enum job_state before = harness_state(h, id);
    uint64_t events = harness_last_event(h);

    assert_int_equal(harness_run(h, op), HUB_ERR_CONFLICT);
    assert_int_equal(op->event_seq, 0);
    assert_int_equal(harness_state(h, id), before);
    assert_int_equal(harness_last_event(h), events);
}

static void test_fence(void **state)
{
    struct harness *h = *state;
    struct id id = harness_insert(h);

    /* queued, attempt 0 */
    refuse(h, move_op(h, id, JOB_RUNNING, 0, JOB_SUCCEEDED));
    refuse(h, move_op(h, id, JOB_QUEUED, 1, JOB_CANCELLED));
    refuse(h, move_op(h, id, JOB_RUNNING, 1, JOB_SUCCEEDED)); /* not from_unstarted */
    refuse(h, start_op(h, id, 2));
    struct store_op *far = harness_finish_op(h, id, JOB_SUCCEEDED);
    far->job_move.fence = far->job_move.attempt.number = 2;
    refuse(h, far);
    assert_int_equal(harness_run(h, start_op(h, id, 1)), 0);
    /* running, attempt 1 */
    refuse(h, start_op(h, id, 1));
    refuse(h, start_op(h, id, 2));
    refuse(h, move_op(h, id, JOB_RUNNING, 0, JOB_SUCCEEDED));
    refuse(h, move_op(h, id, JOB_RUNNING, 2, JOB_SUCCEEDED));
    refuse(h, move_op(h, id, JOB_QUEUED, 1, JOB_CANCELLED));
    struct store_op *next = harness_finish_op(h, id, JOB_SUCCEEDED);
    next->job_move.fence = next->job_move.attempt.number = 2;
    refuse(h, next);                      /* from_unstarted needs a queued job */
    harness_finish(h, id, JOB_SUCCEEDED); /* from_unstarted, and it was started: fine too */
    /* succeeded */
    refuse(h, move_op(h, id, JOB_RUNNING, 1, JOB_FAILED));
    refuse(h, harness_finish_op(h, id, JOB_FAILED));
    refuse(h, start_op(h, id, 2));
}

static void test_moves_of_unknown_jobs(void **state)
{
    struct harness *h = *state;

    assert_int_equal(harness_run(h, start_op(h, harness_id(h), 1)), HUB_ERR_NOT_FOUND);
    assert_int_equal(harness_run(h, harness_finish_op(h, harness_id(h), JOB_FAILED)),
                     HUB_ERR_NOT_FOUND);
}

static void test_each_change_has_one_event(void **state)
{
    static const enum job_state states[] = {JOB_QUEUED, JOB_RUNNING, JOB_SUCCEEDED};
    struct harness *h = *state;
    struct store_op *insert = harness_insert_op(h);
    struct id id = insert->job_insert.job.id;

    assert_int_equal(harness_run(h, insert), 0);
    struct store_op *start = start_op(h, id, 1);
    assert_int_equal(harness_run(h, start), 0);
    struct store_op *end = harness_finish_op(h, id, JOB_SUCCEEDED);
    assert_int_equal(harness_run(h, end), 0);
    assert_true(insert->event_seq < start->event_seq && start->event_seq < end->event_seq);

    struct store_op *list = harness_op(h, STORE_EVENT_LIST);
    list->event_list.limit = 10;
    assert_int_equal(harness_run(h, list), 0);
    assert_int_equal(list->event_list.ret_count, 3);
    assert_int_equal(list->event_list.ret_oldest, insert->event_seq);
    for (int i = 0; i < 3; i++) {
        const struct store_event *event = &list->event_list.ret_events[i];
        assert_id(event->job, id);
        assert_int_equal(event->state, states[i]);
        assert_int_equal(event->attempt, i > 0);
        assert_int_equal(event->at, h->now);
        assert_str(event->type, "noop.run");
        assert_str(event->queue, "default");
    }
    struct store_op *rest = harness_op(h, STORE_EVENT_LIST);
    rest->event_list.after = start->event_seq;
    rest->event_list.limit = 10;
    assert_int_equal(harness_run(h, rest), 0);
    assert_int_equal(rest->event_list.ret_count, 1);
    assert_int_equal(rest->event_list.ret_events[0].seq, end->event_seq);
}

/* --- Delete ------------------------------------------------------------------------------------*/

static void test_delete(void **state)
{
    struct harness *h = *state;
    struct id id = harness_insert(h);
    struct store_op *op = harness_op(h, STORE_JOB_DELETE);

    op->job_delete.id = id;
    assert_int_equal(harness_run(h, op), HUB_ERR_CONFLICT);
    harness_finish(h, id, JOB_FAILED);
    op = harness_op(h, STORE_JOB_DELETE);
    op->job_delete.id = id;
    assert_int_equal(harness_run(h, op), 0);
    assert_int_equal(harness_get(h, id)->err, HUB_ERR_NOT_FOUND);
    op = harness_op(h, STORE_JOB_DELETE);
    op->job_delete.id = id;
    assert_int_equal(harness_run(h, op), HUB_ERR_NOT_FOUND);
}

int contract_jobs(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_insert_keeps_every_field),
        STORE_TEST(test_insert_keeps_a_long_input),
        STORE_TEST(test_input_of_an_unknown_job),
        STORE_TEST(test_insert_of_a_known_id_conflicts),
        STORE_TEST(test_insert_of_too_many_links_is_refused),
        STORE_TEST(test_same_key_same_request_is_replayed),
        STORE_TEST(test_same_key_other_request_is_refused),
        STORE_TEST(test_same_key_within_a_batch),
        STORE_TEST(test_key_outlives_its_job),
        STORE_TEST(test_key_survives_reopening_and_expires),
        STORE_TEST(test_failed_insert_gives_its_key_back),
        STORE_TEST(test_keys_are_bounded),
        STORE_TEST(test_many_keys_are_all_found),
        STORE_TEST(test_started_job_runs_and_ends),
        STORE_TEST(test_attempts_stay_on_record),
        STORE_TEST(test_error_stays_until_the_job_ends),
        STORE_TEST(test_retry_by_hand_starts_over),
        STORE_TEST(test_job_cancelled_before_it_ran),
        STORE_TEST(test_fence),
        STORE_TEST(test_moves_of_unknown_jobs),
        STORE_TEST(test_each_change_has_one_event),
        STORE_TEST(test_delete),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
