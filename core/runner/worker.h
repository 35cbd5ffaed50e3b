/*
 * worker.h — the [work] thread, which carries one attempt of a blocking connector at a time.
 *
 * The main thread stays free to receive CANCEL while start() runs.
 */
#ifndef HUB_RUNNER_WORKER_H
#define HUB_RUNNER_WORKER_H

#include "base/error.h"

#include <pthread.h>
#include <stdbool.h>

struct runner;
struct job;

struct worker {
    pthread_t thread;
    bool running;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct job *next; /* under the lock */
    bool stop;
};

HUB_MUST_CHECK int worker_start(struct runner *runner); /* [main] */
void worker_stop(struct runner *runner); /* [main]; waits for the attempt to return */
void worker_give(struct worker *self, struct job *job); /* [main]; the last one is completed */

#endif
