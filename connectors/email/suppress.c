/*
 * suppress.c — the list of those who get nothing, kept with the account (HUB_KEEP_ACCOUNT): a value
 * for each address. A send asks for its recipients one by one, but if there are many of them and
 * few are listed it reads the list, which takes a question or two instead of a thousand.
 */
#include "keep.h"

#include "base/clock.h"
#include "base/map.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX       STR("suppressed/")
#define KEY_MAX      (ADDRESS_MAX + 16)
#define RESULT_BYTES (200u << 10)
#define LISTED_MAX   (4u << 20) /* bytes of keys in memory */
#define PAGE         256        /* of the list, in one answer */
/* For so many recipients a page of the list is read rather than asking for each. */
#define RECIPIENTS_PER_PAGE 16

/* --- Sending -----------------------------------------------------------------------------------*/

static struct str full_key(struct str key, char room[KEY_MAX])
{
    int len = snprintf(room, KEY_MAX, "%.*s%.*s", STR_ARG(PREFIX), STR_ARG(key));
    return str_of(room, len < KEY_MAX ? (size_t)len : KEY_MAX - 1);
}

/* 1 listed, 0 not, negative: the store does not say. */
static int is_listed(struct delivery *delivery, struct str key)
{
    char room[KEY_MAX];
    struct buf value;
    buf_init(&value, 64u << 10);
    int32_t status =
        keep_get(delivery->email, delivery->job, HUB_KEEP_ACCOUNT, full_key(key, room), &value);
    bool listed = value.len > 0;
    buf_release(&value);
    return status == HUB_CALL_OK ? listed : -1;
}

/* The account's list, as far as it was read: a set of keys. */
struct listed {
    struct arena arena;
    struct map keys;
    struct str last;
    bool ok;
};

static void note_listed(void *context, const hub_kept *kept)
{
    struct listed *self = context;
    self->last = arena_str(&self->arena, str_of_hub(kept->key));
    self->ok = self->ok && self->last.ptr && map_put(&self->keys, self->last, self) == 0;
}

/* 1: all of the list was read; 0: it is too long for that; negative: the store does not say. */
static int read_listed(struct delivery *delivery, size_t pages, struct listed *self)
{
    while (pages-- > 0) {
        uint32_t count = 0;
        int32_t status = keep_list(delivery->email, delivery->job, HUB_KEEP_ACCOUNT, PREFIX,
                                   self->last, PAGE, note_listed, self, &count);
        if (status != HUB_CALL_OK) {
            return -1;
        }
        if (count == 0 || !self->ok) {
            return self->ok;
        }
    }
    return 0;
}

/* Each recipient that may still be sent to, and is on the list. 1: done, 0: one by one. */
static int apply_whole(struct delivery *delivery, size_t pages)
{
    struct letter *letter = &delivery->letter;
    struct listed listed = {.ok = true};
    char room[KEY_MAX];
    arena_init(&listed.arena, LISTED_MAX);
    map_init(&listed.keys);
    int result = read_listed(delivery, pages, &listed);
    for (size_t i = 0; i < letter->recipient_count && result > 0; i++) {
        struct recipient *one = &letter->recipients[i];
        struct str key = address_key(one->mailbox->address, &letter->arena);
        if (one->outcome == OUTCOME_OPEN && key.ptr && map_get(&listed.keys, full_key(key, room))) {
            one->outcome = OUTCOME_SUPPRESSED;
        }
    }
    map_release(&listed.keys);
    arena_release(&listed.arena);
    return result;
}

static bool apply_each(struct delivery *delivery)
{
    struct letter *letter = &delivery->letter;
    for (size_t i = 0; i < letter->recipient_count; i++) {
        struct recipient *one = &letter->recipients[i];
        struct str key = address_key(one->mailbox->address, &letter->arena);
        int listed = one->outcome == OUTCOME_OPEN && key.ptr ? is_listed(delivery, key) : 0;
        if (listed < 0) {
            return false;
        }
        if (listed) {
            one->outcome = OUTCOME_SUPPRESSED;
        }
    }
    return true;
}

bool suppressions_apply(struct delivery *delivery)
{
    if (!delivery->email->keep || !delivery->relay->account.suppress) {
        return true;
    }
    /* Whatever the list's length, this asks little more often than there are recipients. */
    size_t pages = delivery->letter.recipient_count / RECIPIENTS_PER_PAGE;
    int whole = pages > 0 ? apply_whole(delivery, pages) : 0;
    return whole > 0 || (whole == 0 && apply_each(delivery));
}

/* RFC 3463: nobody of that name, no such domain, moved away, cannot be reached under it for good.
 */
static bool is_hard(const struct reply *reply)
{
    static const char *const CODES[] = {"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10"};
    static const char *const WORDS[] = {"user unknown",   "unknown user",      "no such user",
                                        "does not exist", "unknown recipient", "no mailbox"};
    for (size_t i = 0; i < sizeof CODES / sizeof CODES[0]; i++) {
        if (strcmp(reply->enhanced, CODES[i]) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0] && !reply->enhanced[0]; i++) {
        if ((reply->code == 550 || reply->code == 551) && strcasestr(reply->text, WORDS[i])) {
            return true;
        }
    }
    return false;
}

static int32_t put(const struct email *email, hub_job *job, struct str key, const char *reason,
                   struct str note)
{
    char room[KEY_MAX];
    struct buf value;
    buf_init(&value, 4096);
    buf_append_format(&value, "{\"reason\":\"%s\",\"note\":", reason);
    buf_append_json_string(&value, str_utf8_cut(note, 256));
    buf_append_char(&value, '}');
    int32_t status = keep_put(email, job, HUB_KEEP_ACCOUNT, full_key(key, room), buf_view(&value));
    buf_release(&value);
    return status;
}

void suppressions_learn(struct delivery *delivery, const struct recipient *recipient)
{
    char text[REPLY_TEXT_MAX + 32];
    struct str key = address_key(recipient->mailbox->address, &delivery->letter.arena);
    if (!delivery->relay->account.suppress || !key.ptr || !is_hard(&recipient->reply)) {
        return;
    }
    snprintf(text, sizeof text, "%d %s %s", recipient->reply.code, recipient->reply.enhanced,
             recipient->reply.text);
    (void)put(delivery->email, delivery->job, key, "hard_bounce", str_from_c(text));
}

int suppressions_add(const struct email *email, hub_job *job, struct str address, struct str note)
{
    struct arena arena;
    struct mailbox mailbox;
    arena_init(&arena, 16384);
    int result = 0;
    if (email->keep && address_parse(address, &arena, &mailbox, NULL) == 0) {
        struct str key = address_key(mailbox.address, &arena);
        result = key.ptr && put(email, job, key, "hard_bounce", note) == HUB_CALL_OK ? 1 : -1;
    }
    arena_release(&arena);
    return result;
}

/* --- The operations ----------------------------------------------------------------------------*/

struct change {
    struct email *email;
    hub_job *job;
    void (*act)(struct change *self, struct json_object *input);
};

static void change_run(void *context)
{
    struct change *self = context;
    struct json_object *input = NULL;
    if (json_read(str_of_hub(self->job->input), JSON_DEPTH_MAX, &input, NULL, NULL) < 0) {
        job_retry(self->email, self->job, "out_of_memory", "There was not enough memory.", 0);
    } else {
        self->act(self, input);
    }
    json_object_put(input);
    free(self);
}

static void change_start(struct email *email, hub_job *job,
                         void (*act)(struct change *self, struct json_object *input))
{
    if (!email->keep || job->account.len == 0) {
        job_fail(email, job, email->keep ? "no_account" : "unsupported",
                 email->keep ? "The list belongs to an account: name it."
                             : "This host keeps nothing.");
        return;
    }
    struct change *self = calloc(1, sizeof *self);
    if (self) {
        *self = (struct change){.email = email, .job = job, .act = act};
    }
    if (!self || email->pool->run(change_run, NULL, self) != HUB_CALL_OK) {
        free(self);
        job_retry(email, job, "out_of_memory", "There was not enough memory.", 0);
    }
}

/* Each address of the input, as it is listed. */
static int each_key(struct json_object *input, struct arena *arena, size_t i, struct str *ret_key,
                    struct hub_error *error)
{
    struct json_object *addresses;
    struct mailbox mailbox;
    if (!json_get_array(input, "addresses", &addresses) ||
        i >= json_object_array_length(addresses)) {
        return 0;
    }
    int err =
        address_parse(json_str(json_object_array_get_idx(addresses, i)), arena, &mailbox, error);
    if (err < 0) {
        return err;
    }
    *ret_key = address_key(mailbox.address, arena);
    return ret_key->ptr ? 1 : HUB_ERR_NOMEM;
}

static void change_all(struct change *self, struct json_object *input, bool listed)
{
    struct arena arena;
    struct hub_error error = {0};
    struct str key = {0}, note = {0};
    char result[64], room[KEY_MAX];
    size_t done = 0;
    int found;
    int32_t status = HUB_CALL_OK;
    (void)json_get_str(input, "note", &note);
    arena_init(&arena, LETTER_ARENA_MAX);
    while (status == HUB_CALL_OK && (found = each_key(input, &arena, done, &key, &error)) > 0) {
        if (listed) {
            status = put(self->email, self->job, key, "manual", note);
        } else {
            status = keep_put(self->email, self->job, HUB_KEEP_ACCOUNT, full_key(key, room),
                              (struct str){0});
        }
        done += status == HUB_CALL_OK;
    }
    arena_release(&arena);
    if (status == HUB_CALL_LIMIT) {
        job_fail(self->email, self->job, "limit", "The account keeps no more.");
    } else if (status != HUB_CALL_OK) {
        job_retry(self->email, self->job, "storage_failed", "It could not be stored.", 1000);
    } else if (found < 0) {
        job_fail(self->email, self->job, "invalid_input", error.detail);
    } else {
        snprintf(result, sizeof result, "{\"changed\":%zu}", done);
        self->email->host->succeed(self->job, hub_of_str(str_from_c(result)));
    }
}

static void suppress(struct change *self, struct json_object *input)
{
    change_all(self, input, true);
}

static void unsuppress(struct change *self, struct json_object *input)
{
    change_all(self, input, false);
}

struct listing {
    struct buf out;
    struct buf last;
    uint32_t count;
};

static void take_listed(void *context, const hub_kept *kept)
{
    struct listing *self = context;
    struct str key = str_of_hub(kept->key), value = str_of_hub(kept->value);
    buf_append_c(&self->out, self->count++ > 0 ? "," : "");
    buf_append_c(&self->out, "{\"address\":");
    buf_append_json_string(&self->out, str_slice(key, PREFIX.len, key.len));
    if (value.len > 2) { /* the rest of an object of our own */
        buf_append_char(&self->out, ',');
        buf_append_str(&self->out, str_slice(value, 1, value.len - 2));
    }
    buf_append_c(&self->out, ",\"at\":");
    clock_append_json(&self->out, kept->kept_at);
    buf_append_char(&self->out, '}');
    buf_clear(&self->last);
    buf_append_str(&self->last, str_slice(key, PREFIX.len, key.len));
}

static void suppressed(struct change *self, struct json_object *input)
{
    struct listing listing = {0};
    struct str after = {0};
    int64_t limit = 100;
    char room[KEY_MAX];
    uint32_t count = 0;
    (void)json_get_str(input, "after", &after);
    (void)json_get_i64(input, "limit", &limit);
    buf_init(&listing.out, RESULT_BYTES);
    buf_init(&listing.last, KEY_MAX);
    buf_append_c(&listing.out, "{\"suppressed\":[");
    struct str from =
        after.len > 0 && after.len <= ADDRESS_MAX ? full_key(after, room) : (struct str){0};
    int32_t status = keep_list(self->email, self->job, HUB_KEEP_ACCOUNT, PREFIX, from,
                               (uint32_t)limit, take_listed, &listing, &count);
    buf_append_char(&listing.out, ']');
    if (count > 0) {
        buf_append_c(&listing.out, ",\"next\":");
        buf_append_json_string(&listing.out, buf_view(&listing.last));
    }
    buf_append_char(&listing.out, '}');
    if (status != HUB_CALL_OK || buf_failed(&listing.out)) {
        job_retry(self->email, self->job, "storage_failed", "The list could not be read.", 1000);
    } else {
        self->email->host->succeed(self->job, hub_of_str(buf_view(&listing.out)));
    }
    buf_release(&listing.out);
    buf_release(&listing.last);
}

void suppress_start(struct email *email, hub_job *job)
{
    change_start(email, job, suppress);
}

void unsuppress_start(struct email *email, hub_job *job)
{
    change_start(email, job, unsuppress);
}

void suppressed_start(struct email *email, hub_job *job)
{
    change_start(email, job, suppressed);
}
