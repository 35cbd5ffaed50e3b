/*
 * paypal.c — PayPal, Orders v2 and Payments v2: https://developer.paypal.com/docs/api/orders/v2/
 *
 * Idempotency: PayPal-Request-Id is remembered for 6 hours (orders) to 45 days (captures): we count
 * on 6. An order that is COMPLETED does not say that money has moved: the capture in it does.
 */
#include "amount.h"
#include "gateway.h"
#include "hook.h"
#include "write.h"

#include "base/clock.h"
#include "base/hash.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

#define HOUR_MS INT64_C(3600000)

/* Of orders. APPROVED: the customer has agreed, now it is ours to confirm. */
static const struct status_word ORDER_WORDS[] = {
    {"CREATED", STATUS_REQUIRES_INPUT},
    {"SAVED", STATUS_REQUIRES_INPUT},
    {"PAYER_ACTION_REQUIRED", STATUS_REQUIRES_ACTION},
    {"APPROVED", STATUS_REQUIRES_ACTION},
    {"VOIDED", STATUS_CANCELED},
    {NULL, STATUS_PROCESSING}, /* COMPLETED: see the capture */
};

static const struct status_word AUTHORIZATION_WORDS[] = {
    {"CREATED", STATUS_AUTHORIZED},
    {"PENDING", STATUS_PROCESSING},
    {"PARTIALLY_CAPTURED", STATUS_AUTHORIZED},
    {"CAPTURED", STATUS_SUCCEEDED},
    {"VOIDED", STATUS_CANCELED},
    {"DENIED", STATUS_FAILED},
    {NULL, STATUS_PROCESSING},
};

/* Of captures and refunds; a capture that was refunded had succeeded. */
static const struct status_word CAPTURE_WORDS[] = {
    {"COMPLETED", STATUS_SUCCEEDED}, {"PENDING", STATUS_PROCESSING},
    {"DECLINED", STATUS_FAILED},     {"DENIED", STATUS_FAILED},
    {"FAILED", STATUS_FAILED},       {"CANCELLED", STATUS_CANCELED},
    {"REFUNDED", STATUS_SUCCEEDED},  {"PARTIALLY_REFUNDED", STATUS_SUCCEEDED},
    {NULL, STATUS_PROCESSING},
};

/* `issue` of errors, and processor_response.response_code of captures. */
static const struct decline_word DECLINE_WORDS[] = {
    {"INSTRUMENT_DECLINED", DECLINE_DECLINED},
    {"TRANSACTION_REFUSED", DECLINE_DECLINED},
    {"PAYER_CANNOT_PAY", DECLINE_DECLINED},
    {"PAYEE_BLOCKED_TRANSACTION", DECLINE_BLOCKED},
    {"PAYER_ACCOUNT_RESTRICTED", DECLINE_NOT_PERMITTED},
    {"PAYER_ACCOUNT_LOCKED_OR_CLOSED", DECLINE_INVALID_METHOD},
    {"TRANSACTION_LIMIT_EXCEEDED", DECLINE_LIMIT_EXCEEDED},
    {"CARD_EXPIRED", DECLINE_EXPIRED},
    {"CARD_CLOSED", DECLINE_INVALID_METHOD},
    {"PAYER_ACTION_REQUIRED", DECLINE_AUTHENTICATION_REQUIRED},
    {"REDIRECT_PAYER_FOR_ALTERNATE_FUNDING", DECLINE_AUTHENTICATION_REQUIRED},
    {"COMPLIANCE_VIOLATION", DECLINE_BLOCKED},
    {"TRANSACTION_BLOCKED_BY_PAYEE", DECLINE_BLOCKED},
    {"DUPLICATE_INVOICE_ID", DECLINE_DUPLICATE},
    {"0500", DECLINE_DECLINED},
    {"5100", DECLINE_DECLINED},
    {"1330", DECLINE_INVALID_METHOD},
    {"5110", DECLINE_INVALID_CVC},
    {"00N7", DECLINE_INVALID_CVC},
    {"5120", DECLINE_INSUFFICIENT_FUNDS},
    {"5180", DECLINE_INVALID_METHOD},
    {"5400", DECLINE_EXPIRED},
    {"9500", DECLINE_FRAUD},
    {"9510", DECLINE_BLOCKED},
    {"9520", DECLINE_LOST_OR_STOLEN},
    {NULL, DECLINE_DECLINED},
};

static const struct verdict_rule RULES[] = {
    {422, "PREVIOUS_REQUEST_IN_PROGRESS", VERDICT_DOUBT},
    {400, "PREVIOUS_REQUEST_IN_PROGRESS", VERDICT_DOUBT},
    {403, "NOT_AUTHORIZED", VERDICT_REFUSED}, /* a permission that the app lacks */
    {0, NULL, VERDICT_TAKEN},
};

static const char *const HEADERS[] = {"Prefer", "return=representation", NULL};

static int base_url(const struct account *account, struct buf *url, struct hub_error *error)
{
    int own = account_own_url(account, url, error);
    if (own < 0) {
        return own;
    }
    if (account->client_id.len == 0 || account->client_secret.len == 0) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT,
                        "an account of PayPal has a client_id and a client_secret");
    }
    if (!own) {
        buf_append_c(url, account->test ? "https://api-m.sandbox.paypal.com"
                                        : "https://api-m.paypal.com");
    }
    return 0;
}

static void authenticate(const struct account *account, struct str token, struct buf *value)
{
    (void)account;
    buf_append_c(value, "Bearer ");
    buf_append_str(value, token);
}

/* --- What an order holds -----------------------------------------------------------------------*/

/* The payments of the first, and only, purchase unit. */
static bool get_payments(struct json_object *json, struct json_object **ret_payments)
{
    struct json_object *units;
    return json_get_array(json, "purchase_units", &units) && json_object_array_length(units) > 0 &&
           json_get_object(json_object_array_get_idx(units, 0), "payments", ret_payments);
}

/* The last of `list`, or NULL. */
static struct json_object *last_of(struct json_object *payments, const char *list)
{
    struct json_object *array;
    size_t count;
    if (!json_get_array(payments, list, &array) || (count = json_object_array_length(array)) == 0) {
        return NULL;
    }
    return json_object_array_get_idx(array, count - 1);
}

static struct str id_of(struct json_object *looked, const char *list)
{
    struct json_object *payments;
    struct str id = {0};
    if (get_payments(looked, &payments)) {
        (void)json_get_str(last_of(payments, list), "id", &id);
    }
    return id;
}

/* --- Requests ----------------------------------------------------------------------------------*/

static int write_amount(struct buf *body, const struct order *order, struct hub_error *error)
{
    char room[32];
    struct buf value;
    buf_init_fixed(&value, room, sizeof room);
    int err = amount_append_decimal(DIGITS_PAYPAL, order->currency, order->amount, &value, error);
    if (err == 0) {
        write_open(body, "amount", '{');
        write_text(body, "currency_code", order->currency);
        write_text(body, "value", buf_view(&value));
        write_close(body, '}');
    }
    return err;
}

/* Where the customer agrees on PayPal's page; or a method that was stored; or, as an object, what
 * PayPal's front end has made. */
static void write_source(struct buf *body, const struct order *order)
{
    if (order->method_object) {
        write_value(body, "payment_source", order->method_object);
        return;
    }
    write_open(body, "payment_source", '{');
    if (order->payment_method.len > 0) {
        write_open(body, "token", '{');
        write_text(body, "id", order->payment_method);
        write_text(body, "type", STR("PAYMENT_METHOD_TOKEN"));
    } else {
        write_open(body, "paypal", '{');
        write_open(body, "experience_context", '{');
        write_text(body, "return_url", order->return_url);
        write_text(body, "cancel_url", order->return_url);
        write_text(body, "user_action", STR("PAY_NOW"));
        write_close(body, '}');
    }
    write_close(body, '}');
    write_close(body, '}');
}

static int build_create(const struct order *order, struct json_object *looked, struct call *call,
                        struct hub_error *error)
{
    struct buf *body = &call->body;
    (void)looked;
    if (order->payment_method.len == 0 && !order->method_object && order->return_url.len == 0) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT,
                        "PayPal sends the customer to its own page: return_url is missing");
    }
    call_path(call, "POST", "/v2/checkout/orders", (struct str){0}, "");
    write_open(body, NULL, '{');
    write_text(body, "intent", order->manual_capture ? STR("AUTHORIZE") : STR("CAPTURE"));
    write_open(body, "purchase_units", '[');
    write_open(body, NULL, '{');
    int err = write_amount(body, order, error);
    write_text(body, "custom_id", order->job);
    write_text(body, "invoice_id", order->reference);
    write_text(body, "description", str_utf8_cut(order->description, 127));
    write_text(body, "soft_descriptor", order->statement_descriptor);
    write_close(body, '}');
    write_close(body, ']');
    write_source(body, order);
    write_close(body, '}');
    return err < 0 ? err : 1;
}

static int build_capture(const struct order *order, struct json_object *looked, struct call *call,
                         struct hub_error *error)
{
    struct str authorization = id_of(looked, "authorizations");
    int err = 0;
    if (authorization.len == 0) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT, "this payment holds no authorization");
    }
    call_path(call, "POST", "/v2/payments/authorizations/", authorization, "/capture");
    write_open(&call->body, NULL, '{');
    if (order->has_amount) {
        err = write_amount(&call->body, order, error);
    }
    write_bool(&call->body, "final_capture", order->final);
    write_text(&call->body, "soft_descriptor", order->statement_descriptor);
    write_close(&call->body, '}');
    return err < 0 ? err : 1;
}

static int build_void(const struct order *order, struct json_object *looked, struct call *call,
                      struct hub_error *error)
{
    struct str authorization = id_of(looked, "authorizations");
    (void)order;
    if (authorization.len == 0) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT,
                        "this payment holds no authorization: there is nothing to void");
    }
    call_path(call, "POST", "/v2/payments/authorizations/", authorization, "/void");
    buf_append_c(&call->body, "{}");
    return 1;
}

static int build_refund(const struct order *order, struct json_object *looked, struct call *call,
                        struct hub_error *error)
{
    struct str capture = order->capture.len > 0 ? order->capture : id_of(looked, "captures");
    int err = 0;
    if (capture.len == 0) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT,
                        "this payment was not captured: there is nothing to refund");
    }
    call_path(call, "POST", "/v2/payments/captures/", capture, "/refund");
    write_open(&call->body, NULL, '{');
    if (order->has_amount) {
        err = write_amount(&call->body, order, error);
    }
    write_text(&call->body, "custom_id", order->job);
    write_text(&call->body, "note_to_payer", str_utf8_cut(order->description, 255));
    write_close(&call->body, '}');
    return err < 0 ? err : 1;
}

static int build_get(const struct order *order, struct json_object *looked, struct call *call,
                     struct hub_error *error)
{
    (void)looked;
    (void)error;
    call_path(call, "GET", "/v2/checkout/orders/", order->payment, "");
    call->type = (struct str){0};
    return 1;
}

/* What the customer has agreed to is captured, or authorized, as it was ordered. */
static int build_confirm(const struct order *order, struct json_object *looked, struct call *call,
                         struct hub_error *error)
{
    struct str status = {0}, intent = {0};
    (void)error;
    (void)json_get_str(looked, "status", &status);
    (void)json_get_str(looked, "intent", &intent);
    if (!str_eq(status, STR("APPROVED"))) {
        return 0;
    }
    call_path(call, "POST", "/v2/checkout/orders/", order->payment,
              str_eq(intent, STR("AUTHORIZE")) ? "/authorize" : "/capture");
    buf_append_c(&call->body, "{}");
    return 1;
}

static int build_store(const struct order *order, struct json_object *looked, struct call *call,
                       struct hub_error *error)
{
    (void)looked;
    (void)error;
    call_path(call, "POST", "/v3/vault/payment-tokens", (struct str){0}, "");
    write_open(&call->body, NULL, '{');
    write_open(&call->body, "payment_source", '{');
    write_open(&call->body, "token", '{');
    write_text(&call->body, "id", order->payment_method);
    write_text(&call->body, "type", STR("SETUP_TOKEN"));
    write_close(&call->body, '}');
    write_close(&call->body, '}');
    if (order->customer.len > 0) {
        write_open(&call->body, "customer", '{');
        write_text(&call->body, "id", order->customer);
        write_close(&call->body, '}');
    }
    write_close(&call->body, '}');
    return 1;
}

static int build_unstore(const struct order *order, struct json_object *looked, struct call *call,
                         struct hub_error *error)
{
    (void)looked;
    (void)error;
    call_path(call, "DELETE", "/v3/vault/payment-tokens/", order->payment_method, "");
    call->type = (struct str){0};
    return 1;
}

/* The token that comes before it is the proof; this one shows that it is taken. */
static int build_verify(const struct order *order, struct json_object *looked, struct call *call,
                        struct hub_error *error)
{
    (void)order;
    (void)looked;
    (void)error;
    call_path(call, "GET", "/v1/identity/oauth2/userinfo?schema=paypalv1.1", (struct str){0}, "");
    call->type = (struct str){0};
    return 1;
}

static int look(const struct account *account, const struct order *order, struct call *call,
                struct hub_error *error)
{
    bool needed = order->operation == OP_CAPTURE || order->operation == OP_VOID ||
                  order->operation == OP_CONFIRM ||
                  (order->operation == OP_REFUND && order->capture.len == 0);
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

static bool take_amount(struct json_object *json, struct answer *answer, int64_t *ret_amount)
{
    struct json_object *amount;
    struct str currency, value;
    if (!json_get_object(json, "amount", &amount) ||
        !json_get_str(amount, "currency_code", &currency) ||
        !json_get_str(amount, "value", &value) ||
        !amount_from_decimal(currency, value, ret_amount)) {
        return false;
    }
    answer->currency = currency;
    return true;
}

/* The sum over a list; AMOUNT_UNKNOWN if it is empty or makes no sense. */
static int64_t sum_of(struct json_object *payments, const char *list, struct answer *answer,
                      const struct status_word *words)
{
    struct json_object *array;
    struct str status;
    int64_t sum = 0, one;
    if (!json_get_array(payments, list, &array) || json_object_array_length(array) == 0) {
        return AMOUNT_UNKNOWN;
    }
    for (size_t i = 0; i < json_object_array_length(array); i++) {
        struct json_object *item = json_object_array_get_idx(array, i);
        bool counts =
            json_get_str(item, "status", &status) && status_of(words, status) == STATUS_SUCCEEDED;
        if (counts &&
            (!take_amount(item, answer, &one) || __builtin_add_overflow(sum, one, &sum))) {
            return AMOUNT_UNKNOWN;
        }
    }
    return sum;
}

static void read_decline(struct json_object *capture, struct answer *answer)
{
    struct json_object *processor, *details;
    if (json_get_object(capture, "processor_response", &processor)) {
        (void)json_get_str(processor, "response_code", &answer->gateway_code);
    } else if (json_get_object(capture, "status_details", &details)) {
        (void)json_get_str(details, "reason", &answer->gateway_code);
    }
    answer->decline = decline_of(DECLINE_WORDS, answer->gateway_code);
}

/* A capture or a refund; of a capture that PayPal declined, why. */
static void read_part(struct json_object *json, enum answer_id id, struct answer *answer)
{
    struct str status = {0};
    (void)json_get_str(json, "status", &status);
    (void)json_get_str(json, "id", &answer->ids[id]);
    answer->status = status_of(CAPTURE_WORDS, status);
    (void)take_amount(json, answer, id == ID_CAPTURE ? &answer->captured : &answer->refunded);
    if (answer->status == STATUS_FAILED) {
        read_decline(json, answer);
    }
}

static void read_authorization(struct json_object *json, struct answer *answer)
{
    struct str status = {0};
    (void)json_get_str(json, "status", &status);
    (void)json_get_str(json, "id", &answer->ids[ID_AUTHORIZATION]);
    answer->status = status_of(AUTHORIZATION_WORDS, status);
    (void)take_amount(json, answer, &answer->authorized);
    if (answer->status == STATUS_FAILED) {
        read_decline(json, answer);
    }
}

static void read_links(struct json_object *json, struct answer *answer)
{
    struct json_object *links;
    struct str rel;
    if (!json_get_array(json, "links", &links)) {
        return;
    }
    for (size_t i = 0; i < json_object_array_length(links); i++) {
        struct json_object *link = json_object_array_get_idx(links, i);
        if (json_get_str(link, "rel", &rel) &&
            (str_eq(rel, STR("payer-action")) || str_eq(rel, STR("approve"))) &&
            json_get_str(link, "href", &answer->next_value)) {
            answer->next = NEXT_REDIRECT;
        }
    }
}

static void read_order(struct json_object *json, struct answer *answer)
{
    struct json_object *units, *payments = NULL, *last;
    struct str status = {0};
    (void)json_get_str(json, "status", &status);
    answer->status = status_of(ORDER_WORDS, status);
    if (json_get_array(json, "purchase_units", &units) && json_object_array_length(units) > 0) {
        (void)take_amount(json_object_array_get_idx(units, 0), answer, &answer->requested);
    }
    if (get_payments(json, &payments)) {
        if ((last = last_of(payments, "authorizations")) != NULL) {
            read_authorization(last, answer);
        }
        if ((last = last_of(payments, "captures")) != NULL) {
            enum status before = answer->status;
            read_part(last, ID_CAPTURE, answer);
            bool more_to_come = before == STATUS_AUTHORIZED;
            answer->status = more_to_come ? before : answer->status;
        }
        (void)json_get_str(last_of(payments, "refunds"), "id", &answer->ids[ID_REFUND]);
        answer->captured = sum_of(payments, "captures", answer, CAPTURE_WORDS);
        answer->refunded = sum_of(payments, "refunds", answer, CAPTURE_WORDS);
    }
    (void)json_get_str(json, "id", &answer->ids[ID_PAYMENT]);
    if (str_eq(status, STR("APPROVED"))) {
        answer->next = NEXT_CONFIRM;
    } else if (answer->status == STATUS_REQUIRES_INPUT ||
               answer->status == STATUS_REQUIRES_ACTION) {
        read_links(json, answer);
    }
}

static void read_answer(const struct order *order, struct json_object *json, struct answer *answer)
{
    struct json_object *customer;
    switch (order->operation) {
    case OP_CAPTURE:
        read_part(json, ID_CAPTURE, answer);
        answer->ids[ID_PAYMENT] = order->payment;
        break;
    case OP_REFUND:
        read_part(json, ID_REFUND, answer);
        answer->ids[ID_PAYMENT] = order->payment;
        break;
    case OP_VOID: /* 204, or the authorization */
        answer->status = STATUS_CANCELED;
        answer->ids[ID_PAYMENT] = order->payment;
        (void)json_get_str(json, "id", &answer->ids[ID_AUTHORIZATION]);
        break;
    case OP_STORE:
        (void)json_get_str(json, "id", &answer->ids[ID_PAYMENT_METHOD]);
        if (json_get_object(json, "customer", &customer)) {
            (void)json_get_str(customer, "id", &answer->ids[ID_CUSTOMER]);
        }
        answer->status = STATUS_SUCCEEDED;
        break;
    case OP_UNSTORE:
        answer->ids[ID_PAYMENT_METHOD] = order->payment_method;
        answer->status = STATUS_SUCCEEDED;
        break;
    case OP_VERIFY_ACCOUNT:
        answer->status = STATUS_SUCCEEDED;
        break;
    default:
        read_order(json, answer);
    }
}

/* The first detail's issue says more than the name. */
static struct str error_code(struct json_object *json)
{
    struct json_object *details;
    struct str code = {0};
    (void)json_get_str(json, "name", &code);
    if (json_get_array(json, "details", &details) && json_object_array_length(details) > 0) {
        (void)json_get_str(json_object_array_get_idx(details, 0), "issue", &code);
    }
    return code;
}

static bool is_decline(struct str code)
{
    for (const struct decline_word *word = DECLINE_WORDS; word->word; word++) {
        if (str_eq(code, str_from_c(word->word))) {
            return true;
        }
    }
    return false;
}

static void refuse(const struct order *order, struct json_object *json, struct answer *answer)
{
    struct json_object *details;
    (void)order;
    answer->gateway_code = error_code(json);
    (void)json_get_str(json, "message", &answer->message);
    if (json_get_array(json, "details", &details) && json_object_array_length(details) > 0) {
        (void)json_get_str(json_object_array_get_idx(details, 0), "description", &answer->message);
    }
    answer->status = STATUS_FAILED;
    answer->decline =
        is_decline(answer->gateway_code) ? decline_of(DECLINE_WORDS, answer->gateway_code) : NULL;
}

/* --- What became of a job ----------------------------------------------------------------------*/

/* Orders cannot be searched; but what was to happen to one shows in it. */
static int find(const struct account *account, const struct order *order, struct call *call,
                struct hub_error *error)
{
    (void)account;
    if (order->payment.len == 0) {
        return hub_fail(error, HUB_ERR_NOT_IMPLEMENTED,
                        "PayPal cannot be asked by the job: give the payment's id");
    }
    return build_get(order, NULL, call, error);
}

static bool is_of_job(struct json_object *json, struct str job)
{
    struct json_object *units;
    struct str custom = {0};
    return json_get_array(json, "purchase_units", &units) && json_object_array_length(units) > 0 &&
           json_get_str(json_object_array_get_idx(units, 0), "custom_id", &custom) &&
           str_eq(custom, job);
}

static bool found(const struct order *order, struct json_object *json, struct answer *answer)
{
    struct json_object *payments, *list;
    struct str job;
    read_order(json, answer);
    switch (order->operation) {
    case OP_CAPTURE:
        return answer->ids[ID_CAPTURE].len > 0 && order->final &&
               answer->status == STATUS_SUCCEEDED;
    case OP_VOID:
        return answer->status == STATUS_CANCELED;
    case OP_CONFIRM:
        return answer->status == STATUS_SUCCEEDED || answer->status == STATUS_AUTHORIZED;
    case OP_REFUND:
        break;
    default:
        return is_of_job(json, order->job);
    }
    if (!get_payments(json, &payments) || !json_get_array(payments, "refunds", &list)) {
        return false;
    }
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *one = json_object_array_get_idx(list, i);
        if (json_get_str(one, "custom_id", &job) && str_eq(job, order->job)) {
            answer_init(answer);
            read_part(one, ID_REFUND, answer);
            answer->ids[ID_PAYMENT] = order->payment;
            return true;
        }
    }
    return false;
}

/* --- Webhooks: https://developer.paypal.com/api/rest/webhooks/rest/ ----------------------------*/

static uint32_t crc32_of(struct str bytes)
{
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < bytes.len; i++) {
        crc ^= (unsigned char)bytes.ptr[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
        }
    }
    return ~crc;
}

static struct str header(const struct hook *hook, const char *name)
{
    return hook->header(hook->context, str_from_c(name));
}

/* A certificate counts only if it comes from PayPal's own host: anybody can sign with some. */
static bool certificate_url_is_theirs(const struct account *account, struct str url)
{
    struct str host = account->test ? STR("https://api.sandbox.paypal.com/v1/notifications/certs/")
                                    : STR("https://api.paypal.com/v1/notifications/certs/");
    return str_starts_with(url, host) && url.len <= 512 && !memchr(url.ptr, '?', url.len) &&
           !memchr(url.ptr, '#', url.len) && !memmem(url.ptr, url.len, "..", 2);
}

static bool signature_is_right(const struct account *account, const struct hook *hook,
                               struct str signature)
{
    struct buf data, raw;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    BIO *bio = BIO_new_mem_buf(hook->certificate.ptr, (int)hook->certificate.len);
    X509 *certificate = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    EVP_PKEY *key = certificate ? X509_get0_pubkey(certificate) : NULL;
    time_t now = (time_t)(hook->now_ms / 1000);
    buf_init(&data, 4096);
    buf_init(&raw, 4096);
    buf_append_format(&data, "%.*s|%.*s|%.*s|%u", STR_ARG(header(hook, "paypal-transmission-id")),
                      STR_ARG(header(hook, "paypal-transmission-time")),
                      STR_ARG(account->webhook_id), (unsigned)crc32_of(hook->body));
    bool right = context && key && EVP_PKEY_base_id(key) == EVP_PKEY_RSA &&
                 X509_cmp_time(X509_get0_notBefore(certificate), &now) < 0 &&
                 X509_cmp_time(X509_get0_notAfter(certificate), &now) > 0 && !buf_failed(&data) &&
                 base64_decode(signature, &raw) == 0 &&
                 EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
                 EVP_DigestVerify(context, (unsigned char *)raw.ptr, raw.len,
                                  (unsigned char *)data.ptr, data.len) == 1;
    EVP_MD_CTX_free(context);
    X509_free(certificate);
    BIO_free(bio);
    buf_release(&data);
    buf_release(&raw);
    return right;
}

/* resource_type: what `resource` is. */
static void read_event(struct json_object *resource, struct str kind, struct hook_events *events,
                       struct hook_event *event)
{
    struct json_object *supplementary, *related;
    struct answer answer;
    answer_init(&answer);
    if (str_eq(kind, STR("capture"))) {
        read_part(resource, ID_CAPTURE, &answer);
        event->related = answer.ids[ID_CAPTURE];
        event->amount = answer.captured;
    } else if (str_eq(kind, STR("refund"))) {
        read_part(resource, ID_REFUND, &answer);
        event->related = answer.ids[ID_REFUND];
        event->amount = answer.refunded;
    } else if (str_eq(kind, STR("authorization"))) {
        read_authorization(resource, &answer);
        event->related = answer.ids[ID_AUTHORIZATION];
        event->amount = answer.authorized;
    } else {
        read_order(resource, &answer);
        event->payment = answer.ids[ID_PAYMENT];
        event->amount = answer.requested;
    }
    event->status = answer.status;
    event->currency = answer.currency;
    (void)json_get_str(resource, "custom_id", &event->job);
    (void)json_get_str(resource, "invoice_id", &event->reference);
    if (json_get_object(resource, "supplementary_data", &supplementary) &&
        json_get_object(supplementary, "related_ids", &related)) {
        (void)json_get_str(related, "order_id", &event->payment);
    }
    (void)events;
}

static int check_signature(const struct account *account, const struct hook *hook,
                           struct hook_events *events, struct hub_error *error)
{
    struct str url = header(hook, "paypal-cert-url");
    struct str signature = header(hook, "paypal-transmission-sig");
    int64_t sent_ms;
    if (account->webhook_id.len == 0 || signature.len == 0 ||
        !str_eq(header(hook, "paypal-auth-algo"), STR("SHA256withRSA")) ||
        !clock_parse(header(hook, "paypal-transmission-time"), &sent_ms)) {
        return hub_fail(error, HUB_ERR_UNAUTHORIZED, "there is no signature, or no webhook_id");
    }
    if (!certificate_url_is_theirs(account, url)) {
        return hub_fail(error, HUB_ERR_UNAUTHORIZED, "the certificate is not PayPal's own");
    }
    /* PayPal repeats for three days with the first transmission's time: deduplication is what stops
     * a replay, and this only bounds how long ids must be remembered. */
    if (sent_ms > hook->now_ms + HOOK_TOLERANCE_MS || sent_ms < hook->now_ms - 4 * 24 * HOUR_MS) {
        return hub_fail(error, HUB_ERR_UNAUTHORIZED, "the signature is too old or too new");
    }
    if (hook->certificate.len == 0) {
        events->fetch = url;
        return HUB_ERR_AGAIN;
    }
    return signature_is_right(account, hook, signature)
               ? 0
               : hub_fail(error, HUB_ERR_UNAUTHORIZED, "the signature is wrong");
}

static int verify(const struct account *account, const struct hook *hook,
                  struct hook_events *events, struct hub_error *error)
{
    struct json_object *resource;
    struct str kind = {0}, created = {0};
    int err = check_signature(account, hook, events, error);
    if (err == 0) {
        err = json_read(hook->body, JSON_DEPTH_MAX, &events->json, NULL, error);
    }
    if (err < 0) {
        return err;
    }
    (void)json_get_str(events->json, "resource_type", &kind);
    if (!json_get_object(events->json, "resource", &resource)) {
        return hub_fail(error, HUB_ERR_INVALID_JSON, "this is not an event of PayPal");
    }
    if (!str_eq(kind, STR("capture")) && !str_eq(kind, STR("refund")) &&
        !str_eq(kind, STR("authorization")) && !str_eq(kind, STR("checkout-order"))) {
        return 0;
    }
    struct hook_event *event = hook_events_add(events);
    (void)json_get_str(events->json, "id", &event->id);
    (void)json_get_str(events->json, "event_type", &event->type);
    if (json_get_str(events->json, "create_time", &created)) {
        (void)clock_parse(created, &event->order_at);
    }
    read_event(resource, kind, events, event);
    return 0;
}

const struct gateway PAYPAL = {
    .name = "paypal",
    .key_header = "PayPal-Request-Id",
    .key_horizon_ms = 5 * HOUR_MS,
    .headers = HEADERS,
    .rules = RULES,
    .takes_token = true,
    .auth_header = "Authorization",
    .base_url = base_url,
    .authenticate = authenticate,
    .look = look,
    .build = build,
    .read = read_answer,
    .error_code = error_code,
    .refuse = refuse,
    .find = find,
    .found = found,
    .verify = verify,
};
