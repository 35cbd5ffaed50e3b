#include "jobs/sqlite/lite.h"

#include "base/thread.h"

#include <stdlib.h>
#include <string.h>

#define RESERVE_DEFAULT         ((uint64_t)64 << 20)
#define WAL_DEFAULT             ((uint64_t)64 << 20) /* or this part of a small file system */
#define WAL_SHARE               8
#define WAL_LEAST               ((uint64_t)4 << 20)
#define IDEMPOTENCY_MAX_DEFAULT ((uint64_t)32 << 20)
#define EVENTS_MAX_DEFAULT      1000000
#define EVENTS_KEEP_MS_DEFAULT  ((int64_t)24 * 3600 * 1000)

static struct lite *lite_of(struct store_backend *backend)
{
    return (struct lite *)backend;
}

typedef int lite_op_fn(struct lite *self, struct store_op *op);

static int discard(struct lite *self, struct store_op *op)
{
    lite_blob_discard(self, op);
    return 0;
}

static lite_op_fn *const functions[STORE_OP_COUNT] = {
    [STORE_JOB_INSERT] = lite_job_insert,
    [STORE_JOB_START] = lite_job_start,
    [STORE_JOB_MOVE] = lite_job_move,
    [STORE_JOB_DELETE] = lite_job_delete,
    [STORE_ARTIFACT_INSERT] = lite_artifact_insert,
    [STORE_ARTIFACT_DELETE] = lite_artifact_delete,
    [STORE_QUEUE_PUT] = lite_queue_put,
    [STORE_KEY_PUT] = lite_key_put,
    [STORE_KEY_DELETE] = lite_key_delete,
    [STORE_BATCH_CREATE] = lite_batch_create,
    [STORE_BATCH_APPEND] = lite_batch_append,
    [STORE_BATCH_OPEN] = lite_batch_open,
    [STORE_BATCH_SET] = lite_batch_set,
    [STORE_BATCH_CANCEL] = lite_batch_cancel,
    [STORE_BATCH_RETRY] = lite_batch_retry,
    [STORE_BATCH_DROP] = lite_batch_drop,
    [STORE_BATCH_GET] = lite_batch_get,
    [STORE_BATCH_LIST] = lite_batch_list,
    [STORE_BATCH_RESULTS] = lite_batch_results,
    [STORE_JOB_RESOLVE] = lite_job_resolve,
    [STORE_FLOW_INSERT] = lite_flow_insert,
    [STORE_FLOW_RETRY] = lite_flow_retry,
    [STORE_JOB_EXPAND] = lite_job_expand,
    [STORE_FLOW_CANCEL] = lite_flow_cancel,
    [STORE_FLOW_GET] = lite_flow_get,
    [STORE_FLOW_LIST] = lite_flow_list,
    [STORE_JOB_PARENTS] = lite_job_parents,
    [STORE_KEEP_PUT] = lite_keep_put,
    [STORE_LEDGER_APPEND] = lite_ledger_append,
    [STORE_KEEP_GET] = lite_keep_get,
    [STORE_KEEP_LIST] = lite_keep_list,
    [STORE_LEDGER_LIST] = lite_ledger_list,
    [STORE_LEDGER_VERIFY] = lite_ledger_verify,
    [STORE_ACCOUNT_PUT] = lite_account_put,
    [STORE_ACCOUNT_DELETE] = lite_account_delete,
    [STORE_ACCOUNT_USE] = lite_account_use,
    [STORE_SCHEDULE_PUT] = lite_schedule_put,
    [STORE_SCHEDULE_DELETE] = lite_schedule_delete,
    [STORE_SCHEDULE_PAUSE] = lite_schedule_pause,
    [STORE_SCHEDULE_TICK] = lite_schedule_tick,
    [STORE_SCHEDULE_LIST] = lite_schedule_list,
    [STORE_SCHEDULE_RUNS] = lite_schedule_runs,
    [STORE_CALLBACK_PUT] = lite_callback_put,
    [STORE_CALLBACK_RESEND] = lite_callback_resend,
    [STORE_SIGNING_PUT] = lite_signing_put,
    [STORE_CALLBACK_DUE] = lite_callback_due,
    [STORE_CALLBACK_LIST] = lite_callback_list,
    [STORE_CALLBACK_OF] = lite_callback_of,
    [STORE_SIGNING_GET] = lite_signing_get,
    [STORE_PURGE] = lite_purge,
    [STORE_BLOB_DISCARD] = discard,
    [STORE_JOB_GET] = lite_job_get,
    [STORE_JOB_INPUT] = lite_job_input,
    [STORE_JOB_LIST] = lite_job_list,
    [STORE_JOB_COUNTS] = lite_job_counts,
    [STORE_ARTIFACT_GET] = lite_artifact_get,
    [STORE_EVENT_LIST] = lite_event_list,
    [STORE_ACTIVE_LIST] = lite_active_list,
    [STORE_QUEUE_LIST] = lite_queue_list,
    [STORE_KEY_LIST] = lite_key_list,
    [STORE_ACCOUNT_LIST] = lite_account_list,
    [STORE_ACCOUNT_USES] = lite_account_uses,
};

/* --- The writer's connection -------------------------------------------------------------------*/

static int note_log_length(void *context, sqlite3 *handle, const char *name, int frames)
{
    int *ret_frames = context;

    (void)handle;
    (void)name;
    *ret_frames = frames;
    return SQLITE_OK;
}

static int read_number(struct lite_db *db, enum lite_statement statement, int64_t *ret_number)
{
    struct lite_call call = lite_call(db, statement);
    int got = lite_step(&call);

    if (got > 0) {
        *ret_number = lite_int(&call);
    }
    lite_end(&call);
    return got < 0 ? got : 0;
}

static int load_writer(struct lite *self, struct hub_error *error)
{
    int err = lite_events_load(&self->events, &self->writer);

    if (err == 0) {
        err = lite_tally_load(&self->tally, &self->writer, self->events.last);
    }
    return err < 0 ? hub_fail(error, err, "cannot read the database") : 0;
}

static int open_writer(struct lite *self, struct hub_error *error)
{
    int err = lite_db_open(&self->writer, self->path, self->synchronous, false, self->log, error);

    if (err == 0) {
        err = lite_migrate(&self->writer, self->log, error);
    }
    if (err == 0) {
        err = lite_db_prepare(&self->writer, LITE_WRITER, error);
    }
    if (err == 0) {
        err = load_writer(self, error);
    }
    if (err < 0) {
        lite_db_close(&self->writer);
        return err;
    }
    sqlite3_wal_hook(self->writer.handle, note_log_length, &self->log_frames);
    return 0;
}

/* --- Transactions ------------------------------------------------------------------------------*/

static int backend_begin(struct store_backend *backend)
{
    struct lite *self = lite_of(backend);
    struct hub_error error;

    ASSERT_THREAD(THREAD_STORE);
    if (!self->writer.handle && open_writer(self, &error) < 0) {
        log_error(self->log, "store", "cannot open the database again", "error=%s",
                  hub_err_code(error.err));
        return error.err;
    }
    lite_checkpointer_pass(self->checkpointer);
    self->in_passage = true;
    struct lite_call call = lite_call(&self->writer, LITE_BEGIN_WRITE);
    int err = lite_run(&call);
    return err < 0 ? err : lite_batches_refresh(self);
}

static int backend_apply(struct store_backend *backend, struct store_op *op)
{
    struct lite *self = lite_of(backend);

    ASSERT_THREAD(THREAD_STORE);
    int err = functions[op->kind](self, op);
    if (err < 0) {
        return err;
    }
    err = lite_batches_settle(self, op);
    if (err == 0 && self->ends.count > 0) {
        err = lite_flows_settle(self, op, lite_time_of(op));
    }
    op->calls_back = self->ends.calls_back;
    self->ends.calls_back = false;
    return err;
}

static int backend_settle(struct store_backend *backend)
{
    struct lite *self = lite_of(backend);

    ASSERT_THREAD(THREAD_STORE);
    return lite_tally_settle(&self->tally, &self->writer, self->events.last);
}

static void leave_passage(struct lite *self, int frames)
{
    if (self->in_passage) {
        self->in_passage = false;
        lite_checkpointer_note(self->checkpointer, frames);
    }
}

static int backend_commit(struct store_backend *backend)
{
    struct lite *self = lite_of(backend);
    struct hub_error error;
    struct str sums;
    int err = lite_batches_flush(self);

    if (err == 0) {
        err = lite_tally_ride(&self->tally, &self->writer, self->events.count > 0,
                              self->events.last, &sums);
    }
    if (err == 0) {
        err = lite_events_flush(&self->events, &self->writer, sums);
    }
    if (err == 0 && self->published.len > 0) {
        err = blob_sync(self->blobs, &error);
    }
    if (err == 0) {
        struct lite_call call = lite_call(&self->writer, LITE_COMMIT);
        err = lite_run(&call);
    }
    if (err < 0) {
        return err;
    }
    leave_passage(self, self->log_frames);
    lite_batches_committed(self);
    lite_tally_committed(&self->tally);
    lite_keys_committed(&self->keys);
    lite_blobs_committed(self);
    return 0;
}

/* The database's first page, as it is. */
static int backend_prove(struct store_backend *backend)
{
    struct hub_error error;

    ASSERT_THREAD(THREAD_STORE);
    return lite_rewrite_version(&lite_of(backend)->writer, &error);
}

/* A connection that failed to roll back, or to write, is not trusted any more: what it believes to
 * be in the file may not be there. */
static void backend_rollback(struct store_backend *backend)
{
    struct lite *self = lite_of(backend);
    bool broken = !self->writer.handle;
    int rc = broken ? SQLITE_OK : sqlite3_errcode(self->writer.handle) & 0xff;

    ASSERT_THREAD(THREAD_STORE);
    if (!broken && !sqlite3_get_autocommit(self->writer.handle)) {
        struct lite_call call = lite_call(&self->writer, LITE_ROLLBACK);
        broken = lite_run(&call) < 0;
    }
    if (broken || rc == SQLITE_IOERR || rc == SQLITE_CORRUPT) {
        lite_db_close(&self->writer);
    }
    leave_passage(self, -1);
    lite_keys_rolled_back(&self->keys);
    lite_batches_rolled_back(self);
    self->ends.count = 0;
    lite_tally_rolled_back(&self->tally);
    lite_events_clear(&self->events);
    lite_blobs_rolled_back(self);
}

static void backend_read(struct store_backend *backend, struct store_op *op)
{
    struct lite *self = lite_of(backend);
    struct lite_call call = lite_call(&self->reader, LITE_BEGIN_READ);

    ASSERT_THREAD(THREAD_READER);
    int err = lite_run(&call);

    if (err == 0) {
        err = functions[op->kind](self, op);
    }
    if (!sqlite3_get_autocommit(self->reader.handle)) { /* SQLite ends it after some errors */
        call = lite_call(&self->reader, LITE_COMMIT);
        int end = lite_run(&call);
        err = err < 0 ? err : end;
    }
    op->err = err;
}

static bool backend_has_room(struct store_backend *backend)
{
    struct lite *self = lite_of(backend);

    return blob_free_bytes(self->blobs) >= self->options.reserve_bytes;
}

static bool backend_idle(struct store_backend *backend)
{
    return lite_blobs_sweep(lite_of(backend));
}

static void backend_free(struct store_backend *backend)
{
    struct lite *self = lite_of(backend);

    lite_checkpointer_free(self->checkpointer);
    lite_db_close(&self->reader);
    lite_db_close(&self->writer); /* the last one folds the log in */
    lite_keys_release(&self->keys);
    lite_batches_release(&self->batches);
    lite_ends_release(&self->ends);
    lite_tally_release(&self->tally);
    lite_events_release(&self->events);
    free(self->orphans.items);
    free(self->published.items);
    free(self->path);
    free(self->synchronous);
    free(self);
}

static const struct store_backend_vtable vtable = {
    .name = "sqlite",
    .begin = backend_begin,
    .apply = backend_apply,
    .settle = backend_settle,
    .commit = backend_commit,
    .prove = backend_prove,
    .rollback = backend_rollback,
    .read = backend_read,
    .has_room = backend_has_room,
    .idle = backend_idle,
    .free = backend_free,
};

/* --- Opening -----------------------------------------------------------------------------------*/

#define DEFAULT(value, otherwise) ((value) != 0 ? (value) : (otherwise))

static uint64_t default_wal_bytes(const struct store_sqlite_options *options)
{
    uint64_t share = blob_free_bytes(options->blobs) / WAL_SHARE;

    return share > WAL_DEFAULT ? WAL_DEFAULT : share < WAL_LEAST ? WAL_LEAST : share;
}

static struct lite *lite_new(const struct store_sqlite_options *options, struct log *log)
{
    struct lite *self = calloc(1, sizeof *self);

    if (!self) {
        return NULL;
    }
    self->base.vtable = &vtable;
    self->log = log;
    self->blobs = options->blobs;
    self->options = (struct store_sqlite_options){
        .reserve_bytes = DEFAULT(options->reserve_bytes, RESERVE_DEFAULT),
        .wal_bytes = DEFAULT(options->wal_bytes, default_wal_bytes(options)),
        .events_max = DEFAULT(options->events_max, EVENTS_MAX_DEFAULT),
        .events_keep_ms = DEFAULT(options->events_keep_ms, EVENTS_KEEP_MS_DEFAULT),
        .keep_items_max = DEFAULT(options->keep_items_max, STORE_KEEP_ITEMS_MAX),
        .keep_bytes_max = DEFAULT(options->keep_bytes_max, STORE_KEEP_BYTES_MAX),
    };
    lite_batches_init(&self->batches);
    lite_tally_init(&self->tally);
    lite_events_init(&self->events);
    lite_keys_init(&self->keys, DEFAULT(options->idempotency_max, IDEMPOTENCY_MAX_DEFAULT));
    self->path = strdup(options->path);
    self->synchronous = strdup(options->synchronous ? options->synchronous : "FULL");
    if (!self->path || !self->synchronous) {
        backend_free(&self->base);
        return NULL;
    }
    return self;
}

static int open_all(struct lite *self, struct hub_error *error)
{
    int64_t any_flows = 0;
    int64_t any_kept = 0;
    int64_t any_callbacks = 0;
    int64_t any_links = 0;
    int err = open_writer(self, error);

    if (err == 0) {
        err = lite_db_open(&self->reader, self->path, self->synchronous, true, self->log, error);
    }
    if (err == 0) {
        err = lite_db_prepare(&self->reader, LITE_READER, error);
    }
    if (err == 0) {
        err = lite_checkpointer_new(self->path, self->synchronous, self->options.wal_bytes,
                                    self->log, &self->checkpointer, error);
    }
    if (err < 0) {
        return err;
    }
    err = read_number(&self->writer, LITE_JOB_LAST, &self->last_job);
    if (err == 0) {
        err = read_number(&self->writer, LITE_AFTER_ANY, &any_flows);
        self->any_flows = any_flows != 0;
    }
    if (err == 0) {
        err = read_number(&self->writer, LITE_LINK_ANY, &any_links);
        self->any_links = any_links != 0;
    }
    if (err == 0) {
        err = read_number(&self->writer, LITE_BOX_ANY_OF_JOB, &any_kept);
        self->any_kept = any_kept != 0;
    }
    if (err == 0) {
        err = read_number(&self->writer, LITE_CALLBACK_ANY, &any_callbacks);
        self->any_callbacks = any_callbacks != 0;
    }
    if (err == 0) {
        err = lite_keys_load(&self->keys, &self->writer);
    }
    int lost = err == 0 ? lite_account_uses_lost(self) : 0;
    if (lost < 0) { /* a full disk: another start will do it */
        log_warn(self->log, "store", "uses of accounts that were cut short stay open", "error=%s",
                 hub_err_code(lost));
    }
    return err < 0 ? hub_fail(error, err, "cannot read the database") : 0;
}

int store_sqlite_new(const struct store_sqlite_options *options, struct log *log,
                     struct store_backend **ret_backend, struct hub_error *error)
{
    /* The statistics would take one lock for each allocation of all threads. Refused, without
     * harm, if SQLite runs already. */
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    struct lite *self = lite_new(options, log);
    if (!self) {
        return hub_fail(error, HUB_ERR_NOMEM, "out of memory");
    }
    int err = open_all(self, error);
    if (err < 0) {
        backend_free(&self->base);
        return err;
    }
    *ret_backend = &self->base;
    return 0;
}
