/*
 * broker.h — the only way out: who makes the connections of a runner of class network.
 *
 * A filter of system calls sees numbers and no addresses, Landlock sees ports and no hosts. So the
 * runner gives up connect(2), UDP and the files that name resolution reads (filter.c, landlock.c),
 * and asks for what it needs. The broker is a process of its own, forked before anything of the
 * connector is loaded and then confined itself. It knows what the connector's descriptor asks for
 * and what the operator grants (gate.h), from hubd and not from the runner.
 *
 *     broker_start(&config, board_fd, &pidfd, &error);      while the runner is not yet confined
 *     sandbox_enter(…); dlopen(…);
 *     broker_connect(socket, address, size);          what connect() does from now on
 *     broker_resolve("api.example.com", "443", &hints, &answer);        and getaddrinfo()
 *
 * A CONNECTION is made on the runner's own socket, whose descriptor goes along with the question:
 * both processes then hold one and the same open socket. The address is in the question, a copy
 * that nobody can change any more, so there is no time between the look at it and its use. Data
 * never passes here, and a connection that is kept costs nothing.
 *
 * A NAME is resolved here, if the rules have it, and the answer remembered for a while: the address
 * of a granted name may be spoken to because the broker has seen it, not because anybody claims so.
 *
 * Why not seccomp's user notification: its supervisor would have to read the runner's memory and
 * fetch its descriptors, for which an ordinary user has no right over a process that is not
 * dumpable; and what asks for a connection is the C library, which the program can stand in for
 * (connect.c, resolve.c). What makes the system call all the same is ended by the filter, which
 * tells the call's name. So it works on every kernel that has seccomp.
 *
 * Neither outlives the other: the broker ends with the channel or its parent, and at the first
 * question that is none; the runner watches its broker and ends with it.
 *
 * Thread: broker_start(): [main], while it is the only one. The others: [any].
 */
#ifndef HUB_RUNNER_BROKER_H
#define HUB_RUNNER_BROKER_H

#include "base/error.h"
#include "wire/wire.h"

#include <netdb.h>
#include <sys/socket.h>

#define BROKER_ADDRESSES_MAX 64 /* of one name; more are left out */
#define BROKER_RESOLVING_MAX 64 /* names at once; the next one is told EAI_AGAIN */

/* Starts the broker. On the second page of `board_fd` (struct wire_refusals; -1: none) it notes
 * what it refuses. `*ret_pidfd` becomes readable when it has ended. HUB_ERR_NOMEM, HUB_ERR_IO. */
HUB_MUST_CHECK int broker_start(const struct wire_config *config, int board_fd, int *ret_pidfd,
                                struct hub_error *error);

/* Is there one? Without one, connect() and getaddrinfo() are the C library's. */
bool broker_exists(void);

/* Begins a connection on a non-blocking socket of TCP. 0 or an errno: EINPROGRESS as ever; EACCES:
 * the rules forbid the address. */
int broker_connect(int socket, const void *address, socklen_t size);

/* One address of a name. */
struct broker_address {
    int32_t family, type, protocol;
    uint32_t size;
    struct sockaddr_in6 address; /* the larger of the two kinds */
};

struct broker_answer {
    int32_t result;  /* 0 or EAI_… */
    int32_t problem; /* errno, with EAI_SYSTEM */
    uint32_t count;
    char canonical[256]; /* empty: not asked for */
    struct broker_address addresses[BROKER_ADDRESSES_MAX];
};

/* As getaddrinfo(), and waits as long. `host` and `service` may be NULL. */
void broker_resolve(const char *host, const char *service, const struct addrinfo *hints,
                    struct broker_answer *ret_answer);

#endif
