/*
 * flows.h — /v1/flows: graphs of jobs. flow_create.c takes them, flows.c tells of them.
 *
 * Thread: [loop]. Private to core/api.
 */
#ifndef HUB_API_FLOWS_H
#define HUB_API_FLOWS_H

#include "api/call.h"

api_handler api_flow_create, api_flow_list, api_flow_get, api_flow_cancel, api_flow_retry;

/* Reads the flow and answers with it; 202 comes with a Location, and says so if it was made by an
 * earlier request. */
void api_answer_flow(struct api_call *call, const struct id *id, int status, bool replayed);

/* As GET shows it. */
void render_flow(struct buf *out, struct jobs *jobs, const struct store_flow_get *get);

#endif
