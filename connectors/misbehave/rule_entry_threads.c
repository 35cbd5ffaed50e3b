/* Starts a thread when it is only asked what it is. */
#include <hub/connector.h>

#include <pthread.h>
#include <unistd.h>

#define RULE_NAME "entry_threads"
#define RULE_ENTRY

static void *wait_for_ever(void *context)
{
    for (;;) {
        pause();
    }
    return context;
}

static void start(hub_instance *instance, hub_job *job)
{
    const hub_host *host = (const hub_host *)instance;
    host->succeed(job, HUB_STR("{}"));
}

static const hub_connector CONNECTOR;
HUB_EXPORT const hub_connector *hub_connector_entry(uint32_t host_abi)
{
    static int started;
    pthread_t thread;
    if (!started) {
        started = pthread_create(&thread, NULL, wait_for_ever, NULL) == 0;
    }
    return HUB_ABI_MAJOR(host_abi) == HUB_ABI_MAJOR(HUB_ABI) ? &CONNECTOR : NULL;
}

#include "rule_descriptor.h"
