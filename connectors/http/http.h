/*
 * http.h — the connector's parts and how they know each other.
 *
 *     http.c      the descriptor; jobs begin and are cancelled here
 *     exchange.c  one job from its input to its end
 *     build.c     input → URL, headers, body
 *     auth.c      account → what proves who it is from; sign.c
 *     token.c     what common/token.h needs to know to fetch a token for an account
 *     answer.c    answer → result, failure, another attempt
 *
 * Everything runs on [main]; nothing blocks but the reading of a body that is a file.
 */
#ifndef CONNECTORS_HTTP_HTTP_H
#define CONNECTORS_HTTP_HTTP_H

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/list.h"

#include "connectors/common/entry.h"
#include "connectors/common/token.h"

#include <hub/connector.h>

#define EXCHANGE_HEADERS_MAX 100
#define EXCHANGE_HOSTS_MAX   64
#define EXCHANGE_SECRETS_MAX 16
#define RESULT_MAX           (256u << 10) /* of the whole result, as the ABI has it */
#define BODY_DEFAULT         (192u << 10)

struct connector {
    const hub_host *host;
    const hub_http_api *http;
    const hub_timer_api *timers;
    const hub_pool_api *pool;
    struct list exchanges;
    struct tokens tokens; /* by what they were fetched with */
};

/* A job that is not yet completed. */
struct exchange {
    struct connector *connector;
    hub_job *job;
    struct list link;                         /* in connector.exchanges */
    bool once;                                /* must not happen twice */
    struct buf secrets[EXCHANGE_SECRETS_MAX]; /* values of headers */
    unsigned secret_count;
    struct json_object *input;
    struct json_object *account;       /* NULL: none */
    char partition[PARTITION_LEN + 1]; /* of the account; empty: none */
    /* The request. */
    struct str method;
    struct buf url;
    hub_http_header headers[EXCHANGE_HEADERS_MAX];
    uint32_t header_count;
    struct buf body;
    const hub_file *file;
    hub_str hosts[EXCHANGE_HOSTS_MAX];
    uint32_t host_count;
    int32_t sink_fd;    /* -1: none */
    char file_hash[65]; /* SHA-256 of `file`, once it is known */
    bool hashing;       /* in the pool of threads: must not be freed */
    bool done;          /* the job was completed meanwhile */
    bool token_is_fresh;
    /* What it waits for. */
    struct list token_link; /* while a token is fetched */
    hub_timer *timer;
    hub_http_call *call;
};

/* --- exchange.c --------------------------------------------------------------------------------*/

void exchange_start(struct connector *connector, hub_job *job, bool once);
void exchange_cancel(struct exchange *self);

/* Goes on after something that it had to wait for. */
void exchange_send(struct exchange *self);

/* Each completes the job and frees the exchange. Texts are the caller's. */
void exchange_succeed(struct exchange *self, struct str result);
void exchange_fail(struct exchange *self, const char *code, struct str message, struct str details);
void exchange_retry(struct exchange *self, const char *code, struct str message, uint64_t delay_ms);
/* It may have happened: another attempt, or the end if it must not happen twice. */
void exchange_doubt(struct exchange *self, const char *code, struct str message);
void exchange_no_memory(struct exchange *self);

/* May this request be repeated although it may have arrived? */
bool exchange_may_repeat(const struct exchange *self);

/* The milliseconds that are left of the job's time, at most `most`, at least 1. */
uint32_t exchange_time_left(const struct exchange *self, uint32_t most);

/* --- build.c -----------------------------------------------------------------------------------*/

/* Fills in the request. HUB_ERR_INVALID_INPUT with a sentence, HUB_ERR_NOMEM. */
HUB_MUST_CHECK int exchange_build(struct exchange *self, struct hub_error *error);
/* Adds a header, whose texts live as long as the exchange. HUB_ERR_LIMIT. */
HUB_MUST_CHECK int exchange_add_header(struct exchange *self, struct str name, struct str value);
struct str exchange_header(const struct exchange *self, struct str name); /* empty: not there */

/* name=value&… after application/x-www-form-urlencoded; blanks are %20, which is right in a URL
 * too. */
void form_append(struct buf *buf, struct json_object *fields);

/* --- auth.c ------------------------------------------------------------------------------------*/

/* The account's hosts become the only ones. HUB_ERR_INVALID_INPUT. */
HUB_MUST_CHECK int auth_limit(struct exchange *self, struct hub_error *error);
/* Does the signature need the hash of a body that is a file? */
bool auth_needs_file_hash(const struct exchange *self);
/* Does it need a token first? */
bool auth_needs_token(const struct exchange *self);
/* Are the credentials bound to the URL, so that no redirect can be followed with them? */
bool auth_is_signature(const struct exchange *self);
/* Adds what proves who the request is from; a token if it is not empty. */
HUB_MUST_CHECK int auth_apply(struct exchange *self, struct str token, struct hub_error *error);

/* --- token.c -----------------------------------------------------------------------------------*/

extern const struct token_rules EXCHANGE_TOKENS;

/* The account's token, if there is a valid one. Else the exchange waits, and goes on by
 * exchange_send(), or fails. */
struct str exchange_token(struct exchange *self);
void exchange_forget_token(struct exchange *self); /* it was refused */

/* --- answer.c ----------------------------------------------------------------------------------*/

void answer_take(struct exchange *self, const hub_http_response *response);

#endif
