#include "jobs/batch.h"

uint64_t batch_jobs(const struct batch_record *self)
{
    uint64_t sum = 0;

    for (int state = 0; state < JOB_STATE_COUNT; state++) {
        sum += self->counts[state];
    }
    return sum;
}

uint64_t batch_unfinished(const struct batch_record *self)
{
    uint64_t sum = 0;

    for (enum job_state state = 0; state < JOB_STATE_COUNT; state++) {
        sum += job_state_terminal(state) ? 0 : self->counts[state];
    }
    return sum;
}

bool batch_hidden(const struct batch_record *self)
{
    return self->stage == BATCH_DROPPING || (self->atomic && self->upload != BATCH_COMPLETE);
}

const char *batch_state_name(const struct batch_record *self)
{
    static const char *const names[BATCH_STAGE_COUNT] = {
#define X(name, text) [BATCH_##name] = text,
        BATCH_STAGE_MAP(X)
#undef X
    };

    if (self->stage != BATCH_OPEN) {
        return names[self->stage];
    }
    if (self->finished_at != 0) {
        return "finished";
    }
    if (self->limits.paused) {
        return "paused";
    }
    return self->upload == BATCH_RECEIVING ? "receiving" : "running";
}
