/* Accounts as gates: limits, the provider's Retry-After, and that nobody else waits for it. */
#include "world.h"

#include "jobs/verdict.h"

#include <time.h>

static void set_limits(struct world *w, const char *name, uint32_t in_flight, uint32_t rate)
{
    const struct jobs_account limits = {
        .name = str_from_c(name), .in_flight = in_flight, .rate = rate, .rate_period_ms = 1000};

    assert_int_equal(jobs_set_account(w->jobs, &limits), 0);
    world_settle(w);
}

static struct id submit(struct world *w, const char *account, const char *queue)
{
    return world_submit(w, (struct job_record){.account = str_from_c(account),
                                               .queue = str_from_c(queue),
                                               .max_attempts = 50});
}

static struct jobs_account_info info_of(const struct world *w, const char *name)
{
    struct jobs_account_info info;

    jobs_account_info(w->jobs, str_from_c(name), &info);
    return info;
}

static void ask_for_pause(struct world *w, struct id id, uint64_t delay_ms)
{
    world_finish(w, world_started(w, &id),
                 &(struct jobs_outcome){
                     .outcome = ATTEMPT_RETRY, .delay_ms = delay_ms, .pause_ms = delay_ms});
}

static void test_in_flight(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL);
    set_limits(&w, "shop", 2, 0);
    struct id ids[6];
    for (int i = 0; i < 6; i++) { /* over two queues: it is one limit */
        ids[i] = submit(&w, "shop", i % 2 ? "a" : "b");
    }
    submit(&w, "other", "a");
    submit(&w, "", "a");
    assert_int_equal(w.running_count, 4);
    assert_int_equal(info_of(&w, "shop").in_flight, 2);
    assert_int_equal(info_of(&w, "shop").unfinished, 6);
    world_end(&w, world_started(&w, &ids[0]), ATTEMPT_SUCCEEDED);
    assert_int_equal(w.running_count, 4);
    assert_non_null(world_started(&w, &ids[2]));
    set_limits(&w, "shop", 0, 0);
    assert_int_equal(w.running_count, 7);
    assert_int_equal(info_of(&w, "shop").unfinished, 5);
    world_close(&w);
}

static void test_rate(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL);
    set_limits(&w, "shop", 0, 4);
    for (int i = 0; i < 20; i++) {
        submit(&w, "shop", i % 2 ? "a" : "b");
        submit(&w, "", "a");
    }
    assert_int_equal(w.starts, 20 + 4);
    world_advance(&w, 250);
    assert_int_equal(w.starts, 20 + 5);
    world_advance(&w, 1000);
    assert_int_equal(w.starts, 20 + 9);
    world_close(&w);
}

/* Queue and account must both admit; what the one lets through is not charged by the other. */
static void test_both_gates(void **state)
{
    (void)state;
    struct world w;
    int answer = 1;
    world_open(&w, NULL);
    set_limits(&w, "shop", 0, 1);
    jobs_set_queue(w.jobs, &(struct store_queue){.name = STR("a"), .concurrency = 1}, world_answer,
                   &answer);
    world_settle(&w);
    struct id first = submit(&w, "shop", "a");
    struct id second = submit(&w, "shop", "a");
    world_advance(&w, 5000);
    assert_null(world_started(&w, &second)); /* the queue is full, the account has credit */
    world_end(&w, world_started(&w, &first), ATTEMPT_SUCCEEDED);
    assert_non_null(world_started(&w, &second));
    world_end(&w, world_started(&w, &second), ATTEMPT_SUCCEEDED);
    struct id third = submit(&w, "shop", "a");
    assert_null(world_started(&w, &third)); /* the other way round */
    world_advance(&w, 1000);
    assert_non_null(world_started(&w, &third));
    world_close(&w);
}

static void test_retry_after_holds_the_account_only(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL);
    struct id asked = submit(&w, "shop", "a");
    struct id beside = submit(&w, "shop", "a");
    ask_for_pause(&w, asked, 10000);
    assert_int_equal(info_of(&w, "shop").held_until, w.now + 10000);
    struct id held[3];
    for (int i = 0; i < 3; i++) {
        held[i] = submit(&w, "shop", i % 2 ? "a" : "b");
    }
    struct id other = submit(&w, "other", "a");
    struct id none = submit(&w, "", "a");
    assert_non_null(world_started(&w, &other));
    assert_non_null(world_started(&w, &none));
    assert_int_equal(w.running_count, 3);
    /* One that ran already gets through: the pause stands. */
    world_end(&w, world_started(&w, &beside), ATTEMPT_SUCCEEDED);
    world_advance(&w, 9999);
    assert_int_equal(w.running_count, 2);
    assert_true(info_of(&w, "shop").on_trial);

    world_advance(&w, 1); /* one goes first */
    assert_int_equal(w.running_count, 3);
    assert_int_equal(info_of(&w, "shop").held_until, 0);
    world_advance(&w, 100000);
    assert_int_equal(w.running_count, 3);
    assert_non_null(world_started(&w, &held[0]));
    world_end(&w, world_started(&w, &held[0]), ATTEMPT_FAILED); /* refused, but answered */
    assert_int_equal(w.running_count, 2 + 3);
    assert_false(info_of(&w, "shop").on_trial);
    world_close(&w);
}

/* A delay is the job's own affair, a pause the account's, however the attempt ends. */
static void test_only_a_pause_holds(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL);
    struct id late = submit(&w, "shop", "a");
    struct id paid = submit(&w, "shop", "a");
    world_finish(&w, world_started(&w, &late),
                 &(struct jobs_outcome){.outcome = ATTEMPT_RETRY, .delay_ms = 5000});
    assert_int_equal(info_of(&w, "shop").held_until, 0);
    struct id next = submit(&w, "shop", "a");
    assert_non_null(world_started(&w, &next));
    world_advance(&w, 4999);
    assert_null(world_started(&w, &late));
    world_finish(&w, world_started(&w, &paid),
                 &(struct jobs_outcome){.outcome = ATTEMPT_SUCCEEDED, .pause_ms = 1000});
    assert_int_equal(info_of(&w, "shop").held_until, w.now + 1000);
    assert_int_equal(info_of(&w, "shop").uses, 2);
    assert_int_equal(info_of(&w, "shop").failures, 1);
    world_close(&w);
}

/* --- Passes ------------------------------------------------------------------------------------*/

struct pass_told {
    int err; /* 1: nothing yet */
    uint64_t delay_ms;
};

static void on_pass(void *context, int err, uint64_t delay_ms)
{
    struct pass_told *told = context;

    assert_int_equal(told->err, 1); /* once */
    *told = (struct pass_told){err, delay_ms};
}

static struct jobs_pass *ask(struct world *w, struct id id, const char *account,
                             struct pass_told *told)
{
    const struct jobs_pass_request request = {
        .token = world_started(w, &id)->token,
        .account = str_from_c(account),
        .pointer = STR("/file"),
    };
    struct jobs_pass *pass;

    *told = (struct pass_told){.err = 1};
    assert_int_equal(jobs_pass_ask(w->jobs, &request, on_pass, told, &pass), 0);
    assert_int_equal(told->err, 1);
    world_settle(w);
    return pass;
}

static void end_pass(struct world *w, struct jobs_pass *pass, const struct jobs_outcome *outcome)
{
    jobs_pass_end(pass, outcome);
    world_settle(w);
}

static const struct jobs_outcome FETCHED = {.outcome = ATTEMPT_SUCCEEDED};

static void test_pass_waits_for_its_account(void **state)
{
    (void)state;
    struct world w;
    struct pass_told first, second;
    world_open(&w, NULL);
    set_limits(&w, "shop", 1, 0);
    struct id none = submit(&w, "", "a");
    w.hold = true;
    struct jobs_pass *one = ask(&w, none, "shop", &first);
    assert_int_equal(first.err, 1); /* its use is not on record */
    w.hold = false;
    world_settle(&w);
    assert_int_equal(first.err, 0);
    assert_int_equal(w.store->uses_begun, 1);
    struct jobs_pass *two = ask(&w, none, "shop", &second);
    struct id job = submit(&w, "shop", "a");
    assert_int_equal(second.err, 1);
    assert_null(world_started(&w, &job));
    assert_int_equal(info_of(&w, "shop").in_flight, 1);
    end_pass(&w, one, &FETCHED);
    assert_int_equal(second.err, 0);
    assert_null(world_started(&w, &job));
    end_pass(&w, two, &(struct jobs_outcome){.outcome = ATTEMPT_CANCELLED, .untouched = true});
    assert_non_null(world_started(&w, &job));
    assert_int_equal(w.store->uses_ended, 2);
    assert_int_equal(w.store->uses_dropped, 1);
    assert_int_equal(info_of(&w, "shop").uses, 1);

    one = ask(&w, none, "shop", &first); /* given up while it waits, and while it is written */
    end_pass(&w, one, &FETCHED);
    world_end(&w, world_started(&w, &job), ATTEMPT_SUCCEEDED);
    w.hold = true;
    two = ask(&w, none, "shop", &second);
    jobs_pass_end(two, &FETCHED);
    w.hold = false;
    world_settle(&w);
    assert_int_equal(first.err, 1);
    assert_int_equal(second.err, 1);
    assert_int_equal(w.store->uses_dropped, 2);
    assert_int_equal(info_of(&w, "shop").in_flight, 0);
    world_close(&w);
}

static void test_pass_is_turned_away(void **state)
{
    (void)state;
    struct world w;
    struct pass_told told, line[17];
    struct jobs_pass *passes[17];
    world_open(&w, NULL);
    struct id none = submit(&w, "", "a");
    struct jobs_pass *pass = ask(&w, none, "shop", &told);
    end_pass(&w, pass, &(struct jobs_outcome){.outcome = ATTEMPT_RETRY, .pause_ms = 3000});
    world_advance(&w, 1000);
    (void)ask(&w, none, "shop", &told); /* the provider has asked for a pause */
    assert_int_equal(told.err, HUB_ERR_INTERRUPTED);
    assert_int_equal(told.delay_ms, 2000);

    set_limits(&w, "narrow", 1, 0);
    struct id own = submit(&w, "narrow", "a");
    pass = ask(&w, own, "narrow", &told); /* within the place that the attempt holds */
    assert_int_equal(told.err, 0);
    end_pass(&w, pass, &FETCHED);
    struct id other = submit(&w, "other", "a");
    (void)ask(&w, other, "narrow", &told); /* that one might wait for us */
    assert_int_equal(told.err, HUB_ERR_INTERRUPTED);
    assert_int_equal(told.delay_ms, 0);

    for (int i = 0; i < 17; i++) {
        passes[i] = ask(&w, none, "narrow", &line[i]);
    }
    assert_int_equal(line[15].err, 1);
    assert_int_equal(line[16].err, HUB_ERR_INTERRUPTED); /* the line is long enough */
    jobs_drain(w.jobs);
    world_settle(&w);
    for (int i = 0; i < 16; i++) {
        assert_non_null(passes[i]);
        assert_int_equal(line[i].err, HUB_ERR_INTERRUPTED);
    }
    world_close(&w);
}

static void test_released_until(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL);
    struct id id = submit(&w, "", "a");
    world_finish(
        &w, world_started(&w, &id),
        &(struct jobs_outcome){.outcome = ATTEMPT_RELEASED, .untouched = true, .delay_ms = 2000});
    world_advance(&w, 1999);
    assert_null(world_started(&w, &id));
    world_advance(&w, 1);
    assert_non_null(world_started(&w, &id));
    world_close(&w);
}

static void test_trial_is_asked_to_wait_again(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL);
    struct id ids[3];
    for (int i = 0; i < 3; i++) {
        ids[i] = submit(&w, "shop", "a");
    }
    ask_for_pause(&w, ids[0], 1000);
    ask_for_pause(&w, ids[1], 400); /* a shorter one does not shorten it */
    world_end(&w, world_started(&w, &ids[2]), ATTEMPT_SUCCEEDED);
    submit(&w, "shop", "a");
    world_advance(&w, 999);
    assert_int_equal(w.running_count, 0);
    world_advance(&w, 1);
    assert_int_equal(w.running_count, 1);
    struct id trial = w.order[w.order_count - 1];
    ask_for_pause(&w, trial, 3000);
    world_advance(&w, 2999);
    assert_int_equal(w.running_count, 0);
    world_advance(&w, 1);
    assert_int_equal(w.running_count, 1);

    /* A trial that says nothing of the provider is followed by another one. */
    trial = w.order[w.order_count - 1];
    world_finish(&w, world_started(&w, &trial),
                 &(struct jobs_outcome){.outcome = ATTEMPT_RELEASED, .untouched = true});
    assert_int_equal(w.running_count, 1);
    assert_true(info_of(&w, "shop").on_trial);
    trial = w.order[w.order_count - 1];
    world_end(&w, world_started(&w, &trial), ATTEMPT_SUCCEEDED);
    assert_int_equal(w.running_count, 2);
    world_close(&w);
}

/* Those whose start is written first: cancelled before it ran, the trial is somebody else's. */
static void test_trial_that_never_begins(void **state)
{
    (void)state;
    struct world w;
    int answer = 1;
    world_open(&w, NULL);
    struct id first = submit(&w, "shop", "a");
    ask_for_pause(&w, first, 1000000);
    struct id never = world_submit(&w, (struct job_record){.account = STR("shop"),
                                                           .queue = STR("a"),
                                                           .priority = 9,
                                                           .retry_safety = JOB_NEVER});
    struct id next = submit(&w, "shop", "a");
    world_advance(&w, 999999);
    w.hold = true;
    world_advance(&w, 1);
    assert_int_equal(w.running_count, 0); /* its start is on the way */
    jobs_cancel(w.jobs, &never, world_answer, &answer);
    w.hold = false;
    world_settle(&w);
    assert_int_equal(answer, 0);
    assert_int_equal(w.running_count, 1);
    assert_true(world_started(&w, &next) || world_started(&w, &first));
    world_close(&w);
}

static void test_pause_is_bounded(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL);
    struct id asked = submit(&w, "shop", "a");
    ask_for_pause(&w, asked, UINT64_MAX);
    struct id next = submit(&w, "shop", "a");
    world_advance(&w, 24LL * 3600 * 1000 - 1);
    assert_null(world_started(&w, &next));
    world_advance(&w, 1);
    assert_non_null(world_started(&w, &next));
    world_close(&w);
}

static void test_restart(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL);
    world_connector(&w, STR("noop"))->room = 0;
    for (int i = 0; i < 4; i++) {
        submit(&w, "shop", "a");
    }
    world_restart(&w);
    assert_int_equal(info_of(&w, "shop").unfinished, 4);
    set_limits(&w, "shop", 1, 0);
    for (int i = 0; i < 3; i++) { /* those that run already end */
        struct id id = w.order[(w.order_count - 1 - (unsigned)i) % WORLD_RUNNING_MAX];
        world_end(&w, world_started(&w, &id), ATTEMPT_SUCCEEDED);
    }
    assert_int_equal(info_of(&w, "shop").in_flight, 1);
    world_close(&w);
}

static void test_names_are_bounded(void **state)
{
    (void)state;
    struct world w;
    char name[16];
    world_open(&w, NULL);
    for (int i = 0; i < 20100; i++) {
        snprintf(name, sizeof name, "a%d", i);
        struct id id = submit(&w, name, "a");
        world_end(&w, world_started(&w, &id), ATTEMPT_SUCCEEDED);
    }
    assert_int_equal(info_of(&w, "a3").unfinished, 0);
    world_close(&w);
}

/* --- A model: what an account may do, from outside
 * ------------------------------------------------*/

enum { ACCOUNTS = 3 };

struct watched {
    uint32_t limit;
    unsigned running;
    int64_t held_until;
    bool half_open;
    uint64_t trial; /* its token */
};

static struct watched watched[ACCOUNTS];
static const char *const names[] = {"a0", "a1", "a2", ""};

static struct watched *watched_of(struct str account)
{
    return account.len > 0 ? &watched[account.ptr[1] - '0'] : NULL;
}

static void on_start(struct world *w, const struct jobs_attempt *attempt)
{
    struct watched *account = watched_of(attempt->account);

    if (!account) {
        return;
    }
    assert_true(w->now >= account->held_until);
    assert_true(account->limit == 0 || account->running < account->limit);
    if (account->half_open) {
        assert_true(account->trial == 0);
        account->trial = attempt->token;
    }
    account->running++;
}

static void end_one(struct world *w, uint64_t *seed)
{
    struct running *running = NULL;
    unsigned at = (unsigned)(retry_random(seed) % 64);

    for (unsigned i = 0; i < 64 && !running; i++) {
        running = w->running[(at + i) % 64].token ? &w->running[(at + i) % 64] : NULL;
    }
    if (!running) {
        return;
    }
    static const enum attempt_outcome outcomes[] = {ATTEMPT_SUCCEEDED, ATTEMPT_FAILED,
                                                    ATTEMPT_CRASHED,   ATTEMPT_DEADLINE,
                                                    ATTEMPT_RETRY,     ATTEMPT_RELEASED};
    struct jobs_outcome outcome = {.outcome = outcomes[retry_random(seed) % 6],
                                   .cause = STR("signal")};
    if (outcome.outcome == ATTEMPT_RETRY) {
        outcome.delay_ms = retry_random(seed) % 3 * 700;
        outcome.pause_ms = retry_random(seed) % 3 * 700;
    }
    struct watched *account = watched_of(world_row(w, &running->id)->job.account);
    if (account) {
        bool trial = account->trial == running->token;
        account->running--;
        account->trial = trial ? 0 : account->trial;
        if (outcome.pause_ms > 0) {
            int64_t until = w->now + (int64_t)outcome.pause_ms;
            account->half_open = true;
            account->held_until = until > account->held_until ? until : account->held_until;
        } else if (trial && outcome.outcome != ATTEMPT_RETRY &&
                   outcome.outcome != ATTEMPT_RELEASED) {
            account->half_open = false;
        }
    }
    world_finish(w, running, &outcome);
}

static void random_step(struct world *w, uint64_t *seed)
{
    static const char *const queues[] = {"default", "mail"};
    static const char *const types[] = {"a.run", "b.run"};
    unsigned what = (unsigned)(retry_random(seed) % 100);
    unsigned which = (unsigned)(retry_random(seed) % ACCOUNTS);

    if (what < 45) {
        (void)world_submit(
            w, (struct job_record){.account = str_from_c(names[retry_random(seed) % 4]),
                                   .queue = str_from_c(queues[retry_random(seed) % 2]),
                                   .type = str_from_c(types[retry_random(seed) % 2]),
                                   .priority = (int)(retry_random(seed) % 3),
                                   .retry_safety = (enum job_retry_safety)(retry_random(seed) % 2),
                                   .max_attempts = 4});
    } else if (what < 92) {
        end_one(w, seed);
    } else if (what < 98) {
        world_advance(w, (int64_t)(retry_random(seed) % 500));
    } else {
        watched[which].limit = retry_random(seed) % 3 ? (uint32_t)(retry_random(seed) % 4) : 0;
        set_limits(w, names[which], watched[which].limit, 0);
    }
}

static void test_model(void **state)
{
    (void)state;
    struct world w;
    uint64_t seed = (uint64_t)time(NULL);

    print_message("           seed %llu\n", (unsigned long long)seed);
    memset(watched, 0, sizeof watched);
    world_open(&w, &(struct jobs_config){.seed = seed, .retry_cap_ms = 2000});
    w.room = 20;
    w.watch = on_start;
    for (int i = 0; i < 20000; i++) {
        random_step(&w, &seed);
    }
    assert_true(w.starts > 5000);
    for (int i = 0; i < ACCOUNTS; i++) {
        watched[i].limit = 0;
        set_limits(&w, names[i], 0, 0);
    }
    /* Nothing gets stuck. */
    for (int round = 0; jobs_stats(w.jobs)->unfinished > 0; round++) {
        assert_true(round < 100000);
        end_one(&w, &seed);
        world_advance(&w, 50);
    }
    for (int i = 0; i < ACCOUNTS; i++) {
        assert_int_equal(info_of(&w, names[i]).unfinished, 0);
        assert_int_equal(info_of(&w, names[i]).in_flight, 0);
    }
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_flight),
        cmocka_unit_test(test_rate),
        cmocka_unit_test(test_both_gates),
        cmocka_unit_test(test_retry_after_holds_the_account_only),
        cmocka_unit_test(test_only_a_pause_holds),
        cmocka_unit_test(test_pass_waits_for_its_account),
        cmocka_unit_test(test_pass_is_turned_away),
        cmocka_unit_test(test_released_until),
        cmocka_unit_test(test_trial_is_asked_to_wait_again),
        cmocka_unit_test(test_trial_that_never_begins),
        cmocka_unit_test(test_pause_is_bounded),
        cmocka_unit_test(test_restart),
        cmocka_unit_test(test_names_are_bounded),
        cmocka_unit_test(test_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
