#include "http/internal.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

/* Descriptors that are not for connections: the store, the runners, files being sent. */
#define DESCRIPTORS_RESERVED 128

void http_limits_default(struct http_limits *ret_limits)
{
    *ret_limits = (struct http_limits){
        .request_line_max = 8 * 1024,
        .headers_max = 16 * 1024,
        .header_count_max = 100,
        .connections_max = 0,
        .connections_per_address_max = 0,
        .header_ms = 10000,
        .idle_ms = 75000,
        .write_ms = 30000,
        .body_grace_ms = 5000,
        .body_min_rate = 1024,
        .requests_per_connection_max = 0,
    };
}

/* --- Time --------------------------------------------------------------------------------------*/

int64_t server_now_ms(const struct http_server *self)
{
    return (int64_t)uv_now(self->loop);
}

const char *server_date(struct http_server *self)
{
    int64_t now_ms = clock_wall_ms();
    if (now_ms / 1000 != self->date_s) {
        self->date_s = now_ms / 1000;
        clock_format_http(now_ms, self->date);
    }
    return self->date;
}

static void on_timer(uv_timer_t *timer);

/* The timer is only ever moved forward: a deadline that was cleared costs one idle tick at most,
 * and one that lies later than the next tick costs nothing. */
static void arm(struct http_server *self, int64_t at_ms)
{
    if (at_ms >= self->armed_at_ms || self->is_closing) {
        return;
    }
    int64_t after_ms = at_ms - server_now_ms(self);
    self->armed_at_ms = at_ms;
    uv_timer_start(&self->timer, on_timer, after_ms > 0 ? (uint64_t)after_ms : 0, 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct http_server *self = CONTAINER_OF(timer, struct http_server, timer);
    self->armed_at_ms = DEADLINE_NEVER;
    deadlines_sweep(&self->deadlines, server_now_ms(self));
    arm(self, deadlines_next(&self->deadlines));
}

void server_set_deadline(struct http_server *self, struct deadline *deadline,
                         enum deadline_kind kind)
{
    arm(self, deadline_set(&self->deadlines, deadline, kind, server_now_ms(self)));
}

static unsigned body_check_ms(const struct http_limits *limits)
{
    if (limits->body_min_rate == 0) {
        return 0;
    }
    return limits->body_grace_ms < 1000 ? limits->body_grace_ms + 1 : 1000;
}

static void init_deadlines(struct http_server *self)
{
    struct deadlines *d = &self->deadlines;
    deadlines_init(d, connection_due, self);
    d->kinds[DEADLINE_HEAD].after_ms = self->limits.header_ms;
    d->kinds[DEADLINE_IDLE].after_ms = self->limits.idle_ms;
    d->kinds[DEADLINE_BODY].after_ms = body_check_ms(&self->limits);
    d->kinds[DEADLINE_WRITE].after_ms = self->limits.write_ms;
    d->kinds[DEADLINE_REST].after_ms = HTTP_REST_MS;
    self->armed_at_ms = DEADLINE_NEVER;
}

/* --- Birth -------------------------------------------------------------------------------------*/

/* The caps that follow from the process or from each other. */
static void settle_limits(struct http_limits *limits)
{
    struct rlimit files;
    if (limits->connections_max == 0) {
        limits->connections_max = 1024;
        if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur > 2 * DESCRIPTORS_RESERVED) {
            limits->connections_max = files.rlim_cur > 1000000
                                          ? 1000000
                                          : (unsigned)files.rlim_cur - DESCRIPTORS_RESERVED;
        }
    }
    if (limits->connections_per_address_max == 0) {
        limits->connections_per_address_max = limits->connections_max - limits->connections_max / 4;
    }
}

/* libuv writes with writev(2), which raises SIGPIPE on a socket that the client has closed, as
 * sendfile(2) does; neither has a flag against it. */
static void ignore_sigpipe(void)
{
    struct sigaction action;
    if (sigaction(SIGPIPE, NULL, &action) == 0 && action.sa_handler == SIG_DFL) {
        action.sa_handler = SIG_IGN;
        sigaction(SIGPIPE, &action, NULL);
    }
}

int http_server_new(uv_loop_t *loop, const struct http_limits *limits, struct log *log,
                    http_request_fn *on_request, void *app, struct http_server **ret_server,
                    struct hub_error *error)
{
    struct http_server *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return hub_fail(error, HUB_ERR_NOMEM, "no memory for the HTTP server");
    }
    ignore_sigpipe();
    self->loop = loop;
    self->limits = *limits;
    self->log = log;
    self->on_request = on_request;
    self->app = app;
    settle_limits(&self->limits);
    list_init(&self->listeners);
    list_init(&self->connections);
    list_init(&self->free_exchanges);
    map_init(&self->addresses);
    buf_init(&self->head, HTTP_READ_MAX);
    init_deadlines(self);
    uv_timer_init(loop, &self->timer);
    uv_idle_init(loop, &self->next_turn);
    server_part_began(self);
    server_part_began(self);
    *ret_server = self;
    return 0;
}

/* --- End ---------------------------------------------------------------------------------------*/

static void server_free(struct http_server *self)
{
    LIST_FOR_EACH(link, &self->free_exchanges) {
        struct http_exchange *exchange = CONTAINER_OF(link, struct http_exchange, link);
        buf_release(&exchange->body.bytes);
        free(exchange);
    }
    buf_release(&self->head);
    map_release(&self->addresses);
    free(self);
}

static void tell_drained(struct http_server *self)
{
    void (*on_drained)(void *) = self->on_drained;
    if (on_drained != NULL && list_empty(&self->connections) && self->exchanges == 0) {
        self->on_drained = NULL;
        on_drained(self->drained_context);
    }
}

void server_part_began(struct http_server *self)
{
    self->parts++;
}

void server_part_ended(struct http_server *self)
{
    self->parts--;
    if (self->parts == 0 && self->is_closing) {
        void (*on_closed)(void *context) = self->on_closed;
        void *context = self->closed_context;
        server_free(self);
        if (on_closed != NULL) {
            on_closed(context);
        }
        return;
    }
    tell_drained(self);
}

void http_server_drain(struct http_server *self, void (*on_drained)(void *context), void *context)
{
    ASSERT_THREAD(THREAD_LOOP);
    self->is_draining = true;
    self->on_drained = on_drained;
    self->drained_context = context;
    listeners_close(self);
    LIST_FOR_EACH(link, &self->connections) {
        connection_drain(CONTAINER_OF(link, struct http_connection, link));
    }
    tell_drained(self);
}

static void on_handle_closed(uv_handle_t *handle)
{
    server_part_ended(handle->data);
}

void http_server_close(struct http_server *self, void (*on_closed)(void *context), void *context)
{
    if (self == NULL || self->is_closing) {
        return;
    }
    ASSERT_THREAD(THREAD_LOOP);
    self->is_closing = true;
    self->on_drained = NULL;
    self->on_closed = on_closed;
    self->closed_context = context;
    listeners_close(self);
    LIST_FOR_EACH(link, &self->connections) {
        connection_close(CONTAINER_OF(link, struct http_connection, link));
    }
    self->timer.data = self;
    self->next_turn.data = self;
    uv_close((uv_handle_t *)&self->timer, on_handle_closed);
    uv_close((uv_handle_t *)&self->next_turn, on_handle_closed);
}

const struct http_stats *http_server_stats(const struct http_server *self)
{
    return &self->stats;
}
