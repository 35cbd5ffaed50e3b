/*
 * deliver_parts.h — what the files of the deliveries share:
 *
 *     deliver.c          what is due, and what becomes of it
 *     deliver_message.c  what is posted
 *     deliver_keys.c     what it is signed with
 *
 * Thread: [loop].
 */
#ifndef HUB_API_DELIVER_PARTS_H
#define HUB_API_DELIVER_PARTS_H

#include "api/deliver.h"

struct rotation;

struct deliveries {
    struct api *api;
    uv_timer_t timer;
    int64_t timer_at; /* wall clock; 0: it is not set */
    struct signer *signer;
    bool looking;              /* at what is due */
    bool overdue;              /* look once more after that */
    struct rotation *rotation; /* under way, or NULL */
    uint64_t last;             /* token */
    struct map flights;        /* token → struct flight */
};

static inline bool deliveries_open(const struct deliveries *self)
{
    return self->api->phase == API_READY;
}

/* An operation that reads what `callback` tells of. NULL: out of memory. */
struct store_op *delivery_read(const struct callback_record *callback);
/* Appends the input of http.request: the message about what that operation has read, signed at
 * `now`. HUB_ERR_TOO_LARGE: it is larger than a runner takes. */
HUB_MUST_CHECK int delivery_input(const struct deliveries *self,
                                  const struct callback_record *callback,
                                  const struct store_op *read, int64_t now, struct buf *out);

#endif
