/*
 * adyen.c — Adyen, Checkout API v71: https://docs.adyen.com/api-explorer/Checkout/71
 *
 * Idempotency: https://docs.adyen.com/development-resources/api-idempotency. Keys (at most 64
 * characters) are remembered for at least 7 days; error 704 says that the first request of the key
 * is still under way. Modifications are answered with `received`: the truth comes by webhook.
 * Checkout cannot be asked how a payment stands.
 */
#include "gateway_parts.h"
#include "hook.h"
#include "write.h"

#include "base/clock.h"
#include "base/hash.h"

#define DAY_MS       INT64_C(86400000)
#define HMAC_KEY_MAX 128

static const struct amount_style AMOUNTS = {"currency", DIGITS_ADYEN};

/* resultCode; Authorised is decided by how the payment is captured. */
static const struct status_word STATUS_WORDS[] = {
    {"RedirectShopper", STATUS_REQUIRES_ACTION},
    {"ChallengeShopper", STATUS_REQUIRES_ACTION},
    {"IdentifyShopper", STATUS_REQUIRES_ACTION},
    {"PresentToShopper", STATUS_REQUIRES_ACTION},
    {"Pending", STATUS_PROCESSING},
    {"Received", STATUS_PROCESSING},
    {"Cancelled", STATUS_CANCELED},
    {"Refused", STATUS_FAILED},
    {"Error", STATUS_FAILED},
    {NULL, STATUS_PROCESSING},
};

/* https://docs.adyen.com/development-resources/refusal-reasons */
static const struct decline_word DECLINE_WORDS[] = {
    {"2", DECLINE_DECLINED},
    {"3", DECLINE_DECLINED},
    {"4", DECLINE_PROCESSING_ERROR},
    {"5", DECLINE_BLOCKED},
    {"6", DECLINE_EXPIRED},
    {"7", DECLINE_LIMIT_EXCEEDED},
    {"8", DECLINE_INVALID_METHOD},
    {"9", DECLINE_ISSUER_UNAVAILABLE},
    {"10", DECLINE_NOT_SUPPORTED},
    {"11", DECLINE_AUTHENTICATION_FAILED},
    {"12", DECLINE_INSUFFICIENT_FUNDS},
    {"14", DECLINE_FRAUD},
    {"15", DECLINE_CUSTOMER_CANCELED},
    {"16", DECLINE_CUSTOMER_CANCELED},
    {"17", DECLINE_INVALID_PIN},
    {"18", DECLINE_INVALID_PIN},
    {"19", DECLINE_INVALID_PIN},
    {"20", DECLINE_FRAUD},
    {"21", DECLINE_PROCESSING_ERROR},
    {"22", DECLINE_FRAUD},
    {"23", DECLINE_NOT_PERMITTED},
    {"24", DECLINE_INVALID_CVC},
    {"25", DECLINE_NOT_PERMITTED},
    {"26", DECLINE_REVOKED},
    {"27", DECLINE_DECLINED},
    {"28", DECLINE_LIMIT_EXCEEDED},
    {"29", DECLINE_LIMIT_EXCEEDED},
    {"31", DECLINE_FRAUD},
    {"32", DECLINE_INVALID_ADDRESS},
    {"33", DECLINE_INVALID_PIN},
    {"34", DECLINE_NOT_SUPPORTED},
    {"35", DECLINE_NOT_SUPPORTED},
    {"36", DECLINE_INVALID_PIN},
    {"37", DECLINE_NOT_SUPPORTED},
    {"38", DECLINE_AUTHENTICATION_REQUIRED},
    {"39", DECLINE_PROCESSING_ERROR},
    {"40", DECLINE_BLOCKED},
    {"42", DECLINE_AUTHENTICATION_FAILED},
    {"46", DECLINE_BLOCKED},
    {NULL, DECLINE_DECLINED},
};

static const struct verdict_rule RULES[] = {
    {409, "704", VERDICT_DOUBT},
    {422, "704", VERDICT_DOUBT},
    {422, "010", VERDICT_DENIED},
    {0, NULL, VERDICT_TAKEN},
};

static int base_url(const struct account *account, struct buf *url, struct hub_error *error)
{
    int own = account_own_url(account, url, error);
    if (own < 0) {
        return own;
    }
    if (account->merchant_account.len == 0) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT, "the account lacks its merchant_account");
    }
    if (own) {
        buf_append_c(url, "/v71");
    } else if (account->test) {
        buf_append_c(url, "https://checkout-test.adyen.com/v71");
    } else if (account->live_prefix.len == 0) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT,
                        "a live account of Adyen has a live_prefix, from the Customer Area");
    } else {
        buf_append_c(url, "https://");
        buf_append_str(url, account->live_prefix);
        buf_append_c(url, "-checkout-live.adyenpayments.com/checkout/v71");
    }
    return 0;
}

static void authenticate(const struct account *account, struct str token, struct buf *value)
{
    (void)token;
    buf_append_str(value, account->api_key);
}

/* --- Requests ----------------------------------------------------------------------------------*/

static int write_given_amount(struct buf *body, const struct order *order, struct hub_error *error)
{
    return order->has_amount ? write_amount(body, &AMOUNTS, order, error)
                             : hub_fail(error, HUB_ERR_INVALID_INPUT,
                                        "Adyen wants an amount: give amount_minor and currency");
}

static struct str reference(const struct order *order)
{
    return order->reference.len > 0 ? order->reference : order->job;
}

/* An object is what Adyen's front end has made; a text is the id of a stored method. */
static void write_method(struct buf *body, const struct order *order)
{
    if (order->method_object) {
        write_value(body, "paymentMethod", order->method_object);
        return;
    }
    write_open(body, "paymentMethod", '{');
    write_text(body, "type", STR("scheme"));
    write_text(body, "storedPaymentMethodId", order->payment_method);
    write_close(body, '}');
}

/* https://docs.adyen.com/online-payments/tokenization: ContAuth, and why. */
static void write_recurring(struct buf *body, const struct order *order)
{
    bool stored = order->payment_method.len > 0;
    write_text(body, "shopperReference", order->customer);
    write_text(body, "shopperInteraction",
               stored || order->off_session ? STR("ContAuth") : STR("Ecommerce"));
    if (stored || order->off_session) {
        write_text(body, "recurringProcessingModel",
                   order->off_session ? STR("UnscheduledCardOnFile") : STR("CardOnFile"));
    }
}

static void write_three_ds(struct buf *body, const struct order *order)
{
    if (order->three_ds != THREE_DS_AUTOMATIC) {
        write_open(body, "authenticationData", '{');
        write_text(body, "attemptAuthentication",
                   order->three_ds == THREE_DS_REQUIRED ? STR("always") : STR("never"));
        write_close(body, '}');
    }
}

static void write_billing(struct buf *body, struct json_object *billing)
{
    struct str country = text_of(billing, "country"), city = text_of(billing, "city");
    struct str street = text_of(billing, "line1"), house = text_of(billing, "line2");
    struct str postal = text_of(billing, "postal_code");
    write_text(body, "shopperEmail", text_of(billing, "email"));
    if (country.len > 0 && city.len > 0 && street.len > 0 && postal.len > 0) {
        write_open(body, "billingAddress", '{');
        write_text(body, "country", country);
        write_text(body, "city", city);
        write_text(body, "street", street);
        write_text(body, "houseNumberOrName", house.len > 0 ? house : STR("-"));
        write_text(body, "postalCode", postal);
        write_close(body, '}');
    }
}

static int build_create(const struct account *account, const struct order *order, struct call *call,
                        struct hub_error *error)
{
    struct buf *body = &call->body;
    if (order->return_url.len == 0) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT, "Adyen wants a return_url for every payment");
    }
    call_path(call, "POST", "/payments", (struct str){0}, "");
    write_open(body, NULL, '{');
    write_text(body, "merchantAccount", account->merchant_account);
    int err = write_given_amount(body, order, error);
    write_text(body, "reference", reference(order));
    write_method(body, order);
    write_text(body, "returnUrl", order->return_url);
    write_text(body, "channel", STR("Web"));
    write_recurring(body, order);
    write_text(body, "shopperStatement", order->statement_descriptor);
    if (order->manual_capture) {
        write_open(body, "additionalData", '{');
        write_text(body, "manualCapture", STR("true"));
        write_close(body, '}');
    } else {
        write_number(body, "captureDelayHours", 0);
    }
    write_three_ds(body, order);
    write_billing(body, order->billing);
    write_metadata(body, order, (struct str){0});
    write_close(body, '}');
    return err < 0 ? err : 1;
}

static int build_modification(const struct account *account, const struct order *order,
                              struct call *call, struct hub_error *error)
{
    static const char *const TAILS[OP_COUNT] = {
        [OP_CAPTURE] = "/captures", [OP_VOID] = "/cancels", [OP_REFUND] = "/refunds"};
    int err = 0;
    call_path(call, "POST", "/payments/", order->payment, TAILS[order->operation]);
    write_open(&call->body, NULL, '{');
    write_text(&call->body, "merchantAccount", account->merchant_account);
    if (order->operation != OP_VOID) {
        err = write_given_amount(&call->body, order, error);
    }
    write_text(&call->body, "reference", order->job); /* by which the webhook finds the job */
    write_close(&call->body, '}');
    return err < 0 ? err : 1;
}

static int build_confirm(const struct account *account, const struct order *order,
                         struct call *call, struct hub_error *error)
{
    struct json_object *details = order->details, *inner;
    (void)account;
    if (!details) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT,
                        "Adyen wants what the customer came back with: details is missing, such as "
                        "{\"redirectResult\":\"…\"}");
    }
    call_path(call, "POST", "/payments/details", (struct str){0}, "");
    write_open(&call->body, NULL, '{');
    write_value(&call->body, "details",
                json_get_object(details, "details", &inner) ? inner : details);
    write_text(&call->body, "paymentData", text_of(details, "paymentData"));
    write_close(&call->body, '}');
    return 1;
}

/* An authorization of nothing, which Adyen remembers the method from. */
static int build_store(const struct account *account, const struct order *order, struct call *call,
                       struct hub_error *error)
{
    struct buf *body = &call->body;
    if (order->customer.len == 0 || !order->method_object || order->return_url.len == 0) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT,
                        "Adyen stores what its front end has made, for a customer: payment_method "
                        "must be that object, customer your name for the shopper, and return_url");
    }
    call_path(call, "POST", "/payments", (struct str){0}, "");
    write_open(body, NULL, '{');
    write_text(body, "merchantAccount", account->merchant_account);
    write_open(body, "amount", '{');
    write_text(body, "currency", order->currency.len > 0 ? order->currency : STR("EUR"));
    write_number(body, "value", 0);
    write_close(body, '}');
    write_text(body, "reference", order->job);
    write_value(body, "paymentMethod", order->method_object);
    write_text(body, "returnUrl", order->return_url);
    write_text(body, "channel", STR("Web"));
    write_text(body, "shopperInteraction", STR("Ecommerce"));
    write_text(body, "shopperReference", order->customer);
    write_text(body, "recurringProcessingModel", STR("CardOnFile"));
    write_bool(body, "storePaymentMethod", true);
    write_metadata(body, order, (struct str){0});
    write_close(body, '}');
    return 1;
}

static int build_unstore(const struct account *account, const struct order *order,
                         struct call *call, struct hub_error *error)
{
    if (order->customer.len == 0) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT, "customer is missing");
    }
    call_path(call, "DELETE", "/storedPaymentMethods/", order->payment_method, "");
    call_path(call, "DELETE", "?merchantAccount=", account->merchant_account, "");
    call_path(call, "DELETE", "&shopperReference=", order->customer, "");
    call->type = (struct str){0};
    return 1;
}

static int build_verify(const struct account *account, const struct order *order, struct call *call,
                        struct hub_error *error)
{
    (void)order;
    (void)error;
    call_path(call, "POST", "/paymentMethods", (struct str){0}, "");
    write_open(&call->body, NULL, '{');
    write_text(&call->body, "merchantAccount", account->merchant_account);
    write_close(&call->body, '}');
    return 1;
}

static int look(const struct account *account, const struct order *order, struct call *call,
                struct hub_error *error)
{
    (void)account;
    (void)call;
    if (order->operation == OP_GET) {
        return hub_fail(error, HUB_ERR_NOT_IMPLEMENTED,
                        "Adyen's Checkout cannot be asked how a payment stands: its webhooks tell");
    }
    return 0;
}

static int build(const struct account *account, const struct order *order,
                 struct json_object *looked, struct call *call, struct hub_error *error)
{
    static int (*const BUILD[OP_COUNT])(const struct account *, const struct order *, struct call *,
                                        struct hub_error *) = {
        [OP_AUTHORIZE] = build_create,      [OP_PURCHASE] = build_create,
        [OP_CAPTURE] = build_modification,  [OP_VOID] = build_modification,
        [OP_REFUND] = build_modification,   [OP_CONFIRM] = build_confirm,
        [OP_STORE] = build_store,           [OP_UNSTORE] = build_unstore,
        [OP_VERIFY_ACCOUNT] = build_verify,
    };
    (void)looked;
    call->type = STR("application/json");
    return BUILD[order->operation](account, order, call, error);
}

/* --- Answers -----------------------------------------------------------------------------------*/

static void read_action(struct json_object *json, struct answer *answer)
{
    struct json_object *action;
    if (!json_get_object(json, "action", &action)) {
        answer->next = answer->status == STATUS_REQUIRES_ACTION ? NEXT_WAIT : NEXT_NONE;
    } else if (json_get_str(action, "qrCodeData", &answer->next_value)) {
        answer->next = NEXT_QR;
    } else if (json_get_str(action, "url", &answer->next_value)) {
        answer->next = NEXT_REDIRECT;
    } else {
        answer->next = NEXT_WAIT;
    }
}

static void read_payment(const struct order *order, struct json_object *json, struct answer *answer)
{
    struct str result = text_of(json, "resultCode");
    (void)json_get_str(json, "pspReference", &answer->ids[ID_PAYMENT]);
    answer->status = status_of(STATUS_WORDS, result);
    (void)read_amount(json, "amount", &AMOUNTS, answer, &answer->requested);
    if (str_eq(result, STR("Authorised"))) {
        bool at_once = order->operation == OP_PURCHASE;
        answer->status = at_once ? STATUS_SUCCEEDED : STATUS_AUTHORIZED;
        answer->authorized = answer->requested;
        answer->captured = at_once ? answer->requested : AMOUNT_UNKNOWN;
    }
    read_action(json, answer);
    if (answer->status == STATUS_FAILED || answer->status == STATUS_CANCELED) {
        (void)json_get_str(json, "refusalReasonCode", &answer->gateway_code);
        (void)json_get_str(json, "refusalReason", &answer->message);
        answer->decline = decline_of(DECLINE_WORDS, answer->gateway_code);
    }
}

/* The token may come later, by the webhook recurring.token.created. */
static void read_stored(const struct order *order, struct json_object *json, struct answer *answer)
{
    struct json_object *additional;
    read_payment(order, json, answer);
    answer->ids[ID_CUSTOMER] = order->customer;
    answer->status = answer->status == STATUS_AUTHORIZED ? STATUS_SUCCEEDED : answer->status;
    if (json_get_object(json, "additionalData", &additional) &&
        !json_get_str(additional, "tokenization.storedPaymentMethodId",
                      &answer->ids[ID_PAYMENT_METHOD])) {
        (void)json_get_str(additional, "recurring.recurringDetailReference",
                           &answer->ids[ID_PAYMENT_METHOD]);
    }
}

static void read_modification(const struct order *order, struct json_object *json,
                              struct answer *answer)
{
    static const enum answer_id IDS[OP_COUNT] = {
        [OP_CAPTURE] = ID_CAPTURE, [OP_VOID] = ID_AUTHORIZATION, [OP_REFUND] = ID_REFUND};
    (void)json_get_str(json, "pspReference", &answer->ids[IDS[order->operation]]);
    (void)json_get_str(json, "paymentPspReference", &answer->ids[ID_PAYMENT]);
    (void)read_amount(json, "amount", &AMOUNTS, answer, &answer->requested);
    answer->status = STATUS_PROCESSING;
    answer->next = NEXT_WAIT;
}

static void read_answer(const struct order *order, struct json_object *json, struct answer *answer)
{
    switch (order->operation) {
    case OP_CAPTURE:
    case OP_VOID:
    case OP_REFUND:
        read_modification(order, json, answer);
        break;
    case OP_STORE:
        read_stored(order, json, answer);
        break;
    case OP_UNSTORE:
    case OP_VERIFY_ACCOUNT:
        read_success(order, answer);
        break;
    default:
        read_payment(order, json, answer);
    }
}

static struct str error_code(struct json_object *json)
{
    return text_of(json, "errorCode");
}

static void refuse(const struct order *order, struct json_object *json, struct answer *answer)
{
    (void)order;
    answer->gateway_code = error_code(json);
    (void)json_get_str(json, "message", &answer->message);
    (void)json_get_str(json, "pspReference", &answer->ids[ID_PAYMENT]);
    answer->status = STATUS_FAILED;
}

/* --- Webhooks: https://docs.adyen.com/development-resources/webhooks/verify-hmac-signatures ----*/

/* What each event means when it says success; without success it failed. */
static const struct status_word EVENT_WORDS[] = {
    {"AUTHORISATION", STATUS_AUTHORIZED},
    {"CAPTURE", STATUS_SUCCEEDED},
    {"CANCELLATION", STATUS_CANCELED},
    {"TECHNICAL_CANCEL", STATUS_CANCELED},
    {"REFUND", STATUS_SUCCEEDED},
    {"CAPTURE_FAILED", STATUS_FAILED},
    {"REFUND_FAILED", STATUS_FAILED},
    {"EXPIRE", STATUS_CANCELED},
    {NULL, STATUS_PROCESSING},
};

/* The fields in their order, with ':' between; empty ones stay. */
static void append_signed(struct json_object *item, struct buf *data)
{
    static const char *const HEAD[] = {"pspReference", "originalReference", "merchantAccountCode",
                                       "merchantReference"};
    static const char *const TAIL[] = {"eventCode", "success"};
    struct json_object *amount = NULL;
    struct str currency = {0};
    int64_t units = 0;
    for (size_t i = 0; i < sizeof HEAD / sizeof HEAD[0]; i++) {
        buf_append_str(data, text_of(item, HEAD[i]));
        buf_append_char(data, ':');
    }
    if (json_get_object(item, "amount", &amount)) {
        (void)json_get_i64(amount, "value", &units);
        (void)json_get_str(amount, "currency", &currency);
    }
    buf_append_i64(data, units);
    buf_append_char(data, ':');
    buf_append_str(data, currency);
    for (size_t i = 0; i < sizeof TAIL / sizeof TAIL[0]; i++) {
        buf_append_char(data, ':');
        buf_append_str(data, text_of(item, TAIL[i]));
    }
}

static bool item_is_genuine(const struct account *account, struct json_object *item)
{
    struct json_object *additional;
    struct str given = {0};
    struct buf data;
    bool right = false;
    if (json_get_object(item, "additionalData", &additional)) {
        (void)json_get_str(additional, "hmacSignature", &given);
    }
    buf_init(&data, BUF_NO_LIMIT);
    append_signed(item, &data);
    for (unsigned i = 0; i < account->webhook_secret_count && !buf_failed(&data); i++) {
        uint8_t key[HMAC_KEY_MAX];
        struct str hex = account->webhook_secrets[i];
        if (hex.len / 2 <= sizeof key && hex.len > 0 && hex_decode(hex, key, hex.len / 2)) {
            right |= hook_mac_is_base64(str_of((char *)key, hex.len / 2), buf_view(&data), given);
        }
    }
    buf_release(&data);
    return right;
}

static void read_event(struct json_object *item, struct hook_events *events,
                       struct hook_event *event)
{
    struct json_object *additional;
    struct answer answer;
    struct str success = text_of(item, "success"), psp = text_of(item, "pspReference");
    struct str original = text_of(item, "originalReference");
    char room[160];
    struct buf id;
    answer_init(&answer);
    (void)json_get_str(item, "eventCode", &event->type);
    (void)json_get_str(item, "merchantReference", &event->reference);
    if (json_get_object(item, "additionalData", &additional)) {
        (void)json_get_str(additional, "metadata.hub_job", &event->job);
    }
    event->payment = original.len > 0 ? original : psp;
    event->related = original.len > 0 ? psp : (struct str){0};
    event->job = event->job.len > 0 || original.len == 0 ? event->job : event->reference;
    event->status =
        str_eq(success, STR("true")) ? status_of(EVENT_WORDS, event->type) : STATUS_FAILED;
    (void)read_amount(item, "amount", &AMOUNTS, &answer, &event->amount);
    event->currency = answer.currency;
    (void)clock_parse(text_of(item, "eventDate"), &event->order_at);
    /* Adyen: a duplicate has the same eventCode, pspReference and success. */
    buf_init_fixed(&id, room, sizeof room);
    buf_append_format(&id, "%.*s:%.*s:%.*s", STR_ARG(event->type), STR_ARG(psp), STR_ARG(success));
    event->id = hook_events_keep(events, buf_view(&id));
}

static int verify(const struct account *account, const struct hook *hook,
                  struct hook_events *events, struct hub_error *error)
{
    struct json_object *list, *item;
    int err = json_read(hook->body, JSON_DEPTH_MAX, &events->json, NULL, NULL);
    if (err == HUB_ERR_NOMEM) {
        return err;
    }
    if (err < 0 || !json_get_array(events->json, "notificationItems", &list) ||
        json_object_array_length(list) == 0) {
        return hub_fail(error, HUB_ERR_UNAUTHORIZED, "there is nothing in it that is signed");
    }
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *wrapped = json_object_array_get_idx(list, i);
        if (!json_get_object(wrapped, "NotificationRequestItem", &item) ||
            !item_is_genuine(account, item)) {
            events->count = 0; /* one forged item among genuine ones: nothing of it is believed */
            return hub_fail(error, HUB_ERR_UNAUTHORIZED,
                            "item %zu bears no signature by one of the account's secrets", i + 1);
        }
        struct hook_event *event = hook_events_add(events);
        if (!event) {
            return hub_fail(error, HUB_ERR_LIMIT, "more than %d items", HOOK_EVENTS_MAX);
        }
        read_event(item, events, event);
    }
    return 0;
}

const struct gateway ADYEN = {
    .name = "adyen",
    .key_header = "Idempotency-Key",
    .key_horizon_ms = 6 * DAY_MS,
    .rules = RULES,
    .needs_method = true,
    .auth_header = "X-API-Key",
    .base_url = base_url,
    .authenticate = authenticate,
    .look = look,
    .build = build,
    .read = read_answer,
    .error_code = error_code,
    .refuse = refuse,
    .verify = verify,
};
