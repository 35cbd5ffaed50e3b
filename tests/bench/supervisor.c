/*
 * bench_supervisor — no-op attempts a second through one runner, and what they cost on each side.
 *
 *     bench_supervisor [ATTEMPTS] [IN_FLIGHT] [BURST]
 *
 * Keeps IN_FLIGHT attempts in the runner, each placed from the end of another one, as a dispatcher
 * does. With BURST set, a timer places that many every millisecond instead: the cost of a steady
 * load that leaves both sides time to sleep. CPU time is printed for this process (hubd's side) and
 * for the runner.
 */
#include "supervisor/supervisor.h"
#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* As large as a job's usual input. */
static const char INPUT[] =
    "{\"to\":\"somebody@example.org\",\"subject\":\"Your order "
    "1234567\",\"lines\":[{\"sku\":\"A-1\","
    "\"count\":2,\"price\":1999},{\"sku\":\"B-22\",\"count\":1,\"price\":550}],\"address\":{"
    "\"street\":"
    "\"Main Street 5\",\"city\":\"Springfield\",\"zip\":\"12345\"},\"note\":\"Leave it at the "
    "door.\"}";

struct bench {
    uv_loop_t *loop;
    uv_timer_t timer;
    struct supervisor *supervisor;
    uint64_t started;
    uint64_t finished;
    uint64_t attempts;
    uint64_t in_flight;
    uint64_t burst;
    int64_t began_ns;
    struct rusage self_began;
    pid_t runner;
    double runner_began_s;
};

/* CPU seconds of another process, from /proc/PID/schedstat (nanoseconds on a CPU). */
static double cpu_of(pid_t pid)
{
    char path[64];
    unsigned long long ns = 0;
    snprintf(path, sizeof path, "/proc/%ld/schedstat", (long)pid);
    FILE *file = fopen(path, "r");
    if (file) {
        if (fscanf(file, "%llu", &ns) != 1) {
            ns = 0;
        }
        fclose(file);
    }
    return (double)ns / 1e9;
}

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static bool place(struct bench *self)
{
    struct supervisor_request request = {
        .token = self->started + 1,
        .connector = STR("noop"),
        .operation = STR("run"),
        .job_id = STR("0192f0c1-2345-7abc-8def-0123456789ab"),
        .attempt = 1,
        .max_attempts = 5,
        .input = {INPUT, sizeof INPUT - 1},
        .idempotency_key = STR("0192f0c1-2345-7abc-8def-0123456789ab"),
        .timeout_ms = 60000,
    };
    if (self->started >= self->attempts || supervisor_start(self->supervisor, &request) < 0) {
        return false;
    }
    self->started++;
    return true;
}

static void on_stopped(void *context)
{
    (void)context;
}

static void report(struct bench *self)
{
    struct rusage now;
    getrusage(RUSAGE_SELF, &now);
    double wall = (double)(clock_mono_ns() - self->began_ns) / 1e9;
    double user = seconds(now.ru_utime) - seconds(self->self_began.ru_utime);
    double system = seconds(now.ru_stime) - seconds(self->self_began.ru_stime);
    double runner = cpu_of(self->runner) - self->runner_began_s;
    double count = (double)self->finished;
    printf("attempts=%.0f wall_s=%.3f per_second=%.0f\n", count, wall, count / wall);
    printf("hubd:   cpu_s=%.3f (user %.3f, system %.3f) us_per_attempt=%.2f cores=%.2f\n",
           user + system, user, system, (user + system) * 1e6 / count, (user + system) / wall);
    printf("runner: cpu_s=%.3f us_per_attempt=%.2f cores=%.2f\n", runner, runner * 1e6 / count,
           runner / wall);
}

static void on_finished(void *context, const struct supervisor_outcome *outcome)
{
    struct bench *self = context;
    if (outcome->kind != SUPERVISOR_OK) {
        fprintf(stderr, "an attempt ended with kind %d, cause %d\n", outcome->kind, outcome->cause);
        exit(1);
    }
    if (self->finished++ == 0) { /* the runner is warm */
        self->began_ns = clock_mono_ns();
        self->runner = outcome->runner_pid;
        self->runner_began_s = cpu_of(self->runner);
        getrusage(RUSAGE_SELF, &self->self_began);
    }
    if (self->finished == self->attempts) {
        report(self);
        uv_close((uv_handle_t *)&self->timer, NULL);
        supervisor_stop(self->supervisor, on_stopped, self);
    } else if (self->burst == 0) {
        place(self);
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

static void place_burst(uv_timer_t *timer)
{
    struct bench *self = timer->data;
    for (uint64_t i = 0; i < self->burst && place(self); i++) {
    }
}

static void on_scanned(void *context)
{
    struct bench *self = context;
    if (self->burst > 0) {
        uv_timer_start(&self->timer, place_burst, 1, 1);
    }
    for (uint64_t i = 0; self->burst == 0 && i < self->in_flight; i++) {
        place(self);
    }
}

int main(int argc, char **argv)
{
    const char *const dirs[] = {HUB_TEST_CONNECTORS, NULL};
    const struct supervisor_config config = {
        .runner_path = HUB_TEST_RUNNER,
        .connector_dirs = dirs,
        .scratch_dir = "/tmp",
    };
    const struct supervisor_events events = {on_finished, on_progress, on_capacity, on_scanned};
    struct bench bench = {
        .loop = uv_default_loop(),
        .attempts = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000,
        .in_flight = argc > 2 ? strtoull(argv[2], NULL, 10) : 64,
        .burst = argc > 3 ? strtoull(argv[3], NULL, 10) : 0,
    };
    struct hub_error error;
    struct log log;
    log_init(&log, STDERR_FILENO, LOG_ERROR, LOG_KEY_VALUE);
    if (supervisor_new(bench.loop, &config, &events, &bench, &log, &bench.supervisor, &error) < 0) {
        fprintf(stderr, "%s\n", error.detail);
        return 1;
    }
    uv_timer_init(bench.loop, &bench.timer);
    bench.timer.data = &bench;
    if (supervisor_scan(bench.supervisor) < 0) {
        return 1;
    }
    uv_run(bench.loop, UV_RUN_DEFAULT);
    supervisor_free(bench.supervisor);
    return uv_loop_close(bench.loop) == 0 ? 0 : 1;
}
