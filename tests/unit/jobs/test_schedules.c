/*
 * Schedules on the real store, under a clock that the test turns: overlap, misfire, daylight
 * saving, pause, refusals, restarts, and a thousand jumps of the clock.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "jobs/schedules.h"
#include "jobs/verdict.h"

#include <ftw.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { HELD_MAX = 64, RUNS_MAX = 500 };
#define HOUR_MS 3600000LL

struct world {
    char dir[64];
    struct log log;
    struct blob_store *blobs;
    struct store *store;
    struct jobs *jobs;
    struct schedules *schedules;
    struct zone *zone; /* the one that is asked for, kept */
    int wake_fd;
    int64_t now;
    bool hold; /* jobs run until finish() */
    bool loaded;
    bool woken;
    uint64_t held[HELD_MAX];
    unsigned held_count;
    uint64_t submitted; /* in earlier lives */
    int err;
    struct schedule_fault fault;
    struct schedule_run run; /* the last made by hand */
    struct schedule_run runs[RUNS_MAX];
    unsigned run_count;
    bool more_runs;
};

/* --- Hooks -------------------------------------------------------------------------------------*/

static int64_t now(void *context)
{
    return ((struct world *)context)->now;
}

static unsigned room(void *context, struct str connector)
{
    (void)connector;
    return HELD_MAX - ((struct world *)context)->held_count;
}

static int start(void *context, const struct jobs_attempt *attempt)
{
    struct world *w = context;

    if (w->held_count == HELD_MAX) {
        return HUB_ERR_AGAIN;
    }
    w->held[w->held_count++] = attempt->token;
    return 0;
}

static void finish(struct world *w, unsigned index, enum attempt_outcome outcome)
{
    const struct jobs_outcome end = {.outcome = outcome};
    uint64_t token = w->held[index];

    w->held[index] = w->held[--w->held_count];
    jobs_finished(w->jobs, token, &end);
}

static void cancel(void *context, uint64_t token)
{
    struct world *w = context;

    for (unsigned i = 0; i < w->held_count; i++) {
        if (w->held[i] == token) {
            finish(w, i, ATTEMPT_CANCELLED);
            return;
        }
    }
}

static void event(void *context, const struct jobs_event *happened)
{
    schedules_on_event(((struct world *)context)->schedules, happened);
}

static void ended(void *context, const struct work *work)
{
    schedules_on_end(((struct world *)context)->schedules, work);
}

static void wake(void *context)
{
    ((struct world *)context)->woken = true;
}

static void wake_loop(void *context)
{
    eventfd_write(*(int *)context, 1);
}

static bool says(const struct schedule_record *schedule, const char *word)
{
    return memmem(schedule->spec.ptr, schedule->spec.len, word, strlen(word)) != NULL;
}

static void fill_flow(struct world *w, struct store_flow_insert *insert, struct arena *arena)
{
    insert->flow.id = jobs_next_id(w->jobs);
    insert->items = arena_zalloc(arena, 2 * sizeof *insert->items);
    insert->item_count = 2;
    for (unsigned i = 0; i < 2; i++) {
        struct job_record *job = &insert->items[i].job;
        *job = (struct job_record){.id = jobs_next_id(w->jobs),
                                   .type = STR_INIT("a.run"),
                                   .input = STR_INIT("{}"),
                                   .max_attempts = 1,
                                   .flow_node = i == 0 ? STR("one") : STR("two")};
        job->after = &insert->items[0].job.id;
        job->after_count = i;
    }
}

static int make(void *context, const struct schedule_record *schedule, struct store_op **ret_op,
                struct hub_error *error)
{
    bool is_batch = says(schedule, "a batch"), is_flow = says(schedule, "a flow");
    struct store_op *op;

    if (says(schedule, "refuse")) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT, "no connector offers it");
    }
    op = store_op_new(is_batch  ? STORE_BATCH_CREATE
                      : is_flow ? STORE_FLOW_INSERT
                                : STORE_JOB_INSERT);
    if (is_batch) {
        op->batch_create.batch = (struct batch_record){.settings = STR_INIT("{}"),
                                                       .queue = STR_INIT("default"),
                                                       .source = STR_INIT("{}"),
                                                       .retention_ms = 3600000};
    } else if (is_flow) {
        fill_flow(context, &op->flow_insert, &op->arena);
    } else {
        op->job_insert.job.type = STR("a.run");
        op->job_insert.job.input = STR("{}");
    }
    *ret_op = op;
    return 0;
}

static void find_zone(void *context, const char *name, schedules_zone_fn *done, void *done_context)
{
    struct world *w = context;
    struct hub_error error;
    int err = 0;

    if (!w->zone || !str_eq(zone_name(w->zone), str_from_c(name))) {
        struct zone *zone;
        err = zone_load("/usr/share/zoneinfo", str_from_c(name), &zone, &error);
        if (err == 0) {
            assert_null(w->zone); /* a test uses one */
            w->zone = zone;
        }
    }
    done(done_context, err, err == 0 ? w->zone : NULL);
}

static const struct jobs_hooks jobs_hooks = {.now = now,
                                             .start = start,
                                             .room = room,
                                             .cancel = cancel,
                                             .event = event,
                                             .wake = wake,
                                             .ended = ended};
static const struct schedules_hooks schedules_hooks = {
    .now = now, .make = make, .zone = find_zone, .wake = wake};

/* --- Lives -------------------------------------------------------------------------------------*/

static void turn(struct world *w)
{
    struct store_stats stats;
    struct pollfd fd = {w->wake_fd, POLLIN, 0};

    store_stats(w->store, &stats);
    if (stats.pending > 0 && poll(&fd, 1, 1000) > 0) {
        eventfd_t count;
        eventfd_read(w->wake_fd, &count);
    }
    store_dispatch(w->store);
}

/* Until nothing is left to be done at this time. */
static void settle(struct world *w)
{
    struct store_stats stats;
    int64_t next, next_job;

    do {
        w->woken = false;
        next = schedules_tick(w->schedules);
        next_job = jobs_tick(w->jobs);
        while (!w->hold && w->held_count > 0) {
            finish(w, 0, ATTEMPT_SUCCEEDED);
        }
        turn(w);
        store_stats(w->store, &stats);
    } while (w->woken || stats.pending > 0 || next <= w->now || next_job <= w->now);
}

static void on_loaded(void *context, int err)
{
    assert_int_equal(err, 0);
    ((struct world *)context)->loaded = true;
}

static void await_load(struct world *w)
{
    while (!w->loaded) {
        turn(w);
    }
    w->loaded = false;
}

static void begin(struct world *w)
{
    const struct jobs_config config = {.seed = 1, .purge_interval_ms = UINT32_MAX};
    struct store_backend *backend;
    struct hub_error error;
    char path[128];

    snprintf(path, sizeof path, "%s/blobs", w->dir);
    assert_int_equal(blob_store_new(path, &w->blobs, &error), 0);
    snprintf(path, sizeof path, "%s/jobs.db", w->dir);
    const struct store_sqlite_options options = {
        .path = path, .blobs = w->blobs, .synchronous = "OFF"};
    assert_int_equal(store_sqlite_new(&options, &w->log, &backend, &error), 0);
    assert_int_equal(store_new(backend, wake_loop, &w->wake_fd, &w->log, &w->store, &error), 0);
    assert_int_equal(jobs_new(w->store, &config, &jobs_hooks, w, &w->log, &w->jobs, &error), 0);
    assert_int_equal(
        schedules_new(w->store, w->jobs, &schedules_hooks, w, &w->log, &w->schedules, &error), 0);
    jobs_load(w->jobs, on_loaded, w);
    await_load(w);
    schedules_load(w->schedules, on_loaded, w);
    await_load(w);
}

/* As if it were killed: what is on its way may or may not get there. */
static void die(struct world *w)
{
    w->submitted += jobs_stats(w->jobs)->submitted;
    schedules_close(w->schedules);
    jobs_close(w->jobs);
    store_free(w->store);
    jobs_free(w->jobs);
    schedules_free(w->schedules);
    blob_store_free(w->blobs);
    w->held_count = 0;
}

static int64_t at(const char *text)
{
    int64_t ms;

    assert_true(clock_parse(str_from_c(text), &ms));
    return ms;
}

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);

    assert_non_null(w);
    snprintf(w->dir, sizeof w->dir, "/tmp/hub-schedules-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    log_init(&w->log, STDERR_FILENO, LOG_ERROR, LOG_KEY_VALUE);
    w->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    w->now = at("2026-06-01T12:00:00.250Z");
    begin(w);
    *state = w;
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int tear_down(void **state)
{
    struct world *w = *state;

    die(w);
    zone_free(w->zone);
    close(w->wake_fd);
    nftw(w->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(w);
    return 0;
}

/* --- Asking ------------------------------------------------------------------------------------*/

static void on_put(void *context, int err, bool is_new)
{
    (void)is_new;
    ((struct world *)context)->err = err;
}

static int put(struct world *w, const char *name, const char *text)
{
    struct hub_error error;
    struct json_object *json;

    assert_int_equal(json_read(str_from_c(text), 64, &json, NULL, &error), 0);
    const struct schedule_put put = {
        .name = str_from_c(name), .text = str_from_c(text), .json = json, .created_by = STR("me")};
    schedules_put(w->schedules, &put, &w->fault, on_put, w);
    json_object_put(json);
    settle(w);
    return w->err;
}

static void on_done(void *context, int err)
{
    ((struct world *)context)->err = err;
}

static void pause_it(struct world *w, const char *name, bool paused)
{
    schedules_pause(w->schedules, str_from_c(name), paused, on_done, w);
    settle(w);
    assert_int_equal(w->err, 0);
}

static struct schedule_view view(struct world *w, const char *name)
{
    struct schedule_view found;

    assert_true(schedules_find(w->schedules, str_from_c(name), &found));
    return found;
}

static void on_runs(struct store_op *op, void *context)
{
    struct world *w = context;
    const struct store_schedule_runs *runs = &op->schedule_runs;

    assert_int_equal(op->err, 0);
    assert_true(runs->ret_count <= RUNS_MAX);
    w->run_count = runs->ret_count;
    w->more_runs = runs->ret_more;
    for (unsigned i = 0; i < runs->ret_count; i++) {
        w->runs[i] = runs->ret_runs[i];
        w->runs[i].reason = runs->ret_runs[i].reason.len > 0 ? STR("given") : STR("");
    }
    w->loaded = true;
}

/* Latest first, into w->runs. */
static void read_runs(struct world *w, const char *name, int64_t before)
{
    struct store_op *op = store_op_new(STORE_SCHEDULE_RUNS);

    op->schedule_runs.schedule = view(w, name).record->seq;
    op->schedule_runs.before = before;
    op->schedule_runs.limit = RUNS_MAX;
    op->done = on_runs;
    op->context = w;
    store_submit(w->store, op);
    await_load(w);
}

/* The outcomes from the earliest on, a letter each. */
static const char *story(struct world *w, const char *name)
{
    static char letters[RUNS_MAX + 1];

    read_runs(w, name, 0);
    for (unsigned i = 0; i < w->run_count; i++) {
        const struct schedule_run *run = &w->runs[w->run_count - 1 - i];
        letters[i] = run->misfired ? 'l' : "wfsmr"[run->outcome];
    }
    letters[w->run_count] = '\0';
    return letters;
}

static void go(struct world *w, int64_t ms)
{
    w->now += ms;
    settle(w);
}

/* --- Tests -------------------------------------------------------------------------------------*/

static void test_ticks_fire_at_their_time(void **state)
{
    struct world *w = *state;

    assert_int_equal(put(w, "a", "{\"every\":\"PT10S\",\"template\":{}}"), 0);
    assert_int_equal(view(w, "a").upcoming[0], w->now + 10000);
    go(w, 9999);
    assert_string_equal(story(w, "a"), "");
    go(w, 1);
    assert_string_equal(story(w, "a"), "f");
    assert_int_equal(w->runs[0].at, w->runs[0].tick);
    assert_false(id_is_zero(&w->runs[0].made.id));
    go(w, 0);
    go(w, -20000); /* back: nothing comes twice */
    go(w, 20000);
    assert_string_equal(story(w, "a"), "f");
    go(w, 10000);
    assert_string_equal(story(w, "a"), "ff");
    /* The same times again: it goes on. Others: from now on. */
    go(w, 9000);
    assert_int_equal(put(w, "a", "{\"every\":\"PT10S\",\"template\":{\"x\":1}}"), 0);
    go(w, 1000);
    assert_string_equal(story(w, "a"), "fff");
    assert_int_equal(put(w, "a", "{\"at\":\"2026-06-01T12:01:00Z\",\"template\":{}}"), 0);
    go(w, HOUR_MS / 60);
    go(w, HOUR_MS);
    assert_string_equal(story(w, "a"), "fffl");
    assert_int_equal(view(w, "a").upcoming_count, 0);
}

static void test_jitter_is_the_same_after_a_restart(void **state)
{
    struct world *w = *state;

    assert_int_equal(put(w, "j", "{\"every\":\"PT1H\",\"jitter\":\"PT30M\",\"template\":{}}"), 0);
    struct schedule_view found = view(w, "j");
    int64_t tick = found.upcoming[0];
    int64_t delay = schedule_jitter(found.spec, found.record->seq, tick);
    assert_in_range(delay, 0, HOUR_MS / 2);
    assert_int_not_equal(delay, schedule_jitter(found.spec, found.record->seq, tick + HOUR_MS));
    w->now = tick + delay - 1;
    settle(w);
    die(w);
    begin(w);
    settle(w);
    assert_string_equal(story(w, "j"), "");
    go(w, 1);
    assert_string_equal(story(w, "j"), "f");
    assert_int_equal(w->runs[0].tick, tick);
    assert_int_equal(w->runs[0].at, tick + delay);
}

static void test_overlap(void **state)
{
    struct world *w = *state;

    w->hold = true;
    put(w, "skip", "{\"every\":\"PT10S\",\"overlap\":\"skip\",\"template\":{}}");
    put(w, "queue", "{\"every\":\"PT10S\",\"overlap\":\"queue\",\"template\":{}}");
    put(w, "allow", "{\"every\":\"PT10S\",\"overlap\":\"allow\",\"template\":{}}");
    for (int i = 0; i < 3; i++) {
        go(w, 10000);
    }
    assert_string_equal(story(w, "skip"), "fss");
    assert_string_equal(story(w, "queue"), "fww");
    assert_string_equal(story(w, "allow"), "fff");
    assert_int_equal(view(w, "queue").waiting, 2);
    assert_int_equal(view(w, "allow").unfinished, 3);
    die(w); /* what waits is on record; what ran runs again */
    begin(w);
    settle(w);
    assert_string_equal(story(w, "queue"), "fww");
    assert_int_equal(view(w, "queue").waiting, 2);
    assert_int_equal(view(w, "allow").unfinished, 3);
    w->hold = false;
    settle(w);
    assert_string_equal(story(w, "queue"), "fff");
    assert_int_equal(view(w, "queue").unfinished, 0);
    go(w, 10000);
    assert_string_equal(story(w, "skip"), "fssf");
}

static void test_overlap_cancels(void **state)
{
    struct world *w = *state;

    w->hold = true;
    put(w, "c", "{\"every\":\"PT10S\",\"overlap\":\"cancel_previous\",\"template\":{}}");
    for (int i = 0; i < 4; i++) {
        go(w, 10000);
        assert_int_equal(w->held_count, 1);
    }
    assert_string_equal(story(w, "c"), "ffff");
    assert_int_equal(jobs_stats(w->jobs)->cancelled, 3);
}

static void on_batch_cancelled(void *context, int err)
{
    ((struct world *)context)->err = err;
}

/* What a batch's upload or a flow's jobs have left to do counts as a job does, also for who comes
 * up in the middle of it. */
static void test_overlap_of_batches_and_flows(void **state)
{
    struct world *w = *state;

    w->hold = true;
    put(w, "b", "{\"every\":\"PT10S\",\"misfire\":\"skip\",\"template\":{\"is\":\"a batch\"}}");
    put(w, "f", "{\"every\":\"PT10S\",\"misfire\":\"skip\",\"template\":{\"is\":\"a flow\"}}");
    go(w, 10000);
    assert_int_equal(w->held_count, 1); /* the first job of the flow; no line has come */
    go(w, 10000);
    die(w);
    begin(w);
    assert_int_equal(view(w, "b").unfinished, 1);
    assert_int_equal(view(w, "f").unfinished, 1);
    go(w, 10000);
    assert_string_equal(story(w, "b"), "fss");
    assert_int_equal(w->runs[2].made.kind, WORK_BATCH);
    struct id batch = w->runs[2].made.id;
    assert_string_equal(story(w, "f"), "fss");
    assert_int_equal(w->runs[2].made.kind, WORK_FLOW);

    finish(w, 0, ATTEMPT_SUCCEEDED);
    settle(w);
    assert_int_equal(view(w, "f").unfinished, 1); /* its other job runs */
    finish(w, 0, ATTEMPT_FAILED);
    w->err = 1;
    jobs_batch_cancel(w->jobs, &batch, on_batch_cancelled, w);
    settle(w);
    assert_int_equal(w->err, 0);
    assert_int_equal(view(w, "b").unfinished, 0);
    assert_int_equal(view(w, "f").unfinished, 0);
    go(w, 10000);
    assert_string_equal(story(w, "b"), "fssf");
    assert_string_equal(story(w, "f"), "fssf");
    die(w);
    begin(w);
    assert_int_equal(view(w, "b").unfinished, 1);
    assert_int_equal(view(w, "f").unfinished, 1);
}

static void test_misfire(void **state)
{
    static const struct {
        const char *name, *text, *story;
        unsigned missed;
    } CASES[] = {
        {"skip", "\"misfire\":\"skip\"", "fmf", 9},
        {"once", "\"misfire\":\"run_once\"", "fmlf", 8},
        {"all", "\"misfire\":\"run_all\"", "flllllllllf", 0},
        {"some", "\"misfire\":\"run_all\",\"misfire_limit\":3", "fmlllf", 6},
    };
    struct world *w = *state;
    char text[200];

    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        snprintf(text, sizeof text, "{\"every\":\"PT1M\",%s,\"overlap\":\"allow\",\"template\":{}}",
                 CASES[i].text);
        assert_int_equal(put(w, CASES[i].name, text), 0);
    }
    go(w, 60000);
    die(w);
    w->now += 9 * 60000 + 30000;
    begin(w);
    settle(w);
    go(w, 30000);
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        unsigned missed = 0;
        assert_string_equal(story(w, CASES[i].name), CASES[i].story);
        for (unsigned j = 0; j < w->run_count; j++) {
            missed += w->runs[j].missed;
        }
        assert_int_equal(missed, CASES[i].missed);
    }
    /* Years of seconds are not counted one by one. */
    put(w, "busy", "{\"cron\":\"* * * * * *\",\"overlap\":\"allow\",\"template\":{}}");
    go(w, 3 * 365 * 24 * HOUR_MS);
    assert_string_equal(story(w, "busy"), "mlfffff");
}

static void test_daylight_saving(void **state)
{
    struct world *w = *state;
    const char *expected[] = {"2026-10-24T00:30:00.000Z", "2026-10-25T00:30:00.000Z",
                              "2026-10-26T01:30:00.000Z", "2027-03-27T01:30:00.000Z",
                              "2027-03-28T01:00:00.000Z", "2027-03-29T00:30:00.000Z"};

    put(w, "berlin",
        "{\"cron\":\"30 2 * * "
        "*\",\"time_zone\":\"Europe/Berlin\",\"history\":\"P366D\",\"template\":{}}");
    pause_it(w, "berlin", true);
    for (size_t i = 0; i < 6; i++) {
        if (i % 3 == 0) { /* the day before; what lies in between is not made up for */
            w->now = at(expected[i]) - HOUR_MS;
            pause_it(w, "berlin", false);
        }
        assert_int_equal(view(w, "berlin").upcoming[0], at(expected[i]));
        w->now = at(expected[i]) - 1;
        settle(w);
        go(w, 1);
        if (i % 3 == 2) {
            pause_it(w, "berlin", true);
        }
    }
    assert_string_equal(story(w, "berlin"), "ffffff");
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(w->runs[5 - i].tick, at(expected[i]));
    }
}

static void on_run(void *context, int err, const struct schedule_run *run)
{
    struct world *w = context;

    w->err = err;
    w->run = *run;
}

static void test_by_hand_refused_deleted(void **state)
{
    struct world *w = *state;

    assert_int_equal(put(w, "h", "{\"every\":\"PT1H\",\"paused\":true,\"template\":{}}"), 0);
    for (int i = 0; i < 3; i++) {
        schedules_run(w->schedules, STR("h"), on_run, w);
    }
    settle(w);
    assert_int_equal(w->err, 0);
    assert_false(id_is_zero(&w->run.made.id));
    assert_string_equal(story(w, "h"), "fff");

    assert_int_equal(put(w, "r", "{\"every\":\"PT1M\",\"template\":\"refuse\"}"), 0);
    go(w, 60000);
    assert_string_equal(story(w, "r"), "r");
    assert_int_equal(w->runs[0].reason.len, 5);
    schedules_run(w->schedules, STR("r"), on_run, w);
    assert_int_equal(w->err, HUB_ERR_INVALID_INPUT);
    schedules_run(w->schedules, STR("nobody"), on_run, w);
    assert_int_equal(w->err, HUB_ERR_NOT_FOUND);

    /* Deleted while a tick of its is on its way. */
    put(w, "d", "{\"every\":\"PT1M\",\"template\":{}}");
    w->now += 60000;
    schedules_tick(w->schedules);
    schedules_delete(w->schedules, STR("d"), on_done, w);
    settle(w);
    assert_int_equal(w->err, 0);
    struct schedule_view gone;
    assert_false(schedules_find(w->schedules, STR("d"), &gone));
    /* One of the same name is another one. */
    put(w, "d", "{\"every\":\"PT1M\",\"template\":{}}");
    assert_string_equal(story(w, "d"), "");
    assert_int_equal(
        put(w, "z", "{\"cron\":\"@daily\",\"time_zone\":\"No/Where\",\"template\":{}}"),
        HUB_ERR_INVALID_INPUT);
    assert_string_equal(w->fault.pointer, "/time_zone");
}

/* Each tick up to where the clock has been has one run, or is counted by one. */
static void check_all_there(struct world *w, const char *name, int64_t first, int64_t until,
                            uint64_t *ret_fired)
{
    int64_t before = 0;
    uint64_t covered = 0;

    do {
        read_runs(w, name, before);
        for (unsigned i = 0; i < w->run_count; i++) {
            const struct schedule_run *run = &w->runs[i];
            assert_int_equal((run->tick - first) % (HOUR_MS / 2), 0);
            assert_true(run->tick <= until);
            assert_true(run->outcome == SCHEDULE_FIRED || run->outcome == SCHEDULE_MISSED);
            covered += run->outcome == SCHEDULE_FIRED ? 1 : run->missed;
            *ret_fired += run->outcome == SCHEDULE_FIRED;
            before = run->tick;
        }
    } while (w->more_runs);
    assert_int_equal(covered, (until - first) / (HOUR_MS / 2) + 1);
}

static void test_a_thousand_jumps(void **state)
{
    static const char *const POLICIES[] = {"skip", "run_once", "run_all"};
    struct world *w = *state;
    uint64_t seed = 7, fired = 0;
    int64_t furthest = w->now, first = w->now + HOUR_MS / 2;
    char text[200];

    for (int i = 0; i < 3; i++) {
        snprintf(text, sizeof text,
                 "{\"every\":\"PT30M\",\"misfire\":\"%s\",\"history\":\"P366D\","
                 "\"overlap\":\"allow\",\"template\":{}}",
                 POLICIES[i]);
        assert_int_equal(put(w, POLICIES[i], text), 0);
    }
    for (int i = 0; i < 1000; i++) {
        uint64_t random = retry_random(&seed);
        int64_t jump = (int64_t)(random >> 8) % (3 * HOUR_MS);
        w->now += random % 3 == 0 ? -jump : 2 * jump;
        furthest = w->now > furthest ? w->now : furthest;
        if (random % 16 == 1) { /* now and then it dies in the middle */
            schedules_tick(w->schedules);
            die(w);
            begin(w);
        }
        settle(w);
    }
    w->now = furthest;
    settle(w);
    for (int i = 0; i < 3; i++) {
        check_all_there(w, POLICIES[i], first, furthest, &fired);
        uint64_t none = 0;
        if (i == 2) { /* run_all: none is missed */
            check_all_there(w, POLICIES[i], first, furthest, &none);
            assert_int_equal(none, (furthest - first) / (HOUR_MS / 2) + 1);
        }
    }
    /* A job for each that fired, and no other. (Of those that a death has cut short memory knows
     * nothing: they are counted by their runs only.) */
    assert_true(w->submitted + jobs_stats(w->jobs)->submitted <= fired);
    print_message("%llu ticks fired\n", (unsigned long long)fired);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_ticks_fire_at_their_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_jitter_is_the_same_after_a_restart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_overlap, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_overlap_cancels, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_overlap_of_batches_and_flows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_misfire, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_daylight_saving, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_by_hand_refused_deleted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_thousand_jumps, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
