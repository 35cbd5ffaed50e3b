/*
 * complete.h — what may stand at the end of a command line, from the command table.
 *
 *     complete_line(&c, STR("hubctl queues pa"));
 *     c.want == COMPLETE_WORDS, c.word "pa": offer the subcommands in c.commands, and so on
 *
 * Pure: what only hubd knows (types, queues, ids) is named by `c.kind`, and asked for by the
 * caller.
 *
 * Thread: [any]. The views point into the line or its copy in the arena.
 */
#ifndef HUB_HUBCTL_COMPLETE_H
#define HUB_HUBCTL_COMPLETE_H

#include "base/arena.h"
#include "hubctl/command.h"

#define COMPLETE_WORDS_MAX 256

struct complete {
    struct str word;               /* in the making: what stands after its last '=' or '@' */
    size_t keep;                   /* bytes of it up to its last ':': bash leaves those alone */
    const struct command *command; /* where the line has got to; NULL: no command yet */
    bool wants_command;            /* a (sub)command may stand here */
    bool wants_option;             /* the word begins with a dash */
    bool wants_kind;               /* a word of the kind below may stand here */
    enum word kind;
};

void complete_line(struct complete *self, struct arena *arena, struct str line);

#endif
