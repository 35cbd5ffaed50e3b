/*
 * keeper.h — hub.keep/1 and hub.ledger/1 for a connector in the lab: in memory, for as long as the
 * child lives.
 *
 * Every attempt in the lab counts as a job of its own, and all are under one account. The ledger is
 * write-only, as it is for connectors.
 *
 * Owner: the caller. Thread: [any], one at a time.
 */
#ifndef HUB_KIT_KEEPER_H
#define HUB_KIT_KEEPER_H

#include "base/list.h"
#include "wire/channel.h"

struct keeper {
    struct list values;
    size_t bytes; /* of all of them */
};

void keeper_init(struct keeper *self);
void keeper_release(struct keeper *self); /* all-zero is fine */

/* Takes a KEEP_… or LEDGER_APPEND and sends its ANSWER. HUB_ERR_PROTOCOL, HUB_ERR_NOMEM. */
HUB_MUST_CHECK int keeper_take(struct keeper *self, struct wire_channel *channel,
                               const struct wire_frame *frame);

/* An attempt is over: what it kept for its job goes. */
void keeper_forget(struct keeper *self, uint64_t token);

#endif
