/*
 * list.c — payments.list: what the gateway has of a range of time, page by page.
 *
 * Gateways list by their own clock and some of them in whole seconds, or not by time at all but
 * newest first: what is outside the range is left out here, and so are pages that lie before it.
 */
#include "payments.h"

#include "write.h"

#include "base/clock.h"

#define RESULT_MAX (256u << 10) /* of a job */

static int read_range(const struct payment *self, struct list_range *ret_range,
                      struct hub_error *error)
{
    struct str from = {0}, to = {0};
    *ret_range = (struct list_range){0};
    (void)json_get_str(self->input, "from", &from);
    (void)json_get_str(self->input, "to", &to);
    (void)json_get_str(self->input, "cursor", &ret_range->cursor);
    if (!clock_parse(from, &ret_range->from) || !clock_parse(to, &ret_range->to) ||
        ret_range->from >= ret_range->to) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT, "from and to are times, the earlier first");
    }
    return 0;
}

void list_start(struct payment *self)
{
    struct hub_error error = {0};
    struct list_range range;
    int err = read_range(self, &range, &error);
    if (err == 0 && !self->gateway->list) {
        err = hub_fail(&error, HUB_ERR_NOT_IMPLEMENTED, "%s has no list of its payments",
                       self->gateway->name);
    }
    if (err == 0) {
        err = self->gateway->list(&range, &self->call, &error);
    }
    if (err < 0) {
        payment_fail_early(self, err, &error);
        return;
    }
    self->step = STEP_READ;
    transmit(self);
}

static void write_given(struct buf *json, const char *name, int64_t amount)
{
    if (amount != AMOUNT_UNKNOWN) {
        write_number(json, name, amount);
    }
}

static void write_entry(struct buf *json, const struct list_entry *entry)
{
    const struct answer *answer = &entry->answer;
    char created[CLOCK_RFC3339_LEN + 1];
    clock_format(entry->created_at, created);
    write_open(json, NULL, '{');
    write_text(json, "payment", answer->ids[ID_PAYMENT]);
    write_text(json, "job", entry->job);
    write_text(json, "status", str_from_c(status_text(answer->status)));
    write_currency(json, answer->currency);
    write_given(json, "amount_minor", answer->requested);
    write_given(json, "captured_minor", answer->captured);
    write_given(json, "refunded_minor", answer->refunded);
    write_text(json, "created_at", str_from_c(created));
    write_close(json, '}');
}

/* The entries of the page that are in the range; true if there may be more on the next. */
static bool write_entries(const struct payment *self, const struct list_range *range,
                          struct json_object *array, struct buf *json)
{
    bool more = true;
    for (size_t i = 0; i < json_object_array_length(array); i++) {
        struct list_entry entry = {0};
        answer_init(&entry.answer);
        bool counts = self->gateway->entry(json_object_array_get_idx(array, i), &entry);
        if (counts && entry.created_at >= range->from && entry.created_at < range->to) {
            write_entry(json, &entry);
        }
        more &= !self->gateway->newest_first || entry.created_at >= range->from;
    }
    return more;
}

void list_answered(struct payment *self, enum verdict verdict)
{
    struct hub_error error = {0};
    struct list_range range;
    struct list_page page = {0};
    struct buf json;
    if (!payment_read_went_well(self, verdict)) {
        return;
    }
    if (read_range(self, &range, &error) < 0 || !self->gateway->listed(self->json, &range, &page)) {
        payment_retry(self, "bad_answer", STR("The gateway's answer is not a list of payments."));
        return;
    }
    buf_init(&json, RESULT_MAX);
    write_open(&json, NULL, '{');
    write_text(&json, "gateway", str_from_c(self->gateway->name));
    write_bool(&json, "test", self->account.test);
    write_open(&json, "payments", '[');
    bool more = write_entries(self, &range, page.array, &json);
    write_close(&json, ']');
    write_text(&json, "next_cursor", more ? page.next : (struct str){0});
    write_close(&json, '}');
    payment_succeed(self, &json);
    buf_release(&json);
}
