/*
 * event.h — the outbox: the events of a transaction are one row.
 *
 * An event of its own row would be a fifth of the work for a job. So the events of a transaction
 * are packed one behind the other and written in lite_events_flush(); they are numbered one by one
 * all the same.
 *
 * Thread: [store]; lite_event_list() and reading [reader].
 */
#ifndef HUB_JOBS_SQLITE_EVENT_H
#define HUB_JOBS_SQLITE_EVENT_H

#include "base/buf.h"
#include "jobs/sqlite/db.h"
#include "jobs/store.h"

struct lite_events {
    struct buf packed; /* of this transaction, not written yet */
    unsigned count;    /* in it */
    int64_t at;        /* the latest in it */
    int64_t last;      /* number of the last event */
};

void lite_events_init(struct lite_events *self);
void lite_events_release(struct lite_events *self);
/* Numbers go on from those in the database, or from those that were given already. */
HUB_MUST_CHECK int lite_events_load(struct lite_events *self, struct lite_db *db);
/* event->seq is given here. */
HUB_MUST_CHECK int lite_events_add(struct lite_events *self, struct lite_db *db,
                                   struct store_event *event);
/* Writes the row; `sums` (tally.h) ride along. */
HUB_MUST_CHECK int lite_events_flush(struct lite_events *self, struct lite_db *db, struct str sums);
void lite_events_clear(struct lite_events *self); /* the transaction was rolled back */

/* Removes rows beyond the number and the time for which events are kept, as whole transactions; not
 * the last one, so that the numbers go on from it after the next start. Counts events, takes at
 * most `limit` rows. */
struct lite_events_keep {
    uint64_t events;
    int64_t since; /* ms */
};
HUB_MUST_CHECK int lite_events_purge(struct lite_events *self, struct lite_db *db,
                                     const struct lite_events_keep *keep, unsigned limit,
                                     unsigned *ret_removed, bool *ret_more);

#endif
