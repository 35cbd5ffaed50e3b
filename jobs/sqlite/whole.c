#include "jobs/sqlite/lite.h"

#include <assert.h>
#include <stdlib.h>

/* The end of a batch or a flow as a whole: who is told of it. */

static_assert(WORK_BATCH == 1 && WORK_FLOW == 2, "statements.h says so");
static_assert(JOB_SUCCEEDED == 4, "LITE_FLOW_ENDED says so");

static const enum lite_statement CALLBACK_INSERTS[WORK_KIND_COUNT] = {
    [WORK_BATCH] = LITE_CALLBACK_BATCH_INSERT,
    [WORK_FLOW] = LITE_CALLBACK_FLOW_INSERT,
};

int lite_end_add(struct store_op *op, const struct work *work)
{
    struct work *all = arena_alloc(&op->arena, (op->ended_count + 1) * sizeof *all);

    if (!all) {
        return HUB_ERR_NOMEM;
    }
    if (op->ended_count > 0) {
        memcpy(all, op->ended, op->ended_count * sizeof *all);
    }
    all[op->ended_count++] = *work;
    op->ended = all;
    return 0;
}

int lite_whole_ended(struct lite *self, struct store_op *op, const struct work *work, int64_t seq,
                     int64_t at)
{
    struct lite_call call = lite_call(&self->writer, CALLBACK_INSERTS[work->kind]);

    lite_bind_int(&call, seq);
    lite_bind_int(&call, at);
    int err = lite_run(&call);
    if (err == 0 && lite_changes(&self->writer) > 0) {
        self->any_callbacks = self->ends.calls_back = true;
    }
    return err < 0 ? err : lite_end_add(op, work);
}

/* --- Flows -------------------------------------------------------------------------------------*/

int lite_flows_note(struct lite *self, int64_t job)
{
    struct lite_ends *ends = &self->ends;

    if (!self->any_links) {
        return 0;
    }
    int64_t *jobs = lite_array_room(ends->jobs, ends->count, &ends->cap, sizeof *jobs);
    if (!jobs) {
        return HUB_ERR_NOMEM;
    }
    ends->jobs = jobs;
    jobs[ends->count++] = job;
    return 0;
}

static int flow_of(struct lite *self, int64_t job, int64_t *ret_flow)
{
    struct lite_call call = lite_call(&self->writer, LITE_FLOW_OF_JOB);

    lite_bind_int(&call, job);
    int found = lite_step(&call);
    *ret_flow = found > 0 ? lite_int(&call) : 0;
    lite_end(&call);
    return found < 0 ? found : 0;
}

static int look_at_flow(struct lite *self, struct store_op *op, int64_t flow, int64_t at)
{
    struct lite_call call = lite_call(&self->writer, LITE_FLOW_ENDED);
    struct work work = {.kind = WORK_FLOW};

    lite_bind_int(&call, flow);
    int found = lite_step(&call);
    if (found > 0) {
        work.id = lite_id(&call);
    }
    lite_end(&call);
    return found > 0 ? lite_whole_ended(self, op, &work, flow, at) : found;
}

static int by_number(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

int lite_flows_settle(struct lite *self, struct store_op *op, int64_t at)
{
    struct lite_ends *ends = &self->ends;
    size_t count = ends->count;
    int err = 0;

    ends->count = 0;
    for (size_t i = 0; i < count && err == 0; i++) {
        err = flow_of(self, ends->jobs[i], &ends->jobs[i]);
    }
    if (count > 1) {
        qsort(ends->jobs, count, sizeof *ends->jobs, by_number);
    }
    for (size_t i = 0; i < count && err == 0; i++) {
        bool is_first = ends->jobs[i] > 0 && (i == 0 || ends->jobs[i] != ends->jobs[i - 1]);
        err = is_first ? look_at_flow(self, op, ends->jobs[i], at) : 0;
    }
    return err;
}

void lite_ends_release(struct lite_ends *self)
{
    free(self->jobs);
    *self = (struct lite_ends){0};
}
