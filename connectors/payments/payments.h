/*
 * payments.h — the connector's parts and how they know each other.
 *
 *     payments.c   the descriptor; jobs begin and are cancelled here
 *     payment.c    one job from its beginning to its end, and what it asks hubd to keep
 *     once.c       the rule that nobody is charged twice
 *     answer.c     what an answer means, by what was asked
 *     outcome.c    how a payment ends: booked, then told
 *     reconcile.c  what does the gateway know of another job?
 *     list.c       what does the gateway have of a range of time?
 *     transmit.c   a request out, an answer in
 *     token.c      what common/token.h needs to know to fetch PayPal's tokens
 *     result.c     what a job's result, a ledger's entry and a kept request look like
 *     redact.c     the gateway's own answer without what must not be stored
 *     webhook.c    what gateways tell of their own accord
 *     simulator.c  a gateway without a network, for development
 *     gateway.h    what the gateways are: stripe.c, paypal.c (with paypal_signature.c), adyen.c,
 *                  mollie.c; what several of them do alike is in gateway_parts.c
 *     order.h account.h amount.h status.h decline.h hook.h
 *
 * Everything runs on [main]; nothing blocks.
 */
#ifndef CONNECTORS_PAYMENTS_PAYMENTS_H
#define CONNECTORS_PAYMENTS_PAYMENTS_H

#include "gateway.h"

#include "base/list.h"

#include "connectors/common/entry.h"
#include "connectors/common/token.h"

#include <hub/connector.h>

#define TEXT_MAX    (60u << 10) /* of what is kept, and of a result without its raw answer */
#define ANSWER_MAX  (256u << 10)
#define MESSAGE_MAX 512

struct simulation;
struct webhook;

struct connector {
    const hub_host *host;
    const hub_http_api *http;
    const hub_timer_api *timers;
    const hub_keep_api *keep;
    const hub_ledger_api *ledger;
    struct list payments;
    struct tokens tokens; /* by the account's partition */
    /* PayPal's certificate that was fetched last. It comes from PayPal's own host, so that it may
     * be used again for a while. */
    struct buf certificate_url;
    struct buf certificate;
    int64_t certificate_until; /* on now_ms() */
};

/* What is asked of the gateway at the moment, and so what its answer means. */
enum step {
    STEP_LOOK, /* a read that the request needs */
    STEP_READ, /* the whole operation is a read */
    STEP_SEND, /* the request itself, frozen and with its key */
    STEP_FIND, /* what became of a request whose answer was lost? */
    STEP_HOOK, /* a read: what a webhook only names */
    STEP_COUNT
};

struct payment;
typedef int32_t ask_fn(struct payment *self);
typedef void asked_fn(struct payment *self, int32_t status, const hub_kept *values, uint32_t count);

/* A job that is not yet completed. */
struct payment {
    struct connector *connector;
    hub_job *job;
    struct list link; /* in connector.payments */
    const struct gateway *gateway;
    struct account account;
    struct json_object *input;
    struct order order;
    struct buf base_url;
    struct call call;
    struct buf text; /* what is being kept or booked */
    enum step step;
    int64_t frozen_at;  /* when the request was kept, wall clock */
    bool in_doubt;      /* the request may have reached the gateway before */
    bool key_expired;   /* in doubt, and the gateway has forgotten the key */
    bool sent;          /* in this attempt */
    bool asked_gateway; /* what became of it */
    bool cancelled;
    const char *outcome;        /* once it is known: taken, refused, found, not_found, unknown */
    struct json_object *looked; /* what STEP_LOOK got */
    struct json_object *json;   /* the last answer */
    uint32_t http_status;
    struct answer answer;
    char code[65]; /* why another attempt, or unknown */
    char message[MESSAGE_MAX];
    uint64_t delay_ms; /* that the gateway asks for */
    /* What it waits for. */
    bool asking; /* hubd keeps or books something: the job must not be completed */
    ask_fn *ask;
    asked_fn *asked;
    hub_timer *timer;
    hub_http_call *http_call;
    struct buf authorization;
    bool token_is_fresh;
    struct list token_link; /* while a token is fetched */
    struct simulation *simulation;
    struct webhook *webhook;
};

/* --- payment.c ---------------------------------------------------------------------------------*/

void payment_start(struct connector *connector, hub_job *job);
void payment_cancel(struct payment *self);
void payment_free(struct payment *self);

/* Calls hubd's storage by `ask`, and later `then`, with the status that came of it. */
void payment_ask(struct payment *self, ask_fn *ask, asked_fn *then);
void payment_kept(void *context, int32_t status, const hub_kept *values, uint32_t count);
void payment_no_storage(struct payment *self); /* another attempt, since it failed */

/* --- once.c ------------------------------------------------------------------------------------*/

/* What changes something begins with recall(), what only reads with look(). */
void once_recall(struct payment *self);
void once_look(struct payment *self);
void once_build(struct payment *self); /* STEP_LOOK has got self->looked */

/* How STEP_SEND may end without an answer that tells: it may have been carried out, or was not. */
void once_doubt(struct payment *self, const char *code, struct str message);
void once_not_taken(struct payment *self, const char *code, struct str message);
void once_not_found(struct payment *self); /* STEP_FIND has found nothing out */

/* --- answer.c ----------------------------------------------------------------------------------*/

/* The gateway has answered, or it is certain that it will not. Each may end the payment. */
void payment_answered(struct payment *self, uint32_t status, struct json_object *json);
/* No answer: `sent` says whether the request may have arrived. */
void payment_unanswered(struct payment *self, bool sent, const char *code, struct str message);
/* It cannot be sent at all, now or later. */
void payment_unsendable(struct payment *self, const char *code, struct str message);
/* A read that went wrong has changed nothing, and ends the payment. True if it went well. */
bool payment_read_went_well(struct payment *self, enum verdict verdict);

/* --- reconcile.c -------------------------------------------------------------------------------*/

void reconcile_start(struct payment *self);
void reconcile_answered(struct payment *self, enum verdict verdict);

/* --- list.c ------------------------------------------------------------------------------------*/

void list_start(struct payment *self);
void list_answered(struct payment *self, enum verdict verdict);

/* --- outcome.c ---------------------------------------------------------------------------------*/

bool payment_is_last_attempt(const struct payment *self);

/* Remembers why it did not work, in words without secrets: for the next two. */
void payment_note(struct payment *self, const char *code, struct str message);

/* Each completes the job and frees the payment. What they are told is left out where it would show
 * a secret. */
void payment_end_retry(struct payment *self);
void payment_end_unknown(struct payment *self); /* booked first */
void payment_end_fail(struct payment *self, const char *code, struct str message,
                      struct str details);
void payment_succeed(struct payment *self, const struct buf *result);
void payment_fail(struct payment *self, const char *code, struct str message);
/* An error that gateway or account tell before anything was sent. */
void payment_fail_early(struct payment *self, int err, const struct hub_error *error);
void payment_retry(struct payment *self, const char *code, struct str message);
void payment_no_memory(struct payment *self);

/* By self->answer. `outcome` is how it is known: taken, refused, found, not_found. */
void payment_conclude(struct payment *self, const char *outcome); /* booked first */
void payment_complete(struct payment *self);

/* --- transmit.c --------------------------------------------------------------------------------*/

/* Sends self->call, with the key if it is the request itself; payment_answered() and the like
 * follow, not before this has returned unless nothing could be sent. */
void transmit(struct payment *self);
void transmit_abandon(struct payment *self); /* the answer is not waited for any more */
/* The milliseconds that are left of the job's time for a request, at most `most`, at least 1. */
uint32_t transmit_time_left(const struct payment *self, uint32_t most);
/* The key that the gateway knows the request by: the job's, the same in every attempt. */
#define TRANSMIT_KEY_MAX 96
struct str transmit_key(const struct payment *self, char *room, size_t size);

/* --- token.c -----------------------------------------------------------------------------------*/

extern const struct token_rules PAYMENT_TOKENS;

/* The account's token if there is one; else the payment waits for it and goes on by transmit(), or
 * ends. */
struct str payment_token(struct payment *self);
void payment_forget_token(struct payment *self); /* it was refused */

/* --- result.c ----------------------------------------------------------------------------------*/

void result_write(const struct payment *self, struct buf *json);
void result_write_intent(const struct payment *self, struct buf *json);
void result_write_answer(const struct payment *self, struct buf *json);
/* The request as it is kept, and back into self->call: false if it is not for this account. */
void result_write_frozen(const struct payment *self, struct buf *json);
bool result_read_frozen(struct payment *self, struct str json);

/* --- redact.c ----------------------------------------------------------------------------------*/

/* Appends `value` without secrets, card numbers and what says who the customer is. */
void redact_append(struct buf *json, struct json_object *value, const struct account *account);
/* Is there nothing in this text that must be left out? */
bool redact_is_clean(struct str text, const struct account *account);

/* --- webhook.c ---------------------------------------------------------------------------------*/

void webhook_start(struct payment *payment);
void webhook_looked_up(struct payment *payment); /* STEP_HOOK has got payment->json */
void webhook_free(struct payment *payment);

/* --- simulator.c -------------------------------------------------------------------------------*/

void simulator_transmit(struct payment *self);
void simulator_abandon(struct payment *self);

#endif
