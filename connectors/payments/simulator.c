/*
 * simulator.c — a gateway without a network, for development: what it does is asked for by magic
 * payment methods, see README.md.
 *
 * It behaves as a real one does where it matters: a payment is known by its idempotency key, the
 * same key gives the same answer and never a second charge, another key is another payment. What
 * has happened to a payment is a list of events under the account, "sim/ID/0000", "sim/ID/0001", …,
 * each of which is written only if there is none of its number: whoever comes second finds the
 * number taken and looks again. So it stays right in several processes and over kill -9.
 *
 * A payment's id is made from its key; the key is the job's, so a job's payment can be found.
 */
#include "payments.h"

#include "write.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

#define ID_DIGITS  24
#define EVENTS_MAX 100
#define KEPT_MS    (UINT64_C(30) * 24 * 3600 * 1000)
#define SLOW_MS    2000
#define DAY_MS     INT64_C(86400000)
#define STORED     "stored_"
#define ID_PREFIX  "sim_"

/* --- Magic methods -----------------------------------------------------------------------------*/

enum magic {
    MAGIC_NONE,
    MAGIC_APPROVE,
    MAGIC_DECLINE,
    MAGIC_3DS,
    MAGIC_3DS_FAIL,
    MAGIC_SLOW,
    MAGIC_LOST,
    MAGIC_LOST_ALWAYS,
    MAGIC_BUSY
};

static const struct {
    const char *name;
    enum magic magic;
} METHODS[] = {
    {"tok_approve", MAGIC_APPROVE},
    {"tok_decline", MAGIC_DECLINE},
    {"tok_3ds", MAGIC_3DS},
    {"tok_3ds_fail", MAGIC_3DS_FAIL},
    {"tok_slow", MAGIC_SLOW},
    {"tok_lost", MAGIC_LOST},
    {"tok_lost_always", MAGIC_LOST_ALWAYS},
    {"tok_busy", MAGIC_BUSY},
};

/* tok_decline_REASON, with every reason of decline.h. */
static const struct decline *decline_asked(struct str method)
{
    struct str prefix = STR("tok_decline_");
    if (str_eq(method, STR("tok_decline"))) {
        return decline_get(DECLINE_DECLINED);
    }
    for (size_t i = 0; i < DECLINE_COUNT && str_starts_with(method, prefix); i++) {
        const struct decline *decline = decline_get((enum decline_code)i);
        if (str_eq(str_slice(method, prefix.len, method.len), str_from_c(decline->code))) {
            return decline;
        }
    }
    return NULL;
}

static struct str without_stored(struct str method)
{
    return str_starts_with(method, STR(STORED)) ? str_slice(method, sizeof STORED - 1, method.len)
                                                : method;
}

static enum magic magic_of(struct str method)
{
    method = without_stored(method);
    for (size_t i = 0; i < sizeof METHODS / sizeof METHODS[0]; i++) {
        if (str_eq(method, str_from_c(METHODS[i].name))) {
            return METHODS[i].magic;
        }
    }
    return decline_asked(method) ? MAGIC_DECLINE : MAGIC_NONE;
}

/* --- What has happened to a payment ------------------------------------------------------------*/

struct history {
    bool exists;
    unsigned count; /* events */
    enum status status;
    char currency[4];
    int64_t amount;
    int64_t captured;
    int64_t refunded;
    bool manual;
    char method[64];
    char job[65];
    bool key_seen; /* one of the events was made by the key that asks now */
};

struct simulation {
    char id[sizeof ID_PREFIX + ID_DIGITS];
    char key[sizeof ID_PREFIX + ID_DIGITS + 16]; /* "sim/ID/0000" */
    struct history history;
    bool written; /* the event is new: nobody has heard of it yet */
    uint32_t status;
    struct json_object *json;
};

static void copy_text(char *to, size_t size, struct str from)
{
    from = str_slice(from, 0, size - 1);
    memcpy(to, from.ptr ? from.ptr : "", from.len);
    to[from.len] = '\0';
}

static void apply_create(struct history *self, struct json_object *event)
{
    struct str text = {0};
    self->exists = true;
    (void)json_get_i64(event, "amount", &self->amount);
    (void)json_get_bool(event, "manual", &self->manual);
    (void)json_get_str(event, "currency", &text);
    copy_text(self->currency, sizeof self->currency, text);
    (void)json_get_str(event, "method", &text);
    copy_text(self->method, sizeof self->method, text);
    text = (struct str){0};
    (void)json_get_str(event, "job", &text);
    copy_text(self->job, sizeof self->job, text);
    enum magic magic = magic_of(str_from_c(self->method));
    self->status = magic == MAGIC_DECLINE                          ? STATUS_FAILED
                   : magic == MAGIC_3DS || magic == MAGIC_3DS_FAIL ? STATUS_REQUIRES_ACTION
                   : self->manual                                  ? STATUS_AUTHORIZED
                                                                   : STATUS_SUCCEEDED;
    self->captured = self->status == STATUS_SUCCEEDED ? self->amount : 0;
}

static void apply_confirm(struct history *self)
{
    bool fails = magic_of(str_from_c(self->method)) == MAGIC_3DS_FAIL;
    self->status = fails ? STATUS_FAILED : self->manual ? STATUS_AUTHORIZED : STATUS_SUCCEEDED;
    self->captured = self->status == STATUS_SUCCEEDED ? self->amount : 0;
}

static void apply(struct history *self, struct json_object *event, struct str key)
{
    struct str kind = {0}, made_by = {0};
    int64_t amount = 0;
    (void)json_get_str(event, "event", &kind);
    (void)json_get_i64(event, "amount", &amount);
    if (str_eq(kind, STR("create"))) {
        apply_create(self, event);
    } else if (str_eq(kind, STR("confirm"))) {
        apply_confirm(self);
    } else if (str_eq(kind, STR("capture"))) {
        bool final = true;
        (void)json_get_bool(event, "final", &final);
        self->captured += amount;
        self->status =
            final || self->captured == self->amount ? STATUS_SUCCEEDED : STATUS_AUTHORIZED;
    } else if (str_eq(kind, STR("void"))) {
        self->status = STATUS_CANCELED;
    } else if (str_eq(kind, STR("refund"))) {
        self->refunded += amount;
    }
    self->count++;
    if (json_get_str(event, "key", &made_by) && str_eq(made_by, key)) {
        self->key_seen = true;
    }
}

/* --- Answers -----------------------------------------------------------------------------------*/

static void answer_error(struct simulation *self, uint32_t status, const char *code,
                         const char *message)
{
    struct json_object *json = json_object_new_object();
    json_object_object_add(json, "error", json_object_new_string(code));
    json_object_object_add(json, "message", json_object_new_string(message));
    self->status = status;
    self->json = json;
}

static void answer_history(struct simulation *self)
{
    const struct history *history = &self->history;
    struct json_object *json = json_object_new_object();
    json_object_object_add(json, "id", json_object_new_string(self->id));
    json_object_object_add(json, "status", json_object_new_string(status_text(history->status)));
    json_object_object_add(json, "currency", json_object_new_string(history->currency));
    json_object_object_add(json, "amount", json_object_new_int64(history->amount));
    json_object_object_add(json, "captured", json_object_new_int64(history->captured));
    json_object_object_add(json, "refunded", json_object_new_int64(history->refunded));
    json_object_object_add(json, "payment_method", json_object_new_string(history->method));
    json_object_object_add(json, "job", json_object_new_string(history->job));
    json_object_object_add(json, "events", json_object_new_int64(history->count));
    self->status = 200;
    self->json = json;
}

/* --- Requests: what a job may do to a payment as it stands -------------------------------------*/

static bool may_create(const struct order *order, struct simulation *self)
{
    if (magic_of(order->payment_method) == MAGIC_NONE) {
        answer_error(self, 400, "no_such_method",
                     "the simulator knows tok_approve, tok_decline, tok_3ds and others: see the "
                     "README");
        return false;
    }
    return true;
}

static bool may_capture(const struct order *order, struct simulation *self)
{
    const struct history *history = &self->history;
    int64_t amount = order->has_amount ? order->amount : history->amount - history->captured;
    if (history->status != STATUS_AUTHORIZED || amount > history->amount - history->captured) {
        answer_error(self, 400, "not_capturable", "there is not that much to capture");
        return false;
    }
    return true;
}

static bool may_void(const struct order *order, struct simulation *self)
{
    (void)order;
    if (self->history.status != STATUS_AUTHORIZED &&
        self->history.status != STATUS_REQUIRES_ACTION) {
        answer_error(self, 400, "not_voidable", "the payment is over");
        return false;
    }
    return true;
}

static bool may_refund(const struct order *order, struct simulation *self)
{
    const struct history *history = &self->history;
    int64_t left = history->captured - history->refunded;
    if (left <= 0 || (order->has_amount && order->amount > left)) {
        answer_error(self, 400, "not_refundable", "there is not that much to refund");
        return false;
    }
    return true;
}

static bool may_confirm(const struct order *order, struct simulation *self)
{
    (void)order;
    if (self->history.status != STATUS_REQUIRES_ACTION) {
        answer_history(self);
        return false;
    }
    return true;
}

static bool (*const MAY[OP_COUNT])(const struct order *, struct simulation *) = {
    [OP_AUTHORIZE] = may_create, [OP_PURCHASE] = may_create, [OP_CAPTURE] = may_capture,
    [OP_VOID] = may_void,        [OP_REFUND] = may_refund,   [OP_CONFIRM] = may_confirm,
};

static bool creates(enum operation operation)
{
    return operation == OP_AUTHORIZE || operation == OP_PURCHASE;
}

/* What is written, as gateway requests are: frozen by once.c, in self->call.body. The amount of
 * what asks for "all that is left" is settled when it happens. */
static int64_t amount_of(const struct order *order, const struct history *history)
{
    return order->has_amount                ? order->amount
           : order->operation == OP_CAPTURE ? history->amount - history->captured
           : order->operation == OP_REFUND  ? history->captured - history->refunded
                                            : 0;
}

static void write_event(const struct payment *payment, struct buf *event)
{
    const struct order *order = &payment->order;
    char room[TRANSMIT_KEY_MAX];
    write_open(event, NULL, '{');
    write_text(event, "event",
               creates(order->operation) ? STR("create")
                                         : str_from_c(operation_name(order->operation)));
    write_text(event, "key", transmit_key(payment, room, sizeof room));
    write_text(event, "job", order->job);
    write_number(event, "amount", amount_of(order, &payment->simulation->history));
    write_text(event, "currency", order->currency);
    write_text(event, "method", order->payment_method);
    write_bool(event, "manual", order->manual_capture);
    write_bool(event, "final", order->final);
    write_close(event, '}');
}

/* --- Its steps: look at what has happened, add to it, answer -----------------------------------*/

static void respond(struct payment *payment)
{
    struct simulation *self = payment->simulation;
    uint32_t status = self->status;
    struct json_object *json = self->json;
    self->json = NULL;
    payment_answered(payment, status, json);
}

static void waited(void *context)
{
    struct payment *payment = context;
    payment->timer = NULL;
    respond(payment);
}

/* The answer is ready; it may get lost, or take its time. */
static void deliver(struct payment *payment)
{
    struct simulation *self = payment->simulation;
    enum magic magic = magic_of(str_from_c(self->history.method));
    bool charge = payment->step == STEP_SEND && creates(payment->order.operation);
    if (charge && (magic == MAGIC_LOST_ALWAYS || (magic == MAGIC_LOST && self->written))) {
        payment_unanswered(payment, true, "connection_broken",
                           STR("The simulator's answer was lost, as was asked for."));
        return;
    }
    if (charge && magic == MAGIC_SLOW && self->written) {
        payment->timer = payment->connector->timers->start(SLOW_MS, waited, payment);
        if (payment->timer) {
            return;
        }
    }
    respond(payment);
}

static void unavailable(struct payment *payment)
{
    payment_unanswered(payment, payment->step == STEP_SEND, "storage_failed",
                       STR("The simulator could not write down what happened."));
}

static int32_t ask_events(struct payment *payment)
{
    struct simulation *self = payment->simulation;
    char prefix[sizeof self->key];
    struct buf text;
    buf_init_fixed(&text, prefix, sizeof prefix);
    buf_append_format(&text, "sim/%s/", self->id);
    return payment->connector->keep->list(payment->job, HUB_KEEP_ACCOUNT,
                                          hub_of_str(buf_view(&text)), (hub_str){0}, EVENTS_MAX + 1,
                                          payment_kept, payment);
}

static int32_t ask_write(struct payment *payment)
{
    struct simulation *self = payment->simulation;
    struct buf key;
    buf_init_fixed(&key, self->key, sizeof self->key);
    buf_append_format(&key, "sim/%s/%04u", self->id, self->history.count);
    buf_clear(&payment->text);
    write_event(payment, &payment->text);
    return payment->connector->keep->put(
        payment->job, HUB_KEEP_ACCOUNT, HUB_KEEP_NEW, hub_of_str(buf_view(&key)),
        hub_of_str(buf_view(&payment->text)), KEPT_MS, payment_kept, payment);
}

static void events_known(struct payment *payment, int32_t status, const hub_kept *values,
                         uint32_t count);

static void event_written(struct payment *payment, int32_t status, const hub_kept *values,
                          uint32_t count)
{
    struct simulation *self = payment->simulation;
    struct json_object *event;
    char room[TRANSMIT_KEY_MAX];
    (void)values;
    (void)count;
    if (status == HUB_CALL_EXISTS) {
        payment_ask(payment, ask_events, events_known);
    } else if (status != HUB_CALL_OK ||
               json_read(buf_view(&payment->text), JSON_DEPTH_MAX, &event, NULL, NULL) < 0) {
        unavailable(payment);
    } else {
        apply(&self->history, event, transmit_key(payment, room, sizeof room));
        json_object_put(event);
        self->written = true;
        answer_history(self);
        deliver(payment);
    }
}

static void add_event(struct payment *payment)
{
    struct simulation *self = payment->simulation;
    const struct order *order = &payment->order;
    bool busy = creates(order->operation) && payment->job->attempt == 1 &&
                magic_of(order->payment_method) == MAGIC_BUSY;
    if (!creates(order->operation) && !self->history.exists) {
        answer_error(self, 404, "no_such_payment", "the simulator knows no such payment");
        deliver(payment);
    } else if (busy) {
        answer_error(self, 429, "busy", "come back later, as was asked for");
        deliver(payment);
    } else if (self->history.count >= EVENTS_MAX) {
        answer_error(self, 400, "too_many", "too much has happened to this payment");
        deliver(payment);
    } else if (!MAY[order->operation](order, self)) {
        deliver(payment);
    } else {
        payment_ask(payment, ask_write, event_written);
    }
}

static void events_known(struct payment *payment, int32_t status, const hub_kept *values,
                         uint32_t count)
{
    struct simulation *self = payment->simulation;
    struct json_object *event;
    char room[TRANSMIT_KEY_MAX];
    if (status != HUB_CALL_OK) {
        unavailable(payment);
        return;
    }
    self->history = (struct history){0};
    for (uint32_t i = 0; i < count; i++) {
        if (json_read(str_of_hub(values[i].value), JSON_DEPTH_MAX, &event, NULL, NULL) == 0) {
            apply(&self->history, event, transmit_key(payment, room, sizeof room));
            json_object_put(event);
        }
    }
    if (payment->step == STEP_SEND && !self->history.key_seen) {
        add_event(payment);
    } else if (!self->history.exists) {
        answer_error(self, 404, "no_such_payment", "the simulator knows no such payment");
        deliver(payment);
    } else {
        answer_history(self);
        deliver(payment);
    }
}

/* From the key, or the job, which by default is the key. */
static void make_id(struct str key, char *ret_id)
{
    struct sha256_digest digest;
    char hex[SHA256_HEX_LEN + 1];
    sha256_of(key, &digest);
    sha256_hex(&digest, hex);
    memcpy(ret_id, ID_PREFIX, sizeof ID_PREFIX - 1);
    memcpy(ret_id + sizeof ID_PREFIX - 1, hex, ID_DIGITS);
    ret_id[sizeof ID_PREFIX - 1 + ID_DIGITS] = '\0';
}

/* Which payment is meant. Another job's of the same id would be another's: ids are checked. */
static bool choose_payment(struct payment *payment)
{
    struct simulation *self = payment->simulation;
    const struct order *order = &payment->order;
    char room[TRANSMIT_KEY_MAX];
    if (order->payment.len > 0) {
        copy_text(self->id, sizeof self->id, order->payment);
        return str_starts_with(order->payment, STR(ID_PREFIX)) &&
               order->payment.len == sizeof ID_PREFIX - 1 + ID_DIGITS;
    }
    make_id(payment->step == STEP_SEND ? transmit_key(payment, room, sizeof room) : order->job,
            self->id);
    return true;
}

/* Whatever needs no payment: stored methods are the magic ones with a prefix. */
static bool answer_at_once(struct payment *payment)
{
    struct simulation *self = payment->simulation;
    const struct order *order = &payment->order;
    struct json_object *json;
    char stored[80];
    struct buf text;
    if (order->operation == OP_STORE && magic_of(order->payment_method) == MAGIC_NONE) {
        answer_error(self, 400, "no_such_method", "the simulator stores its magic methods only");
        return true;
    }
    if (order->operation != OP_STORE && order->operation != OP_UNSTORE &&
        order->operation != OP_VERIFY_ACCOUNT) {
        return false;
    }
    buf_init_fixed(&text, stored, sizeof stored);
    buf_append_c(&text, STORED);
    buf_append_str(&text, without_stored(order->payment_method));
    json = json_object_new_object();
    if (order->payment_method.len > 0) {
        json_object_object_add(json, "payment_method", json_object_new_string(stored));
    }
    self->status = 200;
    self->json = json;
    return true;
}

void simulator_abandon(struct payment *payment)
{
    if (payment->simulation) {
        json_object_put(payment->simulation->json);
        free(payment->simulation);
        payment->simulation = NULL;
    }
}

void simulator_transmit(struct payment *payment)
{
    simulator_abandon(payment);
    payment->simulation = calloc(1, sizeof *payment->simulation);
    if (!payment->simulation) {
        payment_unanswered(payment, false, "out_of_memory", STR("There was not enough memory."));
    } else if (answer_at_once(payment)) {
        respond(payment);
    } else if (!choose_payment(payment)) {
        answer_error(payment->simulation, 404, "no_such_payment",
                     "the simulator knows no such payment");
        respond(payment);
    } else {
        payment_ask(payment, ask_events, events_known);
    }
}

/* --- As a gateway ------------------------------------------------------------------------------*/

static const struct status_word STATUS_WORDS[] = {
#define X(name, text) {text, STATUS_##name},
    STATUSES(X)
#undef X
        {NULL, STATUS_PROCESSING},
};

static int base_url(const struct account *account, struct buf *url, struct hub_error *error)
{
    if (!account->test) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT,
                        "the simulator moves no money: its account must say test: true");
    }
    buf_append_c(url, "simulator:");
    return 0;
}

static int look(const struct account *account, const struct order *order, struct call *call,
                struct hub_error *error)
{
    (void)account;
    (void)order;
    (void)call;
    (void)error;
    return 0;
}

static int build(const struct account *account, const struct order *order,
                 struct json_object *looked, struct call *call, struct hub_error *error)
{
    (void)account;
    (void)looked;
    if (order->method_object) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT,
                        "the simulator takes a payment_method by name, such as tok_approve");
    }
    call_path(call, "POST", "/", str_from_c(operation_name(order->operation)), "");
    call->type = STR("application/json");
    json_append(&call->body, order->input);
    return 1;
}

static int find(const struct account *account, const struct order *order, struct call *call,
                struct hub_error *error)
{
    (void)account;
    (void)error;
    call_path(call, "GET", "/", order->payment.len > 0 ? order->payment : order->job, "");
    return 1;
}

static void read_payment(const struct order *order, struct json_object *json, struct answer *answer)
{
    static const struct str PAGE = STR_INIT("https://simulator.invalid/3ds");
    struct str status = {0}, method = {0};
    (void)json_get_str(json, "status", &status);
    (void)json_get_str(json, "id", &answer->ids[ID_PAYMENT]);
    (void)json_get_str(json, "currency", &answer->currency);
    (void)json_get_str(json, "payment_method", &method);
    answer->ids[ID_PAYMENT_METHOD] = method;
    answer->status = status_of(STATUS_WORDS, status);
    (void)json_get_i64(json, "amount", &answer->requested);
    (void)json_get_i64(json, "captured", &answer->captured);
    (void)json_get_i64(json, "refunded", &answer->refunded);
    bool held = answer->status == STATUS_AUTHORIZED || answer->status == STATUS_SUCCEEDED;
    answer->authorized = held ? answer->requested : 0;
    if (answer->status == STATUS_REQUIRES_ACTION) {
        answer->next = NEXT_REDIRECT;
        answer->next_value = PAGE;
    }
    if (answer->status == STATUS_FAILED) {
        const struct decline *decline = decline_asked(without_stored(method));
        answer->decline = decline ? decline : decline_get(DECLINE_AUTHENTICATION_FAILED);
    }
    /* A refund has succeeded, whatever the payment is called afterwards. */
    if (order->operation == OP_REFUND) {
        answer->status = STATUS_SUCCEEDED;
    }
}

static void read_answer(const struct order *order, struct json_object *json, struct answer *answer)
{
    if (order->operation == OP_STORE || order->operation == OP_UNSTORE ||
        order->operation == OP_VERIFY_ACCOUNT) {
        (void)json_get_str(json, "payment_method", &answer->ids[ID_PAYMENT_METHOD]);
        answer->status = STATUS_SUCCEEDED;
    } else {
        read_payment(order, json, answer);
    }
}

static struct str error_code(struct json_object *json)
{
    struct str code = {0};
    (void)json_get_str(json, "error", &code);
    return code;
}

static void refuse(const struct order *order, struct json_object *json, struct answer *answer)
{
    (void)order;
    answer->gateway_code = error_code(json);
    (void)json_get_str(json, "message", &answer->message);
    answer->status = STATUS_FAILED;
}

static bool found(const struct order *order, struct json_object *json, struct answer *answer)
{
    struct str id = {0};
    if (!json_get_str(json, "id", &id)) {
        return false;
    }
    read_payment(order, json, answer);
    switch (order->operation) {
    case OP_CAPTURE:
        return answer->status == STATUS_SUCCEEDED;
    case OP_VOID:
        return answer->status == STATUS_CANCELED;
    case OP_CONFIRM:
        return answer->status != STATUS_REQUIRES_ACTION;
    case OP_REFUND:
        return false; /* which of several it was is not told */
    default:
        return true;
    }
}

/* `reconcile` of a job that the simulator has never seen is a 404, and no failure. */
static const struct verdict_rule RULES[] = {
    {404, "no_such_payment", VERDICT_REFUSED},
    {0, NULL, VERDICT_TAKEN},
};

const struct gateway SIMULATOR = {
    .name = "simulator",
    .key_header = "Idempotency-Key",
    .key_horizon_ms = DAY_MS,
    .rules = RULES,
    .needs_method = true,
    .local = true,
    .base_url = base_url,
    .look = look,
    .build = build,
    .read = read_answer,
    .error_code = error_code,
    .refuse = refuse,
    .find = find,
    .found = found,
};
