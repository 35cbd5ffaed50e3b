/*
 * Flows in the engine, on the real store, with a clock that the test turns. Random graphs with
 * random policies and outcomes, some of them with items, run in random order and cut short by
 * crashes, must end as a small model says; and then once more, after a retry.
 */
#include "bench.h"

enum { NODES_MAX = 14, ITEMS_MAX = 4, HELD_MAX = NODES_MAX * ITEMS_MAX, ROUNDS = 150 };

#define NO_ITEM (-1)

/* What a node will do when it runs, and what has become of it. */
struct node {
    struct id id;
    bool parents[NODES_MAX];
    enum job_parent_policy policy;
    bool open;
    enum attempt_outcome outcome;
    bool each; /* it has for_each: what its items will do, and how often they ran */
    int item_count;
    enum attempt_outcome items[ITEMS_MAX];
    unsigned items_ran[ITEMS_MAX];
    bool made; /* expected, as the next two */
    enum job_state expected;
    bool skipped; /* cancelled, with that code */
};

struct held {
    uint64_t token;
    int node;
    int item;
};

struct flows {
    struct bench bench;
    unsigned seed;
    struct held held[HELD_MAX];
    unsigned held_count;
    int answer; /* of the last call; 1: it has not come */
    struct id flow;
    struct node nodes[NODES_MAX];
    unsigned count;
    unsigned ran[NODES_MAX]; /* attempts that were finished */
    bool deaf;               /* attempts do not end when they are cancelled */
};

static unsigned below(struct flows *b, unsigned limit)
{
    return (unsigned)rand_r(&b->seed) % limit;
}

static int index_of(const struct flows *b, const struct id *id)
{
    for (unsigned i = 0; i < b->count; i++) {
        if (id_eq(&b->nodes[i].id, id)) {
            return (int)i;
        }
    }
    return -1;
}

/* --- Hooks -------------------------------------------------------------------------------------*/

static int start(void *context, const struct jobs_attempt *attempt)
{
    struct flows *b = context;
    struct held held = {attempt->token, index_of(b, &attempt->id), NO_ITEM};
    char input[64] = "";

    if (held.node < 0) {
        assert_true(attempt->input.len < sizeof input);
        memcpy(input, attempt->input.ptr, attempt->input.len);
        assert_int_equal(sscanf(input, "{\"node\":%d,\"item\":%d}", &held.node, &held.item), 2);
        assert_true(held.node < (int)b->count && held.item < b->nodes[held.node].item_count);
    } else {
        const struct node *node = &b->nodes[held.node];
        assert_false(node->each);
        assert_true(str_eq(attempt->input, node->open ? STR("{\"put\":\"in\"}") : STR("{}")));
    }
    for (unsigned i = 0; i < b->held_count; i++) {
        assert_false(b->held[i].node == held.node && b->held[i].item == held.item);
    }
    b->held[b->held_count++] = held;
    return 0;
}

static unsigned room(void *context, struct str connector)
{
    (void)connector;
    return HELD_MAX - ((struct flows *)context)->held_count;
}

static void cancel(void *context, uint64_t token)
{
    const struct jobs_outcome outcome = {.outcome = ATTEMPT_CANCELLED};
    struct flows *b = context;

    for (unsigned i = 0; i < b->held_count && !b->deaf; i++) {
        if (b->held[i].token == token) {
            b->held[i] = b->held[--b->held_count];
            jobs_finished(b->bench.jobs, token, &outcome);
            return;
        }
    }
}

static void make_items(const struct flows *b, int index, struct jobs_resolution *resolution)
{
    struct arena *arena = resolution->arena;
    char input[64];

    resolution->ret_item_count = (unsigned)b->nodes[index].item_count;
    resolution->ret_items = arena_zalloc(arena, ITEMS_MAX * sizeof *resolution->ret_items);
    for (unsigned i = 0; i < resolution->ret_item_count; i++) {
        snprintf(input, sizeof input, "{\"node\":%d,\"item\":%u}", index, i);
        resolution->ret_items[i] = arena_str(arena, str_from_c(input));
    }
}

/* An open input names its first parent, which must come finished, and no other. */
static int resolve(void *context, struct jobs_resolution *resolution)
{
    struct flows *b = context;
    int index = index_of(b, &resolution->job->id);

    assert_true(index >= 0 && b->nodes[index].open);
    assert_int_equal(resolution->parent_count, 1);
    assert_true(job_state_terminal(resolution->parents[0].state));
    if (b->nodes[index].each) {
        make_items(b, index, resolution);
    } else {
        resolution->ret_input = arena_str(resolution->arena, STR("{\"put\":\"in\"}"));
    }
    return 0;
}

static const struct jobs_hooks hooks = {
    .start = start, .room = room, .cancel = cancel, .resolve = resolve};

/* --- The bench ---------------------------------------------------------------------------------*/

/* As if it were killed: what runs is never heard of again. */
static void die(struct flows *b)
{
    bench_kill(&b->bench);
    b->held_count = 0;
}

static int setup(void **state)
{
    struct flows *b = calloc(1, sizeof *b);

    assert_non_null(b);
    bench_open(&b->bench, &hooks, "OFF");
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct flows *b = *state;

    bench_close(&b->bench);
    free(b);
    return 0;
}

/* --- A flow ------------------------------------------------------------------------------------*/

static enum attempt_outcome any_outcome(struct flows *b)
{
    static const enum attempt_outcome OUTCOMES[] = {
        ATTEMPT_SUCCEEDED, ATTEMPT_SUCCEEDED, ATTEMPT_SUCCEEDED, ATTEMPT_FAILED, ATTEMPT_UNKNOWN};

    return OUTCOMES[below(b, 5)];
}

static void draw(struct flows *b)
{
    b->count = 1 + below(b, NODES_MAX);
    for (unsigned i = 0; i < b->count; i++) {
        struct node *node = &b->nodes[i];
        bool any = false;

        *node = (struct node){.outcome = any_outcome(b)};
        for (unsigned k = 0; k < i; k++) {
            node->parents[k] = below(b, 3) == 0;
            any = any || node->parents[k];
        }
        node->policy = (enum job_parent_policy)below(b, JOB_PARENT_POLICY_COUNT);
        node->each = any && below(b, 3) == 0;
        node->open = node->each || (any && below(b, 3) == 0);
        node->item_count = (int)below(b, ITEMS_MAX + 1);
        for (int k = 0; k < ITEMS_MAX; k++) {
            node->items[k] = any_outcome(b);
        }
        b->ran[i] = 0;
    }
}

static void fill(struct flows *b, unsigned index, struct arena *arena, struct job_record *job)
{
    struct node *node = &b->nodes[index];
    struct id *after = arena_alloc(arena, sizeof *after * NODES_MAX);
    char text[ID_TEXT_LEN + 1];
    struct buf input;

    node->id = jobs_next_id(b->bench.jobs);
    *job = (struct job_record){
        .id = node->id,
        .type = STR("a.run"),
        .on_parent_failure = node->policy,
        .open = node->open,
        .max_attempts = 1,
        .after = after,
    };
    for (unsigned i = 0; i < index; i++) {
        if (node->parents[i]) {
            after[job->after_count++] = b->nodes[i].id;
        }
    }
    buf_init(&input, 256);
    if (node->open) {
        id_format(&after[0], text);
        buf_append_format(&input, "{\"put\":\"%s\"}", text);
        job->for_each = node->each ? arena_str(arena, buf_view(&input)) : job->for_each;
    } else {
        buf_append_c(&input, "{}");
    }
    job->input = arena_str(arena, buf_view(&input));
    buf_release(&input);
}

static void on_answer(void *context, struct store_op *op)
{
    ((struct flows *)context)->answer = op->err;
}

static void on_done(void *context, int err)
{
    ((struct flows *)context)->answer = err;
}

static void submit(struct flows *b)
{
    struct store_op *op = store_op_new(STORE_FLOW_INSERT);
    struct store_flow_insert *insert = &op->flow_insert;

    insert->flow.id = b->flow = jobs_next_id(b->bench.jobs);
    insert->items = arena_zalloc(&op->arena, b->count * sizeof *insert->items);
    insert->item_count = b->count;
    for (unsigned i = 0; i < b->count; i++) {
        fill(b, i, &op->arena, &insert->items[i].job);
    }
    b->answer = 1;
    jobs_flow_submit(b->bench.jobs, op, on_answer, b);
    bench_settle(&b->bench);
    assert_int_equal(b->answer, 0);
}

static void finish_any(struct flows *b)
{
    unsigned which = below(b, b->held_count);
    struct held held = b->held[which];
    struct node *node = &b->nodes[held.node];
    const bool is_item = held.item != NO_ITEM;
    const struct jobs_outcome outcome = {
        .outcome = is_item ? node->items[held.item] : node->outcome,
        .result = is_item ? STR("{\"n\":1}") : STR("[]"),
    };

    b->held[which] = b->held[--b->held_count];
    b->ran[held.node] += !is_item;
    if (is_item) {
        node->items_ran[held.item]++;
    }
    jobs_finished(b->bench.jobs, held.token, &outcome);
    bench_settle(&b->bench);
}

/* Until nothing runs any more. Now and then hubd is killed. */
static void run(struct flows *b, bool crashes)
{
    while (b->held_count > 0) {
        finish_any(b);
        b->bench.now += 10;
        if (crashes && below(b, 6) == 0) {
            die(b);
            bench_begin(&b->bench);
        }
    }
}

/* --- The model ---------------------------------------------------------------------------------*/

static bool counts_as_failed(const struct node *node)
{
    return node->expected != JOB_SUCCEEDED && !node->skipped;
}

static enum job_state state_after(enum attempt_outcome outcome)
{
    return outcome == ATTEMPT_SUCCEEDED ? JOB_SUCCEEDED
           : outcome == ATTEMPT_FAILED  ? JOB_FAILED
                                        : JOB_UNKNOWN;
}

static enum job_state state_of_items(const struct node *node)
{
    enum job_state state = JOB_SUCCEEDED;

    for (int i = 0; i < node->item_count; i++) {
        enum job_state item = state_after(node->items[i]);
        state = item == JOB_UNKNOWN || state == JOB_UNKNOWN ? JOB_UNKNOWN
                : item == JOB_FAILED                        ? JOB_FAILED
                                                            : state;
    }
    return state;
}

static void predict(struct flows *b, unsigned index)
{
    struct node *node = &b->nodes[index];
    bool failed = false;

    for (unsigned i = 0; i < index; i++) {
        failed = failed || (node->parents[i] && counts_as_failed(&b->nodes[i]));
    }
    node->skipped = failed && node->policy == JOB_PARENT_SKIP;
    node->expected = failed && node->policy == JOB_PARENT_FAIL   ? JOB_FAILED
                     : failed && node->policy == JOB_PARENT_SKIP ? JOB_CANCELLED
                     : node->each                                ? state_of_items(node)
                                                                 : state_after(node->outcome);
    node->made = node->each && (node->made || !failed || node->policy == JOB_PARENT_RUN_ANYWAY);
}

/* Each was made once, and is what it should be. */
static void check_items(const struct node *node, const struct job_record *job)
{
    unsigned states[JOB_STATE_COUNT] = {0};

    assert_int_equal(job->items.made, node->made);
    if (!node->made) {
        return;
    }
    assert_int_equal(job->items.count, node->item_count);
    for (int i = 0; i < node->item_count; i++) {
        states[state_after(node->items[i])]++;
    }
    assert_memory_equal(states, job->items.states, sizeof states);
}

static void on_read(struct store_op *op, void *context)
{
    struct flows *b = context;
    const struct store_flow_get *get = &op->flow_get;
    struct flow_counts counts = {0};

    assert_int_equal(op->err, 0);
    assert_int_equal(get->ret_count, b->count);
    for (unsigned i = 0; i < b->count; i++) {
        const struct job_record *job = &get->ret_jobs[i];
        bool skipped = str_eq(job->error_code, STR(JOB_SKIPPED));
        assert_true(id_eq(&job->id, &b->nodes[i].id));
        assert_string_equal(job_state_name(job->state), job_state_name(b->nodes[i].expected));
        assert_int_equal(skipped, b->nodes[i].skipped);
        check_items(&b->nodes[i], job);
        counts.jobs[job->state]++;
        counts.skipped += skipped;
    }
    assert_memory_equal(&counts, &get->ret_flow.counts, sizeof counts);
    assert_true(flow_state_of(&counts) != FLOW_RUNNING);
    b->answer = 0;
}

static void check(struct flows *b)
{
    struct store_op *op = store_op_new(STORE_FLOW_GET);

    op->flow_get.id = b->flow;
    op->done = on_read;
    op->context = b;
    b->answer = 1;
    store_submit(b->bench.store, op);
    bench_settle(&b->bench);
    assert_int_equal(b->answer, 0);
    assert_int_equal(jobs_stats(b->bench.jobs)->unfinished, 0);
}

/* --- Tests -------------------------------------------------------------------------------------*/

static void test_random_graphs(void **state)
{
    struct flows *b = *state;

    for (unsigned round = 0; round < ROUNDS; round++) {
        b->seed = round;
        draw(b);
        for (unsigned i = 0; i < b->count; i++) {
            predict(b, i);
        }
        submit(b);
        run(b, round % 3 == 0);
        check(b);
    }
}

static void retry(struct flows *b, int expected)
{
    b->answer = 1;
    jobs_flow_retry(b->bench.jobs, &b->flow, on_done, b);
    bench_settle(&b->bench);
    assert_int_equal(b->answer, expected);
}

/* Can the store put it back? It failed or was skipped, and no parent stands in the way that stays
 * as it is. */
static bool predict_return(const struct flows *b, unsigned index, const bool *back)
{
    const struct node *node = &b->nodes[index];

    bool unknown_items = node->each && node->expected == JOB_UNKNOWN;
    if (node->expected != JOB_FAILED && !node->skipped && !unknown_items) {
        return false;
    }
    for (unsigned i = 0; i < index; i++) {
        if (node->parents[i] && !back[i] && counts_as_failed(&b->nodes[i]) &&
            node->policy != JOB_PARENT_RUN_ANYWAY) {
            return false;
        }
    }
    return true;
}

/* Of a job that goes back: its items that failed. Those that were not made yet stay as drawn. */
static void draw_items_again(struct flows *b, struct node *node, bool back, bool ret_stays[])
{
    for (int i = 0; i < ITEMS_MAX; i++) {
        bool failed = state_after(node->items[i]) == JOB_FAILED;
        enum attempt_outcome outcome = any_outcome(b);
        ret_stays[i] = !back || (node->made && !failed);
        if (node->made && back && failed) {
            node->items[i] = outcome;
        }
    }
}

static void test_random_retries(void **state)
{
    struct flows *b = *state;

    for (unsigned round = 0; round < ROUNDS; round++) {
        bool back[NODES_MAX];
        bool any = false;
        unsigned ran[NODES_MAX];
        unsigned items_ran[NODES_MAX][ITEMS_MAX];
        bool stays[NODES_MAX][ITEMS_MAX];

        b->seed = 1000 + round;
        draw(b);
        for (unsigned i = 0; i < b->count; i++) {
            predict(b, i);
        }
        submit(b);
        run(b, false);
        check(b);
        memcpy(ran, b->ran, sizeof ran);
        for (unsigned i = 0; i < b->count; i++) {
            back[i] = predict_return(b, i, back);
            any = any || back[i];
        }
        for (unsigned i = 0; i < b->count; i++) {
            b->nodes[i].outcome = any_outcome(b);
            draw_items_again(b, &b->nodes[i], back[i], stays[i]);
            memcpy(items_ran[i], b->nodes[i].items_ran, sizeof items_ran[i]);
            if (back[i]) {
                predict(b, i);
            }
        }
        retry(b, any ? 0 : HUB_ERR_CONFLICT);
        run(b, round % 3 == 0);
        check(b);
        for (unsigned i = 0; i < b->count; i++) {
            assert_true(back[i] || b->ran[i] == ran[i]); /* what stays does not run again */
            for (int k = 0; k < ITEMS_MAX; k++) {
                assert_true(!stays[i][k] || b->nodes[i].items_ran[k] == items_ran[i][k]);
            }
        }
    }
}

static void test_cancel(void **state)
{
    struct flows *b = *state;

    for (unsigned round = 0; round < ROUNDS / 3; round++) {
        b->seed = 2000 + round;
        draw(b);
        submit(b);
        for (unsigned i = below(b, b->count + 1); i > 0 && b->held_count > 0; i--) {
            finish_any(b);
        }
        bool left = jobs_stats(b->bench.jobs)->unfinished > 0;
        b->answer = 1;
        jobs_flow_cancel(b->bench.jobs, &b->flow, on_done, b);
        bench_settle(&b->bench);
        assert_int_equal(b->answer, left ? 0 : HUB_ERR_CONFLICT);
        assert_int_equal(jobs_stats(b->bench.jobs)->unfinished, 0);
        assert_int_equal(b->held_count, 0);
    }
}

/* Killed while it waits for what runs to end: all of it is cancelled after the next start, and
 * nothing is started. */
static void test_cancel_cut_short(void **state)
{
    struct flows *b = *state;

    for (unsigned round = 0; round < ROUNDS / 3; round++) {
        b->seed = 3000 + round;
        draw(b);
        submit(b);
        for (unsigned i = below(b, b->count + 1); i > 0 && b->held_count > 0; i--) {
            finish_any(b);
        }
        b->bench.now += round % 2 == 0 ? 0 : 200; /* starts are on record or not */
        bench_settle(&b->bench);
        bool left = jobs_stats(b->bench.jobs)->unfinished > 0;
        b->deaf = true;
        b->answer = 1;
        jobs_flow_cancel(b->bench.jobs, &b->flow, on_done, b);
        bench_settle(&b->bench);
        assert_int_equal(b->answer, b->held_count > 0 ? 1 : left ? 0 : HUB_ERR_CONFLICT);
        die(b);
        b->deaf = false;
        bench_begin(&b->bench);
        assert_int_equal(b->held_count, 0);
        assert_int_equal(jobs_stats(b->bench.jobs)->unfinished, 0);
    }
}

static void test_unknown_flow(void **state)
{
    struct flows *b = *state;

    b->flow = jobs_next_id(b->bench.jobs);
    retry(b, HUB_ERR_NOT_FOUND);
    b->answer = 1;
    jobs_flow_cancel(b->bench.jobs, &b->flow, on_done, b);
    bench_settle(&b->bench);
    assert_int_equal(b->answer, HUB_ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_random_graphs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_random_retries, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cancel, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cancel_cut_short, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unknown_flow, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
