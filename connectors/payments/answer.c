/*
 * answer.c — what an answer means, by what was asked: a read, the request itself, what became of
 * it.
 */
#include "payments.h"

#include "write.h"

static void read_refusal(struct payment *self)
{
    answer_init(&self->answer);
    self->gateway->refuse(&self->order, self->json, &self->answer);
    self->answer.status = STATUS_FAILED;
}

static void fail_denied(struct payment *self)
{
    payment_end_fail(self, "access_denied",
                     STR("The gateway did not accept the account's credentials for this."),
                     (struct str){0});
}

/* A read that went wrong has changed nothing. True if it went well. */
bool payment_read_went_well(struct payment *self, enum verdict verdict)
{
    if (verdict == VERDICT_TAKEN) {
        return true;
    }
    if (verdict == VERDICT_DENIED) {
        fail_denied(self);
    } else if (verdict == VERDICT_REFUSED) {
        read_refusal(self);
        self->answer.status = STATUS_FAILED;
        payment_note(self, "refused",
                     self->answer.message.len > 0 ? self->answer.message
                                                  : STR("The gateway does not know it."));
        payment_end_fail(self, "refused", str_from_c(self->message), (struct str){0});
    } else {
        payment_retry(self, "gateway_unavailable", STR("The gateway could not be asked."));
    }
    return false;
}

static void took_look(struct payment *self, enum verdict verdict)
{
    if (payment_read_went_well(self, verdict)) {
        json_object_put(self->looked);
        self->looked = self->json;
        self->json = NULL;
        once_build(self);
    }
}

static void took_read(struct payment *self, enum verdict verdict)
{
    if (self->order.operation == OP_RECONCILE) {
        reconcile_answered(self, verdict);
    } else if (self->order.operation == OP_LIST) {
        list_answered(self, verdict);
    } else if (payment_read_went_well(self, verdict)) {
        answer_init(&self->answer);
        self->gateway->read(&self->order, self->json, &self->answer);
        payment_conclude(self, "taken");
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
        payment_conclude(self, "taken");
        break;
    case VERDICT_REFUSED:
        read_refusal(self);
        payment_conclude(self, "refused");
        break;
    case VERDICT_NOT_TAKEN:
        once_not_taken(self, "gateway_busy", buf_view(&message));
        break;
    case VERDICT_DENIED:
        if (self->in_doubt) {
            once_doubt(self, "access_denied", buf_view(&message));
        } else {
            fail_denied(self);
        }
        break;
    case VERDICT_DOUBT:
        once_doubt(self, "gateway_failed", buf_view(&message));
    }
}

/* What is not found may be under way all the same: that is `unknown`, and nothing else. */
static void took_find(struct payment *self, enum verdict verdict)
{
    answer_init(&self->answer);
    if (verdict == VERDICT_TAKEN && self->gateway->found(&self->order, self->json, &self->answer)) {
        payment_conclude(self, "found");
    } else {
        once_not_found(self);
    }
}

static void took_hook(struct payment *self, enum verdict verdict)
{
    if (payment_read_went_well(self, verdict)) {
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
        once_not_found(self);
    } else if (self->step != STEP_SEND) {
        payment_retry(self, code, message);
    } else if (sent) {
        once_doubt(self, code, message);
    } else {
        once_not_taken(self, code, message);
    }
}

void payment_unsendable(struct payment *self, const char *code, struct str message)
{
    if (self->step == STEP_FIND) {
        once_not_found(self);
    } else if (self->step == STEP_SEND && self->in_doubt) {
        once_doubt(self, code, message);
    } else {
        payment_note(self, code, message);
        payment_end_fail(self, code, str_from_c(self->message), (struct str){0});
    }
}
