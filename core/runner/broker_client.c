/*
 * broker_client.c — the runner's side of broker.h.
 */
#include "runner/broker_message.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define EXIT_SYSTEM 71 /* RUNNER_EXIT_SYSTEM */

/* The C library's functions, which this stands behind, carry no context. */
static struct {
    _Atomic int channel;  /* plus 1; 0: there is no broker */
    pthread_mutex_t lock; /* of CONNECT, whose answer comes on the channel */
} broker = {.lock = PTHREAD_MUTEX_INITIALIZER};

void broker_use(int channel)
{
    atomic_store(&broker.channel, channel + 1);
}

bool broker_exists(void)
{
    return atomic_load_explicit(&broker.channel, memory_order_relaxed) != 0;
}

static int channel_fd(void)
{
    return atomic_load_explicit(&broker.channel, memory_order_relaxed) - 1;
}

/* Without it nothing can be reached any more. */
_Noreturn static void gone(void)
{
    static const char WHY[] = "hub-runner: its broker is gone\n";
    (void)!write(STDERR_FILENO, WHY, sizeof WHY - 1);
    _exit(EXIT_SYSTEM);
}

static ssize_t receive(int fd, void *bytes, size_t size)
{
    ssize_t got;
    do {
        got = recv(fd, bytes, size, 0);
    } while (got < 0 && errno == EINTR);
    return got;
}

int broker_connect(int socket, const void *address, socklen_t size)
{
    struct broker_question question = {.kind = BROKER_CONNECT, .connection = {.size = size}};
    int32_t error;
    if (!address || size > sizeof question.connection.address) {
        return address ? EINVAL : EFAULT;
    }
    memcpy(&question.connection.address, address, size);
    pthread_mutex_lock(&broker.lock);
    int err = broker_ask(channel_fd(), &question, socket);
    bool answered = err == 0 && receive(channel_fd(), &error, sizeof error) == sizeof error;
    pthread_mutex_unlock(&broker.lock);
    if (!answered && err != -EBADF && err != -EMFILE && err != -ETOOMANYREFS) {
        gone();
    }
    return err < 0 ? -err : error;
}

static bool fill(struct broker_name *name, const char *host, const char *service)
{
    size_t host_len = host ? strlen(host) : 0;
    size_t service_len = service ? strlen(service) : 0;
    if (host_len >= sizeof name->host || service_len >= sizeof name->service) {
        return false;
    }
    memcpy(name->host, host ? host : "", host_len + 1);
    memcpy(name->service, service ? service : "", service_len + 1);
    return true;
}

void broker_resolve(const char *host, const char *service, const struct addrinfo *hints,
                    struct broker_answer *ret_answer)
{
    struct broker_question question = {.kind = BROKER_RESOLVE};
    int pair[2];
    ret_answer->count = 0;
    ret_answer->result = EAI_NONAME;
    if (!fill(&question.name, host, service)) {
        return;
    }
    if (hints) {
        question.name.flags = hints->ai_flags;
        question.name.family = hints->ai_family;
        question.name.type = hints->ai_socktype;
        question.name.protocol = hints->ai_protocol;
    } else { /* as POSIX has it, but for what glibc adds of its own */
        question.name.flags = AI_V4MAPPED | AI_ADDRCONFIG;
        question.name.family = AF_UNSPEC;
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        ret_answer->result = EAI_SYSTEM;
        ret_answer->problem = errno;
        return;
    }
    int err = broker_ask(channel_fd(), &question, pair[1]);
    close(pair[1]);
    ssize_t got = err == 0 ? receive(pair[0], ret_answer, sizeof *ret_answer) : -1;
    close(pair[0]);
    if (err == -EPIPE || err == -ECONNRESET) {
        gone();
    }
    if (got != sizeof *ret_answer || ret_answer->count > BROKER_ADDRESSES_MAX) {
        *ret_answer = (struct broker_answer){.result = EAI_AGAIN};
    }
}
