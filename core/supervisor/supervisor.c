#include "supervisor/internal.h"

#include "base/clock.h"
#include "base/thread.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- Birth -------------------------------------------------------------------------------------*/

static void fill_defaults(struct supervisor_config *config)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
#define DEFAULT(member, value)                                                                     \
    if (config->member == 0) {                                                                     \
        config->member = (value);                                                                  \
    }
    DEFAULT(blocking_runners_max, cores > 0 ? (unsigned)cores : 1)
    DEFAULT(async_in_flight_max, 1024)
    DEFAULT(hello_timeout_ms, 5000)
    DEFAULT(idle_ms, 30000)
    DEFAULT(cancel_grace_ms, 1000)
    DEFAULT(result_max, 256u << 10)
    DEFAULT(artifacts_max, 64)
    DEFAULT(artifact_bytes_max, 1ull << 30)
    DEFAULT(memory_max, 4ull << 30)
    DEFAULT(cpu_s, 3600)
#undef DEFAULT
    if (config->result_max > WIRE_RESULT_MAX) {
        config->result_max = WIRE_RESULT_MAX;
    }
    if (config->artifacts_max > WIRE_ARTIFACTS_MAX) {
        config->artifacts_max = WIRE_ARTIFACTS_MAX;
    }
}

static char **copy_list(const char *const *list)
{
    size_t count = 0;
    while (list[count]) {
        count++;
    }
    char **copy = calloc(count + 1, sizeof *copy);
    for (size_t i = 0; copy && i < count; i++) {
        copy[i] = strdup(list[i]);
        if (!copy[i]) {
            for (size_t k = 0; k < i; k++) {
                free(copy[k]);
            }
            free(copy);
            return NULL;
        }
    }
    return copy;
}

/* The texts of the configuration that outlive the caller's. */
static int copy_texts(struct supervisor_config *config)
{
    const char **texts[] = {&config->http_allow, &config->http_allow_private,
                            &config->http_authorities};
    bool fine = true;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        *texts[i] = strdup(*texts[i] ? *texts[i] : "");
        fine = fine && *texts[i];
    }
    return fine ? 0 : HUB_ERR_NOMEM;
}

static void free_list(char **list)
{
    for (char **item = list; item && *item; item++) {
        free(*item);
    }
    free(list);
}

static void supervisor_destroy(struct supervisor *self)
{
    free((char *)self->config.http_allow);
    free((char *)self->config.http_allow_private);
    free((char *)self->config.http_authorities);
    free_list(self->connector_dirs);
    free_list(self->places);
    free_list(self->folders);
    buf_release(&self->granted_places);
    buf_release(&self->asked_hosts);
    free(self->runner_path);
    free(self->scratch_dir);
    free(self);
}

static void before_sleep(uv_prepare_t *handle);
static void deliver(uv_idle_t *handle);

void supervisor_deliver_soon(struct supervisor *self)
{
    (void)uv_idle_start(&self->deliver, deliver);
}

static int supervisor_init(struct supervisor *self)
{
    struct supervisor_config *config = &self->config;
    self->runner_path = strdup(config->runner_path);
    self->scratch_dir = strdup(config->scratch_dir);
    self->connector_dirs = copy_list(config->connector_dirs);
    self->places = config->places ? copy_list(config->places) : NULL;
    self->folders = config->folders ? copy_list(config->folders) : NULL;
    buf_init(&self->granted_places, BUF_NO_LIMIT);
    buf_init(&self->asked_hosts, BUF_NO_LIMIT);
    if (copy_texts(config) < 0 || !self->runner_path || !self->scratch_dir ||
        !self->connector_dirs || (config->places && !self->places) ||
        (config->folders && !self->folders)) {
        return HUB_ERR_NOMEM;
    }
    fill_defaults(config);
    list_init(&self->roomy);
    self->house = (struct runner_house){
        .loop = self->loop,
        .log = self->log,
        .runner_path = self->runner_path,
        .scratch_dir = self->scratch_dir,
        .stage_ms = config->hello_timeout_ms,
        .goodbye_ms = config->hello_timeout_ms,
        .artifacts_max = config->artifacts_max,
    };
    list_init(&self->house.unsent);
    uids_init(&self->house.uids, config->uid_first);
    /* libuv cannot fail at these. */
    (void)uv_idle_init(self->loop, &self->deliver);
    self->deliver.data = self;
    (void)uv_prepare_init(self->loop, &self->before_sleep);
    self->before_sleep.data = self;
    (void)uv_prepare_start(&self->before_sleep, before_sleep);
    return placements_init(self);
}

int supervisor_new(uv_loop_t *loop, const struct supervisor_config *config,
                   const struct supervisor_events *events, void *context, struct log *log,
                   struct supervisor **ret_self, struct hub_error *error)
{
    ASSERT_THREAD(THREAD_LOOP);
    struct supervisor *self = calloc(1, sizeof *self);
    if (!self) {
        return hub_fail(error, HUB_ERR_NOMEM, "out of memory");
    }
    self->loop = loop;
    self->config = *config;
    self->events = *events;
    self->context = context;
    self->log = log;
    if (access(config->runner_path, X_OK) < 0) {
        int err = hub_fail(error, HUB_ERR_NOT_FOUND, "%s is not there or cannot be executed",
                           config->runner_path);
        free(self);
        return err;
    }
    if (supervisor_init(self) < 0) {
        supervisor_destroy(self);
        return hub_fail(error, HUB_ERR_NOMEM, "out of memory");
    }
    *ret_self = self;
    return 0;
}

struct wire_config supervisor_wire_config(struct supervisor *self,
                                          const struct descriptor *descriptor, const char *path)
{
    bool network = descriptor && descriptor->network;
    struct wire_config config = {
        .confinement = network ? WIRE_CLASS_NETWORK : WIRE_CLASS_PURE,
        .owner = (uint32_t)geteuid(),
        .http_allow = str_from_c(self->config.http_allow),
        .http_allow_private = str_from_c(self->config.http_allow_private),
        .http_authorities = str_from_c(self->config.http_authorities),
        .result_max = (uint32_t)self->config.result_max,
        .artifacts_max = self->config.artifacts_max,
        .memory_max = self->config.memory_max,
        .file_bytes_max = self->config.artifact_bytes_max,
        .cpu_s = self->config.cpu_s,
        .sandbox_required = self->config.sandbox_required,
        .path = str_from_c(path),
    };
    if (descriptor) {
        grants_fill(self, descriptor, &config);
    }
    return config;
}

/* --- Attempts ----------------------------------------------------------------------------------*/

/* The input files as records, and their descriptors. */
static int append_files(const struct supervisor_request *request, struct buf *records, int *ret_fds)
{
    for (unsigned i = 0; i < request->file_count; i++) {
        const struct supervisor_file *file = &request->files[i];
        struct wire_file record = {file->bytes, file->pointer, file->name, file->media_type,
                                   file->artifact};
        int err = wire_file_append(records, &record);
        if (err < 0) {
            return err;
        }
        ret_fds[i] = file->fd;
    }
    return 0;
}

static int place(struct supervisor *self, struct connector *connector,
                 const struct supervisor_request *request, const struct wire_start *start,
                 const int *fds)
{
    struct attempt *attempt;
    if (!wire_start_fits(start)) {
        return HUB_ERR_LIMIT;
    }
    int err = placement_new(self, connector, request, (int64_t)start->deadline_ms, &attempt);
    if (err < 0) {
        return err;
    }
    err = connector_place(connector, attempt, start, fds);
    if (err < 0) {
        placement_undo(self, attempt);
    }
    return err;
}

int supervisor_start(struct supervisor *self, const struct supervisor_request *request)
{
    int fds[WIRE_FILES_MAX];
    struct buf records;
    ASSERT_THREAD(THREAD_LOOP);
    struct connector *connector = catalog_find(self, request->connector);
    int operation = connector && !connector->removed
                        ? descriptor_operation(connector->version->descriptor, request->operation)
                        : -1;
    if (operation < 0) {
        return HUB_ERR_UNKNOWN_TYPE;
    }
    if (request->file_count > WIRE_FILES_MAX ||
        request->account_name.len > SUPERVISOR_ACCOUNT_MAX) {
        return HUB_ERR_LIMIT;
    }
    if (connector_room(connector) == 0) {
        connector->wanted = true;
        return HUB_ERR_AGAIN;
    }
    buf_init(&records, BUF_NO_LIMIT);
    int err = append_files(request, &records, fds);
    struct wire_start start = {
        .operation = (uint32_t)operation,
        .attempt = request->attempt,
        .max_attempts = request->max_attempts,
        .deadline_ms = (uint64_t)clock_mono_ms() + request->timeout_ms,
        .job_id = request->job_id,
        .input = request->input,
        .account = request->account,
        .idempotency_key = request->idempotency_key,
        .traceparent = request->traceparent,
        .file_count = request->file_count,
        .files = buf_view(&records),
    };
    if (err == 0) {
        err = place(self, connector, request, &start, fds);
    }
    buf_release(&records);
    connector->wanted |= err == HUB_ERR_AGAIN;
    return err;
}

void supervisor_cancel(struct supervisor *self, uint64_t token)
{
    ASSERT_THREAD(THREAD_LOOP);
    struct attempt *attempt = placement_find(self, token);
    if (attempt) {
        placement_cancel(self, attempt);
    }
}

unsigned supervisor_room(const struct supervisor *self, struct str name)
{
    struct connector *connector = catalog_find(self, name);
    return connector ? connector_room(connector) : 0;
}

int supervisor_scan(struct supervisor *self)
{
    ASSERT_THREAD(THREAD_LOOP);
    return self->stopping ? HUB_ERR_CLOSED : scan_start(self);
}

/* --- The turn of the loop, and the end ---------------------------------------------------------*/

static void handle_closed(uv_handle_t *handle)
{
    struct supervisor *self = handle->data;
    if (--self->handles == 0) {
        self->on_stopped(self->stop_context);
    }
}

static void connector_timer_closed(uv_handle_t *handle)
{
    struct connector *connector = handle->data;
    handle->data = connector->supervisor;
    handle_closed(handle);
}

/* All runners are gone: our own handles follow. */
static void close_handles(struct supervisor *self)
{
    self->handles = 3 + 3 * self->connector_count;
    uv_close((uv_handle_t *)&self->deliver, handle_closed);
    uv_close((uv_handle_t *)&self->before_sleep, handle_closed);
    uv_close((uv_handle_t *)&self->due_timer, handle_closed);
    for (unsigned i = 0; i < self->connector_count; i++) {
        struct connector *connector = self->connectors[i];
        uv_close((uv_handle_t *)&connector->backoff_timer, connector_timer_closed);
        uv_close((uv_handle_t *)&connector->idle_timer, connector_timer_closed);
        uv_close((uv_handle_t *)&connector->breaker_timer, connector_timer_closed);
    }
}

/* An idle handle runs before all prepare handles and keeps the loop from sleeping, so that what the
 * events lead to is flushed in the same turn, whoever flushes it. */
static void deliver(uv_idle_t *handle)
{
    struct supervisor *self = handle->data;
    uv_idle_stop(handle);
    attempts_finish_due(self);
    supervisor_tell_room(self);
}

/* The frames of this turn leave. */
static void before_sleep(uv_prepare_t *handle)
{
    struct supervisor *self = handle->data;
    runner_house_flush(&self->house);
    if (self->stopping && self->house.count == 0 && !self->scan && list_empty(&self->finished)) {
        close_handles(self);
    }
}

void supervisor_stop(struct supervisor *self, void (*on_stopped)(void *context), void *context)
{
    ASSERT_THREAD(THREAD_LOOP);
    self->stopping = true;
    self->on_stopped = on_stopped;
    self->stop_context = context;
    scan_stop(self);
    for (unsigned i = 0; i < self->connector_count; i++) {
        connector_stop(self->connectors[i]);
    }
}

void supervisor_free(struct supervisor *self)
{
    if (self) {
        placements_release(self);
        catalog_release(self);
        supervisor_destroy(self);
    }
}

/* --- What there is -----------------------------------------------------------------------------*/

static enum supervisor_health health_of(const struct connector *self)
{
    return self->removed                           ? CONNECTOR_REMOVED
           : self->breaker.state != BREAKER_CLOSED ? CONNECTOR_TRIPPED
           : self->backing_off                     ? CONNECTOR_BACKING_OFF
                                                   : CONNECTOR_READY;
}

/* What only a connector in trouble has to tell. */
static void describe_trouble(const struct connector *self, struct supervisor_connector *connector)
{
    if (connector->health == CONNECTOR_BACKING_OFF) {
        connector->reason = str_from_c(self->reason);
    }
    if (connector->health == CONNECTOR_TRIPPED) {
        int64_t left = self->breaker.until_ms - clock_mono_ms();
        connector->reason = str_from_c(self->trip_reason);
        connector->resumes_in_ms = left > 0 ? left : 0;
    }
}

static void describe(const struct connector *self, struct supervisor_connector *ret_connector)
{
    const struct descriptor *descriptor = self->version->descriptor;
    unsigned runners = 0;
    LIST_FOR_EACH(link, &self->members) {
        runners++;
    }
    *ret_connector = (struct supervisor_connector){
        .name = str_from_c(self->name),
        .version = descriptor->version,
        .licence = descriptor->licence,
        .summary = descriptor->summary,
        .path = str_from_c(self->version->path),
        .async = descriptor->async,
        .health = health_of(self),
        .account_schema = descriptor->account_schema,
        .operations = descriptor->operations,
        .operation_count = descriptor->operation_count,
        .generation = self->version->generation,
        .runners = runners,
        .in_flight = self->in_flight + self->pending_count,
        .attempts_started = self->attempts_started,
        .attempts_died = self->attempts_died,
        .runners_started = self->runners_started,
        .runners_crashed = self->runners_crashed,
        .trips = self->breaker.trips,
        .connections_refused = self->connections_refused,
        .sandbox =
            {
                .network = descriptor->network,
                .mechanisms = self->version->confined.mechanisms,
                .missing = self->version->confined.missing,
                .landlock_abi = self->version->confined.landlock_abi,
            },
    };
    memcpy(ret_connector->deaths, self->deaths, sizeof self->deaths);
    describe_trouble(self, ret_connector);
}

void supervisor_each(const struct supervisor *self,
                     void (*visit)(void *context, const struct supervisor_connector *connector),
                     void *context)
{
    struct supervisor_connector connector;
    for (unsigned i = 0; i < self->connector_count; i++) {
        describe(self->connectors[i], &connector);
        visit(context, &connector);
    }
    for (unsigned i = 0; i < self->refusal_count; i++) {
        const struct refusal *refusal = &self->refusals[i];
        connector = (struct supervisor_connector){
            .name = refusal->name,
            .path = str_from_c(refusal->path),
            .health = CONNECTOR_REFUSED,
            .reason = str_from_c(refusal->reason),
        };
        visit(context, &connector);
    }
}

bool supervisor_find(const struct supervisor *self, struct str name,
                     struct supervisor_connector *ret_connector)
{
    struct connector *connector = catalog_find(self, name);
    if (connector) {
        describe(connector, ret_connector);
    }
    return connector != NULL;
}
