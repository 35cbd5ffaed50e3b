/*
 * The http connector: its descriptor, and where jobs begin.
 */
#include "http.h"

#include "http_schemas.h"

#include <stdlib.h>

static void start_request(hub_instance *instance, hub_job *job)
{
    exchange_start((struct connector *)instance, job, false);
}

static void start_request_once(hub_instance *instance, hub_job *job)
{
    exchange_start((struct connector *)instance, job, true);
}

static void cancel(hub_instance *instance, hub_job *job)
{
    (void)instance;
    if (job->user) {
        exchange_cancel(job->user);
    }
}

static hub_instance *create(const hub_host *host)
{
    struct connector *self = calloc(1, sizeof *self);
    if (!self) {
        return NULL;
    }
    self->host = host;
    self->http = host->extension(HUB_EXT_HTTP);
    self->timers = host->extension(HUB_EXT_TIMER);
    self->pool = host->extension(HUB_EXT_POOL);
    list_init(&self->exchanges);
    tokens_init(&self->tokens, &EXCHANGE_TOKENS, host, self->http);
    if (!self->http || !self->timers || !self->pool) {
        host->log(NULL, HUB_LOG_ERROR, HUB_STR("This host lacks hub.http/1, timers or threads."));
        free(self);
        return NULL;
    }
    return (hub_instance *)self;
}

static void destroy(hub_instance *instance)
{
    struct connector *self = (struct connector *)instance;
    tokens_release(&self->tokens);
    free(self);
}

/* --- The descriptor ----------------------------------------------------------------------------*/

#define EXAMPLE                                                                                    \
    "{\"method\":\"POST\",\"url\":\"https://api.example.com/v1/orders\","                          \
    "\"body\":{\"json\":{\"sku\":\"A-1\",\"count\":2}},\"expect\":[\"201\"]}"

static const hub_operation REQUEST = {
    .size = sizeof(hub_operation),
    .retry_safety = HUB_RETRY_WITH_KEY,
    .name = HUB_STR_INIT("request"),
    .summary = HUB_STR_INIT("Makes an HTTP request; when in doubt, makes it again."),
    .input_schema = HUB_STR_INIT(REQUEST_SCHEMA),
    .result_schema = HUB_STR_INIT(REQUEST_RESULT_SCHEMA),
    .example = HUB_STR_INIT(EXAMPLE),
    .start = start_request,
};

static const hub_operation REQUEST_ONCE = {
    .size = sizeof(hub_operation),
    .retry_safety = HUB_RETRY_NEVER,
    .name = HUB_STR_INIT("request_once"),
    .summary = HUB_STR_INIT("Makes an HTTP request that must not be made twice; when in doubt, "
                            "ends as unknown."),
    .input_schema = HUB_STR_INIT(REQUEST_SCHEMA),
    .result_schema = HUB_STR_INIT(REQUEST_RESULT_SCHEMA),
    .example = HUB_STR_INIT(EXAMPLE),
    .start = start_request_once,
};

static const hub_operation *const OPERATIONS[] = {&REQUEST, &REQUEST_ONCE};
static const hub_str HOSTS[] = {HUB_STR_INIT("*")};

static const hub_connector CONNECTOR = {
    .size = sizeof(hub_connector),
    .abi = HUB_ABI,
    .name = HUB_STR_INIT("http"),
    .version = HUB_STR_INIT("1.0.0"),
    .licence = HUB_STR_INIT("Apache-2.0"),
    .summary = HUB_STR_INIT("Makes HTTP requests to third parties, without any code."),
    .mode = HUB_MODE_ASYNC,
    .max_in_flight = 10000,
    .account_schema = HUB_STR_INIT(ACCOUNT_SCHEMA),
    .hosts = HOSTS,
    .host_count = sizeof HOSTS / sizeof HOSTS[0],
    .operation_count = sizeof OPERATIONS / sizeof OPERATIONS[0],
    .operations = OPERATIONS,
    .create = create,
    .destroy = destroy,
    .cancel = cancel,
};

HUB_EXPORT const hub_connector *hub_connector_entry(uint32_t host_abi)
{
    return HUB_ABI_MAJOR(host_abi) == HUB_ABI_MAJOR(HUB_ABI) ? &CONNECTOR : NULL;
}
