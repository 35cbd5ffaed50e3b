#include "gateway_parts.h"

#include "write.h"

void authenticate_by_key(const struct account *account, struct str token, struct buf *value)
{
    (void)token;
    buf_append_c(value, "Bearer ");
    buf_append_str(value, account->api_key);
}

/* --- Requests ----------------------------------------------------------------------------------*/

void call_bodyless(struct call *self, const char *method, const char *head, struct str id,
                   const char *tail)
{
    call_path(self, method, head, id, tail);
    self->type = (struct str){0};
}

int write_amount(struct buf *body, const struct amount_style *style, const struct order *order,
                 struct hub_error *error)
{
    char room[32];
    struct buf text;
    int64_t units = 0;
    buf_init_fixed(&text, room, sizeof room);
    int err =
        style->decimal
            ? amount_append_decimal(style->digits, order->currency, order->amount, &text, error)
            : amount_to(style->digits, order->currency, order->amount, &units, error);
    if (err < 0) {
        return err;
    }
    write_open(body, "amount", '{');
    write_text(body, style->currency, order->currency);
    if (style->decimal) {
        write_text(body, "value", buf_view(&text));
    } else {
        write_number(body, "value", units);
    }
    write_close(body, '}');
    return 0;
}

void write_metadata(struct buf *body, const struct order *order, struct str reference)
{
    write_open(body, "metadata", '{');
    write_text(body, "hub_job", order->job);
    write_text(body, "reference", reference);
    if (order->metadata) {
        json_object_object_foreach(order->metadata, name, value) {
            write_value(body, name, value);
        }
    }
    write_close(body, '}');
}

/* --- Answers -----------------------------------------------------------------------------------*/

struct str text_of(struct json_object *json, const char *name)
{
    struct str text = {0};
    (void)json_get_str(json, name, &text);
    return text;
}

enum status status_in(struct json_object *json, const struct status_word *words)
{
    return status_of(words, text_of(json, "status"));
}

bool read_amount(struct json_object *json, const char *name, const struct amount_style *style,
                 struct answer *answer, int64_t *ret_amount)
{
    struct json_object *amount;
    struct str currency, text;
    int64_t units;
    if (!json_get_object(json, name, &amount) ||
        !json_get_str(amount, style->currency, &currency)) {
        return false;
    }
    bool exact = style->decimal ? json_get_str(amount, "value", &text) &&
                                      amount_from_decimal(currency, text, ret_amount)
                                : json_get_i64(amount, "value", &units) &&
                                      amount_from(style->digits, currency, units, ret_amount);
    answer->currency = exact ? currency : answer->currency;
    return exact;
}

void read_success(const struct order *order, struct answer *answer)
{
    answer->ids[ID_PAYMENT_METHOD] = order->payment_method;
    answer->status = STATUS_SUCCEEDED;
}

struct json_object *find_of_job(struct json_object *list, struct str job)
{
    struct json_object *metadata;
    struct str named;
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *one = json_object_array_get_idx(list, i);
        if (json_get_object(one, "metadata", &metadata) &&
            json_get_str(metadata, "hub_job", &named) && str_eq(named, job)) {
            return one;
        }
    }
    return NULL;
}
