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

static uint64_t ceiling_ms(uint64_t base, uint64_t cap, unsigned failures)
{
    uint64_t ceiling = base;

    for (unsigned i = 1; i < failures && ceiling < cap; i++) {
        ceiling = ceiling > cap / 2 ? cap : ceiling * 2;
    }
    return ceiling > cap ? cap : ceiling;
}

/* The high half of the product: even enough without a division's bias to speak of. */
static uint64_t evenly_up_to(uint64_t most, uint64_t random)
{
    return (uint64_t)((unsigned __int128)random * (most + 1) >> 64);
}

static uint64_t not_before_asked(uint64_t delay, uint64_t asked_ms)
{
    if (asked_ms > RETRY_ASKED_MAX_MS) {
        asked_ms = RETRY_ASKED_MAX_MS;
    }
    return delay > asked_ms ? delay : asked_ms;
}

uint64_t retry_delay_ms(const struct retry_policy *policy, unsigned failures, uint64_t asked_ms,
                        uint64_t random)
{
    uint64_t ceiling = ceiling_ms(policy->base_ms, policy->cap_ms, failures);

    return not_before_asked(evenly_up_to(ceiling, random), asked_ms);
}

uint64_t settle_delay_ms(const struct retry_policy *policy, unsigned failures, uint64_t asked_ms,
                         uint64_t random)
{
    uint64_t cap = policy->cap_ms < SETTLE_CAP_MS ? policy->cap_ms : SETTLE_CAP_MS;
    uint64_t ceiling = ceiling_ms(policy->base_ms, cap, failures);

    return not_before_asked(ceiling / 2 + evenly_up_to(ceiling - ceiling / 2, random), asked_ms);
}

uint64_t retry_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}
