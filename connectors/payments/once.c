/*
 * once.c — the rule that nobody is charged twice.
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
 *       │                                    the request is never sent again.
 *       ├ taken, refused ─▶ answer, into the ledger ─▶ succeed or fail
 *       ├ not taken, nothing in doubt ─▶ noted, so that the next attempt knows ─▶ retry
 *       └ doubt ─▶ retry; in the last attempt find
 *                                      ├ found: as taken
 *                                      └ not found: unknown
 *
 * "In doubt" is a request that may have left before without a known answer. What looks like a
 * plain failure (401, 429, no connection) is then none, since it says nothing about the time
 * before.
 *
 * An attempt that settles (HUB_OPERATION_SETTLES) comes after the last one, later: what the gateway
 * did not know a moment after the charge it may know by now. It finds first; what is not found is
 * repeated with its key while the gateway knows keys; nothing is begun that had not begun before.
 */
#include "payments.h"

#define KEPT_REQUEST HUB_STR("request")
#define KEPT_CLEAN   HUB_STR("clean") /* the last attempt that has left nothing in doubt */

/* --- Doubt -------------------------------------------------------------------------------------*/

/* It comes after the last attempt: see above. */
static bool settles(const struct payment *self)
{
    return self->job->attempt > self->job->max_attempts;
}

/* What became of the request: the gateway is asked, if it can be. */
static void find(struct payment *self)
{
    struct hub_error error = {0};
    call_clear(&self->call);
    int found = self->gateway->find
                    ? self->gateway->find(&self->account, &self->order, &self->call, &error)
                    : 0;
    self->asked_gateway = found == 1 && !buf_failed(&self->call.path);
    if (self->asked_gateway) {
        self->step = STEP_FIND;
        transmit(self);
    } else {
        once_not_found(self);
    }
}

void once_doubt(struct payment *self, const char *code, struct str message)
{
    self->in_doubt = true;
    payment_note(self, code, message);
    if (payment_is_last_attempt(self) && !settles(self)) {
        find(self);
    } else {
        payment_end_retry(self);
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
    payment_end_retry(self);
}

/* Nothing has happened at the gateway, this time. */
void once_not_taken(struct payment *self, const char *code, struct str message)
{
    if (self->in_doubt) {
        once_doubt(self, code, message);
        return;
    }
    payment_note(self, code, message);
    payment_ask(self, ask_mark_clean, marked_clean);
}

/* --- The request: kept, then sent --------------------------------------------------------------*/

/* Every attempt was cut short before the request had left. */
static void fail_unsent(struct payment *self)
{
    payment_fail(self, "attempts_used_up", STR("No attempt got as far as to send the request."));
}

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
        once_not_taken(self, "storage_failed", STR("The ledger did not take the intent."));
        return;
    }
    self->step = STEP_SEND;
    transmit(self);
}

static void send_with_key(struct payment *self)
{
    self->sent = true;
    self->step = STEP_SEND;
    if (operation_moves_money(self->order.operation)) {
        payment_ask(self, ask_intent, intent_booked);
    } else {
        transmit(self);
    }
}

static void send_frozen(struct payment *self)
{
    int64_t age = self->connector->host->wall_ms() - self->frozen_at;
    /* A clock that has gone back tells nothing about the key's age either. */
    self->key_expired = self->in_doubt && (age < 0 || age > self->gateway->key_horizon_ms);
    if (self->key_expired) {
        payment_note(self, "key_expired",
                     STR("The gateway no longer knows the key of this request: sending it again "
                         "might charge twice."));
        find(self);
    } else if (!settles(self)) {
        send_with_key(self);
    } else if (self->in_doubt) {
        payment_note(self, "cut_short",
                     STR("An attempt was cut short, and the gateway has not told what became of "
                         "its request."));
        find(self);
    } else {
        fail_unsent(self);
    }
}

static int32_t ask_request(struct payment *self)
{
    return self->connector->keep->get(self->job, HUB_KEEP_JOB, KEPT_REQUEST, payment_kept, self);
}

/* The question has taken the request's place. */
static void request_back(struct payment *self, int32_t status, const hub_kept *values,
                         uint32_t count)
{
    if (status == HUB_CALL_OK && count == 1 &&
        result_read_frozen(self, str_of_hub(values[0].value))) {
        send_with_key(self);
    } else {
        payment_no_storage(self);
    }
}

void once_not_found(struct payment *self)
{
    bool may_tell_later = self->asked_gateway || !self->key_expired;
    if (settles(self) && !self->key_expired && !self->sent) {
        payment_ask(self, ask_request, request_back);
    } else if (may_tell_later && (settles(self) || !payment_is_last_attempt(self))) {
        payment_end_retry(self);
    } else {
        payment_end_unknown(self);
    }
}

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
        once_recall(self); /* an attempt before this one was quicker than its death */
    } else if (status != HUB_CALL_OK) {
        payment_no_storage(self);
    } else {
        self->frozen_at = self->connector->host->wall_ms();
        send_frozen(self);
    }
}

void once_build(struct payment *self)
{
    struct hub_error error = {0};
    call_clear(&self->call);
    int needed =
        self->gateway->build(&self->account, &self->order, self->looked, &self->call, &error);
    if (needed < 0) {
        payment_fail_early(self, needed, &error);
    } else if (needed == 0) {
        answer_init(&self->answer);
        self->json = json_object_get(self->looked);
        self->gateway->read(&self->order, self->json, &self->answer);
        payment_complete(self);
    } else if (buf_failed(&self->call.path) || buf_failed(&self->call.body)) {
        payment_end_fail(self, "too_large", STR("The request is larger than can be kept."),
                         (struct str){0});
    } else if (operation_changes(self->order.operation)) {
        payment_ask(self, ask_freeze, frozen);
    } else {
        self->step = STEP_READ;
        transmit(self);
    }
}

void once_look(struct payment *self)
{
    struct hub_error error = {0};
    int needed = self->gateway->look(&self->account, &self->order, &self->call, &error);
    if (needed < 0) {
        payment_fail_early(self, needed, &error);
    } else if (needed == 0) {
        once_build(self);
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

static void request_known(struct payment *self, int32_t status, const hub_kept *values,
                          uint32_t count)
{
    if (status != HUB_CALL_OK) {
        payment_no_storage(self);
    } else if (count == 0 && settles(self)) {
        fail_unsent(self);
    } else if (count == 0) {
        once_look(self);
    } else if (!result_read_frozen(self, str_of_hub(values[0].value))) {
        payment_note(
            self, "account_changed",
            STR("The account leads to another gateway or merchant than in an earlier attempt."));
        payment_end_unknown(self);
    } else {
        self->frozen_at = values[0].kept_at;
        self->in_doubt = true;
        payment_ask(self, ask_clean, clean_known);
    }
}

void once_recall(struct payment *self)
{
    payment_ask(self, ask_request, request_known);
}
