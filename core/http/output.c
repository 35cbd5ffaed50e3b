#include "http/internal.h"

#include <stdlib.h>

/* The bytes of one uv_write(), which owns them until its callback. */
struct output_write {
    uv_write_t req;
    char *bytes;
    size_t len;
};

void output_init(struct output *self)
{
    *self = (struct output){0};
    buf_init(&self->pending, BUF_NO_LIMIT);
}

void output_release(struct output *self)
{
    buf_release(&self->pending);
}

size_t output_waiting(const struct http_connection *conn)
{
    return uv_stream_get_write_queue_size(&conn->stream) + conn->output.pending.len;
}

uint64_t output_taken(const struct http_connection *conn)
{
    return conn->output.accepted - output_waiting(conn);
}

static void write_pending(struct http_connection *conn);

static void on_written(uv_write_t *req, int status)
{
    struct output_write *write = CONTAINER_OF(req, struct output_write, req);
    struct http_connection *conn = CONTAINER_OF(req->handle, struct http_connection, stream);
    conn->output.active = NULL;
    if (status == 0) {
        conn->server->stats.bytes_out += write->len;
    }
    free(write->bytes);
    free(write);
    if (conn->state == CONN_CLOSING) {
        return;
    }
    if (status < 0) {
        connection_close(conn);
        return;
    }
    write_pending(conn);
    answer_progress(conn);
}

/* Hands what has been collected to libuv, which writes when the socket takes it. */
static void write_pending(struct http_connection *conn)
{
    struct output *self = &conn->output;
    if (self->pending.len == 0 || self->active != NULL) {
        return;
    }
    struct output_write *write = malloc(sizeof *write);
    if (write == NULL) {
        connection_close(conn);
        return;
    }
    write->bytes = buf_steal(&self->pending, &write->len);
    self->active = write;
    uv_buf_t buf = uv_buf_init(write->bytes, (unsigned)write->len);
    if (uv_write(&write->req, &conn->stream, &buf, 1, on_written) < 0) {
        self->active = NULL;
        free(write->bytes);
        free(write);
        connection_close(conn);
    }
}

/* What the socket takes at once. Negative: the connection is broken. */
static ssize_t try_send(struct http_connection *conn, const uv_buf_t *bufs, unsigned count)
{
    if (output_waiting(conn) > 0) {
        return 0;
    }
    int sent = uv_try_write(&conn->stream, bufs, count);
    if (sent == UV_EAGAIN) {
        return 0;
    }
    if (sent > 0) {
        conn->server->stats.bytes_out += (size_t)sent;
    }
    return sent;
}

void output_send(struct http_connection *conn, const uv_buf_t *bufs, unsigned count)
{
    ssize_t sent = try_send(conn, bufs, count);
    if (sent < 0) {
        connection_close(conn);
        return;
    }
    size_t skip = (size_t)sent;
    for (unsigned i = 0; i < count; i++) {
        conn->output.accepted += bufs[i].len;
        if (skip >= bufs[i].len) {
            skip -= bufs[i].len;
            continue;
        }
        buf_append(&conn->output.pending, bufs[i].base + skip, bufs[i].len - skip);
        skip = 0;
    }
    if (buf_failed(&conn->output.pending)) {
        connection_close(conn);
        return;
    }
    write_pending(conn);
}
