#include "api/batch_intake.h"
#include "api/deliver.h"
#include "api/events.h"
#include "api/idempotency.h"
#include "api/jobs.h"
#include "api/render.h"
#include "api/resources.h"
#include "api/schemas.h"
#include "api/wait.h"
#include "base/clock.h"

#include <stdlib.h>

static int make_router(struct api *self)
{
    struct http_route *routes = calloc(API_ROUTE_COUNT, sizeof *routes);
    int err;

    if (routes == NULL) {
        return HUB_ERR_NOMEM;
    }
    for (size_t i = 0; i < API_ROUTE_COUNT; i++) {
        routes[i] =
            (struct http_route){API_ROUTES[i].method, API_ROUTES[i].pattern, &API_ROUTES[i]};
    }
    err = http_router_new(routes, API_ROUTE_COUNT, &self->router);
    free(routes);
    return err;
}

int api_new(const struct api_deps *deps, const struct api_config *config, struct api **ret_self,
            struct hub_error *error)
{
    struct api *self = calloc(1, sizeof *self);
    int err;

    if (self == NULL) {
        return hub_fail(error, HUB_ERR_NOMEM, "out of memory");
    }
    self->deps = *deps;
    self->config = *config;
    self->started_at = clock_wall_ms();
    map_init(&self->in_flight);
    id_gen_init(&self->ids);
    err = api_schemas_new(&self->schemas, error);
    if (err < 0) {
        goto out;
    }
    err = make_router(self);
    if (err == 0) {
        err = keyring_new(&self->keys);
    }
    if (err == 0) {
        err = wait_room_new(deps->loop, &self->waits);
    }
    if (err == 0) {
        err = event_hub_new(self, &self->events);
    }
    if (err == 0) {
        err = hooks_new(&self->hooks);
    }
    if (err == 0) {
        err = deliveries_new(self, &self->deliveries);
    }
    if (err == 0) {
        err = intakes_new(self, &self->intakes);
    }
    if (err < 0) {
        hub_fail(error, err, "the API could not be set up");
    }
out:
    if (err < 0) {
        api_free(self);
        return err;
    }
    *ret_self = self;
    return 0;
}

void api_free(struct api *self)
{
    if (self == NULL) {
        return;
    }
    event_hub_close(self->events);
    wait_room_close(self->waits);
    hooks_free(self->hooks);
    deliveries_close(self->deliveries);
    intakes_close(self->intakes);
    keyring_free(self->keys);
    http_router_free(self->router);
    api_schemas_free(self->schemas);
    map_release(&self->in_flight);
    buf_release(&self->answer);
    free(self->openapi);
    free(self);
}

void api_set_server(struct api *self, const struct http_server *server)
{
    self->server = server;
}

void api_set_phase(struct api *self, enum api_phase phase)
{
    self->phase = phase;
    if (phase == API_READY) {
        deliveries_begin(self->deliveries);
        intakes_begin(self->intakes);
    } else if (phase == API_DRAINING) {
        intakes_drain(self->intakes);
    }
}

void api_schedule_made(struct api *self, const struct store_op *op)
{
    if (op->kind == STORE_BATCH_CREATE) {
        intakes_add(self->intakes, &op->batch_create.ret_batch.id);
    }
}

void api_callback_finished(struct api *self, const struct supervisor_outcome *outcome)
{
    deliveries_finished(self->deliveries, outcome);
}

void api_end_streams(struct api *self)
{
    event_hub_end_all(self->events);
    wait_end_all(self);
}

void api_on_event(struct api *self, const struct jobs_event *event)
{
    event_hub_publish(self->events, event);
    if (!event->is_progress && job_state_terminal(event->state)) {
        wait_job_finished(self, event);
    }
}

void api_calls_back(struct api *self)
{
    deliveries_wake(self->deliveries);
}

void api_connectors_changed(struct api *self)
{
    struct api_call *waiting = self->rescan;

    types_rebuild(self->deps.types, self->deps.supervisor, self->deps.log);
    free(self->openapi);
    self->openapi = NULL;
    self->rescan = NULL;
    if (waiting != NULL) {
        api_connector_list(waiting);
    }
}
