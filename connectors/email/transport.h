/*
 * transport.h — one way to carry messages to a relay. There are two:
 *
 *     transport_esmtp.c   libesmtp: STARTTLS and plain, pipelined, DSN
 *     transport_curl.c    libcurl: implicit TLS, XOAUTH2, CRAM-MD5, TLS 1.3 alone
 *
 * Both are told of one connection and get their messages from lane_next(), one after the other, for
 * as long as the connection is good; so a connection outlives jobs.
 *
 *     struct delivery *rest = transport->run(lane, first);
 *
 * A transport writes into the delivery what it learns, while it learns it: how far it has come
 * (`stage`), each recipient's reply, what broke. Deciding what follows from that is send.c's.
 *
 * Thread: a lane's own. May block; the connection is shut down under it when its time is over.
 */
#ifndef CONNECTORS_EMAIL_TRANSPORT_H
#define CONNECTORS_EMAIL_TRANSPORT_H

#include "letter.h"

struct lane;
struct delivery;

/* How far a message has come. */
enum stage {
    STAGE_WAITING,  /* nothing of it has left */
    STAGE_ENVELOPE, /* MAIL or RCPT was answered */
    STAGE_CONTENT,  /* its content is on its way, but for sure not all of it */
    STAGE_DOUBT,    /* all of it has left; no answer yet */
    STAGE_ANSWERED  /* the server has said what becomes of it */
};

/* What kept a connection or a message from being. X(NAME, code, may it be tried again?, sentence)
 */
#define FAILURES(X)                                                                                \
    X(NONE, "", true, "")                                                                          \
    X(DNS, "dns_failed", true, "The relay's name does not resolve.")                               \
    X(BLOCKED, "blocked_address", false, "The relay's address or port is not allowed.")            \
    X(CONNECT, "connect_failed", true, "No connection to the relay.")                              \
    X(GREETING, "greeting_refused", true, "The relay does not want to talk.")                      \
    X(STARTTLS_MISSING, "starttls_missing", false,                                                 \
      "The relay does not offer STARTTLS; relays on port 465 take tls implicit.")                  \
    X(STARTTLS_INJECTION, "starttls_injection", false,                                             \
      "The relay sent more than its answer before TLS began.")                                     \
    X(TLS, "tls_failed", true, "No TLS with the relay; on ports 25 and 587 it is tls starttls.")   \
    X(TLS_UNTRUSTED, "tls_untrusted", false,                                                       \
      "The relay's certificate is not trusted; ca takes the authority that has signed it.")        \
    X(TLS_EXPIRED, "tls_expired", false, "The relay's certificate is not valid at this time.")     \
    X(TLS_NAME, "tls_wrong_name", false,                                                           \
      "The relay's certificate is for another name; server_name says which one is right.")         \
    X(AUTH_MISSING, "auth_missing", false, "The relay offers no way to authenticate.")             \
    X(AUTH_REFUSED, "auth_refused", false, "The relay does not accept the credentials.")           \
    X(AUTH_LATER, "auth_failed", true, "The relay cannot authenticate at the moment.")             \
    X(TOO_LARGE, "too_large", false, "The message is larger than the relay takes.")                \
    X(SMTPUTF8_MISSING, "smtputf8_missing", false,                                                 \
      "The relay does not take addresses beyond ASCII.")                                           \
    X(DSN_MISSING, "dsn_missing", false,                                                           \
      "The relay does not offer delivery status notifications.")                                   \
    X(TIMEOUT, "timeout", true, "The relay took too long.")                                        \
    X(LOST, "connection_lost", true, "The connection broke.")                                      \
    X(PROTOCOL, "protocol_error", true, "What the relay sent is no SMTP.")                         \
    X(FILE, "file_unreadable", true, "An attachment could not be read.")                           \
    X(MEMORY, "out_of_memory", true, "There was not enough memory.")

enum failure {
#define X(NAME, code, again, text) FAILURE_##NAME,
    FAILURES(X)
#undef X
        FAILURE_END
};

struct failure_fact {
    const char *code;
    bool again;
    const char *text;
};
extern const struct failure_fact FAILURE_FACTS[FAILURE_END];

/* What a relay has said about itself. */
struct server {
    uint64_t size_max; /* 0: not said */
    bool smtputf8, starttls, pipelining, dsn, eightbit;
    char auth[128]; /* mechanisms, with blanks between them */
    char tls_version[16], tls_cipher[64];
    char subject[256], issuer[256], not_after[32];
};

struct transport {
    const char *name;
    /* Carries `first` and what lane_next() gives over the connection lane->fd, which is open and
     * fresh, then ends it. Returns a delivery of which nothing has left because a kept connection
     * was dead, or NULL. */
    struct delivery *(*run)(struct lane *lane, struct delivery *first);
};

extern const struct transport TRANSPORT_ESMTP, TRANSPORT_CURL;

/* A reply's line without its CRLF: "550 5.1.1 no such user". Continuation lines have a '-' behind
 * the number. False if it is none. */
bool reply_parse(struct str line, struct reply *ret_reply);
/* One line of an EHLO reply, behind the number. */
void server_learn(struct server *self, struct str capability);

#endif
