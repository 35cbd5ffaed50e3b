/* hubctl run: input from the command line, files uploaded, the job posted and followed. */
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/json_place.h"
#include "hubctl/commands.h"
#include "hubctl/follow.h"
#include "hubctl/human.h"
#include "hubctl/input.h"
#include "hubctl/job_view.h"
#include "hubctl/labels.h"
#include "hubctl/must.h"
#include "hubctl/text.h"
#include "hubctl/transfer.h"

#include <string.h>
#include <unistd.h>

#define INPUT_MAX ((size_t)1024 * 1024) /* hubd takes no larger body */

/* --- the input -------------------------------------------------------------------------------- */

/* --input JSON, @FILE or - */
static int read_input(struct app *app, const char *text, struct json_object **ret_input)
{
    struct hub_error error = {0};
    struct buf data;
    int err = 0;

    buf_init(&data, INPUT_MAX);
    if (!text) {
        *ret_input = must(json_object_new_object());
        return EXITS_OK;
    }
    if (strcmp(text, "-") == 0) {
        err = file_read_fd(STDIN_FILENO, &data, &error);
    } else if (text[0] == '@') {
        err = file_read(text + 1, &data, &error);
    } else {
        buf_append_c(&data, text);
    }
    if (err < 0) {
        buf_release(&data);
        return app_fail(app, EXITS_LOCAL, "--input: %s", error.detail);
    }
    err = input_read_object(buf_view(&data), "--input", ret_input, &error);
    buf_release(&data);
    return err < 0 ? app_fail_with(app, &error) : EXITS_OK;
}

static int apply_sets(struct app *app, const struct options *options, struct json_object *input)
{
    struct hub_error error;
    const char *assignment;

    for (size_t i = 0; (assignment = options_next(options, "set", &i));) {
        if (input_set(input, str_from_c(assignment), &error) < 0) {
            return app_fail_with(app, &error);
        }
    }
    return EXITS_OK;
}

static bool is_url(struct str text)
{
    return str_starts_with(text, STR("https://")) || str_starts_with(text, STR("http://"));
}

/* {"NAME": TEXT}. */
static struct json_object *reference_new(const char *name, struct str text)
{
    struct json_object *reference = must(json_object_new_object());

    must_ok(json_object_object_add(reference, name,
                                   must(json_object_new_string_len(text.ptr, (int)text.len))));
    return reference;
}

/* "NAME=PATH": uploads PATH and puts {"artifact": ID} at NAME. "NAME=URL": puts {"url": URL}, which
 * hubd fetches. */
static int attach_file(struct app *app, const char *text, struct json_object *input)
{
    struct str path = str_from_c(text);
    struct str place = str_split(&path, '=');
    struct json_object *artifact;
    struct hub_error error;
    struct str id;
    int code;

    if (!path.ptr || path.len == 0 || place.len == 0) {
        return app_usage(app, "--file needs NAME=PATH or NAME=URL, not '%s'", text);
    }
    if (is_url(path)) {
        return json_place_put(input, place, reference_new("url", path), &error) < 0
                   ? app_fail_with(app, &error)
                   : EXITS_OK;
    }
    struct upload upload = {.path = path.ptr}; /* the end of argv's string, so NUL-terminated */
    if ((code = transfer_upload(app, &upload, &artifact)) != EXITS_OK) {
        return code;
    }
    if (!json_get_str(artifact, "id", &id)) {
        json_object_put(artifact);
        return app_fail(app, EXITS_UNREACHABLE, "hubd's answer to an upload has no id");
    }
    struct json_object *reference = reference_new("artifact", id);
    json_object_put(artifact);
    return json_place_put(input, place, reference, &error) < 0 ? app_fail_with(app, &error)
                                                               : EXITS_OK;
}

static int attach_files(struct app *app, const struct options *options, struct json_object *input)
{
    const char *text;
    int code = EXITS_OK;

    for (size_t i = 0; code == EXITS_OK && (text = options_next(options, "file", &i));) {
        code = attach_file(app, text, input);
    }
    return code;
}

/* --- the job ---------------------------------------------------------------------------------- */

static void add(struct json_object *object, const char *name, struct json_object *value)
{
    must_ok(json_object_object_add(object, name, must(value)));
}

static int add_after(struct app *app, const struct options *options, struct json_object *job)
{
    struct json_object *after = must(json_object_new_array());
    const char *id;

    add(job, "after", after);
    for (size_t i = 0; (id = options_next(options, "after", &i));) {
        if (app_check_id(app, "a job", id) != EXITS_OK) {
            return EXITS_USAGE;
        }
        must_ok(json_object_array_add(after, must(json_object_new_string(id))));
    }
    return EXITS_OK;
}

static int add_time(struct app *app, const struct options *options, const char *option,
                    const char *member, struct json_object *job)
{
    const char *text = options_get(options, option);
    char formatted[CLOCK_RFC3339_LEN + 1];
    int64_t at;

    if (!text) {
        return EXITS_OK;
    }
    if (!human_parse_time(str_from_c(text), clock_wall_ms(), &at)) {
        return app_usage(app, "--%s is a time like 2026-11-23T06:00:00Z or +10m, not '%s'", option,
                         text);
    }
    clock_format(at, formatted);
    add(job, member, json_object_new_string(formatted));
    return EXITS_OK;
}

static int add_numbers(struct app *app, const struct options *options, struct json_object *job)
{
    struct hub_error error;
    const char *timeout = options_get(options, "timeout");
    int64_t priority = 0;
    int64_t attempts = 0;
    int64_t ms;

    if (options_i64(options, "priority", -100, 100, &priority, &error) < 0 ||
        options_i64(options, "max-attempts", 1, 100, &attempts, &error) < 0) {
        return app_fail_with(app, &error);
    }
    if (options_has(options, "priority")) {
        add(job, "priority", json_object_new_int64(priority));
    }
    if (attempts > 0) {
        add(job, "max_attempts", json_object_new_int64(attempts));
    }
    if (timeout) {
        if (!human_parse_duration(str_from_c(timeout), &ms)) {
            return app_usage(app, "--timeout is a duration like 30s or 5m, not '%s'", timeout);
        }
        add(job, "timeout_ms", json_object_new_int64(ms));
    }
    return EXITS_OK;
}

/* Everything but the input. */
static int describe(struct app *app, const struct options *options, struct json_object *job)
{
    const char *queue = options_get(options, "queue");
    const char *account = options_get(options, "account");
    const char *policy = options_get(options, "on-parent-failure");
    const char *callback = options_get(options, "callback-url");
    int code;

    add(job, "type", json_object_new_string(options->words[0]));
    if (callback) {
        add(job, "callback_url", json_object_new_string(callback));
    }
    if (policy) {
        add(job, "on_parent_failure", json_object_new_string(policy));
    }
    if (queue) {
        add(job, "queue", json_object_new_string(queue));
    }
    if (account) {
        add(job, "account", json_object_new_string(account));
    }
    if ((code = add_numbers(app, options, job)) != EXITS_OK ||
        (code = add_time(app, options, "run-at", "run_at", job)) != EXITS_OK ||
        (code = add_time(app, options, "expires-at", "expires_at", job)) != EXITS_OK) {
        return code;
    }
    if ((code = labels_add(app, options, job)) != EXITS_OK) {
        return code;
    }
    return options_has(options, "after") ? add_after(app, options, job) : EXITS_OK;
}

static int post(struct app *app, const struct options *options, struct json_object *job,
                struct json_object **ret_posted)
{
    const char *key = options_get(options, "idempotency-key");
    struct buf header;
    struct buf body;
    int code;

    buf_init(&header, BUF_NO_LIMIT);
    buf_init(&body, BUF_NO_LIMIT);
    json_append(&body, job);
    struct request request = {
        .method = "POST", .path = "/v1/jobs", .headers = {"Content-Type: application/json"}};
    if (key) {
        buf_append_str(&header, STR("Idempotency-Key: "));
        text_append_safe(&header, str_from_c(key)); /* so it stays one header line */
        must_buf(&header);
        request.headers[1] = header.ptr;
    }
    must_buf(&body);
    request.body = buf_view(&body);
    code = app_call(app, &request, ret_posted);
    buf_release(&header);
    buf_release(&body);
    return code;
}

static void say_posted(struct app *app, struct json_object *job, struct str id)
{
    struct str state = job_state(job);
    struct buf text;

    if (app->output.json) {
        output_json(job);
        return;
    }
    buf_init(&text, BUF_NO_LIMIT);
    text_append_safe(&text, id);
    if (!app->output.quiet) {
        buf_append_str(&text, STR("  "));
        style_append(&text, app->output.out_colour, job_state_style(state), state);
    }
    buf_append_char(&text, '\n');
    output_write(&text);
    buf_release(&text);
    if (app->output.err_terminal) {
        output_note(&app->output, "`hubctl get %.*s --wait` follows it", STR_ARG(id));
    }
}

static int follow(struct app *app, const struct options *options, struct str id, int64_t wait_ms)
{
    struct json_object *finished;
    const char *dir = options_get(options, "output");
    int code = follow_job(app, must(arena_strdup(&app->arena, id)), wait_ms, &finished);

    if (code == EXITS_OK) {
        code = follow_finish(app, finished, dir, options_has(options, "overwrite"));
        json_object_put(finished);
    }
    return code;
}

/* `job` and `input` are complete but for the files. */
static int send_job(struct app *app, const struct options *options, struct json_object *job,
                    struct json_object *input, int64_t wait_ms)
{
    bool wait = options_has(options, "wait") || options_has(options, "output") || wait_ms > 0;
    struct json_object *posted;
    struct str id;
    int code = app_connect(app);

    if (code != EXITS_OK) {
        return code;
    }
    interrupt_hold(&app->interrupt);
    if ((code = attach_files(app, options, input)) != EXITS_OK) {
        return code;
    }
    if (options_has(options, "input") || json_object_object_length(input) > 0) {
        add(job, "input", json_object_get(input));
    }
    if ((code = post(app, options, job, &posted)) != EXITS_OK) {
        return code;
    }
    if (!json_get_str(posted, "id", &id)) {
        code = app_fail(app, EXITS_UNREACHABLE, "hubd's answer to a job has no id");
    } else if (wait) {
        code = follow(app, options, id, wait_ms);
    } else {
        say_posted(app, posted, id);
    }
    json_object_put(posted);
    return code;
}

static int run(struct app *app, const struct options *options)
{
    struct json_object *job = must(json_object_new_object());
    struct json_object *input = NULL;
    int64_t wait_ms;
    int code;

    if ((code = follow_wait_ms(app, options, &wait_ms)) == EXITS_OK &&
        (code = describe(app, options, job)) == EXITS_OK &&
        (code = read_input(app, options_get(options, "input"), &input)) == EXITS_OK &&
        (code = apply_sets(app, options, input)) == EXITS_OK) {
        code = send_job(app, options, job, input, wait_ms);
    }
    json_object_put(input);
    json_object_put(job);
    return code;
}

static const struct option run_options[] = {
    {"input", 'i', "JSON|@FILE|-", "the input: JSON, a file that holds it, or stdin", WORD_FILE},
    {"set", 's', "NAME=VALUE", "set one member of the input; VALUE is JSON or else a string",
     WORD_ANY},
    {"file", 'f', "NAME=PATH|URL", "put a file at NAME in the input: uploaded, or fetched by hubd",
     WORD_FILE},
    FOLLOW_OPTIONS,
    {"account", 'a', "NAME", "the credentials to use; the connector's default if not given",
     WORD_ACCOUNT},
    {"queue", 0, "NAME", "the queue; \"default\" if not given", WORD_QUEUE},
    {"priority", 0, "N", "-100…100; higher goes first", WORD_ANY},
    {"run-at", 0, "TIME", "not before this time: RFC 3339, or +10m", WORD_ANY},
    {"expires-at", 0, "TIME", "fail if it could not start by then", WORD_ANY},
    {"timeout", 0, "DURATION", "how long one attempt may take, like 30s", WORD_ANY},
    {"max-attempts", 0, "N", "1…100", WORD_ANY},
    {"label", 'l', "NAME=VALUE", "a name of your own, to find it again; may be repeated", WORD_ANY},
    {"after", 0, "ID", "a job that must have ended first; may be repeated", WORD_JOB},
    {"on-parent-failure", 0, "POLICY",
     "what a job of --after that fails does to this one: fail (the default), skip or run_anyway",
     WORD_ANY},
    {"callback-url", 0, "URL", "where a signed message is posted once the job has ended", WORD_ANY},
    {"idempotency-key", 0, "KEY", "the same key never makes a second job", WORD_ANY},
    {0},
};

const struct command cmd_run = {
    .name = "run",
    .summary = "post a job; with --wait follow it, with -o fetch its files",
    .usage = "TYPE [OPTIONS]",
    .about =
        "TYPE is CONNECTOR.OPERATION, as `hubctl connectors` lists them; `hubctl connectors TYPE` "
        "shows what its input looks like.\n"
        "\n"
        "NAME in --set and --file is a place in the input: a dotted path (outputs.0.width) or a "
        "JSON Pointer (/outputs/0/width). What is missing on the way is made; an array where the "
        "next part is 0, \"-\" adds an element. --input comes first, then each --set in order, "
        "then the files.\n"
        "\n"
        "Without --wait the job's id and state are printed, with --quiet only the id. With --wait "
        "the exit code tells how the job ended.",
    .options = run_options,
    .examples = "# Make a thumbnail of a photograph and save it in thumbs/\n"
                "hubctl run image.transform -f image=cat.jpg -s width=200 -o thumbs\n"
                "\n"
                "# Input from a file, not before six in the morning, with a label\n"
                "hubctl run email.send -i @mail.json --run-at 2026-11-24T06:00:00Z -l to=crm\n"
                "\n"
                "# In a script: the id alone, and never the same job twice\n"
                "id=$(hubctl run -q noop.run --idempotency-key order-1001)",
    .run = run,
    .words_min = 1,
    .words_max = 1,
    .words = WORD_JOB_TYPE,
};
