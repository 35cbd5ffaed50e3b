/*
 * resolve.h — getaddrinfo() and freeaddrinfo() of the program, and the C library's behind them.
 *
 * Shared libraries find the program's before the C library's, because the program comes first in
 * every library's scope; so libcurl and libesmtp ask the broker, where there is one, and need not
 * know. The broker itself wants the C library's.
 *
 * Thread: [any].
 */
#ifndef HUB_RUNNER_RESOLVE_H
#define HUB_RUNNER_RESOLVE_H

#include <netdb.h>
#include <stdbool.h>

struct resolver {
    int (*find)(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret_list);
    void (*forget)(struct addrinfo *list);
};

/* False if there is none. */
bool resolver_of_libc(struct resolver *ret_resolver);

#endif
