/*
 * reconcile.c — what does the gateway know of another job? Reads, and changes nothing.
 */
#include "payments.h"

/* The order of the job that `reconcile` asks about, as far as it is needed to find it. */
static struct order asked_order(const struct payment *self)
{
    struct order order = self->order;
    order.operation = order.asked;
    return order;
}

/* The gateway's knowledge of another job. 404 is knowledge, too. */
void reconcile_answered(struct payment *self, enum verdict verdict)
{
    bool missing = verdict == VERDICT_REFUSED && self->http_status == 404;
    if (!missing && !payment_read_went_well(self, verdict)) {
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
    payment_conclude(self, found ? "found" : "not_found");
}

/* reconcile: the whole job is the question what became of another one. */
void reconcile_start(struct payment *self)
{
    struct hub_error error = {0};
    bool needs_payment = self->order.asked != OP_PURCHASE && self->order.asked != OP_AUTHORIZE;
    if (needs_payment && self->order.payment.len == 0) {
        hub_fail(&error, HUB_ERR_INVALID_INPUT,
                 "give the payment that this job was about, too: it is found by that");
        payment_fail_early(self, HUB_ERR_INVALID_INPUT, &error);
        return;
    }
    if (!self->gateway->find) {
        hub_fail(&error, HUB_ERR_NOT_IMPLEMENTED,
                 "%s cannot be asked about a job: its webhooks tell", self->gateway->name);
        payment_fail_early(self, HUB_ERR_NOT_IMPLEMENTED, &error);
        return;
    }
    struct order asked = asked_order(self);
    int err = self->gateway->find(&self->account, &asked, &self->call, &error);
    if (err < 0) {
        payment_fail_early(self, err, &error);
        return;
    }
    self->step = STEP_READ;
    transmit(self);
}
