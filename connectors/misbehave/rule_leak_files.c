/* Keeps a descriptor for each job. */
#include <hub/connector.h>

#include <unistd.h>

#define RULE_NAME "leak_files"

static void start(hub_instance *instance, hub_job *job)
{
    const hub_host *host = (const hub_host *)instance;
    (void)!dup(0);
    host->succeed(job, HUB_STR("{}"));
}

#include "rule_descriptor.h"
