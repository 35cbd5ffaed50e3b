#include "harness.h"

#include <string.h>

/* Flows: graphs in one operation, what a failed parent makes of its children, open inputs. */

enum { ITEMS_MAX = 4 };

/* A flow of `count` jobs, each after the one before it. */
static struct store_op *chain_op(struct harness *h, unsigned count)
{
    struct store_op *op = harness_op(h, STORE_FLOW_INSERT);
    struct store_flow_insert *insert = &op->flow_insert;

    insert->flow =
        (struct flow_record){.id = harness_id(h), .name = STR("chain"), .created_at = h->now};
    insert->items = arena_zalloc(&op->arena, ITEMS_MAX * sizeof *insert->items);
    insert->item_count = count;
    for (unsigned i = 0; i < count; i++) {
        struct job_record *job = &insert->items[i].job;
        struct store_op *plain = harness_insert_op(h); /* its texts are literals */
        *job = plain->job_insert.job;
        store_op_free(plain);
        job->flow = insert->flow.id;
        job->flow_node = STR("node");
        job->after = i > 0 ? &insert->items[i - 1].job.id : NULL;
        job->after_count = i > 0;
    }
    return op;
}

static struct id item(const struct store_op *flow, unsigned index)
{
    return flow->flow_insert.items[index].job.id;
}

/* The ids of a flow, which outlive its operation. */
struct graph {
    struct id flow;
    struct id items[ITEMS_MAX];
};

static struct graph graph_of(const struct store_op *op)
{
    struct graph graph = {.flow = op->flow_insert.flow.id};

    for (unsigned i = 0; i < op->flow_insert.item_count; i++) {
        graph.items[i] = item(op, i);
    }
    return graph;
}

static struct store_op *get_flow(struct harness *h, struct id id)
{
    struct store_op *op = harness_op(h, STORE_FLOW_GET);

    op->flow_get.id = id;
    op->err = harness_run(h, op);
    return op;
}

static struct store_op *retry_flow(struct harness *h, struct id id)
{
    struct store_op *op = harness_op(h, STORE_FLOW_RETRY);

    op->flow_retry.id = id;
    op->flow_retry.at = h->now;
    assert_int_equal(harness_run(h, op), 0);
    return op;
}

static int64_t a_schedule(struct harness *h)
{
    struct store_op *op = harness_op(h, STORE_SCHEDULE_PUT);

    op->schedule_put.schedule = (struct schedule_record){
        .name = STR("nightly"),
        .spec = STR("{}"),
        .created_by = STR("me"),
        .created_at = h->now,
        .updated_at = h->now,
    };
    assert_int_equal(harness_run(h, op), 0);
    return op->schedule_put.schedule.seq;
}

/* A tick makes its flow once, and one that makes none is not written either. */
static void test_a_tick_makes_a_flow(void **state)
{
    struct harness *h = *state;
    struct store_tick tick = {
        .schedule = a_schedule(h),
        .run = {.tick = 5000, .at = h->now, .outcome = SCHEDULE_FIRED},
        .cursor_at = 5000,
        .purge_at = h->now + 1000,
    };
    const struct id absent = harness_id(h);
    struct store_op *broken = chain_op(h, 2);
    broken->flow_insert.tick = &tick;
    broken->flow_insert.items[0].job.after = &absent;
    broken->flow_insert.items[0].job.after_count = 1;
    assert_int_equal(harness_run(h, broken), HUB_ERR_NOT_FOUND);

    struct store_op *flow = chain_op(h, 2);
    flow->flow_insert.tick = &tick;
    assert_int_equal(harness_run(h, flow), 0);
    struct store_op *again = chain_op(h, 2);
    again->flow_insert.tick = &tick;
    assert_int_equal(harness_run(h, again), HUB_ERR_CONFLICT);
    struct store_op *runs = harness_op(h, STORE_SCHEDULE_RUNS);
    runs->schedule_runs = (struct store_schedule_runs){.schedule = tick.schedule, .limit = 2};
    assert_int_equal(harness_run(h, runs), 0);
    assert_int_equal(runs->schedule_runs.ret_count, 1);
    assert_id(runs->schedule_runs.ret_runs[0].made.id, flow->flow_insert.flow.id);
}

static void test_a_flow_is_inserted_whole(void **state)
{
    struct harness *h = *state;
    struct store_op *flow = chain_op(h, 3);
    uint64_t events = harness_last_event(h);

    assert_int_equal(harness_run(h, flow), 0);
    assert_int_equal(flow->flow_insert.items[0].ret_state, JOB_QUEUED);
    assert_int_equal(flow->flow_insert.items[2].ret_state, JOB_BLOCKED);
    assert_int_equal(flow->flow_insert.items[0].ret_event_seq, events + 1);
    assert_int_equal(flow->flow_insert.items[2].ret_event_seq, harness_last_event(h));
    const struct graph graph = graph_of(flow);
    harness_reopen(h, NULL);
    const struct store_flow_get *get = &get_flow(h, graph.flow)->flow_get;
    assert_str(get->ret_flow.name, "chain");
    assert_int_equal(get->ret_count, 3);
    assert_int_equal(get->ret_flow.counts.jobs[JOB_BLOCKED], 2);
    assert_id(get->ret_jobs[2].after[0], graph.items[1]);
    assert_str(get->ret_jobs[2].flow_node, "node");
    assert_id(harness_get(h, graph.items[1])->job_get.ret_job.flow, graph.flow);
}

static void test_one_bad_job_leaves_nothing(void **state)
{
    struct harness *h = *state;
    struct store_op *flow = chain_op(h, 3);
    const struct id absent[] = {item(flow, 1), harness_id(h)};
    uint64_t events = harness_last_event(h);

    flow->flow_insert.items[2].job.after = absent;
    flow->flow_insert.items[2].job.after_count = 2;
    assert_int_equal(harness_run(h, flow), HUB_ERR_NOT_FOUND);
    assert_int_equal(flow->flow_insert.ret_item, 2);
    assert_id(flow->flow_insert.ret_unknown, absent[1]);
    assert_int_equal(get_flow(h, flow->flow_insert.flow.id)->err, HUB_ERR_NOT_FOUND);
    struct store_op *get = harness_op(h, STORE_JOB_GET);
    get->job_get.id = item(flow, 0);
    assert_int_equal(harness_run(h, get), HUB_ERR_NOT_FOUND);
    assert_int_equal(harness_last_event(h), events);
}

static struct store_op *keyed_op(struct harness *h, uint8_t scope, uint8_t request)
{
    struct store_op *op = chain_op(h, 1);
    struct store_idempotency *key = &op->flow_insert.idempotency;

    key->given = true;
    memset(key->scope.bytes, scope, SHA256_LEN);
    memset(key->request.bytes, request, SHA256_LEN);
    key->expires_at = h->now + 1000;
    return op;
}

static void test_a_key_makes_one_flow(void **state)
{
    struct harness *h = *state;
    struct store_op *first = keyed_op(h, 1, 1);

    assert_int_equal(harness_run(h, first), 0);
    const struct id known = first->flow_insert.flow.id;
    harness_reopen(h, NULL);
    struct store_op *again = keyed_op(h, 1, 1);
    assert_int_equal(harness_run(h, again), HUB_ERR_CONFLICT);
    assert_id(again->flow_insert.ret_existing, known);
    assert_int_equal(harness_run(h, keyed_op(h, 1, 2)), HUB_ERR_IDEMPOTENCY_MISMATCH);
    assert_int_equal(harness_run(h, keyed_op(h, 2, 1)), 0);
    h->now += 1000;
    assert_int_equal(harness_run(h, keyed_op(h, 1, 2)), 0);
}

static void test_policies(void **state)
{
    struct harness *h = *state;
    struct store_op *flow = chain_op(h, 4);
    struct flow_item *items = flow->flow_insert.items;

    items[1].job.on_parent_failure = JOB_PARENT_SKIP;
    items[3].job.on_parent_failure = JOB_PARENT_RUN_ANYWAY;
    items[3].job.after = &items[0].job.id;
    assert_int_equal(harness_run(h, flow), 0);
    const struct graph graph = graph_of(flow);
    harness_reopen(h, NULL);
    harness_finish(h, graph.items[0], JOB_FAILED);
    assert_int_equal(harness_state(h, graph.items[1]), JOB_CANCELLED);
    assert_str(harness_get(h, graph.items[1])->job_get.ret_job.error_code, JOB_SKIPPED);
    assert_int_equal(harness_state(h, graph.items[2]), JOB_QUEUED);
    assert_int_equal(harness_state(h, graph.items[3]), JOB_QUEUED);
    /* New children of a skipped and of a failed job. */
    struct store_op *late = chain_op(h, 2);
    late->flow_insert.items[0].job.after = &graph.items[1];
    late->flow_insert.items[0].job.after_count = 1;
    late->flow_insert.items[1].job.after = &graph.items[0];
    late->flow_insert.items[1].job.on_parent_failure = JOB_PARENT_SKIP;
    assert_int_equal(harness_run(h, late), 0);
    assert_int_equal(late->flow_insert.items[0].ret_state, JOB_QUEUED);
    assert_int_equal(late->flow_insert.items[1].ret_state, JOB_CANCELLED);
}

static void test_retry_from_the_failed_job(void **state)
{
    struct harness *h = *state;
    struct store_op *flow = chain_op(h, 4);

    assert_int_equal(harness_run(h, flow), 0);
    harness_finish(h, item(flow, 0), JOB_SUCCEEDED);
    harness_finish(h, item(flow, 1), JOB_FAILED);
    const struct store_flow_retry *retry = &retry_flow(h, flow->flow_insert.flow.id)->flow_retry;
    assert_int_equal(retry->ret_count, 3);
    assert_id(retry->ret_items[0].job.id, item(flow, 1));
    assert_int_equal(retry->ret_items[0].ret_state, JOB_QUEUED);
    assert_int_equal(retry->ret_items[1].ret_state, JOB_BLOCKED);
    assert_int_equal(retry->ret_items[2].ret_event_seq, harness_last_event(h));
    const struct graph graph = graph_of(flow);
    harness_reopen(h, NULL);
    assert_int_equal(harness_state(h, graph.items[0]), JOB_SUCCEEDED);
    assert_int_equal(harness_state(h, graph.items[3]), JOB_BLOCKED);
    assert_int_equal(harness_get(h, graph.items[3])->job_get.ret_job.error_code.len, 0);
    assert_int_equal(retry_flow(h, graph.flow)->flow_retry.ret_count, 0);
}

static void test_unknown_and_cancelled_stay(void **state)
{
    struct harness *h = *state;
    struct store_op *unknown = chain_op(h, 2);
    struct store_op *cancelled = chain_op(h, 2);

    assert_int_equal(harness_run(h, unknown), 0);
    assert_int_equal(harness_run(h, cancelled), 0);
    harness_finish(h, item(unknown, 0), JOB_UNKNOWN);
    harness_finish(h, item(cancelled, 0), JOB_CANCELLED);
    assert_int_equal(retry_flow(h, unknown->flow_insert.flow.id)->flow_retry.ret_count, 0);
    assert_int_equal(retry_flow(h, cancelled->flow_insert.flow.id)->flow_retry.ret_count, 0);
    struct store_op *nobody = harness_op(h, STORE_FLOW_RETRY);
    nobody->flow_retry.id = harness_id(h);
    assert_int_equal(harness_run(h, nobody), HUB_ERR_NOT_FOUND);
}

static struct store_op *resolve_op(struct harness *h, struct id id)
{
    struct store_op *op = harness_op(h, STORE_JOB_RESOLVE);

    op->job_resolve.id = id;
    op->job_resolve.input = STR("{\"full\":1}");
    return op;
}

static void test_open_inputs(void **state)
{
    struct harness *h = *state;
    struct store_op *flow = chain_op(h, 3);
    struct flow_item *items = flow->flow_insert.items;
    char id[ID_TEXT_LEN + 1];
    struct buf input;

    id_format(&items[0].job.id, id);
    buf_init(&input, 128);
    buf_append_format(&input, "{\"from\":\"%s\"}", id);
    const struct id both[] = {items[0].job.id, items[1].job.id};
    items[2].job.input = arena_str(&flow->arena, buf_view(&input));
    items[2].job.open = true;
    items[2].job.after = both;
    items[2].job.after_count = 2;
    buf_release(&input);
    assert_int_equal(harness_run(h, flow), 0);
    assert_int_equal(harness_run(h, resolve_op(h, both[0])), HUB_ERR_CONFLICT); /* not open */
    harness_finish(h, both[0], JOB_SUCCEEDED);
    assert_int_equal(harness_run(h, resolve_op(h, item(flow, 2))), HUB_ERR_CONFLICT); /* blocked */
    harness_finish(h, both[1], JOB_SUCCEEDED);
    struct store_op *parents = harness_op(h, STORE_JOB_PARENTS);
    parents->job_parents.id = item(flow, 2);
    assert_int_equal(harness_run(h, parents), 0);
    assert_true(parents->job_parents.ret_job.open);
    assert_int_equal(parents->job_parents.ret_parent_count, 1);
    assert_id(parents->job_parents.ret_parents[0].id, both[0]);
    assert_int_equal(harness_run(h, resolve_op(h, item(flow, 2))), 0);
    assert_int_equal(harness_run(h, resolve_op(h, item(flow, 2))), HUB_ERR_CONFLICT); /* frozen */
    const struct graph graph = graph_of(flow);
    harness_reopen(h, NULL);
    struct store_op *read = harness_op(h, STORE_JOB_INPUT);
    read->job_input.id = graph.items[2];
    assert_int_equal(harness_run(h, read), 0);
    assert_false(read->job_input.ret_open);
    assert_str(read->job_input.ret_input, "{\"full\":1}");
    const struct job_record *job = &harness_get(h, graph.items[2])->job_get.ret_job;
    assert_str(job->input, "{\"full\":1}");
    assert_memory_equal(job->input_given.ptr, "{\"from\":", 8);
}

static void test_a_flow_goes_with_its_last_job(void **state)
{
    struct harness *h = *state;
    struct store_op *flow = chain_op(h, 2);

    assert_int_equal(harness_run(h, flow), 0);
    harness_finish(h, item(flow, 0), JOB_FAILED);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(get_flow(h, flow->flow_insert.flow.id)->flow_get.ret_count, 2 - i);
        struct store_op *op = harness_op(h, STORE_JOB_DELETE);
        op->job_delete.id = item(flow, i);
        assert_int_equal(harness_run(h, op), 0);
    }
    assert_int_equal(get_flow(h, flow->flow_insert.flow.id)->err, HUB_ERR_NOT_FOUND);
}

static void test_list_of_flows(void **state)
{
    struct harness *h = *state;
    struct id ids[5];

    for (unsigned i = 0; i < 5; i++) {
        struct store_op *flow = chain_op(h, 2);
        ids[i] = flow->flow_insert.flow.id;
        assert_int_equal(harness_run(h, flow), 0);
    }
    struct store_op *list = harness_op(h, STORE_FLOW_LIST);
    list->flow_list.limit = 3;
    assert_int_equal(harness_run(h, list), 0);
    assert_int_equal(list->flow_list.ret_count, 3);
    assert_true(list->flow_list.ret_more);
    assert_id(list->flow_list.ret_flows[0].id, ids[4]);
    assert_int_equal(list->flow_list.ret_flows[0].counts.jobs[JOB_BLOCKED], 1);
    struct store_op *rest = harness_op(h, STORE_FLOW_LIST);
    rest->flow_list.limit = 3;
    rest->flow_list.before = list->flow_list.ret_flows[2].id;
    assert_int_equal(harness_run(h, rest), 0);
    assert_int_equal(rest->flow_list.ret_count, 2);
    assert_false(rest->flow_list.ret_more);
    assert_id(rest->flow_list.ret_flows[1].id, ids[0]);
}

int contract_graphs(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_a_flow_is_inserted_whole),
        STORE_TEST(test_a_tick_makes_a_flow),
        STORE_TEST(test_one_bad_job_leaves_nothing),
        STORE_TEST(test_a_key_makes_one_flow),
        STORE_TEST(test_policies),
        STORE_TEST(test_retry_from_the_failed_job),
        STORE_TEST(test_unknown_and_cancelled_stay),
        STORE_TEST(test_open_inputs),
        STORE_TEST(test_a_flow_goes_with_its_last_job),
        STORE_TEST(test_list_of_flows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
