#include "jobs/sqlite/lite.h"

#include <stdlib.h>

/* Idempotency keys are cheap to remove: so many of them for one job. */
#define CHEAP_FACTOR 16

struct due {
    int64_t seq;
    enum job_state state;
    struct str queue; /* in the operation's arena */
};

/* The first zone with something due: 1, 0 or negative. */
static int find_zone(struct lite *self, int64_t now, int64_t *ret_zone)
{
    struct lite_call call = lite_call(&self->writer, LITE_ZONE_DUE);

    lite_bind_int(&call, now);
    int found = lite_step(&call);
    if (found > 0) {
        *ret_zone = lite_int(&call);
    }
    lite_end(&call);
    return found;
}

/* Collects what is due in a zone, and when it is due next (0: nothing left that ends). */
static int look_at_zone(struct lite *self, struct store_op *op, int64_t zone, unsigned limit,
                        struct due *ret_due, unsigned *ret_count, int64_t *ret_next)
{
    struct lite_call call = lite_call(&self->writer, LITE_ZONE_FINISHED);
    bool ok = true;
    int got;

    *ret_count = 0;
    *ret_next = 0;
    lite_bind_int(&call, lite_zone_first(zone));
    lite_bind_int(&call, lite_zone_last(zone));
    while ((got = lite_step(&call)) > 0) {
        struct due *due = &ret_due[*ret_count];
        int64_t seq = lite_int(&call);
        enum job_state state = (enum job_state)lite_int(&call);
        struct str queue = lite_str(&call);
        int64_t at = lite_int(&call);
        if (at <= op->purge.now && *ret_count < limit) {
            due->seq = seq;
            due->state = state;
            due->queue = arena_str(&op->arena, queue);
            ok = ok && due->queue.ptr;
            ++*ret_count;
        } else if (*ret_next == 0 || at < *ret_next) {
            *ret_next = at;
        }
    }
    lite_end(&call);
    return ok ? got : HUB_ERR_NOMEM;
}

static int set_next(struct lite *self, int64_t zone, int64_t next)
{
    struct lite_call call = lite_call(&self->writer, LITE_ZONE_SET_PURGE);

    if (next != 0) {
        lite_bind_int(&call, next);
    } else {
        lite_bind_null(&call);
    }
    lite_bind_int(&call, zone);
    return lite_run(&call);
}

static int purge_zone(struct lite *self, struct store_op *op, int64_t zone, unsigned limit)
{
    struct due due[1 << LITE_ZONE_BITS];
    unsigned count;
    int64_t next;
    int err = look_at_zone(self, op, zone, limit, due, &count, &next);

    for (unsigned i = 0; i < count && err == 0; i++) {
        err = lite_job_remove(self, due[i].seq, due[i].state, due[i].queue);
    }
    if (err == 0) {
        err = set_next(self, zone, next);
    }
    op->purge.ret_removed += count;
    return err;
}

static int purge_jobs(struct lite *self, struct store_op *op)
{
    struct store_purge *purge = &op->purge;
    int64_t zone;
    int found = 0;

    /* The zones must say what this transaction did so far. */
    int err = lite_tally_settle(&self->tally, &self->writer, self->events.last);
    while (err == 0 && (found = find_zone(self, purge->now, &zone)) > 0 &&
           purge->ret_removed < purge->limit) {
        err = purge_zone(self, op, zone, purge->limit - purge->ret_removed);
    }
    purge->ret_more = found > 0;
    return err < 0 ? err : found < 0 ? found : 0;
}

static int purge_events(struct lite *self, struct store_purge *purge)
{
    const struct lite_events_keep keep = {
        .events = self->options.events_max,
        .since = purge->now - self->options.events_keep_ms,
    };

    return lite_events_purge(&self->events, &self->writer, &keep, purge->limit, &purge->ret_removed,
                             &purge->ret_more);
}

int lite_purge(struct lite *self, struct store_op *op)
{
    struct store_purge *purge = &op->purge;
    unsigned keys = 0;

    purge->limit = purge->limit < STORE_LIMIT_MAX ? purge->limit : STORE_LIMIT_MAX;
    purge->ret_removed = 0;
    purge->ret_more = false;
    int err = purge_jobs(self, op);
    if (err == 0) {
        err = lite_batches_purge(self, op);
    }
    if (err == 0) {
        err = lite_artifact_purge(self, purge);
    }
    if (err == 0) {
        err = lite_keep_purge(self, op);
    }
    if (err == 0) {
        err = purge_events(self, purge);
    }
    if (err == 0) {
        err = lite_account_purge(self, purge);
    }
    if (err == 0) {
        err = lite_runs_purge(self, purge);
    }
    if (err == 0) {
        err = lite_keys_purge(&self->keys, &self->writer, purge->now, purge->limit * CHEAP_FACTOR,
                              &keys);
    }
    purge->ret_removed += keys;
    purge->ret_more |= purge->limit > 0 && keys == purge->limit * CHEAP_FACTOR;
    return err;
}
