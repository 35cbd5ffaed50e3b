/*
 * help.h — help made from the command table. Thread: [any].
 */
#ifndef HUB_HUBCTL_HELP_H
#define HUB_HUBCTL_HELP_H

#include "hubctl/command.h"
#include "hubctl/output.h"

/* The whole program: groups, options, environment, exit codes. */
void help_append_program(const struct output *output, struct buf *buf);

/* One command; `path` is its full name ("queues pause"). */
void help_append_command(const struct output *output, struct buf *buf,
                         const struct command *command, const char *path);

#endif
