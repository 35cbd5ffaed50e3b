/* hubctl get: one job in full, now or when it has ended. */
#include "base/clock.h"
#include "hubctl/commands.h"
#include "hubctl/follow.h"
#include "hubctl/job_view.h"

#include <json-c/json.h>

static int show(struct app *app, const char *id)
{
    struct json_object *job;
    struct buf text;
    int code = app_get(app, app_path(app, "/v1/jobs/", id, ""), &job);

    if (code != EXITS_OK) {
        return code;
    }
    if (app->output.json) {
        output_json(job);
    } else {
        buf_init(&text, BUF_NO_LIMIT);
        job_append_card(&app->output, &text, job, clock_wall_ms());
        output_write(&text);
        buf_release(&text);
    }
    json_object_put(job);
    return EXITS_OK;
}

static int run(struct app *app, const struct options *options)
{
    const char *id = options->words[0];
    const char *dir = options_get(options, "output");
    struct json_object *job;
    int64_t wait_ms;
    int code;

    if ((code = app_check_id(app, "a job", id)) != EXITS_OK ||
        (code = follow_wait_ms(app, options, &wait_ms)) != EXITS_OK) {
        return code;
    }
    if (!dir && wait_ms == 0 && !options_has(options, "wait")) {
        return show(app, id);
    }
    if ((code = follow_job(app, id, wait_ms, &job)) == EXITS_OK) {
        code = follow_finish(app, job, dir, options_has(options, "overwrite"));
        json_object_put(job);
    }
    return code;
}

static const struct option get_options[] = {FOLLOW_OPTIONS, {0}};

const struct command cmd_get = {
    .name = "get",
    .summary = "show a job: input, result, files, every attempt",
    .usage = "ID [OPTIONS]",
    .about = "With --wait it follows the job until it has ended, prints the result as `run --wait` "
             "does, and the exit code tells how the job ended. A job that has ended already is "
             "printed at once.",
    .options = get_options,
    .examples = "# What became of it?\n"
                "hubctl get 0193a8c2-5d1f-7c3e-9b1a-4f2d6e8a0b1c\n"
                "\n"
                "# Wait for it, and save its files\n"
                "hubctl get 0193a8c2-5d1f-7c3e-9b1a-4f2d6e8a0b1c -o out\n"
                "\n"
                "# The result alone, for a program\n"
                "hubctl get --json 0193a8c2-5d1f-7c3e-9b1a-4f2d6e8a0b1c | jq .result",
    .run = run,
    .words_min = 1,
    .words_max = 1,
    .words = WORD_JOB,
};
