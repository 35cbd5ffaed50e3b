/*
 * token.c — access tokens by OAuth 2.0's client credentials grant (RFC 6749 §4.4).
 *
 * One request fetches a token for all exchanges of an account that want one; it is kept until a
 * little before it expires. Nothing is stored.
 */
#include "http.h"
#include "sign.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

#define TOKENS_MAX  1024
#define ANSWER_MAX  (64u << 10)
#define TIMEOUT_MS  30000
#define EARLY_S     30  /* before it expires a token is fetched anew */
#define LIFE_S      300 /* of one that does not say */
#define LIFE_MAX_S  86400
#define MESSAGE_MAX 512

struct token {
    struct connector *connector;
    struct list order; /* in connector.token_order */
    char key[SHA256_HEX_LEN + 1];
    struct buf value;    /* empty: none */
    int64_t until_ms;    /* on now_ms() */
    struct list waiting; /* exchanges */
    hub_http_call *call; /* while it is fetched */
};

static struct str member(const struct exchange *self, const char *name)
{
    struct str value = {0};
    (void)json_get_str(self->account, name, &value);
    return value;
}

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

void token_leave(struct exchange *self)
{
    list_remove(&self->token_link);
    self->token = NULL;
}

/* All that a token depends on. */
static void make_key(const struct exchange *self, char ret_hex[SHA256_HEX_LEN + 1])
{
    static const char *const PARTS[] = {"token_url", "client_id", "client_secret",
                                        "scope",     "audience",  "client_auth"};
    struct buf text;
    struct sha256_digest digest;
    buf_init(&text, BUF_NO_LIMIT);
    for (size_t i = 0; i < sizeof PARTS / sizeof PARTS[0]; i++) {
        buf_append_json_string(&text, member(self, PARTS[i]));
    }
    sha256_of(buf_view(&text), &digest);
    sha256_hex(&digest, ret_hex);
    if (text.ptr) {
        explicit_bzero(text.ptr, text.len);
    }
    buf_release(&text);
}

/* Those that nobody waits for go, the longest unused first. */
static void make_room(struct connector *connector)
{
    struct token *oldest = NULL;
    LIST_FOR_EACH(link, &connector->token_order) {
        struct token *token = CONTAINER_OF(link, struct token, order);
        if (list_empty(&token->waiting) && !token->call) {
            oldest = token;
        }
    }
    if (oldest) {
        token_free(oldest);
    }
}

static struct token *token_find(struct exchange *exchange)
{
    struct connector *connector = exchange->connector;
    char key[SHA256_HEX_LEN + 1];
    make_key(exchange, key);
    struct token *self = map_get(&connector->tokens, str_from_c(key));
    if (!self) {
        if (connector->tokens.len >= TOKENS_MAX) {
            make_room(connector);
        }
        self = calloc(1, sizeof *self);
        if (!self) {
            return NULL;
        }
        self->connector = connector;
        memcpy(self->key, key, sizeof key);
        list_init(&self->order);
        list_init(&self->waiting);
        buf_init(&self->value, ANSWER_MAX);
        if (map_put(&connector->tokens, str_from_c(self->key), self) < 0) {
            free(self);
            return NULL;
        }
    }
    list_remove(&self->order);
    list_prepend(&connector->token_order, &self->order);
    return self;
}

/* --- The answer --------------------------------------------------------------------------------*/

/* What becomes of all that wait, one after the other: each may free itself. */
static void release_waiting(struct token *self, const char *code, struct str message, bool again)
{
    struct list waiting;
    struct list *link;
    list_init(&waiting);
    list_splice(&waiting, &self->waiting);
    while ((link = list_first(&waiting)) != NULL) {
        struct exchange *exchange = CONTAINER_OF(link, struct exchange, token_link);
        token_leave(exchange);
        if (!code) {
            exchange_send(exchange);
        } else if (again) {
            exchange_retry(exchange, code, message, 0);
        } else {
            exchange_fail(exchange, code, message, (struct str){0});
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
    }
    json_object_put(json);
    return fine && !buf_failed(&self->value);
}

/* RFC 6749 §5.2: `error` is a word, and no secret. */
static void describe_refusal(struct buf *message, const hub_http_response *response)
{
    struct json_object *json;
    struct str word;
    buf_append_format(message, "The token endpoint answered with status %u", response->status);
    if (json_read(str_of_hub(response->body), JSON_DEPTH_MAX, &json, NULL, NULL) == 0) {
        if (json_get_str(json, "error", &word)) {
            buf_append_c(message, ": ");
            buf_append_str(message, str_slice(word, 0, 64));
        }
        json_object_put(json);
    }
    buf_append_char(message, '.');
}

static void fetched(void *context, const hub_http_response *response)
{
    struct token *self = context;
    char room[MESSAGE_MAX];
    struct buf message;
    self->call = NULL;
    buf_init_fixed(&message, room, sizeof room);
    if (response->error != HUB_HTTP_OK) {
        bool again = response->error != HUB_HTTP_BLOCKED && response->error != HUB_HTTP_TLS &&
                     response->error != HUB_HTTP_INVALID;
        buf_append_c(&message, "No token: ");
        buf_append_str(&message, str_of_hub(response->message));
        release_waiting(self, "token_failed", buf_view(&message), again);
    } else if (response->status == 200 && take_token(self, str_of_hub(response->body))) {
        release_waiting(self, NULL, (struct str){0}, false);
    } else {
        bool again = response->status >= 500 || response->status == 429;
        describe_refusal(&message, response);
        release_waiting(self, again ? "token_failed" : "token_refused", buf_view(&message), again);
    }
}

/* --- The request -------------------------------------------------------------------------------*/

static void append_parameter(struct buf *body, const char *name, struct str value)
{
    if (value.len > 0) {
        buf_append_c(body, body->len > 0 ? "&" : "");
        buf_append_c(body, name);
        buf_append_char(body, '=');
        percent_append(body, value);
    }
}

/* RFC 6749 §2.3.1: both are encoded as in a form, then joined. */
static void append_basic(struct buf *text, const struct exchange *exchange)
{
    struct buf pair;
    buf_init(&pair, BUF_NO_LIMIT);
    percent_append(&pair, member(exchange, "client_id"));
    buf_append_char(&pair, ':');
    percent_append(&pair, member(exchange, "client_secret"));
    buf_append_c(text, "Basic ");
    base64_append(text, buf_view(&pair));
    text->failed = text->failed || buf_failed(&pair);
    if (pair.ptr) {
        explicit_bzero(pair.ptr, pair.len);
    }
    buf_release(&pair);
}

static int32_t send_fetch(struct token *self, struct exchange *exchange, struct str body,
                          struct str authorization)
{
    bool plain = false;
    (void)json_get_bool(exchange->account, "allow_http", &plain);
    hub_http_header headers[] = {
        {HUB_STR("Content-Type"), HUB_STR("application/x-www-form-urlencoded")},
        {HUB_STR("Accept"), HUB_STR("application/json")},
        {HUB_STR("Authorization"), hub_of_str(authorization)},
    };
    hub_http_request request = {
        .size = sizeof request,
        .flags = HUB_HTTP_REPLAY | (plain ? 0 : HUB_HTTP_SECURE),
        .method = HUB_STR("POST"),
        .url = hub_of_str(member(exchange, "token_url")),
        .headers = headers,
        .header_count = authorization.len > 0 ? 3 : 2,
        .body = hub_of_str(body),
        .response_max = ANSWER_MAX,
        .timeout_ms = TIMEOUT_MS,
        .partition = {exchange->partition, strlen(exchange->partition)},
        .done = fetched,
        .context = self,
        .hosts = exchange->hosts,
        .host_count = exchange->host_count,
    };
    return self->connector->http->send(&request, &self->call);
}

static int32_t fetch(struct token *self, struct exchange *exchange)
{
    struct buf body, authorization;
    bool in_body = str_eq(member(exchange, "client_auth"), STR("body"));
    int32_t result = HUB_CALL_NOMEM;
    buf_init(&body, BUF_NO_LIMIT);
    buf_init(&authorization, BUF_NO_LIMIT);
    append_parameter(&body, "grant_type", STR("client_credentials"));
    append_parameter(&body, "scope", member(exchange, "scope"));
    append_parameter(&body, "audience", member(exchange, "audience"));
    if (in_body) {
        append_parameter(&body, "client_id", member(exchange, "client_id"));
        append_parameter(&body, "client_secret", member(exchange, "client_secret"));
    } else {
        append_basic(&authorization, exchange);
    }
    if (!buf_failed(&body) && !buf_failed(&authorization)) {
        result = send_fetch(self, exchange, buf_view(&body), buf_view(&authorization));
        explicit_bzero(body.ptr, body.len);
    }
    if (authorization.ptr) {
        explicit_bzero(authorization.ptr, authorization.len);
    }
    buf_release(&authorization);
    buf_release(&body);
    return result;
}

struct str token_get(struct exchange *exchange)
{
    struct token *self = token_find(exchange);
    if (!self) {
        exchange_no_memory(exchange);
        return (struct str){0};
    }
    if (self->value.len > 0 && self->until_ms > exchange->connector->host->now_ms()) {
        return buf_view(&self->value);
    }
    forget_value(self);
    if (!self->call) {
        int32_t result = fetch(self, exchange);
        if (result != HUB_CALL_OK) {
            exchange_retry(exchange, "token_failed", STR("The token request cannot be sent."), 0);
            return (struct str){0};
        }
        exchange->token_is_fresh = true;
    }
    exchange->token = self;
    list_append(&self->waiting, &exchange->token_link);
    return (struct str){0};
}

void token_forget(struct exchange *exchange)
{
    struct token *self = token_find(exchange);
    if (self && !self->call) {
        forget_value(self);
    }
}
