/* Crashes when it is told to end. */
#include <hub/connector.h>

#define RULE_NAME    "end"
#define RULE_DESTROY destroy

static void destroy(hub_instance *instance)
{
    (void)instance;
    __builtin_trap();
}

static void start(hub_instance *instance, hub_job *job)
{
    const hub_host *host = (const hub_host *)instance;
    host->succeed(job, HUB_STR("{}"));
}

#include "rule_descriptor.h"
