/*
 * relay.h — what a runner writes on its stderr, as lines of hubd's log.
 *
 * Libraries complain there. A connector could also write lines that look like hubd's own, or
 * endless ones: they are quoted, cut, and limited to so many a second.
 *
 * Thread: [loop].
 */
#ifndef HUB_SUPERVISOR_RELAY_H
#define HUB_SUPERVISOR_RELAY_H

#include "base/log.h"

#include <sys/types.h>
#include <uv.h>

#define RELAY_LINE_MAX 512

struct relay {
    uv_poll_t poll;
    struct log *log;
    int fd;
    pid_t pid;
    size_t len;
    char line[RELAY_LINE_MAX];
    int64_t second; /* in which `lines` have been logged */
    unsigned lines;
    unsigned dropped;
};

/* Begins to read `fd`, which becomes the relay's in any case. 0 or a negative uv error. */
int relay_init(struct relay *self, uv_loop_t *loop, struct log *log, int fd, pid_t pid);

/* Reads what is left, and ends. True: `closed` will be called with the poll handle; false: it had
 * none, since relay_init() failed or was never called on this zeroed struct. */
bool relay_close(struct relay *self, uv_close_cb closed);

#endif
