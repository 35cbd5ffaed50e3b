#include "schemas/run.h"

#include "schemas/check.h"

#include <stdio.h>

/*
 * Values
 */

static unsigned number_type(const struct schema_number *number)
{
    return schema_number_is_integer(*number) ? TYPE_NUMBER | TYPE_INTEGER : TYPE_NUMBER;
}

void schema_instance_init(struct schema_instance *self, struct json_object *json,
                          const struct schema_instance *parent, const char *key, size_t index)
{
    self->json = json;
    self->parent = parent;
    self->key = key;
    self->index = index;
    switch (json_object_get_type(json)) {
    case json_type_boolean:
        self->type = TYPE_BOOLEAN;
        break;
    case json_type_int:
    case json_type_double:
        self->number = schema_number_of(json);
        self->type = number_type(&self->number);
        break;
    case json_type_string:
        self->string = json_str(json);
        self->type = TYPE_STRING;
        break;
    case json_type_array:
        self->type = TYPE_ARRAY;
        break;
    case json_type_object:
        self->type = TYPE_OBJECT;
        break;
    default:
        self->type = TYPE_NULL;
    }
}

void schema_instance_init_name(struct schema_instance *self, const struct schema_instance *parent,
                               const char *name)
{
    *self = (struct schema_instance){
        .type = TYPE_STRING, .string = str_from_c(name), .parent = parent, .key = name};
}

/*
 * Budget
 */

bool schema_run_abort(struct schema_run *run, int err)
{
    if (run->err == 0) {
        run->err = err;
    }
    return false;
}

bool schema_run_charge(struct schema_run *run, size_t steps)
{
    if (run->steps <= steps) {
        run->steps = 0;
        return schema_run_abort(run, HUB_ERR_LIMIT);
    }
    run->steps -= steps;
    return true;
}

/*
 * Applying a schema
 */

static bool fail_type(struct schema_run *run, const struct schema_node *node,
                      const struct schema_instance *at)
{
    static const struct {
        unsigned bit;
        const char *noun;
    } types[] = {
        {TYPE_NULL, "null"},        {TYPE_BOOLEAN, "true or false"}, {TYPE_INTEGER, "an integer"},
        {TYPE_NUMBER, "a number"},  {TYPE_STRING, "a string"},       {TYPE_ARRAY, "an array"},
        {TYPE_OBJECT, "an object"},
    };
    if (run->errors == NULL) {
        return false;
    }
    if (node->never) {
        return schema_fail(run, at, "false", "is not allowed");
    }
    char text[128];
    size_t len = 0;
    unsigned left = node->types;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (left & types[i].bit) {
            const char *joint = len == 0 ? "" : left == types[i].bit ? " or " : ", ";
            left &= ~types[i].bit;
            len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", joint, types[i].noun);
        }
    }
    return schema_fail(run, at, "type", "must be %s", text);
}

static bool apply_rules(struct schema_run *run, const struct schema_node *node,
                        const struct schema_instance *at, struct schema_seen *seen)
{
    bool ok = true;
    for (size_t i = 0; i < node->rules_len; i++) {
        const struct schema_rule *rule = &node->rules[i];
        if ((rule->applies & at->type) != 0 && !rule->check(run, rule, at, seen)) {
            ok = false;
            if (!schema_run_collects(run)) {
                break;
            }
        }
    }
    return ok;
}

/* An "unevaluated…" rule sees what its own schema evaluates, not what is beside or above that; so
 * the node keeps a record of its own and adds it to the outer one afterwards. */
static bool apply_tracking(struct schema_run *run, const struct schema_node *node,
                           const struct schema_instance *at, struct schema_seen *outer)
{
    struct schema_seen own;
    if ((at->type & (TYPE_OBJECT | TYPE_ARRAY)) == 0) {
        return apply_rules(run, node, at, NULL);
    }
    if (!schema_seen_init(&own, run, at)) {
        return false;
    }
    bool ok = apply_rules(run, node, at, &own);
    if (ok && outer != NULL) {
        schema_seen_merge(outer, &own);
    }
    schema_seen_release(&own);
    return ok;
}

bool schema_apply(struct schema_run *run, const struct schema_node *node,
                  const struct schema_instance *at, struct schema_seen *seen)
{
    if (run->err != 0 || !schema_run_charge(run, 1)) {
        return false;
    }
    if (run->is_hole != NULL && at->type == TYPE_OBJECT && run->is_hole(at->json)) {
        return true;
    }
    if ((node->types & at->type) == 0) {
        return fail_type(run, node, at);
    }
    if (node->rules_len == 0) {
        return true;
    }
    if (run->depth >= SCHEMA_EVAL_DEPTH_MAX) {
        return schema_run_abort(run, HUB_ERR_LIMIT);
    }
    run->depth++;
    const struct schema_frame *outer = run->frame;
    const struct schema_frame frame = {node->scope, outer};
    if (outer == NULL || outer->scope != node->scope) {
        run->frame = &frame;
    }
    bool ok = node->tracks ? apply_tracking(run, node, at, seen) : apply_rules(run, node, at, seen);
    run->frame = outer;
    run->depth--;
    return ok && run->err == 0;
}

bool schema_apply_quietly(struct schema_run *run, const struct schema_node *node,
                          const struct schema_instance *at, struct schema_seen *seen)
{
    struct schema_errors *errors = run->errors;
    run->errors = NULL;
    bool ok = schema_apply(run, node, at, seen);
    run->errors = errors;
    return ok;
}

/*
 * The whole
 */

/* Once through the schema: 0, HUB_ERR_INVALID_INPUT, HUB_ERR_LIMIT or HUB_ERR_NOMEM. */
static int run_once(const struct schema *schema, struct json_object *value, schema_hole_fn *is_hole,
                    struct schema_errors *errors)
{
    struct schema_run run;
    run.schema = schema;
    run.errors = errors;
    run.texts = errors != NULL ? &errors->arena : NULL;
    run.frame = NULL;
    run.is_hole = is_hole;
    run.steps = SCHEMA_STEPS_MAX;
    run.depth = 0;
    run.err = 0;
    schema_matcher_init(&run.matcher);

    struct schema_instance root;
    schema_instance_init(&root, value, NULL, NULL, 0);
    bool ok = schema_apply(&run, schema->root, &root, NULL);
    schema_matcher_release(&run.matcher);
    if (run.err != 0) {
        return run.err;
    }
    return ok ? 0 : HUB_ERR_INVALID_INPUT;
}

static void report_abort(struct schema_errors *errors, int err)
{
    errors->items[0] = (struct schema_error){
        .pointer = STR(""),
        .keyword = STR(""),
        .detail = err == HUB_ERR_LIMIT ? STR("takes too long to check against its schema")
                                       : STR("could not be checked: out of memory")};
    errors->len = 1;
}

int schema_validate(const struct schema *self, struct json_object *value,
                    struct schema_errors *errors)
{
    return schema_validate_open(self, value, NULL, errors);
}

int schema_validate_open(const struct schema *self, struct json_object *value,
                         schema_hole_fn *is_hole, struct schema_errors *errors)
{
    if (errors != NULL) {
        errors->len = 0;
        errors->more = false;
    }
    int err = run_once(self, value, is_hole, NULL);
    if (err == 0 || errors == NULL) {
        return err;
    }
    if (err == HUB_ERR_INVALID_INPUT) {
        /* That the value is invalid is known; collecting may end early all the same. */
        int why = run_once(self, value, is_hole, errors);
        if (errors->len == 0) {
            report_abort(errors, why);
        }
    } else {
        report_abort(errors, err);
    }
    return err;
}
