#include "supervisor/relay.h"

#include "base/clock.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define LINES_PER_SECOND 50

static void log_line(struct relay *self, size_t len)
{
    char quoted[RELAY_LINE_MAX + 64];
    int64_t second = clock_mono_ms() / 1000;
    if (second != self->second) {
        self->second = second;
        self->lines = 0;
    }
    if (self->lines++ >= LINES_PER_SECOND) {
        self->dropped++;
        return;
    }
    log_warn(self->log, "runner", "stderr", "pid=%ld dropped=%u text=%s", (long)self->pid,
             self->dropped, log_quote(str_of(self->line, len), quoted, sizeof quoted));
    self->dropped = 0;
}

/* Logs the complete lines, and an incomplete one if there is no room for its end. */
static void log_lines(struct relay *self)
{
    char *start = self->line;
    char *end = self->line + self->len;
    char *newline;
    while ((newline = memchr(start, '\n', (size_t)(end - start))) != NULL) {
        memmove(self->line, start, (size_t)(end - start));
        newline -= start - self->line;
        end -= start - self->line;
        if (newline > self->line) {
            log_line(self, (size_t)(newline - self->line));
        }
        start = newline + 1;
    }
    self->len = (size_t)(end - start);
    memmove(self->line, start, self->len);
    if (self->len == RELAY_LINE_MAX) {
        log_line(self, self->len);
        self->len = 0;
    }
}

/* One read(2). False: there is nothing more. */
static bool relay_read(struct relay *self)
{
    ssize_t got;
    do {
        got = read(self->fd, self->line + self->len, RELAY_LINE_MAX - self->len);
    } while (got < 0 && errno == EINTR);
    if (got > 0) {
        self->len += (size_t)got;
        log_lines(self);
    }
    return got > 0;
}

static void readable(uv_poll_t *handle, int status, int events)
{
    (void)events;
    if (!relay_read(handle->data) || status < 0) {
        uv_poll_stop(handle); /* its end; or an error, which is as good as one */
    }
}

int relay_init(struct relay *self, uv_loop_t *loop, struct log *log, int fd, pid_t pid)
{
    self->log = log;
    self->fd = fd;
    self->pid = pid;
    self->len = 0;
    self->second = 0;
    self->lines = self->dropped = 0;
    int err = uv_poll_init(loop, &self->poll, fd);
    if (err == 0) {
        self->poll.data = self;
        err = uv_poll_start(&self->poll, UV_READABLE, readable);
    }
    return err;
}

bool relay_close(struct relay *self, uv_close_cb closed)
{
    enum { READS_MAX = 128 }; /* a child of the runner may still be writing */
    bool polled = self->poll.type != UV_UNKNOWN_HANDLE;
    for (int i = 0; polled && i < READS_MAX && relay_read(self); i++) {
    }
    if (self->len > 0) {
        log_line(self, self->len);
    }
    if (polled) {
        uv_poll_stop(&self->poll);
        uv_close((uv_handle_t *)&self->poll, closed);
    }
    if (self->fd > 0) {
        close(self->fd);
    }
    self->fd = -1;
    return polled;
}
