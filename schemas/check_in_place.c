/* Rules that apply other schemas to the value itself. */
#include "schemas/check.h"
#include "schemas/run.h"

/*
 * Schemas whose failure does not make the value fail (a branch of "anyOf", an "if") get a record of
 * their own, which counts only if they pass.
 */
static bool apply_branch(struct schema_run *run, const struct schema_node *node,
                         const struct schema_instance *at, struct schema_seen *seen)
{
    struct schema_seen own;
    if (seen == NULL) {
        return schema_apply_quietly(run, node, at, NULL);
    }
    if (!schema_seen_init(&own, run, at)) {
        return false;
    }
    bool ok = schema_apply_quietly(run, node, at, &own);
    if (ok) {
        schema_seen_merge(seen, &own);
    }
    schema_seen_release(&own);
    return ok;
}

/* Also "$ref", which is an "allOf" of one. */
bool schema_check_all_of(struct schema_run *run, const struct schema_rule *rule,
                         const struct schema_instance *at, struct schema_seen *seen)
{
    bool ok = true;
    for (size_t i = 0; i < rule->nodes.len && (ok || schema_run_collects(run)); i++) {
        ok = schema_apply(run, rule->nodes.items[i], at, seen) && ok;
    }
    return ok;
}

/*
 * Explaining why no branch matches
 */

/* How far a branch is from matching. A wrong "type" of the value, or a wrong "const" just below
 * it (what tells the branches apart), means that this branch was not meant. */
static size_t rate(const struct schema_errors *branch, size_t pointer_len)
{
    size_t badness = branch->len + branch->more;
    for (size_t i = 0; i < branch->len; i++) {
        const struct schema_error *error = &branch->items[i];
        if (error->pointer.len == pointer_len && str_eq(error->keyword, STR("type"))) {
            badness += 1000;
        } else if (str_eq(error->keyword, STR("const")) || str_eq(error->keyword, STR("enum"))) {
            badness += 100;
        } else if (str_eq(error->keyword, STR("required"))) {
            badness += 2;
        }
    }
    return badness;
}

static void append_errors(struct schema_errors *errors, const struct schema_errors *more)
{
    for (size_t i = 0; i < more->len && errors->len < errors->max; i++) {
        errors->items[errors->len++] = more->items[i];
    }
    errors->more = errors->more || more->more || errors->len == errors->max;
}

/* Adds what is wrong with the branch that comes nearest, if one clearly does. */
static void explain_nearest(struct schema_run *run, const struct schema_rule *rule,
                            const struct schema_instance *at, size_t pointer_len)
{
    struct schema_errors *errors = run->errors;
    struct schema_errors branch = {.max = SCHEMA_ERRORS_MAX}, nearest = {.max = SCHEMA_ERRORS_MAX};
    size_t best = 1000;
    bool tie = true;

    for (size_t i = 0; i < rule->nodes.len && run->err == 0; i++) {
        branch.len = 0;
        branch.more = false;
        run->errors = &branch;
        schema_apply(run, rule->nodes.items[i], at, NULL);
        size_t badness = rate(&branch, pointer_len);
        if (badness < best) {
            nearest = branch;
            best = badness;
            tie = false;
        } else if (badness == best) {
            tie = true;
        }
    }
    run->errors = errors;
    if (!tie) {
        append_errors(errors, &nearest);
    }
}

static bool fail_branches(struct schema_run *run, const struct schema_rule *rule,
                          const struct schema_instance *at, struct schema_seen *seen)
{
    if (run->errors == NULL || run->err != 0) {
        return false;
    }
    if (seen != NULL) {
        seen->all = true; /* what the branches would have evaluated is unknown: no further errors */
    }
    size_t before = run->errors->len;
    schema_fail(run, at, rule->keyword, "matches none of the %zu allowed forms", rule->nodes.len);
    if (run->errors->len > before) {
        explain_nearest(run, rule, at, run->errors->items[before].pointer.len);
    }
    return false;
}

/*
 * Branches
 */

bool schema_check_any_of(struct schema_run *run, const struct schema_rule *rule,
                         const struct schema_instance *at, struct schema_seen *seen)
{
    bool ok = false;
    /* With a record every branch counts, not only the first that passes. */
    for (size_t i = 0; i < rule->nodes.len && (!ok || seen != NULL) && run->err == 0; i++) {
        ok = apply_branch(run, rule->nodes.items[i], at, seen) || ok;
    }
    return ok || fail_branches(run, rule, at, seen);
}

bool schema_check_one_of(struct schema_run *run, const struct schema_rule *rule,
                         const struct schema_instance *at, struct schema_seen *seen)
{
    size_t first = rule->nodes.len;
    for (size_t i = 0; i < rule->nodes.len && run->err == 0; i++) {
        if (!apply_branch(run, rule->nodes.items[i], at, seen)) {
            continue;
        }
        if (first < rule->nodes.len) {
            return schema_fail(run, at, rule->keyword,
                               "matches more than one of the allowed forms, numbers %zu and %zu",
                               first + 1, i + 1);
        }
        first = i;
    }
    return first < rule->nodes.len || fail_branches(run, rule, at, seen);
}

bool schema_check_not(struct schema_run *run, const struct schema_rule *rule,
                      const struct schema_instance *at, struct schema_seen *seen)
{
    (void)seen;
    bool matches = schema_apply_quietly(run, rule->nodes.items[0], at, NULL);
    return !matches || schema_fail(run, at, rule->keyword, "has a form that is not allowed");
}

bool schema_check_if(struct schema_run *run, const struct schema_rule *rule,
                     const struct schema_instance *at, struct schema_seen *seen)
{
    bool matches = apply_branch(run, rule->nodes.items[0], at, seen);
    const struct schema_node *next = rule->nodes.items[matches ? 1 : 2];
    return next == NULL || schema_apply(run, next, at, seen);
}

bool schema_check_dependent_schemas(struct schema_run *run, const struct schema_rule *rule,
                                    const struct schema_instance *at, struct schema_seen *seen)
{
    const struct schema_dependencies *all = &rule->as.dependencies;
    bool ok = schema_run_charge(run, all->len);
    struct json_object *value;
    for (size_t i = 0; i < all->len && (ok || schema_run_collects(run)); i++) {
        if (json_object_object_get_ex(at->json, all->items[i].trigger, &value)) {
            ok = schema_apply(run, all->items[i].node, at, seen) && ok;
        }
    }
    return ok;
}

/*
 * "$dynamicRef"
 */

static const struct schema_node *find_anchor(const struct schema_scope *scope, uint32_t name)
{
    for (size_t i = 0; i < scope->len; i++) {
        if (scope->anchors[i].name == name) {
            return scope->anchors[i].node;
        }
    }
    return NULL;
}

/* The outermost resource in the dynamic scope that has the anchor decides (core §8.2.3.2). */
bool schema_check_dynamic_ref(struct schema_run *run, const struct schema_rule *rule,
                              const struct schema_instance *at, struct schema_seen *seen)
{
    const struct schema_node *target = rule->nodes.items[0];
    for (const struct schema_frame *f = run->frame; f != NULL; f = f->outer) {
        const struct schema_node *node = find_anchor(f->scope, rule->as.anchor);
        target = node != NULL ? node : target;
        if (!schema_run_charge(run, 1 + f->scope->len / 8)) {
            return false;
        }
    }
    return schema_apply(run, target, at, seen);
}
