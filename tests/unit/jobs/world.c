#include "world.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int64_t now(void *context)
{
    return ((struct world *)context)->now;
}

struct world_connector *world_connector(struct world *self, struct str name)
{
    for (int i = 0; i < WORLD_CONNECTORS; i++) {
        struct world_connector *connector = &self->connectors[i];
        if (!connector->name) {
            char *copy = strndup(name.ptr, name.len);
            *connector = (struct world_connector){.name = copy, .room = self->room};
        }
        if (str_eq(str_from_c(connector->name), name)) {
            return connector;
        }
    }
    fail_msg("too many connectors");
    return NULL;
}

static unsigned room(void *context, struct str name)
{
    return world_connector(context, name)->room;
}

static struct running *free_running(struct world *self)
{
    for (int i = 0; i < WORLD_RUNNING_MAX; i++) {
        if (self->running[i].token == 0) {
            return &self->running[i];
        }
    }
    fail_msg("too much runs");
    return NULL;
}

struct running *world_started(struct world *self, const struct id *id)
{
    for (int i = 0; i < WORLD_RUNNING_MAX; i++) {
        if (self->running[i].token != 0 && id_eq(&self->running[i].id, id)) {
            return &self->running[i];
        }
    }
    return NULL;
}

static int start(void *context, const struct jobs_attempt *attempt)
{
    struct world *self = context;
    struct world_connector *connector = world_connector(self, attempt->connector);

    /* Never two attempts of a job at once, and each on record before it runs if it must be. */
    assert_null(world_started(self, &attempt->id));
    const struct row *row = world_row(self, &attempt->id);
    assert_non_null(row);
    if (row->job.retry_safety != JOB_SAFE || row->job.account.len > 0) {
        assert_int_equal(row->job.state, JOB_RUNNING);
        assert_int_equal(row->job.attempt, attempt->number);
    }
    assert_true(str_eq(row->job.input, attempt->input));
    assert_true(str_eq(row->job.account, attempt->account));
    assert_true(str_eq(row->job.traceparent, attempt->traceparent));
    self->starts++;
    if (self->start_error) {
        return self->start_error;
    }
    if (connector->room == 0 || connector->lies) {
        return HUB_ERR_AGAIN;
    }
    if (self->finishes_inside) {
        const struct jobs_outcome outcome = {.outcome = self->finish_inside};
        jobs_finished(self->jobs, attempt->token, &outcome);
        return 0;
    }
    if (self->watch) {
        self->watch(self, attempt);
    }
    connector->room--;
    connector->started++;
    struct running *running = free_running(self);
    *running = (struct running){.token = attempt->token,
                                .id = attempt->id,
                                .number = attempt->number,
                                .max_attempts = attempt->max_attempts};
    memcpy(running->input, attempt->input.ptr, attempt->input.len < 64 ? attempt->input.len : 63);
    memcpy(running->operation, attempt->operation.ptr, attempt->operation.len);
    self->running_count++;
    self->order[self->order_count++ % WORLD_RUNNING_MAX] = attempt->id;
    return 0;
}

static void cancel(void *context, uint64_t token)
{
    struct world *self = context;

    self->cancels++;
    for (int i = 0; i < WORLD_RUNNING_MAX; i++) {
        if (self->running[i].token == token) {
            assert_false(self->running[i].cancel_asked);
            self->running[i].cancel_asked = true;
            return;
        }
    }
    fail_msg("an attempt is cancelled that does not run");
}

static void event(void *context, const struct jobs_event *happened)
{
    struct world *self = context;

    if (!happened->is_progress) {
        /* In the order of commits, and after it. */
        assert_true(happened->seq > self->last_seq);
        assert_true(happened->seq <= self->store->seq);
        self->last_seq = happened->seq;
    }
    self->events[self->event_count++ % WORLD_EVENTS_MAX] = *happened;
}

static void wake(void *context)
{
    ((struct world *)context)->woken = true;
}

static bool settles(void *context, struct str type)
{
    return world_connector(context, str_split(&type, '.'))->settles;
}

static const struct jobs_hooks hooks = {now, start, room, cancel, event, wake, NULL, settles};

void world_answer(void *context, int err)
{
    int *answer = context;

    assert_int_equal(*answer, 1); /* once */
    *answer = err;
}

static int open_engine(struct world *self)
{
    struct hub_error error;
    int loaded = 1;

    assert_int_equal(
        jobs_new(self->store, &self->config, &hooks, self, &self->log, &self->jobs, &error), 0);
    jobs_load(self->jobs, world_answer, &loaded);
    while (double_read(self->store, 1)) {
    }
    world_settle(self);
    return loaded;
}

void world_open(struct world *self, const struct jobs_config *config)
{
    memset(self, 0, sizeof *self);
    log_init(&self->log, open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_DEBUG, LOG_KEY_VALUE);
    self->store = double_new();
    self->now = WORLD_START;
    self->room = 1000;
    self->config = config ? *config : (struct jobs_config){.seed = 1};
    assert_int_equal(open_engine(self), 0);
}

static void close_engine(struct world *self)
{
    /* What was submitted must be answered; the writes are lost, as in a crash. */
    int error = self->store->commit_error;

    self->store->commit_error = error ? error : HUB_ERR_CLOSED;
    self->store->read_error = HUB_ERR_CLOSED;
    while (double_write(self->store, UINT32_MAX) || double_read(self->store, UINT32_MAX)) {
    }
    self->store->commit_error = error;
    self->store->read_error = 0;
    jobs_free(self->jobs);
    self->jobs = NULL;
}

int world_try_restart(struct world *self, int read_error)
{
    close_engine(self);
    memset(self->running, 0, sizeof self->running);
    self->running_count = 0;
    for (int i = 0; i < WORLD_CONNECTORS && self->connectors[i].name; i++) {
        self->connectors[i].room = self->room;
    }
    self->store->read_error = read_error;
    int err = open_engine(self);
    self->store->read_error = 0;
    return err;
}

void world_restart(struct world *self)
{
    assert_int_equal(world_try_restart(self, 0), 0);
}

void world_close(struct world *self)
{
    close_engine(self);
    double_free(self->store);
    close(self->log.fd);
    for (int i = 0; i < WORLD_CONNECTORS; i++) {
        free((char *)self->connectors[i].name);
    }
}

static bool tick(struct world *self)
{
    self->woken = false;
    self->next = jobs_tick(self->jobs);
    return self->next <= self->now;
}

void world_settle(struct world *self)
{
    for (int i = 0; i < 100000; i++) {
        bool busy = tick(self);
        if (!self->hold) {
            busy |= double_write(self->store, UINT32_MAX) > 0;
            busy |= double_read(self->store, UINT32_MAX) > 0;
        }
        if (!busy && !self->woken) {
            return;
        }
    }
    fail_msg("the engine never comes to rest");
}

void world_advance(struct world *self, int64_t ms)
{
    int64_t until = self->now + ms;

    /* As a loop would: from one time that the engine asked for to the next. */
    while (self->next < until) {
        if (self->next > self->now) {
            self->now = self->next;
        }
        world_settle(self);
    }
    self->now = until;
    world_settle(self);
}

struct submission {
    int answer;
    struct id id;
};

static void submitted(void *context, struct store_op *op)
{
    struct submission *submission = context;

    assert_int_equal(submission->answer, 1);
    submission->answer = op->err;
    submission->id = op->job_insert.job.id;
}

int world_try_submit(struct world *self, struct job_record job, struct id *ret_id)
{
    struct store_op *op = store_op_new(STORE_JOB_INSERT);
    struct submission submission = {.answer = 1};
    bool hold = self->hold;

    op->job_insert.job = job;
    if (job.type.len == 0) {
        op->job_insert.job.type = STR("noop.run");
    }
    if (job.input.len == 0) {
        op->job_insert.job.input = STR("{}");
    }
    jobs_submit(self->jobs, op, submitted, &submission);
    self->hold = false;
    world_settle(self);
    self->hold = hold;
    assert_true(submission.answer <= 0);
    if (ret_id) {
        *ret_id = submission.id;
    }
    return submission.answer;
}

struct id world_submit(struct world *self, struct job_record job)
{
    struct id id;

    assert_int_equal(world_try_submit(self, job, &id), 0);
    return id;
}

struct row *world_row(const struct world *self, const struct id *id)
{
    return double_row(self->store, id);
}

enum job_state world_state(const struct world *self, const struct id *id)
{
    const struct row *row = world_row(self, id);

    assert_non_null(row);
    return row->job.state;
}

void world_finish(struct world *self, struct running *running, const struct jobs_outcome *outcome)
{
    uint64_t token = running->token;
    const struct row *row = world_row(self, &running->id);
    struct str connector = row->job.type;

    connector = str_split(&(struct str){connector.ptr, connector.len}, '.');
    world_connector(self, connector)->room++;
    running->token = 0;
    self->running_count--;
    jobs_finished(self->jobs, token, outcome);
    world_settle(self);
}

void world_end(struct world *self, struct running *running, enum attempt_outcome outcome)
{
    assert_non_null(running);
    const struct jobs_outcome end = {.outcome = outcome};
    world_finish(self, running, &end);
}
