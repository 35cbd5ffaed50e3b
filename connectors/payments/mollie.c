/*
 * mollie.c — Mollie, Payments API v2: https://docs.mollie.com/reference/payments-api
 *
 * Idempotency: https://docs.mollie.com/reference/api-idempotency. Answers are remembered for an
 * hour; 409 is given while the first request of the key is still under way.
 */
#include "gateway_parts.h"
#include "hook.h"
#include "write.h"

#include "base/clock.h"

#define MINUTE_MS INT64_C(60000)

static const struct amount_style AMOUNTS = {"currency", DIGITS_ISO, .decimal = true};

static const struct status_word STATUS_WORDS[] = {
    {"open", STATUS_REQUIRES_ACTION},  {"pending", STATUS_PROCESSING},
    {"authorized", STATUS_AUTHORIZED}, {"paid", STATUS_SUCCEEDED},
    {"canceled", STATUS_CANCELED},     {"expired", STATUS_CANCELED},
    {"failed", STATUS_FAILED},         {NULL, STATUS_PROCESSING},
};

/* Of captures, refunds and mandates. */
static const struct status_word PART_WORDS[] = {
    {"queued", STATUS_PROCESSING},     {"pending", STATUS_PROCESSING},
    {"processing", STATUS_PROCESSING}, {"refunded", STATUS_SUCCEEDED},
    {"succeeded", STATUS_SUCCEEDED},   {"failed", STATUS_FAILED},
    {"canceled", STATUS_CANCELED},     {"valid", STATUS_SUCCEEDED},
    {"invalid", STATUS_FAILED},        {NULL, STATUS_PROCESSING},
};

/* https://docs.mollie.com/docs/status-reasons and details.failureReason of cards. */
static const struct decline_word DECLINE_WORDS[] = {
    {"insufficient_funds", DECLINE_INSUFFICIENT_FUNDS},
    {"card_expired", DECLINE_EXPIRED},
    {"invalid_card_number", DECLINE_INVALID_METHOD},
    {"invalid_card_holder_name", DECLINE_INVALID_METHOD},
    {"invalid_card_type", DECLINE_NOT_SUPPORTED},
    {"invalid_cvv", DECLINE_INVALID_CVC},
    {"card_declined", DECLINE_DECLINED},
    {"refused_by_issuer", DECLINE_DECLINED},
    {"unknown_reason", DECLINE_DECLINED},
    {"inactive_card", DECLINE_INVALID_METHOD},
    {"authentication_failed", DECLINE_AUTHENTICATION_FAILED},
    {"authentication_abandoned", DECLINE_AUTHENTICATION_FAILED},
    {"authentication_required", DECLINE_AUTHENTICATION_REQUIRED},
    {"possible_fraud", DECLINE_FRAUD},
    {"temporary_failure", DECLINE_PROCESSING_ERROR},
    {"acquirer_error", DECLINE_PROCESSING_ERROR},
    {NULL, DECLINE_DECLINED},
};

static int base_url(const struct account *account, struct buf *url, struct hub_error *error)
{
    int own = account_own_url(account, url, error);
    const char *prefix = account->test ? "test_" : "live_";
    if (own < 0) {
        return own;
    }
    if (!str_starts_with(account->api_key, str_from_c(prefix))) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT,
                        "the account says test: %s, so its api_key must begin with %s",
                        account->test ? "true" : "false", prefix);
    }
    if (!own) {
        buf_append_c(url, "https://api.mollie.com");
    }
    return 0;
}

/* --- Requests ----------------------------------------------------------------------------------*/

static struct str description(const struct order *order)
{
    return order->description.len > 0 ? order->description
           : order->reference.len > 0 ? order->reference
                                      : order->job;
}

/* "tkn_…" is a card's token, "mdt_…" a stored method, anything else the name of a method that the
 * customer chooses the rest of: "ideal". */
static void write_method(struct buf *body, const struct order *order)
{
    struct str method = order->payment_method;
    if (str_starts_with(method, STR("tkn_"))) {
        write_text(body, "method", STR("creditcard"));
        write_text(body, "cardToken", method);
    } else if (str_starts_with(method, STR("mdt_"))) {
        write_text(body, "mandateId", method);
        write_text(body, "sequenceType", STR("recurring"));
    } else {
        write_text(body, "method", method);
        write_text(body, "sequenceType", order->off_session ? STR("recurring") : (struct str){0});
    }
}

static void write_billing(struct buf *body, struct json_object *billing)
{
    static const char *const NAMES[][2] = {
        {"given_name", "givenName"},
        {"family_name", "familyName"},
        {"email", "email"},
        {"phone", "phone"},
        {"line1", "streetAndNumber"},
        {"line2", "streetAdditional"},
        {"postal_code", "postalCode"},
        {"city", "city"},
        {"region", "region"},
        {"country", "country"},
    };
    struct str value;
    if (!billing) {
        return;
    }
    write_open(body, "billingAddress", '{');
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        if (json_get_str(billing, NAMES[i][0], &value)) {
            write_text(body, NAMES[i][1], value);
        }
    }
    write_close(body, '}');
}

static int build_create(const struct order *order, struct json_object *looked, struct call *call,
                        struct hub_error *error)
{
    struct buf *body = &call->body;
    (void)looked;
    bool stored = str_starts_with(order->payment_method, STR("mdt_")) || order->off_session;
    if (stored && order->customer.len == 0) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT,
                        "Mollie charges a stored method of a customer: name one (cst_…)");
    }
    if (!stored && order->return_url.len == 0) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT,
                        "Mollie sends the customer to its own page: return_url is missing");
    }
    call_path(call, "POST", "/v2/payments", (struct str){0}, "");
    write_open(body, NULL, '{');
    int err = write_amount(body, &AMOUNTS, order, error);
    write_text(body, "description", description(order));
    write_text(body, "redirectUrl", order->return_url);
    write_text(body, "captureMode", order->manual_capture ? STR("manual") : STR("automatic"));
    write_method(body, order);
    write_text(body, "customerId", order->customer);
    write_billing(body, order->billing);
    write_metadata(body, order, order->reference);
    write_close(body, '}');
    return err < 0 ? err : 1;
}

static int build_capture(const struct order *order, struct json_object *looked, struct call *call,
                         struct hub_error *error)
{
    int err = 0;
    (void)looked;
    call_path(call, "POST", "/v2/payments/", order->payment, "/captures");
    write_open(&call->body, NULL, '{');
    if (order->has_amount) {
        err = write_amount(&call->body, &AMOUNTS, order, error);
    }
    write_text(&call->body, "description", order->description);
    write_metadata(&call->body, order, order->reference);
    write_close(&call->body, '}');
    return err < 0 ? err : 1;
}

/* What is held is released; what the customer has not paid yet is taken back. */
static int build_void(const struct order *order, struct json_object *looked, struct call *call,
                      struct hub_error *error)
{
    struct str status = text_of(looked, "status");
    (void)error;
    if (str_eq(status, STR("canceled")) || str_eq(status, STR("expired"))) {
        return 0;
    }
    if (str_eq(status, STR("open")) || str_eq(status, STR("pending"))) {
        call_bodyless(call, "DELETE", "/v2/payments/", order->payment, "");
    } else {
        call_path(call, "POST", "/v2/payments/", order->payment, "/release-authorization");
        buf_append_c(&call->body, "{}");
    }
    return 1;
}

/* Mollie wants an amount; without one all that is left is meant. */
static int build_refund(const struct order *order, struct json_object *looked, struct call *call,
                        struct hub_error *error)
{
    struct json_object *left = NULL;
    int err = 0;
    call_path(call, "POST", "/v2/payments/", order->payment, "/refunds");
    write_open(&call->body, NULL, '{');
    if (order->has_amount) {
        err = write_amount(&call->body, &AMOUNTS, order, error);
    } else if (json_get_object(looked, "amountRemaining", &left)) {
        write_value(&call->body, "amount", left);
    } else {
        err = hub_fail(error, HUB_ERR_INVALID_INPUT, "nothing of this payment can be refunded");
    }
    write_text(&call->body, "description", description(order));
    write_metadata(&call->body, order, order->reference);
    write_close(&call->body, '}');
    return err < 0 ? err : 1;
}

static int build_get(const struct order *order, struct json_object *looked, struct call *call,
                     struct hub_error *error)
{
    (void)error;
    (void)looked;
    call_bodyless(call, "GET", "/v2/payments/", order->payment, "?include=details.qrCode");
    return 1;
}

static int build_confirm(const struct order *order, struct json_object *looked, struct call *call,
                         struct hub_error *error)
{
    (void)order;
    (void)looked;
    (void)call;
    (void)error;
    return 0; /* the customer has done it at Mollie: look() has seen how it stands */
}

static int need_customer(const struct order *order, struct hub_error *error)
{
    return order->customer.len > 0
               ? 1
               : hub_fail(error, HUB_ERR_INVALID_INPUT,
                          "Mollie keeps payment methods with a customer: name one (cst_…)");
}

static int build_store(const struct order *order, struct json_object *looked, struct call *call,
                       struct hub_error *error)
{
    (void)looked;
    call_path(call, "POST", "/v2/customers/", order->customer, "/mandates");
    write_open(&call->body, NULL, '{');
    write_text(&call->body, "method", STR("creditcard"));
    write_text(&call->body, "cardToken", order->payment_method);
    write_text(&call->body, "consumerName", text_of(order->billing, "name"));
    write_close(&call->body, '}');
    return need_customer(order, error);
}

static int build_unstore(const struct order *order, struct json_object *looked, struct call *call,
                         struct hub_error *error)
{
    (void)looked;
    call_path(call, "DELETE", "/v2/customers/", order->customer, "/mandates/");
    call_bodyless(call, "DELETE", "", order->payment_method, "");
    return need_customer(order, error);
}

static int build_verify(const struct order *order, struct json_object *looked, struct call *call,
                        struct hub_error *error)
{
    (void)order;
    (void)looked;
    (void)error;
    call_bodyless(call, "GET", "/v2/methods", (struct str){0}, "");
    return 1;
}

static int look(const struct account *account, const struct order *order, struct call *call,
                struct hub_error *error)
{
    bool needed = order->operation == OP_VOID || order->operation == OP_CONFIRM ||
                  (order->operation == OP_REFUND && !order->has_amount);
    (void)account;
    return needed ? build_get(order, NULL, call, error) : 0;
}

static int build(const struct account *account, const struct order *order,
                 struct json_object *looked, struct call *call, struct hub_error *error)
{
    static int (*const BUILD[OP_COUNT])(const struct order *, struct json_object *, struct call *,
                                        struct hub_error *) = {
        [OP_AUTHORIZE] = build_create, [OP_PURCHASE] = build_create,
        [OP_CAPTURE] = build_capture,  [OP_VOID] = build_void,
        [OP_REFUND] = build_refund,    [OP_CONFIRM] = build_confirm,
        [OP_GET] = build_get,          [OP_STORE] = build_store,
        [OP_UNSTORE] = build_unstore,  [OP_VERIFY_ACCOUNT] = build_verify,
    };
    (void)account;
    call->type = STR("application/json");
    return BUILD[order->operation](order, looked, call, error);
}

/* --- Answers -----------------------------------------------------------------------------------*/

static void read_links(struct json_object *json, struct answer *answer)
{
    struct json_object *links, *link, *details;
    if (json_get_object(json, "details", &details) && json_get_object(details, "qrCode", &link) &&
        json_get_str(link, "src", &answer->next_value)) {
        answer->next = NEXT_QR;
    } else if (json_get_object(json, "_links", &links) &&
               json_get_object(links, "checkout", &link) &&
               json_get_str(link, "href", &answer->next_value)) {
        answer->next = NEXT_REDIRECT;
    } else if (answer->status == STATUS_REQUIRES_ACTION) {
        answer->next = NEXT_WAIT;
    }
}

static void read_decline(struct json_object *json, struct answer *answer)
{
    struct json_object *detail;
    if (json_get_object(json, "statusReason", &detail)) {
        (void)json_get_str(detail, "code", &answer->gateway_code);
        (void)json_get_str(detail, "message", &answer->message);
    } else if (json_get_object(json, "details", &detail)) {
        (void)json_get_str(detail, "failureReason", &answer->gateway_code);
        (void)json_get_str(detail, "failureMessage", &answer->message);
    }
    answer->decline = decline_of(DECLINE_WORDS, answer->gateway_code);
}

static void read_payment(struct json_object *json, struct answer *answer)
{
    (void)json_get_str(json, "id", &answer->ids[ID_PAYMENT]);
    (void)json_get_str(json, "customerId", &answer->ids[ID_CUSTOMER]);
    (void)json_get_str(json, "mandateId", &answer->ids[ID_PAYMENT_METHOD]);
    answer->status = status_in(json, STATUS_WORDS);
    (void)read_amount(json, "amount", &AMOUNTS, answer, &answer->requested);
    (void)read_amount(json, "amountCaptured", &AMOUNTS, answer, &answer->captured);
    (void)read_amount(json, "amountRefunded", &AMOUNTS, answer, &answer->refunded);
    if (answer->status == STATUS_AUTHORIZED || answer->status == STATUS_SUCCEEDED) {
        answer->authorized = answer->requested;
    }
    if (answer->status == STATUS_SUCCEEDED && answer->captured == AMOUNT_UNKNOWN) {
        answer->captured = answer->requested; /* captured at once */
    }
    read_links(json, answer);
    if (answer->status == STATUS_FAILED) {
        read_decline(json, answer);
    }
}

/* A capture or a refund. */
static void read_part(struct json_object *json, enum answer_id id, struct answer *answer)
{
    (void)json_get_str(json, "id", &answer->ids[id]);
    (void)json_get_str(json, "paymentId", &answer->ids[ID_PAYMENT]);
    answer->status = status_in(json, PART_WORDS);
    (void)read_amount(json, "amount", &AMOUNTS, answer,
                      id == ID_CAPTURE ? &answer->captured : &answer->refunded);
}

static void read_answer(const struct order *order, struct json_object *json, struct answer *answer)
{
    struct str status = {0};
    switch (order->operation) {
    case OP_CAPTURE:
        read_part(json, ID_CAPTURE, answer);
        break;
    case OP_REFUND:
        read_part(json, ID_REFUND, answer);
        break;
    case OP_VOID: /* 202 without a body: a release takes its time */
        answer->ids[ID_PAYMENT] = order->payment;
        if (json_get_str(json, "status", &status)) {
            read_payment(json, answer);
        }
        break;
    case OP_STORE:
        (void)json_get_str(json, "id", &answer->ids[ID_PAYMENT_METHOD]);
        answer->ids[ID_CUSTOMER] = order->customer;
        answer->status = status_in(json, PART_WORDS);
        break;
    case OP_UNSTORE:
    case OP_VERIFY_ACCOUNT:
        read_success(order, answer);
        break;
    default:
        read_payment(json, answer);
    }
}

static struct str error_code(struct json_object *json)
{
    return text_of(json, "field");
}

static void refuse(const struct order *order, struct json_object *json, struct answer *answer)
{
    (void)order;
    (void)json_get_str(json, "title", &answer->gateway_code);
    (void)json_get_str(json, "detail", &answer->message);
    answer->status = STATUS_FAILED;
}

/* --- What became of a job ----------------------------------------------------------------------*/

/* Mollie cannot search, but lists the newest first. */
static int find(const struct account *account, const struct order *order, struct call *call,
                struct hub_error *error)
{
    (void)account;
    switch (order->operation) {
    case OP_VOID:
    case OP_CONFIRM:
        return build_get(order, NULL, call, error);
    case OP_CAPTURE:
        call_path(call, "GET", "/v2/payments/", order->payment, "/captures?limit=250");
        return 1;
    case OP_REFUND:
        call_path(call, "GET", "/v2/payments/", order->payment, "/refunds?limit=250");
        return 1;
    default:
        call_path(call, "GET", "/v2/payments?limit=250", (struct str){0}, "");
        return 1;
    }
}

static bool found(const struct order *order, struct json_object *json, struct answer *answer)
{
    static const char *const LISTS[OP_COUNT] = {[OP_CAPTURE] = "captures", [OP_REFUND] = "refunds"};
    struct json_object *embedded, *list;
    const char *name = LISTS[order->operation] ? LISTS[order->operation] : "payments";
    if (order->operation == OP_VOID || order->operation == OP_CONFIRM) {
        read_payment(json, answer);
        return answer->status == STATUS_CANCELED ||
               (order->operation == OP_CONFIRM && answer->status == STATUS_SUCCEEDED);
    }
    if (!json_get_object(json, "_embedded", &embedded) || !json_get_array(embedded, name, &list)) {
        return false;
    }
    struct json_object *ours = find_of_job(list, order->job);
    if (ours) {
        read_answer(order, ours, answer);
    }
    return ours != NULL;
}

/* --- What there is: https://docs.mollie.com/reference/list-payments
 * -----------------------------*/

/* Newest first, and not by time. */
static int list(const struct list_range *range, struct call *call, struct hub_error *error)
{
    (void)error;
    call_bodyless(call, "GET", "/v2/payments?limit=250", (struct str){0}, "");
    if (range->cursor.len > 0) {
        call_bodyless(call, "GET", "&from=", range->cursor, "");
    }
    return 1;
}

/* The next page is told as a link: …?from=tr_…&limit=250 */
static struct str from_of(struct json_object *json)
{
    struct json_object *links, *link;
    struct str href = {0}, rest, name;
    if (!json_get_object(json, "_links", &links) || !json_get_object(links, "next", &link) ||
        !json_get_str(link, "href", &href)) {
        return href;
    }
    rest = href;
    (void)str_split(&rest, '?');
    while (rest.len > 0) {
        struct str value = str_split(&rest, '&');
        name = str_split(&value, '=');
        if (str_eq(name, STR("from"))) {
            return value;
        }
    }
    return (struct str){0};
}

static bool listed(struct json_object *json, const struct list_range *range, struct list_page *page)
{
    struct json_object *embedded;
    (void)range;
    page->next = from_of(json);
    return json_get_object(json, "_embedded", &embedded) &&
           json_get_array(embedded, "payments", &page->array);
}

static bool entry(struct json_object *json, struct list_entry *ret_entry)
{
    struct json_object *metadata;
    read_payment(json, &ret_entry->answer);
    (void)clock_parse(text_of(json, "createdAt"), &ret_entry->created_at);
    if (json_get_object(json, "metadata", &metadata)) {
        ret_entry->job = text_of(metadata, "hub_job");
    }
    return true;
}

/* --- Webhooks: https://docs.mollie.com/reference/webhooks --------------------------------------*/

/* "id=tr_…", signed by nobody: whoever sends it makes us ask Mollie, and nothing else. */
static int verify(const struct account *account, const struct hook *hook,
                  struct hook_events *events, struct hub_error *error)
{
    struct str rest = hook->body;
    (void)account;
    while (rest.len > 0) {
        struct str value = str_split(&rest, '&');
        struct str name = str_split(&value, '=');
        bool plain = str_eq(name, STR("id")) && value.len >= 4 && value.len <= 64;
        for (size_t i = 0; plain && i < value.len; i++) {
            char c = value.ptr[i];
            plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                    c == '_';
        }
        if (plain && str_starts_with(value, STR("tr_"))) {
            struct hook_event *event = hook_events_add(events);
            event->id = event->payment = hook_events_keep(events, value);
            event->type = STR("payment");
            event->fetch_payment = true;
            return 0;
        }
    }
    return hub_fail(error, HUB_ERR_INVALID_JSON,
                    "this is not a hook of Mollie: id=tr_… is missing");
}

const struct gateway MOLLIE = {
    .name = "mollie",
    .key_header = "Idempotency-Key",
    .key_horizon_ms = 50 * MINUTE_MS,
    .auth_header = "Authorization",
    .base_url = base_url,
    .authenticate = authenticate_by_key,
    .look = look,
    .build = build,
    .read = read_answer,
    .error_code = error_code,
    .refuse = refuse,
    .find = find,
    .found = found,
    .list = list,
    .listed = listed,
    .entry = entry,
    .newest_first = true,
    .verify = verify,
};
