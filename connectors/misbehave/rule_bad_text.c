/* Its message is Latin-1. */
#include <hub/connector.h>

#define RULE_NAME "bad_text"

static void start(hub_instance *instance, hub_job *job)
{
    const hub_host *host = (const hub_host *)instance;
    host->fail(job, HUB_STR("no_luck"), HUB_STR("caf\xe9"), (hub_str){0});
}

#include "rule_descriptor.h"
