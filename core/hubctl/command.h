/*
 * command.h — what a command is: one row of the table from which dispatch, help and completion are
 * made.
 *
 * To add a command: write cmd_NAME.c with one `const struct command cmd_NAME`, declare it in
 * commands.h and name it in the group in commands.c where it belongs. A command may have
 * subcommands ("queues pause"); if it has `run` too, that is what happens without one of them.
 *
 * Thread: [any], the main one.
 */
#ifndef HUB_HUBCTL_COMMAND_H
#define HUB_HUBCTL_COMMAND_H

#include "hubctl/exits.h"
#include "hubctl/options.h"

struct app;

#define COMMAND_WORDS_ANY 1000000

struct command {
    const char *name;
    const char *summary;          /* one line, a sentence without a full stop */
    const char *usage;            /* what follows the name: "TYPE [OPTIONS]" */
    const char *about;            /* paragraphs; a line that begins with a blank is kept as it is */
    const struct option *options; /* may be NULL */
    const char *examples;         /* lines; "# …" explains the next one */
    const struct command *const *subcommands; /* ends with NULL; may be NULL */
    /* Does it and reports what went wrong. One of enum exits. NULL: a subcommand is needed. */
    int (*run)(struct app *app, const struct options *options);
    size_t words_min;
    size_t words_max;
    enum word words; /* what the words are, for completion */
    bool hidden;     /* from help and completion */
};

struct command_group {
    const char *title;
    const struct command *const *commands; /* ends with NULL */
};

/* The subcommand of this name, or NULL. */
const struct command *command_find(const struct command *const *commands, const char *name);

#endif
