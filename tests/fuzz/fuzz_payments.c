/*
 * Whatever a gateway may answer, and whoever sends a webhook: read by every gateway's functions.
 * The first byte says which gateway, the second which operation; the rest is the text.
 */
#include "connectors/payments/gateway.h"
#include "connectors/payments/hook.h"

#include <stddef.h>
#include <stdint.h>

static struct str header(void *context, struct str name)
{
    (void)name;
    return *(const struct str *)context; /* the body again, as every header */
}

static void try_hook(const struct gateway *gateway, struct str text)
{
    struct account account = {.test = true,
                              .webhook_id = STR("1"),
                              .webhook_secrets = {STR("00"), STR("whsec_x")},
                              .webhook_secret_count = 2};
    struct hook hook = {.header = header,
                        .context = &text,
                        .body = text,
                        .now_ms = 1700000000000,
                        .certificate = text};
    struct hook_events events;
    struct hub_error error;
    if (gateway->verify) {
        hook_events_init(&events);
        (void)!gateway->verify(&account, &hook, &events, &error);
        hook_events_release(&events);
    }
}

static void try_order(const struct gateway *gateway, enum operation operation,
                      struct json_object *json)
{
    struct account account = {.test = true, .merchant_account = STR("M")};
    struct order order;
    struct call call;
    struct hub_error error;
    call_init(&call);
    if (operation != OP_RECONCILE && operation != OP_LIST && operation != OP_WEBHOOK &&
        order_read(&order, operation, json, STR("job"), STR("key"), &error) == 0 &&
        gateway->look(&account, &order, &call, &error) >= 0) {
        call_clear(&call);
        (void)!gateway->build(&account, &order, json, &call, &error);
    }
    call_release(&call);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct gateway *const ALL[] = {&STRIPE, &PAYPAL, &ADYEN, &MOLLIE, &SIMULATOR};
    struct json_object *json;
    struct answer answer;
    if (size < 2) {
        return 0;
    }
    const struct gateway *gateway = ALL[data[0] % 5];
    struct order order = {.operation = (enum operation)(data[1] % OP_COUNT),
                          .job = STR("job"),
                          .currency = STR("EUR")};
    struct str text = str_of((const char *)data + 2, size - 2);
    try_hook(gateway, text);
    if (json_read(text, JSON_DEPTH_MAX, &json, NULL, NULL) < 0) {
        return 0;
    }
    answer_init(&answer);
    gateway->read(&order, json, &answer);
    answer_init(&answer);
    gateway->refuse(&order, json, &answer);
    (void)gateway_verdict(gateway, 409, json);
    if (gateway->found) {
        answer_init(&answer);
        (void)gateway->found(&order, json, &answer);
    }
    try_order(gateway, order.operation, json);
    json_object_put(json);
    return 0;
}
