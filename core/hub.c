#include "hub.h"

#include "accounts/accounts.h"
#include "api/api.h"
#include "api/input_refs.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/thread.h"
#include "dispatch.h"
#include "http/server.h"
#include "keep.h"
#include "lock.h"
#include "notify.h"
#include "paths.h"
#include "supervisor/supervisor.h"
#include "zones.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_LEN  4200
#define SETTLE_MS 3000 /* for each of the last phases, which need only a disk that works */

/* What each signal means; one watcher each. */
enum { SIGNAL_TERM, SIGNAL_INT, SIGNAL_HUP, SIGNAL_COUNT };
static const int SIGNALS[SIGNAL_COUNT] = {SIGTERM, SIGINT, SIGHUP};

/* How far the daemon is. Each phase begins when the one before is complete. */
enum hub_phase {
    HUB_SCANNING, /* reading the connectors' descriptors */
    HUB_LOADING,  /* keys, accounts, then unfinished jobs */
    HUB_SERVING,
    HUB_DRAINING, /* finishing what runs */
    HUB_STOPPING, /* the runners end */
    HUB_SETTLING, /* what came of that is written */
    HUB_CUTTING,  /* the last requests are answered, the connections closed */
    HUB_CLOSED,
};

struct hub {
    const struct config *config;
    struct log *log;
    enum hub_phase phase;
    int exit_code;
    int lock_fd;
    char admin_key_path[PATH_LEN];
    struct hub_paths paths;

    bool has_loop;
    uv_loop_t loop;
    uv_async_t store_wake;
    uv_timer_t tick_timer;  /* when the engine wants to be called next */
    uv_timer_t drain_timer; /* when draining, and each phase after it, must end */
    uv_timer_t watchdog;
    uv_prepare_t prepare; /* once a turn: see on_prepare() */
    uv_idle_t idle;       /* makes the loop turn once more without waiting */
    uv_signal_t signals[SIGNAL_COUNT];
    bool tick_due;
    bool server_drained;
    bool server_closed;
    bool out_of_patience; /* the last phases wait no longer for the store or for answers */

    struct blob_store *blobs;
    struct store *store;
    struct types *types;
    struct vault *vault;
    struct accounts *accounts;
    struct dispatch *dispatch;
    struct jobs *jobs;
    struct zones *zones;
    struct schedules *schedules;
    struct supervisor *supervisor;
    struct api *api;
    struct http_server *server;
};

static void drain(struct hub *self);
static void go_on_ending(struct hub *self);

/* --- The loop's turn ---------------------------------------------------------------------------*/

static void tick(struct hub *self);

static void on_tick_timer(uv_timer_t *timer)
{
    tick(timer->data);
}

static void tick(struct hub *self)
{
    int64_t next, now;

    self->tick_due = false;
    next = schedules_tick(self->schedules);
    now = jobs_tick(self->jobs);
    next = now < next ? now : next;
    if (next == INT64_MAX) {
        uv_timer_stop(&self->tick_timer);
        return;
    }
    now = clock_wall_ms();
    uv_update_time(&self->loop);
    uv_timer_start(&self->tick_timer, on_tick_timer, next > now ? (uint64_t)(next - now) : 1, 0);
}

/* Does its work by being active: see on_prepare(), which runs once a turn. */
static void on_idle(uv_idle_t *handle)
{
    uv_idle_stop(handle);
}

/* The engine asked to be called: before the loop waits again, so that all that happened in one turn
 * is dispatched together. */
static void on_wake(void *context)
{
    struct hub *self = context;

    self->tick_due = true;
    uv_idle_start(&self->idle, on_idle);
}

static void on_prepare(uv_prepare_t *handle)
{
    struct hub *self = handle->data;

    if (self->tick_due) {
        uv_idle_stop(&self->idle);
        tick(self);
    }
    if (self->phase >= HUB_DRAINING) {
        go_on_ending(self);
    }
}

static void on_store_wake(uv_async_t *handle)
{
    struct hub *self = handle->data;

    store_dispatch(self->store);
}

static void wake_loop(void *context)
{
    uv_async_send(context);
}

/* --- Hooks: the engine, the supervisor, the API meet here
 * ---------------------------------------*/

static int64_t hook_now(void *context)
{
    (void)context;
    return clock_wall_ms();
}

static int hook_start(void *context, const struct jobs_attempt *attempt)
{
    return dispatch_start(((struct hub *)context)->dispatch, attempt);
}

static unsigned hook_room(void *context, struct str connector)
{
    return dispatch_room(((struct hub *)context)->dispatch, connector);
}

static void hook_cancel(void *context, uint64_t token)
{
    dispatch_cancel(((struct hub *)context)->dispatch, token);
}

static void hook_event(void *context, const struct jobs_event *event)
{
    struct hub *self = context;

    schedules_on_event(self->schedules, event);
    api_on_event(self->api, event);
}

static void hook_ended(void *context, const struct work *work)
{
    schedules_on_end(((struct hub *)context)->schedules, work);
}

static void hook_calls_back(void *context)
{
    api_calls_back(((struct hub *)context)->api);
}

static int hook_resolve(void *context, struct jobs_resolution *resolution)
{
    return input_refs_resolve(((struct hub *)context)->types, resolution);
}

static bool hook_settles(void *context, struct str name)
{
    const struct job_type *type = types_find(((struct hub *)context)->types, name);

    return type != NULL && type->settles;
}

static const struct jobs_hooks JOBS_HOOKS = {
    .now = hook_now,
    .start = hook_start,
    .resolve = hook_resolve,
    .settles = hook_settles,
    .room = hook_room,
    .cancel = hook_cancel,
    .event = hook_event,
    .ended = hook_ended,
    .calls_back = hook_calls_back,
    .wake = on_wake,
};

static int hook_make(void *context, const struct schedule_record *schedule,
                     struct store_op **ret_op, struct hub_error *error)
{
    return api_schedule_make(((struct hub *)context)->api, schedule, ret_op, error);
}

static void hook_made(void *context, const struct store_op *op)
{
    api_schedule_made(((struct hub *)context)->api, op);
}

static void hook_zone(void *context, const char *name, schedules_zone_fn *done, void *done_context)
{
    zones_find(((struct hub *)context)->zones, name, done, done_context);
}

static const struct schedules_hooks SCHEDULES_HOOKS = {
    .now = hook_now,
    .make = hook_make,
    .made = hook_made,
    .zone = hook_zone,
    .wake = on_wake,
};

static void on_finished(void *context, const struct supervisor_outcome *outcome)
{
    struct hub *self = context;

    if (outcome->token & API_HOOK_TOKEN) {
        api_hook_finished(self->api, outcome);
    } else if (outcome->token & API_CALLBACK_TOKEN) {
        api_callback_finished(self->api, outcome);
    } else {
        dispatch_finished(self->dispatch, outcome);
    }
}

static void on_progress(void *context, uint64_t token, uint32_t permille, struct str message)
{
    jobs_progress(((struct hub *)context)->jobs, token, permille, message);
}

static void on_capacity(void *context, struct str connector)
{
    dispatch_capacity(((struct hub *)context)->dispatch, connector);
}

static void on_keep(void *context, struct supervisor_call *call, const struct supervisor_keep *keep)
{
    struct hub *self = context;

    keep_take(self->store, self->supervisor, call, keep);
}

static void on_scanned(void *context);

static const struct supervisor_events SUPERVISOR_EVENTS = {
    .on_finished = on_finished,
    .on_progress = on_progress,
    .on_capacity = on_capacity,
    .on_scanned = on_scanned,
    .on_keep = on_keep,
};

/* --- Coming up ---------------------------------------------------------------------------------*/

static void give_up(struct hub *self, const char *what, const char *why)
{
    char quoted[HUB_ERROR_DETAIL_MAX];

    log_error(self->log, "hub", "cannot start", "step=%s why=%s", what,
              log_quote(str_from_c(why), quoted, sizeof quoted));
    self->exit_code = 1;
    if (self->phase < HUB_DRAINING) {
        drain(self);
    }
}

static void announce(struct hub *self, int port)
{
    const char *address = self->config->listen_address;
    bool v6 = strchr(address, ':') != NULL;

    printf("hubd ready http://%s%s%s:%d\n", v6 ? "[" : "", address, v6 ? "]" : "", port);
    fflush(stdout);
    notify_ready();
    log_info(self->log, "hub", "ready", "address=%s port=%d socket=%s pid=%d", address, port,
             self->config->socket, (int)getpid());
}

static void serve(struct hub *self)
{
    struct hub_error error = {0};
    int port = 0;
    int err;

    err = http_server_listen_tcp(self->server, self->config->listen_address,
                                 self->config->listen_port, &port, &error);
    if (err == 0) {
        err = http_server_listen_unix(self->server, self->config->socket, &error);
    }
    if (err < 0) {
        give_up(self, "listen", error.detail);
        return;
    }
    self->phase = HUB_SERVING;
    api_set_phase(self->api, API_READY);
    announce(self, port);
}

static void on_schedules_loaded(void *context, int err)
{
    struct hub *self = context;

    if (self->phase != HUB_LOADING) {
        return; /* told to stop meanwhile */
    }
    if (err < 0) {
        give_up(self, "schedules", hub_err_title(err));
    } else {
        serve(self);
        on_wake(self);
    }
}

static void on_jobs_loaded(void *context, int err)
{
    struct hub *self = context;

    if (self->phase != HUB_LOADING) {
        return;
    }
    if (err < 0) {
        give_up(self, "load", hub_err_title(err));
    } else {
        schedules_load(self->schedules, on_schedules_loaded, self);
    }
}

static void on_accounts_loaded(void *context, int err)
{
    struct hub *self = context;

    if (self->phase != HUB_LOADING) {
        return;
    }
    if (err < 0) {
        give_up(self, "accounts", hub_err_title(err));
    } else {
        jobs_load(self->jobs, on_jobs_loaded, self);
    }
}

static void on_keys_loaded(void *context, int err)
{
    struct hub *self = context;

    if (self->phase != HUB_LOADING) {
        return;
    }
    if (err < 0) {
        give_up(self, "keys", hub_err_title(err));
    } else {
        accounts_load(self->accounts, on_accounts_loaded, self);
    }
}

/* Jobs may have waited for a connector that is here now. */
static void offer_room(void *context, const struct supervisor_connector *connector)
{
    if (connector->health == CONNECTOR_READY) {
        dispatch_capacity(((struct hub *)context)->dispatch, connector->name);
    }
}

static void on_scanned(void *context)
{
    struct hub *self = context;

    api_connectors_changed(self->api);
    if (self->phase == HUB_SERVING) {
        accounts_refresh(self->accounts);
        supervisor_each(self->supervisor, offer_room, self);
        notify_ready(); /* what ends a reload; otherwise it says nothing new */
    } else if (self->phase == HUB_SCANNING) {
        self->phase = HUB_LOADING;
        api_load_keys(self->api, self->admin_key_path, on_keys_loaded, self);
    }
}

/* --- Going down --------------------------------------------------------------------------------*/

static void close_handle(uv_handle_t *handle, void *argument)
{
    (void)argument;
    if (!uv_is_closing(handle)) {
        uv_close(handle, NULL);
    }
}

/* Frees what is there, in the order of dependence, and closes the hub's own handles; the loop ends
 * when they are closed. */
static void close_all(struct hub *self)
{
    http_server_close(self->server, NULL, NULL);
    accounts_close(self->accounts);
    zones_close(self->zones);
    schedules_close(self->schedules);
    jobs_close(self->jobs);  /* it hands nothing more to the store, */
    store_free(self->store); /* which finishes what it was handed, and tells */
    jobs_free(self->jobs);
    schedules_free(self->schedules);
    api_free(self->api);
    dispatch_free(self->dispatch);
    supervisor_free(self->supervisor);
    self->server = NULL;
    self->store = NULL;
    self->jobs = NULL;
    self->schedules = NULL;
    self->api = NULL;
    self->dispatch = NULL;
    self->supervisor = NULL;
    self->phase = HUB_CLOSED;
    uv_walk(&self->loop, close_handle, NULL);
}

static void on_settle_timer(uv_timer_t *timer)
{
    struct hub *self = timer->data;

    log_warn(self->log, "hub", "the end is late", "in_flight=%u", jobs_in_flight(self->jobs));
    self->out_of_patience = true;
    uv_idle_start(&self->idle, on_idle);
}

/* Each of the last phases begins with a turn of the loop, whatever is on the stack now. */
static void enter_last_phase(struct hub *self, enum hub_phase phase)
{
    self->phase = phase;
    self->out_of_patience = false;
    uv_timer_start(&self->drain_timer, on_settle_timer, SETTLE_MS, 0);
    uv_idle_start(&self->idle, on_idle);
}

static void on_runners_stopped(void *context)
{
    enter_last_phase(context, HUB_SETTLING);
}

static void on_server_closed(void *context)
{
    struct hub *self = context;

    self->server_closed = true;
    uv_idle_start(&self->idle, on_idle);
}

/* From here on nobody can ask for anything: who still waits is told, and answered. */
static void cut_off(struct hub *self)
{
    struct http_server *server = self->server;

    enter_last_phase(self, HUB_CUTTING);
    self->server = NULL;
    zones_close(self->zones);
    schedules_close(self->schedules);
    jobs_close(self->jobs);
    http_server_close(server, on_server_closed, self);
}

static void stop_runners(struct hub *self)
{
    self->phase = HUB_STOPPING;
    uv_timer_stop(&self->drain_timer);
    dispatch_drain(self->dispatch);
    supervisor_stop(self->supervisor, on_runners_stopped, self);
}

static void on_drain_timer(uv_timer_t *timer)
{
    struct hub *self = timer->data;

    log_warn(self->log, "hub", "drain timed out", "in_flight=%u", jobs_in_flight(self->jobs));
    stop_runners(self);
}

/* Once a turn of the loop: is the phase complete? */
static void go_on_ending(struct hub *self)
{
    /* Outputs on their way to the disk are always waited for: they come back to the dispatcher. */
    bool quiet = self->phase <= HUB_SETTLING && dispatch_in_flight(self->dispatch) == 0;
    bool written = quiet && (self->out_of_patience || jobs_in_flight(self->jobs) == 0);

    if (self->phase == HUB_DRAINING && written && self->server_drained) {
        stop_runners(self);
    } else if (self->phase == HUB_SETTLING && written) {
        cut_off(self);
    } else if (self->phase == HUB_CUTTING && (self->server_closed || self->out_of_patience)) {
        close_all(self);
    }
}

static void on_server_drained(void *context)
{
    struct hub *self = context;

    self->server_drained = true;
    uv_idle_start(&self->idle, on_idle);
}

static void drain(struct hub *self)
{
    log_info(self->log, "hub", "draining", "in_flight=%u", jobs_in_flight(self->jobs));
    notify_stopping();
    self->phase = HUB_DRAINING;
    api_set_phase(self->api, API_DRAINING);
    schedules_drain(self->schedules);
    jobs_drain(self->jobs);
    api_end_streams(self->api);
    uv_timer_start(&self->drain_timer, on_drain_timer, self->config->drain_timeout_ms, 0);
    http_server_drain(self->server, on_server_drained, self);
}

/* What can change while hubd runs: the connectors, the files of accounts and the log level. The
 * rest needs a restart. */
static void reload(struct hub *self)
{
    char quoted[HUB_ERROR_DETAIL_MAX];
    struct hub_error error = {0};
    struct config fresh;

    if (self->phase == HUB_SERVING) {
        notify_reloading();
    }
    if (config_reload(self->config, &fresh, &error) < 0) {
        log_error(self->log, "hub", "the settings are wrong and stay as they were", "why=%s",
                  log_quote(str_from_c(error.detail), quoted, sizeof quoted));
    } else {
        atomic_store(&self->log->level, fresh.log_level);
        config_release(&fresh);
    }
    log_info(self->log, "hub", "reloading", NULL);
    if (self->phase == HUB_SERVING && supervisor_scan(self->supervisor) < 0) {
        log_info(self->log, "hub", "a scan is under way", NULL);
    }
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct hub *self = handle->data;

    if (number != SIGHUP) {
        if (self->phase < HUB_DRAINING) {
            drain(self);
        } else if (self->phase == HUB_DRAINING) {
            stop_runners(self); /* asked twice: do not wait any longer */
        }
        return;
    }
    reload(self);
}

/* --- Life --------------------------------------------------------------------------------------*/

static int init_loop(struct hub *self, struct hub_error *error)
{
    int err = uv_loop_init(&self->loop);

    if (err < 0) {
        return hub_fail_errno(error, -err, "the event loop");
    }
    self->has_loop = true;
    uv_async_init(&self->loop, &self->store_wake, on_store_wake);
    uv_timer_init(&self->loop, &self->tick_timer);
    uv_timer_init(&self->loop, &self->drain_timer);
    notify_watch(&self->watchdog, &self->loop);
    uv_prepare_init(&self->loop, &self->prepare);
    uv_idle_init(&self->loop, &self->idle);
    self->store_wake.data = self->tick_timer.data = self->drain_timer.data = self;
    self->prepare.data = self->idle.data = self;
    for (int i = 0; i < SIGNAL_COUNT; i++) {
        uv_signal_init(&self->loop, &self->signals[i]);
        self->signals[i].data = self;
        uv_signal_start(&self->signals[i], on_signal, SIGNALS[i]);
    }
    return 0;
}

static int open_storage(struct hub *self, struct hub_error *error)
{
    char database[PATH_LEN], blobs[PATH_LEN];
    uint64_t reserve = self->config->storage_reserve_bytes;
    struct store_sqlite_options options = {.synchronous = self->config->synchronous,
                                           .reserve_bytes = reserve > 0 ? reserve : 1};
    struct store_backend *backend;
    int err;

    snprintf(database, sizeof database, "%s/hubd.db", self->config->state_dir);
    snprintf(blobs, sizeof blobs, "%s/blobs", self->config->state_dir);
    snprintf(self->admin_key_path, sizeof self->admin_key_path, "%s/admin.key",
             self->config->state_dir);
    err = blob_store_new(blobs, &self->blobs, error);
    if (err < 0) {
        return err;
    }
    options.path = database;
    options.blobs = self->blobs;
    err = store_sqlite_new(&options, self->log, &backend, error);
    if (err < 0) {
        return err;
    }
    return store_new(backend, wake_loop, &self->store_wake, self->log, &self->store, error);
}

static bool hook_rules(void *context, struct str connector, struct account_rules *ret_rules)
{
    struct hub *self = context;
    const struct account_type *type = types_account(self->types, connector);

    if (type != NULL) {
        *ret_rules = (struct account_rules){type->document, type->schema, type->generation};
    }
    return type != NULL;
}

static void hook_limits(void *context, struct str name, const struct account_limits *limits)
{
    struct hub *self = context;
    const struct jobs_account account = {name, limits->in_flight, limits->rate,
                                         limits->rate_period_ms};

    if (jobs_set_account(self->jobs, &account) < 0) {
        log_error(self->log, "hub", "an account's limits could not be set", "account=%.*s",
                  STR_ARG(name));
    }
}

static int make_accounts(struct hub *self, struct hub_error *error)
{
    struct accounts_deps deps = {
        .loop = &self->loop,
        .store = self->store,
        .dir = self->config->account_dir,
        .log = self->log,
        .context = self,
        .rules = hook_rules,
        .limits = hook_limits,
    };
    int err =
        vault_new(self->config->state_dir, getenv("CREDENTIALS_DIRECTORY"), &self->vault, error);

    deps.vault = self->vault;
    return err < 0 ? err : accounts_new(&deps, &self->accounts, error);
}

static int make_engine(struct hub *self, struct hub_error *error)
{
    const struct jobs_config config = {.retry_base_ms = self->config->retry_base_ms,
                                       .retry_cap_ms = self->config->retry_cap_ms};
    const struct dispatch_deps deps = {
        .loop = &self->loop,
        .store = self->store,
        .blobs = self->blobs,
        .types = self->types,
        .accounts = self->accounts,
        .log = self->log,
        .artifact_max = self->config->artifact_max_bytes,
    };
    int err = dispatch_new(&deps, &self->dispatch);

    if (err < 0) {
        return hub_fail(error, err, "out of memory");
    }
    err = jobs_new(self->store, &config, &JOBS_HOOKS, self, self->log, &self->jobs, error);
    if (err < 0) {
        return err;
    }
    self->zones = zones_new(&self->loop, self->log);
    if (self->zones == NULL) {
        return hub_fail(error, HUB_ERR_NOMEM, "out of memory");
    }
    return schedules_new(self->store, self->jobs, &SCHEDULES_HOOKS, self, self->log,
                         &self->schedules, error);
}

/* Those of the configuration, or the one that belongs to this program. */
static const char *const *connector_dirs(const struct hub *self)
{
    return self->config->connector_dirs[0] != NULL
               ? self->config->connector_dirs
               : (const char *const *)self->paths.connector_dirs;
}

static int make_supervisor(struct hub *self, struct hub_error *error)
{
    const struct supervisor_config config = {
        .runner_path = self->paths.runner,
        .connector_dirs = connector_dirs(self),
        .scratch_dir = blob_store_tmp_dir(self->blobs),
        .blocking_runners_max = self->config->blocking_runners,
        .async_in_flight_max = self->config->async_in_flight,
        .idle_ms = self->config->runner_idle_ms,
        .cancel_grace_ms = self->config->cancel_grace_ms,
        .artifact_bytes_max = self->config->artifact_max_bytes,
        .memory_max = self->config->runner_memory_max_bytes,
        .cpu_s = self->config->runner_cpu_max_s,
        .sandbox_required = self->config->sandbox_required,
        .uid_first = self->config->runner_uid_first,
        .places = self->config->connector_paths,
        .folders = self->config->connector_folders,
        .breaker_crashes = self->config->breaker_crashes,
        .http_allow = self->config->http_allow,
        .http_allow_private = self->config->http_allow_private,
        .http_authorities = self->config->http_authorities,
    };

    return supervisor_new(&self->loop, &config, &SUPERVISOR_EVENTS, self, self->log,
                          &self->supervisor, error);
}

static int make_api(struct hub *self, struct hub_error *error)
{
    const struct api_deps deps = {
        .loop = &self->loop,
        .jobs = self->jobs,
        .store = self->store,
        .blobs = self->blobs,
        .supervisor = self->supervisor,
        .types = self->types,
        .accounts = self->accounts,
        .vault = self->vault,
        .schedules = self->schedules,
        .log = self->log,
    };
    const struct api_config config = {
        .artifact_max = self->config->artifact_max_bytes,
        .body_max = self->config->body_max_bytes,
        .artifact_retention_ms = self->config->artifact_retention_ms,
        .wait_max_s = self->config->wait_max_s,
        .connector_dirs = connector_dirs(self),
        .batch_dir = self->config->batch_dir,
    };
    struct http_limits limits;
    int err;

    http_limits_default(&limits);
    limits.connections_max = self->config->connections_max;
    limits.connections_per_address_max = self->config->connections_per_address_max;
    err = api_new(&deps, &config, &self->api, error);
    if (err < 0) {
        return err;
    }
    err = http_server_new(&self->loop, &limits, self->log, api_on_request, self->api, &self->server,
                          error);
    if (err == 0) {
        api_set_server(self->api, self->server);
    }
    return err;
}

static int open_all(struct hub *self, struct hub_error *error)
{
    int err = hub_find_paths(&self->paths, error);

    if (err == 0) {
        err = file_make_dirs(self->config->state_dir, 0700, error);
    }
    if (err == 0) {
        err = lock_state_dir(self->config->state_dir, &self->lock_fd, error);
    }
    if (err == 0) {
        err = init_loop(self, error);
    }
    if (err == 0) {
        err = open_storage(self, error);
    }
    if (err == 0 && types_new(&self->types) < 0) {
        err = hub_fail(error, HUB_ERR_NOMEM, "out of memory");
    }
    if (err == 0) {
        err = make_accounts(self, error);
    }
    if (err == 0) {
        err = make_engine(self, error);
    }
    if (err == 0) {
        err = make_supervisor(self, error);
    }
    if (err == 0) {
        dispatch_connect(self->dispatch, self->jobs, self->supervisor);
        err = make_api(self, error);
    }
    return err;
}

int hub_new(const struct config *config, struct log *log, struct hub **ret_self,
            struct hub_error *error)
{
    struct hub *self = calloc(1, sizeof *self);
    int err;

    if (self == NULL) {
        return hub_fail(error, HUB_ERR_NOMEM, "out of memory");
    }
    self->config = config;
    self->log = log;
    self->lock_fd = -1;
    err = open_all(self, error);
    if (err < 0) {
        hub_free(self);
        return err;
    }
    *ret_self = self;
    return 0;
}

int hub_run(struct hub *self)
{
    thread_set_role(THREAD_LOOP, "hubd");
    uv_prepare_start(&self->prepare, on_prepare);
    if (supervisor_scan(self->supervisor) < 0) {
        give_up(self, "scan", "the connectors could not be looked at");
    }
    uv_run(&self->loop, UV_RUN_DEFAULT);
    log_info(self->log, "hub", "stopped", "exit_code=%d", self->exit_code);
    return self->exit_code;
}

void hub_free(struct hub *self)
{
    if (self == NULL) {
        return;
    }
    if (self->has_loop) {
        if (self->phase != HUB_CLOSED) { /* it came up half, and never ran */
            close_all(self);
        }
        uv_run(&self->loop, UV_RUN_DEFAULT);
        uv_loop_close(&self->loop);
    }
    zones_free(self->zones);
    accounts_free(self->accounts);
    vault_free(self->vault);
    types_free(self->types);
    blob_store_free(self->blobs);
    hub_release_paths(&self->paths);
    if (self->lock_fd >= 0) {
        close(self->lock_fd);
    }
    free(self);
}
