/*
 * dial.c — connections: names resolved, addresses looked at, bounded in time, without Nagle's delay
 * (with it a message takes 40 ms more, because SMTP talks in small pieces).
 */
#include "email.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct dialling {
    struct email *email;
    const struct account *account;
    int64_t until_ms;
    char *why;
    size_t why_size;
};

static bool is_allowed(struct dialling *self, const struct addrinfo *address)
{
    hub_str why = {0};
    struct str host = str_from_c(self->account->host);
    if (self->email->net->may_connect(hub_of_str(host), self->account->port, address->ai_addr,
                                      address->ai_addrlen, &why) == HUB_CALL_OK) {
        return true;
    }
    snprintf(self->why, self->why_size, "It is: %.*s.", (int)why.len, why.ptr);
    return false;
}

static int wait_connected(struct dialling *self, int fd)
{
    int64_t left = self->until_ms - self->email->host->now_ms();
    struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
    int error = 0;
    socklen_t len = sizeof error;
    int ready = poll(&poll_fd, 1, left > 0 ? (int)left : 0);
    if (ready <= 0) {
        return ready == 0 ? ETIMEDOUT : errno;
    }
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 ? errno : error;
}

static int try_address(struct dialling *self, const struct addrinfo *address)
{
    int one = 1;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        snprintf(self->why, self->why_size, "no socket: %s", strerror(errno));
        return -1;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    int error = connect(fd, address->ai_addr, address->ai_addrlen) == 0 ? 0 : errno;
    if (error == EINPROGRESS) {
        error = wait_connected(self, fd);
    }
    if (error != 0) {
        snprintf(self->why, self->why_size, "%s", strerror(error));
        close(fd);
        return -1;
    }
    return fd;
}

static enum failure try_all(struct dialling *self, const struct addrinfo *addresses, int *ret_fd)
{
    enum failure failure = FAILURE_BLOCKED;
    for (const struct addrinfo *at = addresses; at; at = at->ai_next) {
        if (!is_allowed(self, at)) {
            continue;
        }
        failure = FAILURE_CONNECT;
        int fd = try_address(self, at);
        if (fd >= 0) {
            *ret_fd = fd;
            return FAILURE_NONE;
        }
    }
    return failure;
}

enum failure dial(struct email *email, const struct account *account, unsigned timeout_ms,
                  int *ret_fd, char *ret_why, size_t why_size)
{
    struct dialling self = {
        .email = email,
        .account = account,
        .until_ms = email->host->now_ms() + timeout_ms,
        .why = ret_why,
        .why_size = why_size,
    };
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *addresses = NULL;
    char port[16];
    snprintf(port, sizeof port, "%u", account->port);
    int result = getaddrinfo(account->host, port, &hints, &addresses);
    if (result != 0) {
        snprintf(ret_why, why_size, "%s", gai_strerror(result));
        return FAILURE_DNS;
    }
    enum failure failure = try_all(&self, addresses, ret_fd);
    freeaddrinfo(addresses);
    return failure;
}
