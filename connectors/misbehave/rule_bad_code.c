/* Its error code is a sentence. */
#include <hub/connector.h>

#define RULE_NAME "bad_code"

static void start(hub_instance *instance, hub_job *job)
{
    const hub_host *host = (const hub_host *)instance;
    host->fail(job, HUB_STR("It did not work!"), HUB_STR("No."), (hub_str){0});
}

#include "rule_descriptor.h"
