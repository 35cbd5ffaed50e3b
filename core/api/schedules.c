/* /v1/schedules: when to make which job. */
#include "api/schedules.h"

#include "api/cursor.h"
#include "api/json_span.h"
#include "api/render.h"
#include "base/clock.h"
#include "jobs/schedules.h"

#include <string.h>

#define ONE_MAX      (1u << 20)
#define LIST_MAX     (64u << 20)
#define RUNS_DEFAULT 50
#define RUNS_MAX     500
#define NAME_MAX_LEN 64

/* --- Rendering ---------------------------------------------------------------------------------*/

/* As ISO 8601 writes it, with the largest units that fit: "P1D", "PT1H30M", "PT0.5S". */
static void append_span(struct buf *out, int64_t ms)
{
    const int64_t days = ms / 86400000, hours = ms / 3600000 % 24, minutes = ms / 60000 % 60,
                  seconds = ms / 1000 % 60, rest = ms % 1000;

    buf_append_c(out, "\"P");
    if (days > 0) {
        buf_append_format(out, "%lldD", (long long)days);
    }
    if (ms % 86400000 > 0 || ms == 0) {
        buf_append_char(out, 'T');
    }
    if (hours > 0) {
        buf_append_format(out, "%lldH", (long long)hours);
    }
    if (minutes > 0) {
        buf_append_format(out, "%lldM", (long long)minutes);
    }
    if (rest > 0) {
        buf_append_format(out, "%lld.%03lldS", (long long)seconds, (long long)rest);
    } else if (seconds > 0 || ms == 0) {
        buf_append_format(out, "%lldS", (long long)seconds);
    }
    buf_append_char(out, '"');
}

static void append_ticks(struct buf *out, const struct schedule_spec *spec)
{
    bool cron = spec->kind == SCHEDULE_CRON;

    buf_append_char(out, ',');
    render_text_or_null(out, "cron", cron ? str_from_c(spec->cron_text) : (struct str){0});
    buf_append_char(out, ',');
    render_text_or_null(out, "time_zone", cron ? str_from_c(spec->time_zone) : (struct str){0});
    buf_append_c(out, ",\"every\":");
    if (spec->kind == SCHEDULE_EVERY) {
        append_span(out, spec->every_ms);
    } else {
        buf_append_c(out, "null");
    }
    buf_append_c(out, ",\"at\":");
    clock_append_json(out, spec->at);
    buf_append_c(out, ",\"start\":");
    clock_append_json(out, spec->start_at);
    buf_append_c(out, ",\"end\":");
    clock_append_json(out, spec->end_at);
}

static void append_policies(struct buf *out, const struct schedule_spec *spec)
{
    static const char *const OVERLAPS[] = {
#define X(name, text) [SCHEDULE_OVERLAP_##name] = text,
        SCHEDULE_OVERLAP_MAP(X)
#undef X
    };
    static const char *const MISFIRES[] = {
#define X(name, text) [SCHEDULE_MISFIRE_##name] = text,
        SCHEDULE_MISFIRE_MAP(X)
#undef X
    };

    buf_append_c(out, ",\"jitter\":");
    append_span(out, spec->jitter_ms);
    buf_append_format(out, ",\"overlap\":\"%s\",\"misfire\":\"%s\",\"misfire_limit\":%u",
                      OVERLAPS[spec->overlap], MISFIRES[spec->misfire], spec->misfire_limit);
    buf_append_c(out, ",\"history\":");
    append_span(out, spec->history_ms);
}

static void append_schedule(struct buf *out, const struct schedule_view *view)
{
    const struct schedule_record *record = view->record;
    struct str template = json_member_span(record->spec, STR("template"));

    buf_append_c(out, "{\"name\":");
    buf_append_json_string(out, record->name);
    append_ticks(out, view->spec);
    append_policies(out, view->spec);
    buf_append_format(out, ",\"paused\":%s,", record->paused ? "true" : "false");
    render_text_or_null(out, "problem", str_from_c(view->problem));
    buf_append_format(out, ",\"unfinished_jobs\":%u,\"waiting\":%u,\"next\":[", view->unfinished,
                      view->waiting);
    for (unsigned i = 0; i < view->upcoming_count; i++) {
        buf_append_c(out, i > 0 ? "," : "");
        clock_append_json(out, view->upcoming[i]);
    }
    buf_append_c(out, "],\"last\":");
    clock_append_json(out, record->cursor_at);
    buf_append_c(out, ",\"created_at\":");
    clock_append_json(out, record->created_at);
    buf_append_c(out, ",\"updated_at\":");
    clock_append_json(out, record->updated_at);
    buf_append_c(out, ",\"template\":");
    buf_append_str(out, template.ptr != NULL ? template : STR("null"));
    buf_append_char(out, '}');
}

static void append_run(struct buf *out, const struct schedule_run *run)
{
    char id[ID_TEXT_LEN + 1];

    buf_append_c(out, "{\"tick\":");
    clock_append_json(out, run->tick);
    buf_append_c(out, ",\"at\":");
    clock_append_json(out, run->at);
    buf_append_format(out, ",\"outcome\":\"%s\",\"by_hand\":%s,\"misfired\":%s,\"missed\":%u,",
                      schedule_outcome_name(run->outcome), run->by_hand ? "true" : "false",
                      run->misfired ? "true" : "false", run->missed);
    id_format(&run->made.id, id);
    for (enum work_kind kind = WORK_JOB; kind < WORK_KIND_COUNT; kind++) {
        bool is_it = kind == run->made.kind && !id_is_zero(&run->made.id);
        render_text_or_null(out, work_kind_name(kind), is_it ? str_from_c(id) : (struct str){0});
        buf_append_char(out, ',');
    }
    render_text_or_null(out, "reason", run->reason.len > 0 ? run->reason : (struct str){0});
    buf_append_char(out, '}');
}

/* --- GET ---------------------------------------------------------------------------------------*/

struct listing {
    struct buf body;
    const char *separator;
};

static void visit(void *context, const struct schedule_view *view)
{
    struct listing *listing = context;

    buf_append_c(&listing->body, listing->separator);
    listing->separator = ",";
    append_schedule(&listing->body, view);
}

void api_schedule_list(struct api_call *call)
{
    struct listing listing = {.separator = ""};

    buf_init(&listing.body, LIST_MAX);
    buf_append_c(&listing.body, "{\"schedules\":[");
    schedules_each(call->api->deps.schedules, visit, &listing);
    buf_append_c(&listing.body, "]}");
    api_reply_buf(call, 200, &listing.body);
}

static bool find(struct api_call *call, struct schedule_view *ret_view)
{
    if (!schedules_find(call->api->deps.schedules, call->match.params[0], ret_view)) {
        api_fail(call, HUB_ERR_NOT_FOUND, "there is no schedule of this name");
        return false;
    }
    return true;
}

static void answer(struct api_call *call, int status)
{
    struct schedule_view view;
    struct buf body;

    if (find(call, &view)) {
        buf_init(&body, ONE_MAX);
        append_schedule(&body, &view);
        api_reply_buf(call, status, &body);
    }
}

void api_schedule_get(struct api_call *call)
{
    answer(call, 200);
}

/* --- PUT ---------------------------------------------------------------------------------------*/

struct putting {
    struct api_call *call;
    struct schedule_fault fault;
};

static void fail_fault(struct api_call *call, const struct schedule_fault *fault)
{
    struct http_problem_item item = {str_from_c(fault->pointer),
                                     fault->pointer[0] != '\0' ? str_from_c(fault->pointer + 1)
                                                               : STR("oneOf"),
                                     str_from_c(fault->detail)};
    struct http_problem problem = {
        .err = HUB_ERR_INVALID_INPUT, .detail = item.detail, .items = &item, .item_count = 1};

    api_call_drop_json(call);
    http_respond_problem_full(call->req, &problem);
}

static void on_put(void *context, int err, bool is_new)
{
    struct putting *putting = context;

    if (err == HUB_ERR_INVALID_INPUT) {
        fail_fault(putting->call, &putting->fault);
    } else if (err == HUB_ERR_LIMIT) {
        api_fail(
            putting->call, err,
            "a schedule has at most 256 KiB, all of them 32 MiB, and there are at most 10,000");
    } else if (err < 0) {
        api_fail(putting->call, err, "the schedule could not be stored");
    } else {
        answer(putting->call, is_new ? 201 : 200);
    }
}

/* The same pattern as JobCreate's `queue`. */
static bool name_is_valid(struct str name)
{
    static const char REST[] = "abcdefghijklmnopqrstuvwxyz0123456789_.-";

    if (name.len == 0 || name.len > NAME_MAX_LEN || strchr("_.-", name.ptr[0]) != NULL) {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '\0' || strchr(REST, name.ptr[i]) == NULL) {
            return false;
        }
    }
    return true;
}

/* Would the template make anything? What it makes is thrown away. */
static bool template_is_fit(struct api_call *call)
{
    struct template_fault unfit = {0};
    struct json_object *json = NULL;
    struct store_op *op = NULL;

    schema_errors_init(&unfit.errors, SCHEMA_ERRORS_MAX);
    int err = json_read(call->body, JSON_DEPTH_MAX, &json, NULL, NULL); /* that may be changed */
    if (err == 0) {
        err = schedule_template_make(call->api, json, call->body, STR(""), &op, &unfit);
    }
    if (err < 0 && unfit.errors.len > 0) {
        api_fail_schema(call, &unfit.errors, str_from_c(unfit.prefix));
    } else if (err < 0) {
        api_fail(call, err, "the template could not be checked");
    }
    schema_errors_release(&unfit.errors);
    json_object_put(json);
    store_op_free(op);
    return err == 0;
}

void api_schedule_put(struct api_call *call)
{
    struct putting *putting = arena_zalloc(&call->req->arena, sizeof *putting);
    const struct schedule_put put = {
        .name = call->match.params[0],
        .text = call->body,
        .json = call->json,
        .created_by = str_from_c(call->principal.name),
    };

    if (putting == NULL) {
        api_fail(call, HUB_ERR_NOMEM, "out of memory");
        return;
    }
    if (!name_is_valid(put.name)) {
        api_fail(call, HUB_ERR_NOT_FOUND,
                 "a schedule can't have this name: up to 64 of a-z, 0-9, '_', '-' and '.'");
        return;
    }
    if (template_is_fit(call)) {
        putting->call = call;
        schedules_put(call->api->deps.schedules, &put, &putting->fault, on_put, putting);
    }
}

/* --- Acts --------------------------------------------------------------------------------------*/

static void fail_act(struct api_call *call, int err)
{
    api_fail(call, err,
             err == HUB_ERR_NOT_FOUND ? "there is no schedule of this name"
                                      : "the schedule could not be changed");
}

static void on_deleted(void *context, int err)
{
    if (err < 0) {
        fail_act(context, err);
    } else {
        api_reply_empty(context, 204);
    }
}

void api_schedule_delete(struct api_call *call)
{
    schedules_delete(call->api->deps.schedules, call->match.params[0], on_deleted, call);
}

static void on_paused(void *context, int err)
{
    if (err < 0) {
        fail_act(context, err);
    } else {
        answer(context, 200);
    }
}

void api_schedule_pause(struct api_call *call)
{
    schedules_pause(call->api->deps.schedules, call->match.params[0], true, on_paused, call);
}

void api_schedule_resume(struct api_call *call)
{
    schedules_pause(call->api->deps.schedules, call->match.params[0], false, on_paused, call);
}

static void on_run(void *context, int err, const struct schedule_run *run)
{
    struct api_call *call = context;
    struct buf body;

    if (err < 0 && run->reason.len > 0) {
        api_fail(call, err, "%.*s", STR_ARG(run->reason));
    } else if (err < 0) {
        fail_act(call, err);
    } else {
        buf_init(&body, ONE_MAX);
        append_run(&body, run);
        api_reply_buf(call, 202, &body);
    }
}

void api_schedule_run(struct api_call *call)
{
    schedules_run(call->api->deps.schedules, call->match.params[0], on_run, call);
}

/* --- Runs --------------------------------------------------------------------------------------*/

static void answer_runs(struct api_call *call, const struct store_schedule_runs *runs)
{
    struct buf body;
    struct id place = {{0}};

    buf_init(&body, ONE_MAX);
    buf_append_c(&body, "{\"runs\":[");
    for (unsigned i = 0; i < runs->ret_count; i++) {
        buf_append_c(&body, i > 0 ? "," : "");
        append_run(&body, &runs->ret_runs[i]);
    }
    if (runs->ret_more) {
        memcpy(place.bytes, &runs->ret_runs[runs->ret_count - 1].tick, sizeof(int64_t));
    }
    cursor_reply(call, &body, runs->ret_more ? &place : NULL);
    buf_release(&body);
}

static void on_runs(struct store_op *op, void *context)
{
    struct api_call *call = context;

    if (op->err < 0) {
        api_fail(call, op->err, "the runs could not be read");
    } else {
        answer_runs(call, &op->schedule_runs);
    }
}

void api_schedule_runs(struct api_call *call)
{
    struct id place = {{0}};
    struct schedule_view view;
    struct store_op *op;
    uint64_t limit;

    if (!find(call, &view) || !cursor_read(call, &place) ||
        !api_query_u64(call, "limit", 1, RUNS_MAX, RUNS_DEFAULT, &limit)) {
        return;
    }
    op = api_op(call, STORE_SCHEDULE_RUNS, on_runs);
    if (op == NULL) {
        return;
    }
    op->schedule_runs.schedule = view.record->seq;
    op->schedule_runs.limit = (unsigned)limit;
    memcpy(&op->schedule_runs.before, place.bytes, sizeof(int64_t));
    api_submit(call, op);
}
