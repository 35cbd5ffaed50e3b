/* Does not ask whether it got the memory. */
#include <hub/connector.h>

#include <stdlib.h>

#define RULE_NAME "allocation"

static void start(hub_instance *instance, hub_job *job)
{
    const hub_host *host = (const hub_host *)instance;
    char *volatile text = malloc(3);
    text[0] = '{';
    text[1] = '}';
    host->succeed(job, (hub_str){text, 2});
    free(text);
}

#include "rule_descriptor.h"
