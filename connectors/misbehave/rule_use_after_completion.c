/* Reads its job after it has completed it. */
#include <hub/connector.h>

#define RULE_NAME "use_after_completion"

static volatile uint32_t attempts;

static void start(hub_instance *instance, hub_job *job)
{
    const hub_host *host = (const hub_host *)instance;
    host->succeed(job, HUB_STR("{}"));
    attempts += job->attempt;
}

#include "rule_descriptor.h"
