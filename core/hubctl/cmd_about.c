/* hubctl help, version, openapi, completion: about the program and the API. */
#include "base/json.h"
#include "hub_version.h"
#include "hubctl/app.h"
#include "hubctl/commands.h"
#include "hubctl/help.h"
#include "hubctl/must.h"
#include "hubctl/text.h"

#include <string.h>

#define ASK_MS 1000

extern const char hubctl_bash[];
extern const size_t hubctl_bash_len;

/* --- help ------------------------------------------------------------------------------------- */

static int unknown(struct app *app, const struct command *const *among, const char *name)
{
    const char *nearest = commands_nearest(among, name);

    if (nearest) {
        return app_usage(app, "there is no command '%s'; did you mean %s?", name, nearest);
    }
    return app_usage(app, "there is no command '%s'", name);
}

static int run_help(struct app *app, const struct options *options)
{
    const struct command *command = NULL;
    struct buf path;
    struct buf text;

    buf_init(&path, BUF_NO_LIMIT);
    buf_init(&text, BUF_NO_LIMIT);
    for (size_t i = 0; i < options->words_len; i++) {
        const char *word = options->words[i];
        const struct command *const *among = command ? command->subcommands : NULL;
        const struct command *next = command ? command_find(among, word) : commands_find(word);

        if (!next) {
            buf_release(&path);
            static const struct command *const none[] = {NULL};
            return unknown(app, command && !among ? none : among, word);
        }
        command = next;
        buf_append_format(&path, "%s%s", i > 0 ? " " : "", word);
    }
    must_buf(&path);
    if (command) {
        help_append_command(&app->output, &text, command, path.ptr);
    } else {
        help_append_program(&app->output, &text);
    }
    output_write(&text);
    buf_release(&path);
    buf_release(&text);
    return EXITS_OK;
}

const struct command cmd_help = {
    .name = "help",
    .summary = "explain a command",
    .usage = "[COMMAND [SUBCOMMAND]]",
    .examples = "hubctl help run\n"
                "hubctl help queues set",
    .run = run_help,
    .words_max = 2,
    .words = WORD_COMMAND,
};

/* --- version ---------------------------------------------------------------------------------- */

static int run_version(struct app *app, const struct options *options)
{
    struct json_object *health = NULL;
    struct json_object *object = must(json_object_new_object());
    struct str version = STR("");
    struct buf text;

    (void)options;
    must_ok(json_object_object_add(object, "hubctl", must(json_object_new_string(HUB_VERSION))));
    if (app_connect(app) == EXITS_OK && app_try_get(app, "/healthz", ASK_MS, &health)) {
        json_get_str(health, "version", &version);
    }
    must_ok(json_object_object_add(
        object, "hubd",
        version.len > 0 ? must(json_object_new_string_len(version.ptr, (int)version.len)) : NULL));
    if (app->output.json) {
        output_json(object);
    } else {
        buf_init(&text, BUF_NO_LIMIT);
        buf_append_str(&text, STR("hubctl " HUB_VERSION "\nhubd   "));
        text_append_safe(&text, version.len > 0 ? version : STR("(does not answer)"));
        buf_append_char(&text, '\n');
        output_write(&text);
        buf_release(&text);
    }
    json_object_put(health);
    json_object_put(object);
    return EXITS_OK;
}

const struct command cmd_version = {
    .name = "version",
    .summary = "show the versions of hubctl and of the hubd it finds",
    .usage = "",
    .run = run_version,
};

/* --- openapi ---------------------------------------------------------------------------------- */

static int run_openapi(struct app *app, const struct options *options)
{
    struct json_object *document;
    struct buf text;
    int code = app_get(app, "/openapi.json", &document);

    (void)options;
    if (code != EXITS_OK) {
        return code;
    }
    if (app->output.json) {
        output_json(document);
    } else {
        buf_init(&text, BUF_NO_LIMIT);
        output_append_json(&text, app->output.out_colour, document, 0);
        buf_append_char(&text, '\n');
        output_write(&text);
        buf_release(&text);
    }
    json_object_put(document);
    return EXITS_OK;
}

const struct command cmd_openapi = {
    .name = "openapi",
    .summary = "print hubd's OpenAPI 3.1 document",
    .usage = "",
    .about = "Indented; with --json on one line.",
    .examples = "hubctl openapi > hubd.openapi.json",
    .run = run_openapi,
};

/* --- completion ------------------------------------------------------------------------------- */

static int run_completion(struct app *app, const struct options *options)
{
    struct buf text;

    if (strcmp(options->words[0], "bash") != 0) {
        return app_usage(app, "there is completion for bash only, not for '%s'", options->words[0]);
    }
    buf_init(&text, BUF_NO_LIMIT);
    buf_append(&text, hubctl_bash, hubctl_bash_len);
    output_write(&text);
    buf_release(&text);
    return EXITS_OK;
}

const struct command cmd_completion = {
    .name = "completion",
    .summary = "print the script that completes hubctl in a shell",
    .usage = "bash",
    .about = "An installed hubctl needs nothing more where the package bash-completion is. It "
             "completes commands and options, and asks hubd for job types, queues and ids.",
    .examples = "# In this shell, and in each new one\n"
                "source <(hubctl completion bash)\n"
                "echo 'source <(hubctl completion bash)' >> ~/.bashrc",
    .run = run_completion,
    .words_min = 1,
    .words_max = 1,
    .words = WORD_SHELL,
};
