/* hubctl schedule: when to make which job. */
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "hubctl/app.h"
#include "hubctl/commands.h"
#include "hubctl/human.h"
#include "hubctl/input.h"
#include "hubctl/must.h"
#include "hubctl/table.h"
#include "hubctl/text.h"

#include <string.h>

#define SPEC_MAX ((size_t)256 << 10)
#define PLACE    "/v1/schedules/"

/* --- Showing -----------------------------------------------------------------------------------*/

static const struct column columns[] = {
    {"SCHEDULE", .keep = true, .shrink = true},
    {"STATE", .keep = true},
    {"WHEN", .keep = true, .shrink = true},
    {"ZONE", .rank = 3},
    {"NEXT", .keep = true},
    {"", .rank = 2},
    {"TYPE", .shrink = true, .rank = 1},
    {"UNFINISHED", .align = ALIGN_RIGHT, .rank = 4},
};

static bool time_of(struct str text, int64_t *ret_at)
{
    return text.len > 0 && clock_parse(text, ret_at);
}

static void add_time(struct table *table, struct str text)
{
    struct buf *cell = table_cell_begin(table, STYLE_PLAIN);
    int64_t at;

    if (time_of(text, &at)) {
        human_append_local(cell, at);
    }
}

static void add_relative(struct table *table, struct str text)
{
    struct buf *cell = table_cell_begin(table, STYLE_DIM);
    int64_t at;

    if (time_of(text, &at)) {
        human_append_relative(cell, at, clock_wall_ms());
    }
}

/* Its next time number `index`; empty: there is none. */
static struct str next_of(struct json_object *schedule, size_t index)
{
    struct json_object *list;

    return json_get_array(schedule, "next", &list) && index < json_object_array_length(list)
               ? json_str(json_object_array_get_idx(list, index))
               : (struct str){0};
}

static void add_when(struct table *table, struct json_object *schedule)
{
    struct str cron = text_member(schedule, "cron");
    struct str every = text_member(schedule, "every");
    struct buf *cell = table_cell_begin(table, STYLE_PLAIN);

    if (cron.len > 0) {
        text_append_safe(cell, cron);
    } else {
        buf_append_c(cell, every.len > 0 ? "every " : "at ");
        text_append_safe(cell, every.len > 0 ? every : text_member(schedule, "at"));
    }
}

static void add_state(struct table *table, struct json_object *schedule)
{
    bool paused = false;

    json_get_bool(schedule, "paused", &paused);
    if (text_member(schedule, "problem").len > 0) {
        table_cell(table, STYLE_RED, STR("broken"));
    } else if (paused) {
        table_cell(table, STYLE_YELLOW, STR("paused"));
    } else if (next_of(schedule, 0).len == 0) {
        table_cell(table, STYLE_DIM, STR("over"));
    } else {
        table_cell(table, STYLE_GREEN, STR("on"));
    }
}

static void add_row(struct table *table, struct json_object *schedule)
{
    struct json_object *template = NULL;
    int64_t unfinished = 0;

    json_get_object(schedule, "template", &template);
    json_get_i64(schedule, "unfinished_jobs", &unfinished);
    table_cell(table, STYLE_PLAIN, text_member(schedule, "name"));
    add_state(table, schedule);
    add_when(table, schedule);
    table_cell(table, STYLE_DIM, text_member(schedule, "time_zone"));
    add_time(table, next_of(schedule, 0));
    add_relative(table, next_of(schedule, 0));
    struct json_object *whole;
    bool is_flow = template && json_get_object(template, "flow", &whole);
    bool is_batch = template && json_get_object(template, "batch", &whole);
    table_cell(table, STYLE_PLAIN,
               is_flow    ? STR("(flow)")
               : is_batch ? STR("(batch)")
                          : text_member(template, "type"));
    buf_append_i64(table_cell_begin(table, unfinished > 0 ? STYLE_PLAIN : STYLE_DIM), unfinished);
}

static void show_one(struct app *app, struct json_object *schedule)
{
    struct table table;

    if (app->output.json) {
        output_json(schedule);
        return;
    }
    table_init(&table, columns, sizeof columns / sizeof columns[0]);
    add_row(&table, schedule);
    table_print(&table, &app->output);
    table_release(&table);
}

static int run_list(struct app *app, const struct options *options)
{
    struct json_object *list;
    struct json_object *schedules;
    struct table table;
    int code = app_get(app, "/v1/schedules", &list);

    (void)options;
    if (code != EXITS_OK) {
        return code;
    }
    table_init(&table, columns, sizeof columns / sizeof columns[0]);
    if (json_get_array(list, "schedules", &schedules)) {
        for (size_t i = 0; i < json_object_array_length(schedules); i++) {
            if (app->output.json) {
                output_json(json_object_array_get_idx(schedules, i));
            } else {
                add_row(&table, json_object_array_get_idx(schedules, i));
            }
        }
    }
    table_print(&table, &app->output);
    table_release(&table);
    json_object_put(list);
    return EXITS_OK;
}

static int run_next(struct app *app, const struct options *options)
{
    static const struct column next_columns[] = {{"NEXT", .keep = true}, {"", .keep = true}};
    struct json_object *schedule;
    struct table table;
    int code = app_get(app, app_path(app, PLACE, options->words[0], ""), &schedule);

    if (code != EXITS_OK) {
        return code;
    }
    if (app->output.json) {
        struct json_object *next;
        if (json_get_array(schedule, "next", &next)) {
            output_json(next);
        }
    } else {
        table_init(&table, next_columns, 2);
        for (size_t i = 0; next_of(schedule, i).len > 0; i++) {
            add_time(&table, next_of(schedule, i));
            add_relative(&table, next_of(schedule, i));
        }
        table_print(&table, &app->output);
        table_release(&table);
    }
    json_object_put(schedule);
    return EXITS_OK;
}

/* --- Set ---------------------------------------------------------------------------------------*/

/* Options that are members of the schedule: as the API calls them, and with the dashes of here. */
static const struct {
    const char *option, *member;
} TEXTS[] = {
    {"cron", "cron"},       {"zone", "time_zone"},  {"every", "every"},   {"at", "at"},
    {"start", "start"},     {"end", "end"},         {"jitter", "jitter"}, {"overlap", "overlap"},
    {"misfire", "misfire"}, {"history", "history"},
};

static void add_text(struct json_object *object, const char *name, const char *text)
{
    if (text != NULL) {
        must_ok(json_object_object_add(object, name, must(json_object_new_string(text))));
    }
}

/* The job: --type, --input, --set, --queue, --account. */
static int make_template(struct app *app, const struct options *options,
                         struct json_object **ret_template)
{
    const char *text = options_get(options, "input");
    struct json_object *template = must(json_object_new_object());
    struct json_object *input = NULL;
    struct hub_error error;
    size_t position = 0;
    int err = 0;

    add_text(template, "type", options_get(options, "type"));
    add_text(template, "queue", options_get(options, "queue"));
    add_text(template, "account", options_get(options, "account"));
    if (text != NULL) {
        err = input_read_object(str_from_c(text), "--input", &input, &error);
    } else {
        input = must(json_object_new_object());
    }
    while (err == 0 && (text = options_next(options, "set", &position)) != NULL) {
        err = input_set(input, str_from_c(text), &error);
    }
    if (err < 0) {
        json_object_put(input);
        json_object_put(template);
        return app_usage(app, "%s", error.detail);
    }
    must_ok(json_object_object_add(template, "input", input));
    *ret_template = template;
    return EXITS_OK;
}

/* --flow, --batch: all of it in a file. */
static int make_whole(struct app *app, const struct options *options, const char *what,
                      struct json_object **ret_template)
{
    static const char *const OF_A_JOB[] = {"input", "set", "queue", "account"};
    struct json_object *whole;
    struct hub_error error;
    struct buf text;

    for (size_t i = 0; i < sizeof OF_A_JOB / sizeof OF_A_JOB[0]; i++) {
        if (options_has(options, OF_A_JOB[i])) {
            return app_usage(app, "--%s is for a job, not for a %s", OF_A_JOB[i], what);
        }
    }
    buf_init(&text, SPEC_MAX);
    int err = file_read(options_get(options, what), &text, &error);
    int code = err < 0 ? app_fail(app, EXITS_LOCAL, "%s", error.detail) : EXITS_OK;
    if (err == 0 && input_read_object(buf_view(&text), what, &whole, &error) < 0) {
        code = app_usage(app, "--%s: %s", what, error.detail);
    }
    buf_release(&text);
    if (code == EXITS_OK) {
        *ret_template = must(json_object_new_object());
        must_ok(json_object_object_add(*ret_template, what, whole));
    }
    return code;
}

static int make_schedule(struct app *app, const struct options *options,
                         struct json_object **ret_schedule)
{
    struct json_object *schedule = must(json_object_new_object());
    struct json_object *template = NULL;
    struct hub_error error;
    int64_t limit = 0;
    int code;

    const char *whole = options_has(options, "flow")    ? "flow"
                        : options_has(options, "batch") ? "batch"
                                                        : NULL;
    int said =
        options_has(options, "type") + options_has(options, "flow") + options_has(options, "batch");
    if (said != 1) {
        code = app_usage(app, "say what to do: --type CONNECTOR.OPERATION or --flow FILE or "
                              "--batch FILE");
    } else if (options_i64(options, "misfire-limit", 1, 1000, &limit, &error) < 0) {
        code = app_usage(app, "%s", error.detail);
    } else {
        code = whole != NULL ? make_whole(app, options, whole, &template)
                             : make_template(app, options, &template);
    }
    if (code != EXITS_OK) {
        json_object_put(schedule);
        return code;
    }
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        add_text(schedule, TEXTS[i].member, options_get(options, TEXTS[i].option));
    }
    if (limit > 0) {
        must_ok(json_object_object_add(schedule, "misfire_limit", json_object_new_int64(limit)));
    }
    if (options_has(options, "paused")) {
        must_ok(json_object_object_add(schedule, "paused", json_object_new_boolean(true)));
    }
    must_ok(json_object_object_add(schedule, "template", template));
    *ret_schedule = schedule;
    return EXITS_OK;
}

static int run_set(struct app *app, const struct options *options)
{
    struct json_object *schedule;
    struct json_object *answer;
    int code = make_schedule(app, options, &schedule);

    if (code != EXITS_OK) {
        return code;
    }
    code = app_send(app, "PUT", app_path(app, PLACE, options->words[0], ""), schedule, &answer);
    json_object_put(schedule);
    if (code == EXITS_OK) {
        show_one(app, answer);
        json_object_put(answer);
    }
    return code;
}

/* --- Acts --------------------------------------------------------------------------------------*/

static int act(struct app *app, const struct options *options, const char *what)
{
    struct table table;
    int code = EXITS_OK;

    table_init(&table, columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < options->words_len && code == EXITS_OK; i++) {
        struct json_object *schedule;

        code =
            app_send(app, "POST", app_path(app, PLACE, options->words[i], what), NULL, &schedule);
        if (code == EXITS_OK) {
            if (app->output.json) {
                output_json(schedule);
            } else {
                add_row(&table, schedule);
            }
            json_object_put(schedule);
        }
    }
    table_print(&table, &app->output);
    table_release(&table);
    return code;
}

static int run_pause(struct app *app, const struct options *options)
{
    return act(app, options, "/pause");
}

static int run_resume(struct app *app, const struct options *options)
{
    return act(app, options, "/resume");
}

static int run_delete(struct app *app, const struct options *options)
{
    int code = EXITS_OK;

    for (size_t i = 0; i < options->words_len && code == EXITS_OK; i++) {
        code = app_send(app, "DELETE", app_path(app, PLACE, options->words[i], ""), NULL, NULL);
    }
    return code;
}

/* --- Runs --------------------------------------------------------------------------------------*/

static const struct column run_columns[] = {
    {"TICK", .keep = true},
    {"OUTCOME", .keep = true},
    {"LATE", .align = ALIGN_RIGHT, .rank = 2},
    {"HOW", .rank = 1},
    {"MADE", .rank = 4},
    {"ID", .keep = true},
    {"REASON", .wrap = true, .rank = 3},
};

static enum style style_of(struct str outcome)
{
    return str_eq(outcome, STR("fired"))     ? STYLE_GREEN
           : str_eq(outcome, STR("refused")) ? STYLE_RED
           : str_eq(outcome, STR("missed"))  ? STYLE_YELLOW
                                             : STYLE_PLAIN;
}

static void add_run(struct table *table, struct json_object *run)
{
    struct str outcome = text_member(run, "outcome");
    bool by_hand = false, misfired = false;
    int64_t tick, at, missed = 0;
    struct buf *cell;

    json_get_bool(run, "by_hand", &by_hand);
    json_get_bool(run, "misfired", &misfired);
    json_get_i64(run, "missed", &missed);
    add_time(table, text_member(run, "tick"));
    cell = table_cell_begin(table, style_of(outcome));
    text_append_safe(cell, outcome);
    if (missed > 1) {
        buf_append_format(cell, " ×%lld", (long long)missed);
    }
    cell = table_cell_begin(table, STYLE_DIM);
    if (!by_hand && time_of(text_member(run, "tick"), &tick) &&
        time_of(text_member(run, "at"), &at) && at > tick) {
        human_append_duration(cell, at - tick);
    }
    table_cell(table, STYLE_DIM, by_hand ? STR("by hand") : misfired ? STR("misfired") : STR(""));
    const char *made = text_member(run, "batch").len > 0  ? "batch"
                       : text_member(run, "flow").len > 0 ? "flow"
                                                          : "job";
    table_cell(table, STYLE_DIM, text_member(run, made).len > 0 ? str_from_c(made) : STR(""));
    table_cell(table, STYLE_PLAIN, text_member(run, made));
    table_cell(table, STYLE_PLAIN, text_member(run, "reason"));
}

static void show_runs(struct app *app, struct json_object *const *runs, size_t count)
{
    struct table table;

    table_init(&table, run_columns, sizeof run_columns / sizeof run_columns[0]);
    for (size_t i = 0; i < count; i++) {
        if (app->output.json) {
            output_json(runs[i]);
        } else {
            add_run(&table, runs[i]);
        }
    }
    table_print(&table, &app->output);
    table_release(&table);
}

static int run_run(struct app *app, const struct options *options)
{
    struct json_object *run;
    int code = app_send(app, "POST", app_path(app, PLACE, options->words[0], "/run"), NULL, &run);

    if (code == EXITS_OK) {
        show_runs(app, &run, 1);
        json_object_put(run);
    }
    return code;
}

static int run_history(struct app *app, const struct options *options)
{
    struct json_object *answer;
    struct json_object *list;
    struct hub_error error;
    struct buf path;
    int64_t limit = 50;
    int code;

    if (options_i64(options, "limit", 1, 500, &limit, &error) < 0) {
        return app_usage(app, "%s", error.detail);
    }
    buf_init(&path, BUF_NO_LIMIT);
    buf_append_c(&path, app_path(app, PLACE, options->words[0], "/runs"));
    buf_append_format(&path, "?limit=%lld", (long long)limit);
    must_buf(&path);
    code = app_get(app, path.ptr, &answer);
    if (code == EXITS_OK && json_get_array(answer, "runs", &list)) {
        size_t count = json_object_array_length(list);
        struct json_object **runs = must(arena_alloc(&app->arena, (count + 1) * sizeof *runs));
        for (size_t i = 0; i < count; i++) {
            runs[i] = json_object_array_get_idx(list, i);
        }
        show_runs(app, runs, count);
    }
    if (code == EXITS_OK) {
        json_object_put(answer);
    }
    buf_release(&path);
    return code;
}

/* --- The table ---------------------------------------------------------------------------------*/

static const struct option set_options[] = {
    {"cron", 'c', "EXPRESSION", "five fields, or six with the second in front, or @daily",
     WORD_ANY},
    {"zone", 'z', "ZONE", "whose local time that is (Europe/Berlin); default UTC", WORD_ANY},
    {"every", 'e', "DURATION", "in place of --cron: every so long, ISO 8601 (PT15M)", WORD_ANY},
    {"at", 0, "TIME", "in place of --cron: once, RFC 3339", WORD_ANY},
    {"type", 't', "TYPE", "job type", WORD_JOB_TYPE},
    {"flow", 0, "FILE", "in place of a job: a flow, as `flow run` takes it", WORD_FILE},
    {"batch", 0, "FILE", "or a batch: its source and its settings, as JSON", WORD_FILE},
    {"input", 'i', "JSON", "input of the job", WORD_ANY},
    {"set", 's', "PLACE=VALUE", "one member of the input; may be repeated", WORD_ANY},
    {"queue", 0, "NAME", "queue of the job", WORD_QUEUE},
    {"account", 0, "NAME", "account of the job", WORD_ACCOUNT},
    {"overlap", 0, "POLICY", "while a job is unfinished: skip, queue, cancel_previous, allow",
     WORD_ANY},
    {"misfire", 0, "POLICY", "what was missed: skip, run_once, run_all", WORD_ANY},
    {"misfire-limit", 0, "N", "with run_all: so many at most", WORD_ANY},
    {"jitter", 0, "DURATION", "each job up to so much later", WORD_ANY},
    {"start", 0, "TIME", "not before", WORD_ANY},
    {"end", 0, "TIME", "not after", WORD_ANY},
    {"history", 0, "DURATION", "how long runs are on record", WORD_ANY},
    {"paused", 0, NULL, "make it paused", WORD_ANY},
    {0},
};

static const struct command schedule_set = {
    .name = "set",
    .summary = "make a schedule, or replace it",
    .usage = "NAME --type TYPE (--cron …|--every …|--at …) [OPTIONS]",
    .about =
        "What is left out gets its default: this is the whole schedule. With the same times it "
        "goes on where it was.\n\n"
        "The file of --batch names where lines come from, and what holds for them: {\"source\": "
        "{\"file\": \"mails.csv\"}, \"format\": \"csv\", \"map\": {\"email\": \"to\"}, \"type\": "
        "\"email.send\"}. A file lies below hubd's batch_dir; {\"artifact\": \"ID\"} is another "
        "source.",
    .options = set_options,
    .examples = "hubctl schedule set nightly --cron '30 2 * * MON-FRI' --zone Europe/Berlin \\\n"
                "    --type email.send --input '{\"to\":[\"ops@example.com\"]}'\n"
                "hubctl schedule set pulse --every PT15M --type http.request -s url=https://…",
    .run = run_set,
    .words_min = 1,
    .words_max = 1,
    .words = WORD_SCHEDULE,
};

static const struct option history_options[] = {
    {"limit", 'n', "N", "the last N runs (50)", WORD_ANY},
    {0},
};

static const struct command schedule_history = {
    .name = "history",
    .summary = "what became of its ticks, the latest first",
    .usage = "NAME [--limit N]",
    .options = history_options,
    .examples = "hubctl schedule history nightly",
    .run = run_history,
    .words_min = 1,
    .words_max = 1,
    .words = WORD_SCHEDULE,
};

#define COMMAND(id, word, many, text)                                                              \
    static const struct command schedule_##id = {                                                  \
        .name = word,                                                                              \
        .summary = text,                                                                           \
        .usage = (many) ? "NAME…" : "NAME",                                                        \
        .examples = "hubctl schedule " word " nightly",                                            \
        .run = run_##id,                                                                           \
        .words_min = 1,                                                                            \
        .words_max = (many) ? COMMAND_WORDS_ANY : 1,                                               \
        .words = WORD_SCHEDULE,                                                                    \
    }

COMMAND(next, "next", false, "its next ten times");
COMMAND(pause, "pause", true, "no ticks until it is resumed");
COMMAND(resume, "resume", true, "go on with the next tick; what lies in between is left out");
COMMAND(run, "run", false, "make its job now");
COMMAND(delete, "delete", true, "delete it with its history; the jobs that it made go on");

static const struct command schedule_list = {
    .name = "list",
    .summary = "the schedules, with when they are next",
    .usage = "",
    .examples = "hubctl schedule list",
    .run = run_list,
};

static const struct command *const subcommands[] = {
    &schedule_list,    &schedule_set,    &schedule_next,
    &schedule_pause,   &schedule_resume, &schedule_run,
    &schedule_history, &schedule_delete, NULL};

const struct command cmd_schedule = {
    .name = "schedule",
    .summary = "jobs at their times: cron, every so often, once",
    .usage = "",
    .about = "Without a subcommand: the schedules. Times are shown as local ones.",
    .examples = "hubctl schedule\n"
                "hubctl schedule set nightly --cron @daily --type noop.run",
    .subcommands = subcommands,
    .run = run_list,
};
