#include "hubctl/commands.h"

#include "base/nearest.h"

#include <string.h>

static const struct command *const job_commands[] = {
    &cmd_run,  &cmd_get,   &cmd_list, &cmd_cancel,   &cmd_retry,     &cmd_delete,
    &cmd_tail, &cmd_batch, &cmd_flow, &cmd_schedule, &cmd_callbacks, NULL};

static const struct command *const file_commands[] = {&cmd_artifacts, NULL};

static const struct command *const operator_commands[] = {
    &cmd_connectors, &cmd_account,  &cmd_queues, &cmd_keys,
    &cmd_ledger,     &cmd_payments, &cmd_doctor, NULL};

static const struct command *const author_commands[] = {&cmd_connector, NULL};

static const struct command *const own_commands[] = {&cmd_openapi, &cmd_completion, &cmd_complete,
                                                     &cmd_help,    &cmd_version,    NULL};

const struct command_group command_groups[] = {
    {"Jobs", job_commands},           {"Files", file_commands},
    {"Operating", operator_commands}, {"Writing connectors", author_commands},
    {"This program", own_commands},   {NULL, NULL},
};

const struct option command_global_options[] = {
    {"socket", 0, "PATH", "Unix socket of hubd", WORD_FILE},
    {"url", 0, "URL", "hubd over TCP, http://HOST:PORT or https://…", WORD_ANY},
    {"key-file", 0, "PATH", "file with the API key to use", WORD_FILE},
    {"ca-file", 0, "PATH", "certificates to trust with https, in PEM", WORD_FILE},
    {"json", 0, NULL, "JSON for programs: one value a line", WORD_ANY},
    {"quiet", 'q', NULL, "no progress, no remarks", WORD_ANY},
    {"color", 0, "WHEN", "auto (the default), always or never", WORD_COLOUR},
    {"help", 'h', NULL, "explain the command", WORD_ANY},
    {"version", 'V', NULL, "the same as `hubctl version`", WORD_ANY},
    {0},
};

const struct command *command_find(const struct command *const *commands, const char *name)
{
    for (; commands && *commands; commands++) {
        if (strcmp((*commands)->name, name) == 0) {
            return *commands;
        }
    }
    return NULL;
}

const struct command *commands_find(const char *name)
{
    for (const struct command_group *group = command_groups; group->title; group++) {
        const struct command *found = command_find(group->commands, name);
        if (found) {
            return found;
        }
    }
    return NULL;
}

static void offer(struct nearest *nearest, const struct command *const *commands)
{
    for (; *commands; commands++) {
        if (!(*commands)->hidden) {
            nearest_offer(nearest, str_from_c((*commands)->name));
        }
    }
}

const char *commands_nearest(const struct command *const *commands, const char *name)
{
    struct nearest nearest;

    nearest_init(&nearest, str_from_c(name));
    if (commands) {
        offer(&nearest, commands);
    } else {
        for (const struct command_group *group = command_groups; group->title; group++) {
            offer(&nearest, group->commands);
        }
    }
    return nearest.best.ptr;
}
