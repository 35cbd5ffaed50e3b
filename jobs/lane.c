#include "jobs/engine.h"

#include <stdlib.h>
#include <string.h>

/*
 * Three heaps on top of each other: the jobs of a lane, the lanes of a connector, the connectors;
 * each by its best head. What cannot start now (behind a closed gate, a connector without room) is
 * in none but the first. So the next job is always at the very front, and a limit that two
 * connectors share goes to the better job, not to the connector that was asked first.
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

/* May its jobs start, as far as its gates go? */
static bool is_open(const struct lane *self)
{
    for (unsigned i = 0; i < LANE_GATES; i++) {
        if (self->gates[i].gate && !self->gates[i].gate->open) {
            return false;
        }
    }
    return true;
}

void lane_settle(struct jobs *jobs, struct lane *self)
{
    /* The heap of connectors compares heads of lanes: a connector must be out of it while its lanes
     * have none. */
    struct connector *connector = self->key.connector;
    bool open = heap_first(&self->ready) && is_open(self);

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
        struct connector *connector = lane->key.connector;
        if (connector->lanes.len == 1) {
            heap_remove(&jobs->open, &connector->node);
        }
        heap_remove(&connector->lanes, &lane->node);
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

/* One that does not admit has closed, and the lane has left its connector. */
static bool gates_admit(struct jobs *jobs, struct lane *self)
{
    for (unsigned i = 0; i < LANE_GATES; i++) {
        if (self->gates[i].gate && !gate_admits(jobs, self->gates[i].gate)) {
            return false;
        }
    }
    return true;
}

static void take(struct lane *self)
{
    for (unsigned i = 0; i < LANE_GATES; i++) {
        if (self->gates[i].gate) {
            gate_take(self->gates[i].gate);
        }
    }
}

void lane_give_back(struct jobs *jobs, struct lane *self, bool started)
{
    for (unsigned i = 0; i < LANE_GATES; i++) {
        if (self->gates[i].gate) {
            gate_give_back(jobs, self->gates[i].gate, started);
        }
    }
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
        if (!gates_admit(jobs, lane)) {
            continue;
        }
        struct job *job = job_of(heap_first(&lane->ready));
        take(lane);
        connector->room--;
        connector->reserved++;
        lane_remove(jobs, job);
        return job;
    }
    return NULL;
}

/* --- Lanes come and go -------------------------------------------------------------------------*/

static int make_room_for(struct queue *queue, const struct connector *connector)
{
    if (connector->index < queue->lane_cap) {
        return 0;
    }
    unsigned cap = (connector->index | 7) + 1;
    struct lane **lanes = reallocarray(queue->lanes, cap, sizeof(struct lane *));
    if (!lanes) {
        return HUB_ERR_NOMEM;
    }
    memset(lanes + queue->lane_cap, 0, (cap - queue->lane_cap) * sizeof(struct lane *));
    queue->lanes = lanes;
    queue->lane_cap = cap;
    return 0;
}

static struct str key_view(const struct lane_key *key)
{
    return str_of((const char *)key, sizeof *key);
}

static struct lane *find(const struct jobs *jobs, const struct lane_key *key)
{
    return key->account || key->batch ? map_get(&jobs->keyed_lanes, key_view(key))
                                      : key->queue->lanes[key->connector->index];
}

static void stand_behind(struct lane *self, unsigned place, struct gate *gate)
{
    struct lane_link *link = &self->gates[place];

    *link = (struct lane_link){.gate = gate, .lane = self};
    list_init(&link->link);
    if (gate) {
        list_append(&gate->lanes, &link->link);
    }
}

static int enter(struct jobs *jobs, struct lane *self)
{
    if (self->key.account || self->key.batch) {
        return map_put(&jobs->keyed_lanes, key_view(&self->key), self);
    }
    self->key.queue->lanes[self->key.connector->index] = self;
    return 0;
}

int lane_get(struct jobs *jobs, const struct lane_key *key, struct lane **ret_lane)
{
    struct connector *connector = key->connector;
    if (make_room_for(key->queue, connector) < 0 ||
        heap_reserve(&connector->lanes, connector->lane_count + 1) < 0) {
        return HUB_ERR_NOMEM;
    }
    struct lane *lane = find(jobs, key);
    if (!lane) {
        lane = calloc(1, sizeof *lane);
        if (!lane) {
            return HUB_ERR_NOMEM;
        }
        lane->key = *key;
        if (enter(jobs, lane) < 0) {
            free(lane);
            return HUB_ERR_NOMEM;
        }
        heap_init(&lane->ready, lane_job_before);
        heap_node_init(&lane->node);
        stand_behind(lane, LANE_QUEUE, &key->queue->gate);
        stand_behind(lane, LANE_ACCOUNT, key->account ? &key->account->gate : NULL);
        stand_behind(lane, LANE_BATCH, key->batch ? &key->batch->gate : NULL);
        connector->lane_count++;
    }
    *ret_lane = lane;
    return 0;
}

void lane_free(struct jobs *jobs, struct lane *self)
{
    struct connector *connector = self->key.connector;

    if (self->key.account || self->key.batch) {
        map_remove(&jobs->keyed_lanes, key_view(&self->key));
    } else {
        self->key.queue->lanes[connector->index] = NULL;
    }
    for (unsigned i = 0; i < LANE_GATES; i++) {
        list_remove(&self->gates[i].link);
    }
    heap_remove(&connector->lanes, &self->node);
    heap_release(&self->ready);
    connector->lane_count--;
    free(self);
}

void lanes_free(struct jobs *jobs, struct gate *gate)
{
    LIST_FOR_EACH(link, &gate->lanes) {
        lane_free(jobs, CONTAINER_OF(link, struct lane_link, link)->lane);
    }
}
