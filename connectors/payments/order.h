/*
 * order.h — what a job asks for, read from its input once and checked.
 *
 * The JSON has passed its schema; here is checked what a schema cannot say: that it holds no card
 * number, that the amount has a currency, that the operation and `capture_method` agree.
 *
 * Views live as long as `input`. Thread: [any].
 */
#ifndef CONNECTORS_PAYMENTS_ORDER_H
#define CONNECTORS_PAYMENTS_ORDER_H

#include "base/error.h"
#include "base/json.h"

/* X(NAME, name, moves money, changes something at the gateway) */
#define OPERATIONS(X)                                                                              \
    X(AUTHORIZE, "authorize", true, true)                                                          \
    X(PURCHASE, "purchase", true, true)                                                            \
    X(CAPTURE, "capture", true, true)                                                              \
    X(VOID, "void", true, true)                                                                    \
    X(REFUND, "refund", true, true)                                                                \
    X(CONFIRM, "confirm", true, true)                                                              \
    X(GET, "get", false, false)                                                                    \
    X(STORE, "store", false, true)                                                                 \
    X(UNSTORE, "unstore", false, true)                                                             \
    X(LIST, "list", false, false)                                                                  \
    X(RECONCILE, "reconcile", false, false)                                                        \
    X(VERIFY_ACCOUNT, "verify_account", false, false)                                              \
    X(WEBHOOK, "webhook", false, false)
enum operation {
#define X(name, text, money, change) OP_##name,
    OPERATIONS(X)
#undef X
        OP_COUNT
};

enum three_ds { THREE_DS_AUTOMATIC, THREE_DS_REQUIRED, THREE_DS_SKIP };

struct order {
    enum operation operation;
    enum operation asked; /* of `reconcile`: what the job that is asked about was to do */
    struct str job;       /* whose order it is: of `reconcile`, the job that is asked about */
    struct str key;       /* the idempotency key */
    struct json_object *input;
    bool has_amount;
    int64_t amount; /* minor units after ISO 4217, > 0 */
    struct str currency;
    bool manual_capture;
    bool final; /* a capture: the rest is released */
    bool off_session;
    enum three_ds three_ds;
    struct str payment;
    struct str capture;                /* of which capture a refund is */
    struct str payment_method;         /* a token; or */
    struct json_object *method_object; /* what the gateway's own front end has made */
    struct str customer;
    struct str return_url;
    struct str reference;
    struct str description;
    struct str statement_descriptor;
    struct json_object *billing;
    struct json_object *metadata;
    struct json_object *details; /* `confirm`: what the customer came back with */
};

const char *operation_name(enum operation operation);
bool operation_named(struct str name, enum operation *ret_operation);
bool operation_moves_money(enum operation operation);
bool operation_changes(enum operation operation); /* and so has a key and is frozen */

/* HUB_ERR_INVALID_INPUT with a sentence. Borrows `input`. */
HUB_MUST_CHECK int order_read(struct order *self, enum operation operation,
                              struct json_object *input, struct str job, struct str key,
                              struct hub_error *error);

/* Is there a payment card's number in `text`? 12 to 19 digits, perhaps with blanks or hyphens
 * between them, of which the last is right after ISO/IEC 7812-1 annex B (Luhn). */
bool text_has_card_number(struct str text);

#endif
