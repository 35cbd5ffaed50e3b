#include "api/flow_plan.h"

#include "api/input_refs.h"

#include <stdlib.h>

#define FAULT_MAX 8192

enum { MARK_NEW, MARK_OPEN, MARK_DONE };

int flow_plan_fail(struct flow_plan *self, const struct flow_node *node, int err, struct str place,
                   const char *keyword, struct str detail)
{
    struct buf pointer;

    if (self->err < 0) {
        return self->err;
    }
    buf_init(&pointer, FAULT_MAX);
    buf_append_c(&pointer, "/jobs");
    json_pointer_append(&pointer, node->name);
    buf_append_str(&pointer, place);
    *self->fault = (struct flow_fault){
        .pointer = arena_str(self->arena, buf_view(&pointer)),
        .keyword = str_from_c(keyword),
        .detail = arena_str(self->arena, detail),
    };
    self->err = self->fault->pointer.ptr && self->fault->detail.ptr ? err : HUB_ERR_NOMEM;
    buf_release(&pointer);
    return self->err;
}

/* --- Names -------------------------------------------------------------------------------------*/

static struct flow_node *find(const struct flow_plan *self, struct str name)
{
    for (unsigned i = 0; i < self->count; i++) {
        if (str_eq(self->nodes[i].name, name)) {
            return &self->nodes[i];
        }
    }
    return NULL;
}

static void fail_unknown(struct flow_plan *self, struct str name, struct str place)
{
    struct buf detail;

    buf_init(&detail, FAULT_MAX);
    buf_append_format(&detail, "no job of the flow has the name \"%.*s\", and it is no id of a job",
                      STR_ARG(str_utf8_cut(name, 128)));
    (void)flow_plan_fail(self, self->node, HUB_ERR_INVALID_INPUT, place, "name", buf_view(&detail));
    buf_release(&detail);
}

/* A text where the id of a job may stand: noted, or in the second round replaced. */
static void meet(struct flow_plan *self, struct json_object *text, struct str place)
{
    struct str name = json_str(text);
    const struct flow_node *parent = find(self, name);
    char id[ID_TEXT_LEN + 1];
    struct id outside;

    if (parent != NULL && self->renames) {
        id_format(&parent->id, id);
        self->err = json_object_set_string(text, id) ? self->err : HUB_ERR_NOMEM;
    } else if (parent != NULL) {
        self->node->parents[parent - self->nodes] = true;
    } else if (!id_parse(name, &outside)) {
        fail_unknown(self, name, place);
    }
}

static void meet_ref(void *context, struct input_ref *ref, struct str place)
{
    struct buf whole;

    buf_init(&whole, FAULT_MAX);
    buf_append_format(&whole, "/input%.*s/from", STR_ARG(place));
    meet(context, ref->from_json, buf_view(&whole));
    buf_release(&whole);
}

static void meet_file(void *context, struct json_object *file)
{
    struct json_object *job;

    if (json_object_object_get_ex(file, "job", &job) &&
        json_object_is_type(job, json_type_string)) {
        meet(context, job, STR("/input"));
    }
}

static void meet_after(struct flow_plan *self, struct json_object *list)
{
    struct buf place;

    for (size_t i = 0; self->err == 0 && i < json_object_array_length(list); i++) {
        struct json_object *item = json_object_array_get_idx(list, i);
        if (!json_object_is_type(item, json_type_string)) {
            continue; /* JobCreate will say so */
        }
        buf_init(&place, FAULT_MAX);
        buf_append_format(&place, "/after/%zu", i);
        meet(self, item, buf_view(&place));
        buf_release(&place);
    }
}

static void meet_all(struct flow_plan *self, struct flow_node *node)
{
    struct json_object *value;

    self->node = node;
    if (json_get_array(node->json, "after", &value)) {
        meet_after(self, value);
    }
    if (node->for_each != NULL && json_object_object_get_ex(node->for_each, "from", &value)) {
        meet(self, value, STR("/for_each/from"));
    }
    if (json_get_object(node->json, "input", &value)) {
        input_refs_each(value, meet_ref, self);
        places_visit(&node->type->places, value, meet_file, self);
    }
}

/* --- Order -------------------------------------------------------------------------------------*/

/* `path` is the way down to `index`, which it comes to again. */
static void fail_cycle(struct flow_plan *self, const unsigned *path, unsigned depth, unsigned index)
{
    struct buf detail;
    unsigned start = depth;

    while (start > 0 && path[start - 1] != index) {
        start--;
    }
    buf_init(&detail, FAULT_MAX);
    buf_append_c(&detail, "jobs wait for each other: ");
    for (unsigned i = start > 0 ? start - 1 : 0; i < depth; i++) {
        buf_append_str(&detail, self->nodes[path[i]].name);
        buf_append_c(&detail, " after ");
    }
    buf_append_str(&detail, self->nodes[index].name);
    (void)flow_plan_fail(self, &self->nodes[index], HUB_ERR_INVALID_INPUT, STR("/after"), "cycle",
                         str_utf8_cut(buf_view(&detail), 1024));
    buf_release(&detail);
}

static void visit(struct flow_plan *self, unsigned *path, unsigned depth, unsigned index)
{
    struct flow_node *node = &self->nodes[index];

    if (self->err < 0 || node->mark == MARK_DONE) {
        return;
    }
    if (node->mark == MARK_OPEN) {
        fail_cycle(self, path, depth, index);
        return;
    }
    node->mark = MARK_OPEN;
    path[depth] = index;
    for (unsigned i = 0; i < self->count; i++) {
        if (node->parents[i]) {
            visit(self, path, depth + 1, i);
        }
    }
    node->mark = MARK_DONE;
    self->order[self->ordered++] = index;
}

/* --- The plan ----------------------------------------------------------------------------------*/

static void find_type(struct flow_plan *self, struct flow_node *node)
{
    struct str name = {0};
    struct buf detail;

    if (!json_get_str(node->json, "type", &name)) {
        (void)flow_plan_fail(self, node, HUB_ERR_INVALID_INPUT, STR("/type"), "required",
                             STR("type: must be given, as text"));
        return;
    }
    node->type = types_find(self->types, name);
    if (node->type != NULL) {
        return;
    }
    struct str near = types_suggest(self->types, name);
    buf_init(&detail, FAULT_MAX);
    buf_append_format(&detail, "no connector offers \"%.*s\"", STR_ARG(str_utf8_cut(name, 128)));
    if (near.len > 0) {
        buf_append_format(&detail, ", did you mean \"%.*s\"?", STR_ARG(near));
    }
    (void)flow_plan_fail(self, node, HUB_ERR_UNKNOWN_TYPE, STR("/type"), "type", buf_view(&detail));
    buf_release(&detail);
}

static void find_each(struct flow_plan *self, struct flow_node *node, unsigned *count)
{
    if (json_get_object(node->json, "for_each", &node->for_each) && ++*count > FLOW_EACH_MAX) {
        (void)flow_plan_fail(self, node, HUB_ERR_INVALID_INPUT, STR("/for_each"), "for_each",
                             STR("more than 16 jobs of the flow have it"));
    }
}

int flow_plan_make(const struct types *types, struct json_object *jobs, struct arena *arena,
                   struct flow_plan *ret_plan, struct flow_fault *ret_fault)
{
    struct flow_plan *self = ret_plan;
    unsigned path[FLOW_JOBS_MAX + 1];
    unsigned each_count = 0;

    *self = (struct flow_plan){.types = types, .arena = arena, .fault = ret_fault};
    unsigned count = (unsigned)json_object_object_length(jobs);
    self->nodes = arena_zalloc(arena, (count + 1) * sizeof *self->nodes);
    if (self->nodes == NULL) {
        return HUB_ERR_NOMEM;
    }
    json_object_object_foreach(jobs, name, job) {
        self->nodes[self->count++] = (struct flow_node){.name = str_from_c(name), .json = job};
    }
    for (unsigned i = 0; i < count && self->err == 0; i++) {
        find_type(self, &self->nodes[i]);
        find_each(self, &self->nodes[i], &each_count);
    }
    for (unsigned i = 0; i < count && self->err == 0; i++) {
        meet_all(self, &self->nodes[i]);
    }
    for (unsigned i = 0; i < count; i++) {
        visit(self, path, 0, i);
    }
    return self->err;
}

/* Its `after`: all parents in the flow, and those outside that were named there. */
static int rewrite_after(const struct flow_plan *self, struct flow_node *node)
{
    struct json_object *given = NULL;
    struct json_object *after = json_object_new_array();
    char id[ID_TEXT_LEN + 1];

    for (unsigned i = 0; after != NULL && i < self->count; i++) {
        if (node->parents[i]) {
            id_format(&self->nodes[i].id, id);
            json_object_array_add(after, json_object_new_string(id));
        }
    }
    json_get_array(node->json, "after", &given);
    for (size_t i = 0; given != NULL && i < json_object_array_length(given); i++) {
        struct json_object *item = json_object_array_get_idx(given, i);
        bool inside = json_object_is_type(item, json_type_string) && find(self, json_str(item));
        if (!inside) {
            json_object_array_add(after, json_object_get(item));
        }
    }
    if (after != NULL && node->for_each != NULL &&
        json_object_object_get_ex(node->for_each, "from", &given) && !find(self, json_str(given))) {
        json_object_array_add(after, json_object_get(given));
    }
    return after != NULL && json_object_object_add(node->json, "after", after) == 0 ? 0
                                                                                    : HUB_ERR_NOMEM;
}

int flow_plan_rename(struct flow_plan *self)
{
    self->renames = true;
    for (unsigned i = 0; i < self->count && self->err == 0; i++) {
        struct flow_node *node = &self->nodes[i];
        bool waits = node->for_each != NULL || json_object_object_get_ex(node->json, "after", NULL);
        for (unsigned k = 0; k < self->count; k++) {
            waits = waits || node->parents[k];
        }
        self->err = waits ? rewrite_after(self, node) : 0;
        if (self->err == 0) {
            meet_all(self, node);
        }
    }
    return self->err;
}
