#include "jobs/schedules_parts.h"

#include "base/thread.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- Life --------------------------------------------------------------------------------------*/

int schedules_new(struct store *store, struct jobs *jobs, const struct schedules_hooks *hooks,
                  void *context, struct log *log, struct schedules **ret_self,
                  struct hub_error *error)
{
    struct schedules *self = calloc(1, sizeof *self);

    if (!self) {
        return hub_fail(error, HUB_ERR_NOMEM, "no memory for the schedules");
    }
    self->store = store;
    self->jobs = jobs;
    self->hooks = *hooks;
    self->context = context;
    self->log = log;
    map_init(&self->by_name);
    map_init(&self->jobs_by_id);
    heap_init(&self->timers, schedule_before);
    *ret_self = self;
    return 0;
}

void schedules_drain(struct schedules *self)
{
    self->draining = true;
    MAP_FOR_EACH(entry, &self->by_name) {
        schedule_settle(entry->value);
    }
}

void schedules_close(struct schedules *self)
{
    if (self) {
        self->draining = true;
        self->closed = true;
    }
}

static struct schedule *schedule_new(struct schedules *all, struct str name)
{
    struct schedule *self = calloc(1, sizeof *self + name.len + 1);

    if (!self || heap_reserve(&all->timers, (uint32_t)all->by_name.len + 1) < 0) {
        free(self);
        return NULL;
    }
    char *copy = (char *)(self + 1);
    memcpy(copy, name.ptr, name.len);
    self->all = all;
    self->record.name = str_of(copy, name.len);
    self->next = SCHEDULE_NEVER;
    self->decided_until = INT64_MIN;
    list_init(&self->jobs);
    heap_node_init(&self->node);
    return self;
}

void schedule_free(struct schedule *self)
{
    if (!self) {
        return;
    }
    while (!list_empty(&self->jobs)) {
        schedule_unfollow(CONTAINER_OF(self->jobs.next, struct schedule_job, link));
    }
    heap_remove(&self->all->timers, &self->node);
    self->all->waiting -= self->waiting_count;
    self->all->spec_bytes -= self->record.spec.len;
    free(self->waiting);
    free(self->texts);
    free(self);
}

void schedules_free(struct schedules *self)
{
    if (!self) {
        return;
    }
    MAP_FOR_EACH(entry, &self->by_name) {
        schedule_free(entry->value);
    }
    map_release(&self->by_name);
    map_release(&self->jobs_by_id);
    heap_release(&self->timers);
    free(self);
}

void schedule_landed(struct schedule *self)
{
    self->flights--;
    if (!self->gone) {
        schedule_settle(self);
    } else if (self->flights == 0) {
        schedule_free(self);
    }
}

/* Takes what the record says over: `texts` holds its spec and created_by, and is owned then. */
static void take_texts(struct schedule *self, const struct schedule_record *record, char *texts)
{
    self->all->spec_bytes += record->spec.len - self->record.spec.len;
    free(self->texts);
    self->texts = texts;
    self->record.spec = str_of(texts, record->spec.len);
    self->record.created_by = str_of(texts + record->spec.len + 1, record->created_by.len);
}

static char *copy_texts(struct str spec, struct str created_by)
{
    char *texts = calloc(1, spec.len + created_by.len + 2);

    if (texts) {
        memcpy(texts, spec.ptr, spec.len);
        if (created_by.len > 0) {
            memcpy(texts + spec.len + 1, created_by.ptr, created_by.len);
        }
    }
    return texts;
}

/* --- Loading -----------------------------------------------------------------------------------*/

static void on_loaded_zone(void *context, int err, const struct zone *zone)
{
    struct schedule *self = context;

    if (err < 0) {
        self->problem = "its time zone cannot be read";
        log_error(self->all->log, "schedules", "a time zone cannot be read",
                  "schedule=%.*s zone=%s", STR_ARG(self->record.name), self->spec.time_zone);
    }
    self->spec.zone = zone;
    schedule_advance(self);
    schedule_landed(self);
}

/* One that this version does not understand stays, with its problem. */
static void read_spec(struct schedule *self)
{
    struct schedule_fault fault;
    struct hub_error error;
    struct json_object *json = NULL;

    if (json_read(self->record.spec, JSON_DEPTH_MAX, &json, NULL, &error) < 0 ||
        schedule_parse(json, &self->spec, &fault) < 0) {
        self->problem = "what it says is not understood";
        log_error(self->all->log, "schedules", "a schedule is not understood", "schedule=%.*s",
                  STR_ARG(self->record.name));
    }
    json_object_put(json);
}

static int adopt(struct schedules *self, const struct schedule_loaded *loaded)
{
    const struct schedule_record *record = &loaded->record;
    struct schedule *schedule = schedule_new(self, record->name);
    char *texts = copy_texts(record->spec, record->created_by);
    struct str name;
    struct jobs_live live;

    if (!schedule || !texts || map_put(&self->by_name, schedule->record.name, schedule) < 0) {
        free(texts);
        schedule_free(schedule);
        return HUB_ERR_NOMEM;
    }
    name = schedule->record.name;
    take_texts(schedule, record, texts);
    struct str spec = schedule->record.spec, created_by = schedule->record.created_by;
    schedule->record = *record;
    schedule->record.name = name;
    schedule->record.spec = spec;
    schedule->record.created_by = created_by;
    read_spec(schedule);
    for (unsigned i = 0; i < loaded->made_count; i++) {
        const struct work *made = &loaded->made[i];
        if (made->kind != WORK_JOB || jobs_live(self->jobs, &made->id, &live)) {
            schedule_follow(schedule, made);
        }
    }
    for (unsigned i = 0; i < loaded->waiting_count; i++) {
        if (!schedule_await(schedule, &loaded->waiting[i])) {
            return HUB_ERR_NOMEM;
        }
    }
    return 0;
}

/* All are there: they may begin. What should be cancelled is asked again, in case that was lost. */
static void begin(struct schedule *self)
{
    if (self->spec.overlap == SCHEDULE_OVERLAP_CANCEL_PREVIOUS && self->waiting_count > 0) {
        schedule_cancel_jobs(self);
    }
    if (self->spec.kind == SCHEDULE_CRON && !self->problem) {
        self->flights++;
        self->all->hooks.zone(self->all->context, self->spec.time_zone, on_loaded_zone, self);
    } else {
        schedule_advance(self);
        schedule_settle(self);
    }
}

static void on_listed(struct store_op *op, void *context)
{
    struct schedules *self = context;
    const struct store_schedule_list *list = &op->schedule_list;
    int err = op->err;

    for (unsigned i = 0; i < list->ret_count && err == 0; i++) {
        err = adopt(self, &list->ret_schedules[i]);
    }
    self->ready = err == 0;
    if (err == 0 && !self->closed) {
        MAP_FOR_EACH(entry, &self->by_name) {
            begin(entry->value);
        }
        log_info(self->log, "schedules", "loaded", "schedules=%zu", self->by_name.len);
    }
    self->loaded(self->loaded_context, err);
}

void schedules_load(struct schedules *self, jobs_done_fn *done, void *context)
{
    struct store_op *op = store_op_new(STORE_SCHEDULE_LIST);

    ASSERT_THREAD(THREAD_LOOP);
    if (!op) {
        done(context, HUB_ERR_NOMEM);
        return;
    }
    self->loaded = done;
    self->loaded_context = context;
    op->done = on_listed;
    op->context = self;
    store_submit(self->store, op);
}

/* --- Showing -----------------------------------------------------------------------------------*/

static void show(const struct schedule *self, struct schedule_view *ret_view)
{
    int64_t at = self->next;

    *ret_view = (struct schedule_view){
        .record = &self->record,
        .spec = &self->spec,
        .problem = self->problem,
        .unfinished = self->unfinished,
        .waiting = self->waiting_count,
    };
    while (!self->record.paused && at != SCHEDULE_NEVER &&
           ret_view->upcoming_count < SCHEDULE_UPCOMING) {
        ret_view->upcoming[ret_view->upcoming_count++] = at;
        at = schedule_next(&self->spec, self->record.created_at, at);
    }
}

bool schedules_find(const struct schedules *self, struct str name, struct schedule_view *ret_view)
{
    const struct schedule *schedule = map_get(&self->by_name, name);

    if (schedule) {
        show(schedule, ret_view);
    }
    return schedule != NULL;
}

static int by_name(const void *a, const void *b)
{
    const struct schedule *const *left = a, *const *right = b;

    return str_cmp((*left)->record.name, (*right)->record.name);
}

void schedules_each(const struct schedules *self,
                    void (*visit)(void *context, const struct schedule_view *view), void *context)
{
    struct schedule **sorted = calloc(self->by_name.len + 1, sizeof *sorted);
    struct schedule_view view;
    size_t count = 0;

    if (!sorted) {
        return;
    }
    MAP_FOR_EACH(entry, &self->by_name) {
        sorted[count++] = entry->value;
    }
    qsort(sorted, count, sizeof *sorted, by_name);
    for (size_t i = 0; i < count; i++) {
        show(sorted[i], &view);
        visit(context, &view);
    }
    free(sorted);
}

void schedules_stats(const struct schedules *self, struct schedules_stats *ret_stats)
{
    *ret_stats = self->stats;
    ret_stats->schedules = (unsigned)self->by_name.len;
}

/* --- Put ---------------------------------------------------------------------------------------*/

/* In the arena of its operation. */
struct putting {
    struct schedules *all;
    struct store_op *op;
    struct schedule_spec spec;
    struct schedule *fresh; /* in case there is none of the name yet */
    char *texts;
    struct schedule_fault *fault;
    schedules_put_fn *done;
    void *context;
};

static void give_up(struct putting *putting, int err)
{
    schedules_put_fn *done = putting->done;
    void *context = putting->context;

    schedule_free(putting->fresh);
    free(putting->texts);
    store_op_free(putting->op);
    done(context, err, false);
}

/* What is on record is true from now on. */
static void apply(struct schedule *self, struct putting *putting)
{
    const struct store_schedule_put *put = &putting->op->schedule_put;

    take_texts(self, &put->schedule, putting->texts);
    putting->texts = NULL;
    self->spec = putting->spec;
    self->problem = NULL;
    self->retry_at = 0;
    self->record.seq = put->schedule.seq;
    self->record.paused = put->schedule.paused;
    self->record.created_at = put->schedule.created_at;
    self->record.updated_at = put->schedule.updated_at;
    if (!put->keep_cursor || put->ret_new) {
        self->record.cursor_at = put->schedule.cursor_at;
        self->decided_until = INT64_MIN;
        self->generation++;
    }
    schedule_advance(self);
    schedule_settle(self);
}

static void on_put(struct store_op *op, void *context)
{
    struct putting *putting = context;
    struct schedules *all = putting->all;
    struct schedule *schedule = map_get(&all->by_name, op->schedule_put.schedule.name);
    bool is_new = schedule == NULL;
    int err = op->err;

    if (err == 0 && is_new) {
        schedule = putting->fresh;
        /* A name more than when room was reserved? */
        err = heap_reserve(&all->timers, (uint32_t)all->by_name.len + 1);
        if (err == 0) {
            err = map_put(&all->by_name, schedule->record.name, schedule);
        }
        if (err == 0) {
            putting->fresh = NULL;
        }
    }
    if (err == 0) {
        apply(schedule, putting);
    }
    schedule_free(putting->fresh);
    free(putting->texts);
    putting->done(putting->context, err, is_new);
}

static void on_put_zone(void *context, int err, const struct zone *zone)
{
    struct putting *putting = context;
    struct schedules *all = putting->all;
    struct schedule_record *record = &putting->op->schedule_put.schedule;
    const struct schedule *known = map_get(&all->by_name, record->name);
    int64_t now = schedules_now(all);

    if (err == 0 && (all->closed || !all->ready)) {
        err = HUB_ERR_UNAVAILABLE;
    }
    if (err < 0) {
        putting->fault->pointer = "/time_zone";
        snprintf(putting->fault->detail, sizeof putting->fault->detail,
                 "there is no time zone \"%s\"", putting->spec.time_zone);
        give_up(putting, err);
        return;
    }
    putting->spec.zone = zone;
    putting->op->schedule_put.keep_cursor = known && !known->problem &&
                                            (record->paused || !known->record.paused) &&
                                            schedule_same_ticks(&known->spec, &putting->spec);
    record->seq = known ? known->record.seq : 0;
    record->created_at = record->updated_at = record->cursor_at = now;
    putting->op->done = on_put;
    putting->op->context = putting;
    store_submit(all->store, putting->op);
}

static int prepare(struct putting *putting, const struct schedule_put *put,
                   const struct schedule *known)
{
    struct schedules *all = putting->all;
    struct schedule_record *record = &putting->op->schedule_put.schedule;
    size_t known_bytes = known ? known->record.spec.len : 0;

    if (put->text.len > SCHEDULE_SPEC_MAX ||
        all->spec_bytes - known_bytes + put->text.len > SCHEDULE_SPECS_MAX ||
        (!known && all->by_name.len >= SCHEDULES_MAX)) {
        return HUB_ERR_LIMIT;
    }
    record->name = arena_str(&putting->op->arena, put->name);
    record->spec = arena_str(&putting->op->arena, put->text);
    record->created_by = arena_str(&putting->op->arena, put->created_by);
    record->paused = known && known->record.paused;
    json_get_bool(put->json, "paused", &record->paused);
    putting->texts = copy_texts(put->text, put->created_by);
    putting->fresh = schedule_new(all, put->name);
    return record->name.ptr && record->spec.ptr && record->created_by.ptr && putting->texts &&
                   putting->fresh
               ? 0
               : HUB_ERR_NOMEM;
}

void schedules_put(struct schedules *self, const struct schedule_put *put,
                   struct schedule_fault *fault, schedules_put_fn *done, void *context)
{
    struct store_op *op = store_op_new(STORE_SCHEDULE_PUT);
    struct putting *putting = op ? arena_zalloc(&op->arena, sizeof *putting) : NULL;

    ASSERT_THREAD(THREAD_LOOP);
    if (!putting) {
        store_op_free(op);
        done(context, HUB_ERR_NOMEM, false);
        return;
    }
    putting->all = self;
    putting->op = op;
    putting->fault = fault;
    putting->done = done;
    putting->context = context;
    int err = schedule_parse(put->json, &putting->spec, fault);
    if (err == 0) {
        err = prepare(putting, put, map_get(&self->by_name, put->name));
    }
    if (err < 0) {
        give_up(putting, err);
    } else if (putting->spec.kind == SCHEDULE_CRON) {
        self->hooks.zone(self->context, putting->spec.time_zone, on_put_zone, putting);
    } else {
        on_put_zone(putting, 0, NULL);
    }
}

/* --- Pause and delete --------------------------------------------------------------------------*/

/* In the arena of its operation. */
struct changing {
    struct schedule *schedule;
    jobs_done_fn *done;
    void *context;
};

static void on_paused(struct store_op *op, void *context)
{
    struct changing *changing = context;
    struct schedule *self = changing->schedule;
    const struct store_schedule_pause *pause = &op->schedule_pause;

    if (op->err == 0) {
        self->record.paused = pause->paused;
        self->record.updated_at = pause->at;
        if (pause->cursor_at != 0) {
            self->record.cursor_at = pause->cursor_at;
            self->decided_until = INT64_MIN;
            self->generation++;
            schedule_advance(self);
        }
    }
    changing->done(changing->context, op->err);
    schedule_landed(self);
}

static void on_deleted(struct store_op *op, void *context)
{
    struct changing *changing = context;
    struct schedule *self = changing->schedule;

    if (op->err == 0 && !self->gone) {
        self->gone = true;
        map_remove(&self->all->by_name, self->record.name);
        schedule_settle(self);
    }
    changing->done(changing->context, op->err);
    schedule_landed(self);
}

/* An operation on the schedule of this name. NULL: `done` has been told why not. */
static struct store_op *change(struct schedules *self, struct str name, enum store_op_kind kind,
                               store_done_fn *on_done, jobs_done_fn *done, void *context)
{
    struct schedule *schedule = map_get(&self->by_name, name);
    struct store_op *op = NULL;
    struct changing *changing = NULL;

    ASSERT_THREAD(THREAD_LOOP);
    if (!schedule || self->closed) {
        done(context, schedule ? HUB_ERR_UNAVAILABLE : HUB_ERR_NOT_FOUND);
        return NULL;
    }
    op = store_op_new(kind);
    changing = op ? arena_alloc(&op->arena, sizeof *changing) : NULL;
    if (!changing) {
        store_op_free(op);
        done(context, HUB_ERR_NOMEM);
        return NULL;
    }
    *changing = (struct changing){schedule, done, context};
    schedule->flights++;
    op->done = on_done;
    op->context = changing;
    return op;
}

void schedules_pause(struct schedules *self, struct str name, bool paused, jobs_done_fn *done,
                     void *context)
{
    struct store_op *op = change(self, name, STORE_SCHEDULE_PAUSE, on_paused, done, context);

    if (op) {
        const struct schedule *schedule = ((struct changing *)op->context)->schedule;
        int64_t now = schedules_now(self);
        bool resumes = !paused && schedule->record.paused;
        op->schedule_pause = (struct store_schedule_pause){
            .seq = schedule->record.seq,
            .paused = paused,
            .at = now,
            .cursor_at = resumes ? now : 0,
        };
        store_submit(self->store, op);
    }
}

void schedules_delete(struct schedules *self, struct str name, jobs_done_fn *done, void *context)
{
    struct store_op *op = change(self, name, STORE_SCHEDULE_DELETE, on_deleted, done, context);

    if (op) {
        op->schedule_delete.seq = ((struct changing *)op->context)->schedule->record.seq;
        store_submit(self->store, op);
    }
}
