/* hubctl batch: many jobs in one file, every line accounted for. */
#include "base/file.h"
#include "base/json.h"
#include "hubctl/batch_view.h"
#include "hubctl/commands.h"
#include "hubctl/must.h"
#include "hubctl/url.h"

#include <string.h>
#include <unistd.h>

/* --- List and status ---------------------------------------------------------------------------*/

static int run_list(struct app *app, const struct options *options)
{
    struct json_object *list;
    struct json_object *batches;
    struct table table;
    int code = app_get(app, "/v1/batches", &list);

    (void)options;
    if (code != EXITS_OK) {
        return code;
    }
    batch_table_init(&table);
    if (json_get_array(list, "batches", &batches)) {
        for (size_t i = 0; i < json_object_array_length(batches); i++) {
            if (app->output.json) {
                output_json(json_object_array_get_idx(batches, i));
            } else {
                batch_add_row(&table, json_object_array_get_idx(batches, i));
            }
        }
    }
    table_print(&table, &app->output);
    table_release(&table);
    json_object_put(list);
    return EXITS_OK;
}

static int run_status(struct app *app, const struct options *options)
{
    const char *id = options->words[0];
    struct json_object *batch;
    int code = app_check_id(app, "batch", id);

    if (code != EXITS_OK) {
        return code;
    }
    if (options_has(options, "follow")) {
        if ((code = app_connect(app)) != EXITS_OK) {
            return code;
        }
        interrupt_hold(&app->interrupt);
        code = batch_follow(app, id, &batch);
    } else {
        code = app_get(app, app_path(app, "/v1/batches/", id, ""), &batch);
    }
    if (code == EXITS_OK || code == EXITS_JOB) {
        batch_show(app, batch);
        json_object_put(batch);
    }
    return code;
}

/* --- Acts --------------------------------------------------------------------------------------*/

static int act(struct app *app, const struct options *options, const char *what)
{
    struct table table;
    int code = EXITS_OK;

    batch_table_init(&table);
    for (size_t i = 0; i < options->words_len && code == EXITS_OK; i++) {
        const char *id = options->words[i];
        struct json_object *batch;

        code = app_check_id(app, "batch", id);
        if (code == EXITS_OK) {
            code = app_send(app, "POST", app_path(app, "/v1/batches/", id, what), NULL, &batch);
        }
        if (code == EXITS_OK && app->output.json) {
            output_json(batch);
        } else if (code == EXITS_OK) {
            batch_add_row(&table, batch);
        }
        if (code == EXITS_OK) {
            json_object_put(batch);
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

static int run_cancel(struct app *app, const struct options *options)
{
    return act(app, options, "/cancel");
}

static int run_retry(struct app *app, const struct options *options)
{
    return act(app, options, "/retry");
}

/* --- Results -----------------------------------------------------------------------------------*/

static int on_results(void *context, struct str bytes)
{
    int err = file_write_all(STDOUT_FILENO, bytes.ptr, bytes.len);

    (void)context;
    return err < 0 ? HUB_ERR_IO : 0;
}

static int run_results(struct app *app, const struct options *options)
{
    const char *id = options->words[0];
    const char *state = options_get(options, "state");
    struct hub_error error;
    struct reply reply;
    struct buf path;
    int code = app_check_id(app, "batch", id);

    if (code == EXITS_OK) {
        code = app_connect(app);
    }
    if (code != EXITS_OK) {
        return code;
    }
    buf_init(&path, BUF_NO_LIMIT);
    buf_append_c(&path, app_path(app, "/v1/batches/", id, "/results"));
    url_append_query(&path, "format", options_has(options, "csv") ? STR("csv") : STR("ndjson"));
    url_append_query(&path, "state", str_from_c(state));
    must_buf(&path);
    const struct request request = {
        .method = "GET",
        .path = path.ptr,
        .headers = {"Accept: */*"},
        .write = on_results,
    };
    if (client_call(app->client, &request, &reply, &error) < 0) {
        code = app_fail_with(app, &error);
    } else if (exits_of_status(reply.status) != EXITS_OK) {
        code = app_refused(app, &reply);
    }
    reply_release(&reply);
    buf_release(&path);
    return code;
}

/* --- The table ---------------------------------------------------------------------------------*/

static const struct option status_options[] = {
    {"follow", 'f', NULL, "show progress until the batch has finished", WORD_ANY},
    {0},
};

static const struct command batch_status = {
    .name = "status",
    .summary = "how far a batch is",
    .usage = "ID [--follow]",
    .about = "With --follow the exit code is 1 if a job did not succeed or a line was rejected.",
    .options = status_options,
    .examples = "hubctl batch status 019a… --follow",
    .run = run_status,
    .words_min = 1,
    .words_max = 1,
};

static const struct option results_options[] = {
    {"csv", 0, NULL, "CSV instead of NDJSON", WORD_ANY},
    {"state", 's', "STATE,…", "only lines in these states; also `rejected`", WORD_JOB_STATE},
    {0},
};

static const struct command batch_results = {
    .name = "results",
    .summary = "what became of each line, in their order, to stdout",
    .usage = "ID [OPTIONS]",
    .about = "Also while the batch runs: a line's state is what it is now.",
    .options = results_options,
    .examples = "# What went wrong\n"
                "hubctl batch results 019a… --state failed,unknown,rejected",
    .run = run_results,
    .words_min = 1,
    .words_max = 1,
};

#define ACT(id, word, text)                                                                        \
    static const struct command batch_##id = {                                                     \
        .name = word,                                                                              \
        .summary = text,                                                                           \
        .usage = "ID…",                                                                            \
        .examples = "hubctl batch " word " 019a…",                                                 \
        .run = run_##id,                                                                           \
        .words_min = 1,                                                                            \
        .words_max = COMMAND_WORDS_ANY,                                                            \
    }

ACT(pause, "pause", "start none of its jobs; what runs goes on");
ACT(resume, "resume", "go on with a paused batch");
ACT(cancel, "cancel", "cancel all of its jobs that are not finished");
ACT(retry, "retry", "queue its failed and unknown jobs again");

static const struct command *const subcommands[] = {&batch_run,   &batch_status, &batch_results,
                                                    &batch_pause, &batch_resume, &batch_cancel,
                                                    &batch_retry, NULL};

const struct command cmd_batch = {
    .name = "batch",
    .summary = "many jobs in one file: upload, watch, collect the results",
    .usage = "",
    .about = "Without a subcommand: the newest batches.",
    .examples = "hubctl batch run rows.csv -t email.send --map email=to --wait\n"
                "hubctl batch",
    .subcommands = subcommands,
    .run = run_list,
};
