/*
 * scan.c — looks through the connector directories.
 *
 *     files are listed and opened in the pool of threads → each new or changed one is loaded by a
 *     runner of its own, in inspect mode, a few at once → catalog_apply()
 */
#include "supervisor/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILES_MAX   1024 /* in all directories */
#define RUNNERS_MAX 8    /* at once: one that hangs holds up nobody but the end of the scan */

struct scan {
    struct supervisor *supervisor;
    uv_work_t work;
    struct scanned_file *files;
    unsigned count;
    unsigned next;    /* the file to look at */
    unsigned running; /* files that are being looked at */
    bool stopped;
};

static const struct runner_events SCAN_EVENTS;

/* --- In the pool of threads: names and descriptors ---------------------------------------------*/

static int is_library(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && str_ends_with(str_from_c(entry->d_name), STR(".so"));
}

static void open_file(struct scan *self, const char *dir, const char *name)
{
    struct scanned_file *larger = realloc(self->files, (self->count + 1) * sizeof *larger);
    struct scanned_file file = {.fd = -1};
    if (larger) {
        self->files = larger;
    }
    if (!larger || asprintf(&file.path, "%s/%s", dir, name) < 0) {
        return;
    }
    /* Not blocking: it may be a FIFO, which the runner refuses. */
    file.fd = open(file.path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (file.fd < 0 || fstat(file.fd, &file.stat) < 0) {
        (void)hub_fail_errno(&file.refusal, errno, "it cannot be opened");
    }
    self->files[self->count++] = file;
}

static void list_dir(struct scan *self, const char *dir)
{
    struct dirent **entries;
    int count = scandir(dir, &entries, is_library, alphasort);
    for (int i = 0; i < count; i++) {
        if (self->count < FILES_MAX) {
            open_file(self, dir, entries[i]->d_name);
        }
        free(entries[i]);
    }
    if (count >= 0) {
        free(entries);
    }
}

static void list_files(uv_work_t *work)
{
    struct scan *self = work->data;
    for (char **dir = self->supervisor->connector_dirs; *dir; dir++) {
        list_dir(self, *dir);
    }
}

/* --- On the loop -------------------------------------------------------------------------------*/

static void scan_free(struct scan *self)
{
    for (unsigned i = 0; i < self->count; i++) {
        struct scanned_file *file = &self->files[i];
        if (file->fd >= 0) {
            close(file->fd);
        }
        version_unref(file->version);
        descriptor_free(file->descriptor);
        free(file->path);
    }
    free(self->files);
    free(self);
}

static void finish(struct scan *self)
{
    struct supervisor *supervisor = self->supervisor;
    bool stopped = self->stopped;
    supervisor->scan = NULL;
    if (!stopped) {
        catalog_apply(supervisor, self->files, self->count);
    }
    scan_free(self);
    if (!stopped) {
        supervisor->events.on_scanned(supervisor->context);
    }
}

/* True if a runner is at it now. */
static bool inspect(struct scan *self, struct scanned_file *file)
{
    struct supervisor *supervisor = self->supervisor;
    struct version *known = catalog_unchanged(supervisor, file);
    if (known) {
        file->version = version_ref(known);
        return false;
    }
    struct runner_birth birth = {
        .config = supervisor_wire_config(supervisor, NULL, file->path),
        .connector_fd = file->fd,
        .events = &SCAN_EVENTS,
        .owner = file,
    };
    birth.config.mode = WIRE_INSPECT;
    file->scan = self;
    return runner_new(&supervisor->house, &birth, &file->runner, &file->refusal) == 0;
}

static void go_on(struct scan *self)
{
    while (self->next < self->count && self->running < RUNNERS_MAX && !self->stopped) {
        struct scanned_file *file = &self->files[self->next++];
        self->running += file->refusal.err == 0 && inspect(self, file);
    }
    if (self->running == 0) {
        finish(self);
    }
}

static void on_confined(void *owner, const struct wire_confined *confined)
{
    struct scanned_file *file = owner;
    file->confined = *confined;
}

static void on_ready(void *owner, struct runner *runner, struct str descriptor)
{
    struct scanned_file *file = owner;
    (void)runner;
    (void)!descriptor_parse(descriptor, &file->descriptor, &file->refusal);
}

static void on_gone(void *owner, struct runner *runner, const struct runner_death *death)
{
    struct scanned_file *file = owner;
    (void)runner;
    if (!file->descriptor && file->refusal.err == 0) {
        (void)hub_fail(&file->refusal, HUB_ERR_INVALID_INPUT, "%.*s", STR_ARG(death->reason));
    }
    file->runner = NULL;
    file->scan->running--;
    go_on(file->scan);
}

/* Nothing is in flight while a file is inspected. */
static int on_result(void *owner, struct runner *runner, uint64_t token,
                     const struct wire_result *result, const int *fds)
{
    (void)owner;
    (void)runner;
    (void)token;
    (void)result;
    (void)fds;
    return HUB_ERR_PROTOCOL;
}

static int on_progress(void *owner, struct runner *runner, uint64_t token,
                       const struct wire_progress *progress)
{
    (void)owner;
    (void)runner;
    (void)token;
    (void)progress;
    return HUB_ERR_PROTOCOL;
}

static struct str no_job(void *owner, uint64_t token)
{
    (void)owner;
    (void)token;
    return (struct str){0};
}

static const struct runner_events SCAN_EVENTS = {
    .confined = on_confined,
    .ready = on_ready,
    .result = on_result,
    .progress = on_progress,
    .job = no_job,
    .gone = on_gone,
};

static void listed(uv_work_t *work, int status)
{
    (void)status; /* never cancelled */
    go_on(work->data);
}

int scan_start(struct supervisor *self)
{
    if (self->scan) {
        return HUB_ERR_CONFLICT;
    }
    struct scan *scan = calloc(1, sizeof *scan);
    if (!scan) {
        return HUB_ERR_NOMEM;
    }
    scan->supervisor = self;
    scan->work.data = scan;
    if (uv_queue_work(self->loop, &scan->work, list_files, listed) < 0) {
        free(scan);
        return HUB_ERR_NOMEM;
    }
    self->scan = scan;
    return 0;
}

void scan_stop(struct supervisor *self)
{
    struct scan *scan = self->scan;

    if (!scan) {
        return;
    }
    scan->stopped = true;
    /* Each tells of its end in a later turn. */
    for (unsigned i = 0; i < scan->next; i++) {
        if (scan->files[i].runner) {
            runner_kill(scan->files[i].runner, RUNNER_END_KILLED, 0, "hubd is stopping");
        }
    }
}
