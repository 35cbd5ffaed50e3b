/*
 * paypal.c — PayPal, Orders v2 and Payments v2: https://developer.paypal.com/docs/api/orders/v2/
 *
 * Idempotency: PayPal-Request-Id is remembered for 6 hours (orders) to 45 days (captures): we count
 * on 6. An order that is COMPLETED does not say that money has moved: the capture in it does.
 */
#include "gateway_parts.h"
#include "hook.h"
#include "paypal_signature.h"
#include "write.h"

#include "base/clock.h"

#define HOUR_MS INT64_C(3600000)

static const struct amount_style AMOUNTS = {"currency_code", DIGITS_PAYPAL, .decimal = true};

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

/* The first of `list`, or NULL. */
static struct json_object *first_of(struct json_object *json, const char *list)
{
    struct json_object *array;
    return json_get_array(json, list, &array) ? json_object_array_get_idx(array, 0) : NULL;
}

/* The payments of the first, and only, purchase unit. */
static bool get_payments(struct json_object *json, struct json_object **ret_payments)
{
    return json_get_object(first_of(json, "purchase_units"), "payments", ret_payments);
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
    return get_payments(looked, &payments) ? text_of(last_of(payments, list), "id")
                                           : (struct str){0};
}

/* --- Requests ----------------------------------------------------------------------------------*/

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
    int err = write_amount(body, &AMOUNTS, order, error);
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
        err = write_amount(&call->body, &AMOUNTS, order, error);
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
        err = write_amount(&call->body, &AMOUNTS, order, error);
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
    call_bodyless(call, "GET", "/v2/checkout/orders/", order->payment, "");
    return 1;
}

/* What the customer has agreed to is captured, or authorized, as it was ordered. */
static int build_confirm(const struct order *order, struct json_object *looked, struct call *call,
                         struct hub_error *error)
{
    bool holds = str_eq(text_of(looked, "intent"), STR("AUTHORIZE"));
    (void)error;
    if (!str_eq(text_of(looked, "status"), STR("APPROVED"))) {
        return 0;
    }
    call_path(call, "POST", "/v2/checkout/orders/", order->payment,
              holds ? "/authorize" : "/capture");
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
    call_bodyless(call, "DELETE", "/v3/vault/payment-tokens/", order->payment_method, "");
    return 1;
}

/* The token that comes before it is the proof; this one shows that it is taken. */
static int build_verify(const struct order *order, struct json_object *looked, struct call *call,
                        struct hub_error *error)
{
    (void)order;
    (void)looked;
    (void)error;
    call_bodyless(call, "GET", "/v1/identity/oauth2/userinfo?schema=paypalv1.1", (struct str){0},
                  "");
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

/* The sum over a list; AMOUNT_UNKNOWN if it is empty or makes no sense. */
static int64_t sum_of(struct json_object *payments, const char *list, struct answer *answer,
                      const struct status_word *words)
{
    struct json_object *array;
    int64_t sum = 0, one;
    if (!json_get_array(payments, list, &array) || json_object_array_length(array) == 0) {
        return AMOUNT_UNKNOWN;
    }
    for (size_t i = 0; i < json_object_array_length(array); i++) {
        struct json_object *item = json_object_array_get_idx(array, i);
        bool counts = status_in(item, words) == STATUS_SUCCEEDED;
        if (counts && (!read_amount(item, "amount", &AMOUNTS, answer, &one) ||
                       __builtin_add_overflow(sum, one, &sum))) {
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
    (void)json_get_str(json, "id", &answer->ids[id]);
    answer->status = status_in(json, CAPTURE_WORDS);
    (void)read_amount(json, "amount", &AMOUNTS, answer,
                      id == ID_CAPTURE ? &answer->captured : &answer->refunded);
    if (answer->status == STATUS_FAILED) {
        read_decline(json, answer);
    }
}

static void read_authorization(struct json_object *json, struct answer *answer)
{
    (void)json_get_str(json, "id", &answer->ids[ID_AUTHORIZATION]);
    answer->status = status_in(json, AUTHORIZATION_WORDS);
    (void)read_amount(json, "amount", &AMOUNTS, answer, &answer->authorized);
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
    struct json_object *payments = NULL, *last;
    answer->status = status_in(json, ORDER_WORDS);
    (void)read_amount(first_of(json, "purchase_units"), "amount", &AMOUNTS, answer,
                      &answer->requested);
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
    if (str_eq(text_of(json, "status"), STR("APPROVED"))) {
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
    case OP_VERIFY_ACCOUNT:
        read_success(order, answer);
        break;
    default:
        read_order(json, answer);
    }
}

/* The first detail's issue says more than the name. */
static struct str error_code(struct json_object *json)
{
    struct str code = text_of(json, "name");
    (void)json_get_str(first_of(json, "details"), "issue", &code);
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
    (void)order;
    answer->gateway_code = error_code(json);
    (void)json_get_str(json, "message", &answer->message);
    (void)json_get_str(first_of(json, "details"), "description", &answer->message);
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
    struct str custom;
    return json_get_str(first_of(json, "purchase_units"), "custom_id", &custom) &&
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

/* --- What there is: https://developer.paypal.com/docs/api/transaction-search/v1/
 * ----------------*/

#define LIST_DAYS_MAX 31

static const struct status_word TRANSACTION_WORDS[] = {
    {"S", STATUS_SUCCEEDED},  {"V", STATUS_SUCCEEDED}, /* V: refunded since */
    {"P", STATUS_PROCESSING}, {"D", STATUS_FAILED},    {NULL, STATUS_PROCESSING},
};

/* Oldest first. The app needs the permission to search, and what happened shows after hours. */
static int list(const struct list_range *range, struct call *call, struct hub_error *error)
{
    char from[CLOCK_RFC3339_LEN + 1], to[CLOCK_RFC3339_LEN + 1];
    if (range->to - range->from > LIST_DAYS_MAX * 24 * HOUR_MS) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT, "PayPal lists at most %d days at once",
                        LIST_DAYS_MAX);
    }
    clock_format(range->from, from);
    clock_format(range->to, to);
    call_bodyless(call, "GET", "/v1/reporting/transactions?fields=transaction_info&page_size=100",
                  (struct str){0}, "");
    call_bodyless(call, "GET", "&start_date=", str_from_c(from), "");
    call_bodyless(call, "GET", "&end_date=", str_from_c(to), "");
    call_bodyless(call, "GET", "&page=", range->cursor.len > 0 ? range->cursor : STR("1"), "");
    return 1;
}

static bool listed(struct json_object *json, const struct list_range *range, struct list_page *page)
{
    int64_t number = 1, last = 1;
    struct buf next;
    (void)range;
    (void)json_get_i64(json, "page", &number);
    (void)json_get_i64(json, "total_pages", &last);
    if (number < last) {
        buf_init_fixed(&next, page->room, sizeof page->room);
        buf_append_format(&next, "%lld", (long long)number + 1);
        page->next = buf_view(&next);
    }
    return json_get_array(json, "transaction_details", &page->array);
}

/* "2026-01-01T10:00:00+0000", without the colon that RFC 3339 wants. */
static bool read_time(struct str text, int64_t *ret_ms)
{
    char room[CLOCK_RFC3339_LEN + 1];
    struct buf fixed;
    if (!str_ends_with(text, STR("+0000"))) {
        return clock_parse(text, ret_ms);
    }
    buf_init_fixed(&fixed, room, sizeof room);
    buf_append_str(&fixed, str_slice(text, 0, text.len - 5));
    buf_append_char(&fixed, 'Z');
    return !buf_failed(&fixed) && clock_parse(buf_view(&fixed), ret_ms);
}

/* T00…: payments; refunds, fees, withdrawals and the like have other codes. */
static bool entry(struct json_object *json, struct list_entry *ret_entry)
{
    struct answer *answer = &ret_entry->answer;
    struct json_object *info;
    if (!json_get_object(json, "transaction_info", &info)) {
        return false;
    }
    answer->ids[ID_PAYMENT] = text_of(info, "transaction_id");
    answer->status = status_of(TRANSACTION_WORDS, text_of(info, "transaction_status"));
    (void)read_amount(info, "transaction_amount", &AMOUNTS, answer, &answer->requested);
    ret_entry->job = text_of(info, "custom_field");
    (void)read_time(text_of(info, "transaction_initiation_date"), &ret_entry->created_at);
    return str_starts_with(text_of(info, "transaction_event_code"), STR("T00"));
}

/* --- Webhooks: https://developer.paypal.com/api/rest/webhooks/rest/ ----------------------------*/

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

static int verify(const struct account *account, const struct hook *hook,
                  struct hook_events *events, struct hub_error *error)
{
    struct json_object *resource;
    int err = paypal_check_signature(account, hook, events, error);
    if (err == 0) {
        err = json_read(hook->body, JSON_DEPTH_MAX, &events->json, NULL, error);
    }
    if (err < 0) {
        return err;
    }
    struct str kind = text_of(events->json, "resource_type");
    struct str created = text_of(events->json, "create_time");
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
    (void)clock_parse(created, &event->order_at);
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
    .list = list,
    .listed = listed,
    .entry = entry,
    .verify = verify,
};
