/* Returns from start() without a completion. */
#include <hub/connector.h>

#define RULE_NAME "never_completed"

static void start(hub_instance *instance, hub_job *job)
{
    (void)instance;
    (void)job;
}

#include "rule_descriptor.h"
