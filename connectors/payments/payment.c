/*
 * payment.c — one job from its beginning to its end, and what it asks hubd to keep.
 *
 *     payment_start ─▶ begin ─▶ once.c       what changes something at the gateway
 *                            ─▶ once.c       what only reads, from once_look() on
 *                            ─▶ reconcile.c  what does the gateway know of another job?
 *                            ─▶ webhook.c    what the gateway tells of its own accord
 *     transmit.c ─▶ answer.c ─▶ outcome.c ─▶ payment_free
 */
#include "payments.h"

#include <stdlib.h>

#define SOON_MS   5   /* until hubd's storage is asked again when it takes no more calls */
#define LINGER_MS 600 /* that a cancelled job waits for the answer of what has left */

/* --- Life --------------------------------------------------------------------------------------*/

void payment_free(struct payment *self)
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

/* --- hubd's storage ----------------------------------------------------------------------------*/

/* hubd makes `unknown` of this if it is a user who no longer wants it, and another attempt if it
 * is hubd itself that stops. */
static void give_up(struct payment *self)
{
    payment_retry(self, "cancelled", STR("The job was cancelled while it was under way."));
}

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

static void begin(struct payment *self)
{
    if (self->order.operation == OP_RECONCILE) {
        reconcile_start(self);
    } else if (self->order.operation == OP_LIST) {
        list_start(self);
    } else if (self->order.operation == OP_WEBHOOK) {
        webhook_start(self);
    } else if (operation_changes(self->order.operation)) {
        once_recall(self);
    } else {
        once_look(self);
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
        payment_fail_early(self, err, &error);
    } else {
        begin(self);
    }
}

/* --- Cancel ------------------------------------------------------------------------------------*/

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
