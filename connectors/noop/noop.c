/*
 * The connector that does nothing, as fast as it can be done: what a benchmark of the queue runs.
 */
#include <hub/connector.h>

#include "noop_schemas.h"

static void run(hub_instance *instance, hub_job *job)
{
    const hub_host *host = (const hub_host *)instance;
    host->succeed(job, HUB_STR("{}"));
}

/* The host is all the state there is. */
static hub_instance *create(const hub_host *host)
{
    return (hub_instance *)host;
}

static const hub_operation RUN = {
    .size = sizeof(hub_operation),
    .retry_safety = HUB_RETRY_SAFE,
    .name = HUB_STR_INIT("run"),
    .summary = HUB_STR_INIT("Succeeds at once."),
    .input_schema = HUB_STR_INIT(RUN_SCHEMA),
    .result_schema = HUB_STR_INIT("{\"type\":\"object\",\"maxProperties\":0}"),
    .example = HUB_STR_INIT("{}"),
    .start = run,
};

static const hub_operation *const OPERATIONS[] = {&RUN};

static const hub_connector CONNECTOR = {
    .size = sizeof(hub_connector),
    .abi = HUB_ABI,
    .name = HUB_STR_INIT("noop"),
    .version = HUB_STR_INIT("1.0.0"),
    .licence = HUB_STR_INIT("Apache-2.0"),
    .summary = HUB_STR_INIT("Does nothing; for benchmarks."),
    .mode = HUB_MODE_ASYNC,
    .max_in_flight = 1024,
    .operation_count = sizeof(OPERATIONS) / sizeof(OPERATIONS[0]),
    .operations = OPERATIONS,
    .create = create,
};

HUB_EXPORT const hub_connector *hub_connector_entry(uint32_t host_abi)
{
    return HUB_ABI_MAJOR(host_abi) == HUB_ABI_MAJOR(HUB_ABI) ? &CONNECTOR : 0;
}
