#include "outcome.h"

#include "keep.h"

#include <stdio.h>
#include <string.h>

#define KEY_OUTCOMES STR("outcomes")
#define KEPT_MAX     (64u << 10)
#define SHORT_TEXT   40 /* characters of a reply, where there are many */

/* --- What is kept between attempts -------------------------------------------------------------*/

static void append_outcomes(struct buf *out, const struct letter *letter)
{
    const char *comma = "";
    buf_append_char(out, '{');
    for (size_t i = 0; i < letter->recipient_count; i++) {
        const struct recipient *one = &letter->recipients[i];
        if (one->outcome != OUTCOME_ACCEPTED && one->outcome != OUTCOME_REJECTED &&
            one->outcome != OUTCOME_SUPPRESSED) {
            continue;
        }
        buf_append_c(out, comma);
        buf_append_json_string(out, one->mailbox->address);
        buf_append_format(out, ":[%d,%d,", (int)one->outcome, one->reply.code);
        buf_append_json_string(out, str_from_c(one->reply.enhanced));
        buf_append_char(out, ',');
        buf_append_json_string(
            out, str_utf8_cut(str_from_c(one->reply.text),
                              letter->recipient_count > MANY_RECIPIENTS ? 0 : SHORT_TEXT * 3));
        buf_append_char(out, ']');
        comma = ",";
    }
    buf_append_char(out, '}');
}

bool outcomes_keep(struct delivery *self)
{
    struct buf text;
    buf_init(&text, KEPT_MAX);
    append_outcomes(&text, &self->letter);
    bool kept = !buf_failed(&text) && keep_put(self->email, self->job, HUB_KEEP_JOB, KEY_OUTCOMES,
                                               buf_view(&text)) == HUB_CALL_OK;
    buf_release(&text);
    return kept;
}

static void recall(struct recipient *one, struct json_object *outcome)
{
    int number = json_object_get_int(json_object_array_get_idx(outcome, 0));
    if (number <= OUTCOME_OPEN || number >= OUTCOME_END) {
        return;
    }
    one->outcome = (enum outcome)number;
    one->earlier = true;
    one->reply.code = json_object_get_int(json_object_array_get_idx(outcome, 1));
    snprintf(one->reply.enhanced, sizeof one->reply.enhanced, "%s",
             json_object_get_string(json_object_array_get_idx(outcome, 2)));
    snprintf(one->reply.text, sizeof one->reply.text, "%s",
             json_object_get_string(json_object_array_get_idx(outcome, 3)));
}

bool outcomes_recall(struct delivery *self)
{
    struct json_object *outcomes = NULL, *one;
    struct buf text;
    if (self->job->attempt <= 1 || !self->email->keep) {
        return true;
    }
    buf_init(&text, KEPT_MAX * 2);
    bool known = keep_get(self->email, self->job, HUB_KEEP_JOB, KEY_OUTCOMES, &text) == HUB_CALL_OK;
    if (known && text.len > 0) {
        known = json_read(buf_view(&text), 8, &outcomes, NULL, NULL) == 0;
    }
    for (size_t i = 0; outcomes && i < self->letter.recipient_count; i++) {
        struct recipient *recipient = &self->letter.recipients[i];
        if (json_object_object_get_ex(outcomes, recipient->mailbox->address.ptr, &one)) {
            recall(recipient, one);
        }
    }
    json_object_put(outcomes);
    buf_release(&text);
    return known;
}

size_t outcomes_count(const struct letter *letter, enum outcome outcome)
{
    size_t count = 0;
    for (size_t i = 0; i < letter->recipient_count; i++) {
        count += letter->recipients[i].outcome == outcome;
    }
    return count;
}

/* --- What servers have said, and what broke ----------------------------------------------------*/

static void set_outcome(struct recipient *one, const struct reply *reply)
{
    if (reply) {
        one->reply = *reply;
    }
    one->outcome = one->reply.code / 100 == 2   ? OUTCOME_ACCEPTED
                   : one->reply.code / 100 == 5 ? OUTCOME_REJECTED
                                                : OUTCOME_DEFERRED;
}

/* Where no server has decided, what broke does. */
static void judge_broken(struct delivery *self, struct recipient *one)
{
    const struct failure_fact *fact = &FAILURE_FACTS[self->failure];
    if (one->reply.code / 100 == 5) {
        one->outcome = OUTCOME_REJECTED;
        return;
    }
    one->outcome = fact->again ? OUTCOME_DEFERRED : OUTCOME_REJECTED;
    bool refused = self->reply.code / 100 >= 4;
    struct str said = str_utf8_cut(str_from_c(refused ? self->reply.text : ""), REPLY_TEXT_MAX / 2);
    one->reply = (struct reply){.code = refused ? self->reply.code : 0};
    snprintf(one->reply.text, sizeof one->reply.text, "%s%s%.*s", fact->text, refused ? " " : "",
             STR_ARG(said));
}

void outcomes_judge(struct delivery *self)
{
    for (size_t i = 0; i < self->letter.recipient_count; i++) {
        struct recipient *one = &self->letter.recipients[i];
        if (one->outcome != OUTCOME_OPEN) {
            continue;
        }
        if (self->failure != FAILURE_NONE) {
            judge_broken(self, one);
        } else {
            /* Taken one by one, or not; then the message for all who were. */
            bool taken = one->reply.code / 100 == 2 || one->reply.code == 0;
            set_outcome(one, taken ? &self->reply : NULL);
        }
        if (self->failure == FAILURE_NONE || one->outcome == OUTCOME_REJECTED) {
            domain_told(self->relay, one->mailbox->domain, one->outcome == OUTCOME_DEFERRED);
        }
        if (self->failure == FAILURE_NONE && one->outcome == OUTCOME_REJECTED) {
            suppressions_learn(self, one);
        }
    }
}

/* --- Telling
 * ------------------------------------------------------------------------------------*/

static void append_recipient(struct buf *out, const struct recipient *one, bool brief)
{
    struct str text = str_from_c(one->reply.text);
    buf_append_c(out, "{\"address\":");
    buf_append_json_string(out, one->mailbox->address);
    buf_append_format(out, ",\"outcome\":\"%s\"", OUTCOME_NAMES[one->outcome]);
    if (one->reply.code > 0) {
        buf_append_format(out, ",\"code\":%d", one->reply.code);
    }
    if (one->reply.enhanced[0]) {
        buf_append_format(out, ",\"enhanced\":\"%s\"", one->reply.enhanced);
    }
    if (text.len > 0) {
        buf_append_c(out, ",\"text\":");
        buf_append_json_string(out, brief ? str_utf8_cut(text, SHORT_TEXT) : text);
    }
    buf_append_char(out, '}');
}

void outcomes_append_result(struct buf *out, const struct delivery *self, size_t most)
{
    const struct letter *letter = &self->letter;
    bool brief = letter->recipient_count > MANY_RECIPIENTS;
    buf_append_c(out, "{\"message_id\":");
    buf_append_json_string(out, letter->message_id);
    if (self->relay) {
        buf_append_c(out, ",\"server\":");
        buf_append_json_string(out, str_from_c(self->relay->account.host));
    }
    buf_append_format(out, ",\"size\":%llu", (unsigned long long)letter->message.size);
    for (int outcome = OUTCOME_ACCEPTED; outcome < OUTCOME_END; outcome++) {
        buf_append_format(out, ",\"%s\":%zu", OUTCOME_NAMES[outcome],
                          outcomes_count(letter, (enum outcome)outcome));
    }
    buf_append_c(out, ",\"recipients\":[");
    for (size_t i = 0; i < letter->recipient_count && i < most; i++) {
        buf_append_c(out, i > 0 ? "," : "");
        append_recipient(out, &letter->recipients[i], brief);
    }
    buf_append_c(out, "]}");
}

void outcomes_describe(const struct delivery *self, enum outcome outcome, char *ret, size_t room)
{
    for (size_t i = 0; i < self->letter.recipient_count; i++) {
        const struct recipient *one = &self->letter.recipients[i];
        if (one->outcome == outcome) {
            snprintf(ret, room, "%.*s: %d %s %s", STR_ARG(str_utf8_cut(one->mailbox->address, 100)),
                     one->reply.code, one->reply.enhanced, one->reply.text);
            return;
        }
    }
    snprintf(ret, room, "%s", FAILURE_FACTS[self->failure].text);
}
