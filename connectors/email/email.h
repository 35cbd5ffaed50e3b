/*
 * email.h — the connector's parts and how they know each other.
 *
 *     email.c            the descriptor; jobs begin and are cancelled here
 *     relay.c            accounts in use: their queues, their lanes, their pace
 *     lane.c             a thread with one connection: takes deliveries from its line
 *     dial.c, tls.c      connections, looked at before they are made; certificates
 *     transport*.c       what is spoken over them
 *     letter.c, compose.c, headers.c, encode.c, html_text.c, address.c, message.c   the message
 *     dkim.c             its signatures
 *     send.c             email.send: one delivery from its input to its end
 *     outcome.c          how it stands with each recipient: learnt, kept, told
 *     suppress.c         the list of those who get nothing
 *     token.c            access tokens for XOAUTH2
 *     render.c, verify.c, parse.c, bounce.c   the other operations
 *
 * THREADS. start() and cancel() come on [main] and do next to nothing: a delivery is put into its
 * relay's line. Lanes are threads of our own; composing, sending and completing happens there.
 * struct email.lock guards everything that both touch, and is never held over anything that blocks.
 */
#ifndef CONNECTORS_EMAIL_EMAIL_H
#define CONNECTORS_EMAIL_EMAIL_H

#include "account.h"
#include "letter.h"
#include "transport.h"

#include "base/list.h"
#include "base/map.h"

#include <hub/connector.h>
#include <pthread.h>

#define LANES_MAX  64   /* threads, of all relays together */
#define RELAYS_MAX 1024 /* accounts that are remembered */

struct relay;
struct line;
struct token;

struct x509_store_st;
struct ssl_ctx_st;
struct ssl_st;

struct email {
    const hub_host *host;
    const hub_timer_api *timers;
    const hub_pool_api *pool;
    const hub_http_api *http;
    const hub_net_api *net;
    const hub_keep_api *keep; /* NULL: this host has none */
    pthread_mutex_t lock;
    bool closing;
    struct map relays; /* by the SHA-256 of the account's JSON */
    struct list relay_order;
    unsigned lane_count;
    struct list ended;             /* lanes whose threads are to be joined */
    hub_timer *watch;              /* looks at lanes and lines; [main] */
    struct x509_store_st *trusted; /* certificates, read once */
};

/* --- Deliveries --------------------------------------------------------------------------------*/

/* One job that sends a message. Its owner is the line while it waits, then the lane. */
struct delivery {
    struct list link; /* in its line */
    struct email *email;
    struct relay *relay;
    struct line *line; /* in which it waits; under the lock */
    struct lane *lane; /* that has it; under the lock */
    hub_job *job;
    bool cancelled;            /* under the lock */
    bool for_token;            /* it waits for one; [main] */
    struct json_object *input; /* owned */
    struct letter letter;      /* from the moment a lane has taken it */
    struct message_reader *reader;
    enum stage stage;
    enum failure failure;
    struct reply reply;    /* the last one that was not about a recipient */
    uint64_t throttled_ms; /* that recipients' domains want us to wait */
    bool marked;           /* that it leaves is kept: on_unknown hold */
};

/* --- relay.c -----------------------------------------------------------------------------------*/

enum { LINE_ESMTP, LINE_CURL, LINES };

/* What waits for one transport of a relay, and who carries it. */
struct line {
    struct relay *relay;
    const struct transport *transport;
    struct list waiting; /* deliveries */
    unsigned waiting_count, lane_count, idle_count;
    struct list lanes;
    pthread_cond_t changed; /* there is work, or the end has come */
};

/* How fast: a bucket that fills with time. */
struct pace {
    double per_second, level;
    int64_t at_ms;
};

/* A recipient domain that does not want so much at the moment. */
struct domain {
    struct list order; /* the one used last first */
    char name[256];
    struct pace pace;
    unsigned backoff_ms;
    int64_t until_ms;
};

struct relay {
    struct email *email;
    struct list order; /* in email.relay_order, the one used last first */
    char key[65];
    struct account account;
    struct line lines[LINES];
    struct pace pace;
    struct map domains; /* struct domain by name */
    struct list domain_order;
    struct x509_store_st *trusted; /* if the account has authorities of its own */
    bool only_curl;                /* libesmtp cannot speak to it; under the lock */
    struct token *token;           /* [main] */
    char access_token[4096];       /* under the lock; empty: none */
    unsigned users;                /* jobs that hold on to it */
};

/* The relay of this account, which is made if need be; `users` is one more. NULL with the reason:
 * HUB_ERR_INVALID_INPUT, HUB_ERR_NOMEM, HUB_ERR_LIMIT. [main] */
struct relay *relay_get(struct email *email, struct str account, struct hub_error *error);
void relay_put(struct relay *self);       /* one user less. [any] */
void relays_release(struct email *email); /* at the end; ends all lanes first. [main] */

/* Looks at lanes and lines as long as there are any: what has waited for too long. [main] */
void relays_watch(struct email *email);

/* Puts a delivery into a line. [any] */
void relay_submit(struct relay *self, struct delivery *delivery, unsigned line);

/* May a message be sent now? Else in how many milliseconds. [lane] */
uint64_t relay_wait_ms(struct relay *self);
/* May a recipient of this domain be tried now? Else in how many milliseconds. [lane] */
uint64_t domain_wait_ms(struct relay *self, struct str domain);
/* How it went with a recipient of this domain. [lane] */
void domain_told(struct relay *self, struct str domain, bool deferred);

/* --- lane.c ------------------------------------------------------------------------------------*/

struct tls_state {
    struct ssl_ctx_st *context;
    long verify_error; /* X509_V_… */
    char server_name[256];
};

struct lane {
    struct list link; /* in its line, or in email.ended */
    struct email *email;
    struct line *line;
    pthread_t thread;
    struct delivery *current; /* under the lock */
    int fd;                   /* of the connection; -1: none. Under the lock */
    int64_t give_up_at_ms;    /* then the connection is shut down; 0: never. Under the lock */
    bool timed_out;           /* under the lock */
    enum failure aborted;     /* why we have shut it down ourselves */
    unsigned carried;         /* messages over this connection */
    struct server server;
    struct tls_state tls;
    struct reply last; /* the last reply of any kind */
    char own_name[64];
};

/* Starts one if it would help. Under the lock. */
void line_need_lane(struct line *self);
/* Joins the threads that have ended; and, at the end, waits for all of them. [main] */
void lanes_reap(struct email *email);
void lanes_join(struct email *email);

/* The next delivery, composed and ready to be sent; waits for one as long as the connection may be
 * kept. NULL: end the connection. [lane] */
struct delivery *lane_next(struct lane *self);
/* What the transport has learnt is complete: the job ends, the delivery is gone. [lane] */
void lane_finished(struct lane *self, struct delivery *delivery);
/* From now on the relay has so many milliseconds; 0: as many as it likes. [lane] */
void lane_allow(struct lane *self, uint64_t ms);
/* Ends the connection from our side, for this reason. [lane] */
void lane_abort(struct lane *self, enum failure why);
/* What it was that broke the connection, as far as the lane knows. [lane] */
enum failure lane_failure(struct lane *self, enum failure otherwise);
/* Has the other side ended the connection already? [lane] */
bool lane_is_dead(const struct lane *self);
/* The name that a lane says to be in EHLO: the account's, or its own address (RFC 5321 §4.1.3). */
const char *lane_own_name(struct lane *self);

/* --- dial.c ------------------------------------------------------------------------------------*/

/* A connection to the account's relay, or the failure. Blocks. [lane] */
enum failure dial(struct email *email, const struct account *account, unsigned timeout_ms,
                  int *ret_fd, char *ret_why, size_t why_size);

/* --- tls.c -------------------------------------------------------------------------------------*/

/* A context that trusts the system's authorities and the account's, and takes no certificate but
 * one for the account's server name; TLS 1.2 at least. */
HUB_MUST_CHECK int tls_state_init(struct tls_state *self, struct relay *relay);
void tls_state_release(struct tls_state *self);
/* The same for a context that somebody else has made. */
HUB_MUST_CHECK int tls_state_apply(struct tls_state *self, struct relay *relay,
                                   struct ssl_ctx_st *context);
/* What was wrong with the certificate; TLS if it was something else. */
enum failure tls_failure(const struct tls_state *self);
void tls_describe(struct ssl_st *ssl, struct server *ret_server);
void tls_release(struct x509_store_st *store); /* NULL does nothing */

/* --- send.c ------------------------------------------------------------------------------------*/

void send_start(struct email *email, hub_job *job);
void send_cancel(struct email *email, hub_job *job); /* [main] */
/* Reads and composes. False: the job was completed, the delivery is gone. [lane] */
bool send_prepare(struct delivery *self);
/* Nothing of it has left, and libesmtp cannot carry this relay's messages: libcurl does from now
 * on. [lane] */
void send_elsewhere(struct delivery *self);
/* Decides what becomes of the job, and frees the delivery. [lane] */
void send_finish(struct delivery *self);
/* Nothing was sent, for this reason. [any] */
void send_give_back(struct delivery *self, enum failure why, const char *detail);

/* The input's "template", if there is one, becomes its subject, text and html. */
HUB_MUST_CHECK int template_apply(struct json_object *input, struct hub_error *error);

/* --- Completing a job, from any thread ---------------------------------------------------------*/

void job_fail(const struct email *email, hub_job *job, const char *code, const char *message);
void job_retry(const struct email *email, hub_job *job, const char *code, const char *message,
               uint64_t delay_ms);

/* --- suppress.c --------------------------------------------------------------------------------*/

/* Marks those recipients that are on the list. False if it could not be read. [lane] */
bool suppressions_apply(struct delivery *delivery);
/* Puts a recipient on the list who does not exist. [lane] */
void suppressions_learn(struct delivery *delivery, const struct recipient *recipient);
/* Puts an address on the list; 1, or 0 if it is none, negative if the store does not take it. */
int suppressions_add(const struct email *email, hub_job *job, struct str address, struct str note);
void suppress_start(struct email *email, hub_job *job);
void unsuppress_start(struct email *email, hub_job *job);
void suppressed_start(struct email *email, hub_job *job);

/* --- token.c -----------------------------------------------------------------------------------*/

/* Sees to it that relay->access_token is valid, then submits; or completes the job. [main] */
void token_then_submit(struct relay *relay, struct delivery *delivery);
void token_forget(struct relay *relay); /* it was refused. [any] */
void token_free(struct token *self);

/* --- The other operations ----------------------------------------------------------------------*/

void render_start(struct email *email, hub_job *job);
void verify_start(struct email *email, hub_job *job);
void parse_start(struct email *email, hub_job *job);
void parse_bounce_start(struct email *email, hub_job *job);

#endif
