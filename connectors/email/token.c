/*
 * token.c — access tokens for XOAUTH2: given as they are, or fetched with a refresh token (RFC 6749
 * §6) by the host's HTTP client, once for all deliveries that wait, and again before they expire or
 * once the relay refuses them. Nothing is stored.
 */
#include "email.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MAX (64u << 10)
#define TIMEOUT_MS 10000
#define EARLY_MS   30000
#define LIFE_S     300
#define LIFE_MAX_S 86400

struct token {
    struct relay *relay;
    struct list waiting; /* deliveries */
    hub_http_call *call;
    int64_t until_ms;
};

void token_free(struct token *self)
{
    if (self) {
        self->relay->email->http->cancel(self->call);
        free(self);
    }
}

/* An empty one is none. [any] */
static void set_token(struct relay *relay, struct str value)
{
    pthread_mutex_lock(&relay->email->lock);
    explicit_bzero(relay->access_token, sizeof relay->access_token);
    if (value.len < sizeof relay->access_token) {
        memcpy(relay->access_token, value.ptr ? value.ptr : "", value.len);
    }
    pthread_mutex_unlock(&relay->email->lock);
}

static bool has_token(struct relay *relay)
{
    pthread_mutex_lock(&relay->email->lock);
    bool has = relay->access_token[0] != '\0';
    pthread_mutex_unlock(&relay->email->lock);
    return has;
}

void token_forget(struct relay *relay)
{
    set_token(relay, (struct str){0});
}

/* --- The answer --------------------------------------------------------------------------------*/

static void release_waiting(struct token *self, enum failure failure, const char *why)
{
    struct list *link;
    while ((link = list_first(&self->waiting)) != NULL) {
        struct delivery *delivery = CONTAINER_OF(link, struct delivery, link);
        list_remove(link);
        delivery->for_token = false;
        if (failure == FAILURE_NONE) {
            relay_submit(self->relay, delivery, LINE_CURL);
        } else {
            send_give_back(delivery, failure, why);
        }
    }
}

static bool take_token(struct token *self, struct str body)
{
    struct json_object *json;
    struct str value = {0};
    int64_t seconds = LIFE_S;
    if (json_read(body, JSON_DEPTH_MAX, &json, NULL, NULL) < 0) {
        return false;
    }
    bool fine = json_get_str(json, "access_token", &value) && value.len > 0 &&
                value.len < sizeof self->relay->access_token && text_is_plain(value);
    if (fine) {
        (void)json_get_i64(json, "expires_in", &seconds);
        seconds = seconds < 1 ? 1 : seconds > LIFE_MAX_S ? LIFE_MAX_S : seconds;
        int64_t ms = seconds * 1000;
        self->until_ms =
            self->relay->email->host->now_ms() + (ms > 2 * EARLY_MS ? ms - EARLY_MS : ms / 2);
        set_token(self->relay, value);
    }
    json_object_put(json);
    return fine;
}

static void fetched(void *context, const hub_http_response *response)
{
    struct token *self = context;
    char why[256];
    self->call = NULL;
    if (response->error != HUB_HTTP_OK) {
        snprintf(why, sizeof why, "No token: %.*s", (int)response->message.len,
                 response->message.ptr ? response->message.ptr : "");
        release_waiting(self, FAILURE_AUTH_LATER, why);
    } else if (response->status == 200 && take_token(self, str_of_hub(response->body))) {
        release_waiting(self, FAILURE_NONE, "");
    } else {
        bool again = response->status >= 500 || response->status == 429;
        snprintf(why, sizeof why, "The token endpoint answered with status %u.", response->status);
        release_waiting(self, again ? FAILURE_AUTH_LATER : FAILURE_AUTH_REFUSED, why);
    }
}

/* --- The request -------------------------------------------------------------------------------*/

static void append_field(struct buf *body, const char *name, const char *value)
{
    static const char HEX[] = "0123456789ABCDEF";
    buf_append_format(body, "%s%s=", body->len > 0 ? "&" : "", name);
    for (const unsigned char *at = (const unsigned char *)value; *at; at++) {
        bool plain = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
                     (*at >= '0' && *at <= '9') || strchr("-._~", *at);
        char code[3] = {'%', HEX[*at >> 4], HEX[*at & 15]};
        buf_append(body, plain ? (const char *)at : code, plain ? 1 : 3);
    }
}

static void fill(struct buf *body, const struct account *account)
{
    const struct {
        const char *name, *value;
    } FIELDS[] = {
        {"grant_type", "refresh_token"},   {"refresh_token", account->refresh_token},
        {"client_id", account->client_id}, {"client_secret", account->client_secret},
        {"scope", account->scope},
    };
    for (size_t i = 0; i < sizeof FIELDS / sizeof FIELDS[0]; i++) {
        if (FIELDS[i].value) {
            append_field(body, FIELDS[i].name, FIELDS[i].value);
        }
    }
}

static int32_t fetch(struct token *self)
{
    const struct account *account = &self->relay->account;
    struct buf body;
    buf_init(&body, ANSWER_MAX);
    fill(&body, account);
    const hub_http_header headers[] = {
        {HUB_STR("Content-Type"), HUB_STR("application/x-www-form-urlencoded")},
        {HUB_STR("Accept"), HUB_STR("application/json")},
    };
    hub_http_request request = {
        .size = sizeof request,
        .flags = HUB_HTTP_REPLAY | HUB_HTTP_SECURE,
        .method = HUB_STR("POST"),
        .url = hub_of_str(str_from_c(account->token_url)),
        .headers = headers,
        .header_count = 2,
        .body = hub_of_str(buf_view(&body)),
        .response_max = ANSWER_MAX,
        .timeout_ms = TIMEOUT_MS,
        .partition = {self->relay->key, strlen(self->relay->key)},
        .done = fetched,
        .context = self,
    };
    int32_t result =
        buf_failed(&body) ? HUB_CALL_NOMEM : self->relay->email->http->send(&request, &self->call);
    if (body.ptr) {
        explicit_bzero(body.ptr, body.len);
    }
    buf_release(&body);
    return result;
}

void token_then_submit(struct relay *relay, struct delivery *delivery)
{
    struct token *self = relay->token;
    if (relay->account.access_token) {
        set_token(relay, str_from_c(relay->account.access_token));
        relay_submit(relay, delivery, LINE_CURL);
        return;
    }
    if (!self && (self = calloc(1, sizeof *self)) != NULL) {
        self->relay = relay;
        list_init(&self->waiting);
        relay->token = self;
    }
    if (self && has_token(relay) && self->until_ms > relay->email->host->now_ms()) {
        relay_submit(relay, delivery, LINE_CURL);
        return;
    }
    if (!self || (!self->call && fetch(self) != HUB_CALL_OK)) {
        send_give_back(delivery, FAILURE_AUTH_LATER, "the token cannot be asked for");
        return;
    }
    delivery->for_token = true;
    list_append(&self->waiting, &delivery->link);
}
