/* Asks for a URL instead of a host. */
#include <hub/connector.h>

#define RULE_NAME "bad_host"
#define RULE_HOST "https://api.example.com/"

static void start(hub_instance *instance, hub_job *job)
{
    const hub_host *host = (const hub_host *)instance;
    host->succeed(job, HUB_STR("{}"));
}

#include "rule_descriptor.h"
