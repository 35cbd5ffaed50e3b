#include "kit/keeper.h"

#include "base/clock.h"
#include "wire/names.h"

#include <stdlib.h>
#include <string.h>

#define JOB_ITEMS_MAX 16
#define JOB_BYTES_MAX (256u << 10)
#define BYTES_MAX     (64u << 20) /* of all that the child keeps */

struct kept {
    struct list link; /* in keeper.values, by key */
    uint64_t token;   /* of the job; 0: the account's */
    int64_t kept_at;
    int64_t expires_at; /* 0: never */
    struct str key;     /* behind the struct */
    struct str value;
    char bytes[];
};

void keeper_init(struct keeper *self)
{
    *self = (struct keeper){0};
    list_init(&self->values);
}

static void drop(struct keeper *self, struct kept *kept)
{
    self->bytes -= kept->key.len + kept->value.len;
    list_remove(&kept->link);
    free(kept);
}

void keeper_release(struct keeper *self)
{
    if (!self->values.next) {
        return;
    }
    LIST_FOR_EACH(link, &self->values) {
        drop(self, CONTAINER_OF(link, struct kept, link));
    }
}

void keeper_forget(struct keeper *self, uint64_t token)
{
    LIST_FOR_EACH(link, &self->values) {
        struct kept *kept = CONTAINER_OF(link, struct kept, link);
        if (kept->token == token) {
            drop(self, kept);
        }
    }
}

/* --- Values ------------------------------------------------------------------------------------*/

static uint64_t owner_of(uint32_t scope, uint64_t token)
{
    return scope == WIRE_SCOPE_JOB ? token : 0;
}

static struct kept *find(const struct keeper *self, uint64_t owner, struct str key)
{
    LIST_FOR_EACH(link, &self->values) {
        struct kept *kept = CONTAINER_OF(link, struct kept, link);
        if (kept->token == owner && str_eq(kept->key, key)) {
            return kept;
        }
    }
    return NULL;
}

static bool has_room(const struct keeper *self, uint64_t owner, size_t bytes)
{
    unsigned items = 0;
    size_t sum = bytes;
    LIST_FOR_EACH(link, &self->values) {
        const struct kept *kept = CONTAINER_OF(link, struct kept, link);
        if (kept->token == owner) {
            items++;
            sum += kept->key.len + kept->value.len;
        }
    }
    return self->bytes + bytes <= BYTES_MAX &&
           (owner == 0 || (items < JOB_ITEMS_MAX && sum <= JOB_BYTES_MAX));
}

static struct kept *kept_new(uint64_t owner, const struct wire_keep_put *put)
{
    struct kept *made = malloc(sizeof *made + put->key.len + put->value.len);
    if (made) {
        *made = (struct kept){.token = owner, .kept_at = clock_wall_ms()};
        made->key = str_of(made->bytes, put->key.len);
        made->value = str_of(made->bytes + put->key.len, put->value.len);
        memcpy(made->bytes, put->key.ptr, put->key.len);
        if (put->value.len > 0) {
            memcpy(made->bytes + put->key.len, put->value.ptr, put->value.len);
        }
        if (owner == 0 && put->expires_ms > 0 && put->expires_ms < INT64_MAX / 2) {
            made->expires_at = made->kept_at + (int64_t)put->expires_ms;
        }
    }
    return made;
}

static void insert(struct keeper *self, struct kept *made)
{
    struct list *before = &self->values;
    LIST_FOR_EACH(link, &self->values) {
        if (str_cmp(CONTAINER_OF(link, struct kept, link)->key, made->key) > 0) {
            before = link;
            break;
        }
    }
    list_append(before, &made->link); /* in front of the first larger one */
    self->bytes += made->key.len + made->value.len;
}

static void drop_expired(struct keeper *self)
{
    int64_t now = clock_wall_ms();
    LIST_FOR_EACH(link, &self->values) {
        struct kept *kept = CONTAINER_OF(link, struct kept, link);
        if (kept->expires_at != 0 && kept->expires_at <= now) {
            drop(self, kept);
        }
    }
}

/* --- Calls: each gives its number and its answer -----------------------------------------------*/

typedef int take_fn(struct keeper *self, const struct wire_frame *frame,
                    struct wire_answer *ret_answer, struct buf *records);

static int take_put(struct keeper *self, const struct wire_frame *frame,
                    struct wire_answer *ret_answer, struct buf *records)
{
    struct wire_keep_put put;
    (void)records;
    if (wire_decode_keep_put(frame->body, &put) < 0 || !name_is_key(put.key)) {
        return HUB_ERR_PROTOCOL;
    }
    uint64_t owner = owner_of(put.scope, frame->token);
    struct kept *old = find(self, owner, put.key);
    ret_answer->call = put.call;
    if (put.only_new && old) {
        ret_answer->status = WIRE_STATUS_EXISTS;
        return 0;
    }
    struct kept *made = put.removes ? NULL : kept_new(owner, &put);
    if (!put.removes && !made) {
        return HUB_ERR_NOMEM;
    }
    if (old) {
        list_remove(&old->link); /* what it takes is free again */
        self->bytes -= old->key.len + old->value.len;
    }
    if (made && !has_room(self, owner, put.key.len + put.value.len)) {
        free(made);
        made = old;
        old = NULL;
        ret_answer->status = WIRE_STATUS_LIMIT;
    }
    if (made) {
        insert(self, made);
    }
    free(old);
    return 0;
}

static int append_value(struct buf *records, const struct kept *kept)
{
    return wire_value_append(records,
                             &(struct wire_value){(uint64_t)kept->kept_at, kept->key, kept->value});
}

static int take_get(struct keeper *self, const struct wire_frame *frame,
                    struct wire_answer *ret_answer, struct buf *records)
{
    struct wire_keep_get get;
    if (wire_decode_keep_get(frame->body, &get) < 0 || !name_is_key(get.key)) {
        return HUB_ERR_PROTOCOL;
    }
    const struct kept *kept = find(self, owner_of(get.scope, frame->token), get.key);
    ret_answer->call = get.call;
    ret_answer->count = kept != NULL;
    return kept ? append_value(records, kept) : 0;
}

static int take_list(struct keeper *self, const struct wire_frame *frame,
                     struct wire_answer *ret_answer, struct buf *records)
{
    struct wire_keep_list list;
    size_t bytes = 0;
    int err = 0;
    if (wire_decode_keep_list(frame->body, &list) < 0 || list.limit == 0) {
        return HUB_ERR_PROTOCOL;
    }
    uint64_t owner = owner_of(list.scope, frame->token);
    ret_answer->call = list.call;
    LIST_FOR_EACH(link, &self->values) {
        const struct kept *kept = CONTAINER_OF(link, struct kept, link);
        if (kept->token != owner || !str_starts_with(kept->key, list.prefix) ||
            (list.after.len > 0 && str_cmp(kept->key, list.after) <= 0)) {
            continue;
        }
        bytes += kept->value.len;
        if (err < 0 || ret_answer->count == list.limit ||
            (ret_answer->count > 0 && bytes > WIRE_VALUE_MAX)) {
            break;
        }
        err = append_value(records, kept);
        ret_answer->count++;
    }
    return err;
}

static int take_append(struct keeper *self, const struct wire_frame *frame,
                       struct wire_answer *ret_answer, struct buf *records)
{
    struct wire_ledger_append append;
    (void)self;
    (void)records;
    if (wire_decode_ledger_append(frame->body, &append) < 0 || !name_is_code(append.kind) ||
        !name_is_entry(append.body)) {
        return HUB_ERR_PROTOCOL;
    }
    ret_answer->call = append.call;
    return 0;
}

int keeper_take(struct keeper *self, struct wire_channel *channel, const struct wire_frame *frame)
{
    static take_fn *const TAKE[WIRE_TYPE_END] = {
        [WIRE_KEEP_PUT] = take_put,
        [WIRE_KEEP_GET] = take_get,
        [WIRE_KEEP_LIST] = take_list,
        [WIRE_LEDGER_APPEND] = take_append,
    };
    struct wire_answer answer = {.status = WIRE_STATUS_OK};
    struct buf records;
    buf_init(&records, BUF_NO_LIMIT);
    drop_expired(self);
    int err = TAKE[frame->type](self, frame, &answer, &records);
    if (err == 0) {
        answer.values = buf_view(&records);
        err = wire_send_answer(channel, frame->token, &answer, NULL, 0);
    }
    buf_release(&records);
    return err;
}
