/*
 * descriptor.c — the connector's own functions, watched.
 */
#include "check/heap.h"
#include "check/tell.h"
#include "check/watch.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

static struct {
    struct runner *runner;
    const struct orders *orders;
    const hub_connector *real;
    hub_connector shadow;
    hub_operation *operations;
    const hub_operation **pointers;
    _Atomic uint64_t started;
} the;

static unsigned open_files(void)
{
    enum { MOST = 4096 };
    unsigned count = 0;
    for (int fd = 0; fd < MOST; fd++) {
        count += fcntl(fd, F_GETFD) >= 0;
    }
    return count;
}

static void take_census(uint64_t job)
{
    struct heap_census census = heap_census();
    tell_census(job, census.blocks, census.bytes, open_files());
}

/* [main] or [work] */
static void watched_start(hub_instance *instance, hub_job *job)
{
    struct crossing crossing;
    const hub_operation *operation = job_of(job)->operation;
    const hub_operation *real = the.real->operations[operation - the.operations];
    uint64_t number = atomic_fetch_add(&the.started, 1) + 1;
    side_set(SIDE_HOST);
    if (the.orders->census > 0 && number % the.orders->census == 0) {
        take_census(number);
    }
    struct guard *guard = guard_open(job);
    if (!guard) {
        runner_end_from(the.runner, RUNNER_EXIT_SYSTEM, "hub-check is out of memory");
    }
    cross_in(&crossing);
    real->start(instance, guard_shown(guard));
    cross_out(&crossing, "start()");
    if (the.real->mode == HUB_MODE_BLOCKING && !guard_is_closed(guard)) {
        tell_breach("never_completed", "start() returned and had not completed its job");
    }
}

static void watched_cancel(hub_instance *instance, hub_job *job)
{
    struct guard *guard = guard_of_real(job);
    (void)instance;
    if (guard) {
        guard_cancel(guard);
    }
}

static hub_instance *watched_create(const hub_host *host)
{
    struct crossing crossing;
    cross_in(&crossing);
    hub_instance *instance = the.real->create(host);
    cross_out(&crossing, "create()");
    guards_know(the.real, instance);
    return instance;
}

static void watched_destroy(hub_instance *instance)
{
    struct crossing crossing;
    if (the.real->destroy) {
        cross_in(&crossing);
        the.real->destroy(instance);
        cross_out(&crossing, "destroy()");
    }
    tell_totals(heap_allocations(), guard_points());
}

/* The descriptor as it gives it to a host of the age that was ordered. */
static int read_again(const struct orders *orders, struct connector *connector,
                      struct hub_error *error)
{
    if (orders->age == HOST_NEWER) {
        const hub_connector *descriptor = connector->entry(HUB_ABI + NEWER_BY);
        if (!descriptor) {
            return hub_fail(error, HUB_ERR_INVALID_INPUT,
                            "its hub_connector_entry() refuses a host whose ABI is %u.%u",
                            HUB_ABI_MAJOR(HUB_ABI), HUB_ABI_MINOR(HUB_ABI) + NEWER_BY);
        }
        connector->descriptor = descriptor;
        return descriptor_check(descriptor, error);
    }
    return 0;
}

int watch_connector(struct runner *runner, const struct orders *orders, struct hub_error *error)
{
    int err = read_again(orders, &runner->connector, error);
    const hub_connector *real = runner->connector.descriptor;
    if (err < 0) {
        return err;
    }
    the.runner = runner;
    the.orders = orders;
    the.real = real;
    the.operations = calloc(real->operation_count, sizeof *the.operations);
    the.pointers = calloc(real->operation_count, sizeof *the.pointers);
    if (!the.operations || !the.pointers) {
        return hub_fail(error, HUB_ERR_NOMEM, "hub-check is out of memory");
    }
    for (uint32_t i = 0; i < real->operation_count; i++) {
        the.operations[i] = *real->operations[i];
        the.operations[i].start = watched_start;
        the.pointers[i] = &the.operations[i];
    }
    the.shadow = *real;
    the.shadow.operations = the.pointers;
    the.shadow.create = watched_create;
    the.shadow.destroy = watched_destroy;
    the.shadow.cancel = watched_cancel;
    runner->connector.descriptor = &the.shadow;
    return 0;
}
