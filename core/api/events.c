#include "api/events.h"

#include "api/batches.h"
#include "base/clock.h"
#include "base/list.h"

#include <stdlib.h>
#include <string.h>

#define PING_MS         15000
#define PAGE            500
#define WATCH_MS        500 /* between two looks at a batch */
#define SUBSCRIBERS_MAX 4096
#define EVENT_TEXT_MAX  2048
#define BATCH_TEXT_MAX  (2u << 20)

/* A stream. While it catches up it gets nothing live: it reads page after page of the outbox until
 * it has seen all that was published. */
struct subscriber {
    struct list link;
    struct api_call *call;
    uint64_t seq;    /* the last event looked at */
    uint64_t read;   /* the last one sent out of the outbox; unlike `seq` not what a client says */
    struct id job;   /* zero: all */
    struct id batch; /* not zero: how far it is, and nothing else */
    struct batch_record told; /* what was said of it last */
    struct str type;
    struct str queue;
    bool progress;
    bool catching_up;
    bool reading; /* a page is being read: the operation points here */
    bool full;    /* the socket takes no more for now */
    bool ended;
};

struct event_hub {
    struct api *api;
    struct list subscribers;
    unsigned count;
    uint64_t last_seq; /* published */
    uv_timer_t ping;
    uv_timer_t watch; /* runs while somebody follows a batch */
    unsigned watchers;
    unsigned open_timers;
};

static void read_page(struct subscriber *self);

/* --- Text --------------------------------------------------------------------------------------*/

/* What both kinds of event begin with. */
static void append_head(struct buf *out, const struct id *job, struct str type, struct str queue)
{
    char id[ID_TEXT_LEN + 1];

    id_format(job, id);
    buf_append_format(out, "\"job\":\"%s\",\"type\":", id);
    buf_append_json_string(out, type);
    buf_append_c(out, ",\"queue\":");
    buf_append_json_string(out, queue);
}

static void append_job_event(struct buf *out, const struct store_event *event)
{
    buf_append_format(out, "id: %llu\nevent: job\ndata: {\"seq\":%llu,",
                      (unsigned long long)event->seq, (unsigned long long)event->seq);
    append_head(out, &event->job, event->type, event->queue);
    buf_append_format(out, ",\"state\":\"%s\",\"attempt\":%u,\"at\":", job_state_name(event->state),
                      event->attempt);
    clock_append_json(out, event->at);
    buf_append_c(out, "}\n\n");
}

static void append_progress(struct buf *out, const struct jobs_event *event)
{
    buf_append_c(out, "event: progress\ndata: {");
    append_head(out, &event->id, event->type, event->queue);
    buf_append_format(out, ",\"fraction\":%u.%03u,\"message\":", event->permille / 1000,
                      event->permille % 1000);
    buf_append_json_string(out, event->message);
    buf_append_c(out, "}\n\n");
}

/* --- Subscribers -------------------------------------------------------------------------------*/

static bool wants(const struct subscriber *self, const struct id *job, struct str type,
                  struct str queue)
{
    return id_is_zero(&self->batch) && (id_is_zero(&self->job) || id_eq(&self->job, job)) &&
           (self->type.len == 0 || str_eq(self->type, type)) &&
           (self->queue.len == 0 || str_eq(self->queue, queue));
}

static void end_stream(struct subscriber *self)
{
    struct event_hub *hub = self->call->api->events;

    if (self->reading) { /* on_page() comes back here */
        self->ended = true;
        return;
    }
    list_remove(&self->link);
    hub->count--;
    if (!id_is_zero(&self->batch) && --hub->watchers == 0) {
        uv_timer_stop(&hub->watch);
    }
    http_stream_end(self->call->req); /* and the call, and this subscriber, are gone */
}

static void on_gone(struct http_request *req, void *context)
{
    (void)req;
    end_stream(context);
}

static void send_text(struct subscriber *self, struct str text)
{
    if (http_stream_write(self->call->req, text) > HTTP_STREAM_HIGH) {
        self->full = true;
    }
}

static void on_drain(struct http_request *req, void *context)
{
    struct subscriber *self = context;

    (void)req;
    self->full = false;
    if (self->catching_up && !self->reading) {
        read_page(self);
    }
}

/* --- Catching up -------------------------------------------------------------------------------*/

static void send_page(struct subscriber *self, const struct store_event_list *page)
{
    struct buf text;

    buf_init(&text, PAGE * EVENT_TEXT_MAX);
    if (self->seq > 0 && page->ret_oldest > self->seq + 1) {
        buf_append_c(&text, "event: reset\ndata: {}\n\n");
    }
    for (unsigned i = 0; i < page->ret_count; i++) {
        const struct store_event *event = &page->ret_events[i];
        if (wants(self, &event->job, event->type, event->queue)) {
            append_job_event(&text, event);
        }
        self->seq = self->read = event->seq;
    }
    if (text.len > 0 && !buf_failed(&text)) {
        send_text(self, buf_view(&text));
    }
    buf_release(&text);
}

static void on_page(struct store_op *op, void *context)
{
    struct subscriber *self = context;
    struct event_hub *hub = self->call->api->events;

    self->reading = false;
    if (self->ended || op->err < 0) {
        end_stream(self);
        return;
    }
    send_page(self, &op->event_list);
    /* What was committed is published after it: reaching last_seq means that nothing is missing. */
    if (op->event_list.ret_count < PAGE && self->seq >= hub->last_seq) {
        self->catching_up = false;
    } else if (!self->full) {
        read_page(self);
    }
}

static void read_page(struct subscriber *self)
{
    struct store_op *op = store_op_new(STORE_EVENT_LIST);

    if (op == NULL) {
        end_stream(self);
        return;
    }
    self->reading = true;
    op->event_list.after = self->seq;
    op->event_list.limit = PAGE;
    op->done = on_page;
    op->context = self;
    api_submit(self->call, op);
}

/* --- Following a batch -------------------------------------------------------------------------*/

static bool is_news(const struct subscriber *self, const struct batch_record *batch)
{
    const struct batch_record *told = &self->told;

    return batch->lines != told->lines || batch->finished_at != told->finished_at ||
           batch->stage != told->stage || batch->upload != told->upload ||
           batch->limits.paused != told->limits.paused || id_is_zero(&told->id) ||
           memcmp(batch->counts, told->counts, sizeof batch->counts) != 0;
}

static void on_watched(struct store_op *op, void *context)
{
    struct subscriber *self = context;
    const struct batch_record *batch = &op->batch_get.ret_batch;
    struct buf text;

    self->reading = false;
    if (self->ended || op->err < 0 || batch_hidden(batch)) {
        end_stream(self);
        return;
    }
    if (!is_news(self, batch)) {
        return;
    }
    self->told = *batch;
    buf_init(&text, BATCH_TEXT_MAX);
    buf_append_c(&text, "event: batch\ndata: ");
    render_batch(&text, self->call->api, batch, NULL, 0);
    buf_append_c(&text, "\n\n");
    if (!buf_failed(&text)) {
        send_text(self, buf_view(&text));
    }
    buf_release(&text);
}

static void watch(struct subscriber *self)
{
    struct store_op *op = self->reading || self->full ? NULL : store_op_new(STORE_BATCH_GET);

    if (op == NULL) {
        return; /* the next time */
    }
    self->reading = true;
    op->batch_get.id = self->batch;
    op->done = on_watched;
    op->context = self;
    api_submit(self->call, op);
}

static void on_watch(uv_timer_t *timer)
{
    struct event_hub *self = timer->data;

    LIST_FOR_EACH(link, &self->subscribers) {
        struct subscriber *subscriber = CONTAINER_OF(link, struct subscriber, link);
        if (!id_is_zero(&subscriber->batch)) {
            watch(subscriber);
        }
    }
}

static void begin_watch(struct subscriber *self)
{
    struct event_hub *hub = self->call->api->events;

    if (hub->watchers++ == 0) {
        uv_timer_start(&hub->watch, on_watch, WATCH_MS, WATCH_MS);
    }
    watch(self);
}

/* --- The handler -------------------------------------------------------------------------------*/

static bool read_filters(struct subscriber *self)
{
    struct api_call *call = self->call;
    struct str last = http_header(call->req, "last-event-id");
    struct str job, batch;

    if (!api_query(call, "job", &job) || !api_query(call, "batch", &batch) ||
        !api_query(call, "type", &self->type) || !api_query(call, "queue", &self->queue) ||
        !api_query_bool(call, "progress", true, &self->progress)) {
        return false;
    }
    if (job.ptr != NULL && !id_parse(job, &self->job)) {
        api_fail(call, HUB_ERR_BAD_REQUEST, "parameter job must be an id");
        return false;
    }
    if (batch.ptr != NULL && !id_parse(batch, &self->batch)) {
        api_fail(call, HUB_ERR_BAD_REQUEST, "parameter batch must be an id");
        return false;
    }
    if (last.ptr != NULL && !str_to_u64(last, INT64_MAX, &self->seq)) {
        api_fail(call, HUB_ERR_BAD_REQUEST, "Last-Event-ID must be a number");
        return false;
    }
    self->catching_up = last.ptr != NULL;
    return true;
}

void api_event_stream(struct api_call *call)
{
    struct event_hub *hub = call->api->events;
    struct subscriber *self = arena_zalloc(&call->req->arena, sizeof *self);
    struct http_response response;

    if (self == NULL || hub->count >= SUBSCRIBERS_MAX) {
        api_fail(call, HUB_ERR_UNAVAILABLE, "too many event streams");
        return;
    }
    if (call->api->phase != API_READY) {
        api_fail(call, HUB_ERR_UNAVAILABLE, "hubd is not ready");
        return;
    }
    self->call = call;
    if (!read_filters(self)) {
        return;
    }
    list_append(&hub->subscribers, &self->link);
    hub->count++;
    http_response_init(&response, 200);
    http_response_header(&response, "Content-Type", STR("text/event-stream"));
    http_response_header(&response, "Cache-Control", STR("no-store"));
    http_response_header(&response, "X-Accel-Buffering", STR("no"));
    http_on_gone(call->req, on_gone, self);
    http_stream_begin(call->req, &response, on_drain, self);
    send_text(self, STR("retry: 1000\n\n"));
    if (!id_is_zero(&self->batch)) {
        begin_watch(self);
    } else if (self->catching_up) {
        read_page(self);
    }
}

/* --- Publishing --------------------------------------------------------------------------------*/

static void publish_text(struct event_hub *self, const struct jobs_event *event, struct str text)
{
    LIST_FOR_EACH(link, &self->subscribers) {
        struct subscriber *subscriber = CONTAINER_OF(link, struct subscriber, link);

        if (subscriber->catching_up || !wants(subscriber, &event->id, event->type, event->queue) ||
            (event->is_progress && (!subscriber->progress || subscriber->full))) {
            continue;
        }
        if (!event->is_progress && event->seq <= subscriber->read) {
            continue; /* committed, and read out of the outbox, before it was published */
        }
        send_text(subscriber, text);
        if (subscriber->full && !event->is_progress) {
            /* It reads slowly: from here on out of the outbox, at its own pace. */
            subscriber->catching_up = true;
            subscriber->seq = event->seq;
        }
    }
}

void event_hub_publish(struct event_hub *self, const struct jobs_event *event)
{
    struct buf text;

    if (!event->is_progress) {
        self->last_seq = event->seq;
    }
    if (list_empty(&self->subscribers)) {
        return;
    }
    buf_init(&text, EVENT_TEXT_MAX);
    if (event->is_progress) {
        append_progress(&text, event);
    } else {
        append_job_event(&text, &(struct store_event){.seq = event->seq,
                                                      .job = event->id,
                                                      .state = event->state,
                                                      .attempt = event->attempt,
                                                      .at = event->at,
                                                      .type = event->type,
                                                      .queue = event->queue});
    }
    if (!buf_failed(&text)) {
        publish_text(self, event, buf_view(&text));
    }
    buf_release(&text);
}

void event_hub_end_all(struct event_hub *self)
{
    LIST_FOR_EACH(link, &self->subscribers) {
        end_stream(CONTAINER_OF(link, struct subscriber, link));
    }
}

/* --- Life --------------------------------------------------------------------------------------*/

static void on_ping(uv_timer_t *timer)
{
    struct event_hub *self = timer->data;

    LIST_FOR_EACH(link, &self->subscribers) {
        struct subscriber *subscriber = CONTAINER_OF(link, struct subscriber, link);
        if (!subscriber->full) {
            send_text(subscriber, STR(": ping\n\n"));
        }
    }
}

int event_hub_new(struct api *api, struct event_hub **ret_self)
{
    struct event_hub *self = calloc(1, sizeof *self);

    if (self == NULL) {
        return HUB_ERR_NOMEM;
    }
    self->api = api;
    list_init(&self->subscribers);
    uv_timer_init(api->deps.loop, &self->ping);
    self->ping.data = self;
    uv_timer_start(&self->ping, on_ping, PING_MS, PING_MS);
    uv_timer_init(api->deps.loop, &self->watch);
    self->watch.data = self;
    self->open_timers = 2;
    *ret_self = self;
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    struct event_hub *self = handle->data;

    if (--self->open_timers == 0) {
        free(self);
    }
}

void event_hub_close(struct event_hub *self)
{
    if (self != NULL) {
        uv_close((uv_handle_t *)&self->ping, on_closed);
        uv_close((uv_handle_t *)&self->watch, on_closed);
    }
}
