#include "jobs/engine.h"

static uint8_t at_most_255(uint32_t value)
{
    return value > UINT8_MAX ? UINT8_MAX : (uint8_t)value;
}

static int reserve(struct jobs *self, struct lane *lane)
{
    if (job_index_reserve(&self->index, self->born + 1) < 0 || timers_reserve(self) < 0 ||
        heap_reserve(&lane->ready, lane->jobs + 1) < 0) {
        return HUB_ERR_NOMEM;
    }
    return 0;
}

int birth_job(struct jobs *self, const struct job_record *record, bool beyond_caps,
              struct job **ret_job)
{
    struct job_type *type;
    struct lane_key key = {0};
    struct lane *lane;

    if (!beyond_caps && self->born >= self->config.jobs_max) {
        return HUB_ERR_UNAVAILABLE;
    }
    int err = names_type(self, record->type, &type);
    if (err < 0 || (err = queue_get(self, record->queue, beyond_caps, &key.queue)) < 0) {
        return err;
    }
    if (record->account.len > 0) {
        err = account_get(self, record->account, beyond_caps, &key.account);
    }
    key.batch = batch_find(self, &record->batch);
    key.connector = type->connector;
    if (err < 0 || (err = lane_get(self, &key, &lane)) < 0 || (err = reserve(self, lane)) < 0) {
        return err;
    }
    struct job *job = slab_alloc(&self->slab);
    if (!job) {
        return HUB_ERR_NOMEM;
    }
    *job = (struct job){
        .id = record->id,
        .ready_at = record->run_at ? record->run_at : record->created_at,
        .expires_at = record->expires_at ? record->expires_at : NEVER,
        .lane = lane,
        .number = record->attempt,
        .timeout_ms = record->timeout_ms,
        .type = type->index,
        .priority = (int8_t)record->priority,
        .safety = (uint8_t)record->retry_safety,
        .max_attempts = at_most_255(record->max_attempts),
        .charged = at_most_255(record->charged),
        .crashes = at_most_255(record->crashes),
    };
    timer_init(&job->timer, TIMER_JOB);
    heap_node_init(&job->node);
    self->born++;
    lane->jobs++;
    key.queue->jobs++;
    if (key.account) {
        key.account->jobs++;
    }
    if (key.batch) {
        key.batch->jobs++;
    }
    *ret_job = job;
    return 0;
}

void birth_undo(struct jobs *self, struct job *job)
{
    assert(!heap_contains(&job->node) && !heap_contains(&job->timer.node) && !job_attempt(job));
    payload_free(self, job->payload);
    struct lane *lane = job->lane;
    lane->key.queue->jobs--;
    if (lane->key.account) {
        lane->key.account->jobs--;
    }
    if (lane->key.batch) {
        batch_job_gone(self, lane->key.batch);
    }
    lane->jobs--;
    self->born--;
    slab_free(&self->slab, job);
}
