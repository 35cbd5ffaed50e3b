/* hubctl queues: look at them, pause, resume, limit. */
#include "base/json.h"
#include "hubctl/app.h"
#include "hubctl/commands.h"
#include "hubctl/human.h"
#include "hubctl/limits.h"
#include "hubctl/must.h"
#include "hubctl/table.h"
#include "hubctl/text.h"

#include <string.h>

static const struct column columns[] = {
    {"QUEUE", .keep = true, .shrink = true},         {"STATE", .keep = true},
    {"RUNNING", .keep = true, .align = ALIGN_RIGHT}, {"QUEUED", .keep = true, .align = ALIGN_RIGHT},
    {"SCHEDULED", .align = ALIGN_RIGHT, .rank = 1},  {"BLOCKED", .align = ALIGN_RIGHT, .rank = 2},
    {"AT ONCE", .align = ALIGN_RIGHT, .rank = 3},    {"RATE", .align = ALIGN_RIGHT, .rank = 4},
};

static void add_count(struct table *table, struct json_object *queue, const char *name)
{
    int64_t count = 0;

    json_get_i64(queue, name, &count);
    buf_append_i64(table_cell_begin(table, count > 0 ? STYLE_PLAIN : STYLE_DIM), count);
}

static void add_row(struct table *table, struct json_object *queue)
{
    struct json_object *rate;
    bool paused = false;
    int64_t concurrency;
    int64_t limit;
    int64_t period;
    struct buf *cell;

    json_get_bool(queue, "paused", &paused);
    table_cell(table, STYLE_PLAIN, text_member(queue, "name"));
    table_cell(table, paused ? STYLE_YELLOW : STYLE_GREEN, paused ? STR("paused") : STR("open"));
    add_count(table, queue, "running");
    add_count(table, queue, "queued");
    add_count(table, queue, "scheduled");
    add_count(table, queue, "blocked");
    cell = table_cell_begin(table, STYLE_PLAIN);
    if (json_get_i64(queue, "concurrency", &concurrency)) {
        buf_append_i64(cell, concurrency);
    }
    cell = table_cell_begin(table, STYLE_PLAIN);
    if (json_get_object(queue, "rate", &rate) && json_get_i64(rate, "limit", &limit) &&
        json_get_i64(rate, "period_ms", &period)) {
        human_append_rate(cell, limit, period);
    }
}

static int run_list(struct app *app, const struct options *options)
{
    struct json_object *list;
    struct json_object *queues;
    struct table table;
    int code = app_get(app, "/v1/queues", &list);

    (void)options;
    if (code != EXITS_OK) {
        return code;
    }
    table_init(&table, columns, sizeof columns / sizeof columns[0]);
    if (json_get_array(list, "queues", &queues)) {
        for (size_t i = 0; i < json_object_array_length(queues); i++) {
            if (app->output.json) {
                output_json(json_object_array_get_idx(queues, i));
            } else {
                add_row(&table, json_object_array_get_idx(queues, i));
            }
        }
    }
    table_print(&table, &app->output);
    table_release(&table);
    json_object_put(list);
    return EXITS_OK;
}

/* PATCHes each queue with `patch` and shows what came of it. */
static int patch_all(struct app *app, const struct options *options, struct json_object *patch)
{
    struct table table;
    int code = EXITS_OK;

    table_init(&table, columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < options->words_len && code == EXITS_OK; i++) {
        struct json_object *queue;

        code = app_send(app, "PATCH", app_path(app, "/v1/queues/", options->words[i], ""), patch,
                        &queue);
        if (code == EXITS_OK && app->output.json) {
            output_json(queue);
        } else if (code == EXITS_OK) {
            add_row(&table, queue);
        }
        if (code == EXITS_OK) {
            json_object_put(queue);
        }
    }
    table_print(&table, &app->output);
    table_release(&table);
    return code;
}

static int set_paused(struct app *app, const struct options *options, bool paused)
{
    struct json_object *patch = must(json_object_new_object());
    int code;

    must_ok(json_object_object_add(patch, "paused", must(json_object_new_boolean(paused))));
    code = patch_all(app, options, patch);
    json_object_put(patch);
    return code;
}

static int run_pause(struct app *app, const struct options *options)
{
    return set_paused(app, options, true);
}

static int run_resume(struct app *app, const struct options *options)
{
    return set_paused(app, options, false);
}

static int run_set(struct app *app, const struct options *options)
{
    struct json_object *patch = must(json_object_new_object());
    int code = EXITS_OK;

    if (!options_has(options, "concurrency") && !options_has(options, "rate")) {
        code = app_usage(app, "say what to set: --concurrency N or --rate N/s");
    }
    if (code == EXITS_OK) {
        code = limits_add(app, options, patch);
    }
    if (code == EXITS_OK) {
        code = patch_all(app, options, patch);
    }
    json_object_put(patch);
    return code;
}

static const struct command queues_pause = {
    .name = "pause",
    .summary = "start no more attempts in these queues; running ones end",
    .usage = "NAME…",
    .examples = "hubctl queues pause mail",
    .run = run_pause,
    .words_min = 1,
    .words_max = COMMAND_WORDS_ANY,
    .words = WORD_QUEUE,
};

static const struct command queues_resume = {
    .name = "resume",
    .summary = "start attempts again",
    .usage = "NAME…",
    .examples = "hubctl queues resume mail",
    .run = run_resume,
    .words_min = 1,
    .words_max = COMMAND_WORDS_ANY,
    .words = WORD_QUEUE,
};

static const struct option set_options[] = {
    {"concurrency", 'c', "N|none", "so many attempts at once", WORD_ANY},
    {"rate", 'r', "RATE|none", "so many attempts begin in a time: 100/s, 5/m, 3/10s", WORD_ANY},
    {0},
};

static const struct command queues_set = {
    .name = "set",
    .summary = "limit how many attempts run at once, and how many begin in a time",
    .usage = "NAME… [OPTIONS]",
    .about = "What is not given stays as it is. Limits hold from the next attempt on.",
    .options = set_options,
    .examples = "# The mail provider takes 10 a second, from at most 4 connections\n"
                "hubctl queues set mail --rate 10/s --concurrency 4\n"
                "\n"
                "# No limit again\n"
                "hubctl queues set mail --rate none --concurrency none",
    .run = run_set,
    .words_min = 1,
    .words_max = COMMAND_WORDS_ANY,
    .words = WORD_QUEUE,
};

static const struct command *const subcommands[] = {&queues_pause, &queues_resume, &queues_set,
                                                    NULL};

const struct command cmd_queues = {
    .name = "queues",
    .summary = "show queues; pause, resume and limit them",
    .usage = "",
    .about = "A queue comes into being with its first job. AT ONCE and RATE are the limits set.",
    .examples = "hubctl queues\n"
                "hubctl queues pause mail",
    .subcommands = subcommands,
    .run = run_list,
};
