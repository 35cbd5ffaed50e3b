/* hubctl connector check: does a connector keep the contract? */
#include "base/json.h"
#include "hubctl/app.h"
#include "hubctl/commands.h"
#include "hubctl/connector_file.h"
#include "hubctl/human.h"
#include "hubctl/must.h"
#include "hubctl/text.h"
#include "kit/check.h"

#include <stdio.h>
#include <string.h>

#define CHECK_WIDTH 12

static const struct {
    const char *name;
    const char *mark;
    enum style style;
} LOOKS[] = {
    [VERDICT_PASS] = {"pass", "✓", STYLE_GREEN},
    [VERDICT_WARN] = {"warning", "!", STYLE_YELLOW},
    [VERDICT_FAIL] = {"fault", "✗", STYLE_RED},
    [VERDICT_SKIP] = {"skipped", "-", STYLE_DIM},
};

/* --- Findings ----------------------------------------------------------------------------------*/

static struct json_object *text_or_null(const char *s)
{
    return s ? must(json_object_new_string(s)) : NULL;
}

static void show_for_programs(const struct finding *finding)
{
    struct json_object *object = must(json_object_new_object());
    bool ruled = finding->verdict != VERDICT_PASS;
    const struct {
        const char *name;
        const char *text;
    } members[] = {
        {"check", finding->check},
        {"operation", finding->operation},
        {"verdict", LOOKS[finding->verdict].name},
        {"rule", ruled ? rule_name(finding->rule) : NULL},
        {"detail", finding->text},
        {"remedy", ruled ? rule_mend(finding->rule) : NULL},
    };

    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        must_ok(json_object_object_add(object, members[i].name, text_or_null(members[i].text)));
    }
    output_json(object);
    json_object_put(object);
}

static void append_safe_wrapped(const struct output *output, struct buf *out, const char *text,
                                size_t indent)
{
    struct buf safe;

    buf_init(&safe, BUF_NO_LIMIT);
    text_append_safe(&safe, str_from_c(text));
    text_append_wrapped(out, buf_view(&safe), indent, output_text_width(output));
    buf_append_char(out, '\n');
    buf_release(&safe);
}

static void show_for_people(const struct output *output, const struct finding *finding)
{
    struct buf out;
    size_t length = strlen(finding->check);

    buf_init(&out, BUF_NO_LIMIT);
    buf_append_str(&out, STR("  "));
    style_append(&out, output->out_colour, LOOKS[finding->verdict].style,
                 str_from_c(LOOKS[finding->verdict].mark));
    buf_append_char(&out, ' ');
    style_append(&out, output->out_colour, STYLE_BOLD, str_from_c(finding->check));
    text_append_blanks(&out, length < CHECK_WIDTH ? CHECK_WIDTH - length : 1);
    append_safe_wrapped(output, &out, finding->text, CHECK_WIDTH + 4);
    if (finding->verdict != VERDICT_PASS) {
        struct buf mend;
        buf_init(&mend, BUF_NO_LIMIT);
        buf_append_format(&mend, "%s → %s", rule_name(finding->rule), rule_mend(finding->rule));
        must_buf(&mend);
        text_append_blanks(&out, CHECK_WIDTH + 4);
        append_safe_wrapped(output, &out, mend.ptr, CHECK_WIDTH + 4);
        buf_release(&mend);
    }
    output_write(&out);
    fflush(stdout);
    buf_release(&out);
}

struct shown {
    const struct output *output;
    char operation[65]; /* whose findings are being shown */
};

static void show_finding(void *context, const struct finding *finding)
{
    struct shown *self = context;
    const char *operation = finding->operation ? finding->operation : "";

    if (self->output->json) {
        show_for_programs(finding);
        return;
    }
    if (strcmp(self->operation, operation) != 0) {
        snprintf(self->operation, sizeof self->operation, "%s", operation);
        printf("\n%s\n", operation); /* a name: harmless */
    }
    show_for_people(self->output, finding);
}

/* --- Options -----------------------------------------------------------------------------------*/

static int read_ms(struct app *app, const struct options *options, const char *name, int *ret_ms)
{
    const char *value = options_get(options, name);
    int64_t ms;

    if (!value) {
        return EXITS_OK;
    }
    if (!human_parse_duration(str_from_c(value), &ms) || ms > 3600000) {
        return app_usage(app, "--%s is a duration like 5s, at most 1h, not '%s'", name, value);
    }
    *ret_ms = (int)ms;
    return EXITS_OK;
}

static int read_count(struct app *app, const struct options *options, const char *name,
                      unsigned *ret_count)
{
    struct hub_error error;
    int64_t count = *ret_count;

    if (options_i64(options, name, 1, 10000, &count, &error) < 0) {
        return app_fail_with(app, &error);
    }
    *ret_count = (unsigned)count;
    return EXITS_OK;
}

static int read_files(struct app *app, const struct options *options, struct check_options *check)
{
    const char *text;

    for (size_t i = 0; (text = options_next(options, "file", &i));) {
        struct str path = str_from_c(text);
        struct str pointer = str_split(&path, '=');

        if (!path.ptr || pointer.len == 0 || pointer.ptr[0] != '/') {
            return app_usage(app, "--file needs POINTER=PATH, like /image=photo.jpg, not '%s'",
                             text);
        }
        if (check->file_count == CHECK_FILES_MAX) {
            return app_usage(app, "there may be at most %d --file", CHECK_FILES_MAX);
        }
        check->files[check->file_count++] = (struct check_file){
            must(arena_strdup(&app->arena, pointer)), must(arena_strdup(&app->arena, path))};
    }
    return EXITS_OK;
}

static int read_options(struct app *app, const struct options *options, struct check_options *check)
{
    int code;

    check->operation = options_get(options, "operation");
    check->input = options_get(options, "input");
    if (check->input && !check->operation) {
        return app_usage(app, "--input needs --operation");
    }
    if ((code = read_ms(app, options, "timeout", &check->timeout_ms)) != EXITS_OK ||
        (code = read_ms(app, options, "grace", &check->grace_ms)) != EXITS_OK ||
        (code = read_ms(app, options, "patience", &check->patience_ms)) != EXITS_OK ||
        (code = read_count(app, options, "jobs", &check->jobs)) != EXITS_OK ||
        (code = read_count(app, options, "allocations", &check->allocations)) != EXITS_OK) {
        return code;
    }
    return read_files(app, options, check);
}

/* --- The command -------------------------------------------------------------------------------*/

static bool has_operation(const struct subject *subject, const char *name)
{
    for (size_t i = 0; i < subject_operations(subject); i++) {
        if (str_eq(subject_text(subject_operation(subject, i), "name"), str_from_c(name))) {
            return true;
        }
    }
    return false;
}

static int check(struct app *app, struct subject *subject)
{
    struct check_options options = CHECK_OPTIONS_DEFAULT;
    struct shown shown = {.output = &app->output};
    struct report report;
    int code = read_options(app, app->options, &options);

    if (code != EXITS_OK) {
        return code;
    }
    if (options.operation && subject->descriptor && !has_operation(subject, options.operation)) {
        return app_usage(app, "%s has no operation %s", subject->path, options.operation);
    }
    must_ok(report_init(&report));
    report.on_finding = show_finding;
    report.context = &shown;
    if (!app->output.json) {
        printf("connector\n");
    }
    check_connector(subject, &options, &report);
    if (!app->output.json) {
        printf("\n%s\n", report.failed == 0 ? "It keeps the contract." : "It breaks the contract.");
    }
    code = report.failed == 0 ? EXITS_OK : EXITS_JOB;
    report_release(&report);
    return code;
}

static int run(struct app *app, const struct options *options)
{
    return connector_file_with(app, options->words[0], check);
}

static const struct option own_options[] = {
    {"operation", 'o', "NAME", "only this operation", WORD_ANY},
    {"input", 'i', "JSON", "this input in place of the operation's example", WORD_ANY},
    {"file", 'f', "POINTER=PATH", "the file for a place in the input: /image=photo.jpg", WORD_FILE},
    {"timeout", 0, "DURATION", "of one job; 10s unless told", WORD_ANY},
    {"grace", 0, "DURATION", "from a cancel to the end of the job; 2s unless told", WORD_ANY},
    {"jobs", 0, "N", "how often a job is repeated to find leaks; 1000 unless told", WORD_ANY},
    {"allocations", 0, "N", "how many allocations are made to fail; 200 unless told", WORD_ANY},
    {"patience", 0, "DURATION", "for the two checks that repeat a job; 30s unless told", WORD_ANY},
    {0},
};

const struct command connector_check = {
    .name = "check",
    .summary = "does a connector keep the contract of <hub/connector.h>?",
    .usage = "FILE [OPTIONS]",
    .about =
        "Runs the connector's examples again and again, each time in a process of its own: as hubd "
        "would, watched, cancelled at every point, with older and newer hosts, a thousand times, "
        "and with each allocation made to fail once. What it finds comes with the rule's name "
        "and with how to mend it. The exit code is 1 if a rule was broken.\n"
        "\n"
        "An operation whose example takes a file needs --file; one that talks to a provider will "
        "fail here in an orderly way, which is no fault.",
    .options = own_options,
    .examples = "hubctl connector check greeter.so\n"
                "hubctl connector check thumb.so -o make -f /image=photo.jpg",
    .run = run,
    .words_min = 1,
    .words_max = 1,
    .words = WORD_FILE,
};
