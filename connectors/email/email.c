/*
 * The email connector: its descriptor, and where jobs begin.
 */
#include "email.h"

#include "email_schemas.h"

#include <auth-client.h>
#include <curl/curl.h>
#include <stdlib.h>

/* --- Jobs --------------------------------------------------------------------------------------*/

#define START(name, function)                                                                      \
    static void name(hub_instance *instance, hub_job *job)                                         \
    {                                                                                              \
        function((struct email *)instance, job);                                                   \
    }

START(start_send, send_start)
START(start_render, render_start)
START(start_verify, verify_start)
START(start_suppress, suppress_start)
START(start_unsuppress, unsuppress_start)
START(start_suppressed, suppressed_start)
START(start_parse, parse_start)
START(start_parse_bounce, parse_bounce_start)

static void cancel(hub_instance *instance, hub_job *job)
{
    send_cancel((struct email *)instance, job);
}

/* --- Life --------------------------------------------------------------------------------------*/

static hub_instance *create(const hub_host *host)
{
    struct email *self = calloc(1, sizeof *self);
    if (!self) {
        return NULL;
    }
    self->host = host;
    self->timers = host->extension(HUB_EXT_TIMER);
    self->pool = host->extension(HUB_EXT_POOL);
    self->http = host->extension(HUB_EXT_HTTP);
    self->net = host->extension(HUB_EXT_NET);
    self->keep = host->extension(HUB_EXT_KEEP);
    if (!self->timers || !self->pool || !self->http || !self->net) {
        host->log(NULL, HUB_LOG_ERROR,
                  HUB_STR("This host lacks timers, threads, hub.http/1 or hub.net/1."));
        free(self);
        return NULL;
    }
    pthread_mutex_init(&self->lock, NULL);
    map_init(&self->relays);
    list_init(&self->relay_order);
    list_init(&self->ended);
    /* libesmtp looks for certificates below $HOME, and takes a home that it may not look into for
     * a reason to give up; one that is not there it takes for one without certificates. */
    setenv("HOME", "/nonexistent", 1);
    auth_client_init();
    curl_global_init(CURL_GLOBAL_DEFAULT);
    return (hub_instance *)self;
}

static void destroy(hub_instance *instance)
{
    struct email *self = (struct email *)instance;
    relays_release(self);
    tls_release(self->trusted);
    auth_client_exit();
    pthread_mutex_destroy(&self->lock);
    free(self);
}

/* --- The descriptor ----------------------------------------------------------------------------*/

#define SEND_EXAMPLE                                                                               \
    "{\"from\":{\"address\":\"shop@example.com\",\"name\":\"Shop\"},"                              \
    "\"to\":[\"ann@example.net\"],\"subject\":\"Your order\",\"text\":\"Thank you!\","             \
    "\"html\":\"<p>Thank you!</p>\",\"dry_run\":true}"

#define OPERATION(NAME, safety, text, INPUT, RESULT, sample, function, ms, attempts)               \
    static const hub_operation OPERATION_##NAME = {                                                \
        .size = sizeof(hub_operation),                                                             \
        .retry_safety = safety,                                                                    \
        .name = HUB_STR_INIT(#NAME),                                                               \
        .summary = HUB_STR_INIT(text),                                                             \
        .input_schema = HUB_STR_INIT(INPUT),                                                       \
        .result_schema = HUB_STR_INIT(RESULT),                                                     \
        .example = HUB_STR_INIT(sample),                                                           \
        .timeout_ms = ms,                                                                          \
        .max_attempts = attempts,                                                                  \
        .start = function,                                                                         \
    };

#define ADDRESSES_EXAMPLE "{\"addresses\":[\"gone@example.net\"]}"
#define FILE_EXAMPLE      "{\"message\":{\"data\":\"RnJvbTogYUBiLmMNCg0KaGVsbG8NCg==\"}}"

OPERATION(send, HUB_RETRY_WITH_KEY, "Sends a message over the account's relay.", SEND_SCHEMA,
          SEND_RESULT_SCHEMA, SEND_EXAMPLE, start_send, 300000, 10)
OPERATION(render, HUB_RETRY_SAFE, "Fills in a template and shows what would be sent.",
          RENDER_SCHEMA, RENDER_RESULT_SCHEMA,
          "{\"template\":{\"subject\":\"Order {{n}}\",\"data\":{\"n\":7}}}", start_render, 10000, 0)
OPERATION(verify_account, HUB_RETRY_SAFE,
          "Connects and authenticates, and tells what it found; sends nothing.", VERIFY_SCHEMA,
          VERIFY_RESULT_SCHEMA, "{}", start_verify, 40000, 1)
OPERATION(parse, HUB_RETRY_SAFE,
          "Reads a message: headers and texts as JSON, attachments as files.", PARSE_SCHEMA,
          PARSE_RESULT_SCHEMA, FILE_EXAMPLE, start_parse, 60000, 0)
OPERATION(parse_bounce, HUB_RETRY_SAFE,
          "Reads a delivery status notification: who did not get what, and why.", PARSE_SCHEMA,
          PARSE_BOUNCE_RESULT_SCHEMA, FILE_EXAMPLE, start_parse_bounce, 60000, 0)
OPERATION(suppress, HUB_RETRY_SAFE,
          "Puts addresses on the account's list of those who get nothing.", ADDRESSES_SCHEMA,
          CHANGED_SCHEMA, ADDRESSES_EXAMPLE, start_suppress, 30000, 0)
OPERATION(unsuppress, HUB_RETRY_SAFE, "Takes addresses off that list.", ADDRESSES_SCHEMA,
          CHANGED_SCHEMA, ADDRESSES_EXAMPLE, start_unsuppress, 30000, 0)
OPERATION(suppressed, HUB_RETRY_SAFE, "Shows that list.", SUPPRESSED_SCHEMA,
          SUPPRESSED_RESULT_SCHEMA, "{}", start_suppressed, 30000, 0)

static const hub_operation *const OPERATIONS[] = {
    &OPERATION_send,         &OPERATION_render,   &OPERATION_verify_account, &OPERATION_parse,
    &OPERATION_parse_bounce, &OPERATION_suppress, &OPERATION_unsuppress,     &OPERATION_suppressed,
};

/* Relays wherever the accounts say, on the ports that submission has (RFC 8314, RFC 6409) and the
 * one that many relays offer beside them; 443 is for tokens. */
static const hub_str HOSTS[] = {HUB_STR_INIT("*:25"), HUB_STR_INIT("*:465"), HUB_STR_INIT("*:587"),
                                HUB_STR_INIT("*:2525"), HUB_STR_INIT("*:443")};

static const hub_connector CONNECTOR = {
    .size = sizeof(hub_connector),
    .abi = HUB_ABI,
    .name = HUB_STR_INIT("email"),
    .version = HUB_STR_INIT("1.0.0"),
    .licence = HUB_STR_INIT("Apache-2.0"),
    .summary = HUB_STR_INIT("Sends mail over SMTP relays, and reads it."),
    .mode = HUB_MODE_ASYNC,
    .max_in_flight = 2000,
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
