/*
 * transport_curl.c — libcurl: implicit TLS, XOAUTH2, CRAM-MD5, relays that speak TLS 1.3 alone.
 *
 * One easy handle a connection; libcurl keeps it between transfers. It is given the lane's
 * connection once, and when it asks for another one the lane's has ended.
 *
 * libcurl tells nothing of single recipients. But it waits for the answer to each command before it
 * sends the next, shows each command (DEBUGFUNCTION) and each line of an answer (HEADERFUNCTION):
 * together they are the dialogue. Before an envelope leaves (PREREQFUNCTION) it is checked that
 * what was asked for is there: libcurl goes on without AUTH if the server offers none, and neither
 * looks at SIZE nor insists on SMTPUTF8.
 */
#include "curl_session.h"
#include "email.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RESPONSE_TIMEOUT_S 3600L /* the lane's own is the one that counts */
#define BYTES_PER_MS       1

/* --- The dialogue ------------------------------------------------------------------------------*/

static void take_command(struct curl_session *self, struct str command)
{
    static const struct {
        struct str verb;
        enum curl_asked asked;
    } VERBS[] = {
        {STR_INIT("EHLO "), ASKED_EHLO},      {STR_INIT("HELO "), ASKED_EHLO},
        {STR_INIT("MAIL FROM:"), ASKED_MAIL}, {STR_INIT("RCPT TO:"), ASKED_RCPT},
        {STR_INIT("DATA"), ASKED_DATA},       {STR_INIT("AUTH "), ASKED_AUTH},
        {STR_INIT("QUIT"), ASKED_OTHER},      {STR_INIT("NOOP"), ASKED_OTHER},
    };
    lane_allow(self->lane, self->account->command_ms);
    for (size_t i = 0; i < sizeof VERBS / sizeof VERBS[0]; i++) {
        if (str_starts_with(command, VERBS[i].verb)) {
            self->asked = VERBS[i].asked;
            if (self->asked == ASKED_EHLO) {
                self->lane->server = (struct server){0};
            }
            self->auth_sent = self->auth_sent || self->asked == ASKED_AUTH;
            return;
        }
    }
    self->asked = self->asked == ASKED_AUTH ? ASKED_AUTH : ASKED_OTHER;
}

static int on_debug(CURL *easy, curl_infotype type, char *bytes, size_t len, void *context)
{
    (void)easy;
    if (type == CURLINFO_HEADER_OUT) {
        take_command(context, str_of(bytes, len));
    }
    return 0;
}

/* Recipients are asked in the order in which they were given. */
static struct recipient *asked_recipient(struct curl_session *self)
{
    struct letter *letter = &self->current->letter;
    size_t number = self->replies++;
    for (size_t i = 0; i < letter->recipient_count; i++) {
        if (letter->recipients[i].outcome == OUTCOME_OPEN && number-- == 0) {
            return &letter->recipients[i];
        }
    }
    return NULL;
}

static void take_reply(struct curl_session *self, const struct reply *reply)
{
    struct delivery *delivery = self->current;
    struct recipient *recipient;
    self->authenticated = self->authenticated || (self->auth_sent && reply->code == 235);
    if (!delivery) {
        return;
    }
    if (self->asked == ASKED_RCPT && (recipient = asked_recipient(self)) != NULL) {
        recipient->reply = *reply;
    } else if (self->asked == ASKED_MAIL) {
        delivery->reply = *reply;
        delivery->stage = reply->code / 100 == 2 ? STAGE_ENVELOPE : STAGE_ANSWERED;
        self->heard = true;
    } else if (self->asked == ASKED_DATA && reply->code != 354) {
        delivery->reply = *reply;
        delivery->stage = STAGE_ANSWERED;
    }
}

static size_t on_line(char *bytes, size_t size, size_t count, void *context)
{
    struct curl_session *self = context;
    struct str line = str_of(bytes, size * count);
    struct reply reply;
    if (!reply_parse(line, &reply)) {
        self->garbage = true;
        return size * count;
    }
    self->lane->last = reply;
    if (self->asked == ASKED_EHLO && reply.code == 250 && line.len > 4) {
        server_learn(&self->lane->server,
                     str_trim(str_of(line.ptr + 4, strcspn(line.ptr + 4, "\r\n"))));
    }
    if (line.len < 4 || line.ptr[3] != '-') {
        take_reply(self, &reply);
    }
    return size * count;
}

/* --- Content -----------------------------------------------------------------------------------*/

static size_t on_read(char *to, size_t size, size_t count, void *context)
{
    struct curl_session *self = context;
    struct delivery *delivery = self->current;
    size_t room = size * count, done = 0;
    delivery->stage = STAGE_CONTENT;
    while (done < room) {
        if (self->chunk.len == 0 && message_read(delivery->reader, &self->chunk) < 0) {
            lane_abort(self->lane, FAILURE_FILE);
            return CURL_READFUNC_ABORT;
        }
        size_t part = self->chunk.len < room - done ? self->chunk.len : room - done;
        if (part == 0) {
            break;
        }
        memcpy(to + done, self->chunk.ptr, part);
        self->chunk = str_slice(self->chunk, part, self->chunk.len);
        done += part;
    }
    /* The size is known to libcurl: behind the last byte it writes the dot without asking again. */
    if (self->chunk.len > 0 || delivery->reader->done < delivery->letter.message.size) {
        lane_allow(self->lane, self->account->command_ms + done / BYTES_PER_MS);
    } else if (lane_is_dead(self->lane)) {
        lane_abort(self->lane, FAILURE_LOST);
        return CURL_READFUNC_ABORT;
    } else {
        delivery->stage = STAGE_DOUBT;
        lane_allow(self->lane, self->account->final_ms);
    }
    return done;
}

/* --- The connection ----------------------------------------------------------------------------*/

static curl_socket_t on_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct curl_session *self = context;
    (void)purpose;
    (void)address;
    if (self->connected) {
        return CURL_SOCKET_BAD;
    }
    self->connected = true;
    return self->lane->fd;
}

static int on_socket_options(void *context, curl_socket_t fd, curlsocktype purpose)
{
    (void)context;
    (void)fd;
    (void)purpose;
    return CURL_SOCKOPT_ALREADY_CONNECTED;
}

static int on_close(void *context, curl_socket_t fd)
{
    (void)context;
    (void)fd; /* it is the lane's */
    return 0;
}

static CURLcode on_tls(CURL *easy, void *context, void *user)
{
    struct curl_session *self = user;
    (void)easy;
    return tls_state_apply(&self->lane->tls, self->lane->line->relay, context) < 0
               ? CURLE_OUT_OF_MEMORY
               : CURLE_OK;
}

static void describe(struct curl_session *self)
{
    struct curl_tlssessioninfo *info = NULL;
    if (curl_easy_getinfo(self->easy, CURLINFO_TLS_SSL_PTR, &info) == CURLE_OK && info &&
        info->backend == CURLSSLBACKEND_OPENSSL && info->internals) {
        tls_describe(info->internals, &self->lane->server);
    }
}

/* The connection is there, and nothing of a message has left. */
static int on_ready(void *context, char *remote, char *local, int remote_port, int local_port)
{
    struct curl_session *self = context;
    const struct server *server = &self->lane->server;
    const struct letter *letter = self->current ? &self->current->letter : NULL;
    enum failure why = FAILURE_NONE;
    (void)remote, (void)local, (void)remote_port, (void)local_port;
    if (!self->described) {
        describe(self);
        self->described = true;
    }
    if (self->account->auth != AUTH_NONE && !self->authenticated) {
        why = self->auth_sent ? FAILURE_AUTH_REFUSED : FAILURE_AUTH_MISSING;
    } else if (letter && server->size_max > 0 && letter->message.size > server->size_max) {
        why = FAILURE_TOO_LARGE;
    } else if (letter && letter->utf8 && !server->smtputf8) {
        why = FAILURE_SMTPUTF8_MISSING;
    }
    if (why == FAILURE_NONE) {
        return CURL_PREREQFUNC_OK;
    }
    self->refused = why;
    return CURL_PREREQFUNC_ABORT;
}

static void set_place(struct curl_session *self)
{
    const struct account *account = self->account;
    const char *name = account->server_name;
    bool v6 = strchr(name, ':') != NULL;
    char url[1024], resolve[600];
    char *own = curl_easy_escape(self->easy, lane_own_name(self->lane), 0);
    snprintf(url, sizeof url, "%s://%s%s%s:%u/%s", account->tls == TLS_IMPLICIT ? "smtps" : "smtp",
             v6 ? "[" : "", name, v6 ? "]" : "", account->port, own ? own : "");
    /* No name is looked up: the connection is there already. */
    snprintf(resolve, sizeof resolve, "%s%s%s:%u:127.0.0.1", v6 ? "[" : "", name, v6 ? "]" : "",
             account->port);
    curl_free(own);
    self->resolve = curl_slist_append(NULL, resolve);
    curl_easy_setopt(self->easy, CURLOPT_URL, url);
    curl_easy_setopt(self->easy, CURLOPT_RESOLVE, self->resolve);
}

static void set_auth(struct curl_session *self)
{
    static const char *const OPTIONS[] = {
        [AUTH_PLAIN] = "AUTH=PLAIN",
        [AUTH_LOGIN] = "AUTH=LOGIN",
        [AUTH_CRAM_MD5] = "AUTH=CRAM-MD5",
        [AUTH_XOAUTH2] = "AUTH=XOAUTH2",
    };
    const struct account *account = self->account;
    if (account->auth == AUTH_NONE) {
        return;
    }
    curl_easy_setopt(self->easy, CURLOPT_USERNAME, account->username);
    curl_easy_setopt(self->easy, CURLOPT_SASL_IR, 1L); /* RFC 4954: one round trip less */
    if (account->auth == AUTH_XOAUTH2) {
        char token[sizeof self->lane->line->relay->access_token];
        pthread_mutex_lock(&self->lane->email->lock);
        memcpy(token, self->lane->line->relay->access_token, sizeof token);
        pthread_mutex_unlock(&self->lane->email->lock);
        curl_easy_setopt(self->easy, CURLOPT_XOAUTH2_BEARER, token);
        explicit_bzero(token, sizeof token);
    } else {
        curl_easy_setopt(self->easy, CURLOPT_PASSWORD, account->password);
    }
    if (account->auth != AUTH_AUTO) {
        curl_easy_setopt(self->easy, CURLOPT_LOGIN_OPTIONS, OPTIONS[account->auth]);
    }
}

bool curl_session_init(struct curl_session *self, struct lane *lane)
{
    *self = (struct curl_session){
        .lane = lane, .account = &lane->line->relay->account, .easy = curl_easy_init()};
    CURL *easy = self->easy;
    if (!easy) {
        return false;
    }
    set_place(self);
    set_auth(self);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_MAXCONNECTS, 1L);
    curl_easy_setopt(easy, CURLOPT_SERVER_RESPONSE_TIMEOUT, RESPONSE_TIMEOUT_S);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, self);
    curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_socket_options);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
    curl_easy_setopt(easy, CURLOPT_USE_SSL,
                     (long)(self->account->tls == TLS_NONE ? CURLUSESSL_NONE : CURLUSESSL_ALL));
    curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
    curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_tls);
    curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, self);
    curl_easy_setopt(easy, CURLOPT_VERBOSE, 1L);
    curl_easy_setopt(easy, CURLOPT_DEBUGFUNCTION, on_debug);
    curl_easy_setopt(easy, CURLOPT_DEBUGDATA, self);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_line);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, self);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_line);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, self);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_ready);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, self);
    return self->resolve != NULL;
}

void curl_session_release(struct curl_session *self)
{
    lane_allow(self->lane, self->account->command_ms);
    curl_easy_cleanup(self->easy); /* says QUIT */
    curl_slist_free_all(self->resolve);
    curl_slist_free_all(self->recipients);
}

enum failure curl_session_failure(const struct curl_session *self, int code)
{
    const struct lane *lane = self->lane;
    if (self->refused != FAILURE_NONE) {
        return self->refused;
    }
    if (lane->tls.verify_error != 0) {
        return tls_failure(&lane->tls);
    }
    switch (code) {
    case CURLE_USE_SSL_FAILED:
        return FAILURE_STARTTLS_MISSING;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
        return FAILURE_TLS;
    case CURLE_LOGIN_DENIED:
        return !self->auth_sent             ? FAILURE_AUTH_MISSING
               : lane->last.code / 100 == 4 ? FAILURE_AUTH_LATER
                                            : FAILURE_AUTH_REFUSED;
    case CURLE_OUT_OF_MEMORY:
        return FAILURE_MEMORY;
    default:
        break;
    }
    if (self->garbage && lane->last.code == 0) {
        return FAILURE_PROTOCOL;
    }
    return self->asked == ASKED_NOTHING && lane->last.code >= 400 ? FAILURE_GREETING
           : code == CURLE_WEIRD_SERVER_REPLY                     ? FAILURE_PROTOCOL
                                                                  : FAILURE_LOST;
}

/* --- Messages ----------------------------------------------------------------------------------*/

static bool set_message(struct curl_session *self, struct delivery *delivery)
{
    const struct letter *letter = &delivery->letter;
    struct curl_slist *all = NULL;
    self->current = delivery;
    self->replies = 0;
    self->heard = false;
    self->chunk = (struct str){0};
    message_reader_init(delivery->reader, &letter->message);
    for (size_t i = 0; i < letter->recipient_count; i++) {
        if (letter->recipients[i].outcome == OUTCOME_OPEN) {
            struct curl_slist *longer =
                curl_slist_append(all, letter->recipients[i].mailbox->address.ptr);
            if (!longer) {
                curl_slist_free_all(all);
                return false;
            }
            all = longer;
        }
    }
    curl_slist_free_all(self->recipients);
    self->recipients = all;
    curl_easy_setopt(self->easy, CURLOPT_MAIL_FROM,
                     letter->reverse_path.len > 0 ? letter->reverse_path.ptr : "");
    curl_easy_setopt(self->easy, CURLOPT_MAIL_RCPT, all);
    curl_easy_setopt(self->easy, CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L);
    curl_easy_setopt(self->easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(self->easy, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(self->easy, CURLOPT_READDATA, self);
    curl_easy_setopt(self->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)letter->message.size);
    return true;
}

/* False if nobody is left who would get it: libcurl then ends the transfer by itself. */
static bool all_refused(const struct curl_session *self)
{
    const struct letter *letter = &self->current->letter;
    size_t asked = 0;
    for (size_t i = 0; i < letter->recipient_count; i++) {
        const struct recipient *one = &letter->recipients[i];
        if (one->outcome == OUTCOME_OPEN && one->reply.code / 100 == 2) {
            return false;
        }
        asked += one->outcome == OUTCOME_OPEN;
    }
    return asked > 0 && self->replies == asked;
}

/* True: the connection is good for another one. */
static bool carry(struct curl_session *self, struct delivery *delivery, struct delivery **ret_rest)
{
    struct lane *lane = self->lane;
    CURLcode code =
        set_message(self, delivery) ? curl_easy_perform(self->easy) : CURLE_OUT_OF_MEMORY;
    if (delivery->stage == STAGE_ENVELOPE && all_refused(self)) {
        delivery->stage = STAGE_ANSWERED;
    }
    self->current = NULL;
    if (code == CURLE_OK || delivery->stage == STAGE_ANSWERED) {
        lane_finished(lane, delivery);
        return code == CURLE_OK;
    }
    enum failure failure = lane_failure(lane, curl_session_failure(self, code));
    bool lost = failure == FAILURE_LOST || failure == FAILURE_CONNECT;
    if (lane->carried > 0 && !self->heard && lost) {
        *ret_rest = delivery;
        return false;
    }
    delivery->failure = failure;
    if (delivery->reply.code == 0) {
        delivery->reply = lane->last;
    }
    bool reusable = self->refused == FAILURE_TOO_LARGE || self->refused == FAILURE_SMTPUTF8_MISSING;
    self->refused = FAILURE_NONE;
    lane_finished(lane, delivery);
    return reusable && !lane_is_dead(lane);
}

static struct delivery *run(struct lane *lane, struct delivery *first)
{
    struct curl_session self;
    struct delivery *rest = NULL;
    if (!curl_session_init(&self, lane)) {
        first->failure = FAILURE_MEMORY;
        lane_finished(lane, first);
    } else {
        lane_allow(lane, self.account->command_ms);
        for (struct delivery *next = first; next && carry(&self, next, &rest);) {
            next = lane_next(lane);
        }
    }
    curl_session_release(&self);
    return rest;
}

const struct transport TRANSPORT_CURL = {.name = "libcurl", .run = run};
