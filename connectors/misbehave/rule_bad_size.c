/* Says that its descriptor is larger than it is. */
#include <hub/connector.h>

#define RULE_NAME "bad_size"
#define RULE_SIZE sizeof(hub_connector) + 8

static void start(hub_instance *instance, hub_job *job)
{
    const hub_host *host = (const hub_host *)instance;
    host->succeed(job, HUB_STR("{}"));
}

#include "rule_descriptor.h"
