#include "jobs/engine.h"

#include <stdlib.h>

#define DEFAULT(value, fallback) ((value) ? (value) : (fallback))

/* --- Life --------------------------------------------------------------------------------------*/

static struct jobs_config with_defaults(const struct jobs_config *given)
{
    struct jobs_config config = given ? *given : (struct jobs_config){0};

    config.start_write_after_ms = DEFAULT(config.start_write_after_ms, 100);
    config.retry_base_ms = DEFAULT(config.retry_base_ms, 1000);
    config.retry_cap_ms = DEFAULT(config.retry_cap_ms, 3600 * 1000);
    config.purge_interval_ms = DEFAULT(config.purge_interval_ms, 10 * 1000);
    config.input_cache_bytes = DEFAULT(config.input_cache_bytes, (size_t)16 << 20);
    config.jobs_max = DEFAULT(config.jobs_max, 10 * 1000 * 1000);
    return config;
}

int jobs_new(struct store *store, const struct jobs_config *config, const struct jobs_hooks *hooks,
             void *context, struct log *log, struct jobs **ret_self, struct hub_error *error)
{
    struct jobs *self = calloc(1, sizeof *self);
    struct queue *queue;

    if (!self) {
        return hub_fail(error, HUB_ERR_NOMEM, "no memory for the job engine");
    }
    self->store = store;
    self->config = with_defaults(config);
    self->hooks = *hooks;
    self->context = context;
    self->log = log;
    self->policy = (struct retry_policy){self->config.retry_base_ms, self->config.retry_cap_ms};
    self->jitter = self->config.seed;
    if (self->jitter == 0) {
        hash_random(&self->jitter, sizeof self->jitter);
    }
    id_gen_init(&self->ids);
    slab_init(&self->slab, sizeof(struct job));
    job_index_init(&self->index);
    map_init(&self->types_by_name);
    map_init(&self->connectors);
    map_init(&self->queues);
    map_init(&self->accounts);
    map_init(&self->keyed_lanes);
    map_init(&self->waiters);
    map_init(&self->batches);
    list_init(&self->hungry);
    heap_init(&self->open, lane_connector_before);
    heap_init(&self->timers, timer_before);
    list_init(&self->unwritten);
    list_init(&self->again);
    list_init(&self->asking);
    self->again_at = NEVER;
    self->purge_at = NEVER;
    engine_clock(self);
    if (queue_get(self, STR("default"), false, &queue) < 0) {
        jobs_free(self);
        return hub_fail(error, HUB_ERR_NOMEM, "no memory for the job engine");
    }
    queue->stored = true; /* it is always there */
    *ret_self = self;
    return 0;
}

static void free_payloads(struct jobs *self)
{
    for (size_t i = 0; i < self->index.cap; i++) {
        struct job *job = self->index.slots[i];
        if (job) {
            payload_free(self, job->payload);
        }
    }
}

void jobs_free(struct jobs *self)
{
    if (!self) {
        return;
    }
    requests_close(self);
    attempts_release(self);
    errands_release(self);
    free_payloads(self);
    heap_release(&self->timers);
    heap_release(&self->open);
    queues_release(self);
    batches_release(self);
    accounts_release(self);
    names_release(self);
    job_index_release(&self->index);
    slab_release(&self->slab);
    free(self);
}

void jobs_drain(struct jobs *self)
{
    self->draining = true;
    engine_wake(self);
}

void jobs_close(struct jobs *self)
{
    if (self == NULL) {
        return;
    }
    self->draining = true;
    self->closed = true;
    requests_close(self);
}

unsigned jobs_in_flight(const struct jobs *self)
{
    return self->attempts_in_flight + self->errands;
}

/* --- The clock and the world -------------------------------------------------------------------*/

void engine_clock(struct jobs *self)
{
    int64_t now = self->hooks.now(self->context);

    if (now > self->now) {
        self->now = now;
    }
}

void engine_wake(struct jobs *self)
{
    if (!self->woken) {
        self->woken = true;
        self->hooks.wake(self->context);
    }
}

static void tell(struct jobs *self, const struct job *job, struct jobs_event event)
{
    event.id = job->id;
    event.type = self->types[job->type]->name;
    event.queue = job->lane->key.queue->settings.name;
    event.attempt = job->number;
    event.at = self->now;
    self->hooks.event(self->context, &event);
}

void engine_event(struct jobs *self, const struct job *job, enum job_state state, uint64_t seq,
                  const struct store_job_move *move)
{
    tell(self, job, (struct jobs_event){.seq = seq, .state = state, .move = move});
}

/* --- The tick ----------------------------------------------------------------------------------*/

/* While the store fails, or cannot follow, no work is taken on whose end could not be kept. */
static bool may_start(const struct jobs *self)
{
    return !self->store_fails && self->endings < ENDINGS_MAX &&
           self->ending_bytes < ENDING_BYTES_MAX;
}

/* Starts what there is room for. Returns when to go on, or NEVER: when there is room again. */
static int64_t dispatch(struct jobs *self)
{
    for (unsigned i = 0; i < STARTS_PER_TICK; i++) {
        struct job *job = may_start(self) ? lane_next(self) : NULL;
        if (!job) {
            return NEVER;
        }
        if (!attempt_begin(self, job)) {
            return self->now + 1000;
        }
    }
    return self->now;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t jobs_tick(struct jobs *self)
{
    ASSERT_THREAD(THREAD_LOOP);
    engine_clock(self);
    self->woken = false;
    errands_again(self);
    attempts_write_late(self);
    int64_t next = NEVER;
    if (self->ready && self->draining) {
        passes_run(self);
    } else if (self->ready) {
        timers_run(self);
        passes_run(self);
        purge_run(self);
        batches_run(self);
        next = earlier(dispatch(self), earlier(timers_next(self), self->purge_at));
        next = earlier(next, batches_next(self));
    }
    return earlier(next, earlier(attempts_write_next(self), self->again_at));
}

/* --- Attempts, from the dispatcher -------------------------------------------------------------*/

void jobs_finished(struct jobs *self, uint64_t token, const struct jobs_outcome *outcome)
{
    ASSERT_THREAD(THREAD_LOOP);
    engine_clock(self);
    struct attempt *attempt = attempt_find(self, token);
    if (!attempt) {
        self->stats.stale_results++;
        finish_discard(self, outcome->blobs, outcome->artifact_count);
        return;
    }
    struct job *job = attempt->job;
    enum job_retry_safety safety = outcome->untouched ? JOB_SAFE : job->safety;
    job->lane->key.connector->room_known = false;
    lane_settle_connector(self, job->lane->key.connector);
    finish_attempt(self, attempt, outcome,
                   verdict_of(outcome->outcome, safety, job->flags & JOB_FLAG_CANCELLING));
    engine_wake(self);
}

void jobs_progress(struct jobs *self, uint64_t token, uint32_t permille, struct str message)
{
    engine_clock(self);
    struct attempt *attempt = attempt_find(self, token);
    if (!attempt) {
        return;
    }
    attempt->permille = permille > 1000 ? 1000 : permille;
    buf_clear(&attempt->message);
    buf_append_str(&attempt->message, str_utf8_cut(message, PROGRESS_MESSAGE_MAX));
    tell(self, attempt->job,
         (struct jobs_event){
             .state = JOB_RUNNING,
             .is_progress = true,
             .permille = attempt->permille,
             .message = buf_view(&attempt->message),
         });
}

void jobs_capacity(struct jobs *self, struct str name)
{
    struct connector *connector = names_connector(self, name);

    if (connector) {
        connector->room_known = false;
        lane_settle_connector(self, connector);
        engine_wake(self);
    }
}

/* --- What there is -----------------------------------------------------------------------------*/

bool jobs_live(const struct jobs *self, const struct id *id, struct jobs_live *ret_live)
{
    const struct job *job = job_index_get(&self->index, id);
    if (!job || job_state_terminal(job->state)) {
        return false;
    }
    *ret_live = (struct jobs_live){
        .state = job->state,
        .attempt = job->number,
        .cancelling = job->flags & JOB_FLAG_CANCELLING,
    };
    const struct attempt *attempt = job_attempt(job);
    if (attempt && job->state == JOB_RUNNING) {
        ret_live->started_at = attempt->started_at;
        ret_live->permille = attempt->permille;
        ret_live->message = buf_view(&attempt->message);
    }
    return true;
}

static struct jobs_queue_info info_of(const struct queue *queue)
{
    return (struct jobs_queue_info){
        .settings = queue->settings,
        .queued = queue->counts[JOB_QUEUED] + queue->parked,
        .scheduled = queue->counts[JOB_SCHEDULED],
        .blocked = queue->counts[JOB_BLOCKED],
        .running = queue->counts[JOB_RUNNING],
    };
}

void jobs_each_queue(const struct jobs *self,
                     void (*visit)(void *context, const struct jobs_queue_info *queue),
                     void *context)
{
    MAP_FOR_EACH(entry, &self->queues) {
        struct jobs_queue_info info = info_of(entry->value);
        visit(context, &info);
    }
}

bool jobs_find_queue(const struct jobs *self, struct str name, struct jobs_queue_info *ret_queue)
{
    const struct queue *queue = map_get(&self->queues, name);
    if (!queue) {
        return false;
    }
    *ret_queue = info_of(queue);
    return true;
}

const struct jobs_stats *jobs_stats(const struct jobs *self)
{
    return &self->stats;
}
