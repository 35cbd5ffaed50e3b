#include "http/internal.h"

#include <stdio.h>

void http_stream_begin(struct http_request *req, const struct http_response *response,
                       http_drain_fn *on_drain, void *context)
{
    struct http_exchange *self = exchange_of(req);
    struct answer *answer = &self->answer;
    answer->on_drain = on_drain;
    answer->drain_context = context;
    if (answer_begin(self, ANSWER_STREAM) == NULL) {
        return;
    }
    answer->is_body_less = answer_has_no_body(self, response->status);
    /* An HTTP/1.0 client knows no chunks; it takes the end of the connection for the end. */
    answer->is_chunked = !self->is_http_1_0 && !answer->is_body_less;
    answer_send(self, response, -1, (struct str){NULL, 0});
}

static void send_chunk(struct http_connection *conn, bool is_chunked, struct str bytes)
{
    char size[24];
    int len = is_chunked ? snprintf(size, sizeof size, "%zx\r\n", bytes.len) : 0;
    uv_buf_t bufs[3] = {uv_buf_init(size, (unsigned)len),
                        {.base = (char *)bytes.ptr, .len = bytes.len},
                        uv_buf_init((char *)"\r\n", 2)};
    if (is_chunked) {
        output_send(conn, bufs, 3);
    } else {
        output_send(conn, &bufs[1], 1);
    }
}

size_t http_stream_write(struct http_request *req, struct str bytes)
{
    ASSERT_THREAD(THREAD_LOOP);
    struct http_exchange *self = exchange_of(req);
    struct http_connection *conn = exchange_connection(self);
    assert(self->answer.kind == ANSWER_STREAM && !self->answer.is_ended);
    if (conn == NULL || self->answer.is_body_less) {
        return 0;
    }
    /* An empty chunk would be the end. */
    if (bytes.len > 0) {
        send_chunk(conn, self->answer.is_chunked, bytes);
    }
    if (conn->state == CONN_CLOSING) {
        return 0;
    }
    size_t waiting = output_waiting(conn);
    if (waiting > HTTP_STREAM_MAX) {
        connection_close(conn);
        return 0;
    }
    self->answer.is_full = self->answer.is_full || waiting > HTTP_STREAM_HIGH;
    connection_watch_output(conn, waiting > 0);
    return waiting;
}

void http_stream_end(struct http_request *req)
{
    ASSERT_THREAD(THREAD_LOOP);
    struct http_exchange *self = exchange_of(req);
    struct http_connection *conn = exchange_connection(self);
    assert(self->answer.kind == ANSWER_STREAM && !self->answer.is_ended);
    self->answer.is_ended = true;
    if (req->connection == NULL) {
        exchange_release(self);
        return;
    }
    if (conn == NULL) {
        return;
    }
    if (self->answer.is_chunked) {
        static const char LAST_CHUNK[] = "0\r\n\r\n";
        uv_buf_t buf = uv_buf_init((char *)LAST_CHUNK, sizeof LAST_CHUNK - 1);
        output_send(conn, &buf, 1);
    }
    answer_progress(conn);
}

void http_stream_cut(struct http_request *req)
{
    ASSERT_THREAD(THREAD_LOOP);
    struct http_connection *conn = exchange_connection(exchange_of(req));
    if (conn != NULL) {
        connection_close(conn);
    }
}

void stream_progress(struct http_exchange *exchange)
{
    struct answer *answer = &exchange->answer;
    size_t waiting = output_waiting(exchange->req.connection);
    if (answer->is_ended) {
        if (waiting == 0) {
            connection_answered(exchange->req.connection);
        }
        return;
    }
    if (answer->is_full && waiting <= HTTP_STREAM_HIGH / 2) {
        answer->is_full = false;
        if (answer->on_drain != NULL) {
            answer->on_drain(&exchange->req, answer->drain_context);
        }
    }
}
