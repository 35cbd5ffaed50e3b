/*
 * ext_pool.c — HUB_EXT_POOL: libuv's pool of threads.
 */
#include "runner/runner.h"

#include <stdlib.h>

#define THREADS 4 /* libuv's default; the environment that could change it is empty */

static struct runner *the_runner; /* the ABI's run() carries no context */

struct task {
    uv_work_t request;
    void (*work)(void *context);
    void (*done)(void *context);
    void *context;
    uint64_t attempt; /* on whose behalf it was started */
};

static void task_work(uv_work_t *request)
{
    struct task *task = request->data;
    task->work(task->context);
}

static void task_done(uv_work_t *request, int status)
{
    struct task *task = request->data;
    (void)status; /* nothing is ever cancelled */
    if (task->done) {
        uint64_t before = runner_enter(the_runner, task->attempt);
        task->done(task->context);
        runner_leave(the_runner, before);
    }
    free(task);
}

static int32_t pool_run(void (*work)(void *context), void (*done)(void *context), void *context)
{
    if (!work) {
        return HUB_CALL_INVALID;
    }
    if (atomic_load(&the_runner->closing)) {
        return HUB_CALL_CLOSED;
    }
    struct task *task = malloc(sizeof *task);
    if (!task) {
        return HUB_CALL_NOMEM;
    }
    *task = (struct task){.work = work, .done = done, .context = context};
    task->request.data = task;
    task->attempt = runner_attempt(the_runner);
    if (uv_queue_work(&the_runner->loop, &task->request, task_work, task_done) < 0) {
        free(task);
        return HUB_CALL_NOMEM;
    }
    return HUB_CALL_OK;
}

const void *ext_pool_init(struct runner *runner)
{
    static const hub_pool_api API = {
        .size = sizeof(hub_pool_api),
        .threads = THREADS,
        .run = pool_run,
    };
    the_runner = runner;
    return &API;
}
