#include "runner/job.h"

#include "runner/runner.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MEMORY_KEEP (64u << 10) /* a job's buffer larger than this is given back */

void jobs_init(struct jobs *self)
{
    *self = (struct jobs){0};
    list_init(&self->running);
    list_init(&self->free);
    list_init(&self->late);
    pthread_mutex_init(&self->lock, NULL);
}

static void job_free(struct job *self)
{
    buf_release(&self->memory);
    free(self->files);
    free(self);
}

void jobs_release(struct jobs *self)
{
    list_splice(&self->free, &self->running);
    LIST_FOR_EACH(link, &self->free) {
        job_free(CONTAINER_OF(link, struct job, link));
    }
    pthread_mutex_destroy(&self->lock);
}

static struct job *job_take(struct runner *runner)
{
    struct jobs *jobs = &runner->jobs;
    struct job *job;
    if (jobs->free_count > JOBS_REST) {
        job = CONTAINER_OF(list_first(&jobs->free), struct job, link);
        list_remove(&job->link);
        jobs->free_count--;
        return job;
    }
    job = calloc(1, sizeof *job);
    if (job) {
        job->runner = runner;
        list_init(&job->link);
        list_init(&job->late);
        list_init(&job->artifacts);
        buf_init(&job->memory, BUF_NO_LIMIT);
    }
    return job;
}

/* What the job held is forgotten, secrets for good. Its state keeps saying that it is not running.
 */
static void job_rest(struct job *self)
{
    struct jobs *jobs = &self->runner->jobs;
    for (uint32_t i = 0; i < self->pub.file_count; i++) {
        close(self->files[i].fd);
    }
    free(self->files);
    self->files = NULL;
    if (self->pub.account.len > 0) {
        explicit_bzero(self->memory.ptr, self->memory.len);
    }
    self->pub = (hub_job){0};
    if (self->memory.cap > MEMORY_KEEP) {
        buf_release(&self->memory);
        buf_init(&self->memory, BUF_NO_LIMIT);
    }
    atomic_store(&self->state, JOB_FREE);
    list_remove(&self->link);
    list_append(&jobs->free, &self->link);
    jobs->free_count++;
}

/* Input files: one block with the files and the pointers to them. */
static int take_files(struct job *self, const struct wire_start *start, struct wire_frame *frame)
{
    struct str rest = start->files;
    struct wire_file file;
    if (start->file_count != frame->fd_count) {
        return HUB_ERR_PROTOCOL;
    }
    if (start->file_count == 0) {
        return rest.len == 0 ? 0 : HUB_ERR_PROTOCOL;
    }
    self->files = calloc(start->file_count, sizeof(hub_file) + sizeof(hub_file *));
    if (!self->files) {
        return HUB_ERR_NOMEM;
    }
    const hub_file **pointers = (const hub_file **)(void *)(self->files + start->file_count);
    for (uint32_t i = 0; i < start->file_count; i++) {
        if (wire_file_next(&rest, &file) < 0) {
            return HUB_ERR_PROTOCOL;
        }
        self->files[i] = (hub_file){
            .size = sizeof(hub_file),
            .fd = frame->fds[i],
            .bytes = file.bytes,
            .pointer = hub_of_str(file.pointer),
            .name = hub_of_str(file.name),
            .media_type = hub_of_str(file.media_type),
            .artifact = hub_of_str(file.artifact),
        };
        frame->fds[i] = -1;
        pointers[i] = &self->files[i];
        self->pub.file_count = i + 1;
    }
    self->pub.files = pointers;
    return rest.len == 0 ? 0 : HUB_ERR_PROTOCOL;
}

static int job_fill(struct job *self, struct wire_frame *frame)
{
    struct wire_start start;
    const hub_connector *descriptor = self->runner->connector.descriptor;
    buf_clear(&self->memory);
    buf_append_str(&self->memory, frame->body);
    if (buf_failed(&self->memory)) {
        return HUB_ERR_NOMEM;
    }
    int err = wire_decode_start(buf_view(&self->memory), &start);
    if (err < 0 || start.operation >= descriptor->operation_count) {
        return HUB_ERR_PROTOCOL;
    }
    if (start.account.len > 0) { /* one copy of a secret is enough */
        explicit_bzero((char *)frame->body.ptr, frame->body.len);
    }
    self->operation = descriptor->operations[start.operation];
    self->pub = (hub_job){
        .size = sizeof(hub_job),
        .attempt = start.attempt,
        .max_attempts = start.max_attempts,
        .id = hub_of_str(start.job_id),
        .operation = self->operation->name,
        .input = hub_of_str(start.input),
        .account = hub_of_str(start.account),
        .idempotency_key = hub_of_str(start.idempotency_key),
        .traceparent = hub_of_str(start.traceparent),
        .deadline_ms = (int64_t)start.deadline_ms,
    };
    return take_files(self, &start, frame);
}

int jobs_add(struct runner *runner, struct wire_frame *frame, struct job **ret_job)
{
    struct jobs *jobs = &runner->jobs;
    struct job *job = job_take(runner);
    if (!job) {
        return HUB_ERR_NOMEM;
    }
    job->token = frame->token;
    job->progress_sent_ms = 0;
    job->progress = (struct job_progress){0};
    atomic_store(&job->cancelled, 0);
    atomic_store(&job->pause_ms, 0);
    int err = job_fill(job, frame);
    if (err < 0) {
        job_rest(job);
        return err;
    }
    list_append(&jobs->running, &job->link);
    jobs->running_count++;
    atomic_store(&job->state, JOB_RUNNING);
    *ret_job = job;
    return 0;
}

struct job *jobs_find(struct jobs *self, uint64_t token)
{
    LIST_FOR_EACH(link, &self->running) {
        struct job *job = CONTAINER_OF(link, struct job, link);
        if (job->token == token) {
            return job;
        }
    }
    return NULL;
}

bool job_complete(struct job *self)
{
    int running = JOB_RUNNING;
    return atomic_compare_exchange_strong(&self->state, &running, JOB_COMPLETED);
}

static int send_result(struct job *self, const struct job_outcome *outcome)
{
    struct runner *runner = self->runner;
    struct buf records;
    buf_init(&records, BUF_NO_LIMIT);
    struct wire_result result = {
        .outcome = outcome->kind,
        .delay_ms = outcome->delay_ms,
        .pause_ms = atomic_load(&self->pause_ms),
        .json = outcome->json,
        .code = outcome->code,
        .message = outcome->message,
        .artifact_count = self->artifact_count,
    };
    int err = 0;
    if (self->artifact_count > 0) {
        err = stock_append_records(&runner->stock, self, &records);
        result.artifacts = buf_view(&records);
    }
    if (err == 0) {
        err = wire_send_result(&runner->channel, self->token, &result, NULL, 0);
    }
    buf_release(&records);
    return err;
}

void job_finish(struct job *self, const struct job_outcome *outcome)
{
    struct jobs *jobs = &self->runner->jobs;
    if (send_result(self, outcome) < 0) {
        runner_end(self->runner, RUNNER_EXIT_SYSTEM, "a result could not be sent");
    }
    calls_orphan(self->runner, self);
    jobs->running_count--;
    list_remove(&self->link);
    pthread_mutex_lock(&jobs->lock);
    bool noted = self->progress.noted && !list_linked(&self->late);
    self->progress.fresh = false;
    pthread_mutex_unlock(&jobs->lock);
    list_remove(&self->late);
    if (!noted) { /* else when the note has come */
        job_rest(self);
    }
}

void job_send_progress(struct job *self, int64_t now_ms)
{
    enum { INTERVAL_MS = 50 };
    struct jobs *jobs = &self->runner->jobs;
    struct job_progress latest;
    if (atomic_load(&self->state) == JOB_COMPLETED && !list_linked(&self->link)) {
        job_rest(self); /* its RESULT has gone already */
        return;
    }
    if (now_ms - self->progress_sent_ms < INTERVAL_MS) {
        if (!list_linked(&self->late)) {
            list_append(&jobs->late, &self->late);
        }
        return;
    }
    list_remove(&self->late);
    pthread_mutex_lock(&jobs->lock);
    latest = self->progress;
    self->progress.noted = self->progress.fresh = false;
    pthread_mutex_unlock(&jobs->lock);
    if (!latest.fresh) {
        return;
    }
    struct wire_progress progress = {latest.permille, {latest.message, latest.message_len}};
    self->progress_sent_ms = now_ms;
    /* Progress that does not fit is progress that nobody reads. */
    (void)!wire_send_progress(&self->runner->channel, self->token, &progress, NULL, 0);
}
