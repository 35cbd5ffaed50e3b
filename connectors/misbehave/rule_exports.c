/* Exports a function of its own. */
#include <hub/connector.h>

#define RULE_NAME "exports"

HUB_EXPORT int exported_helper(void);
int exported_helper(void)
{
    return 1;
}

static void start(hub_instance *instance, hub_job *job)
{
    const hub_host *host = (const hub_host *)instance;
    host->succeed(job, HUB_STR("{}"));
}

#include "rule_descriptor.h"
