#include "jobs/engine.h"

/*
 * Rates are a token bucket in whole numbers: each millisecond adds `rate` to the credit, an attempt
 * costs `rate_period_ms`, and the bucket holds `rate` attempts. So a gate that was idle may let a
 * burst of a period's worth through, and the average is exact.
 */

#define RATE_PERIOD_MS_DEFAULT QUEUE_RATE_PERIOD_MS_DEFAULT

void gate_init(struct gate *self)
{
    *self = (struct gate){.open = true};
    timer_init(&self->timer, TIMER_GATE);
    list_init(&self->lanes);
}

static uint64_t full_credit(const struct gate_limits *limits)
{
    return (uint64_t)limits->rate * limits->rate_period_ms;
}

static void refill(struct gate *self, int64_t now)
{
    uint64_t elapsed = now > self->credit_at ? (uint64_t)(now - self->credit_at) : 0;
    uint64_t full = full_credit(&self->limits);

    self->credit_at = now;
    if (elapsed >= self->limits.rate_period_ms ||
        full - self->credit <= elapsed * self->limits.rate) {
        self->credit = full;
    } else {
        self->credit += elapsed * self->limits.rate;
    }
}

/* When the credit will do for one attempt; 0: it does. */
static int64_t rate_wait_ms(struct gate *self, int64_t now)
{
    if (self->limits.rate == 0) {
        return 0;
    }
    refill(self, now);
    if (self->credit >= self->limits.rate_period_ms) {
        return 0;
    }
    uint64_t missing = self->limits.rate_period_ms - self->credit;
    return (int64_t)((missing + self->limits.rate - 1) / self->limits.rate);
}

static void settle_lanes(struct jobs *jobs, struct gate *self)
{
    LIST_FOR_EACH(link, &self->lanes) {
        lane_settle(jobs, CONTAINER_OF(link, struct lane_link, link)->lane);
    }
}

/* Is there something that only an event, not time, can change? */
static bool is_blocked(const struct gate *self)
{
    const struct gate_limits *limits = &self->limits;

    return limits->paused || (limits->concurrency != 0 && self->taken >= limits->concurrency) ||
           (self->half_open && self->on_trial);
}

bool gate_admits_more(struct jobs *jobs, struct gate *self)
{
    int64_t wait =
        self->held_until > jobs->now ? self->held_until - jobs->now : rate_wait_ms(self, jobs->now);

    if (wait > 0) {
        timer_set(jobs, &self->timer, jobs->now + wait);
    }
    return wait == 0;
}

bool gate_admits(struct jobs *jobs, struct gate *self)
{
    bool admits = !is_blocked(self) && gate_admits_more(jobs, self);

    if (admits != self->open) {
        self->open = admits;
        settle_lanes(jobs, self);
    }
    return admits;
}

void gate_reopen(struct jobs *jobs, struct gate *self)
{
    if (!self->open) {
        gate_admits(jobs, self);
    }
}

void gate_take(struct gate *self)
{
    self->taken++;
    gate_charge(self);
}

void gate_charge(struct gate *self)
{
    if (self->limits.rate > 0) {
        self->credit -= self->limits.rate_period_ms;
    }
}

void gate_give_back(struct jobs *jobs, struct gate *self, bool started)
{
    self->taken--;
    if (!started && self->limits.rate > 0) {
        uint64_t full = full_credit(&self->limits);
        uint64_t back = self->limits.rate_period_ms;
        self->credit = full - self->credit <= back ? full : self->credit + back;
    }
    gate_reopen(jobs, self);
}

void gate_configure(struct jobs *jobs, struct gate *self, const struct gate_limits *limits)
{
    bool was_limited = self->limits.rate > 0;

    self->limits = *limits;
    if (self->limits.rate > 0 && self->limits.rate_period_ms == 0) {
        self->limits.rate_period_ms = RATE_PERIOD_MS_DEFAULT;
    }
    uint64_t full = full_credit(&self->limits);
    if (!was_limited || self->credit > full) {
        self->credit = full;
        self->credit_at = jobs->now;
    }
    timer_set(jobs, &self->timer, NEVER);
    gate_admits(jobs, self);
}

void gate_hold(struct jobs *jobs, struct gate *self, int64_t until)
{
    if (until > self->held_until) {
        self->held_until = until;
    }
    self->half_open = true;
    gate_admits(jobs, self);
}
