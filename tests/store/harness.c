#include "harness.h"

#include "base/clock.h"
#include "base/file.h"
#include "fault_vfs.h"

#include <dirent.h>
#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define WAIT_MS 60000

/* Short, so that the log starts over in most tests. */
#define LOG_BYTES ((uint64_t)2 << 20)

static int open_sqlite(const char *dir, struct blob_store *blobs,
                       const struct harness_options *options, struct log *log,
                       struct store_backend **ret_backend, struct hub_error *error)
{
    char path[300];

    fault_vfs_install();
    snprintf(path, sizeof path, "%s/jobs.db", dir);
    const struct store_sqlite_options sqlite = {
        .path = path,
        .blobs = blobs,
        .reserve_bytes = options->reserve_bytes,
        .wal_bytes = options->wal_bytes != 0 ? options->wal_bytes : LOG_BYTES,
        .idempotency_max = options->idempotency_max,
        .events_max = options->events_max,
        .events_keep_ms = options->events_keep_ms,
        .keep_items_max = options->keep_items_max,
        .keep_bytes_max = options->keep_bytes_max,
    };
    return store_sqlite_new(&sqlite, log, ret_backend, error);
}

const struct store_kind store_kinds[] = {
    {.name = "sqlite", .open = open_sqlite, .local = true},
};
const size_t store_kind_count = sizeof store_kinds / sizeof *store_kinds;
const struct store_kind *harness_kind = &store_kinds[0];

/* --- Life --------------------------------------------------------------------------------------*/

static void wake(void *context)
{
    eventfd_write(*(int *)context, 1);
}

static void start(struct harness *h)
{
    struct store_backend *backend;
    struct hub_error error;
    char path[300];

    snprintf(path, sizeof path, "%s/blobs", h->dir);
    if (blob_store_new(path, &h->blobs, &error) < 0 ||
        h->kind->open(h->dir, h->blobs, &h->options, &h->log, &backend, &error) < 0 ||
        store_new(backend, wake, &h->wake_fd, &h->log, &h->store, &error) < 0) {
        fail_msg("%s: %s", h->kind->name, error.detail);
    }
}

void harness_open_in(struct harness *h, const struct store_kind *kind, const char *dir,
                     const struct harness_options *options)
{
    memset(h, 0, sizeof *h);
    h->kind = kind;
    h->options = options ? *options : (struct harness_options){0};
    snprintf(h->dir, sizeof h->dir, "%s", dir);
    /* What fails on purpose is not worth a line. */
    log_init(&h->log, 2, getenv("STORE_TEST_LOG") ? LOG_DEBUG : LOG_ERROR + 1, LOG_KEY_VALUE);
    h->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    id_gen_init(&h->ids);
    h->now = clock_wall_ms();
    start(h);
}

void harness_open(struct harness *h, const struct store_kind *kind,
                  const struct harness_options *options)
{
    char dir[] = "/tmp/hub_store.XXXXXX";

    assert_non_null(mkdtemp(dir));
    harness_open_in(h, kind, dir, options);
}

void harness_stop(struct harness *h)
{
    store_free(h->store);
    blob_store_free(h->blobs);
    h->store = NULL;
    h->blobs = NULL;
    while (h->kept) {
        struct store_op *next = h->kept->next;
        store_op_free(h->kept);
        h->kept = next;
    }
}

void harness_reopen(struct harness *h, const struct harness_options *options)
{
    harness_stop(h);
    if (options) {
        h->options = *options;
    }
    start(h);
}

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

void harness_close(struct harness *h)
{
    harness_stop(h);
    close(h->wake_fd);
    nftw(h->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

int harness_setup(void **state)
{
    struct harness *h = malloc(sizeof *h);

    harness_open(h, harness_kind, NULL);
    *state = h;
    return 0;
}

int harness_teardown(void **state)
{
    harness_close(*state);
    free(*state);
    return 0;
}

/* --- Operations --------------------------------------------------------------------------------*/

struct store_op *harness_op(struct harness *h, enum store_op_kind kind)
{
    struct store_op *op = store_op_new(kind);

    (void)h;
    assert_non_null(op);
    return op;
}

static void on_done(struct store_op *op, void *context)
{
    struct harness *h = context;

    op->kept = true;
    op->next = h->kept;
    h->kept = op;
    h->order[h->completed++ % 64] = op;
}

void harness_submit(struct harness *h, struct store_op *op)
{
    op->done = on_done;
    op->context = h;
    store_submit(h->store, op);
}

void harness_wait(struct harness *h)
{
    struct pollfd bell = {.fd = h->wake_fd, .events = POLLIN};
    struct store_stats stats;
    eventfd_t rings;

    for (;;) {
        store_dispatch(h->store);
        store_stats(h->store, &stats);
        if (stats.pending == 0) {
            return;
        }
        if (poll(&bell, 1, WAIT_MS) <= 0) {
            fail_msg("no completion within %d ms", WAIT_MS);
        }
        eventfd_read(h->wake_fd, &rings);
    }
}

int harness_run(struct harness *h, struct store_op *op)
{
    harness_submit(h, op);
    harness_wait(h);
    return op->err;
}

/* --- Shorthands --------------------------------------------------------------------------------*/

struct id harness_id(struct harness *h)
{
    return id_next(&h->ids, h->now);
}

struct store_op *harness_insert_op(struct harness *h)
{
    struct store_op *op = harness_op(h, STORE_JOB_INSERT);

    op->job_insert.job = (struct job_record){
        .id = harness_id(h),
        .type = STR_INIT("noop.run"),
        .queue = STR_INIT("default"),
        .input = STR_INIT("{}"),
        .created_by = STR_INIT("tester"),
        .timeout_ms = 1000,
        .max_attempts = 5,
        .retention_ms = 60000,
        .state = JOB_QUEUED,
        .created_at = h->now,
    };
    return op;
}

struct id harness_insert(struct harness *h)
{
    struct store_op *op = harness_insert_op(h);

    assert_int_equal(harness_run(h, op), 0);
    return op->job_insert.job.id;
}

struct store_op *harness_finish_op(struct harness *h, struct id id, enum job_state to)
{
    struct store_op *op = harness_op(h, STORE_JOB_MOVE);

    op->job_move = (struct store_job_move){
        .id = id,
        .from = JOB_RUNNING,
        .fence = 1,
        .from_unstarted = true,
        .to = to,
        .at = h->now,
        .has_attempt = true,
        .attempt = {.number = 1,
                    .started_at = h->now - 5,
                    .finished_at = h->now,
                    .outcome = to == JOB_SUCCEEDED ? ATTEMPT_SUCCEEDED : ATTEMPT_FAILED},
        .charge = true,
    };
    return op;
}

void harness_finish(struct harness *h, struct id id, enum job_state to)
{
    assert_int_equal(harness_run(h, harness_finish_op(h, id, to)), 0);
}

struct store_op *harness_get(struct harness *h, struct id id)
{
    struct store_op *op = harness_op(h, STORE_JOB_GET);

    op->job_get.id = id;
    harness_run(h, op);
    return op;
}

enum job_state harness_state(struct harness *h, struct id id)
{
    struct store_op *op = harness_get(h, id);

    assert_int_equal(op->err, 0);
    return op->job_get.ret_job.state;
}

uint64_t harness_last_event(struct harness *h)
{
    struct store_op *op;
    uint64_t last = 0;

    do {
        op = harness_op(h, STORE_EVENT_LIST);
        op->event_list.after = last;
        op->event_list.limit = 1000;
        assert_int_equal(harness_run(h, op), 0);
        if (op->event_list.ret_count > 0) {
            last = op->event_list.ret_events[op->event_list.ret_count - 1].seq;
        }
    } while (op->event_list.ret_count > 0);
    return last;
}

struct blob_pending harness_blob(struct harness *h, const char *content)
{
    struct blob_writer writer;
    struct blob_pending pending;

    assert_int_equal(blob_writer_open(h->blobs, 1 << 20, &writer, NULL), 0);
    assert_int_equal(blob_writer_write(&writer, content, strlen(content), NULL), 0);
    assert_int_equal(blob_writer_finish(&writer, &pending, NULL), 0);
    return pending;
}

struct artifact_record harness_artifact(struct harness *h, const struct blob_pending *blob,
                                        const char *name)
{
    return (struct artifact_record){
        .id = harness_id(h),
        .name = str_from_c(name),
        .media_type = STR_INIT("text/plain"),
        .size = blob->size,
        .created_at = h->now,
    };
}

struct id harness_upload(struct harness *h, const char *content)
{
    struct store_op *op = harness_op(h, STORE_ARTIFACT_INSERT);

    op->artifact_insert.blob = harness_blob(h, content);
    op->artifact_insert.artifact = harness_artifact(h, &op->artifact_insert.blob, "upload.txt");
    assert_int_equal(harness_run(h, op), 0);
    return op->artifact_insert.artifact.id;
}

bool harness_has_content(struct harness *h, const char *content)
{
    struct sha256_digest digest;
    char hex[SHA256_HEX_LEN + 1];
    struct buf data;
    int fd;

    sha256_of(str_from_c(content), &digest);
    sha256_hex(&digest, hex);
    if (blob_open(h->blobs, str_from_c(hex), &fd, NULL) < 0) {
        return false;
    }
    buf_init(&data, 1 << 20);
    assert_int_equal(file_read_fd(fd, &data, NULL), 0);
    assert_true(str_eq(buf_view(&data), str_from_c(content)));
    buf_release(&data);
    close(fd);
    return true;
}

unsigned harness_tmp_files(struct harness *h)
{
    DIR *dir = opendir(blob_store_tmp_dir(h->blobs));
    unsigned count = 0;

    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        count += entry->d_name[0] != '.';
    }
    closedir(dir);
    return count;
}
