#include "jobs/engine.h"

bool timer_before(const struct heap_node *a, const struct heap_node *b)
{
    return CONTAINER_OF((struct heap_node *)a, struct timer, node)->due <
           CONTAINER_OF((struct heap_node *)b, struct timer, node)->due;
}

void timer_init(struct timer *self, enum timer_kind kind)
{
    *self = (struct timer){.due = NEVER, .kind = (uint8_t)kind};
    heap_node_init(&self->node);
}

int timers_reserve(struct jobs *self)
{
    size_t timers = self->born + self->queues.len + self->accounts.len + self->batches.len + 1;

    return heap_reserve(&self->timers, (uint32_t)timers);
}

void timer_set(struct jobs *jobs, struct timer *self, int64_t due)
{
    self->due = due;
    if (due == NEVER) {
        heap_remove(&jobs->timers, &self->node);
    } else if (heap_contains(&self->node)) {
        heap_update(&jobs->timers, &self->node);
    } else if (heap_push(&jobs->timers, &self->node) < 0) {
        assert(!"room was reserved");
    }
}

/* A job's time has come: to be queued, or to be given up. */
static void fire_job(struct jobs *jobs, struct timer *self)
{
    struct job *job = CONTAINER_OF(self, struct job, timer);
    bool late = job->expires_at <= jobs->now;
    bool in_doubt = late && job_in_doubt(jobs, job);
    struct store_op *op = move_new(jobs);

    if (!op) {
        timer_set(jobs, self, jobs->now + 1000);
        return;
    }
    if (late) {
        int why = in_doubt ? HUB_ERR_OUTCOME_UNKNOWN : HUB_ERR_EXPIRED;
        op->job_move.error_code = str_from_c(hub_err_code(why));
        op->job_move.error_message = str_from_c(hub_err_title(why));
    }
    errand_of(op)->must = true;
    errand_of(op)->timed = true;
    move_job(jobs, job, in_doubt ? JOB_UNKNOWN : late ? JOB_FAILED : JOB_QUEUED, op);
}

static void fire_gate(struct jobs *jobs, struct timer *self)
{
    timer_set(jobs, self, NEVER);
    gate_reopen(jobs, CONTAINER_OF(self, struct gate, timer));
}

static void (*const fire[])(struct jobs *jobs, struct timer *self) = {
    [TIMER_JOB] = fire_job,
    [TIMER_GATE] = fire_gate,
};

/* A million jobs may be due at once: they go to the store a thousand at a time. */
static bool may_fire(const struct jobs *self)
{
    return self->timed_moves < TIMED_MOVES_MAX;
}

void timers_run(struct jobs *self)
{
    struct heap_node *first;

    while (may_fire(self) && (first = heap_first(&self->timers))) {
        struct timer *timer = CONTAINER_OF(first, struct timer, node);
        if (timer->due > self->now) {
            break;
        }
        fire[timer->kind](self, timer);
    }
}

int64_t timers_next(const struct jobs *self)
{
    struct heap_node *first = heap_first(&self->timers);

    /* When no more may fire, the answers of the store will bring the next tick. */
    return first && may_fire(self) ? CONTAINER_OF(first, struct timer, node)->due : NEVER;
}
