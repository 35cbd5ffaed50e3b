/*
 * Runs jobs of one connector in a real runner, under accounts that are given with them, for tests
 * that are the other side.
 *
 *     account_tool RUNNER CONNECTOR_DIR SCRATCH_DIR CONFIG < jobs
 *
 * A job is a line: {"id":1,"operation":"request","input":{…},"account":{…}}. They are started one
 * after the other unless "together" is true. CONFIG: {"private":"127.0.0.1","authorities":FILE}.
 * What comes is a line each: {"id":1,"kind":0,"code":…,"message":…,"delay_ms":…,"result":…}, kinds
 * as in supervisor.h.
 */
#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "supervisor/supervisor.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct tool {
    uv_loop_t loop;
    struct log log;
    struct supervisor *supervisor;
    struct str jobs; /* not yet started */
    unsigned in_flight;
    uv_timer_t next; /* what the supervisor's events ask for is done outside of them */
    bool stopped;
};

static void go_on(uv_timer_t *timer);

static void stopped(void *context)
{
    struct tool *self = context;
    self->stopped = true;
    uv_stop(&self->loop);
}

static void on_finished(void *context, const struct supervisor_outcome *outcome)
{
    struct tool *self = context;
    struct buf line;
    buf_init(&line, BUF_NO_LIMIT);
    buf_append_format(&line, "{\"id\":%llu,\"kind\":%d,\"delay_ms\":%llu,\"code\":",
                      (unsigned long long)outcome->token, (int)outcome->kind,
                      (unsigned long long)outcome->delay_ms);
    buf_append_json_string(&line, outcome->code);
    buf_append_c(&line, ",\"message\":");
    buf_append_json_string(&line, outcome->message);
    buf_append_c(&line, ",\"result\":");
    buf_append_str(&line, outcome->result.len > 0 ? outcome->result : STR("null"));
    buf_append_c(&line, "}\n");
    (void)!file_write_all(STDOUT_FILENO, line.ptr, line.len);
    buf_release(&line);
    for (unsigned i = 0; i < outcome->artifact_count; i++) {
        close(outcome->artifacts[i].fd);
    }
    self->in_flight--;
    if (self->in_flight == 0) {
        uv_timer_start(&self->next, go_on, 0, 0);
    }
}

static void on_progress(void *context, uint64_t token, uint32_t permille, struct str message)
{
    (void)context;
    (void)token;
    (void)permille;
    (void)message;
}

static void on_capacity(void *context, struct str connector)
{
    (void)context;
    (void)connector;
}

static void on_scanned(void *context)
{
    uv_timer_start(&((struct tool *)context)->next, go_on, 0, 0);
}

/* True if the next one may be started beside it. */
static bool start(struct tool *self, struct str line)
{
    struct json_object *job, *input, *account;
    struct hub_error error;
    struct buf texts[2];
    int64_t id = 0;
    bool together = false;
    struct str operation = STR("request");
    if (json_read(line, JSON_DEPTH_MAX, &job, NULL, &error) < 0) {
        fprintf(stderr, "%s\n", error.detail);
        exit(1);
    }
    buf_init(&texts[0], BUF_NO_LIMIT);
    buf_init(&texts[1], BUF_NO_LIMIT);
    json_get_i64(job, "id", &id);
    json_get_bool(job, "together", &together);
    json_get_str(job, "operation", &operation);
    if (json_get_object(job, "input", &input)) {
        json_append(&texts[0], input);
    }
    if (json_get_object(job, "account", &account)) {
        json_append(&texts[1], account);
    }
    struct supervisor_request request = {
        .token = (uint64_t)id,
        .connector = STR("http"),
        .operation = operation,
        .job_id = STR("0192f0c1-2345-7abc-8def-0123456789ab"),
        .attempt = 1,
        .max_attempts = 5,
        .input = buf_view(&texts[0]),
        .account = buf_view(&texts[1]),
        .idempotency_key = STR("the-key-of-this-job"),
        .timeout_ms = 20000,
    };
    int err = supervisor_start(self->supervisor, &request);
    if (err < 0) {
        fprintf(stderr, "supervisor_start(): %s\n", hub_err_code(err));
        exit(1);
    }
    self->in_flight++;
    buf_release(&texts[0]);
    buf_release(&texts[1]);
    json_object_put(job);
    return together;
}

static void go_on(uv_timer_t *timer)
{
    struct tool *self = timer->data;
    bool more = true;
    while (more && self->jobs.len > 0) {
        struct str line = str_split(&self->jobs, '\n');
        more = line.len == 0 || start(self, line);
    }
    if (self->in_flight == 0) {
        supervisor_stop(self->supervisor, stopped, self);
    }
}

static const char *member(struct json_object *config, const char *name)
{
    struct json_object *value = json_object_object_get(config, name);
    return value ? json_object_get_string(value) : NULL;
}

int main(int argc, char **argv)
{
    static const struct supervisor_events EVENTS = {on_finished, on_progress, on_capacity,
                                                    on_scanned};
    struct tool tool = {0};
    struct hub_error error;
    struct buf input;
    struct json_object *config;
    const char *dirs[] = {argc > 2 ? argv[2] : NULL, NULL};
    signal(SIGPIPE, SIG_IGN);
    buf_init(&input, 16 << 20);
    if (argc != 5 || file_read_fd(STDIN_FILENO, &input, &error) < 0 ||
        json_read(str_from_c(argv[4]), JSON_DEPTH_MAX, &config, NULL, &error) < 0) {
        return 1;
    }
    tool.jobs = buf_view(&input);
    uv_loop_init(&tool.loop);
    uv_timer_init(&tool.loop, &tool.next);
    tool.next.data = &tool;
    log_init(&tool.log, STDERR_FILENO, LOG_WARN, LOG_KEY_VALUE);
    struct supervisor_config settings = {
        .runner_path = argv[1],
        .connector_dirs = dirs,
        .scratch_dir = argv[3],
        .hello_timeout_ms = 20000,
        .http_allow_private = member(config, "private"),
        .http_authorities = member(config, "authorities"),
    };
    if (supervisor_new(&tool.loop, &settings, &EVENTS, &tool, &tool.log, &tool.supervisor, &error) <
            0 ||
        supervisor_scan(tool.supervisor) < 0) {
        fprintf(stderr, "%s\n", error.detail);
        return 1;
    }
    while (!tool.stopped) {
        uv_run(&tool.loop, UV_RUN_DEFAULT);
    }
    supervisor_free(tool.supervisor);
    uv_close((uv_handle_t *)&tool.next, NULL);
    uv_run(&tool.loop, UV_RUN_DEFAULT); /* the pool of threads gives back its files */
    int left = uv_loop_close(&tool.loop);
    json_object_put(config);
    buf_release(&input);
    return left == 0 ? 0 : 1;
}
