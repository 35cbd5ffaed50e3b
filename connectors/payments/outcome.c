/*
 * outcome.c — how a payment ends: booked into the ledger, then told to hubd.
 *
 * Nothing is reported that is not booked, and nothing is said that would show a secret.
 */
#include "payments.h"

#include <string.h>

/* --- Told to hubd
 * ---------------------------------------------------------------------------------*/

void payment_end_fail(struct payment *self, const char *code, struct str message,
                      struct str details)
{
    self->connector->host->fail(self->job, hub_of_c(code), hub_of_str(message),
                                hub_of_str(details));
    payment_free(self);
}

void payment_end_retry(struct payment *self)
{
    self->connector->host->retry(self->job, hub_of_c(self->code), hub_of_c(self->message),
                                 self->delay_ms);
    payment_free(self);
}

void payment_succeed(struct payment *self, const struct buf *result)
{
    if (buf_failed(result)) {
        payment_no_memory(self);
        return;
    }
    self->connector->host->succeed(self->job, hub_of_str(buf_view(result)));
    payment_free(self);
}

/* Remembers why, in words without secrets. */
void payment_note(struct payment *self, const char *code, struct str message)
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
    payment_note(self, code, message);
    payment_end_retry(self);
}

void payment_no_memory(struct payment *self)
{
    payment_retry(self, "out_of_memory", STR("There was not enough memory."));
}

void payment_fail(struct payment *self, const char *code, struct str message)
{
    payment_note(self, code, message);
    payment_end_fail(self, code, str_from_c(self->message), (struct str){0});
}

/* An error that gateway or account tell before anything was sent. */
void payment_fail_early(struct payment *self, int err, const struct hub_error *error)
{
    if (err == HUB_ERR_NOMEM) {
        payment_no_memory(self);
        return;
    }
    const char *code = err == HUB_ERR_NOT_IMPLEMENTED ? "not_supported" : "invalid_input";
    payment_note(self, code, str_from_c(error->detail));
    payment_end_fail(self, code, str_from_c(self->message), (struct str){0});
}

bool payment_is_last_attempt(const struct payment *self)
{
    return self->job->attempt >= self->job->max_attempts;
}

/* --- Booked
 * --------------------------------------------------------------------------------------*/

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
    payment_note(self, code, buf_view(&message));
}

void payment_complete(struct payment *self)
{
    struct buf result;
    buf_init(&result, ANSWER_MAX);
    result_write(self, &result);
    if (!buf_failed(&result) && is_failure(self)) {
        const char *code = failure_code(self);
        describe_failure(self, code);
        payment_end_fail(self, code, str_from_c(self->message), buf_view(&result));
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
    payment_complete(self);
}

void payment_conclude(struct payment *self, const char *outcome)
{
    self->outcome = outcome;
    if (operation_moves_money(self->order.operation)) {
        payment_ask(self, ask_book, booked);
    } else {
        payment_complete(self);
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

void payment_end_unknown(struct payment *self)
{
    self->outcome = "unknown";
    self->answer.status = STATUS_PROCESSING;
    payment_ask(self, ask_book, unknown_booked);
}
