#include "hubctl/job_view.h"

#include "base/clock.h"
#include "base/json.h"
#include "hubctl/human.h"
#include "hubctl/text.h"

#include <inttypes.h>

#define LABEL_WIDTH 10

const struct column job_columns[] = {
    {"ID", .keep = true},
    {"TYPE", .keep = true, .shrink = true, .min = 12},
    {"STATE", .keep = true},
    {"TRIES", .align = ALIGN_RIGHT, .rank = 4},
    {"CREATED", .align = ALIGN_RIGHT, .rank = 1},
    {"TOOK", .align = ALIGN_RIGHT, .rank = 3},
    {"QUEUE", .rank = 5, .shrink = true},
    {"NOTE", .rank = 2, .shrink = true},
    {"LABELS", .rank = 6, .shrink = true},
};
const size_t job_columns_len = sizeof job_columns / sizeof job_columns[0];

static const struct state_look {
    struct str name;
    bool final;
    enum style style;
    const char *mark;
} looks[] = {
    {STR_INIT("blocked"), false, STYLE_YELLOW, "◌"},
    {STR_INIT("scheduled"), false, STYLE_YELLOW, "◷"},
    {STR_INIT("queued"), false, STYLE_PLAIN, "○"},
    {STR_INIT("running"), false, STYLE_CYAN, "●"},
    {STR_INIT("succeeded"), true, STYLE_GREEN, "✓"},
    {STR_INIT("failed"), true, STYLE_RED, "✗"},
    {STR_INIT("cancelled"), true, STYLE_DIM, "⊘"},
    {STR_INIT("unknown"), true, STYLE_MAGENTA, "?"},
};

const char *const job_state_names[] = {"blocked", "scheduled", "queued",  "running", "succeeded",
                                       "failed",  "cancelled", "unknown", NULL};

static const struct state_look *look_of(struct str state)
{
    for (size_t i = 0; i < sizeof looks / sizeof looks[0]; i++) {
        if (str_eq(looks[i].name, state)) {
            return &looks[i];
        }
    }
    return NULL;
}

struct str job_state(struct json_object *job)
{
    return text_member(job, "state");
}

bool job_is_final(struct str state)
{
    const struct state_look *look = look_of(state);
    return look && look->final;
}

enum style job_state_style(struct str state)
{
    const struct state_look *look = look_of(state);
    return look ? look->style : STYLE_PLAIN;
}

void job_append_mark(struct buf *buf, bool colour, struct str state)
{
    const struct state_look *look = look_of(state);
    style_append(buf, colour, job_state_style(state), str_from_c(look ? look->mark : "·"));
}

/* --- members ---------------------------------------------------------------------------------- */

static bool time_of(struct json_object *object, const char *name, int64_t *ret_ms)
{
    return clock_parse(text_member(object, name), ret_ms);
}

static bool took(struct json_object *object, int64_t *ret_ms)
{
    int64_t started;
    int64_t finished;

    if (!time_of(object, "started_at", &started) || !time_of(object, "finished_at", &finished)) {
        return false;
    }
    *ret_ms = finished - started;
    return true;
}

/* "a=b c=d" */
static void append_labels(struct buf *buf, struct json_object *job)
{
    struct json_object *labels;
    bool first = true;

    if (!json_get_object(job, "labels", &labels)) {
        return;
    }
    json_object_object_foreach(labels, name, value) {
        buf_append_str(buf, first ? STR("") : STR(" "));
        text_append_safe(buf, str_from_c(name));
        buf_append_char(buf, '=');
        text_append_safe(buf,
                         json_object_is_type(value, json_type_string) ? json_str(value) : STR("?"));
        first = false;
    }
}

static void append_progress(struct buf *buf, struct json_object *progress)
{
    struct json_object *fraction = json_object_object_get(progress, "fraction");
    struct str message = text_member(progress, "message");

    buf_append_format(buf, "%d %%", (int)(json_object_get_double(fraction) * 100));
    if (message.len > 0) {
        buf_append_char(buf, ' ');
        text_append_safe(buf, message);
    }
}

/* What there is to say about a job in a few words: its error, its progress, when it starts. */
static void append_note(struct buf *buf, struct json_object *job, int64_t now_ms)
{
    struct json_object *object;
    int64_t run_at;

    if (json_get_object(job, "error", &object)) {
        text_append_safe(buf, text_member(object, "code"));
    } else if (!job_is_final(job_state(job)) && json_get_object(job, "progress", &object)) {
        append_progress(buf, object);
    } else if (str_eq(job_state(job), STR("scheduled")) && time_of(job, "run_at", &run_at)) {
        human_append_relative(buf, run_at, now_ms);
    }
}

void job_append_row(struct table *table, struct json_object *job, int64_t now_ms)
{
    struct str queue = text_member(job, "queue");
    int64_t number = 0;
    int64_t most = 0;
    int64_t ms;
    struct buf *cell;

    table_cell(table, STYLE_PLAIN, text_member(job, "id"));
    table_cell(table, STYLE_PLAIN, text_member(job, "type"));
    table_cell(table, job_state_style(job_state(job)), job_state(job));
    cell = table_cell_begin(table, STYLE_PLAIN);
    if (json_get_i64(job, "attempt", &number) && json_get_i64(job, "max_attempts", &most)) {
        buf_append_format(cell, "%" PRId64 "/%" PRId64, number, most);
    }
    cell = table_cell_begin(table, STYLE_PLAIN);
    if (time_of(job, "created_at", &ms)) {
        human_append_relative(cell, ms, now_ms);
    }
    cell = table_cell_begin(table, STYLE_PLAIN);
    if (took(job, &ms)) {
        human_append_duration(cell, ms);
    }
    table_cell(table, STYLE_PLAIN, str_eq(queue, STR("default")) ? STR("") : queue);
    append_note(table_cell_begin(table, STYLE_DIM), job, now_ms);
    append_labels(table_cell_begin(table, STYLE_DIM), job);
}

/* --- one job ---------------------------------------------------------------------------------- */

static void section(const struct output *output, struct buf *buf, const char *title)
{
    buf_append_char(buf, '\n');
    style_append(buf, output->out_colour, STYLE_BOLD, str_from_c(title));
    buf_append_char(buf, '\n');
}

/* "  label     " */
static void label(const struct output *output, struct buf *buf, const char *text)
{
    buf_append_str(buf, STR("  "));
    style_append(buf, output->out_colour, STYLE_DIM, str_from_c(text));
    text_append_blanks(buf, LABEL_WIDTH - text_width(str_from_c(text)));
}

static void time_line(const struct output *output, struct buf *buf, const char *name,
                      struct json_object *job, const char *member, int64_t now_ms)
{
    int64_t at;

    if (time_of(job, member, &at)) {
        label(output, buf, name);
        human_append_local(buf, at);
        buf_append_str(buf, STR("  ("));
        human_append_relative(buf, at, now_ms);
        buf_append_str(buf, STR(")\n"));
    }
}

static void append_head(const struct output *output, struct buf *buf, struct json_object *job)
{
    struct str state = job_state(job);
    int64_t number = 0;
    int64_t most = 0;
    int64_t priority = 0;
    int64_t ms;

    job_append_mark(buf, output->out_colour, state);
    buf_append_char(buf, ' ');
    text_append_safe(buf, text_member(job, "id"));
    buf_append_str(buf, STR("  "));
    style_append(buf, output->out_colour, job_state_style(state), state);
    buf_append_char(buf, '\n');
    label(output, buf, "type");
    text_append_safe(buf, text_member(job, "type"));
    buf_append_char(buf, '\n');
    label(output, buf, "queue");
    text_append_safe(buf, text_member(job, "queue"));
    if (json_get_i64(job, "priority", &priority) && priority != 0) {
        buf_append_format(buf, ", priority %" PRId64, priority);
    }
    buf_append_char(buf, '\n');
    if (json_get_i64(job, "attempt", &number) && json_get_i64(job, "max_attempts", &most)) {
        label(output, buf, "attempt");
        buf_append_format(buf, "%" PRId64 " of at most %" PRId64, number, most);
        if (json_get_i64(job, "timeout_ms", &ms)) {
            buf_append_str(buf, STR(", each in "));
            human_append_duration(buf, ms);
        }
        buf_append_char(buf, '\n');
    }
}

static void append_after(const struct output *output, struct buf *buf, struct json_object *job)
{
    struct json_object *after;

    if (!json_get_array(job, "after", &after)) {
        return;
    }
    for (size_t i = 0; i < json_object_array_length(after); i++) {
        struct json_object *id = json_object_array_get_idx(after, i);
        label(output, buf, i == 0 ? "after" : "");
        text_append_safe(buf, json_object_is_type(id, json_type_string) ? json_str(id) : STR("?"));
        buf_append_char(buf, '\n');
    }
}

static void append_facts(const struct output *output, struct buf *buf, struct json_object *job,
                         int64_t now_ms)
{
    struct json_object *progress;
    struct json_object *labels;
    int64_t ms;

    time_line(output, buf, "created", job, "created_at", now_ms);
    if (!job_is_final(job_state(job))) {
        time_line(output, buf, "starts", job, "run_at", now_ms);
        time_line(output, buf, "expires", job, "expires_at", now_ms);
    }
    time_line(output, buf, "started", job, "started_at", now_ms);
    time_line(output, buf, "finished", job, "finished_at", now_ms);
    if (took(job, &ms)) {
        label(output, buf, "took");
        human_append_duration(buf, ms);
        buf_append_char(buf, '\n');
    }
    if (json_get_object(job, "labels", &labels) && json_object_object_length(labels) > 0) {
        label(output, buf, "labels");
        append_labels(buf, job);
        buf_append_char(buf, '\n');
    }
    append_after(output, buf, job);
    if (!job_is_final(job_state(job)) && json_get_object(job, "progress", &progress)) {
        label(output, buf, "progress");
        append_progress(buf, progress);
        buf_append_char(buf, '\n');
    }
}

static void append_json(const struct output *output, struct buf *buf, const char *title,
                        struct json_object *value)
{
    section(output, buf, title);
    buf_append_str(buf, STR("  "));
    output_append_json(buf, output->out_colour, value, 2);
    buf_append_char(buf, '\n');
}

static void append_error(const struct output *output, struct buf *buf, struct json_object *job)
{
    struct json_object *error;
    struct json_object *details;
    bool retryable = false;

    if (!json_get_object(job, "error", &error)) {
        return;
    }
    section(output, buf, "Error");
    buf_append_str(buf, STR("  "));
    style_append(buf, output->out_colour, STYLE_RED, text_member(error, "code"));
    buf_append_str(buf, STR(": "));
    text_append_safe(buf, text_member(error, "message"));
    json_get_bool(error, "retryable", &retryable);
    buf_append_str(buf, retryable ? STR("\n  trying again may help\n") : STR("\n"));
    if (json_get_object(error, "details", &details)) {
        buf_append_str(buf, STR("  "));
        output_append_json(buf, output->out_colour, details, 2);
        buf_append_char(buf, '\n');
    }
}

static void append_cause(struct buf *buf, struct json_object *attempt)
{
    struct json_object *cause;
    int64_t number = 0;

    if (!json_get_object(attempt, "cause", &cause)) {
        return;
    }
    json_get_i64(cause, "number", &number);
    text_append_safe(buf, text_member(cause, "kind"));
    buf_append_format(buf, " %" PRId64, number);
    if (text_member(cause, "name").len > 0) {
        buf_append_char(buf, ' ');
        text_append_safe(buf, text_member(cause, "name"));
    }
}

static enum style outcome_style(struct str outcome)
{
    if (str_eq(outcome, STR("succeeded"))) {
        return STYLE_GREEN;
    }
    return outcome.len == 0 ? STYLE_CYAN : STYLE_RED;
}

static void append_attempt(struct table *table, struct json_object *attempt)
{
    struct str outcome = text_member(attempt, "outcome");
    int64_t number = 0;
    int64_t pid = 0;
    int64_t ms;
    struct buf *cell;

    json_get_i64(attempt, "number", &number);
    buf_append_i64(table_cell_begin(table, STYLE_PLAIN), number);
    cell = table_cell_begin(table, STYLE_PLAIN);
    if (time_of(attempt, "started_at", &ms)) {
        human_append_local(cell, ms);
    }
    cell = table_cell_begin(table, STYLE_PLAIN);
    if (took(attempt, &ms)) {
        human_append_duration(cell, ms);
    }
    table_cell(table, outcome_style(outcome), outcome.len > 0 ? outcome : STR("running"));
    table_cell(table, STYLE_PLAIN, text_member(attempt, "code"));
    append_cause(table_cell_begin(table, STYLE_PLAIN), attempt);
    table_cell(table, STYLE_PLAIN, text_member(attempt, "message"));
    cell = table_cell_begin(table, STYLE_DIM);
    if (json_get_i64(attempt, "runner_pid", &pid)) {
        buf_append_i64(cell, pid);
    }
    table_cell(table, STYLE_DIM, text_member(attempt, "connector_version"));
}

static void append_attempts(const struct output *output, struct buf *buf, struct json_object *job)
{
    static const struct column columns[] = {
        {"#", .keep = true, .align = ALIGN_RIGHT},
        {"STARTED", .rank = 2},
        {"TOOK", .align = ALIGN_RIGHT, .rank = 1},
        {"OUTCOME", .keep = true},
        {"CODE", .keep = true},
        {"CAUSE", .rank = 3},
        {"MESSAGE", .keep = true, .wrap = true, .min = 40},
        {"PID", .align = ALIGN_RIGHT, .rank = 5},
        {"VERSION", .rank = 4},
    };
    struct json_object *attempts;
    struct table table;

    if (!json_get_array(job, "attempts", &attempts) || json_object_array_length(attempts) == 0) {
        return;
    }
    section(output, buf, "Attempts");
    table_init(&table, columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < json_object_array_length(attempts); i++) {
        append_attempt(&table, json_object_array_get_idx(attempts, i));
    }
    table_append(&table, buf, 2, output->out_width, output->out_colour);
    table_release(&table);
}

static void append_artifacts(const struct output *output, struct buf *buf, struct json_object *job)
{
    static const struct column columns[] = {
        {"NAME", .keep = true, .shrink = true},
        {"TYPE", .rank = 1},
        {"SIZE", .keep = true, .align = ALIGN_RIGHT},
        {"ID", .rank = 2},
        {"SAVED AS", .keep = false},
    };
    struct json_object *artifacts;
    struct table table;

    if (!json_get_array(job, "artifacts", &artifacts) || json_object_array_length(artifacts) == 0) {
        return;
    }
    section(output, buf, "Files");
    table_init(&table, columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < json_object_array_length(artifacts); i++) {
        struct json_object *artifact = json_object_array_get_idx(artifacts, i);
        int64_t size = 0;

        json_get_i64(artifact, "size", &size);
        table_cell(&table, STYLE_PLAIN, text_member(artifact, "name"));
        table_cell(&table, STYLE_DIM, text_member(artifact, "media_type"));
        human_append_size(table_cell_begin(&table, STYLE_PLAIN), (uint64_t)(size > 0 ? size : 0));
        table_cell(&table, STYLE_DIM, text_member(artifact, "id"));
        table_cell(&table, STYLE_GREEN, text_member(artifact, "path"));
    }
    table_append(&table, buf, 2, output->out_width, output->out_colour);
    table_release(&table);
}

static void append_result(const struct output *output, struct buf *buf, struct json_object *job)
{
    struct json_object *result = json_object_object_get(job, "result");

    if (result) {
        append_json(output, buf, "Result", result);
    }
}

void job_append_card(const struct output *output, struct buf *buf, struct json_object *job,
                     int64_t now_ms)
{
    struct json_object *input;

    append_head(output, buf, job);
    append_facts(output, buf, job, now_ms);
    if (json_get_object(job, "input", &input)) {
        append_json(output, buf, "Input", input);
    }
    append_error(output, buf, job);
    append_result(output, buf, job);
    append_artifacts(output, buf, job);
    append_attempts(output, buf, job);
}

void job_append_outcome(const struct output *output, struct buf *buf, struct json_object *job)
{
    struct str state = job_state(job);
    int64_t number = 0;
    int64_t ms;

    job_append_mark(buf, output->out_colour, state);
    buf_append_char(buf, ' ');
    text_append_safe(buf, text_member(job, "type"));
    buf_append_char(buf, ' ');
    style_append(buf, output->out_colour, job_state_style(state), state);
    if (took(job, &ms)) {
        buf_append_str(buf, STR(" in "));
        human_append_duration(buf, ms);
    }
    if (json_get_i64(job, "attempt", &number) && number > 1) {
        buf_append_format(buf, " with attempt %" PRId64, number);
    }
    buf_append_str(buf, STR("  "));
    style_append(buf, output->out_colour, STYLE_DIM, text_member(job, "id"));
    buf_append_char(buf, '\n');
    append_error(output, buf, job);
    append_result(output, buf, job);
    append_artifacts(output, buf, job);
    if (!str_eq(state, STR("succeeded"))) {
        append_attempts(output, buf, job);
    }
}
