/*
 * result.c — what a payment looks like: as a job's result, in the ledger, and frozen.
 */
#include "payments.h"

#include "write.h"

#include "base/hash.h"

#include <string.h>

#define RAW_MAX  (48u << 10)
#define FROZEN_V 1

/* --- A result ----------------------------------------------------------------------------------*/

static void write_ids(const struct payment *self, struct buf *json)
{
    static const char *const NAMES[] = {
#define X(name, text) [ID_##name] = text,
        ANSWER_IDS(X)
#undef X
    };
    write_open(json, "ids", '{');
    for (size_t i = 0; i < ID_COUNT; i++) {
        write_text(json, NAMES[i], self->answer.ids[i]);
    }
    write_close(json, '}');
}

static void write_amount(struct buf *json, const char *name, int64_t amount)
{
    if (amount != AMOUNT_UNKNOWN) {
        write_number(json, name, amount);
    }
}

static void write_amounts(const struct payment *self, struct buf *json)
{
    write_currency(json,
                   self->answer.currency.len == 3 ? self->answer.currency : self->order.currency);
    write_amount(json, "amount_minor",
                 self->answer.requested != AMOUNT_UNKNOWN ? self->answer.requested
                 : self->order.has_amount                 ? self->order.amount
                                                          : AMOUNT_UNKNOWN);
    write_amount(json, "authorized_minor", self->answer.authorized);
    write_amount(json, "captured_minor", self->answer.captured);
    write_amount(json, "refunded_minor", self->answer.refunded);
}

static void write_next_action(const struct payment *self, struct buf *json)
{
    static const char *const NAMES[] = {[NEXT_REDIRECT] = "redirect",
                                        [NEXT_QR] = "qr",
                                        [NEXT_WAIT] = "wait",
                                        [NEXT_CONFIRM] = "confirm"};
    if (self->answer.next == NEXT_NONE) {
        return;
    }
    write_open(json, "next_action", '{');
    write_text(json, "type", str_from_c(NAMES[self->answer.next]));
    write_text(json, self->answer.next == NEXT_QR ? "data" : "url", self->answer.next_value);
    write_close(json, '}');
}

static void write_clean(const struct payment *self, struct buf *json, const char *name,
                        struct str text)
{
    if (redact_is_clean(text, &self->account)) {
        write_text(json, name, str_utf8_cut(text, 500));
    }
}

static void write_decline(const struct payment *self, struct buf *json)
{
    const struct decline *decline = self->answer.decline;
    if (!decline && self->answer.gateway_code.len == 0) {
        return;
    }
    write_open(json, decline ? "decline" : "refusal", '{');
    if (decline) {
        write_text(json, "code", str_from_c(decline->code));
        write_text(json, "advice", str_from_c(decline->advice));
    }
    write_clean(self, json, "gateway_code", self->answer.gateway_code);
    write_clean(self, json, "message", self->answer.message);
    write_close(json, '}');
}

static void write_raw(const struct payment *self, struct buf *json)
{
    struct buf raw;
    buf_init(&raw, RAW_MAX);
    redact_append(&raw, self->json, &self->account);
    if (self->json && !buf_failed(&raw)) {
        buf_append_c(json, ",\"raw\":");
        buf_append_str(json, buf_view(&raw));
    }
    buf_release(&raw);
}

void result_write(const struct payment *self, struct buf *json)
{
    bool told = !self->outcome || strcmp(self->outcome, "not_found") != 0;
    write_open(json, NULL, '{');
    write_text(json, "gateway", str_from_c(self->gateway->name));
    write_bool(json, "test", self->account.test);
    if (self->order.operation == OP_RECONCILE) {
        write_bool(json, "found", told);
    }
    if (told) {
        write_text(json, "status", str_from_c(status_text(self->answer.status)));
        write_text(json, "payment", self->answer.ids[ID_PAYMENT]);
        write_ids(self, json);
        write_amounts(self, json);
        write_next_action(self, json);
        write_decline(self, json);
    }
    write_text(json, "reference", self->order.reference);
    write_raw(self, json);
    write_close(json, '}');
}

/* --- The ledger --------------------------------------------------------------------------------*/

static void write_request_hash(const struct payment *self, struct buf *json)
{
    struct sha256_digest digest;
    char hex[SHA256_HEX_LEN + 1];
    sha256_of(buf_view(&self->call.body), &digest);
    sha256_hex(&digest, hex);
    write_text(json, "request_sha256", str_from_c(hex));
}

static void write_head(const struct payment *self, struct buf *json)
{
    write_open(json, NULL, '{');
    write_text(json, "operation", str_from_c(operation_name(self->order.operation)));
    write_text(json, "gateway", str_from_c(self->gateway->name));
    write_bool(json, "test", self->account.test);
    write_text(json, "key", self->order.key);
    write_text(json, "reference", self->order.reference);
}

void result_write_intent(const struct payment *self, struct buf *json)
{
    write_head(self, json);
    write_text(json, "payment", self->order.payment);
    write_text(json, "currency", self->order.currency);
    if (self->order.has_amount) {
        write_number(json, "amount_minor", self->order.amount);
    }
    write_request_hash(self, json);
    write_close(json, '}');
}

void result_write_answer(const struct payment *self, struct buf *json)
{
    bool unknown = strcmp(self->outcome, "unknown") == 0;
    write_head(self, json);
    write_text(json, "outcome", str_from_c(self->outcome));
    if (unknown) {
        write_text(json, "why", str_from_c(self->code));
        write_text(json, "payment", self->order.payment);
        write_amounts(self, json);
    } else {
        write_text(json, "status", str_from_c(status_text(self->answer.status)));
        write_number(json, "http_status", self->http_status);
        write_text(json, "payment", self->answer.ids[ID_PAYMENT]);
        write_ids(self, json);
        write_amounts(self, json);
        write_decline(self, json);
    }
    write_close(json, '}');
}

/* --- Frozen ------------------------------------------------------------------------------------*/

void result_write_frozen(const struct payment *self, struct buf *json)
{
    write_open(json, NULL, '{');
    write_number(json, "v", FROZEN_V);
    write_text(json, "gateway", str_from_c(self->gateway->name));
    write_text(json, "base_url", buf_view(&self->base_url));
    write_text(json, "merchant", self->account.merchant_account);
    write_text(json, "key", self->order.key);
    write_text(json, "method", self->call.method);
    write_text(json, "path", buf_view(&self->call.path));
    write_text(json, "type", self->call.type);
    write_text(json, "body", buf_view(&self->call.body));
    write_close(json, '}');
}

static struct str text(struct json_object *json, const char *name)
{
    struct str value = {0};
    (void)json_get_str(json, name, &value);
    return value;
}

/* Another gateway or merchant would not know the key, and charge again. Another API key of the same
 * merchant is fine: keys are rotated. */
static bool is_ours(const struct payment *self, struct json_object *json)
{
    int64_t version = 0;
    return json_get_i64(json, "v", &version) && version == FROZEN_V &&
           str_eq(text(json, "gateway"), str_from_c(self->gateway->name)) &&
           str_eq(text(json, "base_url"), buf_view(&self->base_url)) &&
           str_eq(text(json, "merchant"), self->account.merchant_account) &&
           str_eq(text(json, "key"), self->order.key);
}

/* The few methods and types there are, as static text. */
static struct str interned(struct str value)
{
    static const struct str KNOWN[] = {STR_INIT("POST"), STR_INIT("GET"), STR_INIT("DELETE"),
                                       STR_INIT("application/json"),
                                       STR_INIT("application/x-www-form-urlencoded")};
    for (size_t i = 0; i < sizeof KNOWN / sizeof KNOWN[0]; i++) {
        if (str_eq(value, KNOWN[i])) {
            return KNOWN[i];
        }
    }
    return (struct str){0};
}

bool result_read_frozen(struct payment *self, struct str json_text)
{
    struct json_object *json;
    if (json_read(json_text, JSON_DEPTH_MAX, &json, NULL, NULL) < 0) {
        return false;
    }
    bool fine = is_ours(self, json);
    if (fine) {
        call_clear(&self->call);
        buf_append_str(&self->call.path, text(json, "path"));
        buf_append_str(&self->call.body, text(json, "body"));
        self->call.method = interned(text(json, "method"));
        self->call.type = interned(text(json, "type"));
        fine = !buf_failed(&self->call.path) && !buf_failed(&self->call.body) &&
               self->call.method.len > 0;
    }
    json_object_put(json);
    return fine;
}
