#include "bench.h"

#include <ftw.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* --- Hooks -------------------------------------------------------------------------------------*/

static int64_t now(void *context)
{
    return ((struct bench *)context)->now;
}

static void event(void *context, const struct jobs_event *happened)
{
    (void)context;
    (void)happened;
}

static void wake(void *context)
{
    (void)context; /* bench_settle() ticks until nothing moves */
}

static void wake_loop(void *context)
{
    eventfd_write(*(int *)context, 1);
}

/* --- Turning -----------------------------------------------------------------------------------*/

void bench_turn(struct bench *self)
{
    struct pollfd fd = {self->wake_fd, POLLIN, 0};
    eventfd_t count;

    if (poll(&fd, 1, 1000) > 0) {
        eventfd_read(self->wake_fd, &count);
    }
    store_dispatch(self->store);
}

void bench_settle(struct bench *self)
{
    struct store_stats stats;

    for (;;) {
        int64_t next = jobs_tick(self->jobs);
        store_stats(self->store, &stats);
        if (stats.pending > 0) {
            bench_turn(self);
        } else if (next > self->now) {
            return;
        }
    }
}

void bench_advance(struct bench *self, int64_t ms)
{
    self->now += ms;
    bench_settle(self);
}

/* --- Life --------------------------------------------------------------------------------------*/

static void on_loaded(void *context, int err)
{
    assert_int_equal(err, 0);
    ((struct bench *)context)->loaded = true;
}

void bench_begin(struct bench *self)
{
    const struct jobs_config config = {.seed = 1};
    struct store_backend *backend;
    struct hub_error error;
    char path[128];

    snprintf(path, sizeof path, "%s/blobs", self->dir);
    assert_int_equal(blob_store_new(path, &self->blobs, &error), 0);
    snprintf(path, sizeof path, "%s/jobs.db", self->dir);
    const struct store_sqlite_options options = {
        .path = path, .blobs = self->blobs, .synchronous = self->synchronous, .wal_bytes = 1 << 20};
    assert_int_equal(store_sqlite_new(&options, &self->log, &backend, &error), 0);
    assert_int_equal(
        store_new(backend, wake_loop, &self->wake_fd, &self->log, &self->store, &error), 0);
    assert_int_equal(
        jobs_new(self->store, &config, &self->hooks, self, &self->log, &self->jobs, &error), 0);
    self->loaded = false;
    jobs_load(self->jobs, on_loaded, self);
    while (!self->loaded) {
        bench_turn(self);
    }
    bench_settle(self);
}

void bench_kill(struct bench *self)
{
    jobs_close(self->jobs);
    store_free(self->store);
    jobs_free(self->jobs);
    blob_store_free(self->blobs);
}

void bench_open(struct bench *self, const struct jobs_hooks *hooks, const char *synchronous)
{
    strcpy(self->dir, "/tmp/hub-bench-XXXXXX");
    assert_non_null(mkdtemp(self->dir));
    log_init(&self->log, STDERR_FILENO, LOG_ERROR, LOG_KEY_VALUE);
    self->hooks = *hooks;
    self->hooks.now = now;
    self->hooks.event = event;
    self->hooks.wake = wake;
    self->synchronous = synchronous;
    self->wake_fd = eventfd(0, EFD_NONBLOCK);
    self->now = BENCH_START;
    bench_begin(self);
}

static int unlink_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

void bench_close(struct bench *self)
{
    bench_kill(self);
    close(self->wake_fd);
    nftw(self->dir, unlink_one, 16, FTW_DEPTH | FTW_PHYS);
}
