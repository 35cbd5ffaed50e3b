/* Has a name that no connector can have. */
#include <hub/connector.h>

#define RULE_NAME "No-Name"

static void start(hub_instance *instance, hub_job *job)
{
    const hub_host *host = (const hub_host *)instance;
    host->succeed(job, HUB_STR("{}"));
}

#include "rule_descriptor.h"
