#include "http/chars.h"
#include "http/internal.h"

#include <string.h>

/* --- An answer under construction --------------------------------------------------------------*/

void http_response_init(struct http_response *self, int status)
{
    self->status = status;
    self->header_count = 0;
    self->body = (struct str){NULL, 0};
}

/* What only the server may say, because it does the framing. */
static bool is_the_servers(struct str name)
{
    static const struct str NAMES[] = {STR_INIT("date"), STR_INIT("content-length"),
                                       STR_INIT("transfer-encoding"), STR_INIT("connection")};
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        if (str_eq_nocase(name, NAMES[i])) {
            return true;
        }
    }
    return false;
}

void http_response_header(struct http_response *self, const char *name, struct str value)
{
    struct str field = str_from_c(name);
    bool is_good = self->header_count < HTTP_RESPONSE_HEADERS_MAX && field.len > 0 &&
                   chars_are(field, CHAR_TOKEN) && chars_are(value, CHAR_FIELD) &&
                   !is_the_servers(field);
    assert(is_good);
    if (is_good) {
        self->headers[self->header_count++] = (struct http_header){field, value};
    }
}

/* --- The head ----------------------------------------------------------------------------------*/

static const struct {
    int status;
    const char *reason;
} REASONS[] = {
    {200, "OK"},
    {202, "Accepted"},
    {201, "Created"},
    {204, "No Content"},
    {206, "Partial Content"},
    {304, "Not Modified"},
    {303, "See Other"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Content"},
    {426, "Upgrade Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
};

/* The reason may be empty (RFC 9112 §4). */
static const char *reason_of(int status)
{
    for (size_t i = 0; i < sizeof REASONS / sizeof REASONS[0]; i++) {
        if (REASONS[i].status == status) {
            return REASONS[i].reason;
        }
    }
    return "";
}

bool answer_has_no_body(const struct http_exchange *self, int status)
{
    return self->req.method == HTTP_HEAD || status == 204 || status == 304;
}

static void append_field(struct buf *head, struct str name, struct str value)
{
    buf_append_str(head, name);
    buf_append(head, ": ", 2);
    buf_append_str(head, value);
    buf_append(head, "\r\n", 2);
}

/* Writes the head into server->head. */
static struct str write_head(struct http_exchange *self, const struct http_response *response,
                             int64_t length)
{
    struct http_server *server = self->server;
    struct buf *head = &server->head;
    buf_clear(head);
    buf_append(head, "HTTP/1.1 ", 9);
    buf_append_u64(head, (uint64_t)response->status);
    buf_append_char(head, ' ');
    buf_append_c(head, reason_of(response->status));
    buf_append(head, "\r\nDate: ", 8);
    buf_append(head, server_date(server), 29);
    buf_append(head, "\r\n", 2);
    for (unsigned i = 0; i < response->header_count; i++) {
        append_field(head, response->headers[i].name, response->headers[i].value);
    }
    /* RFC 9110 §8.6: none in a 204; in a 304 only if it is known what a 200 would have had. */
    if (length >= 0 && response->status != 204 && (response->status != 304 || length > 0)) {
        buf_append(head, "Content-Length: ", 16);
        buf_append_u64(head, (uint64_t)length);
        buf_append(head, "\r\n", 2);
    }
    if (self->answer.is_chunked) {
        append_field(head, STR("Transfer-Encoding"), STR("chunked"));
    }
    if (self->req.connection->close_after) {
        append_field(head, STR("Connection"), STR("close"));
    }
    buf_append(head, "\r\n", 2);
    server->stats.responses[response->status / 100 % 6]++;
    return buf_view(head);
}

/* --- Sending -----------------------------------------------------------------------------------*/

/* Would the rest of the request's body be longer to wait for than a new connection? */
static bool rest_is_too_long(const struct body *body)
{
    if (body->is_complete) {
        return false;
    }
    /* Who waits for "100 Continue" and gets a final answer may or may not send the body now
     * (RFC 9110 §10.1.1), so nobody can tell where the next request begins. */
    return body->owes_continue || body->left > HTTP_REST_MAX;
}

struct http_connection *answer_begin(struct http_exchange *self, enum answer_kind kind)
{
    ASSERT_THREAD(THREAD_LOOP);
    assert(self->answer.kind == ANSWER_NONE);
    self->answer.kind = kind;
    struct http_connection *conn = exchange_connection(self);
    if (conn == NULL) {
        if (self->req.connection == NULL && kind != ANSWER_STREAM) {
            exchange_release(self);
        }
        return NULL;
    }
    struct http_server *server = self->server;
    unsigned max = server->limits.requests_per_connection_max;
    conn->close_after = !self->req.keep_alive || server->is_draining || conn->has_eof ||
                        (max != 0 && conn->requests >= max) || rest_is_too_long(&self->body);
    if (self->body.mode != BODY_FAILED) {
        self->body.mode = BODY_DISCARD;
    }
    self->body.limit = self->body.received + HTTP_REST_MAX;
    connection_move(conn, CONN_ANSWER);
    return conn;
}

void answer_progress(struct http_connection *conn)
{
    if (conn->state == CONN_CLOSING || conn->exchange == NULL) {
        return;
    }
    bool is_waiting = output_waiting(conn) > 0;
    connection_watch_output(conn, is_waiting);
    struct http_exchange *exchange = conn->exchange;
    switch (exchange->answer.kind) {
    case ANSWER_NONE:
        return; /* it was a "100 Continue" */
    case ANSWER_STREAM:
        stream_progress(exchange);
        return;
    case ANSWER_FILE:
        if (!is_waiting) {
            file_send_progress(exchange);
        }
        return;
    case ANSWER_MEMORY:
        if (!is_waiting) {
            connection_answered(conn);
        }
    }
}

void answer_send(struct http_exchange *self, const struct http_response *response, int64_t length,
                 struct str body)
{
    struct http_connection *conn = self->req.connection;
    struct str head = write_head(self, response, length);
    if (buf_failed(&self->server->head)) {
        connection_close(conn);
        return;
    }
    uv_buf_t bufs[2] = {{.base = (char *)head.ptr, .len = head.len},
                        {.base = (char *)body.ptr, .len = body.len}};
    output_send(conn, bufs, body.len > 0 ? 2 : 1);
    answer_progress(conn);
}

void http_respond(struct http_request *req, const struct http_response *response)
{
    struct http_exchange *self = exchange_of(req);
    if (answer_begin(self, ANSWER_MEMORY) == NULL) {
        return;
    }
    bool has_no_body = answer_has_no_body(self, response->status);
    answer_send(self, response, (int64_t)response->body.len,
                has_no_body ? (struct str){NULL, 0} : response->body);
}
