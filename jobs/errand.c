#include "jobs/engine.h"

#define AGAIN_FIRST_MS 100
#define AGAIN_MAX_MS   10000

/* Will the same operation perhaps succeed later? What is no fault of the operation's own is not. */
static bool may_pass(int err)
{
    switch (err) {
    case HUB_ERR_IO:
    case HUB_ERR_STORAGE_FULL:
    case HUB_ERR_NOMEM:
    case HUB_ERR_UNAVAILABLE:
    case HUB_ERR_AGAIN:
    case HUB_ERR_CLOSED:
        return true;
    default:
        return false;
    }
}

static void keep(struct jobs *self, struct errand *errand)
{
    errand->op->kept = true;
    list_append(&self->again, &errand->again);
    if (self->again_at != NEVER) {
        return;
    }
    self->again_delay_ms = self->again_delay_ms ? self->again_delay_ms * 2 : AGAIN_FIRST_MS;
    if (self->again_delay_ms > AGAIN_MAX_MS) {
        self->again_delay_ms = AGAIN_MAX_MS;
    }
    self->again_at = self->now + self->again_delay_ms;
    log_warn(self->log, "jobs", "the store failed, trying again", "error=%s delay_ms=%u",
             hub_err_code(errand->op->err), self->again_delay_ms);
}

void errand_defer(struct jobs *self, struct errand *errand)
{
    self->errands++;
    self->timed_moves += errand->timed;
    errand->op->err = HUB_ERR_NOMEM;
    keep(self, errand);
}

static void tell_ended(struct jobs *self, const struct work *ended, unsigned count, bool calls_back)
{
    for (unsigned i = 0; i < count && self->hooks.ended; i++) {
        self->hooks.ended(self->context, &ended[i]);
    }
    if (calls_back && self->hooks.calls_back) {
        self->hooks.calls_back(self->context);
    }
}

static void on_answer(struct store_op *op, void *context)
{
    struct errand *errand = context;
    struct jobs *self = errand->jobs;

    engine_clock(self);
    if (store_op_is_write(op->kind) && (op->err == 0 || (errand->must && may_pass(op->err)))) {
        self->store_fails = op->err < 0;
    }
    if (errand->must && may_pass(op->err)) {
        keep(self, errand);
        return;
    }
    if (errand->must && op->err == 0) {
        self->again_delay_ms = 0;
    }
    self->errands--;
    self->timed_moves -= errand->timed;
    const struct store_released *released = op->released;
    unsigned released_count = op->err == 0 ? op->released_count : 0;
    const struct work *ended = op->ended;
    unsigned ended_count = op->err == 0 ? op->ended_count : 0;
    bool calls_back = op->err == 0 && op->calls_back;
    errand->done(self, errand);
    move_released(self, released, released_count);
    tell_ended(self, ended, ended_count, calls_back);
    engine_wake(self);
}

struct errand *errand_attach(struct jobs *self, struct store_op *op, errand_done_fn *done)
{
    struct errand *errand = arena_zalloc(&op->arena, sizeof *errand);

    if (errand) {
        errand->jobs = self;
        errand->op = op;
        errand->done = done;
        list_init(&errand->again);
        op->done = on_answer;
        op->context = errand;
    }
    return errand;
}

struct store_op *errand_new(struct jobs *self, enum store_op_kind kind, errand_done_fn *done)
{
    struct store_op *op = store_op_new(kind);

    if (op && !errand_attach(self, op, done)) {
        store_op_free(op);
        return NULL;
    }
    return op;
}

void errand_submit(struct jobs *self, struct store_op *op)
{
    self->errands++;
    self->timed_moves += errand_of(op)->timed;
    if (self->closed) {
        list_append(&self->again, &errand_of(op)->again); /* for errands_release() */
    } else {
        store_submit(self->store, op);
    }
}

void errands_again(struct jobs *self)
{
    struct list due;

    if (self->again_at > self->now || self->closed) {
        return;
    }
    self->again_at = NEVER;
    list_init(&due);
    list_splice(&due, &self->again);
    LIST_FOR_EACH(link, &due) {
        list_remove(link);
        store_submit(self->store, CONTAINER_OF(link, struct errand, again)->op);
    }
}

void errands_release(struct jobs *self)
{
    LIST_FOR_EACH(link, &self->again) {
        list_remove(link);
        store_op_free(CONTAINER_OF(link, struct errand, again)->op);
        self->errands--;
    }
    assert(self->errands == 0);
}
