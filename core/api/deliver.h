/*
 * deliver.h — delivers callbacks: takes what is due from the store and posts it.
 *
 * hubd opens no connection of its own: a delivery is an attempt of `http.request`, with that
 * connector's rules about addresses and its deadlines, that the engine knows nothing of; its token
 * has API_CALLBACK_TOKEN set. Redirects are not followed. What is posted is a Standard Webhooks 1.0
 * message:
 *
 *     webhook-id: ID-N                         the same at every attempt
 *     webhook-timestamp: SECONDS               of this attempt
 *     webhook-signature: v1,… [v1,…] v1a,…     see accounts/signer.h
 *     {"type": "job.succeeded", "timestamp": when it ended, "data": the job as GET shows it}
 *
 * or "batch.completed", "flow.completed", whatever became of their jobs: `data` says that.
 *
 * A job of more than a mebibyte is told as lists tell it: without input, result and attempts.
 *
 * 2xx: delivered. 410: the URL is gone, and nothing is sent there any more. All else: tried again,
 * as jobs/callback.h says. An attempt that hubd's own end cuts off is made again, and not counted.
 *
 * Thread: [loop]. Private to core/api.
 */
#ifndef HUB_API_DELIVER_H
#define HUB_API_DELIVER_H

#include "accounts/signer.h"
#include "api/call.h"

#define DELIVERIES_MAX          64    /* at once */
#define DELIVERIES_RECEIVER_MAX 16    /* of them, to one host and port */
#define DELIVERY_TIMEOUT_MS     15000 /* of an attempt */
#define DELIVERY_SHOWN_ID_MAX   64

struct deliveries;

HUB_MUST_CHECK int deliveries_new(struct api *api, struct deliveries **ret_self);
void deliveries_close(struct deliveries *self); /* frees it in a later turn; NULL does nothing */

/* The API is ready: reads the keys, or makes them, and begins. */
void deliveries_begin(struct deliveries *self);
/* Something may be due. */
void deliveries_wake(struct deliveries *self);
void deliveries_finished(struct deliveries *self, const struct supervisor_outcome *outcome);

/* NULL until the keys are read. Borrowed. */
const struct signer *deliveries_signer(const struct deliveries *self);
typedef void deliveries_done_fn(void *context, int err);
/* A new secret, durable once `done` came with 0. HUB_ERR_UNAVAILABLE while there are no keys or
 * another rotation is under way. */
void deliveries_rotate(struct deliveries *self, deliveries_done_fn *done, void *context);

/* The webhook-id. */
void delivery_id(const struct callback_record *callback, char ret_text[DELIVERY_SHOWN_ID_MAX]);
/* What its type says behind "job.", "batch." or "flow.". */
const char *delivery_event(const struct callback_record *callback);

#endif
