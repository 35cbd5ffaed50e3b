/*
 * transmit.c — one request out, its answer in.
 *
 * The key goes along with STEP_SEND only: reads change nothing. What proves who we are is made
 * here, at the last moment, and is never kept.
 */
#include "payments.h"

#include "connectors/common/provider.h"

#include <string.h>

#define HEADERS_MAX 12
#define TIMEOUT_MS  30000
#define MARGIN_MS   1500 /* of the job's time, to book what came of it */

uint32_t transmit_time_left(const struct payment *self, uint32_t most)
{
    int64_t left = self->job->deadline_ms - self->connector->host->now_ms() - MARGIN_MS;
    return left < 1 ? 1 : left < most ? (uint32_t)left : most;
}

void transmit_abandon(struct payment *self)
{
    list_remove(&self->token_link);
    self->connector->http->cancel(self->http_call);
    self->http_call = NULL;
    wipe_buf(&self->authorization);
    simulator_abandon(self);
}

/* --- The answer --------------------------------------------------------------------------------*/

/* What went wrong before there was an answer. What is not here is worth another attempt. */
static const struct {
    uint32_t error;
    const char *code;
    bool hopeless; /* and never will be sent */
} ERRORS[] = {
    {HUB_HTTP_INVALID, "invalid_request", true},
    {HUB_HTTP_BLOCKED, "blocked_address", true},
    {HUB_HTTP_DNS, "dns_failed", false},
    {HUB_HTTP_CONNECT, "connect_failed", false},
    {HUB_HTTP_TLS, "tls_failed", false},
    {HUB_HTTP_TIMEOUT, "timeout", false},
    {HUB_HTTP_TOO_LARGE, "answer_too_large", false},
    {HUB_HTTP_BROKEN, "connection_broken", false},
    {HUB_HTTP_REDIRECT, "redirect_refused", false},
};

static void take_error(struct payment *self, const hub_http_response *response)
{
    const char *code = "gateway_unreachable";
    bool hopeless = false;
    bool sent = response->sent != HUB_HTTP_NEVER_SENT;
    for (size_t i = 0; i < sizeof ERRORS / sizeof ERRORS[0]; i++) {
        if (ERRORS[i].error == response->error) {
            code = ERRORS[i].code;
            hopeless = ERRORS[i].hopeless && !sent;
        }
    }
    if (hopeless) {
        payment_unsendable(self, code, str_of_hub(response->message));
    } else {
        payment_unanswered(self, sent, code, str_of_hub(response->message));
    }
}

static void answered(void *context, const hub_http_response *response)
{
    struct payment *self = context;
    struct json_object *json = NULL;
    struct str body = str_of_hub(response->body);
    self->http_call = NULL;
    wipe_buf(&self->authorization);
    if (response->error != HUB_HTTP_OK) {
        take_error(self, response);
        return;
    }
    if (response->status == 401 && self->gateway->takes_token && !self->token_is_fresh) {
        payment_forget_token(self); /* withdrawn before its time */
        self->token_is_fresh = true;
        transmit(self);
        return;
    }
    self->delay_ms = provider_pause(self->connector->host, self->job, response);
    bool fine = response->status < 300;
    if (body.len > 0 && json_read(body, JSON_DEPTH_MAX, &json, NULL, NULL) < 0 && fine) {
        payment_unanswered(self, true, "bad_answer", STR("The gateway's answer is not JSON."));
        return;
    }
    payment_answered(self, response->status, json);
}

/* --- The request -------------------------------------------------------------------------------*/

static void add(hub_http_header *headers, uint32_t *count, const char *name, struct str value)
{
    if (value.len > 0 && *count < HEADERS_MAX) {
        headers[(*count)++] = (hub_http_header){hub_of_c(name), hub_of_str(value)};
    }
}

#ifdef PAYMENTS_KEY_PER_ATTEMPT
/* A mutant for tests/crash: what would happen if the key were the attempt's and not the job's. */
struct str transmit_key(const struct payment *self, char *room, size_t size)
{
    struct buf key;
    buf_init_fixed(&key, room, size);
    buf_append_format(&key, "%.*s-%u", STR_ARG(self->order.key), self->job->attempt);
    return buf_view(&key);
}
#else
struct str transmit_key(const struct payment *self, char *room, size_t size)
{
    (void)room;
    (void)size;
    return self->order.key;
}
#endif

static int32_t send_request(struct payment *self, struct str url)
{
    hub_http_header headers[HEADERS_MAX];
    char room[TRANSMIT_KEY_MAX];
    uint32_t count = 0;
    bool keyed = self->step == STEP_SEND;
    bool plain = str_starts_with(url, STR("http:")); /* of a test account, on this machine */
    add(headers, &count, self->gateway->auth_header, buf_view(&self->authorization));
    add(headers, &count, "Accept", STR("application/json"));
    add(headers, &count, "Content-Type", self->call.type);
    for (const char *const *name = self->gateway->headers; name && *name; name += 2) {
        add(headers, &count, name[0], str_from_c(name[1]));
    }
    if (keyed) {
        add(headers, &count, self->gateway->key_header, transmit_key(self, room, sizeof room));
    }
    hub_http_request request = {
        .size = sizeof request,
        .flags = HUB_HTTP_DECODE | HUB_HTTP_REPLAY | (plain ? 0 : HUB_HTTP_SECURE),
        .method = hub_of_str(self->call.method),
        .url = hub_of_str(url),
        .headers = headers,
        .header_count = count,
        .body = hub_of_str(buf_view(&self->call.body)),
        .response_max = ANSWER_MAX * 4,
        .timeout_ms = transmit_time_left(self, TIMEOUT_MS),
        .partition = hub_of_c(self->account.partition),
        .done = answered,
        .context = self,
    };
    request.idle_timeout_ms = request.timeout_ms;
    return self->connector->http->send(&request, &self->http_call);
}

static void send_over_http(struct payment *self)
{
    struct buf url;
    buf_init(&url, 2 * PATH_MAX_BYTES);
    buf_append_str(&url, buf_view(&self->base_url));
    buf_append_str(&url, buf_view(&self->call.path));
    int32_t result = buf_failed(&url) || buf_failed(&self->authorization)
                         ? HUB_CALL_NOMEM
                         : send_request(self, buf_view(&url));
    buf_release(&url);
    if (result == HUB_CALL_INVALID) {
        payment_unsendable(self, "invalid_request", STR("The request cannot be sent as it is."));
    } else if (result != HUB_CALL_OK) {
        payment_unanswered(self, false, "busy", STR("No more requests can be made at once."));
    }
}

void transmit(struct payment *self)
{
    struct str token = {0};
    if (self->gateway->local) {
        simulator_transmit(self);
        return;
    }
    if (self->gateway->takes_token) {
        token = payment_token(self);
        if (token.len == 0) {
            return; /* it waits, or has ended */
        }
    }
    wipe_buf(&self->authorization);
    buf_init(&self->authorization, PATH_MAX_BYTES * 4);
    self->gateway->authenticate(&self->account, token, &self->authorization);
    send_over_http(self);
}
