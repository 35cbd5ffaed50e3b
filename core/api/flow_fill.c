#include "api/flow_fill.h"

#include "api/input_refs.h"
#include "api/job_account.h"
#include "api/job_fill.h"
#include "api/schemas.h"

static int check(struct flow_plan *plan, const struct flow_node *node, const struct schema *schema,
                 struct json_object *value, schema_hole_fn *is_hole, const char *prefix)
{
    struct schema_errors errors;
    struct buf place;

    schema_errors_init(&errors, 1);
    int err = schema_validate_open(schema, value, is_hole, &errors);
    if (err < 0) {
        buf_init(&place, 4096);
        buf_append_c(&place, prefix);
        buf_append_str(&place, errors.items[0].pointer);
        struct str keyword = errors.items[0].keyword;
        err = flow_plan_fail(plan, node, HUB_ERR_INVALID_INPUT, buf_view(&place), "",
                             errors.items[0].detail);
        plan->fault->keyword = arena_str(plan->arena, keyword);
        buf_release(&place);
    }
    schema_errors_release(&errors);
    return err;
}

static int fill_account(struct api *api, struct flow_plan *plan, const struct flow_node *node,
                        struct job_record *job)
{
    struct hub_error error;
    struct str name;
    int err =
        job_account(api->deps.types, api->deps.accounts, node->json, node->type, &name, &error);

    if (err < 0) {
        return flow_plan_fail(plan, node, err, STR("/account"), "account",
                              str_from_c(error.detail));
    }
    job->account = name.len > 0 ? arena_str(plan->arena, name) : (struct str){0};
    return name.len > 0 && job->account.ptr == NULL ? HUB_ERR_NOMEM : 0;
}

static schema_hole_fn *hole_of(const struct flow_node *node, bool open)
{
    return node->for_each != NULL ? input_ref_or_item_is : open ? input_ref_is : NULL;
}

/* Takes what a JobCreate does not have. */
static int fill_each(struct flow_plan *plan, const struct flow_node *node, struct job_record *job)
{
    if (node->for_each == NULL) {
        return 0;
    }
    job->for_each = arena_str(plan->arena, str_from_c(json_object_to_json_string_ext(
                                               node->for_each, JSON_C_TO_STRING_PLAIN)));
    json_object_object_del(node->json, "for_each");
    return job->for_each.ptr != NULL ? 0 : HUB_ERR_NOMEM;
}

/* The record, from the node's JSON, which is a JobCreate now. */
static int fill_record(struct api *api, struct flow_plan *plan, const struct flow_node *node,
                       struct json_object *input, struct job_record *job)
{
    struct job_fault fault = {0};
    struct job_source source = {.json = node->json, .input = input, .accounts = api->deps.accounts};
    struct buf text;

    buf_init(&text, BUF_NO_LIMIT);
    json_append(&text, node->json);
    source.text = buf_view(&text);
    source.open = node->for_each != NULL || input_refs_any(source.text, input);
    int err = buf_failed(&text) ? HUB_ERR_NOMEM
                                : check(plan, node, node->type->input, input,
                                        hole_of(node, source.open), "/input");
    if (err == 0) {
        err = job_fill(&source, node->type, plan->arena, job, &fault);
    }
    if (err < 0 && fault.detail != NULL) {
        err = flow_plan_fail(plan, node, err, fault.pointer.ptr ? fault.pointer : STR(""), "",
                             str_from_c(fault.detail));
    }
    buf_release(&text);
    return err < 0 ? err : fill_account(api, plan, node, job);
}

static int fill_item(struct api *api, struct flow_plan *plan, const struct flow_node *node,
                     struct job_record *job)
{
    struct json_object *empty = NULL;
    struct json_object *input = NULL;

    int err = fill_each(plan, node, job);
    if (err == 0) {
        err = check(plan, node, api_schema(api->schemas, "JobCreate"), node->json, NULL, "");
    }
    if (err < 0) {
        return err;
    }
    if (!json_get_object(node->json, "input", &input)) {
        input = empty = json_object_new_object();
    }
    job->id = node->id;
    job->flow_node = arena_str(plan->arena, node->name);
    err = job->flow_node.ptr ? fill_record(api, plan, node, input, job) : HUB_ERR_NOMEM;
    json_object_put(empty);
    return err;
}

static int fill_flow(struct json_object *json, struct str created_by, struct store_op *op)
{
    struct flow_record *flow = &op->flow_insert.flow;
    struct json_object *labels;
    struct str name = {0};
    struct str url = {0};

    json_get_str(json, "name", &name);
    if (json_get_str(json, "callback_url", &url)) {
        flow->callback_url = arena_str(&op->arena, url);
    }
    flow->name = name.len > 0 ? arena_str(&op->arena, name) : name;
    flow->created_by = arena_str(&op->arena, created_by);
    if (json_get_object(json, "labels", &labels)) {
        flow->labels = arena_str(
            &op->arena, str_from_c(json_object_to_json_string_ext(labels, JSON_C_TO_STRING_PLAIN)));
    }
    if (url.len > 0 && !flow->callback_url.ptr) {
        return HUB_ERR_NOMEM;
    }
    return flow->created_by.ptr && (name.len == 0 || flow->name.ptr) ? 0 : HUB_ERR_NOMEM;
}

static int fill_items(struct api *api, struct flow_plan *plan, struct str traceparent,
                      struct store_op *op)
{
    struct store_flow_insert *insert = &op->flow_insert;
    int err = 0;

    insert->items = arena_zalloc(&op->arena, plan->count * sizeof *insert->items);
    insert->item_count = plan->count;
    if (insert->items == NULL) {
        return HUB_ERR_NOMEM;
    }
    for (unsigned i = 0; i < plan->count && err == 0; i++) {
        struct job_record *job = &insert->items[i].job;
        job->traceparent = traceparent;
        job->created_by = insert->flow.created_by;
        err = fill_item(api, plan, &plan->nodes[plan->order[i]], job);
    }
    return err;
}

int flow_fill(struct api *api, struct json_object *json, struct str created_by,
              struct str traceparent, struct store_op *op, struct flow_fault *ret_fault)
{
    struct json_object *jobs = NULL;
    struct flow_plan plan;

    json_get_object(json, "jobs", &jobs);
    int err = flow_plan_make(api->deps.types, jobs, &op->arena, &plan, ret_fault);
    if (err < 0) {
        return err;
    }
    op->flow_insert.flow.id = jobs_next_id(api->deps.jobs);
    for (unsigned i = 0; i < plan.count; i++) {
        plan.nodes[plan.order[i]].id = jobs_next_id(api->deps.jobs);
    }
    err = flow_plan_rename(&plan);
    if (err == 0) {
        err = fill_flow(json, created_by, op);
    }
    return err < 0 ? err : fill_items(api, &plan, arena_str(&op->arena, traceparent), op);
}
