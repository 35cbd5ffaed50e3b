/*
 * wait.h — `Prefer: wait=N` (RFC 7240 §4.3): requests that wait for a job to finish.
 *
 * A waiting call is answered with 200 and the finished job when the job's last event comes, with
 * 202 and the job as it is when the time is up or hubd drains. When its client goes away it is let
 * go.
 *
 * Thread: [loop]. Private to core/api.
 */
#ifndef HUB_API_WAIT_H
#define HUB_API_WAIT_H

#include "api/call.h"

HUB_MUST_CHECK int wait_room_new(uv_loop_t *loop, struct wait_room **ret_self);
/* Nobody may wait any more. NULL does nothing. Frees from the loop's close callback. */
void wait_room_close(struct wait_room *self);

/* The number of seconds of a `Prefer: wait=N` header, at most `max`; 0 if there is none. */
unsigned wait_preference(const struct http_request *req, unsigned max);

/* Answers `call` when `job` is finished, at the latest after `seconds`. `insert` is the operation
 * that has just inserted it, or NULL; it is kept, so that a job which ends in the usual way need
 * not be read again. */
void wait_for_job(struct api_call *call, const struct id *job, unsigned seconds,
                  struct store_op *insert);

/* A job is finished. */
void wait_job_finished(struct api *api, const struct jobs_event *event);

/* Everybody is answered now, with what there is. */
void wait_end_all(struct api *api);

#endif
