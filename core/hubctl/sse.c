#include "hubctl/sse.h"

#include <string.h>

#define RETRY_MAX_MS 60000

void sse_init(struct sse *self, sse_event_fn *on_event, void *context)
{
    *self = (struct sse){.on_event = on_event, .context = context, .retry_ms = -1};
    buf_init(&self->line, SSE_EVENT_MAX);
    buf_init(&self->data, SSE_EVENT_MAX);
    buf_init(&self->name, SSE_EVENT_MAX);
    buf_init(&self->id, SSE_EVENT_MAX);
}

void sse_release(struct sse *self)
{
    buf_release(&self->line);
    buf_release(&self->data);
    buf_release(&self->name);
    buf_release(&self->id);
}

static void dispatch(struct sse *self)
{
    if (self->has_data) {
        struct sse_event event = {
            .name = self->name.len > 0 ? buf_view(&self->name) : STR("message"),
            .id = buf_view(&self->id),
            .data = buf_view(&self->data),
        };
        self->on_event(self->context, &event);
    }
    buf_clear(&self->data);
    buf_clear(&self->name);
    self->has_data = false;
}

static void set(struct buf *field, struct str value)
{
    buf_clear(field);
    buf_append_str(field, value);
}

static void take_field(struct sse *self, struct str name, struct str value)
{
    uint64_t ms;

    if (str_eq(name, STR("data"))) {
        if (self->has_data) {
            buf_append_char(&self->data, '\n');
        }
        buf_append_str(&self->data, value);
        self->has_data = true;
    } else if (str_eq(name, STR("event"))) {
        set(&self->name, value);
    } else if (str_eq(name, STR("id"))) {
        if (value.len == 0 || !memchr(value.ptr, '\0', value.len)) {
            set(&self->id, value);
        }
    } else if (str_eq(name, STR("retry")) && str_to_u64(value, RETRY_MAX_MS, &ms)) {
        self->retry_ms = (int64_t)ms;
    }
}

static void end_line(struct sse *self)
{
    struct str value = buf_view(&self->line);

    if (value.len == 0) {
        dispatch(self);
    } else if (value.ptr[0] != ':') {
        struct str name = str_split(&value, ':');
        if (value.len > 0 && value.ptr[0] == ' ') {
            value = str_slice(value, 1, value.len);
        }
        take_field(self, name, value);
    }
    buf_clear(&self->line);
}

/* The byte order mark comes whole in the first line, before its colon. */
static void skip_bom(struct sse *self)
{
    if (!self->started && str_starts_with(buf_view(&self->line), STR("\xef\xbb\xbf"))) {
        buf_consume(&self->line, 3);
    }
    self->started = true;
}

static bool any_failed(const struct sse *self)
{
    return buf_failed(&self->line) || buf_failed(&self->data) || buf_failed(&self->name) ||
           buf_failed(&self->id);
}

int sse_feed(struct sse *self, struct str bytes)
{
    while (bytes.len > 0) {
        char first = bytes.ptr[0];

        if (first == '\n' && self->after_cr) {
            self->after_cr = false;
            bytes = str_slice(bytes, 1, bytes.len);
            continue;
        }
        self->after_cr = false;
        size_t len = 0;
        while (len < bytes.len && bytes.ptr[len] != '\n' && bytes.ptr[len] != '\r') {
            len++;
        }
        buf_append(&self->line, bytes.ptr, len);
        if (len < bytes.len) {
            self->after_cr = bytes.ptr[len] == '\r';
            skip_bom(self);
            end_line(self);
            len++;
        }
        if (any_failed(self)) {
            return HUB_ERR_TOO_LARGE;
        }
        bytes = str_slice(bytes, len, bytes.len);
    }
    return 0;
}
