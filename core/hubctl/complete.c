#include "hubctl/complete.h"

#include "hubctl/commands.h"
#include "hubctl/must.h"

#include <string.h>

/* Splits as a shell does, roughly: blanks, quotes, backslashes. The last word may be empty. */
static size_t split(struct arena *arena, struct str line, const char **words)
{
    char *copy = must(arena_alloc(arena, 2 * line.len + 2));
    char *out = copy;
    char quote = '\0';
    size_t len = 0;

    words[len++] = out;
    for (size_t i = 0; i < line.len; i++) {
        char c = line.ptr[i];

        if (c == '\\' && quote != '\'' && i + 1 < line.len) {
            *out++ = line.ptr[++i];
        } else if (quote ? c == quote : c == '"' || c == '\'') {
            quote = quote ? '\0' : c;
        } else if (!quote && (c == ' ' || c == '\t')) {
            if (words[len - 1] != out && len < COMPLETE_WORDS_MAX) { /* the end of a word */
                *out++ = '\0';
                words[len++] = out;
            }
        } else {
            *out++ = c;
        }
    }
    *out = '\0';
    return len;
}

/* bash breaks words at '=', '@' and ':' too, and replaces only the last piece. */
static void set_word(struct complete *self, const char *word)
{
    const char *from = word;
    const char *colon;

    for (const char *c = word; *c; c++) {
        from = *c == '=' || *c == '@' ? c + 1 : from;
    }
    colon = strrchr(from, ':');
    self->word = str_from_c(from);
    self->keep = colon ? (size_t)(colon - from) + 1 : 0;
}

/* The option that takes the next word as its value, if `word` is one. */
static const struct option *awaits_value(const struct options *options, const char *word)
{
    const struct option *option = NULL;

    if (word[0] != '-' || strchr(word, '=')) {
        return NULL;
    }
    if (word[1] == '-') {
        option = options_find(options, word + 2, strlen(word + 2));
    } else if (word[1] && !word[2]) {
        option = options_find_letter(options, word[1]);
    }
    return option && option->value ? option : NULL;
}

static const struct command *find(const struct command *at, const char *word)
{
    return at ? command_find(at->subcommands, word) : commands_find(word);
}

/* "--name=": the value of that option is in the making. */
static const struct option *value_in_word(const struct options *options, const char *word)
{
    const char *equals = strchr(word, '=');

    if (strncmp(word, "--", 2) != 0 || !equals) {
        return NULL;
    }
    return options_find(options, word + 2, (size_t)(equals - word - 2));
}

void complete_line(struct complete *self, struct arena *arena, struct str line)
{
    const char *words[COMPLETE_WORDS_MAX];
    size_t len = split(arena, line, words);
    const char *last = words[len - 1];
    struct options options = {0};
    const struct option *option = NULL;
    bool has_word = false; /* one that is no subcommand: those are over */

    *self = (struct complete){0};
    set_word(self, last);
    options_use(&options, command_global_options);
    for (size_t i = 1; i + 1 < len; i++) {
        const struct command *next = has_word ? NULL : find(self->command, words[i]);

        if (option) {
            option = NULL; /* this word was its value */
        } else if (words[i][0] == '-') {
            option = awaits_value(&options, words[i]);
        } else if (next && options.tables_len < OPTIONS_TABLES_MAX) {
            self->command = next;
            options_use(&options, next->options);
        } else {
            has_word = true;
        }
    }
    option = option ? option : value_in_word(&options, last);
    if (option) {
        self->wants_kind = true;
        self->kind = option->word;
    } else if (last[0] == '-') {
        self->wants_option = true;
    } else {
        self->wants_command =
            len > 1 && !has_word && (!self->command || self->command->subcommands);
        self->wants_kind = self->command && self->command->words_max > 0;
        self->kind = self->wants_kind ? self->command->words : WORD_ANY;
    }
}
