/*
 * curl_session.h — a connection that libcurl speaks SMTP over; transport_curl.c and verify.c.
 *
 * Thread: a lane's own.
 */
#ifndef CONNECTORS_EMAIL_CURL_SESSION_H
#define CONNECTORS_EMAIL_CURL_SESSION_H

#include "email.h"

/* What the next answer is the answer to. */
enum curl_asked {
    ASKED_NOTHING, /* the greeting */
    ASKED_EHLO,
    ASKED_AUTH,
    ASKED_MAIL,
    ASKED_RCPT,
    ASKED_DATA,
    ASKED_OTHER
};

struct curl_session {
    struct lane *lane;
    const struct account *account;
    void *easy; /* CURL * */
    struct curl_slist *resolve, *recipients;
    struct delivery *current; /* NULL: none */
    struct str chunk;         /* of its content, not yet given */
    enum curl_asked asked;
    size_t replies;       /* to RCPT */
    enum failure refused; /* why on_ready() has stopped it */
    bool connected, described, garbage, auth_sent, authenticated;
    bool heard; /* an answer to this message's MAIL */
};

/* False if memory is out; curl_session_release() all the same. */
bool curl_session_init(struct curl_session *self, struct lane *lane);
void curl_session_release(struct curl_session *self);
/* What a CURLcode stands for. */
enum failure curl_session_failure(const struct curl_session *self, int code);

#endif
