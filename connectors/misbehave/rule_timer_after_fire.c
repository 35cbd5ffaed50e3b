/* Stops a timer that has fired. */
#include <hub/connector.h>

#define RULE_NAME "timer_after_fire"
#define RULE_MODE HUB_MODE_ASYNC

/* The only job at a time. */
static const hub_host *host;
static hub_job *running;
static hub_timer *timer;

static void second(void *context)
{
    const hub_timer_api *timers = context;
    timers->stop(timer); /* the first one, which is gone */
    host->succeed(running, HUB_STR("{}"));
}

static void first(void *context)
{
    const hub_timer_api *timers = context;
    if (!timers->start(1, second, context)) {
        host->fail(running, HUB_STR("no_memory"), HUB_STR("No memory."), (hub_str){0});
    }
}

static void start(hub_instance *instance, hub_job *job)
{
    const hub_timer_api *timers;
    host = (const hub_host *)instance;
    timers = host->extension(HUB_EXT_TIMER);
    running = job;
    timer = timers ? timers->start(1, first, (void *)timers) : NULL;
    if (!timer) {
        host->fail(job, HUB_STR("no_timer"), HUB_STR("No timer."), (hub_str){0});
    }
}

#include "rule_descriptor.h"
