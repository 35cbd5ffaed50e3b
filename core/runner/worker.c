#include "runner/worker.h"

#include "base/thread.h"
#include "runner/runner.h"

static struct job *next_job(struct worker *self)
{
    pthread_mutex_lock(&self->lock);
    while (!self->next && !self->stop) {
        pthread_cond_wait(&self->changed, &self->lock);
    }
    struct job *job = self->next;
    self->next = NULL;
    pthread_mutex_unlock(&self->lock);
    return job;
}

static void *work(void *context)
{
    struct runner *runner = context;
    struct job *job;
    thread_set_role(THREAD_RUNNER, "work");
    while ((job = next_job(&runner->worker)) != NULL) {
        job->operation->start(runner->connector.instance, &job->pub);
        /* If it was completed it is not running: a free job rests for longer than this takes. */
        if (atomic_load(&job->state) == JOB_RUNNING) {
            host_fail_forgotten(job);
        }
    }
    return NULL;
}

int worker_start(struct runner *runner)
{
    struct worker *self = &runner->worker;
    if (pthread_mutex_init(&self->lock, NULL) != 0 ||
        pthread_cond_init(&self->changed, NULL) != 0 ||
        pthread_create(&self->thread, NULL, work, runner) != 0) {
        return HUB_ERR_NOMEM;
    }
    self->running = true;
    return 0;
}

void worker_stop(struct runner *runner)
{
    struct worker *self = &runner->worker;
    if (!self->running) {
        return;
    }
    pthread_mutex_lock(&self->lock);
    self->stop = true;
    pthread_cond_signal(&self->changed);
    pthread_mutex_unlock(&self->lock);
    pthread_join(self->thread, NULL);
    self->running = false;
}

void worker_give(struct worker *self, struct job *job)
{
    pthread_mutex_lock(&self->lock);
    self->next = job;
    pthread_cond_signal(&self->changed);
    pthread_mutex_unlock(&self->lock);
}
