/* hubctl complete: what the completion script asks. Silent about everything that goes wrong. */
#include "base/json.h"
#include "hubctl/app.h"
#include "hubctl/commands.h"
#include "hubctl/complete.h"
#include "hubctl/job_view.h"
#include "hubctl/text.h"

#define ASK_MS 800 /* somebody is waiting with a finger on the Tab key */

struct offers {
    struct app *app;
    struct str word;
    size_t keep; /* see complete.h */
    struct buf text;
};

static void offer(struct offers *self, struct str candidate)
{
    struct buf safe;

    buf_init(&safe, BUF_NO_LIMIT);
    text_append_safe(&safe, candidate);
    if (str_eq(buf_view(&safe), candidate) && str_starts_with(candidate, self->word)) {
        buf_append_str(&self->text, str_slice(candidate, self->keep, candidate.len));
        buf_append_char(&self->text, '\n');
    }
    buf_release(&safe);
}

static void offer_names(struct offers *self, const char *const *names)
{
    for (; *names; names++) {
        offer(self, str_from_c(*names));
    }
}

static void offer_commands(struct offers *self, const struct command *const *commands)
{
    for (; commands && *commands; commands++) {
        if (!(*commands)->hidden) {
            offer(self, str_from_c((*commands)->name));
        }
    }
}

static void offer_every_command(struct offers *self)
{
    for (const struct command_group *group = command_groups; group->title; group++) {
        offer_commands(self, group->commands);
    }
}

static void offer_options(struct offers *self, const struct option *options)
{
    struct buf name;

    buf_init(&name, BUF_NO_LIMIT);
    for (; options && options->name; options++) {
        buf_clear(&name);
        buf_append_format(&name, "--%s", options->name);
        offer(self, buf_view(&name));
    }
    buf_release(&name);
}

/* --- what only hubd knows --------------------------------------------------------------------- */

/* The string `member` of each object in the array `list`. */
static void offer_each(struct offers *self, struct json_object *object, const char *list,
                       const char *member)
{
    struct json_object *array;
    struct str text;

    if (!json_get_array(object, list, &array)) {
        return;
    }
    for (size_t i = 0; i < json_object_array_length(array); i++) {
        if (json_get_str(json_object_array_get_idx(array, i), member, &text)) {
            offer(self, text);
        }
    }
}

static void offer_types(struct offers *self, struct json_object *answer)
{
    struct json_object *connectors;

    if (!json_get_array(answer, "connectors", &connectors)) {
        return;
    }
    for (size_t i = 0; i < json_object_array_length(connectors); i++) {
        offer_each(self, json_object_array_get_idx(connectors, i), "operations", "type");
    }
}

static void ask(struct offers *self, enum word kind)
{
    static const char *const paths[] = {
        [WORD_JOB_TYPE] = "/v1/connectors", [WORD_CONNECTOR] = "/v1/connectors",
        [WORD_QUEUE] = "/v1/queues",        [WORD_ACCOUNT] = "/v1/accounts",
        [WORD_SCHEDULE] = "/v1/schedules",  [WORD_JOB] = "/v1/jobs?limit=100",
    };
    struct json_object *answer;

    self->app->output.quiet = true;
    if (app_connect(self->app) != EXITS_OK ||
        !app_try_get(self->app, paths[kind], ASK_MS, &answer)) {
        return;
    }
    if (kind == WORD_JOB_TYPE) {
        offer_types(self, answer);
    } else if (kind == WORD_CONNECTOR) {
        offer_each(self, answer, "connectors", "name");
        offer_types(self, answer);
    } else if (kind == WORD_ACCOUNT) {
        offer_each(self, answer, "accounts", "name");
    } else if (kind == WORD_SCHEDULE) {
        offer_each(self, answer, "schedules", "name");
    } else if (kind == WORD_QUEUE) {
        offer_each(self, answer, "queues", "name");
    } else {
        offer_each(self, answer, "jobs", "id");
    }
    json_object_put(answer);
}

static void offer_kind(struct offers *self, enum word kind)
{
    static const char *const scopes[] = {"jobs:read", "jobs:write", "admin", NULL};
    static const char *const colours[] = {"auto", "always", "never", NULL};
    static const char *const shells[] = {"bash", NULL};

    switch (kind) {
    case WORD_JOB_TYPE:
    case WORD_CONNECTOR:
    case WORD_QUEUE:
    case WORD_SCHEDULE:
    case WORD_ACCOUNT:
    case WORD_JOB:
        ask(self, kind);
        break;
    case WORD_JOB_STATE:
        offer_names(self, job_state_names);
        break;
    case WORD_SCOPE:
        offer_names(self, scopes);
        break;
    case WORD_COLOUR:
        offer_names(self, colours);
        break;
    case WORD_SHELL:
        offer_names(self, shells);
        break;
    case WORD_COMMAND:
        offer_every_command(self);
        break;
    case WORD_ANY:
    case WORD_FILE:
    case WORD_DIR:
        break;
    }
}

static int run(struct app *app, const struct options *options)
{
    struct offers offers = {.app = app};
    struct complete at;

    complete_line(&at, &app->arena, str_from_c(options->words[0]));
    offers.word = at.word;
    offers.keep = at.keep;
    buf_init(&offers.text, BUF_NO_LIMIT);
    if (at.wants_kind && (at.kind == WORD_FILE || at.kind == WORD_DIR)) {
        buf_append_str(&offers.text, at.kind == WORD_FILE ? STR("files\n") : STR("dirs\n"));
    } else {
        buf_append_str(&offers.text, STR("words\n"));
    }
    if (at.wants_option) {
        offer_options(&offers, at.command ? at.command->options : NULL);
        offer_options(&offers, command_global_options);
    }
    if (at.wants_command && at.command) {
        offer_commands(&offers, at.command->subcommands);
    } else if (at.wants_command) {
        offer_every_command(&offers);
    }
    if (at.wants_kind) {
        offer_kind(&offers, at.kind);
    }
    output_write(&offers.text);
    buf_release(&offers.text);
    return EXITS_OK;
}

const struct command cmd_complete = {
    .name = "complete",
    .summary = "what may stand at the end of a command line; for the completion script",
    .usage = "LINE",
    .run = run,
    .words_min = 1,
    .words_max = 1,
    .hidden = true,
};
