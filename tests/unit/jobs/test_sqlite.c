/*
 * The engine on the real store, with its threads: two thousand jobs with every outcome, children,
 * schedules and cancels, while hubd dies now and then. At the end each job's record, attempts and
 * events must tell one consistent story.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "jobs/jobs.h"
#include "jobs/verdict.h"

#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { JOBS = 2000, HELD_MAX = 64, LIVES = 4 };

struct held {
    uint64_t token;
    struct id id;
    bool cancelled;
};

struct life {
    char dir[64];
    struct log log;
    struct blob_store *blobs;
    struct store *store;
    struct jobs *jobs;
    int wake_fd;
    uint64_t seed;
    struct held held[HELD_MAX];
    struct id ids[JOBS];
    unsigned given; /* submitted */
    unsigned count; /* accepted */
    unsigned cancels_due;
    bool loaded;
    uint64_t last_seq;
};

static unsigned roll(struct life *l, unsigned sides)
{
    return (unsigned)(retry_random(&l->seed) % sides);
}

/* --- Hooks -------------------------------------------------------------------------------------*/

static int64_t now(void *context)
{
    (void)context;
    return clock_wall_ms();
}

static struct held *find_held(struct life *l, uint64_t token)
{
    for (int i = 0; i < HELD_MAX; i++) {
        if (l->held[i].token == token) {
            return &l->held[i];
        }
    }
    return NULL;
}

static unsigned room(void *context, struct str connector)
{
    struct life *l = context;
    unsigned count = 0;

    (void)connector;
    for (int i = 0; i < HELD_MAX; i++) {
        count += l->held[i].token == 0;
    }
    return count;
}

static int start(void *context, const struct jobs_attempt *attempt)
{
    struct life *l = context;
    struct held *held = find_held(l, 0);

    if (!held) {
        return HUB_ERR_AGAIN;
    }
    for (int i = 0; i < HELD_MAX; i++) {
        assert_false(l->held[i].token != 0 && id_eq(&l->held[i].id, &attempt->id));
    }
    assert_true(str_eq(attempt->input, STR("{\"some\":\"input\"}")));
    assert_true(str_eq(attempt->account, STR("acme")));
    *held = (struct held){.token = attempt->token, .id = attempt->id};
    return 0;
}

static void cancel(void *context, uint64_t token)
{
    struct held *held = find_held(context, token);

    assert_non_null(held);
    held->cancelled = true;
}

static void event(void *context, const struct jobs_event *happened)
{
    struct life *l = context;

    if (!happened->is_progress) {
        assert_true(happened->seq > l->last_seq);
        l->last_seq = happened->seq;
    }
}

static void wake(void *context)
{
    (void)context; /* turn() ticks each time */
}

static void wake_loop(void *context)
{
    eventfd_write(*(int *)context, 1);
}

static const struct jobs_hooks hooks = {now, start, room, cancel, event, wake, NULL};

/* --- Lives -------------------------------------------------------------------------------------*/

static void turn(struct life *l, int wait_ms)
{
    struct pollfd fd = {l->wake_fd, POLLIN, 0};

    if (poll(&fd, 1, wait_ms) > 0) {
        eventfd_t count;
        eventfd_read(l->wake_fd, &count);
    }
    store_dispatch(l->store);
}

static void on_loaded(void *context, int err)
{
    assert_int_equal(err, 0);
    ((struct life *)context)->loaded = true;
}

static void begin(struct life *l)
{
    struct store_backend *backend;
    struct hub_error error;
    char path[128];
    const struct jobs_config config = {
        .seed = l->seed,
        .start_write_after_ms = 5,
        .retry_base_ms = 1,
        .retry_cap_ms = 8,
        .purge_interval_ms = 20,
        .input_cache_bytes = 4000,
    };

    snprintf(path, sizeof path, "%s/blobs", l->dir);
    assert_int_equal(blob_store_new(path, &l->blobs, &error), 0);
    snprintf(path, sizeof path, "%s/jobs.db", l->dir);
    const struct store_sqlite_options options = {.path = path, .blobs = l->blobs};
    assert_int_equal(store_sqlite_new(&options, &l->log, &backend, &error), 0);
    assert_int_equal(store_new(backend, wake_loop, &l->wake_fd, &l->log, &l->store, &error), 0);
    assert_int_equal(jobs_new(l->store, &config, &hooks, l, &l->log, &l->jobs, &error), 0);
    l->loaded = false;
    jobs_load(l->jobs, on_loaded, l);
    while (!l->loaded) {
        turn(l, 100);
    }
}

/* As if it were killed: what runs is never heard of again. */
static void die(struct life *l)
{
    struct store_stats stats;

    do {
        turn(l, 1);
        store_stats(l->store, &stats);
    } while (stats.pending > 0);
    store_free(l->store);
    jobs_free(l->jobs);
    blob_store_free(l->blobs);
    memset(l->held, 0, sizeof l->held);
    l->cancels_due = 0;
}

/* --- Work --------------------------------------------------------------------------------------*/

static void on_submitted(void *context, struct store_op *op)
{
    struct life *l = context;

    assert_int_equal(op->err, 0);
    l->ids[l->count++] = op->job_insert.job.id;
}

static void submit(struct life *l)
{
    struct store_op *op = store_op_new(STORE_JOB_INSERT);
    struct job_record *job = &op->job_insert.job;

    job->type = roll(l, 2) ? STR("a.run") : STR("b.run");
    job->queue = roll(l, 2) ? STR("default") : STR("mail");
    job->input = STR("{\"some\":\"input\"}");
    job->account = STR("acme");
    job->priority = (int)roll(l, 3);
    job->retry_safety = (enum job_retry_safety)roll(l, 3);
    job->max_attempts = 1 + roll(l, 4);
    job->run_at = roll(l, 4) ? 0 : clock_wall_ms() + roll(l, 30);
    job->expires_at = roll(l, 20) ? 0 : clock_wall_ms() + roll(l, 30);
    if (roll(l, 5) == 0 && l->count > 0) {
        job->after = arena_memdup(&op->arena, &l->ids[roll(l, l->count)], sizeof(struct id));
        job->after_count = 1;
    }
    l->given++;
    jobs_submit(l->jobs, op, on_submitted, l);
}

static void on_cancelled(void *context, int err)
{
    struct life *l = context;

    assert_true(err == 0 || err == HUB_ERR_CONFLICT);
    l->cancels_due--;
}

static void finish_some(struct life *l)
{
    for (int i = 0; i < HELD_MAX; i++) {
        struct held held = l->held[i];
        if (held.token == 0 || roll(l, 3) == 0) {
            continue;
        }
        const struct jobs_outcome outcome = {
            .outcome = held.cancelled ? ATTEMPT_CANCELLED
                       : roll(l, 2)   ? ATTEMPT_SUCCEEDED
                                      : (enum attempt_outcome)roll(l, ATTEMPT_CANCELLED),
            .result = STR("{\"ok\":true}"),
            .cause = STR("signal"),
            .cause_number = 11,
        };
        l->held[i].token = 0;
        jobs_finished(l->jobs, held.token, &outcome);
    }
}

static void work(struct life *l, unsigned until)
{
    while (l->count < until || jobs_stats(l->jobs)->unfinished > 0) {
        for (unsigned i = 0; i < 20 && l->given < until; i++) {
            submit(l);
        }
        if (l->count > 0 && roll(l, 3) == 0) {
            l->cancels_due++;
            jobs_cancel(l->jobs, &l->ids[roll(l, l->count)], on_cancelled, l);
        }
        jobs_tick(l->jobs);
        finish_some(l);
        turn(l, 1);
        if (l->count >= until && until < JOBS) {
            return; /* in the middle of it */
        }
    }
    while (l->cancels_due > 0) {
        turn(l, 1);
    }
}

/* --- The story that the store tells ------------------------------------------------------------*/

struct story {
    struct life *life;
    enum job_state states[JOBS]; /* of the last event */
    unsigned ends[JOBS];
    unsigned checked;
    uint64_t seq;
    bool done;
};

static unsigned index_of(const struct life *l, const struct id *id)
{
    for (unsigned i = 0; i < l->count; i++) {
        if (id_eq(&l->ids[i], id)) {
            return i;
        }
    }
    fail_msg("an event of no job");
    return 0;
}

static void on_events(struct store_op *op, void *context)
{
    struct story *story = context;
    const struct store_event_list *list = &op->event_list;

    assert_int_equal(op->err, 0);
    for (unsigned i = 0; i < list->ret_count; i++) {
        const struct store_event *e = &list->ret_events[i];
        unsigned job = index_of(story->life, &e->job);
        enum job_state before = story->states[job];
        assert_true(e->seq > story->seq);
        story->seq = e->seq;
        /* A quick attempt's `running` was never written: its end follows `queued`. */
        assert_true(before == JOB_STATE_COUNT || job_may_move(before, e->state, false) ||
                    (before == JOB_QUEUED && job_may_move(JOB_RUNNING, e->state, false)));
        story->states[job] = e->state;
        story->ends[job] += job_state_terminal(e->state);
    }
    story->done = list->ret_count == 0;
}

static void on_job(struct store_op *op, void *context)
{
    struct story *story = context;
    const struct job_record *job = &op->job_get.ret_job;
    uint32_t charged = 0;

    assert_int_equal(op->err, 0);
    unsigned at = index_of(story->life, &job->id);
    assert_true(job_state_terminal(job->state));
    assert_int_equal(story->states[at], job->state);
    assert_int_equal(story->ends[at], 1);
    assert_int_equal(job->attempt_count, job->attempt);
    for (unsigned i = 0; i < job->attempt_count; i++) {
        assert_int_equal(job->attempts[i].number, i + 1);
        assert_true(job->attempts[i].finished_at >= job->attempts[i].started_at);
        assert_true(job->attempts[i].started_at >= job->created_at);
        charged += job->attempts[i].outcome != ATTEMPT_RELEASED;
    }
    assert_int_equal(job->charged, charged);
    assert_true(charged <= job->max_attempts);
    assert_int_equal(job->result.len > 0, job->state == JOB_SUCCEEDED);
    assert_int_equal(job->error_code.len == 0, job->state == JOB_SUCCEEDED);
    story->checked++;
}

static void check_story(struct life *l)
{
    static struct story story;

    story = (struct story){.life = l};
    for (int i = 0; i < JOBS; i++) {
        story.states[i] = JOB_STATE_COUNT;
    }
    while (!story.done) {
        struct store_op *op = store_op_new(STORE_EVENT_LIST);
        uint64_t after = story.seq;
        op->event_list.after = after;
        op->event_list.limit = 1000;
        op->done = on_events;
        op->context = &story;
        store_submit(l->store, op);
        while (story.seq == after && !story.done) {
            turn(l, 1);
        }
    }
    for (unsigned i = 0; i < l->count; i++) {
        struct store_op *op = store_op_new(STORE_JOB_GET);
        op->job_get.id = l->ids[i];
        op->done = on_job;
        op->context = &story;
        store_submit(l->store, op);
    }
    while (story.checked < l->count) {
        turn(l, 1);
    }
}

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static void test_lives(void **state)
{
    (void)state;
    static struct life l;
    const char *seed = getenv("HUB_TEST_SEED");

    l.seed = seed ? strtoull(seed, NULL, 10) : (uint64_t)clock_wall_ms();
    print_message("           HUB_TEST_SEED=%llu\n", (unsigned long long)l.seed);
    log_init(&l.log, STDERR_FILENO, LOG_ERROR, LOG_KEY_VALUE);
    l.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    strcpy(l.dir, "/tmp/test_jobs_XXXXXX");
    assert_non_null(mkdtemp(l.dir));
    for (unsigned life = 1; life <= LIVES; life++) {
        begin(&l);
        work(&l, JOBS * life / LIVES);
        if (life < LIVES) {
            die(&l);
        }
    }
    assert_int_equal(l.count, JOBS);
    const struct jobs_stats *stats = jobs_stats(l.jobs);
    assert_int_equal(stats->unfinished, 0);
    check_story(&l);
    jobs_drain(l.jobs);
    while (jobs_in_flight(l.jobs) > 0) {
        jobs_tick(l.jobs);
        turn(&l, 1);
    }
    die(&l);
    close(l.wake_fd);
    assert_int_equal(nftw(l.dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
