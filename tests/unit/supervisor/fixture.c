#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void copy(char *to, size_t room, struct str from)
{
    assert_true(from.len < room);
    memcpy(to, from.ptr ? from.ptr : "", from.len);
    to[from.len] = '\0';
}

static void on_finished(void *context, const struct supervisor_outcome *outcome)
{
    struct fixture *self = context;
    assert_true(self->end_count < ENDS_MAX);
    assert_null(fixture_end(self, outcome->token)); /* exactly one */
    struct end *end = &self->ends[self->end_count++];
    *end = (struct end){
        .token = outcome->token,
        .kind = outcome->kind,
        .cause = outcome->cause,
        .cause_number = outcome->cause_number,
        .delay_ms = outcome->delay_ms,
        .pid = outcome->runner_pid,
        .artifact_count = outcome->artifact_count,
    };
    copy(end->result, sizeof end->result, outcome->result);
    copy(end->code, sizeof end->code, outcome->code);
    copy(end->message, sizeof end->message, outcome->message);
    copy(end->details, sizeof end->details, outcome->details);
    copy(end->version, sizeof end->version, outcome->connector_version);
    for (unsigned i = 0; i < outcome->artifact_count; i++) {
        if (i >= 8) {
            close(outcome->artifacts[i].fd);
            continue;
        }
        copy(end->artifact_name[i], 256, outcome->artifacts[i].name);
        copy(end->artifact_type[i], 256, outcome->artifacts[i].media_type);
        end->artifact_fd[i] = outcome->artifacts[i].fd;
    }
}

static void on_progress(void *context, uint64_t token, uint32_t permille, struct str message)
{
    struct fixture *self = context;
    assert_true(token < self->next_token);
    self->progress_count++;
    self->last_permille = permille;
    copy(self->last_message, sizeof self->last_message, message);
}

static void on_capacity(void *context, struct str connector)
{
    struct fixture *self = context;
    assert_true(connector.len > 0);
    self->capacity_count++;
}

static void on_scanned(void *context)
{
    ((struct fixture *)context)->scan_count++;
}

static void on_stopped(void *context)
{
    ((struct fixture *)context)->stopped = true;
}

static void guard_fired(uv_timer_t *timer)
{
    ((struct fixture *)timer->data)->timed_out = true;
}

/* What a turn of the loop brings before it sleeps must not have to wait for another event. */
static void ticked(uv_timer_t *timer)
{
    (void)timer;
}

void fixture_until(struct fixture *self, bool (*done)(struct fixture *self, uint64_t argument),
                   uint64_t argument)
{
    self->timed_out = false;
    uv_update_time(&self->loop);
    uv_timer_start(&self->guard, guard_fired, FIXTURE_TIMEOUT_MS, 0);
    uv_timer_start(&self->tick, ticked, 5, 5);
    while (!done(self, argument)) {
        uv_run(&self->loop, UV_RUN_ONCE);
        assert_false(self->timed_out);
    }
    uv_timer_stop(&self->tick);
    uv_timer_stop(&self->guard);
}

static bool guard_has_fired(struct fixture *self, uint64_t argument)
{
    (void)argument;
    return self->timed_out;
}

void fixture_run_for(struct fixture *self, unsigned ms)
{
    self->timed_out = false;
    uv_update_time(&self->loop);
    uv_timer_start(&self->guard, guard_fired, ms, 0);
    while (!guard_has_fired(self, 0)) {
        uv_run(&self->loop, UV_RUN_ONCE);
    }
}

bool has_ended(struct fixture *self, uint64_t token)
{
    return fixture_end(self, token) != NULL;
}

const struct end *fixture_end(struct fixture *self, uint64_t token)
{
    for (unsigned i = 0; i < self->end_count; i++) {
        if (self->ends[i].token == token) {
            return &self->ends[i];
        }
    }
    return NULL;
}

uint64_t fixture_start(struct fixture *self, const char *connector, const char *input,
                       uint32_t timeout_ms)
{
    struct supervisor_request request = {
        .token = self->next_token++,
        .connector = str_from_c(connector),
        .operation = STR("run"),
        .job_id = STR("0192f0c1-2345-7abc-8def-0123456789ab"),
        .attempt = 1,
        .max_attempts = 5,
        .input = str_from_c(input),
        .idempotency_key = STR("key"),
        .timeout_ms = timeout_ms,
    };
    assert_int_equal(supervisor_start(self->supervisor, &request), 0);
    return request.token;
}

const struct end *fixture_run(struct fixture *self, const char *connector, const char *input,
                              uint32_t timeout_ms)
{
    uint64_t token = fixture_start(self, connector, input, timeout_ms);
    fixture_until(self, has_ended, token);
    return fixture_end(self, token);
}

struct supervisor_connector fixture_connector(struct fixture *self, const char *name)
{
    struct supervisor_connector connector;
    assert_true(supervisor_find(self->supervisor, str_from_c(name), &connector));
    return connector;
}

static bool scanned(struct fixture *self, uint64_t count)
{
    return self->scan_count > count;
}

void fixture_scan(struct fixture *self)
{
    unsigned before = self->scan_count;
    assert_int_equal(supervisor_scan(self->supervisor), 0);
    assert_int_equal(supervisor_scan(self->supervisor), HUB_ERR_CONFLICT);
    fixture_until(self, scanned, before);
}

static void on_keep(void *context, struct supervisor_call *call, const struct supervisor_keep *keep)
{
    struct fixture *self = context;
    (void)keep;
    assert_true(self->call_count < CALLS_MAX);
    self->calls[self->call_count++] = call;
}

/* Their runners are gone by now. */
static void answer_all(struct fixture *self)
{
    while (self->call_count > 0) {
        supervisor_answer(self->supervisor, self->calls[--self->call_count], 0, NULL, 0);
    }
}

static void fixture_open(struct fixture *self)
{
    static const struct supervisor_events EVENTS = {on_finished, on_progress, on_capacity,
                                                    on_scanned, on_keep};
    struct hub_error error;
    assert_int_equal(supervisor_new(&self->loop, &self->config, &EVENTS, self, &self->log,
                                    &self->supervisor, &error),
                     0);
}

static bool is_stopped(struct fixture *self, uint64_t argument)
{
    (void)argument;
    return self->stopped;
}

static void fixture_close(struct fixture *self)
{
    self->stopped = false;
    supervisor_stop(self->supervisor, on_stopped, self);
    fixture_until(self, is_stopped, 0);
    answer_all(self);
    supervisor_free(self->supervisor);
}

void fixture_restart(struct fixture *self)
{
    fixture_close(self);
    fixture_open(self);
    fixture_scan(self);
}

static int setup(void **state, const char *connectors)
{
    struct fixture *self = calloc(1, sizeof *self);
    assert_non_null(self);
    uv_loop_init(&self->loop);
    uv_timer_init(&self->loop, &self->guard);
    uv_timer_init(&self->loop, &self->tick);
    self->guard.data = self;
    log_init(&self->log, STDERR_FILENO, getenv("HUB_TEST_LOG") ? LOG_DEBUG : LOG_ERROR,
             LOG_KEY_VALUE);
    snprintf(self->scratch, sizeof self->scratch, "/tmp/hub-scratch.XXXXXX");
    snprintf(self->dir, sizeof self->dir, "/tmp/hub-connectors.XXXXXX");
    assert_non_null(mkdtemp(self->scratch));
    assert_non_null(mkdtemp(self->dir));
    self->dirs[0] = connectors ? connectors : self->dir;
    self->config = (struct supervisor_config){
        .runner_path = HUB_TEST_RUNNER,
        .connector_dirs = self->dirs,
        .scratch_dir = self->scratch,
        .blocking_runners_max = 3,
        .cancel_grace_ms = 200,
        .hello_timeout_ms = 20000,
        .uid_first = 63000,
    };
    self->next_token = 1;
    fixture_open(self);
    *state = self;
    return 0;
}

int fixture_setup(void **state)
{
    setup(state, HUB_TEST_CONNECTORS);
    fixture_scan(*state);
    return 0;
}

int fixture_setup_empty(void **state)
{
    return setup(state, NULL);
}

int fixture_teardown(void **state)
{
    struct fixture *self = *state;
    char command[160];
    fixture_close(self);
    uv_close((uv_handle_t *)&self->guard, NULL);
    uv_close((uv_handle_t *)&self->tick, NULL);
    uv_run(&self->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&self->loop), 0);
    snprintf(command, sizeof command, "rm -rf %s %s", self->dir, self->scratch);
    assert_int_equal(system(command), 0);
    free(self);
    return 0;
}
