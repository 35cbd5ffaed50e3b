/*
 * transport_esmtp.c — libesmtp: plain and STARTTLS, pipelined.
 *
 * libesmtp carries a queue of messages that it is given beforehand, and ends the connection behind
 * the last one. Here the queue never ends: whenever a message is answered, libesmtp's event is held
 * up until lane_next() has another one, which is appended; so the connection is kept.
 *
 * What it does otherwise that must not happen, and what is done about it:
 *   - it connects by itself, to whatever the name says, with Nagle's delay: connect() on this
 * thread is ours (hub.net/1) and gives it the lane's connection
 *   - it knows a certificate only by the DNS canonical name: OpenSSL checks it for the account's
 *     server name while it shakes hands, and libesmtp's own opinion is overruled by that alone
 *   - no SNI, TLS 1.0: the context's (tls.c)
 *   - TLS 1.3's session tickets, which come unasked, it takes for an answer, and waits for the rest
 * of it instead of sending its command: it gets TLS 1.2, and a relay that does not speak that goes
 *     to libcurl
 *   - it goes on without TLS or AUTH if the server offers none, and after AUTH was refused: what
 *     leaves is read before it leaves, and MAIL does not without them
 *   - what came in one piece with the answer to STARTTLS counts as if it had come under TLS: then
 * the connection is ended
 *   - it takes the first mechanism that it knows: of those that the account does not name it gets
 * to see nothing
 *   - CRAM-MD5 it cannot load: it looks for sasl-cram-md5.so where sasl-crammd5.so is. A relay that
 *     has nothing else goes to libcurl too
 *   - a password that was refused (535) it tries again by every other mechanism there is, which
 * locks people out: the second attempt does not leave
 *   - CHUNKING costs it 40 ms a message with Postfix: it does not get to see that word
 *   - a SIZE that the server has told is not looked at: MAIL does not leave
 *   - its timeouts are per read, so that a byte now and then keeps it for hours: lane_allow()
 *   - it falls over a long ORCPT, which is then left out; ENVID is short enough (letter.c)
 *   - it knows no SMTPUTF8: the parameters come with the reverse path, whose closing bracket, which
 *     it writes behind them, becomes their last letter before it leaves
 * Nothing is left to it to compose, fold or encode; addresses have been checked twice.
 */
#include "email.h"

#include <auth-client.h>
#include <libesmtp.h>
#include <openssl/ssl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Declared by the header only if an old macro of OpenSSL's is there. */
int smtp_starttls_set_ctx(smtp_session_t session, SSL_CTX *ctx);

/* What stands behind the reverse path, but for its last letter. RFC 6531 §3.4: who offers SMTPUTF8
 * offers 8BITMIME. */
#define UTF8_PARAMETERS "> SMTPUTF8 BODY=8BITMIM"
#define UTF8_PATH_MAX   (ADDRESS_MAX + sizeof UTF8_PARAMETERS)
#define CIPHERS         "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20"
#define ORCPT_MAX       80
#define LINE_MAX_BYTES  1024
#define MASKED          SIZE_MAX
#define GREETING_EXTRA  2
#define BYTES_PER_MS    1    /* the slowest that a relay may take content */
#define STAGE_TIMEOUT_S 3600 /* libesmtp's own, which must never be the one that ends it */

struct esmtp {
    struct lane *lane;
    const struct account *account;
    smtp_session_t session;
    auth_context_t auth;
    struct delivery *current;
    smtp_message_t message; /* of `current` */
    size_t replies;         /* RCPT replies to `current` */
    bool heard;             /* any reply to `current` */
    char line[LINE_MAX_BYTES];
    size_t line_len;
    size_t word_len; /* of the mechanism that is being read; MASKED: it is none of ours */
    bool quitting, in_ehlo, starttls_sent, tls, auth_sent, authenticated;
};

/* --- What is read and written ------------------------------------------------------------------*/

static void take_line(struct esmtp *self, struct str line)
{
    struct reply reply;
    if (self->quitting || !reply_parse(line, &reply)) {
        return; /* what led to the end is what counts */
    }
    self->lane->last = reply;
    bool last = line.len < 4 || line.ptr[3] != '-';
    if (self->in_ehlo && line.len > 4) {
        server_learn(&self->lane->server, str_trim(str_slice(line, 4, line.len)));
    }
    self->in_ehlo = self->in_ehlo && !last;
    self->authenticated = self->authenticated || (self->auth_sent && reply.code == 235);
}

/* CHUNKING must not be seen: libesmtp would use BDAT, to which servers answer twice in a row, and
 * the second answer waits for an acknowledgement that comes 40 ms late. No capability that begins
 * with C is of use; what we are shown are the very bytes that libesmtp is about to read. */
static void hide_chunking(const struct esmtp *self, char *byte)
{
    if (self->line_len == 4 && (*byte == 'C' || *byte == 'c')) {
        *byte = 'X';
    }
}

/* Of "AUTH LOGIN PLAIN" the account's method alone is seen: from the first letter on in
 * which a word differs it becomes X, so that it is known byte by byte. */
static void hide_mechanisms(struct esmtp *self, char *byte)
{
    static const char *const NAMES[] = {[AUTH_PLAIN] = "PLAIN", [AUTH_LOGIN] = "LOGIN"};
    bool given = self->account->auth < sizeof NAMES / sizeof NAMES[0];
    const char *name = given ? NAMES[self->account->auth] : NULL;
    if (!name || self->line_len < 8 || strncasecmp(self->line + 4, "AUTH", 4) != 0) {
        return;
    }
    if (self->line_len == 8 || *byte == ' ' || *byte == '=' || *byte == '\r' || *byte == '\n') {
        self->word_len = 0;
    } else if (self->word_len < strlen(name) && strncasecmp(byte, name + self->word_len, 1) == 0) {
        self->word_len++;
    } else {
        self->word_len = MASKED;
        *byte = 'X';
    }
}

static void take_input(struct esmtp *self, struct str bytes)
{
    bool extra = false;
    for (size_t i = 0; i < bytes.len; i++) {
        if (self->in_ehlo) {
            hide_chunking(self, (char *)(uintptr_t)&bytes.ptr[i]);
            hide_mechanisms(self, (char *)(uintptr_t)&bytes.ptr[i]);
        }
        char c = bytes.ptr[i];
        extra = extra || (self->starttls_sent && !self->tls && self->line_len == 0 && i > 0);
        if (c != '\n' && self->line_len + 1 < sizeof self->line) {
            self->line[self->line_len++] = c;
        }
        if (c == '\n') {
            size_t len = self->line_len;
            len -= len > 0 && self->line[len - 1] == '\r';
            take_line(self, str_of(self->line, len));
            self->line_len = 0;
        }
    }
    if (extra) {
        lane_abort(self->lane, FAILURE_STARTTLS_INJECTION);
    }
}

/* The last moment before an envelope leaves. */
static void check_mail(struct esmtp *self)
{
    const struct server *server = &self->lane->server;
    if (self->account->tls == TLS_STARTTLS && !self->tls) {
        lane_abort(self->lane, FAILURE_STARTTLS_MISSING);
    } else if (self->account->auth != AUTH_NONE && !self->authenticated) {
        enum failure why = self->lane->last.code / 100 == 5 && self->auth_sent
                               ? FAILURE_AUTH_REFUSED
                           : self->auth_sent ? FAILURE_AUTH_LATER
                                             : FAILURE_AUTH_MISSING;
        lane_abort(self->lane, why);
    } else if (self->current && server->size_max > 0 &&
               self->current->letter.message.size > server->size_max) {
        lane_abort(self->lane, FAILURE_TOO_LARGE);
    } else if (self->current && self->current->letter.utf8 && !server->smtputf8) {
        lane_abort(self->lane, FAILURE_SMTPUTF8_MISSING);
    } else if (self->current && letter_wants_dsn(&self->current->letter) && !server->dsn) {
        lane_abort(self->lane, FAILURE_DSN_MISSING);
    }
}

/* The bracket that libesmtp has put behind our parameters. */
static void complete_parameters(struct esmtp *self, struct str command)
{
    static const struct str OPEN = STR_INIT(UTF8_PARAMETERS ">");
    const char *open = memmem(command.ptr, command.len, OPEN.ptr, OPEN.len);
    if (open) {
        *(char *)(uintptr_t)(open + OPEN.len - 1) = 'E';
    } else {
        lane_abort(self->lane, FAILURE_PROTOCOL);
    }
}

static void take_output(struct esmtp *self, struct str bytes)
{
    static const struct str MAIL = STR_INIT("MAIL FROM:"), EHLO = STR_INIT("EHLO "),
                            STARTTLS = STR_INIT("STARTTLS\r\n"), AUTH = STR_INIT("AUTH "),
                            QUIT = STR_INIT("QUIT\r\n");
    lane_allow(self->lane, self->account->command_ms);
    self->quitting = self->quitting || str_starts_with(bytes, QUIT);
    if (str_starts_with(bytes, EHLO)) {
        self->in_ehlo = true;
        self->lane->server = (struct server){0};
    } else if (str_starts_with(bytes, STARTTLS)) {
        self->starttls_sent = true;
        self->line_len = 0;
    } else if (str_starts_with(bytes, AUTH)) {
        if (self->auth_sent && self->lane->last.code == 535) {
            lane_abort(self->lane, FAILURE_AUTH_REFUSED);
        }
        self->auth_sent = true;
    }
    /* MAIL may stand behind a RSET. */
    const char *mail = memmem(bytes.ptr, bytes.len, MAIL.ptr, MAIL.len);
    if (mail && (mail == bytes.ptr || mail[-1] == '\n')) {
        check_mail(self);
        if (self->current && self->current->letter.utf8) {
            complete_parameters(self, str_slice(bytes, (size_t)(mail - bytes.ptr), bytes.len));
        }
    }
}

static void monitor(const char *bytes, int len, int writing, void *context)
{
    struct esmtp *self = context;
    struct str view = str_of(bytes, len > 0 ? (size_t)len : 0);
    if (writing == SMTP_CB_READING) {
        take_input(self, view);
    } else if (writing == SMTP_CB_WRITING) {
        take_output(self, view);
    }
}

/* --- Messages ----------------------------------------------------------------------------------*/

/* libesmtp reads until there is no more, then it writes the final dot. */
static const char *content(void **unused, int *len, void *context)
{
    struct delivery *delivery = context;
    struct str chunk = {0};
    (void)unused;
    if (!len) {
        message_reader_init(delivery->reader, &delivery->letter.message);
        return NULL;
    }
    delivery->stage = STAGE_CONTENT;
    *len = 0;
    if (message_read(delivery->reader, &chunk) < 0) {
        lane_abort(delivery->lane, FAILURE_FILE);
        return NULL;
    }
    if (chunk.len > 0) {
        lane_allow(delivery->lane, delivery->relay->account.command_ms + chunk.len / BYTES_PER_MS);
    } else if (lane_is_dead(delivery->lane)) {
        lane_abort(delivery->lane, FAILURE_LOST); /* the dot will not leave: nothing was accepted */
    } else {
        delivery->stage = STAGE_DOUBT;
        lane_allow(delivery->lane, delivery->relay->account.final_ms);
    }
    *len = (int)chunk.len;
    return chunk.ptr;
}

static void add_recipient(struct esmtp *self, const struct letter *letter,
                          struct recipient *recipient)
{
    struct str address = recipient->mailbox->address;
    smtp_recipient_t added = smtp_add_recipient(self->message, address.ptr);
    if (!added) {
        return;
    }
    smtp_recipient_set_application_data_release(added, recipient, NULL);
    if (letter->dsn_notify == DSN_NEVER) {
        smtp_dsn_set_notify(added, Notify_NEVER);
    } else if (letter->dsn_notify) {
        smtp_dsn_set_notify(added, (enum notify_flags)letter->dsn_notify);
    }
    if (letter->dsn_notify && address.len <= ORCPT_MAX && !recipient->mailbox->utf8) {
        smtp_dsn_set_orcpt(added, "rfc822", address.ptr);
    }
}

/* libesmtp copies it. */
static bool set_reverse_path(struct esmtp *self, const struct letter *letter)
{
    char path[UTF8_PATH_MAX];
    const char *address = letter->reverse_path.len > 0 ? letter->reverse_path.ptr : NULL;
    if (letter->utf8) {
        snprintf(path, sizeof path, "%s" UTF8_PARAMETERS, address ? address : "");
        address = path;
    }
    return smtp_set_reverse_path(self->message, address);
}

static bool add_message(struct esmtp *self, struct delivery *delivery)
{
    struct letter *letter = &delivery->letter;
    self->message = smtp_add_message(self->session);
    if (!self->message || !set_reverse_path(self, letter)) {
        return false;
    }
    self->current = delivery;
    self->replies = 0;
    self->heard = false;
    smtp_set_messagecb(self->message, content, delivery);
    smtp_size_set_estimate(self->message, letter->message.size);
    if (letter->dsn_return) {
        smtp_dsn_set_ret(self->message, letter->dsn_return == 'F' ? Ret_FULL : Ret_HDRS);
    }
    if (letter->dsn_envelope_id.len > 0) {
        smtp_dsn_set_envid(self->message, letter->dsn_envelope_id.ptr);
    }
    for (size_t i = 0; i < letter->recipient_count; i++) {
        if (letter->recipients[i].outcome == OUTCOME_OPEN) {
            add_recipient(self, letter, &letter->recipients[i]);
        }
    }
    return true;
}

/* The present one is done; another may follow on this connection. */
static void next_message(struct esmtp *self)
{
    struct delivery *done = self->current;
    self->current = NULL;
    self->message = NULL;
    lane_finished(self->lane, done);
    struct delivery *next = lane_next(self->lane);
    if (next && !add_message(self, next)) {
        next->failure = FAILURE_MEMORY;
        lane_finished(self->lane, next);
    }
}

/* --- Events ------------------------------------------------------------------------------------*/

static void copy_reply(struct reply *to, const smtp_status_t *status)
{
    char line[LINE_MAX_BYTES];
    *to = (struct reply){0};
    if (!status || status->code < 200 || status->code > 599) {
        return;
    }
    if (status->enh_class > 0) {
        snprintf(line, sizeof line, "%d %d.%d.%d %s", status->code, status->enh_class,
                 status->enh_subject, status->enh_detail, status->text ? status->text : "");
    } else {
        snprintf(line, sizeof line, "%d %s", status->code, status->text ? status->text : "");
    }
    char *end = strpbrk(line, "\r\n");
    if (end) {
        *end = '\0';
    }
    (void)reply_parse(str_from_c(line), to);
}

static void mail_answered(struct esmtp *self, smtp_message_t message)
{
    struct delivery *delivery = self->current;
    if (!delivery || message != self->message) {
        return;
    }
    self->heard = true;
    delivery->stage = STAGE_ENVELOPE;
    copy_reply(&delivery->reply, smtp_reverse_path_status(message));
    if (delivery->reply.code / 100 != 2) {
        delivery->stage = STAGE_ANSWERED;
        next_message(self);
    }
}

/* If nobody is left there will be no message, and libesmtp would look for the next one too early.
 */
static void recipient_answered(struct esmtp *self, smtp_recipient_t answered)
{
    struct recipient *recipient = smtp_recipient_get_application_data(answered);
    struct delivery *delivery = self->current;
    size_t asked = 0, taken = 0;
    if (!delivery || !recipient) {
        return;
    }
    copy_reply(&recipient->reply, smtp_recipient_status(answered));
    self->replies++;
    for (size_t i = 0; i < delivery->letter.recipient_count; i++) {
        const struct recipient *one = &delivery->letter.recipients[i];
        asked += one->outcome == OUTCOME_OPEN;
        taken += one->outcome == OUTCOME_OPEN && one->reply.code / 100 == 2;
    }
    if (self->replies == asked && taken == 0) {
        delivery->stage = STAGE_ANSWERED;
        next_message(self);
    }
}

static void message_answered(struct esmtp *self, smtp_message_t message)
{
    struct delivery *delivery = self->current;
    if (!delivery || message != self->message) {
        return;
    }
    copy_reply(&delivery->reply, smtp_message_transfer_status(message));
    if (delivery->reply.code == 0) {
        return; /* none that makes sense: what broke is told at the end */
    }
    delivery->stage = STAGE_ANSWERED;
    next_message(self);
}

/* OpenSSL has looked at the certificate for the right name; libesmtp has for an odd one. */
static void judge_name(struct esmtp *self, int *ret_ok, SSL *ssl)
{
    *ret_ok = SSL_get_verify_result(ssl) == X509_V_OK && self->lane->tls.verify_error == X509_V_OK;
}

static void on_event(smtp_session_t session, int event, void *context, ...)
{
    struct esmtp *self = context;
    va_list args;
    (void)session;
    va_start(args, context);
    if (event == SMTP_EV_MAILSTATUS) {
        (void)va_arg(args, const char *);
        mail_answered(self, va_arg(args, smtp_message_t));
    } else if (event == SMTP_EV_RCPTSTATUS) {
        (void)va_arg(args, const char *);
        recipient_answered(self, va_arg(args, smtp_recipient_t));
    } else if (event == SMTP_EV_MESSAGESENT) {
        message_answered(self, va_arg(args, smtp_message_t));
    } else if (event == SMTP_EV_WRONG_PEER_CERTIFICATE) {
        int *ok = va_arg(args, int *);
        (void)va_arg(args, char *);
        judge_name(self, ok, va_arg(args, SSL *));
    } else if (event == SMTP_EV_STARTTLS_OK) {
        self->tls = true;
        tls_describe(va_arg(args, SSL *), &self->lane->server);
    } else if (event == SMTP_EV_EXTNA_STARTTLS) {
        self->lane->aborted = self->lane->aborted ? self->lane->aborted : FAILURE_STARTTLS_MISSING;
    } else if (event == SMTP_EV_SYNTAXWARNING) {
        *va_arg(args, int *) = 0; /* an answer without an enhanced code is one all the same */
    }
    va_end(args);
}

/* --- The connection ----------------------------------------------------------------------------*/

/* libesmtp has made a socket; it gets ours in its place. */
static int give_connection(void *context, int fd, const void *address, uint32_t address_size)
{
    struct lane *lane = context;
    (void)address;
    (void)address_size;
    return dup2(lane->fd, fd) < 0 ? -1 : 0;
}

static int interact(auth_client_request_t request, char **result, int fields, void *context)
{
    const struct account *account = context;
    for (int i = 0; i < fields; i++) {
        const char *value = request[i].flags & AUTH_PASS   ? account->password
                            : request[i].flags & AUTH_USER ? account->username
                                                           : NULL;
        result[i] = (char *)(uintptr_t)value;
    }
    return 1;
}

static bool set_up(struct esmtp *self)
{
    static const int STAGES[] = {Timeout_GREETING, Timeout_ENVELOPE, Timeout_DATA, Timeout_TRANSFER,
                                 Timeout_DATA2};
    const struct account *account = self->account;
    self->session = smtp_create_session();
    if (!self->session || !smtp_set_server(self->session, "127.0.0.1:25")) {
        return false;
    }
    smtp_set_hostname(self->session, lane_own_name(self->lane));
    smtp_set_eventcb(self->session, on_event, self);
    smtp_set_monitorcb(self->session, monitor, self, 0);
    for (size_t i = 0; i < sizeof STAGES / sizeof STAGES[0]; i++) {
        smtp_set_timeout(self->session, STAGES[i] | Timeout_OVERRIDE_RFC2822_MINIMUM,
                         STAGE_TIMEOUT_S * 1000L);
    }
    if (account->tls != TLS_NONE) {
        SSL_CTX_set_max_proto_version(self->lane->tls.context, TLS1_2_VERSION);
        (void)SSL_CTX_set_cipher_list(self->lane->tls.context, CIPHERS);
    }
    smtp_starttls_enable(self->session,
                         account->tls == TLS_NONE ? Starttls_DISABLED : Starttls_REQUIRED);
    if (account->tls != TLS_NONE) {
        smtp_starttls_set_ctx(self->session, self->lane->tls.context);
    }
    if (account->auth != AUTH_NONE) {
        self->auth = auth_create_context();
        if (!self->auth) {
            return false;
        }
        auth_set_mechanism_flags(self->auth, AUTH_PLUGIN_PLAIN, 0);
        auth_set_interact_cb(self->auth, interact, (void *)(uintptr_t)account);
        smtp_auth_set_context(self->session, self->auth);
    }
    return true;
}

/* Which of the ends that libesmtp knows it was. */
static enum failure why_it_ended(struct esmtp *self, int error)
{
    struct lane *lane = self->lane;
    if (lane->tls.verify_error != X509_V_OK) {
        return tls_failure(&lane->tls);
    }
    if (error == SMTP_ERR_CLIENT_ERROR && self->starttls_sent && !self->tls) {
        return FAILURE_TLS;
    }
    if (error == SMTP_ERR_INVALID_RESPONSE_SYNTAX || error == SMTP_ERR_STATUS_MISMATCH ||
        error == SMTP_ERR_INVALID_RESPONSE_STATUS || error == SMTP_ERR_UNTERMINATED_RESPONSE) {
        return FAILURE_PROTOCOL;
    }
    if (lane->carried == 0 && self->auth_sent && !self->authenticated &&
        lane->last.code / 100 == 5) {
        return FAILURE_AUTH_REFUSED;
    }
    if (lane->carried == 0 && !self->heard && lane->last.code / 100 >= 4) {
        return FAILURE_GREETING;
    }
    if (lane->carried == 0 && lane->last.code == 0 && self->line_len + GREETING_EXTRA > 5) {
        return FAILURE_PROTOCOL;
    }
    return FAILURE_LOST;
}

/* What was under way when the connection ended. A delivery that a dead connection never heard of is
 * given back to be carried by a new one. */
static struct delivery *leftover(struct esmtp *self, int error)
{
    struct delivery *delivery = self->current;
    if (!delivery) {
        return NULL;
    }
    enum failure failure = lane_failure(self->lane, why_it_ended(self, error));
    if (self->lane->carried > 0 && !self->heard && failure == FAILURE_LOST) {
        return delivery;
    }
    bool cram = failure == FAILURE_AUTH_MISSING && strcasestr(self->lane->server.auth, "CRAM-MD5");
    if (failure == FAILURE_TLS || cram) { /* with another version, or mechanism, it may be one */
        send_elsewhere(delivery);
        return NULL;
    }
    delivery->failure = failure;
    if (delivery->reply.code == 0) {
        delivery->reply = self->lane->last;
    }
    lane_finished(self->lane, delivery);
    return NULL;
}

static struct delivery *run(struct lane *lane, struct delivery *first)
{
    struct esmtp *self = calloc(1, sizeof *self);
    struct delivery *rest = NULL;
    if (!self) {
        first->failure = FAILURE_MEMORY;
        lane_finished(lane, first);
        return NULL;
    }
    self->lane = lane;
    self->account = &lane->line->relay->account;
    if (!set_up(self) || !add_message(self, first)) {
        first->failure = FAILURE_MEMORY;
        lane_finished(lane, first);
    } else {
        lane->email->net->on_connect(give_connection, lane);
        lane_allow(lane, self->account->command_ms);
        (void)smtp_start_session(self->session);
        int error = smtp_errno();
        lane->email->net->on_connect(NULL, NULL);
        rest = leftover(self, error);
    }
    if (self->session) {
        smtp_auth_set_context(self->session, NULL);
        smtp_destroy_session(self->session);
    }
    if (self->auth) {
        auth_destroy_context(self->auth);
    }
    free(self);
    return rest;
}

const struct transport TRANSPORT_ESMTP = {.name = "libesmtp", .run = run};
