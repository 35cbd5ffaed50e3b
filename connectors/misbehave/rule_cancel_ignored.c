/* Goes on, whatever happens. */
#include <hub/connector.h>

#include <unistd.h>

#define RULE_NAME "cancel_ignored"

static void start(hub_instance *instance, hub_job *job)
{
    const hub_host *host = (const hub_host *)instance;
    usleep(1500000);
    host->succeed(job, HUB_STR("{}"));
}

#include "rule_descriptor.h"
