#include "jobs/engine.h"

#include <stdio.h>

/* Jobs with for_each: see flow.h. Their items are made by an operation of the store; the attempt
 * that reads their input is fetching all the while, and goes when that is done. */

/* The items on their way to the store. */
struct expansion {
    struct job **jobs; /* born for them */
    unsigned count;
};

static void undo(struct jobs *self, struct expansion *expansion)
{
    while (expansion->count > 0) {
        birth_undo(self, expansion->jobs[--expansion->count]);
    }
}

/* What all items have in common with the job that makes them. */
static struct job_record common_record(const struct job_record *job, struct arena *arena)
{
    return (struct job_record){
        .type = arena_str(arena, job->type),
        .queue = arena_str(arena, job->queue),
        .account = arena_str(arena, job->account),
        .labels = arena_str(arena, job->labels),
        .traceparent = arena_str(arena, job->traceparent),
        .created_by = arena_str(arena, job->created_by),
        .priority = job->priority,
        .retry_safety = job->retry_safety,
        .timeout_ms = job->timeout_ms,
        .max_attempts = job->max_attempts,
        .expires_at = job->expires_at,
        .retention_ms = job->retention_ms,
        .item_of = job->id,
    };
}

static int fill_item(struct jobs *self, struct arena *arena, const struct job_record *job,
                     unsigned index, struct str input, struct job_record *item)
{
    char name[96];

    snprintf(name, sizeof name, "%.*s[%u]", STR_ARG(job->flow_node), index);
    item->flow_node = arena_str(arena, str_from_c(name));
    item->input = arena_str(arena, input);
    submit_fill(self, item);
    return item->flow_node.ptr && item->input.ptr ? 0 : HUB_ERR_NOMEM;
}

static int bear(struct jobs *self, struct store_op *op, const struct jobs_resolution *resolution,
                struct expansion *expansion)
{
    struct store_job_expand *expand = &op->job_expand;
    const struct job_record common = common_record(resolution->job, &op->arena);
    unsigned count = resolution->ret_item_count;
    int err = 0;

    expand->items = arena_zalloc(&op->arena, (count + 1) * sizeof *expand->items);
    expansion->jobs = arena_zalloc(&op->arena, (count + 1) * sizeof(struct job *));
    if (!expand->items || !expansion->jobs) {
        return HUB_ERR_NOMEM;
    }
    for (unsigned i = 0; i < count && err == 0; i++) {
        struct job_record *item = &expand->items[i].job;
        *item = common;
        err = fill_item(self, &op->arena, resolution->job, i, resolution->ret_items[i], item);
        if (err == 0) {
            err = birth_job(self, item, false, &expansion->jobs[i]);
        }
        expansion->count += err == 0;
    }
    expand->item_count = count;
    return err;
}

/* Those that were made before, and failed or were cancelled. */
static void take_back_all(struct jobs *self, const struct store_job_expand *expand)
{
    int err = 0;

    for (unsigned i = 0; i < expand->ret_back_count && err == 0; i++) {
        err = flow_take_back(self, &expand->ret_back[i]);
    }
    if (err < 0) {
        log_error(self->log, "jobs", "items of a job wait for the next start of hubd", "error=%s",
                  hub_err_code(err));
    }
}

static void on_expanded(struct jobs *self, struct errand *errand)
{
    const struct store_op *op = errand->op;
    const struct store_job_expand *expand = &op->job_expand;
    struct expansion *expansion = errand->tell_context;
    struct attempt *attempt = errand->attempt;
    struct job *job = attempt->job;

    if (op->err < 0) {
        undo(self, expansion);
        if (op->err == HUB_ERR_CONFLICT) {
            job->flags |= JOB_FLAG_CANCELLING; /* so the store says; otherwise it is read anew */
            attempt_abandon(self, attempt);
        } else {
            resolve_fail(self, attempt, op->err);
        }
        return;
    }
    attempt_free(self, attempt, false);
    for (unsigned i = 0; i < expansion->count; i++) {
        const struct flow_item *item = &expand->items[i];
        submit_accept(self, expansion->jobs[i], &item->job, item->ret_state, item->ret_event_seq);
    }
    take_back_all(self, expand);
    move_expanded(self, job, expand->ret_state, op->event_seq);
    move_released(self, expand->ret_released, expand->ret_released_count);
}

int expand_begin(struct jobs *self, struct attempt *attempt,
                 const struct jobs_resolution *resolution)
{
    struct store_op *op = errand_new(self, STORE_JOB_EXPAND, on_expanded);
    struct expansion *expansion = op ? arena_zalloc(&op->arena, sizeof *expansion) : NULL;

    if (!expansion) {
        store_op_free(op);
        return HUB_ERR_NOMEM;
    }
    int err = bear(self, op, resolution, expansion);
    if (err < 0) {
        undo(self, expansion);
        store_op_free(op);
        return err;
    }
    op->job_expand.id = resolution->job->id;
    op->job_expand.at = self->now;
    errand_of(op)->attempt = attempt;
    errand_of(op)->tell_context = expansion;
    errand_of(op)->must = true;
    errand_submit(self, op);
    return 0;
}

/* --- Cancel ------------------------------------------------------------------------------------*/

static void ignore(void *context, int err)
{
    (void)context;
    (void)err;
}

static void on_marked(struct jobs *self, struct errand *errand)
{
    const struct store_flow_cancel *cancel = &errand->op->flow_cancel;

    for (unsigned i = 0; errand->op->err == 0 && i < cancel->ret_count; i++) {
        jobs_cancel(self, &cancel->ret_jobs[i], ignore, NULL);
    }
}

bool expand_cancel(struct jobs *self, const struct job *job)
{
    struct store_op *op = errand_new(self, STORE_FLOW_CANCEL, on_marked);

    if (!op) {
        return false;
    }
    op->flow_cancel.id = job->id;
    op->flow_cancel.of_items = true;
    errand_of(op)->must = true;
    errand_submit(self, op);
    return true;
}
