#include "api/render.h"

#include "base/clock.h"
#include "supervisor/supervisor.h"

#include <string.h>

#define JOB_USUAL_LEN 1000

static void name(struct buf *out, const char *text)
{
    buf_append_char(out, '"');
    buf_append_c(out, text);
    buf_append(out, "\":", 2);
}

static void time_or_null(struct buf *out, const char *label, int64_t at)
{
    buf_append_char(out, ',');
    name(out, label);
    clock_append_json(out, at);
}

static void id_text(struct buf *out, const struct id *id)
{
    char text[ID_TEXT_LEN + 1];

    id_format(id, text);
    buf_append_char(out, '"');
    buf_append(out, text, ID_TEXT_LEN);
    buf_append_char(out, '"');
}

static void json_or(struct buf *out, const char *label, struct str json, const char *fallback)
{
    buf_append_char(out, ',');
    name(out, label);
    if (json.len > 0) {
        buf_append_str(out, json);
    } else {
        buf_append_c(out, fallback);
    }
}

void render_text_or_null(struct buf *out, const char *label, struct str text)
{
    name(out, label);
    if (text.len == 0) {
        buf_append_c(out, "null");
    } else {
        buf_append_json_string(out, text);
    }
}

void render_artifact(struct buf *out, const struct artifact_record *artifact)
{
    char id[ID_TEXT_LEN + 1];

    id_format(&artifact->id, id);
    buf_append_format(out, "{\"id\":\"%s\",\"name\":", id);
    buf_append_json_string(out, artifact->name);
    buf_append_c(out, ",\"media_type\":");
    buf_append_json_string(out, artifact->media_type);
    buf_append_c(out, ",\"size\":");
    buf_append_u64(out, artifact->size);
    buf_append_c(out, ",\"sha256\":");
    buf_append_json_string(out, artifact->sha256);
    buf_append_format(out, ",\"url\":\"/v1/artifacts/%s\"", id);
    time_or_null(out, "created_at", artifact->created_at);
    time_or_null(out, "expires_at", artifact->expires_at);
    buf_append_char(out, '}');
}

/* What the number of a cause is called: a system call, or a signal (by abbreviation: strsignal() is
 * for people and depends on the locale). */
static void cause_name(struct buf *out, const struct attempt_record *attempt)
{
    char call[SUPERVISOR_CALL_NAME_MAX];
    const char *abbreviation = NULL;

    if (str_eq(attempt->cause, STR("policy")) &&
        supervisor_call_name(attempt->cause_number, call)) {
        buf_append_format(out, "\"%s\"", call);
        return;
    }
    if (str_eq(attempt->cause, STR("signal"))) {
        abbreviation = sigabbrev_np(attempt->cause_number);
    }
    if (abbreviation == NULL) {
        buf_append_c(out, "null");
    } else {
        buf_append_format(out, "\"SIG%s\"", abbreviation);
    }
}

static void render_cause(struct buf *out, const struct attempt_record *attempt)
{
    buf_append_c(out, ",\"cause\":");
    if (attempt->cause.len == 0) {
        buf_append_c(out, "null");
        return;
    }
    buf_append_c(out, "{\"kind\":");
    buf_append_json_string(out, attempt->cause);
    buf_append_format(out, ",\"number\":%d,\"name\":", attempt->cause_number);
    cause_name(out, attempt);
    buf_append_char(out, '}');
}

static void render_attempt(struct buf *out, const struct attempt_record *attempt)
{
    bool finished = attempt->finished_at != 0;

    buf_append_format(out, "{\"number\":%u", attempt->number);
    time_or_null(out, "started_at", attempt->started_at);
    time_or_null(out, "finished_at", attempt->finished_at);
    buf_append_char(out, ',');
    render_text_or_null(out, "outcome",
                        finished ? str_from_c(attempt_outcome_name(attempt->outcome))
                                 : (struct str){0});
    buf_append_char(out, ',');
    render_text_or_null(out, "code", attempt->code);
    buf_append_char(out, ',');
    render_text_or_null(out, "message", attempt->message);
    render_cause(out, attempt);
    buf_append_char(out, ',');
    render_text_or_null(out, "connector_version", attempt->connector_version);
    if (attempt->pid != 0) {
        buf_append_format(out, ",\"runner_pid\":%d}", attempt->pid);
    } else {
        buf_append_c(out, ",\"runner_pid\":null}");
    }
}

static void render_attempts(struct buf *out, const struct job_record *job,
                            const struct jobs_live *live)
{
    bool begun = false;

    buf_append_c(out, ",\"attempts\":[");
    for (unsigned i = 0; i < job->attempt_count; i++) {
        if (i > 0) {
            buf_append_char(out, ',');
        }
        render_attempt(out, &job->attempts[i]);
        begun = begun || (live != NULL && job->attempts[i].number == live->attempt);
    }
    if (live != NULL && live->state == JOB_RUNNING && !begun) {
        /* It runs, but its start is not written yet. */
        struct attempt_record running = {.number = live->attempt, .started_at = live->started_at};
        if (job->attempt_count > 0) {
            buf_append_char(out, ',');
        }
        render_attempt(out, &running);
    }
    buf_append_char(out, ']');
}

static void render_artifacts(struct buf *out, const struct job_record *job)
{
    buf_append_c(out, ",\"artifacts\":[");
    for (unsigned i = 0; i < job->artifact_count; i++) {
        if (i > 0) {
            buf_append_char(out, ',');
        }
        render_artifact(out, &job->artifacts[i]);
    }
    buf_append_char(out, ']');
}

static void render_error(struct buf *out, const struct job_record *job)
{
    buf_append_c(out, ",\"error\":");
    if (job->error_code.len == 0) {
        buf_append_c(out, "null");
        return;
    }
    buf_append_c(out, "{\"code\":");
    buf_append_json_string(out, job->error_code);
    buf_append_c(out, ",\"message\":");
    buf_append_json_string(out, job->error_message);
    buf_append_format(out, ",\"retryable\":%s", job->error_retryable ? "true" : "false");
    json_or(out, "details", job->error_details, "null");
    buf_append_char(out, '}');
}

static void render_progress(struct buf *out, const struct jobs_live *live)
{
    buf_append_c(out, ",\"progress\":");
    if (live == NULL || live->state != JOB_RUNNING ||
        (live->permille == 0 && live->message.len == 0)) {
        buf_append_c(out, "null");
        return;
    }
    buf_append_format(out, "{\"fraction\":%u.%03u,\"message\":", live->permille / 1000,
                      live->permille % 1000);
    buf_append_json_string(out, live->message);
    buf_append_char(out, '}');
}

static void render_after(struct buf *out, const struct job_record *job)
{
    buf_append_c(out, ",\"after\":[");
    for (unsigned i = 0; i < job->after_count; i++) {
        if (i > 0) {
            buf_append_char(out, ',');
        }
        id_text(out, &job->after[i]);
    }
    buf_append_char(out, ']');
}

/* ISO 8601, in the largest unit that needs no fraction. */
static void render_retention(struct buf *out, int64_t ms)
{
    static const struct {
        int64_t ms;
        const char *prefix;
        char unit;
    } UNITS[] = {{86400000, "P", 'D'}, {3600000, "PT", 'H'}, {60000, "PT", 'M'}, {1000, "PT", 'S'}};

    buf_append_c(out, ",\"retention\":\"");
    for (size_t i = 0; i < sizeof UNITS / sizeof UNITS[0]; i++) {
        if (ms % UNITS[i].ms == 0) {
            buf_append_c(out, UNITS[i].prefix);
            buf_append_i64(out, ms / UNITS[i].ms);
            buf_append_char(out, UNITS[i].unit);
            buf_append_char(out, '"');
            return;
        }
    }
    buf_append_format(out, "PT%lld.%03lldS\"", (long long)(ms / 1000), (long long)(ms % 1000));
}

void render_items(struct buf *out, const struct job_items *items)
{
    buf_append_format(out, "{\"total\":%u", items->count);
    for (int i = 0; i < JOB_STATE_COUNT; i++) {
        if (items->states[i] > 0) {
            buf_append_format(out, ",\"%s\":%u", job_state_name((enum job_state)i),
                              items->states[i]);
        }
    }
    buf_append_char(out, '}');
}

static void render_each(struct buf *out, const struct job_record *job)
{
    if (job->for_each.len > 0) {
        json_or(out, "for_each", job->for_each, "null");
    }
    if (job->items.made) {
        buf_append_c(out, ",\"items\":");
        render_items(out, &job->items);
    }
    if (!id_is_zero(&job->item_of)) {
        buf_append_c(out, ",\"item_of\":");
        id_text(out, &job->item_of);
    }
}

static void render_given(struct buf *out, const struct job_record *job, enum job_state state)
{
    buf_append_c(out, "{\"id\":");
    id_text(out, &job->id);
    buf_append_c(out, ",\"type\":");
    buf_append_json_string(out, job->type);
    buf_append_c(out, ",\"state\":\"");
    buf_append_c(out, job_state_name(state));
    buf_append_c(out, "\",\"queue\":");
    buf_append_json_string(out, job->queue);
    buf_append_char(out, ',');
    render_text_or_null(out, "account", job->account);
    buf_append_c(out, ",\"priority\":");
    buf_append_i64(out, job->priority);
    json_or(out, "labels", job->labels, "{}");
    time_or_null(out, "run_at", job->run_at);
    time_or_null(out, "expires_at", job->expires_at);
    buf_append_c(out, ",\"timeout_ms\":");
    buf_append_u64(out, job->timeout_ms);
    buf_append_c(out, ",\"max_attempts\":");
    buf_append_u64(out, job->max_attempts);
    render_retention(out, job->retention_ms);
}

void render_job(struct buf *out, const struct job_record *job, const struct jobs_live *live,
                enum render_detail detail)
{
    uint32_t attempt = live != NULL ? live->attempt : job->attempt;

    /* What most jobs take, at once rather than by doubling; a failure shows in the first append. */
    (void)buf_reserve(out, JOB_USUAL_LEN + job->input.len + job->result.len);
    render_given(out, job, live != NULL ? live->state : job->state);
    if (job->callback_url.len > 0) {
        buf_append_char(out, ',');
        render_text_or_null(out, "callback_url", job->callback_url);
    }
    if (!id_is_zero(&job->batch)) {
        buf_append_c(out, ",\"batch\":");
        id_text(out, &job->batch);
        buf_append_c(out, ",\"line\":");
        buf_append_u64(out, job->batch_line);
    }
    if (!id_is_zero(&job->flow)) {
        buf_append_c(out, ",\"flow\":");
        id_text(out, &job->flow);
        buf_append_char(out, ',');
        render_text_or_null(out, "flow_job", job->flow_node);
    }
    if (detail == RENDER_FULL) {
        json_or(out, "input", job->input, "{}");
        if (job->input_given.len > 0) {
            json_or(out, "input_given", job->input_given, "{}");
        }
        if (job->on_parent_failure != JOB_PARENT_FAIL) {
            buf_append_format(out, ",\"on_parent_failure\":\"%s\"",
                              job_parent_policy_name(job->on_parent_failure));
        }
        render_each(out, job);
        render_after(out, job);
        render_attempts(out, job, live);
        render_artifacts(out, job);
        if (job->result.len > 0) {
            json_or(out, "result", job->result, "null");
        }
    }
    buf_append_c(out, ",\"attempt\":");
    buf_append_u64(out, attempt);
    render_progress(out, live);
    render_error(out, job);
    time_or_null(out, "created_at", job->created_at);
    time_or_null(out, "started_at", live != NULL ? live->started_at : job->started_at);
    time_or_null(out, "finished_at", job->finished_at);
    buf_append_char(out, '}');
}

void render_job_as_created(struct buf *out, const struct job_record *job)
{
    struct job_record created = *job;

    created.state = job->accepted_state;
    created.run_at = job->accepted_run_at;
    created.expires_at = job->accepted_expires_at;
    if (job->input_given.len > 0) {
        created.input = job->input_given;
        created.input_given = (struct str){0};
    }
    created.attempt = 0;
    created.attempt_count = 0;
    created.artifact_count = 0;
    created.items.made = false;
    created.started_at = created.finished_at = 0;
    created.result = created.error_code = (struct str){0};
    render_job(out, &created, NULL, RENDER_FULL);
}
