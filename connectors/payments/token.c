/*
 * token.c — access tokens by OAuth 2.0's client credentials grant (RFC 6749 §4.4), as PayPal wants
 * them: POST /v1/oauth2/token under the account's base URL.
 *
 * One request fetches a token for all payments of an account; it is kept in memory until a little
 * before it expires, and nowhere else.
 */
#include "payments.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

#define TOKENS_MAX 256
#define TOKEN_PATH "/v1/oauth2/token"
#define TIMEOUT_MS 20000
#define EARLY_S    30 /* before it expires a token is fetched anew */
#define LIFE_S     300
#define LIFE_MAX_S 86400

struct token {
    struct connector *connector;
    struct list order; /* in connector.token_order */
    char key[33];      /* the account's partition */
    struct buf value;  /* empty: none */
    int64_t until_ms;  /* on now_ms() */
    struct list waiting;
    hub_http_call *call;
};

static void forget_value(struct token *self)
{
    if (self->value.ptr) {
        explicit_bzero(self->value.ptr, self->value.len);
    }
    buf_clear(&self->value);
}

static void token_free(struct token *self)
{
    self->connector->http->cancel(self->call);
    (void)map_remove(&self->connector->tokens, str_from_c(self->key));
    list_remove(&self->order);
    forget_value(self);
    buf_release(&self->value);
    free(self);
}

void tokens_release(struct connector *connector)
{
    LIST_FOR_EACH(link, &connector->token_order) {
        token_free(CONTAINER_OF(link, struct token, order));
    }
    map_release(&connector->tokens);
}

void token_leave(struct payment *self)
{
    list_remove(&self->token_link);
    self->token = NULL;
}

/* The one that was not used for the longest time and that nobody waits for goes. */
static void make_room(struct connector *connector)
{
    struct token *oldest = NULL;
    LIST_FOR_EACH(link, &connector->token_order) {
        struct token *token = CONTAINER_OF(link, struct token, order);
        oldest = list_empty(&token->waiting) && !token->call ? token : oldest;
    }
    if (oldest) {
        token_free(oldest);
    }
}

static struct token *token_new(struct connector *connector, const char *key)
{
    struct token *self = calloc(1, sizeof *self);
    if (!self) {
        return NULL;
    }
    self->connector = connector;
    strcpy(self->key, key);
    list_init(&self->order);
    list_init(&self->waiting);
    buf_init(&self->value, PATH_MAX_BYTES * 3);
    if (map_put(&connector->tokens, str_from_c(self->key), self) < 0) {
        free(self);
        return NULL;
    }
    return self;
}

static struct token *token_of(struct payment *payment)
{
    struct connector *connector = payment->connector;
    struct token *self = map_get(&connector->tokens, str_from_c(payment->account.partition));
    if (!self) {
        if (connector->tokens.len >= TOKENS_MAX) {
            make_room(connector);
        }
        self = token_new(connector, payment->account.partition);
    }
    if (self) {
        list_remove(&self->order);
        list_prepend(&connector->token_order, &self->order);
    }
    return self;
}

/* --- The answer --------------------------------------------------------------------------------*/

enum fetch_end { FETCHED, FETCH_FAILED, FETCH_REFUSED };

/* What becomes of all that wait, one after the other: each may end. */
static void release_waiting(struct token *self, enum fetch_end end)
{
    struct list waiting;
    struct list *link;
    list_init(&waiting);
    list_splice(&waiting, &self->waiting);
    while ((link = list_first(&waiting)) != NULL) {
        struct payment *payment = CONTAINER_OF(link, struct payment, token_link);
        token_leave(payment);
        if (end == FETCHED) {
            transmit(payment);
        } else if (end == FETCH_FAILED) {
            payment_unanswered(payment, false, "token_failed",
                               STR("The gateway gave no access token."));
        } else {
            payment_unsendable(payment, "access_denied",
                               STR("The gateway did not accept the account's client_id and "
                                   "client_secret."));
        }
    }
}

/* RFC 6749 §5.1. */
static bool take_token(struct token *self, struct str body)
{
    struct json_object *json;
    struct str value;
    int64_t seconds = LIFE_S;
    if (json_read(body, JSON_DEPTH_MAX, &json, NULL, NULL) < 0) {
        return false;
    }
    bool fine = json_get_str(json, "access_token", &value) && value.len > 0;
    if (fine) {
        (void)json_get_i64(json, "expires_in", &seconds);
        seconds = seconds > LIFE_MAX_S ? LIFE_MAX_S : seconds;
        int64_t kept = seconds > 2 * EARLY_S ? seconds - EARLY_S : seconds / 2;
        buf_append_str(&self->value, value);
        self->until_ms = self->connector->host->now_ms() + kept * 1000;
        explicit_bzero((char *)value.ptr, value.len);
    }
    json_object_put(json);
    return fine && !buf_failed(&self->value);
}

static void fetched(void *context, const hub_http_response *response)
{
    struct token *self = context;
    bool answered = response->error == HUB_HTTP_OK;
    self->call = NULL;
    if (answered && response->status == 200 && take_token(self, str_of_hub(response->body))) {
        release_waiting(self, FETCHED);
    } else {
        bool refused = answered && (response->status == 400 || response->status == 401 ||
                                    response->status == 403);
        bool hopeless = response->error == HUB_HTTP_BLOCKED || response->error == HUB_HTTP_INVALID;
        release_waiting(self, refused || hopeless ? FETCH_REFUSED : FETCH_FAILED);
    }
}

/* --- The request -------------------------------------------------------------------------------*/

static void append_basic(struct buf *text, const struct account *account)
{
    struct buf pair;
    buf_init(&pair, PATH_MAX_BYTES);
    buf_append_str(&pair, account->client_id);
    buf_append_char(&pair, ':');
    buf_append_str(&pair, account->client_secret);
    buf_append_c(text, "Basic ");
    base64_append(text, buf_view(&pair));
    text->failed = text->failed || buf_failed(&pair);
    if (pair.ptr) {
        explicit_bzero(pair.ptr, pair.len);
    }
    buf_release(&pair);
}

static int32_t fetch(struct token *self, struct payment *payment)
{
    struct buf url, authorization;
    buf_init(&url, PATH_MAX_BYTES);
    buf_init(&authorization, PATH_MAX_BYTES * 3);
    buf_append_str(&url, buf_view(&payment->base_url));
    buf_append_c(&url, TOKEN_PATH);
    append_basic(&authorization, &payment->account);
    hub_http_header headers[] = {
        {HUB_STR("Content-Type"), HUB_STR("application/x-www-form-urlencoded")},
        {HUB_STR("Accept"), HUB_STR("application/json")},
        {HUB_STR("Authorization"), hub_of_str(buf_view(&authorization))},
    };
    hub_http_request request = {
        .size = sizeof request,
        .flags =
            HUB_HTTP_REPLAY | (str_starts_with(buf_view(&url), STR("http:")) ? 0 : HUB_HTTP_SECURE),
        .method = HUB_STR("POST"),
        .url = hub_of_str(buf_view(&url)),
        .headers = headers,
        .header_count = sizeof headers / sizeof headers[0],
        .body = HUB_STR("grant_type=client_credentials"),
        .timeout_ms = TIMEOUT_MS,
        .partition = hub_of_c(payment->account.partition),
        .done = fetched,
        .context = self,
    };
    int32_t result = buf_failed(&url) || buf_failed(&authorization)
                         ? HUB_CALL_NOMEM
                         : self->connector->http->send(&request, &self->call);
    if (authorization.ptr) {
        explicit_bzero(authorization.ptr, authorization.len);
    }
    buf_release(&authorization);
    buf_release(&url);
    return result;
}

struct str token_get(struct payment *payment)
{
    struct token *self = token_of(payment);
    if (self && self->value.len > 0 && self->until_ms > payment->connector->host->now_ms()) {
        return buf_view(&self->value);
    }
    int32_t result = self ? HUB_CALL_OK : HUB_CALL_NOMEM;
    if (self && !self->call) {
        forget_value(self);
        result = fetch(self, payment);
        payment->token_is_fresh = true;
    }
    if (result != HUB_CALL_OK) {
        payment_unanswered(payment, false, "token_failed",
                           STR("The request for an access token could not be sent."));
        return (struct str){0};
    }
    payment->token = self;
    list_append(&self->waiting, &payment->token_link);
    return (struct str){0};
}

void token_forget(struct payment *payment)
{
    struct token *self = token_of(payment);
    if (self && !self->call) {
        forget_value(self);
    }
}
