/*
 * buf.h — a byte buffer that grows, up to a limit.
 *
 *     struct buf b;
 *     buf_init(&b, 64 * 1024);
 *     buf_append_str(&b, STR("{\"id\":"));
 *     buf_append_json_string(&b, id);
 *     buf_append_char(&b, '}');
 *     if (buf_failed(&b)) …            // once, at the end
 *     send(buf_view(&b));
 *     buf_release(&b);
 *
 * A buffer that could not grow (no memory, or the limit) stays as it was and remembers it: later
 * appends do nothing, and buf_failed() tells. So a writer checks once. The bytes are always
 * followed by a NUL that does not count.
 *
 * Owner: the caller, for struct and bytes. Thread: [any], one at a time.
 */
#ifndef HUB_BASE_BUF_H
#define HUB_BASE_BUF_H

#include "base/str.h"

#include <stdarg.h>

struct buf {
    char *ptr;
    size_t len;
    size_t cap;
    size_t limit; /* bytes that `len` may reach */
    bool failed;
};

#define BUF_NO_LIMIT (SIZE_MAX / 4)

void buf_init(struct buf *self, size_t limit); /* allocates nothing */
/* A buffer over `room` bytes of the caller's (at least 1), which it never leaves: the limit is
 * room - 1. It must not be released or stolen from. */
void buf_init_fixed(struct buf *self, char *bytes, size_t room);
void buf_release(struct buf *self); /* then as after buf_init(); all-zero is fine too */
void buf_clear(struct buf *self);   /* empties it, keeps the memory, forgets a failure */
bool buf_failed(const struct buf *self);

static inline struct str buf_view(const struct buf *self)
{
    return (struct str){self->ptr, self->len};
}

void buf_append(struct buf *self, const void *bytes, size_t len);
void buf_append_str(struct buf *self, struct str s);
void buf_append_c(struct buf *self, const char *c_string);
void buf_append_char(struct buf *self, char c);
void buf_append_u64(struct buf *self, uint64_t value);
void buf_append_i64(struct buf *self, int64_t value);
void buf_append_format(struct buf *self, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void buf_append_vformat(struct buf *self, const char *format, va_list args);

/* A JSON string with its quotes, escaped after RFC 8259 §7. Bytes that are not UTF-8 become
 * U+FFFD, so the output is always valid JSON. */
void buf_append_json_string(struct buf *self, struct str s);

/* Room for `len` more bytes at the end, to be written by the caller and then counted with
 * buf_commit(); NULL if there is none. */
char *buf_reserve(struct buf *self, size_t len);
void buf_commit(struct buf *self, size_t len);

/* Removes `len` bytes (at most all) from the front. */
void buf_consume(struct buf *self, size_t len);

/* Cuts the end off, down to `len` bytes; a buffer that is shorter stays as it is. */
void buf_truncate(struct buf *self, size_t len);

/* Gives the bytes (malloc'ed, NUL-terminated) to the caller and leaves the buffer empty. NULL if
 * the buffer failed. */
char *buf_steal(struct buf *self, size_t *ret_len);

#endif
