/*
 * internal.h — what the files of this folder share: the server, a connection, an exchange.
 *
 *     struct http_server      one per loop: listeners, caps, deadlines, the read buffer, statistics
 *     struct http_connection  one per accepted socket: input, output, its state
 *     struct http_exchange    one per request under way: the request, its body, its answer
 *
 * WHO OWNS WHOM. The server owns connections and exchanges; both are counted, and a closed server
 * is freed when the last of them is. A connection owns the one exchange that it works on. When the
 * client goes away first, the exchange is cut loose (`req.connection` is NULL) and lives on until
 * its handler has answered. An idle connection has no exchange and no buffers.
 *
 * WHO CALLS WHOM. Bytes come in through connection.c, which runs the state machine: head bytes go
 * to exchange.c, body bytes to body.c. Answers (respond.c, stream.c, sendfile.c) go out through
 * output.c, which tells answer_progress() when the client has taken them.
 *
 * Nothing is freed under somebody's feet: closing a connection only starts uv_close(); the exchange
 * is cut loose in the close callback; and an exchange that was answered is released by the state
 * machine, never inside the answering call.
 *
 * Thread: everything here is [loop], but the work of sendfile.c.
 */
#ifndef HUB_HTTP_INTERNAL_H
#define HUB_HTTP_INTERNAL_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/map.h"
#include "base/thread.h"
#include "http/chunk.h"
#include "http/deadline.h"
#include "http/scan.h"
#include "http/server.h"

/* One read takes at most this; the buffer is the server's, so idle connections have none. */
#define HTTP_READ_MAX (64 * 1024)
/* While a handler works, at most this is read ahead: enough to see the client go. */
#define HTTP_READ_AHEAD_MAX (4 * 1024)
/* The unread rest of a body that is read and dropped for the sake of keeping the connection. */
#define HTTP_REST_MAX (64 * 1024)
/* How long a rest may take, and how long a half-closed client is listened to (RFC 9112 §9.6). */
#define HTTP_REST_MS 2000
/* A client must take at least this much of its answer in each write_ms. */
#define HTTP_WRITE_PROGRESS_MIN 4096
/* What a request and its handler may take from the request's arena. */
#define HTTP_ARENA_MAX ((size_t)4 * 1024 * 1024)
/* Ended exchanges that are kept for the next requests. */
#define HTTP_EXCHANGES_KEPT 256
/* Connections accepted in one turn of the loop, so that a flood does not starve the others. */
#define HTTP_ACCEPTS_PER_TURN 32

/* --- The server --------------------------------------------------------------------------------*/

struct http_listener {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    };
    struct list link;
    struct http_server *server;
    bool is_unix;
    bool is_deferred; /* a client waits in it for the next turn */
};

/* How many connections an address has. */
struct http_address {
    char bytes[16];
    struct str key; /* the first 4 or 8 of them */
    unsigned connections;
};

struct http_server {
    uv_loop_t *loop;
    struct http_limits limits;
    struct log *log;
    http_request_fn *on_request;
    void *app;

    struct list listeners;
    struct list connections;
    struct map addresses; /* struct http_address by its key */

    uv_timer_t timer;
    struct deadlines deadlines;
    int64_t armed_at_ms; /* what the timer is set for, or DEADLINE_NEVER */

    uv_idle_t next_turn; /* runs when listeners were deferred */
    uint64_t turn_ms;
    unsigned turn_accepts;

    struct list free_exchanges;
    unsigned free_exchange_count;
    struct buf head; /* where an answer's head is written before it is sent */
    int64_t date_s;  /* the second that `date` shows */
    char date[30];

    bool is_draining;
    bool is_closing;
    void (*on_drained)(void *context);
    void *drained_context;
    void (*on_closed)(void *context);
    void *closed_context;

    unsigned exchanges; /* under way */
    unsigned parts;     /* handles, connections, exchanges, file jobs: all that points at it */
    struct http_stats stats;
    char read_buffer[HTTP_READ_MAX];
};

int64_t server_now_ms(const struct http_server *self); /* the loop's time */
void server_set_deadline(struct http_server *self, struct deadline *deadline,
                         enum deadline_kind kind);
/* A handle, a connection, an exchange or a file job begins and ends. The end of the last one tells
 * of the drain's end, or frees a closed server: don't touch it afterwards. */
void server_part_began(struct http_server *self);
void server_part_ended(struct http_server *self);
const char *server_date(struct http_server *self); /* an IMF-fixdate */

/* listen.c */
void listeners_close(struct http_server *self);
void listen_next_turn(uv_idle_t *idle);
void address_release(struct http_server *self, struct http_address *address);

/* --- A connection ------------------------------------------------------------------------------*/

enum connection_state {
    CONN_HEAD,    /* collects a header block; a new connection begins here */
    CONN_IDLE,    /* between two requests */
    CONN_REQUEST, /* a handler has the request */
    CONN_ANSWER,  /* the answer was given and is on its way */
    CONN_DRAIN,   /* the answer is out; the rest of the request's body is dropped */
    CONN_LINGER,  /* our side is shut; what still comes is dropped */
    CONN_CLOSING, /* uv_close() was called */
    CONN_STATE_COUNT
};

/* Bytes on their way to the client: one write at a time, what comes meanwhile is collected. */
struct output {
    struct output_write *active;
    struct buf pending;
    uint64_t accepted; /* bytes given to it since the connection began */
};

struct http_connection {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    };
    struct list link;
    struct http_server *server;
    struct http_address *address; /* NULL for a Unix socket */
    struct http_exchange *exchange;
    enum connection_state state;
    bool is_processing; /* connection_process() is running */
    bool is_reading;
    bool has_eof;     /* the client has shut its side */
    bool close_after; /* this answer is the last */
    unsigned requests;
    struct scan scan;
    struct buf input;       /* bytes that could not be used yet */
    const struct str *rest; /* while processing: what is not used of the bytes under the hand */
    struct output output;
    struct deadline read_deadline;
    struct deadline write_deadline;
    uint64_t write_seen; /* output_taken() when write_deadline was set */
    struct http_peer peer;
};

/* A connection whose handle is initialized, not yet accepted; NULL if out of memory. It is counted
 * from now on, and must be started or closed. */
struct http_connection *connection_new(struct http_server *server, bool is_unix);
void connection_start(struct http_connection *self);
/* Ends it without another word. The exchange is cut loose in the close callback. */
void connection_close(struct http_connection *self);
/* Goes on with what has been read; after a handler asked for a body or gave its answer. */
void connection_kick(struct http_connection *self);
/* All of the answer is out. */
void connection_answered(struct http_connection *self);
/* The rest of a body that is only dropped is too long or malformed: the connection is not kept. */
void connection_give_up_rest(struct http_connection *self);
/* Bytes that came behind what has been used so far. */
size_t connection_unread(const struct http_connection *self);
/* Sets or clears the read deadline after the body's state changed. */
void connection_watch_body(struct http_connection *self);
/* Sets (if it is not) or clears the write deadline. */
void connection_watch_output(struct http_connection *self, bool is_waiting);
void connection_move(struct http_connection *self, enum connection_state next);
void connection_due(struct deadline *deadline, void *server); /* a deadline_fn */
/* The server drains: ends what is idle. */
void connection_drain(struct http_connection *self);
/* For tests and fuzzers: serves an already connected Unix stream socket. */
HUB_MUST_CHECK int http_server_adopt(struct http_server *self, int fd);

/* output.c */
void output_init(struct output *self);
void output_release(struct output *self);
/* Sends at once what the socket takes and keeps a copy of the rest. A failed connection is closed
 * (connection_close()). */
void output_send(struct http_connection *conn, const uv_buf_t *bufs, unsigned count);
size_t output_waiting(const struct http_connection *conn); /* bytes the kernel has not taken */
uint64_t output_taken(const struct http_connection *conn); /* bytes it has, since the beginning */

/* --- An exchange -------------------------------------------------------------------------------*/

enum body_mode {
    BODY_HELD,    /* nobody has asked for it yet */
    BODY_COLLECT, /* http_read_body() */
    BODY_STREAM,  /* http_stream_body() */
    BODY_DISCARD, /* the answer was given */
    BODY_FAILED,  /* malformed, too large or too slow: not looked at any more */
};

struct body {
    enum body_mode mode;
    bool is_chunked;
    bool is_complete;
    bool is_paused;
    bool owes_continue; /* the client waits for "100 Continue" */
    uint64_t left;      /* of a Content-Length */
    uint64_t received;
    uint64_t limit;
    struct chunk_decoder chunks;
    struct buf bytes;
    bool is_secret; /* they are zeroed in the end */
    int64_t began_ms;  /* moved on by pauses */
    int64_t paused_ms; /* when the pause began */
    http_body_fn *on_body;
    http_chunk_fn *on_chunk;
    http_body_end_fn *on_end;
    void *context;
};

enum answer_kind { ANSWER_NONE, ANSWER_MEMORY, ANSWER_FILE, ANSWER_STREAM };

struct answer {
    enum answer_kind kind;
    bool is_chunked;   /* a stream, framed */
    bool is_body_less; /* HEAD, 204, 304: what is written goes nowhere */
    bool is_ended;     /* a stream whose end was written */
    bool is_full;      /* the handler waits for on_drain */
    struct file_send *file;
    http_drain_fn *on_drain;
    void *drain_context;
};

struct http_exchange {
    struct http_request req;
    struct http_server *server;
    struct list link; /* in free_exchanges */
    struct body body;
    struct answer answer;
    bool is_http_1_0;
    http_gone_fn *on_gone;
    void *gone_context;
    bool gone_told;
};

static inline struct http_exchange *exchange_of(struct http_request *req)
{
    return CONTAINER_OF(req, struct http_exchange, req);
}

/* The connection if there still is one that bytes can be sent on. */
static inline struct http_connection *exchange_connection(const struct http_exchange *self)
{
    struct http_connection *conn = self->req.connection;
    return conn != NULL && conn->state != CONN_CLOSING ? conn : NULL;
}

struct http_exchange *exchange_acquire(struct http_connection *conn); /* NULL: out of memory */
void exchange_release(struct http_exchange *self);
/* Copies a scanned header block and reads it. 0 or the error to refuse with; `*ret_why` says why.
 */
HUB_MUST_CHECK int exchange_read_head(struct http_exchange *self, struct str block,
                                      const struct scan *scan, const char **ret_why);
/* The connection is gone; tells the handler, or releases if there is nobody to tell. */
void exchange_cut_loose(struct http_exchange *self);
/* Tells on_gone, once. */
void exchange_tell_gone(struct http_exchange *self);

/* body.c */
void body_init(struct body *self, const struct http_request *req, bool is_chunked,
               bool expects_continue, size_t trailers_max);
void body_release(struct body *self);
/* Takes from `in` what the body's mode lets it take. Returns whether anything changed. */
bool body_feed(struct http_exchange *exchange, struct str *in);
/* Is it read at the moment, so that the client must keep up? */
bool body_is_wanted(const struct body *self);
/* Has the client sent too little in the time that it had? */
bool body_is_too_slow(const struct body *self, const struct http_limits *limits, int64_t now_ms);
/* Ends the body with an error: the handler is told, or the server answers in its place. */
void body_fail(struct http_exchange *exchange, int err, const char *why);

/* respond.c */
/* The handler answers now. Returns the connection that the answer goes to, or NULL if the client is
 * gone. Decides whether the connection is kept. */
struct http_connection *answer_begin(struct http_exchange *self, enum answer_kind kind);
/* Sends the head and `body`, after answer_begin() gave a connection. `length` is what
 * Content-Length says, -1 for none; it is the caller's to send as much. */
void answer_send(struct http_exchange *self, const struct http_response *response, int64_t length,
                 struct str body);
bool answer_has_no_body(const struct http_exchange *self, int status);
/* Something was sent, or the client has taken something: goes on with the answer. */
void answer_progress(struct http_connection *conn);

/* stream.c */
void stream_progress(struct http_exchange *exchange);

/* sendfile.c */
void file_send_progress(struct http_exchange *exchange); /* the head is out */
void file_send_abandon(struct http_exchange *exchange);  /* the connection closes */

#endif
