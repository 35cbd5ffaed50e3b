/*
 * decline.h — why a payment was declined, in one vocabulary, with what to do about it.
 *
 * Each gateway has a table from its codes to these; a code that is in no table is `declined`.
 *
 * Thread: [any].
 */
#ifndef CONNECTORS_PAYMENTS_DECLINE_H
#define CONNECTORS_PAYMENTS_DECLINE_H

#include "base/str.h"

/*
 * X(NAME, code, advice). Advice is public: retry_later, the same method may work another time;
 * new_method, another one is needed; authenticate, the customer must be there and prove who they
 * are; do_not_retry, neither now nor later, with this method.
 */
#define DECLINES(X)                                                                                \
    X(DECLINED, "declined", "new_method")                                                          \
    X(INSUFFICIENT_FUNDS, "insufficient_funds", "retry_later")                                     \
    X(LIMIT_EXCEEDED, "limit_exceeded", "retry_later")                                             \
    X(EXPIRED, "expired_method", "new_method")                                                     \
    X(INVALID_METHOD, "invalid_method", "new_method")                                              \
    X(INVALID_CVC, "invalid_cvc", "new_method")                                                    \
    X(INVALID_PIN, "invalid_pin", "new_method")                                                    \
    X(INVALID_ADDRESS, "invalid_address", "new_method")                                            \
    X(NOT_SUPPORTED, "not_supported", "new_method")                                                \
    X(NOT_PERMITTED, "not_permitted", "new_method")                                                \
    X(AUTHENTICATION_REQUIRED, "authentication_required", "authenticate")                          \
    X(AUTHENTICATION_FAILED, "authentication_failed", "new_method")                                \
    X(LOST_OR_STOLEN, "lost_or_stolen", "do_not_retry")                                            \
    X(FRAUD, "suspected_fraud", "do_not_retry")                                                    \
    X(BLOCKED, "blocked", "do_not_retry")                                                          \
    X(REVOKED, "revoked", "do_not_retry")                                                          \
    X(DUPLICATE, "duplicate", "do_not_retry")                                                      \
    X(CUSTOMER_CANCELED, "canceled_by_customer", "do_not_retry")                                   \
    X(ISSUER_UNAVAILABLE, "issuer_unavailable", "retry_later")                                     \
    X(PROCESSING_ERROR, "processing_error", "retry_later")

enum decline_code {
#define X(name, code, advice) DECLINE_##name,
    DECLINES(X)
#undef X
        DECLINE_COUNT
};

struct decline {
    const char *code;
    const char *advice;
};

struct decline_word {
    const char *word;
    enum decline_code code;
};

const struct decline *decline_get(enum decline_code code);
/* By a table that ends with a NULL word; `declined` if it is not there. */
const struct decline *decline_of(const struct decline_word *table, struct str word);

#endif
