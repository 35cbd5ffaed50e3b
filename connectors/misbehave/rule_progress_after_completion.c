/* Reports progress of a job that it has completed. */
#include <hub/connector.h>

#define RULE_NAME "progress_after_completion"

static void start(hub_instance *instance, hub_job *job)
{
    const hub_host *host = (const hub_host *)instance;
    host->succeed(job, HUB_STR("{}"));
    host->progress(job, 1000, HUB_STR("done"));
}

#include "rule_descriptor.h"
