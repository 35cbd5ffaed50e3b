/*
 * flow_plan.h — from the jobs of a flow with names of their own to jobs with ids, parents first.
 *
 *     struct flow_plan plan;
 *     if (flow_plan_make(types, jobs, &arena, &plan, &fault) == 0) {
 *         for each of plan.nodes[plan.order[i]]: give it its id
 *         flow_plan_rename(&plan);             // now each node's JSON is a JobCreate
 *     }
 *
 * A name stands where the id of another job may: in `after`, in the `from` of a value
 * (input_refs.h) or of `for_each`, in the `job` of a file (places.h). A job waits for each that it
 * names.
 *
 * Thread: [loop]. Private to core/api.
 */
#ifndef HUB_API_FLOW_PLAN_H
#define HUB_API_FLOW_PLAN_H

#include "api/types.h"
#include "base/arena.h"
#include "base/json.h"
#include "jobs/flow.h"

/* What is wrong with a flow. */
struct flow_fault {
    struct str pointer; /* into the request; in the arena */
    struct str keyword;
    struct str detail; /* in the arena */
};

struct flow_node {
    struct str name;
    struct json_object *json; /* of the request, changed in place */
    const struct job_type *type;
    struct json_object *for_each; /* of `json`; NULL: none */
    struct id id;
    bool parents[FLOW_JOBS_MAX];
    unsigned char mark; /* of the search for an order */
};

struct flow_plan {
    const struct types *types;
    struct arena *arena;
    struct flow_fault *fault;
    struct flow_node *nodes; /* as they stand in the request */
    unsigned count;
    unsigned order[FLOW_JOBS_MAX]; /* parents before their children */
    unsigned ordered;
    struct flow_node *node; /* under way */
    bool renames;
    int err;
};

/* `jobs` is valid as FlowCreate's. 0, HUB_ERR_INVALID_INPUT or HUB_ERR_UNKNOWN_TYPE (see
 * `ret_fault`), HUB_ERR_NOMEM. */
HUB_MUST_CHECK int flow_plan_make(const struct types *types, struct json_object *jobs,
                                  struct arena *arena, struct flow_plan *ret_plan,
                                  struct flow_fault *ret_fault);
/* Puts ids in the place of names, and all that a job waits for into its `after`. HUB_ERR_NOMEM. */
HUB_MUST_CHECK int flow_plan_rename(struct flow_plan *self);

/* Fills in a fault about a place of a job: "/jobs/NAME" and `place`. Returns `err`. */
int flow_plan_fail(struct flow_plan *self, const struct flow_node *node, int err, struct str place,
                   const char *keyword, struct str detail);

#endif
