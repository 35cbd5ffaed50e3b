#include "base/log.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static const struct str level_names[] = {
    [LOG_DEBUG] = STR_INIT("debug"),
    [LOG_INFO] = STR_INIT("info"),
    [LOG_WARN] = STR_INIT("warn"),
    [LOG_ERROR] = STR_INIT("error"),
};

#define LEVELS (sizeof level_names / sizeof level_names[0])

/* No longer than what one write(2) puts into a pipe undivided. */
_Static_assert(LOG_LINE_MAX <= 4096, "LOG_LINE_MAX exceeds PIPE_BUF");

void log_init(struct log *self, int fd, enum log_level level, enum log_format format)
{
    struct stat facts;
    bool known = fstat(fd, &facts) == 0;

    self->fd = fd;
    self->is_pipe = known && S_ISFIFO(facts.st_mode);
    self->is_socket = known && S_ISSOCK(facts.st_mode);
    self->format = format;
    atomic_init(&self->level, level);
    atomic_init(&self->dropped, 0);
}

bool log_level_parse(struct str name, enum log_level *ret_level)
{
    for (size_t i = 0; i < LEVELS; i++) {
        if (str_eq(name, level_names[i])) {
            *ret_level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

/* --- quoting ---------------------------------------------------------------------------------- */

static bool is_bare(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c <= ' ' || c >= 0x7f || c == '"' || c == '=' || c == '\\') {
            return false;
        }
    }
    return text.len > 0;
}

const char *log_quote(struct str text, char *ret_text, size_t room)
{
    struct buf out;
    bool bare = is_bare(text);

    for (struct str kept = str_utf8_cut(text, room - 1);;
         kept = str_utf8_cut(kept, kept.len - kept.len / 8 - 1)) {
        buf_init_fixed(&out, ret_text, room);
        if (bare) {
            buf_append_str(&out, kept);
        } else {
            buf_append_json_string(&out, kept);
        }
        /* Escapes make a text longer, at most sixfold: take less of it until it fits. */
        if (!buf_failed(&out) || kept.len == 0) {
            return ret_text;
        }
    }
}

/* --- the two formats -------------------------------------------------------------------------- */

struct event {
    enum log_level level;
    const char *module;
    const char *message;
    char at[CLOCK_RFC3339_LEN + 1];
};

/* What log_write() was given as fields becomes one line whatever is in it. */
static void blank_control_bytes(char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f) {
            text[i] = '?';
        }
    }
}

/* The formatted fields, cut to the room in `ret_text` at the end of a character. */
static struct str format_fields(char *ret_text, size_t room, const char *format, va_list args)
{
    if (!format || vsnprintf(ret_text, room, format, args) < 0) {
        return str_of(ret_text, 0);
    }
    /* A line that was cut has its last byte before the NUL, perhaps inside a character. */
    struct str fields = str_from_c(ret_text);
    if (fields.len == room - 1) {
        fields = str_of(ret_text, str_utf8_valid_prefix(fields));
    }
    blank_control_bytes(ret_text, fields.len);
    return fields;
}

static void append_key_value(struct buf *line, const struct event *event, struct str fields)
{
    buf_append_format(line, "ts=%s level=%.*s mod=%s msg=", event->at,
                      STR_ARG(level_names[event->level]), event->module);
    buf_append_json_string(line, str_from_c(event->message));
    if (fields.len > 0) {
        size_t room = line->limit - line->len;
        buf_append_char(line, ' ');
        buf_append_str(line, str_utf8_cut(fields, room > 1 ? room - 1 : 0));
    }
}

/* Takes one value off `*rest`: up to a blank, or a quoted text with its quotes. */
static struct str take_value(struct str *rest)
{
    struct str all = *rest;
    size_t len = 0;

    if (all.len > 0 && all.ptr[0] == '"') {
        for (len = 1; len < all.len && all.ptr[len] != '"'; len++) {
            len += all.ptr[len] == '\\';
        }
        len++;
    }
    while (len < all.len && all.ptr[len] != ' ') {
        len++;
    }
    struct str value = str_slice(all, 0, len);
    *rest = str_slice(all, len + 1, all.len);
    return value;
}

/* Is this what log_quote() makes, so that it can go into JSON as it is? */
static bool is_json_string(struct str value)
{
    if (value.len < 2 || value.ptr[0] != '"' || value.ptr[value.len - 1] != '"') {
        return false;
    }
    for (size_t i = 1; i < value.len - 1; i++) {
        if (value.ptr[i] == '"') {
            return false;
        }
        if (value.ptr[i] == '\\') {
            char letter = value.ptr[++i];
            if (i == value.len - 1 || !strchr("\"\\/bfnrtu", letter)) {
                return false;
            }
            uint8_t unit[2];
            if (letter == 'u' && !hex_decode(str_slice(value, i + 1, 4), unit, sizeof unit)) {
                return false;
            }
        }
    }
    return str_utf8_valid_prefix(value) == value.len;
}

static void append_json_value(struct buf *line, struct str value)
{
    int64_t number;
    bool leading_zero = str_starts_with(value, STR("0")) && value.len > 1;

    if (is_json_string(value) || str_eq(value, STR("true")) || str_eq(value, STR("false"))) {
        buf_append_str(line, value);
    } else if (!leading_zero && str_to_i64(value, INT64_MIN, INT64_MAX, &number)) {
        buf_append_i64(line, number);
    } else {
        buf_append_json_string(line, value);
    }
}

static void append_json(struct buf *line, const struct event *event, struct str fields)
{
    buf_append_format(line, "{\"ts\":\"%s\",\"level\":\"%.*s\",\"mod\":", event->at,
                      STR_ARG(level_names[event->level]));
    buf_append_json_string(line, str_from_c(event->module));
    buf_append_str(line, STR(",\"msg\":"));
    buf_append_json_string(line, str_from_c(event->message));
    line->limit--; /* the room of the closing brace */
    while (fields.len > 0 && !buf_failed(line)) {
        size_t before = line->len;
        struct str rest = fields;
        struct str key = str_split(&rest, '=');
        buf_append_char(line, ',');
        buf_append_json_string(line, key);
        buf_append_char(line, ':');
        append_json_value(line, take_value(&rest));
        fields = rest;
        if (buf_failed(line)) {
            buf_truncate(line, before);
        }
    }
    line->failed = false;
    line->limit++;
    buf_append_char(line, '}');
}

/* --- writing ---------------------------------------------------------------------------------- */

static bool can_write(int fd)
{
    struct pollfd poller = {.fd = fd, .events = POLLOUT};

    return poll(&poller, 1, 0) > 0 && (poller.revents & POLLOUT);
}

/* Asking before writing is not enough for a pipe or a socket: another thread or process may take
 * the room in between, and the write would wait for a reader. */
static ssize_t write_now(const struct log *self, struct str line)
{
    struct iovec part = {(void *)line.ptr, line.len};

    if (self->is_socket) {
        return send(self->fd, line.ptr, line.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    if (self->is_pipe) {
        ssize_t written = pwritev2(self->fd, &part, 1, -1, RWF_NOWAIT);
        if (written >= 0 || errno != EOPNOTSUPP) {
            return written;
        }
        /* Before Linux 6.4 a pipe cannot; then asking is the best there is. */
    }
    return can_write(self->fd) ? write(self->fd, line.ptr, line.len) : -1;
}

void log_write(struct log *self, enum log_level level, const char *module, const char *message,
               const char *fields, ...)
{
    if ((int)level < atomic_load_explicit(&self->level, memory_order_relaxed)) {
        return;
    }
    char field_text[LOG_LINE_MAX];
    char line_text[LOG_LINE_MAX];
    struct event event = {level, module, message, ""};
    struct buf line;
    va_list args;

    clock_format(clock_wall_ms(), event.at);
    va_start(args, fields);
    struct str formatted = format_fields(field_text, sizeof field_text, fields, args);
    va_end(args);
    /* One byte of the line belongs to the newline: it takes the place of the buffer's NUL. */
    buf_init_fixed(&line, line_text, sizeof line_text);
    if (self->format == LOG_JSON) {
        append_json(&line, &event, formatted);
    } else {
        append_key_value(&line, &event, formatted);
    }
    line_text[line.len] = '\n';
    if (write_now(self, str_of(line_text, line.len + 1)) != (ssize_t)line.len + 1) {
        atomic_fetch_add_explicit(&self->dropped, 1, memory_order_relaxed);
    }
}
