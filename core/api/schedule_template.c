#include "api/schedules.h"

#include "api/batches.h"
#include "api/flow_fill.h"
#include "api/input_refs.h"
#include "api/job_account.h"
#include "api/job_fill.h"
#include "api/json_span.h"

#include <stdio.h>
#include <string.h>

/* One error in words of our own. */
static int fault(struct template_fault *ret_fault, const char *prefix, struct str pointer,
                 struct str keyword, struct str detail)
{
    struct schema_errors *errors = &ret_fault->errors;

    ret_fault->prefix = prefix;
    errors->items[0] = (struct schema_error){
        .pointer = arena_str(&errors->arena, pointer),
        .keyword = keyword,
        .detail = arena_str(&errors->arena, detail),
    };
    if (errors->items[0].pointer.ptr == NULL || errors->items[0].detail.ptr == NULL) {
        return HUB_ERR_NOMEM;
    }
    errors->len = 1;
    return HUB_ERR_INVALID_INPUT;
}

static int no_type(const struct api *api, struct str name, struct template_fault *ret_fault)
{
    struct str near = types_suggest(api->deps.types, name);
    char detail[HUB_ERROR_DETAIL_MAX];

    snprintf(detail, sizeof detail, "no connector offers \"%.*s\"%s%.*s%s", STR_ARG(name),
             near.len ? ", did you mean \"" : "", (int)near.len, near.len ? near.ptr : "",
             near.len ? "\"?" : "");
    return fault(ret_fault, "/template/type", STR(""), STR("type"), str_from_c(detail));
}

static int fill_account(const struct api *api, struct json_object *json,
                        const struct job_type *type, struct arena *arena,
                        struct job_record *ret_job, struct template_fault *ret_fault)
{
    struct hub_error error;
    struct str name;

    if (job_account(api->deps.types, api->deps.accounts, json, type, &name, &error) < 0) {
        return fault(ret_fault, "/template/account", STR(""), STR("account"),
                     str_from_c(error.detail));
    }
    if (name.len > 0) {
        ret_job->account = arena_str(arena, name);
    }
    return name.len > 0 && ret_job->account.ptr == NULL ? HUB_ERR_NOMEM : 0;
}

static int fill(const struct api *api, const struct job_source *source, const struct job_type *type,
                struct arena *arena, struct job_record *ret_job, struct template_fault *ret_fault)
{
    struct job_fault unseen = {0};

    ret_fault->prefix = "/template/input";
    int err = schema_validate_open(type->input, source->input, source->open ? input_ref_is : NULL,
                                   &ret_fault->errors);
    if (err < 0) {
        return err;
    }
    err = job_fill(source, type, arena, ret_job, &unseen);
    if (err < 0 && unseen.detail != NULL) {
        return fault(ret_fault, "/template", unseen.pointer.ptr ? unseen.pointer : STR(""),
                     unseen.keyword.ptr ? unseen.keyword : STR("template"),
                     str_from_c(unseen.detail));
    }
    return err < 0 ? err : fill_account(api, source->json, type, arena, ret_job, ret_fault);
}

static int make_job(struct api *api, struct json_object *template, struct str text,
                    struct str created_by, struct store_op **ret_op,
                    struct template_fault *ret_fault)
{
    struct job_source source = {.json = template, .text = text, .accounts = api->deps.accounts};
    struct json_object *empty = NULL;
    struct str name = {0};

    json_get_str(template, "type", &name);
    const struct job_type *type = types_find(api->deps.types, name);
    if (type == NULL) {
        return no_type(api, name, ret_fault);
    }
    struct store_op *op = store_op_new(STORE_JOB_INSERT);
    if (op == NULL) {
        return HUB_ERR_NOMEM;
    }
    if (!json_get_object(template, "input", &source.input)) {
        source.input = empty = json_object_new_object();
    }
    source.open = input_refs_any(text, source.input);
    struct job_record *job = &op->job_insert.job;
    job->created_by = arena_str(&op->arena, created_by);
    int err = job->created_by.ptr != NULL ? fill(api, &source, type, &op->arena, job, ret_fault)
                                          : HUB_ERR_NOMEM;
    json_object_put(empty);
    if (err < 0) {
        store_op_free(op);
        return err;
    }
    *ret_op = op;
    return 0;
}

static int make_flow(struct api *api, struct json_object *flow, struct str created_by,
                     struct store_op **ret_op, struct template_fault *ret_fault)
{
    struct store_op *op = store_op_new(STORE_FLOW_INSERT);
    struct flow_fault unfit = {0};

    if (op == NULL) {
        return HUB_ERR_NOMEM;
    }
    int err = flow_fill(api, flow, created_by, STR(""), op, &unfit);
    if (err < 0 && unfit.detail.ptr != NULL) {
        err = fault(ret_fault, "/template/flow", unfit.pointer, unfit.keyword, unfit.detail);
    }
    if (err < 0) {
        store_op_free(op);
        return err;
    }
    *ret_op = op;
    return 0;
}

/* --- A batch -----------------------------------------------------------------------------------*/

/* Parts the template: what says where lines come from, and what holds for the batch. */
static int part_batch(struct json_object *template, struct json_object **ret_source,
                      struct json_object **ret_settings)
{
    static const char *const OF_SOURCE[] = {"source", "format", "map", "delimiter"};
    struct json_object *source = json_object_new_object();
    struct json_object *settings = json_object_new_object();
    bool ok = source != NULL && settings != NULL;

    json_object_object_foreach(template, name, member) {
        bool of_source = false;
        for (size_t i = 0; i < sizeof OF_SOURCE / sizeof *OF_SOURCE; i++) {
            of_source = of_source || strcmp(name, OF_SOURCE[i]) == 0;
        }
        ok = ok && json_object_object_add(of_source ? source : settings, name,
                                          json_object_get(member)) == 0;
    }
    *ret_source = source;
    *ret_settings = settings;
    return ok ? 0 : HUB_ERR_NOMEM;
}

static int fill_batch(struct api *api, struct json_object *settings, struct store_op *op,
                      struct template_fault *ret_fault)
{
    struct batch_record *batch = &op->batch_create.batch;
    struct json_object *defaults = NULL;
    struct batch_bad_line bad = {0};
    struct job_record *job = NULL;
    struct str why = {0};

    int err = batch_settings_apply(api, settings, &op->arena, batch, &defaults, &why);
    json_object_put(defaults);
    if (err < 0) {
        return err == HUB_ERR_NOMEM
                   ? err
                   : fault(ret_fault, "/template/batch", STR(""), STR("settings"), why);
    }
    err = batch_on_complete(api, settings, &batch->id, &op->arena, &job, &bad);
    return err == HUB_ERR_INVALID_INPUT ? fault(ret_fault, "/template/batch/on_complete",
                                                bad.pointer, STR("on_complete"), bad.reason)
                                        : err;
}

static int make_batch(struct api *api, struct json_object *template, struct str created_by,
                      struct store_op **ret_op, struct template_fault *ret_fault)
{
    struct store_op *op = store_op_new(STORE_BATCH_CREATE);
    struct json_object *source = NULL;
    struct json_object *settings = NULL;

    int err = op != NULL ? part_batch(template, &source, &settings) : HUB_ERR_NOMEM;
    if (err == 0) {
        err = fill_batch(api, settings, op, ret_fault);
    }
    if (err == 0) {
        struct batch_record *batch = &op->batch_create.batch;
        const char *text = json_object_to_json_string_ext(source, JSON_C_TO_STRING_PLAIN);
        batch->source = arena_str(&op->arena, str_from_c(text));
        batch->created_by = arena_str(&op->arena, created_by);
        sha256_of(batch->settings, &op->batch_create.request);
        err = batch->source.ptr != NULL && batch->created_by.ptr != NULL ? 0 : HUB_ERR_NOMEM;
    }
    json_object_put(source);
    json_object_put(settings);
    if (err < 0) {
        store_op_free(op);
        return err;
    }
    *ret_op = op;
    return 0;
}

int schedule_template_make(struct api *api, struct json_object *json, struct str text,
                           struct str created_by, struct store_op **ret_op,
                           struct template_fault *ret_fault)
{
    struct json_object *template, *whole;

    if (!json_get_object(json, "template", &template)) {
        return fault(ret_fault, "/template", STR(""), STR("required"), STR("there is none"));
    }
    if (json_get_object(template, "flow", &whole)) {
        return make_flow(api, whole, created_by, ret_op, ret_fault);
    }
    if (json_get_object(template, "batch", &whole)) {
        return make_batch(api, whole, created_by, ret_op, ret_fault);
    }
    return make_job(api, template, json_member_span(text, STR("template")), created_by, ret_op,
                    ret_fault);
}

int api_schedule_make(struct api *api, const struct schedule_record *schedule,
                      struct store_op **ret_op, struct hub_error *error)
{
    struct template_fault unfit = {0};
    struct json_object *json = NULL;

    schema_errors_init(&unfit.errors, 1);
    int err = json_read(schedule->spec, JSON_DEPTH_MAX, &json, NULL, error);
    if (err == 0) {
        err =
            schedule_template_make(api, json, schedule->spec, schedule->created_by, ret_op, &unfit);
    }
    if (err < 0 && err != HUB_ERR_NOMEM && unfit.errors.len > 0) {
        const struct schema_error *first = &unfit.errors.items[0];
        hub_fail(error, err, "%s%.*s: %.*s", unfit.prefix, STR_ARG(first->pointer),
                 STR_ARG(first->detail));
    }
    schema_errors_release(&unfit.errors);
    json_object_put(json);
    return err;
}
