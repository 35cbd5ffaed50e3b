#include "jobs/schedules_parts.h"

#include "base/thread.h"

#include <stdlib.h>
#include <string.h>

#define LOOKS_PER_TICK 1000 /* then the loop gets a turn */
#define CLOCK_LOOK_MS  1000 /* the wall's clock may jump: a timer alone would sleep through it */
#define REASON_MAX     500

/* A run on its way to the store, in the arena of its operation. */
struct flight {
    struct schedule *schedule;
    struct store_tick tick;
    uint32_t generation;
    int64_t decided_until; /* with MISSED */
    schedules_run_fn *tell;
    void *tell_context;
};

/* --- When --------------------------------------------------------------------------------------*/

bool schedule_before(const struct heap_node *a, const struct heap_node *b)
{
    return CONTAINER_OF((struct heap_node *)a, struct schedule, node)->due <
           CONTAINER_OF((struct heap_node *)b, struct schedule, node)->due;
}

static bool may_fire(const struct schedule *self)
{
    return self->unfinished == 0 || self->spec.overlap == SCHEDULE_OVERLAP_ALLOW;
}

static int64_t due_of(const struct schedule *self)
{
    const struct schedules *all = self->all;
    int64_t due;

    if (!all->ready || all->draining || self->gone || self->busy || self->record.paused ||
        self->problem) {
        return SCHEDULE_NEVER;
    }
    if (self->waiting_count > 0 && may_fire(self)) {
        due = 0;
    } else if (self->next == SCHEDULE_NEVER) {
        return SCHEDULE_NEVER;
    } else {
        due = self->next + schedule_jitter(&self->spec, self->record.seq, self->next);
    }
    return due > self->retry_at ? due : self->retry_at;
}

void schedule_settle(struct schedule *self)
{
    struct schedules *all = self->all;

    self->due = due_of(self);
    if (self->due == SCHEDULE_NEVER) {
        heap_remove(&all->timers, &self->node);
    } else if (heap_contains(&self->node)) {
        heap_update(&all->timers, &self->node);
    } else if (heap_push(&all->timers, &self->node) < 0) {
        assert(!"room was reserved");
    }
    if (!all->woken && heap_first(&all->timers) == &self->node) {
        all->woken = true;
        all->hooks.wake(all->context);
    }
}

void schedule_advance(struct schedule *self)
{
    bool known = self->spec.kind != SCHEDULE_CRON || self->spec.zone != NULL;

    self->next = known && !self->problem
                     ? schedule_next(&self->spec, self->record.created_at, self->record.cursor_at)
                     : SCHEDULE_NEVER;
}

/* --- Jobs and runs that wait -------------------------------------------------------------------*/

static struct str key_of(const struct id *id)
{
    return str_of((const char *)id->bytes, sizeof id->bytes);
}

void schedule_follow(struct schedule *self, const struct work *work)
{
    struct map *jobs = &self->all->jobs_by_id;
    struct schedule_job *job = jobs->len < SCHEDULES_UNFINISHED_MAX ? calloc(1, sizeof *job) : NULL;

    if (!job) {
        return;
    }
    *job = (struct schedule_job){.work = *work, .schedule = self};
    if (map_put(jobs, key_of(&job->work.id), job) < 0) {
        free(job);
        return;
    }
    list_append(&self->jobs, &job->link);
    self->unfinished++;
}

void schedule_unfollow(struct schedule_job *job)
{
    struct schedule *schedule = job->schedule;

    map_remove(&schedule->all->jobs_by_id, key_of(&job->work.id));
    list_remove(&job->link);
    schedule->unfinished--;
    free(job);
}

static void has_ended(struct schedules *self, const struct id *id)
{
    struct schedule_job *job =
        self->jobs_by_id.len > 0 ? map_get(&self->jobs_by_id, key_of(id)) : NULL;

    if (job) {
        struct schedule *schedule = job->schedule;
        schedule_unfollow(job);
        schedule_settle(schedule);
    }
}

void schedules_on_event(struct schedules *self, const struct jobs_event *event)
{
    if (!event->is_progress && job_state_terminal(event->state)) {
        has_ended(self, &event->id);
    }
}

void schedules_on_end(struct schedules *self, const struct work *work)
{
    has_ended(self, &work->id);
}

static bool has_room_to_wait(const struct schedule *self)
{
    return self->waiting_count < SCHEDULE_WAITING_MAX && self->all->waiting < SCHEDULES_WAITING_MAX;
}

bool schedule_await(struct schedule *self, const struct schedule_run *run)
{
    if (!self->waiting) {
        self->waiting = calloc(SCHEDULE_WAITING_MAX, sizeof *self->waiting);
    }
    if (!self->waiting || self->waiting_count == SCHEDULE_WAITING_MAX) {
        return false;
    }
    self->waiting[self->waiting_count++] = *run;
    self->all->waiting++;
    return true;
}

static void stop_waiting(struct schedule *self, int64_t tick)
{
    for (unsigned i = 0; i < self->waiting_count; i++) {
        if (self->waiting[i].tick == tick) {
            self->waiting_count--;
            self->all->waiting--;
            memmove(&self->waiting[i], &self->waiting[i + 1],
                    (self->waiting_count - i) * sizeof *self->waiting);
            return;
        }
    }
}

static void on_cancelled(void *context, int err)
{
    (void)context; /* schedules_on_event() hears of it */
    (void)err;
}

/* Asking may finish some at once, which changes the list: so it is begun anew after each. */
void schedule_cancel_jobs(struct schedule *self)
{
    static void (*const CANCEL[WORK_KIND_COUNT])(struct jobs *, const struct id *, jobs_done_fn *,
                                                 void *) = {
        [WORK_JOB] = jobs_cancel,
        [WORK_BATCH] = jobs_batch_cancel,
        [WORK_FLOW] = jobs_flow_cancel,
    };
    struct list *link = self->jobs.next;

    while (link != &self->jobs) {
        struct schedule_job *job = CONTAINER_OF(link, struct schedule_job, link);
        if (job->cancelled) {
            link = link->next;
            continue;
        }
        struct work work = job->work;
        job->cancelled = true;
        CANCEL[work.kind](self->all->jobs, &work.id, on_cancelled, NULL);
        link = self->jobs.next;
    }
}

/* --- What became of a run ----------------------------------------------------------------------*/

static void count(struct schedules_stats *stats, const struct schedule_run *run)
{
    stats->fired += run->outcome == SCHEDULE_FIRED;
    stats->skipped += run->outcome == SCHEDULE_SKIPPED;
    stats->refused += run->outcome == SCHEDULE_REFUSED;
    stats->missed += run->missed;
}

/* It is on record, by this flight (err 0) or by an earlier one. */
static void done_with(struct flight *flight, int err)
{
    struct schedule *self = flight->schedule;
    const struct schedule_run *run = &flight->tick.run;

    self->retry_at = 0;
    if (err == 0) {
        count(&self->all->stats, run);
    }
    if (flight->tick.was_waiting) {
        stop_waiting(self, run->tick);
    } else if (!run->by_hand && flight->generation == self->generation) {
        self->record.cursor_at = run->tick;
        if (run->outcome == SCHEDULE_MISSED) {
            self->decided_until = flight->decided_until;
        }
        schedule_advance(self);
    }
    if (err == 0 && run->outcome == SCHEDULE_WAITING && !schedule_await(self, run)) {
        log_error(self->all->log, "schedules", "a run waits for the next start", "schedule=%.*s",
                  STR_ARG(self->record.name));
    }
}

static void retry_later(struct schedule *self, int err)
{
    self->retry_at = schedules_now(self->all) + SCHEDULES_RETRY_MS;
    log_warn(self->all->log, "schedules", "a tick could not be kept, trying again",
             "schedule=%.*s error=%s", STR_ARG(self->record.name), hub_err_code(err));
}

static void land(struct flight *flight)
{
    struct schedule *schedule = flight->schedule;

    if (!flight->tick.run.by_hand) {
        schedule->busy = false;
    }
    schedule_landed(schedule);
}

/* --- Writing a run without a job ---------------------------------------------------------------*/

static struct flight *fly(struct schedule *self, struct store_op *op,
                          const struct schedule_run *run, bool was_waiting)
{
    struct flight *flight = arena_zalloc(&op->arena, sizeof *flight);

    if (!flight) {
        return NULL;
    }
    int64_t now = schedules_now(self->all);
    *flight = (struct flight){
        .schedule = self,
        .generation = self->generation,
        .tick = {.schedule = self->record.seq,
                 .run = *run,
                 .was_waiting = was_waiting,
                 .cursor_at = was_waiting || run->by_hand ? 0 : run->tick,
                 .purge_at = now + self->spec.history_ms},
    };
    flight->tick.run.at = now;
    return flight;
}

static void take_off(struct flight *flight)
{
    struct schedule *schedule = flight->schedule;

    schedule->flights++;
    if (!flight->tick.run.by_hand) {
        schedule->busy = true;
        schedule_settle(schedule);
    }
}

static void on_recorded(struct store_op *op, void *context)
{
    struct flight *flight = context;

    if (op->err == 0 || op->err == HUB_ERR_CONFLICT || op->err == HUB_ERR_GONE) {
        done_with(flight, op->err);
    } else {
        retry_later(flight->schedule, op->err);
    }
    land(flight);
}

static void record(struct schedule *self, const struct schedule_run *run, bool was_waiting,
                   int64_t decided_until)
{
    struct store_op *op = store_op_new(STORE_SCHEDULE_TICK);
    struct flight *flight = op ? fly(self, op, run, was_waiting) : NULL;

    if (flight) {
        flight->tick.run.reason = arena_str(&op->arena, run->reason);
    }
    if (!flight || (run->reason.len > 0 && !flight->tick.run.reason.ptr)) {
        store_op_free(op);
        retry_later(self, HUB_ERR_NOMEM);
        schedule_settle(self);
        return;
    }
    flight->decided_until = decided_until;
    op->schedule_tick.tick = flight->tick;
    op->done = on_recorded;
    op->context = flight;
    take_off(flight);
    store_submit(self->all->store, op);
}

static void refuse(struct schedule *self, const struct schedule_run *run, bool was_waiting,
                   const char *reason)
{
    struct schedule_run refused = *run;

    refused.outcome = SCHEDULE_REFUSED;
    refused.made = (struct work){0};
    refused.reason = str_utf8_cut(str_from_c(reason), REASON_MAX);
    log_warn(self->all->log, "schedules", "the template makes no job", "schedule=%.*s",
             STR_ARG(self->record.name));
    record(self, &refused, was_waiting, 0);
}

/* --- Firing ------------------------------------------------------------------------------------*/

/* Is it no fault of the job's own? */
static bool may_pass(int err)
{
    return err == HUB_ERR_IO || err == HUB_ERR_STORAGE_FULL || err == HUB_ERR_NOMEM ||
           err == HUB_ERR_UNAVAILABLE || err == HUB_ERR_AGAIN || err == HUB_ERR_CLOSED;
}

static struct work made_by(const struct store_op *op)
{
    switch (op->kind) {
    case STORE_BATCH_CREATE:
        return (struct work){WORK_BATCH, op->batch_create.ret_batch.id};
    case STORE_FLOW_INSERT:
        return (struct work){WORK_FLOW, op->flow_insert.flow.id};
    default:
        return (struct work){WORK_JOB, op->job_insert.job.id};
    }
}

static void on_fired(void *context, struct store_op *op)
{
    struct flight *flight = context;
    struct schedule *self = flight->schedule;
    struct schedule_run run = flight->tick.run;
    bool refused = false;

    if (op->err == 0) {
        run.made = made_by(op);
        if (op->kind != STORE_JOB_INSERT || !job_state_terminal(op->job_insert.ret_state)) {
            schedule_follow(self, &run.made);
        }
        if (self->all->hooks.made) {
            self->all->hooks.made(self->all->context, op);
        }
    }
    if (op->err == 0 || op->err == HUB_ERR_CONFLICT || op->err == HUB_ERR_GONE) {
        done_with(flight, op->err);
    } else if (!run.by_hand && may_pass(op->err)) {
        retry_later(self, op->err);
    } else {
        refused = !run.by_hand;
    }
    if (flight->tell) {
        flight->tell(flight->tell_context, op->err == HUB_ERR_GONE ? HUB_ERR_NOT_FOUND : op->err,
                     &run);
    }
    self->flights++; /* it must outlive its landing */
    land(flight);
    if (refused && !self->gone) {
        refuse(self, &run, flight->tick.was_waiting, hub_err_title(op->err));
    }
    schedule_landed(self);
}

/* Hands it to the engine, with its tick. */
static void send(struct schedules *self, struct store_op *op, struct flight *flight)
{
    switch (op->kind) {
    case STORE_BATCH_CREATE:
        op->batch_create.tick = &flight->tick;
        jobs_batch_create(self->jobs, op, on_fired, flight);
        break;
    case STORE_FLOW_INSERT:
        op->flow_insert.tick = &flight->tick;
        jobs_flow_submit(self->jobs, op, on_fired, flight);
        break;
    default:
        op->job_insert.tick = &flight->tick;
        jobs_submit(self->jobs, op, on_fired, flight);
    }
}

/* What the template makes on its way; otherwise the error. */
static int submit(struct schedule *self, const struct schedule_run *run, bool was_waiting,
                  schedules_run_fn *tell, void *tell_context, struct hub_error *error)
{
    struct schedules *all = self->all;
    struct store_op *op;

    int err = all->hooks.make(all->context, &self->record, &op, error);
    if (err < 0) {
        return err;
    }
    struct flight *flight = fly(self, op, run, was_waiting);
    if (!flight) {
        store_op_free(op);
        return hub_fail(error, HUB_ERR_NOMEM, "out of memory");
    }
    flight->tick.run.outcome = SCHEDULE_FIRED;
    flight->tell = tell;
    flight->tell_context = tell_context;
    take_off(flight);
    send(all, op, flight);
    return 0;
}

static void fire(struct schedule *self, const struct schedule_run *run, bool was_waiting)
{
    const struct schedule_run firing = *run; /* `run` may be in the list of those that wait */
    struct hub_error error = {0};
    int err = submit(self, &firing, was_waiting, NULL, NULL, &error);

    if (err < 0 && may_pass(err)) {
        retry_later(self, err);
        schedule_settle(self);
    } else if (err < 0) {
        refuse(self, &firing, was_waiting, error.detail);
    }
}

void schedules_run(struct schedules *self, struct str name, schedules_run_fn *done, void *context)
{
    struct schedule *schedule = map_get(&self->by_name, name);
    struct schedule_run run = {.by_hand = true};
    struct hub_error error = {0};

    ASSERT_THREAD(THREAD_LOOP);
    if (!schedule || self->closed) {
        done(context, schedule ? HUB_ERR_UNAVAILABLE : HUB_ERR_NOT_FOUND, &run);
        return;
    }
    int64_t now = schedules_now(self);
    run.tick = now > schedule->last_by_hand ? now : schedule->last_by_hand + 1;
    while (schedule->next != SCHEDULE_NEVER &&
           schedule_next(&schedule->spec, schedule->record.created_at, run.tick - 1) == run.tick) {
        run.tick++; /* the tick of its own is another run */
    }
    schedule->last_by_hand = run.tick;
    int err = submit(schedule, &run, false, done, context, &error);
    if (err < 0) {
        run.reason = str_from_c(error.detail);
        done(context, err == HUB_ERR_NOMEM ? err : HUB_ERR_INVALID_INPUT, &run);
    }
}

/* --- A tick ------------------------------------------------------------------------------------*/

/* Decides which of the missed ticks up to `horizon` are to fire. True: the others are being put on
 * record. */
static bool drop_missed(struct schedule *self, int64_t horizon)
{
    static const unsigned NO_MORE_THAN[] = {
        [SCHEDULE_MISFIRE_SKIP] = 0,
        [SCHEDULE_MISFIRE_RUN_ONCE] = 1,
        [SCHEDULE_MISFIRE_RUN_ALL] = SCHEDULE_MISFIRE_LIMIT_MAX,
    };
    int64_t ticks[SCHEDULE_MISFIRE_LIMIT_MAX + 1];
    unsigned keep = NO_MORE_THAN[self->spec.misfire];
    unsigned missed = schedule_last(&self->spec, self->record.created_at, self->record.cursor_at,
                                    horizon, SCHEDULE_MISFIRE_LIMIT_MAX + 1, ticks);

    keep = keep < self->spec.misfire_limit ? keep : self->spec.misfire_limit;
    if (missed <= keep) {
        self->decided_until = horizon;
        return false;
    }
    const struct schedule_run run = {
        .tick = ticks[missed - keep - 1],
        .outcome = SCHEDULE_MISSED,
        .missed = missed - keep,
    };
    record(self, &run, false, horizon);
    return true;
}

static void meet_unfinished(struct schedule *self, struct schedule_run *run)
{
    run->outcome = SCHEDULE_SKIPPED;
    if (self->spec.overlap == SCHEDULE_OVERLAP_CANCEL_PREVIOUS && self->waiting_count > 0) {
        struct schedule_run older = self->waiting[0];
        older.outcome = SCHEDULE_SKIPPED;
        record(self, &older, true, 0); /* then it is this one's turn again */
        return;
    }
    if (self->spec.overlap != SCHEDULE_OVERLAP_SKIP && has_room_to_wait(self)) {
        run->outcome = SCHEDULE_WAITING;
    }
    if (self->spec.overlap == SCHEDULE_OVERLAP_CANCEL_PREVIOUS) {
        schedule_cancel_jobs(self);
    }
    record(self, run, false, 0);
}

static void look(struct schedule *self, int64_t now)
{
    int64_t horizon = now - SCHEDULES_GRACE_MS - self->spec.jitter_ms;

    if (self->waiting_count > 0 && may_fire(self)) {
        fire(self, &self->waiting[0], true);
        return;
    }
    if (self->next <= horizon && self->next > self->decided_until && drop_missed(self, horizon)) {
        return;
    }
    struct schedule_run run = {.tick = self->next, .misfired = self->next <= self->decided_until};
    if (may_fire(self)) {
        fire(self, &run, false);
    } else {
        meet_unfinished(self, &run);
    }
}

int64_t schedules_tick(struct schedules *self)
{
    struct heap_node *first = NULL;

    ASSERT_THREAD(THREAD_LOOP);
    self->woken = true; /* what is settled meanwhile is seen below */
    for (unsigned looks = 0; (first = heap_first(&self->timers)) && looks < LOOKS_PER_TICK;
         looks++) {
        struct schedule *schedule = CONTAINER_OF(first, struct schedule, node);
        int64_t now = schedules_now(self);
        if (schedule->due > now) {
            break;
        }
        look(schedule, now);
    }
    self->woken = false;
    if (!first) {
        return SCHEDULE_NEVER;
    }
    int64_t due = CONTAINER_OF(first, struct schedule, node)->due;
    int64_t next_look = schedules_now(self) + CLOCK_LOOK_MS;
    return due < next_look ? due : next_look;
}
