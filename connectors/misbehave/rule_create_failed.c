/* Never works. */
#include <hub/connector.h>

#define RULE_NAME   "create_failed"
#define RULE_CREATE create_nothing

static hub_instance *create_nothing(const hub_host *host)
{
    host->log(NULL, HUB_LOG_ERROR, HUB_STR("it is not my day"));
    return NULL;
}

static void start(hub_instance *instance, hub_job *job)
{
    const hub_host *host = (const hub_host *)instance;
    host->succeed(job, HUB_STR("{}"));
}

#include "rule_descriptor.h"
