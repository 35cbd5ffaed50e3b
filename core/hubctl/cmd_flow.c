/* hubctl flow: jobs that wait for each other, posted as one. */
#include "base/file.h"
#include "base/json.h"
#include "hubctl/commands.h"
#include "hubctl/flow_view.h"
#include "hubctl/must.h"
#include "hubctl/text.h"

#include <string.h>
#include <unistd.h>

#define FILE_MAX ((size_t)1 << 20) /* hubd takes no larger body */

/* --- Run ---------------------------------------------------------------------------------------*/

static int read_body(struct app *app, const char *path, struct buf *ret_body)
{
    struct hub_error error;
    int err = strcmp(path, "-") == 0 ? file_read_fd(STDIN_FILENO, ret_body, &error)
                                     : file_read(path, ret_body, &error);

    return err < 0 ? app_fail_with(app, &error) : EXITS_OK;
}

static int post(struct app *app, const struct options *options, struct str body,
                struct json_object **ret_flow)
{
    const char *key = options_get(options, "idempotency-key");
    struct buf header;
    struct request request = {
        .method = "POST",
        .path = "/v1/flows",
        .headers = {"Content-Type: application/json"},
        .body = body,
    };

    buf_init(&header, BUF_NO_LIMIT);
    if (key) {
        buf_append_c(&header, "Idempotency-Key: ");
        text_append_safe(&header, str_from_c(key)); /* so it stays one header line */
        buf_append_char(&header, '\0');
        must_buf(&header);
        request.headers[1] = header.ptr;
    }
    int code = app_call(app, &request, ret_flow);
    buf_release(&header);
    return code;
}

/* What was posted, or what became of it. */
static int show(struct app *app, const struct options *options, struct json_object *flow)
{
    struct json_object *end = NULL;
    int code = EXITS_OK;

    if (options_has(options, "wait")) {
        interrupt_hold(&app->interrupt);
        code = flow_follow(app, app_path(app, "", text_member(flow, "id").ptr, ""), &end);
    }
    if (code != EXITS_OK && code != EXITS_JOB) {
        return code;
    }
    if (app->output.quiet && !app->output.json) {
        struct buf line;
        buf_init(&line, BUF_NO_LIMIT);
        text_append_safe(&line, text_member(flow, "id"));
        buf_append_char(&line, '\n');
        must_buf(&line);
        output_write(&line);
        buf_release(&line);
    } else {
        flow_show(app, end ? end : flow);
    }
    json_object_put(end);
    return code;
}

static int run_run(struct app *app, const struct options *options)
{
    struct json_object *flow;
    struct buf body;

    buf_init(&body, FILE_MAX);
    int code = read_body(app, options->words[0], &body);
    if (code == EXITS_OK) {
        code = post(app, options, buf_view(&body), &flow);
    }
    if (code == EXITS_OK) {
        code = show(app, options, flow);
        json_object_put(flow);
    }
    buf_release(&body);
    return code;
}

/* --- Show, list, cancel, retry -----------------------------------------------------------------*/

static int run_show(struct app *app, const struct options *options)
{
    const char *id = options->words[0];
    struct json_object *flow;
    int code = app_check_id(app, "flow", id);

    if (code == EXITS_OK && options_has(options, "follow")) {
        interrupt_hold(&app->interrupt);
        code = flow_follow(app, id, &flow);
    } else if (code == EXITS_OK) {
        code = app_get(app, app_path(app, "/v1/flows/", id, ""), &flow);
    }
    if (code == EXITS_OK || code == EXITS_JOB) {
        flow_show(app, flow);
        json_object_put(flow);
    }
    return code;
}

static int run_list(struct app *app, const struct options *options)
{
    struct json_object *list;
    struct json_object *flows;
    struct table table;
    int code = app_get(app, "/v1/flows", &list);

    (void)options;
    if (code != EXITS_OK) {
        return code;
    }
    flow_table_init(&table);
    if (json_get_array(list, "flows", &flows)) {
        for (size_t i = 0; i < json_object_array_length(flows); i++) {
            if (app->output.json) {
                output_json(json_object_array_get_idx(flows, i));
            } else {
                flow_add_row(&table, json_object_array_get_idx(flows, i));
            }
        }
    }
    table_print(&table, &app->output);
    table_release(&table);
    json_object_put(list);
    return EXITS_OK;
}

static int act(struct app *app, const struct options *options, const char *what)
{
    int code = EXITS_OK;

    for (size_t i = 0; i < options->words_len && code == EXITS_OK; i++) {
        const char *id = options->words[i];
        struct json_object *flow;

        code = app_check_id(app, "flow", id);
        if (code == EXITS_OK) {
            code = app_send(app, "POST", app_path(app, "/v1/flows/", id, what), NULL, &flow);
        }
        if (code == EXITS_OK) {
            flow_show(app, flow);
            json_object_put(flow);
        }
    }
    return code;
}

static int run_cancel(struct app *app, const struct options *options)
{
    return act(app, options, "/cancel");
}

static int run_retry(struct app *app, const struct options *options)
{
    return act(app, options, "/retry");
}

/* --- The table ---------------------------------------------------------------------------------*/

static const struct option run_options[] = {
    {"wait", 'w', NULL, "until all of its jobs have finished", WORD_ANY},
    {"idempotency-key", 0, "KEY", "the same key never makes a second flow", WORD_ANY},
    {0},
};

static const struct command flow_run = {
    .name = "run",
    .summary = "post the flow in a file",
    .usage = "FILE [OPTIONS]",
    .about = "FILE is JSON (\"-\": stdin): {\"name\": …, \"jobs\": {NAME: {\"type\": …, \"input\": "
             "…, \"after\": [NAME…]}}}. With --wait the exit code is 1 if a job did not succeed.",
    .options = run_options,
    .examples = "hubctl flow run contrib/examples/charge-and-invoice.json --wait",
    .run = run_run,
    .words_min = 1,
    .words_max = 1,
    .words = WORD_FILE,
};

static const struct option show_options[] = {
    {"follow", 'f', NULL, "wait until all of its jobs have finished", WORD_ANY},
    {0},
};

static const struct command flow_show_command = {
    .name = "show",
    .summary = "a flow as a tree, each job with its state",
    .usage = "ID [--follow]",
    .options = show_options,
    .examples = "hubctl flow show 019a…",
    .run = run_show,
    .words_min = 1,
    .words_max = 1,
};

static const struct command flow_cancel = {
    .name = "cancel",
    .summary = "cancel all of its jobs that are not finished",
    .usage = "ID…",
    .examples = "hubctl flow cancel 019a…",
    .run = run_cancel,
    .words_min = 1,
    .words_max = COMMAND_WORDS_ANY,
};

static const struct command flow_retry = {
    .name = "retry",
    .summary = "go on from its failed jobs; what succeeded is not done again",
    .usage = "ID…",
    .examples = "hubctl flow retry 019a…",
    .run = run_retry,
    .words_min = 1,
    .words_max = COMMAND_WORDS_ANY,
};

static const struct command *const subcommands[] = {&flow_run, &flow_show_command, &flow_cancel,
                                                    &flow_retry, NULL};

const struct command cmd_flow = {
    .name = "flow",
    .summary = "jobs that wait for each other, posted as one",
    .usage = "",
    .about = "Without a subcommand: the newest flows.",
    .examples = "hubctl flow run order.json --wait\n"
                "hubctl flow",
    .subcommands = subcommands,
    .run = run_list,
};
