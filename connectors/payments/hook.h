/*
 * hook.h — webhooks: is one genuine, and what does it tell?
 *
 *     struct hook hook = {.header = my_lookup, .context = request, .body = raw, .now_ms = wall};
 *     struct hook_events events;
 *     hook_events_init(&events);
 *     int err = gateway->verify(&account, &hook, &events, &error);
 *     …                       // events.items[0 … count)
 *     hook_events_release(&events);
 *
 * verify() is pure: it neither fetches nor keeps anything. It answers
 *     0                        genuine; `events` may be empty: nothing in it concerns a payment
 *     HUB_ERR_UNAUTHORIZED     forged, altered, too old, or the account has no webhook secret
 *     HUB_ERR_INVALID_JSON     genuine, but not what the gateway is known to send
 *     HUB_ERR_AGAIN            PayPal: `events.fetch` is the certificate's URL, whose host is one
 * of PayPal's own; call again with it in hook.certificate
 *
 * A Mollie hook proves nothing and tells only an id: its event has `fetch_payment` set, and whoever
 * wants to know how the payment stands asks Mollie (payments.get).
 *
 * Events may come twice and in any order. `id` is the same each time; `order_at` is the gateway's
 * own time, so that an older event does not overwrite what a newer one has said.
 *
 * Views point into the events' own JSON. Thread: [any], pure.
 */
#ifndef CONNECTORS_PAYMENTS_HOOK_H
#define CONNECTORS_PAYMENTS_HOOK_H

#include "status.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"

#define HOOK_EVENTS_MAX   64 /* in one delivery */
#define HOOK_TOLERANCE_MS (300 * INT64_C(1000))

struct hook {
    struct str (*header)(void *context, struct str name); /* by its name in lower case; or empty */
    void *context;
    struct str body;        /* as it came */
    int64_t now_ms;         /* wall clock */
    struct str certificate; /* PEM, once it was fetched */
};

struct hook_event {
    struct str id;   /* by which a second delivery is known */
    struct str type; /* the gateway's own word */
    enum status status;
    struct str payment;   /* the gateway's id */
    struct str related;   /* of the capture or refund that it is about, or empty */
    struct str job;       /* hubd's job, if the gateway gives back what it was told */
    struct str reference; /* the user's */
    struct str currency;  /* upper case as the gateway gives it, or empty */
    int64_t amount;       /* ISO minor units, or AMOUNT_UNKNOWN */
    int64_t order_at;     /* wall ms; 0: the gateway does not say */
    bool fetch_payment;
};

struct hook_events {
    struct hook_event items[HOOK_EVENTS_MAX];
    unsigned count;
    struct json_object *json; /* what the views point into */
    struct buf text;          /* ids that are made here */
    struct str fetch;
};

void hook_events_init(struct hook_events *self);
void hook_events_release(struct hook_events *self);

/* A new last event, or NULL if there are too many. */
struct hook_event *hook_events_add(struct hook_events *self);

/* Keeps `len` bytes of `text` with the events; the view is good until release. Empty if there is no
 * more room (4 KiB in all). */
struct str hook_events_keep(struct hook_events *self, struct str text);

/* HMAC-SHA256 of `data` as hex or Base64 compared in constant time with `given`. */
bool hook_mac_is_hex(struct str key, struct str data, struct str given);
bool hook_mac_is_base64(struct str key, struct str data, struct str given);

#endif
