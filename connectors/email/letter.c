#include "letter.h"

#include "base/map.h"

#include <stdio.h>
#include <string.h>

const char *const OUTCOME_NAMES[OUTCOME_END] = {"open", "accepted", "rejected", "deferred",
                                                "suppressed"};

#define LOCAL_ID_MAX    200
#define ENVELOPE_ID_MAX 100

void letter_init(struct letter *self, const hub_host *host, hub_job *job)
{
    *self = (struct letter){.host = host, .job = job};
    arena_init(&self->arena, LETTER_ARENA_MAX);
    message_init(&self->message);
}

void letter_release(struct letter *self)
{
    message_release(&self->message);
    arena_release(&self->arena);
}

static int no_memory(struct hub_error *error)
{
    return hub_fail(error, HUB_ERR_NOMEM, "out of memory");
}

/* --- Addresses ---------------------------------------------------------------------------------*/

static int read_mailbox(struct letter *self, struct json_object *value, const char *pointer,
                        struct mailbox *ret, struct hub_error *error)
{
    struct hub_error why = {0};
    int err = mailbox_parse(value, &self->arena, ret, &why);
    return err < 0 ? hub_fail(error, err, "%s: %s", pointer, why.detail) : 0;
}

static int read_one(struct letter *self, const char *name, struct mailbox *ret,
                    struct hub_error *error)
{
    struct json_object *value = NULL;
    char pointer[64];
    if (!json_object_object_get_ex(self->input, name, &value) || !value) {
        return 0;
    }
    snprintf(pointer, sizeof pointer, "/%s", name);
    return read_mailbox(self, value, pointer, ret, error);
}

/* A list, or one that stands for a list of one. */
static int read_list(struct letter *self, const char *name, struct mailboxes *ret,
                     struct hub_error *error)
{
    struct json_object *value = NULL;
    char pointer[64];
    if (!json_object_object_get_ex(self->input, name, &value) || !value) {
        return 0;
    }
    bool many = json_object_is_type(value, json_type_array);
    size_t count = many ? json_object_array_length(value) : 1;
    if (count > RECIPIENTS_MAX) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT, "/%s: more than %d addresses", name,
                        RECIPIENTS_MAX);
    }
    struct mailbox *items = arena_zalloc(&self->arena, (count + 1) * sizeof *items);
    if (!items) {
        return no_memory(error);
    }
    for (size_t i = 0; i < count; i++) {
        snprintf(pointer, sizeof pointer, many ? "/%s/%zu" : "/%s", name, i);
        int err = read_mailbox(self, many ? json_object_array_get_idx(value, i) : value, pointer,
                               &items[i], error);
        if (err < 0) {
            return err;
        }
    }
    *ret = (struct mailboxes){items, count};
    return 0;
}

static int read_headers(struct letter *self, struct hub_error *error)
{
    const struct {
        const char *name;
        struct mailboxes *into;
    } LISTS[] = {
        {"reply_to", &self->reply_to}, {"to", &self->to}, {"cc", &self->cc}, {"bcc", &self->bcc}};
    int err = read_one(self, "from", &self->from, error);
    if (err == 0 && self->from.address.len == 0) {
        err = hub_fail(error, HUB_ERR_INVALID_INPUT, "/from: it is missing");
    }
    if (err == 0) {
        err = read_one(self, "sender", &self->sender, error);
    }
    for (size_t i = 0; i < sizeof LISTS / sizeof LISTS[0] && err == 0; i++) {
        err = read_list(self, LISTS[i].name, LISTS[i].into, error);
    }
    return err;
}

/* --- Envelope ----------------------------------------------------------------------------------*/

/* Who is named twice gets one. */
static int add_recipients(struct letter *self, struct map *seen, const struct mailboxes *boxes,
                          struct hub_error *error)
{
    for (size_t i = 0; i < boxes->count; i++) {
        struct str key = address_key(boxes->items[i].address, &self->arena);
        if (!key.ptr) {
            return no_memory(error);
        }
        if (map_get(seen, key)) {
            continue;
        }
        if (self->recipient_count == RECIPIENTS_MAX) {
            return hub_fail(error, HUB_ERR_INVALID_INPUT, "/to: more than %d recipients in all",
                            RECIPIENTS_MAX);
        }
        if (map_put(seen, key, &boxes->items[i]) < 0) {
            return no_memory(error);
        }
        self->recipients[self->recipient_count++] = (struct recipient){.mailbox = &boxes->items[i]};
        self->utf8 = self->utf8 || boxes->items[i].utf8;
    }
    return 0;
}

static int collect_recipients(struct letter *self, const struct mailboxes *only,
                              struct hub_error *error)
{
    const struct mailboxes *all[] = {&self->to, &self->cc, &self->bcc};
    size_t most = only ? only->count : self->to.count + self->cc.count + self->bcc.count;
    struct map seen;
    int err = 0;
    most = most < RECIPIENTS_MAX ? most : RECIPIENTS_MAX;
    self->recipients = arena_zalloc(&self->arena, (most + 1) * sizeof *self->recipients);
    if (!self->recipients) {
        return no_memory(error);
    }
    map_init(&seen);
    for (size_t i = 0; i < 3 && err == 0; i++) {
        const struct mailboxes *boxes = only ? only : all[i];
        err = i > 0 && only ? 0 : add_recipients(self, &seen, boxes, error);
    }
    map_release(&seen);
    if (err == 0 && self->recipient_count == 0) {
        err = hub_fail(error, HUB_ERR_INVALID_INPUT, "/to: nobody would get it");
    }
    return err;
}

static int read_envelope(struct letter *self, struct hub_error *error)
{
    struct json_object *envelope = NULL, *whole = self->input, *from = NULL;
    struct mailboxes to = {0};
    struct mailbox sender = self->sender.address.len ? self->sender : self->from;
    int err = 0;
    if (json_get_object(whole, "envelope", &envelope)) {
        struct mailbox bounce = {0};
        bool null_path = json_object_object_get_ex(envelope, "from", &from) &&
                         json_object_is_type(from, json_type_string) &&
                         json_object_get_string_len(from) == 0;
        self->input = envelope;
        err = null_path ? 0 : read_one(self, "from", &bounce, error);
        if (err == 0) {
            err = read_list(self, "to", &to, error);
        }
        self->input = whole;
        if (err == 0 && (null_path || bounce.address.len > 0)) {
            sender = bounce;
        }
    }
    self->reverse_path = sender.address;
    self->utf8 = self->utf8 || sender.utf8 || self->from.utf8;
    return err < 0 ? err : collect_recipients(self, to.count > 0 ? &to : NULL, error);
}

/* RFC 3461 §4.4: at most 100 characters of xtext, in which '+' and '=' take three. */
static int read_envelope_id(struct letter *self, struct str text, struct hub_error *error)
{
    size_t encoded = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] <= 0x20 || text.ptr[i] >= 0x7f) {
            return hub_fail(error, HUB_ERR_INVALID_INPUT,
                            "/dsn/envelope_id: printable ASCII without blanks");
        }
        encoded += text.ptr[i] == '+' || text.ptr[i] == '=' ? 3 : 1;
    }
    if (encoded > ENVELOPE_ID_MAX) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT,
                        "/dsn/envelope_id: more than %d characters, '+' and '=' counted thrice",
                        ENVELOPE_ID_MAX);
    }
    const char *copy = arena_strdup(&self->arena, text);
    if (!copy) {
        return no_memory(error);
    }
    self->dsn_envelope_id = str_of(copy, text.len);
    return 0;
}

static int read_dsn(struct letter *self, struct hub_error *error)
{
    static const char *const NAMES[] = {"success", "failure", "delay", "never"};
    struct json_object *dsn = NULL, *notify = NULL;
    struct str text = {0};
    if (!json_get_object(self->input, "dsn", &dsn)) {
        return 0;
    }
    if (json_get_array(dsn, "notify", &notify)) {
        for (size_t i = 0; i < json_object_array_length(notify); i++) {
            struct str name = json_str(json_object_array_get_idx(notify, i));
            for (unsigned bit = 0; bit < 4; bit++) {
                self->dsn_notify |= str_eq(name, str_from_c(NAMES[bit])) ? 1u << bit : 0;
            }
        }
    }
    if (self->dsn_notify & DSN_NEVER && self->dsn_notify != DSN_NEVER) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT, "/dsn/notify: never stands alone");
    }
    if (json_get_str(dsn, "return", &text)) {
        self->dsn_return = str_eq(text, STR("full")) ? 'F' : 'H';
    }
    return json_get_str(dsn, "envelope_id", &text) ? read_envelope_id(self, text, error) : 0;
}

bool letter_wants_dsn(const struct letter *self)
{
    return self->dsn_notify != 0 || self->dsn_return != 0 || self->dsn_envelope_id.len > 0;
}

/* --- Message-ID --------------------------------------------------------------------------------*/

static bool is_id_text(struct str text)
{
    size_t ats = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        ats += c == '@';
        if (c <= 0x20 || c >= 0x7f || c == '<' || c == '>' || c == '"' || c == '\\') {
            return false;
        }
    }
    return ats == 1 && text.len >= 3 && text.len <= LOCAL_ID_MAX && text.ptr[0] != '@' &&
           text.ptr[text.len - 1] != '@';
}

/* The job's id does not change between attempts, so neither does the message's. */
static int read_message_id(struct letter *self, struct hub_error *error)
{
    struct str given = {0};
    struct buf text;
    if (json_get_str(self->input, "message_id", &given)) {
        if (given.len > 2 && given.ptr[0] == '<' && given.ptr[given.len - 1] == '>') {
            given = str_slice(given, 1, given.len - 2);
        }
        if (!is_id_text(given)) {
            return hub_fail(error, HUB_ERR_INVALID_INPUT,
                            "/message_id: LEFT@RIGHT of printable ASCII");
        }
    }
    buf_init(&text, 1024);
    if (given.len > 0) {
        buf_append_format(&text, "<%.*s>", STR_ARG(given));
    } else {
        buf_append_format(&text, "<%.*s@%.*s>", STR_ARG(str_of_hub(self->job->id)),
                          STR_ARG(self->from.domain));
    }
    self->message_id = arena_str(&self->arena, buf_view(&text));
    buf_release(&text);
    return self->message_id.ptr ? 0 : no_memory(error);
}

/* --- All of it ---------------------------------------------------------------------------------*/

int letter_read(struct letter *self, struct json_object *input, struct hub_error *error)
{
    self->input = input;
    int err = read_headers(self, error);
    if (err == 0) {
        err = read_envelope(self, error);
    }
    if (err == 0) {
        err = read_dsn(self, error);
    }
    if (err == 0) {
        err = read_message_id(self, error);
    }
    if (err < 0) {
        return err;
    }
    (void)json_get_str(input, "subject", &self->subject);
    (void)json_get_str(input, "text", &self->text);
    (void)json_get_str(input, "html", &self->html);
    if (!text_is_plain(self->subject)) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT,
                        "/subject: it holds control characters, or is not UTF-8");
    }
    return 0;
}
