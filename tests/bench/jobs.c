/*
 * bench_jobs — the engine on the SQLite store, with a connector that answers at once.
 *
 *     bench_jobs run DIR [SECONDS [CALLERS [SAFETY]]]     jobs through their whole life
 *     bench_jobs wait DIR [COUNT]                         COUNT jobs that wait: memory, and loading
 *
 * `run`: callers are closed loops (submit, wait for the end, submit again). An attempt is answered
 * one turn of the loop after it was started, as a runner would. Prints jobs a second, the CPU time
 * of the loop's thread for each job (engine, submission and this program together; the store's
 * thread apart), and the time from submission to the end.
 */
#include "jobs/jobs.h"
#include "base/clock.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define INPUT_LEN     300
#define CALLERS_MAX   4096
#define LATENCIES_MAX (1 << 23)

struct bench {
    struct log log;
    struct blob_store *blobs;
    struct store *store;
    struct jobs *jobs;
    int wake_fd;
    unsigned room;
    int safety;
    char input[INPUT_LEN];
    uint64_t started[CALLERS_MAX]; /* tokens, answered in the next turn */
    unsigned started_count;
    unsigned in_flight;
    bool stopping;
    uint64_t ended;
    uint64_t submitted;
    int loaded;
    int64_t submitted_ns[1 << 16]; /* by the low bits of a job's id */
    uint32_t *latencies;           /* microseconds */
    size_t latency_count;
};

static void die(const char *what, int err)
{
    fprintf(stderr, "bench_jobs: %s: %s\n", what, hub_err_code(err));
    exit(1);
}

static int64_t thread_cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int64_t process_cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static double rss_mb(void)
{
    long pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    if (!file || fscanf(file, "%ld %ld", &pages, &resident) != 2) {
        resident = 0;
    }
    if (file) {
        fclose(file);
    }
    return (double)resident * (double)sysconf(_SC_PAGESIZE) / 1e6;
}

/* --- Hooks -------------------------------------------------------------------------------------*/

static int64_t now(void *context)
{
    (void)context;
    return clock_wall_ms();
}

static int start(void *context, const struct jobs_attempt *attempt)
{
    struct bench *bench = context;

    if (bench->started_count == CALLERS_MAX) {
        return HUB_ERR_AGAIN;
    }
    bench->started[bench->started_count++] = attempt->token;
    return 0;
}

static unsigned room(void *context, struct str connector)
{
    struct bench *bench = context;

    (void)connector;
    return bench->room > bench->started_count ? bench->room - bench->started_count : 0;
}

static void cancel(void *context, uint64_t token)
{
    (void)context;
    (void)token;
}

static int64_t *time_of(struct bench *bench, const struct id *id)
{
    unsigned slot = (unsigned)id->bytes[14] << 8 | id->bytes[15];

    return &bench->submitted_ns[slot];
}

static void submit(struct bench *bench);

static void event(void *context, const struct jobs_event *happened)
{
    struct bench *bench = context;

    if (!job_state_terminal(happened->state)) {
        return;
    }
    if (happened->state != JOB_SUCCEEDED) {
        die(job_state_name(happened->state), HUB_ERR_INTERNAL);
    }
    bench->ended++;
    if (bench->latency_count < LATENCIES_MAX) {
        bench->latencies[bench->latency_count++] =
            (uint32_t)((clock_mono_ns() - *time_of(bench, &happened->id)) / 1000);
    }
    if (bench->stopping) {
        bench->in_flight--;
    } else {
        submit(bench);
    }
}

static void wake(void *context)
{
    (void)context; /* this loop ticks after all that it does */
}

static void wake_loop(void *context)
{
    eventfd_write(*(int *)context, 1);
}

static const struct jobs_hooks hooks = {now, start, room, cancel, event, wake, NULL};

/* --- The loop ----------------------------------------------------------------------------------*/

static void on_submitted(void *context, struct store_op *op)
{
    struct bench *bench = context;

    if (op->err < 0) {
        die("submit", op->err);
    }
    bench->submitted++;
}

static void submit(struct bench *bench)
{
    struct store_op *op = store_op_new(STORE_JOB_INSERT);

    op->job_insert.job.type = STR("noop.run");
    op->job_insert.job.input = arena_str(&op->arena, str_of(bench->input, sizeof bench->input));
    op->job_insert.job.retry_safety = (enum job_retry_safety)bench->safety;
    jobs_submit(bench->jobs, op, on_submitted, bench);
    *time_of(bench, &op->job_insert.job.id) = clock_mono_ns();
}

static void answer_started(struct bench *bench)
{
    static const struct jobs_outcome outcome = {.outcome = ATTEMPT_SUCCEEDED,
                                                .result = STR_INIT("{\"ok\":true}")};
    unsigned count = bench->started_count;

    bench->started_count = 0;
    for (unsigned i = 0; i < count; i++) {
        jobs_finished(bench->jobs, bench->started[i], &outcome);
    }
}

static void turn(struct bench *bench)
{
    int64_t next = jobs_tick(bench->jobs);
    int64_t wait = next == INT64_MAX ? 1000 : next - clock_wall_ms();

    if (bench->started_count > 0) {
        answer_started(bench);
        return;
    }
    struct pollfd fd = {bench->wake_fd, POLLIN, 0};
    if (poll(&fd, 1, wait < 0 ? 0 : wait > 1000 ? 1000 : (int)wait) > 0) {
        eventfd_t count;
        eventfd_read(bench->wake_fd, &count);
    }
    store_dispatch(bench->store);
}

static void on_loaded(void *context, int err)
{
    struct bench *bench = context;

    if (err < 0) {
        die("load", err);
    }
    bench->loaded = 1;
}

static void open_all(struct bench *bench, const char *dir)
{
    struct store_backend *backend;
    struct hub_error error;
    char path[4096];

    mkdir(dir, 0700);
    snprintf(path, sizeof path, "%s/blobs", dir);
    if (blob_store_new(path, &bench->blobs, &error) < 0) {
        die(error.detail, error.err);
    }
    snprintf(path, sizeof path, "%s/jobs.db", dir);
    const struct store_sqlite_options options = {.path = path, .blobs = bench->blobs};
    if (store_sqlite_new(&options, &bench->log, &backend, &error) < 0 ||
        store_new(backend, wake_loop, &bench->wake_fd, &bench->log, &bench->store, &error) < 0 ||
        jobs_new(bench->store, NULL, &hooks, bench, &bench->log, &bench->jobs, &error) < 0) {
        die(error.detail, error.err);
    }
    bench->loaded = 0;
    jobs_load(bench->jobs, on_loaded, bench);
    while (!bench->loaded) {
        turn(bench);
    }
}

static void close_all(struct bench *bench)
{
    jobs_drain(bench->jobs);
    while (jobs_in_flight(bench->jobs) > 0) {
        turn(bench);
    }
    store_free(bench->store);
    jobs_free(bench->jobs);
    blob_store_free(bench->blobs);
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

static void run(struct bench *bench, const char *dir, double seconds, unsigned callers)
{
    bench->room = CALLERS_MAX;
    open_all(bench, dir);
    int64_t begin = clock_mono_ns();
    int64_t loop_cpu = thread_cpu_ns();
    int64_t all_cpu = process_cpu_ns();
    for (bench->in_flight = 0; bench->in_flight < callers; bench->in_flight++) {
        submit(bench);
    }
    while (bench->in_flight > 0) {
        turn(bench);
        bench->stopping = (double)(clock_mono_ns() - begin) > seconds * 1e9;
    }
    double elapsed = (double)(clock_mono_ns() - begin) / 1e9;
    loop_cpu = thread_cpu_ns() - loop_cpu;
    all_cpu = process_cpu_ns() - all_cpu;
    qsort(bench->latencies, bench->latency_count, sizeof bench->latencies[0], by_value);
    printf(
        "callers %u: %.0f jobs/s, loop thread %.2f us a job, store threads %.2f us, p50 %.2f ms, "
        "p99 %.2f ms, rss %.0f MB\n",
        callers, (double)bench->ended / elapsed, (double)loop_cpu / 1e3 / (double)bench->ended,
        (double)(all_cpu - loop_cpu) / 1e3 / (double)bench->ended,
        bench->latencies[bench->latency_count / 2] / 1e3,
        bench->latencies[bench->latency_count * 99 / 100] / 1e3, rss_mb());
    close_all(bench);
}

static void wait_many(struct bench *bench, const char *dir, uint64_t count)
{
    bench->room = 0;
    open_all(bench, dir);
    double before = rss_mb();
    uint64_t given = 0;
    while (bench->submitted < count) {
        while (given < count && given < bench->submitted + CALLERS_MAX) {
            submit(bench);
            given++;
        }
        turn(bench);
    }
    printf("%llu waiting after submission: rss %.0f MB (%.0f before), %.0f bytes a job\n",
           (unsigned long long)count, rss_mb(), before, (rss_mb() - before) * 1e6 / (double)count);
    close_all(bench);
    before = rss_mb();
    int64_t begin = clock_mono_ns();
    open_all(bench, dir);
    printf("loaded %llu in %.2f s: rss %.0f MB (%.0f before)\n",
           (unsigned long long)jobs_stats(bench->jobs)->unfinished,
           (double)(clock_mono_ns() - begin) / 1e9, rss_mb(), before);
    close_all(bench);
}

int main(int argc, char **argv)
{
    static struct bench bench;

    if (argc < 3) {
        fprintf(stderr, "usage: bench_jobs run DIR [SECONDS [CALLERS [SAFETY]]]\n"
                        "       bench_jobs wait DIR [COUNT]\n");
        return 2;
    }
    log_init(&bench.log, STDERR_FILENO, LOG_WARN, LOG_KEY_VALUE);
    memset(bench.input, '1', sizeof bench.input);
    bench.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    bench.latencies = malloc(LATENCIES_MAX * sizeof bench.latencies[0]);
    if (!bench.latencies) {
        die("latencies", HUB_ERR_NOMEM);
    }
    if (strcmp(argv[1], "wait") == 0) {
        wait_many(&bench, argv[2], argc > 3 ? strtoull(argv[3], NULL, 10) : 1000000);
    } else {
        bench.safety = argc > 5 ? atoi(argv[5]) : JOB_SAFE;
        run(&bench, argv[2], argc > 3 ? atof(argv[3]) : 3, argc > 4 ? (unsigned)atoi(argv[4]) : 64);
    }
    free(bench.latencies);
    return 0;
}
