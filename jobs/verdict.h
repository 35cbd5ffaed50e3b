/*
 * verdict.h — what becomes of a job whose attempt has ended: one table, and how long to wait before
 * the next attempt.
 *
 * Pure functions. Thread: [any].
 */
#ifndef HUB_JOBS_VERDICT_H
#define HUB_JOBS_VERDICT_H

#include "jobs/job.h"

enum verdict {
    VERDICT_SUCCEED,
    VERDICT_FAIL,
    VERDICT_RETRY,   /* again after a back-off, or failed when the attempts are used up */
    VERDICT_RELEASE, /* again, and this attempt does not count */
    VERDICT_UNKNOWN,
    VERDICT_CANCEL,
};

/* `cancelling`: a user wants the job cancelled. Success wins over that wish; and where an attempt
 * with an effect on the world was killed before it could answer, `unknown` does: "cancelled" would
 * be a guess. */
enum verdict verdict_of(enum attempt_outcome outcome, enum job_retry_safety safety,
                        bool cancelling);

struct retry_policy {
    uint64_t base_ms; /* from 1 */
    uint64_t cap_ms;  /* from 1 */
};

/* No connector may put a job off for longer. */
#define RETRY_ASKED_MAX_MS (30ULL * 24 * 3600 * 1000)

/* Full jitter: evenly in [0, min(cap, base × 2^(failures - 1))], at least `asked_ms` (which may go
 * beyond the cap, as a provider's Retry-After does). `failures` from 1; `random` is any 64 random
 * bits. */
uint64_t retry_delay_ms(const struct retry_policy *policy, unsigned failures, uint64_t asked_ms,
                        uint64_t random);

/* The same before an attempt that settles, in the upper half of that range, and its cap is
 * SETTLE_CAP_MS if that is less. So twelve of them outlive an outage of twenty minutes by
 * any dice, of an hour mostly, and somebody who waits for the money is not told after a day. */
#define SETTLE_CAP_MS (15ULL * 60 * 1000)
uint64_t settle_delay_ms(const struct retry_policy *policy, unsigned failures, uint64_t asked_ms,
                         uint64_t random);

/* A generator for the jitter: SplitMix64 (Steele, Lea, Flood 2014). Not for secrets. */
uint64_t retry_random(uint64_t *state);

#endif
