/* Starts a timer from a thread of its own. */
#include <hub/connector.h>

#include <pthread.h>

#define RULE_NAME "wrong_thread"
#define RULE_MODE HUB_MODE_ASYNC

static void fire(void *context)
{
    (void)context;
}

static void *run(void *context)
{
    const hub_host *host = context;
    const hub_timer_api *timers = host->extension(HUB_EXT_TIMER);
    if (timers) {
        timers->start(1, fire, NULL);
    }
    return NULL;
}

static void start(hub_instance *instance, hub_job *job)
{
    const hub_host *host = (const hub_host *)instance;
    pthread_t thread;
    if (pthread_create(&thread, NULL, run, (void *)host) == 0) {
        pthread_join(thread, NULL);
    }
    host->succeed(job, HUB_STR("{}"));
}

#include "rule_descriptor.h"
