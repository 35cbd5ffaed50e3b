#include "jobs/engine.h"

#include <stdlib.h>
#include <string.h>

/* Inputs of new jobs stay in memory up to config.input_cache_bytes. Nothing is evicted: the first
 * to come are usually the first to run, so what no longer fits is what waits longest. */

static size_t bytes_of(const struct payload *self)
{
    return sizeof *self + self->input_len + self->account_len + self->traceparent_len;
}

struct payload *payload_new(struct str input, struct str account, struct str traceparent)
{
    struct payload *self = malloc(sizeof *self + input.len + account.len + traceparent.len);
    if (!self) {
        return NULL;
    }
    const struct str texts[] = {input, account, traceparent};
    char *at = self->bytes;
    for (int i = 0; i < 3; i++) {
        if (texts[i].len > 0) {
            memcpy(at, texts[i].ptr, texts[i].len);
            at += texts[i].len;
        }
    }
    self->input_len = (uint32_t)input.len;
    self->account_len = (uint32_t)account.len;
    self->traceparent_len = (uint32_t)traceparent.len;
    self->cached = false;
    return self;
}

void payload_free(struct jobs *jobs, struct payload *self)
{
    if (self && self->cached) {
        jobs->cached_bytes -= bytes_of(self);
    }
    free(self);
}

struct str payload_input(const struct payload *self)
{
    return str_of(self->bytes, self->input_len);
}

struct str payload_account(const struct payload *self)
{
    return str_of(self->bytes + self->input_len, self->account_len);
}

struct str payload_traceparent(const struct payload *self)
{
    return str_of(self->bytes + self->input_len + self->account_len, self->traceparent_len);
}

struct payload *payload_keep(struct jobs *jobs, struct payload *self)
{
    if (!self || self->cached) {
        return self;
    }
    if (bytes_of(self) > jobs->config.input_cache_bytes - jobs->cached_bytes) {
        free(self);
        return NULL;
    }
    self->cached = true;
    jobs->cached_bytes += bytes_of(self);
    return self;
}

/* The store has no input for this job, and trying again would not help. */
static void unreadable(struct jobs *jobs, struct job *job, int err)
{
    struct store_op *op = err == HUB_ERR_NOT_FOUND ? NULL : move_new(jobs);

    if (!op) {
        move_resync(jobs, job);
        return;
    }
    op->job_move.error_code = str_from_c(hub_err_code(err));
    op->job_move.error_message = str_from_c(hub_err_title(err));
    errand_of(op)->must = true;
    move_job(jobs, job, JOB_FAILED, op);
}

void payload_arrived(struct jobs *jobs, struct attempt *attempt, struct payload *payload)
{
    const struct job *job = attempt->job;

    attempt->payload = payload;
    if (jobs->draining || job->flags & JOB_FLAG_CANCELLING || job->expires_at <= jobs->now) {
        attempt_abandon(jobs, attempt);
    } else {
        attempt_ready(jobs, attempt);
    }
}

static void on_input(struct jobs *jobs, struct errand *errand)
{
    const struct store_job_input *answer = &errand->op->job_input;
    struct attempt *attempt = errand->attempt;
    struct job *job = attempt->job;

    if (errand->op->err < 0) {
        attempt_free(jobs, attempt, false);
        unreadable(jobs, job, errand->op->err);
        return;
    }
    if (answer->ret_open) {
        if (!resolve_begin(jobs, attempt)) {
            errand_defer(jobs, errand);
        }
        return;
    }
    struct payload *payload =
        payload_new(answer->ret_input, answer->ret_account, answer->ret_traceparent);
    if (!payload) {
        errand_defer(jobs, errand);
    } else {
        payload_arrived(jobs, attempt, payload);
    }
}

bool payload_fetch(struct jobs *jobs, struct attempt *attempt)
{
    struct store_op *op = errand_new(jobs, STORE_JOB_INPUT, on_input);
    if (!op) {
        return false;
    }
    op->job_input.id = attempt->job->id;
    errand_of(op)->attempt = attempt;
    errand_of(op)->must = true;
    errand_submit(jobs, op);
    return true;
}
