/*
 * idempotency.h — the Idempotency-Key header (draft-ietf-httpapi-idempotency-key-header).
 *
 * The key's scope is the API key and the path. The same key with another body is refused (422), the
 * same key while the first request is still being worked on too (409); otherwise the first answer
 * is given again, marked `Idempotency-Replayed: true`. Kept for 24 hours in the store, with the job
 * that it made and in the same transaction; of an upload for as long as the artifact is there.
 *
 * Thread: [loop]. Private to core/api.
 */
#ifndef HUB_API_IDEMPOTENCY_H
#define HUB_API_IDEMPOTENCY_H

#include "api/call.h"

/* Reads the header. 0 (then `ret_idempotency->given` tells whether there is one; `scope` and
 * `expires_at` are set, `request` is the caller's to set), or the call has been answered (-1). */
HUB_MUST_CHECK int idempotency_read(struct api_call *call,
                                    struct store_idempotency *ret_idempotency);

/* Marks the scope as being worked on until idempotency_end(). False when it already is: the call
 * has been answered. `idempotency` must live until then. */
bool idempotency_begin(struct api_call *call, const struct store_idempotency *idempotency);
void idempotency_end(struct api *api, const struct store_idempotency *idempotency);

#endif
