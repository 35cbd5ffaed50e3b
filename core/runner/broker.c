/*
 * broker.c — the broker's process.
 *
 * Its main thread takes the questions; connecting does not block, since the socket must not.
 * Resolving does, so each name has a thread, of which there are few at once.
 */
#include "runner/broker_message.h"

#include "base/clock.h"
#include "runner/gate.h"
#include "runner/resolve.h"
#include "runner/sandbox.h"
#include "runner/witness.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#define CHANNEL_FD   3
#define THREAD_STACK (256u << 10)

struct broker {
    struct gate gate;
    struct wire_refusals *refusals; /* NULL: nobody wants to know */
    pthread_mutex_t lock;           /* of `refusals` */
    _Atomic unsigned resolving;
    struct resolver resolver;
};

/* --- Refusals ----------------------------------------------------------------------------------*/

static void note_refusal(struct broker *self, const char *what, const char *why)
{
    if (self->refusals) {
        pthread_mutex_lock(&self->lock);
        snprintf(self->refusals->last, sizeof self->refusals->last, "%.90s (%.30s)", what, why);
        atomic_fetch_add(&self->refusals->count, 1);
        pthread_mutex_unlock(&self->lock);
    }
}

static void note_refused_address(struct broker *self, const struct sockaddr *address,
                                 const char *why)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)address;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)address;
    char text[INET6_ADDRSTRLEN] = "?";
    char what[INET6_ADDRSTRLEN + 24];
    if (address->sa_family == AF_INET) {
        (void)inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text);
        snprintf(what, sizeof what, "%s:%u", text, ntohs(v4->sin_port));
    } else if (address->sa_family == AF_INET6) {
        (void)inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text);
        snprintf(what, sizeof what, "[%s]:%u", text, ntohs(v6->sin6_port));
    } else {
        snprintf(what, sizeof what, "address family %u", address->sa_family);
    }
    note_refusal(self, what, why);
}

/* --- Connections -------------------------------------------------------------------------------*/

static bool option_is(int fd, int option, int wanted)
{
    int value;
    socklen_t size = sizeof value;
    return getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 && value == wanted;
}

/* One of TCP that will not make us wait. */
static int check_socket(int fd, const struct broker_connection *question)
{
    sa_family_t family = question->address.ss_family;
    size_t needed = family == AF_INET    ? sizeof(struct sockaddr_in)
                    : family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                         : SIZE_MAX;
    if (needed > question->size || question->size > sizeof question->address) {
        return family == AF_INET || family == AF_INET6 ? EINVAL : EACCES;
    }
    if (!option_is(fd, SO_DOMAIN, family) || !option_is(fd, SO_TYPE, SOCK_STREAM) ||
        !option_is(fd, SO_PROTOCOL, IPPROTO_TCP)) {
        return EACCES;
    }
    return fcntl(fd, F_GETFL) & O_NONBLOCK ? 0 : EINVAL;
}

static int32_t make_connection(struct broker *self, int fd, struct broker_connection *question)
{
    const struct sockaddr *address = (const struct sockaddr *)&question->address;
    int error = check_socket(fd, question);
    const char *why = "not a socket for it";
    if (error == 0) {
        why = gate_refuses(&self->gate, address, clock_mono_ms());
        error = why ? EACCES : 0;
    }
    if (error == 0) {
        error = connect(fd, address, question->size) == 0 ? 0 : errno;
        why = "its port is not granted"; /* what Landlock says */
    }
    if (error == EACCES) {
        note_refused_address(self, address, why);
    }
    return error;
}

static void on_connect(struct broker *self, struct broker_question *question, int fd)
{
    int32_t error = make_connection(self, fd, &question->connection);
    close(fd);
    (void)!send(CHANNEL_FD, &error, sizeof error, MSG_NOSIGNAL);
}

/* --- Names -------------------------------------------------------------------------------------*/

struct resolving {
    struct broker *broker;
    struct broker_name name;
    int reply_fd;
};

/* An address, or nothing, needs nobody's leave: what may be done with it is asked later. */
static bool is_name(const struct broker_name *name)
{
    struct sockaddr_storage address;
    return name->host[0] != '\0' && !(name->flags & AI_NUMERICHOST) &&
           !http_host_is_address(str_from_c(name->host), &address);
}

static void take_addresses(struct resolving *self, const struct addrinfo *list,
                           struct broker_answer *answer)
{
    struct broker *broker = self->broker;
    for (; list && answer->count < BROKER_ADDRESSES_MAX; list = list->ai_next) {
        struct broker_address *to = &answer->addresses[answer->count];
        if (list->ai_canonname) {
            snprintf(answer->canonical, sizeof answer->canonical, "%s", list->ai_canonname);
        }
        if (list->ai_addrlen > sizeof to->address ||
            (is_name(&self->name) && gate_remember(&broker->gate, str_from_c(self->name.host),
                                                   list->ai_addr, clock_mono_ms()) < 0)) {
            continue;
        }
        *to = (struct broker_address){
            list->ai_family, list->ai_socktype, list->ai_protocol, list->ai_addrlen, {0}};
        memcpy(&to->address, list->ai_addr, list->ai_addrlen);
        answer->count++;
    }
}

static void find_addresses(struct resolving *self, struct broker_answer *answer)
{
    const struct broker_name *name = &self->name;
    struct addrinfo hints = {.ai_flags = name->flags,
                             .ai_family = name->family,
                             .ai_socktype = name->type,
                             .ai_protocol = name->protocol};
    struct addrinfo *list = NULL;
    if (is_name(name) && !gate_may_resolve(&self->broker->gate, str_from_c(name->host))) {
        note_refusal(self->broker, name->host, "not granted");
        answer->result = EAI_NONAME;
        return;
    }
    answer->result = self->broker->resolver.find(
        name->host[0] ? name->host : NULL, name->service[0] ? name->service : NULL, &hints, &list);
    answer->problem = answer->result == EAI_SYSTEM ? errno : 0;
    if (answer->result == 0) {
        take_addresses(self, list, answer);
        self->broker->resolver.forget(list);
        answer->result = answer->count > 0 ? 0 : EAI_MEMORY;
    }
}

static void *resolve(void *context)
{
    struct resolving *self = context;
    struct broker_answer answer = {0};
    find_addresses(self, &answer);
    (void)!send(self->reply_fd, &answer, sizeof answer, MSG_NOSIGNAL | MSG_DONTWAIT);
    close(self->reply_fd);
    atomic_fetch_sub(&self->broker->resolving, 1);
    free(self);
    return NULL;
}

static bool start_thread(struct resolving *resolving)
{
    pthread_attr_t attributes;
    pthread_t thread;
    if (pthread_attr_init(&attributes) != 0) {
        return false;
    }
    (void)pthread_attr_setstacksize(&attributes, THREAD_STACK);
    (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    bool started = pthread_create(&thread, &attributes, resolve, resolving) == 0;
    pthread_attr_destroy(&attributes);
    return started;
}

/* Whoever is not answered sees the end of the socket, and takes it for EAI_AGAIN. */
static void on_resolve(struct broker *self, struct broker_question *question, int fd)
{
    question->name.host[sizeof question->name.host - 1] = '\0';
    question->name.service[sizeof question->name.service - 1] = '\0';
    struct resolving *resolving = malloc(sizeof *resolving);
    if (!resolving) {
        close(fd);
        return;
    }
    *resolving = (struct resolving){self, question->name, fd};
    if (atomic_fetch_add(&self->resolving, 1) >= BROKER_RESOLVING_MAX || !start_thread(resolving)) {
        atomic_fetch_sub(&self->resolving, 1);
        free(resolving);
        close(fd);
    }
}

/* --- The process -------------------------------------------------------------------------------*/

_Noreturn static void serve(struct broker *self)
{
    struct broker_question question;
    int fd = -1;
    int err;
    while ((err = broker_hear(CHANNEL_FD, &question, &fd)) == 0) {
        if (fd < 0) {
            break;
        }
        if (question.kind == BROKER_CONNECT) {
            on_connect(self, &question, fd);
        } else if (question.kind == BROKER_RESOLVE) {
            on_resolve(self, &question, fd);
        } else {
            break;
        }
    }
    _exit(0); /* the runner has gone, or gone mad */
}

static int set_up(struct broker *self, const struct wire_config *config, struct hub_error *error)
{
    if (!resolver_of_libc(&self->resolver)) {
        return hub_fail(error, HUB_ERR_INTERNAL, "the C library has no getaddrinfo()");
    }
    witness_init(NULL);
    (void)prctl(PR_SET_NAME, "hub-broker");
    return sandbox_enter_broker(config, error);
}

_Noreturn static void broker_main(struct broker *self, const struct wire_config *config,
                                  pid_t runner, int channel)
{
    struct hub_error error = {0};
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != runner ||
        dup2(channel, CHANNEL_FD) < 0 || close_range(CHANNEL_FD + 1, ~0u, 0) < 0) {
        _exit(1);
    }
    if (set_up(self, config, &error) < 0) {
        if (getppid() == runner) { /* else that is why */
            fprintf(stderr, "hub-runner: the broker could not be confined: %s\n", error.detail);
        }
        _exit(1);
    }
    serve(self);
}

/* The second page of the file. The runner keeps no way to it. */
static struct wire_refusals *map_refusals(int board_fd)
{
    long page = sysconf(_SC_PAGESIZE);
    void *at = board_fd < 0 ? MAP_FAILED
                            : mmap(NULL, sizeof(struct wire_refusals), PROT_READ | PROT_WRITE,
                                   MAP_SHARED, board_fd, page);
    return at == MAP_FAILED ? NULL : at;
}

/* Forks it, with `channel` as its end. */
static int fork_broker(struct broker *self, const struct wire_config *config, int board_fd,
                       int channel, int *ret_pidfd, struct hub_error *error)
{
    pid_t runner = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        self->refusals = map_refusals(board_fd);
        broker_main(self, config, runner, channel);
    }
    int pidfd = pid < 0 ? -1 : pidfd_open(pid, 0);
    if (pidfd < 0) {
        return hub_fail_errno(error, errno, "a broker could not be started");
    }
    *ret_pidfd = pidfd;
    return 0;
}

int broker_start(const struct wire_config *config, int board_fd, int *ret_pidfd,
                 struct hub_error *error)
{
    struct broker broker = {.lock = PTHREAD_MUTEX_INITIALIZER};
    int pair[2];
    if (gate_init(&broker.gate, config) < 0) {
        return hub_fail(error, HUB_ERR_NOMEM, "out of memory");
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        gate_release(&broker.gate);
        return hub_fail_errno(error, errno, "a broker could not be started");
    }
    int err = fork_broker(&broker, config, board_fd, pair[1], ret_pidfd, error);
    close(pair[1]);
    gate_release(&broker.gate);
    if (err < 0) {
        close(pair[0]); /* which ends it, if it is there */
    } else {
        broker_use(pair[0]);
    }
    return err;
}
