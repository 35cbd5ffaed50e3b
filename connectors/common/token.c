#include "token.h"

#include "entry.h"

#include "base/hash.h"
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

#define EARLY_S     30  /* before it expires a token is fetched anew */
#define LIFE_S      300 /* of one that does not say */
#define LIFE_MAX_S  86400
#define LIFE_MIN_S  2
#define MESSAGE_MAX 512

struct token {
    struct tokens *all;
    struct list order; /* in all->order */
    char key[TOKEN_KEY_MAX + 1];
    struct buf value;    /* empty: none */
    int64_t until_ms;    /* on now_ms() */
    struct list waiting; /* links of those that do */
    hub_http_call *call; /* while it is fetched */
};

/* --- Life --------------------------------------------------------------------------------------*/

void tokens_init(struct tokens *self, const struct token_rules *rules, const hub_host *host,
                 const hub_http_api *http)
{
    *self = (struct tokens){.rules = rules, .host = host, .http = http};
    map_init(&self->by_key);
    list_init(&self->order);
}

static void token_free(struct token *self)
{
    self->all->http->cancel(self->call);
    (void)map_remove(&self->all->by_key, str_from_c(self->key));
    list_remove(&self->order);
    wipe_buf(&self->value);
    free(self);
}

void tokens_release(struct tokens *self)
{
    LIST_FOR_EACH(link, &self->order) {
        token_free(CONTAINER_OF(link, struct token, order));
    }
    map_release(&self->by_key);
}

/* The one that was not used for the longest time and that nobody waits for goes. */
static void make_room(struct tokens *self)
{
    struct token *oldest = NULL;
    LIST_FOR_EACH(link, &self->order) {
        struct token *token = CONTAINER_OF(link, struct token, order);
        oldest = list_empty(&token->waiting) && !token->call ? token : oldest;
    }
    if (oldest) {
        token_free(oldest);
    }
}

static struct token *token_new(struct tokens *all, struct str key)
{
    struct token *self = key.len <= TOKEN_KEY_MAX ? calloc(1, sizeof *self) : NULL;
    if (!self) {
        return NULL;
    }
    self->all = all;
    memcpy(self->key, key.ptr, key.len);
    list_init(&self->order);
    list_init(&self->waiting);
    buf_init(&self->value, all->rules->value_max);
    if (map_put(&all->by_key, str_from_c(self->key), self) < 0) {
        free(self);
        return NULL;
    }
    return self;
}

struct token *tokens_find(struct tokens *self, struct str key)
{
    struct token *token = map_get(&self->by_key, key);
    if (!token) {
        if (self->by_key.len >= self->rules->count_max) {
            make_room(self);
        }
        token = token_new(self, key);
    }
    if (token) {
        list_remove(&token->order);
        list_prepend(&self->order, &token->order);
    }
    return token;
}

static void forget_value(struct token *self)
{
    if (self->value.ptr) {
        explicit_bzero(self->value.ptr, self->value.len);
    }
    buf_clear(&self->value);
}

struct str token_value(const struct token *self)
{
    bool valid = self->until_ms > self->all->host->now_ms();
    return valid ? buf_view(&self->value) : (struct str){0};
}

bool token_is_coming(const struct token *self)
{
    return self->call != NULL;
}

void token_wait(struct token *self, struct list *link)
{
    list_append(&self->waiting, link);
}

void token_forget(struct token *self)
{
    if (!self->call) {
        forget_value(self);
    }
}

/* --- The answer --------------------------------------------------------------------------------*/

/* One after the other: each may end, and what it does may even make room by freeing this token. */
static void release_waiting(struct token *self, const struct token_failure *failure)
{
    token_ready_fn *ready = self->all->rules->ready;
    struct list waiting;
    struct list *link;
    list_init(&waiting);
    list_splice(&waiting, &self->waiting);
    while ((link = list_first(&waiting)) != NULL) {
        list_remove(link);
        ready(link, failure);
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
        /* Who asked for it may use it once at least: or each job would fetch for ever. */
        seconds = seconds < LIFE_MIN_S ? LIFE_MIN_S : seconds;
        int64_t kept = seconds > 2 * EARLY_S ? seconds - EARLY_S : seconds / 2;
        buf_append_str(&self->value, value);
        self->until_ms = self->all->host->now_ms() + kept * 1000;
        explicit_bzero((char *)value.ptr, value.len);
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
        buf_append_c(&message, "No token: ");
        buf_append_str(&message, str_of_hub(response->message));
    } else if (response->status == 200 && take_token(self, str_of_hub(response->body))) {
        release_waiting(self, NULL);
        return;
    } else {
        describe_refusal(&message, response);
    }
    release_waiting(self,
                    &(struct token_failure){response->error, response->status, buf_view(&message)});
}

/* --- The request -------------------------------------------------------------------------------*/

int32_t token_fetch(struct token *self, const struct token_request *asked)
{
    const struct token_rules *rules = self->all->rules;
    struct buf authorization;
    forget_value(self);
    buf_init(&authorization, BUF_NO_LIMIT);
    buf_append_c(&authorization, "Basic ");
    base64_append(&authorization, asked->basic);
    hub_http_header headers[] = {
        {HUB_STR("Content-Type"), HUB_STR("application/x-www-form-urlencoded")},
        {HUB_STR("Accept"), HUB_STR("application/json")},
        {HUB_STR("Authorization"), hub_of_str(buf_view(&authorization))},
    };
    hub_http_request request = {
        .size = sizeof request,
        .flags = HUB_HTTP_REPLAY | (asked->plain ? 0 : HUB_HTTP_SECURE),
        .method = HUB_STR("POST"),
        .url = hub_of_str(asked->url),
        .headers = headers,
        .header_count = asked->basic.len > 0 ? 3 : 2,
        .body = hub_of_str(asked->body),
        .response_max = rules->answer_max,
        .timeout_ms = rules->timeout_ms,
        .partition = hub_of_str(asked->partition),
        .done = fetched,
        .context = self,
        .hosts = asked->hosts,
        .host_count = asked->host_count,
    };
    int32_t result =
        buf_failed(&authorization) ? HUB_CALL_NOMEM : self->all->http->send(&request, &self->call);
    wipe_buf(&authorization);
    return result;
}
