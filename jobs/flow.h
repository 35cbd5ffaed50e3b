/*
 * flow.h — flows: jobs that were posted together as a graph.
 *
 * A flow is a name for its jobs, no more: what makes them wait for each other is `after`, which
 * works for any job. Its state is that of its jobs taken together (flow_state_of()).
 *
 * PARENTS. A job waits until all jobs of its `after` have finished. One that did not succeed counts
 * as failed, unless it was skipped; on_parent_failure says what that makes of the job:
 *
 *     fail        it fails too, with `dependency_failed`, at once
 *     skip        it is cancelled with the code `skipped`, at once; to its own children it has not
 *                 failed
 *     run_anyway  it waits for the others and runs
 *
 * VALUES OF PARENTS. An input may be open: some places of it say {"from": JOB, "pointer": …}.
 * Before the job's first attempt the engine reads the jobs that are named, hooks.resolve() puts the
 * values in, and the input that came of it is on record, for all attempts, before anything is
 * started.
 *
 * FOR EACH. A job with `for_each` runs no attempt of its own. Once it is queued, the array that it
 * names is read from its parent, and in one transaction a job of its type is made for each item,
 * with the values of that item in its input; from then on it is running, without an attempt. When
 * the last of them has ended it ends too, in the same transaction:
 *
 *     succeeded   all have; its result is the array of theirs, in the order of the items. No items:
 *                 an empty array, at once
 *     unknown     how one of them ended nobody knows
 *     cancelled   somebody wanted that, of it or of its flow
 *     failed      `items_failed` otherwise
 *
 * So to its children it is a job like any other. What is no array, has too many items, or makes an
 * input that the operation does not take, fails it before anything was made. Put back into its
 * queue by hand, alone or with its flow, it puts back those of its items that failed or were
 * cancelled, and waits for them; no item is made twice. Its files are those of its items.
 *
 * CANCEL. The wish is on record (job_record.cancelling) before the first job is cancelled, and is
 * gone when a job is put back: so it comes true across a crash too.
 *
 * RETRY. The jobs of a flow that failed go back, and those that failed or were skipped because of
 * them: each into its queue, or to wait for the parents that go back with it. A job that ended
 * `unknown` stays, and what failed because of it too: whether that may be repeated somebody must
 * look at. All in one transaction.
 *
 * Thread: [any]; pure data and pure functions.
 */
#ifndef HUB_JOBS_FLOW_H
#define HUB_JOBS_FLOW_H

#include "base/hash.h"
#include "jobs/job.h"

#define FLOW_JOBS_MAX    256
#define FLOW_EACH_MAX    16                /* jobs with for_each in a flow */
#define FLOW_ITEMS_MAX   1000              /* items of one */
#define FLOW_RESULTS_MAX ((size_t)4 << 20) /* bytes of their results together */
#define FLOW_INPUTS_MAX  ((size_t)4 << 20) /* and of their inputs */

/* X(NAME, "name") */
#define FLOW_STATE_MAP(X)                                                                          \
    X(RUNNING, "running")     /* a job has not finished */                                         \
    X(SUCCEEDED, "succeeded") /* all have, each succeeded or skipped */                            \
    X(FAILED, "failed")       /* one failed */                                                     \
    X(CANCELLED, "cancelled") /* none failed, one was cancelled */                                 \
    X(UNKNOWN, "unknown")     /* how one ended nobody knows; goes before `failed` */

enum flow_state {
#define X(name, text) FLOW_##name,
    FLOW_STATE_MAP(X)
#undef X
};
const char *flow_state_name(enum flow_state state);

struct flow_counts {
    unsigned jobs[JOB_STATE_COUNT]; /* by state */
    unsigned skipped;               /* of the cancelled ones */
};
enum flow_state flow_state_of(const struct flow_counts *counts);

struct flow_record {
    struct id id;
    struct str name;   /* empty: none */
    struct str labels; /* JSON object of strings; empty: none */
    struct str created_by;
    struct str callback_url; /* on its way in; empty: none */
    int64_t created_at;
    struct flow_counts counts; /* only in what is read */
};

/* A job of a flow on its way in, or back. */
struct flow_item {
    struct job_record job;
    enum job_state ret_state;
    uint64_t ret_event_seq;
};

#endif
