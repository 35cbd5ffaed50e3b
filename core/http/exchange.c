#include "http/internal.h"
#include "http/method.h"
#include "http/parse.h"

#include <stdlib.h>
#include <string.h>

struct http_exchange *exchange_acquire(struct http_connection *conn)
{
    struct http_server *server = conn->server;
    struct list *link = list_first(&server->free_exchanges);
    struct http_exchange *self;
    struct buf bytes = {0};
    if (link != NULL) {
        self = CONTAINER_OF(link, struct http_exchange, link);
        list_remove(link);
        server->free_exchange_count--;
        bytes = self->body.bytes;
    } else {
        self = malloc(sizeof *self);
        if (self == NULL) {
            return NULL;
        }
        buf_init(&bytes, BUF_NO_LIMIT);
    }
    memset(self, 0, sizeof *self);
    self->server = server;
    self->body.bytes = bytes;
    self->body.is_complete = true;
    list_init(&self->link);
    self->req.connection = conn;
    self->req.content_length = -1;
    arena_init(&self->req.arena, HTTP_ARENA_MAX);
    server->exchanges++;
    server_part_began(server);
    return self;
}

void exchange_release(struct http_exchange *self)
{
    if (self == NULL) {
        return;
    }
    struct http_server *server = self->server;
    arena_release(&self->req.arena);
    body_release(&self->body);
    if (server->free_exchange_count < HTTP_EXCHANGES_KEPT && !server->is_closing) {
        list_prepend(&server->free_exchanges, &self->link);
        server->free_exchange_count++;
    } else {
        buf_release(&self->body.bytes);
        free(self);
    }
    server->exchanges--;
    server_part_ended(server);
}

/* Two readers, one request: where the scanner and llhttp differ there is something to be exploited,
 * whichever of them is right. */
static bool readers_agree(const struct scan *scan, const struct parsed_head *head)
{
#ifdef HUB_HTTP_LENIENT
    (void)scan;
    (void)head;
    return true;
#else
    return head->is_chunked == scan_has(scan, SCAN_TRANSFER_ENCODING) &&
           head->has_content_length == scan_has(scan, SCAN_CONTENT_LENGTH) &&
           head->content_length == scan->content_length &&
           head->header_count == scan->field_count &&
           head->version_minor == (scan->is_http_1_0 ? 0 : 1);
#endif
}

static void take_head(struct http_exchange *self, const struct parsed_head *head,
                      const struct http_header *headers)
{
    struct http_request *req = &self->req;
    struct str query = head->target;
    req->target = head->target;
    req->path = str_split(&query, '?');
    req->query = query;
    req->headers = headers;
    req->header_count = head->header_count;
    req->content_length =
        head->has_content_length && !head->is_chunked ? (int64_t)head->content_length : -1;
    req->has_body = head->is_chunked || req->content_length > 0;
    req->keep_alive = !head->wants_close;
    req->peer = req->connection->peer;
    self->is_http_1_0 = head->version_minor == 0;
    req->started_ns = clock_mono_ns();
}

int exchange_read_head(struct http_exchange *self, struct str block, const struct scan *scan,
                       const char **ret_why)
{
    struct arena *arena = &self->req.arena;
    struct str copy = arena_str(arena, block);
    unsigned room = scan->field_count;
    struct http_header *headers = arena_alloc(arena, (room + 1) * sizeof *headers);
    if (copy.ptr == NULL || headers == NULL) {
        *ret_why = "out of memory";
        return HUB_ERR_NOMEM;
    }
    struct parsed_head head;
    int err = parse_head(copy, headers, room, &head);
    if (err < 0 || !readers_agree(scan, &head)) {
        *ret_why = "the request is malformed";
        return err < 0 ? err : HUB_ERR_BAD_REQUEST;
    }
    if (!method_lookup(head.method, &self->req.method)) {
        *ret_why = "the method is not known here";
        return HUB_ERR_NOT_IMPLEMENTED;
    }
    take_head(self, &head, headers);
    body_init(&self->body, &self->req, head.is_chunked, scan->expects_continue,
              self->server->limits.headers_max);
    return 0;
}

void exchange_tell_gone(struct http_exchange *self)
{
    if (self->on_gone != NULL && !self->gone_told) {
        self->gone_told = true;
        self->on_gone(&self->req, self->gone_context);
    }
}

void exchange_cut_loose(struct http_exchange *self)
{
    enum answer_kind kind = self->answer.kind;
    self->req.connection = NULL;
    bool is_answered = kind == ANSWER_MEMORY || kind == ANSWER_FILE ||
                       (kind == ANSWER_STREAM && self->answer.is_ended);
    if (is_answered || (self->body.mode == BODY_COLLECT && !self->body.is_complete)) {
        exchange_release(self);
        return;
    }
    if (kind == ANSWER_NONE && self->body.mode == BODY_STREAM && !self->body.is_complete) {
        self->gone_told = true;
        body_fail(self, HUB_ERR_CLOSED, "the client went away");
        return;
    }
    exchange_tell_gone(self);
}

/* --- What a handler may ask --------------------------------------------------------------------*/

static const struct http_header *find_header(const struct http_request *req, struct str name,
                                             unsigned from)
{
    for (unsigned i = from; i < req->header_count; i++) {
        if (req->headers[i].name.len == name.len && str_eq_nocase(req->headers[i].name, name)) {
            return &req->headers[i];
        }
    }
    return NULL;
}

struct str http_header(const struct http_request *req, const char *name)
{
    const struct http_header *header = find_header(req, str_from_c(name), 0);
    return header == NULL ? (struct str){NULL, 0} : header->value;
}

bool http_header_repeated(const struct http_request *req, const char *name)
{
    const struct http_header *first = find_header(req, str_from_c(name), 0);
    return first != NULL &&
           find_header(req, str_from_c(name), (unsigned)(first - req->headers) + 1) != NULL;
}

void http_on_gone(struct http_request *req, http_gone_fn *on_gone, void *context)
{
    ASSERT_THREAD(THREAD_LOOP);
    struct http_exchange *self = exchange_of(req);
    self->on_gone = on_gone;
    self->gone_context = context;
}

bool http_is_gone(const struct http_request *req)
{
    const struct http_connection *conn = req->connection;
    return conn == NULL || conn->state == CONN_CLOSING || conn->has_eof;
}
