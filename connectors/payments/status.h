/*
 * status.h — how a payment stands, in one vocabulary for all gateways.
 *
 * Each gateway has a table from its words to these. A word that is in no table means `processing`,
 * never an end: a gateway that grows a new word must not make us believe that a payment is over.
 *
 * Thread: [any].
 */
#ifndef CONNECTORS_PAYMENTS_STATUS_H
#define CONNECTORS_PAYMENTS_STATUS_H

#include "base/str.h"

#define STATUSES(X)                                                                                \
    X(PROCESSING, "processing")           /* under way: ask again, or wait for the webhook */      \
    X(REQUIRES_INPUT, "requires_input")   /* a payment method is missing */                        \
    X(REQUIRES_ACTION, "requires_action") /* the customer must act: next_action */                 \
    X(AUTHORIZED, "authorized")           /* the money is held: capture or void */                 \
    X(SUCCEEDED, "succeeded")                                                                      \
    X(CANCELED, "canceled")                                                                        \
    X(FAILED, "failed")
enum status {
#define X(name, text) STATUS_##name,
    STATUSES(X)
#undef X
        STATUS_COUNT
};

const char *status_text(enum status status);

struct status_word {
    const char *word;
    enum status status;
};

/* By a table that ends with a NULL word; STATUS_PROCESSING if the word is not in it. */
enum status status_of(const struct status_word *table, struct str word);

#endif
