/* Its result is larger than a result may be. */
#include <hub/connector.h>

#include <string.h>

#define RULE_NAME "too_large"

static char text[300 << 10];

static void start(hub_instance *instance, hub_job *job)
{
    const hub_host *host = (const hub_host *)instance;
    memset(text, 'a', sizeof text);
    text[0] = text[sizeof text - 1] = '"';
    host->succeed(job, (hub_str){text, sizeof text});
}

#include "rule_descriptor.h"
