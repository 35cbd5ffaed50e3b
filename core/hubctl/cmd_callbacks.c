/* hubctl callbacks: what was posted to the callback_url of jobs, batches and flows. */
#include "base/clock.h"
#include "base/json.h"
#include "hubctl/app.h"
#include "hubctl/commands.h"
#include "hubctl/human.h"
#include "hubctl/must.h"
#include "hubctl/table.h"
#include "hubctl/text.h"

#include <string.h>

/* --- Showing -----------------------------------------------------------------------------------*/

static const struct column columns[] = {
    {"OF", .keep = true},    {"TYPE", .rank = 1},
    {"STATE", .keep = true}, {"TRIES", .keep = true, .align = ALIGN_RIGHT},
    {"NEXT", .rank = 2},     {"URL", .shrink = true, .rank = 3},
};

static const struct column log_columns[] = {
    {"TRY", .keep = true, .align = ALIGN_RIGHT}, {"WHEN", .keep = true},
    {"TOOK", .align = ALIGN_RIGHT, .rank = 1},   {"STATUS", .keep = true},
    {"WHY", .keep = true, .wrap = true},
};

static enum style style_of(struct str state)
{
    return str_eq(state, STR("delivered")) ? STYLE_GREEN
           : str_eq(state, STR("pending")) ? STYLE_YELLOW
                                           : STYLE_RED;
}

/* The id of what has ended. */
static struct str id_of(struct json_object *callback)
{
    static const char *const KINDS[] = {"job", "batch", "flow"};
    struct str id = STR("");

    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0] && id.len == 0; i++) {
        id = text_member(callback, KINDS[i]);
    }
    return id;
}

static void add_relative(struct table *table, struct str time)
{
    struct buf *cell = table_cell_begin(table, STYLE_PLAIN);
    int64_t at;

    if (clock_parse(time, &at)) {
        human_append_relative(cell, at, clock_wall_ms());
    }
}

static void add_row(struct table *table, struct json_object *callback)
{
    struct str state = text_member(callback, "state");
    int64_t attempts = 0;

    json_get_i64(callback, "attempts", &attempts);
    table_cell(table, STYLE_PLAIN, id_of(callback));
    table_cell(table, STYLE_PLAIN, text_member(callback, "type"));
    table_cell(table, style_of(state), state);
    buf_append_i64(table_cell_begin(table, STYLE_PLAIN), attempts);
    add_relative(table, text_member(callback, "next_at"));
    table_cell(table, STYLE_DIM, text_member(callback, "url"));
}

static void show_list(struct app *app, struct json_object *callbacks)
{
    struct table table;

    table_init(&table, columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < json_object_array_length(callbacks); i++) {
        if (app->output.json) {
            output_json(json_object_array_get_idx(callbacks, i));
        } else {
            add_row(&table, json_object_array_get_idx(callbacks, i));
        }
    }
    table_print(&table, &app->output);
    table_release(&table);
}

static void add_attempt(struct table *table, struct json_object *attempt)
{
    int64_t number = 0, status = 0, started, finished;
    struct buf *cell;

    json_get_i64(attempt, "number", &number);
    json_get_i64(attempt, "status", &status);
    buf_append_i64(table_cell_begin(table, STYLE_PLAIN), number);
    add_relative(table, text_member(attempt, "started_at"));
    cell = table_cell_begin(table, STYLE_DIM);
    if (clock_parse(text_member(attempt, "started_at"), &started) &&
        clock_parse(text_member(attempt, "finished_at"), &finished)) {
        human_append_duration(cell, finished - started);
    }
    cell = table_cell_begin(table, STYLE_PLAIN);
    if (status > 0) {
        buf_append_i64(cell, status);
    }
    table_cell(table, STYLE_RED, text_member(attempt, "code"));
}

static void show_log(struct app *app, struct json_object *callback)
{
    struct json_object *log;
    struct table table;

    if (app->output.json || !json_get_array(callback, "log", &log)) {
        return;
    }
    table_init(&table, log_columns, sizeof log_columns / sizeof log_columns[0]);
    for (size_t i = 0; i < json_object_array_length(log); i++) {
        add_attempt(&table, json_object_array_get_idx(log, i));
    }
    table_print(&table, &app->output);
    table_release(&table);
}

/* The answer of hubd, which is freed. */
static int show_answer(struct app *app, struct json_object *answer, bool with_log)
{
    struct json_object *callbacks;

    if (json_get_array(answer, "callbacks", &callbacks)) {
        show_list(app, callbacks);
        if (with_log && json_object_array_length(callbacks) > 0) {
            show_log(app, json_object_array_get_idx(callbacks, 0)); /* the latest */
        }
    }
    json_object_put(answer);
    return EXITS_OK;
}

/* --- Commands ----------------------------------------------------------------------------------*/

static int run_list(struct app *app, const struct options *options)
{
    const char *state = options_get(options, "state");
    struct json_object *answer;
    char path[64];

    if (state && strspn(state, "abcdefghijklmnopqrstuvwxyz") != strlen(state)) {
        return app_usage(app, "--state is pending, delivered, failed or disabled");
    }
    snprintf(path, sizeof path, "/v1/callbacks?limit=100&state=%.16s", state ? state : "failed");
    int code = app_get(app, path, &answer);
    return code == EXITS_OK ? show_answer(app, answer, false) : code;
}

/* Where the callbacks of `id` are: a job's, unless an option says otherwise. NULL: it was told. */
static const char *place_of(struct app *app, const struct options *options, const char *suffix)
{
    bool is_batch = options_has(options, "batch"), is_flow = options_has(options, "flow");
    const char *what = is_batch ? "a batch" : is_flow ? "a flow" : "a job";

    if (app_check_id(app, what, options->words[0]) != EXITS_OK) {
        return NULL;
    }
    return app_path(app,
                    is_batch  ? "/v1/batches/"
                    : is_flow ? "/v1/flows/"
                              : "/v1/jobs/",
                    options->words[0], suffix);
}

static int run_show(struct app *app, const struct options *options)
{
    const char *path = place_of(app, options, "/callbacks");
    struct json_object *answer;

    if (!path) {
        return EXITS_USAGE;
    }
    int code = app_get(app, path, &answer);
    return code == EXITS_OK ? show_answer(app, answer, true) : code;
}

static int run_resend(struct app *app, const struct options *options)
{
    const char *path = place_of(app, options, "/callbacks/resend");
    struct json_object *answer;

    if (!path) {
        return EXITS_USAGE;
    }
    int code = app_send(app, "POST", path, NULL, &answer);
    return code == EXITS_OK ? show_answer(app, answer, false) : code;
}

static const struct option list_options[] = {
    {"state", 's', "STATE", "pending, delivered, failed (the default) or disabled", WORD_ANY},
    {0},
};

static const struct option kind_options[] = {
    {"batch", 0, NULL, "ID is that of a batch", WORD_ANY},
    {"flow", 0, NULL, "ID is that of a flow", WORD_ANY},
    {0},
};

static const struct command callbacks_list = {
    .name = "list",
    .summary = "the latest deliveries in one state",
    .usage = "[OPTIONS]",
    .options = list_options,
    .examples = "# What has been given up after ten tries\n"
                "hubctl callbacks list\n"
                "\n"
                "# What waits for its next try\n"
                "hubctl callbacks list -s pending",
    .run = run_list,
};

static const struct command callbacks_show = {
    .name = "show",
    .summary = "what was posted for a job, a batch or a flow, and every try of the latest",
    .usage = "ID [OPTIONS]",
    .options = kind_options,
    .examples = "hubctl callbacks show 0193a8c2-5d1f-7c3e-9b1a-4f2d6e8a0b1c --batch",
    .run = run_show,
    .words_min = 1,
    .words_max = 1,
    .words = WORD_JOB,
};

static const struct command callbacks_resend = {
    .name = "resend",
    .summary = "post the latest one again, under its old id",
    .usage = "ID [OPTIONS]",
    .about =
        "It begins with the first of its ten tries again. A receiver that has said 410 Gone is "
        "asked once more.",
    .options = kind_options,
    .examples = "hubctl callbacks resend 0193a8c2-5d1f-7c3e-9b1a-4f2d6e8a0b1c",
    .run = run_resend,
    .words_min = 1,
    .words_max = 1,
    .words = WORD_JOB,
};

static const struct command *const subcommands[] = {&callbacks_list, &callbacks_show,
                                                    &callbacks_resend, NULL};

const struct command cmd_callbacks = {
    .name = "callbacks",
    .summary = "what was posted to callback_urls, and how often it took",
    .usage = "",
    .subcommands = subcommands,
};
