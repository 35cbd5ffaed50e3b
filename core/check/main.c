/*
 * hub-check — a runner that watches its connector; `hubctl connector check` starts it.
 */
#include "check/heap.h"
#include "check/watch.h"

#include <stdio.h>

static struct orders orders;

/* Leaks are counted per job here (heap.h). A leak checker would want to look at the process from
 * outside, which the sandbox does not let it. */
const char *__asan_default_options(void);
__attribute__((visibility("default"))) const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}

static int loaded(struct runner *runner, struct hub_error *error)
{
    if (orders.audit) {
        audit(&runner->connector);
    }
    heap_watch(orders.fail_allocation);
    guards_init(runner, &orders);
    watch_extensions(runner);
    return watch_connector(runner, &orders, error);
}

static const hub_host *host(struct runner *runner, const hub_host *real)
{
    (void)runner;
    return watch_host(real, orders.age);
}

int main(int argc, char **argv)
{
    static const struct runner_seam SEAM = {.loaded = loaded, .host = host};
    side_set(SIDE_HOST);
    if (!orders_read(&orders, argc, argv)) {
        fprintf(stderr, "hub-check is started by `hubctl connector check`.\n");
        return RUNNER_EXIT_USAGE;
    }
    return runner_main(&SEAM);
}
