/*
 * api.h — hubd's HTTP API: from a request to the engine, the store, the supervisor, and back.
 *
 *     api_new(&deps, &config, &api, &err);
 *     http_server_new(loop, &limits, log, api_on_request, api, …);
 *     api_load_keys(api, on_loaded, context);
 *     api_set_phase(api, API_READY);
 *
 * One file per resource, one function per handler; routes.c has the one table that says which
 * handler, which scope, which schemas, and from which /openapi.json is made. The engine's events go
 * in through api_on_event(), a new list of connectors through api_connectors_changed().
 *
 * Thread: [loop].
 */
#ifndef HUB_API_API_H
#define HUB_API_API_H

#include "accounts/accounts.h"
#include "accounts/vault.h"
#include "api/types.h"
#include "base/log.h"
#include "http/server.h"
#include "jobs/schedules.h"
#include "supervisor/supervisor.h"

struct api;

/* What the API works with. All borrowed; all outlive it. */
struct api_deps {
    uv_loop_t *loop;
    struct jobs *jobs;
    struct store *store;
    struct blob_store *blobs;
    struct supervisor *supervisor;
    struct types *types;
    struct accounts *accounts;
    struct vault *vault;
    struct schedules *schedules;
    struct log *log;
};

struct api_config {
    uint64_t artifact_max;         /* bytes of an upload */
    size_t body_max;               /* bytes of a JSON body */
    int64_t artifact_retention_ms; /* how long an upload is kept that no job needs */
    unsigned wait_max_s;           /* of `Prefer: wait` */
    const char *const
        *connector_dirs;   /* where connectors are looked for; NULL-terminated, borrowed */
    const char *batch_dir; /* of the files that batches of schedules name; NULL: none; borrowed */
};

HUB_MUST_CHECK int api_new(const struct api_deps *deps, const struct api_config *config,
                           struct api **ret_self, struct hub_error *error);
/* After the server was closed and the store has finished. NULL does nothing. */
void api_free(struct api *self);

/* The server whose figures /metrics shows. */
void api_set_server(struct api *self, const struct http_server *server);

/* The handler for http_server_new(); `api` is the struct api. */
void api_on_request(struct http_request *req, void *api);

/* Reads the API keys. If there is none, makes an admin key and writes it to `admin_key_path`. */
typedef void api_done_fn(void *context, int err);
void api_load_keys(struct api *self, const char *admin_key_path, api_done_fn *done, void *context);

/* What /readyz says, and whether new work is taken. */
enum api_phase { API_STARTING, API_READY, API_DRAINING };
void api_set_phase(struct api *self, enum api_phase phase);

/* Streams end and waiting requests are answered with what there is: before the server drains. */
void api_end_streams(struct api *self);

void api_on_event(struct api *self, const struct jobs_event *event);
void api_calls_back(struct api *self); /* a delivery is on record */
void api_connectors_changed(struct api *self);

/* What a schedule's template makes, for struct schedules_hooks. */
HUB_MUST_CHECK int api_schedule_make(struct api *self, const struct schedule_record *schedule,
                                     struct store_op **ret_op, struct hub_error *error);

/* It is on record, for the same: the lines of a batch begin to come in. */
void api_schedule_made(struct api *self, const struct store_op *op);

/* Attempts that verify webhooks are the API's own: their tokens have this bit set, which no token
 * of the engine has. The supervisor's on_finished for them goes here. */
#define API_HOOK_TOKEN ((uint64_t)1 << 62)
void api_hook_finished(struct api *self, const struct supervisor_outcome *outcome);
/* And those that deliver callbacks. */
#define API_CALLBACK_TOKEN ((uint64_t)1 << 61)
void api_callback_finished(struct api *self, const struct supervisor_outcome *outcome);

#endif
