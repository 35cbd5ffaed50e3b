/*
 * spawn.h — a process that has a channel, and nothing else of hubd's.
 *
 * Thread: [loop]. posix_spawn() shares the address space until exec, so neither hubd's threads nor
 * its size matter; it blocks for as long as an exec takes.
 */
#ifndef HUB_SUPERVISOR_SPAWN_H
#define HUB_SUPERVISOR_SPAWN_H

#include "base/error.h"

#include <stdbool.h>

#include <sys/types.h>

struct spawned {
    pid_t pid;
    int pidfd;     /* readable once the process has ended */
    int channel;   /* our end of the socket on its descriptor 3 */
    int stderr_fd; /* what it writes on descriptor 2, non-blocking */
};

/* Runs `path` in a session of its own, with an empty environment, descriptors 0 and 1 on /dev/null.
 * All descriptors in `ret_spawned` are the caller's. */
HUB_MUST_CHECK int spawn_runner(const char *path, struct spawned *ret_spawned,
                                struct hub_error *error);

/* The same with arguments, for programs that are more than a runner. `argv` ends with NULL. */
HUB_MUST_CHECK int spawn_program(const char *path, char *const *argv, struct spawned *ret_spawned,
                                 struct hub_error *error);

/* SIGKILL for the process and all that it may have started. Only before spawned_reap(). */
void spawned_kill(const struct spawned *self);

/* Once `pidfd` is readable: takes the exit status. True if a signal ended it; `ret_number` is the
 * signal or the exit code. */
bool spawned_reap(const struct spawned *self, int *ret_number);

#endif
