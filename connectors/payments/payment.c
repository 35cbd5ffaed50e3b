/*
 * payment.c — one job of one gateway, and the rule that nobody is charged twice.
 *
 *     recall ──── kept ────▶ thaw ──┐        A request that changes something at the gateway is
 *       │ nothing is kept           │        frozen before it leaves: method, path, body and key
 *     look, if a read is needed     │        are on stable storage. Whatever happens then (a lost
 *     build                         │        answer, a 5xx, a timeout, kill -9 at any
 *     freeze: on stable storage     │        instruction), the next attempt finds it and repeats
 *       │◀──────────────────────────┘        the same bytes with the same key, which the gateway
 *     has the key's horizon passed? ─▶ find  answers as it has answered before.
 *     intent, into the ledger
 *     send                                   Past the horizon the gateway has forgotten the key:
 * the │                                    request is never sent again. ├ taken, refused ─▶ answer,
 * into the ledger ─▶ succeed or fail ├ not taken, nothing in doubt ─▶ noted, so that the next
 * attempt knows ─▶ retry └ doubt ─▶ retry; in the last attempt find ─▶ found: as taken; not found:
 * unknown
 *
 * "In doubt" is a request that may have left before without a known answer. What looks like a
 * plain failure (401, 429, no connection) is then none, since it says nothing about the time
 * before.
 */
#include "payments.h"

#include "write.h"

#include <stdlib.h>
#include <string.h>

#define SOON_MS      5   /* until hubd's storage is asked again when it takes no more calls */
#define LINGER_MS    600 /* that a cancelled job waits for the answer of what has left */

#define KEPT_REQUEST HUB_STR("request")
#define KEPT_CLEAN   HUB_STR("clean") /* the last attempt that has left nothing in doubt */

/* --- Life --------------------------------------------------------------------------------------*/

static void payment_free(struct payment *self)
{
    list_remove(&self->link);
    transmit_abandon(self);
    webhook_free(self);
    self->connector->timers->stop(self->timer);
    json_object_put(self->looked);
    json_object_put(self->json);
    json_object_put(self->input);
    account_release(&self->account);
    buf_release(&self->base_url);
    buf_release(&self->text);
    call_release(&self->call);
    free(self);
}

static void end_fail(struct payment *self, const char *code, struct str message, struct str details)
{
    self->connector->host->fail(self->job, hub_of_c(code), hub_of_str(message),
                                hub_of_str(details));
    payment_free(self);
}

static void no_memory(struct payment *self);

static void end_retry(struct payment *self)
{
    self->connector->host->retry(self->job, hub_of_c(self->code), hub_of_c(self->message),
                                 self->delay_ms);
    payment_free(self);
}

void payment_succeed(struct payment *self, const struct buf *result)
{
    if (buf_failed(result)) {
        no_memory(self);
        return;
    }
    self->connector->host->succeed(self->job, hub_of_str(buf_view(result)));
    payment_free(self);
}

/* Remembers why, in words without secrets. */
static void note(struct payment *self, const char *code, struct str message)
{
    bool clean = redact_is_clean(message, &self->account);
    message = str_utf8_cut(clean ? message : STR("The gateway's words are left out."),
                           sizeof self->message - 1);
    memcpy(self->message, message.ptr ? message.ptr : "", message.len);
    self->message[message.len] = '\0';
    strncpy(self->code, code, sizeof self->code - 1);
}

void payment_retry(struct payment *self, const char *code, struct str message)
{
    note(self, code, message);
    end_retry(self);
}

static void no_memory(struct payment *self)
{
    payment_retry(self, "out_of_memory", STR("There was not enough memory."));
}

void payment_fail(struct payment *self, const char *code, struct str message)
{
    note(self, code, message);
    end_fail(self, code, str_from_c(self->message), (struct str){0});
}

/* An error that gateway or account tell before anything was sent. */
static void fail_early(struct payment *self, int err, const struct hub_error *error)
{
    if (err == HUB_ERR_NOMEM) {
        no_memory(self);
        return;
    }
    const char *code = err == HUB_ERR_NOT_IMPLEMENTED ? "not_supported" : "invalid_input";
    note(self, code, str_from_c(error->detail));
    end_fail(self, code, str_from_c(self->message), (struct str){0});
}

bool payment_is_last_attempt(const struct payment *self)
{
    return self->job->attempt >= self->job->max_attempts;
}

/* --- hubd's storage ----------------------------------------------------------------------------*/

static void give_up(struct payment *self);

static void ask_again(void *context)
{
    struct payment *self = context;
    self->timer = NULL;
    payment_ask(self, self->ask, self->asked);
}

void payment_kept(void *context, int32_t status, const hub_kept *values, uint32_t count)
{
    struct payment *self = context;
    self->asking = false;
    if (self->cancelled && !self->outcome) {
        give_up(self);
    } else {
        self->asked(self, status, values, count);
    }
}

void payment_ask(struct payment *self, ask_fn *ask, asked_fn *then)
{
    self->ask = ask;
    self->asked = then;
    int32_t result = ask(self);
    if (result == HUB_CALL_OK) {
        self->asking = true;
        return;
    }
    if (result == HUB_CALL_AGAIN && !self->cancelled) {
        self->timer = self->connector->timers->start(SOON_MS, ask_again, self);
        result = self->timer ? HUB_CALL_OK : HUB_CALL_NOMEM;
    }
    if (result != HUB_CALL_OK) {
        then(self, result, NULL, 0);
    }
}

void payment_no_storage(struct payment *self)
{
    payment_retry(self, "storage_failed", STR("hubd's storage did not take what must be kept."));
}

/* --- Ends --------------------------------------------------------------------------------------*/

static const char *failure_code(const struct payment *self)
{
    return self->answer.decline                     ? "declined"
           : self->answer.status == STATUS_CANCELED ? "canceled"
                                                    : "refused";
}

/* A payment that the customer or the gateway has ended is none: whoever asked for money must not
 * read "succeeded". */
static bool is_failure(const struct payment *self)
{
    enum operation operation = self->order.operation;
    bool wants_money = operation == OP_AUTHORIZE || operation == OP_PURCHASE ||
                       operation == OP_CONFIRM || operation == OP_CAPTURE || operation == OP_REFUND;
    bool only_tells = operation == OP_GET || operation == OP_RECONCILE;
    return (self->answer.status == STATUS_FAILED && !only_tells) ||
           (self->answer.status == STATUS_CANCELED && wants_money);
}

/* "declined: insufficient_funds", "refused: …" in the gateway's words. */
static void describe_failure(struct payment *self, const char *code)
{
    char text[MESSAGE_MAX];
    struct buf message;
    struct str why =
        self->answer.decline ? str_from_c(self->answer.decline->code) : self->answer.message;
    buf_init_fixed(&message, text, sizeof text);
    buf_append_format(&message, "The payment was %s", code);
    buf_append_c(&message, why.len > 0 ? ": " : "");
    buf_append_str(&message, str_utf8_cut(why, MESSAGE_MAX / 2));
    note(self, code, buf_view(&message));
}

static void complete(struct payment *self)
{
    struct buf result;
    buf_init(&result, ANSWER_MAX);
    result_write(self, &result);
    if (!buf_failed(&result) && is_failure(self)) {
        const char *code = failure_code(self);
        describe_failure(self, code);
        end_fail(self, code, str_from_c(self->message), buf_view(&result));
    } else {
        payment_succeed(self, &result);
    }
    buf_release(&result);
}

static int32_t ask_book(struct payment *self)
{
    buf_clear(&self->text);
    result_write_answer(self, &self->text);
    return buf_failed(&self->text)
               ? HUB_CALL_NOMEM
               : self->connector->ledger->append(self->job, HUB_STR("answer"),
                                                 hub_of_str(buf_view(&self->text)), payment_kept,
                                                 self);
}

/* An answer that could not be booked is asked for again: the key makes that safe. */
static void booked(struct payment *self, int32_t status, const hub_kept *values, uint32_t count)
{
    (void)values;
    (void)count;
    if (status != HUB_CALL_OK && !payment_is_last_attempt(self)) {
        payment_no_storage(self);
        return;
    }
    if (status != HUB_CALL_OK) {
        self->connector->host->log(self->job, HUB_LOG_ERROR,
                                   HUB_STR("the ledger did not take the gateway's answer"));
    }
    complete(self);
}

static void conclude(struct payment *self, const char *outcome)
{
    self->outcome = outcome;
    if (operation_moves_money(self->order.operation)) {
        payment_ask(self, ask_book, booked);
    } else {
        complete(self);
    }
}

static void unknown_booked(struct payment *self, int32_t status, const hub_kept *values,
                           uint32_t count)
{
    (void)status;
    (void)values;
    (void)count;
    self->connector->host->unknown(self->job, hub_of_c(self->code), hub_of_c(self->message));
    payment_free(self);
}

static void end_unknown(struct payment *self)
{
    self->outcome = "unknown";
    self->answer.status = STATUS_PROCESSING;
    payment_ask(self, ask_book, unknown_booked);
}

/* --- Doubt -------------------------------------------------------------------------------------*/

/* The request will not be sent again: the gateway is asked what became of it, if it can be. */
static void find(struct payment *self)
{
    struct hub_error error = {0};
    call_clear(&self->call);
    int found = self->gateway->find
                    ? self->gateway->find(&self->account, &self->order, &self->call, &error)
                    : 0;
    if (found != 1 || buf_failed(&self->call.path)) {
        end_unknown(self);
        return;
    }
    self->step = STEP_FIND;
    transmit(self);
}

static void doubt(struct payment *self, const char *code, struct str message)
{
    self->in_doubt = true;
    note(self, code, message);
    if (payment_is_last_attempt(self)) {
        find(self);
    } else {
        end_retry(self);
    }
}

static int32_t ask_mark_clean(struct payment *self)
{
    char text[16];
    struct buf value;
    buf_init_fixed(&value, text, sizeof text);
    buf_append_u64(&value, self->job->attempt);
    return self->connector->keep->put(self->job, HUB_KEEP_JOB, 0, KEPT_CLEAN,
                                      hub_of_str(buf_view(&value)), 0, payment_kept, self);
}

/* If it could not be noted the next attempt takes the request for doubtful, which is safe. */
static void marked_clean(struct payment *self, int32_t status, const hub_kept *values,
                         uint32_t count)
{
    (void)status;
    (void)values;
    (void)count;
    end_retry(self);
}

/* Nothing has happened at the gateway, this time. */
static void not_taken(struct payment *self, const char *code, struct str message)
{
    if (self->in_doubt) {
        doubt(self, code, message);
        return;
    }
    note(self, code, message);
    payment_ask(self, ask_mark_clean, marked_clean);
}

/* --- Answers, by what was asked ----------------------------------------------------------------*/

static void send_frozen(struct payment *self);
static void build(struct payment *self);

static void read_refusal(struct payment *self)
{
    answer_init(&self->answer);
    self->gateway->refuse(&self->order, self->json, &self->answer);
    self->answer.status = STATUS_FAILED;
}

static void fail_denied(struct payment *self)
{
    end_fail(self, "access_denied",
             STR("The gateway did not accept the account's credentials for this."),
             (struct str){0});
}

/* A read that went wrong has changed nothing. True if it went well. */
static bool read_went_well(struct payment *self, enum verdict verdict)
{
    if (verdict == VERDICT_TAKEN) {
        return true;
    }
    if (verdict == VERDICT_DENIED) {
        fail_denied(self);
    } else if (verdict == VERDICT_REFUSED) {
        read_refusal(self);
        self->answer.status = STATUS_FAILED;
        note(self, "refused",
             self->answer.message.len > 0 ? self->answer.message
                                          : STR("The gateway does not know it."));
        end_fail(self, "refused", str_from_c(self->message), (struct str){0});
    } else {
        payment_retry(self, "gateway_unavailable", STR("The gateway could not be asked."));
    }
    return false;
}

static void took_look(struct payment *self, enum verdict verdict)
{
    if (read_went_well(self, verdict)) {
        json_object_put(self->looked);
        self->looked = self->json;
        self->json = NULL;
        build(self);
    }
}

/* The order of the job that `reconcile` asks about, as far as it is needed to find it. */
static struct order asked_order(const struct payment *self)
{
    struct order order = self->order;
    order.operation = order.asked;
    return order;
}

/* The gateway's knowledge of another job. 404 is knowledge, too. */
static void took_reconcile(struct payment *self, enum verdict verdict)
{
    bool missing = verdict == VERDICT_REFUSED && self->http_status == 404;
    if (!missing && !read_went_well(self, verdict)) {
        return;
    }
    struct order asked = asked_order(self);
    answer_init(&self->answer);
    bool found = !missing && self->gateway->found(&asked, self->json, &self->answer);
    if (!found) {
        answer_init(&self->answer);
        json_object_put(self->json);
        self->json = NULL;
    }
    conclude(self, found ? "found" : "not_found");
}

static void took_read(struct payment *self, enum verdict verdict)
{
    if (self->order.operation == OP_RECONCILE) {
        took_reconcile(self, verdict);
    } else if (read_went_well(self, verdict)) {
        answer_init(&self->answer);
        self->gateway->read(&self->order, self->json, &self->answer);
        conclude(self, "taken");
    }
}

static void took_send(struct payment *self, enum verdict verdict)
{
    char text[64];
    struct buf message;
    buf_init_fixed(&message, text, sizeof text);
    buf_append_format(&message, "The gateway answered with status %u.", self->http_status);
    switch (verdict) {
    case VERDICT_TAKEN:
        answer_init(&self->answer);
        self->gateway->read(&self->order, self->json, &self->answer);
        conclude(self, "taken");
        break;
    case VERDICT_REFUSED:
        read_refusal(self);
        conclude(self, "refused");
        break;
    case VERDICT_NOT_TAKEN:
        not_taken(self, "gateway_busy", buf_view(&message));
        break;
    case VERDICT_DENIED:
        if (self->in_doubt) {
            doubt(self, "access_denied", buf_view(&message));
        } else {
            fail_denied(self);
        }
        break;
    case VERDICT_DOUBT:
        doubt(self, "gateway_failed", buf_view(&message));
    }
}

/* What is not found may be under way all the same: that is `unknown`, and nothing else. */
static void took_find(struct payment *self, enum verdict verdict)
{
    answer_init(&self->answer);
    if (verdict == VERDICT_TAKEN && self->gateway->found(&self->order, self->json, &self->answer)) {
        conclude(self, "found");
    } else {
        end_unknown(self);
    }
}

static void took_hook(struct payment *self, enum verdict verdict)
{
    if (read_went_well(self, verdict)) {
        webhook_looked_up(self);
    }
}

void payment_answered(struct payment *self, uint32_t status, struct json_object *json)
{
    static void (*const TOOK[STEP_COUNT])(struct payment *, enum verdict) = {
        [STEP_LOOK] = took_look, [STEP_READ] = took_read, [STEP_SEND] = took_send,
        [STEP_FIND] = took_find, [STEP_HOOK] = took_hook,
    };
    json_object_put(self->json);
    self->json = json;
    self->http_status = status;
    TOOK[self->step](self, gateway_verdict(self->gateway, status, json));
}

void payment_unanswered(struct payment *self, bool sent, const char *code, struct str message)
{
    if (self->step == STEP_FIND) {
        end_unknown(self);
    } else if (self->step != STEP_SEND) {
        payment_retry(self, code, message);
    } else if (sent) {
        doubt(self, code, message);
    } else {
        not_taken(self, code, message);
    }
}

void payment_unsendable(struct payment *self, const char *code, struct str message)
{
    if (self->step == STEP_FIND) {
        end_unknown(self);
    } else if (self->step == STEP_SEND && self->in_doubt) {
        doubt(self, code, message);
    } else {
        note(self, code, message);
        end_fail(self, code, str_from_c(self->message), (struct str){0});
    }
}

/* --- The request: kept, then sent --------------------------------------------------------------*/

static int32_t ask_intent(struct payment *self)
{
    buf_clear(&self->text);
    result_write_intent(self, &self->text);
    return buf_failed(&self->text)
               ? HUB_CALL_NOMEM
               : self->connector->ledger->append(self->job, HUB_STR("intent"),
                                                 hub_of_str(buf_view(&self->text)), payment_kept,
                                                 self);
}

static void intent_booked(struct payment *self, int32_t status, const hub_kept *values,
                          uint32_t count)
{
    (void)values;
    (void)count;
    if (status != HUB_CALL_OK) {
        not_taken(self, "storage_failed", STR("The ledger did not take the intent."));
        return;
    }
    self->step = STEP_SEND;
    transmit(self);
}

static void send_frozen(struct payment *self)
{
    int64_t age = self->connector->host->wall_ms() - self->frozen_at;
    self->step = STEP_SEND;
    /* A clock that has gone back tells nothing about the key's age either. */
    if (self->in_doubt && (age < 0 || age > self->gateway->key_horizon_ms)) {
        note(self, "key_expired",
             STR("The gateway no longer knows the key of this request: sending it again might "
                 "charge twice."));
        find(self);
    } else if (operation_moves_money(self->order.operation)) {
        payment_ask(self, ask_intent, intent_booked);
    } else {
        transmit(self);
    }
}

static void recall(struct payment *self);

static int32_t ask_freeze(struct payment *self)
{
    buf_clear(&self->text);
    result_write_frozen(self, &self->text);
    return buf_failed(&self->text)
               ? HUB_CALL_NOMEM
               : self->connector->keep->put(self->job, HUB_KEEP_JOB, HUB_KEEP_NEW, KEPT_REQUEST,
                                            hub_of_str(buf_view(&self->text)), 0, payment_kept,
                                            self);
}

static void frozen(struct payment *self, int32_t status, const hub_kept *values, uint32_t count)
{
    (void)values;
    (void)count;
    if (status == HUB_CALL_EXISTS) {
        recall(self); /* an attempt before this one was quicker than its death */
    } else if (status != HUB_CALL_OK) {
        payment_no_storage(self);
    } else {
        self->frozen_at = self->connector->host->wall_ms();
        send_frozen(self);
    }
}

static void build(struct payment *self)
{
    struct hub_error error = {0};
    call_clear(&self->call);
    int needed =
        self->gateway->build(&self->account, &self->order, self->looked, &self->call, &error);
    if (needed < 0) {
        fail_early(self, needed, &error);
    } else if (needed == 0) {
        answer_init(&self->answer);
        self->json = json_object_get(self->looked);
        self->gateway->read(&self->order, self->json, &self->answer);
        complete(self);
    } else if (buf_failed(&self->call.path) || buf_failed(&self->call.body)) {
        end_fail(self, "too_large", STR("The request is larger than can be kept."),
                 (struct str){0});
    } else if (operation_changes(self->order.operation)) {
        payment_ask(self, ask_freeze, frozen);
    } else {
        self->step = STEP_READ;
        transmit(self);
    }
}

static void look(struct payment *self)
{
    struct hub_error error = {0};
    int needed = self->gateway->look(&self->account, &self->order, &self->call, &error);
    if (needed < 0) {
        fail_early(self, needed, &error);
    } else if (needed == 0) {
        build(self);
    } else {
        self->step = STEP_LOOK;
        transmit(self);
    }
}

/* --- What an attempt before this one has kept --------------------------------------------------*/

static int32_t ask_clean(struct payment *self)
{
    return self->connector->keep->get(self->job, HUB_KEEP_JOB, KEPT_CLEAN, payment_kept, self);
}

static void clean_known(struct payment *self, int32_t status, const hub_kept *values,
                        uint32_t count)
{
    uint64_t attempt = 0;
    if (status != HUB_CALL_OK) {
        payment_no_storage(self);
        return;
    }
    if (count == 1 && str_to_u64(str_of_hub(values[0].value), UINT32_MAX, &attempt)) {
        self->in_doubt = attempt + 1 != self->job->attempt;
    }
    send_frozen(self);
}

static int32_t ask_request(struct payment *self)
{
    return self->connector->keep->get(self->job, HUB_KEEP_JOB, KEPT_REQUEST, payment_kept, self);
}

static void request_known(struct payment *self, int32_t status, const hub_kept *values,
                          uint32_t count)
{
    if (status != HUB_CALL_OK) {
        payment_no_storage(self);
    } else if (count == 0) {
        look(self);
    } else if (!result_read_frozen(self, str_of_hub(values[0].value))) {
        note(self, "account_changed",
             STR("The account leads to another gateway or merchant than in an earlier attempt."));
        end_unknown(self);
    } else {
        self->frozen_at = values[0].kept_at;
        self->in_doubt = true;
        payment_ask(self, ask_clean, clean_known);
    }
}

static void recall(struct payment *self)
{
    payment_ask(self, ask_request, request_known);
}

/* --- The beginning -----------------------------------------------------------------------------*/

static int read_job(struct payment *self, struct hub_error *error)
{
    enum operation operation;
    int err = account_read(&self->account, str_of_hub(self->job->account), error);
    if (err < 0) {
        return err;
    }
    self->gateway = gateway_named(self->account.gateway);
    if (!self->gateway || !operation_named(str_of_hub(self->job->operation), &operation)) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT, "the account names no gateway that is here");
    }
    err = json_read(str_of_hub(self->job->input), JSON_DEPTH_MAX, &self->input, NULL, error);
    if (err == 0) {
        err = order_read(&self->order, operation, self->input, str_of_hub(self->job->id),
                         str_of_hub(self->job->idempotency_key), error);
    }
    bool charges = operation == OP_AUTHORIZE || operation == OP_PURCHASE;
    if (err == 0 && charges && self->gateway->needs_method && self->order.payment_method.len == 0 &&
        !self->order.method_object) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT, "%s wants a payment_method",
                        self->gateway->name);
    }
    return err < 0 ? err : self->gateway->base_url(&self->account, &self->base_url, error);
}

/* reconcile: the whole job is the question what became of another one. */
static void start_reconcile(struct payment *self)
{
    struct hub_error error = {0};
    bool needs_payment = self->order.asked != OP_PURCHASE && self->order.asked != OP_AUTHORIZE;
    if (needs_payment && self->order.payment.len == 0) {
        hub_fail(&error, HUB_ERR_INVALID_INPUT,
                 "give the payment that this job was about, too: it is found by that");
        fail_early(self, HUB_ERR_INVALID_INPUT, &error);
        return;
    }
    if (!self->gateway->find) {
        hub_fail(&error, HUB_ERR_NOT_IMPLEMENTED,
                 "%s cannot be asked about a job: its webhooks tell", self->gateway->name);
        fail_early(self, HUB_ERR_NOT_IMPLEMENTED, &error);
        return;
    }
    struct order asked = asked_order(self);
    int err = self->gateway->find(&self->account, &asked, &self->call, &error);
    if (err < 0) {
        fail_early(self, err, &error);
        return;
    }
    self->step = STEP_READ;
    transmit(self);
}

static void begin(struct payment *self)
{
    if (self->order.operation == OP_RECONCILE) {
        start_reconcile(self);
    } else if (self->order.operation == OP_WEBHOOK) {
        webhook_start(self);
    } else if (operation_changes(self->order.operation)) {
        recall(self);
    } else {
        look(self);
    }
}

void payment_start(struct connector *connector, hub_job *job)
{
    struct hub_error error = {0};
    struct payment *self = calloc(1, sizeof *self);
    if (!self) {
        connector->host->retry(job, HUB_STR("out_of_memory"),
                               HUB_STR("There was not enough memory."), 0);
        return;
    }
    self->connector = connector;
    self->job = job;
    job->user = self;
    list_init(&self->link);
    list_init(&self->token_link);
    list_append(&connector->payments, &self->link);
    buf_init(&self->base_url, PATH_MAX_BYTES);
    buf_init(&self->text, TEXT_MAX);
    call_init(&self->call);
    answer_init(&self->answer);
    int err = read_job(self, &error);
    if (err < 0) {
        fail_early(self, err, &error);
    } else {
        begin(self);
    }
}

/* --- Cancel ------------------------------------------------------------------------------------*/

/* hubd makes `unknown` of this if it is a user who no longer wants it, and another attempt if it
 * is hubd itself that stops. */
static void give_up(struct payment *self)
{
    payment_retry(self, "cancelled", STR("The job was cancelled while it was under way."));
}

static void lingered(void *context)
{
    struct payment *self = context;
    self->timer = NULL;
    give_up(self);
}

/* An answer that is on its way is worth a moment: it says for certain what happened. */
void payment_cancel(struct payment *self)
{
    if (self->cancelled) {
        return;
    }
    self->cancelled = true;
    if (self->asking) {
        return; /* payment_kept() goes on */
    }
    bool under_way = self->step == STEP_SEND && self->http_call != NULL;
    self->connector->timers->stop(self->timer);
    self->timer = under_way ? self->connector->timers->start(LINGER_MS, lingered, self) : NULL;
    if (!self->timer) {
        give_up(self);
    }
}
