/* Its result does not match its own schema. */
#include <hub/connector.h>

#define RULE_NAME   "bad_result"
#define RULE_RESULT HUB_JSON({"type" : "object", "required" : ["text"]})

static void start(hub_instance *instance, hub_job *job)
{
    const hub_host *host = (const hub_host *)instance;
    host->succeed(job, HUB_STR("{}"));
}

#include "rule_descriptor.h"
