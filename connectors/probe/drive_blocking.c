#include "probe.h"

#include <time.h>

static void sleep_ms(int64_t ms)
{
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    while (nanosleep(&left, &left) != 0) {
    }
}

void probe_drive(struct probe_run *run)
{
    do {
        int64_t ms;
        while ((ms = probe_run_wait(run)) > 0 && !probe_run_cancelled(run))
            sleep_ms(ms);
    } while (!probe_run_cancelled(run) && probe_run_step(run));
    probe_run_end(run);
}
