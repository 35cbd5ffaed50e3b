#include "runner/connect.h"

#include "runner/broker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#define EXPORTED    __attribute__((visibility("default")))
#define SOCKET_TYPE 0xf /* without SOCK_NONBLOCK and SOCK_CLOEXEC */

/* Of this thread, and nobody else's. */
static _Thread_local struct {
    connect_stand_in *instead;
    void *context;
} stand_in;

void connect_set_stand_in(connect_stand_in *instead, void *context)
{
    stand_in.instead = instead;
    stand_in.context = context;
}

/* How long a blocking connect() waits: SO_SNDTIMEO, as in socket(7). */
static int timeout_of(int fd)
{
    struct timeval timeout = {0};
    socklen_t size = sizeof timeout;
    (void)getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, &size);
    return timeout.tv_sec == 0 && timeout.tv_usec == 0
               ? -1
               : (int)(timeout.tv_sec * 1000 + (timeout.tv_usec + 999) / 1000);
}

static int wait_connected(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
    int error = 0;
    socklen_t size = sizeof error;
    int ready = poll(&poll_fd, 1, timeout_of(fd));
    if (ready <= 0) {
        return ready == 0 ? EINPROGRESS : errno;
    }
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0 ? errno : error;
}

/* The broker does not wait; for a blocking socket it is done here. */
static int connect_through_broker(int fd, const void *address, socklen_t size)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0) {
        return errno;
    }
    bool blocking = !(flags & O_NONBLOCK);
    if (blocking && fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
        return errno;
    }
    int error = broker_connect(fd, address, size);
    if (blocking) {
        error = error == EINPROGRESS ? wait_connected(fd) : error;
        (void)fcntl(fd, F_SETFL, flags);
    }
    return error;
}

/* Found before the C library's, because the program comes first in every library's scope. */
EXPORTED int connect(int fd, __CONST_SOCKADDR_ARG address, socklen_t address_size)
{
    connect_stand_in *instead = stand_in.instead;
    const struct sockaddr *to = address.__sockaddr__;
    if (instead) {
        stand_in.instead = NULL; /* what it does itself is as ever */
        int result = instead(stand_in.context, fd, to, address_size);
        stand_in.instead = instead;
        return result;
    }
    if (!broker_exists()) {
        return (int)syscall(SYS_connect, fd, to, address_size);
    }
    int error = connect_through_broker(fd, to, address_size);
    if (error != 0) {
        errno = error;
    }
    return error == 0 ? 0 : -1;
}

/* libcurl makes a socket of UDP over IPv6, and closes it, to see whether there is IPv6 at all.
 * There is no UDP where a broker is; one of TCP tells it the same. */
EXPORTED int socket(int domain, int type, int protocol)
{
    if (domain == AF_INET6 && (type & SOCKET_TYPE) == SOCK_DGRAM && broker_exists()) {
        type = (type & ~SOCKET_TYPE) | SOCK_STREAM;
        protocol = 0;
    }
    return (int)syscall(SYS_socket, domain, type, protocol);
}
