/*
 * gateway_parts.h — what several gateways do alike: pieces of requests and of answers.
 *
 * Here stands only what is one idea at more than one gateway. What merely looks alike, because two
 * gateways happen to name a member the same, stays with each.
 *
 *     static const struct amount_style AMOUNTS = {"currency", DIGITS_ISO, .decimal = true};
 *     err = write_amount(&call->body, &AMOUNTS, order, error);
 *     …
 *     answer->status = status_in(json, STATUS_WORDS);
 *     (void)read_amount(json, "amount", &AMOUNTS, answer, &answer->requested);
 *
 * Views point into the JSON that they were read from. Thread: [any], pure.
 */
#ifndef CONNECTORS_PAYMENTS_GATEWAY_PARTS_H
#define CONNECTORS_PAYMENTS_GATEWAY_PARTS_H

#include "amount.h"
#include "gateway.h"

/* A gateway's authenticate(): the account's api_key as a bearer token (RFC 6750 §2.1). */
void authenticate_by_key(const struct account *account, struct str token, struct buf *value);

/* --- Requests ----------------------------------------------------------------------------------*/

/* call_path() for a request that has no body, and so no type. */
void call_bodyless(struct call *self, const char *method, const char *head, struct str id,
                   const char *tail);

/* An amount that is an object of a currency and a value. */
struct amount_style {
    const char *currency; /* the member's name */
    const struct digits_rule *digits;
    bool decimal; /* "12.34"; else the gateway's unit as a number */
};

/* "amount":{…}, the order's. As amount_to(). */
HUB_MUST_CHECK int write_amount(struct buf *body, const struct amount_style *style,
                                const struct order *order, struct hub_error *error);

/* "metadata":{…}, by which find_of_job() and webhooks know whose it is: the job, `reference` if
 * there is one, and what the order brings along. */
void write_metadata(struct buf *body, const struct order *order, struct str reference);

/* --- Answers -----------------------------------------------------------------------------------*/

struct str text_of(struct json_object *json, const char *name); /* empty: there is none */

/* What the word in "status" means, by a table as status_of() takes it. */
enum status status_in(struct json_object *json, const struct status_word *words);

/* The amount in the member `name`, and the answer's currency with it. False, and nothing changed:
 * there is none, or it is not exact. */
bool read_amount(struct json_object *json, const char *name, const struct amount_style *style,
                 struct answer *answer, int64_t *ret_amount);

/* `unstore` and `verify_account`: what matters of the answer is that it is one. The method is the
 * order's, and `verify_account` has none. */
void read_success(const struct order *order, struct answer *answer);

/* The one of a list whose write_metadata() names this job; NULL: none does. */
struct json_object *find_of_job(struct json_object *list, struct str job);

#endif
