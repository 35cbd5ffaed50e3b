/* Starts, and never comes back to its job. */
#include <hub/connector.h>

#define RULE_NAME "never_completed_async"
#define RULE_MODE HUB_MODE_ASYNC

static void start(hub_instance *instance, hub_job *job)
{
    (void)instance;
    (void)job;
}

#include "rule_descriptor.h"
