#include "gateway.h"

#include "connectors/http/sign.h"

#include <string.h>

const struct gateway *gateway_named(struct str name)
{
    static const struct gateway *const ALL[] = {&SIMULATOR, &STRIPE, &PAYPAL, &ADYEN, &MOLLIE};
    for (size_t i = 0; i < sizeof ALL / sizeof ALL[0]; i++) {
        if (str_eq(name, str_from_c(ALL[i]->name))) {
            return ALL[i];
        }
    }
    return NULL;
}

/* What a status means where the gateway's own rules say nothing. What is not known to have been
 * refused may have been carried out. */
static enum verdict usual_verdict(uint32_t status)
{
    if (status >= 200 && status < 300) {
        return VERDICT_TAKEN;
    }
    switch (status) {
    case 401:
    case 403:
        return VERDICT_DENIED;
    case 429:
        return VERDICT_NOT_TAKEN;
    case 408:
    case 409:
    case 425:
        return VERDICT_DOUBT;
    default:
        return status >= 400 && status < 500 ? VERDICT_REFUSED : VERDICT_DOUBT;
    }
}

enum verdict gateway_verdict(const struct gateway *gateway, uint32_t status,
                             struct json_object *json)
{
    for (const struct verdict_rule *rule = gateway->rules; rule && rule->status != 0; rule++) {
        if (rule->status == status &&
            (!rule->code || str_eq(gateway->error_code(json), str_from_c(rule->code)))) {
            return rule->verdict;
        }
    }
    return usual_verdict(status);
}

void call_init(struct call *self)
{
    *self = (struct call){0};
    buf_init(&self->path, PATH_MAX_BYTES);
    buf_init(&self->body, BODY_MAX_BYTES);
}

void call_release(struct call *self)
{
    buf_release(&self->path);
    buf_release(&self->body);
}

void call_clear(struct call *self)
{
    buf_clear(&self->path);
    buf_clear(&self->body);
    self->method = self->type = (struct str){0};
}

void call_path(struct call *self, const char *method, const char *head, struct str id,
               const char *tail)
{
    self->method = str_from_c(method);
    buf_append_c(&self->path, head);
    percent_append(&self->path, id);
    buf_append_c(&self->path, tail);
}

void answer_init(struct answer *self)
{
    *self = (struct answer){.requested = AMOUNT_UNKNOWN,
                            .authorized = AMOUNT_UNKNOWN,
                            .captured = AMOUNT_UNKNOWN,
                            .refunded = AMOUNT_UNKNOWN};
}
