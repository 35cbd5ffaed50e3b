/* Wants the very host that it was compiled with. */
#include <hub/connector.h>

#define RULE_NAME   "newer_host"
#define RULE_CREATE create_exactly

static hub_instance *create_exactly(const hub_host *host)
{
    return host->size == sizeof(hub_host) ? (hub_instance *)host : NULL;
}

static void start(hub_instance *instance, hub_job *job)
{
    const hub_host *host = (const hub_host *)instance;
    host->succeed(job, HUB_STR("{}"));
}

#include "rule_descriptor.h"
