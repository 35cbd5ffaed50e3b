/* Its result is no JSON. */
#include <hub/connector.h>

#define RULE_NAME "not_json"

static void start(hub_instance *instance, hub_job *job)
{
    const hub_host *host = (const hub_host *)instance;
    host->succeed(job, HUB_STR("all right"));
}

#include "rule_descriptor.h"
