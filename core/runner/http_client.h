/*
 * http_client.h — the HTTP client that the runner offers its connector.
 *
 * It knows no jobs and no channel, only a loop, so that it can be tested alone; ext_http.c puts it
 * into the ABI. What a request is and what comes of it stands in hub/connector.h.
 *
 *     struct http_client_config config = {.loop = loop, .hosts = …, .private_hosts = …, …};
 *     http_client_new(&config, &client, &error);
 *     http_client_send(client, &request, tag, &call);     // deliver(context, tag, …) comes later
 *     http_client_cancel(call);                           // or it does not
 *     http_client_close(client);                          // frees itself in the loop's next turns
 *
 * Thread: [main], as everything that libuv's loop is for.
 */
#ifndef HUB_RUNNER_HTTP_CLIENT_H
#define HUB_RUNNER_HTTP_CLIENT_H

#include "base/error.h"
#include "base/str.h"

#include <hub/connector.h>
#include <uv.h>

struct http_client;
struct http_call;

#define HTTP_IN_FLIGHT_MAX 16000 /* of the 20,000 descriptors that a runner may have */

struct http_client_config {
    uv_loop_t *loop;
    struct str connector;     /* its name, for grants that are for one connector */
    const hub_str *hosts;     /* what it asks for */
    unsigned host_count;      /* 0: nothing may be reached */
    struct str grants;        /* what the operator grants, one a line; empty: what it asks for */
    struct str private_hosts; /* hosts and networks that may have addresses that are not public */
    struct str authorities;   /* certificates to trust, PEM: copied; empty: none, TLS fails */
    /* Calls request->done(request->context, response), with whatever belongs around it. */
    void (*deliver)(uint64_t tag, void (*done)(void *context, const hub_http_response *response),
                    void *context, const hub_http_response *response);
};

/* HUB_ERR_INVALID_INPUT if a rule is none, HUB_ERR_NOMEM. Texts are copied. */
HUB_MUST_CHECK int http_client_new(const struct http_client_config *config,
                                   struct http_client **ret_self, struct hub_error *error);

/* A HUB_CALL_… value. `tag` comes back with deliver(). `ret_call` may be NULL. */
int32_t http_client_send(struct http_client *self, const hub_http_request *request, uint64_t tag,
                         struct http_call **ret_call);
void http_client_cancel(struct http_call *call); /* NULL does nothing */

unsigned http_client_in_flight(const struct http_client *self);

/* Gives up all requests, without deliver(), and all connections. NULL does nothing. */
void http_client_close(struct http_client *self);

#endif
