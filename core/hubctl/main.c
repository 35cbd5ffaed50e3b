/* From argv to a command: walks down the table, parses, calls. */
#include "hubctl/app.h"
#include "hubctl/commands.h"
#include "hubctl/help.h"
#include "hubctl/must.h"

#include <locale.h>
#include <string.h>

/* What the words on the command line came to. */
struct chosen {
    const struct command *command; /* NULL: none was named */
    struct buf path;               /* "queues pause" */
    struct hub_error error;
};

static int unknown_command(struct chosen *chosen, const struct command *const *among,
                           const char *word)
{
    const char *nearest = commands_nearest(among, word);
    const char *space = chosen->path.len > 0 ? " " : "";
    const char *path = chosen->path.len > 0 ? chosen->path.ptr : "";

    if (nearest) {
        return hub_fail(&chosen->error, HUB_ERR_BAD_REQUEST,
                        "there is no command '%s%s%s'; did you mean `hubctl %s%s%s`?", path, space,
                        word, path, space, nearest);
    }
    return hub_fail(&chosen->error, HUB_ERR_BAD_REQUEST, "there is no command '%s%s%s'", path,
                    space, word);
}

static void enter(struct chosen *chosen, struct options *options, const struct command *command)
{
    chosen->command = command;
    if (chosen->path.len > 0) {
        buf_append_char(&chosen->path, ' ');
    }
    buf_append_c(&chosen->path, command->name);
    must_buf(&chosen->path);
    options_use(options, command->options);
}

/* Follows the first words down the table as far as they name commands. */
static int choose(struct chosen *chosen, struct options *options)
{
    int err = options_parse(options, OPTIONS_TO_WORD, &chosen->error);
    const char *word = err < 0 ? NULL : options_shift(options);

    if (!word) {
        return err;
    }
    const struct command *command = commands_find(word);
    if (!command) {
        return unknown_command(chosen, NULL, word);
    }
    enter(chosen, options, command);
    while (chosen->command->subcommands) {
        if ((err = options_parse(options, OPTIONS_TO_WORD, &chosen->error)) < 0) {
            return err;
        }
        command = options->words_len > 0
                      ? command_find(chosen->command->subcommands, options->words[0])
                      : NULL;
        if (!command && !chosen->command->run && options->words_len > 0) {
            return unknown_command(chosen, chosen->command->subcommands, options->words[0]);
        }
        if (!command) {
            break;
        }
        options_shift(options);
        enter(chosen, options, command);
    }
    return options_parse(options, OPTIONS_TO_END, &chosen->error);
}

static int show_help(const struct app *app, const struct chosen *chosen)
{
    struct buf text;

    buf_init(&text, BUF_NO_LIMIT);
    if (chosen->command) {
        help_append_command(&app->output, &text, chosen->command, chosen->path.ptr);
    } else {
        help_append_program(&app->output, &text);
    }
    output_write(&text);
    buf_release(&text);
    return EXITS_OK;
}

static int check_words(struct app *app, const struct command *command,
                       const struct options *options)
{
    if (options->words_len < command->words_min) {
        return app_usage(app, "something is missing: hubctl %s %s", app->command, command->usage);
    }
    if (options->words_len > command->words_max) {
        return app_usage(app, "'%s' is one word too many: hubctl %s %s",
                         options->words[command->words_max], app->command, command->usage);
    }
    return EXITS_OK;
}

static int dispatch(struct app *app, const struct chosen *chosen, const struct options *options,
                    int err)
{
    int code;

    if (err < 0) {
        return app_usage(app, "%s", chosen->error.detail);
    }
    if (options_has(options, "help")) {
        return show_help(app, chosen);
    }
    if (!chosen->command && options_has(options, "version")) {
        return cmd_version.run(app, options);
    }
    if (!chosen->command || !chosen->command->run) {
        show_help(app, chosen);
        return EXITS_USAGE;
    }
    code = check_words(app, chosen->command, options);
    return code != EXITS_OK ? code : chosen->command->run(app, options);
}

int main(int argc, char **argv)
{
    struct chosen chosen = {0};
    struct options options;
    struct app app;
    int code;

    /* Widths of characters; everything else stays as in the C locale. */
    if (!setlocale(LC_CTYPE, "C.UTF-8")) {
        setlocale(LC_CTYPE, "");
    }
    must_ok(options_init(&options, argc - 1, (const char *const *)argv + 1));
    options_use(&options, command_global_options);
    buf_init(&chosen.path, BUF_NO_LIMIT);
    int err = choose(&chosen, &options);
    code = app_init(&app, &options);
    app.command = chosen.path.len > 0 ? chosen.path.ptr : NULL;
    if (code == EXITS_OK) {
        code = dispatch(&app, &chosen, &options, err);
    }
    if (!output_finish() && code == EXITS_OK) {
        code = app_fail(&app, EXITS_LOCAL, "the output could not be written");
    }
    app_release(&app);
    options_release(&options);
    buf_release(&chosen.path);
    return code;
}
