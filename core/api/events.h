/*
 * events.h — GET /v1/events: live job events as Server-Sent Events (WHATWG HTML §9.2).
 *
 *     id: 1234
 *     event: job
 *     data: {"seq":1234,"job":"…","type":"image.transform","queue":"default","state":"queued",
 *            "attempt":0,"at":"…"}
 *
 *     event: progress
 *     data: {"job":"…","type":"…","queue":"…","fraction":0.420,"message":"…"}
 *
 *     event: batch                                 (with ?batch=ID, and then nothing else)
 *     data: {"id":"…","state":"running", … }       a Batch, whenever it has changed
 *
 * Job events come from the outbox, in commit order, each once; a client that comes back with
 * Last-Event-ID first gets what it missed. If that is no longer kept it gets `event: reset` and
 * must look at the jobs itself. Progress is not kept. A subscriber that does not read is cut off.
 *
 * Thread: [loop]. Private to core/api.
 */
#ifndef HUB_API_EVENTS_H
#define HUB_API_EVENTS_H

#include "api/call.h"

HUB_MUST_CHECK int event_hub_new(struct api *api, struct event_hub **ret_self);
/* Every stream must have ended. NULL does nothing. Frees from the loop's close callback. */
void event_hub_close(struct event_hub *self);

void api_event_stream(struct api_call *call); /* the handler */

void event_hub_publish(struct event_hub *self, const struct jobs_event *event);
void event_hub_end_all(struct event_hub *self);

#endif
