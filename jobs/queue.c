#include "jobs/engine.h"

#include <stdlib.h>
#include <string.h>

void queue_configure(struct jobs *jobs, struct queue *self, const struct store_queue *settings)
{
    struct str name = self->settings.name;

    self->settings = *settings;
    self->settings.name = name;
    if (self->settings.rate > 0 && self->settings.rate_period_ms == 0) {
        self->settings.rate_period_ms = QUEUE_RATE_PERIOD_MS_DEFAULT;
    }
    self->stored = true;
    gate_configure(jobs, &self->gate,
                   &(struct gate_limits){
                       .paused = settings->paused,
                       .concurrency = settings->concurrency,
                       .rate = settings->rate,
                       .rate_period_ms = self->settings.rate_period_ms,
                   });
}

static void queue_free(struct jobs *jobs, struct queue *self)
{
    lanes_free(jobs, &self->gate);
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
        timer_set(jobs, &unused[i]->gate.timer, NEVER);
        map_remove(&jobs->queues, unused[i]->settings.name);
        queue_free(jobs, unused[i]);
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
    gate_init(&self->gate);
    if (timers_reserve(jobs) < 0 || map_put(&jobs->queues, self->settings.name, self) < 0) {
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

void queues_release(struct jobs *self)
{
    MAP_FOR_EACH(entry, &self->queues) {
        queue_free(self, entry->value);
    }
    map_release(&self->queues);
}
