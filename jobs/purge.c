#include "jobs/engine.h"

#define PURGE_LIMIT    500 /* a batch that others have to wait for */
#define PURGE_PAUSE_MS 50

static void on_purged(struct jobs *self, struct errand *errand)
{
    bool more = errand->op->err == 0 && errand->op->purge.ret_more;

    self->purge_at = self->now + (more ? PURGE_PAUSE_MS : self->config.purge_interval_ms);
}

void purge_run(struct jobs *self)
{
    if (self->purge_at > self->now) {
        return;
    }
    struct store_op *op = errand_new(self, STORE_PURGE, on_purged);
    if (!op) {
        self->purge_at = self->now + self->config.purge_interval_ms;
        return;
    }
    self->purge_at = NEVER;
    op->purge.now = self->now;
    op->purge.limit = PURGE_LIMIT;
    errand_submit(self, op);
}
