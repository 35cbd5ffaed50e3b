/* Sleeps on the thread of the event loop. */
#include <hub/connector.h>

#include <unistd.h>

#define RULE_NAME "blocks_main"
#define RULE_MODE HUB_MODE_ASYNC

static void start(hub_instance *instance, hub_job *job)
{
    const hub_host *host = (const hub_host *)instance;
    usleep(400000);
    host->succeed(job, HUB_STR("{}"));
}

#include "rule_descriptor.h"
