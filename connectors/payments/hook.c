#include "hook.h"

#include "gateway.h"

#include "base/hash.h"

#include "connectors/http/sign.h"

#include <string.h>

#define KEPT_MAX (4u << 10)

void hook_events_init(struct hook_events *self)
{
    memset(self, 0, sizeof *self);
    buf_init(&self->text, KEPT_MAX);
    /* Views into it must not move. */
    (void)buf_reserve(&self->text, KEPT_MAX);
}

void hook_events_release(struct hook_events *self)
{
    json_object_put(self->json);
    buf_release(&self->text);
    self->json = NULL;
    self->count = 0;
}

struct hook_event *hook_events_add(struct hook_events *self)
{
    if (self->count == HOOK_EVENTS_MAX) {
        return NULL;
    }
    struct hook_event *event = &self->items[self->count++];
    *event = (struct hook_event){.amount = AMOUNT_UNKNOWN};
    return event;
}

struct str hook_events_keep(struct hook_events *self, struct str text)
{
    size_t from = self->text.len;
    if (text.len > KEPT_MAX - from) {
        return (struct str){0};
    }
    buf_append_str(&self->text, text);
    return buf_failed(&self->text) ? (struct str){0} : str_of(self->text.ptr + from, text.len);
}

static bool same(struct buf *made, struct str given)
{
    bool equal = !buf_failed(made) && made->len == given.len &&
                 hash_equal_constant_time(made->ptr, given.ptr, given.len);
    buf_release(made);
    return equal;
}

bool hook_mac_is_hex(struct str key, struct str data, struct str given)
{
    unsigned char mac[SIGN_MAC_MAX];
    struct buf made;
    size_t len = sign_mac(STR("sha256"), key, data, mac);
    buf_init(&made, 2 * SIGN_MAC_MAX);
    hex_append(&made, mac, len);
    return len > 0 && same(&made, given);
}

bool hook_mac_is_base64(struct str key, struct str data, struct str given)
{
    unsigned char mac[SIGN_MAC_MAX];
    struct buf made;
    size_t len = sign_mac(STR("sha256"), key, data, mac);
    buf_init(&made, 2 * SIGN_MAC_MAX);
    base64_append(&made, str_of((char *)mac, len));
    return len > 0 && same(&made, given);
}
