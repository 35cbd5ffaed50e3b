/*
 * stripe.c — Stripe, PaymentIntents: https://docs.stripe.com/api/payment_intents
 *
 * Idempotency: https://docs.stripe.com/api/idempotent_requests. Keys are remembered for at least 24
 * hours; a 500 is remembered too, so that its repetition gives the same 500 and only a look at the
 * payment tells. 409 is answered while the first request of the key is still under way.
 */
#include "gateway_parts.h"
#include "hook.h"
#include "write.h"

#include <string.h>

#define HOUR_MS INT64_C(3600000)

static const struct status_word STATUS_WORDS[] = {
    {"requires_payment_method", STATUS_REQUIRES_INPUT},
    {"requires_confirmation", STATUS_REQUIRES_INPUT},
    {"requires_action", STATUS_REQUIRES_ACTION},
    {"processing", STATUS_PROCESSING},
    {"requires_capture", STATUS_AUTHORIZED},
    {"succeeded", STATUS_SUCCEEDED},
    {"canceled", STATUS_CANCELED},
    /* of refunds */
    {"pending", STATUS_PROCESSING},
    {"failed", STATUS_FAILED},
    {NULL, STATUS_PROCESSING},
};

/* https://docs.stripe.com/declines/codes, and error codes that are declines. */
static const struct decline_word DECLINE_WORDS[] = {
    {"generic_decline", DECLINE_DECLINED},
    {"do_not_honor", DECLINE_DECLINED},
    {"call_issuer", DECLINE_DECLINED},
    {"no_action_taken", DECLINE_DECLINED},
    {"card_declined", DECLINE_DECLINED},
    {"insufficient_funds", DECLINE_INSUFFICIENT_FUNDS},
    {"card_velocity_exceeded", DECLINE_LIMIT_EXCEEDED},
    {"withdrawal_count_limit_exceeded", DECLINE_LIMIT_EXCEEDED},
    {"approve_with_id", DECLINE_PROCESSING_ERROR},
    {"try_again_later", DECLINE_PROCESSING_ERROR},
    {"processing_error", DECLINE_PROCESSING_ERROR},
    {"reenter_transaction", DECLINE_PROCESSING_ERROR},
    {"issuer_not_available", DECLINE_ISSUER_UNAVAILABLE},
    {"expired_card", DECLINE_EXPIRED},
    {"invalid_expiry_month", DECLINE_INVALID_METHOD},
    {"invalid_expiry_year", DECLINE_INVALID_METHOD},
    {"invalid_account", DECLINE_INVALID_METHOD},
    {"invalid_amount", DECLINE_LIMIT_EXCEEDED},
    {"invalid_number", DECLINE_INVALID_METHOD},
    {"incorrect_number", DECLINE_INVALID_METHOD},
    {"new_account_information_available", DECLINE_INVALID_METHOD},
    {"incorrect_cvc", DECLINE_INVALID_CVC},
    {"invalid_cvc", DECLINE_INVALID_CVC},
    {"incorrect_pin", DECLINE_INVALID_PIN},
    {"invalid_pin", DECLINE_INVALID_PIN},
    {"offline_pin_required", DECLINE_INVALID_PIN},
    {"online_or_offline_pin_required", DECLINE_INVALID_PIN},
    {"pin_try_exceeded", DECLINE_INVALID_PIN},
    {"incorrect_zip", DECLINE_INVALID_ADDRESS},
    {"incorrect_address", DECLINE_INVALID_ADDRESS},
    {"card_not_supported", DECLINE_NOT_SUPPORTED},
    {"currency_not_supported", DECLINE_NOT_SUPPORTED},
    {"not_permitted", DECLINE_NOT_PERMITTED},
    {"service_not_allowed", DECLINE_NOT_PERMITTED},
    {"transaction_not_allowed", DECLINE_NOT_PERMITTED},
    {"restricted_card", DECLINE_NOT_PERMITTED},
    {"testmode_decline", DECLINE_INVALID_METHOD},
    {"live_mode_test_card", DECLINE_INVALID_METHOD},
    {"authentication_required", DECLINE_AUTHENTICATION_REQUIRED},
    {"authentication_not_handled", DECLINE_AUTHENTICATION_REQUIRED},
    {"mobile_device_authentication_required", DECLINE_AUTHENTICATION_REQUIRED},
    {"payment_intent_authentication_failure", DECLINE_AUTHENTICATION_FAILED},
    {"lost_card", DECLINE_LOST_OR_STOLEN},
    {"stolen_card", DECLINE_LOST_OR_STOLEN},
    {"pickup_card", DECLINE_LOST_OR_STOLEN},
    {"fraudulent", DECLINE_FRAUD},
    {"merchant_blacklist", DECLINE_BLOCKED},
    {"security_violation", DECLINE_BLOCKED},
    {"revocation_of_authorization", DECLINE_REVOKED},
    {"revocation_of_all_authorizations", DECLINE_REVOKED},
    {"stop_payment_order", DECLINE_REVOKED},
    {"duplicate_transaction", DECLINE_DUPLICATE},
    {NULL, DECLINE_DECLINED},
};

static const struct verdict_rule RULES[] = {
    {400, "idempotency_key_in_use", VERDICT_DOUBT},
    {400, "lock_timeout", VERDICT_NOT_TAKEN},
    {409, "lock_timeout", VERDICT_NOT_TAKEN},
    {429, "lock_timeout", VERDICT_NOT_TAKEN},
    {0, NULL, VERDICT_TAKEN},
};

static const char *const HEADERS[] = {"Stripe-Version", "2024-06-20", NULL};

static int base_url(const struct account *account, struct buf *url, struct hub_error *error)
{
    struct str key = account->api_key;
    bool test = str_starts_with(key, STR("sk_test_")) || str_starts_with(key, STR("rk_test_"));
    bool live = str_starts_with(key, STR("sk_live_")) || str_starts_with(key, STR("rk_live_"));
    int own = account_own_url(account, url, error);
    if (own < 0) {
        return own;
    }
    if (!(account->test ? test : live)) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT,
                        "the account says test: %s, so its api_key must begin with %s",
                        account->test ? "true" : "false",
                        account->test ? "sk_test_ or rk_test_" : "sk_live_ or rk_live_");
    }
    if (!own) {
        buf_append_c(url, "https://api.stripe.com");
    }
    return 0;
}

/* --- Requests ----------------------------------------------------------------------------------*/

static int add_amount(const struct order *order, struct call *call, const char *name,
                      struct hub_error *error)
{
    int64_t units;
    if (!order->has_amount) {
        return 0;
    }
    int err = amount_to(DIGITS_STRIPE, order->currency, order->amount, &units, error);
    if (err == 0) {
        form_number(&call->body, name, units);
    }
    return err;
}

static void add_currency(const struct order *order, struct call *call)
{
    char lower[3] = {0};
    for (size_t i = 0; i < sizeof lower && i < order->currency.len; i++) {
        lower[i] = (char)(order->currency.ptr[i] | 0x20);
    }
    form_text(&call->body, "currency", str_of(lower, sizeof lower));
}

/* By which find() and webhooks know whose it is. */
static void add_metadata(const struct order *order, struct call *call)
{
    form_text(&call->body, "metadata[hub_job]", order->job);
    form_text(&call->body, "metadata[reference]", order->reference);
    form_fields(&call->body, "metadata", order->metadata);
}

static int build_create(const struct order *order, struct call *call, struct hub_error *error)
{
    static const char *const THREE_DS[] = {NULL, "any", NULL};
    const char *three_ds = THREE_DS[order->three_ds];
    call_path(call, "POST", "/v1/payment_intents", (struct str){0}, "");
    int err = add_amount(order, call, "amount", error);
    add_currency(order, call);
    form_text(&call->body, "capture_method",
              order->manual_capture ? STR("manual") : STR("automatic"));
    form_text(&call->body, "confirm", STR("true"));
    form_text(&call->body, "payment_method", order->payment_method);
    form_text(&call->body, "customer", order->customer);
    form_text(&call->body, "description", order->description);
    form_text(&call->body, "statement_descriptor_suffix", order->statement_descriptor);
    if (order->return_url.len > 0) {
        form_text(&call->body, "return_url", order->return_url);
        form_text(&call->body, "automatic_payment_methods[enabled]", STR("true"));
    } else {
        form_text(&call->body, "automatic_payment_methods[enabled]", STR("true"));
        form_text(&call->body, "automatic_payment_methods[allow_redirects]", STR("never"));
    }
    form_text(&call->body, "off_session", order->off_session ? STR("true") : (struct str){0});
    form_text(&call->body, "payment_method_options[card][request_three_d_secure]",
              str_from_c(three_ds));
    form_text(&call->body, "receipt_email", text_of(order->billing, "email"));
    add_metadata(order, call);
    form_text(&call->body, "expand[0]", STR("latest_charge"));
    return err < 0 ? err : 1;
}

static int build_capture(const struct order *order, struct call *call, struct hub_error *error)
{
    call_path(call, "POST", "/v1/payment_intents/", order->payment, "/capture");
    int err = add_amount(order, call, "amount_to_capture", error);
    form_text(&call->body, "final_capture", order->final ? (struct str){0} : STR("false"));
    form_text(&call->body, "expand[0]", STR("latest_charge"));
    return err < 0 ? err : 1;
}

static int build_void(const struct order *order, struct call *call, struct hub_error *error)
{
    (void)error;
    call_path(call, "POST", "/v1/payment_intents/", order->payment, "/cancel");
    form_text(&call->body, "expand[0]", STR("latest_charge"));
    return 1;
}

static int build_refund(const struct order *order, struct call *call, struct hub_error *error)
{
    call_path(call, "POST", "/v1/refunds", (struct str){0}, "");
    form_text(&call->body, "payment_intent", order->payment);
    int err = add_amount(order, call, "amount", error);
    add_metadata(order, call);
    return err < 0 ? err : 1;
}

static int build_get(const struct order *order, struct call *call, struct hub_error *error)
{
    (void)error;
    call_path(call, "GET", "/v1/payment_intents/", order->payment, "?expand%5B0%5D=latest_charge");
    return 1;
}

static int build_store(const struct order *order, struct call *call, struct hub_error *error)
{
    if (order->customer.len == 0) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT,
                        "Stripe stores a payment method for a customer: name one (cus_…)");
    }
    call_path(call, "POST", "/v1/setup_intents", (struct str){0}, "");
    form_text(&call->body, "payment_method", order->payment_method);
    form_text(&call->body, "customer", order->customer);
    form_text(&call->body, "confirm", STR("true"));
    form_text(&call->body, "usage", STR("off_session"));
    form_text(&call->body, "return_url", order->return_url);
    form_text(&call->body, "automatic_payment_methods[enabled]", STR("true"));
    if (order->return_url.len == 0) {
        form_text(&call->body, "automatic_payment_methods[allow_redirects]", STR("never"));
    }
    add_metadata(order, call);
    return 1;
}

static int build_unstore(const struct order *order, struct call *call, struct hub_error *error)
{
    (void)error;
    call_path(call, "POST", "/v1/payment_methods/", order->payment_method, "/detach");
    return 1;
}

static int build_verify(const struct order *order, struct call *call, struct hub_error *error)
{
    (void)order;
    (void)error;
    call_path(call, "GET", "/v1/balance", (struct str){0}, "");
    return 1;
}

static int build_confirm(const struct order *order, struct call *call, struct hub_error *error)
{
    (void)error;
    call_path(call, "POST", "/v1/payment_intents/", order->payment, "/confirm");
    form_text(&call->body, "payment_method", order->payment_method);
    form_text(&call->body, "return_url", order->return_url);
    form_text(&call->body, "expand[0]", STR("latest_charge"));
    return 1;
}

static int look(const struct account *account, const struct order *order, struct call *call,
                struct hub_error *error)
{
    (void)account;
    return order->operation == OP_CONFIRM ? build_get(order, call, error) : 0;
}

static int build(const struct account *account, const struct order *order,
                 struct json_object *found, struct call *call, struct hub_error *error)
{
    static int (*const BUILD[OP_COUNT])(const struct order *, struct call *, struct hub_error *) = {
        [OP_AUTHORIZE] = build_create, [OP_PURCHASE] = build_create,
        [OP_CAPTURE] = build_capture,  [OP_VOID] = build_void,
        [OP_REFUND] = build_refund,    [OP_CONFIRM] = build_confirm,
        [OP_GET] = build_get,          [OP_STORE] = build_store,
        [OP_UNSTORE] = build_unstore,  [OP_VERIFY_ACCOUNT] = build_verify,
    };
    struct str status = {0};
    (void)account;
    /* After the customer has come back Stripe goes on by itself. */
    if (found && json_get_str(found, "status", &status) &&
        !str_eq(status, STR("requires_confirmation")) &&
        !str_eq(status, STR("requires_payment_method"))) {
        return 0;
    }
    call->type = STR("application/x-www-form-urlencoded");
    return BUILD[order->operation](order, call, error);
}

/* --- Answers -----------------------------------------------------------------------------------*/

static void take_amount(struct json_object *json, const char *name, struct str currency,
                        int64_t *ret_amount)
{
    int64_t units;
    if (json_get_i64(json, name, &units)) {
        (void)amount_from(DIGITS_STRIPE, currency, units, ret_amount);
    }
}

static void read_next_action(struct json_object *intent, struct answer *answer)
{
    struct json_object *next, *detail;
    if (!json_get_object(intent, "next_action", &next)) {
        return;
    }
    answer->next = NEXT_WAIT;
    if (json_get_object(next, "redirect_to_url", &detail) &&
        json_get_str(detail, "url", &answer->next_value)) {
        answer->next = NEXT_REDIRECT;
    } else if (json_get_object(next, "wechat_pay_display_qr_code", &detail) &&
               json_get_str(detail, "data", &answer->next_value)) {
        answer->next = NEXT_QR;
    } else if (json_get_object(next, "pix_display_qr_code", &detail) &&
               json_get_str(detail, "data", &answer->next_value)) {
        answer->next = NEXT_QR;
    }
}

static void read_decline(struct json_object *error, struct answer *answer)
{
    struct str code = {0};
    (void)json_get_str(error, "message", &answer->message);
    if (json_get_str(error, "code", &code)) {
        answer->gateway_code = code;
    }
    (void)json_get_str(error, "decline_code", &answer->gateway_code);
    answer->decline = decline_of(DECLINE_WORDS, answer->gateway_code);
}

/* A charge, in full or as its id. */
static void read_charge(struct json_object *intent, struct str currency, struct answer *answer)
{
    struct json_object *charge;
    if (json_get_object(intent, "latest_charge", &charge)) {
        (void)json_get_str(charge, "id", &answer->ids[ID_CHARGE]);
        take_amount(charge, "amount_refunded", currency, &answer->refunded);
    } else {
        (void)json_get_str(intent, "latest_charge", &answer->ids[ID_CHARGE]);
    }
}

static void read_intent(struct json_object *json, struct answer *answer)
{
    struct str currency = text_of(json, "currency");
    struct json_object *error;
    (void)json_get_str(json, "id", &answer->ids[ID_PAYMENT]);
    (void)json_get_str(json, "customer", &answer->ids[ID_CUSTOMER]);
    (void)json_get_str(json, "payment_method", &answer->ids[ID_PAYMENT_METHOD]);
    answer->status = status_in(json, STATUS_WORDS);
    answer->currency = currency;
    take_amount(json, "amount", currency, &answer->requested);
    take_amount(json, "amount_capturable", currency, &answer->authorized);
    take_amount(json, "amount_received", currency, &answer->captured);
    if (answer->status == STATUS_SUCCEEDED) {
        answer->authorized = answer->requested;
    }
    read_charge(json, currency, answer);
    read_next_action(json, answer);
    if (answer->status == STATUS_REQUIRES_INPUT &&
        json_get_object(json, "last_payment_error", &error)) {
        answer->status = STATUS_FAILED;
        read_decline(error, answer);
    }
}

static void read_refund(struct json_object *json, struct answer *answer)
{
    struct str currency = text_of(json, "currency");
    (void)json_get_str(json, "id", &answer->ids[ID_REFUND]);
    (void)json_get_str(json, "payment_intent", &answer->ids[ID_PAYMENT]);
    (void)json_get_str(json, "charge", &answer->ids[ID_CHARGE]);
    answer->status = status_in(json, STATUS_WORDS);
    answer->currency = currency;
    take_amount(json, "amount", currency, &answer->refunded);
}

static void read_setup(struct json_object *json, struct answer *answer)
{
    read_intent(json, answer);
    answer->ids[ID_PAYMENT] = (struct str){0};
}

static void read_answer(const struct order *order, struct json_object *json, struct answer *answer)
{
    switch (order->operation) {
    case OP_REFUND:
        read_refund(json, answer);
        break;
    case OP_STORE:
        read_setup(json, answer);
        break;
    case OP_UNSTORE:
        (void)json_get_str(json, "id", &answer->ids[ID_PAYMENT_METHOD]);
        answer->status = STATUS_SUCCEEDED;
        break;
    case OP_VERIFY_ACCOUNT:
        answer->status = STATUS_SUCCEEDED;
        break;
    default:
        read_intent(json, answer);
    }
}

static struct str error_code(struct json_object *json)
{
    struct json_object *error;
    return json_get_object(json, "error", &error) ? text_of(error, "code") : (struct str){0};
}

static void refuse(const struct order *order, struct json_object *json, struct answer *answer)
{
    struct json_object *error, *intent;
    (void)order;
    if (!json_get_object(json, "error", &error)) {
        return;
    }
    if (json_get_object(error, "payment_intent", &intent)) {
        read_intent(intent, answer);
    }
    read_decline(error, answer);
    if (!str_eq(text_of(error, "type"), STR("card_error"))) {
        answer->decline = NULL;
    }
    answer->status = STATUS_FAILED;
}

/* --- What became of a job ----------------------------------------------------------------------*/

/* Captures and voids leave no trace but the payment's own state, refunds are listed with it, and
 * what a job has made carries the job's id. */
static int find(const struct account *account, const struct order *order, struct call *call,
                struct hub_error *error)
{
    (void)account;
    switch (order->operation) {
    case OP_CAPTURE:
    case OP_VOID:
    case OP_CONFIRM:
        return build_get(order, call, error);
    case OP_REFUND:
        call_path(call, "GET", "/v1/refunds?limit=100&payment_intent=", order->payment, "");
        return 1;
    default:
        call_path(call, "GET",
                  "/v1/payment_intents/search?expand%5B0%5D=data.latest_charge&query="
                  "metadata%5B%27hub_job%27%5D%3A%27",
                  order->job, "%27");
        return 1;
    }
}

static bool found_in_state(const struct order *order, struct json_object *json,
                           struct answer *answer)
{
    read_intent(json, answer);
    return order->operation == OP_VOID
               ? answer->status == STATUS_CANCELED
               : answer->status == STATUS_SUCCEEDED ||
                     (order->operation == OP_CONFIRM && answer->status == STATUS_AUTHORIZED);
}

static bool found(const struct order *order, struct json_object *json, struct answer *answer)
{
    struct json_object *list, *ours;
    if (order->operation == OP_CAPTURE || order->operation == OP_VOID ||
        order->operation == OP_CONFIRM) {
        return found_in_state(order, json, answer);
    }
    if (!json_get_array(json, "data", &list) || !(ours = find_of_job(list, order->job))) {
        return false;
    }
    (order->operation == OP_REFUND ? read_refund : read_intent)(ours, answer);
    return true;
}

/* --- What there is: https://docs.stripe.com/api/payment_intents/list
 * ----------------------------*/

static int list(const struct list_range *range, struct call *call, struct hub_error *error)
{
    (void)error;
    call_path(call, "GET", "/v1/payment_intents?limit=100", (struct str){0}, "");
    buf_append_format(&call->path, "&created%%5Bgte%%5D=%lld&created%%5Blt%%5D=%lld",
                      (long long)(range->from / 1000), (long long)((range->to + 999) / 1000));
    if (range->cursor.len > 0) {
        call_path(call, "GET", "&starting_after=", range->cursor, "");
    }
    return 1;
}

static bool listed(struct json_object *json, const struct list_range *range, struct list_page *page)
{
    bool more = false;
    size_t count;
    (void)range;
    if (!json_get_array(json, "data", &page->array)) {
        return false;
    }
    (void)json_get_bool(json, "has_more", &more);
    count = json_object_array_length(page->array);
    if (more && count > 0) {
        page->next = text_of(json_object_array_get_idx(page->array, count - 1), "id");
    }
    return true;
}

static bool entry(struct json_object *json, struct list_entry *ret_entry)
{
    struct json_object *metadata;
    int64_t created = 0;
    read_intent(json, &ret_entry->answer);
    (void)json_get_i64(json, "created", &created);
    ret_entry->created_at = created * 1000;
    if (json_get_object(json, "metadata", &metadata)) {
        ret_entry->job = text_of(metadata, "hub_job");
    }
    return true;
}

/* --- Webhooks: https://docs.stripe.com/webhooks/signature --------------------------------------*/

/* "t=1492774577,v1=5257a8…,v1=…,v0=…": one v1 by one of our secrets must be right. */
static bool signature_is_right(const struct account *account, const struct hook *hook,
                               int64_t *ret_signed_ms)
{
    struct str header = hook->header(hook->context, STR("stripe-signature"));
    struct str rest = header, time = {0};
    struct buf data;
    uint64_t seconds;
    bool right = false;
    while (rest.len > 0) {
        struct str value = str_split(&rest, ',');
        struct str name = str_trim(str_split(&value, '='));
        time = str_eq(name, STR("t")) ? value : time;
    }
    if (!str_to_u64(time, INT64_MAX / 1000, &seconds)) {
        return false;
    }
    *ret_signed_ms = (int64_t)seconds * 1000;
    buf_init(&data, BUF_NO_LIMIT);
    buf_append_str(&data, time);
    buf_append_char(&data, '.');
    buf_append_str(&data, hook->body);
    for (rest = header; rest.len > 0 && !buf_failed(&data);) {
        struct str value = str_split(&rest, ',');
        struct str name = str_trim(str_split(&value, '='));
        for (unsigned i = 0; i < account->webhook_secret_count; i++) {
            right |= str_eq(name, STR("v1")) &&
                     hook_mac_is_hex(account->webhook_secrets[i], buf_view(&data), value);
        }
    }
    buf_release(&data);
    return right;
}

static bool is_recent(int64_t signed_ms, int64_t now_ms)
{
    return signed_ms >= now_ms - HOOK_TOLERANCE_MS && signed_ms <= now_ms + HOOK_TOLERANCE_MS;
}

/* The object may be a payment intent, a refund, a charge or something else altogether. */
static void read_event(struct json_object *object, struct hook_event *event)
{
    struct answer answer;
    struct json_object *metadata;
    answer_init(&answer);
    if (str_eq(text_of(object, "object"), STR("payment_intent"))) {
        read_intent(object, &answer);
        event->amount = answer.requested;
    } else {
        read_refund(object, &answer);
        event->related = answer.ids[ID_REFUND];
        event->amount = answer.refunded;
    }
    event->payment = answer.ids[ID_PAYMENT];
    event->status = answer.status;
    event->currency = answer.currency;
    if (json_get_object(object, "metadata", &metadata)) {
        (void)json_get_str(metadata, "hub_job", &event->job);
        (void)json_get_str(metadata, "reference", &event->reference);
    }
}

static int verify(const struct account *account, const struct hook *hook,
                  struct hook_events *events, struct hub_error *error)
{
    struct json_object *data, *object;
    int64_t signed_ms = 0, created = 0;
    if (!signature_is_right(account, hook, &signed_ms)) {
        return hub_fail(error, HUB_ERR_UNAUTHORIZED,
                        "no signature by one of the account's secrets");
    }
    if (!is_recent(signed_ms, hook->now_ms)) {
        return hub_fail(error, HUB_ERR_UNAUTHORIZED, "the signature is too old or too new");
    }
    int err = json_read(hook->body, JSON_DEPTH_MAX, &events->json, NULL, error);
    if (err < 0) {
        return err;
    }
    struct str type = text_of(events->json, "type");
    if (!json_get_object(events->json, "data", &data) ||
        !json_get_object(data, "object", &object)) {
        return hub_fail(error, HUB_ERR_INVALID_JSON, "this is not an event of Stripe");
    }
    if (!str_starts_with(type, STR("payment_intent.")) && !str_starts_with(type, STR("refund.")) &&
        !str_starts_with(type, STR("charge.refund."))) {
        return 0;
    }
    struct hook_event *event = hook_events_add(events);
    event->type = type;
    (void)json_get_str(events->json, "id", &event->id);
    (void)json_get_i64(events->json, "created", &created);
    event->order_at = created * 1000;
    read_event(object, event);
    return 0;
}

const struct gateway STRIPE = {
    .name = "stripe",
    .key_header = "Idempotency-Key",
    .key_horizon_ms = 23 * HOUR_MS,
    .headers = HEADERS,
    .rules = RULES,
    .needs_method = true,
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
