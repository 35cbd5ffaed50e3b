#include "jobs/engine.h"

/* Open inputs: see "VALUES OF PARENTS" in flow.h. The attempt is fetching all the while. */

/* The input cannot be made: the job fails, and no attempt of it has begun. */
static void fail(struct jobs *self, struct attempt *attempt, const struct jobs_resolution *why)
{
    struct job *job = attempt->job;
    struct store_op *op = move_new(self);

    attempt_free(self, attempt, false);
    if (!op) {
        move_resync(self, job);
        return;
    }
    struct store_job_move *move = &op->job_move;
    move->error_code = arena_str(&op->arena, why->ret_code);
    move->error_message = arena_str(&op->arena, why->ret_message);
    move->error_details = arena_str(&op->arena, why->ret_details);
    errand_of(op)->must = true;
    move_job(self, job, JOB_FAILED, op);
}

void resolve_fail(struct jobs *self, struct attempt *attempt, int err)
{
    const struct jobs_resolution why = {
        .ret_code = str_from_c(hub_err_code(err)),
        .ret_message = str_from_c(hub_err_title(err)),
    };

    fail(self, attempt, &why);
}

/* What the attempt needs beside the input, kept while that is being written. */
struct resolved {
    struct str account;
    struct str traceparent;
};

static void on_resolved(struct jobs *self, struct errand *errand)
{
    struct store_op *op = errand->op;
    struct attempt *attempt = errand->attempt;
    const struct resolved *resolved = errand->tell_context;

    if (op->err < 0) {
        resolve_fail(self, attempt, op->err);
        return;
    }
    struct payload *payload =
        payload_new(op->job_resolve.input, resolved->account, resolved->traceparent);
    if (payload) {
        payload_arrived(self, attempt, payload);
    } else {
        attempt_abandon(self, attempt); /* it is on record, and will be read */
    }
}

/* NULL: out of memory. */
static struct store_op *new_write(struct jobs *self, struct attempt *attempt,
                                  const struct job_record *job, struct str input)
{
    struct store_op *op = errand_new(self, STORE_JOB_RESOLVE, on_resolved);
    struct resolved *resolved = op ? arena_zalloc(&op->arena, sizeof *resolved) : NULL;

    if (!resolved) {
        store_op_free(op);
        return NULL;
    }
    op->job_resolve.id = job->id;
    op->job_resolve.input = arena_str(&op->arena, input);
    resolved->account = arena_str(&op->arena, job->account);
    resolved->traceparent = arena_str(&op->arena, job->traceparent);
    if (!op->job_resolve.input.ptr) {
        store_op_free(op);
        return NULL;
    }
    errand_of(op)->attempt = attempt;
    errand_of(op)->tell_context = resolved;
    errand_of(op)->must = true;
    return op;
}

static int resolve(struct jobs *self, struct jobs_resolution *resolution)
{
    if (!self->hooks.resolve) {
        resolution->ret_code = str_from_c(hub_err_code(HUB_ERR_INVALID_INPUT));
        resolution->ret_message = str_from_c(hub_err_title(HUB_ERR_INVALID_INPUT));
        return HUB_ERR_INVALID_INPUT;
    }
    return self->hooks.resolve(self->context, resolution);
}

static int go_on(struct jobs *self, struct attempt *attempt,
                 const struct jobs_resolution *resolution)
{
    if (resolution->job->for_each.len > 0) {
        return expand_begin(self, attempt, resolution);
    }
    struct store_op *op = new_write(self, attempt, resolution->job, resolution->ret_input);
    if (!op) {
        return HUB_ERR_NOMEM;
    }
    errand_submit(self, op);
    return 0;
}

static void on_parents(struct jobs *self, struct errand *errand)
{
    struct store_job_parents *read = &errand->op->job_parents;
    struct attempt *attempt = errand->attempt;
    struct jobs_resolution resolution = {
        .job = &read->ret_job,
        .parents = read->ret_parents,
        .parent_count = read->ret_parent_count,
        .arena = &errand->op->arena,
    };

    if (errand->op->err < 0) {
        resolve_fail(self, attempt, errand->op->err);
        return;
    }
    if (attempt->job->flags & JOB_FLAG_CANCELLING) {
        attempt_abandon(self, attempt);
        return;
    }
    /* Items that were made are made: whatever the array would be by now. */
    int err = read->ret_job.items.made ? 0 : resolve(self, &resolution);
    if (err == HUB_ERR_INVALID_INPUT) {
        fail(self, attempt, &resolution);
        return;
    }
    if (err == 0) {
        err = go_on(self, attempt, &resolution);
    }
    if (err == HUB_ERR_NOMEM) {
        errand_defer(self, errand);
    } else if (err < 0) {
        resolve_fail(self, attempt, err);
    }
}

bool resolve_begin(struct jobs *self, struct attempt *attempt)
{
    struct store_op *op = errand_new(self, STORE_JOB_PARENTS, on_parents);

    if (!op) {
        return false;
    }
    op->job_parents.id = attempt->job->id;
    errand_of(op)->attempt = attempt;
    errand_of(op)->must = true;
    errand_submit(self, op);
    return true;
}
