#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUF_FIRST_CAP 64

void buf_init(struct buf *self, size_t limit)
{
    *self = (struct buf){.limit = limit < BUF_NO_LIMIT ? limit : BUF_NO_LIMIT};
}

void buf_init_fixed(struct buf *self, char *bytes, size_t room)
{
    /* With room for the limit from the start there is never a reason to grow. */
    *self = (struct buf){.ptr = bytes, .cap = room, .limit = room - 1};
    bytes[0] = '\0';
}

void buf_release(struct buf *self)
{
    free(self->ptr);
    buf_init(self, self->limit);
}

void buf_clear(struct buf *self)
{
    self->failed = false;
    buf_truncate(self, 0);
}

bool buf_failed(const struct buf *self)
{
    return self->failed;
}

/* Room for `len` bytes more and the NUL. */
static bool grow(struct buf *self, size_t len)
{
    size_t needed = self->len + len + 1;
    size_t cap = self->cap < BUF_FIRST_CAP / 2 ? BUF_FIRST_CAP : self->cap * 2;

    if (cap > self->limit + 1) {
        cap = self->limit + 1;
    }
    if (cap < needed) {
        cap = needed;
    }
    char *ptr = realloc(self->ptr, cap);
    if (!ptr) {
        return false;
    }
    self->ptr = ptr;
    self->cap = cap;
    return true;
}

char *buf_reserve(struct buf *self, size_t len)
{
    if (self->failed) {
        return NULL;
    }
    if (len > self->limit - self->len || (self->cap - self->len <= len && !grow(self, len))) {
        self->failed = true;
        return NULL;
    }
    return self->ptr + self->len;
}

void buf_commit(struct buf *self, size_t len)
{
    self->len += len;
    self->ptr[self->len] = '\0';
}

void buf_append(struct buf *self, const void *bytes, size_t len)
{
    char *room = buf_reserve(self, len);

    if (room) {
        if (len > 0) {
            memcpy(room, bytes, len);
        }
        buf_commit(self, len);
    }
}

void buf_append_str(struct buf *self, struct str s)
{
    buf_append(self, s.ptr, s.len);
}

void buf_append_c(struct buf *self, const char *c_string)
{
    buf_append(self, c_string, strlen(c_string));
}

void buf_append_char(struct buf *self, char c)
{
    buf_append(self, &c, 1);
}

void buf_append_u64(struct buf *self, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    buf_append(self, digits + at, sizeof digits - at);
}

void buf_append_i64(struct buf *self, int64_t value)
{
    if (value < 0) {
        buf_append_char(self, '-');
    }
    /* Negated as an unsigned number, since INT64_MIN has no positive counterpart. */
    buf_append_u64(self, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void buf_append_format(struct buf *self, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    buf_append_vformat(self, format, args);
    va_end(args);
}

void buf_append_vformat(struct buf *self, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);

    /* The first try writes into the room that is there already, so most calls format once. */
    size_t room = self->failed ? 0 : self->cap - self->len;
    int len = vsnprintf(room ? self->ptr + self->len : NULL, room, format, args);
    if (len < 0) {
        self->failed = true;
    } else if ((size_t)len < room && (size_t)len <= self->limit - self->len) {
        self->len += (size_t)len;
    } else {
        if (room) {
            self->ptr[self->len] = '\0';
        }
        char *ptr = buf_reserve(self, (size_t)len);
        if (ptr) {
            vsnprintf(ptr, (size_t)len + 1, format, again);
            self->len += (size_t)len;
        }
    }
    va_end(again);
}

static void append_escape(struct buf *self, unsigned char c)
{
    static const char short_form[0x20] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r',
    };
    char escape[6] = {'\\', 'u', '0', '0', (char)('0' + (c >> 4)), "0123456789abcdef"[c & 15]};

    if (c >= 0x20) {
        escape[1] = (char)c;
        buf_append(self, escape, 2);
    } else if (short_form[c]) {
        escape[1] = short_form[c];
        buf_append(self, escape, 2);
    } else {
        buf_append(self, escape, sizeof escape);
    }
}

void buf_append_json_string(struct buf *self, struct str s)
{
    size_t done = 0; /* everything before is in the buffer */

    buf_append_char(self, '"');
    for (size_t at = 0; at < s.len;) {
        unsigned char c = (unsigned char)s.ptr[at];
        if (c >= 0x20 && c < 0x80 && c != '"' && c != '\\') {
            at++;
            continue;
        }
        size_t valid = c < 0x80 ? 0 : str_utf8_char_len(str_of(s.ptr + at, s.len - at));
        if (valid > 0) {
            at += valid;
            continue;
        }
        buf_append(self, s.ptr + done, at - done);
        if (c < 0x80) {
            append_escape(self, c);
        } else {
            buf_append_str(self, STR("\xef\xbf\xbd"));
        }
        done = ++at;
    }
    if (s.len > done) {
        buf_append(self, s.ptr + done, s.len - done);
    }
    buf_append_char(self, '"');
}

void buf_consume(struct buf *self, size_t len)
{
    if (len >= self->len) {
        buf_truncate(self, 0);
    } else if (len > 0) {
        memmove(self->ptr, self->ptr + len, self->len - len + 1);
        self->len -= len;
    }
}

void buf_truncate(struct buf *self, size_t len)
{
    if (len <= self->len && self->ptr) {
        self->len = len;
        self->ptr[len] = '\0';
    }
}

char *buf_steal(struct buf *self, size_t *ret_len)
{
    if (!buf_reserve(self, 0)) {
        return NULL;
    }
    char *bytes = self->ptr;
    bytes[self->len] = '\0';
    *ret_len = self->len;
    buf_init(self, self->limit);
    return bytes;
}
