#include "jobs/sqlite/tally.h"

#include "jobs/sqlite/lite.h"

#include <string.h>

#define ARENA_LIMIT ((size_t)1 << 20)

void lite_tally_init(struct lite_tally *self)
{
    memset(self, 0, sizeof *self);
    arena_init(&self->arena, ARENA_LIMIT);
}

void lite_tally_clear(struct lite_tally *self)
{
    if (self->zone_count > 0) {
        memset(self->zone_used, 0, sizeof self->zone_used);
        self->zone_count = 0;
    }
    self->queue_count = 0;
    arena_release(&self->arena);
}

/* The sum of a zone, made if need be. Linear probing; the table is never more than half full. */
static struct lite_zone_sum *zone_sum(struct lite_tally *self, int64_t zone)
{
    for (uint64_t i = (uint64_t)zone;; i++) {
        unsigned slot = (unsigned)(i % LITE_TALLY_ZONES);
        struct lite_zone_sum *sum = &self->zones[slot];
        if (!self->zone_used[slot]) {
            self->zone_used[slot] = true;
            self->zone_count++;
            *sum = (struct lite_zone_sum){.zone = zone};
        }
        if (sum->zone == zone) {
            return sum;
        }
    }
}

/* NULL: out of memory. */
static struct lite_queue_sum *queue_sum(struct lite_tally *self, struct str queue)
{
    for (unsigned i = 0; i < self->queue_count; i++) {
        if (str_eq(self->queues[i].queue, queue)) {
            return &self->queues[i];
        }
    }
    struct str name = arena_str(&self->arena, queue);
    if (!name.ptr) {
        return NULL;
    }
    struct lite_queue_sum *sum = &self->queues[self->queue_count++];
    *sum = (struct lite_queue_sum){.queue = name};
    return sum;
}

static int step(enum job_state from, enum job_state to, bool (*counts)(enum job_state state))
{
    return (to != LITE_NO_STATE && counts(to)) - (from != LITE_NO_STATE && counts(from));
}

static bool exists(enum job_state state)
{
    return state != LITE_NO_STATE;
}

static bool unfinished(enum job_state state)
{
    return !lite_terminal(state);
}

int lite_tally_note(struct lite_tally *self, struct lite_db *db, int64_t seq, struct str queue,
                    enum job_state from, enum job_state to, int64_t purge_at)
{
    if (self->zone_count == LITE_TALLY_ZONES / 2 || self->queue_count == LITE_TALLY_QUEUES) {
        int err = lite_tally_flush(self, db);
        if (err < 0) {
            return err;
        }
    }
    struct lite_zone_sum *zone = zone_sum(self, lite_zone(seq));
    struct lite_queue_sum *sum = queue_sum(self, queue);
    if (!sum) {
        return HUB_ERR_NOMEM;
    }
    zone->jobs += step(from, to, exists);
    zone->unfinished += step(from, to, unfinished);
    if (from != LITE_NO_STATE) {
        sum->counts[from]--;
    }
    if (to == LITE_NO_STATE) {
        return 0;
    }
    sum->counts[to]++;
    if (lite_terminal(to)) {
        zone->finished |= 1u << to;
        if (zone->purge_at == 0 || purge_at < zone->purge_at) {
            zone->purge_at = purge_at;
        }
    }
    return 0;
}

static int flush_zone(struct lite_db *db, const struct lite_zone_sum *sum)
{
    struct lite_call call = lite_call(db, LITE_ZONE_CHANGE);

    lite_bind_int(&call, sum->zone);
    lite_bind_int(&call, sum->jobs);
    lite_bind_int(&call, sum->unfinished);
    lite_bind_int(&call, sum->finished);
    if (sum->purge_at != 0) {
        lite_bind_int(&call, sum->purge_at);
    } else {
        lite_bind_null(&call);
    }
    int err = lite_run(&call);
    if (err < 0 || sum->jobs >= 0) {
        return err;
    }
    return lite_run_int(db, LITE_ZONE_DELETE_EMPTY, sum->zone);
}

static int flush_count(struct lite_db *db, struct str queue, enum job_state state, int change)
{
    struct lite_call call = lite_call(db, LITE_COUNT_CHANGE);

    lite_bind_text(&call, queue);
    lite_bind_int(&call, state);
    lite_bind_int(&call, change);
    int err = lite_run(&call);
    if (err < 0 || change > 0) {
        return err;
    }
    call = lite_call(db, LITE_COUNT_DELETE_ZERO);
    lite_bind_text(&call, queue);
    lite_bind_int(&call, state);
    return lite_run(&call);
}

int lite_tally_flush(struct lite_tally *self, struct lite_db *db)
{
    for (unsigned i = 0; i < LITE_TALLY_ZONES && self->zone_count > 0; i++) {
        int err = self->zone_used[i] ? flush_zone(db, &self->zones[i]) : 0;
        if (err < 0) {
            return err;
        }
    }
    for (unsigned i = 0; i < self->queue_count; i++) {
        const struct lite_queue_sum *sum = &self->queues[i];
        for (enum job_state state = 0; state < JOB_STATE_COUNT; state++) {
            int change = sum->counts[state];
            int err = change != 0 ? flush_count(db, sum->queue, state, change) : 0;
            if (err < 0) {
                return err;
            }
        }
    }
    lite_tally_clear(self);
    return 0;
}
