/*
 * broker_message.h — what a runner and its broker say to each other.
 *
 * Questions go over one socket of SOCK_SEQPACKET, so each is a message of its own, whoever sends it
 * and whatever else was sent. With each goes one descriptor: of CONNECT the socket to be connected,
 * answered at once with an errno (int32_t) on the same channel; of RESOLVE one end of a pair of
 * sockets, on which a struct broker_answer comes when it is known.
 *
 * Both ends are the same program, so structs go as they are. What the broker receives is hostile
 * all the same.
 */
#ifndef HUB_RUNNER_BROKER_MESSAGE_H
#define HUB_RUNNER_BROKER_MESSAGE_H

#include "runner/broker.h"

enum broker_kind { BROKER_CONNECT, BROKER_RESOLVE };

struct broker_connection {
    uint32_t size;
    struct sockaddr_storage address;
};

struct broker_name {
    int32_t flags, family, type, protocol; /* struct addrinfo's */
    char host[256];                        /* empty: none */
    char service[64];
};

struct broker_question {
    uint32_t kind;
    union {
        struct broker_connection connection;
        struct broker_name name;
    };
};

/* Takes over nothing: `fd` stays the caller's. 0 or -errno. */
HUB_MUST_CHECK int broker_ask(int channel, const struct broker_question *question, int fd);

/* The next question, and the descriptor that came with it, the caller's; -1: none did. 0; -EPIPE:
 * the other end is gone; -EBADMSG: it was none. */
HUB_MUST_CHECK int broker_hear(int channel, struct broker_question *ret_question, int *ret_fd);

/* The runner's end of the channel, for all questions from now on. */
void broker_use(int channel);

#endif
