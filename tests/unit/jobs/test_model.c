/*
 * A hundred thousand random steps against the double, which is the reference: it has its own table
 * of moves and its own fence, and ends the test at the first move that breaks them. On top of that:
 *
 *   - never two attempts of a job at once (world.c asserts it at each start);
 *   - with key and never: on record before it runs (same place);
 *   - events come in the order of commits, one for each (same place);
 *   - memory and store agree on every job whenever the engine is at rest;
 *   - limits of queues and connectors hold after every step;
 *   - at the end everything accepted has reached exactly one terminal state for each life by hand.
 *
 * The seed is printed; HUB_TEST_SEED repeats a run, HUB_TEST_STEPS lengthens it.
 */
#include "world.h"

#include "jobs/verdict.h"

#include <time.h>

enum { KEEP = 512 }; /* jobs that requests are made of */

struct model {
    struct world w;
    uint64_t seed;
    struct id recent[KEEP];
    unsigned submitted;
    unsigned answers_due; /* of cancel, retry, delete, set_queue */
    unsigned restarts;
};

static const char *const types[] = {"a.run", "b.run", "c.run", "c.walk"};
static const char *const queues[] = {"default", "mail", "slow", "tenant"};

static unsigned roll(struct model *m, unsigned sides)
{
    return (unsigned)(retry_random(&m->seed) % sides);
}

static void answered(void *context, int err)
{
    struct model *m = context;

    assert_true(err <= 0);
    assert_true(m->answers_due > 0);
    m->answers_due--;
}

static struct id *some_job(struct model *m)
{
    unsigned known = m->submitted < KEEP ? m->submitted : KEEP;

    return known ? &m->recent[roll(m, known)] : NULL;
}

static void submitted(void *context, struct store_op *op)
{
    struct model *m = context;

    if (op->err == 0) {
        m->recent[m->submitted++ % KEEP] = op->job_insert.job.id;
    }
    m->answers_due--;
}

static void step_submit(struct model *m)
{
    struct store_op *op = store_op_new(STORE_JOB_INSERT);
    struct job_record *job = &op->job_insert.job;
    char input[32];

    snprintf(input, sizeof input, "{\"n\":%u}", m->submitted);
    job->type = str_from_c(types[roll(m, 4)]);
    job->queue = str_from_c(queues[roll(m, 4)]);
    job->input = arena_str(&op->arena, str_from_c(input));
    job->priority = (int)roll(m, 5) - 2;
    job->retry_safety = (enum job_retry_safety)roll(m, 3);
    job->max_attempts = 1 + roll(m, 4);
    job->run_at = roll(m, 5) == 0 ? m->w.now + roll(m, 3000) : 0;
    job->expires_at = roll(m, 8) == 0 ? m->w.now + roll(m, 4000) : 0;
    const struct id *parent = roll(m, 10) == 0 ? some_job(m) : NULL;
    if (parent) {
        job->after = arena_memdup(&op->arena, parent, sizeof *parent);
        job->after_count = 1;
    }
    m->answers_due++;
    jobs_submit(m->w.jobs, op, submitted, m);
}

static struct running *some_running(struct model *m)
{
    unsigned at = roll(m, 64);

    for (unsigned i = 0; i < 64; i++) {
        struct running *running = &m->w.running[(at + i) % 64];
        if (running->token != 0) {
            return running;
        }
    }
    return NULL;
}

static void step_finish(struct model *m)
{
    struct running *running = some_running(m);
    if (!running) {
        return;
    }
    uint64_t token = running->token;
    static const enum attempt_outcome likely[] = {ATTEMPT_SUCCEEDED, ATTEMPT_SUCCEEDED,
                                                  ATTEMPT_SUCCEEDED, ATTEMPT_FAILED};
    unsigned luck = roll(m, 12);
    struct jobs_outcome outcome = {
        .outcome = luck < 4 ? likely[luck] : (enum attempt_outcome)(luck - 4),
        .result = STR("{\"ok\":true}"),
        .delay_ms = roll(m, 4) ? 0 : roll(m, 2000),
        .cause = STR("signal"),
    };
    if (outcome.outcome == ATTEMPT_CANCELLED && !running->cancel_asked) {
        outcome.outcome = ATTEMPT_RELEASED;
    }
    struct str rest = world_row(&m->w, &running->id)->job.type;
    world_connector(&m->w, str_split(&rest, '.'))->room++;
    running->token = 0;
    m->w.running_count--;
    jobs_finished(m->w.jobs, token, &outcome);
    if (roll(m, 8) == 0) { /* and once more: nothing may come of it */
        outcome.outcome = (enum attempt_outcome)roll(m, ATTEMPT_OUTCOME_COUNT);
        jobs_finished(m->w.jobs, token, &outcome);
    }
}

static void step_request(struct model *m)
{
    const struct id *id = some_job(m);
    if (!id) {
        return;
    }
    m->answers_due++;
    switch (roll(m, 8)) {
    case 0:
        jobs_delete(m->w.jobs, id, answered, m);
        break;
    case 1:
    case 2:
        jobs_retry(m->w.jobs, id, answered, m);
        break;
    default:
        jobs_cancel(m->w.jobs, id, answered, m);
    }
}

static void step_queue(struct model *m)
{
    const struct store_queue queue = {
        .name = str_from_c(queues[1 + roll(m, 3)]),
        .paused = roll(m, 4) == 0,
        .concurrency = roll(m, 3) ? 0 : 1 + roll(m, 5),
        .rate = roll(m, 3) ? 0 : 1 + roll(m, 50),
        .rate_period_ms = 1 + roll(m, 2000),
    };

    m->answers_due++;
    jobs_set_queue(m->w.jobs, &queue, answered, m);
}

static void check_agreement(const struct model *m)
{
    const struct world *w = &m->w;
    unsigned unfinished = 0;

    for (size_t i = 0; i < w->store->count; i++) {
        const struct row *row = w->store->all[i];
        struct jobs_live live;
        bool alive = jobs_live(w->jobs, &row->job.id, &live);
        bool ended = row->deleted || job_state_terminal(row->job.state);
        assert_int_equal(alive, !ended);
        unfinished += alive;
        if (alive && live.state == JOB_RUNNING && row->job.state != JOB_RUNNING) {
            assert_int_equal(row->job.retry_safety, JOB_SAFE); /* not on record yet */
            assert_int_equal(row->job.state, JOB_QUEUED);
            assert_int_equal(row->job.attempt + 1, live.attempt);
        } else if (alive) {
            assert_int_equal(live.state, row->job.state);
            assert_int_equal(live.attempt, row->job.attempt);
        }
        if (!row->deleted) {
            assert_int_equal(row->ends, row->revived + ended);
        }
    }
    assert_int_equal(jobs_stats(w->jobs)->unfinished, unfinished);
}

static void check_limits(const struct model *m)
{
    struct world *w = (struct world *)&m->w;
    unsigned running = 0;

    for (int i = 0; i < 4; i++) {
        struct jobs_queue_info info;
        if (jobs_find_queue(w->jobs, str_from_c(queues[i]), &info)) {
            running += (unsigned)info.running;
        }
    }
    assert_true(running >= w->running_count); /* those whose end is being written included */
    assert_true(w->running_count <= 64);
}

static void settle(struct model *m)
{
    world_settle(&m->w);
    if (m->w.store->commit_error == 0 && m->w.store->read_error == 0) {
        world_advance(&m->w, 11000); /* the longest back-off */
        check_agreement(m);
    }
}

static void step_restart(struct model *m)
{
    m->w.store->commit_error = 0;
    m->w.store->read_error = 0;
    settle(m);
    m->restarts++;
    m->w.hold = true;
    step_finish(m); /* lost: its write does not make it */
    m->w.hold = false;
    world_restart(&m->w);
    m->answers_due = 0;          /* who still waited for a job to be cancelled never hears of it */
    m->w.room = 1 + roll(m, 20); /* next time */
}

static void step(struct model *m)
{
    unsigned what = roll(m, 1000);

    if (what < 330) {
        step_submit(m);
    } else if (what < 680) {
        step_finish(m);
    } else if (what < 740) {
        step_request(m);
    } else if (what < 745) {
        step_queue(m);
    } else if (what < 820) {
        m->w.now += roll(m, 200);
        jobs_tick(m->w.jobs);
    } else if (what < 980) { /* some of the writes and some of the reads, in either order */
        double_write(m->w.store, roll(m, 20));
        double_read(m->w.store, roll(m, 5));
        m->w.next = jobs_tick(m->w.jobs);
    } else if (what < 986) {
        m->w.store->commit_error = roll(m, 2) ? HUB_ERR_IO : HUB_ERR_STORAGE_FULL;
    } else if (what < 990) {
        m->w.store->read_error = HUB_ERR_IO;
    } else if (what < 998) {
        m->w.store->commit_error = 0;
        m->w.store->read_error = 0;
    } else if (what == 998) {
        settle(m);
    } else if (roll(m, 20) == 0) {
        step_restart(m);
    }
}

/* No more work comes, the limits are lifted, everything succeeds: all of it must end. */
static void finish_all(struct model *m)
{
    m->w.store->commit_error = 0;
    m->w.store->read_error = 0;
    for (int i = 0; i < 4; i++) {
        m->answers_due++;
        jobs_set_queue(m->w.jobs, &(struct store_queue){.name = str_from_c(queues[i])}, answered,
                       m);
    }
    for (int round = 0; jobs_stats(m->w.jobs)->unfinished > 0; round++) {
        assert_true(round < 100000);
        struct running *running;
        while ((running = some_running(m))) {
            world_end(&m->w, running, ATTEMPT_SUCCEEDED);
        }
        world_advance(&m->w, 11000);
    }
    settle(m);
    for (size_t i = 0; i < m->w.store->count; i++) {
        const struct row *row = m->w.store->all[i];
        assert_true(row->deleted || job_state_terminal(row->job.state));
    }
    assert_int_equal(jobs_in_flight(m->w.jobs), 0);
    assert_int_equal(m->answers_due, 0);
}

static uint64_t number_of(const char *variable, uint64_t otherwise)
{
    const char *text = getenv(variable);

    return text ? strtoull(text, NULL, 10) : otherwise;
}

static void run(uint64_t seed, uint64_t steps)
{
    static struct model m;

    memset(&m, 0, sizeof m);
    m.seed = seed;
    world_open(
        &m.w, &(struct jobs_config){.seed = seed, .input_cache_bytes = 2000, .retry_cap_ms = 8000});
    m.w.room = 1 + roll(&m, 20);
    for (uint64_t i = 0; i < steps; i++) {
        step(&m);
        check_limits(&m);
    }
    finish_all(&m);
    const struct jobs_stats *stats = jobs_stats(m.w.jobs);
    print_message("           %u jobs, %llu attempts, %u restarts; since the last one: %llu stale, "
                  "%llu retried, %llu cancelled\n",
                  m.submitted, (unsigned long long)m.w.starts, m.restarts,
                  (unsigned long long)stats->stale_results, (unsigned long long)stats->retried,
                  (unsigned long long)stats->cancelled);
    assert_true(m.submitted > steps / 50);
    world_close(&m.w);
}

static void test_random_steps(void **state)
{
    (void)state;
    uint64_t first = number_of("HUB_TEST_SEED", (uint64_t)time(NULL));
    uint64_t steps = number_of("HUB_TEST_STEPS", 100000);

    /* One long life, and many short ones: the odd corners of starting. */
    print_message("           HUB_TEST_SEED=%llu\n", (unsigned long long)first);
    run(first, steps);
    for (uint64_t i = 1; i <= 20; i++) {
        run(first + i, steps / 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
