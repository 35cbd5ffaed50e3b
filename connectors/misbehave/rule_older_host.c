/* Takes for granted that every host has timers. */
#include <hub/connector.h>

#define RULE_NAME "older_host"
#define RULE_MODE HUB_MODE_ASYNC

static void fire(void *context)
{
    (void)context;
}

static void start(hub_instance *instance, hub_job *job)
{
    const hub_host *host = (const hub_host *)instance;
    const hub_timer_api *timers = host->extension(HUB_EXT_TIMER);
    timers->start(1, fire, NULL);
    host->succeed(job, HUB_STR("{}"));
}

#include "rule_descriptor.h"
