/*
 * webhook.c — payments.webhook: what a gateway has told us, believed once it is proven.
 *
 *     verify ── PayPal: which certificate? ─▶ fetch it, verify again
 *       │
 *     look up what a hook only names (Mollie)
 *       │                     `verify_only` ends here
 *     for each event: claim it for this job
 *                     another job's, or booked already ─▶ a duplicate, and nothing else
 *                     ours ─▶ into the ledger, then marked as booked
 *       │
 *     the events, and which of them are new
 *
 * A claim is the job's, not the attempt's: if an attempt dies, the job's next one goes on with it.
 * Dying between ledger and mark books it again rather than never, with the same event id.
 */
#include "payments.h"

#include "hook.h"
#include "write.h"

#include <stdlib.h>
#include <string.h>

#define CERTIFICATE_MAX (16u << 10)
#define CERTIFICATE_MS  3600000 /* that one is used again */
#define FETCH_MS        15000
#define REMEMBERED_MS   (UINT64_C(30) * 24 * 3600 * 1000) /* gateways repeat for days */

struct webhook {
    struct hook hook;
    struct hook_events events;
    struct buf certificate;
    struct answer looked_up; /* of the one event that only names a payment */
    bool duplicate[HOOK_EVENTS_MAX];
    unsigned at;       /* the event that is being booked */
    char key[8 + 200]; /* "hook/ID" */
};

void webhook_free(struct payment *payment)
{
    struct webhook *self = payment->webhook;
    if (self) {
        hook_events_release(&self->events);
        buf_release(&self->certificate);
        free(self);
        payment->webhook = NULL;
    }
}

/* --- The result --------------------------------------------------------------------------------*/

static void write_event(const struct hook_event *event, const struct account *account,
                        struct buf *json)
{
    write_text(json, "event", event->id);
    write_text(json, "type", event->type);
    write_text(json, "status", str_from_c(status_text(event->status)));
    write_text(json, "payment", event->payment);
    write_text(json, "related", event->related);
    write_text(json, "job", event->job);
    if (redact_is_clean(event->reference, account)) {
        write_text(json, "reference", event->reference);
    }
    if (event->amount != AMOUNT_UNKNOWN && event->currency.len == 3) {
        char upper[3];
        for (size_t i = 0; i < sizeof upper; i++) {
            upper[i] = (char)(event->currency.ptr[i] & ~0x20);
        }
        write_text(json, "currency", str_of(upper, sizeof upper));
        write_number(json, "amount_minor", event->amount);
    }
    if (event->order_at > 0) {
        write_number(json, "happened_at_ms", event->order_at);
    }
}

static void succeed(struct payment *payment)
{
    struct webhook *self = payment->webhook;
    struct buf json;
    buf_init(&json, ANSWER_MAX);
    write_open(&json, NULL, '{');
    write_text(&json, "gateway", str_from_c(payment->gateway->name));
    write_bool(&json, "test", payment->account.test);
    write_open(&json, "events", '[');
    for (unsigned i = 0; i < self->events.count; i++) {
        write_open(&json, NULL, '{');
        write_event(&self->events.items[i], &payment->account, &json);
        write_bool(&json, "duplicate", self->duplicate[i]);
        write_close(&json, '}');
    }
    write_close(&json, ']');
    write_close(&json, '}');
    payment_succeed(payment, &json);
    buf_release(&json);
}

/* --- Into the books, one event after the other -------------------------------------------------*/

static void next_event(struct payment *payment);

static struct str key_of(struct webhook *self)
{
    struct buf key;
    buf_init_fixed(&key, self->key, sizeof self->key);
    buf_append_c(&key, "hook/");
    buf_append_str(&key, str_slice(self->events.items[self->at].id, 0, 200));
    return buf_view(&key);
}

static int32_t put(struct payment *payment, uint32_t flags, hub_str value)
{
    return payment->connector->keep->put(payment->job, HUB_KEEP_ACCOUNT, flags,
                                         hub_of_str(key_of(payment->webhook)), value, REMEMBERED_MS,
                                         payment_kept, payment);
}

static int32_t ask_claim(struct payment *payment)
{
    return put(payment, HUB_KEEP_NEW, payment->job->id);
}

static int32_t ask_owner(struct payment *payment)
{
    return payment->connector->keep->get(payment->job, HUB_KEEP_ACCOUNT,
                                         hub_of_str(key_of(payment->webhook)), payment_kept,
                                         payment);
}

static int32_t ask_mark_booked(struct payment *payment)
{
    return put(payment, 0, HUB_STR("booked"));
}

static int32_t ask_append(struct payment *payment)
{
    const struct hook_event *event = &payment->webhook->events.items[payment->webhook->at];
    buf_clear(&payment->text);
    write_open(&payment->text, NULL, '{');
    write_text(&payment->text, "gateway", str_from_c(payment->gateway->name));
    write_bool(&payment->text, "test", payment->account.test);
    write_event(event, &payment->account, &payment->text);
    write_close(&payment->text, '}');
    return buf_failed(&payment->text)
               ? HUB_CALL_NOMEM
               : payment->connector->ledger->append(payment->job, HUB_STR("webhook"),
                                                    hub_of_str(buf_view(&payment->text)),
                                                    payment_kept, payment);
}

static void marked(struct payment *payment, int32_t status, const hub_kept *values, uint32_t count)
{
    (void)values;
    (void)count;
    if (status != HUB_CALL_OK) {
        payment_no_storage(payment);
        return;
    }
    payment->webhook->at++;
    next_event(payment);
}

static void appended(struct payment *payment, int32_t status, const hub_kept *values,
                     uint32_t count)
{
    (void)values;
    (void)count;
    if (status != HUB_CALL_OK) {
        payment_no_storage(payment);
    } else {
        payment_ask(payment, ask_mark_booked, marked);
    }
}

static void owner_known(struct payment *payment, int32_t status, const hub_kept *values,
                        uint32_t count)
{
    struct webhook *self = payment->webhook;
    if (status != HUB_CALL_OK) {
        payment_no_storage(payment);
    } else if (count > 0 && str_eq(str_of_hub(values[0].value), str_of_hub(payment->job->id))) {
        payment_ask(payment, ask_append, appended); /* ours, of an attempt that died */
    } else {
        self->duplicate[self->at++] = true;
        next_event(payment);
    }
}

static void claimed(struct payment *payment, int32_t status, const hub_kept *values, uint32_t count)
{
    (void)values;
    (void)count;
    if (status == HUB_CALL_EXISTS) {
        payment_ask(payment, ask_owner, owner_known);
    } else if (status != HUB_CALL_OK) {
        payment_no_storage(payment);
    } else {
        payment_ask(payment, ask_append, appended);
    }
}

static void next_event(struct payment *payment)
{
    struct webhook *self = payment->webhook;
    bool only = false;
    (void)json_get_bool(payment->input, "verify_only", &only);
    if (only || self->at == self->events.count) {
        succeed(payment);
    } else {
        payment_ask(payment, ask_claim, claimed);
    }
}

/* --- What a hook only names --------------------------------------------------------------------*/

/* What Mollie says of it, as if the hook had said it. The same payment is told of several times: an
 * event is a payment in a state. */
void webhook_looked_up(struct payment *payment)
{
    struct webhook *self = payment->webhook;
    struct hook_event *event = &self->events.items[0];
    struct json_object *metadata;
    struct answer answer;
    char room[96];
    struct buf id;
    answer_init(&answer);
    payment->gateway->read(&payment->order, payment->json, &answer);
    buf_init_fixed(&id, room, sizeof room);
    buf_append_format(&id, "%.*s:%s:%lld", STR_ARG(event->payment), status_text(answer.status),
                      (long long)(answer.refunded == AMOUNT_UNKNOWN ? 0 : answer.refunded));
    event->id = hook_events_keep(&self->events, buf_view(&id));
    event->status = answer.status;
    event->currency = answer.currency;
    event->amount = answer.requested;
    if (json_get_object(payment->json, "metadata", &metadata)) {
        (void)json_get_str(metadata, "hub_job", &event->job);
        (void)json_get_str(metadata, "reference", &event->reference);
    }
    next_event(payment);
}

static void look_up(struct payment *payment)
{
    struct hub_error error = {0};
    payment->order.operation = OP_GET;
    payment->order.payment = payment->webhook->events.items[0].payment;
    call_clear(&payment->call);
    if (payment->gateway->build(&payment->account, &payment->order, NULL, &payment->call, &error) !=
        1) {
        payment_fail(payment, "not_supported", str_from_c(error.detail));
        return;
    }
    payment->step = STEP_HOOK;
    transmit(payment);
}

/* --- Proof -------------------------------------------------------------------------------------*/

static void verify(struct payment *payment);

static void use_certificate(struct payment *payment)
{
    struct webhook *self = payment->webhook;
    buf_clear(&self->certificate);
    buf_append_str(&self->certificate, buf_view(&payment->connector->certificate));
    if (buf_failed(&self->certificate) || self->certificate.len == 0) {
        payment_retry(payment, "out_of_memory", STR("There was not enough memory."));
        return;
    }
    self->hook.certificate = buf_view(&self->certificate);
    verify(payment);
}

static void certificate_came(void *context, const hub_http_response *response)
{
    struct payment *payment = context;
    struct connector *connector = payment->connector;
    payment->http_call = NULL;
    if (response->error != HUB_HTTP_OK || response->status != 200 || response->body.len == 0) {
        payment_retry(payment, "no_certificate",
                      STR("The certificate of the signature could not be had."));
        return;
    }
    buf_clear(&connector->certificate_url);
    buf_clear(&connector->certificate);
    buf_append_str(&connector->certificate_url, payment->webhook->events.fetch);
    buf_append_str(&connector->certificate, str_of_hub(response->body));
    bool kept = !buf_failed(&connector->certificate_url) && !buf_failed(&connector->certificate);
    connector->certificate_until = kept ? connector->host->now_ms() + CERTIFICATE_MS : 0;
    use_certificate(payment);
}

static bool has_certificate(const struct connector *connector, struct str url)
{
    return connector->certificate_until > connector->host->now_ms() &&
           str_eq(buf_view(&connector->certificate_url), url);
}

static void fetch_certificate(struct payment *payment)
{
    hub_http_request request = {
        .size = sizeof request,
        .flags = HUB_HTTP_DECODE | HUB_HTTP_REPLAY | HUB_HTTP_SECURE | HUB_HTTP_PUBLIC,
        .method = HUB_STR("GET"),
        .url = hub_of_str(payment->webhook->events.fetch),
        .response_max = CERTIFICATE_MAX,
        .timeout_ms = transmit_time_left(payment, FETCH_MS),
        .done = certificate_came,
        .context = payment,
    };
    if (payment->connector->http->send(&request, &payment->http_call) != HUB_CALL_OK) {
        payment_retry(payment, "busy", STR("No more requests can be made at once."));
    }
}

static void verify(struct payment *payment)
{
    struct webhook *self = payment->webhook;
    struct hub_error error = {0};
    hook_events_release(&self->events);
    hook_events_init(&self->events);
    int err = payment->gateway->verify(&payment->account, &self->hook, &self->events, &error);
    if (err == HUB_ERR_AGAIN && has_certificate(payment->connector, self->events.fetch)) {
        use_certificate(payment);
    } else if (err == HUB_ERR_AGAIN) {
        fetch_certificate(payment);
    } else if (err == HUB_ERR_NOMEM) {
        payment_retry(payment, "out_of_memory", STR("There was not enough memory."));
    } else if (err < 0) {
        payment_fail(payment, err == HUB_ERR_UNAUTHORIZED ? "unauthorized" : "invalid_webhook",
                     str_from_c(error.detail));
    } else if (self->events.count == 1 && self->events.items[0].fetch_payment) {
        look_up(payment);
    } else {
        next_event(payment);
    }
}

/* The names of header fields are case-insensitive (RFC 9110 §5.1). */
static struct str header_named(void *context, struct str name)
{
    struct json_object *headers = context;
    json_object_object_foreach(headers, one, value) {
        if (str_eq_nocase(str_from_c(one), name) && json_object_is_type(value, json_type_string)) {
            return json_str(value);
        }
    }
    return (struct str){0};
}

void webhook_start(struct payment *payment)
{
    struct json_object *headers = NULL;
    struct webhook *self = calloc(1, sizeof *self);
    payment->webhook = self;
    if (!self || !payment->gateway->verify) {
        payment_fail(payment, self ? "not_supported" : "out_of_memory",
                     STR("This gateway sends no webhooks."));
        return;
    }
    buf_init(&self->certificate, CERTIFICATE_MAX);
    hook_events_init(&self->events);
    (void)json_get_object(payment->input, "headers", &headers);
    self->hook = (struct hook){
        .header = header_named, .context = headers, .now_ms = payment->connector->host->wall_ms()};
    (void)json_get_str(payment->input, "body", &self->hook.body);
    (void)json_get_i64(payment->input, "received_at_ms", &self->hook.now_ms);
    verify(payment);
}
