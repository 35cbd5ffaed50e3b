/* Completes its job twice. */
#include <hub/connector.h>

#define RULE_NAME "double_completion"

static void start(hub_instance *instance, hub_job *job)
{
    const hub_host *host = (const hub_host *)instance;
    host->succeed(job, HUB_STR("{}"));
    host->succeed(job, HUB_STR("{}"));
}

#include "rule_descriptor.h"
