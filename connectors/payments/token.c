/*
 * token.c — what common/token.h needs to know to fetch PayPal's tokens: POST /v1/oauth2/token under
 * the account's base URL.
 */
#include "payments.h"

static void ready(struct list *link, const struct token_failure *failure)
{
    struct payment *self = CONTAINER_OF(link, struct payment, token_link);
    if (!failure) {
        transmit(self);
        return;
    }
    bool refused = failure->error == HUB_HTTP_OK &&
                   (failure->status == 400 || failure->status == 401 || failure->status == 403);
    if (refused || failure->error == HUB_HTTP_BLOCKED || failure->error == HUB_HTTP_INVALID) {
        payment_unsendable(self, "access_denied",
                           STR("The gateway did not accept the account's client_id and "
                               "client_secret."));
    } else {
        payment_unanswered(self, false, "token_failed", STR("The gateway gave no access token."));
    }
}

const struct token_rules PAYMENT_TOKENS = {
    .count_max = 256,
    .value_max = PATH_MAX_BYTES * 3,
    .timeout_ms = 20000,
    .ready = ready,
};

static struct token *find(struct payment *self)
{
    return tokens_find(&self->connector->tokens, str_from_c(self->account.partition));
}

static int32_t fetch(const struct payment *self, struct token *token)
{
    struct buf url, basic;
    int32_t result = HUB_CALL_NOMEM;
    buf_init(&url, PATH_MAX_BYTES);
    buf_init(&basic, PATH_MAX_BYTES);
    buf_append_str(&url, buf_view(&self->base_url));
    buf_append_c(&url, "/v1/oauth2/token");
    buf_append_str(&basic, self->account.client_id);
    buf_append_char(&basic, ':');
    buf_append_str(&basic, self->account.client_secret);
    if (!buf_failed(&url) && !buf_failed(&basic)) {
        const struct token_request request = {
            .url = buf_view(&url),
            .basic = buf_view(&basic),
            .body = STR("grant_type=client_credentials"),
            .partition = str_from_c(self->account.partition),
            .plain = str_starts_with(buf_view(&url), STR("http:")),
        };
        result = token_fetch(token, &request);
    }
    wipe_buf(&basic);
    buf_release(&url);
    return result;
}

struct str payment_token(struct payment *self)
{
    struct token *token = find(self);
    struct str value = token ? token_value(token) : (struct str){0};
    int32_t result = token ? HUB_CALL_OK : HUB_CALL_NOMEM;
    if (value.len > 0) {
        return value;
    }
    if (token && !token_is_coming(token)) {
        result = fetch(self, token);
        self->token_is_fresh = true;
    }
    if (result == HUB_CALL_OK) {
        token_wait(token, &self->token_link);
    } else {
        payment_unanswered(self, false, "token_failed",
                           STR("The request for an access token could not be sent."));
    }
    return (struct str){0};
}

void payment_forget_token(struct payment *self)
{
    struct token *token = find(self);
    if (token) {
        token_forget(token);
    }
}
