/*
 * job.h — the attempts that this runner holds.
 *
 *     free ──START──▶ running ──succeed() fail() retry() unknown()──▶ completed ──RESULT sent──▶
 * free
 *
 * A job becomes completed on any thread, by one atomic exchange, so that a second completion is
 * always seen. All other steps are taken on [main].
 *
 * A connector that completes a job twice holds a pointer to a job that may long be free. Free jobs
 * are therefore taken again only after JOBS_REST others, oldest first, and are never given back to
 * the allocator: the second completion finds a job that is not running, and not somebody else's.
 */
#ifndef HUB_RUNNER_JOB_H
#define HUB_RUNNER_JOB_H

#include "base/buf.h"
#include "base/list.h"
#include "base/mailbox.h"
#include "wire/channel.h"

#include <hub/connector.h>
#include <pthread.h>
#include <stdatomic.h>

#define JOBS_REST 64

struct runner;

enum job_state { JOB_FREE, JOB_RUNNING, JOB_COMPLETED };

/* The latest progress that was reported and not yet sent. Under the `lock` of struct jobs. */
struct job_progress {
    bool noted; /* the job is on its way to [main] or in its `late` list, and may not be freed */
    bool fresh; /* there is something to send */
    uint32_t permille;
    uint32_t message_len;
    char message[WIRE_PROGRESS_MAX];
};

struct job {
    hub_job pub; /* what the connector sees; first, so that one pointer is the other */
    struct runner *runner;
    _Atomic int state;         /* enum job_state */
    _Atomic int cancelled;     /* nobody waits for it any more */
    _Atomic uint64_t pause_ms; /* that its account's provider asks for */
    uint64_t token;
    const hub_operation *operation;
    struct list link;      /* running or free */
    struct buf memory;     /* the body of START, into which `pub` points */
    hub_file *files;       /* with their pointers for `pub.files` behind them */
    struct list artifacts; /* struct stock_file; under the stock's lock */
    unsigned artifact_count;
    struct job_progress progress;
    struct list late; /* in jobs.late: progress that waits for its time */
    int64_t progress_sent_ms;
};

struct jobs {
    struct list running;
    struct list free; /* the longest free one first */
    unsigned free_count;
    unsigned running_count;
    pthread_mutex_t lock; /* of every job's `progress` */
    struct list late;
};

/* How a job ended; views. */
struct job_outcome {
    enum wire_outcome kind;
    struct str json; /* the result, or the details */
    struct str code;
    struct str message;
    uint64_t delay_ms;
};

void jobs_init(struct jobs *self);
void jobs_release(struct jobs *self);

/* Makes a job of a START frame and takes the frame's descriptors. HUB_ERR_PROTOCOL, HUB_ERR_NOMEM.
 * [main] */
HUB_MUST_CHECK int jobs_add(struct runner *runner, struct wire_frame *frame, struct job **ret_job);

struct job *jobs_find(struct jobs *self, uint64_t token); /* a running one, or NULL. [main] */

/* running → completed. False: it was not running. [any] */
bool job_complete(struct job *self);

/* Sends the RESULT of a completed job and frees it. [main] */
void job_finish(struct job *self, const struct job_outcome *outcome);

/* A progress note has arrived, or its time has come: sends what is fresh. [main] */
void job_send_progress(struct job *self, int64_t now_ms);

static inline struct job *job_of(const hub_job *pub)
{
    return CONTAINER_OF(pub, struct job, pub);
}

#endif
