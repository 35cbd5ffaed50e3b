/* Its cancel() forgets that the timer still fires, and that the job is gone then. */
#include <hub/connector.h>

#define RULE_NAME   "cancel_broke"
#define RULE_MODE   HUB_MODE_ASYNC
#define RULE_CANCEL cancel

static const hub_host *host;
static int cancelled;

static void fire(void *context)
{
    hub_job *job = context;
    if (cancelled) {
        __builtin_trap();
    }
    host->succeed(job, HUB_STR("{}"));
}

static void start(hub_instance *instance, hub_job *job)
{
    const hub_timer_api *timers;
    host = (const hub_host *)instance;
    timers = host->extension(HUB_EXT_TIMER);
    cancelled = 0;
    if (!timers || !timers->start(30, fire, job)) {
        host->fail(job, HUB_STR("no_timer"), HUB_STR("No timer."), (hub_str){0});
    }
}

static void cancel(hub_instance *instance, hub_job *job)
{
    (void)instance;
    (void)job;
    cancelled = 1;
}

#include "rule_descriptor.h"
