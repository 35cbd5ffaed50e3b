/*
 * keep.h — what attempts ask to be kept (hub.keep/1) and put on record (hub.ledger/1), between the
 * supervisor and the store: each call becomes one operation, and is answered when that is
 * committed.
 *
 *   supervisor ─ on_keep ─▶ keep_take() ─▶ store, which checks that the attempt is still the job's
 *   supervisor_answer() ◀─────────────────────┘
 *
 * Nothing is kept here. What is still in the store when hubd ends is answered by store_free(), so
 * that the supervisor must be freed after the store.
 *
 * Thread: [loop].
 */
#ifndef HUB_KEEP_H
#define HUB_KEEP_H

#include "jobs/store.h"
#include "supervisor/supervisor.h"

/* For struct supervisor_events. Answers `call`, now or later. */
void keep_take(struct store *store, struct supervisor *supervisor, struct supervisor_call *call,
               const struct supervisor_keep *keep);

#endif
