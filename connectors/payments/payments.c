/*
 * The payments connector: its descriptor, and where jobs begin.
 */
#include "payments.h"

#include "payments_schemas.h"

#include <stdlib.h>

#define IN_FLIGHT  4000
#define TIMEOUT_MS 60000

static void start(hub_instance *instance, hub_job *job)
{
    payment_start((struct connector *)instance, job);
}

static void cancel(hub_instance *instance, hub_job *job)
{
    (void)instance;
    if (job->user) {
        payment_cancel(job->user);
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
    self->keep = host->extension(HUB_EXT_KEEP);
    self->ledger = host->extension(HUB_EXT_LEDGER);
    list_init(&self->payments);
    tokens_init(&self->tokens, &PAYMENT_TOKENS, host, self->http);
    buf_init(&self->certificate_url, PATH_MAX_BYTES);
    buf_init(&self->certificate, ANSWER_MAX);
    if (!self->http || !self->timers || !self->keep || !self->ledger) {
        host->log(NULL, HUB_LOG_ERROR,
                  HUB_STR("This host lacks HTTP, timers, hub.keep/1 or hub.ledger/1: without them "
                          "a charge could happen twice."));
        free(self);
        return NULL;
    }
    return (hub_instance *)self;
}

static void destroy(hub_instance *instance)
{
    struct connector *self = (struct connector *)instance;
    tokens_release(&self->tokens);
    buf_release(&self->certificate_url);
    buf_release(&self->certificate);
    free(self);
}

/* --- The descriptor ----------------------------------------------------------------------------*/

#define CHARGE_EXAMPLE                                                                             \
    "{\"amount_minor\":1250,\"currency\":\"EUR\",\"payment_method\":\"tok_approve\","              \
    "\"reference\":\"order-1\"}"
#define PAYMENT_EXAMPLE "{\"payment\":\"sim_0123456789abcdef01234567\"}"
#define PART_EXAMPLE                                                                               \
    "{\"payment\":\"sim_0123456789abcdef01234567\",\"amount_minor\":500,\"currency\":\"EUR\"}"
#define STORE_EXAMPLE     "{\"payment_method\":\"tok_approve\",\"customer\":\"ann\"}"
#define UNSTORE_EXAMPLE   "{\"payment_method\":\"stored_tok_approve\",\"customer\":\"ann\"}"
#define LIST_EXAMPLE      "{\"from\":\"2026-01-01T00:00:00Z\",\"to\":\"2026-01-02T00:00:00Z\"}"
#define RECONCILE_EXAMPLE "{\"job\":\"0192f0c1-2345-7abc-8def-0123456789ab\"}"

#define OPERATION(symbol, text, safety, words, input, shown)                                       \
    OPERATION_WITH(symbol, text, safety, words, input, shown, RESULT_SCHEMA)
#define OPERATION_WITH(symbol, text, safety, words, input, shown, result)                          \
    static const hub_operation symbol = {                                                          \
        .size = sizeof(hub_operation),                                                             \
        .retry_safety = safety,                                                                    \
        .name = HUB_STR_INIT(text),                                                                \
        .summary = HUB_STR_INIT(words),                                                            \
        .input_schema = HUB_STR_INIT(input),                                                       \
        .result_schema = HUB_STR_INIT(result),                                                     \
        .example = HUB_STR_INIT(shown),                                                            \
        .timeout_ms = TIMEOUT_MS,                                                                  \
        .start = start,                                                                            \
        .flags = (safety) == HUB_RETRY_WITH_KEY ? HUB_OPERATION_SETTLES : 0,                       \
    }

OPERATION(AUTHORIZE, "authorize", HUB_RETRY_WITH_KEY,
          "Holds an amount of a customer's money, to be captured or voided later.", CHARGE_SCHEMA,
          CHARGE_EXAMPLE);
OPERATION(PURCHASE, "purchase", HUB_RETRY_WITH_KEY, "Takes an amount of a customer's money.",
          CHARGE_SCHEMA, CHARGE_EXAMPLE);
OPERATION(CAPTURE, "capture", HUB_RETRY_WITH_KEY, "Takes what was authorized, all of it or a part.",
          CAPTURE_SCHEMA, PART_EXAMPLE);
OPERATION(VOID_, "void", HUB_RETRY_WITH_KEY, "Gives back what was authorized and not captured.",
          PAYMENT_SCHEMA, PAYMENT_EXAMPLE);
OPERATION(REFUND, "refund", HUB_RETRY_WITH_KEY, "Pays back what was captured, all of it or a part.",
          REFUND_SCHEMA, PART_EXAMPLE);
OPERATION(CONFIRM, "confirm", HUB_RETRY_WITH_KEY,
          "Goes on with a payment after the customer has come back from a redirect or 3-D Secure.",
          CONFIRM_SCHEMA, PAYMENT_EXAMPLE);
OPERATION(GET, "get", HUB_RETRY_SAFE, "Asks the gateway how a payment stands.", PAYMENT_SCHEMA,
          PAYMENT_EXAMPLE);
OPERATION(STORE, "store", HUB_RETRY_WITH_KEY,
          "Keeps a customer's payment method at the gateway, for later payments.", STORE_SCHEMA,
          STORE_EXAMPLE);
OPERATION(UNSTORE, "unstore", HUB_RETRY_WITH_KEY, "Makes the gateway forget a stored method.",
          STORE_SCHEMA, UNSTORE_EXAMPLE);
OPERATION(RECONCILE, "reconcile", HUB_RETRY_SAFE,
          "Asks the gateway what it knows of a job, such as one that ended as unknown.",
          RECONCILE_SCHEMA, RECONCILE_EXAMPLE);
OPERATION_WITH(LIST, "list", HUB_RETRY_SAFE,
               "Lists what the gateway has of a range of time, whoever has made it.", LIST_SCHEMA,
               LIST_EXAMPLE, LIST_RESULT_SCHEMA);
OPERATION(VERIFY_ACCOUNT, "verify_account", HUB_RETRY_SAFE,
          "Proves that the account's credentials work, without moving money.", VERIFY_SCHEMA, "{}");

static const hub_operation WEBHOOK = {
    .size = sizeof(hub_operation),
    .retry_safety = HUB_RETRY_SAFE,
    .name = HUB_STR_INIT("webhook"),
    .summary = HUB_STR_INIT("Verifies a gateway's webhook, books what is new in it, and tells it."),
    .input_schema = HUB_STR_INIT(WEBHOOK_SCHEMA),
    .result_schema = HUB_STR_INIT(WEBHOOK_RESULT_SCHEMA),
    .example = HUB_STR_INIT("{\"headers\":{\"stripe-signature\":\"t=1,v1=00\"},\"body\":\"{}\"}"),
    .timeout_ms = TIMEOUT_MS,
    .start = start,
};

static const hub_operation *const OPERATION_LIST[] = {
    &AUTHORIZE, &PURCHASE, &CAPTURE, &VOID_,     &REFUND,         &CONFIRM, &GET,
    &STORE,     &UNSTORE,  &LIST,    &RECONCILE, &VERIFY_ACCOUNT, &WEBHOOK};
static const hub_str HOSTS[] = {
    HUB_STR_INIT("api.stripe.com"),
    HUB_STR_INIT("api-m.paypal.com"),
    HUB_STR_INIT("api-m.sandbox.paypal.com"),
    HUB_STR_INIT("api.paypal.com"), /* certificates of its webhooks */
    HUB_STR_INIT("api.sandbox.paypal.com"),
    HUB_STR_INIT("checkout-test.adyen.com"),
    HUB_STR_INIT("*.adyenpayments.com"),
    HUB_STR_INIT("api.mollie.com"),
    /* base_url of test accounts; hubd's operator must allow private addresses besides. */
    HUB_STR_INIT("127.0.0.1:*"),
    HUB_STR_INIT("localhost:*"),
};

static const hub_connector CONNECTOR = {
    .size = sizeof(hub_connector),
    .abi = HUB_ABI,
    .name = HUB_STR_INIT("payments"),
    .version = HUB_STR_INIT("1.0.0"),
    .licence = HUB_STR_INIT("Apache-2.0"),
    .summary = HUB_STR_INIT("Takes payments through Stripe, PayPal, Adyen, Mollie or a simulator, "
                            "and never twice."),
    .mode = HUB_MODE_ASYNC,
    .max_in_flight = IN_FLIGHT,
    .account_schema = HUB_STR_INIT(ACCOUNT_SCHEMA),
    .hosts = HOSTS,
    .host_count = sizeof HOSTS / sizeof HOSTS[0],
    .operation_count = sizeof OPERATION_LIST / sizeof OPERATION_LIST[0],
    .operations = OPERATION_LIST,
    .create = create,
    .destroy = destroy,
    .cancel = cancel,
};

HUB_EXPORT const hub_connector *hub_connector_entry(uint32_t host_abi)
{
    return HUB_ABI_MAJOR(host_abi) == HUB_ABI_MAJOR(HUB_ABI) ? &CONNECTOR : NULL;
}
