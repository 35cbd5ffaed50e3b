#include "hubctl/events.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/list.h"
#include "hubctl/must.h"
#include "hubctl/sse.h"

#include <stdlib.h>
#include <string.h>

#define SILENCE_MAX_S 90 /* hubd sends a comment much more often than that */
#define REFUSAL_MAX   (64 * 1024)

struct waiting {
    struct list link;
    char *name;
    char *id;
    struct json_object *data;
};

struct events {
    struct client *client;
    struct transfer transfer;
    struct sse sse;
    struct list queue; /* of struct waiting */
    struct waiting *current;
    struct buf last_id;
    struct buf refusal; /* the body of an answer that is no stream */
    bool broken;        /* the stream made no sense */
};

static void waiting_free(struct waiting *self)
{
    if (self) {
        list_remove(&self->link);
        json_object_put(self->data);
        free(self->name);
        free(self->id);
        free(self);
    }
}

static char *copy(struct str text)
{
    return must(strndup(text.ptr ? text.ptr : "", text.len));
}

static void on_event(void *context, const struct sse_event *event)
{
    struct events *self = context;
    struct json_object *data;

    if (json_read(event->data, JSON_DEPTH_MAX, &data, NULL, NULL) < 0 ||
        !json_object_is_type(data, json_type_object)) {
        self->broken = true;
        return;
    }
    struct waiting *waiting = must(calloc(1, sizeof *waiting));
    *waiting = (struct waiting){.name = copy(event->name), .id = copy(event->id), .data = data};
    list_append(&self->queue, &waiting->link);
}

static size_t on_write(char *bytes, size_t size, size_t count, void *context)
{
    struct events *self = context;
    struct str text = str_of(bytes, size * count);
    long status = 0;

    curl_easy_getinfo(self->transfer.easy, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200) {
        buf_append_str(&self->refusal, text);
        return buf_failed(&self->refusal) ? 0 : text.len;
    }
    if (sse_feed(&self->sse, text) < 0) {
        self->broken = true;
    }
    return self->broken ? 0 : text.len;
}

static int start(struct events *self, const char *path, const char *last_id,
                 struct hub_error *error)
{
    const char *headers[3] = {"Accept: text/event-stream"};
    struct buf resume;
    int err;

    buf_init(&resume, BUF_NO_LIMIT);
    if (last_id && *last_id) {
        buf_append_format(&resume, "Last-Event-ID: %s", last_id);
        must_buf(&resume);
        headers[1] = resume.ptr;
    }
    err = client_prepare(self->client, &self->transfer, path, headers, error);
    buf_release(&resume);
    if (err < 0) {
        return err;
    }
    curl_easy_setopt(self->transfer.easy, CURLOPT_WRITEFUNCTION, on_write);
    curl_easy_setopt(self->transfer.easy, CURLOPT_WRITEDATA, self);
    curl_easy_setopt(self->transfer.easy, CURLOPT_LOW_SPEED_TIME, (long)SILENCE_MAX_S);
    return client_start(self->client, &self->transfer, error);
}

static bool head_is_here(const struct events *self)
{
    struct curl_header *header;

    /* The status alone comes before the head is complete; Content-Type stands in every answer. */
    return curl_easy_header(self->transfer.easy, "Content-Type", 0, CURLH_HEADER, -1, &header) ==
           CURLHE_OK;
}

static long status_of(const struct events *self)
{
    long status = 0;

    curl_easy_getinfo(self->transfer.easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

/* Gives the refusal's body away. */
static int refuse(struct events *self, struct reply *ret_refusal, struct hub_error *error)
{
    ret_refusal->status = status_of(self);
    ret_refusal->body = self->refusal;
    buf_init(&self->refusal, REFUSAL_MAX);
    return hub_fail(error, HUB_ERR_BAD_REQUEST, "hubd gives no events");
}

int events_open(struct events **ret_events, struct client *client, const char *path,
                const char *last_id, struct reply *ret_refusal, struct hub_error *error)
{
    struct events *self = must(calloc(1, sizeof *self));
    int err;

    *ret_refusal = (struct reply){0};
    self->client = client;
    sse_init(&self->sse, on_event, self);
    list_init(&self->queue);
    buf_init(&self->last_id, BUF_NO_LIMIT);
    buf_append_c(&self->last_id, last_id ? last_id : "");
    buf_init(&self->refusal, REFUSAL_MAX);
    err = start(self, path, last_id, error);
    while (err == 0 && !self->transfer.done && !(status_of(self) == 200 && head_is_here(self))) {
        err = client_pump(client, 1000);
    }
    if (err == HUB_ERR_INTERRUPTED) {
        hub_fail(error, err, "interrupted");
    } else if (err == 0 && self->transfer.done && status_of(self) == 0) {
        err = client_explain(client, &self->transfer, error);
    } else if (err == 0 && status_of(self) != 200) {
        err = refuse(self, ret_refusal, error);
    }
    if (err < 0) {
        events_close(self);
        return err;
    }
    *ret_events = self;
    return 0;
}

void events_close(struct events *self)
{
    if (!self) {
        return;
    }
    client_stop(self->client, &self->transfer);
    LIST_FOR_EACH(link, &self->queue) {
        waiting_free(CONTAINER_OF(link, struct waiting, link));
    }
    waiting_free(self->current);
    sse_release(&self->sse);
    buf_release(&self->last_id);
    buf_release(&self->refusal);
    free(self);
}

static void give(struct events *self, struct event *ret_event)
{
    struct waiting *next = CONTAINER_OF(list_first(&self->queue), struct waiting, link);

    list_remove(&next->link);
    self->current = next;
    buf_clear(&self->last_id);
    buf_append_c(&self->last_id, next->id);
    *ret_event = (struct event){.name = str_from_c(next->name), .data = next->data};
}

int events_next(struct events *self, int timeout_ms, struct event *ret_event)
{
    int64_t until = clock_mono_ms() + timeout_ms;

    waiting_free(self->current);
    self->current = NULL;
    for (;;) {
        int64_t left = until - clock_mono_ms();

        if (!list_empty(&self->queue)) {
            give(self, ret_event);
            return 0;
        }
        if (self->transfer.done || self->broken) {
            return HUB_ERR_CLOSED;
        }
        if (left <= 0) {
            return HUB_ERR_AGAIN;
        }
        int err = client_pump(self->client, (int)left);
        if (err < 0) {
            return err;
        }
    }
}

const char *events_last_id(const struct events *self)
{
    return self->last_id.ptr ? self->last_id.ptr : "";
}
