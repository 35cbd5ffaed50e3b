#include "jobs/engine.h"

#include <stdlib.h>
#include <string.h>

/*
 * An account is a gate for all jobs that name it, whatever their queue. When its provider asks for
 * a pause the gate is held for that long; then one attempt goes first, and the others follow if it
 * does not end in the same way.
 */

#define HOLD_MAX_MS (24LL * 3600 * 1000) /* a provider that says more is not believed */

/* Removes the accounts that have neither jobs nor limits. */
static void sweep(struct jobs *jobs)
{
    struct account **unused = calloc(jobs->accounts.len, sizeof(struct account *));
    size_t count = 0;

    if (!unused) {
        return;
    }
    MAP_FOR_EACH(entry, &jobs->accounts) {
        struct account *account = entry->value;
        if (account->jobs == 0 && account->pass_count == 0 && !account->configured) {
            unused[count++] = account;
        }
    }
    for (size_t i = 0; i < count; i++) {
        timer_set(jobs, &unused[i]->gate.timer, NEVER);
        map_remove(&jobs->accounts, unused[i]->name);
        lanes_free(jobs, &unused[i]->gate);
        free(unused[i]);
    }
    free(unused);
}

static int account_new(struct jobs *jobs, struct str name, struct account **ret_account)
{
    struct account *self = calloc(1, sizeof *self + name.len + 1);
    if (!self) {
        return HUB_ERR_NOMEM;
    }
    char *copy = (char *)(self + 1);
    memcpy(copy, name.ptr, name.len);
    self->name = str_of(copy, name.len);
    gate_init(&self->gate);
    list_init(&self->passes);
    list_init(&self->asking);
    if (timers_reserve(jobs) < 0 || map_put(&jobs->accounts, self->name, self) < 0) {
        free(self);
        return HUB_ERR_NOMEM;
    }
    *ret_account = self;
    return 0;
}

int account_get(struct jobs *self, struct str name, bool beyond_cap, struct account **ret_account)
{
    struct account *account = map_get(&self->accounts, name);
    if (account) {
        *ret_account = account;
        return 0;
    }
    if (!beyond_cap && self->accounts.len >= ACCOUNTS_MAX) {
        sweep(self);
        if (self->accounts.len >= ACCOUNTS_MAX) {
            return HUB_ERR_UNAVAILABLE;
        }
    }
    return account_new(self, name, ret_account);
}

void accounts_release(struct jobs *self)
{
    MAP_FOR_EACH(entry, &self->accounts) {
        free(entry->value);
    }
    map_release(&self->accounts);
    map_release(&self->keyed_lanes);
}

/* --- What an attempt tells ---------------------------------------------------------------------*/

void account_begun(struct attempt *attempt)
{
    struct account *account = attempt->job->lane->key.account;

    if (account && account->gate.half_open) {
        attempt->trial = true;
        account->gate.on_trial = true;
    }
}

/* Has the provider taken what was sent, so that the pause is over? Who was asked to wait, or never
 * got there, knows no more than before. */
static bool got_through(const struct jobs_outcome *outcome)
{
    return !outcome->untouched && outcome->outcome != ATTEMPT_RETRY &&
           outcome->outcome != ATTEMPT_RELEASED && outcome->outcome != ATTEMPT_CANCELLED;
}

static void count(struct account *self, enum attempt_outcome outcome)
{
    self->uses++;
    self->failures +=
        outcome != ATTEMPT_SUCCEEDED && outcome != ATTEMPT_RELEASED && outcome != ATTEMPT_CANCELLED;
}

void account_heard(struct jobs *jobs, struct account *self, bool trial,
                   const struct jobs_outcome *outcome)
{
    self->gate.on_trial &= !trial;
    if (outcome && !outcome->untouched) {
        count(self, outcome->outcome);
    }
    if (outcome && outcome->pause_ms > 0) {
        int64_t pause = outcome->pause_ms < HOLD_MAX_MS ? (int64_t)outcome->pause_ms : HOLD_MAX_MS;
        gate_hold(jobs, &self->gate, jobs->now + pause);
    } else if (trial) {
        self->gate.half_open = !outcome || !got_through(outcome);
        gate_reopen(jobs, &self->gate);
    }
}

void account_ended(struct jobs *jobs, struct attempt *attempt, const struct jobs_outcome *outcome)
{
    struct account *account = attempt->job->lane->key.account;
    bool trial = attempt->trial;

    attempt->trial = false;
    if (account) {
        account_heard(jobs, account, trial, outcome);
    }
}

/* --- From outside ------------------------------------------------------------------------------*/

int jobs_set_account(struct jobs *self, const struct jobs_account *limits)
{
    const struct gate_limits gate = {
        .concurrency = limits->in_flight,
        .rate = limits->rate,
        .rate_period_ms = limits->rate_period_ms,
    };
    struct account *account;

    ASSERT_THREAD(THREAD_LOOP);
    engine_clock(self);
    int err = account_get(self, limits->name, false, &account);
    if (err == 0) {
        account->configured = limits->in_flight > 0 || limits->rate > 0;
        gate_configure(self, &account->gate, &gate);
        engine_wake(self);
    }
    return err;
}

void jobs_account_info(const struct jobs *self, struct str name, struct jobs_account_info *ret_info)
{
    const struct account *account = map_get(&self->accounts, name);

    *ret_info = (struct jobs_account_info){0};
    if (account) {
        ret_info->unfinished = account->jobs;
        ret_info->in_flight = account->gate.taken;
        ret_info->on_trial = account->gate.half_open;
        ret_info->uses = account->uses;
        ret_info->failures = account->failures;
        ret_info->held_until = account->gate.held_until > self->hooks.now(self->context)
                                   ? account->gate.held_until
                                   : 0;
    }
}
