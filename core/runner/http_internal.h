/*
 * http_internal.h — the HTTP client's parts and how they know each other.
 *
 *     http_client.c   send, cancel, deadlines; what is due in the loop's next turn
 *     http_call.c     one request: its copy, its hops, its answer
 *     http_hop.c      what libcurl asks and tells while a hop is under way
 *     http_names.c    who resolves a name, and who waits for that
 *     http_pool.c     one set of connections: a curl_multi on the loop
 *     http_trust.c    the certificates
 *     http_guard.c    hosts and addresses
 *
 * A CALL'S STATES
 *
 *     naming ──name is known──▶ due ──loop──▶ sending ──redirect──▶ naming …
 *        └──────────────┬─────────┴─────────────┘
 *                       ▼ answer, error, deadline
 *                     ended ──loop──▶ deliver(), free
 *
 * libcurl must not be called from its own callbacks, and done() must not come from within send():
 * so a call that may go on, or has ended outside a turn of libcurl, is put on the client's list of
 * those that are due, and an idle handle sees to them.
 *
 * NAMES. libcurl resolves each name in a thread of its own, and forgets that others are at the same
 * one. 10,000 requests to one host would be 10,000 threads. So the first request for a name leads,
 * the others wait until libcurl has the answer in its cache; and only a few lead at once.
 *
 * Thread: [main].
 */
#ifndef HUB_RUNNER_HTTP_INTERNAL_H
#define HUB_RUNNER_HTTP_INTERNAL_H

#include "base/buf.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"
#include "runner/http_client.h"
#include "runner/http_guard.h"

#include <curl/curl.h>

#define HTTP_HEADERS_MAX      128         /* of a request */
#define HTTP_HEADER_BYTES_MAX (64u << 10) /* of a request, and of an answer */
#define HTTP_PARTITION_MAX    128

enum http_state { HTTP_NAMING, HTTP_DUE, HTTP_SENDING, HTTP_ENDED };

struct http_pool;
struct http_name;

/* A header of an answer: places in call->head. */
struct http_field {
    uint32_t name, name_len, value, value_len;
};

struct http_call {
    struct http_client *client;
    struct http_pool *pool;
    enum http_state state;
    struct list link; /* naming: in the name's `waiting`; due, ended: in client.due */
    struct list all;  /* in client.calls, or client.spare */
    struct heap_node by_deadline;
    int64_t deadline_ms;
    struct http_name *leads; /* the name that it is about to resolve */
    CURL *easy;              /* kept when the call is used again */
    bool in_multi;
    /* The request: texts point into `memory`, which may hold secrets. */
    char *memory;
    size_t memory_len;
    uint32_t flags;
    const char *method;
    struct curl_slist *headers;
    CURLU *url;           /* of this hop */
    const char *url_text; /* the same in `memory`; NULL: only `url` has it */
    struct str body;
    int body_fd; /* -1: none */
    uint64_t body_bytes;
    uint64_t body_at;
    bool has_body;
    uint64_t response_max;
    int sink_fd; /* -1: none */
    uint32_t connect_ms, idle_ms, redirects_max;
    struct http_rules only; /* none: any host that the client may reach */
    void (*done)(void *context, const hub_http_response *response);
    void *context;
    uint64_t tag;
    /* The target of this hop. */
    struct buf host; /* without brackets */
    unsigned port;
    /* What has come of it. */
    uint32_t error;
    const char *why;     /* of the error; static */
    const char *special; /* what kind of address was refused */
    bool opened;         /* a socket was made for an address that may be used */
    bool resolved;       /* libcurl knows the name's addresses */
    unsigned requests;   /* how often this hop was sent, or nearly */
    bool may_have_arrived;
    uint32_t status;
    uint32_t redirects;
    bool head_ended;
    uint64_t written;  /* into the sink */
    struct buf head;   /* names and values */
    struct buf fields; /* of struct http_field */
    struct buf body_in;
    char trouble[CURL_ERROR_SIZE]; /* libcurl's own words */
};

struct http_client {
    uv_loop_t *loop;
    struct http_client_config config;
    struct http_rules asked;
    struct http_rules granted; /* none: as asked */
    struct http_rules private_hosts;
    char *authorities;
    size_t authorities_len;
    void *store; /* X509_STORE of them, made at the first need */
    struct list calls;
    unsigned call_count;
    struct list spare;
    unsigned spare_count;
    struct list due;
    struct heap by_deadline;
    uv_idle_t idle;
    uv_timer_t deadline;
    uv_timer_t sweep;
    int64_t deadline_at;         /* when `deadline` fires; INT64_MAX: not armed */
    struct map pools;            /* by key */
    unsigned resolving;          /* calls that lead */
    struct list queued;          /* names that wait for a leader */
    struct http_watch **watches; /* by descriptor */
    unsigned watch_cap;
    unsigned handles; /* of libuv, not yet closed */
    bool closing;
};

/* --- http_client.c -----------------------------------------------------------------------------*/

/* The call goes on, or is delivered, before the loop sleeps. */
void http_client_due(struct http_call *call);
void http_client_handle_closed(struct http_client *self);

/* --- http_call.c -------------------------------------------------------------------------------*/

/* Takes over the request, all of which may take `timeout_ms`. A HUB_CALL_… value. */
int32_t http_call_fill(struct http_call *self, const hub_http_request *request,
                       uint32_t timeout_ms);
/* Starts a hop: looks at the target, then to the pool, or ends it. */
void http_call_begin(struct http_call *self);
/* The name is known, or need not be: hands the hop to libcurl. */
void http_call_send(struct http_call *self);
/* libcurl is done with the hop. */
void http_call_hop_ended(struct http_call *self, CURLcode result);
/* Ends it with an error; delivery comes later. `why` is static. */
void http_call_fail(struct http_call *self, uint32_t error, const char *why);
/* Takes it out of libcurl and of its name's queue. */
void http_call_detach(struct http_call *self);
void http_call_deliver(struct http_call *self);
/* Forgets the request and the answer, for good. */
void http_call_clear(struct http_call *self);
void http_call_release(struct http_call *self);

/* --- http_hop.c --------------------------------------------------------------------------------*/

/* The options that are the same for every call. HUB_ERR_NOMEM. */
HUB_MUST_CHECK int http_hop_init(struct http_call *call);

/* --- http_names.c ------------------------------------------------------------------------------*/

/* May the call's hop begin? Else it waits, and becomes due once it may. */
bool http_name_enter(struct http_call *call);
/* The leader knows: `call->resolved` says what. Does nothing for a call that leads no name. */
void http_name_leave(struct http_call *call);
void http_name_forget_all(struct http_pool *pool);

/* --- http_pool.c -------------------------------------------------------------------------------*/

struct http_pool {
    struct http_client *client;
    CURLM *multi;
    uv_timer_t timer;
    char key[HTTP_PARTITION_MAX + 2];
    size_t key_len;
    unsigned calls; /* that are not yet delivered */
    int64_t idle_since_ms;
    struct map names;
    bool closing;
};

/* The pool for this partition and these flags. HUB_CALL_AGAIN: there are too many. */
int32_t http_pool_get(struct http_client *client, uint32_t flags, struct str partition,
                      struct http_pool **ret_pool);
void http_pool_close(struct http_pool *self);
void http_pool_sweep(struct http_client *client, int64_t now_ms);

/* libcurl asks for a socket, or gives one back. */
curl_socket_t http_pool_open_socket(struct http_pool *self, const struct curl_sockaddr *address);
int http_pool_close_socket(void *pool, curl_socket_t fd);

/* --- http_trust.c ------------------------------------------------------------------------------*/

/* CURLOPT_SSL_CTX_FUNCTION with the client as its data. */
CURLcode http_trust_use(CURL *easy, void *ssl_ctx, void *client);
void http_trust_release(struct http_client *client);

#endif
