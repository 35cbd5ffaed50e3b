/*
 * client.h — HTTP to hubd.
 *
 *     client_new(&client, &endpoint, &interrupt, &err);
 *     struct request request = {.method = "GET", .path = "/v1/queues"};
 *     struct reply reply;
 *     if (client_call(client, &request, &reply, &err) < 0)      // there was no answer
 *     …reply.status, reply.body…                                // there was one, of any status
 *     reply_release(&reply);
 *     client_free(client);
 *
 * One call at a time; an event stream (events.h) may be open beside it and moves on while a call
 * waits. Connections are kept and reused. Redirects are not followed and no proxy is used, so that
 * a key goes to hubd and nowhere else.
 *
 * Owner: the caller; the endpoint and the interrupt must live as long as the client.
 * Thread: [any], one at a time.
 */
#ifndef HUB_HUBCTL_CLIENT_H
#define HUB_HUBCTL_CLIENT_H

#include "hubctl/endpoint.h"
#include "hubctl/interrupt.h"

#include <curl/curl.h>

#define CLIENT_REPLY_MAX   ((size_t)256 * 1024 * 1024) /* of a body that is kept in memory */
#define CLIENT_HEADERS_MAX 8

struct client;

/* Fills `bytes` with up to `room` bytes. The number of bytes, 0 at the end, or a negative enum
 * hub_err, which ends the call. */
typedef int64_t client_read_fn(void *context, char *bytes, size_t room);
/* Takes bytes of a 2xx answer's body. 0 or a negative enum hub_err, which ends the call. */
typedef int client_write_fn(void *context, struct str bytes);
/* Called often while bytes move; `total` is 0 when unknown. */
typedef void client_progress_fn(void *context, uint64_t done, uint64_t total);

struct request {
    const char *method;
    const char *path; /* with its query */
    /* "Name: value"; NULL: no more. Without Accept it is application/json. */
    const char *headers[CLIENT_HEADERS_MAX];
    struct str body;              /* with a NULL pointer and no `read`: none */
    client_read_fn *read;         /* instead of `body`: a streamed upload … */
    int64_t read_size;            /* … of so many bytes; -1: unknown, sent chunked */
    client_write_fn *write;       /* NULL: the body goes to the reply */
    client_progress_fn *progress; /* may be NULL; tells of the larger direction */
    void *context;                /* of the three functions */
    int timeout_ms;               /* for all of it; 0: only silence ends it */
};

struct reply {
    long status;
    struct buf body; /* empty if `write` took it */
    /* Header fields; "" if absent or too long to be sensible. */
    char content_type[128];
    char location[512];
    char retry_after[64];
    char disposition[1024]; /* Content-Disposition */
    char etag[128];
    uint64_t length; /* Content-Length; 0 if there was none */
};

HUB_MUST_CHECK int client_new(struct client **ret_client, const struct endpoint *endpoint,
                              struct interrupt *interrupt, struct hub_error *error);
void client_free(struct client *self);

/* 0 if hubd answered. HUB_ERR_UNAVAILABLE (not reachable, or gone in mid-answer),
 * HUB_ERR_REQUEST_TIMEOUT, HUB_ERR_INTERRUPTED (only while the interrupt is held), or what one of
 * the functions returned. The reply is to be released in any case. */
HUB_MUST_CHECK int client_call(struct client *self, const struct request *request,
                               struct reply *ret_reply, struct hub_error *error);
void reply_release(struct reply *self);

/* Waits for `ms` while an open event stream moves on. HUB_ERR_INTERRUPTED or 0. */
HUB_MUST_CHECK int client_sleep(struct client *self, int ms);

/* --- for events.h ----------------------------------------------------------------------------- */

/* A transfer in the client's hands; embedded by its owner, whose address must not change. */
struct transfer {
    CURL *easy;
    struct curl_slist *headers;
    bool done;
    CURLcode result;
    char why[CURL_ERROR_SIZE];
};

/* Makes `transfer->easy` with all that every request has, `headers` added. */
HUB_MUST_CHECK int client_prepare(struct client *self, struct transfer *transfer, const char *path,
                                  const char *const *headers, struct hub_error *error);
HUB_MUST_CHECK int client_start(struct client *self, struct transfer *transfer,
                                struct hub_error *error);
/* Lets all transfers move for at most `timeout_ms`. 0 or HUB_ERR_INTERRUPTED. */
HUB_MUST_CHECK int client_pump(struct client *self, int timeout_ms);
void client_stop(struct client *self, struct transfer *transfer); /* and frees what is in it */
/* Why a done transfer got no answer, as an error. */
int client_explain(const struct client *self, const struct transfer *transfer,
                   struct hub_error *error);

#endif
