/* Reports per cent times a hundred. */
#include <hub/connector.h>

#define RULE_NAME "bad_progress"

static void start(hub_instance *instance, hub_job *job)
{
    const hub_host *host = (const hub_host *)instance;
    host->progress(job, 5000, HUB_STR("half-way"));
    host->succeed(job, HUB_STR("{}"));
}

#include "rule_descriptor.h"
