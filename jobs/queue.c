#include "jobs/engine.h"

#include <stdlib.h>
#include <string.h>

/*
 * Rates are a token bucket in whole numbers: each millisecond adds `rate` to the credit, an attempt
 * costs `rate_period_ms`, and the bucket holds `rate` attempts. So a queue that was idle may burst
 * by a period's worth, and the average is exact.
 */

static uint64_t full_credit(const struct store_queue *settings)
{
    return (uint64_t)settings->rate * settings->rate_period_ms;
}

static void refill(struct queue *self, int64_t now)
{
    uint64_t elapsed = now > self->credit_at ? (uint64_t)(now - self->credit_at) : 0;
    uint64_t full = full_credit(&self->settings);

    self->credit_at = now;
    if (elapsed >= self->settings.rate_period_ms ||
        full - self->credit <= elapsed * self->settings.rate) {
        self->credit = full;
    } else {
        self->credit += elapsed * self->settings.rate;
    }
}

/* When the credit will do for one attempt; 0: it does. */
static int64_t rate_wait_ms(struct queue *self, int64_t now)
{
    if (self->settings.rate == 0) {
        return 0;
    }
    refill(self, now);
    if (self->credit >= self->settings.rate_period_ms) {
        return 0;
    }
    uint64_t missing = self->settings.rate_period_ms - self->credit;
    return (int64_t)((missing + self->settings.rate - 1) / self->settings.rate);
}

static void settle_lanes(struct jobs *jobs, struct queue *self)
{
    for (unsigned i = 0; i < self->lane_cap; i++) {
        if (self->lanes[i]) {
            lane_settle(jobs, self->lanes[i]);
        }
    }
}

bool queue_admits(struct jobs *jobs, struct queue *self)
{
    const struct store_queue *settings = &self->settings;
    bool admits =
        !settings->paused && (settings->concurrency == 0 || self->taken < settings->concurrency);
    int64_t wait = admits ? rate_wait_ms(self, jobs->now) : 0;

    if (wait > 0) {
        admits = false;
        timer_set(jobs, &self->timer, jobs->now + wait);
    }
    if (admits != self->open) {
        self->open = admits;
        settle_lanes(jobs, self);
    }
    return admits;
}

void queue_reopen(struct jobs *jobs, struct queue *self)
{
    if (!self->open) {
        queue_admits(jobs, self);
    }
}

void queue_take(struct jobs *jobs, struct queue *self)
{
    (void)jobs;
    self->taken++;
    if (self->settings.rate > 0) {
        self->credit -= self->settings.rate_period_ms;
    }
}

void queue_give_back(struct jobs *jobs, struct queue *self, bool started)
{
    self->taken--;
    if (!started && self->settings.rate > 0) {
        uint64_t full = full_credit(&self->settings);
        uint64_t back = self->settings.rate_period_ms;
        self->credit = full - self->credit <= back ? full : self->credit + back;
    }
    queue_reopen(jobs, self);
}

void queue_configure(struct jobs *jobs, struct queue *self, const struct store_queue *settings)
{
    bool was_limited = self->settings.rate > 0;
    struct str name = self->settings.name;

    self->settings = *settings;
    self->settings.name = name;
    if (self->settings.rate > 0 && self->settings.rate_period_ms == 0) {
        self->settings.rate_period_ms = QUEUE_RATE_PERIOD_MS_DEFAULT;
    }
    uint64_t full = full_credit(&self->settings);
    if (!was_limited || self->credit > full) {
        self->credit = full;
        self->credit_at = jobs->now;
    }
    self->stored = true;
    timer_set(jobs, &self->timer, NEVER);
    queue_admits(jobs, self);
}

static void queue_free(struct queue *self)
{
    for (unsigned i = 0; i < self->lane_cap; i++) {
        struct lane *lane = self->lanes[i];
        if (lane) {
            heap_remove(&lane->connector->lanes, &lane->node);
            heap_release(&lane->ready);
            lane->connector->lane_count--;
            free(lane);
        }
    }
    free(self->lanes);
    free(self);
}

/* Removes the queues that have neither jobs nor settings. */
static void sweep(struct jobs *jobs)
{
    /* Removal shifts entries, so each round starts anew behind what it kept: collect first. */
    struct queue **unused = calloc(jobs->queues.len, sizeof(struct queue *));
    size_t count = 0;

    if (!unused) {
        return;
    }
    MAP_FOR_EACH(entry, &jobs->queues) {
        struct queue *queue = entry->value;
        if (queue->jobs == 0 && !queue->stored) {
            unused[count++] = queue;
        }
    }
    for (size_t i = 0; i < count; i++) {
        timer_set(jobs, &unused[i]->timer, NEVER);
        map_remove(&jobs->queues, unused[i]->settings.name);
        queue_free(unused[i]);
    }
    free(unused);
}

static int queue_new(struct jobs *jobs, struct str name, struct queue **ret_queue)
{
    struct queue *self = calloc(1, sizeof *self + name.len + 1);
    if (!self) {
        return HUB_ERR_NOMEM;
    }
    char *copy = (char *)(self + 1);
    memcpy(copy, name.ptr, name.len);
    self->settings.name = str_of(copy, name.len);
    self->open = true;
    timer_init(&self->timer, TIMER_QUEUE);
    if (heap_reserve(&jobs->timers, jobs->born + (uint32_t)jobs->queues.len + 1) < 0 ||
        map_put(&jobs->queues, self->settings.name, self) < 0) {
        free(self);
        return HUB_ERR_NOMEM;
    }
    *ret_queue = self;
    return 0;
}

int queue_get(struct jobs *self, struct str name, bool beyond_cap, struct queue **ret_queue)
{
    struct queue *queue = map_get(&self->queues, name);
    if (queue) {
        *ret_queue = queue;
        return 0;
    }
    if (!beyond_cap && self->queues.len >= QUEUES_MAX) {
        sweep(self);
        if (self->queues.len >= QUEUES_MAX) {
            return HUB_ERR_UNAVAILABLE;
        }
    }
    return queue_new(self, name, ret_queue);
}

static int make_room_for(struct queue *self, const struct connector *connector)
{
    if (connector->index < self->lane_cap) {
        return 0;
    }
    unsigned cap = (connector->index | 7) + 1;
    struct lane **lanes = reallocarray(self->lanes, cap, sizeof(struct lane *));
    if (!lanes) {
        return HUB_ERR_NOMEM;
    }
    memset(lanes + self->lane_cap, 0, (cap - self->lane_cap) * sizeof(struct lane *));
    self->lanes = lanes;
    self->lane_cap = cap;
    return 0;
}

int queue_lane(struct queue *self, struct connector *connector, struct lane **ret_lane)
{
    if (make_room_for(self, connector) < 0 ||
        heap_reserve(&connector->lanes, connector->lane_count + 1) < 0) {
        return HUB_ERR_NOMEM;
    }
    struct lane *lane = self->lanes[connector->index];
    if (!lane) {
        lane = calloc(1, sizeof *lane);
        if (!lane) {
            return HUB_ERR_NOMEM;
        }
        lane->queue = self;
        lane->connector = connector;
        heap_init(&lane->ready, lane_job_before);
        heap_node_init(&lane->node);
        connector->lane_count++;
        self->lanes[connector->index] = lane;
    }
    *ret_lane = lane;
    return 0;
}

void queues_release(struct jobs *self)
{
    MAP_FOR_EACH(entry, &self->queues) {
        queue_free(entry->value);
    }
    map_release(&self->queues);
}
