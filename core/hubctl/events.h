/*
 * events.h — the live events of hubd: GET /v1/events as a stream of struct event.
 *
 *     events_open(&events, client, "/v1/events?job=…", NULL, &err);
 *     while ((err = events_next(events, 5000, &event, &err)) == 0) …event.data…
 *     events_close(events);
 *
 * events_open() returns when hubd has answered, so what happens afterwards is not missed.
 *
 * Owner: the caller. Thread: that of the client.
 */
#ifndef HUB_HUBCTL_EVENTS_H
#define HUB_HUBCTL_EVENTS_H

#include "hubctl/client.h"

#include <json-c/json.h>

struct events;

struct event {
    struct str name;          /* "job", "progress" */
    struct json_object *data; /* an object */
};

/* 0; HUB_ERR_BAD_REQUEST when hubd refused (`*ret_refusal` then holds its answer, to be released);
 * otherwise as client_call(). `last_id` (may be NULL): go on after the event with this id. */
HUB_MUST_CHECK int events_open(struct events **ret_events, struct client *client, const char *path,
                               const char *last_id, struct reply *ret_refusal,
                               struct hub_error *error);
void events_close(struct events *self);

/* The next event, good until the next call of any function here. HUB_ERR_AGAIN when none came
 * within `timeout_ms`, HUB_ERR_CLOSED when the stream has ended, HUB_ERR_INTERRUPTED. */
HUB_MUST_CHECK int events_next(struct events *self, int timeout_ms, struct event *ret_event);

/* The id of the last event given out, "" before the first; good until events_close(). */
const char *events_last_id(const struct events *self);

#endif
