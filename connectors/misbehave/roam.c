#include "misbehave.h"

#include <runner/broker_message.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

/* A connector of class network that speaks to whom it likes, in the way of the input's choice. */

static struct sockaddr_in target(const struct deed *deed)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)deed_number(deed, "port")),
    };
    (void)inet_pton(AF_INET, deed_text(deed, "address"), &address.sin_addr);
    return address;
}

/* Waits for a connection that is being made: 0 or -1 with errno. */
static int await(int fd)
{
    struct pollfd ready = {.fd = fd, .events = POLLOUT};
    int error = ETIMEDOUT;
    socklen_t size = sizeof error;
    if (poll(&ready, 1, 5000) == 1)
        (void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    errno = error;
    return error == 0 ? 0 : -1;
}

static int connect_and_wait(int fd, const struct sockaddr_in *address)
{
    int result = connect(fd, (const struct sockaddr *)address, sizeof *address);
    return result < 0 && errno == EINPROGRESS ? await(fd) : result;
}

/* As any library would. */
static void plainly(struct deed *deed)
{
    struct sockaddr_in address = target(deed);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    deed_note(deed, "blocking", connect(fd, (struct sockaddr *)&address, sizeof address));
    deed_note(deed, "flags", fcntl(fd, F_GETFL) & O_NONBLOCK ? -1 : 0);
    close(fd);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    deed_note(deed, "waiting", connect_and_wait(fd, &address));
    close(fd);
}

/* Past the C library. */
static void by_system_call(struct deed *deed)
{
    struct sockaddr_in address = target(deed);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    deed_note(deed, "connect", syscall(SYS_connect, fd, &address, sizeof address));
}

static void by_udp(struct deed *deed)
{
    struct sockaddr_in address = target(deed);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    deed_note(deed, "sendto", sendto(fd, "x", 1, 0, (struct sockaddr *)&address, sizeof address));
}

/* The socket that libcurl asks for is one of TCP. */
static void by_udp6(struct deed *deed)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons(53)};
    struct msghdr message = {.msg_name = &address, .msg_namelen = sizeof address};
    int fd = socket(AF_INET6, SOCK_DGRAM, 0);
    address.sin6_addr = in6addr_loopback;
    deed_note(deed, "sendmsg", sendmsg(fd, &message, MSG_NOSIGNAL));
    deed_note(deed, "sendto", sendto(fd, "x", 1, 0, (struct sockaddr *)&address, sizeof address));
}

/* Sending that connects (TCP fast open, RFC 7413). */
static void by_fast_open(struct deed *deed)
{
    struct sockaddr_in address = target(deed);
    struct msghdr message = {.msg_name = &address, .msg_namelen = sizeof address};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    deed_note(deed, "sendmsg", sendmsg(fd, &message, MSG_FASTOPEN | MSG_NOSIGNAL));
}

static void by_other_protocols(struct deed *deed)
{
    deed_note(deed, "netlink", socket(AF_NETLINK, SOCK_RAW, 0));
    deed_note(deed, "mptcp", socket(AF_INET, SOCK_STREAM, 262));
}

static void by_io_uring(struct deed *deed)
{
    deed_note(deed, "io_uring_setup", syscall(SYS_io_uring_setup, 8, NULL));
}

/* To hubd's own socket, or any other. */
static void by_unix(struct deed *deed)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int pair[2] = {-1, -1};
    strncpy(address.sun_path, deed_text(deed, "path"), sizeof address.sun_path - 1);
    deed_note(deed, "socket", socket(AF_UNIX, SOCK_STREAM, 0));
    deed_note(deed, "pair", socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    deed_note(deed, "connect", connect(pair[0], (struct sockaddr *)&address, sizeof address));
    /* Datagrams could be sent to others than the pair's. */
    deed_note(deed, "datagrams", socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
}

/* --- Lies --------------------------------------------------------------------------------------*/

/* The way to the broker, which is only a descriptor. */
static int broker(void)
{
    for (int fd = 3; fd < 256; fd++) {
        int type = 0;
        socklen_t size = sizeof type;
        if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET)
            return fd;
    }
    return -1;
}

/* Asks the broker itself, with a socket and an address that do not belong together. */
static void by_question(struct deed *deed)
{
    struct sockaddr_in address = target(deed);
    struct broker_question question = {.kind = BROKER_CONNECT,
                                       .connection = {.size = sizeof address}};
    int32_t error = ECHILD;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    memcpy(&question.connection.address, &address, sizeof address);
    deed_note(deed, "ask", broker_ask(broker(), &question, fd));
    (void)!recv(broker(), &error, sizeof error, 0);
    errno = error;
    deed_note(deed, "connect", error ? -1 : 0);
}

static void by_nonsense(struct deed *deed)
{
    deed_note(deed, "send", send(broker(), "nonsense", 8, MSG_NOSIGNAL));
    (void)poll(NULL, 0, 10000);
}

struct race {
    struct sockaddr_in address;
    in_addr_t good, bad;
    _Atomic int over;
};

static void *change_address(void *context)
{
    struct race *race = context;
    volatile in_addr_t *at = &race->address.sin_addr.s_addr;
    while (!atomic_load_explicit(&race->over, memory_order_relaxed)) {
        *at = race->bad;
        *at = race->good;
    }
    return NULL;
}

/* Has another thread change the address while it is looked at and used. */
static void by_race(struct deed *deed)
{
    enum { TRIES = 1000 };
    struct race race = {.address = target(deed), .good = htonl(INADDR_LOOPBACK)};
    pthread_t thread;
    int made = 0, refused = 0;
    race.bad = race.address.sin_addr.s_addr;
    if (pthread_create(&thread, NULL, change_address, &race) != 0)
        return;
    for (int i = 0; i < TRIES; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        int result = connect_and_wait(fd, &race.address);
        made += result == 0;
        refused += result < 0 && errno == EACCES;
        close(fd);
    }
    atomic_store(&race.over, 1);
    pthread_join(thread, NULL);
    json_object_object_add(deed->result, "made", json_object_new_int(made));
    json_object_object_add(deed->result, "refused", json_object_new_int(refused));
}

/* --- Names -------------------------------------------------------------------------------------*/

/* Resolves `host`, and connects to what it is said to be, or to `address` if there is one. */
static void by_name(struct deed *deed)
{
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    char text[INET_ADDRSTRLEN] = "";
    struct sockaddr_in address = target(deed);
    int result = getaddrinfo(deed_text(deed, "host"), NULL, &hints, &list);
    json_object_object_add(deed->result, "resolve", json_object_new_int(result));
    if (result == 0) {
        struct in_addr found = ((struct sockaddr_in *)(void *)list->ai_addr)->sin_addr;
        (void)inet_ntop(AF_INET, &found, text, sizeof text);
        if (address.sin_addr.s_addr == 0)
            address.sin_addr = found;
    }
    json_object_object_add(deed->result, "address", json_object_new_string(text));
    if (address.sin_port != 0 && address.sin_addr.s_addr != 0) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        deed_note(deed, "connect", connect_and_wait(fd, &address));
        close(fd);
    }
    freeaddrinfo(list);
}

void roam(struct deed *deed)
{
    static const struct {
        const char *name;
        deed_fn *deed;
    } WAYS[] = {
        {"plainly", plainly},
        {"system_call", by_system_call},
        {"udp", by_udp},
        {"udp6", by_udp6},
        {"fast_open", by_fast_open},
        {"other_protocols", by_other_protocols},
        {"io_uring", by_io_uring},
        {"unix", by_unix},
        {"question", by_question},
        {"nonsense", by_nonsense},
        {"race", by_race},
        {"name", by_name},
    };
    for (size_t i = 0; i < sizeof WAYS / sizeof WAYS[0]; i++) {
        if (strcmp(WAYS[i].name, deed_text(deed, "how")) == 0)
            WAYS[i].deed(deed);
    }
    deed_succeed(deed);
}
