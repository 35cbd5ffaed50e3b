/*
 * ext_account.c — HUB_EXT_ACCOUNT: what a provider says about the account of a job. It goes to hubd
 * with the job's RESULT.
 */
#include "runner/runner.h"

static int32_t account_pause(hub_job *pub, uint64_t delay_ms)
{
    struct job *job = job_of(pub);
    uint64_t known = atomic_load(&job->pause_ms);

    if (atomic_load(&job->state) != JOB_RUNNING) {
        return HUB_CALL_CLOSED;
    }
    while (known < delay_ms && !atomic_compare_exchange_weak(&job->pause_ms, &known, delay_ms)) {
    }
    return HUB_CALL_OK;
}

const void *ext_account_init(struct runner *runner)
{
    static const hub_account_api API = {
        .size = sizeof(hub_account_api),
        .pause = account_pause,
    };
    (void)runner;
    return &API;
}
