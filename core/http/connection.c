#include "http/internal.h"
#include "http/problem.h"

#include <stdlib.h>
#include <sys/socket.h>

/* --- States ------------------------------------------------------------------------------------*/

static bool step_head(struct http_connection *self, struct str *in);
static bool step_idle(struct http_connection *self, struct str *in);
static bool step_request(struct http_connection *self, struct str *in);
static bool step_answer(struct http_connection *self, struct str *in);
static bool step_drain(struct http_connection *self, struct str *in);
static bool step_linger(struct http_connection *self, struct str *in);

#define NO_DEADLINE DEADLINE_KIND_COUNT
#define TO(state)   (1u << CONN_##state)

/*
 * All about a state. `step` takes what it can use from the input and tells whether it is worth
 * calling the (perhaps new) state's step again. `next` are the states that may follow; every state
 * may be followed by CLOSING.
 */
static const struct {
    bool (*step)(struct http_connection *self, struct str *in);
    enum deadline_kind deadline; /* for reading; a request's depends on its body */
    unsigned next;
} STATES[CONN_STATE_COUNT] = {
    [CONN_HEAD] = {step_head, DEADLINE_HEAD, TO(REQUEST)},
    [CONN_IDLE] = {step_idle, DEADLINE_IDLE, TO(HEAD)},
    [CONN_REQUEST] = {step_request, NO_DEADLINE, TO(ANSWER)},
    [CONN_ANSWER] = {step_answer, NO_DEADLINE, TO(DRAIN) | TO(LINGER)},
    [CONN_DRAIN] = {step_drain, DEADLINE_REST, TO(IDLE) | TO(LINGER)},
    [CONN_LINGER] = {step_linger, DEADLINE_REST, 0},
    [CONN_CLOSING] = {NULL, NO_DEADLINE, 0},
};

void connection_move(struct http_connection *self, enum connection_state next)
{
    assert(next == CONN_CLOSING || (STATES[self->state].next & (1u << next)) != 0);
    self->state = next;
    if (STATES[next].deadline == NO_DEADLINE) {
        deadline_clear(&self->read_deadline);
    } else {
        server_set_deadline(self->server, &self->read_deadline, STATES[next].deadline);
    }
}

/* Would more bytes get it any further? */
static bool needs_input(const struct http_connection *self)
{
    switch (self->state) {
    case CONN_REQUEST:
        return body_is_wanted(&self->exchange->body);
    case CONN_ANSWER:
        return self->close_after || !self->exchange->body.is_complete;
    case CONN_CLOSING:
        return false;
    default:
        return true;
    }
}

/* --- Reading -----------------------------------------------------------------------------------*/

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)suggested;
    struct http_connection *self = CONTAINER_OF(handle, struct http_connection, handle);
    size_t len = needs_input(self) ? HTTP_READ_MAX : HTTP_READ_AHEAD_MAX;
    *buf = uv_buf_init(self->server->read_buffer, (unsigned)len);
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buf);

/* Reads when bytes are needed, and a little ahead otherwise, which is how a client that leaves is
 * noticed; but no more while bytes wait to be used: from there on TCP holds the client back. */
static void update_reading(struct http_connection *self)
{
    if (self->state == CONN_CLOSING || self->is_processing) {
        return;
    }
    bool wanted = !self->has_eof && (needs_input(self) || self->input.len == 0);
    if (wanted == self->is_reading) {
        return;
    }
    self->is_reading = wanted;
    if (!wanted) {
        uv_read_stop(&self->stream);
    } else if (uv_read_start(&self->stream, on_alloc, on_read) < 0) {
        connection_close(self);
    }
}

/* Keeps what was not used. `in` is what processing began with. */
static void keep_rest(struct http_connection *self, struct str in, struct str rest)
{
    bool was_kept = self->input.len > 0 && in.ptr == self->input.ptr;
    if (rest.len == 0 || self->state == CONN_CLOSING) {
        buf_release(&self->input);
    } else if (was_kept) {
        buf_consume(&self->input, in.len - rest.len);
    } else {
        buf_append(&self->input, rest.ptr, rest.len);
    }
    if (buf_failed(&self->input)) {
        connection_close(self);
    }
}

static void process(struct http_connection *self, struct str in)
{
    struct str rest = in;
    self->is_processing = true;
    self->rest = &rest;
    while (STATES[self->state].step != NULL && STATES[self->state].step(self, &rest)) {
    }
    self->rest = NULL;
    self->is_processing = false;
    keep_rest(self, in, rest);
    /* What is on its way out may still arrive; everything else waits for bytes in vain. */
    if (self->has_eof && self->state != CONN_ANSWER && needs_input(self)) {
        connection_close(self);
    }
    update_reading(self);
}

void connection_kick(struct http_connection *self)
{
    if (!self->is_processing && self->state != CONN_CLOSING) {
        process(self, buf_view(&self->input));
    }
}

size_t connection_unread(const struct http_connection *self)
{
    return self->rest != NULL ? self->rest->len : self->input.len;
}

/* The client has shut its side. It may still read (RFC 9112 §9.6 lets it), so an answer that is
 * due is sent; but who waits on its behalf is told, since most clients that do this are gone. */
static void on_eof(struct http_connection *self)
{
    self->has_eof = true;
    connection_kick(self);
    if (self->state == CONN_REQUEST ||
        (self->state == CONN_ANSWER && self->exchange->answer.kind == ANSWER_STREAM &&
         !self->exchange->answer.is_ended)) {
        exchange_tell_gone(self->exchange);
    }
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buf)
{
    struct http_connection *self = CONTAINER_OF(stream, struct http_connection, stream);
    if (got == UV_EOF) {
        on_eof(self);
    } else if (got < 0) {
        connection_close(self);
    } else if (got > 0) {
        struct str in = {buf->base, (size_t)got};
        self->server->stats.bytes_in += in.len;
        if (self->input.len > 0) {
            buf_append(&self->input, in.ptr, in.len);
            in = buf_view(&self->input);
        }
        process(self, in);
    }
}

/* --- Steps -------------------------------------------------------------------------------------*/

static void take(struct str *in, size_t len)
{
    *in = str_of(in->ptr + len, in->len - len);
}

static bool step_idle(struct http_connection *self, struct str *in)
{
    if (in->len == 0) {
        return false;
    }
    scan_init(&self->scan);
    connection_move(self, CONN_HEAD);
    return true;
}

/* Answers in the handlers' place; the connection ends with it. */
static void refuse(struct http_connection *self, int err, const char *why)
{
    struct http_request *req = &self->exchange->req;
    log_debug(self->server->log, "http", "request refused", "err=%s", hub_err_code(err));
    req->method = self->scan.method;
    req->keep_alive = false;
    http_respond_problem(req, err, why);
}

static bool step_head(struct http_connection *self, struct str *in)
{
    struct http_server *server = self->server;
    size_t len = 0;
    int got = scan_head(&self->scan, *in, &server->limits, &len);
    if (got == 0) {
        return false;
    }
    self->exchange = exchange_acquire(self);
    if (self->exchange == NULL) {
        connection_close(self);
        return false;
    }
    connection_move(self, CONN_REQUEST);
    self->requests++;
    const char *why = self->scan.why;
    if (got > 0) {
        got = exchange_read_head(self->exchange, str_of(in->ptr, len), &self->scan, &why);
        take(in, len);
    }
    if (got < 0) {
        server->stats.requests_malformed++;
        refuse(self, got, why);
        return true;
    }
    server->stats.requests++;
    server->on_request(&self->exchange->req, server->app);
    return true;
}

static bool step_request(struct http_connection *self, struct str *in)
{
    return body_feed(self->exchange, in);
}

static bool step_answer(struct http_connection *self, struct str *in)
{
    if (self->close_after) {
        take(in, in->len);
        return false;
    }
    return body_feed(self->exchange, in);
}

static void linger(struct http_connection *self)
{
    uv_os_fd_t fd;
    if (self->has_eof || uv_fileno(&self->handle, &fd) < 0) {
        connection_close(self);
        return;
    }
    /* RFC 9112 §9.6: shut our side, then listen until the client has seen the answer; closing with
     * unread bytes would reset the connection and may destroy the answer on its way. */
    shutdown(fd, SHUT_WR);
    connection_move(self, CONN_LINGER);
}

static bool step_drain(struct http_connection *self, struct str *in)
{
    bool changed = body_feed(self->exchange, in);
    if (self->state != CONN_DRAIN) {
        return true;
    }
    if (!self->exchange->body.is_complete) {
        return changed;
    }
    if (self->server->is_draining) {
        linger(self);
        return true;
    }
    exchange_release(self->exchange);
    self->exchange = NULL;
    connection_move(self, CONN_IDLE);
    return true;
}

static bool step_linger(struct http_connection *self, struct str *in)
{
    exchange_release(self->exchange);
    self->exchange = NULL;
    take(in, in->len);
    return false;
}

void connection_answered(struct http_connection *self)
{
    if (self->close_after) {
        linger(self);
    } else {
        connection_move(self, CONN_DRAIN);
    }
    connection_kick(self);
}

void connection_give_up_rest(struct http_connection *self)
{
    self->close_after = true;
    if (self->state == CONN_DRAIN) {
        linger(self);
    }
}

/* --- Deadlines ---------------------------------------------------------------------------------*/

void connection_watch_body(struct http_connection *self)
{
    if (self->state != CONN_REQUEST) {
        return;
    }
    if (!body_is_wanted(&self->exchange->body)) {
        deadline_clear(&self->read_deadline);
    } else if (!deadline_is_set(&self->read_deadline)) {
        server_set_deadline(self->server, &self->read_deadline, DEADLINE_BODY);
    }
    update_reading(self);
}

void connection_watch_output(struct http_connection *self, bool is_waiting)
{
    if (!is_waiting) {
        deadline_clear(&self->write_deadline);
    } else if (!deadline_is_set(&self->write_deadline)) {
        self->write_seen = output_taken(self);
        server_set_deadline(self->server, &self->write_deadline, DEADLINE_WRITE);
    }
}

static void head_due(struct http_connection *self)
{
    self->server->stats.requests_timed_out++;
    if (self->input.len == 0) {
        connection_close(self); /* it never said a word: nobody waits for an answer */
        return;
    }
    self->exchange = exchange_acquire(self);
    if (self->exchange == NULL) {
        connection_close(self);
        return;
    }
    connection_move(self, CONN_REQUEST);
    refuse(self, HUB_ERR_REQUEST_TIMEOUT, "the header block took too long");
    connection_kick(self);
}

static void body_due(struct http_connection *self)
{
    struct http_exchange *exchange = self->exchange;
    struct http_server *server = self->server;
    if (body_is_too_slow(&exchange->body, &server->limits, server_now_ms(server))) {
        server->stats.requests_timed_out++;
        body_fail(exchange, HUB_ERR_REQUEST_TIMEOUT, "the body came too slowly");
        connection_kick(self);
    } else {
        server_set_deadline(server, &self->read_deadline, DEADLINE_BODY);
    }
}

static void write_due(struct http_connection *self)
{
    if (output_taken(self) - self->write_seen < HTTP_WRITE_PROGRESS_MIN) {
        connection_close(self);
    } else {
        connection_watch_output(self, true);
    }
}

void connection_due(struct deadline *deadline, void *server)
{
    (void)server;
    struct http_connection *self;
    switch (deadline->kind) {
    case DEADLINE_WRITE:
        write_due(CONTAINER_OF(deadline, struct http_connection, write_deadline));
        return;
    case DEADLINE_HEAD:
        head_due(CONTAINER_OF(deadline, struct http_connection, read_deadline));
        return;
    case DEADLINE_BODY:
        body_due(CONTAINER_OF(deadline, struct http_connection, read_deadline));
        return;
    default:
        self = CONTAINER_OF(deadline, struct http_connection, read_deadline);
        connection_close(self);
    }
}

/* --- Birth and death ---------------------------------------------------------------------------*/

struct http_connection *connection_new(struct http_server *server, bool is_unix)
{
    struct http_connection *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return NULL;
    }
    int err = is_unix ? uv_pipe_init(server->loop, &self->pipe, 0)
                      : uv_tcp_init(server->loop, &self->tcp);
    if (err < 0) {
        free(self);
        return NULL;
    }
    self->server = server;
    self->peer.is_unix = is_unix;
    self->state = CONN_HEAD;
    buf_init(&self->input, BUF_NO_LIMIT);
    output_init(&self->output);
    deadline_init(&self->read_deadline);
    deadline_init(&self->write_deadline);
    list_append(&server->connections, &self->link);
    server_part_began(server);
    server->stats.connections_open++;
    return self;
}

void connection_start(struct http_connection *self)
{
    scan_init(&self->scan);
    server_set_deadline(self->server, &self->read_deadline, DEADLINE_HEAD);
    update_reading(self);
}

static void on_closed(uv_handle_t *handle)
{
    struct http_connection *self = CONTAINER_OF(handle, struct http_connection, handle);
    struct http_server *server = self->server;
    struct http_exchange *exchange = self->exchange;
    list_remove(&self->link);
    address_release(server, self->address);
    server->stats.connections_open--;
    buf_release(&self->input);
    output_release(&self->output);
    free(self);
    if (exchange != NULL) {
        exchange_cut_loose(exchange);
    }
    server_part_ended(server);
}

void connection_close(struct http_connection *self)
{
    if (self->state == CONN_CLOSING) {
        return;
    }
    connection_move(self, CONN_CLOSING);
    deadline_clear(&self->write_deadline);
    if (self->exchange != NULL) {
        file_send_abandon(self->exchange);
    }
    uv_close(&self->handle, on_closed);
}

void connection_drain(struct http_connection *self)
{
    if (self->state == CONN_IDLE) {
        connection_close(self);
    } else if (self->state == CONN_HEAD && self->input.len == 0) {
        /* Its first request may be on the way, but is not waited for long. */
        server_set_deadline(self->server, &self->read_deadline, DEADLINE_REST);
    }
}
