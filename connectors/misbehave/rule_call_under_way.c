/* Completes its job without waiting for what it has asked the host to keep. */
#include <hub/connector.h>

#define RULE_NAME "call_under_way"
#define RULE_MODE HUB_MODE_ASYNC

static void kept(void *context, int32_t status, const hub_kept *values, uint32_t count)
{
    (void)context;
    (void)status;
    (void)values;
    (void)count;
}

static void start(hub_instance *instance, hub_job *job)
{
    const hub_host *host = (const hub_host *)instance;
    const hub_keep_api *keep = host->extension(HUB_EXT_KEEP);
    if (keep) {
        keep->put(job, HUB_KEEP_JOB, 0, HUB_STR("key"), HUB_STR("value"), 0, kept, NULL);
    }
    host->succeed(job, HUB_STR("{}"));
}

#include "rule_descriptor.h"
