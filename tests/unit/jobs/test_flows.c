/*
 * Flows in the engine, on the real store, with a clock that the test turns. Random graphs with
 * random policies and outcomes, run in random order and cut short by crashes, must end as a small
 * model says; and then once more, after a retry.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "jobs/jobs.h"

#include <ftw.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { NODES_MAX = 14, ROUNDS = 150 };

/* What a node will do when it runs, and what has become of it. */
struct node {
    struct id id;
    bool parents[NODES_MAX];
    enum job_parent_policy policy;
    bool open;
    enum attempt_outcome outcome;
    enum job_state expected;
    bool skipped; /* expected: cancelled, with that code */
};

struct held {
    uint64_t token;
    struct id id;
};

struct bench {
    char dir[64];
    struct log log;
    struct blob_store *blobs;
    struct store *store;
    struct jobs *jobs;
    int wake_fd;
    int64_t now;
    bool loaded;
    unsigned seed;
    struct held held[NODES_MAX * 2];
    unsigned held_count;
    int answer; /* of the last call; 1: it has not come */
    struct id flow;
    struct node nodes[NODES_MAX];
    unsigned count;
    unsigned ran[NODES_MAX]; /* attempts that were finished */
};

static unsigned below(struct bench *b, unsigned limit)
{
    return (unsigned)rand_r(&b->seed) % limit;
}

static int index_of(const struct bench *b, const struct id *id)
{
    for (unsigned i = 0; i < b->count; i++) {
        if (id_eq(&b->nodes[i].id, id)) {
            return (int)i;
        }
    }
    return -1;
}

/* --- Hooks -------------------------------------------------------------------------------------*/

static int64_t now(void *context)
{
    return ((struct bench *)context)->now;
}

static int start(void *context, const struct jobs_attempt *attempt)
{
    struct bench *b = context;
    int index = index_of(b, &attempt->id);

    assert_true(index >= 0);
    assert_true(str_eq(attempt->input, b->nodes[index].open ? STR("{\"put\":\"in\"}") : STR("{}")));
    b->held[b->held_count++] = (struct held){attempt->token, attempt->id};
    return 0;
}

static unsigned room(void *context, struct str connector)
{
    (void)connector;
    return NODES_MAX * 2 - ((struct bench *)context)->held_count;
}

static void cancel(void *context, uint64_t token)
{
    const struct jobs_outcome outcome = {.outcome = ATTEMPT_CANCELLED};
    struct bench *b = context;

    for (unsigned i = 0; i < b->held_count; i++) {
        if (b->held[i].token == token) {
            b->held[i] = b->held[--b->held_count];
            jobs_finished(b->jobs, token, &outcome);
            return;
        }
    }
}

static void event(void *context, const struct jobs_event *happened)
{
    (void)context;
    (void)happened;
}

static void wake(void *context)
{
    (void)context; /* settle() ticks until nothing moves */
}

/* An open input names its first parent, which must come finished, and no other. */
static int resolve(void *context, struct jobs_resolution *resolution)
{
    struct bench *b = context;
    int index = index_of(b, &resolution->job->id);

    assert_true(index >= 0 && b->nodes[index].open);
    assert_int_equal(resolution->parent_count, 1);
    assert_true(job_state_terminal(resolution->parents[0].state));
    resolution->ret_input = arena_str(resolution->arena, STR("{\"put\":\"in\"}"));
    return 0;
}

static void wake_loop(void *context)
{
    eventfd_write(*(int *)context, 1);
}

static const struct jobs_hooks hooks = {now, start, room, cancel, event, wake, resolve};

/* --- The bench ---------------------------------------------------------------------------------*/

static void turn(struct bench *b)
{
    struct pollfd fd = {b->wake_fd, POLLIN, 0};
    eventfd_t count;

    if (poll(&fd, 1, 1000) > 0) {
        eventfd_read(b->wake_fd, &count);
    }
    store_dispatch(b->store);
}

static void settle(struct bench *b)
{
    struct store_stats stats;

    for (;;) {
        int64_t next = jobs_tick(b->jobs);
        store_stats(b->store, &stats);
        if (stats.pending > 0) {
            turn(b);
        } else if (next > b->now) {
            return;
        }
    }
}

static void on_loaded(void *context, int err)
{
    assert_int_equal(err, 0);
    ((struct bench *)context)->loaded = true;
}

static void begin(struct bench *b)
{
    const struct jobs_config config = {.seed = 1};
    struct store_backend *backend;
    struct hub_error error;
    char path[128];

    snprintf(path, sizeof path, "%s/blobs", b->dir);
    assert_int_equal(blob_store_new(path, &b->blobs, &error), 0);
    snprintf(path, sizeof path, "%s/jobs.db", b->dir);
    const struct store_sqlite_options options = {
        .path = path, .blobs = b->blobs, .synchronous = "OFF", .wal_bytes = 1 << 20};
    assert_int_equal(store_sqlite_new(&options, &b->log, &backend, &error), 0);
    assert_int_equal(store_new(backend, wake_loop, &b->wake_fd, &b->log, &b->store, &error), 0);
    assert_int_equal(jobs_new(b->store, &config, &hooks, b, &b->log, &b->jobs, &error), 0);
    b->loaded = false;
    jobs_load(b->jobs, on_loaded, b);
    while (!b->loaded) {
        turn(b);
    }
    settle(b);
}

/* As if it were killed: what runs is never heard of again. */
static void die(struct bench *b)
{
    jobs_close(b->jobs);
    store_free(b->store);
    jobs_free(b->jobs);
    blob_store_free(b->blobs);
    b->held_count = 0;
}

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof *b);

    assert_non_null(b);
    strcpy(b->dir, "/tmp/hub-flows-XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    log_init(&b->log, STDERR_FILENO, LOG_ERROR, LOG_KEY_VALUE);
    b->wake_fd = eventfd(0, EFD_NONBLOCK);
    b->now = INT64_C(1800000000000);
    begin(b);
    *state = b;
    return 0;
}

static int unlink_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

static int teardown(void **state)
{
    struct bench *b = *state;

    die(b);
    close(b->wake_fd);
    nftw(b->dir, unlink_one, 16, FTW_DEPTH | FTW_PHYS);
    free(b);
    return 0;
}

/* --- A flow ------------------------------------------------------------------------------------*/

static enum attempt_outcome any_outcome(struct bench *b)
{
    static const enum attempt_outcome OUTCOMES[] = {
        ATTEMPT_SUCCEEDED, ATTEMPT_SUCCEEDED, ATTEMPT_SUCCEEDED, ATTEMPT_FAILED, ATTEMPT_UNKNOWN};

    return OUTCOMES[below(b, 5)];
}

static void draw(struct bench *b)
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
        node->open = any && below(b, 3) == 0;
        b->ran[i] = 0;
    }
}

static void fill(struct bench *b, unsigned index, struct arena *arena, struct job_record *job)
{
    struct node *node = &b->nodes[index];
    struct id *after = arena_alloc(arena, sizeof *after * NODES_MAX);
    char text[ID_TEXT_LEN + 1];
    struct buf input;

    node->id = jobs_next_id(b->jobs);
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
    } else {
        buf_append_c(&input, "{}");
    }
    job->input = arena_str(arena, buf_view(&input));
    buf_release(&input);
}

static void on_answer(void *context, struct store_op *op)
{
    ((struct bench *)context)->answer = op->err;
}

static void on_done(void *context, int err)
{
    ((struct bench *)context)->answer = err;
}

static void submit(struct bench *b)
{
    struct store_op *op = store_op_new(STORE_FLOW_INSERT);
    struct store_flow_insert *insert = &op->flow_insert;

    insert->flow.id = b->flow = jobs_next_id(b->jobs);
    insert->items = arena_zalloc(&op->arena, b->count * sizeof *insert->items);
    insert->item_count = b->count;
    for (unsigned i = 0; i < b->count; i++) {
        fill(b, i, &op->arena, &insert->items[i].job);
    }
    b->answer = 1;
    jobs_flow_submit(b->jobs, op, on_answer, b);
    settle(b);
    assert_int_equal(b->answer, 0);
}

static void finish_any(struct bench *b)
{
    unsigned which = below(b, b->held_count);
    struct held held = b->held[which];
    int index = index_of(b, &held.id);
    const struct jobs_outcome outcome = {.outcome = b->nodes[index].outcome};

    b->held[which] = b->held[--b->held_count];
    b->ran[index]++;
    jobs_finished(b->jobs, held.token, &outcome);
    settle(b);
}

/* Until nothing runs any more. Now and then hubd is killed. */
static void run(struct bench *b, bool crashes)
{
    while (b->held_count > 0) {
        finish_any(b);
        b->now += 10;
        if (crashes && below(b, 6) == 0) {
            die(b);
            begin(b);
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

static void predict(struct bench *b, unsigned index)
{
    struct node *node = &b->nodes[index];
    bool failed = false;

    for (unsigned i = 0; i < index; i++) {
        failed = failed || (node->parents[i] && counts_as_failed(&b->nodes[i]));
    }
    node->skipped = failed && node->policy == JOB_PARENT_SKIP;
    node->expected = failed && node->policy == JOB_PARENT_FAIL   ? JOB_FAILED
                     : failed && node->policy == JOB_PARENT_SKIP ? JOB_CANCELLED
                                                                 : state_after(node->outcome);
}

static void on_read(struct store_op *op, void *context)
{
    struct bench *b = context;
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
        counts.jobs[job->state]++;
        counts.skipped += skipped;
    }
    assert_memory_equal(&counts, &get->ret_flow.counts, sizeof counts);
    assert_true(flow_state_of(&counts) != FLOW_RUNNING);
    b->answer = 0;
}

static void check(struct bench *b)
{
    struct store_op *op = store_op_new(STORE_FLOW_GET);

    op->flow_get.id = b->flow;
    op->done = on_read;
    op->context = b;
    b->answer = 1;
    store_submit(b->store, op);
    settle(b);
    assert_int_equal(b->answer, 0);
    assert_int_equal(jobs_stats(b->jobs)->unfinished, 0);
}

/* --- Tests -------------------------------------------------------------------------------------*/

static void test_random_graphs(void **state)
{
    struct bench *b = *state;

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

static void retry(struct bench *b, int expected)
{
    b->answer = 1;
    jobs_flow_retry(b->jobs, &b->flow, on_done, b);
    settle(b);
    assert_int_equal(b->answer, expected);
}

/* Can the store put it back? It failed or was skipped, and no parent stands in the way that stays
 * as it is. */
static bool predict_return(const struct bench *b, unsigned index, const bool *back)
{
    const struct node *node = &b->nodes[index];

    if (node->expected != JOB_FAILED && !node->skipped) {
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

static void test_random_retries(void **state)
{
    struct bench *b = *state;

    for (unsigned round = 0; round < ROUNDS; round++) {
        bool back[NODES_MAX];
        bool any = false;
        unsigned ran[NODES_MAX];

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
            if (back[i]) {
                predict(b, i);
            }
        }
        retry(b, any ? 0 : HUB_ERR_CONFLICT);
        run(b, round % 3 == 0);
        check(b);
        for (unsigned i = 0; i < b->count; i++) {
            assert_true(back[i] || b->ran[i] == ran[i]); /* what stays does not run again */
        }
    }
}

static void test_cancel(void **state)
{
    struct bench *b = *state;

    for (unsigned round = 0; round < ROUNDS / 3; round++) {
        b->seed = 2000 + round;
        draw(b);
        submit(b);
        for (unsigned i = below(b, b->count + 1); i > 0 && b->held_count > 0; i--) {
            finish_any(b);
        }
        bool left = jobs_stats(b->jobs)->unfinished > 0;
        b->answer = 1;
        jobs_flow_cancel(b->jobs, &b->flow, on_done, b);
        settle(b);
        assert_int_equal(b->answer, left ? 0 : HUB_ERR_CONFLICT);
        assert_int_equal(jobs_stats(b->jobs)->unfinished, 0);
        assert_int_equal(b->held_count, 0);
    }
}

static void test_unknown_flow(void **state)
{
    struct bench *b = *state;

    b->flow = jobs_next_id(b->jobs);
    retry(b, HUB_ERR_NOT_FOUND);
    b->answer = 1;
    jobs_flow_cancel(b->jobs, &b->flow, on_done, b);
    settle(b);
    assert_int_equal(b->answer, HUB_ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_random_graphs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_random_retries, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cancel, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unknown_flow, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
