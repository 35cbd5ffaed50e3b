/* Rules that look into an object. */
#include "schemas/check.h"
#include "schemas/run.h"

#include <string.h>

/* Applies the schema of a member; a schema `false` is reported with the keyword that it is under.
 */
static bool apply_to_member(struct schema_run *run, const struct schema_node *node,
                            const struct schema_instance *at, const char *name,
                            struct json_object *value, const char *keyword)
{
    struct schema_instance member;
    schema_instance_init(&member, value, at, name, 0);
    if (node->never && run->errors != NULL) {
        return schema_fail(run, &member, keyword, "is not allowed");
    }
    return schema_apply(run, node, &member, NULL);
}

/* "unknown property …": a slip of the author's more often than not */
static bool fail_unknown(struct schema_run *run, const struct schema_instance *at,
                         const char *keyword, const char *name, struct str meant)
{
    struct str shown = schema_shown(name);
    if (meant.ptr == NULL) {
        return schema_fail_member(run, at, name, keyword, "unknown property \"%.*s\"",
                                  STR_ARG(shown));
    }
    return schema_fail_member(run, at, name, keyword,
                              "unknown property \"%.*s\", did you mean \"%.*s\"?", STR_ARG(shown),
                              STR_ARG(meant));
}

static bool check_additional(struct schema_run *run, const struct schema_object_rules *rules,
                             const struct schema_instance *at, const char *name,
                             struct json_object *value)
{
    if (rules->additional->never) {
        return run->errors != NULL && fail_unknown(run, at, rules->additional_keyword, name,
                                                   schema_suggest(&rules->names, str_from_c(name)));
    }
    return apply_to_member(run, rules->additional, at, name, value, rules->additional_keyword);
}

static bool check_name(struct schema_run *run, const struct schema_object_rules *rules,
                       const struct schema_instance *at, const char *name)
{
    struct schema_instance as_value;
    if (rules->property_names == NULL) {
        return true;
    }
    schema_instance_init_name(&as_value, at, name);
    return schema_apply(run, rules->property_names, &as_value, NULL);
}

/* "patternProperties"; `*known` becomes true if a pattern matches. */
static bool check_patterns(struct schema_run *run, const struct schema_object_rules *rules,
                           const struct schema_instance *at, const char *name,
                           struct json_object *value, bool *known)
{
    bool ok = schema_run_charge(run, rules->patterns_len);
    for (size_t i = 0; i < rules->patterns_len && run->err == 0; i++) {
        int found =
            schema_pattern_match(rules->patterns[i].pattern, str_from_c(name), &run->matcher);
        if (found < 0) {
            return schema_run_abort(run, found);
        }
        if (found > 0) {
            *known = true;
            ok = apply_to_member(run, rules->patterns[i].node, at, name, value,
                                 "patternProperties") &&
                 ok;
        }
    }
    return ok;
}

static bool check_member(struct schema_run *run, const struct schema_object_rules *rules,
                         const struct schema_instance *at, const char *name,
                         struct json_object *value, size_t *required_found, bool *known)
{
    bool ok = check_name(run, rules, at, name);
    uint32_t number = schema_names_find(&rules->names, str_from_c(name));
    if (number != SCHEMA_NAMES_NONE) {
        const struct schema_member_rule *member = &rules->members[number];
        *required_found += member->required;
        if (member->node != NULL) {
            *known = true;
            ok = apply_to_member(run, member->node, at, name, value, "properties") && ok;
        }
    }
    if (rules->patterns_len > 0 && (ok || run->errors != NULL)) {
        ok = check_patterns(run, rules, at, name, value, known) && ok;
    }
    if (!*known && rules->additional != NULL && (ok || run->errors != NULL)) {
        ok = check_additional(run, rules, at, name, value) && ok;
    }
    return ok;
}

static bool fail_missing(struct schema_run *run, const struct schema_object_rules *rules,
                         const struct schema_instance *at)
{
    for (uint32_t i = 0; i < rules->names.len && run->errors != NULL; i++) {
        const char *name = rules->names.texts[i].ptr;
        struct json_object *value;
        if (rules->members[i].required && !json_object_object_get_ex(at->json, name, &value)) {
            schema_fail(run, at, "required", "property \"%.*s\" is missing",
                        STR_ARG(schema_shown(name)));
        }
    }
    return false;
}

bool schema_check_object(struct schema_run *run, const struct schema_rule *rule,
                         const struct schema_instance *at, struct schema_seen *seen)
{
    const struct schema_object_rules *rules = rule->as.object;
    size_t required_found = 0, index = 0;
    bool ok = schema_run_charge(run, (size_t)json_object_object_length(at->json));

    json_object_object_foreach(at->json, name, value) {
        bool known = false;
        if ((ok || schema_run_collects(run)) && run->err == 0) {
            ok = check_member(run, rules, at, name, value, &required_found, &known) && ok;
            if (seen != NULL && known) {
                schema_seen_add(seen, index);
            }
        }
        index++;
    }
    if (seen != NULL && rules->additional != NULL) {
        seen->all = true;
    }
    if (required_found < rules->required_len && (ok || run->errors != NULL)) {
        ok = fail_missing(run, rules, at);
    }
    return ok;
}

bool schema_check_dependent_required(struct schema_run *run, const struct schema_rule *rule,
                                     const struct schema_instance *at, struct schema_seen *seen)
{
    (void)seen;
    const struct schema_dependencies *all = &rule->as.dependencies;
    bool ok = schema_run_charge(run, all->len);
    struct json_object *value;

    for (size_t i = 0; i < all->len && run->err == 0; i++) {
        const struct schema_dependency *dependency = &all->items[i];
        if (!json_object_object_get_ex(at->json, dependency->trigger, &value)) {
            continue;
        }
        schema_run_charge(run, dependency->len);
        for (size_t k = 0; k < dependency->len; k++) {
            const char *name = dependency->names[k].ptr;
            if (!json_object_object_get_ex(at->json, name, &value)) {
                ok = schema_fail(
                    run, at, rule->keyword, "property \"%.*s\" is missing, which \"%.*s\" needs",
                    STR_ARG(schema_shown(name)), STR_ARG(schema_shown(dependency->trigger)));
            }
        }
    }
    return ok && run->err == 0;
}

bool schema_check_unevaluated_properties(struct schema_run *run, const struct schema_rule *rule,
                                         const struct schema_instance *at, struct schema_seen *seen)
{
    const struct schema_node *node = rule->nodes.items[0];
    size_t index = 0;
    bool ok = schema_run_charge(run, (size_t)json_object_object_length(at->json));

    json_object_object_foreach(at->json, name, value) {
        bool wanted = (ok || schema_run_collects(run)) && !schema_seen_has(seen, index++);
        if (wanted && node->never) {
            ok = run->errors != NULL &&
                 fail_unknown(run, at, rule->keyword, name,
                              schema_suggest_member(rule->as.owner, str_from_c(name)));
        } else if (wanted) {
            ok = apply_to_member(run, node, at, name, value, rule->keyword) && ok;
        }
    }
    seen->all = true;
    return ok;
}
