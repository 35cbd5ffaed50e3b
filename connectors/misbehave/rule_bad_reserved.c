/* Puts something where nothing belongs. */
#include <hub/connector.h>

#define RULE_NAME     "bad_reserved"
#define RULE_RESERVED 7

static void start(hub_instance *instance, hub_job *job)
{
    const hub_host *host = (const hub_host *)instance;
    host->succeed(job, HUB_STR("{}"));
}

#include "rule_descriptor.h"
