/*
 * outcome.h — how it stands with each recipient of a delivery: what is learnt, kept between
 * attempts, and told in the end.
 *
 *     outcomes_recall(delivery)            // what earlier attempts know: those are not sent to
 *     … the transport writes replies into the recipients …
 *     outcomes_judge(delivery)             // each that was open is accepted, rejected or deferred
 *     outcomes_keep(delivery)              // there will be another attempt
 *     outcomes_append_result(&out, delivery, RECIPIENTS_MAX)
 *
 * Thread: [lane], for keep and recall wait for the store; the others [any].
 */
#ifndef CONNECTORS_EMAIL_OUTCOME_H
#define CONNECTORS_EMAIL_OUTCOME_H

#include "email.h"

#define MANY_RECIPIENTS 200 /* above which replies are told in short */

size_t outcomes_count(const struct letter *letter, enum outcome outcome);

/* False: the store does not say, so that nothing may be sent. */
HUB_MUST_CHECK bool outcomes_recall(struct delivery *self);
/* Keeps those who are settled. False: the store does not take it; another attempt would send to
 * them again. */
HUB_MUST_CHECK bool outcomes_keep(struct delivery *self);

/* Gives each open recipient an outcome, from its reply, the message's, or what broke; tells it to
 * the recipient's domain and to the suppression list. */
void outcomes_judge(struct delivery *self);

/* The result as JSON (send-result.schema.json), with at most so many recipients named. */
void outcomes_append_result(struct buf *out, const struct delivery *self, size_t most);

/* A sentence for people: the first recipient of that outcome speaks for the others. `ret`: `room`
 * bytes, ends with NUL. */
void outcomes_describe(const struct delivery *self, enum outcome outcome, char *ret, size_t room);

#endif
