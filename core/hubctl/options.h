/*
 * options.h — the command line, parsed by tables.
 *
 * An option is one row of a table that ends with a row without a name; the same rows make the help
 * text and the completion. The caller walks down from the program to a subcommand and adds a table
 * at each step:
 *
 *     struct options o;
 *     options_init(&o, argc - 1, argv + 1);
 *     options_use(&o, global_options);
 *     if (options_parse(&o, OPTIONS_TO_WORD, &err) < 0) …      // options in front of the command
 *     const char *command = options_shift(&o);                 // NULL: there was none
 *     options_use(&o, run_options);
 *     if (options_parse(&o, OPTIONS_TO_END, &err) < 0) …
 *     options_get(&o, "queue");                                // the last one wins; NULL if absent
 *     for (size_t i = 0; (value = options_next(&o, "label", &i));) …
 *     options_release(&o);
 *
 * Understood: --name VALUE, --name=VALUE, -n VALUE, -nVALUE, flags in a group (-qv), `--` before
 * words that begin with '-'. A lone `-` is a word. Names are never abbreviated, so that a script
 * keeps its meaning when an option is added; a misspelt one is answered with the nearest name.
 *
 * Owner: the caller; argv and the tables must live as long. Thread: [any], one at a time.
 */
#ifndef HUB_HUBCTL_OPTIONS_H
#define HUB_HUBCTL_OPTIONS_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

/* What a word on the command line is, for completion. */
enum word {
    WORD_ANY,
    WORD_FILE,
    WORD_DIR,
    WORD_COMMAND,
    WORD_JOB_TYPE,
    WORD_JOB_STATE,
    WORD_JOB,
    WORD_QUEUE,
    WORD_ACCOUNT,
    WORD_CONNECTOR,
    WORD_SCHEDULE,
    WORD_SCOPE,
    WORD_COLOUR,
    WORD_SHELL,
};

struct option {
    const char *name;  /* without the dashes; NULL ends a table */
    char letter;       /* 0: no short form */
    const char *value; /* what the value is called in help; NULL: a flag */
    const char *help;
    enum word word; /* of the value */
};

struct option_given {
    const struct option *option;
    const char *value; /* NULL for a flag */
};

#define OPTIONS_TABLES_MAX 4

struct options {
    const struct option *tables[OPTIONS_TABLES_MAX];
    size_t tables_len;
    struct option_given *given; /* in order */
    size_t given_len;
    const char **words; /* what is no option, in order */
    size_t words_len;
    int argc; /* what is still to be parsed */
    const char *const *argv;
};

enum options_until {
    OPTIONS_TO_WORD, /* stop before the second word: the first one is a command */
    OPTIONS_TO_END,
};

/* 0 or HUB_ERR_NOMEM. */
HUB_MUST_CHECK int options_init(struct options *self, int argc, const char *const *argv);
void options_release(struct options *self);

/* Adds a table (NULL is fine); at most OPTIONS_TABLES_MAX. */
void options_use(struct options *self, const struct option *table);

/* HUB_ERR_BAD_REQUEST with a sentence for the user. With OPTIONS_TO_WORD nothing happens if there
 * is a word already. */
HUB_MUST_CHECK int options_parse(struct options *self, enum options_until until,
                                 struct hub_error *error);

/* Takes the first word away; NULL if there is none. */
const char *options_shift(struct options *self);

/* `name` must be a row of a table in use: a debug build asserts it. */
bool options_has(const struct options *self, const char *name);
const char *options_get(const struct options *self, const char *name); /* NULL if absent */

/* The values of an option that may be repeated: `*position` starts at 0; NULL at the end. */
const char *options_next(const struct options *self, const char *name, size_t *position);

/* A decimal integer in min…max: `*ret_value` stays as it is when the option is absent.
 * HUB_ERR_BAD_REQUEST. */
HUB_MUST_CHECK int options_i64(const struct options *self, const char *name, int64_t min,
                               int64_t max, int64_t *ret_value, struct hub_error *error);

/* The row with this long name (without dashes) in any table in use, or NULL. */
const struct option *options_find(const struct options *self, const char *name, size_t len);
const struct option *options_find_letter(const struct options *self, char letter);

#endif
