/*
 * flow_fill.h — from a JSON value to a flow's records: what POST /v1/flows takes.
 *
 *     struct store_op *op = store_op_new(STORE_FLOW_INSERT);
 *     err = flow_fill(api, json, created_by, op, &fault);       // json is valid as a FlowCreate
 *     if (err == 0) jobs_flow_submit(jobs, op, done, context);  // at once: see jobs_next_id()
 *
 * Thread: [loop]. Private to core/api.
 */
#ifndef HUB_API_FLOW_FILL_H
#define HUB_API_FLOW_FILL_H

#include "api/call.h"
#include "api/flow_plan.h"

/* Fills all but the idempotency. Changes `json`. 0; HUB_ERR_INVALID_INPUT, HUB_ERR_UNKNOWN_TYPE,
 * HUB_ERR_UNKNOWN_ACCOUNT, HUB_ERR_UNUSABLE_ACCOUNT (see `ret_fault`); HUB_ERR_NOMEM. */
HUB_MUST_CHECK int flow_fill(struct api *api, struct json_object *json, struct str created_by,
                             struct str traceparent, struct store_op *op,
                             struct flow_fault *ret_fault);

#endif
