/* Its schema has a type that there is none. */
#include <hub/connector.h>

#define RULE_NAME  "bad_schema"
#define RULE_INPUT HUB_JSON({"type" : "objekt"})

static void start(hub_instance *instance, hub_job *job)
{
    const hub_host *host = (const hub_host *)instance;
    host->succeed(job, HUB_STR("{}"));
}

#include "rule_descriptor.h"
