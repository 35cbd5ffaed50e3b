/* Has a version that cannot be compared. */
#include <hub/connector.h>

#define RULE_NAME    "bad_version"
#define RULE_VERSION "version one"

static void start(hub_instance *instance, hub_job *job)
{
    const hub_host *host = (const hub_host *)instance;
    host->succeed(job, HUB_STR("{}"));
}

#include "rule_descriptor.h"
