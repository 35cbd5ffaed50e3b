/*
 * token.c — what common/token.h needs to know to fetch a token for an account.
 */
#include "http.h"
#include "sign.h"

#include "base/hash.h"

static struct str member(const struct exchange *self, const char *name)
{
    struct str value = {0};
    (void)json_get_str(self->account, name, &value);
    return value;
}

/* Not to be sent, or with this status: is another attempt worth it? */
static bool is_worth_repeating(const struct token_failure *failure)
{
    return failure->error == HUB_HTTP_OK
               ? failure->status >= 500 || failure->status == 429
               : failure->error != HUB_HTTP_BLOCKED && failure->error != HUB_HTTP_TLS &&
                     failure->error != HUB_HTTP_INVALID;
}

static void ready(struct list *link, const struct token_failure *failure)
{
    struct exchange *self = CONTAINER_OF(link, struct exchange, token_link);
    if (!failure) {
        exchange_send(self);
    } else if (is_worth_repeating(failure)) {
        exchange_retry(self, "token_failed", failure->message, 0);
    } else {
        bool refused = failure->error == HUB_HTTP_OK;
        exchange_fail(self, refused ? "token_refused" : "token_failed", failure->message,
                      (struct str){0});
    }
}

const struct token_rules EXCHANGE_TOKENS = {
    .count_max = 1024,
    .value_max = 64u << 10,
    .answer_max = 64u << 10,
    .timeout_ms = 30000,
    .ready = ready,
};

/* By all that a token depends on. */
static struct token *find(struct exchange *self)
{
    static const char *const PARTS[] = {"token_url", "client_id", "client_secret",
                                        "scope",     "audience",  "client_auth"};
    struct buf text;
    struct sha256_digest digest;
    char key[SHA256_HEX_LEN + 1];
    buf_init(&text, BUF_NO_LIMIT);
    for (size_t i = 0; i < sizeof PARTS / sizeof PARTS[0]; i++) {
        buf_append_json_string(&text, member(self, PARTS[i]));
    }
    sha256_of(buf_view(&text), &digest);
    sha256_hex(&digest, key);
    wipe_buf(&text);
    return tokens_find(&self->connector->tokens, str_from_c(key));
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

/* Who we are goes into the body or, with client_auth "basic", into a header: RFC 6749 §2.3.1, both
 * encoded as in a form, then joined. */
static void append_parts(const struct exchange *self, struct buf *body, struct buf *basic)
{
    append_parameter(body, "grant_type", STR("client_credentials"));
    append_parameter(body, "scope", member(self, "scope"));
    append_parameter(body, "audience", member(self, "audience"));
    if (str_eq(member(self, "client_auth"), STR("body"))) {
        append_parameter(body, "client_id", member(self, "client_id"));
        append_parameter(body, "client_secret", member(self, "client_secret"));
    } else {
        percent_append(basic, member(self, "client_id"));
        buf_append_char(basic, ':');
        percent_append(basic, member(self, "client_secret"));
    }
}

static int32_t fetch(const struct exchange *self, struct token *token)
{
    struct buf body, basic;
    bool plain = false;
    int32_t result = HUB_CALL_NOMEM;
    buf_init(&body, BUF_NO_LIMIT);
    buf_init(&basic, BUF_NO_LIMIT);
    (void)json_get_bool(self->account, "allow_http", &plain);
    append_parts(self, &body, &basic);
    if (!buf_failed(&body) && !buf_failed(&basic)) {
        const struct token_request request = {
            .url = member(self, "token_url"),
            .basic = buf_view(&basic),
            .body = buf_view(&body),
            .partition = str_from_c(self->partition),
            .hosts = self->hosts,
            .host_count = self->host_count,
            .plain = plain,
        };
        result = token_fetch(token, &request);
    }
    wipe_buf(&basic);
    wipe_buf(&body);
    return result;
}

struct str exchange_token(struct exchange *self)
{
    struct token *token = find(self);
    if (!token) {
        exchange_no_memory(self);
        return (struct str){0};
    }
    struct str value = token_value(token);
    if (value.len > 0) {
        return value;
    }
    if (!token_is_coming(token)) {
        if (fetch(self, token) != HUB_CALL_OK) {
            exchange_retry(self, "token_failed", STR("The token request cannot be sent."), 0);
            return (struct str){0};
        }
        self->token_is_fresh = true;
    }
    token_wait(token, &self->token_link);
    return (struct str){0};
}

void exchange_forget_token(struct exchange *self)
{
    struct token *token = find(self);
    if (token) {
        token_forget(token);
    }
}
