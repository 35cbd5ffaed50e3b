/*
 * token.h — access tokens by OAuth 2.0's client credentials grant (RFC 6749 §4.4).
 *
 * One request fetches a token for all jobs that want the same one; it is kept in memory until a
 * little before it expires, or until it is refused, and nowhere else.
 *
 *     static const struct token_rules RULES = {.count_max = 1024, …, .ready = go_on};
 *     tokens_init(&self->tokens, &RULES, host, http);
 *
 *     struct token *token = tokens_find(&self->tokens, key);         // NULL: no memory
 *     struct str value = token_value(token);
 *     if (value.len > 0)
 *         … it is there: use it before anything else is called here
 *     if (!token_is_coming(token))
 *         result = token_fetch(token, &request);
 *     if (result == HUB_CALL_OK)
 *         token_wait(token, &job->token_link);                  // go_on() follows
 *
 *     list_remove(&job->token_link);               // waits no longer
 *     token_forget(token);                         // somebody has refused it
 *     tokens_release(&self->tokens);
 *
 * Owner: the tokens are the cache's; a `struct token *` is good until the next tokens_find().
 * Whoever waits owns its link, and list_init()s it first. Thread: [main].
 */
#ifndef COMMON_TOKEN_H
#define COMMON_TOKEN_H

#include "base/list.h"
#include "base/map.h"

#include <hub/connector.h>

#define TOKEN_KEY_MAX 64

struct token;

/* Why there is no token. */
struct token_failure {
    uint32_t error;     /* HUB_HTTP_…; HUB_HTTP_OK: there was an answer, but no token in it */
    uint32_t status;    /* of the answer */
    struct str message; /* a sentence without secrets */
};

/* The token is there (`failure` NULL: token_value() has it), or it is not. The link is in no list
 * any more; the one that waited may end. */
typedef void token_ready_fn(struct list *link, const struct token_failure *failure);

struct token_rules {
    size_t count_max;    /* above it, one that nobody waits for makes room */
    size_t value_max;    /* bytes of a token */
    uint64_t answer_max; /* bytes of the endpoint's answer; 0: the host's default */
    uint32_t timeout_ms; /* of a request */
    token_ready_fn *ready;
};

struct tokens {
    const struct token_rules *rules;
    const hub_host *host;
    const hub_http_api *http;
    struct map by_key;
    struct list order; /* the one used last first */
};

/* Views, needed only during the call. */
struct token_request {
    struct str url;
    struct str basic; /* "CLIENT_ID:SECRET" as it goes into Authorization; empty: without */
    struct str body;  /* application/x-www-form-urlencoded */
    struct str partition;
    const hub_str *hosts; /* NULL: those of the connector */
    uint32_t host_count;
    bool plain; /* may go over http:// */
};

void tokens_init(struct tokens *self, const struct token_rules *rules, const hub_host *host,
                 const hub_http_api *http);
void tokens_release(struct tokens *self); /* nobody waits any more */

/* The place of the token that `key` (at most TOKEN_KEY_MAX bytes) stands for, with all that it
 * depends on; made if need be. NULL: no memory, or a longer key. */
struct token *tokens_find(struct tokens *self, struct str key);

struct str token_value(const struct token *self); /* empty: there is none that is valid */
bool token_is_coming(const struct token *self);
/* HUB_CALL_OK, or why the request cannot be sent. Not while one is coming. */
int32_t token_fetch(struct token *self, const struct token_request *request);
void token_wait(struct token *self, struct list *link);
void token_forget(struct token *self); /* unless a new one is coming already */

#endif
