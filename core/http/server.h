/*
 * server.h — an HTTP/1.1 server on libuv and llhttp: strict, bounded, streaming both ways.
 *
 *     struct http_server *server;
 *     http_server_new(loop, &limits, log, on_request, app, &server, &err);
 *     http_server_listen_tcp(server, "127.0.0.1", 7480, &port, &err);
 *     http_server_listen_unix(server, "/run/hubd/hubd.sock", &err);
 *     …uv_run…
 *     http_server_drain(server);         // stop accepting, end keep-alives, finish what runs
 *     http_server_close(server, cb, …);  // when nothing is in flight, or the time is up
 *
 * A REQUEST'S LIFE. When a request's headers are complete and well-formed, the server calls
 * `on_request` once. The handler then either answers at once, or asks for the body first:
 *
 *     http_read_body(req, limit, on_body)       all of it, at most `limit` bytes, then on_body()
 *     http_stream_body(req, on_chunk, on_end)   piece by piece, with http_body_pause()/_resume()
 *
 * and answers, now or later, exactly once, with one of
 *
 *     http_respond(req, &response)              headers and a body from memory
 *     http_respond_file(req, &response, fd, …)  headers and part of a file, by sendfile(2)
 *     http_stream_begin(req, &response)         headers; then http_stream_write() and _end()
 *
 * The request stays valid until it has been answered (a stream: ended), even when the client has
 * gone meanwhile: then the answer leads nowhere and costs nothing. Who holds something expensive
 * for a request (a waiter) registers http_on_gone() to hear of it. After the answering call the
 * pointer is dead. What the server finds wrong before `on_request` (malformed, too large, too
 * slow) it answers itself, as problem+json, and closes.
 *
 * AN EARLY ANSWER. The request's body may still be coming when it is answered. A rest of up to
 * 64 KiB is dropped and the connection kept; with more to come the answer says `Connection: close`
 * and the client is listened to for a while, so that it sees the answer.
 *
 * STRICTNESS. The connection owns its bytes: a header block is collected whole, scanned against
 * RFC 9112 and RFC 9110, and only then parsed by llhttp; see scan.c for each rule with its section.
 * Where the two readings differ the request is refused. Chunked bodies are decoded by chunk.c.
 *
 * TIME. Headers must be complete `header_ms` after their first byte, or after the connection was
 * accepted; a body must keep up `body_min_rate` after a grace; an idle connection is closed after
 * `idle_ms`; a client that does not read its answer for `write_ms` is cut off. All deadlines are
 * absolute: sending a byte now and then does not move them, nor does taking one.
 *
 * SIGPIPE. libuv writes with writev(2), which cannot be told not to raise it; http_server_new()
 * ignores the signal for the process unless it is handled already. A child must be given its
 * default back (uv_spawn() does so).
 *
 * Thread: everything here is [loop].
 */
#ifndef HUB_HTTP_SERVER_H
#define HUB_HTTP_SERVER_H

#include "base/arena.h"
#include "base/error.h"
#include "base/log.h"
#include "base/str.h"
#include "http/header.h"

#include <sys/types.h>
#include <uv.h>

struct http_server;
struct http_request;
struct http_connection;

/* Methods that the server knows; any other token is answered 501 (RFC 9110 §15.6.2). */
enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_PATCH,
    HTTP_DELETE,
    HTTP_OPTIONS,
    HTTP_METHOD_COUNT
};

const char *http_method_name(enum http_method method);

/* Caps and deadlines, in bytes, milliseconds and bytes a second. http_limits_default() fills in
 * what the comments say. A deadline of 0 never comes. */
struct http_limits {
    size_t request_line_max;   /* without its CRLF; 8 KiB: 414 */
    size_t headers_max;        /* all field lines together; 16 KiB: 431. Trailers too */
    unsigned header_count_max; /* 100: 431 */
    unsigned connections_max;  /* in all; more are closed at once. 0: RLIMIT_NOFILE less 128 */
    /* Of one IPv4 address or IPv6 /64; Unix sockets don't count. 0: 3/4 of connections_max. */
    unsigned connections_per_address_max;
    unsigned header_ms;                   /* 10,000 */
    unsigned idle_ms;                     /* 75,000 */
    unsigned write_ms;                    /* 30,000; in each such time the client must take 4 KiB */
    unsigned body_grace_ms;               /* 5,000; before body_min_rate counts */
    unsigned body_min_rate;               /* 1,024; on average since the body was asked for */
    unsigned requests_per_connection_max; /* 0: no limit */
};
void http_limits_default(struct http_limits *ret_limits);

/* Who is at the other end. */
struct http_peer {
    bool is_unix;
    uid_t uid;        /* of a Unix socket's peer, by SO_PEERCRED when it connected */
    char address[46]; /* textual IP address; empty for a Unix socket */
};

typedef void http_body_fn(struct http_request *req, struct str body, void *context);
typedef void http_chunk_fn(struct http_request *req, struct str chunk, void *context);
/* `err` is 0 when the body is complete, or HUB_ERR_CLOSED (the client went away),
 * HUB_ERR_TOO_LARGE, HUB_ERR_REQUEST_TIMEOUT or HUB_ERR_BAD_REQUEST (malformed chunks). */
typedef void http_body_end_fn(struct http_request *req, int err, void *context);
typedef void http_gone_fn(struct http_request *req, void *context);
typedef void http_drain_fn(struct http_request *req, void *context);

/* A request. Every view lives as long as the request. */
struct http_request {
    enum http_method method;
    struct str target; /* as sent: "/v1/jobs?limit=2" */
    struct str path;   /* before '?'; begins with '/'; not decoded */
    struct str query;  /* after '?'; empty if there is none */
    const struct http_header *headers;
    unsigned header_count;
    int64_t content_length; /* -1: none given (chunked or no body) */
    bool has_body;          /* Content-Length > 0 or chunked */
    bool keep_alive;
    bool secret_body; /* for the handler to set before it reads one: it is zeroed after the request,
                       * and where it came in */
    struct http_peer peer;
    struct arena arena; /* for the handler too, up to 4 MiB; ends with the request */
    int64_t started_ns; /* monotonic, when the header block was complete */
    void *user;         /* for the handler */
    struct http_connection *connection; /* the server's; NULL once it is gone */
};

typedef void http_request_fn(struct http_request *req, void *app);

/* --- The server --------------------------------------------------------------------------------*/

HUB_MUST_CHECK int http_server_new(uv_loop_t *loop, const struct http_limits *limits,
                                   struct log *log, http_request_fn *on_request, void *app,
                                   struct http_server **ret_server, struct hub_error *error);

/* `port` 0 picks a free one; `*ret_port` (may be NULL) gets the port that it is. An IPv6 address is
 * given without brackets. May be called several times. HUB_ERR_INVALID_INPUT if it is no address.
 */
HUB_MUST_CHECK int http_server_listen_tcp(struct http_server *self, const char *address, int port,
                                          int *ret_port, struct hub_error *error);
/* A socket file with mode 0660; a stale one (nobody listens) is replaced, one that is in use or
 * another kind of file is HUB_ERR_CONFLICT. Removed on close. */
HUB_MUST_CHECK int http_server_listen_unix(struct http_server *self, const char *path,
                                           struct hub_error *error);

/* No new connections; idle ones are closed; requests that run are answered with
 * `Connection: close`. `on_drained` (may be NULL) is called once none is left, perhaps before this
 * returns; it may close the server. */
void http_server_drain(struct http_server *self, void (*on_drained)(void *context), void *context);
/* Cuts off everything that is left and frees the server from the loop's close callbacks. Streams
 * and waiting requests hear of it by http_on_gone(). `on_closed` (may be NULL) is called once the
 * server is freed: no connection is left, and every request was answered. It may be called out of
 * the handler's last answer, so what handlers need must not be freed in it. NULL does nothing. */
void http_server_close(struct http_server *self, void (*on_closed)(void *context), void *context);

struct http_stats {
    uint64_t connections_accepted, connections_refused, connections_open;
    uint64_t requests, requests_malformed, requests_timed_out;
    uint64_t bytes_in, bytes_out;
    uint64_t responses[6]; /* by the status' first digit; [0] unused */
};
const struct http_stats *http_server_stats(const struct http_server *self);

/* --- Reading -----------------------------------------------------------------------------------*/

/* The value of the first field of this name (case does not matter); ptr NULL if there is none. */
struct str http_header(const struct http_request *req, const char *name);
/* Is there more than one field of this name? */
bool http_header_repeated(const struct http_request *req, const char *name);

/* Asks for the whole body. Sends `100 Continue` first if the client waits for it. `on_body`'s view
 * lives as long as the request. With no body it gets an empty view, before this returns.
 *
 * Until then the request belongs to the server: a body of more than `limit` bytes, a malformed or
 * too slow one it answers itself (413, 400, 408), and when the client goes away the request just
 * ends; `on_body` and on_gone are not called. So hold nothing for the request meanwhile that does
 * not live in its arena. */
void http_read_body(struct http_request *req, size_t limit, http_body_fn *on_body, void *context);

/* Asks for the body as it comes; `on_chunk` views live during the call only. `on_end` is called
 * exactly once (with no body, or one announced as too large: before this returns), unless the
 * handler answers before the end: then the rest is discarded and neither is called again. After an
 * `err` of HUB_ERR_CLOSED the handler still answers, as always, and on_gone is not called any more;
 * other errors it turns into the answer of its choice, after which the connection is closed. */
void http_stream_body(struct http_request *req, uint64_t limit, http_chunk_fn *on_chunk,
                      http_body_end_fn *on_end, void *context);
/* No more chunks until resumed; the client feels it through TCP. Allowed inside on_chunk. The
 * minimum rate does not count while paused. */
void http_body_pause(struct http_request *req);
void http_body_resume(struct http_request *req);

/* `on_gone` is called once if the client goes away before the answer was given (a stream: ended);
 * the handler must still answer (with anything) to release the request, and may do so inside the
 * call. It is never called from within another call of this header.
 *
 * A client that only shuts its sending side counts as gone, since it cannot be told from one that
 * closed; so who waits on its behalf stops. If it still listens it gets the answer nevertheless. */
void http_on_gone(struct http_request *req, http_gone_fn *on_gone, void *context);
bool http_is_gone(const struct http_request *req);

/* --- Answering ---------------------------------------------------------------------------------*/

#define HTTP_RESPONSE_HEADERS_MAX 24

/* An answer under construction; lives on the handler's stack. Views must live until the answering
 * call returns: the server copies what it cannot send at once. Date, Content-Length,
 * Transfer-Encoding and Connection are the server's. HEAD, 204 and 304 send no body; Content-Length
 * is that of the body that GET would send. */
struct http_response {
    int status;
    unsigned header_count;
    struct http_header headers[HTTP_RESPONSE_HEADERS_MAX];
    struct str body;
};

void http_response_init(struct http_response *self, int status);
/* `name` must be a token and `value` free of control bytes, and there is room for 24: asserted in
 * debug builds; in release builds a bad field is left out. */
void http_response_header(struct http_response *self, const char *name, struct str value);

void http_respond(struct http_request *req, const struct http_response *response);

/* Sends `len` bytes of `fd` from `offset`; closes `fd` in any case. The file must not shrink
 * meanwhile: if it does the connection is cut off. Disk reads happen in libuv's thread pool, which
 * a slow client does not occupy. */
void http_respond_file(struct http_request *req, const struct http_response *response, int fd,
                       uint64_t offset, uint64_t len);

/* A body of unknown length, chunked (to HTTP/1.0: up to the connection's end). http_stream_write()
 * queues a copy and returns how many bytes are waiting to be sent: who gets back more than
 * HTTP_STREAM_HIGH stops until `on_drain` (may be NULL), which comes when half of that is left.
 * What is written beyond HTTP_STREAM_MAX cuts the client off (it does not read): then, as for any
 * client that is gone, 0 is returned, and the stream must still be ended. */
#define HTTP_STREAM_HIGH (64 * 1024)
#define HTTP_STREAM_MAX  (1024 * 1024)
void http_stream_begin(struct http_request *req, const struct http_response *response,
                       http_drain_fn *on_drain, void *context);
size_t http_stream_write(struct http_request *req, struct str bytes);
void http_stream_end(struct http_request *req);
/* Cuts the client off in mid-stream, so that it sees that it did not get all. The stream must still
 * be ended. */
void http_stream_cut(struct http_request *req);

#endif
