/*
 * log.h — one event a line, on stderr.
 *
 *     log_info(log, "supervisor", "runner started", "connector=%s pid=%d", name, pid);
 *     → ts=2026-11-23T12:00:00.000Z level=info mod=supervisor msg="runner started" connector=image
 * pid=42
 *
 * The fields are a format string of `key=value` pairs with one blank between them, or NULL. Text
 * that may hold blanks, quotes or control bytes is made one value by log_quote():
 *
 *     char why[LOG_QUOTE_MAX];
 *     log_warn(log, "store", "retry", "why=%s", log_quote(str_from_c(err.detail), why, sizeof
 * why));
 *
 * In JSON mode the same line becomes an object: a bare decimal integer becomes a number, `true` and
 * `false` stay what they are, every other value becomes a string. Never log a payload, a header's
 * value or a secret.
 *
 * A line is one write of at most LOG_LINE_MAX bytes, so lines from several threads do not mix. A
 * longer line loses its end, in JSON mode whole fields. If the descriptor cannot take a line at
 * once the line is dropped and counted: a log that nobody reads must not stop the loop. The
 * descriptor's flags are left alone, since it is shared with whoever started us. SIGPIPE must be
 * ignored by the process.
 *
 * Thread: [any].
 */
#ifndef HUB_BASE_LOG_H
#define HUB_BASE_LOG_H

#include "base/str.h"

#include <stdatomic.h>

#define LOG_LINE_MAX  2048
#define LOG_QUOTE_MAX 512 /* a good size for log_quote()'s room */

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_KEY_VALUE, LOG_JSON };

struct log {
    int fd;
    bool is_pipe; /* with is_socket: how to write without waiting */
    bool is_socket;
    _Atomic int level; /* may be changed at any time, from any thread */
    enum log_format format;
    _Atomic unsigned long dropped; /* lines that could not be written */
};

void log_init(struct log *self, int fd, enum log_level level, enum log_format format);
bool log_level_parse(struct str name, enum log_level *ret_level); /* debug info warn error */

void log_write(struct log *self, enum log_level level, const char *module, const char *message,
               const char *fields, ...) __attribute__((format(printf, 5, 6)));

#define log_debug(log, ...) log_write((log), LOG_DEBUG, __VA_ARGS__)
#define log_info(log, ...)  log_write((log), LOG_INFO, __VA_ARGS__)
#define log_warn(log, ...)  log_write((log), LOG_WARN, __VA_ARGS__)
#define log_error(log, ...) log_write((log), LOG_ERROR, __VA_ARGS__)

/* `text` as a field's value: as a JSON string when it is empty or more than printable ASCII without
 * blanks, '"', '=' and '\\'; else as it is. Cut to the room in `ret_text` (at least 16 bytes), at
 * the end of a character and with the closing quote. Returns `ret_text`. */
const char *log_quote(struct str text, char *ret_text, size_t room);

#endif
