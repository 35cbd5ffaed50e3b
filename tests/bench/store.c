/*
 * bench_store — job life cycles through the store: insert with an idempotency key and a 300-byte
 * input, then one move with its attempt, each durable; two events a job.
 *
 *     bench_store [DIR [SECONDS [CALLERS…]]]
 *     bench_store DIR load JOBS         # inserts so many, then reads the unfinished ones as at
 * start
 *
 * Callers are closed loops: each waits for its commit before it goes on. Prints life cycles a
 * second by the wall clock and by the CPU time of the store thread, latencies of commits, fsyncs
 * and the length of the log.
 */
#include "jobs/store.h"
#include "base/clock.h"
#include "tests/store/fault_vfs.h"

#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define INPUT_LEN     300
#define LATENCIES_MAX (1 << 24)

struct caller {
    struct bench *bench;
    struct id id;
    int64_t submitted_ns;
};

struct bench {
    struct store *store;
    int wake_fd;
    struct id_gen ids;
    char input[INPUT_LEN];
    bool stopping;
    unsigned active;
    uint64_t cycles;
    uint32_t *latencies; /* microseconds */
    size_t latency_count;
};

static void die(const char *what, int err)
{
    fprintf(stderr, "bench_store: %s: %s\n", what, hub_err_code(err));
    exit(1);
}

static void wake(void *context)
{
    eventfd_write(*(int *)context, 1);
}

static void submit_insert(struct caller *caller);

static void note_latency(struct caller *caller)
{
    struct bench *bench = caller->bench;

    if (bench->latency_count < LATENCIES_MAX) {
        bench->latencies[bench->latency_count++] =
            (uint32_t)((clock_mono_ns() - caller->submitted_ns) / 1000);
    }
}

static void on_moved(struct store_op *op, void *context)
{
    struct caller *caller = context;

    if (op->err < 0) {
        die("move", op->err);
    }
    note_latency(caller);
    caller->bench->cycles++;
    if (caller->bench->stopping) {
        caller->bench->active--;
        return;
    }
    submit_insert(caller);
}

static void on_inserted(struct store_op *op, void *context)
{
    struct caller *caller = context;

    if (op->err < 0) {
        die("insert", op->err);
    }
    note_latency(caller);
    struct store_op *move = store_op_new(STORE_JOB_MOVE);
    int64_t now = clock_wall_ms();
    move->job_move = (struct store_job_move){
        .id = caller->id,
        .from = JOB_RUNNING,
        .fence = 1,
        .from_unstarted = true,
        .to = JOB_SUCCEEDED,
        .at = now,
        .has_attempt = true,
        .attempt = {.number = 1,
                    .started_at = now,
                    .finished_at = now,
                    .outcome = ATTEMPT_SUCCEEDED,
                    .pid = 4711,
                    .connector_version = STR_INIT("1.0.0")},
        .charge = true,
        .result = STR("{\"width\":800,\"height\":600}"),
    };
    move->done = on_moved;
    move->context = caller;
    caller->submitted_ns = clock_mono_ns();
    store_submit(caller->bench->store, move);
}

static struct store_op *insert_op(struct bench *bench)
{
    struct store_op *op = store_op_new(STORE_JOB_INSERT);
    int64_t now = clock_wall_ms();

    op->job_insert.job = (struct job_record){
        .id = id_next(&bench->ids, now),
        .type = STR_INIT("image.transform"),
        .queue = STR_INIT("default"),
        .input = str_of(bench->input, INPUT_LEN),
        .created_by = STR_INIT("k4v8x2m9q1"),
        .timeout_ms = JOB_TIMEOUT_MS_DEFAULT,
        .max_attempts = JOB_MAX_ATTEMPTS_DEFAULT,
        .retention_ms = JOB_RETENTION_MS_DEFAULT,
        .state = JOB_QUEUED,
        .created_at = now,
    };
    op->job_insert.idempotency.given = true;
    op->job_insert.idempotency.expires_at = now + 86400000;
    /* As random as a digest, and cheaper on the core that the bench shares with the store. */
    hash_random(op->job_insert.idempotency.scope.bytes, SHA256_LEN);
    return op;
}

static void submit_insert(struct caller *caller)
{
    struct store_op *op = insert_op(caller->bench);

    caller->id = op->job_insert.job.id;
    op->done = on_inserted;
    op->context = caller;
    caller->submitted_ns = clock_mono_ns();
    store_submit(caller->bench->store, op);
}

static void run_loop(struct bench *bench, int64_t until_ns)
{
    struct pollfd bell = {.fd = bench->wake_fd, .events = POLLIN};
    eventfd_t rings;

    while (bench->active > 0) {
        if (poll(&bell, 1, 100) > 0) {
            eventfd_read(bench->wake_fd, &rings);
        }
        store_dispatch(bench->store);
        bench->stopping = clock_mono_ns() >= until_ns;
    }
}

/* CPU time of the thread with this name. */
static uint64_t thread_cpu_ns(const char *name)
{
    DIR *tasks = opendir("/proc/self/task");
    unsigned long long ns = 0;
    char path[300];
    char comm[32];

    for (struct dirent *task; tasks && (task = readdir(tasks));) {
        snprintf(path, sizeof path, "/proc/self/task/%s/comm", task->d_name);
        FILE *file = fopen(path, "r");
        if (!file) {
            continue;
        }
        bool found = fgets(comm, sizeof comm, file) && strncmp(comm, name, strlen(name)) == 0;
        fclose(file);
        snprintf(path, sizeof path, "/proc/self/task/%s/schedstat", task->d_name);
        file = found ? fopen(path, "r") : NULL;
        if (file) {
            if (fscanf(file, "%llu", &ns) != 1) {
                ns = 0;
            }
            fclose(file);
        }
    }
    if (tasks) {
        closedir(tasks);
    }
    return ns;
}

static int compare(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a;
    uint32_t right = *(const uint32_t *)b;

    return (left > right) - (left < right);
}

static double percentile_ms(const struct bench *bench, double p)
{
    if (bench->latency_count == 0) {
        return 0;
    }
    return bench->latencies[(size_t)((double)(bench->latency_count - 1) * p)] / 1000.0;
}

static double file_mib(const char *dir, const char *name)
{
    char path[4096];
    struct stat stat_buf;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    return stat(path, &stat_buf) == 0 ? (double)stat_buf.st_size / (1 << 20) : 0;
}

static void run_callers(struct bench *bench, const char *dir, unsigned callers, double seconds)
{
    struct caller *all = calloc(callers, sizeof *all);
    struct store_stats before, after;
    uint64_t cpu = thread_cpu_ns("hub-store");
    uint64_t folding = thread_cpu_ns("hub-checkpoint");
    uint64_t syncs = fault_vfs_log_syncs();
    uint64_t writes = fault_vfs_calls(FAULT_WRITE);
    int64_t start = clock_mono_ns();

    bench->cycles = bench->latency_count = 0;
    bench->stopping = false;
    bench->active = callers;
    store_stats(bench->store, &before);
    for (unsigned i = 0; i < callers; i++) {
        all[i].bench = bench;
        submit_insert(&all[i]);
    }
    run_loop(bench, start + (int64_t)(seconds * 1e9));
    double wall = (double)(clock_mono_ns() - start) / 1e9;
    double busy = (double)(thread_cpu_ns("hub-store") - cpu) / 1e9;
    double fold = (double)(thread_cpu_ns("hub-checkpoint") - folding) / 1e9;
    store_stats(bench->store, &after);
    qsort(bench->latencies, bench->latency_count, sizeof *bench->latencies, compare);
    uint64_t commits = after.commits - before.commits;
    printf("callers=%-4u cycles/s=%-7.0f cycles/cpu_s=%-7.0f us_cpu/cycle=%-5.2f ops/commit=%-6.1f "
           "p50_ms=%.3f p99_ms=%.3f p999_ms=%.3f max_ms=%.1f log_fsyncs/s=%.0f writes/cycle=%.2f "
           "checkpoint_cpu=%.0f%% "
           "log_MiB=%.0f db_MiB=%.0f\n",
           callers, (double)bench->cycles / wall, (double)bench->cycles / busy,
           busy * 1e6 / (double)bench->cycles,
           (double)(after.operations - before.operations) / (double)(commits ? commits : 1),
           percentile_ms(bench, 0.5), percentile_ms(bench, 0.99), percentile_ms(bench, 0.999),
           percentile_ms(bench, 1), (double)(fault_vfs_log_syncs() - syncs) / wall,
           (double)(fault_vfs_calls(FAULT_WRITE) - writes) / (double)bench->cycles,
           100 * fold / wall, file_mib(dir, "jobs.db-wal"), file_mib(dir, "jobs.db"));
    fflush(stdout);
    free(all);
}

static void on_queued(struct store_op *op, void *context)
{
    struct bench *bench = context;

    if (op->err < 0) {
        die("insert", op->err);
    }
    bench->active--;
}

struct loading {
    struct bench *bench;
    uint64_t jobs;
    bool more;
};

static void on_loaded(struct store_op *op, void *context)
{
    struct loading *loading = context;

    if (op->err < 0) {
        die("load", op->err);
    }
    loading->jobs += op->active_list.ret_count;
    loading->more = op->active_list.ret_more;
    if (loading->more) {
        op->active_list.after = op->active_list.ret_jobs[op->active_list.ret_count - 1].id;
        arena_release(&op->arena);
        op->kept = true;
        store_submit(loading->bench->store, op);
        return;
    }
    loading->bench->active = 0;
}

static void run_load(struct bench *bench, unsigned jobs)
{
    struct loading loading = {.bench = bench};
    struct store_op *op;
    int64_t start;

    bench->active = jobs;
    for (unsigned i = 0; i < jobs; i++) {
        op = insert_op(bench);
        op->done = on_queued;
        op->context = bench;
        store_submit(bench->store, op);
    }
    run_loop(bench, INT64_MAX);
    start = clock_mono_ns();
    bench->active = 1;
    op = store_op_new(STORE_ACTIVE_LIST);
    op->active_list.limit = STORE_LIMIT_MAX;
    op->done = on_loaded;
    op->context = &loading;
    store_submit(bench->store, op);
    run_loop(bench, INT64_MAX);
    double seconds = (double)(clock_mono_ns() - start) / 1e9;
    printf("loaded=%llu seconds=%.2f us/job=%.2f\n", (unsigned long long)loading.jobs, seconds,
           seconds * 1e6 / (double)loading.jobs);
}

int main(int argc, char **argv)
{
    static const unsigned default_callers[] = {1, 64, 256};
    char dir[256] = "/tmp/bench_store.XXXXXX";
    char path[512];
    char blob_dir[512];
    double seconds = argc > 2 ? atof(argv[2]) : 3;
    struct bench bench = {.latencies = malloc(LATENCIES_MAX * sizeof(uint32_t))};
    struct store_backend *backend;
    struct blob_store *blobs;
    struct hub_error error;
    struct log log;

    if (argc > 1) {
        snprintf(dir, sizeof dir, "%s", argv[1]);
        mkdir(dir, 0700);
    } else if (!mkdtemp(dir)) {
        die("mkdtemp", HUB_ERR_IO);
    }
    fault_vfs_install();
    log_init(&log, 2, LOG_WARN, LOG_KEY_VALUE);
    id_gen_init(&bench.ids);
    memset(bench.input, 'x', INPUT_LEN);
    bench.input[0] = bench.input[INPUT_LEN - 1] = '"';
    bench.wake_fd = eventfd(0, EFD_NONBLOCK);
    snprintf(path, sizeof path, "%s/jobs.db", dir);
    snprintf(blob_dir, sizeof blob_dir, "%s/blobs", dir);
    if (blob_store_new(blob_dir, &blobs, &error) < 0) {
        die(error.detail, error.err);
    }
    const struct store_sqlite_options options = {.path = path, .blobs = blobs};
    if (store_sqlite_new(&options, &log, &backend, &error) < 0 ||
        store_new(backend, wake, &bench.wake_fd, &log, &bench.store, &error) < 0) {
        die(error.detail, error.err);
    }
    bool load = argc > 3 && strcmp(argv[2], "load") == 0;
    if (load) {
        run_load(&bench, (unsigned)atoi(argv[3]));
    }
    for (int i = 3; i < argc && !load; i++) {
        run_callers(&bench, dir, (unsigned)atoi(argv[i]), seconds);
    }
    for (unsigned i = 0; argc <= 3 && i < 3; i++) {
        run_callers(&bench, dir, default_callers[i], seconds);
    }
    store_free(bench.store);
    blob_store_free(blobs);
    close(bench.wake_fd);
    free(bench.latencies);
    return 0;
}
