/* hubctl cancel, retry and delete: one request for each id, all of them tried. */
#include "base/json.h"
#include "hubctl/app.h"
#include "hubctl/commands.h"
#include "hubctl/job_view.h"
#include "hubctl/text.h"

struct act {
    const char *method;
    const char *suffix; /* of the path */
    const char *done;   /* what is said when there is no state to say */
};

static void say(struct app *app, const char *id, struct json_object *job, const char *done)
{
    struct str state = job ? job_state(job) : str_from_c(done);
    struct buf text;

    if (app->output.json && job) {
        output_json(job);
        return;
    }
    if (app->output.json || app->output.quiet) {
        return;
    }
    buf_init(&text, BUF_NO_LIMIT);
    text_append_safe(&text, str_from_c(id));
    buf_append_str(&text, STR("  "));
    style_append(&text, app->output.out_colour, job_state_style(state), state);
    buf_append_char(&text, '\n');
    output_write(&text);
    buf_release(&text);
}

static int act_on(struct app *app, const struct act *act, const char *id)
{
    struct json_object *job = NULL;
    bool deletes = act->suffix[0] == '\0'; /* then there is no body */
    int code = app_send(app, act->method, app_path(app, "/v1/jobs/", id, act->suffix), NULL,
                        deletes ? NULL : &job);

    if (code == EXITS_OK) {
        say(app, id, job, act->done);
    }
    json_object_put(job);
    return code;
}

/* The first failure's code; but when hubd cannot be reached the rest is not tried. */
static int act_on_all(struct app *app, const struct act *act, const struct options *options)
{
    int first = EXITS_OK;

    for (size_t i = 0; i < options->words_len; i++) {
        if (app_check_id(app, "a job", options->words[i]) != EXITS_OK) {
            return EXITS_USAGE;
        }
    }
    for (size_t i = 0; i < options->words_len; i++) {
        int code = act_on(app, act, options->words[i]);

        first = first == EXITS_OK ? code : first;
        if (code != EXITS_OK && code != EXITS_REFUSED) {
            break;
        }
    }
    return first;
}

static int run_cancel(struct app *app, const struct options *options)
{
    return act_on_all(app, &(struct act){"POST", "/cancel", "cancelled"}, options);
}

static int run_retry(struct app *app, const struct options *options)
{
    return act_on_all(app, &(struct act){"POST", "/retry", "queued"}, options);
}

static int run_delete(struct app *app, const struct options *options)
{
    return act_on_all(app, &(struct act){"DELETE", "", "deleted"}, options);
}

const struct command cmd_cancel = {
    .name = "cancel",
    .summary = "end jobs that have not ended, also running ones",
    .usage = "ID…",
    .about = "A job that waits is cancelled at once; a running attempt is told to stop. A job that "
             "has ended already is left as it is.",
    .examples = "hubctl cancel 0193a8c2-5d1f-7c3e-9b1a-4f2d6e8a0b1c\n"
                "\n"
                "# Everything that waits in a queue\n"
                "hubctl list --queue mail -s queued -a --json | jq -r .id | xargs hubctl cancel",
    .run = run_cancel,
    .words_min = 1,
    .words_max = COMMAND_WORDS_ANY,
    .words = WORD_JOB,
};

const struct command cmd_retry = {
    .name = "retry",
    .summary = "try failed or unknown jobs again",
    .usage = "ID…",
    .about =
        "The job goes back into its queue with its input, its id and the attempts it has made; "
        "it may make as many attempts again as at first.\n"
        "\n"
        "A job that is `unknown` may have done its work: look before you try again.",
    .examples = "hubctl retry 0193a8c2-5d1f-7c3e-9b1a-4f2d6e8a0b1c",
    .run = run_retry,
    .words_min = 1,
    .words_max = COMMAND_WORDS_ANY,
    .words = WORD_JOB,
};

const struct command cmd_delete = {
    .name = "delete",
    .summary = "forget jobs that have ended, and the files they made",
    .usage = "ID…",
    .about = "hubd forgets finished jobs by itself when their retention is over; this does it now.",
    .examples = "hubctl delete 0193a8c2-5d1f-7c3e-9b1a-4f2d6e8a0b1c",
    .run = run_delete,
    .words_min = 1,
    .words_max = COMMAND_WORDS_ANY,
    .words = WORD_JOB,
};
