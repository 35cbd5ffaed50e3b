#include "jobs/engine.h"

/*
 * Three heaps on top of each other: the jobs of a lane, the lanes of a connector, the connectors;
 * each by its best head. What cannot start now (a closed queue, a connector without room) is in
 * none but the first. So the next job is always at the very front, and a limit that two connectors
 * share goes to the better job, not to the connector that was asked first.
 */

static struct job *job_of(const struct heap_node *node)
{
    return CONTAINER_OF((struct heap_node *)node, struct job, node);
}

static struct lane *lane_of(const struct heap_node *node)
{
    return CONTAINER_OF((struct heap_node *)node, struct lane, node);
}

static struct connector *connector_of(const struct heap_node *node)
{
    return CONTAINER_OF((struct heap_node *)node, struct connector, node);
}

bool lane_job_before(const struct heap_node *a, const struct heap_node *b)
{
    const struct job *x = job_of(a);
    const struct job *y = job_of(b);

    if (x->priority != y->priority) {
        return x->priority > y->priority;
    }
    if (x->ready_at != y->ready_at) {
        return x->ready_at < y->ready_at;
    }
    return id_cmp(&x->id, &y->id) < 0;
}

bool lane_before(const struct heap_node *a, const struct heap_node *b)
{
    return lane_job_before(heap_first(&lane_of(a)->ready), heap_first(&lane_of(b)->ready));
}

bool lane_connector_before(const struct heap_node *a, const struct heap_node *b)
{
    return lane_before(heap_first(&connector_of(a)->lanes), heap_first(&connector_of(b)->lanes));
}

/* In the heap and in its place if `open`, else out of it. Room was reserved. */
static void settle(struct heap *heap, struct heap_node *node, bool open)
{
    if (!open) {
        heap_remove(heap, node);
    } else if (heap_contains(node)) {
        heap_update(heap, node);
    } else if (heap_push(heap, node) < 0) {
        assert(!"room was reserved");
    }
}

void lane_settle_connector(struct jobs *jobs, struct connector *connector)
{
    bool has_room = !connector->room_known || connector->room > 0;

    settle(&jobs->open, &connector->node, has_room && heap_first(&connector->lanes));
}

void lane_settle(struct jobs *jobs, struct lane *self)
{
    /* The heap of connectors compares heads of lanes: a connector must be out of it while its lanes
     * have none. */
    struct connector *connector = self->connector;
    bool open = self->queue->open && heap_first(&self->ready);

    if (!open && heap_first(&connector->lanes) == &self->node && connector->lanes.len == 1) {
        heap_remove(&jobs->open, &connector->node);
    }
    settle(&connector->lanes, &self->node, open);
    lane_settle_connector(jobs, connector);
}

void lane_push(struct jobs *jobs, struct job *job)
{
    if (heap_contains(&job->node)) {
        return;
    }
    if (heap_push(&job->lane->ready, &job->node) < 0) {
        assert(!"room was reserved at birth");
    }
    if (heap_first(&job->lane->ready) == &job->node) {
        lane_settle(jobs, job->lane);
    }
}

void lane_remove(struct jobs *jobs, struct job *job)
{
    struct lane *lane = job->lane;

    if (!heap_contains(&job->node)) {
        return;
    }
    bool was_head = heap_first(&lane->ready) == &job->node;
    /* An empty lane has no head to compare: it leaves the heap above first. */
    if (lane->ready.len == 1 && heap_contains(&lane->node)) {
        if (lane->connector->lanes.len == 1) {
            heap_remove(&jobs->open, &lane->connector->node);
        }
        heap_remove(&lane->connector->lanes, &lane->node);
    }
    heap_remove(&lane->ready, &job->node);
    if (was_head) {
        lane_settle(jobs, lane);
    }
}

static bool has_room(struct jobs *jobs, struct connector *self)
{
    if (!self->room_known) {
        unsigned room = jobs->hooks.room(jobs->context, self->name);
        self->room = room > self->reserved ? room - self->reserved : 0;
        self->room_known = true;
    }
    return self->room > 0;
}

struct job *lane_next(struct jobs *jobs)
{
    struct heap_node *best;

    while ((best = heap_first(&jobs->open))) {
        struct connector *connector = connector_of(best);
        if (!has_room(jobs, connector)) {
            lane_settle_connector(jobs, connector);
            continue;
        }
        struct lane *lane = lane_of(heap_first(&connector->lanes));
        if (!queue_admits(jobs, lane->queue)) {
            continue; /* its lanes have left */
        }
        struct job *job = job_of(heap_first(&lane->ready));
        queue_take(jobs, lane->queue);
        connector->room--;
        connector->reserved++;
        lane_remove(jobs, job);
        return job;
    }
    return NULL;
}
