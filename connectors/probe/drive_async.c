#include "probe.h"

static void look_again(void *context);

/* Takes all the steps that need no waiting. False once the run shall end. */
static bool advance(struct probe_run *run)
{
    while (!probe_run_cancelled(run)) {
        if (probe_run_wait(run) > 0)
            return true;
        if (!probe_run_step(run))
            return false;
    }
    return false;
}

void probe_drive(struct probe_run *run)
{
    const hub_timer_api *timers = run->host->extension(HUB_EXT_TIMER);
    bool waiting = advance(run);
    if (waiting && timers && timers->start((uint64_t)probe_run_wait(run), look_again, run))
        return;
    if (waiting)
        run->host->log(run->job, HUB_LOG_ERROR, HUB_STR("no timer: not waiting"));
    probe_run_end(run);
}

static void look_again(void *context)
{
    probe_drive(context);
}
