/*
 * gate.h — whom a connector may speak to: what the broker decides by.
 *
 *     gate_init(&gate, &config);
 *     if (gate_may_resolve(&gate, name)) …              then for each address that it has:
 *         gate_remember(&gate, name, address, now_ms);
 *     why = gate_refuses(&gate, address, now_ms);       NULL: it may be connected to
 *
 * An address may be connected to, on its port, if it, or a name that was resolved to it within
 * GATE_REMEMBERED_MS, is among the hosts that the descriptor asks for and, if the operator grants
 * any, among those; and if it is public, or the operator allows it though it is not. The rules and
 * their form are http_guard.h's.
 *
 * The remembered are limited; what is oldest is forgotten first.
 *
 * Thread: [any].
 */
#ifndef HUB_RUNNER_GATE_H
#define HUB_RUNNER_GATE_H

#include "runner/http_guard.h"
#include "wire/wire.h"

#include <netinet/in.h>
#include <pthread.h>

#define GATE_REMEMBERED_MS  300000 /* libcurl keeps what it resolved for 60 s */
#define GATE_REMEMBERED_MAX 4096

struct gate_name {
    int64_t until_ms;
    unsigned char address[16]; /* of IPv4 the first four */
    sa_family_t family;
    unsigned char len;
    char text[253];
};

struct gate {
    struct http_rules asked;
    struct http_rules granted; /* none: all that is asked for */
    struct http_rules private; /* that need not be public */
    pthread_mutex_t lock;      /* of what follows */
    struct gate_name *names;
    unsigned count;
};

/* A rule that is none forbids everything. HUB_ERR_NOMEM. */
HUB_MUST_CHECK int gate_init(struct gate *self, const struct wire_config *config);
void gate_release(struct gate *self);

/* Is there a port on which this host may be spoken to? */
bool gate_may_resolve(const struct gate *self, struct str name);

/* HUB_ERR_NOMEM; HUB_ERR_INVALID_INPUT if the name is too long or the address of another kind. */
HUB_MUST_CHECK int gate_remember(struct gate *self, struct str name, const struct sockaddr *address,
                                 int64_t now_ms);

/* NULL, or one word for why not: what kind of address it is, or "not granted". */
const char *gate_refuses(struct gate *self, const struct sockaddr *address, int64_t now_ms);

#endif
