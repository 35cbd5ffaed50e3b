/* hubctl connectors: which there are, what they can do, what an operation wants. */
#include "base/json.h"
#include "base/nearest.h"
#include "hubctl/app.h"
#include "hubctl/commands.h"
#include "hubctl/connector_view.h"
#include "hubctl/must.h"
#include "hubctl/table.h"
#include "hubctl/text.h"

#include <inttypes.h>
#include <string.h>

static enum style health_style(struct str health)
{
    if (str_eq(health, STR("ready"))) {
        return STYLE_GREEN;
    }
    return str_eq(health, STR("backing_off")) ? STYLE_YELLOW : STYLE_RED;
}

/* --- all connectors --------------------------------------------------------------------------- */

static void append_operation_names(struct buf *buf, struct json_object *connector)
{
    struct json_object *operations;

    if (!json_get_array(connector, "operations", &operations)) {
        return;
    }
    for (size_t i = 0; i < json_object_array_length(operations); i++) {
        buf_append_str(buf, i > 0 ? STR(", ") : STR(""));
        text_append_safe(buf, text_member(json_object_array_get_idx(operations, i), "name"));
    }
}

static void add_row(struct table *table, struct json_object *connector)
{
    struct str reason = text_member(connector, "reason");
    struct buf *cell;

    table_cell(table, STYLE_BOLD, text_member(connector, "name"));
    table_cell(table, STYLE_PLAIN, text_member(connector, "version"));
    table_cell(table, health_style(text_member(connector, "health")),
               text_member(connector, "health"));
    append_operation_names(table_cell_begin(table, STYLE_CYAN), connector);
    cell = table_cell_begin(table, STYLE_PLAIN);
    buf_append_i64(cell, connector_number(connector, "in_flight"));
    table_cell(table, STYLE_DIM, text_member(connector, "mode"));
    table_cell(table, reason.len > 0 ? STYLE_RED : STYLE_DIM,
               reason.len > 0 ? reason : text_member(connector, "summary"));
}

static int list(struct app *app, const char *method, const char *path)
{
    static const struct column columns[] = {
        {"NAME", .keep = true},
        {"VERSION", .rank = 3},
        {"HEALTH", .keep = true},
        {"OPERATIONS", .keep = true, .wrap = true},
        {"BUSY", .align = ALIGN_RIGHT, .rank = 2},
        {"MODE", .rank = 4},
        {"WHAT", .rank = 1, .wrap = true, .min = 24},
    };
    const struct output *output = &app->output;
    struct json_object *answer;
    struct json_object *connectors;
    struct table table;
    int code = app_send(app, method, path, NULL, &answer);

    if (code != EXITS_OK) {
        return code;
    }
    table_init(&table, columns, sizeof columns / sizeof columns[0]);
    if (json_get_array(answer, "connectors", &connectors)) {
        for (size_t i = 0; i < json_object_array_length(connectors); i++) {
            if (output->json) {
                output_json(json_object_array_get_idx(connectors, i));
            } else {
                add_row(&table, json_object_array_get_idx(connectors, i));
            }
        }
    }
    if (!output->json && table_rows(&table) == 0) {
        output_note(output, "there are no connectors");
    }
    table_print(&table, output);
    table_release(&table);
    json_object_put(answer);
    return EXITS_OK;
}

/* --- one connector ---------------------------------------------------------------------------- */

static void append_counts(const struct output *output, struct buf *buf,
                          struct json_object *connector)
{
    struct buf text;

    buf_init(&text, BUF_NO_LIMIT);
    buf_append_format(&text, "%" PRId64 " attempts in %" PRId64 " runners",
                      connector_number(connector, "in_flight"),
                      connector_number(connector, "runners"));
    connector_line(output, buf, "now", buf_view(&text));
    buf_clear(&text);
    buf_append_format(&text, "%" PRId64 " attempts begun, of which %" PRId64 " died",
                      connector_number(connector, "attempts_started"),
                      connector_number(connector, "attempts_died"));
    connector_line(output, buf, "so far", buf_view(&text));
    buf_clear(&text);
    buf_append_format(&text, "%" PRId64 " runners started, of which %" PRId64 " crashed",
                      connector_number(connector, "runners_started"),
                      connector_number(connector, "runners_crashed"));
    connector_line(output, buf, "", buf_view(&text));
    buf_release(&text);
}

static void append_head(const struct output *output, struct buf *buf, struct json_object *connector)
{
    struct str health = text_member(connector, "health");

    style_append(buf, output->out_colour, STYLE_BOLD, text_member(connector, "name"));
    buf_append_char(buf, ' ');
    text_append_safe(buf, text_member(connector, "version"));
    buf_append_str(buf, STR("  "));
    style_append(buf, output->out_colour, health_style(health), health);
    buf_append_char(buf, '\n');
    connector_line(output, buf, "what", text_member(connector, "summary"));
    connector_line(output, buf, "reason", text_member(connector, "reason"));
    connector_line(output, buf, "mode", text_member(connector, "mode"));
    connector_line(output, buf, "licence", text_member(connector, "licence"));
    connector_line(output, buf, "file", text_member(connector, "file"));
    append_counts(output, buf, connector);
}

/* The operation called `name` ("transform" or "image.transform"), or NULL with the user told. */
static struct json_object *find_operation(struct app *app, struct json_object *operations,
                                          const char *connector, const char *name)
{
    struct nearest nearest;

    nearest_init(&nearest, str_from_c(name));
    for (size_t i = 0; i < json_object_array_length(operations); i++) {
        struct json_object *operation = json_object_array_get_idx(operations, i);
        struct json_object *own = json_object_object_get(operation, "name");

        if (str_eq(text_member(operation, "name"), str_from_c(name)) ||
            str_eq(text_member(operation, "type"), str_from_c(name))) {
            return operation;
        }
        if (json_object_is_type(own, json_type_string)) {
            nearest_offer(&nearest, str_from_c(json_object_get_string(own)));
        }
    }
    if (nearest.best.ptr) {
        app_fail(app, EXITS_USAGE, "%s has no operation %s; did you mean %s?", connector, name,
                 nearest.best.ptr);
    } else {
        app_fail(app, EXITS_USAGE, "%s has no operation %s", connector, name);
    }
    return NULL;
}

static int show(struct app *app, const char *name, const char *operation_name)
{
    struct json_object *connector;
    struct json_object *operations;
    struct json_object *shown;
    struct buf text;
    int code = app_get(app, app_path(app, "/v1/connectors/", name, ""), &connector);

    if (code != EXITS_OK) {
        return code;
    }
    shown = connector;
    buf_init(&text, BUF_NO_LIMIT);
    if (!json_get_array(connector, "operations", &operations)) {
        code = app_fail(app, EXITS_UNREACHABLE, "hubd's answer has no operations");
    } else if (operation_name) {
        shown = find_operation(app, operations, name, operation_name);
        code = shown ? EXITS_OK : EXITS_USAGE;
    }
    if (code == EXITS_OK && app->output.json) {
        output_json(shown);
    } else if (code == EXITS_OK && operation_name) {
        connector_append_operation(&app->output, &text, shown);
    } else if (code == EXITS_OK) {
        append_head(&app->output, &text, connector);
        connector_append_operations(&app->output, &text, operations);
    }
    output_write(&text);
    buf_release(&text);
    json_object_put(connector);
    return code;
}

static int run(struct app *app, const struct options *options)
{
    const char *dot;

    if (options->words_len == 0) {
        return list(app, "GET", "/v1/connectors");
    }
    if (options->words_len == 2) {
        return show(app, options->words[0], options->words[1]);
    }
    dot = strchr(options->words[0], '.'); /* a job type */
    if (!dot) {
        return show(app, options->words[0], NULL);
    }
    struct str name = str_of(options->words[0], (size_t)(dot - options->words[0]));
    return show(app, must(arena_strdup(&app->arena, name)), dot + 1);
}

static int run_rescan(struct app *app, const struct options *options)
{
    (void)options;
    return list(app, "POST", "/v1/connectors/rescan");
}

static const struct command connectors_rescan = {
    .name = "rescan",
    .summary = "look at the connector folders again: new, changed and removed files",
    .usage = "",
    .examples = "hubctl connectors rescan",
    .run = run_rescan,
};

static const struct command *const subcommands[] = {&connectors_rescan, NULL};

const struct command cmd_connectors = {
    .name = "connectors",
    .summary = "show connectors, their operations, and what an operation takes",
    .usage = "[NAME [OPERATION] | TYPE]",
    .about = "Without a name: all of them. With NAME: its operations. With NAME OPERATION, or the "
             "job type NAME.OPERATION: the fields of the input, and an example.\n"
             "\n"
             "TRYING AGAIN tells whether an attempt may be repeated: safe, safe_with_key (the "
             "provider knows the repeated request by its key), never.",
    .examples = "hubctl connectors\n"
                "hubctl connectors image\n"
                "hubctl connectors image.transform",
    .subcommands = subcommands,
    .run = run,
    .words_max = 2,
    .words = WORD_CONNECTOR,
};
