/*
 * log.h — one event a line, on stderr.
 *
 *     log_info(log, "supervisor", "runner started", "connector=%s pid=%d", name, pid);
 *     → ts=2026-11-23T12:00:00.000Z level=info mod=supervisor msg="runner started" connector=image pid=42
 *
 * The fields are a format string of `key=value` pairs; in JSON mode the same line becomes an object.
 * A value with blanks, quotes or control bytes must be given as `key=%Q`-free text: format it with
 * log_quote() first. Never log a payload, a header's value or a secret.
 *
 * A line is one write(2) of at most LOG_LINE_MAX bytes, longer ones are cut; so lines from several
 * threads do not mix. If stderr cannot take a line at once it is dropped and counted: a log that
 * nobody reads must not stop the loop.
 *
 * Thread: [any].
 */
#ifndef HUB_BASE_LOG_H
#define HUB_BASE_LOG_H

#include "base/str.h"

#include <stdatomic.h>

#define LOG_LINE_MAX 2048

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_KEY_VALUE, LOG_JSON };

struct log {
    int fd;
    _Atomic int level; /* may be changed at any time, from any thread */
    enum log_format format;
    _Atomic unsigned long dropped;
};

void log_init(struct log *self, int fd, enum log_level level, enum log_format format);
bool log_level_parse(struct str name, enum log_level *ret_level); /* debug info warn error */

void log_write(struct log *self, enum log_level level, const char *module, const char *message,
               const char *fields, ...) __attribute__((format(printf, 5, 6)));

#define log_debug(log, ...) log_write((log), LOG_DEBUG, __VA_ARGS__)
#define log_info(log, ...)  log_write((log), LOG_INFO, __VA_ARGS__)
#define log_warn(log, ...)  log_write((log), LOG_WARN, __VA_ARGS__)
#define log_error(log, ...) log_write((log), LOG_ERROR, __VA_ARGS__)

/* `text` as a field's value: quoted and escaped when it needs to be, cut to the room in `ret_text`
 * (at least 8 bytes). Returns `ret_text`. */
const char *log_quote(struct str text, char *ret_text, size_t room);

#endif
