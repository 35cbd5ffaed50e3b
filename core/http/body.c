#include "http/internal.h"
#include "http/problem.h"

#include <string.h>

/* A body buffer up to this size is kept with its exchange for the next request. */
#define BODY_BUFFER_KEPT 4096

void body_init(struct body *self, const struct http_request *req, bool is_chunked,
               bool expects_continue, size_t trailers_max)
{
    self->is_chunked = is_chunked;
    self->is_complete = !req->has_body;
    self->left = req->content_length > 0 ? (uint64_t)req->content_length : 0;
    self->owes_continue = expects_continue && req->has_body;
    chunk_decoder_init(&self->chunks, trailers_max);
}

void body_release(struct body *self)
{
    if (self->is_secret) {
        explicit_bzero(self->bytes.ptr, self->bytes.len);
        self->is_secret = false;
    }
    if (self->bytes.cap > BODY_BUFFER_KEPT) {
        buf_release(&self->bytes);
    }
    buf_clear(&self->bytes);
}

bool body_is_wanted(const struct body *self)
{
    return !self->is_complete && !self->is_paused &&
           (self->mode == BODY_COLLECT || self->mode == BODY_STREAM);
}

bool body_is_too_slow(const struct body *self, const struct http_limits *limits, int64_t now_ms)
{
    int64_t counted_ms = now_ms - self->began_ms - limits->body_grace_ms;
    return counted_ms > 0 &&
           self->received * 1000 < (uint64_t)counted_ms * (uint64_t)limits->body_min_rate;
}

/* --- Ends --------------------------------------------------------------------------------------*/

static void refuse(struct http_exchange *exchange, int err, const char *why)
{
    exchange->req.keep_alive = false;
    http_respond_problem(&exchange->req, err, why);
}

void body_fail(struct http_exchange *exchange, int err, const char *why)
{
    struct body *self = &exchange->body;
    enum body_mode mode = self->mode;
    exchange->req.keep_alive = false;
    self->mode = BODY_FAILED;
    if (mode == BODY_COLLECT) {
        refuse(exchange, err, why);
    } else if (mode == BODY_STREAM) {
        self->on_end(&exchange->req, err, self->context);
    } else if (exchange_connection(exchange) != NULL) {
        connection_give_up_rest(exchange->req.connection);
    }
}

static void complete(struct http_exchange *exchange)
{
    struct body *self = &exchange->body;
    enum body_mode mode = self->mode;
    self->is_complete = true;
    if (exchange->req.connection != NULL) {
        connection_watch_body(exchange->req.connection);
    }
    if (mode == BODY_COLLECT) {
        self->on_body(&exchange->req, buf_view(&self->bytes), self->context);
    } else if (mode == BODY_STREAM) {
        self->on_end(&exchange->req, 0, self->context);
    }
}

/* --- Bytes -------------------------------------------------------------------------------------*/

/* The next piece of data in `in`, without its framing. */
static int next_piece(struct body *self, struct str *in, struct str *ret_piece, bool *ret_at_end)
{
    if (self->is_chunked) {
        int err = chunk_decode(&self->chunks, in, ret_piece);
        *ret_at_end = chunk_done(&self->chunks);
        return err;
    }
    size_t len = in->len < self->left ? in->len : (size_t)self->left;
    *ret_piece = str_of(in->ptr, len);
    *in = str_of(in->ptr + len, in->len - len);
    self->left -= len;
    *ret_at_end = self->left == 0;
    return 0;
}

/* Gives a piece to whom it is for. A negative result ends the body. */
static int take_piece(struct http_exchange *exchange, struct str piece)
{
    struct body *self = &exchange->body;
    self->received += piece.len;
    if (piece.len == 0) {
        return 0;
    }
    if (self->received > self->limit) {
        return HUB_ERR_TOO_LARGE;
    }
    if (self->mode == BODY_COLLECT) {
        const struct http_request *req = &exchange->req;
        if (req->secret_body && self->bytes.len == 0 && req->content_length > 0) {
            /* Growing later would leave copies. */
            (void)buf_reserve(&self->bytes, (size_t)req->content_length);
        }
        buf_append(&self->bytes, piece.ptr, piece.len);
        if (req->secret_body) {
            self->is_secret = true;
            explicit_bzero((char *)piece.ptr, piece.len);
        }
        return buf_failed(&self->bytes) ? HUB_ERR_NOMEM : 0;
    }
    if (self->mode == BODY_STREAM) {
        self->on_chunk(&exchange->req, piece, self->context);
    }
    return 0;
}

static const char *why_refused(int err)
{
    switch (err) {
    case HUB_ERR_TOO_LARGE:
        return "the body is larger than is accepted here";
    case HUB_ERR_NOMEM:
        return "out of memory";
    default:
        return "the chunked body is malformed";
    }
}

bool body_feed(struct http_exchange *exchange, struct str *in)
{
    struct body *self = &exchange->body;
    bool changed = false;
    /* The handler may pause, answer, or see its client cut off inside its callback. */
    while (in->len > 0 &&
           (body_is_wanted(self) || (self->mode == BODY_DISCARD && !self->is_complete))) {
        if (exchange_connection(exchange) == NULL) {
            return true;
        }
        struct str piece;
        bool at_end;
        int err = next_piece(self, in, &piece, &at_end);
        self->owes_continue = false;
        if (err == 0) {
            err = take_piece(exchange, piece);
        } else {
            exchange->server->stats.requests_malformed++;
        }
        if (err < 0) {
            body_fail(exchange, err, why_refused(err));
            return true;
        }
        if (at_end) {
            complete(exchange);
            return true;
        }
        changed = true;
    }
    return changed;
}

/* --- What a handler may ask --------------------------------------------------------------------*/

/* RFC 9110 §10.1.1: only to a client that waits, and not once its body has begun to come. */
static void send_continue(struct http_exchange *exchange)
{
    struct http_connection *conn = exchange_connection(exchange);
    if (!exchange->body.owes_continue || conn == NULL) {
        return;
    }
    exchange->body.owes_continue = false;
    if (connection_unread(conn) == 0) {
        static const char LINE[] = "HTTP/1.1 100 Continue\r\n\r\n";
        uv_buf_t buf = uv_buf_init((char *)LINE, sizeof LINE - 1);
        output_send(conn, &buf, 1);
    }
}

/* Sets the body going after somebody asked for it. */
static void begin(struct http_exchange *exchange)
{
    struct body *self = &exchange->body;
    self->began_ms = server_now_ms(exchange->server);
    if (self->is_complete) {
        complete(exchange);
        return;
    }
    struct http_connection *conn = exchange_connection(exchange);
    if (conn == NULL) {
        return;
    }
    if (self->left > self->limit) {
        body_fail(exchange, HUB_ERR_TOO_LARGE, why_refused(HUB_ERR_TOO_LARGE));
        return;
    }
    send_continue(exchange);
    connection_watch_body(conn);
    connection_kick(conn);
}

void http_read_body(struct http_request *req, size_t limit, http_body_fn *on_body, void *context)
{
    ASSERT_THREAD(THREAD_LOOP);
    struct http_exchange *exchange = exchange_of(req);
    struct body *self = &exchange->body;
    self->mode = BODY_COLLECT;
    self->limit = limit;
    self->on_body = on_body;
    self->context = context;
    if (req->connection == NULL && !self->is_complete) {
        exchange_release(exchange);
        return;
    }
    begin(exchange);
}

void http_stream_body(struct http_request *req, uint64_t limit, http_chunk_fn *on_chunk,
                      http_body_end_fn *on_end, void *context)
{
    ASSERT_THREAD(THREAD_LOOP);
    struct http_exchange *exchange = exchange_of(req);
    struct body *self = &exchange->body;
    self->mode = BODY_STREAM;
    self->limit = limit;
    self->on_chunk = on_chunk;
    self->on_end = on_end;
    self->context = context;
    if (req->connection == NULL && !self->is_complete) {
        body_fail(exchange, HUB_ERR_CLOSED, "the client went away");
        return;
    }
    begin(exchange);
}

void http_body_pause(struct http_request *req)
{
    ASSERT_THREAD(THREAD_LOOP);
    struct http_exchange *exchange = exchange_of(req);
    if (exchange->body.is_paused) {
        return;
    }
    exchange->body.is_paused = true;
    exchange->body.paused_ms = server_now_ms(exchange->server);
    if (exchange_connection(exchange) != NULL) {
        connection_watch_body(req->connection);
    }
}

void http_body_resume(struct http_request *req)
{
    ASSERT_THREAD(THREAD_LOOP);
    struct http_exchange *exchange = exchange_of(req);
    struct body *self = &exchange->body;
    if (!self->is_paused) {
        return;
    }
    self->is_paused = false;
    self->began_ms += server_now_ms(exchange->server) - self->paused_ms;
    if (exchange_connection(exchange) != NULL) {
        connection_watch_body(req->connection);
        connection_kick(req->connection);
    }
}
