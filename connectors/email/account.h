/*
 * account.h — a relay: where it is, who we are to it, how we treat it. Read once from the account's
 * JSON and constant from then on.
 *
 * Thread: [any].
 */
#ifndef CONNECTORS_EMAIL_ACCOUNT_H
#define CONNECTORS_EMAIL_ACCOUNT_H

#include "dkim.h"

#include "base/arena.h"
#include "base/error.h"
#include "base/json.h"

enum tls_mode { TLS_STARTTLS, TLS_IMPLICIT, TLS_NONE };
enum auth_method { AUTH_NONE, AUTH_AUTO, AUTH_PLAIN, AUTH_LOGIN, AUTH_CRAM_MD5, AUTH_XOAUTH2 };

#define CONNECTIONS_MAX 64
#define SCHEDULE_MAX    32

struct account {
    struct arena arena; /* texts, NUL-terminated; wiped with the account */
    const char *host;
    unsigned port;
    enum tls_mode tls;
    const char *server_name; /* that the certificate must carry */
    const char *ca;          /* PEM of more authorities; NULL: none */
    const char *helo;        /* NULL: our own address */
    enum auth_method auth;
    const char *username, *password;
    /* XOAUTH2: a token as it is, or what it is fetched with */
    const char *access_token, *token_url, *client_id, *client_secret, *refresh_token, *scope;
    struct dkim_key dkim[DKIM_KEYS_MAX];
    unsigned dkim_count;
    bool hold; /* a message that may have arrived is not sent again: on_unknown */
    bool suppress;
    unsigned connections, messages_per_connection;
    double messages_per_second, domain_messages_per_second; /* 0: any number */
    unsigned domain_backoff_ms, domain_backoff_max_ms;
    unsigned schedule_s[SCHEDULE_MAX], schedule_count;
    unsigned connect_ms, command_ms, final_ms, idle_ms;
};

/* HUB_ERR_INVALID_INPUT with what is wrong (never with a secret), HUB_ERR_NOMEM. After a failure
 * there is nothing to release. */
HUB_MUST_CHECK int account_init(struct account *self, struct json_object *json,
                                struct hub_error *error);
void account_release(struct account *self); /* secrets are wiped */

/* When to try again after this attempt, from 1. */
uint64_t account_delay_ms(const struct account *self, unsigned attempt);

#endif
