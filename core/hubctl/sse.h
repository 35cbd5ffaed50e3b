/*
 * sse.h — server-sent events out of a stream of bytes.
 *
 * The parser of the WHATWG HTML standard §9.2.6: lines end in CR, LF or CRLF, a byte order mark in
 * front is skipped, comments are skipped, `data` lines are joined by newlines, an event without
 * data is none. An `id` with a NUL is ignored. Bytes may come in pieces of any size.
 *
 *     sse_init(&sse, on_event, context);
 *     if (sse_feed(&sse, bytes) < 0) …        // an event over SSE_EVENT_MAX: give the stream up
 *     sse_release(&sse);
 *
 * Owner: the caller. Thread: [any], one at a time.
 */
#ifndef HUB_HUBCTL_SSE_H
#define HUB_HUBCTL_SSE_H

#include "base/buf.h"
#include "base/error.h"

#define SSE_EVENT_MAX (1024 * 1024)

struct sse_event {
    struct str name; /* "message" unless the stream said otherwise */
    struct str id;   /* the last one seen, perhaps with an earlier event; may be empty */
    struct str data;
};

/* The views are good until the function returns. */
typedef void sse_event_fn(void *context, const struct sse_event *event);

struct sse {
    sse_event_fn *on_event;
    void *context;
    struct buf line;
    struct buf data;
    struct buf name;
    struct buf id;
    bool has_data;
    bool after_cr;    /* an LF that comes next belongs to the CR */
    bool started;     /* past the place of a byte order mark */
    int64_t retry_ms; /* what the server asked for before reconnecting, or -1 */
};

void sse_init(struct sse *self, sse_event_fn *on_event, void *context);
void sse_release(struct sse *self);
HUB_MUST_CHECK int sse_feed(struct sse *self,
                            struct str bytes); /* 0, HUB_ERR_TOO_LARGE or _NOMEM */

#endif
