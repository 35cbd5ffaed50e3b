/*
 * batch_intake.h — the batches that schedules make: their lines taken in from where they come from.
 *
 *     intakes_new(api, &intakes);
 *     intakes_begin(intakes);                 // ready: those that an earlier life left go on
 *     intakes_add(intakes, &batch_id);        // a batch with a source is on record
 *     intakes_drain(intakes);                 // nothing more is read
 *     intakes_close(intakes);
 *
 * EXACTLY ONCE. All that is to be known is on record with the batch: its source, its settings, and
 * the last line with the digest of the text up to there. After a crash the source is read from its
 * beginning; what was taken is compared and left out, as when a client goes on with an upload.
 *
 * A source that fails for good (it is not there, it is no CSV, it has changed since) ends the
 * batch: with the lines that came before, or, if the batch is atomic, with nothing. Why is the
 * reason of the schedule's run. What may pass (the store fails) is tried again.
 *
 * INTAKES_AT_ONCE batches take lines at a time; the others wait in their order.
 *
 * Thread: [loop]; files are read on the pool.
 */
#ifndef HUB_API_BATCH_INTAKE_H
#define HUB_API_BATCH_INTAKE_H

#include "base/error.h"
#include "base/id.h"

#define INTAKES_AT_ONCE 4

struct api;
struct intakes;

HUB_MUST_CHECK int intakes_new(struct api *api, struct intakes **ret_self);
void intakes_begin(struct intakes *self);
void intakes_add(struct intakes *self, const struct id *batch);
void intakes_drain(struct intakes *self);
/* The store has told all that it had to. NULL does nothing. */
void intakes_close(struct intakes *self);

#endif
