#include "runner/stock.h"

#include "runner/runner.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int stock_init(struct stock *self)
{
    *self = (struct stock){.target = STOCK_MIN};
    list_init(&self->files);
    if (pthread_mutex_init(&self->lock, NULL) != 0 ||
        pthread_cond_init(&self->changed, NULL) != 0) {
        return HUB_ERR_NOMEM;
    }
    return 0;
}

static void close_files(struct list *files)
{
    LIST_FOR_EACH(link, files) {
        struct stock_file *file = CONTAINER_OF(link, struct stock_file, link);
        list_remove(link);
        close(file->fd);
        free(file);
    }
}

void stock_release(struct stock *self)
{
    close_files(&self->files);
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->lock);
}

/* --- Asking for more ---------------------------------------------------------------------------*/

static void send_need(struct runner *runner, struct note *note)
{
    struct stock *self = &runner->stock;
    pthread_mutex_lock(&self->lock);
    unsigned count = self->target > self->count ? self->target - self->count : 0;
    pthread_mutex_unlock(&self->lock);
    free(note);
    /* With count 0 hubd answers with an empty grant, and the stock can ask again. */
    if (wire_send_need(&runner->channel, 0, &(struct wire_need){count}, NULL, 0) < 0) {
        runner_end(runner, RUNNER_EXIT_SYSTEM, "scratch files could not be asked for");
    }
}

/* With the lock held. */
static void ask(struct runner *runner)
{
    struct stock *self = &runner->stock;
    struct note *note = self->asked ? NULL : malloc(sizeof *note);
    if (note) {
        self->asked = true;
        note->act = send_need;
        runner_post(runner, note);
    }
}

int stock_add(struct runner *runner, uint64_t first_id, struct wire_frame *frame)
{
    struct stock *self = &runner->stock;
    int err = 0;
    pthread_mutex_lock(&self->lock);
    self->asked = false;
    self->denials += frame->fd_count == 0;
    for (unsigned i = 0; i < frame->fd_count && err == 0; i++) {
        struct stock_file *file = malloc(sizeof *file);
        if (!file) {
            err = HUB_ERR_NOMEM;
            break;
        }
        file->id = first_id + i;
        file->fd = frame->fds[i];
        frame->fds[i] = -1;
        list_append(&self->files, &file->link);
        self->count++;
    }
    if (self->count > self->target) {
        self->target = self->count; /* hubd thinks that this many are right for us */
    }
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
    return err;
}

void stock_wake(struct stock *self)
{
    pthread_mutex_lock(&self->lock);
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

/* --- Taking ------------------------------------------------------------------------------------*/

static bool has_name(const struct job *job, struct str name)
{
    LIST_FOR_EACH(link, &job->artifacts) {
        if (str_eq(CONTAINER_OF(link, struct stock_file, link)->name, name)) {
            return true;
        }
    }
    return false;
}

/* With the lock held: waits until there is a file. A HUB_CALL_… value. */
static int await_file(struct runner *runner, struct job *job, bool may_wait)
{
    struct stock *self = &runner->stock;
    uint64_t denials = self->denials;
    while (self->count == 0) {
        if (self->target < WIRE_GRANT_MAX) {
            self->target *= 2;
        }
        ask(runner);
        if (!may_wait || self->denials != denials) {
            return HUB_CALL_AGAIN;
        }
        if (atomic_load(&job->cancelled) || atomic_load(&runner->closing)) {
            return HUB_CALL_CLOSED;
        }
        pthread_cond_wait(&self->changed, &self->lock);
    }
    return HUB_CALL_OK;
}

/* The first file of the stock, renamed: a new struct with its name behind it. NULL: no memory. */
static struct stock_file *name_first(struct stock *self, struct str name, struct str media_type)
{
    struct stock_file *first = CONTAINER_OF(list_first(&self->files), struct stock_file, link);
    struct stock_file *named = malloc(sizeof *named + name.len + media_type.len);
    if (!named) {
        return NULL;
    }
    named->id = first->id;
    named->fd = first->fd;
    memcpy(named->bytes, name.ptr, name.len);
    named->name = str_of(named->bytes, name.len);
    if (media_type.len > 0) {
        memcpy(named->bytes + name.len, media_type.ptr, media_type.len);
    }
    named->media_type = str_of(named->bytes + name.len, media_type.len);
    list_remove(&first->link);
    self->count--;
    free(first);
    return named;
}

/* With the lock held. */
static int take(struct runner *runner, struct job *job, struct str name, struct str media_type,
                bool may_wait, int *ret_fd)
{
    struct stock *self = &runner->stock;
    if (atomic_load(&job->state) != JOB_RUNNING) {
        return HUB_CALL_CLOSED;
    }
    if (has_name(job, name)) {
        return HUB_CALL_INVALID;
    }
    if (job->artifact_count >= runner->config.artifacts_max) {
        return HUB_CALL_LIMIT;
    }
    int called = await_file(runner, job, may_wait);
    if (called != HUB_CALL_OK) {
        return called;
    }
    if (atomic_load(&job->state) != JOB_RUNNING) { /* completed by another thread meanwhile */
        return HUB_CALL_CLOSED;
    }
    struct stock_file *file = name_first(self, name, media_type);
    if (!file) {
        return HUB_CALL_NOMEM;
    }
    list_append(&job->artifacts, &file->link);
    job->artifact_count++;
    *ret_fd = file->fd;
    if (self->count < self->target / 2) {
        ask(runner);
    }
    return HUB_CALL_OK;
}

int stock_take(struct runner *runner, struct job *job, struct str name, struct str media_type,
               bool may_wait, int *ret_fd)
{
    pthread_mutex_lock(&runner->stock.lock);
    int called = take(runner, job, name, media_type, may_wait, ret_fd);
    pthread_mutex_unlock(&runner->stock.lock);
    return called;
}

int stock_append_records(struct stock *self, struct job *job, struct buf *records)
{
    int err = 0;
    pthread_mutex_lock(&self->lock);
    LIST_FOR_EACH(link, &job->artifacts) {
        struct stock_file *file = CONTAINER_OF(link, struct stock_file, link);
        struct wire_artifact record = {file->id, file->name, file->media_type};
        if (err == 0) {
            err = wire_artifact_append(records, &record);
        }
    }
    close_files(&job->artifacts);
    job->artifact_count = 0;
    pthread_mutex_unlock(&self->lock);
    return err;
}
