#include "supervisor/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct scratch_order {
    uv_work_t work;
    const char *dir;
    scratch_done_fn *done; /* NULL once dropped */
    void *context;
    unsigned wanted;
    unsigned count;
    int errnum;
    int fds[SCRATCH_MAX];
};

/* Some file systems (overlayfs before Linux 6.3, NFS) have no O_TMPFILE. */
static int open_unlinked(const char *dir)
{
    char path[4096];
    if (snprintf(path, sizeof path, "%s/scratch.XXXXXX", dir) >= (int)sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0) {
        unlink(path);
    }
    return fd;
}

static void open_files(uv_work_t *work)
{
    struct scratch_order *self = work->data;
    while (self->count < self->wanted) {
        int fd = open(self->dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) {
            fd = open_unlinked(self->dir);
        }
        if (fd < 0) {
            self->errnum = errno;
            return;
        }
        self->fds[self->count++] = fd;
    }
}

static void files_opened(uv_work_t *work, int status)
{
    struct scratch_order *self = work->data;
    (void)status; /* orders are dropped, not cancelled */
    if (self->done) {
        self->done(self->context, self->fds, self->count, self->errnum);
    } else {
        scratch_close(work->loop, self->fds, self->count);
    }
    free(self);
}

struct scratch_order *scratch_order(uv_loop_t *loop, const char *dir, unsigned count,
                                    scratch_done_fn *done, void *context)
{
    struct scratch_order *self = calloc(1, sizeof *self);
    if (!self) {
        return NULL;
    }
    self->work.data = self;
    self->dir = dir;
    self->done = done;
    self->context = context;
    self->wanted = count < SCRATCH_MAX ? count : SCRATCH_MAX;
    if (uv_queue_work(loop, &self->work, open_files, files_opened) < 0) {
        free(self);
        return NULL;
    }
    return self;
}

void scratch_order_drop(struct scratch_order *order)
{
    if (order) {
        order->done = NULL;
    }
}

/* --- Closing -----------------------------------------------------------------------------------*/

struct closing {
    uv_work_t work;
    unsigned count;
    int fds[];
};

static void close_files(uv_work_t *work)
{
    struct closing *self = work->data;
    for (unsigned i = 0; i < self->count; i++) {
        close(self->fds[i]);
    }
}

static void files_closed(uv_work_t *work, int status)
{
    (void)status;
    free(work->data);
}

void scratch_close(uv_loop_t *loop, const int *fds, unsigned count)
{
    if (count == 0) {
        return;
    }
    struct closing *self = malloc(sizeof *self + count * sizeof *fds);
    if (!self) { /* slow is better than leaking */
        for (unsigned i = 0; i < count; i++) {
            close(fds[i]);
        }
        return;
    }
    self->count = count;
    self->work.data = self;
    memcpy(self->fds, fds, count * sizeof *fds);
    if (uv_queue_work(loop, &self->work, close_files, files_closed) < 0) {
        close_files(&self->work);
        free(self);
    }
}
