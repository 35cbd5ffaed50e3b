/* Crashes when it is asked what it is. */
#include <hub/connector.h>

#define RULE_NAME "crash_at_load"
#define RULE_ENTRY

static void start(hub_instance *instance, hub_job *job)
{
    const hub_host *host = (const hub_host *)instance;
    host->succeed(job, HUB_STR("{}"));
}

static const hub_connector CONNECTOR;
HUB_EXPORT const hub_connector *hub_connector_entry(uint32_t host_abi)
{
    __builtin_trap();
    return host_abi ? &CONNECTOR : NULL;
}

#include "rule_descriptor.h"
