#include "jobs/sqlite/checkpoint.h"

#include "base/clock.h"
#include "base/file.h"
#include "jobs/sqlite/db.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* A log that has not grown for so long is folded in although it is short. */
#define QUIET_MS 2000

/* How long the writer is kept waiting for a reader: so long when the log has reached its limit, and
 * by the square of its length the longer it gets. */
#define PATIENCE_NS (10 * (int64_t)CLOCK_NS_PER_MS)
#define POLL_US     200

/* While a checkpoint goes on, the log grows to so many times its limit; then the writer waits for
 * it: on a busy disk a copy may take as long as a thousand commits. */
#define GROWTH_MAX     4

#define LENGTHEN_BYTES ((size_t)1 << 20)

struct lite_checkpointer {
    struct lite_db db; /* [checkpointer], after the start */
    pthread_t thread;
    bool started;
    char *log_path;
    uint64_t log_bytes;
    int start_frames; /* the length at which a checkpoint is due */
    int64_t patience_ns;
    int64_t waits_since_ns; /* for a reader; 0: not yet */

    pthread_mutex_t lock;
    pthread_cond_t changed;
    int frames;       /* length of the log, as the writer saw it last */
    bool copying;     /* a checkpoint goes on: the log will start over */
    bool gate_closed; /* the writer must not begin a transaction */
    bool in_passage;  /* the writer is between lite_checkpointer_pass() and …_note() */
    bool stop;
};

/* --- The writer's side -------------------------------------------------------------------------*/

static bool must_wait(const struct lite_checkpointer *self)
{
    bool too_long = self->copying && self->frames / GROWTH_MAX >= self->start_frames;

    return !self->stop && (self->gate_closed || too_long);
}

void lite_checkpointer_pass(struct lite_checkpointer *self)
{
    pthread_mutex_lock(&self->lock);
    while (must_wait(self)) {
        pthread_cond_wait(&self->changed, &self->lock);
    }
    self->in_passage = true;
    pthread_mutex_unlock(&self->lock);
}

void lite_checkpointer_note(struct lite_checkpointer *self, int frames)
{
    pthread_mutex_lock(&self->lock);
    self->in_passage = false;
    if (frames >= 0) {
        self->frames = frames;
    }
    if (self->frames >= self->start_frames || self->gate_closed) {
        pthread_cond_broadcast(&self->changed);
    }
    pthread_mutex_unlock(&self->lock);
}

/* --- The thread --------------------------------------------------------------------------------*/

static int frames_now(struct lite_checkpointer *self)
{
    pthread_mutex_lock(&self->lock);
    int frames = self->frames;
    pthread_mutex_unlock(&self->lock);
    return frames;
}

static void log_failure(const struct lite_checkpointer *self, int rc)
{
    if (rc != SQLITE_OK && (rc & 0xff) != SQLITE_BUSY) {
        log_error(self->db.log, "store", "checkpoint failed", "error=%s code=%d",
                  hub_err_code(lite_db_error(&self->db, rc)), rc);
    }
}

static void set_copying(struct lite_checkpointer *self, bool copying)
{
    pthread_mutex_lock(&self->lock);
    self->copying = copying;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

/* Copies what is committed, beside the writer. */
static void copy(struct lite_checkpointer *self)
{
    log_failure(self, sqlite3_wal_checkpoint_v2(self->db.handle, NULL, SQLITE_CHECKPOINT_PASSIVE,
                                                NULL, NULL));
}

/* With the gate closed: copies the rest and makes the log start over. False if a reader that is at
 * work did not end in time. */
static bool restart(struct lite_checkpointer *self)
{
    int length = frames_now(self) / self->start_frames;

    self->patience_ns = PATIENCE_NS * (length < 1 ? 1 : length) * (length < 1 ? 1 : length);
    self->waits_since_ns = 0;
    int rc =
        sqlite3_wal_checkpoint_v2(self->db.handle, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL);
    log_failure(self, rc);
    return rc == SQLITE_OK;
}

/* SQLite's busy handler: a reader is at work in the log. Those that begin now do not need it. */
static int wait_for_reader(void *context, int times)
{
    struct lite_checkpointer *self = context;
    int64_t now = clock_mono_ns();

    (void)times;
    if (self->waits_since_ns == 0) {
        self->waits_since_ns = now;
    }
    if (now - self->waits_since_ns > self->patience_ns) {
        return 0;
    }
    usleep(POLL_US);
    return 1;
}

static void close_gate(struct lite_checkpointer *self)
{
    pthread_mutex_lock(&self->lock);
    self->gate_closed = true;
    while (self->in_passage && !self->stop) {
        pthread_cond_wait(&self->changed, &self->lock);
    }
    pthread_mutex_unlock(&self->lock);
}

static void open_gate(struct lite_checkpointer *self)
{
    pthread_mutex_lock(&self->lock);
    self->gate_closed = false;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

/* True if the log starts over. */
static bool checkpoint(struct lite_checkpointer *self)
{
    set_copying(self, true);
    copy(self);
    close_gate(self);
    bool restarted = restart(self);
    set_copying(self, false);
    open_gate(self);
    return restarted;
}

/* Waits until the log is `due` frames long, or has not grown for a while and is not `done` frames
 * long, which were folded in already. False: the thread must end. */
static bool wait_for_work(struct lite_checkpointer *self, int done, int due)
{
    bool quiet = false;
    struct timespec until;

    pthread_mutex_lock(&self->lock);
    while (!self->stop && (self->frames < due || self->frames == done) &&
           !(quiet && self->frames != done)) {
        int seen = self->frames;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += QUIET_MS / 1000;
        int rc = pthread_cond_timedwait(&self->changed, &self->lock, &until);
        quiet = rc == ETIMEDOUT && self->frames == seen;
    }
    bool go_on = !self->stop;
    pthread_mutex_unlock(&self->lock);
    return go_on;
}

static bool is_stopping(struct lite_checkpointer *self)
{
    pthread_mutex_lock(&self->lock);
    bool stop = self->stop;
    pthread_mutex_unlock(&self->lock);
    return stop;
}

/* One more piece of zeros at the end of the file, where the writer, who waits at the gate, has not
 * been yet. False: long enough, or no room. */
static bool lengthen_step(struct lite_checkpointer *self, int fd, const char *zeros)
{
    close_gate(self);
    off_t end = lseek(fd, 0, SEEK_END);
    bool go_on = end >= 0 && (uint64_t)end < self->log_bytes &&
                 file_write_all(fd, zeros, LENGTHEN_BYTES) == 0;
    open_gate(self);
    return go_on && fdatasync(fd) == 0;
}

/* Gives the log its full length from the start. To write over what is there makes a commit two to
 * three times as fast as to lengthen the file with each; and SQLite takes zeros behind the last
 * commit as the log's end. */
static void lengthen(struct lite_checkpointer *self)
{
    char *zeros = calloc(1, LENGTHEN_BYTES);
    int fd = open(self->log_path, O_WRONLY | O_CLOEXEC);

    while (zeros && fd >= 0 && !is_stopping(self) && lengthen_step(self, fd, zeros)) {
    }
    if (fd >= 0) {
        close(fd);
    }
    free(zeros);
}

static void *checkpoint_main(void *context)
{
    struct lite_checkpointer *self = context;
    int due = self->start_frames;
    int done = 0;

    pthread_setname_np(pthread_self(), "hub-checkpoint");
    lengthen(self);
    while (wait_for_work(self, done, due)) {
        bool restarted = checkpoint(self);
        done = frames_now(self);
        /* A reader was in the way: not again for each commit. */
        due = restarted ? self->start_frames : done + self->start_frames / 8;
    }
    return NULL;
}

/* --- Life --------------------------------------------------------------------------------------*/

static void init_locks(struct lite_checkpointer *self)
{
    pthread_condattr_t monotonic;

    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

int lite_checkpointer_new(const char *path, const char *synchronous, uint64_t wal_bytes,
                          struct log *log, struct lite_checkpointer **ret_self,
                          struct hub_error *error)
{
    struct lite_checkpointer *self = calloc(1, sizeof *self);

    if (!self) {
        return hub_fail(error, HUB_ERR_NOMEM, "out of memory");
    }
    init_locks(self);
    if (asprintf(&self->log_path, "%s-wal", path) < 0) {
        self->log_path = NULL;
        lite_checkpointer_free(self);
        return hub_fail(error, HUB_ERR_NOMEM, "out of memory");
    }
    self->log_bytes = wal_bytes;
    self->start_frames = (int)(wal_bytes / LITE_PAGE_SIZE) + 1;
    int err = lite_db_open(&self->db, path, synchronous, false, log, error);
    if (err < 0) {
        lite_checkpointer_free(self);
        return err;
    }
    sqlite3_busy_handler(self->db.handle, wait_for_reader, self);
    int errnum = pthread_create(&self->thread, NULL, checkpoint_main, self);
    if (errnum != 0) {
        lite_checkpointer_free(self);
        return hub_fail_errno(error, errnum, "cannot start the checkpoint thread");
    }
    self->started = true;
    *ret_self = self;
    return 0;
}

void lite_checkpointer_free(struct lite_checkpointer *self)
{
    if (!self) {
        return;
    }
    if (self->started) {
        pthread_mutex_lock(&self->lock);
        self->stop = true;
        pthread_cond_broadcast(&self->changed);
        pthread_mutex_unlock(&self->lock);
        pthread_join(self->thread, NULL);
    }
    lite_db_close(&self->db);
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->lock);
    free(self->log_path);
    free(self);
}
