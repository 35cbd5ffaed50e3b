/*
 * gateway.h — what a payment gateway is to this connector.
 *
 * One file per gateway fills in one struct gateway: how a job's order becomes a request, and how
 * the gateway's words become ours. A gateway's functions are pure: they neither send nor wait nor
 * keep anything. payment.c does; the rule that nobody is charged twice lives in once.c alone.
 *
 *     look()   a request that only reads and must come first; most operations need none
 *     build()  the request itself, made once for a job and never again
 *     read()   a 2xx answer → struct answer
 *     refuse() any other answer → why
 *     find()   a request that only reads: what became of this job? found() reads the answer
 *     verify() is this webhook genuine, and what does it tell? see hook.h
 *
 * Amounts are integers of the currency's minor unit after ISO 4217 on our side; each gateway
 * converts where its own unit differs, see amount.h.
 *
 * Views in a struct answer point into the answer's JSON or into static text.
 * Thread: [any], pure.
 */
#ifndef CONNECTORS_PAYMENTS_GATEWAY_H
#define CONNECTORS_PAYMENTS_GATEWAY_H

#include "account.h"
#include "decline.h"
#include "order.h"
#include "status.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"

struct hook;
struct hook_events;
struct payment;

#define PATH_MAX_BYTES 2048
#define BODY_MAX_BYTES (40u << 10) /* a frozen request must fit into one kept value */

/* A request without what proves who we are: fit to be kept. */
struct call {
    struct buf path; /* with the query; behind the account's base URL */
    struct buf body;
    struct str method;
    struct str type; /* of the body; none: no body */
};

enum next_action { NEXT_NONE, NEXT_REDIRECT, NEXT_QR, NEXT_WAIT, NEXT_CONFIRM };

/* The gateway's names for what the operation touched. */
#define ANSWER_IDS(X)                                                                              \
    X(PAYMENT, "payment")                                                                          \
    X(AUTHORIZATION, "authorization")                                                              \
    X(CHARGE, "charge")                                                                            \
    X(CAPTURE, "capture")                                                                          \
    X(REFUND, "refund")                                                                            \
    X(CUSTOMER, "customer")                                                                        \
    X(PAYMENT_METHOD, "payment_method")
enum answer_id {
#define X(name, text) ID_##name,
    ANSWER_IDS(X)
#undef X
        ID_COUNT
};

#define AMOUNT_UNKNOWN INT64_MIN

struct answer {
    enum status status;
    struct str ids[ID_COUNT];
    struct str currency; /* upper case; none: the order's */
    int64_t requested;   /* in ISO minor units, or AMOUNT_UNKNOWN */
    int64_t authorized;  /* the same */
    int64_t captured;    /* the same */
    int64_t refunded;    /* the same */
    enum next_action next;
    struct str next_value;         /* a URL, or what a QR code shows */
    const struct decline *decline; /* NULL: nobody has declined */
    struct str gateway_code;       /* the gateway's own word for it */
    struct str message;            /* the gateway's sentence */
};

/* What an HTTP status means for the request that it answers. */
enum verdict {
    VERDICT_TAKEN,     /* it was carried out: read() tells how */
    VERDICT_REFUSED,   /* it was not carried out, and never will be */
    VERDICT_NOT_TAKEN, /* it was not carried out; the same request may be sent again */
    VERDICT_DENIED,    /* our credentials were not accepted */
    VERDICT_DOUBT      /* it may have been carried out */
};

/* An exception from status_verdict() in verdict.c. */
struct verdict_rule {
    uint32_t status;
    const char *code; /* the gateway's error code; NULL: any */
    enum verdict verdict;
};

/* What payments.list asks for. */
struct list_range {
    int64_t from; /* wall ms */
    int64_t to;   /* before it */
    struct str cursor;
};

struct list_page {
    struct json_object *array; /* borrowed */
    struct str next;           /* the cursor of the page after it; empty: there is none */
    char room[24];             /* for `next`, where the gateway only counts pages */
};

struct list_entry {
    struct answer answer;
    struct str job;
    int64_t created_at; /* wall ms */
};

struct gateway {
    const char *name;
    const char *key_header;     /* that carries the idempotency key */
    int64_t key_horizon_ms;     /* how long the gateway remembers a key, with a margin taken off */
    const char *const *headers; /* name, value, name, value, …, NULL: sent always */
    const struct verdict_rule *rules; /* up to one with status 0 */
    bool needs_method;                /* authorize and purchase need a payment_method */
    bool local;                       /* answered by simulator.c, not over the network */
    bool takes_token;                 /* OAuth: token.c fetches one */

    /* Appends the base URL, without a slash at its end. HUB_ERR_INVALID_INPUT if the account has
     * not what it takes, or says `test` and means it not. */
    int (*base_url)(const struct account *account, struct buf *url, struct hub_error *error);
    /* Appends the value of Authorization, or of `auth_header`. */
    void (*authenticate)(const struct account *account, struct str token, struct buf *value);
    const char *auth_header;

    /* 1: `call` is a request that must be made first; 0: none is needed; HUB_ERR_INVALID_INPUT,
     * HUB_ERR_NOT_IMPLEMENTED: the gateway cannot do this, and why. */
    int (*look)(const struct account *account, const struct order *order, struct call *call,
                struct hub_error *error);
    /* 1: `call` is the request; 0: `found` is the answer already, nothing needs to be done; errors
     * as look(). `found` is what look() got, or NULL. */
    int (*build)(const struct account *account, const struct order *order,
                 struct json_object *found, struct call *call, struct hub_error *error);
    /* `json` may be NULL: an empty body. */
    void (*read)(const struct order *order, struct json_object *json, struct answer *answer);
    /* The error's code, for `rules`. */
    struct str (*error_code)(struct json_object *json);
    void (*refuse)(const struct order *order, struct json_object *json, struct answer *answer);
    /* NULL: this gateway cannot be asked. As look(). */
    int (*find)(const struct account *account, const struct order *order, struct call *call,
                struct hub_error *error);
    /* True if it is told there; fills `answer` as read() does. */
    bool (*found)(const struct order *order, struct json_object *json, struct answer *answer);
    /* NULL, with the next two: this gateway has no list of its payments. Errors as look(). */
    int (*list)(const struct list_range *range, struct call *call, struct hub_error *error);
    /* False if it is no list. */
    bool (*listed)(struct json_object *json, const struct list_range *range,
                   struct list_page *page);
    /* One of the page; false: no payment, but something else that has moved money. */
    bool (*entry)(struct json_object *json, struct list_entry *entry);
    bool newest_first; /* its pages; and so a page from before the range is the last */
    /* NULL: has no webhooks. See hook.h. */
    int (*verify)(const struct account *account, const struct hook *hook,
                  struct hook_events *events, struct hub_error *error);
};

extern const struct gateway STRIPE, PAYPAL, ADYEN, MOLLIE, SIMULATOR;

/* NULL if there is none of this name. No name: the simulator. */
const struct gateway *gateway_named(struct str name);

/* What the answer's HTTP status (100–599) means, by the gateway's rules and then by RFC 9110. */
enum verdict gateway_verdict(const struct gateway *gateway, uint32_t status,
                             struct json_object *json);

void call_init(struct call *self);
void call_release(struct call *self);
void call_clear(struct call *self);
/* Fixed text for the path, then `id` percent-encoded, then `tail`. */
void call_path(struct call *self, const char *method, const char *head, struct str id,
               const char *tail);

void answer_init(struct answer *self);

#endif
