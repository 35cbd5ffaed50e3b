/*
 * ext_timer.c — HUB_EXT_TIMER: timers on the runner's loop.
 */
#include "runner/runner.h"

#include <stdlib.h>

static struct runner *the_runner; /* the ABI's start() carries no context */

struct hub_timer {
    uv_timer_t handle;
    void (*fire)(void *context);
    void *context;
    uint64_t attempt; /* on whose behalf it was started */
};

static void closed(uv_handle_t *handle)
{
    free(handle->data);
}

/* A timer may be stopped by its own fire(). */
static void timer_end(hub_timer *self)
{
    if (!uv_is_closing((uv_handle_t *)&self->handle)) {
        uv_close((uv_handle_t *)&self->handle, closed);
    }
}

static void fired(uv_timer_t *handle)
{
    hub_timer *self = handle->data;
    uint64_t before = runner_enter(the_runner, self->attempt);
    self->fire(self->context);
    runner_leave(the_runner, before);
    timer_end(self);
}

static hub_timer *timer_start(uint64_t delay_ms, void (*fire)(void *context), void *context)
{
    hub_timer *self = fire ? malloc(sizeof *self) : NULL;
    if (self) {
        self->fire = fire;
        self->context = context;
        self->attempt = runner_attempt(the_runner);
        uv_timer_init(&the_runner->loop, &self->handle);
        self->handle.data = self;
        uv_update_time(&the_runner->loop);
        uv_timer_start(&self->handle, fired, delay_ms, 0);
    }
    return self;
}

static void timer_stop(hub_timer *self)
{
    if (self) {
        timer_end(self);
    }
}

const void *ext_timer_init(struct runner *runner)
{
    static const hub_timer_api API = {
        .size = sizeof(hub_timer_api),
        .start = timer_start,
        .stop = timer_stop,
    };
    the_runner = runner;
    return &API;
}
