#include "jobs/verdict.h"

/* By outcome; whether the job is being cancelled; and retry safety: safe, with key, never. */
static const unsigned char verdicts[ATTEMPT_OUTCOME_COUNT][2][3] = {
#define SAME(v)                                                                                    \
    {                                                                                              \
        VERDICT_##v, VERDICT_##v, VERDICT_##v                                                      \
    }
#define EACH(a, b, c)                                                                              \
    {                                                                                              \
        VERDICT_##a, VERDICT_##b, VERDICT_##c                                                      \
    }
    [ATTEMPT_SUCCEEDED] = {SAME(SUCCEED), SAME(SUCCEED)},
    [ATTEMPT_FAILED] = {SAME(FAIL), SAME(CANCEL)},
    [ATTEMPT_RETRY] = {SAME(RETRY), SAME(CANCEL)},
    [ATTEMPT_UNKNOWN] = {SAME(UNKNOWN), SAME(UNKNOWN)},
    [ATTEMPT_CRASHED] = {EACH(RETRY, RETRY, UNKNOWN), EACH(CANCEL, UNKNOWN, UNKNOWN)},
    [ATTEMPT_DEADLINE] = {EACH(RETRY, RETRY, UNKNOWN), EACH(CANCEL, UNKNOWN, UNKNOWN)},
    [ATTEMPT_CANCELLED] = {EACH(RELEASE, RELEASE, UNKNOWN), EACH(CANCEL, UNKNOWN, UNKNOWN)},
    [ATTEMPT_RELEASED] = {EACH(RELEASE, RELEASE, UNKNOWN), EACH(CANCEL, UNKNOWN, UNKNOWN)},
#undef SAME
#undef EACH
};

enum verdict verdict_of(enum attempt_outcome outcome, enum job_retry_safety safety, bool cancelling)
{
    return (enum verdict)verdicts[outcome][cancelling][safety];
}

uint64_t retry_delay_ms(const struct retry_policy *policy, unsigned failures, uint64_t asked_ms,
                        uint64_t random)
{
    uint64_t ceiling = policy->base_ms;

    for (unsigned i = 1; i < failures && ceiling < policy->cap_ms; i++) {
        ceiling = ceiling > policy->cap_ms / 2 ? policy->cap_ms : ceiling * 2;
    }
    if (ceiling > policy->cap_ms) {
        ceiling = policy->cap_ms;
    }
    /* The high half of the product: even enough without a division's bias to speak of. */
    uint64_t delay = (uint64_t)((unsigned __int128)random * (ceiling + 1) >> 64);
    if (asked_ms > RETRY_ASKED_MAX_MS) {
        asked_ms = RETRY_ASKED_MAX_MS;
    }
    return delay > asked_ms ? delay : asked_ms;
}

uint64_t retry_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}
