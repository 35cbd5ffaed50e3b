/* Gives its descriptor to every host, also to one that would misread it. */
#include <hub/connector.h>

#define RULE_NAME "entry_any_major"
#define RULE_ENTRY

static void start(hub_instance *instance, hub_job *job)
{
    const hub_host *host = (const hub_host *)instance;
    host->succeed(job, HUB_STR("{}"));
}

const hub_connector *hub_connector_entry(uint32_t host_abi);
static const hub_connector CONNECTOR;
HUB_EXPORT const hub_connector *hub_connector_entry(uint32_t host_abi)
{
    (void)host_abi;
    return &CONNECTOR;
}

#include "rule_descriptor.h"
