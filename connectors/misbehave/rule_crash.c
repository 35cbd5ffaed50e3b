/* Crashes. */
#include <hub/connector.h>

#define RULE_NAME "crash"

static void start(hub_instance *instance, hub_job *job)
{
    (void)instance;
    (void)job;
    __builtin_trap();
}

#include "rule_descriptor.h"
