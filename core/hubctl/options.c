#include "hubctl/options.h"

#include "base/str.h"
#include "base/nearest.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

int options_init(struct options *self, int argc, const char *const *argv)
{
    size_t room = (size_t)argc + 1;

    *self = (struct options){.argc = argc, .argv = argv};
    /* A group of flags gives several options in one word, at most one a character. */
    for (int i = 0; i < argc; i++) {
        room += strlen(argv[i]);
    }
    self->given = calloc(room, sizeof *self->given);
    self->words = calloc((size_t)argc + 1, sizeof *self->words);
    if (!self->given || !self->words) {
        options_release(self);
        return HUB_ERR_NOMEM;
    }
    return 0;
}

void options_release(struct options *self)
{
    free(self->given);
    free(self->words);
    *self = (struct options){0};
}

void options_use(struct options *self, const struct option *table)
{
    if (table) {
        assert(self->tables_len < OPTIONS_TABLES_MAX);
        self->tables[self->tables_len++] = table;
    }
}

const struct option *options_find(const struct options *self, const char *name, size_t len)
{
    for (size_t i = 0; i < self->tables_len; i++) {
        for (const struct option *o = self->tables[i]; o->name; o++) {
            if (strlen(o->name) == len && memcmp(o->name, name, len) == 0) {
                return o;
            }
        }
    }
    return NULL;
}

const struct option *options_find_letter(const struct options *self, char letter)
{
    for (size_t i = 0; i < self->tables_len; i++) {
        for (const struct option *o = self->tables[i]; o->name; o++) {
            if (o->letter == letter) {
                return o;
            }
        }
    }
    return NULL;
}

static void give(struct options *self, const struct option *option, const char *value)
{
    self->given[self->given_len++] = (struct option_given){option, value};
}

static const char *take_argument(struct options *self)
{
    if (self->argc == 0) {
        return NULL;
    }
    self->argc--;
    return *self->argv++;
}

static int unknown_option(const struct options *self, const char *name, size_t len,
                          struct hub_error *error)
{
    struct nearest nearest;

    nearest_init(&nearest, str_of(name, len));
    for (size_t i = 0; i < self->tables_len; i++) {
        for (const struct option *o = self->tables[i]; o->name; o++) {
            nearest_offer(&nearest, str_from_c(o->name));
        }
    }
    if (nearest.best.ptr) {
        return hub_fail(error, HUB_ERR_BAD_REQUEST, "there is no option --%.*s; did you mean --%s?",
                        (int)len, name, nearest.best.ptr);
    }
    return hub_fail(error, HUB_ERR_BAD_REQUEST, "there is no option --%.*s", (int)len, name);
}

/* `text` is what follows the two dashes. */
static int parse_long(struct options *self, const char *text, struct hub_error *error)
{
    size_t len = strcspn(text, "=");
    const char *value = text[len] == '=' ? text + len + 1 : NULL;
    const struct option *option = options_find(self, text, len);

    if (!option) {
        return unknown_option(self, text, len, error);
    }
    if (!option->value && value) {
        return hub_fail(error, HUB_ERR_BAD_REQUEST, "--%s takes no value", option->name);
    }
    if (option->value && !value) {
        value = take_argument(self);
        if (!value) {
            return hub_fail(error, HUB_ERR_BAD_REQUEST, "--%s needs a value: %s", option->name,
                            option->value);
        }
    }
    give(self, option, value);
    return 0;
}

/* `text` is what follows the one dash: flags, and perhaps one option with its value at the end. */
static int parse_letters(struct options *self, const char *text, struct hub_error *error)
{
    for (; *text; text++) {
        const struct option *option = options_find_letter(self, *text);

        if (!option) {
            return hub_fail(error, HUB_ERR_BAD_REQUEST, "there is no option -%c", *text);
        }
        if (!option->value) {
            give(self, option, NULL);
            continue;
        }
        const char *value = text[1] ? text + 1 : take_argument(self);
        if (!value) {
            return hub_fail(error, HUB_ERR_BAD_REQUEST, "-%c needs a value: %s", *text,
                            option->value);
        }
        give(self, option, value);
        return 0;
    }
    return 0;
}

int options_parse(struct options *self, enum options_until until, struct hub_error *error)
{
    while (self->argc > 0) {
        const char *text = self->argv[0];
        int err = 0;

        if (until == OPTIONS_TO_WORD && self->words_len > 0) {
            return 0;
        }
        take_argument(self);
        if (strcmp(text, "--") == 0) {
            while (self->argc > 0) {
                self->words[self->words_len++] = take_argument(self);
            }
        } else if (strncmp(text, "--", 2) == 0) {
            err = parse_long(self, text + 2, error);
        } else if (text[0] == '-' && text[1]) {
            err = parse_letters(self, text + 1, error);
        } else {
            self->words[self->words_len++] = text;
        }
        if (err < 0) {
            return err;
        }
    }
    return 0;
}

const char *options_shift(struct options *self)
{
    if (self->words_len == 0) {
        return NULL;
    }
    const char *word = self->words[0];
    self->words_len--;
    memmove(self->words, self->words + 1, self->words_len * sizeof *self->words);
    return word;
}

const char *options_next(const struct options *self, const char *name, size_t *position)
{
    assert(options_find(self, name, strlen(name)));
    while (*position < self->given_len) {
        const struct option_given *given = &self->given[(*position)++];
        if (strcmp(given->option->name, name) == 0) {
            return given->value;
        }
    }
    return NULL;
}

bool options_has(const struct options *self, const char *name)
{
    assert(options_find(self, name, strlen(name)));
    for (size_t i = 0; i < self->given_len; i++) {
        if (strcmp(self->given[i].option->name, name) == 0) {
            return true;
        }
    }
    return false;
}

const char *options_get(const struct options *self, const char *name)
{
    const char *last = NULL;
    const char *value;

    for (size_t i = 0; (value = options_next(self, name, &i));) {
        last = value;
    }
    return last;
}

int options_i64(const struct options *self, const char *name, int64_t min, int64_t max,
                int64_t *ret_value, struct hub_error *error)
{
    const char *text = options_get(self, name);

    if (text && !str_to_i64(str_from_c(text), min, max, ret_value)) {
        return hub_fail(error, HUB_ERR_BAD_REQUEST,
                        "--%s must be a whole number from %" PRId64 " to %" PRId64 ", not '%s'",
                        name, min, max, text);
    }
    return 0;
}
